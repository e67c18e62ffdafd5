/* SPDX-License-Identifier: MIT */
/*
 * park.h - the hot half of park.c: from one task straight to the next.
 */
#ifndef AWL__PARK_H
#define AWL__PARK_H

#include "task/task.h"

/* What a parked task has on top of its stack: the switch, the park, the wait. */
#define WARM_LINES 5

/* A stack and a context for one that has not begun. False: it has ended without beginning. */
bool awl__task_begin(struct awl__task *t);

/* Somebody wants to know this parked task's frames: awl_task_get_stack. */
void awl__answer_probe(awl_loop *l, struct awl__task *t) AWL__COLD;

/*
 * Where thousands are ready, rows and stacks are out of the cache when their turn comes: the row of
 * the one after the next, and the stack of the next, are fetched while this one runs. (Inlined by
 * force: a call of a function that only prefetches is one without effect, to gcc.)
 */
AWL__INLINE void awl__warm(const awl_loop *l)
{
	struct awl__list *far = l->batch.next->next;
	struct awl__runnable *next = awl__runnable_at(l->batch.next);
	uintptr_t row = (uintptr_t)far - AWL__CACHE_LINE, sp;

	if (far == &l->batch || next->kind != AWL__RUN_TASK)
		return;
	__builtin_prefetch((void *)row, 1);
	__builtin_prefetch(far, 1);
	sp = (uintptr_t)awl__task_of(next)->context.sp; /* 0 if it has not begun: no harm */
	for (unsigned i = 0; i < WARM_LINES; i++)
		__builtin_prefetch((void *)(sp + i * AWL__CACHE_LINE), 1);
}

/* The next context to go to: a task's, which is `current` then, or the hub's. */
AWL__INLINE struct awl__context *awl__next_context(awl_loop *l)
{
	struct awl__runnable *r;

	while ((r = awl__loop_next_task(l))) {
		struct awl__task *t = awl__task_of(r);

		if (awl__likely(awl__begun(t)) || awl__task_begin(t)) {
			awl__warm(l);
			l->current = t;
			return &t->context;
		}
	}
	l->current = NULL;
	return &l->hub;
}

/* What it waits for, as readers outside see it. */
static inline void awl__park_begin(
	awl_loop *l, struct awl__task *t, enum awl__waits what, uint64_t on)
{
	awl__row_change(&t->future.row);
	t->future.row.waits = (uint8_t)what;
	t->waits_on = on;
	t->since = l->now;
	awl__row_changed(&t->future.row);
}

static inline void awl__park_end(struct awl__task *t)
{
	awl__row_change(&t->future.row);
	t->future.row.waits = AWL__WAITS_NOT;
	awl__row_changed(&t->future.row);
}

/* The timer for `until`, or for a scope's deadline if that is nearer. */
void awl__park_arm(awl_loop *l, struct awl__task *t, int64_t until);

/* Away, until somebody makes t ready and its turn comes. */
AWL__INLINE void awl__leave(awl_loop *l, struct awl__task *t)
{
	struct awl__context *to = awl__next_context(l);

	if (awl__likely(to != &t->context))
		awl__context_switch(&t->context, to);
	if (awl__unlikely(l->probe != NULL))
		awl__answer_probe(l, t);
	l->budget = AWL__BUDGET;
}

#endif
