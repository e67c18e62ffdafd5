/* SPDX-License-Identifier: MIT */
/*
 * @reactors @valgrind
 * test_stream_write.c - writing: straight from the caller's memory, in one piece or many, how far
 * it came being told; and asyncio's way, into a buffer that is sent without a task.
 */
#include "streams.h"

#include <signal.h>

#define MUCH 600000u

struct side {
	awl_stream *s;
	size_t len, done;
	int result;
};

static int write_much(void *arg)
{
	struct side *w = arg;
	unsigned char *data = bytes(w->len);

	w->result = awl_stream_write_all(w->s, data, w->len, &w->done);
	free(data);
	return w->result;
}

static void assert_reads(awl_stream *s, size_t from, size_t len)
{
	unsigned char *got = malloc(len);

	assert_int_equal(awl_stream_readexactly(s, got, len, NULL), 0);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(got[i], byte_at(from + i));
	free(got);
}

/* --- one piece --- */

static void writes(struct ends *e)
{
	int r = awl_stream_write(e->a, "hello", 5);

	assert_in_range(r, 1, 5);
	assert_int_equal(awl_stream_write(e->a, NULL, 0), 0);
	assert_int_equal(awl_stream_write(e->a, NULL, 1), -EINVAL);
	say(e->a, &"hello"[r]);
	assert_says(e->b, "hello");
}

static void a_write_takes_at_least_one_byte_and_tells_how_many(void **state)
{
	on_each(writes);
}

static void writes_all(struct ends *e)
{
	struct side w = { .s = e->a, .len = MUCH };
	awl_task *t = spawn(write_much, &w);

	assert_reads(e->b, 0, MUCH);
	assert_int_equal(outcome(t), 0);
	assert_int_equal(w.done, MUCH);
	assert_int_equal(awl_stream_write_all(e->a, "", 0, &w.done), 0);
	assert_int_equal(w.done, 0);
}

/* R8, P2 */
static void write_all_waits_until_all_is_taken(void **state)
{
	on_each(writes_all);
}

static void stopped_half_way(struct ends *e)
{
	struct side w = { .s = e->a, .len = MUCH };
	awl_task *t = spawn(write_much, &w);

	let_them();
	assert_int_equal(stop(t), AWL_EFUTURECANCELED);
	assert_int_equal(w.result, AWL_ECANCELED);
	assert_in_range(w.done, 0, MUCH - 1);
	assert_int_equal(awl_stream_write_eof(e->a), 0);
	assert_reads(e->b, 0, w.done);
	assert_ended(e->b);
}

static void a_cancelled_write_all_tells_how_far_it_came(void **state)
{
	on_each(stopped_half_way);
}

static void peer_goes(struct ends *e)
{
	struct side w = { .s = e->a, .len = MUCH };
	awl_task *t = spawn(write_much, &w);
	int r;

	let_them();
	assert_int_equal(awl_stream_abort(e->b), 0);
	r = outcome(t);
	assert_true(r == -EPIPE || r == -ECONNRESET);
	assert_in_range(w.done, 0, MUCH - 1);
	r = awl_stream_write(e->a, "x", 1);
	assert_true(r == -EPIPE || r == -ECONNRESET);
	r = awl_stream_write_buffered(e->a, "x", 1);
	assert_true(r == -EPIPE || r == -ECONNRESET);
	r = awl_stream_drain(e->a);
	assert_true(r == -EPIPE || r == -ECONNRESET);
	r = awl_stream_write_eof(e->a);
	assert_true(r == -EPIPE || r == -ECONNRESET);
}

static void a_peer_that_goes_is_an_error_and_never_a_signal(void **state)
{
	signal(SIGPIPE, SIG_DFL);
	on_each(peer_goes);
}

/* --- several pieces --- */

static void writes_parts(struct ends *e)
{
	struct iovec parts[] = { { "one ", 4 }, { NULL, 0 }, { "two ", 4 }, { "three", 5 } };
	size_t done = 99;
	int r = awl_stream_writev(e->a, parts, 4);

	assert_in_range(r, 1, 13);
	say(e->a, &"one two three"[r]);
	assert_says(e->b, "one two three");
	assert_int_equal(awl_stream_writelines(e->a, parts, 4, &done), 0);
	assert_int_equal(done, 13);
	assert_says(e->b, "one two three");
	assert_int_equal(awl_stream_writelines(e->a, NULL, 0, &done), 0);
	assert_int_equal(done, 0);
	assert_int_equal(awl_stream_writev(e->a, parts + 1, 1), 0);
	assert_int_equal(awl_stream_writev(e->a, NULL, 1), -EINVAL);
	assert_int_equal(awl_stream_writev(e->a, parts, -1), -EINVAL);
	parts[1].iov_len = 1;
	assert_int_equal(awl_stream_writelines(e->a, parts, 4, &done), -EINVAL);
}

/* P3 */
static void parts_go_in_their_order_and_empty_ones_do_no_harm(void **state)
{
	on_each(writes_parts);
}

struct lines {
	awl_stream *s;
	size_t done;
	int result;
};

#define LINES 300u
#define LINE 7001u

static int write_lines(void *arg)
{
	struct lines *w = arg;
	unsigned char *data = bytes((size_t)LINES * LINE);
	struct iovec parts[LINES];

	for (size_t i = 0; i < LINES; i++)
		parts[i] = (struct iovec){ data + i * LINE, LINE };
	w->result = awl_stream_writelines(w->s, parts, LINES, &w->done);
	free(data);
	return w->result;
}

static void writes_many_lines(struct ends *e)
{
	struct lines w = { .s = e->a };
	awl_task *t = spawn(write_lines, &w);

	assert_reads(e->b, 0, (size_t)LINES * LINE);
	assert_int_equal(outcome(t), 0);
	assert_int_equal(w.done, (size_t)LINES * LINE);
	t = spawn(write_lines, &w);
	let_them();
	assert_int_equal(stop(t), AWL_EFUTURECANCELED);
	assert_int_equal(w.result, AWL_ECANCELED);
	assert_int_equal(awl_stream_write_eof(e->a), 0);
	assert_reads(e->b, 0, w.done);
	assert_ended(e->b);
}

static void writelines_sends_more_parts_than_the_kernel_takes_at_once(void **state)
{
	on_each(writes_many_lines);
}

/* --- one writer --- */

static void refuses_second(struct ends *e)
{
	struct side w = { .s = e->a, .len = MUCH };
	awl_task *t = spawn(write_much, &w);
	struct iovec part = { "x", 1 };

	let_them();
	assert_int_equal(awl_stream_write(e->a, "x", 1), -EBUSY);
	assert_non_null(strstr(awl_error_detail(-EBUSY), awl_task_get_name(t)));
	assert_int_equal(awl_stream_write_all(e->a, "x", 1, NULL), -EBUSY);
	assert_int_equal(awl_stream_writev(e->a, &part, 1), -EBUSY);
	assert_int_equal(awl_stream_writelines(e->a, &part, 1, NULL), -EBUSY);
	assert_int_equal(awl_stream_write_buffered(e->a, "x", 1), -EBUSY);
	assert_int_equal(awl_stream_write_eof(e->a), -EBUSY);
	assert_int_equal(awl_stream_sendfile(e->a, STDIN_FILENO, -1, 0, NULL), -EINVAL);
	assert_reads(e->b, 0, MUCH);
	assert_int_equal(outcome(t), 0);
}

static void a_second_writer_is_refused_and_never_interleaved(void **state)
{
	on_each(refuses_second);
}

/* --- the end --- */

static void sends_eof(struct ends *e)
{
	say(e->a, "x");
	assert_int_equal(awl_stream_write_eof(e->a), 0);
	assert_int_equal(awl_stream_write_eof(e->a), 0);
	assert_int_equal(awl_stream_write(e->a, "y", 1), -EPIPE);
	assert_int_equal(awl_stream_write_buffered(e->a, "y", 1), -EPIPE);
	assert_non_null(strstr(awl_error_detail(-EPIPE), "awl_stream_write_eof"));
	assert_says(e->b, "x");
	assert_ended(e->b);
	say(e->b, "still");
	assert_says(e->a, "still");
}

/* P4 */
static void after_the_end_nothing_is_written_and_reading_goes_on(void **state)
{
	on_each(sends_eof);
}

static int write_eof(void *arg)
{
	return awl_stream_write_eof(arg);
}

static void eof_behind_buffer(struct ends *e)
{
	unsigned char *data = bytes(MUCH);
	awl_task *t;

	assert_int_equal(awl_stream_write_buffered(e->a, data, MUCH), 0);
	free(data);
	t = spawn(write_eof, e->a);
	let_them();
	assert_false(awl_done(t));
	assert_int_equal(stop(t), AWL_EFUTURECANCELED); /* it comes all the same */
	assert_reads(e->b, 0, MUCH);
	assert_ended(e->b);
	assert_int_equal(awl_stream_write_eof(e->a), 0);
}

static void the_end_goes_behind_what_is_buffered(void **state)
{
	on_each(eof_behind_buffer);
}

/* --- buffered --- */

static void buffers(struct ends *e)
{
	unsigned char *data = bytes(MUCH);
	int64_t left;

	assert_int_equal(awl_stream_get_write_buffer_size(e->a), 0);
	assert_int_equal(awl_stream_write_buffered(e->a, "ab", 2), 0);
	assert_int_equal(awl_stream_write_buffered(e->a, "", 0), 0);
	assert_int_equal(awl_stream_write_buffered(e->a, NULL, 1), -EINVAL);
	assert_says(e->b, "ab");
	assert_int_equal(awl_stream_drain(e->a), 0);
	for (size_t i = 0; i < MUCH; i += 12345)
		assert_int_equal(awl_stream_write_buffered(
					 e->a, data + i, MUCH - i < 12345 ? MUCH - i : 12345),
			0);
	free(data);
	left = awl_stream_get_write_buffer_size(e->a);
	assert_in_range(left, 1, MUCH);
	assert_reads(e->b, 0, MUCH);
	assert_int_equal(awl_stream_drain(e->a), 0);
	assert_int_equal(awl_stream_get_write_buffer_size(e->a), 0);
	assert_null(e->a->out->unsent.data);
}

/* R8, P2 */
static void a_buffered_write_never_waits_and_is_sent_without_a_task(void **state)
{
	on_each(buffers);
}

static int drain(void *arg)
{
	return awl_stream_drain(arg);
}

static void marks(struct ends *e)
{
	static char data[200000];
	awl_task *t, *other;

	assert_int_equal(awl_stream_set_write_buffer_limits(e->a, 1, 2), -EINVAL);
	assert_int_equal(awl_stream_set_write_buffer_limits(e->a, 100000, 1000), 0);
	size_t fill = fill_up(e->a), sent = fill;
	assert_int_equal(awl_stream_write_buffered(e->a, data, 100000), 0);
	assert_int_equal(awl_stream_drain(e->a), 0); /* not above the high mark */
	assert_int_equal(awl_stream_write_buffered(e->a, data, 1), 0);
	t = spawn(drain, e->a);
	other = spawn(drain, e->a); /* any number may */
	let_them();
	assert_false(awl_done(t));
	swallow(e->b, sent);
	while (!awl_done(t)) {
		assert_true(!e->a->out->full || awl__buffered(&e->a->out->unsent) > 1000);
		swallow(e->b, 1);
		sent++;
	}
	assert_in_range(awl_stream_get_write_buffer_size(e->a), 0, 1000);
	assert_int_equal(outcome(t), 0);
	assert_int_equal(outcome(other), 0);
	swallow(e->b, fill + 100001 - sent);
}

/* P7 */
static void drain_waits_from_the_high_mark_down_to_the_low_one(void **state)
{
	on_each(marks);
}

static void mixes(struct ends *e)
{
	unsigned char *data = bytes(MUCH + 5);
	struct side w = { .s = e->a, .len = 1 };
	awl_task *t;

	assert_int_equal(awl_stream_write_buffered(e->a, data, MUCH), 0);
	t = spawn(write_much, &w); /* one byte, byte 0 */
	let_them();
	assert_false(awl_done(t));
	assert_int_equal(awl_stream_write_buffered(e->a, data, 1), -EBUSY);
	assert_reads(e->b, 0, MUCH);
	assert_reads(e->b, 0, 1);
	assert_int_equal(outcome(t), 0);
	assert_int_equal(awl_stream_write_buffered(e->a, data + 5, 1), 0);
	assert_reads(e->b, 5, 1);
	free(data);
}

static void what_was_buffered_before_goes_before_what_is_written(void **state)
{
	on_each(mixes);
}

static void breaks_while_draining(struct ends *e)
{
	unsigned char *data = bytes(MUCH);
	awl_task *t;
	int r;

	assert_int_equal(awl_stream_write_buffered(e->a, data, MUCH), 0);
	free(data);
	t = spawn(drain, e->a);
	let_them();
	assert_int_equal(awl_stream_abort(e->b), 0);
	r = outcome(t);
	assert_true(r == -EPIPE || r == -ECONNRESET);
	assert_int_equal(awl_stream_get_write_buffer_size(e->a), 0);
	assert_int_equal(awl_stream_close(e->a), 0);
	r = awl_stream_wait_closed(e->a);
	assert_true(r == -EPIPE || r == -ECONNRESET);
}

static void a_connection_that_breaks_ends_the_drain_and_drops_the_rest(void **state)
{
	on_each(breaks_while_draining);
}

/* --- from a file --- */

static int file_of(size_t len)
{
	unsigned char *data = bytes(len);
	int fd = memfd_create("test", MFD_CLOEXEC);

	assert_int_equal(write(fd, data, len), len);
	free(data);
	return fd;
}

struct sending {
	awl_stream *s;
	int file;
	int64_t offset, count, done;
};

static int send_file(void *arg)
{
	struct sending *f = arg;

	return awl_stream_sendfile(f->s, f->file, f->offset, f->count, &f->done);
}

static void sends_files(struct ends *e)
{
	struct sending f = { .s = e->a, .file = file_of(1000000) };
	int ends[2];
	awl_task *t;

	assert_int_equal(lseek(f.file, 77, SEEK_SET), 77);
	t = spawn(send_file, &f);
	assert_reads(e->b, 0, 1000000);
	assert_int_equal(outcome(t), 0);
	assert_int_equal(f.done, 1000000);
	assert_int_equal(lseek(f.file, 0, SEEK_CUR), 77);
	assert_int_equal(awl_stream_sendfile(e->a, f.file, 10, 5, &f.done), 0);
	assert_int_equal(f.done, 5);
	assert_reads(e->b, 10, 5);
	assert_int_equal(awl_stream_sendfile(e->a, f.file, 2000000, 0, &f.done), 0);
	assert_int_equal(f.done, 0);
	assert_int_equal(awl_stream_sendfile(e->a, f.file, -1, 0, &f.done), -EINVAL);
	assert_int_equal(awl_stream_sendfile(e->a, f.file, 0, -1, &f.done), -EINVAL);
	assert_int_equal(awl_stream_sendfile(e->a, -1, 0, 0, &f.done), -EBADF);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(awl_stream_sendfile(e->a, ends[0], 0, 0, &f.done), -ESPIPE);
	close(ends[0]);
	close(ends[1]);
	f.offset = 3;
	t = spawn(send_file, &f);
	swallow(e->b, 1);
	assert_int_equal(stop(t), AWL_EFUTURECANCELED);
	assert_int_equal(awl_stream_write_eof(e->a), 0);
	assert_reads(e->b, 4, (size_t)f.done - 1);
	assert_ended(e->b);
	close(f.file);
}

/* K9 */
static void sendfile_sends_a_piece_of_a_file_and_tells_how_much(void **state)
{
	on_each(sends_files);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_write_takes_at_least_one_byte_and_tells_how_many),
		cmocka_unit_test(write_all_waits_until_all_is_taken),
		cmocka_unit_test(a_cancelled_write_all_tells_how_far_it_came),
		cmocka_unit_test(a_peer_that_goes_is_an_error_and_never_a_signal),
		cmocka_unit_test(parts_go_in_their_order_and_empty_ones_do_no_harm),
		cmocka_unit_test(writelines_sends_more_parts_than_the_kernel_takes_at_once),
		cmocka_unit_test(a_second_writer_is_refused_and_never_interleaved),
		cmocka_unit_test(after_the_end_nothing_is_written_and_reading_goes_on),
		cmocka_unit_test(the_end_goes_behind_what_is_buffered),
		cmocka_unit_test(a_buffered_write_never_waits_and_is_sent_without_a_task),
		cmocka_unit_test(drain_waits_from_the_high_mark_down_to_the_low_one),
		cmocka_unit_test(what_was_buffered_before_goes_before_what_is_written),
		cmocka_unit_test(a_connection_that_breaks_ends_the_drain_and_drops_the_rest),
		cmocka_unit_test(sendfile_sends_a_piece_of_a_file_and_tells_how_much),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
