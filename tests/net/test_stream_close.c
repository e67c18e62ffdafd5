/* SPDX-License-Identifier: MIT */
/*
 * @reactors @valgrind
 * test_stream_close.c - a close sends what is buffered, an abort drops it; whoever waits in the
 * stream is told by either.
 */
#include "streams.h"

#define MUCH 600000u

/* --- who waits in it --- */

static int read_all(void *arg)
{
	void *data;
	size_t len;
	int r = awl_stream_read_to_end(arg, 1000, &data, &len);

	if (r == 0)
		awl_free(data);
	return r;
}

static int write_much(void *arg)
{
	unsigned char *data = bytes(MUCH);
	int r = awl_stream_write_all(arg, data, MUCH, NULL);

	free(data);
	return r;
}

static int write_lines(void *arg)
{
	unsigned char *data = bytes(MUCH);
	struct iovec parts[2] = { { data, MUCH / 2 }, { data, MUCH / 2 } };
	int r = awl_stream_writelines(arg, parts, 2, NULL);

	free(data);
	return r;
}

static int drain(void *arg)
{
	unsigned char *data = bytes(MUCH);
	int r = awl_stream_write_buffered(arg, data, MUCH);

	free(data);
	return r < 0 ? r : awl_stream_drain(arg);
}

static int wait_closed(void *arg)
{
	return awl_stream_wait_closed(arg);
}

/* Each waits, and others are closed under it in both ways. */
static awl_fn *const waits[] = { read_one, read_line, peek, read_all, write_much, write_lines,
	drain };

static void close_under(struct ends *e, int (*end)(awl_stream *s))
{
	for (size_t i = 0; i < COUNT(waits); i++) {
		struct ends other = { .kind = e->kind };
		awl_task *t, *closer;

		make_ends(&other);
		t = spawn(waits[i], other.a);
		closer = spawn(wait_closed, other.a);
		let_them();
		assert_false(awl_done(t));
		assert_int_equal(awl_stream_is_closing(other.a), 0);
		assert_int_equal(end(other.a), 0);
		assert_int_equal(awl_stream_is_closing(other.a), 1);
		assert_int_equal(end(other.a), 0);
		assert_int_equal(outcome(t), AWL_EDEAD);
		if (end == awl_stream_close)
			assert_int_equal(awl_stream_abort(other.b), 0); /* lets go of a flush */
		(void)!outcome(closer);
		assert_true(other.a->closed);
		assert_int_equal(read_one(other.a), AWL_EDEAD);
		assert_int_equal(write_much(other.a), AWL_EDEAD);
		assert_int_equal(drain(other.a), AWL_EDEAD);
		assert_int_equal(awl_stream_drain(other.a), AWL_EDEAD);
		assert_int_equal(awl_stream_write_eof(other.a), AWL_EDEAD);
		assert_int_equal(awl_stream_consume(other.a, 0), AWL_EDEAD);
		assert_int_equal(awl_stream_fd(other.a), AWL_EDEAD);
		assert_int_equal(awl_stream_detach(other.a), AWL_EDEAD);
		end_stream(&other.a);
		end_stream(&other.b);
	}
}

static void closes_under(struct ends *e)
{
	close_under(e, awl_stream_close);
}

static void aborts_under(struct ends *e)
{
	close_under(e, awl_stream_abort);
}

/* R9, P5 */
static void a_close_ends_every_wait_in_the_stream_and_each_later_call(void **state)
{
	on_each(closes_under);
}

static void an_abort_ends_every_wait_in_the_stream(void **state)
{
	on_each(aborts_under);
}

static void reader_has_it_already(struct ends *e)
{
	awl_task *t = spawn(read_one, e->b);

	let_them();
	say(e->a, "x");
	assert_int_equal(awl_stream_close(e->b), 0);
	int r = outcome(t);
	assert_true(r == 'x' || r == AWL_EDEAD);
	assert_int_equal(awl_stream_wait_closed(e->b), 0);
}

static void a_close_that_meets_the_data_loses_to_it_or_wins_and_nothing_else(void **state)
{
	on_each(reader_has_it_already);
}

/* --- what is still to be sent --- */

static int read_everything(void *arg)
{
	void *data;
	size_t len;
	int r = awl_stream_read_to_end(arg, MUCH, &data, &len);

	if (r < 0)
		return r;
	for (size_t i = 0; i < len; i++)
		assert_int_equal(((unsigned char *)data)[i], byte_at(i));
	awl_free(data);
	return (int)len;
}

static void flushes(struct ends *e)
{
	unsigned char *data = bytes(MUCH);
	awl_task *t;

	assert_int_equal(awl_stream_write_buffered(e->a, data, MUCH), 0);
	free(data);
	assert_int_equal(awl_stream_close(e->a), 0);
	assert_false(e->a->closed);
	t = spawn(read_everything, e->b);
	assert_int_equal(awl_stream_wait_closed(e->a), 0);
	assert_int_equal(outcome(t), MUCH);
}

/* P5 */
static void a_close_sends_what_is_buffered_first(void **state)
{
	on_each(flushes);
}

static void flushes_alone(struct ends *e)
{
	unsigned char *data = bytes(MUCH);

	assert_int_equal(awl_stream_write_buffered(e->a, data, MUCH), 0);
	free(data);
	assert_int_equal(awl_stream_close(e->a), 0);
	awl_stream_unref(e->a);
	e->a = NULL;
	assert_int_equal(read_everything(e->b), MUCH);
}

static void a_close_goes_on_when_nobody_has_the_stream_any_more(void **state)
{
	on_each(flushes_alone);
}

static void drops(struct ends *e)
{
	unsigned char *data = bytes(MUCH);

	say(e->b, "never read");
	assert_int_equal(awl_stream_write_buffered(e->a, data, MUCH), 0);
	free(data);
	assert_int_equal(awl_stream_close(e->a), 0);
	assert_int_equal(awl_stream_abort(e->a), 0); /* it has waited long enough */
	assert_int_equal(awl_stream_wait_closed(e->a), 0);
	assert_int_equal(read_everything(e->b), -ECONNRESET);
}

/* P5 */
static void an_abort_drops_what_is_buffered_and_resets(void **state)
{
	on_each(drops);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_close_ends_every_wait_in_the_stream_and_each_later_call),
		cmocka_unit_test(an_abort_ends_every_wait_in_the_stream),
		cmocka_unit_test(a_close_that_meets_the_data_loses_to_it_or_wins_and_nothing_else),
		cmocka_unit_test(a_close_sends_what_is_buffered_first),
		cmocka_unit_test(a_close_goes_on_when_nobody_has_the_stream_any_more),
		cmocka_unit_test(an_abort_drops_what_is_buffered_and_resets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
