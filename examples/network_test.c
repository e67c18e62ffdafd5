/* SPDX-License-Identifier: MIT */
/*
 * network_test.c - two programs that talk over a simulated network, in virtual time: a counter and
 * a client that does not give up. Its line is slow, loses packets and is silent for an hour; no
 * count is lost, none is counted twice, and the test takes no time.
 */
#include <awl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- the server: "add N\n" counts N, once, and is answered by the sum --- */

struct counter {
	int last, sum; /* the last N that was counted */
	int64_t connections;
};

static int count(awl_stream *s, void *arg)
{
	struct counter *c = arg;
	const char *line;
	char answer[32];
	int n;

	c->connections++;
	while ((n = awl_stream_readline(s, &line)) > 0) {
		int number = atoi(line + strlen("add "));

		if (number > c->last) { /* else the client has not heard the answer */
			c->last = number;
			c->sum += number;
		}
		n = snprintf(answer, sizeof answer, "%d\n", c->sum);
		n = awl_stream_write_all(s, answer, (size_t)n, NULL);
		if (n < 0)
			break;
	}
	return n == -ECONNRESET || n == -EPIPE ? 0 : n;
}

static int counter_main(void *arg)
{
	awl_server *server;
	int r = awl_start_server(count, arg, NULL, 7777, &server);

	if (r < 0)
		return r;
	r = awl_server_serve_forever(server);
	awl_server_unref(server);
	return r;
}

/* --- the client --- */

struct question {
	awl_stream *stream; /* NULL: not connected */
	int number, sum;
};

static int ask_once(void *arg)
{
	struct question *q = arg;
	const char *line;
	char request[32];
	int r = 0;

	if (!q->stream)
		r = awl_open_connection("counter.example", 7777, &q->stream);
	if (r < 0)
		return r;
	snprintf(request, sizeof request, "add %d\n", q->number);
	r = awl_stream_write_all(q->stream, request, strlen(request), NULL);
	if (r == 0)
		r = awl_stream_readline(q->stream, &line);
	if (r > 0)
		q->sum = atoi(line);
	return r > 0 ? 0 : r < 0 ? r : -ECONNRESET;
}

static void hang_up(struct question *q)
{
	if (!q->stream)
		return;
	awl_stream_abort(q->stream);
	awl_stream_unref(q->stream);
	q->stream = NULL;
}

/* Until there is an answer: what takes longer than five seconds is asked anew. */
static int ask(struct question *q)
{
	int r;

	while ((r = awl_wait_for(5 * AWL_SEC, ask_once, q)) < 0 && r != AWL_ECANCELED) {
		hang_up(q);
		r = awl_sleep(AWL_SEC);
		if (r < 0)
			break;
	}
	return r;
}

/* 1 + 2 + ... + 100: the sum; one question a second. */
static int client(void *arg)
{
	struct question q = { 0 };
	int r = 0;

	(void)arg;
	for (q.number = 1; q.number <= 100 && r == 0; q.number++) {
		r = ask(&q);
		if (r == 0)
			r = awl_sleep(AWL_SEC);
	}
	hang_up(&q);
	return r < 0 ? r : q.sum;
}

/* --- the tests --- */

static int failed;

#define CHECK(what) \
	((what) ? (void)0 : (void)(failed++, printf("%s:%d: %s\n", __func__, __LINE__, #what)))

static int64_t now(void)
{
	awl_loop *loop;

	return awl_get_running_loop(&loop) == 0 ? awl_loop_time(loop) : 0;
}

/* Both programs, each on its host. */
static void start(struct counter *c, awl_task **server, awl_task **t)
{
	CHECK(awl_test_name("counter.example", "10.0.0.1", 5 * AWL_MS) == 0);
	CHECK(awl_test_host("10.0.0.1") == 0);
	CHECK(awl_create_task(counter_main, c, server) == 0);
	CHECK(awl_test_wait_blocked() == 0); /* it listens */
	CHECK(awl_test_host("10.0.0.2") == 0);
	CHECK(awl_create_task(client, NULL, t) == 0);
}

static void finish(awl_task *server, awl_task *t)
{
	awl_cancel(server, NULL);
	CHECK(awl_join(server) == 0);
	awl_unref(server);
	awl_unref(t);
}

static int an_answer_takes_two_ways_of_the_line(void *arg)
{
	struct counter c = { 0 };
	int64_t began = now();
	awl_task *server, *t;

	(void)arg;
	CHECK(awl_test_set_network(&(awl_test_network){ .latency = 40 * AWL_MS }) == 0);
	start(&c, &server, &t);
	CHECK(awl_await(t) == 5050);
	/* A name, a connect, and a hundred times there, back and a pause. */
	CHECK(now() - began == 5 * AWL_MS + 80 * AWL_MS + 100 * (80 * AWL_MS + AWL_SEC));
	CHECK(c.connections == 1);
	finish(server, t);
	return 0;
}

static int an_hour_of_silence_costs_an_hour_and_no_count(void *arg)
{
	struct counter c = { 0 };
	int64_t began = now();
	awl_task *server, *t;

	(void)arg;
	start(&c, &server, &t);
	CHECK(awl_sleep(50 * AWL_SEC) == 0);
	CHECK(awl_test_partition("10.0.0.1", "10.0.0.2", 1) == 0);
	CHECK(awl_sleep(3600 * AWL_SEC) == 0);
	CHECK(c.last < 60);
	CHECK(awl_test_partition("10.0.0.1", "10.0.0.2", 0) == 0);
	CHECK(awl_await(t) == 5050);
	CHECK(c.sum == 5050);
	CHECK(now() - began < 2 * 3600 * AWL_SEC);
	finish(server, t);
	return 0;
}

static int a_bad_line_costs_time_and_no_count(void *arg)
{
	static const awl_test_network bad = {
		.latency = 300 * AWL_MS,
		.jitter = 200 * AWL_MS,
		.bandwidth = 1000,
		.loss_in = 5,
		.reset_in = 20,
	};
	struct counter c = { 0 };
	awl_task *server, *t;

	(void)arg;
	CHECK(awl_test_set_network(&bad) == 0);
	start(&c, &server, &t);
	CHECK(awl_await(t) == 5050);
	CHECK(c.sum == 5050);
	finish(server, t);
	return 0;
}

int main(void)
{
	static const struct {
		const char *name;
		awl_fn *test;
	} tests[] = {
#define TEST(name) { #name, name }
		TEST(an_answer_takes_two_ways_of_the_line),
		TEST(an_hour_of_silence_costs_an_hour_and_no_count),
		TEST(a_bad_line_costs_time_and_no_count),
	};

	for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
		int before = failed;

		for (uint64_t seed = i ? 1 : 0; seed < (i ? 10u : 1u); seed++) {
			uint64_t digest;

			CHECK(awl_test_run(seed, tests[i].test, NULL) == 0);
			digest = awl_test_digest();
			CHECK(awl_test_run(seed, tests[i].test, NULL) == 0);
			CHECK(awl_test_digest() == digest);
		}
		printf("%s %s\n", failed == before ? "ok    " : "FAILED", tests[i].name);
	}
	return failed > 0;
}
