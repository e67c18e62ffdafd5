/* SPDX-License-Identifier: MIT */
/*
 * held.h - who has which lock or token, and where it was taken: a record of the loop's, since the
 * thing itself lies in the caller's storage and may be gone when its holder ends.
 */
#ifndef AWL__HELD_H
#define AWL__HELD_H

#include "sync/sync.h"

struct awl__hold {
	struct awl__row row;
	struct awl__task *task; /* NULL: it ended with it */
	const void *object; /* the lock or limiter */
	const void *place; /* where it was taken */
	struct awl__list link; /* a limiter's borrowers */
};

/* How many records t has, modulo 256: a task that ends looks for them if any. */
static inline void awl__hold_count(struct awl__task *t, int n)
{
	t->holds = (uint8_t)(t->holds + n);
}

/* There is one: the next awl__hold_take has it. */
static inline bool awl__hold_ready(const awl_loop *l)
{
	return l->holds.free != NULL;
}

static inline struct awl__hold *awl__hold_take(
	awl_loop *l, struct awl__task *t, const void *object, const void *place)
{
	struct awl__hold *h = (struct awl__hold *)l->holds.free;

	l->holds.free = h->row.next_free;
	h->task = t;
	h->object = object;
	h->place = place;
	awl__hold_count(t, 1);
	return h;
}

/* Made if need be; NULL without memory. */
struct awl__hold *awl__hold_get(
	awl_loop *l, struct awl__task *t, const void *object, const void *place);

static inline void awl__hold_free(awl_loop *l, struct awl__hold *h)
{
	h->task = NULL;
	h->row.next_free = l->holds.free;
	l->holds.free = &h->row;
}

static inline void awl__hold_put(awl_loop *l, struct awl__hold *h)
{
	awl__hold_count(h->task, -1);
	awl__hold_free(l, h);
}

/* From its holder to t. */
static inline void awl__hold_give(struct awl__hold *h, struct awl__task *t)
{
	awl__hold_count(h->task, -1);
	awl__hold_count(t, 1);
	h->task = t;
	h->place = NULL; /* t says it when it runs */
}

#endif
