/* SPDX-License-Identifier: MIT */
/*
 * queue-pingpong: what a message is held to, two switches. queue-stream: a ring of 128 words; who
 * finds it full or empty switches to the other; ns a message.
 */
#include "coro.h"

#define PLACES 128

static long ring[PLACES], in, out, messages;

static int turns(void *arg)
{
	(void)arg;
	for (long i = 0; i < messages; i++)
		task_yield();
	return 0;
}

static int source(void *arg)
{
	(void)arg;
	for (long i = 0; i < messages; i++) {
		while (in - out == PLACES)
			task_yield();
		ring[in++ % PLACES] = i;
	}
	return 0;
}

static int sink(void *arg)
{
	(void)arg;
	for (long i = 0; i < messages; i++) {
		while (in == out)
			task_yield();
		bench_check(ring[out++ % PLACES] == i);
	}
	return 0;
}

static void run(void *arg, long count)
{
	bool pingpong = *(bool *)arg;
	struct task *t[2];

	messages = count;
	t[0] = task_spawn(pingpong ? turns : source, NULL);
	t[1] = task_spawn(pingpong ? turns : sink, NULL);
	bench_check(task_join(t[0]) == 0);
	bench_check(task_join(t[1]) == 0);
}

int main(int argc, char **argv)
{
	bool pingpong = strcmp(bench_row(argc, argv), "queue-pingpong") == 0;

	bench_print(argv[1], bench_time(run, &pingpong, bench_count(argv)));
	return 0;
}
