/* SPDX-License-Identifier: MIT */
/*
 * page.h - what a reader outside the process finds (A15).
 *
 * One page a process, the mapping of a memory file named "awl" (look for "/memfd:awl " in
 * /proc/PID/maps). It leads to the loops, their blocks of rows, and the fields in them; offsets are
 * in bytes, addresses are the process's own. A row is whole if its `seq` is even and the same
 * before and after reading it; the rows are of one moment if the loop's `steps` are.
 */
#ifndef AWL__PAGE_H
#define AWL__PAGE_H

#include <stdint.h>

#define AWL__PAGE_NAME "awl"
#define AWL__PAGE_MAGIC UINT64_C(0x31656761706c7761) /* "awlpage1" */
#define AWL__PAGE_VERSION 1u

struct awl__page {
	uint64_t magic;
	uint32_t version, size; /* of this struct */
	uint64_t pid; /* a fork's child sees its parent's: not its own page */
	uint64_t loops; /* address of the first loop, or 0 */

	struct {
		/* next and current are addresses, name 32 bytes, steps and now 8, runner_tid 4 */
		uint32_t next, name, runner_tid, steps, now, current, blocks;
	} loop;
	struct {
		/* next is an address; used, the number of rows, 4 bytes; rows: where the first
		 * begins */
		uint32_t next, used, rows;
	} block;
	struct {
		uint32_t size;
		/* seq 4 bytes; kind (2: a task), state (0: not done), waits 1 byte each */
		uint32_t seq, kind, state, waits;
		/* waits_on, since (the loop's clock), fn, sp (0: not begun) 8 bytes; number 4 */
		uint32_t waits_on, since, fn, sp, number;
		/* extra: an address, or 0; in it, name: an address of a string, or 0
		 * ("Task-<number>") */
		uint32_t extra, name;
	} task;
	/* Where a task waits for a descriptor, waits_on is an address: there its number, 4 bytes */
	uint32_t waits_on_fd, spare;
	/* What a task waits for, by `waits`: 0 nothing, then these. */
	char waits[32][16];
};

/* What a task waits for, in a word; "": nothing. */
const char *awl__page_waits(uint8_t waits);

struct awl_loop;

/* A loop can be found from now on; and no longer. 0, or a negative code. */
int awl__page_add(struct awl_loop *l);
void awl__page_remove(struct awl_loop *l);

/* The loop of that id with a reference; NULL: it is gone. */
struct awl_loop *awl__page_find(uint64_t id);

/* Up to `room` loops of the process, each with a reference: how many. */
int awl__page_loops(struct awl_loop **loops, int room);

#endif
