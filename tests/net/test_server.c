/* SPDX-License-Identifier: MIT */
/*
 * test_server.c - a server's life: serving and closed; what its handlers' ends mean; how many it
 * serves at once.
 *
 * @reactors @valgrind
 */
#include "clients.h"

/* --- serving and handlers -------------------------------------------------------------------- */

static int serves_many(void *arg)
{
	awl_server *server = serve_loopback(echo, NULL);
	awl_stream *s[20];

	assert_int_equal(awl_server_is_serving(server), 1);
	assert_int_equal(awl_server_sockets(server), 1);
	for (size_t i = 0; i < COUNT(s); i++)
		s[i] = client_of(server);
	for (size_t i = 0; i < COUNT(s); i++)
		assert_echoes(s[i], "one of many");
	assert_int_equal(awl_server_connections(server), COUNT(s));
	for (size_t i = 0; i < COUNT(s); i++)
		end_client(s[i]);
	end_server(server);
	return 0;
}

/* R1 */
static void each_connection_is_served_by_a_task_of_its_own(void **state)
{
	cleanly(serves_many, NULL);
}

static int fails(awl_stream *s, void *arg)
{
	char c;
	int r = awl_stream_read(s, &c, 1);

	return r < 0 ? r : awl__fail(-EBADMSG, "this is no protocol");
}

static int handler_fails(void *arg)
{
	awl_server *server = serve_loopback(fails, NULL);
	struct exceptions x;
	awl_stream *s = client_of(server), *other = client_of(server);

	watch(&x);
	until_served(server, 2);
	assert_int_equal(awl_stream_write_all(s, "x", 1, NULL), 0);
	assert_gone(s);
	assert_int_equal(x.count, 1);
	assert_int_equal(x.error, -EBADMSG);
	assert_non_null(strstr(x.message, "server at 127.0.0.1:"));
	assert_non_null(strstr(x.message, "connection with 127.0.0.1:"));
	assert_string_equal(x.detail, "this is no protocol");
	assert_int_equal(awl_server_connections(server), 1); /* the other goes on */
	end_client(s);
	end_client(other);
	end_server(server);
	return 0;
}

/* R10 */
static void a_handlers_failure_is_told_and_its_connection_aborted_alone(void **state)
{
	cleanly(handler_fails, NULL);
}

static int peer_resets(void *arg)
{
	awl_server *server = serve_loopback(echo, NULL);
	struct exceptions x;

	watch(&x);
	for (int i = 0; i < 5; i++)
		come_and_reset(server, true);
	until_served(server, 0);
	assert_int_equal(x.count, 0);
	end_server(server);
	return 0;
}

static void that_a_peer_resets_is_no_failure(void **state)
{
	cleanly(peer_resets, NULL);
}

static int keeps(awl_stream *s, void *arg)
{
	*(awl_stream **)arg = awl_stream_ref(s);
	return 0;
}

static int handler_keeps(void *arg)
{
	awl_stream *kept = NULL, *s;
	awl_server *server = serve_loopback(keeps, &kept);

	s = client_of(server);
	while (!kept || awl_server_connections(server))
		settle();
	assert_int_equal(awl_stream_write_all(kept, "still here", 10, NULL), 0);
	assert_int_equal(awl_stream_readexactly(s, (char[10]){ 0 }, 10, NULL), 0);
	end_client(kept);
	end_client(s);
	end_server(server);
	return 0;
}

static void a_stream_with_a_reference_outlives_its_handler(void **state)
{
	cleanly(handler_keeps, NULL);
}

#define A_LOT 16000000 /* no kernel takes so much at once */

static int writes_a_lot(awl_stream *s, void *arg)
{
	static const char junk[A_LOT];

	*(bool *)arg = true;
	return awl_stream_write_buffered(s, junk, sizeof junk);
}

static int buffered_at_the_end(void *arg)
{
	bool begun = false;
	awl_server *server = serve_loopback(writes_a_lot, &begun);
	awl_stream *s = client_of(server);
	void *data;
	size_t len;

	while (!begun)
		settle();
	assert_int_equal(awl_server_close(server), 0);
	assert_int_equal(awl_stream_read_to_end(s, A_LOT, &data, &len), 0);
	assert_int_equal(len, A_LOT);
	awl_free(data);
	end_client(s);
	end_server(server);
	return 0;
}

static void what_a_handler_has_buffered_is_sent_before_the_close(void **state)
{
	cleanly(buffered_at_the_end, NULL);
}

static int never_reads(void *arg)
{
	bool begun = false;
	awl_server *server = serve_loopback(writes_a_lot, &begun);
	awl_stream *s;

	s = client_of(server);
	while (!begun)
		settle();
	end_server(server); /* asks: what cannot be sent now is given up */
	end_client(s);
	return 0;
}

static void a_peer_that_never_reads_does_not_keep_a_server_that_closes(void **state)
{
	cleanly(never_reads, NULL);
}

static int is_idle(void *arg)
{
	const char *const host[] = { "127.0.0.1" };
	awl_server_options o = { .hosts = host, .host_count = 1, .idle_timeout = 5 * AWL_MS };
	awl_server *server = serve_with(&o, echo, NULL);
	struct exceptions x;
	awl_stream *s;

	watch(&x);
	s = client_of(server);
	assert_gone(s);
	assert_int_equal(x.count, 0);
	end_client(s);
	end_server(server);
	return 0;
}

static void who_says_nothing_for_too_long_is_left_without_a_word(void **state)
{
	cleanly(is_idle, NULL);
}

static int limit_of(awl_stream *s, void *arg)
{
	const char *line;

	*(int *)arg = awl_stream_readline(s, &line);
	return 0;
}

static int limited(void *arg)
{
	const char *const host[] = { "127.0.0.1" };
	awl_server_options o = { .hosts = host, .host_count = 1, .limit = 3 };
	int r = 0, sent;
	awl_server *server = serve_with(&o, limit_of, &r);
	awl_stream *s = client_of(server);

	sent = awl_stream_write_all(s, "longer", 6, NULL);
	/* It may be gone after the fourth byte. */
	assert_true(sent == 0 || sent == -ECONNRESET || sent == -EPIPE);
	assert_gone(s);
	assert_int_equal(r, AWL_ELIMIT);
	end_client(s);
	end_server(server);
	return 0;
}

/* R1 */
static void a_limit_is_that_of_its_streams(void **state)
{
	cleanly(limited, NULL);
}

/* --- serving --------------------------------------------------------------------------------- */

static int begins_later(void *arg)
{
	const char *const host[] = { "127.0.0.1" };
	awl_server_options o = { .hosts = host, .host_count = 1, .flags = AWL_SERVER_STOPPED };
	awl_server *server = serve_with(&o, echo, NULL);
	awl_stream *s = client_of(server); /* waits in the backlog */

	settle();
	assert_int_equal(awl_server_is_serving(server), 0);
	assert_int_equal(awl_server_connections(server), 0);
	assert_int_equal(awl_server_start_serving(server), 0);
	assert_int_equal(awl_server_start_serving(server), 0);
	assert_echoes(s, "hello");
	end_client(s);
	end_server(server);
	return 0;
}

/* P19 */
static void a_stopped_server_listens_and_serves_when_it_is_told(void **state)
{
	cleanly(begins_later, NULL);
}

static int serve_forever(void *arg)
{
	return awl_server_serve_forever(arg);
}

static int forever(void *arg)
{
	awl_server *server = serve_loopback(echo, NULL);
	awl_task *t = spawn(serve_forever, server);

	settle();
	assert_int_equal(awl_server_serve_forever(server), -EBUSY);
	assert_int_equal(awl_server_close(server), 0);
	assert_int_equal(outcome(t), 0);
	assert_int_equal(awl_server_serve_forever(server), AWL_EDEAD);
	assert_int_equal(awl_server_start_serving(server), AWL_EDEAD);
	assert_int_equal(awl_server_is_serving(server), 0);
	assert_int_equal(awl_server_close(server), 0);
	assert_int_equal(awl_server_sockets(server), 0);
	assert_int_equal(awl_server_wait_closed(server), 0);
	awl_server_unref(server);
	return 0;
}

/* P19 */
static void serve_forever_lasts_until_the_close_and_is_for_one(void **state)
{
	cleanly(forever, NULL);
}

static int forever_cancelled(void *arg)
{
	awl_server *server = serve_loopback(echo, NULL);
	awl_task *t = spawn(serve_forever, server);
	awl_stream *s = client_of(server);

	assert_echoes(s, "hello");
	awl_cancel(t, "enough");
	assert_int_equal(outcome(t), AWL_EFUTURECANCELED);
	assert_int_equal(awl_server_connections(server), 0);
	assert_gone(s);
	end_client(s);
	awl_server_unref(server);
	return 0;
}

/* P19 */
static void serve_forever_cancelled_ends_server_and_connections(void **state)
{
	cleanly(forever_cancelled, NULL);
}

static int close_keeps(void *arg)
{
	awl_server *server = serve_loopback(echo, NULL);
	int port = awl_server_port(server);
	awl_stream *s = client_of(server), *none = NULL;

	assert_echoes(s, "before");
	assert_int_equal(awl_server_close(server), 0);
	assert_int_equal(awl_open_connection("127.0.0.1", port, &none), -ECONNREFUSED);
	assert_echoes(s, "after");
	assert_int_equal(awl_server_connections(server), 1);
	end_client(s);
	assert_int_equal(awl_server_wait_closed(server), 0);
	awl_server_unref(server);
	return 0;
}

/* P19 */
static void close_lets_nobody_in_and_connections_go_on(void **state)
{
	cleanly(close_keeps, NULL);
}

static int unref_closes(void *arg)
{
	awl_server *server = serve_loopback(echo, NULL);
	int port = awl_server_port(server);
	awl_stream *s = client_of(server), *none = NULL;

	assert_echoes(s, "before");
	awl_server_unref(awl_server_ref(server));
	assert_int_equal(awl_server_is_serving(server), 1);
	awl_server_unref(server);
	awl_server_unref(NULL);
	assert_int_equal(awl_open_connection("127.0.0.1", port, &none), -ECONNREFUSED);
	assert_echoes(s, "after");
	end_client(s);
	while (here()->live > 1)
		settle();
	return 0;
}

static void the_last_unref_closes_and_connections_go_on(void **state)
{
	cleanly(unref_closes, NULL);
}

static int in_the_backlog(void *arg)
{
	const char *const host[] = { "127.0.0.1" };
	awl_server_options o = { .hosts = host, .host_count = 1, .flags = AWL_SERVER_STOPPED };
	awl_server *server = serve_with(&o, echo, NULL);
	awl_stream *s = client_of(server);

	assert_int_equal(awl_server_close(server), 0);
	assert_gone(s);
	end_client(s);
	assert_int_equal(awl_server_wait_closed(server), 0);
	awl_server_unref(server);
	return 0;
}

static void who_waits_to_be_accepted_at_the_close_is_turned_away(void **state)
{
	cleanly(in_the_backlog, NULL);
}

/* --- how many -------------------------------------------------------------------------------- */

/* One of them whom the server has answered; NULL: nobody yet. */
static awl_stream **answered(awl_stream **s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct pollfd p = { s[i] ? awl_stream_fd(s[i]) : -1, POLLIN, 0 };
		struct awl__op op = { .kind = AWL__OP_POLL, .fd = p.fd, .u.events = POLLIN };

		if (s[i] && awl__reactor_try(here()->reactor, &op) > 0)
			return &s[i];
	}
	return NULL;
}

static int bounded(void *arg)
{
	const char *const hosts[] = { "127.0.0.1", "::1" };
	awl_server_options o = { .hosts = hosts, .host_count = 2, .max_connections = 2 };
	awl_server *server = serve_with(&o, echo, NULL);
	awl_stream *s[6], **one;

	for (size_t i = 0; i < COUNT(s); i++) {
		s[i] = open_to(hosts[i % 2], awl_server_port(server));
		assert_int_equal(awl_stream_write_all(s[i], "x", 1, NULL), 0);
	}
	for (size_t left = COUNT(s); left > 0; left--) {
		/* Who waited has his turn, at either address. */
		while (!(one = answered(s, COUNT(s)))) {
			settle();
			assert_true(awl_server_connections(server) <= 2);
		}
		assert_int_equal(awl_stream_read(*one, (char[1]){ 0 }, 1), 1);
		end_client(*one);
		*one = NULL;
	}
	end_server(server);
	return 0;
}

static void no_more_are_served_at_once_than_the_bound_and_none_is_forgotten(void **state)
{
	cleanly(bounded, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_connection_is_served_by_a_task_of_its_own),
		cmocka_unit_test(a_handlers_failure_is_told_and_its_connection_aborted_alone),
		cmocka_unit_test(that_a_peer_resets_is_no_failure),
		cmocka_unit_test(a_stream_with_a_reference_outlives_its_handler),
		cmocka_unit_test(what_a_handler_has_buffered_is_sent_before_the_close),
		cmocka_unit_test(a_peer_that_never_reads_does_not_keep_a_server_that_closes),
		cmocka_unit_test(who_says_nothing_for_too_long_is_left_without_a_word),
		cmocka_unit_test(a_limit_is_that_of_its_streams),
		cmocka_unit_test(a_stopped_server_listens_and_serves_when_it_is_told),
		cmocka_unit_test(serve_forever_lasts_until_the_close_and_is_for_one),
		cmocka_unit_test(serve_forever_cancelled_ends_server_and_connections),
		cmocka_unit_test(close_lets_nobody_in_and_connections_go_on),
		cmocka_unit_test(the_last_unref_closes_and_connections_go_on),
		cmocka_unit_test(who_waits_to_be_accepted_at_the_close_is_turned_away),
		cmocka_unit_test(no_more_are_served_at_once_than_the_bound_and_none_is_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
