/* SPDX-License-Identifier: MIT */
/*
 * gather.c - many at once, to the end of all: jobs, which are a task group whose results are kept,
 * and futures that are under way already.
 */
#include "combine/jobs.h"
#include "combine/watch.h"

int awl_gather(awl_job *jobs, size_t n, int how)
{
	struct awl__jobs j = { .place = __builtin_return_address(0) };
	int r;

	if (how != AWL_CANCEL_SIBLINGS && how != AWL_RETURN_EXCEPTIONS)
		return awl__fail(-EINVAL, "awl_gather: %s",
			how == AWL_LEAVE_SIBLINGS ? "jobs cannot outlive the call; gather tasks"
						  : "no such way");
	if (n == 0)
		return 0;
	r = awl__jobs_enter(&j, jobs, n, how ? AWL__STOP_NEVER : AWL__STOP_ON_FAILURE, __func__);
	return r < 0 ? r : awl__jobs_exit(&j, awl__jobs_begin_all(&j));
}

static void cancel_all(awl_future *const *futures, size_t n, const char *reason)
{
	for (size_t i = 0; i < n; i++)
		awl__future_cancel(futures[i], reason);
}

/* A circle: one of them, that cannot end before t goes on. */
static bool waits_for_us(const struct awl__task *t, awl_future *const *futures, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (awl__waits_for(futures[i], t))
			return true;
	return false;
}

/*
 * Whatever is asked meanwhile is passed on to the futures, and their ends waited for: 0, or
 * AWL_ECANCELED. A child may gather the task that has come to join it since: asked to stop, it lets
 * go. *taken: a request by awl_cancel is on our account now.
 */
static int wait_for_all(struct awl__task *t, struct awl__watcher *w, awl_future *const *futures,
	size_t n, int how, bool *taken)
{
	const struct awl__gathered all = { futures, n };
	bool stopping = false, failing = false;

	/* asyncio's way: one that fails is no reason to wait for the others. */
	while (w->left && !(how == AWL_LEAVE_SIBLINGS && w->failure && !stopping)) {
		bool request = t->must_cancel;

		if (awl__deliver(t) < 0 && (!stopping || request)) {
			stopping = true;
			w->until = AWL__UNTIL_ALL;
			*taken |= request;
			cancel_all(futures, n, awl__reason(&t->future));
		} else if (how == AWL_CANCEL_SIBLINGS && w->failure && !failing && !stopping) {
			failing = true;
			w->until = AWL__UNTIL_ALL;
			cancel_all(futures, n, "another of its gather failed");
		}
		if (stopping && waits_for_us(t, futures, n))
			break;
		w->task = &t->future;
		awl__list_push(&w->queue, &t->ready.link);
		awl__park(t, AWL__WAITS_GATHER, (uintptr_t)&all, INT64_MAX);
		w->task = NULL;
	}
	return stopping ? AWL_ECANCELED : 0;
}

int awl_gather_futures(awl_future *const *futures, size_t n, int *results, int how)
{
	static struct awl__call call = { __func__, "awl_run_coroutine_threadsafe", 0, 0 };
	struct awl__watch frame[AWL__WATCHES], *watches;
	struct awl__watcher w;
	struct awl__task *t;
	bool taken = false;
	int r;

	if (how < AWL_CANCEL_SIBLINGS || how > AWL_LEAVE_SIBLINGS)
		return awl__fail(-EINVAL, "awl_gather_futures: no such way");
	r = awl__watch_check(futures, n, &t, &call);
	if (r < 0)
		return r;
	if (t->scope && awl__check_scopes(t, __builtin_frame_address(0)) < 0)
		return AWL_ESCOPE;
	if (waits_for_us(t, futures, n))
		return awl__fail(
			AWL_EDEADLK, "%s: one of the futures waits for the calling task", __func__);
	watches = awl__watches_get(frame, n);
	if (!watches)
		return -ENOMEM;
	awl__watcher_init(
		&w, how == AWL_RETURN_EXCEPTIONS ? AWL__UNTIL_ALL : AWL__UNTIL_FAILURE, true);
	for (size_t i = 0; i < n; i++)
		awl__watch_add(&w, &watches[i], futures[i]);
	r = wait_for_all(t, &w, futures, n, how, &taken);
	for (size_t i = 0; i < n; i++) {
		int result =
			awl__is_done(futures[i]) ? awl__future_outcome(futures[i]) : AWL_EPENDING;

		if (results)
			results[i] = result;
	}
	awl__watches_put(watches, frame, n);
	if (how == AWL_RETURN_EXCEPTIONS || !w.failure || w.failure == AWL_EFUTURECANCELED)
		return r < 0 || how == AWL_RETURN_EXCEPTIONS ? r : w.failure;
	/* Errors win; a request that was taken on the way waits for the next wait (G8). */
	t->must_cancel |= taken;
	return w.failure;
}
