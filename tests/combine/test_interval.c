/* SPDX-License-Identifier: MIT */
/*
 * test_interval.c - ticks on a grid of time, in virtual time: never early, and the three ways with
 * those that were missed.
 */
#include "crew.h"

static int steady(void *arg)
{
	int64_t begin = now();
	awl_interval every;

	assert_int_equal(awl_interval_start(&every, 10 * AWL_MS, AWL_MISSED_BURST), 0);
	for (int i = 1; i <= 5; i++) {
		assert_int_equal(awl_interval_tick(&every), 0);
		assert_int_equal(now() - begin, i * 10 * AWL_MS);
		assert_int_equal(awl_sleep(3 * AWL_MS), 0); /* the work does not shift the grid */
	}
	return 0;
}

static void ticks_do_not_drift(void **state)
{
	in_sim(steady, NULL);
}

/* 35 ms of work after the first tick, at 10: at 45 the ticks of 20, 30 and 40 have been missed. */
static void miss_three(awl_interval *every, int missed)
{
	assert_int_equal(awl_interval_start(every, 10 * AWL_MS, missed), 0);
	assert_int_equal(awl_interval_tick(every), 0);
	assert_int_equal(awl_sleep(35 * AWL_MS), 0);
}

static int burst(void *arg)
{
	int64_t begin = now();
	awl_interval every;

	miss_three(&every, AWL_MISSED_BURST);
	assert_int_equal(awl_interval_tick(&every), 2);
	assert_int_equal(awl_interval_tick(&every), 1);
	assert_int_equal(awl_interval_tick(&every), 0);
	assert_int_equal(now() - begin, 45 * AWL_MS);
	assert_int_equal(awl_interval_tick(&every), 0);
	assert_int_equal(now() - begin, 50 * AWL_MS);
	return 0;
}

static int leave_out(void *arg)
{
	int64_t begin = now();
	awl_interval every;

	miss_three(&every, AWL_MISSED_SKIP);
	assert_int_equal(awl_interval_tick(&every), 2);
	assert_int_equal(now() - begin, 45 * AWL_MS);
	assert_int_equal(awl_interval_tick(&every), 0);
	assert_int_equal(now() - begin, 50 * AWL_MS);
	return 0;
}

static int delay(void *arg)
{
	int64_t begin = now();
	awl_interval every;

	miss_three(&every, AWL_MISSED_DELAY);
	assert_int_equal(awl_interval_tick(&every), 2);
	assert_int_equal(now() - begin, 45 * AWL_MS);
	assert_int_equal(awl_interval_tick(&every), 0);
	assert_int_equal(now() - begin, 55 * AWL_MS);
	return 0;
}

static void missed_ticks_come_in_a_burst(void **state)
{
	in_sim(burst, NULL);
}

static void missed_ticks_are_skipped_and_the_grid_kept(void **state)
{
	in_sim(leave_out, NULL);
}

static void missed_ticks_delay_those_to_come(void **state)
{
	in_sim(delay, NULL);
}

static int cancelled(void *arg)
{
	int64_t begin = now();
	awl_interval every;
	awl_timeout t;

	assert_int_equal(awl_interval_start_at(&every, begin + 20 * AWL_MS, AWL_SEC, 0), 0);
	awl_timeout_enter(&t, 10 * AWL_MS);
	assert_int_equal(awl_timeout_exit(&t, awl_interval_tick(&every)), -ETIMEDOUT);
	assert_int_equal(awl_interval_tick(&every), 0);
	assert_int_equal(now() - begin, 20 * AWL_MS);
	return 0;
}

static void a_cancel_takes_no_tick(void **state)
{
	in_sim(cancelled, NULL);
}

static int never_early(void *arg)
{
	awl_interval every;
	int64_t begin = now();

	assert_int_equal(awl_interval_start(&every, AWL_MS, AWL_MISSED_BURST), 0);
	for (int i = 1; i <= 20; i++) {
		assert_true(awl_interval_tick(&every) >= 0);
		assert_true(now() - begin >= i * AWL_MS);
	}
	return 0;
}

static void no_tick_is_early_on_a_real_clock(void **state)
{
	in_loop(never_early, NULL);
}

static int late_ones_let_others_run(void *arg)
{
	struct hand a = { .takes = 0, .comes_to = 1 };
	awl_task *t = send_off(&a);
	awl_interval every;

	assert_int_equal(awl_interval_start_at(&every, 0, 1, AWL_MISSED_BURST), 0);
	while (!a.ended)
		assert_true(awl_interval_tick(&every) >= 0);
	assert_int_equal(awl_await(t), 1);
	awl_unref(t);
	return 0;
}

static void ticks_that_are_late_let_the_others_run(void **state)
{
	in_loop(late_ones_let_others_run, NULL);
}

static int refused(void *arg)
{
	awl_interval i = { 0 };

	assert_int_equal(awl_interval_tick(&i), -EINVAL);
	assert_int_equal(awl_interval_start(&i, 0, AWL_MISSED_SKIP), -EINVAL);
	assert_int_equal(awl_interval_start(&i, 1, 3), -EINVAL);
	return 0;
}

static void what_makes_no_sense_is_refused(void **state)
{
	in_loop(refused, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ticks_do_not_drift),
		cmocka_unit_test(missed_ticks_come_in_a_burst),
		cmocka_unit_test(missed_ticks_are_skipped_and_the_grid_kept),
		cmocka_unit_test(missed_ticks_delay_those_to_come),
		cmocka_unit_test(a_cancel_takes_no_tick),
		cmocka_unit_test(no_tick_is_early_on_a_real_clock),
		cmocka_unit_test(ticks_that_are_late_let_the_others_run),
		cmocka_unit_test(what_makes_no_sense_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
