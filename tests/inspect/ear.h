/* SPDX-License-Identifier: MIT */
/*
 * ear.h - what awl says, kept whichever thread says it.
 */
#ifndef TEST_EAR_H
#define TEST_EAR_H

#include "base/clock.h"
#include "support.h"

#include <pthread.h>
#include <sched.h>

/* A test that waits for something waits so long at most. */
#define GENEROUS (40 * AWL_SEC)

static struct {
	pthread_mutex_t lock;
	_Atomic int lines;
	size_t len;
	char text[1 << 16];
	void (*_Atomic also)(const char *line); /* in the thread that says it */
} ear = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void ear_hear(int level, const char *line, void *arg)
{
	void (*also)(const char *);
	int n;

	(void)arg;
	pthread_mutex_lock(&ear.lock);
	n = snprintf(ear.text + ear.len, sizeof ear.text - ear.len, "%d %s\n", level, line);
	if (n > 0 && ear.len + (size_t)n < sizeof ear.text)
		ear.len += (size_t)n;
	pthread_mutex_unlock(&ear.lock);
	ear.lines++;
	also = ear.also;
	if (also)
		also(line);
}

static int open_ear(void **state)
{
	(void)state;
	pthread_mutex_lock(&ear.lock);
	ear.len = 0;
	ear.text[0] = 0;
	pthread_mutex_unlock(&ear.lock);
	ear.lines = 0;
	ear.also = (void (*)(const char *))0;
	awl_set_logger(ear_hear, NULL);
	return 0;
}

static int close_ear(void **state)
{
	(void)state;
	awl_set_logger(NULL, NULL);
	return 0;
}

static inline bool heard(const char *words)
{
	bool found;

	pthread_mutex_lock(&ear.lock);
	found = strstr(ear.text, words) != NULL;
	pthread_mutex_unlock(&ear.lock);
	return found;
}

#define assert_said(words) \
	do { \
		if (!heard(words)) \
			fail_msg("not said: \"%s\"; said: \"%s\"", words, ear.text); \
	} while (0)
#define assert_not_said(words) \
	do { \
		if (heard(words)) \
			fail_msg("said: \"%s\"", ear.text); \
	} while (0)

#endif
