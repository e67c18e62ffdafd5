/* SPDX-License-Identifier: MIT */
/*
 * probe.c - the frames of a task: a parked one is resumed for a moment, only to look at its own
 * stack and to go back.
 */
#include "task/task.h"

#include <execinfo.h>
#include <stdio.h>
#include <unistd.h>

static void take(struct awl__probe *p)
{
	p->count = backtrace(p->frames, p->room);
}

static int frames_of(struct awl__task *t, void **frames, int room)
{
	awl_loop *l = awl__task_loop(t);
	struct awl__context here;
	struct awl__probe p = { .take = take, .frames = frames, .room = room };

	if (!awl__begun(t) || awl__is_done(&t->future))
		return 0;
	if (t == l->current) {
		take(&p);
		return p.count;
	}
	here = l->current ? l->current->context : l->hub; /* the asker's own */
	p.back = &here;
	l->probe = &p;
	awl__context_switch(&here, &t->context);
	return p.count;
}

int awl_task_get_stack(awl_task *task, void **frames, int room)
{
	AWL__NOT_NULL(task);
	AWL__NOT_NULL(frames);
	if (room < 0)
		return awl__fail(-EINVAL, "awl_task_get_stack: room is negative");
	AWL__CLAIM(task->row.loop, "awl_call_soon_threadsafe with a callback that asks");
	if (!awl__is_task(task))
		return awl__fail(-EINVAL, "awl_task_get_stack: this future is not a task");
	/* A loop that another thread ran may be looked at, but its tasks cannot run here. */
	if (task->row.loop->bound != awl__token() && task->row.loop->started)
		return awl__fail(
			AWL_ETHREAD, "awl_task_get_stack: the task has begun in another thread");
	return room ? frames_of((struct awl__task *)task, frames, room) : 0;
}

int awl_task_print_stack(awl_task *task, int fd)
{
	void *frames[64];
	char name[96], line[384];
	int n, len;

	AWL__NOT_NULL(task);
	AWL__CLAIM(task->row.loop, "awl_call_soon_threadsafe with a callback that prints it");
	n = awl_task_get_stack(task, frames, 64);
	if (n < 0)
		return n;
	awl__symbol((const void *)(uintptr_t)((struct awl__task *)task)->fn, name, sizeof name);
	len = snprintf(line, sizeof line, "%.200s, %s: %s\n", awl_task_get_name(task), name,
		awl__is_done(task) ? "done"
			: n        ? "most recent call first"
				   : "has not begun");
	if (write(fd, line, (size_t)len) < 0)
		return -errno;
	backtrace_symbols_fd(frames, n, fd);
	return 0;
}
