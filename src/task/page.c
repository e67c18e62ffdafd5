/* SPDX-License-Identifier: MIT */
/*
 * page.c - the page that leads readers outside to every loop and task.
 */
#include "task/page.h"
#include "base/fork.h"
#include "task/task.h"

#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct awl__page *page;
static uint64_t page_process; /* whose it is: a child's first loop makes its own */

static const struct awl__page layout = {
	.magic = AWL__PAGE_MAGIC,
	.version = AWL__PAGE_VERSION,
	.size = sizeof(struct awl__page),
	.loop = {
		.next = offsetof(awl_loop, next),
		.name = offsetof(awl_loop, name),
		.runner_tid = offsetof(awl_loop, runner_tid),
		.steps = offsetof(awl_loop, steps),
		.now = offsetof(awl_loop, now),
		.current = offsetof(awl_loop, current),
		.blocks = offsetof(awl_loop, tasks) + offsetof(struct awl__rows, blocks),
	},
	.block = {
		.next = offsetof(struct awl__row_block, next),
		.used = offsetof(struct awl__row_block, used),
		.rows = AWL__CACHE_LINE,
	},
	.task = {
		.size = sizeof(struct awl__task),
		.seq = offsetof(struct awl__row, seq),
		.kind = offsetof(struct awl__row, kind),
		.state = offsetof(struct awl__row, state),
		.waits = offsetof(struct awl__row, waits),
		.waits_on = offsetof(struct awl__task, waits_on),
		.since = offsetof(struct awl__task, since),
		.number = offsetof(struct awl__task, number),
		.fn = offsetof(struct awl__task, fn),
		.sp = offsetof(struct awl__task, context) + offsetof(struct awl__context, sp),
		.extra = offsetof(struct awl__task, extra),
		.name = offsetof(struct awl__extra, name),
	},
	.waits_on_fd = offsetof(struct awl__op, fd),
	.waits = {
		[AWL__WAITS_FUTURE] = "future",
		[AWL__WAITS_JOIN] = "join",
		[AWL__WAITS_SLEEP] = "sleep",
		[AWL__WAITS_FD] = "fd",
		[AWL__WAITS_GROUP] = "group",
		[AWL__WAITS_LOCK] = "lock",
		[AWL__WAITS_EVENT] = "event",
		[AWL__WAITS_CONDITION] = "condition",
		[AWL__WAITS_SEMAPHORE] = "semaphore",
		[AWL__WAITS_BARRIER] = "barrier",
		[AWL__WAITS_QUEUE] = "queue",
		[AWL__WAITS_CHANNEL] = "channel",
		[AWL__WAITS_SELECT] = "select",
		[AWL__WAITS_THREAD] = "thread",
		[AWL__WAITS_ERRAND] = "thread",
		[AWL__WAITS_GATHER] = "gather",
		[AWL__WAITS_DESCRIPTOR] = "descriptor",
		[AWL__WAITS_STREAM] = "stream",
		[AWL__WAITS_TIMED] = "stream",
	},
};

const char *awl__page_waits(uint8_t waits)
{
	return waits < AWL__WAITS_COUNT ? layout.waits[waits] : "";
}

/* A fork while another thread makes a loop must not lock the child out. */
AWL__HELD_OVER_FORK(lock)

__attribute__((constructor)) static void watch_forks(void)
{
	pthread_atfork(before_fork, after_fork, after_fork);
}

/* A private mapping of a named file: a child's writes stay its own. */
static int make_page(void)
{
	int fd = memfd_create(AWL__PAGE_NAME, MFD_CLOEXEC);
	void *p = MAP_FAILED;

	if (fd >= 0 && ftruncate(fd, sizeof *page) == 0)
		p = mmap(NULL, sizeof *page, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	if (fd >= 0)
		close(fd);
	if (p == MAP_FAILED)
		return awl__fail(-ENOMEM, "no memory for the page that shows the tasks to tools");
	page = p;
	*page = layout;
	page->pid = (uint64_t)getpid();
	page_process = awl__process();
	return 0;
}

int awl__page_add(awl_loop *l)
{
	int r = 0;

	l->tasks.size = sizeof(struct awl__task);
	l->futures.size = sizeof(struct awl_future);
	pthread_mutex_lock(&lock);
	if (page_process != l->process) {
		if (page)
			munmap(page, sizeof *page); /* the parent's */
		page = NULL;
		r = make_page();
	}
	if (r == 0) {
		l->next = (awl_loop *)(uintptr_t)page->loops;
		page->loops = (uintptr_t)l;
	}
	pthread_mutex_unlock(&lock);
	return r;
}

void awl__page_remove(awl_loop *l)
{
	pthread_mutex_lock(&lock);
	if ((awl_loop *)(uintptr_t)page->loops == l) {
		page->loops = (uintptr_t)l->next;
	} else {
		awl_loop *before = (awl_loop *)(uintptr_t)page->loops;

		while (before->next != l)
			before = before->next;
		before->next = l->next;
	}
	pthread_mutex_unlock(&lock);
}

/* One whose last reference has been given up is as good as gone. */
static bool revive(awl_loop *l)
{
	uint32_t refs = awl__load(&l->refs);

	while (refs)
		if (awl__cas(&l->refs, &refs, refs + 1))
			return true;
	return false;
}

awl_loop *awl__page_find(uint64_t id)
{
	awl_loop *l = NULL;

	pthread_mutex_lock(&lock);
	if (page && page_process == awl__process())
		l = (awl_loop *)(uintptr_t)page->loops;
	while (l && l->id != id)
		l = l->next;
	if (l && !revive(l))
		l = NULL;
	pthread_mutex_unlock(&lock);
	return l;
}

int awl__page_loops(awl_loop **loops, int room)
{
	int n = 0;

	pthread_mutex_lock(&lock);
	if (page && page_process == awl__process())
		for (awl_loop *l = (awl_loop *)(uintptr_t)page->loops; l && n < room; l = l->next)
			if (revive(l))
				loops[n++] = l;
	pthread_mutex_unlock(&lock);
	return n;
}
