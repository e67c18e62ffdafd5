/* SPDX-License-Identifier: MIT */
/*
 * clock.c - how far the coarse clock may be behind, asked once.
 *
 * Two ticks: the kernel moves that clock at each tick, by whole ticks, and what is left over of one
 * stays for the next.
 */
#include "base/clock.h"

int64_t awl__clock_lag;

__attribute__((constructor)) static void ask_lag(void)
{
	struct timespec tick = { 0, 0 };

	clock_getres(CLOCK_MONOTONIC_COARSE, &tick);
	awl__clock_lag = 2 * ((int64_t)tick.tv_sec * 1000000000 + tick.tv_nsec);
}
