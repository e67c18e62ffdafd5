/* SPDX-License-Identifier: MIT */
/*
 * prog_gdb_task.c - what test_gdb_task.py looks at: tasks parked three calls deep, in a sleep, an
 * await and a group's exit.
 */
#include "task/task.h"

#include <stdio.h>

static awl_task *tasks[3];

static int nothing(void *arg)
{
	(void)arg;
	return awl_sleep(AWL_FOREVER);
}

AWL__NOINLINE static int innermost(int kind)
{
	awl_task_group g;
	awl_future *f;
	int r = 0;

	switch (kind) {
	case 0:
		r = awl_sleep(AWL_FOREVER);
		break;
	case 1:
		r = awl_loop_create_future(awl__thread->running, 0, &f);
		if (r < 0)
			break;
		r = awl_await(f);
		awl_unref(f);
		break;
	default:
		r = awl_task_group_enter(&g);
		if (r == 0)
			r = awl_task_group_create_task(&g, nothing, NULL, NULL);
		r = awl_task_group_exit(&g, r);
	}
	__asm__ volatile("");
	return r;
}

AWL__NOINLINE static int middle(int kind)
{
	int r = innermost(kind);

	__asm__ volatile("");
	return r;
}

static int outermost(void *arg)
{
	int r = middle((int)((awl_task **)arg - tasks));

	__asm__ volatile("");
	return r;
}

void look_here(void *const *sp);
AWL__NOINLINE void look_here(void *const *sp)
{
	printf("%p %p %p\n", sp[0], sp[1], sp[2]);
}

static int body(void *arg)
{
	void *sp[3];

	(void)arg;
	for (int i = 0; i < 3; i++)
		if (awl_create_task(outermost, &tasks[i], &tasks[i]) < 0)
			return -1;
	if (awl_sleep(AWL_MS) < 0)
		return -1;
	for (int i = 0; i < 3; i++)
		sp[i] = ((struct awl__task *)tasks[i])->context.sp;
	look_here(sp);
	for (int i = 0; i < 3; i++)
		awl_unref(tasks[i]);
	return 0;
}

int main(void)
{
	return awl_run(body, NULL) < 0;
}
