/* SPDX-License-Identifier: MIT */
/*
 * run.c - loops as their users see them: made, run until something is done, closed.
 */
#include "base/clock.h"
#include "task/graph.h"
#include "task/op.h"
#include "task/page.h"
#include "task/task.h"

#include <pthread.h>

#include <stdio.h>

static void run_one(awl_loop *l, struct awl__runnable *r)
{
	if (awl__likely(r->kind == AWL__RUN_TASK))
		awl__task_step(l, awl__task_of(r));
	else
		awl__done_callback_run(r);
}

static int close_loop(awl_loop *l);
static void loop_left(awl_loop *l);
static void loop_dies(awl_loop *l)
{
	awl__page_remove(l);
	awl__scope_blocks_free(l);
	awl__lent_free(l);
}

static const struct awl__loop_hooks hooks = {
	.run = run_one,
	.timer = awl__task_timer_due,
	.close = close_loop,
	.born = awl__page_add,
	.left = loop_left,
	.dies = loop_dies,
	.stuck = awl__tell_stuck,
	.dump = awl__dump,
};

int awl_loop_new(const awl_loop_options *options, awl_loop **ret)
{
	return awl__loop_new(options, &hooks, ret);
}

/* Iterations until f is done, or the loop is stopped: then AWL_ESTOPPED. The loop is ours. */
static int run_until(awl_loop *l, awl_future *f)
{
	int r;

	l->until = f;
	l->halt = l->stopped || (f && awl__is_done(f));
	r = awl__loop_iterate(l);
	l->until = NULL;
	l->halt = false;
	l->stopped = false;
	if (r < 0 || !f)
		return r;
	return awl__is_done(f) ? 0 : awl__fail(AWL_ESTOPPED, "%s", awl_strerror(AWL_ESTOPPED));
}

/* What a run made of its future, for who called it: no task, so a cancelled one is told as such. */
static int outcome(awl_loop *l, awl_future *f)
{
	int r = run_until(l, f);

	return r < 0 ? r : awl__future_outcome(f);
}

int awl_loop_run_forever(awl_loop *loop)
{
	static struct awl__call call = { __func__, "awl_run_coroutine_threadsafe", 0, 0 };
	int r;

	AWL__NOT_NULL(loop);
	r = awl__loop_begin(loop, &call);
	if (r < 0)
		return r;
	r = run_until(loop, NULL);
	awl__loop_end(loop);
	return r;
}

static int run_once(awl_loop *l)
{
	int r = awl__reactor_fd(l->reactor); /* what it may lack is to be missed before it begins */

	if (r < 0 && r != -ENOTSUP)
		return r;
	l->stopped = true;
	r = run_until(l, NULL);
	return r < 0 ? r : awl__loop_rest(l);
}

int awl_loop_run_once(awl_loop *loop)
{
	static struct awl__call call = { __func__, "awl_call_soon_threadsafe", 0, 0 };
	int r;

	AWL__NOT_NULL(loop);
	r = awl__loop_begin(loop, &call);
	if (r < 0)
		return r;
	r = run_once(loop);
	awl__loop_end(loop);
	return r;
}

static int run_main(awl_loop *l, awl_fn *fn, void *arg, struct awl__main *m)
{
	awl_task *t;
	int r = awl__task_new(l, NULL, fn, arg, NULL, &t);

	if (r < 0)
		return r;
	if (m)
		m->begun(m, t);
	r = outcome(l, t);
	if (m)
		r = m->ended(m, t, r);
	awl__future_unref(t);
	return r;
}

int awl__loop_run_main(
	awl_loop *l, awl_fn *fn, void *arg, struct awl__main *m, struct awl__call *call)
{
	int r = awl__loop_begin(l, call);

	if (r < 0)
		return r;
	r = run_main(l, fn, arg, m);
	awl__loop_end(l);
	return r;
}

int awl_loop_run_until_complete(awl_loop *loop, awl_fn *fn, void *arg)
{
	static struct awl__call call = { __func__, "awl_run_coroutine_threadsafe", 0, 0 };

	AWL__NOT_NULL(loop);
	AWL__NOT_NULL(fn);
	return awl__loop_run_main(loop, fn, arg, NULL, &call);
}

int awl_loop_run_until_future(awl_loop *loop, awl_future *future)
{
	static struct awl__call call = { __func__, "awl_run_coroutine_threadsafe", 0, 0 };
	int r;

	AWL__NOT_NULL(loop);
	AWL__NOT_NULL(future);
	if (future->row.loop != loop)
		return awl__fail(AWL_EOTHERLOOP, "%s: %s", __func__, awl_strerror(AWL_EOTHERLOOP));
	r = awl__loop_begin(loop, &call);
	if (r < 0)
		return r;
	awl__future_ref(future);
	r = outcome(loop, future);
	awl__future_unref(future);
	awl__loop_end(loop);
	return r;
}

static void each_row(const struct awl__rows *rows, void (*fn)(awl_future *f))
{
	for (struct awl__row_block *b = rows->blocks; b; b = b->next)
		for (uint32_t i = 0; i < b->used; i++) {
			struct awl__row *row = awl__row_at(rows, b, i);

			if (row->kind != AWL__FREE)
				fn((awl_future *)row);
		}
}

/* fn may tell the user, who may give up any of them meanwhile. */
static void each_future(awl_loop *l, void (*fn)(awl_future *f))
{
	struct awl__list rest, *node;

	each_row(&l->futures, fn);
	awl__list_init(&rest);
	awl__list_splice(&rest, &l->loose);
	while ((node = awl__list_pop(&rest))) {
		awl__list_push(&l->loose, node);
		fn(&awl__container(node, struct awl__payload_future, loose)->future);
	}
}

/* Nobody can end it any more: who added a callback is told so. */
static void cancel_pending(awl_future *f)
{
	awl__future_cancel(f, "its loop closes");
}

/* Done callbacks are owed; what call_soon queued is not. */
static bool run_done_callbacks(awl_loop *l)
{
	struct awl__list *node;
	bool any = false;

	awl__list_splice(&l->batch, &l->ready);
	while ((node = awl__list_pop(&l->batch))) {
		struct awl__runnable *r = awl__runnable_at(node);

		if (r->kind != AWL__RUN_ABOVE) {
			awl__list_push(&l->ready, node);
			continue;
		}
		r->queued = 0;
		awl__done_callback_run(r);
		any = true;
	}
	return any;
}

static void report_unread(awl_future *f)
{
	if (awl__failed(f) && !awl__seen(f))
		awl__future_report(f);
}

/* Some task of whose handles one was given out, in words. */
static const char *describe_handle(awl_loop *l, char *buf, size_t len)
{
	char place[96];

	snprintf(buf, len, l->net_kept ? "a stream's or a server's" : "a future's");
	for (struct awl__row_block *b = l->tasks.blocks; b; b = b->next)
		for (uint32_t i = 0; i < b->used; i++) {
			struct awl__task *t = (struct awl__task *)awl__row_at(&l->tasks, b, i);

			if (t->future.row.kind == AWL__FREE)
				continue;
			awl__symbol((const void *)(uintptr_t)t->fn, place, sizeof place);
			snprintf(buf, len, "one of task %s, %s", awl_task_get_name(&t->future),
				place);
			return buf;
		}
	return buf;
}

/* Who gives up the loop before its handles has forgotten them. */
static void loop_left(awl_loop *l)
{
	char one[160];
	uint64_t token = awl__token_make();

	if (!token || !awl__owner_take(&l->owner, AWL__CLOSED, token))
		return; /* somebody is giving one up right now */
	if (l->outlived && l->kept && !l->leak_told) {
		l->leak_told = true;
		awl__report(AWL_LOG_WARNING,
			"loop %p%s%s is given up, but %u handles are not (%s): %s each", (void *)l,
			*l->name ? " " : "", l->name, l->kept, describe_handle(l, one, sizeof one),
			l->net_kept ? "give up" : "awl_unref");
	}
	awl__owner_give(&l->owner, AWL__CLOSED);
}

void awl__loop_orphaned(awl_loop *l)
{
	awl__loop_release(l);
}

static int shut_down(awl_loop *l, int64_t ns)
{
	int64_t until =
		ns == AWL_FOREVER ? INT64_MAX : awl__clock_after(awl__reactor_now(l->reactor), ns);
	bool more;
	int r;

	l->closing = true;
	do {
		r = awl__end_tasks(l, until);
		if (r < 0) {
			l->closing = false;
			return r;
		}
		each_future(l, cancel_pending);
		more = run_done_callbacks(l);
		if (!more) {
			each_row(&l->tasks, report_unread);
			each_future(l, report_unread);
			more = run_done_callbacks(l); /* the handler may have had ideas */
		}
	} while (more || l->live);
	for (int kind = 0; kind < AWL__OPEN_KINDS; kind++)
		if (l->open[kind].end)
			l->open[kind].end(l);
	awl__loop_shut(l);
	l->outlived = l->kept > 0;
	if (l->outlived)
		awl_loop_ref(l);
	return 0;
}

int awl__loop_close_within(awl_loop *l, int64_t ns, struct awl__call *call)
{
	int r;

	if (awl__load_acquire(&l->shut))
		return 0;
	r = awl__loop_begin(l, call);
	if (r == AWL_ECLOSED)
		return 0;
	if (r < 0)
		return r;
	r = shut_down(l, ns);
	awl__loop_end(l);
	return r;
}

static int close_loop(awl_loop *l)
{
	static struct awl__call call = { "awl_loop_close",
		"awl_call_soon_threadsafe with a callback that stops it, then awl_loop_close", 0,
		0 };

	return awl__loop_close_within(l, AWL_FOREVER, &call);
}

int awl_loop_close(awl_loop *loop)
{
	AWL__NOT_NULL(loop);
	return close_loop(loop);
}

int awl_run_with(const awl_loop_options *options, awl_fn *fn, void *arg)
{
	awl_loop *l;
	int r, closed, cancel_state;

	AWL__NOT_NULL(fn);
	if (awl__thread->running)
		return awl__fail(AWL_ENESTED,
			"awl_run: this thread runs a loop already; create a task in it");
	r = awl_loop_new(options, &l);
	if (r < 0)
		return r;
	/* A pthread_cancel waits until the loop is gone too. */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
	r = awl_loop_run_until_complete(l, fn, arg);
	closed = awl_loop_close(l);
	awl_loop_unref(l);
	pthread_setcancelstate(cancel_state, NULL);
	return r < 0 ? r : closed < 0 ? closed : r;
}

int awl_run(awl_fn *fn, void *arg)
{
	return awl_run_with(NULL, fn, arg);
}
