/* SPDX-License-Identifier: MIT */
/*
 * handle.c - callbacks: call_soon, timers, and the way in for other threads.
 *
 * The two ways to schedule a handle share no field, so that the loop's own thread needs no atomic
 * operation for its own. A sender takes `_sent` from 0 to 1, writes the sent half, and pushes it;
 * the loop reads that half when it arrives and gives `_sent` back. What arrives for a handle that
 * is ready already changes nothing, and a timer's comes now: it waits once. Only `_loop` is
 * written by both.
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

static void make_ready(awl_loop *l, awl_handle *h)
{
	set_state(h, READY);
	h->_ready.kind = AWL__RUN_HANDLE;
	awl__loop_push(l, &h->_ready);
}

static bool waits(const awl_handle *h)
{
	return state(h) == READY || state(h) == TIMER;
}

static bool is_sent(const awl_handle *h)
{
	return awl__load_acquire(atomic_of(uint32_t, &h->_sent)) != 0;
}

/*
 * Both are exchanges, which write also where they change nothing: who sends a handle that is on its
 * way already sends nothing, but has published what it wrote before, and the callback sees it.
 */
static bool take_sent(awl_handle *h)
{
	return awl__exchange(atomic_of(uint32_t, &h->_sent), 1) == 0;
}

static void give_sent(awl_handle *h)
{
	awl__exchange(atomic_of(uint32_t, &h->_sent), 0);
}

static awl_loop *loop_of(const awl_handle *h)
{
	return awl__load(atomic_of(awl_loop *, &h->_loop));
}

/* The caller's again, who may keep it longer than the loop. */
static void leave_loop(awl_handle *h, uint32_t s)
{
	set_state(h, s);
	awl__store(atomic_of(awl_loop *, &h->_loop), NULL);
}

void awl__handle_run(awl_loop *l, struct awl__runnable *r)
{
	awl_handle *h = handle_of(r);
	awl_fn *fn = h->_fn;
	void *arg = h->_arg;
	const void *place = h->_place;
	int result;

	leave_loop(h, IDLE);
	if (h->_state & ALLOCATED) {
		awl__free(h);
		h = NULL;
	}
	l->callback_fn = fn;
	result = fn(arg);
	l->callback_fn = NULL;
	if (awl__unlikely(result < 0)) {
		char name[96], where[128], message[288];

		snprintf(message, sizeof message, "callback %s%s%s failed",
			awl__symbol((const void *)(uintptr_t)fn, name, sizeof name),
			l->debug ? ", scheduled in " : "",
			l->debug ? awl__place(place, where, sizeof where) : "");
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
	make_ready(l, h);
}

void awl__handle_drop(awl_loop *l, struct awl__runnable *r)
{
	awl_handle *h = handle_of(r);

	(void)l;
	leave_loop(h, CANCELLED);
	if (h->_state & ALLOCATED)
		awl__free(h);
}

/* The handle to use, filled in; 0, -EBUSY if it waits already, -ENOMEM. */
static int prepare(
	awl_loop *l, awl_fn *fn, void *arg, awl_handle *given, const void *place, awl_handle **ret)
{
	awl_handle *h = given ? given : awl__alloc_zero(offsetof(awl_handle, _spare));

	if (!h)
		return -ENOMEM;
	if (!given)
		h->_state = ALLOCATED;
	else if (waits(h) || is_sent(h))
		return -EBUSY;
	awl__store(atomic_of(awl_loop *, &h->_loop), l);
	h->_fn = fn;
	h->_arg = arg;
	h->_place = place;
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
	r = loop->closed ? AWL_ECLOSED
			 : prepare(loop, fn, arg, handle, __builtin_return_address(0), &h);
	if (r < 0)
		return refused(r, "awl_loop_call_soon");
	make_ready(loop, h);
	return 0;
}

static int call_at(
	awl_loop *l, int64_t when, awl_fn *fn, void *arg, awl_handle *handle, const void *place)
{
	awl_handle *h;
	int r;

	if (l->closed)
		return AWL_ECLOSED;
	if (awl__heap_reserve(&l->timers) < 0)
		return -ENOMEM;
	r = prepare(l, fn, arg, handle, place, &h);
	if (r < 0) {
		awl__heap_release(&l->timers);
		return r;
	}
	h->_when = when;
	h->_timer.kind = AWL__TIMER_HANDLE;
	set_state(h, TIMER);
	awl__timer_add(l, &h->_timer, when);
	return 0;
}

int awl_loop_call_at(awl_loop *loop, int64_t when, awl_fn *fn, void *arg, awl_handle *handle)
{
	if (!loop || !fn)
		return awl__fail(-EINVAL, "awl_loop_call_at: NULL argument");
	AWL__CLAIM(loop, "awl_call_soon_threadsafe with a callback that calls it");
	return refused(call_at(loop, when, fn, arg, handle, __builtin_return_address(0)),
		"awl_loop_call_at");
}

int awl_loop_call_later(awl_loop *loop, int64_t delay, awl_fn *fn, void *arg, awl_handle *handle)
{
	int64_t when;

	if (!loop || !fn)
		return awl__fail(-EINVAL, "awl_loop_call_later: NULL argument");
	AWL__CLAIM(loop, "awl_call_soon_threadsafe with a callback that calls it");
	when = awl__clock_after(awl__reactor_now(loop->reactor), delay);
	return refused(call_at(loop, when, fn, arg, handle, __builtin_return_address(0)),
		"awl_loop_call_later");
}

static void take_timer(awl_loop *l, awl_handle *h)
{
	awl__heap_remove(&l->timers, &h->_timer);
	awl__heap_release(&l->timers);
	set_state(h, IDLE);
}

/* In the loop: a sent handle has arrived. */
static void open_handle(awl_loop *l, struct awl__parcel *p)
{
	awl_handle *h = awl__container(p, awl_handle, _parcel);
	bool ready = state(h) == READY;

	if (state(h) == TIMER)
		take_timer(l, h); /* what is sent is for now */
	if (!ready) {
		h->_place = NULL; /* another thread's */
		h->_fn = h->_sent_fn;
		h->_arg = h->_sent_arg;
	}
	if (!(h->_state & ALLOCATED))
		give_sent(h);
	if (ready)
		return;
	if (awl__unlikely(l->closed)) {
		awl__handle_drop(l, &h->_ready);
		return;
	}
	awl__store(atomic_of(awl_loop *, &h->_loop), l);
	make_ready(l, h);
}

int awl_call_soon_threadsafe(awl_loop *loop, awl_fn *fn, void *arg, awl_handle *handle)
{
	awl_handle *h;
	awl_loop *before;
	int r;

	if (!loop || !fn)
		return -EINVAL;
	if (awl__unlikely(loop->process != awl__process()))
		return AWL_EFORK;
	if (handle && !take_sent(handle))
		return 0; /* on its way already */
	h = handle ? handle : awl__alloc_zero(offsetof(awl_handle, _spare));
	if (!h)
		return -ENOMEM;
	if (!handle)
		h->_state = ALLOCATED;
	h->_parcel.open = open_handle;
	h->_sent_fn = fn;
	h->_sent_arg = arg;
	before = loop_of(h);
	awl__store(atomic_of(awl_loop *, &h->_loop), loop);
	r = awl__inbox_push(&loop->inbox, &h->_parcel);
	if (r == 1)
		awl__reactor_wake(loop->reactor);
	if (awl__likely(r >= 0))
		return 0;
	awl__store(atomic_of(awl_loop *, &h->_loop), before == loop ? NULL : before);
	if (handle)
		give_sent(handle);
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

/* Wherever it waits; it may have been sent once more since it arrived. */
static bool withdraw(awl_loop *l, awl_handle *h)
{
	bool waited = waits(h);

	if (state(h) == TIMER) {
		take_timer(l, h);
	} else if (waited) {
		awl__loop_withdraw(&h->_ready);
	}
	if (is_sent(h) && withdraw_sent(l, h)) {
		give_sent(h);
		waited = true;
	}
	if (waited)
		leave_loop(h, CANCELLED);
	return waited;
}

int awl_handle_cancel(awl_handle *handle)
{
	awl_loop *l;

	if (!handle)
		return awl__fail(-EINVAL, "awl_handle_cancel: handle is NULL");
	l = loop_of(handle);
	if (!l)
		l = awl__thread->running; /* another thread may be sending it just now */
	if (!l)
		return 0;
	AWL__CLAIM_READ(l, "awl_call_soon_threadsafe with a callback that cancels it", claimed_);
	return !l->closed && withdraw(l, handle);
}

int awl_handle_cancelled(const awl_handle *handle)
{
	awl_loop *l;

	if (!handle)
		return awl__fail(-EINVAL, "awl_handle_cancelled: handle is NULL");
	l = loop_of(handle);
	if (!l)
		return state(handle) == CANCELLED;
	AWL__CLAIM_READ(l, "awl_call_soon_threadsafe with a callback that asks", claimed_);
	return 0; /* it waits */
}

int64_t awl_handle_when(const awl_handle *handle)
{
	awl_loop *l;

	if (!handle)
		return awl__fail(-EINVAL, "awl_handle_when: handle is NULL");
	l = loop_of(handle);
	if (!l)
		return handle->_when;
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
