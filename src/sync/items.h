/* SPDX-License-Identifier: MIT */
/*
 * items.h - where a queue keeps its items: a ring, a stack or a heap of slots.
 */
#ifndef AWL__ITEMS_H
#define AWL__ITEMS_H

#include "sync/sync.h"

#include <awl/queue.h>

#include <string.h>

enum awl__queue_kind {
	AWL__FIFO,
	AWL__LIFO,
	AWL__PRIORITY, /* a slot is the order of arrival, then the item */
};

/* Words are what most items are. */
static inline void awl__item_copy(void *to, const void *from, uint32_t size)
{
	if (awl__likely(size == 8))
		memcpy(to, from, 8);
	else
		memcpy(to, from, size);
}

/* One more slot at least: 0, -ENOMEM. */
int awl__items_grow(awl_queue *q);

void awl__heap_put(awl_queue *q, const void *item);
void awl__heap_take(awl_queue *q, void *item);

/* Where there is a slot; not in a heap. */
static inline void awl__ring_put(awl_queue *q, const void *item)
{
	uint64_t at = (uint64_t)q->_first + q->_count++;

	if (at >= q->_room)
		at -= q->_room;
	awl__item_copy(q->_items + at * q->_item_size, item, q->_item_size);
}

static inline int awl__items_put(awl_queue *q, const void *item)
{
	if (awl__unlikely(q->_count == q->_room)) {
		int r = awl__items_grow(q);

		if (r < 0)
			return r;
	}
	if (awl__unlikely(q->_kind == AWL__PRIORITY))
		awl__heap_put(q, item);
	else
		awl__ring_put(q, item);
	return 0;
}

/* There is one; the same for both ends of it. */
static inline void awl__ring_take(awl_queue *q, void *item)
{
	uint32_t at = q->_first;

	q->_count--;
	if (q->_kind == AWL__LIFO)
		at = q->_count; /* its first is always 0 */
	else if (++q->_first == q->_room)
		q->_first = 0;
	awl__item_copy(item, q->_items + (size_t)at * q->_item_size, q->_item_size);
}

static inline void awl__items_take(awl_queue *q, void *item)
{
	if (awl__unlikely(q->_kind == AWL__PRIORITY))
		awl__heap_take(q, item);
	else
		awl__ring_take(q, item);
}

#endif
