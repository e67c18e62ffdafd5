/* SPDX-License-Identifier: MIT */
/*
 * interval.c - ticks on a grid of time, and what becomes of those that came too late.
 */
#include "base/clock.h"
#include "task/task.h"

#include <awl/interval.h>

int awl_interval_start_at(awl_interval *i, int64_t when, int64_t period, int missed)
{
	AWL__NOT_NULL(i);
	if (!awl__thread->running)
		return awl__self_refused(__func__);
	if (period <= 0)
		return awl__fail(-EINVAL, "awl_interval_start: the period is not positive");
	if (missed < AWL_MISSED_BURST || missed > AWL_MISSED_DELAY)
		return awl__fail(-EINVAL,
			"awl_interval_start: missed is AWL_MISSED_BURST, _SKIP "
			"or _DELAY");
	*i = (awl_interval){ ._period = period, ._next = when, ._missed = missed };
	return 0;
}

int awl_interval_start(awl_interval *i, int64_t period, int missed)
{
	awl_loop *l = awl__thread->running;

	if (!l)
		return awl__self_refused(__func__);
	return awl_interval_start_at(
		i, awl__clock_after(awl__reactor_now(l->reactor), period), period, missed);
}

int awl_interval_tick(awl_interval *i)
{
	int64_t now, late;
	int r;

	AWL__NOT_NULL(i);
	if (i->_period <= 0)
		return awl__fail(-EINVAL, "awl_interval_tick: it was not started");
	r = awl_sleep_until(i->_next);
	if (r < 0)
		return r;
	now = awl__reactor_now(awl__thread->running->reactor);
	late = (now - i->_next) / i->_period;
	switch (i->_missed) {
	case AWL_MISSED_DELAY:
		i->_next = awl__clock_after(now, i->_period);
		break;
	case AWL_MISSED_SKIP:
		i->_next += late * i->_period;
		/* fallthrough */
	default:
		i->_next = awl__clock_after(i->_next, i->_period);
	}
	return late > INT32_MAX ? INT32_MAX : (int)late;
}
