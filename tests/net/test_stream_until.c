/* SPDX-License-Identifier: MIT */
/*
 * @reactors @valgrind
 * test_stream_until.c - reading up to a separator: wherever it is split, within its limit, and
 * without looking at anything twice.
 */
#include "net/until.h"
#include "streams.h"

/* --- lines --- */

static void lines(struct ends *e)
{
	const char *line;

	say(e->a, "first\n\nthird\nlast");
	assert_int_equal(awl_stream_write_eof(e->a), 0);
	assert_int_equal(awl_stream_readline(e->b, &line), 6);
	assert_memory_equal(line, "first\n", 6);
	assert_int_equal(awl_stream_readline(e->b, &line), 1);
	assert_memory_equal(line, "\n", 1);
	assert_int_equal(awl_stream_readline(e->b, &line), 6);
	assert_memory_equal(line, "third\n", 6);
	assert_int_equal(awl_stream_readline(e->b, &line), 4);
	assert_memory_equal(line, "last", 4);
	assert_int_equal(awl_stream_readline(e->b, &line), 0);
	assert_int_equal(awl_stream_readline(e->b, &line), 0);
	assert_int_equal(awl_stream_at_eof(e->b), 1);
}

/* R5, R12 */
static void readline_gives_each_line_and_the_last_without_its_end(void **state)
{
	on_each(lines);
}

static void line_then_reset(struct ends *e)
{
	const char *line;

	say(e->a, "whole\npart");
	say(e->b, "never read");
	assert_int_equal(awl_stream_abort(e->a), 0);
	assert_int_equal(awl_stream_readline(e->b, &line), 6);
	assert_int_equal(awl_stream_readline(e->b, &line), -ECONNRESET);
	assert_says(e->b, "part");
	assert_int_equal(awl_stream_readline(e->b, &line), -ECONNRESET);
}

static void a_reset_makes_no_line_of_a_part(void **state)
{
	on_each(line_then_reset);
}

/* --- splits --- */

struct sender {
	awl_stream *s;
	const char *text;
	size_t len, first;
};

/* In two pieces, the second once the reader has seen the first. */
static int send_split(void *arg)
{
	struct sender *p = arg;
	int r = awl_stream_write_all(p->s, p->text, p->first, NULL);

	if (r == 0)
		r = awl_test_wait_blocked();
	if (r == 0)
		r = awl_stream_write_all(p->s, p->text + p->first, p->len - p->first, NULL);
	return r;
}

static void splits(struct ends *e)
{
	static const char text[] = "--bo-boundary--boundary!";

	for (size_t first = 0; first < sizeof text; first++) {
		struct sender p = { e->a, text, sizeof text - 1, first };
		awl_task *t = spawn(send_split, &p);
		const char *data;

		assert_int_equal(awl_stream_readuntil(e->b, "--boundary", 10, &data), 23);
		assert_memory_equal(data, text, 23);
		assert_says(e->b, "!");
		assert_int_equal(outcome(t), 0);
	}
}

/* R4 */
static void a_separator_is_found_wherever_it_is_split(void **state)
{
	on_each(splits);
}

static void of_several(struct ends *e)
{
	const struct iovec ends_of_line[] = { { "\r\n", 2 }, { "\n", 1 }, { "\r\n\r\n", 4 } };
	const char *data;

	say(e->a, "a\r\nb\nc\r\n\r\n");
	assert_int_equal(awl_stream_readuntil_any(e->b, ends_of_line, 3, &data), 3);
	assert_memory_equal(data, "a\r\n", 3);
	assert_int_equal(awl_stream_readuntil_any(e->b, ends_of_line, 3, &data), 2);
	assert_memory_equal(data, "b\n", 2);
	assert_int_equal(awl_stream_readuntil_any(e->b, ends_of_line, 3, &data), 3);
	assert_memory_equal(data, "c\r\n", 3);
	assert_int_equal(awl_stream_readuntil_any(e->b, ends_of_line, 3, &data), 2);
	assert_memory_equal(data, "\r\n", 2);
}

static void splits_of_several(struct ends *e)
{
	static const char text[] = "xABCyABxx";
	const struct iovec separators[] = { { "ABCy", 4 }, { "Cy", 2 }, { "ABx", 3 },
		{ "yAB", 3 } };

	for (size_t first = 0; first < sizeof text; first++) {
		struct sender p = { e->a, text, sizeof text - 1, first };
		awl_task *t = spawn(send_split, &p);
		const char *data;

		assert_int_equal(awl_stream_readuntil_any(e->b, separators, 4, &data), 5);
		assert_memory_equal(data, "xABCy", 5);
		assert_int_equal(awl_stream_readuntil_any(e->b, separators, 4, &data), 3);
		assert_memory_equal(data, "ABx", 3);
		assert_says(e->b, "x");
		assert_int_equal(outcome(t), 0);
	}
}

/* R4, as of 3.13 */
static void of_several_separators_the_one_that_ends_first_counts(void **state)
{
	on_each(of_several);
	on_each(splits_of_several);
}

static void refuses(struct ends *e)
{
	const struct iovec none = { "x", 0 };
	const char *data;

	assert_int_equal(awl_stream_readuntil(e->b, "", 0, &data), -EINVAL);
	assert_int_equal(awl_stream_readuntil(e->b, NULL, 1, &data), -EINVAL);
	assert_int_equal(awl_stream_readuntil(e->b, "x", 1, NULL), -EINVAL);
	assert_int_equal(awl_stream_readuntil_any(e->b, &none, 1, &data), -EINVAL);
	assert_int_equal(awl_stream_readuntil_any(e->b, &none, 0, &data), -EINVAL);
	assert_int_equal(awl_stream_readuntil_any(e->b, NULL, 1, &data), -EINVAL);
	assert_int_equal(awl_stream_readline(e->b, NULL), -EINVAL);
}

static void an_empty_separator_is_refused(void **state)
{
	on_each(refuses);
}

static void ends_before(struct ends *e)
{
	const char *data;

	say(e->a, "no separator");
	assert_int_equal(awl_stream_write_eof(e->a), 0);
	assert_int_equal(awl_stream_readuntil(e->b, ";", 1, &data), AWL_EINCOMPLETE);
	assert_int_equal(awl_stream_readuntil(e->b, ";", 1, &data), AWL_EINCOMPLETE);
	assert_int_equal(awl_stream_readuntil(e->b, "or", 2, &data), 12);
	assert_int_equal(awl_stream_readuntil(e->b, "or", 2, &data), AWL_EINCOMPLETE);
	assert_ended(e->b);
}

/* R4 */
static void an_end_before_the_separator_leaves_what_came_to_be_read(void **state)
{
	on_each(ends_before);
}

/* --- the limit --- */

static void limits(struct ends *e)
{
	const char *data;

	assert_int_equal(awl_stream_set_limit(e->b, 0), -EINVAL);
	assert_int_equal(awl_stream_set_limit(e->b, 10), 0);
	say(e->a, "0123456789\r\n"); /* the separator begins at the limit */
	assert_int_equal(awl_stream_readuntil(e->b, "\r\n", 2, &data), 12);
	say(e->a, "012345678\r\n");
	assert_int_equal(awl_stream_readuntil(e->b, "\r\n", 2, &data), 11);
	say(e->a, "0123456789a\r\n");
	assert_int_equal(awl_stream_readuntil(e->b, "\r\n", 2, &data), AWL_ELIMIT);
	assert_int_equal(awl_stream_readuntil(e->b, "\r\n", 2, &data), AWL_ELIMIT);
	assert_non_null(strstr(awl_error_detail(AWL_ELIMIT), "10 bytes"));
	assert_int_equal(awl_stream_set_limit(e->b, 11), 0);
	assert_int_equal(awl_stream_readuntil(e->b, "\r\n", 2, &data), 13);
	assert_memory_equal(data, "0123456789a\r\n", 13);
}

/* R4, R5, R7 */
static void a_separator_that_begins_behind_the_limit_is_refused_and_nothing_is_taken(void **state)
{
	on_each(limits);
}

static void never_comes(struct ends *e)
{
	const char *line;
	char got[21];

	assert_int_equal(awl_stream_set_limit(e->b, 20), 0);
	say(e->a, "0123456789");
	say(e->a, "0123456789x");
	assert_int_equal(awl_stream_readline(e->b, &line), AWL_ELIMIT);
	assert_true(awl__buffered(&e->b->in) <= 21);
	assert_int_equal(awl_stream_readexactly(e->b, got, 21, NULL), 0);
	assert_memory_equal(got, "01234567890123456789x", 21);
}

/* R5: asyncio drops the line */
static void what_is_too_long_for_a_line_stays_to_be_read(void **state)
{
	on_each(never_comes);
}

static int send_long_line(void *arg)
{
	struct sender *p = arg;
	char *text = malloc(p->len + 1);
	int r;

	memset(text, 'a', p->len);
	text[p->len] = '\n';
	r = awl_stream_write_all(p->s, text, p->len + 1, NULL);
	free(text);
	return r;
}

static void long_lines(struct ends *e)
{
	static const size_t lens[] = { 16383, 16384, 32768, 65535, 65536 };
	const char *line;

	for (size_t i = 0; i < COUNT(lens); i++) {
		struct sender p = { .s = e->a, .len = lens[i] };
		awl_task *t = spawn(send_long_line, &p);

		assert_int_equal(awl_stream_readline(e->b, &line), (int)lens[i] + 1);
		assert_int_equal(line[lens[i]], '\n');
		assert_int_equal(line[lens[i] - 1], 'a');
		assert_int_equal(outcome(t), 0);
	}
	struct sender p = { .s = e->a, .len = 65537 };
	awl_task *t = spawn(send_long_line, &p);

	assert_int_equal(awl_stream_readline(e->b, &line), AWL_ELIMIT);
	assert_true(awl__buffered(&e->b->in) <= 65537);
	swallow(e->b, 65538);
	assert_int_equal(outcome(t), 0);
}

static void a_line_grows_its_buffer_up_to_64_kib_and_no_further(void **state)
{
	on_each(long_lines);
}

/* --- no step twice --- */

static void a_line_that_comes_byte_by_byte_is_searched_once(void **state)
{
	static char line[65537];
	const struct iovec separators[] = { { "\r\n", 2 }, { "\n\n\n", 3 } };
	struct awl__until u = { .separators = separators, .count = 2, .longest = 3 };

	memset(line, 'a', sizeof line);
	line[65534] = '\r';
	line[65535] = '\n';
	for (size_t len = 1; len <= 65535; len++)
		assert_int_equal(awl__until_look(&u, line, len, 65536), 0);
	assert_int_equal(awl__until_look(&u, line, 65536, 65536), 65536);
	assert_true(u.searched <= 3 * 65536);
}

static int send_byte_by_byte(void *arg)
{
	struct sender *p = arg;

	for (size_t i = 0; i < p->len; i++) {
		int r = awl_stream_write_all(p->s, i + 1 < p->len ? "a" : "\n", 1, NULL);

		if (r == 0 && i % 8 == 0)
			r = awl_yield();
		if (r < 0)
			return r;
	}
	return 0;
}

static void byte_by_byte(struct ends *e)
{
	struct sender p = { .s = e->a, .len = 5000 };
	awl_task *t = spawn(send_byte_by_byte, &p);
	const char *line;

	assert_int_equal(awl_stream_readline(e->b, &line), 5000);
	assert_int_equal(outcome(t), 0);
}

static void a_line_may_come_byte_by_byte(void **state)
{
	on_each(byte_by_byte);
}

/* --- asked to stop --- */

static int read_until(void *arg)
{
	const char *data;

	return awl_stream_readuntil(arg, "END", 3, &data);
}

static void cancelled(struct ends *e)
{
	static const char text[] = "so far EN";
	const char *data;

	for (size_t i = 0; i < sizeof text - 1; i++) {
		awl_task *t = spawn(read_until, e->b);

		assert_int_equal(awl_stream_write_all(e->a, text + i, 1, NULL), 0);
		let_them();
		assert_int_equal(stop(t), AWL_EFUTURECANCELED);
	}
	say(e->a, "D");
	assert_int_equal(awl_stream_readuntil(e->b, "END", 3, &data), 10);
	assert_memory_equal(data, "so far END", 10);
}

static void what_a_cancelled_readuntil_had_stays_for_the_next(void **state)
{
	on_each(cancelled);
}

/* --- what is lent ends with the stream --- */

#define LINES 1000

static int until_closed(awl_stream *s, int (*next)(awl_stream *s))
{
	int r;

	while ((r = next(s)) > 0)
		assert_int_equal(awl_stream_is_closing(s), 0);
	return r;
}

static int next_line(awl_stream *s)
{
	const char *line;

	return awl_stream_readline(s, &line);
}

static int next_look(awl_stream *s)
{
	const void *data;

	return awl_stream_peek(s, &data);
}

static int reads_lines(void *arg)
{
	return until_closed(arg, next_line);
}

static int looks(void *arg)
{
	return until_closed(arg, next_look);
}

/* All of it is there, so nobody waits but for his turn. */
static void closed_between(awl_fn *fn, struct ends *e)
{
	char text[LINES];
	awl_task *t;

	memset(text, '\n', sizeof text);
	assert_int_equal(awl_stream_write_all(e->a, text, sizeof text, NULL), 0);
	let_them();
	t = spawn(fn, e->b);
	assert_int_equal(awl_yield(), 0);
	assert_int_equal(awl_stream_close(e->b), 0);
	assert_int_equal(outcome(t), AWL_EDEAD);
}

static void lines_closed_between(struct ends *e)
{
	closed_between(reads_lines, e);
}

static void looks_closed_between(struct ends *e)
{
	closed_between(looks, e);
}

static void who_lets_others_run_is_lent_nothing_of_what_they_close(void **state)
{
	on_each(lines_closed_between);
	on_each(looks_closed_between);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(readline_gives_each_line_and_the_last_without_its_end),
		cmocka_unit_test(a_reset_makes_no_line_of_a_part),
		cmocka_unit_test(a_separator_is_found_wherever_it_is_split),
		cmocka_unit_test(of_several_separators_the_one_that_ends_first_counts),
		cmocka_unit_test(an_empty_separator_is_refused),
		cmocka_unit_test(an_end_before_the_separator_leaves_what_came_to_be_read),
		cmocka_unit_test(
			a_separator_that_begins_behind_the_limit_is_refused_and_nothing_is_taken),
		cmocka_unit_test(what_is_too_long_for_a_line_stays_to_be_read),
		cmocka_unit_test(a_line_grows_its_buffer_up_to_64_kib_and_no_further),
		cmocka_unit_test(a_line_that_comes_byte_by_byte_is_searched_once),
		cmocka_unit_test(a_line_may_come_byte_by_byte),
		cmocka_unit_test(what_a_cancelled_readuntil_had_stays_for_the_next),
		cmocka_unit_test(who_lets_others_run_is_lent_nothing_of_what_they_close),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
