/* SPDX-License-Identifier: MIT */
/*
 * limiter.c - the capacity limiter: a semaphore whose tokens are signed for.
 */
#include "sync/held.h"

int awl_limiter_init(awl_limiter *limiter, int total)
{
	AWL__NOT_NULL(limiter);
	if (total < 1)
		return awl__fail(-EINVAL, "%s: at least one may pass", __func__);
	*limiter = (awl_limiter)AWL_LIMITER_INIT(total);
	return 0;
}

/* After its first use; static initialisers cannot point to themselves. */
static struct awl__list *borrowers(awl_limiter *m)
{
	if (!m->_borrowers.next)
		awl__list_init(&m->_borrowers);
	return &m->_borrowers;
}

static struct awl__hold *hold_at(struct awl__list *node)
{
	return awl__container(node, struct awl__hold, link);
}

static struct awl__hold *find(awl_limiter *m, const struct awl__task *t)
{
	if (!t || !t->holds)
		return NULL;
	awl__list_each (node, borrowers(m))
		if (hold_at(node)->task == t)
			return hold_at(node);
	return NULL;
}

/* Tokens of tasks that ended with them, as was reported, come back. */
static void collect_orphans(awl_limiter *m)
{
	awl__list_each_safe (node, borrowers(m)) {
		struct awl__hold *h = hold_at(node);

		if (awl__hold_task(h))
			continue;
		awl__list_remove(node);
		h->task = NULL;
		m->_borrowed--;
	}
}

static bool is_full(awl_limiter *m)
{
	if (m->_borrowed >= m->_total)
		collect_orphans(m);
	return m->_borrowed >= m->_total;
}

static int borrow(awl_limiter *m, struct awl__task *t, const void *place)
{
	struct awl__hold *h = awl__hold_get(awl__task_loop(t), t, m, place);

	if (!h)
		return -ENOMEM;
	awl__list_push(borrowers(m), &h->link);
	m->_borrowed++;
	return 0;
}

static int refuse(awl_limiter *m, struct awl__task *t, const char *call)
{
	if (m->_total < 1)
		return awl__fail(-EINVAL, "%s: at least one may pass", call);
	if (find(m, t))
		return awl__fail(AWL_EDEADLK,
			"%s: the calling task has a token of this limiter already", call);
	return 0;
}

int awl_limiter_acquire(awl_limiter *limiter)
{
	const void *place = __builtin_return_address(0);
	int r;

	AWL__SYNC_TASK(limiter, t);
	r = refuse(limiter, t, __func__);
	while (r >= 0 && is_full(limiter)) {
		r = awl__sync_wait(t, &limiter->_sync, &limiter->_sync._waiters,
			AWL__WAITS_SEMAPHORE, limiter, place);
		if (r == 0 && t->future.outcome == 0)
			return 0;
	}
	return r < 0 ? r : borrow(limiter, t, place);
}

int awl_limiter_acquire_nowait(awl_limiter *limiter)
{
	int r;

	AWL__SYNC_TASK(limiter, t);
	r = refuse(limiter, t, __func__);
	if (r < 0)
		return r;
	if (is_full(limiter))
		return -EAGAIN;
	return borrow(limiter, t, __builtin_return_address(0));
}

int awl_limiter_release(awl_limiter *limiter)
{
	struct awl__hold *h;

	AWL__SYNC(limiter, l, "the release in the task that has it");
	h = find(limiter, l->current);
	if (!h)
		return awl__fail(
			-EPERM, "%s: the calling task has no token of this limiter", __func__);
	if (limiter->_borrowed <= limiter->_total && !awl__list_empty(&limiter->_sync._waiters)) {
		awl__hold_give(h, awl__sync_wake(&limiter->_sync._waiters, 0));
		return 0;
	}
	awl__list_remove(&h->link);
	awl__hold_put(h);
	limiter->_borrowed--;
	return 0;
}

/* A token of the new ones for the first waiter. */
static int let_in(awl_limiter *m)
{
	struct awl__list *node = m->_sync._waiters.next;
	int r = borrow(m, awl__task_of(awl__runnable_at(node)), NULL);

	if (r == 0)
		awl__sync_wake(&m->_sync._waiters, 0);
	return r;
}

int awl_limiter_set_total(awl_limiter *limiter, int total)
{
	int r = 0;

	AWL__NOT_NULL(limiter);
	if (total < 1)
		return awl__fail(-EINVAL, "%s: at least one may pass", __func__);
	AWL__SYNC(limiter, l, AWL__BY_CALLBACK);
	limiter->_total = total;
	while (r == 0 && limiter->_borrowed < total && !awl__list_empty(&limiter->_sync._waiters))
		r = let_in(limiter);
	return r;
}

int awl_limiter_total(awl_limiter *limiter)
{
	AWL__SYNC(limiter, l, AWL__BY_CALLBACK);
	return limiter->_total;
}

int awl_limiter_borrowers(awl_limiter *limiter, awl_task **tasks, size_t room)
{
	size_t n = 0;

	AWL__NOT_NULL(limiter);
	if (room)
		AWL__NOT_NULL(tasks);
	AWL__SYNC(limiter, l, AWL__BY_CALLBACK);
	awl__list_each (node, borrowers(limiter)) {
		struct awl__task *t = awl__hold_task(hold_at(node));

		if (!t)
			continue; /* it ended with its token */
		if (n < room)
			tasks[n] = &t->future;
		n++;
	}
	return (int)n;
}

int awl_limiter_destroy(awl_limiter *limiter)
{
	AWL__SYNC_DESTROY(limiter, (collect_orphans(limiter), limiter->_borrowed > 0));
}
