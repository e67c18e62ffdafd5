/* SPDX-License-Identifier: MIT */
/*
 * call.c - awl_call_threadsafe: a plain function called in the loop for a thread that waits for its
 * value. Caller and loop decide by one word whether it is called at all.
 */
#include "base/alloc.h"
#include "base/clock.h"
#include "loop/loop.h"
#include "thread/latch.h"

#include <awl/thread.h>

#include <string.h>

enum {
	QUEUED,
	CALLED,
	GIVEN_UP,
};

struct call {
	struct awl__parcel parcel;
	_Atomic uint32_t state, refs;
	struct awl__latch latch;
	int refused, value;
	awl_fn *fn;
	void *arg;
	_Alignas(16) unsigned char copy[];
};

static void unref(struct call *c)
{
	if (awl__sub_acq_rel(&c->refs, 1) == 1)
		awl__free(c);
}

static void open_call(awl_loop *l, struct awl__parcel *p)
{
	struct call *c = awl__container(p, struct call, parcel);
	uint32_t queued = QUEUED;

	if (awl__cas(&c->state, &queued, CALLED)) {
		if (l->closed) {
			c->refused = AWL_ECLOSED;
		} else {
			l->callback_fn = c->fn; /* for a report: it may not wait */
			c->value = c->fn(c->arg);
			l->callback_fn = NULL;
		}
		awl__latch_open(&c->latch);
	}
	unref(c);
}

static int wait_for(struct call *c, int64_t timeout, int *ret)
{
	uint32_t queued = QUEUED;
	bool open = awl__latch_is_open(&c->latch);

	if (!open && timeout > 0)
		open = awl__latch_wait(&c->latch, awl__clock_after(awl__clock_now(), timeout));
	if (!open && (awl__cas(&c->state, &queued, GIVEN_UP) || !awl__latch_is_open(&c->latch)))
		return -ETIMEDOUT;
	if (c->refused)
		return c->refused;
	*ret = c->value;
	return 0;
}

int awl_call_threadsafe(
	awl_loop *loop, awl_fn *fn, const void *arg, size_t size, int64_t timeout, int *ret)
{
	struct call *c;
	int value = 0, r;

	if (!loop || !fn || (size && !arg))
		return awl__fail(-EINVAL, "awl_call_threadsafe: NULL argument");
	if (loop->process != awl__process())
		return awl__fail(AWL_EFORK, "awl_call_threadsafe: the loop runs in the parent");
	if (size > SIZE_MAX - sizeof *c || !(c = awl__alloc(sizeof *c + size)))
		return -ENOMEM;
	memset(c, 0, sizeof *c);
	c->fn = fn;
	c->arg = size ? memcpy(c->copy, arg, size) : (void *)(uintptr_t)arg;
	if (awl__thread->running == loop) {
		value = fn(c->arg);
		awl__free(c);
	} else {
		atomic_init(&c->refs, 2);
		c->parcel.open = open_call;
		r = awl__inbox_push(&loop->inbox, &c->parcel);
		if (r < 0) {
			awl__free(c);
			return awl__fail(r, "awl_call_threadsafe: this loop is closed");
		}
		if (r == 1)
			awl__reactor_wake(loop->reactor);
		r = wait_for(c, timeout, &value);
		unref(c);
		if (r < 0)
			return r;
	}
	if (ret)
		*ret = value;
	return 0;
}
