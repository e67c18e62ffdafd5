/* SPDX-License-Identifier: MIT */
/*
 * ten_children.c - ten tasks with two seconds between them: the seventh fails, so the rest are
 * cancelled and joined, and the group returns the failure; nothing is left running.
 */
#include <awl.h>
#include <errno.h>
#include <stdio.h>

struct job {
	int id, value;
};

static int job(void *arg)
{
	struct job *j = arg;
	int r = awl_sleep(10 * j->id * AWL_MS);

	if (r < 0)
		return r;
	if (j->id == 7)
		return -EIO;
	j->value = j->id * j->id;
	return 0;
}

static int run_jobs(struct job *jobs, int n)
{
	awl_task_group g;
	int r = 0;

	awl_task_group_enter(&g);
	awl_task_group_set_deadline(&g, 2 * AWL_SEC);
	for (int i = 0; i < n && r == 0; i++)
		r = awl_task_group_create_task(&g, job, &jobs[i], NULL);
	return awl_task_group_exit(&g, r);
}

static int amain(void *arg)
{
	struct job jobs[10];
	int r;

	(void)arg;
	for (int i = 0; i < 10; i++)
		jobs[i] = (struct job){ .id = i };
	r = run_jobs(jobs, 10);
	printf("the group: %s\n", r < 0 ? awl_strerror(r) : "all done");
	for (int i = 0; i < 10; i++)
		printf("job %d: %d\n", i, jobs[i].value);
	return 0;
}

int main(void)
{
	return awl_run(amain, NULL) < 0;
}
