/* SPDX-License-Identifier: MIT */
/*
 * test_reports.c - @reactors: rows that combinators rest on: a failure nobody read is told (F10),
 * who makes futures (F14), and nothing runs inside create (T22, T23).
 */
#include "crew.h"

struct told {
	int times, error;
	bool task;
};

static void handler(awl_loop *loop, const awl_exception *e, void *arg)
{
	struct told *t = arg;

	t->times++;
	t->error = e->error;
	t->task = e->task != NULL;
}

static int unread(void *arg)
{
	struct hand a = { .takes = 0, .comes_to = -EIO };
	struct told *told = arg;
	awl_future *f = promise();
	awl_task *t = send_off(&a);

	awl_loop_set_exception_handler(here(), handler, told);
	assert_int_equal(awl_join(t), 0); /* waits, and reads nothing */
	assert_int_equal(told->times, 0);
	awl_unref(t);
	assert_int_equal(told->times, 1);
	assert_int_equal(told->error, -EIO);
	assert_true(told->task);
	awl_future_set_exception(f, -EPERM);
	awl_unref(f);
	assert_int_equal(told->times, 2);
	assert_int_equal(told->error, -EPERM);

	t = send_off(&a);
	assert_int_equal(awl_await(t), -EIO); /* read: no word */
	awl_unref(t);
	assert_int_equal(told->times, 2);
	return 0;
}

static void a_failure_that_nobody_read_is_told_at_the_last_unref(void **state)
{
	struct told told = { 0 };

	in_loop(unread, &told); /* F10; test_tb_logger_exception_unretrieved */
	assert_int_equal(told.times, 2);
}

static int kept(void *arg)
{
	struct hand a = { .takes = 0, .comes_to = -EIO };
	awl_task **t = arg;

	*t = send_off(&a);
	return awl_join(*t);
}

static void a_kept_reference_does_not_silence_it(void **state)
{
	awl_loop *l = new_loop(NULL);
	struct told told = { 0 };
	awl_task *t;

	awl_loop_set_exception_handler(l, handler, &told);
	assert_int_equal(awl_loop_run_until_complete(l, kept, &t), 0);
	assert_int_equal(told.times, 0);
	assert_int_equal(awl_loop_close(l), 0); /* F10: different, asyncio is silent for ever */
	assert_int_equal(told.times, 1);
	assert_int_equal(awl_result(t), -EIO);
	awl_unref(t);
	awl_loop_unref(l);
}

static int left_behind(void *arg)
{
	struct hand a = { .takes = -4, .comes_to = -EPERM }, b = { .takes = -1, .comes_to = -EIO };
	awl_future *fs[] = { send_off(&a), send_off(&b) };
	struct told *told = arg;

	awl_loop_set_exception_handler(here(), handler, told);
	assert_int_equal(awl_gather_futures(fs, 2, NULL, AWL_LEAVE_SIBLINGS), -EIO);
	awl_unref(fs[0]);
	awl_unref(fs[1]);
	while (!a.ended)
		assert_int_equal(awl_yield(), 0);
	assert_int_equal(awl_yield(), 0);
	assert_int_equal(told->times, 1);
	assert_int_equal(told->error, -EPERM);
	return 0;
}

static void a_sibling_left_behind_is_told_of_when_it_fails(void **state)
{
	struct told told = { 0 };

	in_loop(left_behind, &told); /* T19: different, asyncio marks it as retrieved */
}

static int one_maker(void *arg)
{
	awl_future *f, *with_room;

	assert_int_equal(awl_loop_create_future(here(), 0, &f), 0);
	assert_int_equal(awl_loop_create_future(here(), 24, &with_room), 0);
	assert_null(awl_future_payload(f));
	assert_non_null(awl_future_payload(with_room));
	awl_unref(f);
	awl_unref(with_room);
	return 0;
}

static void the_loop_makes_futures_with_room_for_a_result(void **state)
{
	in_loop(one_maker, NULL); /* F14: different */
}

static int lazily(void *arg)
{
	struct hand a = { .takes = -1, .comes_to = 3 };
	uint64_t before = here()->iterations;
	awl_task *t = send_off(&a);

	assert_int_equal(a.began, 0); /* T22: different */
	assert_int_equal(awl_cancel(t, NULL), 1); /* T23: never too late */
	a = (struct hand){ .takes = -1, .comes_to = 3 };
	assert_int_equal(work(&a), 3); /* the eager way is to call it: no task, no iteration more */
	assert_int_equal(here()->iterations - before, 1);
	assert_int_equal(awl_join(t), 0);
	awl_unref(t);
	return 0;
}

static void nothing_runs_inside_create_and_a_call_is_the_eager_way(void **state)
{
	in_loop(lazily, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_failure_that_nobody_read_is_told_at_the_last_unref),
		cmocka_unit_test(a_kept_reference_does_not_silence_it),
		cmocka_unit_test(a_sibling_left_behind_is_told_of_when_it_fails),
		cmocka_unit_test(the_loop_makes_futures_with_room_for_a_result),
		cmocka_unit_test(nothing_runs_inside_create_and_a_call_is_the_eager_way),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
