/* SPDX-License-Identifier: MIT */
/*
 * connect.c - clients: a socket connected to one address, and a stream to a name or a path.
 */
#include "net/connect.h"
#include "net/local.h"
#include "net/literal.h"
#include "net/stream.h"

#include <awl/scope.h>
#include <awl/server.h>

#include <netinet/tcp.h>
#include <string.h>

#define ATTEMPT_DELAY (250 * AWL_MS) /* RFC 8305, section 5 */

/*
 * Where nobody listens at one of this machine's own ephemeral ports, a connect may be given that
 * very port, and is answered by itself.
 */
static bool has_met_itself(struct awl__reactor *r, int fd, const struct awl__way *way)
{
	struct sockaddr_storage own;
	socklen_t len = sizeof own;

	if (way->from || way->to->sa_family == AF_UNIX)
		return false;
	if (r->class->net->name(r, fd, false, (struct sockaddr *)&own, &len) < 0)
		return false;
	return len == way->to_len && memcmp(&own, way->to, len) == 0;
}

int awl__connect(struct awl__task *t, const struct awl__way *way)
{
	struct awl__reactor *reactor = awl__task_loop(t)->reactor;
	const struct awl__net *net = reactor->class->net;
	struct awl__task_op o = { .op = { .kind = AWL__OP_CONNECT } };
	int one = 1, r = net->socket(reactor, way->to->sa_family, SOCK_STREAM, 0);

	if (r < 0)
		return r;
	o.op.fd = r;
	o.op.u.connect.addr = way->to;
	o.op.u.connect.len = way->to_len;
	if (way->to->sa_family != AF_UNIX)
		net->setopt(reactor, o.op.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	r = way->from ? net->bind(reactor, o.op.fd, way->from, way->from_len) : 0;
	if (r == 0)
		r = awl__task_op_run(t, &o, INT64_MAX);
	if (r == 0 && has_met_itself(reactor, o.op.fd, way))
		r = -ECONNREFUSED;
	if (r < 0)
		net->close(reactor, o.op.fd);
	return r < 0 ? r : o.op.fd;
}

/* The connected socket as a stream; without one it is closed. */
static int stream_of(struct awl__task *t, int fd, size_t limit, const void *place, awl_stream **ret)
{
	awl_loop *l = awl__task_loop(t);
	awl_stream *s;
	int r = awl__stream_new_socket(l, fd, -1, l->debug ? place : NULL, &s);

	if (r < 0) {
		l->reactor->class->net->close(l->reactor, fd);
		return r;
	}
	if (limit)
		awl_stream_set_limit(s, limit);
	*ret = s;
	return 0;
}

/* --- to a name ----------------------------------------------------------------------------------
 */

static int check(const awl_connect_options *o, int port, const char *call)
{
	if (port < 0 || port > UINT16_MAX || o->local_port < 0 || o->local_port > UINT16_MAX)
		return awl__fail(-EINVAL, "%s: a port is 0 ... 65535", call);
	if (o->family != 0 && o->family != AF_INET && o->family != AF_INET6)
		return awl__fail(-EINVAL, "%s: family is AF_INET, AF_INET6, or 0 for both", call);
	if (o->delay < 0 || o->timeout < 0)
		return awl__fail(-EINVAL, "%s: a time is not negative", call);
	return 0;
}

/* Looks the name up and connects: the socket's number. */
static int reach(const awl_connect_options *o, const char *host, int port, const char *call)
{
	struct addrinfo hints = { .ai_family = o->family, .ai_socktype = SOCK_STREAM };
	struct sockaddr_storage local = { .ss_family = 0 };
	struct awl__eyeballs e = {
		.host = host,
		.port = port,
		.local = &local,
		.local_port = (in_port_t)o->local_port,
		.delay = o->delay ? o->delay : ATTEMPT_DELAY,
	};
	struct addrinfo *list;
	socklen_t len;
	int r;

	if (o->local_host) {
		r = awl_address(o->local_host, o->local_port, &local, &len);
		if (r < 0)
			return r;
		if (!hints.ai_family)
			hints.ai_family = local.ss_family;
		if (hints.ai_family != local.ss_family)
			return awl__fail(-EINVAL,
				"%s: local_host is of another family than asked for", call);
	}
	r = awl_getaddrinfo_abandonable(host, NULL, &hints, &list);
	if (r < 0)
		return r;
	for (const struct addrinfo *a = list; a; a = a->ai_next)
		awl__address_set_port((struct sockaddr_storage *)a->ai_addr, (in_port_t)port);
	e.addresses = list;
	r = awl__happy_eyeballs(&e, call);
	awl_freeaddrinfo(list);
	return r;
}

static int reach_within(const awl_connect_options *o, const char *host, int port, const char *call)
{
	awl_timeout limit;
	int r;

	if (!o->timeout)
		return reach(o, host, port, call);
	r = awl_timeout_enter(&limit, o->timeout);
	r = awl_timeout_exit(&limit, r < 0 ? r : reach(o, host, port, call));
	if (r == -ETIMEDOUT && awl_timeout_expired(&limit))
		r = awl__fail(-ETIMEDOUT, "%s: %s:%d: not connected within %.3g s", call, host,
			port, (double)o->timeout / 1e9);
	return r;
}

static int open_connection(const awl_connect_options *options, const char *host, int port,
	awl_stream **ret, const void *place, const char *call)
{
	static const awl_connect_options none;
	const awl_connect_options *o = options ? options : &none;
	struct awl__task *t;
	int r = awl__self(&t, call);

	if (r < 0)
		return r;
	r = check(o, port, call);
	if (r == 0)
		r = awl__wait_begin(t);
	if (r == 0)
		r = reach_within(o, host, port, call);
	return r < 0 ? r : stream_of(t, r, o->limit, place, ret);
}

int awl_open_connection(const char *host, int port, awl_stream **ret)
{
	AWL__NOT_NULL(host);
	AWL__NOT_NULL(ret);
	return open_connection(NULL, host, port, ret, __builtin_return_address(0), __func__);
}

int awl_open_connection_with(
	const awl_connect_options *options, const char *host, int port, awl_stream **ret)
{
	AWL__NOT_NULL(host);
	AWL__NOT_NULL(ret);
	return open_connection(options, host, port, ret, __builtin_return_address(0), __func__);
}

/* --- to a path ----------------------------------------------------------------------------------
 */

int awl_open_unix_connection(const char *path, awl_stream **ret)
{
	struct awl__way way = { .from = NULL };
	struct sockaddr_un to;
	struct awl__task *t;
	int r;

	AWL__NOT_NULL(path);
	AWL__NOT_NULL(ret);
	r = awl__self(&t, __func__);
	if (r < 0)
		return r;
	r = awl__local_address(path, &to, &way.to_len, __func__);
	if (r == 0)
		r = awl__wait_begin(t);
	if (r < 0)
		return r;
	way.to = (const struct sockaddr *)&to;
	r = awl__connect(t, &way);
	if (r < 0 && r != AWL_ECANCELED)
		return awl__fail(r, "connect to %s: %s", path, awl_strerror(r));
	return r < 0 ? r : stream_of(t, r, 0, __builtin_return_address(0), ret);
}
