/* SPDX-License-Identifier: MIT */
/*
 * literal.h - addresses that need nobody to be asked, and the list that every look-up answers with.
 */
#ifndef AWL__LITERAL_H
#define AWL__LITERAL_H

#include "base/base.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

/* No EAI_ code: a name, which somebody has to be asked for. */
#define AWL__NOT_A_LITERAL 1

/* Numeric, as inet_aton, inet_pton and %zone: an address with port 0. */
bool awl__literal_host(const char *text, struct sockaddr_storage *ret);

/* The port of a service; 0 for NULL. An EAI_ code, or AWL__NOT_A_LITERAL. */
int awl__literal_port(const char *service, const struct addrinfo *hints, in_port_t *ret);

/* getaddrinfo where both are numeric or absent: 0, an EAI_ code, AWL__NOT_A_LITERAL. */
int awl__literal_list(
	const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **ret);

/* Those of the addresses that the hints ask for, each with every type they ask for. */
int awl__address_list(const struct sockaddr_storage *addresses, unsigned count, const char *name,
	in_port_t port, const struct addrinfo *hints, struct addrinfo **ret);

/* The system's list as awl's, which is one block. NULL: no memory. */
struct addrinfo *awl__address_list_copy(const struct addrinfo *system);

static inline socklen_t awl__address_len(const struct sockaddr_storage *a)
{
	return a->ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
}

static inline void awl__address_set_port(struct sockaddr_storage *a, in_port_t port)
{
	if (a->ss_family == AF_INET)
		((struct sockaddr_in *)a)->sin_port = htons(port);
	else
		((struct sockaddr_in6 *)a)->sin6_port = htons(port);
}

#endif
