/* SPDX-License-Identifier: MIT */
/*
 * sendfile.h - a file sent through a socket, for those who have a turn at it already.
 */
#ifndef AWL__SENDFILE_H
#define AWL__SENDFILE_H

#include "task/op.h"

/*
 * The checks of the file and how much of it, before anything is touched: -EINVAL, -ESPIPE, -EBADF.
 * *count 0 becomes INT64_MAX.
 */
int awl__sendfile_check(int file, int64_t offset, int64_t *count, const char *call);

/*
 * Through o->op.fd, whose outgoing turn is the caller's: 0; *done counts on. Each wait is given up
 * after `patience` ns in which nothing moved, -ETIMEDOUT; INT64_MAX: never.
 */
int awl__sendfile(struct awl__task *t, struct awl__task_op *o, int file, int64_t offset,
	int64_t count, int64_t patience, int64_t *done);

#endif
