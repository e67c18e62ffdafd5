/* SPDX-License-Identifier: MIT */
/*
 * test_names.c - names become addresses without holding anybody up, and numbers without a thread.
 * @reactors @thread @valgrind
 */
#include "support.h"

#include "net/names.h"
#include "pool/pool.h"
#include "reactor/sim_world.h"
#include "thread/gate.h"

#include <arpa/inet.h>

#define UNLESS_SIM() \
	do { \
		if (is_sim_everywhere()) \
			skip(); /* sim's names are the simulated network's */ \
	} while (0)

static bool is_sim_everywhere(void)
{
	const char *name = getenv("AWL_REACTOR");

	return name && strcmp(name, "sim") == 0;
}

/* --- a resolver that does as it is told ------------------------------------------------------- */

static struct gate gate;
static atomic_int answers;
static int error_of_names, errno_of_names;

static int stub(
	const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **ret)
{
	const struct addrinfo numeric = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_CANONNAME };

	if (error_of_names) {
		errno = errno_of_names;
		return error_of_names;
	}
	atomic_fetch_add(&answers, 1);
	return getaddrinfo("192.0.2.7", "7", &numeric, ret);
}

static int slow_stub(
	const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **ret)
{
	stand(&gate);
	return stub(host, service, hints, ret);
}

static int stub_back(const struct sockaddr *addr, socklen_t len, char *host, socklen_t host_size,
	char *service, socklen_t service_size, int flags)
{
	snprintf(host, host_size, "seven.example");
	snprintf(service, service_size, "echo");
	return error_of_names;
}

static int slow_stub_back(const struct sockaddr *addr, socklen_t len, char *host,
	socklen_t host_size, char *service, socklen_t service_size, int flags)
{
	stand(&gate);
	return stub_back(addr, len, host, host_size, service, service_size, flags);
}

static int with_system(void **state)
{
	gate = (struct gate)GATE;
	error_of_names = errno_of_names = 0;
	atomic_store(&answers, 0);
	awl__resolver = (struct awl__resolver){ getaddrinfo, getnameinfo };
	return 0;
}

static int with_stub(void **state)
{
	with_system(state);
	awl__resolver = (struct awl__resolver){ stub, stub_back };
	return 0;
}

static int with_slow_stub(void **state)
{
	with_system(state);
	awl__resolver = (struct awl__resolver){ slow_stub, slow_stub_back };
	return 0;
}

static const char *first_of(const struct addrinfo *list)
{
	static char text[AWL_ADDRESS_TEXT];

	return awl_address_text(list->ai_addr, list->ai_addrlen, text, sizeof text);
}

/* --- numbers ---------------------------------------------------------------------------------- */

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

static int drain(void **state)
{
	awl__pool_drain();
	return 0;
}

static void what_is_numeric_needs_no_thread(void **state)
{
	unsigned threads, idle;

	drain(state);
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

/* --- names ------------------------------------------------------------------------------------ */

static int name_body(void *arg)
{
	struct addrinfo *list;

	assert_int_equal(awl_getaddrinfo("seven.example", "echo", NULL, &list), 0);
	assert_string_equal(first_of(list), "192.0.2.7:7");
	assert_string_equal(list->ai_canonname, "192.0.2.7");
	assert_null(list->ai_next);
	awl_freeaddrinfo(list);
	assert_int_equal(awl_getaddrinfo_abandonable("seven.example", "echo", NULL, &list), 0);
	assert_string_equal(first_of(list), "192.0.2.7:7");
	awl_freeaddrinfo(list);
	assert_int_equal(atomic_load(&answers), 2);
	return 0;
}

/* K7 */
static void a_name_is_looked_up_in_the_pool(void **state)
{
	UNLESS_SIM();
	in_loop(name_body, NULL);
}

static int error_body(void *arg)
{
	static const struct {
		int error, system, code;
		const char *words;
	} rows[] = {
		{ EAI_NONAME, 0, AWL_ENONAME, "no.example" },
		{ EAI_NODATA, 0, AWL_ENONAME, "no.example" },
		{ EAI_ADDRFAMILY, 0, AWL_ENONAME, "family" },
		{ EAI_SERVICE, 0, AWL_ENONAME, "Servname" },
		{ EAI_AGAIN, 0, AWL_ENAMESERVER, "Temporary" },
		{ EAI_FAIL, 0, AWL_ENAMESERVER, "Non-recoverable" },
		{ EAI_MEMORY, 0, -ENOMEM, "" },
		{ EAI_BADFLAGS, 0, -EINVAL, "ai_flags" },
		{ EAI_SOCKTYPE, 0, -EINVAL, "ai_socktype" },
		{ EAI_FAMILY, 0, -EAFNOSUPPORT, "ai_family" },
		{ EAI_SYSTEM, EMFILE, -EMFILE, "files" },
		{ EAI_SYSTEM, 0, -EIO, "" },
	};
	struct addrinfo *list = NULL;

	for (size_t i = 0; i < COUNT(rows); i++) {
		error_of_names = rows[i].error;
		errno_of_names = rows[i].system;
		assert_int_equal(awl_getaddrinfo("no.example", "7", NULL, &list), rows[i].code);
		if (!strstr(awl_error_detail(rows[i].code), rows[i].words))
			fail_msg("\"%s\" in \"%s\"", rows[i].words, awl_error_detail(rows[i].code));
		assert_int_equal(
			awl_getaddrinfo_abandonable("no.example", "7", NULL, &list), rows[i].code);
	}
	assert_null(list);
	return 0;
}

static void each_failure_of_the_resolver_has_its_code_and_its_words(void **state)
{
	UNLESS_SIM();
	in_loop(error_body, NULL);
}

static int long_body(void *arg)
{
	char name[2000] = "";
	struct addrinfo *list = NULL;

	memset(name, 'a', sizeof name - 1);
	assert_int_equal(awl_getaddrinfo(name, "7", NULL, &list), AWL_ENONAME);
	assert_int_equal(awl_getaddrinfo("no.example", name, NULL, &list), AWL_ENONAME);
	assert_int_equal(awl_getaddrinfo("no.example", "7", NULL, NULL), -EINVAL);
	assert_int_equal(atomic_load(&answers), 0);
	return 0;
}

static void what_is_too_long_for_a_name_is_none(void **state)
{
	in_loop(long_body, NULL);
}

static int no_task(void *arg)
{
	struct addrinfo *list = NULL;
	awl_loop *l = arg;

	assert_int_equal(awl_getaddrinfo("127.0.0.1", "7", NULL, &list), AWL_ENOTASK);
	return awl_loop_stop(l);
}

static void outside_of_a_task_a_look_up_is_refused(void **state)
{
	struct addrinfo *list = NULL;
	awl_loop *l = new_loop(NULL);

	assert_int_equal(awl_getaddrinfo("127.0.0.1", "7", NULL, &list), AWL_ENOLOOP);
	assert_int_equal(awl_loop_call_soon(l, no_task, l, NULL), 0);
	assert_int_equal(awl_loop_run_forever(l), 0);
	end_loop(l);
}

/* --- cancel ----------------------------------------------------------------------------------- */

struct asker {
	bool leaves, done;
	int value, next;
	int64_t took;
};

static int ask(void *arg)
{
	struct asker *a = arg;
	struct addrinfo *list = NULL;
	int64_t began = awl_loop_time(here());

	a->value = a->leaves ? awl_getaddrinfo_abandonable("seven.example", "7", NULL, &list)
			     : awl_getaddrinfo("seven.example", "7", NULL, &list);
	a->took = awl_loop_time(here()) - began;
	a->done = true;
	if (a->value == 0)
		awl_freeaddrinfo(list);
	a->next = awl_yield();
	return a->next;
}

static int ask_back(void *arg)
{
	struct sockaddr_in addr = { .sin_family = AF_INET };
	struct asker *a = arg;
	char host[40];

	a->value = a->leaves
		? awl_getnameinfo_abandonable((void *)&addr, sizeof addr, host, 40, NULL, 0, 0)
		: awl_getnameinfo((void *)&addr, sizeof addr, host, 40, NULL, 0, 0);
	a->done = true;
	a->next = awl_yield();
	return a->next;
}

static int staying_body(void *asking)
{
	struct asker a = { 0 };
	awl_task *t;

	assert_int_equal(awl_create_task(*(awl_fn **)asking, &a, &t), 0);
	until(&gate.begun, 1);
	assert_int_equal(awl_cancel(t, NULL), 1);
	for (int i = 0; i < 100; i++)
		assert_int_equal(awl_yield(), 0);
	assert_false(a.done);
	open_gate(&gate);
	assert_int_equal(awl_join(t), 0);
	assert_int_equal(a.value, 0);
	assert_int_equal(a.next, AWL_ECANCELED);
	return awl_unref(t);
}

static void a_cancelled_look_up_stays_for_its_answer(void **state)
{
	awl_fn *asking = ask;

	UNLESS_SIM();
	in_loop(staying_body, &asking);
}

static void a_cancelled_look_up_of_an_address_stays_for_its_answer(void **state)
{
	awl_fn *asking = ask_back;

	UNLESS_SIM();
	in_loop(staying_body, &asking);
}

static int leaving_body(void *asking)
{
	struct asker a = { .leaves = true };
	awl_task *t;

	assert_int_equal(awl_create_task(*(awl_fn **)asking, &a, &t), 0);
	until(&gate.begun, 1);
	assert_int_equal(awl_cancel(t, NULL), 1);
	assert_int_equal(awl_join(t), 0); /* the gate is shut */
	assert_int_equal(a.value, AWL_ECANCELED);
	assert_int_equal(atomic_load(&answers), 0);
	assert_int_equal(awl_unref(t), 0);
	open_gate(&gate);
	until(&gate.returned, 1);
	return 0;
}

static void an_abandoned_look_up_is_left_at_once_and_its_answer_freed(void **state)
{
	awl_fn *asking = ask;

	UNLESS_SIM();
	in_loop(leaving_body, &asking);
	drain(state);
	assert_int_equal(atomic_load(&answers), 1);
}

static void an_abandoned_look_up_of_an_address_is_left_at_once(void **state)
{
	awl_fn *asking = ask_back;

	UNLESS_SIM();
	in_loop(leaving_body, &asking);
}

static int never_begun_body(void *arg)
{
	struct asker a[40] = { 0 };
	awl_task *t[COUNT(a)];
	int begun;

	for (size_t i = 0; i < COUNT(a); i++)
		assert_int_equal(awl_create_task(ask, &a[i], &t[i]), 0);
	until(&gate.begun, 1);
	assert_int_equal(awl_cancel(t[COUNT(a) - 1], NULL), 1);
	assert_int_equal(awl_join(t[COUNT(a) - 1]), 0); /* the gate is shut */
	assert_int_equal(a[COUNT(a) - 1].value, AWL_ECANCELED);
	open_gate(&gate);
	for (size_t i = 0; i + 1 < COUNT(a); i++)
		assert_int_equal(awl_await(t[i]), 0);
	begun = atomic_load(&answers);
	assert_int_equal(begun, COUNT(a) - 1);
	for (size_t i = 0; i < COUNT(a); i++)
		assert_int_equal(awl_unref(t[i]), 0);
	return 0;
}

static void a_look_up_that_waits_for_a_thread_is_cancelled_at_once(void **state)
{
	UNLESS_SIM();
	in_loop(never_begun_body, NULL);
}

/* --- nobody waits for somebody else's name ---------------------------------------------------- */

static int starving_body(void *arg)
{
	struct asker a[40] = { 0 };
	awl_task_group g;
	int five = 5;

	awl_task_group_enter(&g);
	for (size_t i = 0; i < COUNT(a); i++)
		assert_int_equal(awl_task_group_create_task(&g, ask, &a[i], NULL), 0);
	until(&gate.begun, 1);
	for (int i = 0; i < 100; i++)
		assert_int_equal(awl_to_thread(answer, &five), 5);
	assert_int_equal(atomic_load(&answers), 0);
	open_gate(&gate);
	return awl_task_group_exit(&g, 0);
}

static void slow_names_do_not_starve_other_functions(void **state)
{
	UNLESS_SIM();
	in_loop(starving_body, NULL);
}

static int starved_body(void *arg)
{
	struct staying s[40] = { 0 };
	struct asker a = { 0 };
	awl_task_group g;

	awl_task_group_enter(&g);
	for (size_t i = 0; i < COUNT(s); i++) {
		s[i].gate = &gate;
		assert_int_equal(awl_task_group_create_task(&g, stay, &s[i], NULL), 0);
	}
	until(&gate.begun, 1);
	assert_int_equal(ask(&a), 0);
	assert_int_equal(a.value, 0);
	assert_int_equal(atomic_load(&gate.returned), 0);
	open_gate(&gate);
	return awl_task_group_exit(&g, 0);
}

static void slow_functions_do_not_starve_names(void **state)
{
	UNLESS_SIM();
	in_loop(starved_body, NULL);
}

static int own_executor_body(void *arg)
{
	awl_executor *e = new_executor(1, 0);
	struct staying s = { .gate = &gate };
	struct asker a = { 0 };
	awl_task *t;

	assert_int_equal(awl_loop_set_default_executor(here(), e), 0);
	assert_int_equal(awl_create_task(stay, &s, &t), 0);
	until(&gate.begun, 1);
	assert_int_equal(ask(&a), 0); /* its only thread stands at the gate */
	assert_int_equal(a.value, 0);
	open_gate(&gate);
	assert_int_equal(awl_await(t), 0);
	assert_int_equal(awl_loop_set_default_executor(here(), NULL), 0);
	end_executor(e);
	return awl_unref(t);
}

static void names_do_not_wait_for_the_default_executor(void **state)
{
	UNLESS_SIM();
	in_loop(own_executor_body, NULL);
}

/* --- in a small room -------------------------------------------------------------------------- */

static int small_body(void *arg)
{
	awl_task_options o = { .stack_size = 128 << 10 };
	struct asker a = { 0 };
	awl_task *t;

	assert_int_equal(awl_loop_create_task(here(), &o, ask, &a, &t), 0);
	assert_int_equal(awl_await(t), 0);
	/* Only on sim nobody knows the name. */
	assert_int_equal(a.value, is_sim(here()) ? AWL_ENONAME : 0);
	return awl_unref(t);
}

static void a_small_stack_is_enough(void **state)
{
	in_loop(small_body, NULL);
}

/* The system's own, all the way; what it knows of localhost is the machine's business. */
static int real_body(void *arg)
{
	const struct addrinfo hints = { .ai_family = AF_INET, .ai_socktype = SOCK_STREAM };
	struct addrinfo *list = NULL;

	assert_int_equal(awl_getaddrinfo("localhost", "80", &hints, &list), 0);
	assert_string_equal(first_of(list), "127.0.0.1:80");
	awl_freeaddrinfo(list);
	return 0;
}

static void localhost_is_known(void **state)
{
	in_loop(real_body, NULL);
}

/* --- without memory --------------------------------------------------------------------------- */

static int faults_body(void *arg)
{
	struct addrinfo *list;
	int64_t n = 0;
	int r;

	for (int leaves = 0; leaves < 2; leaves++) {
		n = 0;
		do {
			list = NULL;
			awl_test_fail_alloc(++n);
			r = leaves ? awl_getaddrinfo_abandonable("seven.example", "7", NULL, &list)
				   : awl_getaddrinfo("seven.example", "7", NULL, &list);
			if (r == 0)
				awl_freeaddrinfo(list);
			else
				assert_true(r == -ENOMEM || r == -EAGAIN);
		} while (awl_test_fail_alloc(0) >= n);
	}
	awl_test_fail_alloc(1);
	assert_int_equal(awl_getaddrinfo("127.0.0.1", "7", NULL, &list), -ENOMEM);
	awl_test_fail_alloc(0);
	return 0;
}

static void without_memory_a_look_up_is_refused_and_nothing_leaks(void **state)
{
	UNLESS_SIM();
	in_loop(faults_body, NULL);
}

/* --- and back --------------------------------------------------------------------------------- */

static int back_body(void *arg)
{
	struct sockaddr_storage a;
	char host[40] = "", service[10] = "";
	socklen_t len;

	assert_int_equal(awl_address("192.0.2.7", 7, &a, &len), 0);
	assert_int_equal(awl_getnameinfo((void *)&a, len, host, 40, service, 10, 0), 0);
	assert_string_equal(host, "seven.example");
	assert_string_equal(service, "echo");
	assert_int_equal(awl_getnameinfo((void *)&a, len, NULL, 0, service, 10, 0), 0);
	assert_string_equal(service, "echo");
	assert_int_equal(awl_getnameinfo((void *)&a, len, host, 13, service, 10, 0), -EOVERFLOW);
	error_of_names = EAI_NONAME;
	assert_int_equal(
		awl_getnameinfo((void *)&a, len, host, 40, service, 10, NI_NAMEREQD), AWL_ENONAME);
	assert_non_null(strstr(awl_error_detail(AWL_ENONAME), "192.0.2.7:7"));
	return 0;
}

static void an_address_is_named_in_the_pool(void **state)
{
	UNLESS_SIM();
	in_loop(back_body, NULL);
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

	drain(state);
	in_loop(numeric_back_body, NULL);
	awl__pool_count(&threads, &idle);
	assert_int_equal(threads, 0);
}

/* --- D6 --------------------------------------------------------------------------------------- */

static int slow_name_body(void *arg)
{
	struct asker a = { .leaves = true };
	awl_task *t;

	assert_int_equal(awl_loop_set_debug(here(), 1), 0);
	assert_int_equal(awl_loop_set_slow_callback_duration(here(), AWL_MS), 0);
	assert_int_equal(awl_create_task(ask, &a, &t), 0);
	until(&gate.begun, 1);
	assert_int_equal(awl_sleep(2 * AWL_MS), 0);
	open_gate(&gate);
	assert_int_equal(awl_await(t), 0);
	return awl_unref(t);
}

/* D6 */
static void a_slow_name_is_told_in_debug_mode(void **state)
{
	struct heard h;

	UNLESS_SIM();
	listen_to_awl(&h);
	in_loop(slow_name_body, NULL);
	stop_listening();
	assert_heard(&h, "6 awl_getaddrinfo_abandonable of \"seven.example\" took 0.");
}

static int quiet_body(void *arg)
{
	struct asker a = { 0 };

	assert_int_equal(awl_loop_set_slow_callback_duration(here(), AWL_MS), 0);
	open_gate(&gate);
	assert_int_equal(ask(&a), 0);
	return 0;
}

static void without_debug_mode_nothing_is_told(void **state)
{
	struct heard h;

	listen_to_awl(&h);
	in_loop(quiet_body, NULL);
	stop_listening();
	assert_int_equal(h.lines, 0);
}

/* --- sim's names ------------------------------------------------------------------------------ */

static void give_name(const char *name, int error, int64_t delay)
{
	struct sockaddr_storage a[2];
	struct awl__sim_host host = { error, delay, 2, a };
	socklen_t len;

	assert_int_equal(awl_address("2001:db8::7", 0, &a[0], &len), 0);
	assert_int_equal(awl_address("192.0.2.7", 0, &a[1], &len), 0);
	assert_int_equal(awl__sim_set_name(here()->reactor, name, &host), 0);
}

static int sim_body(void *arg)
{
	struct addrinfo *list, hints = { .ai_socktype = SOCK_STREAM };
	int64_t began = awl_loop_time(here());

	give_name("seven.example", 0, 3 * AWL_SEC);
	give_name("silent.example", EAI_AGAIN, 30 * AWL_SEC);
	assert_int_equal(awl_getaddrinfo("seven.example", "7", &hints, &list), 0);
	assert_int_equal(awl_loop_time(here()) - began, 3 * AWL_SEC);
	assert_string_equal(first_of(list), "[2001:db8::7]:7");
	assert_string_equal(first_of(list->ai_next), "192.0.2.7:7");
	assert_null(list->ai_next->ai_next);
	awl_freeaddrinfo(list);
	assert_int_equal(awl_getaddrinfo("silent.example", "7", &hints, &list), AWL_ENAMESERVER);
	assert_int_equal(awl_loop_time(here()) - began, 33 * AWL_SEC);
	assert_int_equal(awl_getaddrinfo("none.example", "7", &hints, &list), AWL_ENONAME);
	assert_int_equal(awl_getaddrinfo("seven.example", "echo", &hints, &list), AWL_ENONAME);
	assert_int_equal(awl_getaddrinfo("localhost", "7", &hints, &list), 0);
	assert_string_equal(first_of(list), "[::1]:7");
	assert_string_equal(first_of(list->ai_next), "127.0.0.1:7");
	awl_freeaddrinfo(list);
	return 0;
}

static void on_sim_the_simulated_network_knows_the_names(void **state)
{
	in_sim(sim_body, NULL);
}

static int sim_cancel_body(void *arg)
{
	struct asker a = { .leaves = *(bool *)arg };
	awl_task *t;

	give_name("seven.example", 0, 3 * AWL_SEC);
	assert_int_equal(awl_create_task(ask, &a, &t), 0);
	assert_int_equal(awl_sleep(AWL_SEC), 0);
	assert_int_equal(awl_cancel(t, NULL), 1);
	assert_int_equal(awl_join(t), 0);
	assert_int_equal(a.value, a.leaves ? AWL_ECANCELED : 0);
	assert_int_equal(a.took, a.leaves ? AWL_SEC : 3 * AWL_SEC);
	assert_int_equal(awl_cancelled(t), !a.leaves);
	return awl_unref(t);
}

static void on_sim_a_look_up_stays_or_leaves_as_elsewhere(void **state)
{
	bool leaves = false;

	in_sim(sim_cancel_body, &leaves);
	leaves = true;
	in_sim(sim_cancel_body, &leaves);
}

static int sim_back_body(void *arg)
{
	struct sockaddr_storage a;
	char host[40], service[10];
	socklen_t len;

	assert_int_equal(awl_address("192.0.2.7", 7, &a, &len), 0);
	assert_int_equal(awl_getnameinfo((void *)&a, len, host, 40, service, 10, 0), 0);
	assert_string_equal(host, "192.0.2.7");
	assert_string_equal(service, "7");
	assert_int_equal(
		awl_getnameinfo((void *)&a, len, host, 40, service, 10, NI_NAMEREQD), AWL_ENONAME);
	return 0;
}

static void on_sim_addresses_are_answered_in_numbers(void **state)
{
	in_sim(sim_back_body, NULL);
}

static int sim_slow_body(void *arg)
{
	struct asker a = { 0 };

	assert_int_equal(awl_loop_set_debug(here(), 1), 0);
	give_name("seven.example", 0, 3 * AWL_SEC);
	return ask(&a);
}

/* D6 */
static void on_sim_a_slow_name_is_told_in_debug_mode(void **state)
{
	struct heard h;

	listen_to_awl(&h);
	in_sim(sim_slow_body, NULL);
	stop_listening();
	assert_heard(&h, "6 awl_getaddrinfo of \"seven.example\" took 3.000 s");
}

#define SYSTEM(test) cmocka_unit_test_setup(test, with_system)
#define STUB(test) cmocka_unit_test_setup(test, with_stub)
#define SLOW(test) cmocka_unit_test_setup(test, with_slow_stub)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SYSTEM(what_is_numeric_is_answered_as_the_system_does),
		SYSTEM(what_is_numeric_needs_no_thread),
		SYSTEM(hints_may_be_absent),
		SYSTEM(a_port_that_is_none_is_refused_and_not_cut_off),
		SYSTEM(an_address_is_made_of_a_number_and_a_port_and_written_as_people_do),
		SYSTEM(unix_addresses_are_written_by_their_path),
		STUB(a_name_is_looked_up_in_the_pool),
		STUB(each_failure_of_the_resolver_has_its_code_and_its_words),
		STUB(what_is_too_long_for_a_name_is_none),
		STUB(outside_of_a_task_a_look_up_is_refused),
		SLOW(a_cancelled_look_up_stays_for_its_answer),
		SLOW(a_cancelled_look_up_of_an_address_stays_for_its_answer),
		SLOW(an_abandoned_look_up_is_left_at_once_and_its_answer_freed),
		SLOW(an_abandoned_look_up_of_an_address_is_left_at_once),
		SLOW(a_look_up_that_waits_for_a_thread_is_cancelled_at_once),
		SLOW(slow_names_do_not_starve_other_functions),
		STUB(slow_functions_do_not_starve_names),
		STUB(names_do_not_wait_for_the_default_executor),
		STUB(a_small_stack_is_enough),
		SYSTEM(localhost_is_known),
		STUB(without_memory_a_look_up_is_refused_and_nothing_leaks),
		STUB(an_address_is_named_in_the_pool),
		SYSTEM(an_address_in_numbers_needs_no_thread),
		SLOW(a_slow_name_is_told_in_debug_mode),
		SLOW(without_debug_mode_nothing_is_told),
		SYSTEM(on_sim_the_simulated_network_knows_the_names),
		SYSTEM(on_sim_a_look_up_stays_or_leaves_as_elsewhere),
		SYSTEM(on_sim_addresses_are_answered_in_numbers),
		SYSTEM(on_sim_a_slow_name_is_told_in_debug_mode),
	};

	return cmocka_run_group_tests(tests, NULL, drain);
}
