/* SPDX-License-Identifier: MIT */
/*
 * @reactors @valgrind
 * test_callbacks.c - call_soon, call_later, call_at: their order, taking them back from every
 * state, their storage, their failures.
 */
#include "support.h"

#include <limits.h>

static awl_loop *loop;
static struct heard heard;

/* What ran, one letter each. */
static char ran[256];
static size_t ran_n;

static int note(void *arg)
{
	ran[ran_n++] = *(const char *)arg;
	ran[ran_n] = 0;
	return 0;
}

static int make(void **state)
{
	loop = new_loop(NULL);
	ran_n = 0;
	ran[0] = 0;
	return 0;
}

static int end(void **state)
{
	end_loop(loop);
	return 0;
}

static int nothing(void *arg)
{
	return 0;
}

static int stop_here(void *arg)
{
	return awl_loop_stop(here());
}

static void soon(const char *letter, awl_handle *h)
{
	assert_int_equal(awl_loop_call_soon(loop, note, (void *)(uintptr_t)letter, h), 0);
}

static void later(int64_t ns, const char *letter, awl_handle *h)
{
	assert_int_equal(awl_loop_call_later(loop, ns, note, (void *)(uintptr_t)letter, h), 0);
}

static void at(int64_t when, const char *letter, awl_handle *h)
{
	assert_int_equal(awl_loop_call_at(loop, when, note, (void *)(uintptr_t)letter, h), 0);
}

static void iterate(void)
{
	assert_int_equal(awl_loop_stop(loop), 0);
	assert_int_equal(awl_loop_run_forever(loop), 0);
}

static void run_until_timer(int64_t ns)
{
	assert_int_equal(awl_loop_call_later(loop, ns, stop_here, NULL, NULL), 0);
	assert_int_equal(awl_loop_run_forever(loop), 0);
}

/* --- order --- */

/* C2 */
static void callbacks_run_in_the_order_they_came(void **state)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz";

	for (int i = 0; letters[i]; i++)
		soon(&letters[i], NULL);
	iterate();
	assert_string_equal(ran, letters);
}

static int note_and_add(void *arg)
{
	note(arg);
	soon("2", NULL);
	soon("3", NULL);
	return 0;
}

/* C1: an iteration runs a snapshot. */
static void what_a_callback_adds_waits_for_the_next_iteration(void **state)
{
	assert_int_equal(awl_loop_call_soon(loop, note_and_add, "1", NULL), 0);
	soon("b", NULL);
	iterate();
	assert_string_equal(ran, "1b");
	iterate();
	assert_string_equal(ran, "1b23");
}

/* C3: here FIFO among equals is promised. */
static void timers_run_by_deadline_and_in_order_among_equals(void **state)
{
	int64_t now = awl_loop_time(loop);

	at(now + 3000, "c", NULL);
	at(now + 1000, "a", NULL);
	at(now + 2000, "1", NULL);
	at(now + 2000, "2", NULL);
	at(now + 4000, "d", NULL);
	at(now + 2000, "3", NULL);
	at(now + 2000, "4", NULL);
	at(now + 2000, "5", NULL);
	run_until_timer(AWL_MS);
	assert_string_equal(ran, "a12345cd");
}

/* C3 */
static void negative_and_past_times_are_the_next_iteration(void **state)
{
	later(0, "0", NULL);
	later(-1, "1", NULL);
	later(INT64_MIN, "2", NULL);
	iterate();
	assert_string_equal(ran, "012");
	at(INT64_MIN, "a", NULL);
	at(-5, "b", NULL);
	at(0, "c", NULL);
	at(awl_loop_time(loop), "d", NULL);
	iterate();
	assert_string_equal(ran, "012abcd");
}

/* C2: earlier call_soon, then timers that are due */
static void a_past_timer_runs_after_what_was_ready(void **state)
{
	at(0, "t", NULL);
	soon("s", NULL);
	iterate();
	assert_string_equal(ran, "st");
}

/* Between the two: what other threads have left. */
static void what_threads_sent_comes_between_ready_and_timers(void **state)
{
	at(0, "t", NULL);
	assert_int_equal(awl_call_soon_threadsafe(loop, note, "x", NULL), 0);
	soon("s", NULL);
	iterate();
	assert_string_equal(ran, "sxt");
}

static int forever(void *arg)
{
	return awl_sleep(AWL_FOREVER);
}

/* C3: so far away that the sum passes the end of time. */
static void a_timer_beyond_time_never_fires_and_nothing_overflows(void **state)
{
	later(AWL_FOREVER, "x", NULL);
	later(AWL_FOREVER - 1, "x", NULL);
	at(AWL_FOREVER, "x", NULL);
	at(AWL_FOREVER - 1, "x", NULL);
	/* A task that ended leaves a stack to be trimmed in an idle iteration. */
	assert_int_equal(awl_loop_run_until_complete(loop, nothing, NULL), 0);
	assert_int_equal(awl_loop_create_task(loop, NULL, forever, NULL, NULL), 0);
	at(INT64_MIN, "p", NULL);
	run_until_timer(5 * AWL_MS);
	assert_string_equal(ran, "p");
}

static int64_t due;

static int note_time(void *arg)
{
	assert_true(awl_loop_time(loop) >= due);
	return note(arg);
}

/* C4: asyncio may be early by a tick; awl never is. */
static void a_timer_is_never_early(void **state)
{
	for (int i = 0; i < 100; i++) {
		due = awl_loop_time(loop) + i * 1000 + i;
		assert_int_equal(awl_loop_call_at(loop, due, note_time, "t", NULL), 0);
		assert_int_equal(awl_loop_call_at(loop, due, stop_here, NULL, NULL), 0);
		assert_int_equal(awl_loop_run_forever(loop), 0);
		assert_true(awl_loop_time(loop) >= due);
	}
	assert_int_equal(ran_n, 100);
}

/* --- taking back --- */

/* C6 */
static void a_ready_callback_is_taken_back(void **state)
{
	awl_handle a = AWL_HANDLE_INIT, b = AWL_HANDLE_INIT, c = AWL_HANDLE_INIT;

	soon("a", &a);
	soon("b", &b);
	soon("c", &c);
	assert_int_equal(awl_handle_cancelled(&b), 0);
	assert_int_equal(awl_handle_cancel(&b), 1);
	assert_int_equal(awl_handle_cancelled(&b), 1);
	iterate();
	assert_string_equal(ran, "ac");
}

/* C5, C6: true removal */
static void a_timer_is_taken_back_wherever_it_stands(void **state)
{
	awl_handle h[9] = { 0 };
	static const char letters[] = "012345678";
	int64_t now = awl_loop_time(loop);

	for (size_t i = 0; i < COUNT(h); i++)
		at(now + (int64_t)(i * 7 % 9), &letters[i], &h[i]);
	assert_int_equal(loop->timers.count, 9);
	assert_int_equal(awl_handle_cancel(&h[0]), 1); /* the first to come */
	assert_int_equal(awl_handle_cancel(&h[5]), 1); /* the last */
	assert_int_equal(awl_handle_cancel(&h[8]), 1);
	assert_int_equal(loop->timers.count, 6);
	run_until_timer(AWL_MS);
	assert_int_equal(ran_n, 6);
	assert_null(strpbrk(ran, "058"));
	assert_int_equal(loop->timers.count, 0);
}

/* C6: 'idempotent' */
static void a_second_cancel_finds_nothing(void **state)
{
	awl_handle h = AWL_HANDLE_INIT;

	assert_int_equal(awl_handle_cancel(&h), 0); /* never used */
	assert_int_equal(awl_handle_cancelled(&h), 0);
	soon("x", &h);
	assert_int_equal(awl_handle_cancel(&h), 1);
	assert_int_equal(awl_handle_cancel(&h), 0);
	assert_int_equal(awl_handle_cancelled(&h), 1);
	later(AWL_SEC, "x", &h);
	assert_int_equal(awl_handle_cancelled(&h), 0);
	assert_int_equal(awl_handle_cancel(&h), 1);
	assert_int_equal(awl_handle_cancel(&h), 0);
	iterate();
	assert_string_equal(ran, "");
	assert_int_equal(awl_handle_cancel(NULL), -EINVAL);
	assert_int_equal(awl_handle_cancelled(NULL), -EINVAL);
	assert_true(awl_handle_when(NULL) == -EINVAL);
}

static void one_that_has_run_is_not_cancelled(void **state)
{
	awl_handle h = AWL_HANDLE_INIT;

	soon("x", &h);
	iterate();
	assert_int_equal(awl_handle_cancel(&h), 0);
	assert_int_equal(awl_handle_cancelled(&h), 0);
}

static void one_that_a_thread_sent_is_taken_back(void **state)
{
	awl_handle h = AWL_HANDLE_INIT;

	assert_int_equal(awl_call_soon_threadsafe(loop, note, "x", &h), 0);
	assert_int_equal(awl_handle_cancel(&h), 1);
	assert_int_equal(awl_handle_cancelled(&h), 1);
	iterate();
	assert_string_equal(ran, "");
	/* and its storage is free to be sent again */
	assert_int_equal(awl_call_soon_threadsafe(loop, note, "y", &h), 0);
	iterate();
	assert_string_equal(ran, "y");
}

static int cancel_own(void *arg)
{
	assert_int_equal(awl_handle_cancel(arg), 0);
	assert_int_equal(awl_handle_cancelled(arg), 0);
	return note("o");
}

static void a_callback_that_runs_cannot_take_itself_back(void **state)
{
	awl_handle h = AWL_HANDLE_INIT;

	assert_int_equal(awl_loop_call_soon(loop, cancel_own, &h, &h), 0);
	iterate();
	assert_int_equal(awl_loop_call_at(loop, 0, cancel_own, &h, &h), 0);
	iterate();
	assert_string_equal(ran, "oo");
}

static int cancel_that(void *arg)
{
	assert_int_equal(awl_handle_cancel(arg), 1);
	return 0;
}

/* C6: 'a cancelled handle in ready is skipped': also in the batch that runs now */
static void one_of_the_running_batch_is_taken_back_by_another(void **state)
{
	awl_handle next = AWL_HANDLE_INIT, last = AWL_HANDLE_INIT, timer = AWL_HANDLE_INIT;

	assert_int_equal(awl_loop_call_soon(loop, cancel_that, &next, NULL), 0);
	soon("n", &next);
	assert_int_equal(awl_loop_call_soon(loop, cancel_that, &last, NULL), 0);
	soon("m", NULL);
	soon("l", &last);
	iterate();
	assert_string_equal(ran, "m");
	/* due, and so in the batch already */
	assert_int_equal(awl_loop_call_at(loop, 0, cancel_that, &timer, NULL), 0);
	at(0, "t", &timer);
	iterate();
	assert_string_equal(ran, "m");
}

/* --- storage --- */

static awl_handle again = AWL_HANDLE_INIT;

static int run_again(void *arg)
{
	int *left = arg;

	note("r");
	return --*left > 0 ? awl_loop_call_soon(here(), run_again, left, &again) : stop_here(NULL);
}

static int run_again_later(void *arg)
{
	int *left = arg;

	note("l");
	return --*left > 0 ? awl_loop_call_later(here(), 1, run_again_later, left, &again)
			   : stop_here(NULL);
}

static int run_again_sent(void *arg)
{
	int *left = arg;

	note("s");
	return --*left > 0 ? awl_call_soon_threadsafe(here(), run_again_sent, left, &again)
			   : stop_here(NULL);
}

static void a_handle_serves_again_inside_its_own_callback(void **state)
{
	awl_fn *const ways[] = { run_again, run_again_later, run_again_sent };

	for (size_t i = 0; i < COUNT(ways); i++) {
		int left = 5;

		assert_int_equal(awl_loop_call_soon(loop, ways[i], &left, &again), 0);
		assert_int_equal(awl_loop_run_forever(loop), 0);
	}
	assert_string_equal(ran, "rrrrrlllllsssss");
}

/* C2: each runs once */
static void a_handle_that_waits_is_busy(void **state)
{
	awl_handle h = AWL_HANDLE_INIT;

	for (int way = 0; way < 3; way++) {
		if (way == 0)
			soon("x", &h);
		else if (way == 1)
			later(1, "x", &h);
		else
			assert_int_equal(awl_call_soon_threadsafe(loop, note, "x", &h), 0);
		assert_int_equal(awl_loop_call_soon(loop, note, "y", &h), -EBUSY);
		assert_non_null(strstr(awl_error_detail(-EBUSY), "waiting already"));
		assert_int_equal(awl_loop_call_later(loop, 1, note, "y", &h), -EBUSY);
		assert_int_equal(awl_loop_call_at(loop, 1, note, "y", &h), -EBUSY);
		/* A2: what was asked first stays. */
		run_until_timer(1000);
	}
	assert_string_equal(ran, "xxx");
}

/* C9: 'a handle already sent stays sent once' */
static void a_handle_is_sent_once_however_often(void **state)
{
	awl_handle h = AWL_HANDLE_INIT;

	for (int i = 0; i < 5; i++)
		assert_int_equal(awl_call_soon_threadsafe(loop, note, "s", &h), 0);
	iterate();
	assert_string_equal(ran, "s");
	/* It waits here already: it waits once. */
	soon("r", &h);
	assert_int_equal(awl_call_soon_threadsafe(loop, note, "s", &h), 0);
	iterate();
	assert_string_equal(ran, "sr");
	assert_int_equal(awl_call_soon_threadsafe(loop, note, "t", &h), 0);
	iterate();
	assert_string_equal(ran, "srt");
	/* A timer's comes now, as what was sent, and not a second time. */
	assert_int_equal(awl_loop_call_later(loop, 3600 * AWL_SEC, note, "l", &h), 0);
	assert_int_equal(awl_call_soon_threadsafe(loop, note, "u", &h), 0);
	iterate();
	iterate();
	assert_string_equal(ran, "srtu");
	assert_int_equal(awl_handle_cancel(&h), 0);
}

/* C6: when() */
static void a_timer_says_when(void **state)
{
	awl_handle h = AWL_HANDLE_INIT;
	int64_t before, when;

	assert_true(awl_handle_when(&h) == 0);
	at(12345, "x", &h);
	assert_true(awl_handle_when(&h) == 12345);
	iterate();
	assert_true(awl_handle_when(&h) == 12345);
	before = awl_loop_time(loop);
	later(AWL_SEC, "x", &h);
	when = awl_handle_when(&h);
	assert_true(when >= before + AWL_SEC && when <= awl_loop_time(loop) + AWL_SEC);
	assert_int_equal(awl_handle_cancel(&h), 1);
	assert_true(awl_handle_when(&h) == when);
}

/* C10 */
static void a_callback_without_loop_or_function_is_refused(void **state)
{
	assert_int_equal(awl_loop_call_soon(NULL, nothing, NULL, NULL), -EINVAL);
	assert_int_equal(awl_loop_call_soon(loop, NULL, NULL, NULL), -EINVAL);
	assert_int_equal(awl_loop_call_later(NULL, 1, nothing, NULL, NULL), -EINVAL);
	assert_int_equal(awl_loop_call_later(loop, 1, NULL, NULL, NULL), -EINVAL);
	assert_int_equal(awl_loop_call_at(NULL, 1, nothing, NULL, NULL), -EINVAL);
	assert_int_equal(awl_loop_call_at(loop, 1, NULL, NULL, NULL), -EINVAL);
	assert_int_equal(awl_call_soon_threadsafe(NULL, nothing, NULL, NULL), -EINVAL);
	assert_int_equal(awl_call_soon_threadsafe(loop, NULL, NULL, NULL), -EINVAL);
}

/* A wait in a callback is told, with the callback's name. */
static int wait_here(void *arg)
{
	int *r = arg;

	r[0] = awl_sleep(1);
	r[1] = awl_yield();
	r[2] = awl_checkpoint();
	return 0;
}

static void a_callback_may_not_wait(void **state)
{
	int r[3] = { 0 };

	listen_to_awl(&heard);
	assert_int_equal(awl_loop_call_soon(loop, wait_here, r, NULL), 0);
	iterate();
	stop_listening();
	for (size_t i = 0; i < COUNT(r); i++)
		assert_int_equal(r[i], AWL_ENOTASK);
	assert_int_equal(heard.lines, 3);
	assert_heard(&heard, "awl_sleep called outside a task, in callback");
	assert_heard(&heard, "create a task");
}

/* --- failures --- */

struct told {
	int times;
	awl_exception e;
	char message[128];
	awl_loop *loop;
};

static void tell(awl_loop *l, const awl_exception *e, void *arg)
{
	struct told *t = arg;

	t->times++;
	t->e = *e;
	t->loop = l;
	snprintf(t->message, sizeof t->message, "%s", e->message);
}

static int fails(void *arg)
{
	note("f");
	return -EIO;
}

/* C8, D9, D10 */
static void a_callbacks_failure_goes_to_the_exception_handler_and_the_loop_goes_on(void **state)
{
	awl_handle h = AWL_HANDLE_INIT;
	struct told t = { 0 };

	assert_int_equal(awl_loop_set_exception_handler(loop, tell, &t), 0);
	assert_int_equal(awl_loop_call_soon(loop, fails, NULL, &h), 0);
	soon("b", NULL);
	iterate();
	assert_string_equal(ran, "fb");
	assert_int_equal(t.times, 1);
	assert_ptr_equal(t.loop, loop);
	assert_ptr_equal(t.e.handle, &h);
	assert_int_equal(t.e.error, -EIO);
	assert_null(t.e.task);
	assert_null(t.e.future);
	assert_non_null(t.e.detail);
	assert_non_null(strstr(t.message, "callback"));
	/* Allocated by awl, it is gone: nothing to point to. */
	assert_int_equal(awl_loop_call_soon(loop, fails, NULL, NULL), 0);
	assert_int_equal(awl_loop_call_at(loop, 0, fails, NULL, NULL), 0);
	assert_int_equal(awl_call_soon_threadsafe(loop, fails, NULL, NULL), 0);
	iterate();
	assert_int_equal(t.times, 4);
	assert_null(t.e.handle);
}

/* D9 */
static void null_restores_the_default_which_writes_one_line(void **state)
{
	struct told t = { 0 };

	assert_int_equal(awl_loop_set_exception_handler(loop, tell, &t), 0);
	assert_int_equal(awl_loop_set_exception_handler(loop, NULL, NULL), 0);
	listen_to_awl(&heard);
	assert_int_equal(awl_loop_call_soon(loop, fails, NULL, NULL), 0);
	iterate();
	stop_listening();
	assert_int_equal(t.times, 0);
	assert_int_equal(heard.lines, 1);
	assert_heard(&heard, "3 callback ");
	assert_heard(&heard, "failed: Input/output error (EIO)");
}

/* D9, D10 */
static void the_handler_can_be_called_by_anybody(void **state)
{
	awl_exception e = { .message = "mine", .error = -EPIPE };
	struct told t = { 0 };

	assert_int_equal(awl_loop_call_exception_handler(NULL, &e), -EINVAL);
	assert_int_equal(awl_loop_call_exception_handler(loop, NULL), -EINVAL);
	assert_int_equal(awl_loop_set_exception_handler(NULL, tell, &t), -EINVAL);
	assert_int_equal(awl_loop_set_exception_handler(loop, tell, &t), 0);
	assert_int_equal(awl_loop_call_exception_handler(loop, &e), 0);
	assert_int_equal(t.times, 1);
	assert_string_equal(t.message, "mine");
	assert_string_equal(t.e.detail, "");
	listen_to_awl(&heard);
	awl_loop_default_exception_handler(loop, &e);
	e.message = NULL;
	e.detail = "why";
	awl_loop_default_exception_handler(loop, &e);
	awl_loop_default_exception_handler(loop, NULL);
	stop_listening();
	assert_int_equal(t.times, 1);
	assert_int_equal(heard.lines, 2);
	assert_heard(&heard, "mine: Broken pipe (EPIPE)\n");
	assert_heard(&heard, "(EPIPE): why\n");
}

static int fail_with_words(void *arg)
{
	return awl_loop_new(NULL, NULL);
}

static void hand_on(awl_loop *l, const awl_exception *e, void *arg)
{
	tell(l, e, arg);
	awl_loop_default_exception_handler(l, e);
}

/* D10: the words behind the code */
static void a_failure_comes_with_its_words(void **state)
{
	struct told t = { 0 };

	listen_to_awl(&heard);
	assert_int_equal(awl_loop_set_exception_handler(loop, hand_on, &t), 0);
	assert_int_equal(awl_loop_call_soon(loop, fail_with_words, NULL, NULL), 0);
	iterate();
	assert_int_equal(heard.lines, 1);
	assert_heard(&heard, "no place for the loop");
	/* a task's, too */
	assert_int_equal(awl_loop_create_task(loop, NULL, fail_with_words, NULL, NULL), 0);
	iterate();
	stop_listening();
	assert_int_equal(t.times, 2);
	assert_non_null(t.e.task);
	assert_int_equal(heard.lines, 2);
	assert_non_null(strstr(strchr(heard.text, '\n'), "no place for the loop"));
}

static void wait_in_handler(awl_loop *l, const awl_exception *e, void *arg)
{
	*(int *)arg = awl_yield();
	assert_null(awl_current_task());
}

/* The task whose failure is told has ended: nobody is there to wait. */
static void the_handler_is_outside_every_task_when_a_task_ends(void **state)
{
	int r = 0;

	listen_to_awl(&heard);
	assert_int_equal(awl_loop_set_exception_handler(loop, wait_in_handler, &r), 0);
	assert_int_equal(awl_loop_create_task(loop, NULL, fails, NULL, NULL), 0);
	iterate();
	stop_listening();
	assert_int_equal(r, AWL_ENOTASK);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, make, end)

/* The stacks that have given back what they can. */
static unsigned trimmed(void)
{
	unsigned n = 0;

	for (struct awl__stack *s = loop->stacks.classes[AWL__STACK_DEFAULT].cold; s; s = s->next)
		n++;
	return n;
}

/* A server's stacks come and go with its connections, and it sleeps between any two. */
static void idle_stacks_give_memory_back_ten_times_a_second_at_most(void **state)
{
	int64_t then;

	assert_int_equal(awl_loop_run_until_complete(loop, nothing, NULL), 0);
	if (loop->virtual_time)
		skip();
	then = loop->now += AWL_SEC;
	assert_int_equal(awl__loop_sleep_until(loop), then + 100 * AWL_MS); /* takes note */
	for (int i = 1; i < 100; i++) {
		loop->now = then + i * AWL_MS;
		assert_int_equal(awl__loop_sleep_until(loop), then + 100 * AWL_MS);
	}
	assert_int_equal(trimmed(), 0);
	loop->now = then + 100 * AWL_MS;
	assert_int_equal(awl__loop_sleep_until(loop), INT64_MAX); /* for good: nothing is left */
	assert_int_equal(trimmed(), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(callbacks_run_in_the_order_they_came),
		CASE(what_a_callback_adds_waits_for_the_next_iteration),
		CASE(timers_run_by_deadline_and_in_order_among_equals),
		CASE(negative_and_past_times_are_the_next_iteration),
		CASE(a_past_timer_runs_after_what_was_ready),
		CASE(what_threads_sent_comes_between_ready_and_timers),
		CASE(a_timer_beyond_time_never_fires_and_nothing_overflows),
		CASE(a_timer_is_never_early),
		CASE(idle_stacks_give_memory_back_ten_times_a_second_at_most),
		CASE(a_ready_callback_is_taken_back),
		CASE(a_timer_is_taken_back_wherever_it_stands),
		CASE(a_second_cancel_finds_nothing),
		CASE(one_that_has_run_is_not_cancelled),
		CASE(one_that_a_thread_sent_is_taken_back),
		CASE(a_callback_that_runs_cannot_take_itself_back),
		CASE(one_of_the_running_batch_is_taken_back_by_another),
		CASE(a_handle_serves_again_inside_its_own_callback),
		CASE(a_handle_that_waits_is_busy),
		CASE(a_handle_is_sent_once_however_often),
		CASE(a_timer_says_when),
		CASE(a_callback_without_loop_or_function_is_refused),
		CASE(a_callback_may_not_wait),
		CASE(a_callbacks_failure_goes_to_the_exception_handler_and_the_loop_goes_on),
		CASE(null_restores_the_default_which_writes_one_line),
		CASE(the_handler_can_be_called_by_anybody),
		CASE(a_failure_comes_with_its_words),
		CASE(the_handler_is_outside_every_task_when_a_task_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
