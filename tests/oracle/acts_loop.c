/* SPDX-License-Identifier: MIT */
/*
 * acts_loop.c - callbacks, timers, futures and tasks, acted in awl.
 */
#include "oracle/acts.h"

/* --- callbacks and timers --- */

static int adds_one(void *arg)
{
	say("adds");
	soon("added");
	return 0;
}

/* C1, C2 */
static int callbacks_run_in_order_and_what_they_add_later(void *arg)
{
	soon("a");
	(void)!awl_loop_call_soon(loop(), adds_one, NULL, NULL);
	soon("b");
	say("before");
	(void)!awl_yield();
	say("after one");
	(void)!awl_yield();
	say("after two");
	return 0;
}

/* C3 */
static int timers_run_by_deadline(void *arg)
{
	after_ms(30, "30");
	after_ms(10, "10");
	after_ms(20, "20");
	soon("soon");
	return sleep_ms(40);
}

/* C6 */
static int a_cancelled_handle_does_not_run(void *arg)
{
	awl_handle a = AWL_HANDLE_INIT, b = AWL_HANDLE_INIT;

	(void)!awl_loop_call_soon(loop(), WORD("a"), &a);
	(void)!awl_loop_call_later(loop(), AWL_MS, WORD("b"), &b);
	soon("c");
	awl_handle_cancel(&a);
	awl_handle_cancel(&b);
	say("cancelled: %d %d", awl_handle_cancelled(&a), awl_handle_cancelled(&b));
	return sleep_ms(5);
}

/* --- futures --- */

static void done(awl_future *f, void *arg)
{
	say("%s: %s", (const char *)arg, word(awl_result(f)));
}

#define ON_DONE(f, w) (void)!awl_future_add_done_callback(f, done, (void *)(uintptr_t)(w), NULL)

/* F6, F7 */
static int done_callbacks_come_through_the_ready_list(void *arg)
{
	awl_future *f = future();

	ON_DONE(f, "a");
	ON_DONE(f, "b");
	ON_DONE(f, "c");
	ON_DONE(f, "b");
	say("removed: %d", awl_future_remove_done_callback(f, done, (void *)(uintptr_t) "b"));
	soon("soon");
	awl_future_set_result(f, 5);
	say("set");
	ON_DONE(f, "late");
	(void)!awl_yield();
	say("after");
	awl_unref(f);
	return 0;
}

/* F1-F3, F5, F9 */
static int a_result_comes_once(void *arg)
{
	awl_future *f = future(), *g = future();

	say("%s", word(awl_result(f)));
	say("%s", word(awl_future_set_result(f, 7)));
	say("%s", word(awl_future_set_result(f, 8)));
	say("%s", word(awl_future_set_exception(f, -EIO)));
	say("cancel: %d", awl_cancel(f, NULL));
	soon("not yet");
	say("%s", word(awl_await(f)));
	say("cancel: %d", awl_cancel(g, NULL));
	say("cancel: %d", awl_cancel(g, NULL));
	say("%s", word(awl_result(g)));
	say("%s", word(awl_future_set_result(g, 1)));
	(void)!awl_yield();
	awl_unref(f);
	awl_unref(g);
	return 0;
}

/* F9 */
static int waiters_wake_in_the_order_they_came(void *arg)
{
	awl_task *a, *b, *c;

	shared = future();
	a = WAITER("a");
	b = WAITER("b");
	c = WAITER("c");
	(void)!awl_yield();
	awl_future_set_exception(shared, -EIO);
	say("set");
	(void)!awl_await(c);
	say("all");
	awl_unref(a);
	awl_unref(b);
	awl_unref(c);
	awl_unref(shared);
	return 0;
}

/* --- tasks --- */

static int counts(void *arg)
{
	for (int i = 0; i < 3; i++) {
		say("%s %d", (const char *)arg, i);
		(void)!awl_yield();
	}
	return 3;
}

/* T1, T15 */
static int tasks_take_turns(void *arg)
{
	awl_task *a = task(counts, (void *)(uintptr_t) "a");
	awl_task *b = task(counts, (void *)(uintptr_t) "b");

	say("created");
	counts((void *)(uintptr_t) "main");
	tell_end("a", a);
	tell_end("b", b);
	return 0;
}

static int says_cancelled(void *arg)
{
	return AWL_ECANCELED;
}

/* T8, T13 */
static int an_outcome_is_what_the_body_ended_with(void *arg)
{
	awl_task *a = task(fails, NULL), *b = task(says_cancelled, NULL);

	say("%s", word(awl_future_set_result(a, 1)));
	say("%s", word(awl_result(a)));
	(void)!awl_yield();
	say("%s %d", word(awl_result(a)), awl_cancelled(a));
	say("%s %d", word(awl_result(b)), awl_cancelled(b));
	say("cancel: %d", awl_cancel(a, NULL));
	tell_end("a", a);
	tell_end("b", b);
	return 0;
}

const struct act acts_of_loop[] = {
	ACT(callbacks_run_in_order_and_what_they_add_later),
	ACT(timers_run_by_deadline),
	ACT(a_cancelled_handle_does_not_run),
	ACT(done_callbacks_come_through_the_ready_list),
	ACT(a_result_comes_once),
	ACT(waiters_wake_in_the_order_they_came),
	ACT(tasks_take_turns),
	ACT(an_outcome_is_what_the_body_ended_with),
	{ NULL, NULL },
};
