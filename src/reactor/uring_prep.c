/* SPDX-License-Identifier: MIT */
/*
 * uring_prep.c - how each kind of operation is written down for the kernel.
 *
 * The kernel waits by attempts, and one that fails leaves traces for the next: a local datagram
 * that finds no room is copied already, and goes empty the next time; a local stream that is empty
 * writes down nobody's credentials, before those that come with what does. Such are attempted once,
 * and anew from the beginning after a poll.
 */
#include "reactor/uring_prep.h"
#include "reactor/sigpipe.h"

#include <unistd.h>

void awl__ring_ways(struct awl__ring_ways *w, const struct io_uring *ring)
{
	unsigned better = IORING_SETUP_COOP_TASKRUN | IORING_SETUP_DEFER_TASKRUN;

	w->raises = awl__nosignal() == 0;
	w->async_writes = w->raises && !(ring->flags & IORING_SETUP_DEFER_TASKRUN);
	w->poll_first = ring->flags & better ? IORING_RECVSEND_POLL_FIRST : 0;
}

/* -1: it goes by an offset of its own, or the file has no position. */
void awl__ring_note_position(struct awl__op *op)
{
	op->own.ring.position = op->u.rw.offset < 0 ? lseek(op->fd, 0, SEEK_CUR) : -1;
}

void awl__ring_mend_position(const struct awl__op *op, int32_t res)
{
	int64_t before = op->own.ring.position;

	if (before >= 0 && res > 0 && (uint32_t)res < op->u.rw.len &&
		lseek(op->fd, 0, SEEK_CUR) == before)
		lseek(op->fd, before + res, SEEK_SET);
}

static void prep_poll(
	const struct awl__ring_ways *w, struct io_uring_sqe *sqe, const struct awl__op *op)
{
	(void)w;
	io_uring_prep_poll_add(sqe, op->fd, op->u.events);
}

static void prep_read(
	const struct awl__ring_ways *w, struct io_uring_sqe *sqe, const struct awl__op *op)
{
	(void)w;
	io_uring_prep_read(sqe, op->fd, op->u.rw.buf, op->u.rw.len, (uint64_t)op->u.rw.offset);
}

static void prep_write(
	const struct awl__ring_ways *w, struct io_uring_sqe *sqe, const struct awl__op *op)
{
	io_uring_prep_write(sqe, op->fd, op->u.rw.buf, op->u.rw.len, (uint64_t)op->u.rw.offset);
	sqe->rw_flags = awl__nosignal();
	if (w->async_writes)
		sqe->flags |= IOSQE_ASYNC;
}

/* A wait for queued errors or urgent bytes is not one for POLLIN, and no local socket has either.
 */
static int recv_flags(const struct awl__op *op)
{
	bool other = op->u.msg.flags & (MSG_ERRQUEUE | MSG_OOB);

	return op->u.msg.flags | (op->u.msg.hdr->msg_control && !other ? MSG_DONTWAIT : 0);
}

static void prep_send(
	const struct awl__ring_ways *w, struct io_uring_sqe *sqe, const struct awl__op *op)
{
	(void)w;
	awl__ring_send(sqe, op);
}

static void prep_recvmsg(
	const struct awl__ring_ways *w, struct io_uring_sqe *sqe, const struct awl__op *op)
{
	io_uring_prep_recvmsg(sqe, op->fd, op->u.msg.hdr, (unsigned)recv_flags(op));
	sqe->ioprio = op->later ? w->poll_first : 0;
}

static void prep_sendmsg(
	const struct awl__ring_ways *w, struct io_uring_sqe *sqe, const struct awl__op *op)
{
	(void)w;
	io_uring_prep_sendmsg(
		sqe, op->fd, op->u.msg.hdr, (unsigned)awl__ring_send_flags(op, op->u.msg.flags));
}

static void prep_accept(
	const struct awl__ring_ways *w, struct io_uring_sqe *sqe, const struct awl__op *op)
{
	(void)w;
	io_uring_prep_accept(
		sqe, op->fd, op->u.accept.addr, op->u.accept.len, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

static void prep_connect(
	const struct awl__ring_ways *w, struct io_uring_sqe *sqe, const struct awl__op *op)
{
	(void)w;
	io_uring_prep_connect(sqe, op->fd, op->u.connect.addr, op->u.connect.len);
}

const struct awl__ring_kind awl__ring_kinds[AWL__OP_KINDS] = {
	[AWL__OP_POLL] = { prep_poll, 0 },
	[AWL__OP_READ] = { prep_read, POLLIN },
	[AWL__OP_WRITE] = { prep_write, POLLOUT },
	[AWL__OP_RECV] = { awl__ring_recv, POLLIN },
	[AWL__OP_SEND] = { prep_send, POLLOUT },
	[AWL__OP_RECVMSG] = { prep_recvmsg, POLLIN },
	[AWL__OP_SENDMSG] = { prep_sendmsg, POLLOUT },
	[AWL__OP_ACCEPT] = { prep_accept, POLLIN },
	[AWL__OP_CONNECT] = { prep_connect, POLLOUT },
};
