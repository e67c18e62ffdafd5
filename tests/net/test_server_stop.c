/* SPDX-License-Identifier: MIT */
/*
 * test_server_stop.c - connections that are asked to stop, aborted or drained, and a handler that
 * would wait for its own end.
 *
 * @reactors @valgrind
 */
#include "clients.h"

/* --- asking ---------------------------------------------------------------------------------- */

static int says_goodbye(awl_stream *s, void *arg)
{
	char buf[64];
	awl_shield shield;
	int n, r;

	while ((n = awl_stream_read(s, buf, sizeof buf)) > 0)
		;
	if (n != AWL_ECANCELED)
		return n;
	r = awl_shield_enter(&shield, AWL_SEC);
	r = awl_shield_exit(&shield, r < 0 ? r : awl_stream_write_all(s, "goodbye", 7, NULL));
	*(int *)arg += r == 0;
	return n;
}

static int clients_closed(void *arg)
{
	int goodbyes = 0;
	awl_server *server = serve_loopback(says_goodbye, &goodbyes);
	awl_stream *s[3];
	char buf[7];

	for (size_t i = 0; i < COUNT(s); i++)
		s[i] = client_of(server);
	until_served(server, 3);
	assert_int_equal(awl_server_close_clients(server), 0);
	for (size_t i = 0; i < COUNT(s); i++) {
		assert_int_equal(awl_stream_readexactly(s[i], buf, 7, NULL), 0);
		assert_memory_equal(buf, "goodbye", 7);
		assert_gone(s[i]);
		end_client(s[i]);
	}
	assert_int_equal(goodbyes, 3);
	assert_int_equal(awl_server_is_serving(server), 1);
	s[0] = client_of(server); /* those who come later are served */
	until_served(server, 1);
	assert_int_equal(awl_server_connections(server), 1);
	end_client(s[0]);
	end_server(server);
	return 0;
}

/* P19: close_clients */
static void connections_asked_to_stop_may_say_goodbye(void **state)
{
	cleanly(clients_closed, NULL);
}

/* Does not look at what its waits return. */
static int ignores(awl_stream *s, void *arg)
{
	char c;

	for (int i = 0; i < 10; i++)
		(void)!awl_stream_read(s, &c, 1);
	++*(int *)arg;
	return 0;
}

static int nobody_is_deaf(void *arg)
{
	int ended = 0;
	awl_server *server = serve_loopback(ignores, &ended);
	awl_stream *s = client_of(server);

	until_served(server, 1);
	assert_int_equal(awl_server_close_clients(server), 0);
	assert_gone(s);
	assert_int_equal(ended, 1);
	end_client(s);
	end_server(server);
	return 0;
}

/* A7 */
static void a_connection_that_is_asked_to_stop_hears_it_at_every_wait(void **state)
{
	cleanly(nobody_is_deaf, NULL);
}

static int aborted(void *arg)
{
	struct exceptions x;
	awl_server *server = serve_loopback(echo, NULL);
	awl_stream *s = client_of(server);

	watch(&x);
	assert_echoes(s, "hello");
	assert_int_equal(awl_server_abort_clients(server), 0);
	assert_gone(s);
	end_client(s);
	until_served(server, 0);
	assert_int_equal(x.count, 0);
	end_server(server);
	return 0;
}

/* P19: abort_clients */
static void connections_can_be_aborted(void **state)
{
	cleanly(aborted, NULL);
}

/* --- draining -------------------------------------------------------------------------------- */

static int drain_quiet(void *arg)
{
	awl_server *server = serve_loopback(echo, NULL);

	assert_int_equal(awl_server_drain(server, 0), 0); /* nobody to ask */
	awl_server_unref(server);
	return 0;
}

static int ends_after(void *arg)
{
	assert_int_equal(awl_sleep(30 * AWL_MS), 0);
	end_client(arg);
	return 0;
}

static int drain_in_time(void *arg)
{
	awl_server *server = serve_loopback(echo, NULL);
	awl_stream *s = client_of(server);
	awl_task *t;
	int64_t began;

	assert_echoes(s, "hello");
	began = now();
	t = spawn(ends_after, s);
	assert_int_equal(awl_server_drain(server, AWL_SEC), 0);
	assert_true(now() - began == 30 * AWL_MS);
	assert_int_equal(outcome(t), 0);
	awl_server_unref(server);
	return 0;
}

static int drain_late(void *arg)
{
	int goodbyes = 0;
	awl_server *server = serve_loopback(says_goodbye, &goodbyes);
	awl_stream *s = client_of(server);
	int64_t began;

	until_served(server, 1);
	began = now();
	assert_int_equal(awl_server_drain(server, 70 * AWL_MS), -ETIMEDOUT);
	assert_true(now() - began == 70 * AWL_MS);
	assert_int_equal(goodbyes, 1);
	assert_int_equal(awl_server_connections(server), 0);
	end_client(s);
	awl_server_unref(server);
	return 0;
}

static int drains(void *arg)
{
	return awl_server_drain(arg, AWL_SEC);
}

static int drain_cancelled(void *arg)
{
	int goodbyes = 0;
	awl_server *server = serve_loopback(says_goodbye, &goodbyes);
	awl_stream *s = client_of(server);
	awl_task *t;

	until_served(server, 1);
	t = spawn(drains, server);
	let_others();
	awl_cancel(t, "hurry");
	assert_int_equal(outcome(t), AWL_EFUTURECANCELED);
	assert_int_equal(goodbyes, 1);
	assert_int_equal(awl_server_connections(server), 0);
	end_client(s);
	awl_server_unref(server);
	return 0;
}

static void a_drain_waits_for_connections_and_asks_them_in_the_end(void **state)
{
	cleanly(drain_quiet, NULL);
	exactly(drain_in_time, NULL);
	exactly(drain_late, NULL);
	cleanly(drain_cancelled, NULL);
}

struct own_end {
	awl_server *server;
	int wait, drain, forever;
};

static int waits_for_its_server(awl_stream *s, void *arg)
{
	struct own_end *e = arg;

	e->forever = awl_server_serve_forever(e->server);
	e->wait = awl_server_wait_closed(e->server);
	e->drain = awl_server_drain(e->server, 0);
	return 0;
}

static int own_end(void *arg)
{
	struct own_end e = { 0 };
	awl_stream *s;

	e.server = serve_loopback(waits_for_its_server, &e);
	s = client_of(e.server);
	assert_gone(s);
	assert_int_equal(e.forever, AWL_EDEADLK);
	assert_int_equal(e.wait, AWL_EDEADLK);
	assert_int_equal(e.drain, AWL_EDEADLK);
	assert_int_equal(awl_server_is_serving(e.server), 1);
	end_client(s);
	end_server(e.server);
	return 0;
}

/* A12 */
static void a_handler_that_would_wait_for_its_own_end_is_refused(void **state)
{
	cleanly(own_end, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(connections_asked_to_stop_may_say_goodbye),
		cmocka_unit_test(a_connection_that_is_asked_to_stop_hears_it_at_every_wait),
		cmocka_unit_test(connections_can_be_aborted),
		cmocka_unit_test(a_drain_waits_for_connections_and_asks_them_in_the_end),
		cmocka_unit_test(a_handler_that_would_wait_for_its_own_end_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
