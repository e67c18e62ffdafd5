/* SPDX-License-Identifier: MIT */
/*
 * prog_scenarios.c - what docs/asyncio.md calls "same", acted out in awl; test_python.py acts it
 * out in asyncio, under the same names, and compares what both say, line by line.
 */
#include <awl.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#define UNUSED (void)arg

static void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
}

/* Codes in the words that both sides use. */
static const char *word(int r)
{
	static char buf[4][16];
	static unsigned next;

	switch (r) {
	case AWL_ECANCELED:
	case AWL_EFUTURECANCELED:
		return "cancelled";
	case -ETIMEDOUT:
		return "timeout";
	case -EIO:
		return "failed";
	case AWL_EPENDING:
	case AWL_EDONE:
	case AWL_EISTASK:
	case AWL_ESCOPE:
	case AWL_EBROKEN:
	case AWL_ESHUTDOWN:
	case -EAGAIN:
	case -EOVERFLOW:
	case -EPERM:
		return "refused";
	default:
		snprintf(buf[++next % 4], sizeof *buf, "%d", r);
		return buf[next % 4];
	}
}

static awl_loop *loop(void)
{
	awl_loop *l = NULL;

	(void)!awl_get_running_loop(&l);
	return l;
}

static awl_future *future(void)
{
	awl_future *f = NULL;

	(void)!awl_loop_create_future(loop(), 0, &f);
	return f;
}

static awl_task *task(awl_fn *fn, void *arg)
{
	awl_task *t = NULL;

	(void)!awl_create_task(fn, arg, &t);
	return t;
}

static int sleep_ms(int ms)
{
	return awl_sleep(ms * AWL_MS);
}

/* A task's end, as who awaits it sees it; the handle is given up. */
static void tell_end(const char *name, awl_task *t)
{
	say("%s: %s", name, word(awl_await(t)));
	awl_unref(t);
}

static int say_word(void *arg)
{
	say("%s", (const char *)arg);
	return 0;
}
#define WORD(w) say_word, (void *)(uintptr_t)(w)

static void soon(const char *w)
{
	(void)!awl_loop_call_soon(loop(), WORD(w), NULL);
}

static void after_ms(int ms, const char *w)
{
	(void)!awl_loop_call_later(loop(), ms * AWL_MS, WORD(w), NULL);
}

/* A sleeper that says how its sleep went, cleans up for some time if asked to stop, and ends. */
struct sleeper {
	const char *name;
	int ms; /* < 0: a yield */
	int ends; /* with this, if it slept out */
	int cleanup;
	int cancelled; /* it ends with this where it was cancelled; 0: cancelled */
};

static int sleeper(void *arg)
{
	const struct sleeper *s = arg;
	int r;

	say("%s begins", s->name);
	r = s->ms < 0 ? awl_yield() : sleep_ms(s->ms);
	say("%s slept: %s", s->name, word(r));
	if (r < 0 && s->cleanup) {
		awl_shield shield;

		/* In asyncio a group cancels once: there a plain sleep is as good. */
		awl_shield_enter(&shield, AWL_FOREVER);
		(void)!awl_shield_exit(&shield, sleep_ms(s->cleanup));
		say("%s cleaned up", s->name);
	}
	if (r < 0)
		return s->cancelled ? s->cancelled : r;
	return s->ends;
}

/* --- callbacks and timers --- */

static int adds_one(void *arg)
{
	UNUSED;
	say("adds");
	soon("added");
	return 0;
}

/* C1, C2 */
static int callbacks_run_in_order_and_what_they_add_later(void *arg)
{
	UNUSED;
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
	UNUSED;
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

	UNUSED;
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

	UNUSED;
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

	UNUSED;
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

static awl_future *shared;

static int waiter(void *arg)
{
	say("%s waits", (const char *)arg);
	say("%s: %s", (const char *)arg, word(awl_await(shared)));
	return 0;
}
#define WAITER(name) task(waiter, (void *)(uintptr_t)(name))

/* F9 */
static int waiters_wake_in_the_order_they_came(void *arg)
{
	awl_task *a, *b, *c;

	UNUSED;
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

	UNUSED;
	say("created");
	counts((void *)(uintptr_t) "main");
	tell_end("a", a);
	tell_end("b", b);
	return 0;
}

static int fails(void *arg)
{
	UNUSED;
	return -EIO;
}

static int says_cancelled(void *arg)
{
	UNUSED;
	return AWL_ECANCELED;
}

/* T8, T13 */
static int an_outcome_is_what_the_body_ended_with(void *arg)
{
	awl_task *a = task(fails, NULL), *b = task(says_cancelled, NULL);

	UNUSED;
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

/* --- cancellation --- */

/* X2 */
static int a_cancel_ends_a_wait_once(void *arg)
{
	awl_task *t;

	UNUSED;
	t = task(
		sleeper, &(struct sleeper){ .name = "t", .ms = 50, .cleanup = 10, .cancelled = 4 });
	(void)!sleep_ms(5);
	say("cancel: %d", awl_cancel(t, NULL));
	say("done: %d", awl_done(t));
	tell_end("t", t);
	return 0;
}

/* X1 */
static int a_cancel_goes_down_to_what_is_awaited(void *arg)
{
	awl_task *t;

	UNUSED;
	shared = future();
	t = WAITER("t");
	(void)!awl_yield();
	say("cancel: %d", awl_cancel(t, NULL));
	say("future: %d", awl_cancelled(shared));
	tell_end("t", t);
	awl_unref(shared);
	return 0;
}

static int awaits(void *arg)
{
	int r = awl_await(arg);

	say("outer: %s", word(r));
	return r;
}

/* X1 */
static int a_cancel_goes_through_tasks_to_the_bottom(void *arg)
{
	awl_task *inner, *outer;

	UNUSED;
	inner = task(sleeper, &(struct sleeper){ .name = "inner", .ms = 50, .cleanup = 10 });
	outer = task(awaits, inner);
	(void)!sleep_ms(5);
	say("cancel: %d", awl_cancel(outer, NULL));
	(void)!awl_join(outer);
	say("inner %d, outer %d", awl_cancelled(inner), awl_cancelled(outer));
	awl_unref(inner);
	awl_unref(outer);
	return 0;
}

static int counts_requests(void *arg)
{
	UNUSED;
	say("first: %s", word(sleep_ms(50)));
	say("cancelling: %d", awl_cancelling(awl_current_task()));
	say("second: %s", word(sleep_ms(10)));
	say("uncancel: %d", awl_uncancel(awl_current_task()));
	say("uncancel: %d", awl_uncancel(awl_current_task()));
	say("uncancel: %d", awl_uncancel(awl_current_task()));
	return 9;
}

/* X3-X5 */
static int requests_of_one_moment_are_one_delivery(void *arg)
{
	awl_task *t = task(counts_requests, NULL);

	UNUSED;
	(void)!sleep_ms(5);
	awl_cancel(t, NULL);
	awl_cancel(t, NULL);
	tell_end("t", t);
	return 0;
}

static int cancels_itself(void *arg)
{
	UNUSED;
	say("cancel: %d", awl_cancel(awl_current_task(), NULL));
	say("still here");
	say("yield: %s", word(awl_yield()));
	say("yield: %s", word(awl_yield()));
	return 6;
}

/* X8's other half: the next wait tells */
static int who_cancels_itself_hears_of_it_at_its_next_wait(void *arg)
{
	awl_task *t = task(cancels_itself, NULL);

	UNUSED;
	tell_end("t", t);
	return 0;
}

/* X6's harmless half: after the end */
static int a_cancel_after_the_end_changes_nothing(void *arg)
{
	awl_task *t = task(sleeper, &(struct sleeper){ .name = "t", .ms = 5, .ends = 2 });

	UNUSED;
	(void)!sleep_ms(10);
	say("cancel: %d", awl_cancel(t, NULL));
	tell_end("t", t);
	return 0;
}

/* --- timeouts --- */

/* X15, X16, X18 */
static int a_timeout_ends_the_body(void *arg)
{
	awl_timeout t;
	int r;

	UNUSED;
	awl_timeout_enter(&t, 10 * AWL_MS);
	r = sleep_ms(50);
	say("inside: %s", word(r));
	r = awl_timeout_exit(&t, r);
	say("exit: %s, expired: %d", word(r), awl_timeout_expired(&t));
	awl_timeout_enter(&t, 10 * AWL_MS);
	r = awl_timeout_exit(&t, sleep_ms(5));
	say("exit: %s, expired: %d", word(r), awl_timeout_expired(&t));
	say("cancelling: %d", awl_cancelling(awl_current_task()));
	return 0;
}

static int nested(int outer_ms, int inner_ms)
{
	awl_timeout outer, inner;
	int r;

	awl_timeout_enter(&outer, outer_ms * AWL_MS);
	awl_timeout_enter(&inner, inner_ms * AWL_MS);
	r = awl_timeout_exit(&inner, sleep_ms(50));
	say("inner: %s", word(r));
	if (r == -ETIMEDOUT)
		r = sleep_ms(1);
	r = awl_timeout_exit(&outer, r);
	say("outer: %s", word(r));
	return r;
}

/* X19 */
static int nested_timeouts_answer_for_themselves(void *arg)
{
	UNUSED;
	nested(20, 10);
	nested(10, 20);
	return 0;
}

static int in_a_timeout(void *arg)
{
	awl_timeout t;
	int r;

	UNUSED;
	awl_timeout_enter(&t, 10 * AWL_MS);
	r = sleep_ms(50);
	say("inside: %s", word(r));
	r = awl_timeout_exit(&t, r);
	say("exit: %s", word(r));
	return r;
}

/* X16 */
static int a_cancel_in_a_timeout_is_no_timeout(void *arg)
{
	awl_task *t = task(in_a_timeout, NULL);

	UNUSED;
	(void)!sleep_ms(5);
	awl_cancel(t, NULL);
	tell_end("t", t);
	return 0;
}

static int cleans_up_slowly(void *arg)
{
	awl_timeout t;
	awl_shield s;
	int r;

	UNUSED;
	awl_timeout_enter(&t, 10 * AWL_MS);
	r = sleep_ms(50);
	say("inside: %s", word(r));
	awl_shield_enter(&s, AWL_FOREVER); /* asyncio's timeout cancels once */
	say("clean-up: %s", word(awl_shield_exit(&s, sleep_ms(10))));
	r = awl_timeout_exit(&t, r);
	say("exit: %s", word(r));
	return r;
}

/* X17 */
static int a_deadline_can_be_moved(void *arg)
{
	awl_timeout t;
	int r;

	UNUSED;
	awl_timeout_enter(&t, 10 * AWL_MS);
	awl_timeout_reschedule(&t, awl_loop_time(loop()) + 30 * AWL_MS);
	say("inside: %s", word(sleep_ms(20)));
	awl_timeout_reschedule(&t, awl_loop_time(loop()) + 5 * AWL_MS);
	r = sleep_ms(20);
	say("inside: %s", word(r));
	say("exit: %s", word(awl_timeout_exit(&t, r)));
	return 0;
}

static int swallows(void *arg)
{
	UNUSED;
	say("first: %s", word(sleep_ms(50)));
	return 3;
}

/* X12, X14 */
static int wait_for_gives_what_the_body_made_of_it(void *arg)
{
	UNUSED;
	say("%s", word(awl_wait_for(10 * AWL_MS, swallows, NULL)));
	say("%s",
		word(awl_wait_for(10 * AWL_MS, sleeper,
			&(struct sleeper){ .name = "s", .ms = 5, .ends = 2 })));
	say("%s",
		word(awl_wait_for(
			10 * AWL_MS, sleeper, &(struct sleeper){ .name = "s", .ms = 15 })));
	say("%s", word(awl_wait_for(10 * AWL_MS, fails, NULL)));
	return 0;
}

/* A clean-up takes longer than the deadline leaves: it is a timeout all the same. */
static int a_slow_clean_up_is_still_a_timeout(void *arg)
{
	awl_task *t = task(cleans_up_slowly, NULL);

	UNUSED;
	tell_end("t", t);
	return 0;
}

/* --- groups --- */

static awl_task *child(awl_task_group *g, const struct sleeper *s)
{
	awl_task *t = NULL;
	int r = awl_task_group_create_task(g, sleeper, (void *)(uintptr_t)s, &t);

	if (r < 0)
		say("%s: refused", s->name);
	return t;
}
#define CHILD(g, ...) child(g, &(struct sleeper){ __VA_ARGS__ })

static awl_task_group *group_of_adder;

static int adder(void *arg)
{
	static const struct sleeper added = { .name = "added", .ms = 10 };

	UNUSED;
	(void)!sleep_ms(5);
	child(group_of_adder, &added);
	return 0;
}

/* G3 */
static int a_group_waits_for_all_of_its_children(void *arg)
{
	awl_task_group g;

	UNUSED;
	group_of_adder = &g;
	awl_task_group_enter(&g);
	CHILD(&g, .name = "a", .ms = 20);
	CHILD(&g, .name = "b", .ms = 10);
	(void)!awl_task_group_create_task(&g, adder, NULL, NULL);
	say("body ends");
	say("exit: %s", word(awl_task_group_exit(&g, 0)));
	return 0;
}

/* G4, G9 */
static int a_failure_stops_children_and_body(void *arg)
{
	awl_task_group g;
	int r;

	UNUSED;
	awl_task_group_enter(&g);
	CHILD(&g, .name = "a", .ms = 50, .cleanup = 5);
	CHILD(&g, .name = "b", .ms = 10, .ends = -EIO);
	CHILD(&g, .name = "c", .ms = 50);
	r = sleep_ms(30);
	say("body: %s", word(r));
	say("exit: %s", word(awl_task_group_exit(&g, r)));
	say("cancelling: %d", awl_cancelling(awl_current_task()));
	return 0;
}

/* G4 */
static int a_failing_body_stops_its_children(void *arg)
{
	awl_task_group g;

	UNUSED;
	awl_task_group_enter(&g);
	CHILD(&g, .name = "a", .ms = 50, .cleanup = 5);
	CHILD(&g, .name = "b", .ms = 50);
	(void)!sleep_ms(5);
	say("exit: %s", word(awl_task_group_exit(&g, -EIO)));
	return 0;
}

/* G2 */
static int a_stopping_group_takes_no_child(void *arg)
{
	awl_task_group g;
	int r;

	UNUSED;
	awl_task_group_enter(&g);
	CHILD(&g, .name = "a", .ms = 5, .ends = -EIO);
	r = sleep_ms(50);
	CHILD(&g, .name = "b", .ms = 5);
	say("exit: %s", word(awl_task_group_exit(&g, r)));
	CHILD(&g, .name = "c", .ms = 5);
	return 0;
}

/* G7 */
static int a_child_cancelled_alone_is_no_failure(void *arg)
{
	awl_task_group g;
	awl_task *a;

	UNUSED;
	awl_task_group_enter(&g);
	a = CHILD(&g, .name = "a", .ms = 50);
	CHILD(&g, .name = "b", .ms = 20);
	(void)!sleep_ms(5);
	awl_cancel(a, NULL);
	say("exit: %s", word(awl_task_group_exit(&g, 0)));
	return 0;
}

static const struct sleeper quiet_child = { .name = "a", .ms = 50, .cleanup = 5 };
static const struct sleeper bad_child = { .name = "b", .ms = 50, .cancelled = -EIO };

static int joins_two(void *arg)
{
	awl_task_group g;
	int r;

	awl_task_group_enter(&g);
	child(&g, &quiet_child);
	child(&g, arg);
	r = awl_task_group_exit(&g, 0);
	say("exit: %s", word(r));
	say("cancelling: %d", awl_cancelling(awl_current_task()));
	say("then: %s", word(awl_yield()));
	return r;
}

/* G8 */
static int a_parent_cancelled_while_it_joins_stops_its_children(void *arg)
{
	static const struct sleeper other = { .name = "b", .ms = 50 };
	awl_task *t = task(joins_two, (void *)(uintptr_t)&other);

	UNUSED;
	(void)!sleep_ms(5);
	awl_cancel(t, NULL);
	tell_end("t", t);
	return 0;
}

/* G8 */
static int a_failure_of_a_stopped_child_wins(void *arg)
{
	awl_task *t = task(joins_two, (void *)(uintptr_t)&bad_child);

	UNUSED;
	(void)!sleep_ms(5);
	awl_cancel(t, NULL);
	tell_end("t", t);
	return 0;
}

/* X19, G9: a group in a timeout */
static int a_timeout_around_a_group_stops_it(void *arg)
{
	awl_task_group g;
	awl_timeout t;
	int r;

	UNUSED;
	awl_timeout_enter(&t, 10 * AWL_MS);
	awl_task_group_enter(&g);
	CHILD(&g, .name = "a", .ms = 50, .cleanup = 5);
	CHILD(&g, .name = "b", .ms = 50);
	r = awl_task_group_exit(&g, 0);
	say("group: %s", word(r));
	say("timeout: %s", word(awl_timeout_exit(&t, r)));
	say("cancelling: %d", awl_cancelling(awl_current_task()));
	return 0;
}

/* --- gather, wait, as_completed --- */

static void three(awl_task *t[3])
{
	static struct sleeper s[] = { { .name = "a", .ms = 30, .ends = 1 },
		{ .name = "b", .ms = 10, .ends = -EIO }, { .name = "c", .ms = 20, .ends = 3 } };

	for (int i = 0; i < 3; i++)
		t[i] = task(sleeper, &s[i]);
}

static void give_up_three(awl_task *t[3])
{
	for (int i = 0; i < 3; i++)
		awl_unref(t[i]);
}

/* T16, T17 */
static int wait_returns_when_it_was_told_to(void *arg)
{
	awl_task *t[3];

	UNUSED;
	three(t);
	say("%d", awl_wait(t, 3, AWL_FOREVER, AWL_FIRST_COMPLETED));
	say("%d %d %d", awl_done(t[0]), awl_done(t[1]), awl_done(t[2]));
	say("%d", awl_wait(t, 3, 5 * AWL_MS, AWL_ALL_COMPLETED));
	say("%d", awl_wait(t, 3, AWL_FOREVER, AWL_ALL_COMPLETED));
	say("%s", word(awl_result(t[1])));
	give_up_three(t);
	three(t);
	(void)!awl_yield();
	awl_cancel(t[2], NULL);
	say("%d", awl_wait(t, 3, AWL_FOREVER, AWL_FIRST_EXCEPTION));
	say("%s", word(awl_result(t[1])));
	say("%d", awl_wait(t, 3, AWL_FOREVER, AWL_ALL_COMPLETED));
	give_up_three(t);
	return 0;
}

/* T19, T20 */
static int gather_gives_results_in_their_places(void *arg)
{
	awl_task *t[3];
	int results[3], r;

	UNUSED;
	three(t);
	r = awl_gather_futures(t, 3, results, AWL_RETURN_EXCEPTIONS);
	say("%s: %s %s %s", r < 0 ? word(r) : "all", word(results[0]), word(results[1]),
		word(results[2]));
	give_up_three(t);
	three(t);
	say("%s", word(awl_gather_futures(t, 3, NULL, AWL_LEAVE_SIBLINGS)));
	say("%d %d %d", awl_done(t[0]), awl_done(t[1]), awl_done(t[2]));
	(void)!awl_wait(t, 3, AWL_FOREVER, AWL_ALL_COMPLETED);
	give_up_three(t);
	return 0;
}

static int gathers(void *arg)
{
	awl_task **t = arg;
	int r = awl_gather_futures(t, 3, NULL, AWL_LEAVE_SIBLINGS);

	say("gather: %s", word(r));
	return r;
}

/* T21 */
static int a_cancelled_gather_cancels_its_children(void *arg)
{
	awl_task *t[3], *g;

	UNUSED;
	three(t);
	g = task(gathers, t);
	(void)!sleep_ms(5);
	awl_cancel(g, NULL);
	tell_end("g", g);
	give_up_three(t);
	return 0;
}

/* T18 */
static int as_completed_gives_them_as_they_come(void *arg)
{
	awl_task *t[3];
	awl_as_completed it;
	awl_future *f;
	int r;

	UNUSED;
	three(t);
	awl_as_completed_enter(&it, t, 3, AWL_FOREVER);
	while ((r = awl_as_completed_next(&it, &f)) > 0)
		say("%s", word(awl_result(f)));
	say("exit: %d", awl_as_completed_exit(&it, r));
	give_up_three(t);
	return 0;
}

/* --- locks and queues --- */

static awl_lock lock;
static awl_event event;
static awl_semaphore semaphore;
static awl_condition condition;
static awl_barrier barrier;
static awl_queue queue;

static int locker(void *arg)
{
	const char *name = arg;
	int r = awl_lock_acquire(&lock);

	say("%s: %s", name, word(r));
	if (r < 0)
		return r;
	(void)!sleep_ms(10);
	say("%s releases", name);
	return awl_lock_release(&lock);
}

/* S1, S2 */
static int a_lock_goes_round_in_the_order_of_asking(void *arg)
{
	static const char *const names[] = { "a", "b", "c", "d" };
	awl_task *t[4];

	UNUSED;
	lock = (awl_lock)AWL_LOCK_INIT;
	for (int i = 0; i < 4; i++)
		t[i] = task(locker, (void *)(uintptr_t)names[i]);
	(void)!sleep_ms(5);
	awl_cancel(t[1], NULL);
	(void)!sleep_ms(100);
	say("locked: %d", awl_lock_locked(&lock));
	for (int i = 0; i < 4; i++)
		awl_unref(t[i]);
	return 0;
}

static int event_waiter(void *arg)
{
	say("%s: %s", (const char *)arg, word(awl_event_wait(&event)));
	return 0;
}

/* S4 */
static int an_event_wakes_all_in_order(void *arg)
{
	awl_task *t;

	UNUSED;
	event = (awl_event)AWL_EVENT_INIT;
	awl_unref(task(event_waiter, (void *)(uintptr_t) "a"));
	t = task(event_waiter, (void *)(uintptr_t) "b");
	awl_unref(task(event_waiter, (void *)(uintptr_t) "c"));
	(void)!awl_yield();
	awl_event_set(&event);
	awl_event_clear(&event);
	say("set and cleared: %d", awl_event_is_set(&event));
	(void)!sleep_ms(5);
	awl_unref(t);
	t = task(event_waiter, (void *)(uintptr_t) "late");
	(void)!sleep_ms(5);
	awl_cancel(t, NULL);
	tell_end("late", t);
	return 0;
}

static int acquirer(void *arg)
{
	say("%s: %s", (const char *)arg, word(awl_semaphore_acquire(&semaphore)));
	(void)!sleep_ms(10);
	return awl_semaphore_release(&semaphore);
}

/* S8, S9 */
static int a_semaphore_serves_in_order(void *arg)
{
	static const char *const names[] = { "a", "b", "c", "d", "e" };

	UNUSED;
	semaphore = (awl_semaphore)AWL_BOUNDED_SEMAPHORE_INIT(2);
	for (int i = 0; i < 5; i++)
		awl_unref(task(acquirer, (void *)(uintptr_t)names[i]));
	(void)!awl_yield();
	say("locked: %d", awl_semaphore_locked(&semaphore));
	(void)!sleep_ms(100);
	say("one too many: %s", word(awl_semaphore_release(&semaphore)));
	return 0;
}

static int condition_waiter(void *arg)
{
	const char *name = arg;
	int r = awl_condition_acquire(&condition);

	if (r < 0)
		return r;
	r = awl_condition_wait(&condition);
	say("%s: %s, locked: %d", name, word(r), awl_condition_locked(&condition));
	awl_condition_release(&condition);
	return r;
}

/* S5-S7 */
static int a_condition_wakes_as_many_as_were_notified(void *arg)
{
	static const char *const names[] = { "a", "b", "c", "d" };
	awl_task *t[4];

	UNUSED;
	condition = (awl_condition)AWL_CONDITION_INIT(NULL);
	say("without: %s", word(awl_condition_notify(&condition, 1)));
	for (int i = 0; i < 4; i++)
		t[i] = task(condition_waiter, (void *)(uintptr_t)names[i]);
	(void)!sleep_ms(5);
	(void)!awl_condition_acquire(&condition);
	awl_condition_notify(&condition, 2);
	say("notified");
	awl_condition_release(&condition);
	(void)!sleep_ms(5);
	awl_cancel(t[2], NULL);
	(void)!sleep_ms(5);
	(void)!awl_condition_acquire(&condition);
	awl_condition_notify_all(&condition);
	awl_condition_release(&condition);
	(void)!sleep_ms(5);
	for (int i = 0; i < 4; i++)
		awl_unref(t[i]);
	return 0;
}

static int passer(void *arg)
{
	int r = awl_barrier_wait(&barrier);

	say("%s: %s", (const char *)arg, r < 0 ? word(r) : "passes");
	return 0;
}

/* S10 */
static int a_barrier_lets_all_pass_together(void *arg)
{
	static const char *const names[] = { "a", "b", "c", "d", "e" };

	UNUSED;
	barrier = (awl_barrier)AWL_BARRIER_INIT(2);
	for (int i = 0; i < 5; i++) {
		awl_unref(task(passer, (void *)(uintptr_t)names[i]));
		(void)!sleep_ms(5);
	}
	say("waiting: %d", awl_barrier_n_waiting(&barrier));
	awl_barrier_reset(&barrier);
	return sleep_ms(5);
}

static int getter(void *arg)
{
	int item = -1, r = awl_queue_get(&queue, &item);

	say("%s: %s", (const char *)arg, r < 0 ? word(r) : word(item));
	return r;
}

static int putter(void *arg)
{
	UNUSED;
	for (int i = 1; i <= 3; i++)
		(void)!awl_queue_put(&queue, &i);
	return 0;
}

/* Q1-Q3. In awl an item goes straight to who waits: what a put waits for is left out. */
static int a_queue_serves_in_order_and_loses_nothing(void *arg)
{
	awl_task *b;
	int item = 0;

	UNUSED;
	awl_queue_init(&queue, sizeof(int), 1);
	say("empty: %s", word(awl_queue_get_nowait(&queue, &item)));
	awl_unref(task(getter, (void *)(uintptr_t) "a"));
	b = task(getter, (void *)(uintptr_t) "b");
	awl_unref(task(getter, (void *)(uintptr_t) "c"));
	(void)!sleep_ms(5);
	awl_cancel(b, NULL);
	awl_unref(b);
	(void)!sleep_ms(5);
	awl_unref(task(putter, NULL));
	(void)!sleep_ms(5);
	item = 9;
	say("full: %s", word(awl_queue_put_nowait(&queue, &item)));
	say("size: %d", (int)awl_queue_qsize(&queue));
	(void)!awl_queue_get(&queue, &item);
	say("got %d", item);
	awl_queue_destroy(&queue);
	return 0;
}

static int joiner(void *arg)
{
	UNUSED;
	say("joined: %s", word(awl_queue_join(&queue)));
	return 0;
}

/* Q4 */
static int a_join_waits_for_the_last_task_done(void *arg)
{
	int item = 1;

	UNUSED;
	awl_queue_init(&queue, sizeof(int), 0);
	(void)!awl_queue_put_nowait(&queue, &item);
	(void)!awl_queue_put_nowait(&queue, &item);
	awl_unref(task(joiner, NULL));
	for (int i = 0; i < 2; i++) {
		(void)!awl_queue_get(&queue, &item);
		(void)!sleep_ms(5);
		say("done %d", i);
		awl_queue_task_done(&queue);
	}
	(void)!sleep_ms(5);
	say("too often: %s", awl_queue_task_done(&queue) < 0 ? "refused" : "0");
	awl_queue_destroy(&queue);
	return 0;
}

static int by_value(const void *a, const void *b)
{
	const int *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* Q6 */
static int queues_of_other_orders(void *arg)
{
	UNUSED;
	for (int kind = 0; kind < 2; kind++) {
		if (kind)
			awl_priority_queue_init(&queue, sizeof(int), 0, by_value);
		else
			awl_lifo_queue_init(&queue, sizeof(int), 0);
		for (int i = 0; i < 5; i++)
			(void)!awl_queue_put_nowait(&queue, &(int){ i * 3 % 5 });
		for (int i = 0, item = 0; i < 5; i++) {
			(void)!awl_queue_get(&queue, &item);
			say("%d", item);
		}
		awl_queue_destroy(&queue);
	}
	return 0;
}

/* X5 */
static int a_request_taken_back_is_never_told(void *arg)
{
	awl_task *t = awl_current_task();

	UNUSED;
	awl_cancel(t, NULL);
	say("uncancel: %d", awl_uncancel(t));
	say("then: %s", word(awl_yield()));
	awl_cancel(t, NULL);
	awl_cancel(t, NULL);
	say("uncancel: %d", awl_uncancel(t));
	say("then: %s", word(awl_yield()));
	say("and then: %s", word(awl_yield()));
	say("uncancel: %d", awl_uncancel(t));
	return 0;
}

static int put_three(void *arg)
{
	int item = 3;

	say("%s: %s", (const char *)arg, word(awl_queue_put(&queue, &item)));
	return 0;
}

static int get_one(void *arg)
{
	int item = 0, r = awl_queue_get(&queue, &item);

	say("%s %s", (const char *)arg, word(r < 0 ? r : item));
	return 0;
}

static void put_two(void)
{
	for (int item = 1; item <= 2; item++)
		(void)!awl_queue_put_nowait(&queue, &item);
}

/* Q5 */
static int a_shut_queue_is_drained(void *arg)
{
	UNUSED;
	awl_queue_init(&queue, sizeof(int), 2);
	put_two();
	awl_unref(task(put_three, "p"));
	awl_unref(task(joiner, NULL));
	(void)!sleep_ms(5);
	awl_queue_shutdown(&queue, 0);
	(void)!sleep_ms(5);
	put_three("q");
	for (int i = 0; i < 2; i++) {
		get_one("got");
		awl_queue_task_done(&queue);
	}
	(void)!sleep_ms(5);
	get_one("get:");
	awl_queue_destroy(&queue);
	return 0;
}

static awl_queue idle;

static int get_idle(void *arg)
{
	int item = 0, r = awl_queue_get(&idle, &item);

	say("%s %s", (const char *)arg, word(r < 0 ? r : item));
	return 0;
}

/* Q5 */
static int a_queue_shut_at_once_is_empty(void *arg)
{
	UNUSED;
	awl_queue_init(&queue, sizeof(int), 0);
	awl_queue_init(&idle, sizeof(int), 0);
	put_two();
	awl_unref(task(joiner, NULL));
	awl_unref(task(get_idle, "g:"));
	(void)!sleep_ms(5);
	awl_queue_shutdown(&queue, 1);
	awl_queue_shutdown(&idle, 1);
	(void)!sleep_ms(5);
	say("size: %d", (int)awl_queue_qsize(&queue));
	get_one("h:");
	awl_queue_destroy(&queue);
	awl_queue_destroy(&idle);
	return 0;
}

static void ignore(int level, const char *line, void *arg)
{
	(void)level, (void)line;
	UNUSED;
}

int main(void)
{
	static const struct {
		const char *name;
		awl_fn *act;
	} scenarios[] = {
#define SCENARIO(name) { #name, name }
		SCENARIO(callbacks_run_in_order_and_what_they_add_later),
		SCENARIO(timers_run_by_deadline),
		SCENARIO(a_cancelled_handle_does_not_run),
		SCENARIO(done_callbacks_come_through_the_ready_list),
		SCENARIO(a_result_comes_once),
		SCENARIO(waiters_wake_in_the_order_they_came),
		SCENARIO(tasks_take_turns),
		SCENARIO(an_outcome_is_what_the_body_ended_with),
		SCENARIO(a_cancel_ends_a_wait_once),
		SCENARIO(a_cancel_goes_down_to_what_is_awaited),
		SCENARIO(a_cancel_goes_through_tasks_to_the_bottom),
		SCENARIO(requests_of_one_moment_are_one_delivery),
		SCENARIO(who_cancels_itself_hears_of_it_at_its_next_wait),
		SCENARIO(a_cancel_after_the_end_changes_nothing),
		SCENARIO(a_timeout_ends_the_body),
		SCENARIO(nested_timeouts_answer_for_themselves),
		SCENARIO(a_cancel_in_a_timeout_is_no_timeout),
		SCENARIO(a_deadline_can_be_moved),
		SCENARIO(wait_for_gives_what_the_body_made_of_it),
		SCENARIO(a_slow_clean_up_is_still_a_timeout),
		SCENARIO(a_group_waits_for_all_of_its_children),
		SCENARIO(a_failure_stops_children_and_body),
		SCENARIO(a_failing_body_stops_its_children),
		SCENARIO(a_stopping_group_takes_no_child),
		SCENARIO(a_child_cancelled_alone_is_no_failure),
		SCENARIO(a_parent_cancelled_while_it_joins_stops_its_children),
		SCENARIO(a_failure_of_a_stopped_child_wins),
		SCENARIO(a_timeout_around_a_group_stops_it),
		SCENARIO(wait_returns_when_it_was_told_to),
		SCENARIO(gather_gives_results_in_their_places),
		SCENARIO(a_cancelled_gather_cancels_its_children),
		SCENARIO(as_completed_gives_them_as_they_come),
		SCENARIO(a_lock_goes_round_in_the_order_of_asking),
		SCENARIO(an_event_wakes_all_in_order),
		SCENARIO(a_semaphore_serves_in_order),
		SCENARIO(a_condition_wakes_as_many_as_were_notified),
		SCENARIO(a_barrier_lets_all_pass_together),
		SCENARIO(a_queue_serves_in_order_and_loses_nothing),
		SCENARIO(a_join_waits_for_the_last_task_done),
		SCENARIO(queues_of_other_orders),
		SCENARIO(a_request_taken_back_is_never_told),
		SCENARIO(a_shut_queue_is_drained),
		SCENARIO(a_queue_shut_at_once_is_empty),
	};

	awl_set_logger(ignore, NULL);
	for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++) {
		awl_loop_options o = { .reactor = "sim" };

		say("== %s", scenarios[i].name);
		if (awl_run_with(&o, scenarios[i].act, NULL) < 0)
			say("it ended with a failure");
	}
	return 0;
}
