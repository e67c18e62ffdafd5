/* SPDX-License-Identifier: MIT */
/*
 * sim_bind.c - who is where: addresses of sockets, and who is found at one. Each address is a host;
 * a host's loopback addresses are its own, and a socket bound to no address in particular is found
 * under that of the host it was made on. A path of the file system exists as long as its socket.
 */
#include "reactor/sim_socket.h"

#include <stdio.h>
#include <string.h>

#define FIRST_PORT 32768u
#define LAST_PORT 60999u

static struct awl__list *bucket(struct awl__sim *s, const struct awl__sim_address *a)
{
	uint32_t sum = a->port;

	for (unsigned i = 0; a->family == AF_UNIX && i < a->un.len; i++)
		sum = sum * 31 + (unsigned char)a->un.path[i];
	return &s->bound[sum % AWL__SIM_BUCKETS];
}

static struct awl__sim_socket *bound_at(struct awl__list *node)
{
	return awl__container(node, struct awl__sim_socket, bound);
}

static bool same_ip(const struct in6_addr *a, const struct in6_addr *b)
{
	return memcmp(a, b, sizeof *a) == 0;
}

struct in6_addr awl__sim_host_of(const struct in6_addr *on, const struct in6_addr *ip)
{
	return awl__sim_is_loopback(ip) || awl__sim_is_any(ip) ? *on : *ip;
}

/* :: without V6ONLY means IPv4 too. */
static bool is_dual(const struct awl__sim_socket *k, const struct in6_addr *ip)
{
	return k->domain == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(ip) && !k->options[AWL__SIM_V6ONLY];
}

static bool ips_overlap(const struct awl__sim_socket *a, const struct in6_addr *ip_a,
	const struct awl__sim_socket *b, const struct in6_addr *ip_b)
{
	if (is_dual(a, ip_a) || is_dual(b, ip_b))
		return true;
	if (IN6_IS_ADDR_UNSPECIFIED(ip_a) || IN6_IS_ADDR_UNSPECIFIED(ip_b)) /* of IPv6 alone */
		return !awl__sim_is_ipv4(ip_a) && !awl__sim_is_ipv4(ip_b);
	if (awl__sim_is_ipv4(ip_a) != awl__sim_is_ipv4(ip_b))
		return false;
	return awl__sim_is_any(ip_a) || awl__sim_is_any(ip_b) || same_ip(ip_a, ip_b);
}

static bool both(const struct awl__sim_socket *a, const struct awl__sim_socket *b,
	enum awl__sim_option option)
{
	return a->options[option] && b->options[option];
}

/* k at *a would be in the way of `other`. */
static bool collide(const struct awl__sim_socket *k, const struct in6_addr *host,
	const struct awl__sim_address *a, const struct awl__sim_socket *other)
{
	if (other == k || (other->domain == AF_UNIX) != (k->domain == AF_UNIX) ||
		!same_ip(host, &other->host))
		return false;
	if (k->domain == AF_UNIX)
		return awl__sim_address_same(a, &other->local);
	return other->type == k->type && other->local.port == a->port &&
		ips_overlap(k, &a->ip, other, &other->local.ip);
}

static bool agreed(const struct awl__sim_socket *k, const struct awl__sim_socket *other)
{
	return k->domain != AF_UNIX &&
		(both(k, other, AWL__SIM_REUSEPORT) ||
			(both(k, other, AWL__SIM_REUSEADDR) && !other->listening));
}

static bool is_free(struct awl__sim *s, const struct awl__sim_socket *k,
	const struct in6_addr *host, const struct awl__sim_address *a, bool may_share)
{
	awl__list_each (node, bucket(s, a))
		if (collide(k, host, a, bound_at(node)) &&
			!(may_share && agreed(k, bound_at(node))))
			return false;
	return true;
}

bool awl__sim_taken(struct awl__sim *s, const struct awl__sim_socket *k)
{
	return !is_free(s, k, &k->host, &k->local, true);
}

static int find_port(struct awl__sim *s, const struct awl__sim_socket *k,
	const struct in6_addr *host, struct awl__sim_address *a)
{
	for (unsigned i = FIRST_PORT; i <= LAST_PORT; i++) {
		s->port = s->port < FIRST_PORT || s->port == LAST_PORT ? FIRST_PORT
								       : (uint16_t)(s->port + 1);
		a->port = s->port;
		if (is_free(s, k, host, a, false))
			return 0;
	}
	return -EADDRINUSE;
}

static int find_path(
	struct awl__sim *s, const struct awl__sim_socket *k, struct awl__sim_address *a)
{
	for (unsigned i = 0; i <= 0xfffff; i++) {
		a->un.len = (uint8_t)(1 + snprintf(a->un.path + 1, 6, "%05x", i));
		a->un.path[0] = 0;
		if (is_free(s, k, &k->host, a, false))
			return 0;
	}
	return -EADDRINUSE;
}

int awl__sim_bind(struct awl__sim *s, struct awl__sim_socket *k, const struct awl__sim_address *at)
{
	struct awl__sim_address a = *at;
	struct in6_addr host = k->host;
	bool is_unix = k->domain == AF_UNIX;
	int err = 0;

	if (k->local.family)
		return -EINVAL;
	if (!is_unix && !awl__sim_is_multicast(&a.ip))
		host = awl__sim_host_of(&k->host, &a.ip);
	if (is_unix && a.un.len == 0)
		err = find_path(s, k, &a);
	else if (!is_unix && a.port == 0)
		err = find_port(s, k, &host, &a);
	else if (!is_free(s, k, &host, &a, true))
		err = -EADDRINUSE;
	if (err < 0)
		return err;
	k->local = a;
	k->host = host;
	awl__list_push(bucket(s, &a), &k->bound);
	return 0;
}

int awl__sim_autobind(struct awl__sim *s, struct awl__sim_socket *k)
{
	struct awl__sim_address a = { .family = (sa_family_t)k->domain };

	if (k->local.family || k->domain == AF_UNIX)
		return 0;
	if (k->domain == AF_INET)
		a.ip = awl__sim_ipv4((struct in_addr){ 0 });
	return awl__sim_bind(s, k, &a) < 0 ? -EADDRNOTAVAIL : 0;
}

void awl__sim_unbind(struct awl__sim_socket *k)
{
	awl__list_take(&k->bound);
}

void awl__sim_target(struct awl__sim_address *to)
{
	if (to->family != AF_UNIX && awl__sim_is_any(&to->ip))
		to->ip = awl__sim_is_ipv4(&to->ip) ? awl__sim_localhost : in6addr_loopback;
}

struct awl__sim_address awl__sim_source(
	const struct awl__sim_socket *k, const struct awl__sim_address *to)
{
	struct awl__sim_address from = k->local;
	bool ipv4 = awl__sim_is_ipv4(&to->ip);

	if (!awl__sim_is_any(&from.ip))
		return from;
	if (awl__sim_is_loopback(&to->ip))
		from.ip = ipv4 ? awl__sim_localhost : in6addr_loopback;
	else if (!ipv4 && awl__sim_is_loopback(&k->host))
		from.ip = in6addr_loopback;
	else
		from.ip = k->host;
	return from;
}

void awl__sim_aim(struct awl__sim_socket *k, const struct awl__sim_address *to)
{
	k->remote = *to;
	awl__sim_target(&k->remote);
	k->far = awl__sim_host_of(&k->host, &k->remote.ip);
	k->local = awl__sim_source(k, &k->remote);
}

/* --- who is found --- */

static struct awl__sim_socket *find_path_of(
	struct awl__sim *s, const struct awl__sim_way *way, int *err)
{
	awl__list_each (node, bucket(s, &way->to)) {
		struct awl__sim_socket *k = bound_at(node);

		if (!awl__sim_address_same(&k->local, &way->to) || !same_ip(&k->host, &way->host))
			continue;
		if (k->type != way->type)
			*err = -EPROTOTYPE;
		else if (k->type == SOCK_STREAM && !k->listening)
			*err = -ECONNREFUSED;
		else
			return k;
		return NULL;
	}
	*err = way->to.un.path[0] ? -ENOENT : -ECONNREFUSED;
	return NULL;
}

static bool takes(const struct awl__sim_socket *k, const struct in6_addr *ip)
{
	if (!awl__sim_is_any(&k->local.ip))
		return same_ip(&k->local.ip, ip);
	if (awl__sim_is_ipv4(ip))
		return k->domain == AF_INET || is_dual(k, &k->local.ip);
	return k->domain == AF_INET6;
}

/* How exactly a socket names the address as its own; 0: not at all. */
static int fits(const struct awl__sim_socket *k, const struct awl__sim_way *way,
	const struct in6_addr *host)
{
	if (k->domain == AF_UNIX || k->type != way->type || k->local.port != way->to.port ||
		!same_ip(&k->host, host) || (k->type == SOCK_STREAM && !k->listening) ||
		!takes(k, &way->to.ip))
		return 0;
	if (k->type == SOCK_STREAM || !k->remote.family)
		return awl__sim_is_any(&k->local.ip) ? 1 : 2;
	return k->remote.port == way->port && same_ip(&k->far, &way->host) ? 3 : 0;
}

struct awl__sim_socket *awl__sim_find(struct awl__sim *s, const struct awl__sim_way *way, int *err)
{
	struct awl__sim_socket *best = NULL;
	struct in6_addr host;
	uint32_t nth = 0;
	int most = 0;

	if (way->to.family == AF_UNIX)
		return find_path_of(s, way, err);
	host = awl__sim_host_of(&way->host, &way->to.ip);
	awl__list_each (node, bucket(s, &way->to)) {
		int fit = fits(bound_at(node), way, &host);

		if (fit == 0 || fit < most)
			continue;
		if (fit > most)
			nth = 0;
		/* Of those that share the port, each in turn. */
		if (nth++ == 0 || s->turn % nth == 0)
			best = bound_at(node);
		most = fit;
	}
	if (nth > 1)
		s->turn++;
	*err = -ECONNREFUSED;
	return best;
}
