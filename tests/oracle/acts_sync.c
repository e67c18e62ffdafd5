/* SPDX-License-Identifier: MIT */
/*
 * acts_sync.c - locks and their kin, acted in awl: who waits is served in order.
 */
#include "oracle/acts.h"

static awl_lock lock;
static awl_event event;
static awl_semaphore semaphore;
static awl_condition condition;
static awl_barrier barrier;

static int locker(void *arg)
{
	const char *name = arg;
	int r = awl_lock_acquire(&lock);

	say("%s: %s", name, word(r));
	if (r < 0)
		return r;
	(void)!sleep_ms(10);
	say("%s releases", name);
	return awl_lock_release(&lock);
}

/* S1, S2 */
static int a_lock_goes_round_in_the_order_of_asking(void *arg)
{
	static const char *const names[] = { "a", "b", "c", "d" };
	awl_task *t[4];

	lock = (awl_lock)AWL_LOCK_INIT;
	for (int i = 0; i < 4; i++)
		t[i] = task(locker, (void *)(uintptr_t)names[i]);
	(void)!sleep_ms(5);
	awl_cancel(t[1], NULL);
	(void)!sleep_ms(100);
	say("locked: %d", awl_lock_locked(&lock));
	for (int i = 0; i < 4; i++)
		awl_unref(t[i]);
	return 0;
}

static int event_waiter(void *arg)
{
	say("%s: %s", (const char *)arg, word(awl_event_wait(&event)));
	return 0;
}

/* S4 */
static int an_event_wakes_all_in_order(void *arg)
{
	awl_task *t;

	event = (awl_event)AWL_EVENT_INIT;
	awl_unref(task(event_waiter, (void *)(uintptr_t) "a"));
	t = task(event_waiter, (void *)(uintptr_t) "b");
	awl_unref(task(event_waiter, (void *)(uintptr_t) "c"));
	(void)!awl_yield();
	awl_event_set(&event);
	awl_event_clear(&event);
	say("set and cleared: %d", awl_event_is_set(&event));
	(void)!sleep_ms(5);
	awl_unref(t);
	t = task(event_waiter, (void *)(uintptr_t) "late");
	(void)!sleep_ms(5);
	awl_cancel(t, NULL);
	tell_end("late", t);
	return 0;
}

static int acquirer(void *arg)
{
	say("%s: %s", (const char *)arg, word(awl_semaphore_acquire(&semaphore)));
	(void)!sleep_ms(10);
	return awl_semaphore_release(&semaphore);
}

/* S8, S9 */
static int a_semaphore_serves_in_order(void *arg)
{
	static const char *const names[] = { "a", "b", "c", "d", "e" };

	semaphore = (awl_semaphore)AWL_BOUNDED_SEMAPHORE_INIT(2);
	for (int i = 0; i < 5; i++)
		awl_unref(task(acquirer, (void *)(uintptr_t)names[i]));
	(void)!awl_yield();
	say("locked: %d", awl_semaphore_locked(&semaphore));
	(void)!sleep_ms(100);
	say("one too many: %s", word(awl_semaphore_release(&semaphore)));
	return 0;
}

static int condition_waiter(void *arg)
{
	const char *name = arg;
	int r = awl_condition_acquire(&condition);

	if (r < 0)
		return r;
	r = awl_condition_wait(&condition);
	say("%s: %s, locked: %d", name, word(r), awl_condition_locked(&condition));
	awl_condition_release(&condition);
	return r;
}

/* S5-S7 */
static int a_condition_wakes_as_many_as_were_notified(void *arg)
{
	static const char *const names[] = { "a", "b", "c", "d" };
	awl_task *t[4];

	condition = (awl_condition)AWL_CONDITION_INIT(NULL);
	say("without: %s", word(awl_condition_notify(&condition, 1)));
	for (int i = 0; i < 4; i++)
		t[i] = task(condition_waiter, (void *)(uintptr_t)names[i]);
	(void)!sleep_ms(5);
	(void)!awl_condition_acquire(&condition);
	awl_condition_notify(&condition, 2);
	say("notified");
	awl_condition_release(&condition);
	(void)!sleep_ms(5);
	awl_cancel(t[2], NULL);
	(void)!sleep_ms(5);
	(void)!awl_condition_acquire(&condition);
	awl_condition_notify_all(&condition);
	awl_condition_release(&condition);
	(void)!sleep_ms(5);
	for (int i = 0; i < 4; i++)
		awl_unref(t[i]);
	return 0;
}

static int passer(void *arg)
{
	int r = awl_barrier_wait(&barrier);

	say("%s: %s", (const char *)arg, r < 0 ? word(r) : "passes");
	return 0;
}

/* S10 */
static int a_barrier_lets_all_pass_together(void *arg)
{
	static const char *const names[] = { "a", "b", "c", "d", "e" };

	barrier = (awl_barrier)AWL_BARRIER_INIT(2);
	for (int i = 0; i < 5; i++) {
		awl_unref(task(passer, (void *)(uintptr_t)names[i]));
		(void)!sleep_ms(5);
	}
	say("waiting: %d", awl_barrier_n_waiting(&barrier));
	awl_barrier_reset(&barrier);
	return sleep_ms(5);
}

const struct act acts_of_sync[] = {
	ACT(a_lock_goes_round_in_the_order_of_asking),
	ACT(an_event_wakes_all_in_order),
	ACT(a_semaphore_serves_in_order),
	ACT(a_condition_wakes_as_many_as_were_notified),
	ACT(a_barrier_lets_all_pass_together),
	{ NULL, NULL },
};
