/* SPDX-License-Identifier: MIT */
/*
 * support.h - what most test programs begin with: cmocka, the library inside out, a body run as a
 * loop's main task, tasks a word each, pipes that are sim's own on sim, and an ear for what awl
 * says.
 */
#ifndef TEST_SUPPORT_H
#define TEST_SUPPORT_H

#include "pool/pool.h"
#include "scale.h"
#include "task/task.h"

#include <awl.h>

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* The loop this task or callback runs in. */
static inline awl_loop *here(void)
{
	awl_loop *l = NULL;

	assert_int_equal(awl_get_running_loop(&l), 0);
	return l;
}

static inline bool is_sim(const awl_loop *l)
{
	return strcmp(awl_loop_reactor(l), "sim") == 0;
}

static inline awl_loop *new_loop(const char *reactor)
{
	awl_loop_options o = { .reactor = reactor };
	awl_loop *l;

	assert_int_equal(awl_loop_new(&o, &l), 0);
	return l;
}

static inline void end_loop(awl_loop *l)
{
	assert_int_equal(awl_loop_close(l), 0);
	awl_loop_unref(l);
}

/* A body as the main task of a loop of its own; nothing of it is left. */
static inline void in_loop(awl_fn *body, void *arg)
{
	assert_int_equal(awl_run(body, arg), 0);
}

static inline void in_sim(awl_fn *body, void *arg)
{
	awl_loop_options o = { .reactor = "sim" };

	assert_int_equal(awl_run_with(&o, body, arg), 0);
}

static inline int64_t now(void)
{
	return awl_loop_time(here());
}

/* On the reactor the test runs on this time. */
static inline bool test_is_on_sim(void)
{
	awl_loop *l = new_loop(NULL);
	bool sim = is_sim(l);

	end_loop(l);
	return sim;
}

#define REAL_KERNEL() \
	do { \
		if (test_is_on_sim()) \
			skip(); \
	} while (0)

/* A body as the main task, and the same under several seeds where there is one. */
static inline void with_seeds(awl_fn *body, void *arg)
{
	int seeds = test_is_on_sim() ? 100 : 3;

	for (int seed = 0; seed < seeds; seed++) {
		awl_loop_options o = { .seed = (uint64_t)seed };

		assert_int_equal(awl_run_with(&o, body, arg), 0);
	}
}

/* A body in virtual time, with each allocation in turn refused: how many were. */
static inline int refuse_each_allocation(awl_fn *body)
{
	int64_t n = 0, made;
	int refused = 0, r;

	do {
		awl_test_fail_alloc(++n);
		r = awl_test_run(0, body, NULL);
		made = awl_test_fail_alloc(0);
		assert_true(r == 0 || r == -ENOMEM);
		refused += r == -ENOMEM;
	} while (made >= n);
	assert_int_equal(r, 0);
	assert_int_equal(refused, n - 1);
	return refused;
}

static inline awl_task *spawn(awl_fn *fn, void *arg)
{
	awl_task *t = NULL;

	assert_int_equal(awl_create_task(fn, arg, &t), 0);
	assert_non_null(t);
	return t;
}

/* Waited for; the handle is gone. */
static inline int outcome(awl_task *t)
{
	int r = awl_await(t);

	assert_int_equal(awl_unref(t), 0);
	return r;
}

/* A group's last step: what the resolver keeps for a thread goes with the thread. */
static inline int end_of_threads(void **state)
{
	awl__pool_drain();
	return 0;
}

/* fds[0] reads what fds[1] writes. */
static inline void make_pipe(awl_loop *l, int fds[2])
{
	if (is_sim(l))
		assert_int_equal(awl__sim_pipe(l->reactor, fds), 0);
	else
		assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
}

static inline void close_end(awl_loop *l, int fd)
{
	if (is_sim(l))
		assert_int_equal(awl__sim_close(l->reactor, fd), 0);
	else
		assert_int_equal(close(fd), 0);
}

static inline void close_pipe(awl_loop *l, const int fds[2])
{
	close_end(l, fds[0]);
	close_end(l, fds[1]);
}

/* How many mappings the process has. */
static inline int maps(void)
{
	FILE *f = fopen("/proc/self/maps", "r");
	int n = 0;

	assert_non_null(f);
	for (int c; (c = fgetc(f)) != EOF;)
		n += c == '\n';
	fclose(f);
	return n;
}

/* What awl says from listen_to_awl() on. */
struct heard {
	int lines;
	size_t len;
	char text[8192];
};

static inline void hear(int level, const char *line, void *arg)
{
	struct heard *h = arg;
	int n = snprintf(h->text + h->len, sizeof h->text - h->len, "%d %s\n", level, line);

	h->lines++;
	if (n > 0 && h->len + (size_t)n < sizeof h->text)
		h->len += (size_t)n;
}

static inline void listen_to_awl(struct heard *h)
{
	*h = (struct heard){ 0 };
	awl_set_logger(hear, h);
}

static inline void stop_listening(void)
{
	awl_set_logger(NULL, NULL);
}

static inline void assert_heard(const struct heard *h, const char *words)
{
	if (!strstr(h->text, words))
		fail_msg("not said: \"%s\"; said: \"%s\"", words, h->text);
}

#endif
