/* SPDX-License-Identifier: MIT */
/*
 * sleep.c - waiting for time, or for the others' turn.
 */
#include "base/clock.h"
#include "task/park.h"

/* A checkpoint yields when this much time has passed since the iteration began. */
#define CHECKPOINT_SLICE (10 * AWL_MS)

int awl_yield(void)
{
	awl_loop *l = awl__thread->running;
	struct awl__task *t = l ? l->current : NULL;
	int r;

	if (awl__unlikely(!t))
		return awl__self_refused(__func__);
	r = awl__wait_begin(t);
	if (awl__unlikely(r < 0))
		return r;
	if (awl__unlikely(t->scope != NULL)) {
		awl__task_pause(t); /* which minds the scopes' deadlines */
	} else {
		awl__loop_push(l, &t->ready);
		awl__leave(l, t);
	}
	return awl__deliver(t);
}

static int sleep_until(struct awl__task *t, int64_t when)
{
	int r = 0;

	while (r == 0 && !awl__park(t, AWL__WAITS_SLEEP, (uint64_t)when, when))
		r = awl__deliver(t);
	return r;
}

int awl_sleep(int64_t ns)
{
	struct awl__task *t;
	int r;

	if (ns <= 0)
		return awl_yield();
	r = awl__self_begin(&t, __func__);
	if (r < 0)
		return r;
	return sleep_until(t, awl__clock_after(awl__reactor_now(awl__task_loop(t)->reactor), ns));
}

int awl_sleep_until(int64_t when)
{
	struct awl__task *t;
	int r = awl__self_begin(&t, __func__);

	if (r < 0)
		return r;
	if (when <= awl__task_loop(t)->now)
		return awl_yield();
	return sleep_until(t, when);
}

int awl_checkpoint(void)
{
	struct awl__task *t;
	awl_loop *l;
	int64_t now;
	int r = awl__self_begin(&t, __func__);

	if (r < 0)
		return r;
	l = awl__task_loop(t);
	now = awl__reactor_now(l->reactor);
	if (t->scope) {
		awl__scope_resolve(t);
		awl__scope_expire(t, now);
	}
	if (now - l->now >= CHECKPOINT_SLICE || --l->budget <= 0)
		awl__task_pause(t);
	return awl__deliver(t);
}
