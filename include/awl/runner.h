/* SPDX-License-Identifier: MIT */
/*
 * runner.h - several runs on one loop, Ctrl-C in a civil way, and an end with a deadline:
 *
 *	awl_runner r = { .shutdown_timeout = 5 * AWL_SEC };
 *	int status = awl_runner_run(&r, serve, NULL);
 *
 *	if (awl_runner_close(&r) < 0 || status < 0)
 *		return 1;
 */
#ifndef AWL_RUNNER_H
#define AWL_RUNNER_H

#include <awl/loop.h>
#include <awl/types.h>

AWL__BEGIN

/*
 * In the caller's storage, zeroed but for what is chosen: `loop`, how the loop of the first run is
 * made; `shutdown_timeout`, the ns that close gives the tasks that are left (0: any time they
 * take); `leave_sigint`, non-zero to leave that signal alone.
 */
typedef struct awl_runner {
	awl_loop_options loop;
	int64_t shutdown_timeout;
	int leave_sigint;
	int _state;
	awl_loop *_loop;
	awl_task *_main;
	struct awl__locals *_locals;
	int _interrupted;
	uint32_t _spare32;
	uint64_t _spare[4];
} awl_runner;

/*
 * Runs fn(arg) to its end: its outcome, as awl_loop_run_until_complete. Other tasks stay for the
 * next run; what the main task set of its locals (local.h) the next one finds.
 *
 * In the process's main thread, where SIGINT has its default disposition: the first during a run
 * cancels the main task, and the run is -EINTR if that ended it; the second ends the process, as
 * SIGINT does by default. The disposition is restored when the run returns.
 *
 * Refused: as awl_loop_new and awl_loop_run_until_complete; AWL_ECLOSED after close. asyncio: L24,
 * L26.
 */
AWL_MUST AWL_RUNNER int awl_runner_run(awl_runner *r, awl_fn *fn, void *arg);

/* The runner's loop, borrowed; made if need be. AWL_ECLOSED after close. */
AWL_LOOP_THREAD int awl_runner_get_loop(awl_runner *r, awl_loop **ret);

/*
 * Closes the loop as awl_loop_close does: tasks are asked to stop leaves first, who waits for
 * another after that one. -ETIMEDOUT: after shutdown_timeout some had not stopped; each is
 * reported with its stack, and the runner stays open: close it again, or exit. Once closed, 0
 * again. asyncio: L25.
 */
AWL_MUST AWL_RUNNER int awl_runner_close(awl_runner *r);

AWL__END

#endif
