/* SPDX-License-Identifier: MIT */
/*
 * combine.h - waiting for many at once: functions that run side by side (gather, race), futures
 * that are under way (gather, wait, as_completed), and whatever comes first (select).
 *
 * What takes jobs owns them: it returns when every child it began has ended, so that their
 * arguments may lie in the caller's frame. What takes futures never keeps one longer than the call.
 */
#ifndef AWL_COMBINE_H
#define AWL_COMBINE_H

#include <awl/future.h>
#include <awl/types.h>

AWL__BEGIN

/*
 * One of several functions to run, each in a child task: say `fn` and `arg`, read `result`: what fn
 * returned, AWL_EFUTURECANCELED if it was cancelled, AWL_EPENDING if it never began. `task` is the
 * child while it runs, borrowed.
 */
typedef struct awl_job {
	awl_fn *fn;
	void *arg;
	awl_task *task;
	int result;
	uint32_t _spare32;
	uint64_t _spare[2];
} awl_job;

/* What a gather does when one fails. */
enum {
	AWL_CANCEL_SIBLINGS = 0, /* the others are cancelled, and waited for */
	AWL_RETURN_EXCEPTIONS = 1, /* nothing: every result is collected */
	AWL_LEAVE_SIBLINGS = 2, /* asyncio's: it returns at once and the others run on */
};

/*
 * Runs all jobs at once and waits for them. 0 if all succeeded; the first failure in time if one
 * failed, AWL_EFUTURECANCELED if one was cancelled by somebody else. AWL_RETURN_EXCEPTIONS: 0,
 * whatever the results. A request to stop cancels all that run, which are waited for:
 * AWL_ECANCELED. AWL_LEAVE_SIBLINGS is refused (-EINVAL): the jobs would outlive their storage;
 * gather tasks of yours. Refused with no job begun: -ENOMEM, AWL_ECANCELED (asked to stop before),
 * AWL_ENOTASK. asyncio: T19-T21.
 */
AWL_MUST AWL_TASK int awl_gather(awl_job *jobs, size_t n, int how);

/*
 * The same for n futures or tasks that are under way; results[i], unless `results` is NULL, is the
 * outcome of futures[i], AWL_EPENDING for one that was left. One future may stand there twice. A
 * request to stop cancels them all, and waits for them, in each of the three ways; unless one of
 * them waits for the calling task by now. Refused: AWL_EOTHERLOOP, AWL_EDEADLK (the calling task is
 * among them, or one of them waits for it), -EINVAL, -ENOMEM. asyncio: T19-T21.
 */
AWL_MUST AWL_TASK int awl_gather_futures(
	awl_future *const *futures, size_t n, int *results, int how);

/* When a wait is over. */
enum {
	AWL_FIRST_COMPLETED,
	AWL_FIRST_EXCEPTION, /* one failed (a cancelled one did not), or all are done */
	AWL_ALL_COMPLETED,
};

/*
 * Waits for n futures, for `timeout` ns at most (AWL_FOREVER: no limit): how many are done, and
 * awl_done says which. Cancels none of them, and to run out of time is no failure. Over already:
 * answers at once. Refused: as awl_gather_futures, and -EINVAL for none at all. asyncio: T16, T17.
 */
AWL_MUST AWL_TASK int awl_wait(
	awl_future *const *futures, size_t n, int64_t timeout, int return_when);

/*
 * Waits for one future, for `ns` at most: its outcome, or -ETIMEDOUT. Then the future has been
 * cancelled, if nobody else waits for it, and has ended; if it ended with a result all the same,
 * that is returned. ns <= 0: only one that is done already succeeds. asyncio: X12-X14.
 */
AWL_MUST AWL_TASK int awl_wait_for_future(int64_t ns, awl_future *future);

typedef struct awl_as_completed {
	struct awl__completions *_core;
	int _refused;
	uint32_t _spare32;
	uint64_t _spare[2];
} awl_as_completed;

/*
 * Futures in the order in which they get done:
 *
 *	awl_as_completed it;
 *	awl_future *f;
 *	int r;
 *
 *	awl_as_completed_enter(&it, futures, n, AWL_FOREVER);
 *	while ((r = awl_as_completed_next(&it, &f)) > 0)
 *		use(f, awl_result(f));
 *	return awl_as_completed_exit(&it, r);
 *
 * A refusal by enter comes out of next. One future that stands there twice comes twice. next: 1, or
 * 0 when all have come; -ETIMEDOUT once `timeout` ns have passed since enter and what was done by
 * then has come; AWL_ECANCELED loses none, it may be called again. exit takes a status and returns
 * it; leave the loop as you like, but by way of exit, which gives back what enter allocated.
 * asyncio: T18.
 */
AWL_LOOP_THREAD int awl_as_completed_enter(
	awl_as_completed *it, awl_future *const *futures, size_t n, int64_t timeout);
AWL_MUST AWL_TASK int awl_as_completed_next(awl_as_completed *it, awl_future **ret);
AWL_LOOP_THREAD int awl_as_completed_exit(awl_as_completed *it, int status);

/*
 * Runs all jobs at once until the first has ended, however it did: its result. The others are
 * cancelled and waited for; one that succeeded all the same says so in its result, so that what it
 * made can be given back. *winner (unless NULL) is the index of the first. The first counts even
 * where the caller was asked to stop meanwhile: the request stays for its next wait. asyncio has
 * none.
 */
AWL_MUST AWL_TASK int awl_race(awl_job *jobs, size_t n, size_t *winner);

/*
 * Begins the first job, and each next one when the one before it has failed or `delay` ns have
 * passed (0: all at once; AWL_FOREVER: only on failure). The first to succeed is the winner: its
 * result is returned, the others are cancelled and waited for, as by awl_race. If all failed: the
 * first failure in time. Each result stays in its job; AWL_EPENDING: never begun. asyncio: T24.
 */
AWL_MUST AWL_TASK int awl_staggered_race(awl_job *jobs, size_t n, int64_t delay, size_t *winner);

/* One of the things a select waits for: made by the functions below, or by awl_queue_case_*. */
typedef struct awl_case {
	const struct awl__source *_source;
	void *_object;
	void *_item;
	int64_t _when;
	struct awl__selector *_selector;
	awl_done_callback _node;
	int _result;
	uint32_t _spare32;
	uint64_t _spare[2];
} awl_case;

/*
 * A future is done: the result is its outcome. The clock shows `when`, or `ns` from now: the result
 * is 0. A time that has passed is ready at once: as the last case it means "or else".
 */
AWL_LOOP_THREAD awl_case awl_case_future(awl_future *future);
AWL_ANY_THREAD awl_case awl_case_at(int64_t when);
AWL_LOOP_THREAD awl_case awl_case_after(int64_t ns);

/*
 * Waits until one of the cases can be had, has that one and none of the others: its index. *result
 * (unless NULL) is what it came to. Of several that are ready the first in the array. A case taken
 * is never lost to a cancel. The array may be used again. Refused: -EINVAL, AWL_ENOTASK,
 * AWL_EOTHERLOOP, AWL_ECANCELED with nothing taken. asyncio has none.
 */
AWL_MUST AWL_TASK int awl_select(awl_case *cases, size_t n, int *result);

AWL__END

#endif
