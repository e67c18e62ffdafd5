/* SPDX-License-Identifier: MIT */
/*
 * watch.c - the nodes of watch.h, among the waiters of their futures and out again.
 */
#include "combine/watch.h"
#include "base/alloc.h"

/* In a plain thread: the loop of a future that runs is not this thread's, and that is told. */
static int no_task(const awl_future *f, struct awl__call *call)
{
	struct awl__claim c;
	int r = f && !awl__thread->running ? awl__claim_begin(&c, f->row.loop, call, false) : 1;

	if (r < 0)
		return r;
	if (r == 0)
		awl__claim_end(&c);
	return awl__self_refused(call->name);
}

int awl__watch_check(
	awl_future *const *futures, size_t n, struct awl__task **ret, struct awl__call *call)
{
	struct awl__task *t = awl__thread->running ? awl__thread->running->current : NULL;

	if (!futures && n)
		return awl__fail(-EINVAL, "%s: futures is NULL", call->name);
	if (!t)
		return no_task(n ? futures[0] : NULL, call);
	for (size_t i = 0; i < n; i++) {
		if (!futures[i])
			return awl__fail(-EINVAL, "%s: futures[%zu] is NULL", call->name, i);
		if (futures[i]->row.loop != awl__task_loop(t))
			return awl__fail(AWL_EOTHERLOOP, "%s: futures[%zu]: %s", call->name, i,
				awl_strerror(AWL_EOTHERLOOP));
		if (futures[i] == &t->future)
			return awl__fail(AWL_EDEADLK, "%s: futures[%zu] is the calling task itself",
				call->name, i);
	}
	*ret = t;
	return 0;
}

static void count(struct awl__watcher *w, struct awl__watch *n)
{
	const awl_future *f = n->future;
	bool cancelled = f->row.state == AWL__CANCELLED;

	awl__list_push(&w->done, &n->node._ready.link);
	if (w->failure)
		return;
	if (awl__failed(f))
		w->failure = f->outcome;
	else if (cancelled && w->cancel_fails)
		w->failure = AWL_EFUTURECANCELED;
}

/* From the ready list, one turn after the future has ended. */
static void on_done(awl_future *f, void *arg)
{
	struct awl__watch *n = arg;
	struct awl__watcher *w = n->watcher;

	(void)f;
	w->left--;
	count(w, n);
	if (awl__watcher_over(w))
		awl__wake_first(&w->queue);
}

void awl__watch_add(struct awl__watcher *w, struct awl__watch *n, awl_future *f)
{
	n->watcher = w;
	n->future = f;
	awl__future_ref(f);
	if (awl__is_done(f)) {
		n->node._future = NULL;
		count(w, n);
		return;
	}
	n->node = (awl_done_callback){
		._ready.kind = AWL__RUN_ABOVE,
		._future = f,
		._fn = on_done,
		._arg = n,
		._waiter = &w->task,
	};
	awl__future_ref(f); /* the callback's, which it gives up when it has run */
	awl__list_push(&f->waiters, &n->node._ready.link);
	w->left++;
}

int awl__watcher_wait(struct awl__task *t, struct awl__watcher *w)
{
	int r;

	w->task = &t->future;
	r = awl__wait_in(t, &w->queue, AWL__WAITS_SELECT, w);
	w->task = NULL;
	return r;
}

/* It is in one list or another: the future's, the loop's, or the watcher's. */
void awl__watch_drop(struct awl__watch *n)
{
	if (!n->future)
		return;
	awl__list_remove(&n->node._ready.link);
	if (n->node._future) {
		n->node._ready.queued = 0;
		n->node._future = NULL;
		n->watcher->left--;
		awl__future_unref(n->future);
	}
	awl__future_unref(n->future);
	n->future = NULL;
}

struct awl__watch *awl__watches_get(struct awl__watch frame[AWL__WATCHES], size_t n)
{
	if (n <= AWL__WATCHES)
		return frame;
	return n > SIZE_MAX / sizeof *frame ? NULL : awl__alloc(n * sizeof *frame);
}

void awl__watches_put(struct awl__watch *watches, const struct awl__watch *frame, size_t n)
{
	for (size_t i = 0; i < n; i++)
		awl__watch_drop(&watches[i]);
	if (watches != frame)
		awl__free(watches);
}
