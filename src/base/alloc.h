/* SPDX-License-Identifier: MIT */
/*
 * alloc.h - the one door to memory: the user's allocator for blocks, mmap for slabs and stacks, and
 * the place where a test makes the n-th of either fail.
 */
#ifndef AWL__ALLOC_H
#define AWL__ALLOC_H

#include <stddef.h>

void *awl__alloc(size_t size); /* NULL: no memory */
void *awl__alloc_zero(size_t size);
void *awl__resize(void *block, size_t size); /* as realloc */
void awl__free(void *block);

/* mmap(PRIVATE|ANONYMOUS|extra_flags), NULL where it fails (errno kept). */
void *awl__map(size_t size, int prot, int extra_flags);
void awl__unmap(void *p, size_t size);

/* Called once by the first loop: from then on the allocator may not change. */
void awl__alloc_freeze(void);

/* A test's hook: asked before each block and each mapping; true makes it fail with ENOMEM. */
extern int (*_Atomic awl__alloc_fault)(void);

#endif
