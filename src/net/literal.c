/* SPDX-License-Identifier: MIT */
/*
 * literal.c - what is numeric is its own address: getaddrinfo without a thread, a file or a server.
 *
 * Answers as glibc does, in its order, but for what names.h says. Hints that ask for more than TCP,
 * UDP and raw sockets are left to it.
 */
#include "net/literal.h"
#include "base/alloc.h"
#include "base/report.h"

#include <awl/errors.h>
#include <awl/names.h>

#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#define KNOWN_FLAGS \
	(AI_PASSIVE | AI_CANONNAME | AI_NUMERICHOST | AI_V4MAPPED | AI_ALL | AI_ADDRCONFIG | \
		AI_NUMERICSERV | AI_IDN | AI_CANONIDN)

/* --- numbers --- */

static bool parse_ipv4(const char *text, struct sockaddr_storage *ret)
{
	struct sockaddr_in *a = (struct sockaddr_in *)ret;

	/* inet_aton takes any words behind a blank. */
	if (!*text || text[strspn(text, "0123456789abcdefxABCDEFX.")] ||
		!inet_aton(text, &a->sin_addr))
		return false;
	a->sin_family = AF_INET;
	return true;
}

static bool parse_zone(const char *text, uint32_t *ret)
{
	unsigned long number;
	char *end;

	*ret = if_nametoindex(text);
	if (*ret)
		return true;
	if (!*text || text[strspn(text, "0123456789")])
		return false;
	number = strtoul(text, &end, 10);
	*ret = (uint32_t)number;
	return number <= UINT32_MAX;
}

static bool parse_ipv6(const char *text, struct sockaddr_storage *ret)
{
	struct sockaddr_in6 *a = (struct sockaddr_in6 *)ret;
	const char *zone = strchr(text, '%');
	size_t len = zone ? (size_t)(zone - text) : strlen(text);
	char host[INET6_ADDRSTRLEN];

	if (len >= sizeof host)
		return false;
	memcpy(host, text, len);
	host[len] = '\0';
	if (inet_pton(AF_INET6, host, &a->sin6_addr) != 1)
		return false;
	a->sin6_family = AF_INET6;
	return !zone || parse_zone(zone + 1, &a->sin6_scope_id);
}

bool awl__literal_host(const char *text, struct sockaddr_storage *ret)
{
	struct sockaddr_storage a = { 0 };

	if (!parse_ipv4(text, &a) && !parse_ipv6(text, &a))
		return false;
	*ret = a;
	return true;
}

int awl__literal_port(const char *service, const struct addrinfo *hints, in_port_t *ret)
{
	unsigned long port;

	*ret = 0;
	if (!service)
		return 0;
	if (!*service || service[strspn(service, "0123456789")])
		return hints && hints->ai_flags & AI_NUMERICSERV ? EAI_NONAME : AWL__NOT_A_LITERAL;
	port = strtoul(service, NULL, 10);
	if (port > 65535)
		return EAI_SERVICE;
	*ret = (in_port_t)port;
	return 0;
}

/* --- lists --- */

struct entry {
	struct addrinfo info;
	struct sockaddr_storage addr;
};

struct kind {
	int type, protocol;
};

#define KINDS 3u

/* How many; 0: the system's resolver may know more. */
static unsigned kinds_of(const struct addrinfo *hints, struct kind kinds[static KINDS])
{
	static const struct kind all[KINDS] = {
		{ SOCK_STREAM, IPPROTO_TCP },
		{ SOCK_DGRAM, IPPROTO_UDP },
		{ SOCK_RAW, 0 },
	};
	int type = hints ? hints->ai_socktype : 0, protocol = hints ? hints->ai_protocol : 0;

	if (!type && !protocol) {
		memcpy(kinds, all, sizeof all);
		return KINDS;
	}
	for (unsigned i = 0; i < KINDS; i++)
		if ((!type || type == all[i].type) && (!protocol || protocol == all[i].protocol)) {
			kinds[0] = all[i];
			return 1;
		}
	if (type != SOCK_RAW)
		return 0;
	kinds[0] = (struct kind){ SOCK_RAW, protocol };
	return 1;
}

static int check(const char *name, const struct addrinfo *hints)
{
	if (!hints)
		return 0;
	if (hints->ai_flags & ~KNOWN_FLAGS || (hints->ai_flags & AI_CANONNAME && !name))
		return EAI_BADFLAGS;
	switch (hints->ai_family) {
	case AF_UNSPEC:
	case AF_INET:
	case AF_INET6:
		return 0;
	default:
		return EAI_FAMILY;
	}
}

static void map(struct sockaddr_storage *ret, const struct sockaddr_storage *ipv4)
{
	const struct sockaddr_in *from = (const struct sockaddr_in *)ipv4;
	struct sockaddr_in6 *to = (struct sockaddr_in6 *)ret;

	*to = (struct sockaddr_in6){ .sin6_family = AF_INET6 };
	memset(&to->sin6_addr.s6_addr[10], 0xff, 2);
	memcpy(&to->sin6_addr.s6_addr[12], &from->sin_addr, 4);
}

static bool unmap(struct sockaddr_storage *ret, const struct sockaddr_storage *ipv6)
{
	const struct sockaddr_in6 *from = (const struct sockaddr_in6 *)ipv6;
	struct sockaddr_in *to = (struct sockaddr_in *)ret;

	if (!IN6_IS_ADDR_V4MAPPED(&from->sin6_addr))
		return false;
	*to = (struct sockaddr_in){ .sin_family = AF_INET };
	memcpy(&to->sin_addr, &from->sin6_addr.s6_addr[12], 4);
	return true;
}

/* An address as the hints want it; false: they do not. */
static bool fit(struct sockaddr_storage *ret, const struct sockaddr_storage *a,
	const struct addrinfo *hints, bool mapping)
{
	*ret = *a;
	if (!hints || !hints->ai_family || hints->ai_family == a->ss_family)
		return true;
	if (hints->ai_family == AF_INET)
		return unmap(ret, a);
	if (mapping)
		map(ret, a);
	return mapping;
}

/* Mapped ones are only for who has no others, unless all are asked for. */
static bool is_mapping(
	const struct sockaddr_storage *addresses, unsigned count, const struct addrinfo *hints)
{
	if (!hints || !(hints->ai_flags & AI_V4MAPPED))
		return false;
	for (unsigned i = 0; i < count && !(hints->ai_flags & AI_ALL); i++)
		if (addresses[i].ss_family == AF_INET6)
			return false;
	return true;
}

static struct entry *entries_new(unsigned count, const char *name)
{
	size_t len = name ? strlen(name) + 1 : 0;
	struct entry *e = awl__alloc_zero(count * sizeof *e + len);

	if (e && name)
		e->info.ai_canonname = memcpy(e + count, name, len);
	return e;
}

static void fill(struct entry *e, const struct sockaddr *addr, socklen_t len, struct kind kind)
{
	memcpy(&e->addr, addr, len);
	e->info.ai_family = addr->sa_family;
	e->info.ai_socktype = kind.type;
	e->info.ai_protocol = kind.protocol;
	e->info.ai_addrlen = len;
	e->info.ai_addr = (struct sockaddr *)&e->addr;
}

static void chain(struct entry *e, unsigned count)
{
	for (unsigned i = 0; i + 1 < count; i++)
		e[i].info.ai_next = &e[i + 1].info;
}

int awl__address_list(const struct sockaddr_storage *addresses, unsigned count, const char *name,
	in_port_t port, const struct addrinfo *hints, struct addrinfo **ret)
{
	bool named = hints && hints->ai_flags & AI_CANONNAME;
	bool mapping = is_mapping(addresses, count, hints);
	unsigned n = 0, kind_count;
	struct kind kinds[KINDS];
	struct entry *e;
	int err = check(name, hints);

	if (err)
		return err;
	kind_count = kinds_of(hints, kinds);
	if (!kind_count)
		return EAI_SOCKTYPE;
	e = entries_new(count * kind_count, named ? name : NULL);
	if (!e)
		return EAI_MEMORY;
	for (unsigned i = 0; i < count; i++) {
		struct sockaddr_storage a;

		if (!fit(&a, &addresses[i], hints, mapping))
			continue;
		awl__address_set_port(&a, port);
		for (unsigned k = 0; k < kind_count; k++)
			fill(&e[n++], (struct sockaddr *)&a, awl__address_len(&a), kinds[k]);
	}
	if (n == 0) {
		awl__free(e);
		return EAI_ADDRFAMILY;
	}
	for (unsigned i = 0; hints && i < n; i++)
		e[i].info.ai_flags = hints->ai_flags;
	chain(e, n);
	*ret = &e->info;
	return 0;
}

struct addrinfo *awl__address_list_copy(const struct addrinfo *system)
{
	unsigned n = 0;
	struct entry *e;

	for (const struct addrinfo *a = system; a; a = a->ai_next)
		n++;
	e = entries_new(n, system->ai_canonname);
	if (!e)
		return NULL;
	n = 0;
	for (const struct addrinfo *a = system; a; a = a->ai_next, n++) {
		fill(&e[n], a->ai_addr, a->ai_addrlen,
			(struct kind){ a->ai_socktype, a->ai_protocol });
		e[n].info.ai_flags = a->ai_flags;
	}
	chain(e, n);
	return &e->info;
}

void awl_freeaddrinfo(struct addrinfo *list)
{
	awl__free(list);
}

/* Nobody's name: this host, or all of its addresses. glibc's order, by RFC 3484. */
static int own_addresses(in_port_t port, const struct addrinfo *hints, struct addrinfo **ret)
{
	struct sockaddr_storage a[2] = { 0 };
	bool passive = hints && hints->ai_flags & AI_PASSIVE;
	const struct in6_addr *ipv6 = passive ? &in6addr_any : &in6addr_loopback;
	struct sockaddr_in *v4 = (struct sockaddr_in *)&a[passive ? 0 : 1];
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&a[passive ? 1 : 0];

	v4->sin_family = AF_INET;
	v4->sin_addr.s_addr = htonl(passive ? INADDR_ANY : INADDR_LOOPBACK);
	v6->sin6_family = AF_INET6;
	v6->sin6_addr = *ipv6;
	return awl__address_list(a, 2, NULL, port, hints, ret);
}

int awl__literal_list(
	const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **ret)
{
	bool numeric = hints && hints->ai_flags & AI_NUMERICHOST;
	struct kind kinds[KINDS];
	struct sockaddr_storage a;
	in_port_t port;
	int err = check(host, hints);

	if (!err && !host && !service)
		err = EAI_NONAME;
	if (!err)
		err = awl__literal_port(service, hints, &port);
	if (err)
		return err;
	if (host && !awl__literal_host(host, &a))
		return numeric ? EAI_NONAME : AWL__NOT_A_LITERAL;
	if (!kinds_of(hints, kinds) || (service && kinds[0].type == SOCK_RAW))
		return AWL__NOT_A_LITERAL;
	if (!host)
		return own_addresses(port, hints, ret);
	return awl__address_list(&a, 1, host, port, hints, ret);
}

/* --- one address --- */

int awl_address(const char *host, int port, struct sockaddr_storage *addr, socklen_t *len)
{
	if (!host || !addr || !len)
		return awl__fail(-EINVAL, "awl_address: a NULL argument");
	if (port < 0 || port > 65535)
		return awl__fail(-EINVAL, "awl_address: %d is no port", port);
	if (!awl__literal_host(host, addr))
		return awl__fail(-EINVAL, "awl_address: \"%s\" is no numeric address", host);
	awl__address_set_port(addr, (in_port_t)port);
	*len = awl__address_len(addr);
	return 0;
}

static void unix_text(const struct sockaddr_un *un, socklen_t len, char *buf, size_t size)
{
	int n = (int)len - (int)offsetof(struct sockaddr_un, sun_path);

	if (n <= 0)
		snprintf(buf, size, "(unnamed)");
	else if (un->sun_path[0])
		snprintf(buf, size, "%.*s", n, un->sun_path);
	else
		snprintf(buf, size, "@%.*s", n - 1, un->sun_path + 1);
}

const char *awl_address_text(const struct sockaddr *addr, socklen_t len, char *buf, size_t size)
{
	char host[NI_MAXHOST], port[NI_MAXSERV];

	if (!buf || !size)
		return "";
	if (!addr || len < sizeof addr->sa_family)
		snprintf(buf, size, "(none)");
	else if (addr->sa_family == AF_UNIX)
		unix_text((const struct sockaddr_un *)addr, len, buf, size);
	else if (getnameinfo(addr, len, host, sizeof host, port, sizeof port,
			 NI_NUMERICHOST | NI_NUMERICSERV))
		snprintf(buf, size, "(family %d)", addr->sa_family);
	else
		snprintf(buf, size, addr->sa_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
	return buf;
}
