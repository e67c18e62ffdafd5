/* SPDX-License-Identifier: MIT */
/*
 * @reactors @valgrind
 * test_server_want.c - a server that lacks something: descriptors, memory; and many connections, of
 * which nothing stays behind.
 */
#include "clients.h"

#include <sys/resource.h>

/* --- descriptors --------------------------------------------------------------------------------
 */

static int simulated_limit(void *arg)
{
	awl_server *server = serve_loopback(echo, NULL);
	struct exceptions x;
	awl_stream *s[3];
	int64_t began;

	watch(&x);
	assert_int_equal(awl_test_set_descriptors(descriptors(here()) + 5), 0);
	for (size_t i = 0; i < COUNT(s); i++) {
		s[i] = client_of(server);
		let_others();
	}
	assert_int_equal(awl_server_connections(server), 2);
	assert_int_equal(x.count, 1);
	assert_int_equal(x.error, -EMFILE);
	assert_non_null(strstr(x.message, "server at 127.0.0.1:"));

	began = now();
	assert_int_equal(awl_sleep(2500 * AWL_MS), 0);
	assert_int_equal(x.count, 1); /* told once */
	end_client(s[0]);
	assert_echoes(s[2], "not lost");
	assert_true(now() - began == 3 * AWL_SEC); /* it tries again every second */
	assert_int_equal(x.count, 1);

	end_client(s[1]);
	end_client(s[2]);
	assert_int_equal(awl_test_set_descriptors(0), 0);
	end_server(server);
	return 0;
}

/* P18 */
static void without_descriptors_it_tells_once_rests_a_second_and_loses_nobody(void **state)
{
	exactly(simulated_limit, NULL);
}

/* Five more numbers can be had; *before is how many could be. */
static void allow_five(struct rlimit *before)
{
	struct rlimit limit;
	int taken[5];

	assert_int_equal(getrlimit(RLIMIT_NOFILE, before), 0);
	limit = *before;
	for (size_t i = 0; i < COUNT(taken); i++) {
		taken[i] = fcntl(0, F_DUPFD_CLOEXEC, 0);
		assert_true(taken[i] >= 0);
	}
	limit.rlim_cur = (rlim_t)taken[4] + 1;
	for (size_t i = 0; i < COUNT(taken); i++)
		close(taken[i]);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static int real_limit(void *arg)
{
	awl_server *server = serve_loopback(echo, NULL);
	struct exceptions x;
	awl_stream *s[3];
	struct rlimit before;
	uint64_t steps;

	watch(&x);
	allow_five(&before);
	for (size_t i = 0; i < COUNT(s); i++) {
		s[i] = client_of(server);
		if (i < 2)
			until_served(server, (int)i + 1);
	}
	while (!x.count)
		settle();
	assert_int_equal(x.error, -EMFILE);
	steps = here()->steps;
	assert_int_equal(awl_sleep(200 * AWL_MS), 0);
	assert_true(here()->steps - steps < 10); /* it does not spin */
	assert_int_equal(x.count, 1);
	end_client(s[0]);
	assert_echoes(s[2], "not lost");
	end_client(s[1]);
	end_client(s[2]);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	end_server(server);
	return 0;
}

/* P18 */
static void the_kernels_limit_is_waited_out_as_well(void **state)
{
	REAL_KERNEL();
	if (RUNNING_ON_VALGRIND) /* it keeps numbers for itself, beyond the limit */
		skip();
	cleanly(real_limit, NULL);
}

static int closes_at_rest(void *arg)
{
	awl_server *server = serve_loopback(echo, NULL);
	struct exceptions x;
	awl_stream *s;
	int64_t began;

	watch(&x);
	assert_int_equal(awl_test_set_descriptors(descriptors(here()) + 1), 0);
	s = client_of(server);
	let_others();
	assert_int_equal(x.count, 1);
	began = now();
	end_server(server);
	assert_true(now() == began);
	assert_gone(s);
	end_client(s);
	assert_int_equal(awl_test_set_descriptors(0), 0);
	return 0;
}

static void a_server_at_rest_closes_at_once(void **state)
{
	exactly(closes_at_rest, NULL);
}

static int shaken(void *arg)
{
	const awl_test_network bad = { .nfile_in = 5 };
	awl_server *server = serve_loopback(echo, NULL);
	struct exceptions x;

	watch(&x);
	assert_int_equal(awl_test_set_network(&bad), 0);
	for (int i = 0; i < 30; i++) {
		awl_stream *s;
		int r = awl_open_connection("127.0.0.1", awl_server_port(server), &s);

		if (r == -ENFILE)
			continue;
		assert_int_equal(r, 0);
		assert_echoes(s, "in spite of all");
		end_client(s);
	}
	assert_int_equal(awl_test_set_network(NULL), 0);
	end_server(server);
	return 0;
}

static void whoever_gets_a_socket_is_served_in_the_end(void **state)
{
	struct leaving_nothing run = { shaken, NULL };

	for (uint64_t seed = 1; seed <= 20; seed++)
		assert_int_equal(awl_test_run(seed, run_leaving_nothing, &run), 0);
}

/* --- memory -------------------------------------------------------------------------------------
 */

static int one_session(void *arg)
{
	awl_server *server = NULL;
	awl_stream *s = NULL;
	int r = awl_start_server(echo, NULL, "127.0.0.1", 80, &server);

	if (r < 0)
		return r;
	r = awl_open_connection("127.0.0.1", 80, &s);
	if (r == 0) {
		char c;

		r = awl_stream_write_all(s, "x", 1, NULL);
		r = r < 0 ? r : awl_stream_read(s, &c, 1);
		awl_stream_close(s);
		awl_stream_unref(s);
	}
	awl_server_close(server);
	awl_server_close_clients(server);
	(void)!awl_server_wait_closed(server);
	awl_server_unref(server);
	return r;
}

static int each_allocation(void *arg)
{
	int64_t n = 0, made;
	struct exceptions x;

	watch(&x); /* a server that cannot go on tells of it */
	do {
		int before = sockets_open(here()), r;

		awl_test_fail_alloc(++n);
		r = one_session(NULL);
		made = awl_test_fail_alloc(0);
		assert_int_equal(awl_test_wait_blocked(), 0);
		if (r < 0 && r != -ENOMEM && r != -ECONNRESET && r != -ECONNREFUSED)
			fail_msg("allocation %d: %s", (int)n, awl_strerror(r));
		assert_int_equal(sockets_open(here()), before);
		assert_int_equal(here()->live, 1);
		assert_int_equal(here()->kept, 1);
	} while (made >= n);
	assert_true(n > 5);
	return 0;
}

static void without_memory_nothing_stays_open(void **state)
{
	assert_int_equal(awl_test_run(0, each_allocation, NULL), 0);
}

/* --- many ---------------------------------------------------------------------------------------
 */

static int opened_and_reset(void *arg)
{
	long n = test_scale("AWL_TEST_TASKS", 10000);
	awl_server *server = serve_loopback(echo, NULL);
	struct exceptions x;

	watch(&x);
	for (long i = 0; i < n; i++)
		come_and_reset(server, i % 3 == 0);
	until_served(server, 0);
	assert_int_equal(x.count, 0);
	end_server(server);
	return 0;
}

static void ten_thousand_connections_opened_and_reset_leave_nothing_behind(void **state)
{
	struct leaving_nothing run = { opened_and_reset, NULL };

	in_loop(run_leaving_nothing, &run);
}

static int connects(void *arg)
{
	awl_stream *s = client_of(arg);

	assert_echoes(s, "at once");
	end_client(s);
	return 0;
}

static int all_at_once(void *arg)
{
	awl_server *server = serve_loopback(echo, NULL);
	awl_task *t[90]; /* fewer than the backlog */

	for (size_t i = 0; i < COUNT(t); i++)
		t[i] = spawn(connects, server);
	for (size_t i = 0; i < COUNT(t); i++)
		assert_int_equal(outcome(t[i]), 0);
	end_server(server);
	return 0;
}

static void a_burst_of_connections_is_served(void **state)
{
	cleanly(all_at_once, NULL);
}

/* --- the loop's end ------------------------------------------------------------------------------
 */

struct goodbyes {
	awl_server *server;
	awl_stream *client;
	int said, forever;
};

static int says_goodbye(awl_stream *s, void *arg)
{
	struct goodbyes *g = arg;
	char c;
	int r = awl_stream_read(s, &c, 1);

	g->said += r == AWL_ECANCELED;
	return r;
}

static int serves_on(void *arg)
{
	struct goodbyes *g = arg;

	g->forever = awl_server_serve_forever(g->server);
	return g->said; /* they were there before us */
}

static int leaves_all(void *arg)
{
	struct goodbyes *g = arg;

	g->server = serve_loopback(says_goodbye, g);
	g->client = client_of(g->server);
	until_served(g->server, 1);
	assert_int_equal(awl_create_task(serves_on, g, NULL), 0);
	let_others();
	return 0;
}

/* L25 */
static void a_loop_that_closes_ends_connections_then_their_server(void **state)
{
	struct goodbyes g = { .forever = 1 };
	awl_loop *l = new_loop(NULL);
	struct heard h;

	listen_to_awl(&h);
	assert_int_equal(awl_loop_run_until_complete(l, leaves_all, &g), 0);
	assert_int_equal(awl_loop_close(l), 0);
	assert_int_equal(g.said, 1);
	assert_true(g.forever == 0 || g.forever == AWL_ECANCELED);
	awl_server_unref(g.server); /* handles outlive their loop */
	awl_stream_unref(g.client);
	awl_loop_unref(l);
	stop_listening();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_descriptors_it_tells_once_rests_a_second_and_loses_nobody),
		cmocka_unit_test(the_kernels_limit_is_waited_out_as_well),
		cmocka_unit_test(a_server_at_rest_closes_at_once),
		cmocka_unit_test(whoever_gets_a_socket_is_served_in_the_end),
		cmocka_unit_test(without_memory_nothing_stays_open),
		cmocka_unit_test(ten_thousand_connections_opened_and_reset_leave_nothing_behind),
		cmocka_unit_test(a_burst_of_connections_is_served),
		cmocka_unit_test(a_loop_that_closes_ends_connections_then_their_server),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
