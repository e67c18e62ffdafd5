/* SPDX-License-Identifier: MIT */
/*
 * ring.h - what the two io_uring echo servers share: a ring set up as the kernel's manual
 * recommends for one thread, and the loop that hands in and takes out.
 */
#ifndef RING_H
#define RING_H

#include "server.h"

#include <liburing.h>

#define RING_ENTRIES 4096

static struct io_uring ring;

static inline void ring_begin(void)
{
	struct io_uring_params p = {
		.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
			IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE,
		.cq_entries = 8 * RING_ENTRIES,
	};

	bench_check(io_uring_queue_init_params(RING_ENTRIES, &ring, &p) == 0);
	bench_check(io_uring_register_ring_fd(&ring) == 1);
}

static inline struct io_uring_sqe *ring_sqe(void)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);

	if (!sqe) {
		io_uring_submit(&ring);
		bench_check((sqe = io_uring_get_sqe(&ring)));
	}
	return sqe;
}

static inline void ring_accept(int listener, void *who)
{
	struct io_uring_sqe *sqe = ring_sqe();

	io_uring_prep_multishot_accept(sqe, listener, NULL, NULL, SOCK_CLOEXEC);
	io_uring_sqe_set_data(sqe, who);
}

static inline void ring_run(void (*completed)(struct io_uring_cqe *cqe))
{
	for (;;) {
		struct io_uring_cqe *cqe;
		unsigned head, n = 0;

		io_uring_submit_and_wait(&ring, 1);
		io_uring_for_each_cqe(&ring, head, cqe)
		{
			completed(cqe);
			n++;
		}
		io_uring_cq_advance(&ring, n);
	}
}

#endif
