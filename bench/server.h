/* SPDX-License-Identifier: MIT */
/*
 * server.h - what the echo servers in C share: `program BUFFER` listens at a port of 127.0.0.1 that
 * the system chooses, says which, "port" and its number, and serves until it is killed. BUFFER is
 * how much is read at once, in bytes.
 */
#ifndef SERVER_H
#define SERVER_H

#include "bench.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

static inline size_t server_buffer(int argc, char **argv)
{
	long len = argc > 1 ? atol(argv[1]) : 0;

	bench_check(len > 0);
	return (size_t)len;
}

static inline void server_say_port(int port)
{
	printf("port\t%d\n", port);
	fflush(stdout);
}

static inline int server_listen(int flags)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof(addr);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);

	bench_check(fd >= 0 && bind(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0);
	bench_check(listen(fd, 4096) == 0);
	bench_check(getsockname(fd, (struct sockaddr *)&addr, &len) == 0);
	server_say_port(ntohs(addr.sin_port));
	return fd;
}

static inline void server_no_delay(int fd)
{
	int one = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

#endif
