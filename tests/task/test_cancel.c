/* SPDX-License-Identifier: MIT */
/*
 * test_cancel.c - awl_cancel: counted, delivered once, at a wait; never at the price of data (A7).
 * @reactors @valgrind
 */
#include "task/scenes.h"

/* --- a request is delivered once, by the next wait -------------------------------------------- */

static int ignores_one(void *future)
{
	int r = awl_await(future);

	assert_int_equal(r, AWL_ECANCELED);
	assert_string_equal(awl_error_detail(AWL_ECANCELED), "please");
	note('1');
	r = nap(1); /* and not again */
	note(r == 0 ? '2' : 'x');
	return 31;
}

static int once_body(void *arg)
{
	awl_future *f = promise();
	awl_task *t = spawn(ignores_one, f);

	assert_int_equal(yields(1), 0);
	assert_int_equal(awl_cancel(t, "please"), 1);
	assert_int_equal(awl_cancelled(f), 1); /* it went down to what it alone awaited */
	assert_int_equal(awl_done(t), 0);
	assert_int_equal(awl_join(t), 0);
	assert_int_equal(awl_cancelling(t), 1); /* nobody took it back */
	assert_int_equal(awl_cancelled(t), 0);
	assert_string_equal(awl_cancel_reason(t), "please");
	assert_int_equal(awl_cancel(t, "late"), 0);
	assert_int_equal(outcome(t), 31);
	assert_string_equal(trace, "12");
	return awl_unref(f);
}

static void a_request_is_delivered_once_and_may_be_refused(void **state) /* X1 X2 X9 */
{
	scene(once_body);
}

static int count_deliveries(void *arg)
{
	for (int i = 0; i < 6; i++)
		note(nap(1) == AWL_ECANCELED ? 'c' : '.');
	return awl_cancelling(awl_current_task());
}

static int coalesce_body(void *arg)
{
	awl_task *t = spawn(count_deliveries, NULL);

	assert_int_equal(yields(1), 0);
	for (int i = 1; i <= 3; i++) {
		assert_int_equal(awl_cancel(t, NULL), 1);
		assert_int_equal(awl_cancelling(t), i);
	}
	assert_int_equal(yields(3), 0);
	assert_int_equal(awl_cancel(t, NULL), 1); /* another one, later */
	assert_int_equal(outcome(t), 4);
	assert_int_equal(strlen(trace), 6);
	assert_int_equal(trace[0], 'c');
	assert_ptr_not_equal(strchr(trace + 1, 'c'), NULL);
	assert_ptr_equal(strchr(trace + 1, 'c'), strrchr(trace, 'c'));
	return 0;
}

static void requests_of_one_moment_are_counted_and_delivered_once(void **state) /* X3 X4 */
{
	scene(coalesce_body);
}

static int cancels_itself(void *arg)
{
	assert_int_equal(awl_cancel(awl_current_task(), "self"), 1);
	note('b');
	assert_int_equal(awl_sleep(AWL_FOREVER), AWL_ECANCELED); /* at once */
	note('e');
	return AWL_ECANCELED;
}

static int itself_body(void *arg)
{
	awl_task *t = spawn(cancels_itself, NULL);

	assert_int_equal(outcome(t), AWL_EFUTURECANCELED);
	assert_string_equal(trace, "be");
	return 0;
}

static void who_cancels_itself_meets_it_at_the_next_wait(
	void **state) /* test_cancel_current_task */
{
	scene(itself_body);
}

static int cancels_at_end(void *arg)
{
	assert_int_equal(awl_cancel(awl_current_task(), "self"), 1);
	return 12;
}

static int at_end_body(void *arg)
{
	awl_task *t = spawn(cancels_at_end, NULL);

	assert_int_equal(awl_await(t), 12); /* asyncio drops the value */
	assert_int_equal(awl_cancelled(t), 0);
	assert_int_equal(awl_cancelling(t), 1);
	return outcome(t) == 12 ? 0 : -1;
}

static void a_function_that_returns_all_the_same_keeps_its_value(void **state) /* X8, otherwise */
{
	scene(at_end_body);
}

/* --- taking a request back -------------------------------------------------------------------- */

static int takes_back(void *arg)
{
	awl_task *me = awl_current_task();

	assert_int_equal(nap(1000), AWL_ECANCELED);
	assert_int_equal(awl_cancelling(me), 1);
	assert_int_equal(awl_uncancel(me), 0);
	assert_int_equal(awl_uncancel(me), 0); /* never below */
	return nap(1000);
}

static int uncancel_body(void *arg)
{
	awl_task *t = spawn(takes_back, NULL);

	assert_int_equal(yields(2), 0);
	assert_int_equal(awl_cancel(t, NULL), 1);
	assert_int_equal(yields(3), 0);
	assert_int_equal(awl_cancelling(t), 0);
	assert_int_equal(awl_done(t), 0);
	assert_int_equal(awl_cancel(t, NULL), 1);
	assert_int_equal(awl_await(t), AWL_EFUTURECANCELED);
	assert_int_equal(awl_uncancel(t), 0); /* too late to matter */
	assert_int_equal(awl_cancelled(t), 1);
	return awl_unref(t);
}

static void a_request_taken_back_leaves_the_next_one_whole(void **state)
/* X5, test_uncancel_basic */
{
	scene(uncancel_body);
}

static int awaits_then_yields(void *future)
{
	int r = awl_await(future);

	assert_int_equal(r, 5);
	return awl_yield() < 0 ? -1 : 42;
}

static int undelivered_body(void *arg)
{
	awl_future *f = promise();
	awl_task *t = spawn(awaits_then_yields, f);

	assert_int_equal(yields(1), 0);
	assert_int_equal(awl_future_set_result(f, 5), 0);
	assert_int_equal(awl_cancel(t, NULL), 1);
	assert_int_equal(awl_uncancel(t), 0); /* at 0 what was not delivered is gone */
	assert_int_equal(outcome(t), 42);
	return awl_unref(f);
}

static void taking_the_last_request_back_takes_back_its_delivery(void **state)
/* X5, test_uncancel_resets_must_cancel */
{
	scene(undelivered_body);
}

static int two_of_three_body(void *arg)
{
	awl_future *f = promise();
	awl_task *t = spawn(awaits_then_yields, f);

	assert_int_equal(yields(1), 0);
	assert_int_equal(awl_future_set_result(f, 5), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(awl_cancel(t, NULL), 1);
	assert_int_equal(awl_uncancel(t), 2);
	assert_int_equal(awl_uncancel(t), 1);
	assert_int_equal(outcome(t), -1);
	return awl_unref(f);
}

static void a_request_left_over_is_delivered(void **state) /* X5 */
{
	scene(two_of_three_body);
}

/* A sleep that was interrupted, and then nobody asks any more: it sleeps on, to its full end. */
static int sleeps(void *arg)
{
	int64_t begin = awl_loop_time(here());
	int r = awl_sleep(20 * MS);

	assert_true(r < 0 || awl_loop_time(here()) >= begin + 20 * MS);
	return r;
}

static int resumed_body(void *arg)
{
	awl_future *f = promise();
	awl_task *t = spawn(sleeps, NULL), *u = spawn(await_it, f);

	assert_int_equal(yields(1), 0);
	assert_int_equal(awl_cancel(t, NULL), 1);
	assert_int_equal(awl_uncancel(t), 0);
	assert_int_equal(outcome(t), 0);

	assert_int_equal(awl_unref(u), 0);
	u = spawn(await_it, f); /* two waiters: each is interrupted, f is not */
	assert_int_equal(yields(1), 0);
	assert_int_equal(awl_cancel(u, NULL), 1);
	assert_int_equal(awl_uncancel(u), 0);
	assert_int_equal(yields(2), 0);
	assert_int_equal(awl_done(u), 0);
	assert_int_equal(awl_future_set_result(f, 8), 0);
	assert_int_equal(outcome(u), 8);
	return awl_unref(f);
}

static void an_interrupted_wait_goes_on_if_nobody_asks_any_more(void **state) /* X5 */
{
	scene(resumed_body);
}

/* --- the result beats the request ------------------------------------------------------------- */

static int keeps_value(void *future)
{
	int r = awl_await(future);

	assert_int_equal(r, 77); /* asyncio loses it */
	note('v');
	r = awl_yield();
	note(r == AWL_ECANCELED ? 'c' : 'x'); /* the request has stayed for this one */
	return r;
}

static int beats_body(void *arg)
{
	awl_future *f = promise();
	awl_task *t = spawn(keeps_value, f);

	assert_int_equal(yields(1), 0);
	assert_int_equal(awl_future_set_result(f, 77), 0);
	assert_int_equal(awl_cancel(t, NULL), 1);
	assert_int_equal(outcome(t), AWL_EFUTURECANCELED);
	assert_string_equal(trace, "vc");
	return awl_unref(f);
}

static void a_result_that_is_there_beats_the_request(void **state) /* X6, otherwise; A7 */
{
	scene(beats_body);
}

static int unlucky(void *freed)
{
	int r;

	note('b');
	r = awl_yield();
	free(freed); /* what only it can do */
	return r;
}

static int before_first_step_body(void *arg)
{
	awl_task *t = spawn(unlucky, malloc(16));

	assert_int_equal(awl_cancel(t, NULL), 1);
	assert_int_equal(outcome(t), AWL_EFUTURECANCELED);
	assert_string_equal(trace, "b");
	return 0;
}

static void a_cancel_before_the_first_step_still_lets_the_body_start(void **state)
/* X7, otherwise; A7 */
{
	scene(before_first_step_body);
}

static int reads(void *fd)
{
	char byte = 0;
	int r = awl_fd_read(*(int *)fd, &byte, 1);

	if (r == 1)
		note(byte);
	return r;
}

static int data_body(void *arg)
{
	int fds[2];
	awl_task *t;

	make_pipe(here(), fds);
	for (int i = 0; i < 50; i++) {
		t = spawn(reads, &fds[0]);
		assert_int_equal(yields(1 + i % 3), 0);
		if (i % 2)
			assert_int_equal(awl_fd_write(fds[1], "x", 1), 1);
		assert_int_equal(awl_cancel(t, NULL), 1);
		assert_int_equal(awl_cancel(t, NULL), 1); /* asked twice, cancelled once */
		if (outcome(t) == AWL_EFUTURECANCELED)
			note('-');
		if (i % 2 && strchr("-", trace[strlen(trace) - 1])) { /* too early for the byte */
			t = spawn(reads, &fds[0]);
			assert_int_equal(outcome(t), 1);
			assert_int_equal(trace[strlen(trace) - 1], 'x');
		}
		trace[0] = '\0';
	}
	assert_int_equal(here()->reactor->in_flight, 0);
	close_pipe(here(), fds);
	return 0;
}

static void a_cancelled_read_loses_no_byte(void **state) /* A7 A8 */
{
	scene(data_body);
}

/* --- down to what is awaited ------------------------------------------------------------------ */

static int inner_cancel_body(void *arg)
{
	awl_future *f = promise();
	awl_task *t = spawn(await_it, f);

	assert_int_equal(yields(1), 0);
	assert_int_equal(awl_cancel(f, NULL), 1);
	assert_int_equal(awl_join(t), 0);
	assert_int_equal(
		awl_result(t), AWL_EFUTURECANCELED); /* a failure of its own, not its end */
	assert_int_equal(awl_cancelled(t), 0);
	return awl_unref(t) + awl_unref(f);
}

static void who_awaits_a_cancelled_future_is_not_asked_to_stop(void **state)
/* test_cancel_inner_future, otherwise (A3) */
{
	scene(inner_cancel_body);
}

static int both_body(void *arg)
{
	awl_future *f = promise();
	awl_task *t = spawn(await_it, f);

	assert_int_equal(yields(1), 0);
	assert_int_equal(awl_cancel(f, NULL), 1);
	assert_int_equal(awl_cancel(t, NULL), 1);
	assert_int_equal(awl_await(t), AWL_EFUTURECANCELED);
	assert_int_equal(awl_cancelled(t), 1);
	return awl_unref(t) + awl_unref(f);
}

static void of_a_future_and_its_waiter_both_cancelled_each_is(void **state)
/* test_cancel_both_task_and_inner_future */
{
	scene(both_body);
}

static int two_waiters_body(void *arg)
{
	awl_future *f = promise();
	awl_task *t = spawn(await_it, f), *u = spawn(await_it, f);

	assert_int_equal(yields(1), 0);
	assert_int_equal(awl_cancel(t, NULL), 1);
	assert_int_equal(awl_cancelled(f), 0); /* u waits for it too */
	assert_int_equal(outcome(t), AWL_EFUTURECANCELED);
	assert_int_equal(awl_done(u), 0);
	assert_int_equal(awl_cancel(u, NULL), 1); /* now u is the only one */
	assert_int_equal(awl_cancelled(f), 1);
	assert_int_equal(outcome(u), AWL_EFUTURECANCELED);
	return awl_unref(f);
}

static void a_cancel_goes_down_only_from_the_sole_waiter(void **state) /* A7 */
{
	scene(two_waiters_body);
}

static int joins(void *future)
{
	int r = awl_join(future);

	return r < 0 ? r : awl_result(future);
}

static int join_body(void *arg)
{
	awl_future *f = promise();
	awl_task *t = spawn(joins, f);

	assert_int_equal(yields(1), 0);
	assert_int_equal(awl_cancel(t, NULL), 1);
	assert_int_equal(outcome(t), AWL_EFUTURECANCELED);
	assert_int_equal(awl_done(f), 0);
	t = spawn(joins, f);
	assert_int_equal(awl_cancel(t, NULL), 1); /* before it waits: the same */
	assert_int_equal(outcome(t), AWL_EFUTURECANCELED);
	assert_int_equal(awl_done(f), 0);
	t = spawn(joins, f);
	assert_int_equal(yields(1), 0);
	assert_int_equal(awl_future_set_result(f, 3), 0);
	assert_int_equal(outcome(t), 3);
	return awl_unref(f);
}

static void a_cancelled_join_leaves_its_future_alone(void **state) /* A4 */
{
	scene(join_body);
}

static int keeps_on(void *future)
{
	int r = awl_await(future);

	assert_int_equal(r, AWL_ECANCELED);
	return 9; /* refuses */
}

static int awaits_nine(void *task)
{
	int r = awl_await(task);

	note(r == 9 ? 'v' : 'x');
	return awl_yield();
}

static int swallowed_below_body(void *arg)
{
	awl_future *f = promise();
	awl_task *u = spawn(keeps_on, f), *t = spawn(awaits_nine, u);

	assert_int_equal(yields(1), 0);
	assert_int_equal(awl_cancel(t, NULL), 1); /* through t and u to f */
	assert_int_equal(awl_cancelled(f), 1);
	assert_int_equal(awl_cancelling(u), 1);
	assert_int_equal(outcome(t), AWL_EFUTURECANCELED); /* at the wait after the value */
	assert_string_equal(trace, "v");
	assert_int_equal(outcome(u), 9);
	return awl_unref(f);
}

static void a_value_from_below_is_kept_and_the_request_stays(void **state) /* A7, X14 */
{
	scene(swallowed_below_body);
}

/* The request comes just before the wait instead of in it: what is awaited ends all the same, so
 * that what it was given may lie on the waiter's stack. */
static int writes_to(void *stack)
{
	int r = nap(5);

	*(int *)stack = 1;
	return r;
}

static int starts_and_awaits(void *late)
{
	int on_stack = 0, r;
	awl_task *child = spawn(writes_to, &on_stack);

	if (!late)
		assert_int_equal(yields(1), 0);
	else
		assert_int_equal(awl_cancel(awl_current_task(), NULL), 1);
	r = awl_await(child);
	assert_int_equal(awl_done(child), 1);
	assert_int_equal(on_stack, 1);
	assert_int_equal(awl_cancelled(child), 1);
	awl_unref(child);
	return r;
}

static int just_before_body(void *arg)
{
	awl_task *t = spawn(starts_and_awaits, NULL), *u = spawn(starts_and_awaits, t);

	assert_int_equal(yields(2), 0);
	assert_int_equal(awl_cancel(t, NULL), 1);
	assert_int_equal(awl_await(t), AWL_EFUTURECANCELED);
	assert_int_equal(awl_await(u), AWL_EFUTURECANCELED);
	return awl_unref(t) + awl_unref(u);
}

static void a_cancel_just_before_an_await_goes_down_as_one_within_it(void **state)
/* test_cancel_awaited_task, bpo-34872 */
{
	scene(just_before_body);
}

static int shared_body(void *arg)
{
	awl_future *f = promise();
	awl_task *t = spawn(await_it, f), *u = spawn(await_it, f);

	assert_int_equal(awl_cancel(u, NULL), 1);
	assert_int_equal(outcome(u), AWL_EFUTURECANCELED);
	assert_int_equal(awl_done(f), 0); /* t waits for it */
	assert_int_equal(awl_future_set_result(f, 1), 0);
	assert_int_equal(outcome(t), 1);
	return awl_unref(f);
}

static void a_cancel_before_an_await_spares_what_others_await(void **state) /* A7 */
{
	scene(shared_body);
}

/* --- long chains ------------------------------------------------------------------------------ */

struct link {
	awl_task *next;
	awl_future *end;
};

static int link_of_chain(void *arg)
{
	struct link *l = arg;

	return awl_await(l->next ? l->next : l->end);
}

static int deep_body(void *arg)
{
	long n = test_scale("AWL_TEST_TASKS", 100000);
	struct link *links = calloc((size_t)n, sizeof *links);
	awl_task *t = NULL;
	awl_future *f = promise();

	assert_non_null(links);
	n = n > 100000 ? 100000 : n;
	for (long i = 0; i < n; i++) {
		links[i] = (struct link){ t, f };
		t = spawn(link_of_chain, &links[i]);
		if (i % 128 == 127)
			assert_int_equal(yields(1), 0);
	}
	assert_int_equal(yields(2), 0);
	assert_int_equal(awl_cancel(t, "all of you"), 1);
	assert_int_equal(awl_cancelled(f), 1);
	assert_int_equal(awl_await(t), AWL_EFUTURECANCELED);
	for (long i = 1; i < n; i++) {
		assert_int_equal(awl_cancelled(links[i].next), 1);
		assert_string_equal(awl_cancel_reason(links[i].next), "all of you");
		assert_int_equal(awl_unref(links[i].next), 0);
	}
	free(links);
	return awl_unref(t) + awl_unref(f);
}

static void a_cancel_goes_down_a_chain_of_any_length(void **state) /* X1 */
{
	scene(deep_body);
}

/* --- whenever it comes ------------------------------------------------------------------------ */

struct waits {
	int count;
	awl_future *never;
};

static int several_waits(void *arg)
{
	struct waits *w = arg;
	int *n = &w->count, fds[2], r = 0;
	char byte;
	awl_task *child = spawn(await_it, w->never);
	awl_loop *l = here();

	make_pipe(l, fds);
	for (int i = 0; r == 0 && i < 3; i++) {
		r = awl_yield();
		*n += r == 0;
		if (r == 0 && (r = nap(2)) == 0)
			++*n;
		if (r == 0 && (r = awl_fd_write(fds[1], "b", 1)) == 1 &&
			(r = awl_fd_read(fds[0], &byte, 1)) == 1) {
			r = 0;
			++*n;
		}
		if (r == 0 && (r = awl_sleep(1)) == 0)
			++*n;
	}
	if (r == 0)
		r = awl_await(child);
	awl_cancel(child, NULL);
	assert_int_equal(awl_cancelling(awl_current_task()), 1);
	close_pipe(l, fds);
	awl_unref(child);
	return r;
}

static int everywhere_body(void *arg)
{
	for (int k = 0; k < 40; k++) {
		struct waits waits = { 0, promise() };
		uint32_t live = here()->live;
		awl_task *t = spawn(several_waits, &waits);

		assert_int_equal(yields(k), 0);
		assert_int_equal(awl_cancel(t, NULL), 1);
		assert_int_equal(outcome(t), AWL_EFUTURECANCELED);
		assert_int_equal(yields(3), 0);
		assert_int_equal(here()->live, live);
		assert_int_equal(here()->reactor->in_flight, 0);
		assert_int_equal(awl_unref(waits.never), 0);
		assert_timers(0);
	}
	return 0;
}

static void a_cancel_at_any_iteration_ends_the_task_and_leaves_nothing(void **state) /* X1 */
{
	scene(everywhere_body);
}

/* --- refusals --------------------------------------------------------------------------------- */

static int refusals_body(void *arg)
{
	awl_future *f = promise();

	assert_int_equal(awl_cancelling(NULL), -EINVAL);
	assert_int_equal(awl_uncancel(NULL), -EINVAL);
	assert_int_equal(awl_cancelling(f), -EINVAL);
	assert_string_equal(awl_error_detail(-EINVAL), "awl_cancelling: this future is not a task");
	assert_int_equal(awl_uncancel(f), -EINVAL);
	return awl_unref(f);
}

static void counting_is_for_tasks(void **state) /* X4 X5 */
{
	scene(refusals_body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_is_delivered_once_and_may_be_refused),
		cmocka_unit_test(requests_of_one_moment_are_counted_and_delivered_once),
		cmocka_unit_test(who_cancels_itself_meets_it_at_the_next_wait),
		cmocka_unit_test(a_function_that_returns_all_the_same_keeps_its_value),
		cmocka_unit_test(a_request_taken_back_leaves_the_next_one_whole),
		cmocka_unit_test(taking_the_last_request_back_takes_back_its_delivery),
		cmocka_unit_test(a_request_left_over_is_delivered),
		cmocka_unit_test(an_interrupted_wait_goes_on_if_nobody_asks_any_more),
		cmocka_unit_test(a_result_that_is_there_beats_the_request),
		cmocka_unit_test(a_cancel_before_the_first_step_still_lets_the_body_start),
		cmocka_unit_test(a_cancelled_read_loses_no_byte),
		cmocka_unit_test(who_awaits_a_cancelled_future_is_not_asked_to_stop),
		cmocka_unit_test(of_a_future_and_its_waiter_both_cancelled_each_is),
		cmocka_unit_test(a_cancel_goes_down_only_from_the_sole_waiter),
		cmocka_unit_test(a_cancelled_join_leaves_its_future_alone),
		cmocka_unit_test(a_value_from_below_is_kept_and_the_request_stays),
		cmocka_unit_test(a_cancel_just_before_an_await_goes_down_as_one_within_it),
		cmocka_unit_test(a_cancel_before_an_await_spares_what_others_await),
		cmocka_unit_test(a_cancel_goes_down_a_chain_of_any_length),
		cmocka_unit_test(a_cancel_at_any_iteration_ends_the_task_and_leaves_nothing),
		cmocka_unit_test(counting_is_for_tasks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
