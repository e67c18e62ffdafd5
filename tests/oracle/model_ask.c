/* SPDX-License-Identifier: MIT */
/*
 * model_ask.c - who waits in which order, and how a task is asked to stop: by cancel, once; by
 * scopes, at every wait.
 */
#include "model.h"

void join_line(struct line_up *l, int who)
{
	if (l->n == CROWD)
		abort();
	l->who[l->n++] = who;
}

void leave_line(struct line_up *l, int who)
{
	int i = 0;

	while (i < l->n && l->who[i] != who)
		i++;
	if (i == l->n)
		return;
	memmove(&l->who[i], &l->who[i + 1], sizeof(int) * (size_t)(--l->n - i));
}

void make_ready(struct ready r)
{
	if (world.ready_n == TRACE)
		abort();
	world.ready[world.ready_n++] = r;
}

void wake(struct task *t)
{
	t->parked = false;
	make_ready((struct ready){ A_TASK, t->number, 0 });
}

/* The longest waiter is told `word`, a select's case unless it has another; NULL: nobody waits. */
struct task *wake_first(struct line_up *l, int word)
{
	while (l->n) {
		int who = l->who[world.mistake == LAST_WAITER_FIRST ? l->n - 1 : 0];
		struct task *t;

		leave_line(l, who);
		if (is_case(who)) {
			t = claim(who, word);
			if (t)
				return t;
			continue;
		}
		t = &world.task[who];
		t->word = word;
		wake(t);
		return t;
	}
	return NULL;
}

void wake_all(struct line_up *l, int word)
{
	while (wake_first(l, word))
		;
}

/* --- what is asked of a task --- */

int innermost_shield(const struct task *t)
{
	int i = t->scopes - 1;

	while (i >= 0 && t->scope[i]->kind != OP_SHIELD)
		i--;
	return i;
}

/* A scope that its waits can see asks it to stop. */
static bool scope_asks(const struct task *t)
{
	int shield = innermost_shield(t);

	for (int i = shield < 0 ? 0 : shield; i < t->scopes; i++)
		if (t->scope[i]->asks && !(world.mistake == SCOPES_ASK_ONCE && t->scope[i]->told))
			return true;
	return shield < 0 && t->group && t->group->asks;
}

bool cancel_visible(const struct task *t)
{
	return t->pending && innermost_shield(t) < 0;
}

bool asked(const struct task *t)
{
	return !t->deaf && (cancel_visible(t) || scope_asks(t));
}

/* At the beginning of a wait, and when it was interrupted. */
int deliver(struct task *t)
{
	if (cancel_visible(t)) {
		t->pending = false;
		return AWL_ECANCELED;
	}
	if (!scope_asks(t))
		return 0;
	for (int i = 0; i < t->scopes; i++)
		t->scope[i]->told = t->scope[i]->asks;
	return AWL_ECANCELED;
}

void end_endable(int e, enum state state, int outcome)
{
	struct line_up waiters = world.endable[e].waiters;

	world.endable[e].state = state;
	world.endable[e].outcome = outcome;
	world.endable[e].waiters.n = 0;
	for (int i = 0; i < waiters.n; i++)
		if (is_watch(waiters.who[i]))
			make_ready((struct ready){ A_WATCH, waiters.who[i], e });
		else if (is_case(waiters.who[i]))
			make_ready((struct ready){ A_CASE, waiters.who[i], e });
		else if (waiters.who[i] < 0)
			make_ready((struct ready){ A_DONE_CALLBACK, -1 - waiters.who[i], e });
		else
			wake(&world.task[waiters.who[i]]);
}

int outcome_of(int e)
{
	return world.endable[e].state == CANCELLED ? AWL_EFUTURECANCELED : world.endable[e].outcome;
}

int tasks_among(const struct line_up *l)
{
	int n = 0;

	for (int i = 0; i < l->n; i++)
		n += l->who[i] >= 0;
	return n;
}

/* The group whose children u waits for, in its exit; NULL: none. */
const struct scope *joined_by(const struct task *u)
{
	const struct scope *s = u->scopes ? u->scope[u->scopes - 1] : NULL;

	return s && s->joining ? s : NULL;
}

/* u cannot go on before t does. Each task is looked at once: others may wait in a circle. */
static bool leads_to(const struct task *u, const struct task *t, bool *seen)
{
	const struct scope *group = joined_by(u);

	if (u == t)
		return true;
	if (seen[u->number])
		return false;
	seen[u->number] = true;
	for (int i = 0; i < u->watcher.watched.n && u->watcher.waits; i++) {
		int e = u->watcher.watched.who[i];

		if (e < TASKS && leads_to(&world.task[e], t, seen))
			return true;
	}
	if (u->watcher.waits)
		return false;
	if (!group && u->parked && u->waits == AN_ENDABLE)
		return u->on < TASKS && leads_to(&world.task[u->on], t, seen);
	if (!group && u->parked && u->deaf)
		return leads_to(&world.task[world.lock[u->lock].holder], t, seen);
	if (!group)
		return false;
	for (const struct scope *g = t->group; g; g = world.task[g->owner].group)
		if (g == group)
			return true;
	for (int i = 0; i < group->children.n; i++)
		if (leads_to(&world.task[group->children.who[i]], t, seen))
			return true;
	return false;
}

bool waits_for(int e, const struct task *t)
{
	bool seen[TASKS] = { false };

	return e < TASKS && leads_to(&world.task[e], t, seen);
}

/*
 * Something new is asked of it: its wait ends, or what it alone awaits is asked instead, unless
 * that waits for it.
 */
static void attend(struct task *t)
{
	if (!t->parked || !asked(t))
		return;
	if (t->waits == AN_ENDABLE && !t->joins &&
		tasks_among(&world.endable[t->on].waiters) == 1 && !waits_for(t->on, t)) {
		cancel(t->on);
		return;
	}
	if (t->waits == AN_ENDABLE)
		leave_line(&world.endable[t->on].waiters, t->number);
	if (t->waits == A_QUEUE)
		leave_line(t->queue, t->number);
	t->interrupted = true;
	wake(t);
}

int cancel(int e)
{
	if (world.endable[e].state != PENDING)
		return 0;
	if (e >= TASKS) {
		end_endable(e, CANCELLED, 0);
		return 1;
	}
	world.task[e].requests++;
	world.task[e].pending = true;
	attend(&world.task[e]);
	return 1;
}

/* A scope asks its task, and a group its children first. */
void ask(struct scope *s)
{
	if (s->asks)
		return;
	s->asks = true;
	if (s->kind == OP_GROUP) {
		s->cut = s->children.n > 0;
		for (int i = 0; i < s->children.n; i++)
			attend(&world.task[s->children.who[i]]);
	}
	attend(&world.task[s->owner]);
}

/* Outside of s: a scope, or the task's group, asks; or somebody has cancelled the task since. */
bool outside_stops(const struct task *t, int level)
{
	for (int i = level - 1; i >= 0; i--) {
		if (t->scope[i]->asks)
			return true;
		if (t->scope[i]->kind == OP_SHIELD)
			return false;
	}
	return t->group && t->group->asks;
}

bool shielded_outside(const struct task *t, int level)
{
	for (int i = 0; i < level; i++)
		if (t->scope[i]->kind == OP_SHIELD)
			return true;
	return false;
}

bool outside_asks(const struct task *t, int level)
{
	return outside_stops(t, level) ||
		(!shielded_outside(t, level) && t->requests > t->scope[level]->requests);
}
