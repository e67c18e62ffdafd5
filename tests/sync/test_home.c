/* SPDX-License-Identifier: MIT */
/*
 * test_home.c - a primitive belongs to the loop that used it first, and every other user is refused
 * with nothing changed.
 * @reactors @thread
 */
#include "sync.h"

#include <pthread.h>

static awl_lock lock;
static awl_event event;
static awl_queue queue;

static void fresh(void)
{
	awl_lock_init(&lock);
	awl_event_init(&event);
	awl_queue_init(&queue, sizeof(int), 0);
}

static int use(void *arg)
{
	int item = 1;

	assert_int_equal(awl_lock_locked(&lock), 0);
	assert_int_equal(awl_event_is_set(&event), 0);
	return awl_queue_put_nowait(&queue, &item);
}

static int quiet(void)
{
	awl_set_misuse_hook(NULL, NULL);
	return 0;
}

static void ignore(const awl_misuse *m, void *arg)
{
	*(int *)arg += 1;
}

/* What each of them says to who has no business there. */
static void assert_refused(int err)
{
	int item = 0;

	assert_int_equal(awl_lock_acquire(&lock), err);
	assert_int_equal(awl_lock_release(&lock), err);
	assert_int_equal(awl_lock_locked(&lock), err);
	assert_int_equal(awl_event_set(&event), err);
	assert_int_equal(awl_event_wait(&event), err);
	assert_int_equal(awl_queue_put_nowait(&queue, &item), err);
	assert_int_equal(awl_queue_get(&queue, &item), err);
}

static void *plain_thread(void *arg)
{
	assert_refused(AWL_ETHREAD);
	return NULL;
}

static int other_loop(void *arg)
{
	assert_refused(AWL_EOTHERLOOP);
	return 0;
}

static void *looping_thread(void *arg)
{
	in_loop(other_loop, NULL);
	return NULL;
}

static void in_thread(void *(*fn)(void *arg))
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, fn, NULL), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
}

CASE(a_plain_thread_is_refused_while_the_loop_runs)
{
	int told = 0;

	fresh();
	assert_int_equal(use(NULL), 0);
	awl_set_misuse_hook(ignore, &told);
	in_thread(plain_thread);
	quiet();
	assert_int_equal(told, 7);
	assert_int_equal(awl_event_is_set(&event), 0);
	assert_int_equal(awl_queue_qsize(&queue), 1);
	return awl_queue_destroy(&queue);
}

CASE(another_loop_is_refused)
{
	fresh();
	assert_int_equal(use(NULL), 0);
	in_thread(looping_thread);
	assert_int_equal(awl_queue_qsize(&queue), 1);
	return awl_queue_destroy(&queue);
}

static void a_later_loop_is_refused_and_a_fresh_start_is_not(void **state)
{
	fresh();
	in_loop(use, NULL);
	in_loop(other_loop, NULL);
	assert_int_equal(awl_event_set(&event), AWL_ECLOSED);
	assert_int_equal(awl_queue_destroy(&queue), 0);
	fresh();
	in_loop(use, NULL);
	assert_int_equal(awl_queue_destroy(&queue), 0);
}

static void outside_any_loop_nothing_is_bound(void **state)
{
	fresh();
	assert_refused(AWL_ENOLOOP);
	in_loop(use, NULL);
	assert_int_equal(awl_queue_destroy(&queue), 0);
}

static void what_was_never_used_is_destroyed_anywhere(void **state)
{
	awl_condition condition = AWL_CONDITION_INIT(NULL), with_lock = AWL_CONDITION_INIT(&lock);
	awl_semaphore semaphore = AWL_SEMAPHORE_INIT(1);
	awl_limiter limiter = AWL_LIMITER_INIT(1);
	awl_barrier barrier = AWL_BARRIER_INIT(1);

	fresh();
	assert_int_equal(awl_condition_destroy(&condition), 0);
	assert_int_equal(awl_condition_destroy(&with_lock), 0);
	assert_int_equal(awl_semaphore_destroy(&semaphore), 0);
	assert_int_equal(awl_limiter_destroy(&limiter), 0);
	assert_int_equal(awl_barrier_destroy(&barrier), 0);
	assert_int_equal(awl_lock_destroy(&lock), 0);
	assert_int_equal(awl_event_destroy(&event), 0);
	assert_int_equal(awl_queue_destroy(&queue), 0);
	assert_int_equal(awl_condition_destroy(&condition), AWL_EDEAD);
	assert_int_equal(awl_condition_acquire(&condition), AWL_EDEAD);
}

static int has_its_lock(void *arg)
{
	assert_int_equal(awl_condition_acquire(arg), 0);
	assert_int_equal(awl_condition_destroy(arg), -EBUSY);
	return awl_condition_release(arg);
}

static void a_condition_nobody_waited_for_is_in_use_while_its_lock_is(void **state)
{
	awl_condition condition = AWL_CONDITION_INIT(NULL);
	awl_loop *l = new_loop(NULL);

	assert_int_equal(awl_loop_run_until_complete(l, has_its_lock, &condition), 0);
	assert_int_equal(awl_condition_destroy(&condition), 0);
	end_loop(l);
}

static void a_loop_that_nobody_runs_is_taken_for_the_call(void **state)
{
	awl_loop *l = new_loop(NULL);
	int item;

	fresh();
	assert_int_equal(awl_loop_run_until_complete(l, use, NULL), 0);
	assert_int_equal(awl_event_set(&event), 0);
	assert_int_equal(awl_event_is_set(&event), 1);
	assert_int_equal(awl_queue_get_nowait(&queue, &item), 0);
	assert_int_equal(awl_lock_acquire(&lock), AWL_ENOLOOP);
	assert_int_equal(awl_queue_destroy(&queue), 0);
	end_loop(l);
}

static int in_callback(void *arg)
{
	int item = 2;

	assert_int_equal(awl_lock_acquire(&lock), AWL_ENOTASK);
	assert_int_equal(awl_event_wait(&event), AWL_ENOTASK);
	assert_int_equal(awl_queue_get(&queue, &item), AWL_ENOTASK);
	assert_int_equal(awl_event_set(&event), 0);
	assert_int_equal(awl_queue_put_nowait(&queue, &item), 0);
	*(bool *)arg = true;
	return 0;
}

CASE(a_callback_may_use_what_does_not_wait)
{
	struct heard heard;
	bool ran = false;
	int item;

	fresh();
	listen_to_awl(&heard);
	assert_int_equal(awl_loop_call_soon(here(), in_callback, &ran, NULL), 0);
	assert_int_equal(awl_event_wait(&event), 0);
	stop_listening();
	assert_true(ran);
	assert_int_equal(awl_queue_get(&queue, &item), 0);
	assert_int_equal(item, 2);
	return awl_queue_destroy(&queue);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_plain_thread_is_refused_while_the_loop_runs),
		TEST(another_loop_is_refused),
		TEST(a_later_loop_is_refused_and_a_fresh_start_is_not),
		TEST(outside_any_loop_nothing_is_bound),
		TEST(a_loop_that_nobody_runs_is_taken_for_the_call),
		TEST(a_callback_may_use_what_does_not_wait),
		TEST(what_was_never_used_is_destroyed_anywhere),
		TEST(a_condition_nobody_waited_for_is_in_use_while_its_lock_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
