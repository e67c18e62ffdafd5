/* SPDX-License-Identifier: MIT */
/*
 * sync.c - the long way into a primitive, the wait in its queue, and its end.
 */
#include "sync/sync.h"
#include "task/page.h"

static int gone(const char *call)
{
	return awl__fail(AWL_EDEAD,
		"%s: not initialised, destroyed, copied from elsewhere, or overwritten", call);
}

/*
 * The first use decides. Another thread's loop may try at the same moment: one of the two succeeds,
 * and only its thread looks at the rest.
 */
static void bind(struct awl__sync *s, awl_loop *l)
{
	uint64_t unused = 0;

	if (!__atomic_compare_exchange_n(&s->_home, &unused, awl__sync_home(s, l), false,
		    __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		return;
	s->_serial = ++l->sync_serial;
	awl__list_init(&s->_waiters);
}

/* It has a home, which is not the running loop. */
static int elsewhere(
	struct awl__sync *s, struct awl__call *call, struct awl__claim *c, awl_loop **ret)
{
	uint64_t home = awl__sync_load(s);
	uint64_t id = home ^ (uintptr_t)s;
	awl_loop *l;
	int r;

	if (home == AWL__SYNC_GONE || (id & UINT16_MAX) != AWL__LOOP_TAG)
		return gone(call->name);
	if (awl__thread->running)
		return awl__fail(AWL_EOTHERLOOP,
			"%s: bound to a different loop, by its first use; each loop has its own",
			call->name);
	l = awl__page_find(id);
	if (!l)
		return awl__fail(AWL_ECLOSED,
			"%s: bound to a loop that is gone; initialise it anew", call->name);
	r = awl__claim_begin(c, l, call, true);
	*ret = l;
	awl_loop_unref(l); /* who calls has one, or has lost its race already */
	return r;
}

int awl__sync_enter(
	struct awl__sync *s, struct awl__call *call, struct awl__claim *c, awl_loop **ret)
{
	awl_loop *l = awl__thread->running;

	if (awl__sync_load(s) == 0) {
		if (!l)
			return awl__fail(AWL_ENOLOOP,
				"%s: %s, and it belongs to none yet; use it in a task or callback",
				call->name, awl_strerror(AWL_ENOLOOP));
		bind(s, l);
	}
	*ret = awl__sync_loop(s);
	return *ret ? 0 : elsewhere(s, call, c, ret);
}

int awl__sync_enter_task(struct awl__sync *s, struct awl__call *call, struct awl__task **ret)
{
	struct awl__claim c = { NULL, 0 };
	awl_loop *l;
	int r;

	if (awl__sync_load(s) == 0) { /* refused, it stays unbound */
		r = awl__self(ret, call->name);
		if (r < 0)
			return r;
	}
	r = awl__sync_enter(s, call, &c, &l);
	if (r < 0)
		return r;
	awl__claim_end(&c);
	return awl__self(ret, call->name);
}

int awl__sync_begin(
	struct awl__sync *s, struct awl__call *call, const void *frame, struct awl__task **ret)
{
	struct awl__task *t = awl__sync_self(s);
	int r = t ? 0 : awl__sync_enter_task(s, call, &t);

	if (r < 0)
		return r;
	if (t->scope && awl__check_scopes(t, frame) < 0)
		return AWL_ESCOPE;
	*ret = t;
	return awl__deliver(t);
}

static AWL__COLD int report_gone(
	struct awl__task *t, enum awl__waits what, const void *on, const void *place)
{
	static const char *const words[AWL__WAITS_COUNT] = {
		[AWL__WAITS_LOCK] = "lock",
		[AWL__WAITS_EVENT] = "event",
		[AWL__WAITS_CONDITION] = "condition",
		[AWL__WAITS_SEMAPHORE] = "semaphore or limiter",
		[AWL__WAITS_BARRIER] = "barrier",
		[AWL__WAITS_QUEUE] = "queue",
	};
	char name[96];

	awl__place(place, name, sizeof name);
	awl__report(AWL_LOG_ERROR,
		"task %s waited in %s for a %s (%p) whose storage was reused meanwhile: keep it "
		"until its waiters have left; its destroy refuses while there are any",
		awl_task_get_name(&t->future), name, words[what], on);
	return awl__fail(AWL_EDEAD, "the %s waited for in %s is gone", words[what], name);
}

static bool is_same(const struct awl__sync *s, const awl_loop *l, uint64_t serial)
{
	return s->_home == awl__sync_home(s, l) && s->_serial == serial;
}

int awl__sync_left(struct awl__task *t, const struct awl__sync *s, uint64_t serial,
	enum awl__waits what, const void *place)
{
	int r;

	if (!is_same(s, awl__task_loop(t), serial))
		return report_gone(t, what, s, place); /* the request stays for its next wait */
	r = awl__deliver(t);
	return r < 0 ? r : AWL__LOOK_AGAIN; /* it was taken back meanwhile */
}

int awl__sync_wait_here(
	struct awl__task *t, struct awl__sync *s, enum awl__waits what, const void *place)
{
	const uint64_t serial = s->_serial;
	struct awl__sync *on = s;
	int r = awl__sync_wait(t, s, &s->_waiters, what, &on, place);

	if (r == 0 && awl__unlikely(!is_same(s, awl__task_loop(t), serial)))
		return report_gone(t, what, s, place);
	return r < 0 ? r : 0;
}

void awl__sync_wake_all(awl_loop *l, struct awl__list *queue, int word)
{
	awl__list_each (node, queue) {
		struct awl__runnable *r = awl__runnable_at(node);

		r->queued = 1;
		awl__task_of(r)->future.outcome = word;
	}
	awl__list_splice(&l->ready, queue);
}

bool awl__sync_orphaned(const struct awl__sync *s)
{
	uint64_t home = awl__sync_load(s), id = home ^ (uintptr_t)s;
	awl_loop *l;

	if (home == 0)
		return true;
	if (home == AWL__SYNC_GONE || (id & UINT16_MAX) != AWL__LOOP_TAG)
		return false;
	l = awl__page_find(id);
	awl_loop_unref(l);
	return !l;
}

int awl__sync_destroy(struct awl__sync *s, bool busy, const char *call)
{
	if (busy || !awl__list_empty(&s->_waiters))
		return awl__fail(-EBUSY, "%s: a task has it or waits for it", call);
	s->_home = AWL__SYNC_GONE;
	return 0;
}
