/* SPDX-License-Identifier: MIT */
/*
 * sockets.h - sockets for tests, the same on every reactor: listeners and connections at loopback,
 * and what must not be left behind.
 */
#ifndef TEST_SOCKETS_H
#define TEST_SOCKETS_H

#include "support.h"

#include "reactor/sim.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/un.h>

static inline struct sockaddr_in loopback(int port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
}

#define ADDRESS(a) ((struct sockaddr *)&(a))

/* At a port of the system's choice, which is in *at. */
static inline int listener(struct sockaddr_in *at, int backlog)
{
	socklen_t len = sizeof *at;
	int fd = awl_socket(AF_INET, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	*at = loopback(0);
	assert_int_equal(awl_sock_bind(fd, ADDRESS(*at), sizeof *at), 0);
	assert_int_equal(awl_sock_listen(fd, backlog), 0);
	assert_int_equal(awl_sock_getsockname(fd, ADDRESS(*at), &len), 0);
	return fd;
}

/* An abstract one, of this process alone. */
static inline struct sockaddr_un local_address(socklen_t *len)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	snprintf(at.sun_path + 1, sizeof at.sun_path - 1, "awl-test-%d", (int)getpid());
	*len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(at.sun_path + 1));
	return at;
}

static inline int dial(const struct sockaddr_in *at)
{
	int fd = awl_socket(AF_INET, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	assert_int_equal(awl_sock_connect(fd, (const struct sockaddr *)at, sizeof *at), 0);
	return fd;
}

/* fds[0] connected to fds[1]. */
static inline void tcp_pair(int fds[2])
{
	struct sockaddr_in at;
	int l = listener(&at, 1);

	fds[0] = dial(&at);
	fds[1] = awl_sock_accept(l, NULL, NULL);
	assert_true(fds[1] >= 0);
	assert_int_equal(awl_sock_close(l), 0);
}

static inline void unix_pair(int fds[2])
{
	assert_int_equal(awl_socketpair(AF_UNIX, SOCK_STREAM, fds), 0);
}

/* Each at a port of the system's choice, which is in at. */
static inline void udp_sockets(int fds[2], struct sockaddr_in at[2])
{
	for (int i = 0; i < 2; i++) {
		socklen_t len = sizeof *at;

		fds[i] = awl_socket(AF_INET, SOCK_DGRAM, 0);
		assert_true(fds[i] >= 0);
		at[i] = loopback(0);
		assert_int_equal(awl_sock_bind(fds[i], ADDRESS(at[i]), len), 0);
		assert_int_equal(awl_sock_getsockname(fds[i], ADDRESS(at[i]), &len), 0);
	}
}

static inline void udp_pair(int fds[2])
{
	struct sockaddr_in at[2];

	udp_sockets(fds, at);
	for (int i = 0; i < 2; i++)
		assert_int_equal(awl_sock_connect(fds[i], ADDRESS(at[!i]), sizeof *at), 0);
}

static inline void close_both(const int fds[2])
{
	assert_int_equal(awl_sock_close(fds[0]), 0);
	assert_int_equal(awl_sock_close(fds[1]), 0);
}

/* The peer sees a reset. */
static inline void reset(int fd)
{
	struct linger at_once = { 1, 0 };

	assert_int_equal(
		awl_sock_setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
	assert_int_equal(awl_sock_close(fd), 0);
}

/* Until what a closing or resetting peer has sent is here, and nobody else has anything to do. */
static inline void settle(void)
{
	assert_int_equal(awl_sleep(AWL_MS), 0);
}

/* Receives once, and says what it got. */
struct receiver {
	int fd, got;
	char bytes[8];
};

static inline int receive(void *arg)
{
	struct receiver *r = arg;

	return r->got = awl_sock_recv(r->fd, r->bytes, sizeof r->bytes, 0);
}

/*
 * How many descriptors there are: the process's, or the simulated ones. What a reactor makes for
 * itself, when it needs it, does not count.
 */
static inline int descriptors(awl_loop *l)
{
	struct dirent *e;
	char what[5];
	int n = 0;
	DIR *d;

	if (is_sim(l))
		return (int)((struct awl__sim *)l->reactor)->used;
	d = opendir("/proc/self/fd");
	assert_non_null(d);
	while ((e = readdir(d)))
		n += readlinkat(dirfd(d), e->d_name, what, sizeof what) == sizeof what &&
			memcmp(what, "anon_", sizeof what) != 0;
	closedir(d);
	return n;
}

#endif
