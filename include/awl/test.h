/* SPDX-License-Identifier: MIT */
/*
 * test.h - tests of programs written with awl that leave nothing to luck: in virtual time, by a
 * seed, in a simulated network, with faults on demand, and with a trace that tells whether two runs
 * were the same.
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
 * The seed decides what a kernel leaves open: which operation on a pipe or a socket completes
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
 * Refused: -ENOTSUP outside of sim, -ENOMEM; -EBADF, -EBUSY for what a stream has.
 */
AWL_MUST AWL_LOOP_THREAD int awl_test_pipe(int fds[2]);
AWL_LOOP_THREAD int awl_test_close(int fd);

/* --- the network ------------------------------------------------------------------------------
 * On sim every socket is one of a simulated network: streams, servers, datagrams and names work as
 * on the system's, in virtual time, and nothing leaves the process. Each address is a host; who
 * says nothing else is on 127.0.0.1.
 *
 *	awl_test_name("db.example", "10.0.0.1", 5 * AWL_MS);
 *	awl_test_set_network(&(awl_test_network){ .latency = 20 * AWL_MS, .loss_in = 50 });
 *	awl_test_host("10.0.0.1");
 *	awl_create_task(database, NULL, NULL);
 *	awl_test_host("10.0.0.2");
 *	awl_create_task(client, NULL, &t);
 *	awl_sleep(AWL_SEC);
 *	awl_test_partition("10.0.0.1", "10.0.0.2", 1);
 *
 * The whole program is examples/network_test.c. All of these answer -ENOTSUP outside of sim,
 * -EINVAL for what is no address, -ENOMEM.
 */

/*
 * What the network is like and what goes wrong in it; all zero: nothing, and everything is there at
 * once. Each "in" is one in so many, drawn by the seed; 0: none. Unix sockets take no time.
 */
typedef struct awl_test_network {
	const char *from, *to; /* between these hosts, both ways; `to` NULL: between `from` and all
				  others; both NULL: between any */
	int64_t latency; /* one way, in ns; a connect takes two */
	int64_t jitter; /* up to so much more, drawn each time; streams keep their order */
	int64_t bandwidth; /* bytes a second that a socket sends; 0: no bound */
	int reset_in; /* a read or write of a stream finds the connection reset */
	int loss_in; /* a datagram is lost; a stream's bytes come 200 ms late, a connect's a second
		      */
	int duplicate_in; /* a datagram comes twice */
	int reorder_in; /* others overtake a datagram */

	/* The kernel's doing, on every host: taken over where no host is named. */
	int short_in; /* a transfer of a stream moves a part */
	int again_in; /* what was said to be ready is not after all */
	int nobufs_in; /* a write fails with -ENOBUFS */
	int nfile_in; /* a new descriptor fails with -ENFILE */
	uint64_t _spare[8];
} awl_test_network;

/*
 * From now on the network is like this: replaces what was said of the same hosts before; the line
 * that names two hosts most exactly counts. NULL: all is perfect again, but for partitions.
 */
AWL_LOOP_THREAD int awl_test_set_network(const awl_test_network *network);

/*
 * Nothing passes between two hosts, or between one and all others (b NULL), until `on` is 0:
 * streams stall and then go on, datagrams are lost, a connect fails with -ETIMEDOUT after 127
 * seconds.
 */
AWL_LOOP_THREAD int awl_test_partition(const char *a, const char *b, int on);

/*
 * Sockets that the calling task makes from now on, and the tasks that it creates, are those of this
 * host. A socket that is bound to an address is that host's.
 */
AWL_LOOP_THREAD int awl_test_host(const char *address);

/*
 * What a name means from now on: addresses in the order they are told, with spaces between, 8 at
 * most; an answer takes `delay`. Of names, sim knows those alone, and localhost.
 */
AWL_LOOP_THREAD int awl_test_name(const char *name, const char *addresses, int64_t delay);

/* Asking for this name fails after `delay`: AWL_ENONAME, AWL_ENAMESERVER. */
AWL_LOOP_THREAD int awl_test_name_fails(const char *name, int error, int64_t delay);

/* So many descriptors can be open at a time, pipes and sockets; then -EMFILE. 0: any number. */
AWL_LOOP_THREAD int awl_test_set_descriptors(int max);

/* ------------------------------------------------------------------------------------------------
 */

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
