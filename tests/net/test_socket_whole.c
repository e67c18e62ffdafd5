/* SPDX-License-Identifier: MIT */
/*
 * @reactors @valgrind
 * test_socket_whole.c - a message that had to wait is the message that was sent, and what came with
 * it is what came with it: no attempt before leaves a trace.
 */
#include "net/sockets.h"

#define MANY 64

/* --- sending: of a queue that is full ---------------------------------------------------------
 * The kernel looks whether a local receiver has room after it has copied the message.
 */

struct sending {
	int from, to;
	int (*send)(int fd, const void *buf, size_t len);
};

static int by_send(int fd, const void *buf, size_t len)
{
	return awl_sock_send(fd, buf, len, 0);
}

static int by_sendall(int fd, const void *buf, size_t len)
{
	size_t done;
	int r = awl_sock_sendall(fd, buf, len, 0, &done);

	return r < 0 ? r : (int)done;
}

static int by_sendto(int fd, const void *buf, size_t len)
{
	return awl_sock_sendto(fd, buf, len, 0, NULL, 0);
}

static int by_sendmsg(int fd, const void *buf, size_t len)
{
	struct iovec parts[2] = { { (void *)(uintptr_t)buf, 1 },
		{ (char *)(uintptr_t)buf + 1, len - 1 } };
	struct msghdr m = { .msg_iov = parts, .msg_iovlen = 2 };

	return awl_sock_sendmsg(fd, &m, 0);
}

static int by_write(int fd, const void *buf, size_t len)
{
	return awl_fd_write(fd, buf, len);
}

static int send_numbers(void *arg)
{
	const struct sending *s = arg;
	char text[16];

	for (int i = 0; i < MANY; i++) {
		int len = snprintf(text, sizeof text, "number %d", i);

		assert_int_equal(s->send(s->from, text, (size_t)len), len);
	}
	return 0;
}

/* Who receives is slower by far, so nearly each one waits. */
static void expect_numbers(int fd)
{
	char text[16], buf[32];

	for (int i = 0; i < MANY; i++) {
		int len = snprintf(text, sizeof text, "number %d", i);

		settle();
		assert_int_equal(awl_sock_recv(fd, buf, sizeof buf, 0), len);
		assert_memory_equal(buf, text, (size_t)len);
	}
}

static int sent_body(void *arg)
{
	struct sending s = { .send = *(int (**)(int, const void *, size_t))arg };
	socklen_t len;
	struct sockaddr_un at = local_address(&len);
	awl_task *t;

	s.to = awl_socket(AF_UNIX, SOCK_DGRAM, 0);
	s.from = awl_socket(AF_UNIX, SOCK_DGRAM, 0);
	assert_int_equal(awl_sock_bind(s.to, ADDRESS(at), len), 0);
	assert_int_equal(awl_sock_connect(s.from, ADDRESS(at), len), 0);
	t = spawn(send_numbers, &s);
	expect_numbers(s.to);
	assert_int_equal(outcome(t), 0);
	assert_int_equal(awl_sock_close(s.from), 0);
	return awl_sock_close(s.to);
}

static void a_datagram_that_waits_for_room_arrives_whole(void **state)
{
	static int (*const ways[])(int, const void *, size_t) = { by_send, by_sendall, by_sendto,
		by_sendmsg, by_write };

	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
		in_loop(sent_body, (void *)(uintptr_t)&ways[i]);
}

/* Nobody but the receiver knows whose room it is. */
static struct sockaddr_un receiver;
static socklen_t receiver_len;

static int by_address(int fd, const void *buf, size_t len)
{
	return awl_sock_sendto(fd, buf, len, 0, ADDRESS(receiver), receiver_len);
}

static int unconnected(void *arg)
{
	struct sending s = { .send = by_address };
	awl_task *t;

	(void)arg;
	receiver = local_address(&receiver_len);
	s.to = awl_socket(AF_UNIX, SOCK_DGRAM, 0);
	s.from = awl_socket(AF_UNIX, SOCK_DGRAM, 0);
	assert_int_equal(awl_sock_bind(s.to, ADDRESS(receiver), receiver_len), 0);
	t = spawn(send_numbers, &s);
	expect_numbers(s.to);
	assert_int_equal(outcome(t), 0);
	assert_int_equal(awl_sock_close(s.from), 0);
	return awl_sock_close(s.to);
}

static void and_so_it_does_where_it_names_the_receiver_itself(void **state)
{
	in_loop(unconnected, NULL);
}

/* --- sending: to one who has no room, and is only named --------------------------------------- */

/* The receiver's queue is full, and a task waits to send one more. */
struct crowd {
	int from, to, queued;
	awl_task *waits;
	int (*send)(int fd, const void *buf, size_t len, int flags);
};

static int with_sendto(int fd, const void *buf, size_t len, int flags)
{
	return awl_sock_sendto(fd, buf, len, flags, ADDRESS(receiver), receiver_len);
}

static int with_sendmsg(int fd, const void *buf, size_t len, int flags)
{
	struct iovec part = { (void *)(uintptr_t)buf, len };
	struct msghdr m = { .msg_name = &receiver,
		.msg_namelen = receiver_len,
		.msg_iov = &part,
		.msg_iovlen = 1 };

	return awl_sock_sendmsg(fd, &m, flags);
}

static int one_more(void *arg)
{
	const struct crowd *c = arg;

	return c->send(c->from, "one more", 8, 0);
}

static void crowd(struct crowd *c)
{
	receiver = local_address(&receiver_len);
	c->to = awl_socket(AF_UNIX, SOCK_DGRAM, 0);
	c->from = awl_socket(AF_UNIX, SOCK_DGRAM, 0);
	assert_int_equal(awl_sock_bind(c->to, ADDRESS(receiver), receiver_len), 0);
	c->queued = 0;
	while (c->send(c->from, "one", 3, MSG_DONTWAIT) == 3)
		c->queued++;
	assert_true(c->queued > 0);
	c->waits = spawn(one_more, c);
	assert_int_equal(awl_yield(), 0);
}

static void disperse(struct crowd *c)
{
	assert_int_equal(awl_sock_close(c->from), 0);
	assert_int_equal(awl_sock_close(c->to), 0);
}

static int rests(struct crowd *c)
{
	awl_loop *l = here();
	uint64_t steps = l->steps, syscalls = l->reactor->syscalls;
	char buf[16];

	assert_int_equal(awl_sleep(100 * AWL_MS), 0);
	assert_true(l->steps - steps < 40);
	assert_true(l->reactor->syscalls - syscalls < 200);
	assert_false(awl_done(c->waits));
	for (int i = 0; i < c->queued; i++)
		assert_int_equal(awl_sock_recv(c->to, buf, sizeof buf, 0), 3);
	assert_int_equal(awl_sock_recv(c->to, buf, sizeof buf, 0), 8);
	assert_memory_equal(buf, "one more", 8);
	return outcome(c->waits) == 8 ? 0 : -EBADMSG;
}

static int is_cancelled(struct crowd *c)
{
	char buf[16];

	awl_cancel(c->waits, "enough");
	assert_int_equal(outcome(c->waits), AWL_EFUTURECANCELED);
	for (int i = 0; i < c->queued; i++)
		assert_int_equal(awl_sock_recv(c->to, buf, sizeof buf, 0), 3);
	return awl_sock_recv(c->to, buf, sizeof buf, MSG_DONTWAIT) == -EAGAIN ? 0 : -EBADMSG;
}

static int is_closed(struct crowd *c)
{
	assert_int_equal(awl_sock_close(c->from), 0);
	assert_int_equal(outcome(c->waits), AWL_EDEAD);
	c->from = awl_socket(AF_UNIX, SOCK_DGRAM, 0);
	return c->from < 0 ? c->from : 0;
}

static int crowd_body(void *arg)
{
	static int (*const ways[])(int, const void *, size_t, int) = { with_sendto, with_sendmsg };
	int (*const *check)(struct crowd *) = arg;

	for (size_t i = 0; i < COUNT(ways); i++) {
		struct crowd c = { .send = ways[i] };

		crowd(&c);
		assert_int_equal((*check)(&c), 0);
		disperse(&c);
	}
	return 0;
}

static void on_crowd(int (*check)(struct crowd *))
{
	in_loop(crowd_body, &check);
}

static void who_waits_for_a_named_receivers_room_does_not_spin(void **state)
{
	on_crowd(rests);
}

static void who_waits_for_a_named_receivers_room_can_be_stopped(void **state)
{
	on_crowd(is_cancelled);
	on_crowd(is_closed);
}

/* --- rights ---------------------------------------------------------------------------------- */

static int send_right(void *arg)
{
	const int *fds = arg;

	return awl_sock_send_fds(fds[0], "r", 1, &fds[2], 1);
}

static int rights(void *arg)
{
	static const char filler[4096];
	int fds[3], got[4], count = 4, before, r;
	size_t filled = 0, drained = 0;
	char buf[4096];
	awl_task *t;

	(void)arg;
	unix_pair(fds);
	fds[2] = awl_socket(AF_INET, SOCK_DGRAM, 0);
	before = descriptors(here());
	while ((r = awl_sock_send(fds[0], filler, sizeof filler, MSG_DONTWAIT)) > 0)
		filled += (size_t)r;
	assert_int_equal(r, -EAGAIN);
	t = spawn(send_right, fds);
	settle();
	assert_false(awl_done(t));
	while (drained < filled) {
		size_t left = filled - drained;

		r = awl_sock_recv(fds[1], buf, left < sizeof buf ? left : sizeof buf, 0);
		assert_true(r > 0);
		drained += (size_t)r;
	}
	assert_int_equal(outcome(t), 1);
	assert_int_equal(awl_sock_recv_fds(fds[1], buf, sizeof buf, got, &count), 1);
	assert_int_equal(count, 1);
	assert_int_equal(descriptors(here()), before + 1);
	assert_int_equal(awl_sock_close(got[0]), 0);
	assert_int_equal(awl_sock_recv(fds[1], buf, sizeof buf, MSG_DONTWAIT), -EAGAIN);
	assert_int_equal(awl_sock_close(fds[2]), 0);
	close_both(fds);
	return 0;
}

static void a_descriptor_that_waits_for_room_is_sent_once(void **state)
{
	REAL_KERNEL();
	in_loop(rights, NULL);
}

/* --- receiving: a reader that waits for credentials -------------------------------------------
 * The kernel writes some down even where nothing has come.
 */

struct receiving {
	int fd;
	struct ucred who[2];
	int creds, fds[2], rights;
};

static int receive_message(void *arg)
{
	struct receiving *w = arg;
	union {
		char space[256];
		struct cmsghdr align;
	} control;
	char buf[8];
	struct iovec part = { buf, sizeof buf };
	struct msghdr m = { .msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof control };
	int r = awl_sock_recvmsg(w->fd, &m, 0);

	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); r >= 0 && c; c = CMSG_NXTHDR(&m, c)) {
		if (c->cmsg_type == SCM_CREDENTIALS && w->creds < 2)
			memcpy(&w->who[w->creds++], CMSG_DATA(c), sizeof w->who[0]);
		else if (c->cmsg_type == SCM_RIGHTS && w->rights < 2)
			memcpy(&w->fds[w->rights++], CMSG_DATA(c), sizeof(int));
	}
	return r;
}

static int credentials(void *arg)
{
	int fds[2], on = 1, before;
	struct receiving w = { 0 };
	awl_task *t;

	assert_int_equal(awl_socketpair(AF_UNIX, *(int *)arg, fds), 0);
	assert_int_equal(awl_sock_setsockopt(fds[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on), 0);
	before = descriptors(here());
	w.fd = fds[1];
	t = spawn(receive_message, &w);
	settle();
	assert_false(awl_done(t));
	assert_int_equal(awl_sock_send_fds(fds[0], "hi", 2, &fds[0], 1), 2);
	assert_int_equal(outcome(t), 2);
	assert_int_equal(w.creds, 1);
	assert_int_equal(w.who[0].pid, getpid());
	assert_int_equal(w.rights, 1);
	assert_int_equal(awl_sock_close(w.fds[0]), 0);
	assert_int_equal(descriptors(here()), before);
	close_both(fds);
	return 0;
}

static void who_waits_for_a_message_gets_its_senders_credentials_alone(void **state)
{
	static int types[] = { SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET };

	REAL_KERNEL();
	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		in_loop(credentials, &types[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_datagram_that_waits_for_room_arrives_whole),
		cmocka_unit_test(and_so_it_does_where_it_names_the_receiver_itself),
		cmocka_unit_test(who_waits_for_a_named_receivers_room_does_not_spin),
		cmocka_unit_test(who_waits_for_a_named_receivers_room_can_be_stopped),
		cmocka_unit_test(a_descriptor_that_waits_for_room_is_sent_once),
		cmocka_unit_test(who_waits_for_a_message_gets_its_senders_credentials_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
