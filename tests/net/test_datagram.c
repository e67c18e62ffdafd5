/* SPDX-License-Identifier: MIT */
/*
 * test_datagram.c - datagrams come whole and once, to whom they are for, and nothing that went
 * wrong can be taken for success. @reactors @thread @valgrind
 */
#include "datagrams.h"

static void talk(const char *host)
{
	awl_datagram *a = open_at(host), *b = open_to(host, a);
	struct sockaddr_storage from, name;
	socklen_t len = sizeof from, name_len = sizeof name;
	char buf[10] = "";
	size_t size;

	put(b, "one");
	assert_int_equal(awl_datagram_recvfrom(a, buf, sizeof buf, (void *)&from, &len, &size), 3);
	assert_int_equal(size, 3);
	assert_string_equal(buf, "one");
	assert_int_equal(awl_datagram_getsockname(b, (void *)&name, &name_len), 0);
	assert_int_equal(len, name_len);
	assert_memory_equal(&from, &name, len);
	assert_int_equal(awl_datagram_sendto(a, "two", 3, (void *)&from, len), 0);
	assert_gets(b, "two");
	name_len = sizeof name;
	assert_int_equal(awl_datagram_getpeername(a, (void *)&name, &name_len), -ENOTCONN);
	assert_int_equal(awl_datagram_getpeername(b, (void *)&name, &name_len), 0);
	end(a);
	end(b);
}

static int talk_body(void *arg)
{
	talk("127.0.0.1");
	if (has_ipv6(here()))
		talk("::1");
	return 0;
}

/* P21 */
static void a_datagram_goes_there_and_its_answer_back(void **state)
{
	in_loop(talk_body, NULL);
}

static int empty_body(void *arg)
{
	awl_datagram *a = open_at("127.0.0.1"), *b = open_to("127.0.0.1", a);
	size_t size = 7;

	assert_int_equal(awl_datagram_send(b, NULL, 0), 0);
	put(b, "more");
	assert_int_equal(awl_datagram_recv(a, NULL, 0, &size), 0);
	assert_int_equal(size, 0);
	assert_gets(a, "more");
	end(a);
	end(b);
	return 0;
}

static void one_without_content_is_no_end(void **state)
{
	in_loop(empty_body, NULL);
}

static int cut_body(void *arg)
{
	awl_datagram *a = open_at("127.0.0.1"), *b = open_to("127.0.0.1", a);
	struct sockaddr_in from = { 0 };
	socklen_t len = sizeof from;
	char buf[8] = "-------";
	size_t size = 0;

	put(b, "too long");
	put(b, "too long");
	put(b, "right");
	assert_int_equal(awl_datagram_recv(a, buf, 3, &size), -EMSGSIZE);
	assert_string_equal(buf, "too----");
	assert_int_equal(size, 8);
	assert_non_null(strstr(awl_error_detail(-EMSGSIZE), "8 bytes"));
	size = 0;
	assert_int_equal(awl_datagram_recvfrom(a, buf, 4, (void *)&from, &len, &size), -EMSGSIZE);
	assert_string_equal(buf, "too ---");
	assert_int_equal(size, 8);
	assert_int_equal(ntohs(from.sin_port), port_of(b));
	assert_int_equal(awl_datagram_recv(a, buf, 5, &size), 5);
	end(a);
	end(b);
	return 0;
}

static void one_that_is_cut_off_is_a_failure_that_tells_how_long_it_was(void **state)
{
	in_loop(cut_body, NULL);
}

static int long_body(void *arg)
{
	awl_datagram *a = open_at("127.0.0.1"), *b = open_to("127.0.0.1", a);
	static char big[70000];

	assert_int_equal(awl_datagram_send(b, big, sizeof big), -EMSGSIZE);
	put(b, "next");
	assert_gets(a, "next");
	end(a);
	end(b);
	return 0;
}

static void one_that_is_too_long_is_not_sent(void **state)
{
	in_loop(long_body, NULL);
}

static int strangers_body(void *arg)
{
	awl_datagram *a = open_at("127.0.0.1"), *b = open_to("127.0.0.1", a);
	awl_datagram *c = open_at("127.0.0.1");
	struct sockaddr_in at = { 0 };
	socklen_t len = sizeof at;

	assert_int_equal(awl_datagram_getsockname(b, (void *)&at, &len), 0);
	assert_int_equal(awl_datagram_sendto(c, "stranger", 8, (void *)&at, len), 0);
	assert_int_equal(awl_datagram_sendto(a, "friend", 6, (void *)&at, len), 0);
	assert_gets(b, "friend");
	end(a);
	end(b);
	end(c);
	return 0;
}

static void a_connected_one_hears_its_peer_alone(void **state)
{
	in_loop(strangers_body, NULL);
}

static int target_body(void *arg)
{
	awl_datagram *a = open_at("127.0.0.1"), *b = open_to("127.0.0.1", a);
	awl_datagram *c = open_at("127.0.0.1");
	struct sockaddr_in at = { 0 };
	socklen_t len = sizeof at;

	assert_int_equal(awl_datagram_getsockname(c, (void *)&at, &len), 0);
	assert_int_equal(awl_datagram_sendto(b, "no", 2, (void *)&at, len), -EISCONN);
	assert_int_equal(awl_datagram_getpeername(b, (void *)&at, &len), 0);
	assert_int_equal(awl_datagram_sendto(b, "yes", 3, (void *)&at, len), 0);
	assert_gets(a, "yes");
	assert_int_equal(awl_datagram_send(a, "whom?", 5), -EDESTADDRREQ);
	end(a);
	end(b);
	end(c);
	return 0;
}

/* P21 */
static void a_connected_one_sends_to_its_peer_alone(void **state)
{
	in_loop(target_body, NULL);
}

/* The answer that nobody is there comes by itself, later on sim. */
static int refused_body(void *arg)
{
	awl_datagram *a = open_at("127.0.0.1"), *b = open_to("127.0.0.1", a);
	int port = port_of(a);
	char buf[4];

	end(a);
	put(b, "anybody?");
	assert_int_equal(awl_datagram_recv(b, buf, sizeof buf, NULL), -ECONNREFUSED);
	a = open_with(&(awl_datagram_options){ .local_host = "127.0.0.1", .local_port = port });
	put(b, "again");
	assert_gets(a, "again");
	end(a);
	end(b);
	return 0;
}

/* P21 */
static void a_refusal_is_told_once_and_then_it_goes_on(void **state)
{
	in_loop(refused_body, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_datagram_goes_there_and_its_answer_back),
		cmocka_unit_test(one_without_content_is_no_end),
		cmocka_unit_test(one_that_is_cut_off_is_a_failure_that_tells_how_long_it_was),
		cmocka_unit_test(one_that_is_too_long_is_not_sent),
		cmocka_unit_test(a_connected_one_hears_its_peer_alone),
		cmocka_unit_test(a_connected_one_sends_to_its_peer_alone),
		cmocka_unit_test(a_refusal_is_told_once_and_then_it_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
