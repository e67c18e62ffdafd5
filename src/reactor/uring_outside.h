/* SPDX-License-Identifier: MIT */
/*
 * uring_outside.h - what polls readable when a ring has news: an epoll set of the ring and of the
 * eventfd of other threads' wakes. The set takes edges: nobody reads a counter.
 *
 * A thread asleep in poll(2) at a ring that defers its completions (DEFER_TASKRUN) is not woken by
 * them; only a poll that begins later sees them. Such a ring signals an eventfd of ours instead,
 * which it does for deferred completions too. What another eventfd's signal brought about it tells
 * late, after a grace period, and on 6.18 once in the life of the registration: so that is renewed.
 * Rings that do not defer wake who polls them, and are watched themselves.
 */
#ifndef AWL__URING_OUTSIDE_H
#define AWL__URING_OUTSIDE_H

#include "reactor/uring_compat.h"

#include <stdbool.h>

struct awl__outside {
	int set; /* the epoll set; -1: nobody has asked for it */
	int news; /* what the ring signals */
	bool watches; /* this ring is in the set, or signals */
};

void awl__outside_init(struct awl__outside *o);

/* The set, made at the first call; or -errno. */
int awl__outside_fd(struct awl__outside *o, int wake);

/* From now on the set sees the ring. again: it has had completions since. The ring's own thread. */
int awl__outside_watch(struct awl__outside *o, struct io_uring *ring, bool again);

/* The set is not readable any more, until something happens. */
void awl__outside_drain(struct awl__outside *o);

void awl__outside_close(struct awl__outside *o);

#endif
