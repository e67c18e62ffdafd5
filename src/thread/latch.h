/* SPDX-License-Identifier: MIT */
/*
 * latch.h - the handshake between who ends something, once, and the threads that sleep until it
 * has: one word, a system call only where somebody sleeps.
 */
#ifndef AWL__LATCH_H
#define AWL__LATCH_H

#include "base/atomic.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	AWL__LATCH_SHUT, /* nobody sleeps */
	AWL__LATCH_WAITED, /* somebody sleeps, or is about to */
	AWL__LATCH_OPEN,
};

struct awl__latch {
	_Atomic uint32_t word;
};

/* What was written before it was opened is seen by who finds it open. */
static inline bool awl__latch_is_open(struct awl__latch *latch)
{
	return awl__load_acquire(&latch->word) == AWL__LATCH_OPEN;
}

/* True: sleepers are to be woken. */
static inline bool awl__latch_open_word(struct awl__latch *latch)
{
	return awl__exchange(&latch->word, AWL__LATCH_OPEN) == AWL__LATCH_WAITED;
}

/* False: it is open. True: sleep while the word is WAITED, then look again. */
static inline bool awl__latch_will_wait(struct awl__latch *latch)
{
	uint32_t shut = AWL__LATCH_SHUT;

	return awl__cas(&latch->word, &shut, AWL__LATCH_WAITED) || shut == AWL__LATCH_WAITED;
}

void awl__latch_open(struct awl__latch *latch);

/* Until it is open, or CLOCK_MONOTONIC's `deadline` (INT64_MAX: for ever): whether it is open. */
bool awl__latch_wait(struct awl__latch *latch, int64_t deadline);

#endif
