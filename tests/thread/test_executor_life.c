/* SPDX-License-Identifier: MIT */
/*
 * test_executor_life.c - executors begin, are bounded, run out of threads in words, and end: a task
 * waits for that, a thread blocks. @reactors @thread @valgrind
 */
#include "support.h"

#include "base/alloc.h"
#include "gate.h"
#include "pool/pool.h"

#include <sched.h>
#include <sys/wait.h>

static int thread_name(void *arg)
{
	return pthread_getname_np(pthread_self(), arg, 16);
}

static int default_body(void *arg)
{
	awl_executor *e = new_executor(1, 0);
	char name[16];

	assert_int_equal(awl_to_thread(thread_name, name), 0);
	assert_string_equal(name, "awl-pool");
	assert_int_equal(awl_loop_set_default_executor(here(), e), 0);
	awl_executor_unref(e);
	assert_int_equal(awl_to_thread(thread_name, name), 0);
	assert_string_equal(name, "test");
	assert_int_equal(awl_loop_set_default_executor(here(), NULL), 0);
	assert_int_equal(awl_to_thread(thread_name, name), 0);
	assert_string_equal(name, "awl-pool");
	e = new_executor(1, 0);
	assert_int_equal(awl_loop_set_default_executor(here(), e), 0);
	awl_executor_unref(e); /* the loop's goes with the loop */
	assert_int_equal(awl_to_thread(thread_name, name), 0);
	return 0;
}

/* H5 */
static void a_loop_may_have_a_default_executor_of_its_own(void **state)
{
	in_loop(default_body, NULL);
}

static int bound_body(void *arg)
{
	awl_executor *e = new_executor(1, 1);
	struct gate gate = GATE;
	awl_future *f, *g;

	assert_int_equal(awl_run_in_executor(e, stand, &gate, &f), 0);
	assert_int_equal(awl_run_in_executor(e, stand, &gate, &g), 0);
	assert_int_equal(awl_yield(), 0);
	assert_int_equal(awl_executor_run(e, stand, &gate), -EAGAIN);
	assert_true(strlen(awl_error_detail(-EAGAIN)) > 0);
	assert_int_equal(awl_executor_run_abandonable(e, stand, NULL, 0, NULL), -EAGAIN);
	assert_int_equal(awl_cancel(g, NULL), 1);
	assert_int_equal(awl_await(g), AWL_EFUTURECANCELED);
	open_gate(&gate);
	assert_int_equal(awl_await(f), 0);
	/* A place is free as soon as its user knows. */
	for (int i = 0; i < 1000; i++)
		assert_int_equal(awl_executor_run(e, stand, &gate), 0);
	assert_int_equal(gate.begun, 1001);
	end_executor(e);
	awl_unref(f);
	return awl_unref(g);
}

static void no_more_functions_wait_for_a_thread_than_may(void **state)
{
	in_loop(bound_body, NULL);
}

static int exhausted_body(void *arg)
{
	awl_executor_options o = { .name = "small", .threads = 1, .late = 1 };
	struct gate gate = GATE;
	awl_future *f[5];
	awl_executor *e;
	struct heard h;

	assert_int_equal(awl_executor_new(&o, &e), 0);
	listen_to_awl(&h);
	assert_int_equal(awl_run_in_executor(e, stand, &gate, &f[0]), 0);
	until(&gate.begun, 1);
	for (size_t i = 1; i < COUNT(f); i++)
		assert_int_equal(awl_run_in_executor(e, stand, &gate, &f[i]), 0);
	assert_int_equal(awl_yield(), 0);
	assert_heard(&h, "executor small is exhausted: a function has waited");
	assert_int_equal(h.lines, 1);
	open_gate(&gate);
	for (size_t i = 0; i < COUNT(f); i++) {
		assert_int_equal(awl_await(f[i]), 0);
		awl_unref(f[i]);
	}
	end_executor(e);
	stop_listening();
	assert_int_equal(h.lines, 1);
	return 0;
}

static void an_exhausted_executor_is_told_of_once(void **state)
{
	in_loop(exhausted_body, NULL);
}

static void told(struct awl__job *job)
{
}

static int slow_body(void *arg)
{
	int half = *(int *)arg;
	struct gate gate = GATE;
	awl_future *f[40];
	struct awl__job file = { .fn = stand, .arg = &gate, .done = told };

	for (size_t i = 0; i < COUNT(f); i++)
		assert_int_equal(awl_run_in_executor(NULL, stand, &gate, &f[i]), 0);
	until(&gate.begun, half);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(awl_yield(), 0);
	assert_int_equal(gate.begun, half);
	assert_int_equal(awl__pool_submit(&file), 0); /* a file need not wait for any of them */
	until(&gate.begun, half + 1);
	assert_int_equal(awl_executor_join(NULL, 0), -ETIMEDOUT);
	open_gate(&gate);
	for (size_t i = 0; i < COUNT(f); i++) {
		assert_int_equal(awl_await(f[i]), 0);
		awl_unref(f[i]);
	}
	return awl_executor_join(NULL, AWL_FOREVER);
}

static void functions_get_half_of_the_default_executor_at_most(void **state)
{
	cpu_set_t cpus;
	int max;

	sched_getaffinity(0, sizeof cpus, &cpus);
	max = CPU_COUNT(&cpus) + 4;
	max = ((max < 32 ? max : 32) + 1) / 2;
	in_loop(slow_body, &max);
}

static int shut_body(void *arg)
{
	awl_executor *e = new_executor(1, 0);
	struct gate gate = GATE;
	awl_future *f, *g;

	assert_int_equal(awl_run_in_executor(e, stand, &gate, &f), 0);
	assert_int_equal(awl_run_in_executor(e, stand, &gate, &g), 0);
	until(&gate.begun, 1);
	assert_int_equal(awl_executor_shutdown(e), 0);
	assert_int_equal(awl_executor_run(e, stand, &gate), AWL_ESHUTDOWN);
	/* sim's clock stands while functions run: no time-out comes. */
	assert_int_equal(awl_executor_join(e, is_sim(here()) ? 0 : AWL_MS), -ETIMEDOUT);
	open_gate(&gate);
	assert_int_equal(awl_executor_join(e, AWL_FOREVER), 0);
	assert_int_equal(awl_await(f), 0);
	assert_int_equal(awl_await(g), 0);
	assert_int_equal(gate.returned, 2);
	awl_executor_unref(e);
	awl_unref(f);
	return awl_unref(g);
}

/* L28 */
static void a_shut_executor_takes_nothing_and_runs_what_it_has(void **state)
{
	in_loop(shut_body, NULL);
}

static int join_it(void *executor)
{
	return awl_executor_join(executor, AWL_FOREVER);
}

static int join_body(void *arg)
{
	awl_executor *e = new_executor(2, 0);
	struct gate gate = GATE;
	awl_task *joiner;
	awl_future *f;
	int n = 1;

	assert_int_equal(awl_executor_run(e, join_it, e), AWL_EDEADLK);
	assert_int_equal(awl_run_in_executor(e, stand, &gate, &f), 0);
	until(&gate.begun, 1);
	assert_int_equal(awl_create_task(join_it, e, &joiner), 0);
	for (int i = 0; i < 20; i++)
		assert_int_equal(awl_yield(), 0);
	assert_int_equal(awl_done(joiner), 0);
	assert_int_equal(awl_cancel(joiner, NULL), 1);
	assert_int_equal(awl_await(joiner), AWL_EFUTURECANCELED);
	awl_unref(joiner);
	assert_int_equal(awl_create_task(join_it, e, &joiner), 0);
	assert_int_equal(awl_yield(), 0);
	open_gate(&gate);
	assert_int_equal(awl_await(joiner), 0);
	assert_int_equal(awl_await(f), 0);
	awl_executor_unref(e);
	awl_unref(joiner);
	awl_unref(f);

	/* The default one goes on. */
	assert_int_equal(awl_to_thread(answer, &n), 1);
	assert_int_equal(awl_executor_join(NULL, AWL_FOREVER), 0);
	assert_int_equal(awl_to_thread(answer, &n), 1);
	return 0;
}

static void a_task_that_joins_an_executor_waits_and_may_be_cancelled(void **state)
{
	in_loop(join_body, NULL);
}

static void a_plain_thread_blocks_in_join(void **state)
{
	awl_executor *e = new_executor(0, 0);

	assert_int_equal(awl_executor_join(e, 0), 0);
	awl_executor_unref(e);
	assert_int_equal(awl_executor_join(NULL, AWL_FOREVER), 0);
	awl_executor_unref(NULL);
}

static int callback(void *arg)
{
	int n = 0;

	*(int *)arg = awl_to_thread(answer, &n);
	assert_int_equal(awl_executor_join(NULL, 0), AWL_ENOTASK);
	return awl_loop_stop(here());
}

static void outside_a_task_nothing_is_run(void **state)
{
	awl_loop *l = new_loop(NULL);
	awl_future *f = NULL;
	struct heard h;
	int n = 0;

	assert_int_equal(awl_to_thread(answer, &n), AWL_ENOLOOP);
	assert_int_equal(awl_run_in_executor(NULL, answer, &n, &f), AWL_ENOLOOP);
	assert_null(f);
	listen_to_awl(&h);
	assert_int_equal(awl_loop_call_soon(l, callback, &n, NULL), 0);
	assert_int_equal(awl_loop_run_forever(l), 0);
	stop_listening();
	assert_int_equal(n, AWL_ENOTASK);
	end_loop(l);
}

static void nonsense_is_refused(void **state)
{
	awl_executor_options o = { .threads = -1 };
	awl_executor *e = NULL;

	assert_int_equal(awl_executor_new(&o, &e), -EINVAL);
	assert_int_equal(awl_executor_new(NULL, NULL), -EINVAL);
	assert_null(e);
	assert_int_equal(awl_to_thread(NULL, NULL), -EINVAL);
	assert_int_equal(awl_executor_shutdown(NULL), -EINVAL);
}

static void a_forked_child_is_refused_its_parents_executor(void **state)
{
	awl_executor *e = new_executor(1, 0);
	int status;
	pid_t pid;

	/* TSan would take a thread not joined by the parent for the child's leak. */
	awl__pool_drain();
	pid = fork();
	if (pid == 0)
		_exit(awl_executor_join(e, 0) == AWL_EFORK && awl_executor_shutdown(e) == AWL_EFORK
				? 0
				: 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	end_executor(e);
}

static int answer_in(void *arg)
{
	struct {
		awl_executor *executor;
		int *n;
	} *a = arg;

	return awl_executor_run(a->executor, answer, a->n);
}

static int in_executor(awl_executor *e, int *n)
{
	struct {
		awl_executor *executor;
		int *n;
	} a = { e, n };

	return awl_run(answer_in, &a);
}

static void an_idle_thread_ends_after_the_time_it_was_given(void **state)
{
	awl_executor_options o = { .idle = 1 };
	unsigned threads, idle;
	awl_executor *e;
	int n = 8;

	assert_int_equal(awl_executor_new(&o, &e), 0);
	assert_int_equal(in_executor(e, &n), 8);
	do {
		sched_yield();
		awl__pool_count_of((struct awl__pool *)e, &threads, &idle);
	} while (threads);
	assert_int_equal(in_executor(e, &n), 8);
	end_executor(e);
}

static int drain(void **state)
{
	awl__pool_drain();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_loop_may_have_a_default_executor_of_its_own),
		cmocka_unit_test(no_more_functions_wait_for_a_thread_than_may),
		cmocka_unit_test(an_exhausted_executor_is_told_of_once),
		cmocka_unit_test(functions_get_half_of_the_default_executor_at_most),
		cmocka_unit_test(a_shut_executor_takes_nothing_and_runs_what_it_has),
		cmocka_unit_test(a_task_that_joins_an_executor_waits_and_may_be_cancelled),
		cmocka_unit_test(a_plain_thread_blocks_in_join),
		cmocka_unit_test(outside_a_task_nothing_is_run),
		cmocka_unit_test(nonsense_is_refused),
		cmocka_unit_test(a_forked_child_is_refused_its_parents_executor),
		cmocka_unit_test(an_idle_thread_ends_after_the_time_it_was_given),
	};

	return cmocka_run_group_tests(tests, NULL, drain);
}
