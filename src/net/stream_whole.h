/* SPDX-License-Identifier: MIT */
/*
 * stream_whole.h - awl_stream_read and _write_all from their first check to their last, for a kind
 * of stream to have in one piece with its transfer: a message is one call of each, and every frame
 * between the caller and the kernel would cost as much as the checks do.
 */
#ifndef AWL__STREAM_WHOLE_H
#define AWL__STREAM_WHOLE_H

#include "net/stream.h"

typedef int awl__recv_fn(awl_stream *s, struct awl__task *t, void *buf, size_t len);
typedef int awl__send_fn(awl_stream *s, struct awl__task *t, const void *buf, size_t len);

/* What has come already, or nothing was asked for. */
int awl__read_buffered(awl_stream *s, struct awl__task *t, void *buf, size_t len);

AWL__INLINE int awl__read_some(
	awl_stream *s, struct awl__task *t, void *buf, size_t len, awl__recv_fn *recv)
{
	if (awl__unlikely(awl__buffered(&s->in) || !len))
		return awl__read_buffered(s, t, buf, len);
	if (awl__unlikely(s->in.data != NULL))
		awl__buffer_give(s->loop, &s->in);
	if (awl__unlikely(s->closing))
		return AWL_EDEAD;
	if (awl__unlikely(s->ended))
		return s->failed;
	return recv(s, t, buf, len < AWL_TRANSFER_MAX ? len : AWL_TRANSFER_MAX);
}

AWL__INLINE int awl__read_whole(
	awl_stream *s, struct awl__task *t, void *buf, size_t len, awl__recv_fn *recv)
{
	int r = awl__reading_begin(s, t, "awl_stream_read");

	if (awl__unlikely(r < 0))
		return r;
	return awl__reading_end(s, awl__read_some(s, t, buf, len, recv));
}

AWL__INLINE int awl__write_some(
	awl_stream *s, struct awl__task *t, const void *buf, size_t len, awl__send_fn *send)
{
	if (awl__unlikely(s->closing))
		return AWL_EDEAD;
	if (awl__unlikely(!len)) {
		awl__stream_spend(t);
		return 0;
	}
	return send(s, t, buf, len);
}

AWL__INLINE int awl__write_each(awl_stream *s, struct awl__task *t, const char *next, size_t len,
	size_t *done, awl__send_fn *send)
{
	size_t n = 0;
	int r;

	do {
		r = awl__write_some(s, t, next + n, len - n, send);
		if (awl__unlikely(r < 0))
			break;
		n += (size_t)r;
		r = 0;
	} while (awl__unlikely(n < len));
	*done += n;
	return r;
}

AWL__INLINE int awl__write_whole(awl_stream *s, struct awl__task *t, const void *buf, size_t len,
	size_t *done, awl__send_fn *send)
{
	size_t n = 0;
	int r = awl__writing_begin(s, t, "awl_stream_write_all");

	if (awl__likely(r == 0))
		r = awl__writing_end(s, awl__write_each(s, t, buf, len, &n, send));
	if (done)
		*done = n;
	return r;
}

#endif
