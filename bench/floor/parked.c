/* SPDX-License-Identifier: MIT */
/*
 * parked - COUNT tasks (1 M) that all wait at once: ns to create and park one, resident bytes a
 * task, and the same with page tables. The floor has one touched page a stack in slots of 256 KiB;
 * it leaves out the guards, so a stack overflow would write into the neighbour.
 */
#include "coro.h"

static int body(void *arg)
{
	(void)arg;
	task_park();
	return 0;
}

int main(int argc, char **argv)
{
	long count = (bench_row(argc, argv), bench_count(argv));
	int64_t rss = bench_memory("VmRSS:"), tables = bench_memory("VmPTE:"), begin = bench_now();

	for (long i = 0; i < count; i++) {
		task_spawn(body, NULL);
		if (i % 1000 == 999 || i + 1 == count)
			task_yield();
	}
	bench_print("parked-time", (double)(bench_now() - begin) / (double)count);
	rss = bench_memory("VmRSS:") - rss;
	tables = bench_memory("VmPTE:") - tables;
	bench_print("parked-rss", (double)rss / (double)count);
	bench_print("parked-total", (double)(rss + tables) / (double)count);
	return 0;
}
