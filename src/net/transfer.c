/* SPDX-License-Identifier: MIT */
/*
 * transfer.c - bytes through a lent socket: one operation a call, for all but sendall.
 */
#include "net/room.h"
#include "net/socket.h"

/* What would mean one thing on one reactor and another on the next. */
static int check_flags(int flags, int refused, const char *call)
{
	if (awl__likely(!(flags & refused)))
		return 0;
	return awl__fail(-EINVAL, "%s: %s is not taken: %s", call,
		flags & refused & MSG_WAITALL ? "MSG_WAITALL" : "MSG_DONTWAIT",
		flags & refused & MSG_WAITALL ? "receive until you have all"
					      : "who sends all of it waits");
}

static int run(struct awl__task *t, struct awl__task_op *o, int flags, const char *call)
{
	if (awl__unlikely(flags & MSG_DONTWAIT))
		return awl__lent_op_try(t, o, call);
	return awl__lent_op_run(t, o, call);
}

static int no_buffer(const char *call)
{
	return awl__fail(-EINVAL, "%s: buf is NULL", call);
}

/* --- receiving --- */

int awl_sock_recv(int fd, void *buf, size_t len, int flags)
{
	struct awl__task_op o = { .op = { .kind = AWL__OP_RECV, .fd = fd } };
	int r = check_flags(flags, MSG_WAITALL, __func__);

	if (awl__unlikely(r < 0))
		return r;
	if (!buf && len)
		return no_buffer(__func__);
	AWL__SOCK_TASK(t, fd);
	o.op.u.sock.buf = buf;
	o.op.u.sock.len = awl__sock_length(len);
	o.op.u.sock.flags = flags & ~MSG_DONTWAIT;
	return run(t, &o, flags, __func__);
}

/* To a receiver of this machine that the message names. */
static int send_locally(struct awl__task *t, struct awl__task_op *o, const char *call)
{
	struct msghdr *hdr = o->op.u.msg.hdr;
	int flags = o->op.u.msg.flags;
	awl_loop *l = awl__task_loop(t);
	int r = awl__lent_begin(t, o, AWL__TURN_OUT, call);

	if (r < 0)
		return r;
	r = awl__reactor_try(l->reactor, &o->op);
	if (r == -EAGAIN)
		r = awl__send_when_room(t, o, hdr, flags);
	else if (--l->budget <= 0)
		awl__task_pause(t);
	awl__lent_leave(o);
	return r;
}

static bool is_local(const struct msghdr *hdr)
{
	const struct sockaddr *to = hdr->msg_name;

	return to && hdr->msg_namelen >= sizeof to->sa_family && to->sa_family == AF_UNIX;
}

int awl__sock_message(
	struct awl__task *t, uint8_t kind, int fd, struct msghdr *hdr, int flags, const char *call)
{
	struct awl__task_op o = { .op = { .kind = kind, .fd = fd } };

	o.op.u.msg.hdr = hdr;
	o.op.u.msg.flags = flags & ~MSG_DONTWAIT;
	if (kind == AWL__OP_SENDMSG && is_local(hdr) && !(flags & MSG_DONTWAIT))
		return send_locally(t, &o, call);
	return run(t, &o, flags, call);
}

int awl_sock_recvfrom(
	int fd, void *buf, size_t size, int flags, struct sockaddr *addr, socklen_t *len)
{
	struct iovec part = { buf, awl__sock_length(size) };
	struct msghdr hdr = { .msg_iov = &part, .msg_iovlen = 1 };
	int r = check_flags(flags, MSG_WAITALL, __func__);

	if (r < 0)
		return r;
	if (!buf && size)
		return no_buffer(__func__);
	if (addr && !len)
		return awl__fail(-EINVAL, "%s: an address without a length", __func__);
	AWL__SOCK_TASK(t, fd);
	hdr.msg_name = addr;
	hdr.msg_namelen = addr ? *len : 0;
	r = awl__sock_message(t, AWL__OP_RECVMSG, fd, &hdr, flags, __func__);
	if (r >= 0 && addr)
		*len = hdr.msg_namelen;
	return r;
}

int awl_sock_recvmsg(int fd, struct msghdr *message, int flags)
{
	int r = check_flags(flags, MSG_WAITALL, __func__);

	if (r < 0)
		return r;
	AWL__NOT_NULL(message);
	AWL__SOCK_TASK(t, fd);
	return awl__sock_message(
		t, AWL__OP_RECVMSG, fd, message, flags | MSG_CMSG_CLOEXEC, __func__);
}

/* --- sending --- */

static void prepare_send(struct awl__task_op *o, const void *buf, size_t len, int flags)
{
	o->op.u.sock.buf = (void *)(uintptr_t)buf;
	o->op.u.sock.len = awl__sock_length(len);
	o->op.u.sock.flags = flags & ~MSG_DONTWAIT;
}

int awl_sock_send(int fd, const void *buf, size_t len, int flags)
{
	struct awl__task_op o = { .op = { .kind = AWL__OP_SEND, .fd = fd } };

	if (!buf && len)
		return no_buffer(__func__);
	AWL__SOCK_TASK(t, fd);
	prepare_send(&o, buf, len, flags);
	return run(t, &o, flags, __func__);
}

/* One turn from the first byte to the last. */
static int send_all(struct awl__task *t, struct awl__task_op *o, const char *buf, size_t len,
	int flags, size_t *sent)
{
	int r = 0;

	while (*sent < len && r >= 0) {
		prepare_send(o, buf + *sent, len - *sent, flags);
		r = *sent > 0 ? awl__deliver(t) : 0;
		if (r == 0)
			r = awl__task_op_run(t, o, INT64_MAX);
		if (r > 0)
			*sent += (size_t)r;
	}
	return r < 0 ? r : 0;
}

int awl_sock_sendall(int fd, const void *buf, size_t len, int flags, size_t *done)
{
	struct awl__task_op o = { .op = { .kind = AWL__OP_SEND, .fd = fd } };
	size_t sent = 0;
	int r;

	if (done)
		*done = 0;
	r = check_flags(flags, MSG_DONTWAIT, __func__);
	if (r < 0)
		return r;
	if (!buf && len)
		return no_buffer(__func__);
	AWL__SOCK_TASK(t, fd);
	r = awl__lent_begin(t, &o, AWL__TURN_OUT, __func__);
	if (r < 0)
		return r;
	r = send_all(t, &o, buf, len, flags, &sent);
	awl__lent_leave(&o);
	if (done)
		*done = sent;
	return r;
}

int awl_sock_sendto(
	int fd, const void *buf, size_t size, int flags, const struct sockaddr *addr, socklen_t len)
{
	struct iovec part = { (void *)(uintptr_t)buf, awl__sock_length(size) };
	struct msghdr hdr = {
		.msg_name = (void *)(uintptr_t)addr,
		.msg_namelen = addr ? len : 0,
		.msg_iov = &part,
		.msg_iovlen = 1,
	};

	if (!buf && size)
		return no_buffer(__func__);
	AWL__SOCK_TASK(t, fd);
	return awl__sock_message(t, AWL__OP_SENDMSG, fd, &hdr, flags, __func__);
}

int awl_sock_sendmsg(int fd, const struct msghdr *message, int flags)
{
	AWL__NOT_NULL(message);
	AWL__SOCK_TASK(t, fd);
	return awl__sock_message(
		t, AWL__OP_SENDMSG, fd, (struct msghdr *)(uintptr_t)message, flags, __func__);
}
