/* SPDX-License-Identifier: MIT */
/*
 * queue.h - which job is next: the oldest of those whose kind has not used up its share of the
 * threads. No lock of its own.
 */
#ifndef AWL__POOL_QUEUE_H
#define AWL__POOL_QUEUE_H

#include "pool/pool.h"

struct awl__job_queue {
	struct awl__list jobs[AWL__JOB_KINDS];
	unsigned queued[AWL__JOB_KINDS];
	unsigned running[AWL__JOB_KINDS];
	unsigned share[AWL__JOB_KINDS]; /* how many threads each may have */
	unsigned slow_share; /* names and users together */
	unsigned total; /* queued, of all kinds */
	uint64_t number;
};

/* shared: files and names are not to wait for users' functions. */
void awl__job_queue_init(struct awl__job_queue *q, unsigned threads, bool shared);

void awl__job_queue_push(struct awl__job_queue *q, struct awl__job *job);
void awl__job_queue_remove(struct awl__job_queue *q, struct awl__job *job);

/* How many of the queued could begin now, had they threads. */
unsigned awl__job_queue_startable(const struct awl__job_queue *q);

/* Begins one: it, or NULL. Its end is to be told by _ended. */
struct awl__job *awl__job_queue_next(struct awl__job_queue *q);

static inline void awl__job_queue_ended(struct awl__job_queue *q, uint8_t kind)
{
	q->running[kind]--;
}

/* The one that has waited longest, begun or not allowed to; NULL: none waits. */
const struct awl__job *awl__job_queue_oldest(const struct awl__job_queue *q);

#endif
