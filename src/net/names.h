/* SPDX-License-Identifier: MIT */
/*
 * names.h - who is asked for a name.
 */
#ifndef AWL__NAMES_H
#define AWL__NAMES_H

#include <netdb.h>
#include <sys/socket.h>

/* The system's, called in a thread of the pool; a test puts its own in between. */
struct awl__resolver {
	int (*getaddrinfo)(const char *host, const char *service, const struct addrinfo *hints,
		struct addrinfo **ret); /* a list for freeaddrinfo */
	int (*getnameinfo)(const struct sockaddr *addr, socklen_t len, char *host,
		socklen_t host_size, char *service, socklen_t service_size, int flags);
};
extern struct awl__resolver awl__resolver;

#endif
