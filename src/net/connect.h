/* SPDX-License-Identifier: MIT */
/*
 * connect.h - from an address to a connected socket: one address, or the first of several.
 */
#ifndef AWL__CONNECT_H
#define AWL__CONNECT_H

#include "task/op.h"

#include <awl/names.h>

/* Where to, and from where. */
struct awl__way {
	const struct sockaddr *to;
	const struct sockaddr *from; /* NULL: the system chooses */
	socklen_t to_len, from_len;
};

/*
 * A socket of the running task's loop, connected: its number, the caller's; or why not, and then
 * nothing of it is left. The caller has begun the wait.
 */
int awl__connect(struct awl__task *t, const struct awl__way *way);

/* What a race among the addresses of a name is told. */
struct awl__eyeballs {
	const char *host; /* for the words */
	int port;
	const struct addrinfo *addresses; /* at least one */
	const struct sockaddr_storage *local; /* of family 0: none */
	in_port_t local_port; /* where there is none; 0: the system chooses */
	int64_t delay;
};

/* The same, to the first that answers (RFC 8305), with each one's error in the detail. */
int awl__happy_eyeballs(const struct awl__eyeballs *e, const char *call);

#endif
