/* SPDX-License-Identifier: MIT */
/*
 * system.h - what is one for the whole process: version, allocator, logger, the hook for misuse.
 */
#ifndef AWL_SYSTEM_H
#define AWL_SYSTEM_H

#include <awl/types.h>

AWL__BEGIN

#define AWL_VERSION_MAJOR 0
#define AWL_VERSION_MINOR 1
#define AWL_VERSION_PATCH 0

/* The version of the library that runs, "0.1.0"; the macros above are the header's. */
AWL_ANY_THREAD const char *awl_version(void);

/*
 * Where awl's memory comes from (stacks are always its own mappings). Each function gets `ctx`;
 * `resize` of NULL is a fresh block; all may be called from any thread that calls awl. NULL
 * restores malloc. Refused with -EBUSY once a loop has been made. asyncio: none.
 */
typedef struct awl_allocator {
	void *(*resize)(void *ctx, void *block, size_t size);
	void (*release)(void *ctx, void *block);
	void *ctx;
} awl_allocator;
AWL_MUST AWL_ANY_THREAD int awl_set_allocator(const awl_allocator *a);

/* Frees memory that a call of awl's has left to its caller. NULL is ignored. */
AWL_ANY_THREAD void awl_free(void *block);

enum awl_log_level { AWL_LOG_ERROR = 3, AWL_LOG_WARNING = 4, AWL_LOG_INFO = 6 };

/*
 * Where awl's sentences go: reports, unread failures, counts of misuse. One line each, no newline;
 * called in whichever thread has something to say, never from a signal handler. NULL: stderr. One
 * that is replaced may be just being called by another thread: what `arg` names must outlive that.
 */
typedef void awl_logger(int level, const char *line, void *arg);
AWL_ANY_THREAD void awl_set_logger(awl_logger *fn, void *arg);

/*
 * A call from the wrong thread, told before it returns AWL_ETHREAD or AWL_ERUNNING, each time.
 * `owner_tid` is 0 where the loop is bound to a thread that is not running it now.
 */
typedef struct awl_misuse {
	const char *call; /* the function called */
	const char *instead; /* what to call from a foreign thread */
	const char *reason; /* why it is refused */
	const char *loop_name; /* "" if it has none */
	awl_loop *loop;
	int caller_tid;
	int owner_tid;
	int error; /* what the call returns */
	uint64_t count; /* how often this call has been refused in this process */
} awl_misuse;
typedef void awl_misuse_hook(const awl_misuse *m, void *arg);

/*
 * Who is told of calls from the wrong thread. NULL restores the default: the first refusal of each
 * function goes to the logger in words, later ones as a count, at most one line a second.
 * AWL_MISUSE=abort in the environment aborts after it.
 */
AWL_ANY_THREAD void awl_set_misuse_hook(awl_misuse_hook *fn, void *arg);

AWL__END

#endif
