/* SPDX-License-Identifier: MIT */
/*
 * copy.c - from one stream to another: what a proxy does.
 */
#include "net/stream.h"

#include <awl/scope.h>

/* The bytes lie in `from` until `to` has taken them: whatever happens, none is lost. */
static int copy(awl_stream *from, awl_stream *to, struct awl__task *t, int64_t *copied)
{
	for (;;) {
		size_t sent = 0;
		int r;

		if (awl__unlikely(from->closing))
			return AWL_EDEAD;
		r = awl__buffered(&from->in) ? 1 : awl__stream_fill(from, t, from->limit);
		if (r <= 0)
			return r;
		r = awl_stream_write_all(
			to, from->in.data + from->in.start, awl__buffered(&from->in), &sent);
		from->in.start += sent;
		*copied += (int64_t)sent;
		if (r < 0)
			return r;
	}
}

int awl_copy(awl_stream *from, awl_stream *to, int64_t *copied)
{
	int64_t n = 0;
	int r;

	if (copied)
		*copied = 0;
	AWL__NOT_NULL(to);
	AWL__STREAM_TASK(from, t);
	r = awl__reading_begin(from, t, __func__);
	if (r < 0)
		return r;
	r = copy(from, to, t, &n);
	if (copied)
		*copied = n;
	return awl__reading_end(from, r);
}

struct way {
	awl_stream *from, *to;
	int64_t *copied;
};

static int go(void *arg)
{
	struct way *w = arg;
	int r = awl_copy(w->from, w->to, w->copied);

	return r < 0 ? r : awl_stream_write_eof(w->to);
}

int awl_copy_both(awl_stream *a, awl_stream *b, int64_t *a_to_b, int64_t *b_to_a)
{
	struct way there = { a, b, a_to_b }, back = { b, a, b_to_a };
	awl_task_group group;
	int r;

	if (a_to_b)
		*a_to_b = 0;
	if (b_to_a)
		*b_to_a = 0;
	AWL__NOT_NULL(b);
	AWL__STREAM_TASK(a, t);
	r = awl_task_group_enter(&group);
	if (r == 0)
		r = awl_task_group_create_task(&group, go, &there, NULL);
	if (r == 0)
		r = go(&back);
	return awl_task_group_exit(&group, r);
}
