/* SPDX-License-Identifier: MIT */
/*
 * sim_net.c - what is done with simulated sockets at once: making them, names, options, the halves
 * that are shut.
 */
#include "reactor/sim_socket.h"

#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#define BUFFER_MIN 2304 /* as the kernel's, which doubles what is asked for */

void awl__sim_socket_init(struct awl__sim *s, struct awl__sim_socket *k,
	const struct awl__sim_kind *kind, int domain, int type)
{
	static const int at_first[AWL__SIM_OPTION_COUNT] = {
#define X(name, level, option, value) value,
		AWL__SIM_OPTIONS(X)
#undef X
	};

	awl__sim_file_init(s, &k->file, kind);
	awl__list_init(&k->bound);
	memcpy(k->options, at_first, sizeof at_first);
	k->domain = domain;
	k->type = type;
	if (!s->host || s->host(&k->host) <= 0)
		k->host = awl__sim_localhost;
	k->far = k->host;
}

/* NULL, and why. */
static struct awl__sim_socket *socket_at(struct awl__reactor *r, int fd, int *err)
{
	struct awl__sim_file *f = awl__sim_file_at((struct awl__sim *)r, fd);

	*err = f ? -ENOTSOCK : -EBADF;
	return f && f->kind->is_socket ? awl__sim_socket_of(f) : NULL;
}

static int new_number(struct awl__sim *s, struct awl__sim_socket *k)
{
	int fd = awl__sim_number_new(s, &k->file);

	if (fd < 0)
		awl__sim_file_drop(s, &k->file);
	return fd;
}

static int sim_socket(struct awl__reactor *r, int domain, int type, int protocol)
{
	struct awl__sim *s = (struct awl__sim *)r;
	struct awl__sim_socket *k;
	int fd;

	(void)protocol;
	type &= ~(SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (domain != AF_INET && domain != AF_INET6 && domain != AF_UNIX)
		return -EAFNOSUPPORT;
	if (type != SOCK_STREAM && type != SOCK_DGRAM)
		return -ESOCKTNOSUPPORT;
	k = type == SOCK_STREAM ? awl__sim_stream_new(s, domain) : awl__sim_dgram_new(s, domain);
	if (!k)
		return -ENOMEM;
	fd = new_number(s, k);
	awl__sim_settle(s);
	return fd;
}

static int sim_pair(struct awl__reactor *r, int domain, int type, int fds[2])
{
	struct awl__sim *s = (struct awl__sim *)r;
	struct awl__sim_socket *k[2];
	int made[2], err;

	type &= ~(SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (domain != AF_UNIX)
		return -EOPNOTSUPP;
	if (type != SOCK_STREAM && type != SOCK_DGRAM)
		return -ESOCKTNOSUPPORT;
	err = type == SOCK_STREAM ? awl__sim_stream_pair(s, k) : awl__sim_dgram_pair(s, k);
	if (err == 0) {
		made[0] = new_number(s, k[0]);
		made[1] = new_number(s, k[1]);
		err = made[0] < 0 ? made[0] : made[1] < 0 ? made[1] : 0;
		for (int i = 0; i < 2; i++)
			if (err == 0)
				fds[i] = made[i];
			else if (made[i] >= 0)
				awl__sim_number_close(s, made[i]);
	}
	awl__sim_settle(s);
	return err;
}

static int sim_bind(struct awl__reactor *r, int fd, const struct sockaddr *addr, socklen_t len)
{
	int err;
	struct awl__sim_socket *k = socket_at(r, fd, &err);
	struct awl__sim_address a;

	if (!k)
		return err;
	err = awl__sim_address_read(&a, k->domain, addr, len);
	return err < 0 ? err : awl__sim_bind((struct awl__sim *)r, k, &a);
}

static int sim_listen(struct awl__reactor *r, int fd, int backlog)
{
	int err;
	struct awl__sim_socket *k = socket_at(r, fd, &err);

	if (!k)
		return err;
	if (k->type != SOCK_STREAM)
		return -EOPNOTSUPP;
	return awl__sim_listen((struct awl__sim *)r, k, backlog);
}

static int sim_shutdown(struct awl__reactor *r, int fd, int how)
{
	struct awl__sim *s = (struct awl__sim *)r;
	int err;
	struct awl__sim_socket *k = socket_at(r, fd, &err);

	if (!k)
		return err;
	err = k->type == SOCK_STREAM ? awl__sim_stream_shutdown(s, k, how)
				     : awl__sim_dgram_shutdown(s, k, how);
	awl__sim_settle(s);
	return err;
}

static int sim_name(
	struct awl__reactor *r, int fd, bool peer, struct sockaddr *addr, socklen_t *len)
{
	int err;
	struct awl__sim_socket *k = socket_at(r, fd, &err);
	bool known;

	if (!k)
		return err;
	known = k->type == SOCK_STREAM ? awl__sim_is_connected(k) : k->remote.family != 0;
	if (peer && !known)
		return -ENOTCONN;
	awl__sim_address_write(peer ? &k->remote : &k->local, k->domain, addr, len);
	return 0;
}

/* --- options --- */

/* Of its protocol, or of all sockets'. */
static bool has_level(const struct awl__sim_socket *k, int level)
{
	switch (level) {
	case SOL_SOCKET:
		return true;
	case IPPROTO_IP:
		return k->domain != AF_UNIX;
	case IPPROTO_IPV6:
		return k->domain == AF_INET6;
	case IPPROTO_TCP:
		return k->domain != AF_UNIX && k->type == SOCK_STREAM;
	default:
		return false;
	}
}

static int no_option(const struct awl__sim_socket *k, int level)
{
	return k->domain == AF_UNIX && level != SOL_SOCKET ? -EOPNOTSUPP : -ENOPROTOOPT;
}

static int *option_of(struct awl__sim_socket *k, int level, int name)
{
	static const struct {
		int level, name;
	} known[] = {
#define X(name, level, option, value) { level, option },
		AWL__SIM_OPTIONS(X)
#undef X
	};

	for (size_t i = 0; i < AWL__SIM_OPTION_COUNT && has_level(k, level); i++)
		if (known[i].level == level && known[i].name == name)
			return &k->options[i];
	return NULL;
}

/* What is not kept but known. */
static bool told_option(struct awl__sim_socket *k, int name, int *value)
{
	switch (name) {
	case SO_ERROR:
		*value = -awl__sim_take_error(k);
		return true;
	case SO_TYPE:
		*value = k->type;
		return true;
	case SO_DOMAIN:
		*value = k->domain;
		return true;
	case SO_PROTOCOL:
		*value = k->domain == AF_UNIX    ? 0
			: k->type == SOCK_STREAM ? IPPROTO_TCP
						 : IPPROTO_UDP;
		return true;
	case SO_ACCEPTCONN:
		*value = k->listening;
		return true;
	default:
		return false;
	}
}

static int give(void *value, socklen_t *len, const void *from, socklen_t n)
{
	if (*len > n)
		*len = n;
	memcpy(value, from, *len);
	return 0;
}

static int sim_getopt(
	struct awl__reactor *r, int fd, int level, int name, void *value, socklen_t *len)
{
	int err, number;
	struct awl__sim_socket *k = socket_at(r, fd, &err);
	const int *kept;

	if (!k)
		return err;
	if (level == SOL_SOCKET && told_option(k, name, &number))
		return give(value, len, &number, sizeof number);
	if (level == SOL_SOCKET && name == SO_LINGER) {
		struct linger l = { .l_onoff = k->linger };

		return give(value, len, &l, sizeof l);
	}
	if (level == SOL_SOCKET && name == SO_PEERCRED) {
		struct ucred c = { .uid = (uid_t)-1, .gid = (gid_t)-1 };

		if (k->domain == AF_UNIX && k->type == SOCK_STREAM && awl__sim_is_connected(k))
			c = (struct ucred){ getpid(), getuid(), getgid() };
		return give(value, len, &c, sizeof c);
	}
	kept = option_of(k, level, name);
	return kept ? give(value, len, kept, sizeof *kept) : no_option(k, level);
}

static int set_linger(struct awl__sim_socket *k, const void *value, socklen_t len)
{
	struct linger l;

	if (len < sizeof l)
		return -EINVAL;
	memcpy(&l, value, sizeof l);
	k->linger = l.l_onoff && l.l_linger == 0 && k->domain != AF_UNIX;
	return 0;
}

/* The last that it may be about: a group. */
static int set_membership(struct awl__sim *s, struct awl__sim_socket *k, int level, int name,
	const void *value, socklen_t len)
{
	struct ip_mreq v4; /* ip_mreqn begins so */
	struct ipv6_mreq v6;
	struct in6_addr group;
	bool in;

	if (level == IPPROTO_IP && (name == IP_ADD_MEMBERSHIP || name == IP_DROP_MEMBERSHIP)) {
		if (len < sizeof v4)
			return -EINVAL;
		memcpy(&v4, value, sizeof v4);
		group = awl__sim_ipv4(v4.imr_multiaddr);
		in = name == IP_ADD_MEMBERSHIP;
	} else if (level == IPPROTO_IPV6 && (name == IPV6_JOIN_GROUP || name == IPV6_LEAVE_GROUP)) {
		if (len < sizeof v6)
			return -EINVAL;
		memcpy(&v6, value, sizeof v6);
		group = v6.ipv6mr_multiaddr;
		in = name == IPV6_JOIN_GROUP;
	} else {
		return no_option(k, level);
	}
	return k->type == SOCK_DGRAM ? awl__sim_dgram_join(s, k, &group, in) : -EINVAL;
}

static int set_number(struct awl__sim_socket *k, int *kept, int number)
{
	if (kept == &k->options[AWL__SIM_V6ONLY] && k->local.family)
		return -EINVAL;
	if (kept == &k->options[AWL__SIM_SNDBUF] || kept == &k->options[AWL__SIM_RCVBUF]) {
		if (number < BUFFER_MIN / 2)
			number = BUFFER_MIN / 2;
		number = number > INT32_MAX / 2 ? INT32_MAX : 2 * number;
	}
	*kept = number;
	return 0;
}

static int sim_setopt(
	struct awl__reactor *r, int fd, int level, int name, const void *value, socklen_t len)
{
	struct awl__sim *s = (struct awl__sim *)r;
	int err, number = 0;
	struct awl__sim_socket *k = socket_at(r, fd, &err);
	int *kept;

	if (!k)
		return err;
	if (level == SOL_SOCKET && name == SO_LINGER)
		return set_linger(k, value, len);
	kept = option_of(k, level, name);
	if (!kept)
		return level == IPPROTO_IP && name == IP_MULTICAST_IF
			? 0 /* there is one network */
			: set_membership(s, k, level, name, value, len);
	if (len < sizeof number && !(level == IPPROTO_IP && len == 1))
		return -EINVAL;
	memcpy(&number, value, len < sizeof number ? len : sizeof number);
	return set_number(k, kept, number);
}

static int sim_net_close(struct awl__reactor *r, int fd)
{
	return awl__sim_close(r, fd);
}

const struct awl__net awl__sim_net = {
	.socket = sim_socket,
	.pair = sim_pair,
	.bind = sim_bind,
	.listen = sim_listen,
	.shutdown = sim_shutdown,
	.name = sim_name,
	.getopt = sim_getopt,
	.setopt = sim_setopt,
	.close = sim_net_close,
};
