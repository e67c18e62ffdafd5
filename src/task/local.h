/* SPDX-License-Identifier: MIT */
/*
 * local.h - what a task has of locals: a map that is never changed while two tasks share it.
 */
#ifndef AWL__LOCAL_H
#define AWL__LOCAL_H

#include "base/token.h"

struct awl__locals;

/* In a thread that runs a function for a task which stays parked meanwhile: the task's, to read. */
extern _Thread_local struct awl__locals *awl__thread_locals AWL__TLS;

struct awl__locals *awl__locals_ref(struct awl__locals *m); /* NULL is the empty map */
void awl__locals_unref(struct awl__locals *m);

#endif
