/* SPDX-License-Identifier: MIT */
/*
 * semaphore.c - the semaphore: a count of tokens. A release gives its token to the first waiter, so
 * there are no tokens while anybody waits.
 */
#include "sync/sync.h"

static int init(awl_semaphore *s, int value, int bound, const char *call)
{
	if (value < 0)
		return awl__fail(-EINVAL, "%s: a semaphore's value is not negative", call);
	*s = (awl_semaphore)AWL__SEMAPHORE_INIT(value, bound);
	return 0;
}

int awl_semaphore_init(awl_semaphore *semaphore, int value)
{
	AWL__NOT_NULL(semaphore);
	return init(semaphore, value, INT32_MAX, __func__);
}

int awl_bounded_semaphore_init(awl_semaphore *semaphore, int value)
{
	AWL__NOT_NULL(semaphore);
	return init(semaphore, value, value, __func__);
}

/* By its static initialiser it can be anything. */
static int check(const awl_semaphore *s, const char *call)
{
	if (awl__likely(s->_value >= 0))
		return 0;
	return awl__fail(-EINVAL, "%s: a semaphore's value is not negative", call);
}

int awl_semaphore_acquire(awl_semaphore *semaphore)
{
	const void *place = __builtin_return_address(0);
	int r;

	AWL__NOT_NULL(semaphore);
	AWL__SYNC_TASK(&semaphore->_sync, t);
	r = check(semaphore, __func__);
	while (r >= 0 && !semaphore->_value) {
		r = awl__sync_wait(t, &semaphore->_sync, &semaphore->_sync._waiters,
			AWL__WAITS_SEMAPHORE, semaphore, place);
		if (r == 0)
			return 0;
	}
	if (r < 0)
		return r;
	semaphore->_value--;
	return 0;
}

int awl_semaphore_acquire_nowait(awl_semaphore *semaphore)
{
	int r;

	AWL__NOT_NULL(semaphore);
	AWL__SYNC(&semaphore->_sync, l, AWL__BY_CALLBACK);
	r = check(semaphore, __func__);
	if (r < 0)
		return r;
	if (!semaphore->_value)
		return -EAGAIN;
	semaphore->_value--;
	return 0;
}

int awl_semaphore_release(awl_semaphore *semaphore)
{
	int r;

	AWL__NOT_NULL(semaphore);
	AWL__SYNC(&semaphore->_sync, l, AWL__BY_CALLBACK);
	r = check(semaphore, __func__);
	if (r < 0)
		return r;
	if (awl__unlikely(semaphore->_value >= semaphore->_bound))
		return awl__fail(
			-EOVERFLOW, "%s: released more often than it was acquired", __func__);
	if (!awl__sync_wake(&semaphore->_sync._waiters, 0))
		semaphore->_value++;
	return 0;
}

int awl_semaphore_locked(awl_semaphore *semaphore)
{
	AWL__NOT_NULL(semaphore);
	AWL__SYNC(&semaphore->_sync, l, AWL__BY_CALLBACK);
	return semaphore->_value <= 0;
}

int awl_semaphore_value(awl_semaphore *semaphore)
{
	AWL__NOT_NULL(semaphore);
	AWL__SYNC(&semaphore->_sync, l, AWL__BY_CALLBACK);
	return semaphore->_value;
}

int awl_semaphore_destroy(awl_semaphore *semaphore)
{
	AWL__NOT_NULL(semaphore);
	AWL__SYNC_DESTROY(&semaphore->_sync, false);
}
