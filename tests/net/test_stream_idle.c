/* SPDX-License-Identifier: MIT */
/*
 * test_stream_idle.c - the idle timeout, in virtual time: a wait in which for so long no byte goes
 * either way ends, exactly then, and the stream stays usable.
 */
#include "streams.h"

#include <awl/server.h>

#define IDLE (30 * AWL_SEC)

static void on_sim(ends_body *body)
{
	for (enum kind kind = MEMORY; kind <= TCP; kind++) {
		struct ends_run run = { body, kind, false };

		in_sim(run_ends, &run);
	}
}

static int write_much(void *arg)
{
	static const char much[1 << 20];

	return awl_stream_write_all(arg, much, sizeof much, NULL);
}

static int drain(void *arg)
{
	return awl_stream_drain(arg);
}

static void is_late(struct ends *e, awl_fn *wait)
{
	int64_t began = now();

	assert_int_equal(wait(e->a), -ETIMEDOUT);
	assert_int_equal(now() - began, IDLE);
}

static void times_out(struct ends *e)
{
	static const char much[1 << 20];
	size_t full;

	assert_int_equal(awl_stream_set_idle_timeout(e->a, IDLE), 0);
	assert_int_equal(awl_sleep(2 * IDLE), 0); /* nobody waits: that is no one's fault */
	is_late(e, read_one);
	is_late(e, read_line);
	full = fill_up(e->a);
	is_late(e, write_much);
	swallow(e->b, full);
	assert_int_equal(awl_stream_write_buffered(e->a, much, sizeof much), 0);
	is_late(e, drain);
	swallow(e->b, sizeof much);
	say(e->b, "x");
	assert_int_equal(read_one(e->a), 'x');
	say(e->a, "usable");
	assert_says(e->b, "usable");
	assert_int_equal(awl_stream_set_idle_timeout(e->a, AWL_FOREVER), 0);
}

static void a_wait_in_which_nothing_moves_ends_and_the_stream_stays_usable(void **state)
{
	on_sim(times_out);
}

static void is_put_off(struct ends *e)
{
	int64_t began = now();
	awl_task *t;

	assert_int_equal(awl_stream_set_idle_timeout(e->a, IDLE), 0);
	t = spawn(read_one, e->a);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(awl_sleep(IDLE - AWL_SEC), 0);
		assert_false(awl_done(t));
		say(e->a, "still here"); /* a byte the other way */
	}
	assert_int_equal(outcome(t), -ETIMEDOUT);
	assert_int_equal(now() - began, 5 * (IDLE - AWL_SEC) + IDLE);
	swallow(e->b, 50);
	t = spawn(read_line, e->a);
	began = now();
	for (int i = 0; i < 5; i++) {
		assert_int_equal(awl_sleep(IDLE - AWL_SEC), 0);
		say(e->b, "-"); /* a part of it */
	}
	assert_int_equal(outcome(t), -ETIMEDOUT);
	assert_int_equal(now() - began, 5 * (IDLE - AWL_SEC) + IDLE);
	assert_int_equal(awl_stream_set_idle_timeout(e->a, AWL_FOREVER), 0);
	assert_says(e->a, "-----");
}

static void a_byte_either_way_puts_it_off(void **state)
{
	on_sim(is_put_off);
}

static void no_timer_each(struct ends *e)
{
	uint64_t armed;

	assert_int_equal(awl_stream_set_idle_timeout(e->a, IDLE), 0);
	awl_task *t = spawn(read_line, e->a);

	let_them();
	armed = ((struct awl__task *)t)->timer.seq;
	for (int i = 0; i < 100; i++) {
		say(e->b, "x");
		assert_int_equal(awl_sleep(AWL_MS), 0);
	}
	assert_int_equal(((struct awl__task *)t)->timer.seq, armed);
	say(e->b, "\n");
	assert_int_equal(outcome(t), 101);
}

static void it_costs_no_timer_a_message(void **state)
{
	on_sim(no_timer_each);
}

static void scope_is_nearer(struct ends *e)
{
	awl_timeout timeout;
	int64_t began = now();
	int r;

	assert_int_equal(awl_stream_set_idle_timeout(e->a, IDLE), 0);
	r = awl_timeout_enter(&timeout, AWL_SEC);
	assert_int_equal(r, 0);
	r = read_one(e->a);
	assert_int_equal(r, AWL_ECANCELED);
	assert_int_equal(awl_timeout_exit(&timeout, r), -ETIMEDOUT);
	assert_int_equal(now() - began, AWL_SEC);
	is_late(e, read_one);
}

static void of_it_and_a_scopes_deadline_the_nearer_ends_the_wait(void **state)
{
	on_sim(scope_is_nearer);
}

/* --- a server's --- */

static int says_much(awl_stream *s, void *arg)
{
	unsigned char *much = bytes(1 << 20);
	int r = awl_stream_write_buffered(s, much, 1 << 20);

	(void)arg;
	free(much);
	return r;
}

/* The client reads nothing: what its handler left to be sent is given up as a write would be. */
static int left_unsent(void *arg)
{
	const char *host = "127.0.0.1";
	awl_server_options o = { .hosts = &host, .host_count = 1, .idle_timeout = IDLE };
	awl_server *server;
	awl_stream *s;

	(void)arg;
	assert_int_equal(awl_start_server_with(&o, says_much, NULL, &server), 0);
	assert_int_equal(awl_open_connection(host, awl_server_port(server), &s), 0);
	assert_int_equal(awl_sleep(IDLE / 2), 0);
	assert_int_equal(awl_server_connections(server), 1);
	assert_int_equal(awl_sleep(IDLE), 0);
	assert_int_equal(awl_server_connections(server), 0);
	end_stream(&s);
	assert_int_equal(awl_server_close(server), 0);
	assert_int_equal(awl_server_wait_closed(server), 0);
	awl_server_unref(server);
	return 0;
}

static void a_client_that_never_reads_keeps_no_connection_for_longer(void **state)
{
	in_sim(left_unsent, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_wait_in_which_nothing_moves_ends_and_the_stream_stays_usable),
		cmocka_unit_test(a_byte_either_way_puts_it_off),
		cmocka_unit_test(it_costs_no_timer_a_message),
		cmocka_unit_test(of_it_and_a_scopes_deadline_the_nearer_ends_the_wait),
		cmocka_unit_test(a_client_that_never_reads_keeps_no_connection_for_longer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
