/* SPDX-License-Identifier: MIT */
/*
 * test_datagram_many.c - many datagrams by one call: in their order, as far as there is room for
 * them, and how many went is always known. @reactors @thread @valgrind
 */
#include "datagrams.h"

#include <sys/un.h>

#define MANY 100

static int many_body(void *arg)
{
	awl_datagram *a = open_at("127.0.0.1"), *b = open_to("127.0.0.1", a);
	awl_datagram_message m[MANY];
	int numbers[MANY], n, sent = -1;

	for (int i = 0; i < MANY; i++) {
		numbers[i] = i;
		m[i] = (awl_datagram_message){ &numbers[i], sizeof numbers[i], NULL, 0 };
	}
	assert_int_equal(awl_datagram_send_many(b, m, MANY, &sent), 0);
	assert_int_equal(sent, MANY);
	for (int i = 0; i < MANY; i++) {
		assert_int_equal(awl_datagram_recv(a, &n, sizeof n, NULL), sizeof n);
		assert_int_equal(n, i);
	}
	assert_int_equal(awl_datagram_send_many(b, m, 0, &sent), 0);
	assert_int_equal(sent, 0);
	assert_int_equal(awl_datagram_send_many(b, m, -1, NULL), -EINVAL);
	end(a);
	end(b);
	return 0;
}

static void many_are_sent_in_their_order(void **state)
{
	in_loop(many_body, NULL);
}

static int to_each_body(void *arg)
{
	awl_datagram *a = open_at("127.0.0.1"), *b = open_at("127.0.0.1");
	awl_datagram *from = open_at("127.0.0.1");
	struct sockaddr_storage to[2];
	socklen_t len;

	assert_int_equal(awl_address("127.0.0.1", port_of(a), &to[0], &len), 0);
	assert_int_equal(awl_address("127.0.0.1", port_of(b), &to[1], &len), 0);
	{
		const awl_datagram_message m[] = { { "a", 1, (void *)&to[0], len },
			{ "b", 1, (void *)&to[1], len }, { "A", 1, (void *)&to[0], len } };

		assert_int_equal(awl_datagram_send_many(from, m, 3, NULL), 0);
	}
	assert_gets(a, "a");
	assert_gets(a, "A");
	assert_gets(b, "b");
	end(a);
	end(b);
	end(from);
	return 0;
}

static void many_may_go_to_different_addresses(void **state)
{
	in_loop(to_each_body, NULL);
}

static int midway_body(void *arg)
{
	awl_datagram *a = open_at("127.0.0.1"), *b = open_to("127.0.0.1", a);
	static char big[70000];
	const awl_datagram_message m[] = { { "1", 1, NULL, 0 }, { "2", 1, NULL, 0 },
		{ big, sizeof big, NULL, 0 }, { "4", 1, NULL, 0 } };
	int sent;

	assert_int_equal(awl_datagram_send_many(b, m, 4, &sent), -EMSGSIZE);
	assert_int_equal(sent, 2);
	assert_int_equal(awl_datagram_send_many(b, m + 3, 1, &sent), 0);
	assert_gets(a, "1");
	assert_gets(a, "2");
	assert_gets(a, "4");
	end(a);
	end(b);
	return 0;
}

static void where_one_of_many_is_refused_is_told(void **state)
{
	in_loop(midway_body, NULL);
}

/* --- room for them ---------------------------------------------------------------------------- */

struct flood {
	awl_datagram *to;
	const char *path; /* NULL: to whom it is connected */
	int sent, value;
};

static int flood(void *arg)
{
	awl_datagram_message m[MANY];
	struct flood *f = arg;
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	socklen_t len = 0;

	if (f->path) {
		len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(f->path));
		memcpy(to.sun_path + 1, f->path + 1, strlen(f->path) - 1);
	}
	for (int i = 0; i < MANY; i++)
		m[i] = (awl_datagram_message){ "x", 1, f->path ? (void *)&to : NULL, len };
	f->value = awl_datagram_send_many(f->to, m, MANY, &f->sent);
	return f->value;
}

/* Begun, and so far that it waits for room. */
static awl_task *flooding(struct flood *f)
{
	awl_task *t = spawn(flood, f);

	for (int i = 0; i < 5; i++)
		assert_int_equal(awl_yield(), 0);
	assert_int_equal(awl_done(t), 0);
	return t;
}

/* The flood is more than there is room for, and all of it is received. */
static void assert_flood_arrives(const awl_datagram_options *from, const char *path)
{
	awl_datagram *a = open_with(&(awl_datagram_options){ .local_path = own_name('r') });
	struct flood f = { .to = open_with(from), .path = path };
	awl_task *t = flooding(&f);

	for (int i = 0; i < MANY; i++)
		assert_gets(a, "x");
	assert_int_equal(outcome(t), 0);
	assert_int_equal(f.sent, MANY);
	end(a);
	end(f.to);
}

/* Unix datagrams are not lost: the sender waits until there is room for the next few. */
static int room_body(void *arg)
{
	assert_flood_arrives(&(awl_datagram_options){ .remote_path = own_name('r') }, NULL);
	return 0;
}

static void who_finds_no_room_waits_for_it(void **state)
{
	in_loop(room_body, NULL);
}

/* The same where the kernel does not say whose room it is. */
static int blind_body(void *arg)
{
	assert_flood_arrives(&(awl_datagram_options){ .family = AF_UNIX }, own_name('r'));
	return 0;
}

static void who_is_not_connected_waits_for_room_too(void **state)
{
	in_loop(blind_body, NULL);
}

static void fill_up(awl_datagram *d)
{
	awl_timeout no;

	do
		assert_int_equal(awl_timeout_enter(&no, AWL_MS), 0);
	while (awl_timeout_exit(&no, awl_datagram_send(d, "x", 1)) == 0);
}

static int send_and_close(void *arg)
{
	int r = awl_datagram_send(arg, "x", 1);

	return r < 0 ? r : awl_datagram_close(arg);
}

/* Two are told of the room for one: who takes it closes the endpoint before the other looks. */
static int beaten_body(void *arg)
{
	awl_datagram *a = open_with(&(awl_datagram_options){ .local_path = own_name('r') });
	awl_datagram *b = open_with(&(awl_datagram_options){ .remote_path = own_name('r') });
	awl_task *t[2];
	int r[2];

	fill_up(b);
	for (int i = 0; i < 2; i++)
		t[i] = spawn(send_and_close, b);
	assert_int_equal(awl_test_wait_blocked(), 0);
	assert_gets(a, "x");
	assert_int_equal(awl_datagram_wait_closed(b), 0);
	for (int i = 0; i < 2; i++)
		r[i] = outcome(t[i]);
	assert_int_equal(r[0] < r[1] ? r[0] : r[1], AWL_EDEAD);
	assert_int_equal(r[0] < r[1] ? r[1] : r[0], 0);
	awl_datagram_unref(b);
	end(a);
	return 0;
}

static void who_finds_no_room_where_another_closes_waits_no_more(void **state)
{
	in_loop(beaten_body, NULL);
}

static int cancelled_flood_body(void *arg)
{
	awl_datagram *a = open_with(&(awl_datagram_options){ .local_path = own_name('r') });
	awl_datagram *b = open_with(&(awl_datagram_options){ .remote_path = own_name('r') });
	struct flood f = { .to = b };
	awl_task *t = flooding(&f);

	assert_int_equal(awl_cancel(t, NULL), 1);
	assert_int_equal(awl_join(t), 0);
	assert_int_equal(f.value, AWL_ECANCELED);
	assert_true(f.sent > 0 && f.sent < MANY);
	assert_int_equal(awl_unref(t), 0);
	for (int i = 0; i < f.sent; i++)
		assert_gets(a, "x");
	put(b, "the next");
	assert_gets(a, "the next");
	end(a);
	end(b);
	return 0;
}

static void a_cancelled_sender_knows_how_many_went(void **state)
{
	in_loop(cancelled_flood_body, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many_are_sent_in_their_order),
		cmocka_unit_test(many_may_go_to_different_addresses),
		cmocka_unit_test(where_one_of_many_is_refused_is_told),
		cmocka_unit_test(who_finds_no_room_waits_for_it),
		cmocka_unit_test(who_is_not_connected_waits_for_room_too),
		cmocka_unit_test(who_finds_no_room_where_another_closes_waits_no_more),
		cmocka_unit_test(a_cancelled_sender_knows_how_many_went),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
