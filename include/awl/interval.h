/* SPDX-License-Identifier: MIT */
/*
 * interval.h - something to do every so often, without drifting:
 *
 *	awl_interval every;
 *	int r = awl_interval_start(&every, AWL_SEC, AWL_MISSED_SKIP);
 *
 *	while (r >= 0 && (r = awl_interval_tick(&every)) >= 0)
 *		r = look_after_it();
 */
#ifndef AWL_INTERVAL_H
#define AWL_INTERVAL_H

#include <awl/types.h>

AWL__BEGIN

/* What becomes of ticks whose time passed while the task did something else. */
enum {
	AWL_MISSED_BURST, /* each comes, at once, until it is on time again */
	AWL_MISSED_SKIP, /* they never come; the next is where it would have been */
	AWL_MISSED_DELAY, /* they never come; the next is a period after this one */
};

typedef struct awl_interval {
	int64_t _period;
	int64_t _next;
	int32_t _missed;
	uint32_t _spare32;
	uint64_t _spare[2];
} awl_interval;

/*
 * Ticks every `period` ns > 0: first one period from now, or at `when` of awl_loop_time. Refused:
 * -EINVAL, AWL_ENOLOOP.
 */
AWL_LOOP_THREAD int awl_interval_start(awl_interval *i, int64_t period, int missed);
AWL_LOOP_THREAD int awl_interval_start_at(
	awl_interval *i, int64_t when, int64_t period, int missed);

/*
 * Waits for the next tick, never early: by how many whole periods it is late, 0 if it is on time.
 * AWL_ECANCELED takes no tick. It always lets the others run.
 */
AWL_MUST AWL_TASK int awl_interval_tick(awl_interval *i);

AWL__END

#endif
