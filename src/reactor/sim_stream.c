/* SPDX-License-Identifier: MIT */
/*
 * sim_stream.c - what passes between two connected stream sockets: bytes in order, the end of the
 * file, resets; in a time that the line takes, and never more than the buffers hold.
 */
#include "reactor/sim_stream.h"
#include "base/alloc.h"

#include <string.h>

#define PIECE_MIN 512u
#define RETRANSMIT INT64_C(200000000)

struct piece {
	struct awl__list link;
	int64_t due;
	struct awl__sim_rights *rights; /* with its first byte */
	uint32_t begin, end, room;
	char bytes[];
};

static struct piece *piece_at(struct awl__list *node)
{
	return awl__container(node, struct piece, link);
}

static bool is_unix(const struct awl__sim_stream *k)
{
	return k->socket.domain == AF_UNIX;
}

/* --- arriving --- */

static void drop_piece(struct awl__sim *s, struct awl__sim_stream *k, struct piece *p)
{
	if (k->next == &p->link)
		k->next = p->link.next;
	awl__list_remove(&p->link);
	awl__sim_rights_free(s, p->rights);
	awl__free(p);
}

static void drop_coming(struct awl__sim *s, struct awl__sim_stream *k)
{
	while (k->next != &k->pieces)
		drop_piece(s, k, piece_at(k->next));
	k->coming = 0;
}

static void on_reset(struct awl__sim *s, struct awl__sim_stream *k)
{
	drop_coming(s, k);
	k->reset = INT64_MAX;
	k->socket.error = k->ended ? -EPIPE : -ECONNRESET;
	k->state = AWL__SIM_FRESH;
	k->shut_in = k->shut_out = true;
	if (k->peer)
		k->peer->peer = NULL;
	k->peer = NULL;
}

/* When the first piece under way can be here; INT64_MAX: there is none, or no room for it. */
static int64_t piece_due(const struct awl__sim_stream *k)
{
	uint32_t max = (uint32_t)k->socket.options[AWL__SIM_RCVBUF];
	const struct piece *p = piece_at(k->next);

	if (k->next == &k->pieces)
		return INT64_MAX;
	return k->here == 0 || k->here + (p->end - p->begin) <= max ? p->due : INT64_MAX;
}

static int64_t fin_due(const struct awl__sim_stream *k)
{
	return k->next == &k->pieces && !k->ended ? k->fin : INT64_MAX;
}

static int64_t next_due(const struct awl__sim_stream *k)
{
	int64_t due = piece_due(k) < fin_due(k) ? piece_due(k) : fin_due(k);

	return due < k->reset ? due : k->reset;
}

static void land_piece(struct awl__sim_stream *k)
{
	const struct piece *p = piece_at(k->next);

	k->next = k->next->next;
	k->here += p->end - p->begin;
	k->coming -= p->end - p->begin;
}

static void land_first(struct awl__sim *s, struct awl__sim_stream *k)
{
	int64_t due = next_due(k);

	if (piece_due(k) == due) {
		land_piece(k);
	} else if (fin_due(k) == due) {
		k->ended = true;
		k->shut_in |= is_unix(k);
	} else {
		on_reset(s, k);
	}
}

void awl__sim_stream_land(struct awl__sim *s, struct awl__sim_stream *k)
{
	int64_t now = awl__sim_now(s);
	bool any = false;

	if (k->state != AWL__SIM_CONNECTED)
		return;
	while (next_due(k) <= now && !awl__sim_cut(s, &k->socket.host, &k->socket.far)) {
		land_first(s, k);
		any = true;
	}
	if (k->state == AWL__SIM_CONNECTED)
		awl__sim_event_at(s, &k->event, next_due(k) > now ? next_due(k) : INT64_MAX);
	if (!any)
		return;
	awl__sim_stream_touch(s, k);
	awl__sim_stream_touch(s, k->peer);
}

static void stream_event(struct awl__sim *s, struct awl__sim_event *e)
{
	struct awl__sim_stream *k = awl__container(e, struct awl__sim_stream, event);

	if (k->state == AWL__SIM_CONNECTING)
		awl__sim_connect_step(s, k);
	else
		awl__sim_stream_land(s, k);
}

void awl__sim_stream_healed(struct awl__sim *s, struct awl__sim_file *f)
{
	if (f->kind == &awl__sim_stream_kind)
		awl__sim_stream_land(s, awl__sim_stream_of(f));
}

/* --- sending --- */

/* In order: nothing overtakes what was sent before. */
static int64_t arrival(struct awl__sim *s, struct awl__sim_stream *from, struct awl__sim_stream *to,
	uint32_t bytes)
{
	const struct awl__sim_line *line = awl__sim_line_of(s, &from->socket);
	int64_t due = awl__sim_arrival(s, &from->socket, line, bytes);

	if (awl__sim_one_in(s, line->loss_in))
		due += RETRANSMIT;
	if (due > to->sent)
		to->sent = due;
	return to->sent;
}

void awl__sim_stream_send_fin(struct awl__sim *s, struct awl__sim_stream *from)
{
	struct awl__sim_stream *to = from->peer;

	if (!to || to->fin != INT64_MAX)
		return;
	to->fin = arrival(s, from, to, 0);
	awl__sim_stream_land(s, to);
}

void awl__sim_stream_send_reset(struct awl__sim *s, struct awl__sim_stream *from)
{
	struct awl__sim_stream *to = from->peer;

	if (!to || to->reset != INT64_MAX)
		return;
	to->reset = arrival(s, from, to, 0);
	awl__sim_stream_land(s, to);
}

static uint32_t room_of(const struct awl__sim_stream *k)
{
	uint32_t max = (uint32_t)k->socket.options[AWL__SIM_SNDBUF];

	if (!k->peer)
		return max;
	return k->peer->coming < max ? max - k->peer->coming : 0;
}

/* One that n bytes more go to: the last, if it is there at the same time and has room. */
static struct piece *piece_for(struct awl__sim_stream *from, uint32_t n, bool fresh, int64_t due)
{
	struct awl__sim_stream *to = from->peer;
	struct piece *p = to->next == &to->pieces ? NULL : piece_at(to->pieces.prev);
	uint32_t room = n < PIECE_MIN ? PIECE_MIN : n;

	if (!p || fresh || p->rights || p->due < due || p->room - p->end < n) {
		p = awl__alloc(sizeof *p + room);
		if (!p)
			return NULL;
		*p = (struct piece){ .due = due, .room = room };
		awl__list_push(&to->pieces, &p->link);
		if (to->next == &to->pieces)
			to->next = &p->link;
	}
	return p;
}

/* The other end is closed, and says so. */
static int32_t send_to_nobody(struct awl__sim *s, struct awl__sim_stream *k, uint32_t n)
{
	const struct awl__sim_line *line = awl__sim_line_of(s, &k->socket);
	int64_t back = awl__sim_arrival(s, &k->socket, line, n) + line->latency;

	if (back < k->reset)
		k->reset = back;
	awl__sim_stream_land(s, k);
	return (int32_t)n;
}

static int32_t send_bytes(
	struct awl__sim *s, struct awl__sim_stream *k, struct awl__sim_bytes *b, uint32_t max)
{
	uint32_t n = awl__sim_least(awl__sim_least(b->left, max), room_of(k));
	struct awl__sim_rights *rights;
	struct piece *p;
	int64_t due;
	int err;

	if (n == 0)
		return 0;
	if (!k->peer)
		return send_to_nobody(s, k, n);
	err = awl__sim_rights_take(s, is_unix(k) ? b->hdr : NULL, &rights);
	if (err < 0)
		return err;
	due = arrival(s, k, k->peer, n);
	p = piece_for(k, n, rights != NULL, due);
	if (!p) {
		awl__sim_rights_free(s, rights);
		return -ENOMEM;
	}
	if (rights)
		p->rights = rights;
	awl__sim_bytes_get(b, p->bytes + p->end, n);
	p->end += n;
	k->peer->coming += n;
	awl__sim_stream_land(s, k->peer);
	return (int32_t)n;
}

static int32_t out_error(const struct awl__sim_stream *k)
{
	if (k->socket.error && !(is_unix(k) && k->shut_out))
		return k->socket.error;
	if (k->state == AWL__SIM_CONNECTING)
		return AWL__SIM_NOT_NOW;
	if (k->shut_out)
		return -EPIPE;
	if (k->state != AWL__SIM_CONNECTED)
		return is_unix(k) ? -ENOTCONN : -EPIPE;
	return 0;
}

static int32_t stream_send(
	struct awl__sim *s, struct awl__sim_stream *k, const struct awl__op *op, uint32_t max)
{
	int32_t err = out_error(k);
	struct awl__sim_bytes b;

	if (err < 0) {
		if (err == k->socket.error)
			k->socket.error = 0;
		return err;
	}
	if (awl__sim_one_in(s, s->faults.nobufs_in))
		return -ENOBUFS;
	awl__sim_bytes_of(op, &b);
	return send_bytes(s, k, &b, max);
}

/* --- receiving --- */

/* What a read gives without a byte; AWL__SIM_NOT_NOW: it waits for one. */
static int32_t in_error(const struct awl__sim_stream *k)
{
	if (k->ended)
		return 0;
	if (k->socket.error)
		return k->socket.error;
	if (k->shut_in)
		return 0;
	if (k->state == AWL__SIM_CONNECTED || k->state == AWL__SIM_CONNECTING)
		return AWL__SIM_NOT_NOW;
	return is_unix(k) ? -EINVAL : -ENOTCONN;
}

static void begin_message(const struct awl__sim_bytes *b)
{
	if (!b->hdr)
		return;
	b->hdr->msg_namelen = 0;
	b->hdr->msg_flags = 0;
}

static int32_t peek_bytes(struct awl__sim_stream *k, struct awl__sim_bytes *b, uint32_t n)
{
	uint32_t wanted = n;

	awl__list_each (node, &k->pieces) {
		struct piece *p = piece_at(node);
		uint32_t len = awl__sim_least(n, p->end - p->begin);

		if (n == 0 || node == k->next)
			break;
		awl__sim_bytes_put(b, p->bytes + p->begin, len);
		n -= len;
	}
	return (int32_t)(wanted - n);
}

/* As the kernel: a message that brings descriptors may begin with earlier bytes, and ends with its
 * own. */
static int32_t take_bytes(
	struct awl__sim *s, struct awl__sim_stream *k, struct awl__sim_bytes *b, uint32_t n)
{
	struct awl__sim_rights *rights = NULL;
	uint32_t wanted = n;

	while (n > 0 && k->pieces.next != k->next && !rights) {
		struct piece *p = piece_at(k->pieces.next);
		uint32_t len = awl__sim_least(n, p->end - p->begin);

		rights = p->rights;
		p->rights = NULL;
		awl__sim_bytes_put(b, p->bytes + p->begin, len);
		p->begin += len;
		n -= len;
		k->here -= len;
		if (p->begin == p->end)
			drop_piece(s, k, p);
	}
	awl__sim_rights_give(s, &rights, b->hdr);
	return (int32_t)(wanted - n);
}

static int32_t stream_receive(
	struct awl__sim *s, struct awl__sim_stream *k, const struct awl__op *op, uint32_t max)
{
	struct awl__sim_bytes b;
	int32_t res;
	uint32_t n;

	awl__sim_bytes_of(op, &b);
	begin_message(&b);
	if (b.hdr && (k->here == 0 || (b.flags & MSG_PEEK)))
		b.hdr->msg_controllen = 0;
	if (k->here == 0) {
		res = b.left > 0 ? in_error(k) : 0;
		if (res < 0 && res == k->socket.error)
			k->socket.error = 0;
		return res;
	}
	n = awl__sim_least(awl__sim_least(b.left, max), k->here);
	if (b.flags & MSG_PEEK)
		return peek_bytes(k, &b, n);
	res = take_bytes(s, k, &b, n);
	awl__sim_stream_land(s, k); /* there is room again */
	return res;
}

/* --- the kind --- */

static void break_both(struct awl__sim *s, struct awl__sim_stream *k)
{
	awl__sim_stream_send_reset(s, k);
	on_reset(s, k);
	awl__sim_event_at(s, &k->event, INT64_MAX);
	awl__sim_stream_touch(s, k);
}

static int32_t stream_gate(
	struct awl__sim *s, const struct awl__sim_file *f, const struct awl__op *op)
{
	const struct awl__sim_stream *k = awl__sim_stream_of(f);

	(void)s;
	switch ((enum awl__op_kind)op->kind) {
	case AWL__OP_ACCEPT:
		return awl__sim_accept_gate(k);
	case AWL__OP_CONNECT:
		return awl__sim_connect_gate(k);
	case AWL__OP_READ:
	case AWL__OP_RECV:
	case AWL__OP_RECVMSG:
		return k->here > 0 || awl__sim_length(op) == 0 ? 0 : in_error(k);
	default:
		if (out_error(k) < 0)
			return out_error(k);
		return room_of(k) > 0 || awl__sim_length(op) == 0 ? 0 : AWL__SIM_NOT_NOW;
	}
}

static int32_t stream_perform(
	struct awl__sim *s, struct awl__sim_file *f, struct awl__op *op, uint32_t max)
{
	struct awl__sim_stream *k = awl__sim_stream_of(f);

	if (op->kind == AWL__OP_ACCEPT)
		return awl__sim_accept(s, k, op);
	if (op->kind == AWL__OP_CONNECT)
		return awl__sim_connect(s, k, op);
	if (k->state == AWL__SIM_CONNECTED &&
		awl__sim_one_in(s, awl__sim_line_of(s, &k->socket)->reset_in))
		break_both(s, k);
	if (op->kind == AWL__OP_READ || op->kind == AWL__OP_RECV || op->kind == AWL__OP_RECVMSG)
		return stream_receive(s, k, op, max);
	return stream_send(s, k, op, max);
}

static uint32_t stream_events(struct awl__sim *s, const struct awl__sim_file *f)
{
	const struct awl__sim_stream *k = awl__sim_stream_of(f);
	bool no_more = k->ended || k->shut_in;
	uint32_t e = k->socket.error ? POLLERR : 0;

	(void)s;
	if (k->state == AWL__SIM_LISTENING)
		return k->backlog_count > 0 ? POLLIN | POLLRDNORM : 0;
	if (k->state == AWL__SIM_CONNECTING)
		return 0;
	if (k->here > 0 || no_more || k->socket.error)
		e |= POLLIN | POLLRDNORM;
	if (no_more)
		e |= POLLRDHUP;
	if (k->state == AWL__SIM_FRESH || (no_more && k->shut_out))
		e |= POLLHUP;
	if (k->state == AWL__SIM_FRESH || k->shut_out || room_of(k) > 0)
		e |= POLLOUT | POLLWRNORM;
	return e;
}

int awl__sim_stream_shutdown(struct awl__sim *s, struct awl__sim_socket *socket, int how)
{
	struct awl__sim_stream *k = awl__sim_stream_of(&socket->file);

	if (how != SHUT_RD && how != SHUT_WR && how != SHUT_RDWR)
		return -EINVAL;
	if (k->state == AWL__SIM_LISTENING && how != SHUT_WR) {
		awl__sim_connect_end(s, k);
		return 0;
	}
	if (k->state != AWL__SIM_CONNECTED)
		return -ENOTCONN;
	if (how != SHUT_RD) {
		k->shut_out = true;
		awl__sim_stream_send_fin(s, k);
	}
	if (how != SHUT_WR) {
		k->shut_in = true;
		if (is_unix(k) && k->peer)
			k->peer->shut_out = true;
		awl__sim_stream_touch(s, k->peer);
	}
	awl__sim_stream_touch(s, k);
	return 0;
}

/*
 * As the kernel: what was left unread, or a linger of nothing, makes the close a reset; what is
 * still under way to it then brings one about when it arrives.
 */
static void stream_close(struct awl__sim *s, struct awl__sim_file *f)
{
	struct awl__sim_stream *k = awl__sim_stream_of(f), *peer = k->peer;
	bool coming = k->coming > 0;

	awl__sim_connect_end(s, k);
	awl__sim_unbind(&k->socket);
	awl__sim_event_at(s, &k->event, INT64_MAX);
	if (!peer)
		return;
	if (k->here > 0 || (coming && is_unix(k)) || k->socket.linger) {
		awl__sim_stream_send_reset(s, k);
	} else {
		awl__sim_stream_send_fin(s, k);
		if (coming)
			awl__sim_stream_send_reset(s, k);
		if (is_unix(k))
			peer->shut_out = true;
	}
	awl__sim_stream_touch(s, peer);
	if (k->peer)
		k->peer->peer = NULL;
	k->peer = NULL;
	drop_coming(s, k);
}

static void stream_free(struct awl__sim *s, struct awl__sim_file *f)
{
	struct awl__sim_stream *k = awl__sim_stream_of(f);
	struct awl__list *node;

	while ((node = awl__list_pop(&k->pieces))) {
		awl__sim_rights_free(s, piece_at(node)->rights);
		awl__free(piece_at(node));
	}
	awl__sim_event_fini(s, &k->event);
	awl__free(k);
}

const struct awl__sim_kind awl__sim_stream_kind = {
	.is_socket = true,
	.gate = stream_gate,
	.perform = stream_perform,
	.events = stream_events,
	.close = stream_close,
	.free = stream_free,
};

struct awl__sim_socket *awl__sim_stream_new(struct awl__sim *s, int domain)
{
	struct awl__sim_stream *k = awl__alloc_zero(sizeof *k);

	if (!k)
		return NULL;
	if (awl__sim_event_init(s, &k->event, stream_event) < 0) {
		awl__free(k);
		return NULL;
	}
	awl__sim_socket_init(s, &k->socket, &awl__sim_stream_kind, domain, SOCK_STREAM);
	awl__list_init(&k->pieces);
	awl__list_init(&k->place);
	awl__list_init(&k->backlog);
	k->next = &k->pieces;
	k->fin = k->reset = INT64_MAX;
	return &k->socket;
}

void awl__sim_stream_join(struct awl__sim_stream *a, struct awl__sim_stream *b)
{
	a->peer = b;
	b->peer = a;
	b->state = AWL__SIM_CONNECTED;
	b->told = true;
}

int awl__sim_stream_pair(struct awl__sim *s, struct awl__sim_socket *k[2])
{
	for (int i = 0; i < 2; i++) {
		k[i] = awl__sim_stream_new(s, AF_UNIX);
		if (!k[i] && i == 1)
			awl__sim_file_drop(s, &k[0]->file);
		if (!k[i])
			return -ENOMEM;
	}
	awl__sim_stream_join(awl__sim_stream_of(&k[0]->file), awl__sim_stream_of(&k[1]->file));
	awl__sim_stream_of(&k[0]->file)->state = AWL__SIM_CONNECTED;
	awl__sim_stream_of(&k[0]->file)->told = true;
	return 0;
}

bool awl__sim_is_connected(const struct awl__sim_socket *k)
{
	return awl__sim_stream_of(&k->file)->state == AWL__SIM_CONNECTED;
}
