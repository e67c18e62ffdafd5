/* SPDX-License-Identifier: MIT */
/*
 * queue.c - the queue. Whoever finds the other side waiting serves it at once: a put copies
 * straight into the waiting getter's variable, a get takes the waiting putter's item in. So items
 * and getters never wait at the same time, and a woken task has nothing left to do.
 */
#include "base/alloc.h"
#include "combine/select.h"
#include "sync/items.h"

/* On the stack of a task that waits; found by its waits_on. */
struct waiter {
	awl_queue *queue;
	void *item; /* where it goes to, or comes from */
};

static int init(awl_queue *q, uint32_t size, uint32_t maxsize, uint8_t kind,
	awl_queue_compare *compare, const char *call)
{
	if (!size)
		return awl__fail(-EINVAL, "%s: item_size is 0", call);
	if (kind == AWL__PRIORITY && !compare)
		return awl__fail(-EINVAL, "%s: compare is NULL", call);
	*q = (awl_queue)AWL__QUEUE_INIT(NULL, compare, size, maxsize, 0, kind, 0);
	return 0;
}

int awl_queue_init(awl_queue *queue, uint32_t item_size, uint32_t maxsize)
{
	AWL__NOT_NULL(queue);
	return init(queue, item_size, maxsize, AWL__FIFO, NULL, __func__);
}

int awl_lifo_queue_init(awl_queue *queue, uint32_t item_size, uint32_t maxsize)
{
	AWL__NOT_NULL(queue);
	return init(queue, item_size, maxsize, AWL__LIFO, NULL, __func__);
}

int awl_priority_queue_init(
	awl_queue *queue, uint32_t item_size, uint32_t maxsize, awl_queue_compare *compare)
{
	AWL__NOT_NULL(queue);
	return init(queue, item_size, maxsize, AWL__PRIORITY, compare, __func__);
}

/* After the first use; a static initialiser cannot point to itself. */
static struct awl__list *list(struct awl__list *l)
{
	if (awl__unlikely(!l->next))
		awl__list_init(l);
	return l;
}

static bool is_full(const awl_queue *q)
{
	return q->_maxsize && q->_count >= q->_maxsize;
}

/*
 * Who has waited longest for the other side leaves the list, served: its item. NULL: nobody does.
 * Tasks wait there, and cases of awl_select, which may have been served elsewhere meanwhile.
 */
static void *serve(struct awl__list *waiters)
{
	struct awl__task *t;
	awl_case *c;

	if (!awl__serve_first(waiters, 0, &t, &c))
		return NULL;
	return c ? c->_item : ((struct waiter *)(uintptr_t)t->waits_on)->item;
}

/* All of them are told that nothing will come of it. */
static void dismiss(struct awl__list *waiters)
{
	struct awl__task *t;
	awl_case *c;

	while (awl__serve_first(waiters, AWL_ESHUTDOWN, &t, &c))
		if (!c)
			t->future.outcome = AWL_ESHUTDOWN;
}

/* 0, -EAGAIN, AWL_ESHUTDOWN, -ENOMEM. */
static inline int put(awl_queue *q, const void *item)
{
	void *taker = NULL;
	int r = 0;

	if (awl__unlikely(q->_shut))
		return AWL_ESHUTDOWN;
	if (!awl__list_empty(&q->_sync._waiters))
		taker = serve(&q->_sync._waiters);
	if (taker)
		awl__item_copy(taker, item, q->_item_size);
	else if (is_full(q))
		return -EAGAIN;
	else
		r = awl__items_put(q, item);
	q->_unfinished += r == 0;
	return r;
}

static inline int get(awl_queue *q, void *item)
{
	const void *next = NULL;

	if (!q->_count)
		return q->_shut ? AWL_ESHUTDOWN : -EAGAIN;
	awl__items_take(q, item);
	if (!awl__list_empty(list(&q->_putters)))
		next = serve(&q->_putters);
	if (next) {
		awl__items_put(q, next); /* where the other was */
		q->_unfinished++;
	}
	return 0;
}

/* Until it is served, or has to look again. */
static int wait(
	awl_queue *q, struct awl__task *t, struct awl__list *waiters, void *item, const void *place)
{
	struct waiter w = { q, item };
	int r = awl__sync_wait(t, &q->_sync, waiters, AWL__WAITS_QUEUE, &w, place);

	return r == 0 ? t->future.outcome : r;
}

/* Who finds all it wants lets the others run once in a while. */
static inline void spend(struct awl__task *t)
{
	if (awl__unlikely(--awl__task_loop(t)->budget <= 0))
		awl__task_pause(t);
}

static AWL__NOINLINE int put_or_wait(
	awl_queue *q, struct awl__task *t, const void *item, const void *place)
{
	int r;

	while ((r = put(q, item)) == -EAGAIN) {
		r = wait(q, t, list(&q->_putters), (void *)(uintptr_t)item, place);
		if (r != AWL__LOOK_AGAIN)
			return r;
	}
	if (r == 0)
		spend(t);
	return r;
}

static AWL__NOINLINE int get_or_wait(
	awl_queue *q, struct awl__task *t, void *item, const void *place)
{
	int r;

	while ((r = get(q, item)) == -EAGAIN) {
		r = wait(q, t, &q->_sync._waiters, item, place);
		if (r != AWL__LOOK_AGAIN)
			return r;
	}
	if (r == 0)
		spend(t);
	return r;
}

/* The task is within a scope, or asked something, or refused. */
static AWL__NOINLINE int put_asked(
	awl_queue *q, const void *item, const void *frame, const void *place)
{
	static struct awl__call call = { "awl_queue_put", "awl_run_coroutine_threadsafe", 0, 0 };
	struct awl__task *t;
	int r = awl__sync_begin(&q->_sync, &call, frame, &t);

	return r < 0 ? r : put_or_wait(q, t, item, place);
}

static AWL__NOINLINE int get_asked(awl_queue *q, void *item, const void *frame, const void *place)
{
	static struct awl__call call = { "awl_queue_get", "awl_run_coroutine_threadsafe", 0, 0 };
	struct awl__task *t;
	int r = awl__sync_begin(&q->_sync, &call, frame, &t);

	return r < 0 ? r : get_or_wait(q, t, item, place);
}

/*
 * Nobody on the other side waits, and this task need not yield: of most calls of a stream that is
 * all there is to know.
 */
static inline bool is_plain(
	const awl_queue *q, const struct awl__list *others, const struct awl__task *t)
{
	return others->next == others && awl__task_loop(t)->budget > 1 && q->_kind != AWL__PRIORITY;
}

int awl_queue_put(awl_queue *queue, const void *item)
{
	const void *frame = __builtin_frame_address(0), *place = __builtin_return_address(0);
	struct awl__task *t;

	AWL__NOT_NULL(queue);
	AWL__NOT_NULL(item);
	t = awl__sync_unasked(&queue->_sync);
	if (awl__unlikely(!t))
		return put_asked(queue, item, frame, place);
	if (!is_plain(queue, &queue->_sync._waiters, t) || queue->_shut ||
		queue->_count == queue->_room)
		return put_or_wait(queue, t, item, place);
	awl__task_loop(t)->budget--;
	queue->_unfinished++;
	awl__ring_put(queue, item);
	return 0;
}

int awl_queue_get(awl_queue *queue, void *item)
{
	const void *frame = __builtin_frame_address(0), *place = __builtin_return_address(0);
	struct awl__task *t;

	AWL__NOT_NULL(queue);
	AWL__NOT_NULL(item);
	t = awl__sync_unasked(&queue->_sync);
	if (awl__unlikely(!t))
		return get_asked(queue, item, frame, place);
	if (!queue->_count || !is_plain(queue, &queue->_putters, t))
		return get_or_wait(queue, t, item, place);
	awl__task_loop(t)->budget--;
	awl__ring_take(queue, item);
	return 0;
}

int awl_queue_put_nowait(awl_queue *queue, const void *item)
{
	AWL__NOT_NULL(item);
	AWL__SYNC(queue, l, AWL__BY_CALLBACK);
	return put(queue, item);
}

int awl_queue_get_nowait(awl_queue *queue, void *item)
{
	AWL__NOT_NULL(item);
	AWL__SYNC(queue, l, AWL__BY_CALLBACK);
	return get(queue, item);
}

/* as cases of awl_select */

static int enter(awl_case *c)
{
	static struct awl__call call = { "awl_select", "awl_run_coroutine_threadsafe", 0, 0 };
	struct awl__task *t;

	return awl__sync_enter_task(&((awl_queue *)c->_object)->_sync, &call, &t);
}

/* For a select, that it was shut down is an outcome as another. */
static int settle(awl_case *c, int r)
{
	if (r != 0 && r != AWL_ESHUTDOWN)
		return r == -EAGAIN ? 0 : r;
	c->_result = r;
	return 1;
}

static int poll_get(awl_case *c)
{
	int r = enter(c);

	return r < 0 ? r : settle(c, get(c->_object, c->_item));
}

static int poll_put(awl_case *c)
{
	int r = enter(c);

	return r < 0 ? r : settle(c, put(c->_object, c->_item));
}

static int attach_get(awl_case *c)
{
	awl__case_push(&((awl_queue *)c->_object)->_sync._waiters, c);
	return 0;
}

static int attach_put(awl_case *c)
{
	awl__case_push(list(&((awl_queue *)c->_object)->_putters), c);
	return 0;
}

static const struct awl__source get_source = { .poll = poll_get, .attach = attach_get };
static const struct awl__source put_source = { .poll = poll_put, .attach = attach_put };

awl_case awl_queue_case_get(awl_queue *queue, void *item)
{
	return (awl_case){
		._source = queue && item ? &get_source : NULL, ._object = queue, ._item = item
	};
}

awl_case awl_queue_case_put(awl_queue *queue, const void *item)
{
	return (awl_case){ ._source = queue && item ? &put_source : NULL,
		._object = queue,
		._item = (void *)(uintptr_t)item };
}

/* what was got, and worked off */

static void finish(awl_queue *q, awl_loop *l, uint64_t n)
{
	q->_unfinished -= n;
	if (!q->_unfinished)
		awl__sync_wake_all(l, list(&q->_joiners), 0);
}

int awl_queue_task_done(awl_queue *queue)
{
	AWL__SYNC(queue, l, AWL__BY_CALLBACK);
	if (!queue->_unfinished)
		return awl__fail(-EINVAL, "%s: called more often than items were put", __func__);
	finish(queue, l, 1);
	return 0;
}

int awl_queue_join(awl_queue *queue)
{
	const void *place = __builtin_return_address(0);
	int r = AWL__LOOK_AGAIN;

	AWL__SYNC_TASK(queue, t);
	while (r == AWL__LOOK_AGAIN && queue->_unfinished)
		r = wait(queue, t, list(&queue->_joiners), NULL, place);
	return r < 0 ? r : 0;
}

static void shut(awl_queue *q, awl_loop *l, bool immediate)
{
	q->_shut = 1;
	dismiss(list(&q->_putters));
	if (immediate) {
		uint64_t dropped = q->_count;

		q->_count = q->_first = 0;
		finish(q, l, dropped);
	}
	/* Getters wait only while it is empty. */
	dismiss(&q->_sync._waiters);
}

int awl_queue_shutdown(awl_queue *queue, int immediate)
{
	AWL__SYNC(queue, l, AWL__BY_CALLBACK);
	shut(queue, l, immediate);
	return 0;
}

int awl_queue_open(awl_queue *queue)
{
	AWL__SYNC(queue, l, AWL__BY_CALLBACK);
	if (queue->_shut)
		return AWL_ESHUTDOWN;
	queue->_producers++;
	return 0;
}

int awl_queue_close(awl_queue *queue)
{
	AWL__SYNC(queue, l, AWL__BY_CALLBACK);
	if (!queue->_producers)
		return awl__fail(-EINVAL, "%s: closed more often than opened", __func__);
	if (--queue->_producers == 0)
		shut(queue, l, false);
	return 0;
}

int64_t awl_queue_qsize(awl_queue *queue)
{
	AWL__SYNC(queue, l, AWL__BY_CALLBACK);
	return queue->_count;
}

int64_t awl_queue_maxsize(awl_queue *queue)
{
	AWL__SYNC(queue, l, AWL__BY_CALLBACK);
	return queue->_maxsize;
}

int awl_queue_empty(awl_queue *queue)
{
	AWL__SYNC(queue, l, AWL__BY_CALLBACK);
	return queue->_count == 0;
}

int awl_queue_full(awl_queue *queue)
{
	AWL__SYNC(queue, l, AWL__BY_CALLBACK);
	return is_full(queue);
}

static void release_items(awl_queue *q)
{
	if (!q->_lent)
		awl__free(q->_items);
	q->_items = NULL;
	q->_count = q->_room = q->_first = 0;
}

static int destroy(awl_queue *q, const char *call)
{
	bool busy = !awl__list_empty(list(&q->_putters)) || !awl__list_empty(list(&q->_joiners));
	int r = awl__sync_destroy(&q->_sync, busy, call);

	if (r == 0)
		release_items(q);
	return r;
}

int awl_queue_destroy(awl_queue *queue)
{
	AWL__NOT_NULL(queue);
	if (awl__sync_orphaned(&queue->_sync)) {
		queue->_sync._home = AWL__SYNC_GONE;
		release_items(queue);
		return 0;
	}
	AWL__SYNC(queue, l, AWL__BY_CALLBACK);
	return destroy(queue, __func__);
}
