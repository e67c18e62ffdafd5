/* SPDX-License-Identifier: MIT */
/*
 * park.c - how a task leaves the processor and comes back, and where a fresh one begins.
 *
 * Who parks switches straight to the next ready task; one that has not begun gets a stack there and
 * then. A task that ends hands its warm stack to the next one that is to begin: a thousand children
 * that never wait run on one stack without a single switch.
 */
#include "task/park.h"

static void task_main(void);

static size_t stack_size(const struct awl__task *t)
{
	return t->stack_class ? (size_t)1 << t->stack_class : awl__task_loop(t)->stack_size;
}

/* On this stack from now on: fresh, or warm from a task that has ended. */
static void settle(struct awl__task *t, struct awl__stack *s)
{
	t->context.stack = s;
	t->context.sp = s->high;
	awl__store(&s->owner, t);
	awl__task_loop(t)->started++;
}

/* Its argument may lie in a frame that is gone: it must not begin. */
static bool is_stillborn(const struct awl__task *t)
{
	return t->group && t->group->dead;
}

bool awl__task_begin(struct awl__task *t)
{
	struct awl__stack *s;
	int r;

	if (awl__unlikely(is_stillborn(t))) {
		awl__task_end(t, AWL__CANCELLED, AWL_ECANCELED);
		return false;
	}
	r = awl__stack_get(&awl__task_loop(t)->stacks, stack_size(t), &s);
	if (awl__unlikely(r < 0)) {
		awl__task_end(t, AWL__FINISHED, r);
		return false;
	}
	settle(t, s);
	awl__context_make(&t->context, s, task_main);
	return true;
}

void awl__answer_probe(awl_loop *l, struct awl__task *t)
{
	while (l->probe) {
		struct awl__probe *p = l->probe;

		l->probe = NULL;
		p->take(p);
		awl__context_switch(&t->context, p->back);
	}
}

static inline void arm(awl_loop *l, struct awl__task *t, int64_t until)
{
	if (awl__unlikely(t->scope != NULL)) {
		int64_t nearest;

		awl__scope_resolve(t);
		nearest = awl__scope_nearest(t);
		if (nearest < until)
			until = nearest;
	}
	/* One that comes too early finds nothing due, and is armed anew. */
	if (awl__heap_armed(&t->timer) && awl__heap_deadline(&l->timers, &t->timer) > until)
		awl__heap_remove(&l->timers, &t->timer);
	if (until != INT64_MAX && !awl__heap_armed(&t->timer))
		awl__timer_add(l, &t->timer, until);
}

void awl__park_arm(awl_loop *l, struct awl__task *t, int64_t until)
{
	arm(l, t, until);
}

void awl__task_pause(struct awl__task *t)
{
	awl_loop *l = awl__task_loop(t);

	arm(l, t, INT64_MAX); /* who never parks is within its deadlines all the same */
	awl__loop_push(l, &t->ready);
	awl__leave(l, t);
}

bool awl__park(struct awl__task *t, enum awl__waits what, uint64_t on, int64_t until)
{
	awl_loop *l = awl__task_loop(t);

	arm(l, t, until);
	awl__park_begin(l, t, what, on);
	awl__leave(l, t);
	awl__park_end(t);
	if (what == AWL__WAITS_SLEEP)
		awl__task_disarm(t);
	if (awl__likely(!t->interrupted))
		return true;
	t->interrupted = false;
	return false;
}

int awl__wait_in(
	struct awl__task *t, struct awl__list *queue, enum awl__waits what, const void *object)
{
	awl__list_push(queue, &t->ready.link);
	return awl__park(t, what, (uintptr_t)object, INT64_MAX) ? 0 : awl__deliver(t);
}

int awl__wait_in_until(struct awl__task *t, struct awl__list *queue, struct awl__timed *w)
{
	w->late = false;
	awl__list_push(queue, &t->ready.link);
	return awl__park(t, AWL__WAITS_TIMED, (uintptr_t)w, w->until) ? 0 : awl__deliver(t);
}

struct awl__task *awl__wake_first(struct awl__list *queue)
{
	struct awl__list *node = awl__list_pop(queue);
	struct awl__task *t = node ? awl__task_of(awl__runnable_at(node)) : NULL;

	if (t)
		awl__wake(t);
	return t;
}

/*
 * Where a flow that has ended goes on: NULL, and *next is to begin right here on its warm stack; or
 * the context to leave for.
 */
static struct awl__context *after_end(awl_loop *l, uint8_t stack_class, struct awl__task **next)
{
	struct awl__runnable *r;

	while ((r = awl__loop_next_task(l))) {
		struct awl__task *t = awl__task_of(r);
		if (!awl__begun(t) && t->stack_class == stack_class && !is_stillborn(t)) {
			*next = l->current = t;
			return NULL;
		}
		if (awl__begun(t) || awl__task_begin(t)) {
			l->current = t;
			return &t->context;
		}
	}
	l->current = NULL;
	return &l->hub;
}

/* The first frame of every task. */
static void task_main(void)
{
	struct awl__task *t = awl__thread->running->current;
	awl_loop *l = awl__task_loop(t);
	uint8_t stack_class = t->stack_class;

	awl__context_entered(&t->context);
	for (;;) {
		struct awl__context done, *to;
		int outcome;

		l->budget = AWL__BUDGET;
		outcome = t->fn(t->arg);
		awl__loop_still_here(l);
		if (awl__unlikely(t->scope != NULL))
			outcome = awl__scope_leftover(t, outcome);
		done = t->context;
		t->context.stack = NULL;
		l->started--;
		awl__task_end(
			t, outcome == AWL_ECANCELED ? AWL__CANCELLED : AWL__FINISHED, outcome);

		to = after_end(l, stack_class, &t);
		if (to) {
			awl__stack_put(&l->stacks, done.stack);
			awl__context_exit(&done, to);
		}
		settle(t, done.stack);
		awl__context_renew();
	}
}

void awl__task_step(awl_loop *l, struct awl__task *t)
{
	if (!awl__begun(t) && !awl__task_begin(t))
		return;
	l->current = t;
	awl__context_switch(&l->hub, &t->context);
}
