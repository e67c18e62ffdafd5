/* SPDX-License-Identifier: MIT */
/*
 * wrap.c - awl_wrap_future: another loop's task, awaited in this one.
 */
#include "base/alloc.h"
#include "task/task.h"

#include <awl/thread.h>

struct wrap {
	struct awl__parcel parcel;
	awl_cfuture *inner;
	awl_future *outer; /* this loop's; one reference is ours */
	awl_loop *loop;
	int outcome;
};

static void wrap_free(struct wrap *w)
{
	awl_unref(w->outer);
	awl_cfuture_unref(w->inner);
	awl_loop_unref(w->loop);
	awl__free(w);
}

/* In this loop: the inner one is done. */
static void open_outcome(awl_loop *l, struct awl__parcel *p)
{
	struct wrap *w = awl__container(p, struct wrap, parcel);

	if (!l->closed && !awl__is_done(w->outer)) {
		if (w->outcome == AWL_EFUTURECANCELED)
			awl__future_complete(w->outer, AWL__CANCELLED, w->outcome);
		else
			awl__future_complete(w->outer, AWL__FINISHED, w->outcome);
	}
	wrap_free(w);
}

/* In the inner loop's thread, or at once in ours. */
static void inner_done(awl_cfuture *c, int outcome, void *arg)
{
	struct wrap *w = arg;
	awl_loop *l = w->loop;
	int r;

	(void)c;
	w->outcome = outcome;
	w->parcel.open = open_outcome;
	r = awl__inbox_push(&l->inbox, &w->parcel);
	if (r == 1)
		awl__reactor_wake(l->reactor);
	if (r < 0)
		wrap_free(w);
}

/* The outer one is done: if it was cancelled, so is the inner. */
static void outer_done(awl_future *f, void *arg)
{
	awl_cfuture *inner = arg;

	if (f->row.state == AWL__CANCELLED)
		awl_cfuture_cancel(inner, f->reason);
	awl_cfuture_unref(inner);
}

int awl_wrap_future(awl_cfuture *c, awl_future **ret)
{
	awl_loop *l = awl__thread->running;
	struct wrap *w;
	int r;

	AWL__NOT_NULL(c);
	AWL__NOT_NULL(ret);
	if (!l)
		return awl__self_refused(__func__);
	w = awl__alloc_zero(sizeof *w);
	if (!w)
		return -ENOMEM;
	r = awl_loop_create_future(l, 0, &w->outer);
	if (r < 0) {
		awl__free(w);
		return r;
	}
	w->inner = awl_cfuture_ref(c);
	w->loop = awl_loop_ref(l);
	r = awl_future_add_done_callback(w->outer, outer_done, awl_cfuture_ref(c), NULL);
	if (r < 0) {
		awl_cfuture_unref(c);
		wrap_free(w);
		return r;
	}
	*ret = awl_ref(w->outer);
	r = awl_cfuture_add_done_callback(c, inner_done, w);
	if (r < 0) {
		awl_future_remove_done_callback(w->outer, outer_done, c);
		awl_cfuture_unref(c);
		awl__future_unref(w->outer);
		wrap_free(w);
		return r;
	}
	return 0;
}
