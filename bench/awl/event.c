/* SPDX-License-Identifier: MIT */
/*
 * event - 10 000 tasks wait for an event, are made ready by one set, and run until they wait again;
 * ns a task to mark it (event-mark) and to run it (event-run). event-yield: event-run over what a
 * yield of so many tasks takes, turn by turn in the same program.
 */
#include "bench.h"

#include <awl.h>

#define WAITERS 10000

static awl_event event = AWL_EVENT_INIT;
static long each;

static int waiter(void *arg)
{
	(void)arg;
	for (long i = 0; i < each; i++)
		bench_check(awl_event_wait(&event) == 0);
	return 0;
}

static int yielder(void *arg)
{
	(void)arg;
	for (long i = 0; i < each; i++)
		bench_check(awl_yield() == 0);
	return 0;
}

/* WAITERS tasks, each at its first wait. */
static void begin(awl_task_group *g, awl_fn *fn)
{
	awl_task_group_enter(g);
	for (int i = 0; i < WAITERS; i++)
		bench_check(awl_task_group_create_task(g, fn, NULL, NULL) == 0);
	bench_check(awl_yield() == 0);
}

static int64_t run_yielders(void)
{
	int64_t ran = 0;

	for (long i = 0; i < each; i++) {
		int64_t since = bench_now();

		bench_check(awl_yield() == 0);
		ran += i + 1 < each ? bench_now() - since : 0; /* in the last they end */
	}
	return ran;
}

static void run(int64_t *marked, int64_t *ran)
{
	for (long i = 0; i < each; i++) {
		int64_t begin = bench_now(), marking;

		awl_event_set(&event);
		marking = bench_now();
		awl_event_clear(&event);
		bench_check(awl_yield() == 0);
		*marked += marking - begin;
		*ran += i + 1 < each ? bench_now() - marking : 0; /* in the last they end */
	}
}

static int bench(void *arg)
{
	int64_t marked = 0, ran = 0, yielded;
	awl_task_group g;

	each = bench_count(arg) / WAITERS + 2;
	begin(&g, waiter);
	run(&marked, &ran);
	bench_check(awl_task_group_exit(&g, 0) == 0);
	begin(&g, yielder);
	yielded = run_yielders();
	bench_check(awl_task_group_exit(&g, 0) == 0);
	bench_print("event-mark", (double)marked / (double)each / WAITERS);
	bench_print("event-run", (double)ran / (double)(each - 1) / WAITERS);
	bench_print("event-yield", (double)ran / (double)yielded);
	return 0;
}

int main(int argc, char **argv)
{
	bench_row(argc, argv);
	return awl_run(bench, argv) != 0;
}
