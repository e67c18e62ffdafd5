/* SPDX-License-Identifier: MIT */
/*
 * philosophers.c - five philosophers, five forks. At the first table each picks up his left fork
 * and then the right one: awl refuses the wait that would close the circle, and its words say who
 * has what. At the second table nobody sits down before a chair is free, and there are only four:
 * somebody can always eat.
 */
#include <awl.h>
#include <stdio.h>

#define N 5
#define MEALS 3

struct table {
	awl_lock fork[N];
	awl_limiter chairs;
	int meals;
};

struct philosopher {
	int seat;
	struct table *table;
};

static int eat(struct philosopher *p)
{
	awl_lock *left = &p->table->fork[p->seat], *right = &p->table->fork[(p->seat + 1) % N];
	int r = awl_lock_acquire(left);

	if (r < 0)
		return r;
	r = awl_sleep(AWL_MS); /* all have their left fork by now */
	if (r == 0)
		r = awl_lock_acquire(right);
	if (r == 0) {
		p->table->meals++;
		r = awl_sleep(AWL_MS);
		awl_lock_release(right);
	}
	awl_lock_release(left);
	return r;
}

static int bold(void *arg)
{
	struct philosopher *p = arg;
	int r = eat(p);

	if (r == AWL_EDEADLK)
		printf("philosopher %d starves: %s\n", p->seat, awl_error_detail(r));
	return r;
}

static int wise(void *arg)
{
	struct philosopher *p = arg;
	int r = 0;

	for (int i = 0; i < MEALS && r == 0; i++) {
		r = awl_limiter_acquire(&p->table->chairs);
		if (r < 0)
			return r;
		r = eat(p);
		awl_limiter_release(&p->table->chairs);
	}
	return r;
}

static int dine(awl_fn *manners)
{
	struct table table = { .chairs = AWL_LIMITER_INIT(N - 1) };
	struct philosopher guests[N];
	awl_task_group g;
	int r = 0;

	awl_task_group_enter(&g);
	for (int i = 0; i < N && r == 0; i++) {
		awl_lock_init(&table.fork[i]);
		guests[i] = (struct philosopher){ i, &table };
		r = awl_task_group_create_task(&g, manners, &guests[i], NULL);
	}
	r = awl_task_group_exit(&g, r);
	printf("%d meals, %s\n", table.meals, r < 0 ? awl_strerror(r) : "all have eaten");
	return r;
}

static int amain(void *arg)
{
	(void)arg;
	return dine(bold) == AWL_EDEADLK ? dine(wise) : -1;
}

int main(void)
{
	return awl_run(amain, NULL) < 0;
}
