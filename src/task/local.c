/* SPDX-License-Identifier: MIT */
/*
 * local.c - task locals: a small map from keys to values, shared by a task and those it spawned
 * until one of them sets something, which copies it.
 *
 * A child is given its parent's map by counting one reference more: that is all a spawn pays. A map
 * is looked through from one end to the other, as a program has few keys.
 */
#include "task/local.h"
#include "base/alloc.h"
#include "task/task.h"

#include <awl/local.h>

#include <string.h>

/* Of a value with a destructor: how many maps and tokens have it. */
struct awl__local_owner {
	uint32_t refs;
	void (*destroy)(void *value);
};

struct binding {
	const awl_local *key;
	void *value;
	struct awl__local_owner *owner; /* NULL: nobody's */
};

struct awl__locals {
	uint32_t refs, count, room;
	struct binding at[];
};

static void owner_ref(struct awl__local_owner *o)
{
	if (o)
		o->refs++;
}

static void owner_unref(struct awl__local_owner *o, void *value)
{
	if (!o || --o->refs)
		return;
	o->destroy(value);
	awl__free(o);
}

_Thread_local struct awl__locals *awl__thread_locals AWL__TLS;

struct awl__locals *awl__locals_ref(struct awl__locals *m)
{
	if (m)
		m->refs++;
	return m;
}

void awl__locals_unref(struct awl__locals *m)
{
	if (!m || --m->refs)
		return;
	for (uint32_t i = 0; i < m->count; i++)
		owner_unref(m->at[i].owner, m->at[i].value);
	awl__free(m);
}

static struct binding *find(struct awl__locals *m, const awl_local *key)
{
	for (uint32_t i = 0; m && i < m->count; i++)
		if (m->at[i].key == key)
			return &m->at[i];
	return NULL;
}

/* t's map, its own and with room for one key more; NULL: no memory. */
static struct awl__locals *own(struct awl__task *t)
{
	struct awl__locals *old, *m;
	uint32_t count, room;

	if (!awl__task_extra(t))
		return NULL;
	old = t->extra->locals;
	count = old ? old->count : 0;
	if (old && old->refs == 1 && count < old->room)
		return old;
	room = count + 4;
	m = awl__alloc(sizeof *m + room * sizeof m->at[0]);
	if (!m)
		return NULL;
	m->refs = 1;
	m->count = count;
	m->room = room;
	for (uint32_t i = 0; i < count; i++) {
		m->at[i] = old->at[i];
		owner_ref(m->at[i].owner);
	}
	t->extra->locals = m;
	awl__locals_unref(old);
	return m;
}

static struct binding *add(struct awl__locals *m, const awl_local *key)
{
	struct binding *b = &m->at[m->count++];

	*b = (struct binding){ .key = key };
	return b;
}

/*
 * The binding's new content, with a reference that is now the map's. The old one is given up, which
 * may run the user's code: last.
 */
static void bind(struct binding *b, void *value, struct awl__local_owner *o)
{
	struct binding old = *b;

	b->value = value;
	b->owner = o;
	owner_unref(old.owner, old.value);
}

static void unbind(struct awl__locals *m, struct binding *b)
{
	struct binding old = *b;

	*b = m->at[--m->count];
	owner_unref(old.owner, old.value);
}

void *awl_local_get(const awl_local *key)
{
	awl_loop *l = awl__thread->running;
	struct awl__task *t = l ? l->current : NULL;
	struct awl__locals *m = t && t->extra ? t->extra->locals : NULL;
	struct binding *b = find(l ? m : awl__thread_locals, key);

	return b ? b->value : key ? key->otherwise : NULL;
}

int awl_local_set(awl_local *key, void *value, awl_local_token *token)
{
	struct awl__local_owner *o = NULL;
	struct awl__locals *m;
	struct awl__task *t;
	struct binding *b;
	int r;

	AWL__NOT_NULL(key);
	r = awl__self(&t, __func__);
	if (r < 0)
		return r;
	if (key->destroy) {
		o = awl__alloc(sizeof *o);
		if (!o)
			return -ENOMEM;
		*o = (struct awl__local_owner){ .refs = 1, .destroy = key->destroy };
	}
	m = own(t);
	if (!m) {
		awl__free(o);
		return -ENOMEM;
	}
	b = find(m, key);
	if (token) {
		*token = (awl_local_token){
			._key = key,
			._task = &t->future,
			._number = t->number,
			._was_set = b != NULL,
			._value = b ? b->value : NULL,
			._owner = b ? b->owner : NULL,
		};
		owner_ref(token->_owner);
	}
	bind(b ? b : add(m, key), value, o);
	return 0;
}

int awl_local_reset(awl_local_token *token)
{
	struct awl__locals *m;
	struct awl__task *t;
	struct binding *b;
	int r;

	AWL__NOT_NULL(token);
	r = awl__self(&t, __func__);
	if (r < 0)
		return r;
	if (!token->_key)
		return awl__fail(-EINVAL, "awl_local_reset: this token has been used already");
	if (token->_task != &t->future || token->_number != t->number)
		return awl__fail(-EINVAL, "awl_local_reset: this token is another task's");
	m = own(t);
	if (!m)
		return -ENOMEM;
	b = find(m, token->_key);
	if (token->_was_set)
		bind(b ? b : add(m, token->_key), token->_value, token->_owner);
	else if (b)
		unbind(m, b);
	token->_key = NULL;
	return 0;
}
