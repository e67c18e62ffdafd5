/* SPDX-License-Identifier: MIT */
/*
 * uring_prep.h - what differs from one kind of operation to the next, for io_uring.
 */
#ifndef AWL__URING_PREP_H
#define AWL__URING_PREP_H

#include "reactor/op.h"
#include "reactor/uring_compat.h"

#include <sys/socket.h>

/* What this kernel makes necessary, or possible. */
struct awl__ring_ways {
	bool raises; /* a write may raise SIGPIPE: there is no RWF_NOSIGNAL */
	/* Without DEFER_TASKRUN a write is retried at any return from the kernel, where we
	 * cannot hold SIGPIPE back; a worker of the kernel's takes no signals. */
	bool async_writes;
	uint16_t poll_first; /* the flag; as old as the flags of the better rings */
};

void awl__ring_ways(struct awl__ring_ways *w, const struct io_uring *ring);

/* What a send is attempted with: see uring_prep.c for why. */
static inline int awl__ring_send_flags(const struct awl__op *op, int flags)
{
	return flags | MSG_NOSIGNAL | (op->bytes ? 0 : MSG_DONTWAIT);
}

/* All of an entry but user_data: what streams do, inline. */
static inline void awl__ring_recv(
	const struct awl__ring_ways *w, struct io_uring_sqe *sqe, const struct awl__op *op)
{
	*sqe = (struct io_uring_sqe){
		.opcode = IORING_OP_RECV,
		.ioprio = op->later ? w->poll_first : 0,
		.fd = op->fd,
		.addr = (uintptr_t)op->u.sock.buf,
		.len = op->u.sock.len,
		.msg_flags = (uint32_t)op->u.sock.flags,
	};
}

static inline void awl__ring_send(struct io_uring_sqe *sqe, const struct awl__op *op)
{
	*sqe = (struct io_uring_sqe){
		.opcode = IORING_OP_SEND,
		.fd = op->fd,
		.addr = (uintptr_t)op->u.sock.buf,
		.len = op->u.sock.len,
		.msg_flags = (uint32_t)awl__ring_send_flags(op, op->u.sock.flags),
	};
}

struct awl__ring_kind {
	void (*prep)(
		const struct awl__ring_ways *w, struct io_uring_sqe *sqe, const struct awl__op *op);
	uint32_t events; /* what to poll for when the answer was "not now" */
};

extern const struct awl__ring_kind awl__ring_kinds[AWL__OP_KINDS];

/*
 * The kernel goes on with the rest of a write to a file by itself, and where an error stops that (a
 * full disk, say) it tells what was written before, but leaves the file's position where it was
 * (seen on 6.18): the next write would go over the first. So a WRITE notes the position before it,
 * and one that has written a part looks after it.
 */
void awl__ring_note_position(struct awl__op *op);
void awl__ring_mend_position(const struct awl__op *op, int32_t res);

#endif
