/* SPDX-License-Identifier: MIT */
/*
 * model.h - awl as its headers describe it, written as plainly as can be: tasks are state machines
 * without stacks, every question is answered by looking through everything. It shares no line with
 * the library, so where the two agree both say what was meant.
 *
 * A statement that waits is executed again when its task goes on: `phase` says how far it has come.
 */
#ifndef ORACLE_MODEL_H
#define ORACLE_MODEL_H

#include "program.h"

#include <stdlib.h>
#include <string.h>

#define FOREVER INT64_MAX
#define LOOK_EVERY 64 /* steps, between looks at the clock while anything is timed */
#define LOOK_RARELY 4096

enum {
	TASKS = BODIES + 1,
	STARTS = TASKS + FUTURES, /* what its starter waits for, by task */
	ENDABLES = STARTS + TASKS, /* what can be awaited: tasks first */
	SCOPES = 8, /* open in one task */
	CROWD = 64,
};

/* Numbers in the order they came. */
struct line_up {
	int n, who[CROWD];
};

enum state { PENDING, FINISHED, CANCELLED };

struct endable {
	bool exists; /* known by its number */
	enum state state;
	int outcome;
	struct line_up waiters; /* tasks, and done callbacks by their statement: -1 - it */
};

struct scope {
	bool open;
	int kind; /* OP_TIMEOUT, OP_SHIELD, OP_GROUP */
	int owner; /* the task */
	int64_t deadline;
	int requests; /* the owner had before it was entered */
	bool asks, told, expired;
	/* a group's */
	bool cancelled, joining, cut, taken, passed_on;
	int failure;
	bool gathers, collects; /* it is a gather's; for which failures are results as others */
	struct line_up jobs; /* a gather's, also when they have ended */
	struct line_up children; /* alive */
};

enum waits { NOTHING, TIME, AN_ENDABLE, ITS_CHILDREN, A_QUEUE };

struct frame {
	int at; /* the statement; -1: the block is over */
	int phase, status;
	bool inside; /* a lock or limiter: it has been taken */
	int64_t when; /* a select's time */
};

struct watcher {
	struct line_up watched;
	int left, failure; /* not done; the first to fail, or 0 */
	bool all; /* a failure is no end */
	bool stopping, failing, taken;
	bool waits; /* for all of them, whatever is asked */
};

struct task {
	int number;
	bool made, begun;
	bool starting; /* its starter waits */
	struct frame frame[16];
	int depth;
	struct scope *scope[SCOPES]; /* from the outermost */
	int scopes;
	struct scope *group; /* whose child it is */
	int requests; /* by cancel, not taken back */
	bool pending; /* one of them is to be delivered */

	enum waits waits;
	bool parked, interrupted, joins;
	bool deaf; /* takes a lock back: nothing interrupts that */
	int on; /* the endable */
	struct line_up *queue;
	int lock; /* whose queue that is; -1: no lock's */
	int64_t until; /* a sleep's end */
	int word; /* what the waker said */
	int given; /* an item */
	struct line_up selecting; /* itself, while it waits in a select */
	int taken; /* the case that was served; -1: none yet */
	struct watcher watcher; /* while it gathers what is under way */
	int64_t timer; /* FOREVER: not armed */
	uint64_t armed; /* when, among all timers */
};

struct lock {
	int holder; /* -1: nobody */
	struct line_up waiters;
};

/* Queues that are no queues. */
enum { A_STACK = 2, A_HEAP };

struct queue {
	int room, count, item[CROWD], unfinished;
	bool shut;
	struct line_up getters, putters, joiners; /* tasks, and cases of selects */
};

struct limiter {
	int total;
	struct line_up borrowers, waiters;
};

/* What waits to run: a task, or a callback by its statement. */
struct ready {
	enum { A_TASK, A_CALLBACK, A_DONE_CALLBACK, A_CASE, A_WATCH } kind;
	int what, on;
};

struct timer {
	int64_t when;
	uint64_t armed;
	int statement;
};

extern struct world {
	const struct program *p;
	enum mistake mistake;
	struct trace *trace;
	int64_t now;
	struct task task[TASKS];
	struct endable endable[ENDABLES];
	struct scope scope[STATEMENTS]; /* by the statement that opens it */
	bool event[EVENTS];
	struct line_up event_waiters[EVENTS];
	int tokens;
	struct line_up token_waiters;
	struct lock lock[LOCKS + 1]; /* the last is the condition's */
	struct line_up condition;
	struct queue queue[QUEUES];
	struct line_up barrier;
	struct limiter limiter;
	struct ready ready[TRACE], batch[TRACE];
	int ready_n, batch_n, batch_at;
	struct timer timer[CROWD];
	int timers;
	uint64_t arming;
	int64_t steps, look_due;
	bool over;
} world;

enum verdict { DONE, PARKED, ENTERED };

/* model_ask.c: lines, and what is asked of whom */
void join_line(struct line_up *l, int who);
void leave_line(struct line_up *l, int who);
void make_ready(struct ready r);
void wake(struct task *t);
struct task *wake_first(struct line_up *l, int word);
void wake_all(struct line_up *l, int word);
int innermost_shield(const struct task *t);
bool cancel_visible(const struct task *t);
bool asked(const struct task *t);
int deliver(struct task *t);
void end_endable(int e, enum state state, int outcome);
int outcome_of(int e);
int tasks_among(const struct line_up *l);
const struct scope *joined_by(const struct task *u);
bool waits_for(int e, const struct task *t);
int cancel(int e);
void ask(struct scope *s);
bool outside_stops(const struct task *t, int level);
bool shielded_outside(const struct task *t, int level);
bool outside_asks(const struct task *t, int level);

/* model_time.c: timers */
int64_t after(int64_t ns);
uint64_t arm(void);
void set_timer(struct task *t, int64_t until);
void expire(struct task *t);
void rearm(struct task *t);
bool fire_one(int64_t when);
int64_t first_timer(void);

/* model_wait.c: what waits, and its other side */
enum verdict done(int *r, int value);
enum verdict park(struct task *t, enum waits waits, int64_t until);
enum verdict park_in(struct task *t, struct line_up *queue);
enum verdict yield(struct task *t, struct frame *f, int *r);
enum verdict sleep_for(struct task *t, struct frame *f, int64_t ns, int *r);
enum verdict wait_for(struct task *t, struct frame *f, int e, bool joins, int *r);
enum verdict wait_event(struct task *t, struct frame *f, int e, int *r);
enum verdict acquire(struct task *t, struct frame *f, int *r);
int release(void);
enum verdict with_lock(struct task *t, struct frame *f, int lock, int *r);
enum verdict wait_condition(struct task *t, struct frame *f, int *r);
int notify(const struct task *t, int n);
int try_put(struct queue *q, int item);
int try_get(struct queue *q);
enum verdict put(struct task *t, struct frame *f, struct queue *q, int item, int *r);
enum verdict get(struct task *t, struct frame *f, struct queue *q, int *r);
enum verdict join_queue(struct task *t, struct frame *f, struct queue *q, int *r);
int task_done(struct queue *q);
int shut_down(struct queue *q, bool immediately);
enum verdict wait_barrier(struct task *t, struct frame *f, int *r);
enum verdict with_limiter(struct task *t, struct frame *f, int *r);
int limiter_total(int total);

/* model_select.c: cases, and tasks that gather, as numbers below 0 in a line */
bool is_case(int who);
bool is_watch(int who);
void watched_ended(int which, int e);
enum verdict gather_futures(struct task *t, struct frame *f, const struct statement *s, int *r);
struct task *claim(int which, int word);
enum verdict select_one(struct task *t, struct frame *f, const struct statement *s, int *r);

/* model_scope.c: scopes, groups and their children */
enum verdict timeout_or_shield(struct task *t, struct frame *f, const struct statement *s, int *r);
enum verdict group(struct task *t, struct frame *f, const struct statement *s, int *r);
enum verdict gather(struct task *t, struct frame *f, const struct statement *s, int *r);
void enter_timeout(struct task *t, int at, int64_t deadline);
int exit_timeout(struct task *t, int status);
void child_done(struct scope *g, struct task *t, enum state state, int outcome);
int spawn(int who, struct scope *g);
enum verdict start(struct task *t, struct frame *f, int who, struct scope *g, int *r);
int started(struct task *t, int value);
int group_deadline(struct scope *g, int64_t ns);
int group_cancel(struct scope *g);
int reschedule(struct scope *s, int64_t ns);
int deadline(const struct task *t);

#endif
