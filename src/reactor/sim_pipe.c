/* SPDX-License-Identifier: MIT */
/*
 * sim_pipe.c - see sim_pipe.h.
 */
#include "reactor/sim_pipe.h"
#include "base/alloc.h"

#include <string.h>

struct awl__sim_pipe *awl__sim_pipe_new(void)
{
	struct awl__sim_pipe *p = awl__alloc(sizeof *p);

	if (!p)
		return NULL;
	p->in_flight = p->head = p->count = 0;
	for (int i = 0; i < 2; i++) {
		struct awl__sim_end *end = &p->ends[i];

		*end = (struct awl__sim_end){ .pipe = p, .peer = &p->ends[!i], .writes = i == 1 };
		awl__list_init(&end->ops);
	}
	return p;
}

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* The ring's bytes from `at` lie in two pieces at most; this is the length of the first. */
static uint32_t piece(uint32_t at, uint32_t n)
{
	return least(n, AWL__SIM_PIPE_ROOM - at);
}

static int32_t take(struct awl__sim_pipe *p, char *to, uint32_t n)
{
	uint32_t first;

	n = least(n, p->count);
	if (n == 0)
		return 0; /* `to` may be NULL */
	first = piece(p->head, n);
	memcpy(to, p->bytes + p->head, first);
	memcpy(to + first, p->bytes, n - first);
	p->head = (p->head + n) % AWL__SIM_PIPE_ROOM;
	p->count -= n;
	return (int32_t)n;
}

static int32_t put(struct awl__sim_pipe *p, const char *from, uint32_t n)
{
	uint32_t tail = (p->head + p->count) % AWL__SIM_PIPE_ROOM, first;

	n = least(n, AWL__SIM_PIPE_ROOM - p->count);
	if (n == 0)
		return 0; /* `from` may be NULL */
	first = piece(tail, n);
	memcpy(p->bytes + tail, from, first);
	memcpy(p->bytes, from + first, n - first);
	p->count += n;
	return (int32_t)n;
}

static uint32_t events(const struct awl__sim_end *end)
{
	const struct awl__sim_pipe *p = end->pipe;
	uint32_t gone = end->peer->closed;

	if (end->writes)
		return (p->count < AWL__SIM_PIPE_ROOM ? POLLOUT | POLLWRNORM : 0) |
			(gone ? POLLERR : 0);
	return (p->count > 0 ? POLLIN | POLLRDNORM : 0) | (gone ? POLLHUP : 0);
}

bool awl__sim_can(const struct awl__sim_end *end, const struct awl__op *op)
{
	const struct awl__sim_pipe *p = end->pipe;

	switch (op->kind) {
	case AWL__OP_READ:
		return end->writes || p->count > 0 || end->peer->closed || op->u.rw.len == 0;
	case AWL__OP_WRITE:
		return !end->writes || p->count < AWL__SIM_PIPE_ROOM || end->peer->closed ||
			op->u.rw.len == 0;
	default:
		return events(end) & (op->u.events | POLLERR | POLLHUP);
	}
}

int32_t awl__sim_move(struct awl__sim_end *end, const struct awl__op *op, uint32_t max)
{
	uint32_t n = least(op->u.rw.len, max);

	if (!awl__sim_can(end, op))
		return -EAGAIN;
	switch (op->kind) {
	case AWL__OP_READ:
		return end->writes ? -EBADF : take(end->pipe, op->u.rw.buf, n);
	case AWL__OP_WRITE:
		if (!end->writes)
			return -EBADF;
		return n > 0 && end->peer->closed ? -EPIPE : put(end->pipe, op->u.rw.buf, n);
	default:
		return (int32_t)(events(end) & (op->u.events | POLLERR | POLLHUP));
	}
}
