/* SPDX-License-Identifier: MIT */
/*
 * What the random programs have found, each as the smallest program that showed it.
 *
 * @reactors @valgrind
 */
#include "support.h"

static awl_task *owner, *child;

/* Who runs into a wait that nothing ends is stopped here, not by the whole test's limit. */
static int limited(awl_fn *fn)
{
	int r = awl_wait_for(AWL_SEC, fn, NULL);

	if (r == -ETIMEDOUT)
		fail_msg("it never ended");
	return r;
}

/* --- a child that awaits the task whose group it is in --- */

static int awaits_owner(void *arg)
{
	return awl_await(owner);
}

static int joins_at_once(void *arg)
{
	awl_task_group g;

	awl_task_group_enter(&g);
	assert_int_equal(awl_task_group_create_task(&g, awaits_owner, NULL, NULL), 0);
	return awl_task_group_exit(&g, 0);
}

static int owner_joins(void *arg)
{
	assert_int_equal(awl_create_task(joins_at_once, NULL, &owner), 0);
	assert_int_equal(awl_await(owner), AWL_EDEADLK); /* the child's, told by its group */
	awl_unref(owner);
	return 0;
}

static void a_child_that_awaits_who_joins_it_is_refused(void **state)
{
	in_loop(owner_joins, NULL);
}

static int joins_later(void *arg)
{
	awl_task_group g;

	awl_task_group_enter(&g);
	assert_int_equal(awl_task_group_create_task(&g, awaits_owner, NULL, &child), 0);
	(void)!awl_yield();
	return awl_task_group_exit(&g, 0);
}

static int stops_the_owner(void *arg)
{
	assert_int_equal(awl_create_task(joins_later, NULL, &owner), 0);
	(void)!awl_yield();
	(void)!awl_yield();
	(void)!awl_yield();
	assert_int_equal(awl_cancel(owner, NULL), 1);
	assert_int_equal(awl_join(owner), 0);
	assert_true(awl_cancelled(owner));
	awl_unref(owner);
	return 0;
}

static int stops_the_child(void *arg)
{
	assert_int_equal(awl_create_task(joins_later, NULL, &owner), 0);
	(void)!awl_yield();
	(void)!awl_yield();
	(void)!awl_yield();
	assert_int_equal(awl_cancel(child, NULL), 1);
	assert_int_equal(awl_await(owner), 0); /* it was the child alone that was stopped */
	awl_unref(owner);
	return 0;
}

static int both(void *arg)
{
	assert_int_equal(limited(stops_the_owner), 0);
	assert_int_equal(limited(stops_the_child), 0);
	return 0;
}

/* The request does not go down to who cannot end before the one that is asked. */
static void a_cancel_gets_through_where_child_and_owner_wait_for_each_other(void **state)
{
	in_loop(both, NULL);
}

static awl_task_group *its_group;

static int cancels_group_and_awaits_owner(void *arg)
{
	awl_task_group_cancel(its_group, NULL);
	return awl_await(owner);
}

static int joins_who_stops_it(void *arg)
{
	awl_task_group g;

	its_group = &g;
	awl_task_group_enter(&g);
	assert_int_equal(
		awl_task_group_create_task(&g, cancels_group_and_awaits_owner, NULL, NULL), 0);
	return awl_task_group_exit(&g, 0);
}

static int stopped_from_inside(void *arg)
{
	assert_int_equal(awl_create_task(joins_who_stops_it, NULL, &owner), 0);
	assert_int_equal(awl_await(owner), AWL_EDEADLK);
	awl_unref(owner);
	return 0;
}

/* Between being asked to stop and waiting again, who joins is ready, and joins all the same. */
static void who_is_about_to_join_again_counts_as_joining(void **state)
{
	in_loop(stopped_from_inside, NULL);
}

/* --- through a lock that a condition's waiter takes back --- */

static awl_condition condition;
static awl_task *notified, *between;

static int waits_for_condition(void *arg)
{
	int r = awl_condition_acquire(&condition);

	assert_int_equal(r, 0);
	r = awl_condition_wait(&condition);
	assert_int_equal(awl_condition_release(&condition), 0);
	return r;
}

static int awaits_notified(void *arg)
{
	return awl_await(notified);
}

static int notifies_and_awaits(void *arg)
{
	int r = awl_condition_acquire(&condition);

	assert_int_equal(r, 0);
	assert_int_equal(awl_condition_notify(&condition, 1), 1);
	r = awl_await(between);
	awl_condition_release(&condition);
	return r;
}

static int through_a_lock(void *arg)
{
	awl_task *t;

	condition = (awl_condition)AWL_CONDITION_INIT(NULL);
	assert_int_equal(awl_create_task(waits_for_condition, NULL, &notified), 0);
	assert_int_equal(awl_create_task(awaits_notified, NULL, &between), 0);
	(void)!awl_yield();
	assert_int_equal(awl_create_task(notifies_and_awaits, NULL, &t), 0);
	(void)!awl_yield();
	(void)!awl_yield();
	awl_cancel(t, NULL);
	/* Refused at the await, where nobody could have ended it. */
	assert_int_equal(awl_await(t), AWL_EDEADLK);
	assert_int_equal(awl_await(between), 0);
	awl_unref(t);
	awl_unref(between);
	awl_unref(notified);
	return 0;
}

static int limited_lock(void *arg)
{
	return limited(through_a_lock);
}

static void who_takes_a_conditions_lock_back_waits_for_its_holder(void **state)
{
	in_loop(limited_lock, NULL);
}

/* --- a circle through a gather, which no request ends --- */

static int gathered_awaits(void *arg)
{
	(void)!awl_yield();
	assert_int_equal(awl_await(owner), AWL_EDEADLK);
	return 0;
}

static int gathers_child(void *arg)
{
	return awl_gather_futures(&child, 1, NULL, AWL_CANCEL_SIBLINGS);
}

static int awaits_who_gathers(void *arg)
{
	assert_int_equal(awl_create_task(gathered_awaits, NULL, &child), 0);
	assert_int_equal(awl_create_task(gathers_child, NULL, &owner), 0);
	assert_int_equal(awl_await(owner), 0);
	awl_unref(owner);
	awl_unref(child);
	return 0;
}

static void a_task_that_awaits_who_gathers_it_is_refused(void **state)
{
	in_loop(awaits_who_gathers, NULL);
}

static int gathers_who_awaits(void *arg)
{
	assert_int_equal(awl_create_task(awaits_owner, NULL, &child), 0);
	owner = awl_ref(awl_current_task());
	(void)!awl_yield();
	assert_int_equal(gathers_child(NULL), AWL_EDEADLK);
	awl_unref(owner);
	awl_unref(child);
	return 0;
}

static void a_gather_of_who_awaits_the_caller_is_refused(void **state)
{
	in_loop(gathers_who_awaits, NULL);
}

static int gathers_owner(void *arg)
{
	return awl_gather_futures(&owner, 1, NULL, AWL_CANCEL_SIBLINGS);
}

static int is_gathered(void *arg)
{
	awl_task_group g;

	awl_task_group_enter(&g);
	assert_int_equal(awl_task_group_create_task(&g, gathers_owner, NULL, NULL), 0);
	(void)!awl_yield();
	return awl_task_group_exit(&g, 0);
}

static int stops_who_is_gathered(void *arg)
{
	assert_int_equal(awl_create_task(is_gathered, NULL, &owner), 0);
	for (int i = 0; i < 4; i++)
		(void)!awl_yield();
	assert_int_equal(awl_cancel(owner, NULL), 1);
	assert_int_equal(awl_join(owner), 0);
	assert_true(awl_cancelled(owner));
	awl_unref(owner);
	return 0;
}

static int limited_gathered(void *arg)
{
	return limited(stops_who_is_gathered);
}

static void a_child_that_gathers_who_joins_it_lets_go_when_asked_to_stop(void **state)
{
	in_loop(limited_gathered, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_child_that_awaits_who_joins_it_is_refused),
		cmocka_unit_test(a_cancel_gets_through_where_child_and_owner_wait_for_each_other),
		cmocka_unit_test(who_is_about_to_join_again_counts_as_joining),
		cmocka_unit_test(who_takes_a_conditions_lock_back_waits_for_its_holder),
		cmocka_unit_test(a_task_that_awaits_who_gathers_it_is_refused),
		cmocka_unit_test(a_gather_of_who_awaits_the_caller_is_refused),
		cmocka_unit_test(a_child_that_gathers_who_joins_it_lets_go_when_asked_to_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
