/* SPDX-License-Identifier: MIT */
/*
 * lock.h - a lock as a condition sees it.
 */
#ifndef AWL__LOCK_H
#define AWL__LOCK_H

#include "sync/held.h"

/* For the running task, which does not have it. */
int awl__lock_acquire(awl_lock *lock, struct awl__task *t, const void *place, const char *call);

/* The holder gives it up, to the next in the queue if there is one. */
static inline void awl__lock_hand_over(awl_loop *l, awl_lock *lock)
{
	struct awl__hold *h = lock->_hold;

	if (awl__likely(awl__list_empty(&lock->_sync._waiters))) {
		lock->_hold = NULL;
		awl__hold_put(l, h);
	} else {
		awl__hold_give(h, awl__sync_wake(&lock->_sync._waiters, 0));
	}
}

static inline bool awl__lock_is_held_by(const awl_lock *lock, const struct awl__task *t)
{
	return lock->_hold && lock->_hold->task == t && t;
}

#endif
