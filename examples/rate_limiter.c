/* SPDX-License-Identifier: MIT */
/*
 * rate_limiter.c - twenty requests, at most three at a time and at most one begun each 10 ms, after
 * a burst of five. A bucket of tokens is a bounded semaphore: a task puts one back per tick, and a
 * full bucket takes no more.
 */
#include <awl.h>
#include <errno.h>
#include <stdio.h>

#define REQUESTS 20
#define BURST 5
#define TICK (10 * AWL_MS)
#define AT_ONCE 3

static awl_semaphore bucket = AWL_BOUNDED_SEMAPHORE_INIT(BURST);
static awl_limiter doors = AWL_LIMITER_INIT(AT_ONCE);
static int64_t began;

static int64_t now(void)
{
	awl_loop *loop;

	return awl_get_running_loop(&loop) < 0 ? 0 : awl_loop_time(loop);
}

/* Until it is cancelled; each tick from the one before, so that a late one costs nothing. */
static int refill(void *arg)
{
	int64_t next = now();
	int r = 0;

	(void)arg;
	while (r == 0) {
		next += TICK;
		r = awl_sleep_until(next);
		if (r == 0 && awl_semaphore_release(&bucket) == -EOVERFLOW)
			continue; /* full: nobody was in a hurry */
	}
	return r;
}

static int request(void *arg)
{
	int id = *(int *)arg, r = awl_limiter_acquire(&doors);

	if (r < 0)
		return r;
	r = awl_semaphore_acquire(&bucket);
	if (r == 0) {
		printf("%3d ms: request %2d, %d at once\n", (int)((now() - began) / AWL_MS), id,
			awl_limiter_borrowers(&doors, NULL, 0));
		r = awl_sleep(25 * AWL_MS);
	}
	awl_limiter_release(&doors);
	return r;
}

static int requests(void)
{
	static int id[REQUESTS];
	awl_task_group g;
	int r = 0;

	awl_task_group_enter(&g);
	for (int i = 0; i < REQUESTS && r == 0; i++) {
		id[i] = i;
		r = awl_task_group_create_task(&g, request, &id[i], NULL);
	}
	return awl_task_group_exit(&g, r);
}

static int amain(void *arg)
{
	awl_task_group g;
	awl_task *refiller;
	int r;

	(void)arg;
	began = now();
	awl_task_group_enter(&g);
	r = awl_task_group_create_task(&g, refill, NULL, &refiller);
	if (r == 0) {
		r = requests();
		awl_cancel(refiller, "all is done");
	}
	return awl_task_group_exit(&g, r);
}

int main(void)
{
	return awl_run(amain, NULL) < 0;
}
