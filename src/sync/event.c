/* SPDX-License-Identifier: MIT */
/*
 * event.c - the event: a flag, and all who wait for it.
 */
#include "sync/sync.h"

int awl_event_init(awl_event *event)
{
	AWL__NOT_NULL(event);
	*event = (awl_event)AWL_EVENT_INIT;
	return 0;
}

int awl_event_set(awl_event *event)
{
	AWL__SYNC(event, l, AWL__BY_CALLBACK);
	event->_set = 1;
	awl__sync_wake_all(l, &event->_sync._waiters, 0);
	return 0;
}

int awl_event_clear(awl_event *event)
{
	AWL__SYNC(event, l, AWL__BY_CALLBACK);
	event->_set = 0;
	return 0;
}

int awl_event_is_set(awl_event *event)
{
	AWL__SYNC(event, l, AWL__BY_CALLBACK);
	return event->_set;
}

int awl_event_wait(awl_event *event)
{
	const void *place = __builtin_return_address(0);
	int r = AWL__LOOK_AGAIN;

	AWL__SYNC_TASK(event, t);
	while (r == AWL__LOOK_AGAIN && !event->_set)
		r = awl__sync_wait(
			t, &event->_sync, &event->_sync._waiters, AWL__WAITS_EVENT, event, place);
	return r < 0 ? r : 0;
}

int awl_event_destroy(awl_event *event)
{
	AWL__SYNC_DESTROY(event, false);
}
