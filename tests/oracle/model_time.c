/* SPDX-License-Identifier: MIT */
/*
 * model_time.c - timers: by deadline, the longest armed first among equals.
 */
#include "model.h"

int64_t after(int64_t ns)
{
	return ns == NEVER ? FOREVER : world.now + ns;
}

/* Timers make the loop look at the clock in time. */
uint64_t arm(void)
{
	if (world.look_due > world.steps + LOOK_EVERY)
		world.look_due = world.steps + LOOK_EVERY;
	return ++world.arming;
}

/* A parked task has one timer: for its sleep's end or the nearest deadline that it can see, or that
 * its groups' children can. */
void set_timer(struct task *t, int64_t until)
{
	int shield = innermost_shield(t);

	for (int i = 0; i < t->scopes; i++) {
		const struct scope *s = t->scope[i];

		if (!s->asks && s->deadline < until &&
			(s->kind == OP_GROUP || (i >= shield && !t->deaf)))
			until = s->deadline;
	}
	if (until == t->timer)
		return; /* it keeps its place among equals */
	t->timer = until;
	if (until != FOREVER)
		t->armed = arm();
}

void expire(struct task *t)
{
	for (int i = t->scopes - 1; i >= 0; i--)
		if (!t->scope[i]->asks && t->scope[i]->deadline <= world.now) {
			t->scope[i]->expired = true;
			ask(t->scope[i]);
		}
}

void rearm(struct task *t)
{
	t->timer = FOREVER;
	if (t->parked)
		set_timer(t, t->waits == TIME ? t->until : FOREVER);
}

static void task_timer(struct task *t)
{
	bool over = t->parked && t->waits == TIME && t->until <= world.now;

	t->timer = FOREVER;
	if (over && world.mistake != DEADLINE_BEATS_RESULT)
		wake(t);
	expire(t);
	if (over && t->parked)
		wake(t);
	rearm(t);
}

/* The earliest timer that is due by `when`, the longest armed among equals: fired, or false. */
bool fire_one(int64_t when)
{
	struct task *t = NULL;
	int c = -1;

	for (int i = 0; i < TASKS; i++)
		if (world.task[i].timer <= when &&
			(!t || world.task[i].timer < t->timer ||
				(world.task[i].timer == t->timer &&
					world.task[i].armed < t->armed)))
			t = &world.task[i];
	for (int i = 0; i < world.timers; i++)
		if (world.timer[i].when <= when &&
			(c < 0 || world.timer[i].when < world.timer[c].when ||
				(world.timer[i].when == world.timer[c].when &&
					world.timer[i].armed < world.timer[c].armed)))
			c = i;
	if (c >= 0 &&
		(!t || world.timer[c].when < t->timer ||
			(world.timer[c].when == t->timer && world.timer[c].armed < t->armed))) {
		make_ready((struct ready){ A_CALLBACK, world.timer[c].statement, 0 });
		world.timer[c] = world.timer[--world.timers];
		return true;
	}
	if (t)
		task_timer(t);
	return t != NULL;
}

int64_t first_timer(void)
{
	int64_t first = FOREVER;

	for (int i = 0; i < TASKS; i++)
		if (world.task[i].timer < first)
			first = world.task[i].timer;
	for (int i = 0; i < world.timers; i++)
		if (world.timer[i].when < first)
			first = world.timer[i].when;
	return first;
}
