/* SPDX-License-Identifier: MIT */
/*
 * errand.c - the way there is the caller's; the way back is a parcel.
 */
#include "thread/errand.h"

void awl__errand_begin(struct awl__errand *e, awl_loop *l, void (*end)(struct awl__errand *e))
{
	atomic_init(&e->refs, 2);
	e->loop = awl_loop_ref(l);
	awl__list_init(&e->waiter);
	e->back = false;
	e->end = end;
}

void awl__errand_unref(struct awl__errand *e)
{
	awl_loop *l = e->loop;

	if (awl__sub_acq_rel(&e->refs, 1) != 1)
		return;
	e->end(e);
	awl_loop_unref(l);
}

int awl__errand_wait(struct awl__errand *e, struct awl__task *t)
{
	struct awl__reactor *reactor = e->loop->reactor;
	int r = 0;

	awl__reactor_hold(reactor);
	while (r == 0 && !e->back) {
		awl__list_push(&e->waiter, &t->ready.link);
		/* Back in time is back, and the request stays for the next wait. */
		if (!awl__park(t, AWL__WAITS_ERRAND, (uintptr_t)e, INT64_MAX) && !e->back)
			r = awl__deliver(t);
	}
	awl__reactor_release(reactor);
	return r;
}

static void open_errand(awl_loop *l, struct awl__parcel *p)
{
	struct awl__errand *e = awl__container(p, struct awl__errand, parcel);

	(void)l;
	e->back = true;
	awl__wake_first(&e->waiter);
	awl__errand_unref(e);
}

void awl__errand_return(struct awl__errand *e)
{
	awl_loop *l = awl_loop_ref(e->loop); /* once sent, e may be gone before the wake */
	int r;

	e->parcel.open = open_errand;
	r = awl__inbox_push(&l->inbox, &e->parcel);
	if (r == 1)
		awl__reactor_wake(l->reactor);
	if (r < 0)
		awl__errand_unref(e); /* closed: the task has left long ago */
	awl_loop_unref(l);
}
