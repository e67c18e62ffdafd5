/* SPDX-License-Identifier: MIT */
/*
 * test_sim_stream.c - stream sockets of sim's network: they meet, carry bytes and end as the
 * kernel's do. @valgrind
 */
#include "reactor/sim_net.h"

static struct rig rig;
static const char *const places[] = { "127.0.0.1:80", "[::1]:80", "/run/socket", "@abstract" };

static bool is_unix(const char *words)
{
	return words[0] == '/' || words[0] == '@';
}

/* --- meeting --- */

static void two_meet_and_each_is_told_the_others_name(void **state)
{
	struct rig *g = open_world(&rig, 0);

	(void)state;
	for (size_t i = 0; i < COUNT(places); i++) {
		struct address who = { .len = sizeof who.ss };
		int l = new_listener(g, places[i]), c = new_client(g, places[i]);
		struct awl__op op = { .kind = AWL__OP_ACCEPT, .fd = l };
		struct rig_op o;
		char name[160];
		int k;

		op.u.accept.addr = (struct sockaddr *)&who.ss;
		op.u.accept.len = &who.len;
		k = made(rig_finish(g, start(g, &o, op)));
		assert_string_equal(name_of(g, c, true), places[i]);
		assert_string_equal(name_of(g, k, false), places[i]);
		strcpy(name, name_of(g, c, false));
		assert_string_equal(name_of(g, k, true), name);
		assert_string_equal(words_of(&who.ss, who.len), name);
		assert_int_equal(is_unix(places[i]), strcmp(name, "unnamed") == 0);
		rig_put(g, c, "there");
		rig_expect(g, k, "there");
		rig_put(g, k, "and back");
		rig_expect(g, c, "and back");
		rig_shut(g, l);
		rig_put(g, c, "a connection outlives its listener");
		rig_expect(g, k, "a connection outlives its listener");
		rig_shut(g, c);
		rig_shut(g, k);
	}
	rig_close(g);
}

static void an_accept_waits_for_who_comes(void **state)
{
	struct rig *g = open_world(&rig, 0);

	(void)state;
	for (size_t i = 0; i < COUNT(places); i++) {
		int l = new_listener(g, places[i]), fds[2];
		struct rig_op a;

		start_accept(g, &a, l);
		assert_waits(g, &a);
		assert_int_equal(poll_now(g, l, POLLIN), -EAGAIN);
		fds[0] = new_client(g, places[i]);
		fds[1] = made(rig_finish(g, &a));
		rig_put(g, fds[0], "x");
		rig_expect(g, fds[1], "x");
		shut_both(g, fds);
		fds[0] = new_client(g, places[i]);
		assert_int_equal(poll_now(g, l, POLLIN), POLLIN);
		rig_shut(g, fds[0]);
		fds[1] = made(accept_one(g, l)); /* it is gone, and was there */
		rig_shut(g, fds[1]);
		rig_shut(g, l);
	}
	rig_close(g);
}

static void nobody_there_is_told_as_the_kernel_tells_it(void **state)
{
	struct rig *g = open_world(&rig, 0);
	int fd, other;

	(void)state;
	fd = new_socket(g, "127.0.0.1:1", SOCK_STREAM);
	assert_int_equal(connect_to(g, fd, "127.0.0.1:1"), -ECONNREFUSED);
	assert_int_equal(connect_to(g, fd, "[::1]:1"), -EAFNOSUPPORT);
	rig_shut(g, fd);
	fd = new_socket(g, "/x", SOCK_STREAM);
	assert_int_equal(connect_to(g, fd, "/nowhere"), -ENOENT);
	assert_int_equal(connect_to(g, fd, "@nowhere"), -ECONNREFUSED);
	other = new_socket(g, "/x", SOCK_STREAM);
	assert_int_equal(bind_to(g, other, "/bound"), 0);
	assert_int_equal(connect_to(g, fd, "/bound"), -ECONNREFUSED);
	rig_shut(g, other);
	other = new_socket(g, "/x", SOCK_DGRAM);
	assert_int_equal(bind_to(g, other, "/bound"), 0);
	assert_int_equal(connect_to(g, fd, "/bound"), -EPROTOTYPE);
	rig_shut(g, other);
	rig_shut(g, fd);
	rig_close(g);
}

static void a_name_is_one_sockets_at_a_time(void **state)
{
	struct rig *g = open_world(&rig, 0);

	(void)state;
	for (size_t i = 0; i < COUNT(places); i++) {
		int l = new_listener(g, places[i]);
		int fd = new_socket(g, places[i], SOCK_STREAM);

		assert_int_equal(bind_to(g, fd, places[i]), -EADDRINUSE);
		assert_int_equal(bind_to(g, l, places[i]), -EINVAL);
		rig_shut(g, l);
		assert_int_equal(bind_to(g, fd, places[i]), 0);
		rig_shut(g, fd);
	}
	rig_close(g);
}

static void who_asks_for_port_0_is_told_which_it_got(void **state)
{
	struct rig *g = open_world(&rig, 0);
	int fds[50];

	(void)state;
	for (size_t i = 0; i < COUNT(fds); i++) {
		fds[i] = new_listener(g, i & 1 ? "127.0.0.1:0" : "[::]:0");
		assert_true(port_of(g, fds[i]) >= 32768);
		for (size_t before = 0; before < i; before++)
			assert_int_not_equal(port_of(g, fds[i]), port_of(g, fds[before]));
	}
	for (size_t i = 0; i < COUNT(fds); i++)
		rig_shut(g, fds[i]);
	rig_close(g);
}

static void a_dual_listener_takes_both_families_and_v6only_one(void **state)
{
	struct rig *g = open_world(&rig, 0);
	int l = new_listener(g, "[::]:80"), c, k, v4;

	(void)state;
	c = new_client(g, "127.0.0.1:80");
	k = made(accept_one(g, l));
	assert_int_equal(get_option(g, k, SOL_SOCKET, SO_DOMAIN), AF_INET6);
	assert_non_null(strstr(name_of(g, k, true), "[::ffff:127.0.0.1]"));
	assert_string_equal(name_of(g, k, false), "[::ffff:127.0.0.1]:80");
	rig_shut(g, c);
	rig_shut(g, k);
	v4 = new_socket(g, "0.0.0.0:80", SOCK_STREAM);
	assert_int_equal(bind_to(g, v4, "0.0.0.0:80"), -EADDRINUSE);
	rig_shut(g, l);

	l = new_socket(g, "[::]:80", SOCK_STREAM);
	assert_int_equal(set_option(g, l, IPPROTO_IPV6, IPV6_V6ONLY, 1), 0);
	assert_int_equal(bind_to(g, l, "[::]:80"), 0);
	assert_int_equal(net(g)->listen(g->r, l, 8), 0);
	c = new_socket(g, "127.0.0.1:80", SOCK_STREAM);
	assert_int_equal(connect_to(g, c, "127.0.0.1:80"), -ECONNREFUSED);
	assert_int_equal(bind_to(g, v4, "0.0.0.0:80"), 0);
	rig_shut(g, c);
	rig_shut(g, v4);
	rig_shut(g, l);
	rig_close(g);
}

static void listeners_that_share_a_port_have_turns(void **state)
{
	struct rig *g = open_world(&rig, 0);
	int l[2], clients[10], got[2] = { 0 };

	(void)state;
	for (int i = 0; i < 2; i++) {
		l[i] = new_socket(g, "127.0.0.1:80", SOCK_STREAM);
		assert_int_equal(set_option(g, l[i], SOL_SOCKET, SO_REUSEPORT, 1), 0);
		assert_int_equal(bind_to(g, l[i], "127.0.0.1:80"), 0);
		assert_int_equal(net(g)->listen(g->r, l[i], 8), 0);
	}
	for (size_t i = 0; i < COUNT(clients); i++)
		clients[i] = new_client(g, "127.0.0.1:80");
	for (int i = 0; i < 2; i++)
		while (poll_now(g, l[i], POLLIN) == POLLIN) {
			rig_shut(g, made(accept_one(g, l[i])));
			got[i]++;
		}
	assert_int_equal(got[0], 5);
	assert_int_equal(got[1], 5);
	for (size_t i = 0; i < COUNT(clients); i++)
		rig_shut(g, clients[i]);
	shut_both(g, l);
	rig_close(g);
}

/* TCP knocks again after a second; a local socket is told at once. */
static void a_full_backlog_keeps_the_next_out(void **state)
{
	struct rig *g = open_world(&rig, 0);

	(void)state;
	for (size_t i = 0; i < COUNT(places); i += 2) {
		struct address a = at(places[i]);
		int l = new_socket(g, places[i], SOCK_STREAM), c[3], k[3];
		int64_t began = now(g);
		struct rig_op o;

		assert_int_equal(bind_to(g, l, places[i]), 0);
		assert_int_equal(net(g)->listen(g->r, l, 1), 0);
		c[0] = new_client(g, places[i]);
		c[1] = new_client(g, places[i]);
		c[2] = new_socket(g, places[i], SOCK_STREAM);
		start_connect(g, &o, c[2], &a);
		if (is_unix(places[i]))
			assert_int_equal(rig_finish(g, &o), -EAGAIN);
		else
			assert_waits(g, &o);
		k[0] = made(accept_one(g, l));
		if (is_unix(places[i]))
			start_connect(g, &o, c[2], &a);
		assert_int_equal(rig_finish(g, &o), 0);
		assert_true(now(g) == (is_unix(places[i]) ? began : began + SEC));
		k[1] = made(accept_one(g, l));
		k[2] = made(accept_one(g, l));
		rig_put(g, c[2], "third");
		rig_expect(g, k[2], "third");
		for (int j = 0; j < 3; j++) {
			rig_shut(g, c[j]);
			rig_shut(g, k[j]);
		}
		rig_shut(g, l);
	}
	rig_close(g);
}

static void who_is_in_a_backlog_that_closes_is_reset(void **state)
{
	struct rig *g = open_world(&rig, 0);
	char buf[4];

	(void)state;
	for (size_t i = 0; i < COUNT(places); i++) {
		int l = new_listener(g, places[i]), c = new_client(g, places[i]);

		rig_put(g, c, "x");
		rig_shut(g, l);
		assert_int_equal(recv_some(g, c, buf, sizeof buf), -ECONNRESET);
		assert_int_equal(recv_some(g, c, buf, sizeof buf), 0);
		assert_int_equal(send_some(g, c, "x", 1), -EPIPE);
		rig_shut(g, c);
	}
	rig_close(g);
}

static void a_second_connect_is_refused_and_a_listener_connects_nowhere(void **state)
{
	struct rig *g = open_world(&rig, 0);
	int l = new_listener(g, "127.0.0.1:80"), c = new_client(g, "127.0.0.1:80");
	char buf[4];

	(void)state;
	assert_int_equal(connect_to(g, c, "127.0.0.1:80"), -EISCONN);
	assert_int_equal(connect_to(g, l, "127.0.0.1:80"), -EISCONN);
	assert_int_equal(accept_one(g, c), -EINVAL);
	assert_int_equal(recv_some(g, l, buf, sizeof buf), -ENOTCONN);
	assert_int_equal(send_some(g, l, "x", 1), -EPIPE);
	assert_int_equal(get_option(g, l, SOL_SOCKET, SO_ACCEPTCONN), 1);
	assert_int_equal(get_option(g, c, SOL_SOCKET, SO_ACCEPTCONN), 0);
	rig_shut(g, c);
	rig_shut(g, l);
	rig_close(g);
}

/* --- ending --- */

static void the_end_comes_after_the_bytes_before_it(void **state)
{
	struct rig *g = open_world(&rig, 0);
	char buf[8];

	(void)state;
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
	rig_close(g);
}

static void who_reads_no_more_gets_the_end(void **state)
{
	struct rig *g = open_world(&rig, 0);
	struct rig_op r;
	char buf[8];

	(void)state;
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
	rig_close(g);
}

static void closing_over_unread_bytes_is_a_reset(void **state)
{
	struct rig *g = open_world(&rig, 0);
	char buf[8];

	(void)state;
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
	rig_close(g);
}

static void a_linger_of_nothing_is_a_reset(void **state)
{
	struct rig *g = open_world(&rig, 0);
	struct linger now_or_never = { 1, 0 };
	char buf[8];
	int fds[2];

	(void)state;
	connect_both(g, "127.0.0.1:80", fds);
	assert_int_equal(net(g)->setopt(g->r, fds[1], SOL_SOCKET, SO_LINGER, &now_or_never,
				 sizeof now_or_never),
		0);
	rig_shut(g, fds[1]);
	assert_int_equal(send_some(g, fds[0], "x", 1), -ECONNRESET);
	assert_int_equal(send_some(g, fds[0], "x", 1), -EPIPE);
	assert_int_equal(recv_some(g, fds[0], buf, sizeof buf), 0);
	rig_shut(g, fds[0]);
	rig_close(g);
}

static void so_error_tells_a_reset_once(void **state)
{
	struct rig *g = open_world(&rig, 0);
	char buf[8];
	int fds[2];

	(void)state;
	connect_both(g, "127.0.0.1:80", fds);
	rig_put(g, fds[0], "unread");
	rig_shut(g, fds[1]);
	assert_int_equal(get_option(g, fds[0], SOL_SOCKET, SO_ERROR), ECONNRESET);
	assert_int_equal(get_option(g, fds[0], SOL_SOCKET, SO_ERROR), 0);
	assert_int_equal(recv_some(g, fds[0], buf, sizeof buf), 0);
	rig_shut(g, fds[0]);
	rig_close(g);
}

static void the_first_write_to_a_closed_peer_goes_and_the_next_is_broken(void **state)
{
	struct rig *g = open_world(&rig, 0);

	(void)state;
	for (size_t i = 0; i < COUNT(places); i++) {
		int fds[2];

		connect_both(g, places[i], fds);
		rig_shut(g, fds[1]);
		if (!is_unix(places[i]))
			assert_int_equal(send_some(g, fds[0], "x", 1), 1);
		assert_int_equal(send_some(g, fds[0], "x", 1), -EPIPE);
		rig_shut(g, fds[0]);
	}
	rig_close(g);
}

static void who_waits_is_woken_by_the_peers_close(void **state)
{
	struct rig *g = open_world(&rig, 0);
	static char block[1 << 20];
	struct rig_op r, w;
	char buf[8];

	(void)state;
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
	rig_close(g);
}

/* --- bytes --- */

static void a_peek_takes_nothing(void **state)
{
	struct rig *g = open_world(&rig, 0);
	char buf[8];

	(void)state;
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
	rig_close(g);
}

static void messages_are_gathered_and_scattered(void **state)
{
	struct rig *g = open_world(&rig, 0);
	char a[3], b[1], c[9];
	struct iovec out[] = { { "ab", 2 }, { NULL, 0 }, { "cdef", 4 } };
	struct iovec in[] = { { a, 3 }, { b, 0 }, { b, 1 }, { c, 9 } };
	struct msghdr to = { .msg_iov = out, .msg_iovlen = 3 };
	struct msghdr from = { .msg_iov = in, .msg_iovlen = 4 };
	struct rig_op o;
	int fds[2];

	(void)state;
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
	rig_close(g);
}

/* Whatever the seed does to it; more than both buffers hold. */
static void bytes_come_in_order_and_whole(void **state)
{
	enum { ALL = 1000000 };
	static unsigned char out[ALL], in[ALL];

	(void)state;
	for (size_t i = 0; i < ALL; i++)
		out[i] = (unsigned char)(i * 7 + i / 251);
	for (uint64_t seed = 0; seed < 4; seed++) {
		struct rig *g = open_world(&rig, seed);
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

static void a_pair_is_two_that_have_met(void **state)
{
	struct rig *g = open_world(&rig, 0);
	int fds[2];

	(void)state;
	assert_int_equal(net(g)->pair(g->r, AF_INET, SOCK_STREAM, fds), -EOPNOTSUPP);
	assert_int_equal(net(g)->pair(g->r, AF_UNIX, SOCK_STREAM, fds), 0);
	rig_put(g, fds[0], "there");
	rig_expect(g, fds[1], "there");
	rig_put(g, fds[1], "back");
	rig_expect(g, fds[0], "back");
	assert_string_equal(name_of(g, fds[0], true), "unnamed");
	shut_both(g, fds);
	rig_close(g);
}

/* --- descriptors on their way --- */

union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(3 * sizeof(int))];
};

static int32_t send_with(struct rig *g, int to, const char *text, const int *fds, uint32_t n)
{
	struct iovec v = { (void *)(uintptr_t)text, strlen(text) };
	union control c = { .bytes = { 0 } };
	struct msghdr hdr = {
		.msg_iov = &v,
		.msg_iovlen = 1,
		.msg_control = n ? c.bytes : NULL,
		.msg_controllen = n ? CMSG_SPACE(n * sizeof *fds) : 0,
	};
	struct rig_op o;

	if (n) {
		*CMSG_FIRSTHDR(&hdr) = (struct cmsghdr){
			.cmsg_len = CMSG_LEN(n * sizeof *fds),
			.cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS,
		};
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&hdr)), fds, n * sizeof *fds);
	}
	return rig_finish(g, start_msg(g, &o, AWL__OP_SENDMSG, to, &hdr));
}

/* How many descriptors came with it. */
static uint32_t receive_with(
	struct rig *g, int from, const char *text, int *fds, uint32_t room, int flags)
{
	char buf[64];
	struct iovec v = { buf, sizeof buf };
	union control c;
	struct msghdr hdr = {
		.msg_iov = &v,
		.msg_iovlen = 1,
		.msg_control = c.bytes,
		.msg_controllen = room ? CMSG_SPACE(room * sizeof *fds) : 0,
	};
	struct rig_op o;
	uint32_t n;

	assert_int_equal(
		rig_finish(g, start_msg(g, &o, AWL__OP_RECVMSG, from, &hdr)), strlen(text));
	assert_memory_equal(buf, text, strlen(text));
	assert_int_equal(hdr.msg_flags, flags);
	if (hdr.msg_controllen == 0)
		return 0;
	assert_int_equal(CMSG_FIRSTHDR(&hdr)->cmsg_type, SCM_RIGHTS);
	n = (uint32_t)((CMSG_FIRSTHDR(&hdr)->cmsg_len - CMSG_LEN(0)) / sizeof *fds);
	memcpy(fds, CMSG_DATA(CMSG_FIRSTHDR(&hdr)), n * sizeof *fds);
	return n;
}

static void a_descriptor_sent_is_the_same_file_at_the_other_end(void **state)
{
	struct rig *g = open_world(&rig, 0);

	(void)state;
	for (int type = SOCK_STREAM; type <= SOCK_DGRAM; type++) {
		int fds[2], cargo[2], got[3];
		char buf[4];

		assert_int_equal(net(g)->pair(g->r, AF_UNIX, type, fds), 0);
		rig_pair(g, RIG_PIPE, cargo);
		assert_int_equal(send_with(g, fds[0], "plain", NULL, 0), 5);
		assert_int_equal(send_with(g, fds[0], "here", &cargo[1], 1), 4);
		assert_int_equal(send_with(g, fds[0], "after", NULL, 0), 5);
		rig_shut(g, cargo[1]); /* on its way it is open all the same */
		if (type == SOCK_DGRAM) {
			assert_int_equal(receive_with(g, fds[1], "plain", got, 3, 0), 0);
			assert_int_equal(receive_with(g, fds[1], "here", got, 3, 0), 1);
		} else { /* the kernel's way, too */
			assert_int_equal(receive_with(g, fds[1], "plainhere", got, 3, 0), 1);
		}
		assert_int_equal(receive_with(g, fds[1], "after", got, 3, 0), 0);
		rig_put(g, got[0], "x");
		rig_expect(g, cargo[0], "x");
		rig_shut(g, got[0]);
		assert_int_equal(recv_some(g, cargo[0], buf, sizeof buf), -ENOTSOCK);
		rig_read(g, &(struct rig_op){ 0 }, cargo[0], buf, sizeof buf);
		assert_int_equal(poll_now(g, cargo[0], POLLIN), POLLHUP);
		rig_shut(g, cargo[0]);
		shut_both(g, fds);
	}
	rig_close(g);
}

static void a_descriptor_that_nobody_takes_is_closed(void **state)
{
	struct rig *g = open_world(&rig, 0);

	(void)state;
	for (int how = 0; how < 4; how++) {
		int fds[2], cargo[2], got[3], both[2];

		assert_int_equal(net(g)->pair(g->r, AF_UNIX, SOCK_STREAM, fds), 0);
		rig_pair(g, RIG_PIPE, cargo);
		both[0] = both[1] = cargo[1];
		assert_int_equal(send_with(g, fds[0], "here", both, 2), 4);
		rig_shut(g, cargo[1]);
		switch (how) {
		case 0: /* read as plain bytes */
			rig_expect(g, fds[1], "here");
			break;
		case 1: /* no room for it */
			assert_int_equal(receive_with(g, fds[1], "here", got, 0, MSG_CTRUNC), 0);
			break;
		case 2: /* room for one */
			assert_int_equal(receive_with(g, fds[1], "here", got, 1, 0), 2);
			rig_shut(g, got[1]);
			rig_shut(g, got[0]);
			break;
		default: /* never received */
			break;
		}
		if (how < 3)
			assert_int_equal(poll_now(g, cargo[0], POLLIN), POLLHUP);
		shut_both(g, fds);
		assert_int_equal(poll_now(g, cargo[0], POLLIN), POLLHUP);
		rig_shut(g, cargo[0]);
	}
	rig_close(g);
}

static void a_descriptor_behind_a_full_buffer_keeps_its_place(void **state)
{
	static char block[4000];
	struct rig *g = open_world(&rig, 0);
	int fds[2], cargo[2], got[3];
	int32_t left = 0;

	(void)state;
	assert_int_equal(net(g)->pair(g->r, AF_UNIX, SOCK_STREAM, fds), 0);
	assert_int_equal(set_option(g, fds[1], SOL_SOCKET, SO_RCVBUF, 2000), 0);
	rig_pair(g, RIG_PIPE, cargo);
	for (; left < 3 * (int32_t)sizeof block; left += (int32_t)sizeof block)
		assert_int_equal(send_some(g, fds[0], block, sizeof block), sizeof block);
	assert_int_equal(send_with(g, fds[0], "here", &cargo[1], 1), 4);
	assert_int_equal(send_with(g, fds[0], "after", NULL, 0), 5);
	rig_shut(g, cargo[1]);
	while (left > 0) {
		int32_t n = recv_some(g, fds[1], block, (uint32_t)left);

		assert_true(n > 0);
		left -= n;
	}
	assert_int_equal(receive_with(g, fds[1], "here", got, 3, 0), 1);
	assert_int_equal(receive_with(g, fds[1], "after", got + 1, 2, 0), 0);
	assert_int_equal(poll_now(g, cargo[0], POLLIN), -EAGAIN);
	rig_shut(g, got[0]);
	assert_int_equal(poll_now(g, cargo[0], POLLIN), POLLHUP);
	rig_shut(g, cargo[0]);
	shut_both(g, fds);
	rig_close(g);
}

static void what_is_no_descriptor_is_not_sent(void **state)
{
	struct rig *g = open_world(&rig, 0);
	int fds[2], wrong[] = { 0, 1 << 30 };

	(void)state;
	assert_int_equal(net(g)->pair(g->r, AF_UNIX, SOCK_STREAM, fds), 0);
	wrong[1] = fds[0];
	assert_int_equal(send_with(g, fds[0], "here", wrong, 2), -EBADF);
	assert_int_equal(poll_now(g, fds[1], POLLIN), -EAGAIN);
	assert_int_equal(send_with(g, fds[0], "in a circle", fds, 2), 11);
	shut_both(g, fds); /* nobody can close these any more but the world's end */
	rig_close(g);
}

/* --- options, owners, numbers --- */

static void options_are_kept_as_the_kernel_keeps_them(void **state)
{
	static const int kept[][2] = {
		{ SOL_SOCKET, SO_REUSEADDR },
		{ SOL_SOCKET, SO_REUSEPORT },
		{ SOL_SOCKET, SO_KEEPALIVE },
		{ IPPROTO_TCP, TCP_NODELAY },
		{ IPPROTO_IPV6, IPV6_V6ONLY },
	};
	struct rig *g = open_world(&rig, 0);
	int fd = new_socket(g, "[::1]:1", SOCK_STREAM), both[2];
	socklen_t len = sizeof(struct ucred);
	struct ucred who;

	(void)state;
	for (size_t i = 0; i < COUNT(kept); i++) {
		assert_int_equal(get_option(g, fd, kept[i][0], kept[i][1]), 0);
		assert_int_equal(set_option(g, fd, kept[i][0], kept[i][1], 1), 0);
		assert_int_equal(get_option(g, fd, kept[i][0], kept[i][1]), 1);
	}
	assert_int_equal(set_option(g, fd, SOL_SOCKET, SO_SNDBUF, 10000), 0);
	assert_int_equal(get_option(g, fd, SOL_SOCKET, SO_SNDBUF), 20000);
	assert_int_equal(get_option(g, fd, SOL_SOCKET, SO_TYPE), SOCK_STREAM);
	assert_int_equal(get_option(g, fd, SOL_SOCKET, SO_DOMAIN), AF_INET6);
	assert_int_equal(get_option(g, fd, SOL_SOCKET, SO_PROTOCOL), IPPROTO_TCP);
	assert_int_equal(set_option(g, fd, SOL_SOCKET, 9999, 1), -ENOPROTOOPT);
	assert_int_equal(set_option(g, fd, IPPROTO_UDP, 1, 1), -ENOPROTOOPT);
	rig_shut(g, fd);
	fd = new_socket(g, "/x", SOCK_STREAM);
	assert_int_equal(net(g)->getopt(g->r, fd, SOL_SOCKET, SO_PEERCRED, &who, &len), 0);
	assert_true(who.uid == (uid_t)-1);
	assert_int_equal(set_option(g, fd, IPPROTO_TCP, TCP_NODELAY, 1), -EOPNOTSUPP);
	rig_shut(g, fd);
	connect_both(g, "/run/socket", both);
	assert_int_equal(net(g)->getopt(g->r, both[0], SOL_SOCKET, SO_PEERCRED, &who, &len), 0);
	assert_int_equal(who.uid, getuid());
	assert_int_equal(who.pid, getpid());
	shut_both(g, both);
	rig_close(g);
}

static void what_is_no_socket_says_so(void **state)
{
	struct rig *g = open_world(&rig, 0);
	int fds[2];

	(void)state;
	rig_pair(g, RIG_PIPE, fds);
	assert_int_equal(net(g)->listen(g->r, fds[0], 1), -ENOTSOCK);
	assert_int_equal(net(g)->listen(g->r, INT32_MAX, 1), -EBADF);
	assert_int_equal(accept_one(g, fds[0]), -ENOTSOCK);
	assert_int_equal(send_some(g, fds[1], "x", 1), -ENOTSOCK);
	shut_both(g, fds);
	assert_int_equal(net(g)->socket(g->r, AF_UNSPEC, SOCK_STREAM, 0), -EAFNOSUPPORT);
	assert_int_equal(net(g)->socket(g->r, AF_INET, SOCK_RAW, 0), -ESOCKTNOSUPPORT);
	rig_close(g);
}

static void a_number_has_one_owner(void **state)
{
	struct rig *g = open_world(&rig, 0);
	int fd = new_socket(g, "/x", SOCK_STREAM);

	(void)state;
	assert_false(awl__reactor_owned(g->r, fd));
	assert_int_equal(awl__reactor_own(g->r, fd), 0);
	assert_true(awl__reactor_owned(g->r, fd));
	assert_int_equal(awl__reactor_own(g->r, fd), -EBUSY);
	awl__reactor_disown(g->r, fd);
	assert_false(awl__reactor_owned(g->r, fd));
	rig_shut(g, fd);
	assert_int_equal(awl__reactor_own(g->r, fd), -EBADF);
	assert_int_equal(new_socket(g, "/x", SOCK_STREAM), fd);
	assert_false(awl__reactor_owned(g->r, fd));
	rig_shut(g, fd);
	rig_close(g);
}

static void sockets_go_with_their_world(void **state)
{
	struct rig *g = open_world(&rig, 0);
	int l = new_listener(g, "127.0.0.1:80"), fds[2], pair[2];

	(void)state;
	new_client(g, "127.0.0.1:80");
	connect_both(g, "/x", fds);
	rig_put(g, fds[0], "unread");
	assert_int_equal(net(g)->pair(g->r, AF_UNIX, SOCK_DGRAM, pair), 0);
	assert_int_equal(send_with(g, pair[0], "x", &l, 1), 1);
	rig_close(g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_meet_and_each_is_told_the_others_name),
		cmocka_unit_test(an_accept_waits_for_who_comes),
		cmocka_unit_test(nobody_there_is_told_as_the_kernel_tells_it),
		cmocka_unit_test(a_name_is_one_sockets_at_a_time),
		cmocka_unit_test(who_asks_for_port_0_is_told_which_it_got),
		cmocka_unit_test(a_dual_listener_takes_both_families_and_v6only_one),
		cmocka_unit_test(listeners_that_share_a_port_have_turns),
		cmocka_unit_test(a_full_backlog_keeps_the_next_out),
		cmocka_unit_test(who_is_in_a_backlog_that_closes_is_reset),
		cmocka_unit_test(a_second_connect_is_refused_and_a_listener_connects_nowhere),
		cmocka_unit_test(the_end_comes_after_the_bytes_before_it),
		cmocka_unit_test(who_reads_no_more_gets_the_end),
		cmocka_unit_test(closing_over_unread_bytes_is_a_reset),
		cmocka_unit_test(a_linger_of_nothing_is_a_reset),
		cmocka_unit_test(so_error_tells_a_reset_once),
		cmocka_unit_test(the_first_write_to_a_closed_peer_goes_and_the_next_is_broken),
		cmocka_unit_test(who_waits_is_woken_by_the_peers_close),
		cmocka_unit_test(a_peek_takes_nothing),
		cmocka_unit_test(messages_are_gathered_and_scattered),
		cmocka_unit_test(bytes_come_in_order_and_whole),
		cmocka_unit_test(a_pair_is_two_that_have_met),
		cmocka_unit_test(a_descriptor_sent_is_the_same_file_at_the_other_end),
		cmocka_unit_test(a_descriptor_that_nobody_takes_is_closed),
		cmocka_unit_test(a_descriptor_behind_a_full_buffer_keeps_its_place),
		cmocka_unit_test(what_is_no_descriptor_is_not_sent),
		cmocka_unit_test(options_are_kept_as_the_kernel_keeps_them),
		cmocka_unit_test(what_is_no_socket_says_so),
		cmocka_unit_test(a_number_has_one_owner),
		cmocka_unit_test(sockets_go_with_their_world),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
