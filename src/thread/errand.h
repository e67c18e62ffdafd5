/* SPDX-License-Identifier: MIT */
/*
 * errand.h - something a task has sent to another thread and waits for, and may leave behind.
 *
 * It lies on the heap with two references: the task's, and that of the thread which brings it back.
 * The loop lives as long as it does; sim's clock stands while the task waits.
 */
#ifndef AWL__ERRAND_H
#define AWL__ERRAND_H

#include "task/task.h"

struct awl__errand {
	_Atomic uint32_t refs;
	awl_loop *loop;
	struct awl__parcel parcel;
	struct awl__list waiter; /* the task; the loop thread's, as is `back` */
	bool back;
	void (*end)(struct awl__errand *e); /* both have let go: frees it, in either thread */
};

void awl__errand_begin(struct awl__errand *e, awl_loop *l, void (*end)(struct awl__errand *e));

/* 0: it is back. AWL_ECANCELED: the task was asked to stop first. */
int awl__errand_wait(struct awl__errand *e, struct awl__task *t);

/* From another thread, once, with its reference: it is back. */
void awl__errand_return(struct awl__errand *e);

void awl__errand_unref(struct awl__errand *e);

#endif
