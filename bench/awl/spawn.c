/* SPDX-License-Identifier: MIT */
/*
 * spawn - create a task with an empty body, await it, give its handle up, one after another.
 * spawn-fan - create COUNT of them (1 M), then await and unref them all; ns a task, the second
 * time.
 * spawn-group - a task group of 1000 children, entered, filled and left; ns a child.
 */
#include "bench.h"

#include <awl.h>

static int empty(void *arg)
{
	(void)arg;
	return 0;
}

static void one_by_one(void *arg, long count)
{
	(void)arg;
	for (long i = 0; i < count; i++) {
		awl_task *t;

		bench_check(awl_create_task(empty, NULL, &t) == 0);
		bench_check(awl_await(t) == 0);
		awl_unref(t);
	}
}

static void fan(void *arg, long count)
{
	awl_task **t = arg;

	for (long i = 0; i < count; i++)
		bench_check(awl_create_task(empty, NULL, &t[i]) == 0);
	for (long i = 0; i < count; i++) {
		bench_check(awl_await(t[i]) == 0);
		awl_unref(t[i]);
	}
}

static void groups(void *arg, long count)
{
	(void)arg;
	for (long done = 0; done < count; done += 1000) {
		awl_task_group g;

		awl_task_group_enter(&g);
		for (int i = 0; i < 1000; i++)
			bench_check(awl_task_group_create_task(&g, empty, NULL, NULL) == 0);
		bench_check(awl_task_group_exit(&g, 0) == 0);
	}
}

static int bench(void *arg)
{
	char **argv = arg;
	const char *row = argv[1];
	long count = bench_count(argv);

	if (!strcmp(row, "spawn-fan")) {
		awl_task **t = malloc((size_t)count * sizeof(awl_task *));
		int64_t begin;

		bench_check(t);
		fan(t, count); /* touches the headers: first touches are parked's to measure */
		begin = bench_now();
		fan(t, count);
		bench_print(row, (double)(bench_now() - begin) / (double)count);
		free(t);
		return 0;
	}
	bench_print(row, bench_time(strcmp(row, "spawn") ? groups : one_by_one, NULL, count));
	return 0;
}

int main(int argc, char **argv)
{
	bench_row(argc, argv);
	return awl_run(bench, argv) != 0;
}
