/* SPDX-License-Identifier: MIT */
/*
 * socket.c - see socket.h.
 */
#include "reactor/socket.h"

#include <arpa/inet.h>

int net_socket(struct rig *g, int domain, int type)
{
	int fd = net(g)->socket(g->r, domain, type, 0);

	assert_true(fd >= 0);
	return fd;
}

void net_shut(struct rig *g, int fd)
{
	assert_int_equal(net(g)->close(g->r, fd), 0);
}

int net_listener(struct rig *g, struct sockaddr_in *at)
{
	socklen_t len = sizeof *at;
	int fd = net_socket(g, AF_INET, SOCK_STREAM);

	*at = (struct sockaddr_in){ .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	assert_int_equal(net(g)->bind(g->r, fd, (struct sockaddr *)at, sizeof *at), 0);
	assert_int_equal(net(g)->listen(g->r, fd, 16), 0);
	assert_int_equal(net(g)->name(g->r, fd, false, (struct sockaddr *)at, &len), 0);
	return fd;
}

static void tcp_pair(struct rig *g, int fds[2])
{
	struct sockaddr_in at;
	struct rig_op a, c;
	int listener = net_listener(g, &at);

	fds[0] = net_socket(g, AF_INET, SOCK_STREAM);
	net_connect(g, &c, fds[0], &at, sizeof at);
	net_accept(g, &a, listener);
	assert_int_equal(rig_finish(g, &c), 0);
	fds[1] = rig_finish(g, &a);
	assert_true(fds[1] >= 0);
	net_shut(g, listener);
}

void link_open(struct rig *g, struct link *l, enum link_kind kind, bool owned)
{
	if (kind == LINK_TCP)
		tcp_pair(g, l->fds);
	else
		assert_int_equal(net(g)->pair(g->r, AF_UNIX, SOCK_STREAM, l->fds), 0);
	l->owned = owned;
	for (int i = 0; i < 2 && owned; i++)
		assert_int_equal(awl__reactor_own(g->r, l->fds[i]), 0);
}

void link_shut(struct rig *g, struct link *l, int end)
{
	if (l->fds[end] < 0)
		return;
	if (l->owned)
		awl__reactor_disown(g->r, l->fds[end]);
	net_shut(g, l->fds[end]);
	l->fds[end] = -1;
}

void link_close(struct rig *g, struct link *l)
{
	link_shut(g, l, 0);
	link_shut(g, l, 1);
}

static void start(struct rig *g, struct rig_op *o, uint8_t kind, int fd)
{
	o->op.kind = kind;
	o->op.fd = fd;
	assert_true(rig_start(g, o) >= 0);
}

void net_recv(struct rig *g, struct rig_op *o, int fd, void *buf, uint32_t len, int flags)
{
	memset(o, 0, sizeof *o);
	o->op.u.sock.buf = buf;
	o->op.u.sock.len = len;
	o->op.u.sock.flags = flags;
	start(g, o, AWL__OP_RECV, fd);
}

void net_send(struct rig *g, struct rig_op *o, int fd, const void *buf, uint32_t len)
{
	memset(o, 0, sizeof *o);
	o->op.u.sock.buf = (void *)(uintptr_t)buf;
	o->op.u.sock.len = len;
	start(g, o, AWL__OP_SEND, fd);
}

void net_recvmsg(struct rig *g, struct rig_op *o, int fd, struct msghdr *m, int flags)
{
	memset(o, 0, sizeof *o);
	o->op.u.msg.hdr = m;
	o->op.u.msg.flags = flags;
	start(g, o, AWL__OP_RECVMSG, fd);
}

void net_sendmsg(struct rig *g, struct rig_op *o, int fd, struct msghdr *m)
{
	memset(o, 0, sizeof *o);
	o->op.u.msg.hdr = m;
	start(g, o, AWL__OP_SENDMSG, fd);
}

void net_accept(struct rig *g, struct rig_op *o, int fd)
{
	memset(o, 0, sizeof *o);
	start(g, o, AWL__OP_ACCEPT, fd);
}

void net_connect(struct rig *g, struct rig_op *o, int fd, const void *addr, socklen_t len)
{
	memset(o, 0, sizeof *o);
	o->op.u.connect.addr = addr;
	o->op.u.connect.len = len;
	start(g, o, AWL__OP_CONNECT, fd);
}

void net_put(struct rig *g, int fd, const char *text)
{
	struct rig_op o;

	for (size_t at = 0, len = strlen(text); at < len; at += (size_t)o.op.res) {
		net_send(g, &o, fd, text + at, (uint32_t)(len - at));
		assert_true(rig_finish(g, &o) > 0);
	}
}

void net_expect(struct rig *g, int fd, const char *text)
{
	size_t len = strlen(text), at;
	struct rig_op o;
	char buf[512];

	assert_true(len < sizeof buf);
	for (at = 0; at < len; at += (size_t)o.op.res) {
		net_recv(g, &o, fd, buf + at, (uint32_t)(sizeof buf - at), 0);
		assert_true(rig_finish(g, &o) > 0);
	}
	assert_int_equal(at, len);
	assert_memory_equal(buf, text, len);
}

void net_gather(struct rig *g, struct rig_op *o, int fd, char *buf, uint32_t len)
{
	uint32_t at = 0;

	while (rig_finish(g, o) > 0 && (at += (uint32_t)o->op.res) < len)
		net_recv(g, o, fd, buf + at, len - at, 0);
	assert_int_equal(at, len);
}

void net_expect_end(struct rig *g, int fd)
{
	struct rig_op o;
	char buf[8];

	net_recv(g, &o, fd, buf, sizeof buf, 0);
	assert_int_equal(rig_finish(g, &o), 0);
}
