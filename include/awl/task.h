/* SPDX-License-Identifier: MIT */
/*
 * task.h - tasks: C functions that can wait, each on a stack of its own.
 */
#ifndef AWL_TASK_H
#define AWL_TASK_H

#include <awl/types.h>

AWL__BEGIN

/* How a task is made; all zero is the default of everything. */
typedef struct awl_task_options {
	const char *name; /* copied; NULL: "Task-N" */
	size_t stack_size; /* address space with its 64 KiB guard; 0: the loop's */
	size_t copy; /* that many bytes of arg are copied; the task owns the copy. At most 64 KiB */
	uint64_t _spare[4];
} awl_task_options;

/*
 * fn(arg) as a task of the running loop (or of `loop`, running or not); its first step is in the
 * next iteration. ret NULL: nobody will ask, a failure goes to the exception handler at once. Else
 * *ret is one reference, for awl_unref. The loop keeps it alive until it is done. A task without a
 * step yet has no stack. Refused: AWL_ENOLOOP, -ENOMEM, -EINVAL, AWL_ECLOSED. asyncio: T1, T3.
 */
AWL_MUST AWL_LOOP_THREAD int awl_create_task(awl_fn *fn, void *arg, awl_task **ret);
AWL_MUST AWL_LOOP_THREAD int awl_loop_create_task(
	awl_loop *loop, const awl_task_options *options, awl_fn *fn, void *arg, awl_task **ret);

/*
 * Called before each task of the loop is made; it may change what is made, or refuse with a
 * negative code, which the create returns. NULL removes it. asyncio: T4.
 */
typedef int awl_task_factory(
	awl_loop *loop, awl_task_options *options, awl_fn **fn, void **arg, void *factory_arg);
AWL_LOOP_THREAD int awl_loop_set_task_factory(
	awl_loop *loop, awl_task_factory *factory, void *factory_arg);

/* The task that runs in this thread, borrowed; NULL outside. asyncio: T11. */
AWL_ANY_THREAD awl_task *awl_current_task(void);

/* Fills tasks[0 ... room) with borrowed handles of those not done; returns how many there are.
 * T9. */
AWL_LOOP_THREAD int awl_all_tasks(awl_loop *loop, awl_task **tasks, size_t room);

/* A task's name; valid until it is changed. Copied; -ENOMEM. asyncio: T5. */
AWL_LOOP_THREAD const char *awl_task_get_name(awl_task *task);
AWL_LOOP_THREAD int awl_task_set_name(awl_task *task, const char *name);

/* What a task runs: its function and argument. asyncio: T12. */
AWL_LOOP_THREAD int awl_task_get_coro(const awl_task *task, awl_fn **fn, void **arg);

/*
 * The return addresses of a task's frames, innermost first: how many, at most `room`. 0: not begun,
 * or done.
 */
AWL_LOOP_THREAD int awl_task_get_stack(awl_task *task, void **frames, int room);

/* Writes a task's frames as text to a descriptor: 0. */
AWL_LOOP_THREAD int awl_task_print_stack(awl_task *task, int fd);

/* Bytes of stack that a task has touched so far, in whole pages; 0 before its first step. */
AWL_LOOP_THREAD int64_t awl_task_stack_used(const awl_task *task);

/*
 * How many requests by awl_cancel were not taken back; and taking one back: what is left. At 0 a
 * request not yet delivered is gone. asyncio: X4, X5.
 */
AWL_LOOP_THREAD int awl_cancelling(const awl_task *task);
AWL_LOOP_THREAD int awl_uncancel(awl_task *task);

/*
 * Waits for a time, or for the others' turn: 0, AWL_ECANCELED, AWL_ESCOPE (a scope was left without
 * its exit), AWL_ENOTASK. Never early. awl_sleep of ns <= 0 and awl_yield let every other ready
 * task go first. asyncio: T15.
 */
AWL_MUST AWL_TASK int awl_sleep(int64_t ns);
AWL_MUST AWL_TASK int awl_sleep_until(int64_t when);
AWL_MUST AWL_TASK int awl_yield(void);

/* A place to be cancelled at, in long computations: looks at the clock, yields once in a while. */
AWL_MUST AWL_TASK int awl_checkpoint(void);

/* What is left until the nearest deadline of the open scopes, in ns, 0 if it has passed;
 * AWL_FOREVER if there is none. */
AWL_TASK int64_t awl_deadline(void);

/*
 * Waits until `fd` is ready for one of `events` (POLLIN, POLLOUT, POLLPRI): those that came, with
 * POLLERR and POLLHUP. Two tasks may wait on one descriptor. -EBADF; -EBUSY for a stream's. The
 * descriptor stays the caller's, its O_NONBLOCK untouched; who closes it while a task waits does so
 * by awl_sock_close, whatever it is: AWL_EDEAD.
 */
AWL_MUST AWL_TASK int awl_wait_fd(int fd, int events);

/*
 * read(2) and write(2) at the file's own position, waiting where those would: bytes moved, 0 at the
 * end of the file, -errno. At most AWL_TRANSFER_MAX. No byte is lost to a cancel: one that comes
 * too late is delivered at the next wait. A write to a closed pipe is -EPIPE, without SIGPIPE.
 */
AWL_MUST AWL_TASK int awl_fd_read(int fd, void *buf, size_t len);
AWL_MUST AWL_TASK int awl_fd_write(int fd, const void *buf, size_t len);

AWL__END

#endif
