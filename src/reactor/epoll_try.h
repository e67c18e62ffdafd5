/* SPDX-License-Identifier: MIT */
/*
 * epoll_try.h - one attempt at a transfer that does not block, whatever the descriptor is and
 * without touching its O_NONBLOCK, which others may share.
 */
#ifndef AWL__EPOLL_TRY_H
#define AWL__EPOLL_TRY_H

#include "reactor/op.h"

/*
 * Bytes, or -errno; -EAGAIN: not now. `pollable`: epoll has the descriptor, so a plain call after a
 * poll that says ready does not block; else, where nothing better is left, the answer is -EAGAIN.
 */
int32_t awl__try_read(const struct awl__op *op, bool pollable);
int32_t awl__try_write(const struct awl__op *op, bool pollable);

/* The transfer of a regular file, in a thread of the pool. */
int awl__file_read(void *op);
int awl__file_write(void *op);

#endif
