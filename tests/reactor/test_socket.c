/* SPDX-License-Identifier: MIT */
/*
 * test_socket.c - the operations on sockets, on every reactor, on descriptors lent and owned: one
 * completion each, the right one, and not a byte or a connection lost. @reactors @thread @valgrind
 */
#include "reactor/socket.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/un.h>
#include <unistd.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

static const struct awl__net *net(const struct rig *g)
{
	return g->r->class->net;
}

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
		for (size_t at = 0; at < 10;) {
			assert_true(rig_finish(g, &r) > 0);
			if ((at += (size_t)r.op.res) < 10)
				net_recv(g, &r, l.fds[0], buf + at, 50, 0);
		}
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

/* --- messages --- */

static void datagrams_keep_their_borders_and_their_senders(struct rig *g)
{
	struct sockaddr_in at[2] = { 0 }, from;
	socklen_t len = sizeof *at;
	char buf[8], tail[8];
	struct iovec in[2] = { { buf, 2 }, { tail, 8 } };
	struct rig_op r, s;
	int fds[2];

	for (int owned = 0; owned < 2; owned++) {
		for (int i = 0; i < 2; i++) {
			at[i] = (struct sockaddr_in){ .sin_family = AF_INET,
				.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
			fds[i] = net_socket(g, AF_INET, SOCK_DGRAM);
			assert_int_equal(
				net(g)->bind(g->r, fds[i], (struct sockaddr *)&at[i], len), 0);
			assert_int_equal(
				net(g)->name(g->r, fds[i], false, (struct sockaddr *)&at[i], &len),
				0);
			if (owned)
				assert_int_equal(awl__reactor_own(g->r, fds[i]), 0);
		}
		for (int round = 0; round < 2; round++) {
			struct msghdr m = { .msg_name = &from, .msg_namelen = sizeof from };

			m.msg_iov = in;
			m.msg_iovlen = 2;
			memset(&from, 0, sizeof from);
			if (round == 0) /* one that waits, then three that are there */
				net_recvmsg(g, &r, fds[0], &m, 0);
			rig_settle(g);
			for (int i = 0; i < 3; i++) {
				struct msghdr out = { .msg_name = &at[0], .msg_namelen = len };

				out.msg_iov = &(struct iovec){ "abcd", 2 + (size_t)i };
				out.msg_iovlen = 1;
				net_sendmsg(g, &s, fds[1], &out);
				assert_int_equal(rig_finish(g, &s), 2 + i);
			}
			for (int i = 0; i < 3; i++) {
				if (round == 1 || i > 0) {
					m.msg_namelen = sizeof from;
					net_recvmsg(g, &r, fds[0], &m, 0);
				}
				assert_int_equal(rig_finish(g, &r), 2 + i);
				assert_memory_equal(buf, "ab", 2);
				assert_memory_equal(tail, "cd", (size_t)i);
				assert_int_equal(m.msg_namelen, sizeof from);
				assert_int_equal(from.sin_port, at[1].sin_port);
			}
		}
		for (int i = 0; i < 2; i++) {
			if (owned)
				awl__reactor_disown(g->r, fds[i]);
			net_shut(g, fds[i]);
		}
	}
}

static void send_fd(int through, int fd, const char *text)
{
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} u = { .room = { 0 } };
	struct msghdr m = { .msg_control = u.room, .msg_controllen = sizeof u.room };
	struct iovec v = { (void *)(uintptr_t)text, strlen(text) };

	m.msg_iov = &v;
	m.msg_iovlen = 1;
	CMSG_FIRSTHDR(&m)->cmsg_level = SOL_SOCKET;
	CMSG_FIRSTHDR(&m)->cmsg_type = SCM_RIGHTS;
	CMSG_FIRSTHDR(&m)->cmsg_len = CMSG_LEN(sizeof fd);
	memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), &fd, sizeof fd);
	assert_int_equal(sendmsg(through, &m, 0), strlen(text));
}

static void a_message_brings_a_descriptor(struct rig *g)
{
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} u;
	char buf[8];
	struct iovec v = { buf, sizeof buf };
	struct rig_op r;
	struct link l;
	int fd;

	for (int owned = 0; owned < 2; owned++) {
		struct msghdr m = { .msg_control = u.room, .msg_controllen = sizeof u.room };

		m.msg_iov = &v;
		m.msg_iovlen = 1;
		link_open(g, &l, LINK_LOCAL, owned);
		net_recvmsg(g, &r, l.fds[0], &m, MSG_CMSG_CLOEXEC);
		rig_settle(g);
		send_fd(l.fds[1], l.fds[1], "x");
		assert_int_equal(rig_finish(g, &r), 1);
		assert_non_null(CMSG_FIRSTHDR(&m));
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof fd);
		assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
		assert_int_equal(close(fd), 0);
		link_close(g, &l);
	}
}

/* A read ends at each message that carries descriptors, and the bytes behind it are there. */
static void a_border_in_a_stream_is_not_its_end(struct rig *g)
{
	struct rig_op r;
	struct link l;
	char buf[64];
	size_t got;

	for (int owned = 0; owned < 2; owned++) {
		link_open(g, &l, LINK_LOCAL, owned);
		net_recv(g, &r, l.fds[0], buf, 1, 0);
		rig_settle(g);
		send_fd(l.fds[1], l.fds[1], "abc");
		send_fd(l.fds[1], l.fds[1], "def");
		assert_int_equal(send(l.fds[1], "ghi", 3, 0), 3);
		for (got = (size_t)rig_finish(g, &r); got < 9; got += (size_t)rig_finish(g, &r))
			net_recv(g, &r, l.fds[0], buf + got, 50, 0);
		assert_memory_equal(buf, "abcdefghi", 9);
		link_close(g, &l);
	}
}

static void an_urgent_byte_does_not_hide_the_rest(struct rig *g)
{
	struct rig_op r;
	struct link l;
	char buf[64];
	size_t got;

	for (int owned = 0; owned < 2; owned++) {
		link_open(g, &l, LINK_TCP, owned);
		net_recv(g, &r, l.fds[0], buf, 1, 0);
		rig_settle(g);
		assert_int_equal(send(l.fds[1], "abc", 3, 0), 3);
		assert_int_equal(send(l.fds[1], "!", 1, MSG_OOB), 1);
		assert_int_equal(send(l.fds[1], "def", 3, 0), 3);
		for (got = (size_t)rig_finish(g, &r); got < 6; got += (size_t)rig_finish(g, &r))
			net_recv(g, &r, l.fds[0], buf + got, 50, 0);
		assert_memory_equal(buf, "abcdef", 6);
		link_close(g, &l);
	}
}

/* --- connections --- */

static void a_connection_is_made_and_accepted(struct rig *g)
{
	struct sockaddr_in at, peer, name;
	struct rig_op a, c;
	int clients[3], fds[3];

	for (int owned = 0; owned < 2; owned++) {
		int listener = net_listener(g, &at);
		socklen_t len = sizeof peer;

		if (owned)
			assert_int_equal(awl__reactor_own(g->r, listener), 0);
		/* The first accept waits; two connections wait for the others. */
		net_accept(g, &a, listener);
		rig_settle(g);
		assert_int_equal(a.completions, 0);
		for (int i = 0; i < 3; i++) {
			clients[i] = net_socket(g, AF_INET, SOCK_STREAM);
			if (owned)
				assert_int_equal(awl__reactor_own(g->r, clients[i]), 0);
			net_connect(g, &c, clients[i], &at, sizeof at);
			assert_int_equal(rig_finish(g, &c), 0);
		}
		assert_true((fds[0] = rig_finish(g, &a)) >= 0);
		for (int i = 1; i < 3; i++) {
			len = sizeof peer;
			memset(&a, 0, sizeof a);
			a.op.kind = AWL__OP_ACCEPT;
			a.op.fd = listener;
			a.op.u.accept.addr = (struct sockaddr *)&peer;
			a.op.u.accept.len = &len;
			assert_true(rig_start(g, &a) >= 0);
			assert_true((fds[i] = rig_finish(g, &a)) >= 0);
			assert_int_equal(len, sizeof peer);
			assert_int_equal(net(g)->name(g->r, clients[i], false,
						 (struct sockaddr *)&name, &len),
				0);
			assert_int_equal(peer.sin_port, name.sin_port);
		}
		if (!rig_is(g, "sim")) {
			assert_int_equal(fcntl(fds[0], F_GETFD), FD_CLOEXEC);
			assert_true(fcntl(fds[0], F_GETFL) & O_NONBLOCK);
		}
		for (int i = 0; i < 3; i++) {
			if (owned)
				assert_int_equal(awl__reactor_own(g->r, fds[i]), 0);
			net_put(g, clients[i], "ping");
			net_expect(g, fds[i], "ping");
			net_put(g, fds[i], "pong");
			net_expect(g, clients[i], "pong");
			if (owned)
				awl__reactor_disown(g->r, fds[i]);
			if (owned)
				awl__reactor_disown(g->r, clients[i]);
			net_shut(g, fds[i]);
			net_shut(g, clients[i]);
		}
		if (owned)
			awl__reactor_disown(g->r, listener);
		net_shut(g, listener);
	}
}

static void a_refused_connection_says_so(struct rig *g)
{
	struct sockaddr_in at;
	struct rig_op c;

	net_shut(g, net_listener(g, &at));
	for (int owned = 0; owned < 2; owned++) {
		int fd = net_socket(g, AF_INET, SOCK_STREAM);

		if (owned)
			assert_int_equal(awl__reactor_own(g->r, fd), 0);
		net_connect(g, &c, fd, &at, sizeof at);
		assert_int_equal(rig_finish(g, &c), -ECONNREFUSED);
		if (owned)
			awl__reactor_disown(g->r, fd);
		net_shut(g, fd);
	}
}

static void a_connected_socket_does_not_connect_again(struct rig *g)
{
	struct sockaddr_in at;
	int listener = net_listener(g, &at);
	int fd = net_socket(g, AF_INET, SOCK_STREAM);
	struct rig_op c;

	net_connect(g, &c, fd, &at, sizeof at);
	assert_int_equal(rig_finish(g, &c), 0);
	net_connect(g, &c, fd, &at, sizeof at);
	assert_int_equal(rig_finish(g, &c), -EISCONN);
	net_shut(g, fd);
	net_shut(g, listener);
}

static void a_connection_that_polled_before_is_made(struct rig *g)
{
	struct sockaddr_in at;
	int listener = net_listener(g, &at);

	for (int owned = 0; owned < 2; owned++) {
		int fd = net_socket(g, AF_INET, SOCK_STREAM);
		struct rig_op c, p;

		if (owned)
			assert_int_equal(awl__reactor_own(g->r, fd), 0);
		rig_poll(g, &p, fd, POLLOUT);
		rig_finish(g, &p); /* an unconnected socket polls hung up */
		net_connect(g, &c, fd, &at, sizeof at);
		assert_int_equal(rig_finish(g, &c), 0);
		net_recv(g, &p, fd, &c, 1, 0);
		rig_settle(g);
		assert_int_equal(p.completions, 0);
		awl__reactor_cancel(g->r, &p.op);
		assert_int_equal(rig_finish(g, &p), -ECANCELED);
		if (owned)
			awl__reactor_disown(g->r, fd);
		net_shut(g, fd);
	}
	net_shut(g, listener);
}

/* Nothing would ever tell when there is room: the kernel's way for sockets that do not block. */
static void a_full_backlog_of_a_local_socket_is_eagain(struct rig *g)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	socklen_t len = offsetof(struct sockaddr_un, sun_path) + 20;
	int fd[16], n = 0, listener = net_socket(g, AF_UNIX, SOCK_STREAM);
	struct rig_op c;

	snprintf(at.sun_path + 1, 60, "awl-full-%d", (int)getpid());
	assert_int_equal(net(g)->bind(g->r, listener, (struct sockaddr *)&at, len), 0);
	assert_int_equal(net(g)->listen(g->r, listener, 0), 0);
	do {
		fd[n] = net_socket(g, AF_UNIX, SOCK_STREAM);
		if (n % 2)
			assert_int_equal(awl__reactor_own(g->r, fd[n]), 0);
		net_connect(g, &c, fd[n++], &at, len);
	} while (rig_finish(g, &c) == 0 && n < 16);
	assert_int_equal(c.op.res, -EAGAIN);
	for (int i = 0; i < n; i++) {
		if (i % 2)
			awl__reactor_disown(g->r, fd[i]);
		net_shut(g, fd[i]);
	}
	net_shut(g, listener);
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
	BODY(datagrams_keep_their_borders_and_their_senders),
	KERNEL_BODY(a_message_brings_a_descriptor),
	KERNEL_BODY(a_border_in_a_stream_is_not_its_end),
	KERNEL_BODY(an_urgent_byte_does_not_hide_the_rest),
	BODY(a_connection_is_made_and_accepted),
	BODY(a_refused_connection_says_so),
	BODY(a_connected_socket_does_not_connect_again),
	BODY(a_connection_that_polled_before_is_made),
	KERNEL_BODY(a_full_backlog_of_a_local_socket_is_eagain),
	BODY(what_is_no_socket_says_so),
	BODY(an_attempt_leaves_nothing_in_flight),
};

int main(void)
{
	return rig_main(bodies, COUNT(bodies));
}
