/* SPDX-License-Identifier: MIT */
/*
 * test_cancel.c - a cancelled operation completes once, and no byte is lost: before the kernel saw
 * it, in flight, when the data was there already, and afterwards. @reactors @thread @valgrind
 */
#include "reactor/rig.h"
#include "scale.h"

static void before_it_began(struct rig *g)
{
	struct rig_op r;
	char buf[4];
	int fds[2];

	for (enum rig_kind kind = RIG_PIPE; kind < rig_kinds(g); kind++) {
		rig_pair(g, kind, fds);
		rig_read(g, &r, fds[0], buf, sizeof buf);
		awl__reactor_cancel(g->r, &r.op);
		awl__reactor_cancel(g->r, &r.op);
		assert_int_equal(r.completions, 0); /* only ever from a wait */
		assert_int_equal(rig_finish(g, &r), -ECANCELED);
		rig_put(g, fds[1], "left");
		rig_expect(g, fds[0], "left");
		rig_shut(g, fds[0]);
		rig_shut(g, fds[1]);
	}
}

static void in_flight(struct rig *g)
{
	struct rig_op r, p, w;
	static char block[1 << 20];
	char buf[4];
	int fds[2];

	for (enum rig_kind kind = RIG_PIPE; kind < rig_kinds(g); kind++) {
		rig_pair(g, kind, fds);
		rig_read(g, &r, fds[0], buf, sizeof buf);
		rig_poll(g, &p, fds[0], POLLIN);
		rig_settle(g);
		awl__reactor_cancel(g->r, &r.op);
		awl__reactor_cancel(g->r, &p.op);
		assert_int_equal(rig_finish(g, &r), -ECANCELED);
		assert_int_equal(rig_finish(g, &p), -ECANCELED);
		do {
			rig_write(g, &w, fds[1], block, sizeof block);
			rig_settle(g);
		} while (w.completions > 0);
		awl__reactor_cancel(g->r, &w.op);
		rig_finish(g, &w); /* what went in before counts */
		assert_true(w.op.res == -ECANCELED || w.op.res > 0);
		rig_settle(g);
		assert_int_equal(r.completions + p.completions + w.completions, 3);
		rig_shut(g, fds[0]);
		rig_shut(g, fds[1]);
	}
}

static void when_the_data_is_there(struct rig *g)
{
	struct rig_op r;
	char buf[8];
	int fds[2];

	for (enum rig_kind kind = RIG_PIPE; kind < rig_kinds(g); kind++) {
		rig_pair(g, kind, fds);
		rig_read(g, &r, fds[0], buf, sizeof buf);
		rig_settle(g);
		rig_put(g, fds[1], "data");
		awl__reactor_cancel(g->r, &r.op);
		/* Which of the two wins is the kernel's; the bytes are in one place. */
		if (rig_finish(g, &r) == -ECANCELED)
			rig_expect(g, fds[0], "data");
		else
			rig_expect(g, fds[0], &"data"[r.op.res]);
		rig_shut(g, fds[0]);
		rig_shut(g, fds[1]);
	}
}

static void afterwards_it_is_harmless(struct rig *g)
{
	struct rig_op r;
	char buf[8];
	int fds[2];

	rig_pair(g, RIG_PIPE, fds);
	rig_put(g, fds[1], "x");
	rig_read(g, &r, fds[0], buf, sizeof buf);
	assert_int_equal(rig_finish(g, &r), 1);
	awl__reactor_cancel(g->r, &r.op);
	rig_settle(g);
	assert_int_equal(r.completions, 1);
	assert_int_equal(r.op.res, 1);
	/* The same storage again: no request of the past may hit it. */
	for (int i = 0; i < 50; i++) {
		rig_read(g, &r, fds[0], buf, sizeof buf);
		if (i & 1)
			rig_settle(g);
		awl__reactor_cancel(g->r, &r.op);
		assert_int_equal(rig_finish(g, &r), -ECANCELED);
		rig_read(g, &r, fds[0], buf, sizeof buf);
		rig_settle(g);
		assert_int_equal(r.completions, 0);
		rig_put(g, fds[1], "y");
		assert_int_equal(rig_finish(g, &r), 1);
	}
	rig_shut(g, fds[0]);
	rig_shut(g, fds[1]);
}

/* From a completion: one that is ready in the same delivery, and one that is still in flight. */
struct canceller {
	struct rig_op op, ready, waiting;
};

static void cancel_both(struct awl__op *op)
{
	struct canceller *c = awl__container(op, struct canceller, op.op);

	c->op.completions++;
	awl__reactor_cancel(c->op.rig->r, &c->ready.op);
	awl__reactor_cancel(c->op.rig->r, &c->waiting.op);
}

static void from_another_completion(struct rig *g)
{
	struct canceller c;
	int fds[2], quiet[2];

	rig_pair(g, RIG_PIPE, fds);
	rig_pair(g, RIG_PIPE, quiet);
	rig_poll(g, &c.op, fds[0], POLLIN);
	rig_poll(g, &c.ready, fds[0], POLLIN);
	rig_poll(g, &c.waiting, quiet[0], POLLIN);
	rig_settle(g);
	c.op.op.done = cancel_both;
	rig_put(g, fds[1], "x");
	rig_finish(g, &c.op);
	rig_finish(g, &c.ready);
	assert_true(c.ready.op.res == POLLIN || c.ready.op.res == -ECANCELED);
	assert_int_equal(rig_finish(g, &c.waiting), -ECANCELED);
	rig_shut(g, fds[0]);
	rig_shut(g, fds[1]);
	rig_shut(g, quiet[0]);
	rig_shut(g, quiet[1]);
}

/* A thousand rounds of a read against a cancel, with the bytes counted. */
static void no_byte_is_lost_whoever_wins(struct rig *g)
{
	long rounds = test_scale("AWL_TEST_RACES", 1000) > 1000 ? 1000 : 300;
	int fds[2], next = 0, seen = 0;
	struct rig_op r;
	unsigned char buf[4], byte;

	for (enum rig_kind kind = RIG_PIPE; kind < rig_kinds(g); kind++) {
		rig_pair(g, kind, fds);
		for (long i = 0; i < rounds; i++) {
			struct rig_op w;

			byte = (unsigned char)next;
			rig_read(g, &r, fds[0], buf, 1);
			for (long look = 0; look < i % 4; look++)
				rig_turn(g, 0);
			rig_write(g, &w, fds[1], &byte, 1);
			if (i % 3)
				rig_turn(g, 0);
			awl__reactor_cancel(g->r, &r.op);
			rig_finish(g, &r);
			assert_int_equal(rig_finish(g, &w), 1);
			next++;
			if (r.op.res == -ECANCELED) {
				rig_read(g, &r, fds[0], buf, 1);
				rig_finish(g, &r);
			}
			assert_int_equal(r.op.res, 1);
			assert_int_equal(buf[0], (unsigned char)seen);
			seen++;
		}
		rig_shut(g, fds[0]);
		rig_shut(g, fds[1]);
	}
}

/* --- work --- */

struct gate {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool open;
	_Atomic int inside, runs;
};

static int wait_at(void *arg)
{
	struct gate *gate = arg;

	gate->runs++;
	pthread_mutex_lock(&gate->lock);
	gate->inside++;
	pthread_cond_broadcast(&gate->cond);
	while (!gate->open)
		pthread_cond_wait(&gate->cond, &gate->lock);
	pthread_mutex_unlock(&gate->lock);
	return 7;
}

static int count_run(void *arg)
{
	++*(_Atomic int *)arg;
	return 8;
}

static void work_runs_and_tells_its_value(struct rig *g)
{
	struct rig_op w[20];
	_Atomic int runs = 0;

	for (size_t i = 0; i < COUNT(w); i++)
		assert_int_equal(rig_work(g, &w[i], count_run, (void *)&runs), 0);
	assert_int_equal(g->r->in_flight, COUNT(w));
	for (size_t i = 0; i < COUNT(w); i++)
		assert_int_equal(rig_finish(g, &w[i]), 8);
	assert_int_equal(runs, COUNT(w));
}

static void work_not_begun_is_taken_back(struct rig *g)
{
	struct gate gate = { .lock = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER };
	struct rig_op busy[40], w;
	_Atomic int runs = 0;
	unsigned threads, idle;

	/* As many as the pool has threads, and some more, stand at the gate. */
	for (size_t i = 0; i < COUNT(busy); i++)
		assert_int_equal(rig_work(g, &busy[i], wait_at, &gate), 0);
	awl__pool_count(&threads, &idle);
	pthread_mutex_lock(&gate.lock);
	while ((unsigned)gate.inside < threads)
		pthread_cond_wait(&gate.cond, &gate.lock);
	pthread_mutex_unlock(&gate.lock);
	assert_int_equal(rig_work(g, &w, count_run, (void *)&runs), 0);
	awl__reactor_cancel(g->r, &w.op);
	awl__reactor_cancel(g->r, &busy[0].op); /* has begun */
	awl__reactor_cancel(g->r, &busy[COUNT(busy) - 1].op);
	assert_int_equal(rig_finish(g, &w), -ECANCELED);
	assert_int_equal(rig_finish(g, &busy[COUNT(busy) - 1]), -ECANCELED);
	assert_int_equal(busy[0].completions, 0);
	pthread_mutex_lock(&gate.lock);
	gate.open = true;
	pthread_cond_broadcast(&gate.cond);
	pthread_mutex_unlock(&gate.lock);
	for (size_t i = 0; i < COUNT(busy) - 1; i++)
		assert_int_equal(rig_finish(g, &busy[i]), 7);
	assert_int_equal(runs, 0);
	assert_int_equal(gate.runs, COUNT(busy) - 1);
}

int main(void)
{
	static const struct rig_body bodies[] = {
		BODY(before_it_began),
		BODY(in_flight),
		BODY(when_the_data_is_there),
		BODY(afterwards_it_is_harmless),
		BODY(from_another_completion),
		BODY(no_byte_is_lost_whoever_wins),
		BODY(work_runs_and_tells_its_value),
		BODY(work_not_begun_is_taken_back),
	};

	return rig_main(bodies, COUNT(bodies));
}
