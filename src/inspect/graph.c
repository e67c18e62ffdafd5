/* SPDX-License-Identifier: MIT */
/*
 * graph.c - the call graph: the stack of a task, and those of all who wait for it, upwards.
 */
#include "task/graph.h"

#include <awl/inspect.h>

#include <stdio.h>

#define DEPTH_MAX 64
#define FRAMES 64

/* A walk upwards; `path` leads from the future asked for to the one being visited. */
struct walk {
	awl_call_graph_fn *fn;
	void *arg;
	int visited;
	int stopped; /* what fn returned */
	int depth;
	awl_future *path[DEPTH_MAX];
};

static bool is_on_path(const struct walk *w, const awl_future *f)
{
	for (int i = 0; i < w->depth; i++)
		if (w->path[i] == f)
			return true;
	return false;
}

/* The frames are on this frame only while fn looks: a deep graph is not a deep stack of them. */
static AWL__NOINLINE bool show(struct walk *w, awl_future *f)
{
	void *frames[FRAMES];
	awl_call_graph_node node = {
		.future = f,
		.task = awl__is_task(f) ? f : NULL,
		.frames = frames,
		.depth = w->depth,
		.cycle = is_on_path(w, f),
	};

	node.count = node.task && !node.cycle ? awl_task_get_stack(f, frames, FRAMES) : 0;
	if (node.count < 0)
		w->stopped = node.count;
	else
		w->stopped = w->fn(&node, w->arg);
	w->visited++;
	return !node.cycle;
}

static void visit(struct walk *w, awl_future *f);

static void visit_waiter(struct awl__task *waiter, void *walk)
{
	visit(walk, &waiter->future);
}

static void visit(struct walk *w, awl_future *f)
{
	if (w->stopped || w->depth == DEPTH_MAX)
		return;
	if (!show(w, f) || w->stopped)
		return;
	w->path[w->depth++] = f;
	awl__each_waiter(f, visit_waiter, w);
	w->depth--;
}

static int capture(awl_future *f, awl_call_graph_fn *fn, void *arg, const char *call)
{
	struct walk w = { .fn = fn, .arg = arg };
	struct awl__task *t;
	int r;

	if (!f) {
		r = awl__self(&t, call);
		if (r < 0)
			return r;
		f = &t->future;
	}
	visit(&w, f);
	return w.stopped ? w.stopped : w.visited;
}

int awl_capture_call_graph(awl_future *future, awl_call_graph_fn *fn, void *arg)
{
	awl_loop *l = future ? future->row.loop : awl__thread->running;

	AWL__NOT_NULL(fn);
	if (!l)
		return awl__self_refused(__func__);
	AWL__CLAIM(l, "awl_call_soon_threadsafe with a callback that asks");
	return capture(future, fn, arg, __func__);
}

struct printer {
	int fd;
};

/* asyncio's picture: "* task", its stack after a bar, its waiters one step to the right. */
static int print_node(const awl_call_graph_node *n, void *arg)
{
	const struct printer *p = arg;
	int margin = 4 * n->depth;
	char words[160], wait[288];

	if (n->depth && dprintf(p->fd, "%*s+ awaited by:\n", margin - 2, "") < 0)
		return -errno;
	if (!n->task)
		return dprintf(p->fd, "%*s* a future (%p)\n", margin, "", (void *)n->future) < 0
			? -errno
			: 0;
	if (dprintf(p->fd, "%*s* %s: %s%s\n", margin, "",
		    awl__task_words((struct awl__task *)n->task, words, sizeof words),
		    awl__wait_words((struct awl__task *)n->task, wait, sizeof wait),
		    n->cycle ? " - a circle: it is further up already" : "") < 0)
		return -errno;
	for (int i = 0; i < n->count; i++)
		if (dprintf(p->fd, "%*s  | %s\n", margin, "",
			    awl__place(n->frames[i], words, sizeof words)) < 0)
			return -errno;
	return 0;
}

int awl_print_call_graph(awl_future *future, int fd)
{
	awl_loop *l = future ? future->row.loop : awl__thread->running;
	struct printer p = { fd };
	int r;

	if (!l)
		return awl__self_refused(__func__);
	AWL__CLAIM(l, "awl_call_soon_threadsafe with a callback that prints it");
	r = capture(future, print_node, &p, __func__);
	return r < 0 ? r : 0;
}
