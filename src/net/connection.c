/* SPDX-License-Identifier: MIT */
/*
 * connection.c - a connection at a server: a stream, a task that serves it, and how both end.
 */
#include "base/alloc.h"
#include "net/server.h"

#include <awl/names.h>

#include <stdio.h>

struct connection {
	struct awl__list link; /* in its server's list */
	awl_server *server;
	struct awl__task *task;
	awl_stream *stream; /* NULL: seen off */
};

static struct connection *connection_at(struct awl__list *node)
{
	return awl__container(node, struct connection, link);
}

/* --- failures -----------------------------------------------------------------------------------
 */

/* That a peer goes when it likes, or says nothing for too long, is no failure of the server's. */
static bool is_the_peers(const struct connection *c, int err)
{
	if (err == -ECONNRESET || err == -EPIPE)
		return true;
	if (err == -ETIMEDOUT)
		return c->server->idle_timeout != 0;
	return err == AWL_EDEAD && c->stream->closing; /* it was closed under its hands */
}

static AWL__COLD void tell(const struct connection *c, int err)
{
	char message[256], server[160], peer[AWL_ADDRESS_TEXT] = "somebody";
	struct sockaddr_storage addr;
	socklen_t len = sizeof addr;

	if (awl_stream_getpeername(c->stream, (struct sockaddr *)&addr, &len) == 0 && len > 2)
		awl_address_text((struct sockaddr *)&addr, len, peer, sizeof peer);
	snprintf(message, sizeof message, "%s: its connection with %s has failed",
		awl__server_words(c->server, server, sizeof server), peer);
	awl__exception(c->server->loop,
		(awl_exception){ .message = message,
			.error = err,
			.task = c->task ? &c->task->future : NULL,
			.future = c->task ? &c->task->future : NULL,
			.detail = awl_error_detail(err) });
}

/* --- a connection's task ------------------------------------------------------------------------
 */

/* 0; AWL_ECANCELED; -ETIMEDOUT: for too long the peer has taken none of what is left. */
static int until_sent(struct awl__task *t, awl_stream *s)
{
	int64_t begun = awl__stream_begin(s);
	int r = 0;

	while (r == 0 && !s->closed)
		r = awl__stream_wait(s, t, &s->closers, begun);
	return r;
}

/*
 * Closed, what is buffered being sent; a request to stop, or an earlier one, ends that, and so does
 * the idle timeout. The kernel lets go of what is aborted at once: nothing interrupts this wait.
 */
static int see_off(struct awl__task *t, awl_stream *s)
{
	uint16_t shield = t->shield;
	int r = 0;

	awl__stream_close(s);
	if (!s->closed)
		r = until_sent(t, s);
	if (s->closed)
		return r;
	awl__stream_abort(s);
	t->shield = AWL__UNINTERRUPTED;
	while (!s->closed)
		if (awl__wait_in(t, &s->closers, AWL__WAITS_STREAM, s) < 0)
			break;
	t->shield = shield;
	return r;
}

static int serve(void *arg)
{
	struct connection *c = arg;
	awl_stream *s = c->stream;
	int r = c->server->fn(s, c->server->arg);
	bool kept = s->refs > 1; /* somebody has it now */

	awl__loop_still_here(c->server->loop);
	if (r < 0 && r != AWL_ECANCELED) {
		if (!is_the_peers(c, r))
			tell(c, r);
		awl__stream_abort(s);
	}
	if (!kept && see_off(c->task, s) == AWL_ECANCELED)
		r = AWL_ECANCELED;
	c->stream = NULL;
	awl__stream_unref(s);
	return r == AWL_ECANCELED ? r : 0;
}

/* --- its beginning and its end ------------------------------------------------------------------
 */

static int make_stream(awl_server *s, int fd, int listener, awl_stream **ret)
{
	int r = awl__stream_new_socket(s->loop, fd, listener, s->place, ret);

	if (r < 0)
		return r;
	if (s->limit)
		awl_stream_set_limit(*ret, s->limit);
	if (s->idle_timeout)
		awl_stream_set_idle_timeout(*ret, s->idle_timeout);
	return 0;
}

/* The descriptor is the caller's again. */
static void unmake_stream(awl_stream *s)
{
	int fd = awl_stream_detach(s);

	assert(fd >= 0);
	(void)fd;
	awl__stream_unref(s);
}

int awl__connection_begin(awl_server *s, int fd, int listener)
{
	struct connection *c = awl__alloc(sizeof *c);
	awl_task *task;
	int r;

	if (!c)
		return -ENOMEM;
	c->server = s;
	r = make_stream(s, fd, listener, &c->stream);
	if (r < 0) {
		awl__free(c);
		return r;
	}
	r = awl__group_add(s->group, NULL, serve, c, &task, s->place, "awl_start_server");
	if (r < 0) {
		unmake_stream(c->stream);
		awl__free(c);
		return r;
	}
	c->task = (struct awl__task *)task;
	awl__list_push(&s->connections, &c->link);
	s->count++;
	return 0;
}

/* A task factory may have put a function of its own around ours. */
static struct connection *connection_of(awl_server *s, struct awl__task *child)
{
	if (child->fn == serve)
		return child->arg;
	awl__list_each (node, &s->connections)
		if (connection_at(node)->task == child)
			return connection_at(node);
	return NULL;
}

void awl__connection_ended(awl_server *s, struct awl__task *child)
{
	struct connection *c = connection_of(s, child);
	int r = awl__future_outcome(&child->future);

	if (!c)
		return;
	if (c->stream) { /* there was no stack for it */
		if (r < 0)
			tell(c, r);
		awl__stream_abort(c->stream);
		awl__stream_unref(c->stream);
	}
	awl__list_remove(&c->link);
	awl__free(c);
	s->count--;
	awl__server_go_on(s);
}

void awl__connections_stop(awl_server *s, bool abort)
{
	awl__list_each (node, &s->connections) {
		struct connection *c = connection_at(node);

		awl__task_dismiss(c->task, "its server closes its connections");
		if (abort && c->stream)
			awl__stream_abort(c->stream);
	}
}
