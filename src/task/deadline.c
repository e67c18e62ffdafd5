/* SPDX-License-Identifier: MIT */
/*
 * deadline.c - the deadlines of open scopes, and a task's one timer for the nearest of them.
 *
 * Entering a scope does not read the clock: that costs more than all the rest of it. It reads the
 * coarse one, 5 ns, and takes it to be as late as it can be; the first wait inside, which reads the
 * exact clock anyhow, draws the deadline nearer: never early, late by the time between enter and
 * that wait, two kernel ticks at the most.
 */
#include "base/clock.h"
#include "task/op.h"
#include "task/scope_hot.h"

void awl__scope_set_deadline(struct awl__scope *s, int64_t when)
{
	s->deadline = when;
	s->span = -1;
}

void awl__scope_set_span(struct awl__scope *s, int64_t ns)
{
	s->span = -1;
	s->deadline = INT64_MAX;
	if (ns <= 0) {
		s->deadline = awl__reactor_now(s->loop->reactor);
		s->expired = true;
		awl__scope_ask(s, "its deadline has passed");
	} else if (ns != INT64_MAX && s->loop->virtual_time) {
		s->deadline = awl__clock_after(awl__reactor_now(s->loop->reactor), ns);
	} else if (ns != INT64_MAX) {
		awl__scope_begin_span(s, ns);
	}
}

static void resolve(struct awl__scope *s, int64_t now)
{
	int64_t when = awl__clock_after(now, s->span);

	if (s->span >= 0 && when < s->deadline)
		s->deadline = when;
	s->span = -1;
}

void awl__scope_resolve(struct awl__task *t)
{
	struct awl__scope *s = t->scope;
	int64_t now;

	while (s && s->span < 0)
		s = s->outer;
	if (!s)
		return;
	now = awl__reactor_now(s->loop->reactor);
	for (; s; s = s->outer)
		resolve(s, now);
}

int64_t awl__scope_nearest(const struct awl__task *t)
{
	int64_t nearest = INT64_MAX;

	for (const struct awl__scope *s = t->scope; s; s = s->outer)
		if (!s->asked && s->deadline < nearest &&
			(s->depth >= t->shield || s->kind == AWL__SCOPE_GROUP))
			nearest = s->deadline;
	return nearest;
}

void awl__scope_expire(struct awl__task *t, int64_t now)
{
	for (struct awl__scope *s = t->scope; s; s = s->outer) {
		if (s->asked || s->deadline > now)
			continue;
		s->expired = true;
		awl__scope_ask(s, "its deadline has passed");
	}
}

static struct awl__task_op *op_of(const struct awl__task *t)
{
	return awl__container((struct awl__op *)(uintptr_t)t->waits_on, struct awl__task_op, op);
}

static struct awl__timed *timed_of(const struct awl__task *t)
{
	return (struct awl__timed *)(uintptr_t)t->waits_on;
}

/* When a parked task's wait ends by itself. */
static int64_t own_end(const struct awl__task *t)
{
	switch ((enum awl__waits)t->future.row.waits) {
	case AWL__WAITS_SLEEP:
		return (int64_t)t->waits_on;
	case AWL__WAITS_FD:
		return op_of(t)->late ? INT64_MAX : op_of(t)->until;
	case AWL__WAITS_TIMED:
		return timed_of(t)->until;
	default:
		return INT64_MAX;
	}
}

/* It has come: who sleeps or stands in a queue wakes; an operation is asked to end, and its task
 * with it. */
static void end_wait(struct awl__task *t)
{
	switch ((enum awl__waits)t->future.row.waits) {
	case AWL__WAITS_FD:
		op_of(t)->late = true;
		awl__reactor_cancel(awl__task_loop(t)->reactor, &op_of(t)->op);
		return;
	case AWL__WAITS_TIMED:
		timed_of(t)->late = true;
		awl__list_remove(&t->ready.link);
		break;
	default:
		break;
	}
	awl__wake(t);
}

void awl__task_rearm(struct awl__task *t)
{
	int64_t next;

	awl__task_disarm(t);
	if (!awl__parked(t))
		return;
	awl__scope_resolve(t);
	next = awl__scope_nearest(t);
	if (own_end(t) < next)
		next = own_end(t);
	if (next != INT64_MAX)
		awl__timer_add(awl__task_loop(t), &t->timer, next);
}

void awl__task_timer_due(awl_loop *l, struct awl__heap_node *n)
{
	struct awl__task *t = awl__container(n, struct awl__task, timer);

	/* A sleep that has ended has ended; a deadline of the same moment meets the next wait. */
	if (awl__parked(t) && own_end(t) <= l->now)
		end_wait(t);
	awl__scope_expire(t, l->now);
	awl__task_rearm(t);
}

int64_t awl_deadline(void)
{
	struct awl__task *t;
	int64_t nearest, now;
	int r = awl__self(&t, __func__);

	if (r < 0)
		return r;
	awl__scope_resolve(t);
	nearest = INT64_MAX;
	for (struct awl__scope *s = t->scope; s && s->depth >= t->shield; s = s->outer)
		if (s->deadline < nearest)
			nearest = s->deadline;
	if (nearest == INT64_MAX)
		return AWL_FOREVER;
	now = awl__reactor_now(awl__task_loop(t)->reactor);
	return nearest > now ? nearest - now : 0;
}
