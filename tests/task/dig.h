/* SPDX-License-Identifier: MIT */
/*
 * dig.h - so many KiB of a task's stack, really on it and really touched.
 */
#ifndef TEST_DIG_H
#define TEST_DIG_H

#include "base/base.h"

#define KIB 1024

__attribute__((no_sanitize("address"))) AWL__NOINLINE static int use(int kib)
{
	volatile char frame[KIB];
	int below;

	frame[0] = frame[KIB - 1] = (char)kib;
	below = kib > 1 ? use(kib - 1) : 0;
	__asm__ volatile("" : : "r"(frame) : "memory"); /* a call, not a loop on one frame */
	return below + frame[0];
}

#endif
