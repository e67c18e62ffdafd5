/* SPDX-License-Identifier: MIT */
/*
 * @reactors @timeout 120
 * test_socket_life.c - what happens around a wait: thousands of connections come and are reset, the
 * process forks, signals arrive; and a library with an event loop of its own lives in ours.
 */
#include "net/sockets.h"

#include <dlfcn.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>

static long resident(void)
{
	long pages = -1;
	FILE *f = fopen("/proc/self/statm", "re");

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%*d %ld", &pages), 1);
	fclose(f);
	return pages * 4;
}

/* --- thousands --- */

#define CONNECTIONS 10000
#define AT_ONCE 20

static int serve(void *arg)
{
	char buf[64];
	int fd = *(int *)arg, r;

	while ((r = awl_sock_recv(fd, buf, sizeof buf, 0)) > 0)
		r = awl_sock_sendall(fd, buf, (size_t)r, 0, NULL);
	assert_true(r == 0 || r == -ECONNRESET || r == -EPIPE);
	return awl_sock_close(fd);
}

/* The peer resets while they wait, or before they begin, or with something unread. */
static void come_and_go(int l, const struct sockaddr_in *at)
{
	int ours[AT_ONCE], theirs[AT_ONCE];
	awl_task *t[AT_ONCE];

	for (int i = 0; i < AT_ONCE; i++) {
		theirs[i] = dial(at);
		ours[i] = awl_sock_accept(l, NULL, NULL);
		assert_true(ours[i] >= 0);
		assert_int_equal(awl_create_task(serve, &ours[i], &t[i]), 0);
		if (i % 3 == 0)
			assert_int_equal(awl_sock_send(theirs[i], "hello", 5, 0), 5);
	}
	for (int i = 0; i < AT_ONCE; i++)
		reset(theirs[i]);
	for (int i = 0; i < AT_ONCE; i++) {
		assert_int_equal(awl_await(t[i]), 0);
		assert_int_equal(awl_unref(t[i]), 0);
	}
}

static int thousands(void *arg)
{
	struct sockaddr_in at;
	int l = listener(&at, AT_ONCE), before = descriptors(here());
	long kib = 0;

	for (int i = 0; i < CONNECTIONS / AT_ONCE; i++) {
		come_and_go(l, &at);
		if (i == CONNECTIONS / AT_ONCE / 10)
			kib = resident();
	}
	assert_int_equal(descriptors(here()), before);
	assert_int_equal(here()->reactor->in_flight, 0);
	/* What the first thousand made is used again by the others. */
	if (!AWL__ASAN) /* which keeps what was freed */
		assert_in_range(resident(), 0, kib + 512);
	return awl_sock_close(l);
}

static void ten_thousand_connections_that_are_reset_leave_nothing_behind(void **state)
{
	in_loop(thousands, NULL);
}

/* --- fork --- */

static int receive_one(void *arg)
{
	char byte;
	int r = awl_sock_recv(*(int *)arg, &byte, 1, 0);

	return r == 1 ? byte : r;
}

static int forks(void *arg)
{
	int fds[2], status;
	awl_loop *l = here();
	awl_task *t;
	pid_t child;
	char byte;

	tcp_pair(fds);
	assert_int_equal(awl_create_task(receive_one, &fds[0], &t), 0);
	settle();
	child = fork();
	if (child == 0) {
		/* Nothing of the parent's is touched: not its sockets, not its watches. */
		int r = awl_sock_recv(fds[1], &byte, 1, 0);
		bool ok = r == AWL_ENOLOOP || r == AWL_EFORK;

		r = awl_sock_close(fds[0]);
		ok &= r == AWL_ENOLOOP || r == AWL_EFORK;
		ok &= awl_loop_add_reader(l, fds[0], receive_one, fds) == AWL_EFORK;
		_exit(ok ? 0 : 1);
	}
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(awl_done(t), 0);
	assert_int_equal(awl_sock_send(fds[1], "x", 1, 0), 1);
	assert_int_equal(awl_await(t), 'x');
	close_both(fds);
	return awl_unref(t);
}

static void a_fork_while_an_operation_waits_leaves_it_to_the_parent(void **state)
{
	in_loop(forks, NULL);
}

/* --- signals --- */

static volatile sig_atomic_t signals;

static void on_signal(int sig)
{
	signals = signals + 1;
}

static int echo(void *arg)
{
	char buf[512];
	int fd = *(int *)arg, r;

	while ((r = awl_sock_recv(fd, buf, sizeof buf, 0)) > 0)
		assert_int_equal(awl_sock_sendall(fd, buf, (size_t)r, 0, NULL), 0);
	return r;
}

static int under_signals(void *arg)
{
	struct itimerval often = { { 0, 100 }, { 0, 100 } }, never = { 0 };
	struct sigaction sa = { .sa_handler = on_signal }, old; /* no SA_RESTART */
	char out[400], in[400];
	awl_task *t;
	int fds[2];

	tcp_pair(fds);
	assert_int_equal(awl_create_task(echo, &fds[1], &t), 0);
	sigaction(SIGALRM, &sa, &old);
	setitimer(ITIMER_REAL, &often, NULL);
	for (int round = 0; round < 100 || signals < 50; round++) {
		size_t got = 0;

		memset(out, round, sizeof out);
		assert_int_equal(awl_sock_sendall(fds[0], out, sizeof out, 0, NULL), 0);
		while (got < sizeof in) {
			int n = awl_sock_recv(fds[0], in + got, sizeof in - got, 0);

			assert_true(n > 0);
			got += (size_t)n;
		}
		assert_memory_equal(in, out, sizeof in);
	}
	setitimer(ITIMER_REAL, &never, NULL);
	sigaction(SIGALRM, &old, NULL);
	assert_int_equal(awl_sock_shutdown(fds[0], SHUT_WR), 0);
	assert_int_equal(awl_await(t), 0);
	close_both(fds);
	return awl_unref(t);
}

static void signals_in_the_middle_change_nothing(void **state)
{
	in_loop(under_signals, NULL);
}

/* --- another event loop inside ours: libuv, by its descriptor --- */

struct uv {
	void *(*default_loop)(void);
	int (*backend_fd)(void *loop);
	int (*run)(void *loop, int mode);
	size_t (*handle_size)(int type);
	int (*poll_init)(void *loop, void *poll, int fd);
	int (*poll_start)(void *poll, int events, void (*fn)(void *poll, int status, int events));
	int (*poll_stop)(void *poll);
	void (*close)(void *handle, void (*fn)(void *handle));
	int (*loop_close)(void *loop);
};

#define UV_POLL 8
#define UV_READABLE 1
#define UV_RUN_NOWAIT 2

static struct uv uv;
static int uv_calls;

static bool load_uv(void)
{
	void *lib = dlopen("libuv.so.1", RTLD_NOW | RTLD_LOCAL);

	if (!lib)
		return false;
	*(void **)&uv.default_loop = dlsym(lib, "uv_default_loop");
	*(void **)&uv.backend_fd = dlsym(lib, "uv_backend_fd");
	*(void **)&uv.run = dlsym(lib, "uv_run");
	*(void **)&uv.handle_size = dlsym(lib, "uv_handle_size");
	*(void **)&uv.poll_init = dlsym(lib, "uv_poll_init");
	*(void **)&uv.poll_start = dlsym(lib, "uv_poll_start");
	*(void **)&uv.poll_stop = dlsym(lib, "uv_poll_stop");
	*(void **)&uv.close = dlsym(lib, "uv_close");
	*(void **)&uv.loop_close = dlsym(lib, "uv_loop_close");
	return true;
}

static int run_uv(void *loop)
{
	uv.run(loop, UV_RUN_NOWAIT);
	return 0;
}

static int uv_fd;

static void uv_readable(void *poll, int status, int events)
{
	char byte;

	assert_int_equal(status, 0);
	assert_int_equal(recv(uv_fd, &byte, 1, MSG_DONTWAIT), 1);
	uv_calls++;
}

static int with_uv(void *arg)
{
	void *loop = uv.default_loop(), *poll = calloc(1, uv.handle_size(UV_POLL));
	int fds[2], fd = uv.backend_fd(loop);

	unix_pair(fds);
	uv_fd = fds[0];
	assert_int_equal(uv.poll_init(loop, poll, fds[0]), 0);
	assert_int_equal(uv.poll_start(poll, UV_READABLE, uv_readable), 0);
	run_uv(loop); /* it registers what it waits for */
	assert_int_equal(awl_loop_add_reader(here(), fd, run_uv, loop), 0);
	for (int i = 1; i <= 5; i++) {
		assert_int_equal(awl_sock_send(fds[1], "x", 1, 0), 1);
		while (uv_calls < i)
			settle();
	}
	assert_int_equal(awl_loop_remove_reader(here(), fd), 1);
	uv.close(poll, NULL);
	run_uv(loop);
	assert_int_equal(uv.loop_close(loop), 0);
	free(poll);
	close_both(fds);
	return 0;
}

static void a_library_with_a_loop_of_its_own_lives_in_ours(void **state)
{
	REAL_KERNEL();
	if (!load_uv())
		skip();
	uv_calls = 0;
	in_loop(with_uv, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ten_thousand_connections_that_are_reset_leave_nothing_behind),
		cmocka_unit_test(a_fork_while_an_operation_waits_leaves_it_to_the_parent),
		cmocka_unit_test(signals_in_the_middle_change_nothing),
		cmocka_unit_test(a_library_with_a_loop_of_its_own_lives_in_ours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
