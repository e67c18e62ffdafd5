/* SPDX-License-Identifier: MIT */
/*
 * atomic.h - each atomic access with the weakest order that is right, under a name that says it.
 * The handshakes between threads are written with these alone: a test defines AWL__STEP and walks
 * every interleaving of them.
 */
#ifndef AWL__ATOMIC_H
#define AWL__ATOMIC_H

#include <stdatomic.h>

#ifndef AWL__STEP
#define AWL__STEP() ((void)0)
#endif

#define awl__load(p) (AWL__STEP(), atomic_load_explicit((p), memory_order_relaxed))
#define awl__load_acquire(p) (AWL__STEP(), atomic_load_explicit((p), memory_order_acquire))
#define awl__store(p, v) (AWL__STEP(), atomic_store_explicit((p), (v), memory_order_relaxed))
#define awl__store_release(p, v) \
	(AWL__STEP(), atomic_store_explicit((p), (v), memory_order_release))
#define awl__add(p, v) (AWL__STEP(), atomic_fetch_add_explicit((p), (v), memory_order_relaxed))
#define awl__sub_acq_rel(p, v) \
	(AWL__STEP(), atomic_fetch_sub_explicit((p), (v), memory_order_acq_rel))
#define awl__exchange(p, v) (AWL__STEP(), atomic_exchange_explicit((p), (v), memory_order_acq_rel))
/* Acquires also when it fails: the value found is looked into. */
#define awl__cas(p, expected, v) \
	(AWL__STEP(), \
		atomic_compare_exchange_strong_explicit( \
			(p), (expected), (v), memory_order_acq_rel, memory_order_acquire))

#endif
