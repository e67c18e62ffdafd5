/* SPDX-License-Identifier: MIT */
/*
 * buffer.c - see buffer.h. A loop keeps some blocks of the usual size for the next borrower, warm;
 * nobody may touch one meanwhile.
 */
#include "net/buffer.h"
#include "base/alloc.h"

#include <string.h>

#define KEPT_MAX 64u

static char *block_get(awl_loop *l)
{
	void **block = l->net_blocks;

	if (!block)
		return awl__alloc(AWL__BLOCK);
	AWL__UNPOISON(block, AWL__BLOCK);
	l->net_blocks = *block;
	l->net_block_count--;
	return (char *)block;
}

static void block_put(awl_loop *l, char *data)
{
	void **block = (void **)(void *)data;

	if (l->net_block_count == KEPT_MAX) {
		awl__free(data);
		return;
	}
	*block = l->net_blocks;
	l->net_blocks = block;
	l->net_block_count++;
	AWL__POISON(block, AWL__BLOCK);
}

void awl__blocks_free(awl_loop *l)
{
	while (l->net_block_count)
		awl__free(block_get(l));
}

static void drop(awl_loop *l, char *data, size_t cap)
{
	if (cap == AWL__BLOCK)
		block_put(l, data);
	else
		awl__free(data);
}

void awl__buffer_give(awl_loop *l, struct awl__buffer *b)
{
	if (b->data)
		drop(l, b->data, b->cap);
	*b = (struct awl__buffer){ NULL, 0, 0, 0 };
}

static int grow(awl_loop *l, struct awl__buffer *b, size_t n)
{
	size_t used = awl__buffered(b), cap = b->cap ? 2 * b->cap : AWL__BLOCK;
	char *data;

	if (n > PTRDIFF_MAX - used)
		return -ENOMEM;
	if (cap < used + n)
		cap = used + n;
	data = cap == AWL__BLOCK ? block_get(l) : awl__alloc(cap);
	if (!data)
		return -ENOMEM;
	if (used)
		memcpy(data, b->data + b->start, used);
	awl__buffer_give(l, b);
	*b = (struct awl__buffer){ data, 0, used, cap };
	return 0;
}

int awl__buffer_reserve(awl_loop *l, struct awl__buffer *b, size_t n)
{
	size_t used = awl__buffered(b);

	if (!used)
		b->start = b->end = 0;
	if (b->cap - b->end >= n && b->data)
		return 0;
	/* Moved only where that costs no more than taking out what was before it did. */
	if (b->cap - used < n || b->start < used)
		return grow(l, b, n);
	memmove(b->data, b->data + b->start, used);
	b->start = 0;
	b->end = used;
	return 0;
}
