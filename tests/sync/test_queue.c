/* SPDX-License-Identifier: MIT */
/*
 * test_queue.c - queues: what was put comes out once, in order, and a cancel loses nothing.
 * @reactors @valgrind
 */
#include "sync.h"

#include "base/alloc.h"

static awl_queue q;

static void fresh(uint32_t maxsize)
{
	assert_int_equal(awl_queue_init(&q, sizeof(int), maxsize), 0);
}

static void put(int item)
{
	assert_int_equal(awl_queue_put_nowait(&q, &item), 0);
}

static int take(void)
{
	int item = -1;

	assert_int_equal(awl_queue_get_nowait(&q, &item), 0);
	return item;
}

static int done(void)
{
	return awl_queue_destroy(&q);
}

/* A task that puts; one that gets, whose outcome is the item. */
static int putter(void *arg)
{
	return awl_queue_put(&q, arg);
}

static int getter(void *arg)
{
	int item, r = awl_queue_get(&q, &item);

	return r < 0 ? r : item;
}

static int numbers[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 };

/* Q1, QueueBasicTests.test_empty, test_full, test_order, test_maxsize */
CASE(a_queue_is_first_in_first_out_and_bounded)
{
	int item = 9;

	fresh(3);
	assert_int_equal(awl_queue_empty(&q), 1);
	assert_int_equal(awl_queue_maxsize(&q), 3);
	for (int i = 1; i <= 3; i++)
		put(i);
	assert_int_equal(awl_queue_full(&q), 1);
	assert_int_equal(awl_queue_qsize(&q), 3);
	assert_int_equal(awl_queue_put_nowait(&q, &item), -EAGAIN);
	for (int i = 1; i <= 3; i++)
		assert_int_equal(take(), i);
	assert_int_equal(awl_queue_get_nowait(&q, &item), -EAGAIN);
	assert_int_equal(item, 9); /* untouched */
	return done();
}

/* Q1, test_float_maxsize has no like in C */
CASE(a_queue_without_a_bound_grows)
{
	fresh(0);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 1000; i++)
			put(i);
		assert_int_equal(awl_queue_full(&q), 0);
		for (int i = 0; i < 700; i++)
			assert_int_equal(take(), i);
		for (int i = 700; i < 1000; i++)
			assert_int_equal(take(), i);
	}
	return done();
}

CASE(a_ring_that_wrapped_keeps_its_order_when_it_grows)
{
	int next = 0, seen = 0;

	fresh(0);
	for (int i = 0; i < 6; i++)
		put(next++);
	for (int i = 0; i < 5; i++)
		assert_int_equal(take(), seen++);
	for (int i = 0; i < 20; i++)
		put(next++);
	while (seen < next)
		assert_int_equal(take(), seen++);
	return done();
}

CASE(a_queue_over_an_array_needs_no_memory)
{
	static int array[2];
	awl_queue over = AWL_QUEUE_OVER(array);
	int item = 1;

	assert_int_equal(awl_queue_put(&over, &item), 0);
	assert_int_equal(awl_queue_put_nowait(&over, &item), 0);
	assert_int_equal(awl_queue_put_nowait(&over, &item), -EAGAIN);
	assert_int_equal(awl_queue_get(&over, &item), 0);
	return awl_queue_destroy(&over);
}

struct large {
	char text[100];
	int n;
};

CASE(items_of_any_size_come_out_whole)
{
	struct large a = { "hello", 42 }, b = { "", 0 };
	awl_queue large = AWL_QUEUE_INIT(sizeof a, 2);

	assert_int_equal(awl_queue_put(&large, &a), 0);
	assert_int_equal(awl_queue_get(&large, &b), 0);
	assert_memory_equal(&a, &b, sizeof a);
	assert_int_equal(awl_queue_init(&large, 0, 0), -EINVAL);
	return awl_queue_destroy(&large);
}

/* Q2, test_blocking_get, test_blocking_get_wait, test_put_with_waiting_getters */
CASE(a_get_waits_for_a_put)
{
	awl_task *t;

	fresh(0);
	t = spawn(getter, NULL);
	turn();
	put(7);
	assert_int_equal(awl_queue_empty(&q), 1); /* it is the getter's already */
	assert_int_equal(outcome(t), 7);
	return done();
}

/* Q2, test_blocking_put, test_blocking_put_wait, test_get_with_putters,
 * test_get_with_waiting_putters */
CASE(a_put_waits_for_room)
{
	awl_task *a, *b;

	fresh(1);
	a = spawn(putter, &numbers[1]);
	b = spawn(putter, &numbers[2]);
	turn();
	assert_int_equal(awl_done(a), 1);
	assert_int_equal(awl_done(b), 0);
	assert_int_equal(take(), 1);
	assert_int_equal(awl_queue_full(&q), 1); /* the putter's item is in */
	assert_int_equal(take(), 2);
	assert_int_equal(outcome(a), 0);
	assert_int_equal(outcome(b), 0);
	return done();
}

static int produce(void *arg)
{
	for (int i = 0; i < 5; i++)
		assert_int_equal(awl_queue_put(&q, &i), 0);
	return 0;
}

static int consume(void *arg)
{
	for (int i = 0; i < 5; i++)
		assert_int_equal(getter(NULL), i);
	return 0;
}

/* Q2, test_why_are_getters_waiting, test_why_are_putters_waiting */
CASE(a_producer_and_a_consumer_keep_step)
{
	awl_task *p, *c;

	fresh(1);
	p = spawn(produce, NULL);
	c = spawn(consume, NULL);
	assert_int_equal(outcome(p), 0);
	assert_int_equal(outcome(c), 0);
	return done();
}

/* Q3, test_get_cancelled_race, test_cancelled_getters_not_being_held_in_self_getters */
CASE(a_cancelled_getter_leaves_nothing_behind)
{
	awl_timeout limit;
	awl_task *a, *b;
	int item;

	fresh(0);
	a = spawn(getter, NULL);
	b = spawn(getter, NULL);
	turn();
	awl_cancel(a, NULL);
	put(5);
	assert_int_equal(outcome(a), AWL_EFUTURECANCELED);
	assert_int_equal(outcome(b), 5);
	awl_timeout_enter(&limit, AWL_MS);
	assert_int_equal(awl_timeout_exit(&limit, awl_queue_get(&q, &item)), -ETIMEDOUT);
	return done();
}

/* Q3, test_get_cancel_drop_one_pending_reader: the item was given first */
CASE(a_getter_cancelled_after_the_put_has_the_item)
{
	awl_task *t;

	fresh(0);
	t = spawn(getter, NULL);
	turn();
	put(1);
	put(2);
	awl_cancel(t, NULL);
	assert_int_equal(outcome(t), 1);
	assert_int_equal(take(), 2);
	return done();
}

/* Q3, test_get_cancel_drop_many_pending_readers */
CASE(no_item_is_lost_among_many_getters_and_a_cancel)
{
	awl_task *t[3];
	int sum = 0;

	fresh(0);
	for (int i = 0; i < 3; i++)
		t[i] = spawn(getter, NULL);
	turn();
	put(1);
	put(2);
	awl_cancel(t[2], NULL);
	for (int i = 0; i < 3; i++) {
		int r = outcome(t[i]);

		sum += r > 0 ? r : 0;
	}
	assert_int_equal(sum, 3);
	return done();
}

/* Q3, test_put_cancel_drop, test_cancelled_put_silence_value_error_exception: the item was taken
 * first */
CASE(a_putter_cancelled_after_the_get_has_put)
{
	awl_task *t;

	fresh(1);
	put(1);
	t = spawn(putter, &numbers[2]);
	turn();
	assert_int_equal(take(), 1);
	awl_cancel(t, NULL);
	assert_int_equal(outcome(t), 0);
	assert_int_equal(take(), 2);
	assert_int_equal(awl_queue_qsize(&q), 0);
	return done();
}

/* Q3, test_put_cancelled, test_put_cancelled_race,
 * test_cancelled_puts_not_being_held_in_self_putters */
CASE(a_cancelled_putter_has_put_nothing)
{
	awl_task *t[3];

	fresh(1);
	for (int i = 0; i < 3; i++)
		t[i] = spawn(putter, &numbers[i]);
	turn();
	awl_cancel(t[2], NULL);
	assert_int_equal(take(), 0);
	assert_int_equal(take(), 1);
	assert_int_equal(awl_queue_empty(&q), 1);
	assert_int_equal(outcome(t[0]), 0);
	assert_int_equal(outcome(t[1]), 0);
	assert_int_equal(outcome(t[2]), AWL_EFUTURECANCELED);
	return done();
}

CASE(a_cancel_taken_back_costs_a_getter_no_item)
{
	awl_task *t;

	fresh(0);
	t = spawn(getter, NULL);
	turn();
	awl_cancel(t, NULL);
	put(3); /* nobody waits at this moment */
	assert_int_equal(awl_uncancel(t), 0);
	assert_int_equal(outcome(t), 3);
	return done();
}

CASE(a_cancelled_task_gets_and_puts_nothing_even_where_it_need_not_wait)
{
	int item = 1;

	fresh(0);
	put(1);
	awl_cancel(awl_current_task(), NULL);
	assert_int_equal(awl_queue_get(&q, &item), AWL_ECANCELED);
	awl_cancel(awl_current_task(), NULL);
	assert_int_equal(awl_queue_put(&q, &item), AWL_ECANCELED);
	assert_int_equal(awl_queue_qsize(&q), 1);
	return done();
}

static int spinner(void *arg)
{
	int item = 0;

	while (!*(bool *)arg) {
		put(item);
		assert_int_equal(awl_queue_get(&q, &item), 0);
	}
	return 0;
}

/* A9 */
CASE(a_task_that_always_finds_an_item_lets_the_others_run)
{
	bool stop = false;
	awl_task *t;

	fresh(0);
	t = spawn(spinner, &stop);
	turn();
	stop = true;
	assert_int_equal(outcome(t), 0);
	return done();
}

/* join and task_done: Q4 */

static int joiner(void *arg)
{
	return awl_queue_join(&q);
}

/* test_task_done_underflow, test_task_done, test_join_empty_queue */
CASE(join_waits_until_all_that_was_put_is_worked_off)
{
	awl_task *t;

	fresh(0);
	assert_int_equal(awl_queue_join(&q), 0);
	assert_int_equal(awl_queue_task_done(&q), -EINVAL);
	put(1);
	put(2);
	t = spawn(joiner, NULL);
	(void)take();
	(void)take();
	turn();
	assert_int_equal(awl_done(t), 0);
	assert_int_equal(awl_queue_task_done(&q), 0);
	turn();
	assert_int_equal(awl_done(t), 0);
	assert_int_equal(awl_queue_task_done(&q), 0);
	assert_int_equal(outcome(t), 0);
	assert_int_equal(awl_queue_task_done(&q), -EINVAL);
	return done();
}

/* shutdown: Q5 */

static void assert_shut(void)
{
	int item = 0;

	assert_int_equal(awl_queue_put(&q, &item), AWL_ESHUTDOWN);
	assert_int_equal(awl_queue_put_nowait(&q, &item), AWL_ESHUTDOWN);
	assert_int_equal(awl_queue_get(&q, &item), AWL_ESHUTDOWN);
	assert_int_equal(awl_queue_get_nowait(&q, &item), AWL_ESHUTDOWN);
}

/* test_shutdown_empty */
CASE(a_shutdown_ends_waiting_getters)
{
	awl_task *t;

	fresh(0);
	t = spawn(getter, NULL);
	turn();
	assert_int_equal(awl_queue_shutdown(&q, 0), 0);
	assert_int_equal(awl_queue_join(&q), 0);
	assert_int_equal(outcome(t), AWL_ESHUTDOWN);
	assert_shut();
	return done();
}

/* test_shutdown_nonempty */
CASE(a_shutdown_lets_getters_drain_and_sends_putters_away)
{
	awl_task *j, *p;
	int item;

	fresh(1);
	put(1);
	j = spawn(joiner, NULL);
	p = spawn(putter, &numbers[2]);
	turn();
	assert_int_equal(awl_queue_shutdown(&q, 0), 0);
	assert_int_equal(awl_queue_qsize(&q), 1);
	assert_int_equal(outcome(p), AWL_ESHUTDOWN);
	assert_int_equal(awl_queue_get(&q, &item), 0);
	assert_int_equal(item, 1);
	assert_int_equal(awl_done(j), 0);
	assert_shut();
	assert_int_equal(awl_queue_task_done(&q), 0);
	assert_int_equal(outcome(j), 0);
	assert_int_equal(awl_queue_task_done(&q), -EINVAL);
	return done();
}

/* test_shutdown_immediate */
CASE(an_immediate_shutdown_drops_the_items_and_counts_them_as_done)
{
	awl_task *j;

	fresh(0);
	put(1);
	j = spawn(joiner, NULL);
	turn();
	assert_int_equal(awl_queue_shutdown(&q, 1), 0);
	assert_int_equal(awl_queue_qsize(&q), 0);
	assert_int_equal(outcome(j), 0);
	assert_shut();
	assert_int_equal(awl_queue_task_done(&q), -EINVAL);
	return done();
}

/* test_shutdown_immediate_with_unfinished */
CASE(an_immediate_shutdown_leaves_what_was_got_to_be_worked_off)
{
	awl_task *j;

	fresh(0);
	put(1);
	put(2);
	j = spawn(joiner, NULL);
	assert_int_equal(take(), 1);
	assert_int_equal(awl_queue_shutdown(&q, 1), 0);
	turn();
	assert_int_equal(awl_done(j), 0);
	assert_shut();
	assert_int_equal(awl_queue_task_done(&q), 0);
	assert_int_equal(outcome(j), 0);
	assert_int_equal(awl_queue_task_done(&q), -EINVAL);
	return done();
}

/* Q7 */

static int two_items(void *arg)
{
	int r = 0;

	for (int i = 0; i < 2 && r == 0; i++)
		r = awl_queue_put(&q, arg);
	awl_queue_close(&q);
	return r;
}

CASE(the_last_producer_to_close_ends_the_readers)
{
	awl_task *t[3];
	int item, n = 0, r;

	fresh(1);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(awl_queue_open(&q), 0);
		t[i] = spawn(two_items, &numbers[i]);
	}
	while ((r = awl_queue_get(&q, &item)) == 0)
		n++;
	assert_int_equal(r, AWL_ESHUTDOWN);
	assert_int_equal(n, 6);
	for (int i = 0; i < 3; i++)
		assert_int_equal(outcome(t[i]), 0);
	assert_int_equal(awl_queue_close(&q), -EINVAL);
	assert_int_equal(awl_queue_open(&q), AWL_ESHUTDOWN);
	return done();
}

/* Q6 */

/* LifoQueueTests.test_order */
CASE(a_lifo_queue_gives_the_last_first)
{
	assert_int_equal(awl_lifo_queue_init(&q, sizeof(int), 0), 0);
	put(1);
	put(3);
	put(2);
	assert_int_equal(take(), 2);
	put(4);
	assert_int_equal(take(), 4);
	assert_int_equal(take(), 3);
	assert_int_equal(take(), 1);
	return done();
}

struct ranked {
	int rank, id;
};

static int by_rank(const void *a, const void *b)
{
	return ((const struct ranked *)a)->rank - ((const struct ranked *)b)->rank;
}

/* PriorityQueueTests.test_order */
CASE(a_priority_queue_gives_the_first_by_rank_and_the_oldest_among_equals)
{
	struct ranked item, last = { -1, -1 };
	awl_queue p;

	assert_int_equal(awl_priority_queue_init(&p, sizeof item, 0, NULL), -EINVAL);
	assert_int_equal(awl_priority_queue_init(&p, sizeof item, 0, by_rank), 0);
	for (int i = 0; i < 500; i++) {
		item = (struct ranked){ i * 7919 % 10, i };
		assert_int_equal(awl_queue_put_nowait(&p, &item), 0);
	}
	for (int i = 0; i < 500; i++) {
		assert_int_equal(awl_queue_get_nowait(&p, &item), 0);
		assert_true(item.rank > last.rank || (item.rank == last.rank && item.id > last.id));
		last = item;
	}
	return awl_queue_destroy(&p);
}

/* as cases of a select */

static int late_put(void *arg)
{
	int r = awl_sleep(AWL_MS);

	return r < 0 ? r : awl_queue_put(&q, arg);
}

CASE(a_select_takes_one_item_from_one_queue)
{
	awl_queue other = AWL_QUEUE_INIT(sizeof(int), 0);
	int a = 0, b = 0, result = -1;
	awl_case cases[2];
	awl_task *t;

	fresh(0);
	cases[0] = awl_queue_case_get(&other, &a);
	cases[1] = awl_queue_case_get(&q, &b);
	put(4);
	assert_int_equal(awl_select(cases, 2, &result), 1);
	assert_int_equal(result, 0);
	assert_int_equal(b, 4);
	t = spawn(late_put, &numbers[6]);
	assert_int_equal(awl_select(cases, 2, &result), 1);
	assert_int_equal(b, 6);
	assert_int_equal(outcome(t), 0);
	put(8); /* no case waits any more */
	assert_int_equal(take(), 8);
	assert_int_equal(awl_queue_destroy(&other), 0);
	return done();
}

static int both_get(void *arg)
{
	awl_queue *other = arg;
	int a = 0, b = 0;
	awl_case cases[2] = { awl_queue_case_get(other, &a), awl_queue_case_get(&q, &b) };

	return awl_select(cases, 2, NULL) < 0 ? -1 : a + b;
}

CASE(a_select_served_by_one_queue_takes_nothing_from_the_other)
{
	awl_queue other = AWL_QUEUE_INIT(sizeof(int), 0);
	awl_task *t, *u;

	fresh(0);
	t = spawn(both_get, &other);
	u = spawn(getter, NULL);
	turn();
	assert_int_equal(awl_queue_put_nowait(&other, &numbers[3]), 0);
	put(5); /* passes over the case that is served */
	assert_int_equal(outcome(t), 3);
	assert_int_equal(outcome(u), 5);
	assert_int_equal(awl_queue_destroy(&other), 0);
	return done();
}

static int select_put(void *arg)
{
	awl_case c = awl_queue_case_put(&q, arg);
	int result, r = awl_select(&c, 1, &result);

	return r < 0 ? r : result;
}

CASE(a_select_puts_when_there_is_room_and_is_told_of_a_shutdown)
{
	awl_task *t, *u;

	fresh(1);
	put(1);
	t = spawn(select_put, &numbers[2]);
	u = spawn(select_put, &numbers[3]);
	turn();
	assert_int_equal(take(), 1);
	assert_int_equal(awl_queue_qsize(&q), 1);
	assert_int_equal(awl_queue_shutdown(&q, 0), 0);
	assert_int_equal(outcome(t), 0);
	assert_int_equal(outcome(u), AWL_ESHUTDOWN);
	assert_int_equal(take(), 2);
	return done();
}

CASE(destroying_a_queue_with_waiters_is_refused)
{
	awl_task *t;

	fresh(0);
	t = spawn(getter, NULL);
	turn();
	assert_int_equal(awl_queue_destroy(&q), -EBUSY);
	put(1);
	assert_int_equal(awl_queue_destroy(&q), 0);
	assert_int_equal(outcome(t), 1);
	assert_int_equal(awl_queue_put_nowait(&q, &numbers[0]), AWL_EDEAD);
	return 0;
}

static int no_memory(void)
{
	return 1;
}

CASE(without_memory_a_put_is_refused_and_the_queue_is_as_it_was)
{
	int item = 1;

	fresh(0);
	for (int i = 0; i < 8; i++)
		put(i);
	awl__alloc_fault = no_memory;
	assert_int_equal(awl_queue_put(&q, &item), -ENOMEM);
	awl__alloc_fault = (int (*)(void))0;
	assert_int_equal(awl_queue_qsize(&q), 8);
	for (int i = 0; i < 8; i++)
		assert_int_equal(take(), i);
	return done();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_queue_is_first_in_first_out_and_bounded),
		TEST(a_queue_without_a_bound_grows),
		TEST(a_ring_that_wrapped_keeps_its_order_when_it_grows),
		TEST(a_queue_over_an_array_needs_no_memory),
		TEST(items_of_any_size_come_out_whole),
		TEST(a_get_waits_for_a_put),
		TEST(a_put_waits_for_room),
		TEST(a_producer_and_a_consumer_keep_step),
		TEST(a_cancelled_getter_leaves_nothing_behind),
		TEST(a_getter_cancelled_after_the_put_has_the_item),
		TEST(no_item_is_lost_among_many_getters_and_a_cancel),
		TEST(a_putter_cancelled_after_the_get_has_put),
		TEST(a_cancelled_putter_has_put_nothing),
		TEST(a_cancel_taken_back_costs_a_getter_no_item),
		TEST(a_cancelled_task_gets_and_puts_nothing_even_where_it_need_not_wait),
		TEST(a_task_that_always_finds_an_item_lets_the_others_run),
		TEST(join_waits_until_all_that_was_put_is_worked_off),
		TEST(a_shutdown_ends_waiting_getters),
		TEST(a_shutdown_lets_getters_drain_and_sends_putters_away),
		TEST(an_immediate_shutdown_drops_the_items_and_counts_them_as_done),
		TEST(an_immediate_shutdown_leaves_what_was_got_to_be_worked_off),
		TEST(the_last_producer_to_close_ends_the_readers),
		TEST(a_lifo_queue_gives_the_last_first),
		TEST(a_priority_queue_gives_the_first_by_rank_and_the_oldest_among_equals),
		TEST(a_select_takes_one_item_from_one_queue),
		TEST(a_select_served_by_one_queue_takes_nothing_from_the_other),
		TEST(a_select_puts_when_there_is_room_and_is_told_of_a_shutdown),
		TEST(destroying_a_queue_with_waiters_is_refused),
		TEST(without_memory_a_put_is_refused_and_the_queue_is_as_it_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
