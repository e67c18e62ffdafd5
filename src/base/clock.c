/* SPDX-License-Identifier: MIT */
/*
 * clock.c - the coarse clock's tick, asked once.
 */
#include "base/base.h"
#include "base/clock.h"

int64_t awl__clock_tick(void)
{
	static _Atomic int64_t tick;
	int64_t t = awl__load(&tick);
	struct timespec ts;

	if (t == 0) {
		clock_getres(CLOCK_MONOTONIC_COARSE, &ts);
		t = (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
		awl__store(&tick, t);
	}
	return t;
}
