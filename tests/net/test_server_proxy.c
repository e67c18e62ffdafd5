/* SPDX-License-Identifier: MIT */
/*
 * @reactors @valgrind
 * test_server_proxy.c - client and server with somebody between them who cuts, resets and delays at
 * each byte of a message: both are told how far it came, and neither keeps anything.
 */
#include "proxy.h"

static const char request[MESSAGE + 1] = "what is said to a server";
static const char answer[MESSAGE + 1] = "and what comes back then";

/* How a request came to who serves. */
struct seen {
	int count, result;
	size_t len;
	bool right;
};

static int answers(awl_stream *s, void *arg)
{
	struct seen *seen = arg;
	char bytes[MESSAGE];

	seen->result = awl_stream_readexactly(s, bytes, MESSAGE, &seen->len);
	seen->right = memcmp(bytes, request, seen->len) == 0;
	seen->count++;
	if (seen->result == 0)
		(void)!awl_stream_write_all(s, answer, MESSAGE, NULL);
	return 0;
}

/* A request and its answer: how many bytes of that came, and with what it ended. */
static int ask(struct proxy *p, size_t *len)
{
	char bytes[MESSAGE];
	awl_stream *s = client_of(p->server);
	int r = awl_stream_write_all(s, request, MESSAGE, NULL);

	*len = 0;
	if (r == 0)
		r = awl_stream_readexactly(s, bytes, MESSAGE, len);
	assert_memory_equal(bytes, answer, *len);
	end_client(s);
	return r;
}

static void each_byte(enum harm harm, bool in_the_answer,
	void (*check)(int result, size_t len, const struct seen *seen, int at))
{
	struct seen seen = { 0 };
	awl_server *server = serve_loopback(answers, &seen);
	struct proxy p = { .harm = harm, .in_the_answer = in_the_answer };

	begin_proxy(&p, server);
	for (p.after = 0; p.after <= MESSAGE; p.after++) {
		int before = seen.count, r;
		size_t len;

		r = ask(&p, &len);
		while (seen.count == before || awl_server_connections(server) ||
			awl_server_connections(p.server))
			settle();
		assert_true(seen.right);
		check(r, len, &seen, p.after);
	}
	end_proxy(&p);
	end_server(server);
}

/* --- */

static void answer_cut(int result, size_t len, const struct seen *seen, int at)
{
	assert_int_equal(seen->result, 0);
	assert_int_equal(len, at);
	assert_int_equal(result, at == MESSAGE ? 0 : AWL_EINCOMPLETE);
}

static void answer_reset(int result, size_t len, const struct seen *seen, int at)
{
	assert_int_equal(seen->result, 0);
	assert_true(len <= (size_t)at); /* a reset may take back what nobody has read */
	assert_true(result == (len == MESSAGE ? 0 : -ECONNRESET));
}

static void all_came(int result, size_t len, const struct seen *seen, int at)
{
	assert_int_equal(seen->result, 0);
	assert_int_equal(len, MESSAGE);
	assert_int_equal(result, 0);
}

static void request_cut(int result, size_t len, const struct seen *seen, int at)
{
	assert_int_equal(seen->len, at);
	assert_int_equal(seen->result, at == MESSAGE ? 0 : AWL_EINCOMPLETE);
	assert_int_equal(len, 0);
	assert_true(result == AWL_EINCOMPLETE || result == -ECONNRESET);
}

static void request_reset(int result, size_t len, const struct seen *seen, int at)
{
	assert_true(seen->len <= (size_t)at);
	assert_true(seen->result == (seen->len == MESSAGE ? 0 : -ECONNRESET));
	assert_int_equal(len, 0);
	assert_true(result == AWL_EINCOMPLETE || result == -ECONNRESET);
}

static int cuts(void *arg)
{
	each_byte(TRUNCATE, true, answer_cut);
	each_byte(TRUNCATE, false, request_cut);
	return 0;
}

static int resets(void *arg)
{
	each_byte(RESET, true, answer_reset);
	each_byte(RESET, false, request_reset);
	return 0;
}

static int delays(void *arg)
{
	each_byte(DELAY, true, all_came);
	each_byte(DELAY, false, all_came);
	return 0;
}

static void a_message_cut_at_any_byte_comes_as_far_as_it_was_sent(void **state)
{
	cleanly(cuts, NULL);
}

static void a_reset_at_any_byte_is_told_and_leaves_nothing(void **state)
{
	cleanly(resets, NULL);
}

static void a_message_that_comes_byte_by_byte_is_whole(void **state)
{
	cleanly(delays, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_cut_at_any_byte_comes_as_far_as_it_was_sent),
		cmocka_unit_test(a_reset_at_any_byte_is_told_and_leaves_nothing),
		cmocka_unit_test(a_message_that_comes_byte_by_byte_is_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
