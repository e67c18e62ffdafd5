/* SPDX-License-Identifier: MIT */
/*
 * jobs.c - the steps that gather and the races have in common: a group, its children, their
 * results.
 */
#include "combine/jobs.h"

static int check(awl_job *jobs, size_t n, const char *call)
{
	struct awl__task *t;
	int r;

	if (!jobs && n)
		return awl__fail(-EINVAL, "%s: jobs is NULL", call);
	for (size_t i = 0; i < n; i++)
		if (!jobs[i].fn)
			return awl__fail(-EINVAL, "%s: jobs[%zu] has no function", call, i);
	r = awl__self(&t, call);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		jobs[i].task = NULL;
		jobs[i].result = AWL_EPENDING;
	}
	return awl__wait_begin(t);
}

/* They end in any order, and mostly in the one they began in: from the last one on. */
static size_t index_of(const struct awl__jobs *j, const awl_task *task)
{
	size_t i = j->ended;

	while (j->jobs[i].task != task)
		i = i + 1 < j->begun ? i + 1 : 0;
	return i;
}

static void win(struct awl__jobs *j, size_t i)
{
	if (j->winner < j->n)
		return;
	j->winner = i;
	j->scope->cancelled = true; /* that the others stop is not the caller's failure */
	awl__scope_ask(j->scope, "another was first");
}

/* At the end of a child, in its own flow. */
static void job_ended(struct awl__scope *s, struct awl__task *child)
{
	struct awl__jobs *j = s->made_for;
	size_t i = index_of(j, &child->future);
	int result;

	j->ended = i;
	j->jobs[i].task = NULL;
	if (awl__unlikely(s->dead))
		return; /* it never began */
	j->jobs[i].result = result = awl__future_outcome(&child->future);
	if (result < 0 && !j->failure)
		j->failure = result;
	if (j->stop == AWL__STOP_ON_END || (j->stop == AWL__STOP_ON_SUCCESS && result >= 0))
		win(j, i);
	/* Those that are cancelled because the group stops are no failure of theirs. */
	if (j->stop == AWL__STOP_ON_FAILURE && result < 0 &&
		!(s->asked && child->future.row.state == AWL__CANCELLED))
		awl__group_fail(s, result);
}

int awl__jobs_enter(
	struct awl__jobs *j, awl_job *jobs, size_t n, enum awl__jobs_stop stop, const char *call)
{
	int r = check(jobs, n, call);

	if (r < 0)
		return r;
	r = awl_task_group_enter(&j->group);
	if (r < 0)
		return r;
	j->scope = awl__scope_find(&j->group._storage, AWL__SCOPE_GROUP);
	j->scope->child_ended = job_ended;
	j->scope->made_for = j;
	j->jobs = jobs;
	j->n = n;
	j->begun = 0;
	j->ended = 0;
	j->winner = n;
	j->failure = 0;
	j->stop = stop;
	return 0;
}

int awl__jobs_begin_next(struct awl__jobs *j)
{
	awl_job *job = &j->jobs[j->begun];
	int r = awl__group_add(j->scope, NULL, job->fn, job->arg, &job->task, j->place, __func__);

	j->begun += r == 0;
	return r;
}

int awl__jobs_begin_all(struct awl__jobs *j)
{
	int r = 0;

	while (j->begun < j->n && r == 0)
		r = awl__jobs_begin_next(j);
	if (r < 0)
		j->scope->dead = true;
	return r;
}

int awl__jobs_exit(struct awl__jobs *j, int status)
{
	return awl_task_group_exit(&j->group, status);
}
