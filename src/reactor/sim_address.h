/* SPDX-License-Identifier: MIT */
/*
 * sim_address.h - addresses of sockets, of whatever family, in one form: an IPv4 one is kept as
 * ::ffff:a.b.c.d, so that sockets of both families can meet.
 */
#ifndef AWL__SIM_ADDRESS_H
#define AWL__SIM_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

struct awl__sim_address {
	sa_family_t family; /* AF_INET, AF_INET6, AF_UNIX; 0: none */
	uint16_t port;
	uint32_t scope;
	union {
		struct in6_addr ip;
		struct {
			uint8_t len; /* 0: unnamed */
			char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
		} un;
	};
};

/* For a socket of that domain: 0, -EINVAL, -EAFNOSUPPORT. */
int awl__sim_address_read(
	struct awl__sim_address *a, int domain, const struct sockaddr *from, socklen_t len);

/* As the kernel does: cut off at *len, which then says how long it is. Either may be NULL. */
void awl__sim_address_write(
	const struct awl__sim_address *a, int domain, struct sockaddr *to, socklen_t *len);

/* The whole of it; but for the scope. */
bool awl__sim_address_same(const struct awl__sim_address *a, const struct awl__sim_address *b);

extern const struct in6_addr awl__sim_localhost; /* 127.0.0.1 */

bool awl__sim_is_ipv4(const struct in6_addr *ip);
bool awl__sim_is_any(const struct in6_addr *ip);
bool awl__sim_is_loopback(const struct in6_addr *ip);
bool awl__sim_is_multicast(const struct in6_addr *ip);
bool awl__sim_is_broadcast(const struct in6_addr *ip); /* to all, or ends in .255 */
struct in6_addr awl__sim_ipv4(struct in_addr ip);

#endif
