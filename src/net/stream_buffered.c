/* SPDX-License-Identifier: MIT */
/*
 * stream_buffered.c - asyncio's way of writing: a copy is taken, and sent without a task as the
 * kernel takes it; drain waits where too much has gathered. Here too is the end of the stream,
 * which goes behind what is buffered.
 */
#include "net/stream.h"
#include "base/alloc.h"

#include <string.h>

#define HIGH 65536u
#define LOW 16384u
#define WANTS_MAX 16u /* sends refused in a row; then the connection is given up */

static int out_of(awl_stream *s, struct awl__stream_out **ret)
{
	struct awl__stream_out *out = s->out;

	if (!out) {
		out = awl__alloc_zero(sizeof *out);
		if (!out)
			return -ENOMEM;
		out->stream = s;
		out->high = HIGH;
		out->low = LOW;
		awl__list_init(&out->waiters);
		s->out = out;
	}
	*ret = out;
	return 0;
}

/* Who drains waits between them; who waits for all of it to be sent looks for himself. */
static void look_at_marks(struct awl__stream_out *out)
{
	size_t unsent = awl__buffered(&out->unsent);

	out->full = unsent > (out->full ? out->low : out->high);
	while (!out->full && awl__wake_first(&out->waiters))
		;
}

int awl_stream_set_write_buffer_limits(awl_stream *s, size_t high, size_t low)
{
	struct awl__stream_out *out;
	int r;

	AWL__NOT_NULL(s);
	AWL__CLAIM(s->loop, AWL__BY_CALLBACK);
	if (low > high)
		return awl__fail(
			-EINVAL, "%s: the low mark %zu is above the high one", __func__, low);
	r = out_of(s, &out);
	if (r < 0)
		return r;
	out->high = high;
	out->low = low;
	look_at_marks(out);
	return 0;
}

int64_t awl_stream_get_write_buffer_size(awl_stream *s)
{
	AWL__NOT_NULL(s);
	AWL__CLAIM_READ(s->loop, AWL__BY_CALLBACK, claimed_);
	return (int64_t)awl__stream_unsent(s);
}

/* --- sending it ------------------------------------------------------------------------------- */

static void send_eof(awl_stream *s)
{
	int r = s->write_failed ? s->write_failed : s->class->shutdown(s);

	if (r < 0)
		awl__stream_sent(s, r);
	else
		s->eof_sent = true;
}

/* As much as goes at once: 0, or what the last attempt said. */
static int send_now(awl_stream *s, struct awl__stream_out *out)
{
	struct awl__buffer *b = &out->unsent;

	while (awl__buffered(b)) {
		int r = s->class->try_send(s, b->data + b->start, awl__buffered(b));

		if (r < 0)
			return r;
		b->start += (size_t)r;
		out->wants = 0;
	}
	return 0;
}

/*
 * There is room, and yet the system has none for it: that may pass while others run, but to go on
 * asking is to spin. 0: it is asked again.
 */
static int wants(struct awl__stream_out *out, int err)
{
	if (err == -EAGAIN || ++out->wants < WANTS_MAX)
		return 0;
	return err;
}

/* The rest is sent once that can be: 0; 1: it can be now. */
static int arm(awl_stream *s, struct awl__stream_out *out)
{
	int r;

	if (out->armed || !awl__buffered(&out->unsent))
		return 0;
	out->armed = true;
	r = s->class->when_writable(s);
	if (r != 0)
		out->armed = false;
	return r;
}

/* What goes at once, and the rest later: 0, or an error. */
static int pump(awl_stream *s, struct awl__stream_out *out)
{
	int r;

	do {
		r = send_now(s, out);
		if (r < 0)
			r = s->write_failed ? s->write_failed : wants(out, r);
		if (r == 0)
			r = arm(s, out);
	} while (r > 0);
	return r;
}

/* What is left will not be sent. */
static void give_up(awl_stream *s, struct awl__stream_out *out, int err)
{
	if (!s->write_failed)
		s->write_failed = err;
	awl__buffer_give(s->loop, &out->unsent);
}

void awl__stream_flush(awl_stream *s)
{
	struct awl__stream_out *out = s->out;
	int r = pump(s, out);

	if (r < 0)
		give_up(s, out, r);
	if (!awl__buffered(&out->unsent)) {
		awl__buffer_give(s->loop, &out->unsent);
		if (s->eof_asked && !s->eof_sent && !s->aborted)
			send_eof(s);
	}
	look_at_marks(out);
	if (s->closing)
		awl__stream_settle(s);
}

/* --- giving it to be sent --------------------------------------------------------------------- */

/* As much as goes at once, unless others are before it: how much; or an error, nothing having gone.
 */
static int64_t send_first(awl_stream *s, const struct awl__buffer *b, const char *buf, size_t len)
{
	size_t sent = 0;

	while (!awl__buffered(b) && sent < len) {
		int r = s->class->try_send(s, buf + sent, len - sent);

		if (r == -EAGAIN || (r < 0 && sent && !s->write_failed))
			break;
		if (r < 0)
			return r;
		sent += (size_t)r;
	}
	return (int64_t)sent;
}

/* The rest is taken over; where the reactor has no memory to wait for its turn nothing is, or the
 * connection is at its end. */
static int write_buffered(awl_stream *s, struct awl__stream_out *out, const char *buf, size_t len)
{
	struct awl__buffer *b = &out->unsent;
	int r = awl__buffer_reserve(s->loop, b, len);
	int64_t sent;

	if (r < 0)
		return r;
	sent = send_first(s, b, buf, len);
	if (sent < 0)
		return (int)sent;
	len -= (size_t)sent;
	memcpy(b->data + b->end, buf + sent, len);
	b->end += len;
	r = arm(s, out);
	if (r < 0 && sent == 0) {
		b->end -= len;
		return r;
	}
	if (r > 0)
		r = pump(s, out);
	if (r < 0)
		give_up(s, out, r);
	look_at_marks(out);
	return r;
}

int awl_stream_write_buffered(awl_stream *s, const void *buf, size_t len)
{
	struct awl__stream_out *out;
	int r;

	AWL__NOT_NULL(s);
	AWL__CLAIM(s->loop, AWL__BY_CALLBACK);
	if (!buf && len)
		return awl__fail(-EINVAL, "%s: buf is NULL", __func__);
	if (s->writer || s->closing || s->eof_asked || s->write_failed || s->failed)
		return awl__writing_refused(s, __func__);
	if (!len)
		return 0;
	r = out_of(s, &out);
	if (r < 0)
		return r;
	r = write_buffered(s, out, buf, len);
	if (!awl__buffered(&out->unsent))
		awl__buffer_give(s->loop, &out->unsent);
	return r;
}

/* --- waiting for it --------------------------------------------------------------------------- */

/* Why there is no point in waiting for it to be sent; 0. */
static int lost(const awl_stream *s)
{
	return s->closing ? AWL_EDEAD : s->write_failed;
}

static int drain(awl_stream *s, struct awl__task *t)
{
	int64_t begun = awl__stream_begin(s);
	int r = lost(s);

	if (r == 0 && !(s->out && s->out->full))
		awl__stream_spend(t);
	while (r == 0 && s->out && s->out->full) {
		r = awl__stream_wait(s, t, &s->out->waiters, begun);
		if (r == 0)
			r = lost(s);
	}
	return r;
}

int awl_stream_drain(awl_stream *s)
{
	int r;

	AWL__STREAM_TASK(s, t);
	s->inside++;
	r = drain(s, t);
	s->inside--;
	if (s->closed)
		awl__stream_settle(s);
	return r;
}

/* Until all of it is sent. Who writes waits with those that drain, and looks for himself. */
static int wait_sent(awl_stream *s, struct awl__task *t)
{
	int64_t begun = awl__stream_begin(s);
	int r = lost(s);

	while (r == 0 && awl__stream_unsent(s)) {
		r = awl__stream_wait(s, t, &s->out->waiters, begun);
		if (r == 0)
			r = lost(s);
	}
	return r;
}

int awl__writing_after(awl_stream *s, struct awl__task *t)
{
	int r = wait_sent(s, t);

	return r < 0 ? awl__writing_end(s, r) : 0;
}

/* --- the end of the stream -------------------------------------------------------------------- */

static int write_eof(awl_stream *s, struct awl__task *t)
{
	int r;

	s->eof_asked = true; /* a flush under way sends it, whatever becomes of this wait */
	r = wait_sent(s, t);
	if (r == 0 && !s->eof_sent)
		send_eof(s);
	return r < 0 ? r : s->eof_sent ? 0 : s->write_failed;
}

int awl_stream_write_eof(awl_stream *s)
{
	AWL__STREAM_TASK(s, t);
	if (s->closing || s->writer || s->write_failed || s->failed)
		return awl__writing_refused(s, __func__);
	s->writer = t;
	return awl__writing_end(s, write_eof(s, t));
}
