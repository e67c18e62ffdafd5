/* SPDX-License-Identifier: MIT */
/*
 * pool.c - worker threads: made when a job finds none idle, ended after a while without work. A
 * thread that ends joins the one that ended before it, so that at most one is ever left unjoined.
 *
 * A pool is freed when it has neither a reference nor a thread, by whichever went last.
 */
#include "pool/pool.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/report.h"
#include "base/token.h"
#include "pool/queue.h"

#include <awl/errors.h>

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>

#define THREADS_MAX 32u

struct awl__pool {
	pthread_mutex_t lock;
	pthread_cond_t work; /* a job was queued, or threads are to end */
	pthread_cond_t gone; /* the last thread is ending */
	struct awl__job_queue queue;
	unsigned threads, idle, max, queue_max;
	unsigned joining; /* who waits for the end of all threads */
	unsigned refs;
	_Atomic unsigned accepted; /* jobs whose functions have not returned */
	bool shut;
	bool told; /* of jobs that wait too long, since the queue was last empty */
	int64_t idle_ns; /* 0: awl__pool_idle_ns */
	int64_t late_ns;
	struct awl__list watches;
	pthread_t ended; /* the thread that ended last, still to be joined */
	bool ended_valid;
	uint64_t process; /* in which it was made: a fork's child has none of its threads */
	struct awl__pool *inherited; /* the parent's, whose lock may be held for ever */
	char name[16];
};

_Atomic int64_t awl__pool_idle_ns = 10 * INT64_C(1000000000);

static struct awl__pool *_Atomic current;
static _Thread_local const struct awl__pool *here AWL__TLS;

static unsigned threads_max(void)
{
	cpu_set_t set;
	unsigned n = sched_getaffinity(0, sizeof set, &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;

	return n + 4 < THREADS_MAX ? n + 4 : THREADS_MAX;
}

static void pool_free(struct awl__pool *p)
{
	pthread_mutex_destroy(&p->lock);
	pthread_cond_destroy(&p->work);
	pthread_cond_destroy(&p->gone);
	awl__free(p);
}

static struct awl__pool *pool_new(const struct awl__pool_options *o, uint64_t process, bool shared)
{
	struct awl__pool *p = awl__alloc_zero(sizeof *p);
	pthread_condattr_t attr;

	if (!p)
		return NULL;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->work, &attr);
	pthread_cond_init(&p->gone, &attr);
	pthread_condattr_destroy(&attr);
	awl__list_init(&p->watches);
	p->max = o->threads ? o->threads : threads_max();
	p->queue_max = o->queue;
	p->idle_ns = o->idle;
	p->late_ns = o->late;
	p->refs = 1;
	p->process = process;
	snprintf(p->name, sizeof p->name, "%s", o->name);
	awl__job_queue_init(&p->queue, p->max, shared);
	return p;
}

int awl__pool_new(const struct awl__pool_options *o, struct awl__pool **ret)
{
	uint64_t process = awl__process_make();
	struct awl__pool *p = process ? pool_new(o, process, false) : NULL;

	if (!p)
		return -ENOMEM;
	*ret = p;
	return 0;
}

/* The process's pool; in a fork's child a new one, with the parent's left alone. */
static struct awl__pool *pool_get(void)
{
	static const struct awl__pool_options options = {
		.name = "awl-pool",
		.late = AWL__POOL_LATE,
	};
	struct awl__pool *p = awl__load_acquire(&current), *fresh;
	uint64_t process = awl__process();

	if (p && p->process == process)
		return p;
	process = awl__process_make();
	fresh = process ? pool_new(&options, process, true) : NULL;
	if (!fresh)
		return NULL;
	fresh->inherited = p;
	if (awl__cas(&current, &p, fresh))
		return fresh;
	pool_free(fresh); /* another thread was first */
	return p;
}

/* The one that is meant, if there is one. */
static struct awl__pool *pool_of(struct awl__pool *p)
{
	if (!p)
		p = awl__load_acquire(&current);
	return p && !awl__pool_inherited(p) ? p : NULL;
}

bool awl__pool_inherited(const struct awl__pool *p)
{
	return p->process != awl__process();
}

bool awl__pool_is_here(const struct awl__pool *p)
{
	return here && here == (p ? p : awl__load_acquire(&current));
}

/* --- jobs that wait too long ------------------------------------------------------------------ */

/* What is said of it, once the lock is free: `waited` 0 is nothing. */
struct lateness {
	int64_t waited;
	unsigned queued, threads;
	char name[16];
};

static void look_at(struct awl__pool *p, const struct awl__job *job, struct lateness *late)
{
	int64_t waited;

	if (!job || !job->since || p->told || p->late_ns == INT64_MAX)
		return;
	waited = awl__clock_now() - job->since;
	if (waited < p->late_ns)
		return;
	p->told = true;
	*late = (struct lateness){ waited, p->queue.total, p->threads, { 0 } };
	snprintf(late->name, sizeof late->name, "%s", p->name);
}

static void tell(const struct lateness *late)
{
	if (awl__unlikely(late->waited))
		awl__report(AWL_LOG_WARNING,
			"executor %s is exhausted: a function has waited %lld ms for one of its %u "
			"threads, %u more wait; give slow work an executor of its own",
			late->name, (long long)(late->waited / 1000000), late->threads,
			late->queued ? late->queued - 1 : 0);
}

/* --- threads ---------------------------------------------------------------------------------- */

/* False: the time has passed. */
static bool wait_for_work(struct awl__pool *p, int64_t until)
{
	struct timespec ts = { .tv_sec = until / 1000000000, .tv_nsec = until % 1000000000 };
	int err;

	p->idle++;
	err = until == INT64_MAX ? pthread_cond_wait(&p->work, &p->lock)
				 : pthread_cond_timedwait(&p->work, &p->lock, &ts);
	p->idle--;
	return err != ETIMEDOUT;
}

/* Waits for a job with the lock held; NULL when this thread is to end. */
static struct awl__job *next_job(struct awl__pool *p)
{
	struct awl__job *job = awl__job_queue_next(&p->queue);
	bool in_time = true;
	int64_t until;

	if (job)
		return job;
	until = awl__clock_after(
		awl__clock_now(), p->idle_ns ? p->idle_ns : awl__load(&awl__pool_idle_ns));
	/* A job may come in the very moment of the time-out: the queue is looked at last. */
	while (!(job = awl__job_queue_next(&p->queue))) {
		if (p->shut || p->joining || !in_time)
			return NULL;
		in_time = wait_for_work(p, until);
	}
	return job;
}

static void run(struct awl__pool *p, struct awl__job *job)
{
	struct lateness late = { 0 };
	uint8_t kind = job->kind;

	job->waiting = false;
	look_at(p, job, &late);
	if (p->queue.total == 0)
		p->told = false;
	pthread_mutex_unlock(&p->lock);
	tell(&late);
	job->res = job->fn(job->arg);
	/* Before it is told of: who hears it may have the next one ready. */
	awl__sub_acq_rel(&p->accepted, 1);
	job->done(job);
	pthread_mutex_lock(&p->lock);
	awl__job_queue_ended(&p->queue, kind);
}

/* The end of a thread, with the lock held; of the last one, and of a pool nobody refers to. */
static void leave(struct awl__pool *p)
{
	pthread_t before = p->ended;
	bool join = p->ended_valid, last;
	struct awl__list watches, *node;

	awl__list_init(&watches);
	p->ended = pthread_self();
	p->ended_valid = true;
	if (--p->threads == 0) {
		pthread_cond_broadcast(&p->gone);
		awl__list_splice(&watches, &p->watches);
		awl__list_each (w, &watches) {
			awl__container(w, struct awl__pool_watch, link)->waiting = false;
			p->joining--;
		}
	}
	last = p->threads == 0 && p->refs == 0;
	pthread_mutex_unlock(&p->lock);
	while ((node = awl__list_pop(&watches))) {
		struct awl__pool_watch *w = awl__container(node, struct awl__pool_watch, link);

		w->gone(w);
	}
	if (join)
		pthread_join(before, NULL);
	if (last) {
		pthread_detach(pthread_self());
		pool_free(p);
	}
}

static void *worker(void *arg)
{
	struct awl__pool *p = arg;
	struct awl__job *job;

	here = p;
	pthread_setname_np(pthread_self(), p->name);
	pthread_mutex_lock(&p->lock);
	while ((job = next_job(p)))
		run(p, job);
	leave(p);
	return NULL;
}

/* With the lock held. A signal is for the program's own threads: ours take none but those that
 * their own instructions raise, for which the program may have a handler. */
static int thread_new(struct awl__pool *p)
{
	static const int own[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS };
	sigset_t mask, old;
	pthread_t thread;
	int err;

	sigfillset(&mask);
	for (size_t i = 0; i < sizeof own / sizeof *own; i++)
		sigdelset(&mask, own[i]);
	pthread_sigmask(SIG_SETMASK, &mask, &old);
	err = pthread_create(&thread, NULL, worker, p);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (err == 0)
		p->threads++;
	return -err;
}

/* --- the calls -------------------------------------------------------------------------------- */

/* A thread for the job just queued: an idle one, or a new one. False: it has to wait for one. */
static bool find_thread(struct awl__pool *p, unsigned startable_before, int *err)
{
	*err = 0;
	if (awl__job_queue_startable(&p->queue) == startable_before)
		return false; /* its kind has its share: who of it ends takes it */
	if (startable_before < p->idle) {
		pthread_cond_signal(&p->work);
		return true;
	}
	if (p->threads == p->max)
		return false;
	*err = thread_new(p);
	return *err == 0;
}

/* With the lock held. */
static int submit(struct awl__pool *p, struct awl__job *job, struct lateness *late)
{
	unsigned startable = awl__job_queue_startable(&p->queue);
	int err;

	if (p->shut)
		return AWL_ESHUTDOWN;
	if (p->queue_max && awl__load(&p->accepted) >= p->max + p->queue_max)
		return -EAGAIN;
	awl__job_queue_push(&p->queue, job);
	job->since = 0;
	if (!find_thread(p, startable, &err)) {
		if (p->threads == 0) {
			awl__job_queue_remove(&p->queue, job);
			return err;
		}
		job->since = awl__clock_now();
		look_at(p, awl__job_queue_oldest(&p->queue), late);
	}
	job->pool = p;
	job->waiting = true;
	awl__add(&p->accepted, 1);
	return 0;
}

int awl__pool_submit_to(struct awl__pool *p, struct awl__job *job)
{
	struct lateness late = { 0 };
	int err;

	if (!p && !(p = pool_get()))
		return -ENOMEM;
	pthread_mutex_lock(&p->lock);
	err = submit(p, job, &late);
	pthread_mutex_unlock(&p->lock);
	tell(&late);
	return err;
}

bool awl__pool_cancel(struct awl__job *job)
{
	struct awl__pool *p = job->pool;
	bool withdrawn;

	pthread_mutex_lock(&p->lock);
	withdrawn = job->waiting;
	if (withdrawn) {
		awl__job_queue_remove(&p->queue, job);
		awl__sub_acq_rel(&p->accepted, 1);
		job->waiting = false;
	}
	pthread_mutex_unlock(&p->lock);
	return withdrawn;
}

struct awl__pool *awl__pool_ref(struct awl__pool *p)
{
	pthread_mutex_lock(&p->lock);
	p->refs++;
	pthread_mutex_unlock(&p->lock);
	return p;
}

/* The last thread to end is still there, if only just; it may be who gives the pool up. */
static void join_last(struct awl__pool *p)
{
	if (!p->ended_valid)
		return;
	if (pthread_equal(p->ended, pthread_self()))
		pthread_detach(p->ended);
	else
		pthread_join(p->ended, NULL);
}

void awl__pool_unref(struct awl__pool *p)
{
	bool last;

	if (awl__pool_inherited(p))
		return;
	pthread_mutex_lock(&p->lock);
	if (--p->refs == 0) {
		p->shut = true;
		pthread_cond_broadcast(&p->work);
	}
	last = p->refs == 0 && p->threads == 0;
	pthread_mutex_unlock(&p->lock);
	if (last) {
		join_last(p);
		pool_free(p);
	}
}

void awl__pool_shut(struct awl__pool *p)
{
	pthread_mutex_lock(&p->lock);
	p->shut = true;
	pthread_cond_broadcast(&p->work);
	pthread_mutex_unlock(&p->lock);
}

bool awl__pool_join(struct awl__pool *p, int64_t deadline)
{
	struct timespec ts = { .tv_sec = deadline / 1000000000, .tv_nsec = deadline % 1000000000 };
	bool gone;
	int err = 0;

	p = pool_of(p);
	if (!p)
		return true;
	pthread_mutex_lock(&p->lock);
	p->joining++;
	pthread_cond_broadcast(&p->work);
	while (p->threads > 0 && err != ETIMEDOUT)
		err = deadline == INT64_MAX ? pthread_cond_wait(&p->gone, &p->lock)
					    : pthread_cond_timedwait(&p->gone, &p->lock, &ts);
	p->joining--;
	gone = p->threads == 0;
	pthread_mutex_unlock(&p->lock);
	return gone;
}

bool awl__pool_watch(struct awl__pool *p, struct awl__pool_watch *w)
{
	bool waiting;

	p = pool_of(p);
	if (!p)
		return false;
	pthread_mutex_lock(&p->lock);
	w->pool = p;
	waiting = p->threads > 0;
	w->waiting = waiting;
	if (waiting) {
		awl__list_push(&p->watches, &w->link);
		p->joining++;
		pthread_cond_broadcast(&p->work);
	}
	pthread_mutex_unlock(&p->lock);
	return waiting; /* `w` may be gone */
}

bool awl__pool_unwatch(struct awl__pool_watch *w)
{
	struct awl__pool *p = w->pool;
	bool withdrawn;

	pthread_mutex_lock(&p->lock);
	withdrawn = w->waiting;
	if (withdrawn) {
		awl__list_remove(&w->link);
		w->waiting = false;
		p->joining--;
	}
	pthread_mutex_unlock(&p->lock);
	return withdrawn;
}

void awl__pool_count_of(struct awl__pool *p, unsigned *threads, unsigned *idle)
{
	*threads = *idle = 0;
	p = pool_of(p);
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	*threads = p->threads;
	*idle = p->idle;
	pthread_mutex_unlock(&p->lock);
}

void awl__pool_drain(void)
{
	struct awl__pool *p = pool_of(NULL);

	if (!p)
		return;
	awl__pool_join(p, INT64_MAX);
	awl__store_release(&current, p->inherited);
	awl__pool_unref(p);
}
