/* SPDX-License-Identifier: MIT */
/*
 * order.c - a test that says what comes before what: when all others are blocked, or by numbers.
 */
#include "task/task.h"

#include <awl/test.h>

/*
 * A timer that is due already fires when the loop has nothing else to do, or when it looks at the
 * clock on its way: then others are ready, or become so ahead of it, and it is armed again.
 */
int awl_test_wait_blocked(void)
{
	struct awl__task *t;
	awl_loop *l;
	int r = awl__self_begin(&t, __func__);

	if (r < 0)
		return r;
	l = awl__task_loop(t);
	do {
		int64_t now = awl__reactor_now(l->reactor);

		if (!awl__park(t, AWL__WAITS_SLEEP, (uint64_t)now, now))
			r = awl__deliver(t);
	} while (r == 0 && !(awl__list_empty(&l->ready) && awl__list_empty(&l->batch)));
	return r;
}

/* On the stack of a task that waits for its turn. */
struct turn {
	struct awl__list link, queue; /* among the others; itself */
	int step;
};

static struct awl__list *waiters(awl_test_sequencer *s)
{
	if (!s->_waiters.next)
		awl__list_init(&s->_waiters);
	return &s->_waiters;
}

/* Who waits for the step that is next now; in a broken order everybody. */
static void wake(awl_test_sequencer *s)
{
	awl__list_each (node, waiters(s)) {
		struct turn *w = awl__container(node, struct turn, link);

		if (s->_broken || w->step == s->_next)
			awl__wake_first(&w->queue);
	}
}

static int wait_for_turn(struct awl__task *t, awl_test_sequencer *s, int step)
{
	struct turn w = { .step = step };
	int r = 0;

	awl__list_init(&w.queue);
	awl__list_push(waiters(s), &w.link);
	while (r == 0 && !s->_broken && step > s->_next)
		r = awl__wait_in(t, &w.queue, AWL__WAITS_EVENT, s);
	awl__list_remove(&w.link);
	return r;
}

int awl_test_sequence(awl_test_sequencer *sequencer, int step)
{
	struct awl__task *t;
	int r;

	AWL__NOT_NULL(sequencer);
	r = awl__self(&t, __func__);
	if (r < 0)
		return r;
	r = awl__wait_begin(t);
	if (r == 0)
		r = wait_for_turn(t, sequencer, step);
	if (r < 0) {
		sequencer->_broken = 1;
		wake(sequencer);
		return r;
	}
	if (sequencer->_broken)
		return awl__fail(AWL_EBROKEN,
			"awl_test_sequence: another task was stopped before its step, so step %d "
			"never comes",
			step);
	if (step < sequencer->_next)
		return awl__fail(-EINVAL, "awl_test_sequence: step %d has been taken", step);
	sequencer->_next++;
	wake(sequencer);
	return 0;
}
