/* SPDX-License-Identifier: MIT */
/*
 * lock.c - the lock: who has it is known, and a release makes the first waiter its holder at once.
 * So a lock with waiters is never free, nobody overtakes, and a woken waiter that is cancelled
 * before it runs has the lock all the same.
 */
#include "sync/lock.h"

/* A chain of tasks that wait for each other is followed this far. */
#define CYCLE_MAX 64

int awl_lock_init(awl_lock *lock)
{
	AWL__NOT_NULL(lock);
	*lock = (awl_lock)AWL_LOCK_INIT;
	return 0;
}

/* Whom a parked task waits for, where that is one task. */
static const struct awl__task *awaited_by(const struct awl__task *u)
{
	const void *on = (const void *)(uintptr_t)u->waits_on;
	const awl_lock *lock = on;
	const awl_future *f = on;

	switch ((enum awl__waits)u->future.row.waits) {
	case AWL__WAITS_LOCK:
		if (awl__sync_load(&lock->_sync) != awl__sync_home(&lock->_sync, awl__task_loop(u)))
			return NULL;
		return awl__lock_holder(lock);
	case AWL__WAITS_FUTURE:
	case AWL__WAITS_JOIN:
		return awl__is_task(f) ? (const struct awl__task *)f : NULL;
	default:
		return NULL;
	}
}

/* u waits in a group's exit for t, or for the task in whose group t is. */
static bool joins(const struct awl__task *u, const struct awl__task *t)
{
	const void *joined = (const void *)(uintptr_t)u->waits_on;

	if (u->future.row.waits != AWL__WAITS_GROUP)
		return false;
	for (const struct awl__scope *g = t->group; g; g = g->task->group)
		if (g == joined)
			return true;
	return false;
}

/* Would t, waiting for what `holder` has, wait for itself? */
static bool closes_cycle(const struct awl__task *t, const struct awl__task *holder)
{
	for (int i = 0; i < CYCLE_MAX && holder; i++) {
		if (holder == t)
			return true;
		if (!awl__parked(holder))
			return false;
		if (joins(holder, t))
			return true;
		holder = awaited_by(holder);
	}
	return false;
}

static AWL__COLD int told(awl_lock *lock, int err, const char *call, const char *words)
{
	const struct awl__hold *h = lock->_hold;
	struct awl__task *t = awl__hold_task(h);
	char name[96];

	return awl__fail(err, "%s: %s; it was taken by %s%s in %s", call, words,
		t ? "task " : "a task that has ended", t ? awl_task_get_name(&t->future) : "",
		h->place ? awl__place(h->place, name, sizeof name) : "a wait");
}

/* A wait that cannot end is refused. */
static AWL__NOINLINE int refuse_endless(const struct awl__task *t, awl_lock *lock, const char *call)
{
	struct awl__task *holder = awl__hold_task(lock->_hold);

	if (awl__unlikely(!holder))
		return told(lock, -EOWNERDEAD, call, "nobody can release this lock any more");
	if (awl__unlikely(holder == t))
		return told(lock, AWL_EDEADLK, call, "the calling task has this lock already");
	if (awl__unlikely(closes_cycle(t, holder)))
		return told(lock, AWL_EDEADLK, call,
			"the holder of this lock waits for the calling task");
	return 0;
}

/* Somebody who runs, or soon will. */
static inline bool is_under_way(const struct awl__task *holder, const struct awl__task *t)
{
	return holder && holder != t && !awl__parked(holder);
}

static int take(awl_lock *lock, struct awl__task *t, const void *place)
{
	struct awl__hold *h = awl__lock_record(lock);

	if (h)
		awl__hold_take(h, t, place);
	else
		h = awl__hold_get(awl__task_loop(t), t, lock, place);
	lock->_hold = h;
	return h ? 0 : -ENOMEM;
}

int awl__lock_acquire(awl_lock *lock, struct awl__task *t, const void *place, const char *call)
{
	struct awl__hold *h; /* handed on with the lock */

	while ((h = awl__lock_hold(lock))) {
		int r = is_under_way(awl__hold_task(h), t) ? 0 : refuse_endless(t, lock, call);

		if (r < 0)
			return r;
		r = awl__sync_wait(
			t, &lock->_sync, &lock->_sync._waiters, AWL__WAITS_LOCK, lock, place);
		if (r < 0)
			return r;
		if (r == AWL__LOOK_AGAIN)
			continue;
		if (awl__unlikely(t->future.outcome < 0))
			return awl__fail(t->future.outcome,
				"%s: the task that had this lock has ended with it", call);
		h->place = place;
		return 0;
	}
	return take(lock, t, place);
}

static AWL__NOINLINE int acquire(awl_lock *lock, const void *frame, const void *place)
{
	static struct awl__call call = { "awl_lock_acquire", "awl_run_coroutine_threadsafe", 0, 0 };
	struct awl__task *t;
	int r = awl__sync_begin(&lock->_sync, &call, frame, &t);

	return r < 0 ? r : awl__lock_acquire(lock, t, place, call.name);
}

int awl_lock_acquire(awl_lock *lock)
{
	const void *place = __builtin_return_address(0);
	struct awl__task *t;
	struct awl__hold *h;

	AWL__NOT_NULL(lock);
	t = awl__sync_unasked(&lock->_sync);
	if (awl__unlikely(!t))
		return acquire(lock, __builtin_frame_address(0), place);
	h = awl__lock_record(lock);
	if (awl__unlikely(!h || h->task))
		return awl__lock_acquire(lock, t, place, __func__);
	awl__hold_take(h, t, place);
	return 0;
}

int awl_lock_acquire_nowait(awl_lock *lock)
{
	AWL__SYNC_TASK(lock, t);
	return awl__lock_hold(lock) ? -EAGAIN : take(lock, t, __builtin_return_address(0));
}

static AWL__COLD int not_the_holder(awl_lock *lock, const char *call)
{
	return awl__lock_hold(lock)
		? told(lock, -EPERM, call, "the calling task does not have this lock")
		: awl__fail(-EPERM, "%s: nobody has this lock", call);
}

static AWL__NOINLINE int release(awl_lock *lock)
{
	static struct awl__call call = { "awl_lock_release", "the release in the task that has it",
		0, 0 };
	struct awl__claim c __attribute__((cleanup(awl__claim_end))) = { NULL, 0 };
	awl_loop *l;
	int r = awl__sync_enter(&lock->_sync, &call, &c, &l);

	if (r < 0)
		return r;
	if (!awl__lock_is_held_by(lock, l->current))
		return not_the_holder(lock, call.name);
	awl__lock_hand_over(lock);
	return 0;
}

int awl_lock_release(awl_lock *lock)
{
	struct awl__task *t;

	AWL__NOT_NULL(lock);
	t = awl__sync_self(&lock->_sync);
	if (awl__likely(t && awl__lock_is_held_by(lock, t))) {
		awl__lock_hand_over(lock);
		return 0;
	}
	return release(lock);
}

int awl_lock_locked(awl_lock *lock)
{
	AWL__SYNC(lock, l, AWL__BY_CALLBACK);
	return awl__lock_hold(lock) != NULL;
}

awl_task *awl_lock_holder(awl_lock *lock)
{
	static struct awl__call call = { __func__, AWL__BY_CALLBACK, 0, 0 };
	struct awl__claim c __attribute__((cleanup(awl__claim_end))) = { NULL, 0 };
	struct awl__task *t;
	awl_loop *l;

	if (!lock || awl__sync_enter(&lock->_sync, &call, &c, &l) < 0)
		return NULL;
	t = awl__lock_holder(lock);
	return t ? &t->future : NULL;
}

int awl_with_lock(awl_lock *lock, awl_fn *fn, void *arg)
{
	const void *place = __builtin_return_address(0);
	int status, r;

	AWL__NOT_NULL(fn);
	AWL__SYNC_TASK(lock, t);
	r = awl__lock_acquire(lock, t, place, __func__);
	if (r < 0)
		return r;
	status = fn(arg);
	r = awl_lock_release(lock);
	return r < 0 ? r : status;
}

int awl_lock_destroy(awl_lock *lock)
{
	AWL__SYNC_DESTROY(lock, awl__lock_holder(lock) != NULL);
}
