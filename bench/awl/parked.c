/* SPDX-License-Identifier: MIT */
/*
 * parked - COUNT tasks (1 M) that all wait for one future: ns to create and park one, resident
 * bytes a task, and the same with page tables. Every stack has its guard.
 */
#include "bench.h"

#include <awl.h>
#include <unistd.h>

static int body(void *arg)
{
	return awl_await(arg);
}

static int bench(void *arg)
{
	long count = bench_count(arg);
	int64_t rss = bench_memory("VmRSS:"), tables = bench_memory("VmPTE:"), begin = bench_now();
	awl_loop *loop;
	awl_future *never;

	bench_check(awl_get_running_loop(&loop) == 0);
	bench_check(awl_loop_create_future(loop, 0, &never) == 0);
	for (long i = 0; i < count; i++) {
		bench_check(awl_create_task(body, never, NULL) == 0);
		if (i % 1000 == 999 || i + 1 == count)
			bench_check(awl_yield() == 0);
	}
	bench_print("parked-time", (double)(bench_now() - begin) / (double)count);
	rss = bench_memory("VmRSS:") - rss;
	tables = bench_memory("VmPTE:") - tables;
	bench_print("parked-rss", (double)rss / (double)count);
	bench_print("parked-total", (double)(rss + tables) / (double)count);
	fflush(stdout);
	_exit(0); /* cancelling a million tasks is not this row's matter */
}

int main(int argc, char **argv)
{
	bench_row(argc, argv);
	return awl_run(bench, argv) != 0;
}
