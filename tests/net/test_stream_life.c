/* SPDX-License-Identifier: MIT */
/*
 * @reactors @valgrind
 * test_stream_life.c - whose a stream is, and how long: its references, its loop, the number of its
 * descriptor used again; nothing of it is left.
 */
#include "streams.h"

#define MUCH 600000u

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
		cmocka_unit_test(
			a_stream_given_up_unclosed_is_told_of_with_the_place_it_was_made_at),
		cmocka_unit_test(the_last_unref_ends_those_who_are_still_in_the_stream),
		cmocka_unit_test(
			a_loop_that_closes_aborts_its_streams_and_their_handles_stay_valid),
		cmocka_unit_test(a_task_that_reads_as_its_loop_closes_is_asked_to_stop),
		cmocka_unit_test(
			what_is_late_for_a_connection_never_reaches_the_next_of_its_number),
		cmocka_unit_test(connections_opened_and_reset_leave_nothing_behind),
		cmocka_unit_test(options_out_of_range_are_refused),
		cmocka_unit_test(a_stream_of_another_loop_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
