/* SPDX-License-Identifier: MIT */
/*
 * test_names_numbers.c - what is numeric is answered without a thread, as the system answers it,
 * and addresses are written as people write them. @reactors @thread @valgrind
 */
#include "lookups.h"

static void assert_same_lists(const struct addrinfo *a, const struct addrinfo *b)
{
	for (; a && b; a = a->ai_next, b = b->ai_next) {
		assert_int_equal(a->ai_family, b->ai_family);
		assert_int_equal(a->ai_socktype, b->ai_socktype);
		assert_int_equal(a->ai_protocol, b->ai_protocol);
		assert_int_equal(a->ai_addrlen, b->ai_addrlen);
		assert_memory_equal(a->ai_addr, b->ai_addr, a->ai_addrlen);
		assert_int_equal(a->ai_canonname != NULL, b->ai_canonname != NULL);
		if (a->ai_canonname)
			assert_string_equal(a->ai_canonname, b->ai_canonname);
	}
	assert_null(a);
	assert_null(b);
}

static const struct number {
	const char *host, *service;
	int flags, family, type, protocol;
} numbers[] = {
	{ "127.0.0.1", "80", 0, 0, 0, 0 },
	{ "127.0.0.1", NULL, 0, 0, SOCK_STREAM, 0 },
	{ "127.1", "80", 0, 0, SOCK_DGRAM, 0 },
	{ "0x7f.0.0.2", "80", 0, AF_INET, SOCK_DGRAM, 0 },
	{ "192.0.2.1", "0", AI_CANONNAME, 0, SOCK_STREAM, 0 },
	{ "192.0.2.1", "65535", AI_NUMERICHOST | AI_NUMERICSERV, 0, SOCK_STREAM, IPPROTO_TCP },
	{ "192.0.2.1", "80", AI_V4MAPPED, AF_INET6, SOCK_STREAM, 0 },
	{ "192.0.2.1", "80", 0, AF_INET6, SOCK_STREAM, 0 },
	{ "192.0.2.1", "80", 0, 0, 0, IPPROTO_TCP },
	{ "192.0.2.1", "80", 0, 0, 0, IPPROTO_UDP },
	{ "192.0.2.1", NULL, 0, 0, SOCK_RAW, 0 },
	{ "192.0.2.1", NULL, 0, 0, SOCK_RAW, IPPROTO_ICMP },
	{ "::1", "80", 0, 0, 0, 0 },
	{ "2001:db8::5", "53", AI_CANONNAME, AF_INET6, SOCK_DGRAM, 0 },
	{ "2001:db8::5", "53", 0, AF_INET, SOCK_DGRAM, 0 },
	{ "::ffff:192.0.2.1", "53", 0, 0, SOCK_DGRAM, 0 },
	{ "::ffff:192.0.2.1", "53", 0, AF_INET, SOCK_DGRAM, 0 },
	{ "fe80::1%lo", "53", 0, 0, SOCK_DGRAM, 0 },
	{ "fe80::1%1", "53", 0, 0, SOCK_DGRAM, 0 },
	{ NULL, "80", AI_PASSIVE, 0, SOCK_STREAM, 0 },
	{ NULL, "80", AI_PASSIVE, AF_INET6, SOCK_STREAM, 0 },
	{ NULL, "80", AI_PASSIVE, AF_INET, 0, 0 },
	{ NULL, "80", 0, 0, SOCK_STREAM, 0 },
	{ NULL, "80", AI_NUMERICSERV, AF_INET, SOCK_STREAM, 0 },
	{ NULL, NULL, 0, 0, SOCK_STREAM, 0 },
	{ "nobody", "80", AI_NUMERICHOST, 0, SOCK_STREAM, 0 },
	{ "127.0.0.1 x", "80", AI_NUMERICHOST, 0, SOCK_STREAM, 0 },
	{ "1.2.3.4.5", "80", AI_NUMERICHOST, 0, SOCK_STREAM, 0 },
	{ "::1%nowhere", "80", AI_NUMERICHOST, 0, SOCK_STREAM, 0 },
	{ "127.0.0.1", "http", AI_NUMERICSERV, 0, SOCK_STREAM, 0 },
	{ "127.0.0.1", "80", 0x8000000, 0, SOCK_STREAM, 0 },
	{ "127.0.0.1", "80", 0, AF_UNIX, SOCK_STREAM, 0 },
	{ NULL, "80", AI_CANONNAME, 0, SOCK_STREAM, 0 },
};

static int numbers_body(void *arg)
{
	for (size_t i = 0; i < COUNT(numbers); i++) {
		const struct number *n = &numbers[i];
		const struct addrinfo hints = { .ai_flags = n->flags,
			.ai_family = n->family,
			.ai_socktype = n->type,
			.ai_protocol = n->protocol };
		struct addrinfo *ours = NULL, *theirs = NULL;
		int r = awl_getaddrinfo(n->host, n->service, &hints, &ours);
		int wanted = getaddrinfo(n->host, n->service, &hints, &theirs);

		if ((r == 0) != (wanted == 0))
			fail_msg("%s, %s: %s, but the system says %s", n->host, n->service,
				awl_error_name(r), wanted ? gai_strerror(wanted) : "0");
		assert_same_lists(ours, theirs);
		awl_freeaddrinfo(ours);
		if (theirs)
			freeaddrinfo(theirs);
	}
	return 0;
}

static void what_is_numeric_is_answered_as_the_system_does(void **state)
{
	in_loop(numbers_body, NULL);
}

static void what_is_numeric_needs_no_thread(void **state)
{
	unsigned threads, idle;

	end_of_threads(state);
	in_loop(numbers_body, NULL);
	awl__pool_count(&threads, &idle);
	assert_int_equal(threads, 0);
}

static int no_hints_body(void *arg)
{
	struct addrinfo *ours, *theirs;

	assert_int_equal(awl_getaddrinfo("::1", "80", NULL, &ours), 0);
	assert_int_equal(getaddrinfo("::1", "80", NULL, &theirs), 0);
	assert_same_lists(ours, theirs);
	awl_freeaddrinfo(ours);
	freeaddrinfo(theirs);
	awl_freeaddrinfo(NULL);
	return 0;
}

static void hints_may_be_absent(void **state)
{
	in_loop(no_hints_body, NULL);
}

static int port_body(void *arg)
{
	struct addrinfo *list = NULL;

	assert_int_equal(awl_getaddrinfo("::1", "65536", NULL, &list), AWL_ENONAME);
	assert_int_equal(awl_getaddrinfo("::1", "99999999999999999999", NULL, &list), AWL_ENONAME);
	assert_null(list);
	return 0;
}

static void a_port_that_is_none_is_refused_and_not_cut_off(void **state)
{
	in_loop(port_body, NULL);
}

static void an_address_is_made_of_a_number_and_a_port_and_written_as_people_do(void **state)
{
	static const struct {
		const char *host;
		int port;
		const char *text;
	} rows[] = {
		{ "127.0.0.1", 80, "127.0.0.1:80" },
		{ "::1", 65535, "[::1]:65535" },
		{ "fe80::1%lo", 0, "[fe80::1%lo]:0" },
	};
	struct sockaddr_storage a;
	char text[AWL_ADDRESS_TEXT], little[6];
	socklen_t len;

	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(awl_address(rows[i].host, rows[i].port, &a, &len), 0);
		assert_string_equal(
			awl_address_text((void *)&a, len, text, sizeof text), rows[i].text);
	}
	assert_string_equal(awl_address_text((void *)&a, len, little, sizeof little), "[fe80");
	assert_int_equal(awl_address("localhost", 80, &a, &len), -EINVAL);
	assert_int_equal(awl_address("::1", 65536, &a, &len), -EINVAL);
	assert_int_equal(awl_address("::1", -1, &a, &len), -EINVAL);
	assert_string_equal(awl_address_text(NULL, 0, text, sizeof text), "(none)");
}

static void unix_addresses_are_written_by_their_path(void **state)
{
	struct sockaddr_un {
		sa_family_t family;
		char path[108];
	} a = { AF_UNIX, "/run/x" };
	char text[AWL_ADDRESS_TEXT];

	assert_string_equal(awl_address_text((void *)&a, 2 + 7, text, sizeof text), "/run/x");
	memcpy(a.path, "\0name", 5);
	assert_string_equal(awl_address_text((void *)&a, 2 + 5, text, sizeof text), "@name");
	assert_string_equal(awl_address_text((void *)&a, 2, text, sizeof text), "(unnamed)");
}

static int numeric_back_body(void *arg)
{
	int flags = NI_NUMERICHOST | NI_NUMERICSERV;
	struct sockaddr_storage a;
	char host[40] = "x", service[10] = "y";
	socklen_t len;

	assert_int_equal(awl_address("2001:db8::7", 7, &a, &len), 0);
	assert_int_equal(
		awl_getnameinfo((void *)&a, len, host, 11, service, 10, flags), -EOVERFLOW);
	assert_string_equal(host, "x");
	assert_string_equal(service, "y");
	assert_int_equal(awl_getnameinfo((void *)&a, len, host, 12, service, 2, flags), 0);
	assert_string_equal(host, "2001:db8::7");
	assert_string_equal(service, "7");
	assert_int_equal(awl_getnameinfo((void *)&a, 1, host, 40, service, 10, flags), -EINVAL);
	assert_int_equal(awl_getnameinfo(NULL, len, host, 40, service, 10, flags), -EINVAL);
	assert_int_equal(
		awl_getnameinfo((void *)&a, 8, host, 40, service, 10, flags), -EAFNOSUPPORT);
	return 0;
}

static void an_address_in_numbers_needs_no_thread(void **state)
{
	unsigned threads, idle;

	end_of_threads(state);
	in_loop(numeric_back_body, NULL);
	awl__pool_count(&threads, &idle);
	assert_int_equal(threads, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SYSTEM(what_is_numeric_is_answered_as_the_system_does),
		SYSTEM(what_is_numeric_needs_no_thread),
		SYSTEM(hints_may_be_absent),
		SYSTEM(a_port_that_is_none_is_refused_and_not_cut_off),
		SYSTEM(an_address_is_made_of_a_number_and_a_port_and_written_as_people_do),
		SYSTEM(unix_addresses_are_written_by_their_path),
		SYSTEM(an_address_in_numbers_needs_no_thread),
	};

	return cmocka_run_group_tests(tests, NULL, end_of_threads);
}
