/* SPDX-License-Identifier: MIT */
/*
 * model_wait.c - everything that waits: for time, for tasks and futures, for the primitives.
 */
#include "model.h"

enum verdict done(int *r, int value)
{
	*r = value;
	return DONE;
}

enum verdict park(struct task *t, enum waits waits, int64_t until)
{
	t->parked = true;
	t->waits = waits;
	t->interrupted = false;
	set_timer(t, until);
	return PARKED;
}

enum verdict park_in(struct task *t, struct line_up *queue)
{
	t->queue = queue;
	t->lock = -1;
	join_line(queue, t->number);
	return park(t, A_QUEUE, FOREVER);
}

enum verdict yield(struct task *t, struct frame *f, int *r)
{
	*r = deliver(t);
	if (*r < 0 || f->phase++)
		return DONE;
	if (t->scopes)
		set_timer(t, FOREVER);
	t->waits = NOTHING;
	t->interrupted = false;
	make_ready((struct ready){ A_TASK, t->number, 0 });
	return PARKED;
}

enum verdict sleep_for(struct task *t, struct frame *f, int64_t ns, int *r)
{
	if (ns <= 0)
		return yield(t, f, r);
	if (f->phase && !t->interrupted)
		return done(r, 0);
	*r = deliver(t);
	if (*r < 0)
		return DONE;
	if (!f->phase++)
		t->until = after(ns);
	return park(t, TIME, t->until);
}

enum verdict wait_for(struct task *t, struct frame *f, int e, bool joins, int *r)
{
	if (!world.endable[e].exists)
		return done(r, -ESRCH);
	*r = 0;
	if (!f->phase) {
		if (world.endable[e].state != PENDING)
			return done(r, joins ? 0 : outcome_of(e));
		if (waits_for(e, t))
			return done(r, AWL_EDEADLK);
		if (asked(t)) {
			if (joins || tasks_among(&world.endable[e].waiters))
				return done(r, deliver(t));
			cancel(e);
		}
	} else if (t->interrupted) {
		*r = deliver(t);
		if (*r < 0)
			return DONE;
	}
	if (world.endable[e].state == PENDING) {
		f->phase = 1;
		t->on = e;
		t->joins = joins;
		join_line(&world.endable[e].waiters, t->number);
		return park(t, AN_ENDABLE, FOREVER);
	}
	if (joins)
		return DONE;
	if (world.endable[e].state == CANCELLED)
		*r = deliver(t);
	return done(r, *r < 0 ? *r : outcome_of(e));
}

/*
 * What the waits of all primitives have in common. True: it is over, with *r: given, or cancelled.
 * False: to be looked at, first or again.
 */
static bool over(struct task *t, struct frame *f, int *r)
{
	if (f->phase++ && !t->interrupted) {
		*r = t->word;
		return true;
	}
	*r = deliver(t);
	return *r < 0;
}

enum verdict wait_event(struct task *t, struct frame *f, int e, int *r)
{
	if (over(t, f, r) || world.event[e])
		return DONE;
	return park_in(t, &world.event_waiters[e]);
}

enum verdict acquire(struct task *t, struct frame *f, int *r)
{
	if (over(t, f, r))
		return DONE;
	if (world.tokens) {
		world.tokens--;
		return DONE;
	}
	return park_in(t, &world.token_waiters);
}

int release(void)
{
	if (!wake_first(&world.token_waiters, 0))
		world.tokens++;
	return 0;
}

/* The holder of a lock that t wants waits, perhaps through others, for t. */
static bool lock_closes_cycle(const struct task *t, int lock)
{
	const struct task *u = &world.task[world.lock[lock].holder];

	for (int i = 0; i < TASKS; i++) {
		if (u == t)
			return true;
		if (!u->parked)
			return false;
		for (const struct scope *g = t->group; g && u->waits == ITS_CHILDREN;
			g = world.task[g->owner].group)
			if (g == joined_by(u))
				return true;
		if (u->waits == A_QUEUE && u->lock >= 0)
			u = &world.task[world.lock[u->lock].holder];
		else if (u->waits == AN_ENDABLE && u->on < TASKS)
			u = &world.task[u->on];
		else
			return false;
	}
	return false;
}

/* Takes it, or parks; *r < 0: refused. */
static enum verdict want_lock(struct task *t, int lock, int *r)
{
	enum verdict v;

	*r = 0;
	if (world.lock[lock].holder < 0) {
		world.lock[lock].holder = t->number;
		return DONE;
	}
	if (lock_closes_cycle(t, lock))
		return done(r, AWL_EDEADLK);
	v = park_in(t, &world.lock[lock].waiters);
	t->lock = lock;
	return v;
}

static enum verdict take_lock(struct task *t, struct frame *f, int lock, int *r)
{
	return over(t, f, r) ? DONE : want_lock(t, lock, r);
}

static int release_lock(const struct task *t, int lock)
{
	struct task *next;

	if (world.lock[lock].holder != t->number)
		return -EPERM;
	next = wake_first(&world.lock[lock].waiters, 0);
	world.lock[lock].holder = next ? next->number : -1;
	return 0;
}

/* The statements of its block, and then the release. */
enum verdict with_lock(struct task *t, struct frame *f, int lock, int *r)
{
	enum verdict v;

	if (f->inside) {
		*r = release_lock(t, lock);
		return done(r, *r < 0 ? *r : f->status);
	}
	v = take_lock(t, f, lock, r);
	if (v == PARKED || *r < 0)
		return v;
	f->inside = true;
	return ENTERED;
}

enum verdict wait_condition(struct task *t, struct frame *f, int *r)
{
	enum { CALLED, WAITED, WANTS_BACK };
	enum verdict v;
	int lock = LOCKS;

	switch (f->phase) {
	case CALLED:
		*r = deliver(t);
		if (*r < 0)
			return DONE;
		if (world.lock[lock].holder != t->number)
			return done(r, -EPERM);
		release_lock(t, lock);
		f->phase = WAITED;
		return park_in(t, &world.condition);
	case WAITED:
		t->deaf = false;
		if (!t->interrupted)
			return done(r, 0); /* notified, and the lock was handed over */
		f->status = deliver(t);
		f->phase = WANTS_BACK;
		t->deaf = true;
		v = want_lock(t, lock, r);
		if (v == PARKED)
			return v;
		t->deaf = false;
		return done(r, *r < 0 ? *r : f->status);
	default:
		t->deaf = false;
		return done(r, f->status);
	}
}

/* From the condition's queue to the end of the lock's. */
int notify(const struct task *t, int n)
{
	int done_n = 0;

	if (!t || world.lock[LOCKS].holder != t->number)
		return -EPERM;
	for (; done_n < n && world.condition.n; done_n++) {
		struct task *u = &world.task[world.condition.who[0]];

		leave_line(&world.condition, u->number);
		join_line(&world.lock[LOCKS].waiters, u->number);
		u->queue = &world.lock[LOCKS].waiters;
		u->lock = LOCKS;
		u->deaf = true;
	}
	return done_n;
}

int try_put(struct queue *q, int item)
{
	struct task *getter;

	if (q->shut)
		return AWL_ESHUTDOWN;
	getter = wake_first(&q->getters, 0);
	if (getter)
		getter->given = item;
	else if (q->count == q->room)
		return -EAGAIN;
	else
		q->item[q->count++] = item;
	q->unfinished++;
	return 0;
}

/* Where the next one to be had is: they stand in the order they came. */
static int next_item(const struct queue *q)
{
	int next = 0;

	if (q == &world.queue[A_STACK])
		return q->count - 1;
	for (int i = 1; i < q->count && q == &world.queue[A_HEAP]; i++) {
		int order = item_order(q->item[i], q->item[next]);

		if (order < 0 || (order == 0 && world.mistake == EQUALS_OVERTAKE))
			next = i;
	}
	return next;
}

int try_get(struct queue *q)
{
	struct task *putter;
	int at = next_item(q), item;

	if (!q->count)
		return q->shut ? AWL_ESHUTDOWN : -EAGAIN;
	item = q->item[at];
	memmove(&q->item[at], &q->item[at + 1], sizeof(int) * (size_t)(--q->count - at));
	putter = wake_first(&q->putters, 0);
	if (putter) {
		q->item[q->count++] = putter->given;
		q->unfinished++;
	}
	return item;
}

enum verdict put(struct task *t, struct frame *f, struct queue *q, int item, int *r)
{
	if (over(t, f, r))
		return DONE;
	*r = try_put(q, item);
	if (*r != -EAGAIN)
		return DONE;
	t->given = item;
	return park_in(t, &q->putters);
}

enum verdict get(struct task *t, struct frame *f, struct queue *q, int *r)
{
	if (over(t, f, r))
		return done(r, *r < 0 ? *r : t->given);
	*r = try_get(q);
	return *r == -EAGAIN ? park_in(t, &q->getters) : DONE;
}

enum verdict join_queue(struct task *t, struct frame *f, struct queue *q, int *r)
{
	if (over(t, f, r) || !q->unfinished)
		return DONE;
	return park_in(t, &q->joiners);
}

static void finish(struct queue *q, int n)
{
	q->unfinished -= n;
	if (!q->unfinished)
		wake_all(&q->joiners, 0);
}

int task_done(struct queue *q)
{
	if (!q->unfinished)
		return -EINVAL;
	finish(q, 1);
	return 0;
}

int shut_down(struct queue *q, bool immediately)
{
	q->shut = true;
	wake_all(&q->putters, AWL_ESHUTDOWN);
	if (immediately) {
		int dropped = q->count;

		q->count = 0;
		finish(q, dropped);
	}
	wake_all(&q->getters, AWL_ESHUTDOWN);
	return 0;
}

static bool has_token(const struct task *t)
{
	const struct line_up *l = &world.limiter.borrowers;

	for (int i = 0; i < l->n; i++)
		if (l->who[i] == t->number)
			return true;
	return false;
}

/* To who has waited longest, if there is one to give: false: nobody waits, or all are out. */
static bool give_token(void)
{
	struct limiter *m = &world.limiter;
	struct task *t = m->borrowers.n < m->total ? wake_first(&m->waiters, 0) : NULL;

	if (t)
		join_line(&m->borrowers, t->number);
	return t != NULL;
}

int limiter_total(int total)
{
	world.limiter.total = total;
	while (give_token())
		;
	return world.limiter.borrowers.n;
}

static int give_back(const struct task *t)
{
	if (!has_token(t))
		return -EPERM;
	leave_line(&world.limiter.borrowers, t->number);
	give_token();
	return 0;
}

static enum verdict take_token(struct task *t, struct frame *f, int *r)
{
	struct limiter *m = &world.limiter;

	if (over(t, f, r))
		return DONE;
	if (has_token(t))
		return done(r, AWL_EDEADLK);
	if (m->borrowers.n >= m->total && world.mistake != TOKENS_FOR_EVERYBODY)
		return park_in(t, &m->waiters);
	join_line(&m->borrowers, t->number);
	return DONE;
}

enum verdict with_limiter(struct task *t, struct frame *f, int *r)
{
	enum verdict v;

	if (f->inside) {
		*r = give_back(t);
		return done(r, *r < 0 ? *r : f->status);
	}
	v = take_token(t, f, r);
	if (v == PARKED || *r < 0)
		return v;
	f->inside = true;
	return ENTERED;
}

enum verdict wait_barrier(struct task *t, struct frame *f, int *r)
{
	if (over(t, f, r))
		return DONE;
	if (world.barrier.n + 1 < BARRIER_PARTIES)
		return park_in(t, &world.barrier);
	for (int i = 0; world.barrier.n; i++)
		wake_first(&world.barrier, i);
	return done(r, BARRIER_PARTIES - 1);
}
