/* SPDX-License-Identifier: MIT */
/*
 * sync.h - locks, events, conditions, semaphores, limiters and barriers for the tasks of one loop.
 *
 * Each lies in the caller's storage and begins as its AWL_*_INIT, or by its *_init; nothing is
 * allocated for a wait. Its first use, of any kind, binds it to the running loop. From then on it
 * is refused elsewhere, always: AWL_EOTHERLOOP in another loop's thread, AWL_ETHREAD in a plain
 * thread while the loop runs, AWL_ENOLOOP where there is no loop at all. It may not be copied.
 *
 * What is given is handed over: a release, a set, a notify gives the lock, the token, the wake-up
 * to the task that has waited longest, which has it from that moment on. A cancel that comes later
 * is told by that task's next wait, so nothing given is ever lost; one that comes earlier takes the
 * task out of the queue. Each function that can wait is a place to be cancelled at, before anything
 * has been taken, even where it would not have waited.
 *
 * A task that was given what it waited for looks at the storage no more. One that leaves for
 * another reason and finds the storage reused gets AWL_EDEAD, and a report names the place of its
 * wait. Destroying is optional: it refuses while tasks wait (-EBUSY), and any later use gets
 * AWL_EDEAD.
 */
#ifndef AWL_SYNC_H
#define AWL_SYNC_H

#include <awl/types.h>

AWL__BEGIN

struct awl__hold;

/* How each of them begins. */
struct awl__sync {
	uint64_t _home; /* whose it is, and where it lies; 0 before its first use */
	uint64_t _serial;
	struct awl__list _waiters;
};
#define AWL__SYNC_INIT \
	{ \
		0, 0, \
		{ \
			NULL, NULL \
		} \
	}

/* A lock: one task has it, the others queue. asyncio: S1-S3, S11. */
typedef struct awl_lock {
	struct awl__sync _sync;
	struct awl__hold *_hold;
	uint64_t _spare[2];
} awl_lock;
#define AWL_LOCK_INIT \
	{ \
		AWL__SYNC_INIT, NULL, \
		{ \
			0, 0 \
		} \
	}
/* Makes the storage a lock, as AWL_LOCK_INIT does. */
AWL_ANY_THREAD int awl_lock_init(awl_lock *lock);

/*
 * Waits for the lock: 0, and the calling task has it. AWL_ECANCELED. AWL_EDEADLK: it has it
 * already, or its holder waits, perhaps through others, for the calling task. -EOWNERDEAD: its
 * holder ended with it, as was reported. nowait: -EAGAIN instead of a wait. asyncio: S1.
 */
AWL_MUST AWL_TASK int awl_lock_acquire(awl_lock *lock);
AWL_MUST AWL_TASK int awl_lock_acquire_nowait(awl_lock *lock);

/* Gives it to the task that has waited longest. -EPERM: the calling task does not have it. */
AWL_LOOP_THREAD int awl_lock_release(awl_lock *lock);

/* Whether a task has it: 1, 0. And which, borrowed; NULL. */
AWL_LOOP_THREAD int awl_lock_locked(awl_lock *lock);
AWL_LOOP_THREAD awl_task *awl_lock_holder(awl_lock *lock);

/* fn(arg) in the calling task, which has the lock meanwhile: its status, or a refusal. asyncio:
 * S11. */
AWL_MUST AWL_TASK int awl_with_lock(awl_lock *lock, awl_fn *fn, void *arg);

/* -EBUSY while a task has it or waits. */
AWL_LOOP_THREAD int awl_lock_destroy(awl_lock *lock);

/* An event: everybody waits until somebody sets it. asyncio: S4. */
typedef struct awl_event {
	struct awl__sync _sync;
	int _set;
	uint64_t _spare[2];
} awl_event;
#define AWL_EVENT_INIT \
	{ \
		AWL__SYNC_INIT, 0, \
		{ \
			0, 0 \
		} \
	}
/* Makes the storage an event that is not set, as AWL_EVENT_INIT does. */
AWL_ANY_THREAD int awl_event_init(awl_event *event);

/* Who waits becomes ready, in the order they came; a clear before they run does not take it back.
 */
AWL_LOOP_THREAD int awl_event_set(awl_event *event);
AWL_LOOP_THREAD int awl_event_clear(awl_event *event);
AWL_LOOP_THREAD int awl_event_is_set(awl_event *event);

/* Waits until it is set: 0; AWL_ECANCELED. */
AWL_MUST AWL_TASK int awl_event_wait(awl_event *event);
AWL_LOOP_THREAD int awl_event_destroy(awl_event *event);

/*
 * A condition: waiting, with a lock, for something to become true. `lock` NULL: it has its own.
 * Several may share one. asyncio: S5-S7.
 */
typedef struct awl_condition {
	struct awl__sync _sync;
	awl_lock *_lock;
	awl_lock _own;
	uint64_t _spare[2];
} awl_condition;
#define AWL_CONDITION_INIT(lock) \
	{ \
		AWL__SYNC_INIT, (lock), AWL_LOCK_INIT, \
		{ \
			0, 0 \
		} \
	}
/* Makes the storage a condition, as AWL_CONDITION_INIT does. */
AWL_ANY_THREAD int awl_condition_init(awl_condition *condition, awl_lock *lock);

/* The same as on its lock: awl_lock_acquire and its kin. */
AWL_MUST AWL_TASK int awl_condition_acquire(awl_condition *condition);
AWL_LOOP_THREAD int awl_condition_release(awl_condition *condition);
AWL_LOOP_THREAD int awl_condition_locked(awl_condition *condition);

/*
 * Gives up the lock until it is notified, and has it again when it returns, cancelled or not; who
 * was notified moves straight into the lock's queue, and a cancel that comes later is told by its
 * next wait. It may return 0 without a notify. -EPERM without the lock. -EOWNERDEAD, AWL_EDEADLK,
 * AWL_EDEAD: the lock could not be had again.
 */
AWL_MUST AWL_TASK int awl_condition_wait(awl_condition *condition);

/* Waits until predicate(arg) is not 0, asking with the lock held: what it returned, or the wait's
 * failure. */
AWL_MUST AWL_TASK int awl_condition_wait_for(
	awl_condition *condition, awl_fn *predicate, void *arg);

/* Wakes at most n, or all, in the order they came: how many. -EPERM without the lock. */
AWL_LOOP_THREAD int awl_condition_notify(awl_condition *condition, int n);
AWL_LOOP_THREAD int awl_condition_notify_all(awl_condition *condition);
AWL_LOOP_THREAD int awl_condition_destroy(awl_condition *condition);

/*
 * A semaphore of `value` tokens. Any task or callback may release one; a bounded one refuses more
 * than it began with. asyncio: S8, S9.
 */
typedef struct awl_semaphore {
	struct awl__sync _sync;
	int _value;
	int _bound;
	uint64_t _spare[2];
} awl_semaphore;
#define AWL__SEMAPHORE_INIT(value, bound) \
	{ \
		AWL__SYNC_INIT, (value), (bound), \
		{ \
			0, 0 \
		} \
	}
#define AWL_SEMAPHORE_INIT(value) AWL__SEMAPHORE_INIT(value, INT32_MAX)
#define AWL_BOUNDED_SEMAPHORE_INIT(value) AWL__SEMAPHORE_INIT(value, value)
/* Makes the storage a semaphore of `value` tokens. -EINVAL: value < 0. */
AWL_ANY_THREAD int awl_semaphore_init(awl_semaphore *semaphore, int value);
AWL_ANY_THREAD int awl_bounded_semaphore_init(awl_semaphore *semaphore, int value);

/* Takes a token, or waits for one: 0; AWL_ECANCELED. nowait: -EAGAIN, in a callback too. */
AWL_MUST AWL_TASK int awl_semaphore_acquire(awl_semaphore *semaphore);
AWL_MUST AWL_LOOP_THREAD int awl_semaphore_acquire_nowait(awl_semaphore *semaphore);

/* Gives back a token. -EOVERFLOW: more than a bounded one began with. */
AWL_LOOP_THREAD int awl_semaphore_release(awl_semaphore *semaphore);

/* 1 if an acquire would wait; and the tokens there are. */
AWL_LOOP_THREAD int awl_semaphore_locked(awl_semaphore *semaphore);
AWL_LOOP_THREAD int awl_semaphore_value(awl_semaphore *semaphore);
AWL_LOOP_THREAD int awl_semaphore_destroy(awl_semaphore *semaphore);

/*
 * A capacity limiter: at most `total` tasks at a time, each with one token, and it is known which.
 * asyncio has none; Trio and AnyIO do.
 */
typedef struct awl_limiter {
	struct awl__sync _sync;
	struct awl__list _borrowers;
	int _total, _borrowed;
	uint64_t _spare[2];
} awl_limiter;
#define AWL_LIMITER_INIT(total) \
	{ \
		AWL__SYNC_INIT, { NULL, NULL }, (total), 0, \
		{ \
			0, 0 \
		} \
	}
/* Makes the storage a limiter of `total` tokens. -EINVAL: total < 1. */
AWL_ANY_THREAD int awl_limiter_init(awl_limiter *limiter, int total);

/* Takes a token, or waits for one: 0; AWL_ECANCELED; AWL_EDEADLK: the calling task has a token of
 * it already. */
AWL_MUST AWL_TASK int awl_limiter_acquire(awl_limiter *limiter);
AWL_MUST AWL_TASK int awl_limiter_acquire_nowait(awl_limiter *limiter);

/* Gives back the calling task's token. -EPERM: it has none. */
AWL_LOOP_THREAD int awl_limiter_release(awl_limiter *limiter);

/* More lets tasks in; fewer lets nobody in until enough were given back. */
AWL_LOOP_THREAD int awl_limiter_set_total(awl_limiter *limiter, int total);
AWL_LOOP_THREAD int awl_limiter_total(awl_limiter *limiter);

/* Fills tasks[0 ... room) with borrowed handles of those that have one: how many there are. */
AWL_LOOP_THREAD int awl_limiter_borrowers(awl_limiter *limiter, awl_task **tasks, size_t room);
AWL_LOOP_THREAD int awl_limiter_destroy(awl_limiter *limiter);

/* A barrier: `parties` tasks wait for each other. asyncio: S10. */
typedef struct awl_barrier {
	struct awl__sync _sync;
	int _parties;
	int _waiting;
	int _broken;
	uint64_t _spare[2];
} awl_barrier;
#define AWL_BARRIER_INIT(parties) \
	{ \
		AWL__SYNC_INIT, (parties), 0, 0, \
		{ \
			0, 0 \
		} \
	}
/* Makes the storage a barrier for that many tasks. -EINVAL: parties < 1. */
AWL_ANY_THREAD int awl_barrier_init(awl_barrier *barrier, int parties);

/*
 * Waits for the others: a number from 0 to parties - 1, another one for each. All have passed once
 * the last comes; who comes then is of the next round. AWL_EBROKEN: it was reset or aborted.
 * AWL_ECANCELED: out again, the others go on waiting.
 */
AWL_MUST AWL_TASK int awl_barrier_wait(awl_barrier *barrier);

/* Who waits gets AWL_EBROKEN; then empty and whole; or broken until a reset. */
AWL_LOOP_THREAD int awl_barrier_reset(awl_barrier *barrier);
AWL_LOOP_THREAD int awl_barrier_abort(awl_barrier *barrier);

/* How many tasks it is for, how many wait, whether it is broken. asyncio: parties, n_waiting,
 * broken. */
AWL_LOOP_THREAD int awl_barrier_parties(awl_barrier *barrier);
AWL_LOOP_THREAD int awl_barrier_n_waiting(awl_barrier *barrier);
AWL_LOOP_THREAD int awl_barrier_broken(awl_barrier *barrier);

/* -EBUSY while tasks wait. */
AWL_LOOP_THREAD int awl_barrier_destroy(awl_barrier *barrier);

AWL__END

#endif
