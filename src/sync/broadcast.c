/* SPDX-License-Identifier: MIT */
/*
 * broadcast.c - every item for every subscriber: a ring of the last items, numbered from 0; a
 * subscriber is only the number that it wants next.
 */
#include "sync/sync.h"

#include <awl/queue.h>

#include <string.h>

int awl_broadcast_init(awl_broadcast *broadcast, void *array, size_t item_size, size_t room)
{
	AWL__NOT_NULL(broadcast);
	AWL__NOT_NULL(array);
	if (!item_size || !room)
		return awl__fail(-EINVAL, "%s: no room for an item", __func__);
	*broadcast = (awl_broadcast){ ._items = array, ._item_size = item_size, ._room = room };
	return 0;
}

static void *item_at(const awl_broadcast *b, uint64_t number)
{
	return b->_items + number % b->_room * b->_item_size;
}

int awl_broadcast_send(awl_broadcast *broadcast, const void *item)
{
	AWL__NOT_NULL(item);
	AWL__SYNC(broadcast, l, AWL__BY_CALLBACK);
	if (broadcast->_shut)
		return AWL_ESHUTDOWN;
	memcpy(item_at(broadcast, broadcast->_sent++), item, broadcast->_item_size);
	awl__sync_wake_all(l, &broadcast->_sync._waiters, 0);
	return 0;
}

int awl_broadcast_shutdown(awl_broadcast *broadcast)
{
	AWL__SYNC(broadcast, l, AWL__BY_CALLBACK);
	broadcast->_shut = 1;
	awl__sync_wake_all(l, &broadcast->_sync._waiters, 0);
	return 0;
}

int awl_broadcast_destroy(awl_broadcast *broadcast)
{
	AWL__SYNC_DESTROY(broadcast, false);
}

int awl_broadcast_subscribe(awl_broadcast *broadcast, awl_subscriber *subscriber)
{
	AWL__NOT_NULL(subscriber);
	AWL__SYNC(broadcast, l, AWL__BY_CALLBACK);
	*subscriber = (awl_subscriber){ ._broadcast = broadcast, ._next = broadcast->_sent };
	return 0;
}

/* The next item, if it was sent; how many are gone before it. */
static int take(awl_subscriber *s, void *item)
{
	const awl_broadcast *b = s->_broadcast;
	uint64_t missed = 0;

	if (s->_next == b->_sent)
		return b->_shut ? AWL_ESHUTDOWN : -EAGAIN;
	if (b->_sent - s->_next > b->_room)
		missed = b->_sent - s->_next - b->_room;
	s->_next += missed;
	memcpy(item, item_at(b, s->_next++), b->_item_size);
	return missed > INT32_MAX ? INT32_MAX : (int)missed;
}

int awl_subscriber_get(awl_subscriber *subscriber, void *item)
{
	const void *place = __builtin_return_address(0);
	awl_broadcast *b;
	int r;

	AWL__NOT_NULL(subscriber);
	AWL__NOT_NULL(item);
	b = subscriber->_broadcast;
	AWL__SYNC_TASK(b, t);
	while ((r = take(subscriber, item)) == -EAGAIN) {
		r = awl__sync_wait_here(t, &b->_sync, AWL__WAITS_QUEUE, place);
		if (r < 0)
			return r;
	}
	if (r >= 0 && awl__unlikely(--awl__task_loop(t)->budget <= 0))
		awl__task_pause(t);
	return r;
}

int awl_subscriber_get_nowait(awl_subscriber *subscriber, void *item)
{
	awl_broadcast *b;

	AWL__NOT_NULL(subscriber);
	AWL__NOT_NULL(item);
	b = subscriber->_broadcast;
	AWL__SYNC(b, l, AWL__BY_CALLBACK);
	return take(subscriber, item);
}
