/* SPDX-License-Identifier: MIT */
/*
 * stream.c - a stream's life: made, closed or aborted, given up; and the end of those that a loop
 * still has when it closes.
 */
#include "net/stream.h"
#include "base/alloc.h"
#include "base/clock.h"

#include <stdio.h>

const char *awl__stream_words(const awl_stream *s, char *buf, size_t len)
{
	char what[64];

	s->class->words(s, what, sizeof what);
	snprintf(buf, len, "stream %p (%s)", (const void *)s, what);
	return buf;
}

/* --- the idle timeout ------------------------------------------------------------------------- */

int64_t awl__stream_patience(awl_stream *s, int64_t begun)
{
	if (s->idle == AWL_FOREVER)
		return INT64_MAX;
	return awl__clock_after(begun > s->active ? begun : s->active, s->idle);
}

bool awl__stream_is_idle(const awl_stream *s, int64_t begun)
{
	int64_t since = begun > s->active ? begun : s->active;

	return s->idle != AWL_FOREVER && awl__clock_after(since, s->idle) <= s->loop->now;
}

int awl__stream_wait(awl_stream *s, struct awl__task *t, struct awl__list *queue, int64_t begun)
{
	struct awl__timed w = { .until = awl__stream_patience(s, begun) };
	int r = awl__deliver(t);

	if (r == 0)
		r = awl__wait_in_until(t, queue, &w);
	if (r < 0)
		return r;
	return w.late && awl__stream_is_idle(s, begun) ? -ETIMEDOUT : 0;
}

/* --- making ----------------------------------------------------------------------------------- */

static void close_all(awl_loop *l);

awl_stream *awl__stream_new(awl_loop *l, const struct awl__stream_class *class, const void *place)
{
	awl_stream *s = awl__alloc_zero(class->size);

	if (!s)
		return NULL;
	s->class = class;
	s->loop = l;
	s->refs = 1;
	s->limit = AWL__STREAM_LIMIT;
	s->idle = AWL_FOREVER;
	s->place = place;
	awl__list_init(&s->closers);
	awl__list_push(&l->open[AWL__OPEN_STREAMS].all, &s->link);
	l->open[AWL__OPEN_STREAMS].end = close_all;
	l->kept++;
	l->net_kept++;
	return s;
}

static void stream_free(awl_stream *s)
{
	awl_loop *l = s->loop;

	awl__free(s->out);
	awl__free(s);
	l->net_kept--;
	if (--l->kept == 0 && awl__unlikely(l->outlived))
		awl__loop_orphaned(l);
}

void awl__stream_discard(awl_stream *s)
{
	awl__list_remove(&s->link);
	stream_free(s);
}

awl_stream *awl_stream_ref(awl_stream *s)
{
	if (!s)
		return NULL;
	AWL__CLAIM_READ(s->loop, AWL__BY_CALLBACK, NULL);
	s->refs++;
	return s;
}

/* --- its end ---------------------------------------------------------------------------------- */

static void finish(awl_stream *s)
{
	s->closed = true;
	awl__list_remove(&s->link);
	awl__buffer_give(s->loop, &s->in);
	if (s->out)
		awl__buffer_give(s->loop, &s->out->unsent);
	s->class->close(s);
	awl__wake_each(&s->closers);
	if (s->on_closed) {
		s->refs++; /* it may give up its own */
		s->on_closed(s, s->on_closed_arg);
		s->refs--;
	}
}

void awl__stream_settle(awl_stream *s)
{
	if (!s->closed) {
		if (s->reader || s->writer || (s->out && s->out->armed))
			return;
		finish(s);
	}
	if (!s->refs && !s->inside)
		stream_free(s);
}

/* Who waits in it is told, by the kernel's completion or at once. */
static void interrupt(awl_stream *s)
{
	if (s->out && s->aborted)
		awl__buffer_give(s->loop, &s->out->unsent);
	s->class->interrupt(s);
	if (s->out)
		awl__wake_each(&s->out->waiters);
}

void awl__stream_close(awl_stream *s)
{
	if (s->closing)
		return;
	s->closing = true;
	interrupt(s);
	awl__stream_settle(s);
}

void awl__stream_abort(awl_stream *s)
{
	if (s->closed || s->aborted)
		return;
	s->closing = s->aborted = true;
	interrupt(s);
	awl__stream_settle(s);
}

static AWL__COLD void report_unclosed(const awl_stream *s)
{
	char words[128], place[128];

	awl__report(AWL_LOG_WARNING, "%s was never closed%s%s: awl_stream_close it",
		awl__stream_words(s, words, sizeof words), s->place ? "; made in " : "",
		s->place ? awl__place(s->place, place, sizeof place) : "");
}

void awl__stream_unref(awl_stream *s)
{
	if (--s->refs)
		return;
	if (s->closing) {
		awl__stream_settle(s);
		return;
	}
	report_unclosed(s);
	awl__stream_abort(s);
}

int awl_stream_close(awl_stream *s)
{
	AWL__NOT_NULL(s);
	AWL__CLAIM(s->loop, AWL__BY_CALLBACK);
	awl__stream_close(s);
	return 0;
}

int awl_stream_abort(awl_stream *s)
{
	AWL__NOT_NULL(s);
	AWL__CLAIM(s->loop, AWL__BY_CALLBACK);
	awl__stream_abort(s);
	return 0;
}

static void release(awl_loop **l)
{
	awl__loop_release(*l);
}

void awl_stream_unref(awl_stream *s)
{
	if (!s)
		return;
	/* The last handle may be what kept a closed loop: it goes when the claim has been given
	 * back. */
	awl_loop *l __attribute__((cleanup(release))) = awl_loop_ref(s->loop);

	AWL__CLAIM_READ(l, AWL__BY_CALLBACK, );
	awl__stream_unref(s);
}

int awl_stream_is_closing(awl_stream *s)
{
	AWL__NOT_NULL(s);
	AWL__CLAIM_READ(s->loop, AWL__BY_CALLBACK, claimed_);
	return s->closing;
}

/* --- waiting for the end ---------------------------------------------------------------------- */

static int wait_closed(awl_stream *s, struct awl__task *t)
{
	while (!s->closed) {
		int r = awl__wait_in(t, &s->closers, AWL__WAITS_STREAM, s);

		if (r < 0)
			return r;
	}
	return s->failed ? s->failed : s->write_failed;
}

int awl_stream_wait_closed(awl_stream *s)
{
	int r;

	AWL__STREAM_TASK(s, t);
	s->inside++;
	r = wait_closed(s, t);
	s->inside--;
	if (s->closed)
		awl__stream_settle(s);
	return r;
}

/* --- a loop closes ---------------------------------------------------------------------------- */

static AWL__COLD void report_open(const awl_stream *s)
{
	char words[128], place[128];

	awl__report(AWL_LOG_WARNING, "%s is %s as its loop closes: it is aborted%s%s",
		awl__stream_words(s, words, sizeof words),
		s->closing ? "not yet closed" : "still open", s->place ? "; made in " : "",
		s->place ? awl__place(s->place, place, sizeof place) : "");
}

/* All tasks have ended: only what is still being sent is in flight. */
static void close_all(awl_loop *l)
{
	while (!awl__list_empty(&l->open[AWL__OPEN_STREAMS].all)) {
		awl_stream *s =
			awl__container(l->open[AWL__OPEN_STREAMS].all.next, awl_stream, link);

		if (l->debug)
			report_open(s);
		s->refs++;
		awl__stream_abort(s);
		while (!s->closed && awl__reactor_wait(l->reactor, INT64_MAX) >= 0)
			;
		if (!s->closed) /* the kernel has failed for good, and told */
			return;
		if (!--s->refs)
			awl__stream_settle(s);
	}
	awl__blocks_free(l);
}

/* --- what it is ------------------------------------------------------------------------------- */

int awl_stream_set_limit(awl_stream *s, size_t limit)
{
	AWL__NOT_NULL(s);
	AWL__CLAIM(s->loop, AWL__BY_CALLBACK);
	if (!limit)
		return awl__fail(-EINVAL, "%s: a limit of 0 bytes", __func__);
	s->limit = limit > AWL_TRANSFER_MAX / 2 ? AWL_TRANSFER_MAX / 2 : (uint32_t)limit;
	return 0;
}

int awl_stream_set_idle_timeout(awl_stream *s, int64_t ns)
{
	AWL__NOT_NULL(s);
	AWL__CLAIM(s->loop, AWL__BY_CALLBACK);
	if (ns <= 0)
		return awl__fail(
			-EINVAL, "%s: not a time to wait; AWL_FOREVER is none at all", __func__);
	s->idle = ns;
	return 0;
}

static int name(awl_stream *s, bool peer, struct sockaddr *addr, socklen_t *len, const char *call)
{
	if (s->closed)
		return awl__fail(AWL_EDEAD, "%s: the stream is closed", call);
	if (!s->class->name)
		return awl__fail(-ENOTSOCK, "%s: the stream is in memory", call);
	return s->class->name(s, peer, addr, len);
}

int awl_stream_getsockname(awl_stream *s, struct sockaddr *addr, socklen_t *len)
{
	AWL__NOT_NULL(s);
	AWL__NOT_NULL(addr);
	AWL__NOT_NULL(len);
	AWL__CLAIM(s->loop, AWL__BY_CALLBACK);
	return name(s, false, addr, len, __func__);
}

int awl_stream_getpeername(awl_stream *s, struct sockaddr *addr, socklen_t *len)
{
	AWL__NOT_NULL(s);
	AWL__NOT_NULL(addr);
	AWL__NOT_NULL(len);
	AWL__CLAIM(s->loop, AWL__BY_CALLBACK);
	return name(s, true, addr, len, __func__);
}

int awl_stream_fd(awl_stream *s)
{
	AWL__NOT_NULL(s);
	AWL__CLAIM(s->loop, AWL__BY_CALLBACK);
	if (s->closed)
		return awl__fail(AWL_EDEAD, "%s: the stream is closed", __func__);
	if (!s->class->fd)
		return awl__fail(-ENOTSOCK, "%s: the stream is in memory", __func__);
	return s->class->fd(s);
}
