/* SPDX-License-Identifier: MIT */
/*
 * stack.h - stacks for coroutines: slots of big slabs, each with 64 KiB of guard below; reused hot
 * (last in, first out), trimmed when the loop idles.
 */
#ifndef AWL__STACK_H
#define AWL__STACK_H

#include "base/base.h"

#if AWL__ASAN
#include <sanitizer/asan_interface.h>
#endif

#define AWL__STACK_SLOT ((size_t)256 << 10) /* the default: address space with its guard */
#define AWL__STACK_GUARD ((size_t)64 << 10)
#define AWL__STACK_MIN ((size_t)128 << 10)
#define AWL__STACK_MAX ((size_t)1 << 30)

/* A class for each power of two from AWL__STACK_MIN to AWL__STACK_MAX. */
#define AWL__STACK_CLASSES 14
#define AWL__STACK_DEFAULT 1

struct awl__slab;

struct awl__stack {
	struct awl__stack *next; /* while free */
	char *low, *high; /* usable bytes [low, high); the guard lies below low */
	void *_Atomic owner; /* whose it is now, for the overflow report; NULL: free */
	uint32_t class; /* where it goes when free */
	uint32_t valgrind_id;
#if AWL__TSAN
	void *tsan_fiber;
	uint32_t tsan_uses;
#endif
};

/*
 * The free stacks of one size, warmest list first. `hot` were put back since the last trim, `warm`
 * before it, `cold` have nothing left but their top page.
 */
struct awl__stack_class {
	struct awl__stack *hot, *warm, *cold;
	struct awl__slab *slabs; /* the first may have slots never handed out */
};

/*
 * One a loop, zeroed to begin with; only the loop's thread touches it, but slabs are found by the
 * fault handler.
 */
struct awl__stack_pool {
	struct awl__stack_class classes[AWL__STACK_CLASSES];
	uint32_t made, in_use; /* stacks ever handed out; of these, not put back */
	bool trim_due;
};

/* size: address space with the guard; 0 is the default; rounded up to a power of two. -EINVAL
 * beyond AWL__STACK_MAX; -ENOMEM, its detail naming vm.max_map_count where that is the limit. */
int awl__stack_get_slow(struct awl__stack_pool *p, size_t size, struct awl__stack **ret);
void awl__stack_pool_free(struct awl__stack_pool *p); /* none in use */

/*
 * What the sanitizers must forget of a stack's former life: shadow of frames that never returned,
 * and a shadow call stack that grows by those frames with every use.
 */
#if AWL__TSAN
void awl__stack_renew(struct awl__stack *s);
#else
static inline void awl__stack_renew(struct awl__stack *s)
{
	(void)s;
#if AWL__ASAN
	ASAN_UNPOISON_MEMORY_REGION(s->low, (size_t)(s->high - s->low));
#endif
}
#endif

/* The owner is the caller's to set, by awl__store. Never called on a stack already put back. */
static inline int awl__stack_get(struct awl__stack_pool *p, size_t size, struct awl__stack **ret)
{
	struct awl__stack_class *c = &p->classes[AWL__STACK_DEFAULT];
	struct awl__stack *s = c->hot;

	if (awl__unlikely(size || !s))
		return awl__stack_get_slow(p, size, ret);
	c->hot = s->next;
	p->in_use++;
	awl__stack_renew(s);
	*ret = s;
	return 0;
}

/* Also by the flow that runs on it, if nothing but awl__context_exit follows. */
static inline void awl__stack_put(struct awl__stack_pool *p, struct awl__stack *s)
{
	struct awl__stack_class *c = &p->classes[s->class];

	awl__store(&s->owner, NULL);
	s->next = c->hot;
	c->hot = s;
	p->in_use--;
	p->trim_due = true;
}

/*
 * Gives memory below the top page of at most `max` idle stacks back, once after each use; how many
 * were trimmed. Only what has sat idle since the call before: stacks in steady use keep their
 * pages, and a first call only takes note. p->trim_due: a later call may find some.
 */
unsigned awl__stack_trim(struct awl__stack_pool *p, unsigned max);

/* What was asked for, rounded up: with the guard. */
static inline size_t awl__stack_slot(const struct awl__stack *s)
{
	return AWL__STACK_MIN << s->class;
}

/* The deepest this stack has been since it was last trimmed, in bytes: whole pages. */
size_t awl__stack_used(const struct awl__stack *s);

/*
 * The fault handler: installed by the first run, kept; what is no guard of ours goes to the handler
 * that was there. Prints with write(2) only. `describe` writes words about the owner into buf and
 * returns their length, async-signal-safe; set from above.
 */
typedef size_t awl__describe_fn(void *owner, char *buf, size_t len);
extern awl__describe_fn *_Atomic awl__overflow_describe;
int awl__overflow_install(void); /* once a process */
int awl__overflow_thread_begin(void); /* an alternate signal stack, if the thread has none */
void awl__overflow_thread_end(void);

#endif
