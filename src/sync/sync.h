/* SPDX-License-Identifier: MIT */
/*
 * sync.h - what all primitives share: whose loop one belongs to, and waiting in its queues.
 *
 * A primitive's home is its loop's id and its own address, mixed: one compare says that it belongs
 * to the running loop, that it was not copied, and that its storage was not reused. No pointer to a
 * loop that may be gone is kept.
 */
#ifndef AWL__SYNC_ROOM_H
#define AWL__SYNC_ROOM_H

#include "task/task.h"

#include <awl/sync.h>

#define AWL__SYNC_GONE UINT64_C(1) /* destroyed */

static inline uint64_t awl__sync_home(const struct awl__sync *s, const awl_loop *l)
{
	return l->id ^ (uintptr_t)s;
}

/* Also where a foreign thread looks, to be refused. */
static inline uint64_t awl__sync_load(const struct awl__sync *s)
{
	return __atomic_load_n(&s->_home, __ATOMIC_RELAXED);
}

/* The running loop if s is at home in it; NULL: the long way. */
static inline awl_loop *awl__sync_loop(const struct awl__sync *s)
{
	awl_loop *l = awl__thread->running;

	return awl__likely(l && awl__sync_load(s) == awl__sync_home(s, l)) ? l : NULL;
}

/* The same for the running task of that loop. */
static inline struct awl__task *awl__sync_self(const struct awl__sync *s)
{
	awl_loop *l = awl__sync_loop(s);

	return awl__likely(l != NULL) ? l->current : NULL;
}

/* The same where nothing is to be looked at before a wait: it has no scope and is asked nothing. */
static inline struct awl__task *awl__sync_unasked(const struct awl__sync *s)
{
	struct awl__task *t = awl__sync_self(s);

	return awl__likely(t && !t->scope && !t->attention) ? t : NULL;
}

/* Binds at the first use; 0 and the loop, or the refusal. */
int awl__sync_enter(
	struct awl__sync *s, struct awl__call *call, struct awl__claim *c, awl_loop **ret);
int awl__sync_enter_task(struct awl__sync *s, struct awl__call *call, struct awl__task **ret);

/* The same, and the beginning of a wait: `frame` is the public function's. */
int awl__sync_begin(
	struct awl__sync *s, struct awl__call *call, const void *frame, struct awl__task **ret);

/* The first line of a loop-thread function of an object: `l`, or the refusal is returned. */
#define AWL__SYNC(object, l, instead) \
	AWL__NOT_NULL(object); \
	static struct awl__call call_ = { __func__, instead, 0, 0 }; \
	struct awl__claim claim_ __attribute__((cleanup(awl__claim_end))) = { NULL, 0 }; \
	awl_loop *l = awl__sync_loop(&(object)->_sync); \
	if (awl__unlikely(!l)) { \
		int refused_ = awl__sync_enter(&(object)->_sync, &call_, &claim_, &l); \
		if (refused_ < 0) \
			return refused_; \
	} \
	(void)l

/* The first line of what can wait: the running task, `t`, which is within its scopes. */
#define AWL__SYNC_TASK(object, t) \
	AWL__NOT_NULL(object); \
	static struct awl__call call_ = { __func__, "awl_run_coroutine_threadsafe", 0, 0 }; \
	struct awl__task *t = awl__sync_unasked(&(object)->_sync); \
	if (awl__unlikely(!t)) { \
		int begun_ = \
			awl__sync_begin(&(object)->_sync, &call_, __builtin_frame_address(0), &t); \
		if (begun_ < 0) \
			return begun_; \
	} \
	(void)t

/* Out of the queue without having been served: what awl__sync_wait returns then. */
#define AWL__LOOK_AGAIN 1
int awl__sync_left(struct awl__task *t, const struct awl__sync *s, uint64_t serial,
	enum awl__waits what, const void *place) AWL__COLD;

/*
 * Parks t at the end of `queue`, one of s's. 0: somebody has given it what it waits for, and
 * t->future.outcome is what the waker said; 1: it has left and should look again; AWL_ECANCELED,
 * AWL_EDEAD: it has left. `place` is where the wait was made.
 */
static inline int awl__sync_wait(struct awl__task *t, struct awl__sync *s, struct awl__list *queue,
	enum awl__waits what, const void *on, const void *place)
{
	const uint64_t serial = s->_serial;

	t->future.outcome = 0;
	awl__list_push(queue, &t->ready.link);
	if (awl__likely(awl__park(t, what, (uintptr_t)on, INT64_MAX)))
		return 0;
	return awl__sync_left(t, s, serial, what, place);
}

/*
 * The same where a woken task comes back to look into the storage: 0: it is still there; AWL_EDEAD
 * if it is gone.
 */
int awl__sync_wait_here(
	struct awl__task *t, struct awl__sync *s, enum awl__waits what, const void *place);

/* The longest waiter leaves the queue and becomes ready, told `word`: it, or NULL. */
static inline struct awl__task *awl__sync_wake(struct awl__list *queue, int word)
{
	struct awl__list *node = awl__list_pop(queue);
	struct awl__task *t = node ? awl__task_of(awl__runnable_at(node)) : NULL;

	if (t) {
		t->future.outcome = word;
		awl__wake(t);
	}
	return t;
}

/* All of them, told `word`, in the order they came. */
void awl__sync_wake_all(awl_loop *l, struct awl__list *queue, int word);

/* Not used yet, or by a loop that is gone: nobody can be waiting. */
bool awl__sync_orphaned(const struct awl__sync *s);

/* 0 and s is gone; -EBUSY with a waiter in it. */
int awl__sync_destroy(struct awl__sync *s, bool busy, const char *call);

/* The body of a *_destroy: `busy` is asked once the loop is ours. */
#define AWL__SYNC_DESTROY(object, busy) \
	AWL__NOT_NULL(object); \
	if (awl__sync_orphaned(&(object)->_sync)) { \
		(object)->_sync._home = AWL__SYNC_GONE; \
		return 0; \
	} \
	AWL__SYNC(object, l, AWL__BY_CALLBACK); \
	return awl__sync_destroy(&(object)->_sync, busy, __func__)

#endif
