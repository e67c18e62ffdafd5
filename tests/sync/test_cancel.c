/* SPDX-License-Identifier: MIT */
/*
 * test_cancel.c - each wait of this room, cancelled at its beginning, while it waits, and with what
 * it waits for just given: who has it keeps it and is told at its next wait, who has left has taken
 * nothing, and the next in the queue is served. By awl_cancel, and by a scope.
 * @reactors @valgrind
 */
#include "sync.h"

enum outcome { STILL, GOT, TOLD, STOPPED }; /* TOLD: got it, and was told at its next wait */

static struct waiter {
	awl_task *task;
	awl_timeout limit;
	bool scoped; /* asked by its timeout */
	int64_t time;
	enum outcome outcome;
	int place; /* who got it: the first, the second; 0: did not */
	int item; /* of a queue */
	uint64_t seen; /* of a watch */
	awl_subscriber subscriber;
} first, second;

static int gots, given;
static bool go_on; /* who has a lock or token may give it back */

static awl_lock lock;
static awl_condition condition;
static awl_semaphore semaphore;
static awl_limiter limiter;
static awl_barrier barrier;
static awl_event event;
static awl_queue queue, other;
static awl_watch watch;
static awl_broadcast broadcast;
static int tokens, variable, ring[4];

/* A wait: how it begins, is made and is ended; what is given back, and what is left over. */
struct kind {
	const char *name;
	void (*fresh)(void);
	int (*wait)(struct waiter *w);
	void (*give)(void);
	void (*then)(void); /* before who has it may go on: the rest of a give. Or NULL */
	void (*put_back)(int r);
	int (*left)(void); /* of what was given; NULL: it is not counted */
	bool all; /* what is given is everybody's */
};

/* --- locks: a give is a release by who has it --- */

static void fresh_lock(void)
{
	awl_lock_init(&lock);
	assert_int_equal(awl_lock_acquire(&lock), 0);
}

static int wait_lock(struct waiter *w)
{
	return awl_lock_acquire(&lock);
}

static void give_lock(void)
{
	if (awl_lock_holder(&lock) == awl_current_task())
		assert_int_equal(awl_lock_release(&lock), 0);
}

static void put_back_lock(int r)
{
	if (r == 0)
		assert_int_equal(awl_lock_release(&lock), 0);
}

static void fresh_limiter(void)
{
	awl_limiter_init(&limiter, 1);
	assert_int_equal(awl_limiter_acquire(&limiter), 0);
}

static int wait_limiter(struct waiter *w)
{
	return awl_limiter_acquire(&limiter);
}

static void give_limiter(void)
{
	int r = awl_limiter_release(&limiter);

	assert_true(r == 0 || r == -EPERM);
}

static void put_back_limiter(int r)
{
	if (r == 0)
		assert_int_equal(awl_limiter_release(&limiter), 0);
}

/* --- a condition: its waits return with the lock, however they went --- */

static void fresh_condition(void)
{
	awl_condition_init(&condition, NULL);
	tokens = 0;
}

static int has_tokens(void *arg)
{
	return tokens;
}

static int wait_condition(struct waiter *w)
{
	int r = awl_condition_acquire(&condition);

	return r < 0 ? r : awl_condition_wait(&condition);
}

static int wait_condition_for(struct waiter *w)
{
	int r = awl_condition_acquire(&condition);

	if (r == 0)
		r = awl_condition_wait_for(&condition, has_tokens, NULL);
	tokens -= r > 0;
	return r < 0 ? r : 0;
}

static void give_condition(void)
{
	assert_int_equal(awl_condition_acquire(&condition), 0);
	tokens++;
	given++;
	assert_true(awl_condition_notify(&condition, 1) >= 0);
	assert_int_equal(awl_condition_release(&condition), 0);
}

/* The lock is kept: who is notified waits for that, its second await. */
static void notify_condition(void)
{
	if (awl_lock_holder(&condition._own) != awl_current_task())
		assert_int_equal(awl_condition_acquire(&condition), 0);
	assert_true(awl_condition_notify(&condition, 1) >= 0);
}

static void release_condition(void)
{
	if (awl_lock_holder(&condition._own) == awl_current_task())
		assert_int_equal(awl_condition_release(&condition), 0);
}

static void put_back_condition(int r)
{
	if (awl_condition_locked(&condition) == 1)
		(void)!awl_condition_release(&condition); /* -EPERM: stopped at its acquire */
}

static int left_tokens(void)
{
	return tokens;
}

/* --- a semaphore, and queues: a give is a token, an item, a place --- */

static void fresh_semaphore(void)
{
	awl_semaphore_init(&semaphore, 0);
}

static int wait_semaphore(struct waiter *w)
{
	return awl_semaphore_acquire(&semaphore);
}

static void give_semaphore(void)
{
	assert_int_equal(awl_semaphore_release(&semaphore), 0);
	given++;
}

static int left_semaphore(void)
{
	return awl_semaphore_value(&semaphore);
}

static void fresh_queue(void)
{
	awl_queue_init(&queue, sizeof(int), 4);
	awl_queue_init(&other, sizeof(int), 4);
}

static int wait_get(struct waiter *w)
{
	return awl_queue_get(&queue, &w->item);
}

static int wait_select(struct waiter *w)
{
	awl_case cases[] = { awl_queue_case_get(&other, &w->item),
		awl_queue_case_get(&queue, &w->item) };
	int r = awl_select(cases, 2, NULL);

	return r < 0 ? r : 0;
}

static void give_item(void)
{
	assert_int_equal(awl_queue_put_nowait(&queue, &given), 0);
	given++;
}

static int left_items(void)
{
	return (int)awl_queue_qsize(&queue);
}

static void fresh_full_queue(void)
{
	int item = -1;

	awl_queue_init(&queue, sizeof item, 1);
	assert_int_equal(awl_queue_put(&queue, &item), 0);
}

static int wait_put(struct waiter *w)
{
	return awl_queue_put(&queue, &w->item);
}

static int wait_select_put(struct waiter *w)
{
	awl_case c = awl_queue_case_put(&queue, &w->item);
	int r = awl_select(&c, 1, NULL);

	return r < 0 ? r : 0;
}

static void give_place(void)
{
	int item;

	given += awl_queue_get_nowait(&queue, &item) == 0;
}

/* One item was there before. */
static int left_places(void)
{
	return 1 - (int)awl_queue_qsize(&queue);
}

/* --- what everybody waits for --- */

static void fresh_event(void)
{
	awl_event_init(&event);
}

static int wait_event(struct waiter *w)
{
	return awl_event_wait(&event);
}

static void give_event(void)
{
	assert_int_equal(awl_event_set(&event), 0);
}

static void fresh_unfinished(void)
{
	int item = 0;

	awl_queue_init(&queue, sizeof item, 0);
	assert_int_equal(awl_queue_put(&queue, &item), 0);
	assert_int_equal(awl_queue_get(&queue, &item), 0);
}

static int wait_join(struct waiter *w)
{
	return awl_queue_join(&queue);
}

static void give_done(void)
{
	(void)!awl_queue_task_done(&queue); /* -EINVAL: all is done */
}

static void fresh_watch(void)
{
	awl_watch_init(&watch, &variable, sizeof variable);
	first.seen = second.seen = 1;
}

static int wait_watch(struct waiter *w)
{
	return awl_watch_changed(&watch, &w->seen, &w->item);
}

static void give_watch(void)
{
	int value = 7;

	assert_int_equal(awl_watch_set(&watch, &value), 0);
}

static void fresh_broadcast(void)
{
	awl_broadcast_init(&broadcast, ring, sizeof *ring, COUNT(ring));
	assert_int_equal(awl_broadcast_subscribe(&broadcast, &first.subscriber), 0);
	assert_int_equal(awl_broadcast_subscribe(&broadcast, &second.subscriber), 0);
}

static int wait_broadcast(struct waiter *w)
{
	return awl_subscriber_get(&w->subscriber, &w->item);
}

static void give_broadcast(void)
{
	int item = 7;

	assert_int_equal(awl_broadcast_send(&broadcast, &item), 0);
}

static void fresh_barrier(void)
{
	awl_barrier_init(&barrier, 3);
}

static int wait_barrier(struct waiter *w)
{
	int r = awl_barrier_wait(&barrier);

	return r < 0 ? r : 0;
}

static int fill(void *arg)
{
	int r = awl_barrier_wait(&barrier);

	return r < 0 && r != AWL_EBROKEN ? r : 0;
}

/* The last comes, at once; or as many as are missing. */
static void give_barrier(void)
{
	int missing = 3 - awl_barrier_n_waiting(&barrier);

	if (missing == 1)
		assert_int_equal(awl_barrier_wait(&barrier), 2);
	else
		for (int i = 0; i < missing; i++)
			assert_int_equal(awl_create_task(fill, NULL, NULL), 0);
}

static void fresh_breaking(void)
{
	awl_barrier_init(&barrier, 3);
}

static int wait_broken(struct waiter *w)
{
	int r = awl_barrier_wait(&barrier);

	return r == AWL_EBROKEN ? 0 : r;
}

static void give_abort(void)
{
	assert_int_equal(awl_barrier_abort(&barrier), 0);
}

static const struct kind kinds[] = {
	{ "lock", fresh_lock, wait_lock, give_lock, NULL, put_back_lock, NULL, false },
	{ "limiter", fresh_limiter, wait_limiter, give_limiter, NULL, put_back_limiter, NULL,
		false },
	{ "condition", fresh_condition, wait_condition, give_condition, NULL, put_back_condition,
		NULL, false },
	{ "condition, its lock", fresh_condition, wait_condition, notify_condition,
		release_condition, put_back_condition, NULL, false },
	{ "condition, for", fresh_condition, wait_condition_for, give_condition, NULL,
		put_back_condition, left_tokens, false },
	{ "semaphore", fresh_semaphore, wait_semaphore, give_semaphore, NULL, NULL, left_semaphore,
		false },
	{ "get", fresh_queue, wait_get, give_item, NULL, NULL, left_items, false },
	{ "select, get", fresh_queue, wait_select, give_item, NULL, NULL, left_items, false },
	{ "put", fresh_full_queue, wait_put, give_place, NULL, NULL, left_places, false },
	{ "select, put", fresh_full_queue, wait_select_put, give_place, NULL, NULL, left_places,
		false },
	{ "event", fresh_event, wait_event, give_event, NULL, NULL, NULL, true },
	{ "join", fresh_unfinished, wait_join, give_done, NULL, NULL, NULL, true },
	{ "watch", fresh_watch, wait_watch, give_watch, NULL, NULL, NULL, true },
	{ "broadcast", fresh_broadcast, wait_broadcast, give_broadcast, NULL, NULL, NULL, true },
	{ "barrier", fresh_barrier, wait_barrier, give_barrier, NULL, NULL, NULL, true },
	{ "broken barrier", fresh_breaking, wait_broken, give_abort, NULL, NULL, NULL, true },
};

static const struct kind *kind;

static int waiter(void *arg)
{
	struct waiter *w = arg;
	int r, told = 0;

	if (w->scoped)
		awl_timeout_enter(&w->limit, w->time);
	r = kind->wait(w);
	if (r == 0) {
		w->place = ++gots;
		told = awl_yield();
	} else {
		assert_int_equal(r, AWL_ECANCELED);
	}
	if (w->scoped)
		assert_int_equal(awl_timeout_exit(&w->limit, r < 0 ? r : told),
			r < 0 || told < 0 ? -ETIMEDOUT : 0);
	w->outcome = r < 0 ? STOPPED : told < 0 ? TOLD : GOT;
	while (r == 0 && !go_on)
		turn();
	if (kind->put_back)
		kind->put_back(r);
	return 0;
}

/*
 * What is done within one step, while both wait: c, the first is asked to stop; u, that is taken
 * back; g, it is given. What the first comes to, and who is the first to have it.
 */
static const struct order {
	const char *moves;
	bool early; /* the first is asked before its wait begins, and all else is done before */
	enum outcome outcome;
	int place; /* the first's; 0: it has not got it */
} orders[] = {
	{ "g", false, GOT, 1 },
	{ "c", false, STOPPED, 0 },
	{ "cg", false, STOPPED, 0 },
	{ "gc", false, TOLD, 1 },
	{ "cug", false, GOT, 2 },
	{ "cgu", false, GOT, 2 },
	{ "gcu", false, GOT, 1 },
	{ "", true, STOPPED, 0 },
	{ "g", true, STOPPED, 0 },
};

static void ask(void)
{
	if (first.scoped)
		assert_int_equal(awl_timeout_reschedule(&first.limit, awl_loop_time(here())), 0);
	else
		assert_int_equal(awl_cancel(first.task, NULL), 1);
}

static void move(const struct order *o)
{
	for (const char *m = o->moves; *m; m++)
		if (*m == 'c')
			ask();
		else if (*m == 'u')
			awl_uncancel(first.task);
		else
			kind->give();
}

static void begin(struct waiter *w)
{
	w->task = spawn(waiter, w);
}

static void play(const struct order *o, bool scoped)
{
	first = second = (struct waiter){ 0 };
	gots = given = 0;
	go_on = false;
	kind->fresh();
	first.scoped = scoped;
	first.time = o->early ? 0 : AWL_FOREVER;
	if (o->early)
		move(o);
	begin(&first);
	if (o->early && !scoped)
		ask();
	turn();
	begin(&second);
	turn();
	if (!o->early)
		move(o);
	for (int i = 0; i < 4; i++)
		turn();
	go_on = true;
	for (int i = 0; i < 40 && !(awl_done(first.task) && awl_done(second.task)); i++) {
		if (i % 4 == 1)
			kind->give();
		if (i % 4 < 2 && kind->then)
			kind->then();
		turn();
	}
}

/* Helpers that wait at the barrier may go. */
static void clean_up(void)
{
	assert_int_equal(awl_done(first.task), 1);
	assert_int_equal(awl_done(second.task), 1);
	assert_int_equal(outcome(first.task), 0);
	assert_int_equal(outcome(second.task), 0);
	if (kind->wait == wait_barrier)
		assert_int_equal(awl_barrier_abort(&barrier), 0);
	if (kind->fresh == fresh_queue)
		assert_int_equal(awl_queue_destroy(&other), 0);
	if (kind->fresh == fresh_queue || kind->fresh == fresh_full_queue ||
		kind->fresh == fresh_unfinished)
		assert_int_equal(awl_queue_destroy(&queue), 0);
	turn();
}

static void check(const struct order *o, bool scoped)
{
	bool places = kind->all || first.place == o->place;

	if (first.outcome != o->outcome || second.outcome != GOT || !places)
		fail_msg("%s, %s%s%s: the first %d, in place %d; the second %d", kind->name,
			o->moves, o->early ? " early" : "", scoped ? " by a scope" : "",
			first.outcome, first.place, second.outcome);
	if (kind->left)
		assert_int_equal(given, gots + kind->left());
}

CASE(at_each_await_a_cancel_and_what_is_given_lose_nothing)
{
	for (size_t k = 0; k < COUNT(kinds); k++)
		for (size_t i = 0; i < 2 * COUNT(orders); i++) {
			const struct order *o = &orders[i / 2];
			bool scoped = i % 2;

			if (scoped && strchr(o->moves, 'u'))
				continue; /* a scope takes nothing back */
			kind = &kinds[k];
			play(o, scoped);
			check(o, scoped);
			clean_up();
		}
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(at_each_await_a_cancel_and_what_is_given_lose_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
