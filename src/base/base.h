/* SPDX-License-Identifier: MIT */
/*
 * base.h - the few words the whole library is written with.
 */
#ifndef AWL__BASE_H
#define AWL__BASE_H

#include "base/atomic.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define awl__likely(x) __builtin_expect(!!(x), 1)
#define awl__unlikely(x) __builtin_expect(!!(x), 0)
#define AWL__NOINLINE __attribute__((noinline))
#define AWL__INLINE __attribute__((always_inline)) static inline
#define AWL__COLD __attribute__((noinline, cold))
#define AWL__PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define AWL__CACHE_LINE 64

#if defined(__SANITIZE_ADDRESS__)
#define AWL__ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define AWL__ASAN 1
#endif
#if __has_feature(thread_sanitizer)
#define AWL__TSAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define AWL__TSAN 1
#endif
#ifndef AWL__ASAN
#define AWL__ASAN 0
#endif
#ifndef AWL__TSAN
#define AWL__TSAN 0
#endif

/* Memory that nobody may touch now. */
#if AWL__ASAN
#include <sanitizer/asan_interface.h>
#define AWL__POISON(p, n) ASAN_POISON_MEMORY_REGION((p), (n))
#define AWL__UNPOISON(p, n) ASAN_UNPOISON_MEMORY_REGION((p), (n))
#define AWL__POISONED(p) __asan_address_is_poisoned(p)
#else
#define AWL__POISON(p, n) ((void)0)
#define AWL__UNPOISON(p, n) ((void)0)
#define AWL__POISONED(p) false
#endif

#endif
