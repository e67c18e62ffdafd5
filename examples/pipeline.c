/* SPDX-License-Identifier: MIT */
/*
 * pipeline.c - numbers are made, squared by three workers, and written. Each queue is short, so the
 * slowest stage sets the pace and nobody runs far ahead of it. When the maker has closed its queue
 * the end runs down the pipe by itself, stage by stage: the last of the workers closes the next.
 */
#include <awl.h>
#include <stdio.h>

#define NUMBERS 12
#define WORKERS 3

struct item {
	int id;
	long value;
};

static struct item first[2], second[2];
static awl_queue made = AWL_QUEUE_OVER(first), squared = AWL_QUEUE_OVER(second);
static int under_way;

static int make(void *arg)
{
	int r = 0;

	(void)arg;
	for (int i = 0; i < NUMBERS && r == 0; i++) {
		struct item item = { i, i };

		r = awl_queue_put(&made, &item); /* waits while the workers are behind */
		under_way += r == 0;
	}
	awl_queue_close(&made);
	return r;
}

static int square(void *arg)
{
	struct item item;
	int r;

	(void)arg;
	while ((r = awl_queue_get(&made, &item)) == 0) {
		r = awl_sleep((5 - item.id % 3) * AWL_MS); /* some take longer than others */
		if (r < 0)
			break;
		item.value *= item.value;
		r = awl_queue_put(&squared, &item);
		if (r < 0)
			break;
	}
	awl_queue_close(&squared);
	return r == AWL_ESHUTDOWN ? 0 : r; /* the end of the work is no failure */
}

static int write_out(void *arg)
{
	struct item item;
	int r;

	(void)arg;
	while ((r = awl_queue_get(&squared, &item)) == 0) {
		printf("%2d squared is %3ld, %2d more under way\n", item.id, item.value,
			--under_way);
		r = awl_sleep(4 * AWL_MS); /* the slowest stage */
		if (r < 0)
			return r;
	}
	return r == AWL_ESHUTDOWN ? 0 : r;
}

/* Every producer opens its queue before any of them may close it. */
static int start(awl_task_group *g)
{
	int r = awl_queue_open(&made);

	for (int i = 0; i < WORKERS && r == 0; i++)
		r = awl_queue_open(&squared);
	if (r == 0)
		r = awl_task_group_create_task(g, make, NULL, NULL);
	for (int i = 0; i < WORKERS && r == 0; i++)
		r = awl_task_group_create_task(g, square, NULL, NULL);
	if (r == 0)
		r = awl_task_group_create_task(g, write_out, NULL, NULL);
	return r;
}

static int amain(void *arg)
{
	awl_task_group g;

	(void)arg;
	awl_task_group_enter(&g);
	return awl_task_group_exit(&g, start(&g));
}

int main(void)
{
	return awl_run(amain, NULL) < 0;
}
