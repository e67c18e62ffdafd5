/* SPDX-License-Identifier: MIT */
/*
 * test_sim_rights.c - descriptors on their way through sim's sockets: each is the same file at the
 * other end, and none is left open that nobody takes. @valgrind
 */
#include "reactor/sim_net.h"

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
	struct rig *g = *state;

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
}

static void a_descriptor_that_nobody_takes_is_closed(void **state)
{
	struct rig *g = *state;

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
}

static void a_descriptor_behind_a_full_buffer_keeps_its_place(void **state)
{
	static char block[4000];
	struct rig *g = *state;
	int fds[2], cargo[2], got[3];
	int32_t left = 0;

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
}

static void what_is_no_descriptor_is_not_sent(void **state)
{
	struct rig *g = *state;
	int fds[2], wrong[] = { 0, 1 << 30 };

	assert_int_equal(net(g)->pair(g->r, AF_UNIX, SOCK_STREAM, fds), 0);
	wrong[1] = fds[0];
	assert_int_equal(send_with(g, fds[0], "here", wrong, 2), -EBADF);
	assert_int_equal(poll_now(g, fds[1], POLLIN), -EAGAIN);
	assert_int_equal(send_with(g, fds[0], "in a circle", fds, 2), 11);
	shut_both(g, fds); /* nobody can close these any more but the world's end */
}

static void sockets_go_with_their_world(void **state)
{
	struct rig *g = *state;
	int l = new_listener(g, "127.0.0.1:80"), fds[2], pair[2];

	new_client(g, "127.0.0.1:80");
	connect_both(g, "/x", fds);
	rig_put(g, fds[0], "unread");
	assert_int_equal(net(g)->pair(g->r, AF_UNIX, SOCK_DGRAM, pair), 0);
	assert_int_equal(send_with(g, pair[0], "x", &l, 1), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_WORLD(a_descriptor_sent_is_the_same_file_at_the_other_end),
		IN_WORLD(a_descriptor_that_nobody_takes_is_closed),
		IN_WORLD(a_descriptor_behind_a_full_buffer_keeps_its_place),
		IN_WORLD(what_is_no_descriptor_is_not_sent),
		IN_WORLD(sockets_go_with_their_world),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
