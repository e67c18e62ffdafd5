/* SPDX-License-Identifier: MIT */
/*
 * @reactors @valgrind @thread
 * test_socket_close.c - a close ends what waits and is not interrupted, and a number used again is
 * not mistaken for the old one.
 */
#include "net/sockets.h"

static int close_it(void *arg)
{
	return awl_sock_close(*(int *)arg);
}

static int receive_again(void *arg)
{
	struct receiver *r = arg;
	int n;

	/* Somebody who does not take no for an answer. */
	for (int i = 0; i < 3; i++)
		n = awl_sock_recv(r->fd, r->bytes, 1, 0);
	return r->got = n;
}

static int close_in_use(void *arg)
{
	int before = descriptors(here()), fds[2];
	struct receiver r[3] = { 0 };
	awl_task *t[3], *closer;

	tcp_pair(fds);
	for (int i = 0; i < 3; i++) {
		r[i].fd = fds[0];
		t[i] = spawn(i < 2 ? receive : receive_again, &r[i]);
	}
	settle();
	closer = spawn(close_it, &fds[0]);
	assert_int_equal(awl_yield(), 0);
	if (!awl_done(closer))
		assert_int_equal(awl_sock_close(fds[0]), -EBADF); /* another is about to */
	assert_int_equal(outcome(closer), 0);
	for (int i = 0; i < 3; i++) {
		int end = outcome(t[i]);

		assert_true(end == AWL_EDEAD || end == -EBADF);
		assert_true(i == 2 || end == AWL_EDEAD);
	}
	assert_int_equal(awl_sock_recv(fds[1], r[0].bytes, 1, 0), 0);
	assert_int_equal(awl_sock_close(fds[1]), 0);
	assert_int_equal(awl_sock_close(fds[1]), -EBADF);
	assert_int_equal(here()->reactor->in_flight, 0);
	assert_int_equal(descriptors(here()), before);
	return 0;
}

static void a_close_ends_what_waits_and_then_closes(void **state)
{
	with_seeds(close_in_use, NULL);
}

static int close_uninterrupted(void *arg)
{
	struct receiver r = { 0 };
	awl_task *t, *closer;
	awl_timeout timeout;
	int fds[2], status;

	/* Neither a cancel nor a deadline leaves the descriptor open. */
	tcp_pair(fds);
	r.fd = fds[0];
	t = spawn(receive, &r);
	settle();
	closer = spawn(close_it, &fds[0]);
	assert_int_equal(awl_yield(), 0);
	awl_cancel(closer, NULL);
	assert_int_equal(awl_await(closer), 0);
	assert_int_equal(awl_unref(closer), 0);
	assert_int_equal(outcome(t), AWL_EDEAD);
	r.fd = fds[1];
	t = spawn(receive, &r);
	status = awl_timeout_enter(&timeout, 0);
	assert_int_equal(status, 0);
	status = awl_sock_close(fds[1]);
	assert_int_equal(status, 0);
	assert_int_equal(awl_timeout_exit(&timeout, status), 0);
	status = outcome(t);
	assert_true(status == 0 || status == AWL_EDEAD || status == -EBADF);
	return 0;
}

static void a_close_is_not_interrupted(void **state)
{
	in_loop(close_uninterrupted, NULL);
}

static int reuse(void *arg)
{
	struct receiver r = { 0 };
	int fds[2], again[2];
	awl_task *t;

	/* The number is used again at once: nothing of the old one's shows. */
	for (int i = 0; i < 20; i++) {
		r = (struct receiver){ 0 };
		tcp_pair(fds);
		r.fd = fds[0];
		t = spawn(receive, &r);
		settle();
		assert_int_equal(awl_sock_sendall(fds[1], "old", 3, 0, NULL), 0);
		if (i % 2)
			settle();
		assert_int_equal(awl_sock_close(fds[0]), 0);
		tcp_pair(again);
		if (awl_await(t) > 0)
			assert_memory_equal(r.bytes, "old", r.got);
		assert_int_equal(awl_unref(t), 0);
		r = (struct receiver){ .fd = again[0] };
		t = spawn(receive, &r);
		assert_int_equal(awl_yield(), 0);
		assert_int_equal(awl_sock_sendall(again[1], "new", 3, 0, NULL), 0);
		assert_true(outcome(t) > 0);
		assert_memory_equal(r.bytes, "new", r.got);
		close_both(again);
		assert_int_equal(awl_sock_close(fds[1]), 0);
	}
	return 0;
}

static void a_number_used_again_is_not_mistaken(void **state)
{
	with_seeds(reuse, NULL);
}

static int closed_behind(void *arg)
{
	struct receiver r = { 0 };
	struct heard h;
	awl_task *t;
	int fds[2];

	listen_to_awl(&h);
	tcp_pair(fds);
	r.fd = fds[0];
	t = spawn(receive, &r);
	settle();
	close(fds[0]);
	assert_int_equal(awl_cancel(t, NULL), 1);
	assert_int_equal(awl_join(t), 0);
	assert_int_equal(awl_unref(t), 0);
	assert_heard(&h, "awl_sock_recv: descriptor");
	assert_heard(&h, "was closed while task Task-");
	stop_listening();
	return awl_sock_close(fds[1]);
}

static void debug_mode_tells_of_a_descriptor_closed_behind_its_back(void **state)
{
	awl_loop_options o = { .flags = AWL_LOOP_DEBUG };

	REAL_KERNEL();
	assert_int_equal(awl_run_with(&o, closed_behind, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_close_ends_what_waits_and_then_closes),
		cmocka_unit_test(a_close_is_not_interrupted),
		cmocka_unit_test(a_number_used_again_is_not_mistaken),
		cmocka_unit_test(debug_mode_tells_of_a_descriptor_closed_behind_its_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
