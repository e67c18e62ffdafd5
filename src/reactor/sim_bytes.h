/* SPDX-License-Identifier: MIT */
/*
 * sim_bytes.h - what an operation moves, whatever its kind: a place among its buffers that goes on
 * as bytes are copied, its flags and its message.
 */
#ifndef AWL__SIM_BYTES_H
#define AWL__SIM_BYTES_H

#include "reactor/op.h"

#include <sys/socket.h>
#include <sys/uio.h>

struct awl__sim_bytes {
	struct iovec one; /* of what has one buffer */
	const struct iovec *at; /* the buffer that is next */
	size_t done; /* of it */
	uint32_t left; /* of all, and no more than a transfer may move */
	int flags;
	struct msghdr *hdr; /* NULL: not a message */
};

void awl__sim_bytes_of(const struct awl__op *op, struct awl__sim_bytes *b);

/* n <= b->left. */
void awl__sim_bytes_put(struct awl__sim_bytes *b, const void *from, uint32_t n);
void awl__sim_bytes_get(struct awl__sim_bytes *b, void *to, uint32_t n);

static inline uint32_t awl__sim_length(const struct awl__op *op)
{
	struct awl__sim_bytes b;

	awl__sim_bytes_of(op, &b);
	return b.left;
}

static inline uint32_t awl__sim_least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

#endif
