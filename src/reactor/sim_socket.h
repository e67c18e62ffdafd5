/* SPDX-License-Identifier: MIT */
/*
 * sim_socket.h - what simulated sockets of all types have in common: an address, a host, options,
 * and a line on which what they send takes its time.
 */
#ifndef AWL__SIM_SOCKET_H
#define AWL__SIM_SOCKET_H

#include "reactor/sim.h"
#include "reactor/sim_address.h"
#include "reactor/sim_bytes.h"

/* The options that are a number, and what they are at first: name, level, option, value. */
#define AWL__SIM_OPTIONS(X) \
	X(REUSEADDR, SOL_SOCKET, SO_REUSEADDR, 0) \
	X(REUSEPORT, SOL_SOCKET, SO_REUSEPORT, 0) \
	X(KEEPALIVE, SOL_SOCKET, SO_KEEPALIVE, 0) \
	X(BROADCAST, SOL_SOCKET, SO_BROADCAST, 0) \
	X(DONTROUTE, SOL_SOCKET, SO_DONTROUTE, 0) \
	X(OOBINLINE, SOL_SOCKET, SO_OOBINLINE, 0) \
	X(PRIORITY, SOL_SOCKET, SO_PRIORITY, 0) \
	X(SNDBUF, SOL_SOCKET, SO_SNDBUF, 131072) \
	X(RCVBUF, SOL_SOCKET, SO_RCVBUF, 131072) \
	X(V6ONLY, IPPROTO_IPV6, IPV6_V6ONLY, 0) \
	X(MULTICAST6_HOPS, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, 1) \
	X(MULTICAST6_LOOP, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 1) \
	X(MULTICAST6_IF, IPPROTO_IPV6, IPV6_MULTICAST_IF, 0) \
	X(TCLASS, IPPROTO_IPV6, IPV6_TCLASS, 0) \
	X(HOPS, IPPROTO_IPV6, IPV6_UNICAST_HOPS, 64) \
	X(TTL, IPPROTO_IP, IP_TTL, 64) \
	X(TOS, IPPROTO_IP, IP_TOS, 0) \
	X(MULTICAST_TTL, IPPROTO_IP, IP_MULTICAST_TTL, 1) \
	X(MULTICAST_LOOP, IPPROTO_IP, IP_MULTICAST_LOOP, 1) \
	X(NODELAY, IPPROTO_TCP, TCP_NODELAY, 0) \
	X(CORK, IPPROTO_TCP, TCP_CORK, 0) \
	X(KEEPIDLE, IPPROTO_TCP, TCP_KEEPIDLE, 7200) \
	X(KEEPINTVL, IPPROTO_TCP, TCP_KEEPINTVL, 75) \
	X(KEEPCNT, IPPROTO_TCP, TCP_KEEPCNT, 9) \
	X(QUICKACK, IPPROTO_TCP, TCP_QUICKACK, 1) \
	X(FASTOPEN, IPPROTO_TCP, TCP_FASTOPEN, 0) \
	X(DEFER_ACCEPT, IPPROTO_TCP, TCP_DEFER_ACCEPT, 0) \
	X(USER_TIMEOUT, IPPROTO_TCP, TCP_USER_TIMEOUT, 0)

enum awl__sim_option {
#define X(name, level, option, value) AWL__SIM_##name,
	AWL__SIM_OPTIONS(X)
#undef X
		AWL__SIM_OPTION_COUNT
};

struct awl__sim_socket {
	struct awl__sim_file file;
	int domain, type;
	bool listening;
	bool linger; /* with 0 seconds: closing resets */
	struct awl__sim_address local, remote; /* family 0: none */
	struct in6_addr host, far; /* whose it is; whose the other end is, where there is one */
	struct awl__list bound; /* in s->bound while `local` is its own; else alone */
	int32_t error; /* a code < 0, told once */
	int64_t line_free; /* when what it has sent so far has left */
	int options[AWL__SIM_OPTION_COUNT];
};

static inline struct awl__sim_socket *awl__sim_socket_of(const struct awl__sim_file *f)
{
	return (struct awl__sim_socket *)awl__container(f, const struct awl__sim_socket, file);
}

void awl__sim_socket_init(struct awl__sim *s, struct awl__sim_socket *k,
	const struct awl__sim_kind *kind, int domain, int type);
/* With one name; NULL: no memory. */
struct awl__sim_socket *awl__sim_stream_new(struct awl__sim *s, int domain);
struct awl__sim_socket *awl__sim_dgram_new(struct awl__sim *s, int domain);

/* The error that is waiting, which is told by this; 0. */
static inline int32_t awl__sim_take_error(struct awl__sim_socket *k)
{
	int32_t err = k->error;

	k->error = 0;
	return err;
}

/* --- who is where: sim_bind.c --- */

/* -EINVAL: it has an address; -EADDRINUSE. Port 0: one that is free. */
int awl__sim_bind(struct awl__sim *s, struct awl__sim_socket *k, const struct awl__sim_address *a);
/* Where it has none yet. -EADDRNOTAVAIL */
int awl__sim_autobind(struct awl__sim *s, struct awl__sim_socket *k);
void awl__sim_unbind(struct awl__sim_socket *k);
/* Another one listens there; both have not agreed to share. */
bool awl__sim_taken(struct awl__sim *s, const struct awl__sim_socket *k);
/* The host that an address means on a host: a loopback address, itself. */
struct in6_addr awl__sim_host_of(const struct in6_addr *on, const struct in6_addr *ip);
/* Who sends to no address in particular sends to itself. */
void awl__sim_target(struct awl__sim_address *to);
/* The address that *to sees; k is bound. */
struct awl__sim_address awl__sim_source(
	const struct awl__sim_socket *k, const struct awl__sim_address *to);
/* `remote` becomes *to, and `local` the source address; not of unix sockets. */
void awl__sim_aim(struct awl__sim_socket *k, const struct awl__sim_address *to);
/* From whom to whom. */
struct awl__sim_way {
	int type;
	struct in6_addr host;
	uint16_t port;
	struct awl__sim_address to;
};

/*
 * Who gets what is sent that way: a listener or a datagram socket, the one that names the address
 * most exactly as its own. NULL: nobody, and *err why, as the kernel has it.
 */
struct awl__sim_socket *awl__sim_find(struct awl__sim *s, const struct awl__sim_way *way, int *err);

/* --- streams: sim_stream.c, sim_connect.c --- */

int awl__sim_stream_pair(struct awl__sim *s, struct awl__sim_socket *k[2]); /* -ENOMEM */
int awl__sim_listen(struct awl__sim *s, struct awl__sim_socket *k, int backlog);
int awl__sim_stream_shutdown(struct awl__sim *s, struct awl__sim_socket *k, int how);
bool awl__sim_is_connected(const struct awl__sim_socket *k);
/* After a partition has ended: what was held up goes on. */
void awl__sim_stream_healed(struct awl__sim *s, struct awl__sim_file *f);

/* --- datagrams: sim_dgram.c --- */

int awl__sim_dgram_pair(struct awl__sim *s, struct awl__sim_socket *k[2]);
int awl__sim_dgram_shutdown(struct awl__sim *s, struct awl__sim_socket *k, int how);
int awl__sim_dgram_join(
	struct awl__sim *s, struct awl__sim_socket *k, const struct in6_addr *group, bool in);
void awl__sim_packets_free(struct awl__sim *s); /* those on their way */

#endif
