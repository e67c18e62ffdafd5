/* SPDX-License-Identifier: MIT */
/*
 * queue.h - queues of fixed-size items between the tasks of one loop, and two relatives: the latest
 * value (watch), and every value for everybody (broadcast).
 *
 * Items are copied in and out. The rules of sync.h hold: caller storage, bound to the loop of the
 * first use, what is given is handed over. An item that was put while a task waited is already that
 * task's; a cancel that comes later is told by its next wait. So no item is lost, and an item whose
 * put was cancelled is not in the queue.
 */
#ifndef AWL_QUEUE_H
#define AWL_QUEUE_H

#include <awl/combine.h>
#include <awl/sync.h>

AWL__BEGIN

/* < 0: a goes before b; 0: the one that came first does. */
typedef int awl_queue_compare(const void *a, const void *b);

typedef struct awl_queue {
	struct awl__sync _sync; /* who waits for an item */
	struct awl__list _putters, _joiners;
	unsigned char *_items;
	awl_queue_compare *_compare;
	uint32_t _item_size, _maxsize;
	uint32_t _room, _first, _count; /* in slots */
	uint32_t _producers;
	uint64_t _unfinished;
	uint64_t _arrived;
	uint32_t _kind;
	unsigned char _shut, _lent, _unused[2];
	uint64_t _spare[4];
} awl_queue;

#define AWL__QUEUE_INIT(items, compare, size, maxsize, room, kind, lent) \
	{ \
		AWL__SYNC_INIT, { NULL, NULL }, { NULL, NULL }, (unsigned char *)(items), \
			(compare), (uint32_t)(size), (uint32_t)(maxsize), (uint32_t)(room), 0, 0, \
			0, 0, 0, (kind), 0, (lent), { 0, 0 }, \
		{ \
			0, 0, 0, 0 \
		} \
	}
/* Of items of that many bytes, at most `maxsize` of them; 0: no bound. Memory comes with the items
 * and goes with awl_queue_destroy. asyncio: Q1. */
#define AWL_QUEUE_INIT(item_size, maxsize) AWL__QUEUE_INIT(NULL, NULL, item_size, maxsize, 0, 0, 0)

/* Over an array of the caller's, which bounds it; nothing is ever allocated. */
#define AWL_QUEUE_OVER(array) \
	AWL__QUEUE_INIT(array, NULL, sizeof *(array), sizeof(array) / sizeof *(array), \
		sizeof(array) / sizeof *(array), 0, 1)

/* First in first out, last in first out, or by priority and first in first out among equals.
 * -EINVAL: item_size 0, or without a compare. asyncio: Q1, Q6. */
AWL_ANY_THREAD int awl_queue_init(awl_queue *queue, uint32_t item_size, uint32_t maxsize);
AWL_ANY_THREAD int awl_lifo_queue_init(awl_queue *queue, uint32_t item_size, uint32_t maxsize);
AWL_ANY_THREAD int awl_priority_queue_init(
	awl_queue *queue, uint32_t item_size, uint32_t maxsize, awl_queue_compare *compare);

/*
 * Copies the item in, once there is room; or out, once there is one. 0; AWL_ECANCELED;
 * AWL_ESHUTDOWN: it was shut down, for a get: and is empty; -ENOMEM. nowait: -EAGAIN where it is
 * full, or empty. asyncio: Q2, Q3, Q5.
 */
AWL_MUST AWL_TASK int awl_queue_put(awl_queue *queue, const void *item);
AWL_MUST AWL_TASK int awl_queue_get(awl_queue *queue, void *item);
AWL_MUST AWL_LOOP_THREAD int awl_queue_put_nowait(awl_queue *queue, const void *item);
AWL_MUST AWL_LOOP_THREAD int awl_queue_get_nowait(awl_queue *queue, void *item);

/* The same as cases of awl_select; the result is 0 or AWL_ESHUTDOWN. */
AWL_ANY_THREAD awl_case awl_queue_case_put(awl_queue *queue, const void *item);
AWL_ANY_THREAD awl_case awl_queue_case_get(awl_queue *queue, void *item);

/* One item that was got is worked off; -EINVAL: more than were put. join: waits until all are.
 * asyncio: Q4. */
AWL_LOOP_THREAD int awl_queue_task_done(awl_queue *queue);
AWL_MUST AWL_TASK int awl_queue_join(awl_queue *queue);

/* No more puts; gets take what is there and then get AWL_ESHUTDOWN, at once if `immediate`, which
 * drops the items and counts them as done. asyncio: Q5. */
AWL_LOOP_THREAD int awl_queue_shutdown(awl_queue *queue, int immediate);

/*
 * Counts a producer in and out, where there are several: each opens the queue before its first put
 * and closes it after its last; the last close shuts it down, so that its readers take what is
 * there and end. -EINVAL: closed more often than opened. asyncio has none: Q7.
 */
AWL_LOOP_THREAD int awl_queue_open(awl_queue *queue);
AWL_LOOP_THREAD int awl_queue_close(awl_queue *queue);

/* How many items are inside, how many may be; whether there are none, or no room. asyncio: qsize,
 * maxsize, empty, full. */
AWL_LOOP_THREAD int64_t awl_queue_qsize(awl_queue *queue);
AWL_LOOP_THREAD int64_t awl_queue_maxsize(awl_queue *queue);
AWL_LOOP_THREAD int awl_queue_empty(awl_queue *queue);
AWL_LOOP_THREAD int awl_queue_full(awl_queue *queue);

/* Frees its memory, with the items. -EBUSY while tasks wait. */
AWL_LOOP_THREAD int awl_queue_destroy(awl_queue *queue);

/*
 * A watch: a variable of the caller's that tasks can wait for changes of. Who is slow sees the
 * latest value and none of those between.
 */
typedef struct awl_watch {
	struct awl__sync _sync;
	void *_value;
	size_t _size;
	uint64_t _version;
	int _shut;
	uint64_t _spare[2];
} awl_watch;
#define AWL_WATCH_OVER(variable) \
	{ \
		AWL__SYNC_INIT, (variable), sizeof *(variable), 1, 0, \
		{ \
			0, 0 \
		} \
	}
/* Makes the storage a watch of that variable, as AWL_WATCH_OVER does. */
AWL_ANY_THREAD int awl_watch_init(awl_watch *watch, void *variable, size_t size);

/* Copies a value in and makes all who wait ready. AWL_ESHUTDOWN. */
AWL_LOOP_THREAD int awl_watch_set(awl_watch *watch, const void *value);

/* Copies the value out: now; or once its version is not *seen, which becomes its version. Begin
 * with 0 to get the first at once. AWL_ESHUTDOWN: shut down, and *seen was the last. */
AWL_LOOP_THREAD int awl_watch_get(awl_watch *watch, void *value);
AWL_MUST AWL_TASK int awl_watch_changed(awl_watch *watch, uint64_t *seen, void *value);
AWL_LOOP_THREAD int awl_watch_shutdown(awl_watch *watch);
AWL_LOOP_THREAD int awl_watch_destroy(awl_watch *watch);

/*
 * A broadcast: every subscriber gets every item sent since it subscribed. Sending never waits: the
 * last items are kept in an array of the caller's, and who is slower than that is told how many it
 * missed.
 */
typedef struct awl_broadcast {
	struct awl__sync _sync;
	unsigned char *_items;
	size_t _item_size, _room;
	uint64_t _sent;
	int _shut;
	uint64_t _spare[2];
} awl_broadcast;
#define AWL_BROADCAST_OVER(array) \
	{ \
		AWL__SYNC_INIT, (unsigned char *)(array), sizeof *(array), \
			sizeof(array) / sizeof *(array), 0, 0, \
		{ \
			0, 0 \
		} \
	}
/* Makes the storage a broadcast that keeps the last `room` items in that array. */
AWL_ANY_THREAD int awl_broadcast_init(
	awl_broadcast *broadcast, void *array, size_t item_size, size_t room);
AWL_LOOP_THREAD int awl_broadcast_send(awl_broadcast *broadcast, const void *item);
AWL_LOOP_THREAD int awl_broadcast_shutdown(awl_broadcast *broadcast);
AWL_LOOP_THREAD int awl_broadcast_destroy(awl_broadcast *broadcast);

/* Where a reader is; there is nothing to give back. */
typedef struct awl_subscriber {
	awl_broadcast *_broadcast;
	uint64_t _next;
	uint64_t _spare[2];
} awl_subscriber;
AWL_LOOP_THREAD int awl_broadcast_subscribe(awl_broadcast *broadcast, awl_subscriber *subscriber);

/* The next item: how many were missed before it, 0 in good times. nowait: -EAGAIN. AWL_ESHUTDOWN
 * after the last. */
AWL_MUST AWL_TASK int awl_subscriber_get(awl_subscriber *subscriber, void *item);
AWL_MUST AWL_LOOP_THREAD int awl_subscriber_get_nowait(awl_subscriber *subscriber, void *item);

AWL__END

#endif
