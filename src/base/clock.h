/* SPDX-License-Identifier: MIT */
/*
 * clock.h - the monotonic clock in int64 nanoseconds, and sums that stop at "forever".
 */
#ifndef AWL__CLOCK_H
#define AWL__CLOCK_H

#include <stdint.h>
#include <time.h>

static inline int64_t awl__clock_read(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* 22 ns: not on a hot path. */
static inline int64_t awl__clock_now(void)
{
	return awl__clock_read(CLOCK_MONOTONIC);
}

/* 5 ns, behind by up to awl__clock_lag ns, never ahead. */
static inline int64_t awl__clock_coarse(void)
{
	return awl__clock_read(CLOCK_MONOTONIC_COARSE);
}

extern int64_t awl__clock_lag;

/* now + ns; negative ns counts as 0, and past the end of time is INT64_MAX, which means never. */
static inline int64_t awl__clock_after(int64_t now, int64_t ns)
{
	int64_t sum;

	if (ns <= 0)
		return now;
	return __builtin_add_overflow(now, ns, &sum) ? INT64_MAX : sum;
}

#endif
