/* SPDX-License-Identifier: MIT */
/*
 * lock: a free lock taken and released. lock-handover: two tasks that each want the lock again as
 * soon as they have released it; ns a hand-over.
 */
#include "bench.h"

#include <awl.h>

static awl_lock lock = AWL_LOCK_INIT;
static long rounds;

static void run_free(void *arg, long count)
{
	(void)arg;
	for (long i = 0; i < count; i++) {
		bench_check(awl_lock_acquire(&lock) == 0);
		bench_check(awl_lock_release(&lock) == 0);
	}
}

static int contender(void *arg)
{
	(void)arg;
	bench_check(awl_lock_acquire(&lock) == 0);
	bench_check(awl_yield() == 0); /* the other is in the queue now */
	for (long i = 0; i < rounds; i++) {
		bench_check(awl_lock_release(&lock) == 0);
		bench_check(awl_lock_acquire(&lock) == 0);
	}
	bench_check(awl_lock_release(&lock) == 0);
	return 0;
}

static void run_handover(void *arg, long count)
{
	awl_task *t[2];

	(void)arg;
	rounds = count / 2;
	for (int i = 0; i < 2; i++)
		bench_check(awl_create_task(contender, NULL, &t[i]) == 0);
	for (int i = 0; i < 2; i++) {
		bench_check(awl_await(t[i]) == 0);
		awl_unref(t[i]);
	}
}

static int bench(void *arg)
{
	char **argv = arg;
	long count = bench_count(argv);

	if (strcmp(argv[1], "lock") == 0)
		bench_print(argv[1], bench_time(run_free, NULL, count));
	else
		bench_print(argv[1], bench_time(run_handover, NULL, count));
	return 0;
}

int main(int argc, char **argv)
{
	bench_row(argc, argv);
	return awl_run(bench, argv) != 0;
}
