/* SPDX-License-Identifier: MIT */
/*
 * epoll.h - the two halves of the epoll reactor: how its thread sleeps (epoll.c), and what waits
 * for which descriptor (epoll_slot.c).
 */
#ifndef AWL__EPOLL_H
#define AWL__EPOLL_H

#include "reactor/reactor.h"
#include "reactor/wake.h"

struct awl__slot;

struct awl__epoll {
	struct awl__reactor base;
	int fd, timer;
	struct awl__wake wake;
	bool no_pwait2;
	int64_t timer_set; /* the timerfd's deadline; INT64_MAX: disarmed */
	struct awl__slot **slots;
	uint32_t slot_count, waiting; /* operations in the slots */
	struct awl__list dirty; /* slots that are perhaps to be armed before the next sleep */
};

int awl__slot_submit(struct awl__reactor *r, struct awl__op *op);
int awl__slot_attempt(struct awl__reactor *r, struct awl__op *op);
void awl__slot_cancel(struct awl__reactor *r, struct awl__op *op);
int awl__slot_own(struct awl__reactor *r, int fd, int like);
void awl__slot_disown(struct awl__reactor *r, int fd);

/* Tells the kernel of all that has begun to wait. */
void awl__slots_arm(struct awl__epoll *e);

/* data: a slot's, as the kernel reported it. */
void awl__slot_event(struct awl__epoll *e, uint64_t data, uint32_t events);

void awl__slots_free(struct awl__epoll *e);

#endif
