/* SPDX-License-Identifier: MIT */
/*
 * test_datagram_open.c - how a datagram endpoint begins and how it ends: by port, by path or by a
 * socket that is there; refused in words, or closed with its loop. @reactors @thread @valgrind
 */
#include "datagrams.h"

#include "reactor/op.h"

#include <stdlib.h>
#include <sys/un.h>

/* --- unix ------------------------------------------------------------------------------------- */

static int unix_body(void *arg)
{
	const char *path = arg;
	awl_datagram *a = open_with(&(awl_datagram_options){ .local_path = path });
	awl_datagram *b = open_with(&(awl_datagram_options){ .remote_path = path });
	struct sockaddr_un from;
	socklen_t len = sizeof from;
	char buf[10], text[AWL_ADDRESS_TEXT];

	put(b, "hello");
	assert_int_equal(awl_datagram_recvfrom(a, buf, 10, (void *)&from, &len, NULL), 5);
	assert_true(len <= sizeof(sa_family_t)); /* it has none */
	len = sizeof from;
	assert_int_equal(awl_datagram_getsockname(a, (void *)&from, &len), 0);
	assert_string_equal(awl_address_text((void *)&from, len, text, sizeof text), path);
	end(b);
	end(a);
	/* What was left there is no obstacle. */
	a = open_with(&(awl_datagram_options){ .local_path = path });
	b = open_with(&(awl_datagram_options){ .local_path = own_name('b'), .remote_path = path });
	put(b, "named");
	len = sizeof from;
	assert_int_equal(awl_datagram_recvfrom(a, buf, 10, (void *)&from, &len, NULL), 5);
	assert_string_equal(awl_address_text((void *)&from, len, text, sizeof text), own_name('b'));
	end(b);
	end(a);
	return 0;
}

static void unix_datagrams_go_by_path(void **state)
{
	char place[] = "/tmp/awl-test-XXXXXX", path[64];

	assert_non_null(mkdtemp(place));
	snprintf(path, sizeof path, "%s/socket", place);
	in_loop(unix_body, path);
	unlink(path);
	rmdir(place);
}

static void unix_datagrams_go_by_an_abstract_name(void **state)
{
	in_loop(unix_body, (void *)(uintptr_t)own_name('a'));
}

/* --- making ----------------------------------------------------------------------------------- */

static int refuse_body(void *arg)
{
	static const awl_datagram_options rows[] = {
		{ .family = 0 },
		{ .family = AF_NETLINK },
		{ .local_port = 7, .family = AF_INET },
		{ .local_host = "localhost" },
		{ .local_host = "127.0.0.1", .local_port = 65536 },
		{ .local_host = "127.0.0.1", .remote_host = "::1", .remote_port = 7 },
		{ .local_host = "127.0.0.1", .local_path = "/run/x" },
		{ .local_host = "127.0.0.1", .remote_path = "/run/x" },
		{ .local_path = "" },
		{ .local_host = "127.0.0.1", .flags = 1 << 20 },
	};
	awl_datagram *d = NULL;

	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(awl_datagram_open(&rows[i], &d), -EINVAL);
		assert_true(strlen(awl_error_detail(-EINVAL)) > 20);
	}
	assert_int_equal(awl_datagram_open(NULL, &d), -EINVAL);
	assert_null(d);
	return 0;
}

static void what_makes_no_sense_is_refused_in_words(void **state)
{
	in_loop(refuse_body, NULL);
}

static int share_body(void *arg)
{
	awl_datagram *a = open_at("127.0.0.1"), *b = NULL;
	awl_datagram_options o = { .local_host = "127.0.0.1", .local_port = port_of(a) };

	assert_int_equal(awl_datagram_open(&o, &b), -EADDRINUSE);
	assert_non_null(strstr(awl_error_detail(-EADDRINUSE), "127.0.0.1:"));
	assert_null(b);
	end(a);
	o.local_port = 0;
	o.flags = AWL_DATAGRAM_REUSE_PORT;
	a = open_with(&o);
	o.local_port = port_of(a);
	b = open_with(&o);
	end(a);
	end(b);
	return 0;
}

/* P21 */
static void a_port_is_shared_where_both_want_it(void **state)
{
	in_loop(share_body, NULL);
}

static int from_fd_body(void *arg)
{
	const struct awl__net *net = here()->reactor->class->net;
	struct awl__reactor *r = here()->reactor;
	awl_datagram *a, *b, *none = NULL;
	int fds[2], streams[2], pipes[2];

	assert_int_equal(net->pair(r, AF_UNIX, SOCK_DGRAM, fds), 0);
	assert_int_equal(net->pair(r, AF_UNIX, SOCK_STREAM, streams), 0);
	if (!is_sim(here()))
		assert_int_equal(fcntl(fds[0], F_SETFL, 0), 0);
	assert_int_equal(awl_datagram_from_fd(fds[0], &a), 0);
	assert_int_equal(awl_datagram_from_fd(fds[1], &b), 0);
	assert_int_equal(awl_datagram_fd(a), fds[0]);
	if (!is_sim(here()))
		assert_true(fcntl(fds[0], F_GETFL) & O_NONBLOCK);
	put(a, "through");
	assert_gets(b, "through");
	assert_int_equal(awl_datagram_from_fd(fds[0], &none), -EBUSY);
	assert_int_equal(awl_datagram_from_fd(streams[0], &none), -EINVAL);
	assert_int_equal(awl_datagram_from_fd(-1, &none), -EBADF);
	make_pipe(here(), pipes);
	assert_int_equal(awl_datagram_from_fd(pipes[0], &none), -ENOTSOCK);
	assert_null(none);
	close_pipe(here(), pipes);
	assert_int_equal(net->close(r, streams[0]), 0);
	assert_int_equal(net->close(r, streams[1]), 0);
	end(a);
	end(b);
	return 0;
}

static void a_socket_becomes_its_own(void **state)
{
	in_loop(from_fd_body, NULL);
}

static int forgotten_body(void *arg)
{
	awl_datagram_unref(open_at("127.0.0.1"));
	return 0;
}

static void one_that_nobody_closed_is_closed_and_told_of(void **state)
{
	struct heard h;

	listen_to_awl(&h);
	in_loop(forgotten_body, NULL);
	stop_listening();
	assert_heard(&h, "was never closed: awl_datagram_close it");
}

static awl_datagram *kept;
static int kept_fd;

static int left_body(void *arg)
{
	assert_int_equal(awl_loop_set_debug(here(), 1), 0);
	kept = open_at("127.0.0.1");
	kept_fd = awl_datagram_fd(kept);
	return 0;
}

static void one_left_open_is_closed_with_its_loop(void **state)
{
	awl_loop *l = new_loop(NULL);
	struct heard h;

	assert_int_equal(awl_loop_run_until_complete(l, left_body, NULL), 0);
	listen_to_awl(&h);
	assert_int_equal(awl_loop_close(l), 0);
	stop_listening();
	assert_heard(&h, "still open as its loop closes");
	if (!is_sim(l))
		assert_int_equal(fcntl(kept_fd, F_GETFD), -1);
	awl_datagram_unref(kept);
	awl_loop_unref(l);
}

static int faults_body(void *arg)
{
	awl_datagram_options o = { .local_host = "127.0.0.1" };
	awl_datagram *d = NULL;
	int64_t n = 0;
	int r;

	do {
		d = NULL;
		awl_test_fail_alloc(++n);
		r = awl_datagram_open(&o, &d);
		if (r == 0)
			end(d);
		else
			assert_int_equal(r, -ENOMEM);
	} while (awl_test_fail_alloc(0) >= n);
	return 0;
}

static void without_memory_none_is_opened_and_nothing_leaks(void **state)
{
	in_loop(faults_body, NULL);
}

static int ref_body(void *arg)
{
	awl_datagram *a = open_at("127.0.0.1");

	assert_ptr_equal(awl_datagram_ref(a), a);
	end(a);
	assert_int_equal(awl_datagram_is_closing(a), 1);
	awl_datagram_unref(a);
	awl_datagram_unref(NULL);
	return 0;
}

static void it_lives_as_long_as_somebody_has_it(void **state)
{
	in_loop(ref_body, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unix_datagrams_go_by_path),
		cmocka_unit_test(unix_datagrams_go_by_an_abstract_name),
		cmocka_unit_test(what_makes_no_sense_is_refused_in_words),
		cmocka_unit_test(a_port_is_shared_where_both_want_it),
		cmocka_unit_test(a_socket_becomes_its_own),
		cmocka_unit_test(one_that_nobody_closed_is_closed_and_told_of),
		cmocka_unit_test(one_left_open_is_closed_with_its_loop),
		cmocka_unit_test(without_memory_none_is_opened_and_nothing_leaks),
		cmocka_unit_test(it_lives_as_long_as_somebody_has_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
