/* SPDX-License-Identifier: MIT */
/*
 * barrier.c - the barrier. The last to come gives all the others their numbers at once, and the
 * next round begins: nothing is left to drain.
 */
#include "sync/sync.h"

int awl_barrier_init(awl_barrier *barrier, int parties)
{
	AWL__NOT_NULL(barrier);
	if (parties < 1)
		return awl__fail(-EINVAL, "%s: parties must be at least 1", __func__);
	*barrier = (awl_barrier)AWL_BARRIER_INIT(parties);
	return 0;
}

/* Who was cancelled has left the queue without a word: the count is an upper bound. */
static int count(awl_barrier *b)
{
	b->_waiting = 0;
	awl__list_each (node, &b->_sync._waiters)
		b->_waiting++;
	return b->_waiting;
}

static bool is_last(awl_barrier *b)
{
	return b->_waiting + 1 >= b->_parties && count(b) + 1 >= b->_parties;
}

static void pass(awl_barrier *b)
{
	int index = 0;

	while (awl__sync_wake(&b->_sync._waiters, index))
		index++;
	b->_waiting = 0;
}

static int wait(awl_barrier *b, struct awl__task *t, const void *place, const char *call)
{
	while (!b->_broken && !is_last(b)) {
		int r;

		b->_waiting++;
		r = awl__sync_wait(t, &b->_sync, &b->_sync._waiters, AWL__WAITS_BARRIER, b, place);
		if (r < 0)
			return r;
		if (r == 0 && t->future.outcome >= 0)
			return t->future.outcome;
		if (r == 0)
			return awl__fail(
				t->future.outcome, "%s: %s", call, awl_strerror(t->future.outcome));
	}
	if (b->_broken)
		return awl__fail(AWL_EBROKEN, "%s: it was aborted", call);
	pass(b);
	return b->_parties - 1;
}

int awl_barrier_wait(awl_barrier *barrier)
{
	const void *place = __builtin_return_address(0);

	AWL__SYNC_TASK(barrier, t);
	if (awl__unlikely(barrier->_parties < 1))
		return awl__fail(-EINVAL, "%s: parties must be at least 1", __func__);
	return wait(barrier, t, place, __func__);
}

static int end_round(awl_barrier *b, awl_loop *l, int broken)
{
	awl__sync_wake_all(l, &b->_sync._waiters, AWL_EBROKEN);
	b->_waiting = 0;
	b->_broken = broken;
	return 0;
}

int awl_barrier_reset(awl_barrier *barrier)
{
	AWL__SYNC(barrier, l, AWL__BY_CALLBACK);
	return end_round(barrier, l, 0);
}

int awl_barrier_abort(awl_barrier *barrier)
{
	AWL__SYNC(barrier, l, AWL__BY_CALLBACK);
	return end_round(barrier, l, 1);
}

int awl_barrier_parties(awl_barrier *barrier)
{
	AWL__SYNC(barrier, l, AWL__BY_CALLBACK);
	return barrier->_parties;
}

int awl_barrier_n_waiting(awl_barrier *barrier)
{
	AWL__SYNC(barrier, l, AWL__BY_CALLBACK);
	return count(barrier);
}

int awl_barrier_broken(awl_barrier *barrier)
{
	AWL__SYNC(barrier, l, AWL__BY_CALLBACK);
	return barrier->_broken;
}

int awl_barrier_destroy(awl_barrier *barrier)
{
	AWL__SYNC_DESTROY(barrier, false);
}
