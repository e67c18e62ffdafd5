/* SPDX-License-Identifier: MIT */
/*
 * attempt.h - one attempt at an operation that does not block, whatever the descriptor is and
 * without touching its O_NONBLOCK, which others may share.
 */
#ifndef AWL__ATTEMPT_H
#define AWL__ATTEMPT_H

#include "reactor/op.h"

#include <sys/socket.h>
#include <sys/syscall.h>

/*
 * A result, or "not now" (below). `safe`: epoll has the descriptor, so a plain call after a poll
 * that says ready does not block; or it is non-blocking. Else, where nothing better is left, the
 * answer is "not now". A CONNECT begins by it; then awl__connected.
 */
extern int32_t (*const awl__tries[AWL__OP_KINDS])(const struct awl__op *op, bool safe);

/*
 * A RECV and a SEND at once, on any socket. libc's recv and send are points where a thread may be
 * cancelled, which is four locked instructions a message that nobody here has a use for; the
 * sanitizers, though, look at what goes through them.
 */
static inline int32_t awl__recv_now(const struct awl__op *op)
{
	ssize_t n;

	do
#if AWL__ASAN || AWL__TSAN
		n = recv(op->fd, op->u.sock.buf, op->u.sock.len, op->u.sock.flags | MSG_DONTWAIT);
#else
		n = syscall(SYS_recvfrom, op->fd, op->u.sock.buf, (size_t)op->u.sock.len,
			op->u.sock.flags | MSG_DONTWAIT, NULL, NULL);
#endif
	while (awl__unlikely(n < 0) && errno == EINTR);
	return awl__likely(n >= 0) ? (int32_t)n : -errno;
}

static inline int32_t awl__send_now(const struct awl__op *op)
{
	int flags = op->u.sock.flags | MSG_DONTWAIT | MSG_NOSIGNAL;
	ssize_t n;

	do
#if AWL__ASAN || AWL__TSAN
		n = send(op->fd, op->u.sock.buf, op->u.sock.len, flags);
#else
		n = syscall(
			SYS_sendto, op->fd, op->u.sock.buf, (size_t)op->u.sock.len, flags, NULL, 0);
#endif
	while (awl__unlikely(n < 0) && errno == EINTR);
	return awl__likely(n >= 0) ? (int32_t)n : -errno;
}

/* A RECV from a local socket; *cut: it ended where a message did, and there may be more. */
int32_t awl__try_recv_cut(const struct awl__op *op, bool *cut);

/* What became of the connection that was begun, once the socket polls writable or hung up. */
int32_t awl__connected(const struct awl__op *op);

/* A full backlog of a local socket is -EAGAIN for good: nothing tells when it has room. */
static inline bool awl__not_now(const struct awl__op *op, int32_t res)
{
	return res == (op->kind == AWL__OP_CONNECT ? -EINPROGRESS : -EAGAIN);
}

/* awl__reactor_class.attempt, where the kernel is the real one. */
int awl__attempt(struct awl__reactor *r, struct awl__op *op);

/* The transfer of a regular file, in a thread of the pool. */
int awl__file_read(void *op);
int awl__file_write(void *op);

#endif
