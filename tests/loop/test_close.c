/* SPDX-License-Identifier: MIT */
/*
 * @reactors @valgrind
 * test_close.c - the end of a loop: what is dropped, cancelled, told; what may still be read after.
 */
#include "support.h"

#include "base/alloc.h"

#include <stdlib.h>

static struct heard heard;
static awl_loop *loop;

static int make(void **state)
{
	loop = new_loop(NULL);
	listen_to_awl(&heard);
	return 0;
}

static int end(void **state)
{
	stop_listening();
	return 0;
}

static int nothing(void *arg)
{
	return 0;
}

static int add_one(void *arg)
{
	++*(int *)arg;
	return 0;
}

static int run(awl_fn *fn, void *arg)
{
	return awl_loop_run_until_complete(loop, fn, arg);
}

/* --- close itself --- */

/* L12 */
static void close_is_idempotent(void **state)
{
	assert_int_equal(awl_loop_is_closed(loop), 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(awl_loop_close(loop), 0);
		assert_int_equal(awl_loop_is_closed(loop), 1);
		assert_int_equal(awl_loop_is_running(loop), 0);
	}
	awl_loop_unref(loop);
	assert_int_equal(heard.lines, 0);
}

/* L12 */
static void a_loop_that_never_ran_can_be_closed(void **state)
{
	int n = 0;

	assert_int_equal(awl_loop_call_soon(loop, add_one, &n, NULL), 0);
	end_loop(loop);
	assert_int_equal(n, 0);
}

/* L12 */
static void callbacks_not_yet_run_are_dropped(void **state)
{
	awl_handle ready = AWL_HANDLE_INIT, timer = AWL_HANDLE_INIT, sent = AWL_HANDLE_INIT;
	awl_handle *all[] = { &ready, &timer, &sent };
	int n = 0;

	assert_int_equal(run(nothing, NULL), 0);
	assert_int_equal(awl_loop_call_soon(loop, add_one, &n, &ready), 0);
	assert_int_equal(awl_loop_call_later(loop, 1, add_one, &n, &timer), 0);
	assert_int_equal(awl_call_soon_threadsafe(loop, add_one, &n, &sent), 0);
	assert_int_equal(awl_loop_call_soon(loop, add_one, &n, NULL), 0);
	assert_int_equal(awl_loop_call_later(loop, AWL_FOREVER, add_one, &n, NULL), 0);
	assert_int_equal(awl_call_soon_threadsafe(loop, add_one, &n, NULL), 0);
	assert_int_equal(awl_loop_close(loop), 0);
	assert_int_equal(n, 0);
	for (size_t i = 0; i < COUNT(all); i++) {
		assert_int_equal(awl_handle_cancelled(all[i]), 1);
		assert_int_equal(awl_handle_cancel(all[i]), 0);
	}
	awl_loop_unref(loop);
	assert_int_equal(heard.lines, 0);
}

/* A handle is its caller's again when it was dropped: it asks nothing of a loop that is gone. */
static void a_handle_outlives_its_loop_and_serves_another(void **state)
{
	awl_handle ran = AWL_HANDLE_INIT, dropped = AWL_HANDLE_INIT, taken = AWL_HANDLE_INIT;
	int n = 0;

	assert_int_equal(awl_loop_call_soon(loop, add_one, &n, &ran), 0);
	assert_int_equal(run(nothing, NULL), 0);
	assert_int_equal(awl_loop_call_soon(loop, add_one, &n, &taken), 0);
	assert_int_equal(awl_handle_cancel(&taken), 1);
	assert_int_equal(awl_loop_call_soon(loop, add_one, &n, &dropped), 0);
	end_loop(loop);

	assert_int_equal(awl_handle_cancel(&ran), 0);
	assert_int_equal(awl_handle_cancelled(&ran), 0);
	assert_int_equal(awl_handle_cancel(&dropped), 0);
	assert_int_equal(awl_handle_cancelled(&dropped), 1);
	assert_int_equal(awl_handle_cancelled(&taken), 1);
	assert_int_equal(awl_handle_when(&taken), 0);

	loop = new_loop(NULL);
	assert_int_equal(awl_loop_call_soon(loop, add_one, &n, &ran), 0);
	assert_int_equal(awl_loop_call_soon(loop, add_one, &n, &dropped), 0);
	assert_int_equal(run(nothing, NULL), 0);
	assert_int_equal(n, 3);
	end_loop(loop);
}

/* --- tasks --- */

struct leftover {
	int began, cancelled, cleaned;
	int outcome;
};

static int sleep_for_ever(void *arg)
{
	struct leftover *w = arg;
	awl_shield s;
	int r;

	w->began++;
	w->cancelled = awl_sleep(AWL_FOREVER);
	/* clean-up that waits */
	r = awl_shield_enter(&s, AWL_SEC);
	if (r == 0)
		r = awl_sleep(AWL_MS);
	r = awl_shield_exit(&s, r);
	w->cleaned = r == 0;
	return w->outcome;
}

/* L25, here L12: 'its tasks are cancelled, run to their ends' */
static void tasks_are_cancelled_and_run_to_their_ends(void **state)
{
	struct leftover parked = { .outcome = AWL_ECANCELED }, unbegun = parked, held = parked;
	awl_task *t;

	assert_int_equal(awl_loop_create_task(loop, NULL, sleep_for_ever, &parked, NULL), 0);
	assert_int_equal(awl_loop_create_task(loop, NULL, sleep_for_ever, &held, &t), 0);
	assert_int_equal(run(nothing, NULL), 0);
	assert_int_equal(parked.began, 1);
	assert_int_equal(awl_loop_create_task(loop, NULL, sleep_for_ever, &unbegun, NULL), 0);
	assert_int_equal(awl_loop_close(loop), 0);
	assert_int_equal(parked.cancelled, AWL_ECANCELED);
	assert_true(parked.cleaned && unbegun.cleaned && held.cleaned);
	/* A7: it owns its argument, so it begins all the same. */
	assert_int_equal(unbegun.began, 1);
	assert_int_equal(unbegun.cancelled, AWL_ECANCELED);
	assert_int_equal(awl_cancelled(t), 1);
	assert_string_equal(awl_cancel_reason(t), "its loop closes");
	assert_int_equal(awl_unref(t), 0);
	awl_loop_unref(loop);
	assert_int_equal(heard.lines, 0);
}

/* L25 */
static void failures_on_the_way_out_are_told(void **state)
{
	struct leftover nobody = { .outcome = -EIO }, held = { .outcome = -EPIPE };
	awl_task *t;

	assert_int_equal(awl_loop_create_task(loop, NULL, sleep_for_ever, &nobody, NULL), 0);
	assert_int_equal(awl_loop_create_task(loop, NULL, sleep_for_ever, &held, &t), 0);
	assert_int_equal(run(nothing, NULL), 0);
	assert_int_equal(awl_loop_close(loop), 0);
	assert_int_equal(heard.lines, 2);
	assert_heard(&heard, "(EIO)");
	assert_heard(&heard, "(EPIPE)");
	/* Told once: the handle still has it, and its end says nothing more. */
	assert_int_equal(awl_result(t), -EPIPE);
	assert_int_equal(awl_unref(t), 0);
	awl_loop_unref(loop);
	assert_int_equal(heard.lines, 2);
}

static int spawn_on_the_way_out(void *arg)
{
	struct leftover *w = arg;
	int r = awl_sleep(AWL_FOREVER);

	assert_int_equal(r, AWL_ECANCELED);
	assert_int_equal(awl_create_task(sleep_for_ever, &w[1], NULL), 0);
	return r;
}

/* Every wait in a closing loop is cancelled, so this ends. */
static void tasks_made_on_the_way_out_are_ended_too(void **state)
{
	struct leftover w[2] = { { 0 }, { .outcome = AWL_ECANCELED } };

	assert_int_equal(awl_loop_create_task(loop, NULL, spawn_on_the_way_out, w, NULL), 0);
	assert_int_equal(run(nothing, NULL), 0);
	end_loop(loop);
	assert_int_equal(w[1].cancelled, AWL_ECANCELED);
	assert_true(w[1].cleaned);
}

static int ignore_it(void *arg)
{
	int *waits = arg;

	while (*waits < 1500)
		if (awl_sleep(AWL_SEC) == AWL_ECANCELED)
			++*waits;
	return 0;
}

/* A12 */
static void a_task_that_ignores_it_is_named_after_a_thousand_waits(void **state)
{
	awl_task_options o = { .name = "deaf" };
	int waits = 0;

	assert_int_equal(awl_loop_create_task(loop, &o, ignore_it, &waits, NULL), 0);
	assert_int_equal(run(nothing, NULL), 0);
	end_loop(loop);
	assert_int_equal(waits, 1500);
	assert_int_equal(heard.lines, 1);
	assert_heard(&heard, "task deaf goes on waiting");
}

static int stop_now(void *arg)
{
	++*(int *)arg;
	return awl_loop_stop(here());
}

static int stop_in_cleanup(void *arg)
{
	int r = awl_sleep(AWL_FOREVER);

	assert_int_equal(awl_loop_stop(here()), 0);
	assert_int_equal(awl_sleep(1), AWL_ECANCELED);
	++*(int *)arg;
	return r;
}

/* Who stops a loop that closes stops nothing. */
static void a_stop_does_not_interrupt_a_close(void **state)
{
	int ended = 0, stops = 0;

	assert_int_equal(awl_loop_create_task(loop, NULL, stop_in_cleanup, &ended, NULL), 0);
	assert_int_equal(run(nothing, NULL), 0);
	assert_int_equal(awl_loop_stop(loop), 0);
	assert_int_equal(awl_loop_call_soon(loop, stop_now, &stops, NULL), 0);
	end_loop(loop);
	assert_int_equal(ended, 1);
}

static int read_one(void *arg)
{
	char byte;

	return awl_fd_read(((int *)arg)[0], &byte, 1);
}

static void operations_in_flight_are_ended(void **state)
{
	int fds[2];
	awl_task *t;

	make_pipe(loop, fds);
	assert_int_equal(awl_loop_create_task(loop, NULL, read_one, fds, &t), 0);
	assert_int_equal(run(nothing, NULL), 0);
	assert_int_equal(awl_loop_close(loop), 0);
	assert_int_equal(awl_result(t), AWL_EFUTURECANCELED);
	assert_int_equal(awl_unref(t), 0);
	close_pipe(loop, fds);
	awl_loop_unref(loop);
}

/* --- callbacks of its last moments --- */

static awl_handle behind;
static int behind_ran;

static void move_the_next(awl_future *f, void *arg)
{
	/* Out of the list that is being walked, and back into another. */
	assert_int_equal(awl_handle_cancel(&behind), 1);
	assert_int_equal(awl_loop_call_soon(loop, add_one, &behind_ran, &behind), 0);
	++*(int *)arg;
}

static void count_done(awl_future *f, void *arg)
{
	++*(int *)arg;
}

/* Done callbacks are owed: the future is done, and somebody was promised to hear of it. */
static void done_callbacks_that_are_due_run_before_the_end(void **state)
{
	awl_future *f;
	int n = 0;

	behind = (awl_handle)AWL_HANDLE_INIT;
	behind_ran = 0;
	assert_int_equal(awl_loop_create_future(loop, 0, &f), 0);
	assert_int_equal(awl_future_add_done_callback(f, move_the_next, &n, NULL), 0);
	assert_int_equal(awl_future_set_result(f, 1), 0);
	assert_int_equal(awl_loop_call_soon(loop, add_one, &behind_ran, &behind), 0);
	assert_int_equal(awl_future_add_done_callback(f, count_done, &n, NULL), 0);
	assert_int_equal(awl_loop_close(loop), 0);
	assert_int_equal(n, 2);
	assert_int_equal(behind_ran, 0);
	assert_int_equal(awl_unref(f), 0);
	awl_loop_unref(loop);
}

static void free_the_next(awl_future *f, void *arg)
{
	awl_handle *h = arg;

	assert_int_equal(awl_handle_cancel(h), 1);
	memset(h, 0xa5, sizeof *h);
	free(h);
}

static void a_done_callback_may_free_the_next_handle(void **state)
{
	awl_handle *h = calloc(1, sizeof *h);
	awl_future *f;

	assert_non_null(h);
	assert_int_equal(awl_loop_create_future(loop, 0, &f), 0);
	assert_int_equal(awl_future_add_done_callback(f, free_the_next, h, NULL), 0);
	assert_int_equal(awl_future_set_result(f, 1), 0);
	assert_int_equal(awl_loop_call_soon(loop, nothing, NULL, h), 0);
	assert_int_equal(awl_unref(f), 0);
	end_loop(loop);
}

static void begin_another(awl_loop *l, const awl_exception *e, void *arg)
{
	struct leftover *w = arg;

	if (w->began == 0) {
		assert_int_equal(awl_create_task(sleep_for_ever, w, NULL), 0);
		assert_int_equal(
			awl_future_add_done_callback(e->future, count_done, &w->outcome, NULL), 0);
	}
}

/* A handler that is told of a failure at the very end may still start something. */
static void what_the_exception_handler_starts_is_ended_too(void **state)
{
	struct leftover w = { 0 };
	awl_future *f;

	assert_int_equal(awl_loop_set_exception_handler(loop, begin_another, &w), 0);
	assert_int_equal(awl_loop_create_future(loop, 0, &f), 0);
	assert_int_equal(awl_future_set_exception(f, -EIO), 0);
	assert_int_equal(awl_loop_close(loop), 0);
	assert_int_equal(w.began, 1);
	assert_int_equal(w.cancelled, AWL_ECANCELED);
	assert_int_equal(w.outcome, 1);
	assert_int_equal(awl_unref(f), 0);
	awl_loop_unref(loop);
}

static int fails(void *arg)
{
	return -EIO;
}

static void read_it(awl_future *f, void *arg)
{
	assert_int_equal(awl_result(f), -EIO);
}

/* What a done callback reads is not unread. */
static void a_failure_read_in_the_last_moment_is_not_told(void **state)
{
	awl_task *t;

	assert_int_equal(awl_loop_create_task(loop, NULL, fails, NULL, &t), 0);
	assert_int_equal(awl_future_add_done_callback(t, read_it, NULL, NULL), 0);
	assert_int_equal(awl_loop_close(loop), 0);
	assert_int_equal(awl_unref(t), 0);
	awl_loop_unref(loop);
	assert_int_equal(heard.lines, 0);
}

/* --- after it --- */

static int create_task(awl_loop *l)
{
	return awl_loop_create_task(l, NULL, nothing, NULL, NULL);
}

static int create_task_for(awl_loop *l)
{
	awl_task *t;

	return awl_loop_create_task(l, NULL, nothing, NULL, &t);
}

static int create_future(awl_loop *l)
{
	awl_future *f;

	return awl_loop_create_future(l, 0, &f);
}

static int create_payload(awl_loop *l)
{
	awl_future *f;

	return awl_loop_create_future(l, 100, &f);
}

static int soon(awl_loop *l)
{
	return awl_loop_call_soon(l, nothing, NULL, NULL);
}

static int soon_handle(awl_loop *l)
{
	static awl_handle h;

	return awl_loop_call_soon(l, nothing, NULL, &h);
}

static int later(awl_loop *l)
{
	return awl_loop_call_later(l, 1, nothing, NULL, NULL);
}

static int at(awl_loop *l)
{
	return awl_loop_call_at(l, 1, nothing, NULL, NULL);
}

static int threadsafe(awl_loop *l)
{
	return awl_call_soon_threadsafe(l, nothing, NULL, NULL);
}

static int threadsafe_handle(awl_loop *l)
{
	static awl_handle h;

	return awl_call_soon_threadsafe(l, nothing, NULL, &h);
}

static int coroutine(awl_loop *l)
{
	return awl_run_coroutine_threadsafe(l, nothing, NULL, 0, NULL);
}

static int coroutine_for(awl_loop *l)
{
	awl_cfuture *c;

	return awl_run_coroutine_threadsafe(l, nothing, NULL, 0, &c);
}

static int call(awl_loop *l)
{
	return awl_call_threadsafe(l, nothing, NULL, 0, AWL_FOREVER, NULL);
}

static int run_complete(awl_loop *l)
{
	return awl_loop_run_until_complete(l, nothing, NULL);
}

static int set_handler(awl_loop *l)
{
	return awl_loop_set_exception_handler(l, NULL, NULL);
}

static int call_handler(awl_loop *l)
{
	const awl_exception e = { .message = "x", .error = -EIO };

	return awl_loop_call_exception_handler(l, &e);
}

static int set_factory(awl_loop *l)
{
	return awl_loop_set_task_factory(l, NULL, NULL);
}

static int all_tasks(awl_loop *l)
{
	return awl_all_tasks(l, NULL, 0);
}

static int (*const refused_calls[])(awl_loop *) = { create_task, create_task_for, create_future,
	create_payload, soon, soon_handle, later, at, threadsafe, threadsafe_handle, coroutine,
	coroutine_for, call, run_complete, awl_loop_run_forever, awl_loop_stop, set_handler,
	call_handler, set_factory, all_tasks };

/* L13 */
static void every_call_on_a_closed_loop_says_so(void **state)
{
	assert_int_equal(awl_loop_close(loop), 0);
	for (size_t i = 0; i < COUNT(refused_calls); i++)
		for (int again = 0; again < 2; again++)
			if (refused_calls[i](loop) != AWL_ECLOSED)
				fail_msg("call %zu is not refused", i);
	awl_loop_unref(loop);
	assert_int_equal(heard.lines, 0);
}

/* L13: what is asked and not done still has its answer. */
static void a_closed_loop_still_tells_what_it_is(void **state)
{
	awl_loop_options o = { .name = "late", .reactor = awl_loop_reactor(loop) };

	end_loop(loop);
	assert_int_equal(awl_loop_new(&o, &loop), 0);
	assert_int_equal(awl_loop_close(loop), 0);
	assert_string_equal(awl_loop_name(loop), "late");
	assert_string_equal(awl_loop_reactor(loop), o.reactor);
	assert_true(awl_loop_time(loop) > 0);
	assert_int_equal(awl_loop_is_running(loop), 0);
	awl_loop_unref(loop);
}

/* A5: 'a loop is freed by the last reference', and its futures are references of a kind. */
static void futures_that_outlive_their_loop_can_be_read_and_given_up(void **state)
{
	awl_future *pending, *done, *failed, *rich;
	awl_done_callback storage = { 0 };
	int seven = 7, n = 0;
	awl_task *t;
	char *payload;

	assert_int_equal(awl_loop_create_future(loop, 0, &pending), 0);
	assert_int_equal(awl_loop_create_future(loop, 0, &done), 0);
	assert_int_equal(awl_loop_create_future(loop, 0, &failed), 0);
	assert_int_equal(awl_loop_create_future(loop, 16, &rich), 0);
	assert_int_equal(awl_future_add_done_callback(pending, count_done, &n, NULL), 0);
	assert_int_equal(awl_future_add_done_callback(pending, count_done, &n, &storage), 0);
	assert_int_equal(awl_loop_create_task(loop, NULL, add_one, &seven, &t), 0);
	assert_int_equal(run(nothing, NULL), 0);
	assert_int_equal(awl_future_set_result(done, 5), 0);
	assert_int_equal(awl_future_set_exception(failed, -EIO), 0);
	assert_int_equal(awl_result(failed), -EIO);
	end_loop(loop);

	/* Who added a callback was told that nobody will end it now. */
	assert_int_equal(n, 2);
	assert_int_equal(awl_result(pending), AWL_EFUTURECANCELED);
	assert_string_equal(awl_cancel_reason(pending), "its loop closes");
	assert_int_equal(awl_result(rich), AWL_EFUTURECANCELED);
	assert_int_equal(awl_future_set_result(pending, 1), AWL_ECLOSED);
	assert_int_equal(awl_future_set_exception(pending, -1), AWL_ECLOSED);
	assert_int_equal(awl_cancel(pending, NULL), AWL_ECLOSED);
	assert_int_equal(awl_future_add_done_callback(done, count_done, &n, NULL), AWL_ECLOSED);
	assert_int_equal(awl_result(done), 5);
	assert_int_equal(awl_result(failed), -EIO);
	assert_int_equal(awl_cancelled(failed), 0);
	assert_int_equal(awl_result(t), 0);
	assert_string_equal(awl_task_get_name(t), "Task-1");
	assert_int_equal(awl_cancelling(t), 0);
	payload = awl_future_payload(rich);
	assert_non_null(payload);
	memset(payload, 1, 16);
	assert_ptr_equal(awl_ref(done), done);
	assert_int_equal(awl_unref(done), 0);
	assert_ptr_equal(awl_future_get_loop(done), loop);
	assert_int_equal(awl_loop_is_closed(loop), 1);

	assert_int_equal(awl_unref(done), 0);
	assert_int_equal(awl_unref(failed), 0);
	assert_int_equal(awl_unref(rich), 0);
	assert_int_equal(awl_unref(t), 0);
	assert_int_equal(awl_unref(pending), 0);
	assert_int_equal(n, 2);
	stop_listening();
	assert_int_equal(heard.lines, 1);
	assert_heard(&heard, "is given up, but 5 handles are not (one of task Task-1");
}

/* The last of them takes the loop's memory along. */
static void nothing_of_a_loop_is_left_when_its_last_future_goes(void **state)
{
	int before;

	end_loop(loop);
	for (int round = 0; round < 3; round++) {
		awl_future *f, *orphan, *rich;
		int n = 0;

		before = maps();
		loop = new_loop(NULL);
		assert_int_equal(awl_loop_create_future(loop, 0, &f), 0);
		assert_int_equal(awl_loop_create_future(loop, 8, &rich), 0);
		assert_int_equal(awl_loop_create_future(loop, 0, &orphan), 0);
		/* Its callback keeps it, to the end of the loop. */
		assert_int_equal(awl_future_add_done_callback(orphan, count_done, &n, NULL), 0);
		assert_int_equal(awl_future_add_done_callback(rich, count_done, &n, NULL), 0);
		assert_int_equal(awl_future_add_done_callback(f, count_done, &n, NULL), 0);
		assert_int_equal(awl_unref(orphan), 0);
		assert_int_equal(run(nothing, NULL), 0);
		end_loop(loop);
		assert_int_equal(awl_unref(rich), 0);
		assert_true(maps() > before);
		assert_int_equal(awl_unref(f), 0);
		if (round > 0) /* what a process keeps came with the first */
			assert_int_equal(maps(), before);
		assert_int_equal(n, 3);
	}
}

/* --- unref --- */

/* L14 */
static void the_last_unref_of_an_unclosed_loop_reports_and_closes_it(void **state)
{
	awl_loop_options o = { .name = "forgotten" };
	struct leftover w = { .outcome = AWL_ECANCELED };

	end_loop(loop);
	assert_int_equal(awl_loop_new(&o, &loop), 0);
	assert_int_equal(awl_loop_create_task(loop, NULL, sleep_for_ever, &w, NULL), 0);
	assert_int_equal(run(nothing, NULL), 0);
	awl_loop_unref(loop);
	assert_int_equal(w.cancelled, AWL_ECANCELED);
	assert_true(w.cleaned);
	assert_int_equal(heard.lines, 1);
	assert_heard(&heard, "forgotten was never closed: awl_loop_close it");
}

static void only_the_last_unref_ends_a_loop(void **state)
{
	int n = 0;

	assert_ptr_equal(awl_loop_ref(loop), loop);
	awl_loop_unref(loop);
	assert_int_equal(run(add_one, &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(awl_loop_close(loop), 0);
	assert_ptr_equal(awl_loop_ref(loop), loop);
	awl_loop_unref(loop);
	assert_int_equal(awl_loop_is_closed(loop), 1);
	awl_loop_unref(loop);
	assert_int_equal(heard.lines, 0);
}

static int unref_own(void *arg)
{
	awl_loop_unref(here());
	return 0;
}

/* A loop cannot vanish under the run that made the mistake. */
static void a_loop_given_up_while_it_runs_is_reported_and_lives_on(void **state)
{
	int n = 0;

	assert_int_equal(run(unref_own, NULL), 0);
	assert_heard(&heard, "was never closed");
	assert_heard(&heard, "cannot be closed now");
	assert_int_equal(run(add_one, &n), 0);
	assert_int_equal(n, 1);
	end_loop(loop);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, make, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(close_is_idempotent),
		CASE(a_loop_that_never_ran_can_be_closed),
		CASE(callbacks_not_yet_run_are_dropped),
		CASE(a_handle_outlives_its_loop_and_serves_another),
		CASE(tasks_are_cancelled_and_run_to_their_ends),
		CASE(failures_on_the_way_out_are_told),
		CASE(tasks_made_on_the_way_out_are_ended_too),
		CASE(a_task_that_ignores_it_is_named_after_a_thousand_waits),
		CASE(a_stop_does_not_interrupt_a_close),
		CASE(operations_in_flight_are_ended),
		CASE(done_callbacks_that_are_due_run_before_the_end),
		CASE(a_done_callback_may_free_the_next_handle),
		CASE(what_the_exception_handler_starts_is_ended_too),
		CASE(a_failure_read_in_the_last_moment_is_not_told),
		CASE(every_call_on_a_closed_loop_says_so),
		CASE(a_closed_loop_still_tells_what_it_is),
		CASE(futures_that_outlive_their_loop_can_be_read_and_given_up),
		CASE(nothing_of_a_loop_is_left_when_its_last_future_goes),
		CASE(the_last_unref_of_an_unclosed_loop_reports_and_closes_it),
		CASE(only_the_last_unref_ends_a_loop),
		CASE(a_loop_given_up_while_it_runs_is_reported_and_lives_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
