/* SPDX-License-Identifier: MIT */
/*
 * test_timeout.c - timeouts: never early, at every wait until they are left, each for what is its
 * own. What depends on time runs in sim's, where it is exact. @reactors @valgrind
 */
#include "task/scenes.h"

static int long_sleep(void *arg)
{
	return awl_sleep(arg ? *(int64_t *)arg : 1000 * MS);
}

/* --- one timeout ------------------------------------------------------------------------------ */

static int basic_body(void *arg)
{
	awl_timeout t;
	int64_t begin = awl_loop_time(here());

	assert_int_equal(awl_timeout_enter(&t, 10 * MS), 0);
	assert_int_equal(awl_timeout_expired(&t), 0);
	assert_true(awl_deadline() > 0 && awl_deadline() <= 10 * MS);
	assert_int_equal(awl_timeout_exit(&t, awl_sleep(1000 * MS)), -ETIMEDOUT);
	assert_string_equal(awl_error_detail(-ETIMEDOUT), "the timeout's deadline passed");
	assert_int_equal(awl_timeout_expired(&t), 1); /* also after exit */
	assert_true(awl_timeout_when(&t) >= begin + 10 * MS);
	assert_true(awl_loop_time(here()) >= awl_timeout_when(&t));
	assert_int_equal(awl_cancelling(awl_current_task()), 0);
	assert_int_equal(awl_deadline(), AWL_FOREVER);
	assert_timers(0);
	return awl_sleep(1 * MS); /* nothing of it is left */
}

static void a_deadline_that_passes_ends_the_wait_never_early(void **state)
/* X15 X16 X18, test_timeout_basic */
{
	scene(basic_body);
}

static int at_body(void *arg)
{
	awl_timeout t;
	int64_t when = awl_loop_time(here()) + 10 * MS;

	assert_int_equal(awl_timeout_enter_at(&t, when), 0);
	assert_int_equal(awl_timeout_when(&t), when);
	assert_int_equal(awl_timeout_exit(&t, awl_sleep(1000 * MS)), -ETIMEDOUT);
	assert_int_equal(awl_timeout_when(&t), when);
	assert_true(awl_loop_time(here()) >= when);
	assert_int_equal(awl_timeout_enter_at(&t, when), 0); /* passed already */
	assert_int_equal(awl_timeout_expired(&t), 1);
	assert_int_equal(awl_yield(), AWL_ECANCELED);
	return awl_timeout_exit(&t, AWL_ECANCELED) == -ETIMEDOUT ? 0 : -1;
}

static void a_deadline_of_the_loops_clock_is_kept_as_given(void **state)
/* X15, test_timeout_at_basic */
{
	scene(at_body);
}

static int exact_body(void *arg)
{
	int64_t begin = awl_loop_time(here());
	awl_timeout t;

	assert_int_equal(awl_timeout_enter(&t, 10 * MS), 0);
	assert_int_equal(awl_timeout_when(&t), begin + 10 * MS);
	assert_int_equal(awl_timeout_exit(&t, awl_sleep(1000 * MS)), -ETIMEDOUT);
	assert_int_equal(awl_loop_time(here()), begin + 10 * MS);
	/* at the same moment the value that is there wins, and the deadline has passed all the
	 * same */
	assert_int_equal(awl_timeout_enter(&t, 10 * MS), 0);
	assert_int_equal(awl_sleep(10 * MS), 0);
	assert_int_equal(awl_yield(), AWL_ECANCELED);
	assert_int_equal(awl_timeout_exit(&t, 3), 3);
	assert_int_equal(awl_timeout_expired(&t), 1);
	return 0;
}

static void in_virtual_time_a_deadline_is_exact(void **state) /* X15 A7 */
{
	timed_scene(exact_body);
}

static int unneeded_body(void *arg)
{
	awl_timeout t;
	int64_t begin = awl_loop_time(here());

	assert_int_equal(awl_timeout_enter(&t, 10 * AWL_SEC), 0);
	assert_int_equal(awl_timeout_exit(&t, 5), 5); /* no wait inside at all */
	assert_int_equal(awl_timeout_expired(&t), 0);
	assert_true(awl_timeout_when(&t) >= begin + 10 * AWL_SEC);
	assert_true(awl_timeout_when(&t) < begin + 15 * AWL_SEC);
	assert_int_equal(awl_timeout_enter(&t, 10 * AWL_SEC), 0);
	assert_int_equal(awl_timeout_exit(&t, awl_sleep(1)), 0);
	assert_int_equal(awl_timeout_expired(&t), 0);
	assert_true(awl_timeout_when(&t) > awl_loop_time(here()));
	assert_timers(0);
	assert_int_equal(awl_timeout_enter(&t, 10 * AWL_SEC), 0);
	assert_int_equal(awl_timeout_exit(&t, -EIO), -EIO); /* test_foreign_exception_passed */
	assert_int_equal(awl_timeout_expired(&t), 0);
	return 0;
}

static void a_timeout_not_needed_leaves_no_trace(void **state) /* X16, test_timeout_not_called */
{
	scene(unneeded_body);
}

static int never_body(void *arg)
{
	static const int64_t spans[] = { AWL_FOREVER, AWL_FOREVER - 1, INT64_MAX / 2 };
	awl_timeout t;

	for (size_t i = 0; i < COUNT(spans); i++) {
		assert_int_equal(awl_timeout_enter(&t, spans[i]), 0);
		assert_int_equal(awl_timeout_exit(&t, awl_sleep(1)), 0);
		assert_int_equal(awl_timeout_expired(&t), 0);
		assert_true(awl_timeout_when(&t) > INT64_MAX / 2);
		assert_timers(0);
	}
	assert_int_equal(awl_timeout_enter_at(&t, AWL_FOREVER), 0);
	assert_int_equal(awl_deadline(), AWL_FOREVER);
	assert_int_equal(awl_timeout_exit(&t, awl_yield()), 0);
	assert_int_equal(awl_timeout_when(&t), AWL_FOREVER);
	return 0;
}

static void for_ever_is_no_deadline(void **state)
/* X15, test_timeout_disabled, test_timeout_at_disabled */
{
	scene(never_body);
}

static int zero_body(void *arg)
{
	static const int64_t spans[] = { 0, -1, -11 * AWL_SEC, INT64_MIN };
	awl_future *done = promise();
	awl_timeout t;

	assert_int_equal(awl_future_set_result(done, 4), 0);
	for (size_t i = 0; i < COUNT(spans); i++) {
		int64_t begin = awl_loop_time(here());

		assert_int_equal(awl_timeout_enter(&t, spans[i]), 0);
		assert_int_equal(awl_timeout_expired(&t), 1);
		assert_int_equal(awl_deadline(), 0);
		assert_int_equal(awl_await(done), 4); /* no wait */
		assert_int_equal(awl_sleep(0), AWL_ECANCELED);
		assert_int_equal(awl_sleep(10 * AWL_SEC), AWL_ECANCELED);
		assert_int_equal(awl_checkpoint(), AWL_ECANCELED);
		assert_int_equal(awl_timeout_exit(&t, AWL_ECANCELED), -ETIMEDOUT);
		assert_true(awl_timeout_when(&t) >= begin);
		assert_true(awl_timeout_when(&t) <= awl_loop_time(here()));
		assert_int_equal(awl_yield(), 0);
	}
	return awl_unref(done);
}

static void no_time_at_all_fails_the_first_wait(void **state)
/* X15, test_timeout_zero, _zero_sleep_zero, _in_the_past_sleep_zero */
{
	scene(zero_body);
}

/* --- at every wait ---------------------------------------------------------------------------- */

static int every_wait_body(void *arg)
{
	awl_future *f = promise();
	awl_timeout t;
	awl_task_group g;
	int fds[2];
	char byte;

	make_pipe(here(), fds);
	assert_int_equal(awl_timeout_enter(&t, 5 * MS), 0);
	assert_int_equal(awl_fd_read(fds[0], &byte, 1), AWL_ECANCELED);
	for (int i = 0; i < 3; i++) { /* one forgotten `if` does not disable it */
		assert_int_equal(awl_sleep(1), AWL_ECANCELED);
		assert_int_equal(awl_sleep_until(awl_loop_time(here()) + MS), AWL_ECANCELED);
		assert_int_equal(awl_yield(), AWL_ECANCELED);
		assert_int_equal(awl_checkpoint(), AWL_ECANCELED);
		assert_int_equal(awl_fd_read(fds[0], &byte, 1), AWL_ECANCELED);
		assert_int_equal(awl_fd_write(fds[1], "b", 1), AWL_ECANCELED);
		assert_int_equal(awl_wait_fd(fds[0], POLLIN), AWL_ECANCELED);
		assert_int_equal(awl_join(f), AWL_ECANCELED);
		assert_int_equal(awl_task_group_enter(&g), 0);
		assert_int_equal(awl_task_group_exit(&g, awl_yield()), AWL_ECANCELED);
	}
	assert_int_equal(awl_await(f), AWL_ECANCELED);
	assert_int_equal(awl_cancelled(f), 1); /* its sole waiter */
	assert_int_equal(awl_timeout_exit(&t, AWL_ECANCELED), -ETIMEDOUT);
	assert_int_equal(awl_fd_write(fds[1], "b", 1), 1); /* nothing was written, nothing asks */
	assert_int_equal(awl_fd_read(fds[0], &byte, 1), 1);
	close_pipe(here(), fds);
	return awl_unref(f);
}

static void a_passed_deadline_is_told_by_every_wait_until_it_is_left(void **state) /* X2, A7 */
{
	scene(every_wait_body);
}

/* Who only yields, or only reads what is there, is within its deadline too. */
static int never_parks_body(void *arg)
{
	awl_timeout t;
	int fds[2], r;
	char byte;

	if (is_sim(here()))
		skip(); /* its clock stands while anything is ready */
	assert_int_equal(awl_timeout_enter(&t, 2 * MS), 0);
	while ((r = awl_yield()) == 0)
		;
	assert_int_equal(awl_timeout_exit(&t, r), -ETIMEDOUT);
	assert_int_equal(awl_timeout_enter(&t, 2 * MS), 0);
	while ((r = awl_checkpoint()) == 0)
		;
	assert_int_equal(awl_timeout_exit(&t, r), -ETIMEDOUT);
	make_pipe(here(), fds);
	assert_int_equal(awl_timeout_enter(&t, 2 * MS), 0);
	do {
		r = awl_fd_write(fds[1], "b", 1);
		if (r == 1)
			r = awl_fd_read(fds[0], &byte, 1);
	} while (r == 1);
	assert_int_equal(awl_timeout_exit(&t, r), -ETIMEDOUT);
	close_pipe(here(), fds);
	assert_timers(0);
	return 0;
}

static void who_never_parks_is_within_its_deadline_too(void **state) /* A7 A9 */
{
	if (getenv("AWL_REACTOR") && !strcmp(getenv("AWL_REACTOR"), "sim"))
		skip();
	scene(never_parks_body);
}

static int busy_body(void *arg)
{
	awl_timeout t;
	int64_t begin = awl_loop_time(here());

	assert_int_equal(awl_timeout_enter(&t, 2 * MS), 0);
	while (awl_loop_time(here()) < begin + 2 * MS + 20 * MS) /* the coarse clock lags */
		;
	assert_int_equal(awl_timeout_expired(&t), 1);
	assert_int_equal(awl_deadline(), 0);
	assert_int_equal(awl_sleep(1000 * MS), AWL_ECANCELED);
	assert_int_equal(awl_timeout_exit(&t, AWL_ECANCELED), -ETIMEDOUT);
	return 0;
}

static void a_deadline_that_passed_while_busy_meets_the_first_wait(void **state) /* X18 */
{
	if (getenv("AWL_REACTOR") && !strcmp(getenv("AWL_REACTOR"), "sim"))
		skip();
	scene(busy_body);
}

static int finishes_body(void *arg)
{
	awl_timeout t;

	assert_int_equal(awl_timeout_enter(&t, 10 * MS), 0);
	assert_int_equal(awl_sleep(20 * MS), AWL_ECANCELED);
	assert_int_equal(awl_timeout_exit(&t, 7), 7); /* X14: it finished all the same */
	assert_int_equal(awl_timeout_expired(&t), 1); /* X18 */
	assert_int_equal(awl_timeout_enter(&t, 10 * MS), 0);
	assert_int_equal(awl_sleep(20 * MS), AWL_ECANCELED);
	assert_int_equal(awl_timeout_exit(&t, -EBADMSG), -EBADMSG);
	/* test_foreign_exception_on_timeout */
	return awl_sleep(1 * MS);
}

static void a_body_that_finished_all_the_same_keeps_its_status(void **state) /* X14 X18 A7 */
{
	timed_scene(finishes_body);
}

/* --- nested ----------------------------------------------------------------------------------- */

struct nested {
	int64_t outer, inner;
	int inner_status, outer_status;
	int inner_expired, outer_expired;
};

static int nested_body(void *arg)
{
	static const struct nested all[] = {
		{ 20, 10, -ETIMEDOUT, -ETIMEDOUT, 1, 0 }, /* the inner one first */
		{ 10, 20, AWL_ECANCELED, -ETIMEDOUT, 0, 1 },
		{ 10, 10, AWL_ECANCELED, -ETIMEDOUT, 1, 1 }, /* test_nested_timeouts */
		{ 0, 10, AWL_ECANCELED, -ETIMEDOUT, 0, 1 },
		{ 10, 0, -ETIMEDOUT, -ETIMEDOUT, 1, 0 },
		{ 0, 0, AWL_ECANCELED, -ETIMEDOUT, 1, 1 },
	};

	for (size_t i = 0; i < COUNT(all); i++) {
		awl_timeout outer, inner;
		int r;

		assert_int_equal(awl_timeout_enter(&outer, all[i].outer * MS), 0);
		assert_int_equal(awl_timeout_enter(&inner, all[i].inner * MS), 0);
		r = awl_timeout_exit(&inner, awl_sleep(1000 * MS));
		assert_int_equal(r, all[i].inner_status);
		assert_int_equal(awl_timeout_expired(&inner), all[i].inner_expired);
		assert_int_equal(awl_timeout_expired(&outer), all[i].outer_expired);
		assert_int_equal(awl_timeout_exit(&outer, r), all[i].outer_status);
		assert_int_equal(awl_cancelling(awl_current_task()), 0); /* X19 */
		assert_int_equal(awl_yield(), 0);
		assert_timers(0);
	}
	return 0;
}

static void of_nested_deadlines_each_answers_for_itself(void **state) /* X16 X19 */
{
	timed_scene(nested_body);
}

static int handled_body(void *arg)
{
	awl_timeout outer, inner;
	int64_t begin = awl_loop_time(here());

	/* the inner one passes and is handled; the outer one goes on, to its own end */
	assert_int_equal(awl_timeout_enter(&outer, 100 * MS), 0);
	assert_int_equal(awl_timeout_enter(&inner, 10 * MS), 0);
	assert_int_equal(awl_timeout_exit(&inner, awl_sleep(1000 * MS)), -ETIMEDOUT);
	assert_int_equal(awl_loop_time(here()), begin + 10 * MS);
	assert_int_equal(awl_deadline(), 90 * MS);
	assert_int_equal(awl_timeout_exit(&outer, awl_sleep(1000 * MS)), -ETIMEDOUT);
	assert_int_equal(awl_loop_time(here()), begin + 100 * MS);
	return 0;
}

static void an_inner_timeout_handled_leaves_the_outer_one_armed(void **state)
/* X19, test_nested_timeouts_loop_busy */
{
	timed_scene(handled_body);
}

static int in_handler_body(void *arg)
{
	awl_timeout outer, inner;
	int64_t begin = awl_loop_time(here());
	int r;

	/* the inner one's handler waits, and the outer one passes meanwhile */
	assert_int_equal(awl_timeout_enter(&outer, 20 * MS), 0);
	assert_int_equal(awl_timeout_enter(&inner, 10 * MS), 0);
	assert_int_equal(awl_sleep(1000 * MS), AWL_ECANCELED);
	r = awl_shielded(AWL_FOREVER, long_sleep, &(int64_t){ 30 * MS });
	assert_int_equal(r, 0);
	assert_int_equal(awl_loop_time(here()), begin + 40 * MS);
	assert_int_equal(awl_yield(), AWL_ECANCELED);
	assert_int_equal(awl_timeout_expired(&outer), 1);
	r = awl_timeout_exit(&inner, AWL_ECANCELED);
	assert_int_equal(r, AWL_ECANCELED); /* the outer one asks too */
	assert_int_equal(awl_timeout_exit(&outer, r), -ETIMEDOUT);
	assert_int_equal(awl_cancelling(awl_current_task()), 0);
	return awl_yield();
}

static void an_outer_deadline_that_passes_in_the_inner_handler_wins(void **state) /* X19 */
{
	timed_scene(in_handler_body);
}

static int finally_body(void *arg)
{
	awl_timeout outer, inner;

	assert_int_equal(awl_timeout_enter(&outer, 10 * MS), 0);
	assert_int_equal(awl_sleep(1000 * MS), AWL_ECANCELED);
	assert_int_equal(awl_timeout_enter(&inner, 10 * MS), 0);
	assert_int_equal(awl_sleep(1000 * MS), AWL_ECANCELED); /* the outer one's: no shield */
	assert_int_equal(awl_timeout_exit(&inner, AWL_ECANCELED), AWL_ECANCELED);
	return awl_timeout_exit(&outer, AWL_ECANCELED) == -ETIMEDOUT ? 0 : -1;
}

static void clean_up_in_an_expired_timeout_needs_a_shield_to_wait(void **state)
/* test_nested_timeout_in_finally, otherwise (A7) */
{
	timed_scene(finally_body);
}

static int deep_body(void *arg)
{
	enum { DEEP = 2000 };
	awl_timeout *t = calloc(DEEP, sizeof *t);
	int64_t begin = awl_loop_time(here());
	int r;

	assert_non_null(t);
	for (int i = 0; i < DEEP; i++)
		assert_int_equal(awl_timeout_enter(&t[i], (2 * DEEP - i) * MS), 0);
	for (int i = DEEP; i-- > 0;) {
		r = awl_sleep(AWL_FOREVER);
		assert_int_equal(r, AWL_ECANCELED);
		assert_int_equal(awl_loop_time(here()), begin + (2 * DEEP - i) * MS);
		assert_int_equal(awl_timeout_exit(&t[i], r), -ETIMEDOUT);
	}
	free(t);
	assert_int_equal(awl_current_task() != NULL, 1);
	return awl_yield();
}

static void thousands_of_timeouts_nest(void **state) /* X19 */
{
	timed_scene(deep_body);
}

static int deepest_body(void *arg)
{
	struct awl__task *me = (struct awl__task *)awl_current_task();
	awl_timeout t[8] = { 0 };
	int n = 0, r;

	me->depth = UINT16_MAX - 5; /* as if so many were open */
	while ((r = awl_timeout_enter(&t[n], AWL_FOREVER)) == 0)
		n++;
	assert_int_equal(n, 5);
	assert_int_equal(r, AWL_ESCOPE);
	assert_non_null(strstr(awl_error_detail(AWL_ESCOPE), "65534 scopes are open"));
	assert_int_equal(awl_timeout_exit(&t[n], 0), AWL_ESCOPE); /* kept for its exit */
	while (n-- > 0)
		assert_int_equal(awl_timeout_exit(&t[n], n), n);
	me->depth = 1;
	return awl_yield();
}

static void one_scope_too_many_is_refused(void **state)
{
	scene(deepest_body);
}

/* --- with requests by awl_cancel -------------------------------------------------------------- */

static int foreign_body(void *arg)
{
	awl_task *me = awl_current_task();
	awl_timeout t;

	assert_int_equal(awl_timeout_enter(&t, 10 * AWL_SEC), 0);
	assert_int_equal(awl_cancel(me, "not yours"), 1);
	assert_int_equal(awl_timeout_exit(&t, awl_sleep(10 * AWL_SEC)), AWL_ECANCELED);
	assert_int_equal(awl_timeout_expired(&t), 0);
	assert_int_equal(awl_cancelling(me), 1);
	assert_int_equal(awl_uncancel(me), 0);
	return awl_yield();
}

static void a_request_from_elsewhere_is_no_timeout(void **state)
/* X16, test_foreign_cancel_doesnt_timeout_if_not_expired */
{
	timed_scene(foreign_body);
}

static int both_ask_body(void *arg)
{
	awl_task *me = awl_current_task();
	awl_timeout t;

	assert_int_equal(awl_timeout_enter(&t, 10 * MS), 0);
	assert_int_equal(awl_sleep(20 * MS), AWL_ECANCELED);
	assert_int_equal(awl_cancel(me, NULL), 1);
	assert_int_equal(awl_timeout_exit(&t, AWL_ECANCELED), AWL_ECANCELED);
	assert_int_equal(awl_yield(), 0); /* it left with that status: delivered */
	assert_int_equal(awl_uncancel(me), 0);

	/* asked before it enters, delivered inside: from outside all the same */
	assert_int_equal(awl_cancel(me, NULL), 1);
	assert_int_equal(awl_timeout_enter(&t, 0), 0);
	assert_int_equal(awl_yield(), AWL_ECANCELED);
	assert_int_equal(awl_timeout_exit(&t, AWL_ECANCELED), AWL_ECANCELED);
	assert_int_equal(awl_uncancel(me), 0);
	return awl_yield();
}

static void a_request_from_elsewhere_outweighs_the_deadline(void **state) /* X16 */
{
	timed_scene(both_ask_body);
}

static int after_cancel_body(void *arg)
{
	awl_task *me = awl_current_task();
	awl_timeout t;

	assert_int_equal(awl_cancel(me, NULL), 1);
	assert_int_equal(awl_sleep(1000 * MS), AWL_ECANCELED);
	assert_int_equal(awl_timeout_enter(&t, 0), 0); /* some clean-up, within limits */
	assert_int_equal(awl_timeout_exit(&t, awl_sleep(1000 * MS)), -ETIMEDOUT);

	assert_int_equal(awl_timeout_enter(&t, 1000 * MS), 0);
	assert_int_equal(awl_cancel(me, NULL), 1);
	assert_int_equal(awl_timeout_exit(&t, awl_sleep(2000 * MS)), AWL_ECANCELED);
	return 0;
}

static void a_timeout_in_the_clean_up_of_a_cancel_works(void **state)
/* test_timeout_after_cancellation, test_cancel_in_timeout_after_cancellation */
{
	timed_scene(after_cancel_body);
}

static int in_child(void *arg)
{
	awl_timeout t;

	assert_int_equal(awl_timeout_enter(&t, 1 * MS), 0);
	return awl_timeout_exit(&t, awl_sleep(1000 * MS)) == -ETIMEDOUT ? 11 : -1;
}

static int outer_task_body(void *arg)
{
	awl_task *t = spawn(in_child, NULL);

	assert_int_equal(awl_await(t), 11);
	assert_int_equal(awl_cancelled(t), 0);
	return awl_unref(t);
}

static void a_task_whose_timeout_passed_is_not_cancelled(void **state)
/* test_outer_task_is_not_cancelled */
{
	scene(outer_task_body);
}

/* A block that asks by awl_cancel and takes it back, by hand, as a library might. */
struct by_hand {
	awl_task *task;
	bool fired;
};

static int on_timeout(void *arg)
{
	struct by_hand *b = arg;

	b->fired = true;
	return awl_cancel(b->task, NULL) < 0 ? -1 : 0;
}

static int structured(void *span)
{
	struct by_hand b = { awl_current_task(), false };
	awl_handle h = AWL_HANDLE_INIT;
	int r;

	assert_int_equal(awl_loop_call_later(here(), 10 * MS, on_timeout, &b, &h), 0);
	r = awl_sleep(*(int64_t *)span);
	awl_handle_cancel(&h);
	if (b.fired && awl_uncancel(b.task) == 0 && r == AWL_ECANCELED)
		note('t');
	else
		note(r == 0 ? 'f' : 'c');
	return awl_yield(); /* outer code not concerned */
}

static int structured_body(void *arg)
{
	awl_task *t = spawn(structured, &(int64_t){ 1000 * MS });

	assert_int_equal(awl_await(t), 0);
	assert_int_equal(awl_cancelling(t), 0);
	awl_unref(t);
	t = spawn(structured, &(int64_t){ 0 });
	assert_int_equal(awl_await(t), 0);
	assert_int_equal(awl_cancelling(t), 0);
	assert_string_equal(trace, "tf");
	return awl_unref(t);
}

static void a_block_may_ask_and_take_back_by_hand(void **state)
/* X5, test_uncancel_structured_blocks */
{
	timed_scene(structured_body);
}

/* --- what a timeout's end does to those it awaits --------------------------------------------- */

static int below_body(void *arg)
{
	awl_task *child = spawn(long_sleep, NULL);
	awl_timeout t;
	int64_t begin = awl_loop_time(here());

	assert_int_equal(awl_timeout_enter(&t, 10 * MS), 0);
	assert_int_equal(awl_timeout_exit(&t, awl_await(child)), -ETIMEDOUT);
	assert_int_equal(awl_cancelled(child), 1);
	assert_int_equal(awl_cancelling(child), 1);
	assert_int_equal(awl_loop_time(here()), begin + 10 * MS);
	return awl_unref(child);
}

static void a_deadline_cancels_what_its_task_alone_awaits(void **state) /* X1 X12 */
{
	timed_scene(below_body);
}

/* --- rescheduling ----------------------------------------------------------------------------- */

struct shared {
	awl_timeout t;
	int64_t begin;
};

static int holds_timeout(void *arg)
{
	struct shared *s = arg;

	s->begin = awl_loop_time(here());
	assert_int_equal(awl_timeout_enter(&s->t, 10 * MS), 0);
	return awl_timeout_exit(&s->t, awl_sleep(1000 * MS));
}

static int reschedule_body(void *arg)
{
	struct shared s;
	awl_task *t;

	for (int kind = 0; kind < 5; kind++) {
		t = spawn(holds_timeout, &s);
		assert_int_equal(yields(1), 0);
		assert_int_equal(awl_timeout_when(&s.t), s.begin + 10 * MS);
		if (kind == 0) { /* later, by another task, while it sleeps */
			assert_int_equal(awl_timeout_reschedule(&s.t, s.begin + 30 * MS), 0);
			assert_int_equal(awl_timeout_when(&s.t), s.begin + 30 * MS);
			assert_int_equal(outcome(t), -ETIMEDOUT);
			assert_int_equal(awl_loop_time(here()), s.begin + 30 * MS);
		} else if (kind == 1) { /* earlier */
			assert_int_equal(awl_timeout_reschedule(&s.t, s.begin + 5 * MS), 0);
			assert_int_equal(outcome(t), -ETIMEDOUT);
			assert_int_equal(awl_loop_time(here()), s.begin + 5 * MS);
		} else if (kind == 2) { /* in the past: now */
			assert_int_equal(awl_timeout_reschedule(&s.t, s.begin - 1), 0);
			assert_int_equal(awl_timeout_expired(&s.t), 1);
			assert_int_equal(
				awl_timeout_reschedule(&s.t, s.begin + 5 * MS), -ETIMEDOUT);
			assert_int_equal(outcome(t), -ETIMEDOUT);
			assert_int_equal(awl_loop_time(here()), s.begin);
		} else if (kind == 3) { /* never */
			assert_int_equal(awl_timeout_reschedule(&s.t, AWL_FOREVER), 0);
			assert_int_equal(outcome(t), 0);
			assert_int_equal(awl_loop_time(here()), s.begin + 1000 * MS);
		} else { /* never, and then its task is cancelled */
			assert_int_equal(awl_timeout_reschedule(&s.t, AWL_FOREVER), 0);
			assert_int_equal(awl_cancel(t, NULL), 1);
			assert_int_equal(outcome(t), AWL_EFUTURECANCELED);
			assert_int_equal(awl_timeout_expired(&s.t), 0);
		}
		assert_int_equal(awl_timeout_reschedule(&s.t, AWL_FOREVER), AWL_ESCOPE);
		assert_timers(0);
	}
	return 0;
}

static void a_deadline_can_be_moved_until_it_passes(void **state) /* X17, test_reschedule */
{
	timed_scene(reschedule_body);
}

static int states_body(void *arg)
{
	awl_timeout t = { 0 };

	assert_int_equal(awl_timeout_reschedule(&t, 5), AWL_ESCOPE);
	assert_string_equal(
		awl_error_detail(AWL_ESCOPE), "awl_timeout_reschedule: this timeout is not open");
	assert_int_equal(awl_timeout_enter(&t, 10 * MS), 0);
	assert_int_equal(awl_sleep(1000 * MS), AWL_ECANCELED);
	assert_int_equal(awl_timeout_reschedule(&t, AWL_FOREVER), -ETIMEDOUT);
	assert_int_equal(awl_timeout_exit(&t, AWL_ECANCELED), -ETIMEDOUT);
	assert_int_equal(awl_timeout_reschedule(&t, AWL_FOREVER), AWL_ESCOPE);
	return 0;
}

static void moving_is_refused_before_and_after(void **state)
/* X17, test_timeout_not_entered, _finished, _expired, _expiring */
{
	timed_scene(states_body);
}

/* --- as a function ---------------------------------------------------------------------------- */

static int returns_nine(void *arg)
{
	note('n');
	return 9;
}

static int swallows(void *arg)
{
	return awl_sleep(1000 * MS) == AWL_ECANCELED ? 8 : -1;
}

static int wait_for_body(void *arg)
{
	int64_t begin = awl_loop_time(here());

	assert_int_equal(awl_wait_for(10 * MS, long_sleep, NULL), -ETIMEDOUT);
	assert_int_equal(awl_loop_time(here()), begin + 10 * MS);
	assert_int_equal(awl_wait_for(10 * MS, long_sleep, &(int64_t){ 5 * MS }), 0);
	assert_int_equal(awl_wait_for(0, returns_nine, NULL), 9); /* X12: the body has begun */
	assert_string_equal(trace, "n");
	assert_int_equal(awl_wait_for(0, long_sleep, NULL), -ETIMEDOUT);
	assert_int_equal(awl_wait_for(10 * MS, swallows, NULL), 8); /* X14 */
	assert_int_equal(awl_wait_for(AWL_FOREVER, returns_nine, NULL), 9);
	assert_int_equal(awl_wait_for(MS, NULL, NULL), -EINVAL);
	return 0;
}

static void wait_for_runs_a_function_within_its_time(void **state) /* X12 X14 */
{
	timed_scene(wait_for_body);
}

/* X13: the result and a cancel of the caller in one moment: neither is lost. */
static int waits_for(void *future)
{
	int r = awl_wait_for(10 * AWL_SEC, await_it, future);

	assert_int_equal(r, 55);
	note('v');
	return awl_yield();
}

static int one_tick_body(void *arg)
{
	awl_future *f = promise();
	awl_task *t = spawn(waits_for, f);

	assert_int_equal(yields(1), 0);
	assert_int_equal(awl_future_set_result(f, 55), 0);
	assert_int_equal(awl_cancel(t, NULL), 1);
	assert_int_equal(outcome(t), AWL_EFUTURECANCELED);
	assert_string_equal(trace, "v");
	return awl_unref(f);
}

static void a_result_and_a_cancel_of_one_moment_are_both_kept(void **state) /* X13, otherwise */
{
	scene(one_tick_body);
}

/* --- refusals --------------------------------------------------------------------------------- */

static int null_body(void *arg)
{
	assert_int_equal(awl_timeout_enter(NULL, 1), -EINVAL);
	assert_string_equal(awl_error_detail(-EINVAL), "awl_timeout_enter: the scope is NULL");
	assert_int_equal(awl_timeout_enter_at(NULL, 1), -EINVAL);
	assert_int_equal(awl_timeout_exit(NULL, 1), -EINVAL);
	assert_int_equal(awl_timeout_reschedule(NULL, 1), -EINVAL);
	assert_int_equal(awl_timeout_expired(NULL), -EINVAL);
	assert_int_equal(awl_timeout_when(NULL), -EINVAL);
	return 0;
}

static void null_is_refused(void **state)
{
	scene(null_body);
}

static void outside_a_task_there_is_no_timeout(void **state) /* X15, test_timeout_without_task */
{
	awl_timeout t = { 0 };

	assert_int_equal(awl_timeout_enter(&t, MS), AWL_ENOLOOP);
	assert_int_equal(awl_timeout_reschedule(&t, 1), AWL_ESCOPE);
	assert_int_equal(awl_timeout_exit(&t, 0), AWL_ENOLOOP);
	assert_int_equal(awl_timeout_exit(&t, 0), AWL_ENOLOOP);
	assert_int_equal(awl_wait_for(MS, returns_nine, NULL), AWL_ENOLOOP);
	assert_int_equal(awl_deadline(), AWL_ENOLOOP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_deadline_that_passes_ends_the_wait_never_early),
		cmocka_unit_test(a_deadline_of_the_loops_clock_is_kept_as_given),
		cmocka_unit_test(in_virtual_time_a_deadline_is_exact),
		cmocka_unit_test(a_timeout_not_needed_leaves_no_trace),
		cmocka_unit_test(for_ever_is_no_deadline),
		cmocka_unit_test(no_time_at_all_fails_the_first_wait),
		cmocka_unit_test(a_passed_deadline_is_told_by_every_wait_until_it_is_left),
		cmocka_unit_test(who_never_parks_is_within_its_deadline_too),
		cmocka_unit_test(a_deadline_that_passed_while_busy_meets_the_first_wait),
		cmocka_unit_test(a_body_that_finished_all_the_same_keeps_its_status),
		cmocka_unit_test(of_nested_deadlines_each_answers_for_itself),
		cmocka_unit_test(an_inner_timeout_handled_leaves_the_outer_one_armed),
		cmocka_unit_test(an_outer_deadline_that_passes_in_the_inner_handler_wins),
		cmocka_unit_test(clean_up_in_an_expired_timeout_needs_a_shield_to_wait),
		cmocka_unit_test(thousands_of_timeouts_nest),
		cmocka_unit_test(one_scope_too_many_is_refused),
		cmocka_unit_test(a_request_from_elsewhere_is_no_timeout),
		cmocka_unit_test(a_request_from_elsewhere_outweighs_the_deadline),
		cmocka_unit_test(a_timeout_in_the_clean_up_of_a_cancel_works),
		cmocka_unit_test(a_task_whose_timeout_passed_is_not_cancelled),
		cmocka_unit_test(a_block_may_ask_and_take_back_by_hand),
		cmocka_unit_test(a_deadline_cancels_what_its_task_alone_awaits),
		cmocka_unit_test(a_deadline_can_be_moved_until_it_passes),
		cmocka_unit_test(moving_is_refused_before_and_after),
		cmocka_unit_test(wait_for_runs_a_function_within_its_time),
		cmocka_unit_test(a_result_and_a_cancel_of_one_moment_are_both_kept),
		cmocka_unit_test(null_is_refused),
		cmocka_unit_test(outside_a_task_there_is_no_timeout),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
