/* SPDX-License-Identifier: MIT */
/*
 * scenes.h - what the scenes of this room share: a clock that ticks once an iteration, so that an
 * interleaving is the same on every reactor and costs no time; a trace of what happened in which
 * order; and the players that most scenes need.
 */
#ifndef TEST_SCENES_H
#define TEST_SCENES_H

#include "support.h"

#include <awl/errors.h>

#define MS AWL_MS

/* --- what happened, a letter each ------------------------------------------------------------- */

static char trace[1024];

static inline void note(char what)
{
	size_t n = strlen(trace);

	assert_true(n + 1 < sizeof trace);
	trace[n] = what;
	trace[n + 1] = '\0';
}

/* --- the clock of iterations ------------------------------------------------------------------ */

struct nap {
	struct nap *next;
	awl_future *until;
	int64_t when;
};

static struct {
	struct nap *first;
	int64_t now;
	awl_handle handle;
	bool ticks;
} ticker;

static inline int tick(void *loop)
{
	ticker.now++;
	for (struct nap *n = ticker.first; n; n = n->next)
		if (n->when <= ticker.now && !awl_done(n->until))
			awl_future_set_result(n->until, 0);
	ticker.ticks = ticker.first != NULL;
	return ticker.ticks ? awl_loop_call_soon(loop, tick, loop, &ticker.handle) : 0;
}

/* Waits for so many iterations: 0, or why not. */
static inline int nap(int64_t ticks)
{
	struct nap me = { .when = ticker.now + ticks }, **at = &ticker.first;
	int r;

	assert_int_equal(awl_loop_create_future(here(), 0, &me.until), 0);
	while (*at)
		at = &(*at)->next;
	*at = &me;
	if (!ticker.ticks)
		assert_int_equal(awl_loop_call_soon(here(), tick, here(), &ticker.handle), 0);
	ticker.ticks = true;
	r = awl_await(me.until);
	for (at = &ticker.first; *at != &me; at = &(*at)->next)
		;
	*at = me.next;
	awl_unref(me.until);
	return r;
}

/* A body as the main task of a fresh loop: nothing of an earlier scene is left, nor of this one. */
static inline void scene(awl_fn *body)
{
	memset(&ticker, 0, sizeof ticker);
	trace[0] = '\0';
	in_loop(body, NULL);
}

/* The same in virtual time, where a sleep is exact and free. */
static inline void timed_scene(awl_fn *body)
{
	memset(&ticker, 0, sizeof ticker);
	trace[0] = '\0';
	in_sim(body, NULL);
}

/* --- players ---------------------------------------------------------------------------------- */

/* What one does: naps, then returns `outcome`; a nap that fails is noted and returned, or, with
 * `instead`, that is returned. */
struct part {
	int64_t naps;
	int outcome, instead;
	char done, stopped;
};

static inline int player(void *arg)
{
	const struct part *p = arg;
	int r = nap(p->naps);

	if (r < 0) {
		if (p->stopped)
			note(p->stopped);
		return p->instead ? p->instead : r;
	}
	if (p->done)
		note(p->done);
	return p->outcome;
}

static inline void enter(awl_task_group *g)
{
	assert_int_equal(awl_task_group_enter(g), 0);
}

static inline awl_task *child(awl_task_group *g, awl_fn *fn, const void *arg)
{
	awl_task *t = NULL;

	assert_int_equal(awl_task_group_create_task(g, fn, (void *)(uintptr_t)arg, &t), 0);
	return t;
}

static inline awl_future *promise(void)
{
	awl_future *f = NULL;

	assert_int_equal(awl_loop_create_future(here(), 0, &f), 0);
	return f;
}

static inline int await_it(void *future)
{
	return awl_await(future);
}

static inline int yields(int n)
{
	int r = 0;

	while (n-- > 0 && r == 0)
		r = awl_yield();
	return r;
}

/* Nothing of a task or scope is armed; but for this many timers. */
static inline void assert_timers(uint32_t n)
{
	assert_int_equal(here()->timers.count, n);
}

#endif
