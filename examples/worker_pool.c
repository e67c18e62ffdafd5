/* SPDX-License-Identifier: MIT */
/*
 * worker_pool.c - a worker pool over several loops: the numbers below a limit are searched for
 * primes, in blocks, by as many threads as there are CPUs.
 *
 * Each thread runs a loop of its own, and in it a few tasks that take blocks from one channel and
 * send their counts into another. The channels are short: who is too fast waits, in the thread that
 * deals the blocks out as in the tasks. Closing the first channel is the end of the day.
 */
#include <awl.h>
#include <inttypes.h>
#include <stdio.h>

#define LIMIT 2000000
#define BLOCK 10000
#define TASKS_A_LOOP 4

struct block {
	uint32_t from, to;
};

struct count {
	uint32_t from, primes;
	int worker;
};

struct office {
	awl_channel *blocks, *counts;
};

static int is_prime(uint32_t n)
{
	for (uint32_t d = 3; d * d <= n; d += 2)
		if (n % d == 0)
			return 0;
	return n == 2 || (n > 2 && n % 2 == 1);
}

struct desk {
	const struct office *office;
	int worker;
};

/* A task: one block after another, until there are no more. */
static int search(void *arg)
{
	const struct desk *desk = arg;
	struct block b;
	int r;

	while ((r = awl_channel_recv(desk->office->blocks, &b)) == 0) {
		struct count c = { .from = b.from, .worker = desk->worker };

		for (uint32_t n = b.from; n < b.to; n++)
			c.primes += (uint32_t)is_prime(n);
		r = awl_channel_send(desk->office->counts, &c);
		if (r == 0)
			r = awl_checkpoint(); /* while there is work nothing makes us wait */
		if (r < 0)
			return r;
	}
	return r == AWL_ESHUTDOWN ? 0 : r; /* closed, and empty: the day is over */
}

/* The main task of each loop. */
static int work(awl_workers *workers, int index, void *arg)
{
	struct desk desk = { arg, index };
	awl_task_group g;
	int r = 0;

	(void)workers;
	awl_task_group_enter(&g);
	for (int i = 0; r == 0 && i < TASKS_A_LOOP; i++)
		r = awl_task_group_create_task(&g, search, &desk, NULL);
	return awl_task_group_exit(&g, r);
}

/* A plain function in a thread of its own: deals out the blocks, and waits where the pool is
 * busy. */
static int deal(void *arg)
{
	const struct office *office = arg;
	int r = 0;

	for (uint32_t from = 0; r == 0 && from < LIMIT; from += BLOCK) {
		struct block b = { from, from + BLOCK };

		r = awl_channel_send_blocking(office->blocks, &b, AWL_FOREVER);
	}
	awl_channel_close(office->blocks);
	return r;
}

/* The main thread's own loop: adds up what comes, while a thread of the executor deals. */
static int add_up(void *arg)
{
	struct office *office = arg;
	uint32_t primes = 0, blocks = 0, by_worker[64] = { 0 };
	awl_future *dealt;
	struct count c;
	int r = awl_run_in_executor(NULL, deal, office, &dealt);

	while (r == 0 && blocks < LIMIT / BLOCK) {
		r = awl_channel_recv(office->counts, &c);
		if (r < 0)
			break;
		primes += c.primes;
		by_worker[c.worker % 64]++;
		blocks++;
	}
	if (r < 0)
		return r;
	printf("%" PRIu32 " primes below %d, from %" PRIu32 " blocks; by worker:", primes, LIMIT,
		blocks);
	for (int i = 0; i < 64; i++)
		if (by_worker[i])
			printf(" %" PRIu32, by_worker[i]);
	printf("\n");
	r = awl_await(dealt);
	awl_unref(dealt);
	return r;
}

int main(void)
{
	awl_workers_options options = { .loop.name = "search" };
	struct office office;
	awl_workers *workers;
	int r, joined;

	if (awl_channel_new(sizeof(struct block), 8, &office.blocks) < 0 ||
		awl_channel_new(sizeof(struct count), 8, &office.counts) < 0 ||
		awl_workers_start(&options, work, &office, &workers) < 0)
		return 1;
	r = awl_run(add_up, &office);
	if (r < 0)
		awl_workers_stop(workers, "nobody adds up");
	joined = awl_workers_join(workers);
	awl_channel_unref(office.blocks);
	awl_channel_unref(office.counts);
	if (r < 0 || joined < 0)
		fprintf(stderr, "worker_pool: %s\n", awl_strerror(r < 0 ? r : joined));
	return r < 0 || joined < 0;
}
