/* SPDX-License-Identifier: MIT */
/*
 * @reactors @valgrind
 * test_allocator.c - the user's allocator: every block is its own and goes back to it; it may not
 * change once a loop has been made. One process, one order: the cases build on each other.
 */
#include "support.h"

#include "base/alloc.h"

#include <stdlib.h>

static int context;
static int blocks, requests;

static void *counted_resize(void *ctx, void *block, size_t size)
{
	assert_ptr_equal(ctx, &context);
	requests++;
	blocks += !block;
	return realloc(block, size);
}

static void counted_release(void *ctx, void *block)
{
	assert_ptr_equal(ctx, &context);
	assert_non_null(block);
	blocks--;
	free(block);
}

static const awl_allocator counted = { counted_resize, counted_release, &context };

static void half_an_allocator_is_refused(void **state)
{
	awl_allocator a = { counted_resize, NULL, NULL }, b = { NULL, counted_release, NULL };

	assert_int_equal(awl_set_allocator(&a), -EINVAL);
	assert_int_equal(awl_set_allocator(&b), -EINVAL);
}

static void it_may_be_set_and_taken_back_before_the_first_loop(void **state)
{
	assert_int_equal(awl_set_allocator(&counted), 0);
	assert_int_equal(awl_set_allocator(NULL), 0);
	awl__free(awl__alloc(8));
	assert_int_equal(requests, 0);
	assert_int_equal(awl_set_allocator(&counted), 0);
	awl__free(awl__alloc(8));
	assert_int_equal(requests, 1);
	assert_int_equal(blocks, 0);
}

static int nothing(void *arg)
{
	return 0;
}

static int body(void *arg)
{
	awl_task_options o = { .name = "named", .copy = 100 };
	awl_future *f;
	char bytes[100] = "";

	assert_int_equal(awl_loop_create_task(here(), &o, nothing, bytes, NULL), 0);
	assert_int_equal(awl_loop_create_future(here(), 64, &f), 0);
	assert_int_equal(awl_loop_call_soon(here(), nothing, NULL, NULL), 0);
	assert_int_equal(awl_unref(f), 0);
	return awl_sleep(AWL_MS);
}

static void every_block_of_a_loops_life_goes_back_to_it(void **state)
{
	int before;

	/* What a process keeps for ever, thread slots and the like, comes with the first one. */
	in_loop(body, NULL);
	before = blocks;
	requests = 0;
	for (int i = 0; i < 3; i++)
		in_loop(body, NULL);
	assert_int_equal(blocks, before);
	assert_true(requests > 0);
}

static void after_the_first_loop_it_is_busy(void **state)
{
	assert_int_equal(awl_set_allocator(NULL), -EBUSY);
	assert_int_equal(awl_set_allocator(&counted), -EBUSY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(half_an_allocator_is_refused),
		cmocka_unit_test(it_may_be_set_and_taken_back_before_the_first_loop),
		cmocka_unit_test(every_block_of_a_loops_life_goes_back_to_it),
		cmocka_unit_test(after_the_first_loop_it_is_busy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
