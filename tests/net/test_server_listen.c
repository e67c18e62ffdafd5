/* SPDX-License-Identifier: MIT */
/*
 * @reactors @valgrind
 * test_server_listen.c - where a server listens: addresses, ports, paths, sockets it was given; and
 * what is left where it cannot.
 */
#include "clients.h"

/* --- starting -----------------------------------------------------------------------------------
 */

static int on_all_interfaces(void *arg)
{
	awl_server *server = serve_at(NULL, 0, echo, NULL);
	int port = awl_server_port(server);

	assert_true(port > 0);
	for (int i = 0; i < awl_server_sockets(server); i++) {
		struct sockaddr_storage a;
		socklen_t len = sizeof a;

		assert_int_equal(awl_server_getsockname(server, i, (struct sockaddr *)&a, &len), 0);
		assert_serves(a.ss_family == AF_INET ? "127.0.0.1" : "::1", port);
	}
	end_server(server);
	return 0;
}

/* P17 */
static void port_0_is_the_same_port_at_every_address(void **state)
{
	cleanly(on_all_interfaces, NULL);
}

static int on_two_hosts(void *arg)
{
	const char *const hosts[] = { "127.0.0.1", "::1", "127.0.0.1", "localhost" };
	awl_server_options o = { .hosts = hosts, .host_count = 4 };
	awl_server *server = serve_with(&o, echo, NULL);

	assert_int_equal(awl_server_sockets(server), 2);
	assert_serves("::1", awl_server_port(server));
	assert_serves("127.0.0.1", awl_server_port(server));
	end_server(server);
	return 0;
}

/* P17 */
static void many_hosts_are_listened_at_and_each_address_once(void **state)
{
	cleanly(on_two_hosts, NULL);
}

static int with_mapped(void *arg)
{
	awl_server_options o = { .flags = AWL_SERVER_V4_MAPPED };
	awl_server *server = serve_with(&o, echo, NULL);

	assert_int_equal(awl_server_sockets(server), 1);
	assert_serves("127.0.0.1", awl_server_port(server));
	assert_serves("::1", awl_server_port(server));
	end_server(server);
	return 0;
}

static void one_socket_serves_both_families_where_that_is_asked_for(void **state)
{
	cleanly(with_mapped, NULL);
}

static int foreign_address(void *arg)
{
	const char *const hosts[] = { "198.51.100.7", "127.0.0.1" };
	awl_server_options o = { .hosts = hosts, .host_count = 2 };
	awl_server *server;
	struct heard h;

	listen_to_awl(&h);
	server = serve_with(&o, echo, NULL);
	stop_listening();
	assert_heard(&h, "198.51.100.7");
	assert_int_equal(awl_server_sockets(server), 1);
	end_server(server);

	o.host_count = 1;
	assert_int_equal(awl_start_server_with(&o, echo, NULL, &server), -EADDRNOTAVAIL);
	return 0;
}

/* P17 */
static void an_address_that_is_not_ours_is_passed_over_and_told(void **state)
{
	REAL_KERNEL(); /* on sim an address makes the host */
	cleanly(foreign_address, NULL);
}

static int in_use(void *arg)
{
	awl_server *first = serve_at("::1", 0, echo, NULL), *second = NULL;
	const char *const hosts[] = { "127.0.0.77", "::1" };
	awl_server_options o = { .hosts = hosts, .host_count = 2, .port = awl_server_port(first) };
	int before = sockets_open(here());

	assert_int_equal(awl_start_server_with(&o, echo, NULL, &second), -EADDRINUSE);
	assert_non_null(strstr(awl_error_detail(-EADDRINUSE), "[::1]:"));
	assert_null(second);
	assert_int_equal(sockets_open(here()), before);
	end_server(first);

	second = serve_with(&o, echo, NULL); /* at once: the port is free */
	end_server(second);
	return 0;
}

/* P17 */
static void a_failure_at_one_address_closes_all(void **state)
{
	cleanly(in_use, NULL);
}

static int shares_a_port(void *arg)
{
	const char *const host[] = { "127.0.0.1" };
	awl_server_options o = { .hosts = host, .host_count = 1, .flags = AWL_SERVER_REUSE_PORT };
	awl_server *a = serve_with(&o, echo, NULL), *b;

	o.port = awl_server_port(a);
	b = serve_with(&o, echo, NULL);
	assert_int_equal(awl_server_port(b), o.port);
	end_server(a);
	end_server(b);
	return 0;
}

/* P17: reuse_port */
static void two_servers_may_share_a_port(void **state)
{
	cleanly(shares_a_port, NULL);
}

static int wrong_arguments(void *arg)
{
	const char *const hosts[] = { "127.0.0.1" };
	const int fds[] = { 0 };
	const awl_server_options wrong[] = {
		{ .port = -1 },
		{ .port = 65536 },
		{ .hosts = hosts },
		{ .fds = fds },
		{ .path = "@x", .port = 1 },
		{ .path = "@x", .hosts = hosts, .host_count = 1 },
		{ .path = "" },
		{ .backlog = -1 },
		{ .max_connections = -1 },
		{ .idle_timeout = -1 },
		{ .flags = 1u << 20 },
	};
	awl_server *server = NULL;

	for (size_t i = 0; i < COUNT(wrong); i++)
		assert_int_equal(awl_start_server_with(&wrong[i], echo, NULL, &server), -EINVAL);
	assert_int_equal(awl_start_server_with(NULL, echo, NULL, &server), -EINVAL);
	assert_int_equal(awl_start_server(NULL, NULL, "::1", 0, &server), -EINVAL);
	assert_int_equal(awl_start_server(echo, NULL, "::1", 0, NULL), -EINVAL);
	assert_int_equal(awl_start_unix_server(echo, NULL, NULL, &server), -EINVAL);
	assert_null(server);
	return 0;
}

static void wrong_arguments_are_refused(void **state)
{
	cleanly(wrong_arguments, NULL);
}

/* --- unix sockets -------------------------------------------------------------------------------
 */

static int abstract_name(void *arg)
{
	awl_server *server, *second = NULL;
	awl_stream *s;

	assert_int_equal(awl_start_unix_server(echo, NULL, "@awl-test-server", &server), 0);
	assert_int_equal(
		awl_start_unix_server(echo, NULL, "@awl-test-server", &second), -EADDRINUSE);
	assert_int_equal(awl_server_port(server), -EINVAL);
	assert_int_equal(awl_open_unix_connection("@awl-test-server", &s), 0);
	assert_echoes(s, "hello");
	end_client(s);
	end_server(server);
	return 0;
}

/* P20, R1 */
static void a_server_may_have_an_abstract_name(void **state)
{
	cleanly(abstract_name, NULL);
}

static const char *socket_path(void)
{
	static char path[64];

	snprintf(path, sizeof path, "/tmp/awl-server-%d", (int)getpid());
	return path;
}

static int a_path(void *arg)
{
	awl_server *server, *second = NULL;
	awl_stream *s;

	assert_int_equal(awl_start_unix_server(echo, NULL, socket_path(), &server), 0);
	assert_int_equal(awl_open_unix_connection(socket_path(), &s), 0);
	assert_echoes(s, "hello");
	end_client(s);
	assert_int_equal(awl_start_unix_server(echo, NULL, socket_path(), &second), -EADDRINUSE);
	assert_int_equal(awl_open_unix_connection(socket_path(), &s), 0); /* the first lives on */
	assert_echoes(s, "hello");
	end_client(s);
	end_server(server);
	assert_int_equal(awl_open_unix_connection(socket_path(), &s), -ENOENT);
	assert_int_equal(access(socket_path(), F_OK), -1);
	return 0;
}

/* P20 */
static void a_socket_file_is_removed_at_the_close_and_taken_from_no_living_server(void **state)
{
	cleanly(a_path, NULL);
}

static int stale_files(void *arg)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	awl_server *server = NULL;

	strcpy(addr.sun_path, socket_path());
	assert_int_equal(bind(fd, ADDRESS(addr), sizeof addr), 0);
	close(fd);
	assert_int_equal(awl_start_unix_server(echo, NULL, socket_path(), &server), 0);

	/* Somebody else has taken the path meanwhile: his file stays. */
	assert_int_equal(unlink(socket_path()), 0);
	fd = open(socket_path(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
	end_server(server);
	assert_int_equal(access(socket_path(), F_OK), 0);

	/* And what is no socket is not removed at all. */
	assert_int_equal(awl_start_unix_server(echo, NULL, socket_path(), &server), -EADDRINUSE);
	assert_int_equal(unlink(socket_path()), 0);
	return 0;
}

/* P20 */
static void a_stale_socket_file_is_removed_and_nothing_else(void **state)
{
	REAL_KERNEL();
	cleanly(stale_files, NULL);
}

/* --- adopted sockets -----------------------------------------------------------------------------
 */

static int adopts(void *arg)
{
	struct sockaddr_in at;
	int fd = listener(&at, 10), other;
	awl_server_options o = { .fds = &fd, .fd_count = 1 };
	awl_server *server, *second = NULL;

	server = serve_with(&o, echo, NULL);
	assert_int_equal(awl_server_port(server), ntohs(at.sin_port));
	assert_int_equal(awl_start_server_with(&o, echo, NULL, &second), -EBUSY);
	assert_int_equal(awl_sock_accept(fd, NULL, NULL), -EBUSY);
	assert_serves("127.0.0.1", awl_server_port(server));
	end_server(server);

	other = awl_socket(AF_INET, SOCK_STREAM, 0);
	o.fds = &other;
	assert_int_equal(awl_start_server_with(&o, echo, NULL, &second), -EINVAL);
	assert_int_equal(awl_sock_close(other), 0); /* it is still ours */
	other = awl_socket(AF_INET, SOCK_DGRAM, 0);
	assert_int_equal(awl_start_server_with(&o, echo, NULL, &second), -EINVAL);
	assert_int_equal(awl_sock_close(other), 0);
	other = 1 << 20;
	assert_int_equal(awl_start_server_with(&o, echo, NULL, &second), -EBADF);
	return 0;
}

static void listening_sockets_are_adopted_and_others_refused(void **state)
{
	cleanly(adopts, NULL);
}

static int half_adopted(void *arg)
{
	struct sockaddr_in at;
	int fds[2] = { listener(&at, 1), 1 << 20 };
	awl_server_options o = { .fds = fds, .fd_count = 2 };
	awl_server *server = NULL;

	if (!is_sim(here())) {
		assert_int_equal(fcntl(fds[0], F_SETFD, 0), 0);
		assert_int_equal(fcntl(fds[0], F_SETFL, 0), 0);
	}
	assert_int_equal(awl_start_server_with(&o, echo, NULL, &server), -EBADF);
	fds[1] = fds[0];
	assert_int_equal(awl_start_server_with(&o, echo, NULL, &server), -EBUSY);
	if (!is_sim(here())) { /* as they were */
		assert_int_equal(fcntl(fds[0], F_GETFD), 0);
		assert_int_equal(fcntl(fds[0], F_GETFL) & O_NONBLOCK, 0);
	}
	o.fd_count = 1;
	server = serve_with(&o, echo, NULL); /* nobody has it yet */
	end_server(server);
	return 0;
}

/* A2 */
static void where_one_descriptor_is_refused_all_stay_the_callers(void **state)
{
	cleanly(half_adopted, NULL);
}

/* --- on the way ---------------------------------------------------------------------------------
 */

/* --- names --------------------------------------------------------------------------------------
 */

static const char *const names[] = { "a.example", "::1", "b.example", "127.0.0.9", "c.example" };

static int starts_at_names(void *arg)
{
	awl_server_options o = { .hosts = names, .host_count = COUNT(names), .port = 80 };
	awl_server **ret = arg;
	int64_t began = now();
	int r = awl_start_server_with(&o, echo, NULL, ret);

	return r < 0 ? r : (int)((now() - began) / AWL_MS);
}

static void assert_listens_at(awl_server *server, int index, const char *address)
{
	struct sockaddr_storage a;
	socklen_t len = sizeof a;
	char text[AWL_ADDRESS_TEXT];

	assert_int_equal(awl_server_getsockname(server, index, (struct sockaddr *)&a, &len), 0);
	assert_string_equal(
		awl_address_text((struct sockaddr *)&a, len, text, sizeof text), address);
}

static int names_answer(void *arg)
{
	awl_server *server = NULL;

	assert_int_equal(awl_test_name("a.example", "127.0.0.3", 30 * AWL_MS), 0);
	assert_int_equal(awl_test_name("b.example", "127.0.0.5 127.0.0.4", 20 * AWL_MS), 0);
	assert_int_equal(awl_test_name("c.example", "127.0.0.3 127.0.0.2", 0), 0);
	assert_int_equal(starts_at_names(&server), 30);
	assert_int_equal(awl_server_sockets(server), 6);
	assert_listens_at(server, 0, "127.0.0.3:80");
	assert_listens_at(server, 1, "[::1]:80");
	assert_listens_at(server, 2, "127.0.0.5:80");
	assert_listens_at(server, 3, "127.0.0.4:80");
	assert_listens_at(server, 4, "127.0.0.9:80");
	assert_listens_at(server, 5, "127.0.0.2:80");
	end_server(server);
	return 0;
}

/* P17 */
static void names_are_looked_up_together_and_listened_at_in_their_order(void **state)
{
	exactly(names_answer, NULL);
}

static int names_fail(void *arg)
{
	awl_server *server = NULL;
	int64_t began = now();

	assert_int_equal(awl_test_name("a.example", "127.0.0.3", AWL_SEC), 0);
	assert_int_equal(awl_test_name_fails("b.example", AWL_ENONAME, 30 * AWL_MS), 0);
	assert_int_equal(awl_test_name_fails("c.example", AWL_ENAMESERVER, 20 * AWL_MS), 0);
	assert_int_equal(starts_at_names(&server), AWL_ENAMESERVER);
	assert_non_null(strstr(awl_error_detail(AWL_ENAMESERVER), "c.example"));
	assert_int_equal((now() - began) / AWL_MS, 20);
	assert_null(server);
	return 0;
}

/* P17 */
static void the_first_name_to_fail_is_told_and_the_others_are_left(void **state)
{
	exactly(names_fail, NULL);
}

static int names_cancelled(void *arg)
{
	assert_int_equal(awl_test_name("a.example", "127.0.0.3", 2 * AWL_MS), 0);
	assert_int_equal(awl_test_name("b.example", "127.0.0.4", 6 * AWL_MS), 0);
	assert_int_equal(awl_test_name("c.example", "127.0.0.2", 4 * AWL_MS), 0);
	for (int64_t at = 0; at < 6; at++) {
		awl_server *server = NULL;
		awl_task *t = spawn(starts_at_names, &server);

		if (at)
			assert_int_equal(awl_sleep(at * AWL_MS), 0);
		awl_cancel(t, "enough");
		assert_int_equal(outcome(t), AWL_EFUTURECANCELED);
		assert_int_equal(here()->live, 1);
		assert_null(server);
	}
	return 0;
}

static void names_are_left_where_the_start_is_cancelled(void **state)
{
	exactly(names_cancelled, NULL);
}

static int starts_at_a_slow_name(void *arg)
{
	const char *const hosts[] = { "127.0.0.1", "slow.example" };
	awl_server_options o = { .hosts = hosts, .host_count = 2, .port = 80 };
	awl_server *server = NULL;
	int r = awl_start_server_with(&o, echo, NULL, &server);

	awl_server_unref(server); /* closes it, without a wait */
	return r;
}

static int cancelled_on_the_way(void *arg)
{
	assert_int_equal(awl_test_name("slow.example", "127.0.0.2", 10 * AWL_MS), 0);
	for (int64_t at = 0; at <= 12; at++) {
		int before = sockets_open(here()), r;
		awl_task *t = spawn(starts_at_a_slow_name, NULL);

		if (at)
			assert_int_equal(awl_sleep(at * AWL_MS), 0);
		awl_cancel(t, "enough");
		r = outcome(t);
		assert_true(r == (at < 10 ? AWL_EFUTURECANCELED : 0) || at == 10);
		let_others();
		assert_int_equal(sockets_open(here()), before);
	}
	return 0;
}

/* A8 */
static void a_start_that_is_cancelled_leaves_nothing_open(void **state)
{
	exactly(cancelled_on_the_way, NULL);
}

static int serve_forever(void *arg)
{
	return awl_server_serve_forever(arg);
}

static int broken(void *arg)
{
	struct sockaddr_in at;
	int fd = listener(&at, 10);
	awl_server_options o = { .fds = &fd, .fd_count = 1 };
	awl_server *server = serve_with(&o, echo, NULL);
	awl_task *t = spawn(serve_forever, server);
	awl_loop *l = here();
	struct heard h;

	let_others();
	listen_to_awl(&h);
	assert_int_equal(l->reactor->class->net->shutdown(l->reactor, fd, SHUT_RDWR), 0);
	assert_int_equal(outcome(t), -EINVAL);
	stop_listening();
	assert_heard(&h, "can accept no more");
	assert_int_equal(awl_server_is_serving(server), 0);
	awl_server_unref(server);
	return 0;
}

/* A12 */
static void a_socket_that_fails_for_good_closes_the_server_and_is_told(void **state)
{
	cleanly(broken, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(port_0_is_the_same_port_at_every_address),
		cmocka_unit_test(many_hosts_are_listened_at_and_each_address_once),
		cmocka_unit_test(one_socket_serves_both_families_where_that_is_asked_for),
		cmocka_unit_test(an_address_that_is_not_ours_is_passed_over_and_told),
		cmocka_unit_test(a_failure_at_one_address_closes_all),
		cmocka_unit_test(two_servers_may_share_a_port),
		cmocka_unit_test(wrong_arguments_are_refused),
		cmocka_unit_test(a_server_may_have_an_abstract_name),
		cmocka_unit_test(
			a_socket_file_is_removed_at_the_close_and_taken_from_no_living_server),
		cmocka_unit_test(a_stale_socket_file_is_removed_and_nothing_else),
		cmocka_unit_test(listening_sockets_are_adopted_and_others_refused),
		cmocka_unit_test(where_one_descriptor_is_refused_all_stay_the_callers),
		cmocka_unit_test(names_are_looked_up_together_and_listened_at_in_their_order),
		cmocka_unit_test(the_first_name_to_fail_is_told_and_the_others_are_left),
		cmocka_unit_test(names_are_left_where_the_start_is_cancelled),
		cmocka_unit_test(a_start_that_is_cancelled_leaves_nothing_open),
		cmocka_unit_test(a_socket_that_fails_for_good_closes_the_server_and_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, end_of_threads);
}
