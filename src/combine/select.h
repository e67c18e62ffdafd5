/* SPDX-License-Identifier: MIT */
/*
 * select.h - what a thing must do so that one task can wait for it and for others at once.
 *
 * A case lies in the caller's frame and waits beside tasks, in the very queue of the object: its
 * node is a runnable of kind AWL__RUN_ABOVE. Nothing is woken in vain: who can serve a case claims
 * it first, and only a claimed one is given the item. A claim that is refused means that another
 * case of the same select was first; it leaves the queue, and the next one is served.
 */
#ifndef AWL__SELECT_H
#define AWL__SELECT_H

#include "task/task.h"

#include <awl/combine.h>

struct awl__source {
	/* Has it here and now, without waiting: 1, with c->_result set; 0: it must wait; or a
	 * refusal. A poll that returns 0 or less has changed nothing. */
	int (*poll)(awl_case *c);
	/* It must: c joins those who wait, with awl__case_push. 0, or a refusal. */
	int (*attach)(awl_case *c);
	/* The wait is over, however it went, and c's node has left its queue if it was still
	 * there. NULL: nothing more to do. */
	void (*detach)(awl_case *c);
	/* The object's loop; NULL: any. */
	awl_loop *(*loop)(const awl_case *c);
};

/* A task that waits in awl_select. */
struct awl__selector {
	struct awl__list queue; /* where it parks */
	awl_task *task;
	awl_case *taken; /* NULL: it still waits */
};

/* Behind all who wait in the queue. */
static inline void awl__case_push(struct awl__list *queue, awl_case *c)
{
	c->_node._ready.kind = AWL__RUN_ABOVE;
	awl__list_push(queue, &c->_node._ready.link);
}

/* In a queue of tasks and cases: which of them a node is. NULL: a task's. */
static inline awl_case *awl__case_at(struct awl__list *node)
{
	struct awl__runnable *r = awl__runnable_at(node);

	return r->kind == AWL__RUN_TASK ? NULL : awl__container(r, awl_case, _node._ready);
}

/*
 * c, taken out of its queue, is to be served: true, and the select has it, with that result: its
 * task is ready, and no cancel undoes it any more. False: it has another already.
 */
bool awl__case_claim(awl_case *c, int result);

/*
 * awl__wake_first for a queue of tasks and cases: who has waited longest leaves it and is ready.
 * False: nobody waits. *c is its case, to be given the item (its select has `result`), or NULL and
 * *t is its task.
 */
bool awl__serve_first(struct awl__list *queue, int result, struct awl__task **t, awl_case **c);

#endif
