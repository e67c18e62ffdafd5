/* SPDX-License-Identifier: MIT */
/*
 * @reactors @valgrind @thread
 * test_socket_transfer.c - bytes and datagrams through lent sockets: all of them, or how many; each
 * in its turn.
 */
#include "net/sockets.h"

#define MANY (8 << 20)

static unsigned char byte_at(size_t i)
{
	return (unsigned char)(i * 7 + i / 256);
}

static unsigned char many[MANY];

struct flow {
	int fd;
	size_t len, done;
};

static int send_many(void *arg)
{
	struct flow *f = arg;

	return awl_sock_sendall(f->fd, many, f->len, 0, &f->done);
}

/* More than there is room for; it waits, and fds[1] is where it comes out. */
static awl_task *flowing(struct flow *f, int fds[2])
{
	awl_task *t;

	*f = (struct flow){ .len = is_sim(here()) ? 1 << 20 : MANY };
	for (size_t i = 0; i < f->len; i++)
		many[i] = byte_at(i);
	tcp_pair(fds);
	f->fd = fds[0];
	t = spawn(send_many, f);
	settle();
	assert_int_equal(awl_done(t), 0);
	return t;
}

/* Up to `most` bytes, or the end of the stream: how many, each in its place. */
static size_t drain(int fd, size_t most)
{
	static unsigned char buf[1 << 16];
	size_t got = 0;
	int n = 1;

	while (got < most && (n = awl_sock_recv(fd, buf, sizeof buf, 0)) > 0)
		for (int i = 0; i < n; i++)
			assert_int_equal(buf[i], byte_at(got++));
	assert_true(n >= 0);
	return got;
}

static int send_all(void *arg)
{
	struct flow f;
	int fds[2];
	awl_task *t = flowing(&f, fds);

	assert_int_equal(drain(fds[1], f.len), f.len);
	assert_int_equal(outcome(t), 0);
	assert_int_equal(f.done, f.len);
	close_both(fds);
	return 0;
}

static void sendall_waits_until_all_of_it_is_taken(void **state)
{
	in_loop(send_all, NULL);
}

static int send_all_until_cancelled(void *arg)
{
	struct flow f;
	int fds[2];
	awl_task *t = flowing(&f, fds);

	settle();
	assert_int_equal(awl_cancel(t, NULL), 1);
	assert_int_equal(outcome(t), AWL_EFUTURECANCELED);
	assert_in_range(f.done, 1, f.len - 1);
	/* What it counted is what comes out, and a second one goes on from there. */
	assert_int_equal(awl_sock_shutdown(fds[0], SHUT_WR), 0);
	assert_int_equal(drain(fds[1], SIZE_MAX), f.done);
	close_both(fds);
	return 0;
}

static void a_cancelled_sendall_says_how_far_it_came(void **state)
{
	with_seeds(send_all_until_cancelled, NULL);
}

static int send_all_to_nobody(void *arg)
{
	struct flow f;
	int fds[2];
	awl_task *t = flowing(&f, fds);

	reset(fds[1]);
	assert_int_equal(outcome(t), -ECONNRESET);
	assert_in_range(f.done, 1, f.len - 1);
	assert_int_equal(awl_sock_send(fds[0], "x", 1, 0), -EPIPE);
	return awl_sock_close(fds[0]);
}

static void a_reset_ends_a_sendall_without_a_signal(void **state)
{
	in_loop(send_all_to_nobody, NULL);
}

static int datagrams(void *arg)
{
	struct sockaddr_in at[2], from;
	socklen_t len = sizeof from;
	int fds[2];
	char buf[64];
	struct iovec part = { buf, 4 };
	struct msghdr hdr = { .msg_iov = &part, .msg_iovlen = 1 };

	udp_sockets(fds, at);
	assert_int_equal(awl_sock_sendto(fds[0], "first", 5, 0, ADDRESS(at[1]), sizeof *at), 5);
	assert_int_equal(awl_sock_sendto(fds[0], "second", 6, 0, ADDRESS(at[1]), sizeof *at), 6);
	assert_int_equal(awl_sock_recvfrom(fds[1], buf, sizeof buf, 0, ADDRESS(from), &len), 5);
	assert_int_equal(from.sin_port, at[0].sin_port);
	/* The rest of a datagram is gone, and that is told. */
	assert_int_equal(awl_sock_recvmsg(fds[1], &hdr, 0), 4);
	assert_true(hdr.msg_flags & MSG_TRUNC);
	hdr.msg_name = &at[1];
	hdr.msg_namelen = sizeof at[1];
	assert_int_equal(awl_sock_sendmsg(fds[0], &hdr, 0), 4);
	hdr.msg_name = &from;
	part.iov_len = sizeof buf;
	assert_int_equal(awl_sock_recvmsg(fds[1], &hdr, 0), 4);
	assert_memory_equal(buf, "seco", 4);
	assert_int_equal(from.sin_port, at[0].sin_port);
	close_both(fds);
	return 0;
}

static void datagrams_are_whole_and_say_whence_they_come(void **state)
{
	in_loop(datagrams, NULL);
}

static int without_waiting(void *arg)
{
	struct receiver r = { 0 };
	int fds[2];
	awl_task *t;
	char byte;

	tcp_pair(fds);
	assert_int_equal(awl_sock_recv(fds[0], &byte, 1, MSG_DONTWAIT), -EAGAIN);
	assert_int_equal(awl_sock_send(fds[1], "ab", 2, MSG_DONTWAIT), 2);
	settle();
	assert_int_equal(awl_sock_recv(fds[0], &byte, 1, MSG_PEEK), 1);
	assert_int_equal(awl_sock_recv(fds[0], &byte, 1, MSG_DONTWAIT), 1);
	assert_int_equal(byte, 'a');
	assert_int_equal(awl_sock_recv(fds[0], &byte, 1, 0), 1);
	/* Who waits already was here before. */
	r.fd = fds[0];
	t = spawn(receive, &r);
	assert_int_equal(awl_yield(), 0);
	assert_int_equal(awl_sock_recv(fds[0], &byte, 1, MSG_DONTWAIT), -EAGAIN);
	assert_int_equal(awl_sock_send(fds[1], "c", 1, 0), 1);
	assert_int_equal(outcome(t), 1);
	assert_int_equal(awl_sock_recv(fds[0], &byte, 1, MSG_WAITALL), -EINVAL);
	assert_int_equal(awl_sock_sendall(fds[0], &byte, 1, MSG_DONTWAIT, NULL), -EINVAL);
	close_both(fds);
	return 0;
}

static void dontwait_does_not_wait_and_waitall_is_refused(void **state)
{
	in_loop(without_waiting, NULL);
}

/* --- turns --- */

static int order[4], ended;

static int receive_in_order(void *arg)
{
	struct receiver *r = arg;
	int n = awl_sock_recv(r->fd, r->bytes, 1, 0);

	if (n == 1)
		order[ended++] = r->bytes[0];
	return n;
}

static int receivers_in_line(void *arg)
{
	struct receiver r[4];
	awl_task *t[4];
	int fds[2];

	ended = 0;
	tcp_pair(fds);
	for (int i = 0; i < 4; i++) {
		r[i] = (struct receiver){ .fd = fds[0] };
		t[i] = spawn(receive_in_order, &r[i]);
	}
	settle();
	/* One in the middle leaves, and the others move up. */
	assert_int_equal(awl_cancel(t[1], NULL), 1);
	assert_int_equal(awl_join(t[1]), 0);
	assert_int_equal(awl_sock_sendall(fds[1], "abc", 3, 0, NULL), 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(outcome(t[i]), i == 1 ? AWL_EFUTURECANCELED : 1);
	assert_int_equal(r[0].bytes[0], 'a');
	assert_int_equal(r[2].bytes[0], 'b');
	assert_int_equal(r[3].bytes[0], 'c');
	assert_int_equal(ended, 3);
	/* The first leaves just as its turn would have come to an end. */
	for (int i = 0; i < 2; i++)
		t[i] = spawn(receive_in_order, &r[i]);
	settle();
	assert_int_equal(awl_cancel(t[0], NULL), 1);
	assert_int_equal(awl_sock_sendall(fds[1], "de", 2, 0, NULL), 0);
	assert_int_equal(awl_join(t[0]), 0);
	assert_int_equal(outcome(t[1]), 1);
	assert_int_equal(r[1].bytes[0], awl_cancelled(t[0]) ? 'd' : 'e');
	assert_int_equal(awl_unref(t[0]), 0);
	close_both(fds);
	return 0;
}

static void receivers_have_their_turns_in_the_order_they_came(void **state)
{
	with_seeds(receivers_in_line, NULL);
}

#define BLOCK (1 << 18)

struct sender {
	int fd;
	unsigned char mark;
};

static int send_block(void *arg)
{
	const struct sender *s = arg;
	unsigned char *block = malloc(BLOCK);
	int r;

	memset(block, s->mark, BLOCK);
	r = awl_sock_sendall(s->fd, block, BLOCK, 0, NULL);
	free(block);
	return r;
}

static int senders_in_line(void *arg)
{
	static unsigned char buf[1 << 16];
	struct sender s[3];
	awl_task *t[3];
	int fds[2], n;
	size_t got = 0;

	tcp_pair(fds);
	for (int i = 0; i < 3; i++) {
		s[i] = (struct sender){ fds[0], (unsigned char)('a' + i) };
		t[i] = spawn(send_block, &s[i]);
	}
	while (got < 3 * BLOCK) {
		n = awl_sock_recv(fds[1], buf, sizeof buf, 0);
		assert_true(n > 0);
		for (int i = 0; i < n; i++)
			assert_int_equal(buf[i], 'a' + got++ / BLOCK);
	}
	for (int i = 0; i < 3; i++)
		assert_int_equal(outcome(t[i]), 0);
	close_both(fds);
	return 0;
}

static void what_one_sendall_sends_is_not_mixed_with_anothers(void **state)
{
	in_loop(senders_in_line, NULL);
}

static int echo_both_ways(void *arg)
{
	struct receiver r = { 0 };
	char bytes[3];
	int fds[2];
	awl_task *t;

	tcp_pair(fds);
	r.fd = fds[0];
	t = spawn(receive, &r);
	settle();
	/* Who receives is in nobody's way who sends. */
	assert_int_equal(awl_sock_send(fds[0], "abc", 3, 0), 3);
	assert_int_equal(awl_sock_recv(fds[1], bytes, 3, 0), 3);
	assert_int_equal(awl_sock_send(fds[1], "x", 1, 0), 1);
	assert_int_equal(outcome(t), 1);
	close_both(fds);
	return 0;
}

static void a_receiver_and_a_sender_do_not_wait_for_each_other(void **state)
{
	in_loop(echo_both_ways, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sendall_waits_until_all_of_it_is_taken),
		cmocka_unit_test(a_cancelled_sendall_says_how_far_it_came),
		cmocka_unit_test(a_reset_ends_a_sendall_without_a_signal),
		cmocka_unit_test(datagrams_are_whole_and_say_whence_they_come),
		cmocka_unit_test(dontwait_does_not_wait_and_waitall_is_refused),
		cmocka_unit_test(receivers_have_their_turns_in_the_order_they_came),
		cmocka_unit_test(what_one_sendall_sends_is_not_mixed_with_anothers),
		cmocka_unit_test(a_receiver_and_a_sender_do_not_wait_for_each_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
