/* SPDX-License-Identifier: MIT */
/*
 * claim.h - the first line of every loop-thread function: is this the thread that runs the loop? If
 * nobody runs it, it is taken for the length of the call (A1).
 */
#ifndef AWL__CLAIM_H
#define AWL__CLAIM_H

#include "loop/loop.h"

struct awl__claim {
	awl_loop *loop; /* to be given back; NULL: nothing to do */
	uint64_t back;
};

/* Gives it back, and wakes who waits for it outside if he does not know what was done. */
void awl__claim_back(struct awl__claim *c);

/* 0, or the refusal, reported. closed_ok: also on a closed loop, whose futures may still be
 * read. */
int awl__claim_slow(struct awl__claim *c, awl_loop *l, struct awl__call *call, bool closed_ok);

static inline int awl__claim_begin(
	struct awl__claim *c, awl_loop *l, struct awl__call *call, bool closed_ok)
{
	c->loop = NULL;
	if (awl__likely(awl__owner_is(&l->owner, awl__token())))
		return 0;
	return awl__claim_slow(c, l, call, closed_ok);
}

static inline void awl__claim_end(struct awl__claim *c)
{
	if (awl__unlikely(c->loop != NULL))
		awl__claim_back(c);
}

/* The call to use instead, where there is none of its own. */
#define AWL__BY_CALLBACK "awl_call_soon_threadsafe with a callback that does it"

#define AWL__CLAIM_(l, instead, closed_ok, refused) \
	static struct awl__call call_ = { __func__, instead, 0, 0 }; \
	struct awl__claim claim_ __attribute__((cleanup(awl__claim_end))); \
	int claimed_ = awl__claim_begin(&claim_, l, &call_, closed_ok); \
	if (awl__unlikely(claimed_ < 0)) \
	return refused

/* Until the end of the function the loop is ours, or the function has returned the refusal. */
#define AWL__CLAIM(l, instead) AWL__CLAIM_(l, instead, false, claimed_)
#define AWL__CLAIM_READ(l, instead, refused) AWL__CLAIM_(l, instead, true, refused)

#endif
