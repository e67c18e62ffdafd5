/* SPDX-License-Identifier: MIT */
/*
 * test_watchdog.c - a step that does not yield is told of while it happens, and how long it was
 * when it has ended (D4). @reactors @thread @valgrind
 */
#include "ear.h"

#include <signal.h>
#include <stdlib.h>
#include <time.h>

#define LIMIT (20 * AWL_MS)

static void run(int64_t slow, uint64_t flags, awl_fn *fn, void *arg)
{
	awl_loop_options o = { .name = "watched", .slow = slow, .flags = flags };

	assert_int_equal(awl_run_with(&o, fn, arg), 0);
}

/* Runs, without a wait, until awl has said that. */
static int spin_until(void *words)
{
	int64_t end = awl__clock_now() + GENEROUS;

	while (!heard(words) && awl__clock_now() < end)
		;
	return heard(words) ? 0 : -ETIME;
}

/* Sleeps in the kernel, as a blocking call does. */
static int block_until(void *words)
{
	struct timespec ms = { .tv_nsec = 1000000 };
	int64_t end = awl__clock_now() + GENEROUS;

	while (!heard(words) && awl__clock_now() < end)
		nanosleep(&ms, NULL);
	return heard(words) ? 0 : -ETIME;
}

static int spin_by_name(void *arg)
{
	assert_int_equal(awl_task_set_name(awl_current_task(), "spinner"), 0);
	return spin_until(arg);
}

static void a_task_that_does_not_yield_is_told_while_it_happens(void **state)
{
	(void)state;
	if (AWL__TSAN)
		skip(); /* it holds a signal back until the next system call */
	run(LIMIT, 0, spin_by_name, (void *)"has not yielded");
	assert_said("4 task spinner of loop");
	assert_said("(watched) has not yielded for ");
	assert_said("it is in ");
	assert_said(" < "); /* more than one frame */
	assert_said("awl_checkpoint");
	assert_not_said("has yielded, after"); /* that is debug mode's */
}

static void a_task_in_a_blocking_call_is_told_while_it_happens(void **state)
{
	(void)state;
	run(LIMIT, 0, block_until, (void *)"has not yielded");
	assert_said("4 task Task-1 of loop");
}

static int spin_in_callback(void *done)
{
	int r = spin_until((void *)"has not yielded");

	awl_future_set_result(done, 0);
	return r;
}

static int await_slow_callback(void *arg)
{
	awl_handle h = AWL_HANDLE_INIT;
	awl_future *done;

	(void)arg;
	assert_int_equal(awl_loop_create_future(here(), 0, &done), 0);
	assert_int_equal(awl_loop_call_soon(here(), spin_in_callback, done, &h), 0);
	assert_int_equal(awl_await(done), 0);
	awl_unref(done);
	return 0;
}

static void a_callback_that_does_not_end_is_told_by_its_name(void **state)
{
	(void)state;
	if (AWL__TSAN)
		skip();
	run(LIMIT, 0, await_slow_callback, NULL);
	assert_said("4 callback inspect.test_watchdog+0x");
}

/* Its end is seen at the next tick; until then it yields. */
static int spin_then_yield(void *arg)
{
	int r = block_until((void *)"has not yielded");
	int64_t end = awl__clock_now() + GENEROUS;

	(void)arg;
	while (r == 0 && !heard("has yielded, after about ") && awl__clock_now() < end)
		r = awl_yield();
	return r;
}

static void debug_mode_tells_of_a_slow_step_once_more_when_it_has_ended(void **state)
{
	(void)state;
	run(LIMIT, AWL_LOOP_DEBUG, spin_then_yield, NULL);
	assert_said("task Task-1 has yielded, after about ");
}

/* A loop in a thread of its own, for as long as the test's own loop watches. */
struct other {
	pthread_t thread;
	awl_loop *loop;
	awl_future *gate;
	awl_fn *body;
	_Atomic bool ready;
};

static void *run_other(void *arg)
{
	struct other *o = arg;

	assert_int_equal(awl_loop_run_until_complete(o->loop, o->body, o), 0);
	return NULL;
}

static int sleep_in_loop(void *arg)
{
	struct other *o = arg;

	assert_int_equal(awl_loop_create_future(here(), 0, &o->gate), 0);
	o->ready = true;
	assert_int_equal(awl_await(o->gate), 1);
	awl_unref(o->gate);
	return 0;
}

static int open_gate(void *arg)
{
	return awl_future_set_result(((struct other *)arg)->gate, 1);
}

static int spin_unwatched(void *arg)
{
	struct other *o = arg;

	o->ready = true;
	return block_until((void *)"(watched) has not yielded");
}

static void start_other(struct other *o, awl_fn *body, int64_t slow)
{
	awl_loop_options options = { .name = "other", .slow = slow };

	*o = (struct other){ .body = body };
	assert_int_equal(awl_loop_new(&options, &o->loop), 0);
	assert_int_equal(pthread_create(&o->thread, NULL, run_other, o), 0);
	while (!o->ready)
		sched_yield();
}

static void end_other(struct other *o)
{
	assert_int_equal(pthread_join(o->thread, NULL), 0);
	end_loop(o->loop);
}

static void a_loop_that_sleeps_is_not_slow(void **state)
{
	struct other o;

	(void)state;
	start_other(&o, sleep_in_loop, LIMIT);
	run(LIMIT, 0, block_until, (void *)"(watched) has not yielded");
	assert_not_said("(other)");
	assert_int_equal(awl_call_soon_threadsafe(o.loop, open_gate, &o, NULL), 0);
	end_other(&o);
}

static void a_loop_without_a_limit_may_take_any_time(void **state)
{
	struct other o;

	(void)state;
	start_other(&o, spin_unwatched, AWL_FOREVER);
	run(LIMIT, 0, block_until, (void *)"(watched) has not yielded");
	assert_not_said("(other)");
	end_other(&o);
}

/* A thread that blocks all signals cannot say where it is. */
static int spin_deaf(void *words)
{
	sigset_t all, old;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = spin_until(words);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return r;
}

static void a_thread_that_blocks_signals_is_told_without_its_stack(void **state)
{
	(void)state;
	run(LIMIT, 0, spin_deaf, (void *)"has not yielded");
	assert_said("its thread does not answer signals");
	/* The signal comes late, and finds nobody who asks. */
	run(LIMIT, 0, block_until, (void *)"(watched) has not yielded");
}

static void the_limit_is_set_and_read(void **state)
{
	awl_loop *l = new_loop(NULL);
	awl_loop_options o = { .slow = AWL_US };

	(void)state;
	assert_int_equal(awl_loop_get_slow_callback_duration(l), 100 * AWL_MS);
	assert_int_equal(awl_loop_set_slow_callback_duration(l, AWL_SEC), 0);
	assert_int_equal(awl_loop_get_slow_callback_duration(l), AWL_SEC);
	assert_int_equal(awl_loop_set_slow_callback_duration(l, AWL_US), -EINVAL);
	assert_int_equal(awl_loop_get_slow_callback_duration(l), AWL_SEC);
	end_loop(l);
	l = NULL;
	assert_int_equal(awl_loop_new(&o, &l), -EINVAL);
	assert_null(l);
}

static void the_environment_sets_the_limit(void **state)
{
	awl_loop *l;

	(void)state;
	setenv("AWL_SLOW_MS", "7", 1);
	l = new_loop(NULL);
	assert_int_equal(awl_loop_get_slow_callback_duration(l), 7 * AWL_MS);
	end_loop(l);
	setenv("AWL_SLOW_MS", "0", 1);
	l = new_loop(NULL);
	assert_int_equal(awl_loop_get_slow_callback_duration(l), AWL_FOREVER);
	end_loop(l);
	setenv("AWL_SLOW_MS", "soon", 1);
	assert_int_equal(awl_loop_new(NULL, &l), -EINVAL);
	assert_string_equal(
		awl_error_detail(-EINVAL), "AWL_SLOW_MS=soon: not a number of milliseconds");
	unsetenv("AWL_SLOW_MS");
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, open_ear, close_ear)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_task_that_does_not_yield_is_told_while_it_happens),
		CASE(a_task_in_a_blocking_call_is_told_while_it_happens),
		CASE(a_callback_that_does_not_end_is_told_by_its_name),
		CASE(debug_mode_tells_of_a_slow_step_once_more_when_it_has_ended),
		CASE(a_loop_that_sleeps_is_not_slow),
		CASE(a_loop_without_a_limit_may_take_any_time),
		CASE(a_thread_that_blocks_signals_is_told_without_its_stack),
		CASE(the_limit_is_set_and_read),
		CASE(the_environment_sets_the_limit),
	};

	unsetenv("AWL_WATCHDOG"); /* tools/run-tests does without */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
