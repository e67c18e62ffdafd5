/* SPDX-License-Identifier: MIT */
/*
 * test_group.c - task groups beyond CPython's scenes: deadline, cancel, failures in order, start
 * until ready, children from anywhere, and a cancel at every single wait. @reactors @valgrind
 */
#include "task/scenes.h"

static const struct part quick = { .naps = 2, .outcome = 5, .done = 'q', .stopped = 's' };
static const struct part slow = { .naps = 100, .outcome = 6, .done = 'D', .stopped = 's' };

static int sleeps_long(void *arg)
{
	int r = awl_sleep(1000 * MS);

	note(r == AWL_ECANCELED ? 's' : 'D');
	return r;
}

/* --- the body's status ------------------------------------------------------------------------ */

static int status_body(void *arg)
{
	static const int statuses[] = { 0, 7, INT32_MAX, -EIO, -ETIMEDOUT, AWL_EFUTURECANCELED };
	awl_task_group g;

	for (size_t i = 0; i < COUNT(statuses); i++) {
		enter(&g);
		assert_int_equal(awl_task_group_exit(&g, statuses[i]), statuses[i]);
		enter(&g);
		child(&g, player, &quick);
		assert_int_equal(awl_task_group_exit(&g, statuses[i]), statuses[i]);
	}
	enter(&g); /* T13: it says so itself, though nobody asked */
	child(&g, player, &slow);
	assert_int_equal(awl_task_group_exit(&g, AWL_ECANCELED), AWL_ECANCELED);
	assert_int_equal(awl_yield(), 0);
	return 0;
}

static void without_a_failure_the_bodys_status_is_the_groups(void **state) /* G3 G5 */
{
	scene(status_body);
}

static int empty_body(void *arg)
{
	awl_task_group g;
	uint64_t iterations = here()->iterations, steps = here()->steps;

	enter(&g);
	assert_int_equal(awl_task_group_exit(&g, 3), 3);
	assert_int_equal(here()->iterations, iterations); /* C12: no checkpoint */
	assert_int_equal(here()->steps, steps);
	return 0;
}

static void an_empty_group_does_not_wait(void **state) /* C12 */
{
	scene(empty_body);
}

/* --- cancelling a group ----------------------------------------------------------------------- */

static int cancels_group(void *group)
{
	assert_int_equal(nap(2), 0);
	assert_int_equal(awl_task_group_cancel(group, "enough of you"), 0);
	assert_int_equal(awl_task_group_cancel(group, "and again"), 0);
	assert_string_equal(awl_cancel_reason(awl_current_task()), "enough of you");
	return 0;
}

static int cancel_body(void *arg)
{
	awl_task_group g;
	awl_task *a;
	int r;

	enter(&g);
	a = child(&g, player, &slow);
	child(&g, cancels_group, &g);
	r = nap(100);
	assert_int_equal(r, AWL_ECANCELED);
	assert_string_equal(awl_error_detail(AWL_ECANCELED), "enough of you");
	assert_int_equal(awl_task_group_join(&g, r), 0); /* not on that account */
	assert_int_equal(awl_cancelled(a), 1);
	assert_int_equal(awl_task_group_exit(&g, 0), 0);
	assert_string_equal(trace, "s");
	assert_int_equal(awl_cancelling(awl_current_task()), 0);
	assert_int_equal(awl_yield(), 0);

	enter(&g); /* while it is joined */
	child(&g, player, &slow);
	child(&g, cancels_group, &g);
	assert_int_equal(awl_task_group_exit(&g, 9), 9);

	enter(&g); /* by itself, before anything begins: X7, otherwise */
	child(&g, player, &slow);
	assert_int_equal(awl_task_group_cancel(&g, NULL), 0);
	assert_int_equal(awl_task_group_exit(&g, awl_yield()), 0);
	assert_string_equal(trace, "sss");
	assert_int_equal(awl_task_group_cancel(&g, NULL), AWL_ESCOPE);
	return awl_yield();
}

static void cancelling_a_group_stops_all_and_is_no_cancel_of_the_parent(void **state) /* G11 */
{
	scene(cancel_body);
}

static const struct part fails_in_clean_up = { .naps = 100, .instead = -EIO };

static int cancel_fails_body(void *arg)
{
	awl_task_group g;

	enter(&g);
	child(&g, player, &fails_in_clean_up);
	assert_int_equal(nap(1), 0);
	assert_int_equal(awl_task_group_cancel(&g, NULL), 0);
	assert_int_equal(awl_task_group_exit(&g, awl_yield()), -EIO);
	return awl_yield();
}

static void a_failure_in_the_clean_up_of_a_cancelled_group_is_told(void **state) /* G5 G11 */
{
	scene(cancel_fails_body);
}

static int outer_cancel_body_runner(void *arg)
{
	awl_task_group g;
	int r;

	enter(&g);
	child(&g, player, &slow);
	assert_int_equal(awl_task_group_cancel(&g, NULL), 0);
	r = awl_yield();
	assert_int_equal(r, AWL_ECANCELED);
	assert_int_equal(awl_cancel(awl_current_task(), "the task itself"), 1);
	r = awl_task_group_exit(&g, r);
	assert_int_equal(r, AWL_ECANCELED); /* gh-155433: not swallowed */
	return r;
}

static int outer_cancel_body(void *arg)
{
	return outcome(spawn(outer_cancel_body_runner, NULL)) == AWL_EFUTURECANCELED ? 0 : -1;
}

static void a_cancelled_group_does_not_swallow_a_cancel_of_its_parent(void **state) /* G8 G11 */
{
	scene(outer_cancel_body);
}

/* --- a request that was delivered to the body is not delivered again -------------------------- */

static int swallows_runner(void *arg)
{
	awl_task_group g;
	int r;

	enter(&g);
	assert_int_equal(nap(100), AWL_ECANCELED); /* and goes on: X2 */
	child(&g, player, &quick);
	r = awl_task_group_exit(&g, 8);
	assert_int_equal(r, 8);
	assert_string_equal(trace, "q");
	return r;
}

static int swallows_body(void *arg)
{
	awl_task *t = spawn(swallows_runner, NULL);

	assert_int_equal(nap(2), 0);
	assert_int_equal(awl_cancel(t, NULL), 1);
	return outcome(t) == 8 ? 0 : -1;
}

static void a_cancel_the_body_refused_does_not_come_back_at_the_exit(void **state) /* X2 G8 */
{
	scene(swallows_body);
}

static int uncancelled_runner(void *arg)
{
	awl_task_group g;
	int r;

	enter(&g);
	child(&g, player, &fails_in_clean_up);
	r = awl_task_group_exit(&g, 0);
	assert_int_equal(r, -EIO);
	return awl_yield(); /* the request was taken back meanwhile */
}

static int uncancelled_body(void *arg)
{
	awl_task *t = spawn(uncancelled_runner, NULL);

	assert_int_equal(nap(2), 0);
	assert_int_equal(awl_cancel(t, NULL), 1);
	assert_int_equal(yields(1), 0);
	assert_int_equal(awl_uncancel(t), 0);
	return outcome(t);
}

static void a_request_taken_back_while_joining_does_not_come_back(void **state) /* X5 G8 */
{
	scene(uncancelled_body);
}

/* --- the deadline ----------------------------------------------------------------------------- */

static int deadline_body(void *arg)
{
	int64_t begin = awl_loop_time(here());
	awl_task_group g;
	int r;

	enter(&g); /* body and children are stopped */
	assert_int_equal(awl_task_group_set_deadline(&g, 10 * MS), 0);
	child(&g, sleeps_long, NULL);
	child(&g, sleeps_long, NULL);
	assert_int_equal(awl_deadline(), 10 * MS);
	r = awl_sleep(1000 * MS);
	assert_int_equal(r, AWL_ECANCELED);
	assert_int_equal(awl_task_group_set_deadline(&g, 10 * MS), -ETIMEDOUT);
	assert_int_equal(awl_task_group_exit(&g, r), -ETIMEDOUT);
	assert_int_equal(awl_loop_time(here()), begin + 10 * MS);
	assert_string_equal(awl_error_detail(-ETIMEDOUT), "the task group's deadline passed");

	enter(&g); /* only children are left */
	assert_int_equal(awl_task_group_set_deadline(&g, 10 * MS), 0);
	child(&g, sleeps_long, NULL);
	assert_int_equal(awl_task_group_exit(&g, 4), -ETIMEDOUT);
	assert_int_equal(awl_loop_time(here()), begin + 20 * MS);

	enter(&g); /* nobody was stopped by it */
	assert_int_equal(awl_task_group_set_deadline(&g, 10 * MS), 0);
	assert_int_equal(awl_sleep(10 * MS), 0);
	assert_int_equal(awl_task_group_exit(&g, 4), 4);

	enter(&g); /* at once */
	assert_int_equal(awl_task_group_set_deadline(&g, 0), 0);
	assert_int_equal(awl_task_group_create_task(&g, sleeps_long, NULL, NULL), AWL_ECANCELED);
	assert_int_equal(awl_task_group_exit(&g, awl_yield()), -ETIMEDOUT);
	assert_string_equal(trace, "sss");
	assert_timers(0);
	assert_int_equal(awl_task_group_set_deadline(&g, 10 * MS), AWL_ESCOPE);
	return awl_yield();
}

static void a_groups_deadline_stops_body_and_children(void **state) /* A6 */
{
	timed_scene(deadline_body);
}

static int sets_deadline(void *group)
{
	assert_int_equal(awl_sleep(5 * MS), 0);
	assert_int_equal(awl_task_group_set_deadline(group, 10 * MS), 0);
	return awl_sleep(1000 * MS);
}

static int moved_body(void *arg)
{
	int64_t begin = awl_loop_time(here());
	awl_task_group g;

	enter(&g); /* by a child, while it is joined: earlier */
	assert_int_equal(awl_task_group_set_deadline(&g, 500 * MS), 0);
	child(&g, sets_deadline, &g);
	assert_int_equal(awl_task_group_exit(&g, 0), -ETIMEDOUT);
	assert_int_equal(awl_loop_time(here()), begin + 15 * MS);

	enter(&g); /* taken away */
	assert_int_equal(awl_task_group_set_deadline(&g, 10 * MS), 0);
	child(&g, sleeps_long, NULL);
	assert_int_equal(awl_task_group_set_deadline(&g, AWL_FOREVER), 0);
	assert_int_equal(awl_task_group_exit(&g, 2), 2);
	assert_int_equal(awl_loop_time(here()), begin + 1015 * MS);
	return 0;
}

static void a_groups_deadline_can_be_moved_by_anybody(void **state) /* A6 */
{
	timed_scene(moved_body);
}

static int both_deadlines_body(void *arg)
{
	static const struct {
		int64_t outer, group;
		int group_status;
	} all[] = {
		{ 10, 20, AWL_ECANCELED },
		{ 20, 10, -ETIMEDOUT },
		{ 10, 10, AWL_ECANCELED },
	};

	for (size_t i = 0; i < COUNT(all); i++)
		for (int in_body = 0; in_body < 2; in_body++) {
			awl_timeout t;
			awl_task_group g;
			int r = 0;

			assert_int_equal(awl_timeout_enter(&t, all[i].outer * MS), 0);
			enter(&g);
			assert_int_equal(awl_task_group_set_deadline(&g, all[i].group * MS), 0);
			child(&g, sleeps_long, NULL);
			if (in_body)
				r = awl_sleep(1000 * MS);
			r = awl_task_group_exit(&g, r);
			assert_int_equal(r, all[i].group_status);
			assert_int_equal(awl_timeout_exit(&t, r), -ETIMEDOUT);
			assert_int_equal(awl_yield(), 0);
			assert_timers(0);
		}
	assert_string_equal(trace, "ssssss");
	return 0;
}

static void of_a_groups_and_an_outer_deadline_each_answers_for_itself(void **state) /* X16 X20 */
{
	timed_scene(both_deadlines_body);
}

/* --- failures --------------------------------------------------------------------------------- */

static int failures_body(void *arg)
{
	struct part parts[4] = {
		{ .naps = 100, .instead = -4 },
		{ .naps = 100, .instead = -3 },
		{ .naps = 2, .outcome = -1 },
		{ .naps = 2, .outcome = -2 },
	};
	awl_task_group g, other;
	awl_task *t = NULL, *f = promise();
	int n = 0;

	enter(&g);
	for (int i = 0; i < 4; i++)
		child(&g, player, &parts[i]);
	child(&g, player, &slow); /* only cancelled: not among them */
	assert_null(awl_task_group_failure(&g, NULL));
	assert_int_equal(awl_task_group_join(&g, nap(50)), -1);
	while ((t = awl_task_group_failure(&g, t)))
		trace[n++] = (char)('0' - awl_result(t));
	assert_int_equal(n, 4);
	trace[n] = '\0';
	assert_string_equal(trace, "1243"); /* as they came, 4 and 3 when they were stopped */
	assert_null(awl_task_group_failure(NULL, NULL));
	assert_null(awl_task_group_failure(&g, f)); /* nobody it knows */
	assert_null(awl_task_group_failure(&g, awl_current_task()));
	enter(&other);
	t = awl_task_group_failure(&g, NULL);
	assert_null(awl_task_group_failure(&other, t));
	assert_int_equal(awl_task_group_exit(&other, 0), 0);
	assert_int_equal(awl_task_group_join(&g, -1), AWL_ESCOPE); /* once */
	assert_int_equal(awl_task_group_create_task(&g, player, NULL, NULL), AWL_ECANCELED);
	awl_ref(t); /* may outlive its group */
	assert_int_equal(awl_task_group_exit(&g, -1), -1);
	assert_null(awl_task_group_failure(&g, NULL));
	assert_int_equal(awl_result(t), -1);
	enter(&g); /* the same storage, another group */
	assert_null(awl_task_group_failure(&g, t));
	assert_int_equal(awl_task_group_exit(&g, 0), 0);
	return awl_unref(t) + awl_unref(f);
}

static void all_failures_can_be_walked_in_the_order_they_came(void **state) /* G5 */
{
	scene(failures_body);
}

static int joined_body(void *arg)
{
	awl_task_group g;
	awl_task *none = (awl_task *)&g;

	enter(&g);
	child(&g, player, &quick);
	assert_int_equal(awl_task_group_join(&g, 1), 1);
	assert_int_equal(awl_task_group_create_task(&g, player, NULL, &none), AWL_ESCOPE);
	assert_non_null(strstr(awl_error_detail(AWL_ESCOPE), "has been joined"));
	assert_int_equal(awl_task_group_start(&g, player, NULL, &none), AWL_ESCOPE);
	assert_ptr_equal(none, &g);
	assert_int_equal(awl_yield(), 0);
	return awl_task_group_exit(&g, 0);
}

static void a_joined_group_takes_no_more_children(void **state) /* G2 */
{
	scene(joined_body);
}

/* --- children from anywhere ------------------------------------------------------------------- */

static awl_task_group *shared_group;

static int adds_from_outside(void *arg)
{
	for (int i = 0; i < 3; i++) {
		child(shared_group, player, &quick);
		if (nap(1) < 0)
			return -1;
	}
	return 0;
}

static int add_from_callback(void *arg)
{
	return awl_task_group_create_task(shared_group, player, (void *)(uintptr_t)&quick, NULL);
}

static int anywhere_body(void *arg)
{
	awl_task_group g;
	awl_task *t = spawn(adds_from_outside, NULL);

	shared_group = &g;
	enter(&g);
	assert_int_equal(awl_loop_call_soon(here(), add_from_callback, NULL, NULL), 0);
	child(&g, player, &(struct part){ .naps = 5, .done = 'L' });
	assert_int_equal(awl_task_group_exit(&g, 0), 0);
	assert_int_equal(strlen(trace), 5);
	assert_non_null(strchr(trace, 'L'));
	return outcome(t);
}

static void children_come_from_the_body_other_tasks_and_callbacks(void **state) /* G2 G3 */
{
	scene(anywhere_body);
}

/* The last child has ended and the parent is ready, but has not run: one more is one more. */
static void add_late(awl_future *f, void *group)
{
	child(group, player, &quick);
}

static int last_moment_body(void *arg)
{
	awl_task_group g;
	awl_task *t;

	enter(&g);
	t = child(&g, player, &quick);
	assert_int_equal(awl_future_add_done_callback(t, add_late, &g, NULL), 0);
	assert_int_equal(awl_task_group_exit(&g, 0), 0);
	assert_string_equal(trace, "qq");
	return 0;
}

static void a_child_added_when_the_last_has_just_ended_is_joined_too(void **state) /* G3 */
{
	scene(last_moment_body);
}

static int awaits_child(void *task)
{
	return awl_await(task);
}

static int awaited_child_body(void *arg)
{
	awl_task_group g;
	awl_task *t, *waiters[3];

	enter(&g);
	t = child(&g, player, &quick);
	for (int i = 0; i < 3; i++)
		waiters[i] = spawn(awaits_child, t);
	assert_int_equal(awl_unref(t), -EINVAL); /* borrowed */
	assert_int_equal(yields(1), 0);
	assert_int_equal(awl_unref(t), -EINVAL); /* and what the waiters hold is theirs */
	assert_int_equal(awl_task_group_exit(&g, 0), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(outcome(waiters[i]), 5); /* also after the group is gone */
	return 0;
}

static void a_child_may_be_awaited_by_others_past_the_groups_end(void **state) /* G3 */
{
	scene(awaited_child_body);
}

static int awaits_nobodys(void *task)
{
	return awl_await(*(awl_task **)task);
}

static int says_who(void *ret)
{
	*(awl_task **)ret = awl_current_task();
	return nap(3);
}

/* No handle was given out, yet somebody awaits it: it lives as long as that takes. */
static int unlent_body(void *arg)
{
	awl_task_group g;
	awl_task *who = NULL, *t;

	enter(&g);
	assert_int_equal(awl_task_group_create_task(&g, says_who, &who, NULL), 0);
	assert_int_equal(yields(1), 0);
	assert_non_null(who);
	t = spawn(awaits_nobodys, &who);
	assert_int_equal(yields(1), 0);
	assert_int_equal(awl_task_group_exit(&g, 0), 0);
	assert_int_equal(outcome(t), 0);
	return 0;
}

static void a_child_lives_as_long_as_it_is_awaited(void **state) /* T10 */
{
	scene(unlent_body);
}

/* --- start until ready ------------------------------------------------------------------------ */

static int server(void *arg)
{
	int r = nap(2);

	if (r < 0)
		return r;
	note('r');
	assert_int_equal(awl_task_started(-1), -EINVAL);
	assert_int_equal(awl_task_started(17), 0);
	assert_int_equal(awl_task_started(18), 0); /* once is enough */
	r = nap(100);
	note('s');
	return r;
}

static int start_body(void *arg)
{
	awl_task_group g;
	awl_task *t = NULL;

	enter(&g);
	assert_int_equal(awl_task_group_start(&g, server, NULL, &t), 17);
	assert_string_equal(trace, "r");
	assert_int_equal(awl_done(t), 0);
	assert_ptr_not_equal(t, NULL);
	assert_int_equal(awl_task_group_start(&g, server, NULL, NULL), 17);
	assert_int_equal(awl_task_started(1), 0); /* nobody asked */
	assert_int_equal(awl_task_group_cancel(&g, NULL), 0);
	assert_int_equal(awl_task_group_exit(&g, 0), 0);
	assert_string_equal(trace, "rrss");
	return 0;
}

static void start_waits_until_the_child_is_ready(void **state)
{
	scene(start_body);
}

static const struct part fails_before = { .naps = 2, .outcome = -ECONNREFUSED };
static const struct part ends_before = { .naps = 2, .outcome = 0 };
static const struct part stops_before = { .naps = 2, .outcome = AWL_ECANCELED };

static int not_ready_body(void *arg)
{
	awl_task_group g;
	awl_task *none = (awl_task *)&g;

	enter(&g);
	assert_int_equal(awl_task_group_start(&g, player, (void *)(uintptr_t)&ends_before, &none),
		AWL_ENOTSTARTED);
	assert_int_equal(awl_task_group_start(&g, player, (void *)(uintptr_t)&stops_before, &none),
		AWL_EFUTURECANCELED);
	assert_int_equal(awl_task_group_exit(&g, 3), 3); /* none of them a failure */

	enter(&g);
	assert_int_equal(awl_task_group_start(&g, player, (void *)(uintptr_t)&fails_before, &none),
		-ECONNREFUSED);
	assert_ptr_equal(none, &g);
	assert_int_equal(awl_yield(), AWL_ECANCELED); /* a child has failed */
	assert_int_equal(awl_task_group_start(&g, server, NULL, &none), AWL_ECANCELED);
	assert_int_equal(awl_task_group_exit(&g, 3), -ECONNREFUSED);
	assert_int_equal(awl_task_group_start(&g, server, NULL, &none), AWL_ESCOPE);
	assert_int_equal(awl_task_group_start(NULL, server, NULL, &none), -EINVAL);
	enter(&g);
	assert_int_equal(awl_task_group_start(&g, NULL, NULL, &none), -EINVAL);
	assert_ptr_equal(none, &g);
	return awl_task_group_exit(&g, 0);
}

static void a_child_that_ends_before_it_is_ready_says_how(void **state)
{
	scene(not_ready_body);
}

static int starts_one(void *arg)
{
	awl_task_group g;
	awl_task *none = (awl_task *)&g;
	int r;

	enter(&g);
	r = awl_task_group_start(&g, player, (void *)(uintptr_t)&slow, &none);
	assert_int_equal(r, AWL_ECANCELED);
	assert_ptr_equal(none, &g);
	return awl_task_group_exit(&g, r);
}

static int cancelled_start_body(void *arg)
{
	for (int k = 0; k < 4; k++) {
		awl_task *t = spawn(starts_one, NULL);

		assert_int_equal(yields(1 + k), 0);
		assert_int_equal(awl_cancel(t, NULL), 1);
		assert_int_equal(outcome(t), AWL_EFUTURECANCELED);
	}
	assert_string_equal(trace, "ssss"); /* while it starts: it stops too */
	return 0;
}

static void who_is_cancelled_while_it_starts_a_child_stops_it(void **state)
{
	scene(cancelled_start_body);
}

static int timed_start_body(void *arg)
{
	awl_timeout t;
	awl_task_group g;
	int r;

	enter(&g);
	assert_int_equal(awl_timeout_enter(&t, 10 * MS), 0);
	r = awl_task_group_start(&g, sleeps_long, NULL, NULL);
	assert_int_equal(r, AWL_ECANCELED);
	assert_int_equal(awl_timeout_exit(&t, r), -ETIMEDOUT);
	assert_int_equal(awl_task_group_exit(&g, 6), 6); /* the group is whole */
	assert_string_equal(trace, "s");
	return 0;
}

static void a_start_can_have_a_deadline(void **state)
{
	timed_scene(timed_start_body);
}

static int fails_soon(void *arg)
{
	return nap(3) < 0 ? AWL_ECANCELED : -EIO;
}

static int aborted_start_body(void *arg)
{
	awl_task_group g;
	int r;

	enter(&g);
	child(&g, fails_soon, NULL);
	r = awl_task_group_start(&g, player, (void *)(uintptr_t)&slow, NULL);
	assert_int_equal(r, AWL_ECANCELED);
	assert_int_equal(awl_task_group_exit(&g, r), -EIO);
	assert_string_equal(trace, "s");
	return awl_yield();
}

static void a_group_that_aborts_ends_its_starts(void **state) /* G4 */
{
	scene(aborted_start_body);
}

static int starts_in_other(void *group)
{
	awl_task *none = group;

	assert_int_equal(awl_task_group_start(group, server, NULL, &none), AWL_EOTHERLOOP);
	assert_ptr_equal(none, group);
	return 0;
}

static awl_task_group other_group;

static int stops_inside(void *arg)
{
	enter(&other_group);
	assert_int_equal(awl_loop_stop(here()), 0);
	return awl_task_group_exit(&other_group, awl_yield()); /* until its loop closes */
}

static void a_task_of_one_loop_cannot_start_a_child_in_another(void **state)
{
	awl_loop *other = new_loop("sim");

	assert_int_equal(awl_loop_run_until_complete(other, stops_inside, NULL), AWL_ESTOPPED);
	in_loop(starts_in_other, &other_group);
	end_loop(other);
}

/* --- whenever it comes ------------------------------------------------------------------------ */

/* A tree of groups, timeouts, shields and starts; whoever is told to stop does. */
static int leaf(void *arg)
{
	int r = nap(2);

	if (r == 0)
		r = awl_task_started(1);
	if (r == 0)
		r = awl_yield();
	return r < 0 ? r : awl_sleep(0);
}

static int branch(void *arg)
{
	awl_task_group g;
	awl_timeout t;
	int r;

	r = awl_task_group_enter(&g);
	if (r == 0)
		r = awl_task_group_create_task(&g, leaf, NULL, NULL);
	if (r == 0)
		r = awl_timeout_enter(&t, 100 * AWL_SEC);
	if (r == 0) {
		r = awl_task_group_start(&g, leaf, NULL, NULL);
		r = awl_timeout_exit(&t, r);
	}
	if (r >= 0)
		r = awl_yield();
	r = awl_task_group_exit(&g, r);
	return awl_shielded(AWL_FOREVER, leaf, NULL) < 0 ? -EBADMSG : r;
}

static int tree(void *arg)
{
	awl_task_group g;
	awl_task *b = NULL;
	int r = awl_task_group_enter(&g);

	for (int i = 0; r == 0 && i < 3; i++)
		r = awl_task_group_create_task(&g, branch, NULL, &b);
	if (r == 0)
		r = awl_await(b);
	r = awl_task_group_exit(&g, r);
	return r < 0 ? r : branch(NULL);
}

static int everywhere_body(void *arg)
{
	uint32_t live = here()->live, kept = here()->kept;
	int ended = 0, k;

	for (k = 0; !ended; k++) {
		awl_task *t = spawn(tree, NULL);
		int outcome;

		assert_int_equal(yields(k), 0);
		ended = awl_done(t);
		if (!ended)
			assert_int_equal(awl_cancel(t, "somewhere"), 1);
		outcome = awl_await(t);
		assert_true(outcome == AWL_EFUTURECANCELED || outcome >= 0);
		awl_unref(t);
		assert_int_equal(yields(2), 0);
		assert_int_equal(here()->live, live); /* every child has ended */
		assert_int_equal(here()->kept, kept);
		assert_int_equal(here()->reactor->in_flight, 0);
		assert_timers(0);
	}
	assert_true(k > 20);
	return 0;
}

static void a_cancel_at_any_iteration_ends_the_whole_tree(void **state) /* G8 X1 */
{
	scene(everywhere_body);
}

/* The same, told by the count of waits of the tree itself. */
static int kth, waited;

static int wait_k(void *arg)
{
	for (int i = 0; i < 3; i++) {
		int r = 0;

		if (++waited == kth)
			assert_int_equal(awl_cancel((awl_task *)arg, NULL), 1);
		r = i == 1 ? awl_yield() : nap(1);
		if (r < 0)
			return r;
	}
	return 0;
}

static int kth_tree(void *arg)
{
	awl_task *me = awl_current_task();
	awl_task_group g, inner;
	int r = awl_task_group_enter(&g);

	for (int i = 0; r == 0 && i < 3; i++)
		r = awl_task_group_create_task(&g, wait_k, me, NULL);
	if (r == 0)
		r = awl_task_group_enter(&inner);
	if (r == 0) {
		r = awl_task_group_create_task(&inner, wait_k, me, NULL);
		if (r == 0)
			r = wait_k(me);
		r = awl_task_group_exit(&inner, r);
	}
	if (r == 0)
		r = wait_k(me);
	return awl_task_group_exit(&g, r);
}

static int kth_body(void *arg)
{
	uint32_t live = here()->live, kept = here()->kept;

	for (kth = 1;; kth++) {
		awl_task *t;
		int outcome;

		waited = 0;
		t = spawn(kth_tree, NULL);
		outcome = awl_await(t);
		awl_unref(t);
		assert_int_equal(here()->live, live);
		assert_int_equal(here()->kept, kept);
		assert_timers(0);
		if (waited < kth) {
			assert_int_equal(outcome, 0);
			break;
		}
		/* A value that was there all the same is kept; else it ends cancelled. */
		assert_true(outcome == AWL_EFUTURECANCELED || outcome == 0);
	}
	assert_int_equal(kth, 19);
	return 0;
}

static void a_cancel_at_the_kth_wait_ends_the_tree_for_every_k(void **state) /* G8 X1 */
{
	scene(kth_body);
}

/* --- many ------------------------------------------------------------------------------------- */

static int trivial(void *arg)
{
	++*(long *)arg;
	return 0;
}

static int many_body(void *arg)
{
	long n = test_scale("AWL_TEST_TASKS", 100000), ran = 0;
	uint32_t rows = here()->tasks.live;
	awl_task_group g;

	enter(&g);
	for (long i = 0; i < n; i++)
		assert_int_equal(awl_task_group_create_task(&g, trivial, &ran, NULL), 0);
	assert_int_equal(awl_task_group_exit(&g, 1), 1);
	assert_int_equal(ran, n);
	assert_int_equal(here()->tasks.live, rows);
	enter(&g); /* all cancelled before they begin: each begins all the same */
	for (long i = 0; i < n; i++)
		assert_int_equal(awl_task_group_create_task(&g, trivial, &ran, NULL), 0);
	assert_int_equal(awl_task_group_cancel(&g, NULL), 0);
	assert_int_equal(awl_task_group_exit(&g, 1), 1);
	assert_int_equal(ran, 2 * n);
	return 0;
}

static void a_hundred_thousand_children_are_joined(void **state) /* G3 */
{
	scene(many_body);
}

/* Groups in groups, each child the owner of the next. */
static int nest(void *left)
{
	int n = *(int *)left - 1;
	awl_task_group g;
	int r;

	if (n < 0)
		return nap(1000);
	r = awl_task_group_enter(&g);
	if (r == 0)
		r = awl_task_group_create_task(&g, nest, &n, NULL);
	return awl_task_group_exit(&g, r);
}

static int nest_body(void *arg)
{
	int deep = (int)test_scale("AWL_TEST_TASKS", 2000);
	uint32_t live = here()->live;
	awl_task *t;

	deep = deep > 2000 ? 2000 : deep - 10;
	t = spawn(nest, &deep);
	assert_int_equal(yields(deep + 5), 0);
	assert_int_equal(awl_cancel(t, NULL), 1);
	assert_int_equal(outcome(t), AWL_EFUTURECANCELED);
	assert_int_equal(here()->live, live);
	return 0;
}

static void a_cancel_goes_down_a_deep_tree(void **state) /* G8 */
{
	scene(nest_body);
}

/* --- refusals --------------------------------------------------------------------------------- */

static int null_body(void *arg)
{
	awl_task_group g;
	awl_task *none = (awl_task *)&g;
	awl_task_options o = { .copy = 8 };

	assert_int_equal(awl_task_group_enter(NULL), -EINVAL);
	assert_int_equal(awl_task_group_create_task(NULL, trivial, NULL, &none), -EINVAL);
	assert_int_equal(awl_task_group_create_task_with(NULL, &o, trivial, NULL, &none), -EINVAL);
	assert_int_equal(awl_task_group_set_deadline(NULL, 1), -EINVAL);
	assert_int_equal(awl_task_group_cancel(NULL, NULL), -EINVAL);
	assert_int_equal(awl_task_group_join(NULL, 0), -EINVAL);
	assert_int_equal(awl_task_group_exit(NULL, 0), -EINVAL);
	enter(&g);
	assert_int_equal(awl_task_group_create_task(&g, NULL, NULL, &none), -EINVAL);
	assert_int_equal(awl_task_group_create_task_with(&g, &o, trivial, NULL, &none), -EINVAL);
	assert_ptr_equal(none, &g);
	return awl_task_group_exit(&g, 0); /* nothing was made */
}

static void null_is_refused(void **state)
{
	scene(null_body);
}

static int edge_body(void *arg) /* G13 */
{
	awl_task_group g;
	awl_task *t;

	enter(&g);
	t = child(&g, player, &quick);
	assert_ptr_equal(((struct awl__task *)t)->group->task, awl_current_task());
	return awl_task_group_exit(&g, 0);
}

static void a_child_knows_whose_it_is(void **state) /* G13 */
{
	scene(edge_body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_failure_the_bodys_status_is_the_groups),
		cmocka_unit_test(an_empty_group_does_not_wait),
		cmocka_unit_test(cancelling_a_group_stops_all_and_is_no_cancel_of_the_parent),
		cmocka_unit_test(a_failure_in_the_clean_up_of_a_cancelled_group_is_told),
		cmocka_unit_test(a_cancelled_group_does_not_swallow_a_cancel_of_its_parent),
		cmocka_unit_test(a_cancel_the_body_refused_does_not_come_back_at_the_exit),
		cmocka_unit_test(a_request_taken_back_while_joining_does_not_come_back),
		cmocka_unit_test(a_groups_deadline_stops_body_and_children),
		cmocka_unit_test(a_groups_deadline_can_be_moved_by_anybody),
		cmocka_unit_test(of_a_groups_and_an_outer_deadline_each_answers_for_itself),
		cmocka_unit_test(all_failures_can_be_walked_in_the_order_they_came),
		cmocka_unit_test(a_joined_group_takes_no_more_children),
		cmocka_unit_test(children_come_from_the_body_other_tasks_and_callbacks),
		cmocka_unit_test(a_child_added_when_the_last_has_just_ended_is_joined_too),
		cmocka_unit_test(a_child_may_be_awaited_by_others_past_the_groups_end),
		cmocka_unit_test(a_child_lives_as_long_as_it_is_awaited),
		cmocka_unit_test(start_waits_until_the_child_is_ready),
		cmocka_unit_test(a_child_that_ends_before_it_is_ready_says_how),
		cmocka_unit_test(who_is_cancelled_while_it_starts_a_child_stops_it),
		cmocka_unit_test(a_start_can_have_a_deadline),
		cmocka_unit_test(a_group_that_aborts_ends_its_starts),
		cmocka_unit_test(a_task_of_one_loop_cannot_start_a_child_in_another),
		cmocka_unit_test(a_cancel_at_any_iteration_ends_the_whole_tree),
		cmocka_unit_test(a_cancel_at_the_kth_wait_ends_the_tree_for_every_k),
		cmocka_unit_test(a_hundred_thousand_children_are_joined),
		cmocka_unit_test(a_cancel_goes_down_a_deep_tree),
		cmocka_unit_test(null_is_refused),
		cmocka_unit_test(a_child_knows_whose_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
