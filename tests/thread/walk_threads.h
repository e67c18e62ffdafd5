/* SPDX-License-Identifier: MIT */
/*
 * walk_threads.h - what the walks of the thread room share: a futex in the model, latch.c over
 * it, a loop that is only an inbox, and memory whose end is watched.
 */
#ifndef TEST_WALK_THREADS_H
#define TEST_WALK_THREADS_H

#include "loop/walk.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "loop/loop.h"

/* --- the kernel's futex ---------------------------------------------------------------------- */

static struct {
	struct sleeper {
		const void *word;
		bool woken;
	} sleepers[WALK_ACTORS];
} futexes;

static bool is_woken(void *sleeper)
{
	return ((struct sleeper *)sleeper)->woken;
}

static long model_syscall(long number, _Atomic uint32_t *word, int op, uint32_t value,
	const void *until, const void *word2, int bits)
{
	struct sleeper *mine = &futexes.sleepers[walk.current - walk.actors];
	bool woken;

	walk_step();
	if (op == FUTEX_WAKE_PRIVATE) {
		for (unsigned i = 0; i < WALK_ACTORS; i++)
			if (futexes.sleepers[i].word == word)
				futexes.sleepers[i].woken = true;
		return 0;
	}
	if (atomic_load_explicit(word, memory_order_relaxed) != value) {
		errno = EAGAIN;
		return -1;
	}
	*mine = (struct sleeper){ .word = word };
	woken = walk_block(is_woken, mine, until != NULL);
	mine->word = NULL;
	if (woken)
		return 0;
	errno = ETIMEDOUT;
	return -1;
}

#define syscall model_syscall
#include "thread/latch.c"
#undef syscall

/* Time stands still: a wait with an end may end at any moment. */
#include "base/clock.h"
#define awl__clock_now() INT64_C(0)

/* --- memory ---------------------------------------------------------------------------------- */

#define GONE 0xdd

/* Never given out twice in a schedule: what is written to a freed block is found at its end. */
static struct {
	size_t used;
	unsigned count;
	struct {
		size_t at, size;
		bool freed;
	} blocks[8];
	_Alignas(16) unsigned char bytes[2048];
} memory;

static bool watched; /* from the first schedule on: what is there before is the walk's own */

static void *model_resize(void *ctx, void *block, size_t size)
{
	size_t at = memory.used;

	if (!watched)
		return realloc(block, size);
	walk_expect(!block && memory.count < 8 && at + size <= sizeof memory.bytes);
	memory.blocks[memory.count].at = at;
	memory.blocks[memory.count++].size = size;
	memory.used += (size + 15) / 16 * 16;
	return memory.bytes + at;
}

static void model_release(void *ctx, void *block)
{
	size_t at = (size_t)((unsigned char *)block - memory.bytes);

	if (!watched) {
		free(block);
		return;
	}
	for (unsigned i = 0; i < memory.count; i++)
		if (memory.blocks[i].at == at) {
			walk_check(!memory.blocks[i].freed, "a block is freed once");
			memory.blocks[i].freed = true;
			memset(block, GONE, memory.blocks[i].size);
			return;
		}
	walk_check(false, "only what was allocated is freed");
}

static void all_is_freed(void)
{
	for (unsigned i = 0; i < memory.count; i++) {
		walk_check(memory.blocks[i].freed, "every block is freed");
		for (size_t k = 0; k < memory.blocks[i].size; k++)
			walk_check(memory.bytes[memory.blocks[i].at + k] == GONE,
				"nothing is written to a freed block");
	}
}

static int use_model_memory(void **state)
{
	static const awl_allocator model = { model_resize, model_release, NULL };

	if (!awl__process_make())
		return -1;
	return awl_set_allocator(&model);
}

/* --- the loop -------------------------------------------------------------------------------- */

static awl_loop the_loop;
static struct awl__reactor reactor;
static unsigned edges;

static void model_wake(struct awl__reactor *r)
{
	edges++;
}

static const struct awl__reactor_class model_class = { .name = "model", .wake = model_wake };

static void begin_model(void)
{
	memset(&the_loop, 0, sizeof the_loop);
	memset(&futexes, 0, sizeof futexes);
	memset(&memory, 0, sizeof memory);
	edges = 0;
	watched = true;
	the_loop.process = awl__process_make();
	atomic_init(&the_loop.refs, 1);
	atomic_init(&the_loop.shut, true);
	reactor.class = &model_class;
	the_loop.reactor = &reactor;
	walk_share(&the_loop, sizeof the_loop);
	walk_share(&futexes, sizeof futexes);
	walk_share(&memory, sizeof memory);
}

static bool is_alive(const void *p)
{
	size_t at = (size_t)((const unsigned char *)p - memory.bytes);

	for (unsigned i = 0; i < memory.count; i++)
		if (at - memory.blocks[i].at < memory.blocks[i].size)
			return !memory.blocks[i].freed;
	return false;
}

static void opens(struct awl__parcel *p)
{
	while (p) {
		struct awl__parcel *next;

		walk_check(is_alive(p), "what was sent is there when it is opened");
		if (walk.wrong)
			return;
		next = p->next;
		p->open(&the_loop, p);
		p = next;
	}
}

#endif
