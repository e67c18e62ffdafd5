/* SPDX-License-Identifier: MIT */
/*
 * test_broadcast.c - watches and broadcasts: the latest value for who is slow, every value or a
 * count of the missed for everybody.
 * @reactors @valgrind
 */
#include "sync.h"

static int value;
static awl_watch watch;
static int ring[4];
static awl_broadcast cast;

static void fresh(void)
{
	value = 1;
	assert_int_equal(awl_watch_init(&watch, &value, sizeof value), 0);
	assert_int_equal(awl_broadcast_init(&cast, ring, sizeof *ring, COUNT(ring)), 0);
}

static void set(int v)
{
	assert_int_equal(awl_watch_set(&watch, &v), 0);
}

static void spread(int v)
{
	assert_int_equal(awl_broadcast_send(&cast, &v), 0);
}

/* Adds up what it sees. */
static int watcher(void *arg)
{
	uint64_t seen = 0;
	int v, r, sum = 0;

	while ((r = awl_watch_changed(&watch, &seen, &v)) == 0)
		sum = sum * 10 + v;
	return r == AWL_ESHUTDOWN ? sum : r;
}

CASE(a_watcher_sees_the_first_value_and_the_latest)
{
	awl_task *t;
	int v = 0;

	fresh();
	t = spawn(watcher, NULL);
	turn();
	set(2);
	set(3); /* in one turn: 2 is seen by nobody */
	turn();
	set(4);
	turn();
	assert_int_equal(awl_watch_get(&watch, &v), 0);
	assert_int_equal(v, 4);
	set(5);
	assert_int_equal(awl_watch_shutdown(&watch), 0);
	assert_int_equal(awl_watch_set(&watch, &v), AWL_ESHUTDOWN);
	assert_int_equal(outcome(t), 1345);
	return awl_watch_destroy(&watch);
}

CASE(a_cancelled_watcher_has_seen_nothing_new)
{
	uint64_t seen = 0, before;
	int v = 0;

	fresh();
	assert_int_equal(awl_watch_changed(&watch, &seen, &v), 0);
	before = seen;
	awl_cancel(awl_current_task(), NULL);
	assert_int_equal(awl_watch_changed(&watch, &seen, &v), AWL_ECANCELED);
	assert_int_equal(seen, before);
	return 0;
}

static int vain_watcher(void *arg)
{
	uint64_t seen = 1;
	int v;

	return awl_watch_changed(&watch, &seen, &v);
}

CASE(a_watcher_that_wakes_and_finds_the_watch_gone_says_so)
{
	struct heard heard;
	awl_task *t;

	fresh();
	t = spawn(vain_watcher, NULL);
	turn();
	set(2);
	memset(&watch, 0x5a, sizeof watch);
	listen_to_awl(&heard);
	assert_int_equal(outcome(t), AWL_EDEAD);
	stop_listening();
	assert_heard(&heard, "whose storage was reused meanwhile");
	return 0;
}

static int listener(void *arg)
{
	awl_subscriber s;
	int v, r, sum = 0;

	assert_int_equal(awl_broadcast_subscribe(&cast, &s), 0);
	while ((r = awl_subscriber_get(&s, &v)) == 0)
		sum = sum * 10 + v;
	return r == AWL_ESHUTDOWN ? sum : r;
}

CASE(every_subscriber_gets_every_item_since_it_came)
{
	awl_task *a, *b;

	fresh();
	spread(9);
	a = spawn(listener, NULL);
	turn();
	spread(1);
	b = spawn(listener, NULL);
	turn();
	spread(2);
	spread(3);
	assert_int_equal(awl_broadcast_shutdown(&cast), 0);
	assert_int_equal(outcome(a), 123);
	assert_int_equal(outcome(b), 23);
	return awl_broadcast_destroy(&cast);
}

CASE(a_slow_subscriber_is_told_how_many_it_missed)
{
	awl_subscriber s;
	int v;

	fresh();
	assert_int_equal(awl_broadcast_subscribe(&cast, &s), 0);
	assert_int_equal(awl_subscriber_get_nowait(&s, &v), -EAGAIN);
	for (int i = 0; i < 7; i++)
		spread(i);
	assert_int_equal(awl_subscriber_get(&s, &v), 3);
	assert_int_equal(v, 3);
	for (int i = 4; i < 7; i++) {
		assert_int_equal(awl_subscriber_get(&s, &v), 0);
		assert_int_equal(v, i);
	}
	awl_broadcast_shutdown(&cast);
	assert_int_equal(awl_subscriber_get(&s, &v), AWL_ESHUTDOWN);
	assert_int_equal(awl_broadcast_send(&cast, &v), AWL_ESHUTDOWN);
	return 0;
}

CASE(a_cancelled_subscriber_loses_no_item)
{
	awl_subscriber s;
	int v;

	fresh();
	assert_int_equal(awl_broadcast_subscribe(&cast, &s), 0);
	spread(1);
	awl_cancel(awl_current_task(), NULL);
	assert_int_equal(awl_subscriber_get(&s, &v), AWL_ECANCELED);
	assert_int_equal(awl_subscriber_get(&s, &v), 0);
	assert_int_equal(v, 1);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_watcher_sees_the_first_value_and_the_latest),
		TEST(a_cancelled_watcher_has_seen_nothing_new),
		TEST(a_watcher_that_wakes_and_finds_the_watch_gone_says_so),
		TEST(every_subscriber_gets_every_item_since_it_came),
		TEST(a_slow_subscriber_is_told_how_many_it_missed),
		TEST(a_cancelled_subscriber_loses_no_item),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
