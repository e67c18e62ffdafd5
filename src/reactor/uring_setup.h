/* SPDX-License-Identifier: MIT */
/*
 * uring_setup.h - a ring with the best flags that this kernel takes.
 */
#ifndef AWL__URING_SETUP_H
#define AWL__URING_SETUP_H

#include "reactor/uring_compat.h"

/*
 * A ring with everything the reactor needs, to be enabled by the thread that will use it. -ENOSYS:
 * none, or too old a one; -EPERM, -ENOMEM and so on are the kernel's; each with a detail.
 */
int awl__ring_open(struct io_uring *ring);

/* Makes the calling thread the ring's only issuer. */
int awl__ring_enable(struct io_uring *ring);

/* inherited: in a fork's child, where the ring is the parent's and not mapped. */
void awl__ring_close(struct io_uring *ring, bool inherited);

/* io_uring_setup(2), answering -errno; a test puts a kernel of its choice here. */
extern int (*awl__ring_setup)(unsigned entries, struct io_uring_params *p);

#endif
