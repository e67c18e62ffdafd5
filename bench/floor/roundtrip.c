/* SPDX-License-Identifier: MIT */
/*
 * roundtrip-1core, roundtrip-2core - a thread has a function run by a loop that sleeps and waits
 * for its value; ns there and back, the two threads on one core or on two. The floor sleeps in
 * epoll_wait on an eventfd that is never read (an edge a write), the caller on a futex, if the
 * answer is not there yet: two system calls where the woken loop runs first, four where both
 * really sleep. It leaves out the queue (there is one caller), closing, time-outs and
 * cancellation.
 */
#include "bench.h"

#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

struct call {
	int (*fn)(void *arg);
	void *arg;
	int value;
	_Atomic uint32_t state;
};

enum { PENDING, SLEEPING, DONE };

static _Atomic(struct call *) posted;
static int event;

static void *loop(void *arg)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET };
	int ep = epoll_create1(EPOLL_CLOEXEC);

	(void)arg;
	bench_pin(0);
	bench_check(ep >= 0 && !epoll_ctl(ep, EPOLL_CTL_ADD, event, &ev));
	for (;;) {
		struct call *c = atomic_exchange(&posted, NULL);

		if (!c) {
			epoll_wait(ep, &ev, 1, -1);
			continue;
		}
		if (!c->fn)
			break;
		c->value = c->fn(c->arg);
		if (atomic_exchange(&c->state, DONE) == SLEEPING)
			syscall(SYS_futex, &c->state, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
	}
	close(ep);
	return NULL;
}

static void post(struct call *c)
{
	uint64_t one = 1;

	atomic_store(&posted, c);
	bench_check(write(event, &one, sizeof(one)) == sizeof(one));
}

static int answer(void *arg)
{
	return *(int *)arg;
}

static void run(void *arg, long count)
{
	int value = 42;

	(void)arg;
	for (long i = 0; i < count; i++) {
		struct call c = { .fn = answer, .arg = &value };
		uint32_t expected;

		post(&c);
		expected = PENDING;
		if (atomic_compare_exchange_strong(&c.state, &expected, SLEEPING))
			while (atomic_load(&c.state) == SLEEPING)
				syscall(SYS_futex, &c.state, FUTEX_WAIT_PRIVATE, SLEEPING, NULL,
					NULL, 0);
		bench_check(c.value == 42);
	}
}

int main(int argc, char **argv)
{
	struct call end = { 0 };
	pthread_t thread;

	bench_row(argc, argv);
	event = eventfd(0, EFD_CLOEXEC);
	bench_check(event >= 0 && !pthread_create(&thread, NULL, loop, NULL));
	bench_pin(1);
	bench_print(argv[1], bench_time(run, NULL, bench_count(argv)));
	post(&end);
	pthread_join(thread, NULL);
	close(event);
	return 0;
}
