/* SPDX-License-Identifier: MIT */
/*
 * scope.h - timeouts, shields and task groups: *_enter(&s, ...) ... *_exit(&s, status).
 *
 * exit takes the body's status and returns the scope's, as __aexit__ does. Scopes nest, lie in the
 * caller's storage and belong to the task that entered them. A refusal by enter is kept and comes
 * out of exit. What a scope asks for (its deadline passed, its group aborts) is delivered by every
 * wait inside it until it is left; what awl_cancel asks for is delivered once.
 *
 * A scope that its function left without exit is closed by the task's next wait, enter or exit: a
 * report names its place of entry and the call returns AWL_ESCOPE.
 */
#ifndef AWL_SCOPE_H
#define AWL_SCOPE_H

#include <awl/task.h>
#include <awl/types.h>

AWL__BEGIN

struct awl__scope;

/* Storage of all three: what only the owner's calls look at. */
struct awl__scope_storage {
	uint64_t _magic;
	struct awl__scope *_scope;
	uint64_t _serial;
	int _refused;
	int _expired;
	int64_t _when;
	uint64_t _spare[3];
};

typedef struct awl_timeout {
	struct awl__scope_storage _storage;
} awl_timeout;

/*
 * A time limit: the body has ns from now, or until `when` of awl_loop_time. ns <= 0: its first wait
 * fails; AWL_FOREVER: none. exit: -ETIMEDOUT if the body ended AWL_ECANCELED because of this
 * deadline, and of nothing outside it; else the body's status. asyncio: X15, X16.
 */
AWL_LOOP_THREAD int awl_timeout_enter(awl_timeout *t, int64_t ns);
AWL_LOOP_THREAD int awl_timeout_enter_at(awl_timeout *t, int64_t when);
AWL_MUST AWL_TASK int awl_timeout_exit(awl_timeout *t, int status);

/*
 * Gives a timeout another deadline, while it is open and has not passed: else AWL_ESCOPE,
 * -ETIMEDOUT. asyncio: X17.
 */
AWL_LOOP_THREAD int awl_timeout_reschedule(awl_timeout *t, int64_t when);

/* Whether its deadline has passed, 1 or 0; after exit, whether a wait inside or this question has
 * met it; and that deadline. asyncio: X18. */
AWL_LOOP_THREAD int awl_timeout_expired(const awl_timeout *t);
AWL_LOOP_THREAD int64_t awl_timeout_when(const awl_timeout *t);

/* fn(arg) in the calling task, within ns: its status, or -ETIMEDOUT. asyncio: X12. */
AWL_MUST AWL_TASK int awl_wait_for(int64_t ns, awl_fn *fn, void *arg);

typedef struct awl_shield {
	struct awl__scope_storage _storage;
} awl_shield;

/*
 * Keeps requests to stop away: inside, none from outside is delivered; it stays for the first wait
 * after exit. For finalisers: give them ns of their own, or AWL_FOREVER. exit: as awl_timeout_exit.
 * asyncio: X11.
 */
AWL_LOOP_THREAD int awl_shield_enter(awl_shield *s, int64_t ns);
AWL_MUST AWL_TASK int awl_shield_exit(awl_shield *s, int status);

/* fn(arg) in the calling task, shielded: its status, or -ETIMEDOUT after ns. */
AWL_MUST AWL_TASK int awl_shielded(int64_t ns, awl_fn *fn, void *arg);

typedef struct awl_task_group {
	struct awl__scope_storage _storage;
} awl_task_group;

/* Opens a task group. Inside a task only (AWL_ENOTASK). asyncio: G1. */
AWL_LOOP_THREAD int awl_task_group_enter(awl_task_group *g);

/*
 * Makes a child of the group: as awl_create_task, by the body or by any task of the loop. *ret is
 * borrowed, valid until the group's exit has returned. Refused: AWL_ESCOPE (not entered, or left),
 * AWL_ECANCELED (the group is stopping its children), -ENOMEM. asyncio: G2.
 */
AWL_MUST AWL_LOOP_THREAD int awl_task_group_create_task(
	awl_task_group *g, awl_fn *fn, void *arg, awl_task **ret);
AWL_MUST AWL_LOOP_THREAD int awl_task_group_create_task_with(
	awl_task_group *g, const awl_task_options *options, awl_fn *fn, void *arg, awl_task **ret);

/*
 * Makes a child and waits until it says, by awl_task_started(value), that it has started: that
 * value; or its failure, or AWL_ENOTSTARTED if it ended without a word.
 */
AWL_MUST AWL_TASK int awl_task_group_start(
	awl_task_group *g, awl_fn *fn, void *arg, awl_task **ret);
AWL_LOOP_THREAD int awl_task_started(int value);

/*
 * Limits the whole group to ns from now: then children and body are cancelled, and exit is
 * -ETIMEDOUT.
 */
AWL_LOOP_THREAD int awl_task_group_set_deadline(awl_task_group *g, int64_t ns);

/* Cancels children and body; exit then is not AWL_ECANCELED on that account but 0. asyncio: G11. */
AWL_LOOP_THREAD int awl_task_group_cancel(awl_task_group *g, const char *reason);

/*
 * Joins every child without leaving the group: takes the body's status and returns the group's, as
 * exit does. Between it and exit the children's outcomes can be walked. Once.
 */
AWL_MUST AWL_TASK int awl_task_group_join(awl_task_group *g, int status);

/*
 * Joins every child and leaves. The first failure in time, a child's or the body's, cancels the
 * rest and is returned; a child that ends cancelled is no failure. Without one: AWL_ECANCELED if
 * the parent was asked to stop, -ETIMEDOUT if the group's deadline stopped somebody, else the
 * body's status. asyncio: G3-G9.
 */
AWL_MUST AWL_TASK int awl_task_group_exit(awl_task_group *g, int status);

/* Walks the children that failed, in the order they did: NULL gives the first, then the next; NULL
 * at the end. Any time until exit. asyncio: the exceptions of an ExceptionGroup. */
AWL_LOOP_THREAD awl_task *awl_task_group_failure(awl_task_group *g, awl_task *after);

AWL__END

#endif
