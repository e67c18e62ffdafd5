/* SPDX-License-Identifier: MIT */
/*
 * fork.h - a fork while another thread has one of our locks must not lock the child out.
 */
#ifndef AWL__FORK_H
#define AWL__FORK_H

#include <pthread.h>

/* before_fork and after_fork, for pthread_atfork, of who has this lock meanwhile. */
#define AWL__HELD_OVER_FORK(lock) \
	static void before_fork(void) \
	{ \
		pthread_mutex_lock(&(lock)); \
	} \
	static void after_fork(void) \
	{ \
		pthread_mutex_unlock(&(lock)); \
	}

#endif
