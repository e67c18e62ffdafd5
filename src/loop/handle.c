/* SPDX-License-Identifier: MIT */
/*
 * handle.c - callbacks: call_soon, timers, and the way in for other threads.
 *
 * `_waits` says whose a handle is: 0 -> 1 by the thread that schedules it, which then writes its
 * fields; back to 0 in the loop, when they have been read for the last time: just before it runs,
 * or when it is cancelled. `_state` is the loop thread's. `_loop` is also read by who asks about a
 * handle that another thread may be sending just now.
 */
#include "base/alloc.h"
#include "base/clock.h"
#include "loop/claim.h"

#include <stdio.h>

enum {
	IDLE,
	READY,
	TIMER,
	CANCELLED,
	STATE = 15,
	ALLOCATED = 16, /* flag: awl's own memory */
};

static awl_handle *handle_of(struct awl__runnable *r)
{
	return awl__container(r, awl_handle, _ready);
}

static uint32_t state(const awl_handle *h)
{
	return h->_state & STATE;
}

static void set_state(awl_handle *h, uint32_t s)
{
	h->_state = (h->_state & ALLOCATED) | s;
}

/* Public headers know no _Atomic. */
#define atomic_of(type, p) ((_Atomic(type) *)(uintptr_t)(p))

static bool waits(const awl_handle *h)
{
	return awl__load_acquire(atomic_of(uint32_t, &h->_waits)) != 0;
}

static bool take(awl_handle *h)
{
	uint32_t no = 0;

	return awl__cas(atomic_of(uint32_t, &h->_waits), &no, 1);
}

static void give(awl_handle *h)
{
	awl__store_release(atomic_of(uint32_t, &h->_waits), 0);
}

static awl_loop *loop_of(const awl_handle *h)
{
	return awl__load(atomic_of(awl_loop *, &h->_loop));
}

void awl__handle_run(awl_loop *l, struct awl__runnable *r)
{
	awl_handle *h = handle_of(r);
	awl_fn *fn = h->_fn;
	void *arg = h->_arg;
	int result;

	set_state(h, IDLE);
	if (h->_state & ALLOCATED) {
		awl__free(h);
		h = NULL;
	} else {
		give(h);
	}
	l->callback_fn = fn;
	result = fn(arg);
	l->callback_fn = NULL;
	if (awl__unlikely(result < 0)) {
		char name[96], message[160];

		snprintf(message, sizeof message, "callback %s failed",
			awl__symbol((const void *)(uintptr_t)fn, name, sizeof name));
		awl__exception(l,
			(awl_exception){ .message = message,
				.error = result,
				.handle = h,
				.detail = awl_error_detail(result) });
	}
}

void awl__handle_due(awl_loop *l, struct awl__heap_node *n)
{
	awl_handle *h = awl__container(n, awl_handle, _timer);

	awl__heap_release(&l->timers);
	set_state(h, READY);
	awl__loop_push(l, &h->_ready);
}

void awl__handle_drop(awl_loop *l, struct awl__runnable *r)
{
	awl_handle *h = handle_of(r);

	(void)l;
	set_state(h, CANCELLED);
	if (h->_state & ALLOCATED)
		awl__free(h);
	else
		give(h);
}

/* The handle to use, taken and filled in; 0, -EBUSY if it waits already, -ENOMEM. */
static int prepare(awl_loop *l, awl_fn *fn, void *arg, awl_handle *given, awl_handle **ret)
{
	awl_handle *h = given ? given : awl__alloc_zero(sizeof *h);

	if (!h)
		return -ENOMEM;
	if (!given)
		h->_state = ALLOCATED;
	else if (!take(h))
		return -EBUSY;
	h->_ready.kind = AWL__RUN_HANDLE;
	h->_timer.kind = AWL__TIMER_HANDLE;
	awl__store(atomic_of(awl_loop *, &h->_loop), l);
	h->_fn = fn;
	h->_arg = arg;
	*ret = h;
	return 0;
}

static int refused(int r, const char *call)
{
	return r == -EBUSY ? awl__fail(r, "%s: this handle is waiting already", call) : r;
}

int awl_loop_call_soon(awl_loop *loop, awl_fn *fn, void *arg, awl_handle *handle)
{
	awl_handle *h;
	int r;

	if (!loop || !fn)
		return awl__fail(-EINVAL, "awl_loop_call_soon: NULL argument");
	AWL__CLAIM(loop, "awl_call_soon_threadsafe");
	r = loop->closed ? AWL_ECLOSED : prepare(loop, fn, arg, handle, &h);
	if (r < 0)
		return refused(r, "awl_loop_call_soon");
	set_state(h, READY);
	awl__loop_push(loop, &h->_ready);
	return 0;
}

static int call_at(awl_loop *l, int64_t when, awl_fn *fn, void *arg, awl_handle *handle)
{
	awl_handle *h;
	int r;

	if (l->closed)
		return AWL_ECLOSED;
	if (awl__heap_reserve(&l->timers) < 0)
		return -ENOMEM;
	r = prepare(l, fn, arg, handle, &h);
	if (r < 0) {
		awl__heap_release(&l->timers);
		return r;
	}
	h->_when = when;
	set_state(h, TIMER);
	awl__timer_add(l, &h->_timer, when);
	return 0;
}

int awl_loop_call_at(awl_loop *loop, int64_t when, awl_fn *fn, void *arg, awl_handle *handle)
{
	if (!loop || !fn)
		return awl__fail(-EINVAL, "awl_loop_call_at: NULL argument");
	AWL__CLAIM(loop, "awl_call_soon_threadsafe with a callback that calls it");
	return refused(call_at(loop, when, fn, arg, handle), "awl_loop_call_at");
}

int awl_loop_call_later(awl_loop *loop, int64_t delay, awl_fn *fn, void *arg, awl_handle *handle)
{
	int64_t when;

	if (!loop || !fn)
		return awl__fail(-EINVAL, "awl_loop_call_later: NULL argument");
	AWL__CLAIM(loop, "awl_call_soon_threadsafe with a callback that calls it");
	when = awl__clock_after(awl__reactor_now(loop->reactor), delay);
	return refused(call_at(loop, when, fn, arg, handle), "awl_loop_call_later");
}

/* In the loop: a sent handle has arrived. */
static void open_handle(awl_loop *l, struct awl__parcel *p)
{
	awl_handle *h = awl__container(p, awl_handle, _parcel);

	if (awl__unlikely(l->closed)) {
		awl__handle_drop(l, &h->_ready);
		return;
	}
	set_state(h, READY);
	awl__loop_push(l, &h->_ready);
}

int awl_call_soon_threadsafe(awl_loop *loop, awl_fn *fn, void *arg, awl_handle *handle)
{
	awl_handle *h;
	int r;

	if (!loop || !fn)
		return -EINVAL;
	if (awl__unlikely(loop->process != awl__process()))
		return AWL_EFORK;
	r = prepare(loop, fn, arg, handle, &h);
	if (r < 0)
		return r == -EBUSY ? 0 : r; /* on its way already */
	h->_parcel.open = open_handle;
	r = awl__inbox_push(&loop->inbox, &h->_parcel);
	if (r == 1)
		awl__reactor_wake(loop->reactor);
	if (awl__likely(r >= 0))
		return 0;
	if (handle)
		give(handle);
	else
		awl__free(h);
	return r;
}

/* Sent by another thread, and not opened yet: what was sent besides it waits for its turn. */
static bool withdraw_sent(awl_loop *l, awl_handle *h)
{
	struct awl__parcel **at = &l->arrived;

	awl__loop_collect(l);
	l->look_due = l->steps; /* the rest is now where only the hub looks */
	while (*at && *at != &h->_parcel)
		at = &(*at)->next;
	if (!*at)
		return false; /* it is just being sent */
	*at = h->_parcel.next;
	return true;
}

static bool withdraw(awl_loop *l, awl_handle *h)
{
	if (state(h) == TIMER) {
		awl__heap_remove(&l->timers, &h->_timer);
		awl__heap_release(&l->timers);
	} else if (state(h) == READY) {
		awl__loop_withdraw(&h->_ready);
	} else if (!withdraw_sent(l, h)) {
		return false;
	}
	set_state(h, CANCELLED);
	give(h);
	return true;
}

int awl_handle_cancel(awl_handle *handle)
{
	awl_loop *l;

	if (!handle)
		return awl__fail(-EINVAL, "awl_handle_cancel: handle is NULL");
	l = loop_of(handle);
	if (!l)
		return 0;
	AWL__CLAIM_READ(l, "awl_call_soon_threadsafe with a callback that cancels it", claimed_);
	return !l->closed && waits(handle) && withdraw(l, handle);
}

int awl_handle_cancelled(const awl_handle *handle)
{
	awl_loop *l;

	if (!handle)
		return awl__fail(-EINVAL, "awl_handle_cancelled: handle is NULL");
	l = loop_of(handle);
	if (!l)
		return 0;
	AWL__CLAIM_READ(l, "awl_call_soon_threadsafe with a callback that asks", claimed_);
	return state(handle) == CANCELLED;
}

int64_t awl_handle_when(const awl_handle *handle)
{
	awl_loop *l;

	if (!handle)
		return awl__fail(-EINVAL, "awl_handle_when: handle is NULL");
	l = loop_of(handle);
	if (!l)
		return 0;
	AWL__CLAIM_READ(l, "awl_call_soon_threadsafe with a callback that asks", claimed_);
	return handle->_when;
}

/* What was accepted is opened, and learns that the loop is closed; callbacks are dropped. */
void awl__loop_shut(awl_loop *l)
{
	struct awl__parcel **end = &l->arrived, *p;
	struct awl__list *node;

	l->closed = true;
	while (*end)
		end = &(*end)->next;
	*end = awl__inbox_shut(&l->inbox);
	while ((p = l->arrived)) {
		l->arrived = p->next;
		p->open(l, p);
	}
	awl__list_splice(&l->batch, &l->ready);
	while ((node = awl__list_pop(&l->batch))) {
		struct awl__runnable *r = awl__runnable_at(node);

		if (r->kind == AWL__RUN_HANDLE)
			awl__handle_drop(l, r);
		else
			l->hooks->run(l, r); /* a done callback is owed */
	}
	while (l->timers.count) {
		struct awl__heap_node *n = l->timers.at[0].node;

		awl__heap_remove(&l->timers, n);
		awl__heap_release(&l->timers);
		awl__handle_drop(l, &awl__container(n, awl_handle, _timer)->_ready);
	}
	awl__store_release(&l->shut, true);
}
