/* SPDX-License-Identifier: MIT */
/*
 * op_hot.h - an operation's whole way in one piece, for who has two of them a message: submitted,
 * parked on with no deadline but perhaps a scope's, its result.
 */
#ifndef AWL__OP_HOT_H
#define AWL__OP_HOT_H

#include "task/op.h"
#include "task/park.h"

/* Its result is -ECANCELED: why, or what it brings begun anew. */
int awl__task_op_ended_early(struct awl__task *t, struct awl__task_op *o) AWL__COLD;

/* awl__task_op_run of one whose descriptor stays; `first`, or anew by awl__task_op_ended_early. */
AWL__INLINE int awl__task_op_go(
	struct awl__task *t, struct awl__task_op *o, int64_t until, bool first)
{
	awl_loop *l = awl__task_loop(t);
	int r;

	o->task = t;
	o->until = until;
	o->late = false;
	o->op.wakes = &t->ready;
	r = awl__reactor_submit(l->reactor, &o->op);
	if (r == 1) {
		if (awl__unlikely(--l->budget <= 0))
			awl__task_pause(t);
		return o->op.res;
	}
	if (awl__unlikely(r < 0))
		return r;
	awl__loop_look(l);
	if (awl__unlikely(t->scope != NULL) || until != INT64_MAX)
		awl__park_arm(l, t, until);
	awl__park_begin(l, t, AWL__WAITS_FD, (uintptr_t)&o->op);
	awl__leave(l, t);
	awl__park_end(t);
	assert(o->op.state == AWL__OP_IDLE);
	if (first && awl__unlikely(o->op.res == -ECANCELED))
		return awl__task_op_ended_early(t, o);
	return o->op.res;
}

AWL__INLINE int awl__task_op_run_hot(struct awl__task *t, struct awl__task_op *o, int64_t until)
{
	return awl__task_op_go(t, o, until, true);
}

#endif
