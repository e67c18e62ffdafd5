/* SPDX-License-Identifier: MIT */
/*
 * test_server_life.c - a server that is closed, drained, given up or failed from where one would
 * not expect it: by its own connections, by several tasks at once, by one that is cancelled.
 *
 * @reactors @valgrind
 */
#include "clients.h"

/* --- by one of its own connections ------------------------------------------------------------ */

struct own {
	awl_server *server;
	int (*act)(awl_server *server);
	int served, told; /* by the act */
	int next; /* what the wait after it said */
};

/* The first byte makes it act, and what is said afterwards it echoes. */
static int acts(awl_stream *s, void *arg)
{
	struct own *o = arg;
	char c;
	int r = awl_stream_read(s, &c, 1);

	o->served++;
	if (r > 0 && c == '!') {
		o->told = o->act(o->server);
		r = o->next = awl_stream_read(s, &c, 1);
	}
	while (r > 0 && (r = awl_stream_write(s, &c, 1)) > 0)
		r = awl_stream_read(s, &c, 1);
	return r;
}

static void say(awl_stream *s, const char *words)
{
	assert_int_equal(awl_stream_write_all(s, words, strlen(words), NULL), 0);
}

/* Two are served, and one of them acts. */
static void begin_own(struct own *o, int (*act)(awl_server *server), awl_stream *s[2])
{
	*o = (struct own){ .act = act, .next = 1 };
	o->server = serve_loopback(acts, o);
	for (int i = 0; i < 2; i++)
		s[i] = client_of(o->server);
	until_served(o->server, 2);
	say(s[0], "!");
	while (!o->served)
		settle();
	assert_int_equal(o->told, 0);
}

static int serve_forever(void *arg)
{
	return awl_server_serve_forever(arg);
}

static int closed_from_inside(void *arg)
{
	awl_stream *s[2], *none = NULL;
	awl_task *t;
	struct own o;
	int port;

	begin_own(&o, awl_server_close, s);
	assert_int_equal(awl_server_is_serving(o.server), 0);
	port = awl_server_port(o.server);
	assert_int_equal(awl_open_connection("127.0.0.1", port, &none), -ECONNREFUSED);
	t = spawn(serve_forever, o.server);
	assert_int_equal(outcome(t), AWL_EDEAD);
	assert_echoes(s[0], "a"); /* both go on */
	assert_echoes(s[1], "b");
	end_client(s[0]);
	end_client(s[1]);
	assert_int_equal(awl_server_wait_closed(o.server), 0);
	awl_server_unref(o.server);
	return 0;
}

/* P19 */
static void a_connection_may_close_its_server_and_goes_on(void **state)
{
	cleanly(closed_from_inside, NULL);
}

static int stopped_from_inside(void *arg)
{
	awl_stream *s[2];
	struct own o;

	begin_own(&o, awl_server_close_clients, s);
	assert_gone(s[0]);
	assert_gone(s[1]);
	assert_int_equal(o.next, AWL_ECANCELED);
	assert_int_equal(awl_server_is_serving(o.server), 1);
	end_client(s[0]);
	end_client(s[1]);
	s[0] = client_of(o.server);
	assert_echoes(s[0], "c");
	end_client(s[0]);
	end_server(o.server);
	return 0;
}

/* P19 */
static void a_connection_that_stops_all_stops_itself_too(void **state)
{
	cleanly(stopped_from_inside, NULL);
}

static int aborted_from_inside(void *arg)
{
	struct exceptions x;
	awl_stream *s[2];
	struct own o;

	watch(&x);
	begin_own(&o, awl_server_abort_clients, s);
	assert_gone(s[0]);
	assert_gone(s[1]);
	assert_true(o.next == AWL_ECANCELED || o.next == AWL_EDEAD);
	end_client(s[0]);
	end_client(s[1]);
	until_served(o.server, 0);
	assert_int_equal(x.count, 0);
	end_server(o.server);
	return 0;
}

/* P19 */
static void a_connection_that_aborts_all_aborts_itself_too(void **state)
{
	cleanly(aborted_from_inside, NULL);
}

static int give_up(awl_server *server)
{
	awl_server_unref(server);
	return 0;
}

static int unref_inside(void *arg)
{
	awl_stream *s[2];
	struct own o;

	begin_own(&o, give_up, s);
	assert_echoes(s[0], "a");
	assert_echoes(s[1], "b");
	end_client(s[0]);
	end_client(s[1]);
	while (here()->live > 1)
		settle();
	return 0;
}

static void a_connection_may_give_up_the_last_reference_of_its_server(void **state)
{
	cleanly(unref_inside, NULL);
}

/* The same while somebody serves: the reference is his no more than the connection's. */
static int unref_while_served(void *arg)
{
	struct own o = { .act = give_up };
	awl_stream *s;
	awl_task *t;

	o.server = serve_loopback(acts, &o);
	t = spawn(serve_forever, o.server);
	s = client_of(o.server);
	say(s, "!");
	while (!o.served)
		settle();
	assert_echoes(s, "a");
	assert_false(awl_done(t));
	end_client(s);
	assert_int_equal(outcome(t), 0);
	return 0;
}

static void who_serves_ends_with_the_last_connection_of_a_server_given_up(void **state)
{
	cleanly(unref_while_served, NULL);
}

/* --- asked to stop while it ends -------------------------------------------------------------- */

/* A connection that takes its time to say goodbye: until the test lets it go. */
struct slow {
	awl_event go;
	int asked, ended;
};

static int ends_slowly(awl_stream *s, void *arg)
{
	struct slow *w = arg;
	awl_shield shield;
	char c;
	int r = awl_stream_read(s, &c, 1);

	w->asked += r == AWL_ECANCELED;
	awl_shield_enter(&shield, AWL_FOREVER);
	r = awl_shield_exit(&shield, awl_event_wait(&w->go));
	w->ended++;
	return r;
}

static int cancelled_twice(void *arg)
{
	struct slow w = { .go = AWL_EVENT_INIT };
	awl_server *server = serve_loopback(ends_slowly, &w);
	awl_task *t = spawn(serve_forever, server);
	awl_stream *s = client_of(server);

	until_served(server, 1);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(awl_cancel(t, "enough"), 1);
		let_others();
		assert_int_equal(w.asked, 1);
		assert_false(awl_done(t)); /* a connection is left */
	}
	awl_event_set(&w.go);
	assert_int_equal(outcome(t), AWL_EFUTURECANCELED);
	assert_int_equal(w.ended, 1);
	assert_int_equal(awl_server_connections(server), 0);
	end_client(s);
	awl_server_unref(server);
	awl_event_destroy(&w.go);
	return 0;
}

/* P19 */
static void serve_forever_cancelled_again_ends_after_the_last_connection_all_the_same(void **state)
{
	cleanly(cancelled_twice, NULL);
}

struct circle {
	awl_server *server;
	awl_task *task;
	awl_event go;
	int waited;
};

/* A shielded wait for who waits for us. */
static int waits_for_who_serves(awl_stream *s, void *arg)
{
	struct circle *c = arg;
	awl_shield shield;
	int r;

	awl_shield_enter(&shield, AWL_FOREVER);
	r = awl_event_wait(&c->go);
	if (r == 0)
		r = awl_join(c->task);
	c->waited = awl_shield_exit(&shield, r);
	return 0;
}

static int drain_for_ever(void *arg)
{
	return awl_server_drain(arg, AWL_FOREVER);
}

static int circle(void *arg)
{
	struct circle c = { .go = AWL_EVENT_INIT, .waited = 1 };
	awl_stream *s;

	c.server = serve_loopback(waits_for_who_serves, &c);
	s = client_of(c.server);
	until_served(c.server, 1);
	c.task = spawn(*(awl_fn **)arg, c.server);
	let_others();
	awl_event_set(&c.go); /* its turn comes first, when the other is no longer waiting */
	awl_cancel(c.task, "enough");
	assert_int_equal(outcome(c.task), AWL_EFUTURECANCELED);
	assert_int_equal(awl_server_wait_closed(c.server), 0);
	assert_int_equal(c.waited, 0);
	end_client(s);
	awl_server_unref(c.server);
	awl_event_destroy(&c.go);
	return 0;
}

/* A12 */
static void who_stops_a_server_does_not_wait_for_a_connection_that_waits_for_him(void **state)
{
	awl_fn *forever = serve_forever, *drain = drain_for_ever;

	cleanly(circle, &forever);
	cleanly(circle, &drain);
}

/* --- draining --------------------------------------------------------------------------------- */

static int drain_cancelled(void *arg)
{
	struct slow w = { .go = AWL_EVENT_INIT };
	awl_server *server = serve_loopback(ends_slowly, &w);
	awl_stream *s = client_of(server);
	awl_task *t;

	until_served(server, 1);
	t = spawn(drain_for_ever, server);
	let_others();
	assert_int_equal(w.asked, 0);
	awl_cancel(t, "hurry");
	let_others();
	assert_int_equal(w.asked, 1);
	awl_cancel(t, "more");
	let_others();
	assert_false(awl_done(t));
	awl_event_set(&w.go);
	assert_int_equal(outcome(t), AWL_EFUTURECANCELED);

	/* It is closed, and everything says so. */
	assert_int_equal(awl_server_start_serving(server), AWL_EDEAD);
	assert_int_equal(awl_server_serve_forever(server), AWL_EDEAD);
	assert_int_equal(awl_server_close(server), 0);
	assert_int_equal(awl_server_drain(server, AWL_FOREVER), 0);
	assert_int_equal(awl_server_wait_closed(server), 0);
	end_client(s);
	awl_server_unref(server);
	awl_event_destroy(&w.go);
	return 0;
}

static void a_drain_that_is_cancelled_has_closed_the_server_for_good(void **state)
{
	cleanly(drain_cancelled, NULL);
}

static int drains_at_once(void *arg)
{
	return awl_server_drain(arg, 0);
}

static int two_drain(void *arg)
{
	struct slow w = { .go = AWL_EVENT_INIT };
	awl_server *server = serve_loopback(ends_slowly, &w);
	awl_task *patient, *hasty, *forever = spawn(serve_forever, server);
	awl_stream *s = client_of(server);

	until_served(server, 1);
	patient = spawn(drain_for_ever, server);
	let_others();
	assert_int_equal(w.asked, 0);
	hasty = spawn(drains_at_once, server);
	let_others();
	assert_int_equal(w.asked, 1);
	assert_false(awl_done(patient) || awl_done(hasty) || awl_done(forever));
	awl_event_set(&w.go);
	assert_int_equal(outcome(patient), 0);
	assert_int_equal(outcome(hasty), -ETIMEDOUT);
	assert_int_equal(outcome(forever), 0);
	end_client(s);
	awl_server_unref(server);
	awl_event_destroy(&w.go);
	return 0;
}

static void two_may_drain_and_the_less_patient_asks_for_both(void **state)
{
	cleanly(two_drain, NULL);
}

static int one_of_two_cancelled(void *arg)
{
	awl_server *server = serve_loopback(echo, NULL);
	awl_task *t[] = { spawn(drain_for_ever, server), spawn(drain_for_ever, server) };
	awl_stream *s;

	let_others();
	assert_int_equal(outcome(t[0]), 0); /* nobody was there */
	assert_int_equal(outcome(t[1]), 0);
	awl_server_unref(server);

	server = serve_loopback(echo, NULL);
	s = client_of(server);
	until_served(server, 1);
	t[0] = spawn(drain_for_ever, server);
	t[1] = spawn(drain_for_ever, server);
	let_others();
	awl_cancel(t[0], "enough");
	assert_int_equal(outcome(t[0]), AWL_EFUTURECANCELED);
	assert_int_equal(outcome(t[1]), 0);
	assert_gone(s);
	end_client(s);
	awl_server_unref(server);
	return 0;
}

static void one_of_two_who_drain_may_be_cancelled(void **state)
{
	cleanly(one_of_two_cancelled, NULL);
}

static int closed_meanwhile(void *arg)
{
	awl_server *server = serve_loopback(echo, NULL);
	awl_stream *s = client_of(server);
	awl_task *t;

	until_served(server, 1);
	t = spawn(drain_for_ever, server);
	let_others();
	assert_int_equal(awl_server_close(server), 0);
	let_others();
	assert_false(awl_done(t));
	assert_echoes(s, "still here");
	assert_int_equal(awl_server_abort_clients(server), 0);
	assert_int_equal(outcome(t), 0);
	assert_gone(s);
	end_client(s);
	awl_server_unref(server);
	return 0;
}

static void a_close_while_it_drains_changes_nothing_and_an_abort_ends_it(void **state)
{
	cleanly(closed_meanwhile, NULL);
}

static int given_up_meanwhile(void *arg)
{
	awl_server *server = serve_loopback(echo, NULL);
	awl_stream *s = client_of(server);
	awl_task *t;

	until_served(server, 1);
	t = spawn(drain_for_ever, server);
	let_others();
	awl_server_unref(server);
	assert_echoes(s, "still here");
	end_client(s);
	assert_int_equal(outcome(t), 0);
	return 0;
}

static void a_drain_keeps_a_server_that_is_given_up(void **state)
{
	cleanly(given_up_meanwhile, NULL);
}

/* --- a handler that fails --------------------------------------------------------------------- */

static int fails(awl_stream *s, void *arg)
{
	awl_server **server = arg;
	char c;

	if (awl_stream_read(s, &c, 1) > 0)
		awl_server_unref(*server);
	return -EBADMSG;
}

static int failure_at_the_end(void *arg)
{
	awl_server *server = NULL;
	struct exceptions x;
	awl_stream *s;

	watch(&x);
	server = serve_loopback(fails, &server);
	s = client_of(server);
	say(s, "x");
	assert_gone(s);
	while (here()->live > 1)
		settle();
	assert_int_equal(x.count, 1);
	assert_int_equal(x.error, -EBADMSG);
	assert_non_null(strstr(x.message, "server at 127.0.0.1:"));
	end_client(s);
	return 0;
}

/* R10 */
static void a_failure_is_told_although_the_server_is_given_up(void **state)
{
	cleanly(failure_at_the_end, NULL);
}

static int failure_in_a_drain(void *arg)
{
	awl_server *server = NULL, *kept;
	struct exceptions x;
	awl_stream *s;
	awl_task *t;

	watch(&x);
	kept = server = serve_loopback(fails, &server);
	awl_server_ref(kept);
	s = client_of(server);
	until_served(server, 1);
	t = spawn(drain_for_ever, server);
	let_others();
	say(s, "x");
	assert_int_equal(outcome(t), 0); /* that it failed is not the server's failure */
	assert_int_equal(x.count, 1);
	assert_gone(s);
	end_client(s);
	awl_server_unref(kept);
	return 0;
}

/* R10 */
static void a_connections_failure_is_no_failure_of_the_drain(void **state)
{
	cleanly(failure_in_a_drain, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_connection_may_close_its_server_and_goes_on),
		cmocka_unit_test(a_connection_that_stops_all_stops_itself_too),
		cmocka_unit_test(a_connection_that_aborts_all_aborts_itself_too),
		cmocka_unit_test(a_connection_may_give_up_the_last_reference_of_its_server),
		cmocka_unit_test(who_serves_ends_with_the_last_connection_of_a_server_given_up),
		cmocka_unit_test(
			serve_forever_cancelled_again_ends_after_the_last_connection_all_the_same),
		cmocka_unit_test(
			who_stops_a_server_does_not_wait_for_a_connection_that_waits_for_him),
		cmocka_unit_test(a_drain_that_is_cancelled_has_closed_the_server_for_good),
		cmocka_unit_test(two_may_drain_and_the_less_patient_asks_for_both),
		cmocka_unit_test(one_of_two_who_drain_may_be_cancelled),
		cmocka_unit_test(a_close_while_it_drains_changes_nothing_and_an_abort_ends_it),
		cmocka_unit_test(a_drain_keeps_a_server_that_is_given_up),
		cmocka_unit_test(a_failure_is_told_although_the_server_is_given_up),
		cmocka_unit_test(a_connections_failure_is_no_failure_of_the_drain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
