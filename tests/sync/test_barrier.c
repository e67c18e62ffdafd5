/* SPDX-License-Identifier: MIT */
/*
 * test_barrier.c - the barrier: all or nobody, a number for each, and a way out for all.
 * @reactors @valgrind
 */
#include "sync.h"

#define N 5

static awl_barrier barrier;
static int results[3 * N], passed, broken;

static void fresh(int parties)
{
	assert_int_equal(awl_barrier_init(&barrier, parties), 0);
	passed = broken = 0;
	memset(results, 0, sizeof results);
}

static int once(void *arg)
{
	int r = awl_barrier_wait(&barrier);

	if (r >= 0)
		results[passed++] = r;
	else if (r == AWL_EBROKEN)
		broken++;
	return r;
}

static void make(awl_task **t, int n, awl_fn *fn)
{
	for (int i = 0; i < n; i++)
		t[i] = spawn(fn, NULL);
}

static void each_number_once(const int *r, int n)
{
	unsigned seen = 0;

	for (int i = 0; i < n; i++)
		seen |= 1u << r[i];
	assert_int_equal(seen, (1u << n) - 1);
}

static void nobody_waits(void)
{
	assert_int_equal(awl_barrier_n_waiting(&barrier), 0);
	assert_int_equal(awl_barrier_broken(&barrier), 0);
}

/* S10, test_barrier_parties */
CASE(less_than_one_party_is_refused)
{
	assert_int_equal(awl_barrier_init(&barrier, 0), -EINVAL);
	assert_int_equal(awl_barrier_init(&barrier, -4), -EINVAL);
	fresh(N);
	assert_int_equal(awl_barrier_parties(&barrier), N);
	return 0;
}

/* S10, test_filling_one_task, test_filling_one_task_twice */
CASE(a_party_of_one_never_waits)
{
	fresh(1);
	assert_int_equal(awl_barrier_wait(&barrier), 0);
	assert_int_equal(awl_barrier_wait(&barrier), 0);
	nobody_waits();
	return 0;
}

/* S10, test_filling_task_by_task, test_context_manager */
CASE(all_pass_when_the_last_comes_each_with_its_own_number)
{
	awl_task *t[3];

	fresh(3);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(awl_barrier_n_waiting(&barrier), i);
		t[i] = spawn(once, NULL);
		turn();
	}
	for (int i = 0; i < 3; i++)
		assert_in_range(outcome(t[i]), 0, 2);
	each_number_once(results, 3);
	nobody_waits();
	return 0;
}

static int two_rounds(void *arg)
{
	int r = once(NULL);

	return r < 0 ? r : once(NULL);
}

/* S10, test_filling_tasks_wait_twice, test_filling_tasks_check_return_value */
CASE(the_next_round_begins_when_one_is_over)
{
	awl_task *t[N];

	fresh(N);
	make(t, N, two_rounds);
	for (int i = 0; i < N; i++)
		assert_in_range(outcome(t[i]), 0, N - 1);
	assert_int_equal(passed, 2 * N);
	each_number_once(results, N);
	each_number_once(results + N, N);
	nobody_waits();
	return 0;
}

/* S10, test_draining_state, test_blocking_tasks_while_draining: nothing drains in awl */
CASE(who_comes_before_the_woken_have_run_is_of_the_next_round)
{
	awl_task *t[N], *late;

	fresh(N);
	make(t, N - 1, once);
	turn();
	assert_int_equal(awl_barrier_wait(&barrier), N - 1);
	late = spawn(once, NULL);
	assert_int_equal(awl_barrier_n_waiting(&barrier), 0);
	turn();
	assert_int_equal(awl_barrier_n_waiting(&barrier), 1);
	assert_int_equal(passed, N - 1);
	for (int i = 0; i < N - 1; i++)
		assert_in_range(outcome(t[i]), 0, N - 2);
	awl_cancel(late, NULL);
	assert_int_equal(outcome(late), AWL_EFUTURECANCELED);
	return 0;
}

/* S10, test_filling_tasks_cancel_one */
CASE(a_cancelled_party_leaves_its_place)
{
	awl_task *t[4];

	fresh(3);
	t[0] = spawn(once, NULL);
	t[1] = spawn(once, NULL);
	turn();
	assert_int_equal(awl_barrier_n_waiting(&barrier), 2);
	awl_cancel(t[0], NULL);
	assert_int_equal(awl_barrier_n_waiting(&barrier), 1);
	t[2] = spawn(once, NULL); /* before the cancelled one has run */
	assert_int_equal(outcome(t[0]), AWL_EFUTURECANCELED);
	turn();
	assert_int_equal(awl_barrier_n_waiting(&barrier), 2);
	t[3] = spawn(once, NULL);
	for (int i = 1; i < 4; i++)
		assert_in_range(outcome(t[i]), 0, 2);
	each_number_once(results, 3);
	nobody_waits();
	return 0;
}

/* S10, test_reset_barrier */
CASE(resetting_an_empty_barrier_changes_nothing)
{
	fresh(1);
	assert_int_equal(awl_barrier_reset(&barrier), 0);
	nobody_waits();
	return 0;
}

/* S10, test_reset_barrier_while_tasks_waiting */
CASE(a_reset_sends_away_who_waits)
{
	awl_task *t[N];

	fresh(N);
	make(t, N - 1, once);
	turn();
	assert_int_equal(awl_barrier_reset(&barrier), 0);
	for (int i = 0; i < N - 1; i++)
		assert_int_equal(outcome(t[i]), AWL_EBROKEN);
	nobody_waits();
	return 0;
}

static int reset_when_out(void *arg)
{
	int r = once(NULL);

	if (r >= 0 && passed == N / 2)
		awl_barrier_reset(&barrier);
	return r;
}

/* S10, test_reset_barrier_when_tasks_half_draining, ..._half_blocking,
 * test_reset_barrier_while_tasks_draining: who was let through has passed */
CASE(a_reset_takes_no_passage_back)
{
	awl_task *t[N];

	fresh(N);
	make(t, N, reset_when_out);
	for (int i = 0; i < N; i++)
		assert_in_range(outcome(t[i]), 0, N - 1);
	assert_int_equal(passed, N);
	nobody_waits();
	return 0;
}

static int once_and_again(void *arg)
{
	assert_int_equal(once(NULL), AWL_EBROKEN);
	return once(NULL);
}

/* S10, test_reset_barrier_while_tasks_waiting_and_waiting_again */
CASE(who_was_sent_away_may_come_again)
{
	awl_task *t[N];

	fresh(N);
	make(t, N - 1, once_and_again);
	turn();
	awl_barrier_reset(&barrier);
	t[N - 1] = spawn(once, NULL);
	for (int i = 0; i < N; i++)
		assert_in_range(outcome(t[i]), 0, N - 1);
	assert_int_equal(broken, N - 1);
	assert_int_equal(passed, N);
	nobody_waits();
	return 0;
}

/* S10, test_abort_barrier */
CASE(an_aborted_barrier_is_broken_until_a_reset)
{
	fresh(1);
	assert_int_equal(awl_barrier_abort(&barrier), 0);
	assert_int_equal(awl_barrier_broken(&barrier), 1);
	assert_int_equal(awl_barrier_n_waiting(&barrier), 0);
	assert_int_equal(awl_barrier_wait(&barrier), AWL_EBROKEN);
	assert_int_equal(awl_barrier_reset(&barrier), 0);
	assert_int_equal(awl_barrier_wait(&barrier), 0);
	return 0;
}

static int abort_in_the_middle(void *arg)
{
	int r = awl_barrier_wait(&barrier);

	assert_in_range(r, 0, N - 1);
	if (r == N / 2) {
		awl_barrier_abort(&barrier);
		return 0;
	}
	return once(NULL);
}

/* S10, test_abort_barrier_when_tasks_half_draining_half_blocking, test_abort_barrier_when_exception
 */
CASE(an_abort_sends_everybody_away_also_who_comes_later)
{
	awl_task *t[N];

	fresh(N);
	make(t, N, abort_in_the_middle);
	for (int i = 0; i < N; i++)
		(void)!outcome(t[i]);
	assert_int_equal(passed, 0);
	assert_int_equal(broken, N - 1);
	assert_int_equal(awl_barrier_broken(&barrier), 1);
	return 0;
}

/* S10, test_abort_barrier_when_exception_then_resetting */
CASE(an_aborted_barrier_that_was_reset_works_again)
{
	awl_task *t[N];

	fresh(N);
	make(t, N, abort_in_the_middle);
	for (int i = 0; i < N; i++)
		(void)!outcome(t[i]);
	assert_int_equal(awl_barrier_reset(&barrier), 0);
	make(t, N, once);
	for (int i = 0; i < N; i++)
		assert_in_range(outcome(t[i]), 0, N - 1);
	assert_int_equal(passed, N);
	nobody_waits();
	return awl_barrier_destroy(&barrier);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(less_than_one_party_is_refused),
		TEST(a_party_of_one_never_waits),
		TEST(all_pass_when_the_last_comes_each_with_its_own_number),
		TEST(the_next_round_begins_when_one_is_over),
		TEST(who_comes_before_the_woken_have_run_is_of_the_next_round),
		TEST(a_cancelled_party_leaves_its_place),
		TEST(resetting_an_empty_barrier_changes_nothing),
		TEST(a_reset_sends_away_who_waits),
		TEST(a_reset_takes_no_passage_back),
		TEST(who_was_sent_away_may_come_again),
		TEST(an_aborted_barrier_is_broken_until_a_reset),
		TEST(an_abort_sends_everybody_away_also_who_comes_later),
		TEST(an_aborted_barrier_that_was_reset_works_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
