/* SPDX-License-Identifier: MIT */
/*
 * @reactors @valgrind
 * test_stream_life.c - how a stream ends: closed, aborted, forgotten, given back, or with its loop;
 * whoever waits in it is told, and nothing of it is left.
 */
#include "streams.h"

#define MUCH 600000u

/* --- who waits in it --- */

static int read_all(void *arg)
{
	void *data;
	size_t len;
	int r = awl_stream_read_to_end(arg, 1000, &data, &len);

	if (r == 0)
		awl_free(data);
	return r;
}

static int write_much(void *arg)
{
	unsigned char *data = bytes(MUCH);
	int r = awl_stream_write_all(arg, data, MUCH, NULL);

	free(data);
	return r;
}

static int write_lines(void *arg)
{
	unsigned char *data = bytes(MUCH);
	struct iovec parts[2] = { { data, MUCH / 2 }, { data, MUCH / 2 } };
	int r = awl_stream_writelines(arg, parts, 2, NULL);

	free(data);
	return r;
}

static int drain(void *arg)
{
	unsigned char *data = bytes(MUCH);
	int r = awl_stream_write_buffered(arg, data, MUCH);

	free(data);
	return r < 0 ? r : awl_stream_drain(arg);
}

static int wait_closed(void *arg)
{
	return awl_stream_wait_closed(arg);
}

/* Each waits, and others are closed under it in both ways. */
static awl_fn *const waits[] = { read_one, read_line, peek, read_all, write_much, write_lines,
	drain };

static void close_under(struct ends *e, int (*end)(awl_stream *s))
{
	for (size_t i = 0; i < COUNT(waits); i++) {
		struct ends other = { .kind = e->kind };
		awl_task *t, *closer;

		make_ends(&other);
		t = spawn(waits[i], other.a);
		closer = spawn(wait_closed, other.a);
		let_them();
		assert_false(awl_done(t));
		assert_int_equal(awl_stream_is_closing(other.a), 0);
		assert_int_equal(end(other.a), 0);
		assert_int_equal(awl_stream_is_closing(other.a), 1);
		assert_int_equal(end(other.a), 0);
		assert_int_equal(outcome(t), AWL_EDEAD);
		if (end == awl_stream_close)
			assert_int_equal(awl_stream_abort(other.b), 0); /* lets go of a flush */
		(void)!outcome(closer);
		assert_true(other.a->closed);
		assert_int_equal(read_one(other.a), AWL_EDEAD);
		assert_int_equal(write_much(other.a), AWL_EDEAD);
		assert_int_equal(drain(other.a), AWL_EDEAD);
		assert_int_equal(awl_stream_drain(other.a), AWL_EDEAD);
		assert_int_equal(awl_stream_write_eof(other.a), AWL_EDEAD);
		assert_int_equal(awl_stream_consume(other.a, 0), AWL_EDEAD);
		assert_int_equal(awl_stream_fd(other.a), AWL_EDEAD);
		assert_int_equal(awl_stream_detach(other.a), AWL_EDEAD);
		end_stream(&other.a);
		end_stream(&other.b);
	}
}

static void closes_under(struct ends *e)
{
	close_under(e, awl_stream_close);
}

static void aborts_under(struct ends *e)
{
	close_under(e, awl_stream_abort);
}

/* R9, P5 */
static void a_close_ends_every_wait_in_the_stream_and_each_later_call(void **state)
{
	on_each(closes_under);
}

static void an_abort_ends_every_wait_in_the_stream(void **state)
{
	on_each(aborts_under);
}

static void reader_has_it_already(struct ends *e)
{
	awl_task *t = spawn(read_one, e->b);

	let_them();
	say(e->a, "x");
	assert_int_equal(awl_stream_close(e->b), 0);
	int r = outcome(t);
	assert_true(r == 'x' || r == AWL_EDEAD);
	assert_int_equal(awl_stream_wait_closed(e->b), 0);
}

static void a_close_that_meets_the_data_loses_to_it_or_wins_and_nothing_else(void **state)
{
	on_each(reader_has_it_already);
}

/* --- what is still to be sent --- */

static int read_everything(void *arg)
{
	void *data;
	size_t len;
	int r = awl_stream_read_to_end(arg, MUCH, &data, &len);

	if (r < 0)
		return r;
	for (size_t i = 0; i < len; i++)
		assert_int_equal(((unsigned char *)data)[i], byte_at(i));
	awl_free(data);
	return (int)len;
}

static void flushes(struct ends *e)
{
	unsigned char *data = bytes(MUCH);
	awl_task *t;

	assert_int_equal(awl_stream_write_buffered(e->a, data, MUCH), 0);
	free(data);
	assert_int_equal(awl_stream_close(e->a), 0);
	assert_false(e->a->closed);
	t = spawn(read_everything, e->b);
	assert_int_equal(awl_stream_wait_closed(e->a), 0);
	assert_int_equal(outcome(t), MUCH);
}

/* P5 */
static void a_close_sends_what_is_buffered_first(void **state)
{
	on_each(flushes);
}

static void flushes_alone(struct ends *e)
{
	unsigned char *data = bytes(MUCH);

	assert_int_equal(awl_stream_write_buffered(e->a, data, MUCH), 0);
	free(data);
	assert_int_equal(awl_stream_close(e->a), 0);
	awl_stream_unref(e->a);
	e->a = NULL;
	assert_int_equal(read_everything(e->b), MUCH);
}

static void a_close_goes_on_when_nobody_has_the_stream_any_more(void **state)
{
	on_each(flushes_alone);
}

static void drops(struct ends *e)
{
	unsigned char *data = bytes(MUCH);

	say(e->b, "never read");
	assert_int_equal(awl_stream_write_buffered(e->a, data, MUCH), 0);
	free(data);
	assert_int_equal(awl_stream_close(e->a), 0);
	assert_int_equal(awl_stream_abort(e->a), 0); /* it has waited long enough */
	assert_int_equal(awl_stream_wait_closed(e->a), 0);
	assert_int_equal(read_everything(e->b), -ECONNRESET);
}

/* P5 */
static void an_abort_drops_what_is_buffered_and_resets(void **state)
{
	on_each(drops);
}

/* --- references --- */

static void counts(struct ends *e)
{
	struct heard h;

	assert_ptr_equal(awl_stream_ref(e->a), e->a);
	assert_null(awl_stream_ref(NULL));
	awl_stream_unref(NULL);
	listen_to_awl(&h);
	awl_stream_unref(e->a);
	assert_int_equal(h.lines, 0);
	say(e->a, "alive");
	assert_says(e->b, "alive");
	awl_stream_unref(e->a);
	e->a = NULL;
	stop_listening();
	assert_heard(&h, "was never closed");
	assert_true(awl_stream_read(e->b, &(char){ 0 }, 1) <= 0);
}

static void counts_in_debug(struct ends *e)
{
	struct heard h;
	awl_stream *s[2];

	awl_loop_set_debug(here(), 1);
	listen_to_awl(&h);
	assert_int_equal(awl_stream_pair(s), 0);
	awl_stream_unref(s[0]);
	awl_stream_unref(s[1]);
	stop_listening();
	assert_heard(&h, "made in ");
	assert_heard(&h, "in memory");
	awl_loop_set_debug(here(), 0);
}

/* P14, R13 */
static void a_stream_given_up_unclosed_is_told_of_with_the_place_it_was_made_at(void **state)
{
	on_each(counts);
	on_kind(MEMORY, counts_in_debug);
}

static void unref_in_use(struct ends *e)
{
	awl_task *t = spawn(read_one, e->a);
	struct heard h;

	let_them();
	listen_to_awl(&h);
	awl_stream_unref(e->a); /* the last reference, while a task is in it */
	e->a = NULL;
	stop_listening();
	assert_int_equal(outcome(t), AWL_EDEAD);
}

static void the_last_unref_ends_those_who_are_still_in_the_stream(void **state)
{
	on_each(unref_in_use);
}

/* --- the loop --- */

static awl_stream *left[2];

static int leave_open(void *arg)
{
	struct ends e = { .kind = *(enum kind *)arg };
	unsigned char *data = bytes(MUCH);

	make_ends(&e);
	left[0] = e.a;
	left[1] = e.b;
	assert_int_equal(awl_stream_write_buffered(e.a, data, MUCH), 0);
	assert_int_equal(awl_stream_close(e.a), 0); /* under way for ever */
	free(data);
	awl_loop_set_debug(here(), 1);
	return 0;
}

static void a_loop_that_closes_aborts_its_streams_and_their_handles_stay_valid(void **state)
{
	for (enum kind kind = MEMORY; kind <= TCP; kind++) {
		struct heard h;
		awl_loop *l = new_loop(NULL);
		int before = descriptors(l);
		char c;

		listen_to_awl(&h);
		assert_int_equal(awl_loop_run_until_complete(l, leave_open, &kind), 0);
		end_loop(l);
		assert_heard(&h, "not yet closed as its loop closes");
		assert_heard(&h, "still open as its loop closes");
		assert_int_equal(descriptors(l), before);
		assert_int_equal(awl_stream_read(left[0], &c, 1), AWL_ECLOSED);
		assert_int_equal(awl_stream_close(left[0]), AWL_ECLOSED);
		assert_int_equal(awl_stream_is_closing(left[0]), 1);
		awl_stream_unref(left[0]);
		awl_stream_unref(left[1]);
		stop_listening();
	}
}

static int reader_stays(void *arg)
{
	struct ends e = { .kind = *(enum kind *)arg };

	make_ends(&e);
	left[0] = e.a;
	left[1] = e.b;
	return awl_create_task(read_one, e.a, NULL);
}

static void a_task_that_reads_as_its_loop_closes_is_asked_to_stop(void **state)
{
	struct heard h;

	listen_to_awl(&h);
	for (enum kind kind = MEMORY; kind <= TCP; kind++) {
		in_loop(reader_stays, &kind);
		awl_stream_unref(left[0]);
		awl_stream_unref(left[1]);
	}
	stop_listening();
	assert_heard(&h, "2 handles are not (a stream's");
}

/* --- descriptors --- */

static void opens(struct ends *e)
{
	awl_stream *s = NULL;
	int fds[2], datagram, fd = awl_stream_fd(e->a);

	assert_true(fd >= 0);
	assert_int_equal(awl_stream_open(fd, &s), -EBUSY);
	assert_int_equal(awl_fd_read(fd, &(char){ 0 }, 1), -EBUSY);
	assert_int_equal(awl_wait_fd(fd, POLLIN), -EBUSY);
	datagram = awl_socket(AF_INET, SOCK_DGRAM, 0);
	assert_int_equal(awl_stream_open(datagram, &s), -EINVAL);
	assert_int_equal(awl_sock_close(datagram), 0);
	datagram = awl_socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(awl_stream_open(datagram, &s), -ENOTCONN);
	assert_int_equal(awl_sock_close(datagram), 0);
	assert_int_equal(awl_stream_open(-1, &s), -EBADF);
	assert_int_equal(awl_stream_open(fd, NULL), -EINVAL);
	make_pipe(here(), fds);
	assert_int_equal(awl_stream_open(fds[0], &s), -ENOTSOCK);
	close_pipe(here(), fds);
	assert_null(s);
}

/* P13, P23 */
static void only_a_connected_stream_socket_without_an_owner_becomes_a_stream(void **state)
{
	on_sockets(opens);
}

static void makes_non_blocking(struct ends *e)
{
	int fds[2], on = 0;
	socklen_t len = sizeof on;
	awl_stream *s[2];

	if (is_sim(here()))
		return;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(awl_stream_open(fds[0], &s[0]), 0);
	assert_int_equal(awl_stream_open(fds[1], &s[1]), 0);
	assert_true(fcntl(fds[0], F_GETFL) & O_NONBLOCK);
	if (e->kind == TCP) {
		assert_int_equal(getsockopt(awl_stream_fd(e->a), IPPROTO_TCP, 1, &on, &len), 0);
		assert_int_equal(on, 1);
	}
	end_stream(&s[0]);
	end_stream(&s[1]);
}

/* P16 */
static void an_adopted_socket_is_made_non_blocking_and_does_not_delay(void **state)
{
	on_sockets(makes_non_blocking);
}

static void detaches(struct ends *e)
{
	awl_stream *again;
	const void *data;
	char c;
	int fd;

	if (e->kind == MEMORY) {
		assert_int_equal(awl_stream_detach(e->a), -ENOTSOCK);
		return;
	}
	say(e->b, "xy");
	while (awl_stream_peek(e->a, &data) < 2)
		assert_int_equal(awl_yield(), 0), assert_says(e->a, "x"), say(e->b, "y");
	assert_int_equal(awl_stream_detach(e->a), -EBUSY);
	assert_int_equal(awl_stream_consume(e->a, 2), 0);
	fd = awl_stream_detach(e->a);
	assert_true(fd >= 0);
	assert_int_equal(awl_stream_read(e->a, &c, 1), AWL_EDEAD);
	assert_int_equal(awl_stream_wait_closed(e->a), 0);
	assert_int_equal(awl_sock_sendall(fd, "raw", 3, 0, NULL), 0);
	assert_says(e->b, "raw");
	assert_int_equal(awl_stream_open(fd, &again), 0);
	say(again, "stream");
	assert_says(e->b, "stream");
	end_stream(&again);
}

static void a_detached_descriptor_is_the_callers_and_may_become_a_stream_again(void **state)
{
	on_each(detaches);
}

static void names(struct ends *e)
{
	struct sockaddr_storage a, b;
	socklen_t a_len = sizeof a, b_len = sizeof b;

	if (e->kind == MEMORY) {
		assert_int_equal(
			awl_stream_getsockname(e->a, (struct sockaddr *)&a, &a_len), -ENOTSOCK);
		assert_int_equal(
			awl_stream_getpeername(e->a, (struct sockaddr *)&a, &a_len), -ENOTSOCK);
		assert_int_equal(awl_stream_fd(e->a), -ENOTSOCK);
		return;
	}
	assert_int_equal(awl_stream_getsockname(e->a, (struct sockaddr *)&a, &a_len), 0);
	assert_int_equal(awl_stream_getpeername(e->b, (struct sockaddr *)&b, &b_len), 0);
	assert_int_equal(a_len, b_len);
	assert_memory_equal(&a, &b, a_len);
	assert_int_equal(awl_stream_close(e->a), 0);
	assert_int_equal(awl_stream_getsockname(e->a, (struct sockaddr *)&a, &a_len), AWL_EDEAD);
}

/* P12 */
static void both_ends_know_their_addresses(void **state)
{
	on_each(names);
}

static void stolen(struct ends *e)
{
	struct heard h;
	char c;
	int fd, other;
	awl_stream *s[2];

	if (is_sim(here()))
		return;
	awl_loop_set_debug(here(), 1);
	unix_streams(s);
	fd = awl_stream_fd(s[0]);
	assert_int_equal(close(fd), 0); /* the mistake */
	other = memfd_create("another's", 0);
	assert_int_equal(other, fd);
	listen_to_awl(&h);
	assert_int_equal(awl_stream_write(s[0], "x", 1), AWL_EDEAD);
	assert_int_equal(awl_stream_read(s[0], &c, 1), AWL_EDEAD);
	assert_int_equal(awl_stream_write_buffered(s[0], "x", 1), AWL_EDEAD);
	end_stream(&s[0]);
	stop_listening();
	assert_heard(&h, "somebody else has closed its descriptor");
	assert_int_equal(lseek(other, 0, SEEK_END), 0); /* untouched, and open */
	assert_int_equal(close(other), 0);
	end_stream(&s[1]);
}

static void in_debug_mode_a_descriptor_closed_behind_a_streams_back_is_told(void **state)
{
	on_kind(UNIX, stolen);
}

/* --- numbers used again --- */

static int read_late(void *arg)
{
	char buf[100];
	int r = awl_stream_read(arg, buf, sizeof buf);

	return r < 0 ? 0 : r;
}

static void reuses(struct ends *e)
{
	for (int i = 0; i < 50; i++) {
		awl_stream *old[2], *young[2];
		int fd;
		awl_task *t;

		(e->kind == TCP ? tcp_streams : unix_streams)(old);
		fd = awl_stream_fd(old[0]);
		t = spawn(read_late, old[0]);
		if (i % 2)
			let_them();
		say(old[1], "late data of an earlier connection");
		assert_int_equal(i % 3 ? awl_stream_close(old[0]) : awl_stream_abort(old[0]), 0);
		(void)!outcome(t);
		assert_int_equal(awl_stream_wait_closed(old[0]), 0);
		(e->kind == TCP ? tcp_streams : unix_streams)(young);
		if (awl_stream_fd(young[0]) == fd)
			(void)!awl_stream_write(old[1], "more of it", 10);
		say(young[1], "mine");
		assert_says(young[0], "mine");
		say(young[0], "yours");
		assert_says(young[1], "yours");
		end_stream(&old[0]);
		end_stream(&old[1]);
		end_stream(&young[0]);
		end_stream(&young[1]);
	}
}

static void what_is_late_for_a_connection_never_reaches_the_next_of_its_number(void **state)
{
	on_sockets(reuses);
}

static void many(struct ends *e)
{
	int before = descriptors(here());

	for (int i = 0; i < 200; i++) {
		struct ends other = { .kind = e->kind };

		make_ends(&other);
		say(other.a, "never read");
		assert_int_equal(awl_stream_abort(other.b), 0);
		end_stream(&other.a);
		end_stream(&other.b);
	}
	assert_int_equal(descriptors(here()), before);
}

static void connections_opened_and_reset_leave_nothing_behind(void **state)
{
	on_each(many);
}

/* --- options --- */

static void options(struct ends *e)
{
	assert_int_equal(awl_stream_set_idle_timeout(e->a, 0), -EINVAL);
	assert_int_equal(awl_stream_set_idle_timeout(e->a, -1), -EINVAL);
	assert_int_equal(awl_stream_set_idle_timeout(e->a, AWL_FOREVER), 0);
	assert_int_equal(awl_stream_set_limit(e->a, SIZE_MAX), 0);
	assert_int_equal(awl_stream_pair(NULL), -EINVAL);
}

static void options_out_of_range_are_refused(void **state)
{
	on_each(options);
}

static awl_stream *someone_elses;

static int use_it(void *arg)
{
	char c;

	assert_int_equal(awl_stream_read(someone_elses, &c, 1), AWL_EOTHERLOOP);
	return 0;
}

static int make_one(void *arg)
{
	awl_stream **s = arg;

	return awl_stream_pair(s);
}

static void a_stream_of_another_loop_is_refused(void **state)
{
	awl_loop *l = new_loop(NULL);
	awl_stream *s[2];

	assert_int_equal(awl_stream_pair(s), AWL_ENOLOOP);
	assert_int_equal(awl_stream_open(0, s), AWL_ENOLOOP);
	assert_int_equal(awl_loop_run_until_complete(l, make_one, s), 0);
	someone_elses = s[0];
	in_loop(use_it, NULL);
	assert_int_equal(awl_stream_read(s[0], s, 1), AWL_ENOLOOP);
	assert_int_equal(awl_stream_close(s[0]), 0);
	assert_int_equal(awl_stream_close(s[1]), 0);
	awl_stream_unref(s[0]);
	awl_stream_unref(s[1]);
	end_loop(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_close_ends_every_wait_in_the_stream_and_each_later_call),
		cmocka_unit_test(an_abort_ends_every_wait_in_the_stream),
		cmocka_unit_test(a_close_that_meets_the_data_loses_to_it_or_wins_and_nothing_else),
		cmocka_unit_test(a_close_sends_what_is_buffered_first),
		cmocka_unit_test(a_close_goes_on_when_nobody_has_the_stream_any_more),
		cmocka_unit_test(an_abort_drops_what_is_buffered_and_resets),
		cmocka_unit_test(
			a_stream_given_up_unclosed_is_told_of_with_the_place_it_was_made_at),
		cmocka_unit_test(the_last_unref_ends_those_who_are_still_in_the_stream),
		cmocka_unit_test(
			a_loop_that_closes_aborts_its_streams_and_their_handles_stay_valid),
		cmocka_unit_test(a_task_that_reads_as_its_loop_closes_is_asked_to_stop),
		cmocka_unit_test(only_a_connected_stream_socket_without_an_owner_becomes_a_stream),
		cmocka_unit_test(an_adopted_socket_is_made_non_blocking_and_does_not_delay),
		cmocka_unit_test(
			a_detached_descriptor_is_the_callers_and_may_become_a_stream_again),
		cmocka_unit_test(both_ends_know_their_addresses),
		cmocka_unit_test(in_debug_mode_a_descriptor_closed_behind_a_streams_back_is_told),
		cmocka_unit_test(
			what_is_late_for_a_connection_never_reaches_the_next_of_its_number),
		cmocka_unit_test(connections_opened_and_reset_leave_nothing_behind),
		cmocka_unit_test(options_out_of_range_are_refused),
		cmocka_unit_test(a_stream_of_another_loop_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
