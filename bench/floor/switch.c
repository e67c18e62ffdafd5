/* SPDX-License-Identifier: MIT */
/*
 * switch - half a switch: two stacks hand the processor back and forth, nothing else. Both wait at
 * the same place, as tasks of a runtime do, so that the return predictor is right. The floor keeps
 * the callee-saved registers, MXCSR and the x87 control word; it leaves out sanitizer notes.
 */
#include "coro.h"

static void *sp[2];
static long left;

static __attribute__((noinline)) void bounce(int me)
{
	while (left-- > 0)
		floor_switch(&sp[me], sp[!me]);
}

static _Noreturn void other(void)
{
	for (;;) {
		bounce(1);
		floor_switch(&sp[1], sp[0]);
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
	struct task t;

	task_begin(&t);
	((struct frame *)t.sp)->ret = other;
	sp[1] = t.sp;
	bench_print(bench_row(argc, argv), bench_time(run, NULL, bench_count(argv)));
	return 0;
}
