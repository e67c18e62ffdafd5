/* SPDX-License-Identifier: MIT */
/*
 * @reactors @valgrind @timeout 20
 * test_op.c - one task, one operation: given up at a time of its own, beside the deadlines of
 * scopes; and ended for good by who closes its descriptor.
 */
#include "support.h"

#include "task/op.h"

static struct awl__task_op reading(int fd, char *buf)
{
	struct awl__task_op o = { .op = { .kind = AWL__OP_READ, .fd = fd } };

	o.op.u.rw.buf = buf;
	o.op.u.rw.len = 4;
	o.op.u.rw.offset = -1;
	return o;
}

static struct awl__task *self(void)
{
	return here()->current;
}

static int in_time(void *arg)
{
	struct awl__task_op o;
	int64_t until;
	char buf[4];
	int fds[2];

	make_pipe(here(), fds);
	o = reading(fds[0], buf);
	for (int i = 0; i < 3; i++) {
		until = now() + 2 * AWL_MS;
		assert_int_equal(awl__task_op_run(self(), &o, until), -ETIMEDOUT);
		assert_true(now() >= until);
	}
	/* One that has passed already lets an operation be tried, and no more. */
	assert_int_equal(awl__task_op_run(self(), &o, now() - AWL_SEC), -ETIMEDOUT);
	assert_int_equal(awl__task_op_run(self(), &o, INT64_MIN), -ETIMEDOUT);
	/* The same one goes on to be used, and has lost nothing. */
	assert_int_equal(awl_fd_write(fds[1], "abcd", 4), 4);
	assert_int_equal(awl__task_op_run(self(), &o, now() + 3600 * AWL_SEC), 4);
	/* Its time disturbs no later wait. */
	until = now() + AWL_MS;
	assert_int_equal(awl_sleep(AWL_MS), 0);
	assert_true(now() >= until);
	close_pipe(here(), fds);
	return 0;
}

static void an_operation_is_given_up_at_its_time_and_takes_nothing(void **state)
{
	in_loop(in_time, NULL);
}

static int beside_scopes(void *arg)
{
	static const struct {
		int64_t scope, own;
		int first;
	} cases[] = {
		{ AWL_MS, 3600 * AWL_SEC, AWL_ECANCELED },
		{ 3600 * AWL_SEC, AWL_MS, -ETIMEDOUT },
		{ AWL_MS, INT64_MAX, AWL_ECANCELED },
		{ AWL_FOREVER, AWL_MS, -ETIMEDOUT },
	};
	struct awl__task_op o;
	awl_timeout t;
	char buf[4];
	int fds[2];

	make_pipe(here(), fds);
	o = reading(fds[0], buf);
	for (size_t i = 0; i < COUNT(cases); i++) {
		int64_t own = cases[i].own;
		int r = awl_timeout_enter(&t, cases[i].scope);

		assert_int_equal(r, 0);
		r = awl__task_op_run(self(), &o, own == INT64_MAX ? own : now() + own);
		assert_int_equal(r, cases[i].first);
		assert_int_equal(awl_timeout_exit(&t, r), -ETIMEDOUT);
	}
	close_pipe(here(), fds);
	return 0;
}

static void the_nearer_of_its_time_and_a_scopes_deadline_ends_it(void **state)
{
	in_loop(beside_scopes, NULL);
}

struct closing {
	struct awl__task_op o;
	int results[2];
	char buf[4];
};

static int run_twice(void *arg)
{
	struct closing *c = arg;

	for (int i = 0; i < 2; i++)
		c->results[i] = awl__task_op_run(self(), &c->o, INT64_MAX);
	return 0;
}

static int closed(void *arg)
{
	struct closing c = { 0 };
	awl_task *t;
	int fds[2];

	make_pipe(here(), fds);
	c.o = reading(fds[0], c.buf);
	assert_int_equal(awl_create_task(run_twice, &c, &t), 0);
	assert_int_equal(awl_sleep(AWL_MS), 0);
	awl__task_op_close(&c.o);
	assert_int_equal(awl_await(t), 0);
	assert_int_equal(c.results[0], AWL_EDEAD);
	assert_int_equal(c.results[1], AWL_EDEAD);
	assert_int_equal(here()->reactor->in_flight, 0);
	close_pipe(here(), fds);
	return awl_unref(t);
}

static void an_operation_that_is_closed_ends_and_does_not_begin_anew(void **state)
{
	in_loop(closed, NULL);
}

/* --- requests that are taken back --- */

enum { TIMES = 5000 };

static int read_once(void *arg)
{
	struct closing *c = arg;

	c->results[0] = awl__task_op_run(self(), &c->o, INT64_MAX);
	return 0;
}

static int taken_back(void *arg)
{
	struct closing c = { 0 };
	awl_task *t;
	int fds[2];

	make_pipe(here(), fds);
	c.o = reading(fds[0], c.buf);
	assert_int_equal(awl_create_task(read_once, &c, &t), 0);
	for (int i = 0; i < TIMES; i++) {
		assert_int_equal(awl_sleep(1), 0);
		awl_cancel(t, NULL);
		assert_int_equal(awl_uncancel(t), 0);
	}
	assert_int_equal(awl_fd_write(fds[1], "abcd", 4), 4);
	assert_int_equal(awl_await(t), 0);
	assert_int_equal(c.results[0], 4);
	close_pipe(here(), fds);
	return awl_unref(t);
}

static void requests_taken_back_while_the_kernel_has_it_take_no_stack(void **state)
{
	in_loop(taken_back, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_operation_is_given_up_at_its_time_and_takes_nothing),
		cmocka_unit_test(the_nearer_of_its_time_and_a_scopes_deadline_ends_it),
		cmocka_unit_test(an_operation_that_is_closed_ends_and_does_not_begin_anew),
		cmocka_unit_test(requests_taken_back_while_the_kernel_has_it_take_no_stack),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
