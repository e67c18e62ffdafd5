/* SPDX-License-Identifier: MIT */
/*
 * test_completed.c - @reactors @valgrind: futures in the order in which they get done (T18).
 * CPython's test_tasks: the test_as_completed_* cases.
 */
#include "crew.h"

static int in_order(void *arg)
{
	struct hand hands[] = { { .takes = -6, .comes_to = 0 }, { .takes = -2, .comes_to = 1 },
		{ .takes = -4, .comes_to = -EIO } };
	awl_future *fs[] = { send_off(&hands[0]), send_off(&hands[1]), send_off(&hands[2]) }, *f;
	const int order[] = { 1, 2, 0 };
	awl_as_completed it;
	int r, n = 0;

	assert_int_equal(awl_as_completed_enter(&it, fs, 3, AWL_FOREVER), 0);
	while ((r = awl_as_completed_next(&it, &f)) > 0) {
		assert_ptr_equal(f, fs[order[n]]);
		assert_int_equal(awl_result(f), hands[order[n]].comes_to);
		awl_unref(f);
		n++;
	}
	assert_int_equal(awl_as_completed_exit(&it, r), 0);
	assert_int_equal(n, 3);
	return 0;
}

static void they_come_as_they_complete(void **state)
{
	in_loop(in_order, NULL); /* T18; test_as_completed */
}

static int done_first(void *arg)
{
	awl_future *fs[] = { promise(), promise(), promise() }, *f;
	awl_as_completed it;

	awl_future_set_result(fs[1], 1);
	assert_int_equal(awl_as_completed_enter(&it, fs, 3, AWL_FOREVER), 0);
	awl_future_set_result(fs[2], 2);
	assert_int_equal(awl_as_completed_next(&it, &f), 1);
	assert_ptr_equal(f, fs[1]);
	assert_int_equal(awl_as_completed_next(&it, &f), 1);
	assert_ptr_equal(f, fs[2]);
	awl_cancel(fs[0], NULL);
	assert_int_equal(awl_as_completed_next(&it, &f), 1); /* a cancelled one comes too */
	assert_ptr_equal(f, fs[0]);
	assert_int_equal(awl_as_completed_next(&it, &f), 0);
	assert_int_equal(awl_as_completed_next(&it, &f), 0);
	assert_int_equal(awl_as_completed_exit(&it, 17), 17);
	for (int i = 0; i < 3; i++)
		awl_unref(fs[i]);
	return 0;
}

static void those_done_before_come_first(void **state)
{
	in_loop(done_first, NULL);
}

static int in_time(void *arg)
{
	struct hand a = { .takes = 10 * AWL_MS, .comes_to = 1 }, b = { .takes = AWL_SEC };
	awl_future *fs[] = { send_off(&a), send_off(&b) }, *f;
	awl_as_completed it;

	assert_int_equal(awl_as_completed_enter(&it, fs, 2, 100 * AWL_MS), 0);
	assert_int_equal(awl_as_completed_next(&it, &f), 1);
	assert_int_equal(awl_as_completed_next(&it, &f), -ETIMEDOUT);
	assert_int_equal(awl_as_completed_next(&it, &f), -ETIMEDOUT);
	assert_int_equal(awl_as_completed_exit(&it, -ETIMEDOUT), -ETIMEDOUT);
	assert_int_equal(b.asked, 0);
	awl_cancel(fs[1], NULL);
	assert_int_equal(awl_join(fs[1]), 0);
	awl_unref(fs[0]);
	awl_unref(fs[1]);
	return 0;
}

static void one_time_limit_is_for_all(void **state)
{
	in_sim(in_time, NULL); /* T18; test_as_completed_with_timeout */
}

static int twice(void *arg)
{
	awl_future *f = promise(), *fs[] = { f, f }, *g;
	awl_as_completed it;

	assert_int_equal(awl_as_completed_enter(&it, fs, 2, AWL_FOREVER), 0);
	awl_future_set_result(f, 0);
	assert_int_equal(awl_as_completed_next(&it, &g), 1);
	assert_int_equal(awl_as_completed_next(&it, &g), 1);
	assert_int_equal(awl_as_completed_next(&it, &g), 0);
	awl_as_completed_exit(&it, 0);
	awl_unref(f);
	return 0;
}

static void one_that_stands_there_twice_comes_twice(void **state)
{
	in_loop(twice, NULL); /* T18: different; test_as_completed_duplicate_coroutines */
}

static int left_early(void *arg)
{
	awl_future *fs[] = { promise(), promise() }, *f;
	awl_as_completed it;

	assert_int_equal(awl_as_completed_enter(&it, fs, 2, AWL_FOREVER), 0);
	awl_future_set_result(fs[0], 1); /* its callback is on its way */
	awl_as_completed_exit(&it, 0);
	assert_true(awl__list_empty(&fs[1]->waiters));
	assert_int_equal(awl_as_completed_next(&it, &f), AWL_ESCOPE);
	assert_int_equal(awl_as_completed_exit(&it, 3), 3);
	assert_int_equal(awl_sleep(0), 0);
	awl_unref(fs[0]);
	awl_unref(fs[1]);
	return 0;
}

static void it_can_be_left_at_any_time(void **state)
{
	in_loop(left_early, NULL);
}

struct walk {
	awl_future **fs;
	size_t n;
	int got, asked;
};

static int walk_task(void *arg)
{
	struct walk *w = arg;
	awl_as_completed it;
	awl_future *f;
	int r;

	assert_int_equal(awl_as_completed_enter(&it, w->fs, w->n, AWL_FOREVER), 0);
	while ((r = awl_as_completed_next(&it, &f)) > 0 || r == AWL_ECANCELED) {
		w->got += r > 0;
		w->asked += r < 0;
	}
	return awl_as_completed_exit(&it, r);
}

static int cut_walk(void *arg)
{
	long turns = *(long *)arg;
	struct hand hands[] = { { .takes = -2 }, { .takes = -2 }, { .takes = -5 } };
	awl_future *fs[] = { send_off(&hands[0]), send_off(&hands[1]), send_off(&hands[2]) };
	struct walk w = { fs, 3, 0, 0 };
	struct knife knife;
	awl_task *t;

	assert_int_equal(awl_create_task(walk_task, &w, &t), 0);
	throw_knife(&knife, t, turns);
	assert_int_equal(awl_await(t), 0);
	assert_int_equal(w.got, 3);
	catch_knife(&knife);
	for (int i = 0; i < 3; i++)
		awl_unref(fs[i]);
	awl_unref(t);
	return knife.asked == 1;
}

static void a_cancel_at_each_moment_loses_none(void **state)
{
	long turns = 0;
	int r;

	do
		r = awl_run(cut_walk, &turns);
	while (r == 1 && turns++ < 100);
	assert_int_equal(r, 0);
	assert_true(turns > 3);
}

static int refused(void *arg)
{
	awl_as_completed it;
	awl_future *f, *none[] = { NULL };

	assert_int_equal(awl_as_completed_enter(&it, none, 1, AWL_FOREVER), -EINVAL);
	assert_int_equal(awl_as_completed_next(&it, &f), -EINVAL);
	assert_int_equal(awl_as_completed_exit(&it, -EINVAL), -EINVAL);
	assert_int_equal(awl_as_completed_enter(&it, NULL, 0, AWL_FOREVER), 0);
	assert_int_equal(awl_as_completed_next(&it, &f), 0);
	awl_as_completed_exit(&it, 0);
	return 0;
}

static void a_refusal_by_enter_comes_out_of_next(void **state)
{
	in_loop(refused, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(they_come_as_they_complete),
		cmocka_unit_test(those_done_before_come_first),
		cmocka_unit_test(one_time_limit_is_for_all),
		cmocka_unit_test(one_that_stands_there_twice_comes_twice),
		cmocka_unit_test(it_can_be_left_at_any_time),
		cmocka_unit_test(a_cancel_at_each_moment_loses_none),
		cmocka_unit_test(a_refusal_by_enter_comes_out_of_next),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
