/* SPDX-License-Identifier: MIT */
/*
 * callbacks.c - a loop without a single task: callbacks in the program's own storage, in order,
 * timers by deadline, and a thread that hands one in.
 */
#include <awl.h>
#include <pthread.h>
#include <stdio.h>

static awl_loop *loop;

static int say(void *words)
{
	printf("%s\n", (const char *)words);
	return 0;
}

static int stop(void *arg)
{
	(void)arg;
	return awl_loop_stop(loop);
}

static void *other_thread(void *arg)
{
	static awl_handle handle = AWL_HANDLE_INIT;

	(void)arg;
	awl_call_soon_threadsafe(
		loop, say, "4. from another thread, the loop asleep until then", &handle);
	return NULL;
}

static int start_thread(void *arg)
{
	pthread_t *thread = arg;

	return -pthread_create(thread, NULL, other_thread, NULL);
}

int main(void)
{
	awl_handle soon = AWL_HANDLE_INIT, later = AWL_HANDLE_INIT, last = AWL_HANDLE_INIT;
	awl_handle never = AWL_HANDLE_INIT;
	pthread_t thread;
	int r;

	if (awl_loop_new(NULL, &loop) < 0)
		return 1;
	awl_loop_call_later(loop, 20 * AWL_MS, say, "3. 20 ms later", &later);
	awl_loop_call_later(loop, 10 * AWL_MS, say, "2. 10 ms later", NULL);
	awl_loop_call_soon(loop, say, "1. soon", &soon);
	awl_loop_call_later(loop, 15 * AWL_MS, say, "this is never said", &never);
	awl_handle_cancel(&never);
	awl_loop_call_later(loop, 30 * AWL_MS, start_thread, &thread, NULL);
	awl_loop_call_later(loop, 60 * AWL_MS, stop, NULL, &last);
	r = awl_loop_run_forever(loop);
	pthread_join(thread, NULL);
	r = r < 0 ? r : awl_loop_close(loop);
	awl_loop_unref(loop);
	return r < 0;
}
