/* SPDX-License-Identifier: MIT */
/*
 * buffer.h - bytes that have come and are not yet read, or are written and not yet sent, in a block
 * that is borrowed from the loop while there are any.
 */
#ifndef AWL__BUFFER_H
#define AWL__BUFFER_H

#include "loop/loop.h"

#define AWL__BLOCK 16384u

struct awl__buffer {
	char *data; /* NULL: no block */
	size_t start, end, cap;
};

static inline size_t awl__buffered(const struct awl__buffer *b)
{
	return b->end - b->start;
}

/* Room for n bytes behind b->end: 0, or -ENOMEM. What is in it may move. */
int awl__buffer_reserve(awl_loop *l, struct awl__buffer *b, size_t n);

/* The block goes back, with what is in it. */
void awl__buffer_give(awl_loop *l, struct awl__buffer *b);

/* Those that the loop keeps for the next borrowers, freed. */
void awl__blocks_free(awl_loop *l);

#endif
