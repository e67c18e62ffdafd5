/* SPDX-License-Identifier: MIT */
/*
 * sim_pipe.h - a pipe in memory, without time: what an operation on one of its ends would give now.
 */
#ifndef AWL__SIM_PIPE_H
#define AWL__SIM_PIPE_H

#include "reactor/op.h"

#define AWL__SIM_PIPE_ROOM 65536u /* as a pipe of the kernel's */

struct awl__sim_pipe;

/* What a simulated descriptor names. */
struct awl__sim_end {
	struct awl__sim_pipe *pipe;
	struct awl__sim_end *peer;
	struct awl__list ops; /* in flight on it, FIFO */
	bool writes, closed;
};

struct awl__sim_pipe {
	struct awl__sim_end ends[2]; /* 0 reads, 1 writes */
	uint32_t in_flight; /* operations on either end, which keep the memory */
	uint32_t head, count;
	char bytes[AWL__SIM_PIPE_ROOM];
};

struct awl__sim_pipe *awl__sim_pipe_new(void); /* NULL: no memory */

/* The result, moving at most max bytes; -EAGAIN: not now; -EBADF: not with this end. */
int32_t awl__sim_move(struct awl__sim_end *end, const struct awl__op *op, uint32_t max);
/* Would it give a result now? */
bool awl__sim_can(const struct awl__sim_end *end, const struct awl__op *op);

#endif
