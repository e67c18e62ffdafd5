/* SPDX-License-Identifier: MIT */
/*
 * uring_prep.h - what differs from one kind of operation to the next, for io_uring.
 */
#ifndef AWL__URING_PREP_H
#define AWL__URING_PREP_H

#include "reactor/op.h"
#include "reactor/uring_compat.h"

/* What this kernel makes necessary, or possible. */
struct awl__ring_ways {
	bool raises; /* a write may raise SIGPIPE: there is no RWF_NOSIGNAL */
	/* Without DEFER_TASKRUN a write is retried at any return from the kernel, where we
	 * cannot hold SIGPIPE back; a worker of the kernel's takes no signals. */
	bool async_writes;
	uint16_t poll_first; /* the flag; as old as the flags of the better rings */
};

void awl__ring_ways(struct awl__ring_ways *w, const struct io_uring *ring);

struct awl__ring_kind {
	void (*prep)(
		const struct awl__ring_ways *w, struct io_uring_sqe *sqe, const struct awl__op *op);
	uint32_t events; /* what to poll for when the answer was "not now" */
};

extern const struct awl__ring_kind awl__ring_kinds[AWL__OP_KINDS];

#endif
