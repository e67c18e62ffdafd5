/* SPDX-License-Identifier: MIT */
/*
 * guard.h - memory below a stack that answers every touch with SIGSEGV.
 */
#ifndef AWL__GUARD_H
#define AWL__GUARD_H

#include "base/base.h"

/* Whole pages from p on. -ENOMEM, its detail naming vm.max_map_count where that is the limit. */
int awl__guard_install(void *p, size_t size);

/* For tests: as on a kernel without MADV_GUARD_INSTALL, and an mprotect that fails on demand. */
extern bool awl__guard_force_mprotect;
extern int (*awl__guard_mprotect)(void *p, size_t size, int prot);

#endif
