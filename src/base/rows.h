/* SPDX-License-Identifier: MIT */
/*
 * rows.h - objects of one size in mapped blocks, reused last in first out. A block is never
 * unmapped before the whole pool, so that a reader from outside finds every object, and each begins
 * with the words of struct awl__row, which say what it is.
 */
#ifndef AWL__ROWS_H
#define AWL__ROWS_H

#include "base/base.h"

#include <awl/types.h>

/* How each row begins. Written by the loop's thread alone; `seq` is odd while the row changes. */
struct awl__row {
	uint32_t seq;
	uint8_t kind; /* 0: free */
	uint8_t state;
	uint8_t flags;
	uint8_t waits; /* what a task waits for; 0: it does not */
	union {
		struct awl__row *next_free;
		awl_loop *loop;
	};
};

struct awl__row_block {
	struct awl__row_block *next;
	uint32_t used; /* rows handed out at least once; the others have never been touched */
	uint32_t capacity;
};

struct awl__rows {
	struct awl__row *free;
	struct awl__row_block *blocks; /* the newest first: only it has fresh rows */
	uint32_t size, live;
};

void *awl__rows_get_fresh(struct awl__rows *rows);
void awl__rows_free(struct awl__rows *rows);

static inline struct awl__row *awl__row_at(
	const struct awl__rows *rows, struct awl__row_block *b, uint32_t i)
{
	return (struct awl__row *)((char *)b + AWL__CACHE_LINE + (size_t)i * rows->size);
}

/* As its last user left it (zero at first); NULL without memory. */
static inline void *awl__rows_get(struct awl__rows *rows)
{
	struct awl__row *row = rows->free;

	if (awl__unlikely(!row))
		return awl__rows_get_fresh(rows);
	rows->free = row->next_free;
	rows->live++;
	AWL__UNPOISON(row + 1, rows->size - sizeof *row);
	return row;
}

static inline void awl__rows_put(struct awl__rows *rows, struct awl__row *row)
{
	row->kind = 0;
	row->seq += 2; /* whoever reads it now has read two lives */
	row->next_free = rows->free;
	rows->free = row;
	rows->live--;
	AWL__POISON(row + 1, rows->size - sizeof *row);
}

/* Between these two a reader knows not to believe the row. */
static inline void awl__row_change(struct awl__row *row)
{
	*(volatile uint32_t *)&row->seq = row->seq + 1;
	atomic_signal_fence(memory_order_seq_cst);
}

static inline void awl__row_changed(struct awl__row *row)
{
	atomic_signal_fence(memory_order_seq_cst);
	*(volatile uint32_t *)&row->seq = row->seq + 1;
}

#endif
