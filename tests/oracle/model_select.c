/* SPDX-License-Identifier: MIT */
/*
 * model_select.c - one task that waits for many. A select stands in all its queues at once, beside
 * tasks, and has the first thing that comes while it waits; whatever comes after that goes to the
 * next in the queue. A gather waits for all that it was given.
 */
#include "model.h"

/* In a line, a task's case is a number below those of done callbacks. */
static int case_of(const struct task *t, int c)
{
	return -1 - STATEMENTS - (t->number * CASES + c);
}

/* And below that, a task that gathers. */
static int watch_of(const struct task *t)
{
	return -1 - STATEMENTS - TASKS * CASES - t->number;
}

bool is_watch(int who)
{
	return who < -STATEMENTS - TASKS * CASES;
}

bool is_case(int who)
{
	return who < -STATEMENTS && !is_watch(who);
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

static void forget_in(struct ready *list, int *n, int from, int which)
{
	int kept = from;

	for (int i = from; i < *n; i++)
		if ((list[i].kind != A_CASE && list[i].kind != A_WATCH) || list[i].what != which)
			list[kept++] = list[i];
	if (kept < *n)
		*n = kept;
}

/* It is not to run any more. */
static void forget(int which)
{
	forget_in(world.ready, &world.ready_n, 0, which);
	forget_in(world.batch, &world.batch_n, world.batch_at, which);
}

/* Out of every line, and of what is to run. */
static void detach(const struct task *t, int cases)
{
	for (int c = 0; c < CASES; c++) {
		if (!(cases & 1 << c) || !line_of(c))
			continue;
		leave_line(line_of(c), case_of(t, c));
		forget(case_of(t, c));
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

/* --- gather, of what is under way --- */

static void count(struct watcher *w, int e)
{
	if (!w->failure && outcome_of(e) < 0)
		w->failure = outcome_of(e);
}

static bool is_over(const struct watcher *w)
{
	return !w->left || (w->failure && !w->all);
}

/* In its turn, after the end. */
void watched_ended(int which, int e)
{
	struct task *t = &world.task[-1 - STATEMENTS - TASKS * CASES - which];

	t->watcher.left--;
	count(&t->watcher, e);
	if (is_over(&t->watcher))
		wake_first(&t->selecting, 0);
}

/* One of those it gathers waits for it. */
static bool is_circle(const struct task *t)
{
	for (int i = 0; i < t->watcher.watched.n; i++)
		if (waits_for(t->watcher.watched.who[i], t))
			return true;
	return false;
}

/* Those that are known; false: the task itself is among them, or what waits for it. */
static bool watch(struct task *t, const struct statement *s)
{
	struct watcher *w = &t->watcher;

	*w = (struct watcher){ .all = s->b == AWL_RETURN_EXCEPTIONS };
	for (int i = 0; i < BODIES + FUTURES; i++) {
		int e = i < BODIES ? i : TASKS + i - BODIES;

		if (s->a & 1 << i && world.endable[e].exists)
			join_line(&w->watched, e);
		if (s->a & 1 << i && e == t->number)
			return false;
	}
	if (is_circle(t))
		return false;
	for (int i = 0; i < w->watched.n; i++) {
		int e = w->watched.who[i];

		if (world.endable[e].state != PENDING) {
			count(w, e);
			continue;
		}
		w->left++;
		join_line(&world.endable[e].waiters, watch_of(t));
	}
	return true;
}

static int unwatch(struct task *t)
{
	int good = 0;

	for (int i = 0; i < t->watcher.watched.n; i++) {
		int e = t->watcher.watched.who[i];

		leave_line(&world.endable[e].waiters, watch_of(t));
		good += world.endable[e].state != PENDING && outcome_of(e) >= 0;
	}
	forget(watch_of(t));
	return good;
}

static void cancel_all(const struct watcher *w)
{
	for (int i = 0; i < w->watched.n; i++)
		cancel(w->watched.who[i]);
}

/* What is asked meanwhile is passed on to them, and their ends waited for. */
static void pass_on(struct task *t, int how)
{
	struct watcher *w = &t->watcher;
	bool request = t->pending;

	if (deliver(t) < 0 && (!w->stopping || request)) {
		w->stopping = w->all = true;
		w->taken |= request;
		cancel_all(w);
	} else if (how == AWL_CANCEL_SIBLINGS && w->failure && !w->failing && !w->stopping) {
		w->failing = w->all = true;
		cancel_all(w);
	}
}

enum verdict gather_futures(struct task *t, struct frame *f, const struct statement *s, int *r)
{
	struct watcher *w = &t->watcher;
	int how = s->b, good;

	w->waits = false;
	if (!f->phase++ && !watch(t, s))
		return done(r, AWL_EDEADLK);
	if (w->left && !(how == AWL_LEAVE_SIBLINGS && w->failure && !w->stopping)) {
		pass_on(t, how);
		w->waits = !w->stopping || !is_circle(t);
		if (w->waits)
			return park_in(t, &t->selecting);
	}
	good = unwatch(t);
	*r = w->stopping ? AWL_ECANCELED : 0;
	if (how != AWL_RETURN_EXCEPTIONS && w->failure && w->failure != AWL_EFUTURECANCELED) {
		t->pending |= w->taken; /* errors win */
		return done(r, w->failure);
	}
	if (how != AWL_RETURN_EXCEPTIONS && *r == 0)
		*r = w->failure;
	return done(r, *r < 0 ? *r : good);
}
