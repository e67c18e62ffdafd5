/* SPDX-License-Identifier: MIT */
/*
 * @reactors @valgrind @timeout 120
 * test_stream_cancel.c - the calls on streams, ended at every point of their lives, on each kind of
 * stream: what was sent arrives once and whole, and nothing is left.
 */
#include "net/cancel.h"
#include "streams.h"

#include <unistd.h>

#define WORDS "12345678\n"

static awl_stream *one(struct trial *t)
{
	return t->objects[0];
}

static awl_stream *other(struct trial *t)
{
	return t->objects[1];
}

static void open_of(struct trial *t, enum kind kind)
{
	struct ends e = { .kind = kind };

	make_ends(&e);
	t->objects[0] = e.a;
	t->objects[1] = e.b;
}

/* Between them what is not to be waited for is dropped. */
static void close_all(struct trial *t)
{
	for (int i = 3; i >= 0; i--)
		if (t->objects[i]) {
			awl_stream_abort(t->objects[i]);
			(void)!awl_stream_wait_closed(t->objects[i]);
			awl_stream_unref(t->objects[i]);
		}
	if (t->fds[0])
		close(t->fds[0]);
}

static int shut_one(struct trial *t)
{
	return awl_stream_close(one(t));
}

static void reset_other(struct trial *t)
{
	CHECK(awl_stream_abort(other(t)) == 0);
	if (t->objects[3]) /* a unix socket's is only an end, which is not the end of all */
		CHECK(awl_stream_abort(t->objects[3]) == 0);
}

/* --- reading: nine bytes are sent, and read by the operation or after it --- */

static void send_words(struct trial *t)
{
	CHECK(awl_stream_write_all(other(t), WORDS, 9, NULL) == 0);
}

static void send_words_and_end(struct trial *t)
{
	send_words(t);
	CHECK(awl_stream_write_eof(other(t)) == 0);
}

/* The operation gave the first `got` of them. */
static void count_rest(struct trial *t, int got)
{
	char rest[16];

	CHECK(got <= 9 && memcmp(t->buf, WORDS, (size_t)got) == 0);
	CHECK(awl_stream_readexactly(one(t), rest, 9 - (size_t)got, NULL) == 0);
	CHECK(memcmp(rest, &WORDS[got], 9 - (size_t)got) == 0);
	CHECK(awl__buffered(&one(t)->in) == 0);
}

static void count_read(struct trial *t)
{
	count_rest(t, t->result);
}

static void count_line(struct trial *t)
{
	CHECK(t->result == 9);
	count_rest(t, 9);
}

static void count_exactly(struct trial *t)
{
	count_rest(t, (int)t->moved);
}

/* A unix socket knows no reset unless it had bytes that nobody has read. */
static int as_reset(int r)
{
	return r == AWL_EINCOMPLETE ? -ECONNRESET : r;
}

static int do_read(struct trial *t)
{
	return awl_stream_read(one(t), t->buf, 4);
}

static int do_readexactly(struct trial *t)
{
	size_t done;
	int r = awl_stream_readexactly(one(t), t->buf + t->moved, 7 - t->moved, &done);

	t->moved += done;
	return as_reset(r);
}

static int keep(struct trial *t, const void *data, int r)
{
	if (r > 0)
		memcpy(t->buf, data, (size_t)r);
	return r;
}

static int do_readline(struct trial *t)
{
	const char *line = NULL;
	int r = awl_stream_readline(one(t), &line);

	return keep(t, line, r);
}

static int do_readuntil(struct trial *t)
{
	const struct iovec separators[] = { { "8\n", 2 }, { "78\n", 3 } };
	const char *data = NULL;
	int r = awl_stream_readuntil_any(one(t), separators, 2, &data);

	return keep(t, data, as_reset(r));
}

static int do_peek(struct trial *t)
{
	const void *data = NULL;
	int r = awl_stream_peek(one(t), &data);

	if (r > 0) {
		keep(t, data, r);
		CHECK(awl_stream_consume(one(t), (size_t)r) == 0);
	}
	return r;
}

static int do_read_to_end(struct trial *t)
{
	void *data;
	size_t len;
	int r = awl_stream_read_to_end(one(t), 100, &data, &len);

	if (r == 0) {
		r = keep(t, data, (int)len);
		awl_free(data);
	}
	return r;
}

/* --- writing: into what is full already; the peer counts what comes --- */

static void open_full(struct trial *t, enum kind kind)
{
	open_of(t, kind);
	t->total = fill_up(one(t));
}

static void make_room(struct trial *t)
{
	swallow(other(t), t->total);
	t->got = t->total;
}

static void count_sent(struct trial *t)
{
	char rest[16];

	CHECK(awl_stream_write_eof(one(t)) == 0);
	swallow(other(t), t->total - t->got);
	CHECK(awl_stream_readexactly(other(t), rest, 9, NULL) == 0);
	CHECK(memcmp(rest, WORDS, 9) == 0);
	CHECK(awl_stream_read(other(t), rest, 1) == 0);
}

static int do_write_all(struct trial *t)
{
	size_t done;
	int r = awl_stream_write_all(one(t), &WORDS[t->moved], 9 - t->moved, &done);

	t->moved += done;
	return r;
}

static int do_writelines(struct trial *t)
{
	struct iovec parts[2] = { { (char *)(uintptr_t)&WORDS[t->moved], 0 }, { NULL, 0 } };
	size_t done;
	int r;

	parts[0].iov_len = t->moved < 5 ? 5 - t->moved : 0;
	parts[1].iov_base = (char *)parts[0].iov_base + parts[0].iov_len;
	parts[1].iov_len = 9 - t->moved - parts[0].iov_len;
	r = awl_stream_writelines(one(t), parts, 2, &done);
	t->moved += done;
	return r;
}

static int do_drain(struct trial *t)
{
	int r = 0;

	if (!t->moved) {
		r = awl_stream_set_write_buffer_limits(one(t), 2, 1);
		if (r == 0)
			r = awl_stream_write_buffered(one(t), WORDS, 9);
		t->moved = r == 0 ? 9 : 0;
	}
	return r < 0 ? r : awl_stream_drain(one(t));
}

static int do_write_eof(struct trial *t)
{
	int r = 0;

	if (!t->moved) {
		r = awl_stream_write_buffered(one(t), WORDS, 9);
		t->moved = r == 0 ? 9 : 0;
	}
	return r < 0 ? r : awl_stream_write_eof(one(t));
}

static int do_sendfile(struct trial *t)
{
	int64_t done;
	int r;

	if (!t->fds[0]) {
		t->fds[0] = memfd_create("words", MFD_CLOEXEC);
		CHECK(write(t->fds[0], WORDS, 9) == 9);
	}
	if (t->moved == 9)
		return 0;
	r = awl_stream_sendfile(one(t), t->fds[0], (int64_t)t->moved, 9 - (int64_t)t->moved, &done);
	t->moved += (size_t)done;
	return r;
}

/* --- the end --- */

static int do_wait_closed(struct trial *t)
{
	return awl_stream_wait_closed(one(t));
}

static void close_one(struct trial *t)
{
	CHECK(awl_stream_close(one(t)) == 0);
}

static void count_nothing(struct trial *t)
{
	CHECK(t->result == 0);
}

/* --- from one to another: what is sent into the first comes out of the last --- */

static void open_two(struct trial *t, enum kind kind)
{
	struct ends e = { .kind = kind };

	open_of(t, kind);
	make_ends(&e);
	t->objects[2] = e.a;
	t->objects[3] = e.b;
}

static int do_copy(struct trial *t)
{
	int64_t copied;
	int r = awl_copy(one(t), t->objects[2], &copied);

	t->moved += (size_t)copied;
	return r;
}

static void count_copied(struct trial *t)
{
	CHECK(t->moved == 9);
	CHECK(awl_stream_readexactly(t->objects[3], t->buf, 9, NULL) == 0);
	CHECK(memcmp(t->buf, WORDS, 9) == 0);
}

static int do_copy_both(struct trial *t)
{
	int64_t there, back;
	int r = awl_copy_both(one(t), t->objects[2], &there, &back);

	t->moved += (size_t)there;
	return r;
}

static void feed_both(struct trial *t)
{
	send_words_and_end(t);
	CHECK(awl_stream_write_eof(t->objects[3]) == 0);
}

/* --- the rows --- */

#define OPEN(how) \
	static void how##_memory(struct trial *t) \
	{ \
		how(t, MEMORY); \
	} \
	static void how##_unix(struct trial *t) \
	{ \
		how(t, UNIX); \
	} \
	static void how##_tcp(struct trial *t) \
	{ \
		how(t, TCP); \
	}
OPEN(open_of)
OPEN(open_full)
OPEN(open_two)

#define EACH(name, how, run, feed, count) \
	{ name " memory", how##_memory, run, feed, count, close_all, reset_other, shut_one }, \
		{ name " unix", how##_unix, run, feed, count, close_all, reset_other, shut_one }, \
	{ \
		name " tcp", how##_tcp, run, feed, count, close_all, reset_other, shut_one \
	}

static const struct cancel_row rows[] = {
	EACH("read", open_of, do_read, send_words, count_read),
	EACH("readexactly", open_of, do_readexactly, send_words, count_exactly),
	EACH("readline", open_of, do_readline, send_words, count_line),
	EACH("readuntil_any", open_of, do_readuntil, send_words, count_line),
	EACH("peek", open_of, do_peek, send_words, count_read),
	EACH("read_to_end", open_of, do_read_to_end, send_words_and_end, count_line),
	EACH("write_all", open_full, do_write_all, make_room, count_sent),
	EACH("writelines", open_full, do_writelines, make_room, count_sent),
	EACH("drain", open_full, do_drain, make_room, count_sent),
	EACH("write_eof", open_full, do_write_eof, make_room, count_sent),
	EACH("sendfile", open_full, do_sendfile, make_room, count_sent),
	EACH("copy", open_two, do_copy, send_words_and_end, count_copied),
	EACH("copy_both", open_two, do_copy_both, feed_both, count_copied),
};

static const struct cancel_row ends[] = {
	{ "wait_closed memory", open_of_memory, do_wait_closed, close_one, count_nothing, close_all,
		NULL, NULL },
	{ "wait_closed unix", open_of_unix, do_wait_closed, close_one, count_nothing, close_all,
		NULL, NULL },
	{ "wait_closed tcp", open_of_tcp, do_wait_closed, close_one, count_nothing, close_all, NULL,
		NULL },
};

static void a_cancel_at_any_point_loses_no_byte(void **state)
{
	cancelled_at_every_point(rows, COUNT(rows));
	cancelled_at_every_point(ends, COUNT(ends));
}

static void a_deadline_at_any_point_loses_no_byte(void **state)
{
	out_of_time_at_every_point(rows, COUNT(rows));
	out_of_time_at_every_point(ends, COUNT(ends));
}

static void a_close_at_any_point_leaves_nothing(void **state)
{
	closed_at_every_point(rows, COUNT(rows));
}

static void a_reset_at_any_point_leaves_nothing(void **state)
{
	reset_at_every_point(rows, COUNT(rows));
}

static void no_memory_at_any_point_loses_no_byte(void **state)
{
	without_memory_at_every_point(rows, COUNT(rows));
	without_memory_at_every_point(ends, COUNT(ends));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cancel_at_any_point_loses_no_byte),
		cmocka_unit_test(a_deadline_at_any_point_loses_no_byte),
		cmocka_unit_test(a_close_at_any_point_leaves_nothing),
		cmocka_unit_test(a_reset_at_any_point_leaves_nothing),
		cmocka_unit_test(no_memory_at_any_point_loses_no_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
