/* SPDX-License-Identifier: MIT */
/*
 * slab.c - big mappings cut into slots, and the table of all of them that a fault handler reads
 * without a lock.
 */
#include "coro/slab.h"
#include "base/alloc.h"
#include "base/report.h"
#include "coro/guard.h"

#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#if AWL__TSAN
#include <sanitizer/tsan_interface.h>
#endif
#if __has_include(<valgrind/valgrind.h>) && !defined AWL__WITHOUT_VALGRIND
#include <valgrind/valgrind.h>
#else
#define VALGRIND_STACK_REGISTER(low, high) 0
#define VALGRIND_STACK_DEREGISTER(id) ((void)(id))
#endif

#define SLAB_SIZE ((size_t)64 << 20)

/*
 * Tops of stacks that lie whole slots apart share one set of the first-level cache, and a few
 * hundred tasks would evict each other from it (13 ns a switch among 200 against 8): every stack
 * begins a little lower than its neighbour, within the one page a parked task touches.
 */
#define COLOURS 8
#define COLOUR_STEP 128

/* Slabs of every thread. 512 KiB of .bss of which a page or two is ever touched. */
#define TABLE_SIZE (1u << 16)
static struct awl__slab *_Atomic table[TABLE_SIZE];
static _Atomic uint32_t table_end; /* all beyond are empty */

/* Handlers that look at the table, and above them the process they are in: a child may inherit a
 * count whose threads it has not. */
static _Atomic uint64_t readers;

void awl__slab_read_begin(void)
{
	uint64_t us = (uint64_t)getpid() << 32, seen = atomic_load(&readers), next;

	do {
		next = seen >> 32 == us >> 32 ? seen + 1 : us + 1;
	} while (!atomic_compare_exchange_weak(&readers, &seen, next));
}

void awl__slab_read_end(void)
{
	atomic_fetch_sub(&readers, 1);
}

struct awl__stack *awl__slab_guarded(const void *address)
{
	uint32_t end = atomic_load(&table_end);

	for (uint32_t i = 0; i < end; i++) {
		struct awl__slab *slab = atomic_load(&table[i]);
		size_t offset;

		if (!slab || (uintptr_t)address < (uintptr_t)slab->base)
			continue;
		offset = (uintptr_t)address - (uintptr_t)slab->base;
		if (offset / slab->slot >= awl__load_acquire(&slab->made))
			continue;
		return offset % slab->slot < AWL__STACK_GUARD ? &slab->stacks[offset / slab->slot]
							      : NULL;
	}
	return NULL;
}

static bool publish(struct awl__slab *slab)
{
	for (uint32_t i = 0; i < TABLE_SIZE; i++) {
		struct awl__slab *none = NULL;
		uint32_t end;

		if (awl__load(&table[i]) || !atomic_compare_exchange_strong(&table[i], &none, slab))
			continue;
		slab->place = i;
		end = atomic_load(&table_end);
		while (end <= i && !atomic_compare_exchange_weak(&table_end, &end, i + 1))
			;
		return true;
	}
	return false;
}

/*
 * The order of the two accesses is the point, as the reader has its two the other way round: either
 * it does not find the slab any more, or we see that it reads.
 */
static void withdraw(struct awl__slab *slab)
{
	uint64_t us = (uint64_t)getpid(), seen;

	atomic_store(&table[slab->place], NULL);
	while ((seen = atomic_load(&readers)) >> 32 == us && (uint32_t)seen)
		sched_yield();
}

int awl__slab_make(uint32_t class, struct awl__slab **ret)
{
	size_t slot = AWL__STACK_MIN << class;
	uint32_t slots = slot < SLAB_SIZE ? (uint32_t)(SLAB_SIZE / slot) : 1;
	size_t size = slots * slot;
	struct awl__slab *slab = awl__alloc(sizeof *slab + slots * sizeof *slab->stacks);

	if (!slab)
		return awl__fail(-ENOMEM, "no memory to keep account of %u stacks", slots);
	*slab = (struct awl__slab){ .slot = slot, .class = class, .slots = slots };
	slab->base = awl__map(size, PROT_READ | PROT_WRITE, MAP_NORESERVE | MAP_STACK);
	if (!slab->base) {
		int err = errno;

		awl__free(slab);
		return awl__fail(-ENOMEM,
			"no address space for %zu MiB of stacks: %s; look at ulimit -v and "
			"vm.max_map_count",
			size >> 20, strerror(err));
	}
	/* A huge page would make every parked task cost 2 MiB. Refused where there are none. */
	madvise(slab->base, size, MADV_NOHUGEPAGE);
#ifdef PR_SET_VMA
	prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, slab->base, size, "awl stacks");
#endif
	if (!publish(slab)) {
		awl__unmap(slab->base, size);
		awl__free(slab);
		return awl__fail(
			-ENOMEM, "more than %u slabs of stacks in one process", TABLE_SIZE);
	}
	*ret = slab;
	return 0;
}

int awl__slab_cut(struct awl__slab *slab, struct awl__stack **ret)
{
	uint32_t i = awl__load(&slab->made);
	struct awl__stack *s = &slab->stacks[i];
	char *slot = slab->base + i * slab->slot;
	int err = awl__guard_install(slot, AWL__STACK_GUARD);

	if (err < 0)
		return err;
	*s = (struct awl__stack){
		.low = slot + AWL__STACK_GUARD,
		.high = slot + slab->slot - i % COLOURS * COLOUR_STEP,
		.class = slab->class,
	};
	s->valgrind_id = VALGRIND_STACK_REGISTER(s->low, s->high - 1);
	awl__store_release(&slab->made, i + 1);
	*ret = s;
	return 0;
}

void awl__slab_free(struct awl__slab *slab)
{
	size_t size = slab->slots * slab->slot;

	withdraw(slab);
	for (uint32_t i = 0; i < awl__load(&slab->made); i++) {
		VALGRIND_STACK_DEREGISTER(slab->stacks[i].valgrind_id);
#if AWL__TSAN
		if (slab->stacks[i].tsan_fiber)
			__tsan_destroy_fiber(slab->stacks[i].tsan_fiber);
#endif
	}
#if AWL__ASAN
	/* Frames that never returned left shadow that the next mapping here would inherit. */
	ASAN_UNPOISON_MEMORY_REGION(slab->base, size);
#endif
	awl__unmap(slab->base, size);
	awl__free(slab);
}
