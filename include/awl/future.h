/* SPDX-License-Identifier: MIT */
/*
 * future.h - results that are still to come, and waiting for them.
 *
 * A future is pending, then for ever done: with a result >= 0, a failure < 0, or cancelled. It
 * belongs to its loop's thread; awl_cfuture (thread.h) is the one for other threads.
 */
#ifndef AWL_FUTURE_H
#define AWL_FUTURE_H

#include <awl/types.h>

AWL__BEGIN

/*
 * A pending future of this loop, with one reference and `payload` bytes of zeroed room for a result
 * larger than an int (0: none). asyncio: F14.
 */
AWL_MUST AWL_LOOP_THREAD int awl_loop_create_future(
	awl_loop *loop, size_t payload, awl_future **ret);

/* The payload, aligned for anything; NULL if there is none. Write it before set_result. */
AWL_LOOP_THREAD void *awl_future_payload(awl_future *future);

/*
 * Ends a future: result >= 0, err < 0 (not AWL_ECANCELED: that is awl_cancel's). Who waits becomes
 * ready, done callbacks are queued, in the order they came. Refused: AWL_EDONE, AWL_EISTASK for a
 * task, -EINVAL for a wrong sign. asyncio: F2, T8.
 */
AWL_LOOP_THREAD int awl_future_set_result(awl_future *future, int result);
AWL_LOOP_THREAD int awl_future_set_exception(awl_future *future, int err);

/*
 * Waits for f, as Python's await does, and returns its outcome; AWL_EFUTURECANCELED if it was
 * cancelled; AWL_ECANCELED if the caller itself was asked to stop, just before or meanwhile - then
 * the cancel has gone down to f first, if the caller is its only waiter and f does not wait for the
 * caller, and f has ended. A done future answers at once. Refused: AWL_ENOTASK, AWL_EOTHERLOOP,
 * AWL_EDEADLK (itself, or a cycle of waiting tasks, those included that join their groups).
 * asyncio: F9.
 */
AWL_MUST AWL_TASK int awl_await(awl_future *future);

/* Waits for it and says only how the wait went: 0, AWL_ECANCELED, or a refusal. A cancel does not
 * go down to f. For clean-up loops; then awl_result. asyncio: wait of one. */
AWL_MUST AWL_TASK int awl_join(awl_future *future);

/* The outcome of a done future: AWL_EPENDING before, AWL_EFUTURECANCELED if cancelled. Reading a
 * failure counts as having seen it. asyncio: F3, F4. */
AWL_LOOP_THREAD int awl_result(awl_future *future);

/* Whether it is done, and whether it was cancelled: 1, 0. asyncio: F1. */
AWL_LOOP_THREAD int awl_done(const awl_future *future);
AWL_LOOP_THREAD int awl_cancelled(const awl_future *future);

/*
 * Asks a task or a future to stop: 1 if asked, 0 if it was done already. A plain future is
 * cancelled at once. A task gets AWL_ECANCELED once, from its next wait, and may refuse; requests
 * are counted (task.h). `reason` are words that live on (a literal), or NULL. asyncio: F5, X1, X9.
 */
AWL_LOOP_THREAD int awl_cancel(awl_future *future, const char *reason);

/* The words of the last request to stop, or "". */
AWL_LOOP_THREAD const char *awl_cancel_reason(const awl_future *future);

/* What runs when a future is done: in the loop, from the ready list, never inside another call. */
typedef void awl_done_fn(awl_future *future, void *arg);

/* Caller storage for one, zeroed before its first use; it stays until it has run or was removed. */
typedef struct awl_done_callback {
	struct awl__runnable _ready;
	awl_future *_future;
	awl_done_fn *_fn;
	void *_arg;
	uint32_t _allocated;
	awl_task *const *_waiter; /* the task that waits by it, for the graph */
	uint64_t _spare[1];
} awl_done_callback;

/*
 * Calls fn(future, arg) when it is done, or soon if it is; in the order they were added. `storage`
 * NULL: awl allocates. Refused: -EBUSY (this storage waits already), -ENOMEM. asyncio: F6.
 */
AWL_LOOP_THREAD int awl_future_add_done_callback(
	awl_future *future, awl_done_fn *fn, void *arg, awl_done_callback *storage);

/* Takes back every callback of fn with arg that has not been queued: how many. asyncio: F7. */
AWL_LOOP_THREAD int awl_future_remove_done_callback(awl_future *future, awl_done_fn *fn, void *arg);

/* The loop it belongs to, borrowed. asyncio: F13. */
AWL_ANY_THREAD awl_loop *awl_future_get_loop(const awl_future *future);

/*
 * One reference more, one less. A failure that nobody read is told to the exception handler at the
 * last unref, or when the loop closes (F10). unref of NULL does nothing; of a handle that is only
 * borrowed it is refused, as far as that can be seen: -EINVAL.
 */
AWL_LOOP_THREAD awl_future *awl_ref(awl_future *future);
AWL_LOOP_THREAD int awl_unref(awl_future *future);

AWL__END

#endif
