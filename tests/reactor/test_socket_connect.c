/* SPDX-License-Identifier: MIT */
/*
 * test_socket_connect.c - connections on every reactor: asked for, accepted or refused, and not one
 * of them lost. @reactors @thread @valgrind
 */
#include "reactor/socket.h"

#include <fcntl.h>
#include <sys/un.h>
#include <unistd.h>

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

static const struct rig_body bodies[] = {
	BODY(a_connection_is_made_and_accepted),
	BODY(a_refused_connection_says_so),
	BODY(a_connected_socket_does_not_connect_again),
	BODY(a_connection_that_polled_before_is_made),
	KERNEL_BODY(a_full_backlog_of_a_local_socket_is_eagain),
};

int main(void)
{
	return rig_main(bodies, COUNT(bodies));
}
