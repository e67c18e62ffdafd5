/* SPDX-License-Identifier: MIT */
/*
 * attempt.c - see attempt.h. The ways of a read and a write in their order: RWF_NOWAIT, which pipes
 * and most files know, MSG_DONTWAIT for sockets, and for the rest (terminals, old kernels' pipes)
 * poll(2) first.
 */
#include "reactor/attempt.h"
#include "reactor/note.h"
#include "reactor/owner.h"
#include "reactor/sigpipe.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/uio.h>
#include <unistd.h>

static int32_t result(ssize_t n)
{
	return n >= 0 ? (int32_t)n : -errno;
}

/* RWF_NOWAIT is not for this descriptor, or not for this process: seccomp answers ENOSYS or EPERM.
 * A genuine EPERM comes again by the next way. */
static bool refused(int32_t res)
{
	return res == -EOPNOTSUPP || res == -ENOSYS || res == -EPERM;
}

static bool ready(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	return poll(&p, 1, 0) > 0;
}

static ssize_t plain_read(const struct awl__op *op)
{
	if (op->u.rw.offset < 0)
		return read(op->fd, op->u.rw.buf, op->u.rw.len);
	return pread(op->fd, op->u.rw.buf, op->u.rw.len, op->u.rw.offset);
}

static ssize_t plain_write(const struct awl__op *op, size_t len)
{
	if (op->u.rw.offset < 0)
		return write(op->fd, op->u.rw.buf, len);
	return pwrite(op->fd, op->u.rw.buf, len, op->u.rw.offset);
}

static int32_t read_once(const struct awl__op *op, bool safe)
{
	struct iovec v = { op->u.rw.buf, op->u.rw.len };
	int32_t res = result(preadv2(op->fd, &v, 1, op->u.rw.offset, RWF_NOWAIT));

	if (!refused(res))
		return res;
	res = result(recv(op->fd, v.iov_base, v.iov_len, MSG_DONTWAIT));
	if (res != -ENOTSOCK)
		return res;
	if (!safe || !ready(op->fd, POLLIN))
		return -EAGAIN;
	return result(plain_read(op));
}

static int32_t write_nowait(const struct awl__op *op, int flags)
{
	struct iovec v = { op->u.rw.buf, op->u.rw.len };

	return result(pwritev2(op->fd, &v, 1, op->u.rw.offset, RWF_NOWAIT | flags));
}

/* No socket, and SIGPIPE is held back. */
static int32_t write_held(const struct awl__op *op, bool safe)
{
	int32_t res = write_nowait(op, 0);

	if (!refused(res))
		return res;
	if (!safe || !ready(op->fd, POLLOUT))
		return -EAGAIN;
	/* A pipe that polls writable takes a page without blocking, and no more is known. */
	return result(plain_write(op, op->u.rw.len < PIPE_BUF ? op->u.rw.len : PIPE_BUF));
}

static int32_t write_once(const struct awl__op *op, bool safe)
{
	int flags = awl__nosignal();
	int32_t res = flags ? write_nowait(op, flags) : -ENOSYS;
	struct awl__sigpipe held;

	if (!refused(res))
		return res;
	res = result(send(op->fd, op->u.rw.buf, op->u.rw.len, MSG_DONTWAIT | MSG_NOSIGNAL));
	if (res != -ENOTSOCK)
		return res;
	awl__sigpipe_hold(&held);
	res = write_held(op, safe);
	awl__sigpipe_let_go(&held, res == -EPIPE);
	return res;
}

static int32_t try_read(const struct awl__op *op, bool safe)
{
	int32_t res;

	do
		res = read_once(op, safe);
	while (res == -EINTR);
	if (res >= 0)
		awl__note_received(op->fd);
	return res;
}

static int32_t try_write(const struct awl__op *op, bool safe)
{
	int32_t res;

	awl__note_sends(op->fd);
	do
		res = write_once(op, safe);
	while (res == -EINTR);
	return res;
}

/* --- sockets --- */

static int32_t try_recv(const struct awl__op *op, bool safe)
{
	(void)safe;
	return awl__recv_now(op);
}

/* What cuts it short are a sender's descriptors or credentials, which it has no room for. */
int32_t awl__try_recv_cut(const struct awl__op *op, bool *cut)
{
	struct iovec v = { op->u.sock.buf, op->u.sock.len };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };
	int32_t res =
		result(TEMP_FAILURE_RETRY(recvmsg(op->fd, &m, op->u.sock.flags | MSG_DONTWAIT)));

	*cut = res >= 0 && (m.msg_flags & MSG_CTRUNC);
	return res;
}

static int32_t try_send(const struct awl__op *op, bool safe)
{
	(void)safe;
	return awl__send_now(op);
}

static int32_t try_recvmsg(const struct awl__op *op, bool safe)
{
	(void)safe;
	return result(
		TEMP_FAILURE_RETRY(recvmsg(op->fd, op->u.msg.hdr, op->u.msg.flags | MSG_DONTWAIT)));
}

static int32_t try_sendmsg(const struct awl__op *op, bool safe)
{
	(void)safe;
	return result(TEMP_FAILURE_RETRY(
		sendmsg(op->fd, op->u.msg.hdr, op->u.msg.flags | MSG_DONTWAIT | MSG_NOSIGNAL)));
}

/* A lent listening socket may be a blocking one, and accept4 has no flag for this one call. */
static bool accept_blocks(int fd)
{
	int flags = fcntl(fd, F_GETFL), listens = 0;
	socklen_t len = sizeof listens;

	return flags >= 0 && !(flags & O_NONBLOCK) && !ready(fd, POLLIN) &&
		getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) == 0 && listens;
}

static int32_t try_accept(const struct awl__op *op, bool safe)
{
	if (!safe && accept_blocks(op->fd))
		return -EAGAIN;
	return result(TEMP_FAILURE_RETRY(accept4(
		op->fd, op->u.accept.addr, op->u.accept.len, SOCK_NONBLOCK | SOCK_CLOEXEC)));
}

/* Not again after EINTR: the connection is under way then, and a second call tells of the first. */
static int32_t try_connect(const struct awl__op *op, bool safe)
{
	int32_t res = result(connect(op->fd, op->u.connect.addr, op->u.connect.len));

	(void)safe;
	return res == -EINTR ? -EINPROGRESS : res;
}

/* Asked once more the socket tells of the first call, and is as connected as after a call that
 * waited: with SO_ERROR alone the next connect would succeed, not say EISCONN. */
int32_t awl__connected(const struct awl__op *op)
{
	int32_t res = try_connect(op, true);

	if (res == -EISCONN)
		return 0;
	return res == -EALREADY ? -EINPROGRESS : res;
}

static int32_t try_poll(const struct awl__op *op, bool safe)
{
	struct pollfd p = { .fd = op->fd, .events = (short)op->u.events };

	(void)safe;
	if (poll(&p, 1, 0) <= 0)
		return -EAGAIN;
	return p.revents & POLLNVAL ? -EBADF : p.revents;
}

int32_t (*const awl__tries[AWL__OP_KINDS])(const struct awl__op *op, bool safe) = {
	[AWL__OP_POLL] = try_poll,
	[AWL__OP_READ] = try_read,
	[AWL__OP_WRITE] = try_write,
	[AWL__OP_RECV] = try_recv,
	[AWL__OP_SEND] = try_send,
	[AWL__OP_RECVMSG] = try_recvmsg,
	[AWL__OP_SENDMSG] = try_sendmsg,
	[AWL__OP_ACCEPT] = try_accept,
	[AWL__OP_CONNECT] = try_connect,
};

int awl__attempt(struct awl__reactor *r, struct awl__op *op)
{
	r->syscalls++;
	return awl__tries[op->kind](op, op->kind != AWL__OP_ACCEPT || awl__owner_has(op->fd));
}

/* --- regular files --- */

int awl__file_read(void *arg)
{
	struct awl__op *op = arg;

	awl__note_end(op);
	return result(plain_read(op));
}

int awl__file_write(void *arg)
{
	struct awl__op *op = arg;

	return result(plain_write(op, op->u.rw.len));
}
