/* SPDX-License-Identifier: MIT */
/*
 * @reactors
 * test_overflow.c - the stack a task was given, and what a task that needs more says before the
 * process dies of it. No loop runs in this process itself: the handler is each child's own.
 */
#include "child.h"
#include "support.h"
#include "task/dig.h"

static int dig(void *arg)
{
	volatile int sum = use(*(int *)arg);

	(void)sum;
	return 0;
}

struct hole {
	size_t loop_size, task_size;
	const char *name;
	int kib;
};

static int dig_in_task(void *arg)
{
	struct hole *h = arg;
	awl_task_options o = { .name = h->name, .stack_size = h->task_size };
	awl_task *t;

	assert_int_equal(awl_loop_create_task(here(), &o, dig, &h->kib, &t), 0);
	return outcome(t);
}

static struct hole hole; /* the child's */

static void dig_it(void)
{
	awl_loop_options o = { .stack_size = hole.loop_size };

	_exit(awl_run_with(&o, dig_in_task, &hole) != 0);
}

static void assert_dies(struct hole h, const char *words)
{
	hole = h;
	assert_died_by_segv(in_a_child(dig_it));
	if (!strstr(said, words))
		fail_msg("not said: %s; but: %s", words, said);
	assert_non_null(strstr(said, "give the task a larger stack"));
	assert_null(strchr(strchr(said, '\n') + 1, '\n'));
}

static void assert_lives(struct hole h)
{
	hole = h;
	assert_exited(in_a_child(dig_it), 0);
	assert_string_equal(said, "");
}

/* A12 */
static void an_overflow_names_the_task_its_stack_and_the_remedy(void **state)
{
	assert_dies((struct hole){ .name = "mole", .kib = 300 },
		"awl: stack overflow in task mole: its 256 KiB (64 of them guard)");
	assert_dies((struct hole){ .kib = 300 }, "awl: stack overflow in task Task-2: its 256");
	assert_dies((struct hole){ .name = "vole", .task_size = 1024 * KIB, .kib = 2000 },
		"awl: stack overflow in task vole: its 1024 KiB");
}

static void stack_size_is_honoured(void **state)
{
	assert_dies((struct hole){ .name = "a", .task_size = 128 * KIB, .kib = 100 }, "task a:");
	assert_lives((struct hole){ .kib = 100 });
	assert_dies((struct hole){ .name = "b", .loop_size = 128 * KIB, .kib = 100 }, "task b:");
	if (AWL__ASAN || AWL__TSAN)
		return; /* larger frames */
	assert_lives((struct hole){ .loop_size = 1024 * KIB, .kib = 600 });
	assert_lives((struct hole){ .task_size = 4096 * KIB, .kib = 2500 });
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_overflow_names_the_task_its_stack_and_the_remedy),
		cmocka_unit_test(stack_size_is_honoured),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
