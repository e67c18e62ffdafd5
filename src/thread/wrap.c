/* SPDX-License-Identifier: MIT */
/*
 * wrap.c - awl_wrap_future: another loop's task, awaited in this one.
 *
 * Two futures end each other from two threads, and either loop may close first. What joins them has
 * two references: one goes when the outer future is done, in its own loop, and be it by that loop's
 * close; the other when the inner one's outcome has come there, or has met a closed door.
 */
#include "base/alloc.h"
#include "task/task.h"

#include <awl/thread.h>

struct wrap {
	_Atomic uint32_t refs;
	awl_loop *loop;
	awl_cfuture *inner;
	awl_future *outer; /* the loop thread's; NULL once it is done */
	awl_done_callback done;
	struct awl__parcel parcel;
	int outcome;
};

static void unref(struct wrap *w)
{
	if (awl__sub_acq_rel(&w->refs, 1) != 1)
		return;
	awl_cfuture_unref(w->inner);
	awl__loop_release(w->loop);
	awl__free(w);
}

/* In this loop: the inner one is done. */
static void open_outcome(awl_loop *l, struct awl__parcel *p)
{
	struct wrap *w = awl__container(p, struct wrap, parcel);
	bool cancelled = w->outcome == AWL_EFUTURECANCELED;

	(void)l;
	if (w->outer && !awl__is_done(w->outer))
		awl__future_complete(
			w->outer, cancelled ? AWL__CANCELLED : AWL__FINISHED, w->outcome);
	unref(w);
}

/* In the inner loop's thread, or at once in ours. */
static void inner_done(awl_cfuture *c, int outcome, void *arg)
{
	struct wrap *w = arg;
	awl_loop *l = awl_loop_ref(w->loop); /* once sent, w may be gone before the wake */
	int r;

	(void)c;
	w->outcome = outcome;
	w->parcel.open = open_outcome;
	r = awl__inbox_push(&l->inbox, &w->parcel);
	if (r == 1)
		awl__reactor_wake(l->reactor);
	if (r < 0)
		unref(w);
	awl__loop_release(l);
}

/* The outer one is done: if it was cancelled, so is the inner. */
static void outer_done(awl_future *f, void *arg)
{
	struct wrap *w = arg;

	w->outer = NULL;
	if (f->row.state == AWL__CANCELLED)
		awl_cfuture_cancel(w->inner, f->reason);
	unref(w);
}

static struct wrap *wrap_new(awl_loop *l, awl_cfuture *c, awl_future *outer)
{
	struct wrap *w = awl__alloc_zero(sizeof *w);

	if (!w)
		return NULL;
	atomic_init(&w->refs, 2);
	w->loop = awl_loop_ref(l);
	w->inner = awl_cfuture_ref(c);
	w->outer = outer;
	return w;
}

/* No callback of either will come. */
static void wrap_undo(struct wrap *w)
{
	if (w) {
		unref(w);
		unref(w);
	}
}

int awl_wrap_future(awl_cfuture *c, awl_future **ret)
{
	awl_loop *l = awl__thread->running;
	awl_future *outer;
	struct wrap *w;
	int r;

	AWL__NOT_NULL(c);
	AWL__NOT_NULL(ret);
	if (!l)
		return awl__self_refused(__func__);
	r = awl_loop_create_future(l, 0, &outer);
	if (r < 0)
		return r;
	w = wrap_new(l, c, outer);
	r = w ? awl_future_add_done_callback(outer, outer_done, w, &w->done) : -ENOMEM;
	if (r < 0) {
		wrap_undo(w);
		awl__future_unref(outer);
		return r;
	}
	r = awl_cfuture_add_done_callback(c, inner_done, w);
	if (r < 0) {
		awl_future_remove_done_callback(outer, outer_done, w);
		wrap_undo(w);
		awl__future_unref(outer);
		return r;
	}
	*ret = outer;
	return 0;
}
