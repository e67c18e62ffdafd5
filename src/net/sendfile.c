/* SPDX-License-Identifier: MIT */
/*
 * sendfile.c - a file sent through a socket.
 *
 * A disk may take its time, so the file is read in a thread of the pool: by sendfile(2), if that
 * cannot block at the socket, until there is no more room; else into a buffer that is sent from
 * here. The operation in the pool stands among those at the descriptor like any other: who closes
 * it waits for the thread.
 */
#include "net/sendfile.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "net/socket.h"
#include "reactor/sigpipe.h"
#include "thread/executor.h"

#include <sys/sendfile.h>
#include <sys/stat.h>

#define CHUNK (256u << 10)
#define LITTLE 2048u

struct job {
	int fd, file;
	int64_t offset;
	size_t len;
	void *buf; /* NULL: straight to fd */
	int32_t moved; /* or -errno */
};

static int read_chunk(void *arg)
{
	struct job *j = arg;
	ssize_t n = TEMP_FAILURE_RETRY(pread(j->file, j->buf, j->len, j->offset));

	j->moved = n < 0 ? -errno : (int32_t)n;
	return 0;
}

/* sendfile(2) knows no MSG_NOSIGNAL. */
static int send_straight(void *arg)
{
	struct job *j = arg;
	struct awl__sigpipe held;
	off_t at = j->offset;
	ssize_t n;

	awl__sigpipe_hold(&held);
	n = TEMP_FAILURE_RETRY(sendfile(j->fd, j->file, &at, j->len));
	j->moved = n < 0 ? -errno : (int32_t)n;
	awl__sigpipe_let_go(&held, j->moved == -EPIPE);
	return 0;
}

/* What is sent, and how far it is. */
struct sending {
	struct awl__task *task;
	struct awl__task_op *o;
	int file;
	int64_t offset, left, patience;
	int64_t *done;
	void *buf;
};

static int run(struct sending *s)
{
	int64_t until = s->patience == INT64_MAX
		? INT64_MAX
		: awl__clock_after(awl__reactor_now(awl__task_loop(s->task)->reactor), s->patience);

	return awl__task_op_run(s->task, s->o, until);
}

/* fn in a thread: 0, or why it did not run. It is waited for without end: it cannot be stopped. */
static int in_pool(struct sending *s, int (*fn)(void *), void *buf, size_t len, int *res)
{
	awl_loop *l = awl__task_loop(s->task);
	struct job j = {
		.fd = s->o->op.fd,
		.file = s->file,
		.offset = s->offset,
		.len = s->left < (int64_t)len ? (size_t)s->left : len,
		.buf = buf,
	};
	int r;

	s->o->op.kind = AWL__OP_WORK;
	s->o->op.u.work.fn = fn;
	s->o->op.u.work.arg = &j;
	s->o->op.u.work.pool = l->pool;
	s->o->op.u.work.kind = AWL__JOB_FILE;
	r = awl__task_op_run(s->task, s->o, INT64_MAX);
	*res = j.moved;
	return r < 0 && r != AWL_ECANCELED && r != AWL_EDEAD ? awl__executor_refused(r, "sendfile")
							     : r;
}

static void moved(struct sending *s, int n)
{
	s->offset += n;
	s->left -= n;
	*s->done += n;
}

static bool is_not_for_it(int err)
{
	return err == -EINVAL || err == -ENOSYS || err == -EPERM || err == -EOPNOTSUPP;
}

static int send_chunk(struct sending *s, const char *buf, int len)
{
	int sent = 0, r = 0;

	while (sent < len && (r = awl__deliver(s->task)) == 0) {
		s->o->op.kind = AWL__OP_SEND;
		s->o->op.bytes = true;
		s->o->op.u.sock.buf = (void *)(uintptr_t)(buf + sent);
		s->o->op.u.sock.len = (uint32_t)(len - sent);
		s->o->op.u.sock.flags = 0;
		r = run(s);
		if (r < 0)
			return r;
		moved(s, r);
		sent += r;
	}
	return r < 0 ? r : sent;
}

/* Read, and sent as there is room: how much; 0: the file's end. */
static int by_copy(struct sending *s, char *buf, size_t len)
{
	int n, r = in_pool(s, read_chunk, buf, len, &n);

	if (r < 0 || n <= 0)
		return r < 0 ? r : n;
	return send_chunk(s, buf, n);
}

/* One sendfile(2). The wait for room is that of a little that is sent from here: it tells the
 * reactor what it does not see in the other thread, that there is none. */
static int send_some(struct sending *s)
{
	char little[LITTLE];
	int n, r = in_pool(s, send_straight, NULL, AWL_TRANSFER_MAX, &n);

	if (r < 0)
		return r;
	if (n == -EAGAIN)
		return by_copy(s, little, sizeof little);
	if (n > 0)
		moved(s, n);
	return n;
}

/* -EINVAL and its kin: this file, or this socket, is not for sendfile(2). */
static int straight(struct sending *s)
{
	int r = 1;

	while (s->left > 0 && r > 0) {
		r = send_some(s);
		if (r > 0 && s->left > 0 && awl__deliver(s->task) < 0)
			r = AWL_ECANCELED;
	}
	return r < 0 ? r : 0;
}

static int by_chunks(struct sending *s)
{
	char *buf = awl__alloc(CHUNK);
	int r = 1;

	if (!buf)
		return -ENOMEM;
	while (s->left > 0 && r > 0)
		r = by_copy(s, buf, CHUNK);
	awl__free(buf);
	return r < 0 ? r : 0;
}

int awl__sendfile_check(int file, int64_t offset, int64_t *count, const char *call)
{
	struct stat st;

	if (offset < 0 || *count < 0)
		return awl__fail(
			-EINVAL, "%s: a negative %s", call, offset < 0 ? "offset" : "count");
	if (fstat(file, &st) < 0)
		return -errno;
	if (lseek(file, 0, SEEK_CUR) < 0)
		return awl__fail(-errno, "%s: the file has no positions", call);
	if (*count == 0)
		*count = INT64_MAX;
	return 0;
}

static int check_socket(const awl_loop *l, int fd, const char *call)
{
	int type = 0, r;
	socklen_t len = sizeof type;

	r = awl__sock_net(l)->getopt(l->reactor, fd, SOL_SOCKET, SO_TYPE, &type, &len);
	if (r < 0)
		return r;
	return type == SOCK_STREAM ? 0 : awl__fail(-EINVAL, "%s: the socket is no stream", call);
}

int awl__sendfile(struct awl__task *t, struct awl__task_op *o, int file, int64_t offset,
	int64_t count, int64_t patience, int64_t *done)
{
	struct sending s = {
		.task = t,
		.o = o,
		.file = file,
		.offset = offset,
		.left = count,
		.patience = patience,
		.done = done,
	};
	awl_loop *l = awl__task_loop(t);
	int r = l->virtual_time || awl__sock_blocks(l, o->op.fd) ? -EINVAL : straight(&s);

	return is_not_for_it(r) ? by_chunks(&s) : r;
}

int awl_sock_sendfile(int fd, int file, int64_t offset, int64_t count, int64_t *done)
{
	struct awl__task_op o = { .op = { .fd = fd } };
	int64_t sent = 0;
	int r;

	if (done)
		*done = 0;
	AWL__SOCK_TASK(t, fd);
	r = awl__sendfile_check(file, offset, &count, __func__);
	if (r == 0)
		r = check_socket(awl__task_loop(t), fd, __func__);
	if (r == 0)
		r = awl__lent_begin(t, &o, AWL__TURN_OUT, __func__);
	if (r < 0)
		return r;
	r = awl__sendfile(t, &o, file, offset, count, INT64_MAX, &sent);
	awl__lent_leave(&o);
	if (done)
		*done = sent;
	return r;
}
