/* SPDX-License-Identifier: MIT */
/*
 * scope.c - the chain of a task's open scopes: entering, leaving, and finding those that were left
 * without exit.
 */
#include "task/scope.h"
#include "base/alloc.h"
#include "reactor/note.h"
#include "task/scope_hot.h"

#include <string.h>

#define BLOCK_SCOPES 31u

struct block {
	struct block *next;
	struct awl__scope scopes[BLOCK_SCOPES];
};

static const char *const noun[] = { "timeout", "shield", "task group" };
static const char *const leave[] = { "awl_timeout_exit", "awl_shield_exit", "awl_task_group_exit" };

static AWL__COLD bool more(awl_loop *l)
{
	struct block *b = awl__alloc(sizeof *b);

	if (!b)
		return false;
	b->next = l->scope_blocks;
	l->scope_blocks = b;
	for (unsigned i = 0; i < BLOCK_SCOPES; i++) {
		b->scopes[i].outer = l->free_scopes;
		l->free_scopes = &b->scopes[i];
	}
	return true;
}

void awl__scope_blocks_free(awl_loop *l)
{
	for (struct block *b = l->scope_blocks, *next; b; b = next) {
		next = b->next;
		awl__free(b);
	}
	l->scope_blocks = NULL;
	l->free_scopes = NULL;
}

struct awl__scope *awl__scope_find(const struct awl__scope_storage *st, uint8_t kind)
{
	struct awl__scope *s;

	if (st->_magic != AWL__STORAGE_OPEN(kind))
		return NULL;
	s = st->_scope;
	return s->storage == st && s->serial == st->_serial ? s : NULL;
}

awl_loop *awl__scope_loop(const struct awl__scope_storage *st, uint8_t kind)
{
	return st->_magic == AWL__STORAGE_OPEN(kind) ? st->_scope->loop : awl__thread->running;
}

/* What is above all scopes of a task asks it to stop: its group or who made that, its closing
 * loop. */
static bool root_asks(const struct awl__task *t)
{
	return t->stopping || t->dismissed || (t->group && t->group->asked);
}

static void relevel(struct awl__task *t)
{
	struct awl__scope *s = t->scope;

	while (s && !s->asked)
		s = s->outer;
	t->level = s ? s->depth : root_asks(t);
}

void awl__scope_close(struct awl__scope *s, bool alive)
{
	struct awl__task *t = s->task;
	bool asked = s->asked;

	assert(t->scope == s);
	if (alive) {
		s->storage->_magic = 0;
		s->storage->_expired = s->expired;
		s->storage->_when = s->deadline;
	}
	awl__scope_pop(s);
	if (asked)
		relevel(t);
}

/* A dead frame's bytes, which AddressSanitizer may have poisoned. */
__attribute__((no_sanitize("address", "thread"))) static bool is_written_over(
	const struct awl__scope *s)
{
	const volatile struct awl__scope_storage *st = s->storage;

	return st->_magic != AWL__STORAGE_OPEN(s->kind) || st->_serial != s->serial;
}

static bool is_dead(const struct awl__task *t, const struct awl__scope *s, const void *frame)
{
	const char *at = (const char *)s->storage;
	const struct awl__stack *stack = t->context.stack;

	if (at >= stack->low && at < stack->high && at < (const char *)frame)
		return true;
	/* Under AddressSanitizer locals lie off the task's stack, and dead ones are poisoned. */
	return AWL__POISONED(at) || is_written_over(s);
}

static void close_left_open(struct awl__scope *s)
{
	char place[96];

	awl__symbol(s->place, place, sizeof place);
	awl__fail(AWL_ESCOPE, "the %s entered in %s was left without %s", noun[s->kind], place,
		leave[s->kind]);
	awl__report(AWL_LOG_ERROR,
		"task %s: the %s entered in %s (%p) was left without %s; it is closed now",
		awl_task_get_name(&s->task->future), noun[s->kind], place, s->place,
		leave[s->kind]);
	if (s->kind == AWL__SCOPE_GROUP)
		awl__group_abandon(s);
	awl__scope_close(s, false);
}

int awl__check_scopes(struct awl__task *t, const void *frame)
{
	int r = 0;

	while (t->scope && is_dead(t, t->scope, frame)) {
		close_left_open(t->scope);
		r = AWL_ESCOPE;
	}
	return r;
}

int awl__scope_leftover(struct awl__task *t, int status)
{
	while (t->scope) {
		close_left_open(t->scope);
		if (status >= 0)
			status = AWL_ESCOPE;
	}
	return status;
}

static struct awl__scope *find_open(
	const struct awl__task *t, const struct awl__scope_storage *st, uint8_t kind)
{
	struct awl__scope *s = t->scope;

	while (s && (s->storage != st || s->kind != kind))
		s = s->outer;
	return s;
}

/*
 * The same storage entered from the same place, nothing opened since: a loop that goes round, or a
 * function called again, without the exit of its last time.
 */
static bool is_again(const struct awl__scope *s, const struct awl__scope_storage *st, uint8_t kind,
	const void *place)
{
	return s->storage == st && s->kind == kind && s->place == place;
}

/* Kept for exit; but where the storage is some task's open scope, that stays as it is. */
static int refuse(struct awl__scope_storage *st, uint8_t kind, int err)
{
	/* Whatever lay there before: only an open scope's words mean anything. */
	VALGRIND_MAKE_MEM_DEFINED(st, sizeof *st);
	if (awl__unlikely(awl__scope_find(st, kind) != NULL))
		return err;
	*st = (struct awl__scope_storage){ ._magic = AWL__STORAGE_REFUSED, ._refused = err };
	return err;
}

int awl__scope_enter(struct awl__scope_storage *st, uint8_t kind, const void *frame,
	const void *place, const char *call, struct awl__scope **ret)
{
	struct awl__task *t;
	struct awl__scope *s;
	int r;

	if (!st)
		return awl__fail(-EINVAL, "%s: the scope is NULL", call);
	r = awl__self(&t, call);
	if (r < 0)
		return refuse(st, kind, r);
	if (awl__unlikely(t->scope != NULL)) {
		r = awl__check_scopes(t, frame);
		if (r < 0)
			return refuse(st, kind, r);
		if (awl__unlikely(is_again(t->scope, st, kind, place))) {
			close_left_open(t->scope);
			return refuse(st, kind, AWL_ESCOPE);
		}
		if (awl__unlikely(find_open(t, st, kind) != NULL)) {
			st->_refused = AWL_ESCOPE;
			return awl__fail(
				AWL_ESCOPE, "%s: this %s is open already", call, noun[kind]);
		}
	}
	if (awl__unlikely(t->depth == UINT16_MAX))
		return refuse(st, kind, awl__fail(AWL_ESCOPE, "%s: 65534 scopes are open", call));
	s = awl__task_loop(t)->free_scopes;
	if (awl__unlikely(!s)) {
		if (!more(awl__task_loop(t)))
			return refuse(st, kind, -ENOMEM);
		s = awl__task_loop(t)->free_scopes;
	}
	awl__task_loop(t)->free_scopes = s->outer;

	awl__scope_push(t, s, st, kind, place);
	*ret = s;
	return 0;
}

int awl__scope_exit(struct awl__scope_storage *st, uint8_t kind, const void *frame,
	const char *call, struct awl__scope **ret)
{
	struct awl__scope *s;
	struct awl__task *t;
	int r;

	if (st->_magic == AWL__STORAGE_REFUSED ||
		(st->_magic == AWL__STORAGE_OPEN(kind) && st->_refused)) {
		r = st->_refused;
		st->_refused = 0;
		if (st->_magic == AWL__STORAGE_REFUSED)
			st->_magic = 0;
		return r;
	}
	r = awl__self(&t, call);
	if (r < 0)
		return r;
	if (awl__likely(t->scope && t->scope->storage == st && t->scope->kind == kind)) {
		*ret = t->scope;
		return 0;
	}
	/* Not the innermost: what is inside it has been left open, or it is not ours at all. */
	r = awl__check_scopes(t, frame);
	s = find_open(t, st, kind);
	if (!s)
		return awl__fail(AWL_ESCOPE, "%s: this %s %s", call, noun[kind],
			awl__scope_find(st, kind) ? "was entered by another task"
						  : "was not entered, or has been left");
	while (t->scope != s)
		close_left_open(t->scope);
	s->violated = true;
	*ret = s;
	return 0;
}

bool awl__scope_outer_stops(const struct awl__scope *s)
{
	const struct awl__task *t = s->task;
	const struct awl__scope *o = s->outer;

	while (o && !(o->asked && o->depth >= s->outer_shield))
		o = o->outer;
	if (o)
		return true;
	return !s->outer_shield && root_asks(t);
}

bool awl__scope_outer_asks(const struct awl__scope *s)
{
	return awl__scope_outer_stops(s) ||
		(!s->outer_shield && s->task->cancelling > s->cancelling);
}

int awl__scope_status(const struct awl__scope *s, int status)
{
	if (awl__unlikely(s->violated))
		return AWL_ESCOPE;
	if (awl__likely(status != AWL_ECANCELED || !s->expired))
		return status;
	if (s->kind == AWL__SCOPE_SHIELD || !awl__scope_outer_asks(s))
		return awl__fail(-ETIMEDOUT, "the %s's deadline passed", noun[s->kind]);
	/* The request that outweighs the deadline leaves with this status. */
	if (!s->outer_shield)
		s->task->must_cancel = false;
	return AWL_ECANCELED;
}
