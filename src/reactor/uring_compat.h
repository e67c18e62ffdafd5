/* SPDX-License-Identifier: MIT */
/*
 * uring_compat.h - numbers of the kernel's interface that liburing 2.3's header does not have yet.
 * Each is asked of the kernel before it is used, never deduced from a version.
 */
#ifndef AWL__URING_COMPAT_H
#define AWL__URING_COMPAT_H

#include <liburing.h>

#ifndef IORING_SETUP_NO_SQARRAY
#define IORING_SETUP_NO_SQARRAY (1u << 16) /* 6.6: entry i of the queue is SQE i */
#endif
#ifndef IORING_ENTER_ABS_TIMER
#define IORING_ENTER_ABS_TIMER (1u << 5) /* 6.12: the timeout is a time, not a span */
#endif
#ifndef IORING_ENTER_NO_IOWAIT
#define IORING_ENTER_NO_IOWAIT (1u << 7) /* 6.15: a sleep is idle time, not iowait */
#endif
#ifndef IORING_FEAT_NO_IOWAIT
#define IORING_FEAT_NO_IOWAIT (1u << 17)
#endif

#endif
