/* SPDX-License-Identifier: MIT */
/*
 * @reactors
 * test_stack.c - stacks as tasks have them: the frames of a parked one, and how much it has used.
 */
#include "support.h"
#include "task/dig.h"

#include <errno.h>
#include <pthread.h>

/* --- frames --- */

/* With names that a linker knows: they are to be read in a printed stack. */
int test_innermost(void *arg);
int test_middle(void *arg);
int test_outermost(void *arg);

AWL__NOINLINE int test_innermost(void *arg)
{
	int r = awl_sleep(AWL_FOREVER);

	__asm__ volatile("");
	return r;
}

AWL__NOINLINE int test_middle(void *arg)
{
	int r = test_innermost(arg);

	__asm__ volatile("");
	return r;
}

AWL__NOINLINE int test_outermost(void *arg)
{
	int r = test_middle(arg);

	__asm__ volatile("");
	return r;
}

static bool is_in(const void *frame, awl_fn *fn)
{
	uintptr_t at = (uintptr_t)frame, begin = (uintptr_t)fn;

	return at > begin && at < begin + 512;
}

/* Innermost first: sleep's frames, then our three, then the entry. */
static void assert_three(void *const *frames, int n)
{
	int i = 0;

	assert_true(n >= 4);
	while (i < n && !is_in(frames[i], test_innermost))
		i++;
	assert_true(i + 3 <= n);
	assert_true(is_in(frames[i], test_innermost));
	assert_true(is_in(frames[i + 1], test_middle) || is_in(frames[i + 1], test_innermost));
	for (; i < n && !is_in(frames[i], test_outermost); i++)
		;
	assert_true(i < n);
	/* No more behind it than the task's entry. */
	assert_in_range(n - i, 2, 4);
}

static int deep_task(awl_task **t)
{
	return awl_create_task(test_outermost, NULL, t);
}

static int look_from_callback(void *arg)
{
	void *frames[32];

	assert_three(frames, awl_task_get_stack(arg, frames, 32));
	return 0;
}

static int look_at_frames(void *arg)
{
	void *frames[32], *one[1];
	awl_task *t;

	assert_int_equal(deep_task(&t), 0);
	assert_int_equal(awl_task_get_stack(t, frames, 32), 0); /* not begun */
	assert_int_equal(awl_yield(), 0);
	/* from a task, again and again, and from a callback */
	for (int i = 0; i < 3; i++)
		assert_three(frames, awl_task_get_stack(t, frames, 32));
	assert_int_equal(awl_task_get_stack(t, one, 1), 1);
	assert_int_equal(awl_task_get_stack(t, one, 0), 0);
	assert_int_equal(awl_loop_call_soon(here(), look_from_callback, t, NULL), 0);
	assert_int_equal(awl_yield(), 0);
	/* looked at, it was not disturbed */
	assert_int_equal(awl_done(t), 0);
	assert_int_equal(awl_cancel(t, NULL), 1);
	assert_int_equal(awl_await(t), AWL_EFUTURECANCELED);
	assert_int_equal(awl_task_get_stack(t, frames, 32), 0); /* done */
	assert_int_equal(awl_unref(t), 0);
	/* ourselves */
	assert_true(awl_task_get_stack(awl_current_task(), frames, 32) >= 2);
	return 0;
}

/* T12: all frames, where asyncio has one */
static void the_frames_of_a_parked_task_are_its_functions(void **state)
{
	in_loop(look_at_frames, NULL);
}

static int yield_once(void *arg)
{
	assert_int_equal(awl_yield(), 0);
	return 0;
}

static int look_at_ready(void *arg)
{
	void *frames[32];
	awl_task *t;

	assert_int_equal(awl_create_task(yield_once, NULL, &t), 0);
	assert_int_equal(awl_yield(), 0);
	/* It is ready behind us, and stays so. */
	assert_true(awl_task_get_stack(t, frames, 32) >= 2);
	assert_int_equal(awl_await(t), 0);
	return awl_unref(t);
}

static void a_task_that_is_ready_can_be_looked_at_too(void **state)
{
	in_loop(look_at_ready, NULL);
}

static int nothing(void *arg)
{
	return 0;
}

struct asked {
	awl_task *t;
	int outcome;
};

static void *ask_elsewhere(void *arg)
{
	struct asked *a = arg;
	void *frames[8];

	a->outcome = awl_task_get_stack(a->t, frames, 8);
	return NULL;
}

static void between_two_runs_its_own_thread_may_look_and_no_other(void **state)
{
	awl_loop *l = new_loop(NULL);
	struct asked a = { 0 };
	void *frames[32];
	awl_future *f;
	pthread_t thread;

	assert_int_equal(awl_loop_create_task(l, NULL, test_outermost, NULL, &a.t), 0);
	assert_int_equal(awl_loop_run_until_complete(l, nothing, NULL), 0);
	assert_three(frames, awl_task_get_stack(a.t, frames, 32));
	assert_int_equal(pthread_create(&thread, NULL, ask_elsewhere, &a), 0);
	pthread_join(thread, NULL);
	assert_int_equal(a.outcome, AWL_ETHREAD);
	assert_int_equal(awl_task_get_stack(a.t, frames, -1), -EINVAL);
	assert_int_equal(awl_task_get_stack(a.t, NULL, 3), -EINVAL);
	assert_int_equal(awl_task_get_stack(NULL, frames, 3), -EINVAL);
	assert_int_equal(awl_loop_create_future(l, 0, &f), 0);
	assert_int_equal(awl_task_get_stack(f, frames, 3), -EINVAL);
	assert_int_equal(awl_task_print_stack(f, STDERR_FILENO), -EINVAL);
	assert_int_equal(awl_unref(f), 0);
	assert_int_equal(awl_unref(a.t), 0);
	end_loop(l);
}

static int print_it(void *arg)
{
	static char text[8192];
	int fds[2];
	ssize_t n;
	awl_task *t;

	assert_int_equal(pipe(fds), 0);
	assert_int_equal(deep_task(&t), 0);
	assert_int_equal(awl_task_set_name(t, "sleeper"), 0);
	assert_int_equal(awl_task_print_stack(t, fds[1]), 0);
	assert_int_equal(awl_yield(), 0);
	assert_int_equal(awl_task_print_stack(t, fds[1]), 0);
	assert_int_equal(awl_cancel(t, NULL), 1);
	assert_int_equal(awl_await(t), AWL_EFUTURECANCELED);
	assert_int_equal(awl_task_print_stack(t, fds[1]), 0);
	n = read(fds[0], text, sizeof text - 1);
	assert_true(n > 0);
	text[n] = 0;
	assert_non_null(strstr(text, "sleeper, test_outermost: has not begun\n"));
	assert_non_null(strstr(text, "sleeper, test_outermost: most recent call first\n"));
	assert_non_null(strstr(text, "test_innermost"));
	assert_non_null(strstr(text, "test_middle"));
	assert_true(strstr(text, "test_innermost") < strstr(text, "test_middle"));
	assert_non_null(strstr(text, "sleeper, test_outermost: done\n"));
	close(fds[0]);
	close(fds[1]);
	assert_int_equal(awl_task_print_stack(t, fds[1]), -EBADF);
	return awl_unref(t);
}

/* T12: print_stack */
static void a_printed_stack_names_the_functions(void **state)
{
	in_loop(print_it, NULL);
}

/* --- how much of it --- */

static int use_some(void *arg)
{
	volatile int sum = use(*(int *)arg);

	(void)sum;
	return awl_sleep(AWL_FOREVER);
}

static int measure(void *arg)
{
	static int sizes[] = { 1, 20, 100 };
	int64_t last = 0;

	for (size_t i = 0; i < COUNT(sizes); i++) {
		awl_task_options o = { .stack_size = 512 * KIB };
		int64_t used;
		awl_task *t;

		assert_int_equal(awl_loop_create_task(here(), &o, use_some, &sizes[i], &t), 0);
		assert_true(awl_task_stack_used(t) == 0);
		assert_int_equal(awl_yield(), 0);
		used = awl_task_stack_used(t);
		assert_true(used % getpagesize() == 0);
		assert_true(used >= sizes[i] * KIB);
		assert_true(used > last || i == 0);
		assert_true(used <= (sizes[i] * 2 + 64) * KIB);
		last = used;
		/* Parked for ever: its stack is not the next one's. */
		assert_int_equal(awl_unref(t), 0);
	}
	assert_true(awl_task_stack_used(awl_current_task()) > 0);
	assert_true(awl_task_stack_used(NULL) == -EINVAL);
	return 0;
}

static void what_a_task_has_touched_is_known(void **state)
{
	if (AWL__ASAN || AWL__TSAN)
		skip(); /* frames are larger, or elsewhere */
	in_loop(measure, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_frames_of_a_parked_task_are_its_functions),
		cmocka_unit_test(a_task_that_is_ready_can_be_looked_at_too),
		cmocka_unit_test(between_two_runs_its_own_thread_may_look_and_no_other),
		cmocka_unit_test(a_printed_stack_names_the_functions),
		cmocka_unit_test(what_a_task_has_touched_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
