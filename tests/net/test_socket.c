/* SPDX-License-Identifier: MIT */
/*
 * @reactors @valgrind @thread @timeout 60 test_socket.c - the calls on lent sockets: each does what
 * its system's name says, and waits; turns are had in order; closing ends what waits; flags of the
 * descriptor stay.
 */
#include "net/sockets.h"

#include <sys/stat.h>
#include <sys/un.h>

/* --- connections --- */

static int accept_one(void *arg)
{
	return awl_sock_accept(*(int *)arg, NULL, NULL);
}

static int connections(void *arg)
{
	struct sockaddr_in at, far, near;
	socklen_t len = sizeof far, near_len = sizeof near;
	int before = descriptors(here()), l = listener(&at, 10), a, b, c;
	char buf[16];
	awl_task *t;

	/* An accept that waits, and one that does not. */
	t = spawn(accept_one, &l);
	settle();
	a = dial(&at);
	b = outcome(t);
	assert_true(b >= 0);
	c = dial(&at);
	near_len = sizeof near;
	far = (struct sockaddr_in){ 0 };
	assert_int_equal(awl_sock_close(b), 0);
	b = awl_sock_accept(l, ADDRESS(far), &len);
	assert_true(b >= 0);
	assert_int_equal(awl_sock_getsockname(c, ADDRESS(near), &near_len), 0);
	assert_int_equal(len, sizeof far);
	assert_int_equal(far.sin_port, near.sin_port);
	assert_int_equal(awl_sock_getpeername(c, ADDRESS(near), &near_len), 0);
	assert_int_equal(near.sin_port, at.sin_port);
	assert_int_equal(awl_sock_send(c, "abc", 3, 0), 3);
	assert_int_equal(awl_sock_recv(b, buf, sizeof buf, 0), 3);
	assert_memory_equal(buf, "abc", 3);
	/* The end of the stream, one way. */
	assert_int_equal(awl_sock_shutdown(c, SHUT_WR), 0);
	assert_int_equal(awl_sock_recv(b, buf, sizeof buf, 0), 0);
	assert_int_equal(awl_sock_recv(b, buf, sizeof buf, 0), 0);
	assert_int_equal(awl_sock_send(b, "yes", 3, 0), 3);
	assert_int_equal(awl_sock_recv(c, buf, sizeof buf, 0), 3);
	/* Nobody listens any more. */
	assert_int_equal(awl_sock_close(l), 0);
	assert_int_equal(awl_sock_close(c), 0);
	c = awl_socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(awl_sock_connect(c, ADDRESS(at), sizeof at), -ECONNREFUSED);
	assert_int_equal(awl_sock_close(a), 0);
	assert_int_equal(awl_sock_close(b), 0);
	assert_int_equal(awl_sock_close(c), 0);
	assert_int_equal(descriptors(here()), before);
	return 0;
}

static void a_connection_is_asked_for_accepted_used_and_closed(void **state)
{
	in_loop(connections, NULL);
}

static int local(void *arg)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	socklen_t len;
	int l, a, b;

	snprintf(at.sun_path + 1, sizeof at.sun_path - 1, "awl-test-%d", (int)getpid());
	len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(at.sun_path + 1));
	l = awl_socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(awl_sock_bind(l, ADDRESS(at), len), 0);
	assert_int_equal(awl_sock_listen(l, 1), 0);
	a = awl_socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(awl_sock_connect(a, ADDRESS(at), len), 0);
	b = awl_sock_accept(l, NULL, NULL);
	assert_true(b >= 0);
	assert_int_equal(awl_sock_send(a, "abc", 3, 0), 3);
	assert_int_equal(awl_sock_close(a), 0);
	assert_int_equal(awl_sock_close(b), 0);
	return awl_sock_close(l);
}

static void an_abstract_local_address_is_connected_to(void **state)
{
	in_loop(local, NULL);
}

/* --- what comes is non-blocking and close-on-exec; what was lent stays as it was --- */

static int flags_of_ours(void *arg)
{
	struct sockaddr_in at;
	int fds[4];

	fds[0] = listener(&at, 1);
	fds[1] = dial(&at);
	fds[2] = awl_sock_accept(fds[0], NULL, NULL);
	fds[3] = awl_socket(AF_UNIX, SOCK_DGRAM, 0);
	for (int i = 0; i < 4; i++) {
		assert_true(fcntl(fds[i], F_GETFL) & O_NONBLOCK);
		assert_true(fcntl(fds[i], F_GETFD) & FD_CLOEXEC);
		assert_int_equal(awl_sock_close(fds[i]), 0);
	}
	return 0;
}

static void what_is_made_here_is_non_blocking_and_closed_on_exec(void **state)
{
	REAL_KERNEL();
	in_loop(flags_of_ours, NULL);
}

static int blocking(void *arg)
{
	struct receiver r = { 0 };
	struct sockaddr_in at = loopback(1);
	int sv[2], fd;
	awl_task *t;
	char byte;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
	r.fd = sv[0];
	t = spawn(receive, &r);
	settle();
	assert_int_equal(awl_done(t), 0);
	assert_int_equal(awl_sock_send(sv[1], "abc", 3, 0), 3);
	assert_int_equal(outcome(t), 3);
	assert_int_equal(awl_sock_sendall(sv[0], "abc", 3, 0, NULL), 0);
	assert_int_equal(awl_sock_recvfrom(sv[1], &byte, 1, 0, NULL, NULL), 1);
	assert_int_equal(fcntl(sv[0], F_GETFL) & O_NONBLOCK, 0);
	assert_int_equal(fcntl(sv[1], F_GETFL) & O_NONBLOCK, 0);
	assert_int_equal(awl_sock_accept(sv[0], NULL, NULL), -EINVAL);
	assert_non_null(strstr(awl_error_detail(-EINVAL), "O_NONBLOCK"));
	close_both(sv);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(awl_sock_connect(fd, ADDRESS(at), sizeof at), -EINVAL);
	assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	return awl_sock_close(fd);
}

static void a_blocking_descriptor_may_be_lent_and_stays_blocking(void **state)
{
	REAL_KERNEL();
	in_loop(blocking, NULL);
}

/* --- transfers --- */

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
	size_t len = is_sim(here()) ? 1 << 20 : MANY;
	struct flow f = { .len = len };
	awl_task *t;
	int fds[2];

	for (size_t i = 0; i < len; i++)
		many[i] = byte_at(i);
	tcp_pair(fds);
	f.fd = fds[0];
	t = spawn(send_many, &f);
	settle();
	assert_int_equal(awl_done(t), 0);
	assert_int_equal(drain(fds[1], len), len);
	assert_int_equal(outcome(t), 0);
	assert_int_equal(f.done, len);
	close_both(fds);
	return 0;
}

static void sendall_waits_until_all_of_it_is_taken(void **state)
{
	in_loop(send_all, NULL);
}

static int send_all_until_cancelled(void *arg)
{
	size_t len = is_sim(here()) ? 1 << 20 : MANY;
	struct flow f = { .len = len };
	awl_task *t;
	int fds[2];

	for (size_t i = 0; i < len; i++)
		many[i] = byte_at(i);
	tcp_pair(fds);
	f.fd = fds[0];
	t = spawn(send_many, &f);
	settle();
	settle();
	assert_int_equal(awl_cancel(t, NULL), 1);
	assert_int_equal(outcome(t), AWL_EFUTURECANCELED);
	assert_in_range(f.done, 1, len - 1);
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
	struct flow f = { .len = is_sim(here()) ? 1 << 20 : MANY };
	awl_task *t;
	int fds[2];

	tcp_pair(fds);
	f.fd = fds[0];
	t = spawn(send_many, &f);
	settle();
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

	for (int i = 0; i < 2; i++) {
		socklen_t n = sizeof *at;

		fds[i] = awl_socket(AF_INET, SOCK_DGRAM, 0);
		at[i] = loopback(0);
		assert_int_equal(awl_sock_bind(fds[i], ADDRESS(at[i]), n), 0);
		assert_int_equal(awl_sock_getsockname(fds[i], ADDRESS(at[i]), &n), 0);
	}
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

/* --- closing --- */

static int close_it(void *arg)
{
	return awl_sock_close(*(int *)arg);
}

static int receive_again(void *arg)
{
	struct receiver *r = arg;
	int n;

	/* Somebody who does not take no for an answer. */
	for (int i = 0; i < 3; i++)
		n = awl_sock_recv(r->fd, r->bytes, 1, 0);
	return r->got = n;
}

static int close_in_use(void *arg)
{
	int before = descriptors(here()), fds[2];
	struct receiver r[3] = { 0 };
	awl_task *t[3], *closer;

	tcp_pair(fds);
	for (int i = 0; i < 3; i++) {
		r[i].fd = fds[0];
		t[i] = spawn(i < 2 ? receive : receive_again, &r[i]);
	}
	settle();
	closer = spawn(close_it, &fds[0]);
	assert_int_equal(awl_yield(), 0);
	if (!awl_done(closer))
		assert_int_equal(awl_sock_close(fds[0]), -EBADF); /* another is about to */
	assert_int_equal(outcome(closer), 0);
	for (int i = 0; i < 3; i++) {
		int end = outcome(t[i]);

		assert_true(end == AWL_EDEAD || end == -EBADF);
		assert_true(i == 2 || end == AWL_EDEAD);
	}
	assert_int_equal(awl_sock_recv(fds[1], r[0].bytes, 1, 0), 0);
	assert_int_equal(awl_sock_close(fds[1]), 0);
	assert_int_equal(awl_sock_close(fds[1]), -EBADF);
	assert_int_equal(here()->reactor->in_flight, 0);
	assert_int_equal(descriptors(here()), before);
	return 0;
}

static void a_close_ends_what_waits_and_then_closes(void **state)
{
	with_seeds(close_in_use, NULL);
}

static int close_uninterrupted(void *arg)
{
	struct receiver r = { 0 };
	awl_task *t, *closer;
	awl_timeout timeout;
	int fds[2], status;

	/* Neither a cancel nor a deadline leaves the descriptor open. */
	tcp_pair(fds);
	r.fd = fds[0];
	t = spawn(receive, &r);
	settle();
	closer = spawn(close_it, &fds[0]);
	assert_int_equal(awl_yield(), 0);
	awl_cancel(closer, NULL);
	assert_int_equal(awl_await(closer), 0);
	assert_int_equal(awl_unref(closer), 0);
	assert_int_equal(outcome(t), AWL_EDEAD);
	r.fd = fds[1];
	t = spawn(receive, &r);
	status = awl_timeout_enter(&timeout, 0);
	assert_int_equal(status, 0);
	status = awl_sock_close(fds[1]);
	assert_int_equal(status, 0);
	assert_int_equal(awl_timeout_exit(&timeout, status), 0);
	status = outcome(t);
	assert_true(status == 0 || status == AWL_EDEAD || status == -EBADF);
	return 0;
}

static void a_close_is_not_interrupted(void **state)
{
	in_loop(close_uninterrupted, NULL);
}

static int reuse(void *arg)
{
	struct receiver r = { 0 };
	int fds[2], again[2];
	awl_task *t;

	/* The number is used again at once: nothing of the old one's shows. */
	for (int i = 0; i < 20; i++) {
		r = (struct receiver){ 0 };
		tcp_pair(fds);
		r.fd = fds[0];
		t = spawn(receive, &r);
		settle();
		assert_int_equal(awl_sock_sendall(fds[1], "old", 3, 0, NULL), 0);
		if (i % 2)
			settle();
		assert_int_equal(awl_sock_close(fds[0]), 0);
		tcp_pair(again);
		if (awl_await(t) > 0)
			assert_memory_equal(r.bytes, "old", r.got);
		assert_int_equal(awl_unref(t), 0);
		r = (struct receiver){ .fd = again[0] };
		t = spawn(receive, &r);
		assert_int_equal(awl_yield(), 0);
		assert_int_equal(awl_sock_sendall(again[1], "new", 3, 0, NULL), 0);
		assert_true(outcome(t) > 0);
		assert_memory_equal(r.bytes, "new", r.got);
		close_both(again);
		assert_int_equal(awl_sock_close(fds[1]), 0);
	}
	return 0;
}

static void a_number_used_again_is_not_mistaken(void **state)
{
	with_seeds(reuse, NULL);
}

/* --- what has an owner, and what is wrong --- */

static int owned(void *arg)
{
	awl_loop *l = here();
	char byte = 0;
	int fds[2];

	tcp_pair(fds);
	assert_int_equal(awl__reactor_own(l->reactor, fds[0]), 0);
	assert_int_equal(awl_sock_recv(fds[0], &byte, 1, 0), -EBUSY);
	assert_non_null(strstr(awl_error_detail(-EBUSY), "stream"));
	assert_int_equal(awl_sock_recv(fds[0], &byte, 1, MSG_DONTWAIT), -EBUSY);
	assert_int_equal(awl_sock_sendall(fds[0], &byte, 1, 0, NULL), -EBUSY);
	assert_int_equal(awl_fd_read(fds[0], &byte, 1), -EBUSY);
	assert_int_equal(awl_sock_shutdown(fds[0], SHUT_WR), -EBUSY);
	assert_int_equal(awl_sock_close(fds[0]), -EBUSY);
	assert_int_equal(awl_wait_fd(fds[0], 1), -EBUSY);
	awl__reactor_disown(l->reactor, fds[0]);
	close_both(fds);
	return 0;
}

static void a_descriptor_with_an_owner_is_refused(void **state)
{
	in_loop(owned, NULL);
}

static int wrong(void *arg)
{
	struct sockaddr_in at = loopback(1);
	socklen_t len = sizeof at;
	int pipe[2], fds[2], count = 1, one[1];
	char byte = 0;

	assert_int_equal(awl_sock_recv(-1, &byte, 1, 0), -EBADF);
	assert_int_equal(awl_sock_recv(1 << 29, &byte, 1, 0), -EBADF);
	assert_int_equal(awl_sock_close(-1), -EBADF);
	make_pipe(here(), pipe);
	assert_int_equal(awl_sock_recv(pipe[0], &byte, 1, 0), -ENOTSOCK);
	assert_int_equal(awl_sock_send(pipe[1], &byte, 1, 0), -ENOTSOCK);
	assert_int_equal(awl_sock_getsockname(pipe[0], ADDRESS(at), &len), -ENOTSOCK);
	close_pipe(here(), pipe);
	tcp_pair(fds);
	assert_int_equal(awl_sock_recv(fds[0], NULL, 1, 0), -EINVAL);
	assert_int_equal(awl_sock_send(fds[0], NULL, 1, 0), -EINVAL);
	assert_int_equal(awl_sock_sendall(fds[0], NULL, 1, 0, NULL), -EINVAL);
	assert_int_equal(awl_sock_recvmsg(fds[0], NULL, 0), -EINVAL);
	assert_int_equal(awl_sock_sendmsg(fds[0], NULL, 0), -EINVAL);
	assert_int_equal(awl_sock_accept(fds[0], ADDRESS(at), NULL), -EINVAL);
	assert_int_equal(awl_sock_connect(fds[0], NULL, 0), -EINVAL);
	assert_int_equal(awl_sock_recv_fds(fds[0], &byte, 1, NULL, &count), -EINVAL);
	assert_int_equal(awl_sock_send_fds(fds[0], &byte, 1, one, 254), -EINVAL);
	assert_int_equal(awl_sock_send_fds(fds[0], &byte, 0, one, 1), -EINVAL);
	assert_int_equal(awl_sock_send_fds(fds[0], &byte, 1, one, -1), -EINVAL);
	assert_int_equal(awl_sock_accept(fds[0], NULL, NULL), -EINVAL); /* it does not listen */
	close_both(fds);
	return 0;
}

static void what_is_wrong_is_told(void **state)
{
	char byte = 0;

	in_loop(wrong, NULL);
	assert_int_equal(awl_socket(AF_INET, SOCK_STREAM, 0), AWL_ENOLOOP);
	assert_int_equal(awl_sock_recv(0, &byte, 1, 0), AWL_ENOLOOP);
	assert_int_equal(awl_sock_close(0), AWL_ENOLOOP);
}

static int closed_behind(void *arg)
{
	struct receiver r = { 0 };
	struct heard h;
	awl_task *t;
	int fds[2];

	listen_to_awl(&h);
	tcp_pair(fds);
	r.fd = fds[0];
	t = spawn(receive, &r);
	settle();
	close(fds[0]);
	assert_int_equal(awl_cancel(t, NULL), 1);
	assert_int_equal(awl_join(t), 0);
	assert_int_equal(awl_unref(t), 0);
	assert_heard(&h, "awl_sock_recv: descriptor");
	assert_heard(&h, "was closed while task Task-");
	stop_listening();
	return awl_sock_close(fds[1]);
}

static void debug_mode_tells_of_a_descriptor_closed_behind_its_back(void **state)
{
	awl_loop_options o = { .flags = AWL_LOOP_DEBUG };

	REAL_KERNEL();
	assert_int_equal(awl_run_with(&o, closed_behind, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_connection_is_asked_for_accepted_used_and_closed),
		cmocka_unit_test(an_abstract_local_address_is_connected_to),
		cmocka_unit_test(what_is_made_here_is_non_blocking_and_closed_on_exec),
		cmocka_unit_test(a_blocking_descriptor_may_be_lent_and_stays_blocking),
		cmocka_unit_test(sendall_waits_until_all_of_it_is_taken),
		cmocka_unit_test(a_cancelled_sendall_says_how_far_it_came),
		cmocka_unit_test(a_reset_ends_a_sendall_without_a_signal),
		cmocka_unit_test(datagrams_are_whole_and_say_whence_they_come),
		cmocka_unit_test(dontwait_does_not_wait_and_waitall_is_refused),
		cmocka_unit_test(receivers_have_their_turns_in_the_order_they_came),
		cmocka_unit_test(what_one_sendall_sends_is_not_mixed_with_anothers),
		cmocka_unit_test(a_receiver_and_a_sender_do_not_wait_for_each_other),
		cmocka_unit_test(a_close_ends_what_waits_and_then_closes),
		cmocka_unit_test(a_close_is_not_interrupted),
		cmocka_unit_test(a_number_used_again_is_not_mistaken),
		cmocka_unit_test(a_descriptor_with_an_owner_is_refused),
		cmocka_unit_test(what_is_wrong_is_told),
		cmocka_unit_test(debug_mode_tells_of_a_descriptor_closed_behind_its_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
