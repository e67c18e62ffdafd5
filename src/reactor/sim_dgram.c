/* SPDX-License-Identifier: MIT */
/*
 * sim_dgram.c - datagram sockets: each datagram whole, with its sender; on unix sockets never lost,
 * since who sends waits for room.
 */
#include "reactor/sim_dgram.h"
#include "base/alloc.h"

#include <string.h>

#define UDP_MAX 65507u

/* --- sending --- */

static bool has_name(const struct awl__sim_bytes *b)
{
	return b->hdr && b->hdr->msg_name && b->hdr->msg_namelen > 0;
}

static int32_t address_of(
	const struct awl__sim_dgram *k, const struct awl__sim_bytes *b, struct awl__sim_address *to)
{
	int err;

	if (!has_name(b)) {
		*to = k->socket.remote;
		if (to->family)
			return 0;
		return awl__sim_dgram_is_unix(k) ? -ENOTCONN : -EDESTADDRREQ;
	}
	err = awl__sim_address_read(to, k->socket.domain, b->hdr->msg_name, b->hdr->msg_namelen);
	if (err == 0)
		awl__sim_target(to);
	return err;
}

/* Whom a unix datagram is for; NULL, and why. */
static struct awl__sim_dgram *unix_target(struct awl__sim *s, const struct awl__sim_dgram *k,
	const struct awl__sim_bytes *b, int32_t *err)
{
	struct awl__sim_way way = { .type = SOCK_DGRAM, .host = k->socket.host };
	struct awl__sim_socket *found;
	struct awl__sim_dgram *to = k->peer;

	*err = address_of(k, b, &way.to);
	if (*err < 0)
		return NULL;
	if (has_name(b)) {
		found = awl__sim_find(s, &way, err);
		to = found ? awl__sim_dgram_of(&found->file) : NULL;
	} else {
		*err = -ECONNREFUSED; /* the peer is gone */
	}
	if (to)
		*err = to->shut_in ? -EPIPE : to->peer && to->peer != k ? -EPERM : 0;
	return *err < 0 ? NULL : to;
}

static int32_t send_unix(struct awl__sim *s, struct awl__sim_dgram *k, struct awl__sim_bytes *b)
{
	uint32_t len = b->left;
	struct awl__sim_rights *rights;
	struct awl__sim_packet *p;
	struct awl__sim_dgram *to;
	int32_t err;

	to = unix_target(s, k, b, &err);
	if (!to)
		return err;
	if (len > (uint32_t)k->socket.options[AWL__SIM_SNDBUF])
		return -EMSGSIZE;
	err = awl__sim_rights_take(s, b->hdr, &rights);
	if (err < 0)
		return err;
	p = awl__sim_packet_new(s, len);
	if (!p) {
		awl__sim_rights_free(s, rights);
		return -ENOMEM;
	}
	p->rights = rights;
	p->from = k->socket.local;
	awl__sim_bytes_get(b, p->bytes, len);
	awl__sim_packet_put(s, to, p);
	return (int32_t)len;
}

static int32_t send_udp(struct awl__sim *s, struct awl__sim_dgram *k, struct awl__sim_bytes *b)
{
	uint32_t len = b->left;
	struct awl__sim_address to;
	struct awl__sim_packet *p;
	int32_t err = address_of(k, b, &to);

	if (err < 0)
		return err;
	if (awl__sim_is_broadcast(&to.ip) && !k->socket.options[AWL__SIM_BROADCAST])
		return -EACCES;
	if (len > UDP_MAX)
		return -EMSGSIZE;
	err = awl__sim_autobind(s, &k->socket);
	p = err < 0 ? NULL : awl__sim_packet_new(s, len);
	if (!p)
		return err < 0 ? err : -ENOMEM;
	p->way = (struct awl__sim_way){
		.type = SOCK_DGRAM,
		.host = k->socket.host,
		.port = k->socket.local.port,
		.to = to,
	};
	p->to_own_host = k->socket.options[k->socket.domain == AF_INET ? AWL__SIM_MULTICAST_LOOP
								       : AWL__SIM_MULTICAST6_LOOP];
	p->from = awl__sim_source(&k->socket, &to);
	awl__sim_bytes_get(b, p->bytes, len);
	awl__sim_packet_send(s, k, p);
	return (int32_t)len;
}

static int32_t dgram_send(struct awl__sim *s, struct awl__sim_dgram *k, const struct awl__op *op)
{
	struct awl__sim_bytes b;

	if (k->socket.error)
		return awl__sim_take_error(&k->socket);
	if (k->shut_out)
		return -EPIPE;
	if (awl__sim_one_in(s, s->faults.nobufs_in))
		return -ENOBUFS;
	awl__sim_bytes_of(op, &b);
	return awl__sim_dgram_is_unix(k) ? send_unix(s, k, &b) : send_udp(s, k, &b);
}

static struct awl__sim_file *file_at(struct awl__list *node)
{
	return awl__container(node, struct awl__sim_file, all);
}

/* Of unix sockets: who waits for room at one that was full. */
static void wake_senders(struct awl__sim *s)
{
	awl__list_each (node, &s->files)
		if (file_at(node)->kind == &awl__sim_dgram_kind &&
			awl__sim_dgram_is_unix(awl__sim_dgram_of(file_at(node))))
			awl__sim_touch(s, file_at(node));
}

/* --- receiving --- */

static void take_first(struct awl__sim *s, struct awl__sim_dgram *k, struct awl__sim_packet *p)
{
	bool was_full = awl__sim_dgram_is_unix(k) && awl__sim_dgram_is_full(k, 0);

	k->count--;
	k->held -= p->len;
	awl__sim_packet_free(s, p);
	if (was_full)
		wake_senders(s);
}

static int32_t dgram_receive(struct awl__sim *s, struct awl__sim_dgram *k, const struct awl__op *op)
{
	struct awl__sim_bytes b;
	struct awl__sim_packet *p;
	uint32_t n, len;

	if (k->socket.error)
		return awl__sim_take_error(&k->socket);
	if (awl__list_empty(&k->queue))
		return k->shut_in ? 0 : AWL__SIM_NOT_NOW;
	awl__sim_bytes_of(op, &b);
	p = awl__sim_packet_first(&k->queue);
	len = p->len;
	n = awl__sim_least(b.left, len);
	awl__sim_bytes_put(&b, p->bytes, n);
	if (b.hdr) {
		b.hdr->msg_flags = n < len ? MSG_TRUNC : 0;
		awl__sim_address_write(
			&p->from, k->socket.domain, b.hdr->msg_name, &b.hdr->msg_namelen);
		if (!p->from.family) /* a unix socket that is not bound */
			b.hdr->msg_namelen = 0;
	}
	if (b.flags & MSG_PEEK) {
		if (b.hdr)
			b.hdr->msg_controllen = 0;
	} else {
		awl__sim_rights_give(s, &p->rights, b.hdr);
		take_first(s, k, p);
	}
	return (int32_t)(b.flags & MSG_TRUNC ? len : n);
}

/* --- connecting --- */

static int32_t dgram_connect(struct awl__sim *s, struct awl__sim_dgram *k, const struct awl__op *op)
{
	struct awl__sim_way way = { .type = SOCK_DGRAM, .host = k->socket.host };
	const struct sockaddr *addr = op->u.connect.addr;
	struct awl__sim_socket *found;
	int err;

	if (op->u.connect.len >= sizeof addr->sa_family && addr->sa_family == AF_UNSPEC) {
		k->socket.remote.family = 0;
		k->peer = NULL;
		return 0;
	}
	err = awl__sim_address_read(&way.to, k->socket.domain, addr, op->u.connect.len);
	if (err < 0)
		return err;
	if (!awl__sim_dgram_is_unix(k)) {
		err = awl__sim_autobind(s, &k->socket);
		if (err == 0)
			awl__sim_aim(&k->socket, &way.to);
		return err;
	}
	found = awl__sim_find(s, &way, &err);
	if (!found)
		return err;
	k->peer = awl__sim_dgram_of(&found->file);
	k->socket.remote = way.to;
	return 0;
}

/* --- the kind --- */

static bool stuck(struct awl__sim *s, const struct awl__sim_dgram *k, const struct awl__op *op)
{
	struct awl__sim_bytes b;
	struct awl__sim_dgram *to;
	int32_t err;

	if (!awl__sim_dgram_is_unix(k) || k->socket.error || k->shut_out)
		return false;
	awl__sim_bytes_of(op, &b);
	to = unix_target(s, k, &b, &err);
	return to && awl__sim_dgram_is_full(to, b.left);
}

static int32_t dgram_gate(
	struct awl__sim *s, const struct awl__sim_file *f, const struct awl__op *op)
{
	const struct awl__sim_dgram *k = awl__sim_dgram_of(f);

	switch ((enum awl__op_kind)op->kind) {
	case AWL__OP_READ:
	case AWL__OP_RECV:
	case AWL__OP_RECVMSG:
		return k->count > 0 || k->shut_in || k->socket.error ? 0 : AWL__SIM_NOT_NOW;
	case AWL__OP_WRITE:
	case AWL__OP_SEND:
	case AWL__OP_SENDMSG:
		return stuck(s, k, op) ? AWL__SIM_NOT_NOW : 0;
	default:
		return 0;
	}
}

static int32_t dgram_perform(
	struct awl__sim *s, struct awl__sim_file *f, struct awl__op *op, uint32_t max)
{
	struct awl__sim_dgram *k = awl__sim_dgram_of(f);

	(void)max;
	switch ((enum awl__op_kind)op->kind) {
	case AWL__OP_READ:
	case AWL__OP_RECV:
	case AWL__OP_RECVMSG:
		return dgram_receive(s, k, op);
	case AWL__OP_CONNECT:
		return dgram_connect(s, k, op);
	case AWL__OP_ACCEPT:
		return -EOPNOTSUPP;
	default:
		return dgram_send(s, k, op);
	}
}

static uint32_t dgram_events(struct awl__sim *s, const struct awl__sim_file *f)
{
	const struct awl__sim_dgram *k = awl__sim_dgram_of(f);
	uint32_t e = k->socket.error ? POLLERR : 0;

	(void)s;
	if (k->count > 0 || k->shut_in || k->socket.error)
		e |= POLLIN | POLLRDNORM;
	if (k->shut_in)
		e |= POLLRDHUP | (k->shut_out ? POLLHUP : 0);
	if (!k->peer || !awl__sim_dgram_is_full(k->peer, 0))
		e |= POLLOUT | POLLWRNORM;
	return e;
}

int awl__sim_dgram_shutdown(struct awl__sim *s, struct awl__sim_socket *socket, int how)
{
	struct awl__sim_dgram *k = awl__sim_dgram_of(&socket->file);

	if (how != SHUT_RD && how != SHUT_WR && how != SHUT_RDWR)
		return -EINVAL;
	if (!socket->remote.family && !k->peer)
		return -ENOTCONN;
	k->shut_in |= how != SHUT_WR;
	k->shut_out |= how != SHUT_RD;
	awl__sim_touch(s, &socket->file);
	if (awl__sim_dgram_is_unix(k))
		wake_senders(s);
	return 0;
}

static void forget_peer(struct awl__sim *s, const struct awl__sim_dgram *gone)
{
	awl__list_each (node, &s->files)
		if (file_at(node)->kind == &awl__sim_dgram_kind &&
			awl__sim_dgram_of(file_at(node))->peer == gone) {
			awl__sim_dgram_of(file_at(node))->peer = NULL;
			awl__sim_touch(s, file_at(node));
		}
}

static void dgram_close(struct awl__sim *s, struct awl__sim_file *f)
{
	struct awl__sim_dgram *k = awl__sim_dgram_of(f);

	awl__sim_unbind(&k->socket);
	if (!awl__sim_dgram_is_unix(k))
		return;
	forget_peer(s, k);
	wake_senders(s);
}

static void dgram_free(struct awl__sim *s, struct awl__sim_file *f)
{
	struct awl__sim_dgram *k = awl__sim_dgram_of(f);

	while (!awl__list_empty(&k->queue))
		awl__sim_packet_free(s, awl__sim_packet_first(&k->queue));
	awl__sim_groups_free(k);
	awl__free(k);
}

const struct awl__sim_kind awl__sim_dgram_kind = {
	.is_socket = true,
	.gate = dgram_gate,
	.perform = dgram_perform,
	.events = dgram_events,
	.close = dgram_close,
	.free = dgram_free,
};

struct awl__sim_socket *awl__sim_dgram_new(struct awl__sim *s, int domain)
{
	struct awl__sim_dgram *k = awl__alloc_zero(sizeof *k);

	if (!k)
		return NULL;
	awl__sim_socket_init(s, &k->socket, &awl__sim_dgram_kind, domain, SOCK_DGRAM);
	awl__list_init(&k->queue);
	awl__list_init(&k->groups);
	return &k->socket;
}

int awl__sim_dgram_pair(struct awl__sim *s, struct awl__sim_socket *k[2])
{
	k[0] = awl__sim_dgram_new(s, AF_UNIX);
	k[1] = k[0] ? awl__sim_dgram_new(s, AF_UNIX) : NULL;
	if (!k[1]) {
		if (k[0])
			awl__sim_file_drop(s, &k[0]->file);
		return -ENOMEM;
	}
	for (int i = 0; i < 2; i++) {
		awl__sim_dgram_of(&k[i]->file)->peer = awl__sim_dgram_of(&k[!i]->file);
		k[i]->remote.family = AF_UNIX;
	}
	return 0;
}
