/* SPDX-License-Identifier: MIT */
/*
 * server.c - a server's life: its supervisor, its start, its close, and who waits for its end.
 */
#include "net/server.h"
#include "base/alloc.h"

#include <awl/names.h>

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

const char *awl__server_words(const awl_server *s, char *buf, size_t len)
{
	char address[AWL_ADDRESS_TEXT];
	const struct awl__listener *k = s->at.all;

	snprintf(buf, len, "server at %s%s",
		awl_address_text(
			(const struct sockaddr *)&k->address, k->len, address, sizeof address),
		s->at.count > 1 ? ", ..." : "");
	return buf;
}

/* --- its memory ---------------------------------------------------------------------------------
 */

/* The supervisor's handle keeps the loop. */
static void settle(awl_server *s)
{
	awl_task *supervisor = s->supervisor;

	if (s->refs || s->inside)
		return;
	awl__listening_free(s->loop, &s->at);
	awl__free(s);
	if (supervisor)
		awl__future_unref(supervisor);
}

/* A call that waits keeps it. */
static void leave(awl_server *s)
{
	s->inside--;
	settle(s);
}

awl_server *awl_server_ref(awl_server *server)
{
	if (!server)
		return NULL;
	AWL__CLAIM_READ(server->loop, AWL__BY_CALLBACK, NULL);
	server->refs++;
	return server;
}

/* The claim is given back when the server is gone, and its loop perhaps with it: kept until then.
 */
void awl_server_unref(awl_server *server)
{
	static struct awl__call call = { "awl_server_unref", AWL__BY_CALLBACK, 0, 0 };
	struct awl__claim claim;
	awl_loop *l;

	if (!server || awl__claim_begin(&claim, server->loop, &call, true) < 0)
		return;
	l = awl_loop_ref(server->loop);
	if (--server->refs == 0) {
		awl__server_close(server, 0);
		settle(server);
	}
	awl__claim_end(&claim);
	awl__loop_release(l);
}

/* --- the supervisor -----------------------------------------------------------------------------
 */

static void child_ended(struct awl__scope *g, struct awl__task *child)
{
	awl_server *s = g->made_for;

	if (!awl__accept_ended(s, child))
		awl__connection_ended(s, child);
}

static int begin(awl_server *s, awl_task_group *group)
{
	int r = 0;

	s->group = awl__scope_find(&group->_storage, AWL__SCOPE_GROUP);
	s->group->child_ended = child_ended;
	s->group->made_for = s;
	for (int i = 0; r == 0 && i < s->at.count; i++)
		r = awl__accept_begin(&s->at.all[i]);
	return r;
}

/* Ends when all that it has begun has ended. */
static int supervise(void *arg)
{
	awl_server *s = arg;
	awl_task_group group;
	int r;

	s->begun = true;
	r = awl_task_group_enter(&group);
	if (r == 0)
		r = begin(s, &group);
	if (r < 0)
		awl__server_close(s, r);
	r = awl_task_group_exit(&group, r);
	s->group = NULL;
	awl__server_close(s, 0);
	for (int i = 0; i < s->at.count; i++)
		awl__listener_close(s->loop, &s->at.all[i]); /* those that were not begun */
	leave(s);
	return r == AWL_ECANCELED ? r : 0;
}

void awl__server_go_on(awl_server *s)
{
	awl__wake_each(&s->waiting);
}

void awl__server_close(awl_server *s, int err)
{
	if (s->closed)
		return;
	s->closed = true;
	s->serving = false;
	s->failure = err;
	awl__listening_end(s->loop, &s->at);
	for (int i = 0; i < s->at.count; i++)
		if (s->at.all[i].task)
			awl__task_dismiss(s->at.all[i].task, "its server was closed");
}

/* --- its start ----------------------------------------------------------------------------------
 */

static int check(const awl_server_options *o, const char *call)
{
	const uint64_t known = AWL_SERVER_REUSE_PORT | AWL_SERVER_KEEP_ALIVE |
		AWL_SERVER_V4_MAPPED | AWL_SERVER_STOPPED;

	if (o->flags & ~known)
		return awl__fail(-EINVAL, "%s: a flag that does not exist", call);
	if (o->backlog < 0 || o->max_connections < 0 || o->idle_timeout < 0)
		return awl__fail(-EINVAL, "%s: a negative number", call);
	return 0;
}

/* 0: its tasks have begun. Who is ready runs in turn: the first pause is theirs who begin with the
 * supervisor, the second its children's. */
static int begin_tasks(struct awl__task *t, awl_server *s)
{
	char name[160];
	awl_task_options o = { .name = awl__server_words(s, name, sizeof name) };
	int r = awl__task_new(s->loop, &o, supervise, s, NULL, &s->supervisor);

	if (r < 0)
		return r;
	s->inside++;
	awl__task_pause(t);
	awl__task_pause(t);
	if (s->begun && !s->closed)
		return 0;
	r = s->failure;
	while (!awl__is_done(s->supervisor))
		awl__task_pause(t);
	if (!s->begun) {
		r = awl__future_outcome(s->supervisor);
		s->inside--;
	}
	return r < 0 ? r : AWL_EDEAD; /* somebody ends all tasks, the loop's close say */
}

static int start(const awl_server_options *o, awl_connected_fn *fn, void *arg, awl_server **ret,
	const void *place, const char *call)
{
	struct awl__task *t;
	awl_server *s;
	int r = awl__self(&t, call);

	if (r < 0)
		return r;
	r = check(o, call);
	if (r == 0)
		r = awl__wait_begin(t);
	if (r < 0)
		return r;
	s = awl__alloc_zero(sizeof *s);
	if (!s)
		return -ENOMEM;
	s->loop = awl__task_loop(t);
	s->fn = fn;
	s->arg = arg;
	s->place = s->loop->debug ? place : NULL;
	s->max = o->max_connections;
	s->limit = o->limit;
	s->idle_timeout = o->idle_timeout;
	s->serving = !(o->flags & AWL_SERVER_STOPPED);
	s->inside = 1; /* this call */
	awl__list_init(&s->connections);
	awl__list_init(&s->waiting);
	r = awl__listen(t, o, &s->at, call);
	for (int i = 0; i < s->at.count; i++)
		s->at.all[i].server = s;
	if (r == 0)
		r = begin_tasks(t, s);
	if (r == 0) {
		for (int i = 0; i < s->at.count; i++)
			s->at.all[i].lent = false;
		s->refs = 1;
		*ret = s;
	} else {
		awl__listening_end(s->loop, &s->at);
	}
	leave(s);
	return r;
}

int awl_start_server_with(
	const awl_server_options *options, awl_connected_fn *fn, void *arg, awl_server **ret)
{
	AWL__NOT_NULL(options);
	AWL__NOT_NULL(fn);
	AWL__NOT_NULL(ret);
	return start(options, fn, arg, ret, __builtin_return_address(0), __func__);
}

int awl_start_server(awl_connected_fn *fn, void *arg, const char *host, int port, awl_server **ret)
{
	const awl_server_options o = { .hosts = &host, .host_count = 1, .port = port };

	AWL__NOT_NULL(fn);
	AWL__NOT_NULL(ret);
	return start(&o, fn, arg, ret, __builtin_return_address(0), __func__);
}

int awl_start_unix_server(awl_connected_fn *fn, void *arg, const char *path, awl_server **ret)
{
	const awl_server_options o = { .path = path };

	AWL__NOT_NULL(fn);
	AWL__NOT_NULL(path);
	AWL__NOT_NULL(ret);
	return start(&o, fn, arg, ret, __builtin_return_address(0), __func__);
}

/* --- serving and its end ------------------------------------------------------------------------
 */

/* The first line of what can wait: `t` is the running task, of the server's loop. */
#define SERVER_TASK(s, t) \
	static struct awl__call call_ = { __func__, "awl_run_coroutine_threadsafe", 0, 0 }; \
	struct awl__task *t; \
	int begun_; \
	AWL__NOT_NULL(s); \
	begun_ = awl__self_of((s)->loop, "server", &call_, &t); \
	if (begun_ == 0) \
		begun_ = awl__wait_begin(t); \
	if (awl__unlikely(begun_ < 0)) \
	return begun_

/*
 * Its connections are asked to stop; nothing interrupts the wait for them, but that one of them has
 * come to wait for this task meanwhile, shielded: it ends once we have.
 */
static void finish(struct awl__task *t, awl_server *s)
{
	uint16_t shield = t->shield;
	int r;

	awl__server_close(s, 0);
	awl__connections_stop(s, false);
	t->shield = AWL__UNINTERRUPTED;
	do
		r = awl_join(s->supervisor);
	while (r < 0 && r != AWL_EDEADLK);
	t->shield = shield;
}

int awl_server_start_serving(awl_server *server)
{
	AWL__NOT_NULL(server);
	AWL__CLAIM(server->loop, AWL__BY_CALLBACK);
	if (server->closed)
		return awl__fail(AWL_EDEAD, "%s: the server is closed", __func__);
	server->serving = true;
	awl__server_go_on(server);
	return 0;
}

int awl_server_is_serving(awl_server *server)
{
	AWL__NOT_NULL(server);
	AWL__CLAIM_READ(server->loop, AWL__BY_CALLBACK, claimed_);
	return server->serving;
}

int awl_server_serve_forever(awl_server *server)
{
	int r;

	SERVER_TASK(server, t);
	if (server->served)
		return awl__fail(-EBUSY, "%s: another task is in it", __func__);
	r = awl_server_start_serving(server);
	if (r < 0)
		return r;
	server->served = true;
	server->inside++;
	r = awl_join(server->supervisor);
	if (r == AWL_ECANCELED)
		finish(t, server);
	server->served = false;
	r = r < 0 ? r : server->failure;
	leave(server);
	return r;
}

int awl_server_wait_closed(awl_server *server)
{
	int r;

	SERVER_TASK(server, t);
	server->inside++;
	r = awl_join(server->supervisor);
	leave(server);
	return r;
}

int awl_server_drain(awl_server *server, int64_t ns)
{
	awl_timeout limit;
	int r;

	SERVER_TASK(server, t);
	if (awl__waits_for(server->supervisor, t))
		return awl__fail(
			AWL_EDEADLK, "%s: one of its connections would wait for itself", __func__);
	awl__server_close(server, 0);
	server->inside++;
	r = awl_timeout_enter(&limit, ns);
	r = awl_timeout_exit(&limit, r < 0 ? r : awl_join(server->supervisor));
	if (r == -ETIMEDOUT && server->count == 0)
		r = 0;
	if (r < 0 || !awl__is_done(server->supervisor))
		finish(t, server);
	leave(server);
	return r;
}

int awl_server_close(awl_server *server)
{
	AWL__NOT_NULL(server);
	AWL__CLAIM(server->loop, AWL__BY_CALLBACK);
	awl__server_close(server, 0);
	return 0;
}

int awl_server_close_clients(awl_server *server)
{
	AWL__NOT_NULL(server);
	AWL__CLAIM(server->loop, AWL__BY_CALLBACK);
	awl__connections_stop(server, false);
	return 0;
}

int awl_server_abort_clients(awl_server *server)
{
	AWL__NOT_NULL(server);
	AWL__CLAIM(server->loop, AWL__BY_CALLBACK);
	awl__connections_stop(server, true);
	return 0;
}

/* --- what it is ---------------------------------------------------------------------------------
 */

int awl_server_connections(awl_server *server)
{
	AWL__NOT_NULL(server);
	AWL__CLAIM_READ(server->loop, AWL__BY_CALLBACK, claimed_);
	return server->count;
}

int awl_server_sockets(awl_server *server)
{
	AWL__NOT_NULL(server);
	AWL__CLAIM_READ(server->loop, AWL__BY_CALLBACK, claimed_);
	return server->closed ? 0 : server->at.count;
}

int awl_server_getsockname(awl_server *server, int index, struct sockaddr *addr, socklen_t *len)
{
	const struct awl__listener *k;

	AWL__NOT_NULL(server);
	AWL__NOT_NULL(addr);
	AWL__NOT_NULL(len);
	AWL__CLAIM(server->loop, AWL__BY_CALLBACK);
	if (server->closed)
		return awl__fail(AWL_EDEAD, "%s: the server is closed", __func__);
	if (index < 0 || index >= server->at.count)
		return awl__fail(-EINVAL, "%s: it has %d sockets", __func__, server->at.count);
	k = &server->at.all[index];
	memcpy(addr, &k->address, *len < k->len ? *len : k->len);
	*len = k->len;
	return 0;
}

int awl_server_port(awl_server *server)
{
	const struct sockaddr_storage *a;

	AWL__NOT_NULL(server);
	AWL__CLAIM_READ(server->loop, AWL__BY_CALLBACK, claimed_);
	a = &server->at.all[0].address;
	if (a->ss_family == AF_INET)
		return ntohs(((const struct sockaddr_in *)a)->sin_port);
	if (a->ss_family == AF_INET6)
		return ntohs(((const struct sockaddr_in6 *)a)->sin6_port);
	return awl__fail(-EINVAL, "%s: a unix socket has none", __func__);
}
