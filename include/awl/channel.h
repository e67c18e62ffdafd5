/* SPDX-License-Identifier: MIT */
/*
 * channel.h - items between loops and plain threads, with back-pressure on both sides.
 *
 * A channel belongs to no loop: tasks of several loops and plain threads send and receive, each in
 * its own way. Items are of one size and go by value. The order is first in, first out; so is that
 * of those who wait, tasks and threads together.
 *
 * Nothing is lost to a cancel: a waiting task is handed its item by who brings it, and once it has
 * been, a request to stop stays for its next wait. What was not handed over has not moved.
 */
#ifndef AWL_CHANNEL_H
#define AWL_CHANNEL_H

#include <awl/types.h>

AWL__BEGIN

typedef struct awl_channel awl_channel;

/* Room for `capacity` items (1 at least) of `item_size` bytes; one reference. -ENOMEM, -EINVAL. */
AWL_MUST AWL_ANY_THREAD int awl_channel_new(size_t item_size, size_t capacity, awl_channel **ret);

/* Every loop and thread that uses one holds a reference. unref of NULL does nothing. */
AWL_ANY_THREAD awl_channel *awl_channel_ref(awl_channel *channel);
AWL_ANY_THREAD void awl_channel_unref(awl_channel *channel);

/*
 * Sends or receives in a task, which waits for room or for an item. 0; AWL_ECANCELED (nothing was
 * sent, nothing taken); AWL_ESHUTDOWN: it is closed, and for a receiver also empty. AWL_ENOTASK,
 * AWL_ESCOPE, AWL_EFORK.
 */
AWL_MUST AWL_TASK int awl_channel_send(awl_channel *channel, const void *item);
AWL_MUST AWL_TASK int awl_channel_recv(awl_channel *channel, void *item);

/*
 * Sends or receives in a plain thread, which blocks for at most `timeout` ns. -ETIMEDOUT, and
 * nothing has moved; AWL_ESHUTDOWN. AWL_EDEADLK in a thread that runs a loop, which would stand
 * still.
 */
AWL_MUST AWL_ANY_THREAD int awl_channel_send_blocking(
	awl_channel *channel, const void *item, int64_t timeout);
AWL_MUST AWL_ANY_THREAD int awl_channel_recv_blocking(
	awl_channel *channel, void *item, int64_t timeout);

/* Sends or receives without ever waiting, anywhere. -EAGAIN: full, empty. */
AWL_MUST AWL_ANY_THREAD int awl_channel_try_send(awl_channel *channel, const void *item);
AWL_MUST AWL_ANY_THREAD int awl_channel_try_recv(awl_channel *channel, void *item);

/* Nothing is accepted any more, waiting senders included; what is inside can still be received.
 * Again: 0. asyncio: queue.shutdown(). */
AWL_ANY_THREAD int awl_channel_close(awl_channel *channel);

/* How many items are inside, at this moment. */
AWL_ANY_THREAD int awl_channel_size(awl_channel *channel);

AWL__END

#endif
