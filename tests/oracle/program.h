/* SPDX-License-Identifier: MIT */
/*
 * program.h - the oracle's little programs: tasks that are lists of statements, what running one
 * prints, and the parts of the test that make, run, foretell, show and shrink them.
 *
 * Task t0 is there from the beginning, begun by the reaper, a task of its own, which sleeps until
 * all is quiet and then cancels whoever is left. A statement that opens a block (a scope, a lock)
 * has it as its child. A block ends after its last statement, or with a failure at one that minds
 * it ("or leave", as `if (r < 0) return r;` does in C), or at an `end`.
 */
#ifndef ORACLE_PROGRAM_H
#define ORACLE_PROGRAM_H

#include <awl.h>

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

enum {
	BODIES = 6, /* one task each, at most */
	REAPER = BODIES,
	STATEMENTS = 120,
	FUTURES = 3,
	EVENTS = 2,
	LOCKS = 2,
	QUEUES = 4, /* of one place and two, a stack and a heap */
	SEMAPHORE_VALUE = 1,
	LIMITER_TOTAL = 1,
	BARRIER_PARTIES = 2,
	TRACE = 4000,
	NEVER = -1, /* as a time */
};

/* The cases of a select, as bits of its `a` and in this order. */
enum {
	CASE_GET,
	CASE_PUT = CASE_GET + QUEUES,
	CASE_FUTURE = CASE_PUT + QUEUES,
	CASE_TIME = CASE_FUTURE + FUTURES,
	CASES,
};

enum {
	REAP_AFTER = 1000000,
	REAP_EVERY = 1000,
	REAP_ROUNDS = 60,
	STUCK = -999, /* the outcome of a program that has not ended by then */
};

/*
 * `a` is a number: of a task, a future ..., of the scope's own statement; `b` a time in ns, a value
 * or a status.
 */
enum op {
	OP_REAP, /* cancels whoever is left, over and over, until nobody is */

	/* these may wait */
	OP_YIELD,
	OP_CHECKPOINT,
	OP_SLEEP,
	OP_AWAIT,
	OP_JOIN,
	OP_AWAIT_FUTURE,
	OP_JOIN_FUTURE,
	OP_EVENT_WAIT,
	OP_ACQUIRE,
	OP_PUT,
	OP_GET,
	OP_QUEUE_JOIN,
	OP_BARRIER_WAIT,
	OP_CONDITION_WAIT,
	OP_START, /* task a in group b, until it says `started` */
	OP_SELECT, /* among the cases a, of which the time is b */
	OP_GATHER, /* task a and the next one; b: the others of one that fails go on */
	OP_GATHER_FUTURES, /* bits of a: tasks and, above them, futures; b: what a failure does */

	/* these never do */
	OP_SPAWN,
	OP_CHILD, /* task a in group b */
	OP_STARTED,
	OP_CANCEL,
	OP_UNCANCEL,
	OP_CANCELLING,
	OP_DEADLINE,
	OP_SET,
	OP_FAIL,
	OP_CANCEL_FUTURE,
	OP_ON_DONE,
	OP_ON_FUTURE_DONE,
	OP_EVENT_SET,
	OP_EVENT_CLEAR,
	OP_RELEASE,
	OP_TRY_ACQUIRE,
	OP_TRY_PUT,
	OP_TRY_GET,
	OP_TASK_DONE,
	OP_SHUTDOWN, /* b: immediately */
	OP_NOTIFY, /* b: how many */
	OP_BARRIER_RESET,
	OP_LIMITER_TOTAL, /* from now on b */
	OP_GROUP_CANCEL,
	OP_GROUP_DEADLINE,
	OP_RESCHEDULE,
	OP_END, /* the block, with status b */

	/* these have a block */
	OP_LATER, /* its block runs as a callback after b ns */
	OP_TIMEOUT,
	OP_SHIELD,
	OP_GROUP,
	OP_LOCK,
	OP_CONDITION, /* with its lock */
	OP_LIMITER, /* with a token of it */
	OP_REPEAT, /* b times */
	OPS,
};

struct statement {
	uint8_t op;
	bool minds; /* a failure ends the block */
	int16_t next, child; /* -1: none */
	int32_t a, b;
};

struct program {
	uint64_t seed;
	int bodies, statements;
	int16_t body[BODIES + 1]; /* its first statement; -1: none. The last is the reaper's */
	struct statement at[STATEMENTS];
};

/* Who, where, besides a task's number and a statement's. */
enum {
	CALLBACK = -1,
	DONE_CALLBACK = -2,
	BEGINS = -1,
	ENDS = -2,
};

struct line {
	int64_t time;
	int16_t who, where;
	int32_t result;
};

struct trace {
	int lines;
	struct line line[TRACE];
};

static inline void trace_add(struct trace *t, int64_t time, int who, int where, int result)
{
	if (t->lines < TRACE)
		t->line[t->lines++] = (struct line){ time, (int16_t)who, (int16_t)where, result };
}

/* generate.c: the program of a seed, always the same. */
void program_make(struct program *p, uint64_t seed);

/* Of two items of the heap: < 0: a goes before b; 0: the one that came first does. */
static inline int item_order(int a, int b)
{
	return a % 3 - b % 3;
}

/* What the model gets wrong on purpose, for the test of the test. */
enum mistake {
	NO_MISTAKE,
	SCOPES_ASK_ONCE,
	LAST_WAITER_FIRST,
	DEADLINE_BEATS_RESULT,
	FAILURES_CANCEL_NOBODY,
	A_SELECT_TAKES_TOO_LATE,
	TOKENS_FOR_EVERYBODY,
	EQUALS_OVERTAKE,
	MISTAKES,
};

/* model.c: what awl has to print; real.c: what it prints. */
void program_foretell(const struct program *p, enum mistake mistake, struct trace *t);
void program_run(const struct program *p, struct trace *t);

/* show.c: as pseudo code; and two traces, side by side from a little before they part. */
void program_show(const struct program *p);
void traces_show(const struct program *p, const struct trace *model, const struct trace *awl);
int traces_part(const struct trace *a, const struct trace *b); /* at which line; -1: nowhere */

/* shrink.c: the smallest program it finds for which fails() is still true. */
void program_shrink(
	struct program *p, bool (*fails)(const struct program *p, void *arg), void *arg);

#endif
