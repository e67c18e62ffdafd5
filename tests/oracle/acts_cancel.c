/* SPDX-License-Identifier: MIT */
/*
 * acts_cancel.c - cancellation, acted in awl: what a request ends, and what it does not.
 */
#include "oracle/acts.h"

/* X2 */
static int a_cancel_ends_a_wait_once(void *arg)
{
	awl_task *t;

	t = task(
		sleeper, &(struct sleeper){ .name = "t", .ms = 50, .cleanup = 10, .cancelled = 4 });
	(void)!sleep_ms(5);
	say("cancel: %d", awl_cancel(t, NULL));
	say("done: %d", awl_done(t));
	tell_end("t", t);
	return 0;
}

/* X1 */
static int a_cancel_goes_down_to_what_is_awaited(void *arg)
{
	awl_task *t;

	shared = future();
	t = WAITER("t");
	(void)!awl_yield();
	say("cancel: %d", awl_cancel(t, NULL));
	say("future: %d", awl_cancelled(shared));
	tell_end("t", t);
	awl_unref(shared);
	return 0;
}

static int awaits(void *arg)
{
	int r = awl_await(arg);

	say("outer: %s", word(r));
	return r;
}

/* X1 */
static int a_cancel_goes_through_tasks_to_the_bottom(void *arg)
{
	awl_task *inner, *outer;

	inner = task(sleeper, &(struct sleeper){ .name = "inner", .ms = 50, .cleanup = 10 });
	outer = task(awaits, inner);
	(void)!sleep_ms(5);
	say("cancel: %d", awl_cancel(outer, NULL));
	(void)!awl_join(outer);
	say("inner %d, outer %d", awl_cancelled(inner), awl_cancelled(outer));
	awl_unref(inner);
	awl_unref(outer);
	return 0;
}

static int counts_requests(void *arg)
{
	say("first: %s", word(sleep_ms(50)));
	say("cancelling: %d", awl_cancelling(awl_current_task()));
	say("second: %s", word(sleep_ms(10)));
	say("uncancel: %d", awl_uncancel(awl_current_task()));
	say("uncancel: %d", awl_uncancel(awl_current_task()));
	say("uncancel: %d", awl_uncancel(awl_current_task()));
	return 9;
}

/* X3-X5 */
static int requests_of_one_moment_are_one_delivery(void *arg)
{
	awl_task *t = task(counts_requests, NULL);

	(void)!sleep_ms(5);
	awl_cancel(t, NULL);
	awl_cancel(t, NULL);
	tell_end("t", t);
	return 0;
}

static int cancels_itself(void *arg)
{
	say("cancel: %d", awl_cancel(awl_current_task(), NULL));
	say("still here");
	say("yield: %s", word(awl_yield()));
	say("yield: %s", word(awl_yield()));
	return 6;
}

/* X8's other half: the next wait tells */
static int who_cancels_itself_hears_of_it_at_its_next_wait(void *arg)
{
	awl_task *t = task(cancels_itself, NULL);

	tell_end("t", t);
	return 0;
}

/* X6's harmless half: after the end */
static int a_cancel_after_the_end_changes_nothing(void *arg)
{
	awl_task *t = task(sleeper, &(struct sleeper){ .name = "t", .ms = 5, .ends = 2 });

	(void)!sleep_ms(10);
	say("cancel: %d", awl_cancel(t, NULL));
	tell_end("t", t);
	return 0;
}

/* X5 */
static int a_request_taken_back_is_never_told(void *arg)
{
	awl_task *t = awl_current_task();

	awl_cancel(t, NULL);
	say("uncancel: %d", awl_uncancel(t));
	say("then: %s", word(awl_yield()));
	awl_cancel(t, NULL);
	awl_cancel(t, NULL);
	say("uncancel: %d", awl_uncancel(t));
	say("then: %s", word(awl_yield()));
	say("and then: %s", word(awl_yield()));
	say("uncancel: %d", awl_uncancel(t));
	return 0;
}

const struct act acts_of_cancel[] = {
	ACT(a_cancel_ends_a_wait_once),
	ACT(a_cancel_goes_down_to_what_is_awaited),
	ACT(a_cancel_goes_through_tasks_to_the_bottom),
	ACT(requests_of_one_moment_are_one_delivery),
	ACT(who_cancels_itself_hears_of_it_at_its_next_wait),
	ACT(a_cancel_after_the_end_changes_nothing),
	ACT(a_request_taken_back_is_never_told),
	{ NULL, NULL },
};
