/* SPDX-License-Identifier: MIT */
/*
 * @reactors @valgrind
 * test_stream_read.c - reading: at least one byte, exactly so many, until the end, or only a look;
 * what has arrived comes before the end and before an error, and one task reads at a time.
 */
#include "streams.h"

/* --- read --- */

static void reads_what_is_there(struct ends *e)
{
	char buf[100];
	int n = 0, r;

	say(e->a, "hello");
	while (n < 5) {
		r = awl_stream_read(e->b, buf + n, sizeof buf - (size_t)n);
		assert_in_range(r, 1, 5 - n);
		n += r;
	}
	assert_memory_equal(buf, "hello", 5);
	assert_int_equal(awl_stream_read(e->b, NULL, 0), 0);
	assert_int_equal(awl_stream_read(e->b, NULL, 1), -EINVAL);
	assert_int_equal(awl_stream_read(NULL, buf, 1), -EINVAL);
}

/* R2 */
static void a_read_gives_at_least_one_byte_and_no_more_than_asked(void **state)
{
	on_each(reads_what_is_there);
}

static void ends(struct ends *e)
{
	say(e->a, "last");
	assert_int_equal(awl_stream_at_eof(e->b), 0);
	assert_int_equal(awl_stream_write_eof(e->a), 0);
	assert_says(e->b, "last");
	assert_ended(e->b);
	say(e->b, "and back");
	assert_says(e->a, "and back");
}

/* R2, P4, P8 */
static void the_end_comes_after_the_last_byte_and_closes_one_way_only(void **state)
{
	on_each(ends);
}

static void waits_for_a_byte(struct ends *e)
{
	awl_task *t = spawn(read_one, e->b);

	let_them();
	assert_false(awl_done(t));
	say(e->a, "x");
	assert_int_equal(outcome(t), 'x');
}

static void a_read_waits_only_while_there_is_nothing(void **state)
{
	on_each(waits_for_a_byte);
}

/* --- errors --- */

static void resets_after_data(struct ends *e)
{
	char buf[8];
	int r;

	say(e->a, "data");
	say(e->b, "never read"); /* so that a unix socket's end is a reset too */
	assert_int_equal(awl_stream_abort(e->a), 0);
	assert_says(e->b, "data");
	r = awl_stream_read(e->b, buf, sizeof buf);
	assert_int_equal(r, -ECONNRESET);
	assert_int_equal(awl_stream_read(e->b, buf, sizeof buf), -ECONNRESET);
	assert_int_equal(awl_stream_readexactly(e->b, buf, 1, NULL), -ECONNRESET);
	assert_int_equal(awl_stream_at_eof(e->b), 0);
	assert_int_equal(awl_stream_close(e->b), 0);
	assert_int_equal(awl_stream_wait_closed(e->b), -ECONNRESET);
}

/* R2 */
static void what_has_arrived_is_given_before_a_reset_which_is_told_again_and_again(void **state)
{
	on_each(resets_after_data);
}

static void resets_behind_the_buffer(struct ends *e)
{
	const void *data;
	char buf[8];
	int n;

	say(e->a, "some");
	n = awl_stream_peek(e->b, &data);
	assert_in_range(n, 1, 4);
	say(e->b, "never read");
	assert_int_equal(awl_stream_abort(e->a), 0);
	let_them();
	assert_int_equal(awl_stream_readexactly(e->b, buf, 4, NULL), 0);
	assert_memory_equal(buf, "some", 4);
	assert_int_equal(awl_stream_peek(e->b, &data), -ECONNRESET);
}

static void what_is_in_the_streams_buffer_is_given_before_a_reset(void **state)
{
	on_each(resets_behind_the_buffer);
}

static void write_meets_it_first(struct ends *e)
{
	char buf[8];
	int r;

	say(e->a, "data");
	assert_int_equal(awl_stream_abort(e->a), 0);
	do
		r = awl_stream_write(e->b, "x", 1);
	while (r > 0);
	assert_true(r == -EPIPE || r == -ECONNRESET);
	assert_says(e->b, "data");
	r = awl_stream_read(e->b, buf, 1);
	assert_int_equal(r, -ECONNRESET);
}

/* A reset that a write was told of is no clean end to the reader. */
static void a_reset_met_by_a_write_is_told_to_the_reader_behind_the_data(void **state)
{
	on_kind(MEMORY, write_meets_it_first);
	on_kind(TCP, write_meets_it_first);
}

/* --- readexactly --- */

static void reads_exactly(struct ends *e)
{
	char buf[16];
	size_t done = 99;

	say(e->a, "abcdefgh");
	assert_int_equal(awl_stream_readexactly(e->b, buf, 3, &done), 0);
	assert_int_equal(done, 3);
	assert_int_equal(awl_stream_readexactly(e->b, buf, 0, &done), 0);
	assert_int_equal(done, 0);
	assert_int_equal(awl_stream_write_eof(e->a), 0);
	assert_int_equal(awl_stream_readexactly(e->b, buf, 6, &done), AWL_EINCOMPLETE);
	assert_int_equal(done, 5);
	assert_memory_equal(buf, "defgh", 5);
	assert_int_equal(awl_stream_readexactly(e->b, buf, 1, &done), AWL_EINCOMPLETE);
	assert_int_equal(done, 0);
	done = 99;
	assert_int_equal(awl_stream_readexactly(e->b, NULL, 1, &done), -EINVAL);
	assert_int_equal(done, 0);
}

/* R3 */
static void readexactly_gives_all_or_tells_how_much_came(void **state)
{
	on_each(reads_exactly);
}

struct part {
	awl_stream *s;
	char buf[64];
	size_t done;
};

static int read_sixteen(void *arg)
{
	struct part *p = arg;

	return awl_stream_readexactly(p->s, p->buf, 16, &p->done);
}

static void cancelled_half_way(struct ends *e)
{
	struct part p = { .s = e->b };
	awl_task *t = spawn(read_sixteen, &p);

	say(e->a, "0123456");
	assert_int_equal(awl_sleep(AWL_MS), 0);
	let_them();
	assert_int_equal(stop(t), AWL_EFUTURECANCELED);
	say(e->a, "789abcdef");
	assert_says(e->b, &"0123456789abcdef"[p.done]);
	assert_memory_equal(p.buf, "0123456789abcdef", p.done);
}

static void a_cancelled_readexactly_tells_what_it_has_and_the_rest_stays(void **state)
{
	on_each(cancelled_half_way);
}

/* --- read_to_end --- */

static int send_and_end(void *arg)
{
	struct part *p = arg;
	unsigned char *data = bytes(p->done);
	int r = awl_stream_write_all(p->s, data, p->done, NULL);

	free(data);
	return r < 0 ? r : awl_stream_write_eof(p->s);
}

static void reads_all(struct ends *e)
{
	struct part p = { .s = e->a, .done = 300000 };
	awl_task *t = spawn(send_and_end, &p);
	unsigned char *data;
	void *ret;
	size_t len;

	assert_int_equal(awl_stream_read_to_end(e->b, SIZE_MAX, &ret, &len), 0);
	assert_int_equal(outcome(t), 0);
	assert_int_equal(len, 300000);
	data = bytes(len);
	assert_memory_equal(ret, data, len);
	assert_int_equal(((char *)ret)[len], 0);
	free(data);
	awl_free(ret);
	assert_int_equal(awl_stream_read_to_end(e->b, 0, &ret, &len), 0);
	assert_int_equal(len, 0);
	assert_int_equal(((char *)ret)[0], 0);
	awl_free(ret);
}

/* R2, read(-1) */
static void read_to_end_gives_everything_with_a_zero_behind_it(void **state)
{
	on_each(reads_all);
}

static void too_much(struct ends *e)
{
	void *ret = NULL;
	size_t len = 7;

	say(e->a, "0123456789");
	assert_int_equal(awl_stream_write_eof(e->a), 0);
	assert_int_equal(awl_stream_read_to_end(e->b, 9, &ret, &len), -EMSGSIZE);
	assert_null(ret);
	assert_int_equal(len, 7);
	assert_int_equal(awl_stream_read_to_end(e->b, 9, &ret, &len), -EMSGSIZE);
	assert_says(e->b, "01234");
	assert_int_equal(awl_stream_read_to_end(e->b, 5, &ret, &len), 0);
	assert_int_equal(len, 5);
	assert_string_equal(ret, "56789");
	awl_free(ret);
}

static void read_to_end_beyond_its_bound_leaves_what_came_to_be_read(void **state)
{
	on_each(too_much);
}

/* --- peek, consume --- */

static void peeks(struct ends *e)
{
	const void *data;
	const char *line;
	int n;

	assert_int_equal(awl_stream_consume(e->b, 0), 0);
	assert_int_equal(awl_stream_consume(e->b, 1), -EINVAL);
	say(e->a, "one\ntwo");
	n = awl_stream_peek(e->b, &data);
	assert_in_range(n, 1, 7);
	assert_int_equal(awl_stream_peek(e->b, &data), n);
	assert_memory_equal(data, "one\ntwo", (size_t)n);
	assert_int_equal(awl_stream_consume(e->b, (size_t)n + 1), -EINVAL);
	assert_int_equal(awl_stream_consume(e->b, 1), 0);
	assert_int_equal(awl_stream_readline(e->b, &line), 3);
	assert_memory_equal(line, "ne\n", 3);
	assert_int_equal(awl_stream_write_eof(e->a), 0);
	assert_says(e->b, "two");
	assert_int_equal(awl_stream_peek(e->b, &data), 0);
	assert_int_equal(awl_stream_peek(e->b, &data), 0);
}

static void peek_shows_and_consume_takes(void **state)
{
	on_each(peeks);
}

static int write_much(void *arg)
{
	static const char much[4 * AWL__STREAM_LIMIT];

	return awl_stream_write_all(arg, much, sizeof much, NULL);
}

/* As much as the limit at a time, once a block was full; a block again, once it was not. */
static void peeks_much(struct ends *e)
{
	awl_task *t = spawn(write_much, e->a);
	size_t came = 0, cap = AWL__BLOCK;
	const void *data;

	while (came < 4 * AWL__STREAM_LIMIT) {
		int n = awl_stream_peek(e->b, &data);

		assert_true(n > 0);
		assert_int_equal(e->b->in.cap, cap);
		assert_int_equal(awl_stream_consume(e->b, (size_t)n), 0);
		came += (size_t)n;
		cap = (size_t)n >= AWL__BLOCK ? AWL__STREAM_LIMIT : AWL__BLOCK;
	}
	assert_int_equal(outcome(t), 0);
	say(e->a, "x");
	assert_int_equal(awl_stream_peek(e->b, &data), 1);
	let_them();
	say(e->a, "y");
	assert_int_equal(awl_stream_consume(e->b, 1), 0);
	assert_int_equal(awl_stream_peek(e->b, &data), 1);
	assert_int_equal(e->b->in.cap, AWL__BLOCK);
}

static void who_is_sent_much_is_shown_as_much_as_the_limit_at_a_time(void **state)
{
	on_each(peeks_much);
}

static void borrows(struct ends *e)
{
	const char *line;
	const void *data;
	awl_task *t;

	say(e->a, "line\n");
	assert_int_equal(awl_stream_readline(e->b, &line), 5);
	assert_non_null(e->b->in.data);
	t = spawn(read_one, e->b);
	let_them();
	assert_null(e->b->in.data);
	say(e->a, "x");
	assert_int_equal(outcome(t), 'x');
	say(e->a, "abc");
	assert_true(awl_stream_peek(e->b, &data) > 0);
	assert_says(e->b, "abc");
	assert_int_equal(awl_stream_write_eof(e->a), 0);
	assert_ended(e->b);
	assert_null(e->b->in.data);
	assert_null(e->a->out);
}

static void a_stream_that_waits_holds_no_buffer(void **state)
{
	on_each(borrows);
}

static void waits_without_buffer(struct ends *e)
{
	static awl_fn *const fns[] = { read_line, peek, read_one };

	for (size_t i = 0; i < COUNT(fns); i++) {
		awl_task *t = spawn(fns[i], e->b);

		let_them();
		assert_null(e->b->in.data);
		assert_int_equal(stop(t), AWL_EFUTURECANCELED);
	}
}

static void a_reader_that_waits_holds_no_buffer_whatever_it_waits_for(void **state)
{
	on_each(waits_without_buffer);
}

static void sizes(void **state)
{
	awl_stream *s;

	assert_true(sizeof *s <= 256);
}

/* The rest of it is the class's: two pointers, a number. */
static void an_idle_stream_is_a_quarter_of_a_kilobyte(void **state)
{
	sizes(state);
}

/* --- one reader --- */

static void refuses_second(struct ends *e)
{
	const char *line;
	const void *data;
	size_t len;
	void *all;
	char c;
	awl_task *t = spawn(read_one, e->b);
	struct iovec newline = { "\n", 1 };

	let_them();
	assert_int_equal(awl_stream_read(e->b, &c, 1), -EBUSY);
	assert_non_null(strstr(awl_error_detail(-EBUSY), awl_task_get_name(t)));
	assert_non_null(strstr(awl_error_detail(-EBUSY), "awl_stream_read:"));
	assert_int_equal(awl_stream_readexactly(e->b, &c, 1, NULL), -EBUSY);
	assert_int_equal(awl_stream_read_to_end(e->b, 1, &all, &len), -EBUSY);
	assert_int_equal(awl_stream_readline(e->b, &line), -EBUSY);
	assert_int_equal(awl_stream_readuntil(e->b, "\n", 1, &line), -EBUSY);
	assert_int_equal(awl_stream_readuntil_any(e->b, &newline, 1, &line), -EBUSY);
	assert_int_equal(awl_stream_peek(e->b, &data), -EBUSY);
	assert_int_equal(awl_stream_consume(e->b, 0), -EBUSY);
	assert_int_equal(awl_copy(e->b, e->a, NULL), -EBUSY);
	assert_int_equal(awl_stream_detach(e->b), e->kind == MEMORY ? -ENOTSOCK : -EBUSY);
	say(e->b, "a writer is another matter");
	assert_says(e->a, "a writer is another matter");
	say(e->a, "y");
	assert_int_equal(outcome(t), 'y');
}

/* R6 */
static void a_second_reader_is_refused_by_the_name_of_the_first(void **state)
{
	on_each(refuses_second);
}

static void asked_to_stop_first(struct ends *e)
{
	char c;

	say(e->a, "z");
	awl_cancel(awl_current_task(), NULL);
	assert_int_equal(awl_stream_read(e->b, &c, 1), AWL_ECANCELED);
	awl_uncancel(awl_current_task());
	assert_int_equal(awl_stream_read(e->b, &c, 1), 1);
	assert_int_equal(c, 'z');
}

static void who_was_asked_to_stop_takes_nothing(void **state)
{
	on_each(asked_to_stop_first);
}

/* --- much of it --- */

static int read_slowly(void *arg)
{
	struct part *p = arg;
	size_t n = 0, step = 1;
	unsigned char buf[5000];

	for (;;) {
		int r = awl_stream_read(p->s, buf, step);

		if (r <= 0)
			return r < 0 ? r : n == p->done ? 0 : -EIO;
		for (int i = 0; i < r; i++)
			assert_int_equal(buf[i], byte_at(n + (size_t)i));
		n += (size_t)r;
		step = step * 7 % 4999 + 1;
	}
}

static void streams_much(struct ends *e)
{
	struct part out = { .s = e->a, .done = 1 << 20 }, in = { .s = e->b, .done = 1 << 20 };
	awl_task *writer = spawn(send_and_end, &out), *reader = spawn(read_slowly, &in);

	assert_int_equal(outcome(writer), 0);
	assert_int_equal(outcome(reader), 0);
}

/* R7 */
static void a_megabyte_arrives_in_order_and_whole(void **state)
{
	on_each(streams_much);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_read_gives_at_least_one_byte_and_no_more_than_asked),
		cmocka_unit_test(the_end_comes_after_the_last_byte_and_closes_one_way_only),
		cmocka_unit_test(a_read_waits_only_while_there_is_nothing),
		cmocka_unit_test(
			what_has_arrived_is_given_before_a_reset_which_is_told_again_and_again),
		cmocka_unit_test(what_is_in_the_streams_buffer_is_given_before_a_reset),
		cmocka_unit_test(a_reset_met_by_a_write_is_told_to_the_reader_behind_the_data),
		cmocka_unit_test(readexactly_gives_all_or_tells_how_much_came),
		cmocka_unit_test(a_cancelled_readexactly_tells_what_it_has_and_the_rest_stays),
		cmocka_unit_test(read_to_end_gives_everything_with_a_zero_behind_it),
		cmocka_unit_test(read_to_end_beyond_its_bound_leaves_what_came_to_be_read),
		cmocka_unit_test(peek_shows_and_consume_takes),
		cmocka_unit_test(who_is_sent_much_is_shown_as_much_as_the_limit_at_a_time),
		cmocka_unit_test(a_stream_that_waits_holds_no_buffer),
		cmocka_unit_test(a_reader_that_waits_holds_no_buffer_whatever_it_waits_for),
		cmocka_unit_test(an_idle_stream_is_a_quarter_of_a_kilobyte),
		cmocka_unit_test(a_second_reader_is_refused_by_the_name_of_the_first),
		cmocka_unit_test(who_was_asked_to_stop_takes_nothing),
		cmocka_unit_test(a_megabyte_arrives_in_order_and_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
