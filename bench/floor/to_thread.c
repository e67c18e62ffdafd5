/* SPDX-License-Identifier: MIT */
/*
 * to_thread-1core, to_thread-2core - a function is run by a worker thread that sleeps, and its
 * value waited for; ns there and back, the two threads on one core or on two. The floor is one
 * slot, one lock and a pair of condition variables; it leaves out the queue, the number of
 * threads, cancelling and the loop that goes on meanwhile.
 */
#include "bench.h"

#include <pthread.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t called = PTHREAD_COND_INITIALIZER, returned = PTHREAD_COND_INITIALIZER;
static int (*function)(void *arg);
static void *argument;
static int value;
static bool done, end;
static int worker_cpu;

static void *worker(void *arg)
{
	(void)arg;
	bench_pin(worker_cpu);
	pthread_mutex_lock(&lock);
	for (;;) {
		int (*fn)(void *arg);

		while (!function && !end)
			pthread_cond_wait(&called, &lock);
		if (end)
			break;
		fn = function;
		function = NULL;
		pthread_mutex_unlock(&lock);
		value = fn(argument);
		pthread_mutex_lock(&lock);
		done = true;
		pthread_cond_signal(&returned);
	}
	pthread_mutex_unlock(&lock);
	return NULL;
}

static int answer(void *arg)
{
	return *(int *)arg;
}

static void run(void *arg, long count)
{
	int question = 42;

	(void)arg;
	for (long i = 0; i < count; i++) {
		pthread_mutex_lock(&lock);
		function = answer;
		argument = &question;
		done = false;
		pthread_cond_signal(&called);
		while (!done)
			pthread_cond_wait(&returned, &lock);
		pthread_mutex_unlock(&lock);
		bench_check(value == 42);
	}
}

int main(int argc, char **argv)
{
	pthread_t thread;

	worker_cpu = !strcmp(bench_row(argc, argv), "to_thread-2core");
	bench_check(!pthread_create(&thread, NULL, worker, NULL));
	bench_pin(0);
	bench_print(argv[1], bench_time(run, NULL, bench_count(argv)));
	pthread_mutex_lock(&lock);
	end = true;
	pthread_cond_signal(&called);
	pthread_mutex_unlock(&lock);
	pthread_join(thread, NULL);
	return 0;
}
