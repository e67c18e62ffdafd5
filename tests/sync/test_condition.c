/* SPDX-License-Identifier: MIT */
/*
 * test_condition.c - the condition: who waits gives up the lock and has it again afterwards,
 * whatever happened; a notify that was given is never lost.
 * @reactors @valgrind
 */
#include "sync.h"

static awl_condition cond;
static struct trace trace;

static void fresh(void)
{
	awl_condition_init(&cond, NULL);
	trace = (struct trace){ 0 };
}

static bool is_mine(void)
{
	return awl_lock_holder(&cond._own) == awl_current_task();
}

static int waiter(void *arg)
{
	int r = awl_condition_acquire(&cond);

	assert_int_equal(r, 0);
	r = awl_condition_wait(&cond);
	assert_true(is_mine());
	if (r == 0)
		mark(&trace, *(char *)arg);
	assert_int_equal(awl_condition_release(&cond), 0);
	return r;
}

static void notify(int n, int expected)
{
	assert_int_equal(awl_condition_acquire(&cond), 0);
	assert_int_equal(awl_condition_notify(&cond, n), expected);
	assert_int_equal(awl_condition_release(&cond), 0);
}

/* S5, S7, ConditionTests.test_wait, test_notify */
CASE(notify_wakes_so_many_in_the_order_they_came)
{
	awl_task *t[3];

	fresh();
	for (int i = 0; i < 3; i++)
		t[i] = spawn(waiter, &"123"[i]);
	turn();
	assert_int_equal(awl_condition_locked(&cond), 0);
	notify(1, 1);
	turn();
	assert_string_equal(trace.marks, "1");
	notify(0, 0);
	notify(1, 1);
	notify(2048, 1);
	for (int i = 0; i < 3; i++)
		assert_int_equal(outcome(t[i]), 0);
	assert_string_equal(trace.marks, "123");
	return 0;
}

/* S7, test_notify_all */
CASE(notify_all_wakes_all)
{
	awl_task *t[2];

	fresh();
	t[0] = spawn(waiter, "1");
	t[1] = spawn(waiter, "2");
	turn();
	assert_int_equal(awl_condition_acquire(&cond), 0);
	assert_int_equal(awl_condition_notify_all(&cond), 2);
	assert_string_equal(trace.marks, "");
	assert_int_equal(awl_condition_release(&cond), 0);
	assert_int_equal(outcome(t[0]), 0);
	assert_int_equal(outcome(t[1]), 0);
	assert_string_equal(trace.marks, "12");
	return 0;
}

static bool ready;

static int is_ready(void *arg)
{
	assert_true(is_mine());
	++*(int *)arg;
	return ready ? 5 : 0;
}

static int patient(void *arg)
{
	int r;

	assert_int_equal(awl_condition_acquire(&cond), 0);
	r = awl_condition_wait_for(&cond, is_ready, arg);
	assert_true(is_mine());
	awl_condition_release(&cond);
	return r;
}

/* S7, test_wait_for */
CASE(wait_for_asks_again_after_each_notify_and_returns_what_was_said)
{
	awl_task *t;
	int asked = 0;

	fresh();
	ready = false;
	t = spawn(patient, &asked);
	turn();
	notify(1, 1);
	turn();
	assert_int_equal(asked, 2);
	ready = true;
	notify(1, 1);
	assert_int_equal(outcome(t), 5);
	assert_int_equal(asked, 3);
	return 0;
}

static int fails(void *arg)
{
	return -EIO;
}

CASE(a_predicate_that_fails_ends_the_wait)
{
	fresh();
	assert_int_equal(awl_condition_acquire(&cond), 0);
	assert_int_equal(awl_condition_wait_for(&cond, fails, NULL), -EIO);
	return awl_condition_release(&cond);
}

/* S5, test_wait_unacquired, test_wait_for_unacquired, test_notify_unacquired,
 * test_notify_all_unacquired */
CASE(without_the_lock_all_is_refused)
{
	int asked = 0;

	fresh();
	assert_int_equal(awl_condition_wait(&cond), -EPERM);
	assert_int_equal(awl_condition_wait_for(&cond, is_ready, &asked), -EPERM);
	assert_int_equal(asked, 0);
	assert_int_equal(awl_condition_notify(&cond, 1), -EPERM);
	assert_int_equal(awl_condition_notify_all(&cond), -EPERM);
	assert_int_equal(awl_condition_release(&cond), -EPERM);
	return 0;
}

/* S6, test_wait_cancel */
CASE(a_cancelled_waiter_has_the_lock_again)
{
	awl_task *t;

	fresh();
	t = spawn(waiter, "1");
	turn();
	awl_cancel(t, "enough");
	assert_int_equal(outcome(t), AWL_EFUTURECANCELED);
	assert_int_equal(awl_condition_locked(&cond), 0);
	notify(1, 0);
	assert_int_equal(awl_condition_destroy(&cond), 0);
	return 0;
}

/* S6, test_wait_cancel_contested, test_cancelled_error_wakeup */
CASE(a_cancelled_waiter_waits_for_the_lock_uninterrupted)
{
	awl_task *t;

	fresh();
	t = spawn(waiter, "1");
	turn();
	assert_int_equal(awl_condition_acquire(&cond), 0);
	awl_cancel(t, "first");
	turn();
	awl_cancel(t, "foo");
	turn();
	assert_int_equal(awl_done(t), 0);
	assert_int_equal(awl_condition_release(&cond), 0);
	assert_int_equal(awl_join(t), 0);
	assert_string_equal(awl_cancel_reason(t), "foo");
	assert_int_equal(outcome(t), AWL_EFUTURECANCELED);
	return 0;
}

/* S6, test_wait_cancel_after_notify, test_cancelled_error_re_aquire: A7, the notify came first */
CASE(a_cancel_after_the_notify_is_told_at_the_next_wait)
{
	awl_task *t, *u;

	fresh();
	t = spawn(waiter, "1");
	u = spawn(waiter, "2");
	turn();
	assert_int_equal(awl_condition_acquire(&cond), 0);
	assert_int_equal(awl_condition_notify(&cond, 1), 1);
	awl_cancel(t, NULL);
	turn();
	assert_int_equal(awl_condition_release(&cond), 0);
	assert_int_equal(outcome(t), 0);
	assert_string_equal(trace.marks, "1");
	notify(1, 1);
	assert_int_equal(outcome(u), 0);
	return 0;
}

static int stock;

static int not_zero(void *arg)
{
	return stock != 0;
}

static int is_zero(void *arg)
{
	return stock == 0;
}

static int consumer(void *arg)
{
	int r = awl_condition_acquire(&cond);

	assert_int_equal(r, 0);
	while ((r = awl_condition_wait_for(&cond, not_zero, NULL)) >= 0 && stock > 0)
		stock--;
	assert_true(is_mine());
	awl_condition_release(&cond);
	return r < 0 ? r : 0;
}

/* An item, one notify, and a cancel of the notified task: is the item consumed? */
static void item_is_consumed(bool before_it_wakes)
{
	awl_timeout limit;
	awl_task *c[2];
	int r;

	fresh();
	stock = 0;
	c[0] = spawn(consumer, NULL);
	c[1] = spawn(consumer, NULL);
	turn();
	assert_int_equal(awl_condition_acquire(&cond), 0);
	stock = 1;
	assert_int_equal(awl_condition_notify(&cond, 1), 1);
	if (!before_it_wakes)
		turn();
	awl_cancel(c[0], NULL);
	awl_timeout_enter(&limit, 10 * AWL_MS);
	r = awl_condition_wait_for(&cond, is_zero, NULL);
	assert_int_equal(awl_timeout_exit(&limit, r < 0 ? r : 0), -ETIMEDOUT);
	assert_true(is_mine());
	assert_int_equal(stock, 0);
	stock = -1;
	assert_int_equal(awl_condition_notify_all(&cond), 1);
	awl_condition_release(&cond);
	assert_int_equal(outcome(c[0]), AWL_EFUTURECANCELED);
	assert_int_equal(outcome(c[1]), 0);
}

/* S6, test_cancelled_wakeup */
CASE(a_notify_is_not_lost_to_a_cancel_before_the_task_wakes)
{
	item_is_consumed(true);
	return 0;
}

/* S6, test_cancelled_wakeup_relock */
CASE(a_notify_is_not_lost_to_a_cancel_while_the_task_waits_for_the_lock)
{
	item_is_consumed(false);
	return 0;
}

/* S6, test_timeout_in_block */
CASE(a_timeout_inside_the_lock_leaves_the_lock_held)
{
	awl_timeout limit;

	fresh();
	assert_int_equal(awl_condition_acquire(&cond), 0);
	awl_timeout_enter(&limit, AWL_MS);
	assert_int_equal(awl_timeout_exit(&limit, awl_condition_wait(&cond)), -ETIMEDOUT);
	assert_true(is_mine());
	return awl_condition_release(&cond);
}

/* S5, test_explicit_lock, test_context_manager */
CASE(conditions_may_share_a_lock)
{
	awl_lock lock = AWL_LOCK_INIT;
	awl_condition a = AWL_CONDITION_INIT(&lock), b = AWL_CONDITION_INIT(&lock);

	assert_int_equal(awl_condition_acquire(&a), 0);
	assert_int_equal(awl_lock_locked(&lock), 1);
	assert_int_equal(awl_condition_locked(&b), 1);
	assert_int_equal(awl_condition_notify(&b, 1), 0);
	assert_int_equal(awl_lock_release(&lock), 0);
	assert_int_equal(awl_condition_locked(&a), 0);
	assert_int_equal(awl_condition_destroy(&a), 0);
	assert_int_equal(awl_condition_acquire(&b), 0);
	return awl_condition_release(&b);
}

CASE(destroying_a_condition_with_waiters_is_refused)
{
	awl_task *t;

	fresh();
	t = spawn(waiter, "1");
	turn();
	assert_int_equal(awl_condition_destroy(&cond), -EBUSY);
	notify(1, 1);
	assert_int_equal(outcome(t), 0);
	assert_int_equal(awl_condition_destroy(&cond), 0);
	assert_int_equal(awl_condition_acquire(&cond), AWL_EDEAD);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(notify_wakes_so_many_in_the_order_they_came),
		TEST(notify_all_wakes_all),
		TEST(wait_for_asks_again_after_each_notify_and_returns_what_was_said),
		TEST(a_predicate_that_fails_ends_the_wait),
		TEST(without_the_lock_all_is_refused),
		TEST(a_cancelled_waiter_has_the_lock_again),
		TEST(a_cancelled_waiter_waits_for_the_lock_uninterrupted),
		TEST(a_cancel_after_the_notify_is_told_at_the_next_wait),
		TEST(a_notify_is_not_lost_to_a_cancel_before_the_task_wakes),
		TEST(a_notify_is_not_lost_to_a_cancel_while_the_task_waits_for_the_lock),
		TEST(a_timeout_inside_the_lock_leaves_the_lock_held),
		TEST(conditions_may_share_a_lock),
		TEST(destroying_a_condition_with_waiters_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
