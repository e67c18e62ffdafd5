/* SPDX-License-Identifier: MIT */
/*
 * test_activation.c - under a service manager, which the test is: sockets handed over, and words
 * sent back; as sd_listen_fds(3) and sd_notify(3) have it.
 */
#include "sockets.h"

#include <libgen.h>
#include <sys/un.h>
#include <sys/wait.h>

static int listening(struct sockaddr_in *at)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof *at;

	*at = loopback(0);
	assert_int_equal(bind(fd, ADDRESS(*at), sizeof *at), 0);
	assert_int_equal(listen(fd, 10), 0);
	assert_int_equal(getsockname(fd, ADDRESS(*at), &len), 0);
	return fd;
}

/* A manager's ear; its name, for NOTIFY_SOCKET. */
static int ear(char *name, size_t size, bool abstract)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t len;

	snprintf(name, size, abstract ? "@awl-notify-%d" : "/tmp/awl-notify-%d", (int)getpid());
	strcpy(addr.sun_path, name);
	if (abstract)
		addr.sun_path[0] = 0;
	len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name) + !abstract);
	assert_int_equal(bind(fd, ADDRESS(addr), len), 0);
	return fd;
}

static void assert_hears(int fd, const char *words)
{
	char buf[256];
	ssize_t n = recv(fd, buf, sizeof buf - 1, 0);

	assert_true(n >= 0);
	buf[n] = 0;
	assert_string_equal(buf, words);
}

static void set_number(const char *name, int value)
{
	char text[16];

	snprintf(text, sizeof text, "%d", value);
	setenv(name, text, 1);
}

/* In the child: fds become 3, 4, ... */
static void hand_over(const int *fds, int count, const char *names)
{
	int high[8];

	for (int i = 0; i < count; i++)
		high[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 50);
	for (int i = 0; i < count; i++)
		dup2(high[i], 3 + i); /* which is not closed by exec */
	set_number("LISTEN_PID", (int)getpid());
	set_number("LISTEN_FDS", count);
	if (names)
		setenv("LISTEN_FDNAMES", names, 1);
}

/* --- a service from its start to its end
 * ---------------------------------------------------------- */

static void become_service(const char *name)
{
	char self[4096], path[4200];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

	self[n > 0 ? n : 0] = 0;
	snprintf(path, sizeof path, "%s/net.prog_activated", dirname(self));
	execl(path, path, name, NULL);
	_exit(126);
}

static void say_and_hear(const struct sockaddr_in *at, const char *line)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char buf[64] = "";
	size_t len = strlen(line);

	assert_int_equal(connect(fd, (const struct sockaddr *)at, sizeof *at), 0);
	assert_int_equal(write(fd, line, len), len);
	if (strcmp(line, "quit\n") != 0) {
		assert_int_equal(recv(fd, buf, len, MSG_WAITALL), len);
		assert_string_equal(buf, line);
	} else {
		assert_int_equal(recv(fd, buf, sizeof buf, 0), 0);
	}
	close(fd);
}

static void run_service(const char *name, bool abstract)
{
	struct sockaddr_in at[2];
	int fds[2] = { listening(&at[0]), listening(&at[1]) };
	char manager[64];
	int notify = ear(manager, sizeof manager, abstract), status;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		hand_over(fds, 2, "http:admin");
		setenv("NOTIFY_SOCKET", manager, 1);
		become_service(name);
	}
	assert_hears(notify, "READY=1\nSTATUS=serving");
	for (int i = 0; i < 2; i++)
		if (!name || i == 1) {
			say_and_hear(&at[i], "hello\n");
			say_and_hear(&at[i], "again\n");
		}
	say_and_hear(&at[1], "quit\n");
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	close(fds[0]);
	close(fds[1]);
	close(notify);
	if (!abstract)
		unlink(manager);
}

static void a_service_serves_at_the_sockets_it_was_handed(void **state)
{
	run_service(NULL, false);
	run_service(NULL, true);
}

static void a_service_finds_its_sockets_by_name(void **state)
{
	run_service("admin", true);
}

/* --- what is found
 * --------------------------------------------------------------------------------- */

/* What fn finds in a child that was handed two sockets. */
static int in_child(int (*fn)(void), const char *names)
{
	struct sockaddr_in at;
	int fds[2] = { listening(&at), listening(&at) }, status;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		hand_over(fds, 2, names);
		_exit(fn());
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	close(fds[0]);
	close(fds[1]);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

#define CHECK(what) \
	do { \
		if (!(what)) \
			return __LINE__ % 256; \
	} while (0)

static int finds_all(void)
{
	int fds[2] = { -1, -1 };

	CHECK(awl_listen_fds(NULL, fds, 2) == 2);
	CHECK(fds[0] == 3 && fds[1] == 4);
	CHECK((fcntl(3, F_GETFD) & FD_CLOEXEC) && (fcntl(4, F_GETFD) & FD_CLOEXEC));
	CHECK(awl_listen_fds(NULL, fds, 2) == 2); /* the environment is as it was */
	CHECK(awl_listen_fds(NULL, fds, 1) == -E2BIG);
	CHECK(awl_listen_fds(NULL, NULL, 1) == -EINVAL);
	return 0;
}

static int finds_by_name(void)
{
	int fds[2] = { -1, -1 };

	CHECK(awl_listen_fds("b", fds, 2) == 1 && fds[0] == 4);
	CHECK(awl_listen_fds("a", fds, 2) == 1 && fds[0] == 3);
	CHECK(awl_listen_fds("ab", fds, 2) == 0);
	CHECK(awl_listen_fds("", fds, 2) == 0);
	return 0;
}

static int finds_unnamed(void)
{
	int fds[2];

	unsetenv("LISTEN_FDNAMES");
	CHECK(awl_listen_fds("unknown", fds, 2) == 2); /* as systemd calls them */
	CHECK(awl_listen_fds("a", fds, 2) == 0);
	return 0;
}

static int finds_nothing(void)
{
	int fds[2];

	setenv("LISTEN_PID", "1", 1);
	CHECK(awl_listen_fds(NULL, fds, 2) == 0);
	set_number("LISTEN_PID", (int)getpid());
	setenv("LISTEN_FDS", "two", 1);
	CHECK(awl_listen_fds(NULL, fds, 2) == 0);
	setenv("LISTEN_FDS", "0", 1);
	CHECK(awl_listen_fds(NULL, fds, 2) == 0);
	unsetenv("LISTEN_FDS");
	CHECK(awl_listen_fds(NULL, fds, 2) == 0);
	setenv("LISTEN_FDS", "40", 1);
	close(5);
	CHECK(awl_listen_fds("nobody", fds, 2) == -EBADF);
	return 0;
}

static void sockets_are_found_in_order_and_made_close_on_exec(void **state)
{
	assert_int_equal(in_child(finds_all, "a:b"), 0);
}

static void names_pick_theirs(void **state)
{
	assert_int_equal(in_child(finds_by_name, "a:b"), 0);
	assert_int_equal(in_child(finds_unnamed, NULL), 0);
}

static void what_is_another_processs_or_no_number_is_nothing(void **state)
{
	assert_int_equal(in_child(finds_nothing, "a:b"), 0);
}

/* --- what is said
 * ---------------------------------------------------------------------------------- */

static void without_a_manager_nothing_is_said(void **state)
{
	unsetenv("NOTIFY_SOCKET");
	assert_int_equal(awl_notify("READY=1"), 0);
	assert_int_equal(awl_notify(NULL), -EINVAL);
	setenv("NOTIFY_SOCKET", "vsock:2:1234", 1);
	assert_int_equal(awl_notify("READY=1"), -EAFNOSUPPORT);
	setenv("NOTIFY_SOCKET", "/nowhere/at/all", 1);
	assert_int_equal(awl_notify("READY=1"), -ENOENT);
	unsetenv("NOTIFY_SOCKET");
}

static void a_manager_who_does_not_listen_is_not_waited_for(void **state)
{
	char manager[64];
	int notify = ear(manager, sizeof manager, true), said = 0, r;

	setenv("NOTIFY_SOCKET", manager, 1);
	while ((r = awl_notify("WATCHDOG=1")) == 1)
		said++;
	assert_int_equal(r, -EAGAIN);
	assert_true(said > 0);
	assert_hears(notify, "WATCHDOG=1");
	unsetenv("NOTIFY_SOCKET");
	close(notify);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_service_serves_at_the_sockets_it_was_handed),
		cmocka_unit_test(a_service_finds_its_sockets_by_name),
		cmocka_unit_test(sockets_are_found_in_order_and_made_close_on_exec),
		cmocka_unit_test(names_pick_theirs),
		cmocka_unit_test(what_is_another_processs_or_no_number_is_nothing),
		cmocka_unit_test(without_a_manager_nothing_is_said),
		cmocka_unit_test(a_manager_who_does_not_listen_is_not_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
