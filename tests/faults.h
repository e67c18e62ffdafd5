/* SPDX-License-Identifier: MIT */
/*
 * faults.h - a scenario with its n-th request for memory refused, for every n, and with all of them
 * from the n-th on: an error or a success, nothing lost, and the next try works.
 */
#ifndef TEST_FAULTS_H
#define TEST_FAULTS_H

#include "support.h"

#include "base/alloc.h"

/* A scenario ends with its first refusal. */
#define TRY(call) \
	do { \
		int try_ = (call); \
		if (try_ < 0) \
			return try_; \
	} while (0)

static int asked, refuse_at, refused;
static bool refuse_rest;

static int fault(void)
{
	asked++;
	if (asked != refuse_at && !(refuse_rest && asked > refuse_at))
		return 0;
	refused++;
	return 1;
}

static int blocks;

static void *counted_resize(void *ctx, void *block, size_t size)
{
	blocks += !block;
	return realloc(block, size);
}

static void counted_release(void *ctx, void *block)
{
	blocks--;
	free(block);
}

/* Before the first loop: what is not given back is counted. */
static inline void count_blocks(void)
{
	static const awl_allocator counted = { counted_resize, counted_release, NULL };

	if (awl_set_allocator(&counted) < 0)
		abort();
}

static inline long mapped(void)
{
	long pages = -1;
	FILE *f = fopen("/proc/self/statm", "r");

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%ld", &pages), 1);
	fclose(f);
	return pages;
}

static inline int descriptors(void)
{
	int n = 0;

	for (int fd = 0; fd < 100; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static inline void memory_is_back(void)
{
	awl__alloc_fault = (int (*)(void))0;
}

/* The scenario with its n-th request refused: its outcome. */
static inline int refuse_nth(int (*scenario)(void), int n, bool rest)
{
	int r;

	asked = 0;
	refused = 0;
	refuse_at = n;
	refuse_rest = rest;
	awl__alloc_fault = fault;
	r = scenario();
	memory_is_back();
	return r;
}

/* The C library may keep some of it the first time, not every time. */
static inline void assert_nothing_lost(int (*scenario)(void), int n, bool rest)
{
	int before = blocks, open = descriptors(), grown = 0;

	do {
		long pages = mapped();
		int r = refuse_nth(scenario, n, rest);

		if (r != 0 && r != -ENOMEM)
			fail_msg("request %d refused: %d (%s)", n, r, awl_strerror(r));
		if (blocks != before)
			fail_msg(
				"request %d refused: %d blocks not given back", n, blocks - before);
		if (descriptors() != open)
			fail_msg("request %d refused: descriptors not given back", n);
		if (AWL__ASAN || mapped() <= pages)
			return;
	} while (++grown < 4);
	fail_msg("request %d refused: pages not given back", n);
}

/* The first 64, then as many as AWL_TEST_FAULTS says, spread. At least so many there must be. */
static inline void for_every_n(int (*scenario)(void), int at_least, bool rest)
{
	static struct heard heard;
	long seeded = test_scale("AWL_TEST_FAULTS", INT32_MAX);
	int n, all, runs = 0;

	listen_to_awl(&heard);
	assert_int_equal(scenario(), 0);
	assert_int_equal(refuse_nth(scenario, INT32_MAX, false), 0);
	all = asked;
	assert_true(all >= at_least);
	for (n = 1; n <= all; n++) {
		if (n > 64 && all - 64 > seeded &&
			(n * 2654435761u >> 7) % (unsigned)(all - 64) >= seeded)
			continue;
		assert_nothing_lost(scenario, n, rest);
		runs++;
		/* and the next works */
		if (n % 16 == 0)
			assert_int_equal(scenario(), 0);
	}
	stop_listening();
	print_message("# %d requests, %d refused in turn\n", all, runs);
}

#endif
