/* SPDX-License-Identifier: MIT */
/*
 * test_sim_stream.c - stream sockets of sim's network carry bytes, in order and whole, and end as
 * the kernel's do. @valgrind
 */
#include "reactor/sim_net.h"

/* --- bytes --- */

static void a_peek_takes_nothing(void **state)
{
	struct rig *g = *state;
	char buf[8];

	for (size_t i = 0; i < COUNT(places); i++) {
		struct rig_op r;
		int fds[2];

		connect_both(g, places[i], fds);
		rig_put(g, fds[0], "ab");
		rig_put(g, fds[0], "cd");
		for (int round = 0; round < 2; round++) {
			start_recv(g, &r, fds[1], buf, sizeof buf, MSG_PEEK);
			assert_int_equal(rig_finish(g, &r), 4);
			assert_memory_equal(buf, "abcd", 4);
		}
		rig_expect(g, fds[1], "abcd");
		shut_both(g, fds);
	}
}

static void messages_are_gathered_and_scattered(void **state)
{
	struct rig *g = *state;
	char a[3], b[1], c[9];
	struct iovec out[] = { { "ab", 2 }, { NULL, 0 }, { "cdef", 4 } };
	struct iovec in[] = { { a, 3 }, { b, 0 }, { b, 1 }, { c, 9 } };
	struct msghdr to = { .msg_iov = out, .msg_iovlen = 3 };
	struct msghdr from = { .msg_iov = in, .msg_iovlen = 4 };
	struct rig_op o;
	int fds[2];

	for (size_t i = 0; i < COUNT(places); i++) {
		connect_both(g, places[i], fds);
		assert_int_equal(rig_finish(g, start_msg(g, &o, AWL__OP_SENDMSG, fds[0], &to)), 6);
		from.msg_flags = -1;
		assert_int_equal(
			rig_finish(g, start_msg(g, &o, AWL__OP_RECVMSG, fds[1], &from)), 6);
		assert_memory_equal(a, "abc", 3);
		assert_memory_equal(b, "d", 1);
		assert_memory_equal(c, "ef", 2);
		assert_int_equal(from.msg_flags, 0);
		shut_both(g, fds);
	}
}

/* Whatever the seed does to it; more than both buffers hold. */
static void bytes_come_in_order_and_whole(void **state)
{
	enum { ALL = 1000000 };
	static unsigned char out[ALL], in[ALL];

	for (size_t i = 0; i < ALL; i++)
		out[i] = (unsigned char)(i * 7 + i / 251);
	for (uint64_t seed = 0; seed < 4; seed++) {
		struct rig *g = rig_open_sim(seed);
		size_t sent = 0, got = 0;
		struct rig_op r, w;
		int fds[2];

		connect_both(g, places[seed % COUNT(places)], fds);
		memset(in, 0, ALL);
		r.completions = w.completions = 1;
		r.op.res = w.op.res = 0;
		while (got < ALL) {
			if (w.completions && (sent += (size_t)w.op.res) < ALL)
				start_send(g, &w, fds[0], out + sent, (uint32_t)(ALL - sent));
			else
				w.op.res = 0;
			if (r.completions && (got += (size_t)r.op.res) < ALL)
				start_recv(g, &r, fds[1], in + got, 5000, 0);
			assert_true(rig_turn(g, r.completions ? 0 : INT64_MAX) >= 0);
			assert_true(!r.completions || r.op.res > 0);
		}
		assert_memory_equal(in, out, ALL);
		shut_both(g, fds);
		rig_close(g);
	}
}

/* --- ending --- */

static void the_end_comes_after_the_bytes_before_it(void **state)
{
	struct rig *g = *state;
	char buf[8];

	for (size_t i = 0; i < COUNT(places); i++) {
		int fds[2];

		connect_both(g, places[i], fds);
		rig_put(g, fds[0], "last");
		assert_int_equal(net(g)->shutdown(g->r, fds[0], SHUT_WR), 0);
		assert_int_equal(send_some(g, fds[0], "x", 1), -EPIPE);
		rig_expect(g, fds[1], "last");
		assert_int_equal(recv_some(g, fds[1], buf, sizeof buf), 0);
		assert_int_equal(recv_some(g, fds[1], buf, sizeof buf), 0);
		assert_int_equal(poll_now(g, fds[1], POLLIN | POLLRDHUP), POLLIN | POLLRDHUP);
		rig_put(g, fds[1], "the other half is open"); /* half closed */
		rig_expect(g, fds[0], "the other half is open");
		rig_shut(g, fds[1]);
		assert_int_equal(recv_some(g, fds[0], buf, sizeof buf), 0);
		rig_shut(g, fds[0]);
	}
}

static void who_reads_no_more_gets_the_end(void **state)
{
	struct rig *g = *state;
	struct rig_op r;
	char buf[8];

	for (size_t i = 0; i < COUNT(places); i++) {
		int fds[2];

		connect_both(g, places[i], fds);
		start_recv(g, &r, fds[0], buf, sizeof buf, 0);
		assert_waits(g, &r);
		assert_int_equal(net(g)->shutdown(g->r, fds[0], SHUT_RD), 0);
		assert_int_equal(rig_finish(g, &r), 0);
		assert_int_equal(send_some(g, fds[1], "x", 1), is_unix(places[i]) ? -EPIPE : 1);
		shut_both(g, fds);
	}
}

static void closing_over_unread_bytes_is_a_reset(void **state)
{
	struct rig *g = *state;
	char buf[8];

	for (size_t i = 0; i < COUNT(places); i++) {
		int fds[2];

		connect_both(g, places[i], fds);
		rig_put(g, fds[1], "answer");
		rig_put(g, fds[0], "never read");
		rig_shut(g, fds[1]);
		rig_expect(g, fds[0], "answer"); /* what came before the error is delivered */
		assert_int_equal(poll_now(g, fds[0], POLLIN) & POLLERR, POLLERR);
		assert_int_equal(recv_some(g, fds[0], buf, sizeof buf), -ECONNRESET);
		assert_int_equal(recv_some(g, fds[0], buf, sizeof buf), 0);
		assert_int_equal(send_some(g, fds[0], "x", 1), -EPIPE);
		rig_shut(g, fds[0]);
	}
}

static void a_linger_of_nothing_is_a_reset(void **state)
{
	struct rig *g = *state;
	struct linger now_or_never = { 1, 0 };
	char buf[8];
	int fds[2];

	connect_both(g, "127.0.0.1:80", fds);
	assert_int_equal(net(g)->setopt(g->r, fds[1], SOL_SOCKET, SO_LINGER, &now_or_never,
				 sizeof now_or_never),
		0);
	rig_shut(g, fds[1]);
	assert_int_equal(send_some(g, fds[0], "x", 1), -ECONNRESET);
	assert_int_equal(send_some(g, fds[0], "x", 1), -EPIPE);
	assert_int_equal(recv_some(g, fds[0], buf, sizeof buf), 0);
	rig_shut(g, fds[0]);
}

static void so_error_tells_a_reset_once(void **state)
{
	struct rig *g = *state;
	char buf[8];
	int fds[2];

	connect_both(g, "127.0.0.1:80", fds);
	rig_put(g, fds[0], "unread");
	rig_shut(g, fds[1]);
	assert_int_equal(get_option(g, fds[0], SOL_SOCKET, SO_ERROR), ECONNRESET);
	assert_int_equal(get_option(g, fds[0], SOL_SOCKET, SO_ERROR), 0);
	assert_int_equal(recv_some(g, fds[0], buf, sizeof buf), 0);
	rig_shut(g, fds[0]);
}

static void the_first_write_to_a_closed_peer_goes_and_the_next_is_broken(void **state)
{
	struct rig *g = *state;

	for (size_t i = 0; i < COUNT(places); i++) {
		int fds[2];

		connect_both(g, places[i], fds);
		rig_shut(g, fds[1]);
		if (!is_unix(places[i]))
			assert_int_equal(send_some(g, fds[0], "x", 1), 1);
		assert_int_equal(send_some(g, fds[0], "x", 1), -EPIPE);
		rig_shut(g, fds[0]);
	}
}

static void who_waits_is_woken_by_the_peers_close(void **state)
{
	struct rig *g = *state;
	static char block[1 << 20];
	struct rig_op r, w;
	char buf[8];

	for (size_t i = 0; i < COUNT(places); i++) {
		int fds[2];

		connect_both(g, places[i], fds);
		start_recv(g, &r, fds[0], buf, sizeof buf, 0);
		do
			start_send(g, &w, fds[0], block, sizeof block);
		while (w.completions);
		assert_waits(g, &w);
		rig_shut(g, fds[1]); /* over what it has not read */
		assert_true(rig_finish(g, &r) == -ECONNRESET);
		assert_int_equal(rig_finish(g, &w), -EPIPE);
		rig_shut(g, fds[0]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_WORLD(the_end_comes_after_the_bytes_before_it),
		IN_WORLD(who_reads_no_more_gets_the_end),
		IN_WORLD(closing_over_unread_bytes_is_a_reset),
		IN_WORLD(a_linger_of_nothing_is_a_reset),
		IN_WORLD(so_error_tells_a_reset_once),
		IN_WORLD(the_first_write_to_a_closed_peer_goes_and_the_next_is_broken),
		IN_WORLD(who_waits_is_woken_by_the_peers_close),
		IN_WORLD(a_peek_takes_nothing),
		IN_WORLD(messages_are_gathered_and_scattered),
		cmocka_unit_test(bytes_come_in_order_and_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
