/* SPDX-License-Identifier: MIT */
/*
 * executor.h - what the ways to run a function in a thread have in common.
 */
#ifndef AWL__EXECUTOR_H
#define AWL__EXECUTOR_H

#include "task/task.h"

#include <awl/executor.h>

static inline struct awl__pool *awl__executor_pool(awl_executor *executor)
{
	return (struct awl__pool *)executor;
}

/* The task that runs, and where its function goes (NULL: the process's pool); or the refusal. */
int awl__executor_begin(awl_executor *executor, awl_fn *fn, struct awl__task **t,
	struct awl__pool **pool, const char *call);

/* fn(arg) in a thread of the pool while t stays: its value. */
int awl__executor_stay(struct awl__task *t, struct awl__pool *pool, uint8_t kind, awl_fn *fn,
	void *arg, const char *call);

/* The same on a copy, which is left behind when t is asked to stop. */
int awl__executor_leave(struct awl__task *t, struct awl__pool *pool, uint8_t kind, awl_fn *fn,
	void *arg, size_t size, void (*drop)(void *copy), const char *call);

/* A refusal by the pool, in words; and by an executor of the parent. */
int awl__executor_refused(int err, const char *call);
int awl__executor_inherited(const char *call);

/* AWL_ECANCELED means that the task which gets it was asked to stop, and nothing else (A3). */
static inline int awl__executor_value(int value)
{
	return value == AWL_ECANCELED ? AWL_EFUTURECANCELED : value;
}

#endif
