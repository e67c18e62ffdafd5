/* SPDX-License-Identifier: MIT */
/*
 * test_interleave_cfuture.c - cfuture.c in every interleaving: its end in the loop, against who
 * waits, adds a callback, cancels and gives it up.
 */
#include "walk_threads.h"

#include "thread/cfuture.c"

static awl_cfuture *future;
static struct {
	int called, seen[2], r[2], cancel;
} told;

static int must_not_run(void *arg)
{
	walk_check(false, "the model's loop makes no tasks");
	return 0;
}

static void on_done(awl_cfuture *c, int outcome, void *arg)
{
	told.called++;
	walk_expect(c == future && outcome == 7 && c->outcome == 7);
}

/* The loop: the task has come to its end; then what was sent, and the close. */
static void completes(void *arg)
{
	complete(future, 7);
	opens(awl__inbox_take(&the_loop.inbox));
	opens(awl__inbox_shut(&the_loop.inbox));
}

static void waits_and_gives_up(void *arg)
{
	int i = *(int *)arg;

	told.r[i] = awl_cfuture_result(future, i == 0 ? AWL_FOREVER : 1, &told.seen[i]);
	awl_cfuture_unref(future);
}

static void adds_a_callback(void *arg)
{
	walk_expect(awl_cfuture_add_done_callback(future, on_done, NULL) == 0);
	awl_cfuture_unref(future);
}

static void cancels(void *arg)
{
	told.cancel = awl_cfuture_cancel(future, "a reason");
	awl_cfuture_unref(future);
}

/* Sent and taken from the inbox already; `holders` references besides the loop's own. */
static void begin_future(unsigned holders)
{
	begin_model();
	memset(&told, 0, sizeof told);
	walk_share(&told, sizeof told);
	future = NULL;
	if (awl_run_coroutine_threadsafe(&the_loop, must_not_run, NULL, 0, &future) < 0)
		walk_check(false, "there is memory");
	(void)awl__inbox_take(&the_loop.inbox);
	while (--holders > 0)
		awl_cfuture_ref(future);
	walk_add(completes, NULL);
}

static void end_future(void)
{
	all_is_freed();
	walk_expect(atomic_load(&the_loop.refs) == 1); /* it gives its own reference up with it */
}

static int number[2] = { 0, 1 };

static void begin_waits(void)
{
	begin_future(2);
	walk_add(waits_and_gives_up, &number[0]);
	walk_add(waits_and_gives_up, &number[1]);
}

static void end_waits(void)
{
	walk_expect(told.r[0] == 0 && told.seen[0] == 7);
	walk_expect(told.r[1] == 0 ? told.seen[1] == 7 : told.r[1] == -ETIMEDOUT && !told.seen[1]);
	end_future();
}

static void who_waits_gets_the_outcome_and_the_last_reference_frees_it(void **state)
{
	walk_proves(begin_waits, end_waits);
}

static void begin_callbacks(void)
{
	begin_future(3);
	walk_add(adds_a_callback, NULL);
	walk_add(adds_a_callback, NULL);
	walk_add(waits_and_gives_up, &number[0]);
}

static void end_callbacks(void)
{
	walk_expect(told.called == 2 && told.seen[0] == 7);
	end_future();
}

static void a_callback_added_at_its_end_is_called_once(void **state)
{
	walk_proves(begin_callbacks, end_callbacks);
}

static void begin_cancel(void)
{
	begin_future(2);
	walk_add(cancels, NULL);
	walk_add(cancels, NULL);
}

static void end_cancel(void)
{
	walk_expect(told.cancel == 0 || told.cancel == 1);
	end_future();
}

static void cancels_at_its_end_leave_nothing_behind(void **state)
{
	walk_proves(begin_cancel, end_cancel);
}

/* --- canary: a callback pushed without a look at what it replaces ---------------------------- */

static void adds_badly(void *arg)
{
	struct callback *cb = awl__alloc(sizeof *cb), *top = awl__load_acquire(&future->callbacks);

	cb->fn = on_done;
	cb->next = top;
	if (top == TAKEN) {
		awl__free(cb);
		on_done(future, future->outcome, NULL);
	} else {
		awl__store_release(&future->callbacks, cb);
	}
	awl_cfuture_unref(future);
}

static void begin_bad(void)
{
	begin_future(1);
	walk_add(adds_badly, NULL);
}

static void end_bad(void)
{
	walk_expect(told.called == 1);
	end_future();
}

static void a_callback_pushed_without_cas_is_caught(void **state)
{
	walk_refutes(begin_bad, end_bad);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_waits_gets_the_outcome_and_the_last_reference_frees_it),
		cmocka_unit_test(a_callback_added_at_its_end_is_called_once),
		cmocka_unit_test(cancels_at_its_end_leave_nothing_behind),
		cmocka_unit_test(a_callback_pushed_without_cas_is_caught),
	};

	return cmocka_run_group_tests_name(
		"thread.interleave_cfuture", tests, use_model_memory, NULL);
}
