/* SPDX-License-Identifier: MIT */
/*
 * acts_gather.c - waiting for several, acted in awl: wait, gather, as_completed.
 */
#include "oracle/acts.h"

static void three(awl_task *t[3])
{
	static struct sleeper s[] = { { .name = "a", .ms = 30, .ends = 1 },
		{ .name = "b", .ms = 10, .ends = -EIO }, { .name = "c", .ms = 20, .ends = 3 } };

	for (int i = 0; i < 3; i++)
		t[i] = task(sleeper, &s[i]);
}

static void give_up_three(awl_task *t[3])
{
	for (int i = 0; i < 3; i++)
		awl_unref(t[i]);
}

/* T16, T17 */
static int wait_returns_when_it_was_told_to(void *arg)
{
	awl_task *t[3];

	three(t);
	say("%d", awl_wait(t, 3, AWL_FOREVER, AWL_FIRST_COMPLETED));
	say("%d %d %d", awl_done(t[0]), awl_done(t[1]), awl_done(t[2]));
	say("%d", awl_wait(t, 3, 5 * AWL_MS, AWL_ALL_COMPLETED));
	say("%d", awl_wait(t, 3, AWL_FOREVER, AWL_ALL_COMPLETED));
	say("%s", word(awl_result(t[1])));
	give_up_three(t);
	three(t);
	(void)!awl_yield();
	awl_cancel(t[2], NULL);
	say("%d", awl_wait(t, 3, AWL_FOREVER, AWL_FIRST_EXCEPTION));
	say("%s", word(awl_result(t[1])));
	say("%d", awl_wait(t, 3, AWL_FOREVER, AWL_ALL_COMPLETED));
	give_up_three(t);
	return 0;
}

/* T19, T20 */
static int gather_gives_results_in_their_places(void *arg)
{
	awl_task *t[3];
	int results[3], r;

	three(t);
	r = awl_gather_futures(t, 3, results, AWL_RETURN_EXCEPTIONS);
	say("%s: %s %s %s", r < 0 ? word(r) : "all", word(results[0]), word(results[1]),
		word(results[2]));
	give_up_three(t);
	three(t);
	say("%s", word(awl_gather_futures(t, 3, NULL, AWL_LEAVE_SIBLINGS)));
	say("%d %d %d", awl_done(t[0]), awl_done(t[1]), awl_done(t[2]));
	(void)!awl_wait(t, 3, AWL_FOREVER, AWL_ALL_COMPLETED);
	give_up_three(t);
	return 0;
}

static int gathers(void *arg)
{
	awl_task **t = arg;
	int r = awl_gather_futures(t, 3, NULL, AWL_LEAVE_SIBLINGS);

	say("gather: %s", word(r));
	return r;
}

/* T21 */
static int a_cancelled_gather_cancels_its_children(void *arg)
{
	awl_task *t[3], *g;

	three(t);
	g = task(gathers, t);
	(void)!sleep_ms(5);
	awl_cancel(g, NULL);
	tell_end("g", g);
	give_up_three(t);
	return 0;
}

/* T18 */
static int as_completed_gives_them_as_they_come(void *arg)
{
	awl_task *t[3];
	awl_as_completed it;
	awl_future *f;
	int r;

	three(t);
	awl_as_completed_enter(&it, t, 3, AWL_FOREVER);
	while ((r = awl_as_completed_next(&it, &f)) > 0)
		say("%s", word(awl_result(f)));
	say("exit: %d", awl_as_completed_exit(&it, r));
	give_up_three(t);
	return 0;
}

const struct act acts_of_gather[] = {
	ACT(wait_returns_when_it_was_told_to),
	ACT(gather_gives_results_in_their_places),
	ACT(a_cancelled_gather_cancels_its_children),
	ACT(as_completed_gives_them_as_they_come),
	{ NULL, NULL },
};
