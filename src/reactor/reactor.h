/* SPDX-License-Identifier: MIT */
/*
 * reactor.h - what uring, epoll and sim share: the life of an operation from submit to its end, the
 * way over the pool, and the list of those that exist.
 */
#ifndef AWL__REACTOR_H
#define AWL__REACTOR_H

#include "base/clock.h"
#include "base/token.h"
#include "reactor/note.h"
#include "reactor/op.h"

int awl__uring_new(struct awl__reactor **ret);
int awl__epoll_new(struct awl__reactor **ret);
int awl__sim_new(uint64_t seed, struct awl__reactor **ret);

/* Where a submitted operation is (op->at); beyond AT_OWN each reactor has its own. */
enum {
	AWL__AT_READY, /* completed, in r->ready */
	AWL__AT_POOL, /* a thread of the pool has it, or `post` does */
	AWL__AT_OWN,
};

int awl__reactor_init(struct awl__reactor *r, const struct awl__reactor_class *class);

/* Waits until no thread of the pool is inside `post`. */
void awl__reactor_fini(struct awl__reactor *r);

/* In a fork's child the kernel's side of this reactor is the parent's, and shared with it. */
static inline bool awl__reactor_inherited(const struct awl__reactor *r)
{
	return awl__unlikely(r->process != awl__process());
}

int64_t awl__monotonic_now(struct awl__reactor *r);

extern const struct awl__net awl__net_system;

/* Where own is no more than the table of owner.h. */
int awl__system_own(struct awl__reactor *r, int fd, int like);
void awl__system_disown(struct awl__reactor *r, int fd);
bool awl__system_owned(struct awl__reactor *r, int fd);

/* How long until the deadline; 0: it has passed, INT64_MAX: there is none. */
static inline int64_t awl__left(int64_t deadline)
{
	int64_t left;

	if (deadline <= 0 || deadline == INT64_MAX)
		return deadline <= 0 ? 0 : deadline;
	left = deadline - awl__clock_now();
	return left > 0 ? left : 0;
}

/* The deadline of a sleep, which is the caller's but for TSan's sake. */
static inline int64_t awl__sleep_end(int64_t deadline)
{
	int64_t nap = AWL__TSAN ? awl__clock_now() + AWL__TSAN_NAP : INT64_MAX;

	return deadline < nap ? deadline : nap;
}

/* From here on the operation is in flight. */
static inline void awl__op_begin(struct awl__reactor *r, struct awl__op *op, uint8_t at)
{
	op->state = AWL__OP_SUBMITTED;
	op->cancelled = false;
	op->at = at;
	r->in_flight++;
	awl__note_begin(op);
}

/* The result is known, and the operation in no list: the next delivery tells of it. */
static inline void awl__op_ready(struct awl__reactor *r, struct awl__op *op, int32_t res)
{
	op->res = res;
	op->at = AWL__AT_READY;
	awl__list_push(&r->ready, &op->link);
}

AWL__INLINE void awl__op_wake(struct awl__reactor *r, struct awl__op *op)
{
	op->wakes->queued = 1;
	awl__list_push(r->woken, &op->wakes->link);
}

/* The same, or at once, where that passes no other and calls nothing that would ask for more. */
AWL__INLINE void awl__op_over(struct awl__reactor *r, struct awl__op *op, int32_t res)
{
	if (awl__unlikely(!r->telling || !op->wakes || !awl__list_empty(&r->ready))) {
		awl__op_ready(r, op, res);
		return;
	}
	op->res = res;
	op->state = AWL__OP_IDLE;
	r->in_flight--;
	awl__note_completed(op);
	awl__op_wake(r, op);
}

/* From here on the wait may tell of completions at once. */
static inline void awl__reactor_tells(struct awl__reactor *r)
{
	r->telling = !r->memcheck;
}

/* Since the wait began. */
static inline uint32_t awl__reactor_told(const struct awl__reactor *r)
{
	return r->had - r->in_flight;
}

/* A wait's end: tells of what is ready now; what that makes ready waits for the next wait. How many
 * were told since the wait began. */
int awl__reactor_deliver(struct awl__reactor *r);

/* A submit of fn(arg) at the pool, for WORK and for what only a thread can do. */
int awl__work_submit(struct awl__reactor *r, struct awl__op *op);
void awl__work_begin(struct awl__reactor *r, struct awl__op *op, int (*fn)(void *), void *arg);
void awl__work_cancel(struct awl__reactor *r, struct awl__op *op);

#endif
