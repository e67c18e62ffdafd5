/* SPDX-License-Identifier: MIT */
/*
 * to_thread-1core, to_thread-2core - a task has a function run by a thread of the executor, which
 * sleeps, and waits for its value, with nothing else to do in the loop; ns there and back, the two
 * threads on one core or on two.
 */
#include "bench.h"

#include <awl.h>

static int answer(void *arg)
{
	return *(int *)arg;
}

static int move(void *cpu)
{
	bench_pin(*(int *)cpu);
	return 0;
}

static void run(void *arg, long count)
{
	int question = 42;

	(void)arg;
	for (long i = 0; i < count; i++)
		bench_check(awl_to_thread(answer, &question) == 42);
}

static int body(void *arg)
{
	char **argv = arg;
	int worker_cpu = !strcmp(argv[1], "to_thread-2core");

	bench_check(awl_to_thread(move, &worker_cpu) == 0);
	bench_pin(0);
	bench_print(argv[1], bench_time(run, NULL, bench_count(argv)));
	return awl_executor_join(NULL, AWL_SEC);
}

int main(int argc, char **argv)
{
	bench_row(argc, argv);
	return awl_run(body, argv) < 0;
}
