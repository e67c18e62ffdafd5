/* SPDX-License-Identifier: MIT */
/*
 * test_deadlock.c - a loop that nothing can wake says so, once, with its graph; while a thread, a
 * handler or a reference might still wake it, it does not. @reactors
 */
#include "ear.h"
#include "loop/watchdog.h"

#include <awl/inspect.h>

#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>

static awl_future *gate;
static uint64_t verdicts_before;

static bool judged(void)
{
	return awl__watch_verdicts != verdicts_before;
}

static int open_gate(void *arg)
{
	(void)arg;
	return awl_future_set_result(gate, 0);
}

/* The way out: the logger is called in the loop's thread, between two steps. */
static void open_when_told(const char *line)
{
	if (strstr(line, "waits for a future ("))
		open_gate(NULL);
}

static int await_gate(void *arg)
{
	(void)arg;
	assert_int_equal(awl_loop_create_future(here(), 0, &gate), 0);
	assert_int_equal(awl_await(gate), 0);
	awl_unref(gate);
	return 0;
}

static void skip_where_a_thread_is_the_sanitizers(void)
{
	if (AWL__TSAN)
		skip();
}

static void a_future_that_nobody_can_end_is_a_deadlock(void **state)
{
	(void)state;
	skip_where_a_thread_is_the_sanitizers();
	ear.also = open_when_told;
	in_loop(await_gate, NULL);
	assert_said("3 AWL_EDEADLK: loop 0x");
	assert_said("none of its 1 tasks can go on");
	assert_said("Task-1, inspect.test_deadlock+0x");
	assert_said(": waits for a future (0x");
}

static awl_task *round_table[3];

/* The first waits by a way that awl_await does not look along: so nobody is refused. */
static int wait_for_the_next(void *arg)
{
	intptr_t i = (intptr_t)arg;

	return i == 0 ? awl_wait(&round_table[1], 1, AWL_FOREVER, AWL_ALL_COMPLETED)
		      : awl_await(round_table[(i + 1) % 3]);
}

static int told_of_deadlock;

static void send_one_away(const char *line)
{
	told_of_deadlock += strstr(line, "AWL_EDEADLK") != NULL;
	if (strstr(line, "the 3 tasks of its group"))
		awl_cancel(round_table[1], "so that the others can go on");
}

static int sit_around(void *arg)
{
	static const char *const names[] = { "Plato", "Hegel", "Kant" };
	awl_task_group g;

	(void)arg;
	awl_task_group_enter(&g);
	for (intptr_t i = 0; i < 3; i++) {
		assert_int_equal(awl_task_group_create_task(
					 &g, wait_for_the_next, (void *)i, &round_table[i]),
			0);
		assert_int_equal(awl_task_set_name(round_table[i], names[i]), 0);
	}
	return awl_task_group_exit(&g, 0);
}

static void tasks_that_wait_in_a_circle_are_told_circle_first(void **state)
{
	const char *circle, *rest;

	(void)state;
	skip_where_a_thread_is_the_sanitizers();
	told_of_deadlock = 0;
	ear.also = send_one_away;
	in_loop(sit_around, NULL);
	assert_int_equal(told_of_deadlock, 1);
	assert_said("3 wait for each other in a circle:");
	assert_said("Plato, inspect.test_deadlock+0x");
	assert_said(": waits for the first of several (");
	assert_said(": waits for task Kant, ");
	assert_said(": waits for task Plato, ");
	circle = strstr(ear.text, "circle");
	rest = strstr(ear.text, "the 3 tasks of its group");
	assert_true(rest && circle < rest);
}

static void *open_once_judged(void *loop)
{
	int64_t end = awl__clock_now() + GENEROUS;

	while (!judged() && awl__clock_now() < end)
		sched_yield();
	assert_int_equal(awl_call_soon_threadsafe(loop, open_gate, NULL, NULL), 0);
	return NULL;
}

static int await_with_a_thread(void *arg)
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, open_once_judged, here()), 0);
	assert_int_equal(await_gate(arg), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	return 0;
}

static void while_another_thread_lives_it_is_no_deadlock(void **state)
{
	(void)state;
	in_loop(await_with_a_thread, NULL);
	assert_true(judged());
	assert_int_equal(ear.lines, 0);
}

static awl_handle from_handler = AWL_HANDLE_INIT;
static awl_loop *alarmed;

static void on_alarm(int sig)
{
	(void)sig;
	if (judged() && alarmed)
		awl_call_soon_threadsafe(alarmed, open_gate, NULL, &from_handler);
}

static int await_alarm(void *arg)
{
	alarmed = here();
	assert_int_equal(await_gate(arg), 0);
	alarmed = NULL;
	return 0;
}

static void while_a_signal_has_a_handler_it_is_no_deadlock(void **state)
{
	struct itimerval often = { { 0, 600000 }, { 0, 600000 } }, never = { { 0, 0 }, { 0, 0 } };
	struct sigaction ours = { .sa_handler = on_alarm }, before;

	(void)state;
	sigaction(SIGALRM, &ours, &before);
	setitimer(ITIMER_REAL, &often, NULL);
	in_loop(await_alarm, NULL);
	setitimer(ITIMER_REAL, &never, NULL);
	sigaction(SIGALRM, &before, NULL);
	assert_int_equal(ear.lines, 0);
}

/* Debug mode says what else there is to know, and so lets the test go on. */
static void while_somebody_has_a_reference_it_is_no_deadlock(void **state)
{
	awl_loop *l = new_loop(NULL);

	(void)state;
	skip_where_a_thread_is_the_sanitizers();
	assert_int_equal(awl_loop_set_debug(l, 1), 0);
	awl_loop_ref(l);
	ear.also = open_when_told;
	assert_int_equal(awl_loop_run_until_complete(l, await_gate, NULL), 0);
	assert_not_said("AWL_EDEADLK");
	assert_said("6 loop 0x");
	assert_said("only another thread, a signal handler or who has a reference can wake its 1 "
		    "tasks");
	awl_loop_unref(l);
	end_loop(l);
}

static int await_gate_with_a_timer(void *arg)
{
	awl_handle h = AWL_HANDLE_INIT;

	assert_int_equal(awl_loop_call_later(here(), 300 * AWL_MS, open_gate, NULL, &h), 0);
	return await_gate(arg);
}

static void a_loop_with_a_timer_is_not_even_considered(void **state)
{
	(void)state;
	in_loop(await_gate_with_a_timer, NULL);
	assert_false(judged());
	assert_int_equal(ear.lines, 0);
}

static int begin(void **state)
{
	verdicts_before = awl__watch_verdicts;
	return open_ear(state);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, begin, close_ear)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_future_that_nobody_can_end_is_a_deadlock),
		CASE(tasks_that_wait_in_a_circle_are_told_circle_first),
		CASE(while_another_thread_lives_it_is_no_deadlock),
		CASE(while_a_signal_has_a_handler_it_is_no_deadlock),
		CASE(while_somebody_has_a_reference_it_is_no_deadlock),
		CASE(a_loop_with_a_timer_is_not_even_considered),
	};

	unsetenv("AWL_WATCHDOG"); /* tools/run-tests does without */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
