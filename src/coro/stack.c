/* SPDX-License-Identifier: MIT */
/*
 * stack.c - the pool's slow path: stacks of any size, trimming, how deep a stack has been.
 */
#include "coro/stack.h"
#include "base/report.h"
#include "coro/slab.h"

#include <sys/mman.h>
#include <unistd.h>

#if AWL__TSAN
#include <sanitizer/tsan_interface.h>

/* A flow that ends leaves its frames on the fiber's shadow stack, which has room for 65536. */
#define FIBER_USES 1024

void awl__stack_renew(struct awl__stack *s)
{
	if (s->tsan_fiber && ++s->tsan_uses < FIBER_USES)
		return;
	if (s->tsan_fiber)
		__tsan_destroy_fiber(s->tsan_fiber);
	s->tsan_fiber = __tsan_create_fiber(0);
	s->tsan_uses = 0;
}
#endif

/* A free stack, the warmest first, which is also the one put back last; NULL if there is none. */
static struct awl__stack *pop(struct awl__stack_class *c)
{
	struct awl__stack **list = c->hot ? &c->hot : c->warm ? &c->warm : &c->cold;
	struct awl__stack *s = *list;

	if (s)
		*list = s->next;
	return s;
}

static int cut(struct awl__stack_class *c, uint32_t class, struct awl__stack **ret)
{
	struct awl__slab *slab = c->slabs;

	if (!slab || awl__slab_full(slab)) {
		int err = awl__slab_make(class, &slab);

		if (err < 0)
			return err;
		slab->next = c->slabs;
		c->slabs = slab;
	}
	return awl__slab_cut(slab, ret);
}

int awl__stack_get_slow(struct awl__stack_pool *p, size_t size, struct awl__stack **ret)
{
	uint32_t class = size ? 0 : AWL__STACK_DEFAULT;
	struct awl__stack *s;

	if (size > AWL__STACK_MAX)
		return awl__fail(
			-EINVAL, "a stack of %zu bytes; the largest has %zu", size, AWL__STACK_MAX);
	while (AWL__STACK_MIN << class < size)
		class ++;
	s = pop(&p->classes[class]);
	if (!s) {
		int err = cut(&p->classes[class], class, &s);

		if (err < 0)
			return err;
		p->made++;
	}
	p->in_use++;
	awl__stack_renew(s);
	*ret = s;
	return 0;
}

void awl__stack_pool_free(struct awl__stack_pool *p)
{
	assert(p->in_use == 0);
	for (int i = 0; i < AWL__STACK_CLASSES; i++) {
		struct awl__slab *slab;

		while ((slab = p->classes[i].slabs)) {
			p->classes[i].slabs = slab->next;
			awl__slab_free(slab);
		}
	}
	*p = (struct awl__stack_pool){ 0 };
}

static char *top_page(const struct awl__stack *s)
{
	return s->high - 1 - ((uintptr_t)s->high - 1) % (uintptr_t)getpagesize();
}

unsigned awl__stack_trim(struct awl__stack_pool *p, unsigned max)
{
	unsigned trimmed = 0;

	p->trim_due = false;
	for (int i = 0; i < AWL__STACK_CLASSES; i++) {
		struct awl__stack_class *c = &p->classes[i];
		struct awl__stack *s;

		while (trimmed < max && (s = c->warm)) {
			c->warm = s->next;
			madvise(s->low, (size_t)(top_page(s) - s->low), MADV_DONTNEED);
			s->next = c->cold;
			c->cold = s;
			trimmed++;
		}
		if (!c->warm) {
			c->warm = c->hot;
			c->hot = NULL;
		}
		p->trim_due |= c->warm != NULL;
	}
	return trimmed;
}

/* The lowest resident page counts: a large frame need not touch every page above its deepest. */
size_t awl__stack_used(const struct awl__stack *s)
{
	size_t page = (size_t)getpagesize();
	char *end = top_page(s) + page;
	unsigned char resident[512];

	for (char *p = s->low; p < end;) {
		size_t pages = (size_t)(end - p) / page;

		if (pages > sizeof resident)
			pages = sizeof resident;
		if (mincore(p, pages * page, resident) < 0)
			return 0;
		for (size_t i = 0; i < pages; i++, p += page)
			if (resident[i] & 1)
				return (size_t)(end - p);
	}
	return 0;
}
