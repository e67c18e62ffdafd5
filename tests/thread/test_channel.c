/* SPDX-License-Identifier: MIT */
/*
 * test_channel.c - a channel between loops and threads keeps its order, holds both sides back, and
 * loses nothing to a cancel, a time-out or a close. @reactors @thread @valgrind
 */
#include "support.h"

#include "base/alloc.h"

#include <pthread.h>
#include <sys/wait.h>

static awl_channel *new_channel(size_t capacity)
{
	awl_channel *ch;

	assert_int_equal(awl_channel_new(sizeof(long), capacity, &ch), 0);
	return ch;
}

static int try_send(awl_channel *ch, long n)
{
	return awl_channel_try_send(ch, &n);
}

static long try_recv(awl_channel *ch)
{
	long n = -1;
	int r = awl_channel_try_recv(ch, &n);

	return r < 0 ? r : n;
}

/* --- one loop
 * ---------------------------------------------------------------------------------- */

static void items_come_out_in_the_order_they_went_in(void **state)
{
	awl_channel *ch = new_channel(3);

	for (long round = 0; round < 10; round++) {
		for (long i = 0; i < 3; i++)
			assert_int_equal(try_send(ch, round * 3 + i), 0);
		assert_int_equal(try_send(ch, 99), -EAGAIN);
		assert_int_equal(awl_channel_size(ch), 3);
		for (long i = 0; i < 3; i++)
			assert_int_equal(try_recv(ch), round * 3 + i);
		assert_int_equal(try_recv(ch), -EAGAIN);
	}
	awl_channel_unref(ch);
}

struct party {
	awl_channel *ch;
	long n;
	int status, next;
};

static int send_one(void *arg)
{
	struct party *p = arg;

	p->status = awl_channel_send(p->ch, &p->n);
	p->next = awl_yield();
	return 0;
}

static int recv_one(void *arg)
{
	struct party *p = arg;

	p->status = awl_channel_recv(p->ch, &p->n);
	p->next = awl_yield();
	return 0;
}

static void some_turns(void)
{
	for (int i = 0; i < 5; i++)
		assert_int_equal(awl_yield(), 0);
}

static void join(awl_task *t)
{
	assert_int_equal(awl_join(t), 0);
	assert_int_equal(awl_unref(t), 0);
}

static int waiting_body(void *arg)
{
	struct party s[3] = { 0 }, r[3] = { 0 };
	awl_channel *ch = new_channel(1);
	awl_task *t[3];

	/* Senders wait for room, in line. */
	assert_int_equal(try_send(ch, 100), 0);
	for (int i = 0; i < 3; i++) {
		s[i] = (struct party){ .ch = ch, .n = i, .status = 1 };
		t[i] = spawn(send_one, &s[i]);
	}
	some_turns();
	assert_int_equal(s[0].status, 1);
	assert_int_equal(try_recv(ch), 100);
	some_turns();
	assert_int_equal(s[0].status, 0);
	assert_int_equal(s[1].status, 1);
	for (long i = 0; i < 3; i++)
		assert_int_equal(try_recv(ch), i);
	for (int i = 0; i < 3; i++)
		join(t[i]);

	/* Receivers for items. */
	for (int i = 0; i < 3; i++) {
		r[i] = (struct party){ .ch = ch, .status = 1 };
		t[i] = spawn(recv_one, &r[i]);
	}
	some_turns();
	for (long i = 0; i < 3; i++)
		assert_int_equal(try_send(ch, i + 10), 0);
	for (int i = 0; i < 3; i++) {
		join(t[i]);
		assert_int_equal(r[i].status, 0);
		assert_int_equal(r[i].n, i + 10);
	}
	awl_channel_unref(ch);
	return 0;
}

static void who_waits_is_served_in_turn(void **state)
{
	in_loop(waiting_body, NULL);
}

static int cancel_body(void *arg)
{
	struct party a = { 0 }, b = { 0 };
	awl_channel *ch = new_channel(1);
	awl_task *t, *u;

	/* Not served: nothing has moved, and the next in line gets it. */
	a.ch = b.ch = ch;
	t = spawn(recv_one, &a);
	u = spawn(recv_one, &b);
	some_turns();
	assert_int_equal(awl_cancel(t, NULL), 1);
	join(t);
	assert_int_equal(a.status, AWL_ECANCELED);
	assert_int_equal(try_send(ch, 1), 0);
	join(u);
	assert_int_equal(b.status, 0);
	assert_int_equal(b.n, 1);

	/* Served, and cancelled before it could run: it has the item, the request stays. */
	t = spawn(recv_one, &a);
	some_turns();
	assert_int_equal(try_send(ch, 2), 0);
	assert_int_equal(awl_cancel(t, NULL), 1);
	join(t);
	assert_int_equal(a.status, 0);
	assert_int_equal(a.n, 2);
	assert_int_equal(a.next, AWL_ECANCELED);

	/* Cancelled, and served before it could run. */
	t = spawn(recv_one, &a);
	some_turns();
	assert_int_equal(awl_cancel(t, NULL), 1);
	assert_int_equal(try_send(ch, 3), 0);
	join(t);
	assert_int_equal(a.status, 0);
	assert_int_equal(a.n, 3);
	assert_int_equal(a.next, AWL_ECANCELED);

	/* A sender's the same. */
	assert_int_equal(try_send(ch, 4), 0);
	a.n = 5;
	t = spawn(send_one, &a);
	some_turns();
	assert_int_equal(awl_cancel(t, NULL), 1);
	assert_int_equal(try_recv(ch), 4);
	join(t);
	assert_int_equal(a.status, 0);
	assert_int_equal(a.next, AWL_ECANCELED);
	assert_int_equal(try_recv(ch), 5);

	/* Taken back before it was seen: it waits on, and keeps its place. */
	t = spawn(recv_one, &a);
	u = spawn(recv_one, &b);
	some_turns();
	assert_int_equal(awl_cancel(t, NULL), 1);
	assert_int_equal(awl_uncancel(t), 0);
	some_turns();
	assert_int_equal(try_send(ch, 6), 0);
	assert_int_equal(try_send(ch, 7), 0);
	join(t);
	join(u);
	assert_int_equal(a.n, 6);
	assert_int_equal(b.n, 7);
	awl_channel_unref(ch);
	return 0;
}

static void a_cancel_loses_no_item(void **state)
{
	in_loop(cancel_body, NULL);
}

static int impatient(void *arg)
{
	long n;

	return awl_channel_recv(arg, &n);
}

static int timeout_body(void *arg)
{
	awl_channel *ch = new_channel(1);

	assert_int_equal(awl_wait_for(AWL_MS, impatient, ch), -ETIMEDOUT);
	assert_int_equal(try_send(ch, 1), 0);
	assert_int_equal(try_recv(ch), 1);
	awl_channel_unref(ch);
	return 0;
}

static void a_deadline_ends_the_wait(void **state)
{
	in_loop(timeout_body, NULL);
}

static int close_body(void *arg)
{
	struct party a = { 0 }, b = { 0 };
	awl_channel *ch = new_channel(1);
	awl_task *t;

	a.ch = b.ch = ch;
	assert_int_equal(try_send(ch, 1), 0);
	t = spawn(send_one, &a);
	some_turns();
	assert_int_equal(awl_channel_close(ch), 0);
	assert_int_equal(awl_channel_close(ch), 0);
	join(t);
	assert_int_equal(a.status, AWL_ESHUTDOWN);
	assert_int_equal(try_send(ch, 2), AWL_ESHUTDOWN);
	assert_int_equal(awl_channel_send(ch, &a.n), AWL_ESHUTDOWN);
	assert_int_equal(awl_channel_recv(ch, &b.n), 0); /* what is inside comes out */
	assert_int_equal(b.n, 1);
	assert_int_equal(awl_channel_recv(ch, &b.n), AWL_ESHUTDOWN);
	assert_int_equal(try_recv(ch), AWL_ESHUTDOWN);
	awl_channel_unref(ch);

	ch = b.ch = new_channel(1);
	t = spawn(recv_one, &b);
	some_turns();
	assert_int_equal(awl_channel_close(ch), 0);
	join(t);
	assert_int_equal(b.status, AWL_ESHUTDOWN);
	awl_channel_unref(ch);
	return 0;
}

static void a_closed_channel_takes_nothing_and_is_drained(void **state)
{
	in_loop(close_body, NULL);
}

static int greedy_body(void *arg)
{
	awl_channel *ch = new_channel(100000);
	struct party other = { .ch = ch, .status = 1 };
	awl_task *t;
	long n = 0;

	/* A9: who never has to wait makes room for the others all the same. */
	t = spawn(send_one, &other);
	for (; other.status == 1 && n < 100000; n++)
		assert_int_equal(awl_channel_send(ch, &n), 0);
	assert_true(n < 1000);
	join(t);
	awl_channel_unref(ch);
	return 0;
}

static void a_task_that_never_waits_lets_others_run(void **state)
{
	in_loop(greedy_body, NULL);
}

static int blocking_body(void *arg)
{
	awl_channel *ch = new_channel(1);
	long n = 1;

	assert_int_equal(awl_channel_send_blocking(ch, &n, 0), AWL_EDEADLK);
	assert_int_equal(awl_channel_recv_blocking(ch, &n, AWL_FOREVER), AWL_EDEADLK);
	assert_int_equal(awl_channel_size(ch), 0);
	awl_channel_unref(ch);
	return 0;
}

static void a_loops_thread_is_never_blocked(void **state)
{
	in_loop(blocking_body, NULL);
}

static void outside_a_task_nobody_waits(void **state)
{
	awl_channel *ch = new_channel(1);
	long n = 1;

	assert_int_equal(awl_channel_send(ch, &n), AWL_ENOLOOP);
	assert_int_equal(awl_channel_recv(ch, &n), AWL_ENOLOOP);
	assert_int_equal(awl_channel_size(ch), 0);
	awl_channel_unref(ch);
}

static void nonsense_is_refused(void **state)
{
	awl_channel *ch = NULL;
	long n;

	assert_int_equal(awl_channel_new(0, 1, &ch), -EINVAL);
	assert_int_equal(awl_channel_new(1, 0, &ch), -EINVAL);
	assert_int_equal(awl_channel_new(SIZE_MAX / 2, 4, &ch), -ENOMEM);
	assert_null(ch);
	assert_int_equal(awl_channel_try_send(NULL, &n), -EINVAL);
	ch = new_channel(1);
	assert_int_equal(awl_channel_try_recv(ch, NULL), -EINVAL);
	awl_channel_unref(ch);
	awl_channel_unref(NULL);
}

static int faults(void)
{
	return 1;
}

static void without_memory_there_is_no_channel(void **state)
{
	awl_channel *ch = NULL;
	int r;

	awl__alloc_fault = faults;
	r = awl_channel_new(1, 1, &ch);
	awl__alloc_fault = (int (*)(void))0;
	assert_int_equal(r, -ENOMEM);
	assert_null(ch);
}

static void a_forked_child_is_refused(void **state)
{
	static awl_channel *ch; /* where Valgrind sees it from the child, too */
	int status;
	pid_t pid;

	ch = new_channel(1);
	pid = fork();
	if (pid == 0)
		_exit(try_send(ch, 1) == AWL_EFORK && awl_channel_close(ch) == AWL_EFORK ? 0 : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	awl_channel_unref(ch);
}

/* --- threads
 * ----------------------------------------------------------------------------------- */

static void a_blocked_thread_gives_up_in_time_and_nothing_has_moved(void **state)
{
	awl_channel *ch = new_channel(1);
	long n = 7;

	assert_int_equal(awl_channel_recv_blocking(ch, &n, AWL_MS), -ETIMEDOUT);
	assert_int_equal(n, 7);
	assert_int_equal(awl_channel_send_blocking(ch, &n, AWL_FOREVER), 0);
	assert_int_equal(awl_channel_send_blocking(ch, &n, AWL_MS), -ETIMEDOUT);
	assert_int_equal(awl_channel_size(ch), 1);
	assert_int_equal(awl_channel_recv_blocking(ch, &n, 0), 0);
	assert_int_equal(try_recv(ch), -EAGAIN);
	awl_channel_unref(ch);
}

struct stream {
	awl_channel *ch;
	long items;
	long sum; /* of what was received */
};

static void *blocking_sender(void *arg)
{
	struct stream *s = arg;

	for (long i = 0; i < s->items; i++)
		assert_int_equal(awl_channel_send_blocking(s->ch, &i, AWL_FOREVER), 0);
	return NULL;
}

static void *blocking_receiver(void *arg)
{
	struct stream *s = arg;
	long n;

	while (awl_channel_recv_blocking(s->ch, &n, AWL_FOREVER) == 0)
		s->sum += n;
	return NULL;
}

static int task_receiver(void *arg)
{
	struct stream *s = arg;
	long n;
	int r;

	while ((r = awl_channel_recv(s->ch, &n)) == 0)
		s->sum += n;
	return r == AWL_ESHUTDOWN ? 0 : r;
}

static int task_sender(void *arg)
{
	struct stream *s = arg;
	int r = 0;

	for (long i = 0; r == 0 && i < s->items; i++)
		r = awl_channel_send(s->ch, &i);
	return r;
}

static int in_order(void *arg)
{
	struct stream *s = arg;
	long n;

	for (long i = 0; i < s->items; i++) {
		assert_int_equal(awl_channel_recv(s->ch, &n), 0);
		assert_int_equal(n, i);
	}
	return 0;
}

static void a_stream_from_a_thread_keeps_its_order(void **state)
{
	struct stream s = { .ch = new_channel(4), .items = test_scale("AWL_TEST_RACES", 5000) };
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, blocking_sender, &s), 0);
	in_loop(in_order, &s);
	pthread_join(thread, NULL);
	awl_channel_unref(s.ch);
}

static void *receive_in_order(void *arg)
{
	struct stream *s = arg;
	long n;

	for (long i = 0; i < s->items; i++) {
		assert_int_equal(awl_channel_recv_blocking(s->ch, &n, AWL_FOREVER), 0);
		assert_int_equal(n, i);
	}
	return NULL;
}

static void a_stream_to_a_thread_keeps_its_order(void **state)
{
	struct stream s = { .ch = new_channel(4), .items = test_scale("AWL_TEST_RACES", 5000) };
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, receive_in_order, &s), 0);
	in_loop(task_sender, &s);
	pthread_join(thread, NULL);
	awl_channel_unref(s.ch);
}

static void *run_senders(void *arg)
{
	in_loop(task_sender, arg);
	return NULL;
}

static void *run_receivers(void *arg)
{
	in_loop(task_receiver, arg);
	return NULL;
}

/* Two loops and a thread send; two loops and a thread receive. */
static void several_of_each_side_lose_and_double_nothing(void **state)
{
	long items = test_scale("AWL_TEST_RACES", 5000) / 3 + 1, sum = 0;
	void *(*const sender[])(void *) = { blocking_sender, run_senders, run_senders };
	void *(*const receiver[])(void *) = { blocking_receiver, run_receivers, run_receivers };
	struct stream s[3], r[3];
	pthread_t st[3], rt[3];
	awl_channel *ch = new_channel(2);

	for (int i = 0; i < 3; i++) {
		s[i] = (struct stream){ .ch = ch, .items = items };
		r[i] = (struct stream){ .ch = awl_channel_ref(ch) };
		assert_int_equal(pthread_create(&st[i], NULL, sender[i], &s[i]), 0);
		assert_int_equal(pthread_create(&rt[i], NULL, receiver[i], &r[i]), 0);
	}
	for (int i = 0; i < 3; i++)
		pthread_join(st[i], NULL);
	assert_int_equal(awl_channel_close(ch), 0);
	for (int i = 0; i < 3; i++) {
		pthread_join(rt[i], NULL);
		sum += r[i].sum;
		awl_channel_unref(ch);
	}
	assert_int_equal(sum, 3 * (items * (items - 1) / 2));
	awl_channel_unref(ch);
}

/* --- races: a cancel, a time-out and a close against the hand-over
 * ----------------------------- */

static atomic_long tried, accepted;

/* Sends one after another as fast as it can be taken, until it is turned away. */
static void *pushing(void *arg)
{
	awl_channel *ch = arg;
	int r;

	do {
		long n = atomic_load(&tried);

		r = awl_channel_send_blocking(ch, &n, n % 3 ? AWL_FOREVER : AWL_US);
		if (r == 0)
			atomic_fetch_add(&accepted, 1);
		if (r != -ETIMEDOUT)
			atomic_fetch_add(&tried, 1);
	} while (r != AWL_ESHUTDOWN);
	return NULL;
}

struct taker {
	awl_channel *ch;
	long received, expected, interrupted;
};

static int take_many(void *arg)
{
	struct taker *k = arg;
	long n;
	int r;

	for (;;) {
		r = awl_channel_recv(k->ch, &n);
		if (r == AWL_ESHUTDOWN)
			return 0;
		if (r == AWL_ECANCELED) {
			k->interrupted++;
			awl_uncancel(awl_current_task());
			continue;
		}
		assert_int_equal(r, 0);
		assert_int_equal(n, k->expected); /* none is lost, doubled or overtaken */
		k->expected++;
		k->received++;
	}
}

static int disturb_body(void *arg)
{
	struct taker k = { .ch = new_channel(1) };
	long rounds = test_scale("AWL_TEST_RACES", 5000);
	pthread_t thread;
	awl_task *t;

	atomic_store(&tried, 0);
	atomic_store(&accepted, 0);
	t = spawn(take_many, &k);
	assert_int_equal(pthread_create(&thread, NULL, pushing, k.ch), 0);
	for (long i = 0; i < rounds; i++) {
		awl_cancel(t, NULL);
		for (volatile long spin = i * 7 % 500; spin > 0; spin--)
			;
		assert_int_equal(awl_yield(), 0);
	}
	assert_int_equal(awl_channel_close(k.ch), 0);
	join(t);
	pthread_join(thread, NULL);
	assert_int_equal(k.received, accepted);
	awl_channel_unref(k.ch);
	return 0;
}

static void at_each_moment_a_cancelled_receiver_loses_nothing(void **state)
{
	in_loop(disturb_body, NULL);
}

static int send_many(void *arg)
{
	struct taker *k = arg;

	for (;;) {
		int r = awl_channel_send(k->ch, &k->expected);

		if (r == AWL_ESHUTDOWN)
			return 0;
		if (r == AWL_ECANCELED) {
			k->interrupted++;
			awl_uncancel(awl_current_task());
			continue;
		}
		assert_int_equal(r, 0);
		k->expected++;
	}
}

static void *pulling(void *arg)
{
	struct taker *k = arg;
	long n;
	int r;

	while ((r = awl_channel_recv_blocking(k->ch, &n, k->received % 3 ? AWL_FOREVER : AWL_US)) !=
		AWL_ESHUTDOWN)
		if (r == 0) {
			assert_int_equal(n, k->received);
			k->received++;
		}
	return NULL;
}

static int disturb_sender_body(void *arg)
{
	struct taker sender = { .ch = new_channel(1) }, receiver = sender;
	long rounds = test_scale("AWL_TEST_RACES", 5000);
	pthread_t thread;
	awl_task *t = spawn(send_many, &sender);

	assert_int_equal(pthread_create(&thread, NULL, pulling, &receiver), 0);
	for (long i = 0; i < rounds; i++) {
		awl_cancel(t, NULL);
		for (volatile long spin = i * 7 % 500; spin > 0; spin--)
			;
		assert_int_equal(awl_yield(), 0);
	}
	assert_int_equal(awl_channel_close(sender.ch), 0);
	join(t);
	pthread_join(thread, NULL);
	assert_int_equal(receiver.received, sender.expected);
	awl_channel_unref(sender.ch);
	return 0;
}

static void at_each_moment_a_cancelled_sender_sends_once_or_not_at_all(void **state)
{
	in_loop(disturb_sender_body, NULL);
}

static void *close_it(void *arg)
{
	assert_int_equal(awl_channel_close(arg), 0);
	return NULL;
}

static int close_race_body(void *arg)
{
	long rounds = test_scale("AWL_TEST_RACES", 5000) / 10 + 1;

	for (long i = 0; i < rounds; i++) {
		struct party s = { 0 }, r = { 0 };
		awl_channel *ch = new_channel(1);
		awl_task *ts, *tr;
		pthread_t thread;

		s.ch = r.ch = ch;
		s.n = 77;
		tr = spawn(recv_one, &r);
		assert_int_equal(pthread_create(&thread, NULL, close_it, ch), 0);
		ts = spawn(send_one, &s);
		join(ts);
		join(tr);
		pthread_join(thread, NULL);
		assert_int_equal(r.status, s.status);
		assert_int_equal(r.n, s.status == 0 ? 77 : 0);
		awl_channel_unref(ch);
	}
	return 0;
}

static void an_accepted_item_outlives_the_close(void **state)
{
	in_loop(close_race_body, NULL);
}

static int parked_forever(void *arg)
{
	struct party *p = arg;

	assert_int_equal(awl_create_task(recv_one, p, NULL), 0);
	some_turns();
	return 0;
}

static void a_loop_that_closes_takes_its_waiters_along(void **state)
{
	struct party p = { .ch = new_channel(1) };

	in_loop(parked_forever, &p);
	assert_int_equal(p.status, AWL_ECANCELED);
	assert_int_equal(try_send(p.ch, 3), 0);
	assert_int_equal(try_recv(p.ch), 3);
	awl_channel_unref(p.ch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(items_come_out_in_the_order_they_went_in),
		cmocka_unit_test(who_waits_is_served_in_turn),
		cmocka_unit_test(a_cancel_loses_no_item),
		cmocka_unit_test(a_deadline_ends_the_wait),
		cmocka_unit_test(a_closed_channel_takes_nothing_and_is_drained),
		cmocka_unit_test(a_task_that_never_waits_lets_others_run),
		cmocka_unit_test(a_loops_thread_is_never_blocked),
		cmocka_unit_test(outside_a_task_nobody_waits),
		cmocka_unit_test(nonsense_is_refused),
		cmocka_unit_test(without_memory_there_is_no_channel),
		cmocka_unit_test(a_forked_child_is_refused),
		cmocka_unit_test(a_blocked_thread_gives_up_in_time_and_nothing_has_moved),
		cmocka_unit_test(a_stream_from_a_thread_keeps_its_order),
		cmocka_unit_test(a_stream_to_a_thread_keeps_its_order),
		cmocka_unit_test(several_of_each_side_lose_and_double_nothing),
		cmocka_unit_test(at_each_moment_a_cancelled_receiver_loses_nothing),
		cmocka_unit_test(at_each_moment_a_cancelled_sender_sends_once_or_not_at_all),
		cmocka_unit_test(an_accepted_item_outlives_the_close),
		cmocka_unit_test(a_loop_that_closes_takes_its_waiters_along),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
