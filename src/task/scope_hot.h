/* SPDX-License-Identifier: MIT */
/*
 * scope_hot.h - the common case of entering and leaving a scope, inline: a task with a free record
 * at hand, and a scope that is the innermost and was never asked to stop.
 */
#ifndef AWL__SCOPE_HOT_H
#define AWL__SCOPE_HOT_H

#include "base/clock.h"
#include "task/task.h"

/* In a storage: open, or refused by enter. Uninitialised memory says neither but by chance. */
#define AWL__STORAGE_OPEN(kind) (UINT64_C(0x61776c206f70656e) + (kind))
#define AWL__STORAGE_REFUSED UINT64_C(0x61776c2072656675)

/* The record `s`, just taken off the free list, becomes t's innermost scope. */
static inline void awl__scope_push(struct awl__task *t, struct awl__scope *s,
	struct awl__scope_storage *st, uint8_t kind, const void *place)
{
	awl_loop *l = awl__task_loop(t);

	s->outer = t->scope;
	s->task = t;
	s->loop = l;
	s->storage = st;
	s->serial = ++l->scope_serial;
	s->place = place;
	s->deadline = INT64_MAX;
	s->span = -1;
	/* A request not yet delivered will be met inside, and came from outside all the same. */
	s->cancelling = (uint16_t)(t->cancelling - t->must_cancel);
	s->depth = ++t->depth;
	s->outer_shield = t->shield;
	s->kind = kind;
	s->asked = false;
	s->expired = false;
	s->violated = false;
	t->scope = s;

	st->_magic = AWL__STORAGE_OPEN(kind);
	st->_scope = s;
	st->_serial = s->serial;
	st->_refused = 0;
}

static inline int awl__scope_enter_hot(struct awl__scope_storage *st, uint8_t kind,
	const void *frame, const void *place, const char *call, struct awl__scope **ret)
{
	awl_loop *l = awl__thread->running;
	struct awl__scope *s;

	if (awl__unlikely(!st || !l || !l->current || l->current->scope || !l->free_scopes))
		return awl__scope_enter(st, kind, frame, place, call, ret);
	s = l->free_scopes;
	l->free_scopes = s->outer;
	awl__scope_push(l->current, s, st, kind, place);
	*ret = s;
	return 0;
}

/* ns > 0 from now on: at the latest, by the coarse clock; see deadline.c. */
static inline void awl__scope_begin_span(struct awl__scope *s, int64_t ns)
{
	s->deadline = awl__clock_after(awl__clock_coarse() + awl__clock_lag, ns);
	s->span = ns;
}

/* Off the chain, back to the free list. */
static inline void awl__scope_pop(struct awl__scope *s)
{
	struct awl__task *t = s->task;

	t->scope = s->outer;
	t->depth--;
	t->shield = s->outer_shield;
	awl__task_disarm(t);
	s->storage = NULL;
	s->outer = s->loop->free_scopes;
	s->loop->free_scopes = s;
}

/* True: the scope of this storage was the running task's innermost, and nothing more is to be said.
 */
static inline bool awl__scope_exit_hot(struct awl__scope_storage *st)
{
	awl_loop *l = awl__thread->running;
	struct awl__scope *s = l && l->current ? l->current->scope : NULL;

	if (awl__unlikely(!s || s->storage != st || s->asked || s->violated || st->_refused))
		return false;
	st->_magic = 0;
	st->_expired = false;
	st->_when = s->deadline;
	awl__scope_pop(s);
	return true;
}

#endif
