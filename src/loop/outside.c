/* SPDX-License-Identifier: MIT */
/*
 * outside.c - a loop that a foreign loop drives: between two runs it is waited for outside, at a
 * descriptor and for a time, and whatever gives it something to do shows there.
 *
 * The reactor announces a sleeper, then the inbox is armed: who sends before that is found by the
 * arming, who sends later wakes the descriptor. A call that takes the idle loop for its own length
 * (A1) wakes it too, if it leaves something to do that who waits has not been told of.
 */
#include "loop/claim.h"

int awl__loop_rest(awl_loop *l)
{
	int r = awl__reactor_prepare(l->reactor);

	if (r < 0)
		return awl__fail(
			r, "the %s reactor failed: %s", l->reactor->class->name, awl_strerror(r));
	if (r == 0 && awl__list_empty(&l->ready) && awl__inbox_arm(&l->inbox))
		l->due = awl__loop_sleep_until(l);
	return 0;
}

int awl_loop_fd(awl_loop *loop)
{
	if (!loop)
		return awl__fail(-EINVAL, "awl_loop_fd: loop is NULL");
	AWL__CLAIM(loop, "it in the loop's thread, and hand the number over");
	return awl__reactor_fd(loop->reactor);
}

int64_t awl_loop_timeout(awl_loop *loop)
{
	int64_t when, now;

	if (!loop)
		return awl__fail(-EINVAL, "awl_loop_timeout: loop is NULL");
	AWL__CLAIM(loop, "it in the thread that drives the loop");
	when = awl__loop_wants(loop);
	if (when == INT64_MAX)
		return AWL_FOREVER;
	now = awl__reactor_now(loop->reactor);
	return when > now ? when - now : 0;
}
