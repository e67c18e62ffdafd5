/* SPDX-License-Identifier: MIT */
/*
 * owner.c - see owner.h. A table of two levels, as wide as int; pages are made as numbers need
 * them and never go, so that nobody who looks can be too late.
 */
#include "reactor/owner.h"
#include "base/alloc.h"
#include "base/base.h"
#include "base/token.h"

#include <sys/mman.h>

#define PAGE_BITS 15
#define PAGE_FDS (1u << PAGE_BITS) /* zero pages until touched: 512 numbers for 4 KiB */
#define PAGES (1u << (31 - PAGE_BITS))

/* The process that owns a number; another one's, before a fork, owns nothing here. */
typedef _Atomic uint64_t owner;

static owner *_Atomic pages[PAGES];

static owner *find(int fd)
{
	owner *page = awl__load_acquire(&pages[(unsigned)fd >> PAGE_BITS]);

	return page ? &page[(unsigned)fd & (PAGE_FDS - 1)] : NULL;
}

static int make(int fd)
{
	owner *fresh = awl__map(PAGE_FDS * sizeof *fresh, PROT_READ | PROT_WRITE, MAP_NORESERVE);
	owner *none = NULL;

	if (!fresh)
		return -ENOMEM;
	if (!awl__cas(&pages[(unsigned)fd >> PAGE_BITS], &none, fresh))
		awl__unmap(fresh, PAGE_FDS * sizeof *fresh); /* another thread was faster */
	return 0;
}

int awl__owner_take(int fd)
{
	uint64_t self = awl__process(), now;
	owner *o;

	if (fd < 0)
		return -EBADF;
	if (!(o = find(fd)) && make(fd) < 0)
		return -ENOMEM;
	o = find(fd);
	now = awl__load(o);
	return now == self || !awl__cas(o, &now, self) ? -EBUSY : 0;
}

void awl__owner_drop(int fd)
{
	owner *o = find(fd);

	assert(o && awl__load(o) == awl__process());
	awl__store_release(o, 0);
}

bool awl__owner_has(int fd)
{
	const owner *o = fd < 0 ? NULL : find(fd);
	uint64_t who = o ? awl__load(o) : 0;

	return who != 0 && who == awl__process();
}
