/* SPDX-License-Identifier: MIT */
/*
 * items.c - a queue's memory, and its heap: by the user's order, and by arrival among equals.
 */
#include "sync/items.h"
#include "base/alloc.h"

#define FIRST_ROOM 8u

static size_t slot_size(const awl_queue *q)
{
	if (q->_kind != AWL__PRIORITY)
		return q->_item_size;
	return sizeof(uint64_t) + (((size_t)q->_item_size + 7) & ~(size_t)7);
}

/* Room for a slot more than is used lies behind a heap: what is sifted waits there. */
static unsigned char *allocate(awl_queue *q, uint32_t room)
{
	size_t slots = (size_t)room + (q->_kind == AWL__PRIORITY), bytes;

	if (__builtin_mul_overflow(slots, slot_size(q), &bytes))
		return NULL;
	return awl__alloc(bytes);
}

int awl__items_grow(awl_queue *q)
{
	uint32_t room = q->_room ? q->_room * 2 : FIRST_ROOM;
	size_t size = slot_size(q), front;
	unsigned char *items;

	if (room <= q->_room)
		room = UINT32_MAX;
	if (q->_maxsize && room > q->_maxsize)
		room = q->_maxsize;
	if (q->_lent || room == q->_room || !(items = allocate(q, room)))
		return -ENOMEM;
	if (q->_count) { /* unrolled: from the first to the end of the ring, then the rest */
		front = q->_room - q->_first;
		memcpy(items, q->_items + q->_first * size, front * size);
		memcpy(items + front * size, q->_items, (q->_count - front) * size);
	}
	awl__free(q->_items);
	q->_items = items;
	q->_room = room;
	q->_first = 0;
	return 0;
}

struct slot {
	uint64_t arrived;
	unsigned char item[];
};

static struct slot *slot_at(const awl_queue *q, uint32_t i)
{
	return (struct slot *)(void *)(q->_items + i * slot_size(q));
}

static bool before(const awl_queue *q, uint32_t a, uint32_t b)
{
	const struct slot *x = slot_at(q, a), *y = slot_at(q, b);
	int order = q->_compare(x->item, y->item);

	return order < 0 || (order == 0 && x->arrived < y->arrived);
}

static void move(awl_queue *q, uint32_t to, uint32_t from)
{
	memcpy(slot_at(q, to), slot_at(q, from), slot_size(q));
}

void awl__heap_put(awl_queue *q, const void *item)
{
	uint32_t hand = q->_room, i = q->_count++; /* the new one waits in the slot behind */

	slot_at(q, hand)->arrived = ++q->_arrived;
	memcpy(slot_at(q, hand)->item, item, q->_item_size);
	while (i > 0 && before(q, hand, (i - 1) / 2)) {
		move(q, i, (i - 1) / 2);
		i = (i - 1) / 2;
	}
	move(q, i, hand);
}

void awl__heap_take(awl_queue *q, void *item)
{
	uint32_t n = --q->_count, i = 0, child; /* the last one looks for its place from the top */

	memcpy(item, slot_at(q, 0)->item, q->_item_size);
	while ((child = 2 * i + 1) < n) {
		if (child + 1 < n && before(q, child + 1, child))
			child++;
		if (!before(q, child, n))
			break;
		move(q, i, child);
		i = child;
	}
	if (i != n)
		move(q, i, n);
}
