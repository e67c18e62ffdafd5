/* SPDX-License-Identifier: MIT */
/*
 * gather - a gather of 1000 jobs with an empty body, results and all; ns a job.
 * gather-group - the same over a child of a task group of 1000, measured in turn with it.
 */
#include "bench.h"

#include <awl.h>

#define JOBS 1000

static awl_job jobs[JOBS];

static int empty(void *arg)
{
	(void)arg;
	return 0;
}

static int64_t gather(void)
{
	int64_t begin = bench_now();

	bench_check(awl_gather(jobs, JOBS, AWL_CANCEL_SIBLINGS) == 0);
	return bench_now() - begin;
}

static int64_t group(void)
{
	int64_t begin = bench_now();
	awl_task_group g;

	awl_task_group_enter(&g);
	for (int i = 0; i < JOBS; i++)
		bench_check(awl_task_group_create_task(&g, empty, NULL, NULL) == 0);
	bench_check(awl_task_group_exit(&g, 0) == 0);
	return bench_now() - begin;
}

static int bench(void *arg)
{
	char **argv = arg;
	long count = bench_count(argv);
	int64_t gathers = 0, groups = 0;
	long done;

	for (int i = 0; i < JOBS; i++)
		jobs[i].fn = empty;
	for (done = 0; done < count / 10 + 1; done += JOBS)
		(void)(gather() + group());
	for (done = 0; done < count; done += JOBS) {
		gathers += gather();
		groups += group();
	}
	bench_print("gather", (double)gathers / (double)done);
	bench_print("gather-group", (double)gathers / (double)groups);
	return 0;
}

int main(int argc, char **argv)
{
	bench_row(argc, argv);
	return awl_run(bench, argv) != 0;
}
