/* SPDX-License-Identifier: MIT */
/*
 * errors.h - what a refused or failed call returns: the system's errno, negated, where one fits,
 * else a number of awl's own below -4096. One table gives name, number and sentence.
 */
#ifndef AWL_ERRORS_H
#define AWL_ERRORS_H

#include <awl/types.h>

AWL__BEGIN

/* name, number, sentence */
#define AWL_ERRORS(X) \
	X(ECANCELED, 4097, "the calling task was asked to stop") \
	X(EFUTURECANCELED, 4098, "the awaited future was cancelled") \
	X(ETHREAD, 4099, "not the thread this loop runs in") \
	X(ERUNNING, 4100, "the loop is already running") \
	X(ENESTED, 4101, "another loop is running in this thread") \
	X(ECLOSED, 4102, "the loop is closed") \
	X(ENOLOOP, 4103, "no loop is running in this thread") \
	X(ENOTASK, 4104, "a wait outside a task") \
	X(EPENDING, 4105, "the future has no result yet") \
	X(EDONE, 4106, "the future already has its result") \
	X(EISTASK, 4107, "a task's result is its function's to give") \
	X(EOTHERLOOP, 4108, "the future belongs to a different loop") \
	X(ESTOPPED, 4109, "the loop was stopped before the future completed") \
	X(ESCOPE, 4110, "a scope was left open, entered twice, or is not this task's innermost") \
	X(EFORK, 4111, "the loop was made before fork and belongs to the parent") \
	X(EDEADLK, 4112, "this wait could never end: it would wait for itself") \
	X(ENOTSTARTED, 4113, "the child ended without saying that it had started") \
	X(EDEAD, 4114, "what this call waits for or works on is gone") \
	X(EBROKEN, 4115, "the barrier was reset or aborted") \
	X(ESHUTDOWN, 4116, "it was shut down: nothing more goes in, and nothing will come") \
	X(EINCOMPLETE, 4117, "the stream ended before all of it had come") \
	X(ELIMIT, 4118, "the separator did not come within the stream's limit") \
	X(ENONAME, 4119, "no address is known for this name") \
	X(ENAMESERVER, 4120, "no name server gave an answer")

enum awl_error {
#define AWL__X(name, number, sentence) AWL_##name = -(number),
	AWL_ERRORS(AWL__X)
#undef AWL__X
};

/* The sentence for a negative code of awl's or the system's; never NULL. asyncio: str(exc). */
AWL_ANY_THREAD const char *awl_strerror(int err);

/* The name of a code, "AWL_ETHREAD" or "EIO"; "?" for a number nobody knows. */
AWL_ANY_THREAD const char *awl_error_name(int err);

/*
 * The words of this task's (outside tasks: this thread's) last failure if it had that code, else
 * "". Valid until the next failing call of the same task. Not for keeping.
 */
AWL_ANY_THREAD const char *awl_error_detail(int err);

AWL__END

#endif
