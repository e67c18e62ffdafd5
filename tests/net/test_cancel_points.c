/* SPDX-License-Identifier: MIT */
/*
 * @reactors @valgrind @timeout 120
 * test_cancel_points.c - the calls on lent descriptors, ended at every point of their lives.
 */
#include "net/cancel.h"

#include <poll.h>
#include <sys/mman.h>

/* --- receiving: nine bytes are sent, and received by the operation or after it --- */

#define WORDS "123456789"

static void open_tcp(struct trial *t)
{
	tcp_pair(t->fds);
}

static void open_unix(struct trial *t)
{
	unix_pair(t->fds);
}

static void open_udp(struct trial *t)
{
	udp_pair(t->fds);
}

static void open_pipe(struct trial *t)
{
	make_pipe(here(), t->fds);
}

static void send_words(struct trial *t)
{
	CHECK(awl_sock_sendall(t->fds[1], WORDS, 9, 0, NULL) == 0);
}

static void write_words(struct trial *t)
{
	for (int sent = 0; sent < 9;) {
		int n = awl_fd_write(t->fds[1], &WORDS[sent], (size_t)(9 - sent));

		CHECK(n > 0);
		sent += n;
	}
}

static int do_recv(struct trial *t)
{
	return awl_sock_recv(t->fds[0], t->buf, 4, 0);
}

static int do_recvfrom(struct trial *t)
{
	return awl_sock_recvfrom(t->fds[0], t->buf, sizeof t->buf, 0, NULL, NULL);
}

static int do_recvmsg(struct trial *t)
{
	struct iovec parts[2] = { { t->buf, 2 }, { t->buf + 2, 4 } };
	struct msghdr hdr = { .msg_iov = parts, .msg_iovlen = 2 };

	return awl_sock_recvmsg(t->fds[0], &hdr, 0);
}

static int do_read(struct trial *t)
{
	return awl_fd_read(t->fds[0], t->buf, 4);
}

static int do_poll(struct trial *t)
{
	int r = awl_wait_fd(t->fds[0], POLLIN);

	CHECK(r < 0 || r == POLLIN);
	return r < 0 ? r : 0;
}

/* All nine, in their order, however they are split. */
static void count_words(struct trial *t)
{
	int got = t->result;

	CHECK(memcmp(t->buf, WORDS, (size_t)got) == 0);
	while (got < 9) {
		int n = awl_fd_read(t->fds[0], t->buf, sizeof t->buf);

		CHECK(n > 0 && got + n <= 9 && memcmp(t->buf, &WORDS[got], (size_t)n) == 0);
		got += n;
	}
	CHECK(got == 9);
}

static void count_datagram(struct trial *t)
{
	CHECK(t->result == 9 && memcmp(t->buf, WORDS, 9) == 0);
}

/* --- sending: into what is full already; the peer counts what comes --- */

static char plenty[1 << 17];

static bool sends_now(int fd, uint8_t kind, size_t *sent)
{
	struct awl__op op = { .kind = kind, .fd = fd };
	int n;

	if (kind == AWL__OP_SEND) {
		op.u.sock.buf = plenty;
		op.u.sock.len = sizeof plenty;
	} else {
		op.u.rw.buf = plenty;
		op.u.rw.len = sizeof plenty;
		op.u.rw.offset = -1;
	}
	n = awl__reactor_try(here()->reactor, &op);
	if (n > 0)
		*sent += (size_t)n;
	return n > 0;
}

static void fill(struct trial *t, uint8_t kind)
{
	while (sends_now(t->fds[0], kind, &t->total))
		;
}

static void open_full_tcp(struct trial *t)
{
	int size = 8 << 10;

	tcp_pair(t->fds);
	awl_sock_setsockopt(t->fds[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	fill(t, AWL__OP_SEND);
}

static void open_full_unix(struct trial *t)
{
	unix_pair(t->fds);
	fill(t, AWL__OP_SEND);
}

static void open_full_pipe(struct trial *t)
{
	make_pipe(here(), t->fds);
	/* the writing end is the one it works on */
	t->fds[2] = t->fds[0];
	t->fds[0] = t->fds[1];
	t->fds[1] = t->fds[2];
	fill(t, AWL__OP_WRITE);
}

/* The peer takes what is there. */
static void take(struct trial *t)
{
	static char buf[1 << 16];
	struct awl__op op = { .kind = AWL__OP_READ, .fd = t->fds[1] };
	int n;

	op.u.rw.buf = buf;
	op.u.rw.len = sizeof buf;
	op.u.rw.offset = -1;
	while ((n = awl__reactor_try(here()->reactor, &op)) > 0)
		t->got += (size_t)n;
}

static int do_send(struct trial *t)
{
	return awl_sock_send(t->fds[0], plenty, sizeof plenty, 0);
}

static int do_sendto(struct trial *t)
{
	return awl_sock_sendto(t->fds[0], plenty, sizeof plenty, 0, NULL, 0);
}

static int do_sendmsg(struct trial *t)
{
	struct iovec parts[2] = { { plenty, 5 }, { plenty, sizeof plenty } };
	struct msghdr hdr = { .msg_iov = parts, .msg_iovlen = 2 };

	return awl_sock_sendmsg(t->fds[0], &hdr, 0);
}

static int do_write(struct trial *t)
{
	return awl_fd_write(t->fds[0], plenty, sizeof plenty);
}

static int taker(void *arg)
{
	struct trial *t = arg;

	while (!t->objects[1]) {
		take(t);
		if (awl_sleep(AWL_US) < 0)
			break;
	}
	return 0;
}

/* From now on the peer takes what comes. */
static void take_all(struct trial *t)
{
	awl_task *helper;

	CHECK(awl_create_task(taker, t, &helper) == 0);
	t->objects[0] = helper;
}

static void stop_taking(struct trial *t)
{
	t->objects[1] = t;
	if (t->objects[0]) {
		CHECK(awl_join(t->objects[0]) == 0);
		awl_unref(t->objects[0]);
	}
	t->objects[0] = NULL;
}

static int do_sendall(struct trial *t)
{
	size_t done = 0;
	int r = awl_sock_sendall(t->fds[0], plenty, sizeof plenty, 0, &done);

	t->total += done;
	CHECK(r < 0 || done == sizeof plenty);
	return r;
}

static int shut(struct trial *t)
{
	int r = awl_sock_close(t->fds[0]);

	t->fds[0] = -1;
	return r;
}

/* What the operation counted has come, and nothing else. */
static void count_sent(struct trial *t)
{
	char buf[4096];
	int n = 1;

	stop_taking(t);
	t->total += (size_t)t->result;
	CHECK(shut(t) == 0);
	while (n > 0) {
		n = awl_fd_read(t->fds[1], buf, sizeof buf);
		t->got += n > 0 ? (size_t)n : 0;
	}
	CHECK(n == 0 && t->got == t->total);
}

static int do_sendfile(struct trial *t)
{
	int64_t done;
	int r = awl_sock_sendfile(t->fds[0], t->fds[2], 0, 0, &done);

	t->total += (size_t)done;
	CHECK(r < 0 || done == sizeof plenty);
	return r;
}

static void open_full_and_file(struct trial *t)
{
	open_full_unix(t);
	t->fds[2] = memfd_create("awl-test", MFD_CLOEXEC);
	assert_int_equal(ftruncate(t->fds[2], sizeof plenty), 0);
}

/* --- connections --- */

static void open_listener(struct trial *t)
{
	struct sockaddr_in at;

	t->fds[0] = listener(&at, 5);
	t->fds[1] = t->fds[2] = -1;
}

/* 0: it is not connected any more. */
static int port_of(int fd, bool peer)
{
	struct sockaddr_in at;
	socklen_t len = sizeof at;
	int r = peer ? awl_sock_getpeername(fd, ADDRESS(at), &len)
		     : awl_sock_getsockname(fd, ADDRESS(at), &len);

	CHECK(r == 0 || (peer && r == -ENOTCONN));
	return r == 0 ? ntohs(at.sin_port) : 0;
}

static void connect_to_it(struct trial *t)
{
	struct sockaddr_in at = loopback(port_of(t->fds[0], false));

	t->fds[1] = dial(&at);
}

static int do_accept(struct trial *t)
{
	int r = awl_sock_accept(t->fds[0], NULL, NULL);

	if (r >= 0)
		t->fds[2] = r;
	return r;
}

/* Ours is accepted, by the operation or after it; at a port strangers may look in too. */
static void count_accepted(struct trial *t)
{
	while (port_of(t->fds[2], true) != port_of(t->fds[1], false)) {
		CHECK(awl_sock_close(t->fds[2]) == 0);
		t->fds[2] = awl_sock_accept(t->fds[0], NULL, NULL);
		CHECK(t->fds[2] >= 0);
	}
}

static void open_unconnected(struct trial *t)
{
	struct sockaddr_in at;

	t->fds[0] = awl_socket(AF_INET, SOCK_STREAM, 0);
	t->fds[1] = listener(&at, 5);
	t->fds[2] = -1;
	t->total = ntohs(at.sin_port);
}

/* A socket that was half-way is closed, as it must be. */
static int do_connect(struct trial *t)
{
	struct sockaddr_in at = loopback((int)t->total);

	if (t->moved++) {
		CHECK(awl_sock_close(t->fds[0]) == 0);
		t->fds[0] = awl_socket(AF_INET, SOCK_STREAM, 0);
	}
	return awl_sock_connect(t->fds[0], ADDRESS(at), sizeof at);
}

static void nothing(struct trial *t)
{
}

static void count_connected(struct trial *t)
{
	int port = port_of(t->fds[0], false);

	do {
		if (t->fds[2] >= 0)
			CHECK(awl_sock_close(t->fds[2]) == 0);
		t->fds[2] = awl_sock_accept(t->fds[1], NULL, NULL);
		CHECK(t->fds[2] >= 0);
	} while (port_of(t->fds[2], true) != port);
}

/* --- descriptors --- */

struct gift {
	int sent[2], got[2], count;
};

static void open_with_gift(struct trial *t)
{
	struct gift *g = calloc(1, sizeof *g);

	unix_pair(t->fds);
	unix_pair(g->sent);
	t->objects[2] = g;
}

static void send_gift(struct trial *t)
{
	struct gift *g = t->objects[2];

	CHECK(awl_sock_send_fds(t->fds[1], "x", 1, g->sent, 2) == 1);
}

static int do_recv_fds(struct trial *t)
{
	struct gift *g = t->objects[2];

	g->count = 2;
	return awl_sock_recv_fds(t->fds[0], t->buf, 1, g->got, &g->count);
}

static void count_gift(struct trial *t)
{
	const struct gift *g = t->objects[2];

	CHECK(t->result == 1 && g->count == 2);
}

/* --- their end --- */

static void close_one(int fd)
{
	if (fd >= 0)
		CHECK(awl_sock_close(fd) == 0);
}

static void close_two(struct trial *t)
{
	stop_taking(t);
	close_one(t->fds[0]);
	close_one(t->fds[1]);
}

static void close_three(struct trial *t)
{
	close_two(t);
	close_one(t->fds[2]);
}

static void close_file_too(struct trial *t)
{
	close_two(t);
	close(t->fds[2]);
}

static void close_gift(struct trial *t)
{
	struct gift *g = t->objects[2];

	close_two(t);
	close_both(g->sent);
	for (int i = 0; i < g->count; i++)
		close_one(g->got[i]);
	free(g);
}

static void reset_peer(struct trial *t)
{
	stop_taking(t);
	reset(t->fds[1]);
	t->fds[1] = -1;
}

static void close_peer(struct trial *t)
{
	stop_taking(t);
	CHECK(awl_sock_close(t->fds[1]) == 0);
	t->fds[1] = -1;
}

static const struct cancel_row rows[] = {
	{ "recv", open_tcp, do_recv, send_words, count_words, close_two, reset_peer, shut },
	{ "recv (local)", open_unix, do_recv, send_words, count_words, close_two, close_peer,
		shut },
	{ "recvfrom", open_udp, do_recvfrom, send_words, count_datagram, close_two, NULL, shut },
	{ "recvmsg", open_tcp, do_recvmsg, send_words, count_words, close_two, reset_peer, shut },
	{ "recv_fds", open_with_gift, do_recv_fds, send_gift, count_gift, close_gift, close_peer,
		shut },
	{ "fd_read", open_pipe, do_read, write_words, count_words, close_two, close_peer, shut },
	{ "fd_read (socket)", open_tcp, do_read, send_words, count_words, close_two, reset_peer,
		shut },
	{ "wait_fd", open_tcp, do_poll, send_words, count_words, close_two, NULL, shut },
	{ "send", open_full_tcp, do_send, take_all, count_sent, close_two, reset_peer, shut },
	{ "send (local)", open_full_unix, do_send, take_all, count_sent, close_two, close_peer,
		shut },
	{ "sendto", open_full_tcp, do_sendto, take_all, count_sent, close_two, reset_peer, shut },
	{ "sendmsg", open_full_unix, do_sendmsg, take_all, count_sent, close_two, close_peer,
		shut },
	{ "sendall", open_full_tcp, do_sendall, take_all, count_sent, close_two, reset_peer, shut },
	{ "sendfile", open_full_and_file, do_sendfile, take_all, count_sent, close_file_too,
		close_peer, shut },
	{ "fd_write", open_full_pipe, do_write, take_all, count_sent, close_two, close_peer, shut },
	{ "accept", open_listener, do_accept, connect_to_it, count_accepted, close_three, NULL,
		shut },
	{ "connect", open_unconnected, do_connect, nothing, count_connected, close_three, NULL,
		shut },
};

static void a_cancel_at_any_point_loses_nothing(void **state)
{
	cancelled_at_every_point(rows, COUNT(rows));
}

static void a_deadline_at_any_point_loses_nothing(void **state)
{
	out_of_time_at_every_point(rows, COUNT(rows));
}

static void a_close_at_any_point_leaves_nothing(void **state)
{
	closed_at_every_point(rows, COUNT(rows));
}

static void a_reset_at_any_point_leaves_nothing(void **state)
{
	reset_at_every_point(rows, COUNT(rows));
}

static void no_memory_at_any_point_loses_nothing(void **state)
{
	without_memory_at_every_point(rows, COUNT(rows));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cancel_at_any_point_loses_nothing),
		cmocka_unit_test(a_deadline_at_any_point_loses_nothing),
		cmocka_unit_test(a_close_at_any_point_leaves_nothing),
		cmocka_unit_test(a_reset_at_any_point_leaves_nothing),
		cmocka_unit_test(no_memory_at_any_point_loses_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
