/* SPDX-License-Identifier: MIT */
/*
 * queue.c - jobs in the order they came, and the shares that keep slow ones from taking everything.
 */
#include "pool/queue.h"

void awl__job_queue_init(struct awl__job_queue *q, unsigned threads, bool shared)
{
	/* As libuv's for slow work. Two such shares could still take it all: hence slow_share. */
	unsigned half = (threads + 1) / 2;

	*q = (struct awl__job_queue){ .slow_share = threads };
	for (int k = 0; k < AWL__JOB_KINDS; k++) {
		awl__list_init(&q->jobs[k]);
		q->share[k] = threads;
	}
	if (shared && threads > 1) {
		q->share[AWL__JOB_NAME] = q->share[AWL__JOB_USER] = half;
		q->slow_share = threads - 1;
	}
}

void awl__job_queue_push(struct awl__job_queue *q, struct awl__job *job)
{
	job->number = q->number++;
	awl__list_push(&q->jobs[job->kind], &job->link);
	q->queued[job->kind]++;
	q->total++;
}

void awl__job_queue_remove(struct awl__job_queue *q, struct awl__job *job)
{
	awl__list_remove(&job->link);
	q->queued[job->kind]--;
	q->total--;
}

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* How many more slow ones may run beside those that do. */
static unsigned slow_left(const struct awl__job_queue *q)
{
	return q->slow_share - q->running[AWL__JOB_NAME] - q->running[AWL__JOB_USER];
}

static unsigned startable_of(const struct awl__job_queue *q, enum awl__job_kind k)
{
	return least(q->queued[k], q->share[k] - q->running[k]);
}

unsigned awl__job_queue_startable(const struct awl__job_queue *q)
{
	unsigned slow = startable_of(q, AWL__JOB_NAME) + startable_of(q, AWL__JOB_USER);

	return startable_of(q, AWL__JOB_FILE) + least(slow, slow_left(q));
}

static struct awl__job *first(const struct awl__job_queue *q, int kind)
{
	const struct awl__list *jobs = &q->jobs[kind];

	return awl__list_empty(jobs) ? NULL : awl__container(jobs->next, struct awl__job, link);
}

struct awl__job *awl__job_queue_next(struct awl__job_queue *q)
{
	struct awl__job *next = NULL;

	for (int k = 0; k < AWL__JOB_KINDS; k++) {
		struct awl__job *job = first(q, k);

		if (!job || q->running[k] == q->share[k] || (k != AWL__JOB_FILE && !slow_left(q)))
			continue;
		if (!next || job->number < next->number)
			next = job;
	}
	if (next) {
		awl__job_queue_remove(q, next);
		q->running[next->kind]++;
	}
	return next;
}

const struct awl__job *awl__job_queue_oldest(const struct awl__job_queue *q)
{
	const struct awl__job *oldest = NULL;

	for (int k = 0; k < AWL__JOB_KINDS; k++) {
		const struct awl__job *job = first(q, k);

		if (job && (!oldest || job->number < oldest->number))
			oldest = job;
	}
	return oldest;
}
