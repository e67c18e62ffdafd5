/* SPDX-License-Identifier: MIT */
/*
 * iterate.c - the iteration: inbox, kernel, clock, then a snapshot of what is ready (A9).
 *
 * Within one iteration: what was ready already, then what other threads left, then completed
 * operations, then due timers by deadline; each in the order it came.
 */
#include "loop/claim.h"
#include "loop/watchdog.h"

#include <stdlib.h>
#include <unistd.h>

/* Before a sleep of at least this long, idle stacks give memory back: a few at a time, and not
 * before each, of which a loaded server has thousands a second. */
#define TRIM_SLEEP AWL_MS
#define TRIM_STACKS 16u
#define TRIM_EVERY (100 * AWL_MS)

void awl__loop_collect(awl_loop *l)
{
	struct awl__parcel **end = &l->arrived;

	while (*end)
		end = &(*end)->next;
	*end = awl__inbox_take(&l->inbox);
}

/* One at a time: opening one may cancel another. */
void awl__loop_unpack(awl_loop *l)
{
	struct awl__parcel *p;

	awl__loop_collect(l);
	while ((p = l->arrived)) {
		l->arrived = p->next;
		p->open(l, p);
		awl__loop_still_here(l);
	}
}

void awl__loop_not_here(void)
{
	static const char words[] =
		"awl: a task's or callback's function returned in a fork's child: the child may "
		"only exec, _exit, or run a loop of its own; it exits now\n";

	if (write(STDERR_FILENO, words, sizeof words - 1) < 0)
		_exit(EXIT_FAILURE);
	_exit(EXIT_FAILURE);
}

static void fire_timers(awl_loop *l)
{
	while (awl__heap_first(&l->timers) <= l->now) {
		struct awl__heap_node *n = l->timers.at[0].node;

		awl__heap_remove(&l->timers, n);
		if (n->kind == AWL__TIMER_HANDLE)
			awl__handle_due(l, n);
		else
			l->hooks->timer(l, n);
	}
}

int64_t awl__loop_sleep_until(awl_loop *l)
{
	int64_t first = awl__heap_first(&l->timers);

	if (l->virtual_time || !l->stacks.trim_due || first < l->now + TRIM_SLEEP)
		return first;
	if (l->now >= l->trim_at) {
		awl__stack_trim(&l->stacks, TRIM_STACKS);
		l->trim_at = l->now + TRIM_EVERY;
	}
	/* It takes two looks to see that a stack is not in use any more. */
	if (first > l->trim_at && l->stacks.trim_due)
		first = l->trim_at;
	return first;
}

/* Waits if there is nothing else to do, else only looks. */
static int look(awl_loop *l)
{
	int64_t deadline = INT64_MIN;
	int r;

	if (awl__list_empty(&l->ready) && !l->halt) {
		deadline = awl__loop_sleep_until(l);
		if (!awl__inbox_arm(&l->inbox)) {
			awl__loop_unpack(l);
			deadline = INT64_MIN;
		}
	}
	r = awl__reactor_wait(l->reactor, deadline);
	if (deadline != INT64_MIN)
		awl__watch_wakes();
	awl__loop_unpack(l);
	return r < 0 ? r : 0;
}

static int turn(awl_loop *l)
{
	bool idle, due;
	int r = 0;

	awl__loop_unpack(l);
	idle = awl__list_empty(&l->ready);
	due = l->steps >= l->look_due || l->halt;
	if (idle || (due && (l->reactor->in_flight || l->timers.count)))
		r = look(l);
	if (idle || due) {
		l->look_due = l->steps +
			(l->reactor->in_flight || l->timers.count ? AWL__LOOK_EVERY
								  : AWL__LOOK_RARELY);
		l->now = awl__reactor_now(l->reactor);
		fire_timers(l);
	}
	l->iterations++;
	awl__list_splice(&l->batch, &l->ready);
	return r;
}

static void run_batch(awl_loop *l)
{
	struct awl__list *node;

	while ((node = awl__list_pop(&l->batch))) {
		struct awl__runnable *r = awl__runnable_at(node);

		r->queued = 0;
		l->steps++;
		if (awl__unlikely(l->trace != NULL))
			l->trace(l, r);
		if (r->kind == AWL__RUN_HANDLE)
			awl__handle_run(l, r);
		else
			l->hooks->run(l, r);
		awl__loop_still_here(l);
	}
}

int awl__loop_iterate(awl_loop *l)
{
	int r;

	do {
		r = turn(l);
		if (r < 0)
			return awl__fail(r, "the %s reactor failed: %s", l->reactor->class->name,
				awl_strerror(r));
		run_batch(l);
	} while (!l->halt);
	return 0;
}

int awl_loop_stop(awl_loop *loop)
{
	if (!loop)
		return awl__fail(-EINVAL, "awl_loop_stop: loop is NULL");
	AWL__CLAIM(loop, "awl_call_soon_threadsafe with a callback that stops it");
	loop->stopped = true;
	loop->halt = true;
	return 0;
}
