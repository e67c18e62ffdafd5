/* SPDX-License-Identifier: MIT */
/*
 * libuv - the rows that make sense for callbacks: timers, and a thread that calls a loop.
 * uv_async_t carries no function and folds calls together, so a queue under a mutex lies in front
 * of it, as in most programs that use it; a semaphore brings the answer back.
 */
#include "bench.h"

#include <pthread.h>
#include <stdatomic.h>
#include <uv.h>

#define OPERATIONS 200000
#define WINDOW 1024

struct node {
	struct node *next;
	void (*fn)(struct node *n);
	uv_sem_t *answer;
	int value;
};

static uv_loop_t loop;
static uv_async_t async;
static uv_idle_t idle;
static uv_mutex_t lock;
static struct node *first, **last = &first;
static atomic_long ran;
static bool busy, stop;

static void never(uv_timer_t *t)
{
	(void)t;
	bench_fail(__FILE__, __LINE__, "a timer stays until it is cancelled");
}

static uint64_t delay(uint64_t draw)
{
	return 100000 + (draw >> 24) / 1000000;
}

static void timers(long count)
{
	uv_timer_t *t = calloc((size_t)count, sizeof(*t)), one;
	uint64_t seed = 88172645463325252u;
	int64_t begin;

	bench_check(t);
	uv_timer_init(&loop, &one);
	for (long i = 0; i < count; i++) {
		uv_timer_init(&loop, &t[i]);
		uv_timer_start(&t[i], never, delay(bench_random(&seed)), 0);
	}
	begin = bench_now();
	for (long i = 0; i < OPERATIONS; i++) {
		uv_timer_start(&one, never, delay(bench_random(&seed)), 0);
		uv_timer_stop(&one);
	}
	bench_print("timer-newest", (double)(bench_now() - begin) / OPERATIONS);
	begin = bench_now();
	for (long i = 0; i < OPERATIONS; i++) {
		uint64_t draw = bench_random(&seed);
		uv_timer_t *victim = &t[draw % (uint64_t)count];

		uv_timer_stop(victim);
		uv_timer_start(victim, never, delay(draw), 0);
	}
	bench_print("timer-random", (double)(bench_now() - begin) / OPERATIONS);
}

static void on_async(uv_async_t *a)
{
	struct node *n, *next;

	uv_mutex_lock(&lock);
	n = first;
	first = NULL;
	last = &first;
	uv_mutex_unlock(&lock);
	for (; n; n = next) {
		next = n->next;
		n->fn(n);
	}
	if (stop) {
		uv_close((uv_handle_t *)a, NULL);
		uv_close((uv_handle_t *)&idle, NULL);
	}
}

static void on_idle(uv_idle_t *i)
{
	(void)i;
}

static void call_soon(struct node *n, void (*fn)(struct node *n))
{
	n->fn = fn;
	n->next = NULL;
	uv_mutex_lock(&lock);
	*last = n;
	last = &n->next;
	uv_mutex_unlock(&lock);
	uv_async_send(&async);
}

static void callback(struct node *n)
{
	(void)n;
	atomic_fetch_add_explicit(&ran, 1, memory_order_release);
}

static void remote(void *arg, long count)
{
	static struct node nodes[WINDOW];
	long begin = atomic_load(&ran), seen = begin;

	(void)arg;
	for (long i = 0; i < count; i++) {
		while (begin + i - seen >= WINDOW)
			seen = atomic_load_explicit(&ran, memory_order_acquire);
		call_soon(&nodes[i % WINDOW], callback);
	}
	while (atomic_load_explicit(&ran, memory_order_acquire) < begin + count)
		bench_pause();
}

static void answer(struct node *n)
{
	n->value = 42;
	uv_sem_post(n->answer);
}

static void roundtrip(void *arg, long count)
{
	uv_sem_t *sem = arg;

	for (long i = 0; i < count; i++) {
		struct node n = { .answer = sem };

		call_soon(&n, answer);
		uv_sem_wait(sem);
		bench_check(n.value == 42);
	}
}

static void *run_loop(void *arg)
{
	(void)arg;
	bench_pin(0);
	if (busy)
		uv_idle_start(&idle, on_idle);
	uv_run(&loop, UV_RUN_DEFAULT);
	return NULL;
}

static void end(struct node *n)
{
	(void)n;
	stop = true;
}

int main(int argc, char **argv)
{
	const char *row = bench_row(argc, argv);
	long count = bench_count(argv);
	struct node last_call;
	pthread_t thread;
	uv_sem_t sem;

	uv_loop_init(&loop);
	if (!strcmp(row, "timer")) {
		timers(count);
		return 0;
	}
	uv_async_init(&loop, &async, on_async);
	uv_idle_init(&loop, &idle);
	uv_mutex_init(&lock);
	uv_sem_init(&sem, 0);
	busy = !strncmp(row, "remote", 6);
	bench_check(!pthread_create(&thread, NULL, run_loop, NULL));
	bench_pin(1);
	bench_print(row, bench_time(busy ? remote : roundtrip, &sem, count));
	call_soon(&last_call, end);
	pthread_join(thread, NULL);
	return 0;
}
