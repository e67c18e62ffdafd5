/* SPDX-License-Identifier: MIT */
/*
 * With AWL_THREAD_CHECK clang sees that a plain thread calls what only the loop's thread may.
 *
 * @flags -DAWL_THREAD_CHECK -Wthread-safety -pthread
 * @says requires holding awl loop thread 'awl__in_loop_thread'
 */
#include <awl.h>

#include <pthread.h>

static void *plain_thread(void *arg)
{
	awl_loop_stop(arg);
	return NULL;
}

int start(awl_loop *loop, pthread_t *thread)
{
	return pthread_create(thread, NULL, plain_thread, loop);
}
