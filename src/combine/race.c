/* SPDX-License-Identifier: MIT */
/*
 * race.c - the first of several jobs: to end, or to succeed with each next one begun when those
 * before it seem slow (RFC 8305). The losers are cancelled and joined.
 */
#include "combine/jobs.h"

/*
 * All to their ends, and what comes of it: the winner's result, which is not lost to a request that
 * came meanwhile - that waits for the next wait; or the failure that came first.
 */
static int finish(struct awl__jobs *j, int status, size_t *winner)
{
	struct awl__task *t = j->scope->task;
	uint16_t cancelling = j->scope->cancelling;

	status = awl__jobs_exit(j, status);
	if (j->winner == j->n)
		return status == 0 ? j->failure : status;
	if (status == AWL_ECANCELED && !t->shield && t->cancelling > cancelling)
		t->must_cancel = true;
	if (winner)
		*winner = j->winner;
	return j->jobs[j->winner].result;
}

static int enter(
	struct awl__jobs *j, awl_job *jobs, size_t n, enum awl__jobs_stop stop, const char *call)
{
	return n ? awl__jobs_enter(j, jobs, n, stop, call)
		 : awl__fail(-EINVAL, "%s: no jobs", call);
}

int awl_race(awl_job *jobs, size_t n, size_t *winner)
{
	struct awl__jobs j = { .place = __builtin_return_address(0) };
	int r = enter(&j, jobs, n, AWL__STOP_ON_END, __func__);

	return r < 0 ? r : finish(&j, awl__jobs_begin_all(&j), winner);
}

/* Until this one has ended, or `delay` has passed: 0; or AWL_ECANCELED, also where one has won. */
static int wait_for_turn(awl_task *last, int64_t delay)
{
	awl_timeout limit;
	int r;

	if (delay <= 0)
		return 0;
	awl__future_ref(last); /* the group gives it up at its end */
	r = awl_timeout_enter(&limit, delay);
	r = awl_timeout_exit(&limit, r < 0 ? r : awl_join(last));
	awl__future_unref(last);
	return r == -ETIMEDOUT ? 0 : r;
}

int awl_staggered_race(awl_job *jobs, size_t n, int64_t delay, size_t *winner)
{
	struct awl__jobs j = { .place = __builtin_return_address(0) };
	int r = enter(&j, jobs, n, AWL__STOP_ON_SUCCESS, __func__);

	if (r < 0)
		return r;
	do
		r = awl__jobs_begin_next(&j);
	while (r == 0 && j.begun < n && (r = wait_for_turn(jobs[j.begun - 1].task, delay)) == 0);
	return finish(&j, r, winner);
}
