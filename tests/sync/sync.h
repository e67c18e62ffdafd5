/* SPDX-License-Identifier: MIT */
/*
 * sync.h - what the tests of this room begin with: tasks in one word, a turn for everybody, and a
 * trace of who did what.
 */
#ifndef TEST_SYNC_H
#define TEST_SYNC_H

#include "support.h"

/* Every task that is ready now has run. */
static inline void turn(void)
{
	assert_int_equal(awl_yield(), 0);
}

/* Marks, in the order they were made. */
struct trace {
	int n;
	char marks[256];
};

static inline void mark(struct trace *trace, char c)
{
	assert_true(trace->n + 1 < (int)sizeof trace->marks);
	trace->marks[trace->n++] = c;
	trace->marks[trace->n] = '\0';
}

#define TEST(name) cmocka_unit_test(name)

/* A case that is a body in a loop of its own. */
#define CASE(name) \
	static int name##_body(void *arg); \
	static void name(void **state) \
	{ \
		(void)state; \
		in_loop(name##_body, NULL); \
	} \
	static int name##_body(void *arg)

#endif
