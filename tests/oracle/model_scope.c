/* SPDX-License-Identifier: MIT */
/*
 * model_scope.c - timeouts, shields and groups.
 */
#include "model.h"

static void push(struct task *t, struct scope *sc, int kind, int64_t deadline)
{
	*sc = (struct scope){ .open = true,
		.kind = kind,
		.owner = t->number,
		.deadline = deadline,
		.requests = t->requests - t->pending };
	t->scope[t->scopes++] = sc;
	if (sc->deadline <= world.now) {
		sc->expired = true;
		ask(sc);
	}
}

static enum verdict enter(struct task *t, struct frame *f, const struct statement *s)
{
	struct scope *sc = &world.scope[f->at];

	push(t, sc, s->op, s->op == OP_GROUP ? FOREVER : after(s->b));
	f->phase = 1;
	return ENTERED;
}

void enter_timeout(struct task *t, int at, int64_t deadline)
{
	push(t, &world.scope[at], OP_TIMEOUT, deadline);
}

static void leave(struct task *t)
{
	t->scope[--t->scopes]->open = false;
	t->timer = FOREVER;
}

/* Out of a timeout or shield, with the status of its block: what that becomes. */
int exit_timeout(struct task *t, int status)
{
	int level = t->scopes - 1;

	if (status == AWL_ECANCELED && t->scope[level]->expired) {
		if (t->scope[level]->kind == OP_SHIELD || !outside_asks(t, level))
			status = -ETIMEDOUT;
		else if (!shielded_outside(t, level))
			t->pending = false; /* that request leaves with this status */
	}
	leave(t);
	return status;
}

enum verdict timeout_or_shield(struct task *t, struct frame *f, const struct statement *s, int *r)
{
	return f->phase ? done(r, exit_timeout(t, f->status)) : enter(t, f, s);
}

static void fail(struct scope *g, int failure)
{
	if (!g->failure)
		g->failure = failure;
	if (world.mistake != FAILURES_CANCEL_NOBODY)
		ask(g);
}

static int group_outcome(struct task *t, struct frame *f, struct scope *g, int level)
{
	bool stopped = f->status == AWL_ECANCELED;

	if (g->failure) {
		if (innermost_shield(t) < 0 && t->requests > g->requests && (g->taken || stopped))
			t->pending = true;
		return g->failure;
	}
	if (g->taken || g->passed_on || (stopped && outside_asks(t, level)) ||
		(g->cut && outside_stops(t, level))) {
		if (innermost_shield(t) < 0)
			t->pending = false;
		return AWL_ECANCELED;
	}
	if (g->expired && (stopped || g->cut))
		return -ETIMEDOUT;
	return g->cancelled && stopped ? 0 : f->status;
}

enum verdict group(struct task *t, struct frame *f, const struct statement *s, int *r)
{
	struct scope *g = &world.scope[f->at];
	int level = t->scopes - 1;

	if (!f->phase)
		return enter(t, f, s);
	if (f->phase == 1) {
		if (f->status == AWL_ECANCELED)
			ask(g);
		else if (f->status < 0)
			fail(g, f->status);
		g->joining = true;
		f->phase = 2;
	}
	if (g->children.n) { /* what is asked meanwhile is passed on to them */
		if (cancel_visible(t)) {
			t->pending = false;
			g->taken = true;
			ask(g);
		} else if (!g->asks && outside_stops(t, level)) {
			g->passed_on = true;
			ask(g);
		}
		return park(t, ITS_CHILDREN, FOREVER);
	}
	*r = group_outcome(t, f, g, level);
	leave(t);
	return DONE;
}

/* To a gather a child that somebody else cancelled has failed, too. */
static bool is_failure_of_job(const struct scope *g, const struct task *t, enum state state)
{
	return !g->collects && outcome_of(t->number) < 0 && !(g->asks && state == CANCELLED);
}

void child_done(struct scope *g, struct task *t, enum state state, int outcome)
{
	struct task *owner = &world.task[g->owner];

	leave_line(&g->children, t->number);
	if (g->gathers ? is_failure_of_job(g, t, state) : state == FINISHED && outcome < 0)
		fail(g, outcome_of(t->number));
	if (!g->children.n && g->joining && owner->parked)
		wake(owner);
}

static int make(int who, struct scope *g)
{
	struct task *t = &world.task[who];

	if (g && !g->open)
		return AWL_ESCOPE;
	if (g && g->asks)
		return AWL_ECANCELED;
	t->made = true;
	t->number = who;
	t->group = g;
	t->frame[0] = (struct frame){ .at = world.p->body[who] };
	if (g)
		join_line(&g->children, who);
	make_ready((struct ready){ A_TASK, who, 0 });
	return 0;
}

int spawn(int who, struct scope *g)
{
	int r = world.task[who].made ? -EALREADY : make(who, g);

	if (r == 0)
		world.endable[who].exists = true;
	return r;
}

/* Those that nobody has begun; from now on somebody has. */
static struct line_up jobs_of(const struct statement *s)
{
	const int who[] = { s->a, (s->a + 1) % world.p->bodies };
	struct line_up jobs = { 0 };

	for (int i = 0; i < 2; i++)
		if (!world.task[who[i]].made) {
			world.task[who[i]].made = true;
			join_line(&jobs, who[i]);
		}
	return jobs;
}

static int count_good(const struct line_up *jobs)
{
	int n = 0;

	for (int i = 0; i < jobs->n; i++)
		n += outcome_of(jobs->who[i]) >= 0;
	return n;
}

/* A group with an empty block. */
enum verdict gather(struct task *t, struct frame *f, const struct statement *s, int *r)
{
	struct scope *g = &world.scope[f->at];
	enum verdict v;

	if (!f->phase) {
		struct line_up jobs = jobs_of(s);

		*r = jobs.n ? deliver(t) : 0;
		if (!jobs.n || *r < 0)
			return DONE;
		push(t, g, OP_GROUP, FOREVER);
		g->gathers = true;
		g->collects = s->b;
		g->jobs = jobs;
		for (int i = 0; i < jobs.n; i++)
			make(jobs.who[i], g);
		f->phase = 1;
	}
	v = group(t, f, s, r);
	return v == DONE && *r == 0 ? done(r, count_good(&g->jobs)) : v;
}

enum verdict start(struct task *t, struct frame *f, int who, struct scope *g, int *r)
{
	enum verdict v;

	if (!f->phase) {
		if (world.task[who].made)
			return done(r, -EALREADY);
		world.task[who].made = true;
		*r = deliver(t);
		if (*r == 0)
			*r = make(who, g);
		if (*r < 0)
			return DONE;
		world.task[who].starting = true;
		world.endable[STARTS + who].exists = true;
	}
	v = wait_for(t, f, STARTS + who, false, r);
	if (v == DONE && *r == AWL_ECANCELED)
		cancel(who);
	return v;
}

int started(struct task *t, int value)
{
	if (t->starting && world.endable[STARTS + t->number].state == PENDING)
		end_endable(STARTS + t->number, FINISHED, value);
	t->starting = false;
	return 0;
}

int group_deadline(struct scope *g, int64_t ns)
{
	if (!g->open)
		return AWL_ESCOPE;
	if (g->expired)
		return -ETIMEDOUT;
	g->deadline = world.now + ns;
	if (ns <= 0) {
		g->expired = true;
		ask(g);
	}
	rearm(&world.task[g->owner]);
	return 0;
}

int group_cancel(struct scope *g)
{
	if (!g->open)
		return AWL_ESCOPE;
	g->cancelled = true;
	ask(g);
	return 0;
}

int reschedule(struct scope *s, int64_t ns)
{
	if (!s->open)
		return AWL_ESCOPE;
	if (s->expired)
		return -ETIMEDOUT;
	s->deadline = world.now + ns;
	expire(&world.task[s->owner]);
	rearm(&world.task[s->owner]);
	return 0;
}

int deadline(const struct task *t)
{
	int shield = innermost_shield(t);
	int64_t nearest = FOREVER;

	for (int i = shield < 0 ? 0 : shield; i < t->scopes; i++)
		if (t->scope[i]->deadline < nearest)
			nearest = t->scope[i]->deadline;
	return nearest == FOREVER ? NEVER : nearest > world.now ? (int)(nearest - world.now) : 0;
}
