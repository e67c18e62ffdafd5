/* SPDX-License-Identifier: MIT */
/*
 * acts_time.c - timeouts, acted in awl: each answers for itself.
 */
#include "oracle/acts.h"

/* X15, X16, X18 */
static int a_timeout_ends_the_body(void *arg)
{
	awl_timeout t;
	int r;

	awl_timeout_enter(&t, 10 * AWL_MS);
	r = sleep_ms(50);
	say("inside: %s", word(r));
	r = awl_timeout_exit(&t, r);
	say("exit: %s, expired: %d", word(r), awl_timeout_expired(&t));
	awl_timeout_enter(&t, 10 * AWL_MS);
	r = awl_timeout_exit(&t, sleep_ms(5));
	say("exit: %s, expired: %d", word(r), awl_timeout_expired(&t));
	say("cancelling: %d", awl_cancelling(awl_current_task()));
	return 0;
}

static int nested(int outer_ms, int inner_ms)
{
	awl_timeout outer, inner;
	int r;

	awl_timeout_enter(&outer, outer_ms * AWL_MS);
	awl_timeout_enter(&inner, inner_ms * AWL_MS);
	r = awl_timeout_exit(&inner, sleep_ms(50));
	say("inner: %s", word(r));
	if (r == -ETIMEDOUT)
		r = sleep_ms(1);
	r = awl_timeout_exit(&outer, r);
	say("outer: %s", word(r));
	return r;
}

/* X19 */
static int nested_timeouts_answer_for_themselves(void *arg)
{
	nested(20, 10);
	nested(10, 20);
	return 0;
}

static int in_a_timeout(void *arg)
{
	awl_timeout t;
	int r;

	awl_timeout_enter(&t, 10 * AWL_MS);
	r = sleep_ms(50);
	say("inside: %s", word(r));
	r = awl_timeout_exit(&t, r);
	say("exit: %s", word(r));
	return r;
}

/* X16 */
static int a_cancel_in_a_timeout_is_no_timeout(void *arg)
{
	awl_task *t = task(in_a_timeout, NULL);

	(void)!sleep_ms(5);
	awl_cancel(t, NULL);
	tell_end("t", t);
	return 0;
}

static int cleans_up_slowly(void *arg)
{
	awl_timeout t;
	awl_shield s;
	int r;

	awl_timeout_enter(&t, 10 * AWL_MS);
	r = sleep_ms(50);
	say("inside: %s", word(r));
	awl_shield_enter(&s, AWL_FOREVER); /* asyncio's timeout cancels once */
	say("clean-up: %s", word(awl_shield_exit(&s, sleep_ms(10))));
	r = awl_timeout_exit(&t, r);
	say("exit: %s", word(r));
	return r;
}

/* X17 */
static int a_deadline_can_be_moved(void *arg)
{
	awl_timeout t;
	int r;

	awl_timeout_enter(&t, 10 * AWL_MS);
	awl_timeout_reschedule(&t, awl_loop_time(loop()) + 30 * AWL_MS);
	say("inside: %s", word(sleep_ms(20)));
	awl_timeout_reschedule(&t, awl_loop_time(loop()) + 5 * AWL_MS);
	r = sleep_ms(20);
	say("inside: %s", word(r));
	say("exit: %s", word(awl_timeout_exit(&t, r)));
	return 0;
}

static int swallows(void *arg)
{
	say("first: %s", word(sleep_ms(50)));
	return 3;
}

/* X12, X14 */
static int wait_for_gives_what_the_body_made_of_it(void *arg)
{
	say("%s", word(awl_wait_for(10 * AWL_MS, swallows, NULL)));
	say("%s",
		word(awl_wait_for(10 * AWL_MS, sleeper,
			&(struct sleeper){ .name = "s", .ms = 5, .ends = 2 })));
	say("%s",
		word(awl_wait_for(
			10 * AWL_MS, sleeper, &(struct sleeper){ .name = "s", .ms = 15 })));
	say("%s", word(awl_wait_for(10 * AWL_MS, fails, NULL)));
	return 0;
}

/* A clean-up takes longer than the deadline leaves: it is a timeout all the same. */
static int a_slow_clean_up_is_still_a_timeout(void *arg)
{
	awl_task *t = task(cleans_up_slowly, NULL);

	tell_end("t", t);
	return 0;
}

const struct act acts_of_time[] = {
	ACT(a_timeout_ends_the_body),
	ACT(nested_timeouts_answer_for_themselves),
	ACT(a_cancel_in_a_timeout_is_no_timeout),
	ACT(a_deadline_can_be_moved),
	ACT(wait_for_gives_what_the_body_made_of_it),
	ACT(a_slow_clean_up_is_still_a_timeout),
	{ NULL, NULL },
};
