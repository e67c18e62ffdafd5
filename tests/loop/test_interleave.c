/* SPDX-License-Identifier: MIT */
/*
 * test_interleave.c - the handshakes of the loop, in every interleaving: inbox.h (what other
 * threads leave, closing included), wake.h (nobody sleeps through it), owner.h (one thread at a
 * time).
 */
#include "walk.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The kernel's part of wake.h: an eventfd whose edges end the sleep. */
static ssize_t model_write(int fd, const void *buf, size_t len);
#define write model_write
#include "reactor/wake.h"
#undef write

#include "base/list.h"
#include "loop/inbox.h"
#include "loop/owner.h"

#define ITEMS 3

/* --- inbox and wake -------------------------------------------------------------------------- */

static struct {
	struct awl__inbox inbox;
	struct awl__wake wake;
	unsigned edges;
	struct item {
		struct awl__parcel parcel;
		int from, number, arrived, answer;
	} items[ITEMS];
	int next[2]; /* by producer */
	int got;
	bool shut;
} box;

static ssize_t model_write(int fd, const void *buf, size_t len)
{
	box.edges++;
	return (ssize_t)len;
}

static bool has_edge(void *arg)
{
	return box.edges > 0;
}

static void receive(struct awl__parcel *p)
{
	while (p) {
		struct item *item = awl__container(p, struct item, parcel);

		p = p->next;
		walk_expect(++item->arrived == 1);
		walk_expect(item->number == box.next[item->from]);
		box.next[item->from]++;
		box.got++;
	}
}

static void send(struct item *item)
{
	item->answer = awl__inbox_push(&box.inbox, &item->parcel);
	if (item->answer == 1)
		awl__wake_send(&box.wake);
}

static void produces_two(void *arg)
{
	send(&box.items[0]);
	send(&box.items[1]);
}

static void produces_one(void *arg)
{
	send(&box.items[2]);
}

/* As the loop does: look() of iterate.c over the reactors' wait. */
static void sleeps_and_takes(void *arg)
{
	int wanted = *(int *)arg;

	for (;;) {
		receive(awl__inbox_take(&box.inbox));
		if (box.got == wanted)
			return;
		if (!awl__inbox_arm(&box.inbox))
			continue;
		if (awl__wake_sleep(&box.wake)) {
			walk_block(has_edge, NULL, false);
			box.edges = 0;
		}
		awl__wake_take(&box.wake);
	}
}

static void begin_box(void)
{
	memset(&box, 0, sizeof box);
	walk_share(&box, sizeof box);
	for (int i = 0; i < ITEMS; i++)
		box.items[i].number = i;
	box.items[2].from = 1;
	box.items[2].number = 0;
}

static void begin_inbox(void)
{
	static int all = ITEMS;

	begin_box();
	walk_add(produces_two, NULL);
	walk_add(produces_one, NULL);
	walk_add(sleeps_and_takes, &all);
}

static void end_inbox(void)
{
	walk_expect(box.got == ITEMS);
	walk_expect(awl__inbox_empty(&box.inbox));
	for (int i = 0; i < ITEMS; i++)
		walk_expect(box.items[i].arrived == 1 && box.items[i].answer >= 0);
}

static void a_sleeping_loop_is_woken_and_gets_each_item_once_and_in_order(void **state)
{
	walk_proves(begin_inbox, end_inbox);
}

/* --- closing --------------------------------------------------------------------------------- */

static void shuts(void *arg)
{
	receive(awl__inbox_take(&box.inbox));
	receive(awl__inbox_shut(&box.inbox));
}

static void begin_close(void)
{
	begin_box();
	walk_add(produces_two, NULL);
	walk_add(produces_one, NULL);
	walk_add(shuts, NULL);
}

static void end_close(void)
{
	for (int i = 0; i < ITEMS; i++) {
		struct item *item = &box.items[i];

		walk_expect(item->answer >= 0 || item->answer == AWL_ECLOSED);
		walk_expect((item->answer >= 0) == (item->arrived == 1));
	}
	walk_expect(awl__load(&box.inbox.top) == AWL__INBOX_SHUT);
}

static void what_a_closing_inbox_accepted_is_delivered_and_what_it_refused_is_not(void **state)
{
	walk_proves(begin_close, end_close);
}

static void takes_arms_and_shuts(void *arg)
{
	receive(awl__inbox_take(&box.inbox));
	if (awl__inbox_arm(&box.inbox) && awl__wake_sleep(&box.wake)) {
		walk_block(has_edge, NULL, true); /* a timer may end the sleep, too */
		box.edges = 0;
	}
	awl__wake_take(&box.wake);
	receive(awl__inbox_shut(&box.inbox));
}

static void begin_armed_close(void)
{
	begin_box();
	walk_add(produces_two, NULL);
	walk_add(takes_arms_and_shuts, NULL);
	box.items[2].answer = AWL_ECLOSED; /* takes no part */
}

static void closing_an_armed_inbox_loses_nothing_either(void **state)
{
	walk_proves(begin_armed_close, end_close);
}

/* --- canaries: the same, broken -------------------------------------------------------------- */

static void pushes_without_cas(struct item *item)
{
	struct awl__parcel *top = awl__load(&box.inbox.top);

	item->parcel.next = top == AWL__INBOX_ARMED ? NULL : top;
	awl__store_release(&box.inbox.top, &item->parcel);
	if (top == AWL__INBOX_ARMED)
		awl__wake_send(&box.wake);
}

static void produces_one_badly(void *arg)
{
	pushes_without_cas(&box.items[2]);
}

static void begin_lost(void)
{
	static int all = ITEMS;

	begin_box();
	walk_add(produces_two, NULL);
	walk_add(produces_one_badly, NULL);
	walk_add(sleeps_and_takes, &all);
}

static void a_push_that_loads_and_stores_is_caught(void **state)
{
	walk_refutes(begin_lost, end_inbox);
}

/* It looks, and then sleeps: what comes between is slept through. */
static void sleeps_without_arming(void *arg)
{
	for (;;) {
		receive(awl__inbox_take(&box.inbox));
		if (box.got == 1)
			return;
		awl__store(&box.inbox.top, AWL__INBOX_ARMED);
		if (awl__wake_sleep(&box.wake)) {
			walk_block(has_edge, NULL, false);
			box.edges = 0;
		}
		awl__wake_take(&box.wake);
	}
}

static void begin_asleep(void)
{
	begin_box();
	walk_add(produces_one, NULL);
	walk_add(sleeps_without_arming, NULL);
}

static void end_asleep(void)
{
	walk_expect(box.got == 1);
}

static void a_sleep_that_is_not_armed_by_cas_is_caught(void **state)
{
	walk_refutes(begin_asleep, end_asleep);
}

/* The closed flag beside the queue, as a Vyukov queue would have it: accepted, and lost. */
static void checks_then_pushes(void *arg)
{
	struct item *item = &box.items[2];

	if (awl__load_acquire(&box.inbox.top) == AWL__INBOX_SHUT) {
		item->answer = AWL_ECLOSED;
		return;
	}
	item->parcel.next = awl__exchange(&box.inbox.top, &item->parcel);
}

static void begin_vyukov(void)
{
	begin_box();
	box.items[0].answer = box.items[1].answer = AWL_ECLOSED;
	walk_add(checks_then_pushes, NULL);
	walk_add(shuts, NULL);
}

static void a_closed_flag_that_is_looked_at_first_is_caught(void **state)
{
	walk_refutes(begin_vyukov, end_close);
}

/* --- owner ----------------------------------------------------------------------------------- */

static struct {
	struct awl__owner owner;
	int inside, ran, refused, closed;
} loop;

static uint64_t token_of(void *arg)
{
	return ((uint64_t)(uintptr_t)arg << 32) + 7;
}

/* A run, or a call on an idle loop: claimed, used, given back; or refused. */
static void claims(void *arg)
{
	uint64_t token = token_of(arg);
	uint64_t who = awl__load(&loop.owner.who);

	walk_expect(!awl__owner_is(&loop.owner, token));
	if (who == AWL__CLOSED) {
		loop.closed++;
		return;
	}
	if (who != AWL__NOBODY || !awl__owner_take(&loop.owner, AWL__NOBODY, token)) {
		loop.refused++;
		return;
	}
	walk_expect(++loop.inside == 1);
	walk_expect(awl__owner_is(&loop.owner, token));
	walk_expect(--loop.inside == 0);
	loop.ran++;
	awl__owner_give(&loop.owner, AWL__NOBODY);
}

static void closes(void *arg)
{
	if (!awl__owner_take(&loop.owner, AWL__NOBODY, token_of(arg))) {
		loop.refused++;
		return;
	}
	walk_expect(++loop.inside == 1);
	walk_step();
	walk_expect(--loop.inside == 0);
	awl__owner_give(&loop.owner, AWL__CLOSED);
	loop.ran++;
}

static void begin_owner(void)
{
	memset(&loop, 0, sizeof loop);
	walk_share(&loop, sizeof loop);
	atomic_init(&loop.owner.who, AWL__NOBODY);
	walk_add(claims, (void *)1);
	walk_add(claims, (void *)2);
	walk_add(closes, (void *)3);
}

static void end_owner(void)
{
	uint64_t who = awl__load(&loop.owner.who);

	walk_expect(who == AWL__NOBODY || who == AWL__CLOSED);
	walk_expect(loop.ran >= 1);
	walk_expect(loop.ran + loop.refused + loop.closed == 3);
}

static void a_loop_has_one_owner_at_a_time_and_never_none_that_wins(void **state)
{
	walk_proves(begin_owner, end_owner);
}

/* asyncio's: read, and later write (reference 2.2). */
static void checks_then_writes(void *arg)
{
	if (awl__load(&loop.owner.who) != AWL__NOBODY) {
		loop.refused++;
		return;
	}
	awl__store(&loop.owner.who, token_of(arg));
	walk_expect(++loop.inside == 1);
	walk_step();
	walk_expect(--loop.inside == 0);
	loop.ran++;
	awl__owner_give(&loop.owner, AWL__NOBODY);
}

static void begin_checked(void)
{
	memset(&loop, 0, sizeof loop);
	walk_share(&loop, sizeof loop);
	atomic_init(&loop.owner.who, AWL__NOBODY);
	walk_add(checks_then_writes, (void *)1);
	walk_add(checks_then_writes, (void *)2);
}

static void end_checked(void)
{
	walk_expect(loop.ran + loop.refused == 2);
}

static void an_owner_that_is_checked_and_not_claimed_is_caught(void **state)
{
	walk_refutes(begin_checked, end_checked);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sleeping_loop_is_woken_and_gets_each_item_once_and_in_order),
		cmocka_unit_test(
			what_a_closing_inbox_accepted_is_delivered_and_what_it_refused_is_not),
		cmocka_unit_test(closing_an_armed_inbox_loses_nothing_either),
		cmocka_unit_test(a_loop_has_one_owner_at_a_time_and_never_none_that_wins),
		cmocka_unit_test(a_push_that_loads_and_stores_is_caught),
		cmocka_unit_test(a_sleep_that_is_not_armed_by_cas_is_caught),
		cmocka_unit_test(a_closed_flag_that_is_looked_at_first_is_caught),
		cmocka_unit_test(an_owner_that_is_checked_and_not_claimed_is_caught),
	};

	return cmocka_run_group_tests_name("loop.interleave", tests, NULL, NULL);
}
