/* SPDX-License-Identifier: MIT */
/*
 * lock: a free lock taken and released: two calls as into a shared library, each of which asks
 * which thread this is, whose loop the lock belongs to and which task runs; who has it, where it
 * was taken and how many a task has is kept. It leaves out cancellation and scopes. lock-handover:
 * what a hand-over is held to, two switches: out of a task and back into it.
 */
#include "coro.h"

struct holder {
	struct task *task;
	int held; /* by the task */
};

struct loop {
	struct holder *current;
};

struct lock {
	struct loop *loop;
	struct holder *owner;
	struct task *first_waiter;
	void *place;
};

static struct loop loop;
static struct lock lock = { .loop = &loop };
/* Not static: a compiler that sees it never change would not read it. */
extern _Thread_local struct loop *running __attribute__((tls_model("initial-exec")));
_Thread_local struct loop *running;

static int lock_acquire(struct lock *l)
{
	struct loop *here = running;

	if (!here || l->loop != here || !here->current || l->owner)
		return -1;
	l->owner = here->current;
	l->place = __builtin_return_address(0);
	here->current->held++;
	return 0;
}

static int lock_release(struct lock *l)
{
	struct loop *here = running;

	if (!here || l->loop != here || l->owner != here->current || l->first_waiter)
		return -1;
	l->owner = NULL;
	here->current->held--;
	return 0;
}

/* What the linker makes of a call into a shared library: through a pointer. */
static int (*volatile acquire)(struct lock *l) = lock_acquire;
static int (*volatile release)(struct lock *l) = lock_release;

static void run_free(void *arg, long count)
{
	struct holder self = { .task = rt.current };

	(void)arg;
	loop.current = &self;
	running = &loop;
	for (long i = 0; i < count; i++) {
		bench_check(acquire(&lock) == 0);
		bench_check(release(&lock) == 0);
	}
}

static long rounds;

static int switching(void *arg)
{
	(void)arg;
	for (long i = 0; i < rounds; i++) {
		task_yield();
		task_yield();
	}
	return 0;
}

static void run_switches(void *arg, long count)
{
	struct task *t[2];

	(void)arg;
	rounds = count / 2;
	for (int i = 0; i < 2; i++)
		t[i] = task_spawn(switching, NULL);
	for (int i = 0; i < 2; i++)
		bench_check(task_join(t[i]) == 0);
}

int main(int argc, char **argv)
{
	const char *row = bench_row(argc, argv);
	bool is_free = strcmp(row, "lock") == 0;

	bench_print(row, bench_time(is_free ? run_free : run_switches, NULL, bench_count(argv)));
	return 0;
}
