/* SPDX-License-Identifier: MIT */
/*
 * @reactors @valgrind @timeout 30
 * test_full.c - writing where there is no room: it is told once for each write, what had room is
 * told before, and the descriptor is as usable as it was. sim has no disk.
 */
#include "support.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>

static int open_full(int flags)
{
	int fd = open("/dev/full", O_RDWR | O_CLOEXEC | flags);

	assert_true(fd >= 0);
	return fd;
}

/* How many descriptors the process has. */
static int count_fds(void)
{
	int n = 0;

	for (int fd = 0; fd < 200; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* --- a device that is always full ------------------------------------------------------------- */

static int again_and_again(void *flags)
{
	static const char much[1 << 20];
	char zeros[16] = "not yet";
	int fd = open_full(*(int *)flags), before;

	assert_int_equal(awl_fd_write(fd, "x", 1), -ENOSPC);
	before = count_fds();
	for (int i = 0; i < 200; i++) {
		assert_int_equal(awl_fd_write(fd, "x", 1), -ENOSPC);
		assert_int_equal(awl_fd_write(fd, much, sizeof much), -ENOSPC);
		assert_int_equal(awl_yield(), 0); /* and nothing comes after it */
		assert_int_equal(awl_fd_read(fd, zeros, sizeof zeros), sizeof zeros);
		assert_int_equal(zeros[0] | zeros[15], 0);
	}
	assert_int_equal(count_fds(), before);
	assert_int_equal(here()->reactor->in_flight, 0);
	assert_int_equal(awl_sock_close(fd), 0);
	return 0;
}

static void a_full_device_says_so_each_time_and_is_read_as_before(void **state)
{
	static const int flags[] = { 0, O_NONBLOCK, O_APPEND };

	REAL_KERNEL();
	for (size_t i = 0; i < COUNT(flags); i++)
		in_loop(again_and_again, (void *)(uintptr_t)&flags[i]);
}

static int in_debug_mode(void *arg)
{
	int fd = open_full(0);

	assert_int_equal(awl_loop_set_debug(here(), 1), 0);
	assert_int_equal(awl_fd_write(fd, "x", 1), -ENOSPC);
	assert_int_equal(awl_fd_write(fd, "x", 0), 0);
	return awl_sock_close(fd);
}

static void debug_mode_changes_nothing_of_it(void **state)
{
	REAL_KERNEL();
	in_loop(in_debug_mode, NULL);
}

/* --- several ---------------------------------------------------------------------------------- */

struct writer {
	int fd, result, next;
};

static int writes(void *arg)
{
	struct writer *w = arg;

	w->result = awl_fd_write(w->fd, "x", 1);
	w->next = awl_yield();
	return w->next;
}

static int many(void *arg)
{
	struct writer w[20];
	awl_task *t[COUNT(w)];
	int fd = open_full(0);

	for (size_t i = 0; i < COUNT(w); i++) {
		w[i] = (struct writer){ fd, 1, 1 };
		t[i] = spawn(writes, &w[i]);
	}
	for (size_t i = 0; i < COUNT(w); i++) {
		assert_int_equal(outcome(t[i]), 0);
		assert_int_equal(w[i].result, -ENOSPC);
	}
	return awl_sock_close(fd);
}

static void each_of_many_writers_is_told(void **state)
{
	REAL_KERNEL();
	in_loop(many, NULL);
}

/* At the first, the second, ... chance to do so. */
static int cancelled(void *arg)
{
	int fd = open_full(0);

	for (int at = 0; at < 6; at++) {
		struct writer w = { fd, 1, 1 };
		awl_task *t = spawn(writes, &w);

		for (int i = 0; i < at; i++)
			assert_int_equal(awl_yield(), 0);
		awl_cancel(t, "enough");
		assert_int_equal(awl_join(t), 0);
		assert_int_equal(awl_unref(t), 0);
		if (w.result == AWL_ECANCELED)
			assert_int_equal(w.next, 0);
		else
			assert_int_equal(w.result, -ENOSPC);
		assert_true(w.next == 0 || w.next == AWL_ECANCELED);
	}
	assert_int_equal(here()->reactor->in_flight, 0);
	return awl_sock_close(fd);
}

static void a_cancel_that_comes_late_does_not_hide_it(void **state)
{
	REAL_KERNEL();
	in_loop(cancelled, NULL);
}

static int closes_under_it(void *arg)
{
	struct writer w = { open_full(0), 1, 1 };
	awl_task *t = spawn(writes, &w);

	assert_int_equal(awl_yield(), 0);
	assert_int_equal(awl_sock_close(w.fd), 0);
	assert_int_equal(outcome(t), 0);
	assert_true(w.result == -ENOSPC || w.result == AWL_EDEAD);
	assert_int_equal(fcntl(w.fd, F_GETFD), -1);
	return 0;
}

static void a_close_meanwhile_ends_it(void **state)
{
	REAL_KERNEL();
	in_loop(closes_under_it, NULL);
}

/* --- a file that becomes full ----------------------------------------------------------------- */

#define ROOM 65536

static int fills(void *arg)
{
	static char much[3 * ROOM / 2], back[2 * ROOM];
	int fd = memfd_create("full", MFD_CLOEXEC), r;
	size_t n = 0;

	assert_true(fd >= 0);
	memset(much, 'm', sizeof much);
	while ((r = awl_fd_write(fd, much + n, sizeof much - n)) > 0)
		n += (size_t)r;
	assert_int_equal(n, ROOM); /* what had room is there, and told */
	assert_int_equal(r, -EFBIG);
	assert_int_equal(awl_fd_write(fd, "x", 1), -EFBIG);

	assert_int_equal(lseek(fd, ROOM - 4, SEEK_SET), ROOM - 4);
	assert_int_equal(awl_fd_write(fd, "tail", 4), 4); /* in the middle it goes on */
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	for (n = 0; (r = awl_fd_read(fd, back + n, sizeof back - n)) > 0;)
		n += (size_t)r;
	assert_int_equal(r, 0);
	assert_int_equal(n, ROOM);
	assert_memory_equal(back, much, ROOM - 4);
	assert_memory_equal(back + ROOM - 4, "tail", 4);
	return awl_sock_close(fd);
}

static void what_has_room_in_a_file_is_written_and_the_rest_refused(void **state)
{
	struct rlimit before, limit;
	void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);

	REAL_KERNEL();
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	limit = before;
	limit.rlim_cur = ROOM;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	in_loop(fills, NULL);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	signal(SIGXFSZ, handler);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_device_says_so_each_time_and_is_read_as_before),
		cmocka_unit_test(debug_mode_changes_nothing_of_it),
		cmocka_unit_test(each_of_many_writers_is_told),
		cmocka_unit_test(a_cancel_that_comes_late_does_not_hide_it),
		cmocka_unit_test(a_close_meanwhile_ends_it),
		cmocka_unit_test(what_has_room_in_a_file_is_written_and_the_rest_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
