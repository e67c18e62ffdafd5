/* SPDX-License-Identifier: MIT */
/*
 * held.c - a task that ends with a lock or token in its hands is reported, and who waits for it is
 * told: a lock can never be released any more, a limiter takes its token back.
 */
#include "sync/held.h"

/* A record in the list may have been taken again by the lock that remembers it. */
static struct awl__hold *pop(awl_loop *l)
{
	struct awl__hold *h;

	while ((h = (struct awl__hold *)l->holds.free)) {
		l->holds.free = h->row.next_free;
		if (!h->task)
			return h;
	}
	return NULL;
}

/*
 * All that are free, into the list. Where they are fewer than those in use, so many fresh ones may
 * come before the next search that it is worth its steps: a constant share of each taking.
 */
static void search(awl_loop *l)
{
	uint32_t in_use = 0, free = 0;

	for (struct awl__row_block *b = l->holds.blocks; b; b = b->next)
		for (uint32_t i = 0; i < b->used; i++) {
			struct awl__hold *h = (struct awl__hold *)awl__row_at(&l->holds, b, i);

			if (h->task) {
				in_use++;
				continue;
			}
			h->row.next_free = l->holds.free;
			l->holds.free = &h->row;
			free++;
		}
	l->fresh_holds = in_use > free ? in_use - free : 0;
}

static struct awl__hold *fresh(awl_loop *l)
{
	l->holds.size = sizeof(struct awl__hold);
	return awl__rows_get_fresh(&l->holds);
}

struct awl__hold *awl__hold_get(
	awl_loop *l, struct awl__task *t, const void *object, const void *place)
{
	struct awl__hold *h = pop(l);

	if (!h && l->fresh_holds) {
		l->fresh_holds--;
		h = fresh(l);
	}
	if (!h) {
		search(l);
		h = pop(l);
	}
	if (!h && !(h = fresh(l)))
		return NULL;
	h->object = object;
	awl__hold_take(h, t, place);
	return h;
}

static bool waits_for(const struct awl__task *t, const void *object)
{
	return t->future.row.kind == AWL__TASK && awl__parked(t) &&
		(t->future.row.waits == AWL__WAITS_LOCK ||
			t->future.row.waits == AWL__WAITS_SEMAPHORE) &&
		(const void *)(uintptr_t)t->waits_on == object;
}

/* Found from the tasks, not from the object: its storage may be gone with the holder's frame. */
static int tell_waiters(awl_loop *l, const void *object)
{
	int n = 0;

	for (struct awl__row_block *b = l->tasks.blocks; b; b = b->next)
		for (uint32_t i = 0; i < b->used; i++) {
			struct awl__task *t = (struct awl__task *)awl__row_at(&l->tasks, b, i);

			if (!waits_for(t, object))
				continue;
			if (awl__list_joined(&t->ready.link))
				awl__list_remove(&t->ready.link);
			t->future.outcome = -EOWNERDEAD;
			awl__wake(t);
			n++;
		}
	return n;
}

static void orphan(struct awl__hold *h)
{
	struct awl__task *t = h->task;
	char name[96];
	int n;

	h->task = AWL__ENDED;
	n = tell_waiters(awl__task_loop(t), h->object);
	awl__report(AWL_LOG_ERROR,
		"task %s has ended with the lock or limiter's token (%p) that it took in %s; "
		"%d tasks wait for it: release it on each way out",
		awl_task_get_name(&t->future), h->object,
		h->place ? awl__place(h->place, name, sizeof name) : "a wait", n);
}

static void ends_holding(struct awl__task *t)
{
	awl_loop *l = awl__task_loop(t);

	for (struct awl__row_block *b = l->holds.blocks; b; b = b->next)
		for (uint32_t i = 0; i < b->used; i++) {
			struct awl__hold *h = (struct awl__hold *)awl__row_at(&l->holds, b, i);

			if (h->task == t)
				orphan(h);
		}
	t->holds = 0;
}

/* For the graph of waits. */
static struct awl__task *holder_of(const awl_loop *l, const void *object)
{
	for (struct awl__row_block *b = l->holds.blocks; b; b = b->next)
		for (uint32_t i = 0; i < b->used; i++) {
			struct awl__hold *h = (struct awl__hold *)awl__row_at(&l->holds, b, i);

			if (h->object == object && awl__hold_task(h))
				return h->task;
		}
	return NULL;
}

__attribute__((constructor)) static void set_hook(void)
{
	awl__task_ends_holding = ends_holding;
	awl__holder_of = holder_of;
}
