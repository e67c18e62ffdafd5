/* SPDX-License-Identifier: MIT */
/*
 * test_socket_cancel.c - a cancelled operation on a socket, at each point of its life: what was
 * transferred, accepted or sent is in its result, and what is not is still there. @reactors @thread
 * @valgrind
 */
#include "reactor/socket.h"

#include <unistd.h>

/* When the cancel comes. */
enum point { UNSEEN, IN_FLIGHT, UNREAPED, REAPED, POINTS };

/* 0 or more, or -ECANCELED. */
static int32_t cancelled(struct rig *g, struct rig_op *o)
{
	int32_t res;

	awl__reactor_cancel(g->r, &o->op);
	res = rig_finish(g, o);
	assert_true(res >= 0 || res == -ECANCELED);
	return res;
}

static void a_cancelled_receive_loses_no_byte(struct rig *g)
{
	struct rig_op r;
	struct link l;
	char buf[8];
	int32_t res;

	EACH_LINK(g, &l)
	{
		for (int p = UNSEEN; p < POINTS; p++) {
			net_recv(g, &r, l.fds[0], buf, sizeof buf, 0);
			if (p > UNSEEN)
				rig_settle(g);
			assert_int_equal(r.completions, 0);
			if (p >= UNREAPED)
				net_put(g, l.fds[1], "x");
			if (p == REAPED)
				rig_finish(g, &r);
			res = cancelled(g, &r);
			if (p < UNREAPED) {
				assert_int_equal(res, -ECANCELED);
				net_put(g, l.fds[1], "x");
			}
			if (res < 0)
				net_expect(g, l.fds[0], "x");
			else
				assert_int_equal(res, 1);
		}
	}
}

static void a_cancelled_message_is_the_next_ones(struct rig *g)
{
	struct rig_op r;
	struct link l;
	char buf[8];
	int32_t res;

	EACH_LINK(g, &l)
	{
		for (int p = UNSEEN; p < POINTS; p++) {
			struct iovec v = { buf, sizeof buf };
			struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };

			net_recvmsg(g, &r, l.fds[0], &m, 0);
			if (p > UNSEEN)
				rig_settle(g);
			if (p >= UNREAPED)
				net_put(g, l.fds[1], "x");
			if (p == REAPED)
				rig_finish(g, &r);
			res = cancelled(g, &r);
			if (p < UNREAPED)
				net_put(g, l.fds[1], "x");
			if (res < 0)
				net_expect(g, l.fds[0], "x");
		}
	}
}

static void a_cancelled_send_says_how_much_went(struct rig *g)
{
	enum { BLOCK = 100000 };
	static char block[BLOCK], in[BLOCK];
	struct rig_op r, s;
	struct link l;

	EACH_LINK(g, &l)
	{
		size_t sent = 0, got = 0;

		for (int p = UNSEEN; p < UNREAPED; p++) {
			for (;;) {
				net_send(g, &s, l.fds[0], block, BLOCK);
				if (p > UNSEEN)
					rig_settle(g);
				if (!s.completions)
					break;
				sent += (size_t)s.op.res;
			}
			if (cancelled(g, &s) >= 0)
				sent += (size_t)s.op.res;
		}
		link_shut(g, &l, 0);
		do {
			net_recv(g, &r, l.fds[1], in, BLOCK, 0);
			assert_true(rig_finish(g, &r) >= 0);
			got += (size_t)r.op.res;
		} while (r.op.res > 0);
		assert_int_equal(got, sent);
	}
}

static void a_cancelled_accept_loses_no_connection(struct rig *g)
{
	struct sockaddr_in at;
	struct rig_op a, c;

	for (int owned = 0; owned < 2; owned++) {
		int listener = net_listener(g, &at);

		if (owned)
			assert_int_equal(awl__reactor_own(g->r, listener), 0);
		for (int p = UNSEEN; p < POINTS; p++) {
			int client = net_socket(g, AF_INET, SOCK_STREAM), fd;

			net_accept(g, &a, listener);
			if (p > UNSEEN)
				rig_settle(g);
			if (p >= UNREAPED) {
				net_connect(g, &c, client, &at, sizeof at);
				assert_int_equal(rig_finish(g, &c), 0);
			}
			if (p == REAPED)
				rig_finish(g, &a);
			fd = cancelled(g, &a);
			if (p < UNREAPED) {
				assert_int_equal(fd, -ECANCELED);
				net_connect(g, &c, client, &at, sizeof at);
				assert_int_equal(rig_finish(g, &c), 0);
			}
			if (fd < 0) {
				net_accept(g, &a, listener);
				fd = rig_finish(g, &a);
			}
			net_put(g, client, "it is me");
			net_expect(g, fd, "it is me");
			net_shut(g, fd);
			net_shut(g, client);
		}
		if (owned)
			awl__reactor_disown(g->r, listener);
		net_shut(g, listener);
	}
}

static void a_cancelled_connect_is_over(struct rig *g)
{
	struct sockaddr_in at;
	struct rig_op c;

	for (int p = UNSEEN; p < UNREAPED * 2; p++) {
		int listener = net_listener(g, &at), fd = net_socket(g, AF_INET, SOCK_STREAM);

		if (p >= UNREAPED)
			assert_int_equal(awl__reactor_own(g->r, fd), 0);
		net_connect(g, &c, fd, &at, sizeof at);
		if (p % 2 == IN_FLIGHT)
			rig_turn(g, 0);
		if (!c.completions)
			cancelled(g, &c);
		if (p >= UNREAPED)
			awl__reactor_disown(g->r, fd);
		net_shut(g, fd);
		net_shut(g, listener);
	}
}

/* Its backlog is full: the kernel drops what would connect, which tries on. */
static void a_connect_that_nobody_answers_is_cancelled(struct rig *g)
{
	struct sockaddr_in at;
	struct rig_op c[8];
	int fds[8], listener = net_listener(g, &at), waiting = 0;

	assert_int_equal(g->r->class->net->listen(g->r, listener, 0), 0);
	for (int i = 0; i < 8; i++) {
		fds[i] = net_socket(g, AF_INET, SOCK_STREAM);
		if (i % 2)
			assert_int_equal(awl__reactor_own(g->r, fds[i]), 0);
		net_connect(g, &c[i], fds[i], &at, sizeof at);
		rig_settle(g);
		if (c[i].completions)
			continue;
		waiting++;
		assert_int_equal(cancelled(g, &c[i]), -ECANCELED);
	}
	assert_true(waiting > 0);
	for (int i = 0; i < 8; i++) {
		if (i % 2)
			awl__reactor_disown(g->r, fds[i]);
		net_shut(g, fds[i]);
	}
	net_shut(g, listener);
}

static void the_second_reader_goes_on_when_the_first_is_cancelled(struct rig *g)
{
	struct rig_op r[2];
	struct link l;
	char buf[2];

	EACH_LINK(g, &l)
	{
		net_recv(g, &r[0], l.fds[0], &buf[0], 1, 0);
		net_recv(g, &r[1], l.fds[0], &buf[1], 1, 0);
		rig_settle(g);
		assert_int_equal(cancelled(g, &r[0]), -ECANCELED);
		net_put(g, l.fds[1], "x");
		assert_int_equal(rig_finish(g, &r[1]), 1);
	}
}

static const struct rig_body bodies[] = {
	BODY(a_cancelled_receive_loses_no_byte),
	BODY(a_cancelled_message_is_the_next_ones),
	BODY(a_cancelled_send_says_how_much_went),
	BODY(a_cancelled_accept_loses_no_connection),
	BODY(a_cancelled_connect_is_over),
	KERNEL_BODY(a_connect_that_nobody_answers_is_cancelled),
	BODY(the_second_reader_goes_on_when_the_first_is_cancelled),
};

int main(void)
{
	return rig_main(bodies, COUNT(bodies));
}
