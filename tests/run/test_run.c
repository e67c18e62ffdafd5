/* SPDX-License-Identifier: MIT */
/*
 * @reactors @valgrind
 * test_run.c - awl_run: a new loop, one body, and nothing left over.
 */
#include "support.h"

static struct heard heard;

static int value(void *arg)
{
	return *(int *)arg;
}

/* L23 */
static void it_returns_what_its_function_does(void **state)
{
	int codes[] = { 0, 3, -EIO, -1, INT32_MAX };

	for (size_t i = 0; i < COUNT(codes); i++)
		assert_int_equal(awl_run(value, &codes[i]), codes[i]);
}

/* L23, L26: CancelledError out of asyncio.run */
static void a_cancelled_body_is_told_as_a_cancelled_future(void **state)
{
	int code = AWL_ECANCELED;

	assert_int_equal(awl_run(value, &code), AWL_EFUTURECANCELED);
}

static int cancel_self(void *arg)
{
	assert_int_equal(awl_cancel(awl_current_task(), "enough"), 1);
	return awl_sleep(AWL_SEC);
}

static void a_body_that_cancels_itself_ends_so(void **state)
{
	assert_int_equal(awl_run(cancel_self, NULL), AWL_EFUTURECANCELED);
}

static int remember_loop(void *arg)
{
	awl_loop **l = arg;

	assert_string_equal(awl_loop_name(here()), "mine");
	*l = awl_loop_ref(here());
	return 0;
}

/* L23: 'new loop each time', closed in the end */
static void each_run_has_a_loop_of_its_own_closed_in_the_end(void **state)
{
	awl_loop_options o = { .name = "mine" };
	awl_loop *a, *b;

	assert_int_equal(awl_run_with(&o, remember_loop, &a), 0);
	assert_int_equal(awl_run_with(&o, remember_loop, &b), 0);
	assert_ptr_not_equal(a, b);
	assert_int_equal(awl_loop_is_closed(a), 1);
	assert_int_equal(awl_loop_is_closed(b), 1);
	awl_loop_unref(a);
	awl_loop_unref(b);
}

static int run_inside(void *arg)
{
	int code = 5;

	assert_int_equal(awl_run(value, &code), AWL_ENESTED);
	assert_non_null(strstr(awl_error_detail(AWL_ENESTED), "awl_run"));
	return 0;
}

static int run_in_callback(void *arg)
{
	return awl_loop_call_soon(here(), run_inside, NULL, NULL) || awl_yield();
}

/* L23 */
static void it_cannot_be_called_in_a_running_loop(void **state)
{
	in_loop(run_inside, NULL);
	in_loop(run_in_callback, NULL);
}

static int count_up(void *arg)
{
	++*(int *)arg;
	return 0;
}

static void a_refused_run_never_starts_its_function(void **state)
{
	awl_loop_options o = { .reactor = "no such" };
	int n = 0;

	assert_int_equal(awl_run_with(&o, count_up, &n), -EINVAL);
	assert_int_equal(awl_run(NULL, NULL), -EINVAL);
	assert_int_equal(n, 0);
}

struct leftover {
	int woken, cleaned, outcome;
};

static int leftover(void *arg)
{
	struct leftover *w = arg;
	awl_shield s;
	int r;

	w->woken = awl_sleep(AWL_FOREVER);
	r = awl_shield_enter(&s, AWL_FOREVER);
	if (r == 0)
		r = awl_sleep(AWL_MS);
	w->cleaned = awl_shield_exit(&s, r) == 0;
	return w->outcome;
}

static int leave_some(void *arg)
{
	struct leftover *w = arg;

	for (int i = 0; i < 3; i++)
		assert_int_equal(awl_create_task(leftover, &w[i], NULL), 0);
	assert_int_equal(awl_yield(), 0);
	return 9;
}

/* L25 */
static void what_is_left_is_cancelled_waited_for_and_its_failures_told(void **state)
{
	struct leftover w[3] = { { .outcome = AWL_ECANCELED }, { .outcome = -EIO },
		{ .outcome = 1 } };

	listen_to_awl(&heard);
	assert_int_equal(awl_run(leave_some, w), 9);
	stop_listening();
	for (size_t i = 0; i < COUNT(w); i++) {
		assert_int_equal(w[i].woken, AWL_ECANCELED);
		assert_int_equal(w[i].cleaned, 1);
	}
	assert_int_equal(heard.lines, 1);
	assert_heard(&heard, "nobody read the failure of task Task-3: Input/output error (EIO)");
}

static int leave_and_fail(void *arg)
{
	return leave_some(arg) == 9 ? -EPIPE : 0;
}

/* L25: the body's own failure is the run's, and is not told twice. */
static void the_bodys_failure_is_returned_and_not_told(void **state)
{
	struct leftover w[3] = { { .outcome = 0 }, { .outcome = 0 }, { .outcome = 0 } };

	listen_to_awl(&heard);
	assert_int_equal(awl_run(leave_and_fail, w), -EPIPE);
	stop_listening();
	assert_int_equal(heard.lines, 0);
	assert_int_equal(w[2].cleaned, 1);
}

static int stop_it(void *arg)
{
	int *reached = arg, r;

	assert_int_equal(awl_loop_stop(here()), 0);
	r = awl_sleep(AWL_SEC);
	*reached = r;
	return r;
}

/* L4 in a run: its main task is a leftover then. */
static void a_stopped_run_says_so_and_still_ends_its_body(void **state)
{
	int reached = 0;

	assert_int_equal(awl_run(stop_it, &reached), AWL_ESTOPPED);
	assert_int_equal(reached, AWL_ECANCELED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_returns_what_its_function_does),
		cmocka_unit_test(a_cancelled_body_is_told_as_a_cancelled_future),
		cmocka_unit_test(a_body_that_cancels_itself_ends_so),
		cmocka_unit_test(each_run_has_a_loop_of_its_own_closed_in_the_end),
		cmocka_unit_test(it_cannot_be_called_in_a_running_loop),
		cmocka_unit_test(a_refused_run_never_starts_its_function),
		cmocka_unit_test(what_is_left_is_cancelled_waited_for_and_its_failures_told),
		cmocka_unit_test(the_bodys_failure_is_returned_and_not_told),
		cmocka_unit_test(a_stopped_run_says_so_and_still_ends_its_body),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
