/* SPDX-License-Identifier: MIT */
/*
 * heap.c - see heap.h. Entry i has the children 4i+1 ... 4i+4; the array starts 48 bytes past a
 * cache line, so that those four lie in one line.
 */
#include "base/heap.h"
#include "base/alloc.h"
#include "base/base.h"

#include <string.h>

#define FIRST_CAPACITY 64u
#define LEAD ((AWL__CACHE_LINE / sizeof(struct awl__heap_entry)) - 1)

void awl__heap_free(struct awl__heap *h)
{
	awl__free(h->block);
	*h = (struct awl__heap){ .seq = h->seq };
}

static struct awl__heap_entry *aligned(void *block)
{
	uintptr_t p = ((uintptr_t)block + AWL__CACHE_LINE - 1) & ~(uintptr_t)(AWL__CACHE_LINE - 1);

	return (struct awl__heap_entry *)p + LEAD;
}

static int grow(struct awl__heap *h)
{
	uint32_t capacity = h->capacity ? h->capacity * 2 : FIRST_CAPACITY;
	void *block;

	if (capacity < h->capacity)
		return -ENOMEM;
	block = awl__alloc((capacity + LEAD) * sizeof *h->at + AWL__CACHE_LINE);
	if (!block)
		return -ENOMEM;
	if (h->count)
		memcpy(aligned(block), h->at, h->count * sizeof *h->at);
	awl__free(h->block);
	h->block = block;
	h->at = aligned(block);
	h->capacity = capacity;
	return 0;
}

int awl__heap_reserve(struct awl__heap *h)
{
	if (awl__unlikely(h->reserved == h->capacity) && grow(h) < 0)
		return -ENOMEM;
	h->reserved++;
	return 0;
}

static bool before(struct awl__heap_entry a, struct awl__heap_entry b)
{
	return a.deadline != b.deadline ? a.deadline < b.deadline : a.node->seq < b.node->seq;
}

static void put(struct awl__heap *h, uint32_t i, struct awl__heap_entry e)
{
	h->at[i] = e;
	e.node->index = i + 1;
}

static void sift_up(struct awl__heap *h, uint32_t i, struct awl__heap_entry e)
{
	while (i > 0) {
		uint32_t parent = (i - 1) / 4;

		if (!before(e, h->at[parent]))
			break;
		put(h, i, h->at[parent]);
		i = parent;
	}
	put(h, i, e);
}

static void sift_down(struct awl__heap *h, uint32_t i, struct awl__heap_entry e)
{
	for (;;) {
		uint32_t child = 4 * i + 1, least = child, end = child + 4;

		if (child >= h->count)
			break;
		if (end > h->count)
			end = h->count;
		while (++child < end)
			if (before(h->at[child], h->at[least]))
				least = child;
		if (!before(h->at[least], e))
			break;
		put(h, i, h->at[least]);
		i = least;
	}
	put(h, i, e);
}

void awl__heap_add(struct awl__heap *h, struct awl__heap_node *n, int64_t deadline)
{
	struct awl__heap_entry e = { deadline, n };
	uint32_t i = h->count++, parent;

	assert(i < h->capacity);
	n->seq = h->seq++;
	/* The newest of equals goes last: no look at the parent's seq, which is a cache miss. */
	while (i > 0 && deadline < h->at[parent = (i - 1) / 4].deadline) {
		put(h, i, h->at[parent]);
		i = parent;
	}
	put(h, i, e);
}

void awl__heap_remove(struct awl__heap *h, struct awl__heap_node *n)
{
	uint32_t i = n->index - 1;
	struct awl__heap_entry last = h->at[--h->count];

	n->index = AWL__HEAP_OUT;
	if (i == h->count)
		return;
	if (i > 0 && before(last, h->at[(i - 1) / 4]))
		sift_up(h, i, last);
	else
		sift_down(h, i, last);
}
