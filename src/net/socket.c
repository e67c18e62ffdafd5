/* SPDX-License-Identifier: MIT */
/*
 * socket.c - sockets that are made, named, connected and closed: what does not transfer.
 */
#include "net/socket.h"
#include "net/watch.h"

#include <fcntl.h>

awl_loop *awl__sock_loop(int *refusal, const char *call)
{
	awl_loop *l = awl__thread->running;

	if (awl__unlikely(!l))
		*refusal = awl__self_refused(call);
	return l;
}

int awl__sock_task(struct awl__task **ret, int fd, const char *call)
{
	int r = awl__self(ret, call);

	if (r < 0)
		return r;
	return fd < 0 ? -EBADF : awl__wait_begin(*ret);
}

bool awl__sock_blocks(const awl_loop *l, int fd)
{
	int flags;

	if (l->virtual_time)
		return false;
	flags = fcntl(fd, F_GETFL);
	return flags >= 0 && !(flags & O_NONBLOCK);
}

static int not_owned(const awl_loop *l, int fd, const char *call)
{
	return awl__reactor_owned(l->reactor, fd) ? awl__lent_refused(fd, call) : 0;
}

/* --- making and ending --- */

int awl_socket(int domain, int type, int protocol)
{
	AWL__SOCK_LOOP(l);
	return awl__sock_net(l)->socket(l->reactor, domain, type, protocol);
}

int awl_socketpair(int domain, int type, int fds[2])
{
	AWL__NOT_NULL(fds);
	AWL__SOCK_LOOP(l);
	return awl__sock_net(l)->pair(l->reactor, domain, type, fds);
}

int awl_sock_close(int fd)
{
	struct awl__task *t;
	awl_loop *l;
	int r = awl__self(&t, __func__);

	if (r < 0)
		return r;
	if (fd < 0)
		return -EBADF;
	l = awl__task_loop(t);
	r = not_owned(l, fd, __func__);
	if (r < 0)
		return r;
	awl__watches_remove(l, fd);
	r = awl__lent_end(t, fd);
	return r < 0 ? r : awl__sock_net(l)->close(l->reactor, fd);
}

int awl_sock_shutdown(int fd, int how)
{
	int r;

	AWL__SOCK_LOOP(l);
	r = not_owned(l, fd, __func__);
	return r < 0 ? r : awl__sock_net(l)->shutdown(l->reactor, fd, how);
}

/* --- connections --- */

int awl_sock_bind(int fd, const struct sockaddr *addr, socklen_t len)
{
	int r;

	AWL__NOT_NULL(addr);
	AWL__SOCK_LOOP(l);
	r = not_owned(l, fd, __func__);
	return r < 0 ? r : awl__sock_net(l)->bind(l->reactor, fd, addr, len);
}

int awl_sock_listen(int fd, int backlog)
{
	int r;

	AWL__SOCK_LOOP(l);
	r = not_owned(l, fd, __func__);
	return r < 0 ? r : awl__sock_net(l)->listen(l->reactor, fd, backlog);
}

/* accept(2) and connect(2) have no flag for one call that must not block. */
static int check_blocking(const awl_loop *l, int fd, const char *call)
{
	if (awl__likely(!awl__sock_blocks(l, fd)))
		return 0;
	return awl__fail(-EINVAL,
		"%s: descriptor %d is a blocking one: set O_NONBLOCK, or make it with awl_socket",
		call, fd);
}

int awl_sock_accept(int fd, struct sockaddr *addr, socklen_t *len)
{
	struct awl__task_op o = { .op = { .kind = AWL__OP_ACCEPT, .fd = fd } };
	int r;

	if (addr && !len)
		return awl__fail(-EINVAL, "%s: an address without a length", __func__);
	AWL__SOCK_TASK(t, fd);
	r = check_blocking(awl__task_loop(t), fd, __func__);
	if (r < 0)
		return r;
	o.op.u.accept.addr = addr;
	o.op.u.accept.len = addr ? len : NULL;
	return awl__lent_op_run(t, &o, __func__);
}

int awl_sock_connect(int fd, const struct sockaddr *addr, socklen_t len)
{
	struct awl__task_op o = { .op = { .kind = AWL__OP_CONNECT, .fd = fd } };
	int r;

	AWL__NOT_NULL(addr);
	AWL__SOCK_TASK(t, fd);
	r = check_blocking(awl__task_loop(t), fd, __func__);
	if (r < 0)
		return r;
	o.op.u.connect.addr = addr;
	o.op.u.connect.len = len;
	return awl__lent_op_run(t, &o, __func__);
}

/* --- what it is --- */

static int name(int fd, bool peer, struct sockaddr *addr, socklen_t *len, const char *call)
{
	int r;
	awl_loop *l = awl__sock_loop(&r, call);

	if (!l)
		return r;
	if (!addr || !len)
		return awl__fail(-EINVAL, "%s: no place for the address", call);
	return awl__sock_net(l)->name(l->reactor, fd, peer, addr, len);
}

int awl_sock_getsockname(int fd, struct sockaddr *addr, socklen_t *len)
{
	return name(fd, false, addr, len, __func__);
}

int awl_sock_getpeername(int fd, struct sockaddr *addr, socklen_t *len)
{
	return name(fd, true, addr, len, __func__);
}

int awl_sock_getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
	AWL__NOT_NULL(len);
	AWL__SOCK_LOOP(l);
	return awl__sock_net(l)->getopt(l->reactor, fd, level, name, value, len);
}

int awl_sock_setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	AWL__SOCK_LOOP(l);
	return awl__sock_net(l)->setopt(l->reactor, fd, level, name, value, len);
}

int awl_sock_peer_credentials(int fd, awl_credentials *ret)
{
	struct ucred c;
	socklen_t len = sizeof c;
	int r;

	AWL__NOT_NULL(ret);
	AWL__SOCK_LOOP(l);
	r = awl__sock_net(l)->getopt(l->reactor, fd, SOL_SOCKET, SO_PEERCRED, &c, &len);
	if (r < 0)
		return r;
	*ret = (awl_credentials){ c.pid, c.uid, c.gid };
	return 0;
}
