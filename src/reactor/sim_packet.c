/* SPDX-License-Identifier: MIT */
/*
 * sim_packet.c - a datagram's way through the network: to one, to a group's members or to all; lost
 * where nobody listens, where the buffer is full, and where the line loses it.
 */
#include "base/alloc.h"
#include "reactor/sim_dgram.h"

#include <string.h>

#define UNIX_QUEUE_MAX 10u /* datagrams, net.unix.max_dgram_qlen */
#define OVERTAKEN 1000000u /* ns: how much later one comes that others overtake */

struct membership {
	struct awl__list link;
	struct in6_addr group;
};

static struct awl__sim_file *file_at(struct awl__list *node)
{
	return awl__container(node, struct awl__sim_file, all);
}

static void packet_event(struct awl__sim *s, struct awl__sim_event *e);

struct awl__sim_packet *awl__sim_packet_new(struct awl__sim *s, uint32_t len)
{
	struct awl__sim_packet *p = awl__alloc(sizeof *p + len);

	if (!p)
		return NULL;
	*p = (struct awl__sim_packet){ .len = len };
	if (awl__sim_event_init(s, &p->event, packet_event) < 0) {
		awl__free(p);
		return NULL;
	}
	awl__list_push(&s->packets, &p->link);
	return p;
}

void awl__sim_packet_free(struct awl__sim *s, struct awl__sim_packet *p)
{
	awl__list_remove(&p->link);
	awl__sim_event_fini(s, &p->event);
	awl__sim_rights_free(s, p->rights);
	awl__free(p);
}

void awl__sim_packets_free(struct awl__sim *s)
{
	while (!awl__list_empty(&s->packets))
		awl__sim_packet_free(s, awl__sim_packet_first(&s->packets));
}

/* NULL: no memory, and the copy is lost. */
static struct awl__sim_packet *packet_copy(struct awl__sim *s, const struct awl__sim_packet *p)
{
	struct awl__sim_packet *copy = awl__sim_packet_new(s, p->len);

	if (!copy)
		return NULL;
	copy->way = p->way;
	copy->from = p->from;
	copy->to_own_host = p->to_own_host;
	memcpy(copy->bytes, p->bytes, p->len);
	return copy;
}

bool awl__sim_dgram_is_full(const struct awl__sim_dgram *k, uint32_t len)
{
	if (awl__sim_dgram_is_unix(k))
		return k->count > UNIX_QUEUE_MAX;
	return k->held + len > (uint32_t)k->socket.options[AWL__SIM_RCVBUF];
}

void awl__sim_packet_put(struct awl__sim *s, struct awl__sim_dgram *k, struct awl__sim_packet *p)
{
	if (k->shut_in || awl__sim_dgram_is_full(k, p->len)) {
		awl__sim_packet_free(s, p);
		return;
	}
	awl__list_remove(&p->link);
	awl__list_push(&k->queue, &p->link);
	k->count++;
	k->held += p->len;
	awl__sim_touch(s, &k->socket.file);
}

static const struct awl__sim_line *line_of(
	const struct awl__sim *s, const struct awl__sim_packet *p)
{
	struct in6_addr far = awl__sim_host_of(&p->way.host, &p->way.to.ip);

	return awl__sim_line_to(s, &p->way.host, &far);
}

/* --- arriving --- */

static bool is_member(const struct awl__sim_dgram *k, const struct in6_addr *group)
{
	awl__list_each (node, &k->groups) {
		const struct membership *m = awl__container(node, struct membership, link);

		if (memcmp(&m->group, group, sizeof *group) == 0)
			return true;
	}
	return false;
}

static bool is_for(
	struct awl__sim *s, const struct awl__sim_dgram *k, const struct awl__sim_packet *p)
{
	const struct awl__sim_address *to = &p->way.to;
	bool own = memcmp(&k->socket.host, &p->way.host, sizeof p->way.host) == 0;

	if (awl__sim_dgram_is_unix(k) || k->socket.local.port != to->port ||
		!k->socket.local.family || awl__sim_cut(s, &p->way.host, &k->socket.host))
		return false;
	if (awl__sim_is_broadcast(&to->ip))
		return awl__sim_is_any(&k->socket.local.ip);
	return is_member(k, &to->ip) && (!own || p->to_own_host);
}

static void arrive_at_many(struct awl__sim *s, struct awl__sim_packet *p)
{
	awl__list_each (node, &s->files) {
		struct awl__sim_packet *copy;

		if (file_at(node)->kind != &awl__sim_dgram_kind ||
			!is_for(s, awl__sim_dgram_of(file_at(node)), p))
			continue;
		copy = packet_copy(s, p);
		if (copy)
			awl__sim_packet_put(s, awl__sim_dgram_of(file_at(node)), copy);
	}
	awl__sim_packet_free(s, p);
}

static bool is_to_many(const struct awl__sim_address *to)
{
	return awl__sim_is_multicast(&to->ip) || awl__sim_is_broadcast(&to->ip);
}

/* The sender is told if it is connected, and so knows what it is about. */
static void arrive_back(struct awl__sim *s, struct awl__sim_packet *p)
{
	awl__list_each (node, &s->files) {
		struct awl__sim_socket *k = awl__sim_socket_of(file_at(node));

		if (file_at(node)->kind != &awl__sim_dgram_kind || k->domain == AF_UNIX ||
			!k->remote.family || !awl__sim_address_same(&k->local, &p->from) ||
			!awl__sim_address_same(&k->remote, &p->way.to))
			continue;
		k->error = -ECONNREFUSED;
		awl__sim_touch(s, &k->file);
	}
	awl__sim_packet_free(s, p);
}

static void arrive(struct awl__sim *s, struct awl__sim_packet *p)
{
	struct in6_addr far = awl__sim_host_of(&p->way.host, &p->way.to.ip);
	struct awl__sim_socket *to;
	int err;

	if (is_to_many(&p->way.to)) {
		arrive_at_many(s, p);
	} else if (awl__sim_cut(s, &p->way.host, &far)) {
		awl__sim_packet_free(s, p);
	} else if (p->is_refusal) {
		arrive_back(s, p);
	} else if ((to = awl__sim_find(s, &p->way, &err))) {
		awl__sim_packet_put(s, awl__sim_dgram_of(&to->file), p);
	} else {
		p->is_refusal = true;
		if (line_of(s, p)->latency > 0)
			awl__sim_event_at(s, &p->event, awl__sim_now(s) + line_of(s, p)->latency);
		else
			arrive_back(s, p);
	}
}

static void packet_event(struct awl__sim *s, struct awl__sim_event *e)
{
	arrive(s, awl__container(e, struct awl__sim_packet, event));
}

/* --- sending --- */

static void travel(struct awl__sim *s, struct awl__sim_dgram *from,
	const struct awl__sim_line *line, struct awl__sim_packet *p)
{
	int64_t due = awl__sim_arrival(s, &from->socket, line, p->len);

	if (awl__sim_one_in(s, line->reorder_in))
		due += 1 + (int64_t)(awl__sim_draw(s) % OVERTAKEN) + line->latency;
	if (due > awl__sim_now(s))
		awl__sim_event_at(s, &p->event, due);
	else
		arrive(s, p);
}

void awl__sim_packet_send(
	struct awl__sim *s, struct awl__sim_dgram *from, struct awl__sim_packet *p)
{
	const struct awl__sim_line *line = line_of(s, p);
	struct awl__sim_packet *again = NULL;

	if (awl__sim_one_in(s, line->loss_in)) {
		awl__sim_packet_free(s, p);
		return;
	}
	if (awl__sim_one_in(s, line->duplicate_in))
		again = packet_copy(s, p);
	travel(s, from, line, p);
	if (again)
		travel(s, from, line, again);
}

/* --- groups --- */

int awl__sim_dgram_join(
	struct awl__sim *s, struct awl__sim_socket *socket, const struct in6_addr *group, bool in)
{
	struct awl__sim_dgram *k = awl__sim_dgram_of(&socket->file);
	struct membership *m;

	(void)s;
	if (!awl__sim_is_multicast(group))
		return -EINVAL;
	if (in) {
		if (is_member(k, group))
			return -EADDRINUSE;
		m = awl__alloc(sizeof *m);
		if (!m)
			return -ENOMEM;
		m->group = *group;
		awl__list_push(&k->groups, &m->link);
		return 0;
	}
	awl__list_each (node, &k->groups) {
		m = awl__container(node, struct membership, link);
		if (memcmp(&m->group, group, sizeof *group) == 0) {
			awl__list_remove(node);
			awl__free(m);
			return 0;
		}
	}
	return -EADDRNOTAVAIL;
}

void awl__sim_groups_free(struct awl__sim_dgram *k)
{
	struct awl__list *node;

	while ((node = awl__list_pop(&k->groups)))
		awl__free(awl__container(node, struct membership, link));
}
