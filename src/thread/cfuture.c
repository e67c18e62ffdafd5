/* SPDX-License-Identifier: MIT */
/*
 * cfuture.c - awl_run_coroutine_threadsafe: a task made in its loop for another thread, and the
 * future by which that thread has its outcome.
 */
#include "base/alloc.h"
#include "base/clock.h"
#include "task/task.h"
#include "thread/latch.h"

#include <awl/thread.h>

#include <string.h>

struct callback {
	struct callback *next;
	awl_cfuture_fn *fn;
	void *arg;
};

/* In place of the list of callbacks, once they have been taken to be called. */
#define TAKEN ((struct callback *)1)

struct awl_cfuture {
	_Atomic uint32_t refs;
	struct awl__latch latch;
	int outcome; /* when the latch is open */
	atomic_bool seen;
	bool asked; /* somebody holds a handle */
	awl_loop *loop;
	awl_fn *fn;
	void *arg;
	size_t size;
	struct awl__parcel start;

	awl_task *task; /* the loop thread's, until it is done */
	awl_done_callback done;

	struct awl__parcel cancel;
	_Atomic uint32_t cancel_sent;
	_Atomic(const char *) reason;
	_Atomic(struct callback *) callbacks;
	_Alignas(16) unsigned char copy[];
};

awl_cfuture *awl_cfuture_ref(awl_cfuture *c)
{
	if (c)
		awl__add(&c->refs, 1);
	return c;
}

void awl_cfuture_unref(awl_cfuture *c)
{
	if (!c || awl__sub_acq_rel(&c->refs, 1) != 1)
		return;
	if (c->asked && !awl__load(&c->seen) && c->outcome < 0 &&
		c->outcome != AWL_EFUTURECANCELED && c->outcome != AWL_ECLOSED)
		awl__report(AWL_LOG_ERROR,
			"nobody read the failure of a coroutine run in loop %p: %s",
			(void *)c->loop, awl_strerror(c->outcome));
	awl__loop_release(c->loop);
	awl__free(c);
}

/* In the loop's thread, between two steps; or in the caller's, where the loop has closed. */
static void complete(awl_cfuture *c, int outcome)
{
	struct callback *cb, *first = NULL;

	c->outcome = outcome;
	awl__latch_open(&c->latch);
	for (cb = awl__exchange(&c->callbacks, TAKEN); cb;) {
		struct callback *next = cb->next;

		cb->next = first;
		first = cb;
		cb = next;
	}
	while ((cb = first)) {
		first = cb->next;
		awl__store(&c->seen, true);
		cb->fn(c, outcome, cb->arg);
		awl__free(cb);
	}
	awl_cfuture_unref(c);
}

static void task_done(awl_future *task, void *arg)
{
	awl_cfuture *c = arg;
	int outcome = task->row.state == AWL__CANCELLED ? AWL_EFUTURECANCELED : task->outcome;

	if (outcome == AWL_EFUTURECANCELED && c->loop->closing)
		outcome = AWL_ECLOSED;
	if (c->asked)
		awl__see(task); /* else the loop's handler is told */
	c->task = NULL;
	awl__future_unref(task);
	complete(c, outcome);
}

static void open_start(awl_loop *l, struct awl__parcel *p)
{
	awl_cfuture *c = awl__container(p, awl_cfuture, start);
	int r = AWL_ECLOSED;

	if (!l->closing && !l->closed)
		r = awl__task_new(l, NULL, c->fn, c->arg, NULL, &c->task);
	if (r < 0) {
		complete(c, r);
		return;
	}
	r = awl_future_add_done_callback(c->task, task_done, c, &c->done);
	assert(r == 0);
	(void)r;
}

int awl_run_coroutine_threadsafe(
	awl_loop *loop, awl_fn *fn, const void *arg, size_t size, awl_cfuture **ret)
{
	awl_cfuture *c;
	int r;

	AWL__NOT_NULL(loop);
	AWL__NOT_NULL(fn);
	if (size && !arg)
		return awl__fail(
			-EINVAL, "awl_run_coroutine_threadsafe: a copy of a NULL argument");
	if (loop->process != awl__process())
		return awl__fail(AWL_EFORK,
			"awl_run_coroutine_threadsafe: this loop was made before "
			"fork and runs in the parent");
	if (size > SIZE_MAX - sizeof *c || !(c = awl__alloc(sizeof *c + size)))
		return -ENOMEM;
	memset(c, 0, sizeof *c);
	atomic_init(&c->refs, ret ? 2 : 1);
	c->asked = ret != NULL;
	c->loop = awl_loop_ref(loop);
	c->fn = fn;
	c->arg = size ? memcpy(c->copy, arg, size) : (void *)(uintptr_t)arg;
	c->start.open = open_start;
	r = awl__inbox_push(&loop->inbox, &c->start);
	if (r < 0) {
		awl__loop_release(loop);
		awl__free(c);
		return awl__fail(r, "awl_run_coroutine_threadsafe: this loop is closed");
	}
	if (r == 1)
		awl__reactor_wake(loop->reactor);
	if (ret)
		*ret = c;
	return 0;
}

int awl_cfuture_result(awl_cfuture *c, int64_t timeout, int *outcome)
{
	AWL__NOT_NULL(c);
	if (!awl__latch_is_open(&c->latch)) {
		if (c->loop->process != awl__process())
			return awl__fail(
				AWL_EFORK, "awl_cfuture_result: the loop runs in the parent");
		if (awl__thread->running == c->loop)
			return awl__fail(AWL_EDEADLK,
				"awl_cfuture_result: called in the loop's own thread, which it "
				"would "
				"block for ever; use awl_wrap_future and awl_await");
		if (timeout <= 0 ||
			!awl__latch_wait(&c->latch, awl__clock_after(awl__clock_now(), timeout)))
			return -ETIMEDOUT;
	}
	awl__store(&c->seen, true);
	if (outcome)
		*outcome = c->outcome;
	return 0;
}

int awl_cfuture_join(awl_cfuture *c, int *outcome)
{
	return awl_cfuture_result(c, AWL_FOREVER, outcome);
}

int awl_cfuture_done(const awl_cfuture *c)
{
	AWL__NOT_NULL(c);
	return awl__latch_is_open(&((awl_cfuture *)c)->latch);
}

awl_loop *awl_cfuture_get_loop(const awl_cfuture *c)
{
	return c ? c->loop : NULL;
}

static void open_cancel(awl_loop *l, struct awl__parcel *p)
{
	awl_cfuture *c = awl__container(p, awl_cfuture, cancel);

	(void)l;
	/* Before the request is looked at: one that comes later is sent anew. */
	awl__exchange(&c->cancel_sent, 0);
	if (c->task)
		awl__future_cancel(c->task, awl__load(&c->reason));
	awl_cfuture_unref(c);
}

int awl_cfuture_cancel(awl_cfuture *c, const char *reason)
{
	int r;

	AWL__NOT_NULL(c);
	if (c->loop->process != awl__process())
		return awl__fail(AWL_EFORK, "awl_cfuture_cancel: the loop runs in the parent");
	if (awl__latch_is_open(&c->latch))
		return 0;
	awl__store(&c->reason, reason);
	if (awl__exchange(&c->cancel_sent, 1))
		return 1; /* on its way */
	awl_cfuture_ref(c);
	c->cancel.open = open_cancel;
	r = awl__inbox_push(&c->loop->inbox, &c->cancel);
	if (r == 1)
		awl__reactor_wake(c->loop->reactor);
	if (r >= 0)
		return 1;
	awl_cfuture_unref(c); /* closed: its outcome is there, or on its way */
	return 0;
}

int awl_cfuture_add_done_callback(awl_cfuture *c, awl_cfuture_fn *fn, void *arg)
{
	struct callback *cb, *top;

	AWL__NOT_NULL(c);
	AWL__NOT_NULL(fn);
	cb = awl__alloc(sizeof *cb);
	if (!cb)
		return -ENOMEM;
	cb->fn = fn;
	cb->arg = arg;
	top = awl__load_acquire(&c->callbacks);
	do {
		if (top == TAKEN) {
			awl__free(cb);
			awl__store(&c->seen, true);
			fn(c, c->outcome, arg);
			return 0;
		}
		cb->next = top;
	} while (!awl__cas(&c->callbacks, &top, cb));
	return 0;
}
