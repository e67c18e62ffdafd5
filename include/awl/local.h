/* SPDX-License-Identifier: MIT */
/*
 * local.h - values that belong to a task and to all that it spawns: a request's number, who is
 * logged in, where to log. asyncio: context variables (D1).
 *
 *	static awl_local user = { .name = "user" };
 *
 *	awl_local_set(&user, "ann", NULL);
 *	awl_create_task(handler, NULL, NULL);	there, awl_local_get(&user) is "ann"
 *
 * A task begins with what the task that made it had at that moment; what either sets from then on
 * the other does not see. A task made by a callback or from another thread begins with nothing, and
 * a callback, which has an argument of its own, sees nothing (C7).
 */
#ifndef AWL_LOCAL_H
#define AWL_LOCAL_H

#include <awl/types.h>

AWL__BEGIN

/*
 * A key, static: its address is what counts, and lives as long as any task that has a value. `name`
 * is for messages; `otherwise` is the value where none was set. With `destroy`, a value belongs to
 * the tasks that see it, and is destroyed, in the loop's thread, when the last of them has ended or
 * has another value, and no token keeps it. It may not wait.
 */
typedef struct awl_local {
	const char *name;
	void *otherwise;
	void (*destroy)(void *value);
	uint64_t _spare[2];
} awl_local;

/* What the value was before a set, for its reset: in the caller's storage. */
typedef struct awl_local_token {
	awl_local *_key;
	awl_task *_task;
	void *_value;
	struct awl__local_owner *_owner;
	uint32_t _number;
	uint32_t _was_set;
	uint64_t _spare[2];
} awl_local_token;

/* The running task's value; in a function run by awl_to_thread the value of the task that waits
 * for it; else outside tasks `otherwise`. */
AWL_ANY_THREAD void *awl_local_get(const awl_local *key);

/*
 * Another value for the running task. `token` NULL: for good; else it keeps the old value until its
 * reset, once. Refused, and the value is not taken over: -ENOMEM, AWL_ENOTASK, AWL_ENOLOOP.
 */
AWL_LOOP_THREAD int awl_local_set(awl_local *key, void *value, awl_local_token *token);

/* Back to what it was before that set, whatever was set since. Refused: -EINVAL for a token used
 * already or of another task, -ENOMEM. */
AWL_LOOP_THREAD int awl_local_reset(awl_local_token *token);

AWL__END

#endif
