/* SPDX-License-Identifier: MIT */
/*
 * pool.h - threads for what cannot wait any other way: a plain function runs there, and its end is
 * told from there. The job lies in the caller's storage, so that only a new thread can fail.
 */
#ifndef AWL__POOL_H
#define AWL__POOL_H

#include "base/base.h"
#include "base/list.h"

struct awl__pool;

struct awl__job {
	struct awl__list link;
	int (*fn)(void *arg);
	void *arg;
	/* Called in the pool's thread; from then on the pool does not touch the job. */
	void (*done)(struct awl__job *job);
	struct awl__pool *pool; /* the pool's own, as is `waiting` */
	int res; /* what fn returned */
	bool waiting; /* in the queue, not yet begun */
};

/*
 * Queues the job with the process's pool. Refused (-EAGAIN, -ENOMEM) only where no thread is alive
 * and none can be made. Any thread.
 */
int awl__pool_submit(struct awl__job *job);

/*
 * True: it had not begun, and `done` will not be called. False: it runs or has run, and `done`
 * comes or came. From submit until then only. Any thread.
 */
bool awl__pool_cancel(struct awl__job *job);

/* How long a thread waits for a job before it ends: ten seconds, unless a test sets it. */
extern _Atomic int64_t awl__pool_idle_ns;

/* How many threads the process's pool has, and how many of them have nothing to do. */
void awl__pool_count(unsigned *threads, unsigned *idle);

/*
 * Runs what is queued, lets all threads end and gives everything back: for leak checkers, and
 * before the library is unloaded. Waits for the functions that run; not to be called from one of
 * them, nor while others submit. The next submit begins afresh.
 */
void awl__pool_drain(void);

#endif
