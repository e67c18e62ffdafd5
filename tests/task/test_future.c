/* SPDX-License-Identifier: MIT */
/*
 * test_future.c - a future ends once, tells everybody in the order they came, and refuses the rest.
 * @reactors @valgrind
 */
#include "task/scenes.h"

static int told; /* failures that reached the exception handler */
static int told_error;

static void on_exception(awl_loop *loop, const awl_exception *e, void *arg)
{
	told++;
	told_error = e->error;
}

static void hear_exceptions(void)
{
	told = 0;
	assert_int_equal(awl_loop_set_exception_handler(here(), on_exception, NULL), 0);
}

/* --- a result comes once ---------------------------------------------------------------------- */

static int once_body(void *arg)
{
	awl_future *f = promise();

	assert_int_equal(awl_done(f), 0);
	assert_int_equal(awl_cancelled(f), 0);
	assert_int_equal(awl_result(f), AWL_EPENDING);
	assert_string_equal(
		awl_error_detail(AWL_EPENDING), "awl_result: the future has no result yet");
	assert_int_equal(awl_future_set_result(f, 7), 0);
	assert_int_equal(awl_done(f), 1);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(awl_future_set_result(f, 8), AWL_EDONE);
		assert_int_equal(awl_future_set_exception(f, -EIO), AWL_EDONE);
		assert_non_null(strstr(awl_error_detail(AWL_EDONE), "awl_future_set_exception"));
		assert_int_equal(awl_cancel(f, "late"), 0);
		assert_string_equal(awl_cancel_reason(f), "");
		assert_int_equal(awl_cancelled(f), 0);
		assert_int_equal(awl_result(f), 7);
		assert_int_equal(awl_await(f), 7);
	}
	return awl_unref(f);
}

static void a_result_comes_once_and_stays(void **state) /* F1 F2 F3 */
{
	scene(once_body);
}

static int sign_body(void *arg)
{
	awl_future *f = promise();

	assert_int_equal(awl_future_set_result(f, -1), -EINVAL);
	assert_non_null(strstr(awl_error_detail(-EINVAL), "a result is not negative"));
	assert_int_equal(awl_future_set_exception(f, 0), -EINVAL);
	assert_int_equal(awl_future_set_exception(f, 5), -EINVAL);
	assert_int_equal(awl_future_set_exception(f, AWL_ECANCELED), -EINVAL);
	assert_non_null(strstr(awl_error_detail(-EINVAL), "awl_cancel"));
	assert_int_equal(awl_done(f), 0);
	assert_int_equal(awl_future_set_exception(f, -EIO), 0);
	assert_int_equal(awl_await(f), -EIO);
	return awl_unref(f);
}

static void a_result_of_the_wrong_sign_is_refused(void **state) /* F2 */
{
	scene(sign_body);
}

static int failure_body(void *arg)
{
	awl_future *f;

	hear_exceptions();
	f = promise();
	assert_int_equal(awl_future_set_exception(f, -EIO), 0);
	awl_unref(f);
	assert_int_equal(told, 1);
	assert_int_equal(told_error, -EIO);

	f = promise();
	assert_int_equal(awl_future_set_exception(f, -EIO), 0);
	assert_int_equal(awl_result(f), -EIO); /* F4: read is seen */
	awl_unref(f);
	f = promise();
	assert_int_equal(awl_future_set_exception(f, -EIO), 0);
	assert_int_equal(awl_await(f), -EIO);
	awl_unref(f);
	f = promise();
	assert_int_equal(awl_cancel(f, NULL), 1); /* a cancelled one is no failure */
	awl_unref(f);
	assert_int_equal(told, 1);
	return 0;
}

static void a_failure_nobody_read_is_told_at_the_last_unref(void **state) /* F4 F10 */
{
	scene(failure_body);
}

static int cancel_body(void *arg)
{
	awl_future *f = promise();

	assert_int_equal(awl_cancel(f, "enough"), 1);
	assert_int_equal(awl_done(f), 1);
	assert_int_equal(awl_cancelled(f), 1);
	assert_string_equal(awl_cancel_reason(f), "enough");
	assert_int_equal(awl_result(f), AWL_EFUTURECANCELED);
	assert_int_equal(awl_await(f), AWL_EFUTURECANCELED);
	assert_int_equal(awl_join(f), 0);
	assert_int_equal(awl_future_set_result(f, 1), AWL_EDONE);
	assert_int_equal(awl_cancel(f, "again"), 0);
	assert_string_equal(awl_cancel_reason(f), "enough");
	return awl_unref(f);
}

static void a_cancelled_future_is_done_at_once_and_says_why(void **state) /* F3 F5 */
{
	scene(cancel_body);
}

/* --- done callbacks --------------------------------------------------------------------------- */

static void note_it(awl_future *f, void *what)
{
	assert_int_equal(awl_done(f), 1);
	note(*(const char *)what);
}

static int await_and_note(void *future)
{
	int r = awl_await(future);

	note('w');
	return r;
}

static int callbacks_body(void *arg)
{
	awl_future *f = promise();
	awl_done_callback here_a = { 0 }, here_b = { 0 };
	awl_task *waiter;

	assert_int_equal(awl_future_add_done_callback(f, note_it, "a", &here_a), 0);
	waiter = spawn(await_and_note, f);
	assert_int_equal(yields(1), 0);
	assert_int_equal(awl_future_add_done_callback(f, note_it, "b", NULL), 0);
	assert_int_equal(awl_future_add_done_callback(f, note_it, "b", &here_b), 0);
	assert_int_equal(awl_future_add_done_callback(f, note_it, "c", &here_b), -EBUSY);
	assert_int_equal(awl_future_set_result(f, 3), 0);
	assert_string_equal(trace, ""); /* never inside the call */
	assert_int_equal(awl_future_add_done_callback(f, note_it, "d", NULL), 0);
	assert_string_equal(trace, "");
	assert_int_equal(yields(1), 0);
	assert_string_equal(trace, "awbbd");
	assert_int_equal(
		awl_future_add_done_callback(f, note_it, "e", &here_a), 0); /* free again */
	assert_int_equal(yields(1), 0);
	assert_string_equal(trace, "awbbde");
	assert_int_equal(outcome(waiter), 3);
	return awl_unref(f);
}

static void callbacks_and_waiters_run_in_the_order_they_came(void **state) /* F6 */
{
	scene(callbacks_body);
}

static void note_other(awl_future *f, void *arg)
{
	note('o');
}

static int remove_body(void *arg)
{
	awl_future *f = promise();
	char *x = (char[]){ "x" }, *y = (char[]){ "y" };
	awl_done_callback kept = { 0 };

	assert_int_equal(awl_future_add_done_callback(f, note_it, x, NULL), 0);
	assert_int_equal(awl_future_add_done_callback(f, note_it, y, NULL), 0);
	assert_int_equal(awl_future_add_done_callback(f, note_it, x, &kept), 0);
	assert_int_equal(awl_future_add_done_callback(f, note_other, x, NULL), 0);
	assert_int_equal(awl_future_remove_done_callback(f, note_it, "x"), 0);
	assert_int_equal(awl_future_remove_done_callback(f, note_it, x), 2);
	assert_int_equal(awl_future_remove_done_callback(f, note_it, x), 0);
	assert_int_equal(awl_future_add_done_callback(f, note_it, y, &kept), 0); /* free again */
	assert_int_equal(awl_future_set_result(f, 0), 0);
	/* F8: what is queued stays */
	assert_int_equal(awl_future_remove_done_callback(f, note_it, y), 0);
	assert_int_equal(yields(1), 0);
	assert_string_equal(trace, "yoy");
	return awl_unref(f);
}

static void removing_takes_every_equal_callback_not_yet_queued(void **state) /* F7 F8 */
{
	scene(remove_body);
}

/* The callback's reference is the last: taking it back frees the future, and no more than that. */
static int remove_last_body(void *arg)
{
	awl_future *f = promise();
	uint32_t kept = here()->kept;

	assert_int_equal(awl_future_add_done_callback(f, note_other, NULL, NULL), 0);
	assert_int_equal(awl_unref(f), 0);
	assert_int_equal(here()->kept, kept);
	assert_int_equal(awl_future_remove_done_callback(f, note_other, NULL), 1);
	assert_int_equal(here()->kept, kept - 1);
	return 0;
}

static void a_removed_callback_gives_up_its_reference(void **state)
{
	scene(remove_last_body);
}

static awl_done_callback again;

static void once_more(awl_future *f, void *left)
{
	int *n = left;

	note('m');
	if (--*n)
		assert_int_equal(awl_future_add_done_callback(f, once_more, n, &again), 0);
}

static int reuse_body(void *arg)
{
	awl_future *f = promise();
	int left = 3;

	memset(&again, 0, sizeof again);
	assert_int_equal(awl_future_add_done_callback(f, once_more, &left, &again), 0);
	assert_int_equal(awl_future_set_result(f, 0), 0);
	assert_int_equal(awl_unref(f), 0); /* its callbacks keep it */
	assert_int_equal(yields(1), 0);
	assert_string_equal(trace, "m"); /* added while it ran: the next iteration's */
	assert_int_equal(yields(2), 0);
	assert_string_equal(trace, "mmm");
	return 0;
}

static void a_callback_may_use_its_storage_again(void **state) /* F6 F8 */
{
	scene(reuse_body);
}

static void set_second(awl_future *f, void *second)
{
	assert_int_equal(awl_future_set_result(second, awl_result(f) + 1), 0);
}

static int chain_body(void *arg)
{
	awl_future *first = promise(), *second = promise();

	assert_int_equal(awl_future_add_done_callback(first, set_second, second, NULL), 0);
	assert_int_equal(awl_future_set_result(first, 1), 0);
	assert_int_equal(awl_await(second), 2);
	awl_unref(first);
	return awl_unref(second);
}

static void a_callback_may_end_another_future(void **state) /* F6 */
{
	scene(chain_body);
}

/* --- waiting ---------------------------------------------------------------------------------- */

static int note_arg(void *what)
{
	note(*(const char *)what);
	return 0;
}

static int no_suspend_body(void *arg)
{
	awl_future *f = promise();
	awl_task *t = spawn(note_arg, "t");

	assert_int_equal(awl_future_set_result(f, 9), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(awl_await(f), 9);
	assert_int_equal(awl_join(f), 0);
	assert_string_equal(trace, ""); /* t has not had its turn */
	assert_int_equal(outcome(t), 0);
	return awl_unref(f);
}

static void awaiting_a_done_future_does_not_suspend(void **state) /* F9 C12 */
{
	scene(no_suspend_body);
}

static int numbered(void *arg)
{
	struct part *p = arg;
	int r = awl_await((awl_future *)(uintptr_t)p->naps);

	note(p->done);
	return r;
}

static int order_body(void *arg)
{
	awl_future *f = promise();
	struct part parts[26];
	awl_task *tasks[26];

	for (int i = 0; i < 26; i++) {
		parts[i] = (struct part){ .naps = (intptr_t)f, .done = (char)('a' + i) };
		tasks[i] = spawn(numbered, &parts[i]);
	}
	assert_int_equal(yields(1), 0);
	assert_int_equal(awl_future_set_result(f, 4), 0);
	assert_string_equal(trace, "");
	assert_int_equal(yields(1), 0); /* C12: one iteration */
	assert_string_equal(trace, "abcdefghijklmnopqrstuvwxyz");
	for (int i = 0; i < 26; i++)
		assert_int_equal(outcome(tasks[i]), 4);
	return awl_unref(f);
}

static void waiters_wake_in_the_order_they_came(void **state) /* F9 C12 */
{
	scene(order_body);
}

static int last_ref_body(void *arg)
{
	awl_future *f = promise();
	awl_task *t = spawn(await_it, f);

	assert_int_equal(yields(1), 0);
	assert_int_equal(awl_future_set_result(f, 5), 0);
	assert_int_equal(awl_unref(f), 0); /* the waiter's reference is its own */
	return outcome(t) == 5 ? 0 : -1;
}

static void a_waiter_keeps_what_it_waits_for(void **state)
{
	scene(last_ref_body);
}

static int too_often_body(void *arg)
{
	awl_future *f = promise();
	awl_task *t = spawn(await_it, f);

	assert_int_equal(yields(1), 0);
	assert_ptr_equal(awl_ref(f), f);
	assert_int_equal(awl_unref(f), 0);
	assert_int_equal(awl_unref(f), 0);
	assert_int_equal(awl_unref(f), -EINVAL); /* what is left is the waiter's */
	assert_non_null(strstr(awl_error_detail(-EINVAL), "awl_unref"));
	assert_int_equal(awl_future_set_result(f, 5), 0);
	return outcome(t) == 5 ? 0 : -1;
}

static void an_unref_too_many_is_refused_while_somebody_waits(void **state)
{
	scene(too_often_body);
}

static int many_refs_body(void *arg)
{
	awl_future *f = promise();

	for (int i = 0; i < 1000; i++)
		awl_ref(f);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(awl_unref(f), 0);
	assert_int_equal(awl_future_set_result(f, 1), 0);
	assert_int_equal(awl_result(f), 1);
	return awl_unref(f);
}

static void references_are_counted_without_end(void **state)
{
	scene(many_refs_body);
}

static int payload_body(void *arg)
{
	static const size_t sizes[] = { 1, 7, 16, 4096, 100000 };
	awl_future *f = (awl_future *)arg, *none;
	int64_t *p;

	for (size_t i = 0; i < COUNT(sizes); i++) {
		assert_int_equal(awl_loop_create_future(here(), sizes[i], &f), 0);
		p = awl_future_payload(f);
		assert_non_null(p);
		assert_int_equal((uintptr_t)p % 16, 0);
		for (size_t k = 0; k < sizes[i]; k++)
			assert_int_equal(((const char *)p)[k], 0);
		memset(p, 0x55, sizes[i]);
		assert_int_equal(awl_future_set_result(f, 1), 0);
		assert_ptr_equal(awl_future_payload(f), p);
		assert_int_equal(awl_unref(f), 0);
	}
	none = promise();
	assert_null(awl_future_payload(none));
	awl_unref(none);
	f = (awl_future *)arg;
	assert_int_equal(awl_loop_create_future(here(), SIZE_MAX, &f), -ENOMEM);
	assert_int_equal(awl_loop_create_future(here(), (size_t)PTRDIFF_MAX, &f), -ENOMEM);
	assert_ptr_equal(f, arg);
	return 0;
}

static void a_payload_is_zeroed_aligned_and_goes_with_its_future(void **state) /* F14 */
{
	scene(payload_body);
}

/* --- refusals --------------------------------------------------------------------------------- */

static void done_nothing(awl_future *f, void *arg)
{
}

static int null_body(void *arg)
{
	awl_future *f = promise();

	assert_int_equal(awl_loop_create_future(NULL, 0, &f), -EINVAL);
	assert_non_null(strstr(awl_error_detail(-EINVAL), "awl_loop_create_future: loop is NULL"));
	assert_int_equal(awl_loop_create_future(here(), 0, NULL), -EINVAL);
	assert_null(awl_future_payload(NULL));
	assert_int_equal(awl_future_set_result(NULL, 0), -EINVAL);
	assert_int_equal(awl_future_set_exception(NULL, -EIO), -EINVAL);
	assert_int_equal(awl_await(NULL), -EINVAL);
	assert_non_null(strstr(awl_error_detail(-EINVAL), "awl_await"));
	assert_int_equal(awl_join(NULL), -EINVAL);
	assert_int_equal(awl_result(NULL), -EINVAL);
	assert_int_equal(awl_done(NULL), -EINVAL);
	assert_int_equal(awl_cancelled(NULL), -EINVAL);
	assert_int_equal(awl_cancel(NULL, "x"), -EINVAL);
	assert_string_equal(awl_cancel_reason(NULL), "");
	assert_int_equal(awl_future_add_done_callback(NULL, done_nothing, NULL, NULL), -EINVAL);
	assert_int_equal(awl_future_add_done_callback(f, NULL, NULL, NULL), -EINVAL);
	assert_int_equal(awl_future_remove_done_callback(NULL, done_nothing, NULL), -EINVAL);
	assert_int_equal(awl_future_remove_done_callback(f, NULL, NULL), -EINVAL);
	assert_null(awl_future_get_loop(NULL));
	assert_null(awl_ref(NULL));
	assert_int_equal(awl_unref(NULL), 0);
	assert_int_equal(awl_done(f), 0);
	assert_ptr_equal(awl_future_get_loop(f), here()); /* F13 */
	return awl_unref(f);
}

static void null_is_refused_by_name(void **state) /* F13 */
{
	scene(null_body);
}

static int other_loop_body(void *future)
{
	assert_int_equal(awl_await(future), AWL_EOTHERLOOP);
	assert_string_equal(awl_error_detail(AWL_EOTHERLOOP),
		"awl_await: the future belongs to a different loop");
	assert_int_equal(awl_join(future), AWL_EOTHERLOOP);
	assert_int_equal(awl_done(future), 0);
	return 0;
}

static void a_future_of_another_loop_cannot_be_awaited(void **state) /* L5 T7 */
{
	awl_loop *other = new_loop(NULL);
	awl_future *f;

	assert_int_equal(awl_loop_create_future(other, 0, &f), 0);
	in_loop(other_loop_body, f);
	assert_int_equal(awl_await(f), AWL_ENOLOOP);
	assert_int_equal(awl_join(f), AWL_ENOLOOP);
	assert_int_equal(awl_unref(f), 0);
	end_loop(other);
}

static void a_future_outlives_its_closed_loop_and_may_be_read(void **state)
{
	awl_loop *l = new_loop(NULL);
	awl_future *f, *pending, *untouched = (awl_future *)state;

	assert_int_equal(awl_loop_create_future(l, 16, &f), 0);
	assert_int_equal(awl_loop_create_future(l, 0, &pending), 0);
	assert_int_equal(awl_future_set_result(f, 6), 0);
	assert_int_equal(awl_loop_close(l), 0);
	assert_int_equal(awl_result(f), 6);
	assert_int_equal(awl_result(pending), AWL_EFUTURECANCELED);
	assert_int_equal(awl_future_set_result(pending, 1), AWL_ECLOSED);
	assert_int_equal(awl_cancel(pending, "x"), AWL_ECLOSED);
	assert_int_equal(awl_future_add_done_callback(f, done_nothing, NULL, NULL), AWL_ECLOSED);
	assert_int_equal(awl_loop_create_future(l, 0, &untouched), AWL_ECLOSED);
	assert_ptr_equal(untouched, state);
	assert_int_equal(awl_unref(f), 0);
	assert_int_equal(awl_unref(pending), 0);
	awl_loop_unref(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_result_comes_once_and_stays),
		cmocka_unit_test(a_result_of_the_wrong_sign_is_refused),
		cmocka_unit_test(a_failure_nobody_read_is_told_at_the_last_unref),
		cmocka_unit_test(a_cancelled_future_is_done_at_once_and_says_why),
		cmocka_unit_test(callbacks_and_waiters_run_in_the_order_they_came),
		cmocka_unit_test(removing_takes_every_equal_callback_not_yet_queued),
		cmocka_unit_test(a_removed_callback_gives_up_its_reference),
		cmocka_unit_test(a_callback_may_use_its_storage_again),
		cmocka_unit_test(a_callback_may_end_another_future),
		cmocka_unit_test(awaiting_a_done_future_does_not_suspend),
		cmocka_unit_test(waiters_wake_in_the_order_they_came),
		cmocka_unit_test(a_waiter_keeps_what_it_waits_for),
		cmocka_unit_test(an_unref_too_many_is_refused_while_somebody_waits),
		cmocka_unit_test(references_are_counted_without_end),
		cmocka_unit_test(a_payload_is_zeroed_aligned_and_goes_with_its_future),
		cmocka_unit_test(null_is_refused_by_name),
		cmocka_unit_test(a_future_of_another_loop_cannot_be_awaited),
		cmocka_unit_test(a_future_outlives_its_closed_loop_and_may_be_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
