/* SPDX-License-Identifier: MIT */
/*
 * awl.h - "await loop": asyncio for C. Coroutines, tasks, futures, one event loop a thread.
 */
#ifndef AWL_H
#define AWL_H

#include <awl/types.h>
#include <awl/errors.h>
#include <awl/system.h>
#include <awl/loop.h>
#include <awl/future.h>
#include <awl/task.h>
#include <awl/scope.h>
#include <awl/thread.h>

#endif
