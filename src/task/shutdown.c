/* SPDX-License-Identifier: MIT */
/*
 * shutdown.c - the end of a loop's tasks, in tree order: those first that wait for no other task,
 * and who waits for them, or owns their group, when they have ended. A server's main task thus
 * still runs while its connections say goodbye.
 *
 * Tasks made meanwhile, by a supervisor that restarts its children or by a finaliser, are asked to
 * stop from their birth, and nobody is left in peace on their account.
 */
#include "task/graph.h"

#include <stdio.h>

#define FRAMES 12

static void each_task(awl_loop *l, void (*fn)(struct awl__task *t, void *arg), void *arg)
{
	for (struct awl__row_block *b = l->tasks.blocks; b; b = b->next)
		for (uint32_t i = 0; i < b->used; i++) {
			struct awl__row *row = awl__row_at(&l->tasks, b, i);

			if (row->kind == AWL__TASK && row->state == AWL__PENDING)
				fn((struct awl__task *)row, arg);
		}
}

/* It was there when the close began. */
static bool is_old(const struct awl__task *t)
{
	return (int32_t)(t->number - awl__task_loop(t)->closing_number) <= 0;
}

static void unmark(struct awl__task *t, void *arg)
{
	(void)arg;
	t->above = 0;
}

static void mark(awl_task *above)
{
	if (above)
		((struct awl__task *)above)->above = 1;
}

static void mark_those_above(struct awl__task *t, void *arg)
{
	(void)arg;
	if (!is_old(t))
		return;
	if (t->group)
		mark(&t->group->task->future);
	awl__list_each (node, &t->future.waiters) {
		struct awl__runnable *r = awl__runnable_at(node);

		if (r->kind == AWL__RUN_TASK) {
			mark(&awl__task_of(r)->future);
		} else {
			awl_done_callback *cb = awl__container(r, awl_done_callback, _ready);

			mark(cb->_waiter ? *cb->_waiter : NULL);
		}
	}
}

static void ask(struct awl__task *t, void *arg)
{
	bool *all = arg;

	if (t->stopping || (t->above && !*all))
		return;
	t->stopping = 1;
	awl__task_loop(t)->stopping++;
	awl__task_ask(t, 1, "its loop closes");
}

static void ask_leaves(awl_loop *l)
{
	bool all = false;

	each_task(l, unmark, NULL);
	each_task(l, mark_those_above, NULL);
	each_task(l, ask, &all);
	all = l->stopping == 0; /* they wait for each other */
	if (all)
		each_task(l, ask, &all);
}

void awl__closing_task_begins(struct awl__task *t)
{
	t->level = 1;
	t->stopping = 1;
}

void awl__closing_task_ends(struct awl__task *t, uint8_t state)
{
	awl_loop *l = awl__task_loop(t);

	if (t->group && t->stopping && state == AWL__CANCELLED)
		t->group->swept = true;
	if (t->stopping && is_old(t))
		l->stopping--;
	if (l->stopping == 0 || l->live == 0)
		l->halt = true;
}

static AWL__COLD void report(struct awl__task *t, void *arg)
{
	char words[700], task[160], wait[288], name[128];
	void *frames[FRAMES];
	int n = awl_task_get_stack(&t->future, frames, FRAMES);
	size_t len = 0;

	(void)arg;
	words[0] = 0;
	for (int i = 0; i < n && len < sizeof words - 140; i++)
		len += (size_t)snprintf(words + len, sizeof words - len, "%s%s",
			i ? " < " : "; it is in ", awl__place(frames[i], name, sizeof name));
	awl__report(AWL_LOG_ERROR,
		"task %s, has not stopped in the time its loop's close has: it %s%s",
		awl__task_words(t, task, sizeof task), awl__wait_words(t, wait, sizeof wait),
		words);
}

/* Debug mode: an end that nobody awaited is often one that was forgotten. */
static AWL__COLD void tell_pending(struct awl__task *t, void *arg)
{
	char task[160], wait[288], place[128];
	const void *made = awl__future_made(&t->future);

	(void)arg;
	awl__report(AWL_LOG_WARNING, "task %s, is pending as its loop closes: it %s%s%s",
		awl__task_words(t, task, sizeof task), awl__wait_words(t, wait, sizeof wait),
		made ? "; made in " : "", made ? awl__place(made, place, sizeof place) : "");
}

static void count_again(struct awl__task *t, void *arg)
{
	awl_loop *l = arg;

	if (t->stopping)
		l->stopping++;
}

struct limit {
	awl_loop *loop;
	bool passed;
};

static int limit_passed(void *arg)
{
	struct limit *limit = arg;

	limit->passed = true;
	limit->loop->halt = true;
	return 0;
}

int awl__end_tasks(awl_loop *l, int64_t until)
{
	struct limit limit = { .loop = l };
	awl_handle timer = AWL_HANDLE_INIT;
	int r = 0;

	if (until != INT64_MAX)
		r = awl_loop_call_at(l, until, limit_passed, &limit, &timer);
	l->closing_number = l->task_number;
	l->stopping = 0;
	if (l->debug)
		each_task(l, tell_pending, NULL);
	each_task(l, count_again, l); /* an earlier close gave up on them */
	while (r == 0 && l->live && !limit.passed) {
		ask_leaves(l);
		l->halt = false;
		r = awl__loop_iterate(l);
		/* One iteration more: who waited for them hears of it before it is asked. */
		l->halt = true;
		r = r < 0 ? r : awl__loop_iterate(l);
	}
	if (r == 0 && l->live) {
		each_task(l, report, NULL);
		r = awl__fail(-ETIMEDOUT, "%u tasks have not stopped in time", l->live);
	}
	awl_handle_cancel(&timer);
	return r;
}
