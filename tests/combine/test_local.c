/* SPDX-License-Identifier: MIT */
/*
 * test_local.c - @reactors @valgrind: task locals (D1): inherited at spawn, copied on write, set
 * and reset by token, destroyed when nobody sees them any more.
 */
#include "base/alloc.h"
#include "crew.h"

static int destroyed;

static void destroy(void *value)
{
	destroyed += *(int *)value;
}

static awl_local user = { .name = "user", .otherwise = (void *)"nobody" };
static awl_local number = { .name = "number" };
static awl_local owned = { .name = "owned", .destroy = destroy };

static const char *who(void)
{
	return awl_local_get(&user);
}

static int child_sees(void *arg)
{
	assert_string_equal(who(), arg);
	assert_int_equal(awl_local_set(&user, (void *)"child", NULL), 0);
	assert_int_equal(awl_yield(), 0);
	assert_string_equal(who(), "child");
	return 0;
}

static int inherited(void *arg)
{
	awl_task_group g;

	assert_string_equal(who(), "nobody");
	assert_int_equal(awl_local_set(&user, (void *)"ann", NULL), 0);
	awl_task_group_enter(&g);
	assert_int_equal(awl_task_group_create_task(&g, child_sees, (void *)"ann", NULL), 0);
	assert_int_equal(awl_task_group_create_task(&g, child_sees, (void *)"ann", NULL), 0);
	assert_int_equal(awl_local_set(&user, (void *)"bob", NULL), 0); /* after the spawn */
	assert_int_equal(awl_task_group_create_task(&g, child_sees, (void *)"bob", NULL), 0);
	assert_int_equal(awl_task_group_exit(&g, 0), 0);
	assert_string_equal(who(), "bob");
	return 0;
}

static void a_child_begins_with_what_its_parent_had_and_changes_only_its_own(void **state)
{
	in_loop(inherited, NULL); /* D1; test_context */
}

static int by_token(void *arg)
{
	awl_local_token first, second;

	assert_int_equal(awl_local_set(&user, (void *)"ann", &first), 0);
	assert_int_equal(awl_local_set(&user, (void *)"bob", &second), 0);
	assert_int_equal(awl_local_reset(&second), 0);
	assert_string_equal(who(), "ann");
	assert_int_equal(awl_local_reset(&second), -EINVAL); /* once */
	assert_int_equal(awl_local_reset(&first), 0);
	assert_string_equal(who(), "nobody");

	/* In any order: each gives back what it found. */
	assert_int_equal(awl_local_set(&user, (void *)"ann", &first), 0);
	assert_int_equal(awl_local_set(&user, (void *)"bob", &second), 0);
	assert_int_equal(awl_local_reset(&first), 0);
	assert_string_equal(who(), "nobody");
	assert_int_equal(awl_local_reset(&second), 0);
	assert_string_equal(who(), "ann");
	return 0;
}

static void a_token_gives_back_what_it_found(void **state)
{
	in_loop(by_token, NULL); /* D1: ContextVar.reset */
}

static int reset_it(void *arg)
{
	return awl_local_reset(arg);
}

static int of_another_task(void *arg)
{
	awl_local_token token;
	awl_task *t;

	assert_int_equal(awl_local_set(&user, (void *)"ann", &token), 0);
	assert_int_equal(awl_create_task(reset_it, &token, &t), 0);
	assert_int_equal(awl_await(t), -EINVAL);
	awl_unref(t);
	assert_int_equal(awl_local_reset(&token), 0);
	return 0;
}

static void another_tasks_token_is_refused(void **state)
{
	in_loop(of_another_task, NULL);
}

static int callback(void *arg)
{
	*(const char **)arg = who();
	return awl_local_set(&user, (void *)"callback", NULL) == AWL_ENOTASK ? 0 : -EIO;
}

static int in_callbacks(void *arg)
{
	const char *seen = NULL;

	assert_int_equal(awl_local_set(&user, (void *)"ann", NULL), 0);
	assert_int_equal(awl_loop_call_soon(here(), callback, &seen, NULL), 0);
	while (!seen)
		assert_int_equal(awl_yield(), 0);
	assert_string_equal(seen, "nobody");
	return 0;
}

static void callbacks_have_an_argument_and_no_locals(void **state)
{
	struct heard heard;

	listen_to_awl(&heard);
	in_loop(in_callbacks, NULL); /* C7: different */
	stop_listening();
	assert_string_equal(who(), "nobody"); /* nor has a thread without a loop */
	assert_int_equal(awl_local_set(&user, NULL, NULL), AWL_ENOLOOP);
}

static int holds_on(void *arg)
{
	assert_int_equal(awl_sleep(AWL_MS), 0);
	assert_int_equal(*(int *)awl_local_get(&owned), 1);
	return 0;
}

static int destructor_rules(void *arg)
{
	static int one = 1, ten = 10, hundred = 100;
	awl_local_token token;
	awl_task *t;

	assert_int_equal(awl_local_set(&owned, &one, NULL), 0);
	assert_int_equal(awl_create_task(holds_on, NULL, &t), 0);
	assert_int_equal(awl_local_set(&owned, &ten, NULL), 0);
	assert_int_equal(destroyed, 0); /* the child has it still */
	assert_int_equal(awl_await(t), 0);
	assert_int_equal(destroyed, 1); /* at the end of the last that saw it */
	awl_unref(t);
	assert_int_equal(awl_local_set(&owned, &hundred, &token), 0);
	assert_int_equal(destroyed, 1); /* the token keeps ten */
	assert_int_equal(awl_local_reset(&token), 0);
	assert_int_equal(destroyed, 101);
	assert_ptr_equal(awl_local_get(&owned), &ten);
	return 0;
}

static void a_value_is_destroyed_when_nobody_sees_it_any_more(void **state)
{
	destroyed = 0;
	in_loop(destructor_rules, NULL);
	assert_int_equal(destroyed, 111);
}

static int many_keys(void *arg)
{
	static awl_local keys[40];

	for (intptr_t i = 0; i < 40; i++)
		assert_int_equal(awl_local_set(&keys[i], (void *)i, NULL), 0);
	for (intptr_t i = 0; i < 40; i++)
		assert_int_equal((intptr_t)awl_local_get(&keys[i]), i);
	return 0;
}

static void there_may_be_many_keys(void **state)
{
	in_loop(many_keys, NULL);
}

static int fails_after;

static int fault(void)
{
	return fails_after && --fails_after == 0;
}

static int nothing(void *arg)
{
	return 0;
}

static int without_memory(void *arg)
{
	static int one = 1;
	awl_task *t = NULL;
	int r, refused = 0;

	destroyed = 0;
	for (int n = 1; n < 5; n++) {
		fails_after = n;
		awl__alloc_fault = fault;
		r = awl_local_set(&owned, &one, NULL);
		awl__alloc_fault = (int (*)(void))0;
		assert_true(r == 0 || r == -ENOMEM);
		refused += r < 0;
		if (r < 0)
			assert_int_equal(destroyed, 0); /* it was not taken over */
		else
			break;
	}
	assert_true(refused > 0);
	fails_after = 1;
	awl__alloc_fault = fault;
	r = awl_create_task(nothing, NULL, &t);
	awl__alloc_fault = (int (*)(void))0;
	assert_int_equal(r, -ENOMEM); /* a child without its parent's locals is none */
	assert_null(t);
	return 0;
}

static void without_memory_nothing_is_set_or_spawned(void **state)
{
	in_loop(without_memory, NULL);
}

static int next_run(void *arg)
{
	intptr_t n = (intptr_t)awl_local_get(&number);

	assert_int_equal(awl_local_set(&number, (void *)(n + 1), NULL), 0);
	return (int)n;
}

static void what_a_run_of_a_runner_sets_the_next_one_finds(void **state)
{
	awl_runner r = { .leave_sigint = 1 };

	for (int i = 0; i < 3; i++)
		assert_int_equal(awl_runner_run(&r, next_run, NULL), i); /* L24 */
	assert_int_equal(awl_runner_close(&r), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_child_begins_with_what_its_parent_had_and_changes_only_its_own),
		cmocka_unit_test(a_token_gives_back_what_it_found),
		cmocka_unit_test(another_tasks_token_is_refused),
		cmocka_unit_test(callbacks_have_an_argument_and_no_locals),
		cmocka_unit_test(a_value_is_destroyed_when_nobody_sees_it_any_more),
		cmocka_unit_test(there_may_be_many_keys),
		cmocka_unit_test(without_memory_nothing_is_set_or_spawned),
		cmocka_unit_test(what_a_run_of_a_runner_sets_the_next_one_finds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
