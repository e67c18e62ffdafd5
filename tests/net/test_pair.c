/* SPDX-License-Identifier: MIT */
/*
 * @reactors @valgrind
 * test_pair.c - two streams in memory: bounded as a socket's buffers are, and nothing held while
 * nothing is on its way. That they behave as sockets do the other tests of streams show, which run
 * on both.
 */
#include "streams.h"

static void bounded(struct ends *e)
{
	size_t there = fill_up(e->a), back = fill_up(e->b);

	assert_int_equal(there, 65536);
	assert_int_equal(back, 65536); /* each way its own */
	swallow(e->b, there);
	swallow(e->a, back);
	assert_int_equal(fill_up(e->a), there);
	swallow(e->b, there);
}

static void each_way_takes_64_kib(void **state)
{
	on_kind(MEMORY, bounded);
}

static int write_both(void *arg)
{
	static const char much[200000];

	return awl_stream_write_all(arg, much, sizeof much, NULL);
}

static void both_write(struct ends *e)
{
	awl_task *t[2] = { spawn(write_both, e->a), spawn(write_both, e->b) };

	let_them();
	assert_false(awl_done(t[0]) || awl_done(t[1]));
	swallow(e->a, 200000);
	swallow(e->b, 200000);
	assert_int_equal(outcome(t[0]), 0);
	assert_int_equal(outcome(t[1]), 0);
}

static void two_who_write_at_once_wait_for_the_readers_only(void **state)
{
	on_kind(MEMORY, both_write);
}

static void closes_while_sending(struct ends *e)
{
	static const char much[200000];

	assert_int_equal(awl_stream_write_buffered(e->a, much, sizeof much), 0);
	assert_int_equal(awl_stream_close(e->a), 0);
	awl_stream_unref(e->a); /* it goes while the other reads its last byte */
	e->a = NULL;
	swallow(e->b, sizeof much);
	assert_ended(e->b);
	assert_int_equal(awl_stream_write(e->b, "x", 1), -EPIPE);
}

static void the_reader_of_the_last_byte_may_free_the_writer(void **state)
{
	on_kind(MEMORY, closes_while_sending);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_way_takes_64_kib),
		cmocka_unit_test(two_who_write_at_once_wait_for_the_readers_only),
		cmocka_unit_test(the_reader_of_the_last_byte_may_free_the_writer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
