/* SPDX-License-Identifier: MIT */
/*
 * test_wait.c - @reactors @valgrind: wait (T16, T17) and a future within a time (X12-X14).
 * CPython's test_tasks: the test_wait_* cases; test_waitfor.
 */
#include "crew.h"

static void unref_all(awl_future **fs, int n)
{
	for (int i = 0; i < n; i++)
		awl_unref(fs[i]);
}

static int first_completed(void *arg)
{
	struct hand a = { .takes = AWL_SEC }, b = { .takes = -2, .comes_to = 5 };
	awl_future *fs[] = { send_off(&a), send_off(&b), promise() };

	assert_int_equal(awl_wait(fs, 3, AWL_FOREVER, AWL_FIRST_COMPLETED), 1);
	assert_true(awl_done(fs[1]));
	assert_false(awl_done(fs[0]));
	assert_int_equal(awl_wait(fs, 3, AWL_FOREVER, AWL_FIRST_COMPLETED), 1); /* at once */
	awl_cancel(fs[0], NULL);
	assert_int_equal(awl_join(fs[0]), 0);
	unref_all(fs, 3);
	return 0;
}

static void the_first_that_is_done_ends_the_wait(void **state)
{
	in_loop(first_completed, NULL); /* T16; test_wait_first_completed */
}

static int already_done(void *arg)
{
	awl_future *fs[] = { promise(), promise() };
	uint64_t before = here()->iterations;

	awl_future_set_result(fs[0], 1);
	assert_int_equal(awl_wait(fs, 2, AWL_FOREVER, AWL_FIRST_COMPLETED), 1);
	awl_future_set_result(fs[1], 2);
	assert_int_equal(awl_wait(fs, 2, AWL_FOREVER, AWL_ALL_COMPLETED), 2);
	assert_int_equal(here()->iterations, before);
	unref_all(fs, 2);
	return 0;
}

static void what_is_over_already_is_answered_at_once(void **state)
{
	in_loop(already_done, NULL); /* test_wait_really_done */
}

static int first_exception(void *arg)
{
	struct hand a = { .takes = AWL_SEC }, b = { .takes = -2, .comes_to = AWL_ECANCELED },
		    c = { .takes = -6, .comes_to = -EIO };
	awl_future *fs[] = { send_off(&a), send_off(&b), send_off(&c) };

	assert_int_equal(awl_wait(fs, 3, AWL_FOREVER, AWL_FIRST_EXCEPTION), 2);
	assert_true(awl_cancelled(fs[1])); /* it did not count */
	assert_int_equal(awl_result(fs[2]), -EIO);
	assert_int_equal(awl_wait(fs, 3, AWL_FOREVER, AWL_FIRST_EXCEPTION), 2);
	awl_cancel(fs[0], NULL);
	assert_int_equal(awl_wait(fs, 3, AWL_FOREVER, AWL_ALL_COMPLETED), 3);
	unref_all(fs, 3);
	return 0;
}

static void the_first_failure_ends_the_wait_but_a_cancelled_one_does_not(void **state)
{
	in_loop(first_exception, NULL); /* T17; test_wait_first_exception */
}

static int no_exception(void *arg)
{
	struct hand a = { .takes = -4, .comes_to = 1 }, b = { .takes = -2, .comes_to = 2 };
	awl_future *fs[] = { send_off(&a), send_off(&b) };

	assert_int_equal(awl_wait(fs, 2, AWL_FOREVER, AWL_FIRST_EXCEPTION), 2);
	unref_all(fs, 2);
	return 0;
}

static void without_a_failure_it_waits_for_all(void **state)
{
	in_loop(no_exception, NULL);
}

static int in_time(void *arg)
{
	struct hand a = { .takes = 10 * AWL_MS }, b = { .takes = 300 * AWL_SEC };
	awl_future *fs[] = { send_off(&a), send_off(&b) };
	int64_t begin = awl_loop_time(here());

	assert_int_equal(awl_wait(fs, 2, 100 * AWL_MS, AWL_ALL_COMPLETED), 1);
	assert_true(awl_loop_time(here()) - begin >= 100 * AWL_MS);
	assert_false(awl_done(fs[1]));
	assert_int_equal(b.asked, 0); /* nobody has cancelled it */
	assert_int_equal(awl_wait(fs, 2, 0, AWL_ALL_COMPLETED), 1);
	assert_int_equal(awl_wait(fs, 2, -1, AWL_ALL_COMPLETED), 1);
	awl_cancel(fs[1], NULL);
	assert_int_equal(awl_join(fs[1]), 0);
	unref_all(fs, 2);
	return 0;
}

static void running_out_of_time_is_no_failure_and_cancels_nothing(void **state)
{
	in_sim(in_time, NULL); /* T16; test_wait_with_timeout */
}

struct waiter {
	awl_future **fs;
	size_t n;
	int r, how;
};

static int wait_task(void *arg)
{
	struct waiter *w = arg;

	w->r = awl_wait(w->fs, w->n, AWL_FOREVER, w->how);
	return w->r;
}

static int cancelled_waiter(void *arg)
{
	struct hand a = { .takes = -9, .comes_to = 4 };
	awl_future *fs[] = { send_off(&a) };
	struct waiter w = { fs, 1, 0, AWL_ALL_COMPLETED };
	awl_task *t;

	assert_int_equal(awl_create_task(wait_task, &w, &t), 0);
	assert_int_equal(awl_yield(), 0);
	assert_int_equal(awl_yield(), 0);
	awl_cancel(t, NULL);
	assert_int_equal(awl_await(t), AWL_EFUTURECANCELED);
	assert_int_equal(w.r, AWL_ECANCELED);
	assert_int_equal(awl_await(fs[0]), 4); /* undisturbed */
	awl_unref(t);
	awl_unref(fs[0]);
	return 0;
}

static void a_cancelled_wait_leaves_the_futures_alone(void **state)
{
	in_loop(cancelled_waiter, NULL); /* T16; test_cancel_wait... */
}

static int wait_for_it(void *arg)
{
	awl_future *f = arg;

	return awl_wait(&f, 1, AWL_FOREVER, AWL_ALL_COMPLETED);
}

static int taken_back(void *arg)
{
	awl_future *f = promise();
	awl_task *t;

	assert_int_equal(awl_create_task(wait_for_it, f, &t), 0);
	assert_int_equal(awl_yield(), 0);
	/* It leaves the wait for the cancel; the end comes while it is away; the cancel is gone. */
	assert_int_equal(awl_future_set_result(f, 1), 0);
	assert_int_equal(awl_cancel(t, NULL), 1);
	assert_int_equal(awl_uncancel(t), 0);
	assert_int_equal(awl_await(t), 1);
	awl_unref(t);
	awl_unref(f);
	return 0;
}

static void a_cancel_taken_back_costs_no_wake_up(void **state)
{
	in_loop(taken_back, NULL);
}

static int cut_wait(void *arg)
{
	long turns = *(long *)arg;
	struct hand a = { .takes = -4, .comes_to = 1 }, b = { .takes = -2, .comes_to = -EIO };
	awl_future *fs[] = { send_off(&a), send_off(&b), promise() };
	struct waiter w = { fs, 3, 1, (int)(turns % 2) };
	struct knife knife;
	awl_task *t;

	assert_int_equal(awl_create_task(wait_task, &w, &t), 0);
	throw_knife(&knife, t, turns);
	assert_int_equal(awl_join(t), 0);
	assert_true(w.r == 1 || w.r == 2 || w.r == AWL_ECANCELED);
	catch_knife(&knife);
	assert_int_equal(awl_await(fs[0]), 1);
	assert_int_equal(awl_await(fs[1]), -EIO);
	assert_true(awl__list_empty(&fs[2]->waiters)); /* no trace is left */
	unref_all(fs, 3);
	awl_unref(t);
	return knife.asked == 1;
}

static void a_cancel_at_each_moment_of_a_wait_leaves_no_trace(void **state)
{
	long turns = 0;
	int r;

	do
		r = awl_run(cut_wait, &turns);
	while (r == 1 && turns++ < 100);
	assert_int_equal(r, 0);
	assert_true(turns > 3);
}

static int errors(void *arg)
{
	awl_future *f = promise(), *none = NULL, *self = awl_current_task();

	assert_int_equal(awl_wait(&f, 0, AWL_FOREVER, AWL_ALL_COMPLETED), -EINVAL);
	assert_int_equal(awl_wait(NULL, 1, AWL_FOREVER, AWL_ALL_COMPLETED), -EINVAL);
	assert_int_equal(awl_wait(&none, 1, AWL_FOREVER, AWL_ALL_COMPLETED), -EINVAL);
	assert_int_equal(awl_wait(&f, 1, AWL_FOREVER, 99), -EINVAL);
	assert_int_equal(awl_wait(&self, 1, AWL_FOREVER, AWL_ALL_COMPLETED), AWL_EDEADLK);
	awl_unref(f);
	return 0;
}

static void bad_arguments_are_refused(void **state)
{
	in_loop(errors, NULL); /* T16; test_wait_errors */
}

static int many(void *arg)
{
	static struct hand hands[200];
	awl_future *fs[200];

	for (int i = 0; i < 200; i++) {
		hands[i] = (struct hand){ .takes = -(1 + i % 7), .comes_to = i };
		fs[i] = send_off(&hands[i]);
	}
	assert_int_equal(awl_wait(fs, 200, AWL_FOREVER, AWL_ALL_COMPLETED), 200);
	unref_all(fs, 200);
	return 0;
}

static void many_are_waited_for(void **state)
{
	in_loop(many, NULL);
}

/* wait_for over a future: X12-X14 */

static int ready_in_time(void *arg)
{
	struct hand a = { .takes = -2, .comes_to = 11 };
	awl_future *f = send_off(&a);

	assert_int_equal(awl_wait_for_future(AWL_SEC, f), 11);
	assert_int_equal(awl_wait_for_future(0, f), 11); /* done: also without any time */
	assert_int_equal(awl_wait_for_future(AWL_FOREVER, f), 11);
	awl_unref(f);
	return 0;
}

static void a_result_in_time_is_returned(void **state)
{
	in_loop(ready_in_time, NULL); /* X12; test_wait_for */
}

static int too_late(void *arg)
{
	struct hand a = { .takes = AWL_SEC, .cleanup = 5 * AWL_MS };
	awl_future *f = send_off(&a), *p = promise();

	assert_int_equal(awl_wait_for_future(10 * AWL_MS, f), -ETIMEDOUT);
	assert_int_equal(a.asked, 1);
	assert_int_equal(a.ended, 1); /* its clean-up was waited for */
	assert_int_equal(awl_wait_for_future(AWL_MS, p), -ETIMEDOUT);
	assert_true(awl_cancelled(p));
	assert_int_equal(awl_sleep(0), 0);
	awl_unref(f);
	awl_unref(p);
	return 0;
}

static void after_the_time_the_future_is_cancelled_and_waited_for(void **state)
{
	in_sim(too_late, NULL); /* X12; test_wait_for_waits_for_task_cancellation */
}

static int no_time(void *arg)
{
	struct hand a = { .takes = AWL_SEC }, b = { .takes = AWL_SEC, .comes_to = 8, .shrugs = 1 };
	awl_future *f = send_off(&a), *g = send_off(&b);

	assert_int_equal(awl_wait_for_future(0, f), -ETIMEDOUT);
	assert_true(awl_cancelled(f));
	assert_int_equal(awl_wait_for_future(-1, g), 8);
	awl_unref(f);
	awl_unref(g);
	return 0;
}

static void without_any_time_a_pending_future_is_cancelled(void **state)
{
	in_sim(no_time, NULL); /* X12; test_wait_for_timeout_less_then_0_or_0 */
}

static int suppressed(void *arg)
{
	struct hand a = { .takes = 20 * AWL_MS, .shrugs = 1, .comes_to = 42 };
	awl_future *f = send_off(&a);

	assert_int_equal(awl_wait_for_future(10 * AWL_MS, f), 42);
	assert_int_equal(a.asked, 1);
	awl_unref(f);
	return 0;
}

static void a_body_that_swallows_the_timeout_and_returns_returns(void **state)
{
	in_sim(suppressed, NULL); /* X14; test_wait_for_cancel_suppressed */
}

struct within {
	awl_future *f;
	int r, next;
};

static int within_task(void *arg)
{
	struct within *w = arg;

	w->r = awl_wait_for_future(AWL_SEC, w->f);
	w->next = awl_sleep(0);
	return w->r;
}

static int both(void *arg)
{
	struct within w = { .f = promise() };
	awl_task *t;

	assert_int_equal(awl_create_task(within_task, &w, &t), 0);
	assert_int_equal(awl_sleep(0), 0);
	awl_future_set_result(w.f, 7);
	awl_cancel(t, NULL);
	assert_int_equal(awl_join(t), 0);
	assert_int_equal(w.r, 7);
	assert_int_equal(w.next, AWL_ECANCELED); /* neither is lost */
	awl_unref(t);
	awl_unref(w.f);
	return 0;
}

static void result_and_cancel_in_one_iteration_are_both_kept(void **state)
{
	in_loop(both, NULL); /* X13; test_wait_for_race_condition, issue 86296 */
}

static int result_at_the_deadline(void *arg)
{
	struct setter s = { promise(), 3 };
	awl_handle h = AWL_HANDLE_INIT;
	int r;

	awl_loop_call_later(here(), AWL_MS, set_it, &s, &h);
	r = awl_wait_for_future(AWL_MS, s.future); /* the same instant */
	assert_true(r == 3 || r == -ETIMEDOUT);
	assert_int_equal(awl_cancelled(s.future), r == -ETIMEDOUT);
	awl_handle_cancel(&h);
	awl_unref(s.future);
	return 0;
}

static void a_result_at_the_very_deadline_is_one_chain_of_events(void **state)
{
	in_sim(result_at_the_deadline, NULL); /* X13; test_wait_for_race... */
}

static int other_waiter(void *arg)
{
	return awl_await(arg);
}

static int shared(void *arg)
{
	awl_future *f = promise();
	awl_task *t;

	assert_int_equal(awl_create_task(other_waiter, f, &t), 0);
	assert_int_equal(awl_sleep(0), 0);
	assert_int_equal(awl_wait_for_future(AWL_MS, f), -ETIMEDOUT);
	assert_int_equal(awl_wait_for_future(0, f), -ETIMEDOUT);
	assert_false(awl_done(f)); /* somebody else waits for it */
	awl_future_set_result(f, 1);
	assert_int_equal(awl_await(t), 1);
	awl_unref(t);
	awl_unref(f);
	return 0;
}

static void a_future_that_others_wait_for_is_not_cancelled(void **state)
{
	in_sim(shared, NULL);
}

static int failing(void *arg)
{
	struct hand a = { .takes = -1, .comes_to = -EIO };
	awl_future *f = send_off(&a), *p = promise();

	assert_int_equal(awl_wait_for_future(AWL_SEC, f), -EIO);
	awl_cancel(p, NULL);
	assert_int_equal(awl_wait_for_future(AWL_SEC, p), AWL_EFUTURECANCELED);
	awl_unref(f);
	awl_unref(p);
	return 0;
}

static void its_failure_is_the_outcome(void **state)
{
	in_loop(failing, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_that_is_done_ends_the_wait),
		cmocka_unit_test(what_is_over_already_is_answered_at_once),
		cmocka_unit_test(the_first_failure_ends_the_wait_but_a_cancelled_one_does_not),
		cmocka_unit_test(without_a_failure_it_waits_for_all),
		cmocka_unit_test(running_out_of_time_is_no_failure_and_cancels_nothing),
		cmocka_unit_test(a_cancelled_wait_leaves_the_futures_alone),
		cmocka_unit_test(a_cancel_taken_back_costs_no_wake_up),
		cmocka_unit_test(a_cancel_at_each_moment_of_a_wait_leaves_no_trace),
		cmocka_unit_test(bad_arguments_are_refused),
		cmocka_unit_test(many_are_waited_for),
		cmocka_unit_test(a_result_in_time_is_returned),
		cmocka_unit_test(after_the_time_the_future_is_cancelled_and_waited_for),
		cmocka_unit_test(without_any_time_a_pending_future_is_cancelled),
		cmocka_unit_test(a_body_that_swallows_the_timeout_and_returns_returns),
		cmocka_unit_test(result_and_cancel_in_one_iteration_are_both_kept),
		cmocka_unit_test(a_result_at_the_very_deadline_is_one_chain_of_events),
		cmocka_unit_test(a_future_that_others_wait_for_is_not_cancelled),
		cmocka_unit_test(its_failure_is_the_outcome),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
