/* SPDX-License-Identifier: MIT */
/*
 * attempt.h - one attempt at an operation that does not block, whatever the descriptor is and
 * without touching its O_NONBLOCK, which others may share.
 */
#ifndef AWL__ATTEMPT_H
#define AWL__ATTEMPT_H

#include "reactor/op.h"

/*
 * A result, or "not now" (below). `safe`: epoll has the descriptor, so a plain call after a poll
 * that says ready does not block; or it is non-blocking. Else, where nothing better is left, the
 * answer is "not now". A CONNECT begins by it; then awl__connected.
 */
extern int32_t (*const awl__tries[AWL__OP_KINDS])(const struct awl__op *op, bool safe);

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
