/* SPDX-License-Identifier: MIT */
/*
 * test_group_cpython.c - the interleavings by which CPython proves its TaskGroup, played anew;
 * where awl promises something else, the scene says which row. @reactors @valgrind
 */
#include "task/scenes.h"

#define ZERO_DIVISION (-EDOM)
#define VALUE (-ERANGE)
#define MINE (-EPROTO)

static const struct part returns_42 = { .naps = 2, .outcome = 42 };
static const struct part returns_11 = { .naps = 4, .outcome = 11 };
static const struct part long_42 = { .naps = 20, .outcome = 42 };
static const struct part crashes_soon = { .naps = 2, .outcome = ZERO_DIVISION };
static const struct part long_part = { .naps = 100, .done = 'D', .stopped = 's' };
static const struct part crashes_when_stopped = { .naps = 100, .instead = ZERO_DIVISION };

/* Cancels a runner a few ticks on, and tells how it ended. */
static int cancelled_runner(awl_fn *runner)
{
	awl_task *r = spawn(runner, NULL);

	assert_int_equal(nap(2), 0);
	assert_int_equal(awl_done(r), 0);
	assert_int_equal(awl_cancel(r, NULL), 1);
	return outcome(r);
}

/* --- 01-03: everything ends well -------------------------------------------------------------- */

static int body_01(void *arg)
{
	awl_task_group g;
	awl_task *a, *b;

	enter(&g);
	a = child(&g, player, &returns_42);
	b = child(&g, player, &returns_11);
	assert_int_equal(awl_task_group_join(&g, 0), 0);
	assert_int_equal(awl_result(a), 42);
	assert_int_equal(awl_result(b), 11);
	return awl_task_group_exit(&g, 0);
}

static void both_children_end_well(void **state) /* test_taskgroup_01 */
{
	scene(body_01);
}

static int body_02(void *arg)
{
	awl_task_group g;
	awl_task *a, *b;

	enter(&g);
	a = child(&g, player, &returns_42);
	assert_int_equal(nap(3), 0);
	assert_int_equal(awl_done(a), 1);
	b = child(&g, player, &returns_11);
	assert_int_equal(awl_task_group_join(&g, 0), 0);
	assert_int_equal(awl_result(a), 42);
	assert_int_equal(awl_result(b), 11);
	return awl_task_group_exit(&g, 0);
}

static void a_child_comes_after_another_has_ended(void **state) /* test_taskgroup_02 */
{
	scene(body_02);
}

static int body_03(void *arg)
{
	awl_task_group g;
	awl_task *a, *b;

	enter(&g);
	a = child(&g, player, &long_42);
	assert_int_equal(nap(3), 0);
	assert_int_equal(awl_cancel(a, NULL), 1);
	b = child(&g, player, &returns_11);
	assert_int_equal(awl_task_group_join(&g, 0), 0); /* G7: no failure */
	assert_int_equal(awl_cancelled(a), 1);
	assert_int_equal(awl_result(b), 11);
	return awl_task_group_exit(&g, 0);
}

static void a_child_cancelled_alone_is_no_failure(void **state) /* test_taskgroup_03, G7 */
{
	scene(body_03);
}

/* --- 04, error in a child --------------------------------------------------------------------- */

static int body_04(void *arg)
{
	awl_task_group g;
	awl_task *b;

	enter(&g);
	child(&g, player, &crashes_soon);
	b = child(&g, player, &long_part);
	assert_int_equal(awl_task_group_join(&g, 0), ZERO_DIVISION);
	assert_string_equal(trace, "s");
	assert_int_equal(awl_cancelled(b), 1);
	assert_int_equal(awl_task_group_exit(&g, ZERO_DIVISION), ZERO_DIVISION);
	assert_int_equal(awl_cancelling(awl_current_task()), 0);
	return awl_yield();
}

static void a_failure_stops_the_other_child(void **state) /* test_taskgroup_04, G4 */
{
	scene(body_04);
}

static int body_children_on_error(void *arg)
{
	awl_task_group g;
	int failures = 0, r;

	enter(&g);
	for (int i = 0; i < 3; i++)
		child(&g, player, &crashes_soon);
	child(&g, player, &long_part);
	r = nap(100);
	assert_int_equal(r, AWL_ECANCELED);
	assert_int_equal(awl_task_group_join(&g, r), ZERO_DIVISION);
	for (awl_task *t = NULL; (t = awl_task_group_failure(&g, t));) {
		assert_int_equal(awl_result(t), ZERO_DIVISION);
		failures++;
	}
	assert_int_equal(failures, 3); /* in one tick: each had its own end already */
	assert_string_equal(trace, "s");
	return awl_task_group_exit(&g, ZERO_DIVISION) == ZERO_DIVISION ? 0 : -1;
}

static void failures_of_one_moment_are_all_kept(void **state)
/* test_cancel_children_on_child_error, G5 */
{
	scene(body_children_on_error);
}

/* --- 05-08: the runner is cancelled ----------------------------------------------------------- */

static int runner_five(void *arg)
{
	awl_task_group g;

	enter(&g);
	for (int i = 0; i < 5; i++)
		child(&g, player, &long_part);
	return awl_task_group_exit(&g, 0);
}

static int body_cancellation(void *arg)
{
	assert_int_equal(cancelled_runner(runner_five), AWL_EFUTURECANCELED);
	assert_string_equal(trace, "sssss");
	return 0;
}

static void a_cancel_while_joining_stops_every_child(void **state) /* test_cancellation, G8 */
{
	scene(body_cancellation);
}

static int runner_07(void *arg)
{
	awl_task_group g;
	int r;

	enter(&g);
	for (int i = 0; i < 5; i++)
		child(&g, player, &long_part);
	r = nap(100);
	if (r == AWL_ECANCELED)
		note('B');
	return awl_task_group_exit(&g, r);
}

static int body_07(void *arg)
{
	assert_int_equal(cancelled_runner(runner_07), AWL_EFUTURECANCELED);
	assert_string_equal(trace, "Bsssss");
	return 0;
}

static void a_cancel_in_the_body_stops_body_and_children(void **state) /* test_taskgroup_07 */
{
	scene(body_07);
}

static int runner_08(void *arg)
{
	awl_task_group g;
	int r, n = 0;

	enter(&g);
	for (int i = 0; i < 5; i++)
		child(&g, player, &crashes_when_stopped);
	r = awl_task_group_join(&g, nap(100));
	for (awl_task *t = NULL; (t = awl_task_group_failure(&g, t));)
		n++;
	assert_int_equal(n, 5);
	return awl_task_group_exit(&g, r);
}

static int body_08(void *arg)
{
	assert_int_equal(cancelled_runner(runner_08), ZERO_DIVISION); /* failures win */
	return 0;
}

static void failures_in_the_clean_up_outweigh_the_cancel(void **state) /* test_taskgroup_08, G8 */
{
	scene(body_08);
}

/* --- 09, 10: the body fails ------------------------------------------------------------------- */

static int body_fails(void *ticks)
{
	awl_task_group g;
	awl_task *a, *b;
	int r = 0;

	enter(&g);
	a = child(&g, player, &long_part);
	b = child(&g, player, &long_part);
	if (ticks)
		r = nap(1);
	assert_int_equal(r, 0);
	assert_int_equal(awl_task_group_join(&g, ZERO_DIVISION), ZERO_DIVISION);
	assert_int_equal(awl_cancelled(a), 1);
	assert_int_equal(awl_cancelled(b), 1);
	assert_null(awl_task_group_failure(&g, NULL)); /* no child's */
	assert_int_equal(awl_task_group_exit(&g, ZERO_DIVISION), ZERO_DIVISION);
	return 0;
}

static int body_09(void *arg)
{
	return body_fails("a tick");
}

static int body_10(void *arg)
{
	body_fails(NULL);
	assert_string_equal(trace, "ss"); /* X7, otherwise: both had begun */
	return 0;
}

static void the_bodys_failure_stops_the_children(void **state) /* test_taskgroup_09 */
{
	scene(body_09);
}

static void the_bodys_failure_stops_children_not_yet_begun(void **state) /* test_taskgroup_10 */
{
	scene(body_10);
}

/* --- 11-14: nested groups --------------------------------------------------------------------- */

static int runner_nested(bool with_child_outside)
{
	awl_task_group outer, inner;
	int r;

	enter(&outer);
	if (with_child_outside)
		child(&outer, player, &long_part);
	enter(&inner);
	for (int i = 0; i < 5; i++)
		child(&inner, player, &crashes_when_stopped);
	r = awl_task_group_exit(&inner, nap(100));
	assert_int_equal(r, ZERO_DIVISION);
	return awl_task_group_exit(&outer, r);
}

static int runner_11(void *arg)
{
	return runner_nested(false);
}

static int runner_12(void *arg)
{
	return runner_nested(true);
}

static int body_11(void *arg)
{
	assert_int_equal(cancelled_runner(runner_11), ZERO_DIVISION);
	return 0;
}

static int body_12(void *arg)
{
	assert_int_equal(cancelled_runner(runner_12), ZERO_DIVISION);
	assert_string_equal(trace, "s");
	return 0;
}

static void an_inner_groups_failure_is_the_outer_bodys(void **state) /* test_taskgroup_11 */
{
	scene(body_11);
}

static void an_inner_groups_failure_stops_the_outer_children(void **state) /* test_taskgroup_12 */
{
	scene(body_12);
}

static const struct part crash_at_2 = { .naps = 2, .outcome = VALUE, .stopped = 's' };
static const struct part crash_at_90 = { .naps = 90, .outcome = VALUE, .stopped = 's' };

static int body_13(void *arg)
{
	awl_task_group outer, inner;
	int r;

	enter(&outer);
	child(&outer, player, &crash_at_2);
	enter(&inner);
	child(&inner, player, &crash_at_90);
	r = awl_task_group_exit(&inner, 0);
	assert_int_equal(r, AWL_ECANCELED); /* the outer one asks */
	assert_int_equal(awl_task_group_exit(&outer, r), VALUE);
	assert_string_equal(trace, "s");
	return awl_yield();
}

static void an_outer_childs_failure_stops_the_inner_group(void **state) /* test_taskgroup_13 */
{
	scene(body_13);
}

static int body_14(void *arg)
{
	awl_task_group outer, inner;
	int r;

	enter(&outer);
	child(&outer, player, &crash_at_90);
	enter(&inner);
	child(&inner, player, &crash_at_2);
	r = awl_task_group_exit(&inner, 0);
	assert_int_equal(r, VALUE);
	assert_int_equal(awl_task_group_exit(&outer, r), VALUE);
	assert_string_equal(trace, "s");
	return awl_yield();
}

static void an_inner_childs_failure_goes_outward(void **state) /* test_taskgroup_14 */
{
	scene(body_14);
}

/* --- 15-18: cancelled, and something happens in the clean-up ---------------------------------- */

static const struct part crashes_at_4 = { .naps = 4, .outcome = ZERO_DIVISION };

static int naps_five(void *arg)
{
	return nap(5);
}

static int runner_15(void *arg)
{
	awl_task_group g;
	int r;

	enter(&g);
	child(&g, player, &crashes_at_4);
	r = nap(100);
	if (r == AWL_ECANCELED && nap(5) == 0) /* edge: it may wait again */
		note('n');
	else
		note('a'); /* but the group aborts meanwhile: level */
	return awl_task_group_exit(&g, r);
}

static int body_15(void *arg)
{
	assert_int_equal(cancelled_runner(runner_15), ZERO_DIVISION);
	assert_string_equal(trace, "a");
	return 0;
}

static void a_child_fails_while_the_body_cleans_up(void **state) /* test_taskgroup_15, A7 */
{
	scene(body_15);
}

static int runner_15_shielded(void *arg)
{
	awl_task_group g;
	int r;

	enter(&g);
	child(&g, player, &crashes_at_4);
	r = nap(100);
	if (r == AWL_ECANCELED && awl_shielded(AWL_FOREVER, naps_five, NULL) == 0)
		note('n');
	return awl_task_group_exit(&g, r);
}

static int body_15_shielded(void *arg)
{
	assert_int_equal(cancelled_runner(runner_15_shielded), ZERO_DIVISION);
	assert_string_equal(trace, "n");
	return 0;
}

static void a_child_fails_while_the_body_cleans_up_in_a_shield(void **state)
/* test_taskgroup_15 */
{
	scene(body_15_shielded);
}

static int runner_16(void *arg)
{
	awl_task *t = spawn(runner_15, NULL);

	return outcome(t); /* the cancel goes down to it */
}

static int body_16(void *arg)
{
	assert_int_equal(cancelled_runner(runner_16), ZERO_DIVISION);
	return 0;
}

static void a_failure_comes_up_through_an_awaiting_task(void **state) /* test_taskgroup_16 */
{
	scene(body_16);
}

static int runner_17(void *arg)
{
	awl_task_group g;
	int r;

	enter(&g);
	r = nap(100);
	if (r == AWL_ECANCELED)
		note('B');
	return awl_task_group_exit(&g, r);
}

static int body_17(void *arg)
{
	assert_int_equal(cancelled_runner(runner_17), AWL_EFUTURECANCELED);
	assert_string_equal(trace, "B");
	return 0;
}

static void a_cancelled_body_without_children_ends_cancelled(void **state) /* test_taskgroup_17 */
{
	scene(body_17);
}

static int runner_18(void *arg)
{
	awl_task_group g;
	int r;

	enter(&g);
	r = nap(100);
	r = awl_task_group_exit(&g, r == AWL_ECANCELED ? MINE : r);
	assert_int_equal(r, MINE);
	assert_int_equal(awl_cancelling(awl_current_task()), 1);
	return r;
}

static int body_18(void *arg)
{
	assert_int_equal(cancelled_runner(runner_18), MINE);
	return 0;
}

static void a_body_that_turns_a_cancel_into_a_failure_has_failed(void **state)
/* test_taskgroup_18 */
{
	scene(body_18);
}

/* --- 19-21: two failures, the body's and a child's -------------------------------------------- */

static int two_failures(int childs, int bodys)
{
	struct part crash = { .naps = 2, .outcome = childs };
	awl_task_group g;
	awl_task *t;
	int r;

	enter(&g);
	t = child(&g, player, &crash);
	r = nap(100);
	assert_int_equal(r, AWL_ECANCELED);
	assert_int_equal(awl_task_group_join(&g, bodys), childs); /* the first in time */
	assert_ptr_equal(awl_task_group_failure(&g, NULL), t);
	assert_null(awl_task_group_failure(&g, t));
	return awl_task_group_exit(&g, childs) == childs ? 0 : -1;
}

static int body_19(void *arg)
{
	return two_failures(ZERO_DIVISION, MINE);
}

static int body_21(void *arg)
{
	return two_failures(-EINTR, VALUE); /* no failure of C's outweighs others */
}

static void of_two_failures_the_first_is_returned(void **state)
/* test_taskgroup_19, 20, 20a; G6 has no like in C */
{
	scene(body_19);
}

static void it_does_not_matter_what_kind_of_failure(void **state) /* test_taskgroup_21, 21a */
{
	scene(body_21);
}

/* --- 22-25 ------------------------------------------------------------------------------------ */

static int runner_22(void *arg)
{
	awl_task_group g;

	enter(&g);
	child(&g, player, &long_part);
	child(&g, player, &long_part);
	return awl_task_group_exit(&g, 0);
}

static int body_22(void *arg)
{
	awl_task *r = spawn(runner_22, NULL);

	assert_int_equal(yields(1), 0); /* its children have not begun */
	assert_int_equal(awl_cancel(r, NULL), 1);
	assert_int_equal(outcome(r), AWL_EFUTURECANCELED);
	assert_string_equal(trace, "ss"); /* X7, otherwise */
	return 0;
}

static void children_not_begun_are_stopped_with_their_parent(void **state) /* test_taskgroup_22 */
{
	scene(body_22);
}

static const struct part short_job = { .naps = 3 };

static int body_23(void *arg)
{
	uint32_t live = here()->live;
	awl_task_group g;

	enter(&g);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(nap(1), 0);
		assert_int_equal(
			awl_task_group_create_task(&g, player, (void *)(uintptr_t)&short_job, NULL),
			0);
		assert_true(here()->live - live <= 6);
	}
	assert_int_equal(nap(12), 0);
	assert_int_equal(here()->live, live);
	assert_true(here()->tasks.live <= live); /* an ended child is not kept */
	return awl_task_group_exit(&g, 0);
}

static void a_child_without_a_handle_goes_when_it_ends(void **state) /* test_taskgroup_23 */
{
	scene(body_23);
}

static int root_24(void *group)
{
	assert_int_equal(nap(1), 0);
	child(group, player, &returns_42);
	child(group, player, &returns_11);
	return 0;
}

static int body_24(void *arg)
{
	awl_task_group g;

	enter(&g);
	child(&g, root_24, &g);
	return awl_task_group_exit(&g, 0);
}

static void a_child_adds_children_while_the_group_is_joined(void **state)
/* test_taskgroup_24, G3 */
{
	scene(body_24);
}

static int hydras;

static int hydra(void *group)
{
	int r;

	hydras++;
	r = nap(1);
	for (int i = 0; r == 0 && i < 2; i++)
		r = awl_task_group_create_task(group, hydra, group, NULL);
	return r;
}

static int hercules(void *arg)
{
	while (hydras < 10) {
		int r = nap(1);

		if (r < 0)
			return r;
	}
	return ZERO_DIVISION;
}

static int body_25(void *arg)
{
	awl_task_group g;
	uint32_t live = here()->live;

	hydras = 0;
	enter(&g);
	child(&g, hydra, &g);
	child(&g, hercules, NULL);
	assert_int_equal(awl_task_group_exit(&g, 0), ZERO_DIVISION);
	assert_true(hydras >= 10);
	assert_int_equal(here()->live, live);
	return awl_yield();
}

static void a_group_that_multiplies_can_be_stopped(void **state) /* test_taskgroup_25 */
{
	scene(body_25);
}

/* --- the later, unnumbered ones --------------------------------------------------------------- */

static int body_name(void *arg)
{
	awl_task_options o = { .name = "yolo" };
	awl_task_group g;
	awl_task *t;

	enter(&g);
	assert_int_equal(
		awl_task_group_create_task_with(&g, &o, player, (void *)(uintptr_t)&short_job, &t),
		0);
	assert_string_equal(awl_task_get_name(t), "yolo");
	return awl_task_group_exit(&g, 0);
}

static void a_child_can_have_a_name(void **state) /* test_taskgroup_task_name */
{
	scene(body_name);
}

static int creates_too_late(void *group)
{
	awl_task *none = group;

	assert_int_equal(nap(100), AWL_ECANCELED);
	assert_int_equal(awl_task_group_create_task(group, player, NULL, &none), AWL_ECANCELED);
	assert_ptr_equal(none, group);
	note('r');
	return AWL_ECANCELED;
}

static int body_no_create(void *arg)
{
	awl_task_group g;

	enter(&g);
	child(&g, player, &crashes_soon);
	child(&g, creates_too_late, &g);
	assert_int_equal(awl_task_group_exit(&g, 0), ZERO_DIVISION);
	assert_string_equal(trace, "r");
	return 0;
}

static void no_child_can_come_after_a_failure(void **state)
/* test_taskgroup_no_create_task_after_failure, G2 */
{
	scene(body_no_create);
}

static const struct part crashes_mine = { .naps = 0, .outcome = MINE };

static int body_exit_raises(void *arg)
{
	awl_task_group g;
	int r;

	enter(&g);
	child(&g, player, &crashes_mine);
	r = nap(100) == AWL_ECANCELED ? MINE : 0; /* its clean-up fails in the same way */
	assert_int_equal(awl_task_group_exit(&g, r), MINE);
	assert_int_equal(awl_cancelling(awl_current_task()), 0);
	return awl_yield();
}

static void a_failing_clean_up_leaves_no_request_behind(void **state)
/* test_taskgroup_context_manager_exit_raises, G9 */
{
	scene(body_exit_raises);
}

static int body_states(void *arg)
{
	awl_task_group g = { 0 };
	awl_task *none = (awl_task *)&g;

	assert_int_equal(awl_task_group_create_task(&g, player, NULL, &none), AWL_ESCOPE);
	assert_non_null(strstr(awl_error_detail(AWL_ESCOPE), "was not entered, or has been left"));
	enter(&g);
	assert_int_equal(awl_task_group_enter(&g), AWL_ESCOPE);
	assert_non_null(strstr(awl_error_detail(AWL_ESCOPE), "is open already"));
	assert_int_equal(awl_task_group_exit(&g, 0), AWL_ESCOPE); /* that refusal */
	assert_int_equal(awl_task_group_exit(&g, 4), 4);
	assert_int_equal(awl_task_group_create_task(&g, player, NULL, &none), AWL_ESCOPE);
	assert_int_equal(awl_task_group_exit(&g, 4), AWL_ESCOPE);
	assert_ptr_equal(none, &g);
	enter(&g); /* G1, otherwise: left, it may be entered again */
	return awl_task_group_exit(&g, 0);
}

static void a_group_is_entered_once_at_a_time(void **state)
/* test_taskgroup_already_entered, _double_enter, _finished, _not_entered; G1 G2 */
{
	scene(body_states);
}

static void a_group_needs_a_task(void **state) /* test_taskgroup_without_parent_task, G1 */
{
	awl_task_group g = { 0 };
	awl_task *none = (awl_task *)&g;

	assert_int_equal(awl_task_group_enter(&g), AWL_ENOLOOP);
	assert_int_equal(awl_task_group_create_task(&g, player, NULL, &none), AWL_ESCOPE);
	assert_int_equal(awl_task_group_exit(&g, 0), AWL_ENOLOOP);
	assert_ptr_equal(none, &g);
}

static int body_level_preserved(void *arg)
{
	awl_task_group g;

	enter(&g);
	child(&g, player, &crashes_mine);
	assert_int_equal(awl_task_group_exit(&g, 0), MINE);
	assert_int_equal(awl_cancelling(awl_current_task()), 0);
	return awl_yield();
}

static void the_count_of_requests_is_preserved(void **state)
/* test_cancelling_level_preserved, G9 */
{
	scene(body_level_preserved);
}

static const struct part crash_runtime = { .naps = 1, .outcome = -EPERM };
static const struct part crash_value = { .naps = 1, .outcome = VALUE };

static int body_both_cancelled(void *arg)
{
	awl_task_group outer, inner;

	enter(&outer);
	enter(&inner);
	child(&inner, player, &crash_runtime);
	child(&outer, player, &crash_value);
	assert_int_equal(awl_task_group_exit(&inner, 0), -EPERM); /* handled */
	assert_int_equal(awl_cancelling(awl_current_task()), 0); /* no request of ours is counted */
	assert_int_equal(awl_yield(), AWL_ECANCELED); /* but the outer one asks */
	assert_int_equal(awl_task_group_exit(&outer, 0), VALUE);
	assert_int_equal(awl_cancelling(awl_current_task()), 0);
	return awl_yield();
}

static void nested_groups_that_both_abort_each_tell_their_own(void **state)
/* test_nested_groups_both_cancelled */
{
	scene(body_both_cancelled);
}

static awl_future *began;

static int says_then_fails(void *arg)
{
	assert_int_equal(awl_future_set_result(began, 0), 0);
	return awl_yield() < 0 ? -ENOANO : -EPERM;
}

static int inner_error_and_cancel(void *arg)
{
	awl_task_group g;
	int r;

	enter(&g);
	child(&g, says_then_fails, NULL);
	r = awl_task_group_exit(&g, nap(100));
	assert_true(r == -EPERM || r == -ENOANO);
	assert_int_equal(awl_cancelling(awl_current_task()), 1);
	assert_int_equal(nap(100), AWL_ECANCELED); /* the request has stayed */
	return AWL_ECANCELED;
}

static int body_error_and_cancel(void *arg)
{
	awl_task *t;

	began = promise();
	t = spawn(inner_error_and_cancel, NULL);
	assert_int_equal(awl_await(began), 0);
	assert_int_equal(awl_cancelling(t), 0);
	assert_int_equal(awl_cancel(t, NULL), 1);
	assert_int_equal(awl_cancelling(t), 1);
	assert_int_equal(awl_await(t), AWL_EFUTURECANCELED);
	assert_int_equal(awl_cancelled(t), 1);
	return awl_unref(t) + awl_unref(began);
}

static void an_error_and_a_cancel_of_one_moment_are_both_told(void **state)
/* test_error_and_cancel, G8 */
{
	scene(body_error_and_cancel);
}

static int crashes_in_clean_up(void *arg)
{
	return awl_sleep(2000 * MS) == AWL_ECANCELED ? ZERO_DIVISION : 0;
}

static int body_timeout(void *arg)
{
	awl_timeout t;
	awl_task_group g;
	int r;

	assert_int_equal(awl_timeout_enter(&t, 10 * MS), 0);
	enter(&g);
	child(&g, crashes_in_clean_up, NULL);
	r = awl_task_group_exit(&g, awl_sleep(1000 * MS));
	assert_int_equal(r, ZERO_DIVISION);
	assert_int_equal(awl_timeout_exit(&t, r), ZERO_DIVISION);
	assert_int_equal(awl_timeout_expired(&t), 1);
	return awl_yield();
}

static void a_failure_in_the_clean_up_of_a_timeout_is_returned(void **state)
/* test_timeouts test_timeout_taskgroup */
{
	scene(body_timeout);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_children_end_well),
		cmocka_unit_test(a_child_comes_after_another_has_ended),
		cmocka_unit_test(a_child_cancelled_alone_is_no_failure),
		cmocka_unit_test(a_failure_stops_the_other_child),
		cmocka_unit_test(failures_of_one_moment_are_all_kept),
		cmocka_unit_test(a_cancel_while_joining_stops_every_child),
		cmocka_unit_test(a_cancel_in_the_body_stops_body_and_children),
		cmocka_unit_test(failures_in_the_clean_up_outweigh_the_cancel),
		cmocka_unit_test(the_bodys_failure_stops_the_children),
		cmocka_unit_test(the_bodys_failure_stops_children_not_yet_begun),
		cmocka_unit_test(an_inner_groups_failure_is_the_outer_bodys),
		cmocka_unit_test(an_inner_groups_failure_stops_the_outer_children),
		cmocka_unit_test(an_outer_childs_failure_stops_the_inner_group),
		cmocka_unit_test(an_inner_childs_failure_goes_outward),
		cmocka_unit_test(a_child_fails_while_the_body_cleans_up),
		cmocka_unit_test(a_child_fails_while_the_body_cleans_up_in_a_shield),
		cmocka_unit_test(a_failure_comes_up_through_an_awaiting_task),
		cmocka_unit_test(a_cancelled_body_without_children_ends_cancelled),
		cmocka_unit_test(a_body_that_turns_a_cancel_into_a_failure_has_failed),
		cmocka_unit_test(of_two_failures_the_first_is_returned),
		cmocka_unit_test(it_does_not_matter_what_kind_of_failure),
		cmocka_unit_test(children_not_begun_are_stopped_with_their_parent),
		cmocka_unit_test(a_child_without_a_handle_goes_when_it_ends),
		cmocka_unit_test(a_child_adds_children_while_the_group_is_joined),
		cmocka_unit_test(a_group_that_multiplies_can_be_stopped),
		cmocka_unit_test(a_child_can_have_a_name),
		cmocka_unit_test(no_child_can_come_after_a_failure),
		cmocka_unit_test(a_failing_clean_up_leaves_no_request_behind),
		cmocka_unit_test(a_group_is_entered_once_at_a_time),
		cmocka_unit_test(a_group_needs_a_task),
		cmocka_unit_test(the_count_of_requests_is_preserved),
		cmocka_unit_test(nested_groups_that_both_abort_each_tell_their_own),
		cmocka_unit_test(an_error_and_a_cancel_of_one_moment_are_both_told),
		cmocka_unit_test(a_failure_in_the_clean_up_of_a_timeout_is_returned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
