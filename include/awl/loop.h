/* SPDX-License-Identifier: MIT */
/*
 * loop.h - event loops and their callbacks.
 *
 * A loop belongs to nobody, or to the one thread that runs it. A call that only that thread may
 * make is refused elsewhere, always, before anything is touched: AWL_ETHREAD.
 */
#ifndef AWL_LOOP_H
#define AWL_LOOP_H

#include <awl/types.h>

AWL__BEGIN

/* How a loop is made; all zero is the default of everything. */
typedef struct awl_loop_options {
	const char *name; /* copied; for messages and tools; at most 31 bytes are kept */
	const char
		*reactor; /* "uring", "epoll", "sim"; NULL: AWL_REACTOR, else the best there is */
	uint64_t seed; /* sim's; 0: AWL_SEED, else nothing is perturbed */
	size_t stack_size; /* of tasks, address space with the guard; 0: 256 KiB */
	int64_t slow; /* as awl_loop_set_slow_callback_duration; 0: AWL_SLOW_MS, else 100 ms */
	uint64_t flags; /* enum awl_loop_flags */
	uint64_t _spare[4];
} awl_loop_options;

enum awl_loop_flags {
	AWL_LOOP_DEBUG = 1, /* as awl_loop_set_debug; also AWL_DEBUG=1 in the environment */
	AWL_LOOP_DUMP = 2, /* SIGQUIT dumps all tasks to stderr, ends nothing; also AWL_DUMP=1 */
};

/*
 * A loop with one reference, run by nobody. `options` may be NULL. Errors: -ENOMEM, -EINVAL (a
 * reactor nobody knows: the detail lists them), the system's where it gives no reactor. asyncio:
 * L21.
 */
AWL_MUST AWL_ANY_THREAD int awl_loop_new(const awl_loop_options *options, awl_loop **ret);

/*
 * One reference more, one less: who lets other threads use a loop gives each one. The last unref
 * frees a closed loop; a loop that nobody closed is closed by it, and reported (L14), and so are
 * handles of its tasks and futures not yet given up. NULL is ignored by unref.
 */
AWL_ANY_THREAD awl_loop *awl_loop_ref(awl_loop *loop);
AWL_ANY_THREAD void awl_loop_unref(awl_loop *loop);

/*
 * Runs fn(arg) as a task of this loop until it is done and returns its outcome. Other tasks stay
 * for the next run. Refused: AWL_ERUNNING (running already, whoever asks), AWL_ENESTED (another
 * loop runs in this thread), AWL_ETHREAD (bound to another thread by a task that has begun),
 * AWL_ECLOSED, -ENOMEM; then fn never starts. AWL_ESTOPPED: awl_loop_stop came first; the task
 * stays. asyncio: L2.
 */
AWL_MUST AWL_RUNNER int awl_loop_run_until_complete(awl_loop *loop, awl_fn *fn, void *arg);

/*
 * Runs until a future or task of this loop is done, and returns its outcome; AWL_EOTHERLOOP for
 * another's. asyncio: L2.
 */
AWL_MUST AWL_RUNNER int awl_loop_run_until_future(awl_loop *loop, awl_future *future);

/* Runs until awl_loop_stop: 0. asyncio: L1. */
AWL_MUST AWL_RUNNER int awl_loop_run_forever(awl_loop *loop);

/*
 * For a foreign loop that drives this one:
 *
 *	awl_loop_run_once(loop);
 *	wait until awl_loop_fd(loop) polls readable, for awl_loop_timeout(loop) at the most;
 *	and so on.
 *
 * run_once makes one iteration without waiting, and readies the loop to be waited for: 0, or a
 * refusal as of any run. From then on what completes, what other threads send, and what the calls
 * of this thread between two runs leave to do make the descriptor readable; only run_once makes it
 * quiet again, now and then for nothing. The descriptor is the loop's own, the same until its last
 * unref: to be polled, not read and not closed; -ENOTSUP on sim. The timeout, in ns, is how long
 * the loop may be left alone if the descriptor stays quiet: 0 where it wants to be run now, or has
 * not been run by run_once last; AWL_FOREVER. asyncio: L17.
 */
AWL_MUST AWL_RUNNER int awl_loop_run_once(awl_loop *loop);
AWL_LOOP_THREAD int awl_loop_fd(awl_loop *loop);
AWL_LOOP_THREAD int64_t awl_loop_timeout(awl_loop *loop);

/* Ends the run after this iteration; before a run: the next one makes one iteration. asyncio:
 * L9. */
AWL_LOOP_THREAD int awl_loop_stop(awl_loop *loop);

/*
 * Closes a loop: its tasks are cancelled, run to their ends and their failures reported; futures
 * still pending are cancelled, with their done callbacks called; other callbacks not yet run are
 * dropped; cfutures that were pending get AWL_ECLOSED. Once closed, 0 again. Refused while running
 * (AWL_ERUNNING), or where a task has begun in another thread (AWL_ETHREAD). asyncio: L12.
 */
AWL_MUST AWL_RUNNER int awl_loop_close(awl_loop *loop);

/* Whether it runs, and whether it is closed: 1, 0; true at the moment it looks. AWL_EFORK in a
 * fork's child. asyncio: L10. */
AWL_ANY_THREAD int awl_loop_is_running(const awl_loop *loop);
AWL_ANY_THREAD int awl_loop_is_closed(const awl_loop *loop);

/* The loop's clock, in ns: CLOCK_MONOTONIC, or sim's. asyncio: L15. */
AWL_ANY_THREAD int64_t awl_loop_time(const awl_loop *loop);

/*
 * Turns debug mode on or off. In it, tasks, futures and handles made from now on know where they
 * were made, and reports say it; a slow step is told of once more when it has ended, a loop that
 * only other threads or signals can wake is told of, and so is each task pending when its loop
 * closes and each that ends well although it was asked to stop. Checks of threads need no mode:
 * they are always on. get: 1, 0. asyncio: D2, D5.
 */
AWL_LOOP_THREAD int awl_loop_set_debug(awl_loop *loop, int on);
AWL_LOOP_THREAD int awl_loop_get_debug(const awl_loop *loop);

/*
 * A task or callback that has run for `ns` without a wait is told of while it still runs, with its
 * stack, at most once a second: the process's watchdog thread sends its thread a real-time signal,
 * whose handler only notes the frames (a system call it sleeps in may return -EINTR). AWL_FOREVER:
 * never. Debug mode tells afterwards how long it was, to a quarter of ns. AWL_WATCHDOG=0 in the
 * environment: there is no watchdog, nor word of deadlocks. -EINVAL below 1 ms. asyncio: D4.
 */
AWL_LOOP_THREAD int awl_loop_set_slow_callback_duration(awl_loop *loop, int64_t ns);
AWL_LOOP_THREAD int64_t awl_loop_get_slow_callback_duration(const awl_loop *loop);

/* What it is called ("" without a name), and what it runs on: "uring", "epoll" or "sim". */
AWL_ANY_THREAD const char *awl_loop_name(const awl_loop *loop);
AWL_ANY_THREAD const char *awl_loop_reactor(const awl_loop *loop);

/* The loop that runs in this thread, borrowed; AWL_ENOLOOP. asyncio: L19. */
AWL_ANY_THREAD int awl_get_running_loop(awl_loop **ret);

/*
 * A new loop, fn(arg) run in it to its end, what is left cancelled and waited for, the loop closed:
 * the outcome of fn, or a refusal (AWL_ENESTED inside a running loop). asyncio: L23.
 */
AWL_MUST AWL_RUNNER int awl_run(awl_fn *fn, void *arg);
AWL_MUST AWL_RUNNER int awl_run_with(const awl_loop_options *options, awl_fn *fn, void *arg);

/*
 * A callback waiting for its turn. Lies in the caller's storage, zeroed or AWL_HANDLE_INIT before
 * its first use, and stays until it has run or was cancelled; it may be used again from then on,
 * the callback itself included.
 */
typedef struct awl_handle {
	/* What a sending thread writes, */
	struct awl__parcel _parcel;
	awl_fn *_sent_fn;
	void *_sent_arg;
	awl_loop *_loop; /* atomic */
	uint32_t _sent; /* atomic: on its way, and not yet arrived */
	/* and what the loop's own thread does. */
	uint32_t _state;
	struct awl__heap_node _timer;
	awl_fn *_fn;
	void *_arg;
	struct awl__runnable _ready;
	int64_t _when;
	const void *_place; /* where it was scheduled */
	uint64_t _spare[1];
} awl_handle;

#define AWL_HANDLE_INIT \
	{ \
		0 \
	}

/*
 * Calls fn(arg) in a later iteration: soon, after `delay` ns, or at `when` of awl_loop_time. FIFO,
 * timers by deadline and FIFO among equals; a time in the past is the next iteration. `handle`
 * NULL: awl allocates one and forgets it. A negative return of fn goes to the exception handler. fn
 * may not wait. Refused: -EBUSY (this handle is waiting already), -ENOMEM, -EINVAL, AWL_ECLOSED.
 * asyncio: C2, C3.
 */
AWL_LOOP_THREAD int awl_loop_call_soon(awl_loop *loop, awl_fn *fn, void *arg, awl_handle *handle);
AWL_LOOP_THREAD int awl_loop_call_later(
	awl_loop *loop, int64_t delay, awl_fn *fn, void *arg, awl_handle *handle);
AWL_LOOP_THREAD int awl_loop_call_at(
	awl_loop *loop, int64_t when, awl_fn *fn, void *arg, awl_handle *handle);

/*
 * The way in for other threads, and for signal handlers if `handle` is given: fn(arg) is called in
 * the loop. With a handle nothing is allocated, and a handle already sent, or ready, stays so
 * once: 0; a timer's comes now. The loop is woken only if it sleeps. Refused: AWL_ECLOSED,
 * -ENOMEM, -EINVAL, AWL_EFORK. asyncio: C9.
 */
AWL_ANY_THREAD int awl_call_soon_threadsafe(
	awl_loop *loop, awl_fn *fn, void *arg, awl_handle *handle);

/* Takes a waiting handle back: 1, or 0 if it was not waiting. Its storage is the caller's again.
 * asyncio: C6. */
AWL_LOOP_THREAD int awl_handle_cancel(awl_handle *handle);

/* Whether the last thing that happened to a handle was a cancel: 1, 0. */
AWL_LOOP_THREAD int awl_handle_cancelled(const awl_handle *handle);

/* The deadline that a handle was last given. */
AWL_LOOP_THREAD int64_t awl_handle_when(const awl_handle *handle);

/* What went wrong where nobody waits for it. Pointers are borrowed for the call, NULL where nothing
 * fits. asyncio: D10. */
typedef struct awl_exception {
	const char *message; /* one sentence */
	int error; /* the code, negative */
	awl_task *task;
	awl_future *future;
	awl_handle *handle;
	const char *detail; /* the words behind the code, or "" */
} awl_exception;

typedef void awl_exception_handler(awl_loop *loop, const awl_exception *e, void *arg);

/*
 * Who is told of failures that nobody waits for. NULL restores the default, which writes one line
 * to the logger. asyncio: D9.
 */
AWL_LOOP_THREAD int awl_loop_set_exception_handler(
	awl_loop *loop, awl_exception_handler *fn, void *arg);
AWL_LOOP_THREAD int awl_loop_call_exception_handler(awl_loop *loop, const awl_exception *e);
AWL_ANY_THREAD void awl_loop_default_exception_handler(awl_loop *loop, const awl_exception *e);

AWL__END

#endif
