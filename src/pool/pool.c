/* SPDX-License-Identifier: MIT */
/*
 * pool.c - worker threads: made when a job finds none idle, ended after ten idle seconds. A thread
 * that ends joins the one that ended before it, so that at most one is ever left unjoined.
 */
#include "pool/pool.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/token.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>

#define THREADS_MAX 32u

struct awl__pool {
	pthread_mutex_t lock;
	pthread_cond_t work; /* a job was queued, or the pool ends */
	pthread_cond_t gone; /* the last thread is ending */
	struct awl__list queue;
	unsigned queued, threads, idle, max;
	bool ending;
	pthread_t ended; /* the thread that ended last, still to be joined */
	bool ended_valid;
	uint64_t process; /* in which it was made: a fork's child has none of its threads */
	struct awl__pool *inherited; /* the parent's, whose lock may be held for ever */
};

_Atomic int64_t awl__pool_idle_ns = INT64_C(10000000000);

static struct awl__pool *_Atomic current;

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

static struct awl__pool *pool_new(uint64_t process, struct awl__pool *inherited)
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
	awl__list_init(&p->queue);
	p->max = threads_max();
	p->process = process;
	p->inherited = inherited;
	return p;
}

/* The process's pool; in a fork's child a new one, with the parent's left alone. */
static struct awl__pool *pool_get(void)
{
	struct awl__pool *p = awl__load_acquire(&current), *fresh;
	uint64_t process = awl__process();

	if (p && p->process == process)
		return p;
	process = awl__process_make();
	fresh = process ? pool_new(process, p) : NULL;
	if (!fresh)
		return NULL;
	if (awl__cas(&current, &p, fresh))
		return fresh;
	pool_free(fresh); /* another thread was first */
	return p;
}

/* Waits for a job with the lock held; NULL when this thread is to end. */
static struct awl__job *next_job(struct awl__pool *p)
{
	int64_t end = awl__clock_after(awl__clock_now(), awl__load(&awl__pool_idle_ns));
	struct timespec until = { end / 1000000000, end % 1000000000 };
	struct awl__list *node;
	int err = 0;

	/* A job may come in the very moment of the time-out: the queue is looked at last. */
	while (!(node = awl__list_pop(&p->queue))) {
		if (p->ending || err == ETIMEDOUT)
			return NULL;
		p->idle++;
		err = pthread_cond_timedwait(&p->work, &p->lock, &until);
		p->idle--;
	}
	p->queued--;
	return awl__container(node, struct awl__job, link);
}

static void *worker(void *arg)
{
	struct awl__pool *p = arg;
	struct awl__job *job;
	pthread_t before;
	bool join;

	pthread_setname_np(pthread_self(), "awl-pool");
	pthread_mutex_lock(&p->lock);
	while ((job = next_job(p))) {
		job->waiting = false;
		pthread_mutex_unlock(&p->lock);
		job->res = job->fn(job->arg);
		job->done(job);
		pthread_mutex_lock(&p->lock);
	}
	before = p->ended;
	join = p->ended_valid;
	p->ended = pthread_self();
	p->ended_valid = true;
	if (--p->threads == 0)
		pthread_cond_broadcast(&p->gone);
	pthread_mutex_unlock(&p->lock);
	if (join)
		pthread_join(before, NULL);
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

int awl__pool_submit(struct awl__job *job)
{
	struct awl__pool *p = pool_get();
	int err = 0;

	if (!p)
		return -ENOMEM;
	pthread_mutex_lock(&p->lock);
	if (p->queued >= p->idle && p->threads < p->max)
		err = thread_new(p);
	if (p->threads > 0) {
		job->pool = p;
		job->waiting = true;
		awl__list_push(&p->queue, &job->link);
		p->queued++;
		pthread_cond_signal(&p->work);
		err = 0;
	}
	pthread_mutex_unlock(&p->lock);
	return err;
}

bool awl__pool_cancel(struct awl__job *job)
{
	struct awl__pool *p = job->pool;
	bool withdrawn;

	pthread_mutex_lock(&p->lock);
	withdrawn = job->waiting;
	if (withdrawn) {
		awl__list_remove(&job->link);
		job->waiting = false;
		p->queued--;
	}
	pthread_mutex_unlock(&p->lock);
	return withdrawn;
}

void awl__pool_count(unsigned *threads, unsigned *idle)
{
	struct awl__pool *p = awl__load_acquire(&current);

	*threads = *idle = 0;
	if (!p || p->process != awl__process())
		return;
	pthread_mutex_lock(&p->lock);
	*threads = p->threads;
	*idle = p->idle;
	pthread_mutex_unlock(&p->lock);
}

void awl__pool_drain(void)
{
	struct awl__pool *p = awl__load_acquire(&current);

	if (!p || p->process != awl__process())
		return;
	pthread_mutex_lock(&p->lock);
	p->ending = true;
	pthread_cond_broadcast(&p->work);
	while (p->threads > 0)
		pthread_cond_wait(&p->gone, &p->lock);
	pthread_mutex_unlock(&p->lock);
	if (p->ended_valid)
		pthread_join(p->ended, NULL);
	awl__store_release(&current, p->inherited);
	pool_free(p);
}
