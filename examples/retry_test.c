/* SPDX-License-Identifier: MIT */
/*
 * retry_test.c - how a program written with awl is tested: a retry loop with back-off, in virtual
 * time. It waits for minutes and the tests take none; every delay is checked to the nanosecond.
 */
#include <awl.h>
#include <errno.h>
#include <stdio.h>

/* --- the program --- */

#define ATTEMPTS 5
#define FIRST_DELAY (100 * AWL_MS)

/* fn until it succeeds, with twice the delay each time; its last failure after ATTEMPTS. */
static int retry(awl_fn *fn, void *arg)
{
	int64_t delay = FIRST_DELAY;

	for (int i = 1;; i++, delay *= 2) {
		int r = fn(arg);

		if (r >= 0 || r == AWL_ECANCELED || i == ATTEMPTS)
			return r;
		r = awl_sleep(delay);
		if (r < 0)
			return r;
	}
}

/* --- its tests --- */

static int failed;

#define CHECK(what) \
	((what) ? (void)0 : (void)(failed++, printf("%s:%d: %s\n", __func__, __LINE__, #what)))

struct server {
	int refusals; /* so many times it is not there */
	int64_t takes; /* how long an answer takes */
	int asked;
};

static int ask(void *arg)
{
	struct server *s = arg;

	if (++s->asked <= s->refusals)
		return -ECONNREFUSED;
	return awl_sleep(s->takes);
}

static int64_t now(void)
{
	awl_loop *loop;

	return awl_get_running_loop(&loop) == 0 ? awl_loop_time(loop) : 0;
}

static int the_fourth_attempt_comes_after_700_ms(void *arg)
{
	struct server s = { .refusals = 3 };
	int64_t began = now();

	(void)arg;
	CHECK(retry(ask, &s) == 0);
	CHECK(s.asked == 4);
	CHECK(now() - began == 700 * AWL_MS);
	return 0;
}

static int the_last_failure_is_told(void *arg)
{
	struct server s = { .refusals = ATTEMPTS };
	int64_t began = now();

	(void)arg;
	CHECK(retry(ask, &s) == -ECONNREFUSED);
	CHECK(s.asked == ATTEMPTS);
	CHECK(now() - began == 1500 * AWL_MS);
	return 0;
}

static int retry_task(void *arg)
{
	return retry(ask, arg);
}

static int a_request_to_stop_ends_the_back_off_at_once(void *arg)
{
	struct server s = { .refusals = 2 };
	int64_t began = now();
	awl_task *t;

	(void)arg;
	CHECK(awl_create_task(retry_task, &s, &t) == 0);
	CHECK(awl_test_wait_blocked() == 0); /* it has been refused, and waits */
	CHECK(s.asked == 1);
	awl_cancel(t, "never mind");
	CHECK(awl_await(t) == AWL_EFUTURECANCELED);
	CHECK(s.asked == 1);
	CHECK(now() == began);
	awl_unref(t);
	return 0;
}

static int ask_with_a_limit(void *arg)
{
	return awl_wait_for(AWL_SEC, ask, arg);
}

static int an_answer_that_takes_too_long_is_asked_for_again(void *arg)
{
	struct server s = { .takes = 3600 * AWL_SEC };
	int64_t began = now();

	(void)arg;
	CHECK(retry(ask_with_a_limit, &s) == -ETIMEDOUT);
	CHECK(s.asked == ATTEMPTS);
	CHECK(now() - began == ATTEMPTS * AWL_SEC + 1500 * AWL_MS);
	return 0;
}

static int busy_server(void *arg)
{
	struct server *s = arg;

	s->asked++;
	awl_test_advance(2 * AWL_SEC); /* the machine is so busy that nothing runs meanwhile */
	return awl_checkpoint();
}

static int a_busy_machine_counts_as_waiting(void *arg)
{
	struct server s = { 0 };

	(void)arg;
	CHECK(awl_wait_for(AWL_SEC, busy_server, &s) == -ETIMEDOUT);
	return 0;
}

int main(void)
{
	static const struct {
		const char *name;
		awl_fn *test;
	} tests[] = {
#define TEST(name) { #name, name }
		TEST(the_fourth_attempt_comes_after_700_ms),
		TEST(the_last_failure_is_told),
		TEST(a_request_to_stop_ends_the_back_off_at_once),
		TEST(an_answer_that_takes_too_long_is_asked_for_again),
		TEST(a_busy_machine_counts_as_waiting),
	};

	for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
		uint64_t digest;
		int before = failed;

		CHECK(awl_test_run(0, tests[i].test, NULL) == 0);
		digest = awl_test_digest();
		CHECK(awl_test_run(0, tests[i].test, NULL) == 0);
		CHECK(awl_test_digest() == digest); /* nothing was left to luck */
		printf("%s %s\n", failed == before ? "ok    " : "FAILED", tests[i].name);
	}
	return failed > 0;
}
