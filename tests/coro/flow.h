/* SPDX-License-Identifier: MIT */
/*
 * flow.h - what these tests run contexts with: a flow is resumed until it yields or its function
 * returns, when its stack has gone back to the pool.
 */
#ifndef TEST_FLOW_H
#define TEST_FLOW_H

#include "coro/switch.h"

#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#else
#define RUNNING_ON_VALGRIND 0
#endif

struct flow {
	struct awl__context self, *back;
	struct awl__stack_pool *pool;
	void (*fn)(struct flow *f);
	void *arg;
	bool done;
	int failures;
};

/* Inside a flow: an assertion there would jump out of it, to another stack. */
#define flow_check(f, ok) ((void)((ok) || (f)->failures++))

static struct flow *flow_starting;

static inline void flow_entry(void)
{
	struct flow *f = flow_starting;

	awl__context_entered(&f->self);
	f->fn(f);
	f->done = true;
	awl__stack_put(f->pool, f->self.stack);
	awl__context_exit(&f->self, f->back);
}

static inline int flow_make(struct flow *f, struct awl__stack_pool *pool, size_t size,
	void (*fn)(struct flow *f), void *arg)
{
	struct awl__stack *s;
	int err = awl__stack_get(pool, size, &s);

	if (err < 0)
		return err;
	*f = (struct flow){ .pool = pool, .fn = fn, .arg = arg };
	awl__store(&s->owner, f);
	awl__context_make(&f->self, s, flow_entry);
	return 0;
}

static inline void flow_resume(struct flow *f, struct awl__context *from)
{
	flow_starting = f;
	f->back = from;
	awl__context_switch(from, &f->self);
}

static inline void flow_yield(struct flow *f)
{
	awl__context_switch(&f->self, f->back);
}

/* 10000 of what a test makes, or as many as the tool it runs under bears. */
static inline int flow_many(void)
{
	return AWL__TSAN || RUNNING_ON_VALGRIND ? 500 : 10000;
}

#endif
