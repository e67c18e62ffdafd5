/* SPDX-License-Identifier: MIT */
/*
 * held.h - who has which lock or token, and where it was taken: a record of the loop's, since the
 * thing itself lies in the caller's storage and may be gone when its holder ends.
 *
 * A lock that is released remembers its record, which stays what it is until another takes it: a
 * record is the lock's while it names it. So taking a free lock again writes two words. Which
 * records are free is found out when one is wanted, not when one becomes it.
 */
#ifndef AWL__HELD_H
#define AWL__HELD_H

#include "sync/sync.h"

struct awl__hold {
	struct awl__row row;
	struct awl__task *task; /* NULL: nobody has it; or AWL__ENDED */
	const void *object; /* the lock or limiter */
	const void *place; /* where it was taken */
	struct awl__list link; /* a limiter's borrowers */
};

/* Its task ended with it. */
#define AWL__ENDED ((struct awl__task *)1)

static inline struct awl__task *awl__hold_task(const struct awl__hold *h)
{
	return h->task == AWL__ENDED ? NULL : h->task;
}

/* How many records t has, modulo 256: a task that ends looks for them if any. */
static inline void awl__hold_count(struct awl__task *t, int n)
{
	t->holds = (uint8_t)(t->holds + n);
}

static inline void awl__hold_take(struct awl__hold *h, struct awl__task *t, const void *place)
{
	h->task = t;
	h->place = place;
	awl__hold_count(t, 1);
}

/* One that nobody has, for `object`, and t has it; NULL without memory. */
struct awl__hold *awl__hold_get(
	awl_loop *l, struct awl__task *t, const void *object, const void *place);

static inline void awl__hold_put(struct awl__hold *h)
{
	awl__hold_count(h->task, -1);
	h->task = NULL;
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
