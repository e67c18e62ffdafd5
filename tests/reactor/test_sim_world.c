/* SPDX-License-Identifier: MIT */
/*
 * test_sim_world.c - hosts of the simulated network and the lines between them: latency, bandwidth,
 * silence, and the names they have. @valgrind
 */
#include "reactor/sim_hosts.h"

static int64_t taken(struct rig *g, struct rig_op *o, int32_t res)
{
	int64_t began = now(g);

	assert_int_equal(rig_finish(g, o), res);
	return now(g) - began;
}

/* --- hosts --- */

static void each_address_is_a_host(void **state)
{
	struct rig *g = *state;
	int a, b, c;

	be(g, "10.0.0.1");
	a = new_listener(g, "0.0.0.0:80");
	be(g, "10.0.0.2");
	b = new_listener(g, "0.0.0.0:80"); /* no collision: another host's */
	c = new_client(g, "10.0.0.1:80");
	assert_non_null(strstr(name_of(g, c, false), "10.0.0.2:"));
	assert_int_equal(poll_now(g, a, POLLIN), POLLIN);
	assert_int_equal(poll_now(g, b, POLLIN), -EAGAIN);
	rig_shut(g, c);
	c = new_client(g, "127.0.0.1:80"); /* itself */
	assert_int_equal(poll_now(g, b, POLLIN), POLLIN);
	rig_shut(g, c);
	c = new_socket(g, "10.0.0.1:1", SOCK_STREAM);
	assert_int_equal(connect_to(g, c, "10.0.0.3:80"), -ECONNREFUSED);
	rig_shut(g, c);
	c = new_listener(g, "/run/socket");
	be(g, "10.0.0.1");
	rig_shut(g, new_listener(g, "/run/socket")); /* each has files of its own */
	shut_both(g, (int[]){ a, b });
	rig_shut(g, c);
}

/* --- time --- */

static void a_connect_takes_one_way_and_back_and_bytes_one_way(void **state)
{
	struct rig *g = *state;
	struct address a = at("10.0.0.2:80");
	int l, fds[2];
	struct rig_op o;
	char buf[8];

	set_line(g, NULL, NULL, (struct awl__sim_line){ .latency = 30 * MS });
	be(g, "10.0.0.2");
	l = new_listener(g, "0.0.0.0:80");
	be(g, "10.0.0.1");
	fds[0] = new_socket(g, "10.0.0.1:1", SOCK_STREAM);
	assert_true(taken(g, start_connect(g, &o, fds[0], &a), 0) == 60 * MS);
	fds[1] = made(accept_one(g, l));
	assert_int_equal(send_some(g, fds[0], "hello", 5), 5);
	assert_true(taken(g, start_recv(g, &o, fds[1], buf, sizeof buf, 0), 5) == 30 * MS);
	assert_int_equal(send_some(g, fds[1], "bye", 3), 3);
	rig_shut(g, fds[1]);
	assert_true(taken(g, start_recv(g, &o, fds[0], buf, sizeof buf, 0), 3) == 30 * MS);
	assert_true(taken(g, start_recv(g, &o, fds[0], buf, sizeof buf, 0), 0) == 0);
	rig_shut(g, fds[0]);
	rig_shut(g, l);
	fds[0] = new_socket(g, "10.0.0.1:1", SOCK_STREAM);
	assert_true(taken(g, start_connect(g, &o, fds[0], &a), -ECONNREFUSED) == 60 * MS);
	rig_shut(g, fds[0]);
}

static void a_line_carries_so_many_bytes_a_second(void **state)
{
	enum { ALL = 1000000 };
	static char out[ALL], in[ALL];
	struct rig *g = *state;
	int64_t began;
	struct rig_op r, w = { .completions = 1 };
	size_t sent = 0, got = 0;
	int fds[2];

	two_hosts(g, fds);
	set_line(g, "10.0.0.1", "10.0.0.2", (struct awl__sim_line){ .bandwidth = ALL / 10 });
	began = now(g);
	while (got < ALL) {
		if (w.completions && sent < ALL) {
			start_send(g, &w, fds[0], out + sent, (uint32_t)(ALL - sent));
			if (w.completions)
				sent += (size_t)w.op.res;
			continue;
		}
		start_recv(g, &r, fds[1], in + got, (uint32_t)(ALL - got), 0);
		got += (size_t)rig_finish(g, &r);
		if (w.completions == 1 && sent < ALL && w.op.res > 0) {
			sent += (size_t)w.op.res;
			w.op.res = 0;
		}
	}
	assert_true(now(g) - began >= 10 * SEC - MS && now(g) - began <= 11 * SEC);
	shut_both(g, fds);
}

static void the_line_that_is_named_most_exactly_counts(void **state)
{
	struct rig *g = *state;
	struct rig_op o;
	char buf[8];
	int fds[2];

	two_hosts(g, fds);
	set_line(g, NULL, NULL, (struct awl__sim_line){ .latency = 1 * MS });
	set_line(g, "10.0.0.1", "10.0.0.2", (struct awl__sim_line){ .latency = 3 * MS });
	set_line(g, "10.0.0.1", NULL, (struct awl__sim_line){ .latency = 2 * MS });
	assert_int_equal(send_some(g, fds[0], "x", 1), 1);
	assert_true(taken(g, start_recv(g, &o, fds[1], buf, sizeof buf, 0), 1) == 3 * MS);
	shut_both(g, fds);
	two_hosts(g, fds);
	set_line(g, "10.0.0.1", "10.0.0.2", (struct awl__sim_line){ .latency = 0 });
	assert_int_equal(send_some(g, fds[1], "x", 1), 1);
	assert_true(taken(g, start_recv(g, &o, fds[0], buf, sizeof buf, 0), 1) == 0);
	shut_both(g, fds);
}

static void unix_sockets_take_no_time(void **state)
{
	struct rig *g = *state;
	int64_t began = now(g);
	char buf[8];
	int fds[2];

	set_line(g, NULL, NULL, (struct awl__sim_line){ .latency = SEC, .reset_in = 1 });
	connect_both(g, "/run/socket", fds);
	assert_int_equal(send_some(g, fds[0], "x", 1), 1);
	assert_int_equal(recv_some(g, fds[1], buf, sizeof buf), 1);
	assert_true(now(g) == began);
	shut_both(g, fds);
}

/* --- silence --- */

static void a_connect_into_silence_times_out_after_two_minutes(void **state)
{
	struct rig *g = *state;
	struct address a = at("10.0.0.2:80");
	struct rig_op o;
	int l, c;

	be(g, "10.0.0.2");
	l = new_listener(g, "0.0.0.0:80");
	be(g, "10.0.0.1");
	cut(g, "10.0.0.1", "10.0.0.2", true);
	c = new_socket(g, "10.0.0.1:1", SOCK_STREAM);
	assert_true(taken(g, start_connect(g, &o, c, &a), -ETIMEDOUT) == 127 * SEC);
	start_connect(g, &o, c, &a);
	assert_int_equal(rig_turn(g, now(g) + 20 * SEC), 0);
	cut(g, "10.0.0.2", "10.0.0.1", false);
	assert_int_equal(rig_finish(g, &o), 0); /* at its next attempt */
	shut_both(g, (int[]){ c, l });
}

static void a_stream_stalls_in_silence_and_goes_on_when_it_ends(void **state)
{
	struct rig *g = *state;
	static char block[1 << 20], in[1 << 20];
	struct rig_op r, w;
	int fds[2];

	for (int all = 0; all < 2; all++) {
		two_hosts(g, fds);
		cut(g, "10.0.0.1", all ? NULL : "10.0.0.2", true);
		assert_int_equal(send_some(g, fds[0], "in the buffer", 13), 13);
		start_recv(g, &r, fds[1], in, sizeof in, 0);
		assert_int_equal(rig_turn(g, now(g) + 3600 * SEC), 0);
		assert_int_equal(r.completions, 0);
		while (start_send(g, &w, fds[0], block, sizeof block)->completions)
			;
		assert_waits(g, &w);
		cut(g, "10.0.0.1", all ? NULL : "10.0.0.2", false);
		assert_true(rig_finish(g, &r) >= 13);
		assert_memory_equal(in, "in the buffer", 13);
		assert_true(rig_finish(g, &w) > 0);
		shut_both(g, fds);
	}
}

static void datagrams_into_silence_are_lost(void **state)
{
	struct rig *g = *state;
	int a, b;

	b = new_socket(g, "10.0.0.2:5", SOCK_DGRAM);
	assert_int_equal(bind_to(g, b, "10.0.0.2:5"), 0);
	be(g, "10.0.0.1");
	a = new_socket(g, "10.0.0.1:5", SOCK_DGRAM);
	assert_int_equal(connect_to(g, a, "10.0.0.2:5"), 0);
	cut(g, "10.0.0.1", "10.0.0.2", true);
	assert_int_equal(send_some(g, a, "lost", 4), 4);
	cut(g, "10.0.0.1", "10.0.0.2", false);
	assert_int_equal(poll_now(g, b, POLLIN), -EAGAIN);
	assert_int_equal(send_some(g, a, "there", 5), 5);
	assert_int_equal(poll_now(g, b, POLLIN), POLLIN);
	shut_both(g, (int[]){ a, b });
}

/* --- names --- */

static void a_name_has_the_addresses_it_was_given(void **state)
{
	struct rig *g = *state;
	struct sockaddr_storage two[2] = { at("10.0.0.1:0").ss, at("[fe80::1]:0").ss };
	struct awl__sim_host h = { .delay = 5, .count = 2, .addresses = two };
	const struct awl__sim_host *found;

	assert_null(awl__sim_lookup(g->r, "example.com"));
	assert_int_equal(awl__sim_set_name(g->r, "example.com", &h), 0);
	found = awl__sim_lookup(g->r, "Example.COM");
	assert_int_equal(found->count, 2);
	assert_true(found->delay == 5);
	assert_memory_equal(found->addresses, two, sizeof two);
	h = (struct awl__sim_host){ .error = -2 };
	assert_int_equal(awl__sim_set_name(g->r, "example.com", &h), 0);
	assert_int_equal(awl__sim_lookup(g->r, "example.com")->error, -2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_WORLD(each_address_is_a_host),
		IN_WORLD(a_connect_takes_one_way_and_back_and_bytes_one_way),
		IN_WORLD(a_line_carries_so_many_bytes_a_second),
		IN_WORLD(the_line_that_is_named_most_exactly_counts),
		IN_WORLD(unix_sockets_take_no_time),
		IN_WORLD(a_connect_into_silence_times_out_after_two_minutes),
		IN_WORLD(a_stream_stalls_in_silence_and_goes_on_when_it_ends),
		IN_WORLD(datagrams_into_silence_are_lost),
		IN_WORLD(a_name_has_the_addresses_it_was_given),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
