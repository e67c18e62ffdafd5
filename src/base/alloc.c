/* SPDX-License-Identifier: MIT */
/*
 * alloc.c - the user's allocator, or malloc.
 */
#include "base/alloc.h"
#include "base/base.h"

#include <awl/system.h>

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

int (*_Atomic awl__alloc_fault)(void);

static void *malloc_resize(void *ctx, void *block, size_t size)
{
	(void)ctx;
	return realloc(block, size);
}

static void malloc_release(void *ctx, void *block)
{
	(void)ctx;
	free(block);
}

static awl_allocator allocator = { malloc_resize, malloc_release, NULL };
static atomic_bool frozen;

void awl__alloc_freeze(void)
{
	awl__store(&frozen, true);
}

int awl_set_allocator(const awl_allocator *a)
{
	if (a && (!a->resize || !a->release))
		return -EINVAL;
	if (awl__load(&frozen))
		return -EBUSY;
	allocator = a ? *a : (awl_allocator){ malloc_resize, malloc_release, NULL };
	return 0;
}

static bool faulty(void)
{
	int (*fault)(void) = awl__load(&awl__alloc_fault);

	if (awl__likely(!fault) || !fault())
		return false;
	errno = ENOMEM;
	return true;
}

void *awl__resize(void *block, size_t size)
{
	return faulty() ? NULL : allocator.resize(allocator.ctx, block, size);
}

void *awl__alloc(size_t size)
{
	return awl__resize(NULL, size);
}

void *awl__alloc_zero(size_t size)
{
	void *p = awl__alloc(size);

	return p ? memset(p, 0, size) : NULL;
}

void awl__free(void *block)
{
	if (block)
		allocator.release(allocator.ctx, block);
}

void awl_free(void *block)
{
	awl__free(block);
}

void *awl__map(size_t size, int prot, int extra_flags)
{
	void *p;

	if (faulty())
		return NULL;
	p = mmap(NULL, size, prot, MAP_PRIVATE | MAP_ANONYMOUS | extra_flags, -1, 0);
	return p == MAP_FAILED ? NULL : p;
}

void awl__unmap(void *p, size_t size)
{
	if (p)
		munmap(p, size);
}
