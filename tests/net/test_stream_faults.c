/* SPDX-License-Identifier: MIT */
/*
 * @timeout 120
 * test_stream_faults.c - streams in a bad world, by seeds: short transfers, readiness that was
 * none, resets, no memory. What arrives is in order and whole, or an error says otherwise.
 */
#include "streams.h"

#define MUCH 100000u

/* --- a network that fails --- */

struct exchange {
	enum kind kind;
	awl_test_network faults;
	uint64_t seed;
	struct ends e;
	size_t sent, received;
	int writer, reader, echoed;
};

static bool is_broken(int r)
{
	return r == -ECONNRESET || r == -EPIPE || r == AWL_EINCOMPLETE;
}

/* In ways that the seed chooses. */
static int writes(void *arg)
{
	struct exchange *x = arg;
	unsigned char *data = bytes(MUCH);
	uint64_t dice = x->seed;
	int r = 0;

	while (r == 0 && x->sent < MUCH) {
		size_t done = 0, len;

		dice = dice * 6364136223846793005u + 1442695040888963407u;
		len = 1 + (dice >> 40) % 9000;
		if (len > MUCH - x->sent)
			len = MUCH - x->sent;
		switch (dice >> 60 & 3) {
		case 0:
			r = awl_stream_write_buffered(x->e.a, data + x->sent, len);
			done = r == 0 ? len : 0;
			if (r == 0)
				r = awl_stream_drain(x->e.a);
			break;
		case 1: {
			struct iovec parts[2] = { { data + x->sent, len / 2 },
				{ data + x->sent + len / 2, len - len / 2 } };

			r = awl_stream_writelines(x->e.a, parts, 2, &done);
			break;
		}
		default:
			r = awl_stream_write_all(x->e.a, data + x->sent, len, &done);
		}
		x->sent += done;
		if (r == -ENOBUFS)
			r = awl_sleep(AWL_MS); /* the system's want of memory passes */
	}
	free(data);
	while (r == 0 && (r = awl_stream_write_eof(x->e.a)) == -ENOBUFS)
		;
	return x->writer = r;
}

static int reads(void *arg)
{
	struct exchange *x = arg;
	uint64_t dice = x->seed + 1;
	unsigned char buf[5000];
	int r;

	do {
		const void *data = buf;

		dice = dice * 6364136223846793005u + 1442695040888963407u;
		if (dice >> 63) {
			r = awl_stream_read(x->e.b, buf, 1 + (dice >> 40) % sizeof buf);
		} else {
			r = awl_stream_peek(x->e.b, &data);
			if (r > 1)
				r = 1 + (int)((dice >> 33) % (unsigned)r);
		}
		for (int i = 0; i < r; i++)
			assert_int_equal(
				((const unsigned char *)data)[i], byte_at(x->received + (size_t)i));
		if (r > 0 && data != buf)
			assert_int_equal(awl_stream_consume(x->e.b, (size_t)r), 0);
		x->received += r > 0 ? (size_t)r : 0;
	} while (r > 0);
	return x->reader = r;
}

static int exchange(void *arg)
{
	struct exchange *x = arg;
	awl_task *tasks[2];

	x->e.kind = x->kind;
	make_ends(&x->e);
	assert_int_equal(awl_test_set_network(&x->faults), 0);
	tasks[0] = spawn(writes, x);
	tasks[1] = spawn(reads, x);
	(void)!outcome(tasks[0]);
	if (x->writer < 0)
		assert_int_equal(awl_stream_abort(x->e.a), 0);
	(void)!outcome(tasks[1]);
	end_stream(&x->e.a);
	end_stream(&x->e.b);
	return 0;
}

static void every_seed(const awl_test_network *faults, bool may_break)
{
	for (enum kind kind = MEMORY; kind <= TCP; kind++)
		for (uint64_t seed = 1; seed <= 40; seed++) {
			struct exchange x = { .kind = kind, .faults = *faults, .seed = seed };

			assert_int_equal(awl_test_run(seed, exchange, &x), 0);
			if (may_break && (x.writer < 0 || x.reader < 0)) {
				assert_true(x.writer == 0 || is_broken(x.writer));
				assert_true(x.reader == 0 || is_broken(x.reader));
				assert_true(x.received <= MUCH);
				continue;
			}
			assert_int_equal(x.writer, 0);
			assert_int_equal(x.reader, 0);
			assert_int_equal(x.sent, MUCH);
			assert_int_equal(x.received, MUCH);
		}
}

static void short_transfers_and_false_alarms_change_no_byte(void **state)
{
	every_seed(&(awl_test_network){ .short_in = 2, .again_in = 3, .nobufs_in = 20 }, false);
}

static void a_slow_and_lossy_network_changes_no_byte(void **state)
{
	every_seed(&(awl_test_network){ .latency = 5 * AWL_MS,
			   .jitter = 3 * AWL_MS,
			   .bandwidth = 1000000,
			   .loss_in = 50 },
		false);
}

static void a_reset_in_the_middle_is_told_and_what_came_before_is_right(void **state)
{
	every_seed(&(awl_test_network){ .short_in = 3, .reset_in = 40 }, true);
}

/* --- a system that has nothing to give, and goes on so --- */

static int never_has_room(void *arg)
{
	const awl_test_network wants = { .nobufs_in = 1 };
	struct ends e = { .kind = *(enum kind *)arg };
	size_t full;

	make_ends(&e);
	full = fill_up(e.a);
	assert_int_equal(awl_stream_write_buffered(e.a, "the rest", 8), 0);
	assert_int_equal(awl_test_set_network(&wants), 0);
	swallow(e.b, full);
	let_them();
	assert_int_equal(awl_stream_get_write_buffer_size(e.a), 0);
	assert_int_equal(awl_stream_drain(e.a), -ENOBUFS);
	assert_int_equal(awl_stream_write_buffered(e.a, "more", 4), -ENOBUFS);
	assert_int_equal(awl_test_set_network(NULL), 0);
	end_stream(&e.a);
	end_stream(&e.b);
	return 0;
}

static void what_is_refused_again_and_again_is_given_up_and_told(void **state)
{
	for (enum kind kind = UNIX; kind <= TCP; kind++)
		assert_int_equal(awl_test_run(0, never_has_room, &kind), 0);
}

/* --- no memory --- */

static int no_more(int r)
{
	assert_true(r >= 0 || r == -ENOMEM);
	return r;
}

/* Each call once or more; it ends at the first that has no memory. */
static int a_life(awl_stream *a, awl_stream *b)
{
	static char big[100000];
	const char *line;
	const void *data;
	void *all;
	size_t len;
	int r;

	r = no_more(awl_stream_write_all(a, "a line\nanother\n", 15, NULL));
	if (r == 0)
		r = no_more(awl_stream_readline(b, &line));
	if (r > 0)
		r = no_more(awl_stream_peek(b, &data));
	if (r > 0)
		r = no_more(awl_stream_set_write_buffer_limits(b, sizeof big, 0));
	if (r == 0)
		r = no_more(awl_stream_write_buffered(b, big, sizeof big));
	if (r == 0)
		r = no_more(awl_stream_close(b));
	if (r == 0)
		r = no_more(awl_stream_read_to_end(a, sizeof big, &all, &len));
	if (r == 0)
		awl_free(all);
	return r;
}

static int live(void *arg)
{
	enum kind kind = *(enum kind *)arg;
	awl_stream *s[2] = { NULL, NULL };
	int fds[2] = { -1, -1 }, r;

	if (kind == MEMORY)
		r = no_more(awl_stream_pair(s));
	else
		r = no_more(awl_socketpair(AF_UNIX, SOCK_STREAM, fds));
	for (int i = 0; i < 2 && r == 0 && kind != MEMORY; i++) {
		r = no_more(awl_stream_open(fds[i], &s[i]));
		if (r == 0)
			fds[i] = -1;
	}
	if (r == 0)
		r = a_life(s[0], s[1]);
	for (int i = 0; i < 2; i++) {
		if (s[i])
			awl_stream_abort(s[i]);
		awl_stream_unref(s[i]);
		if (fds[i] >= 0)
			awl_test_close(fds[i]);
	}
	return r;
}

static void whatever_allocation_fails_is_an_error_and_leaves_nothing(void **state)
{
	for (enum kind kind = MEMORY; kind <= UNIX; kind++) {
		int64_t n = 0;
		int r, made;

		do {
			awl_test_fail_alloc(++n);
			r = awl_test_run(0, live, &kind);
			made = (int)awl_test_fail_alloc(0);
			assert_true(r == 0 || r == -ENOMEM);
		} while (made >= n);
		assert_int_equal(r, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(short_transfers_and_false_alarms_change_no_byte),
		cmocka_unit_test(a_slow_and_lossy_network_changes_no_byte),
		cmocka_unit_test(a_reset_in_the_middle_is_told_and_what_came_before_is_right),
		cmocka_unit_test(what_is_refused_again_and_again_is_given_up_and_told),
		cmocka_unit_test(whatever_allocation_fails_is_an_error_and_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
