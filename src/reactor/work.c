/* SPDX-License-Identifier: MIT */
/*
 * work.c - operations that a thread of the pool does, the same way on every reactor, and what all
 * operations have in common at their end.
 */
#include "reactor/reactor.h"

#include <awl/errors.h>

#include <sched.h>

int awl__reactor_init(struct awl__reactor *r, const struct awl__reactor_class *class)
{
	r->class = class;
	r->memcheck = VALGRIND_MAKE_MEM_DEFINED(r, sizeof *r) != 0; /* no other answers it */
	awl__list_init(&r->ready);
	r->process = awl__process_make();
	return r->process ? 0 : -ENOMEM;
}

void awl__reactor_fini(struct awl__reactor *r)
{
	assert(r->in_flight == 0 || awl__reactor_inherited(r));
	/* The loop may have had its completion while the thread that posted it still wakes us: a
	 * few instructions of its, in which the reactor must not go. */
	while (!awl__reactor_inherited(r) && awl__load_acquire(&r->posting) > 0)
		sched_yield();
}

int64_t awl__monotonic_now(struct awl__reactor *r)
{
	(void)r;
	return awl__clock_now();
}

static void tell(struct awl__reactor *r, struct awl__op *op)
{
	op->state = AWL__OP_IDLE;
	r->in_flight--;
	awl__note_completed(op);
	if (awl__unlikely(r->memcheck) && op->res >= 0)
		awl__note_brought(op);
	if (op->wakes)
		awl__op_wake(r, op);
	else
		op->done(op);
}

int awl__reactor_deliver(struct awl__reactor *r)
{
	uint32_t n = awl__reactor_told(r);
	struct awl__list now, *node;

	r->telling = false;
	awl__list_init(&now);
	awl__list_splice(&now, &r->ready);
	for (; (node = awl__list_pop(&now)); n++)
		tell(r, awl__container(node, struct awl__op, link));
	return (int)n;
}

/* In the pool's thread. The operation may be gone as soon as `post` has told of it; the reactor
 * stays until `posting` says that we have left. */
static void finished(struct awl__job *job)
{
	struct awl__op *op = awl__container(job, struct awl__op, own.work.job);
	struct awl__reactor *r = op->own.work.reactor;

	op->res = job->res;
	r->post(r->post_ctx, op);
	awl__sub_acq_rel(&r->posting, 1);
}

static int at_pool(
	struct awl__reactor *r, struct awl__op *op, struct awl__pool *pool, struct awl__job job)
{
	int err;

	job.done = finished;
	op->own.work.job = job;
	op->own.work.reactor = r;
	op->at = AWL__AT_POOL;
	r->working++;
	awl__add(&r->posting, 1);
	err = awl__pool_submit_to(pool, &op->own.work.job);
	if (err < 0) {
		r->working--;
		awl__sub_acq_rel(&r->posting, 1);
	}
	return err;
}

int awl__work_submit(struct awl__reactor *r, struct awl__op *op)
{
	struct awl__job job = {
		.fn = op->u.work.fn,
		.arg = op->u.work.arg,
		.kind = op->u.work.kind,
	};
	int err;

	awl__op_begin(r, op, AWL__AT_POOL);
	err = at_pool(r, op, op->u.work.pool, job);
	if (err < 0) {
		op->state = AWL__OP_IDLE;
		r->in_flight--;
	}
	return err;
}

void awl__work_begin(struct awl__reactor *r, struct awl__op *op, int (*fn)(void *), void *arg)
{
	struct awl__job job = { .fn = fn, .arg = arg, .kind = AWL__JOB_FILE };
	int err;

	if (op->cancelled)
		awl__op_ready(r, op, -ECANCELED);
	else if ((err = at_pool(r, op, NULL, job)) < 0)
		awl__op_ready(r, op, err);
}

void awl__work_cancel(struct awl__reactor *r, struct awl__op *op)
{
	if (!awl__pool_cancel(&op->own.work.job))
		return;
	r->working--;
	awl__sub_acq_rel(&r->posting, 1);
	awl__op_ready(r, op, -ECANCELED);
}

void awl__reactor_finish_work(struct awl__reactor *r, struct awl__op *op)
{
	r->working--;
	tell(r, op);
}
