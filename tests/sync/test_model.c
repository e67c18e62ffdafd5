/* SPDX-License-Identifier: MIT */
/*
 * test_model.c - random programs of tasks, cancels, a lock and a queue, each step told to a plain
 * model first, which says what must come of it. A failure names its seed:
 * AWL_TEST_SEED=<n> plays that one alone.
 */
#include "sync.h"

#define WORKERS 5
#define STEPS 40
#define ROOM 8 /* of the model's queue: no bound is larger */

static long seed;
static uint64_t random_state;

static int dice(int sides)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (int)(random_state % (uint64_t)sides);
}

static void check(int got, int expected, const char *what, int who)
{
	if (got != expected)
		fail_msg("seed %ld: %s of worker %d: %d (%s), the model says %d (%s)", seed, what,
			who, got, awl_error_name(got), expected, awl_error_name(expected));
}

/* The model of a worker, and lines of them. */
static struct worker {
	awl_task *task;
	int item; /* what it puts, or was given */
	int outcome; /* decided while it waited */
	bool waits;
	bool pending; /* a request to stop, not yet told */
	bool leaving; /* its wait was ended by one: a second is the same */
} workers[WORKERS];

struct line {
	int n, who[WORKERS];
};

static void join_line(struct line *l, int who)
{
	l->who[l->n++] = who;
	workers[who].waits = true;
}

static void leave_line(struct line *l, int who, int outcome)
{
	int at = 0;

	while (at < l->n && l->who[at] != who)
		at++;
	if (at == l->n)
		return;
	memmove(&l->who[at], &l->who[at + 1], (size_t)(--l->n - at) * sizeof *l->who);
	workers[who].waits = false;
	workers[who].outcome = outcome;
}

static bool take_pending(int me)
{
	bool was = workers[me].pending;

	workers[me].pending = false;
	return was;
}

static void yield(int me)
{
	int expected = take_pending(me) ? AWL_ECANCELED : 0, r = awl_yield();

	if (expected == 0 && take_pending(me))
		expected = AWL_ECANCELED;
	check(r, expected, "yield", me);
}

static struct line lines[2]; /* the lock's; or the queue's getters and putters */

static void cancel(int who)
{
	struct worker *w = &workers[who];

	if (!w->task || awl_done(w->task))
		return;
	awl_cancel(w->task, NULL);
	if (!w->waits) {
		w->pending = !w->leaving;
		return;
	}
	w->leaving = true;
	leave_line(&lines[0], who, AWL_ECANCELED);
	leave_line(&lines[1], who, AWL_ECANCELED);
}

/* the lock */

static awl_lock lock;
static int holder;

static int acquire(int me)
{
	int expected = 0, r;

	if (take_pending(me))
		expected = AWL_ECANCELED;
	else if (holder < 0)
		holder = me;
	else
		join_line(&lines[0], me);
	workers[me].outcome = expected;
	r = awl_lock_acquire(&lock);
	workers[me].leaving = false;
	check(r, workers[me].outcome, "acquire", me);
	if (r == 0)
		check(holder, me, "holder after acquire", me);
	return r;
}

static void release(int me)
{
	holder = lines[0].n ? lines[0].who[0] : -1;
	if (holder >= 0)
		leave_line(&lines[0], holder, 0);
	check(awl_lock_release(&lock), 0, "release", me);
}

static int lock_worker(void *arg)
{
	int me = (int)((struct worker *)arg - workers);

	for (int i = 0; i < STEPS; i++)
		switch (dice(4)) {
		case 0:
			yield(me);
			break;
		case 1:
			cancel(dice(WORKERS));
			break;
		default:
			if (acquire(me) < 0)
				break;
			while (dice(2))
				yield(me);
			if (dice(3) == 0)
				cancel(dice(WORKERS));
			release(me);
		}
	return 0;
}

/* the queue */

static awl_queue queue;
static int bound, kind, items[ROOM], count;
static bool shut;

static bool full(void)
{
	return count == (bound ? bound : ROOM);
}

static void model_insert(int item)
{
	int at = count++;

	if (kind == 2) /* the smaller first; behind its equals */
		for (; at > 0 && items[at - 1] / 100 > item / 100; at--)
			items[at] = items[at - 1];
	items[at] = item;
}

static int model_remove(void)
{
	int at = kind == 1 ? count - 1 : 0, item = items[at];

	memmove(&items[at], &items[at + 1], (size_t)(--count - at) * sizeof *items);
	return item;
}

/* 0, -EAGAIN, AWL_ESHUTDOWN. */
static int model_put(int item)
{
	if (shut)
		return AWL_ESHUTDOWN;
	if (lines[0].n) {
		int who = lines[0].who[0];

		workers[who].item = item;
		leave_line(&lines[0], who, 0);
		return 0;
	}
	if (full())
		return -EAGAIN;
	model_insert(item);
	return 0;
}

static int model_get(int *item)
{
	if (!count)
		return shut ? AWL_ESHUTDOWN : -EAGAIN;
	*item = model_remove();
	if (lines[1].n) {
		int who = lines[1].who[0];

		model_insert(workers[who].item);
		leave_line(&lines[1], who, 0);
	}
	return 0;
}

static void model_shutdown(bool immediate)
{
	shut = true;
	while (lines[0].n)
		leave_line(&lines[0], lines[0].who[0], AWL_ESHUTDOWN);
	while (lines[1].n)
		leave_line(&lines[1], lines[1].who[0], AWL_ESHUTDOWN);
	if (immediate)
		count = 0;
}

static void put(int me, bool nowait)
{
	struct worker *w = &workers[me];
	int item = dice(3) * 100 + dice(100), r;

	if (!bound && full() && !lines[0].n)
		return; /* the model's end of the world, not the queue's */
	w->item = item;
	w->outcome = !nowait && take_pending(me) ? AWL_ECANCELED : model_put(item);
	if (!nowait && w->outcome == -EAGAIN)
		join_line(&lines[1], me);
	r = nowait ? awl_queue_put_nowait(&queue, &item) : awl_queue_put(&queue, &item);
	w->leaving = false;
	check(r, w->outcome, "put", me);
}

static void get(int me, bool nowait)
{
	struct worker *w = &workers[me];
	int item = -1, r;

	w->outcome = !nowait && take_pending(me) ? AWL_ECANCELED : model_get(&w->item);
	if (!nowait && w->outcome == -EAGAIN)
		join_line(&lines[0], me);
	r = nowait ? awl_queue_get_nowait(&queue, &item) : awl_queue_get(&queue, &item);
	w->leaving = false;
	check(r, w->outcome, "get", me);
	check(item, r == 0 ? w->item : -1, "item", me);
}

static int queue_worker(void *arg)
{
	int me = (int)((struct worker *)arg - workers);

	for (int i = 0; i < STEPS; i++) {
		switch (dice(8)) {
		case 0:
			yield(me);
			break;
		case 1:
			cancel(dice(WORKERS));
			break;
		case 2:
			if (dice(40) == 0) {
				bool immediate = dice(2);

				model_shutdown(immediate);
				awl_queue_shutdown(&queue, immediate);
			}
			break;
		case 3:
		case 4:
		case 5:
			put(me, dice(4) == 0);
			break;
		default:
			get(me, dice(4) == 0);
		}
		check((int)awl_queue_qsize(&queue), count, "size seen by", me);
	}
	return 0;
}

static int by_rank(const void *a, const void *b)
{
	return *(const int *)a / 100 - *(const int *)b / 100;
}

static void begin(void)
{
	memset(workers, 0, sizeof workers);
	memset(lines, 0, sizeof lines);
	holder = -1;
	count = 0;
	shut = false;
	bound = dice(4);
	kind = dice(3);
	awl_lock_init(&lock);
	if (kind == 0)
		awl_queue_init(&queue, sizeof(int), (uint32_t)bound);
	else if (kind == 1)
		awl_lifo_queue_init(&queue, sizeof(int), (uint32_t)bound);
	else
		awl_priority_queue_init(&queue, sizeof(int), (uint32_t)bound, by_rank);
}

/* Who still waits when the others have ended is sent away. */
static void finish(void)
{
	for (int i = 0; i < WORKERS; i++) {
		while (!awl_done(workers[i].task)) {
			if (workers[i].waits)
				cancel(i);
			turn();
		}
		check(awl_result(workers[i].task), 0, "end", i);
	}
	for (int i = 0; i < WORKERS; i++)
		awl_unref(workers[i].task);
}

static int program(void *arg)
{
	awl_fn *const *worker = arg;

	begin();
	for (int i = 0; i < WORKERS; i++)
		workers[i].task = spawn(*worker, &workers[i]);
	for (int i = 0; i < 3 * STEPS; i++)
		turn();
	finish();
	assert_int_equal(awl_lock_destroy(&lock), 0);
	return awl_queue_destroy(&queue);
}

static void play(awl_fn *worker)
{
	long one = test_scale("AWL_TEST_SEED", 0), n = test_scale("AWL_TEST_PROGRAMS", 1000) / 2;

	for (seed = one ? one : 1; seed <= (one ? one : n); seed++) {
		awl_loop_options o = { .reactor = "sim", .seed = (uint64_t)seed };

		random_state = (uint64_t)seed * UINT64_C(0x9e3779b97f4a7c15);
		assert_int_equal(awl_run_with(&o, program, &worker), 0);
	}
}

static void a_lock_does_what_its_model_says(void **state)
{
	play(lock_worker);
}

static void a_queue_does_what_its_model_says(void **state)
{
	play(queue_worker);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_lock_does_what_its_model_says),
		TEST(a_queue_does_what_its_model_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
