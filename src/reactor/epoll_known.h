/* SPDX-License-Identifier: MIT */
/*
 * epoll_known.h - what an owned descriptor is ready for: learnt from the events that came and from
 * each call's answer, so that who must wait costs no call and who need not does not wait. Too much
 * may be believed, an attempt corrects it; never too little, since only a change brings an edge.
 */
#ifndef AWL__EPOLL_KNOWN_H
#define AWL__EPOLL_KNOWN_H

#include "reactor/attempt.h"

#include <sys/epoll.h>

#define AWL__HUNG (EPOLLERR | EPOLLHUP)
#define AWL__TRIED (EPOLLIN | EPOLLOUT) /* not known yet: an attempt will tell */

/* What less than asked for says about the rest. */
enum awl__nature {
	AWL__OPAQUE, /* nothing: only EAGAIN does */
	AWL__TCP, /* there is no more, but for an urgent byte, and the end, which epoll tells of */
	AWL__LOCAL, /* the same, unless a message's end was in the way */
};

struct awl__known {
	uint32_t events; /* what it is ready for */
	uint8_t nature;
};

static inline uint32_t awl__asks_of_message(int flags)
{
	if (awl__unlikely(flags & (MSG_OOB | MSG_ERRQUEUE)))
		return flags & MSG_OOB ? EPOLLPRI : EPOLLERR;
	return EPOLLIN;
}

/* The events an operation goes on with, errors aside. */
static inline uint32_t awl__asks(const struct awl__op *op)
{
	/* What streams do, by two comparisons and not through a table. */
	if (awl__likely(op->kind == AWL__OP_RECV))
		return awl__asks_of_message(op->u.sock.flags);
	if (awl__likely(op->kind == AWL__OP_SEND))
		return EPOLLOUT;
	switch (op->kind) {
	case AWL__OP_POLL:
		return op->u.events;
	case AWL__OP_READ:
	case AWL__OP_ACCEPT:
		return EPOLLIN;
	case AWL__OP_RECVMSG:
		return awl__asks_of_message(op->u.msg.flags);
	default:
		return EPOLLOUT;
	}
}

static inline uint32_t awl__interest(const struct awl__op *op)
{
	return awl__asks(op) | AWL__HUNG;
}

/* A call was told EAGAIN; it gave or took less than it was asked, and that says that there is no
 * more. Whatever changes after the call brings an edge. */
static inline void awl__known_not_now(struct awl__known *k, uint32_t asks)
{
	k->events &= ~(asks | AWL__HUNG | (asks & EPOLLIN ? EPOLLRDHUP : 0));
}

static inline void awl__known_drained(struct awl__known *k, uint32_t asks)
{
	if (awl__likely(!(k->events & (AWL__HUNG | EPOLLRDHUP))))
		k->events &= ~asks;
}

/* Of a descriptor that is owned from now on; of the same nature as `like`, if that is not NULL. */
void awl__known_begin(struct awl__known *k, int fd, const struct awl__known *like);

/* An attempt, and what it tells. */
int32_t awl__known_try(struct awl__known *k, const struct awl__op *op);

/* What streams do: a receive or a send of bytes, and no more to it. */
static inline bool awl__is_plain(const struct awl__op *op)
{
	return (op->kind == AWL__OP_RECV || op->kind == AWL__OP_SEND) && op->u.sock.flags == 0;
}

/* awl__known_try of such a one, the whole of it here for TCP. */
static inline int32_t awl__known_try_plain(struct awl__known *k, const struct awl__op *op)
{
	uint32_t way = op->kind == AWL__OP_RECV ? EPOLLIN : EPOLLOUT;
	int32_t res;

	if (awl__unlikely(k->nature != AWL__TCP))
		return awl__known_try(k, op);
	res = op->kind == AWL__OP_RECV ? awl__recv_now(op) : awl__send_now(op);
	if (awl__unlikely(res == -EAGAIN))
		awl__known_not_now(k, way);
	else if (res > 0 && (uint32_t)res < op->u.sock.len)
		awl__known_drained(k, way);
	return res;
}

/* An end of the connection ahead, an urgent byte: a short read is none any more. */
static inline void awl__known_event(struct awl__known *k, uint32_t events)
{
	k->events |= events;
	if (awl__unlikely(events & EPOLLPRI))
		k->nature = AWL__OPAQUE;
}

#endif
