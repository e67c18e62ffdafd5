/* SPDX-License-Identifier: MIT */
/*
 * sim_dgram.h - datagram sockets from inside: what sim_packet.c (a datagram's way) and sim_dgram.c
 * (its two ends) share.
 */
#ifndef AWL__SIM_DGRAM_H
#define AWL__SIM_DGRAM_H

#include "reactor/sim_message.h"
#include "reactor/sim_socket.h"

struct awl__sim_packet {
	struct awl__sim_event event;
	struct awl__list link; /* in a queue; on its way, in s->packets */
	struct awl__sim_way way;
	struct awl__sim_address from;
	bool is_refusal; /* on its way back: nobody was there */
	bool to_own_host; /* a group's members there get it too */
	struct awl__sim_rights *rights;
	uint32_t len;
	char bytes[];
};

struct awl__sim_dgram {
	struct awl__sim_socket socket;
	struct awl__sim_dgram *peer; /* a connected unix one's; NULL: gone, or none */
	struct awl__list queue, groups;
	uint32_t count, held; /* datagrams, and their bytes */
	bool shut_in, shut_out;
};

extern const struct awl__sim_kind awl__sim_dgram_kind;

static inline struct awl__sim_dgram *awl__sim_dgram_of(const struct awl__sim_file *f)
{
	return awl__container(awl__sim_socket_of(f), struct awl__sim_dgram, socket);
}

static inline bool awl__sim_dgram_is_unix(const struct awl__sim_dgram *k)
{
	return k->socket.domain == AF_UNIX;
}

/* NULL: no memory. In s->packets until it is in a queue. */
struct awl__sim_packet *awl__sim_packet_new(struct awl__sim *s, uint32_t len);
void awl__sim_packet_free(struct awl__sim *s, struct awl__sim_packet *p);
/* The first of a queue. */
static inline struct awl__sim_packet *awl__sim_packet_first(const struct awl__list *queue)
{
	return awl__container(queue->next, struct awl__sim_packet, link);
}

/* No room for so many bytes. */
bool awl__sim_dgram_is_full(const struct awl__sim_dgram *k, uint32_t len);
/* Into the queue, or lost. */
void awl__sim_packet_put(struct awl__sim *s, struct awl__sim_dgram *k, struct awl__sim_packet *p);
/* It leaves for where its way says: to get there, once or twice, or to be lost. */
void awl__sim_packet_send(
	struct awl__sim *s, struct awl__sim_dgram *from, struct awl__sim_packet *p);

void awl__sim_groups_free(struct awl__sim_dgram *k);

#endif
