/* SPDX-License-Identifier: MIT */
/*
 * @reactors @timeout 120
 * test_faults.c - no memory: everything of this room, with each of its requests for memory refused
 * in turn. Each call fails or succeeds as a whole: its children have ended, its futures are free.
 */
#include "faults.h"

#define MANY 20 /* more than the nodes that lie in a call's frame */

static int out; /* children that have begun and not ended */

static int child(void *arg)
{
	int r;

	out++;
	r = awl_yield();
	out--;
	return r < 0 ? r : *(int *)arg;
}

static int value = 3;

static int jobs_of_all_kinds(void)
{
	awl_job jobs[MANY];
	size_t winner;

	for (int how = AWL_CANCEL_SIBLINGS; how <= AWL_RETURN_EXCEPTIONS; how++) {
		for (int i = 0; i < MANY; i++)
			jobs[i] = (awl_job){ .fn = child, .arg = &value };
		TRY(awl_gather(jobs, MANY, how));
		for (int i = 0; i < MANY; i++)
			TRY(jobs[i].result);
	}
	TRY(awl_race(jobs, 3, &winner));
	return awl_staggered_race(jobs, 3, AWL_US, &winner);
}

static int futures_of_all_kinds(awl_future *const *futures, size_t n)
{
	awl_as_completed it;
	awl_future *f;
	int results[MANY], r;

	TRY(awl_wait(futures, n, AWL_SEC, AWL_FIRST_COMPLETED));
	TRY(awl_wait_for_future(AWL_SEC, futures[n - 1]));
	awl_as_completed_enter(&it, futures, n, AWL_SEC);
	while ((r = awl_as_completed_next(&it, &f)) > 0)
		TRY(awl_result(f) < 0 ? awl_as_completed_exit(&it, awl_result(f)) : 0);
	TRY(awl_as_completed_exit(&it, r));
	return awl_gather_futures(futures, n, results, AWL_CANCEL_SIBLINGS);
}

/* Whatever comes of it, all have ended with the group. */
static int many_futures(void)
{
	awl_future *futures[MANY];
	awl_task_group g;
	int r = 0;

	awl_task_group_enter(&g);
	for (int i = 0; i < MANY && r == 0; i++)
		r = awl_task_group_create_task(&g, child, &value, &futures[i]);
	if (r == 0)
		r = futures_of_all_kinds(futures, MANY);
	return awl_task_group_exit(&g, r);
}

static awl_queue queue;

static int producer(void *arg)
{
	for (int i = 0; i < MANY; i++)
		TRY(awl_queue_put(&queue, &i));
	return 0;
}

static int selects(void)
{
	for (int i = 0, item; i < MANY; i++) {
		awl_case cases[] = { awl_queue_case_get(&queue, &item), awl_case_after(AWL_SEC) };
		int r = awl_select(cases, 2, NULL);

		TRY(r);
		assert_int_equal(r, 0);
		assert_int_equal(item, i);
	}
	return 0;
}

static int a_queue(void)
{
	awl_task_group g;
	int r;

	awl_queue_init(&queue, sizeof(int), 0);
	awl_task_group_enter(&g);
	r = awl_task_group_create_task(&g, producer, NULL, NULL);
	r = awl_task_group_exit(&g, r < 0 ? r : selects());
	assert_int_equal(awl_queue_destroy(&queue), 0);
	return r;
}

static awl_local key = { .name = "key" };

static int inherits(void *arg)
{
	assert_ptr_equal(awl_local_get(&key), &value);
	return awl_local_set(&key, arg, NULL);
}

static int locals(void)
{
	awl_local_token token;
	awl_job jobs[] = { { .fn = inherits }, { .fn = inherits } };
	int r;

	TRY(awl_local_set(&key, &value, &token));
	r = awl_gather(jobs, 2, AWL_CANCEL_SIBLINGS);
	assert_ptr_equal(awl_local_get(&key), &value);
	assert_int_equal(awl_local_reset(&token), 0);
	return r;
}

static int ticks(void)
{
	awl_interval every;

	TRY(awl_interval_start(&every, AWL_US, AWL_MISSED_SKIP));
	return awl_interval_tick(&every);
}

static int all_of_it(void *arg)
{
	static int (*const parts[])(
		void) = { jobs_of_all_kinds, many_futures, a_queue, locals, ticks };

	for (size_t i = 0; i < COUNT(parts); i++) {
		int r = parts[i]();

		assert_int_equal(out, 0);
		TRY(r);
	}
	return 0;
}

/* Two runs on one loop, the second whatever came of the first. */
static int scenario(void)
{
	awl_runner runner = { 0 };
	int first = awl_runner_run(&runner, all_of_it, NULL);
	int second = awl_runner_run(&runner, child, &value), closed;

	closed = awl_runner_close(&runner);
	if (closed < 0) { /* it says so, and can be tried again */
		assert_int_equal(closed, -ENOMEM);
		memory_is_back();
		assert_int_equal(awl_runner_close(&runner), 0);
	}
	memory_is_back();
	assert_int_equal(out, 0);
	return first < 0 ? first : second < 0 ? second : closed;
}

static void the_nth_refusal_is_an_error_or_no_matter_and_nothing_is_lost(void **state)
{
	for_every_n(scenario, 10, false);
}

static void no_memory_from_the_nth_on_is_an_error_or_no_matter_and_nothing_is_lost(void **state)
{
	for_every_n(scenario, 10, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_nth_refusal_is_an_error_or_no_matter_and_nothing_is_lost),
		cmocka_unit_test(
			no_memory_from_the_nth_on_is_an_error_or_no_matter_and_nothing_is_lost),
	};

	count_blocks();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
