/* SPDX-License-Identifier: MIT */
/*
 * report.h - a sentence to the user's logger or to stderr, and the one place where a misused call
 * is told. Rooms below the loop speak through here too.
 */
#ifndef AWL__REPORT_H
#define AWL__REPORT_H

#include "base/base.h"

#include <awl/system.h>

void awl__report(int level, const char *fmt, ...) AWL__PRINTF(2, 3);

/* One of a public function, static: its name, the call to use instead, how often it was refused. */
struct awl__call {
	const char *name, *instead;
	_Atomic uint64_t refused, told;
};

/* Tells of a refusal; `m->call`, `instead`, `caller_tid` and `count` are filled in here. */
void awl__misuse(struct awl__call *call, awl_misuse *m) AWL__COLD;

/*
 * Keeps the words of a failure for awl_error_detail, and returns err. Where they are kept is the
 * task's business: the task room sets awl__detail_place, below it they go to the thread.
 */
struct awl__detail {
	int err;
	char words[196];
};
extern struct awl__detail *(*awl__detail_place)(bool make); /* NULL: the thread's */
extern const char *(*awl__detail_words)(int err); /* asked first; NULL: what was kept */
int awl__fail(int err, const char *fmt, ...) AWL__PRINTF(2, 3) AWL__COLD;

#endif
