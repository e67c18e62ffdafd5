/* SPDX-License-Identifier: MIT */
/*
 * sim_pipe.c - pipes in memory, whose two ends poll, read and write like a real one's.
 */
#include "base/alloc.h"
#include "reactor/sim.h"
#include "reactor/sim_bytes.h"

#include <string.h>

#define ROOM 65536u /* as a pipe of the kernel's */

struct pipe;

struct end {
	struct awl__sim_file file;
	struct pipe *pipe;
	bool writes;
};

struct pipe {
	struct end ends[2]; /* 0 reads, 1 writes */
	unsigned kept; /* by its ends' files */
	uint32_t head, count;
	char bytes[ROOM];
};

static const struct end *end_of(const struct awl__sim_file *f)
{
	return awl__container(f, const struct end, file);
}

static struct end *peer_of(const struct end *e)
{
	return &e->pipe->ends[!e->writes];
}

static bool alone(const struct end *e)
{
	return peer_of(e)->file.names == 0;
}

static uint32_t pipe_events(struct awl__sim *s, const struct awl__sim_file *f)
{
	const struct end *e = end_of(f);

	(void)s;
	if (e->writes)
		return (e->pipe->count < ROOM ? POLLOUT | POLLWRNORM : 0) |
			(alone(e) ? POLLERR : 0);
	return (e->pipe->count > 0 ? POLLIN | POLLRDNORM : 0) | (alone(e) ? POLLHUP : 0);
}

static int32_t pipe_gate(
	struct awl__sim *s, const struct awl__sim_file *f, const struct awl__op *op)
{
	const struct end *e = end_of(f);
	uint32_t stuck = e->writes ? ROOM : 0; /* so many bytes: it has to wait */

	(void)s;
	if ((op->kind == AWL__OP_WRITE) != e->writes || op->kind > AWL__OP_WRITE)
		return 0; /* to an error */
	return e->pipe->count == stuck && !alone(e) && op->u.rw.len > 0 ? AWL__SIM_NOT_NOW : 0;
}

/* The ring's bytes from `at` lie in two pieces at most; this is the length of the first. */
static uint32_t piece(uint32_t at, uint32_t n)
{
	return awl__sim_least(n, ROOM - at);
}

static int32_t take(struct pipe *p, char *to, uint32_t n)
{
	uint32_t first;

	n = awl__sim_least(n, p->count);
	if (n == 0)
		return 0; /* `to` may be NULL */
	first = piece(p->head, n);
	memcpy(to, p->bytes + p->head, first);
	memcpy(to + first, p->bytes, n - first);
	p->head = (p->head + n) % ROOM;
	p->count -= n;
	return (int32_t)n;
}

static int32_t put(struct pipe *p, const char *from, uint32_t n)
{
	uint32_t tail = (p->head + p->count) % ROOM, first;

	n = awl__sim_least(n, ROOM - p->count);
	if (n == 0)
		return 0; /* `from` may be NULL */
	first = piece(tail, n);
	memcpy(p->bytes + tail, from, first);
	memcpy(p->bytes, from + first, n - first);
	p->count += n;
	return (int32_t)n;
}

static int32_t pipe_perform(
	struct awl__sim *s, struct awl__sim_file *f, struct awl__op *op, uint32_t max)
{
	const struct end *e = end_of(f);
	uint32_t n;

	if (op->kind > AWL__OP_WRITE)
		return -ENOTSOCK;
	if ((op->kind == AWL__OP_WRITE) != e->writes)
		return -EBADF;
	n = awl__sim_least(op->u.rw.len, max);
	if (!alone(e))
		awl__sim_touch(s, &peer_of(e)->file);
	awl__sim_touch(s, f);
	if (!e->writes)
		return take(e->pipe, op->u.rw.buf, n);
	return n > 0 && alone(e) ? -EPIPE : put(e->pipe, op->u.rw.buf, n);
}

static void pipe_close(struct awl__sim *s, struct awl__sim_file *f)
{
	if (!alone(end_of(f)))
		awl__sim_touch(s, &peer_of(end_of(f))->file);
}

static void pipe_free(struct awl__sim *s, struct awl__sim_file *f)
{
	struct pipe *p = end_of(f)->pipe;

	(void)s;
	if (--p->kept == 0)
		awl__free(p);
}

static const struct awl__sim_kind pipe_kind = {
	.gate = pipe_gate,
	.perform = pipe_perform,
	.events = pipe_events,
	.close = pipe_close,
	.free = pipe_free,
};

int awl__sim_pipe(struct awl__reactor *r, int fds[2])
{
	struct awl__sim *s = (struct awl__sim *)r;
	int made[2] = { -1, -1 };
	struct pipe *p;

	if (r->class != &awl__sim_class)
		return -ENOSYS;
	p = awl__alloc(sizeof *p);
	if (!p)
		return -ENOMEM;
	p->head = p->count = 0;
	p->kept = 2;
	for (int i = 0; i < 2; i++) {
		p->ends[i].pipe = p;
		p->ends[i].writes = i == 1;
		awl__sim_file_init(s, &p->ends[i].file, &pipe_kind);
	}
	made[0] = awl__sim_number_new(s, &p->ends[0].file);
	made[1] = made[0] < 0 ? made[0] : awl__sim_number_new(s, &p->ends[1].file);
	if (made[1] < 0) {
		awl__sim_file_drop(s, &p->ends[1].file);
		if (made[0] < 0)
			awl__sim_file_drop(s, &p->ends[0].file);
		else
			awl__sim_number_close(s, made[0]);
		awl__sim_settle(s);
		return made[1];
	}
	memcpy(fds, made, sizeof made);
	return 0;
}
