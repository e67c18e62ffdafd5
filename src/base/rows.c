/* SPDX-License-Identifier: MIT */
/*
 * rows.c - the blocks behind rows.h.
 */
#include "base/rows.h"
#include "base/alloc.h"

#include <sys/mman.h>

#define BLOCK_BYTES (256u << 10)

void *awl__rows_get_fresh(struct awl__rows *rows)
{
	struct awl__row_block *b = rows->blocks;

	if (!b || b->used == b->capacity) {
		b = awl__map(BLOCK_BYTES, PROT_READ | PROT_WRITE, MAP_NORESERVE);
		if (!b)
			return NULL;
		b->capacity = (BLOCK_BYTES - AWL__CACHE_LINE) / rows->size;
		b->next = rows->blocks;
		rows->blocks = b;
	}
	rows->live++;
	return awl__row_at(rows, b, b->used++);
}

void awl__rows_free(struct awl__rows *rows)
{
	for (struct awl__row_block *b = rows->blocks, *next; b; b = next) {
		next = b->next;
		AWL__UNPOISON(b, BLOCK_BYTES);
		awl__unmap(b, BLOCK_BYTES);
	}
	rows->blocks = NULL;
	rows->free = NULL;
}
