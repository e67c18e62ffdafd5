/* SPDX-License-Identifier: MIT */
/*
 * pool.h - threads for what cannot wait any other way: a plain function runs there, and its end is
 * told from there. The job lies in the caller's storage, so that only a new thread can fail.
 *
 * One pool is the process's, for files, names and users' functions together; executors are others.
 */
#ifndef AWL__POOL_H
#define AWL__POOL_H

#include "base/base.h"
#include "base/list.h"

struct awl__pool;

/*
 * How long a job may take, by what it is. In the process's pool names and users' functions get half
 * of the threads each, and leave one to files: whoever is slow, the others go on.
 */
enum awl__job_kind {
	AWL__JOB_FILE, /* a disk's answer: soon */
	AWL__JOB_NAME, /* a name server's: seconds, if it is silent */
	AWL__JOB_USER, /* no telling */
	AWL__JOB_KINDS,
};

struct awl__job {
	struct awl__list link;
	int (*fn)(void *arg);
	void *arg;
	/* Called in the pool's thread; from then on the pool does not touch the job. */
	void (*done)(struct awl__job *job);
	struct awl__pool *pool; /* the pool's own from here on, but for `res` and `kind` */
	uint64_t number; /* order of arrival */
	int64_t since; /* it found no free thread then; 0: it did */
	int res; /* what fn returned */
	uint8_t kind;
	bool waiting; /* in the queue, not yet begun */
};

struct awl__pool_options {
	const char *name; /* of its threads; 15 bytes are kept */
	unsigned threads; /* at most; 0: CPUs + 4, at most 32 */
	unsigned queue; /* how many jobs may wait for a thread; 0: any number */
	int64_t idle; /* after that long without work a thread ends; 0: awl__pool_idle_ns */
	int64_t late; /* who has waited that long for a thread is told of */
};

#define AWL__POOL_LATE INT64_C(1000000000)

/* Ten seconds, unless a test sets it. */
extern _Atomic int64_t awl__pool_idle_ns;

/* A pool with one reference. Its threads are made when jobs come. Any thread, as all below. */
int awl__pool_new(const struct awl__pool_options *o, struct awl__pool **ret);

/* Who gives up the last reference does not wait: what is queued runs, and the last thread frees. */
struct awl__pool *awl__pool_ref(struct awl__pool *p);
void awl__pool_unref(struct awl__pool *p);

/*
 * Queues the job with a pool, or with the process's (NULL). Refused: -EAGAIN, -ENOMEM where no
 * thread is alive and none can be made; -EAGAIN where as many wait as may; AWL_ESHUTDOWN.
 */
int awl__pool_submit_to(struct awl__pool *p, struct awl__job *job);

static inline int awl__pool_submit(struct awl__job *job)
{
	return awl__pool_submit_to(NULL, job);
}

/*
 * True: it had not begun, and `done` will not be called. False: it runs or has run, and `done`
 * comes or came. From submit until then only.
 */
bool awl__pool_cancel(struct awl__job *job);

/* From now on it takes no job; those it has, it runs. */
void awl__pool_shut(struct awl__pool *p);

/*
 * Lets its threads end when they have nothing to do, and waits until none is left: true; or until
 * CLOCK_MONOTONIC's `deadline`. NULL: the process's, which goes on if jobs come. Not from one of
 * its threads.
 */
bool awl__pool_join(struct awl__pool *p, int64_t deadline);

/* The same for who cannot block: `gone` is called, once, by the last thread. */
struct awl__pool_watch {
	struct awl__list link;
	void (*gone)(struct awl__pool_watch *w);
	struct awl__pool *pool; /* the pool's own, as is `waiting` */
	bool waiting;
};

/* False: there is no thread, and `gone` will not be called. */
bool awl__pool_watch(struct awl__pool *p, struct awl__pool_watch *w);

/* True: `gone` will not be called. False: it comes, or came. */
bool awl__pool_unwatch(struct awl__pool_watch *w);

/* The calling thread is one of its. NULL: the process's. */
bool awl__pool_is_here(const struct awl__pool *p);

/* Made before fork, by the parent: its threads and perhaps its lock are not here. */
bool awl__pool_inherited(const struct awl__pool *p);

/* How many threads a pool (NULL: the process's) has, and how many of them have nothing to do. */
void awl__pool_count_of(struct awl__pool *p, unsigned *threads, unsigned *idle);

static inline void awl__pool_count(unsigned *threads, unsigned *idle)
{
	awl__pool_count_of(NULL, threads, idle);
}

/*
 * Runs what is queued in the process's pool, lets all threads end and gives everything back: for
 * leak checkers, and before the library is unloaded. Waits for the functions that run; not to be
 * called from one of them, nor while others submit. The next submit begins afresh.
 */
void awl__pool_drain(void);

#endif
