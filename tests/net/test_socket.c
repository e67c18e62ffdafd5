/* SPDX-License-Identifier: MIT */
/*
 * @reactors @valgrind @thread
 * test_socket.c - sockets that are lent: made, connected, accepted and told apart from what they
 * are not; the flags of a descriptor stay, and one that has an owner is refused.
 */
#include "net/sockets.h"

static int accept_one(void *arg)
{
	return awl_sock_accept(*(int *)arg, NULL, NULL);
}

static int connections(void *arg)
{
	struct sockaddr_in at, far, near;
	socklen_t len = sizeof far, near_len = sizeof near;
	int before = descriptors(here()), l = listener(&at, 10), a, b, c;
	char buf[16];
	awl_task *t;

	/* An accept that waits, and one that does not. */
	t = spawn(accept_one, &l);
	settle();
	a = dial(&at);
	b = outcome(t);
	assert_true(b >= 0);
	c = dial(&at);
	near_len = sizeof near;
	far = (struct sockaddr_in){ 0 };
	assert_int_equal(awl_sock_close(b), 0);
	b = awl_sock_accept(l, ADDRESS(far), &len);
	assert_true(b >= 0);
	assert_int_equal(awl_sock_getsockname(c, ADDRESS(near), &near_len), 0);
	assert_int_equal(len, sizeof far);
	assert_int_equal(far.sin_port, near.sin_port);
	assert_int_equal(awl_sock_getpeername(c, ADDRESS(near), &near_len), 0);
	assert_int_equal(near.sin_port, at.sin_port);
	assert_int_equal(awl_sock_send(c, "abc", 3, 0), 3);
	assert_int_equal(awl_sock_recv(b, buf, sizeof buf, 0), 3);
	assert_memory_equal(buf, "abc", 3);
	/* The end of the stream, one way. */
	assert_int_equal(awl_sock_shutdown(c, SHUT_WR), 0);
	assert_int_equal(awl_sock_recv(b, buf, sizeof buf, 0), 0);
	assert_int_equal(awl_sock_recv(b, buf, sizeof buf, 0), 0);
	assert_int_equal(awl_sock_send(b, "yes", 3, 0), 3);
	assert_int_equal(awl_sock_recv(c, buf, sizeof buf, 0), 3);
	/* Nobody listens any more. */
	assert_int_equal(awl_sock_close(l), 0);
	assert_int_equal(awl_sock_close(c), 0);
	c = awl_socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(awl_sock_connect(c, ADDRESS(at), sizeof at), -ECONNREFUSED);
	assert_int_equal(awl_sock_close(a), 0);
	assert_int_equal(awl_sock_close(b), 0);
	assert_int_equal(awl_sock_close(c), 0);
	assert_int_equal(descriptors(here()), before);
	return 0;
}

static void a_connection_is_asked_for_accepted_used_and_closed(void **state)
{
	in_loop(connections, NULL);
}

static int local(void *arg)
{
	socklen_t len;
	struct sockaddr_un at = local_address(&len);
	int l, a, b;

	l = awl_socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(awl_sock_bind(l, ADDRESS(at), len), 0);
	assert_int_equal(awl_sock_listen(l, 1), 0);
	a = awl_socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(awl_sock_connect(a, ADDRESS(at), len), 0);
	b = awl_sock_accept(l, NULL, NULL);
	assert_true(b >= 0);
	assert_int_equal(awl_sock_send(a, "abc", 3, 0), 3);
	assert_int_equal(awl_sock_close(a), 0);
	assert_int_equal(awl_sock_close(b), 0);
	return awl_sock_close(l);
}

static void an_abstract_local_address_is_connected_to(void **state)
{
	in_loop(local, NULL);
}

/* --- what comes is non-blocking and close-on-exec; what was lent stays as it was --- */

static int flags_of_ours(void *arg)
{
	struct sockaddr_in at;
	int fds[4];

	fds[0] = listener(&at, 1);
	fds[1] = dial(&at);
	fds[2] = awl_sock_accept(fds[0], NULL, NULL);
	fds[3] = awl_socket(AF_UNIX, SOCK_DGRAM, 0);
	for (int i = 0; i < 4; i++) {
		assert_true(fcntl(fds[i], F_GETFL) & O_NONBLOCK);
		assert_true(fcntl(fds[i], F_GETFD) & FD_CLOEXEC);
		assert_int_equal(awl_sock_close(fds[i]), 0);
	}
	return 0;
}

static void what_is_made_here_is_non_blocking_and_closed_on_exec(void **state)
{
	REAL_KERNEL();
	in_loop(flags_of_ours, NULL);
}

static int blocking(void *arg)
{
	struct receiver r = { 0 };
	struct sockaddr_in at = loopback(1);
	int sv[2], fd;
	awl_task *t;
	char byte;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
	r.fd = sv[0];
	t = spawn(receive, &r);
	settle();
	assert_int_equal(awl_done(t), 0);
	assert_int_equal(awl_sock_send(sv[1], "abc", 3, 0), 3);
	assert_int_equal(outcome(t), 3);
	assert_int_equal(awl_sock_sendall(sv[0], "abc", 3, 0, NULL), 0);
	assert_int_equal(awl_sock_recvfrom(sv[1], &byte, 1, 0, NULL, NULL), 1);
	assert_int_equal(fcntl(sv[0], F_GETFL) & O_NONBLOCK, 0);
	assert_int_equal(fcntl(sv[1], F_GETFL) & O_NONBLOCK, 0);
	assert_int_equal(awl_sock_accept(sv[0], NULL, NULL), -EINVAL);
	assert_non_null(strstr(awl_error_detail(-EINVAL), "O_NONBLOCK"));
	close_both(sv);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(awl_sock_connect(fd, ADDRESS(at), sizeof at), -EINVAL);
	assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	return awl_sock_close(fd);
}

static void a_blocking_descriptor_may_be_lent_and_stays_blocking(void **state)
{
	REAL_KERNEL();
	in_loop(blocking, NULL);
}

/* --- what has an owner, and what is wrong --- */

static int owned(void *arg)
{
	awl_loop *l = here();
	char byte = 0;
	int fds[2];

	tcp_pair(fds);
	assert_int_equal(awl__reactor_own(l->reactor, fds[0]), 0);
	assert_int_equal(awl_sock_recv(fds[0], &byte, 1, 0), -EBUSY);
	assert_non_null(strstr(awl_error_detail(-EBUSY), "stream"));
	assert_int_equal(awl_sock_recv(fds[0], &byte, 1, MSG_DONTWAIT), -EBUSY);
	assert_int_equal(awl_sock_sendall(fds[0], &byte, 1, 0, NULL), -EBUSY);
	assert_int_equal(awl_fd_read(fds[0], &byte, 1), -EBUSY);
	assert_int_equal(awl_sock_shutdown(fds[0], SHUT_WR), -EBUSY);
	assert_int_equal(awl_sock_close(fds[0]), -EBUSY);
	assert_int_equal(awl_wait_fd(fds[0], 1), -EBUSY);
	awl__reactor_disown(l->reactor, fds[0]);
	close_both(fds);
	return 0;
}

static void a_descriptor_with_an_owner_is_refused(void **state)
{
	in_loop(owned, NULL);
}

static int wrong(void *arg)
{
	struct sockaddr_in at = loopback(1);
	socklen_t len = sizeof at;
	int pipe[2], fds[2], count = 1, one[1];
	char byte = 0;

	assert_int_equal(awl_sock_recv(-1, &byte, 1, 0), -EBADF);
	assert_int_equal(awl_sock_recv(1 << 29, &byte, 1, 0), -EBADF);
	assert_int_equal(awl_sock_close(-1), -EBADF);
	make_pipe(here(), pipe);
	assert_int_equal(awl_sock_recv(pipe[0], &byte, 1, 0), -ENOTSOCK);
	assert_int_equal(awl_sock_send(pipe[1], &byte, 1, 0), -ENOTSOCK);
	assert_int_equal(awl_sock_getsockname(pipe[0], ADDRESS(at), &len), -ENOTSOCK);
	close_pipe(here(), pipe);
	tcp_pair(fds);
	assert_int_equal(awl_sock_recv(fds[0], NULL, 1, 0), -EINVAL);
	assert_int_equal(awl_sock_send(fds[0], NULL, 1, 0), -EINVAL);
	assert_int_equal(awl_sock_sendall(fds[0], NULL, 1, 0, NULL), -EINVAL);
	assert_int_equal(awl_sock_recvmsg(fds[0], NULL, 0), -EINVAL);
	assert_int_equal(awl_sock_sendmsg(fds[0], NULL, 0), -EINVAL);
	assert_int_equal(awl_sock_accept(fds[0], ADDRESS(at), NULL), -EINVAL);
	assert_int_equal(awl_sock_connect(fds[0], NULL, 0), -EINVAL);
	assert_int_equal(awl_sock_recv_fds(fds[0], &byte, 1, NULL, &count), -EINVAL);
	assert_int_equal(awl_sock_send_fds(fds[0], &byte, 1, one, 254), -EINVAL);
	assert_int_equal(awl_sock_send_fds(fds[0], &byte, 0, one, 1), -EINVAL);
	assert_int_equal(awl_sock_send_fds(fds[0], &byte, 1, one, -1), -EINVAL);
	assert_int_equal(awl_sock_accept(fds[0], NULL, NULL), -EINVAL); /* it does not listen */
	close_both(fds);
	return 0;
}

static void what_is_wrong_is_told(void **state)
{
	char byte = 0;

	in_loop(wrong, NULL);
	assert_int_equal(awl_socket(AF_INET, SOCK_STREAM, 0), AWL_ENOLOOP);
	assert_int_equal(awl_sock_recv(0, &byte, 1, 0), AWL_ENOLOOP);
	assert_int_equal(awl_sock_close(0), AWL_ENOLOOP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_connection_is_asked_for_accepted_used_and_closed),
		cmocka_unit_test(an_abstract_local_address_is_connected_to),
		cmocka_unit_test(what_is_made_here_is_non_blocking_and_closed_on_exec),
		cmocka_unit_test(a_blocking_descriptor_may_be_lent_and_stays_blocking),
		cmocka_unit_test(a_descriptor_with_an_owner_is_refused),
		cmocka_unit_test(what_is_wrong_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
