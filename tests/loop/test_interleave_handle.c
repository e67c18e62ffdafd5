/* SPDX-License-Identifier: MIT */
/*
 * test_interleave_handle.c - one handle sent by two threads (or by one and its signal handler)
 * while the loop runs it, takes it back or closes: handle.c itself, in every interleaving.
 */
#include "walk.h"

#include "loop/handle.c"

static awl_loop loop;
static struct awl__reactor reactor;
static awl_handle handle;
static struct {
	bool wrote[2], seen[2]; /* what senders count on the callback to see */
	int answer[2];
	int runs, cancelled;
	unsigned edges;
} mail;

static void model_wake(struct awl__reactor *r)
{
	mail.edges++;
}

static const struct awl__reactor_class model = { .name = "model", .wake = model_wake };

static int collects(void *arg)
{
	mail.runs++;
	for (int i = 0; i < 2; i++)
		mail.seen[i] |= mail.wrote[i];
	return 0;
}

static void sends(void *arg)
{
	int i = *(int *)arg;

	mail.wrote[i] = true;
	mail.answer[i] = awl_call_soon_threadsafe(&loop, collects, NULL, &handle);
}

/* unpack and run_batch of iterate.c; its own atomics are the inbox's. */
static void turn(void)
{
	struct awl__parcel *p = awl__inbox_take(&loop.inbox);
	struct awl__list *node;

	while (p) {
		struct awl__parcel *next = p->next;

		p->open(&loop, p);
		p = next;
	}
	while ((node = awl__list_pop(&loop.ready))) {
		awl__runnable_at(node)->queued = 0;
		awl__handle_run(&loop, awl__runnable_at(node));
	}
}

static bool has_edge(void *arg)
{
	return mail.edges > 0;
}

static void sleeps(void)
{
	if (!awl__inbox_arm(&loop.inbox))
		return;
	walk_block(has_edge, NULL, false);
	mail.edges = 0;
}

static void begin(void)
{
	static int number[2] = { 0, 1 };

	memset(&loop, 0, sizeof loop);
	memset(&handle, 0, sizeof handle);
	memset(&mail, 0, sizeof mail);
	loop.process = awl__process_make();
	atomic_init(&loop.owner.who, awl__token_make());
	awl__list_init(&loop.ready);
	awl__list_init(&loop.batch);
	reactor.class = &model;
	loop.reactor = &reactor;
	walk_share(&loop, sizeof loop);
	walk_share(&handle, sizeof handle);
	walk_share(&mail, sizeof mail);
	walk_add(sends, &number[0]);
	walk_add(sends, &number[1]);
}

static void is_free(void)
{
	walk_expect(!handle._sent);
	walk_expect(!handle._loop);
	walk_expect(!waits(&handle));
}

/* --- running --------------------------------------------------------------------------------- */

static void runs_until_all_is_seen(void *arg)
{
	for (;;) {
		turn();
		if (mail.seen[0] && mail.seen[1])
			break;
		sleeps();
	}
}

static void begin_run(void)
{
	begin();
	walk_add(runs_until_all_is_seen, NULL);
}

static void end_run(void)
{
	turn();
	walk_expect(mail.answer[0] == 0 && mail.answer[1] == 0);
	walk_expect(mail.runs >= 1 && mail.runs <= 2);
	is_free();
}

static void each_send_is_followed_by_a_run_and_the_handle_waits_once(void **state)
{
	walk_proves(begin_run, end_run);
}

/* --- taking back ----------------------------------------------------------------------------- */

static void runs_and_takes_back(void *arg)
{
	turn();
	if (awl_handle_cancel(&handle) == 1) {
		mail.cancelled++;
		for (int i = 0; i < 2; i++)
			mail.seen[i] |= mail.wrote[i]; /* taken back, and so is what it stood for */
	}
	runs_until_all_is_seen(NULL);
}

static void begin_cancel(void)
{
	begin();
	walk_add(runs_and_takes_back, NULL);
}

static void end_cancel(void)
{
	turn();
	walk_expect(mail.runs + mail.cancelled >= 1 && mail.runs + mail.cancelled <= 2);
	is_free();
}

static void a_handle_taken_back_leaves_the_loop_whole_or_still_runs(void **state)
{
	walk_proves(begin_cancel, end_cancel);
}

/* --- closing --------------------------------------------------------------------------------- */

static void runs_and_closes(void *arg)
{
	turn();
	awl__loop_shut(&loop);
}

static void begin_close(void)
{
	begin();
	walk_add(runs_and_closes, NULL);
}

static void end_close(void)
{
	for (int i = 0; i < 2; i++)
		walk_expect(mail.answer[i] == 0 || mail.answer[i] == AWL_ECLOSED);
	/* Refused, run or dropped: its storage is the caller's, with no way back into the loop. */
	is_free();
	walk_expect(awl__list_empty(&loop.ready) && !loop.arrived);
}

static void a_close_gives_the_handle_back_whatever_its_senders_were_doing(void **state)
{
	walk_proves(begin_close, end_close);
}

/* --- canary: a flag given back after the run ------------------------------------------------- */

static _Atomic uint32_t flag;

/* Who finds the flag set counts on a run that may have looked already. */
static void sends_by_flag(void *arg)
{
	int i = *(int *)arg;

	mail.wrote[i] = true;
	if (awl__exchange(&flag, 1) == 0)
		mail.edges++;
}

static void runs_then_gives(void *arg)
{
	while (!mail.seen[0] || !mail.seen[1]) {
		walk_block(has_edge, NULL, false);
		mail.edges = 0;
		collects(NULL);
		awl__store_release(&flag, 0);
	}
}

static void begin_late(void)
{
	static int number[2] = { 0, 1 };

	begin();
	walk.count = 0;
	atomic_init(&flag, 0);
	walk_share(&flag, sizeof flag);
	walk_add(sends_by_flag, &number[0]);
	walk_add(sends_by_flag, &number[1]);
	walk_add(runs_then_gives, NULL);
}

static void a_flag_given_back_after_the_run_is_caught(void **state)
{
	walk_refutes(begin_late, is_free);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_send_is_followed_by_a_run_and_the_handle_waits_once),
		cmocka_unit_test(a_handle_taken_back_leaves_the_loop_whole_or_still_runs),
		cmocka_unit_test(a_close_gives_the_handle_back_whatever_its_senders_were_doing),
		cmocka_unit_test(a_flag_given_back_after_the_run_is_caught),
	};

	return cmocka_run_group_tests_name("loop.interleave_handle", tests, NULL, NULL);
}
