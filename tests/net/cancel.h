/* SPDX-License-Identifier: MIT */
/*
 * cancel.h - an operation ended at every point of its life: by a cancel, a deadline, a close, a
 * reset of the peer, or for want of memory. A program that has operations gives a row for each;
 * what the operation gave and what is left must make the whole, and no descriptor nor operation be
 * left.
 *
 * A point is a string of steps: s: the task with the operation is made; y: everybody ready has a
 * turn; t: time passes, so it is in flight; f: it is fed, and can complete; r: until its completion
 * was told and its task is ready, but has not run; e: the end comes.
 */
#ifndef TEST_CANCEL_H
#define TEST_CANCEL_H

#include "net/sockets.h"

#include "base/alloc.h"

#define SEEDS 12 /* of sim, at each point */

struct trial;

struct cancel_row {
	const char *name;
	void (*open)(struct trial *t); /* fds[0] is what the operation works on */
	int (*run)(struct trial *t); /* the operation, in a task of its own */
	void (*feed)(struct trial *t); /* makes it able to complete; it may be able anyhow */
	/* t->result is what it returned last. What it gave, and what is left: nothing is lost. */
	void (*count)(struct trial *t);
	void (*close)(struct trial *t); /* what is open still: fds[0] is not if t->closed */
	void (*reset)(struct trial *t); /* by the peer, which is closed then; NULL: has none */
	/* Closes what the operation works on, from another task; NULL: it is not to be closed. */
	int (*shut)(struct trial *t);
};

struct trial {
	const struct cancel_row *row;
	const char *steps;
	uint64_t seed;
	awl_task *task;
	int result, second; /* of the operation, of the wait behind it */
	bool fed, closed, was_reset, asked;
	int64_t deadline; /* AWL_FOREVER: none */
	int fail_at; /* which request of the operation's for memory; 0: none */

	/* the row's own */
	int fds[4];
	void *objects[4];
	size_t moved, total, got;
	char buf[64];
};

/* What is being tried, for a failure's words. */
static struct trial *trying;

#define CHECK(what) \
	do { \
		if (!(what)) \
			fail_msg("%s at \"%s\", seed %d, result %d: not so: %s", \
				trying->row->name, trying->steps, (int)trying->seed, \
				trying->result, #what); \
	} while (0)

static int requests, most_requests;

static inline int fail_the_nth(void)
{
	const awl_loop *l = awl__thread->running;

	return l && l->current == (struct awl__task *)trying->task && ++requests == trying->fail_at;
}

static inline int trial_task(void *arg)
{
	struct trial *t = arg;
	awl_timeout timeout;
	int r = 0;

	t->task = awl_current_task();
	if (t->deadline != AWL_FOREVER)
		r = awl_timeout_enter(&timeout, t->deadline);
	CHECK(r == 0);
	requests = 0;
	if (t->fail_at)
		awl__store(&awl__alloc_fault, fail_the_nth);
	t->result = t->row->run(t);
	awl__store(&awl__alloc_fault, NULL);
	if (requests > most_requests)
		most_requests = requests;
	if (t->deadline != AWL_FOREVER)
		r = awl_timeout_exit(&timeout, t->result);
	CHECK(t->result != AWL_ECANCELED || t->deadline == AWL_FOREVER || r == -ETIMEDOUT);
	t->second = awl_yield();
	return 0;
}

static inline void feed(struct trial *t)
{
	if (!t->fed && !t->closed && !t->was_reset)
		t->row->feed(t);
	t->fed = true;
}

/* How an operation is ended, and what must be true of it then. */
struct ending {
	void (*end)(struct trial *t, awl_task *task);
	void (*after)(struct trial *t);
	int64_t deadline;
};

static const struct ending *ending;

static inline void make_step(struct trial *t, char step, awl_task **task)
{
	awl_loop *l = here();
	uint32_t before = l->reactor->in_flight;

	switch (step) {
	case 's':
		CHECK(awl_create_task(trial_task, t, task) == 0);
		t->task = *task;
		break;
	case 'y':
		CHECK(awl_yield() == 0);
		break;
	case 't':
		settle();
		break;
	case 'f':
		feed(t);
		break;
	case 'r':
		while (!awl_done(*task) && before && l->reactor->in_flight >= before)
			CHECK(awl_yield() == 0);
		break;
	default:
		ending->end(t, *task);
	}
}

static inline int trial_body(void *arg)
{
	struct trial *t = arg;
	int before = descriptors(here());
	awl_task *task = NULL;

	t->row->open(t);
	for (const char *step = t->steps; *step; step++)
		make_step(t, *step, &task);
	if (!t->closed && !t->was_reset && !awl_done(task))
		settle(); /* a request is seen before what is fed now */
	feed(t);
	CHECK(awl_join(task) == 0);
	ending->after(t);
	t->row->close(t);
	assert_int_equal(awl_unref(task), 0);
	CHECK(here()->reactor->in_flight == 0);
	CHECK(descriptors(here()) == before);
	return 0;
}

static inline void try_points(const struct cancel_row *row, const struct ending *how,
	const char *const *points, size_t count, int fail_at)
{
	int seeds = test_is_on_sim() ? SEEDS : 1;

	for (size_t i = 0; i < count; i++)
		for (int seed = 0; seed < seeds; seed++) {
			struct trial t = {
				.row = row,
				.steps = points[i],
				.seed = (uint64_t)seed,
				.deadline = how->deadline,
				.fail_at = fail_at,
			};
			awl_loop_options o = { .seed = t.seed };
			int r;

			trying = &t;
			ending = how;
			r = awl_run_with(&o, trial_body, &t);
			CHECK(r == 0);
		}
}

/* --- the endings --- */

static inline void end_by_cancel(struct trial *t, awl_task *task)
{
	t->asked = awl_cancel(task, NULL) == 1;
}

/* The request was delivered once, to the operation or to the wait behind it; nothing is lost. */
static inline void after_cancel(struct trial *t)
{
	bool stopped = t->result == AWL_ECANCELED;

	if (t->deadline == AWL_FOREVER)
		CHECK(stopped + (t->second == AWL_ECANCELED) == t->asked);
	if (stopped)
		t->result = t->row->run(t);
	CHECK(t->result >= 0);
	t->row->count(t);
}

static inline void end_by_time(struct trial *t, awl_task *task)
{
	CHECK(awl_sleep(AWL_MS) == 0);
}

static inline void end_by_close(struct trial *t, awl_task *task)
{
	CHECK(t->row->shut(t) == 0);
	t->closed = true;
}

static inline void after_close(struct trial *t)
{
	CHECK(t->result >= 0 || t->result == AWL_EDEAD || t->result == -EBADF);
}

static inline void end_by_reset(struct trial *t, awl_task *task)
{
	t->row->reset(t);
	t->was_reset = true;
}

static inline void after_reset(struct trial *t)
{
	CHECK(t->result >= 0 || t->result == -ECONNRESET || t->result == -EPIPE ||
		t->result == -ECONNREFUSED || t->result == -ECONNABORTED);
}

static inline void after_no_memory(struct trial *t)
{
	CHECK(t->result >= 0 || t->result == -ENOMEM);
	t->fail_at = 0;
	if (t->result < 0)
		t->result = t->row->run(t);
	CHECK(t->result >= 0);
	t->row->count(t);
}

static const char *const every_point[] = {
	"se", "fse", "sef", /* before it began */
	"sye", "syef", "syfe", /* submitted, not yet the kernel's */
	"ste", "stef", /* in flight */
	"stfe", "stfye", "stfyye", /* completed, not reaped */
	"stfre", /* reaped, not resumed */
	"fste", "stfte", /* after */
};

static inline void cancelled_at_every_point(const struct cancel_row *rows, size_t count)
{
	static const struct ending how = { end_by_cancel, after_cancel, AWL_FOREVER };

	for (size_t i = 0; i < count; i++)
		try_points(&rows[i], &how, every_point, COUNT(every_point), 0);
}

static inline void out_of_time_at_every_point(const struct cancel_row *rows, size_t count)
{
	static const struct ending how[] = {
		{ end_by_time, after_cancel, 0 },
		{ end_by_time, after_cancel, AWL_MS },
		{ end_by_time, after_cancel, 2 * AWL_MS },
	};

	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < COUNT(how); j++)
			try_points(&rows[i], &how[j], every_point, COUNT(every_point), 0);
}

static inline void closed_at_every_point(const struct cancel_row *rows, size_t count)
{
	static const struct ending how = { end_by_close, after_close, AWL_FOREVER };

	for (size_t i = 0; i < count; i++)
		if (rows[i].shut)
			try_points(&rows[i], &how, every_point, COUNT(every_point), 0);
}

static inline void reset_at_every_point(const struct cancel_row *rows, size_t count)
{
	static const struct ending how = { end_by_reset, after_reset, AWL_FOREVER };

	for (size_t i = 0; i < count; i++)
		if (rows[i].reset)
			try_points(&rows[i], &how, every_point, COUNT(every_point), 0);
}

/* On sim: the real kernel's memory is not ours to refuse. */
static inline void without_memory_at_every_point(const struct cancel_row *rows, size_t count)
{
	static const struct ending how = { end_by_time, after_no_memory, AWL_FOREVER };
	static const char *const points[] = { "fs", "stf", "syf" };

	for (size_t i = 0; i < count; i++) {
		int n = 0;

		do {
			most_requests = 0;
			try_points(&rows[i], &how, points, COUNT(points), ++n);
		} while (most_requests >= n);
	}
}

#endif
