/* SPDX-License-Identifier: MIT */
/*
 * workers.h - several loops, a thread each, as one thing: begun together, ended together.
 */
#ifndef AWL_WORKERS_H
#define AWL_WORKERS_H

#include <awl/loop.h>
#include <awl/types.h>

AWL__BEGIN

typedef struct awl_workers awl_workers;

/* How they are made; all zero is the default of everything. */
typedef struct awl_workers_options {
	int count; /* 0: one for each CPU this process may use */
	int pinned; /* each thread stays on one of those CPUs, in turn */
	awl_loop_options loop; /* of each; a name becomes "name-0", "name-1", ... */
	uint64_t _spare[4];
} awl_workers_options;

/* The main task of the loop of that index, 0 ... count - 1. */
typedef int awl_worker_fn(awl_workers *workers, int index, void *arg);

/*
 * Runs fn in every loop and waits until all have ended. The first failure in time cancels the other
 * main tasks and is returned; else 0. A loop is closed as soon as its main task is done; what else
 * runs in it is cancelled then. fn NULL: every loop serves what is sent there, until
 * awl_workers_stop. Blocks: not in a thread that runs a loop (AWL_ENESTED). -ENOMEM, -EAGAIN (no
 * thread), -EINVAL; then no fn has begun, or those that had were cancelled and have ended.
 */
AWL_MUST AWL_RUNNER int awl_workers_run(
	const awl_workers_options *options, awl_worker_fn *fn, void *arg);

/* The same in two halves: begun, from any thread; and waited for, once, which frees them. */
AWL_MUST AWL_ANY_THREAD int awl_workers_start(
	const awl_workers_options *options, awl_worker_fn *fn, void *arg, awl_workers **ret);
AWL_MUST AWL_RUNNER int awl_workers_join(awl_workers *workers);

/* Cancels all main tasks; that they end cancelled then is no failure. `reason` are words that live
 * on, or NULL. */
AWL_ANY_THREAD int awl_workers_stop(awl_workers *workers, const char *reason);

/* How many there are; and the loop of one, borrowed until the join: for awl_call_soon_threadsafe
 * and its kin. NULL: no such index. */
AWL_ANY_THREAD int awl_workers_count(const awl_workers *workers);
AWL_ANY_THREAD awl_loop *awl_workers_loop(const awl_workers *workers, int index);

AWL__END

#endif
