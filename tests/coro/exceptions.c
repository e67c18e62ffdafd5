/* SPDX-License-Identifier: MIT */
/*
 * exceptions.c - flows for test_exceptions.cc, whose language cannot include the inner headers.
 */
#include "flow.h"

#define MOST 8

int flows_run(void (*fn)(int id), int count);
void flows_yield(void);

static struct flow *current;

static void calls(struct flow *f)
{
	union {
		void *p;
		void (*fn)(int id);
	} u = { .p = f->arg };

	u.fn((int)(f->pool->in_use));
}

/* fn(1), fn(2) ... fn(count), each on a stack of its own, in turns until all are done. */
int flows_run(void (*fn)(int id), int count)
{
	union {
		void (*fn)(int id);
		void *p;
	} u = { .fn = fn };
	struct awl__stack_pool pool = { 0 };
	struct awl__context thread;
	struct flow f[MOST];
	int started = 0, done = 0;

	if (count > MOST)
		return -1;
	awl__context_of_thread(&thread);
	for (int i = 0; done < count; i = (i + 1) % count) {
		if (started <= i && flow_make(&f[started++], &pool, 0, calls, u.p) < 0)
			return -1;
		if (f[i].done)
			continue;
		current = &f[i];
		flow_resume(&f[i], &thread);
		done += f[i].done;
	}
	awl__stack_pool_free(&pool);
	return 0;
}

void flows_yield(void)
{
	flow_yield(current);
}
