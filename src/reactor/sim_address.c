/* SPDX-License-Identifier: MIT */
/*
 * sim_address.c - see sim_address.h.
 */
#include "reactor/sim_address.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#define PATH offsetof(struct sockaddr_un, sun_path)

const struct in6_addr awl__sim_localhost = {
	{ { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1 } }
};

struct in6_addr awl__sim_ipv4(struct in_addr ip)
{
	struct in6_addr mapped = awl__sim_localhost;

	memcpy(&mapped.s6_addr[12], &ip, 4);
	return mapped;
}

static struct in_addr ipv4_of(const struct in6_addr *ip)
{
	struct in_addr a = { htonl(INADDR_LOOPBACK) };

	if (awl__sim_is_any(ip))
		a.s_addr = 0;
	else if (awl__sim_is_ipv4(ip))
		memcpy(&a, &ip->s6_addr[12], 4);
	return a;
}

bool awl__sim_is_ipv4(const struct in6_addr *ip)
{
	return IN6_IS_ADDR_V4MAPPED(ip);
}

bool awl__sim_is_any(const struct in6_addr *ip)
{
	static const uint8_t zero[4];

	return IN6_IS_ADDR_UNSPECIFIED(ip) ||
		(awl__sim_is_ipv4(ip) && memcmp(&ip->s6_addr[12], zero, 4) == 0);
}

bool awl__sim_is_loopback(const struct in6_addr *ip)
{
	return IN6_IS_ADDR_LOOPBACK(ip) || (awl__sim_is_ipv4(ip) && ip->s6_addr[12] == 127);
}

bool awl__sim_is_multicast(const struct in6_addr *ip)
{
	return IN6_IS_ADDR_MULTICAST(ip) ||
		(awl__sim_is_ipv4(ip) && ip->s6_addr[12] >= 224 && ip->s6_addr[12] < 240);
}

bool awl__sim_is_broadcast(const struct in6_addr *ip)
{
	return awl__sim_is_ipv4(ip) && ip->s6_addr[15] == 255 && !awl__sim_is_loopback(ip) &&
		!awl__sim_is_multicast(ip);
}

static int read_in(struct awl__sim_address *a, const struct sockaddr *from, socklen_t len)
{
	struct sockaddr_in in;

	if (len < sizeof in)
		return -EINVAL;
	memcpy(&in, from, sizeof in);
	a->port = ntohs(in.sin_port);
	a->ip = awl__sim_ipv4(in.sin_addr);
	return 0;
}

static int read_in6(struct awl__sim_address *a, const struct sockaddr *from, socklen_t len)
{
	struct sockaddr_in6 in;

	if (len < offsetof(struct sockaddr_in6, sin6_scope_id))
		return -EINVAL;
	memset(&in, 0, sizeof in);
	memcpy(&in, from, len < sizeof in ? len : sizeof in);
	a->port = ntohs(in.sin6_port);
	a->ip = in.sin6_addr;
	a->scope = in.sin6_scope_id;
	return 0;
}

static int read_un(struct awl__sim_address *a, const struct sockaddr *from, socklen_t len)
{
	const char *path = (const char *)from + PATH;
	size_t n = len - PATH;

	if (len < PATH || len > sizeof(struct sockaddr_un))
		return -EINVAL;
	if (n > 0 && path[0])
		n = strnlen(path, n);
	memcpy(a->un.path, path, n);
	a->un.len = (uint8_t)n;
	return 0;
}

int awl__sim_address_read(
	struct awl__sim_address *a, int domain, const struct sockaddr *from, socklen_t len)
{
	sa_family_t family;

	if (!from || len < sizeof family)
		return -EINVAL;
	memcpy(&family, from, sizeof family);
	if (family != domain)
		return domain == AF_UNIX ? -EINVAL : -EAFNOSUPPORT;
	memset(a, 0, sizeof *a);
	a->family = family;
	switch (domain) {
	case AF_INET:
		return read_in(a, from, len);
	case AF_INET6:
		return read_in6(a, from, len);
	default:
		return read_un(a, from, len);
	}
}

static socklen_t write_un(const struct awl__sim_address *a, struct sockaddr_un *un)
{
	size_t n = a->un.len;

	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, a->un.path, n);
	if (n > 0 && un->sun_path[0] && n < sizeof un->sun_path)
		un->sun_path[n++] = 0;
	return (socklen_t)(PATH + n);
}

void awl__sim_address_write(
	const struct awl__sim_address *a, int domain, struct sockaddr *to, socklen_t *len)
{
	union {
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct sockaddr_un un;
	} out;
	socklen_t n;

	if (!to || !len)
		return;
	memset(&out, 0, sizeof out);
	if (domain == AF_INET) {
		n = sizeof out.in;
		out.in.sin_family = AF_INET;
		out.in.sin_port = htons(a->port);
		out.in.sin_addr = ipv4_of(&a->ip);
	} else if (domain == AF_INET6) {
		n = sizeof out.in6;
		out.in6.sin6_family = AF_INET6;
		out.in6.sin6_port = htons(a->port);
		out.in6.sin6_addr = a->ip;
		out.in6.sin6_scope_id = a->scope;
	} else {
		n = write_un(a, &out.un);
	}
	memcpy(to, &out, *len < n ? *len : n);
	*len = n;
}

bool awl__sim_address_same(const struct awl__sim_address *a, const struct awl__sim_address *b)
{
	if ((a->family == AF_UNIX) != (b->family == AF_UNIX))
		return false;
	if (a->family == AF_UNIX)
		return a->un.len == b->un.len && memcmp(a->un.path, b->un.path, a->un.len) == 0;
	return a->port == b->port && memcmp(&a->ip, &b->ip, sizeof a->ip) == 0;
}
