/* SPDX-License-Identifier: MIT */
/*
 * test_socket.c - bytes through the sockets of every reactor, on descriptors lent and owned: one
 * completion each, the right one, and not a byte lost. @reactors @thread @valgrind
 */
#include "reactor/socket.h"

#include <signal.h>

static void what_is_there_is_received(struct rig *g)
{
	struct link l;

	EACH_LINK(g, &l)
	{
		net_put(g, l.fds[0], "hello");
		net_expect(g, l.fds[1], "hello");
		net_put(g, l.fds[1], "answer");
		net_expect(g, l.fds[0], "answer");
	}
}

static void a_receive_waits_for_its_bytes(struct rig *g)
{
	struct rig_op r;
	struct link l;
	char buf[8];

	EACH_LINK(g, &l)
	{
		for (int i = 0; i < 5; i++) {
			net_recv(g, &r, l.fds[0], buf, sizeof buf, 0);
			rig_settle(g);
			assert_int_equal(r.completions, 0);
			net_put(g, l.fds[1], "x");
			assert_int_equal(rig_finish(g, &r), 1);
			assert_int_equal(buf[0], 'x');
		}
	}
}

static void a_hint_to_be_late_loses_nothing(struct rig *g)
{
	struct rig_op r;
	struct link l;
	char buf[8];

	EACH_LINK(g, &l)
	{
		for (int i = 0; i < 6; i++) {
			if (i % 2 == 0)
				net_put(g, l.fds[1], "x");
			memset(&r, 0, sizeof r);
			r.op.kind = AWL__OP_RECV;
			r.op.fd = l.fds[0];
			r.op.later = true;
			r.op.u.sock.buf = buf;
			r.op.u.sock.len = i == 0 ? 1 : sizeof buf;
			assert_true(rig_start(g, &r) >= 0);
			if (i % 2 != 0)
				net_put(g, l.fds[1], "x");
			assert_int_equal(rig_finish(g, &r), 1);
		}
	}
}

static void a_full_read_leaves_the_rest_for_the_next(struct rig *g)
{
	struct rig_op r;
	struct link l;
	char buf[2];

	EACH_LINK(g, &l)
	{
		net_recv(g, &r, l.fds[0], buf, sizeof buf, 0);
		rig_settle(g);
		net_put(g, l.fds[1], "abcdef");
		for (int at = 0; at < 6;) {
			assert_true(rig_finish(g, &r) > 0);
			assert_int_equal(buf[0], 'a' + at);
			if ((at += r.op.res) < 6)
				net_recv(g, &r, l.fds[0], buf, sizeof buf, 0);
		}
	}
}

static void a_peek_takes_nothing(struct rig *g)
{
	struct rig_op r;
	struct link l;
	char buf[8];

	EACH_LINK(g, &l)
	{
		net_recv(g, &r, l.fds[0], buf, sizeof buf, MSG_PEEK);
		rig_settle(g);
		net_put(g, l.fds[1], "abc");
		assert_true(rig_finish(g, &r) > 0);
		net_recv(g, &r, l.fds[0], buf, sizeof buf, MSG_PEEK);
		assert_true(rig_finish(g, &r) > 0);
		net_expect(g, l.fds[0], "abc");
	}
}

static void data_and_the_end_together_are_both_seen(struct rig *g)
{
	struct rig_op r;
	struct link l;
	char buf[64];

	EACH_LINK(g, &l)
	{
		net_put(g, l.fds[1], "before");
		net_expect(g, l.fds[0], "before");
		net_recv(g, &r, l.fds[0], buf, sizeof buf, 0);
		rig_settle(g);
		net_put(g, l.fds[1], "last words");
		assert_int_equal(net(g)->shutdown(g->r, l.fds[1], SHUT_WR), 0);
		net_gather(g, &r, l.fds[0], buf, 10);
		assert_memory_equal(buf, "last words", 10);
		net_expect_end(g, l.fds[0]);
		net_expect_end(g, l.fds[0]);
	}
}

static void the_end_after_a_short_read_is_seen(struct rig *g)
{
	struct rig_op r;
	struct link l;
	char buf[8];

	EACH_LINK(g, &l)
	{
		net_put(g, l.fds[1], "abc");
		net_expect(g, l.fds[0], "abc");
		net_recv(g, &r, l.fds[0], buf, sizeof buf, 0);
		rig_settle(g);
		assert_int_equal(r.completions, 0);
		link_shut(g, &l, 1);
		assert_int_equal(rig_finish(g, &r), 0);
		net_expect_end(g, l.fds[0]);
	}
}

static void half_a_close_leaves_the_other_half(struct rig *g)
{
	struct link l;

	EACH_LINK(g, &l)
	{
		assert_int_equal(net(g)->shutdown(g->r, l.fds[0], SHUT_WR), 0);
		net_expect_end(g, l.fds[1]);
		net_put(g, l.fds[1], "still here");
		net_expect(g, l.fds[0], "still here");
		net_put(g, l.fds[1], "and here");
		net_expect(g, l.fds[0], "and here");
	}
}

static void reset(struct rig *g, struct link *l, int end)
{
	struct linger now = { 1, 0 };

	assert_int_equal(
		net(g)->setopt(g->r, l->fds[end], SOL_SOCKET, SO_LINGER, &now, sizeof now), 0);
	link_shut(g, l, end);
}

static void a_reset_is_told_once_and_then_the_end(struct rig *g)
{
	struct rig_op r;
	struct link l;
	char buf[8];

	for (int i = 0; i < 4; i++) {
		link_open(g, &l, LINK_TCP, i % 2);
		if (i < 2)
			reset(g, &l, 1);
		rig_settle(g);
		net_recv(g, &r, l.fds[0], buf, sizeof buf, 0);
		if (i >= 2) {
			rig_settle(g);
			assert_int_equal(r.completions, 0);
			reset(g, &l, 1);
		}
		assert_int_equal(rig_finish(g, &r), -ECONNRESET);
		net_expect_end(g, l.fds[0]);
		link_close(g, &l);
	}
}

static void a_send_to_nobody_is_an_error_and_no_signal(struct rig *g)
{
	struct sigaction old, standard = { .sa_handler = SIG_DFL };
	struct msghdr m = { .msg_iov = &(struct iovec){ "x", 1 }, .msg_iovlen = 1 };
	struct rig_op s;
	struct link l;

	assert_int_equal(sigaction(SIGPIPE, &standard, &old), 0);
	EACH_LINK(g, &l)
	{
		assert_int_equal(net(g)->shutdown(g->r, l.fds[0], SHUT_WR), 0);
		net_send(g, &s, l.fds[0], "x", 1);
		assert_int_equal(rig_finish(g, &s), -EPIPE);
		net_sendmsg(g, &s, l.fds[0], &m);
		assert_int_equal(rig_finish(g, &s), -EPIPE);
	}
	assert_int_equal(sigaction(SIGPIPE, &old, NULL), 0);
}

static void bytes_keep_their_order_through_a_full_socket(struct rig *g)
{
	enum { ALL = 3000000 };
	static unsigned char out[ALL], in[ALL];
	struct rig_op r, s;
	struct link l;

	for (size_t i = 0; i < ALL; i++)
		out[i] = (unsigned char)(i * 7 + i / 251);
	EACH_LINK(g, &l)
	{
		size_t sent = 0, got = 0;
		bool full = false; /* nobody reads until then */

		memset(in, 0, sizeof in);
		r.completions = s.completions = 1;
		r.op.res = s.op.res = 0;
		while (got < ALL) {
			if (s.completions) {
				sent += (size_t)s.op.res;
				s.op.res = 0;
			}
			if (s.completions && sent < ALL)
				net_send(g, &s, l.fds[0], out + sent, (uint32_t)(ALL - sent));
			if (!full) {
				rig_settle(g);
				full = !s.completions || sent >= ALL;
				continue;
			}
			if (r.completions && (got += (size_t)r.op.res) < ALL)
				net_recv(g, &r, l.fds[1], in + got, 100000, 0);
			if (!r.completions && !(s.completions && sent < ALL))
				assert_true(rig_turn(g, INT64_MAX) >= 0);
			assert_true(!r.completions || r.op.res > 0);
		}
		rig_finish(g, &s); /* it may have been done by the last receive */
		assert_memory_equal(in, out, ALL);
	}
}

static void both_directions_wait_at_once(struct rig *g)
{
	static char block[1 << 20];
	struct rig_op r, s;
	struct link l;
	char buf[8];

	EACH_LINK(g, &l)
	{
		net_recv(g, &r, l.fds[0], buf, sizeof buf, 0);
		do {
			net_send(g, &s, l.fds[0], block, sizeof block);
			rig_settle(g);
		} while (s.completions);
		assert_int_equal(r.completions, 0);
		net_put(g, l.fds[1], "x");
		assert_int_equal(rig_finish(g, &r), 1);
		while (!s.completions) {
			net_recv(g, &r, l.fds[1], block, sizeof block, 0);
			assert_true(rig_finish(g, &r) > 0);
			rig_settle(g);
		}
		assert_true(s.op.res > 0);
	}
}

static void receives_of_one_socket_share_the_bytes(struct rig *g)
{
	struct rig_op r[4];
	struct link l;
	char buf[4];
	int sum;

	EACH_LINK(g, &l)
	{
		sum = 0;
		for (int i = 0; i < 4; i++)
			net_recv(g, &r[i], l.fds[0], &buf[i], 1, 0);
		rig_settle(g);
		net_put(g, l.fds[1], "\1\2\4\10");
		for (int i = 0; i < 4; i++) {
			assert_int_equal(rig_finish(g, &r[i]), 1);
			sum += buf[i];
		}
		assert_int_equal(sum, 15);
	}
}

static void polls_tell_of_sockets(struct rig *g)
{
	struct rig_op p, r;
	struct link l;
	char buf[8];

	EACH_LINK(g, &l)
	{
		rig_poll(g, &p, l.fds[0], POLLOUT);
		assert_int_equal(rig_finish(g, &p), POLLOUT);
		rig_poll(g, &p, l.fds[0], POLLIN);
		rig_settle(g);
		assert_int_equal(p.completions, 0);
		net_put(g, l.fds[1], "x");
		assert_int_equal(rig_finish(g, &p), POLLIN);
		rig_poll(g, &p, l.fds[0], POLLIN); /* nobody has read it */
		assert_int_equal(rig_finish(g, &p), POLLIN);
		net_expect(g, l.fds[0], "x");
		link_shut(g, &l, 1);
		do {
			rig_poll(g, &p, l.fds[0], POLLIN);
			assert_true(rig_finish(g, &p) & POLLIN);
			r = (struct rig_op){ .op = { .kind = AWL__OP_RECV, .fd = l.fds[0] } };
			r.op.u.sock.buf = buf;
			r.op.u.sock.len = sizeof buf;
		} while (awl__reactor_try(g->r, &r.op) != 0);
	}
}

/* --- what is no socket --- */

static void what_is_no_socket_says_so(struct rig *g)
{
	struct msghdr m = { .msg_iov = &(struct iovec){ &m, 1 }, .msg_iovlen = 1 };
	struct sockaddr_in at = { .sin_family = AF_INET };
	int fds[2], wrong[] = { -ENOTSOCK, -EBADF };
	struct rig_op o;
	char buf[4] = "";

	rig_pair(g, RIG_PIPE, fds);
	for (int i = 0; i < 2; i++) {
		int fd = i == 0 ? fds[0] : 1000 + fds[0];

		net_recv(g, &o, fd, buf, 4, 0);
		assert_int_equal(rig_finish(g, &o), wrong[i]);
		net_send(g, &o, fd, buf, 4);
		assert_int_equal(rig_finish(g, &o), wrong[i]);
		net_recvmsg(g, &o, fd, &m, 0);
		assert_int_equal(rig_finish(g, &o), wrong[i]);
		net_sendmsg(g, &o, fd, &m);
		assert_int_equal(rig_finish(g, &o), wrong[i]);
		net_accept(g, &o, fd);
		assert_int_equal(rig_finish(g, &o), wrong[i]);
		net_connect(g, &o, fd, &at, sizeof at);
		assert_int_equal(rig_finish(g, &o), wrong[i]);
	}
	rig_shut(g, fds[0]);
	rig_shut(g, fds[1]);
}

/* --- attempts --- */

static void an_attempt_leaves_nothing_in_flight(struct rig *g)
{
	struct rig_op o = { 0 };
	struct link l;
	char buf[8];

	EACH_LINK(g, &l)
	{
		memset(&o, 0, sizeof o);
		o.op.fd = l.fds[0];
		o.op.kind = AWL__OP_RECV;
		o.op.u.sock.buf = buf;
		o.op.u.sock.len = sizeof buf;
		assert_int_equal(awl__reactor_try(g->r, &o.op), -EAGAIN);
		assert_int_equal(g->r->in_flight, 0);
		net_put(g, l.fds[1], "abc");
		rig_settle(g);
		assert_true(awl__reactor_try(g->r, &o.op) > 0);
		o.op.kind = AWL__OP_SEND;
		o.op.u.sock.len = 1;
		assert_int_equal(awl__reactor_try(g->r, &o.op), 1);
		o.op.kind = AWL__OP_POLL;
		o.op.u.events = POLLOUT;
		assert_int_equal(awl__reactor_try(g->r, &o.op), POLLOUT);
		o.op.u.events = POLLPRI;
		assert_int_equal(awl__reactor_try(g->r, &o.op), -EAGAIN);
		net_expect(g, l.fds[1], "a");
	}
}

static const struct rig_body bodies[] = {
	BODY(what_is_there_is_received),
	BODY(a_receive_waits_for_its_bytes),
	BODY(a_hint_to_be_late_loses_nothing),
	BODY(a_full_read_leaves_the_rest_for_the_next),
	BODY(a_peek_takes_nothing),
	BODY(data_and_the_end_together_are_both_seen),
	BODY(the_end_after_a_short_read_is_seen),
	BODY(half_a_close_leaves_the_other_half),
	BODY(a_reset_is_told_once_and_then_the_end),
	BODY(a_send_to_nobody_is_an_error_and_no_signal),
	BODY(bytes_keep_their_order_through_a_full_socket),
	BODY(both_directions_wait_at_once),
	BODY(receives_of_one_socket_share_the_bytes),
	BODY(polls_tell_of_sockets),
	BODY(what_is_no_socket_says_so),
	BODY(an_attempt_leaves_nothing_in_flight),
};

int main(void)
{
	return rig_main(bodies, COUNT(bodies));
}
