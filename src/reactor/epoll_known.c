/* SPDX-License-Identifier: MIT */
/*
 * epoll_known.c - see epoll_known.h: what a call's answer says about the next one's.
 */
#include "reactor/epoll_known.h"

#include <netinet/in.h>

static enum awl__nature nature_of(int fd)
{
	int domain = 0, type = 0, protocol = 0;
	socklen_t len = sizeof(int);

	if (getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &len) < 0)
		return AWL__OPAQUE; /* not a socket */
	if (protocol == IPPROTO_TCP)
		return AWL__TCP;
	if (protocol != 0 || getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) < 0 ||
		getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0)
		return AWL__OPAQUE;
	return domain == AF_UNIX && type == SOCK_STREAM ? AWL__LOCAL : AWL__OPAQUE;
}

void awl__known_begin(struct awl__known *k, int fd, const struct awl__known *like)
{
	k->events = AWL__TRIED;
	k->nature = like ? like->nature : (uint8_t)nature_of(fd);
}

/* The call gave less than it was asked for, and that says that there is no more. */
static bool drained(const struct awl__known *k, const struct awl__op *op, int32_t res)
{
	if (k->nature == AWL__OPAQUE || res <= 0)
		return false;
	switch (op->kind) {
	case AWL__OP_RECV:
	case AWL__OP_SEND:
		return op->u.sock.flags == 0 && (uint32_t)res < op->u.sock.len;
	case AWL__OP_READ:
		return k->nature == AWL__TCP && (uint32_t)res < op->u.rw.len;
	case AWL__OP_WRITE:
		return (uint32_t)res < op->u.rw.len;
	default:
		return false;
	}
}

static void learn(struct awl__known *k, const struct awl__op *op, int32_t res)
{
	if (awl__unlikely(res == -EAGAIN))
		awl__known_not_now(k, awl__asks(op));
	else if (drained(k, op, res))
		awl__known_drained(k, awl__asks(op));
}

/* What was known before is of the socket that it was before. */
static int32_t try_connect(struct awl__known *k, const struct awl__op *op)
{
	int32_t res = awl__tries[AWL__OP_CONNECT](op, true);

	k->events = res == -EINPROGRESS ? 0 : AWL__TRIED;
	return res;
}

int32_t awl__known_try(struct awl__known *k, const struct awl__op *op)
{
	bool cut = false;
	int32_t res;

	if (awl__unlikely(op->kind == AWL__OP_CONNECT))
		return try_connect(k, op);
	if (op->kind == AWL__OP_RECV && k->nature == AWL__LOCAL)
		res = awl__try_recv_cut(op, &cut);
	else
		res = awl__tries[op->kind](op, true);
	if (awl__likely(!cut))
		learn(k, op, res);
	return res;
}
