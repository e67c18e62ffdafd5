/* SPDX-License-Identifier: MIT */
/*
 * @reactors @valgrind @thread @timeout 20
 * test_fd_cancel.c - no byte is lost to a cancel, wherever it comes (A7), nor to a deadline.
 */
#include "fds.h"

static void yields(int n)
{
	while (n-- > 0)
		assert_int_equal(awl_yield(), 0);
}

static void assert_left(int fd, const char *expected)
{
	while (*expected) {
		char bytes[8];
		int n = awl_fd_read(fd, bytes, sizeof bytes);

		assert_in_range(n, 1, strlen(expected));
		assert_memory_equal(bytes, expected, n);
		expected += n;
	}
}

static int cancel_before_submit(void *arg)
{
	struct reader r = { .second = 1 };
	awl_task *t;
	int fds[2];

	make_pipe(here(), fds);
	r.fd = fds[0];
	put(fds[1], "abc");
	/* The body begins all the same, and its read takes nothing. */
	assert_int_equal(awl_create_task(read_and_wait, &r, &t), 0);
	assert_int_equal(awl_cancel(t, NULL), 1);
	assert_int_equal(awl_await(t), AWL_EFUTURECANCELED);
	assert_int_equal(r.first, AWL_ECANCELED);
	assert_int_equal(r.second, 0);
	assert_left(fds[0], "abc");
	close_pipe(here(), fds);
	return awl_unref(t);
}

static void a_read_cancelled_before_it_began_takes_nothing(void **state)
{
	in_loop(cancel_before_submit, NULL);
}

static int cancel_in_flight(void *arg)
{
	struct reader r = { 0 };
	int fds[2];
	awl_task *t = reading(&r, fds);

	assert_int_equal(awl_done(t), 0);
	assert_int_equal(awl_cancel(t, NULL), 1);
	assert_int_equal(awl_await(t), AWL_EFUTURECANCELED);
	assert_int_equal(r.first, AWL_ECANCELED);
	put(fds[1], "abc");
	assert_left(fds[0], "abc");
	close_pipe(here(), fds);
	return awl_unref(t);
}

static void a_read_cancelled_in_flight_takes_nothing(void **state)
{
	with_seeds(cancel_in_flight, NULL);
}

static int cancel_completed(void *arg)
{
	for (int pause = 0; pause < 6; pause++)
		for (int order = 0; order < 2; order++) {
			struct reader r = { 0 };
			int fds[2], got = 0;
			awl_task *t = reading(&r, fds);

			if (order == 0) {
				assert_int_equal(awl_cancel(t, NULL), 1);
				yields(pause);
			}
			put(fds[1], "abcd");
			if (order == 1) {
				yields(pause);
				assert_true(awl_cancel(t, NULL) >= 0);
			}
			assert_int_equal(awl_join(t), 0);
			if (r.first != AWL_ECANCELED) {
				/* It came too late: delivered at the wait behind it. */
				got = r.first;
				assert_in_range(got, 1, 4);
				assert_memory_equal(r.bytes, "abcd", got);
				if (awl_cancelling(t))
					assert_int_equal(r.second, AWL_ECANCELED);
			}
			assert_left(fds[0], &"abcd"[got]);
			close_pipe(here(), fds);
			assert_int_equal(awl_unref(t), 0);
		}
	return 0;
}

/* The kernel has the bytes out of the pipe, and nobody has been told yet. */
static void a_read_cancelled_when_it_had_completed_keeps_its_bytes(void **state)
{
	with_seeds(cancel_completed, NULL);
}

static int cancel_ready(void *arg)
{
	struct reader r = { 0 };
	awl_loop *l = here();
	int fds[2];
	awl_task *t = reading(&r, fds);

	assert_int_equal(awl_fd_write(fds[1], "abcd", 4), 4);
	/* until its completion has been told: it is in the ready list behind us */
	while (l->reactor->in_flight)
		assert_int_equal(awl_yield(), 0);
	if (r.first == 0) {
		assert_int_equal(awl_cancel(t, NULL), 1);
		assert_int_equal(awl_join(t), 0);
		assert_int_equal(r.first, 4);
		assert_int_equal(r.second, AWL_ECANCELED);
	}
	assert_int_equal(awl_join(t), 0);
	close_pipe(l, fds);
	return awl_unref(t);
}

static void a_read_cancelled_after_it_was_told_keeps_its_bytes(void **state)
{
	in_loop(cancel_ready, NULL);
}

static int uncancelled(void *arg)
{
	struct reader r = { 0 };
	int fds[2];
	awl_task *t = reading(&r, fds);

	/* Taken back before it was delivered: the read begins anew, and has lost nothing. */
	assert_int_equal(awl_cancel(t, NULL), 1);
	assert_int_equal(awl_uncancel(t), 0);
	assert_int_equal(awl_sleep(AWL_MS), 0);
	assert_int_equal(awl_done(t), 0);
	assert_int_equal(awl_fd_write(fds[1], "abc", 3), 3);
	assert_int_equal(awl_await(t), 3);
	assert_int_equal(r.second, 0);
	close_pipe(here(), fds);
	return awl_unref(t);
}

static void a_request_taken_back_in_time_leaves_the_read_waiting(void **state)
{
	in_loop(uncancelled, NULL);
}

struct shielded {
	struct reader r;
	awl_task *t;
};

static int read_shielded(void *arg)
{
	struct reader *r = arg;
	awl_shield s;
	int status = awl_shield_enter(&s, AWL_FOREVER);

	if (status == 0)
		status = awl_fd_read(r->fd, r->bytes, sizeof r->bytes);
	r->first = awl_shield_exit(&s, status);
	r->second = awl_yield();
	return r->first;
}

static int cancel_shielded(void *arg)
{
	struct reader r = { 0 };
	awl_task *t;
	int fds[2];

	make_pipe(here(), fds);
	r.fd = fds[0];
	assert_int_equal(awl_create_task(read_shielded, &r, &t), 0);
	assert_int_equal(awl_sleep(AWL_MS), 0);
	assert_int_equal(awl_cancel(t, NULL), 1);
	assert_int_equal(awl_sleep(AWL_MS), 0);
	assert_int_equal(awl_done(t), 0);
	assert_int_equal(awl_fd_write(fds[1], "abc", 3), 3);
	assert_int_equal(awl_join(t), 0);
	assert_int_equal(r.first, 3);
	assert_int_equal(r.second, AWL_ECANCELED);
	close_pipe(here(), fds);
	return awl_unref(t);
}

static void a_shielded_read_is_not_interrupted(void **state)
{
	in_loop(cancel_shielded, NULL);
}

/* --- streams under a rain of cancels --- */

#define STREAM 6000

struct stream {
	int fds[2];
	int sent, got; /* each byte says where it belongs */
	bool closed;
	int in_flight; /* readers or writers */
};

static unsigned char byte_at(int i)
{
	return (unsigned char)(i * 7 + i / 256);
}

static int read_some(void *arg)
{
	struct stream *s = arg;
	unsigned char bytes[37];
	int r = 0;

	while (r >= 0) {
		r = awl_fd_read(s->fds[0], bytes, sizeof bytes);
		for (int i = 0; i < r; i++)
			assert_int_equal(bytes[i], byte_at(s->got++));
		if (r == 0)
			break;
	}
	return r;
}

static int write_all(void *arg)
{
	struct stream *s = arg;
	unsigned char bytes[53];

	while (s->sent < STREAM) {
		int n = STREAM - s->sent < 53 ? STREAM - s->sent : 53, r;

		for (int i = 0; i < n; i++)
			bytes[i] = byte_at(s->sent + i);
		r = awl_fd_write(s->fds[1], bytes, (size_t)n);
		assert_in_range(r, 1, n);
		s->sent += r;
		if (s->sent % 3 == 0)
			assert_int_equal(awl_yield(), 0);
	}
	close_end(here(), s->fds[1]);
	return 0;
}

static int rain_on_readers(void *arg)
{
	struct stream s = { 0 };
	awl_task *writer, *reader;
	unsigned cancels = 0;

	make_pipe(here(), s.fds);
	assert_int_equal(awl_create_task(write_all, &s, &writer), 0);
	do {
		assert_int_equal(awl_create_task(read_some, &s, &reader), 0);
		yields((int)(++cancels * 7 %
			150)); /* some before a look at the kernel, some after */
		awl_cancel(reader, NULL);
		assert_int_equal(awl_join(reader), 0);
		if (awl_cancelled(reader))
			assert_int_equal(awl_unref(reader), 0);
		else
			break;
	} while (true);
	assert_int_equal(awl_result(reader), 0); /* the end of the file */
	assert_int_equal(awl_unref(reader), 0);
	assert_int_equal(awl_await(writer), 0);
	assert_int_equal(awl_unref(writer), 0);
	assert_int_equal(s.got, STREAM);
	close_end(here(), s.fds[0]);
	return 0;
}

static void readers_under_a_rain_of_cancels_lose_no_byte(void **state)
{
	with_seeds(rain_on_readers, NULL);
}

#define BLOCK 150000 /* more than a pipe holds */
#define WRITTEN 600000

static unsigned char block[BLOCK + 256];

static int write_some(void *arg)
{
	struct stream *s = arg;
	int left = WRITTEN - s->sent;
	int r = awl_fd_write(
		s->fds[1], block + s->sent % 251, (size_t)(left < BLOCK ? left : BLOCK));

	if (r > 0)
		s->sent += r;
	return r;
}

static int read_all(void *arg)
{
	struct stream *s = arg;
	static unsigned char bytes[50000];
	int r;

	while ((r = awl_fd_read(s->fds[0], bytes, sizeof bytes)) > 0)
		for (int i = 0; i < r; i++)
			if (bytes[i] != s->got++ % 251)
				return -EIO;
	return r;
}

static int rain_on_writers(void *arg)
{
	struct stream s = { 0 };
	awl_task *writer, *reader;
	unsigned cancels = 0;

	make_pipe(here(), s.fds);
	assert_int_equal(awl_create_task(read_all, &s, &reader), 0);
	while (s.sent < WRITTEN) {
		assert_int_equal(awl_create_task(write_some, &s, &writer), 0);
		yields((int)(++cancels * 5 % 170));
		awl_cancel(writer, NULL);
		assert_int_equal(awl_join(writer), 0);
		assert_int_equal(awl_unref(writer), 0);
	}
	close_end(here(), s.fds[1]);
	assert_int_equal(awl_await(reader), 0);
	assert_int_equal(awl_unref(reader), 0);
	assert_int_equal(s.sent, WRITTEN);
	assert_int_equal(s.got, WRITTEN);
	close_end(here(), s.fds[0]);
	return 0;
}

/* What a write returned is what went out, and what was cancelled did not. */
static void writers_under_a_rain_of_cancels_count_every_byte(void **state)
{
	for (size_t i = 0; i < sizeof block; i++)
		block[i] = (unsigned char)(i % 251);
	with_seeds(rain_on_writers, NULL);
}

/* --- deadlines --- */

static int read_in_time(void *arg)
{
	char bytes[8];
	awl_timeout t;
	int fds[2], r;

	make_pipe(here(), fds);
	for (int i = 0; i < 3; i++) {
		r = awl_timeout_enter(&t, AWL_MS);
		if (r == 0)
			r = awl_fd_read(fds[0], bytes, sizeof bytes);
		assert_int_equal(r, AWL_ECANCELED);
		assert_int_equal(awl_timeout_exit(&t, r), -ETIMEDOUT);
	}
	assert_int_equal(awl_fd_write(fds[1], "abc", 3), 3);
	/* A deadline that has passed stops a read before it takes what is there. */
	r = awl_timeout_enter(&t, 0);
	assert_int_equal(r, 0);
	r = awl_fd_read(fds[0], bytes, sizeof bytes);
	assert_int_equal(r, AWL_ECANCELED);
	assert_int_equal(awl_timeout_exit(&t, r), -ETIMEDOUT);
	/* One that has not does not. */
	r = awl_timeout_enter(&t, 3600 * AWL_SEC);
	if (r == 0)
		r = awl_fd_read(fds[0], bytes, sizeof bytes);
	assert_int_equal(awl_timeout_exit(&t, r), 3);
	close_pipe(here(), fds);
	return 0;
}

static void a_deadline_ends_a_read_and_takes_nothing(void **state)
{
	in_loop(read_in_time, NULL);
}

static int poll_in_time(void *arg)
{
	int fds[2], r;
	awl_timeout t;

	make_pipe(here(), fds);
	r = awl_timeout_enter(&t, AWL_MS);
	if (r == 0)
		r = awl_wait_fd(fds[0], POLLIN);
	assert_int_equal(awl_timeout_exit(&t, r), -ETIMEDOUT);
	assert_int_equal(awl_wait_fd(fds[1], POLLOUT), POLLOUT);
	assert_int_equal(awl_fd_write(fds[1], "x", 1), 1);
	assert_int_equal(awl_wait_fd(fds[0], POLLIN), POLLIN);
	assert_int_equal(awl_wait_fd(fds[0], POLLIN | POLLPRI), POLLIN);
	close_pipe(here(), fds);
	return 0;
}

static void a_deadline_ends_a_poll(void **state)
{
	in_loop(poll_in_time, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_read_cancelled_before_it_began_takes_nothing),
		cmocka_unit_test(a_read_cancelled_in_flight_takes_nothing),
		cmocka_unit_test(a_read_cancelled_when_it_had_completed_keeps_its_bytes),
		cmocka_unit_test(a_read_cancelled_after_it_was_told_keeps_its_bytes),
		cmocka_unit_test(readers_under_a_rain_of_cancels_lose_no_byte),
		cmocka_unit_test(writers_under_a_rain_of_cancels_count_every_byte),
		cmocka_unit_test(a_deadline_ends_a_read_and_takes_nothing),
		cmocka_unit_test(a_deadline_ends_a_poll),
		cmocka_unit_test(a_shielded_read_is_not_interrupted),
		cmocka_unit_test(a_request_taken_back_in_time_leaves_the_read_waiting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
