/* SPDX-License-Identifier: MIT */
/*
 * loop.h - a loop as the rooms above see it: the ready list, the iteration, the timers.
 *
 * An iteration runs a snapshot, `batch`; what becomes ready meanwhile waits in `ready` for the next
 * one. A task that parks switches straight to the next ready task while it can; everything else is
 * the hub's work, which runs on the stack of the thread that called run.
 */
#ifndef AWL__LOOP_H
#define AWL__LOOP_H

#include "base/base.h"
#include "base/heap.h"
#include "base/list.h"
#include "base/report.h"
#include "base/rows.h"
#include "base/token.h"
#include "coro/stack.h"
#include "coro/switch.h"
#include "loop/inbox.h"
#include "loop/owner.h"
#include "reactor/op.h"

#include <awl/errors.h>
#include <awl/loop.h>

/* The kernel is looked at after the first snapshot that ends this many steps after the last
 * look. */
#define AWL__LOOK_EVERY 64u
#define AWL__LOOK_RARELY 4096u /* while nothing waits for kernel or clock */

/* The low 16 bits of each loop's id: not 0, and no aligned address ends so. */
#define AWL__LOOP_TAG UINT64_C(0x6177)

enum awl__run_kind {
	AWL__RUN_TASK,
	AWL__RUN_HANDLE,
	AWL__RUN_ABOVE, /* what only the rooms above know: loop->run */
};

/* What a loop that closes has to end when its tasks have. */
enum awl__open_kind {
	AWL__OPEN_STREAMS,
	AWL__OPEN_DATAGRAMS,
	AWL__OPEN_WATCHES, /* of awl_loop_add_reader and _writer */
	AWL__OPEN_KINDS,
};

enum awl__timer_kind {
	AWL__TIMER_TASK,
	AWL__TIMER_HANDLE,
};

struct awl_task_options;
struct awl__probe;
struct awl__scope;
struct awl__task;

/* What the rooms above give the loop to call. */
struct awl__loop_hooks {
	void (*run)(struct awl_loop *l, struct awl__runnable *r); /* a task's step, or ABOVE */
	void (*timer)(struct awl_loop *l, struct awl__heap_node *n); /* a task's timer is due */
	int (*close)(struct awl_loop *l);
	int (*born)(struct awl_loop *l); /* readers outside may find it from now on */
	void (*left)(struct awl_loop *l); /* closed, and perhaps only its futures keep it now */
	void (*dies)(struct awl_loop *l);
	/* In the loop's thread, once: it would sleep for ever. certain: nothing can wake it. */
	void (*stuck)(struct awl_loop *l, bool certain);
	void (*dump)(int fd); /* any thread: every task of every loop */
};

/* What the watchdog knows of a running loop. */
struct awl__watched {
	struct awl__list link;
	struct awl__parcel answer; /* sent when it would sleep for ever */
	uint64_t moves; /* steps and iterations, when it was last seen to move */
	uint64_t stuck_at; /* the step after which it was last told to be stuck */
	int64_t still; /* for how long it has not moved */
	int64_t told_at; /* when a slow step was last told of */
	unsigned untold; /* slow steps since then, without a word */
	bool asleep;
	bool slow; /* this step is known to be slow */
	bool told; /* and was told of */
	bool certain;
	char who[96];
};

struct awl_loop {
	struct awl__owner owner;
	uint64_t process; /* where it was made */
	uint64_t id; /* of all loops ever made by the process; ends in AWL__LOOP_TAG */
	struct awl__list ready, batch;
	/* Sees each step before it is made; then every one is the hub's. NULL: nobody looks. */
	void (*trace)(struct awl_loop *l, struct awl__runnable *r);
	struct awl__task *current; /* NULL: the hub runs */
	uint64_t steps; /* tasks and callbacks run so far: the moment, for readers outside */
	uint64_t look_due; /* the number of steps at which the kernel is looked at */
	uint64_t iterations;
	int64_t now; /* this iteration's time */
	int64_t due; /* who waits for it outside comes back then; INT64_MIN: nobody waits there */
	int budget; /* what the running task may still take without parking */
	bool halt; /* the run ends after this iteration */
	bool stopped; /* by awl_loop_stop */
	bool closing, closed;
	bool debug; /* places of creation are kept, and more is told */
	void *until; /* the future a run waits for */
	const awl_handle *callback; /* the one that runs now: for a report */
	awl_fn *callback_fn;
	struct awl__context hub;
	struct awl__parcel *arrived; /* taken from the inbox, the oldest first, not yet opened */
	struct awl__probe *probe; /* a parked task is asked for its frames */
	struct awl__heap timers;
	struct awl__reactor *reactor;
	struct awl__stack_pool stacks;
	int64_t trim_at; /* not before that they give memory back */
	const struct awl__loop_hooks *hooks;
	struct awl__pool *pool; /* where plain functions run; NULL: the process's */

	/* the task room's */
	struct awl__rows tasks, futures;
	struct awl__list loose; /* futures that are in no row */
	struct awl__scope *free_scopes;
	void *scope_blocks;
	uint32_t live; /* tasks not done */
	uint32_t started; /* of those, begun: they are bound to the thread */
	uint32_t task_number;
	uint32_t closing_number; /* closing: tasks up to this one were there when it began */
	uint32_t stopping; /* of those, how many were asked to stop and have not ended */
	uint64_t scope_serial;
	uint32_t kept; /* futures and tasks whose memory somebody still refers to */
	bool outlived; /* closed, and those hold one reference together */
	bool leak_told;
	size_t stack_size;
	bool virtual_time; /* sim: the system's clocks say nothing */
	struct awl__lent **lent; /* pages of what is known of lent descriptors, by number */
	uint32_t lent_pages;
	struct awl__list in_line, closers; /* tasks: for their turn at one; for all to let go */
	int (*factory)(awl_loop *l, struct awl_task_options *o, awl_fn **fn, void **arg, void *own);
	void *factory_arg;

	/* the sync room's */
	struct awl__rows holds; /* locks and tokens that tasks have */
	uint32_t fresh_holds; /* so many more before free ones are searched for */
	uint64_t sync_serial;

	/* the net room's */
	struct {
		struct awl__list all;
		void (*end)(struct awl_loop *l); /* set with the first; NULL: there was none */
	} open[AWL__OPEN_KINDS]; /* what is not yet closed, ended in this order */
	void *net_blocks; /* memory for what has come and is not yet read: free, linked */
	uint32_t net_block_count;
	uint32_t net_kept; /* of `kept`: streams and servers */

	awl_exception_handler *on_exception;
	void *on_exception_arg;
	int cancel_state; /* what pthread_cancel meant to the thread before the run */
	uint64_t bound; /* the token of the thread it last ran in */
	struct awl__watched watched;
	_Atomic int64_t slow; /* a step may take so long; INT64_MAX: any time */
	_Atomic uint32_t runner_tid;
	_Atomic bool shut;
	_Atomic uint32_t refs;
	struct awl_loop *next; /* in the process's list */
	char name[32];

	/* Other threads write here: a line of its own. */
	_Alignas(AWL__CACHE_LINE) struct awl__inbox inbox;
};

static inline void awl__loop_push(awl_loop *l, struct awl__runnable *r)
{
	r->queued = 1;
	awl__list_push(&l->ready, &r->link);
}

static inline struct awl__runnable *awl__runnable_at(struct awl__list *node)
{
	return awl__container(node, struct awl__runnable, link);
}

/* Something waits for the kernel or the clock: look at them in time. */
static inline void awl__loop_look(awl_loop *l)
{
	if (l->look_due > l->steps + AWL__LOOK_EVERY)
		l->look_due = l->steps + AWL__LOOK_EVERY;
}

static inline void awl__timer_add(awl_loop *l, struct awl__heap_node *n, int64_t deadline)
{
	awl__heap_add(&l->timers, n, deadline);
	awl__loop_look(l);
}

/* Out of the ready list, back to its owner. */
static inline void awl__loop_withdraw(struct awl__runnable *r)
{
	r->queued = 0;
	awl__list_remove(&r->link);
}

/*
 * The next task, if it is the next thing to do at all: for a task that leaves. NULL: to the hub.
 * Turns to the next snapshot by itself as long as no look at kernel, inbox or clock is due.
 */
static inline struct awl__runnable *awl__loop_next_task(awl_loop *l)
{
	struct awl__list *node = l->batch.next;
	struct awl__runnable *r;

	if (node == &l->batch) {
		if (awl__list_empty(&l->ready) || l->halt || l->steps >= l->look_due ||
			!awl__inbox_empty(&l->inbox))
			return NULL;
		l->iterations++;
		awl__list_splice(&l->batch, &l->ready);
		node = l->batch.next;
	}
	r = awl__runnable_at(node);
	if (awl__unlikely(r->kind != AWL__RUN_TASK || l->trace))
		return NULL;
	awl__loop_withdraw(r);
	l->steps++;
	return r;
}

int awl__loop_new(
	const awl_loop_options *options, const struct awl__loop_hooks *hooks, awl_loop **ret);

/* A run: 0 and the loop is this thread's, or a refusal; `call` is the public function. */
int awl__loop_begin(awl_loop *l, struct awl__call *call);
void awl__loop_end(awl_loop *l);

/* Iterations until halt; 0, or what the reactor failed with. */
int awl__loop_iterate(awl_loop *l);

/* Lets who runs it wait for it outside: at the descriptor, for as long as awl_loop_timeout says. */
int awl__loop_rest(awl_loop *l);

/* The moment at which a loop that is idle wants to be run; INT64_MIN: now. */
static inline int64_t awl__loop_wants(const awl_loop *l)
{
	int64_t first = awl__heap_first(&l->timers);

	if (l->reactor->asked || !awl__list_empty(&l->ready))
		return INT64_MIN;
	return first < l->due ? first : l->due;
}

/* awl's own awl_loop_unref, from any thread: it never looks at the owner. */
void awl__loop_release(awl_loop *l);

/*
 * Behind each call of a user's function: fork copied the stack it ran on, but not the thread that
 * runs the loop. A child that returns here is ended, with a report.
 */
_Noreturn void awl__loop_not_here(void) AWL__COLD;
static inline void awl__loop_still_here(const awl_loop *l)
{
	if (awl__unlikely(awl__thread->running != l))
		awl__loop_not_here();
}

/* When the clock is to be looked at again; idle stacks are trimmed before a long sleep. */
int64_t awl__loop_sleep_until(awl_loop *l);

/* Takes what is in the inbox; opens it too. */
void awl__loop_collect(awl_loop *l);
void awl__loop_unpack(awl_loop *l);

/* Drops callbacks that wait, shuts the inbox, marks it closed. The owner's, with no task left. */
void awl__loop_shut(awl_loop *l);

/* The name of a function, for a sentence. */
const char *awl__symbol(const void *code, char *buf, size_t len);

/* The same for a place in it: a return address, or where a signal came. */
const char *awl__place(const void *code, char *buf, size_t len);

/* A failure with nobody to tell. */
void awl__exception(awl_loop *l, awl_exception e);

/* handle.c's part of the loop */
void awl__handle_run(awl_loop *l, struct awl__runnable *r);
void awl__handle_due(awl_loop *l, struct awl__heap_node *n);
void awl__handle_drop(awl_loop *l, struct awl__runnable *r);

#endif
