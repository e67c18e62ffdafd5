/* SPDX-License-Identifier: MIT */
/*
 * @reactors @valgrind
 * test_connect_eyeballs.c - of several addresses, which is tried when, what is told of those that
 * failed, and that nothing stays behind. The times are sim's, and exact.
 */
#include "clients.h"

#define PORT 80

/* A server on each of those hosts. */
struct world {
	const char *names; /* what "example.org" means */
	const char *hosts[6]; /* where somebody listens */
	const char *silent[6]; /* what never answers */
	awl_server *servers[6];
};

static void build(struct world *w)
{
	assert_int_equal(awl_test_name("example.org", w->names, 0), 0);
	for (int i = 0; w->hosts[i]; i++) {
		awl_test_host(w->hosts[i]);
		w->servers[i] = serve_at(w->hosts[i], PORT, echo, NULL);
	}
	for (int i = 0; w->silent[i]; i++)
		assert_int_equal(awl_test_partition(w->silent[i], NULL, 1), 0);
	assert_int_equal(awl_test_host("10.9.9.9"), 0);
}

static void tear_down(struct world *w)
{
	for (int i = 0; w->silent[i]; i++)
		assert_int_equal(awl_test_partition(w->silent[i], NULL, 0), 0);
	for (int i = 0; w->servers[i]; i++)
		end_server(w->servers[i]);
	memset(w->servers, 0, sizeof w->servers);
}

static void far_away(const char *host, int64_t latency)
{
	assert_int_equal(
		awl_test_set_network(&(awl_test_network){ .from = host, .latency = latency }), 0);
}

/* Connects, and says after how many milliseconds; *peer is who it was. */
static int64_t connects_after(const awl_connect_options *o, char *peer, size_t size)
{
	struct sockaddr_storage addr;
	socklen_t len = sizeof addr;
	int64_t began = now(), took;
	awl_stream *s = NULL;
	int r = awl_open_connection_with(o, "example.org", PORT, &s);

	took = now() - began;
	if (r < 0)
		fail_msg("%s: %s", awl_strerror(r), awl_error_detail(r));
	assert_int_equal(awl_stream_getpeername(s, (struct sockaddr *)&addr, &len), 0);
	awl_address_text((struct sockaddr *)&addr, len, peer, size);
	end_client(s);
	assert_int_equal(took % AWL_MS, 0);
	return took / AWL_MS;
}

static int each_address_has_its_moment(void *arg)
{
	static const char *const all[] = { "10.0.0.1", "10.0.0.2", "10.0.0.3" };
	char peer[64], wanted[64];

	for (int alive = 0; alive < 3; alive++) {
		struct world w = { .names = "10.0.0.1 10.0.0.2 10.0.0.3", .hosts = { all[alive] } };
		int silent = 0;

		for (int i = 0; i < 3; i++)
			if (i != alive)
				w.silent[silent++] = all[i];
		build(&w);
		assert_int_equal(connects_after(NULL, peer, sizeof peer), 250 * alive);
		snprintf(wanted, sizeof wanted, "%s:%d", all[alive], PORT);
		assert_string_equal(peer, wanted);
		tear_down(&w);
	}
	return 0;
}

/* P15 */
static void the_next_address_is_tried_250_ms_after_one_that_is_silent(void **state)
{
	exactly(each_address_has_its_moment, NULL);
}

static int own_delay(void *arg)
{
	const awl_connect_options quick = { .delay = 40 * AWL_MS };
	struct world w = { .names = "10.0.0.1 10.0.0.2 10.0.0.3",
		.hosts = { "10.0.0.3" },
		.silent = { "10.0.0.1", "10.0.0.2" } };
	char peer[64];

	build(&w);
	assert_int_equal(connects_after(&quick, peer, sizeof peer), 80);
	tear_down(&w);
	return 0;
}

static void the_delay_can_be_set(void **state)
{
	exactly(own_delay, NULL);
}

static int slow_first(void *arg)
{
	struct world w = { .names = "10.0.0.1 10.0.0.2", .hosts = { "10.0.0.1", "10.0.0.2" } };
	char peer[64];

	build(&w);
	far_away("10.0.0.1", 200 * AWL_MS); /* there and back: 400 */
	far_away("10.0.0.2", 5 * AWL_MS);
	assert_int_equal(connects_after(NULL, peer, sizeof peer), 260);
	assert_string_equal(peer, "10.0.0.2:80");
	far_away("10.0.0.2", 100 * AWL_MS);
	assert_int_equal(connects_after(NULL, peer, sizeof peer), 400);
	assert_string_equal(peer, "10.0.0.1:80");
	assert_int_equal(awl_test_set_network(NULL), 0);
	assert_int_equal(awl_sleep(AWL_SEC), 0);
	tear_down(&w);
	return 0;
}

/* P15 */
static void the_first_to_answer_wins_and_the_others_are_closed(void **state)
{
	exactly(slow_first, NULL);
}

static int one_after_the_other(void *arg)
{
	const awl_connect_options patient = { .delay = AWL_FOREVER };
	struct world w = { .names = "10.0.0.1 10.0.0.2", .hosts = { "10.0.0.1", "10.0.0.2" } };
	char peer[64];

	build(&w);
	far_away("10.0.0.1", 5 * AWL_SEC);
	assert_int_equal(connects_after(&patient, peer, sizeof peer), 10000);
	assert_string_equal(peer, "10.0.0.1:80");
	assert_int_equal(awl_test_set_network(NULL), 0);
	assert_int_equal(awl_sleep(20 * AWL_SEC), 0);
	tear_down(&w);
	return 0;
}

static void without_a_delay_each_has_all_the_time_it_takes(void **state)
{
	exactly(one_after_the_other, NULL);
}

static int refused_ones(void *arg)
{
	struct world w = { .names = "10.0.0.1 10.0.0.2 10.0.0.3", .hosts = { "10.0.0.3" } };
	char peer[64];

	build(&w);
	far_away("10.0.0.1", 30 * AWL_MS);
	far_away("10.0.0.2", 20 * AWL_MS);
	assert_int_equal(connects_after(NULL, peer, sizeof peer), 60 + 40);
	assert_string_equal(peer, "10.0.0.3:80");
	assert_int_equal(awl_test_set_network(NULL), 0);
	tear_down(&w);
	return 0;
}

/* P15 */
static void after_a_failure_the_next_one_is_tried_at_once(void **state)
{
	exactly(refused_ones, NULL);
}

static int families_in_turn(void *arg)
{
	static const char *const in_turn[] = { "fd00::1", "10.0.0.1", "fd00::2", "10.0.0.2",
		"fd00::3" };
	char peer[64], text[64];

	for (int alive = 0; alive < 5; alive++) {
		struct world w = { .names = "fd00::1 fd00::2 fd00::3 10.0.0.1 10.0.0.2",
			.hosts = { in_turn[alive] } };
		int silent = 0;

		for (int i = 0; i < 5; i++)
			if (i != alive)
				w.silent[silent++] = in_turn[i];
		build(&w);
		assert_int_equal(connects_after(NULL, peer, sizeof peer), 250 * alive);
		snprintf(text, sizeof text, alive % 2 ? "%s:80" : "[%s]:80", in_turn[alive]);
		assert_string_equal(peer, text);
		tear_down(&w);
	}
	return 0;
}

/* P15 */
static void families_take_turns_beginning_with_that_of_the_first(void **state)
{
	exactly(families_in_turn, NULL);
}

static int one_family(void *arg)
{
	const awl_connect_options v4 = { .family = AF_INET };
	const awl_connect_options v6 = { .family = AF_INET6 };
	struct world w = { .names = "fd00::1 10.0.0.1", .hosts = { "fd00::1", "10.0.0.1" } };
	char peer[64];

	build(&w);
	assert_int_equal(connects_after(&v4, peer, sizeof peer), 0);
	assert_string_equal(peer, "10.0.0.1:80");
	assert_int_equal(connects_after(&v6, peer, sizeof peer), 0);
	assert_string_equal(peer, "[fd00::1]:80");
	tear_down(&w);
	return 0;
}

static void a_family_can_be_asked_for(void **state)
{
	exactly(one_family, NULL);
}

static int nobody_answers(void *arg)
{
	struct world w = { .names = "10.0.0.1 fd00::1" };
	awl_stream *s = NULL;
	int64_t began = now();

	build(&w);
	assert_int_equal(awl_open_connection("example.org", PORT, &s), -ECONNREFUSED);
	assert_null(s);
	assert_true(now() == began);
	assert_string_equal(awl_error_detail(-ECONNREFUSED),
		"awl_open_connection: example.org:80: 10.0.0.1: Connection refused; "
		"fd00::1: Connection refused");
	return 0;
}

/* P15 */
static void where_all_refuse_each_ones_error_is_told(void **state)
{
	exactly(nobody_answers, NULL);
}

static int one_refuses_one_is_silent(void *arg)
{
	struct world w = { .names = "10.0.0.1 10.0.0.2", .silent = { "10.0.0.2" } };
	awl_stream *s = NULL;
	int64_t began = now();

	build(&w);
	assert_int_equal(awl_open_connection("example.org", PORT, &s), -ECONNREFUSED);
	assert_true(now() - began == 127 * AWL_SEC);
	assert_non_null(strstr(awl_error_detail(-ECONNREFUSED),
		"10.0.0.1: Connection refused; 10.0.0.2: Connection timed out"));
	tear_down(&w);
	return 0;
}

static void the_first_error_is_returned_when_the_last_has_come(void **state)
{
	exactly(one_refuses_one_is_silent, NULL);
}

static int in_time(void *arg)
{
	const awl_connect_options o = { .timeout = 600 * AWL_MS };
	struct world w = { .names = "10.0.0.1 10.0.0.2", .silent = { "10.0.0.1", "10.0.0.2" } };
	awl_stream *s = NULL;
	int64_t began = now();

	build(&w);
	assert_int_equal(awl_open_connection_with(&o, "example.org", PORT, &s), -ETIMEDOUT);
	assert_true(now() - began == 600 * AWL_MS);
	assert_non_null(strstr(awl_error_detail(-ETIMEDOUT), "within 0.6 s"));
	awl_test_name("slow.example", "10.0.0.1", 10 * AWL_SEC);
	began = now();
	assert_int_equal(awl_open_connection_with(&o, "slow.example", PORT, &s), -ETIMEDOUT);
	assert_true(now() - began == 600 * AWL_MS);
	assert_int_equal(awl_sleep(20 * AWL_SEC), 0);
	tear_down(&w);
	return 0;
}

static void a_timeout_is_for_the_name_and_all_addresses_together(void **state)
{
	exactly(in_time, NULL);
}

static int names_fail(void *arg)
{
	awl_stream *s = NULL;

	awl_test_name_fails("no.example", AWL_ENONAME, 0);
	awl_test_name_fails("down.example", AWL_ENAMESERVER, 0);
	assert_int_equal(awl_open_connection("no.example", PORT, &s), AWL_ENONAME);
	assert_int_equal(awl_open_connection("down.example", PORT, &s), AWL_ENAMESERVER);
	assert_null(s);
	return 0;
}

static void a_name_that_is_not_known_is_told_as_such(void **state)
{
	exactly(names_fail, NULL);
}

/* --- cancelled -------------------------------------------------------------------------------- */

static int connects(void *arg)
{
	awl_stream *s;
	int r = awl_open_connection("example.org", PORT, &s);

	if (r >= 0)
		end_client(s);
	return r;
}

/* At each moment of a connect that would take 520 ms: a name, three addresses. */
static int cancelled_at_each_moment(void *arg)
{
	struct world w = { .names = "10.0.0.1 10.0.0.2 10.0.0.3",
		.hosts = { "10.0.0.3" },
		.silent = { "10.0.0.1", "10.0.0.2" } };
	awl_loop *l = here();

	build(&w);
	assert_int_equal(awl_test_name("example.org", w.names, 10 * AWL_MS), 0);
	far_away("10.0.0.3", 5 * AWL_MS);
	for (int64_t at = 0; at <= 530; at += 5) {
		int before = sockets_open(l);
		awl_task *t = spawn(connects, NULL);
		int r;

		if (at)
			assert_int_equal(awl_sleep(at * AWL_MS), 0);
		awl_cancel(t, "enough");
		assert_int_equal(awl_join(t), 0);
		r = outcome(t);
		assert_true(r == (at < 520 ? AWL_EFUTURECANCELED : 0) || at == 520);
		assert_int_equal(awl_sleep(AWL_SEC), 0); /* the server sees it off */
		assert_int_equal(sockets_open(l), before);
	}
	assert_int_equal(awl_test_set_network(NULL), 0);
	tear_down(&w);
	return 0;
}

/* A7, A8 */
static void a_cancel_at_any_moment_leaves_no_descriptor(void **state)
{
	exactly(cancelled_at_each_moment, NULL);
}

/* --- for want of something -------------------------------------------------------------------- */

static int no_descriptors(void *arg)
{
	struct world w = { .names = "10.0.0.1 10.0.0.2", .hosts = { "10.0.0.1" } };
	awl_stream *s = NULL;

	build(&w);
	assert_int_equal(awl_test_set_descriptors(descriptors(here())), 0);
	assert_int_equal(awl_open_connection("10.0.0.1", PORT, &s), -EMFILE);
	assert_int_equal(awl_open_connection("example.org", PORT, &s), -EMFILE);
	assert_null(s);
	assert_int_equal(awl_test_set_descriptors(0), 0);
	tear_down(&w);
	return 0;
}

static void without_a_descriptor_it_says_emfile(void **state)
{
	exactly(no_descriptors, NULL);
}

static int nth_allocation_fails(void *arg)
{
	struct world w = { .names = "10.0.0.1 fd00::1", .hosts = { "fd00::1" } };
	int64_t n = 0, made;
	int r;

	build(&w);
	do {
		awl_stream *s = NULL;
		int before = sockets_open(here());

		awl_test_fail_alloc(++n);
		r = awl_open_connection("example.org", PORT, &s);
		made = awl_test_fail_alloc(0);
		assert_true(r == 0 || r == -ENOMEM || r == -ECONNREFUSED);
		if (r == 0)
			end_client(s);
		assert_int_equal(awl_sleep(2 * AWL_SEC), 0);
		assert_int_equal(sockets_open(here()), before);
	} while (made >= n);
	tear_down(&w);
	return 0;
}

static void without_memory_nothing_stays_open(void **state)
{
	assert_int_equal(awl_test_run(0, nth_allocation_fails, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_next_address_is_tried_250_ms_after_one_that_is_silent),
		cmocka_unit_test(the_delay_can_be_set),
		cmocka_unit_test(the_first_to_answer_wins_and_the_others_are_closed),
		cmocka_unit_test(without_a_delay_each_has_all_the_time_it_takes),
		cmocka_unit_test(after_a_failure_the_next_one_is_tried_at_once),
		cmocka_unit_test(families_take_turns_beginning_with_that_of_the_first),
		cmocka_unit_test(a_family_can_be_asked_for),
		cmocka_unit_test(where_all_refuse_each_ones_error_is_told),
		cmocka_unit_test(the_first_error_is_returned_when_the_last_has_come),
		cmocka_unit_test(a_timeout_is_for_the_name_and_all_addresses_together),
		cmocka_unit_test(a_name_that_is_not_known_is_told_as_such),
		cmocka_unit_test(a_cancel_at_any_moment_leaves_no_descriptor),
		cmocka_unit_test(without_a_descriptor_it_says_emfile),
		cmocka_unit_test(without_memory_nothing_stays_open),
	};

	return cmocka_run_group_tests(tests, NULL, end_of_threads);
}
