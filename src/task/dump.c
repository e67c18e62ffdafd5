/* SPDX-License-Identifier: MIT */
/*
 * dump.c - every task of every loop, as text. A loop that the calling thread runs, or nobody, is
 * written at once; one of another thread is sent a parcel and writes its own when it comes round.
 */
#include "base/alloc.h"
#include "task/graph.h"
#include "task/page.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LOOPS_MAX 256
#define FRAMES 32

/* As much as fits, in one write: lines of two loops do not mix. */
struct text {
	int fd;
	size_t len;
	char words[4096];
};

static void flush(struct text *p)
{
	size_t at = 0;

	while (at < p->len) {
		ssize_t n = write(p->fd, p->words + at, p->len - at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break; /* nobody reads it */
		at += (size_t)n;
	}
	p->len = 0;
}

static void AWL__PRINTF(2, 3) print(struct text *p, const char *fmt, ...)
{
	char line[600];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof line, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	if ((size_t)n >= sizeof line)
		n = sizeof line - 1;
	if (p->len + (size_t)n > sizeof p->words)
		flush(p);
	memcpy(p->words + p->len, line, (size_t)n);
	p->len += (size_t)n;
}

static void dump_task(struct text *p, struct awl__task *t, bool stacks)
{
	char task[160], wait[288], place[128];
	const void *made = awl__future_made(&t->future);
	void *frames[FRAMES];
	int n = stacks ? awl_task_get_stack(&t->future, frames, FRAMES) : 0;

	print(p, "  %s: %s%s%s\n", awl__task_words(t, task, sizeof task),
		awl__wait_words(t, wait, sizeof wait), made ? "; made in " : "",
		made ? awl__place(made, place, sizeof place) : "");
	if (t->cancelling || t->level)
		print(p, "    asked to stop: %s\n", awl_cancel_reason(&t->future));
	for (int i = 0; i < n; i++)
		print(p, "    %s\n", awl__place(frames[i], place, sizeof place));
}

static void print_member(struct awl__task *t, int size, void *arg)
{
	char name[64];

	if (size)
		print(arg, "  %d wait for each other in a circle:", size);
	print(arg, " %s", awl__task_name(t, name, sizeof name));
}

/* The loop is ours. */
static void dump_loop(awl_loop *l, int fd)
{
	struct text p = { .fd = fd };
	uint32_t tid = awl__load(&l->runner_tid);
	bool stacks = l->bound == awl__token() || !l->started;
	char where[40] = "not running";

	if (tid)
		snprintf(where, sizeof where, "running in thread %u", tid);
	print(&p, "loop %p%s%s, %s, %s: %u tasks, iteration %llu\n", (void *)l, *l->name ? " " : "",
		l->name, l->reactor->class->name, where, l->live,
		(unsigned long long)l->iterations);
	if (awl__each_cycle(l, print_member, &p))
		print(&p, "\n");
	for (struct awl__task *t = NULL; (t = awl__next_task(l, t));)
		dump_task(&p, t, stacks);
	flush(&p);
}

struct question {
	struct awl__parcel parcel;
	int fd;
};

static void open_question(awl_loop *l, struct awl__parcel *p)
{
	struct question *q = awl__container(p, struct question, parcel);

	if (!l->closed)
		dump_loop(l, q->fd);
	close(q->fd);
	awl__free(q);
}

/* To a loop of another thread. One that is long in a step answers after it. */
static void ask_loop(awl_loop *l, int fd)
{
	struct question *q = awl__alloc(sizeof *q);
	int r = -ENOMEM;

	if (q) {
		q->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
		q->parcel.open = open_question;
		r = q->fd < 0 ? -errno : awl__inbox_push(&l->inbox, &q->parcel);
		if (r == 1)
			awl__reactor_wake(l->reactor);
	}
	if (r >= 0)
		return;
	if (q && q->fd >= 0)
		close(q->fd);
	awl__free(q);
}

static void dump_any(awl_loop *l, int fd)
{
	uint64_t token = awl__token_make(), who = awl__load(&l->owner.who);

	if (who == token) {
		dump_loop(l, fd);
	} else if (who == AWL__NOBODY && token && awl__owner_take(&l->owner, who, token)) {
		dump_loop(l, fd);
		awl__owner_give(&l->owner, who);
	} else if (who != AWL__CLOSED) {
		ask_loop(l, fd);
	}
}

void awl__dump(int fd)
{
	awl_loop *loops[LOOPS_MAX];
	int n = awl__page_loops(loops, LOOPS_MAX);

	for (int i = 0; i < n; i++) {
		dump_any(loops[i], fd);
		awl_loop_unref(loops[i]);
	}
}
