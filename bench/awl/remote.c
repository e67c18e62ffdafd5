/* SPDX-License-Identifier: MIT */
/*
 * remote-busy, remote-alloc - a thread hands callbacks to a loop that is never asleep (a task in
 * it yields for ever), at most 1024 on their way; ns from the first call to the last callback run,
 * a callback. The handle is the caller's (busy) or awl's own (alloc).
 */
#include "bench.h"

#include <awl.h>
#include <pthread.h>
#include <stdatomic.h>

#define WINDOW 1024

static awl_loop *loop;
static _Alignas(64) atomic_long ran;
static atomic_bool stop;
static bool allocated;

static int callback(void *arg)
{
	(void)arg;
	atomic_store_explicit(
		&ran, atomic_load_explicit(&ran, memory_order_relaxed) + 1, memory_order_release);
	return 0;
}

static int busy(void *arg)
{
	(void)arg;
	while (!atomic_load_explicit(&stop, memory_order_relaxed))
		bench_check(awl_yield() == 0);
	return 0;
}

static void *run_loop(void *arg)
{
	(void)arg;
	bench_pin(0);
	bench_check(awl_loop_run_until_complete(loop, busy, NULL) == 0);
	return NULL;
}

static void run(void *arg, long count)
{
	static awl_handle handles[WINDOW];
	long begin = atomic_load(&ran), seen = begin;

	(void)arg;
	for (long i = 0; i < count; i++) {
		awl_handle *h = allocated ? NULL : &handles[i % WINDOW];

		while (begin + i - seen >= WINDOW)
			seen = atomic_load_explicit(&ran, memory_order_acquire);
		bench_check(awl_call_soon_threadsafe(loop, callback, NULL, h) == 0);
	}
	while (atomic_load_explicit(&ran, memory_order_acquire) < begin + count)
		bench_pause();
}

int main(int argc, char **argv)
{
	pthread_t thread;

	allocated = !strcmp(bench_row(argc, argv), "remote-alloc");
	bench_check(awl_loop_new(NULL, &loop) == 0);
	bench_check(!pthread_create(&thread, NULL, run_loop, NULL));
	bench_pin(1);
	bench_print(argv[1], bench_time(run, NULL, bench_count(argv)));
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
	bench_check(awl_loop_close(loop) == 0);
	awl_loop_unref(loop);
	return 0;
}
