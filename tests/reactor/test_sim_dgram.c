/* SPDX-License-Identifier: MIT */
/*
 * test_sim_dgram.c - datagrams of sim's network: whole, with their sender, to one or to many, lost
 * only where the kernel would lose them. @valgrind
 */
#include "reactor/sim_net.h"

static int new_dgram(struct rig *g, const char *words)
{
	int fd = new_socket(g, words, SOCK_DGRAM);

	assert_int_equal(bind_to(g, fd, words), 0);
	return fd;
}

static int32_t send_to(struct rig *g, int fd, const char *to, const void *buf, size_t len)
{
	struct address a = at(to);
	struct iovec v = { (void *)(uintptr_t)buf, len };
	struct msghdr hdr = {
		.msg_name = &a.ss, .msg_namelen = a.len, .msg_iov = &v, .msg_iovlen = 1
	};
	struct rig_op o;

	return rig_finish(g, start_msg(g, &o, AWL__OP_SENDMSG, fd, &hdr));
}

/* What has come, and from whom; the sender's words are in a static buffer. */
static const char *receive(struct rig *g, int fd, char *buf, size_t size, int *flags)
{
	struct address a;
	struct iovec v = { buf, size - 1 };
	struct msghdr hdr = {
		.msg_name = &a.ss, .msg_namelen = sizeof a.ss, .msg_iov = &v, .msg_iovlen = 1
	};
	struct rig_op o;
	int32_t n = rig_finish(g, start_msg(g, &o, AWL__OP_RECVMSG, fd, &hdr));

	assert_true(n >= 0);
	buf[n] = 0;
	if (flags)
		*flags = hdr.msg_flags;
	return words_of(&a.ss, hdr.msg_namelen);
}

static void assert_nothing(struct rig *g, int fd)
{
	assert_int_equal(poll_now(g, fd, POLLIN), -EAGAIN);
}

static void a_datagram_comes_whole_and_with_its_sender(void **state)
{
	static const char *const names[][2] = {
		{ "127.0.0.1:5000", "127.0.0.1:6000" },
		{ "[::1]:5000", "[::1]:6000" },
		{ "/run/a", "/run/b" },
		{ "@a", "@b" },
	};
	struct rig *g = *state;
	char buf[100];

	for (size_t i = 0; i < COUNT(names); i++) {
		int a = new_dgram(g, names[i][0]), b = new_dgram(g, names[i][1]);

		assert_int_equal(send_to(g, a, names[i][1], "one", 3), 3);
		assert_int_equal(send_to(g, a, names[i][1], "", 0), 0);
		assert_int_equal(send_to(g, a, names[i][1], "three", 5), 5);
		assert_string_equal(receive(g, b, buf, sizeof buf, NULL), names[i][0]);
		assert_string_equal(buf, "one");
		assert_string_equal(receive(g, b, buf, sizeof buf, NULL), names[i][0]);
		assert_string_equal(buf, "");
		assert_string_equal(receive(g, b, buf, sizeof buf, NULL), names[i][0]);
		assert_string_equal(buf, "three");
		assert_nothing(g, b);
		rig_shut(g, a);
		rig_shut(g, b);
	}
}

static void a_sender_without_a_name_gets_one(void **state)
{
	struct rig *g = *state;
	int a = new_socket(g, "127.0.0.1:1", SOCK_DGRAM), b = new_dgram(g, "0.0.0.0:6000");
	char buf[100];

	assert_int_equal(send_to(g, a, "127.0.0.1:6000", "x", 1), 1);
	assert_non_null(strstr(receive(g, b, buf, sizeof buf, NULL), "127.0.0.1:"));
	assert_true(port_of(g, a) >= 32768);
	rig_shut(g, a);
	a = new_socket(g, "/x", SOCK_DGRAM);
	rig_shut(g, b);
	b = new_dgram(g, "/run/b");
	assert_int_equal(send_to(g, a, "/run/b", "x", 1), 1);
	assert_string_equal(receive(g, b, buf, sizeof buf, NULL), "unnamed");
	shut_both(g, (int[]){ a, b });
}

static void what_does_not_fit_is_cut_off_and_told(void **state)
{
	struct rig *g = *state;
	int a = new_dgram(g, "127.0.0.1:5000"), b = new_dgram(g, "127.0.0.1:6000"), flags;
	struct rig_op o;
	char buf[5];

	assert_int_equal(send_to(g, a, "127.0.0.1:6000", "truncated", 9), 9);
	assert_int_equal(send_to(g, a, "127.0.0.1:6000", "next", 4), 4);
	receive(g, b, buf, sizeof buf, &flags);
	assert_string_equal(buf, "trun");
	assert_int_equal(flags, MSG_TRUNC);
	receive(g, b, buf, sizeof buf, &flags);
	assert_string_equal(buf, "next");
	assert_int_equal(flags, 0);
	assert_int_equal(send_to(g, a, "127.0.0.1:6000", "how long", 8), 8);
	start_recv(g, &o, b, buf, 1, MSG_TRUNC | MSG_PEEK);
	assert_int_equal(rig_finish(g, &o), 8);
	assert_int_equal(recv_some(g, b, buf, 1), 1);
	assert_nothing(g, b);
	shut_both(g, (int[]){ a, b });
}

static void a_receive_waits_for_its_datagram(void **state)
{
	struct rig *g = *state;
	int a = new_dgram(g, "127.0.0.1:5000"), b = new_dgram(g, "127.0.0.1:6000");
	struct rig_op r;
	char buf[8];

	start_recv(g, &r, b, buf, sizeof buf, 0);
	assert_waits(g, &r);
	assert_int_equal(send_to(g, a, "127.0.0.1:6000", "x", 1), 1);
	assert_int_equal(rig_finish(g, &r), 1);
	start_recv(g, &r, b, buf, sizeof buf, 0);
	take_back(g, &r);
	assert_int_equal(send_to(g, a, "127.0.0.1:6000", "kept", 4), 4);
	assert_int_equal(recv_some(g, b, buf, sizeof buf), 4);
	shut_both(g, (int[]){ a, b });
}

static void what_cannot_be_sent_is_told_as_the_kernel_tells_it(void **state)
{
	static char huge[70000];
	struct rig *g = *state;
	int a = new_dgram(g, "127.0.0.1:5000"), u = new_socket(g, "/x", SOCK_DGRAM);

	assert_int_equal(send_to(g, a, "127.0.0.1:6000", huge, sizeof huge), -EMSGSIZE);
	assert_int_equal(send_some(g, a, "x", 1), -EDESTADDRREQ);
	assert_int_equal(send_to(g, a, "10.0.0.255:6000", "x", 1), -EACCES);
	assert_int_equal(send_to(g, a, "[::1]:6000", "x", 1), -EAFNOSUPPORT);
	assert_int_equal(send_some(g, u, "x", 1), -ENOTCONN);
	assert_int_equal(send_to(g, u, "/nowhere", "x", 1), -ENOENT);
	assert_int_equal(send_to(g, u, "@nowhere", "x", 1), -ECONNREFUSED);
	assert_int_equal(net(g)->listen(g->r, a, 1), -EOPNOTSUPP);
	assert_int_equal(accept_one(g, a), -EOPNOTSUPP);
	shut_both(g, (int[]){ a, u });
}

static void a_connected_one_hears_its_peer_alone_and_learns_that_it_is_not_there(void **state)
{
	struct rig *g = *state;
	int a = new_dgram(g, "127.0.0.1:5000"), b = new_dgram(g, "127.0.0.1:6000");
	int other = new_dgram(g, "127.0.0.1:7000");
	char buf[100];

	assert_int_equal(connect_to(g, a, "127.0.0.1:6000"), 0);
	assert_string_equal(name_of(g, a, true), "127.0.0.1:6000");
	assert_int_equal(send_some(g, a, "x", 1), 1);
	assert_string_equal(receive(g, b, buf, sizeof buf, NULL), "127.0.0.1:5000");
	assert_int_equal(send_to(g, other, "127.0.0.1:5000", "a stranger", 10), 10);
	assert_nothing(g, a);
	assert_int_equal(send_to(g, b, "127.0.0.1:5000", "its peer", 8), 8);
	assert_string_equal(receive(g, a, buf, sizeof buf, NULL), "127.0.0.1:6000");
	rig_shut(g, b);
	assert_int_equal(send_some(g, a, "x", 1), 1);
	assert_int_equal(recv_some(g, a, buf, 1), -ECONNREFUSED);
	assert_int_equal(send_some(g, a, "x", 1), 1);
	assert_int_equal(send_some(g, a, "x", 1), -ECONNREFUSED);
	assert_int_equal(send_to(g, other, "127.0.0.1:6000", "x", 1), 1); /* never told */
	assert_nothing(g, other);
	shut_both(g, (int[]){ a, other });
}

static void what_the_buffer_does_not_hold_is_lost(void **state)
{
	struct rig *g = *state;
	int a = new_dgram(g, "127.0.0.1:5000"), b = new_dgram(g, "127.0.0.1:6000");
	static char block[1000];
	unsigned got = 0;

	assert_int_equal(set_option(g, b, SOL_SOCKET, SO_RCVBUF, 5000), 0);
	for (int i = 0; i < 100; i++)
		assert_int_equal(send_to(g, a, "127.0.0.1:6000", block, sizeof block), 1000);
	for (; poll_now(g, b, POLLIN) == POLLIN; got++)
		assert_int_equal(recv_some(g, b, block, sizeof block), 1000);
	assert_int_equal(got, 10);
	shut_both(g, (int[]){ a, b });
}

static void a_unix_sender_waits_for_room(void **state)
{
	struct rig *g = *state;
	int a = new_dgram(g, "/run/a"), b = new_dgram(g, "/run/b"), sent = 0;
	struct rig_op w;
	char buf[8];

	assert_int_equal(connect_to(g, a, "/run/b"), 0);
	while (start_send(g, &w, a, "x", 1)->completions)
		sent++;
	assert_true(sent > 5);
	assert_waits(g, &w);
	assert_int_equal(poll_now(g, a, POLLOUT), -EAGAIN);
	assert_int_equal(recv_some(g, b, buf, sizeof buf), 1);
	assert_int_equal(rig_finish(g, &w), 1);
	for (; sent > 0; sent--)
		assert_int_equal(recv_some(g, b, buf, sizeof buf), 1);
	assert_nothing(g, b);
	start_send(g, &w, a, "x", 1);
	while (start_send(g, &w, a, "x", 1)->completions)
		;
	rig_shut(g, b); /* its waiter learns it */
	assert_int_equal(rig_finish(g, &w), -ECONNREFUSED);
	rig_shut(g, a);
}

static void a_pair_is_connected_both_ways(void **state)
{
	struct rig *g = *state;
	char buf[8];
	int fds[2];

	assert_int_equal(net(g)->pair(g->r, AF_UNIX, SOCK_DGRAM, fds), 0);
	assert_int_equal(send_some(g, fds[0], "there", 5), 5);
	assert_int_equal(recv_some(g, fds[1], buf, sizeof buf), 5);
	assert_int_equal(send_some(g, fds[1], "back", 4), 4);
	assert_int_equal(recv_some(g, fds[0], buf, sizeof buf), 4);
	rig_shut(g, fds[1]);
	assert_int_equal(send_some(g, fds[0], "x", 1), -ECONNREFUSED);
	rig_shut(g, fds[0]);
}

static void shutting_ends_a_direction(void **state)
{
	struct rig *g = *state;
	int a = new_dgram(g, "127.0.0.1:5000");
	struct rig_op r;
	char buf[8];

	assert_int_equal(net(g)->shutdown(g->r, a, SHUT_RDWR), -ENOTCONN);
	assert_int_equal(connect_to(g, a, "127.0.0.1:6000"), 0);
	start_recv(g, &r, a, buf, sizeof buf, 0);
	assert_int_equal(net(g)->shutdown(g->r, a, SHUT_RDWR), 0);
	assert_int_equal(rig_finish(g, &r), 0);
	assert_int_equal(send_some(g, a, "x", 1), -EPIPE);
	rig_shut(g, a);
}

/* --- to many --- */

static void join(struct rig *g, int fd, const char *group, int how)
{
	struct ip_mreq m = { .imr_interface = { 0 } };

	assert_int_equal(inet_pton(AF_INET, group, &m.imr_multiaddr), 1);
	assert_int_equal(net(g)->setopt(g->r, fd, IPPROTO_IP, how, &m, sizeof m), 0);
}

static void a_groups_members_each_get_it(void **state)
{
	struct rig *g = *state;
	int from = new_socket(g, "10.0.0.1:1", SOCK_DGRAM), k[3];
	struct ipv6_mreq m6 = { .ipv6mr_interface = 0 };
	char buf[100];

	for (int i = 0; i < 3; i++) {
		k[i] = new_socket(g, "0.0.0.0:5353", SOCK_DGRAM);
		assert_int_equal(set_option(g, k[i], SOL_SOCKET, SO_REUSEADDR, 1), 0);
		assert_int_equal(bind_to(g, k[i], "0.0.0.0:5353"), 0);
	}
	join(g, k[0], "224.0.0.251", IP_ADD_MEMBERSHIP);
	join(g, k[1], "224.0.0.251", IP_ADD_MEMBERSHIP);
	join(g, k[2], "224.0.0.252", IP_ADD_MEMBERSHIP);
	assert_int_equal(send_to(g, from, "224.0.0.251:5353", "hello", 5), 5);
	receive(g, k[0], buf, sizeof buf, NULL);
	assert_string_equal(buf, "hello");
	receive(g, k[1], buf, sizeof buf, NULL);
	assert_string_equal(buf, "hello");
	assert_nothing(g, k[2]);
	join(g, k[1], "224.0.0.251", IP_DROP_MEMBERSHIP);
	assert_int_equal(set_option(g, from, IPPROTO_IP, IP_MULTICAST_LOOP, 0), 0);
	assert_int_equal(send_to(g, from, "224.0.0.251:5353", "hello", 5), 5);
	assert_nothing(g, k[0]); /* of the sender's own host */
	assert_nothing(g, k[1]);
	for (int i = 0; i < 3; i++)
		rig_shut(g, k[i]);
	rig_shut(g, from);

	from = new_socket(g, "[::1]:1", SOCK_DGRAM);
	k[0] = new_dgram(g, "[::]:5353");
	assert_int_equal(inet_pton(AF_INET6, "ff02::fb", &m6.ipv6mr_multiaddr), 1);
	assert_int_equal(
		net(g)->setopt(g->r, k[0], IPPROTO_IPV6, IPV6_JOIN_GROUP, &m6, sizeof m6), 0);
	assert_int_equal(send_to(g, from, "[ff02::fb]:5353", "six", 3), 3);
	receive(g, k[0], buf, sizeof buf, NULL);
	assert_string_equal(buf, "six");
	shut_both(g, (int[]){ from, k[0] });
}

static void a_broadcast_is_for_all_who_listen_at_no_address_in_particular(void **state)
{
	struct rig *g = *state;
	int from = new_dgram(g, "10.0.0.1:1"), any = new_dgram(g, "0.0.0.0:67");
	int exact = new_dgram(g, "10.0.0.2:67");
	char buf[100];

	assert_int_equal(send_to(g, from, "255.255.255.255:67", "x", 1), -EACCES);
	assert_int_equal(set_option(g, from, SOL_SOCKET, SO_BROADCAST, 1), 0);
	assert_int_equal(send_to(g, from, "255.255.255.255:67", "to all", 6), 6);
	assert_string_equal(receive(g, any, buf, sizeof buf, NULL), "10.0.0.1:1");
	assert_string_equal(buf, "to all");
	assert_nothing(g, exact);
	shut_both(g, (int[]){ from, any });
	rig_shut(g, exact);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_WORLD(a_datagram_comes_whole_and_with_its_sender),
		IN_WORLD(a_sender_without_a_name_gets_one),
		IN_WORLD(what_does_not_fit_is_cut_off_and_told),
		IN_WORLD(a_receive_waits_for_its_datagram),
		IN_WORLD(what_cannot_be_sent_is_told_as_the_kernel_tells_it),
		IN_WORLD(a_connected_one_hears_its_peer_alone_and_learns_that_it_is_not_there),
		IN_WORLD(what_the_buffer_does_not_hold_is_lost),
		IN_WORLD(a_unix_sender_waits_for_room),
		IN_WORLD(a_pair_is_connected_both_ways),
		IN_WORLD(shutting_ends_a_direction),
		IN_WORLD(a_groups_members_each_get_it),
		IN_WORLD(a_broadcast_is_for_all_who_listen_at_no_address_in_particular),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
