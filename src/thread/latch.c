/* SPDX-License-Identifier: MIT */
/*
 * latch.c - the sleeping half of latch.h: futex(2).
 */
#include "thread/latch.h"
#include "base/base.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

void awl__latch_open(struct awl__latch *latch)
{
	if (awl__latch_open_word(latch))
		syscall(SYS_futex, &latch->word, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0);
}

bool awl__latch_wait(struct awl__latch *latch, int64_t deadline)
{
	struct timespec until = { .tv_sec = deadline / 1000000000,
		.tv_nsec = deadline % 1000000000 };

	while (awl__latch_will_wait(latch)) {
		long r = syscall(SYS_futex, &latch->word, FUTEX_WAIT_BITSET_PRIVATE,
			AWL__LATCH_WAITED, deadline == INT64_MAX ? NULL : &until, NULL,
			FUTEX_BITSET_MATCH_ANY);

		if (r < 0 && errno == ETIMEDOUT)
			return awl__latch_is_open(latch);
	}
	return awl__latch_is_open(latch);
}
