/* SPDX-License-Identifier: MIT */
/*
 * watch.c - the latest value: a version says whether there is a newer one.
 */
#include "sync/sync.h"

#include <awl/queue.h>

#include <string.h>

int awl_watch_init(awl_watch *watch, void *variable, size_t size)
{
	AWL__NOT_NULL(watch);
	AWL__NOT_NULL(variable);
	*watch = (awl_watch){ ._value = variable, ._size = size, ._version = 1 };
	return 0;
}

int awl_watch_set(awl_watch *watch, const void *value)
{
	AWL__NOT_NULL(value);
	AWL__SYNC(watch, l, AWL__BY_CALLBACK);
	if (watch->_shut)
		return AWL_ESHUTDOWN;
	memmove(watch->_value, value, watch->_size); /* it may be the variable itself */
	watch->_version++;
	awl__sync_wake_all(l, &watch->_sync._waiters, 0);
	return 0;
}

int awl_watch_get(awl_watch *watch, void *value)
{
	AWL__NOT_NULL(value);
	AWL__SYNC(watch, l, AWL__BY_CALLBACK);
	memcpy(value, watch->_value, watch->_size);
	return 0;
}

int awl_watch_changed(awl_watch *watch, uint64_t *seen, void *value)
{
	const void *place = __builtin_return_address(0);

	AWL__NOT_NULL(seen);
	AWL__NOT_NULL(value);
	AWL__SYNC_TASK(watch, t);
	while (*seen == watch->_version) {
		int r;

		if (watch->_shut)
			return AWL_ESHUTDOWN;
		/* The value is taken when the task runs, to be the latest: then it looks again. */
		r = awl__sync_wait_here(t, &watch->_sync, AWL__WAITS_QUEUE, place);
		if (r < 0)
			return r;
	}
	*seen = watch->_version;
	memcpy(value, watch->_value, watch->_size);
	return 0;
}

int awl_watch_shutdown(awl_watch *watch)
{
	AWL__SYNC(watch, l, AWL__BY_CALLBACK);
	watch->_shut = 1;
	awl__sync_wake_all(l, &watch->_sync._waiters, 0);
	return 0;
}

int awl_watch_destroy(awl_watch *watch)
{
	AWL__SYNC_DESTROY(watch, false);
}
