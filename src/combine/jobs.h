/* SPDX-License-Identifier: MIT */
/*
 * jobs.h - jobs as the children of a task group, with its promises: none is left behind, what is
 * asked of the caller is asked of them, and its deadline is theirs. Each leaves its result in its
 * job as it ends, and what its end means to the others is the matter of who began them.
 */
#ifndef AWL__JOBS_H
#define AWL__JOBS_H

#include "task/task.h"

#include <awl/combine.h>

/* Which end of a job stops the others. */
enum awl__jobs_stop {
	AWL__STOP_NEVER,
	AWL__STOP_ON_FAILURE, /* or somebody else's cancel */
	AWL__STOP_ON_SUCCESS,
	AWL__STOP_ON_END,
};

/* In the frame of the call, which returns when the last job has ended. */
struct awl__jobs {
	const void *place; /* of the call, for debug mode */
	awl_task_group group;
	struct awl__scope *scope;
	awl_job *jobs;
	size_t n;
	size_t begun; /* how many have */
	size_t ended; /* which was the last to */
	size_t winner; /* who stopped the others by succeeding or ending first; else n */
	int failure; /* the first in time, or 0 */
	enum awl__jobs_stop stop;
};

/* 0, with every result AWL_EPENDING; or the refusal, also of a caller that was asked to stop. */
int awl__jobs_enter(
	struct awl__jobs *j, awl_job *jobs, size_t n, enum awl__jobs_stop stop, const char *call);

/* The next one is a child: it begins with the caller's next wait. */
int awl__jobs_begin_next(struct awl__jobs *j);

/* All of them; without memory for all, none begins. */
int awl__jobs_begin_all(struct awl__jobs *j);

/* Waits for the ends of all and leaves: the group's status. */
int awl__jobs_exit(struct awl__jobs *j, int status);

#endif
