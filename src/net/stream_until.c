/* SPDX-License-Identifier: MIT */
/*
 * stream_until.c - reading up to a separator. What was searched is not searched again, but for as
 * many bytes as a separator may have begun in: a line that comes byte by byte costs a step a byte.
 */
#include "net/stream.h"
#include "net/until.h"

#include <string.h>

/* The first one to end, of those that begin from `from` on: where it begins, and ends. */
static bool find(const struct awl__until *u, const char *data, size_t len, size_t from,
	size_t *begins, size_t *ends)
{
	bool found = false;

	for (int i = 0; i < u->count; i++) {
		const struct iovec *sep = &u->separators[i];
		const char *at;
		size_t end;

		at = memmem(data + from, len - from, sep->iov_base, sep->iov_len);
		if (!at)
			continue;
		end = (size_t)(at - data) + sep->iov_len;
		if (found && end >= *ends)
			continue;
		found = true;
		*ends = end;
		*begins = (size_t)(at - data);
		len = end; /* one that ends later is not wanted */
	}
	return found;
}

int awl__until_look(struct awl__until *u, const char *data, size_t len, size_t limit)
{
	size_t begins = 0, ends = 0;

	u->searched += len - u->from;
	if (find(u, data, len, u->from, &begins, &ends))
		return begins > limit ? AWL_ELIMIT : (int)ends;
	if (len >= u->longest)
		u->from = len + 1 - u->longest;
	return u->from > limit ? AWL_ELIMIT : 0;
}

static int separators_of(
	struct awl__until *u, const struct iovec *separators, int count, const char *call)
{
	if (!separators || count <= 0)
		return awl__fail(-EINVAL, "%s: no separator", call);
	*u = (struct awl__until){ .separators = separators, .count = count };
	for (int i = 0; i < count; i++) {
		if (!separators[i].iov_base || !separators[i].iov_len ||
			separators[i].iov_len > AWL__STREAM_LIMIT)
			return awl__fail(-EINVAL, "%s: a separator of %zu bytes", call,
				separators[i].iov_len);
		if (separators[i].iov_len > u->longest)
			u->longest = separators[i].iov_len;
	}
	return 0;
}

/* Its length, taken out of the buffer, where *data points; 0: the end of the stream is before. */
static int until(awl_stream *s, struct awl__task *t, struct awl__until *u, const char **data)
{
	bool waited = false;

	for (;;) {
		size_t len = awl__buffered(&s->in);
		int r = len ? awl__until_look(u, s->in.data + s->in.start, len, s->limit) : 0;

		if (r > 0) {
			if (!waited)
				awl__stream_spend(t);
			if (awl__unlikely(s->closing)) /* by whom it let run: nothing is lent */
				return AWL_EDEAD;
			*data = s->in.data + s->in.start;
			s->in.start += (size_t)r;
			return r;
		}
		if (r == 0)
			r = awl__stream_fill(s, t, (size_t)s->limit + u->longest);
		if (r <= 0)
			return r;
		waited = true;
	}
}

static int too_long(const awl_stream *s, const char *call)
{
	return awl__fail(
		AWL_ELIMIT, "%s: no separator within %u bytes, the stream's limit", call, s->limit);
}

static int readuntil(awl_stream *s, struct awl__task *t, struct awl__until *u, const char **data,
	const char *call)
{
	int r = awl__reading_begin(s, t, call);

	if (r < 0)
		return r;
	r = until(s, t, u, data);
	if (awl__unlikely(r == AWL_ELIMIT))
		r = too_long(s, call);
	return awl__reading_end(s, r == 0 ? AWL_EINCOMPLETE : r);
}

int awl_stream_readuntil(awl_stream *s, const void *separator, size_t len, const char **data)
{
	struct iovec one = { (void *)(uintptr_t)separator, len };
	struct awl__until u;
	int r;

	AWL__NOT_NULL(data);
	r = separators_of(&u, &one, 1, __func__);
	if (r < 0)
		return r;
	AWL__STREAM_TASK(s, t);
	return readuntil(s, t, &u, data, __func__);
}

int awl_stream_readuntil_any(
	awl_stream *s, const struct iovec *separators, int count, const char **data)
{
	struct awl__until u;
	int r;

	AWL__NOT_NULL(data);
	r = separators_of(&u, separators, count, __func__);
	if (r < 0)
		return r;
	AWL__STREAM_TASK(s, t);
	return readuntil(s, t, &u, data, __func__);
}

/* What the stream ended with, without a '\n'. */
static int last_line(awl_stream *s, const char **line)
{
	size_t len = awl__buffered(&s->in);

	if (len) {
		*line = s->in.data + s->in.start;
		s->in.start += len;
	}
	return (int)len;
}

int awl_stream_readline(awl_stream *s, const char **line)
{
	static const struct iovec newline = { (void *)(uintptr_t) "\n", 1 };
	struct awl__until u = { .separators = &newline, .count = 1, .longest = 1 };
	int r;

	AWL__NOT_NULL(line);
	AWL__STREAM_TASK(s, t);
	r = awl__reading_begin(s, t, __func__);
	if (r < 0)
		return r;
	r = until(s, t, &u, line);
	if (r == 0)
		r = last_line(s, line);
	else if (awl__unlikely(r == AWL_ELIMIT))
		r = too_long(s, __func__);
	return awl__reading_end(s, r);
}
