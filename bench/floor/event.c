/* SPDX-License-Identifier: MIT */
/*
 * event - 10 000 tasks wait in a list, are made ready one by one, and run until they wait again; ns
 * a task to mark it (event-mark) and to run it (event-run).
 */
#include "coro.h"

#define WAITERS 10000

static struct task *first, *last;
static long each;

static int waiter(void *arg)
{
	(void)arg;
	for (long i = 0; i < each; i++) {
		struct task *self = rt.current;

		self->next = NULL;
		if (first)
			last->next = self;
		else
			first = self;
		last = self;
		task_park();
	}
	return 0;
}

static void set(void)
{
	while (first) {
		struct task *t = first;

		first = t->next;
		ready_push(t);
	}
}

int main(int argc, char **argv)
{
	static struct task *t[WAITERS];
	int64_t marked = 0, ran = 0;

	bench_row(argc, argv);
	each = bench_count(argv) / WAITERS + 2;
	for (int i = 0; i < WAITERS; i++)
		t[i] = task_spawn(waiter, NULL);
	task_yield();
	for (long i = 0; i < each; i++) {
		int64_t begin = bench_now(), marking;

		set();
		marking = bench_now();
		task_yield();
		marked += marking - begin;
		ran += i + 1 < each ? bench_now() - marking : 0; /* in the last they end */
	}
	for (int i = 0; i < WAITERS; i++)
		bench_check(task_join(t[i]) == 0);
	bench_print("event-mark", (double)marked / (double)each / WAITERS);
	bench_print("event-run", (double)ran / (double)(each - 1) / WAITERS);
	return 0;
}
