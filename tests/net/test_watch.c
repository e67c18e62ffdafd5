/* SPDX-License-Identifier: MIT */
/*
 * @reactors @valgrind @timeout 60
 * test_watch.c - callbacks for a descriptor: for as long as it is ready, one of each kind, and gone
 * when they are taken back, whoever does it and whenever.
 */
#include "net/sockets.h"

struct watched {
	int fd, calls, stop_at;
	awl_loop *loop;
	int (*then)(struct watched *w);
};

static int on_ready(void *arg)
{
	struct watched *w = arg;

	w->calls++;
	return w->then ? w->then(w) : 0;
}

static int remove_at(struct watched *w)
{
	if (w->calls == w->stop_at)
		assert_int_equal(awl_loop_remove_reader(w->loop, w->fd), 1);
	return 0;
}

static void iterations(int n)
{
	while (n-- > 0)
		assert_int_equal(awl_sleep(AWL_MS), 0);
}

static int level(void *arg)
{
	struct watched w = { .loop = here(), .stop_at = 5, .then = remove_at };
	int fds[2];
	char byte;

	unix_pair(fds);
	w.fd = fds[0];
	assert_int_equal(awl_loop_add_reader(here(), fds[0], on_ready, &w), 0);
	iterations(3);
	assert_int_equal(w.calls, 0);
	assert_int_equal(awl_sock_send(fds[1], "x", 1, 0), 1);
	/* It is called for as long as the byte is there, until it takes itself back. */
	iterations(10);
	assert_int_equal(w.calls, 5);
	assert_int_equal(awl_loop_remove_reader(here(), fds[0]), 0);
	/* The byte goes, and it is not called; it comes, and it is. */
	assert_int_equal(awl_sock_recv(fds[0], &byte, 1, 0), 1);
	w = (struct watched){ .loop = here(), .fd = fds[0] };
	assert_int_equal(awl_loop_add_reader(here(), fds[0], on_ready, &w), 0);
	iterations(3);
	assert_int_equal(w.calls, 0);
	assert_int_equal(awl_sock_send(fds[1], "x", 1, 0), 1);
	while (w.calls == 0)
		iterations(1);
	assert_int_equal(awl_sock_recv(fds[0], &byte, 1, 0), 1);
	iterations(2);
	w.calls = 0;
	iterations(3);
	assert_int_equal(w.calls, 0);
	/* The end of the stream is news too. */
	assert_int_equal(awl_sock_close(fds[1]), 0);
	while (w.calls == 0)
		iterations(1);
	assert_int_equal(awl_loop_remove_reader(here(), fds[0]), 1);
	w.calls = 0;
	iterations(3);
	assert_int_equal(w.calls, 0);
	return awl_sock_close(fds[0]);
}

static void a_reader_is_called_for_as_long_as_there_is_something(void **state)
{
	in_loop(level, NULL);
}

static int writers(void *arg)
{
	static char many[1 << 16];
	struct watched r = { .loop = here() }, w = { .loop = here() };
	int fds[2];

	unix_pair(fds);
	while (awl_sock_send(fds[0], many, sizeof many, MSG_DONTWAIT) > 0)
		;
	assert_int_equal(awl_loop_add_reader(here(), fds[0], on_ready, &r), 0);
	assert_int_equal(awl_loop_add_writer(here(), fds[0], on_ready, &w), 0);
	iterations(3);
	assert_int_equal(w.calls, 0);
	while (awl_sock_recv(fds[1], many, sizeof many, MSG_DONTWAIT) > 0)
		;
	while (w.calls < 3)
		iterations(1);
	assert_int_equal(r.calls, 0);
	assert_int_equal(awl_loop_remove_writer(here(), fds[0]), 1);
	assert_int_equal(awl_loop_remove_writer(here(), fds[0]), 0);
	assert_int_equal(awl_sock_send(fds[1], "x", 1, 0), 1);
	while (r.calls < 3)
		iterations(1);
	assert_int_equal(awl_loop_remove_reader(here(), fds[0]), 1);
	close_both(fds);
	return 0;
}

static void a_writer_is_called_while_there_is_room_and_beside_a_reader(void **state)
{
	in_loop(writers, NULL);
}

static int replaced(void *arg)
{
	struct watched a = { .loop = here() }, b = a;
	int fds[2], calls;

	unix_pair(fds);
	assert_int_equal(awl_sock_send(fds[1], "x", 1, 0), 1);
	assert_int_equal(awl_loop_add_reader(here(), fds[0], on_ready, &a), 0);
	while (a.calls == 0)
		iterations(1);
	calls = a.calls;
	assert_int_equal(awl_loop_add_reader(here(), fds[0], on_ready, &b), 0);
	while (b.calls < 3)
		iterations(1);
	assert_int_equal(a.calls, calls);
	assert_int_equal(awl_loop_remove_reader(here(), fds[0]), 1);
	assert_int_equal(awl_loop_remove_reader(here(), fds[0]), 0);
	close_both(fds);
	return 0;
}

static void another_reader_takes_the_place_of_the_first(void **state)
{
	in_loop(replaced, NULL);
}

static int add_again(struct watched *w)
{
	return awl_loop_add_reader(w->loop, w->fd, on_ready, w);
}

static int fail_once(struct watched *w)
{
	return w->calls == 1 ? -EIO : 0;
}

static int told;

static void on_exception(awl_loop *l, const awl_exception *e, void *arg)
{
	assert_non_null(strstr(e->message, arg));
	told = e->error;
}

static int from_inside(void *arg)
{
	struct watched w = { .loop = here(), .then = add_again };
	int fds[2];

	unix_pair(fds);
	w.fd = fds[0];
	assert_int_equal(awl_sock_send(fds[1], "x", 1, 0), 1);
	/* Itself anew, from inside. */
	assert_int_equal(awl_loop_add_reader(here(), fds[0], on_ready, &w), 0);
	while (w.calls < 5)
		iterations(1);
	assert_int_equal(awl_loop_remove_reader(here(), fds[0]), 1);
	/* A failure is told, and it stays. */
	w = (struct watched){ .loop = here(), .fd = fds[0], .then = fail_once };
	awl_loop_set_exception_handler(here(), on_exception, "the reader of descriptor");
	assert_int_equal(awl_loop_add_reader(here(), fds[0], on_ready, &w), 0);
	while (w.calls < 3)
		iterations(1);
	assert_int_equal(told, -EIO);
	assert_int_equal(awl_loop_remove_reader(here(), fds[0]), 1);
	close_both(fds);
	return 0;
}

static void a_callback_may_replace_itself_and_may_fail(void **state)
{
	in_loop(from_inside, NULL);
}

static int close_from_inside(struct watched *w)
{
	awl_loop *l = w->loop;

	return l->reactor->class->net->close(l->reactor, w->fd);
}

static int closing(void *arg)
{
	struct watched w = { .loop = here() }, v = w;
	int before = descriptors(here()), fds[2];
	char byte;

	/* In order: the callbacks go with the descriptor, and the peer sees its end. */
	unix_pair(fds);
	assert_int_equal(awl_loop_add_reader(here(), fds[0], on_ready, &w), 0);
	assert_int_equal(awl_loop_add_writer(here(), fds[0], on_ready, &v), 0);
	iterations(2);
	assert_int_equal(awl_sock_close(fds[0]), 0);
	assert_int_equal(awl_sock_recv(fds[1], &byte, 1, 0), 0);
	assert_int_equal(awl_loop_remove_reader(here(), fds[0]), 0);
	assert_int_equal(awl_loop_remove_writer(here(), fds[0]), 0);
	assert_int_equal(awl_sock_close(fds[1]), 0);
	assert_int_equal(here()->reactor->in_flight, 0);
	/* Out of order, in the callback itself: told, and over. */
	unix_pair(fds);
	w = (struct watched){ .loop = here(), .fd = fds[0], .then = close_from_inside };
	awl_loop_set_exception_handler(here(), on_exception, "is removed: it cannot be polled");
	told = 0;
	assert_int_equal(awl_loop_add_reader(here(), fds[0], on_ready, &w), 0);
	assert_int_equal(awl_sock_send(fds[1], "x", 1, 0), 1);
	while (!told)
		iterations(1);
	assert_int_equal(told, -EBADF);
	assert_int_equal(w.calls, 1);
	assert_int_equal(awl_sock_close(fds[1]), 0);
	assert_int_equal(here()->reactor->in_flight, 0);
	assert_int_equal(descriptors(here()), before);
	return 0;
}

static void callbacks_go_with_their_descriptor(void **state)
{
	in_loop(closing, NULL);
}

static int leave_them(void *arg)
{
	static struct watched w[3];
	int *fds = arg;

	unix_pair(fds);
	assert_int_equal(awl_loop_add_reader(here(), fds[0], on_ready, &w[0]), 0);
	assert_int_equal(awl_loop_add_writer(here(), fds[0], on_ready, &w[1]), 0);
	iterations(2);
	return awl_loop_add_reader(here(), fds[1], on_ready, &w[2]); /* not yet begun */
}

static void a_loop_that_is_closed_forgets_them(void **state)
{
	int fds[2];
	bool sim = test_is_on_sim();

	in_loop(leave_them, fds);
	for (int i = 0; i < 2 && !sim; i++)
		close(fds[i]);
}

static int stop_after_three(struct watched *w)
{
	if (w->calls == 3)
		assert_int_equal(awl_loop_stop(w->loop), 0);
	return 0;
}

static void they_may_be_added_before_the_loop_runs_and_outlast_a_run(void **state)
{
	awl_loop *l = new_loop(NULL);
	struct watched w = { .loop = l, .then = stop_after_three };
	const struct awl__net *net = l->reactor->class->net;
	int fds[2];

	assert_int_equal(net->pair(l->reactor, AF_UNIX, SOCK_STREAM, fds), 0);
	w.fd = fds[0];
	assert_int_equal(awl_loop_add_writer(l, fds[0], on_ready, &w), 0);
	for (int run = 0; run < 2; run++) {
		w.calls = 0;
		assert_int_equal(awl_loop_run_forever(l), 0);
		assert_int_equal(w.calls, 3);
	}
	assert_int_equal(awl_loop_remove_writer(l, fds[0]), 1);
	net->close(l->reactor, fds[0]);
	net->close(l->reactor, fds[1]);
	end_loop(l);
}

static int refused(void *arg)
{
	awl_loop *l = here();
	struct watched w = { .loop = l };
	int fds[2];

	unix_pair(fds);
	assert_int_equal(awl__reactor_own(l->reactor, fds[0]), 0);
	assert_int_equal(awl_loop_add_reader(l, fds[0], on_ready, &w), -EBUSY);
	assert_int_equal(awl_loop_add_writer(l, fds[0], on_ready, &w), -EBUSY);
	awl__reactor_disown(l->reactor, fds[0]);
	assert_int_equal(awl_loop_add_reader(l, -1, on_ready, &w), -EBADF);
	assert_int_equal(awl_loop_add_reader(NULL, fds[0], on_ready, &w), -EINVAL);
	assert_int_equal(awl_loop_add_reader(l, fds[0], NULL, &w), -EINVAL);
	assert_int_equal(awl_loop_remove_reader(l, 12345), 0);
	assert_int_equal(awl_loop_remove_reader(l, -1), 0);
	close_both(fds);
	return 0;
}

static void what_is_a_streams_is_refused_and_so_is_nonsense(void **state)
{
	in_loop(refused, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reader_is_called_for_as_long_as_there_is_something),
		cmocka_unit_test(a_writer_is_called_while_there_is_room_and_beside_a_reader),
		cmocka_unit_test(another_reader_takes_the_place_of_the_first),
		cmocka_unit_test(a_callback_may_replace_itself_and_may_fail),
		cmocka_unit_test(callbacks_go_with_their_descriptor),
		cmocka_unit_test(a_loop_that_is_closed_forgets_them),
		cmocka_unit_test(they_may_be_added_before_the_loop_runs_and_outlast_a_run),
		cmocka_unit_test(what_is_a_streams_is_refused_and_so_is_nonsense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
