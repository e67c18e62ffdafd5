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
#include <awl/combine.h>
#include <awl/interval.h>
#include <awl/local.h>
#include <awl/runner.h>
#include <awl/sync.h>
#include <awl/queue.h>
#include <awl/thread.h>
#include <awl/executor.h>
#include <awl/names.h>
#include <awl/datagram.h>
#include <awl/socket.h>
#include <awl/stream.h>
#include <awl/server.h>
#include <awl/channel.h>
#include <awl/workers.h>
#include <awl/inspect.h>
#include <awl/test.h>

#endif
