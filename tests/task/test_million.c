/* SPDX-License-Identifier: MIT */
/*
 * @alone @timeout 120
 * test_million.c - a million parked tasks, each with a guarded stack: AWL_TEST_TASKS of them, or
 * as many as memory holds. Only the build that users get runs the whole million.
 */
#include "support.h"

#include <sys/mman.h>

#if defined(__clang__) || AWL__ASAN || AWL__TSAN
#define TASKS 20000
#else
#define TASKS 1000000
#endif

#define BYTES_A_TASK 6000 /* with page tables, and room to be wrong */

static long available(void)
{
	char line[128];
	long kib = 0;
	FILE *f = fopen("/proc/meminfo", "r");

	assert_non_null(f);
	while (fgets(line, sizeof line, f))
		if (sscanf(line, "MemAvailable: %ld", &kib) == 1)
			break;
	fclose(f);
	return kib * 1024;
}

static long resident(void)
{
	long size = 0, pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%ld %ld", &size, &pages), 2);
	fclose(f);
	return pages * getpagesize();
}

struct crowd {
	awl_future *gate;
	long begun, passed;
};

static int wait_at_gate(void *arg)
{
	struct crowd *c = arg;
	int r;

	c->begun++;
	r = awl_await(c->gate);
	c->passed++;
	return r;
}

/* Each has 64 KiB below its stack that no write(2) can read from. */
static void assert_guarded(const struct awl__task *t)
{
	const struct awl__stack *s = t->context.stack;
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], s->low, 1), 1);
	assert_int_equal(write(fds[1], s->low - 1, 1), -1);
	assert_int_equal(errno, EFAULT);
	assert_int_equal(write(fds[1], s->low - AWL__STACK_GUARD, 1), -1);
	close(fds[0]);
	close(fds[1]);
}

static int stand(void *arg)
{
	long tasks = *(long *)arg, before = resident(), after;
	struct crowd c = { 0 };
	awl_task *t = NULL;
	awl_task_group g;
	int mappings;

	assert_int_equal(awl_loop_create_future(here(), 0, &c.gate), 0);
	assert_int_equal(awl_task_group_enter(&g), 0);
	for (long i = 0; i < tasks; i++) {
		assert_int_equal(awl_task_group_create_task(
					 &g, wait_at_gate, &c, i % (tasks / 4) ? NULL : &t),
			0);
		/* As they come; all unbegun at once would be a million rows without a stack. */
		if (i % 1000 == 0) {
			assert_int_equal(awl_yield(), 0);
			if (t)
				assert_guarded((struct awl__task *)t);
			t = NULL;
		}
	}
	assert_int_equal(awl_yield(), 0);
	assert_int_equal(c.begun, tasks);
	assert_int_equal(c.passed, 0);
	after = resident();
	mappings = maps();
	assert_int_equal(awl_all_tasks(here(), NULL, 0), (int)tasks + 1);
	assert_int_equal(awl_future_set_result(c.gate, 0), 0);
	assert_int_equal(awl_task_group_exit(&g, 0), 0);
	assert_int_equal(c.passed, tasks);
	assert_int_equal(awl_unref(c.gate), 0);
	print_message("# %ld tasks, %ld bytes resident each, %d mappings\n", tasks,
		(after - before) / tasks, mappings);
	/* DESIGN, 5: RSS <= 4.4 KB; sanitizers have their own. */
	if (!AWL__ASAN && !AWL__TSAN)
		assert_true((after - before) / tasks <= 4500);
	return 0;
}

static void a_million_tasks_stand_parked_with_guards(void **state)
{
	long tasks = test_scale("AWL_TEST_TASKS", TASKS);

	if (tasks > available() / BYTES_A_TASK)
		tasks = available() / BYTES_A_TASK;
	tasks -= tasks % 4;
	in_loop(stand, &tasks);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_million_tasks_stand_parked_with_guards),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
