/* SPDX-License-Identifier: MIT */
/*
 * test_debug.c - what is reported without being asked for, and what debug mode adds: places of
 * creation, swallowed requests, tasks pending at the close (D2, D5, A12). @reactors @valgrind
 */
#include "ear.h"

#include <awl/combine.h>
#include <awl/inspect.h>

#include <stdlib.h>

static void run(uint64_t flags, awl_fn *fn)
{
	awl_loop_options o = { .flags = flags };

	assert_int_equal(awl_run_with(&o, fn, NULL), 0);
}

static int fails(void *arg)
{
	(void)arg;
	return -EIO;
}

static int leaves_failures_unread(void *arg)
{
	awl_future *f;
	awl_task *t;

	(void)arg;
	assert_int_equal(awl_create_task(fails, NULL, &t), 0);
	assert_int_equal(awl_join(t), 0);
	awl_unref(t);
	assert_int_equal(awl_loop_create_future(here(), 0, &f), 0);
	assert_int_equal(awl_future_set_exception(f, -EPIPE), 0);
	awl_unref(f);
	return 0;
}

static void a_failure_nobody_read_is_told_at_the_last_unref(void **state)
{
	(void)state;
	run(0, leaves_failures_unread);
	assert_said("nobody read the failure of task Task-2: ");
	assert_said("(EIO)");
	assert_said("nobody read the failure of a future: ");
	assert_said("(EPIPE)");
	assert_int_equal(ear.lines, 2);
}

static void debug_mode_tells_where_the_unread_was_made(void **state)
{
	(void)state;
	run(AWL_LOOP_DEBUG, leaves_failures_unread);
	assert_said("nobody read the failure of task Task-2, made in inspect.test_debug+0x");
	assert_said("nobody read the failure of a future, made in inspect.test_debug+0x");
}

static int leaves_a_cancelled_failure(void *arg)
{
	awl_task_group g;
	awl_task *t;

	(void)arg;
	assert_int_equal(awl_create_task(fails, NULL, &t), 0);
	assert_int_equal(awl_cancel(t, "not needed"), 1);
	assert_string_equal(awl_cancel_reason(t), "not needed");
	assert_int_equal(awl_join(t), 0);
	awl_unref(t);
	/* A reason that nobody gave is none, whatever is kept in its place. */
	awl_task_group_enter(&g);
	assert_string_equal(awl_cancel_reason(awl_current_task()), "");
	return awl_task_group_exit(&g, 0);
}

static void a_task_that_is_cancelled_keeps_both_reason_and_place(void **state)
{
	(void)state;
	run(AWL_LOOP_DEBUG, leaves_a_cancelled_failure);
	assert_said("nobody read the failure of task Task-2, made in inspect.test_debug+0x");
}

static int schedules_a_failure(void *arg)
{
	(void)arg;
	assert_int_equal(awl_loop_call_soon(here(), fails, NULL, NULL), 0);
	return awl_yield();
}

static void debug_mode_tells_where_a_failed_callback_was_scheduled(void **state)
{
	(void)state;
	run(0, schedules_a_failure);
	assert_said("callback inspect.test_debug+0x");
	assert_not_said("scheduled in");
	run(AWL_LOOP_DEBUG, schedules_a_failure);
	assert_said(", scheduled in inspect.test_debug+0x");
}

static awl_future *gate;
static int rounds;

/* Takes no notice of its request. */
static int goes_on(void *arg)
{
	int r = awl_await(gate);

	(void)arg;
	assert_int_equal(r, AWL_ECANCELED);
	for (int i = 0; i < rounds; i++)
		assert_int_equal(awl_yield(), 0);
	return 5;
}

static int cancels_in_vain(void *arg)
{
	awl_task *t;

	(void)arg;
	assert_int_equal(awl_loop_create_future(here(), 0, &gate), 0);
	assert_int_equal(awl_create_task(goes_on, NULL, &t), 0);
	assert_int_equal(awl_yield(), 0);
	awl_ref(gate);
	assert_int_equal(awl_cancel(t, "time to go"), 1);
	assert_int_equal(awl_await(t), 5);
	awl_unref(t);
	awl_unref(gate);
	awl_unref(gate);
	return 0;
}

static void a_request_swallowed_for_a_thousand_waits_is_told(void **state)
{
	(void)state;
	rounds = 999;
	run(0, cancels_in_vain);
	assert_int_equal(ear.lines, 0);
	rounds = 2000;
	run(0, cancels_in_vain);
	assert_int_equal(ear.lines, 1);
	assert_said("task Task-2 was asked to stop (time to go), swallowed it and has done 1000 "
		    "more waits");
}

static void debug_mode_tells_of_each_that_ends_well_although_asked_to_stop(void **state)
{
	(void)state;
	rounds = 3;
	run(0, cancels_in_vain);
	assert_int_equal(ear.lines, 0);
	run(AWL_LOOP_DEBUG, cancels_in_vain);
	assert_int_equal(ear.lines, 1);
	assert_said(
		"task Task-2 was asked to stop (time to go), did 3 more waits and ended with 5");
}

static int refuses_openly(void *arg)
{
	int r = awl_await(gate);

	(void)arg;
	assert_int_equal(r, AWL_ECANCELED);
	assert_int_equal(awl_uncancel(awl_current_task()), 0);
	assert_int_equal(awl_yield(), 0);
	return 0;
}

static int cancels_who_refuses(void *arg)
{
	awl_task *t;

	(void)arg;
	assert_int_equal(awl_loop_create_future(here(), 0, &gate), 0);
	assert_int_equal(awl_create_task(refuses_openly, NULL, &t), 0);
	assert_int_equal(awl_yield(), 0);
	assert_int_equal(awl_cancel(t, NULL), 1);
	assert_int_equal(awl_await(t), 0);
	awl_unref(t);
	awl_unref(gate);
	return 0;
}

static void who_takes_a_request_back_has_not_swallowed_it(void **state)
{
	(void)state;
	run(AWL_LOOP_DEBUG, cancels_who_refuses);
	assert_int_equal(ear.lines, 0);
}

static int sleeps_long(void *arg)
{
	(void)arg;
	return awl_sleep(1000 * AWL_SEC);
}

static int leaves_a_task_behind(void *arg)
{
	(void)arg;
	assert_int_equal(awl_create_task(sleeps_long, NULL, NULL), 0);
	return awl_yield();
}

static void debug_mode_tells_of_a_task_pending_at_the_close_with_its_wait(void **state)
{
	(void)state;
	run(0, leaves_a_task_behind);
	assert_int_equal(ear.lines, 0);
	run(AWL_LOOP_DEBUG, leaves_a_task_behind);
	assert_int_equal(ear.lines, 1);
	assert_said("task Task-2, inspect.test_debug+0x");
	assert_said("is pending as its loop closes: it waits for ");
	assert_said(" s more to pass, ");
	assert_said("; made in inspect.test_debug+0x");
}

static void debug_mode_is_set_by_call_option_and_environment(void **state)
{
	awl_loop_options o = { .flags = AWL_LOOP_DEBUG };
	awl_loop *l = new_loop(NULL);

	(void)state;
	assert_int_equal(awl_loop_get_debug(l), 0);
	assert_int_equal(awl_loop_set_debug(l, 1), 0);
	assert_int_equal(awl_loop_get_debug(l), 1);
	assert_int_equal(awl_loop_set_debug(l, 0), 0);
	assert_int_equal(awl_loop_get_debug(l), 0);
	end_loop(l);
	assert_int_equal(awl_loop_new(&o, &l), 0);
	assert_int_equal(awl_loop_get_debug(l), 1);
	end_loop(l);
	setenv("AWL_DEBUG", "1", 1);
	l = new_loop(NULL);
	unsetenv("AWL_DEBUG");
	assert_int_equal(awl_loop_get_debug(l), 1);
	end_loop(l);
}

static void a_task_still_has_three_cache_lines(void **state)
{
	(void)state;
	if (AWL__ASAN || AWL__TSAN)
		skip();
	assert_int_equal(sizeof(struct awl__task), 3 * AWL__CACHE_LINE);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, open_ear, close_ear)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_failure_nobody_read_is_told_at_the_last_unref),
		CASE(debug_mode_tells_where_the_unread_was_made),
		CASE(a_task_that_is_cancelled_keeps_both_reason_and_place),
		CASE(debug_mode_tells_where_a_failed_callback_was_scheduled),
		CASE(a_request_swallowed_for_a_thousand_waits_is_told),
		CASE(debug_mode_tells_of_each_that_ends_well_although_asked_to_stop),
		CASE(who_takes_a_request_back_has_not_swallowed_it),
		CASE(debug_mode_tells_of_a_task_pending_at_the_close_with_its_wait),
		CASE(debug_mode_is_set_by_call_option_and_environment),
		CASE(a_task_still_has_three_cache_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
