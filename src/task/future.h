/* SPDX-License-Identifier: MIT */
/*
 * future.h - a future inside, which is also how a task begins.
 */
#ifndef AWL__FUTURE_H
#define AWL__FUTURE_H

#include "loop/claim.h"

#include <awl/future.h>

enum awl__future_kind { /* row.kind */
	AWL__FREE,
	AWL__FUTURE,
	AWL__TASK,
};

enum awl__future_state { /* row.state */
	AWL__PENDING,
	AWL__FINISHED,
	AWL__CANCELLED,
};

enum awl__future_flags { /* row.flags */
	AWL__SEEN = 1, /* somebody has read the failure */
	AWL__LOOSE = 2, /* awl__alloc'd, with a payload: in no pool */
	AWL__PLACED = 4, /* debug: `place` is known, and nobody has cancelled it */
	AWL__HANDLE = 8, /* the other bits count references that are the user's; full is many */
	AWL__MANY = 0xf8,
};

struct awl_future {
	struct awl__row row;
	uint32_t refs;
	int32_t outcome;
	struct awl__list waiters; /* tasks and done callbacks, in the order they came */
	union {
		const char *reason; /* of the last cancel; NULL: none */
		const void *place; /* AWL__PLACED: where it was made */
	};
};

struct awl__payload_future {
	struct awl_future future;
	struct awl__list loose; /* in loop->loose */
	_Alignas(16) unsigned char payload[];
};

static inline bool awl__is_task(const awl_future *f)
{
	return f->row.kind == AWL__TASK;
}

static inline bool awl__is_done(const awl_future *f)
{
	return f->row.state != AWL__PENDING;
}

static inline bool awl__failed(const awl_future *f)
{
	return f->row.state == AWL__FINISHED && f->outcome < 0;
}

static inline awl_loop *awl__future_loop(const awl_future *f)
{
	return f->row.loop;
}

static inline bool awl__seen(const awl_future *f)
{
	return f->row.flags & AWL__SEEN;
}

static inline void awl__see(awl_future *f)
{
	f->row.flags |= AWL__SEEN;
}

static inline const char *awl__reason(const awl_future *f)
{
	return f->row.flags & AWL__PLACED ? NULL : f->reason;
}

/* Debug mode: where it was made; and asked later, NULL if nobody knows. */
static inline void awl__future_place(awl_future *f, const void *place)
{
	f->place = place;
	f->row.flags |= AWL__PLACED;
}
const void *awl__future_made(const awl_future *f);

static inline void awl__future_init(awl_future *f, awl_loop *l, uint8_t kind, uint32_t refs)
{
	f->row.loop = l;
	f->refs = refs;
	awl__list_init(&f->waiters);
	f->reason = NULL;
	f->row.state = AWL__PENDING;
	f->row.flags = 0;
	f->row.waits = 0;
	atomic_signal_fence(memory_order_release); /* a reader outside believes it from here on */
	f->row.kind = kind;
}

/* Ends it: everybody who waits becomes ready. */
void awl__future_complete(awl_future *f, uint8_t state, int outcome);

/* The outcome of a done future, as anybody but the cancelled task itself reads it. */
int awl__future_outcome(awl_future *f);

static inline void awl__future_ref(awl_future *f)
{
	f->refs++;
}

/* One of its references is the user's now. */
static inline void awl__hand_out(awl_future *f)
{
	if (awl__likely(f->row.flags < AWL__MANY))
		f->row.flags += AWL__HANDLE;
}

/* And no more; false: none was. */
static inline bool awl__take_back(awl_future *f)
{
	if (awl__unlikely(f->row.flags < AWL__HANDLE))
		return false;
	if (awl__likely(f->row.flags < AWL__MANY))
		f->row.flags -= AWL__HANDLE;
	return true;
}

void awl__future_free(awl_future *f);

static inline void awl__future_unref(awl_future *f)
{
	if (--f->refs == 0)
		awl__future_free(f);
}

/* A done callback's turn. */
void awl__done_callback_run(struct awl__runnable *r);

#define AWL__NOT_NULL(what) \
	do { \
		if (awl__unlikely(!(what))) \
			return awl__fail(-EINVAL, "%s: " #what " is NULL", __func__); \
	} while (0)

#endif
