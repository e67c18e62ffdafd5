/* SPDX-License-Identifier: MIT */
/*
 * test_interleave_call.c - latch.c and call.c in every interleaving: a caller whose patience may
 * end at any moment, and a loop that makes the call, or sleeps, or closes.
 */
#include "walk_threads.h"

#include "thread/call.c"

/* --- the latch ------------------------------------------------------------------------------- */

static struct {
	struct awl__latch latch;
	int value, opened[2];
} door;

static void opens_latch(void *arg)
{
	door.value = 7;
	awl__latch_open(&door.latch);
}

static void waits_at_latch(void *arg)
{
	int i = *(int *)arg;

	door.opened[i] = awl__latch_wait(&door.latch, i == 0 ? INT64_MAX : 1);
	walk_expect(!door.opened[i] || door.value == 7);
	walk_expect(door.opened[i] == 1 || i == 1);
}

static void begin_latch(void)
{
	static int number[2] = { 0, 1 };

	begin_model();
	memset(&door, 0, sizeof door);
	walk_share(&door, sizeof door);
	walk_add(waits_at_latch, &number[0]);
	walk_add(waits_at_latch, &number[1]);
	walk_add(opens_latch, NULL);
}

static void end_latch(void)
{
	walk_expect(door.opened[0] == 1);
	walk_expect(awl__latch_is_open(&door.latch));
}

static void a_latch_wakes_everybody_who_waits_and_only_when_open(void **state)
{
	walk_proves(begin_latch, end_latch);
}

/* It looks whether somebody sleeps, and opens after that. */
static void opens_badly(void *arg)
{
	bool waited = awl__load(&door.latch.word) == AWL__LATCH_WAITED;

	door.value = 7;
	awl__store_release(&door.latch.word, AWL__LATCH_OPEN);
	if (waited)
		model_syscall(
			SYS_futex, &door.latch.word, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0);
}

static void begin_bad_latch(void)
{
	static int number = 0;

	begin_model();
	memset(&door, 0, sizeof door);
	walk_share(&door, sizeof door);
	walk_add(waits_at_latch, &number);
	walk_add(opens_badly, NULL);
}

static void a_latch_that_looks_before_it_opens_is_caught(void **state)
{
	walk_refutes(begin_bad_latch, end_latch);
}

/* --- the call -------------------------------------------------------------------------------- */

static bool has_edge(void *arg)
{
	return edges > 0;
}

/* The loop: what is there, perhaps a sleep, what is there then, and the close. */
static void opens_and_shuts(void *arg)
{
	opens(awl__inbox_take(&the_loop.inbox));
	if (awl__inbox_arm(&the_loop.inbox)) {
		walk_block(has_edge, NULL, true);
		edges = 0;
	}
	opens(awl__inbox_take(&the_loop.inbox));
	the_loop.closed = true;
	opens(awl__inbox_shut(&the_loop.inbox));
}

static struct {
	int begun, ended, r, value;
	bool returned;
} calls[2];

static int seven(void *arg)
{
	int i = *(int *)arg;

	walk_check(!calls[i].returned, "a call that was given up is never made");
	calls[i].begun++;
	walk_step();
	calls[i].ended++;
	return 7;
}

static void calls_it(void *arg)
{
	int i = *(int *)arg;

	calls[i].r = awl_call_threadsafe(
		&the_loop, seven, &i, sizeof i, i == 0 ? AWL_FOREVER : 1, &calls[i].value);
	calls[i].returned = true;
}

static void begin_call(void)
{
	static int number[2] = { 0, 1 };

	begin_model();
	memset(calls, 0, sizeof calls);
	walk_share(calls, sizeof calls);
	walk_add(calls_it, &number[0]);
	walk_add(calls_it, &number[1]);
	walk_add(opens_and_shuts, NULL);
}

static void end_call(void)
{
	for (int i = 0; i < 2; i++) {
		walk_expect(calls[i].begun == calls[i].ended && calls[i].ended <= 1);
		walk_expect(calls[i].r == 0 || calls[i].r == AWL_ECLOSED ||
			(calls[i].r == -ETIMEDOUT && i == 1));
		walk_expect(calls[i].r != 0 || calls[i].ended == 1);
		walk_expect(calls[i].r != AWL_ECLOSED || calls[i].begun == 0);
		walk_expect(calls[i].value == (calls[i].r == 0 ? 7 : 0));
	}
	all_is_freed();
}

static void a_call_is_made_once_refused_or_given_up_and_its_memory_freed_once(void **state)
{
	walk_proves(begin_call, end_call);
}

/* A caller that gives up as if nobody could be at what it sent. */
static struct {
	struct awl__parcel parcel;
	struct awl__latch latch;
	bool gone;
} sent;

static void open_anyway(awl_loop *l, struct awl__parcel *p)
{
	walk_check(!sent.gone, "what was given up is left alone");
	awl__latch_open(&sent.latch);
}

static void gives_up_without_a_word(void *arg)
{
	if (awl__inbox_push(&the_loop.inbox, &sent.parcel) == 1)
		awl__reactor_wake(the_loop.reactor);
	awl__latch_wait(&sent.latch, 1);
	sent.gone = true;
}

static void takes_and_opens(void *arg)
{
	struct awl__parcel *p = awl__inbox_take(&the_loop.inbox);

	if (p)
		p->open(&the_loop, p);
}

static void begin_bad_call(void)
{
	begin_model();
	memset(&sent, 0, sizeof sent);
	sent.parcel.open = open_anyway;
	walk_share(&sent, sizeof sent);
	walk_add(gives_up_without_a_word, NULL);
	walk_add(takes_and_opens, NULL);
}

static void a_caller_that_gives_up_without_a_word_is_caught(void **state)
{
	walk_refutes(begin_bad_call, all_is_freed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_latch_wakes_everybody_who_waits_and_only_when_open),
		cmocka_unit_test(a_call_is_made_once_refused_or_given_up_and_its_memory_freed_once),
		cmocka_unit_test(a_latch_that_looks_before_it_opens_is_caught),
		cmocka_unit_test(a_caller_that_gives_up_without_a_word_is_caught),
	};

	return cmocka_run_group_tests_name("thread.interleave_call", tests, use_model_memory, NULL);
}
