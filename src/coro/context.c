/* SPDX-License-Identifier: MIT */
/*
 * context.c - a thread's own flow as a context: what its stack is, what its control words are.
 */
#include "coro/switch.h"

#include <pthread.h>

_Thread_local uint64_t awl__context_words;

void awl__context_of_thread(struct awl__context *c)
{
	*c = (struct awl__context){ 0 };
	awl__context_words = awl__switch_words();
#if AWL__ASAN
	pthread_attr_t attr;
	void *low;

	if (pthread_getattr_np(pthread_self(), &attr) == 0) {
		pthread_attr_getstack(&attr, &low, &c->thread_size);
		pthread_attr_destroy(&attr);
		c->thread_low = low;
	}
#endif
#if AWL__TSAN
	c->thread_fiber = __tsan_get_current_fiber();
#endif
}
