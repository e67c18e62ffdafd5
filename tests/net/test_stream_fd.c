/* SPDX-License-Identifier: MIT */
/*
 * @reactors @valgrind
 * test_stream_fd.c - a stream and its descriptor: which can be adopted, what it is told, and how it
 * is given back, or found stolen.
 */
#include "streams.h"

static void opens(struct ends *e)
{
	awl_stream *s = NULL;
	int fds[2], datagram, fd = awl_stream_fd(e->a);

	assert_true(fd >= 0);
	assert_int_equal(awl_stream_open(fd, &s), -EBUSY);
	assert_int_equal(awl_fd_read(fd, &(char){ 0 }, 1), -EBUSY);
	assert_int_equal(awl_wait_fd(fd, POLLIN), -EBUSY);
	datagram = awl_socket(AF_INET, SOCK_DGRAM, 0);
	assert_int_equal(awl_stream_open(datagram, &s), -EINVAL);
	assert_int_equal(awl_sock_close(datagram), 0);
	datagram = awl_socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(awl_stream_open(datagram, &s), -ENOTCONN);
	assert_int_equal(awl_sock_close(datagram), 0);
	assert_int_equal(awl_stream_open(-1, &s), -EBADF);
	assert_int_equal(awl_stream_open(fd, NULL), -EINVAL);
	make_pipe(here(), fds);
	assert_int_equal(awl_stream_open(fds[0], &s), -ENOTSOCK);
	close_pipe(here(), fds);
	assert_null(s);
}

/* P13, P23 */
static void only_a_connected_stream_socket_without_an_owner_becomes_a_stream(void **state)
{
	on_sockets(opens);
}

static void makes_non_blocking(struct ends *e)
{
	int fds[2], on = 0;
	socklen_t len = sizeof on;
	awl_stream *s[2];

	if (is_sim(here()))
		return;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(awl_stream_open(fds[0], &s[0]), 0);
	assert_int_equal(awl_stream_open(fds[1], &s[1]), 0);
	assert_true(fcntl(fds[0], F_GETFL) & O_NONBLOCK);
	if (e->kind == TCP) {
		assert_int_equal(getsockopt(awl_stream_fd(e->a), IPPROTO_TCP, 1, &on, &len), 0);
		assert_int_equal(on, 1);
	}
	end_stream(&s[0]);
	end_stream(&s[1]);
}

/* P16 */
static void an_adopted_socket_is_made_non_blocking_and_does_not_delay(void **state)
{
	on_sockets(makes_non_blocking);
}

static void detaches(struct ends *e)
{
	awl_stream *again;
	const void *data;
	char c;
	int fd;

	if (e->kind == MEMORY) {
		assert_int_equal(awl_stream_detach(e->a), -ENOTSOCK);
		return;
	}
	say(e->b, "xy");
	while (awl_stream_peek(e->a, &data) < 2)
		assert_int_equal(awl_yield(), 0), assert_says(e->a, "x"), say(e->b, "y");
	assert_int_equal(awl_stream_detach(e->a), -EBUSY);
	assert_int_equal(awl_stream_consume(e->a, 2), 0);
	fd = awl_stream_detach(e->a);
	assert_true(fd >= 0);
	assert_int_equal(awl_stream_read(e->a, &c, 1), AWL_EDEAD);
	assert_int_equal(awl_stream_wait_closed(e->a), 0);
	assert_int_equal(awl_sock_sendall(fd, "raw", 3, 0, NULL), 0);
	assert_says(e->b, "raw");
	assert_int_equal(awl_stream_open(fd, &again), 0);
	say(again, "stream");
	assert_says(e->b, "stream");
	end_stream(&again);
}

static void a_detached_descriptor_is_the_callers_and_may_become_a_stream_again(void **state)
{
	on_each(detaches);
}

static void names(struct ends *e)
{
	struct sockaddr_storage a, b;
	socklen_t a_len = sizeof a, b_len = sizeof b;

	if (e->kind == MEMORY) {
		assert_int_equal(
			awl_stream_getsockname(e->a, (struct sockaddr *)&a, &a_len), -ENOTSOCK);
		assert_int_equal(
			awl_stream_getpeername(e->a, (struct sockaddr *)&a, &a_len), -ENOTSOCK);
		assert_int_equal(awl_stream_fd(e->a), -ENOTSOCK);
		return;
	}
	assert_int_equal(awl_stream_getsockname(e->a, (struct sockaddr *)&a, &a_len), 0);
	assert_int_equal(awl_stream_getpeername(e->b, (struct sockaddr *)&b, &b_len), 0);
	assert_int_equal(a_len, b_len);
	assert_memory_equal(&a, &b, a_len);
	assert_int_equal(awl_stream_close(e->a), 0);
	assert_int_equal(awl_stream_getsockname(e->a, (struct sockaddr *)&a, &a_len), AWL_EDEAD);
}

/* P12 */
static void both_ends_know_their_addresses(void **state)
{
	on_each(names);
}

static void stolen(struct ends *e)
{
	struct heard h;
	char c;
	int fd, other;
	awl_stream *s[2];

	if (is_sim(here()))
		return;
	awl_loop_set_debug(here(), 1);
	unix_streams(s);
	fd = awl_stream_fd(s[0]);
	assert_int_equal(close(fd), 0); /* the mistake */
	other = memfd_create("another's", 0);
	assert_int_equal(other, fd);
	listen_to_awl(&h);
	assert_int_equal(awl_stream_write(s[0], "x", 1), AWL_EDEAD);
	assert_int_equal(awl_stream_read(s[0], &c, 1), AWL_EDEAD);
	assert_int_equal(awl_stream_write_buffered(s[0], "x", 1), AWL_EDEAD);
	end_stream(&s[0]);
	stop_listening();
	assert_heard(&h, "somebody else has closed its descriptor");
	assert_int_equal(lseek(other, 0, SEEK_END), 0); /* untouched, and open */
	assert_int_equal(close(other), 0);
	end_stream(&s[1]);
}

static void in_debug_mode_a_descriptor_closed_behind_a_streams_back_is_told(void **state)
{
	on_kind(UNIX, stolen);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_a_connected_stream_socket_without_an_owner_becomes_a_stream),
		cmocka_unit_test(an_adopted_socket_is_made_non_blocking_and_does_not_delay),
		cmocka_unit_test(
			a_detached_descriptor_is_the_callers_and_may_become_a_stream_again),
		cmocka_unit_test(both_ends_know_their_addresses),
		cmocka_unit_test(in_debug_mode_a_descriptor_closed_behind_a_streams_back_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
