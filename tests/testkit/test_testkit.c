/* SPDX-License-Identifier: MIT */
/*
 * The public test kit: virtual time, the same trace for the same seed, faults on demand, and orders
 * that a test fixes itself.
 *
 * @reactors @valgrind
 */
#include "support.h"

#include <awl/test.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>

/* Each task writes its letter where it comes by. */
static char log_of[256];
static size_t logged;

static void log_letter(char c)
{
	assert_true(logged + 1 < sizeof log_of);
	log_of[logged++] = c;
	log_of[logged] = 0;
}

static void begin_log(void)
{
	logged = 0;
	log_of[0] = 0;
}

/* --- time --- */

static int sleeps_for_a_year(void *arg)
{
	int64_t began = now();

	assert_int_equal(awl_sleep(365 * 24 * 3600 * AWL_SEC), 0);
	assert_true(now() == began + 365 * 24 * 3600 * AWL_SEC);
	return 7;
}

static void time_jumps_to_the_next_deadline_and_the_outcome_comes_back(void **state)
{
	assert_int_equal(awl_test_run(0, sleeps_for_a_year, NULL), 7);
}

static int sleeper(void *arg)
{
	const char *c = arg;

	assert_int_equal(awl_sleep((*c - 'a' + 1) * AWL_SEC), 0);
	log_letter(*c);
	return 0;
}

static int advances(void *arg)
{
	int64_t began = now();

	begin_log();
	for (const char *c = "cba"; *c; c++)
		assert_int_equal(awl_create_task(sleeper, (void *)(uintptr_t)c, NULL), 0);
	assert_int_equal(awl_test_wait_blocked(), 0);
	assert_int_equal(awl_test_advance(2 * AWL_SEC), 0);
	assert_true(now() == began + 2 * AWL_SEC);
	assert_string_equal(log_of, "");
	assert_int_equal(awl_yield(), 0);
	assert_int_equal(awl_test_wait_blocked(), 0);
	assert_true(now() == began + 2 * AWL_SEC);
	assert_string_equal(log_of, "ab");
	assert_int_equal(awl_sleep(AWL_SEC), 0);
	assert_string_equal(log_of, "abc");
	assert_int_equal(awl_test_advance(-1), -EINVAL);
	return 0;
}

static void an_advance_passes_deadlines_over_and_they_come_late_in_their_order(void **state)
{
	assert_int_equal(awl_test_run(0, advances, NULL), 0);
}

static int refuses_outside_of_sim(void *arg)
{
	int fds[2] = { -7, -7 };

	if (is_sim(here()))
		return 0;
	assert_int_equal(awl_test_advance(1), -ENOTSUP);
	assert_int_equal(awl_test_pipe(fds), -ENOTSUP);
	assert_int_equal(fds[0], -7);
	assert_int_equal(awl_test_close(1), -ENOTSUP);
	return 0;
}

static int runs_a_test(void *arg)
{
	assert_int_equal(awl_test_run(0, refuses_outside_of_sim, NULL), AWL_ENESTED);
	return 0;
}

static void what_cannot_be_is_refused(void **state)
{
	awl_loop_options o = { .reactor = "epoll" };
	int fds[2];

	assert_int_equal(awl_run_with(&o, refuses_outside_of_sim, NULL), 0);
	assert_int_equal(awl_test_run(0, runs_a_test, NULL), 0);
	assert_int_equal(awl_test_run(0, NULL, NULL), -EINVAL);
	assert_int_equal(awl_test_advance(1), AWL_ENOLOOP);
	assert_int_equal(awl_test_pipe(fds), AWL_ENOLOOP);
	assert_int_equal(awl_test_pipe(NULL), -EINVAL);
	assert_int_equal(awl_test_wait_blocked(), AWL_ENOLOOP);
}

/* --- waiting until all are blocked --- */

struct chain {
	awl_future *first, *last;
	int hops;
};

static int hop(void *arg)
{
	struct chain *c = arg;

	if (awl_await(c->first) < 0)
		return AWL_ECANCELED;
	for (int i = 0; i < 100; i++) /* more than a look at the clock is apart */
		assert_int_equal(awl_yield(), 0);
	c->hops++;
	return awl_future_set_result(c->last, 1);
}

static int a_chain_comes_to_its_end(void *arg)
{
	enum { LENGTH = 5 };
	struct chain chains[LENGTH] = { 0 };
	awl_future *f[LENGTH + 1];
	int64_t began = now();
	int hops = 0;

	for (int i = 0; i <= LENGTH; i++)
		assert_int_equal(awl_loop_create_future(here(), 0, &f[i]), 0);
	for (int i = 0; i < LENGTH; i++) {
		chains[i] = (struct chain){ .first = f[i], .last = f[i + 1] };
		assert_int_equal(awl_create_task(hop, &chains[i], NULL), 0);
	}
	assert_int_equal(awl_test_wait_blocked(), 0);
	assert_false(awl_done(f[1]));
	assert_int_equal(awl_future_set_result(f[0], 0), 0);
	assert_int_equal(awl_test_wait_blocked(), 0);
	for (int i = 0; i < LENGTH; i++)
		hops += chains[i].hops;
	assert_int_equal(hops, LENGTH);
	assert_true(is_sim(here()) ? now() == began : now() >= began);
	for (int i = 0; i <= LENGTH; i++)
		awl_unref(f[i]);
	return 0;
}

static void it_is_over_when_every_other_task_is_parked(void **state)
{
	in_loop(a_chain_comes_to_its_end, NULL);
	assert_int_equal(awl_test_run(0, a_chain_comes_to_its_end, NULL), 0);
}

static int waits_for_the_others(void *arg)
{
	assert_int_equal(awl_yield(), 0);
	assert_int_equal(awl_test_wait_blocked(), 0);
	log_letter(*(char *)arg);
	return awl_sleep(AWL_SEC);
}

static int several_wait_for_all(void *arg)
{
	char names[] = "abc";
	int64_t began = now();

	begin_log();
	for (int i = 0; i < 3; i++)
		assert_int_equal(awl_create_task(waits_for_the_others, &names[i], NULL), 0);
	assert_int_equal(awl_test_wait_blocked(), 0);
	assert_int_equal(awl_test_wait_blocked(), 0);
	assert_int_equal(logged, 3);
	assert_true(now() == began);
	return awl_sleep(2 * AWL_SEC);
}

static void several_that_wait_for_it_do_not_wait_for_each_other(void **state)
{
	assert_int_equal(awl_test_run(0, several_wait_for_all, NULL), 0);
}

static bool yes = true;

static int goes_round(void *arg)
{
	while (!*(bool *)arg)
		if (awl_yield() < 0)
			break;
	return 0;
}

static int never_blocked(void *arg)
{
	bool stop = false;
	awl_timeout limit;
	awl_task *t;

	assert_int_equal(awl_create_task(goes_round, &stop, &t), 0);
	awl_timeout_enter_at(&limit, now() - 1);
	assert_int_equal(awl_timeout_exit(&limit, awl_test_wait_blocked()), -ETIMEDOUT);
	assert_false(awl_done(t));
	stop = true;
	assert_int_equal(awl_await(t), 0);
	awl_unref(t);
	return 0;
}

static void it_can_be_cancelled(void **state)
{
	assert_int_equal(awl_test_run(0, never_blocked, NULL), 0);
}

/* --- the sequencer --- */

struct player {
	awl_test_sequencer *sequencer;
	const char *steps; /* "04": the first and the fifth */
	int result;
};

static int play(void *arg)
{
	struct player *p = arg;

	for (const char *s = p->steps; *s && p->result == 0; s++) {
		p->result = awl_test_sequence(p->sequencer, *s - '0');
		if (p->result == 0)
			log_letter(*s);
	}
	return p->result;
}

static int in_the_order_of_numbers(void *arg)
{
	awl_test_sequencer s = AWL_TEST_SEQUENCER_INIT;
	struct player players[] = { { &s, "258", 0 }, { &s, "1467", 0 }, { &s, "03", 0 } };
	awl_task *t[COUNT(players)];

	begin_log();
	for (size_t i = 0; i < COUNT(players); i++)
		assert_int_equal(awl_create_task(play, &players[i], &t[i]), 0);
	for (size_t i = 0; i < COUNT(players); i++) {
		assert_int_equal(awl_await(t[i]), 0);
		awl_unref(t[i]);
	}
	assert_string_equal(log_of, "012345678");
	assert_int_equal(awl_test_sequence(&s, 3), -EINVAL);
	assert_int_equal(awl_test_sequence(&s, 9), 0);
	assert_int_equal(awl_test_sequence(NULL, 9), -EINVAL);
	return 0;
}

static void steps_are_taken_in_the_order_of_their_numbers(void **state)
{
	in_loop(in_the_order_of_numbers, NULL);
	assert_int_equal(awl_test_run(0, in_the_order_of_numbers, NULL), 0);
}

static int one_is_stopped(void *arg)
{
	awl_test_sequencer s = { 0 };
	struct player players[] = { { &s, "1", 0 }, { &s, "2", 0 }, { &s, "3", 0 } };
	awl_task *t[COUNT(players)];

	for (size_t i = 0; i < COUNT(players); i++)
		assert_int_equal(awl_create_task(play, &players[i], &t[i]), 0);
	assert_int_equal(awl_test_wait_blocked(), 0);
	assert_int_equal(awl_cancel(t[1], NULL), 1);
	assert_int_equal(awl_await(t[1]), AWL_EFUTURECANCELED);
	assert_int_equal(awl_await(t[0]), AWL_EBROKEN);
	assert_int_equal(awl_await(t[2]), AWL_EBROKEN);
	assert_int_equal(awl_test_sequence(&s, 0), AWL_EBROKEN);
	for (size_t i = 0; i < COUNT(players); i++)
		awl_unref(t[i]);
	return 0;
}

static void a_step_that_never_comes_keeps_nobody_waiting(void **state)
{
	in_loop(one_is_stopped, NULL);
}

static int its_turn_has_come(void *arg)
{
	awl_test_sequencer s = { 0 };
	struct player one = { &s, "1", 0 };
	awl_task *t;

	assert_int_equal(awl_create_task(play, &one, &t), 0);
	assert_int_equal(awl_test_wait_blocked(), 0);
	assert_int_equal(awl_test_sequence(&s, 0), 0);
	assert_int_equal(awl_cancel(t, NULL), 1); /* too late for this wait */
	assert_int_equal(awl_await(t), 0);
	assert_int_equal(awl_test_sequence(&s, 2), 0);
	awl_unref(t);
	return 0;
}

static void who_has_the_turn_keeps_it(void **state)
{
	begin_log();
	in_loop(its_turn_has_come, NULL);
}

/* --- faults --- */

static int makes_things(void *arg)
{
	awl_future *f;
	awl_task *t;
	int fds[2], r;

	r = awl_loop_create_future(here(), 100, &f);
	if (r < 0)
		return r;
	awl_unref(f);
	r = awl_test_pipe(fds);
	if (r < 0)
		return r;
	awl_test_close(fds[0]);
	awl_test_close(fds[1]);
	r = awl_create_task(goes_round, &yes, &t);
	if (r < 0)
		return r;
	r = awl_await(t);
	awl_unref(t);
	return r;
}

static void each_allocation_in_turn_can_fail(void **state)
{
	assert_true(refuse_each_allocation(makes_things) >= 5);
	assert_true(awl_test_fail_alloc(0) == 0);
}

static void *allocates(void *arg)
{
	*(int *)arg = awl_test_run(0, makes_things, NULL);
	return NULL;
}

static void a_fault_is_the_asking_threads_own(void **state)
{
	pthread_t thread;
	int r = 1;

	awl_test_fail_alloc(1);
	assert_int_equal(pthread_create(&thread, NULL, allocates, &r), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(r, 0);
	assert_true(awl_test_fail_alloc(0) == 0);
}

/* --- seeds and traces --- */

static int writer(void *arg)
{
	static const char words[] = "what the seed splits and delays";
	int fd = *(int *)arg;

	for (size_t at = 0; at < sizeof words;) {
		int n = awl_fd_write(fd, words + at, sizeof words - at);

		if (n < 0)
			return n;
		at += (size_t)n;
	}
	return awl_test_close(fd);
}

static int reader(void *arg)
{
	char buf[40], note[40];
	int n;

	while ((n = awl_fd_read(*(int *)arg, buf, sizeof buf)) > 0) {
		snprintf(note, sizeof note, "%d bytes", n);
		awl_test_note(note);
	}
	return n;
}

static int callback(void *arg)
{
	return awl_loop_call_later(here(), 10, goes_round, &yes, NULL) * 0;
}

static int two_pipes(void *arg)
{
	awl_task_group g;
	int a[2], b[2], r = 0;

	assert_int_equal(awl_test_pipe(a), 0);
	assert_int_equal(awl_test_pipe(b), 0);
	assert_int_equal(awl_loop_call_soon(here(), callback, NULL, NULL), 0);
	awl_task_group_enter(&g);
	r = awl_task_group_create_task(&g, reader, &a[0], NULL);
	r = r < 0 ? r : awl_task_group_create_task(&g, reader, &b[0], NULL);
	r = r < 0 ? r : awl_task_group_create_task(&g, writer, &a[1], NULL);
	r = r < 0 ? r : awl_task_group_create_task(&g, writer, &b[1], NULL);
	r = awl_task_group_exit(&g, r);
	awl_test_close(a[0]);
	awl_test_close(b[0]);
	return r;
}

struct lines {
	size_t len;
	char text[65536];
};

static void take_line(const char *line, void *arg)
{
	struct lines *l = arg;
	int n = snprintf(l->text + l->len, sizeof l->text - l->len, "%s\n", line);

	if (n > 0 && l->len + (size_t)n < sizeof l->text)
		l->len += (size_t)n;
}

static uint64_t traced(uint64_t seed, awl_fn *fn, struct lines *l)
{
	*l = (struct lines){ 0 };
	awl_test_set_trace(take_line, l);
	assert_int_equal(awl_test_run(seed, fn, NULL), 0);
	awl_test_set_trace(NULL, NULL);
	return awl_test_digest();
}

static struct lines first, second;

static void the_same_seed_gives_the_same_trace(void **state)
{
	for (uint64_t seed = 0; seed < 200; seed++) {
		uint64_t digest = traced(seed, two_pipes, &first);

		assert_true(traced(seed, two_pipes, &second) == digest);
		assert_string_equal(first.text, second.text);
		assert_int_equal(awl_test_run(seed, two_pipes, NULL), 0);
		assert_true(awl_test_digest() == digest);
	}
}

static void other_seeds_give_other_traces(void **state)
{
	uint64_t seen[50];

	for (uint64_t seed = 0; seed < COUNT(seen); seed++) {
		seen[seed] = traced(seed, two_pipes, &first);
		for (uint64_t i = 0; i < seed; i++)
			assert_true(seen[i] != seen[seed]);
	}
}

/* What has no kernel in it is left alone by the seed. */
static int pure(void *arg)
{
	return a_chain_comes_to_its_end(NULL) || several_wait_for_all(NULL);
}

static void a_seed_touches_no_order_that_is_promised(void **state)
{
	uint64_t digest = traced(0, pure, &first);

	for (uint64_t seed = 1; seed < 50; seed++) {
		assert_true(traced(seed, pure, &second) == digest);
		assert_string_equal(first.text, second.text);
	}
}

static int sleeper_that_minds(void *arg)
{
	return awl_sleep(AWL_SEC);
}

static int says_what_it_waited_for(void *arg)
{
	awl_task *t;

	assert_int_equal(awl_create_task(sleeper_that_minds, NULL, &t), 0);
	assert_int_equal(awl_task_set_name(t, "sleeper"), 0);
	assert_int_equal(awl_yield(), 0);
	assert_int_equal(awl_loop_call_soon(here(), callback, NULL, NULL), 0);
	awl_test_note("half way");
	assert_int_equal(awl_sleep(AWL_MS), 0);
	awl_cancel(t, NULL);
	assert_int_equal(awl_join(t), 0);
	awl_unref(t);
	return 0;
}

static void a_trace_says_who_when_and_after_what(void **state)
{
	traced(0, says_what_it_waited_for, &first);
	assert_string_equal(first.text,
		"0.000000000 Task-1 begins\n"
		"0.000000000 sleeper begins\n"
		"0.000000000 Task-1 goes on\n"
		"0.000000000 note: half way\n"
		"0.000000000 callback\n"
		"0.000000010 callback\n"
		"0.001000000 Task-1 after sleep\n"
		"0.001000000 sleeper after sleep, interrupted\n"
		"0.001000000 Task-1 after join\n");
}

static int notes(void *arg)
{
	awl_test_note(arg);
	return 0;
}

static void a_note_counts(void **state)
{
	uint64_t digest;

	assert_int_equal(awl_test_run(0, notes, (void *)(uintptr_t) "one"), 0);
	digest = awl_test_digest();
	assert_int_equal(awl_test_run(0, notes, (void *)(uintptr_t) "two"), 0);
	assert_true(awl_test_digest() != digest);
	awl_test_note("outside of tests it is nothing");
	assert_int_equal(awl_test_run(0, notes, (void *)(uintptr_t) "one"), 0);
	assert_true(awl_test_digest() == digest);
}

/* The same orders with and without a trace: each step is the hub's where one is made. */
static int letters(void *arg)
{
	assert_int_equal(awl_yield(), 0);
	log_letter(*(char *)arg);
	assert_int_equal(awl_sleep(AWL_MS * (*(char *)arg % 3)), 0);
	log_letter(*(char *)arg);
	return 0;
}

static int many_letters(void *arg)
{
	char names[] = "abcdefghij";
	awl_task_group g;

	begin_log();
	awl_task_group_enter(&g);
	for (char *c = names; *c; c++)
		assert_int_equal(awl_task_group_create_task(&g, letters, c, NULL), 0);
	return awl_task_group_exit(&g, 0);
}

static void a_trace_changes_no_order(void **state)
{
	char untraced[sizeof log_of];

	in_sim(many_letters, NULL);
	memcpy(untraced, log_of, sizeof untraced);
	assert_int_equal(awl_test_run(0, many_letters, NULL), 0);
	assert_string_equal(log_of, untraced);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(time_jumps_to_the_next_deadline_and_the_outcome_comes_back),
		cmocka_unit_test(
			an_advance_passes_deadlines_over_and_they_come_late_in_their_order),
		cmocka_unit_test(what_cannot_be_is_refused),
		cmocka_unit_test(it_is_over_when_every_other_task_is_parked),
		cmocka_unit_test(several_that_wait_for_it_do_not_wait_for_each_other),
		cmocka_unit_test(it_can_be_cancelled),
		cmocka_unit_test(steps_are_taken_in_the_order_of_their_numbers),
		cmocka_unit_test(a_step_that_never_comes_keeps_nobody_waiting),
		cmocka_unit_test(who_has_the_turn_keeps_it),
		cmocka_unit_test(each_allocation_in_turn_can_fail),
		cmocka_unit_test(a_fault_is_the_asking_threads_own),
		cmocka_unit_test(the_same_seed_gives_the_same_trace),
		cmocka_unit_test(other_seeds_give_other_traces),
		cmocka_unit_test(a_seed_touches_no_order_that_is_promised),
		cmocka_unit_test(a_trace_says_who_when_and_after_what),
		cmocka_unit_test(a_note_counts),
		cmocka_unit_test(a_trace_changes_no_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
