/* SPDX-License-Identifier: MIT */
/*
 * @reactors @valgrind
 * test_connect.c - clients: connected to by number and by name, from where and how it was asked
 * for, and what is told of a refusal.
 */
#include "clients.h"

#include "net/connect.h"

static int echoes(void *arg)
{
	awl_server *server = serve_at(arg, 0, echo, NULL);
	assert_serves(arg, awl_server_port(server));
	end_server(server);
	return 0;
}

/* R1 */
static void a_numeric_address_is_connected_to(void **state)
{
	cleanly(echoes, "127.0.0.1");
	cleanly(echoes, "::1");
}

/* R1 */
static void a_name_is_connected_to(void **state)
{
	cleanly(echoes, "localhost");
}

static int tells_its_delay(awl_stream *s, void *arg)
{
	socklen_t len = sizeof(int);

	return here()->reactor->class->net->getopt(
		here()->reactor, awl_stream_fd(s), IPPROTO_TCP, TCP_NODELAY, arg, &len);
}

static int is_set_up(void *arg)
{
	int ours = 0, theirs = 0;
	awl_server *server = serve_loopback(tells_its_delay, &theirs);
	awl_stream *s = client_of(server);

	assert_int_equal(tells_its_delay(s, &ours), 0);
	assert_gone(s);
	assert_true(ours && theirs);
	end_client(s);
	end_server(server);
	return 0;
}

/* P16 */
static void a_connection_has_tcp_nodelay(void **state)
{
	cleanly(is_set_up, NULL);
}

static int from_an_address(void *arg)
{
	awl_server *server = serve_loopback(echo, NULL);
	awl_connect_options o = { .local_host = "127.0.0.1" };
	struct sockaddr_in addr;
	socklen_t len = sizeof addr;
	awl_stream *s;

	assert_int_equal(awl_open_connection_with(&o, "127.0.0.1", awl_server_port(server), &s), 0);
	assert_int_equal(awl_stream_getsockname(s, ADDRESS(addr), &len), 0);
	assert_int_equal(addr.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
	o.local_port = ntohs(addr.sin_port);
	end_client(s);

	o.local_host = "::1";
	assert_int_equal(awl_open_connection_with(&o, "127.0.0.1", 1, &s), AWL_ENONAME);
	o.local_host = "not numeric";
	assert_int_equal(awl_open_connection_with(&o, "127.0.0.1", 1, &s), -EINVAL);
	end_server(server);
	return 0;
}

/* P15: local_addr */
static void a_local_address_can_be_given(void **state)
{
	cleanly(from_an_address, NULL);
}

static int limits(void *arg)
{
	awl_server *server = serve_loopback(echo, NULL);
	const awl_connect_options o = { .limit = 4 };
	const char *line;
	awl_stream *s;

	assert_int_equal(awl_open_connection_with(&o, "127.0.0.1", awl_server_port(server), &s), 0);
	assert_int_equal(awl_stream_write_all(s, "longer", 6, NULL), 0);
	assert_int_equal(awl_stream_readline(s, &line), AWL_ELIMIT);
	end_client(s);
	end_server(server);
	return 0;
}

/* R1: limit */
static void a_limit_is_the_streams(void **state)
{
	cleanly(limits, NULL);
}

static int refused(void *arg)
{
	struct sockaddr_in at;
	int fd = listener(&at, 1);
	awl_stream *s = NULL;

	assert_int_equal(awl_sock_close(fd), 0);
	assert_int_equal(awl_open_connection("127.0.0.1", ntohs(at.sin_port), &s), -ECONNREFUSED);
	assert_non_null(strstr(awl_error_detail(-ECONNREFUSED), "127.0.0.1"));
	assert_null(s);
	return 0;
}

static void a_refusal_has_the_address_in_its_words(void **state)
{
	cleanly(refused, NULL);
}

static int wrong_arguments(void *arg)
{
	awl_connect_options o = { 0 };
	awl_stream *s = NULL;
	char path[109];

	assert_int_equal(awl_open_connection(NULL, 1, &s), -EINVAL);
	assert_int_equal(awl_open_connection("127.0.0.1", 1, NULL), -EINVAL);
	assert_int_equal(awl_open_connection("127.0.0.1", -1, &s), -EINVAL);
	assert_int_equal(awl_open_connection("127.0.0.1", 65536, &s), -EINVAL);
	o.family = AF_UNIX;
	assert_int_equal(awl_open_connection_with(&o, "127.0.0.1", 1, &s), -EINVAL);
	o = (awl_connect_options){ .delay = -1 };
	assert_int_equal(awl_open_connection_with(&o, "127.0.0.1", 1, &s), -EINVAL);
	o = (awl_connect_options){ .timeout = -1 };
	assert_int_equal(awl_open_connection_with(&o, "127.0.0.1", 1, &s), -EINVAL);
	assert_int_equal(awl_open_unix_connection(NULL, &s), -EINVAL);
	assert_int_equal(awl_open_unix_connection("", &s), -EINVAL);
	memset(path, 'x', sizeof path);
	path[108] = 0;
	assert_int_equal(awl_open_unix_connection(path, &s), -ENAMETOOLONG);
	path[107] = 0;
	assert_int_equal(awl_open_unix_connection(path, &s), -ENOENT);
	assert_int_equal(awl_open_unix_connection("/nowhere/at/all", &s), -ENOENT);
	assert_int_equal(awl_open_unix_connection("@awl-nobody-listens", &s), -ECONNREFUSED);
	assert_null(s);
	return 0;
}

static void wrong_arguments_are_refused(void **state)
{
	cleanly(wrong_arguments, NULL);
}

static int meets_itself(void *arg)
{
	struct sockaddr_in at = loopback(0), own;
	socklen_t len = sizeof at;
	struct awl__task *t;
	struct awl__way way = { .to = ADDRESS(at), .to_len = sizeof at };
	int fd = awl_socket(AF_INET, SOCK_STREAM, 0), r;

	/* A port of the ephemeral ones that is free, most likely for the next connect too. */
	assert_int_equal(awl_sock_bind(fd, ADDRESS(at), sizeof at), 0);
	assert_int_equal(awl_sock_getsockname(fd, ADDRESS(at), &len), 0);
	assert_int_equal(awl_sock_close(fd), 0);
	assert_int_equal(awl__self(&t, __func__), 0);
	for (int i = 0; i < 200; i++) {
		r = awl__connect(t, &way);
		if (r < 0)
			continue;
		len = sizeof own;
		assert_int_equal(awl_sock_getsockname(r, ADDRESS(own), &len), 0);
		assert_int_not_equal(own.sin_port, at.sin_port);
		assert_int_equal(awl_sock_close(r), 0);
	}
	return 0;
}

static void a_socket_never_connects_to_itself(void **state)
{
	REAL_KERNEL();
	cleanly(meets_itself, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_numeric_address_is_connected_to),
		cmocka_unit_test(a_name_is_connected_to),
		cmocka_unit_test(a_connection_has_tcp_nodelay),
		cmocka_unit_test(a_local_address_can_be_given),
		cmocka_unit_test(a_limit_is_the_streams),
		cmocka_unit_test(a_refusal_has_the_address_in_its_words),
		cmocka_unit_test(wrong_arguments_are_refused),
		cmocka_unit_test(a_socket_never_connects_to_itself),
	};

	return cmocka_run_group_tests(tests, NULL, end_of_threads);
}
