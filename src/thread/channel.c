/* SPDX-License-Identifier: MIT */
/*
 * channel.c - a ring under a lock, and two queues of those who wait.
 *
 * Under the lock holds: while receivers wait the ring is empty, while senders wait it is full. Who
 * brings or takes an item serves the first of the other side there and then: its item is copied,
 * its record leaves the queue with an outcome. Whether it was served or gave up is decided by who
 * has the lock first, and by nothing else.
 *
 * The record lies on the waiter's stack. A task that was served stays parked until the parcel in
 * its record has come out of its loop's inbox: until then the record is not its own. A thread is
 * told by a latch, and may go when it sees it open.
 */
#include "base/alloc.h"
#include "base/clock.h"
#include "task/task.h"
#include "thread/latch.h"

#include <awl/channel.h>

#include <pthread.h>
#include <string.h>

struct awl_channel {
	pthread_mutex_t lock;
	_Atomic uint32_t refs;
	uint64_t process;
	size_t item_size, capacity;
	size_t first, count; /* of the ring */
	bool closed;
	struct awl__list senders, receivers;
	_Alignas(16) unsigned char ring[];
};

struct waiter {
	struct awl__list link; /* with the others; the channel's lock's, as are the next two */
	bool served;
	int outcome;
	unsigned char *item; /* to copy from, or to */
	awl_loop *loop; /* the task's; NULL: a thread */
	struct awl__parcel parcel; /* who serves a task sends it */
	struct awl__list parked; /* the task; its loop's thread's, as is `told` */
	bool told;
	struct awl__latch latch; /* who serves a thread opens it */
};

int awl_channel_new(size_t item_size, size_t capacity, awl_channel **ret)
{
	uint64_t process = awl__process_make();
	awl_channel *ch;
	size_t size;

	AWL__NOT_NULL(ret);
	if (!item_size || !capacity)
		return awl__fail(-EINVAL, "awl_channel_new: item_size and capacity are 1 at least");
	if (!process || __builtin_mul_overflow(item_size, capacity, &size) ||
		__builtin_add_overflow(size, sizeof *ch, &size) || !(ch = awl__alloc(size)))
		return -ENOMEM;
	*ch = (awl_channel){ .process = process, .item_size = item_size, .capacity = capacity };
	atomic_init(&ch->refs, 1);
	pthread_mutex_init(&ch->lock, NULL);
	awl__list_init(&ch->senders);
	awl__list_init(&ch->receivers);
	*ret = ch;
	return 0;
}

awl_channel *awl_channel_ref(awl_channel *channel)
{
	if (channel)
		awl__add(&channel->refs, 1);
	return channel;
}

void awl_channel_unref(awl_channel *channel)
{
	if (!channel || awl__sub_acq_rel(&channel->refs, 1) != 1)
		return;
	assert(awl__list_empty(&channel->senders) && awl__list_empty(&channel->receivers));
	pthread_mutex_destroy(&channel->lock);
	awl__free(channel);
}

/* --- serving
 * ----------------------------------------------------------------------------------- */

static struct waiter *first_of(struct awl__list *queue)
{
	struct awl__list *node = awl__list_pop(queue);

	return node ? awl__container(node, struct waiter, link) : NULL;
}

/* With the lock held: from here on its owner cannot give up, nor go before it is told. */
static void serve(struct waiter *w, int outcome)
{
	w->served = true;
	w->outcome = outcome;
}

static void open_served(awl_loop *l, struct awl__parcel *p)
{
	struct waiter *w = awl__container(p, struct waiter, parcel);

	(void)l;
	w->told = true;
	awl__wake_first(&w->parked);
}

/* Without the lock. As soon as it is told, the record is gone, and perhaps its loop. */
static void tell(struct waiter *w)
{
	awl_loop *l;
	int r;

	if (!w)
		return;
	if (!w->loop) {
		awl__latch_open(&w->latch);
		return;
	}
	l = awl_loop_ref(w->loop);
	w->parcel.open = open_served;
	r = awl__inbox_push(&l->inbox, &w->parcel);
	assert(r >= 0); /* a loop does not close over a task that has not ended */
	if (r == 1)
		awl__reactor_wake(l->reactor);
	awl_loop_unref(l);
}

static unsigned char *slot(awl_channel *ch, size_t n)
{
	size_t i = ch->first + n;

	return ch->ring + (i < ch->capacity ? i : i - ch->capacity) * ch->item_size;
}

static void push(awl_channel *ch, const void *item)
{
	memcpy(slot(ch, ch->count++), item, ch->item_size);
}

static void pop(awl_channel *ch, void *item)
{
	memcpy(item, slot(ch, 0), ch->item_size);
	ch->first = ch->first + 1 < ch->capacity ? ch->first + 1 : 0;
	ch->count--;
}

/* With the lock held: 0, AWL_ESHUTDOWN or -EAGAIN; *served, if any, is to be told without it. */
static int send_now(awl_channel *ch, const void *item, struct waiter **served)
{
	*served = NULL;
	if (ch->closed)
		return AWL_ESHUTDOWN;
	if ((*served = first_of(&ch->receivers))) {
		memcpy((*served)->item, item, ch->item_size);
		serve(*served, 0);
		return 0;
	}
	if (ch->count == ch->capacity)
		return -EAGAIN;
	push(ch, item);
	return 0;
}

static int recv_now(awl_channel *ch, void *item, struct waiter **served)
{
	*served = NULL;
	if (ch->count == 0)
		return ch->closed ? AWL_ESHUTDOWN : -EAGAIN;
	pop(ch, item);
	if ((*served = first_of(&ch->senders))) {
		push(ch, (*served)->item);
		serve(*served, 0);
	}
	return 0;
}

/* --- the two sides, three ways each
 * ------------------------------------------------------------ */

struct side {
	int (*now)(awl_channel *ch, void *item, struct waiter **served);
	size_t queue; /* where in the channel those of this side wait */
};

static int send_item(awl_channel *ch, void *item, struct waiter **served)
{
	return send_now(ch, item, served);
}

static const struct side sending = { send_item, offsetof(awl_channel, senders) };
static const struct side receiving = { recv_now, offsetof(awl_channel, receivers) };

static int check(awl_channel *ch, const void *item, const char *call)
{
	if (!ch || !item)
		return awl__fail(-EINVAL, "%s: %s is NULL", call, ch ? "item" : "channel");
	if (ch->process != awl__process())
		return awl__fail(AWL_EFORK,
			"%s: this channel was made before fork; a child makes its own", call);
	return 0;
}

/* At once, or -EAGAIN: then w, if there is one, waits in line. */
static int go(awl_channel *ch, const struct side *side, void *item, struct waiter *w)
{
	struct waiter *served;
	int r;

	pthread_mutex_lock(&ch->lock);
	r = side->now(ch, item, &served);
	if (r == -EAGAIN && w) {
		w->item = item;
		awl__list_push((struct awl__list *)((char *)ch + side->queue), &w->link);
	}
	pthread_mutex_unlock(&ch->lock);
	tell(served);
	return r;
}

static int wait_in_task(awl_channel *ch, struct awl__task *t, struct waiter *w)
{
	for (;;) {
		int r = 0;

		awl__list_push(&w->parked, &t->ready.link);
		if (awl__park(t, AWL__WAITS_CHANNEL, (uintptr_t)ch, INT64_MAX) || w->told)
			return w->outcome;
		pthread_mutex_lock(&ch->lock);
		if (!w->served && (r = awl__deliver(t)) < 0)
			awl__list_remove(&w->link);
		pthread_mutex_unlock(&ch->lock);
		if (r < 0)
			return r;
	}
}

static int in_task(awl_channel *ch, const struct side *side, void *item, const char *call)
{
	struct awl__task *t;
	struct waiter w;
	awl_loop *l;
	int r = check(ch, item, call);

	if (r < 0 || (r = awl__self_begin(&t, call)) < 0)
		return r;
	l = awl__task_loop(t);
	w = (struct waiter){ .loop = l };
	awl__list_init(&w.parked);
	r = go(ch, side, item, &w);
	if (r == -EAGAIN)
		return wait_in_task(ch, t, &w);
	if (--l->budget <= 0)
		awl__task_pause(t);
	return r;
}

static int in_thread(
	awl_channel *ch, const struct side *side, void *item, int64_t timeout, const char *call)
{
	struct waiter w = { .loop = NULL };
	int r = check(ch, item, call);
	bool gave_up;

	if (r < 0)
		return r;
	if (awl__thread->running)
		return awl__fail(AWL_EDEADLK,
			"%s: the loop that runs in this thread would stand still; call it without "
			"_blocking, in a task",
			call);
	r = go(ch, side, item, &w);
	if (r != -EAGAIN)
		return r;
	if (timeout > 0 && awl__latch_wait(&w.latch, awl__clock_after(awl__clock_now(), timeout)))
		return w.outcome;
	pthread_mutex_lock(&ch->lock);
	gave_up = !w.served;
	if (gave_up)
		awl__list_remove(&w.link);
	pthread_mutex_unlock(&ch->lock);
	if (gave_up)
		return -ETIMEDOUT;
	awl__latch_wait(&w.latch, INT64_MAX); /* who served it is about to open it */
	return w.outcome;
}

/* A sender's item is only read. */
static void *readable(const void *item)
{
	return (void *)(uintptr_t)item;
}

int awl_channel_send(awl_channel *channel, const void *item)
{
	return in_task(channel, &sending, readable(item), __func__);
}

int awl_channel_recv(awl_channel *channel, void *item)
{
	return in_task(channel, &receiving, item, __func__);
}

int awl_channel_send_blocking(awl_channel *channel, const void *item, int64_t timeout)
{
	return in_thread(channel, &sending, readable(item), timeout, __func__);
}

int awl_channel_recv_blocking(awl_channel *channel, void *item, int64_t timeout)
{
	return in_thread(channel, &receiving, item, timeout, __func__);
}

int awl_channel_try_send(awl_channel *channel, const void *item)
{
	int r = check(channel, item, __func__);

	return r < 0 ? r : go(channel, &sending, readable(item), NULL);
}

int awl_channel_try_recv(awl_channel *channel, void *item)
{
	int r = check(channel, item, __func__);

	return r < 0 ? r : go(channel, &receiving, item, NULL);
}

int awl_channel_close(awl_channel *channel)
{
	struct awl__list turned_away, *node;
	int r = check(channel, channel, __func__);

	if (r < 0)
		return r;
	awl__list_init(&turned_away);
	pthread_mutex_lock(&channel->lock);
	channel->closed = true;
	/* Only one side waits, and receivers only where nothing is inside. */
	awl__list_splice(&turned_away, &channel->senders);
	awl__list_splice(&turned_away, &channel->receivers);
	awl__list_each (each, &turned_away)
		serve(awl__container(each, struct waiter, link), AWL_ESHUTDOWN);
	pthread_mutex_unlock(&channel->lock);
	while ((node = awl__list_pop(&turned_away)))
		tell(awl__container(node, struct waiter, link));
	return 0;
}

int awl_channel_size(awl_channel *channel)
{
	int n, r = check(channel, channel, __func__);

	if (r < 0)
		return r;
	pthread_mutex_lock(&channel->lock);
	n = channel->count > INT32_MAX ? INT32_MAX : (int)channel->count;
	pthread_mutex_unlock(&channel->lock);
	return n;
}
