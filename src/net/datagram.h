/* SPDX-License-Identifier: MIT */
/*
 * datagram.h - a datagram endpoint inside: made and ended by datagram.c, used by
 * datagram_transfer.c.
 */
#ifndef AWL__DATAGRAM_H
#define AWL__DATAGRAM_H

#include "task/op.h"

#include <awl/datagram.h>

struct awl_datagram {
	awl_loop *loop;
	struct awl__list link; /* in the loop's list, until it is closed */
	uint32_t refs;
	uint32_t inside; /* calls that will come back to it */
	int fd, family;
	bool connected;
	bool closing, closed;
	struct awl__list waits; /* struct awl__datagram_wait */
	struct awl__list closers; /* tasks that wait for its end */
	const void *place; /* debug: where it was made */
};

/* A call that has the kernel at work. */
struct awl__datagram_wait {
	struct awl__task_op o;
	struct awl__list link;
};

static inline const struct awl__net *awl__datagram_net(const awl_datagram *d)
{
	return d->loop->reactor->class->net;
}

/* The last call has left a closing one: closes it, frees it if nobody has it. */
void awl__datagram_settle(awl_datagram *d);

/* The first line of what can wait: `t` is the running task, of the endpoint's loop. */
#define AWL__DATAGRAM_TASK(d, t) \
	static struct awl__call call_ = { __func__, "awl_run_coroutine_threadsafe", 0, 0 }; \
	AWL__NOT_NULL(d); \
	struct awl__task *t; \
	int begun_ = awl__self_of((d)->loop, "endpoint", &call_, &t); \
	if (begun_ == 0) \
		begun_ = awl__wait_begin(t); \
	if (awl__unlikely(begun_ < 0)) \
	return begun_

#endif
