/* SPDX-License-Identifier: MIT */
/*
 * heap.h - deadlines in order: a 4-ary heap of (deadline, node) pairs with the index kept in the
 * node, so that a node leaves at once; FIFO among equals. The array is grown ahead of need
 * (awl__heap_reserve), so that arming a timer cannot fail.
 */
#ifndef AWL__HEAP_H
#define AWL__HEAP_H

#include <awl/types.h>

#include <stdbool.h>
#include <stdint.h>

#define AWL__HEAP_OUT 0u /* index of a node that is in no heap; else its place, plus one */

struct awl__heap_entry {
	int64_t deadline;
	struct awl__heap_node *node;
};

struct awl__heap {
	struct awl__heap_entry *at; /* four children share a cache line */
	void *block;
	uint32_t count, capacity, reserved;
	uint64_t seq;
};

void awl__heap_free(struct awl__heap *h);

/* Room for one node more, kept until released: 0 or -ENOMEM. */
int awl__heap_reserve(struct awl__heap *h);
static inline void awl__heap_release(struct awl__heap *h)
{
	h->reserved--;
}

/* The node must be out and have a reservation. */
void awl__heap_add(struct awl__heap *h, struct awl__heap_node *n, int64_t deadline);
void awl__heap_remove(struct awl__heap *h, struct awl__heap_node *n);

static inline void awl__heap_node_init(struct awl__heap_node *n)
{
	n->index = AWL__HEAP_OUT;
}

static inline bool awl__heap_armed(const struct awl__heap_node *n)
{
	return n->index != AWL__HEAP_OUT;
}

static inline int64_t awl__heap_first(const struct awl__heap *h)
{
	return h->count ? h->at[0].deadline : INT64_MAX;
}

static inline int64_t awl__heap_deadline(const struct awl__heap *h, const struct awl__heap_node *n)
{
	return h->at[n->index - 1].deadline;
}

#endif
