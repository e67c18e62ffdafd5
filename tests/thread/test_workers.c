/* SPDX-License-Identifier: MIT */
/*
 * test_workers.c - several loops begin and end as one: the first failure ends the others, and what
 * is sent to one is run there. @reactors @thread @valgrind
 */
#include "support.h"

#include "base/alloc.h"

#include <pthread.h>
#include <sched.h>
#include <sys/wait.h>

#define N 3

static const awl_workers_options three = { .count = N, .loop.name = "crew" };

static awl_loop *loops[N];
static atomic_int ran;

static int look_around(awl_workers *w, int index, void *arg)
{
	assert_ptr_equal(arg, &ran);
	assert_int_equal(awl_workers_count(w), N);
	assert_ptr_equal(awl_workers_loop(w, index), here());
	assert_null(awl_workers_loop(w, N));
	assert_null(awl_workers_loop(w, -1));
	assert_int_equal(awl_loop_name(here())[5], '0' + index);
	loops[index] = here();
	atomic_fetch_add(&ran, 1);
	return awl_yield();
}

static void each_worker_runs_in_a_loop_of_its_own(void **state)
{
	atomic_store(&ran, 0);
	assert_int_equal(awl_workers_run(&three, look_around, &ran), 0);
	assert_int_equal(ran, N);
	assert_true(loops[0] != loops[1] && loops[1] != loops[2] && loops[0] != loops[2]);
}

static atomic_int waiting, ended;

static int fail_or_wait(awl_workers *w, int index, void *arg)
{
	int r;

	if (index == 1) {
		while (atomic_load(&waiting) < N - 1)
			assert_int_equal(awl_sleep(10 * AWL_US), 0);
		return -EIO;
	}
	atomic_fetch_add(&waiting, 1);
	r = awl_sleep(AWL_FOREVER);
	assert_int_equal(r, AWL_ECANCELED);
	atomic_fetch_add(&ended, 1);
	return index == 2 ? -ENOENT : r; /* a failure on the way out is not the first */
}

static void the_first_failure_cancels_the_others_and_is_returned(void **state)
{
	atomic_store(&waiting, 0);
	atomic_store(&ended, 0);
	assert_int_equal(awl_workers_run(&three, fail_or_wait, NULL), -EIO);
	assert_int_equal(ended, N - 1);
}

static int fail_at_once(awl_workers *w, int index, void *arg)
{
	return index == 0 ? -EIO : awl_sleep(AWL_FOREVER);
}

/* The others may not have begun when they are cancelled. */
static void a_failure_meets_the_others_at_each_moment(void **state)
{
	long rounds = test_scale("AWL_TEST_RACES", 1000) / 20 + 1;

	for (long i = 0; i < rounds; i++)
		assert_int_equal(awl_workers_run(&three, fail_at_once, NULL), -EIO);
}

static int where(void *arg)
{
	*(awl_loop **)arg = here();
	return 21;
}

static void without_a_function_they_serve_until_stopped(void **state)
{
	awl_workers *w;

	assert_int_equal(awl_workers_start(&three, NULL, NULL, &w), 0);
	for (int i = 0; i < N; i++) {
		awl_loop *l = NULL;
		awl_cfuture *c;
		int outcome;

		assert_int_equal(
			awl_run_coroutine_threadsafe(awl_workers_loop(w, i), where, &l, 0, &c), 0);
		assert_int_equal(awl_cfuture_join(c, &outcome), 0);
		awl_cfuture_unref(c);
		assert_int_equal(outcome, 21);
		assert_ptr_equal(l, awl_workers_loop(w, i));
	}
	assert_int_equal(awl_workers_stop(w, "enough"), 0);
	assert_int_equal(awl_workers_stop(w, "enough"), 0);
	assert_int_equal(awl_workers_join(w), 0);
}

static void stopped_at_once_they_end_at_once(void **state)
{
	long rounds = test_scale("AWL_TEST_RACES", 1000) / 20 + 1;

	for (long i = 0; i < rounds; i++) {
		awl_workers *w;

		assert_int_equal(awl_workers_start(&three, NULL, NULL, &w), 0);
		assert_int_equal(awl_workers_stop(w, NULL), 0);
		assert_int_equal(awl_workers_join(w), 0);
	}
}

static int cancel_myself(awl_workers *w, int index, void *arg)
{
	if (index != 2)
		return 0;
	awl_cancel(awl_current_task(), NULL);
	return awl_yield();
}

static void one_cancelled_by_somebody_else_is_a_failure(void **state)
{
	assert_int_equal(awl_workers_run(&three, cancel_myself, NULL), AWL_EFUTURECANCELED);
}

static int on_one_cpu(awl_workers *w, int index, void *arg)
{
	cpu_set_t set;

	assert_int_equal(sched_getaffinity(0, sizeof set, &set), 0);
	assert_int_equal(CPU_COUNT(&set), 1);
	return 0;
}

static void pinned_threads_have_one_cpu_and_the_caller_keeps_its_own(void **state)
{
	awl_workers_options o = { .pinned = 1 };
	cpu_set_t before, after;

	sched_getaffinity(0, sizeof before, &before);
	assert_int_equal(awl_workers_run(&o, on_one_cpu, NULL), 0);
	sched_getaffinity(0, sizeof after, &after);
	assert_true(CPU_EQUAL(&before, &after));
}

static int nested_body(void *arg)
{
	assert_int_equal(awl_workers_run(&three, look_around, NULL), AWL_ENESTED);
	return 0;
}

static void nonsense_is_refused(void **state)
{
	awl_workers_options o = { .count = -1 };
	awl_workers *w = NULL;

	in_loop(nested_body, NULL);
	assert_int_equal(awl_workers_start(&o, NULL, NULL, &w), -EINVAL);
	assert_int_equal(awl_workers_start(&three, NULL, NULL, NULL), -EINVAL);
	o = (awl_workers_options){ .loop.reactor = "steam" };
	assert_int_equal(awl_workers_start(&o, NULL, NULL, &w), -EINVAL);
	assert_int_equal(awl_workers_join(NULL), -EINVAL);
	assert_null(w);
}

static void a_forked_child_is_refused(void **state)
{
	awl_workers *w;
	int status;
	pid_t pid;

	assert_int_equal(awl_workers_start(&three, NULL, NULL, &w), 0);
	pid = fork();
	if (pid == 0)
		_exit(awl_workers_stop(w, NULL) == AWL_EFORK && awl_workers_join(w) == AWL_EFORK
				? 0
				: 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(awl_workers_stop(w, NULL), 0);
	assert_int_equal(awl_workers_join(w), 0);
}

static atomic_int countdown;

static int fault(void)
{
	return atomic_fetch_sub(&countdown, 1) == 1;
}

static int nothing(awl_workers *w, int index, void *arg)
{
	return 0;
}

static void without_memory_all_end_and_nothing_leaks(void **state)
{
	struct heard h;
	int n = 0, r;

	listen_to_awl(&h); /* of loops that could not be closed in order, for want of memory */
	do {
		atomic_store(&countdown, ++n);
		awl__alloc_fault = fault;
		r = awl_workers_run(&three, nothing, NULL);
		awl__alloc_fault = (int (*)(void))0;
		assert_true(r == 0 || r == -ENOMEM);
	} while (atomic_load(&countdown) <= 0);
	stop_listening();
	assert_int_equal(r, 0);
	assert_true(n > N);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_worker_runs_in_a_loop_of_its_own),
		cmocka_unit_test(the_first_failure_cancels_the_others_and_is_returned),
		cmocka_unit_test(a_failure_meets_the_others_at_each_moment),
		cmocka_unit_test(without_a_function_they_serve_until_stopped),
		cmocka_unit_test(stopped_at_once_they_end_at_once),
		cmocka_unit_test(one_cancelled_by_somebody_else_is_a_failure),
		cmocka_unit_test(pinned_threads_have_one_cpu_and_the_caller_keeps_its_own),
		cmocka_unit_test(nonsense_is_refused),
		cmocka_unit_test(a_forked_child_is_refused),
		cmocka_unit_test(without_memory_all_end_and_nothing_leaks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
