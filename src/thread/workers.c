/* SPDX-License-Identifier: MIT */
/*
 * workers.c - N loops on N threads. The first failure is kept by compare-and-swap, and whoever has
 * set it stops the others: by a callback in each loop, which cancels its main task.
 */
#include "base/alloc.h"
#include "task/task.h"

#include <awl/workers.h>

#include <pthread.h>
#include <sched.h>
#include <stdio.h>

struct worker {
	awl_workers *all;
	int index;
	pthread_t thread;
	awl_loop *loop;
	awl_task *main; /* the loop thread's, as is `stopped`; NULL before and after */
	bool stopped;
	awl_handle stop;
};

struct awl_workers {
	int count, started;
	bool pinned;
	cpu_set_t cpus;
	awl_worker_fn *fn;
	void *arg;
	uint64_t process;
	_Atomic bool stopping; /* who sets it tells the loops */
	_Atomic int failure; /* the first in time */
	_Atomic(const char *) reason;
	struct worker worker[];
};

/* --- in the workers' threads
 * ------------------------------------------------------------------- */

static int serve(void)
{
	int r = 0;

	while (r == 0)
		r = awl_sleep(AWL_FOREVER);
	return r;
}

static int main_task(void *arg)
{
	struct worker *w = arg;
	awl_workers *all = w->all;
	int r;

	w->main = awl_current_task();
	if (w->stopped) /* before it had begun */
		awl_cancel(w->main, awl__load(&all->reason));
	r = all->fn ? all->fn(all, w->index, all->arg) : serve();
	w->main = NULL;
	return r;
}

static int stop_main(void *arg)
{
	struct worker *w = arg;

	w->stopped = true;
	if (w->main)
		awl_cancel(w->main, awl__load(&w->all->reason));
	return 0;
}

static void stop_all(awl_workers *all, const char *reason)
{
	bool first = false;

	if (!atomic_compare_exchange_strong(&all->stopping, &first, true))
		return;
	awl__store(&all->reason, reason);
	for (int i = 0; i < all->count; i++) /* a loop that is closed needs no telling */
		awl_call_soon_threadsafe(
			all->worker[i].loop, stop_main, &all->worker[i], &all->worker[i].stop);
}

static void fail(awl_workers *all, int err)
{
	int none = 0;

	if (awl__cas(&all->failure, &none, err))
		stop_all(all, "another worker has failed");
}

/* The index-th of the CPUs we were given, in turn. */
static void pin(awl_workers *all, int index)
{
	int nth = index % CPU_COUNT(&all->cpus);
	cpu_set_t one;

	CPU_ZERO(&one);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &all->cpus) && nth-- == 0)
			CPU_SET(cpu, &one);
	sched_setaffinity(0, sizeof one, &one);
}

static void *worker_thread(void *arg)
{
	struct worker *w = arg;
	awl_workers *all = w->all;
	char name[16];
	int r, closed;

	snprintf(name, sizeof name, "awl-worker-%d", w->index % 1000);
	pthread_setname_np(pthread_self(), name);
	if (all->pinned)
		pin(all, w->index);
	r = awl_loop_run_until_complete(w->loop, main_task, w);
	if (r == AWL_EFUTURECANCELED && awl__load_acquire(&all->stopping))
		r = 0; /* as it was asked to */
	if (r < 0)
		fail(all, r);
	closed = awl_loop_close(w->loop);
	if (closed < 0)
		fail(all, closed);
	return NULL;
}

/* --- in the thread that wants them
 * ------------------------------------------------------------- */

static void workers_free(awl_workers *all)
{
	for (int i = 0; i < all->count; i++)
		awl_loop_unref(all->worker[i].loop);
	awl__free(all);
}

static int make_loops(awl_workers *all, const awl_loop_options *options, int count)
{
	for (int i = 0; i < count; i++) {
		awl_loop_options o = *options;
		char name[48];
		int r;

		if (o.name) {
			snprintf(name, sizeof name, "%.20s-%d", o.name, i);
			o.name = name;
		}
		r = awl_loop_new(&o, &all->worker[i].loop);
		if (r < 0)
			return r;
		all->worker[i].all = all;
		all->worker[i].index = i;
		all->count++;
	}
	return 0;
}

static void close_loops(awl_workers *all, int from)
{
	for (int i = from; i < all->count; i++)
		if (awl_loop_close(all->worker[i].loop) < 0)
			return; /* the last unref tells of it */
}

static void join_threads(awl_workers *all)
{
	for (int i = 0; i < all->started; i++)
		pthread_join(all->worker[i].thread, NULL);
}

static int start_threads(awl_workers *all)
{
	for (; all->started < all->count; all->started++) {
		struct worker *w = &all->worker[all->started];
		int err = pthread_create(&w->thread, NULL, worker_thread, w);

		if (err != 0)
			return awl__fail(-err, "awl_workers_start: the system gives no thread");
	}
	return 0;
}

static int check(const awl_workers_options *o)
{
	if (o->count < 0 || o->count > 4096)
		return awl__fail(-EINVAL, "awl_workers: count is 0 ... 4096");
	return 0;
}

int awl_workers_start(
	const awl_workers_options *options, awl_worker_fn *fn, void *arg, awl_workers **ret)
{
	static const awl_workers_options none;
	const awl_workers_options *o = options ? options : &none;
	awl_workers *all;
	cpu_set_t cpus;
	int count, r;

	AWL__NOT_NULL(ret);
	r = check(o);
	if (r < 0)
		return r;
	if (sched_getaffinity(0, sizeof cpus, &cpus) < 0)
		return awl__fail(-errno, "awl_workers_start: sched_getaffinity");
	count = o->count ? o->count : CPU_COUNT(&cpus);
	all = awl__alloc_zero(sizeof *all + (size_t)count * sizeof *all->worker);
	if (!all)
		return -ENOMEM;
	all->pinned = o->pinned;
	all->cpus = cpus;
	all->fn = fn;
	all->arg = arg;
	all->process = awl__process_make();
	r = make_loops(all, &o->loop, count);
	if (r == 0)
		r = start_threads(all);
	if (r < 0) {
		stop_all(all, "not all workers could be started");
		join_threads(all);
		close_loops(all, all->started);
		workers_free(all);
		return r;
	}
	*ret = all;
	return 0;
}

static int inherited(const awl_workers *all, const char *call)
{
	if (all->process == awl__process())
		return 0;
	return awl__fail(AWL_EFORK, "%s: these workers run in the parent", call);
}

static int nested(const char *call)
{
	if (!awl__thread->running)
		return 0;
	return awl__fail(
		AWL_ENESTED, "%s: it blocks, and this thread runs a loop; use awl_to_thread", call);
}

int awl_workers_join(awl_workers *workers)
{
	int r;

	AWL__NOT_NULL(workers);
	r = inherited(workers, __func__);
	if (r == 0)
		r = nested(__func__);
	if (r < 0)
		return r;
	join_threads(workers);
	r = awl__load(&workers->failure);
	workers_free(workers);
	return r;
}

int awl_workers_run(const awl_workers_options *options, awl_worker_fn *fn, void *arg)
{
	awl_workers *all;
	int r = nested(__func__);

	if (r == 0)
		r = awl_workers_start(options, fn, arg, &all);
	return r < 0 ? r : awl_workers_join(all);
}

int awl_workers_stop(awl_workers *workers, const char *reason)
{
	int r;

	AWL__NOT_NULL(workers);
	r = inherited(workers, __func__);
	if (r == 0)
		stop_all(workers, reason);
	return r;
}

int awl_workers_count(const awl_workers *workers)
{
	AWL__NOT_NULL(workers);
	return workers->count;
}

awl_loop *awl_workers_loop(const awl_workers *workers, int index)
{
	if (!workers || index < 0 || index >= workers->count)
		return NULL;
	return workers->worker[index].loop;
}
