/* SPDX-License-Identifier: MIT */
/*
 * executor.c - plain functions in threads, for tasks that wait.
 *
 * An executor is a pool. A task's call is an operation of the reactor on the task's own stack: one
 * that has begun cannot be taken back, so a cancelled task stays parked until it is done (A8).
 */
#include "base/alloc.h"
#include "thread/executor.h"
#include "task/local.h"

static int check(const awl_executor_options *o)
{
	if (o->threads < 0 || o->threads > 4096)
		return awl__fail(-EINVAL, "awl_executor_new: threads is 0 ... 4096");
	if (o->queue < 0 || o->idle < 0 || o->late < 0)
		return awl__fail(-EINVAL, "awl_executor_new: a negative option");
	return 0;
}

int awl_executor_new(const awl_executor_options *options, awl_executor **ret)
{
	static const awl_executor_options none;
	const awl_executor_options *o = options ? options : &none;
	struct awl__pool *p;
	int r;

	AWL__NOT_NULL(ret);
	r = check(o);
	if (r < 0)
		return r;
	r = awl__pool_new(
		&(struct awl__pool_options){
			.name = o->name ? o->name : "awl-executor",
			.threads = (unsigned)o->threads,
			.queue = (unsigned)o->queue,
			.idle = o->idle,
			.late = o->late ? o->late : AWL__POOL_LATE,
		},
		&p);
	if (r == 0)
		*ret = (awl_executor *)p;
	return r;
}

awl_executor *awl_executor_ref(awl_executor *executor)
{
	if (executor && !awl__pool_inherited(awl__executor_pool(executor)))
		awl__pool_ref(awl__executor_pool(executor));
	return executor;
}

void awl_executor_unref(awl_executor *executor)
{
	if (executor)
		awl__pool_unref(awl__executor_pool(executor));
}

int awl__executor_inherited(const char *call)
{
	return awl__fail(
		AWL_EFORK, "%s: this executor was made before fork; a child makes its own", call);
}

/* Where a function of this task goes: *ret NULL is the process's pool. */
static int choose(
	awl_executor *executor, struct awl__task *t, struct awl__pool **ret, const char *call)
{
	if (executor && awl__pool_inherited(awl__executor_pool(executor)))
		return awl__executor_inherited(call);
	*ret = executor ? awl__executor_pool(executor) : awl__task_loop(t)->pool;
	return 0;
}

int awl__executor_refused(int err, const char *call)
{
	if (err == AWL_ESHUTDOWN)
		return awl__fail(err, "%s: this executor was shut down", call);
	if (err == -EAGAIN)
		return awl__fail(err,
			"%s: as many functions wait for a thread as may, or the system gives no "
			"thread",
			call);
	return err;
}

/* --- a function with a task that stays
 * --------------------------------------------------------- */

struct call {
	struct awl__op op;
	struct awl__task *task;
	awl_fn *fn;
	void *arg;
	int value;
	bool ran;
};

static int in_thread(void *arg)
{
	struct call *c = arg;

	/* Its task is parked until we return: nobody changes them, or gives them up. */
	awl__thread_locals = c->task->extra ? c->task->extra->locals : NULL;
	c->value = c->fn(c->arg);
	awl__thread_locals = NULL;
	c->ran = true;
	return 0;
}

int awl__executor_stay(struct awl__task *t, struct awl__pool *pool, uint8_t kind, awl_fn *fn,
	void *arg, const char *call)
{
	awl_loop *l = awl__task_loop(t);
	struct call c = { .task = t, .fn = fn, .arg = arg };
	int r;

	c.op = (struct awl__op){ .kind = AWL__OP_WORK, .fd = -1, .wakes = &t->ready };
	c.op.u.work.fn = in_thread;
	c.op.u.work.arg = &c;
	c.op.u.work.pool = pool;
	c.op.u.work.kind = kind;
	do {
		r = awl__reactor_submit(l->reactor, &c.op);
		if (r < 0)
			return awl__executor_refused(r, call);
		awl__loop_look(l);
		awl__park(t, AWL__WAITS_THREAD, (uintptr_t)&c.op, INT64_MAX);
		if (c.ran)
			return awl__executor_value(c.value);
		r = awl__deliver(t);
	} while (r == 0); /* the request was taken back meanwhile */
	return r;
}

int awl__executor_begin(awl_executor *executor, awl_fn *fn, struct awl__task **t,
	struct awl__pool **pool, const char *call)
{
	int r;

	if (!fn)
		return awl__fail(-EINVAL, "%s: fn is NULL", call);
	r = awl__self_begin(t, call);
	return r < 0 ? r : choose(executor, *t, pool, call);
}

int awl_executor_run(awl_executor *executor, awl_fn *fn, void *arg)
{
	struct awl__pool *pool = NULL;
	struct awl__task *t;
	int r = awl__executor_begin(executor, fn, &t, &pool, __func__);

	return r < 0 ? r : awl__executor_stay(t, pool, AWL__JOB_USER, fn, arg, __func__);
}

int awl_to_thread(awl_fn *fn, void *arg)
{
	struct awl__pool *pool = NULL;
	struct awl__task *t;
	int r = awl__executor_begin(NULL, fn, &t, &pool, __func__);

	return r < 0 ? r : awl__executor_stay(t, pool, AWL__JOB_USER, fn, arg, __func__);
}

/* --- a function as a future
 * -------------------------------------------------------------------- */

/* A task that does the above: its cancel, its failure and its end are a task's. */
struct promise {
	awl_executor *executor;
	awl_fn *fn;
	void *arg;
	awl_done_callback done;
};

static int keep(void *arg)
{
	struct promise *p = arg;

	return awl_executor_run(p->executor, p->fn, p->arg);
}

static void promise_done(awl_future *f, void *arg)
{
	struct promise *p = arg;

	(void)f;
	awl_executor_unref(p->executor);
	awl__free(p);
}

int awl_run_in_executor(awl_executor *executor, awl_fn *fn, void *arg, awl_future **ret)
{
	awl_loop *l = awl__thread->running;
	struct promise *p;
	awl_task *t;
	int r;

	AWL__NOT_NULL(fn);
	if (!l)
		return awl__self_refused(__func__);
	if (executor && awl__pool_inherited(awl__executor_pool(executor)))
		return awl__executor_inherited(__func__);
	if (!(p = awl__alloc_zero(sizeof *p)))
		return -ENOMEM;
	p->fn = fn;
	p->arg = arg;
	r = awl__task_new(l, NULL, keep, p, NULL, &t);
	if (r < 0) {
		awl__free(p);
		return r;
	}
	p->executor = awl_executor_ref(executor);
	r = awl_future_add_done_callback(t, promise_done, p, &p->done);
	assert(r == 0); /* in the caller's storage it cannot fail */
	if (ret) {
		awl__hand_out(t);
		*ret = t;
	} else {
		awl__future_unref(t);
	}
	return 0;
}

int awl_loop_set_default_executor(awl_loop *loop, awl_executor *executor)
{
	struct awl__pool *old;

	AWL__NOT_NULL(loop);
	if (executor && awl__pool_inherited(awl__executor_pool(executor)))
		return awl__executor_inherited(__func__);
	AWL__CLAIM(loop, "awl_call_soon_threadsafe with a callback that sets it");
	old = loop->pool;
	loop->pool = executor ? awl__pool_ref(awl__executor_pool(executor)) : NULL;
	if (old)
		awl__pool_unref(old);
	return 0;
}
