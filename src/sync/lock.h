/* SPDX-License-Identifier: MIT */
/*
 * lock.h - a lock as a condition sees it.
 */
#ifndef AWL__LOCK_H
#define AWL__LOCK_H

#include "sync/held.h"

/* For the running task, which does not have it. */
int awl__lock_acquire(awl_lock *lock, struct awl__task *t, const void *place, const char *call);

/*
 * Its record, whoever has it or nobody; NULL: none. Only asked once its home was looked at: storage
 * that is something else by now names no record.
 */
static inline struct awl__hold *awl__lock_record(const awl_lock *lock)
{
	struct awl__hold *h = lock->_hold;

	return h && h->object == lock ? h : NULL;
}

/* The same while it is held, or lost with its holder. */
static inline struct awl__hold *awl__lock_hold(const awl_lock *lock)
{
	struct awl__hold *h = awl__lock_record(lock);

	return h && h->task ? h : NULL;
}

/* NULL: nobody has it, or one that has ended. */
static inline struct awl__task *awl__lock_holder(const awl_lock *lock)
{
	struct awl__hold *h = awl__lock_record(lock);

	return h ? awl__hold_task(h) : NULL;
}

static inline bool awl__lock_is_held_by(const awl_lock *lock, const struct awl__task *t)
{
	struct awl__hold *h = awl__lock_record(lock);

	return awl__likely(h && h->task == t && t);
}

/* The holder gives it up, to the next in the queue if there is one. */
static inline void awl__lock_hand_over(awl_lock *lock)
{
	if (awl__likely(awl__list_empty(&lock->_sync._waiters)))
		awl__hold_put(lock->_hold);
	else
		awl__hold_give(lock->_hold, awl__sync_wake(&lock->_sync._waiters, 0));
}

#endif
