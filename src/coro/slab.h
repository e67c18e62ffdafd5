/* SPDX-License-Identifier: MIT */
/*
 * slab.h - the mapping that many stacks are cut from, and how a fault handler finds it.
 */
#ifndef AWL__SLAB_H
#define AWL__SLAB_H

#include "coro/stack.h"

/* What is known of the stacks lies apart from them, lest a parked one touch a second page. */
struct awl__slab {
	struct awl__slab *next; /* of the same class */
	char *base;
	size_t slot;
	uint32_t class, slots, place;
	_Atomic uint32_t made; /* slots handed out, from the lowest on */
	struct awl__stack stacks[];
};

/* Slots of that class, AWL__STACK_MIN << class bytes each: 0 or -ENOMEM. */
int awl__slab_make(uint32_t class, struct awl__slab **ret);
void awl__slab_free(struct awl__slab *slab);

/* The next slot that was never handed out, guarded; there must be one. 0 or -ENOMEM. */
int awl__slab_cut(struct awl__slab *slab, struct awl__stack **ret);

static inline bool awl__slab_full(const struct awl__slab *slab)
{
	return awl__load(&slab->made) == slab->slots;
}

/*
 * The stack whose guard holds this address, or NULL: any thread's, from a signal handler. Between
 * begin and end no slab goes away.
 */
void awl__slab_read_begin(void);
struct awl__stack *awl__slab_guarded(const void *address);
void awl__slab_read_end(void);

#endif
