/* SPDX-License-Identifier: MIT */
/*
 * net_system.c - what is done with sockets and never waits, by the system's calls.
 */
#include "reactor/owner.h"
#include "reactor/reactor.h"

#include <awl/errors.h>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#define FLAGS (SOCK_NONBLOCK | SOCK_CLOEXEC)

static int result(int res)
{
	return res < 0 ? -errno : res;
}

static int net_socket(struct awl__reactor *r, int domain, int type, int protocol)
{
	(void)r;
	return result(socket(domain, type | FLAGS, protocol));
}

static int net_pair(struct awl__reactor *r, int domain, int type, int fds[2])
{
	(void)r;
	return result(socketpair(domain, type | FLAGS, 0, fds));
}

static int net_bind(struct awl__reactor *r, int fd, const struct sockaddr *addr, socklen_t len)
{
	(void)r;
	return result(bind(fd, addr, len));
}

static int net_listen(struct awl__reactor *r, int fd, int backlog)
{
	(void)r;
	return result(listen(fd, backlog));
}

static int net_shutdown(struct awl__reactor *r, int fd, int how)
{
	(void)r;
	return result(shutdown(fd, how));
}

static int net_name(
	struct awl__reactor *r, int fd, bool peer, struct sockaddr *addr, socklen_t *len)
{
	(void)r;
	return result(peer ? getpeername(fd, addr, len) : getsockname(fd, addr, len));
}

static int net_getopt(
	struct awl__reactor *r, int fd, int level, int name, void *value, socklen_t *len)
{
	(void)r;
	return result(getsockopt(fd, level, name, value, len));
}

static int net_setopt(
	struct awl__reactor *r, int fd, int level, int name, const void *value, socklen_t len)
{
	(void)r;
	return result(setsockopt(fd, level, name, value, len));
}

static int net_send_many(struct awl__reactor *r, int fd, struct mmsghdr *messages, unsigned count)
{
	r->syscalls++;
	return result(sendmmsg(fd, messages, count, MSG_DONTWAIT | MSG_NOSIGNAL));
}

/* The number is free whatever close answers: asked again after EINTR it might close another's. */
static int net_close(struct awl__reactor *r, int fd)
{
	int res = close(fd);

	(void)r;
	return res < 0 && errno != EINTR ? -errno : 0;
}

const struct awl__net awl__net_system = {
	.socket = net_socket,
	.pair = net_pair,
	.bind = net_bind,
	.listen = net_listen,
	.shutdown = net_shutdown,
	.name = net_name,
	.getopt = net_getopt,
	.setopt = net_setopt,
	.send_many = net_send_many,
	.close = net_close,
};

int awl__system_own(struct awl__reactor *r, int fd, int like)
{
	if (awl__reactor_inherited(r))
		return AWL_EFORK;
	return like < 0 && fcntl(fd, F_GETFD) < 0 ? -errno : awl__owner_take(fd);
}

void awl__system_disown(struct awl__reactor *r, int fd)
{
	if (!awl__reactor_inherited(r))
		awl__owner_drop(fd);
}

bool awl__system_owned(struct awl__reactor *r, int fd)
{
	(void)r;
	return awl__owner_has(fd);
}
