/* SPDX-License-Identifier: MIT */
/*
 * executor.h - plain functions that block, run in threads while the task that wants them waits.
 *
 * The default executor is one pool for the process: at most CPUs + 4 threads (32 at most), made
 * when needed, ended after ten seconds without work. The library's own files and names go there
 * too, so users' functions get at most half of its threads. Nothing of it belongs to a loop:
 * closing a loop waits for the functions that its tasks wait for, and for no others.
 *
 * A function that has begun cannot be stopped. A task cancelled meanwhile stays where it is until
 * the function has returned, and gets its value; the request stays for its next wait. Whose
 * function has not begun is gone at once: AWL_ECANCELED, and it never begins.
 */
#ifndef AWL_EXECUTOR_H
#define AWL_EXECUTOR_H

#include <awl/types.h>

AWL__BEGIN

typedef struct awl_executor awl_executor;

/* How one is made; all zero is the default of everything. */
typedef struct awl_executor_options {
	const char *name; /* of its threads; copied, 15 bytes are kept; NULL: "awl-executor" */
	int threads; /* at most; 0: CPUs + 4, at most 32 */
	int queue; /* functions that may wait for a thread; one more is -EAGAIN; 0: any number */
	int64_t idle; /* a thread ends after that long without work, in ns; 0: ten seconds */
	/* A function that has waited that long for a thread is told of in words, once until none
	 * waits; seen when the next one comes or begins. 0: a second; AWL_FOREVER: never. */
	int64_t late;
	uint64_t _spare[4];
} awl_executor_options;

/* With one reference; no thread yet. `options` may be NULL. -ENOMEM, -EINVAL. asyncio:
 * ThreadPoolExecutor(). */
AWL_MUST AWL_ANY_THREAD int awl_executor_new(
	const awl_executor_options *options, awl_executor **ret);

/* Giving up the last one is a shutdown that nobody waits for. unref of NULL does nothing. */
AWL_ANY_THREAD awl_executor *awl_executor_ref(awl_executor *executor);
AWL_ANY_THREAD void awl_executor_unref(awl_executor *executor);

/*
 * fn(arg) in a thread of the loop's default executor: its value, or its failure (an AWL_ECANCELED
 * of its own becomes AWL_EFUTURECANCELED). Waits. Errors of awl's: AWL_ECANCELED (it never began),
 * AWL_ENOTASK, AWL_ESCOPE, -EAGAIN (no thread to be had, or too many wait), -ENOMEM,
 * AWL_ESHUTDOWN. asyncio: H6.
 */
AWL_MUST AWL_TASK int awl_to_thread(awl_fn *fn, void *arg);

/* The same in an executor; NULL: the loop's default. */
AWL_MUST AWL_TASK int awl_executor_run(awl_executor *executor, awl_fn *fn, void *arg);

/*
 * The same without staying: the thread has a copy of `size` bytes at arg, and a task that is
 * cancelled leaves at once, AWL_ECANCELED; the function goes on alone. If the task has waited, the
 * copy is copied back. `drop` (or NULL) is called with the copy if the function has returned and
 * nobody takes it: in any thread, to give back what the function acquired. executor NULL: the
 * loop's default. asyncio: what cancelling H4's future does.
 */
AWL_MUST AWL_TASK int awl_executor_run_abandonable(
	awl_executor *executor, awl_fn *fn, void *arg, size_t size, void (*drop)(void *copy));

/*
 * fn(arg) in an executor (NULL: the loop's default) as a future of the running loop: one
 * reference. It begins in the next iteration. Cancelled before it has begun it is cancelled, later
 * it ends with fn's value: who awaits it knows that arg is free again. asyncio: H4.
 */
AWL_MUST AWL_LOOP_THREAD int awl_run_in_executor(
	awl_executor *executor, awl_fn *fn, void *arg, awl_future **ret);

/* What NULL means in this loop from now on; the loop keeps a reference. NULL: the process's
 * again. asyncio: H5. */
AWL_LOOP_THREAD int awl_loop_set_default_executor(awl_loop *loop, awl_executor *executor);

/* From now on nothing is accepted (AWL_ESHUTDOWN); what was is run. Does not wait. */
AWL_ANY_THREAD int awl_executor_shutdown(awl_executor *executor);

/*
 * Shuts it down and waits for at most `timeout` ns until its last thread has ended: 0, -ETIMEDOUT.
 * A plain thread blocks, a task waits. NULL: the process's default one, which is not shut down
 * (other loops use it): its threads end as soon as they have nothing to do, and new ones are made
 * when needed. AWL_EDEADLK in one of its own threads. asyncio: L28.
 */
AWL_MUST AWL_ANY_THREAD int awl_executor_join(awl_executor *executor, int64_t timeout);

AWL__END

#endif
