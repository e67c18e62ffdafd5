/* SPDX-License-Identifier: MIT */
/*
 * graph.h - who waits for whom, and in words: for reports, dumps and the call graph. The loop's
 * thread only.
 */
#ifndef AWL__GRAPH_H
#define AWL__GRAPH_H

#include "task/task.h"

/* "Task-3, serve"; its name alone. No allocation. */
const char *awl__task_words(const struct awl__task *t, char *buf, size_t len);
const char *awl__task_name(const struct awl__task *t, char *buf, size_t len);

/* "waits for task Task-4, 1.203 s", or how it is instead. */
const char *awl__wait_words(const struct awl__task *t, char *buf, size_t len);

/* Each task that waits for f's end, or for a lock that the task f has. */
void awl__each_waiter(awl_future *f, void (*fn)(struct awl__task *waiter, void *arg), void *arg);

/* The next task, after that one, without which t cannot go on; NULL: no more. */
struct awl__task *awl__next_awaited(const struct awl__task *t, const struct awl__task *after);

/* Tasks not done, one after another; NULL first and last. */
struct awl__task *awl__next_task(const awl_loop *l, const struct awl__task *after);

/*
 * Cycles of tasks that wait for each other: fn is called for each member, in order, the next one
 * being what it waits for. Returns how many there are; members keep mark == 3.
 */
#define AWL__IN_CYCLE 3
int awl__each_cycle(awl_loop *l, void (*fn)(struct awl__task *t, int size, void *arg), void *arg);

/* What the watchdog has a sleeping loop do. */
void awl__tell_stuck(awl_loop *l, bool certain);

/* Every task of every loop of the process; loops of other threads write theirs soon after. */
void awl__dump(int fd);

#endif
