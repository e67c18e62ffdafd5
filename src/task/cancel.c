/* SPDX-License-Identifier: MIT */
/*
 * cancel.c - asking to stop (A7). awl_cancel's request is counted and delivered once; a scope's is
 * delivered by every wait inside it. Neither interrupts what has already come to its end: a task in
 * the ready list resumes with its result, and the request stays for its next wait.
 */
#include "task/task.h"

/* So many waits after a request, and the task is told to have swallowed it. */
#define MORE_MAX 1000u

/* What one iteration of cancel may walk: a task that waits for a task that waits for ... */
static struct awl__task *sole_waiter_of(awl_future *f)
{
	struct awl__task *found = NULL;

	awl__list_each (node, &f->waiters) {
		struct awl__runnable *r = awl__runnable_at(node);

		if (r->kind != AWL__RUN_TASK)
			continue;
		if (found)
			return NULL;
		found = awl__task_of(r);
	}
	return found;
}

bool awl__awaited(const awl_future *f)
{
	awl__list_each (node, &f->waiters)
		if (awl__runnable_at(node)->kind == AWL__RUN_TASK)
			return true;
	return false;
}

/*
 * Its waits return at once and it waits again: it must not keep the others from running, and is
 * told of before long.
 */
static AWL__COLD void goes_on(struct awl__task *t)
{
	if (awl__task_extra(t) && ++t->extra->ignored == 1000 / AWL__BUDGET)
		awl__report(AWL_LOG_ERROR,
			"task %s goes on waiting although %s: some thousand waits have returned "
			"AWL_ECANCELED to it; return when one does",
			awl_task_get_name(&t->future),
			awl__task_loop(t)->closing ? "its loop closes" : "it was asked to stop");
	awl__task_pause(t);
}

/* awl_cancel's request has come: who swallows it is told of by the number of waits that follow. */
static void delivered(struct awl__task *t)
{
	t->must_cancel = false;
	if (!awl__task_extra(t))
		return;
	t->told = 1;
	t->extra->more = 0;
	t->extra->more_step = awl__task_loop(t)->steps;
}

/* A wait is told more than once; it lasts from one step to another. */
static void count_more(struct awl__task *t)
{
	uint64_t step = awl__task_loop(t)->steps;

	if (t->extra->more_step == step)
		return;
	t->extra->more_step = step;
	if (++t->extra->more == MORE_MAX)
		awl__report(AWL_LOG_WARNING,
			"task %s was asked to stop (%s), swallowed it and has done %u more waits; "
			"return when a wait returns AWL_ECANCELED, or call awl_uncancel",
			awl_task_get_name(&t->future), awl_cancel_reason(&t->future),
			t->extra->more);
}

void awl__task_ends_told(struct awl__task *t, uint8_t state, int outcome)
{
	awl_loop *l = awl__task_loop(t);

	if (!l->debug || state == AWL__CANCELLED || !t->cancelling)
		return;
	awl__report(AWL_LOG_WARNING,
		"task %s was asked to stop (%s), did %u more waits and ended with %d all the same; "
		"call awl_uncancel where that is meant",
		awl_task_get_name(&t->future), awl_cancel_reason(&t->future),
		t->extra->more + (t->extra->more_step != l->steps), outcome);
}

int awl__deliver_slow(struct awl__task *t)
{
	if (t->must_cancel && !t->shield) {
		delivered(t);
		return AWL_ECANCELED;
	}
	if (t->told && !t->shield)
		count_more(t);
	if (!t->level || t->level < t->shield)
		return 0;
	if (awl__unlikely(--awl__task_loop(t)->budget <= 0))
		goes_on(t);
	return AWL_ECANCELED;
}

/* The future that a request to t goes down to: what it alone awaits; NULL: t itself is interrupted,
 * also where that waits for t in turn: an owner in whose group t is, say, would never let go. */
static awl_future *goes_down_to(struct awl__task *t)
{
	awl_future *f;

	if (t->future.row.waits != AWL__WAITS_FUTURE)
		return NULL;
	f = (awl_future *)(uintptr_t)t->waits_on;
	return sole_waiter_of(f) == t && !awl__waits_for(f, t) ? f : NULL;
}

/* Ends t's wait early: it becomes ready, now or once the kernel has let go. */
static void interrupt(struct awl__task *t)
{
	switch ((enum awl__waits)t->future.row.waits) {
	case AWL__WAITS_FD:
	case AWL__WAITS_THREAD:
		awl__reactor_cancel(
			awl__task_loop(t)->reactor, (struct awl__op *)(uintptr_t)t->waits_on);
		return;
	case AWL__WAITS_SLEEP:
	case AWL__WAITS_GROUP:
		break; /* in no list */
	default:
		/* The queue may lie in storage that is gone: then its neighbours do not know it. */
		if (awl__likely(awl__list_joined(&t->ready.link)))
			awl__list_remove(&t->ready.link);
	}
	t->interrupted = true;
	awl__wake(t);
}

/* Where a task was made is kept elsewhere from now on. */
static void set_reason(awl_future *f, const char *reason)
{
	struct awl__task *t = (struct awl__task *)f;

	if (awl__unlikely(f->row.flags & AWL__PLACED) && awl__is_task(f) && awl__task_extra(t))
		t->extra->place = f->place;
	f->row.flags &= (uint8_t)~AWL__PLACED;
	f->reason = reason;
}

const void *awl__future_made(const awl_future *f)
{
	const struct awl__task *t = (const struct awl__task *)f;

	if (f->row.flags & AWL__PLACED)
		return f->place;
	return awl__is_task(f) && t->extra ? t->extra->place : NULL;
}

static int request(awl_future *f, const char *reason, bool counted)
{
	for (;; counted = true) {
		struct awl__task *t;
		awl_future *down;

		if (awl__is_done(f))
			return 0;
		set_reason(f, reason);
		if (!awl__is_task(f)) {
			awl__future_complete(f, AWL__CANCELLED, AWL_EFUTURECANCELED);
			return 1;
		}
		t = (struct awl__task *)f;
		if (counted) {
			t->cancelling = (t->cancelling + (t->cancelling < AWL__CANCELLING_MAX)) &
				AWL__CANCELLING_MAX;
			t->must_cancel = true;
		}
		if (!awl__parked(t) || !awl__asked(t))
			return 1;
		down = goes_down_to(t);
		if (!down) {
			interrupt(t);
			return 1;
		}
		f = down;
	}
}

int awl__future_cancel(awl_future *f, const char *reason)
{
	return request(f, reason, true);
}

void awl__task_attend(struct awl__task *t)
{
	request(&t->future, awl__reason(&t->future), false);
}

void awl__task_ask(struct awl__task *t, uint16_t depth, const char *reason)
{
	if (t->level < depth)
		t->level = depth;
	request(&t->future, reason, false);
}

void awl__scope_ask(struct awl__scope *s, const char *reason)
{
	if (s->asked)
		return;
	s->asked = true;
	s->reason = reason;
	if (s->kind == AWL__SCOPE_GROUP) {
		s->cut = s->alive > 0;
		awl__list_each_safe (node, &s->children)
			awl__task_ask(awl__container(node, struct awl__task, sibling), 1, reason);
	}
	awl__task_ask(s->task, s->depth, reason);
}

int awl_cancel(awl_future *future, const char *reason)
{
	int r;

	AWL__NOT_NULL(future);
	AWL__CLAIM(future->row.loop, "awl_cfuture_cancel");
	awl__future_ref(future); /* its last waiter may give it up */
	r = request(future, reason, true);
	awl__future_unref(future);
	return r;
}

static int not_a_task(const char *call)
{
	return awl__fail(-EINVAL, "%s: this future is not a task", call);
}

int awl_cancelling(const awl_task *task)
{
	AWL__NOT_NULL(task);
	AWL__CLAIM_READ(
		task->row.loop, "awl_call_soon_threadsafe with a callback that asks", claimed_);
	if (!awl__is_task(task))
		return not_a_task(__func__);
	return ((const struct awl__task *)task)->cancelling;
}

int awl_uncancel(awl_task *task)
{
	struct awl__task *t = (struct awl__task *)task;

	AWL__NOT_NULL(task);
	AWL__CLAIM(task->row.loop, AWL__BY_CALLBACK);
	if (!awl__is_task(task))
		return not_a_task(__func__);
	if (t->cancelling && --t->cancelling == 0) {
		t->must_cancel = false;
		t->told = 0;
	}
	return t->cancelling;
}
