/* SPDX-License-Identifier: MIT */
/*
 * stream_write.c - writing by a task: straight from its memory, one operation each time the kernel
 * takes some.
 */
#include "net/stream_whole.h"

#include <string.h>

/* So many parts are handed over at a time. */
#define PARTS 64

int awl__writing_refused(awl_stream *s, const char *call)
{
	if (s->closing)
		return awl__fail(AWL_EDEAD, "%s: the stream is closed", call);
	if (s->writer)
		return awl__fail(-EBUSY, "%s: task %s is already writing to this stream", call,
			awl_task_get_name(&s->writer->future));
	if (s->write_failed || s->failed)
		return s->write_failed ? s->write_failed : s->failed;
	return awl__fail(-EPIPE, "%s: after awl_stream_write_eof", call);
}

int awl__stream_sent(awl_stream *s, int res)
{
	if (awl__likely(res >= 0) || awl__stream_passes(res))
		return res;
	s->write_failed = res;
	if (res != -EPIPE && !s->failed)
		s->failed = res;
	return res;
}

/* --- one piece of memory ---------------------------------------------------------------------- */

static int send_one(awl_stream *s, struct awl__task *t, const void *buf, size_t len)
{
	struct iovec part = { (void *)(uintptr_t)buf, len };

	return s->class->send(s, t, &part, 1);
}

int awl_stream_write(awl_stream *s, const void *buf, size_t len)
{
	int r;

	if (awl__unlikely(!buf && len))
		return awl__fail(-EINVAL, "%s: buf is NULL", __func__);
	AWL__STREAM_TASK(s, t);
	r = awl__writing_begin(s, t, __func__);
	if (awl__unlikely(r < 0))
		return r;
	return awl__writing_end(s, awl__write_some(s, t, buf, len, send_one));
}

int awl__stream_send_all(
	awl_stream *s, struct awl__task *t, const void *buf, size_t len, size_t *done)
{
	return awl__write_each(s, t, buf, len, done, send_one);
}

static AWL__NOINLINE int write_all_checked(
	awl_stream *s, const void *buf, size_t len, size_t *done, const void *frame)
{
	if (done)
		*done = 0;
	if (!buf && len)
		return awl__fail(-EINVAL, "awl_stream_write_all: buf is NULL");
	AWL__STREAM_TASK_OF(s, t, "awl_stream_write_all", frame);
	return s->class->write_all(s, t, buf, len, done);
}

int awl_stream_write_all(awl_stream *s, const void *buf, size_t len, size_t *done)
{
	struct awl__task *t = awl__likely(s && buf) ? awl__stream_free_self(s) : NULL;

	if (awl__likely(t != NULL))
		return s->class->write_all(s, t, buf, len, done);
	return write_all_checked(s, buf, len, done, __builtin_frame_address(0));
}

/* --- several pieces --------------------------------------------------------------------------- */

static int check_parts(const struct iovec *parts, int count, const char *call)
{
	if (count < 0 || (count && !parts))
		return awl__fail(-EINVAL, "%s: %d parts at %p", call, count, (const void *)parts);
	for (int i = 0; i < count; i++)
		if (!parts[i].iov_base && parts[i].iov_len)
			return awl__fail(-EINVAL, "%s: part %d is NULL", call, i);
	return 0;
}

/* Where one has come to in parts that are not to be changed. */
struct place {
	const struct iovec *parts;
	int count;
	size_t offset; /* in the first */
};

/* What comes next, no more than the kernel takes in one call, empty parts left out: how many. */
static int next_parts(const struct place *p, struct iovec *into)
{
	size_t left = AWL_TRANSFER_MAX, offset = p->offset;
	int n = 0;

	for (int i = 0; i < p->count && n < PARTS && left; i++, offset = 0) {
		size_t len = p->parts[i].iov_len - offset;

		if (len > left)
			len = left;
		if (!len)
			continue;
		into[n].iov_base = (char *)p->parts[i].iov_base + offset;
		into[n++].iov_len = len;
		left -= len;
	}
	return n;
}

static void advance(struct place *p, size_t sent)
{
	while (p->count && sent >= p->parts->iov_len - p->offset) {
		sent -= p->parts->iov_len - p->offset;
		p->parts++;
		p->count--;
		p->offset = 0;
	}
	p->offset += sent;
}

static int send_parts(awl_stream *s, struct awl__task *t, const struct place *p)
{
	struct iovec parts[PARTS];
	int n = next_parts(p, parts);

	if (awl__unlikely(s->closing))
		return AWL_EDEAD;
	if (!n) {
		awl__stream_spend(t);
		return 0;
	}
	return s->class->send(s, t, parts, n);
}

int awl_stream_writev(awl_stream *s, const struct iovec *parts, int count)
{
	struct place p = { parts, count, 0 };
	int r = check_parts(parts, count, __func__);

	if (r < 0)
		return r;
	AWL__STREAM_TASK(s, t);
	r = awl__writing_begin(s, t, __func__);
	if (r < 0)
		return r;
	return awl__writing_end(s, send_parts(s, t, &p));
}

static int send_all_parts(awl_stream *s, struct awl__task *t, struct place *p, size_t *done)
{
	int r;

	do {
		r = send_parts(s, t, p);
		if (r < 0)
			return r;
		advance(p, (size_t)r);
		*done += (size_t)r;
	} while (p->count);
	return 0;
}

int awl_stream_writelines(awl_stream *s, const struct iovec *parts, int count, size_t *done)
{
	struct place p = { parts, count, 0 };
	size_t n = 0;
	int r;

	if (done)
		*done = 0;
	r = check_parts(parts, count, __func__);
	if (r < 0)
		return r;
	AWL__STREAM_TASK(s, t);
	r = awl__writing_begin(s, t, __func__);
	if (r < 0)
		return r;
	r = send_all_parts(s, t, &p, &n);
	if (done)
		*done = n;
	return awl__writing_end(s, r);
}
