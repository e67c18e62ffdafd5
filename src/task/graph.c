/* SPDX-License-Identifier: MIT */
/*
 * graph.c - the graph of waits. An edge leads from a task to another without which it cannot go on:
 * the one it awaits, its group's children, the holder of its lock, each of those it selects from.
 * From it come cycles, and the report of a loop that sleeps for ever.
 */
#include "task/graph.h"
#include "base/alloc.h"

#include <stdio.h>

#define TOLD_MAX 50

enum { /* marks */
	WHITE,
	ON_PATH,
	SEEN,
	IN_CYCLE = AWL__IN_CYCLE,
};

/* --- words -------------------------------------------------------------------------------- */

const char *awl__task_name(const struct awl__task *t, char *buf, size_t len)
{
	if (t->extra && t->extra->name)
		snprintf(buf, len, "%s", t->extra->name);
	else
		snprintf(buf, len, "Task-%u", t->number);
	return buf;
}

const char *awl__task_words(const struct awl__task *t, char *buf, size_t len)
{
	char name[64], function[96];

	snprintf(buf, len, "%s, %s", awl__task_name(t, name, sizeof name),
		awl__symbol((const void *)(uintptr_t)t->fn, function, sizeof function));
	return buf;
}

static void future_words(const awl_future *f, char *buf, size_t len)
{
	char name[64];

	if (awl__is_task(f))
		snprintf(buf, len, "task %s",
			awl__task_name((const struct awl__task *)f, name, sizeof name));
	else
		snprintf(buf, len, "a future (%p)", (const void *)f);
}

static void group_words(const struct awl__scope *s, char *buf, size_t len)
{
	char place[128];

	snprintf(buf, len, "the %u tasks of its group entered in %s", s->alive,
		awl__place(s->place, place, sizeof place));
}

static struct awl__task *holder(const struct awl__task *t)
{
	return awl__holder_of
		? awl__holder_of(awl__task_loop(t), (const void *)(uintptr_t)t->waits_on)
		: NULL;
}

static void lock_words(const struct awl__task *t, char *buf, size_t len)
{
	const struct awl__task *h = holder(t);
	char name[64];

	snprintf(buf, len, "a lock (%p)%s%s", (const void *)(uintptr_t)t->waits_on,
		h ? " of task " : "", h ? awl__task_name(h, name, sizeof name) : "");
}

static void object_words(const struct awl__task *t, char *buf, size_t len)
{
	static const char *const what[AWL__WAITS_COUNT] = {
		[AWL__WAITS_EVENT] = "an event",
		[AWL__WAITS_CONDITION] = "a condition",
		[AWL__WAITS_SEMAPHORE] = "a semaphore",
		[AWL__WAITS_BARRIER] = "a barrier",
		[AWL__WAITS_QUEUE] = "a queue",
		[AWL__WAITS_CHANNEL] = "a channel",
		[AWL__WAITS_SELECT] = "the first of several",
		[AWL__WAITS_THREAD] = "a function in a thread",
		[AWL__WAITS_ERRAND] = "another thread",
		[AWL__WAITS_GATHER] = "the ends of several",
		[AWL__WAITS_DESCRIPTOR] = "others to let go of a descriptor",
		[AWL__WAITS_STREAM] = "a stream",
		[AWL__WAITS_TIMED] = "a stream",
	};
	const char *words = what[t->future.row.waits];

	snprintf(buf, len, "%s (%p)", words ? words : "something",
		(const void *)(uintptr_t)t->waits_on);
}

/* What it wants of the descriptor. */
static const char *op_words(const struct awl__op *op)
{
	static const char *const words[AWL__OP_KINDS] = {
		[AWL__OP_POLL] = "",
		[AWL__OP_READ] = ", to read",
		[AWL__OP_WRITE] = ", to write",
		[AWL__OP_RECV] = ", to read",
		[AWL__OP_SEND] = ", to write",
		[AWL__OP_RECVMSG] = ", to read",
		[AWL__OP_SENDMSG] = ", to write",
		[AWL__OP_ACCEPT] = ", to accept",
		[AWL__OP_CONNECT] = ", to connect",
		[AWL__OP_WORK] = ", to send a file",
	};

	return words[op->kind];
}

static void what_words(const struct awl__task *t, char *buf, size_t len)
{
	const void *on = (const void *)(uintptr_t)t->waits_on;

	switch ((enum awl__waits)t->future.row.waits) {
	case AWL__WAITS_FUTURE:
	case AWL__WAITS_JOIN:
		future_words(on, buf, len);
		return;
	case AWL__WAITS_SLEEP:
		snprintf(buf, len, "%.3f s more to pass",
			(double)((int64_t)t->waits_on -
				awl__reactor_now(awl__task_loop(t)->reactor)) /
				1e9);
		return;
	case AWL__WAITS_FD:
		snprintf(buf, len, "descriptor %d%s", ((const struct awl__op *)on)->fd,
			op_words(on));
		return;
	case AWL__WAITS_GROUP:
		group_words(on, buf, len);
		return;
	case AWL__WAITS_LOCK:
		lock_words(t, buf, len);
		return;
	default:
		object_words(t, buf, len);
	}
}

const char *awl__wait_words(const struct awl__task *t, char *buf, size_t len)
{
	awl_loop *l = awl__task_loop(t);
	char what[224];

	if (awl__is_done(&t->future)) {
		snprintf(buf, len, "done");
	} else if (t == l->current) {
		snprintf(buf, len, "runs");
	} else if (!awl__begun(t)) {
		snprintf(buf, len, "has not begun");
	} else if (!awl__parked(t)) {
		snprintf(buf, len, "is ready");
	} else {
		what_words(t, what, sizeof what);
		snprintf(buf, len, "waits for %s, %.3f s", what,
			(double)(awl__reactor_now(l->reactor) - t->since) / 1e9);
	}
	return buf;
}

/* --- edges -------------------------------------------------------------------------------- */

struct awl__task *awl__next_task(const awl_loop *l, const struct awl__task *after)
{
	bool found = !after;

	for (struct awl__row_block *b = l->tasks.blocks; b; b = b->next) {
		const char *first = (const char *)awl__row_at(&l->tasks, b, 0);
		const char *end = (const char *)awl__row_at(&l->tasks, b, b->used);
		uint32_t i = 0;

		if (!found) {
			if ((const char *)after < first || (const char *)after >= end)
				continue;
			i = (uint32_t)(((const char *)after - first) / l->tasks.size) + 1;
			found = true;
		}
		for (; i < b->used; i++) {
			struct awl__row *row = awl__row_at(&l->tasks, b, i);

			if (row->kind == AWL__TASK && row->state == AWL__PENDING)
				return (struct awl__task *)row;
		}
	}
	return NULL;
}

static awl_task *waiter_of(struct awl__runnable *r)
{
	awl_done_callback *cb = awl__container(r, awl_done_callback, _ready);

	if (r->kind == AWL__RUN_TASK)
		return &awl__task_of(r)->future;
	return cb->_waiter ? *cb->_waiter : NULL;
}

static bool is_awaited_by(const awl_future *f, const struct awl__task *t)
{
	awl__list_each (node, &f->waiters)
		if (waiter_of(awl__runnable_at(node)) == &t->future)
			return true;
	return false;
}

static struct awl__task *next_selected(const struct awl__task *t, const struct awl__task *after)
{
	struct awl__task *u = awl__next_task(awl__task_loop(t), after);

	while (u && !is_awaited_by(&u->future, t))
		u = awl__next_task(awl__task_loop(t), u);
	return u;
}

static struct awl__task *next_child(const struct awl__task *t, const struct awl__task *after)
{
	const struct awl__scope *s = (const struct awl__scope *)(uintptr_t)t->waits_on;
	struct awl__list *node = after ? after->sibling.next : s->children.next;

	return node == &s->children ? NULL : awl__container(node, struct awl__task, sibling);
}

struct awl__task *awl__next_awaited(const struct awl__task *t, const struct awl__task *after)
{
	awl_future *f = (awl_future *)(uintptr_t)t->waits_on;

	if (!awl__parked(t))
		return NULL;
	switch ((enum awl__waits)t->future.row.waits) {
	case AWL__WAITS_FUTURE:
	case AWL__WAITS_JOIN:
		return !after && awl__is_task(f) ? (struct awl__task *)f : NULL;
	case AWL__WAITS_GROUP:
		return next_child(t, after);
	case AWL__WAITS_LOCK:
		return after ? NULL : holder(t);
	case AWL__WAITS_SELECT:
	case AWL__WAITS_GATHER:
		return next_selected(t, after);
	default:
		return NULL;
	}
}

void awl__each_waiter(awl_future *f, void (*fn)(struct awl__task *waiter, void *arg), void *arg)
{
	struct awl__task *t = (struct awl__task *)f, *u = NULL;

	awl__list_each_safe (node, &f->waiters) {
		awl_task *waiter = waiter_of(awl__runnable_at(node));

		if (waiter)
			fn((struct awl__task *)waiter, arg);
	}
	if (!awl__is_task(f) || awl__is_done(f))
		return;
	if (t->group && awl__parked(t->group->task) &&
		t->group->task->future.row.waits == AWL__WAITS_GROUP &&
		t->group->task->waits_on == (uintptr_t)t->group)
		fn(t->group->task, arg);
	while (t->holds && (u = awl__next_task(awl__task_loop(t), u)))
		if (awl__parked(u) && u->future.row.waits == AWL__WAITS_LOCK && holder(u) == t)
			fn(u, arg);
}

/* --- cycles ------------------------------------------------------------------------------- */

/* A path through the graph, from where the search began. */
struct path {
	struct step {
		struct awl__task *task, *next; /* next: where it leads */
	} * steps;
	size_t len, room;
};

static bool extend(struct path *p, struct awl__task *t)
{
	if (p->len == p->room) {
		size_t room = p->room ? 2 * p->room : 64;
		struct step *steps = awl__resize(p->steps, room * sizeof *steps);

		if (!steps)
			return false;
		p->steps = steps;
		p->room = room;
	}
	t->mark = ON_PATH;
	p->steps[p->len++] = (struct step){ .task = t };
	return true;
}

static void tell_cycle(const struct path *p, const struct awl__task *first,
	void (*fn)(struct awl__task *t, int size, void *arg), void *arg)
{
	size_t from = p->len;

	while (p->steps[--from].task != first)
		;
	for (size_t i = from; i < p->len; i++) {
		fn(p->steps[i].task, i == from ? (int)(p->len - from) : 0, arg);
		p->steps[i].task->mark = IN_CYCLE;
	}
}

/* Depth first from t. A task is in one cycle that is told, at most. */
static int search(struct path *p, struct awl__task *t,
	void (*fn)(struct awl__task *t, int size, void *arg), void *arg)
{
	int found = 0;

	if (!extend(p, t))
		return 0;
	while (p->len) {
		struct step *s = &p->steps[p->len - 1];

		s->next = awl__next_awaited(s->task, s->next);
		if (!s->next) {
			if (s->task->mark == ON_PATH)
				s->task->mark = SEEN;
			p->len--;
		} else if (s->next->mark == ON_PATH) {
			tell_cycle(p, s->next, fn, arg);
			found++;
		} else if (s->next->mark == WHITE && !extend(p, s->next)) {
			return found;
		}
	}
	return found;
}

int awl__each_cycle(awl_loop *l, void (*fn)(struct awl__task *t, int size, void *arg), void *arg)
{
	struct path p = { 0 };
	int found = 0;

	for (struct awl__task *t = NULL; (t = awl__next_task(l, t));)
		t->mark = WHITE;
	for (struct awl__task *t = NULL; (t = awl__next_task(l, t));)
		if (t->mark == WHITE) {
			p.len = 0;
			found += search(&p, t, fn, arg);
		}
	awl__free(p.steps);
	return found;
}

/* --- a loop that sleeps for ever ---------------------------------------------------------- */

static void report_task(struct awl__task *t, int level, const char *before)
{
	char task[160], wait[288], place[128];
	const void *made = awl__future_made(&t->future);

	awl__report(level, "%s%s: %s%s%s", before, awl__task_words(t, task, sizeof task),
		awl__wait_words(t, wait, sizeof wait), made ? "; made in " : "",
		made ? awl__place(made, place, sizeof place) : "");
}

static void report_member(struct awl__task *t, int size, void *arg)
{
	int *level = arg;

	if (size)
		awl__report(*level, "  %d wait for each other in a circle:", size);
	report_task(t, *level, "    ");
}

void awl__tell_stuck(awl_loop *l, bool certain)
{
	int level = certain ? AWL_LOG_ERROR : AWL_LOG_INFO, told = 0;

	if (certain)
		awl__report(level,
			"AWL_EDEADLK: loop %p%s%s will sleep for ever: none of its %u tasks can go "
			"on; no timer, operation, other thread or signal handler is left to wake "
			"it",
			(void *)l, *l->name ? " " : "", l->name, l->live);
	else
		awl__report(level,
			"loop %p%s%s sleeps; only another thread, a signal handler or who has a "
			"reference can wake its %u tasks",
			(void *)l, *l->name ? " " : "", l->name, l->live);
	awl__each_cycle(l, report_member, &level);
	for (struct awl__task *t = NULL; (t = awl__next_task(l, t));)
		if (t->mark != IN_CYCLE && ++told <= TOLD_MAX)
			report_task(t, level, "  ");
	if (told > TOLD_MAX)
		awl__report(level, "  and %d more", told - TOLD_MAX);
}
