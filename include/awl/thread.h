/* SPDX-License-Identifier: MIT */
/*
 * thread.h - the right way into a loop from another thread.
 */
#ifndef AWL_THREAD_H
#define AWL_THREAD_H

#include <awl/types.h>

AWL__BEGIN

/*
 * fn as a task of `loop`, from any thread; *ret is its future for threads, one reference, for
 * awl_cfuture_unref. `size` bytes of arg are copied and live as long as the task; size 0 hands the
 * pointer on. ret NULL: nobody will ask. Refused at once: AWL_ECLOSED, -ENOMEM, -EINVAL, AWL_EFORK.
 * The loop need not be running; it must run for fn to. asyncio: H1, H2.
 */
AWL_MUST AWL_ANY_THREAD int awl_run_coroutine_threadsafe(
	awl_loop *loop, awl_fn *fn, const void *arg, size_t size, awl_cfuture **ret);

/*
 * Blocks the calling thread until it is done, for at most `timeout` ns (AWL_FOREVER: no end; 0:
 * looks). Returns how the wait went: 0, -ETIMEDOUT, or AWL_EDEADLK in the loop's own thread, which
 * could never come back. *outcome (NULL: not asked) is fn's result or failure, AWL_EFUTURECANCELED,
 * or AWL_ECLOSED if the loop closed first. asyncio: H1.
 */
AWL_MUST AWL_ANY_THREAD int awl_cfuture_result(awl_cfuture *c, int64_t timeout, int *outcome);

/* Blocks the calling thread until it is done, without end: as awl_cfuture_result. */
AWL_MUST AWL_ANY_THREAD int awl_cfuture_join(awl_cfuture *c, int *outcome);

/* Asks the task to stop (awl_cancel in its loop): 1 if asked, 0 if done. The reason lives on. */
AWL_ANY_THREAD int awl_cfuture_cancel(awl_cfuture *c, const char *reason);

/* Whether it is done: 1, 0. */
AWL_ANY_THREAD int awl_cfuture_done(const awl_cfuture *c);

/* The loop that its task runs in; borrowed. */
AWL_ANY_THREAD awl_loop *awl_cfuture_get_loop(const awl_cfuture *c);

/*
 * Calls fn(c, outcome, arg) once it is done: in the loop's thread, between two steps, or in the
 * calling thread at once if it is done already. -ENOMEM.
 */
typedef void awl_cfuture_fn(awl_cfuture *c, int outcome, void *arg);
AWL_ANY_THREAD int awl_cfuture_add_done_callback(awl_cfuture *c, awl_cfuture_fn *fn, void *arg);

/*
 * One reference more, one less. Giving up the last one does not stop the task. unref of NULL does
 * nothing.
 */
AWL_ANY_THREAD awl_cfuture *awl_cfuture_ref(awl_cfuture *c);
AWL_ANY_THREAD void awl_cfuture_unref(awl_cfuture *c);

/*
 * Calls the plain function fn in the loop and brings its value: *ret. fn may not wait. Blocks for
 * at most `timeout` ns; on -ETIMEDOUT fn has not been called and never will be, or is being called
 * right now. In the loop's own thread fn is called at once. AWL_ECLOSED also if the loop closes
 * first. asyncio has none (H7).
 */
AWL_MUST AWL_ANY_THREAD int awl_call_threadsafe(
	awl_loop *loop, awl_fn *fn, const void *arg, size_t size, int64_t timeout, int *ret);

/*
 * A future of the running loop that ends as c does; cancelling it cancels c. The way to await
 * another loop's task. One reference. asyncio: F11.
 */
AWL_MUST AWL_LOOP_THREAD int awl_wrap_future(awl_cfuture *c, awl_future **ret);

AWL__END

#endif
