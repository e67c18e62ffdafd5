/* SPDX-License-Identifier: MIT */
/*
 * task.h - a task inside: the header that lives in a row, its waits, and what the other files of
 * the room ask of each other.
 */
#ifndef AWL__TASK_H
#define AWL__TASK_H

#include "task/future.h"
#include "task/scope.h"

#include <awl/task.h>

/* How many operations a task may have done at once, without parking, before the others get a
 * turn. */
#define AWL__BUDGET 128

/* Requests beyond it are not counted: there is one to be delivered all the same. */
#define AWL__CANCELLING_MAX 2047u

/* As a task's shield, deeper than any scope: nothing that is asked interrupts its waits. */
#define AWL__UNINTERRUPTED UINT16_MAX

/* What a task waits for, in row.waits; readers outside know these numbers. */
enum awl__waits {
	AWL__WAITS_NOT,
	AWL__WAITS_FUTURE, /* waits_on: the future; a cancel goes down to it */
	AWL__WAITS_JOIN, /* waits_on: the future; it does not */
	AWL__WAITS_SLEEP, /* waits_on: the deadline */
	AWL__WAITS_FD, /* waits_on: its struct awl__task_op, on its own stack */
	AWL__WAITS_GROUP, /* waits_on: the group's scope */
	/* In a queue of the object waits_on: awl__wait_in. */
	AWL__WAITS_LOCK,
	AWL__WAITS_EVENT,
	AWL__WAITS_CONDITION,
	AWL__WAITS_SEMAPHORE,
	AWL__WAITS_BARRIER,
	AWL__WAITS_QUEUE, /* waits_on: on its own stack, a pointer to the queue first */
	AWL__WAITS_CHANNEL,
	AWL__WAITS_SELECT,
	AWL__WAITS_THREAD, /* waits_on: the operation, on its own stack: a function in a thread */
	AWL__WAITS_ERRAND, /* in a queue of what it has sent to another thread */
	AWL__WAITS_GATHER, /* waits_on: on its own stack, what it gathers: all of it */
	AWL__WAITS_DESCRIPTOR, /* in a queue: until others have let go of one */
	AWL__WAITS_STREAM, /* in a queue of a stream's or a server's */
	AWL__WAITS_TIMED, /* in a queue, for so long; waits_on: struct awl__timed, on its own stack
			   */
	AWL__WAITS_COUNT,
};

/* Futures whose ends a task waits for, whatever is asked of it meanwhile. */
struct awl__gathered {
	awl_future *const *futures;
	size_t n;
};

/* What few tasks have. */
struct awl__extra {
	struct awl__detail detail;
	char *name;
	awl_future *readiness; /* who started it waits here for awl_task_started */
	struct awl__locals *locals; /* NULL: none is set */
	struct awl__locals **heir; /* who has them after its end; NULL: nobody */
	uint32_t ignored; /* times it used up a turn with waits that told it to stop */
	uint32_t more; /* waits since a request was delivered to it, the last one at this step: */
	uint64_t more_step;
	const void *place; /* where it was made, if it was cancelled since */
	_Alignas(16) unsigned char copy[]; /* of the argument */
};

/* A question to a parked task, answered on its own stack. */
struct awl__probe {
	void (*take)(struct awl__probe *p);
	struct awl__context *back;
	void **frames;
	int room, count;
};

/*
 * A cache line a paragraph: what readers outside look at, what a switch touches, what a task is.
 */
struct awl__task {
	struct awl_future future;
	uint64_t waits_on;
	int64_t since;

	struct awl__runnable ready; /* in the ready list, or among a future's waiters */
	uint16_t depth; /* scopes open, from 2; 1 is its group, or the loop */
	uint16_t shield; /* the depth of the innermost shield; 0: none */
	union {
		struct {
			uint16_t level; /* the depth of the innermost scope that asks; 0: none */
			bool must_cancel; /* a request by awl_cancel is to be delivered */
			uint8_t interrupted : 1; /* its wait was ended early; 0 but for a moment */
			uint8_t told : 1; /* a request by awl_cancel was delivered: its waits from
					     then on are counted */
		};
		uint32_t attention; /* any of these */
	};
	struct awl__context context;
	struct awl__scope *scope; /* the innermost open one */
	uint16_t cancelling : 11; /* at most AWL__CANCELLING_MAX */
	uint16_t stack_class : 5; /* 0: the loop's default; else the size is 1 << stack_class */
	uint8_t holds; /* what it has in its hands, counted: sync/held.h */
	uint8_t lent : 1; /* a handle was given out: the group keeps it until its exit */
	uint8_t stopping : 1; /* its loop closes and has asked it to stop */
	uint8_t above : 1; /* it waits for another task, for the close of its loop */
	uint8_t mark : 2; /* graph.c's, while it looks for cycles */
	uint8_t dismissed : 1; /* asked to stop by who has made its group, and not the group */
	uint32_t number; /* "Task-N" */

	awl_fn *fn;
	void *arg;
	struct awl__heap_node timer; /* a sleep's end, or the nearest deadline */
	struct awl__scope *group; /* whose child it is; NULL: the loop's */
	struct awl__list sibling; /* in the group's children, then among its ended ones */
	struct awl__extra *extra; /* NULL: nothing of it */
};

#if !AWL__ASAN && !AWL__TSAN
_Static_assert(offsetof(struct awl__task, ready) == AWL__CACHE_LINE, "a line for readers");
_Static_assert(offsetof(struct awl__task, fn) == 2 * AWL__CACHE_LINE, "a line for the switch");
#endif

static inline awl_loop *awl__task_loop(const struct awl__task *t)
{
	return t->future.row.loop;
}

static inline struct awl__task *awl__task_of(struct awl__runnable *r)
{
	return awl__container(r, struct awl__task, ready);
}

static inline bool awl__begun(const struct awl__task *t)
{
	return t->context.sp != NULL;
}

static inline bool awl__parked(const struct awl__task *t)
{
	return t->future.row.waits && !t->ready.queued;
}

/* making and ending */
int awl__task_new(awl_loop *l, const awl_task_options *o, awl_fn *fn, void *arg,
	struct awl__scope *group, awl_task **ret);
void awl__task_free(struct awl__task *t);
void awl__task_end(struct awl__task *t, uint8_t state, int outcome);
void awl__task_step(awl_loop *l, struct awl__task *t); /* from the hub, until it parks or ends */
struct awl__extra *awl__task_extra(struct awl__task *t); /* made if need be; NULL: no memory */

/* It ended, and awl_task_group_start still waits to hear that it started. */
void awl__task_ended_unready(struct awl__task *t, uint8_t state, int outcome);

/* The sync room's: a task ends with something in its hands */
extern void (*awl__task_ends_holding)(struct awl__task *t);
/* Who has the lock that a task waits for; NULL: nobody. */
extern struct awl__task *(*awl__holder_of)(const awl_loop *l, const void *lock);

/* What a run of one main task is told of: by awl_loop_run_until_complete nobody. */
struct awl__main {
	void (*begun)(struct awl__main *m, awl_task *task);
	int (*ended)(struct awl__main *m, awl_task *task, int outcome); /* the run's outcome */
};
int awl__loop_run_main(
	awl_loop *l, awl_fn *fn, void *arg, struct awl__main *m, struct awl__call *call);

/* awl_loop_close with a limit: -ETIMEDOUT, what is left reported, and the loop as it was. */
int awl__loop_close_within(awl_loop *l, int64_t ns, struct awl__call *call);

/* Every task to its end, leaves first, by the loop's clock until then; -ETIMEDOUT. */
int awl__end_tasks(awl_loop *l, int64_t until);

/* A task of a closing loop: it begins, asked to stop already; and it has ended. */
void awl__closing_task_begins(struct awl__task *t);
void awl__closing_task_ends(struct awl__task *t, uint8_t state);

/* A request by awl_cancel was delivered to it before it ended. */
void awl__task_ends_told(struct awl__task *t, uint8_t state, int outcome) AWL__COLD;

/* A failure that nobody has read. */
void awl__future_report(awl_future *f);

/* The last future of a closed loop is gone. */
void awl__loop_orphaned(awl_loop *l);

void awl__scope_blocks_free(awl_loop *l);

/*
 * The running task, for the first line of what can wait; or the refusal, told: AWL_ENOLOOP,
 * AWL_ENOTASK.
 */
int awl__self_refused(const char *call) AWL__COLD;
static inline int awl__self(struct awl__task **ret, const char *call)
{
	awl_loop *l = awl__thread->running;

	*ret = l ? l->current : NULL;
	return awl__likely(*ret != NULL) ? 0 : awl__self_refused(call);
}

/* Parks until woken or interrupted; at `until` at the latest, if that is not INT64_MAX. True:
 * woken. */
bool awl__park(struct awl__task *t, enum awl__waits what, uint64_t on, int64_t until);

/* Every other ready task first. */
void awl__task_pause(struct awl__task *t);

/* A parked task that is in no list. */
static inline void awl__wake(struct awl__task *t)
{
	awl__loop_push(awl__task_loop(t), &t->ready);
}

/*
 * Parks the running task at the end of `queue`, for an object of the rooms above. 0: woken by
 * awl__wake_first, or a request was taken back when it had already left the queue: look again, a
 * wake may have missed it; AWL_ECANCELED: it has left the queue.
 */
int awl__wait_in(
	struct awl__task *t, struct awl__list *queue, enum awl__waits what, const void *object);

/* The same until `until` at the latest: then it has left the queue, and `late` says so. */
struct awl__timed {
	int64_t until;
	bool late;
};
int awl__wait_in_until(struct awl__task *t, struct awl__list *queue, struct awl__timed *w);

/* The task that has waited longest leaves the queue and becomes ready: it, or NULL. */
struct awl__task *awl__wake_first(struct awl__list *queue);

/* All of them, in the order they came. */
static inline void awl__wake_each(struct awl__list *queue)
{
	while (awl__wake_first(queue))
		;
}

/* The task's timer: due; for what the parked task now waits for; off. */
void awl__task_rearm(struct awl__task *t);
void awl__task_timer_due(awl_loop *l, struct awl__heap_node *n);
static inline void awl__task_disarm(struct awl__task *t)
{
	if (awl__heap_armed(&t->timer))
		awl__heap_remove(&awl__task_loop(t)->timers, &t->timer);
}

/*
 * What a wait has to say before it parks, or after it was interrupted: 0, or AWL_ECANCELED, with
 * which a request counts as delivered.
 */
int awl__deliver_slow(struct awl__task *t);
static inline int awl__deliver(struct awl__task *t)
{
	if (awl__likely(!t->attention))
		return 0;
	return awl__deliver_slow(t);
}

/* The same at the beginning of a wait, where a scope left without exit is found: AWL_ESCOPE. */
int awl__check_scopes(struct awl__task *t, const void *frame);
#define awl__scopes_begin(t) ((t)->scope ? awl__check_scopes(t, __builtin_frame_address(0)) : 0)
#define awl__wait_begin(t) (awl__scopes_begin(t) < 0 ? AWL_ESCOPE : awl__deliver(t))

/*
 * The running task, for what can wait on an object of l's, a `what`: 0; AWL_ETHREAD, AWL_ECLOSED
 * and so on, told; AWL_ENOTASK, AWL_ENOLOOP; AWL_EOTHERLOOP.
 */
int awl__self_of(awl_loop *l, const char *what, struct awl__call *call, struct awl__task **ret);

/* The running task, at the beginning of a wait: 0; a refusal; AWL_ECANCELED. `frame` is that of the
 * public function, which is what the macro is for. */
static inline int awl__self_begin_in(struct awl__task **ret, const void *frame, const char *call)
{
	int r = awl__self(ret, call);

	if (awl__unlikely(r < 0))
		return r;
	if ((*ret)->scope && awl__check_scopes(*ret, frame) < 0)
		return AWL_ESCOPE;
	return awl__deliver(*ret);
}
#define awl__self_begin(ret, call) awl__self_begin_in(ret, __builtin_frame_address(0), call)

/* A wait of t would tell AWL_ECANCELED now. */
static inline bool awl__asked(const struct awl__task *t)
{
	return (t->must_cancel && !t->shield) || (t->level && t->level >= t->shield);
}

/* A task waits for f. */
bool awl__awaited(const awl_future *f);

/* f is a task that waits, perhaps through others and in the exit of groups, for t. */
bool awl__waits_for(const awl_future *f, const struct awl__task *t);

/* What is asked of t has changed: a parked task is interrupted if it can see it. */
void awl__task_attend(struct awl__task *t);

/* awl_cancel, inside. */
int awl__future_cancel(awl_future *f, const char *reason);

/* Asks for an end that every wait tells, until the scope at that depth is left. */
void awl__task_ask(struct awl__task *t, uint16_t depth, const char *reason);

/* The same until its end. */
static inline void awl__task_dismiss(struct awl__task *t, const char *reason)
{
	t->dismissed = 1;
	awl__task_ask(t, 1, reason);
}

#endif
