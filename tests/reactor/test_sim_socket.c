/* SPDX-License-Identifier: MIT */
/*
 * test_sim_socket.c - what a socket of sim's is asked and told: its options, its owner, and what is
 * no socket. @valgrind
 */
#include "reactor/sim_net.h"

static void options_are_kept_as_the_kernel_keeps_them(void **state)
{
	static const int kept[][2] = {
		{ SOL_SOCKET, SO_REUSEADDR },
		{ SOL_SOCKET, SO_REUSEPORT },
		{ SOL_SOCKET, SO_KEEPALIVE },
		{ IPPROTO_TCP, TCP_NODELAY },
		{ IPPROTO_IPV6, IPV6_V6ONLY },
	};
	struct rig *g = *state;
	int fd = new_socket(g, "[::1]:1", SOCK_STREAM), both[2];
	socklen_t len = sizeof(struct ucred);
	struct ucred who;

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
}

static void what_is_no_socket_says_so(void **state)
{
	struct rig *g = *state;
	int fds[2];

	rig_pair(g, RIG_PIPE, fds);
	assert_int_equal(net(g)->listen(g->r, fds[0], 1), -ENOTSOCK);
	assert_int_equal(net(g)->listen(g->r, INT32_MAX, 1), -EBADF);
	assert_int_equal(accept_one(g, fds[0]), -ENOTSOCK);
	assert_int_equal(send_some(g, fds[1], "x", 1), -ENOTSOCK);
	shut_both(g, fds);
	assert_int_equal(net(g)->socket(g->r, AF_UNSPEC, SOCK_STREAM, 0), -EAFNOSUPPORT);
	assert_int_equal(net(g)->socket(g->r, AF_INET, SOCK_RAW, 0), -ESOCKTNOSUPPORT);
}

static void a_number_has_one_owner(void **state)
{
	struct rig *g = *state;
	int fd = new_socket(g, "/x", SOCK_STREAM);

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
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_WORLD(options_are_kept_as_the_kernel_keeps_them),
		IN_WORLD(what_is_no_socket_says_so),
		IN_WORLD(a_number_has_one_owner),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
