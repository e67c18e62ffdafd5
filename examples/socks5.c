/* SPDX-License-Identifier: MIT */
/*
 * socks5.c - a SOCKS5 proxy (RFC 1928) on loopback, without authentication: socks5 PORT. It
 * connects to IPv4, to IPv6 and to names, which it looks up itself; what went wrong is told in the
 * protocol's own words.
 */
#include <arpa/inet.h>
#include <awl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VERSION = 5, CONNECT = 1, NO_AUTHENTICATION = 0, NOTHING_ACCEPTABLE = 0xff };
enum { IPV4 = 1, NAME = 3, IPV6 = 4 };
enum reply {
	SUCCEEDED,
	FAILED,
	NOT_ALLOWED,
	NETWORK_UNREACHABLE,
	HOST_UNREACHABLE,
	REFUSED,
	EXPIRED,
	NO_SUCH_COMMAND,
	NO_SUCH_ADDRESS_TYPE,
};

static enum reply reply_of(int err)
{
	switch (err) {
	case 0:
		return SUCCEEDED;
	case -ECONNREFUSED:
		return REFUSED;
	case -ENETUNREACH:
		return NETWORK_UNREACHABLE;
	case -EHOSTUNREACH:
	case AWL_ENONAME:
	case AWL_ENAMESERVER:
		return HOST_UNREACHABLE;
	case -ETIMEDOUT:
		return EXPIRED;
	case -EACCES:
	case -EPERM:
		return NOT_ALLOWED;
	case -EOPNOTSUPP:
		return NO_SUCH_COMMAND;
	case -EAFNOSUPPORT:
		return NO_SUCH_ADDRESS_TYPE;
	default:
		return FAILED;
	}
}

static int get(awl_stream *s, void *buf, size_t len)
{
	return awl_stream_readexactly(s, buf, len, NULL);
}

/* The client offers ways to authenticate; we take none of them. */
static int greet(awl_stream *s)
{
	unsigned char head[2], ways[255], answer[2] = { VERSION, NOTHING_ACCEPTABLE };
	int r = get(s, head, 2);

	if (r == 0)
		r = head[0] == VERSION ? get(s, ways, head[1]) : -EPROTO;
	if (r < 0)
		return r;
	if (memchr(ways, NO_AUTHENTICATION, head[1]))
		answer[1] = NO_AUTHENTICATION;
	r = awl_stream_write_all(s, answer, 2, NULL);
	return r < 0 || answer[1] == NO_AUTHENTICATION ? r : -EPROTO;
}

/* Where to: -EOPNOTSUPP, -EAFNOSUPPORT are to be answered. */
static int read_target(awl_stream *s, char host[256], int *port)
{
	unsigned char head[4], len = 0, address[16], number[2] = { 0 };
	int r = get(s, head, 4);

	if (r < 0 || head[0] != VERSION)
		return r < 0 ? r : -EPROTO;
	switch (head[3]) {
	case IPV4:
	case IPV6:
		r = get(s, address, head[3] == IPV4 ? 4 : 16);
		inet_ntop(head[3] == IPV4 ? AF_INET : AF_INET6, address, host, 256);
		break;
	case NAME:
		r = get(s, &len, 1);
		if (r == 0)
			r = get(s, host, len);
		host[len] = '\0';
		break;
	default:
		return -EAFNOSUPPORT;
	}
	if (r == 0)
		r = get(s, number, 2);
	*port = number[0] << 8 | number[1];
	return r < 0 || head[1] == CONNECT ? r : -EOPNOTSUPP;
}

/* And from which address we have connected, if we have. */
static int answer(awl_stream *s, int err, awl_stream *target)
{
	unsigned char words[22] = { VERSION, (unsigned char)reply_of(err), 0, IPV4 };
	struct sockaddr_storage own = { .ss_family = AF_INET };
	socklen_t size = sizeof own;
	size_t len = 4;

	if (target)
		awl_stream_getsockname(target, (struct sockaddr *)&own, &size);
	if (own.ss_family == AF_INET6) {
		struct sockaddr_in6 *a = (struct sockaddr_in6 *)&own;

		words[3] = IPV6;
		memcpy(words + len, &a->sin6_addr, 16);
		memcpy(words + len + 16, &a->sin6_port, 2);
		len += 18;
	} else {
		struct sockaddr_in *a = (struct sockaddr_in *)&own;

		memcpy(words + len, &a->sin_addr, 4);
		memcpy(words + len + 4, &a->sin_port, 2);
		len += 6;
	}
	return awl_stream_write_all(s, words, len, NULL);
}

static int proxy(awl_stream *s, void *arg)
{
	const awl_connect_options patience = { .timeout = 30 * AWL_SEC };
	awl_stream *target = NULL;
	int port = 0, r, told;
	char host[256];

	(void)arg;
	r = greet(s);
	if (r < 0)
		return r == -EPROTO || r == AWL_EINCOMPLETE ? 0 : r;
	r = read_target(s, host, &port);
	if (r == 0)
		r = awl_open_connection_with(&patience, host, port, &target);
	if (r == AWL_ECANCELED)
		return r;
	told = answer(s, r, target);
	if (!target)
		return told;
	r = told < 0 ? told : awl_copy_both(s, target, NULL, NULL);
	awl_stream_close(target);
	awl_stream_unref(target);
	return r == -ECONNRESET || r == -EPIPE ? 0 : r;
}

static int serve(void *port)
{
	awl_server *server;
	int r = awl_start_server(proxy, NULL, "127.0.0.1", atoi(port), &server);

	if (r < 0)
		return r;
	printf("listening on 127.0.0.1 %d\n", awl_server_port(server));
	fflush(stdout);
	r = awl_server_serve_forever(server);
	awl_server_unref(server);
	return r;
}

int main(int argc, char **argv)
{
	awl_runner runner = { .shutdown_timeout = AWL_SEC };
	int r = awl_runner_run(&runner, serve, argc > 1 ? argv[1] : "1080");

	return awl_runner_close(&runner) < 0 || (r < 0 && r != -EINTR);
}
