/* SPDX-License-Identifier: MIT */
/*
 * @reactors
 * test_options.c - how a loop is made: its name, its reactor, its seed, its tasks' stacks.
 */
#include "support.h"

#include <stdlib.h>

/* L21 */
static void options_may_be_null_or_all_zero(void **state)
{
	const char *env = getenv("AWL_REACTOR");
	awl_loop_options none = { 0 };
	awl_loop *a, *b;

	assert_int_equal(awl_loop_new(NULL, &a), 0);
	assert_int_equal(awl_loop_new(&none, &b), 0);
	assert_string_equal(awl_loop_name(a), "");
	assert_string_equal(awl_loop_name(b), "");
	assert_string_equal(awl_loop_reactor(a), awl_loop_reactor(b));
	if (env)
		assert_string_equal(awl_loop_reactor(a), env);
	end_loop(a);
	end_loop(b);
}

static void a_name_is_copied_and_cut_at_31_bytes(void **state)
{
	char name[] = "0123456789012345678901234567890123456789";
	awl_loop_options o = { .name = name };
	awl_loop *l;

	assert_int_equal(awl_loop_new(&o, &l), 0);
	memset(name, 'x', sizeof name - 1);
	assert_string_equal(awl_loop_name(l), "0123456789012345678901234567890");
	end_loop(l);
}

static void a_reactor_is_chosen_by_name(void **state)
{
	static const char *const names[] = { "epoll", "sim" };

	for (size_t i = 0; i < COUNT(names); i++) {
		awl_loop *l = new_loop(names[i]);

		assert_string_equal(awl_loop_reactor(l), names[i]);
		end_loop(l);
	}
}

static void a_reactor_nobody_knows_is_refused_with_a_list_of_the_right_ones(void **state)
{
	awl_loop_options o = { .reactor = "kqueue" };
	awl_loop *const untouched = (awl_loop *)&o;
	awl_loop *l = untouched;
	const char *words;

	assert_int_equal(awl_loop_new(&o, &l), -EINVAL);
	assert_ptr_equal(l, untouched);
	words = awl_error_detail(-EINVAL);
	assert_non_null(strstr(words, "kqueue"));
	assert_non_null(strstr(words, "uring, epoll, sim"));
}

static void so_is_one_in_the_environment_which_is_named(void **state)
{
	char *env = getenv("AWL_REACTOR");
	char *saved = env ? strdup(env) : NULL;
	awl_loop *l = NULL;
	awl_loop_options o = { .reactor = "sim" };

	setenv("AWL_REACTOR", "select", 1);
	assert_int_equal(awl_loop_new(NULL, &l), -EINVAL);
	assert_null(l);
	assert_non_null(strstr(
		awl_error_detail(-EINVAL), "AWL_REACTOR=select: no such reactor; there are uring"));
	/* The argument comes first. */
	assert_int_equal(awl_loop_new(&o, &l), 0);
	end_loop(l);
	/* Empty is not set. */
	setenv("AWL_REACTOR", "", 1);
	assert_int_equal(awl_loop_new(NULL, &l), 0);
	end_loop(l);
	unsetenv("AWL_REACTOR");
	if (saved)
		setenv("AWL_REACTOR", saved, 1);
	free(saved);
}

static void done(struct awl__op *op)
{
}

static uint64_t fingerprint(uint64_t seed)
{
	awl_loop_options o = { .reactor = "sim", .seed = seed };
	struct awl__reactor *r;
	uint64_t sum = 0;
	awl_loop *l;
	int fds[2];

	assert_int_equal(awl_loop_new(&o, &l), 0);
	r = l->reactor;
	make_pipe(l, fds);
	/* How a seeded sim splits a thousand bytes. */
	for (int i = 0; i < 32; i++) {
		static char bytes[1000];
		struct awl__op op = { .kind = AWL__OP_WRITE, .fd = fds[1] };

		op.u.rw.buf = bytes;
		op.u.rw.len = sizeof bytes;
		op.u.rw.offset = -1;
		op.done = done;
		if (awl__reactor_submit(r, &op) == 0)
			while (op.state != AWL__OP_IDLE)
				assert_true(awl__reactor_wait(r, INT64_MAX) >= 0);
		sum = sum * 31 + (uint32_t)op.res;
	}
	close_pipe(l, fds);
	end_loop(l);
	return sum;
}

static void a_seed_comes_from_the_options_or_else_from_the_environment(void **state)
{
	uint64_t one, two, none;
	awl_loop *l = NULL;

	unsetenv("AWL_SEED");
	none = fingerprint(0);
	one = fingerprint(1);
	two = fingerprint(2);
	assert_true(one != none && two != none && one != two);
	assert_true(fingerprint(1) == one);
	setenv("AWL_SEED", "0x2", 1);
	assert_true(fingerprint(0) == two);
	assert_true(fingerprint(1) == one);
	setenv("AWL_SEED", "seven", 1);
	assert_int_equal(awl_loop_new(NULL, &l), -EINVAL);
	assert_non_null(strstr(awl_error_detail(-EINVAL), "AWL_SEED=seven: not a number"));
	setenv("AWL_SEED", "99999999999999999999999", 1);
	assert_int_equal(awl_loop_new(NULL, &l), -EINVAL);
	assert_null(l);
	setenv("AWL_SEED", "", 1);
	assert_true(fingerprint(0) == none);
	unsetenv("AWL_SEED");
}

static size_t own_slot(void)
{
	return awl__stack_slot(((struct awl__task *)awl_current_task())->context.stack);
}

static int check_slot(void *arg)
{
	assert_int_equal(own_slot(), *(size_t *)arg);
	return 0;
}

static void stack_size_is_that_of_the_loops_tasks_and_a_tasks_own_comes_first(void **state)
{
	static const struct {
		size_t loop, task, slot;
	} cases[] = {
		{ 0, 0, 256 << 10 },
		{ 1 << 20, 0, 1 << 20 },
		{ (1 << 20) + 1, 0, 2 << 20 },
		{ 1, 0, 128 << 10 },
		{ 1 << 20, 128 << 10, 128 << 10 },
		{ 0, 4 << 20, 4 << 20 },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		awl_loop_options o = { .stack_size = cases[i].loop };
		awl_task_options t = { .stack_size = cases[i].task };
		size_t slot = cases[i].slot;
		awl_task *task;
		awl_loop *l;

		assert_int_equal(awl_loop_new(&o, &l), 0);
		assert_int_equal(awl_loop_create_task(l, &t, check_slot, &slot, &task), 0);
		assert_int_equal(awl_loop_run_until_future(l, task), 0);
		assert_int_equal(awl_unref(task), 0);
		end_loop(l);
	}
}

static void a_stack_beyond_a_gib_is_refused(void **state)
{
	awl_loop_options o = { .stack_size = ((size_t)1 << 30) + 1 };
	awl_task_options t = { .stack_size = SIZE_MAX };
	size_t any = 0;
	awl_loop *l = NULL;

	assert_int_equal(awl_loop_new(&o, &l), -EINVAL);
	assert_null(l);
	l = new_loop(NULL);
	assert_int_equal(awl_loop_create_task(l, &t, check_slot, &any, NULL), -EINVAL);
	end_loop(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_may_be_null_or_all_zero),
		cmocka_unit_test(a_name_is_copied_and_cut_at_31_bytes),
		cmocka_unit_test(a_reactor_is_chosen_by_name),
		cmocka_unit_test(a_reactor_nobody_knows_is_refused_with_a_list_of_the_right_ones),
		cmocka_unit_test(so_is_one_in_the_environment_which_is_named),
		cmocka_unit_test(a_seed_comes_from_the_options_or_else_from_the_environment),
		cmocka_unit_test(stack_size_is_that_of_the_loops_tasks_and_a_tasks_own_comes_first),
		cmocka_unit_test(a_stack_beyond_a_gib_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
