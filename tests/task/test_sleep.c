/* SPDX-License-Identifier: MIT */
/*
 * @reactors @valgrind
 * test_sleep.c - waiting for time: never early, in order, interrupted when it must be.
 */
#include "support.h"

#define HOUR (3600 * AWL_SEC)

static void on_sim(awl_fn *body)
{
	in_sim(body, NULL);
}

/* --- never early --- */

static int sleep_a_little(void *arg)
{
	awl_loop *l = here();

	for (int64_t ns = 1; ns < 5 * AWL_MS; ns = ns * 3 + 1) {
		int64_t until = awl_loop_time(l) + ns;

		assert_int_equal(awl_sleep(ns), 0);
		assert_true(awl_loop_time(l) >= until);
		until = awl_loop_time(l) + ns;
		assert_int_equal(awl_sleep_until(until), 0);
		assert_true(awl_loop_time(l) >= until);
	}
	return 0;
}

/* T15 */
static void a_sleep_is_never_early(void **state)
{
	in_loop(sleep_a_little, NULL);
}

static int tick(void *arg)
{
	int r = 0;

	while (r == 0)
		r = awl_sleep(10 * AWL_US);
	return r;
}

static int sleep_among_others(void *arg)
{
	for (int i = 0; i < 3; i++)
		assert_int_equal(awl_create_task(tick, NULL, NULL), 0);
	return sleep_a_little(NULL);
}

/* Other timers wake the loop before its time. */
static void a_sleep_is_never_early_among_others(void **state)
{
	in_loop(sleep_among_others, NULL);
}

static int sleep_exactly(void *arg)
{
	int64_t began = awl_loop_time(here());

	assert_int_equal(awl_sleep(HOUR + 7), 0);
	assert_true(awl_loop_time(here()) == began + HOUR + 7);
	assert_int_equal(awl_sleep_until(began + 2 * HOUR), 0);
	assert_true(awl_loop_time(here()) == began + 2 * HOUR);
	return 0;
}

static void on_sim_a_sleep_is_exact(void **state)
{
	on_sim(sleep_exactly);
}

/* --- order --- */

static char woken[64];

struct sleeper {
	int64_t until;
	char letter[2];
};

static int sleep_and_note(void *arg)
{
	struct sleeper *s = arg;
	int r = awl_sleep_until(s->until);

	strcat(woken, s->letter);
	return r;
}

static int in_order(void *arg)
{
	int64_t now = awl_loop_time(here()) + AWL_MS;
	static struct sleeper s[6]; /* the last one outlives this body */
	const struct sleeper sleepers[] = { { now + 30, "e" }, { now + 10, "b" }, { now + 20, "c" },
		{ now, "a" }, { now + 20, "d" }, { INT64_MAX - 1, "?" } };

	memcpy(s, sleepers, sizeof s);
	woken[0] = 0;
	for (size_t i = 0; i < COUNT(s); i++)
		assert_int_equal(awl_create_task(sleep_and_note, &s[i], NULL), 0);
	assert_int_equal(awl_sleep_until(now + AWL_MS), 0);
	assert_string_equal(woken, "abcde");
	return 0;
}

/* A9: by deadline, in the order they came among equals */
static void sleepers_wake_by_their_deadlines(void **state)
{
	in_loop(in_order, NULL);
	assert_string_equal(woken, "abcde?");
}

static int count(void *arg)
{
	++*(int *)arg;
	return 0;
}

static int past(void *arg)
{
	static const int64_t spans[] = { 0, -1, INT64_MIN };
	int n = 0, turns = 0;

	for (size_t i = 0; i < COUNT(spans); i++) {
		assert_int_equal(awl_create_task(count, &n, NULL), 0);
		assert_int_equal(awl_sleep(spans[i]), 0);
		assert_int_equal(n, ++turns);
		assert_int_equal(awl_create_task(count, &n, NULL), 0);
		assert_int_equal(awl_sleep_until(spans[i]), 0);
		assert_int_equal(n, ++turns);
	}
	assert_int_equal(awl_create_task(count, &n, NULL), 0);
	assert_int_equal(awl_sleep_until(awl_loop_time(here())), 0);
	assert_int_equal(n, ++turns);
	return 0;
}

/* T15: d <= 0 is one bare yield */
static void a_sleep_into_the_past_is_a_yield(void **state)
{
	in_loop(past, NULL);
}

/* --- ended early --- */

static int sleep_for_ever(void *arg)
{
	return awl_sleep(AWL_FOREVER);
}

static int cancel_sleepers(void *arg)
{
	awl_loop *l = here();

	for (int i = 0; i < 3; i++) {
		awl_task *t;

		assert_int_equal(awl_create_task(i ? tick : sleep_for_ever, NULL, &t), 0);
		assert_int_equal(awl_sleep(AWL_MS), 0);
		assert_int_equal(awl_cancel(t, NULL), 1);
		assert_int_equal(awl_await(t), AWL_EFUTURECANCELED);
		assert_int_equal(awl_unref(t), 0);
		/* T15: 'timer cancelled if the sleeper is cancelled' */
		assert_int_equal(l->timers.count, 0);
	}
	return 0;
}

static void a_cancelled_sleeper_leaves_no_timer(void **state)
{
	in_loop(cancel_sleepers, NULL);
}

static int due_and_cancelled(void *arg)
{
	awl_task *t;

	assert_int_equal(awl_create_task(sleep_for_ever, NULL, &t), 0);
	assert_int_equal(awl_sleep(HOUR), 0);
	assert_int_equal(awl_done(t), 0);
	assert_int_equal(awl_cancel(t, NULL), 1);
	assert_int_equal(awl_cancel(t, NULL), 1);
	assert_int_equal(awl_await(t), AWL_EFUTURECANCELED);
	return awl_unref(t);
}

static void forever_ends_only_by_a_cancel(void **state)
{
	on_sim(due_and_cancelled);
}

static int sleep_in_time(void *arg)
{
	int64_t began = awl_loop_time(here());
	awl_timeout t;
	int r;

	/* the sleep is shorter, then the deadline is */
	r = awl_timeout_enter(&t, HOUR);
	if (r == 0)
		r = awl_sleep(HOUR - 1);
	assert_int_equal(awl_timeout_exit(&t, r), 0);
	assert_true(awl_loop_time(here()) == began + HOUR - 1);
	began = awl_loop_time(here());
	r = awl_timeout_enter(&t, HOUR);
	if (r == 0)
		r = awl_sleep(HOUR + 1);
	assert_int_equal(r, AWL_ECANCELED);
	assert_int_equal(awl_timeout_exit(&t, r), -ETIMEDOUT);
	assert_true(awl_loop_time(here()) == began + HOUR);
	return 0;
}

static void of_a_sleep_and_a_deadline_the_nearer_ends_it(void **state)
{
	on_sim(sleep_in_time);
}

/* --- deadlines of who never parks --- */

static int yield_for_ever(void *arg)
{
	int r = 0;

	while (r == 0) {
		if (is_sim(here()))
			awl__sim_advance(here()->reactor, AWL_US);
		r = awl_yield();
	}
	return r;
}

static int check_for_ever(void *arg)
{
	int r = 0;

	while (r == 0) {
		if (is_sim(here()))
			awl__sim_advance(here()->reactor, AWL_US);
		r = awl_checkpoint();
	}
	return r;
}

static int read_for_ever(void *arg)
{
	int *fds = arg;
	char byte = 'x';
	int r;

	do {
		if (is_sim(here()))
			awl__sim_advance(here()->reactor, AWL_US);
		r = awl_fd_write(fds[1], &byte, 1);
		if (r == 1)
			r = awl_fd_read(fds[0], &byte, 1);
	} while (r == 1);
	return r;
}

static int in_time(void *arg)
{
	int64_t began = awl_loop_time(here());
	int fds[2];

	assert_int_equal(awl_wait_for(2 * AWL_MS, yield_for_ever, NULL), -ETIMEDOUT);
	assert_int_equal(awl_wait_for(2 * AWL_MS, check_for_ever, NULL), -ETIMEDOUT);
	make_pipe(here(), fds);
	assert_int_equal(awl_wait_for(2 * AWL_MS, read_for_ever, fds), -ETIMEDOUT);
	close_pipe(here(), fds);
	if (is_sim(here()))
		assert_true(awl_loop_time(here()) >= began + 6 * AWL_MS);
	return 0;
}

/* X15: whose operations complete at once, who only yields, who only computes. */
static void a_deadline_is_seen_by_who_never_parks(void **state)
{
	in_loop(in_time, NULL);
}

static int passed_unseen(void *arg)
{
	awl_timeout t;
	int r = awl_timeout_enter(&t, AWL_MS);

	if (r == 0) {
		/* it computes */
		awl__sim_advance(here()->reactor, 2 * AWL_MS);
		r = awl_checkpoint();
	}
	assert_int_equal(r, AWL_ECANCELED);
	assert_int_equal(awl_timeout_exit(&t, r), -ETIMEDOUT);
	return 0;
}

static void a_checkpoint_sees_a_deadline_that_has_passed_at_once(void **state)
{
	on_sim(passed_unseen);
}

static int set_after_a_while(void *arg)
{
	int r = awl_sleep(AWL_MS);

	*(bool *)arg = true;
	return r;
}

static int poll_for_it(void *arg)
{
	bool flag = false;

	assert_int_equal(awl_create_task(set_after_a_while, &flag, NULL), 0);
	while (!flag)
		assert_int_equal(awl_yield(), 0);
	return 0;
}

/* Time passes on sim, too, for a loop that never sleeps. */
static void who_polls_for_a_sleeper_sees_it_wake(void **state)
{
	in_loop(poll_for_it, NULL);
}

/* --- what is left --- */

static int ask_deadlines(void *arg)
{
	awl_timeout outer, inner;
	awl_task_group g;
	awl_shield s;
	int r;

	assert_true(awl_deadline() == AWL_FOREVER);
	assert_int_equal(awl_timeout_enter(&outer, HOUR), 0);
	assert_true(awl_deadline() == HOUR);
	assert_int_equal(awl_timeout_enter(&inner, 2 * HOUR), 0);
	assert_true(awl_deadline() == HOUR);
	assert_int_equal(awl_sleep(HOUR / 4), 0);
	assert_true(awl_deadline() == HOUR * 3 / 4);
	assert_int_equal(awl_timeout_reschedule(&inner, awl_loop_time(here()) + 5), 0);
	assert_true(awl_deadline() == 5);

	/* Inside a shield only its own counts. */
	assert_int_equal(awl_shield_enter(&s, AWL_FOREVER), 0);
	assert_true(awl_deadline() == AWL_FOREVER);
	assert_int_equal(awl_shield_exit(&s, 0), 0);
	assert_int_equal(awl_shield_enter(&s, 9), 0);
	assert_true(awl_deadline() == 9);
	assert_int_equal(awl_shield_exit(&s, 0), 0);

	assert_int_equal(awl_task_group_enter(&g), 0);
	assert_true(awl_deadline() == 5);
	assert_int_equal(awl_task_group_set_deadline(&g, 3), 0);
	assert_true(awl_deadline() == 3);
	assert_int_equal(awl_task_group_exit(&g, 0), 0);
	assert_true(awl_deadline() == 5);

	r = awl_sleep(AWL_SEC);
	assert_int_equal(r, AWL_ECANCELED);
	assert_true(awl_deadline() == 0);
	assert_int_equal(awl_timeout_exit(&inner, r), -ETIMEDOUT);
	assert_true(awl_deadline() == HOUR * 3 / 4 - 5);
	assert_int_equal(awl_timeout_exit(&outer, 0), 0);
	assert_true(awl_deadline() == AWL_FOREVER);
	return 0;
}

static void the_deadline_is_the_nearest_that_the_task_can_see(void **state)
{
	on_sim(ask_deadlines);
	assert_true(awl_deadline() == AWL_ENOLOOP);
}

static int nested_in_coarse_time(void *arg)
{
	awl_timeout t;
	int64_t left;

	assert_int_equal(awl_timeout_enter(&t, HOUR), 0);
	left = awl_deadline();
	/* never early: a tick of the coarse clock may come on top */
	assert_true(left > HOUR - AWL_SEC && left <= HOUR + 100 * AWL_MS);
	assert_int_equal(awl_timeout_exit(&t, 0), 0);
	return 0;
}

static void what_is_left_is_never_far_from_what_was_given(void **state)
{
	in_loop(nested_in_coarse_time, NULL);
}

static void outside_a_task_nobody_waits(void **state)
{
	assert_int_equal(awl_sleep(1), AWL_ENOLOOP);
	assert_int_equal(awl_sleep(0), AWL_ENOLOOP);
	assert_int_equal(awl_sleep_until(1), AWL_ENOLOOP);
	assert_int_equal(awl_yield(), AWL_ENOLOOP);
	assert_int_equal(awl_checkpoint(), AWL_ENOLOOP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sleep_is_never_early),
		cmocka_unit_test(a_sleep_is_never_early_among_others),
		cmocka_unit_test(on_sim_a_sleep_is_exact),
		cmocka_unit_test(sleepers_wake_by_their_deadlines),
		cmocka_unit_test(a_sleep_into_the_past_is_a_yield),
		cmocka_unit_test(a_cancelled_sleeper_leaves_no_timer),
		cmocka_unit_test(forever_ends_only_by_a_cancel),
		cmocka_unit_test(of_a_sleep_and_a_deadline_the_nearer_ends_it),
		cmocka_unit_test(a_deadline_is_seen_by_who_never_parks),
		cmocka_unit_test(a_checkpoint_sees_a_deadline_that_has_passed_at_once),
		cmocka_unit_test(who_polls_for_a_sleeper_sees_it_wake),
		cmocka_unit_test(the_deadline_is_the_nearest_that_the_task_can_see),
		cmocka_unit_test(what_is_left_is_never_far_from_what_was_given),
		cmocka_unit_test(outside_a_task_nobody_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
