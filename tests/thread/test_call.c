/* SPDX-License-Identifier: MIT */
/*
 * test_call.c - awl_call_threadsafe: a plain function called in the loop, its value brought back to
 * the thread that asked (H7; asyncio has none), and awl_call_soon_threadsafe from plain threads
 * (C9).
 *
 * @reactors @thread @valgrind
 */
#include "threads.h"

#include <semaphore.h>

static int call(awl_fn *fn, const void *arg, size_t size, int *ret)
{
	return awl_call_threadsafe(runner.loop, fn, arg, size, AWL_FOREVER, ret);
}

static int where(void *arg)
{
	expect(awl_current_task() == NULL);
	expect(here() == runner.loop);
	return gettid();
}

static void a_function_is_called_in_the_loop_and_its_value_brought_back(void **state)
{
	int tid = 0;

	assert_int_equal(call(where, NULL, 0, &tid), 0);
	assert_int_equal(tid, runner.tid);
	assert_int_not_equal(tid, gettid());
	assert_int_equal(call(where, NULL, 0, NULL), 0); /* who does not want it says so */
}

static int fails(void *arg)
{
	return -ENOENT;
}

static void a_negative_value_is_a_value_and_not_the_calls_failure(void **state)
{
	int value = 0;

	assert_int_equal(call(fails, NULL, 0, &value), 0);
	assert_int_equal(value, -ENOENT);
}

static int may_not_wait(void *arg)
{
	expect(awl_yield() == AWL_ENOTASK);
	expect(awl_sleep(AWL_SEC) == AWL_ENOTASK);
	return 3;
}

static void the_function_may_not_wait_and_the_report_names_it(void **state)
{
	static struct heard heard;
	int value = 0;

	listen_to_awl(&heard);
	assert_int_equal(call(may_not_wait, NULL, 0, &value), 0);
	stop_listening();
	assert_int_equal(value, 3);
	assert_heard(&heard, "awl_yield called outside a task, in callback ");
	assert_null(strstr(heard.text, "of a future"));
}

static int from_within(void *arg)
{
	int tid = 0;

	expect(awl_call_threadsafe(runner.loop, runner_tid, NULL, 0, 0, &tid) == 0);
	expect(tid == gettid());
	return 0;
}

/* Not even a time-out of nothing stands in its way: nothing is waited for. */
static void in_the_loops_own_thread_it_is_called_at_once(void **state)
{
	awl_cfuture *c;
	int outcome = -1;

	assert_int_equal(awl_run_coroutine_threadsafe(runner.loop, from_within, NULL, 0, &c), 0);
	assert_int_equal(awl_cfuture_join(c, &outcome), 0);
	assert_int_equal(outcome, 0);
	awl_cfuture_unref(c);
	assert_int_equal(call(from_within, NULL, 0, NULL), 0);
}

static int sums(void *arg)
{
	unsigned char *bytes = arg;
	int sum = 0;

	for (int i = 0; i < 1000; i++)
		sum += bytes[i];
	return sum;
}

static int is_null(void *arg)
{
	return !arg;
}

static void the_argument_goes_by_value_or_by_pointer(void **state)
{
	unsigned char bytes[1000];
	int value = 0;

	memset(bytes, 2, sizeof bytes);
	assert_int_equal(call(sums, bytes, sizeof bytes, &value), 0);
	assert_int_equal(value, 2000);
	assert_int_equal(call(sums, bytes, 0, &value), 0);
	assert_int_equal(value, 2000);
	assert_int_equal(call(is_null, NULL, 0, &value), 0);
	assert_int_equal(value, 1);
}

/* --- time-outs ------------------------------------------------------------------------------- */

static sem_t inside, let_go;

static int holds(void *arg)
{
	sem_post(&inside);
	while (sem_wait(&let_go) < 0)
		continue;
	return 5;
}

static _Atomic int counted;

static int counts(void *arg)
{
	counted++;
	return 0;
}

static void hold_loop(void)
{
	sem_init(&inside, 0, 0);
	sem_init(&let_go, 0, 0);
	counted = 0;
	assert_int_equal(awl_call_soon_threadsafe(runner.loop, holds, NULL, NULL), 0);
	while (sem_wait(&inside) < 0)
		continue;
}

static void a_call_that_timed_out_before_it_began_is_never_made(void **state)
{
	int value = 77;

	hold_loop();
	assert_int_equal(
		awl_call_threadsafe(runner.loop, counts, NULL, 0, AWL_MS, &value), -ETIMEDOUT);
	assert_int_equal(awl_call_threadsafe(runner.loop, counts, NULL, 0, 0, &value), -ETIMEDOUT);
	assert_int_equal(awl_call_threadsafe(runner.loop, counts, NULL, 0, -1, &value), -ETIMEDOUT);
	assert_int_equal(value, 77);
	sem_post(&let_go);
	assert_int_equal(call(runner_tid, NULL, 0, NULL), 0); /* what was queued before is over */
	assert_int_equal(counted, 0);
}

static int holds_and_counts(void *arg)
{
	holds(arg);
	return counts(arg);
}

static void *lets_go(void *arg)
{
	while (sem_wait(&inside) < 0)
		continue;
	return NULL;
}

static void a_call_that_is_being_made_when_time_is_up_is_made_to_its_end(void **state)
{
	int value = 77;
	pthread_t t;

	sem_init(&inside, 0, 0);
	sem_init(&let_go, 0, 0);
	counted = 0;
	t = start_thread(lets_go, NULL);
	/* It has begun for sure only if the other thread saw it: else it is withdrawn and sent
	 * anew. */
	while (awl_call_threadsafe(runner.loop, holds_and_counts, NULL, 0, 20 * AWL_MS, &value) ==
			-ETIMEDOUT &&
		pthread_tryjoin_np(t, NULL) != 0)
		continue;
	assert_int_equal(value, 77);
	sem_post(&let_go);
	assert_int_equal(call(runner_tid, NULL, 0, NULL), 0);
	assert_int_equal(counted, 1);
}

static void on_a_loop_that_nobody_runs_it_times_out_and_is_never_made(void **state)
{
	awl_loop *l = new_loop(NULL);

	counted = 0;
	assert_int_equal(awl_call_threadsafe(l, counts, NULL, 0, AWL_MS, NULL), -ETIMEDOUT);
	assert_int_equal(awl_loop_close(l), 0);
	assert_int_equal(counted, 0);
	assert_int_equal(awl_call_threadsafe(l, counts, NULL, 0, AWL_FOREVER, NULL), AWL_ECLOSED);
	awl_loop_unref(l);
}

/* --- closing --------------------------------------------------------------------------------- */

static int stops_here(void *arg)
{
	holds(arg);
	return awl_loop_stop(arg);
}

static void *calls(void *arg)
{
	int value = 77;

	expect(awl_call_threadsafe(arg, counts, NULL, 0, AWL_FOREVER, &value) == AWL_ECLOSED);
	expect(value == 77);
	return NULL;
}

/*
 * The call is queued for certain before the loop closes: whoever waits has filled the inbox. It
 * comes too late for the run, which is in its last iteration, and is answered by the close.
 */
static void a_loop_that_closes_first_answers_the_caller(void **state)
{
	struct runner r;
	pthread_t t;

	runner_start(&r);
	sem_init(&inside, 0, 0);
	sem_init(&let_go, 0, 0);
	counted = 0;
	assert_int_equal(awl_call_soon_threadsafe(r.loop, stops_here, r.loop, NULL), 0);
	while (sem_wait(&inside) < 0)
		continue;
	t = start_thread(calls, r.loop);
	while (awl__inbox_empty(&r.loop->inbox))
		sched_yield();
	sem_post(&let_go);
	join_thread(t);
	join_thread(r.thread);
	awl_loop_unref(r.loop);
	assert_int_equal(counted, 0);
}

static void what_cannot_be_called_is_refused_at_once(void **state)
{
	int value = 77;

	assert_int_equal(awl_call_threadsafe(NULL, counts, NULL, 0, 0, &value), -EINVAL);
	assert_int_equal(call(NULL, NULL, 0, &value), -EINVAL);
	assert_int_equal(call(counts, NULL, 4, &value), -EINVAL);
	assert_int_equal(call(counts, &value, SIZE_MAX, &value), -ENOMEM);
	assert_int_equal(awl_call_soon_threadsafe(NULL, counts, NULL, NULL), -EINVAL);
	assert_int_equal(awl_call_soon_threadsafe(runner.loop, NULL, NULL, NULL), -EINVAL);
	assert_int_equal(value, 77);
}

/*
 * What was sent before it has run: an iteration opens its inbox twice at the most, so of three
 * calls, each sent when the one before has been answered, one is of a later iteration.
 */
static void let_all_run(void)
{
	for (int i = 0; i < 3; i++)
		assert_int_equal(call(runner_tid, NULL, 0, NULL), 0);
}

/* --- handles --------------------------------------------------------------------------------- */

static int cancels(void *arg)
{
	return awl_handle_cancel(arg);
}

/* Whatever else lies in the inbox with it keeps its turn. */
static void a_handle_that_has_been_sent_can_be_taken_back_before_it_runs(void **state)
{
	awl_handle before = AWL_HANDLE_INIT, h = AWL_HANDLE_INIT, after = AWL_HANDLE_INIT;

	hold_loop();
	assert_int_equal(awl_loop_call_soon(runner.loop, cancels, &h, &before), AWL_ETHREAD);
	assert_int_equal(awl_call_soon_threadsafe(runner.loop, cancels, &h, &before), 0);
	assert_int_equal(awl_call_soon_threadsafe(runner.loop, counts, NULL, &h), 0);
	assert_int_equal(awl_call_soon_threadsafe(runner.loop, counts, NULL, &after), 0);
	sem_post(&let_go);
	let_all_run();
	assert_int_equal(counted, 1);
	assert_int_equal(awl_handle_cancelled(&h), 1);
}

static int sends_and_takes_back(void *arg)
{
	static awl_handle h;

	h = (awl_handle)AWL_HANDLE_INIT;
	expect(awl_call_soon_threadsafe(runner.loop, counts, NULL, &h) == 0);
	expect(awl_call_soon_threadsafe(runner.loop, counts, NULL, &h) == 0);
	expect(awl_handle_cancel(&h) == 1);
	expect(awl_handle_cancel(&h) == 0);
	expect(awl_handle_cancelled(&h) == 1);
	/* Free again: */
	expect(awl_call_soon_threadsafe(runner.loop, counts, NULL, &h) == 0);
	return 0;
}

static void a_handle_sent_in_the_loops_own_thread_too(void **state)
{
	counted = 0;
	assert_int_equal(call(sends_and_takes_back, NULL, 0, NULL), 0);
	let_all_run();
	assert_int_equal(counted, 1);
}

/* Sent, arrived and ready, then sent once more: taken back, no trace of it is left in the loop. */
static awl_handle twice;

static int takes_back_twice(void *arg)
{
	expect(awl_call_soon_threadsafe(runner.loop, counts, NULL, &twice) == 0);
	expect(awl_handle_cancel(&twice) == 1);
	expect(!twice._sent && !twice._loop);
	memset(&twice, 0xff, sizeof twice);
	return 0;
}

static int makes_ready_and_takes_back(void *arg)
{
	expect(awl_call_soon_threadsafe(runner.loop, takes_back_twice, NULL, NULL) == 0);
	expect(awl_call_soon_threadsafe(runner.loop, counts, NULL, &twice) == 0);
	return 0;
}

static void a_handle_sent_again_while_ready_is_taken_back_whole(void **state)
{
	counted = 0;
	twice = (awl_handle)AWL_HANDLE_INIT;
	assert_int_equal(call(makes_ready_and_takes_back, NULL, 0, NULL), 0);
	let_all_run();
	assert_int_equal(counted, 0);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, start_runner, stop_runner)
	const struct CMUnitTest tests[] = {
		CASE(a_function_is_called_in_the_loop_and_its_value_brought_back),
		CASE(a_negative_value_is_a_value_and_not_the_calls_failure),
		CASE(the_function_may_not_wait_and_the_report_names_it),
		CASE(in_the_loops_own_thread_it_is_called_at_once),
		CASE(the_argument_goes_by_value_or_by_pointer),
		CASE(a_call_that_timed_out_before_it_began_is_never_made),
		CASE(a_call_that_is_being_made_when_time_is_up_is_made_to_its_end),
		CASE(on_a_loop_that_nobody_runs_it_times_out_and_is_never_made),
		CASE(a_loop_that_closes_first_answers_the_caller),
		CASE(what_cannot_be_called_is_refused_at_once),
		CASE(a_handle_that_has_been_sent_can_be_taken_back_before_it_runs),
		CASE(a_handle_sent_in_the_loops_own_thread_too),
		CASE(a_handle_sent_again_while_ready_is_taken_back_whole),
	};

	return cmocka_run_group_tests_name("thread.call", tests, NULL, NULL);
}
