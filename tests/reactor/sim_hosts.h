/* SPDX-License-Identifier: MIT */
/*
 * sim_hosts.h - several hosts in the simulated network: which of them a socket is made on, and what
 * the line between two does.
 */
#ifndef SIM_HOSTS_H
#define SIM_HOSTS_H

#include "reactor/sim_net.h"

static inline struct in6_addr ip(const char *words)
{
	struct in6_addr a;
	char mapped[64];

	if (strchr(words, ':'))
		snprintf(mapped, sizeof mapped, "%s", words);
	else
		snprintf(mapped, sizeof mapped, "::ffff:%s", words);
	assert_int_equal(inet_pton(AF_INET6, mapped, &a), 1);
	return a;
}

static struct in6_addr own_host;

static inline int its_host(struct in6_addr *ret)
{
	*ret = own_host;
	return 1;
}

/* Sockets are this host's from now on. */
static inline void be(struct rig *g, const char *words)
{
	own_host = ip(words);
	assert_int_equal(awl__sim_set_host(g->r, its_host), 0);
}

static inline void set_line(struct rig *g, const char *a, const char *b, struct awl__sim_line line)
{
	struct in6_addr first = ip(a ? a : "::"), second = ip(b ? b : "::");

	assert_int_equal(awl__sim_set_line(g->r, a ? &first : NULL, b ? &second : NULL, &line), 0);
}

static inline void cut(struct rig *g, const char *a, const char *b, bool on)
{
	struct in6_addr first = ip(a), second = ip(b ? b : "::");

	assert_int_equal(awl__sim_partition(g->r, &first, b ? &second : NULL, on), 0);
}

/* A client of 10.0.0.1 and its server's end, of 10.0.0.2. */
static inline void two_hosts(struct rig *g, int fds[2])
{
	int l;

	be(g, "10.0.0.2");
	l = new_listener(g, "0.0.0.0:80");
	be(g, "10.0.0.1");
	fds[0] = new_client(g, "10.0.0.2:80");
	fds[1] = made(accept_one(g, l));
	rig_shut(g, l);
}

#endif
