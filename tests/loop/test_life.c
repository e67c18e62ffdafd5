/* SPDX-License-Identifier: MIT */
/*
 * @reactors @valgrind @thread
 * test_life.c - runs: how they begin, how they end, what is refused, and what stays for the next.
 */
#include "support.h"

#include <pthread.h>

static struct heard heard;

static int nothing(void *arg)
{
	return 0;
}

static int add_one(void *arg)
{
	++*(int *)arg;
	return 0;
}

static int stop_here(void *arg)
{
	return awl_loop_stop(here());
}

static int value(void *arg)
{
	return *(int *)arg;
}

static awl_loop *loop;

static int make(void **state)
{
	loop = new_loop(NULL);
	return 0;
}

static int end(void **state)
{
	end_loop(loop);
	return 0;
}

/* --- run_forever and stop --- */

/* L1 */
static void run_forever_runs_until_it_is_stopped(void **state)
{
	int n = 0;

	for (int i = 0; i < 5; i++)
		assert_int_equal(awl_loop_call_soon(loop, add_one, &n, NULL), 0);
	assert_int_equal(awl_loop_call_later(loop, AWL_MS, add_one, &n, NULL), 0);
	assert_int_equal(awl_loop_call_later(loop, 2 * AWL_MS, stop_here, NULL, NULL), 0);
	assert_int_equal(awl_loop_run_forever(loop), 0);
	assert_int_equal(n, 6);
}

struct chain {
	int ran, added;
};

static int add_later(void *arg)
{
	struct chain *c = arg;

	c->ran++;
	return awl_loop_call_soon(here(), add_one, &c->added, NULL);
}

/* L9 */
static void a_stop_before_a_run_makes_it_one_iteration(void **state)
{
	struct chain c = { 0, 0 };
	uint64_t before;

	assert_int_equal(awl_loop_stop(loop), 0);
	assert_int_equal(awl_loop_call_soon(loop, add_later, &c, NULL), 0);
	before = loop->iterations;
	assert_int_equal(awl_loop_run_forever(loop), 0);
	assert_int_equal(loop->iterations, before + 1);
	assert_int_equal(c.ran, 1);
	assert_int_equal(c.added, 0);

	/* What was added waits for the next run; the stop does not. */
	assert_int_equal(awl_loop_stop(loop), 0);
	assert_int_equal(awl_loop_run_forever(loop), 0);
	assert_int_equal(c.added, 1);
}

/* L9: with nothing to do it does not sleep either. */
static void a_stopped_run_does_not_wait(void **state)
{
	assert_int_equal(awl_loop_call_later(loop, AWL_FOREVER, nothing, NULL, NULL), 0);
	assert_int_equal(awl_loop_stop(loop), 0);
	assert_int_equal(awl_loop_run_forever(loop), 0);
}

static int stop_and_add(void *arg)
{
	assert_int_equal(awl_loop_stop(here()), 0);
	return awl_loop_call_soon(here(), add_one, arg, NULL);
}

/* L9 */
static void a_stop_in_a_callback_lets_the_batch_end_and_keeps_what_was_added(void **state)
{
	int behind = 0, added = 0;

	assert_int_equal(awl_loop_call_soon(loop, stop_and_add, &added, NULL), 0);
	assert_int_equal(awl_loop_call_soon(loop, add_one, &behind, NULL), 0);
	assert_int_equal(awl_loop_run_forever(loop), 0);
	assert_int_equal(behind, 1);
	assert_int_equal(added, 0);
	assert_int_equal(awl_loop_stop(loop), 0);
	assert_int_equal(awl_loop_run_forever(loop), 0);
	assert_int_equal(added, 1);
}

/* --- run_until_complete --- */

/* L2 */
static void run_until_complete_returns_what_its_function_does(void **state)
{
	int codes[] = { 0, 7, INT32_MAX, -EIO, -1, AWL_EPENDING };

	for (size_t i = 0; i < COUNT(codes); i++)
		assert_int_equal(awl_loop_run_until_complete(loop, value, &codes[i]), codes[i]);
}

/* L2: CancelledError out of run_until_complete */
static void a_cancelled_main_task_is_told_as_a_cancelled_future(void **state)
{
	int code = AWL_ECANCELED;

	assert_int_equal(awl_loop_run_until_complete(loop, value, &code), AWL_EFUTURECANCELED);
}

static int set_seven(void *arg)
{
	return awl_future_set_result(arg, 7);
}

static int set_failure(void *arg)
{
	return awl_future_set_exception(arg, -EIO);
}

static int cancel_it(void *arg)
{
	return awl_cancel(arg, NULL) == 1 ? 0 : -1;
}

/* L2 */
static void run_until_future_returns_the_futures_outcome(void **state)
{
	static const struct {
		awl_fn *end;
		int outcome;
	} ways[] = { { set_seven, 7 }, { set_failure, -EIO }, { cancel_it, AWL_EFUTURECANCELED } };

	for (size_t i = 0; i < COUNT(ways); i++) {
		awl_future *f;
		uint64_t before;

		assert_int_equal(awl_loop_create_future(loop, 0, &f), 0);
		assert_int_equal(awl_loop_call_later(loop, AWL_MS, ways[i].end, f, NULL), 0);
		assert_int_equal(awl_loop_run_until_future(loop, f), ways[i].outcome);
		/* Done already: one iteration, the same outcome. */
		before = loop->iterations;
		assert_int_equal(awl_loop_run_until_future(loop, f), ways[i].outcome);
		assert_int_equal(loop->iterations, before + 1);
		assert_int_equal(awl_unref(f), 0);
	}
}

/* L2: a task is a future. */
static void run_until_future_runs_a_task_made_before(void **state)
{
	int five = 5, others = 0;
	awl_task *t;

	assert_int_equal(awl_loop_create_task(loop, NULL, value, &five, &t), 0);
	assert_int_equal(awl_loop_create_task(loop, NULL, add_one, &others, NULL), 0);
	assert_int_equal(awl_loop_run_until_future(loop, t), 5);
	assert_int_equal(others, 1);
	assert_int_equal(awl_unref(t), 0);
}

/* L5 */
static void a_future_of_another_loop_is_refused(void **state)
{
	awl_loop *other = new_loop(NULL);
	awl_future *f;

	assert_int_equal(awl_loop_create_future(other, 0, &f), 0);
	assert_int_equal(awl_loop_run_until_future(loop, f), AWL_EOTHERLOOP);
	assert_int_equal(awl_unref(f), 0);
	end_loop(other);
}

/* L6 */
static void null_is_refused(void **state)
{
	assert_int_equal(awl_loop_run_until_complete(NULL, nothing, NULL), -EINVAL);
	assert_int_equal(awl_loop_run_until_complete(loop, NULL, NULL), -EINVAL);
	assert_int_equal(awl_loop_run_until_future(NULL, NULL), -EINVAL);
	assert_int_equal(awl_loop_run_until_future(loop, NULL), -EINVAL);
	assert_int_equal(awl_loop_run_forever(NULL), -EINVAL);
	assert_int_equal(awl_loop_stop(NULL), -EINVAL);
	assert_int_equal(awl_loop_close(NULL), -EINVAL);
	assert_int_equal(awl_loop_new(NULL, NULL), -EINVAL);
	assert_int_equal(awl_get_running_loop(NULL), -EINVAL);
	assert_int_equal(awl_loop_is_running(NULL), -EINVAL);
	assert_int_equal(awl_loop_is_closed(NULL), -EINVAL);
	assert_int_equal(awl_loop_time(NULL), -EINVAL);
	assert_string_equal(awl_loop_name(NULL), "");
	assert_null(awl_loop_ref(NULL));
	awl_loop_unref(NULL);
	assert_int_equal(awl_run(NULL, NULL), -EINVAL);
}

static int stop_then_sleep(void *arg)
{
	int *steps = arg, r;

	++*steps;
	assert_int_equal(awl_loop_stop(here()), 0);
	r = awl_sleep(AWL_MS);
	++*steps;
	return r < 0 ? r : 42;
}

/* L4 */
static void a_stopped_run_says_so_and_its_task_goes_on_in_the_next(void **state)
{
	awl_task *all[4];
	int steps = 0;

	assert_int_equal(awl_loop_run_until_complete(loop, stop_then_sleep, &steps), AWL_ESTOPPED);
	assert_int_equal(steps, 1);
	assert_int_equal(awl_all_tasks(loop, all, COUNT(all)), 1);
	assert_int_equal(awl_loop_run_until_future(loop, all[0]), 42);
	assert_int_equal(steps, 2);
	assert_int_equal(awl_all_tasks(loop, NULL, 0), 0);
}

/* L4: done in the very iteration that was stopped, it is done. */
static void a_stop_in_the_last_step_does_not_hide_the_result(void **state)
{
	int n = 0;

	assert_int_equal(awl_loop_stop(loop), 0);
	assert_int_equal(awl_loop_run_until_complete(loop, add_one, &n), 0);
	assert_int_equal(n, 1);
}

static int fail_later(void *arg)
{
	int r = awl_sleep(AWL_MS);

	return r < 0 ? r : -EIO;
}

static int stop_soon_and_fail(void *arg)
{
	assert_int_equal(awl_loop_stop(here()), 0);
	return fail_later(NULL);
}

/* L3: nobody holds it, so its failure is told when it comes. */
static void the_failure_of_a_task_left_by_a_stopped_run_is_reported(void **state)
{
	listen_to_awl(&heard);
	assert_int_equal(awl_loop_run_until_complete(loop, stop_soon_and_fail, NULL), AWL_ESTOPPED);
	assert_int_equal(heard.lines, 0);
	assert_int_equal(awl_loop_run_until_complete(loop, fail_later, NULL), -EIO);
	stop_listening();
	assert_int_equal(heard.lines, 1);
	assert_heard(&heard, "nobody read the failure of task Task-1");
	assert_heard(&heard, "EIO");
}

static int wait_for_ever(void *arg)
{
	awl_future *f;
	int r;

	assert_int_equal(awl_loop_create_future(here(), 0, &f), 0);
	r = awl_await(f);
	assert_int_equal(awl_unref(f), 0);
	++*(int *)arg;
	return r;
}

/* L16 */
static void a_loop_may_be_run_again_and_again_and_tasks_stay_for_the_next_run(void **state)
{
	int n = 0, ended = 0;

	assert_int_equal(awl_loop_create_task(loop, NULL, wait_for_ever, &ended, NULL), 0);
	for (int i = 1; i <= 100; i++) {
		assert_int_equal(awl_loop_run_until_complete(loop, add_one, &n), 0);
		assert_int_equal(n, i);
		assert_int_equal(awl_all_tasks(loop, NULL, 0), 1);
	}
	assert_int_equal(ended, 0);
	assert_int_equal(awl_loop_close(loop), 0);
	assert_int_equal(ended, 1);
}

/* --- what a run refuses --- */

static int run_own_loop(void *arg)
{
	int *n = arg;

	assert_int_equal(awl_loop_run_until_complete(here(), add_one, n), AWL_ERUNNING);
	assert_int_equal(awl_loop_run_forever(here()), AWL_ERUNNING);
	assert_int_equal(awl_loop_close(here()), AWL_ERUNNING);
	return 0;
}

static int run_own_future(void *arg)
{
	awl_future *f;

	assert_int_equal(awl_loop_create_future(here(), 0, &f), 0);
	assert_int_equal(awl_loop_run_until_future(here(), f), AWL_ERUNNING);
	return awl_unref(f);
}

static int run_another_loop(void *arg)
{
	awl_loop *other = new_loop(NULL);
	int n = 0;

	assert_int_equal(awl_loop_run_until_complete(other, add_one, &n), AWL_ENESTED);
	assert_int_equal(awl_loop_run_forever(other), AWL_ENESTED);
	assert_int_equal(awl_loop_close(other), AWL_ENESTED);
	assert_int_equal(awl_run(add_one, &n), AWL_ENESTED);
	assert_int_equal(n, 0);
	*(awl_loop **)arg = other;
	return 0;
}

/* L11 */
static void a_running_loop_is_not_run_again_and_not_closed(void **state)
{
	int n = 0;

	listen_to_awl(&heard);
	assert_int_equal(awl_loop_run_until_complete(loop, run_own_loop, &n), 0);
	assert_int_equal(awl_loop_run_until_complete(loop, run_own_future, NULL), 0);
	/* the same from a callback */
	assert_int_equal(awl_loop_call_soon(loop, run_own_loop, &n, NULL), 0);
	assert_int_equal(awl_loop_run_until_complete(loop, nothing, NULL), 0);
	stop_listening();
	assert_int_equal(n, 0);
	assert_int_equal(awl_all_tasks(loop, NULL, 0), 0);
}

/* L11, L23: 'cannot be called from a running event loop' */
static void another_loop_is_not_run_inside_a_running_one(void **state)
{
	awl_loop *other = NULL;

	assert_int_equal(awl_loop_run_until_complete(loop, run_another_loop, &other), 0);
	end_loop(other);
	assert_int_equal(awl_loop_call_soon(loop, run_another_loop, &other, NULL), 0);
	assert_int_equal(awl_loop_run_until_complete(loop, nothing, NULL), 0);
	end_loop(other);
}

/* --- who runs --- */

static int ask_who_runs(void *arg)
{
	awl_loop *l = NULL;

	assert_int_equal(awl_get_running_loop(&l), 0);
	assert_ptr_equal(l, arg);
	assert_int_equal(awl_loop_is_running(l), 1);
	assert_int_equal(awl_loop_is_closed(l), 0);
	return 0;
}

static void *ask_from_outside(void *arg)
{
	awl_loop *l = (awl_loop *)&heard;

	if (awl_get_running_loop(&l) != AWL_ENOLOOP || l != (awl_loop *)&heard)
		return "another thread finds a running loop";
	return awl_loop_is_running(arg) ? NULL : "the loop does not look running from outside";
}

static int ask_a_thread(void *arg)
{
	pthread_t t;
	void *wrong;

	assert_int_equal(pthread_create(&t, NULL, ask_from_outside, arg), 0);
	pthread_join(t, &wrong);
	if (wrong)
		fail_msg("%s", (char *)wrong);
	return 0;
}

/* L10, L18, L19 */
static void the_running_loop_is_known_to_its_thread_alone_while_it_runs(void **state)
{
	awl_loop *l = NULL;

	assert_int_equal(awl_get_running_loop(&l), AWL_ENOLOOP);
	assert_int_equal(awl_loop_is_running(loop), 0);
	assert_int_equal(awl_loop_run_until_complete(loop, ask_who_runs, loop), 0);
	assert_int_equal(awl_loop_run_until_complete(loop, ask_a_thread, loop), 0);
	assert_int_equal(awl_loop_call_soon(loop, ask_who_runs, loop, NULL), 0);
	assert_int_equal(awl_loop_run_until_complete(loop, nothing, NULL), 0);
	assert_int_equal(awl_loop_is_running(loop), 0);
	assert_int_equal(awl_get_running_loop(&l), AWL_ENOLOOP);
	assert_null(l);
}

/* L15 */
static void time_never_goes_back(void **state)
{
	int64_t last = awl_loop_time(loop);

	for (int i = 0; i < 1000; i++) {
		int64_t now = awl_loop_time(loop);

		assert_true(now >= last);
		last = now;
	}
}

/* L17: what a run sets up it takes down, also when it is refused after it began to. */
static void a_refused_run_leaves_no_running_loop(void **state)
{
	awl_loop *l;
	awl_future *f;

	assert_int_equal(awl_loop_create_future(loop, 0, &f), 0);
	assert_int_equal(awl_loop_stop(loop), 0);
	assert_int_equal(awl_loop_run_until_future(loop, f), AWL_ESTOPPED);
	assert_int_equal(awl_get_running_loop(&l), AWL_ENOLOOP);
	assert_int_equal(awl_loop_is_running(loop), 0);
	assert_int_equal(awl_unref(f), 0);
}

/* --- another thread --- */

struct asked {
	int outcome, n;
	awl_task *until;
};

static void *run_elsewhere(void *arg)
{
	struct asked *a = arg;

	if (a->until)
		a->outcome = awl_loop_run_until_future(loop, a->until);
	else
		a->outcome = awl_loop_run_until_complete(loop, add_one, &a->n);
	return NULL;
}

static struct asked in_another_thread(awl_task *until)
{
	struct asked a = { 1, 0, until };
	pthread_t t;

	assert_int_equal(pthread_create(&t, NULL, run_elsewhere, &a), 0);
	pthread_join(t, NULL);
	return a;
}

static void note(const awl_misuse *m, void *arg)
{
	*(awl_misuse *)arg = *m;
}

static int wait_twice(void *arg)
{
	int r = awl_await(arg);

	return r < 0 ? r : awl_sleep(AWL_MS);
}

/* A1: frames hold the thread's addresses. */
static void a_loop_with_a_begun_task_is_refused_to_another_thread(void **state)
{
	awl_misuse m = { 0 };
	struct asked a;
	awl_future *f;
	awl_task *t;

	assert_int_equal(awl_loop_create_future(loop, 0, &f), 0);
	assert_int_equal(awl_loop_create_task(loop, NULL, wait_twice, f, &t), 0);
	assert_int_equal(awl_loop_run_until_complete(loop, nothing, NULL), 0);

	awl_set_misuse_hook(note, &m);
	a = in_another_thread(NULL);
	awl_set_misuse_hook(NULL, NULL);
	assert_int_equal(a.outcome, AWL_ETHREAD);
	assert_int_equal(a.n, 0);
	assert_string_equal(m.call, "awl_loop_run_until_complete");
	assert_int_equal(m.error, AWL_ETHREAD);
	assert_non_null(strstr(m.reason, "have begun in another thread"));

	/* Finished, it may go where it likes. */
	assert_int_equal(awl_future_set_result(f, 0), 0);
	assert_int_equal(awl_loop_run_until_future(loop, t), 0);
	a = in_another_thread(NULL);
	assert_int_equal(a.outcome, 0);
	assert_int_equal(a.n, 1);
	assert_int_equal(awl_unref(t), 0);
	assert_int_equal(awl_unref(f), 0);
}

/* A1: without a first step there is no frame. */
static void a_task_that_has_not_begun_binds_nothing(void **state)
{
	int n = 0;
	awl_task *t;
	struct asked a;

	assert_int_equal(awl_loop_run_until_complete(loop, nothing, NULL), 0);
	assert_int_equal(awl_loop_create_task(loop, NULL, add_one, &n, &t), 0);
	a = in_another_thread(t);
	assert_int_equal(a.outcome, 0);
	assert_int_equal(n, 1);
	assert_int_equal(awl_unref(t), 0);
	/* and back */
	assert_int_equal(awl_loop_run_until_complete(loop, add_one, &n), 0);
}

static int read_one(void *arg)
{
	int *fds = arg;
	char byte;

	return awl_fd_read(fds[0], &byte, 1);
}

static int write_one(void *arg)
{
	int *fds = arg;

	return awl_fd_write(fds[1], "x", 1);
}

static int over_a_pipe(void *arg)
{
	awl_task *reader;
	int r = awl_create_task(read_one, arg, &reader);

	assert_int_equal(r, 0);
	assert_int_equal(awl_sleep(AWL_MS), 0);
	assert_int_equal(write_one(arg), 1);
	r = awl_await(reader);
	assert_int_equal(awl_unref(reader), 0);
	return r;
}

/* The reactor changes hands with the loop: descriptors and timers work in the new thread. */
static void a_loop_works_in_each_thread_that_runs_it(void **state)
{
	int fds[2];

	make_pipe(loop, fds);
	for (int i = 0; i < 3; i++) {
		awl_task *t;

		assert_int_equal(awl_loop_create_task(loop, NULL, over_a_pipe, fds, &t), 0);
		assert_int_equal(in_another_thread(t).outcome, 1);
		assert_int_equal(awl_unref(t), 0);
		assert_int_equal(awl_loop_run_until_complete(loop, over_a_pipe, fds), 1);
	}
	close_pipe(loop, fds);
}

#define LIFE(f) cmocka_unit_test_setup_teardown(f, make, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LIFE(run_forever_runs_until_it_is_stopped),
		LIFE(a_stop_before_a_run_makes_it_one_iteration),
		LIFE(a_stopped_run_does_not_wait),
		LIFE(a_stop_in_a_callback_lets_the_batch_end_and_keeps_what_was_added),
		LIFE(run_until_complete_returns_what_its_function_does),
		LIFE(a_cancelled_main_task_is_told_as_a_cancelled_future),
		LIFE(run_until_future_returns_the_futures_outcome),
		LIFE(run_until_future_runs_a_task_made_before),
		LIFE(a_future_of_another_loop_is_refused),
		LIFE(null_is_refused),
		LIFE(a_stopped_run_says_so_and_its_task_goes_on_in_the_next),
		LIFE(a_stop_in_the_last_step_does_not_hide_the_result),
		LIFE(the_failure_of_a_task_left_by_a_stopped_run_is_reported),
		LIFE(a_loop_may_be_run_again_and_again_and_tasks_stay_for_the_next_run),
		LIFE(a_running_loop_is_not_run_again_and_not_closed),
		LIFE(another_loop_is_not_run_inside_a_running_one),
		LIFE(the_running_loop_is_known_to_its_thread_alone_while_it_runs),
		LIFE(time_never_goes_back),
		LIFE(a_refused_run_leaves_no_running_loop),
		LIFE(a_loop_with_a_begun_task_is_refused_to_another_thread),
		LIFE(a_task_that_has_not_begun_binds_nothing),
		LIFE(a_loop_works_in_each_thread_that_runs_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
