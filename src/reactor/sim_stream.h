/* SPDX-License-Identifier: MIT */
/*
 * sim_stream.h - stream sockets from inside: what sim_connect.c (how two meet) and sim_stream.c
 * (what passes between them) share.
 *
 * All that is under way to a socket lies with that socket: the bytes in pieces, then the end of the
 * file, then a reset, each with the time at which it is there. So an end can be closed and be gone
 * while what it has sent still travels.
 */
#ifndef AWL__SIM_STREAM_H
#define AWL__SIM_STREAM_H

#include "reactor/sim_message.h"
#include "reactor/sim_socket.h"

enum awl__sim_state {
	AWL__SIM_FRESH, /* or no longer connected */
	AWL__SIM_LISTENING,
	AWL__SIM_CONNECTING,
	AWL__SIM_CONNECTED,
};

/* Where a connection to be is. */
enum awl__sim_phase {
	AWL__SIM_KNOCKS, /* the first packet travels */
	AWL__SIM_REFUSED, /* the answer does */
	AWL__SIM_WELCOME,
	AWL__SIM_KNOCKS_AGAIN, /* no answer: a while later */
};

struct awl__sim_stream {
	struct awl__sim_socket socket;
	enum awl__sim_state state;
	enum awl__sim_phase phase;
	struct awl__sim_event event; /* the next thing that comes, or the next step of a connect */
	struct awl__sim_stream *peer; /* NULL: gone, or none */
	struct awl__list place; /* in a listener's backlog; else alone */

	struct awl__list pieces; /* to be read, then under way */
	struct awl__list *next; /* the first under way; &pieces: none */
	uint32_t here, coming; /* bytes */
	int64_t sent; /* when the last that the peer has sent is here */
	int64_t fin, reset; /* when they are here; INT64_MAX: not sent */
	bool ended, shut_in, shut_out; /* fin is here; shutdown */
	bool told; /* that it is connected */

	struct awl__list backlog; /* a listener's: those to be accepted */
	uint32_t backlog_count, backlog_max;
	int tries;
};

extern const struct awl__sim_kind awl__sim_stream_kind;

static inline struct awl__sim_stream *awl__sim_stream_of(const struct awl__sim_file *f)
{
	return awl__container(awl__sim_socket_of(f), struct awl__sim_stream, socket);
}

static inline void awl__sim_stream_touch(struct awl__sim *s, struct awl__sim_stream *k)
{
	if (k)
		awl__sim_touch(s, &k->socket.file);
}

/* What is due by now is here. */
void awl__sim_stream_land(struct awl__sim *s, struct awl__sim_stream *k);
/* The peer of k, or of one that is gone, tells it: no more bytes; nothing any more. */
void awl__sim_stream_send_fin(struct awl__sim *s, struct awl__sim_stream *from);
void awl__sim_stream_send_reset(struct awl__sim *s, struct awl__sim_stream *from);

/* Two fresh ones are each other's peers. */
void awl__sim_stream_join(struct awl__sim_stream *a, struct awl__sim_stream *b);

/* sim_connect.c's part of the kind */
int32_t awl__sim_connect_gate(const struct awl__sim_stream *k);
int32_t awl__sim_connect(struct awl__sim *s, struct awl__sim_stream *k, const struct awl__op *op);
int32_t awl__sim_accept_gate(const struct awl__sim_stream *k);
int32_t awl__sim_accept(struct awl__sim *s, struct awl__sim_stream *k, const struct awl__op *op);
void awl__sim_connect_step(struct awl__sim *s, struct awl__sim_stream *k); /* its event has come */
/* It is closed, or shut down: nobody is to wait for it any more, nor it for anybody. */
void awl__sim_connect_end(struct awl__sim *s, struct awl__sim_stream *k);

#endif
