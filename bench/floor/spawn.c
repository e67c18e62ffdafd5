/* SPDX-License-Identifier: MIT */
/*
 * spawn - create a task with an empty body, run it, join it, one after another; ns a task.
 * spawn-fan - create COUNT of them (1 M), then join them all; ns a task, the second time.
 * spawn-group - 1000 children counted by a group whose owner waits for the last; ns a child.
 *
 * The floor: header and stack from a free list, frame, ready list, two switches, wake. It leaves
 * out what a handle's reference count, a registry for inspectors, failures and cancellation cost.
 */
#include "coro.h"

struct group {
	struct task *owner;
	int left;
};

static int empty(void *arg)
{
	(void)arg;
	return 0;
}

static void one_by_one(void *arg, long count)
{
	(void)arg;
	for (long i = 0; i < count; i++)
		bench_check(task_join(task_spawn(empty, NULL)) == 0);
}

static void fan(void *arg, long count)
{
	struct task **t = arg;

	for (long i = 0; i < count; i++)
		t[i] = task_spawn(empty, NULL);
	for (long i = 0; i < count; i++)
		bench_check(task_join(t[i]) == 0);
}

static int child(void *arg)
{
	struct group *g = arg;

	if (--g->left == 0)
		ready_push(g->owner);
	return 0;
}

static void groups(void *arg, long count)
{
	(void)arg;
	for (long done = 0; done < count; done += 1000) {
		struct group g = { rt.current, 1000 };

		for (int i = 0; i < 1000; i++)
			task_spawn(child, &g)->detached = true;
		task_park();
	}
}

int main(int argc, char **argv)
{
	const char *row = bench_row(argc, argv);
	long count = bench_count(argv);

	if (!strcmp(row, "spawn-fan")) {
		struct task **t = malloc((size_t)count * sizeof(struct task *));
		int64_t begin;

		bench_check(t);
		fan(t, count); /* touches the headers: first touches are parked's to measure */
		begin = bench_now();
		fan(t, count);
		bench_print(row, (double)(bench_now() - begin) / (double)count);
		free(t);
		return 0;
	}
	bench_print(row, bench_time(strcmp(row, "spawn") ? groups : one_by_one, NULL, count));
	return 0;
}
