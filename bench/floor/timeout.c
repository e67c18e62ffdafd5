/* SPDX-License-Identifier: MIT */
/*
 * timeout - a deadline around a body that is ready at once; ns over the same body without it. The
 * body waits for a future that is done. The floor links a scope with its length into the task and
 * unlinks it, and arms nothing, because nothing parks; it leaves out nesting rules, the look
 * whether a scope was left open, and what happens when time is up.
 */
#include "coro.h"

struct scope {
	struct scope *outer;
	int64_t length;
	const void *place;
};

static struct scope *innermost;
static struct task ready = { .done = true };

static __attribute__((noinline)) int await_ready(struct task *t)
{
	if (!t->done)
		task_park();
	return t->result;
}

static __attribute__((noinline)) void enter(struct scope *s, int64_t length)
{
	s->outer = innermost;
	s->length = length;
	s->place = __builtin_return_address(0);
	innermost = s;
}

static __attribute__((noinline)) int leave(struct scope *s, int status)
{
	bench_check(innermost == s);
	innermost = s->outer;
	return status;
}

static void empty(void *arg, long count)
{
	(void)arg;
	for (long i = 0; i < count; i++)
		bench_check(await_ready(&ready) == 0);
}

static void scoped(void *arg, long count)
{
	(void)arg;
	for (long i = 0; i < count; i++) {
		struct scope s;

		enter(&s, 1000000000);
		bench_check(leave(&s, await_ready(&ready)) == 0);
	}
}

int main(int argc, char **argv)
{
	const char *row = bench_row(argc, argv);
	double without = bench_time(empty, NULL, bench_count(argv));

	bench_print(row, bench_time(scoped, NULL, bench_count(argv)) - without);
	return 0;
}
