/* SPDX-License-Identifier: MIT */
/*
 * stream_socket.c - the streams that are sockets: each wait is one operation of the reactor, which
 * owns the descriptor together with the stream.
 */
#include "base/clock.h"
#include "net/sendfile.h"
#include "net/stream_whole.h"
#include "task/op_hot.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

struct socket_stream {
	awl_stream base;
	int fd;
	bool stolen; /* debug: the number names another file now, or none */
	struct awl__task_op *in, *out; /* of the reader and the writer; NULL: they do not wait */
	uint64_t inode; /* debug: of the file that is ours; 0: not known */
};

static struct socket_stream *socket_of(const awl_stream *s)
{
	return awl__container((awl_stream *)(uintptr_t)s, struct socket_stream, base);
}

static struct awl__reactor *reactor_of(const awl_stream *s)
{
	return s->loop->reactor;
}

/* --- debug: closed behind our back ------------------------------------------------------------ */

static uint64_t inode_of(const awl_loop *l, int fd)
{
	struct stat st;

	if (l->virtual_time) /* sim's numbers are no files */
		return 0;
	return fstat(fd, &st) == 0 ? st.st_ino : 0;
}

static AWL__COLD int stolen(awl_stream *s)
{
	struct socket_stream *k = socket_of(s);
	char words[128];

	if (!k->inode || inode_of(s->loop, k->fd) == k->inode)
		return 0;
	if (!k->stolen)
		awl__report(AWL_LOG_ERROR,
			"%s: somebody else has closed its descriptor, the number is another "
			"file's or none: only the stream may close it",
			awl__stream_words(s, words, sizeof words));
	k->stolen = s->ended = true;
	s->failed = s->write_failed = AWL_EDEAD;
	return AWL_EDEAD;
}

static inline int look(awl_stream *s)
{
	return awl__unlikely(s->loop->debug) ? stolen(s) : 0;
}

/* --- waits ------------------------------------------------------------------------------------ */

/* With an idle timeout: what moved the other way meanwhile puts it off. */
static AWL__NOINLINE int run_patiently(awl_stream *s, struct awl__task *t, struct awl__task_op *o)
{
	int64_t begun = awl__stream_begin(s);
	int r;

	do
		r = awl__task_op_run(t, o, awl__stream_patience(s, begun));
	while (r == -ETIMEDOUT && r != o->op.res && !awl__stream_is_idle(s, begun));
	if (r > 0)
		awl__stream_moved(s, begun > s->loop->now ? begun : s->loop->now);
	return r;
}

AWL__INLINE int run(
	awl_stream *s, struct awl__task *t, struct awl__task_op *o, struct awl__task_op **place)
{
	int r = look(s);

	/* A call may wait more than once: what came with the last result is met by the next. */
	if (awl__likely(r == 0))
		r = awl__deliver(t);
	if (awl__unlikely(r < 0))
		return r;
	*place = o;
	if (awl__likely(s->idle == AWL_FOREVER))
		r = awl__task_op_run_hot(t, o, INT64_MAX);
	else
		r = run_patiently(s, t, o);
	*place = NULL;
	return r;
}

/* The connection's own word, and not why the wait ended or never began. */
static inline bool is_result(const struct awl__task_op *o, int r)
{
	return awl__likely(r >= 0) || r == o->op.res;
}

static uint32_t at_most(size_t len)
{
	return len > AWL_TRANSFER_MAX ? AWL_TRANSFER_MAX : (uint32_t)len;
}

AWL__INLINE int recv_into(awl_stream *s, struct awl__task *t, void *buf, size_t len)
{
	struct socket_stream *k = socket_of(s);
	struct awl__task_op o;
	int r;

	awl__task_op_init(&o, AWL__OP_RECV, k->fd);
	o.op.later = s->drained;
	o.op.u.sock.buf = buf;
	o.op.u.sock.len = at_most(len);
	o.op.u.sock.flags = 0;
	r = run(s, t, &o, &k->in);
	return is_result(&o, r) ? awl__stream_received(s, r, len) : r;
}

static int socket_recv(awl_stream *s, struct awl__task *t, void *buf, size_t len)
{
	return recv_into(s, t, buf, len);
}

static int socket_read(awl_stream *s, struct awl__task *t, void *buf, size_t len)
{
	return awl__read_whole(s, t, buf, len, recv_into);
}

AWL__INLINE int send_one(awl_stream *s, struct awl__task *t, const void *buf, size_t len)
{
	struct socket_stream *k = socket_of(s);
	struct awl__task_op o;
	int r;

	awl__task_op_init(&o, AWL__OP_SEND, k->fd);
	o.op.bytes = true;
	o.op.alone = awl__list_empty(&s->loop->batch) && awl__list_empty(&s->loop->ready);
	o.op.u.sock.buf = (void *)(uintptr_t)buf;
	o.op.u.sock.len = at_most(len);
	o.op.u.sock.flags = 0;
	r = run(s, t, &o, &k->out);
	return is_result(&o, r) ? awl__stream_sent(s, r) : r;
}

static AWL__NOINLINE int send_parts(
	awl_stream *s, struct awl__task *t, const struct iovec *parts, int count)
{
	struct socket_stream *k = socket_of(s);
	struct msghdr hdr = { .msg_iov = (struct iovec *)(uintptr_t)parts,
		.msg_iovlen = (size_t)count };
	struct awl__task_op o = {
		.op = { .kind = AWL__OP_SENDMSG, .fd = k->fd, .bytes = true, .u.msg = { &hdr, 0 } }
	};
	int r = run(s, t, &o, &k->out);

	return is_result(&o, r) ? awl__stream_sent(s, r) : r;
}

static int socket_send(awl_stream *s, struct awl__task *t, const struct iovec *parts, int count)
{
	return count == 1 ? send_one(s, t, parts->iov_base, parts->iov_len)
			  : send_parts(s, t, parts, count);
}

static int socket_write_all(
	awl_stream *s, struct awl__task *t, const void *buf, size_t len, size_t *done)
{
	return awl__write_whole(s, t, buf, len, done, send_one);
}

static int socket_readable(awl_stream *s, struct awl__task *t)
{
	struct socket_stream *k = socket_of(s);
	struct awl__task_op o = { .op = { .kind = AWL__OP_POLL, .fd = k->fd, .u.events = POLLIN } };
	int r = run(s, t, &o, &k->in);

	if (r >= 0)
		return 0;
	return is_result(&o, r) ? awl__stream_received(s, r, 0) : r;
}

/* --- at once ---------------------------------------------------------------------------------- */

static int try(awl_stream *s, uint8_t kind, void *buf, size_t len)
{
	struct awl__op op = {
		.kind = kind, .fd = socket_of(s)->fd, .u.sock = { buf, at_most(len), 0 }
	};
	int r = look(s);

	if (r < 0)
		return r;
	r = awl__reactor_try(reactor_of(s), &op);
	if (r > 0)
		awl__stream_moved(s, s->loop->now);
	return r;
}

static int socket_try_recv(awl_stream *s, void *buf, size_t len)
{
	int r = try(s, AWL__OP_RECV, buf, len);

	return r == AWL_EDEAD ? r : awl__stream_received(s, r, len);
}

static int socket_try_send(awl_stream *s, const void *buf, size_t len)
{
	int r = try(s, AWL__OP_SEND, (void *)(uintptr_t)buf, len);

	return r == AWL_EDEAD ? r : awl__stream_sent(s, r);
}

static void writable(struct awl__op *op)
{
	struct awl__stream_out *out = awl__container(op, struct awl__stream_out, op);

	out->armed = false;
	awl__stream_flush(out->stream);
}

/* Only its turn is waited for: the memory is never the kernel's, and may move. */
static int socket_when_writable(awl_stream *s)
{
	struct awl__op *op = &s->out->op;
	int r;

	*op = (struct awl__op){
		.kind = AWL__OP_POLL, .fd = socket_of(s)->fd, .u.events = POLLOUT, .done = writable
	};
	r = awl__reactor_submit(reactor_of(s), op);
	awl__loop_look(s->loop);
	return r;
}

static int socket_shutdown(awl_stream *s)
{
	int r = look(s);

	if (r == 0)
		r = reactor_of(s)->class->net->shutdown(reactor_of(s), socket_of(s)->fd, SHUT_WR);
	return r == -ENOTCONN ? -EPIPE : r; /* the peer has reset it */
}

static int socket_sendfile(
	awl_stream *s, struct awl__task *t, int file, int64_t offset, int64_t count, int64_t *done)
{
	struct socket_stream *k = socket_of(s);
	struct awl__task_op o = { .op = { .fd = k->fd } };
	int r = look(s);

	if (r < 0)
		return r;
	k->out = &o;
	r = awl__sendfile(t, &o, file, offset, count, s->idle, done);
	k->out = NULL;
	if (*done)
		awl__stream_moved(s, s->loop->now);
	/* Others may be the file's. */
	return r == -EPIPE || r == -ECONNRESET ? awl__stream_sent(s, r) : r;
}

/* --- its end ---------------------------------------------------------------------------------- */

static void socket_interrupt(awl_stream *s)
{
	struct socket_stream *k = socket_of(s);

	if (k->in)
		awl__task_op_close(k->in);
	if (k->out)
		awl__task_op_close(k->out);
	if (s->aborted && s->out && s->out->armed)
		awl__reactor_cancel(reactor_of(s), &s->out->op);
}

static void socket_close(awl_stream *s)
{
	static const struct linger at_once = { 1, 0 };
	struct awl__reactor *r = reactor_of(s);
	int fd = socket_of(s)->fd;

	look(s);
	if (s->aborted && !socket_of(s)->stolen)
		r->class->net->setopt(r, fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
	awl__reactor_disown(r, fd);
	if (!socket_of(s)->stolen)
		r->class->net->close(r, fd);
}

/* --- what it is ------------------------------------------------------------------------------- */

static void socket_words(const awl_stream *s, char *buf, size_t len)
{
	snprintf(buf, len, "descriptor %d", socket_of(s)->fd);
}

static int socket_name(awl_stream *s, bool peer, struct sockaddr *addr, socklen_t *len)
{
	struct awl__reactor *r = reactor_of(s);

	return r->class->net->name(r, socket_of(s)->fd, peer, addr, len);
}

static int socket_fd(const awl_stream *s)
{
	return socket_of(s)->fd;
}

static const struct awl__stream_class socket_class = {
	.size = sizeof(struct socket_stream),
	.read = socket_read,
	.write_all = socket_write_all,
	.recv = socket_recv,
	.send = socket_send,
	.readable = socket_readable,
	.try_recv = socket_try_recv,
	.try_send = socket_try_send,
	.when_writable = socket_when_writable,
	.shutdown = socket_shutdown,
	.sendfile = socket_sendfile,
	.interrupt = socket_interrupt,
	.close = socket_close,
	.words = socket_words,
	.name = socket_name,
	.fd = socket_fd,
};

/* --- making ----------------------------------------------------------------------------------- */

int awl__stream_new_socket(awl_loop *l, int fd, int listener, const void *place, awl_stream **ret)
{
	awl_stream *s = awl__stream_new(l, &socket_class, place);
	int r;

	if (!s)
		return -ENOMEM;
	r = awl__reactor_own_accepted(l->reactor, fd, listener);
	if (r < 0) {
		awl__stream_discard(s);
		return r;
	}
	socket_of(s)->fd = fd;
	if (l->debug)
		socket_of(s)->inode = inode_of(l, fd);
	*ret = s;
	return 0;
}

/* A connected stream socket: 0. */
static int check(struct awl__reactor *r, int fd, const char *call)
{
	struct sockaddr_storage peer;
	socklen_t len = sizeof peer;
	int type, err;
	socklen_t type_len = sizeof type;

	err = r->class->net->getopt(r, fd, SOL_SOCKET, SO_TYPE, &type, &type_len);
	if (err < 0)
		return err;
	if (type != SOCK_STREAM)
		return awl__fail(-EINVAL, "%s: descriptor %d is no stream socket", call, fd);
	return r->class->net->name(r, fd, true, (struct sockaddr *)&peer, &len);
}

static void make_ready(awl_loop *l, int fd)
{
	static const int on = 1;
	int flags = l->virtual_time ? O_NONBLOCK : fcntl(fd, F_GETFL);

	if (flags >= 0 && !(flags & O_NONBLOCK))
		fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	/* One that is not TCP refuses it, and has nothing to delay. */
	l->reactor->class->net->setopt(l->reactor, fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

int awl_stream_open(int fd, awl_stream **ret)
{
	awl_loop *l = awl__thread->running;
	int r;

	AWL__NOT_NULL(ret);
	if (!l)
		return awl__fail(AWL_ENOLOOP, "%s: %s", __func__, awl_strerror(AWL_ENOLOOP));
	r = check(l->reactor, fd, __func__);
	if (r == 0)
		r = awl__stream_new_socket(
			l, fd, -1, l->debug ? __builtin_return_address(0) : NULL, ret);
	if (r == -EBUSY)
		return awl__fail(r, "%s: descriptor %d has an owner already", __func__, fd);
	if (r == 0)
		make_ready(l, fd);
	return r;
}

/* The end of a stream that keeps its descriptor open. */
static void socket_leave(awl_stream *s)
{
	awl__reactor_disown(reactor_of(s), socket_of(s)->fd);
}

static const struct awl__stream_class detached_class = {
	.size = sizeof(struct socket_stream),
	.read = socket_read, /* which refuses it */
	.write_all = socket_write_all,
	.interrupt = socket_interrupt,
	.close = socket_leave,
	.words = socket_words,
};

int awl_stream_detach(awl_stream *s)
{
	int fd;

	AWL__NOT_NULL(s);
	AWL__CLAIM(s->loop, AWL__BY_CALLBACK);
	if (s->closing)
		return awl__fail(AWL_EDEAD, "%s: the stream is closed", __func__);
	if (s->class != &socket_class)
		return awl__fail(-ENOTSOCK, "%s: the stream is in memory", __func__);
	if (s->reader || s->writer || s->inside)
		return awl__fail(-EBUSY, "%s: a task uses the stream", __func__);
	if (awl__buffered(&s->in) || awl__stream_unsent(s))
		return awl__fail(-EBUSY, "%s: %zu bytes read and %zu unsent are in the stream",
			__func__, awl__buffered(&s->in), awl__stream_unsent(s));
	fd = socket_of(s)->fd;
	s->class = &detached_class;
	awl__stream_close(s);
	return fd;
}
