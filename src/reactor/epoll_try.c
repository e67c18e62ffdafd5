/* SPDX-License-Identifier: MIT */
/*
 * epoll_try.c - see epoll_try.h. The ways in their order: RWF_NOWAIT, which pipes and most files
 * know, MSG_DONTWAIT for sockets, and for the rest (terminals, old kernels' pipes) poll(2) first.
 */
#include "reactor/epoll_try.h"
#include "reactor/note.h"
#include "reactor/sigpipe.h"

#include <limits.h>
#include <sys/socket.h>
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

static int32_t try_read(const struct awl__op *op, bool pollable)
{
	struct iovec v = { op->u.rw.buf, op->u.rw.len };
	int32_t res = result(preadv2(op->fd, &v, 1, op->u.rw.offset, RWF_NOWAIT));

	if (!refused(res))
		return res;
	res = result(recv(op->fd, v.iov_base, v.iov_len, MSG_DONTWAIT));
	if (res != -ENOTSOCK)
		return res;
	if (!pollable || !ready(op->fd, POLLIN))
		return -EAGAIN;
	return result(plain_read(op));
}

static int32_t write_nowait(const struct awl__op *op, int flags)
{
	struct iovec v = { op->u.rw.buf, op->u.rw.len };

	return result(pwritev2(op->fd, &v, 1, op->u.rw.offset, RWF_NOWAIT | flags));
}

/* No socket, and SIGPIPE is held back. */
static int32_t write_held(const struct awl__op *op, bool pollable)
{
	int32_t res = write_nowait(op, 0);

	if (!refused(res))
		return res;
	if (!pollable || !ready(op->fd, POLLOUT))
		return -EAGAIN;
	/* A pipe that polls writable takes a page without blocking, and no more is known. */
	return result(plain_write(op, op->u.rw.len < PIPE_BUF ? op->u.rw.len : PIPE_BUF));
}

static int32_t try_write(const struct awl__op *op, bool pollable)
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
	res = write_held(op, pollable);
	awl__sigpipe_let_go(&held, res == -EPIPE);
	return res;
}

int32_t awl__try_read(const struct awl__op *op, bool pollable)
{
	int32_t res;

	do
		res = try_read(op, pollable);
	while (res == -EINTR);
	if (res >= 0)
		awl__note_received(op->fd);
	return res;
}

int32_t awl__try_write(const struct awl__op *op, bool pollable)
{
	int32_t res;

	awl__note_sends(op->fd);
	do
		res = try_write(op, pollable);
	while (res == -EINTR);
	return res;
}

int awl__file_read(void *arg)
{
	const struct awl__op *op = arg;

	awl__note_end(op);
	return result(plain_read(op));
}

int awl__file_write(void *arg)
{
	const struct awl__op *op = arg;

	return result(plain_write(op, op->u.rw.len));
}
