/* SPDX-License-Identifier: MIT */
/*
 * streams.h - what the tests of streams begin with: a body is run on each kind of stream, in
 * memory, unix and TCP, on sim by several seeds; two connected ends are made for it, closed behind
 * it, and nothing may be left.
 */
#ifndef TEST_STREAMS_H
#define TEST_STREAMS_H

#include "net/sockets.h"

#include "net/stream.h"

#include <sys/mman.h>

enum kind { MEMORY, UNIX, TCP };

/* What the body is given: what one writes the other reads. */
struct ends {
	awl_stream *a, *b;
	enum kind kind;
};

typedef void ends_body(struct ends *e);

static const char *const kind_names[] = { "memory", "unix", "tcp" };

/* So that it is soon full. */
static inline void make_small(int fd)
{
	int size = 65536;

	assert_int_equal(awl_sock_setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
	assert_int_equal(awl_sock_setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size), 0);
}

static inline void unix_streams(awl_stream *s[2])
{
	int fds[2];

	unix_pair(fds);
	for (int i = 0; i < 2; i++)
		assert_int_equal(awl_stream_open(fds[i], &s[i]), 0);
}

static inline void tcp_streams(awl_stream *s[2])
{
	int fds[2];

	tcp_pair(fds);
	for (int i = 0; i < 2; i++) {
		make_small(fds[i]);
		assert_int_equal(awl_stream_open(fds[i], &s[i]), 0);
	}
}

static inline void make_ends(struct ends *e)
{
	awl_stream *s[2];

	switch (e->kind) {
	case MEMORY:
		assert_int_equal(awl_stream_pair(s), 0);
		break;
	case UNIX:
		unix_streams(s);
		break;
	case TCP:
		tcp_streams(s);
	}
	e->a = s[0];
	e->b = s[1];
}

static inline void end_stream(awl_stream **s)
{
	if (!*s)
		return;
	assert_int_equal(awl_stream_close(*s), 0);
	(void)!awl_stream_wait_closed(*s);
	awl_stream_unref(*s);
	*s = NULL;
}

struct ends_run {
	ends_body *body;
	enum kind kind;
	bool debug;
};

static inline int run_ends(void *arg)
{
	struct ends_run *run = arg;
	struct ends e = { .kind = run->kind };
	uint32_t kept = here()->kept;

	if (run->debug)
		awl_loop_set_debug(here(), 1);
	make_ends(&e);
	run->body(&e);
	end_stream(&e.a);
	end_stream(&e.b);
	assert_true(awl__list_empty(&here()->open[AWL__OPEN_STREAMS].all));
	assert_int_equal(here()->kept, kept);
	return 0;
}

static inline void on_kind(enum kind kind, ends_body *body)
{
	struct ends_run run = { body, kind, false };
	const char *reactor = getenv("AWL_REACTOR");
	uint64_t seeds = reactor && !strcmp(reactor, "sim") ? 6 : 0;

	for (uint64_t seed = 0; seed <= seeds; seed++) {
		awl_loop_options o = { .seed = seed };
		int r = awl_run_with(&o, run_ends, &run);

		if (r < 0)
			fail_msg("%s, seed %d: %s", kind_names[kind], (int)seed, awl_strerror(r));
	}
}

static inline void on_each(ends_body *body)
{
	for (enum kind kind = MEMORY; kind <= TCP; kind++)
		on_kind(kind, body);
}

/* Only where there are sockets. */
static inline void on_sockets(ends_body *body)
{
	on_kind(UNIX, body);
	on_kind(TCP, body);
}

/* --- steps --- */

static inline void say(awl_stream *s, const char *words)
{
	assert_int_equal(awl_stream_write_all(s, words, strlen(words), NULL), 0);
}

static inline void assert_says(awl_stream *s, const char *words)
{
	char buf[4096];

	assert_true(strlen(words) < sizeof buf);
	assert_int_equal(awl_stream_readexactly(s, buf, strlen(words), NULL), 0);
	assert_memory_equal(buf, words, strlen(words));
}

static inline void assert_ended(awl_stream *s)
{
	char c;

	assert_int_equal(awl_stream_read(s, &c, 1), 0);
	assert_int_equal(awl_stream_at_eof(s), 1);
	assert_int_equal(awl_stream_read(s, &c, 1), 0);
}

/* What a task waits for in a stream. */
static inline int read_one(void *arg)
{
	char c;
	int r = awl_stream_read(arg, &c, 1);

	return r == 1 ? c : r;
}

static inline int read_line(void *arg)
{
	const char *line;

	return awl_stream_readline(arg, &line);
}

static inline int peek(void *arg)
{
	const void *data;

	return awl_stream_peek(arg, &data);
}

/* As far as the others come by themselves. */
static inline void let_them(void)
{
	assert_int_equal(awl_test_wait_blocked(), 0);
}

/* Asked to stop: how it ended. */
static inline int stop(awl_task *t)
{
	awl_cancel(t, "the test stops it");
	return outcome(t);
}

/* Byte number i of what the tests send. */
static inline unsigned char byte_at(size_t i)
{
	return (unsigned char)(i * 2654435761u >> 13);
}

static inline unsigned char *bytes(size_t len)
{
	unsigned char *p = malloc(len ? len : 1);

	assert_non_null(p);
	for (size_t i = 0; i < len; i++)
		p[i] = byte_at(i);
	return p;
}

/* Until the other end takes no more: how many bytes went. Sim says now and then that it is full. */
static inline size_t fill_up(awl_stream *s)
{
	static const char junk[65536];
	size_t n = 0;

	for (int full = 0; full < 40;) {
		int r = s->class->try_send(s, junk, sizeof junk);

		assert_true(r > 0 || r == -EAGAIN);
		full += r == -EAGAIN;
		n += r > 0 ? (size_t)r : 0;
	}
	return n;
}

/* Reads and forgets. */
static inline void swallow(awl_stream *s, size_t len)
{
	static char buf[65536];

	while (len) {
		int n = awl_stream_read(s, buf, len < sizeof buf ? len : sizeof buf);

		assert_true(n > 0);
		len -= (size_t)n;
	}
}

#endif
