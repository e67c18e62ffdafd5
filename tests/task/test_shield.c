/* SPDX-License-Identifier: MIT */
/*
 * test_shield.c - inside a shield nobody asks; what was asked waits outside. @reactors @valgrind
 */
#include "task/scenes.h"

static int naps(void *ticks)
{
	return nap(*(int64_t *)ticks);
}

static int sleeps(void *ns)
{
	return awl_sleep(*(int64_t *)ns);
}

/* --- requests by awl_cancel ------------------------------------------------------------------- */

static int finaliser(void *arg)
{
	awl_shield s;
	int r;

	assert_int_equal(awl_shield_enter(&s, AWL_FOREVER), 0);
	note('b');
	r = nap(4);
	note(r == 0 ? 'w' : 'x');
	r = awl_shield_exit(&s, r);
	note(r == 0 ? 'e' : 'x');
	r = nap(1);
	note(r == AWL_ECANCELED ? 'c' : 'x');
	r = nap(1);
	note(r == 0 ? 'o' : 'x');
	return AWL_ECANCELED;
}

static int once_body(void *arg)
{
	awl_task *t = spawn(finaliser, NULL);

	assert_int_equal(yields(2), 0);
	assert_int_equal(awl_cancel(t, NULL), 1);
	assert_int_equal(awl_cancel(t, NULL), 1);
	assert_int_equal(outcome(t), AWL_EFUTURECANCELED);
	assert_string_equal(trace, "bweco");
	return 0;
}

static void a_request_waits_outside_and_is_delivered_once_after(void **state) /* X11 */
{
	scene(once_body);
}

static int before_body(void *arg)
{
	awl_task *me = awl_current_task();

	assert_int_equal(awl_cancel(me, "early"), 1);
	assert_int_equal(awl_shielded(AWL_FOREVER, naps, &(int64_t){ 2 }), 0);
	assert_int_equal(awl_yield(), AWL_ECANCELED);
	assert_int_equal(awl_yield(), 0);
	assert_int_equal(awl_cancel(me, "taken back"), 1);
	assert_int_equal(awl_uncancel(me), 1);
	assert_int_equal(awl_uncancel(me), 0);
	assert_int_equal(awl_yield(), 0);
	return 0;
}

static void a_request_from_before_waits_too(void **state) /* X11 */
{
	scene(before_body);
}

static int awaits_shielded(void *future)
{
	int r = awl_shielded(AWL_FOREVER, await_it, future);

	return r < 0 ? r : awl_yield() == AWL_ECANCELED ? r : -1;
}

static int inner_body(void *arg)
{
	awl_future *f = promise();
	awl_task *t = spawn(awaits_shielded, f);

	assert_int_equal(yields(1), 0);
	assert_int_equal(awl_cancel(t, NULL), 1);
	assert_int_equal(awl_done(f), 0); /* it goes on */
	assert_int_equal(awl_future_set_result(f, 6), 0);
	assert_int_equal(outcome(t), 6);
	assert_int_equal(awl_unref(f), 0);

	f = promise(); /* test_shield_cancel_inner */
	t = spawn(awaits_shielded, f);
	assert_int_equal(yields(1), 0);
	assert_int_equal(awl_cancel(f, NULL), 1);
	assert_int_equal(outcome(t), AWL_EFUTURECANCELED);
	return awl_unref(f);
}

static void what_is_awaited_in_a_shield_goes_on(void **state)
/* X11, test_shield_cancel_outer, test_shield_cancel_inner */
{
	scene(inner_body);
}

/* --- deadlines -------------------------------------------------------------------------------- */

static int own_deadline_body(void *arg)
{
	int64_t begin = awl_loop_time(here());
	awl_shield s;

	assert_int_equal(awl_shielded(10 * MS, sleeps, &(int64_t){ 1000 * MS }), -ETIMEDOUT);
	assert_int_equal(awl_loop_time(here()), begin + 10 * MS);
	assert_string_equal(awl_error_detail(-ETIMEDOUT), "the shield's deadline passed");
	assert_int_equal(awl_shielded(10 * MS, sleeps, &(int64_t){ 5 * MS }), 0);
	assert_int_equal(awl_shield_enter(&s, 0), 0);
	assert_int_equal(awl_deadline(), 0);
	assert_int_equal(awl_yield(), AWL_ECANCELED);
	assert_int_equal(awl_yield(), AWL_ECANCELED);
	assert_int_equal(awl_shield_exit(&s, AWL_ECANCELED), -ETIMEDOUT);
	assert_int_equal(awl_yield(), 0);
	assert_timers(0);
	return 0;
}

static void a_shield_has_a_deadline_of_its_own(void **state) /* X11 */
{
	timed_scene(own_deadline_body);
}

static int outer_passes_body(void *arg)
{
	int64_t begin = awl_loop_time(here());
	awl_timeout t;

	assert_int_equal(awl_timeout_enter(&t, 10 * MS), 0);
	assert_int_equal(awl_shielded(AWL_FOREVER, sleeps, &(int64_t){ 50 * MS }), 0);
	assert_int_equal(awl_loop_time(here()), begin + 50 * MS);
	assert_int_equal(awl_deadline(), 0);
	assert_int_equal(awl_sleep(1000 * MS), AWL_ECANCELED); /* the first wait after it */
	assert_int_equal(awl_loop_time(here()), begin + 50 * MS);
	assert_int_equal(awl_timeout_expired(&t), 1);
	assert_int_equal(awl_timeout_exit(&t, AWL_ECANCELED), -ETIMEDOUT);
	return awl_yield();
}

static void an_outer_deadline_that_passes_meanwhile_meets_the_first_wait_after(void **state)
/* X11 A7 */
{
	timed_scene(outer_passes_body);
}

static int in_expired_body(void *arg)
{
	awl_timeout t;

	assert_int_equal(awl_timeout_enter(&t, 10 * MS), 0);
	assert_int_equal(awl_sleep(1000 * MS), AWL_ECANCELED);
	for (int i = 0; i < 3; i++) { /* finalisers, as many as it takes */
		assert_int_equal(awl_shielded(20 * MS, sleeps, &(int64_t){ 15 * MS }), 0);
		assert_int_equal(awl_yield(), AWL_ECANCELED);
		assert_int_equal(awl_shielded(20 * MS, sleeps, &(int64_t){ 30 * MS }), -ETIMEDOUT);
		assert_int_equal(awl_yield(), AWL_ECANCELED);
	}
	assert_int_equal(awl_timeout_exit(&t, AWL_ECANCELED), -ETIMEDOUT);
	return awl_yield();
}

static void a_finaliser_waits_in_an_expired_timeout(void **state) /* A7 */
{
	timed_scene(in_expired_body);
}

static int inside_body(void *arg)
{
	awl_shield s;
	awl_timeout outer, inner;
	int r;

	/* a timeout inside a shield is inside: its deadline is told */
	assert_int_equal(awl_timeout_enter(&outer, 5 * MS), 0);
	assert_int_equal(awl_shield_enter(&s, AWL_FOREVER), 0);
	assert_int_equal(awl_timeout_enter(&inner, 10 * MS), 0);
	assert_int_equal(awl_deadline(), 10 * MS);
	r = awl_sleep(1000 * MS);
	assert_int_equal(r, AWL_ECANCELED);
	assert_int_equal(awl_timeout_exit(&inner, r), -ETIMEDOUT); /* though the outer one asks */
	assert_int_equal(awl_sleep(MS), 0);
	assert_int_equal(awl_deadline(), AWL_FOREVER);
	assert_int_equal(awl_shield_exit(&s, 0), 0);
	assert_int_equal(awl_deadline(), 0);
	assert_int_equal(awl_yield(), AWL_ECANCELED);
	assert_int_equal(awl_timeout_exit(&outer, AWL_ECANCELED), -ETIMEDOUT);
	return awl_yield();
}

static void what_is_inside_a_shield_still_has_its_deadlines(void **state) /* X11 X19 */
{
	timed_scene(inside_body);
}

static int nested_body(void *arg)
{
	awl_task *me = awl_current_task();
	awl_shield a, b;

	assert_int_equal(awl_cancel(me, NULL), 1);
	assert_int_equal(awl_shield_enter(&a, AWL_FOREVER), 0);
	assert_int_equal(awl_shield_enter(&b, 0), 0);
	assert_int_equal(awl_yield(), AWL_ECANCELED); /* b's deadline */
	assert_int_equal(awl_shield_exit(&b, AWL_ECANCELED), -ETIMEDOUT);
	assert_int_equal(awl_yield(), 0); /* a still holds */
	assert_int_equal(awl_shield_exit(&a, 1), 1);
	assert_int_equal(awl_yield(), AWL_ECANCELED);
	assert_int_equal(awl_uncancel(me), 0);
	return awl_yield();
}

static void shields_nest(void **state)
{
	scene(nested_body);
}

/* --- with groups ------------------------------------------------------------------------------ */

static int shielded_child(void *arg)
{
	int r = awl_shielded(AWL_FOREVER, naps, &(int64_t){ 5 });

	note(r == 0 ? 's' : 'x');
	r = awl_yield();
	note(r == AWL_ECANCELED ? 'c' : 'x');
	return r;
}

static int failing_child(void *arg)
{
	int r = nap(2);

	return r < 0 ? r : -EIO;
}

static int aborted_body(void *arg)
{
	awl_task_group g;

	assert_int_equal(awl_task_group_enter(&g), 0);
	assert_int_equal(awl_task_group_create_task(&g, shielded_child, NULL, NULL), 0);
	assert_int_equal(awl_task_group_create_task(&g, failing_child, NULL, NULL), 0);
	assert_int_equal(awl_task_group_exit(&g, 0), -EIO);
	assert_string_equal(trace, "sc");
	return awl_yield();
}

static void an_aborting_group_waits_for_a_shielded_child(void **state) /* G4 X11 */
{
	scene(aborted_body);
}

/* The children are not inside the shield that the body is in. */
static int group_deadline_body(void *arg)
{
	int64_t begin = awl_loop_time(here());
	awl_task_group g;
	awl_task *child;

	assert_int_equal(awl_task_group_enter(&g), 0);
	assert_int_equal(awl_task_group_set_deadline(&g, 10 * MS), 0);
	assert_int_equal(
		awl_task_group_create_task(&g, sleeps, &(int64_t){ 1000 * MS }, &child), 0);
	assert_int_equal(awl_shielded(AWL_FOREVER, await_it, child), AWL_EFUTURECANCELED);
	assert_int_equal(awl_loop_time(here()), begin + 10 * MS);
	assert_int_equal(awl_yield(), AWL_ECANCELED);
	assert_int_equal(awl_task_group_exit(&g, AWL_ECANCELED), -ETIMEDOUT);
	return awl_yield();
}

static void a_groups_deadline_reaches_its_children_past_the_bodys_shield(void **state) /* A6 */
{
	timed_scene(group_deadline_body);
}

static int group_inside_body(void *arg)
{
	awl_task *me = awl_current_task();
	awl_task_group g;
	awl_shield s;

	assert_int_equal(awl_cancel(me, NULL), 1);
	assert_int_equal(awl_shield_enter(&s, AWL_FOREVER), 0);
	assert_int_equal(awl_task_group_enter(&g), 0);
	assert_int_equal(awl_task_group_create_task(&g, naps, &(int64_t){ 3 }, NULL), 0);
	assert_int_equal(awl_task_group_exit(&g, 2), 2); /* its join is shielded too */
	assert_int_equal(awl_shield_exit(&s, 3), 3);
	assert_int_equal(awl_yield(), AWL_ECANCELED);
	return 0;
}

static void a_group_in_a_shield_is_joined_in_peace(void **state) /* G8 X11 */
{
	scene(group_inside_body);
}

/* A child is a task of its own: it does not inherit its creator's shield. */
static int no_inheritance_body(void *arg)
{
	awl_shield s;
	awl_task *t;

	assert_int_equal(awl_shield_enter(&s, AWL_FOREVER), 0);
	t = spawn(naps, &(int64_t){ 50 });
	assert_int_equal(awl_yield(), 0);
	assert_int_equal(awl_cancel(t, NULL), 1);
	assert_int_equal(outcome(t), AWL_EFUTURECANCELED);
	return awl_shield_exit(&s, 0);
}

static void a_shield_is_its_own_tasks_alone(void **state)
{
	scene(no_inheritance_body);
}

/* --- refusals --------------------------------------------------------------------------------- */

static int null_body(void *arg)
{
	awl_shield s = { 0 };

	assert_int_equal(awl_shield_enter(NULL, 1), -EINVAL);
	assert_int_equal(awl_shield_exit(NULL, 1), -EINVAL);
	assert_int_equal(awl_shielded(1, NULL, NULL), -EINVAL);
	assert_int_equal(awl_shield_exit(&s, 1), AWL_ESCOPE);
	assert_string_equal(awl_error_detail(AWL_ESCOPE),
		"awl_shield_exit: this shield was not entered, or has been left");
	return 0;
}

static void null_and_not_entered_are_refused(void **state)
{
	scene(null_body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_waits_outside_and_is_delivered_once_after),
		cmocka_unit_test(a_request_from_before_waits_too),
		cmocka_unit_test(what_is_awaited_in_a_shield_goes_on),
		cmocka_unit_test(a_shield_has_a_deadline_of_its_own),
		cmocka_unit_test(
			an_outer_deadline_that_passes_meanwhile_meets_the_first_wait_after),
		cmocka_unit_test(a_finaliser_waits_in_an_expired_timeout),
		cmocka_unit_test(what_is_inside_a_shield_still_has_its_deadlines),
		cmocka_unit_test(shields_nest),
		cmocka_unit_test(an_aborting_group_waits_for_a_shielded_child),
		cmocka_unit_test(a_groups_deadline_reaches_its_children_past_the_bodys_shield),
		cmocka_unit_test(a_group_in_a_shield_is_joined_in_peace),
		cmocka_unit_test(a_shield_is_its_own_tasks_alone),
		cmocka_unit_test(null_and_not_entered_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
