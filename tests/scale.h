/* SPDX-License-Identifier: MIT */
/*
 * scale.h - how much of a promise a test tries: AWL_TEST_RACES, AWL_TEST_PROGRAMS, AWL_TEST_TASKS
 * and AWL_TEST_FAULTS, set by the steps of tools/check; run by itself a test says what is enough.
 */
#ifndef TEST_SCALE_H
#define TEST_SCALE_H

#include <stdlib.h>

static inline long test_scale(const char *name, long otherwise)
{
	const char *value = getenv(name);

	return value && *value ? atol(value) : otherwise;
}

#endif
