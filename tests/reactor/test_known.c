/* SPDX-License-Identifier: MIT */
/*
 * test_known.c - what a reactor believes of a descriptor is never less than the truth: nothing
 * waits for what is there already, and nothing blocks for what is not. @reactors @thread @valgrind
 */
#include "reactor/socket.h"

#include <fcntl.h>
#include <unistd.h>

/* Closed under a read, which stays; the number's next file is none of its business. */
static void what_waits_for_the_old_file_is_in_nobodys_way(struct rig *g)
{
	struct rig_op old, r;
	struct link l;
	char unused[8], buf[8];
	int fds[2];

	rig_pair(g, RIG_PIPE, fds);
	rig_read(g, &old, fds[0], unused, sizeof unused);
	rig_settle(g);
	rig_shut(g, fds[0]);
	link_open(g, &l, LINK_LOCAL, true);
	assert_int_equal(l.fds[0], fds[0]);
	for (int i = 0; i < 3; i++) {
		net_recv(g, &r, l.fds[0], buf, 1, 0);
		rig_settle(g);
		if (i == 0)
			assert_int_equal(send(l.fds[1], "abc", 3, 0), 3);
		rig_settle(g);
		assert_int_equal(r.completions, 1);
		assert_int_equal(buf[0], "abc"[i]);
	}
	assert_int_equal(old.completions, 0);
	awl__reactor_cancel(g->r, &old.op);
	assert_int_equal(rig_finish(g, &old), -ECANCELED);
	rig_shut(g, fds[1]);
	link_close(g, &l);
}

/* A poll for bytes does not take the news of the urgent one, and who asks for it need not wait. */
static void an_urgent_byte_is_told_to_who_asks_for_it(struct rig *g)
{
	struct rig_op p, r;
	struct link l;
	char c;

	for (int owned = 0; owned < 2; owned++) {
		link_open(g, &l, LINK_TCP, owned);
		rig_poll(g, &p, l.fds[0], POLLIN);
		rig_settle(g);
		assert_int_equal(send(l.fds[1], "a!", 2, MSG_OOB), 2);
		for (int i = 0; i < 3; i++) {
			assert_true(rig_finish(g, &p) & POLLIN);
			rig_poll(g, &p, l.fds[0], POLLIN);
		}
		rig_finish(g, &p);
		rig_poll(g, &p, l.fds[0], POLLPRI);
		rig_settle(g);
		assert_int_equal(p.completions, 1);
		assert_int_equal(p.op.res, POLLPRI);
		net_recv(g, &r, l.fds[0], &c, 1, MSG_OOB);
		rig_settle(g);
		assert_int_equal(r.completions, 1);
		assert_int_equal(r.op.res, 1);
		assert_int_equal(c, '!');
		link_close(g, &l);
	}
}

/* A datagram that nobody took: its error, and what the queue of errors has beside it. */
static void the_queue_of_errors_is_read_though_there_are_no_bytes(struct rig *g)
{
	static const int on = 1;
	struct sockaddr_in at;
	struct rig_op r, q;
	char buf[8], got[8];
	struct iovec part = { got, sizeof got };
	struct msghdr m = { .msg_iov = &part, .msg_iovlen = 1 };

	net_shut(g, net_listener(g, &at));
	for (int owned = 0; owned < 2; owned++) {
		int fd = net_socket(g, AF_INET, SOCK_DGRAM);

		assert_int_equal(setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof on), 0);
		assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
		if (owned)
			assert_int_equal(awl__reactor_own(g->r, fd), 0);
		net_recv(g, &r, fd, buf, sizeof buf, 0);
		rig_settle(g);
		assert_int_equal(send(fd, "lost", 4, 0), 4);
		assert_int_equal(rig_finish(g, &r), -ECONNREFUSED);
		net_recv(g, &r, fd, buf, sizeof buf, 0);
		rig_settle(g);
		awl__reactor_cancel(g->r, &r.op);
		assert_int_equal(rig_finish(g, &r), -ECANCELED);
		net_recvmsg(g, &q, fd, &m, MSG_ERRQUEUE);
		rig_settle(g);
		assert_int_equal(q.completions, 1);
		assert_int_equal(q.op.res, 4);
		assert_memory_equal(got, "lost", 4);
		if (owned)
			awl__reactor_disown(g->r, fd);
		net_shut(g, fd);
	}
}

/* Two accepts and one connection: the second waits, and not in accept4. */
static void a_blocking_listener_does_not_block_the_loop(struct rig *g)
{
	struct sockaddr_in at;
	int listener = net_listener(g, &at), client = net_socket(g, AF_INET, SOCK_STREAM);
	struct rig_op a[2], c;
	int won;

	assert_int_equal(fcntl(listener, F_SETFL, fcntl(listener, F_GETFL) & ~O_NONBLOCK), 0);
	c.op = (struct awl__op){ .kind = AWL__OP_ACCEPT, .fd = listener };
	assert_int_equal(awl__reactor_try(g->r, &c.op), -EAGAIN);
	for (int i = 0; i < 2; i++)
		net_accept(g, &a[i], listener);
	rig_settle(g);
	net_connect(g, &c, client, &at, sizeof at);
	assert_int_equal(rig_finish(g, &c), 0);
	rig_settle(g);
	assert_int_equal(a[0].completions + a[1].completions, 1);
	won = a[1].completions; /* io_uring answers who came last */
	assert_true(a[won].op.res >= 0);
	awl__reactor_cancel(g->r, &a[!won].op);
	assert_int_equal(rig_finish(g, &a[!won]), -ECANCELED);
	net_shut(g, a[won].op.res);
	net_shut(g, client);
	net_shut(g, listener);
}

static const struct rig_body bodies[] = {
	KERNEL_BODY(what_waits_for_the_old_file_is_in_nobodys_way),
	KERNEL_BODY(an_urgent_byte_is_told_to_who_asks_for_it),
	KERNEL_BODY(the_queue_of_errors_is_read_though_there_are_no_bytes),
	KERNEL_BODY(a_blocking_listener_does_not_block_the_loop),
};

int main(void)
{
	return rig_main(bodies, COUNT(bodies));
}
