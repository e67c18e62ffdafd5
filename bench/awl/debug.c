/* SPDX-License-Identifier: MIT */
/*
 * debug - what debug mode costs: how many times as long as without it takes
 *
 * debug-spawn	a task created, awaited and given up;
 * debug-yield	a yield of two tasks.
 *
 * Slices with and without take turns, so that a drift of the machine meets both.
 */
#include "bench.h"

#include <awl.h>

#define SLICES 20

static int empty(void *arg)
{
	(void)arg;
	return 0;
}

static void spawn(long count)
{
	for (long i = 0; i < count; i++) {
		awl_task *t;

		bench_check(awl_create_task(empty, NULL, &t) == 0);
		bench_check(awl_await(t) == 0);
		awl_unref(t);
	}
}

static int yields(void *count)
{
	for (long i = 0; i < *(long *)count; i++)
		bench_check(awl_yield() == 0);
	return 0;
}

static void yield(long count)
{
	awl_task *other;

	count /= 2;
	bench_check(awl_create_task(yields, &count, &other) == 0);
	yields(&count);
	bench_check(awl_await(other) == 0);
	awl_unref(other);
}

static void compare(const char *row, void (*run)(long count), long count)
{
	int64_t took[2] = { 0, 0 };
	awl_loop *loop;

	bench_check(awl_get_running_loop(&loop) == 0);
	for (int i = -2; i < SLICES; i++) {
		int64_t begin;

		bench_check(awl_loop_set_debug(loop, i & 1) == 0);
		begin = bench_now();
		run(count / SLICES + 1);
		if (i >= 0) /* the first of each warms up */
			took[i & 1] += bench_now() - begin;
	}
	bench_print(row, (double)took[1] / (double)took[0]);
}

static int bench(void *arg)
{
	long count = bench_count(arg);

	compare("debug-spawn", spawn, count);
	compare("debug-yield", yield, count);
	return 0;
}

int main(int argc, char **argv)
{
	bench_row(argc, argv);
	return awl_run(bench, argv) != 0;
}
