/* SPDX-License-Identifier: MIT */
/*
 * model_select.c - a select stands in all its queues at once, beside tasks, and has the first thing
 * that comes while it waits; whatever comes after that goes to the next in the queue.
 */
#include "model.h"

/* In a line, a task's case is a number below those of done callbacks. */
static int case_of(const struct task *t, int c)
{
	return -1 - STATEMENTS - (t->number * CASES + c);
}

bool is_case(int who)
{
	return who < -STATEMENTS;
}

static bool is_put(int c)
{
	return c >= CASE_PUT && c < CASE_FUTURE;
}

/* Its task, which has this case now and is ready; NULL: it has another, or has left. */
struct task *claim(int which, int word)
{
	int n = -1 - STATEMENTS - which;
	struct task *t = &world.task[n / CASES];
	bool waits = t->selecting.n > 0;

	if (!waits && world.mistake != A_SELECT_TAKES_TOO_LATE)
		return NULL;
	t->taken = n % CASES;
	t->word = word;
	if (is_put(t->taken))
		t->given = t->frame[t->depth].at;
	leave_line(&t->selecting, t->number);
	if (waits)
		wake(t);
	return t;
}

static struct queue *queue_of(int c)
{
	return &world.queue[is_put(c) ? c - CASE_PUT : c - CASE_GET];
}

/* Where it waits; NULL: for the clock. */
static struct line_up *line_of(int c)
{
	if (c == CASE_TIME)
		return NULL;
	if (c >= CASE_FUTURE)
		return &world.endable[TASKS + c - CASE_FUTURE].waiters;
	return is_put(c) ? &queue_of(c)->putters : &queue_of(c)->getters;
}

/* Here and now: what it comes to, or -EAGAIN. */
static int poll(const struct frame *f, int c)
{
	int e = TASKS + c - CASE_FUTURE;

	if (c == CASE_TIME)
		return f->when <= world.now ? 0 : -EAGAIN;
	if (c >= CASE_FUTURE)
		return world.endable[e].state == PENDING ? -EAGAIN : outcome_of(e);
	return is_put(c) ? try_put(queue_of(c), f->at) : try_get(queue_of(c));
}

static void attach(const struct task *t, int cases)
{
	for (int c = 0; c < CASES; c++)
		if (cases & 1 << c && line_of(c))
			join_line(line_of(c), case_of(t, c));
}

static void forget(struct ready *list, int *n, int from, int which)
{
	int kept = from;

	for (int i = from; i < *n; i++)
		if (list[i].kind != A_CASE || list[i].what != which)
			list[kept++] = list[i];
	if (kept < *n)
		*n = kept;
}

/* Out of every line, and of what is to run. */
static void detach(const struct task *t, int cases)
{
	for (int c = 0; c < CASES; c++) {
		if (!(cases & 1 << c) || !line_of(c))
			continue;
		leave_line(line_of(c), case_of(t, c));
		forget(world.ready, &world.ready_n, 0, case_of(t, c));
		forget(world.batch, &world.batch_n, world.batch_at, case_of(t, c));
	}
}

static enum verdict took(int *r, int c, int value)
{
	return done(r, value < 0 ? value : 1000 * c + value);
}

/* The wait is over: DONE, or to be tried again. */
static bool came_to_nothing(struct task *t, int cases, int status, int *r)
{
	*r = exit_timeout(t, status);
	detach(t, cases);
	return *r == 0 || *r == -ETIMEDOUT;
}

enum verdict select_one(struct task *t, struct frame *f, const struct statement *s, int *r)
{
	if (!f->phase++) {
		*r = deliver(t);
		if (*r < 0)
			return DONE;
		f->when = s->a & 1 << CASE_TIME ? after(s->b) : FOREVER;
	} else {
		bool again = came_to_nothing(t, s->a, t->interrupted ? deliver(t) : 0, r);

		if (t->taken >= 0)
			return took(r, t->taken,
				t->taken < CASE_PUT && t->word == 0 ? t->given : t->word);
		if (!again)
			return DONE;
	}
	for (;;) {
		for (int c = 0; c < CASES; c++) {
			int value = s->a & 1 << c ? poll(f, c) : -EAGAIN;

			if (value != -EAGAIN)
				return took(r, c, value);
		}
		t->taken = -1;
		attach(t, s->a);
		enter_timeout(t, f->at, f->when);
		*r = deliver(t);
		if (*r == 0)
			return park_in(t, &t->selecting);
		if (!came_to_nothing(t, s->a, *r, r))
			return DONE;
	}
}
