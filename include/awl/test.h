/* SPDX-License-Identifier: MIT */
/*
 * test.h - tests of programs written with awl that leave nothing to luck: in virtual time, by a
 * seed, with faults on demand, and with a trace that tells whether two runs were the same.
 */
#ifndef AWL_TEST_H
#define AWL_TEST_H

#include <awl/types.h>

AWL__BEGIN

/*
 * Runs a test: fn(arg) as awl_run does, in a loop on "sim". Its clock stands while any task can run
 * and then jumps to the next deadline, so a sleep of an hour takes no time, and how long anything
 * took can be asked for exactly:
 *
 *	static int the_fourth_attempt_comes_after_700_ms(void *arg)
 *	{
 *		awl_loop *loop;
 *		int64_t began;
 *
 *		awl_get_running_loop(&loop);
 *		began = awl_loop_time(loop);
 *		CHECK(retry(fails_three_times, arg) == 0);
 *		CHECK(awl_loop_time(loop) - began == 700 * AWL_MS);
 *		return 0;
 *	}
 *
 * The whole program is examples/retry_test.c.
 *
 * The seed decides what a kernel leaves open: which operation on a pipe (awl_test_pipe) completes
 * first, how its bytes are split, how long it takes, whether a cancel or the data wins. What awl
 * promises it does not touch: ready tasks run in their order. 0 perturbs nothing, unless AWL_SEED
 * is set. The same seed gives the same run: awl_test_digest. Returns the outcome of fn, or a
 * refusal, as awl_run. asyncio: none.
 */
AWL_MUST AWL_RUNNER int awl_test_run(uint64_t seed, awl_fn *fn, void *arg);

/*
 * Moves the test's clock on, by ns at once, as if the calling step had taken that long: deadlines
 * passed over are late, which is how a busy machine is shown. To let time pass in its order, sleep.
 * Refused: -ENOTSUP outside of sim, -EINVAL below 0.
 */
AWL_LOOP_THREAD int awl_test_advance(int64_t ns);

/*
 * Waits until every other task of the loop is parked: what the caller began has come as far as it
 * gets without more time or input. No time passes. Whose function runs in a thread is parked too;
 * who yields for ever never is. 0, AWL_ECANCELED.
 */
AWL_MUST AWL_TASK int awl_test_wait_blocked(void);

/* Steps of several tasks in an order fixed by numbers. In the caller's storage, zeroed or
 * AWL_TEST_SEQUENCER_INIT; for the tasks of one loop. */
typedef struct awl_test_sequencer {
	struct awl__list _waiters;
	int _next;
	int _broken;
	uint64_t _spare[2];
} awl_test_sequencer;
#define AWL_TEST_SEQUENCER_INIT \
	{ \
		{ NULL, NULL }, 0, 0, \
		{ \
			0, 0 \
		} \
	}

/*
 * Waits until it is the turn of `step`: 0 is the first, each begins once the one before it has been
 * taken. A step is what its task does from here to its next wait. 0; -EINVAL: the step has been
 * taken. AWL_ECANCELED: the order is broken, and the others get AWL_EBROKEN instead of their turn.
 */
AWL_MUST AWL_TASK int awl_test_sequence(awl_test_sequencer *sequencer, int step);

/*
 * Makes the n-th allocation of awl's from now on fail, the calling thread's alone, counted from 1;
 * n <= 0: none does. Returns how many it has made since the last call, so that a test can go
 * through all of them:
 *
 *	int64_t n = 0;
 *
 *	do {
 *		awl_test_fail_alloc(++n);
 *		r = awl_test_run(0, body, NULL);
 *		CHECK(r == 0 || r == -ENOMEM);
 *	} while (awl_test_fail_alloc(0) >= n);
 */
AWL_ANY_THREAD int64_t awl_test_fail_alloc(int64_t n);

/*
 * Makes a pipe of the test's own: fds[0] reads what fds[1] writes. awl_fd_read, awl_fd_write and
 * awl_wait_fd take both ends, which are no descriptors of the system's; awl_test_close closes one.
 * Refused: -ENOTSUP outside of sim, -ENOMEM; -EBADF.
 */
AWL_MUST AWL_LOOP_THREAD int awl_test_pipe(int fds[2]);
AWL_LOOP_THREAD int awl_test_close(int fd);

/*
 * Tells whether two runs were the same: a number made of the trace of the calling thread's test so
 * far, or of its last one. The trace has each step of a task, by number and name, with the virtual
 * time and what it had waited for, each callback, and each note.
 */
AWL_ANY_THREAD uint64_t awl_test_digest(void);

/* Adds a line to the trace: what the schedule does not show, a result, say. */
AWL_ANY_THREAD void awl_test_note(const char *words);

/*
 * Shows the trace: each line of the calling thread's tests goes to fn while they run, without a
 * newline: "12.000000300 Task-2 after sleep". NULL: to nobody. For diffing two runs that should
 * have been the same.
 */
typedef void awl_test_trace_fn(const char *line, void *arg);
AWL_ANY_THREAD void awl_test_set_trace(awl_test_trace_fn *fn, void *arg);

AWL__END

#endif
