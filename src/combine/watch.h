/* SPDX-License-Identifier: MIT */
/*
 * watch.h - one task that waits for many futures: a node among the waiters of each, so that the end
 * of one costs the same however many there are. The nodes lie in the waiting call's frame or in a
 * block of its own, and leave the futures on every way out.
 */
#ifndef AWL__WATCH_H
#define AWL__WATCH_H

#include "task/task.h"

#include <awl/combine.h>

/* So many nodes lie in the frame; for more there is one allocation. */
#define AWL__WATCHES 12

struct awl__watch {
	awl_done_callback node;
	struct awl__watcher *watcher;
	awl_future *future; /* referred to while it is watched or waits to be handed out */
};

enum awl__until {
	AWL__UNTIL_ONE,
	AWL__UNTIL_FAILURE, /* or all */
	AWL__UNTIL_ALL,
};

struct awl__watcher {
	struct awl__list queue; /* its task, while it waits */
	awl_task *task; /* the same for the graph, NULL while it does not */
	struct awl__list done; /* watches whose future is done, in that order */
	size_t left; /* futures not done */
	int failure; /* the first in time, or 0 */
	uint8_t until;
	bool cancel_fails; /* a cancelled future is a failed one */
};

static inline void awl__watcher_init(
	struct awl__watcher *w, enum awl__until until, bool cancel_fails)
{
	awl__list_init(&w->queue);
	w->task = NULL;
	awl__list_init(&w->done);
	w->left = 0;
	w->failure = 0;
	w->until = (uint8_t)until;
	w->cancel_fails = cancel_fails;
}

static inline bool awl__watcher_over(const struct awl__watcher *w)
{
	return w->left == 0 || (w->until == AWL__UNTIL_FAILURE && w->failure) ||
		(w->until == AWL__UNTIL_ONE && !awl__list_empty(&w->done));
}

/* The running task, if each of the n futures is one of its loop and not itself; or the refusal. */
int awl__watch_check(
	awl_future *const *futures, size_t n, struct awl__task **ret, struct awl__call *call);

/* Until the watcher is over, or somebody wakes it; as awl__wait_in. */
int awl__watcher_wait(struct awl__task *t, struct awl__watcher *w);

/* From now on the future is watched; one that is done counts at once. */
void awl__watch_add(struct awl__watcher *w, struct awl__watch *n, awl_future *f);

/* No longer, whatever has become of it. */
void awl__watch_drop(struct awl__watch *n);

/* n of them: in `frame`, or NULL without memory; and back. */
struct awl__watch *awl__watches_get(struct awl__watch frame[AWL__WATCHES], size_t n);
void awl__watches_put(struct awl__watch *watches, const struct awl__watch *frame, size_t n);

#endif
