/* SPDX-License-Identifier: MIT */
/*
 * timer - among COUNT armed timers (1 M) of random deadlines: arm one more and cancel it again
 * (timer-newest), cancel one drawn at random and arm it anew (timer-random); ns an arm + cancel.
 * The timers are handles in the caller's storage, their deadlines times of the loop's clock.
 */
#include "bench.h"

#include <awl.h>

#define OPERATIONS 200000

static awl_loop *loop;
static int64_t base;

static int never(void *arg)
{
	(void)arg;
	bench_fail(__FILE__, __LINE__, "a timer stays until it is cancelled");
	return 0;
}

static void arm(awl_handle *h, uint64_t draw)
{
	bench_check(awl_loop_call_at(loop, base + (int64_t)(draw >> 24), never, NULL, h) == 0);
}

static int bench(void *arg)
{
	long count = bench_count(arg);
	awl_handle *handles = calloc((size_t)count, sizeof(*handles)), one = AWL_HANDLE_INIT;
	uint64_t seed = 88172645463325252u;
	int64_t begin;

	bench_check(handles && awl_get_running_loop(&loop) == 0);
	base = awl_loop_time(loop) + 100 * AWL_SEC;
	for (long i = 0; i < count; i++)
		arm(&handles[i], bench_random(&seed));
	begin = bench_now();
	for (long i = 0; i < OPERATIONS; i++) {
		arm(&one, bench_random(&seed));
		bench_check(awl_handle_cancel(&one) == 1);
	}
	bench_print("timer-newest", (double)(bench_now() - begin) / OPERATIONS);
	begin = bench_now();
	for (long i = 0; i < OPERATIONS; i++) {
		uint64_t draw = bench_random(&seed);
		awl_handle *victim = &handles[draw % (uint64_t)count];

		bench_check(awl_handle_cancel(victim) == 1);
		arm(victim, draw);
	}
	bench_print("timer-random", (double)(bench_now() - begin) / OPERATIONS);
	for (long i = 0; i < count; i++)
		bench_check(awl_handle_cancel(&handles[i]) == 1);
	free(handles);
	return 0;
}

int main(int argc, char **argv)
{
	bench_row(argc, argv);
	return awl_run(bench, argv) != 0;
}
