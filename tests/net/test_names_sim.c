/* SPDX-License-Identifier: MIT */
/*
 * test_names_sim.c - sim's names are the simulated network's: known, unknown, slow and silent in
 * virtual time. @reactors @thread @valgrind
 */
#include "lookups.h"

#include "reactor/sim_world.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		SYSTEM(on_sim_the_simulated_network_knows_the_names),
		SYSTEM(on_sim_a_look_up_stays_or_leaves_as_elsewhere),
		SYSTEM(on_sim_addresses_are_answered_in_numbers),
		SYSTEM(on_sim_a_slow_name_is_told_in_debug_mode),
	};

	return cmocka_run_group_tests(tests, NULL, end_of_threads);
}
