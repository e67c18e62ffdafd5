/* SPDX-License-Identifier: MIT */
/*
 * park.c - how a task leaves the processor and comes back, and where a fresh one begins.
 *
 * Who parks switches straight to the next ready task; one that has not begun gets a stack there and
 * then. A task that ends hands its warm stack to the next one that is to begin: a thousand children
 * that never wait run on one stack without a single switch.
 */
#include "task/task.h"

#include <stdlib.h>
#include <unistd.h>

static void task_main(void);

int awl__task_prepare(struct awl__task *t)
{
	struct awl__stack *s;
	int r = awl__stack_get(&awl__task_loop(t)->stacks, t->stack_size, &s);

	if (r < 0)
		return r;
	awl__store(&s->owner, t);
	awl__context_make(&t->context, s, task_main);
	return 0;
}

/* Nothing to be told who never began, but everybody who waits for it. */
static void end_unbegun(struct awl__task *t, uint8_t state, int outcome)
{
	awl_loop *l = awl__task_loop(t);

	if (t->context.stack) {
		awl__stack_put(&l->stacks, t->context.stack);
		t->context.stack = NULL;
	}
	awl__task_end(t, state, outcome);
}

/* May it begin, has it a stack? If not, it has ended. */
static bool begin(struct awl__task *t)
{
	int r;

	if (awl__unlikely(t->group && t->group->dead)) {
		end_unbegun(t, AWL__CANCELLED, AWL_ECANCELED); /* its argument is dead */
		return false;
	}
	if (!t->context.stack) {
		r = awl__task_prepare(t);
		if (awl__unlikely(r < 0)) {
			end_unbegun(t, AWL__FINISHED, r);
			return false;
		}
	}
	t->begun = true;
	awl__task_loop(t)->started++;
	return true;
}

/* The next context to go to: a task's, which is `current` then, or the hub's. */
static inline struct awl__context *next_context(awl_loop *l)
{
	struct awl__runnable *r;

	while ((r = awl__loop_next_task(l))) {
		struct awl__task *t = awl__task_of(r);

		if (awl__likely(t->begun) || begin(t)) {
			l->current = t;
			return &t->context;
		}
	}
	l->current = NULL;
	return &l->hub;
}

/* Somebody wants to know this parked task's frames: awl_task_get_stack. */
static AWL__NOINLINE void answer_probe(awl_loop *l, struct awl__task *t)
{
	while (l->probe) {
		struct awl__probe *p = l->probe;

		l->probe = NULL;
		p->take(p);
		awl__context_switch(&t->context, p->back);
	}
}

static inline void leave(awl_loop *l, struct awl__task *t)
{
	struct awl__context *to = next_context(l);

	if (awl__likely(to != &t->context))
		awl__context_switch(&t->context, to);
	if (awl__unlikely(l->probe != NULL))
		answer_probe(l, t);
	l->budget = AWL__BUDGET;
}

void awl__task_pause(struct awl__task *t)
{
	awl_loop *l = awl__task_loop(t);

	awl__loop_push(l, &t->ready);
	leave(l, t);
}

bool awl__park(struct awl__task *t, const struct awl__wait *wait, uint64_t on, int64_t until)
{
	awl_loop *l = awl__task_loop(t);

	if (awl__unlikely(t->scope != NULL)) {
		int64_t nearest;

		awl__scope_resolve(t);
		nearest = awl__scope_nearest(t);
		if (nearest < until)
			until = nearest;
		if (awl__heap_armed(&t->timer) &&
			awl__heap_deadline(&l->timers, &t->timer) != until)
			awl__heap_remove(&l->timers, &t->timer);
	}
	if (until != INT64_MAX && !awl__heap_armed(&t->timer))
		awl__heap_add(&l->timers, &t->timer, until);

	awl__row_change(&t->future.row);
	t->future.row.waits = (uint8_t)wait->what;
	t->waits_on = on;
	t->since = l->now;
	awl__row_changed(&t->future.row);
	t->wait = wait;
	t->interrupted = false;

	leave(l, t);

	t->wait = NULL;
	awl__row_change(&t->future.row);
	t->future.row.waits = AWL__WAITS_NOT;
	awl__row_changed(&t->future.row);
	if (wait->what == AWL__WAITS_SLEEP)
		awl__task_disarm(t);
	return !t->interrupted;
}

/* fork copied this stack, but not the thread that ran the loop. */
static _Noreturn AWL__COLD void returned_in_child(void)
{
	static const char words[] =
		"awl: a task's function returned in a fork's child: the child may "
		"only exec or _exit; it exits now\n";

	if (write(STDERR_FILENO, words, sizeof words - 1) < 0)
		_exit(EXIT_FAILURE);
	_exit(EXIT_FAILURE);
}

/*
 * Where a flow that has ended goes on: NULL, and *next is to begin right here on its warm stack; or
 * the context to leave for.
 */
static struct awl__context *after_end(awl_loop *l, uint32_t stack_size, struct awl__task **next)
{
	struct awl__runnable *r;

	while ((r = awl__loop_next_task(l))) {
		struct awl__task *t = awl__task_of(r);
		bool fits = !t->begun && !t->context.stack && t->stack_size == stack_size;

		if (fits && !(t->group && t->group->dead)) {
			*next = l->current = t;
			return NULL;
		}
		if (t->begun || begin(t)) {
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
	uint32_t stack_size = t->stack_size;

	awl__context_entered(&t->context);
	for (;;) {
		struct awl__context done, *to;
		int outcome;

		l->budget = AWL__BUDGET;
		outcome = t->fn(t->arg);
		if (awl__unlikely(awl__thread->running != l))
			returned_in_child();
		if (awl__unlikely(t->scope != NULL))
			outcome = awl__scope_leftover(t, outcome);
		done = t->context;
		t->context.stack = NULL;
		l->started--;
		awl__task_end(
			t, outcome == AWL_ECANCELED ? AWL__CANCELLED : AWL__FINISHED, outcome);

		to = after_end(l, stack_size, &t);
		if (to) {
			awl__stack_put(&l->stacks, done.stack);
			awl__context_exit(&done, to);
		}
		t->context.stack = done.stack;
		awl__store(&done.stack->owner, t);
		t->begun = true;
		l->started++;
		awl__context_renew();
	}
}

void awl__task_step(awl_loop *l, struct awl__task *t)
{
	if (!t->begun && !begin(t))
		return;
	l->current = t;
	awl__context_switch(&l->hub, &t->context);
}
