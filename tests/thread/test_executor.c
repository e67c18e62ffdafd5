/* SPDX-License-Identifier: MIT */
/*
 * test_executor.c - a plain function runs in a thread while its task waits; a cancel neither loses
 * its value nor lets its argument go too early. @reactors @thread @valgrind
 */
#include "support.h"

#include "base/alloc.h"
#include "gate.h"
#include "pool/pool.h"

/* --- a function with a task that stays
 * --------------------------------------------------------- */

static int whoami(void *arg)
{
	*(pthread_t *)arg = pthread_self();
	return 7;
}

static int to_thread_body(void *arg)
{
	pthread_t thread;

	assert_int_equal(awl_to_thread(whoami, &thread), 7);
	assert_false(pthread_equal(thread, pthread_self()));
	return 0;
}

/* H6 */
static void to_thread_runs_the_function_elsewhere_and_brings_its_value(void **state)
{
	in_loop(to_thread_body, NULL);
}

static int fail_it(void *arg)
{
	return -EIO;
}

static int fail_as_cancelled(void *arg)
{
	return AWL_ECANCELED;
}

static int failure_body(void *arg)
{
	assert_int_equal(awl_to_thread(fail_it, NULL), -EIO);
	assert_int_equal(awl_to_thread(fail_as_cancelled, NULL), AWL_EFUTURECANCELED);
	return awl_yield();
}

static void a_failure_comes_back_but_never_as_a_request_to_stop(void **state)
{
	in_loop(failure_body, NULL);
}

static int meanwhile_body(void *arg)
{
	struct gate gate = GATE;
	struct staying s = { .gate = &gate };
	awl_task *t;

	assert_int_equal(awl_create_task(stay, &s, &t), 0);
	until(&gate.begun, 1);
	for (int i = 0; i < 100; i++)
		assert_int_equal(awl_yield(), 0);
	assert_false(s.done);
	open_gate(&gate);
	assert_int_equal(awl_await(t), 0);
	return awl_unref(t);
}

static void other_tasks_run_while_one_waits_for_its_function(void **state)
{
	in_loop(meanwhile_body, NULL);
}

static int late_cancel_body(void *arg)
{
	struct gate gate = GATE;
	struct staying s = { .gate = &gate };
	awl_task *t;

	gate.value = 5;
	assert_int_equal(awl_create_task(stay, &s, &t), 0);
	until(&gate.begun, 1);
	assert_int_equal(awl_cancel(t, NULL), 1);
	for (int i = 0; i < 100; i++)
		assert_int_equal(awl_yield(), 0);
	assert_false(s.done); /* its argument is in use */
	open_gate(&gate);
	assert_int_equal(awl_join(t), 0);
	assert_int_equal(s.value, 5);
	assert_int_equal(s.next, AWL_ECANCELED);
	assert_int_equal(awl_cancelled(t), 1);
	return awl_unref(t);
}

/* A7, A8 */
static void a_cancelled_task_stays_until_its_function_has_returned(void **state)
{
	in_loop(late_cancel_body, NULL);
}

static int early_cancel_body(void *arg)
{
	awl_executor *e = new_executor(1, 0);
	struct gate first = GATE, second = GATE;
	struct staying a = { .gate = &first, .executor = e };
	struct staying b = { .gate = &second, .executor = e };
	awl_task *ta, *tb;

	assert_int_equal(awl_create_task(stay, &a, &ta), 0);
	until(&first.begun, 1);
	assert_int_equal(awl_create_task(stay, &b, &tb), 0);
	assert_int_equal(awl_yield(), 0);
	assert_int_equal(awl_cancel(tb, NULL), 1);
	assert_int_equal(awl_join(tb), 0); /* the gate is shut: it does not wait for a thread */
	assert_int_equal(b.value, AWL_ECANCELED);
	open_gate(&first);
	assert_int_equal(awl_await(ta), 0);
	end_executor(e);
	assert_int_equal(second.begun, 0);
	assert_int_equal(awl_unref(ta), 0);
	return awl_unref(tb);
}

static void what_has_not_begun_is_cancelled_at_once_and_never_begins(void **state)
{
	in_loop(early_cancel_body, NULL);
}

static int taken_back_body(void *arg)
{
	awl_executor *e = new_executor(1, 0);
	struct gate first = GATE, second = GATE;
	struct staying a = { .gate = &first, .executor = e };
	struct staying b = { .gate = &second, .executor = e };
	awl_task *ta, *tb;

	second.value = 9;
	second.open = true;
	assert_int_equal(awl_create_task(stay, &a, &ta), 0);
	until(&first.begun, 1);
	assert_int_equal(awl_create_task(stay, &b, &tb), 0);
	assert_int_equal(awl_yield(), 0);
	assert_int_equal(awl_cancel(tb, NULL), 1);
	assert_int_equal(awl_uncancel(tb), 0);
	open_gate(&first);
	assert_int_equal(awl_await(tb), 0);
	assert_int_equal(b.value, 9);
	assert_int_equal(second.begun, 1);
	assert_int_equal(awl_await(ta), 0);
	end_executor(e);
	assert_int_equal(awl_unref(ta), 0);
	return awl_unref(tb);
}

static void a_request_taken_back_in_time_leaves_the_call_as_it_was(void **state)
{
	in_loop(taken_back_body, NULL);
}

static int abandoned_by_main(void *arg)
{
	struct staying *s = arg;

	assert_int_equal(awl_create_task(stay, s, NULL), 0);
	until(&s->gate->begun, 1);
	return 0;
}

static void *open_later(void *arg)
{
	struct gate *g = arg;

	/* The loop may or may not have begun to close: both are right. */
	sched_yield();
	open_gate(g);
	return NULL;
}

static void closing_a_loop_waits_for_the_functions_its_tasks_wait_for(void **state)
{
	struct gate gate = GATE;
	struct staying s = { .gate = &gate };
	awl_loop *l = new_loop(NULL);
	pthread_t thread;

	assert_int_equal(awl_loop_run_until_complete(l, abandoned_by_main, &s), 0);
	assert_int_equal(pthread_create(&thread, NULL, open_later, &gate), 0);
	end_loop(l);
	pthread_join(thread, NULL);
	assert_true(s.done);
	assert_int_equal(gate.returned, 1);
	assert_int_equal(s.next, AWL_ECANCELED);
}

static int pause_a_little(void *arg)
{
	for (int i = 0; i < 1000; i++)
		sched_yield();
	return 0;
}

static int nap(void *arg)
{
	return awl_sleep(AWL_SEC);
}

static int still_clock_body(void *arg)
{
	int64_t before;
	awl_task *t;

	assert_int_equal(awl_create_task(nap, NULL, &t), 0);
	assert_int_equal(awl_yield(), 0);
	before = awl_loop_time(here());
	assert_int_equal(awl_to_thread(pause_a_little, NULL), 0);
	assert_int_equal(awl_loop_time(here()), before);
	assert_int_equal(awl_executor_run_abandonable(NULL, pause_a_little, NULL, 0, NULL), 0);
	assert_int_equal(awl_loop_time(here()), before);
	assert_int_equal(awl_await(t), 0);
	assert_true(awl_loop_time(here()) >= before + AWL_SEC);
	return awl_unref(t);
}

static void the_simulated_clock_stands_while_a_function_runs(void **state)
{
	in_sim(still_clock_body, NULL);
}

static awl_local who = { .name = "who", .otherwise = "nobody" };

static int look_at_local(void *arg)
{
	*(void **)arg = awl_local_get(&who);
	return 0;
}

static int locals_body(void *arg)
{
	void *seen = NULL;

	assert_int_equal(awl_to_thread(look_at_local, &seen), 0);
	assert_string_equal(seen, "nobody");
	assert_int_equal(awl_local_set(&who, (void *)(uintptr_t) "ann", NULL), 0);
	assert_int_equal(awl_to_thread(look_at_local, &seen), 0);
	assert_string_equal(seen, "ann");
	return 0;
}

/* H6 */
static void a_function_sees_the_locals_of_the_task_that_waits_for_it(void **state)
{
	in_loop(locals_body, NULL);
}

/* --- a function that may be left behind
 * -------------------------------------------------------- */

struct leaving {
	struct gate *gate;
	int seen; /* written by the function, in its copy */
};

static atomic_int dropped;
static atomic_int drop_saw;

static void drop(void *copy)
{
	struct leaving *le = copy;

	atomic_store(&drop_saw, le->seen);
	atomic_fetch_add(&dropped, 1);
}

static int write_and_stand(void *arg)
{
	struct leaving *le = arg;

	le->seen = 42;
	return stand(le->gate);
}

static int leave(void *arg)
{
	struct leaving le = { .gate = arg };
	int r = awl_executor_run_abandonable(NULL, write_and_stand, &le, sizeof le, drop);

	assert_int_equal(le.seen, r == AWL_ECANCELED ? 0 : 42);
	return r;
}

static int abandon_body(void *arg)
{
	struct gate gate = GATE;
	awl_task *t;

	atomic_store(&dropped, 0);
	atomic_store(&drop_saw, 0);
	assert_int_equal(awl_create_task(leave, &gate, &t), 0);
	until(&gate.begun, 1);
	assert_int_equal(awl_cancel(t, NULL), 1);
	assert_int_equal(awl_join(t), 0); /* the gate is shut */
	assert_int_equal(awl_cancelled(t), 1);
	assert_int_equal(dropped, 0);
	open_gate(&gate);
	until(&dropped, 1);
	assert_int_equal(drop_saw, 42);
	until(&gate.returned, 1);
	return awl_unref(t);
}

static void an_abandonable_call_is_left_at_once_and_its_result_dropped(void **state)
{
	in_loop(abandon_body, NULL);
	assert_int_equal(awl_executor_join(NULL, AWL_FOREVER), 0);
}

static int copy_back_body(void *arg)
{
	struct gate gate = GATE;

	atomic_store(&dropped, 0);
	gate.value = 3;
	gate.open = true;
	assert_int_equal(leave(&gate), 3);
	return 0;
}

static void a_call_that_was_waited_for_gives_its_copy_back_and_drops_nothing(void **state)
{
	in_loop(copy_back_body, NULL);
	assert_int_equal(dropped, 0);
}

static int leave_queue(void *arg)
{
	struct staying *s = arg;
	struct leaving le = { .gate = s->gate };

	return awl_executor_run_abandonable(s->executor, write_and_stand, &le, sizeof le, drop);
}

static int never_begun_body(void *arg)
{
	awl_executor *e = new_executor(1, 0);
	struct gate first = GATE, second = GATE;
	struct staying a = { .gate = &first, .executor = e };
	struct staying b = { .gate = &second, .executor = e };
	awl_task *ta, *tb;

	atomic_store(&dropped, 0);
	assert_int_equal(awl_create_task(stay, &a, &ta), 0);
	until(&first.begun, 1);
	assert_int_equal(awl_create_task(leave_queue, &b, &tb), 0);
	assert_int_equal(awl_yield(), 0);
	assert_int_equal(awl_cancel(tb, NULL), 1);
	assert_int_equal(awl_join(tb), 0);
	open_gate(&first);
	assert_int_equal(awl_await(ta), 0);
	end_executor(e);
	assert_int_equal(second.begun, 0);
	assert_int_equal(dropped, 0);
	assert_int_equal(awl_unref(ta), 0);
	return awl_unref(tb);
}

static void an_abandoned_call_that_had_not_begun_never_begins(void **state)
{
	in_loop(never_begun_body, NULL);
}

static int leave_and_end(void *arg)
{
	awl_task *t;
	struct gate *gate = arg;

	assert_int_equal(awl_create_task(leave, gate, &t), 0);
	until(&gate->begun, 1);
	assert_int_equal(awl_cancel(t, NULL), 1);
	assert_int_equal(awl_join(t), 0);
	return awl_unref(t);
}

static void an_abandoned_call_may_end_after_its_loop(void **state)
{
	struct gate gate = GATE;

	atomic_store(&dropped, 0);
	in_loop(leave_and_end, &gate);
	open_gate(&gate);
	assert_int_equal(awl_executor_join(NULL, AWL_FOREVER), 0);
	assert_int_equal(dropped, 1);
}

/* --- a function as a future
 * -------------------------------------------------------------------- */

static int future_body(void *arg)
{
	struct gate gate = GATE;
	awl_future *f;
	int n = 11;

	assert_int_equal(awl_run_in_executor(NULL, answer, &n, &f), 0);
	assert_int_equal(awl_await(f), 11);
	awl_unref(f);

	/* It has begun: the future ends when it has returned, with its value. */
	gate.value = 4;
	assert_int_equal(awl_run_in_executor(NULL, stand, &gate, &f), 0);
	until(&gate.begun, 1);
	assert_int_equal(awl_cancel(f, NULL), 1);
	for (int i = 0; i < 20; i++)
		assert_int_equal(awl_yield(), 0);
	assert_int_equal(awl_done(f), 0);
	open_gate(&gate);
	assert_int_equal(awl_await(f), 4);
	assert_int_equal(gate.returned, 1);
	return awl_unref(f);
}

/* H4 */
static void run_in_executor_gives_a_future_that_ends_when_its_function_has(void **state)
{
	in_loop(future_body, NULL);
}

static int future_cancel_body(void *arg)
{
	awl_executor *e = new_executor(1, 0);
	struct gate first = GATE, second = GATE;
	awl_future *f, *g;

	assert_int_equal(awl_run_in_executor(e, stand, &first, &f), 0);
	until(&first.begun, 1);
	assert_int_equal(awl_run_in_executor(e, stand, &second, &g), 0);
	assert_int_equal(awl_yield(), 0);
	assert_int_equal(awl_cancel(g, NULL), 1);
	assert_int_equal(awl_await(g), AWL_EFUTURECANCELED);
	open_gate(&first);
	awl_executor_unref(e); /* the future holds one of its own */
	assert_int_equal(awl_await(f), 0);
	assert_int_equal(second.begun, 0);
	awl_unref(f);
	return awl_unref(g);
}

static void a_future_cancelled_before_its_function_began_is_cancelled(void **state)
{
	in_loop(future_cancel_body, NULL);
}

static int unasked_body(void *arg)
{
	assert_int_equal(awl_run_in_executor(NULL, fail_it, NULL, NULL), 0);
	return 0;
}

static void a_failure_nobody_asked_for_is_told(void **state)
{
	awl_loop *l = new_loop(NULL);
	struct heard h;

	listen_to_awl(&h);
	assert_int_equal(awl_loop_run_until_complete(l, unasked_body, NULL), 0);
	while (!h.lines)
		assert_int_equal(awl_loop_run_until_complete(l, pause_a_little, NULL), 0);
	stop_listening();
	assert_heard(&h, "nobody read the failure");
	end_loop(l);
}

/* --- memory
 * ------------------------------------------------------------------------------------ */

static atomic_int countdown;

static int fault(void)
{
	return atomic_fetch_sub(&countdown, 1) == 1;
}

static int some_of_all(void *arg)
{
	awl_executor *e = NULL;
	awl_future *f = NULL;
	int n = 3, r;

	r = awl_executor_new(NULL, &e);
	if (r == 0)
		r = awl_executor_run(e, answer, &n);
	if (r == 3)
		r = awl_executor_run_abandonable(e, answer, &n, sizeof n, NULL);
	if (r == 3)
		r = awl_run_in_executor(e, answer, &n, &f);
	if (r == 0)
		r = awl_await(f);
	awl_unref(f);
	if (r == 3)
		r = awl_executor_join(e, AWL_FOREVER);
	awl_executor_unref(e);
	return r;
}

static int faults_body(void *arg)
{
	int n = 0, r;

	do {
		atomic_store(&countdown, ++n);
		awl__alloc_fault = fault;
		r = some_of_all(NULL);
		awl__alloc_fault = (int (*)(void))0;
		assert_true(r == 0 || r == -ENOMEM);
	} while (atomic_load(&countdown) <= 0);
	assert_true(n > 4);
	return r;
}

static void without_memory_each_call_is_refused_and_nothing_leaks(void **state)
{
	in_loop(faults_body, NULL);
}

/* --- races
 * ------------------------------------------------------------------------------------- */

struct racing {
	awl_executor *executor;
	atomic_int ran;
	int value;
};

static int run_once(void *arg)
{
	struct racing *r = *(struct racing **)arg;

	return atomic_fetch_add(&r->ran, 1) + 1;
}

static int racer(void *arg)
{
	struct racing *r = arg;

	r->value = awl_executor_run(r->executor, run_once, &arg);
	return 0;
}

static int race_body(void *arg)
{
	struct racing r = { .executor = new_executor(1, 0) };
	long rounds = test_scale("AWL_TEST_RACES", 2000);

	for (long i = 0; i < rounds; i++) {
		awl_task *t;

		atomic_store(&r.ran, 0);
		assert_int_equal(awl_create_task(racer, &r, &t), 0);
		assert_int_equal(awl_yield(), 0);
		for (volatile long spin = i * 7 % 2000; spin > 0; spin--)
			;
		awl_cancel(t, NULL);
		assert_int_equal(awl_join(t), 0);

		if (r.value == AWL_ECANCELED)
			assert_int_equal(r.ran, 0);
		else
			assert_int_equal(r.value, 1);
		awl_unref(t);
	}
	end_executor(r.executor);
	return 0;
}

static void at_each_moment_a_cancelled_call_has_run_and_told_or_never_runs(void **state)
{
	in_loop(race_body, NULL);
}

static struct {
	atomic_int ran, taken, dropped;
} tally;

static int run_loose(void *arg)
{
	atomic_fetch_add(&tally.ran, 1);
	return 1;
}

static void drop_loose(void *copy)
{
	atomic_fetch_add(&tally.dropped, 1);
}

static int loose_racer(void *arg)
{
	int copy = 0;

	if (awl_executor_run_abandonable(arg, run_loose, &copy, sizeof copy, drop_loose) == 1)
		atomic_fetch_add(&tally.taken, 1);
	return 0;
}

static int loose_race_body(void *arg)
{
	awl_executor *e = new_executor(2, 0);
	long rounds = test_scale("AWL_TEST_RACES", 2000);

	for (long i = 0; i < rounds; i++) {
		awl_task *t;

		assert_int_equal(awl_create_task(loose_racer, e, &t), 0);
		assert_int_equal(awl_yield(), 0);
		for (volatile long spin = i * 7 % 2000; spin > 0; spin--)
			;
		awl_cancel(t, NULL);
		assert_int_equal(awl_join(t), 0);
		awl_unref(t);
	}
	end_executor(e);
	return 0;
}

static void at_each_moment_an_abandoned_result_is_taken_or_dropped_once(void **state)
{
	in_loop(loose_race_body, NULL);
	assert_int_equal(tally.ran, tally.taken + tally.dropped);
}

static int drain(void **state)
{
	awl__pool_drain();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(to_thread_runs_the_function_elsewhere_and_brings_its_value),
		cmocka_unit_test(a_failure_comes_back_but_never_as_a_request_to_stop),
		cmocka_unit_test(other_tasks_run_while_one_waits_for_its_function),
		cmocka_unit_test(a_cancelled_task_stays_until_its_function_has_returned),
		cmocka_unit_test(what_has_not_begun_is_cancelled_at_once_and_never_begins),
		cmocka_unit_test(a_request_taken_back_in_time_leaves_the_call_as_it_was),
		cmocka_unit_test(closing_a_loop_waits_for_the_functions_its_tasks_wait_for),
		cmocka_unit_test(the_simulated_clock_stands_while_a_function_runs),
		cmocka_unit_test(a_function_sees_the_locals_of_the_task_that_waits_for_it),
		cmocka_unit_test(an_abandonable_call_is_left_at_once_and_its_result_dropped),
		cmocka_unit_test(a_call_that_was_waited_for_gives_its_copy_back_and_drops_nothing),
		cmocka_unit_test(an_abandoned_call_that_had_not_begun_never_begins),
		cmocka_unit_test(an_abandoned_call_may_end_after_its_loop),
		cmocka_unit_test(run_in_executor_gives_a_future_that_ends_when_its_function_has),
		cmocka_unit_test(a_future_cancelled_before_its_function_began_is_cancelled),
		cmocka_unit_test(a_failure_nobody_asked_for_is_told),
		cmocka_unit_test(without_memory_each_call_is_refused_and_nothing_leaks),
		cmocka_unit_test(at_each_moment_a_cancelled_call_has_run_and_told_or_never_runs),
		cmocka_unit_test(at_each_moment_an_abandoned_result_is_taken_or_dropped_once),
	};

	return cmocka_run_group_tests(tests, NULL, drain);
}
