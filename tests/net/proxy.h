/* SPDX-License-Identifier: MIT */
/*
 * proxy.h - a loopback proxy that does harm: it lets so many bytes of a message pass, one way or
 * the other, and then cuts the connection, resets it, or lets the rest come byte by byte.
 *
 * What passes is one request of MESSAGE bytes and one answer of as many.
 */
#ifndef TEST_PROXY_H
#define TEST_PROXY_H

#include "clients.h"

#define MESSAGE 24

enum harm { TRUNCATE, RESET, DELAY };

struct proxy {
	awl_server *server;
	int to; /* the port of who is behind it */
	enum harm harm;
	bool in_the_answer; /* and not in the request */
	int after; /* so many bytes */
	int failed; /* with what the other side was left */
};

static inline int pass(awl_stream *to, const char *bytes, int n)
{
	return awl_stream_write_all(to, bytes, (size_t)n, NULL);
}

static inline int pass_slowly(awl_stream *to, const char *bytes, int n)
{
	int r = 0;

	for (int i = 0; r == 0 && i < n; i++) {
		r = pass(to, bytes + i, 1);
		if (r == 0)
			r = awl_sleep(10 * AWL_US);
	}
	return r;
}

/* 0: the message has passed; 1: it was harmed, and that was all. */
static inline int carry(struct proxy *p, awl_stream *from, awl_stream *to, bool harmed)
{
	char bytes[MESSAGE];
	int r = awl_stream_readexactly(from, bytes, sizeof bytes, NULL);

	if (r < 0)
		return r;
	r = pass(to, bytes, harmed ? p->after : MESSAGE);
	if (r < 0 || !harmed)
		return r;
	if (p->harm == DELAY)
		return pass_slowly(to, bytes + p->after, MESSAGE - p->after);
	if (p->harm == RESET)
		awl_stream_abort(to);
	else
		awl_stream_close(to);
	(void)!awl_stream_wait_closed(to);
	return 1;
}

static inline int proxy_connection(awl_stream *client, void *arg)
{
	struct proxy *p = arg;
	awl_stream *behind = open_to("127.0.0.1", p->to);
	int r = carry(p, client, behind, !p->in_the_answer);

	if (r == 0)
		r = carry(p, behind, client, p->in_the_answer);
	if (r == 0)
		r = awl_stream_read(client, (char[1]){ 0 }, 1); /* until the client is content */
	p->failed = r;
	end_client(behind);
	return 0;
}

static inline void begin_proxy(struct proxy *p, awl_server *behind)
{
	p->to = awl_server_port(behind);
	p->server = serve_loopback(proxy_connection, p);
}

static inline void end_proxy(struct proxy *p)
{
	end_server(p->server);
}

#endif
