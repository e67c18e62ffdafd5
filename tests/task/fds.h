/* SPDX-License-Identifier: MIT */
/*
 * fds.h - what the tests of descriptors share: a task that reads and then waits, and a whole write.
 */
#ifndef TEST_FDS_H
#define TEST_FDS_H

#include "support.h"

#include <poll.h>

struct reader {
	int fd, first, second; /* what the read returned, and what the wait behind it did */
	char bytes[8];
};

static inline int read_and_wait(void *arg)
{
	struct reader *r = arg;

	r->first = awl_fd_read(r->fd, r->bytes, sizeof r->bytes);
	r->second = awl_yield();
	return r->first;
}

/* A reader of a pipe of its own, so far that it waits. */
static inline awl_task *reading(struct reader *r, int fds[2])
{
	awl_task *t;

	make_pipe(here(), fds);
	r->fd = fds[0];
	t = spawn(read_and_wait, r);
	assert_int_equal(awl_sleep(AWL_MS), 0);
	return t;
}

/* Whole, however a seeded sim splits it. */
static inline void put(int fd, const char *bytes)
{
	while (*bytes) {
		int n = awl_fd_write(fd, bytes, strlen(bytes));

		assert_true(n > 0);
		bytes += n;
	}
}

#endif
