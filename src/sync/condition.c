/* SPDX-License-Identifier: MIT */
/*
 * condition.c - the condition. Who notifies has the lock, so who is notified would wake only to
 * wait for it: notify moves it from the condition's queue to the end of the lock's, and it wakes
 * once, as the lock's holder. From then on no cancel can take it out again: a wake-up that was
 * given is never lost, and needs not be passed on.
 */
#include "sync/lock.h"

int awl_condition_init(awl_condition *condition, awl_lock *lock)
{
	AWL__NOT_NULL(condition);
	*condition = (awl_condition)AWL_CONDITION_INIT(lock);
	return 0;
}

static awl_lock *lock_of(awl_condition *c)
{
	return c->_lock ? c->_lock : &c->_own;
}

int awl_condition_acquire(awl_condition *condition)
{
	const void *place = __builtin_return_address(0);

	AWL__NOT_NULL(condition);
	AWL__SYNC_TASK(lock_of(condition), t);
	return awl__lock_acquire(lock_of(condition), t, place, __func__);
}

int awl_condition_release(awl_condition *condition)
{
	AWL__NOT_NULL(condition);
	AWL__SYNC(lock_of(condition), l, "the release in the task that has it");
	return awl_lock_release(lock_of(condition));
}

int awl_condition_locked(awl_condition *condition)
{
	AWL__NOT_NULL(condition);
	AWL__SYNC(lock_of(condition), l, AWL__BY_CALLBACK);
	return awl_lock_locked(lock_of(condition));
}

/* The lock must be this loop's too, and the calling task's. */
static int check_lock(awl_loop *l, awl_lock *lock, const char *call)
{
	if (awl__likely(awl__sync_loop(&lock->_sync) && awl__lock_is_held_by(lock, l->current)))
		return 0;
	if (awl__sync_load(&lock->_sync) && !awl__sync_loop(&lock->_sync))
		return awl__fail(AWL_EOTHERLOOP, "%s: its lock belongs to a different loop", call);
	return awl__fail(-EPERM, "%s: the calling task does not have its lock", call);
}

/* The lock again, whatever is asked meanwhile. */
static int reacquire(struct awl__task *t, awl_lock *lock, const void *place, const char *call)
{
	uint16_t shield = t->shield;
	int r;

	if (awl__sync_loop(&lock->_sync) != awl__task_loop(t))
		return awl__fail(AWL_EDEAD, "%s: its lock is gone", call);
	t->shield = AWL__UNINTERRUPTED;
	r = awl__lock_acquire(lock, t, place, call);
	t->shield = shield;
	return r;
}

static int wait(awl_condition *c, struct awl__task *t, const void *place, const char *call)
{
	awl_lock *lock = lock_of(c);
	uint16_t shield = t->shield;
	int r = check_lock(awl__task_loop(t), lock, call), again;

	if (r < 0)
		return r;
	awl__lock_hand_over(lock);
	r = awl__sync_wait(t, &c->_sync, &c->_sync._waiters, AWL__WAITS_CONDITION, c, place);
	t->shield = shield;
	if (awl__likely(r == 0)) { /* notified, and the lock's holder by a release */
		if (awl__unlikely(t->future.outcome < 0))
			return awl__fail(t->future.outcome,
				"%s: the task that had its lock has ended with it", call);
		lock->_hold->place = place;
		return 0;
	}
	again = reacquire(t, lock, place, call);
	return again < 0 ? again : r < 0 ? r : 0;
}

int awl_condition_wait(awl_condition *condition)
{
	const void *place = __builtin_return_address(0);

	AWL__SYNC_TASK(condition, t);
	return wait(condition, t, place, __func__);
}

int awl_condition_wait_for(awl_condition *condition, awl_fn *predicate, void *arg)
{
	const void *place = __builtin_return_address(0);
	int r;

	AWL__NOT_NULL(predicate);
	AWL__SYNC_TASK(condition, t);
	r = check_lock(awl__task_loop(t), lock_of(condition), __func__);
	while (r == 0 && (r = predicate(arg)) == 0) {
		r = awl__wait_begin(t);
		if (r == 0)
			r = wait(condition, t, place, __func__);
	}
	return r;
}

/* From the condition's queue to the lock's, which the caller has. */
static void move(struct awl__list *node, awl_lock *lock)
{
	struct awl__task *t = awl__task_of(awl__runnable_at(node));

	awl__list_push(&lock->_sync._waiters, node);
	t->shield = AWL__UNINTERRUPTED;
	awl__row_change(&t->future.row);
	t->future.row.waits = AWL__WAITS_LOCK;
	t->waits_on = (uintptr_t)lock;
	awl__row_changed(&t->future.row);
}

static int notify(awl_condition *c, awl_loop *l, int n, const char *call)
{
	struct awl__list *node;
	int done = 0, r = check_lock(l, lock_of(c), call);

	if (r < 0)
		return r;
	while (done < n && (node = awl__list_pop(&c->_sync._waiters))) {
		move(node, lock_of(c));
		done++;
	}
	return done;
}

int awl_condition_notify(awl_condition *condition, int n)
{
	AWL__SYNC(condition, l, "awl_run_coroutine_threadsafe with a task that does it");
	return notify(condition, l, n, __func__);
}

int awl_condition_notify_all(awl_condition *condition)
{
	AWL__SYNC(condition, l, "awl_run_coroutine_threadsafe with a task that does it");
	return notify(condition, l, INT32_MAX, __func__);
}

/* Its own lock goes with it; another stays as it is. */
static int destroy(awl_condition *c, awl_loop *l, const char *call)
{
	const struct awl__sync *own = &c->_own._sync;
	bool held = !c->_lock && awl__sync_load(own) == awl__sync_home(own, l) &&
		awl__lock_holder(&c->_own);
	int r = awl__sync_destroy(&c->_sync, held, call);

	if (r == 0 && !c->_lock)
		c->_own._sync._home = AWL__SYNC_GONE;
	return r;
}

int awl_condition_destroy(awl_condition *condition)
{
	AWL__NOT_NULL(condition);
	if (awl__sync_orphaned(&condition->_sync)) { /* its own lock may be in use all the same */
		int r = condition->_lock ? 0 : awl_lock_destroy(&condition->_own);

		if (r == 0)
			condition->_sync._home = AWL__SYNC_GONE;
		return r;
	}
	AWL__SYNC(condition, l, AWL__BY_CALLBACK);
	return destroy(condition, l, __func__);
}
