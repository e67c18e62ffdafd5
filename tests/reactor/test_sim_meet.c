/* SPDX-License-Identifier: MIT */
/*
 * test_sim_meet.c - stream sockets of sim's network meet as the kernel's do: by name, by port, in a
 * backlog; and who finds nobody is told so. @valgrind
 */
#include "reactor/sim_net.h"

static void two_meet_and_each_is_told_the_others_name(void **state)
{
	struct rig *g = *state;

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
}

static void an_accept_waits_for_who_comes(void **state)
{
	struct rig *g = *state;

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
}

static void nobody_there_is_told_as_the_kernel_tells_it(void **state)
{
	struct rig *g = *state;
	int fd, other;

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
}

static void a_name_is_one_sockets_at_a_time(void **state)
{
	struct rig *g = *state;

	for (size_t i = 0; i < COUNT(places); i++) {
		int l = new_listener(g, places[i]);
		int fd = new_socket(g, places[i], SOCK_STREAM);

		assert_int_equal(bind_to(g, fd, places[i]), -EADDRINUSE);
		assert_int_equal(bind_to(g, l, places[i]), -EINVAL);
		rig_shut(g, l);
		assert_int_equal(bind_to(g, fd, places[i]), 0);
		rig_shut(g, fd);
	}
}

static void who_asks_for_port_0_is_told_which_it_got(void **state)
{
	struct rig *g = *state;
	int fds[50];

	for (size_t i = 0; i < COUNT(fds); i++) {
		fds[i] = new_listener(g, i & 1 ? "127.0.0.1:0" : "[::]:0");
		assert_true(port_of(g, fds[i]) >= 32768);
		for (size_t before = 0; before < i; before++)
			assert_int_not_equal(port_of(g, fds[i]), port_of(g, fds[before]));
	}
	for (size_t i = 0; i < COUNT(fds); i++)
		rig_shut(g, fds[i]);
}

static void a_dual_listener_takes_both_families_and_v6only_one(void **state)
{
	struct rig *g = *state;
	int l = new_listener(g, "[::]:80"), c, k, v4;

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
}

static void listeners_that_share_a_port_have_turns(void **state)
{
	struct rig *g = *state;
	int l[2], clients[10], got[2] = { 0 };

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
}

/* TCP knocks again after a second; a local socket is told at once. */
static void a_full_backlog_keeps_the_next_out(void **state)
{
	struct rig *g = *state;

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
}

static void who_is_in_a_backlog_that_closes_is_reset(void **state)
{
	struct rig *g = *state;
	char buf[4];

	for (size_t i = 0; i < COUNT(places); i++) {
		int l = new_listener(g, places[i]), c = new_client(g, places[i]);

		rig_put(g, c, "x");
		rig_shut(g, l);
		assert_int_equal(recv_some(g, c, buf, sizeof buf), -ECONNRESET);
		assert_int_equal(recv_some(g, c, buf, sizeof buf), 0);
		assert_int_equal(send_some(g, c, "x", 1), -EPIPE);
		rig_shut(g, c);
	}
}

static void a_second_connect_is_refused_and_a_listener_connects_nowhere(void **state)
{
	struct rig *g = *state;
	int l = new_listener(g, "127.0.0.1:80"), c = new_client(g, "127.0.0.1:80");
	char buf[4];

	assert_int_equal(connect_to(g, c, "127.0.0.1:80"), -EISCONN);
	assert_int_equal(connect_to(g, l, "127.0.0.1:80"), -EISCONN);
	assert_int_equal(accept_one(g, c), -EINVAL);
	assert_int_equal(recv_some(g, l, buf, sizeof buf), -ENOTCONN);
	assert_int_equal(send_some(g, l, "x", 1), -EPIPE);
	assert_int_equal(get_option(g, l, SOL_SOCKET, SO_ACCEPTCONN), 1);
	assert_int_equal(get_option(g, c, SOL_SOCKET, SO_ACCEPTCONN), 0);
	rig_shut(g, c);
	rig_shut(g, l);
}

static void a_pair_is_two_that_have_met(void **state)
{
	struct rig *g = *state;
	int fds[2];

	assert_int_equal(net(g)->pair(g->r, AF_INET, SOCK_STREAM, fds), -EOPNOTSUPP);
	assert_int_equal(net(g)->pair(g->r, AF_UNIX, SOCK_STREAM, fds), 0);
	rig_put(g, fds[0], "there");
	rig_expect(g, fds[1], "there");
	rig_put(g, fds[1], "back");
	rig_expect(g, fds[0], "back");
	assert_string_equal(name_of(g, fds[0], true), "unnamed");
	shut_both(g, fds);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_WORLD(two_meet_and_each_is_told_the_others_name),
		IN_WORLD(an_accept_waits_for_who_comes),
		IN_WORLD(nobody_there_is_told_as_the_kernel_tells_it),
		IN_WORLD(a_name_is_one_sockets_at_a_time),
		IN_WORLD(who_asks_for_port_0_is_told_which_it_got),
		IN_WORLD(a_dual_listener_takes_both_families_and_v6only_one),
		IN_WORLD(listeners_that_share_a_port_have_turns),
		IN_WORLD(a_full_backlog_keeps_the_next_out),
		IN_WORLD(who_is_in_a_backlog_that_closes_is_reset),
		IN_WORLD(a_second_connect_is_refused_and_a_listener_connects_nowhere),
		IN_WORLD(a_pair_is_two_that_have_met),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
