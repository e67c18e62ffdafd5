/* SPDX-License-Identifier: MIT */
/*
 * test_race_run.c - two threads want the same idle loop at the same moment: one has it, the other
 * has changed nothing. asyncio's count of the same (reference 2.2): of 298 trials 24 refused
 * callers whose coroutine ran all the same, 8 hung threads, 3 coroutines that changed the thread.
 *
 * @reactors @thread @alone @timeout 120
 */
#include "threads.h"

/* What one thread did in a round, and what became of its coroutine. */
struct racer {
	int outcome;
	_Atomic int started, resumed; /* the thread's id, where its coroutine was */
};

static struct race {
	awl_loop *loop;
	struct line line;
	long rounds;
	struct racer me, you;
	/* the tally */
	long ran[2], refused;
} race;

static int hops(void *arg)
{
	struct racer *r = arg;
	int err;

	expect(atomic_exchange(&r->started, gettid()) == 0);
	err = awl_yield();
	expect(atomic_exchange(&r->resumed, gettid()) == 0);
	return err < 0 ? err : 7;
}

static void quiet(const awl_misuse *m, void *arg)
{
	expect(m->error == AWL_ERUNNING || m->error == AWL_ETHREAD);
	expect(m->caller_tid == gettid());
}

static int begin(void **state)
{
	awl_set_misuse_hook(quiet, NULL);
	return 0;
}

static int end(void **state)
{
	awl_set_misuse_hook(NULL, NULL);
	return 0;
}

/* Both threads run `turn` in step, `rounds` times; between two rounds the first one checks. */
typedef void turn(struct racer *r, int which);

/* Sweeps one thread's start past the other's, so that they meet at every place. */
static void dawdle(long round, int which)
{
	long spins = round / 2 % 256 * 16;

	if (round % 2 == which)
		while (spins-- > 0)
			atomic_signal_fence(memory_order_seq_cst);
}

static turn *the_turn;
static void (*the_check)(void);

static void *second(void *arg)
{
	race_on(1, NULL);
	for (long i = 0; i < race.rounds; i++) {
		meet(&race.line);
		dawdle(i, 1);
		the_turn(&race.you, 1);
		meet(&race.line);
	}
	return NULL;
}

static void go(turn *t, void (*check)(void))
{
	cpu_set_t before;
	pthread_t thread;

	race = (struct race){ .loop = new_loop(NULL), .line.threads = 2, .rounds = rounds() };
	the_turn = t;
	the_check = check;
	thread = start_thread(second, NULL);
	race_on(0, &before);
	for (long i = 0; i < race.rounds; i++) {
		race.me = race.you = (struct racer){ 0 };
		meet(&race.line);
		dawdle(i, 0);
		the_turn(&race.me, 0);
		meet(&race.line);
		the_check();
	}
	pthread_setaffinity_np(pthread_self(), sizeof before, &before);
	join_thread(thread);
	end_loop(race.loop);
	print_message("# %ld rounds: %ld and %ld runs, %ld refusals\n", race.rounds, race.ran[0],
		race.ran[1], race.refused);
	settle();
}

/* --- run against run ------------------------------------------------------------------------- */

static void run(struct racer *r, int which)
{
	r->outcome = awl_loop_run_until_complete(race.loop, hops, r);
	race.ran[which] += r->outcome == 7;
	if (r->outcome == 7) {
		expect(r->started == gettid());
		expect(r->resumed == gettid());
	} else {
		expect(r->outcome == AWL_ERUNNING);
		expect(r->started == 0);
	}
}

/* Both may have run, one after the other; none may have been refused by nobody. */
static void check_runs(void)
{
	expect(race.me.outcome == 7 || race.you.outcome == 7);
	race.refused += (race.me.outcome != 7) + (race.you.outcome != 7);
	/* The loser's coroutine did not start later either: nothing of it was queued. */
	expect((race.me.outcome == 7) == (race.me.resumed != 0));
	expect((race.you.outcome == 7) == (race.you.resumed != 0));
	expect(race.loop->live == 0 && awl__list_empty(&race.loop->ready));
}

static void two_runs_race_and_no_refused_coroutine_starts_hops_or_hangs(void **state)
{
	go(run, check_runs);
}

/* --- run_forever against a run: the state of the run that goes on is its own (2.4) ----------- */

static struct runner forever;

static void a_refused_run_forever_takes_nothing_from_the_run_that_goes_on(void **state)
{
	long n = rounds();

	runner_start(&forever);
	for (long i = 0; i < n; i++) {
		expect(awl_loop_run_forever(forever.loop) == AWL_ERUNNING);
		expect(awl_loop_is_running(forever.loop) == 1);
		expect(awl_loop_close(forever.loop) == AWL_ERUNNING);
		expect(awl_loop_run_until_complete(forever.loop, hops, NULL) == AWL_ERUNNING);
	}
	/* A stop that is pending stays pending: the run ends. */
	assert_int_equal(awl_call_soon_threadsafe(forever.loop, stop_loop, forever.loop, NULL), 0);
	(void)!awl_loop_run_forever(forever.loop);
	join_thread(forever.thread);
	awl_loop_unref(forever.loop);
	settle();
}

/* --- create_task, call_soon, stop against run ------------------------------------------------ */

static int notes(void *arg)
{
	struct racer *r = arg;

	expect(atomic_exchange(&r->started, gettid()) == 0);
	return 0;
}

static void run_or_create(struct racer *r, int which)
{
	if (which == 0)
		run(r, which);
	else
		r->outcome = awl_loop_create_task(race.loop, NULL, notes, r, NULL);
}

/* Whoever came second was refused whole; what was accepted runs, in the thread that runs the
 * loop. */
static void check_created(void)
{
	int r = awl_loop_run_until_complete(race.loop, hops, &(struct racer){ 0 });

	expect(r == 7);
	expect(race.me.outcome == 7 || race.you.outcome == 0);
	expect(race.you.outcome == 0 || race.you.outcome == AWL_ETHREAD);
	expect((race.you.outcome == 0) == (race.you.started != 0));
	expect(race.you.started == 0 || race.you.started == gettid());
	race.refused += (race.me.outcome < 0) + (race.you.outcome < 0);
	race.ran[1] += race.you.outcome == 0;
	expect(race.loop->live == 0 && awl__list_empty(&race.loop->ready));
}

static void a_task_created_while_a_run_begins_is_queued_whole_or_refused_whole(void **state)
{
	go(run_or_create, check_created);
}

static void run_or_call(struct racer *r, int which)
{
	if (which == 0)
		run(r, which);
	else
		r->outcome = awl_loop_call_soon(race.loop, notes, r, NULL);
}

static void a_callback_scheduled_while_a_run_begins_is_queued_whole_or_refused_whole(void **state)
{
	go(run_or_call, check_created);
}

static void run_or_stop(struct racer *r, int which)
{
	if (which == 1) {
		r->outcome = awl_loop_stop(race.loop);
		return;
	}
	r->outcome = awl_loop_run_until_complete(race.loop, hops, r);
	/* A stop that came first lets the run make one iteration (L9). */
	expect(r->outcome == 7 || r->outcome == AWL_ERUNNING || r->outcome == AWL_ESTOPPED);
	race.ran[0] += r->outcome == 7;
}

static void check_stopped(void)
{
	bool stopped = race.me.outcome == AWL_ESTOPPED;
	int r;

	expect(race.you.outcome == 0 || race.you.outcome == AWL_ETHREAD);
	expect(!stopped || race.you.outcome == 0);
	expect(race.me.outcome == AWL_ERUNNING || race.me.started != 0);
	expect(race.me.outcome != AWL_ERUNNING || race.me.started == 0);
	race.refused += (race.me.outcome == AWL_ERUNNING) + (race.you.outcome < 0);
	/* A stop that met no run ends the next one; whatever was left comes to its end. */
	r = awl_loop_run_until_complete(race.loop, hops, &(struct racer){ 0 });
	expect(r == 7 || (r == AWL_ESTOPPED && race.you.outcome == 0 && !stopped));
	while (race.loop->live)
		(void)!awl_loop_run_until_complete(race.loop, hops, &(struct racer){ 0 });
	expect(race.me.started == race.me.resumed);
}

static void a_stop_from_another_thread_stops_an_idle_loop_or_is_refused(void **state)
{
	go(run_or_stop, check_stopped);
}

/* --- close against run ----------------------------------------------------------------------- */

static void run_or_close(struct racer *r, int which)
{
	if (which == 0) {
		r->outcome = awl_loop_run_until_complete(race.loop, hops, r);
		race.ran[0] += r->outcome == 7;
		expect(r->outcome == 7 || r->outcome == AWL_ECLOSED || r->outcome == AWL_ERUNNING);
		expect((r->outcome == 7) == (r->resumed != 0));
		expect((r->outcome == 7) == (r->started != 0));
	} else {
		r->outcome = awl_loop_close(race.loop);
		expect(r->outcome == 0 || r->outcome == AWL_ERUNNING);
	}
}

static void check_closed(void)
{
	bool refused = race.you.outcome == AWL_ERUNNING;

	race.refused += (race.me.outcome < 0) + refused;
	expect(race.me.outcome == 7 || race.you.outcome == 0);
	expect(awl_loop_is_closed(race.loop) == !refused);
	end_loop(race.loop);
	race.loop = new_loop(NULL);
}

static void a_close_against_a_run_ends_an_idle_loop_or_is_refused(void **state)
{
	go(run_or_close, check_closed);
}

/* --- misuse of every kind while a run goes on ------------------------------------------------ */

static struct {
	awl_future *awaited;
	awl_task *task;
	_Atomic bool over;
	long refused;
} busy;

static void *misuser(void *arg)
{
	awl_loop *l = arg;
	awl_handle h = AWL_HANDLE_INIT;

	while (!busy.over) {
		expect(awl_future_set_result(busy.awaited, 1) == AWL_ETHREAD);
		expect(awl_cancel(busy.task, "no") == AWL_ETHREAD);
		expect(awl_loop_call_soon(l, notes, NULL, &h) == AWL_ETHREAD);
		expect(awl_loop_create_task(l, NULL, notes, NULL, NULL) == AWL_ETHREAD);
		expect(awl_loop_stop(l) == AWL_ETHREAD);
		expect(awl_done(busy.task) == AWL_ETHREAD);
		expect(awl_unref(busy.task) == AWL_ETHREAD);
		expect(awl_loop_run_forever(l) == AWL_ERUNNING);
		busy.refused += 8;
	}
	return NULL;
}

static int waits_for_one(void *arg)
{
	int r = awl_join(busy.awaited);

	return r == 0 && awl_result(busy.awaited) == 5 ? 0 : -EPROTO;
}

/* The loop is busy with what the other thread would break: lists of waiters, timers, tasks. */
static int works(void *arg)
{
	long n = rounds();
	int r = 0;

	for (long i = 0; i < n && r == 0; i++) {
		awl_handle timer = AWL_HANDLE_INIT;
		awl_task *t;

		r = awl_create_task(waits_for_one, NULL, &t);
		r |= awl_loop_call_later(here(), AWL_SEC, notes, NULL, &timer);
		r = r < 0 ? r : awl_yield();
		expect(awl_handle_cancel(&timer) == 1);
		if (i + 1 == n) {
			busy.over = true;
			join_thread(*(pthread_t *)arg);
			r |= awl_future_set_result(busy.awaited, 5);
		} else {
			expect(awl_cancel(t, "again") == 1);
		}
		if (r == 0)
			expect(awl_await(t) == (i + 1 == n ? 0 : -EPROTO));
		awl_unref(t);
	}
	return r;
}

static int busy_main(void *arg)
{
	pthread_t thread;
	int r = awl_loop_create_future(here(), 0, &busy.awaited);

	busy.over = false;
	r |= awl_create_task(works, &thread, &busy.task);
	thread = start_thread(misuser, here());
	r = r < 0 ? r : awl_await(busy.task);
	awl_unref(busy.task);
	awl_unref(busy.awaited);
	return r;
}

static void misuse_while_a_loop_works_disturbs_nothing(void **state)
{
	in_loop(busy_main, NULL);
	print_message("# %ld refusals while the loop worked\n", busy.refused);
	settle();
}

/* --- one thread, two waiters: the stop that is nobody's own (2.6) ---------------------------- */

static void stops(awl_future *f, void *arg)
{
	expect(awl_loop_stop(arg) == 0);
}

static int two_turns(void *arg)
{
	int r = awl_yield();

	return r < 0 ? r : awl_yield();
}

static void a_done_callback_that_stops_the_loop_leaves_the_others_task_to_the_next_run(void **state)
{
	awl_loop *l = new_loop(NULL);
	awl_task *first, *waited_for;

	assert_int_equal(awl_loop_create_task(l, NULL, notes, &(struct racer){ 0 }, &first), 0);
	assert_int_equal(awl_loop_create_task(l, NULL, two_turns, NULL, &waited_for), 0);
	assert_int_equal(awl_future_add_done_callback(first, stops, l, NULL), 0);
	assert_int_equal(awl_loop_run_until_future(l, waited_for), AWL_ESTOPPED); /* L4 */
	assert_int_equal(awl_done(waited_for), 0);
	assert_int_equal(awl_loop_run_until_future(l, waited_for), 0);
	awl_unref(first);
	awl_unref(waited_for);
	end_loop(l);
	settle();
}

/* --- bound to a thread ----------------------------------------------------------------------- */

static struct {
	awl_loop *loop;
	awl_future *awaited;
	struct line line;
} bound = { .line.threads = 2 };

static int parks(void *arg)
{
	return awl_await(bound.awaited);
}

static void *owns_it(void *arg)
{
	expect(awl_loop_run_until_complete(bound.loop, two_turns, NULL) == 0);
	meet(&bound.line);
	meet(&bound.line);
	expect(awl_future_set_result(bound.awaited, 5) == 0);
	expect(awl_loop_run_until_future(bound.loop, arg) == 5);
	return NULL;
}

static void a_loop_with_a_task_that_has_begun_runs_in_its_own_thread_only(void **state)
{
	awl_task *t;
	pthread_t owner;
	int r;

	bound.loop = new_loop(NULL);
	assert_int_equal(awl_loop_create_future(bound.loop, 0, &bound.awaited), 0);
	assert_int_equal(awl_loop_create_task(bound.loop, NULL, parks, NULL, &t), 0);
	/* Not begun: any thread will do. */
	owner = start_thread(owns_it, t);
	meet(&bound.line);
	r = awl_loop_run_until_complete(bound.loop, two_turns, NULL);
	assert_int_equal(r, AWL_ETHREAD);
	assert_non_null(strstr(awl_error_detail(r), "begun in another thread"));
	assert_int_equal(awl_loop_close(bound.loop), AWL_ETHREAD);
	assert_int_equal(awl_task_get_stack(t, (void *[4]){ NULL }, 4), AWL_ETHREAD);
	/* What needs no stack of its may be done. */
	assert_int_equal(awl_done(t), 0);
	assert_int_equal(awl_cancelling(t), 0);
	meet(&bound.line);
	join_thread(owner);
	/* Nothing begun is left: any thread will do again. */
	assert_int_equal(awl_loop_run_until_complete(bound.loop, two_turns, NULL), 0);
	awl_unref(t);
	awl_unref(bound.awaited);
	end_loop(bound.loop);
	settle();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_runs_race_and_no_refused_coroutine_starts_hops_or_hangs),
		cmocka_unit_test(a_refused_run_forever_takes_nothing_from_the_run_that_goes_on),
		cmocka_unit_test(
			a_task_created_while_a_run_begins_is_queued_whole_or_refused_whole),
		cmocka_unit_test(
			a_callback_scheduled_while_a_run_begins_is_queued_whole_or_refused_whole),
		cmocka_unit_test(a_stop_from_another_thread_stops_an_idle_loop_or_is_refused),
		cmocka_unit_test(a_close_against_a_run_ends_an_idle_loop_or_is_refused),
		cmocka_unit_test(misuse_while_a_loop_works_disturbs_nothing),
		cmocka_unit_test(
			a_done_callback_that_stops_the_loop_leaves_the_others_task_to_the_next_run),
		cmocka_unit_test(a_loop_with_a_task_that_has_begun_runs_in_its_own_thread_only),
	};

	return cmocka_run_group_tests_name("thread.race_run", tests, begin, end);
}
