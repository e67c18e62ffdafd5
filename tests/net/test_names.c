/* SPDX-License-Identifier: MIT */
/*
 * test_names.c - names become addresses and addresses names in the pool, each failure has its
 * words, and a slow one is told of; on sim the simulated network knows them. @reactors @thread
 * @valgrind
 */
#include "lookups.h"

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
	REAL_KERNEL();
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
	REAL_KERNEL();
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
	REAL_KERNEL();
	in_loop(back_body, NULL);
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
	REAL_KERNEL();
	in_loop(faults_body, NULL);
}

/* --- what takes long -------------------------------------------------------------------------- */

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

	REAL_KERNEL();
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		STUB(a_name_is_looked_up_in_the_pool),
		STUB(each_failure_of_the_resolver_has_its_code_and_its_words),
		STUB(what_is_too_long_for_a_name_is_none),
		STUB(outside_of_a_task_a_look_up_is_refused),
		STUB(a_small_stack_is_enough),
		SYSTEM(localhost_is_known),
		STUB(without_memory_a_look_up_is_refused_and_nothing_leaks),
		STUB(an_address_is_named_in_the_pool),
		SLOW(a_slow_name_is_told_in_debug_mode),
		SLOW(without_debug_mode_nothing_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, end_of_threads);
}
