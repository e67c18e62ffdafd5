/* SPDX-License-Identifier: MIT */
/*
 * inspect.h - looking into a program that runs: all tasks, and who waits for whom.
 *
 * What awl says unasked, through the logger: a step that does not yield (loop.h), a task that
 * swallows a request to stop, one that ends with a lock, a failure nobody read, and a deadlock: a
 * loop that sleeps while no timer, operation, thread, signal handler or reference is left to wake
 * it. Its report has the words AWL_EDEADLK, the cycles of waiting tasks, then the other tasks; it
 * comes once, a quarter of a second after the last step, and the loop goes on waiting.
 */
#ifndef AWL_INSPECT_H
#define AWL_INSPECT_H

#include <awl/types.h>

AWL__BEGIN

/*
 * Writes every task of every loop of the process to `fd` as text: name, function, what it waits
 * for, since when, where it was made (debug mode), and its stack, most recent call first. A loop
 * that runs in another thread is sent a copy of the descriptor and writes its own tasks as soon as
 * its current step ends, perhaps after this call has returned. -EBADF. With AWL_LOOP_DUMP, or
 * AWL_DUMP=1 in the environment, SIGQUIT does the same to stderr.
 */
AWL_ANY_THREAD int awl_dump(int fd);

/* A future and, if it is a task, its stack; one of a call graph. */
typedef struct awl_call_graph_node {
	awl_future *future; /* borrowed, as all here */
	awl_task *task; /* the same, if it is one; else NULL */
	void *const *frames; /* return addresses, innermost first: `count` */
	int count;
	int depth; /* 0: the one asked for; n + 1 waits for the last one before it of depth n */
	int cycle; /* 1: it is further up already, and is not gone into again */
	uint64_t _spare[3];
} awl_call_graph_node;
typedef int awl_call_graph_fn(const awl_call_graph_node *node, void *arg);

/*
 * Calls fn for the future (NULL: the running task), then for each task that waits for it - awaits
 * it, joins it as its group, wants its lock -, and so on upwards, depth first, 64 deep. fn returns
 * 0 to go on; what else it returns is returned; it must not wait, nor end a task. Else the number
 * of nodes. Refused: AWL_ENOLOOP and AWL_ENOTASK where NULL means nothing, AWL_ETHREAD for a task
 * begun in another thread. asyncio: D12.
 */
AWL_MUST AWL_LOOP_THREAD int awl_capture_call_graph(
	awl_future *future, awl_call_graph_fn *fn, void *arg);

/* The same as text on a descriptor. 0 or -errno. asyncio: D12. */
AWL_LOOP_THREAD int awl_print_call_graph(awl_future *future, int fd);

AWL__END

#endif
