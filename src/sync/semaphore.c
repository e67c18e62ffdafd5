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
static AWL__COLD int negative(const char *call)
{
	return awl__fail(-EINVAL, "%s: a semaphore's value is not negative", call);
}

int awl_semaphore_acquire(awl_semaphore *semaphore)
{
	const void *place = __builtin_return_address(0);

	AWL__SYNC_TASK(semaphore, t);
	if (awl__unlikely(semaphore->_value < 0))
		return negative(__func__);
	while (!semaphore->_value) {
		int r = awl__sync_wait(t, &semaphore->_sync, &semaphore->_sync._waiters,
			AWL__WAITS_SEMAPHORE, semaphore, place);
		if (r != AWL__LOOK_AGAIN)
			return r;
	}
	semaphore->_value--;
	return 0;
}

int awl_semaphore_acquire_nowait(awl_semaphore *semaphore)
{
	AWL__SYNC(semaphore, l, AWL__BY_CALLBACK);
	if (semaphore->_value <= 0)
		return semaphore->_value ? negative(__func__) : -EAGAIN;
	semaphore->_value--;
	return 0;
}

int awl_semaphore_release(awl_semaphore *semaphore)
{
	AWL__SYNC(semaphore, l, AWL__BY_CALLBACK);
	if (awl__unlikely(semaphore->_value < 0))
		return negative(__func__);
	if (awl__unlikely(semaphore->_value >= semaphore->_bound))
		return awl__fail(
			-EOVERFLOW, "%s: released more often than it was acquired", __func__);
	if (!awl__sync_wake(&semaphore->_sync._waiters, 0))
		semaphore->_value++;
	return 0;
}

int awl_semaphore_locked(awl_semaphore *semaphore)
{
	AWL__SYNC(semaphore, l, AWL__BY_CALLBACK);
	return semaphore->_value <= 0;
}

int awl_semaphore_value(awl_semaphore *semaphore)
{
	AWL__SYNC(semaphore, l, AWL__BY_CALLBACK);
	return semaphore->_value;
}

int awl_semaphore_destroy(awl_semaphore *semaphore)
{
	AWL__SYNC_DESTROY(semaphore, false);
}
