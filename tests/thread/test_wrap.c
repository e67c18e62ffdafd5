/* SPDX-License-Identifier: MIT */
/*
 * test_wrap.c - awl_wrap_future: a task of one loop awaited in another, its end and its cancel
 * going across in both directions, whichever loop closes first (F11; test_futures' wrap_future
 * cases).
 *
 * @reactors @thread @valgrind @timeout 120
 */
#include "threads.h"

static struct runner other; /* where the inner task runs */

static int start_other(void **state)
{
	runner_start(&other);
	return 0;
}

static int stop_other(void **state)
{
	runner_stop(&other);
	settle();
	return 0;
}

static awl_cfuture *submit(awl_fn *fn)
{
	awl_cfuture *c = NULL;

	expect(awl_run_coroutine_threadsafe(other.loop, fn, NULL, 0, &c) == 0);
	return c;
}

/* Awaits fn's task of the other loop in this one. */
static int awaits(awl_fn *fn)
{
	awl_cfuture *c = submit(fn);
	awl_future *f;
	int r = awl_wrap_future(c, &f);

	awl_cfuture_unref(c);
	if (r < 0)
		return r;
	expect(awl_future_get_loop(f) == here());
	r = awl_await(f);
	awl_unref(f);
	return r;
}

static int gives_seven(void *arg)
{
	int r = awl_yield();

	expect(gettid() == other.tid);
	return r < 0 ? r : 7;
}

static int fails(void *arg)
{
	return -ENOENT;
}

static int gives_up(void *arg)
{
	return AWL_ECANCELED;
}

static int main_outcomes(void *arg)
{
	expect(awaits(gives_seven) == 7);
	expect(awaits(fails) == -ENOENT);
	expect(awaits(gives_up) == AWL_EFUTURECANCELED); /* inner cancelled: so is the outer */
	return 0;
}

static void a_task_of_another_loop_is_awaited_with_its_result_failure_or_cancel(void **state)
{
	in_loop(main_outcomes, NULL);
}

static int main_done_already(void *arg)
{
	awl_cfuture *c = submit(gives_seven);
	awl_future *f;

	expect(awl_cfuture_join(c, NULL) == 0);
	expect(awl_wrap_future(c, &f) == 0);
	expect(awl_await(f) == 7);
	awl_unref(f);
	awl_cfuture_unref(c);
	return 0;
}

static void one_that_is_done_already_is_wrapped_as_well(void **state)
{
	in_loop(main_done_already, NULL);
}

static int own_task(void *arg)
{
	int r = awl_yield();

	return r < 0 ? r : 3;
}

static int main_same_loop(void *arg)
{
	awl_cfuture *c;
	awl_future *f;

	expect(awl_run_coroutine_threadsafe(here(), own_task, NULL, 0, &c) == 0);
	expect(awl_wrap_future(c, &f) == 0);
	awl_cfuture_unref(c);
	expect(awl_await(f) == 3);
	awl_unref(f);
	return 0;
}

static void a_cfuture_of_the_same_loop_can_be_awaited_too(void **state)
{
	in_loop(main_same_loop, NULL);
}

static void outside_a_loop_there_is_nothing_to_wrap_into(void **state)
{
	awl_cfuture *c = submit(gives_seven);
	awl_future *untouched = (awl_future *)&other, *f = untouched;

	assert_int_equal(awl_wrap_future(c, &f), AWL_ENOLOOP);
	assert_int_equal(awl_wrap_future(NULL, &f), -EINVAL);
	assert_int_equal(awl_wrap_future(c, NULL), -EINVAL);
	assert_ptr_equal(f, untouched);
	awl_cfuture_unref(c);
}

/* --- cancelling ------------------------------------------------------------------------------ */

static _Atomic int begun, stopped;

static int waits_for_ever(void *arg)
{
	int r;

	begun++;
	r = awl_sleep(AWL_FOREVER);
	stopped += r == AWL_ECANCELED;
	return r;
}

static int main_cancel_future(void *arg)
{
	awl_cfuture *c = submit(waits_for_ever);
	awl_future *f;
	int outcome = 0;

	expect(awl_wrap_future(c, &f) == 0);
	expect(awl_cancel(f, "no more") == 1);
	expect(awl_await(f) == AWL_EFUTURECANCELED);
	awl_unref(f);
	/* The cancel goes across from the ready list: the loop must not be blocked meanwhile. */
	while (!awl_cfuture_done(c))
		expect(awl_yield() == 0);
	expect(awl_cfuture_join(c, &outcome) == 0);
	expect(outcome == AWL_EFUTURECANCELED);
	awl_cfuture_unref(c);
	return 0;
}

static void cancelling_the_outer_future_cancels_the_task_in_its_loop(void **state)
{
	begun = stopped = 0;
	in_loop(main_cancel_future, NULL);
	assert_int_equal(begun, 1);
	assert_int_equal(stopped, 1);
}

static int awaits_for_ever(void *arg)
{
	return awaits(waits_for_ever);
}

static int main_cancel_waiter(void *arg)
{
	awl_task *t;
	int r = awl_create_task(awaits_for_ever, NULL, &t);

	while (r == 0 && !begun)
		r = awl_yield();
	expect(awl_cancel(t, NULL) == 1);
	expect(awl_await(t) == AWL_EFUTURECANCELED);
	awl_unref(t);
	return 0;
}

static int nothing(void *arg)
{
	return 0;
}

/* The cancel goes down from the task to the future it alone awaits, and across. */
static void cancelling_the_task_that_awaits_it_cancels_the_task_in_its_loop(void **state)
{
	begun = stopped = 0;
	in_loop(main_cancel_waiter, NULL);
	while (!stopped)
		assert_int_equal(
			awl_call_threadsafe(other.loop, nothing, NULL, 0, AWL_FOREVER, NULL), 0);
}

static int main_timeout(void *arg)
{
	awl_timeout t;
	int r;

	awl_timeout_enter(&t, AWL_MS);
	r = awaits(waits_for_ever);
	expect(awl_timeout_exit(&t, r) == -ETIMEDOUT);
	return 0;
}

static void a_timeout_around_it_reaches_across(void **state)
{
	begun = stopped = 0;
	in_loop(main_timeout, NULL);
	while (!stopped)
		assert_int_equal(
			awl_call_threadsafe(other.loop, nothing, NULL, 0, AWL_FOREVER, NULL), 0);
}

/* --- either loop closes first ---------------------------------------------------------------- */

struct second_loop {
	struct runner r;
	awl_cfuture *c;
};

static int main_inner_closes(void *arg)
{
	struct second_loop *s = arg;
	awl_future *f;
	int r;

	expect(awl_wrap_future(s->c, &f) == 0);
	expect(awl_call_soon_threadsafe(s->r.loop, stop_loop, s->r.loop, NULL) == 0);
	r = awl_await(f);
	expect(r == AWL_ECLOSED);
	awl_unref(f);
	return 0;
}

static void the_inner_loop_closes_first_and_the_outer_future_says_so(void **state)
{
	struct second_loop s;

	runner_start(&s.r);
	assert_int_equal(awl_run_coroutine_threadsafe(s.r.loop, waits_for_ever, NULL, 0, &s.c), 0);
	in_loop(main_inner_closes, &s);
	join_thread(s.r.thread);
	awl_cfuture_unref(s.c);
	awl_loop_unref(s.r.loop);
}

static awl_future *kept;

static int leaves_it_pending(void *arg)
{
	expect(awl_wrap_future(arg, &kept) == 0);
	return 0;
}

/* A loop that closes cancels what nobody can end any more, and that goes across like any cancel. */
static void the_outer_loop_closes_first_and_the_inner_task_is_cancelled(void **state)
{
	awl_loop *l = new_loop(NULL);
	awl_cfuture *c;
	int outcome = 0;

	begun = stopped = 0;
	c = submit(waits_for_ever);
	assert_int_equal(awl_loop_run_until_complete(l, leaves_it_pending, c), 0);
	assert_int_equal(awl_loop_close(l), 0);
	assert_int_equal(awl_cfuture_join(c, &outcome), 0);
	assert_int_equal(outcome, AWL_EFUTURECANCELED);
	assert_int_equal(awl_result(kept), AWL_EFUTURECANCELED);
	awl_unref(kept);
	awl_cfuture_unref(c);
	awl_loop_unref(l);
}

static int refuses_to_stop(void *arg)
{
	expect(awl_sleep(AWL_FOREVER) == AWL_ECANCELED);
	return 6;
}

/* Its outcome meets a closed door, and nothing is left behind. */
static void an_outcome_that_comes_after_the_outer_loop_has_closed_is_dropped(void **state)
{
	awl_loop *l = new_loop(NULL);
	awl_cfuture *c = submit(refuses_to_stop);
	int outcome = 0;

	assert_int_equal(awl_loop_run_until_complete(l, leaves_it_pending, c), 0);
	assert_int_equal(awl_loop_close(l), 0);
	awl_unref(kept);
	awl_loop_unref(l);
	assert_int_equal(awl_cfuture_join(c, &outcome), 0);
	assert_int_equal(outcome, 6);
	awl_cfuture_unref(c);
}

/* --- races ----------------------------------------------------------------------------------- */

static awl_cfuture *shared;
static long turns;

static int main_races(void *arg)
{
	awl_future *f;
	long round = *(long *)arg;

	expect(awl_wrap_future(shared, &f) == 0);
	for (long i = round % 16; i > 0; i--)
		expect(awl_yield() == 0);
	if (round % 3 == 0)
		awl_cancel(f, "a race");
	awl_unref(f);
	return 0;
}

static int a_few_turns(void *arg)
{
	for (long i = turns; i > 0; i--) {
		int r = awl_yield();

		if (r < 0)
			return r;
	}
	return 7;
}

static void the_outer_loop_closes_while_the_inner_task_ends(void **state)
{
	long n = rounds();

	for (long i = 0; i < n; i++) {
		int outcome = 0;

		turns = i % 37;
		shared = submit(a_few_turns);
		in_loop(main_races, &i); /* and close */
		assert_int_equal(awl_cfuture_join(shared, &outcome), 0);
		assert_true(outcome == 7 || outcome == AWL_EFUTURECANCELED);
		awl_cfuture_unref(shared);
	}
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, start_other, stop_other)
	const struct CMUnitTest tests[] = {
		CASE(a_task_of_another_loop_is_awaited_with_its_result_failure_or_cancel),
		CASE(one_that_is_done_already_is_wrapped_as_well),
		CASE(a_cfuture_of_the_same_loop_can_be_awaited_too),
		CASE(outside_a_loop_there_is_nothing_to_wrap_into),
		CASE(cancelling_the_outer_future_cancels_the_task_in_its_loop),
		CASE(cancelling_the_task_that_awaits_it_cancels_the_task_in_its_loop),
		CASE(a_timeout_around_it_reaches_across),
		CASE(the_inner_loop_closes_first_and_the_outer_future_says_so),
		CASE(the_outer_loop_closes_first_and_the_inner_task_is_cancelled),
		CASE(an_outcome_that_comes_after_the_outer_loop_has_closed_is_dropped),
		CASE(the_outer_loop_closes_while_the_inner_task_ends),
	};

	return cmocka_run_group_tests_name("thread.wrap", tests, NULL, NULL);
}
