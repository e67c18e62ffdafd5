/* SPDX-License-Identifier: MIT */
/*
 * handover - two tasks hand a value to and fro, each time through a fresh future: make it, let the
 * other fill it, wait for it, give it back; ns a hand-over.
 */
#include "bench.h"

#include <awl.h>

static awl_loop *loop;
static awl_future *awaited[2];
static long rounds;

static awl_future *future_new(void)
{
	awl_future *f;

	bench_check(awl_loop_create_future(loop, 0, &f) == 0);
	return f;
}

/* Each waits on a future of its own, which the other fills after having made its next one. */
static int body(void *arg)
{
	int me = *(int *)arg;

	for (long i = 0; i < rounds; i++) {
		awl_future *mine = awaited[me];

		bench_check(awl_await(mine) == 1);
		awl_unref(mine);
		awaited[me] = future_new();
		bench_check(awl_future_set_result(awaited[!me], 1) == 0);
	}
	return 0;
}

static void run(void *arg, long count)
{
	int id[2] = { 0, 1 };
	awl_task *t[2];

	(void)arg;
	rounds = count / 2;
	awaited[0] = future_new();
	awaited[1] = future_new();
	bench_check(awl_create_task(body, &id[0], &t[0]) == 0);
	bench_check(awl_create_task(body, &id[1], &t[1]) == 0);
	bench_check(awl_future_set_result(awaited[0], 1) == 0);
	for (int i = 0; i < 2; i++) {
		bench_check(awl_await(t[i]) == 0);
		awl_unref(t[i]);
	}
	/* The last round filled one of them and made the other, which nobody waits for. */
	awl_unref(awaited[0]);
	awl_unref(awaited[1]);
}

static int bench(void *arg)
{
	char **argv = arg;

	bench_check(awl_get_running_loop(&loop) == 0);
	bench_print(argv[1], bench_time(run, NULL, bench_count(argv)));
	return 0;
}

int main(int argc, char **argv)
{
	bench_row(argc, argv);
	return awl_run(bench, argv) != 0;
}
