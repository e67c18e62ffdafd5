/* SPDX-License-Identifier: MIT */
/*
 * datagram.c - the life of a datagram endpoint: opened, closed, given up, and the end of those that
 * a loop still has when it closes.
 */
#include "net/datagram.h"
#include "base/alloc.h"
#include "net/literal.h"

#include <awl/names.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* --- making ----------------------------------------------------------------------------------- */

static void end_all(awl_loop *l);

/* Around a datagram socket, which is its own afterwards. */
static int datagram_new(
	awl_loop *l, int fd, int family, bool connected, const void *place, awl_datagram **ret)
{
	awl_datagram *d = awl__alloc_zero(sizeof *d);
	int r = d ? awl__reactor_own(l->reactor, fd) : -ENOMEM;

	if (r < 0) {
		awl__free(d);
		return r;
	}
	d->loop = l;
	d->refs = 1;
	d->fd = fd;
	d->family = family;
	d->connected = connected;
	d->place = l->debug ? place : NULL;
	awl__list_init(&d->waits);
	awl__list_init(&d->closers);
	awl__list_push(&l->open[AWL__OPEN_DATAGRAMS].all, &d->link);
	l->open[AWL__OPEN_DATAGRAMS].end = end_all;
	l->kept++;
	*ret = d;
	return 0;
}

static void datagram_free(awl_datagram *d)
{
	awl_loop *l = d->loop;

	awl__free(d);
	if (--l->kept == 0 && awl__unlikely(l->outlived))
		awl__loop_orphaned(l);
}

/* One of the two ends that the options name. */
struct end {
	struct sockaddr_storage addr; /* of no family: none is named */
	socklen_t len;
};

static int unix_end(const char *path, struct end *ret)
{
	struct sockaddr_un *un = (struct sockaddr_un *)&ret->addr;
	size_t len = strlen(path), zero = path[0] != '@';

	if (!len || len + zero > sizeof un->sun_path)
		return awl__fail(-EINVAL, "awl_datagram_open: a path of 1 to %zu bytes, not %zu",
			sizeof un->sun_path - zero, len);
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, path, len);
	if (!zero)
		un->sun_path[0] = '\0';
	ret->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + zero);
	return 0;
}

static int end_of(const char *host, int port, const char *path, struct end *ret)
{
	*ret = (struct end){ 0 };
	if (path && host)
		return awl__fail(-EINVAL, "awl_datagram_open: both a host and a path");
	if (path)
		return unix_end(path, ret);
	if (host)
		return awl_address(host, port, &ret->addr, &ret->len);
	if (port)
		return awl__fail(-EINVAL, "awl_datagram_open: a port without a host");
	return 0;
}

static int family_of(
	const awl_datagram_options *o, const struct end *local, const struct end *remote, int *ret)
{
	int a = local->addr.ss_family, b = remote->addr.ss_family;

	if (a && b && a != b)
		return awl__fail(-EINVAL, "awl_datagram_open: the ends are of different families");
	*ret = a ? a : b ? b : o->family;
	if (*ret != AF_INET && *ret != AF_INET6 && *ret != AF_UNIX)
		return awl__fail(-EINVAL, "awl_datagram_open: neither an address nor a family");
	return 0;
}

static int switch_on(awl_loop *l, int fd, int level, int name, bool on)
{
	int value = on;

	return l->reactor->class->net->setopt(l->reactor, fd, level, name, &value, sizeof value);
}

static int set_options(awl_loop *l, int fd, int family, uint64_t flags)
{
	int r = 0;

	if (flags & AWL_DATAGRAM_BROADCAST)
		r = switch_on(l, fd, SOL_SOCKET, SO_BROADCAST, true);
	if (r == 0 && flags & AWL_DATAGRAM_REUSE_PORT)
		r = switch_on(l, fd, SOL_SOCKET, SO_REUSEPORT, true);
	if (r == 0 && flags & AWL_DATAGRAM_REUSE_ADDRESS)
		r = switch_on(l, fd, SOL_SOCKET, SO_REUSEADDR, true);
	if (r == 0 && family == AF_INET6)
		r = switch_on(l, fd, IPPROTO_IPV6, IPV6_V6ONLY, !(flags & AWL_DATAGRAM_V4_MAPPED));
	return r;
}

/* Nobody has it who could be asked: whoever bound to a path leaves it behind. */
static void remove_stale(const awl_loop *l, const struct end *e)
{
	const struct sockaddr_un *un = (const struct sockaddr_un *)&e->addr;
	struct stat st;

	if (l->virtual_time || un->sun_family != AF_UNIX || !un->sun_path[0])
		return;
	if (lstat(un->sun_path, &st) == 0 && S_ISSOCK(st.st_mode))
		unlink(un->sun_path);
}

static int told(int r, const char *what, const struct end *e)
{
	char text[AWL_ADDRESS_TEXT];

	return r < 0 ? awl__fail(r, "awl_datagram_open: %s %s: %s", what,
			       awl_address_text((const struct sockaddr *)&e->addr, e->len, text,
				       sizeof text),
			       awl_strerror(r))
		     : 0;
}

/* Of datagrams it never waits: an address is written down. */
static int connect_to(awl_loop *l, int fd, const struct end *e)
{
	struct awl__op op = { .kind = AWL__OP_CONNECT,
		.fd = fd,
		.u.connect = { (const struct sockaddr *)&e->addr, e->len } };

	return awl__reactor_try(l->reactor, &op);
}

static int set_up(awl_loop *l, int fd, int family, uint64_t flags, const struct end *local,
	const struct end *remote)
{
	int r = set_options(l, fd, family, flags);

	if (r == 0 && local->len) {
		remove_stale(l, local);
		r = told(l->reactor->class->net->bind(
				 l->reactor, fd, (const struct sockaddr *)&local->addr, local->len),
			"bind to", local);
	}
	if (r == 0 && remote->len)
		r = told(connect_to(l, fd, remote), "connect to", remote);
	return r;
}

int awl_datagram_open(const awl_datagram_options *options, awl_datagram **ret)
{
	static const uint64_t known = AWL_DATAGRAM_BROADCAST | AWL_DATAGRAM_REUSE_PORT |
		AWL_DATAGRAM_REUSE_ADDRESS | AWL_DATAGRAM_V4_MAPPED;
	const awl_datagram_options *o = options;
	awl_loop *l = awl__thread->running;
	struct end local, remote;
	int family = 0, fd, r;

	AWL__NOT_NULL(o);
	AWL__NOT_NULL(ret);
	if (!l)
		return awl__fail(AWL_ENOLOOP, "%s: %s", __func__, awl_strerror(AWL_ENOLOOP));
	if (o->flags & ~known)
		return awl__fail(-EINVAL, "%s: flags are enum awl_datagram_flags", __func__);
	r = end_of(o->local_host, o->local_port, o->local_path, &local);
	if (r == 0)
		r = end_of(o->remote_host, o->remote_port, o->remote_path, &remote);
	if (r == 0)
		r = family_of(o, &local, &remote, &family);
	if (r < 0)
		return r;
	fd = l->reactor->class->net->socket(l->reactor, family, SOCK_DGRAM, 0);
	if (fd < 0)
		return fd;
	r = set_up(l, fd, family, o->flags, &local, &remote);
	if (r == 0)
		r = datagram_new(l, fd, family, remote.len > 0, __builtin_return_address(0), ret);
	if (r < 0)
		l->reactor->class->net->close(l->reactor, fd);
	return r;
}

static int option(awl_loop *l, int fd, int name, int *ret)
{
	socklen_t len = sizeof *ret;

	return l->reactor->class->net->getopt(l->reactor, fd, SOL_SOCKET, name, ret, &len);
}

int awl_datagram_from_fd(int fd, awl_datagram **ret)
{
	awl_loop *l = awl__thread->running;
	struct sockaddr_storage peer;
	socklen_t len = sizeof peer;
	int r, type, family, flags;
	bool connected;

	AWL__NOT_NULL(ret);
	if (!l)
		return awl__fail(AWL_ENOLOOP, "%s: %s", __func__, awl_strerror(AWL_ENOLOOP));
	r = option(l, fd, SO_TYPE, &type);
	if (r == 0)
		r = option(l, fd, SO_DOMAIN, &family);
	if (r < 0)
		return r;
	if (type != SOCK_DGRAM)
		return awl__fail(-EINVAL, "%s: descriptor %d is no datagram socket", __func__, fd);
	connected = l->reactor->class->net->name(
			    l->reactor, fd, true, (struct sockaddr *)&peer, &len) == 0;
	r = datagram_new(l, fd, family, connected, __builtin_return_address(0), ret);
	if (r == -EBUSY)
		return awl__fail(r, "%s: descriptor %d has an owner already", __func__, fd);
	if (r == 0 && !l->virtual_time && (flags = fcntl(fd, F_GETFL)) >= 0)
		fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	return r;
}

/* --- its end ---------------------------------------------------------------------------------- */

static void finish(awl_datagram *d)
{
	d->closed = true;
	awl__list_remove(&d->link);
	awl__reactor_disown(d->loop->reactor, d->fd);
	awl__datagram_net(d)->close(d->loop->reactor, d->fd);
	awl__wake_each(&d->closers);
}

void awl__datagram_settle(awl_datagram *d)
{
	if (!d->closed && awl__list_empty(&d->waits))
		finish(d);
	if (d->closed && !d->refs && !d->inside)
		datagram_free(d);
}

static void close_now(awl_datagram *d)
{
	if (d->closing)
		return;
	d->closing = true;
	awl__list_each (node, &d->waits)
		awl__task_op_close(&awl__container(node, struct awl__datagram_wait, link)->o);
	awl__datagram_settle(d);
}

static AWL__COLD void report(const awl_datagram *d, const char *how)
{
	char place[128];

	awl__report(AWL_LOG_WARNING, "datagram endpoint %p (descriptor %d) %s%s%s", (const void *)d,
		d->fd, how, d->place ? "; made in " : "",
		d->place ? awl__place(d->place, place, sizeof place) : "");
}

int awl_datagram_close(awl_datagram *d)
{
	AWL__NOT_NULL(d);
	AWL__CLAIM(d->loop, AWL__BY_CALLBACK);
	close_now(d);
	return 0;
}

/* All tasks have ended: nothing is in flight. */
static void end_all(awl_loop *l)
{
	while (!awl__list_empty(&l->open[AWL__OPEN_DATAGRAMS].all)) {
		awl_datagram *d =
			awl__container(l->open[AWL__OPEN_DATAGRAMS].all.next, awl_datagram, link);

		if (l->debug)
			report(d, "is still open as its loop closes: it is closed");
		close_now(d);
	}
}

awl_datagram *awl_datagram_ref(awl_datagram *d)
{
	if (!d)
		return NULL;
	AWL__CLAIM_READ(d->loop, AWL__BY_CALLBACK, NULL);
	d->refs++;
	return d;
}

static void unref(awl_datagram *d)
{
	if (--d->refs)
		return;
	if (d->closing) {
		awl__datagram_settle(d);
		return;
	}
	report(d, "was never closed: awl_datagram_close it");
	close_now(d);
}

/* The claim is given back when the loop may be gone with its last handle: kept until then. */
void awl_datagram_unref(awl_datagram *d)
{
	static struct awl__call call = { "awl_datagram_unref", AWL__BY_CALLBACK, 0, 0 };
	struct awl__claim claim;
	awl_loop *l;

	if (!d || awl__claim_begin(&claim, d->loop, &call, true) < 0)
		return;
	l = awl_loop_ref(d->loop);
	unref(d);
	awl__claim_end(&claim);
	awl__loop_release(l);
}

static int wait_closed(awl_datagram *d, struct awl__task *t)
{
	int r = 0;

	while (r == 0 && !d->closed)
		r = awl__wait_in(t, &d->closers, AWL__WAITS_STREAM, d);
	return r;
}

int awl_datagram_wait_closed(awl_datagram *d)
{
	int r;

	AWL__DATAGRAM_TASK(d, t);
	d->inside++;
	r = wait_closed(d, t);
	d->inside--;
	if (d->closed)
		awl__datagram_settle(d);
	return r;
}

int awl_datagram_is_closing(awl_datagram *d)
{
	AWL__NOT_NULL(d);
	AWL__CLAIM_READ(d->loop, AWL__BY_CALLBACK, claimed_);
	return d->closing;
}

/* --- what it is ------------------------------------------------------------------------------- */

static int dead(const char *call)
{
	return awl__fail(AWL_EDEAD, "%s: the endpoint is closed", call);
}

static int name(awl_datagram *d, bool peer, struct sockaddr *addr, socklen_t *len, const char *call)
{
	if (d->closing)
		return dead(call);
	return awl__datagram_net(d)->name(d->loop->reactor, d->fd, peer, addr, len);
}

int awl_datagram_getsockname(awl_datagram *d, struct sockaddr *addr, socklen_t *len)
{
	AWL__NOT_NULL(d);
	AWL__NOT_NULL(addr);
	AWL__NOT_NULL(len);
	AWL__CLAIM(d->loop, AWL__BY_CALLBACK);
	return name(d, false, addr, len, __func__);
}

int awl_datagram_getpeername(awl_datagram *d, struct sockaddr *addr, socklen_t *len)
{
	AWL__NOT_NULL(d);
	AWL__NOT_NULL(addr);
	AWL__NOT_NULL(len);
	AWL__CLAIM(d->loop, AWL__BY_CALLBACK);
	return name(d, true, addr, len, __func__);
}

int awl_datagram_fd(awl_datagram *d)
{
	AWL__NOT_NULL(d);
	AWL__CLAIM(d->loop, AWL__BY_CALLBACK);
	return d->closing ? dead(__func__) : d->fd;
}
