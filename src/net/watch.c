/* SPDX-License-Identifier: MIT */
/*
 * watch.c - awl_loop_add_reader and its kin: a callback for as long as a descriptor is ready.
 *
 * A watch is one poll after another, and between two of them the callback; so it is level-triggered
 * whatever the reactor is, and its callback has its turn among all others. Adding only makes it
 * ready to begin: what is submitted is submitted by the thread that runs the loop. Who is removed
 * while its poll is in flight stays in memory until that has ended (A8).
 */
#include "net/watch.h"
#include "base/alloc.h"
#include "loop/claim.h"
#include "task/op.h"

#include <awl/socket.h>

#include <stdio.h>

enum side { READER, WRITER };

struct awl__watch {
	struct awl__list link; /* in the loop's list */
	awl_loop *loop;
	struct awl__op op;
	awl_handle turn; /* to begin, or to call fn */
	int fd;
	enum side side;
	bool removed;
	bool inside; /* its callback runs */
	awl_fn *fn;
	void *arg;
};

static const char *const noun[] = { "reader", "writer" };

static void free_watch(struct awl__watch *w)
{
	awl__list_remove(&w->link);
	awl__free(w);
}

/* Nobody finds it any more. Its memory goes with the last that uses it. */
static void forget(struct awl__watch *w)
{
	awl__lent_find(w->loop, w->fd)->watches[w->side] = NULL;
	w->removed = true;
	awl_handle_cancel(&w->turn);
	if (w->op.state == AWL__OP_SUBMITTED)
		awl__reactor_cancel(w->loop->reactor, &w->op);
	else if (!w->inside)
		free_watch(w);
}

static int call(void *watch);

/* The poll has ended, or would not begin. */
static void has_come(struct awl__watch *w, int res)
{
	awl_loop *l = w->loop;
	char message[96];

	if (w->removed) {
		free_watch(w);
		return;
	}
	if (res >= 0) {
		awl_loop_call_soon(l, call, w, &w->turn);
		return;
	}
	snprintf(message, sizeof message, "the %s of descriptor %d is removed: it cannot be polled",
		noun[w->side], w->fd);
	forget(w);
	awl__exception(l, (awl_exception){ .message = message, .error = res });
}

static void op_done(struct awl__op *op)
{
	struct awl__watch *w = awl__container(op, struct awl__watch, op);

	awl__lent_release(w->loop, w->fd);
	has_come(w, op->res);
}

static int begin(void *watch)
{
	struct awl__watch *w = watch;
	int r;

	w->op = (struct awl__op){
		.kind = AWL__OP_POLL,
		.fd = w->fd,
		.u.events = w->side == READER ? POLLIN : POLLOUT,
		.done = op_done,
	};
	r = awl__reactor_submit(w->loop->reactor, &w->op);
	if (r != 0) {
		has_come(w, r < 0 ? r : w->op.res);
		return 0;
	}
	awl__lent_hold(w->loop, w->fd);
	awl__loop_look(w->loop);
	return 0;
}

static void tell_failure(const struct awl__watch *w, int err)
{
	char name[96], message[160];

	snprintf(message, sizeof message, "%s, the %s of descriptor %d, failed",
		awl__symbol((const void *)(uintptr_t)w->fn, name, sizeof name), noun[w->side],
		w->fd);
	awl__exception(w->loop,
		(awl_exception){
			.message = message, .error = err, .detail = awl_error_detail(err) });
}

static int call(void *watch)
{
	struct awl__watch *w = watch;
	int r;

	w->loop->callback_fn = w->fn; /* for a report */
	w->inside = true;
	r = w->fn(w->arg);
	w->inside = false;
	if (r < 0)
		tell_failure(w, r);
	if (!w->removed)
		return begin(w);
	free_watch(w);
	return 0;
}

void awl__watches_remove(awl_loop *l, int fd)
{
	const struct awl__lent *n = awl__lent_find(l, fd);

	for (int side = READER; n && side <= WRITER; side++)
		if (n->watches[side])
			forget(n->watches[side]);
}

/* The loop closes: no callback runs any more, and the kernel lets go. */
static void end_all(awl_loop *l)
{
	awl__list_each_safe (node, &l->open[AWL__OPEN_WATCHES].all) {
		struct awl__watch *w = awl__container(node, struct awl__watch, link);

		if (!w->removed)
			forget(w);
	}
	while (!awl__list_empty(&l->open[AWL__OPEN_WATCHES].all))
		if (awl__reactor_wait(l->reactor, INT64_MAX) < 0)
			return;
}

static int check(awl_loop *l, int fd, const char *call)
{
	if (l->closed || l->closing)
		return AWL_ECLOSED;
	return awl__reactor_owned(l->reactor, fd) ? awl__lent_refused(fd, call) : 0;
}

static int add(awl_loop *l, int fd, enum side side, awl_fn *fn, void *arg, const char *call)
{
	struct awl__watch *w;
	struct awl__lent *n;
	int r = check(l, fd, call);

	if (r == 0)
		r = awl__lent_get(l, fd, &n);
	if (r < 0)
		return r;
	w = awl__alloc_zero(sizeof *w);
	if (!w)
		return -ENOMEM;
	w->loop = l;
	w->fd = fd;
	w->side = side;
	w->fn = fn;
	w->arg = arg;
	if (n->watches[side])
		forget(n->watches[side]);
	n->watches[side] = w;
	awl__list_push(&l->open[AWL__OPEN_WATCHES].all, &w->link);
	l->open[AWL__OPEN_WATCHES].end = end_all;
	r = awl_loop_call_soon(l, begin, w, &w->turn);
	assert(r == 0); /* with a handle of its own it cannot fail */
	return 0;
}

int awl_loop_add_reader(awl_loop *loop, int fd, awl_fn *fn, void *arg)
{
	AWL__NOT_NULL(loop);
	AWL__NOT_NULL(fn);
	AWL__CLAIM(loop, "awl_call_soon_threadsafe with a callback that adds it");
	return add(loop, fd, READER, fn, arg, __func__);
}

int awl_loop_add_writer(awl_loop *loop, int fd, awl_fn *fn, void *arg)
{
	AWL__NOT_NULL(loop);
	AWL__NOT_NULL(fn);
	AWL__CLAIM(loop, "awl_call_soon_threadsafe with a callback that adds it");
	return add(loop, fd, WRITER, fn, arg, __func__);
}

static int remove_watch(const awl_loop *l, int fd, enum side side)
{
	const struct awl__lent *n = awl__lent_find(l, fd);

	if (!n || !n->watches[side])
		return 0;
	forget(n->watches[side]);
	return 1;
}

int awl_loop_remove_reader(awl_loop *loop, int fd)
{
	AWL__NOT_NULL(loop);
	AWL__CLAIM(loop, "awl_call_soon_threadsafe with a callback that removes it");
	return remove_watch(loop, fd, READER);
}

int awl_loop_remove_writer(awl_loop *loop, int fd)
{
	AWL__NOT_NULL(loop);
	AWL__CLAIM(loop, "awl_call_soon_threadsafe with a callback that removes it");
	return remove_watch(loop, fd, WRITER);
}
