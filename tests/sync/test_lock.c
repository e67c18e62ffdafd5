/* SPDX-License-Identifier: MIT */
/*
 * test_lock.c - the lock: one holder, first come first served, nothing lost to a cancel, and every
 * wait that could not end refused.
 * @reactors @valgrind
 */
#include "sync.h"

#include "base/alloc.h"

static awl_lock lock;
static struct trace trace;

static void fresh(void)
{
	awl_lock_init(&lock);
	trace = (struct trace){ 0 };
}

/* Takes it, makes its mark, keeps it. */
static int taker(void *arg)
{
	int r = awl_lock_acquire(&lock);

	if (r == 0)
		mark(&trace, *(char *)arg);
	return r;
}

/* Takes it, makes its mark, gives it up. */
static int user(void *arg)
{
	int r = taker(arg);

	return r < 0 ? r : awl_lock_release(&lock);
}

/* S1, test_lock */
CASE(a_lock_is_free_taken_and_free_again)
{
	fresh();
	assert_int_equal(awl_lock_locked(&lock), 0);
	assert_null(awl_lock_holder(&lock));
	assert_int_equal(awl_lock_acquire(&lock), 0);
	assert_int_equal(awl_lock_locked(&lock), 1);
	assert_ptr_equal(awl_lock_holder(&lock), awl_current_task());
	assert_int_equal(awl_lock_acquire_nowait(&lock), -EAGAIN);
	assert_int_equal(awl_lock_release(&lock), 0);
	assert_int_equal(awl_lock_locked(&lock), 0);
	assert_int_equal(awl_lock_acquire_nowait(&lock), 0);
	return awl_lock_release(&lock);
}

/* S1, test_acquire */
CASE(waiters_get_it_in_the_order_they_came)
{
	awl_task *t[3];

	fresh();
	assert_int_equal(awl_lock_acquire(&lock), 0);
	t[0] = spawn(user, "1");
	t[1] = spawn(user, "2");
	turn();
	assert_string_equal(trace.marks, "");
	assert_int_equal(awl_lock_release(&lock), 0);
	turn();
	assert_string_equal(trace.marks, "1");
	t[2] = spawn(user, "3");
	for (int i = 0; i < 3; i++)
		assert_int_equal(outcome(t[i]), 0);
	assert_string_equal(trace.marks, "123");
	return 0;
}

/* S2 */
CASE(a_release_makes_the_first_waiter_the_holder_and_nobody_overtakes_it)
{
	awl_task *t;

	fresh();
	assert_int_equal(awl_lock_acquire(&lock), 0);
	t = spawn(user, "1");
	turn();
	assert_int_equal(awl_lock_release(&lock), 0);
	assert_ptr_equal(awl_lock_holder(&lock), t);
	assert_int_equal(awl_lock_acquire_nowait(&lock), -EAGAIN);
	assert_int_equal(user("2"), 0);
	assert_string_equal(trace.marks, "12");
	return outcome(t);
}

/* S1, test_release_not_acquired */
CASE(a_lock_that_nobody_has_cannot_be_released)
{
	fresh();
	assert_int_equal(awl_lock_release(&lock), -EPERM);
	return 0;
}

static int release_only(void *arg)
{
	return awl_lock_release(&lock);
}

CASE(the_lock_of_another_task_cannot_be_released)
{
	fresh();
	assert_int_equal(awl_lock_acquire(&lock), 0);
	assert_int_equal(outcome(spawn(release_only, NULL)), -EPERM);
	assert_int_equal(awl_lock_locked(&lock), 1);
	return awl_lock_release(&lock);
}

/* S1 */
CASE(a_lock_cannot_be_taken_twice_by_one_task)
{
	fresh();
	assert_int_equal(awl_lock_acquire(&lock), 0);
	assert_int_equal(awl_lock_acquire(&lock), AWL_EDEADLK);
	assert_non_null(strstr(awl_error_detail(AWL_EDEADLK), "already"));
	return awl_lock_release(&lock);
}

static awl_lock two[2];

static int cross(void *arg)
{
	int first = *(int *)arg, r;

	assert_int_equal(awl_lock_acquire(&two[first]), 0);
	assert_int_equal(awl_yield(), 0);
	r = awl_lock_acquire(&two[!first]);
	if (r == 0)
		awl_lock_release(&two[!first]);
	awl_lock_release(&two[first]);
	return r;
}

CASE(the_wait_that_closes_a_cycle_of_holders_is_refused)
{
	int zero = 0, one = 1;
	awl_task *a, *b;

	awl_lock_init(&two[0]);
	awl_lock_init(&two[1]);
	a = spawn(cross, &zero);
	b = spawn(cross, &one);
	assert_int_equal(outcome(b), AWL_EDEADLK);
	return outcome(a);
}

CASE(waiting_for_a_lock_whose_holder_awaits_the_caller_is_refused)
{
	awl_task *t;

	fresh();
	assert_int_equal(awl_lock_acquire(&lock), 0);
	t = spawn(user, "1");
	assert_int_equal(awl_await(t), AWL_EDEADLK);
	awl_unref(t);
	return awl_lock_release(&lock);
}

CASE(waiting_for_a_lock_whose_holder_joins_the_callers_group_is_refused)
{
	awl_task_group g;

	fresh();
	awl_task_group_enter(&g);
	assert_int_equal(awl_lock_acquire(&lock), 0);
	assert_int_equal(awl_task_group_create_task(&g, user, "1", NULL), 0);
	assert_int_equal(awl_task_group_exit(&g, 0), AWL_EDEADLK);
	return awl_lock_release(&lock);
}

/* S3, test_acquire_cancel */
CASE(a_cancelled_waiter_leaves_nothing_behind)
{
	awl_task *t;

	fresh();
	assert_int_equal(awl_lock_acquire(&lock), 0);
	t = spawn(user, "1");
	turn();
	assert_int_equal(awl_cancel(t, NULL), 1);
	assert_int_equal(outcome(t), AWL_EFUTURECANCELED);
	assert_int_equal(awl_lock_release(&lock), 0);
	assert_int_equal(awl_lock_destroy(&lock), 0);
	return 0;
}

/* S3, test_cancel_race */
CASE(a_release_passes_over_a_waiter_that_was_just_cancelled)
{
	awl_task *b, *c;

	fresh();
	assert_int_equal(awl_lock_acquire(&lock), 0);
	b = spawn(user, "b");
	c = spawn(user, "c");
	turn();
	awl_cancel(b, NULL);
	assert_int_equal(awl_lock_release(&lock), 0);
	assert_ptr_equal(awl_lock_holder(&lock), c);
	assert_int_equal(outcome(b), AWL_EFUTURECANCELED);
	assert_int_equal(outcome(c), 0);
	assert_string_equal(trace.marks, "c");
	assert_int_equal(awl_lock_locked(&lock), 0);
	return 0;
}

static awl_task *victim;

static int cancel_and_release(void *arg)
{
	awl_cancel(victim, NULL);
	return awl_lock_release(&lock);
}

static int hold_then_cancel_and_release(void *arg)
{
	assert_int_equal(awl_lock_acquire(&lock), 0);
	turn();
	return cancel_and_release(NULL);
}

static int keep(void *arg)
{
	int r = taker(arg);

	if (r == 0)
		r = awl_sleep(AWL_FOREVER);
	if (awl_lock_holder(&lock) == awl_current_task())
		awl_lock_release(&lock);
	return r;
}

/* S3, test_cancel_release_race */
CASE(one_release_lets_one_waiter_in)
{
	awl_task *h, *t[3];

	fresh();
	h = spawn(hold_then_cancel_and_release, NULL);
	for (int i = 0; i < 3; i++)
		t[i] = spawn(keep, &"123"[i]);
	victim = t[0];
	assert_int_equal(outcome(h), 0);
	assert_int_equal(outcome(t[0]), AWL_EFUTURECANCELED);
	turn();
	assert_string_equal(trace.marks, "2");
	awl_cancel(t[2], NULL);
	assert_int_equal(outcome(t[2]), AWL_EFUTURECANCELED);
	awl_cancel(t[1], NULL);
	assert_int_equal(outcome(t[1]), AWL_EFUTURECANCELED);
	return 0;
}

/* S3, test_finished_waiter_cancelled: the lock was given first, so the cancel comes too late. */
CASE(a_waiter_cancelled_after_a_release_has_the_lock_and_is_told_at_its_next_wait)
{
	awl_task *b, *c;

	fresh();
	assert_int_equal(awl_lock_acquire(&lock), 0);
	b = spawn(keep, "b");
	c = spawn(user, "c");
	turn();
	assert_int_equal(awl_lock_release(&lock), 0);
	awl_cancel(b, NULL);
	assert_int_equal(outcome(b), AWL_EFUTURECANCELED);
	assert_int_equal(outcome(c), 0);
	assert_string_equal(trace.marks, "bc");
	return 0;
}

CASE(a_cancel_taken_back_before_the_waiter_runs_costs_it_no_wake_up)
{
	awl_task *t;

	fresh();
	assert_int_equal(awl_lock_acquire(&lock), 0);
	t = spawn(user, "1");
	turn();
	awl_cancel(t, NULL);
	assert_int_equal(awl_lock_release(&lock), 0); /* nobody waits at this moment */
	assert_int_equal(awl_uncancel(t), 0);
	assert_int_equal(outcome(t), 0);
	assert_string_equal(trace.marks, "1");
	return 0;
}

CASE(a_timeout_takes_the_waiter_out)
{
	awl_timeout limit;
	awl_task *t;

	fresh();
	t = spawn(keep, "1");
	turn();
	awl_timeout_enter(&limit, AWL_MS);
	assert_int_equal(awl_timeout_exit(&limit, awl_lock_acquire(&lock)), -ETIMEDOUT);
	awl_cancel(t, NULL);
	assert_int_equal(outcome(t), AWL_EFUTURECANCELED);
	return awl_lock_destroy(&lock);
}

CASE(acquiring_a_free_lock_is_a_place_to_be_cancelled_at)
{
	fresh();
	awl_cancel(awl_current_task(), NULL);
	assert_int_equal(awl_lock_acquire(&lock), AWL_ECANCELED);
	assert_int_equal(awl_lock_locked(&lock), 0);
	return 0;
}

static int body(void *arg)
{
	assert_ptr_equal(awl_lock_holder(&lock), awl_current_task());
	return *(int *)arg;
}

/* S11, test_context_manager, test_lock_by_with_statement */
CASE(with_lock_releases_it_on_any_way_out)
{
	int good = 7, bad = -EIO;

	fresh();
	assert_int_equal(awl_with_lock(&lock, body, &good), 7);
	assert_int_equal(awl_lock_locked(&lock), 0);
	assert_int_equal(awl_with_lock(&lock, body, &bad), -EIO);
	assert_int_equal(awl_lock_locked(&lock), 0);
	return 0;
}

/* A12 */
CASE(a_lock_held_at_the_end_of_a_task_is_reported_and_its_waiters_are_told)
{
	struct heard heard;
	awl_task *t, *u;

	fresh();
	t = spawn(taker, "1");
	u = spawn(user, "2");
	listen_to_awl(&heard);
	assert_int_equal(outcome(t), 0);
	stop_listening();
	assert_int_equal(heard.lines, 1);
	assert_heard(&heard, "task Task-2 has ended with the lock");
	assert_heard(&heard, "release it on each way out");
	assert_int_equal(outcome(u), -EOWNERDEAD);
	assert_int_equal(awl_lock_acquire(&lock), -EOWNERDEAD);
	assert_int_equal(awl_lock_destroy(&lock), 0);
	return 0;
}

static int wait_in_vain(void *arg)
{
	return awl_lock_acquire(arg);
}

static struct heard told;

static int lock_gone(void *arg)
{
	awl_task *t[2];

	fresh();
	assert_int_equal(awl_lock_acquire(&lock), 0);
	t[0] = spawn(wait_in_vain, &lock);
	t[1] = spawn(wait_in_vain, &lock);
	turn();
	memset(&lock, 0x5a, sizeof lock); /* its storage is used for something else */
	awl_cancel(t[0], NULL);
	assert_int_equal(outcome(t[0]), AWL_EDEAD);
	assert_heard(&told, "whose storage was reused meanwhile");
	awl_cancel(t[1], NULL);
	assert_int_equal(outcome(t[1]), AWL_EDEAD);
	for (size_t i = 0; i < sizeof lock; i++)
		assert_int_equal(((unsigned char *)&lock)[i], 0x5a);
	assert_int_equal(awl_lock_release(&lock), AWL_EDEAD);
	return 0; /* reported: it ends with the lock */
}

static void a_waiter_that_leaves_and_finds_the_lock_gone_says_so_and_writes_nothing(void **state)
{
	listen_to_awl(&told);
	in_loop(lock_gone, NULL);
	stop_listening();
}

CASE(a_lock_initialised_anew_over_waiters_is_another_lock)
{
	struct heard heard;
	awl_task *h, *old, *new;

	fresh();
	h = spawn(keep, "1");
	old = spawn(wait_in_vain, &lock);
	turn();
	awl_lock_init(&lock);
	assert_int_equal(awl_lock_acquire(&lock), 0);
	new = spawn(user, "2");
	turn();
	listen_to_awl(&heard);
	awl_cancel(old, NULL);
	assert_int_equal(outcome(old), AWL_EDEAD);
	assert_int_equal(awl_lock_release(&lock), 0);
	assert_int_equal(outcome(new), 0);
	awl_cancel(h, NULL);
	assert_int_equal(outcome(h), AWL_EFUTURECANCELED);
	stop_listening();
	return 0;
}

CASE(destroying_a_lock_in_use_is_refused_and_a_destroyed_lock_is_gone)
{
	fresh();
	assert_int_equal(awl_lock_acquire(&lock), 0);
	assert_int_equal(awl_lock_destroy(&lock), -EBUSY);
	assert_int_equal(awl_lock_release(&lock), 0);
	assert_int_equal(awl_lock_destroy(&lock), 0);
	assert_int_equal(awl_lock_acquire(&lock), AWL_EDEAD);
	assert_int_equal(awl_lock_locked(&lock), AWL_EDEAD);
	return 0;
}

CASE(a_copied_lock_is_no_lock)
{
	awl_lock copy;

	fresh();
	assert_int_equal(awl_lock_locked(&lock), 0);
	copy = lock;
	assert_int_equal(awl_lock_acquire(&copy), AWL_EDEAD);
	return 0;
}

static int many(void *arg)
{
	awl_lock own[40];

	for (int i = 0; i < 40; i++) {
		own[i] = (awl_lock)AWL_LOCK_INIT;
		assert_int_equal(awl_lock_acquire(&own[i]), 0);
	}
	for (int i = 0; i < 40; i++)
		assert_int_equal(awl_lock_release(&own[i]), 0);
	return 0;
}

CASE(a_task_may_have_many_locks)
{
	struct heard heard;

	listen_to_awl(&heard);
	assert_int_equal(outcome(spawn(many, NULL)), 0);
	stop_listening();
	assert_int_equal(heard.lines, 0);
	return 0;
}

/* The record of a free lock is anybody's. */
CASE(a_free_lock_whose_record_others_have_is_free_and_a_lock_all_the_same)
{
	static awl_lock others[40];

	fresh();
	assert_int_equal(awl_lock_acquire(&lock), 0);
	assert_int_equal(awl_lock_release(&lock), 0);
	for (size_t i = 0; i < COUNT(others); i++) {
		awl_lock_init(&others[i]);
		assert_int_equal(awl_lock_acquire(&others[i]), 0);
		assert_int_equal(awl_lock_locked(&lock), 0);
		assert_null(awl_lock_holder(&lock));
		assert_int_equal(awl_lock_release(&lock), -EPERM);
	}
	assert_int_equal(awl_lock_acquire(&lock), 0);
	assert_ptr_equal(awl_lock_holder(&lock), awl_current_task());
	assert_int_equal(awl_lock_acquire_nowait(&lock), -EAGAIN);
	for (size_t i = 0; i < COUNT(others); i++)
		assert_int_equal(awl_lock_release(&others[i]), 0);
	assert_int_equal(awl_lock_locked(&lock), 1);
	return awl_lock_release(&lock);
}

/* Of two that lie at the same place, one after the other, and of those that are forgotten. */
CASE(locks_that_come_and_go_need_twice_the_records_of_those_held_at_once)
{
	awl_lock held[50], shortly;

	for (size_t i = 0; i < COUNT(held); i++) {
		awl_lock_init(&held[i]);
		assert_int_equal(awl_lock_acquire(&held[i]), 0);
	}
	for (int i = 0; i < 10000; i++) {
		awl_lock_init(&shortly);
		assert_int_equal(awl_lock_acquire(&shortly), 0);
		assert_int_equal(awl_lock_release(&shortly), 0);
		awl_lock_release(&held[i % 50]);
		assert_int_equal(awl_lock_acquire(&held[i % 50]), 0);
	}
	assert_in_range(here()->holds.live, 51, 102);
	for (size_t i = 0; i < COUNT(held); i++)
		assert_int_equal(awl_lock_release(&held[i]), 0);
	return 0;
}

static int no_memory(void)
{
	return 1;
}

CASE(without_memory_a_lock_is_refused_and_stays_free)
{
	fresh();
	awl__alloc_fault = no_memory;
	assert_int_equal(awl_lock_acquire(&lock), -ENOMEM);
	awl__alloc_fault = (int (*)(void))0;
	assert_int_equal(awl_lock_locked(&lock), 0);
	assert_int_equal(awl_lock_acquire(&lock), 0);
	return awl_lock_release(&lock);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_lock_is_free_taken_and_free_again),
		TEST(waiters_get_it_in_the_order_they_came),
		TEST(a_release_makes_the_first_waiter_the_holder_and_nobody_overtakes_it),
		TEST(a_lock_that_nobody_has_cannot_be_released),
		TEST(the_lock_of_another_task_cannot_be_released),
		TEST(a_lock_cannot_be_taken_twice_by_one_task),
		TEST(the_wait_that_closes_a_cycle_of_holders_is_refused),
		TEST(waiting_for_a_lock_whose_holder_awaits_the_caller_is_refused),
		TEST(waiting_for_a_lock_whose_holder_joins_the_callers_group_is_refused),
		TEST(a_cancelled_waiter_leaves_nothing_behind),
		TEST(a_release_passes_over_a_waiter_that_was_just_cancelled),
		TEST(one_release_lets_one_waiter_in),
		TEST(a_waiter_cancelled_after_a_release_has_the_lock_and_is_told_at_its_next_wait),
		TEST(a_cancel_taken_back_before_the_waiter_runs_costs_it_no_wake_up),
		TEST(a_timeout_takes_the_waiter_out),
		TEST(acquiring_a_free_lock_is_a_place_to_be_cancelled_at),
		TEST(with_lock_releases_it_on_any_way_out),
		TEST(a_lock_held_at_the_end_of_a_task_is_reported_and_its_waiters_are_told),
		TEST(a_waiter_that_leaves_and_finds_the_lock_gone_says_so_and_writes_nothing),
		TEST(a_lock_initialised_anew_over_waiters_is_another_lock),
		TEST(destroying_a_lock_in_use_is_refused_and_a_destroyed_lock_is_gone),
		TEST(a_copied_lock_is_no_lock),
		TEST(a_task_may_have_many_locks),
		TEST(a_free_lock_whose_record_others_have_is_free_and_a_lock_all_the_same),
		TEST(locks_that_come_and_go_need_twice_the_records_of_those_held_at_once),
		TEST(without_memory_a_lock_is_refused_and_stays_free),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
