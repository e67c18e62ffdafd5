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

#endif
