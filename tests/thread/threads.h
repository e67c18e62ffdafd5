/* SPDX-License-Identifier: MIT */
/*
 * threads.h - what tests with several threads need: checks that may fail anywhere (cmocka's own
 * jump out of the stack they are on), a line where threads meet, and a loop that runs in a
 * thread.
 */
#ifndef TEST_THREADS_H
#define TEST_THREADS_H

#include "support.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

/* In tasks, callbacks and other threads; settle() makes them the case's outcome. */
static _Atomic int unexpected;

static inline bool expect_(bool ok, const char *what, const char *file, int line)
{
	if (!ok && atomic_fetch_add(&unexpected, 1) < 10)
		fprintf(stderr, "# %s:%d: not so: %s\n", file, line, what);
	return ok;
}
#define expect(ok) expect_((ok), #ok, __FILE__, __LINE__)
#define wrong(what) expect_(false, what, __FILE__, __LINE__)

static inline void settle(void)
{
	assert_int_equal(atomic_exchange(&unexpected, 0), 0);
}

/* Two or more threads leave together, within nanoseconds of each other. */
struct line {
	_Atomic unsigned arrived;
	unsigned threads;
};

static inline void meet(struct line *l)
{
	unsigned mine = atomic_fetch_add(&l->arrived, 1);
	unsigned all = (mine / l->threads + 1) * l->threads;

	for (unsigned spins = 1; (int)(atomic_load(&l->arrived) - all) < 0; spins++)
		if (spins % 512 == 0)
			sched_yield();
}

/*
 * Racers on one processor take turns: each asks for one of its own, the first or the second of
 * those we may use. `before` is what the thread had, for who gives it back; NULL: nobody does.
 */
static inline void race_on(int which, cpu_set_t *before)
{
	cpu_set_t all, one;
	int cpu = -1;

	CPU_ZERO(&one);
	if (pthread_getaffinity_np(pthread_self(), sizeof all, &all) != 0)
		return;
	if (before)
		*before = all;
	if (CPU_COUNT(&all) < 2)
		return;
	for (which++; which > 0; which -= CPU_ISSET(cpu, &all) != 0)
		cpu++;
	CPU_SET(cpu, &one);
	pthread_setaffinity_np(pthread_self(), sizeof one, &one);
}

/* How many rounds a race is run; under TSan the number is that of nine races together. */
static inline long rounds(void)
{
	long n = test_scale("AWL_TEST_RACES", 10000);

	return AWL__TSAN ? n / 9 : n;
}

static inline pthread_t start_thread(void *(*fn)(void *), void *arg)
{
	pthread_t t;

	assert_int_equal(pthread_create(&t, NULL, fn, arg), 0);
	return t;
}

static inline void *join_thread(pthread_t t)
{
	void *ret;

	assert_int_equal(pthread_join(t, &ret), 0);
	return ret;
}

/* A loop that runs in a thread of its own until it is stopped, and is closed there. */
struct runner {
	awl_loop *loop;
	pthread_t thread;
	int tid;
};

static inline int runner_tid(void *arg)
{
	return gettid();
}

static inline void *runner_main(void *arg)
{
	struct runner *r = arg;

	expect(awl_loop_run_forever(r->loop) == 0);
	expect(awl_loop_close(r->loop) == 0);
	return NULL;
}

/* Returns when it runs. */
static inline void runner_start(struct runner *r)
{
	awl_loop_options o = { .name = "runner" };

	assert_int_equal(awl_loop_new(&o, &r->loop), 0);
	r->thread = start_thread(runner_main, r);
	assert_int_equal(
		awl_call_threadsafe(r->loop, runner_tid, NULL, 0, AWL_FOREVER, &r->tid), 0);
}

static inline int stop_loop(void *loop)
{
	return awl_loop_stop(loop);
}

/* Stopped, closed, and this reference given up. */
static inline void runner_stop(struct runner *r)
{
	assert_int_equal(awl_call_soon_threadsafe(r->loop, stop_loop, r->loop, NULL), 0);
	join_thread(r->thread);
	awl_loop_unref(r->loop);
}

/* The one that a case, or a group of them, begins and ends with. */
static struct runner runner;

static inline int start_runner(void **state)
{
	runner_start(&runner);
	return 0;
}

static inline int stop_runner(void **state)
{
	runner_stop(&runner);
	settle();
	return 0;
}

#endif
