/* SPDX-License-Identifier: MIT */
/* puzzle.c - a loop runs in one thread, and another wants something of it: wrong way, right way. */
#include <awl.h>
#include <pthread.h>
#include <stdio.h>

static int twice(void *number)
{
	int r = awl_sleep(10 * AWL_MS);

	return r < 0 ? r : *(int *)number * 2;
}

static int stop(void *loop)
{
	return awl_loop_stop(loop);
}

static void *run(void *loop)
{
	return awl_loop_run_forever(loop) < 0 ? loop : NULL;
}

int main(void)
{
	int n = 21, outcome, r;
	pthread_t thread;
	awl_loop *loop;
	awl_cfuture *c = NULL;

	if (awl_loop_new(NULL, &loop) < 0 || pthread_create(&thread, NULL, run, loop) != 0)
		return 1;
	while (!awl_loop_is_running(loop))
		;
	printf("the wrong way: %s\n", awl_strerror(awl_loop_run_until_complete(loop, twice, &n)));
	r = awl_run_coroutine_threadsafe(loop, twice, &n, sizeof n, &c);
	if (r == 0 && awl_cfuture_join(c, &outcome) == 0)
		printf("the right way: %d\n", outcome);
	awl_cfuture_unref(c);
	awl_call_soon_threadsafe(loop, stop, loop, NULL);
	pthread_join(thread, NULL);
	r = awl_loop_close(loop);
	awl_loop_unref(loop);
	return r;
}
