/* SPDX-License-Identifier: MIT */
/*
 * acts_queue.c - queues, acted in awl: in order, nothing lost, drained when they are shut.
 */
#include "oracle/acts.h"

static awl_queue queue;

static int getter(void *arg)
{
	int item = -1, r = awl_queue_get(&queue, &item);

	say("%s: %s", (const char *)arg, r < 0 ? word(r) : word(item));
	return r;
}

static int putter(void *arg)
{
	for (int i = 1; i <= 3; i++)
		(void)!awl_queue_put(&queue, &i);
	return 0;
}

/* Q1-Q3. In awl an item goes straight to who waits: what a put waits for is left out. */
static int a_queue_serves_in_order_and_loses_nothing(void *arg)
{
	awl_task *b;
	int item = 0;

	awl_queue_init(&queue, sizeof(int), 1);
	say("empty: %s", word(awl_queue_get_nowait(&queue, &item)));
	awl_unref(task(getter, (void *)(uintptr_t) "a"));
	b = task(getter, (void *)(uintptr_t) "b");
	awl_unref(task(getter, (void *)(uintptr_t) "c"));
	(void)!sleep_ms(5);
	awl_cancel(b, NULL);
	awl_unref(b);
	(void)!sleep_ms(5);
	awl_unref(task(putter, NULL));
	(void)!sleep_ms(5);
	item = 9;
	say("full: %s", word(awl_queue_put_nowait(&queue, &item)));
	say("size: %d", (int)awl_queue_qsize(&queue));
	(void)!awl_queue_get(&queue, &item);
	say("got %d", item);
	awl_queue_destroy(&queue);
	return 0;
}

static int joiner(void *arg)
{
	say("joined: %s", word(awl_queue_join(&queue)));
	return 0;
}

/* Q4 */
static int a_join_waits_for_the_last_task_done(void *arg)
{
	int item = 1;

	awl_queue_init(&queue, sizeof(int), 0);
	(void)!awl_queue_put_nowait(&queue, &item);
	(void)!awl_queue_put_nowait(&queue, &item);
	awl_unref(task(joiner, NULL));
	for (int i = 0; i < 2; i++) {
		(void)!awl_queue_get(&queue, &item);
		(void)!sleep_ms(5);
		say("done %d", i);
		awl_queue_task_done(&queue);
	}
	(void)!sleep_ms(5);
	say("too often: %s", awl_queue_task_done(&queue) < 0 ? "refused" : "0");
	awl_queue_destroy(&queue);
	return 0;
}

static int by_value(const void *a, const void *b)
{
	const int *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* Q6 */
static int queues_of_other_orders(void *arg)
{
	for (int kind = 0; kind < 2; kind++) {
		if (kind)
			awl_priority_queue_init(&queue, sizeof(int), 0, by_value);
		else
			awl_lifo_queue_init(&queue, sizeof(int), 0);
		for (int i = 0; i < 5; i++)
			(void)!awl_queue_put_nowait(&queue, &(int){ i * 3 % 5 });
		for (int i = 0, item = 0; i < 5; i++) {
			(void)!awl_queue_get(&queue, &item);
			say("%d", item);
		}
		awl_queue_destroy(&queue);
	}
	return 0;
}

static int put_three(void *arg)
{
	int item = 3;

	say("%s: %s", (const char *)arg, word(awl_queue_put(&queue, &item)));
	return 0;
}

static int get_one(void *arg)
{
	int item = 0, r = awl_queue_get(&queue, &item);

	say("%s %s", (const char *)arg, word(r < 0 ? r : item));
	return 0;
}

static void put_two(void)
{
	for (int item = 1; item <= 2; item++)
		(void)!awl_queue_put_nowait(&queue, &item);
}

/* Q5 */
static int a_shut_queue_is_drained(void *arg)
{
	awl_queue_init(&queue, sizeof(int), 2);
	put_two();
	awl_unref(task(put_three, "p"));
	awl_unref(task(joiner, NULL));
	(void)!sleep_ms(5);
	awl_queue_shutdown(&queue, 0);
	(void)!sleep_ms(5);
	put_three("q");
	for (int i = 0; i < 2; i++) {
		get_one("got");
		awl_queue_task_done(&queue);
	}
	(void)!sleep_ms(5);
	get_one("get:");
	awl_queue_destroy(&queue);
	return 0;
}

static awl_queue idle;

static int get_idle(void *arg)
{
	int item = 0, r = awl_queue_get(&idle, &item);

	say("%s %s", (const char *)arg, word(r < 0 ? r : item));
	return 0;
}

/* Q5 */
static int a_queue_shut_at_once_is_empty(void *arg)
{
	awl_queue_init(&queue, sizeof(int), 0);
	awl_queue_init(&idle, sizeof(int), 0);
	put_two();
	awl_unref(task(joiner, NULL));
	awl_unref(task(get_idle, "g:"));
	(void)!sleep_ms(5);
	awl_queue_shutdown(&queue, 1);
	awl_queue_shutdown(&idle, 1);
	(void)!sleep_ms(5);
	say("size: %d", (int)awl_queue_qsize(&queue));
	get_one("h:");
	awl_queue_destroy(&queue);
	awl_queue_destroy(&idle);
	return 0;
}

const struct act acts_of_queue[] = {
	ACT(a_queue_serves_in_order_and_loses_nothing),
	ACT(a_join_waits_for_the_last_task_done),
	ACT(queues_of_other_orders),
	ACT(a_shut_queue_is_drained),
	ACT(a_queue_shut_at_once_is_empty),
	{ NULL, NULL },
};
