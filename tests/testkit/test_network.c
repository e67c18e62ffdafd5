/* SPDX-License-Identifier: MIT */
/*
 * The public test kit's network: programs that talk to each other in virtual time, hosts, lines,
 * silence and names, by the same seed the same way.
 *
 * @valgrind
 */
#include "support.h"

#include <awl/test.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>

#define SERVER "10.0.0.1"
#define CLIENT "10.0.0.2"
#define PORT 7777

static struct sockaddr_in server_address(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(PORT) };

	assert_int_equal(inet_pton(AF_INET, SERVER, &a.sin_addr), 1);
	return a;
}

/* --- two programs --- */

static int echo(awl_stream *s, void *arg)
{
	char buf[100];
	int n;

	while ((n = awl_stream_read(s, buf, sizeof buf)) > 0)
		if ((n = awl_stream_write_all(s, buf, (size_t)n, NULL)) < 0)
			break;
	return n == -ECONNRESET || n == -EPIPE ? 0 : n;
}

static int serve(void *arg)
{
	awl_server *server;
	int r = awl_start_server(echo, NULL, NULL, PORT, &server);

	if (r < 0)
		return r;
	r = awl_server_serve_forever(server);
	awl_server_unref(server);
	return r;
}

/* The echo server on its host; whoever is made from now on is on the client's. */
static awl_task *begin(void)
{
	awl_task *t;

	assert_int_equal(awl_test_name("server", SERVER, 5 * AWL_MS), 0);
	assert_int_equal(awl_test_host(SERVER), 0);
	assert_int_equal(awl_create_task(serve, NULL, &t), 0);
	assert_int_equal(awl_test_wait_blocked(), 0);
	assert_int_equal(awl_test_host(CLIENT), 0);
	return t;
}

static int end(awl_task *server)
{
	awl_cancel(server, NULL);
	assert_int_equal(awl_join(server), 0);
	awl_unref(server);
	return 0;
}

static int talks_for_a_while(void *arg)
{
	awl_task *server;
	int64_t began;
	awl_stream *s;
	char buf[4];

	assert_int_equal(awl_test_set_network(&(awl_test_network){ .latency = 30 * AWL_MS }), 0);
	server = begin();
	began = now();
	assert_int_equal(awl_open_connection("server", PORT, &s), 0);
	assert_true(now() - began == 5 * AWL_MS + 60 * AWL_MS);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(awl_stream_write_all(s, "ping", 4, NULL), 0);
		assert_int_equal(awl_stream_readexactly(s, buf, 4, NULL), 0);
		assert_memory_equal(buf, "ping", 4);
	}
	assert_true(now() - began == 5 * AWL_MS + 11 * 60 * AWL_MS);
	awl_stream_close(s);
	awl_stream_unref(s);
	return end(server);
}

static void two_programs_talk_in_virtual_time(void **state)
{
	assert_int_equal(awl_test_run(0, talks_for_a_while, NULL), 0);
}

/* Connects and sends, and does so anew after each failure, until it has heard all it has said. */
static int insists(void *arg)
{
	int heard = 0;

	while (heard < 20) {
		awl_stream *s;
		char buf[4], note[32];
		int r = awl_open_connection("server", PORT, &s);

		if (r == 0) {
			for (; heard < 20 && r == 0; heard += r == 0) {
				r = awl_stream_write_all(s, "ping", 4, NULL);
				r = r < 0 ? r : awl_stream_readexactly(s, buf, 4, NULL);
			}
			awl_stream_abort(s);
			awl_stream_unref(s);
		}
		snprintf(note, sizeof note, "%d after %d", r, heard);
		awl_test_note(note);
		assert_true(r == 0 || r == -ECONNRESET || r == -EPIPE || r == AWL_EINCOMPLETE ||
			r == -ETIMEDOUT || r == -ENFILE || r == -ENOBUFS);
	}
	return 0;
}

static int insist_on_a_bad_line(void *arg)
{
	static const awl_test_network bad = {
		.latency = AWL_MS,
		.jitter = 3 * AWL_MS,
		.bandwidth = 100000,
		.reset_in = 30,
		.loss_in = 10,
		.short_in = 3,
		.again_in = 3,
	};
	awl_task *server = begin();
	awl_task_group g;

	assert_int_equal(awl_test_set_network(&bad), 0);
	awl_task_group_enter(&g);
	for (int i = 0; i < 3; i++)
		assert_int_equal(awl_task_group_create_task(&g, insists, NULL, NULL), 0);
	assert_int_equal(awl_task_group_exit(&g, 0), 0);
	return end(server);
}

static void the_same_seed_gives_the_same_run(void **state)
{
	uint64_t seen[20];

	for (uint64_t seed = 0; seed < COUNT(seen); seed++) {
		assert_int_equal(awl_test_run(seed, insist_on_a_bad_line, NULL), 0);
		seen[seed] = awl_test_digest();
		assert_int_equal(awl_test_run(seed, insist_on_a_bad_line, NULL), 0);
		assert_true(awl_test_digest() == seen[seed]);
		for (uint64_t i = 0; i < seed; i++)
			assert_true(seen[i] != seen[seed]);
	}
}

/* --- silence --- */

static int partitioned(void *arg)
{
	awl_task *server = begin();
	int64_t began = now();
	awl_stream *s;
	char buf[4];

	assert_int_equal(awl_test_partition(CLIENT, SERVER, 1), 0);
	assert_int_equal(awl_open_connection(SERVER, PORT, &s), -ETIMEDOUT);
	assert_true(now() - began == 127 * AWL_SEC);
	assert_int_equal(awl_test_partition(SERVER, CLIENT, 0), 0);
	assert_int_equal(awl_open_connection(SERVER, PORT, &s), 0);
	assert_int_equal(awl_test_partition(SERVER, NULL, 1), 0);
	assert_int_equal(awl_stream_write_all(s, "ping", 4, NULL), 0);
	assert_int_equal(awl_stream_set_idle_timeout(s, 3600 * AWL_SEC), 0);
	assert_int_equal(awl_stream_readexactly(s, buf, 4, NULL), -ETIMEDOUT);
	assert_int_equal(awl_test_partition(SERVER, NULL, 0), 0);
	assert_int_equal(awl_stream_readexactly(s, buf, 4, NULL), 0);
	awl_stream_close(s);
	awl_stream_unref(s);
	return end(server);
}

static void a_partition_is_silence_until_it_is_healed(void **state)
{
	assert_int_equal(awl_test_run(0, partitioned, NULL), 0);
}

/* --- hosts --- */

static void assert_connects_from(const char *host)
{
	struct sockaddr_in a = server_address(), own;
	socklen_t len = sizeof own;
	int fd = awl_socket(AF_INET, SOCK_STREAM, 0);
	char words[32];

	assert_true(fd >= 0);
	assert_int_equal(awl_sock_connect(fd, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(awl_sock_getsockname(fd, (struct sockaddr *)&own, &len), 0);
	assert_string_equal(inet_ntop(AF_INET, &own.sin_addr, words, sizeof words), host);
	assert_int_equal(awl_sock_close(fd), 0);
}

static int is_on_the_clients_host(void *arg)
{
	assert_connects_from(CLIENT);
	assert_int_equal(awl_test_host("10.0.0.3"), 0);
	assert_connects_from("10.0.0.3");
	return 0;
}

static int hosts(void *arg)
{
	awl_task *server = begin(), *t;

	assert_connects_from(CLIENT);
	assert_int_equal(awl_create_task(is_on_the_clients_host, NULL, &t), 0);
	assert_int_equal(awl_await(t), 0);
	awl_unref(t);
	assert_connects_from(CLIENT);
	return end(server);
}

static void a_host_is_the_tasks_and_its_childrens(void **state)
{
	assert_int_equal(awl_test_run(0, hosts, NULL), 0);
}

/* --- names --- */

static int names(void *arg)
{
	struct addrinfo *list, hints = { .ai_socktype = SOCK_STREAM };
	int64_t began = now();
	char words[64];

	assert_int_equal(awl_test_name("db", " 10.0.0.1  2001:db8::1 ", 7 * AWL_MS), 0);
	assert_int_equal(awl_test_name_fails("gone", AWL_ENONAME, 9 * AWL_MS), 0);
	assert_int_equal(awl_test_name_fails("silent", AWL_ENAMESERVER, 5 * AWL_SEC), 0);
	assert_int_equal(awl_getaddrinfo("db", "80", &hints, &list), 0);
	assert_true(now() - began == 7 * AWL_MS);
	assert_int_equal(list->ai_family, AF_INET);
	assert_string_equal(
		inet_ntop(AF_INET6, &((struct sockaddr_in6 *)list->ai_next->ai_addr)->sin6_addr,
			words, sizeof words),
		"2001:db8::1");
	assert_null(list->ai_next->ai_next);
	awl_freeaddrinfo(list);
	assert_int_equal(awl_getaddrinfo("gone", "80", &hints, &list), AWL_ENONAME);
	assert_true(now() - began == 16 * AWL_MS);
	assert_int_equal(awl_getaddrinfo("silent", "80", &hints, &list), AWL_ENAMESERVER);
	assert_true(now() - began == 16 * AWL_MS + 5 * AWL_SEC);
	assert_int_equal(awl_getaddrinfo("never.said", "80", &hints, &list), AWL_ENONAME);
	assert_int_equal(awl_test_name("db", "10.0.0.9", 0), 0);
	assert_int_equal(awl_getaddrinfo("db", "80", &hints, &list), 0);
	assert_null(list->ai_next);
	awl_freeaddrinfo(list);
	return 0;
}

static void a_name_means_what_the_test_says_after_its_delay(void **state)
{
	assert_int_equal(awl_test_run(0, names, NULL), 0);
}

/* --- limits, faults and refusals --- */

static int few_descriptors(void *arg)
{
	int fds[2];

	assert_int_equal(awl_test_set_descriptors(2), 0);
	assert_int_equal(awl_test_pipe(fds), 0);
	assert_int_equal(awl_socket(AF_INET, SOCK_STREAM, 0), -EMFILE);
	assert_int_equal(awl_test_close(fds[0]), 0);
	fds[0] = awl_socket(AF_INET, SOCK_STREAM, 0);
	assert_true(fds[0] >= 0);
	assert_int_equal(awl_test_set_descriptors(0), 0);
	assert_int_equal(awl_test_set_network(&(awl_test_network){ .nfile_in = 1 }), 0);
	assert_int_equal(awl_socket(AF_INET, SOCK_STREAM, 0), -ENFILE);
	assert_int_equal(awl_test_set_network(NULL), 0);
	assert_int_equal(awl_sock_close(fds[0]), 0);
	return awl_test_close(fds[1]);
}

static void there_are_no_more_descriptors_than_the_test_says(void **state)
{
	assert_int_equal(awl_test_run(0, few_descriptors, NULL), 0);
}

/* What the test asks for alone; what the net does without memory its own tests say. */
static int asks_for_everything(void *arg)
{
	int r = awl_test_host(CLIENT);

	r = r < 0 ? r : awl_test_name("server", SERVER, 0);
	r = r < 0 ? r : awl_test_partition(CLIENT, SERVER, 1);
	return r < 0
		? r
		: awl_test_set_network(&(awl_test_network){ .from = CLIENT, .latency = AWL_MS });
}

static void each_allocation_in_turn_can_fail(void **state)
{
	assert_true(refuse_each_allocation(asks_for_everything) >= 5);
}

static int refuses(void *arg)
{
	static const awl_test_network backwards = { .latency = -1 };
	static const awl_test_network nowhere = { .to = "10.0.0.1" };
	static const awl_test_network no_address = { .from = "ten" };

	assert_int_equal(awl_test_set_network(&backwards), -EINVAL);
	assert_int_equal(awl_test_set_network(&nowhere), -EINVAL);
	assert_int_equal(awl_test_set_network(&no_address), -EINVAL);
	assert_string_equal(awl_error_detail(-EINVAL), "awl_test_set_network: ten is no address");
	assert_int_equal(awl_test_partition("10.0.0.1", "10.0.0", 1), -EINVAL);
	assert_int_equal(awl_test_partition(NULL, NULL, 1), -EINVAL);
	assert_int_equal(awl_test_host("localhost"), -EINVAL);
	assert_int_equal(awl_test_host(NULL), -EINVAL);
	assert_int_equal(awl_test_name(NULL, "10.0.0.1", 0), -EINVAL);
	assert_int_equal(awl_test_name("name", NULL, 0), -EINVAL);
	assert_int_equal(awl_test_name("name", "10.0.0.1 mail.name", 0), -EINVAL);
	assert_string_equal(awl_error_detail(-EINVAL), "awl_test_name: mail.name is no address");
	assert_int_equal(awl_test_name("name", "10.0.0.1", -1), -EINVAL);
	assert_int_equal(awl_test_name("name", "::1 ::2 ::3 ::4 ::5 ::6 ::7 ::8 ::9", 0), -EINVAL);
	assert_int_equal(awl_test_name_fails("name", -EINVAL, 0), -EINVAL);
	assert_int_equal(awl_test_set_descriptors(-1), -EINVAL);
	return 0;
}

static int refuses_outside_of_sim(void *arg)
{
	assert_int_equal(awl_test_set_network(NULL), -ENOTSUP);
	assert_int_equal(awl_test_partition("10.0.0.1", NULL, 1), -ENOTSUP);
	assert_int_equal(awl_test_host("10.0.0.1"), -ENOTSUP);
	assert_int_equal(awl_test_name("name", "10.0.0.1", 0), -ENOTSUP);
	assert_int_equal(awl_test_name_fails("name", AWL_ENONAME, 0), -ENOTSUP);
	assert_int_equal(awl_test_set_descriptors(1), -ENOTSUP);
	return 0;
}

static void what_cannot_be_is_refused(void **state)
{
	awl_loop_options o = { .reactor = "epoll" };

	assert_int_equal(awl_test_run(0, refuses, NULL), 0);
	assert_int_equal(awl_run_with(&o, refuses_outside_of_sim, NULL), 0);
	assert_int_equal(awl_test_set_network(NULL), AWL_ENOLOOP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_programs_talk_in_virtual_time),
		cmocka_unit_test(the_same_seed_gives_the_same_run),
		cmocka_unit_test(a_partition_is_silence_until_it_is_healed),
		cmocka_unit_test(a_host_is_the_tasks_and_its_childrens),
		cmocka_unit_test(a_name_means_what_the_test_says_after_its_delay),
		cmocka_unit_test(there_are_no_more_descriptors_than_the_test_says),
		cmocka_unit_test(each_allocation_in_turn_can_fail),
		cmocka_unit_test(what_cannot_be_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
