/* SPDX-License-Identifier: MIT */
/*
 * walk.h - every interleaving of a few small actors. Before each atomic access (AWL__STEP) an actor
 * gives way, and the walk goes on with each actor that could be next, one after the other: it runs
 * the whole scene anew for each schedule, following the choices so far and changing the last one
 * that has an alternative left. A state that was met before, to the last byte of the actors'
 * stacks and of what they share, is not walked from again.
 *
 * Include this before anything of awl's. What is walked is the source itself, included below: its
 * atomics step, the library's do not. Accesses are taken in the order written; what weaker hardware
 * may do to them is TSan's and the races' to find (tests/thread).
 */
#ifndef TEST_WALK_H
#define TEST_WALK_H

static void walk_step(void);
#define AWL__STEP() walk_step()

#include "coro/switch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WALK_ACTORS 4
#define WALK_STEPS 400 /* more than any schedule has: an actor goes round in circles */

struct walk_actor {
	void (*fn)(void *arg);
	void *arg;
	struct awl__context context;
	bool done;
	bool (*ready)(void *arg); /* blocked until then; NULL: not blocked */
	void *ready_arg;
	bool impatient, gave_up; /* its wait may end without that, at any time */
};

static struct {
	struct walk_actor actors[WALK_ACTORS], *current;
	unsigned count;
	struct awl__context home;
	struct awl__stack_pool pool;
	struct awl__stack *stacks[WALK_ACTORS];

	struct {
		const void *at;
		size_t len;
	} shared[4];
	unsigned shares;

	struct {
		unsigned char chosen, of;
	} choices[WALK_STEPS];
	unsigned depth, known; /* how far this schedule is; how far it is given */

	uint64_t *seen; /* the states, by their hash; 0: a free place */
	size_t states, places;

	const char *wrong; /* what was found, in the first schedule that showed it */
	long schedules;
} walk;

/* Inside an actor. */
static void walk_step(void)
{
	if (walk.current)
		awl__context_switch(&walk.current->context, &walk.home);
}

/* Blocks until ready(arg). False: it was impatient, and gave up. */
static inline bool walk_block(bool (*ready)(void *arg), void *arg, bool impatient)
{
	struct walk_actor *a = walk.current;

	a->ready = ready;
	a->ready_arg = arg;
	a->impatient = impatient;
	a->gave_up = false;
	walk_step();
	a->ready = NULL;
	return !a->gave_up;
}

static inline void walk_check(bool ok, const char *what)
{
	if (!ok && !walk.wrong)
		walk.wrong = what;
}
#define walk_expect(ok) walk_check((ok), #ok)

static void walk_main(void)
{
	struct walk_actor *a = walk.current;

	awl__context_entered(&a->context);
	a->fn(a->arg);
	a->done = true;
	walk.current = NULL;
	awl__context_exit(&a->context, &walk.home);
}

/* In `begin`: an actor; and what actors share, all of it. */
static inline void walk_add(void (*fn)(void *arg), void *arg)
{
	unsigned i = walk.count++;
	struct walk_actor *a = &walk.actors[i];

	assert_true(i < WALK_ACTORS);
	*a = (struct walk_actor){ .fn = fn, .arg = arg };
	awl__context_make(&a->context, walk.stacks[i], walk_main);
}

static inline void walk_share(const void *at, size_t len)
{
	assert_true(walk.shares < sizeof walk.shared / sizeof *walk.shared);
	walk.shared[walk.shares].at = at;
	walk.shared[walk.shares++].len = len;
}

/* The actors that could be next; `give_up` says which of them only by giving up. */
static unsigned walk_enabled(struct walk_actor **list, bool *give_up)
{
	unsigned n = 0;

	for (unsigned i = 0; i < walk.count; i++) {
		struct walk_actor *a = &walk.actors[i];
		bool ready = !a->done && (!a->ready || a->ready(a->ready_arg));

		if (!ready && (a->done || !a->impatient || !a->ready))
			continue;
		give_up[n] = !ready;
		list[n++] = a;
	}
	return n;
}

static uint64_t walk_mix(uint64_t h, const void *at, size_t len)
{
	const unsigned char *p = at;
	uint64_t word;

	for (; len >= sizeof word; len -= sizeof word, p += sizeof word) {
		memcpy(&word, p, sizeof word);
		h = (h ^ word) * UINT64_C(0x9e3779b97f4a7c15);
		h ^= h >> 29;
	}
	for (; len > 0; len--)
		h = (h ^ *p++) * UINT64_C(0x100000001b3);
	return h;
}

static uint64_t walk_hash(void)
{
	uint64_t h = 0xcbf29ce484222325;

	for (unsigned i = 0; i < walk.shares; i++)
		h = walk_mix(h, walk.shared[i].at, walk.shared[i].len);
	for (unsigned i = 0; i < walk.count; i++) {
		const struct walk_actor *a = &walk.actors[i];
		const char *sp = a->context.sp;

		h = walk_mix(h, &a->done, sizeof a->done);
		if (a->done)
			continue;
		h = walk_mix(h, &a->context.sp, sizeof a->context.sp);
		h = walk_mix(h, sp, (size_t)(walk.stacks[i]->high - sp));
	}
	return h ? h : 1;
}

static void walk_note(uint64_t h, uint64_t *places, size_t count)
{
	size_t i = h & (count - 1);

	while (places[i])
		i = (i + 1) & (count - 1);
	places[i] = h;
}

/* True if it is met for the first time. */
static bool walk_new_state(void)
{
	uint64_t h = walk_hash();

	for (size_t i = h & (walk.places - 1); walk.seen[i]; i = (i + 1) & (walk.places - 1))
		if (walk.seen[i] == h)
			return false;
	if (++walk.states * 2 > walk.places) {
		size_t places = walk.places * 2;
		uint64_t *seen = calloc(places, sizeof *seen);

		assert_non_null(seen);
		for (size_t i = 0; i < walk.places; i++)
			if (walk.seen[i])
				walk_note(walk.seen[i], seen, places);
		free(walk.seen);
		walk.seen = seen;
		walk.places = places;
	}
	walk_note(h, walk.seen, walk.places);
	return true;
}

/* True: to the end of all actors. False: something is wrong, or the rest has been walked before. */
static bool walk_schedule(void)
{
	struct walk_actor *list[WALK_ACTORS];
	bool give_up[WALK_ACTORS];
	unsigned n;

	walk.depth = 0;
	while ((n = walk_enabled(list, give_up)) > 0) {
		unsigned chosen = 0;

		if (walk.depth == WALK_STEPS) {
			walk.wrong = "it comes to an end";
			return false;
		}
		if (walk.depth < walk.known)
			chosen = walk.choices[walk.depth].chosen;
		walk.choices[walk.depth].chosen = (unsigned char)chosen;
		walk.choices[walk.depth++].of = (unsigned char)n;
		walk.current = list[chosen];
		walk.current->gave_up = give_up[chosen];
		awl__context_switch(&walk.home, &walk.current->context);
		walk.current = NULL;
		if (walk.wrong)
			return false;
		if (walk.depth >= walk.known && !walk_new_state())
			return false;
	}
	for (unsigned i = 0; i < walk.count; i++)
		walk_check(walk.actors[i].done, "nobody waits for ever");
	return !walk.wrong;
}

/* The next schedule in order; false: that was the last. */
static bool walk_next(void)
{
	walk.known = walk.depth;
	while (walk.known > 0) {
		if (++walk.choices[walk.known - 1].chosen < walk.choices[walk.known - 1].of)
			return true;
		walk.known--;
	}
	return false;
}

/*
 * Every schedule of the actors that `begin` adds; `end` looks at what has become of it. NULL, or
 * what does not hold in some schedule, which is then the last that was walked. Sanitizers keep
 * variables off the stacks, so that states cannot be told apart: there the caller skips.
 */
static inline const char *walk_all(const char *what, void (*begin)(void), void (*end)(void))
{
	awl__context_of_thread(&walk.home);
	for (unsigned i = 0; i < WALK_ACTORS; i++)
		if (!walk.stacks[i])
			assert_int_equal(awl__stack_get(&walk.pool, 0, &walk.stacks[i]), 0);
	walk.known = 0;
	walk.schedules = 0;
	walk.wrong = NULL;
	walk.states = 0;
	walk.places = 1024;
	walk.seen = calloc(walk.places, sizeof *walk.seen);
	assert_non_null(walk.seen);
	do {
		walk.count = walk.shares = 0;
		begin();
		if (walk_schedule())
			end();
		walk.schedules++;
	} while (!walk.wrong && walk_next());
	free(walk.seen);
	print_message("# %s: %zu states, %ld schedules%s%s\n", what, walk.states, walk.schedules,
		walk.wrong ? "; in the last one not: " : "", walk.wrong ? walk.wrong : "");
	return walk.wrong;
}

#define WALK_CAN (!AWL__ASAN && !AWL__TSAN)
#define walk_(begin, end, is) \
	do { \
		if (!WALK_CAN) \
			skip(); \
		is(walk_all(__func__, begin, end)); \
	} while (0)
#define walk_proves(begin, end) walk_(begin, end, assert_null)
/* A walker that finds nothing in what is known to be broken would prove nothing. */
#define walk_refutes(begin, end) walk_(begin, end, assert_non_null)

#endif
