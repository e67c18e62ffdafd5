/* SPDX-License-Identifier: MIT */
/*
 * types.h - the words every other header uses: linkage, time, the tags that say which thread may
 * call a function, and the two names of a future.
 *
 * Every public function carries exactly one tag:
 *
 *	AWL_ANY_THREAD	any thread, at any moment; never looks at who runs the loop.
 *	AWL_LOOP_THREAD	the thread that runs the object's loop. On a loop that nobody runs, any one
 *			thread: the loop is taken for the length of the call and given back. From
 *			elsewhere nothing is touched and the call returns AWL_ETHREAD.
 *	AWL_TASK	as AWL_LOOP_THREAD, and it can wait: only inside a task (else AWL_ENOTASK).
 *	AWL_RUNNER	takes the loop for itself (run, close): any thread while nobody has it, else
 *			AWL_ERUNNING, whoever asks.
 *
 * With AWL_THREAD_CHECK defined, clang's -Wthread-safety turns the tags into compile-time checks:
 * mark your coroutines AWL_COROUTINE and a call of theirs from a plain thread is a warning.
 */
#ifndef AWL_TYPES_H
#define AWL_TYPES_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define AWL__BEGIN extern "C" {
#define AWL__END }
#else
#define AWL__BEGIN
#define AWL__END
#endif

#define AWL_API __attribute__((visibility("default")))
#define AWL_MUST __attribute__((warn_unused_result))

#if defined(AWL_THREAD_CHECK) && defined(__clang__)
struct __attribute__((capability("awl loop thread"))) awl__loop_thread {
	int _unused;
};
extern AWL_API struct awl__loop_thread awl__in_loop_thread;
#define AWL_COROUTINE __attribute__((requires_capability(awl__in_loop_thread)))
#define AWL_ASSUME_LOOP_THREAD() awl__assume_loop_thread()
static inline void awl__assume_loop_thread(void)
	__attribute__((assert_capability(awl__in_loop_thread)));
static inline void awl__assume_loop_thread(void)
{
}
#else
#define AWL_COROUTINE
#define AWL_ASSUME_LOOP_THREAD() ((void)0)
#endif

#define AWL_ANY_THREAD AWL_API
#define AWL_LOOP_THREAD AWL_API AWL_COROUTINE
#define AWL_TASK AWL_API AWL_COROUTINE
#define AWL_RUNNER AWL_API

/* Time is int64 nanoseconds; deadlines are of the loop's monotonic clock (awl_loop_time). */
#define AWL_NS INT64_C(1)
#define AWL_US INT64_C(1000)
#define AWL_MS INT64_C(1000000)
#define AWL_SEC INT64_C(1000000000)
#define AWL_FOREVER INT64_MAX

/* No transfer moves more than this many bytes in one call, as the kernel's own do. */
#define AWL_TRANSFER_MAX 0x7ffff000

typedef struct awl_loop awl_loop;
typedef struct awl_future awl_future;
/* A task is a future: one handle type, two names. */
typedef struct awl_future awl_task;
typedef struct awl_cfuture awl_cfuture;

/*
 * The links of objects that lie in the caller's storage. Their fields are awl's own; spare room is
 * kept so that they can grow without breaking a compiled program.
 */
struct awl__list {
	struct awl__list *next, *prev;
};

struct awl__heap_node {
	uint64_t seq; /* order of arrival, for equal deadlines */
	uint32_t index; /* where in the heap, when armed */
	uint32_t kind; /* what the node is part of */
};

/* What the ready list holds: a task or a callback. */
struct awl__runnable {
	struct awl__list link;
	uint32_t kind;
	uint32_t queued;
};

/* What another thread leaves for a loop. */
struct awl__parcel {
	struct awl__parcel *next;
	void (*open)(awl_loop *loop, struct awl__parcel *parcel);
};

/*
 * What a task or a callback runs. >= 0 is its result, < 0 its failure; a task that returns
 * AWL_ECANCELED ends cancelled, a callback that returns a failure is told to the exception handler.
 */
typedef int awl_fn(void *arg);

#endif
