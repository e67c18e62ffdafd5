/* SPDX-License-Identifier: MIT */
/*
 * roundtrip-1core, roundtrip-2core - a thread has a function run by a loop that sleeps and waits
 * for its value (awl_call_threadsafe); ns there and back, the two threads on one core or on two.
 * coroutine-1core, coroutine-2core - the same with a task (awl_run_coroutine_threadsafe).
 */
#include "bench.h"

#include <awl.h>
#include <pthread.h>

static awl_loop *loop;

static int answer(void *arg)
{
	return *(int *)arg;
}

static int stop(void *arg)
{
	(void)arg;
	return awl_loop_stop(loop);
}

static void *run_loop(void *arg)
{
	(void)arg;
	bench_pin(0);
	bench_check(awl_loop_run_forever(loop) == 0);
	return NULL;
}

static void call(void *arg, long count)
{
	int value = 42, got;

	(void)arg;
	for (long i = 0; i < count; i++) {
		bench_check(awl_call_threadsafe(loop, answer, &value, 0, AWL_FOREVER, &got) == 0);
		bench_check(got == 42);
	}
}

static void coroutine(void *arg, long count)
{
	int value = 42, got;
	awl_cfuture *c;

	(void)arg;
	for (long i = 0; i < count; i++) {
		bench_check(awl_run_coroutine_threadsafe(loop, answer, &value, 0, &c) == 0);
		bench_check(awl_cfuture_result(c, AWL_FOREVER, &got) == 0);
		bench_check(got == 42);
		awl_cfuture_unref(c);
	}
}

int main(int argc, char **argv)
{
	bool tasks = !strncmp(bench_row(argc, argv), "coroutine", 9);
	pthread_t thread;

	bench_check(awl_loop_new(NULL, &loop) == 0);
	bench_check(!pthread_create(&thread, NULL, run_loop, NULL));
	bench_pin(1);
	bench_print(argv[1], bench_time(tasks ? coroutine : call, NULL, bench_count(argv)));
	bench_check(awl_call_soon_threadsafe(loop, stop, NULL, NULL) == 0);
	pthread_join(thread, NULL);
	bench_check(awl_loop_close(loop) == 0);
	awl_loop_unref(loop);
	return 0;
}
