/* SPDX-License-Identifier: MIT */
/*
 * abandon.c - a function in a thread whose task may leave it there: it works on a copy, which goes
 * back to the task, or to nobody.
 */
#include "base/alloc.h"
#include "thread/errand.h"
#include "thread/executor.h"

#include <awl/executor.h>

#include <string.h>

struct loner {
	struct awl__errand errand;
	struct awl__job job;
	awl_fn *fn;
	void (*drop)(void *copy);
	int value;
	bool ran; /* the thread's, until the errand is back */
	bool taken;
	_Alignas(16) unsigned char copy[];
};

static int in_thread(void *arg)
{
	struct loner *lo = arg;

	lo->value = lo->fn(lo->copy);
	lo->ran = true;
	return 0;
}

static void job_done(struct awl__job *job)
{
	awl__errand_return(&awl__container(job, struct loner, job)->errand);
}

static void end(struct awl__errand *e)
{
	struct loner *lo = awl__container(e, struct loner, errand);

	if (lo->ran && !lo->taken && lo->drop)
		lo->drop(lo->copy);
	awl__free(lo);
}

static struct loner *loner_new(awl_loop *l, uint8_t kind, awl_fn *fn, const void *arg, size_t size)
{
	struct loner *lo;

	if (size > SIZE_MAX - sizeof *lo || !(lo = awl__alloc(sizeof *lo + size)))
		return NULL;
	memset(lo, 0, sizeof *lo);
	lo->fn = fn;
	if (size)
		memcpy(lo->copy, arg, size);
	lo->job = (struct awl__job){
		.fn = in_thread,
		.arg = lo,
		.done = job_done,
		.kind = kind,
	};
	awl__errand_begin(&lo->errand, l, end);
	return lo;
}

/* The thread's reference, where no thread has it. */
static void never_begun(struct loner *lo)
{
	awl__errand_unref(&lo->errand);
}

int awl__executor_leave(struct awl__task *t, struct awl__pool *pool, uint8_t kind, awl_fn *fn,
	void *arg, size_t size, void (*drop)(void *copy), const char *call)
{
	struct loner *lo = loner_new(awl__task_loop(t), kind, fn, arg, size);
	int r;

	if (!lo)
		return -ENOMEM;
	lo->drop = drop;
	r = awl__pool_submit_to(pool, &lo->job);
	if (r < 0) {
		never_begun(lo);
		r = awl__executor_refused(r, call);
	} else if ((r = awl__errand_wait(&lo->errand, t)) == 0) {
		lo->taken = true;
		r = awl__executor_value(lo->value);
		if (size)
			memcpy(arg, lo->copy, size);
	} else if (awl__pool_cancel(&lo->job)) {
		never_begun(lo);
	}
	awl__errand_unref(&lo->errand);
	return r;
}

int awl_executor_run_abandonable(
	awl_executor *executor, awl_fn *fn, void *arg, size_t size, void (*drop)(void *copy))
{
	struct awl__pool *pool = NULL;
	struct awl__task *t;
	int r = awl__executor_begin(executor, fn, &t, &pool, __func__);

	if (r < 0)
		return r;
	if (size && !arg)
		return awl__fail(-EINVAL, "%s: a copy of a NULL argument", __func__);
	return awl__executor_leave(t, pool, AWL__JOB_USER, fn, arg, size, drop, __func__);
}
