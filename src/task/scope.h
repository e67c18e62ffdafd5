/* SPDX-License-Identifier: MIT */
/*
 * scope.h - an open timeout, shield or group inside: a pooled record, so that what the loop and
 * other tasks must reach never lies in the owner's frame (A6).
 */
#ifndef AWL__SCOPE_H
#define AWL__SCOPE_H

#include "loop/loop.h"

#include <awl/scope.h>

enum awl__scope_kind {
	AWL__SCOPE_TIMEOUT,
	AWL__SCOPE_SHIELD,
	AWL__SCOPE_GROUP,
};

struct awl__scope {
	struct awl__scope *outer; /* the next free one, while free */
	struct awl__task *task; /* whose it is */
	awl_loop *loop;
	struct awl__scope_storage *storage;
	uint64_t serial;
	const void *place; /* where it was entered */
	int64_t deadline; /* INT64_MAX: none */
	int64_t span; /* of a deadline that may be nearer: this long from its entry; else -1 */
	uint16_t cancelling; /* the task's, when it was entered */
	uint16_t depth;
	uint16_t outer_shield;
	uint8_t kind;
	bool asked; /* it asks to stop: expired, aborting, or cancelled */
	bool expired; /* its deadline passed */
	bool violated; /* scopes inside it were left open: its exit says so */

	/* a group's */
	bool cancelled; /* by awl_task_group_cancel */
	bool joining; /* its owner waits for the children */
	bool joined;
	bool cut; /* children were alive when the deadline passed */
	bool swept; /* the close of its loop has stopped a child */
	bool dead; /* what has not begun must not begin: its argument may be gone */
	uint32_t alive;
	int failure; /* the first in time */
	int status; /* what join returned */
	const char *reason;
	/* What a child's end means to who made the group, in the room above; NULL: a user's
	 * group. */
	void (*child_ended)(struct awl__scope *s, struct awl__task *child);
	void *made_for; /* his */
	struct awl__list children, ended;
};

/* The innermost is left: its request withdrawn, its record free, its storage marked if `alive`. */
void awl__scope_close(struct awl__scope *s, bool alive);

/* The beginning of every enter: 0 and the task, or the refusal, kept in the storage for exit. */
int awl__scope_enter(struct awl__scope_storage *st, uint8_t kind, const void *frame,
	const void *place, const char *call, struct awl__scope **ret);

/* The beginning of every exit: the scope, innermost now; or the refusal. */
int awl__scope_exit(struct awl__scope_storage *st, uint8_t kind, const void *frame,
	const char *call, struct awl__scope **ret);

/*
 * The open scope behind a storage, for calls that any task of its loop may make. Any thread: it
 * reads the storage alone and the record's loop, which never changes. NULL: not open.
 */
struct awl__scope *awl__scope_find(const struct awl__scope_storage *st, uint8_t kind);

/* The loop of an open scope, else the running one; NULL: neither. */
awl_loop *awl__scope_loop(const struct awl__scope_storage *st, uint8_t kind);

/* Sets or moves the deadline: ns from now on, or at `when`. */
void awl__scope_set_span(struct awl__scope *s, int64_t ns);
void awl__scope_set_deadline(struct awl__scope *s, int64_t when);

/* Draws the deadlines of scopes entered since the last look at the clock nearer. */
void awl__scope_resolve(struct awl__task *t);

/* The nearest deadline at which somebody is to be told: the task, unless a shield is between, or a
 * group's children. */
int64_t awl__scope_nearest(const struct awl__task *t);

/* Marks what has passed by now, and lets it ask. */
void awl__scope_expire(struct awl__task *t, int64_t now);

/* s asks its owner, and a group its children, to stop. */
void awl__scope_ask(struct awl__scope *s, const char *reason);

/* What is outside s asks its task to stop: a scope, its group, its loop; ... */
bool awl__scope_outer_stops(const struct awl__scope *s);

/* ... or somebody by awl_cancel, since s was entered. */
bool awl__scope_outer_asks(const struct awl__scope *s);

/* A timeout's or shield's: what its exit makes of the body's status. */
int awl__scope_status(const struct awl__scope *s, int status);

/* group.c */
void awl__group_child_done(struct awl__scope *g, struct awl__task *child);
int awl__group_add(struct awl__scope *g, const awl_task_options *o, awl_fn *fn, void *arg,
	awl_task **ret, const void *place, const char *call); /* a child */
void awl__group_fail(struct awl__scope *g, int err); /* the rest is asked to stop */
void awl__group_abandon(struct awl__scope *g);
void awl__group_release(struct awl__scope *g); /* the ended children */

/* A task's function has returned with scopes open. */
int awl__scope_leftover(struct awl__task *t, int status);

#endif
