/* SPDX-License-Identifier: MIT */
/*
 * With AWL_THREAD_CHECK a program that keeps to its threads compiles without a word: coroutines are
 * marked, a plain thread goes by the any-thread calls.
 *
 * @flags -DAWL_THREAD_CHECK -Wthread-safety -pthread
 */
#include <awl.h>

#include <pthread.h>

static AWL_COROUTINE int child(void *arg)
{
	return awl_sleep(AWL_MS);
}

static int in_the_loop(void *arg)
{
	AWL_ASSUME_LOOP_THREAD();
	return child(arg);
}

static void *plain_thread(void *arg)
{
	awl_cfuture *c;
	int outcome;

	if (awl_run_coroutine_threadsafe(arg, in_the_loop, NULL, 0, &c) == 0) {
		if (awl_cfuture_result(c, AWL_SEC, &outcome) < 0)
			awl_cfuture_cancel(c, "too late");
		awl_cfuture_unref(c);
	}
	return NULL;
}

int start(awl_loop *loop, pthread_t *thread)
{
	return pthread_create(thread, NULL, plain_thread, loop);
}
