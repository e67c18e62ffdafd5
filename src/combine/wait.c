/* SPDX-License-Identifier: MIT */
/*
 * wait.c - waiting for futures without a claim on them: wait for the first, the first failure or
 * all; and for one, within a time.
 */
#include "combine/watch.h"

static int count_done(awl_future *const *futures, size_t n)
{
	int done = 0;

	for (size_t i = 0; i < n; i++)
		done += awl__is_done(futures[i]);
	return done;
}

/* 0: it is over, or the time is; or AWL_ECANCELED. */
static int wait_within(struct awl__task *t, struct awl__watcher *w, int64_t ns)
{
	awl_timeout limit;
	int r;

	if (ns <= 0) {
		awl__task_pause(t);
		return 0;
	}
	r = awl_timeout_enter(&limit, ns);
	while (r == 0 && !awl__watcher_over(w))
		r = awl__watcher_wait(t, w);
	r = awl_timeout_exit(&limit, r);
	return r == -ETIMEDOUT ? 0 : r;
}

int awl_wait(awl_future *const *futures, size_t n, int64_t timeout, int return_when)
{
	static const uint8_t until[] = { AWL__UNTIL_ONE, AWL__UNTIL_FAILURE, AWL__UNTIL_ALL };
	static struct awl__call call = { __func__, "awl_run_coroutine_threadsafe", 0, 0 };
	struct awl__watch frame[AWL__WATCHES], *watches;
	struct awl__watcher w;
	struct awl__task *t;
	int r;

	if (return_when < AWL_FIRST_COMPLETED || return_when > AWL_ALL_COMPLETED)
		return awl__fail(-EINVAL,
			"awl_wait: return_when is AWL_FIRST_COMPLETED, AWL_FIRST_EXCEPTION or "
			"AWL_ALL_COMPLETED");
	if (n == 0 || n > INT32_MAX)
		return awl__fail(-EINVAL, "awl_wait: %s futures", n ? "too many" : "no");
	r = awl__watch_check(futures, n, &t, &call);
	if (r < 0)
		return r;
	r = awl__wait_begin(t);
	if (r < 0)
		return r;
	watches = awl__watches_get(frame, n);
	if (!watches)
		return -ENOMEM;
	awl__watcher_init(&w, until[return_when], false);
	for (size_t i = 0; i < n; i++)
		awl__watch_add(&w, &watches[i], futures[i]);
	if (!awl__watcher_over(&w))
		r = wait_within(t, &w, timeout);
	else if (--awl__task_loop(t)->budget <= 0)
		awl__task_pause(t);
	if (r == 0)
		r = count_done(futures, n);
	awl__watches_put(watches, frame, n);
	return r;
}

static bool is_awaited(const awl_future *f)
{
	awl__list_each (node, &f->waiters)
		if (awl__runnable_at(node)->kind == AWL__RUN_TASK)
			return true;
	return false;
}

/* No time at all: it is cancelled, and waited for. */
static int stop_at_once(awl_future *f)
{
	int r;

	if (is_awaited(f))
		return awl__fail(-ETIMEDOUT, "awl_wait_for_future: no time to wait");
	awl__future_cancel(f, "awl_wait_for_future: no time to wait");
	r = awl_await(f);
	return r == AWL_EFUTURECANCELED
		? awl__fail(-ETIMEDOUT, "awl_wait_for_future: it was cancelled at once")
		: r;
}

int awl_wait_for_future(int64_t ns, awl_future *future)
{
	static struct awl__call call = { __func__, "awl_run_coroutine_threadsafe", 0, 0 };
	struct awl__task *t;
	awl_timeout limit;
	int r;

	r = awl__watch_check(&future, 1, &t, &call);
	if (r < 0)
		return r;
	if (awl__is_done(future))
		return awl__future_outcome(future);
	if (ns <= 0) {
		r = awl__wait_begin(t);
		return r < 0 ? r : stop_at_once(future);
	}
	r = awl_timeout_enter(&limit, ns);
	return awl_timeout_exit(&limit, r < 0 ? r : awl_await(future));
}
