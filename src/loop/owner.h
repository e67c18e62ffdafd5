/* SPDX-License-Identifier: MIT */
/*
 * owner.h - the handshake for a loop (A1): claimed by compare-and-swap, never merely checked.
 */
#ifndef AWL__OWNER_H
#define AWL__OWNER_H

#include "base/atomic.h"

#include <stdbool.h>
#include <stdint.h>

/* No thread's token: those are above 2^32, and 0 is a thread that has none, or a fork's child. */
#define AWL__NOBODY UINT64_C(1)
#define AWL__CLOSED UINT64_C(2)

struct awl__owner {
	_Atomic uint64_t who;
};

/* For the thread of that token the answer cannot change under it: only it gives the loop back. */
static inline bool awl__owner_is(struct awl__owner *o, uint64_t token)
{
	return awl__load(&o->who) == token;
}

/* From `from` (nobody, or closed) to token: what the last owner did is then seen. */
static inline bool awl__owner_take(struct awl__owner *o, uint64_t from, uint64_t token)
{
	return awl__cas(&o->who, &from, token);
}

static inline void awl__owner_give(struct awl__owner *o, uint64_t to)
{
	awl__store_release(&o->who, to);
}

#endif
