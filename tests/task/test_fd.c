/* SPDX-License-Identifier: MIT */
/*
 * @reactors @valgrind @thread @timeout 20
 * test_fd.c - waiting for descriptors: two tasks on one; what is wrong with a descriptor; what is
 * no pipe at all.
 */
#include "fds.h"

#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>

static int two_readers(void *arg)
{
	struct reader a = { 0 }, b = { 0 };
	awl_task *ta, *tb;
	int fds[2];

	make_pipe(here(), fds);
	a.fd = b.fd = fds[0];
	assert_int_equal(awl_create_task(read_and_wait, &a, &ta), 0);
	assert_int_equal(awl_create_task(read_and_wait, &b, &tb), 0);
	assert_int_equal(awl_sleep(AWL_MS), 0);
	put(fds[1], "12345678");
	assert_int_equal(awl_sleep(AWL_MS), 0);
	put(fds[1], "abcdefgh");
	assert_true(awl_await(ta) > 0);
	assert_true(awl_await(tb) > 0);
	close_pipe(here(), fds);
	assert_int_equal(awl_unref(ta), 0);
	return awl_unref(tb);
}

static void two_readers_of_one_pipe_both_come_to_their_end(void **state)
{
	with_seeds(two_readers, NULL);
}

struct poller {
	int fd, events, came;
};

static int poll_it(void *arg)
{
	struct poller *p = arg;

	p->came = awl_wait_fd(p->fd, p->events);
	return p->came < 0 ? p->came : 0;
}

static int two_pollers(void *arg)
{
	struct poller p[2];
	awl_task *t[2], *cancelled;
	int fds[2];

	make_pipe(here(), fds);
	for (int i = 0; i < 2; i++) {
		p[i] = (struct poller){ fds[0], POLLIN, 0 };
		assert_int_equal(awl_create_task(poll_it, &p[i], &t[i]), 0);
	}
	assert_int_equal(
		awl_create_task(poll_it, &(struct poller){ fds[0], POLLIN, 0 }, &cancelled), 0);
	assert_int_equal(awl_sleep(AWL_MS), 0);
	/* One less is no harm to the others. */
	assert_int_equal(awl_cancel(cancelled, NULL), 1);
	assert_int_equal(awl_await(cancelled), AWL_EFUTURECANCELED);
	assert_int_equal(awl_fd_write(fds[1], "x", 1), 1);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(awl_await(t[i]), 0);
		assert_int_equal(p[i].came, POLLIN);
		assert_int_equal(awl_unref(t[i]), 0);
	}
	close_pipe(here(), fds);
	return awl_unref(cancelled);
}

static void two_pollers_of_one_pipe_are_both_told(void **state)
{
	with_seeds(two_pollers, NULL);
}

static int both_ways(void *arg)
{
	struct reader r = { 0 };
	static char many[1 << 20];
	int sv[2], n = 0;
	awl_task *t;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
	r.fd = sv[0];
	assert_int_equal(awl_create_task(read_and_wait, &r, &t), 0);
	/* We write on the descriptor another task reads from, until it is full. */
	while (true) {
		int w;
		awl_timeout time;

		w = awl_timeout_enter(&time, AWL_MS);
		if (w == 0)
			w = awl_fd_write(sv[0], many, sizeof many);
		w = awl_timeout_exit(&time, w);
		if (w == -ETIMEDOUT)
			break;
		assert_true(w > 0);
		n += w;
	}
	assert_true(n > 0);
	assert_int_equal(awl_fd_write(sv[1], "abc", 3), 3);
	assert_int_equal(awl_await(t), 3);
	while (n > 0) {
		int got = awl_fd_read(sv[1], many, sizeof many);

		assert_in_range(got, 1, n);
		n -= got;
	}
	close(sv[0]);
	close(sv[1]);
	return awl_unref(t);
}

static void a_reader_and_a_writer_share_a_socket_and_no_byte_is_uncounted(void **state)
{
	REAL_KERNEL();
	in_loop(both_ways, NULL);
}

/* --- what may be wrong --- */

static int bad_numbers(void *arg)
{
	char byte = 0;
	int fds[2];

	make_pipe(here(), fds);
	/* The wrong end; on sim as in the kernel. */
	assert_int_equal(awl_fd_read(fds[1], &byte, 1), -EBADF);
	assert_int_equal(awl_fd_write(fds[0], &byte, 1), -EBADF);
	close_pipe(here(), fds);
	for (int i = 0; i < 2; i++) {
		int fd = i ? fds[0] : -1;

		assert_int_equal(awl_fd_read(fd, &byte, 1), -EBADF);
		assert_int_equal(awl_fd_write(fd, &byte, 1), -EBADF);
		assert_int_equal(awl_wait_fd(fd, POLLIN), -EBADF);
	}
	assert_int_equal(awl_fd_read(INT32_MIN, &byte, 1), -EBADF);
	return 0;
}

static void a_number_that_is_no_descriptor_is_ebadf(void **state)
{
	in_loop(bad_numbers, NULL);
}

static int bad_arguments(void *arg)
{
	char byte;
	int fds[2];

	make_pipe(here(), fds);
	assert_int_equal(awl_fd_read(fds[0], NULL, 1), -EINVAL);
	assert_int_equal(awl_fd_write(fds[1], NULL, 1), -EINVAL);
	assert_int_equal(awl_wait_fd(fds[0], 0), -EINVAL);
	assert_int_equal(awl_wait_fd(fds[0], POLLNVAL), -EINVAL);
	assert_int_equal(awl_wait_fd(fds[0], -1), -EINVAL);
	/* Nothing of nothing is not wrong. */
	assert_int_equal(awl_fd_write(fds[1], NULL, 0), 0);
	assert_int_equal(awl_fd_write(fds[1], "x", 1), 1);
	assert_int_equal(awl_fd_read(fds[0], &byte, 0), 0);
	assert_int_equal(awl_fd_read(fds[0], &byte, 1), 1);
	close_pipe(here(), fds);
	return 0;
}

static void arguments_are_checked_before_anything_happens(void **state)
{
	char byte;

	in_loop(bad_arguments, NULL);
	assert_int_equal(awl_fd_read(0, &byte, 1), AWL_ENOLOOP);
	assert_int_equal(awl_fd_write(1, &byte, 1), AWL_ENOLOOP);
	assert_int_equal(awl_wait_fd(0, POLLIN), AWL_ENOLOOP);
}

static int write_forever(void *arg)
{
	static char many[100000];
	int r;

	do
		r = awl_fd_write(*(int *)arg, many, sizeof many);
	while (r > 0);
	return r;
}

static int broken_pipe(void *arg)
{
	awl_task *t;
	int fds[2];

	make_pipe(here(), fds);
	close_end(here(), fds[0]);
	for (int i = 0; i < 3; i++)
		assert_int_equal(awl_fd_write(fds[1], "x", 1), -EPIPE);
	close_end(here(), fds[1]);
	/* also for who waits already */
	make_pipe(here(), fds);
	assert_int_equal(awl_create_task(write_forever, &fds[1], &t), 0);
	assert_int_equal(awl_sleep(AWL_MS), 0);
	assert_int_equal(awl_done(t), 0);
	close_end(here(), fds[0]);
	assert_int_equal(awl_await(t), -EPIPE);
	close_end(here(), fds[1]);
	return awl_unref(t);
}

/* SIGPIPE has its default action here: it would end the program. */
static void a_write_to_a_broken_pipe_is_epipe_without_a_signal(void **state)
{
	in_loop(broken_pipe, NULL);
}

static int end_of_file(void *arg)
{
	struct reader r = { .first = 7 };
	char byte;
	int fds[2], came;
	awl_task *t = reading(&r, fds);

	close_end(here(), fds[1]);
	assert_int_equal(awl_await(t), 0);
	assert_int_equal(awl_fd_read(fds[0], &byte, 1), 0);
	came = awl_wait_fd(fds[0], POLLIN);
	assert_true(came > 0 && (came & POLLHUP));
	close_end(here(), fds[0]);
	return awl_unref(t);
}

static void the_end_of_the_file_is_nothing_and_is_told_again(void **state)
{
	in_loop(end_of_file, NULL);
}

/* --- what is no pipe --- */

static int regular_file(void *arg)
{
	char path[] = "/tmp/awl-test-XXXXXX", bytes[64];
	int fd = mkstemp(path), dir = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0 && dir >= 0);
	unlink(path);
	/* at the file's own position */
	assert_int_equal(awl_fd_write(fd, "hello ", 6), 6);
	assert_int_equal(awl_fd_write(fd, "file", 4), 4);
	assert_int_equal(awl_fd_read(fd, bytes, sizeof bytes), 0);
	assert_int_equal(lseek(fd, 6, SEEK_SET), 6);
	assert_int_equal(awl_fd_read(fd, bytes, sizeof bytes), 4);
	assert_memory_equal(bytes, "file", 4);
	assert_int_equal(awl_fd_read(fd, bytes, sizeof bytes), 0);
	/* poll(2): a file is always ready */
	assert_int_equal(awl_wait_fd(fd, POLLIN | POLLOUT), POLLIN | POLLOUT);
	assert_int_equal(awl_fd_read(dir, bytes, sizeof bytes), -EISDIR);
	close(fd);
	close(dir);
	return 0;
}

static void a_regular_file_is_read_and_written_at_its_position(void **state)
{
	REAL_KERNEL();
	in_loop(regular_file, NULL);
}

static int nonblocking(void *arg)
{
	struct reader r = { 0 };
	awl_task *t;
	int fds[2], flags;

	assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	r.fd = fds[0];
	assert_int_equal(awl_create_task(read_and_wait, &r, &t), 0);
	assert_int_equal(awl_sleep(AWL_MS), 0);
	assert_int_equal(awl_done(t), 0); /* it waits, where read(2) would not */
	assert_int_equal(awl_fd_write(fds[1], "abc", 3), 3);
	assert_int_equal(awl_await(t), 3);
	flags = fcntl(fds[0], F_GETFL);
	assert_true(flags & O_NONBLOCK);
	close_pipe(here(), fds);
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(awl_fd_write(fds[1], "abc", 3), 3);
	assert_int_equal(awl_fd_read(fds[0], r.bytes, 3), 3);
	assert_false(fcntl(fds[0], F_GETFL) & O_NONBLOCK);
	close_pipe(here(), fds);
	return awl_unref(t);
}

static void o_nonblock_is_neither_needed_nor_changed_nor_in_the_way(void **state)
{
	REAL_KERNEL();
	in_loop(nonblocking, NULL);
}

static int counters(void *arg)
{
	uint64_t n = 5;
	int fd = eventfd(0, EFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(awl_fd_write(fd, &n, sizeof n), sizeof n);
	assert_int_equal(awl_wait_fd(fd, POLLIN), POLLIN);
	n = 0;
	assert_int_equal(awl_fd_read(fd, &n, sizeof n), sizeof n);
	assert_int_equal(n, 5);
	assert_int_equal(awl_fd_read(fd, &n, 1), -EINVAL); /* as read(2) says */
	close(fd);
	return 0;
}

static void other_descriptors_work_as_read_and_write_do(void **state)
{
	REAL_KERNEL();
	in_loop(counters, NULL);
}

#if !AWL__ASAN
static int too_much(void *arg)
{
	size_t size = (size_t)3 << 30;
	void *p = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

	assert_true(p != MAP_FAILED && fd >= 0);
	assert_int_equal(awl_fd_write(fd, p, size), AWL_TRANSFER_MAX);
	close(fd);
	munmap(p, size);
	return 0;
}
#endif

static void a_transfer_beyond_2_gib_moves_what_the_kernels_do(void **state)
{
	REAL_KERNEL();
#if !AWL__ASAN
	in_loop(too_much, NULL);
#endif
}

static int real_on_sim(void *arg)
{
	int fds[2];
	char byte;

	assert_int_equal(pipe(fds), 0);
	assert_int_equal(awl_fd_read(fds[0], &byte, 1), -ENOTSUP);
	assert_int_equal(awl_wait_fd(fds[0], POLLIN), -ENOTSUP);
	assert_non_null(strstr(awl_error_detail(-ENOTSUP), "only its own pipes"));
	close(fds[0]);
	close(fds[1]);
	return 0;
}

static void sim_says_that_it_has_only_its_own_pipes(void **state)
{
	in_sim(real_on_sim, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_readers_of_one_pipe_both_come_to_their_end),
		cmocka_unit_test(two_pollers_of_one_pipe_are_both_told),
		cmocka_unit_test(a_reader_and_a_writer_share_a_socket_and_no_byte_is_uncounted),
		cmocka_unit_test(a_number_that_is_no_descriptor_is_ebadf),
		cmocka_unit_test(arguments_are_checked_before_anything_happens),
		cmocka_unit_test(a_write_to_a_broken_pipe_is_epipe_without_a_signal),
		cmocka_unit_test(the_end_of_the_file_is_nothing_and_is_told_again),
		cmocka_unit_test(a_regular_file_is_read_and_written_at_its_position),
		cmocka_unit_test(o_nonblock_is_neither_needed_nor_changed_nor_in_the_way),
		cmocka_unit_test(other_descriptors_work_as_read_and_write_do),
		cmocka_unit_test(a_transfer_beyond_2_gib_moves_what_the_kernels_do),
		cmocka_unit_test(sim_says_that_it_has_only_its_own_pipes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
