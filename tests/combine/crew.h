/* SPDX-License-Identifier: MIT */
/*
 * crew.h - the small coroutines that the tests of this room send out: each takes a while, then
 * succeeds, fails, or shrugs off a request to stop; and how many are still out.
 */
#ifndef TEST_CREW_H
#define TEST_CREW_H

#include "support.h"

struct hand {
	int64_t takes; /* ns; < 0: that many yields, negated */
	int comes_to;
	int shrugs; /* requests to stop that it does not heed */
	bool regardless; /* asked to stop it ends at once, and succeeds */
	int64_t cleanup; /* ns it needs once it was asked to stop */
	int began, ended, asked;
	int64_t at; /* when it ended */
};

static int out; /* hands that have begun and not ended */

static int work(void *arg)
{
	struct hand *h = arg;
	int r = 0;

	h->began++;
	out++;
	do {
		if (h->takes >= 0)
			r = awl_sleep(h->takes);
		for (int64_t i = h->takes; i < 0 && r >= 0; i++)
			r = awl_yield();
		h->asked += r == AWL_ECANCELED;
	} while (r == AWL_ECANCELED && h->asked <= h->shrugs);
	if (r == AWL_ECANCELED && h->cleanup) {
		awl_shield s;

		awl_shield_enter(&s, AWL_FOREVER);
		r = awl_shield_exit(&s, awl_sleep(h->cleanup));
		assert_int_equal(r, 0);
		r = AWL_ECANCELED;
	}
	out--;
	h->ended++;
	h->at = awl_loop_time(here());
	return r < 0 && !h->regardless ? r : h->comes_to;
}

static inline awl_task *send_off(struct hand *h)
{
	awl_task *t = NULL;

	assert_int_equal(awl_create_task(work, h, &t), 0);
	return t;
}

static inline awl_future *promise(void)
{
	awl_future *f = NULL;

	assert_int_equal(awl_loop_create_future(here(), 0, &f), 0);
	return f;
}

/* A callback that cancels its argument, some iterations from now. */
struct knife {
	awl_task *task;
	long turns;
	awl_handle handle;
	int asked; /* what awl_cancel said; -1: it has not come yet */
};

static inline int cut(void *arg)
{
	struct knife *k = arg;

	if (k->turns-- > 0)
		return awl_loop_call_soon(here(), cut, k, &k->handle);
	k->asked = awl_cancel(k->task, "cut");
	return 0;
}

static inline void throw_knife(struct knife *k, awl_task *task, long turns)
{
	*k = (struct knife){ .task = task, .turns = turns, .asked = -1 };
	assert_int_equal(awl_loop_call_soon(here(), cut, k, &k->handle), 0);
}

static inline void catch_knife(struct knife *k)
{
	assert_true(awl_handle_cancel(&k->handle) >= 0);
}

/* A plain future's end, some time from now. */
struct setter {
	awl_future *future;
	int outcome;
};

static inline int set_it(void *arg)
{
	struct setter *s = arg;

	if (awl_done(s->future))
		return 0;
	return s->outcome < 0 ? awl_future_set_exception(s->future, s->outcome)
			      : awl_future_set_result(s->future, s->outcome);
}

#endif
