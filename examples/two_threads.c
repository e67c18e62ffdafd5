/* SPDX-License-Identifier: MIT */
/*
 * two_threads.c - the puzzle: a loop runs in one thread, and another thread wants something of it.
 *
 * In Python the second thread's run_until_complete says "This event loop is already running", and
 * yet its coroutine sometimes runs. Here it is refused every time, before anything is touched; and
 * the right way brings the result.
 */
#include <awl.h>
#include <pthread.h>
#include <stdio.h>

#define ROUNDS 1000

struct sum {
	int a, b;
};

static int never_started = 1;

static int add(void *arg)
{
	struct sum *s = arg;
	int r = awl_sleep(10 * AWL_MS);

	return r < 0 ? r : s->a + s->b;
}

static int must_not_start(void *arg)
{
	(void)arg;
	never_started = 0;
	return 0;
}

static void *run_forever(void *loop)
{
	return awl_loop_run_forever(loop) < 0 ? loop : NULL;
}

static int stop(void *loop)
{
	return awl_loop_stop(loop);
}

/* (a) The wrong way, 1000 times. */
static void wrong_way(awl_loop *loop)
{
	int refused = 0;

	for (int i = 0; i < ROUNDS; i++)
		refused += awl_loop_run_until_complete(loop, must_not_start, NULL) == AWL_ERUNNING;
	printf("(a) run_until_complete on a running loop: refused %d of %d, its coroutine %s\n",
		refused, ROUNDS, never_started ? "never started" : "STARTED");
}

/* (b) The right way. The task owns its copy of the argument. */
static int right_way(awl_loop *loop)
{
	struct sum s = { 2, 3 };
	awl_cfuture *c;
	int sum = 0, r = awl_run_coroutine_threadsafe(loop, add, &s, sizeof s, &c);

	if (r < 0)
		return r;
	r = awl_cfuture_result(c, 5 * AWL_SEC, &sum);
	awl_cfuture_unref(c);
	printf("(b) run_coroutine_threadsafe: 2 + 3 = %d\n", sum);
	return r;
}

/* (c) Two threads race for an idle loop, 1000 times. */
struct racer {
	awl_loop *loop;
	pthread_barrier_t *line;
	int ran, refused, started;
};

static int count(void *arg)
{
	((struct racer *)arg)->started++;
	return awl_yield();
}

static void *race(void *arg)
{
	struct racer *r = arg;

	for (int i = 0; i < ROUNDS; i++) {
		int outcome;

		pthread_barrier_wait(r->line);
		outcome = awl_loop_run_until_complete(r->loop, count, r);
		r->ran += outcome == 0;
		r->refused += outcome == AWL_ERUNNING;
		pthread_barrier_wait(r->line);
	}
	return NULL;
}

static void race_for_it(awl_loop *loop)
{
	pthread_barrier_t line;
	struct racer one = { .loop = loop, .line = &line }, two = one;
	pthread_t other;

	pthread_barrier_init(&line, NULL, 2);
	if (pthread_create(&other, NULL, race, &two) != 0)
		return;
	race(&one);
	pthread_join(other, NULL);
	pthread_barrier_destroy(&line);
	printf("(c) two threads race for an idle loop %d times: %d runs, %d refusals, "
	       "%d coroutines of a loser started\n",
		ROUNDS, one.ran + two.ran, one.refused + two.refused,
		one.started + two.started - one.ran - two.ran);
}

int main(void)
{
	awl_loop *loop;
	pthread_t thread;
	void *failed;
	int r;

	if (awl_loop_new(NULL, &loop) < 0 || pthread_create(&thread, NULL, run_forever, loop) != 0)
		return 1;
	while (!awl_loop_is_running(loop))
		;
	wrong_way(loop);
	r = right_way(loop);
	awl_call_soon_threadsafe(loop, stop, loop, NULL);
	pthread_join(thread, &failed);
	race_for_it(loop);
	r = r < 0 ? r : awl_loop_close(loop);
	awl_loop_unref(loop);
	return r < 0 || failed || !never_started;
}
