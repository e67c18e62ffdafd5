/* SPDX-License-Identifier: MIT */
/*
 * sim_connect.c - how two stream sockets meet: a listener's backlog, and a connect that knocks,
 * waits for the answer, and knocks again where none comes, for two minutes, as TCP does. A unix
 * socket is answered at once.
 */
#include "reactor/sim_stream.h"

#define SECOND INT64_C(1000000000)
#define TRIES 7 /* after 1, 2, 4, ... 64 seconds: given up after 127 */
#define BACKLOG_MAX 4096

static struct awl__sim_stream *placed_at(struct awl__list *node)
{
	return awl__container(node, struct awl__sim_stream, place);
}

static bool is_full(const struct awl__sim_stream *listener)
{
	return listener->backlog_count > listener->backlog_max;
}

/* --- listening --- */

int awl__sim_listen(struct awl__sim *s, struct awl__sim_socket *socket, int backlog)
{
	struct awl__sim_stream *k = awl__sim_stream_of(&socket->file);
	int err;

	if (k->state != AWL__SIM_FRESH && k->state != AWL__SIM_LISTENING)
		return -EINVAL;
	if (socket->domain == AF_UNIX && !socket->local.family)
		return -EINVAL;
	err = awl__sim_autobind(s, socket);
	if (err < 0)
		return err;
	if (k->state == AWL__SIM_FRESH && awl__sim_taken(s, socket))
		return -EADDRINUSE;
	k->state = AWL__SIM_LISTENING;
	socket->listening = true;
	k->backlog_max = backlog < 0 || backlog > BACKLOG_MAX ? BACKLOG_MAX : (uint32_t)backlog;
	return 0;
}

int32_t awl__sim_accept_gate(const struct awl__sim_stream *k)
{
	return k->state == AWL__SIM_LISTENING && k->backlog_count == 0 ? AWL__SIM_NOT_NOW : 0;
}

/* The listener's end of a connection to be, in its backlog; false: no memory, or no room. */
static bool welcome(struct awl__sim *s, struct awl__sim_stream *l, struct awl__sim_stream *client)
{
	struct awl__sim_socket *made;
	struct awl__sim_stream *k;

	if (is_full(l) || !(made = awl__sim_stream_new(s, l->socket.domain)))
		return false;
	k = awl__sim_stream_of(&made->file);
	made->host = l->socket.host;
	made->far = client->socket.host;
	made->remote = client->socket.local;
	made->local = l->socket.domain == AF_UNIX ? l->socket.local : client->socket.remote;
	for (int i = 0; i < AWL__SIM_OPTION_COUNT; i++)
		made->options[i] = l->socket.options[i];
	awl__sim_stream_join(client, k);
	awl__list_push(&l->backlog, &k->place);
	l->backlog_count++;
	awl__sim_stream_touch(s, l);
	return true;
}

static void is_connected(struct awl__sim *s, struct awl__sim_stream *k)
{
	k->state = AWL__SIM_CONNECTED;
	awl__sim_stream_touch(s, k);
	awl__sim_stream_land(s, k);
}

int32_t awl__sim_accept(struct awl__sim *s, struct awl__sim_stream *l, const struct awl__op *op)
{
	struct awl__sim_stream *k;
	int fd;

	if (l->state != AWL__SIM_LISTENING)
		return -EINVAL;
	k = placed_at(l->backlog.next);
	fd = awl__sim_number_new(s, &k->socket.file);
	if (fd < 0)
		return fd;
	awl__list_take(&k->place);
	l->backlog_count--;
	awl__sim_address_write(
		&k->socket.remote, k->socket.domain, op->u.accept.addr, op->u.accept.len);
	return fd;
}

/* --- connecting --- */

static void fails(struct awl__sim *s, struct awl__sim_stream *k, int32_t err)
{
	if (k->peer)
		awl__sim_stream_send_reset(s, k);
	if (k->peer)
		k->peer->peer = NULL;
	k->peer = NULL;
	k->state = AWL__SIM_FRESH;
	k->socket.error = err;
	awl__sim_stream_touch(s, k);
}

static void try_later(struct awl__sim *s, struct awl__sim_stream *k)
{
	k->phase = AWL__SIM_KNOCKS_AGAIN;
	awl__sim_event_at(s, &k->event, awl__sim_now(s) + (SECOND << k->tries++));
}

/* The next phase, and when it is over. */
static void enter(struct awl__sim *s, struct awl__sim_stream *k, enum awl__sim_phase phase)
{
	int64_t over = awl__sim_arrival(s, &k->socket, awl__sim_line_of(s, &k->socket), 0);

	k->phase = phase;
	if (over > awl__sim_now(s))
		awl__sim_event_at(s, &k->event, over);
	else
		awl__sim_connect_step(s, k);
}

static struct awl__sim_socket *find(struct awl__sim *s, const struct awl__sim_stream *k, int *err)
{
	struct awl__sim_way way = {
		.type = SOCK_STREAM,
		.host = k->socket.host,
		.port = k->socket.local.port,
		.to = k->socket.remote,
	};

	return awl__sim_find(s, &way, err);
}

static void on_knock(struct awl__sim *s, struct awl__sim_stream *k)
{
	struct awl__sim_socket *found;
	int err;

	if (awl__sim_one_in(s, awl__sim_line_of(s, &k->socket)->loss_in)) {
		try_later(s, k);
		return;
	}
	found = find(s, k, &err);
	if (!found)
		enter(s, k, AWL__SIM_REFUSED);
	else if (welcome(s, awl__sim_stream_of(&found->file), k))
		enter(s, k, AWL__SIM_WELCOME);
	else
		try_later(s, k);
}

void awl__sim_connect_step(struct awl__sim *s, struct awl__sim_stream *k)
{
	if (k->phase == AWL__SIM_KNOCKS_AGAIN) {
		if (k->tries == TRIES)
			fails(s, k, -ETIMEDOUT);
		else
			enter(s, k, k->peer ? AWL__SIM_WELCOME : AWL__SIM_KNOCKS);
	} else if (awl__sim_cut(s, &k->socket.host, &k->socket.far)) {
		try_later(s, k);
	} else if (k->phase == AWL__SIM_KNOCKS) {
		on_knock(s, k);
	} else if (k->phase == AWL__SIM_REFUSED) {
		fails(s, k, -ECONNREFUSED);
	} else {
		is_connected(s, k);
	}
}

/* A full backlog is no wait: the kernel has nothing by which to tell when there is room. */
static int32_t begin_unix(struct awl__sim *s, struct awl__sim_stream *k)
{
	struct awl__sim_socket *found;
	struct awl__sim_stream *l;
	int err;

	found = find(s, k, &err);
	if (!found)
		return err;
	l = awl__sim_stream_of(&found->file);
	if (is_full(l))
		return -EAGAIN;
	k->socket.far = k->socket.host;
	if (!welcome(s, l, k))
		return -ENOMEM;
	is_connected(s, k);
	return 0;
}

static int32_t begin(struct awl__sim *s, struct awl__sim_stream *k, const struct awl__op *op)
{
	struct awl__sim_address to;
	int err =
		awl__sim_address_read(&to, k->socket.domain, op->u.connect.addr, op->u.connect.len);

	if (err < 0)
		return err;
	k->told = false;
	if (k->socket.domain == AF_UNIX) {
		k->socket.remote = to;
		return begin_unix(s, k);
	}
	err = awl__sim_autobind(s, &k->socket);
	if (err < 0)
		return err;
	awl__sim_aim(&k->socket, &to);
	k->shut_in = k->shut_out = k->ended = false;
	k->fin = k->reset = INT64_MAX;
	k->state = AWL__SIM_CONNECTING;
	k->tries = 0;
	enter(s, k, AWL__SIM_KNOCKS);
	return k->state == AWL__SIM_CONNECTING ? AWL__SIM_NOT_NOW : 0;
}

int32_t awl__sim_connect_gate(const struct awl__sim_stream *k)
{
	return k->state == AWL__SIM_CONNECTING ? AWL__SIM_NOT_NOW : 0;
}

/* As the kernel's: the first call begins, the one that finds it done tells how it went. */
int32_t awl__sim_connect(struct awl__sim *s, struct awl__sim_stream *k, const struct awl__op *op)
{
	int32_t err;

	if (k->state == AWL__SIM_LISTENING || (k->state == AWL__SIM_CONNECTED && k->told))
		return -EISCONN;
	if (k->state == AWL__SIM_FRESH && k->socket.error)
		return awl__sim_take_error(&k->socket);
	if (k->state == AWL__SIM_FRESH) {
		err = begin(s, k, op);
		if (err < 0)
			return err;
	}
	if (k->state == AWL__SIM_FRESH)
		return awl__sim_take_error(&k->socket);
	k->told = true;
	return 0;
}

/* --- the end --- */

void awl__sim_connect_end(struct awl__sim *s, struct awl__sim_stream *k)
{
	awl__list_take(&k->place);
	k->socket.listening = false;
	while (!awl__list_empty(&k->backlog)) {
		struct awl__sim_stream *left = placed_at(k->backlog.next);

		awl__list_take(&left->place);
		left->socket.linger = true;
		awl__sim_file_drop(s, &left->socket.file);
	}
	k->backlog_count = 0;
	if (k->state == AWL__SIM_LISTENING)
		k->state = AWL__SIM_FRESH;
	awl__sim_stream_touch(s, k);
}
