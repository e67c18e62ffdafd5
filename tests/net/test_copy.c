/* SPDX-License-Identifier: MIT */
/*
 * @reactors @valgrind
 * test_copy.c - from one stream to another, one way and both: everything goes over, each end as it
 * comes, and the first failure ends it all.
 */
#include "streams.h"

#define MUCH 400000u

/* client - (near - far) - server: the middle is what is copied. */
struct proxy {
	struct ends left, right;
	int64_t there, back;
	awl_task *task;
};

static awl_stream *client(struct proxy *p)
{
	return p->left.a;
}

static awl_stream *server(struct proxy *p)
{
	return p->right.b;
}

static int copy_both(void *arg)
{
	struct proxy *p = arg;

	return awl_copy_both(p->left.b, p->right.a, &p->there, &p->back);
}

static void open_proxy(struct proxy *p, struct ends *e)
{
	*p = (struct proxy){ .left = *e, .right = { .kind = e->kind } };
	make_ends(&p->right);
	p->task = spawn(copy_both, p);
}

static void close_proxy(struct proxy *p)
{
	end_stream(&p->right.a);
	end_stream(&p->right.b);
}

static int send_much(void *arg)
{
	unsigned char *data = bytes(MUCH);
	int r = awl_stream_write_all(arg, data, MUCH, NULL);

	free(data);
	return r < 0 ? r : awl_stream_write_eof(arg);
}

static void assert_much(awl_stream *s)
{
	unsigned char *want = bytes(MUCH);
	void *data;
	size_t len;

	assert_int_equal(awl_stream_read_to_end(s, MUCH, &data, &len), 0);
	assert_int_equal(len, MUCH);
	assert_memory_equal(data, want, MUCH);
	awl_free(data);
	free(want);
}

static void client_first(struct ends *e)
{
	struct proxy p;
	awl_task *sender;

	open_proxy(&p, e);
	sender = spawn(send_much, client(&p));
	assert_much(server(&p));
	assert_int_equal(outcome(sender), 0);
	say(server(&p), "answer after the end of the question");
	assert_says(client(&p), "answer after the end of the question");
	assert_int_equal(awl_stream_write_eof(server(&p)), 0);
	assert_ended(client(&p));
	assert_int_equal(outcome(p.task), 0);
	assert_int_equal(p.there, MUCH);
	assert_int_equal(p.back, 36);
	close_proxy(&p);
}

static void server_first(struct ends *e)
{
	struct proxy p;
	awl_task *sender;

	open_proxy(&p, e);
	assert_int_equal(awl_stream_write_eof(server(&p)), 0);
	assert_ended(client(&p));
	sender = spawn(send_much, client(&p));
	assert_much(server(&p));
	assert_int_equal(outcome(sender), 0);
	assert_int_equal(outcome(p.task), 0);
	assert_int_equal(p.there, MUCH);
	assert_int_equal(p.back, 0);
	close_proxy(&p);
}

static void both_at_once(struct ends *e)
{
	struct proxy p;
	awl_task *senders[2];

	open_proxy(&p, e);
	senders[0] = spawn(send_much, client(&p));
	senders[1] = spawn(send_much, server(&p));
	assert_much(server(&p));
	assert_much(client(&p));
	assert_int_equal(outcome(senders[0]), 0);
	assert_int_equal(outcome(senders[1]), 0);
	assert_int_equal(outcome(p.task), 0);
	close_proxy(&p);
}

static void each_end_is_sent_on_as_it_comes_in_either_order(void **state)
{
	on_each(client_first);
	on_each(server_first);
	on_each(both_at_once);
}

static void one_fails(struct ends *e)
{
	struct proxy p;

	open_proxy(&p, e);
	say(client(&p), "hello");
	assert_says(server(&p), "hello");
	assert_int_equal(awl_stream_abort(p.right.a), 0); /* a third party's doing */
	assert_int_equal(outcome(p.task), AWL_EDEAD);
	assert_int_equal(p.there, 5);
	close_proxy(&p);
}

static void the_first_failure_ends_both_ways(void **state)
{
	on_each(one_fails);
}

static void stopped(struct ends *e)
{
	struct proxy p;

	open_proxy(&p, e);
	say(client(&p), "hello");
	assert_says(server(&p), "hello");
	assert_int_equal(stop(p.task), AWL_EFUTURECANCELED);
	say(client(&p), "kept");
	assert_says(p.left.b, "kept"); /* the streams are as before */
	close_proxy(&p);
}

static void a_cancel_ends_both_ways_and_leaves_the_streams_usable(void **state)
{
	on_each(stopped);
}

struct copying {
	awl_stream *from, *to;
	int64_t copied;
};

static int copy(void *arg)
{
	struct copying *c = arg;

	return awl_copy(c->from, c->to, &c->copied);
}

static void destination_goes(struct ends *e)
{
	struct ends out = { .kind = e->kind };
	struct copying c;
	awl_task *t, *sender = spawn(send_much, e->a);
	int64_t left = MUCH;
	int r;

	make_ends(&out);
	c = (struct copying){ .from = e->b, .to = out.a };
	t = spawn(copy, &c);
	swallow(out.b, 1000);
	assert_int_equal(awl_stream_abort(out.b), 0);
	r = outcome(t);
	assert_true(r == -EPIPE || r == -ECONNRESET);
	left -= c.copied;
	swallow(e->b, (size_t)left); /* not a byte of it was lost */
	assert_ended(e->b);
	assert_int_equal(outcome(sender), 0);
	end_stream(&out.a);
	end_stream(&out.b);
}

static void what_the_other_stream_did_not_take_stays_in_the_first(void **state)
{
	on_each(destination_goes);
}

static void refuses(struct ends *e)
{
	int64_t n = 7;

	assert_int_equal(awl_copy(e->a, NULL, &n), -EINVAL);
	assert_int_equal(n, 0);
	assert_int_equal(awl_copy(NULL, e->a, NULL), -EINVAL);
	assert_int_equal(awl_copy_both(e->a, NULL, NULL, NULL), -EINVAL);
	assert_int_equal(awl_stream_close(e->a), 0);
	assert_int_equal(awl_copy(e->a, e->b, NULL), AWL_EDEAD);
	assert_int_equal(awl_copy_both(e->a, e->b, NULL, NULL), AWL_EDEAD);
}

static void a_copy_of_what_is_closed_is_refused(void **state)
{
	on_each(refuses);
}

/* To a file: what is there is written, and taken when it was. */
static int to_file(awl_stream *from, int fd)
{
	const void *data;
	int r;

	while ((r = awl_stream_peek(from, &data)) > 0) {
		r = awl_fd_write(fd, data, (size_t)r);
		if (r < 0)
			return r;
		assert_int_equal(awl_stream_consume(from, (size_t)r), 0);
	}
	return r;
}

static void full_then_not(struct ends *e)
{
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	int file = memfd_create("file", MFD_CLOEXEC);
	char back[8];

	assert_true(full >= 0 && file >= 0);
	say(e->a, "precious");
	assert_int_equal(awl_stream_write_eof(e->a), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(to_file(e->b, full), -ENOSPC);
	assert_int_equal(to_file(e->b, file), 0);
	assert_int_equal(pread(file, back, sizeof back, 0), sizeof back);
	assert_memory_equal(back, "precious", sizeof back);
	assert_int_equal(awl_sock_close(full), 0);
	assert_int_equal(awl_sock_close(file), 0);
}

static void what_a_full_disk_refuses_is_still_in_the_stream(void **state)
{
	REAL_KERNEL(); /* sim has no disk */
	on_each(full_then_not);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_end_is_sent_on_as_it_comes_in_either_order),
		cmocka_unit_test(the_first_failure_ends_both_ways),
		cmocka_unit_test(a_cancel_ends_both_ways_and_leaves_the_streams_usable),
		cmocka_unit_test(what_the_other_stream_did_not_take_stays_in_the_first),
		cmocka_unit_test(a_copy_of_what_is_closed_is_refused),
		cmocka_unit_test(what_a_full_disk_refuses_is_still_in_the_stream),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
