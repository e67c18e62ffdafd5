/* SPDX-License-Identifier: MIT */
/*
 * watchdog.h - what the loop and its watchdog have to do with each other: the thread that sees from
 * outside what a loop cannot tell by itself, because it is stuck.
 */
#ifndef AWL__WATCHDOG_H
#define AWL__WATCHDOG_H

#include "loop/loop.h"

#include <signal.h>

/* A run begins in this thread, and ends. The first one starts the watchdog. */
void awl__watch_begin(awl_loop *l);
void awl__watch_end(awl_loop *l);

/* 1: it rests, as all loops sleep, and wants to be told when one wakes. */
extern _Atomic uint32_t awl__watch_rests;
void awl__watch_rouse(void);

/* A loop has slept. */
static inline void awl__watch_wakes(void)
{
	if (awl__unlikely(awl__load(&awl__watch_rests)))
		awl__watch_rouse();
}

/* SIGQUIT is a question from now on: 0, or -errno. Starts the watchdog, which answers it. */
int awl__watch_quit(const struct awl__loop_hooks *hooks);

/* How often it has considered whether a sleeping loop can be woken at all: for tests. */
extern _Atomic uint64_t awl__watch_verdicts;

/* deadlock.c: the loop sleeps without operation or timer; its watchdog's thread asks. */
bool awl__nothing_can_wake(awl_loop *l, int watchdog_tid);

/* One of awl's own handlers, which wake no loop. */
bool awl__watch_handles(void (*handler)(int, siginfo_t *, void *));

/* debug.c: what the options and the environment say of it. */
int awl__debug_check(const awl_loop_options *o);
void awl__debug_init(awl_loop *l, const awl_loop_options *o);

#endif
