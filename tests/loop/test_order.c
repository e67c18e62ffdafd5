/* SPDX-License-Identifier: MIT */
/*
 * @reactors @valgrind
 * test_order.c - what A9 promises, counted: in which iteration each thing happens, and when at the
 * latest the kernel is looked at while tasks keep the loop busy.
 */
#include "support.h"

#include <poll.h>

/* --- iterations: C12, as it is here --- */

static uint64_t seen; /* the iteration in which the thing happened */

static uint64_t iteration(void)
{
	return here()->iterations;
}

static int see(void *arg)
{
	seen = iteration();
	return 0;
}

static int nothing(void *arg)
{
	return 0;
}

static int see_await(void *arg)
{
	int r = awl_await(arg);

	see(NULL);
	return r == AWL_ECANCELED ? r : 0;
}

static int see_cancel(void *arg)
{
	int r = awl_sleep(AWL_FOREVER);

	seen = iteration();
	return r;
}

static int sleep_for_ever(void *arg)
{
	return awl_sleep(AWL_FOREVER);
}

static void see_done(awl_future *f, void *arg)
{
	see(NULL);
}

/* What was begun now must have happened by the time this returns. */
static void pass(void)
{
	for (int i = 0; i < 5; i++)
		assert_int_equal(awl_yield(), 0);
}

static awl_task *begun(awl_fn *fn, void *arg)
{
	awl_task *t;

	assert_int_equal(awl_create_task(fn, arg, &t), 0);
	assert_int_equal(awl_yield(), 0);
	return t;
}

static awl_future *future(void)
{
	awl_future *f;

	assert_int_equal(awl_loop_create_future(here(), 0, &f), 0);
	return f;
}

static uint64_t a_task_begins(void)
{
	uint64_t from = iteration();

	assert_int_equal(awl_create_task(see, NULL, NULL), 0);
	pass();
	return seen - from;
}

static uint64_t a_yield(void)
{
	uint64_t from = iteration();

	assert_int_equal(awl_yield(), 0);
	return iteration() - from;
}

/* T15 */
static uint64_t a_sleep_of_nothing(void)
{
	uint64_t from = iteration();

	assert_int_equal(awl_sleep(0), 0);
	assert_int_equal(awl_sleep(-5), 0);
	return iteration() - from;
}

static uint64_t a_done_future(void)
{
	awl_future *f = future();
	uint64_t from = iteration();

	assert_int_equal(awl_future_set_result(f, 1), 0);
	assert_int_equal(awl_await(f), 1);
	assert_int_equal(awl_join(f), 0);
	assert_int_equal(awl_unref(f), 0);
	return iteration() - from;
}

static uint64_t a_result_reaches_its_awaiter(void)
{
	awl_future *f = future();
	awl_task *t = begun(see_await, f);
	uint64_t from = iteration();

	assert_int_equal(awl_future_set_result(f, 1), 0);
	pass();
	assert_int_equal(awl_unref(t), 0);
	assert_int_equal(awl_unref(f), 0);
	return seen - from;
}

static uint64_t a_return_reaches_its_awaiter(void)
{
	awl_task *t;
	uint64_t from;

	assert_int_equal(awl_create_task(see, NULL, &t), 0);
	assert_int_equal(awl_await(t), 0);
	from = seen;
	assert_int_equal(awl_unref(t), 0);
	return iteration() - from;
}

static uint64_t a_cancel_arrives(void)
{
	awl_task *t = begun(see_cancel, NULL);
	uint64_t from = iteration();

	assert_int_equal(awl_cancel(t, NULL), 1);
	pass();
	assert_int_equal(awl_unref(t), 0);
	return seen - from;
}

static uint64_t a_cancel_is_seen_by_the_awaiter(void)
{
	awl_task *t = begun(sleep_for_ever, NULL), *w = begun(see_await, t);
	uint64_t from = iteration();

	assert_int_equal(awl_cancel(t, NULL), 1);
	pass();
	assert_int_equal(awl_unref(w), 0);
	assert_int_equal(awl_unref(t), 0);
	return seen - from;
}

/* X7: here the body begins. */
static uint64_t a_cancel_before_the_first_step_is_seen_by_the_awaiter(void)
{
	uint64_t from = iteration();
	awl_task *t;

	assert_int_equal(awl_create_task(sleep_for_ever, NULL, &t), 0);
	assert_int_equal(awl_cancel(t, NULL), 1);
	assert_int_equal(awl_await(t), AWL_EFUTURECANCELED);
	assert_int_equal(awl_unref(t), 0);
	return iteration() - from;
}

static uint64_t an_empty_group(void)
{
	uint64_t from = iteration();
	awl_task_group g;

	assert_int_equal(awl_task_group_enter(&g), 0);
	assert_int_equal(awl_task_group_exit(&g, 0), 0);
	return iteration() - from;
}

static uint64_t a_group_of_trivial_children(void)
{
	uint64_t from = iteration();
	awl_task_group g;

	assert_int_equal(awl_task_group_enter(&g), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(awl_task_group_create_task(&g, nothing, NULL, NULL), 0);
	assert_int_equal(awl_task_group_exit(&g, 0), 0);
	return iteration() - from;
}

/* X12 */
static uint64_t a_wait_for_that_need_not_wait(void)
{
	uint64_t from = iteration();

	assert_int_equal(awl_wait_for(AWL_SEC, nothing, NULL), 0);
	assert_int_equal(awl_wait_for(0, nothing, NULL), 0);
	return iteration() - from;
}

static uint64_t a_deadline_that_has_passed(void)
{
	uint64_t from = iteration();

	assert_int_equal(awl_wait_for(0, sleep_for_ever, NULL), -ETIMEDOUT);
	return iteration() - from;
}

static uint64_t a_shield_around_nothing(void)
{
	uint64_t from = iteration();

	assert_int_equal(awl_shielded(AWL_FOREVER, nothing, NULL), 0);
	return iteration() - from;
}

static uint64_t a_callback_runs(void)
{
	uint64_t from = iteration();

	assert_int_equal(awl_loop_call_soon(here(), see, NULL, NULL), 0);
	pass();
	return seen - from;
}

static uint64_t a_callback_sent_by_a_thread_runs(void)
{
	uint64_t from = iteration();

	assert_int_equal(awl_call_soon_threadsafe(here(), see, NULL, NULL), 0);
	pass();
	return seen - from;
}

static uint64_t a_done_callback_runs(void)
{
	awl_future *f = future();
	uint64_t from = iteration();

	assert_int_equal(awl_future_add_done_callback(f, see_done, NULL, NULL), 0);
	assert_int_equal(awl_future_set_result(f, 0), 0);
	pass();
	assert_int_equal(seen - from, 1);
	/* F6: also when it is done already */
	from = iteration();
	assert_int_equal(awl_future_add_done_callback(f, see_done, NULL, NULL), 0);
	pass();
	assert_int_equal(awl_unref(f), 0);
	return seen - from;
}

#define ROW(n, asyncio, fn) \
	{ \
#fn, n, asyncio, fn \
	}

static const struct {
	const char *name;
	uint64_t iterations, asyncio;
	uint64_t (*fn)(void);
} table[] = {
	ROW(1, 1, a_task_begins),
	ROW(1, 1, a_yield),
	ROW(2, 2, a_sleep_of_nothing), /* two of them */
	ROW(0, 0, a_done_future),
	ROW(1, 1, a_result_reaches_its_awaiter),
	ROW(1, 1, a_return_reaches_its_awaiter),
	ROW(1, 1, a_cancel_arrives),
	ROW(2, 2, a_cancel_is_seen_by_the_awaiter),
	ROW(2, 2, a_cancel_before_the_first_step_is_seen_by_the_awaiter),
	ROW(0, 0, an_empty_group),
	ROW(2, 3, a_group_of_trivial_children),
	ROW(0, 0, a_wait_for_that_need_not_wait),
	ROW(0, 3, a_deadline_that_has_passed),
	ROW(0, 3, a_shield_around_nothing),
	ROW(1, 1, a_callback_runs),
	ROW(1, 1, a_callback_sent_by_a_thread_runs),
	ROW(1, 1, a_done_callback_runs),
};

static int count_all(void *arg)
{
	for (size_t i = 0; i < COUNT(table); i++) {
		uint64_t n = table[i].fn();

		if (n != table[i].iterations)
			fail_msg("%s: %d iterations, not %d (asyncio: %d)", table[i].name, (int)n,
				(int)table[i].iterations, (int)table[i].asyncio);
	}
	return 0;
}

/* C12 */
static void each_thing_takes_the_iterations_of_its_row(void **state)
{
	in_loop(count_all, NULL);
}

/* --- a look in time, on sim: exact steps --- */

struct busy {
	unsigned tasks, at; /* at which step of the first the event comes */
	void (*event)(struct busy *b);
	bool arming; /* the last task of each batch arms a timer, too */
	int fds[2];
	uint64_t happened, noticed; /* steps */
	bool stop;
};

static void seen_at(struct busy *b)
{
	/* The tasks of that batch, ready before it, have run; itself is one step. */
	b->noticed = here()->steps - b->tasks - 1;
	b->stop = true;
}

static int on_timer(void *arg)
{
	seen_at(arg);
	return 0;
}

static void time_comes(struct busy *b)
{
	awl__sim_advance(here()->reactor, AWL_SEC);
}

static void a_byte_comes(struct busy *b)
{
	assert_int_equal(awl_fd_write(b->fds[1], "x", 1), 1);
}

static int on_byte(void *arg)
{
	struct busy *b = arg;
	char byte;

	assert_int_equal(awl_fd_read(b->fds[0], &byte, 1), 1);
	seen_at(b);
	return 0;
}

static int first(void *arg)
{
	struct busy *b = arg;

	for (unsigned i = 0; !b->stop; i++) {
		if (i == b->at) {
			b->happened = here()->steps;
			b->event(b);
		}
		assert_int_equal(awl_yield(), 0);
	}
	return 0;
}

static int other(void *arg)
{
	struct busy *b = arg;

	while (!b->stop)
		assert_int_equal(awl_yield(), 0);
	return 0;
}

static int last(void *arg)
{
	struct busy *b = arg;
	awl_handle h = AWL_HANDLE_INIT;

	while (!b->stop) {
		assert_int_equal(awl_loop_call_later(here(), 3600 * AWL_SEC, nothing, NULL, &h), 0);
		assert_int_equal(awl_yield(), 0);
		assert_int_equal(awl_handle_cancel(&h), 1);
	}
	return 0;
}

static int keep_busy(void *arg)
{
	struct busy *b = arg;
	awl_task_group g;

	b->stop = false;
	if (b->event == time_comes) {
		assert_int_equal(awl_loop_call_later(here(), AWL_MS, on_timer, b, NULL), 0);
	} else {
		make_pipe(here(), b->fds);
		assert_int_equal(awl_create_task(on_byte, b, NULL), 0);
	}
	assert_int_equal(awl_task_group_enter(&g), 0);
	assert_int_equal(awl_task_group_create_task(&g, first, b, NULL), 0);
	for (unsigned i = 1; i < b->tasks; i++)
		assert_int_equal(awl_task_group_create_task(&g,
					 b->arming && i == b->tasks - 1 ? last : other, b, NULL),
			0);
	assert_int_equal(awl_task_group_exit(&g, 0), 0);
	if (b->event == a_byte_comes)
		close_pipe(here(), b->fds);
	return 0;
}

static void assert_bound(void (*event)(struct busy *b), bool arming)
{
	static const unsigned sizes[] = { 2, 3, 10, 63, 64, 65, 200, 1000 };
	uint64_t worst = 0;

	for (size_t i = 0; i < COUNT(sizes); i++)
		for (unsigned at = 1; at < 1 + 130 / sizes[i] + 3; at++) {
			struct busy b = {
				.tasks = sizes[i], .at = at, .event = event, .arming = arming
			};
			uint64_t took;

			in_sim(keep_busy, &b);
			took = b.noticed - b.happened;
			if (took > AWL__LOOK_EVERY + b.tasks)
				fail_msg("%u tasks: seen after %d steps", b.tasks, (int)took);
			if (b.tasks == 10 && took > worst)
				worst = took;
		}
	/* and the bound is no empty promise: ten tasks do come near it */
	assert_true(worst >= AWL__LOOK_EVERY - 10);
}

/* A9: 'at the latest after 64 steps and one snapshot' */
static void a_timer_is_seen_within_64_steps_and_a_snapshot(void **state)
{
	assert_bound(time_comes, false);
}

static void an_operation_is_seen_within_64_steps_and_a_snapshot(void **state)
{
	assert_bound(a_byte_comes, false);
}

/* Each arming asks for a look in time; none may put off one that is due. */
static void timers_armed_in_every_batch_do_not_put_the_look_off(void **state)
{
	assert_bound(time_comes, true);
	assert_bound(a_byte_comes, true);
}

struct spin {
	awl_handle h;
	int turns;
	bool stop;
};

static int spin(void *arg)
{
	struct spin *s = arg;

	s->turns++;
	return s->stop ? 0 : awl_loop_call_soon(here(), spin, s, &s->h);
}

static int end_spin(void *arg)
{
	((struct spin *)arg)->stop = true;
	return 0;
}

static int beside_a_spin(void *arg)
{
	struct spin s = { 0 };
	int fds[2];
	char byte;

	make_pipe(here(), fds);
	assert_int_equal(awl_loop_call_soon(here(), spin, &s, &s.h), 0);
	/* Each needs a look at the kernel, the clock or the inbox. */
	assert_int_equal(awl_sleep(AWL_MS), 0);
	assert_int_equal(awl_fd_write(fds[1], "x", 1), 1);
	assert_int_equal(awl_wait_fd(fds[0], POLLIN), POLLIN);
	assert_int_equal(awl_fd_read(fds[0], &byte, 1), 1);
	assert_int_equal(awl_call_soon_threadsafe(here(), end_spin, &s, NULL), 0);
	while (!s.stop)
		assert_int_equal(awl_yield(), 0);
	assert_true(s.turns > 3);
	assert_int_equal(awl_yield(), 0);
	close_pipe(here(), fds);
	return 0;
}

/* C11 */
static void a_callback_that_calls_itself_starves_nobody(void **state)
{
	in_loop(beside_a_spin, NULL);
}

struct late {
	bool stop;
	int64_t slept;
};

static int yield_on(void *arg)
{
	struct late *b = arg;
	int r = 0;

	while (r == 0 && !b->stop)
		r = awl_yield();
	return r;
}

static int hours_pass(void *arg)
{
	struct late *b = arg;
	awl_loop *l = here();
	uint64_t from;

	assert_int_equal(awl_create_task(yield_on, b, NULL), 0);
	for (int i = 0; i < 100; i++)
		assert_int_equal(awl_yield(), 0);
	awl__sim_advance(l->reactor, 3600 * AWL_SEC);
	from = l->steps;
	while (l->now < awl_loop_time(l) && l->steps - from <= 2 * AWL__LOOK_RARELY)
		assert_int_equal(awl_yield(), 0);
	assert_true(l->steps - from <= AWL__LOOK_RARELY + 4);
	b->stop = true;
	return 0;
}

/* A15: 'since' is told by this clock, so it must go on in a loop that never idles. */
static void the_iterations_time_goes_on_though_nothing_waits_for_the_clock(void **state)
{
	struct late b = { 0 };

	in_sim(hours_pass, &b);
}

/* --- the budget --- */

struct greedy {
	int fds[2];
	awl_fn *one;
	int done, turns[8];
	bool stop;
};

static int read_one(void *arg)
{
	char byte;

	return awl_fd_read(((struct greedy *)arg)->fds[0], &byte, 1) == 1 ? 0 : -1;
}

static int poll_one(void *arg)
{
	return awl_wait_fd(((struct greedy *)arg)->fds[0], POLLIN) == POLLIN ? 0 : -1;
}

static int check_one(void *arg)
{
	return awl_checkpoint();
}

static int never_park(void *arg)
{
	struct greedy *g = arg;

	while (!g->stop) {
		assert_int_equal(g->one(g), 0);
		g->done++;
	}
	return 0;
}

static int watch(void *arg)
{
	struct greedy *g = arg;
	char bytes[2000] = "";

	make_pipe(here(), g->fds);
	assert_int_equal(awl_fd_write(g->fds[1], bytes, sizeof bytes), sizeof bytes);
	assert_int_equal(awl_create_task(never_park, g, NULL), 0);
	for (size_t i = 0; i < COUNT(g->turns); i++) {
		assert_int_equal(awl_yield(), 0);
		g->turns[i] = g->done;
	}
	g->stop = true;
	assert_int_equal(awl_yield(), 0);
	close_pipe(here(), g->fds);
	return 0;
}

static bool parks_on(const char *reactor)
{
	awl_loop *l = new_loop(NULL);
	bool yes = strcmp(awl_loop_reactor(l), reactor) == 0;

	end_loop(l);
	return yes;
}

/* The task pauses when its budget is spent, in its 128th operation, before that has returned. */
static void assert_turns(awl_fn *one)
{
	struct greedy g = { .one = one };

	in_loop(watch, &g);
	for (size_t i = 0; i < COUNT(g.turns); i++)
		assert_int_equal(g.turns[i], (int)(i + 1) * AWL__BUDGET - 1);
}

static void a_task_whose_reads_complete_at_once_yields_by_its_budget(void **state)
{
	if (parks_on("uring"))
		skip(); /* for each operation: nothing to be bounded */
	assert_turns(read_one);
}

static void a_task_whose_polls_complete_at_once_yields_by_its_budget(void **state)
{
	if (parks_on("uring") || parks_on("epoll"))
		skip();
	assert_turns(poll_one);
}

static void checkpoints_yield_by_the_budget(void **state)
{
	struct greedy g = { .one = check_one };

	/* Elsewhere time passes, and a slice of it may end sooner. */
	in_sim(watch, &g);
	for (size_t i = 0; i < COUNT(g.turns); i++)
		assert_int_equal(g.turns[i], (int)(i + 1) * AWL__BUDGET - 1);
}

static int advance_and_check(void *arg)
{
	struct greedy *g = arg;

	if (g->done % 10 == 9)
		awl__sim_advance(here()->reactor, 10 * AWL_MS);
	return awl_checkpoint();
}

/* A slice of 10 ms has passed since the iteration began. */
static void checkpoints_yield_by_the_clock(void **state)
{
	struct greedy g = { .one = advance_and_check };

	in_sim(watch, &g);
	assert_int_equal(g.turns[0], 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_thing_takes_the_iterations_of_its_row),
		cmocka_unit_test(a_timer_is_seen_within_64_steps_and_a_snapshot),
		cmocka_unit_test(an_operation_is_seen_within_64_steps_and_a_snapshot),
		cmocka_unit_test(timers_armed_in_every_batch_do_not_put_the_look_off),
		cmocka_unit_test(a_callback_that_calls_itself_starves_nobody),
		cmocka_unit_test(the_iterations_time_goes_on_though_nothing_waits_for_the_clock),
		cmocka_unit_test(a_task_whose_reads_complete_at_once_yields_by_its_budget),
		cmocka_unit_test(a_task_whose_polls_complete_at_once_yields_by_its_budget),
		cmocka_unit_test(checkpoints_yield_by_the_budget),
		cmocka_unit_test(checkpoints_yield_by_the_clock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
