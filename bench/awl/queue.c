/* SPDX-License-Identifier: MIT */
/*
 * queue-pingpong: two tasks and two queues of one place, a message to and fro; ns a message.
 * queue-stream: one task puts, another gets, through a queue of 128 places; ns a message.
 */
#include "bench.h"

#include <awl.h>

static awl_queue there, back;
static long messages;

static int echo(void *arg)
{
	long item;

	(void)arg;
	for (long i = 0; i < messages; i++) {
		bench_check(awl_queue_get(&there, &item) == 0);
		bench_check(awl_queue_put(&back, &item) == 0);
	}
	return 0;
}

static int sink(void *arg)
{
	long item;

	(void)arg;
	for (long i = 0; i < messages; i++)
		bench_check(awl_queue_get(&there, &item) == 0 && item == i);
	return 0;
}

static void run(void *arg, long count)
{
	bool pingpong = *(bool *)arg;
	awl_task *t;

	messages = pingpong ? count / 2 : count;
	awl_queue_init(&there, sizeof(long), pingpong ? 1 : 128);
	awl_queue_init(&back, sizeof(long), 1);
	bench_check(awl_create_task(pingpong ? echo : sink, NULL, &t) == 0);
	for (long i = 0, item = i; i < messages; item = ++i) {
		bench_check(awl_queue_put(&there, &item) == 0);
		if (pingpong)
			bench_check(awl_queue_get(&back, &item) == 0);
	}
	bench_check(awl_await(t) == 0);
	awl_unref(t);
	awl_queue_destroy(&there);
	awl_queue_destroy(&back);
}

static int bench(void *arg)
{
	char **argv = arg;
	bool pingpong = strcmp(argv[1], "queue-pingpong") == 0;

	bench_print(argv[1], bench_time(run, &pingpong, bench_count(argv)));
	return 0;
}

int main(int argc, char **argv)
{
	bench_row(argc, argv);
	return awl_run(bench, argv) != 0;
}
