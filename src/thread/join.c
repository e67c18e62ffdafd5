/* SPDX-License-Identifier: MIT */
/*
 * join.c - the end of an executor: a thread blocks until its last thread is gone, a task waits.
 */
#include "base/alloc.h"
#include "base/clock.h"
#include "thread/errand.h"
#include "thread/executor.h"

struct farewell {
	struct awl__errand errand;
	struct awl__pool_watch watch;
};

/* In the last thread. */
static void gone(struct awl__pool_watch *w)
{
	awl__errand_return(&awl__container(w, struct farewell, watch)->errand);
}

static void end(struct awl__errand *e)
{
	awl__free(awl__container(e, struct farewell, errand));
}

/* In a frame of its own, within the time-out's. */
static int wait_in_task(void *pool)
{
	struct farewell *f;
	struct awl__task *t;
	int r = awl__self_begin(&t, "awl_executor_join");

	if (r < 0)
		return r;
	if (!(f = awl__alloc_zero(sizeof *f)))
		return -ENOMEM;
	awl__errand_begin(&f->errand, awl__task_loop(t), end);
	f->watch.gone = gone;
	if (!awl__pool_watch(pool, &f->watch))
		awl__errand_unref(&f->errand);
	else if ((r = awl__errand_wait(&f->errand, t)) < 0 && awl__pool_unwatch(&f->watch))
		awl__errand_unref(&f->errand);
	awl__errand_unref(&f->errand);
	return r;
}

int awl_executor_shutdown(awl_executor *executor)
{
	AWL__NOT_NULL(executor);
	if (awl__pool_inherited(awl__executor_pool(executor)))
		return awl__executor_inherited(__func__);
	awl__pool_shut(awl__executor_pool(executor));
	return 0;
}

int awl_executor_join(awl_executor *executor, int64_t timeout)
{
	struct awl__pool *p = awl__executor_pool(executor);
	struct awl__task *t;
	int r;

	if (awl__pool_is_here(p))
		return awl__fail(AWL_EDEADLK,
			"awl_executor_join: called in one of its own threads, which would wait for "
			"itself");
	r = executor ? awl_executor_shutdown(executor) : 0;
	if (r < 0)
		return r;
	if (awl__thread->running)
		return awl__self(&t, __func__) < 0 ? AWL_ENOTASK
						   : awl_wait_for(timeout, wait_in_task, p);
	if (!awl__pool_join(p, awl__clock_after(awl__clock_now(), timeout)))
		return awl__fail(-ETIMEDOUT, "awl_executor_join: a function of it still runs");
	return 0;
}
