/* SPDX-License-Identifier: MIT */
/*
 * test_race.c - @reactors @valgrind: the first to end, and RFC 8305's staggered race (T24).
 * CPython's test_staggered.
 */
#include "crew.h"

#define JOB(hand) \
	{ \
		.fn = work, .arg = (hand) \
	}

static int first_wins(void *arg)
{
	struct hand a = { .takes = AWL_SEC, .cleanup = AWL_MS }, b = { .takes = -2, .comes_to = 9 },
		    c = { .takes = AWL_SEC };
	awl_job jobs[] = { JOB(&a), JOB(&b), JOB(&c) };
	size_t winner = 77;

	assert_int_equal(awl_race(jobs, 3, &winner), 9);
	assert_int_equal(winner, 1);
	assert_int_equal(jobs[0].result, AWL_EFUTURECANCELED);
	assert_int_equal(out, 0); /* the losers have been joined */
	assert_int_equal(awl_sleep(0), 0); /* and the caller was not asked to stop */
	return 0;
}

static void the_first_to_end_wins_and_the_losers_are_joined(void **state)
{
	in_loop(first_wins, NULL);
}

static int first_fails(void *arg)
{
	struct hand a = { .takes = AWL_SEC }, b = { .takes = -2, .comes_to = -EIO };
	awl_job jobs[] = { JOB(&a), JOB(&b) };
	size_t winner = 77;

	assert_int_equal(awl_race(jobs, 2, &winner), -EIO);
	assert_int_equal(winner, 1);
	assert_int_equal(awl_race(jobs, 0, NULL), -EINVAL);
	return 0;
}

static void a_failure_can_be_first(void **state)
{
	in_loop(first_fails, NULL);
}

struct race {
	awl_job *jobs;
	size_t n, winner;
	int64_t delay; /* < 0: awl_race */
	int r, next;
};

static int race_task(void *arg)
{
	struct race *r = arg;

	r->r = r->delay < 0 ? awl_race(r->jobs, r->n, &r->winner)
			    : awl_staggered_race(r->jobs, r->n, r->delay, &r->winner);
	r->next = awl_sleep(0);
	return r->r;
}

static int cut_at(void *arg)
{
	long turns = *(long *)arg >> 1;
	struct hand a = { .takes = -8, .comes_to = 1 }, b = { .takes = -3, .comes_to = -EIO },
		    c = { .takes = -6, .comes_to = 3, .regardless = true };
	awl_job jobs[] = { JOB(&b), JOB(&a), JOB(&c) };
	struct race race = { jobs, 3, 77, *(long *)arg & 1 ? 0 : -1, 0, 0 };
	struct knife knife;
	awl_task *t;

	assert_int_equal(awl_create_task(race_task, &race, &t), 0);
	throw_knife(&knife, t, turns);
	assert_int_equal(awl_join(t), 0);
	(void)awl_result(t);
	assert_int_equal(out, 0);
	if (race.winner < 3)
		assert_int_equal(race.r, jobs[race.winner].result);
	else
		assert_int_equal(race.r, AWL_ECANCELED);
	/* The request is delivered once: here, or, if there is a winner, at the next wait. */
	if (knife.asked == 1)
		assert_int_equal((race.r == AWL_ECANCELED) + (race.next == AWL_ECANCELED), 1);
	else
		assert_int_equal(race.next, 0);
	catch_knife(&knife);
	awl_unref(t);
	return knife.asked == 1;
}

static void a_cancel_at_each_moment_loses_no_winner(void **state)
{
	for (long kind = 0; kind < 2; kind++) {
		long turns = kind;
		int r;

		do {
			r = awl_run(cut_at, &turns);
			turns += 2;
		} while (r == 1 && turns < 100);
		assert_int_equal(r, 0);
		assert_true(turns > 8);
	}
}

/* staggered: all in virtual time */

static int64_t begun_at(const struct hand *h)
{
	return h->at - h->takes;
}

static int stagger_all_start(void *arg)
{
	struct hand a = { .takes = 250 * AWL_MS, .comes_to = 1 },
		    b = { .takes = 20 * AWL_MS, .comes_to = 2 };
	awl_job jobs[] = { JOB(&a), JOB(&b) };
	int64_t begin = awl_loop_time(here());
	size_t winner = 77;

	assert_int_equal(awl_staggered_race(jobs, 2, 100 * AWL_MS, &winner), 2);
	assert_int_equal(winner, 1);
	assert_true(begun_at(&b) - begin >= 100 * AWL_MS);
	assert_true(b.at - begin < 130 * AWL_MS);
	assert_int_equal(jobs[0].result, AWL_EFUTURECANCELED);
	assert_int_equal(a.asked, 1);
	return 0;
}

static void the_next_begins_after_the_delay(void **state)
{
	in_sim(stagger_all_start, NULL); /* T24 */
}

static int first_is_quick(void *arg)
{
	struct hand a = { .takes = 20 * AWL_MS, .comes_to = 0 }, b = { .takes = 20 * AWL_MS };
	awl_job jobs[] = { JOB(&a), JOB(&b) };
	size_t winner = 77;

	assert_int_equal(awl_staggered_race(jobs, 2, 100 * AWL_MS, &winner), 0);
	assert_int_equal(winner, 0);
	assert_int_equal(b.began, 0);
	assert_int_equal(jobs[1].result, AWL_EPENDING);
	return 0;
}

static void an_early_success_keeps_the_rest_from_beginning(void **state)
{
	in_sim(first_is_quick, NULL); /* T24; test_staggered test_first */
}

static int failing_first(void *arg)
{
	struct hand a = { .takes = 10 * AWL_MS, .comes_to = -ECONNREFUSED },
		    b = { .takes = 20 * AWL_MS, .comes_to = 5 };
	awl_job jobs[] = { JOB(&a), JOB(&b) };
	int64_t begin = awl_loop_time(here());
	size_t winner = 77;

	assert_int_equal(awl_staggered_race(jobs, 2, AWL_SEC, &winner), 5);
	assert_int_equal(winner, 1);
	assert_int_equal(begun_at(&b) - begin, 10 * AWL_MS);
	assert_int_equal(jobs[0].result, -ECONNREFUSED);
	return 0;
}

static void a_failure_begins_the_next_at_once(void **state)
{
	in_sim(failing_first, NULL); /* T24; test_staggered test_second */
}

static int on_failure_only(void *arg)
{
	struct hand a = { .takes = 10 * AWL_SEC, .comes_to = -EIO },
		    b = { .takes = AWL_SEC, .comes_to = 5 };
	awl_job jobs[] = { JOB(&a), JOB(&b) };

	assert_int_equal(awl_staggered_race(jobs, 2, AWL_FOREVER, NULL), 5);
	return 0;
}

static void without_a_delay_only_a_failure_begins_the_next(void **state)
{
	in_sim(on_failure_only, NULL); /* T24: delay=None */
}

static int all_fail(void *arg)
{
	struct hand a = { .takes = 250 * AWL_MS, .comes_to = -EIO },
		    b = { .takes = 10 * AWL_MS, .comes_to = -ECONNREFUSED },
		    c = { .takes = AWL_MS, .comes_to = AWL_ECANCELED };
	awl_job jobs[] = { JOB(&a), JOB(&b), JOB(&c) };
	size_t winner = 77;

	assert_int_equal(awl_staggered_race(jobs, 3, 100 * AWL_MS, &winner), -ECONNREFUSED);
	assert_int_equal(winner, 77);
	assert_int_equal(jobs[0].result, -EIO);
	assert_int_equal(jobs[1].result, -ECONNREFUSED);
	assert_int_equal(jobs[2].result, AWL_EFUTURECANCELED);
	return 0;
}

static void if_none_succeeds_the_first_failure_in_time_is_told(void **state)
{
	in_sim(all_fail, NULL); /* T24; test_staggered test_none_successful */
}

static int loser_succeeds_too(void *arg)
{
	struct hand a = { .takes = 10 * AWL_MS, .comes_to = 1, .regardless = true },
		    b = { .takes = 5 * AWL_MS, .comes_to = 2 };
	awl_job jobs[] = { JOB(&a), JOB(&b) };
	size_t winner = 77;

	assert_int_equal(awl_staggered_race(jobs, 2, 0, &winner), 2);
	assert_int_equal(winner, 1);
	assert_int_equal(jobs[0].result, 1); /* something that the caller gives back */
	return 0;
}

static void a_loser_that_succeeded_all_the_same_says_so(void **state)
{
	in_sim(loser_succeeds_too, NULL);
}

static int stagger_cancelled(void *arg)
{
	struct hand a = { .takes = AWL_SEC, .cleanup = AWL_MS }, b = { .takes = AWL_SEC };
	awl_job jobs[] = { JOB(&a), JOB(&b) };
	struct race race = { jobs, 2, 77, 100 * AWL_MS, 0, 0 };
	awl_task *t;

	for (int ms = 50; ms < 200; ms += 100) {
		a.ended = b.ended = b.began = 0;
		assert_int_equal(awl_create_task(race_task, &race, &t), 0);
		assert_int_equal(awl_sleep(ms * AWL_MS), 0);
		awl_cancel(t, NULL);
		assert_int_equal(awl_await(t), AWL_EFUTURECANCELED);
		assert_int_equal(race.r, AWL_ECANCELED);
		assert_int_equal(a.ended, 1);
		assert_int_equal(b.began, ms > 100);
		assert_int_equal(out, 0);
		awl_unref(t);
	}
	return 0;
}

static void a_cancelled_race_cancels_and_joins_what_has_begun(void **state)
{
	in_sim(stagger_cancelled, NULL); /* T24; test_staggered test_cancelled, test_multiple... */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_to_end_wins_and_the_losers_are_joined),
		cmocka_unit_test(a_failure_can_be_first),
		cmocka_unit_test(a_cancel_at_each_moment_loses_no_winner),
		cmocka_unit_test(the_next_begins_after_the_delay),
		cmocka_unit_test(an_early_success_keeps_the_rest_from_beginning),
		cmocka_unit_test(a_failure_begins_the_next_at_once),
		cmocka_unit_test(without_a_delay_only_a_failure_begins_the_next),
		cmocka_unit_test(if_none_succeeds_the_first_failure_in_time_is_told),
		cmocka_unit_test(a_loser_that_succeeded_all_the_same_says_so),
		cmocka_unit_test(a_cancelled_race_cancels_and_joins_what_has_begun),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
