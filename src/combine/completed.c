/* SPDX-License-Identifier: MIT */
/*
 * completed.c - futures in the order in which they get done. What the loop reaches between two
 * calls of next lies in a block of its own and not in the user's frame: an iterator that is
 * forgotten costs memory, and harms nothing.
 */
#include "base/alloc.h"
#include "base/clock.h"
#include "combine/watch.h"

struct awl__completions {
	awl_loop *loop;
	struct awl__watcher watcher;
	int64_t until; /* by the loop's clock; INT64_MAX: no limit */
	size_t n;
	struct awl__watch watches[];
};

static int refuse(awl_as_completed *it, int err)
{
	it->_core = NULL;
	it->_refused = err;
	return err;
}

int awl_as_completed_enter(
	awl_as_completed *it, awl_future *const *futures, size_t n, int64_t timeout)
{
	static struct awl__call call = { __func__, "awl_run_coroutine_threadsafe", 0, 0 };
	struct awl__completions *c;
	struct awl__task *t;
	int r;

	AWL__NOT_NULL(it);
	r = awl__watch_check(futures, n, &t, &call);
	if (r < 0)
		return refuse(it, r);
	if (n > (SIZE_MAX - sizeof *c) / sizeof c->watches[0] ||
		!(c = awl__alloc(sizeof *c + n * sizeof c->watches[0])))
		return refuse(it, -ENOMEM);
	c->loop = awl__task_loop(t);
	c->until = timeout == AWL_FOREVER
		? INT64_MAX
		: awl__clock_after(awl__reactor_now(c->loop->reactor), timeout);
	c->n = n;
	awl__watcher_init(&c->watcher, AWL__UNTIL_ONE, false);
	for (size_t i = 0; i < n; i++)
		awl__watch_add(&c->watcher, &c->watches[i], futures[i]);
	it->_core = c;
	it->_refused = 0;
	return 0;
}

/* Until one is there: 0, -ETIMEDOUT, AWL_ECANCELED. */
static int wait_for_one(struct awl__task *t, struct awl__completions *c)
{
	awl_timeout limit;
	int r = awl_timeout_enter_at(&limit, c->until);

	if (r == 0)
		r = awl__deliver(t);
	while (r == 0 && awl__list_empty(&c->watcher.done))
		r = awl__watcher_wait(t, &c->watcher);
	return awl_timeout_exit(&limit, r);
}

int awl_as_completed_next(awl_as_completed *it, awl_future **ret)
{
	struct awl__completions *c;
	struct awl__watch *n;
	struct awl__task *t;
	int r;

	AWL__NOT_NULL(it);
	AWL__NOT_NULL(ret);
	c = it->_core;
	if (!c)
		return it->_refused ? it->_refused
				    : awl__fail(AWL_ESCOPE,
					      "awl_as_completed_next: it was not entered, or "
					      "has been left");
	AWL__CLAIM(c->loop, "awl_as_completed in a task of its own");
	r = awl__self_begin(&t, __func__);
	if (r < 0)
		return r;
	if (awl__list_empty(&c->watcher.done)) {
		if (c->watcher.left == 0)
			return 0;
		if (!awl__list_empty(&c->watcher.queue))
			return awl__fail(-EBUSY, "awl_as_completed_next: another task waits in it");
		r = wait_for_one(t, c);
		if (r < 0)
			return r;
	} else if (--c->loop->budget <= 0) {
		awl__task_pause(t);
	}
	n = awl__container(c->watcher.done.next, struct awl__watch, node._ready.link);
	*ret = n->future;
	awl__watch_drop(n); /* the caller has a reference of its own */
	return 1;
}

int awl_as_completed_exit(awl_as_completed *it, int status)
{
	struct awl__completions *c;

	AWL__NOT_NULL(it);
	c = it->_core;
	if (!c)
		return status;
	AWL__CLAIM(c->loop, "awl_as_completed in a task of its own");
	for (size_t i = 0; i < c->n; i++)
		awl__watch_drop(&c->watches[i]);
	awl__free(c);
	it->_core = NULL;
	return status;
}
