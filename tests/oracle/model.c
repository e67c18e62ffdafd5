/* SPDX-License-Identifier: MIT */
/*
 * model.c - statements, one after the other, and the loop that runs the tasks they belong to.
 */
#include "model.h"

struct world world;

static int uncancel(struct task *t)
{
	if (t->requests && --t->requests == 0)
		t->pending = false;
	return t->requests;
}

static int on_done(int e, int at)
{
	if (!world.endable[e].exists)
		return -ESRCH;
	if (world.endable[e].state != PENDING)
		make_ready((struct ready){ A_DONE_CALLBACK, at, e });
	else
		join_line(&world.endable[e].waiters, -1 - at);
	return 0;
}

static int set(int e, int outcome)
{
	if (world.endable[e].state != PENDING)
		return AWL_EDONE;
	end_endable(e, FINISHED, outcome);
	return 0;
}

static int later(int at, int64_t ns)
{
	if (ns == 0)
		make_ready((struct ready){ A_CALLBACK, at, 0 });
	else if (world.timers == CROWD)
		abort();
	else
		world.timer[world.timers++] = (struct timer){ world.now + ns, arm(), at };
	return 0;
}

static int set_event(int e)
{
	world.event[e] = true;
	wake_all(&world.event_waiters[e], 0);
	return 0;
}

static int try_acquire(void)
{
	if (!world.tokens)
		return -EAGAIN;
	world.tokens--;
	return 0;
}

/* What never waits, in tasks and callbacks. */
static int act(struct task *t, int at)
{
	const struct statement *s = &world.p->at[at];
	int future = TASKS + s->a;

	switch ((enum op)s->op) {
	case OP_SPAWN:
		return spawn(s->a, NULL);
	case OP_CHILD:
		return s->b < 0 ? -ESRCH : spawn(s->a, &world.scope[s->b]);
	case OP_STARTED:
		return started(t, s->b);
	case OP_CANCEL:
		return world.endable[s->a].exists ? cancel(s->a) : -ESRCH;
	case OP_UNCANCEL:
		return uncancel(t);
	case OP_CANCELLING:
		return t->requests;
	case OP_DEADLINE:
		return deadline(t);
	case OP_SET:
	case OP_FAIL:
		return set(future, s->b);
	case OP_CANCEL_FUTURE:
		return cancel(future);
	case OP_ON_DONE:
		return on_done(s->a, at);
	case OP_ON_FUTURE_DONE:
		return on_done(future, at);
	case OP_EVENT_SET:
		return set_event(s->a);
	case OP_EVENT_CLEAR:
		world.event[s->a] = false;
		return 0;
	case OP_RELEASE:
		return release();
	case OP_TRY_ACQUIRE:
		return try_acquire();
	case OP_TRY_PUT:
		return try_put(&world.queue[s->a], s->b);
	case OP_TRY_GET:
		return try_get(&world.queue[s->a]);
	case OP_TASK_DONE:
		return task_done(&world.queue[s->a]);
	case OP_SHUTDOWN:
		return shut_down(&world.queue[s->a], s->b);
	case OP_NOTIFY:
		return notify(t, s->b);
	case OP_BARRIER_RESET:
		wake_all(&world.barrier, AWL_EBROKEN);
		return 0;
	case OP_LIMITER_TOTAL:
		return limiter_total(s->b);
	case OP_GROUP_CANCEL:
		return s->a < 0 ? -ESRCH : group_cancel(&world.scope[s->a]);
	case OP_GROUP_DEADLINE:
		return s->a < 0 ? -ESRCH : group_deadline(&world.scope[s->a], s->b);
	case OP_RESCHEDULE:
		return s->a < 0 ? -ESRCH : reschedule(&world.scope[s->a], s->b);
	case OP_END:
		return s->b;
	case OP_LATER:
		return later(at, s->b);
	default:
		abort();
	}
}

static enum verdict reap(struct task *t, struct frame *f, int *r)
{
	bool left = false;

	if (!f->phase++) {
		t->until = world.now + REAP_AFTER;
		return park(t, TIME, t->until);
	}
	if (f->phase > REAP_ROUNDS + 1)
		return done(r, STUCK);
	for (int b = 0; b < BODIES; b++)
		if (world.endable[b].exists && world.endable[b].state == PENDING) {
			left = true;
			cancel(b);
		}
	if (!left)
		return done(r, 0);
	t->until = world.now + REAP_EVERY;
	return park(t, TIME, t->until);
}

static enum verdict repeat(struct frame *f, const struct statement *s, int *r)
{
	if (f->phase++ && f->status < 0)
		return done(r, f->status);
	if (f->phase > s->b)
		return done(r, f->status);
	return ENTERED;
}

/* The statement at which the frame is. */
static enum verdict execute(struct task *t, struct frame *f, int *r)
{
	const struct statement *s = &world.p->at[f->at];

	switch ((enum op)s->op) {
	case OP_REAP:
		return reap(t, f, r);
	case OP_YIELD:
		return yield(t, f, r);
	case OP_CHECKPOINT:
		*r = deliver(t);
		if (*r == 0) {
			expire(t);
			*r = deliver(t);
		}
		return DONE;
	case OP_SLEEP:
		return sleep_for(t, f, s->b, r);
	case OP_AWAIT:
	case OP_JOIN:
		return wait_for(t, f, s->a, s->op == OP_JOIN, r);
	case OP_AWAIT_FUTURE:
	case OP_JOIN_FUTURE:
		return wait_for(t, f, TASKS + s->a, s->op == OP_JOIN_FUTURE, r);
	case OP_EVENT_WAIT:
		return wait_event(t, f, s->a, r);
	case OP_ACQUIRE:
		return acquire(t, f, r);
	case OP_PUT:
		return put(t, f, &world.queue[s->a], s->b, r);
	case OP_GET:
		return get(t, f, &world.queue[s->a], r);
	case OP_QUEUE_JOIN:
		return join_queue(t, f, &world.queue[s->a], r);
	case OP_BARRIER_WAIT:
		return wait_barrier(t, f, r);
	case OP_CONDITION_WAIT:
		return wait_condition(t, f, r);
	case OP_SELECT:
		return select_one(t, f, s, r);
	case OP_GATHER:
		return gather(t, f, s, r);
	case OP_GATHER_FUTURES:
		return gather_futures(t, f, s, r);
	case OP_START:
		return s->b < 0 ? done(r, -ESRCH) : start(t, f, s->a, &world.scope[s->b], r);
	case OP_TIMEOUT:
	case OP_SHIELD:
		return timeout_or_shield(t, f, s, r);
	case OP_GROUP:
		return group(t, f, s, r);
	case OP_LOCK:
		return with_lock(t, f, s->a, r);
	case OP_CONDITION:
		return with_lock(t, f, LOCKS, r);
	case OP_LIMITER:
		return with_limiter(t, f, r);
	case OP_REPEAT:
		return repeat(f, s, r);
	default:
		return done(r, act(t, f->at));
	}
}

/* A line, and on to the next statement, or to the end of the block. */
static void finished(struct frame *f, int who, int r)
{
	const struct statement *s = &world.p->at[f->at];

	trace_add(world.trace, world.now, who, f->at, r);
	if (s->op == OP_END || (r < 0 && s->minds))
		*f = (struct frame){ .at = -1, .status = r };
	else
		*f = (struct frame){ .at = s->next };
}

static void end_task(struct task *t, int outcome)
{
	enum state state = outcome == AWL_ECANCELED ? CANCELLED : FINISHED;

	trace_add(world.trace, world.now, t->number, ENDS, outcome);
	t->timer = FOREVER;
	if (t->starting)
		started(t,
			state == CANCELLED    ? AWL_EFUTURECANCELED
				: outcome < 0 ? outcome
					      : AWL_ENOTSTARTED);
	end_endable(t->number, state, outcome);
	if (t->group)
		child_done(t->group, t, state, outcome);
	world.over = t->number == REAPER;
}

/* Until it parks or ends. */
static void run_task(struct task *t)
{
	if (!t->begun) {
		t->begun = true;
		world.endable[t->number].exists = true;
		trace_add(world.trace, world.now, t->number, BEGINS, 0);
	}
	if (t->waits == TIME)
		t->timer = FOREVER;
	for (;;) {
		struct frame *f = &t->frame[t->depth];
		enum verdict v;
		int r = 0;

		if (f->at < 0) { /* the block is over */
			int status = f->status;

			if (t->depth == 0) {
				end_task(t, status);
				return;
			}
			f = &t->frame[--t->depth];
			f->status = status;
		}
		v = execute(t, f, &r);
		if (v == PARKED)
			return;
		t->interrupted = false;
		t->waits = NOTHING;
		if (v == DONE)
			finished(f, t->number, r);
		else
			t->frame[++t->depth] = (struct frame){ .at = world.p->at[f->at].child };
	}
}

static void run_callback(int at)
{
	struct frame f = { .at = world.p->at[at].child };

	while (f.at >= 0)
		finished(&f, CALLBACK, act(NULL, f.at));
}

static void run_one(struct ready r)
{
	if (r.kind == A_TASK)
		run_task(&world.task[r.what]);
	else if (r.kind == A_CALLBACK)
		run_callback(r.what);
	else if (r.kind == A_CASE)
		claim(r.what, outcome_of(r.on));
	else if (r.kind == A_WATCH)
		watched_ended(r.what, r.on);
	else
		trace_add(world.trace, world.now, DONE_CALLBACK, r.what, outcome_of(r.on));
}

/* A look at the clock, which jumps if there is nothing else to do; then what is ready, once. */
static void iterate(void)
{
	bool idle = !world.ready_n;

	if (idle || world.steps >= world.look_due) {
		int64_t first = first_timer();

		if (idle && first > world.now)
			world.now = first;
		world.look_due = world.steps + (first != FOREVER ? LOOK_EVERY : LOOK_RARELY);
		while (fire_one(world.now))
			;
	}
	memcpy(world.batch, world.ready, sizeof *world.ready * (size_t)world.ready_n);
	world.batch_n = world.ready_n;
	world.ready_n = 0;
	world.batch_at = 0;
	while (world.batch_at < world.batch_n && !world.over) {
		world.steps++;
		run_one(world.batch[world.batch_at++]);
	}
}

void program_foretell(const struct program *p, enum mistake mistake, struct trace *t)
{
	memset(&world, 0, sizeof world);
	world.p = p;
	world.mistake = mistake;
	world.trace = t;
	world.tokens = SEMAPHORE_VALUE;
	for (int i = 0; i < TASKS; i++)
		world.task[i].timer = FOREVER;
	for (int i = 0; i < FUTURES; i++)
		world.endable[TASKS + i].exists = true;
	for (int i = 0; i <= LOCKS; i++)
		world.lock[i].holder = -1;
	world.limiter.total = LIMITER_TOTAL;
	for (int i = 0; i < QUEUES; i++)
		world.queue[i].room = i == 0 ? 1 : 2;
	t->lines = 0;
	spawn(REAPER, NULL);
	while (!world.over && t->lines < TRACE)
		iterate();
}
