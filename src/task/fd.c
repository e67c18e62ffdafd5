/* SPDX-License-Identifier: MIT */
/*
 * fd.c - waiting for a descriptor, reading from it and writing to it, whatever it is.
 */
#include "task/op.h"

static int begin(struct awl__task **t, int fd, const char *call)
{
	int r = awl__self(t, call);

	if (r < 0)
		return r;
	if (fd < 0)
		return -EBADF;
	return awl__wait_begin(*t);
}

int awl_wait_fd(int fd, int events)
{
	struct awl__task_op o = {
		.op = { .kind = AWL__OP_POLL, .fd = fd, .u.events = (uint32_t)events }
	};
	struct awl__task *t;
	int r;

	if (!events || (events & ~(POLLIN | POLLOUT | POLLPRI | POLLRDHUP)))
		return awl__fail(
			-EINVAL, "awl_wait_fd: events are POLLIN, POLLOUT, POLLPRI, POLLRDHUP");
	r = begin(&t, fd, __func__);
	return r < 0 ? r : awl__lent_op_run(t, &o, __func__);
}

static int transfer(uint8_t kind, int fd, void *buf, size_t len, const char *call)
{
	struct awl__task_op o = { .op = { .kind = kind, .fd = fd } };
	struct awl__task *t;
	int r;

	if (!buf && len)
		return awl__fail(-EINVAL, "%s: buf is NULL", call);
	r = begin(&t, fd, call);
	if (r < 0)
		return r;
	o.op.u.rw.buf = buf;
	o.op.u.rw.len = len > AWL_TRANSFER_MAX ? AWL_TRANSFER_MAX : (uint32_t)len;
	o.op.u.rw.offset = -1;
	return awl__lent_op_run(t, &o, call);
}

int awl_fd_read(int fd, void *buf, size_t len)
{
	return transfer(AWL__OP_READ, fd, buf, len, __func__);
}

int awl_fd_write(int fd, const void *buf, size_t len)
{
	return transfer(AWL__OP_WRITE, fd, (void *)(uintptr_t)buf, len, __func__);
}
