/* SPDX-License-Identifier: MIT */
/*
 * sim_world.h - what a test does to the world outside of its program: hosts, the lines between
 * them, what goes wrong on them, and who is called what. On other reactors -ENOTSUP.
 */
#ifndef AWL__SIM_WORLD_H
#define AWL__SIM_WORLD_H

#include "reactor/op.h"

#include <netinet/in.h>

struct awl__sim;
struct awl__sim_socket;

/* A line carries IPv4 and IPv6; unix sockets take no time. Of each "in": one in so many, 0 none. */
struct awl__sim_line {
	int64_t latency, jitter; /* of each way; up to so much more, drawn each time */
	int64_t bandwidth; /* bytes a second a socket sends; 0: no bound */
	uint32_t reset_in; /* transfers of a stream, whose connection is reset */
	uint32_t loss_in; /* datagrams; a stream's bytes come later by a retransmission */
	uint32_t duplicate_in, reorder_in; /* datagrams */
};

/* What the simulated kernel does to calls on any descriptor. */
struct awl__sim_faults {
	uint32_t short_in; /* transfers of a stream, which move a part */
	uint32_t again_in; /* attempts, which say EAGAIN for nothing */
	uint32_t nobufs_in; /* sends: ENOBUFS */
	uint32_t nfile_in; /* new descriptors: ENFILE */
};

int awl__sim_set_faults(struct awl__reactor *r, const struct awl__sim_faults *faults);

/* So many numbers at a time; 0: no limit. */
int awl__sim_set_limit(struct awl__reactor *r, uint32_t limit);

/*
 * Between two hosts, between one and all others (b NULL), or between any (both); the line that is
 * named most exactly counts; `line` NULL: all are perfect again. A partition is silence. -ENOMEM.
 */
int awl__sim_set_line(struct awl__reactor *r, const struct in6_addr *a, const struct in6_addr *b,
	const struct awl__sim_line *line);
int awl__sim_partition(
	struct awl__reactor *r, const struct in6_addr *a, const struct in6_addr *b, bool on);

/* What awl__sim_lookup answers from now on. -ENOMEM. */
int awl__sim_set_name(struct awl__reactor *r, const char *name, const struct awl__sim_host *host);

/* Asked for the host of each new socket: > 0, and whose it is; else it is the default's. */
int awl__sim_set_host(struct awl__reactor *r, int (*host)(struct in6_addr *ret));

/* --- inside --- */

/* What carries that which a socket sends to its far end, or to a host. */
const struct awl__sim_line *awl__sim_line_of(
	const struct awl__sim *s, const struct awl__sim_socket *from);
const struct awl__sim_line *awl__sim_line_to(
	const struct awl__sim *s, const struct in6_addr *from, const struct in6_addr *to);
/* When what leaves now is there. */
int64_t awl__sim_arrival(struct awl__sim *s, struct awl__sim_socket *from,
	const struct awl__sim_line *line, uint32_t bytes);
/* Nothing passes between them now. */
bool awl__sim_cut(const struct awl__sim *s, const struct in6_addr *a, const struct in6_addr *b);
void awl__sim_world_init(struct awl__sim *s);
void awl__sim_world_free(struct awl__sim *s);

#endif
