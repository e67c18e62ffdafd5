/* SPDX-License-Identifier: MIT */
/*
 * yield-N - N tasks yield in turn; ns a yield. The floor pushes itself behind the ready list,
 * takes the first and switches to it; it leaves out the loop's turn (timers, descriptors, other
 * threads) that a library takes every so often, and the look for a cancellation.
 */
#include "coro.h"

static long each;

static int body(void *arg)
{
	(void)arg;
	for (long i = 0; i < each; i++)
		task_yield();
	return 0;
}

static void run(void *arg, long count)
{
	int tasks = *(int *)arg;
	struct task **t = malloc((size_t)tasks * sizeof(struct task *));

	bench_check(t);
	each = count / tasks + 1;
	for (int i = 0; i < tasks; i++)
		t[i] = task_spawn(body, NULL);
	for (int i = 0; i < tasks; i++)
		bench_check(task_join(t[i]) == 0);
	free(t);
}

int main(int argc, char **argv)
{
	int tasks = atoi(strchr(bench_row(argc, argv), '-') + 1);

	bench_print(argv[1], bench_time(run, &tasks, bench_count(argv)));
	return 0;
}
