/* SPDX-License-Identifier: MIT */
/*
 * test_datagram_group.c - one datagram to many: broadcast, and the groups of multicast.
 * @reactors @thread @valgrind
 */
#include "datagrams.h"

static int broadcast_body(void *arg)
{
	awl_datagram *a = open_at("0.0.0.0"), *shy = open_at("127.0.0.1");
	awl_datagram *loud = open_with(&(awl_datagram_options){
		.local_host = "127.0.0.1", .flags = AWL_DATAGRAM_BROADCAST });
	struct sockaddr_storage all;
	socklen_t len;

	/* sim's loopback has no broadcast. */
	assert_int_equal(awl_address(is_sim(here()) ? "10.0.0.255" : "127.255.255.255", port_of(a),
				 &all, &len),
		0);
	assert_int_equal(awl_datagram_sendto(shy, "hey", 3, (void *)&all, len), -EACCES);
	assert_int_equal(awl_datagram_sendto(loud, "hey", 3, (void *)&all, len), 0);
	assert_gets(a, "hey");
	end(a);
	end(shy);
	end(loud);
	return 0;
}

/* P21 */
static void broadcast_has_to_be_asked_for(void **state)
{
	in_loop(broadcast_body, NULL);
}

static void group_talk(const char *any, const char *group, const char *interface)
{
	awl_datagram_options o = { .local_host = any, .flags = AWL_DATAGRAM_REUSE_ADDRESS };
	awl_datagram *a = open_with(&o), *b, *from = open_at(any);
	struct sockaddr_storage to;
	socklen_t len;

	o.local_port = port_of(a);
	b = open_with(&o);
	assert_int_equal(awl_datagram_join(a, group, interface), 0);
	assert_int_equal(awl_datagram_join(a, group, interface), -EADDRINUSE);
	assert_int_equal(awl_datagram_join(b, group, interface), 0);
	assert_int_equal(awl_datagram_set_multicast_interface(from, interface), 0);
	assert_int_equal(awl_datagram_set_multicast_hops(from, 0), 0);
	assert_int_equal(awl_address(group, o.local_port, &to, &len), 0);
	assert_int_equal(awl_datagram_sendto(from, "all", 3, (void *)&to, len), 0);
	assert_gets(a, "all");
	assert_gets(b, "all");
	assert_int_equal(awl_datagram_leave(b, group, interface), 0);
	assert_int_equal(awl_datagram_leave(b, group, interface), -EADDRNOTAVAIL);
	end(a);
	end(b);
	end(from);
}

static int multicast_body(void *arg)
{
	group_talk("0.0.0.0", "239.1.2.3", "lo");
	if (is_sim(here()))
		group_talk("::", "ff01::1234", "lo");
	return 0;
}

static void members_of_a_group_get_what_is_sent_to_it(void **state)
{
	in_loop(multicast_body, NULL);
}

static int multicast6_body(void *arg)
{
	awl_datagram *a;

	if (!has_ipv6(here()))
		return 0;
	/* No route leads to groups on a loopback: nothing can be sent there. */
	a = open_at("::");
	assert_int_equal(awl_datagram_join(a, "ff01::1234", "lo"), 0);
	assert_int_equal(awl_datagram_join(a, "ff01::1234", "lo"), -EADDRINUSE);
	assert_int_equal(awl_datagram_set_multicast_interface(a, "lo"), 0);
	assert_int_equal(awl_datagram_set_multicast_hops(a, 0), 0);
	assert_int_equal(awl_datagram_set_multicast_loop(a, 0), 0);
	assert_int_equal(awl_datagram_leave(a, "ff01::1234", "lo"), 0);
	assert_int_equal(awl_datagram_leave(a, "ff01::1234", "lo"), -EADDRNOTAVAIL);
	end(a);
	return 0;
}

static void groups_of_ipv6_are_joined_and_left(void **state)
{
	in_loop(multicast6_body, NULL);
}

static int no_loop_body(void *arg)
{
	awl_datagram *a = open_at("0.0.0.0"), *from = open_at("127.0.0.1");
	struct sockaddr_storage group, own;
	socklen_t len;

	assert_int_equal(awl_datagram_join(a, "239.1.2.3", "lo"), 0);
	assert_int_equal(awl_datagram_set_multicast_interface(from, "lo"), 0);
	assert_int_equal(awl_datagram_set_multicast_loop(from, 0), 0);
	assert_int_equal(awl_address("239.1.2.3", port_of(a), &group, &len), 0);
	assert_int_equal(awl_address("127.0.0.1", port_of(a), &own, &len), 0);
	if (is_sim(here())) /* a real loopback loops by itself */
		assert_int_equal(awl_datagram_sendto(from, "group", 5, (void *)&group, len), 0);
	assert_int_equal(awl_datagram_sendto(from, "own", 3, (void *)&own, len), 0);
	assert_gets(a, "own");
	end(a);
	end(from);
	return 0;
}

static void who_wants_no_loop_does_not_reach_this_machine(void **state)
{
	in_loop(no_loop_body, NULL);
}

static int no_group_body(void *arg)
{
	awl_datagram *a = open_at("127.0.0.1");
	awl_datagram *u = open_with(&(awl_datagram_options){ .family = AF_UNIX });

	assert_int_equal(awl_datagram_join(a, "ff01::1", "lo"), -EINVAL);
	assert_int_equal(awl_datagram_join(a, "localhost", "lo"), -EINVAL);
	assert_int_equal(awl_datagram_join(a, "239.1.2.3", "no such"), -ENODEV);
	assert_int_equal(awl_datagram_join(u, "239.1.2.3", "lo"), -EINVAL);
	assert_int_equal(awl_datagram_set_multicast_hops(a, 256), -EINVAL);
	assert_int_equal(awl_datagram_set_multicast_hops(a, -1), -EINVAL);
	assert_int_equal(awl_datagram_set_multicast_loop(u, 1), -EINVAL);
	end(a);
	end(u);
	return 0;
}

static void what_is_no_group_is_refused(void **state)
{
	in_loop(no_group_body, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(broadcast_has_to_be_asked_for),
		cmocka_unit_test(members_of_a_group_get_what_is_sent_to_it),
		cmocka_unit_test(groups_of_ipv6_are_joined_and_left),
		cmocka_unit_test(who_wants_no_loop_does_not_reach_this_machine),
		cmocka_unit_test(what_is_no_group_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
