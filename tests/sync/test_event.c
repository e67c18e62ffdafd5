/* SPDX-License-Identifier: MIT */
/*
 * test_event.c - the event: set wakes all, and what was woken stays woken.
 * @reactors @valgrind
 */
#include "sync.h"

static awl_event event;
static struct trace trace;

static void fresh(void)
{
	awl_event_init(&event);
	trace = (struct trace){ 0 };
}

static int waiter(void *arg)
{
	int r = awl_event_wait(&event);

	if (r == 0)
		mark(&trace, *(char *)arg);
	return r;
}

/* S4, EventTests.test_wait */
CASE(a_set_wakes_all_in_the_order_they_came)
{
	awl_task *t[3];

	fresh();
	for (int i = 0; i < 3; i++)
		t[i] = spawn(waiter, &"123"[i]);
	turn();
	assert_string_equal(trace.marks, "");
	assert_int_equal(awl_event_set(&event), 0);
	turn();
	assert_string_equal(trace.marks, "123");
	for (int i = 0; i < 3; i++)
		assert_int_equal(outcome(t[i]), 0);
	return 0;
}

/* S4, test_wait_on_set */
CASE(waiting_for_a_set_event_is_no_wait)
{
	fresh();
	awl_event_set(&event);
	assert_int_equal(awl_event_is_set(&event), 1);
	assert_int_equal(awl_event_wait(&event), 0);
	return 0;
}

/* S4, test_wait_cancel */
CASE(a_cancelled_waiter_leaves_nothing_behind)
{
	awl_task *t;

	fresh();
	t = spawn(waiter, "1");
	turn();
	awl_cancel(t, NULL);
	assert_int_equal(outcome(t), AWL_EFUTURECANCELED);
	assert_int_equal(awl_event_destroy(&event), 0);
	return 0;
}

/* S4, test_clear */
CASE(a_cleared_event_is_not_set)
{
	fresh();
	assert_int_equal(awl_event_is_set(&event), 0);
	awl_event_set(&event);
	assert_int_equal(awl_event_is_set(&event), 1);
	awl_event_clear(&event);
	assert_int_equal(awl_event_is_set(&event), 0);
	return 0;
}

/* S4, test_clear_with_waiters */
CASE(a_clear_before_they_run_takes_no_wake_up_back)
{
	awl_task *t;

	fresh();
	t = spawn(waiter, "1");
	turn();
	awl_event_set(&event);
	awl_event_clear(&event);
	awl_event_set(&event);
	awl_event_clear(&event);
	assert_int_equal(awl_event_is_set(&event), 0);
	assert_int_equal(outcome(t), 0);
	assert_string_equal(trace.marks, "1");
	return 0;
}

CASE(a_cancel_after_the_set_is_told_at_the_next_wait)
{
	awl_task *t;

	fresh();
	t = spawn(waiter, "1");
	turn();
	awl_event_set(&event);
	awl_cancel(t, NULL);
	assert_int_equal(outcome(t), 0);
	return 0;
}

CASE(an_event_may_vanish_as_soon_as_it_is_set)
{
	awl_task *t;

	fresh();
	t = spawn(waiter, "1");
	turn();
	awl_event_set(&event);
	memset(&event, 0x5a, sizeof event);
	assert_int_equal(outcome(t), 0);
	return 0;
}

CASE(destroying_an_event_with_waiters_is_refused)
{
	awl_task *t;

	fresh();
	t = spawn(waiter, "1");
	turn();
	assert_int_equal(awl_event_destroy(&event), -EBUSY);
	awl_event_set(&event);
	assert_int_equal(awl_event_destroy(&event), 0);
	assert_int_equal(awl_event_wait(&event), AWL_EDEAD);
	return outcome(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_set_wakes_all_in_the_order_they_came),
		TEST(waiting_for_a_set_event_is_no_wait),
		TEST(a_cancelled_waiter_leaves_nothing_behind),
		TEST(a_cleared_event_is_not_set),
		TEST(a_clear_before_they_run_takes_no_wake_up_back),
		TEST(a_cancel_after_the_set_is_told_at_the_next_wait),
		TEST(an_event_may_vanish_as_soon_as_it_is_set),
		TEST(destroying_an_event_with_waiters_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
