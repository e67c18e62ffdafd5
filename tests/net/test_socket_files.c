/* SPDX-License-Identifier: MIT */
/*
 * @reactors @valgrind @timeout 60
 * test_socket_files.c - files through sockets, and descriptors between processes.
 */
#include "net/sockets.h"

#include "reactor/note.h"

#include <sys/mman.h>
#include <sys/resource.h>

/* --- files --- */

#define FILE_SIZE (3 << 20)

static unsigned char byte_at(size_t i)
{
	return (unsigned char)(i * 13 + i / 512);
}

/* A file in memory; its own position is 7. */
static int make_file(size_t size)
{
	unsigned char *bytes = malloc(size);
	int fd = memfd_create("awl-test", MFD_CLOEXEC);

	for (size_t i = 0; i < size; i++)
		bytes[i] = byte_at(i);
	assert_int_equal(write(fd, bytes, size), size);
	free(bytes);
	assert_int_equal(lseek(fd, 7, SEEK_SET), 7);
	return fd;
}

struct sending {
	int fd, file;
	int64_t offset, count, done;
};

static int send_file(void *arg)
{
	struct sending *s = arg;

	return awl_sock_sendfile(s->fd, s->file, s->offset, s->count, &s->done);
}

/* Up to `most` bytes of the file from `offset` on, or the end of the stream: how many. */
static int64_t drain(int fd, int64_t offset, int64_t most)
{
	static unsigned char buf[1 << 16];
	int64_t got = 0;
	int n = 1;

	while (got < most && (n = awl_sock_recv(fd, buf, sizeof buf, 0)) > 0)
		for (int i = 0; i < n; i++)
			assert_int_equal(buf[i], byte_at((size_t)(offset + got++)));
	assert_true(n >= 0);
	return got;
}

static int files(void *arg)
{
	static const struct {
		int64_t offset, count, sent;
	} cases[] = {
		{ 0, 0, FILE_SIZE }, /* all of it */
		{ 0, FILE_SIZE, FILE_SIZE },
		{ 100, 5, 5 },
		{ FILE_SIZE - 10, 0, 10 },
		{ FILE_SIZE - 10, 100, 10 }, /* it ends before */
		{ FILE_SIZE, 0, 0 },
		{ FILE_SIZE + 1000, 10, 0 },
		{ 1, (256 << 10) + 1, (256 << 10) + 1 },
	};
	int file = make_file(FILE_SIZE), fds[2];

	tcp_pair(fds);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct sending s = { fds[0], file, cases[i].offset, cases[i].count, -1 };
		awl_task *t;

		assert_int_equal(awl_create_task(send_file, &s, &t), 0);
		assert_int_equal(drain(fds[1], s.offset, cases[i].sent), cases[i].sent);
		assert_int_equal(awl_await(t), 0);
		assert_int_equal(awl_unref(t), 0);
		assert_int_equal(s.done, cases[i].sent);
		assert_int_equal(lseek(file, 0, SEEK_CUR), 7);
	}
	close_both(fds);
	close(file);
	return 0;
}

static void a_file_or_a_part_of_it_is_sent_and_its_position_stays(void **state)
{
	in_loop(files, NULL);
}

static int file_through_blocking(void *arg)
{
	int file = make_file(FILE_SIZE), fds[2];
	struct sending s = { .file = file, .offset = 3 };
	awl_task *t;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	s.fd = fds[0];
	assert_int_equal(awl_create_task(send_file, &s, &t), 0);
	assert_int_equal(drain(fds[1], 3, FILE_SIZE - 3), FILE_SIZE - 3);
	assert_int_equal(awl_await(t), 0);
	assert_int_equal(s.done, FILE_SIZE - 3);
	assert_int_equal(fcntl(fds[0], F_GETFL) & O_NONBLOCK, 0);
	close_both(fds);
	close(file);
	return awl_unref(t);
}

static void a_blocking_socket_is_sent_a_file_without_blocking(void **state)
{
	REAL_KERNEL();
	in_loop(file_through_blocking, NULL);
}

/* Neither end takes much. */
static void narrow_pair(int fds[2])
{
	int size = 32 << 10;

	tcp_pair(fds);
	assert_int_equal(awl_sock_setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
	assert_int_equal(awl_sock_setsockopt(fds[1], SOL_SOCKET, SO_RCVBUF, &size, sizeof size), 0);
}

static int file_cancelled(void *arg)
{
	int file = make_file(FILE_SIZE);

	for (int moment = 0; moment < 12; moment++) {
		struct sending s = { .file = file, .offset = 11, .done = -1 };
		awl_task *t;
		int fds[2];

		narrow_pair(fds);
		s.fd = fds[0];
		assert_int_equal(awl_create_task(send_file, &s, &t), 0);
		for (int i = 0; i < moment; i++)
			assert_int_equal(i < 8 ? awl_yield() : awl_sleep(AWL_MS), 0);
		assert_int_equal(awl_cancel(t, NULL), 1);
		assert_int_equal(awl_await(t), AWL_EFUTURECANCELED);
		assert_int_equal(awl_unref(t), 0);
		/* What it counted is what comes out. */
		assert_int_equal(awl_sock_shutdown(fds[0], SHUT_WR), 0);
		assert_int_equal(drain(fds[1], 11, INT64_MAX), s.done < 0 ? 0 : s.done);
		close_both(fds);
	}
	close(file);
	return 0;
}

static void a_cancelled_sendfile_says_how_far_it_came(void **state)
{
	with_seeds(file_cancelled, NULL);
}

static int file_to_nobody(void *arg)
{
	int file = make_file(FILE_SIZE), fds[2], r;
	struct sending s = { .file = file };
	awl_task *t;

	narrow_pair(fds);
	s.fd = fds[0];
	assert_int_equal(awl_create_task(send_file, &s, &t), 0);
	assert_int_equal(drain(fds[1], 0, 1000) >= 1000, 1);
	reset(fds[1]);
	/* sendfile(2) keeps the reset to itself where it has moved something before. */
	r = awl_await(t);
	assert_true(r == -ECONNRESET || r == -EPIPE);
	assert_in_range(s.done, 1000, FILE_SIZE);
	assert_int_equal(awl_unref(t), 0);
	assert_int_equal(send_file(&s), -EPIPE);
	assert_int_equal(s.done, 0);
	close(file);
	return awl_sock_close(fds[0]);
}

static void a_reset_ends_a_sendfile_without_a_signal(void **state)
{
	in_loop(file_to_nobody, NULL);
}

static int file_closed(void *arg)
{
	int file = make_file(FILE_SIZE), fds[2];
	struct sending s = { .file = file };
	awl_task *t;

	narrow_pair(fds);
	s.fd = fds[0];
	assert_int_equal(awl_create_task(send_file, &s, &t), 0);
	assert_int_equal(awl_sleep(AWL_MS), 0);
	assert_int_equal(awl_sock_close(fds[0]), 0);
	assert_int_equal(awl_await(t), AWL_EDEAD);
	assert_int_equal(drain(fds[1], 0, INT64_MAX), s.done);
	close(file);
	assert_int_equal(awl_unref(t), 0);
	return awl_sock_close(fds[1]);
}

static void a_close_waits_for_the_thread_of_a_sendfile(void **state)
{
	in_loop(file_closed, NULL);
}

static int file_refused(void *arg)
{
	int file = make_file(100), fds[2], udp[2], p[2];
	int64_t done = -1;

	unix_pair(fds);
	udp_pair(udp);
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	assert_int_equal(awl_sock_sendfile(fds[0], file, -1, 0, &done), -EINVAL);
	assert_int_equal(done, 0);
	assert_int_equal(awl_sock_sendfile(fds[0], file, 0, -1, NULL), -EINVAL);
	assert_int_equal(awl_sock_sendfile(udp[0], file, 0, 0, NULL), -EINVAL);
	assert_int_equal(awl_sock_sendfile(fds[0], p[0], 0, 0, NULL), -ESPIPE);
	assert_int_equal(awl_sock_sendfile(fds[0], -1, 0, 0, NULL), -EBADF);
	assert_int_equal(awl_sock_sendfile(-1, file, 0, 0, NULL), -EBADF);
	close_both(fds);
	close_both(udp);
	close(p[0]);
	close(p[1]);
	return close(file);
}

static void what_cannot_be_sent_as_a_file_is_refused_at_once(void **state)
{
	in_loop(file_refused, NULL);
}

/* --- descriptors --- */

static int descriptors_sent(void *arg)
{
	int fds[2], p[2], got[3], count = 3, before;
	char buf[8];

	unix_pair(fds);
	unix_pair(p);
	before = descriptors(here());
	assert_int_equal(awl_sock_send_fds(fds[0], "ab", 2, p, 2), 2);
	assert_int_equal(awl_sock_recv_fds(fds[1], buf, sizeof buf, got, &count), 2);
	assert_int_equal(count, 2);
	assert_int_equal(descriptors(here()), before + 2);
	if (!is_sim(here()))
		assert_true(fcntl(got[0], F_GETFD) & FD_CLOEXEC);
	/* They are what was sent. */
	assert_int_equal(awl_sock_send(p[0], "x", 1, 0), 1);
	assert_int_equal(awl_sock_recv(got[1], buf, sizeof buf, 0), 1);
	close_both(got);
	/* Bytes without. */
	assert_int_equal(awl_sock_send_fds(fds[0], "c", 1, NULL, 0), 1);
	count = 3;
	assert_int_equal(awl_sock_recv_fds(fds[1], buf, sizeof buf, got, &count), 1);
	assert_int_equal(count, 0);
	/* More than there is room for: none leaks, and the bytes are there. */
	assert_int_equal(awl_sock_send_fds(fds[0], "de", 2, p, 2), 2);
	count = 1;
	assert_int_equal(awl_sock_recv_fds(fds[1], buf, sizeof buf, got, &count), 2);
	assert_int_equal(count, -EMSGSIZE);
	assert_memory_equal(buf, "de", 2);
	assert_int_equal(descriptors(here()), before);
	/* Who does not ask for them has none. */
	assert_int_equal(awl_sock_send_fds(fds[0], "f", 1, p, 2), 1);
	assert_int_equal(awl_sock_recv(fds[1], buf, sizeof buf, 0), 1);
	assert_int_equal(descriptors(here()), before);
	close_both(p);
	close_both(fds);
	return 0;
}

static void descriptors_go_with_bytes_and_none_leaks(void **state)
{
	in_loop(descriptors_sent, NULL);
}

struct taker {
	int fd, got[2], count, res;
	char byte;
};

static int take_fds(void *arg)
{
	struct taker *t = arg;

	t->count = 2;
	t->res = awl_sock_recv_fds(t->fd, &t->byte, 1, t->got, &t->count);
	return t->res;
}

static int descriptors_cancelled(void *arg)
{
	int fds[2], p[2], before;

	unix_pair(fds);
	unix_pair(p);
	before = descriptors(here());
	for (int moment = 0; moment < 8; moment++) {
		struct taker k = { .fd = fds[1] };
		awl_task *t;

		assert_int_equal(awl_create_task(take_fds, &k, &t), 0);
		for (int i = 0; i < moment / 2; i++)
			assert_int_equal(awl_yield(), 0);
		if (moment % 2)
			awl_cancel(t, NULL);
		assert_int_equal(awl_sock_send_fds(fds[0], "x", 1, p, 2), 1);
		if (!(moment % 2))
			awl_cancel(t, NULL);
		assert_int_equal(awl_join(t), 0);
		if (k.res == AWL_ECANCELED) {
			assert_int_equal(k.count, 0);
			assert_int_equal(take_fds(&k), 1);
		}
		assert_int_equal(k.res, 1);
		assert_int_equal(k.count, 2);
		close_both(k.got);
		assert_int_equal(awl_unref(t), 0);
		assert_int_equal(descriptors(here()), before);
	}
	close_both(p);
	close_both(fds);
	return 0;
}

static void a_cancelled_receive_leaks_no_descriptor(void **state)
{
	with_seeds(descriptors_cancelled, NULL);
}

static int no_numbers(void *arg)
{
	int fds[2], p[2], got[2], count = 2, before, high;
	struct rlimit old, low;
	char byte;

	unix_pair(fds);
	unix_pair(p);
	before = descriptors(here());
	assert_int_equal(awl_sock_send_fds(fds[0], "a", 1, p, 2), 1);
	/* One more, and not two. */
	high = dup(p[0]);
	close(high);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	low = old;
	low.rlim_cur = (rlim_t)high + 1;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	assert_int_equal(awl_sock_recv_fds(fds[1], &byte, 1, got, &count), 1);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_int_equal(count, -EMFILE);
	assert_int_equal(byte, 'a');
	assert_int_equal(descriptors(here()), before);
	close_both(p);
	close_both(fds);
	return 0;
}

static void where_the_system_has_no_number_all_of_them_are_closed(void **state)
{
	REAL_KERNEL();
	if (RUNNING_ON_VALGRIND) /* it keeps numbers for itself, beyond the limit */
		skip();
	in_loop(no_numbers, NULL);
}

static int who_is_it(void *arg)
{
	awl_credentials c = { 0 };
	int fds[2];

	unix_pair(fds);
	assert_int_equal(awl_sock_peer_credentials(fds[0], &c), 0);
	assert_int_equal(c.pid, getpid());
	assert_int_equal(c.uid, getuid());
	assert_int_equal(c.gid, getgid());
	assert_int_equal(awl_sock_peer_credentials(fds[0], NULL), -EINVAL);
	close_both(fds);
	return 0;
}

static void a_peer_says_who_it_is(void **state)
{
	in_loop(who_is_it, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_or_a_part_of_it_is_sent_and_its_position_stays),
		cmocka_unit_test(a_blocking_socket_is_sent_a_file_without_blocking),
		cmocka_unit_test(a_cancelled_sendfile_says_how_far_it_came),
		cmocka_unit_test(a_reset_ends_a_sendfile_without_a_signal),
		cmocka_unit_test(a_close_waits_for_the_thread_of_a_sendfile),
		cmocka_unit_test(what_cannot_be_sent_as_a_file_is_refused_at_once),
		cmocka_unit_test(descriptors_go_with_bytes_and_none_leaks),
		cmocka_unit_test(a_cancelled_receive_leaks_no_descriptor),
		cmocka_unit_test(where_the_system_has_no_number_all_of_them_are_closed),
		cmocka_unit_test(a_peer_says_who_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
