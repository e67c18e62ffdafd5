/* SPDX-License-Identifier: MIT */
/*
 * gate.h - a plain function that stands in its thread until the test lets it go, and the task that
 * waits for it.
 */
#ifndef TEST_GATE_H
#define TEST_GATE_H

#include "support.h"

#include <pthread.h>
#include <stdatomic.h>

struct gate {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool open;
	atomic_int begun, returned;
	int value;
};

#define GATE \
	{ \
		.lock = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER \
	}

static inline int stand(void *arg)
{
	struct gate *g = arg;

	atomic_fetch_add(&g->begun, 1);
	pthread_mutex_lock(&g->lock);
	while (!g->open)
		pthread_cond_wait(&g->cond, &g->lock);
	pthread_mutex_unlock(&g->lock);
	atomic_fetch_add(&g->returned, 1);
	return g->value;
}

static inline void open_gate(struct gate *g)
{
	pthread_mutex_lock(&g->lock);
	g->open = true;
	pthread_cond_broadcast(&g->cond);
	pthread_mutex_unlock(&g->lock);
}

static inline awl_executor *new_executor(int threads, int queue)
{
	awl_executor_options o = { .name = "test", .threads = threads, .queue = queue };
	awl_executor *e;

	assert_int_equal(awl_executor_new(&o, &e), 0);
	return e;
}

static inline void end_executor(awl_executor *e)
{
	assert_int_equal(awl_executor_join(e, AWL_FOREVER), 0);
	awl_executor_unref(e);
}

/* Until a thread has come so far: others may need the processor for it. */
static inline void until(atomic_int *what, int n)
{
	while (atomic_load(what) < n)
		assert_int_equal(awl_yield(), 0);
}

static inline int answer(void *arg)
{
	return *(int *)arg;
}

struct staying {
	struct gate *gate;
	awl_executor *executor;
	int value, next;
	bool done;
};

static inline int stay(void *arg)
{
	struct staying *s = arg;

	s->value = awl_executor_run(s->executor, stand, s->gate);
	s->done = true;
	s->next = awl_yield();
	return s->next;
}

#endif
