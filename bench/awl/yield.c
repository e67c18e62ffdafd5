/* SPDX-License-Identifier: MIT */
/*
 * yield-N - N tasks yield in turn; ns a yield.
 */
#include "bench.h"

#include <awl.h>

static long each;

static int body(void *arg)
{
	(void)arg;
	for (long i = 0; i < each; i++)
		bench_check(awl_yield() == 0);
	return 0;
}

static void run(void *arg, long count)
{
	int tasks = *(int *)arg;
	awl_task **t = malloc((size_t)tasks * sizeof(awl_task *));

	bench_check(t);
	each = count / tasks + 1;
	for (int i = 0; i < tasks; i++)
		bench_check(awl_create_task(body, NULL, &t[i]) == 0);
	for (int i = 0; i < tasks; i++) {
		bench_check(awl_await(t[i]) == 0);
		awl_unref(t[i]);
	}
	free(t);
}

static int bench(void *arg)
{
	char **argv = arg;
	int tasks = atoi(strchr(argv[1], '-') + 1);

	bench_print(argv[1], bench_time(run, &tasks, bench_count(argv)));
	return 0;
}

int main(int argc, char **argv)
{
	bench_row(argc, argv);
	return awl_run(bench, argv) != 0;
}
