/* SPDX-License-Identifier: MIT */
/*
 * timeout - a deadline around a body that is ready at once; ns over the same body without it. The
 * body waits for a future that is done.
 */
#include "bench.h"

#include <awl.h>

static void empty(void *arg, long count)
{
	awl_future *ready = arg;

	for (long i = 0; i < count; i++)
		bench_check(awl_await(ready) == 0);
}

static void scoped(void *arg, long count)
{
	awl_future *ready = arg;

	for (long i = 0; i < count; i++) {
		awl_timeout t;

		awl_timeout_enter(&t, AWL_SEC);
		bench_check(awl_timeout_exit(&t, awl_await(ready)) == 0);
	}
}

static int bench(void *arg)
{
	char **argv = arg;
	awl_loop *loop;
	awl_future *ready;
	double without;

	bench_check(awl_get_running_loop(&loop) == 0);
	bench_check(awl_loop_create_future(loop, 0, &ready) == 0);
	bench_check(awl_future_set_result(ready, 0) == 0);
	without = bench_time(empty, ready, bench_count(argv));
	bench_print(argv[1], bench_time(scoped, ready, bench_count(argv)) - without);
	awl_unref(ready);
	return 0;
}

int main(int argc, char **argv)
{
	bench_row(argc, argv);
	return awl_run(bench, argv) != 0;
}
