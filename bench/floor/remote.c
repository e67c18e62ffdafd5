/* SPDX-License-Identifier: MIT */
/*
 * remote-busy, remote-alloc - a thread hands callbacks to a loop that is never asleep, at most
 * 1024 on their way; ns from the first call to the last callback run, a callback. The node is the
 * caller's (busy) or allocated by the call and freed by the loop (alloc). The floor is a push by
 * compare-and-swap, one exchange that takes all, and a walk in reverse; it leaves out closing,
 * waking a loop that sleeps, and everything else a loop does in a turn.
 */
#include "bench.h"

#include <pthread.h>
#include <stdatomic.h>

#define WINDOW 1024

struct node {
	struct node *next;
	void (*fn)(struct node *n);
};

static _Atomic(struct node *) inbox;
static _Alignas(64) atomic_long ran;
static atomic_bool stop;

static void callback(struct node *n)
{
	(void)n;
	atomic_store_explicit(
		&ran, atomic_load_explicit(&ran, memory_order_relaxed) + 1, memory_order_release);
}

static void callback_and_free(struct node *n)
{
	callback(n);
	free(n);
}

static void *loop(void *arg)
{
	(void)arg;
	bench_pin(0);
	while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
		struct node *taken = NULL, *fifo = NULL, *next;

		if (atomic_load_explicit(&inbox, memory_order_relaxed))
			taken = atomic_exchange_explicit(&inbox, NULL, memory_order_acquire);
		for (; taken; taken = next) {
			next = taken->next;
			taken->next = fifo;
			fifo = taken;
		}
		for (; fifo; fifo = next) {
			next = fifo->next;
			fifo->fn(fifo);
		}
	}
	return NULL;
}

static __attribute__((noinline)) void call_soon(struct node *n, void (*fn)(struct node *n))
{
	struct node *head = atomic_load_explicit(&inbox, memory_order_relaxed);

	n->fn = fn;
	do
		n->next = head;
	while (!atomic_compare_exchange_weak_explicit(
		&inbox, &head, n, memory_order_release, memory_order_relaxed));
}

static bool allocated;

static void run(void *arg, long count)
{
	static struct node nodes[WINDOW];
	long begin = atomic_load(&ran), seen = begin;

	(void)arg;
	for (long i = 0; i < count; i++) {
		while (begin + i - seen >= WINDOW)
			seen = atomic_load_explicit(&ran, memory_order_acquire);
		if (allocated) {
			struct node *n = malloc(sizeof(*n));

			bench_check(n);
			call_soon(n, callback_and_free);
		} else {
			call_soon(&nodes[i % WINDOW], callback);
		}
	}
	while (atomic_load_explicit(&ran, memory_order_acquire) < begin + count)
		bench_pause();
}

int main(int argc, char **argv)
{
	pthread_t thread;

	allocated = !strcmp(bench_row(argc, argv), "remote-alloc");
	bench_check(!pthread_create(&thread, NULL, loop, NULL));
	bench_pin(1);
	bench_print(argv[1], bench_time(run, NULL, bench_count(argv)));
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
	return 0;
}
