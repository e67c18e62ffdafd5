/* SPDX-License-Identifier: MIT */
/*
 * uring_setup.c - the ladder of ring flags, and what a ring must be able to do.
 *
 * EINVAL means that the kernel does not know a flag: one rung down. Any other refusal (ENOSYS,
 * EPERM from a sysctl or a seccomp filter, ENOMEM) would be the same on every rung and ends it.
 */
#include "reactor/uring_setup.h"
#include "base/base.h"
#include "base/report.h"

#include <awl/errors.h>

#include <string.h>
#include <unistd.h>

#define SQ_ENTRIES 256u
#define CQ_ENTRIES 2048u /* a burst beyond it is kept by the kernel (FEAT_NODROP) and fetched */

#define DEFER \
	(IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL | \
		IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_R_DISABLED | IORING_SETUP_CQSIZE)

static const unsigned rungs[] = {
	DEFER | IORING_SETUP_NO_SQARRAY, /* 6.6 */
	DEFER, /* 6.1 */
	IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SUBMIT_ALL |
		IORING_SETUP_CQSIZE, /* 5.19 */
	0,
};

#define FEATURES \
	(IORING_FEAT_NODROP | IORING_FEAT_SUBMIT_STABLE | IORING_FEAT_RW_CUR_POS | \
		IORING_FEAT_FAST_POLL | IORING_FEAT_EXT_ARG)

static const uint8_t opcodes[] = {
	IORING_OP_POLL_ADD,
	IORING_OP_READ,
	IORING_OP_WRITE,
	IORING_OP_RECV,
	IORING_OP_SEND,
	IORING_OP_RECVMSG,
	IORING_OP_SENDMSG,
	IORING_OP_ACCEPT,
	IORING_OP_CONNECT,
	IORING_OP_ASYNC_CANCEL,
};

static int setup(unsigned entries, struct io_uring_params *p)
{
	return io_uring_setup(entries, p);
}

int (*awl__ring_setup)(unsigned entries, struct io_uring_params *p) = setup;

static int climb_down(struct io_uring_params *p)
{
	int fd = -EINVAL;

	for (size_t i = 0; fd == -EINVAL && i < sizeof rungs / sizeof *rungs; i++) {
		*p = (struct io_uring_params){ .flags = rungs[i], .cq_entries = CQ_ENTRIES };
		fd = awl__ring_setup(SQ_ENTRIES, p);
	}
	return fd;
}

static bool able(struct io_uring *ring)
{
	union {
		struct io_uring_probe probe;
		char room[sizeof(struct io_uring_probe) + 256 * sizeof(struct io_uring_probe_op)];
	} u;

	memset(&u, 0, sizeof u);
	if ((ring->features & FEATURES) != FEATURES ||
		io_uring_register_probe(ring, &u.probe, 256) < 0)
		return false;
	for (size_t i = 0; i < sizeof opcodes; i++)
		if (!io_uring_opcode_supported(&u.probe, opcodes[i]))
			return false;
	return true;
}

static int map(struct io_uring *ring, int fd, struct io_uring_params *p)
{
	int err = io_uring_queue_mmap(fd, p, ring);

	if (err < 0) {
		close(fd);
		return awl__fail(err, "io_uring: the ring cannot be mapped");
	}
	ring->features = p->features;
	/* A child must not even be able to write into the queues it would share with us. */
	err = io_uring_ring_dontfork(ring);
	if (err == 0 && !able(ring))
		err = -ENOSYS;
	if (err < 0) {
		io_uring_queue_exit(ring);
		return awl__fail(err, "io_uring: the kernel's is too old");
	}
	for (unsigned i = 0; !(p->flags & IORING_SETUP_NO_SQARRAY) && i < p->sq_entries; i++)
		ring->sq.array[i] = i;
	return 0;
}

int awl__ring_open(struct io_uring *ring)
{
	struct io_uring_params p;
	int fd = climb_down(&p);

	if (fd < 0)
		return awl__fail(fd,
			"io_uring_setup: %s (see sysctl kernel.io_uring_disabled, and "
			"what seccomp filter the process runs under)",
			awl_strerror(fd));
	return map(ring, fd, &p);
}

int awl__ring_enable(struct io_uring *ring)
{
	if (!(ring->flags & IORING_SETUP_R_DISABLED))
		return 0;
	/* io_uring_enable_rings is in liburing 2.3's header, but not in its library. */
	return io_uring_register((unsigned)ring->ring_fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0);
}

void awl__ring_close(struct io_uring *ring, bool inherited)
{
	if (inherited)
		close(ring->ring_fd); /* something else may live where the ring was */
	else
		io_uring_queue_exit(ring);
}
