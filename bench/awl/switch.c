/* SPDX-License-Identifier: MIT */
/*
 * switch - half a switch, with the library's inner parts: a thread's own context and one on a
 * stack of the pool hand the processor back and forth. Needs the static library.
 */
#include "bench.h"

#include "coro/stack.h"
#include "coro/switch.h"

static struct awl__context context[2];
static long left;

static __attribute__((noinline)) void bounce(int me)
{
	while (left-- > 0)
		awl__context_switch(&context[me], &context[!me]);
}

static void other(void)
{
	awl__context_entered(&context[1]);
	for (;;) {
		bounce(1);
		awl__context_switch(&context[1], &context[0]);
	}
}

static void run(void *arg, long count)
{
	(void)arg;
	left = count;
	bounce(0);
}

int main(int argc, char **argv)
{
	struct awl__stack_pool pool = { 0 };
	struct awl__stack *stack;

	bench_check(awl__stack_get_slow(&pool, 0, &stack) == 0);
	awl__context_of_thread(&context[0]);
	awl__context_make(&context[1], stack, other);
	bench_print(bench_row(argc, argv), bench_time(run, NULL, bench_count(argv)));
	return 0;
}
