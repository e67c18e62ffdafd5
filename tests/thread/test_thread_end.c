/* SPDX-License-Identifier: MIT */
/*
 * test_thread_end.c - threads that are cancelled, exit, or end with a loop on their hands, and
 * longjmp: the rules of docs/threads.md, each with its test.
 *
 * @reactors
 */
#include "threads.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

/* --- pthread_cancel -------------------------------------------------------------------------- */

static int seven(void *arg)
{
	int r = awl_sleep(AWL_US);

	return r < 0 ? r : 7;
}

static struct {
	awl_loop *loop;
	struct line line;
	bool passed_the_run;
	int state_before, state_after;
} ends;

static void *runs_and_asks(void *arg)
{
	int outcome;

	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &ends.state_before);
	outcome = awl_loop_run_forever(ends.loop);
	ends.passed_the_run = expect(outcome == 0);
	expect(awl_loop_close(ends.loop) == 0);
	pthread_testcancel();
	wrong("the request was forgotten");
	return NULL;
}

/* A request waits until the run has returned: the loop is never left in a dead thread's hands. */
static void a_thread_cancelled_inside_a_run_ends_after_it(void **state)
{
	awl_cfuture *c;
	int outcome = 0;
	pthread_t t;

	ends.loop = new_loop(NULL);
	ends.passed_the_run = false;
	t = start_thread(runs_and_asks, NULL);
	assert_int_equal(awl_call_threadsafe(ends.loop, runner_tid, NULL, 0, AWL_FOREVER, NULL), 0);
	assert_int_equal(pthread_cancel(t), 0);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(awl_run_coroutine_threadsafe(ends.loop, seven, NULL, 0, &c), 0);
		assert_int_equal(awl_cfuture_join(c, &outcome), 0);
		assert_int_equal(outcome, 7);
		awl_cfuture_unref(c);
	}
	assert_int_equal(awl_call_soon_threadsafe(ends.loop, stop_loop, ends.loop, NULL), 0);
	assert_ptr_equal(join_thread(t), PTHREAD_CANCELED);
	assert_true(ends.passed_the_run);
	awl_loop_unref(ends.loop);
	settle();
}

static void *runs_with_cancel_off(void *arg)
{
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	expect(awl_run(seven, NULL) == 7);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &ends.state_before);
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
	expect(awl_run(seven, NULL) == 7);
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &ends.state_after);
	return NULL;
}

static void a_run_leaves_the_threads_cancel_state_as_it_was(void **state)
{
	join_thread(start_thread(runs_with_cancel_off, NULL));
	assert_int_equal(ends.state_before, PTHREAD_CANCEL_DISABLE);
	assert_int_equal(ends.state_after, PTHREAD_CANCEL_ENABLE);
	settle();
}

/* --- threads that end with a loop on their hands, in a process of their own ------------------ */

/* What is leaked there ends with it. Its exit status is what it expected and did not find. */
static void in_a_child(void (*body)(void))
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		alarm(30);
		body();
		_exit(unexpected ? 1 : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static _Atomic int lines;
static char last_line[1024];

static void on_line(int level, const char *line, void *arg)
{
	snprintf(last_line, sizeof last_line, "%s", line);
	lines++;
}

static int exits(void *arg)
{
	pthread_exit(arg);
}

static void *runs_what_exits(void *arg)
{
	(void)!awl_loop_run_until_complete(ends.loop, exits, &ends);
	wrong("pthread_exit returned");
	return NULL;
}

static int must_not_start(void *arg)
{
	wrong("a refused coroutine was started");
	return 0;
}

static void exit_in_a_task(void)
{
	void *ret = NULL;
	pthread_t t;

	ends.loop = new_loop(NULL);
	awl_set_logger(on_line, NULL);
	expect(pthread_create(&t, NULL, runs_what_exits, NULL) == 0);
	expect(pthread_join(t, &ret) == 0 && ret == &ends);
	/* It is said, and the loop is nobody else's for it. */
	expect(lines == 1);
	expect(strstr(last_line, "ended while it ran loop") != NULL);
	expect(strstr(last_line, "awl_loop_stop") != NULL);
	expect(awl_loop_run_until_complete(ends.loop, must_not_start, NULL) == AWL_ERUNNING);
	expect(awl_loop_stop(ends.loop) == AWL_ETHREAD);
	expect(awl_loop_close(ends.loop) == AWL_ERUNNING);
	expect(awl_call_threadsafe(ends.loop, must_not_start, NULL, 0, AWL_MS, NULL) == -ETIMEDOUT);
}

static void a_thread_that_exits_inside_a_run_is_reported_and_its_loop_stays_refused(void **state)
{
	in_a_child(exit_in_a_task);
}

static int sleeps(void *arg)
{
	return awl_sleep(AWL_FOREVER);
}

static int begins_one(void *arg)
{
	int r = awl_create_task(sleeps, NULL, NULL);

	return r < 0 ? r : awl_yield();
}

static void *leaves_one_behind(void *arg)
{
	expect(awl_loop_run_until_complete(ends.loop, begins_one, NULL) == 0);
	return NULL;
}

static void end_while_bound(void)
{
	pthread_t t;

	ends.loop = new_loop(NULL);
	expect(pthread_create(&t, NULL, leaves_one_behind, NULL) == 0);
	expect(pthread_join(t, NULL) == 0);
	awl_set_logger(on_line, NULL);
	expect(awl_loop_run_until_complete(ends.loop, must_not_start, NULL) == AWL_ETHREAD);
	expect(strstr(last_line, "is bound to another") != NULL);
	expect(awl_loop_close(ends.loop) == AWL_ETHREAD);
	/* What needs no stack of the dead thread's still works. */
	expect(awl_all_tasks(ends.loop, NULL, 0) == 1);
	lines = 0;
	awl_loop_unref(ends.loop);
	expect(lines >= 2 && strstr(last_line, "it is leaked") != NULL);
}

static void a_loop_bound_to_a_thread_that_has_ended_is_refused_and_leaked_aloud(void **state)
{
	in_a_child(end_while_bound);
}

/* A slot of a dead thread is given out again, and what it ran before is not the new thread's. */
static void *runs_once(void *arg)
{
	expect(awl_run(seven, NULL) == 7);
	return NULL;
}

static void threads_that_come_and_go_leave_nothing(void **state)
{
	for (int i = 0; i < 300; i++) /* more than a page has slots */
		join_thread(start_thread(runs_once, NULL));
	settle();
}

/* --- longjmp --------------------------------------------------------------------------------- */

static jmp_buf back;

static int jumps(int depth);
static int (*volatile deeper)(int depth) = jumps;

static int jumps(int depth)
{
	expect(awl_yield() == 0);
	if (depth == 0)
		longjmp(back, 5);
	return deeper(depth - 1) + 1;
}

static int ticks(void *arg)
{
	int r = 0;

	for (int i = 0; i < 20 && r == 0; i++)
		r = awl_yield();
	return r;
}

static int jumps_up(void *arg)
{
	awl_task *other;
	int came;

	expect(awl_create_task(ticks, NULL, &other) == 0);
	came = setjmp(back);
	if (came == 0)
		jumps(5);
	expect(came == 5);
	expect(awl_await(other) == 0);
	awl_unref(other);
	return 0;
}

/* Up in its own task, over waits, if no scope is jumped out of. */
static void a_longjmp_inside_one_task_is_right(void **state)
{
	in_loop(jumps_up, NULL);
	settle();
}

__attribute__((noinline)) static int enters_and_jumps(void)
{
	awl_timeout t;

	awl_timeout_enter(&t, AWL_SEC);
	longjmp(back, 6);
}

static int jumps_out_of_a_scope(void *arg)
{
	int came = setjmp(back);

	if (came == 0)
		enters_and_jumps();
	expect(came == 6);
	expect(awl_yield() == AWL_ESCOPE); /* found at the next wait, and closed */
	expect(awl_yield() == 0);
	return 0;
}

static void a_longjmp_out_of_a_scope_is_found_at_the_next_wait(void **state)
{
	if (AWL__ASAN)
		skip(); /* its fake stacks say nothing of which frame is dead */
	awl_set_logger(on_line, NULL);
	in_loop(jumps_out_of_a_scope, NULL);
	awl_set_logger(NULL, NULL);
	settle();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_thread_cancelled_inside_a_run_ends_after_it),
		cmocka_unit_test(a_run_leaves_the_threads_cancel_state_as_it_was),
		cmocka_unit_test(
			a_thread_that_exits_inside_a_run_is_reported_and_its_loop_stays_refused),
		cmocka_unit_test(
			a_loop_bound_to_a_thread_that_has_ended_is_refused_and_leaked_aloud),
		cmocka_unit_test(threads_that_come_and_go_leave_nothing),
		cmocka_unit_test(a_longjmp_inside_one_task_is_right),
		cmocka_unit_test(a_longjmp_out_of_a_scope_is_found_at_the_next_wait),
	};

	return cmocka_run_group_tests_name("thread.thread_end", tests, NULL, NULL);
}
