/* SPDX-License-Identifier: MIT */
/*
 * pair.c - two streams in memory: what one writes lies with the other until that reads it, as much
 * as a socket's buffer would take.
 */
#include "net/stream_whole.h"

#include <stdio.h>
#include <string.h>

#define ROOM 65536u

struct memory_stream {
	awl_stream base;
	struct memory_stream *peer; /* NULL: it is closed */
	struct awl__buffer inbox; /* what the peer has written */
	bool complete; /* and no more comes */
	bool reset; /* because the peer was aborted, or had not read everything */
	struct awl__list readers, writers; /* a task at most in each */
};

static struct memory_stream *memory_of(awl_stream *s)
{
	return awl__container(s, struct memory_stream, base);
}

/* --- from one to the other -------------------------------------------------------------------- */

static size_t room(const struct memory_stream *m)
{
	return ROOM - awl__buffered(&m->inbox);
}

/* What is buffered goes first; it may have been the last that kept a closing peer. */
static void room_made(struct memory_stream *m)
{
	awl_stream *s = &m->base;

	if (s->out && s->out->armed) {
		s->out->armed = false;
		awl__stream_flush(s);
	} else {
		awl__wake_each(&m->writers);
	}
}

static int take(struct memory_stream *m, void *buf, size_t len)
{
	size_t n = awl__buffered(&m->inbox);

	if (!n)
		return m->reset ? -ECONNRESET : m->complete ? 0 : -EAGAIN;
	if (n > len)
		n = len;
	memcpy(buf, m->inbox.data + m->inbox.start, n);
	m->inbox.start += n;
	if (m->peer)
		room_made(m->peer); /* what is buffered there goes on in this memory */
	if (!awl__buffered(&m->inbox))
		awl__buffer_give(m->base.loop, &m->inbox);
	return (int)n;
}

/* Without memory for all of it: for as much as there is. */
static size_t reserve(struct memory_stream *m, size_t len)
{
	struct awl__buffer *b = &m->inbox;

	if (awl__buffer_reserve(m->base.loop, b, len) == 0)
		return len;
	return b->cap - b->end;
}

static int put(struct memory_stream *m, const void *buf, size_t len)
{
	struct memory_stream *to = m->peer;

	if (!to)
		return -EPIPE;
	if (len > room(to))
		len = room(to);
	if (!len)
		return -EAGAIN;
	len = reserve(to, len);
	if (!len)
		return -ENOMEM;
	memcpy(to->inbox.data + to->inbox.end, buf, len);
	to->inbox.end += len;
	awl__stream_moved(&to->base, to->base.loop->now);
	awl__wake_each(&to->readers);
	return (int)len;
}

static int put_parts(struct memory_stream *m, const struct iovec *parts, int count)
{
	int done = 0;

	for (int i = 0; i < count; i++) {
		int r = put(m, parts[i].iov_base, parts[i].iov_len);

		if (r < 0)
			return done ? done : r;
		done += r;
		if ((size_t)r < parts[i].iov_len)
			break;
	}
	return done;
}

/* --- the class -------------------------------------------------------------------------------- */

static int memory_try_recv(awl_stream *s, void *buf, size_t len)
{
	int r = awl__stream_received(s, take(memory_of(s), buf, len), len);

	if (r > 0)
		awl__stream_moved(s, s->loop->now);
	return r;
}

static int memory_try_send(awl_stream *s, const void *buf, size_t len)
{
	int r = awl__stream_sent(s, put(memory_of(s), buf, len));

	if (r > 0)
		awl__stream_moved(s, s->loop->now);
	return r;
}

static int memory_readable(awl_stream *s, struct awl__task *t)
{
	struct memory_stream *m = memory_of(s);
	int64_t begun = awl__stream_begin(s);
	int r = 0;

	while (r == 0 && !m->complete && !awl__buffered(&m->inbox))
		r = s->closing ? AWL_EDEAD : awl__stream_wait(s, t, &m->readers, begun);
	return r;
}

static int memory_recv(awl_stream *s, struct awl__task *t, void *buf, size_t len)
{
	int r = memory_try_recv(s, buf, len);

	if (r != -EAGAIN) {
		awl__stream_spend(t);
		return r;
	}
	r = memory_readable(s, t);
	return r < 0 ? r : memory_try_recv(s, buf, len);
}

static int memory_send(awl_stream *s, struct awl__task *t, const struct iovec *parts, int count)
{
	struct memory_stream *m = memory_of(s);
	int64_t begun = awl__stream_begin(s);
	int r = put_parts(m, parts, count);

	if (r != -EAGAIN)
		awl__stream_spend(t);
	while (r == -EAGAIN) {
		r = s->closing ? AWL_EDEAD : awl__stream_wait(s, t, &m->writers, begun);
		if (r < 0)
			return r;
		r = put_parts(m, parts, count);
	}
	if (r > 0)
		awl__stream_moved(s, s->loop->now);
	return awl__stream_sent(s, r);
}

static int memory_read(awl_stream *s, struct awl__task *t, void *buf, size_t len)
{
	return awl__read_whole(s, t, buf, len, memory_recv);
}

static int send_one(awl_stream *s, struct awl__task *t, const void *buf, size_t len)
{
	struct iovec part = { (void *)(uintptr_t)buf, len };

	return memory_send(s, t, &part, 1);
}

static int memory_write_all(
	awl_stream *s, struct awl__task *t, const void *buf, size_t len, size_t *done)
{
	return awl__write_whole(s, t, buf, len, done, send_one);
}

static int memory_when_writable(awl_stream *s)
{
	(void)s; /* the peer looks whether it is armed */
	return 0;
}

static int memory_shutdown(awl_stream *s)
{
	struct memory_stream *to = memory_of(s)->peer;

	if (to) {
		to->complete = true;
		awl__wake_each(&to->readers);
	}
	return 0;
}

static void memory_interrupt(awl_stream *s)
{
	awl__wake_each(&memory_of(s)->readers);
	awl__wake_each(&memory_of(s)->writers);
	if (s->aborted && s->out)
		s->out->armed = false;
}

static void memory_close(awl_stream *s)
{
	struct memory_stream *m = memory_of(s), *peer = m->peer;
	bool unread = awl__buffered(&m->inbox) > 0;

	awl__buffer_give(s->loop, &m->inbox);
	if (!peer)
		return;
	m->peer = peer->peer = NULL;
	peer->reset = s->aborted || unread;
	peer->complete = true;
	awl__wake_each(&peer->readers);
	room_made(peer);
}

static void memory_words(const awl_stream *s, char *buf, size_t len)
{
	(void)s;
	snprintf(buf, len, "in memory");
}

static const struct awl__stream_class memory_class = {
	.size = sizeof(struct memory_stream),
	.read = memory_read,
	.write_all = memory_write_all,
	.recv = memory_recv,
	.send = memory_send,
	.readable = memory_readable,
	.try_recv = memory_try_recv,
	.try_send = memory_try_send,
	.when_writable = memory_when_writable,
	.shutdown = memory_shutdown,
	.interrupt = memory_interrupt,
	.close = memory_close,
	.words = memory_words,
};

static struct memory_stream *one(awl_loop *l, const void *place)
{
	awl_stream *s = awl__stream_new(l, &memory_class, place);

	if (!s)
		return NULL;
	awl__list_init(&memory_of(s)->readers);
	awl__list_init(&memory_of(s)->writers);
	return memory_of(s);
}

int awl_stream_pair(awl_stream *pair[2])
{
	awl_loop *l = awl__thread->running;
	struct memory_stream *a, *b;
	const void *place;

	AWL__NOT_NULL(pair);
	if (!l)
		return awl__fail(AWL_ENOLOOP, "%s: %s", __func__, awl_strerror(AWL_ENOLOOP));
	place = l->debug ? __builtin_return_address(0) : NULL;
	a = one(l, place);
	b = a ? one(l, place) : NULL;
	if (!b) {
		if (a)
			awl__stream_discard(&a->base);
		return -ENOMEM;
	}
	a->peer = b;
	b->peer = a;
	pair[0] = &a->base;
	pair[1] = &b->base;
	return 0;
}
