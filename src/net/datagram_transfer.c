/* SPDX-License-Identifier: MIT */
/*
 * datagram_transfer.c - sending and receiving datagrams.
 */
#include "net/datagram.h"
#include "net/room.h"

#include <netinet/in.h>
#include <string.h>

/* For a system call, and on the stack. */
#define BATCH 32

/* The operation in w, as awl__task_op_run says. The endpoint may be gone afterwards. */
static int run(awl_datagram *d, struct awl__task *t, struct awl__datagram_wait *w)
{
	int r;

	w->o.op.fd = d->fd;
	awl__list_push(&d->waits, &w->link);
	r = awl__task_op_run(t, &w->o, INT64_MAX);
	awl__list_remove(&w->link);
	return r;
}

static int begin(awl_datagram *d, const void *buf, size_t len, const char *call)
{
	if (awl__unlikely(d->closing))
		return awl__fail(AWL_EDEAD, "%s: the endpoint is closed", call);
	if (!buf && len)
		return awl__fail(-EINVAL, "%s: buf is NULL", call);
	d->inside++;
	return 0;
}

static int end(awl_datagram *d, int r)
{
	d->inside--;
	if (awl__unlikely(d->closing))
		awl__datagram_settle(d);
	return r;
}

static uint32_t at_most(size_t len)
{
	return len > AWL_TRANSFER_MAX ? AWL_TRANSFER_MAX : (uint32_t)len;
}

/* --- receiving -------------------------------------------------------------------------------- */

/* res: what the kernel says with MSG_TRUNC, the datagram's own length. */
static int received(int res, size_t len, size_t *size, const char *call)
{
	if (res < 0)
		return res;
	if (size)
		*size = (size_t)res;
	if (awl__likely((size_t)res <= len))
		return res;
	return awl__fail(-EMSGSIZE,
		"%s: a datagram of %d bytes came, and there is room for %zu: the rest is lost",
		call, res, len);
}

int awl_datagram_recv(awl_datagram *d, void *buf, size_t len, size_t *size)
{
	struct awl__datagram_wait w = { .o.op = { .kind = AWL__OP_RECV,
						.u.sock = { buf, at_most(len), MSG_TRUNC } } };
	int r;

	AWL__DATAGRAM_TASK(d, t);
	r = begin(d, buf, len, __func__);
	return r < 0 ? r : end(d, received(run(d, t, &w), len, size, __func__));
}

int awl_datagram_recvfrom(awl_datagram *d, void *buf, size_t len, struct sockaddr *addr,
	socklen_t *addr_len, size_t *size)
{
	struct iovec part = { buf, at_most(len) };
	struct msghdr hdr = { .msg_iov = &part, .msg_iovlen = 1 };
	struct awl__datagram_wait w = { .o.op = { .kind = AWL__OP_RECVMSG,
						.u.msg = { &hdr, MSG_TRUNC } } };
	int r;

	AWL__NOT_NULL(addr);
	AWL__NOT_NULL(addr_len);
	AWL__DATAGRAM_TASK(d, t);
	r = begin(d, buf, len, __func__);
	if (r < 0)
		return r;
	hdr.msg_name = addr;
	hdr.msg_namelen = *addr_len;
	r = run(d, t, &w);
	if (r >= 0)
		*addr_len = hdr.msg_namelen;
	return end(d, received(r, len, size, __func__));
}

/* --- sending ----------------------------------------------------------------------------------
 * A datagram is tried and tried anew, and is never left with the kernel: room.h says why.
 */

/* Until there is room, perhaps. */
static int wait_for_room(awl_datagram *d, struct awl__task *t)
{
	struct awl__datagram_wait w = { .o.op = { .kind = AWL__OP_POLL, .u.events = POLLOUT } };
	int r;

	if (d->closing) /* since it was told of room that another took */
		return AWL_EDEAD;
	r = run(d, t, &w);
	return r < 0 ? r : 0;
}

static int send_when_room(awl_datagram *d, struct awl__task *t, struct msghdr *hdr)
{
	struct awl__datagram_wait w = { .o.op.fd = d->fd };
	int r;

	awl__list_push(&d->waits, &w.link);
	r = awl__send_when_room(t, &w.o, hdr, 0);
	awl__list_remove(&w.link);
	return r;
}

static void spend(struct awl__task *t)
{
	if (awl__unlikely(--awl__task_loop(t)->budget <= 0))
		awl__task_pause(t);
}

static int send_one(awl_datagram *d, struct awl__task *t, struct msghdr *hdr)
{
	struct awl__op op = { .kind = AWL__OP_SENDMSG, .fd = d->fd, .u.msg = { hdr, 0 } };
	int r;

	while (awl__unlikely((r = awl__reactor_try(d->loop->reactor, &op)) == -EAGAIN)) {
		if (d->family == AF_UNIX && !d->connected) {
			r = send_when_room(d, t, hdr);
			break;
		}
		r = wait_for_room(d, t);
		if (r < 0)
			return r;
	}
	spend(t);
	return r < 0 ? r : 0;
}

static bool is_same(const struct sockaddr *a, const struct sockaddr *b, socklen_t len)
{
	const struct sockaddr_in *a4 = (const void *)a, *b4 = (const void *)b;
	const struct sockaddr_in6 *a6 = (const void *)a, *b6 = (const void *)b;

	if (a->sa_family != b->sa_family)
		return false;
	switch (a->sa_family) {
	case AF_INET:
		return a4->sin_port == b4->sin_port && a4->sin_addr.s_addr == b4->sin_addr.s_addr;
	case AF_INET6:
		return a6->sin6_port == b6->sin6_port &&
			IN6_ARE_ADDR_EQUAL(&a6->sin6_addr, &b6->sin6_addr);
	default:
		return memcmp(a, b, len) == 0;
	}
}

/* The system sends a connected one's datagram to whatever address it is told. */
static int check_target(awl_datagram *d, const struct sockaddr *to, socklen_t to_len)
{
	struct sockaddr_storage peer = { 0 };
	socklen_t len = sizeof peer;
	int r;

	if (!d->connected)
		return 0;
	r = awl__datagram_net(d)->name(
		d->loop->reactor, d->fd, true, (struct sockaddr *)&peer, &len);
	if (r < 0)
		return r;
	if (to_len == len && is_same(to, (const struct sockaddr *)&peer, len))
		return 0;
	return awl__fail(-EISCONN, "this endpoint is connected, and to a different address");
}

static int fill(
	awl_datagram *d, const awl_datagram_message *m, struct msghdr *hdr, struct iovec *part)
{
	int r;

	if (m->size > AWL_TRANSFER_MAX)
		return -EMSGSIZE;
	*part = (struct iovec){ (void *)(uintptr_t)m->data, m->size };
	*hdr = (struct msghdr){ .msg_iov = part, .msg_iovlen = 1 };
	if (!m->to)
		return 0;
	r = check_target(d, m->to, m->to_len);
	if (r == 0 && !d->connected) {
		hdr->msg_name = (void *)(uintptr_t)m->to;
		hdr->msg_namelen = m->to_len;
	}
	return r;
}

static int send_message(
	awl_datagram *d, struct awl__task *t, const awl_datagram_message *m, const char *call)
{
	struct msghdr hdr;
	struct iovec part;
	int r = begin(d, m->data, m->size, call);

	if (r < 0)
		return r;
	r = fill(d, m, &hdr, &part);
	return end(d, r < 0 ? r : send_one(d, t, &hdr));
}

int awl_datagram_send(awl_datagram *d, const void *buf, size_t len)
{
	const awl_datagram_message m = { buf, len, NULL, 0 };

	AWL__DATAGRAM_TASK(d, t);
	return send_message(d, t, &m, __func__);
}

int awl_datagram_sendto(awl_datagram *d, const void *buf, size_t len, const struct sockaddr *addr,
	socklen_t addr_len)
{
	const awl_datagram_message m = { buf, len, addr, addr_len };

	AWL__NOT_NULL(addr);
	AWL__DATAGRAM_TASK(d, t);
	return send_message(d, t, &m, __func__);
}

/* Some at once: how many, or why none. What is refused, or is to wait, says so by itself. */
static int send_some(awl_datagram *d, struct awl__task *t, struct mmsghdr *batch, unsigned count)
{
	const struct awl__net *net = awl__datagram_net(d);
	int r = 0;

	if (count > 1 && net->send_many)
		r = net->send_many(d->loop->reactor, d->fd, batch, count);
	if (r <= 0) {
		r = send_one(d, t, &batch->msg_hdr);
		return r < 0 ? r : 1;
	}
	spend(t);
	return r;
}

/* A batch from the first of them on: how many were sent, or why none. */
static int send_batch(
	awl_datagram *d, struct awl__task *t, const awl_datagram_message *messages, int count)
{
	struct mmsghdr batch[BATCH];
	struct iovec parts[BATCH];
	unsigned n = 0;
	int r = 0;

	while (n < BATCH && (int)n < count) {
		r = fill(d, &messages[n], &batch[n].msg_hdr, &parts[n]);
		if (r < 0)
			break;
		n++;
	}
	if (n == 0)
		return r;
	/* Between two batches it may have been closed, or its task be asked to stop. */
	if (d->closing)
		return AWL_EDEAD;
	r = awl__deliver(t);
	return r < 0 ? r : send_some(d, t, batch, n);
}

int awl_datagram_send_many(
	awl_datagram *d, const awl_datagram_message *messages, int count, int *done)
{
	int n = 0, r;

	AWL__DATAGRAM_TASK(d, t);
	if (done)
		*done = 0;
	if (count < 0)
		return awl__fail(-EINVAL, "%s: count is negative", __func__);
	r = begin(d, messages, (size_t)count, __func__);
	if (r < 0)
		return r;
	while (r >= 0 && n < count) {
		r = send_batch(d, t, &messages[n], count - n);
		if (r > 0)
			n += r;
	}
	if (done)
		*done = n;
	return end(d, r < 0 ? r : 0);
}
