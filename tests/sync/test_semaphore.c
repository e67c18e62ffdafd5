/* SPDX-License-Identifier: MIT */
/*
 * test_semaphore.c - semaphores and limiters: tokens go to who has waited longest, none is lost and
 * none is made.
 * @reactors @valgrind
 */
#include "sync.h"

static awl_semaphore sem;
static awl_limiter limiter;
static struct trace trace;

static void fresh(int value)
{
	assert_int_equal(awl_semaphore_init(&sem, value), 0);
	trace = (struct trace){ 0 };
}

static int taker(void *arg)
{
	int r = awl_semaphore_acquire(&sem);

	if (r == 0)
		mark(&trace, *(char *)arg);
	return r;
}

/* S8, test_semaphore, test_initial_value_zero, test_release_no_waiters */
CASE(a_semaphore_counts_its_tokens)
{
	fresh(0);
	assert_int_equal(awl_semaphore_locked(&sem), 1);
	assert_int_equal(awl_semaphore_acquire_nowait(&sem), -EAGAIN);
	fresh(1);
	assert_int_equal(awl_semaphore_value(&sem), 1);
	assert_int_equal(awl_semaphore_acquire(&sem), 0);
	assert_int_equal(awl_semaphore_locked(&sem), 1);
	assert_int_equal(awl_semaphore_release(&sem), 0);
	assert_int_equal(awl_semaphore_locked(&sem), 0);
	return 0;
}

/* S8, test_semaphore_value */
CASE(a_negative_value_is_refused)
{
	awl_semaphore bad = AWL_SEMAPHORE_INIT(-1);

	assert_int_equal(awl_semaphore_init(&sem, -1), -EINVAL);
	assert_int_equal(awl_semaphore_acquire(&bad), -EINVAL);
	assert_int_equal(awl_limiter_init(&limiter, 0), -EINVAL);
	return 0;
}

/* S8, SemaphoreTests.test_acquire */
CASE(who_finds_no_token_waits_its_turn)
{
	awl_task *t[4];

	fresh(3);
	assert_int_equal(awl_semaphore_acquire(&sem), 0);
	assert_int_equal(awl_semaphore_acquire(&sem), 0);
	for (int i = 0; i < 3; i++)
		t[i] = spawn(taker, &"123"[i]);
	turn();
	assert_string_equal(trace.marks, "1");
	assert_int_equal(awl_semaphore_value(&sem), 0);
	t[3] = spawn(taker, "4");
	awl_semaphore_release(&sem);
	awl_semaphore_release(&sem);
	assert_int_equal(awl_semaphore_value(&sem), 0);
	turn();
	assert_string_equal(trace.marks, "123");
	awl_semaphore_release(&sem);
	for (int i = 0; i < 4; i++)
		assert_int_equal(outcome(t[i]), 0);
	assert_string_equal(trace.marks, "1234");
	return 0;
}

/* S8, test_acquire_cancel, test_acquire_cancel_before_awoken */
CASE(a_release_passes_over_cancelled_waiters)
{
	awl_task *t[4];

	fresh(0);
	for (int i = 0; i < 4; i++)
		t[i] = spawn(taker, &"1234"[i]);
	turn();
	awl_cancel(t[0], NULL);
	awl_cancel(t[1], NULL);
	awl_semaphore_release(&sem);
	turn();
	assert_string_equal(trace.marks, "3");
	awl_cancel(t[3], NULL);
	for (int i = 0; i < 4; i++)
		assert_int_equal(outcome(t[i]), i == 2 ? 0 : AWL_EFUTURECANCELED);
	return 0;
}

/* S8, test_acquire_hang */
CASE(a_token_released_to_a_cancelled_waiter_reaches_the_next)
{
	awl_task *a, *b;

	fresh(0);
	a = spawn(taker, "a");
	b = spawn(taker, "b");
	turn();
	awl_cancel(a, NULL);
	awl_semaphore_release(&sem);
	assert_int_equal(outcome(b), 0);
	assert_int_equal(awl_semaphore_locked(&sem), 1);
	assert_int_equal(outcome(a), AWL_EFUTURECANCELED);
	return 0;
}

/* S8, test_acquire_no_hang */
CASE(a_cancel_after_the_release_keeps_the_token_and_is_told_at_the_next_wait)
{
	awl_task *t;

	fresh(0);
	t = spawn(taker, "1");
	turn();
	awl_semaphore_release(&sem);
	awl_cancel(t, NULL);
	assert_int_equal(outcome(t), 0);
	assert_string_equal(trace.marks, "1");
	assert_int_equal(awl_semaphore_value(&sem), 0);
	return 0;
}

static int twice(void *arg)
{
	for (int i = 0; i < 2; i++) {
		assert_int_equal(taker(arg), 0);
		assert_int_equal(awl_sleep(AWL_MS), 0);
		assert_int_equal(awl_semaphore_release(&sem), 0);
	}
	return 0;
}

/* S8, test_acquire_fifo_order */
CASE(tasks_that_come_back_queue_up_behind_the_others)
{
	awl_task *t[3];

	fresh(1);
	for (int i = 0; i < 3; i++)
		t[i] = spawn(twice, &"123"[i]);
	for (int i = 0; i < 3; i++)
		assert_int_equal(outcome(t[i]), 0);
	assert_string_equal(trace.marks, "123123");
	return 0;
}

static int again(void *arg)
{
	assert_int_equal(taker("2"), 0);
	assert_int_equal(awl_semaphore_release(&sem), 0);
	return taker("4");
}

/* S8, test_acquire_fifo_order_2 */
CASE(a_releaser_does_not_overtake_who_waits)
{
	awl_task *t[3];

	fresh(1);
	t[0] = spawn(taker, "1");
	t[1] = spawn(again, NULL);
	t[2] = spawn(taker, "3");
	turn();
	awl_semaphore_release(&sem);
	turn();
	awl_semaphore_release(&sem);
	for (int i = 0; i < 3; i++)
		assert_int_equal(outcome(t[i]), 0);
	assert_string_equal(trace.marks, "1234");
	return 0;
}

/* S8, test_acquire_fifo_order_3 */
CASE(two_releases_after_a_cancel_let_two_in)
{
	awl_task *t[3];

	fresh(0);
	for (int i = 0; i < 3; i++)
		t[i] = spawn(taker, &"123"[i]);
	turn();
	awl_cancel(t[0], NULL);
	turn();
	awl_semaphore_release(&sem);
	awl_semaphore_release(&sem);
	for (int i = 0; i < 3; i++)
		assert_int_equal(outcome(t[i]), i ? 0 : AWL_EFUTURECANCELED);
	assert_string_equal(trace.marks, "23");
	return 0;
}

/* S8, test_acquire_fifo_order_4 */
CASE(a_token_is_the_waiters_from_the_release_on)
{
	awl_task *t;

	fresh(0);
	t = spawn(taker, "1");
	turn();
	for (int i = 0; i < 3; i++)
		awl_semaphore_release(&sem);
	assert_int_equal(awl_semaphore_value(&sem), 2); /* one is given */
	assert_int_equal(awl_semaphore_acquire(&sem), 0);
	assert_int_equal(awl_semaphore_value(&sem), 1);
	return outcome(t);
}

/* S9, test_release_not_acquired */
CASE(a_bounded_semaphore_takes_no_more_than_it_gave)
{
	awl_semaphore bounded = AWL_BOUNDED_SEMAPHORE_INIT(1);

	assert_int_equal(awl_semaphore_release(&bounded), -EOVERFLOW);
	assert_int_equal(awl_semaphore_acquire(&bounded), 0);
	assert_int_equal(awl_semaphore_release(&bounded), 0);
	assert_int_equal(awl_semaphore_release(&bounded), -EOVERFLOW);
	assert_int_equal(awl_semaphore_value(&bounded), 1);
	return 0;
}

/* the limiter */

static int borrower(void *arg)
{
	int r = awl_limiter_acquire(&limiter);

	if (r < 0)
		return r;
	mark(&trace, *(char *)arg);
	r = awl_sleep(AWL_MS);
	awl_limiter_release(&limiter);
	return r;
}

CASE(a_limiter_knows_its_borrowers)
{
	awl_task *t[3], *who[3];

	fresh(0);
	awl_limiter_init(&limiter, 2);
	for (int i = 0; i < 3; i++)
		t[i] = spawn(borrower, &"123"[i]);
	turn();
	assert_string_equal(trace.marks, "12");
	assert_int_equal(awl_limiter_borrowers(&limiter, who, 3), 2);
	assert_ptr_equal(who[0], t[0]);
	assert_ptr_equal(who[1], t[1]);
	assert_int_equal(awl_limiter_acquire_nowait(&limiter), -EAGAIN);
	assert_int_equal(awl_limiter_release(&limiter), -EPERM);
	assert_int_equal(awl_limiter_destroy(&limiter), -EBUSY);
	for (int i = 0; i < 3; i++)
		assert_int_equal(outcome(t[i]), 0);
	assert_string_equal(trace.marks, "123");
	assert_int_equal(awl_limiter_borrowers(&limiter, NULL, 0), 0);
	return awl_limiter_destroy(&limiter);
}

CASE(a_task_borrows_one_token_of_a_limiter)
{
	awl_limiter_init(&limiter, 2);
	assert_int_equal(awl_limiter_acquire(&limiter), 0);
	assert_int_equal(awl_limiter_acquire(&limiter), AWL_EDEADLK);
	assert_int_equal(awl_limiter_acquire_nowait(&limiter), AWL_EDEADLK);
	return awl_limiter_release(&limiter);
}

CASE(a_larger_total_lets_waiters_in_a_smaller_one_waits_for_tokens)
{
	awl_task *t[4];

	fresh(0);
	awl_limiter_init(&limiter, 1);
	for (int i = 0; i < 4; i++)
		t[i] = spawn(borrower, &"1234"[i]);
	turn();
	assert_string_equal(trace.marks, "1");
	assert_int_equal(awl_limiter_set_total(&limiter, 3), 0);
	turn();
	assert_string_equal(trace.marks, "123");
	assert_int_equal(awl_limiter_set_total(&limiter, 1), 0);
	assert_int_equal(awl_limiter_total(&limiter), 1);
	assert_int_equal(awl_limiter_borrowers(&limiter, NULL, 0), 3);
	for (int i = 0; i < 4; i++)
		assert_int_equal(outcome(t[i]), 0);
	assert_string_equal(trace.marks, "1234");
	return 0;
}

static int keeper(void *arg)
{
	return awl_limiter_acquire(&limiter);
}

CASE(a_token_kept_at_the_end_of_a_task_is_reported_and_comes_back)
{
	struct heard heard;
	awl_task *t, *u;

	fresh(0);
	awl_limiter_init(&limiter, 1);
	t = spawn(keeper, NULL);
	u = spawn(borrower, "2");
	listen_to_awl(&heard);
	assert_int_equal(outcome(t), 0);
	stop_listening();
	assert_heard(&heard, "limiter's token");
	assert_int_equal(outcome(u), 0);
	assert_string_equal(trace.marks, "2");
	return awl_limiter_destroy(&limiter);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_semaphore_counts_its_tokens),
		TEST(a_negative_value_is_refused),
		TEST(who_finds_no_token_waits_its_turn),
		TEST(a_release_passes_over_cancelled_waiters),
		TEST(a_token_released_to_a_cancelled_waiter_reaches_the_next),
		TEST(a_cancel_after_the_release_keeps_the_token_and_is_told_at_the_next_wait),
		TEST(tasks_that_come_back_queue_up_behind_the_others),
		TEST(a_releaser_does_not_overtake_who_waits),
		TEST(two_releases_after_a_cancel_let_two_in),
		TEST(a_token_is_the_waiters_from_the_release_on),
		TEST(a_bounded_semaphore_takes_no_more_than_it_gave),
		TEST(a_limiter_knows_its_borrowers),
		TEST(a_task_borrows_one_token_of_a_limiter),
		TEST(a_larger_total_lets_waiters_in_a_smaller_one_waits_for_tokens),
		TEST(a_token_kept_at_the_end_of_a_task_is_reported_and_comes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
