/* SPDX-License-Identifier: MIT */
/*
 * op.h - one task, one operation of the reactor: submitted, parked, completed.
 *
 * The operation lies on the task's stack, with the memory it names; the task stays parked until the
 * reactor has let go of both, also when it was cancelled (A8).
 */
#ifndef AWL__TASK_OP_H
#define AWL__TASK_OP_H

#include "task/task.h"

/* Tasks that go the same way at a lent descriptor have their turns in the order they came. */
enum awl__turn { AWL__TURN_NONE, AWL__TURN_IN, AWL__TURN_OUT };

/* What a task waits for with AWL__WAITS_FD. Zeroed but for `op`, or begun by awl__task_op_init. */
struct awl__task_op {
	struct awl__op op;
	struct awl__task *task; /* whose wait it is */
	int64_t until; /* given up then */
	struct awl__list lent; /* among those at its lent descriptor */
	uint8_t way;
	bool late; /* `until` has come */
	bool gone; /* its descriptor is being closed */
};

/* What is read before it is written; op.u is still the caller's to set. A stream has two of them a
 * message, and to zero the whole costs as much as all that it does with one. */
static inline void awl__task_op_init(struct awl__task_op *o, uint8_t kind, int fd)
{
	o->op.kind = kind;
	o->op.state = AWL__OP_IDLE;
	o->op.later = false;
	o->op.bytes = false;
	o->op.alone = false;
	o->op.fd = fd;
	o->op.res = 0;
	o->gone = false;
}

/*
 * Submits o->op and parks t until it has completed: its res; a refusal by the reactor;
 * AWL_ECANCELED; -ETIMEDOUT at `until`; AWL_EDEAD after awl__task_op_close. In each of the last
 * three nothing was transferred: what was, is the result, and the request stays for the next wait.
 * The caller has begun the wait (awl__wait_begin).
 */
int awl__task_op_run(struct awl__task *t, struct awl__task_op *o, int64_t until);

/* Its descriptor is to be closed: it ends, AWL_EDEAD. */
void awl__task_op_close(struct awl__task_op *o);

/* --- on a descriptor that is only lent --- */

/* What a loop knows of one. */
struct awl__lent {
	struct awl__list
		ops; /* those that have or await their turn; polls; zero until first used */
	void *watches[2]; /* awl_loop_add_reader's, _writer's; NULL */
	uint32_t holds; /* polls of theirs in flight */
	bool closing;
};

/* NULL: nothing is known of it. */
struct awl__lent *awl__lent_find(const awl_loop *l, int fd);

/* Made if need be: -EBADF for a number that names nothing, -ENOMEM. */
int awl__lent_get(awl_loop *l, int fd, struct awl__lent **ret);

/*
 * Waits for a turn at o->op.fd, and has it until leave: for one run or several. -EBUSY where the
 * number has an owner, a stream, say; AWL_EDEAD where it is being closed; AWL_ECANCELED; -EBADF,
 * -ENOMEM.
 */
int awl__lent_begin(
	struct awl__task *t, struct awl__task_op *o, enum awl__turn way, const char *call);
void awl__lent_leave(struct awl__task_op *o);

/* A turn for one run; its way is the kind's. */
int awl__lent_op_run(struct awl__task *t, struct awl__task_op *o, const char *call);

/* The same as an attempt: -EAGAIN where it would wait. */
int awl__lent_op_try(struct awl__task *t, struct awl__task_op *o, const char *call);

/* The refusal of a number that has an owner. */
int awl__lent_refused(int fd, const char *call) AWL__COLD;

/* An operation that is no task's begins there, and has ended. */
void awl__lent_hold(awl_loop *l, int fd);
void awl__lent_release(awl_loop *l, int fd);

/*
 * Ends every operation at a lent descriptor and waits until the kernel has let go of all, of the
 * watches' too, which the caller has removed; no request interrupts that. The number may be closed
 * then, by the same step. -EBADF where another task is about to.
 */
int awl__lent_end(struct awl__task *t, int fd);

/* The loop goes. */
void awl__lent_free(awl_loop *l);

#endif
