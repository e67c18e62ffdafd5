/* SPDX-License-Identifier: MIT */
/*
 * inbox.h - what other threads leave for a loop, and when they must wake it.
 *
 * A stack that producers push onto by compare-and-swap and the loop takes whole, reversed into the
 * order of arrival. Its top is also the flag of the handshake:
 *
 *	NULL	nothing here, the loop is awake
 *	ARMED	nothing here, the loop sleeps or is about to: who replaces ARMED wakes it, once
 *	SHUT	closed for ever: who meets it has queued nothing
 */
#ifndef AWL__INBOX_H
#define AWL__INBOX_H

#include "base/atomic.h"

#include <awl/errors.h>
#include <awl/types.h>

#include <stdbool.h>

#define AWL__INBOX_ARMED ((struct awl__parcel *)1)
#define AWL__INBOX_SHUT ((struct awl__parcel *)2)

struct awl__inbox {
	_Atomic(struct awl__parcel *) top;
};

/* 0: it is in. 1: it is in, and the caller must wake the loop. AWL_ECLOSED. Any thread, any
 * signal. */
static inline int awl__inbox_push(struct awl__inbox *in, struct awl__parcel *p)
{
	struct awl__parcel *top = awl__load(&in->top);

	do {
		if (top == AWL__INBOX_SHUT)
			return AWL_ECLOSED;
		p->next = top == AWL__INBOX_ARMED ? NULL : top;
	} while (!awl__cas(&in->top, &top, p));
	return top == AWL__INBOX_ARMED;
}

static inline struct awl__parcel *awl__inbox_reversed(struct awl__parcel *p)
{
	struct awl__parcel *oldest = NULL;

	while (p) {
		struct awl__parcel *next = p->next;

		p->next = oldest;
		oldest = p;
		p = next;
	}
	return oldest;
}

static inline bool awl__inbox_empty(struct awl__inbox *in)
{
	return !awl__load(&in->top);
}

/* The loop's: all that is there, the oldest first; disarms. */
static inline struct awl__parcel *awl__inbox_take(struct awl__inbox *in)
{
	struct awl__parcel *p;

	if (awl__inbox_empty(in))
		return NULL;
	p = awl__exchange(&in->top, NULL);
	return p == AWL__INBOX_ARMED ? NULL : awl__inbox_reversed(p);
}

/* The loop's: false if something has come, and then it must not sleep. */
static inline bool awl__inbox_arm(struct awl__inbox *in)
{
	struct awl__parcel *nothing = NULL;

	return awl__cas(&in->top, &nothing, AWL__INBOX_ARMED);
}

/* The loop's: the end. What was accepted before it is returned; nothing is accepted after. */
static inline struct awl__parcel *awl__inbox_shut(struct awl__inbox *in)
{
	struct awl__parcel *p = awl__exchange(&in->top, AWL__INBOX_SHUT);

	return p == AWL__INBOX_ARMED || p == AWL__INBOX_SHUT ? NULL : awl__inbox_reversed(p);
}

#endif
