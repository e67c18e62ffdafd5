/* SPDX-License-Identifier: MIT */
/*
 * clients.h - for tests of clients and servers: handlers, servers at loopback, clients of them, and
 * what must not be left behind.
 */
#ifndef TEST_CLIENTS_H
#define TEST_CLIENTS_H

#include "sockets.h"

#include "net/server.h"

#include <sys/un.h>

/* --- handlers --- */

static inline int echo(awl_stream *s, void *arg)
{
	char buf[4096];
	int n;

	(void)arg;
	while ((n = awl_stream_read(s, buf, sizeof buf)) > 0)
		if ((n = awl_stream_write_all(s, buf, (size_t)n, NULL)) < 0)
			break;
	return n;
}

/* --- what goes to the exception handler --- */

struct exceptions {
	int count, error;
	char message[300], detail[200];
};

static inline void keep_exception(awl_loop *l, const awl_exception *e, void *arg)
{
	struct exceptions *x = arg;

	x->count++;
	x->error = e->error;
	snprintf(x->message, sizeof x->message, "%s", e->message);
	snprintf(x->detail, sizeof x->detail, "%s", e->detail ? e->detail : "");
}

static inline void watch(struct exceptions *x)
{
	*x = (struct exceptions){ 0 };
	assert_int_equal(awl_loop_set_exception_handler(here(), keep_exception, x), 0);
}

/* --- servers --- */

static inline awl_server *serve_at(const char *host, int port, awl_connected_fn *fn, void *arg)
{
	awl_server *server = NULL;
	int r = awl_start_server(fn, arg, host, port, &server);

	if (r < 0)
		fail_msg("%s: %s", awl_strerror(r), awl_error_detail(r));
	return server;
}

static inline awl_server *serve_loopback(awl_connected_fn *fn, void *arg)
{
	return serve_at("127.0.0.1", 0, fn, arg);
}

static inline awl_server *serve_with(const awl_server_options *o, awl_connected_fn *fn, void *arg)
{
	awl_server *server = NULL;
	int r = awl_start_server_with(o, fn, arg, &server);

	if (r < 0)
		fail_msg("%s: %s", awl_strerror(r), awl_error_detail(r));
	return server;
}

/* Closed, its connections gone, and given up. */
static inline void end_server(awl_server *server)
{
	assert_int_equal(awl_server_close(server), 0);
	assert_int_equal(awl_server_close_clients(server), 0);
	assert_int_equal(awl_server_wait_closed(server), 0);
	assert_int_equal(awl_server_connections(server), 0);
	awl_server_unref(server);
}

/* Until it serves so many, whatever the kernel takes for that. */
static inline void until_served(awl_server *server, int count)
{
	while (awl_server_connections(server) != count)
		settle();
}

/* The others come as far as they can by themselves. */
static inline void let_others(void)
{
	assert_int_equal(awl_test_wait_blocked(), 0);
}

/* --- clients --- */

static inline awl_stream *open_to(const char *host, int port)
{
	awl_stream *s = NULL;
	int r = awl_open_connection(host, port, &s);

	if (r < 0)
		fail_msg("%s: %s", awl_strerror(r), awl_error_detail(r));
	return s;
}

static inline awl_stream *client_of(awl_server *server)
{
	return open_to("127.0.0.1", awl_server_port(server));
}

static inline void end_client(awl_stream *s)
{
	assert_int_equal(awl_stream_close(s), 0);
	(void)!awl_stream_wait_closed(s);
	awl_stream_unref(s);
}

static inline void assert_echoes(awl_stream *s, const char *words)
{
	char buf[256];
	size_t n = strlen(words);

	assert_true(n <= sizeof buf);
	assert_int_equal(awl_stream_write_all(s, words, n, NULL), 0);
	assert_int_equal(awl_stream_readexactly(s, buf, n, NULL), 0);
	assert_memory_equal(buf, words, n);
}

/* To the host a client can come, and is served by an echo. */
static inline void assert_serves(const char *host, int port)
{
	awl_stream *s = open_to(host, port);

	assert_echoes(s, "hello");
	end_client(s);
}

/* A client that comes, is served or not, and resets. */
static inline void come_and_reset(awl_server *server, bool served)
{
	awl_stream *s = client_of(server);

	if (served)
		assert_echoes(s, "hello");
	assert_int_equal(awl_stream_abort(s), 0);
	end_client(s);
}

/* The other end is gone, in whatever way. */
static inline void assert_gone(awl_stream *s)
{
	char c;
	int r = awl_stream_read(s, &c, 1);

	assert_true(r == 0 || r == -ECONNRESET || r == -EPIPE);
}

/* --- what must not be left --- */

/* Of the process; not what another loop that is just going has beside them. */
static inline int sockets_open(awl_loop *l)
{
	struct dirent *e;
	int n = 0;
	DIR *d;

	if (is_sim(l))
		return descriptors(l);
	d = opendir("/proc/self/fd");
	assert_non_null(d);
	while ((e = readdir(d))) {
		char to[16] = "";

		n += readlinkat(dirfd(d), e->d_name, to, sizeof to - 1) > 0 &&
			!strncmp(to, "socket:", 7);
	}
	closedir(d);
	return n;
}

/* After the body the loop has what it had before it. */
struct leaving_nothing {
	awl_fn *body;
	void *arg;
};

static inline int run_leaving_nothing(void *arg)
{
	struct leaving_nothing *run = arg;
	awl_loop *l = here();
	uint32_t kept = l->kept;
	int before = sockets_open(l), r;

	r = run->body(run->arg);
	assert_int_equal(awl_test_wait_blocked(), 0);
	assert_int_equal(l->kept, kept);
	assert_int_equal(l->live, 1);
	assert_true(awl__list_empty(&l->open[AWL__OPEN_STREAMS].all));
	assert_int_equal(sockets_open(l), before);
	return r;
}

/* On the real reactors once, on sim by several seeds. */
static inline void cleanly(awl_fn *body, void *arg)
{
	struct leaving_nothing run = { body, arg };
	uint64_t seeds = test_is_on_sim() ? 12 : 0;

	for (uint64_t seed = 0; seed <= seeds; seed++) {
		awl_loop_options o = { .seed = seed };
		int r = awl_run_with(&o, run_leaving_nothing, &run);

		if (r < 0)
			fail_msg("seed %d: %s", (int)seed, awl_strerror(r));
	}
}

/* In virtual time, nothing perturbed. */
static inline void exactly(awl_fn *body, void *arg)
{
	struct leaving_nothing run = { body, arg };

	assert_int_equal(awl_test_run(0, run_leaving_nothing, &run), 0);
}

#endif
