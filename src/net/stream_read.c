/* SPDX-License-Identifier: MIT */
/*
 * stream_read.c - reading: into the caller's memory by one operation, with no buffer between, or
 * into one that is borrowed while there is something in it.
 *
 * Who looks for a line waits until something is there, then borrows a block and takes it: a
 * thousand connections that are silent hold none.
 */
#include "net/stream_whole.h"
#include "base/alloc.h"

#include <string.h>

int awl__reading_refused(awl_stream *s, const char *call)
{
	if (s->closing)
		return awl__fail(AWL_EDEAD, "%s: the stream is closed", call);
	return awl__fail(-EBUSY, "%s: task %s is already reading this stream", call,
		awl_task_get_name(&s->reader->future));
}

int awl__stream_received(awl_stream *s, int res, size_t asked)
{
	if (awl__likely(res > 0)) {
		s->drained = (size_t)res < asked;
		return res;
	}
	if (awl__stream_passes(res)) {
		s->drained = true;
		return res;
	}
	s->ended = true;
	if (!s->failed)
		s->failed = res; /* what a write has met already is why it ended */
	return s->failed;
}

/* --- into the buffer -------------------------------------------------------------------------- */

/* Behind a whole block that has come at once there is most often more. */
static size_t worth_borrowing(const awl_stream *s, size_t room)
{
	if (awl__likely(!s->copious) || awl__buffered(&s->in))
		return 1;
	return room < s->limit ? room : s->limit;
}

static int take(awl_stream *s, size_t most)
{
	size_t room = most - awl__buffered(&s->in);
	int r = awl__buffer_reserve(s->loop, &s->in, worth_borrowing(s, room));

	if (r < 0)
		return r;
	if (room > s->in.cap - s->in.end)
		room = s->in.cap - s->in.end;
	r = s->class->try_recv(s, s->in.data + s->in.end, room);
	if (r > 0) {
		s->in.end += (size_t)r;
		s->copious = (size_t)r >= AWL__BLOCK;
	}
	return r;
}

static void give_if_empty(awl_stream *s)
{
	if (!awl__buffered(&s->in))
		awl__buffer_give(s->loop, &s->in);
}

int awl__stream_fill(awl_stream *s, struct awl__task *t, size_t most)
{
	for (;;) {
		int r;

		if (awl__unlikely(s->closing))
			return AWL_EDEAD;
		if (awl__unlikely(s->ended))
			return s->failed;
		r = s->drained ? -EAGAIN : take(s, most);
		if (r > 0) {
			awl__stream_spend(t);
			return r;
		}
		give_if_empty(s);
		if (r != -EAGAIN)
			return r;
		r = s->class->readable(s, t);
		if (r < 0)
			return r;
		s->drained = false;
	}
}

/* At least one byte in the buffer: > 0, all that is there; 0 at the end; or an error. */
static int some(awl_stream *s, struct awl__task *t)
{
	size_t there = awl__buffered(&s->in);
	int r;

	if (there) {
		awl__stream_spend(t);
	} else {
		r = awl__stream_fill(s, t, s->limit);
		if (r <= 0)
			return r;
		there = awl__buffered(&s->in);
	}
	if (awl__unlikely(s->closing)) /* by whom it let run: nothing is lent */
		return AWL_EDEAD;
	return there > AWL_TRANSFER_MAX ? AWL_TRANSFER_MAX : (int)there;
}

static size_t copy_out(awl_stream *s, void *buf, size_t len)
{
	size_t n = awl__buffered(&s->in);

	if (n > len)
		n = len;
	if (n)
		memcpy(buf, s->in.data + s->in.start, n);
	s->in.start += n;
	return n;
}

int awl_stream_peek(awl_stream *s, const void **data)
{
	int r;

	AWL__NOT_NULL(data);
	AWL__STREAM_TASK(s, t);
	r = awl__reading_begin(s, t, __func__);
	if (r < 0)
		return r;
	r = some(s, t);
	if (r > 0)
		*data = s->in.data + s->in.start;
	return awl__reading_end(s, r);
}

int awl_stream_consume(awl_stream *s, size_t len)
{
	AWL__NOT_NULL(s);
	AWL__CLAIM(s->loop, AWL__BY_CALLBACK);
	if (s->reader || s->closing)
		return awl__reading_refused(s, __func__);
	if (len > awl__buffered(&s->in))
		return awl__fail(-EINVAL, "%s: %zu bytes of %zu that are there", __func__, len,
			awl__buffered(&s->in));
	s->in.start += len;
	return 0;
}

int awl_stream_at_eof(awl_stream *s)
{
	AWL__NOT_NULL(s);
	AWL__CLAIM_READ(s->loop, AWL__BY_CALLBACK, claimed_);
	return s->ended && !s->failed && !awl__buffered(&s->in);
}

/* --- into the caller's memory ----------------------------------------------------------------- */

int awl__read_buffered(awl_stream *s, struct awl__task *t, void *buf, size_t len)
{
	awl__stream_spend(t);
	return (int)copy_out(s, buf, len < AWL_TRANSFER_MAX ? len : AWL_TRANSFER_MAX);
}

static AWL__NOINLINE int read_checked(awl_stream *s, void *buf, size_t len, const void *frame)
{
	if (!buf && len)
		return awl__fail(-EINVAL, "awl_stream_read: buf is NULL");
	AWL__STREAM_TASK_OF(s, t, "awl_stream_read", frame);
	return s->class->read(s, t, buf, len);
}

int awl_stream_read(awl_stream *s, void *buf, size_t len)
{
	struct awl__task *t = awl__likely(s && buf) ? awl__stream_free_self(s) : NULL;

	if (awl__likely(t != NULL))
		return s->class->read(s, t, buf, len);
	return read_checked(s, buf, len, __builtin_frame_address(0));
}

static int read_all(awl_stream *s, struct awl__task *t, char *buf, size_t len, size_t *done)
{
	size_t n = 0;
	int r = 1;

	while (n < len) {
		r = awl__read_some(s, t, buf + n, len - n, s->class->recv);
		if (r <= 0)
			break;
		n += (size_t)r;
	}
	if (done)
		*done = n;
	return n == len ? 0 : r < 0 ? r : AWL_EINCOMPLETE;
}

int awl_stream_readexactly(awl_stream *s, void *buf, size_t len, size_t *done)
{
	int r;

	if (done)
		*done = 0;
	if (awl__unlikely(!buf && len))
		return awl__fail(-EINVAL, "%s: buf is NULL", __func__);
	AWL__STREAM_TASK(s, t);
	r = awl__reading_begin(s, t, __func__);
	if (r < 0)
		return r;
	return awl__reading_end(s, read_all(s, t, buf, len, done));
}

/* The whole buffer becomes the caller's, a zero byte behind what is in it. */
static int hand_over(awl_stream *s, void **data, size_t *len)
{
	struct awl__buffer *b = &s->in;
	int r = awl__buffer_reserve(s->loop, b, 1);

	if (r < 0)
		return r;
	*len = awl__buffered(b);
	if (b->start)
		memmove(b->data, b->data + b->start, *len);
	b->data[*len] = 0;
	*data = b->data;
	*b = (struct awl__buffer){ NULL, 0, 0, 0 };
	return 0;
}

static int read_to_end(awl_stream *s, struct awl__task *t, size_t max, void **data, size_t *len)
{
	int r;

	do {
		if (awl__buffered(&s->in) > max)
			return awl__fail(
				-EMSGSIZE, "awl_stream_read_to_end: more than %zu bytes come", max);
		r = awl__stream_fill(s, t, max == SIZE_MAX ? max : max + 1);
	} while (r > 0);
	return r < 0 ? r : hand_over(s, data, len);
}

int awl_stream_read_to_end(awl_stream *s, size_t max, void **data, size_t *len)
{
	int r;

	AWL__NOT_NULL(data);
	AWL__NOT_NULL(len);
	AWL__STREAM_TASK(s, t);
	r = awl__reading_begin(s, t, __func__);
	if (r < 0)
		return r;
	return awl__reading_end(s, read_to_end(s, t, max, data, len));
}
