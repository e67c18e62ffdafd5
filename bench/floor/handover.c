/* SPDX-License-Identifier: MIT */
/*
 * handover - two tasks hand a value to and fro, each time through a fresh future: make it, let the
 * other fill it, wait for it, give it back; ns a hand-over. The floor's future is a value, a mark
 * and one waiter, from a free list; it leaves out references, several waiters, callbacks, errors
 * and cancellation.
 */
#include "coro.h"

struct future {
	struct future *next;
	struct task *waiter;
	int value;
	bool done;
};

static struct future *free_futures, *awaited[2];

static struct future *future_new(void)
{
	struct future *f = free_futures;

	if (f)
		free_futures = f->next;
	else
		f = malloc(sizeof(*f));
	bench_check(f);
	f->waiter = NULL;
	f->done = false;
	return f;
}

static void future_set(struct future *f, int value)
{
	f->value = value;
	f->done = true;
	if (f->waiter)
		ready_push(f->waiter);
}

static int future_await(struct future *f)
{
	int value;

	if (!f->done) {
		f->waiter = rt.current;
		task_park();
	}
	value = f->value;
	f->next = free_futures;
	free_futures = f;
	return value;
}

static long rounds;

/* Each waits on a future of its own, which the other fills after having made its next one. */
static int body(void *arg)
{
	int me = *(int *)arg;

	for (long i = 0; i < rounds; i++) {
		struct future *mine = awaited[me];

		bench_check(future_await(mine) == 1);
		awaited[me] = future_new();
		future_set(awaited[!me], 1);
	}
	return 0;
}

static void run(void *arg, long count)
{
	int id[2] = { 0, 1 };
	struct task *t[2];

	(void)arg;
	rounds = count / 2;
	awaited[0] = future_new();
	awaited[1] = future_new();
	t[0] = task_spawn(body, &id[0]);
	t[1] = task_spawn(body, &id[1]);
	future_set(awaited[0], 1);
	bench_check(task_join(t[0]) == 0);
	bench_check(task_join(t[1]) == 0);
}

int main(int argc, char **argv)
{
	bench_print(bench_row(argc, argv), bench_time(run, NULL, bench_count(argv)));
	return 0;
}
