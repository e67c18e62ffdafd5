/* SPDX-License-Identifier: MIT */
/*
 * test_cfuture.c - awl_run_coroutine_threadsafe and the future it gives to other threads: H1, H2 of
 * reference/asyncio.md, and what test_tasks' RunCoroutineThreadsafeTests ask (result, failure,
 * timeout, cancel).
 *
 * @reactors @thread @valgrind
 */
#include "threads.h"

#include <semaphore.h>

static awl_cfuture *submit(awl_fn *fn, const void *arg, size_t size)
{
	awl_cfuture *c = NULL;

	assert_int_equal(awl_run_coroutine_threadsafe(runner.loop, fn, arg, size, &c), 0);
	assert_non_null(c);
	return c;
}

static int outcome_of(awl_cfuture *c)
{
	int outcome = 1;

	assert_int_equal(awl_cfuture_join(c, &outcome), 0);
	return outcome;
}

/* The loop stands still in a callback until it is let go. */
static sem_t held, let_go;

static int holds(void *arg)
{
	sem_post(&held);
	while (sem_wait(&let_go) < 0)
		continue;
	return 0;
}

static void hold_loop(void)
{
	sem_init(&held, 0, 0);
	sem_init(&let_go, 0, 0);
	assert_int_equal(awl_call_soon_threadsafe(runner.loop, holds, NULL, NULL), 0);
	while (sem_wait(&held) < 0)
		continue;
}

static void release_loop(void)
{
	sem_post(&let_go);
}

/* --- what comes back ------------------------------------------------------------------------- */

struct sum {
	int a, b;
};

static int adds(void *arg)
{
	struct sum *s = arg;
	int r = awl_yield();

	expect(gettid() == runner.tid);
	return r < 0 ? r : s->a + s->b;
}

/* H1; test_tasks: test_run_coroutine_threadsafe */
static void a_coroutine_of_a_foreign_thread_runs_in_the_loop_and_brings_its_result(void **state)
{
	struct sum s = { 2, 3 };
	awl_cfuture *c = submit(adds, &s, sizeof s);

	assert_ptr_equal(awl_cfuture_get_loop(c), runner.loop);
	assert_int_equal(outcome_of(c), 5);
	assert_int_equal(awl_cfuture_done(c), 1);
	assert_int_equal(outcome_of(c), 5); /* as often as one likes */
	awl_cfuture_unref(c);
}

static int fails(void *arg)
{
	int r = awl_yield();

	return r < 0 ? r : -ENOENT;
}

/* test_run_coroutine_threadsafe_with_exception */
static void a_failure_is_its_outcome_and_not_the_waits(void **state)
{
	awl_cfuture *c = submit(fails, NULL, 0);
	int outcome = 0;

	assert_int_equal(awl_cfuture_result(c, AWL_FOREVER, &outcome), 0);
	assert_int_equal(outcome, -ENOENT);
	awl_cfuture_unref(c);
}

static int waits(void *arg)
{
	return awl_await(*(awl_future **)arg);
}

static int makes_future(void *arg)
{
	return awl_loop_create_future(runner.loop, 0, *(awl_future ***)arg);
}

static int ends_future(void *arg)
{
	return awl_future_set_result(*(awl_future **)arg, 9);
}

static int drops_future(void *arg)
{
	return awl_unref(*(awl_future **)arg);
}

static awl_future *future_in_loop(void)
{
	awl_future *f = NULL, **place = &f;
	int r = -1;

	assert_int_equal(awl_call_threadsafe(
				 runner.loop, makes_future, &place, sizeof place, AWL_FOREVER, &r),
		0);
	assert_int_equal(r, 0);
	return f;
}

static void with_future(awl_fn *fn, awl_future *f)
{
	int r = -1;

	assert_int_equal(awl_call_threadsafe(runner.loop, fn, &f, sizeof f, AWL_FOREVER, &r), 0);
	assert_int_equal(r, 0);
}

/* test_run_coroutine_threadsafe_with_timeout: but here it is the caller's patience that ends */
static void a_wait_that_times_out_leaves_the_task_and_the_outcome_untouched(void **state)
{
	awl_future *f = future_in_loop();
	awl_cfuture *c = submit(waits, &f, sizeof f);
	int outcome = 77;

	assert_int_equal(awl_cfuture_result(c, 0, &outcome), -ETIMEDOUT);
	assert_int_equal(awl_cfuture_result(c, -5, &outcome), -ETIMEDOUT);
	assert_int_equal(awl_cfuture_result(c, AWL_MS, &outcome), -ETIMEDOUT);
	assert_int_equal(outcome, 77);
	assert_int_equal(awl_cfuture_done(c), 0);
	with_future(ends_future, f);
	assert_int_equal(outcome_of(c), 9);
	assert_int_equal(awl_cfuture_result(c, 0, &outcome), 0); /* done: no wait at all */
	with_future(drops_future, f);
	awl_cfuture_unref(c);
}

static void *joins(void *c)
{
	int outcome = 0;

	expect(awl_cfuture_join(c, &outcome) == 0);
	awl_cfuture_unref(c);
	return (void *)(intptr_t)outcome;
}

static void every_thread_that_waits_is_woken(void **state)
{
	awl_future *f = future_in_loop();
	awl_cfuture *c = submit(waits, &f, sizeof f);
	pthread_t t[4];

	for (unsigned i = 0; i < COUNT(t); i++)
		t[i] = start_thread(joins, awl_cfuture_ref(c));
	with_future(ends_future, f);
	for (unsigned i = 0; i < COUNT(t); i++)
		assert_int_equal((intptr_t)join_thread(t[i]), 9);
	with_future(drops_future, f);
	awl_cfuture_unref(c);
}

/* --- arguments ------------------------------------------------------------------------------- */

struct block {
	size_t size;
	unsigned char bytes[];
};

static int checks_bytes(void *arg)
{
	struct block *b = arg;
	int r = awl_yield();

	if (r < 0)
		return r;
	if ((uintptr_t)b % 16)
		return -EFAULT;
	for (size_t i = 0; i < b->size; i++)
		if (b->bytes[i] != (unsigned char)(i * 31))
			return -EILSEQ;
	return 1;
}

/* An argument that dies before the coroutine begins (DESIGN, traps). */
static void the_argument_is_copied_whole_and_lives_as_long_as_the_task(void **state)
{
	static const size_t sizes[] = { 0, 1, 15, 16, 17, 4096, 65536, 1 << 20 };

	for (unsigned k = 0; k < COUNT(sizes); k++) {
		struct block *b = test_malloc(sizeof *b + sizes[k]);
		awl_cfuture *c;

		b->size = sizes[k];
		for (size_t i = 0; i < sizes[k]; i++)
			b->bytes[i] = (unsigned char)(i * 31);
		hold_loop();
		c = submit(checks_bytes, b, sizeof *b + sizes[k]);
		memset(b, 0xff, sizeof *b + sizes[k]);
		test_free(b);
		release_loop();
		assert_int_equal(outcome_of(c), 1);
		awl_cfuture_unref(c);
	}
}

static int is_null(void *arg)
{
	return !arg;
}

static int sets(void *arg)
{
	*(int *)arg = 5;
	return 0;
}

static void an_argument_of_size_0_is_the_pointer_itself(void **state)
{
	int there = 0;
	awl_cfuture *c = submit(sets, &there, 0);

	assert_int_equal(outcome_of(c), 0);
	assert_int_equal(there, 5);
	awl_cfuture_unref(c);
	c = submit(is_null, NULL, 0);
	assert_int_equal(outcome_of(c), 1);
	awl_cfuture_unref(c);
}

static void what_cannot_be_submitted_is_refused_at_once(void **state)
{
	awl_cfuture *untouched = (awl_cfuture *)&runner, *c = untouched;

	assert_int_equal(awl_run_coroutine_threadsafe(NULL, adds, NULL, 0, &c), -EINVAL);
	assert_int_equal(awl_run_coroutine_threadsafe(runner.loop, NULL, NULL, 0, &c), -EINVAL);
	assert_int_equal(awl_run_coroutine_threadsafe(runner.loop, adds, NULL, 8, &c), -EINVAL);
	assert_int_equal(
		awl_run_coroutine_threadsafe(runner.loop, adds, &c, SIZE_MAX, &c), -ENOMEM);
	assert_ptr_equal(c, untouched);
	assert_int_equal(awl_cfuture_result(NULL, 0, NULL), -EINVAL);
	assert_int_equal(awl_cfuture_cancel(NULL, NULL), -EINVAL);
	assert_int_equal(awl_cfuture_done(NULL), -EINVAL);
	assert_int_equal(awl_cfuture_add_done_callback(NULL, NULL, NULL), -EINVAL);
	assert_null(awl_cfuture_get_loop(NULL));
	assert_null(awl_cfuture_ref(NULL));
	awl_cfuture_unref(NULL);
}

/* --- cancelling ------------------------------------------------------------------------------ */

static struct {
	_Atomic int started;
	int seen;
	char reason[64];
} cancelled;

static int notes_the_cancel(void *arg)
{
	int r;

	cancelled.started++;
	r = awl_sleep(AWL_FOREVER);
	cancelled.seen = r;
	snprintf(cancelled.reason, sizeof cancelled.reason, "%s",
		awl_cancel_reason(awl_current_task()));
	return r;
}

/* X7, other than asyncio: it starts, because it owns its argument */
static void a_cancel_before_the_start_still_lets_the_body_start_and_clean_up(void **state)
{
	awl_cfuture *c;

	cancelled.started = cancelled.seen = 0;
	hold_loop();
	c = submit(notes_the_cancel, NULL, 0);
	assert_int_equal(awl_cfuture_cancel(c, "too early"), 1);
	assert_int_equal(awl_cfuture_cancel(c, "too early"), 1); /* on its way */
	assert_int_equal(awl_cfuture_done(c), 0);
	release_loop();
	assert_int_equal(outcome_of(c), AWL_EFUTURECANCELED);
	assert_int_equal(cancelled.started, 1);
	assert_int_equal(cancelled.seen, AWL_ECANCELED);
	assert_string_equal(cancelled.reason, "too early");
	awl_cfuture_unref(c);
}

static int nothing(void *arg)
{
	return 0;
}

/* test_run_coroutine_threadsafe_task_cancelled */
static void a_cancel_in_flight_ends_it(void **state)
{
	awl_cfuture *c;

	cancelled.started = cancelled.seen = 0;
	c = submit(notes_the_cancel, NULL, 0);
	do
		assert_int_equal(
			awl_call_threadsafe(runner.loop, nothing, NULL, 0, AWL_FOREVER, NULL), 0);
	while (!cancelled.started);
	assert_int_equal(awl_cfuture_cancel(c, "enough"), 1);
	assert_int_equal(outcome_of(c), AWL_EFUTURECANCELED);
	assert_string_equal(cancelled.reason, "enough");
	awl_cfuture_unref(c);
}

static void a_cancel_afterwards_changes_nothing(void **state)
{
	struct sum s = { 1, 1 };
	awl_cfuture *c = submit(adds, &s, sizeof s);

	assert_int_equal(outcome_of(c), 2);
	assert_int_equal(awl_cfuture_cancel(c, "late"), 0);
	assert_int_equal(outcome_of(c), 2);
	awl_cfuture_unref(c);
}

static int refuses_once(void *arg)
{
	int r = awl_sleep(AWL_FOREVER);

	return r == AWL_ECANCELED ? 4 : -EPROTO;
}

/* X1: a request, which the task may refuse */
static void a_task_that_refuses_to_be_cancelled_brings_its_result(void **state)
{
	awl_cfuture *c = submit(refuses_once, NULL, 0);

	assert_int_equal(awl_cfuture_cancel(c, NULL), 1);
	assert_int_equal(outcome_of(c), 4);
	awl_cfuture_unref(c);
}

/* --- done callbacks -------------------------------------------------------------------------- */

static struct {
	int order[3], outcome, tid;
	_Atomic int count;
} calls;

static void on_done(awl_cfuture *c, int outcome, void *arg)
{
	if (expect(calls.count < 3))
		calls.order[calls.count] = *(int *)arg;
	calls.outcome = outcome;
	calls.tid = gettid();
	calls.count++;
	expect(awl_cfuture_done(c) == 1);
	expect(awl_cfuture_join(c, NULL) == 0); /* done: allowed in the loop's own thread */
}

static void done_callbacks_run_in_the_loops_thread_in_their_order(void **state)
{
	static int one = 1, two = 2, three = 3;
	awl_future *f = future_in_loop();
	awl_cfuture *c = submit(waits, &f, sizeof f);

	calls.count = 0;
	assert_int_equal(awl_cfuture_add_done_callback(c, on_done, &one), 0);
	assert_int_equal(awl_cfuture_add_done_callback(c, on_done, &two), 0);
	assert_int_equal(awl_cfuture_add_done_callback(c, on_done, &three), 0);
	assert_int_equal(calls.count, 0);
	with_future(ends_future, f);
	assert_int_equal(outcome_of(c), 9);
	with_future(drops_future, f);
	assert_int_equal(awl_call_threadsafe(runner.loop, nothing, NULL, 0, AWL_FOREVER, NULL), 0);
	assert_int_equal(calls.count, 3);
	assert_true(calls.order[0] == 1 && calls.order[1] == 2 && calls.order[2] == 3);
	assert_int_equal(calls.outcome, 9);
	assert_int_equal(calls.tid, runner.tid);
	awl_cfuture_unref(c);
}

static void a_done_callback_of_a_done_one_runs_at_once_in_the_calling_thread(void **state)
{
	static int one = 1;
	struct sum s = { 3, 4 };
	awl_cfuture *c = submit(adds, &s, sizeof s);

	calls.count = 0;
	assert_int_equal(outcome_of(c), 7);
	/* The latch opens before the callbacks are taken: a moment later it is sure to be done. */
	assert_int_equal(awl_call_threadsafe(runner.loop, nothing, NULL, 0, AWL_FOREVER, NULL), 0);
	assert_int_equal(awl_cfuture_add_done_callback(c, on_done, &one), 0);
	assert_int_equal(calls.count, 1);
	assert_int_equal(calls.outcome, 7);
	assert_int_equal(calls.tid, gettid());
	awl_cfuture_unref(c);
}

/* --- in the loop's own thread ---------------------------------------------------------------- */

static int blocks_itself(void *arg)
{
	struct sum s = { 4, 4 };
	awl_cfuture *c;
	int outcome = 0, r = awl_run_coroutine_threadsafe(here(), adds, &s, sizeof s, &c);
	awl_future *f;

	if (r < 0)
		return r;
	expect(awl_cfuture_join(c, &outcome) == AWL_EDEADLK);
	expect(strstr(awl_error_detail(AWL_EDEADLK), "awl_wrap_future") != NULL);
	expect(awl_cfuture_result(c, AWL_SEC, &outcome) == AWL_EDEADLK);
	expect(awl_cfuture_result(c, 0, &outcome) == AWL_EDEADLK);
	r = awl_wrap_future(c, &f);
	if (r == 0) {
		r = awl_await(f);
		awl_unref(f);
	}
	expect(r == 8);
	expect(awl_cfuture_join(c, &outcome) == 0); /* done: it cannot block */
	expect(outcome == 8);
	awl_cfuture_unref(c);
	return r;
}

static void a_wait_in_the_loops_own_thread_is_refused_unless_it_is_done(void **state)
{
	awl_cfuture *c = submit(blocks_itself, NULL, 0);

	assert_int_equal(outcome_of(c), 8);
	awl_cfuture_unref(c);
}

/* --- loops that close, have closed, never run ------------------------------------------------ */

static void on_a_closed_loop_it_is_refused_at_once(void **state)
{
	awl_loop *l = new_loop(NULL);
	awl_cfuture *untouched = (awl_cfuture *)&runner, *c = untouched;

	assert_int_equal(awl_loop_close(l), 0);
	assert_int_equal(awl_run_coroutine_threadsafe(l, adds, NULL, 0, &c), AWL_ECLOSED);
	assert_ptr_equal(c, untouched);
	assert_int_equal(awl_run_coroutine_threadsafe(l, adds, NULL, 0, NULL), AWL_ECLOSED);
	assert_int_equal(awl_call_soon_threadsafe(l, adds, NULL, NULL), AWL_ECLOSED);
	awl_loop_unref(l);
}

static void on_a_loop_that_closes_a_pending_one_is_answered_then(void **state)
{
	awl_cfuture *c;
	pthread_t t;
	struct runner r;

	cancelled.started = cancelled.seen = 0;
	runner_start(&r);
	assert_int_equal(awl_run_coroutine_threadsafe(r.loop, notes_the_cancel, NULL, 0, &c), 0);
	t = start_thread(joins, awl_cfuture_ref(c));
	runner_stop(&r);
	assert_int_equal((intptr_t)join_thread(t), AWL_ECLOSED);
	assert_int_equal(outcome_of(c), AWL_ECLOSED);
	if (cancelled.started)
		assert_int_equal(cancelled.seen, AWL_ECANCELED);
	awl_cfuture_unref(c);
}

static void on_a_loop_that_never_runs_the_wait_times_out_and_the_close_answers(void **state)
{
	awl_loop *l = new_loop(NULL);
	awl_cfuture *c, *nobody;
	int outcome = 77;

	cancelled.started = cancelled.seen = 0;
	assert_int_equal(awl_run_coroutine_threadsafe(l, notes_the_cancel, NULL, 0, &c), 0);
	assert_int_equal(awl_run_coroutine_threadsafe(l, notes_the_cancel, NULL, 0, &nobody), 0);
	awl_cfuture_unref(nobody);
	assert_int_equal(awl_cfuture_result(c, AWL_MS, &outcome), -ETIMEDOUT);
	assert_int_equal(outcome, 77);
	end_loop(l);
	assert_int_equal(awl_cfuture_result(c, 0, &outcome), 0);
	assert_int_equal(outcome, AWL_ECLOSED);
	assert_int_equal(cancelled.started, 0);
	assert_int_equal(awl_cfuture_cancel(c, "late"), 0);
	assert_ptr_equal(awl_cfuture_get_loop(c), l); /* it keeps the loop's memory */
	awl_cfuture_unref(c);
}

/* --- nobody asks ----------------------------------------------------------------------------- */

/* What awl says, in whichever thread. */
static struct {
	_Atomic int lines;
	char last[256];
} said;

static void on_line(int level, const char *line, void *arg)
{
	snprintf(said.last, sizeof said.last, "%s", line);
	said.lines++;
}

/* The loop goes on until it has come about. */
static void until(_Atomic int *n)
{
	while (!*n)
		assert_int_equal(
			awl_call_threadsafe(runner.loop, nothing, NULL, 0, AWL_FOREVER, NULL), 0);
}

static void a_failure_that_nobody_read_is_reported(void **state)
{
	awl_cfuture *c;

	said.lines = 0;
	awl_set_logger(on_line, NULL);
	c = submit(fails, NULL, 0);
	awl_cfuture_unref(c);
	until(&said.lines);
	awl_set_logger(NULL, NULL);
	assert_int_equal(said.lines, 1);
	assert_non_null(strstr(said.last, "nobody read the failure of a coroutine"));
	assert_non_null(strstr(said.last, strerror(ENOENT)));
}

static void a_failure_that_was_read_or_told_to_a_callback_is_not_reported(void **state)
{
	static int one = 1;
	awl_cfuture *c;

	calls.count = 0;
	said.lines = 0;
	awl_set_logger(on_line, NULL);
	c = submit(fails, NULL, 0);
	assert_int_equal(outcome_of(c), -ENOENT);
	awl_cfuture_unref(c);
	hold_loop();
	c = submit(fails, NULL, 0);
	assert_int_equal(awl_cfuture_add_done_callback(c, on_done, &one), 0);
	awl_cfuture_unref(c);
	release_loop();
	until(&calls.count);
	awl_set_logger(NULL, NULL);
	assert_int_equal(calls.outcome, -ENOENT);
	assert_int_equal(said.lines, 0);
}

static struct {
	_Atomic int times;
	int error;
} told;

static void on_exception(awl_loop *l, const awl_exception *e, void *arg)
{
	told.error = e->error;
	told.times++;
}

static int listens(void *arg)
{
	return awl_loop_set_exception_handler(runner.loop, *(awl_exception_handler **)arg, NULL);
}

static void set_handler(awl_exception_handler *fn)
{
	assert_int_equal(
		awl_call_threadsafe(runner.loop, listens, &fn, sizeof fn, AWL_FOREVER, NULL), 0);
}

/* H2: nobody holds a handle, so the loop's handler is told */
static void a_failure_of_one_that_nobody_asked_for_goes_to_the_exception_handler(void **state)
{
	told.times = 0;
	set_handler(on_exception);
	assert_int_equal(awl_run_coroutine_threadsafe(runner.loop, fails, NULL, 0, NULL), 0);
	until(&told.times);
	set_handler(NULL);
	assert_int_equal(told.times, 1);
	assert_int_equal(told.error, -ENOENT);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, start_runner, stop_runner)
	const struct CMUnitTest tests[] = {
		CASE(a_coroutine_of_a_foreign_thread_runs_in_the_loop_and_brings_its_result),
		CASE(a_failure_is_its_outcome_and_not_the_waits),
		CASE(a_wait_that_times_out_leaves_the_task_and_the_outcome_untouched),
		CASE(every_thread_that_waits_is_woken),
		CASE(the_argument_is_copied_whole_and_lives_as_long_as_the_task),
		CASE(an_argument_of_size_0_is_the_pointer_itself),
		CASE(what_cannot_be_submitted_is_refused_at_once),
		CASE(a_cancel_before_the_start_still_lets_the_body_start_and_clean_up),
		CASE(a_cancel_in_flight_ends_it),
		CASE(a_cancel_afterwards_changes_nothing),
		CASE(a_task_that_refuses_to_be_cancelled_brings_its_result),
		CASE(done_callbacks_run_in_the_loops_thread_in_their_order),
		CASE(a_done_callback_of_a_done_one_runs_at_once_in_the_calling_thread),
		CASE(a_wait_in_the_loops_own_thread_is_refused_unless_it_is_done),
		CASE(on_a_closed_loop_it_is_refused_at_once),
		CASE(on_a_loop_that_closes_a_pending_one_is_answered_then),
		CASE(on_a_loop_that_never_runs_the_wait_times_out_and_the_close_answers),
		CASE(a_failure_that_nobody_read_is_reported),
		CASE(a_failure_that_was_read_or_told_to_a_callback_is_not_reported),
		CASE(a_failure_of_one_that_nobody_asked_for_goes_to_the_exception_handler),
	};

	return cmocka_run_group_tests_name("thread.cfuture", tests, NULL, NULL);
}
