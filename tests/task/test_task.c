/* SPDX-License-Identifier: MIT */
/*
 * test_task.c - what a task is: made, begun in the next iteration, named, looked at, ended.
 * @reactors @valgrind
 */
#include "task/scenes.h"

static int give(void *value)
{
	return *(int *)value;
}

static int note_arg(void *what)
{
	note(*(const char *)what);
	return 0;
}

/* --- making ----------------------------------------------------------------------------------- */

static int first_step_body(void *arg)
{
	int value = 42;
	awl_task *t = spawn(note_arg, "t"), *u = spawn(give, &value);

	note('m');
	assert_int_equal(awl_done(t), 0);
	assert_int_equal(awl_task_stack_used(t), 0); /* no stack before its first step */
	assert_int_equal(yields(1), 0);
	assert_string_equal(trace, "mt");
	assert_int_equal(awl_done(t), 1);
	assert_int_equal(outcome(u), 42);
	return outcome(t);
}

static void the_first_step_is_in_the_next_iteration(void **state) /* T1 C12 */
{
	scene(first_step_body);
}

static void a_task_needs_a_running_loop_and_a_function(void **state) /* T1 T2 T3 */
{
	int value = 3;
	awl_loop *l = new_loop(NULL);
	awl_task *t = (awl_task *)state;

	assert_int_equal(awl_create_task(give, &value, &t), AWL_ENOLOOP);
	assert_int_equal(awl_create_task(NULL, &value, &t), AWL_ENOLOOP);
	assert_int_equal(awl_loop_create_task(l, NULL, NULL, &value, &t), -EINVAL);
	assert_string_equal(awl_error_detail(-EINVAL), "a task needs a function");
	assert_int_equal(awl_loop_create_task(NULL, NULL, give, &value, &t), -EINVAL);
	assert_ptr_equal(t, state);

	assert_int_equal(awl_loop_create_task(l, NULL, give, &value, &t), 0); /* T3: not running */
	assert_int_equal(awl_done(t), 0);
	assert_int_equal(awl_loop_run_until_future(l, t), 3);
	assert_int_equal(awl_unref(t), 0);
	t = (awl_task *)state;
	assert_int_equal(awl_loop_close(l), 0);
	assert_int_equal(awl_loop_create_task(l, NULL, give, &value, &t), AWL_ECLOSED);
	assert_ptr_equal(t, state);
	awl_loop_unref(l);
}

static int options_body(void *arg)
{
	char words[64] = "copied";
	awl_task *t = (awl_task *)words;
	awl_task_options o = { .copy = sizeof words };

	assert_int_equal(awl_loop_create_task(here(), &o, note_arg, NULL, &t), -EINVAL);
	o.copy = (64u << 10) + 1;
	assert_int_equal(awl_loop_create_task(here(), &o, note_arg, words, &t), -EINVAL);
	o = (awl_task_options){ .stack_size = SIZE_MAX };
	assert_int_equal(awl_loop_create_task(here(), &o, note_arg, words, &t), -EINVAL);
	assert_ptr_equal(t, words);

	o = (awl_task_options){ .copy = sizeof words, .stack_size = 1 << 20, .name = "carrier" };
	assert_int_equal(awl_loop_create_task(here(), &o, note_arg, words, &t), 0);
	words[0] = 'X';
	assert_string_equal(awl_task_get_name(t), "carrier");
	assert_int_equal(outcome(t), 0);
	assert_string_equal(trace, "c");
	o = (awl_task_options){ .stack_size = 1 }; /* as small as one can be */
	assert_int_equal(awl_loop_create_task(here(), &o, note_arg, words, &t), 0);
	assert_int_equal(outcome(t), 0);
	return 0;
}

static void options_are_checked_before_anything_is_made(void **state) /* T1 */
{
	scene(options_body);
}

/* --- the factory ------------------------------------------------------------------------------ */

struct factory {
	int calls, refuse;
	int other;
};

static int factory(awl_loop *loop, awl_task_options *o, awl_fn **fn, void **arg, void *factory_arg)
{
	struct factory *f = factory_arg;

	f->calls++;
	if (f->refuse)
		return f->refuse;
	o->name = "made";
	if (*fn == give)
		*arg = &f->other;
	return 0;
}

static int factory_body(void *arg)
{
	struct factory f = { .other = 77 };
	int value = 1;
	awl_task *t;

	assert_int_equal(awl_loop_set_task_factory(NULL, factory, &f), -EINVAL);
	assert_int_equal(awl_loop_set_task_factory(here(), factory, &f), 0);
	t = spawn(give, &value);
	assert_int_equal(f.calls, 1);
	assert_string_equal(awl_task_get_name(t), "made");
	assert_int_equal(outcome(t), 77);
	f.refuse = -EPERM;
	t = (awl_task *)&value;
	assert_int_equal(awl_create_task(give, &value, &t), -EPERM);
	assert_ptr_equal(t, &value);
	assert_int_equal(awl_loop_set_task_factory(here(), NULL, NULL), 0);
	t = spawn(give, &value);
	assert_int_equal(outcome(t), 1);
	assert_int_equal(f.calls, 2);
	return 0;
}

static void a_factory_changes_or_refuses_what_is_made(void **state) /* T4 */
{
	scene(factory_body);
}

/* --- names ------------------------------------------------------------------------------------ */

static int names_body(void *arg)
{
	char name[300], other[32];
	awl_future *f = promise();
	awl_task *t = spawn(note_arg, "t"), *u = spawn(note_arg, "u");

	snprintf(other, sizeof other, "%s", awl_task_get_name(u));
	assert_int_equal(strncmp(awl_task_get_name(t), "Task-", 5), 0);
	assert_string_not_equal(awl_task_get_name(t), other);
	memset(name, 'n', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	assert_int_equal(awl_task_set_name(t, name), 0);
	assert_string_equal(awl_task_get_name(t), name);
	assert_int_equal(awl_task_set_name(t, ""), 0);
	assert_string_equal(awl_task_get_name(t), "");
	assert_int_equal(awl_task_set_name(t, NULL), -EINVAL);
	assert_string_equal(awl_task_get_name(t), "");
	assert_int_equal(outcome(u), 0);
	assert_int_equal(awl_task_set_name(t, "done"), 0);
	assert_string_equal(awl_task_get_name(t), "done"); /* also of one that is done */
	assert_int_equal(awl_task_set_name(f, "future"), -EINVAL);
	assert_string_equal(awl_task_get_name(f), "");
	awl_unref(f);
	return outcome(t);
}

static void a_name_is_its_own_until_changed(void **state) /* T5 */
{
	scene(names_body);
}

/* --- what it is ------------------------------------------------------------------------------- */

static int await_all(void *future)
{
	return awl_await(future) + awl_await(future);
}

/* Woken and then asked to stop, a task runs once for both. */
static int one_state_body(void *arg)
{
	awl_future *f = promise();
	awl_task *t = spawn(await_all, f);
	uint64_t steps;

	assert_int_equal(yields(1), 0);
	assert_int_equal(awl_future_set_result(f, 2), 0);
	assert_int_equal(awl_cancel(t, NULL), 1);
	assert_int_equal(awl_cancel(t, NULL), 1);
	steps = here()->steps;
	assert_int_equal(outcome(t), 4);
	assert_int_equal(here()->steps - steps, 2); /* its one, and ours */
	return awl_unref(f);
}

static void a_task_waits_or_is_ready_or_runs_never_two_of_them(void **state) /* T6 */
{
	scene(one_state_body);
}

static int settle_itself(void *arg)
{
	awl_task *me = awl_current_task();

	assert_int_equal(awl_future_set_result(me, 1), AWL_EISTASK);
	assert_int_equal(awl_future_set_exception(me, -EIO), AWL_EISTASK);
	return 6;
}

static int is_task_body(void *arg)
{
	awl_task *t = spawn(settle_itself, NULL);

	assert_int_equal(awl_future_set_result(t, 1), AWL_EISTASK);
	assert_string_equal(awl_error_detail(AWL_EISTASK),
		"awl_future_set_result: a task's result is its function's to give");
	assert_int_equal(awl_await(t), 6);
	assert_int_equal(awl_future_set_result(t, 1), AWL_EISTASK); /* done or not */
	assert_null(awl_future_payload(t));
	return outcome(t) == 6 ? 0 : -1;
}

static void a_tasks_result_is_its_functions_to_give(void **state) /* T8 */
{
	scene(is_task_body);
}

static int all_tasks_body(void *arg)
{
	awl_future *f = promise();
	awl_task *seen[8] = { 0 }, *t = spawn(await_it, f), *u = spawn(await_it, f);
	int n;

	assert_int_equal(awl_all_tasks(here(), NULL, 0), 3);
	assert_int_equal(awl_all_tasks(here(), NULL, 1), -EINVAL);
	assert_int_equal(awl_all_tasks(NULL, seen, 8), -EINVAL);
	assert_int_equal(awl_all_tasks(here(), seen, 2), 3);
	assert_null(seen[2]);
	n = awl_all_tasks(here(), seen, 8);
	assert_int_equal(n, 3);
	for (int i = 0; i < n; i++)
		note(seen[i] == t ? 't' : seen[i] == u ? 'u' : 'm');
	assert_non_null(strchr(trace, 't'));
	assert_non_null(strchr(trace, 'u'));
	assert_non_null(strchr(trace, 'm'));
	assert_int_equal(awl_future_set_result(f, 0), 0);
	assert_int_equal(outcome(t), 0);
	assert_int_equal(awl_all_tasks(here(), NULL, 0), 1); /* u is done too */
	assert_int_equal(outcome(u), 0);
	return awl_unref(f);
}

static void all_tasks_are_those_not_done(void **state) /* T9 */
{
	scene(all_tasks_body);
}

static int set_it(void *future)
{
	int r = nap(3);

	return r < 0 ? r : awl_future_set_result(future, 12);
}

static int unreferenced_body(void *arg)
{
	awl_future *f = promise();

	assert_int_equal(awl_create_task(set_it, f, NULL), 0);
	assert_int_equal(awl_await(f), 12);
	return awl_unref(f);
}

static void a_task_nobody_refers_to_lives_until_it_is_done(void **state) /* T10 */
{
	scene(unreferenced_body);
}

static int is_current(void *ret)
{
	*(awl_task **)ret = awl_current_task();
	return 0;
}

static int no_current(void *ret)
{
	assert_null(awl_current_task());
	note('c');
	return 0;
}

static int current_body(void *arg)
{
	awl_task *seen = NULL, *t = spawn(is_current, &seen);

	assert_non_null(awl_current_task());
	assert_int_equal(awl_loop_call_soon(here(), no_current, NULL, NULL), 0);
	assert_int_equal(awl_join(t), 0);
	assert_ptr_equal(seen, t);
	assert_ptr_not_equal(awl_current_task(), t);
	assert_string_equal(trace, "c");
	return outcome(t);
}

static void the_current_task_is_the_one_that_runs(void **state) /* T11 */
{
	assert_null(awl_current_task());
	scene(current_body);
	assert_null(awl_current_task());
}

static int look_body(void *arg)
{
	awl_future *f = promise();
	awl_task *t = spawn(await_it, f);
	awl_fn *fn = NULL;
	void *frames[32], *its = NULL;
	int pipe_[2];
	char text[4096];
	ssize_t n;

	assert_int_equal(awl_task_get_coro(t, &fn, &its), 0);
	assert_ptr_equal(fn, await_it);
	assert_ptr_equal(its, f);
	assert_int_equal(awl_task_get_coro(t, NULL, NULL), 0);
	assert_int_equal(awl_task_get_coro(f, &fn, NULL), -EINVAL);
	assert_int_equal(awl_task_get_coro(NULL, &fn, NULL), -EINVAL);
	assert_int_equal(awl_task_get_stack(t, frames, 32), 0); /* not begun */
	assert_int_equal(yields(1), 0);
	assert_true(awl_task_get_stack(t, frames, 32) > 1); /* every frame, not asyncio's one */
	assert_int_equal(awl_task_get_stack(t, frames, 0), 0);
	assert_int_equal(awl_task_get_stack(t, frames, -1), -EINVAL);
	assert_int_equal(awl_task_get_stack(t, NULL, 3), -EINVAL);
	assert_int_equal(awl_task_get_stack(NULL, frames, 3), -EINVAL);
	assert_int_equal(awl_task_get_stack(f, frames, 3), -EINVAL);
	assert_true(awl_task_get_stack(awl_current_task(), frames, 32) > 1);
	assert_true(awl_task_stack_used(t) >= 4096);
	assert_int_equal(awl_task_stack_used(f), -EINVAL);
	assert_int_equal(awl_task_stack_used(NULL), -EINVAL);
	assert_int_equal(pipe2(pipe_, O_CLOEXEC), 0);
	assert_int_equal(awl_task_set_name(t, "looked-at"), 0);
	assert_int_equal(awl_task_print_stack(t, pipe_[1]), 0);
	n = read(pipe_[0], text, sizeof text - 1);
	assert_true(n > 0);
	text[n] = '\0';
	assert_non_null(strstr(text, "looked-at"));
	assert_int_equal(awl_task_print_stack(NULL, 1), -EINVAL);
	assert_true(awl_task_print_stack(t, -1) < 0);
	close(pipe_[0]);
	close(pipe_[1]);
	assert_int_equal(awl_done(t), 0); /* looking was not waking */
	assert_int_equal(awl_future_set_result(f, 1), 0);
	assert_int_equal(awl_await(t), 1);
	assert_int_equal(awl_task_get_stack(t, frames, 32), 0); /* done */
	assert_int_equal(awl_unref(f), 0);
	return outcome(t) == 1 ? 0 : -1;
}

static void a_parked_task_can_be_looked_at_whole(void **state) /* T12 */
{
	scene(look_body);
}

/* --- how it ends ------------------------------------------------------------------------------ */

static int told;

static void on_exception(awl_loop *loop, const awl_exception *e, void *arg)
{
	told = e->error;
	assert_non_null(e->task);
	assert_non_null(strstr(e->message, awl_task_get_name(e->task)));
}

static int ends_body(void *arg)
{
	int failure = -EIO, cancelled = AWL_ECANCELED;
	awl_task *t = spawn(give, &failure), *u = spawn(give, &cancelled);

	assert_int_equal(awl_loop_set_exception_handler(here(), on_exception, NULL), 0);
	told = 0;
	assert_int_equal(awl_join(t), 0); /* says only how the wait went */
	assert_int_equal(awl_done(t), 1);
	assert_int_equal(awl_cancelled(t), 0);
	assert_int_equal(outcome(t), -EIO);
	assert_int_equal(awl_await(u), AWL_EFUTURECANCELED); /* though nobody asked it to */
	assert_int_equal(awl_cancelled(u), 1);
	assert_int_equal(awl_cancelling(u), 0);
	assert_int_equal(awl_unref(u), 0);
	assert_int_equal(told, 0);

	assert_int_equal(awl_create_task(give, &failure, NULL), 0); /* nobody will ask */
	assert_int_equal(yields(2), 0);
	assert_int_equal(told, -EIO);
	told = 0;
	assert_int_equal(awl_create_task(give, &cancelled, NULL), 0);
	assert_int_equal(yields(2), 0);
	assert_int_equal(told, 0);
	t = spawn(give, &failure);
	assert_int_equal(yields(2), 0);
	assert_int_equal(told, 0); /* somebody may still ask */
	assert_int_equal(awl_unref(t), 0);
	assert_int_equal(told, -EIO);
	return 0;
}

static void a_failure_is_kept_for_who_asks_and_told_if_nobody_does(void **state) /* T13 F10 */
{
	scene(ends_body);
}

/* T14: a future is awaited as it is; there is no coroutine object to be wrapped or leaked. */
static int same_handle_body(void *arg)
{
	int value = 2;
	awl_task *t = spawn(give, &value);
	awl_future *f = t;

	assert_int_equal(awl_await(f), 2);
	assert_int_equal(awl_result(f), 2);
	assert_ptr_equal(awl_future_get_loop(f), here());
	return outcome(t) == 2 ? 0 : -1;
}

static void a_task_is_a_future(void **state) /* T14 A5 */
{
	scene(same_handle_body);
}

/* --- sleeping --------------------------------------------------------------------------------- */

static int bare_yield_body(void *arg)
{
	static const int64_t none[] = { 0, -1, INT64_MIN };

	for (size_t i = 0; i < COUNT(none); i++) {
		awl_task *t = spawn(note_arg, "t");

		assert_int_equal(awl_sleep(none[i]), 0);
		assert_int_equal(awl_done(t), 1); /* one turn of the others, no more */
		assert_int_equal(outcome(t), 0);
	}
	assert_int_equal(awl_sleep_until(0), 0);
	assert_int_equal(awl_sleep_until(INT64_MIN), 0);
	assert_timers(0);
	return 0;
}

static void a_sleep_of_nothing_is_one_yield(void **state) /* T15 */
{
	scene(bare_yield_body);
}

static int never_early_body(void *arg)
{
	static const int64_t spans[] = { 1, 999, 50000, 1000000, 1234567 };

	for (size_t i = 0; i < COUNT(spans); i++) {
		int64_t begin = awl_loop_time(here());

		assert_int_equal(awl_sleep(spans[i]), 0);
		assert_true(awl_loop_time(here()) >= begin + spans[i]);
		begin = awl_loop_time(here());
		assert_int_equal(awl_sleep_until(begin + spans[i]), 0);
		assert_true(awl_loop_time(here()) >= begin + spans[i]);
	}
	return 0;
}

static void a_sleep_is_never_early(void **state) /* T15 */
{
	scene(never_early_body);
}

static int sleep_for_ever(void *ns)
{
	return awl_sleep(*(int64_t *)ns);
}

static int sleeper_body(void *arg)
{
	static int64_t spans[] = { AWL_SEC, INT64_MAX - 1, INT64_MAX };

	for (size_t i = 0; i < COUNT(spans); i++) {
		awl_task *t = spawn(sleep_for_ever, &spans[i]);

		assert_int_equal(yields(1), 0);
		assert_int_equal(awl_done(t), 0);
		assert_int_equal(awl_cancel(t, NULL), 1);
		assert_timers(i == 0);
		assert_int_equal(outcome(t), AWL_EFUTURECANCELED);
		assert_timers(0); /* nothing stays armed */
	}
	return 0;
}

static void a_cancelled_sleeper_leaves_no_timer(void **state) /* T15 */
{
	scene(sleeper_body);
}

/* --- borrowed handles ------------------------------------------------------------------------- */

static int borrowed_body(void *arg)
{
	awl_future *f = promise();
	awl_task *me = awl_current_task(), *t = spawn(await_it, f), *seen[4];

	assert_int_equal(awl_unref(me), -EINVAL);
	assert_non_null(strstr(awl_error_detail(-EINVAL), "borrowed"));
	assert_int_equal(awl_unref(t), 0);
	assert_int_equal(awl_unref(t), -EINVAL); /* the loop's own reference */
	assert_int_equal(yields(1), 0);
	assert_int_equal(awl_unref(t), -EINVAL);
	assert_int_equal(awl_all_tasks(here(), seen, 4), 2);
	assert_ptr_equal(awl_ref(t), t); /* borrowed, now ours */
	assert_int_equal(awl_future_set_result(f, 1), 0);
	assert_int_equal(outcome(t), 1);
	return awl_unref(f);
}

static void giving_up_a_borrowed_handle_is_refused(void **state)
{
	scene(borrowed_body);
}

/* --- many ------------------------------------------------------------------------------------- */

static long begun;

static int count_me(void *arg)
{
	begun++;
	return awl_sleep(AWL_FOREVER);
}

static int many_body(void *arg)
{
	long n = test_scale("AWL_TEST_TASKS", 1000000), batch = n < 10000 ? n : 10000;
	awl_task **tasks = calloc((size_t)batch, sizeof *tasks);

	assert_non_null(tasks);
	begun = 0;
	for (long done = 0; done < n; done += batch) {
		for (long i = 0; i < batch; i++)
			tasks[i] = spawn(count_me, NULL);
		for (long i = 0; i < batch; i++)
			assert_int_equal(awl_cancel(tasks[i], "many"), 1);
		for (long i = 0; i < batch; i++)
			assert_int_equal(outcome(tasks[i]), AWL_EFUTURECANCELED);
	}
	free(tasks);
	assert_true(begun >= n); /* each began: its argument is its own to free */
	assert_int_equal(here()->live, 1);
	assert_timers(0);
	return 0;
}

static void a_million_tasks_are_made_and_cancelled(void **state) /* X7 */
{
	scene(many_body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_step_is_in_the_next_iteration),
		cmocka_unit_test(a_task_needs_a_running_loop_and_a_function),
		cmocka_unit_test(options_are_checked_before_anything_is_made),
		cmocka_unit_test(a_factory_changes_or_refuses_what_is_made),
		cmocka_unit_test(a_name_is_its_own_until_changed),
		cmocka_unit_test(a_task_waits_or_is_ready_or_runs_never_two_of_them),
		cmocka_unit_test(a_tasks_result_is_its_functions_to_give),
		cmocka_unit_test(all_tasks_are_those_not_done),
		cmocka_unit_test(a_task_nobody_refers_to_lives_until_it_is_done),
		cmocka_unit_test(the_current_task_is_the_one_that_runs),
		cmocka_unit_test(a_parked_task_can_be_looked_at_whole),
		cmocka_unit_test(a_failure_is_kept_for_who_asks_and_told_if_nobody_does),
		cmocka_unit_test(a_task_is_a_future),
		cmocka_unit_test(a_sleep_of_nothing_is_one_yield),
		cmocka_unit_test(a_sleep_is_never_early),
		cmocka_unit_test(a_cancelled_sleeper_leaves_no_timer),
		cmocka_unit_test(giving_up_a_borrowed_handle_is_refused),
		cmocka_unit_test(a_million_tasks_are_made_and_cancelled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
