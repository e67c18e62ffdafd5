/* SPDX-License-Identifier: MIT */
/*
 * await.c - waiting for a future.
 */
#include "task/task.h"

/* So many tasks are looked at to find a cycle. */
#define CYCLE_LOOKS 64

/* t is in this group, or in one below it. */
static bool is_within(const struct awl__task *t, const struct awl__scope *group)
{
	const struct awl__scope *g = t->group;

	while (g && g != group)
		g = g->task->group;
	return g != NULL;
}

/* What u joins in a group's exit, parked or about to park again; NULL: nothing. */
static const struct awl__scope *joined_by(const struct awl__task *u)
{
	const struct awl__scope *s = u->scope;

	return s && s->kind == AWL__SCOPE_GROUP && s->joining ? s : NULL;
}

/*
 * The one task without which u cannot go on; NULL: none. A lock counts only where nobody can end
 * the wait for it: who takes a condition's lock back.
 */
static const struct awl__task *awaited_by(const struct awl__task *u)
{
	const void *on = (const void *)(uintptr_t)u->waits_on;

	if (!awl__parked(u))
		return NULL;
	switch ((enum awl__waits)u->future.row.waits) {
	case AWL__WAITS_FUTURE:
	case AWL__WAITS_JOIN:
		return awl__is_task(on) ? on : NULL;
	case AWL__WAITS_LOCK:
		return u->shield == AWL__UNINTERRUPTED ? awl__holder_of(awl__task_loop(u), on)
						       : NULL;
	default:
		return NULL;
	}
}

/* What u gathers, parked or about to run and to park again; NULL: nothing. */
static const struct awl__gathered *gathered_by(const struct awl__task *u)
{
	bool gathers = u->future.row.waits == AWL__WAITS_GATHER;

	return gathers ? (const void *)(uintptr_t)u->waits_on : NULL;
}

static bool waits_for(const struct awl__task *u, const struct awl__task *t, int *looks);

static bool one_waits_for(const struct awl__gathered *g, const struct awl__task *t, int *looks)
{
	for (size_t i = 0; i < g->n; i++)
		if (awl__is_task(g->futures[i]) &&
			waits_for((const struct awl__task *)g->futures[i], t, looks))
			return true;
	return false;
}

static bool waits_for(const struct awl__task *u, const struct awl__task *t, int *looks)
{
	while (u && u != t && --*looks >= 0) {
		const struct awl__scope *group = joined_by(u);

		if (gathered_by(u))
			return one_waits_for(gathered_by(u), t, looks);
		if (!group) {
			u = awaited_by(u);
			continue;
		}
		if (is_within(t, group))
			return true;
		awl__list_each (node, &group->children)
			if (waits_for(awl__container(node, struct awl__task, sibling), t, looks))
				return true;
		return false;
	}
	return u == t;
}

bool awl__waits_for(const awl_future *f, const struct awl__task *t)
{
	int looks = CYCLE_LOOKS;

	return awl__is_task(f) && waits_for((const struct awl__task *)f, t, &looks);
}

/* Until f is done: 0; or the refusal, or AWL_ECANCELED. The caller holds a reference. */
static int until_done(struct awl__task *t, awl_future *f, enum awl__waits what, const char *call)
{
	int r = 0;

	if (awl__waits_for(f, t))
		return awl__fail(AWL_EDEADLK, "%s: task %s would wait for itself", call,
			awl_task_get_name(&t->future));
	/* A request that came before the wait does what one that comes in it would do. */
	if (awl__unlikely(awl__asked(t))) {
		if (what == AWL__WAITS_JOIN || awl__awaited(f))
			return awl__deliver(t);
		awl__future_cancel(f, t->future.reason);
	}
	while (r == 0 && !awl__is_done(f)) {
		awl__list_push(&f->waiters, &t->ready.link);
		if (!awl__park(t, what, (uintptr_t)f, INT64_MAX))
			r = awl__deliver(t);
	}
	return r;
}

/* The first lines of both: whose future, whose thread. */
static inline int enter(awl_future *f, struct awl__task **t, const char *call)
{
	awl_loop *l = awl__thread->running;

	*t = l && l == f->row.loop ? l->current : NULL;
	if (awl__likely(*t != NULL))
		return 0;
	if (l && l != f->row.loop)
		return awl__fail(AWL_EOTHERLOOP, "%s: %s", call, awl_strerror(AWL_EOTHERLOOP));
	return 1;
}

int awl_await(awl_future *future)
{
	struct awl__task *t;
	int r;

	AWL__NOT_NULL(future);
	r = enter(future, &t, __func__);
	if (awl__unlikely(r)) {
		if (r < 0)
			return r;
		AWL__CLAIM(future->row.loop, "awl_run_coroutine_threadsafe");
		return awl__self_refused(__func__);
	}
	if (awl__is_done(future))
		return awl__future_outcome(future);
	r = awl__scopes_begin(t);
	if (awl__unlikely(r < 0))
		return r;
	awl__future_ref(future); /* another task may give up the last one meanwhile */
	r = until_done(t, future, AWL__WAITS_FUTURE, __func__);
	/* A cancel that went down to it comes back as ours. */
	if (r == 0 && awl__unlikely(future->row.state == AWL__CANCELLED))
		r = awl__deliver(t);
	if (r == 0)
		r = awl__future_outcome(future);
	awl__future_unref(future);
	return r;
}

int awl_join(awl_future *future)
{
	struct awl__task *t;
	int r;

	AWL__NOT_NULL(future);
	r = enter(future, &t, __func__);
	if (awl__unlikely(r)) {
		if (r < 0)
			return r;
		AWL__CLAIM(future->row.loop, "awl_cfuture_join");
		return awl__self_refused(__func__);
	}
	if (awl__is_done(future))
		return 0;
	r = awl__scopes_begin(t);
	if (r < 0)
		return r;
	awl__future_ref(future);
	r = until_done(t, future, AWL__WAITS_JOIN, __func__);
	awl__future_unref(future);
	return r;
}
