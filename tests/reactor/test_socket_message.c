/* SPDX-License-Identifier: MIT */
/*
 * test_socket_message.c - messages through the sockets of every reactor: datagrams keep their
 * borders, descriptors arrive, and what interrupts a stream is not its end. @reactors @thread
 * @valgrind
 */
#include "reactor/socket.h"

#include <fcntl.h>
#include <unistd.h>

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

	for (int owned = 0; owned < 2; owned++) {
		link_open(g, &l, LINK_LOCAL, owned);
		net_recv(g, &r, l.fds[0], buf, 1, 0);
		rig_settle(g);
		send_fd(l.fds[1], l.fds[1], "abc");
		send_fd(l.fds[1], l.fds[1], "def");
		assert_int_equal(send(l.fds[1], "ghi", 3, 0), 3);
		net_gather(g, &r, l.fds[0], buf, 9);
		assert_memory_equal(buf, "abcdefghi", 9);
		link_close(g, &l);
	}
}

static void an_urgent_byte_does_not_hide_the_rest(struct rig *g)
{
	struct rig_op r;
	struct link l;
	char buf[64];

	for (int owned = 0; owned < 2; owned++) {
		link_open(g, &l, LINK_TCP, owned);
		net_recv(g, &r, l.fds[0], buf, 1, 0);
		rig_settle(g);
		assert_int_equal(send(l.fds[1], "abc", 3, 0), 3);
		assert_int_equal(send(l.fds[1], "!", 1, MSG_OOB), 1);
		assert_int_equal(send(l.fds[1], "def", 3, 0), 3);
		net_gather(g, &r, l.fds[0], buf, 6);
		assert_memory_equal(buf, "abcdef", 6);
		link_close(g, &l);
	}
}

static const struct rig_body bodies[] = {
	BODY(datagrams_keep_their_borders_and_their_senders),
	KERNEL_BODY(a_message_brings_a_descriptor),
	KERNEL_BODY(a_border_in_a_stream_is_not_its_end),
	KERNEL_BODY(an_urgent_byte_does_not_hide_the_rest),
};

int main(void)
{
	return rig_main(bodies, COUNT(bodies));
}
