/* SPDX-License-Identifier: MIT */
/*
 * fd.c - one task, one operation of the reactor: submitted, parked, completed.
 *
 * The operation lies on the task's stack, with the memory it names; the task stays parked until the
 * reactor has let go of both, also when it was cancelled (A8).
 */
#include "task/task.h"

#include <unistd.h>

struct task_op {
	struct awl__op op;
	struct awl__task *task;
};

static void op_done(struct awl__op *op)
{
	awl__wake(awl__container(op, struct task_op, op)->task);
}

static int run(struct awl__task *t, struct task_op *o)
{
	awl_loop *l = awl__task_loop(t);

	o->task = t;
	o->op.done = op_done;
	for (;;) {
		int r = awl__reactor_submit(l->reactor, &o->op);

		if (r < 0)
			return r;
		if (r == 1) {
			if (awl__unlikely(--l->budget <= 0))
				awl__task_pause(t);
			return o->op.res;
		}
		awl__loop_look(l);
		awl__park(t, AWL__WAITS_FD, (uintptr_t)&o->op, INT64_MAX);
		assert(o->op.state == AWL__OP_IDLE);
		if (o->op.res != -ECANCELED)
			return o->op.res;
		r = awl__deliver(t);
		if (r < 0)
			return r;
		/* The request was taken back meanwhile: nothing was moved, so it begins anew. */
	}
}

static int begin(struct awl__task **t, int fd, const char *call)
{
	int r = awl__self(t, call);

	if (r < 0)
		return r;
	if (fd < 0)
		return -EBADF;
	return awl__wait_begin(*t, call);
}

int awl_wait_fd(int fd, int events)
{
	struct task_op o = {
		.op = { .kind = AWL__OP_POLL, .fd = fd, .u.events = (uint32_t)events }
	};
	struct awl__task *t;
	int r;

	if (!events || (events & ~(POLLIN | POLLOUT | POLLPRI | POLLRDHUP)))
		return awl__fail(
			-EINVAL, "awl_wait_fd: events are POLLIN, POLLOUT, POLLPRI, POLLRDHUP");
	r = begin(&t, fd, __func__);
	return r < 0 ? r : run(t, &o);
}

static int transfer(uint8_t kind, int fd, void *buf, size_t len, const char *call)
{
	struct task_op o = { .op = { .kind = kind, .fd = fd } };
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
	return run(t, &o);
}

int awl_fd_read(int fd, void *buf, size_t len)
{
	return transfer(AWL__OP_READ, fd, buf, len, __func__);
}

int awl_fd_write(int fd, const void *buf, size_t len)
{
	return transfer(AWL__OP_WRITE, fd, (void *)(uintptr_t)buf, len, __func__);
}
