/* SPDX-License-Identifier: MIT */
/*
 * test_sim.c - what sim adds: a clock that jumps or stands, and a seed that decides what a kernel
 * leaves open and nothing else. @thread @valgrind
 */
#include "reactor/rig.h"

#include <awl/errors.h>

#include <sched.h>

#define SEC INT64_C(1000000000)

static void the_clock_jumps_to_the_deadline(void **state)
{
	struct rig *g = rig_open_sim(0);
	int64_t start = awl__reactor_now(g->r);

	(void)state;
	assert_int_equal(rig_turn(g, start + 3600 * SEC), 0);
	assert_true(awl__reactor_now(g->r) == start + 3600 * SEC);
	rig_turn(g, start);
	assert_true(awl__reactor_now(g->r) == start + 3600 * SEC); /* never back */
	awl__sim_advance(g->r, 5);
	assert_true(awl__reactor_now(g->r) == start + 3600 * SEC + 5);
	rig_close(g);
}

static void a_wake_comes_before_the_jump(void **state)
{
	struct rig *g = rig_open_sim(0);
	int64_t start = awl__reactor_now(g->r);

	(void)state;
	awl__reactor_wake(g->r);
	rig_turn(g, start + SEC);
	assert_true(awl__reactor_now(g->r) == start);
	rig_close(g);
}

struct outside {
	struct rig *g;
	_Atomic bool go;
};

static void *end_of_hold(void *arg)
{
	struct outside *o = arg;

	while (!o->go)
		sched_yield();
	awl__reactor_release(o->g->r);
	return NULL;
}

static int wait_for_go(void *arg)
{
	struct outside *o = arg;

	while (!o->go)
		sched_yield();
	return 0;
}

static void the_clock_stands_while_something_is_held(void **state)
{
	struct rig *g = rig_open_sim(0);
	int64_t start = awl__reactor_now(g->r);
	struct outside o = { .g = g };
	pthread_t thread;

	(void)state;
	awl__reactor_hold(g->r);
	pthread_create(&thread, NULL, end_of_hold, &o);
	for (int i = 0; i < 10; i++) {
		awl__reactor_wake(g->r);
		rig_turn(g, start + SEC);
		assert_true(awl__reactor_now(g->r) == start);
	}
	o.go = true;
	while (atomic_load(&g->r->held) > 0)
		rig_turn(g, start + SEC); /* sleeps for real, until the release */
	while (awl__reactor_now(g->r) == start)
		rig_turn(g, start + SEC); /* the release has yet to wake it, or has */
	assert_true(awl__reactor_now(g->r) == start + SEC);
	pthread_join(thread, NULL);
	rig_close(g);
}

static void the_clock_stands_while_work_is_done(void **state)
{
	struct rig *g = rig_open_sim(0);
	int64_t start = awl__reactor_now(g->r);
	struct outside o = { .g = g };
	struct rig_op w;

	(void)state;
	assert_int_equal(rig_work(g, &w, wait_for_go, &o), 0);
	awl__reactor_wake(g->r);
	rig_turn(g, start + SEC);
	assert_true(awl__reactor_now(g->r) == start);
	o.go = true;
	while (w.completions == 0) {
		rig_turn(g, start + SEC);
		assert_true(awl__reactor_now(g->r) == start);
	}
	rig_turn(g, start + SEC);
	assert_true(awl__reactor_now(g->r) == start + SEC);
	rig_close(g);
}

/* The outside may be waiting for the very transfer: it must not wait for a clock that stands. */
static void what_is_under_way_arrives_while_the_clock_stands(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed < 50; seed++) {
		struct rig *g = rig_open_sim(seed);
		int64_t start = awl__reactor_now(g->r);
		struct rig_op r;
		char buf[4];
		int fds[2];

		awl__reactor_hold(g->r);
		rig_pair(g, RIG_PIPE, fds);
		rig_read(g, &r, fds[0], buf, sizeof buf);
		rig_put(g, fds[1], "x");
		assert_int_equal(rig_finish(g, &r), 1);
		assert_true(awl__reactor_now(g->r) == start);
		awl__reactor_release(g->r);
		rig_shut(g, fds[0]);
		rig_shut(g, fds[1]);
		rig_close(g);
	}
}

static void a_loop_that_never_sleeps_gets_its_bytes_too(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 50; seed++) {
		struct rig *g = rig_open_sim(seed);
		int64_t start = awl__reactor_now(g->r);
		struct rig_op r;
		char buf[4];
		int fds[2], looks = 0;

		rig_pair(g, RIG_PIPE, fds);
		rig_read(g, &r, fds[0], buf, sizeof buf);
		rig_put(g, fds[1], "x");
		start = awl__reactor_now(g->r);
		while (r.completions == 0) {
			rig_turn(g, 0);
			assert_true(++looks < 20);
		}
		assert_true(awl__reactor_now(g->r) == start);
		rig_shut(g, fds[0]);
		rig_shut(g, fds[1]);
		rig_close(g);
	}
}

/* --- the seed --- */

#define STREAMS 4
#define LENGTH 3000

/* Everything that can be seen of a run, in one number. */
static uint64_t trace;

static void note(uint64_t what)
{
	trace = (trace ^ what) * UINT64_C(0x100000001b3);
}

struct stream {
	struct rig_op r, w;
	int fds[2];
	uint32_t sent, got;
	char out[LENGTH], in[LENGTH];
};

static void advance(struct rig *g, struct stream *s, int64_t number)
{
	if (s->w.completions && s->sent < LENGTH) {
		assert_true(s->w.op.res >= 0);
		s->sent += (uint32_t)s->w.op.res;
		note((uint64_t)(number << 32 | 1u << 31 | s->sent));
		if (s->sent < LENGTH)
			rig_write(g, &s->w, s->fds[1], s->out + s->sent, LENGTH - s->sent);
	}
	if (s->r.completions && s->got < LENGTH) {
		assert_true(s->r.op.res >= 0);
		s->got += (uint32_t)s->r.op.res;
		note((uint64_t)(number << 32 | s->got));
		if (s->got < LENGTH)
			rig_read(g, &s->r, s->fds[0], s->in + s->got, LENGTH - s->got);
	}
	note((uint64_t)awl__reactor_now(g->r));
}

static uint64_t run_of(uint64_t seed)
{
	static struct stream s[STREAMS];
	struct rig *g = rig_open_sim(seed);
	int left;

	trace = UINT64_C(0xcbf29ce484222325);
	memset(s, 0, sizeof s);
	for (int i = 0; i < STREAMS; i++) {
		for (int j = 0; j < LENGTH; j++)
			s[i].out[j] = (char)(i + j * 7);
		rig_pair(g, RIG_PIPE, s[i].fds);
		rig_read(g, &s[i].r, s[i].fds[0], s[i].in, LENGTH);
		rig_write(g, &s[i].w, s[i].fds[1], s[i].out, LENGTH);
	}
	do {
		left = 0;
		for (int i = 0; i < STREAMS; i++) {
			advance(g, &s[i], i);
			left += s[i].got < LENGTH || s[i].sent < LENGTH;
		}
		if (left)
			rig_turn(g, awl__reactor_now(g->r) + SEC);
	} while (left);
	for (int i = 0; i < STREAMS; i++) {
		assert_memory_equal(s[i].in, s[i].out, LENGTH);
		rig_shut(g, s[i].fds[0]);
		rig_shut(g, s[i].fds[1]);
	}
	rig_close(g);
	return trace;
}

static void the_same_seed_gives_the_same_run(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 100; seed++)
		assert_true(run_of(seed) == run_of(seed));
}

static void different_seeds_give_different_runs(void **state)
{
	uint64_t seen[100];

	(void)state;
	for (uint64_t seed = 0; seed < COUNT(seen); seed++) {
		seen[seed] = run_of(seed);
		for (uint64_t before = 0; before < seed; before++)
			assert_true(seen[seed] != seen[before]);
	}
}

static void seed_zero_leaves_transfers_whole_and_takes_no_time(void **state)
{
	struct rig *g = rig_open_sim(0);
	int64_t start = awl__reactor_now(g->r);
	char out[5000] = "", in[5000];
	struct rig_op r[3], w;
	int fds[2];

	(void)state;
	rig_pair(g, RIG_PIPE, fds);
	for (size_t i = 0; i < COUNT(r); i++)
		rig_read(g, &r[i], fds[0], in, sizeof in);
	for (size_t i = 0; i < COUNT(r); i++) {
		rig_write(g, &w, fds[1], out, sizeof out);
		assert_int_equal(w.completions, 1);
		assert_int_equal(w.op.res, sizeof out);
	}
	assert_int_equal(rig_turn(g, INT64_MAX), COUNT(r));
	for (size_t i = 0; i < COUNT(r); i++) {
		assert_int_equal(r[i].op.res, sizeof in);
		assert_true(i == 0 || r[i].order > r[i - 1].order);
	}
	assert_true(awl__reactor_now(g->r) == start);
	rig_shut(g, fds[0]);
	rig_shut(g, fds[1]);
	rig_close(g);
}

static void a_seed_shows_both_ends_of_a_cancel_against_data(void **state)
{
	int data = 0, cancelled = 0;

	(void)state;
	for (uint64_t seed = 1; seed < 100; seed++) {
		struct rig *g = rig_open_sim(seed);
		struct rig_op r;
		char buf[4];
		int fds[2];

		rig_pair(g, RIG_PIPE, fds);
		rig_read(g, &r, fds[0], buf, sizeof buf);
		rig_put(g, fds[1], "x");
		awl__reactor_cancel(g->r, &r.op);
		if (rig_finish(g, &r) == 1) {
			data++;
		} else {
			cancelled++;
			rig_expect(g, fds[0], "x");
		}
		rig_shut(g, fds[0]);
		rig_shut(g, fds[1]);
		rig_close(g);
	}
	assert_true(data > 5 && cancelled > 5);
}

/* --- its limits --- */

static void a_real_descriptor_is_refused_in_words(void **state)
{
	struct rig *g = rig_open_sim(0);
	struct awl__op op = { .kind = AWL__OP_POLL, .fd = 0, .u.events = POLLIN };

	(void)state;
	assert_int_equal(awl__reactor_submit(g->r, &op), -ENOTSUP);
	assert_string_equal(awl_error_detail(-ENOTSUP),
		"descriptor 0: the sim reactor has only its own pipes and sockets");
	assert_int_equal(g->r->in_flight, 0);
	rig_close(g);
}

static void its_pipes_are_no_other_reactors(void **state)
{
	struct awl__reactor *r;
	int fds[2];

	(void)state;
	assert_int_equal(awl__reactor_new("epoll", 0, &r), 0);
	assert_int_equal(awl__sim_pipe(r, fds), -ENOSYS);
	assert_int_equal(awl__sim_close(r, 1 << 30), -ENOSYS);
	awl__reactor_free(r);
}

static void numbers_are_reused_lowest_first(void **state)
{
	struct rig *g = rig_open_sim(0);
	int a[2], b[2], c[2];

	(void)state;
	rig_pair(g, RIG_PIPE, a);
	rig_pair(g, RIG_PIPE, b);
	rig_shut(g, a[1]);
	rig_shut(g, a[0]);
	rig_pair(g, RIG_PIPE, c);
	assert_int_equal(c[0], a[0]);
	assert_int_equal(c[1], a[1]);
	assert_int_equal(awl__sim_close(g->r, c[1]), 0);
	assert_int_equal(awl__sim_close(g->r, c[1]), -EBADF);
	rig_close(g); /* what is open goes with it */
}

static int drain(void **state)
{
	(void)state;
	awl__pool_drain();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_clock_jumps_to_the_deadline),
		cmocka_unit_test(a_wake_comes_before_the_jump),
		cmocka_unit_test(the_clock_stands_while_something_is_held),
		cmocka_unit_test(the_clock_stands_while_work_is_done),
		cmocka_unit_test(what_is_under_way_arrives_while_the_clock_stands),
		cmocka_unit_test(a_loop_that_never_sleeps_gets_its_bytes_too),
		cmocka_unit_test(the_same_seed_gives_the_same_run),
		cmocka_unit_test(different_seeds_give_different_runs),
		cmocka_unit_test(seed_zero_leaves_transfers_whole_and_takes_no_time),
		cmocka_unit_test(a_seed_shows_both_ends_of_a_cancel_against_data),
		cmocka_unit_test(a_real_descriptor_is_refused_in_words),
		cmocka_unit_test(its_pipes_are_no_other_reactors),
		cmocka_unit_test(numbers_are_reused_lowest_first),
	};

	return cmocka_run_group_tests(tests, NULL, drain);
}
