/* SPDX-License-Identifier: MIT */
/*
 * test_gather.c - @reactors @valgrind: many at once, to the end of all (T19-T21). CPython's
 * test_tasks: CoroutineGatherTests, FutureGatherTests, GatherTestsBase.
 */
#include "base/alloc.h"
#include "crew.h"

#define JOB(hand) \
	{ \
		.fn = work, .arg = (hand) \
	}

static int results_in_order(void *arg)
{
	struct hand a = { .takes = -3, .comes_to = 1 }, b = { .takes = -1, .comes_to = 2 },
		    c = { .takes = -2, .comes_to = 3 };
	awl_job jobs[] = { JOB(&a), JOB(&b), JOB(&c) };

	assert_int_equal(awl_gather(jobs, 3, 0), 0);
	assert_int_equal(jobs[0].result, 1);
	assert_int_equal(jobs[1].result, 2);
	assert_int_equal(jobs[2].result, 3);
	assert_null(jobs[0].task);
	assert_int_equal(out, 0);
	return 0;
}

static void results_stand_in_their_places(void **state)
{
	in_loop(results_in_order, NULL); /* T19; test_success, test_one_success */
}

static int nothing_to_do(void *arg)
{
	awl_loop *l = here();
	uint64_t before = l->iterations;

	assert_int_equal(awl_gather(NULL, 0, 0), 0);
	assert_int_equal(awl_gather_futures(NULL, 0, NULL, 0), 0);
	assert_int_equal(l->iterations, before); /* C12: gather() empty takes none */
	return 0;
}

static void nothing_to_gather_is_done_at_once(void **state)
{
	in_loop(nothing_to_do, NULL); /* test_constructor_empty_sequence */
}

static int one_fails(void *arg)
{
	struct hand a = { .takes = AWL_SEC }, b = { .takes = -2, .comes_to = -EIO },
		    c = { .takes = AWL_SEC, .cleanup = AWL_MS };
	awl_job jobs[] = { JOB(&a), JOB(&b), JOB(&c) };

	assert_int_equal(awl_gather(jobs, 3, AWL_CANCEL_SIBLINGS), -EIO);
	assert_int_equal(jobs[0].result, AWL_EFUTURECANCELED);
	assert_int_equal(jobs[1].result, -EIO);
	assert_int_equal(jobs[2].result, AWL_EFUTURECANCELED);
	assert_int_equal(out, 0); /* the siblings have ended, their clean-up too */
	assert_int_equal(awl_sleep(0), 0);
	return 0;
}

static void the_first_failure_cancels_the_siblings(void **state)
{
	in_loop(one_fails, NULL); /* T19: different, see AWL_LEAVE_SIBLINGS */
}

static int two_fail(void *arg)
{
	struct hand a = { .takes = -5, .comes_to = -EIO }, b = { .takes = -2, .comes_to = -EPERM };
	awl_job jobs[] = { JOB(&a), JOB(&b) };

	assert_int_equal(awl_gather(jobs, 2, 0), -EPERM);
	return 0;
}

static void the_first_failure_in_time_is_the_outcome(void **state)
{
	in_loop(two_fail, NULL); /* test_one_exception, test_env_var_debug's order */
}

static int collect(void *arg)
{
	struct hand a = { .takes = -4, .comes_to = 7 }, b = { .takes = -1, .comes_to = -EIO },
		    c = { .takes = -2, .comes_to = AWL_ECANCELED };
	awl_job jobs[] = { JOB(&a), JOB(&b), JOB(&c) };

	assert_int_equal(awl_gather(jobs, 3, AWL_RETURN_EXCEPTIONS), 0);
	assert_int_equal(jobs[0].result, 7);
	assert_int_equal(jobs[1].result, -EIO);
	assert_int_equal(jobs[2].result, AWL_EFUTURECANCELED);
	assert_int_equal(a.asked, 0);
	return 0;
}

static void failures_are_collected_on_demand(void **state)
{
	in_loop(collect, NULL); /* test_return_exceptions */
}

static int cancels_itself(void *arg)
{
	awl_cancel(awl_current_task(), NULL);
	return awl_yield();
}

static int child_cancelled(void *arg)
{
	struct hand a = { .takes = AWL_SEC };
	awl_job jobs[] = { JOB(&a), { .fn = cancels_itself } };

	assert_int_equal(awl_gather(jobs, 2, 0), AWL_EFUTURECANCELED);
	assert_int_equal(jobs[0].result, AWL_EFUTURECANCELED);
	assert_int_equal(a.ended, 1);
	assert_int_equal(awl_sleep(0), 0); /* the caller itself was not asked */
	return 0;
}

static void a_cancelled_child_counts_as_its_failure(void **state)
{
	in_loop(child_cancelled, NULL); /* T20; test_one_cancellation */
}

struct gather {
	awl_job *jobs;
	size_t n;
	int how, r;
};

static int gather_task(void *arg)
{
	struct gather *g = arg;

	g->r = awl_gather(g->jobs, g->n, g->how);
	return g->r;
}

static int outer_cancelled(void *arg)
{
	for (int how = 0; how <= AWL_RETURN_EXCEPTIONS; how++) {
		struct hand a = { .takes = AWL_SEC, .cleanup = AWL_MS }, b = { .takes = AWL_SEC };
		awl_job jobs[] = { JOB(&a), JOB(&b) };
		struct gather g = { jobs, 2, how, 0 };
		awl_task *t;

		assert_int_equal(awl_create_task(gather_task, &g, &t), 0);
		assert_int_equal(awl_sleep(AWL_MS), 0);
		assert_int_equal(awl_cancel(t, NULL), 1);
		assert_int_equal(awl_await(t), AWL_EFUTURECANCELED);
		assert_int_equal(g.r, AWL_ECANCELED);
		assert_int_equal(a.ended + b.ended, 2);
		assert_int_equal(a.asked, 1);
		assert_int_equal(out, 0);
		awl_unref(t);
	}
	return 0;
}

static void a_cancelled_gather_cancels_and_joins_all_children(void **state)
{
	in_loop(outer_cancelled, NULL); /* T21; test_cancellation_broadcast, issue 32684 */
}

static int finished_before_the_cancel(void *arg)
{
	struct hand a = { .takes = -1, .comes_to = 5 };
	awl_job jobs[] = { JOB(&a) };
	struct gather g = { jobs, 1, 0, 0 };
	awl_task *t;

	assert_int_equal(awl_create_task(gather_task, &g, &t), 0);
	while (!a.ended)
		assert_int_equal(awl_yield(), 0);
	awl_cancel(t, NULL); /* it is about to go on with its results */
	assert_int_equal(awl_await(t), 0);
	assert_int_equal(jobs[0].result, 5);
	awl_unref(t);
	return 0;
}

static void a_cancel_after_the_last_child_loses_no_result(void **state)
{
	in_loop(finished_before_the_cancel, NULL); /* T21: once done, a cancel does nothing */
}

static int asked_before(void *arg)
{
	struct hand a = { .takes = 0 };
	awl_job jobs[] = { JOB(&a) };

	awl_cancel(awl_current_task(), NULL);
	assert_int_equal(awl_gather(jobs, 1, 0), AWL_ECANCELED);
	assert_int_equal(jobs[0].result, AWL_EPENDING);
	assert_int_equal(a.began, 0);
	return 0;
}

static void who_was_asked_to_stop_begins_nothing(void **state)
{
	in_loop(asked_before, NULL);
}

static int no_memory_left;

static int fault(void)
{
	return no_memory_left && --no_memory_left == 0;
}

static int without_memory(void *arg)
{
	static awl_job jobs[600];
	static struct hand hands[600];
	int refused = 0;

	for (int n = 1; n < 6; n++) {
		int r;

		memset(hands, 0, sizeof hands);
		for (int i = 0; i < 600; i++)
			jobs[i] = (awl_job)JOB(&hands[i]);
		no_memory_left = n;
		awl__alloc_fault = fault;
		r = awl_gather(jobs, 600, 0);
		awl__alloc_fault = (int (*)(void))0;
		if (r == 0)
			continue;
		assert_int_equal(r, -ENOMEM);
		refused++;
		for (int i = 0; i < 600 && !hands[0].began; i++) {
			assert_int_equal(hands[i].began, 0);
			assert_int_equal(jobs[i].result, AWL_EPENDING);
		}
	}
	assert_true(refused > 0);
	return 0;
}

static void without_memory_for_all_none_begins(void **state)
{
	in_loop(without_memory, NULL);
}

static int a_deadline(void *arg)
{
	struct hand a = { .takes = AWL_SEC }, b = { .takes = -1, .comes_to = 4 };
	awl_job jobs[] = { JOB(&a), JOB(&b) };
	awl_timeout t;
	int r;

	awl_timeout_enter(&t, AWL_MS);
	r = awl_gather(jobs, 2, AWL_RETURN_EXCEPTIONS);
	assert_int_equal(awl_timeout_exit(&t, r), -ETIMEDOUT);
	assert_int_equal(jobs[1].result, 4); /* what came in time is there */
	assert_int_equal(jobs[0].result, AWL_EFUTURECANCELED);
	return 0;
}

static void a_timeout_around_it_stops_the_children(void **state)
{
	in_loop(a_deadline, NULL);
}

static int bad_arguments(void *arg)
{
	awl_job none = { 0 };

	assert_int_equal(awl_gather(NULL, 1, 0), -EINVAL);
	assert_int_equal(awl_gather(&none, 1, 0), -EINVAL);
	assert_int_equal(awl_gather(&none, 1, 17), -EINVAL);
	none.fn = work;
	assert_int_equal(awl_gather(&none, 1, AWL_LEAVE_SIBLINGS), -EINVAL);
	assert_int_equal(awl_gather_futures(NULL, 1, NULL, 0), -EINVAL);
	assert_int_equal(awl_gather_futures(NULL, 0, NULL, -1), -EINVAL);
	return 0;
}

static void bad_arguments_are_refused(void **state)
{
	awl_job job = { .fn = work };

	in_loop(bad_arguments, NULL);
	assert_int_equal(awl_gather(&job, 1, 0), AWL_ENOLOOP);
}

/* futures */

static int futures_in_order(void *arg)
{
	struct hand a = { .takes = -3, .comes_to = 1 }, b = { .takes = -1, .comes_to = 2 };
	awl_future *fs[] = { send_off(&a), send_off(&b), promise(), NULL };
	int results[4];

	fs[3] = fs[0]; /* test_duplicate_coroutines */
	awl_future_set_result(fs[2], 9);
	assert_int_equal(awl_gather_futures(fs, 4, results, 0), 0);
	assert_int_equal(results[0], 1);
	assert_int_equal(results[1], 2);
	assert_int_equal(results[2], 9);
	assert_int_equal(results[3], 1);
	assert_int_equal(a.began, 1);
	for (int i = 0; i < 3; i++)
		awl_unref(fs[i]);
	return 0;
}

static void futures_are_gathered_in_their_places_too(void **state)
{
	in_loop(futures_in_order, NULL);
}

static int future_fails(void *arg)
{
	struct hand a = { .takes = AWL_SEC, .cleanup = AWL_MS },
		    b = { .takes = -1, .comes_to = -EIO };
	awl_future *fs[] = { send_off(&a), send_off(&b), promise() };
	int results[3];

	assert_int_equal(awl_gather_futures(fs, 3, results, 0), -EIO);
	assert_int_equal(results[0], AWL_EFUTURECANCELED);
	assert_int_equal(results[1], -EIO);
	assert_int_equal(results[2], AWL_EFUTURECANCELED);
	assert_int_equal(out, 0);
	for (int i = 0; i < 3; i++)
		awl_unref(fs[i]);
	return 0;
}

static void a_failed_future_cancels_the_others_and_waits_for_them(void **state)
{
	in_loop(future_fails, NULL);
}

static int siblings_run_on(void *arg)
{
	struct hand a = { .takes = -9, .comes_to = 6 }, b = { .takes = -1, .comes_to = -EIO };
	awl_future *fs[] = { send_off(&a), send_off(&b) };
	int results[2];

	assert_int_equal(awl_gather_futures(fs, 2, results, AWL_LEAVE_SIBLINGS), -EIO);
	assert_int_equal(results[0], AWL_EPENDING);
	assert_int_equal(a.ended, 0);
	assert_int_equal(awl_await(fs[0]), 6); /* nobody has disturbed it */
	awl_unref(fs[0]);
	awl_unref(fs[1]);
	return 0;
}

static void asyncios_way_leaves_the_siblings_running(void **state)
{
	in_loop(siblings_run_on, NULL); /* T19 as in asyncio */
}

struct gather_futures {
	awl_future **fs;
	size_t n;
	int how, r;
	int next_wait;
};

static int gather_futures_task(void *arg)
{
	struct gather_futures *g = arg;

	g->r = awl_gather_futures(g->fs, g->n, NULL, g->how);
	g->next_wait = awl_sleep(0);
	return g->r;
}

static int cancelled_futures(void *arg)
{
	for (int how = 0; how <= AWL_LEAVE_SIBLINGS; how++) {
		struct hand a = { .takes = AWL_SEC, .cleanup = 2 * AWL_MS },
			    b = { .takes = AWL_SEC, .cleanup = AWL_MS };
		awl_future *fs[] = { send_off(&a), send_off(&b), promise() };
		struct gather_futures g = { fs, 3, how, 0, 0 };
		awl_task *t;

		assert_int_equal(awl_create_task(gather_futures_task, &g, &t), 0);
		assert_int_equal(awl_sleep(0), 0);
		assert_int_equal(awl_sleep(0), 0);
		awl_cancel(t, "enough");
		assert_int_equal(awl_join(t), 0);
		assert_int_equal(g.r, AWL_ECANCELED);
		assert_int_equal(g.next_wait, 0); /* one request, one delivery */
		assert_int_equal(out, 0);
		assert_true(awl_cancelled(fs[2]));
		awl_unref(t);
		for (int i = 0; i < 3; i++)
			awl_unref(fs[i]);
	}
	return 0;
}

static void a_cancelled_gather_of_futures_cancels_them_in_each_way(void **state)
{
	in_loop(cancelled_futures, NULL); /* T21 */
}

static int shrugged_off(void *arg)
{
	struct hand a = { .takes = 2 * AWL_MS, .shrugs = 1, .comes_to = 3 };
	awl_future *fs[] = { send_off(&a) };
	struct gather_futures g = { fs, 1, 0, 0, 0 };
	awl_task *t;

	assert_int_equal(awl_create_task(gather_futures_task, &g, &t), 0);
	assert_int_equal(awl_sleep(AWL_MS), 0);
	awl_cancel(t, NULL);
	assert_int_equal(awl_join(t), 0);
	assert_int_equal(g.r, AWL_ECANCELED);
	assert_int_equal(awl_result(fs[0]), 3); /* it was waited for all the same */
	awl_unref(t);
	awl_unref(fs[0]);
	return 0;
}

static void a_future_that_shrugs_off_the_cancel_is_waited_for(void **state)
{
	in_loop(shrugged_off, NULL);
}

static int itself(void *arg)
{
	awl_future *fs[] = { awl_current_task() };

	assert_int_equal(awl_gather_futures(fs, 1, NULL, 0), AWL_EDEADLK);
	return 0;
}

static void a_task_cannot_gather_itself(void **state)
{
	in_loop(itself, NULL);
}

static int of_another_loop(void *arg)
{
	awl_future *fs[] = { arg };

	assert_int_equal(awl_gather_futures(fs, 1, NULL, 0), AWL_EOTHERLOOP);
	return 0;
}

static void a_future_of_another_loop_is_refused(void **state)
{
	awl_loop *l = new_loop(NULL);
	awl_future *f;

	assert_int_equal(awl_loop_create_future(l, 0, &f), 0);
	in_loop(of_another_loop, f); /* test_heterogenous_futures */
	awl_unref(f);
	end_loop(l);
}

/* A cancel in each iteration of a gather's life: nothing is lost, left behind or hung. */
static int cut_at(void *arg)
{
	long turns = *(long *)arg;
	struct hand a = { .takes = -4, .comes_to = 1 }, b = { .takes = -2, .comes_to = 2 },
		    c = { .takes = -6, .comes_to = 3, .shrugs = 1 };
	awl_job jobs[] = { JOB(&a), JOB(&b), JOB(&c) };
	struct gather g = { jobs, 3, (int)(turns & 1), 1 };
	struct knife knife;
	awl_task *t;
	int r;

	assert_int_equal(awl_create_task(gather_task, &g, &t), 0);
	throw_knife(&knife, t, turns);
	assert_int_equal(awl_join(t), 0);
	r = awl_result(t);
	assert_true(g.r == 0 || g.r == AWL_ECANCELED);
	assert_int_equal(r, g.r ? AWL_EFUTURECANCELED : 0);
	assert_int_equal(out, 0);
	for (int i = 0; i < 3; i++) {
		struct hand *h = jobs[i].arg;

		assert_int_equal(h->began, h->ended);
		if (jobs[i].result >= 0)
			assert_int_equal(jobs[i].result, h->comes_to);
		else
			assert_int_equal(
				jobs[i].result, h->began ? AWL_EFUTURECANCELED : AWL_EPENDING);
	}
	if (knife.asked != 1)
		assert_int_equal(g.r, 0);
	catch_knife(&knife);
	awl_unref(t);
	return knife.asked == 1;
}

static void a_cancel_at_each_moment_leaves_nothing_behind(void **state)
{
	long turns = 0;
	int r;

	do
		r = awl_run(cut_at, &turns);
	while (r == 1 && turns++ < 100);
	assert_int_equal(r, 0);
	assert_true(turns > 5);
}

static int cut_futures_at(void *arg)
{
	long turns = *(long *)arg;
	struct hand a = { .takes = -4, .comes_to = 1 }, b = { .takes = -2, .comes_to = 2 },
		    c = { .takes = -6, .comes_to = 3, .shrugs = 1 };
	awl_future *fs[] = { send_off(&a), send_off(&b), send_off(&c) };
	struct gather_futures g = { fs, 3, (int)(turns % 3), 1, 0 };
	struct knife knife;
	awl_task *t;

	assert_int_equal(awl_create_task(gather_futures_task, &g, &t), 0);
	throw_knife(&knife, t, turns);
	assert_int_equal(awl_join(t), 0);
	assert_true(g.r == 0 || g.r == AWL_ECANCELED);
	/* A request is delivered once: by the gather or, where that had its results, after it. */
	if (knife.asked == 1)
		assert_int_equal((g.r == AWL_ECANCELED) + (g.next_wait == AWL_ECANCELED), 1);
	assert_int_equal(out, 0);
	catch_knife(&knife);
	for (int i = 0; i < 3; i++)
		awl_unref(fs[i]);
	awl_unref(t);
	return knife.asked == 1;
}

static void a_cancel_at_each_moment_reaches_the_futures_or_waits(void **state)
{
	long turns = 0;
	int r;

	do
		r = awl_run(cut_futures_at, &turns);
	while (r == 1 && turns++ < 100);
	assert_int_equal(r, 0);
	assert_true(turns > 5);
}

static int a_thousand(void *arg)
{
	static awl_job jobs[1000];
	static struct hand hands[1000];
	static awl_future *fs[1000];
	static int results[1000];

	memset(hands, 0, sizeof hands);
	for (int i = 0; i < 1000; i++) {
		hands[i] = (struct hand){ .takes = -(i % 3), .comes_to = i };
		jobs[i] = (awl_job)JOB(&hands[i]);
	}
	assert_int_equal(awl_gather(jobs, 1000, 0), 0);
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(jobs[i].result, i);
		fs[i] = send_off(&hands[i]);
	}
	assert_int_equal(awl_gather_futures(fs, 1000, results, 0), 0);
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(results[i], i);
		awl_unref(fs[i]);
	}
	return 0;
}

static void a_thousand_are_gathered(void **state)
{
	in_loop(a_thousand, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(results_stand_in_their_places),
		cmocka_unit_test(nothing_to_gather_is_done_at_once),
		cmocka_unit_test(the_first_failure_cancels_the_siblings),
		cmocka_unit_test(the_first_failure_in_time_is_the_outcome),
		cmocka_unit_test(failures_are_collected_on_demand),
		cmocka_unit_test(a_cancelled_child_counts_as_its_failure),
		cmocka_unit_test(a_cancelled_gather_cancels_and_joins_all_children),
		cmocka_unit_test(a_cancel_after_the_last_child_loses_no_result),
		cmocka_unit_test(who_was_asked_to_stop_begins_nothing),
		cmocka_unit_test(without_memory_for_all_none_begins),
		cmocka_unit_test(a_timeout_around_it_stops_the_children),
		cmocka_unit_test(bad_arguments_are_refused),
		cmocka_unit_test(futures_are_gathered_in_their_places_too),
		cmocka_unit_test(a_failed_future_cancels_the_others_and_waits_for_them),
		cmocka_unit_test(asyncios_way_leaves_the_siblings_running),
		cmocka_unit_test(a_cancelled_gather_of_futures_cancels_them_in_each_way),
		cmocka_unit_test(a_future_that_shrugs_off_the_cancel_is_waited_for),
		cmocka_unit_test(a_task_cannot_gather_itself),
		cmocka_unit_test(a_future_of_another_loop_is_refused),
		cmocka_unit_test(a_cancel_at_each_moment_leaves_nothing_behind),
		cmocka_unit_test(a_cancel_at_each_moment_reaches_the_futures_or_waits),
		cmocka_unit_test(a_thousand_are_gathered),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
