/* SPDX-License-Identifier: MIT */
/*
 * timer - among COUNT armed timers (1 M) of random deadlines: arm one more and cancel it again
 * (timer-newest), cancel one drawn at random and arm it anew (timer-random); ns an arm + cancel.
 * The floor is a bare 4-ary heap that knows where each timer is; it leaves out the order among
 * equal deadlines, the clock, and who may call.
 */
#include "bench.h"

#define OPERATIONS 200000

struct timer {
	uint32_t index;
	uint64_t payload[3]; /* a callback's fn, arg and link: what makes a timer a timer */
};

struct entry {
	int64_t deadline;
	struct timer *timer;
};

/* The root is entry 3, so that four children share a cache line. */
static struct entry *heap;
static uint32_t count = 3;

static inline void put(uint32_t at, struct entry e)
{
	heap[at] = e;
	e.timer->index = at;
}

static void sift_up(uint32_t at, struct entry e)
{
	while (at > 3) {
		uint32_t parent = at / 4 + 2;

		if (heap[parent].deadline <= e.deadline)
			break;
		put(at, heap[parent]);
		at = parent;
	}
	put(at, e);
}

static void sift_down(uint32_t at, struct entry e)
{
	for (;;) {
		uint32_t child = (at - 2) * 4, best = child;

		if (child >= count)
			break;
		for (uint32_t c = child + 1; c < child + 4 && c < count; c++)
			if (heap[c].deadline < heap[best].deadline)
				best = c;
		if (heap[best].deadline >= e.deadline)
			break;
		put(at, heap[best]);
		at = best;
	}
	put(at, e);
}

static __attribute__((noinline)) void arm(struct timer *t, int64_t deadline)
{
	sift_up(count++, (struct entry){ deadline, t });
}

static __attribute__((noinline)) void cancel(struct timer *t)
{
	uint32_t at = t->index;
	struct entry last = heap[--count];

	if (at == count)
		return;
	if (at > 3 && last.deadline < heap[at / 4 + 2].deadline)
		sift_up(at, last);
	else
		sift_down(at, last);
}

int main(int argc, char **argv)
{
	long armed = (bench_row(argc, argv), bench_count(argv));
	struct timer *timers = calloc((size_t)armed, sizeof(*timers)), one;
	uint64_t seed = 88172645463325252u;
	int64_t begin;

	heap = aligned_alloc(64, ((size_t)armed + 8) * sizeof(*heap));
	bench_check(timers && heap);
	for (long i = 0; i < armed; i++)
		arm(&timers[i], (int64_t)(bench_random(&seed) >> 24));
	begin = bench_now();
	for (long i = 0; i < OPERATIONS; i++) {
		arm(&one, (int64_t)(bench_random(&seed) >> 24));
		cancel(&one);
	}
	bench_print("timer-newest", (double)(bench_now() - begin) / OPERATIONS);
	begin = bench_now();
	for (long i = 0; i < OPERATIONS; i++) {
		uint64_t draw = bench_random(&seed);
		struct timer *victim = &timers[draw % (uint64_t)armed];

		cancel(victim);
		arm(victim, (int64_t)(draw >> 24));
	}
	bench_print("timer-random", (double)(bench_now() - begin) / OPERATIONS);
	free(timers);
	free(heap);
	return 0;
}
