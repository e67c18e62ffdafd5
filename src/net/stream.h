/* SPDX-License-Identifier: MIT */
/*
 * stream.h - a stream inside: what all streams share, and the table by which sockets, pairs in
 * memory and what may come differ.
 *
 * A reading call holds `reader`, a writing one `writer`, to its end. A closing stream is closed
 * when both have left and nothing more is to be sent; its memory goes when it is closed, nobody has
 * a reference and no call will come back to it.
 */
#ifndef AWL__STREAM_H
#define AWL__STREAM_H

#include "net/buffer.h"
#include "task/task.h"

#include <awl/stream.h>

#define AWL__STREAM_LIMIT 65536u

/*
 * What a kind of stream does. "A wait": until it is done, or AWL_ECANCELED, -ETIMEDOUT (the idle
 * timeout), AWL_EDEAD (after `interrupt`). What the connection fails with is told to
 * awl__stream_received and _sent. Most are not called once the stream is closed.
 */
struct awl__stream_class {
	size_t size; /* of the whole: an awl_stream comes first */
	/* stream_whole.h's, with the two transfers below in them; also of what is closed already */
	int (*read)(awl_stream *s, struct awl__task *t, void *buf, size_t len);
	int (*write_all)(
		awl_stream *s, struct awl__task *t, const void *buf, size_t len, size_t *done);
	int (*recv)(awl_stream *s, struct awl__task *t, void *buf, size_t len); /* waits */
	int (*send)(awl_stream *s, struct awl__task *t, const struct iovec *parts, int count);
	int (*readable)(awl_stream *s, struct awl__task *t); /* waits; 0: try_recv may have some */
	int (*try_recv)(awl_stream *s, void *buf, size_t len); /* or -EAGAIN */
	int (*try_send)(awl_stream *s, const void *buf, size_t len);
	/* 0: awl__stream_flush is called once try_send may go on; 1: it may now; -ENOMEM. */
	int (*when_writable)(awl_stream *s);
	int (*shutdown)(awl_stream *s); /* the end of the stream is sent */
	void (*interrupt)(
		awl_stream *s); /* waits end; of an aborted one that for when_writable too */
	void (*close)(awl_stream *s); /* nothing is in flight */
	void (*words)(const awl_stream *s, char *buf, size_t len); /* what it is */
	int (*name)(awl_stream *s, bool peer, struct sockaddr *addr, socklen_t *len);
	int (*fd)(const awl_stream *s);
	/* Without a copy where that can be; NULL: it cannot. */
	int (*sendfile)(awl_stream *s, struct awl__task *t, int file, int64_t offset, int64_t count,
		int64_t *done);
};

/* What awl_stream_write_buffered needs: made with its first use. */
struct awl__stream_out {
	awl_stream *stream;
	struct awl__buffer unsent;
	size_t high, low;
	bool full; /* has been above high, and since then not down to low */
	bool armed; /* awl__stream_flush is to come */
	uint8_t wants; /* sends refused in a row, the system being short of memory */
	struct awl__list waiters; /* tasks that wait for less of it */
	struct awl__op op; /* a socket's, while armed */
};

struct awl_stream {
	const struct awl__stream_class *class;
	awl_loop *loop;
	struct awl__list link; /* in the loop's list, until it is closed */
	uint32_t refs;
	uint32_t inside; /* waits in drain and wait_closed */
	bool closing, closed, aborted;
	bool ended; /* nothing more comes: `failed`, or the end of the stream */
	bool drained; /* as far as is known nothing is there now */
	bool copious; /* the last to come was a whole block at least */
	bool eof_asked, eof_sent; /* of awl_stream_write_eof */
	int failed; /* what the connection ended with; 0 */
	int write_failed; /* why nothing more can be written; 0 */
	uint32_t limit;
	struct awl__task *reader, *writer;
	struct awl__buffer in;
	int64_t idle; /* the idle timeout */
	int64_t active; /* kept while there is one: when a byte went either way last */
	struct awl__stream_out *out;
	struct awl__list closers; /* who waits for its end */
	/* A server's: called once when it is closed; it may give up its reference there. */
	void (*on_closed)(awl_stream *s, void *arg);
	void *on_closed_arg;
	const void *place; /* debug: where it was made */
};

/* --- making and ending (stream.c) ---------------------------------------------------------------
 */

/* Of `class`, open, with one reference; NULL: no memory. */
awl_stream *awl__stream_new(awl_loop *l, const struct awl__stream_class *class, const void *place);

/* Without a word: nobody has seen it yet. */
void awl__stream_discard(awl_stream *s);

/*
 * A stream that owns fd from now on, a connected non-blocking stream socket of l's. Refused
 * (-EBUSY, -ENOMEM, -EBADF) the descriptor is still the caller's. `listener`: of whom it was
 * accepted; -1: of none. Debug: `place` is where it was made.
 */
int awl__stream_new_socket(awl_loop *l, int fd, int listener, const void *place, awl_stream **ret);

/* awl_stream_close, _abort and _unref, for who is in the loop's thread. */
void awl__stream_close(awl_stream *s);
void awl__stream_abort(awl_stream *s);
void awl__stream_unref(awl_stream *s);

/* Some call has left a closing stream: closes it if it was the last, frees it if nobody has it. */
void awl__stream_settle(awl_stream *s) AWL__COLD;

/* "stream 0x... (descriptor 7)" */
const char *awl__stream_words(const awl_stream *s, char *buf, size_t len);

/* --- what a class tells -------------------------------------------------------------------------
 */

/* A transfer's result, as the connection gave it: what the call returns. */
int awl__stream_received(awl_stream *s, int res, size_t asked);
int awl__stream_sent(awl_stream *s, int res);

/* Nothing is wrong with the connection: the next call may do better. */
static inline bool awl__stream_passes(int res)
{
	return res == -ENOMEM || res == -ENOBUFS || res == -EINTR || res == -EAGAIN;
}

/* Sends what is buffered as far as that goes without a wait. */
void awl__stream_flush(awl_stream *s);

/* --- the beginning and end of calls -------------------------------------------------------------
 */

/* The first line of what can wait: `t` is the running task, of the stream's loop. */
#define AWL__STREAM_TASK(s, t) AWL__STREAM_TASK_OF(s, t, __func__, __builtin_frame_address(0))

/* The same for part of one, whose name and frame these are. */
#define AWL__STREAM_TASK_OF(s, t, call, frame) \
	static struct awl__call call_ = { call, "awl_run_coroutine_threadsafe", 0, 0 }; \
	struct awl__task *t; \
	int begun_ = awl__stream_begin_in(s, &call_, frame, &t); \
	if (awl__unlikely(begun_ < 0)) \
	return begun_

static inline struct awl__task *awl__stream_self(const awl_stream *s)
{
	awl_loop *l = awl__thread->running;

	return awl__likely(l == s->loop) ? l->current : NULL;
}

static inline int awl__stream_begin_in(
	awl_stream *s, struct awl__call *call, const void *frame, struct awl__task **ret)
{
	int r;

	if (awl__unlikely(!s))
		return awl__fail(-EINVAL, "%s: s is NULL", call->name);
	*ret = awl__stream_self(s);
	if (awl__unlikely(!*ret) && (r = awl__self_of(s->loop, "stream", call, ret)) < 0)
		return r;
	if ((*ret)->scope && awl__check_scopes(*ret, frame) < 0)
		return AWL_ESCOPE;
	return awl__deliver(*ret);
}

/* The same, where its wait would begin without a word: no scope is open, nothing is asked of it. */
static inline struct awl__task *awl__stream_free_self(const awl_stream *s)
{
	struct awl__task *t = awl__stream_self(s);

	return awl__likely(t && !t->scope && !t->attention) ? t : NULL;
}

/* Alone in it from here on: 0, or AWL_EDEAD, -EBUSY. */
int awl__reading_refused(awl_stream *s, const char *call) AWL__COLD;
static inline int awl__reading_begin(awl_stream *s, struct awl__task *t, const char *call)
{
	if (awl__unlikely(s->reader || s->closing))
		return awl__reading_refused(s, call);
	s->reader = t;
	return 0;
}

/* The last thing a call does: the stream may be gone after it. */
static inline int awl__reading_end(awl_stream *s, int r)
{
	s->reader = NULL;
	if (awl__unlikely(s->closing))
		awl__stream_settle(s);
	return r;
}

/* The same, and what was buffered has gone before; refused also where nothing can be written. */
int awl__writing_refused(awl_stream *s, const char *call) AWL__COLD;
int awl__writing_after(awl_stream *s, struct awl__task *t);
static inline int awl__writing_begin(awl_stream *s, struct awl__task *t, const char *call)
{
	if (awl__unlikely(s->writer || s->closing || s->eof_asked || s->write_failed || s->failed))
		return awl__writing_refused(s, call);
	s->writer = t;
	return awl__unlikely(s->out != NULL) ? awl__writing_after(s, t) : 0;
}

static inline int awl__writing_end(awl_stream *s, int r)
{
	s->writer = NULL;
	if (awl__unlikely(s->closing))
		awl__stream_settle(s);
	return r;
}

/* Who had all it wants without a wait lets the others run once in a while. */
static inline void awl__stream_spend(struct awl__task *t)
{
	if (awl__unlikely(--awl__task_loop(t)->budget <= 0))
		awl__task_pause(t);
}

/* --- parts of calls -----------------------------------------------------------------------------
 */

/* More into s->in, at most `most` in all: how many bytes came; 0 at the end; or an error. */
int awl__stream_fill(awl_stream *s, struct awl__task *t, size_t most);

/* Sends len bytes and counts them in *done: 0, or an error. The caller is `writer`. */
int awl__stream_send_all(
	awl_stream *s, struct awl__task *t, const void *buf, size_t len, size_t *done);

static inline size_t awl__stream_unsent(const awl_stream *s)
{
	return s->out ? awl__buffered(&s->out->unsent) : 0;
}

/* With an idle timeout: when a wait that begins now is given up if nothing moves. */
int64_t awl__stream_patience(awl_stream *s, int64_t begun);

/* It is time to give up, and no byte has gone either way since `begun`. */
bool awl__stream_is_idle(const awl_stream *s, int64_t begun);

/* Once around in one of the stream's queues: 0: look again. */
int awl__stream_wait(awl_stream *s, struct awl__task *t, struct awl__list *queue, int64_t begun);

/* When a wait begins; without an idle timeout nobody asks. */
static inline int64_t awl__stream_begin(const awl_stream *s)
{
	return awl__likely(s->idle == AWL_FOREVER) ? 0 : awl__reactor_now(s->loop->reactor);
}

static inline void awl__stream_moved(awl_stream *s, int64_t when)
{
	if (awl__unlikely(s->idle != AWL_FOREVER) && when > s->active)
		s->active = when;
}

#endif
