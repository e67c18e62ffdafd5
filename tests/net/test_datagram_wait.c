/* SPDX-License-Identifier: MIT */
/*
 * test_datagram_wait.c - several wait for datagrams: each gets one, a close ends them all, and a
 * cancel takes nothing. @reactors @thread @valgrind
 */
#include "datagrams.h"

struct receiver {
	awl_datagram *d;
	char buf[20];
	int value, next;
};

static int receive(void *arg)
{
	struct receiver *r = arg;

	r->value = awl_datagram_recv(r->d, r->buf, sizeof r->buf - 1, NULL);
	r->next = awl_yield();
	return r->next;
}

static awl_task *receiving(struct receiver *r, awl_datagram *d)
{
	awl_task *t;

	*r = (struct receiver){ .d = d };
	t = spawn(receive, r);
	for (int i = 0; i < 3; i++)
		assert_int_equal(awl_yield(), 0);
	return t;
}

static int turns_body(void *arg)
{
	awl_datagram *a = open_at("127.0.0.1"), *b = open_to("127.0.0.1", a);
	struct receiver r[2];
	awl_task *t[2] = { receiving(&r[0], a), receiving(&r[1], a) };

	put(b, "first");
	put(b, "second");
	for (int i = 0; i < 2; i++)
		assert_int_equal(outcome(t[i]), 0);
	assert_true((strcmp(r[0].buf, "first") == 0 && strcmp(r[1].buf, "second") == 0) ||
		(strcmp(r[1].buf, "first") == 0 && strcmp(r[0].buf, "second") == 0));
	end(a);
	end(b);
	return 0;
}

static void several_may_receive_and_each_datagram_goes_to_one(void **state)
{
	in_loop(turns_body, NULL);
}

static int close_body(void *arg)
{
	awl_datagram *a = open_at("127.0.0.1");
	int fd = awl_datagram_fd(a);
	struct receiver r[2];
	awl_task *t[2] = { receiving(&r[0], a), receiving(&r[1], a) };
	char buf[4];

	assert_int_equal(awl_datagram_is_closing(a), 0);
	assert_int_equal(awl_datagram_close(a), 0);
	assert_int_equal(awl_datagram_is_closing(a), 1);
	assert_int_equal(awl_datagram_close(a), 0);
	assert_int_equal(awl_datagram_wait_closed(a), 0);
	if (!is_sim(here()))
		assert_int_equal(fcntl(fd, F_GETFD), -1);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(outcome(t[i]), 0);
		assert_int_equal(r[i].value, AWL_EDEAD);
	}
	assert_int_equal(awl_datagram_recv(a, buf, sizeof buf, NULL), AWL_EDEAD);
	assert_int_equal(awl_datagram_send(a, buf, sizeof buf), AWL_EDEAD);
	assert_int_equal(awl_datagram_fd(a), AWL_EDEAD);
	assert_int_equal(awl_datagram_join(a, "239.1.2.3", NULL), AWL_EDEAD);
	awl_datagram_unref(a);
	return 0;
}

static void a_close_ends_who_waits_and_then_closes_the_descriptor(void **state)
{
	in_loop(close_body, NULL);
}

static int dropped_body(void *arg)
{
	struct receiver r;
	awl_datagram *a = open_at("127.0.0.1");
	awl_task *t = receiving(&r, a);

	end(a); /* while a task is in it */
	assert_int_equal(outcome(t), 0);
	assert_int_equal(r.value, AWL_EDEAD);
	return 0;
}

static void who_waits_in_it_may_outlive_the_last_reference(void **state)
{
	in_loop(dropped_body, NULL);
}

static int cancel_body(void *arg)
{
	awl_datagram *a = open_at("127.0.0.1"), *b = open_to("127.0.0.1", a);
	struct receiver r;
	awl_task *t = receiving(&r, a);

	assert_int_equal(awl_cancel(t, NULL), 1);
	assert_int_equal(awl_join(t), 0);
	assert_int_equal(r.value, AWL_ECANCELED);
	assert_int_equal(awl_unref(t), 0);
	put(b, "still here");
	assert_gets(a, "still here");
	end(a);
	end(b);
	return 0;
}

static void a_cancelled_receive_takes_nothing(void **state)
{
	in_loop(cancel_body, NULL);
}

/* Sent, and then cancelled, before the loop has looked: it is received, or there for the next. */
static int race_body(void *arg)
{
	awl_datagram *a = open_at("127.0.0.1"), *b = open_to("127.0.0.1", a);
	struct receiver r;
	awl_task *t = receiving(&r, a);

	put(b, "one");
	assert_int_equal(awl_cancel(t, NULL), 1);
	put(b, "two");
	assert_int_equal(awl_join(t), 0);
	assert_int_equal(awl_unref(t), 0);
	assert_true(r.value == 3 || r.value == AWL_ECANCELED);
	if (r.value < 0)
		assert_gets(a, "one");
	else
		assert_int_equal(r.next, AWL_ECANCELED);
	assert_gets(a, "two");
	end(a);
	end(b);
	return 0;
}

/* A7 */
static void what_has_come_before_the_cancel_is_received_or_left(void **state)
{
	for (int seed = 0; seed < 100; seed++) {
		awl_loop_options o = { .seed = (uint64_t)seed };

		assert_int_equal(awl_run_with(&o, race_body, NULL), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(several_may_receive_and_each_datagram_goes_to_one),
		cmocka_unit_test(a_close_ends_who_waits_and_then_closes_the_descriptor),
		cmocka_unit_test(who_waits_in_it_may_outlive_the_last_reference),
		cmocka_unit_test(a_cancelled_receive_takes_nothing),
		cmocka_unit_test(what_has_come_before_the_cancel_is_received_or_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
