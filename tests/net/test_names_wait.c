/* SPDX-License-Identifier: MIT */
/*
 * test_names_wait.c - who waits for a name: cancelled it stays for the answer or leaves it behind,
 * and nobody waits for somebody else's. @reactors @thread @valgrind
 */
#include "lookups.h"

static int staying_body(void *asking)
{
	struct asker a = { 0 };
	awl_task *t;

	assert_int_equal(awl_create_task(*(awl_fn **)asking, &a, &t), 0);
	until(&gate.begun, 1);
	assert_int_equal(awl_cancel(t, NULL), 1);
	for (int i = 0; i < 100; i++)
		assert_int_equal(awl_yield(), 0);
	assert_false(a.done);
	open_gate(&gate);
	assert_int_equal(awl_join(t), 0);
	assert_int_equal(a.value, 0);
	assert_int_equal(a.next, AWL_ECANCELED);
	return awl_unref(t);
}

static void a_cancelled_look_up_stays_for_its_answer(void **state)
{
	awl_fn *asking = ask;

	REAL_KERNEL();
	in_loop(staying_body, &asking);
}

static void a_cancelled_look_up_of_an_address_stays_for_its_answer(void **state)
{
	awl_fn *asking = ask_back;

	REAL_KERNEL();
	in_loop(staying_body, &asking);
}

static int leaving_body(void *asking)
{
	struct asker a = { .leaves = true };
	awl_task *t;

	assert_int_equal(awl_create_task(*(awl_fn **)asking, &a, &t), 0);
	until(&gate.begun, 1);
	assert_int_equal(awl_cancel(t, NULL), 1);
	assert_int_equal(awl_join(t), 0); /* the gate is shut */
	assert_int_equal(a.value, AWL_ECANCELED);
	assert_int_equal(atomic_load(&answers), 0);
	assert_int_equal(awl_unref(t), 0);
	open_gate(&gate);
	until(&gate.returned, 1);
	return 0;
}

static void an_abandoned_look_up_is_left_at_once_and_its_answer_freed(void **state)
{
	awl_fn *asking = ask;

	REAL_KERNEL();
	in_loop(leaving_body, &asking);
	end_of_threads(state);
	assert_int_equal(atomic_load(&answers), 1);
}

static void an_abandoned_look_up_of_an_address_is_left_at_once(void **state)
{
	awl_fn *asking = ask_back;

	REAL_KERNEL();
	in_loop(leaving_body, &asking);
}

static int never_begun_body(void *arg)
{
	struct asker a[40] = { 0 };
	awl_task *t[COUNT(a)];
	int begun;

	for (size_t i = 0; i < COUNT(a); i++)
		assert_int_equal(awl_create_task(ask, &a[i], &t[i]), 0);
	until(&gate.begun, 1);
	assert_int_equal(awl_cancel(t[COUNT(a) - 1], NULL), 1);
	assert_int_equal(awl_join(t[COUNT(a) - 1]), 0); /* the gate is shut */
	assert_int_equal(a[COUNT(a) - 1].value, AWL_ECANCELED);
	open_gate(&gate);
	for (size_t i = 0; i + 1 < COUNT(a); i++)
		assert_int_equal(awl_await(t[i]), 0);
	begun = atomic_load(&answers);
	assert_int_equal(begun, COUNT(a) - 1);
	for (size_t i = 0; i < COUNT(a); i++)
		assert_int_equal(awl_unref(t[i]), 0);
	return 0;
}

static void a_look_up_that_waits_for_a_thread_is_cancelled_at_once(void **state)
{
	REAL_KERNEL();
	in_loop(never_begun_body, NULL);
}

/* --- nobody waits for somebody else's name ---------------------------------------------------- */

static int starving_body(void *arg)
{
	struct asker a[40] = { 0 };
	awl_task_group g;
	int five = 5;

	awl_task_group_enter(&g);
	for (size_t i = 0; i < COUNT(a); i++)
		assert_int_equal(awl_task_group_create_task(&g, ask, &a[i], NULL), 0);
	until(&gate.begun, 1);
	for (int i = 0; i < 100; i++)
		assert_int_equal(awl_to_thread(answer, &five), 5);
	assert_int_equal(atomic_load(&answers), 0);
	open_gate(&gate);
	return awl_task_group_exit(&g, 0);
}

static void slow_names_do_not_starve_other_functions(void **state)
{
	REAL_KERNEL();
	in_loop(starving_body, NULL);
}

static int starved_body(void *arg)
{
	struct staying s[40] = { 0 };
	struct asker a = { 0 };
	awl_task_group g;

	awl_task_group_enter(&g);
	for (size_t i = 0; i < COUNT(s); i++) {
		s[i].gate = &gate;
		assert_int_equal(awl_task_group_create_task(&g, stay, &s[i], NULL), 0);
	}
	until(&gate.begun, 1);
	assert_int_equal(ask(&a), 0);
	assert_int_equal(a.value, 0);
	assert_int_equal(atomic_load(&gate.returned), 0);
	open_gate(&gate);
	return awl_task_group_exit(&g, 0);
}

static void slow_functions_do_not_starve_names(void **state)
{
	REAL_KERNEL();
	in_loop(starved_body, NULL);
}

static int own_executor_body(void *arg)
{
	awl_executor *e = new_executor(1, 0);
	struct staying s = { .gate = &gate };
	struct asker a = { 0 };
	awl_task *t;

	assert_int_equal(awl_loop_set_default_executor(here(), e), 0);
	assert_int_equal(awl_create_task(stay, &s, &t), 0);
	until(&gate.begun, 1);
	assert_int_equal(ask(&a), 0); /* its only thread stands at the gate */
	assert_int_equal(a.value, 0);
	open_gate(&gate);
	assert_int_equal(awl_await(t), 0);
	assert_int_equal(awl_loop_set_default_executor(here(), NULL), 0);
	end_executor(e);
	return awl_unref(t);
}

static void names_do_not_wait_for_the_default_executor(void **state)
{
	REAL_KERNEL();
	in_loop(own_executor_body, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SLOW(a_cancelled_look_up_stays_for_its_answer),
		SLOW(a_cancelled_look_up_of_an_address_stays_for_its_answer),
		SLOW(an_abandoned_look_up_is_left_at_once_and_its_answer_freed),
		SLOW(an_abandoned_look_up_of_an_address_is_left_at_once),
		SLOW(a_look_up_that_waits_for_a_thread_is_cancelled_at_once),
		SLOW(slow_names_do_not_starve_other_functions),
		STUB(slow_functions_do_not_starve_names),
		STUB(names_do_not_wait_for_the_default_executor),
	};

	return cmocka_run_group_tests(tests, NULL, end_of_threads);
}
