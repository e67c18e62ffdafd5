/* SPDX-License-Identifier: MIT */
/*
 * deadlock.c - can anything at all still wake this loop? Only a plain no is a deadlock: another
 * thread, a signal handler or a reference to the loop in somebody's hands is hope, however thin.
 */
#include "loop/watchdog.h"
#include "pool/pool.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a thread does to itself wakes nobody. */
static bool is_a_fault(int sig)
{
	return sig == SIGSEGV || sig == SIGBUS || sig == SIGFPE || sig == SIGILL ||
		sig == SIGTRAP || sig == SIGSYS || sig == SIGABRT;
}

static bool a_handler_may(void)
{
	struct sigaction now;

	for (int sig = 1; sig < NSIG; sig++) {
		if (is_a_fault(sig) || sigaction(sig, NULL, &now) < 0)
			continue;
		if (now.sa_flags & SA_SIGINFO
				? !awl__watch_handles(now.sa_sigaction)
				: now.sa_handler != SIG_DFL && now.sa_handler != SIG_IGN)
			return true;
	}
	return false;
}

/* The kernel's workers for io_uring, which have nothing in flight, and the pool's, if all idle. */
static bool is_idle(const char *tid, bool pool_idle)
{
	char path[64], name[16] = "";
	FILE *f;

	snprintf(path, sizeof path, "/proc/self/task/%.10s/comm", tid);
	f = fopen(path, "re");
	if (!f)
		return true; /* it has just ended */
	if (!fgets(name, sizeof name, f))
		name[0] = 0;
	fclose(f);
	return strncmp(name, "iou-wrk-", 8) == 0 || (pool_idle && strcmp(name, "awl-pool\n") == 0);
}

static bool a_thread_may(int loop_tid, int watchdog_tid)
{
	unsigned threads, idle;
	struct dirent *e;
	bool may = false;
	DIR *d = opendir("/proc/self/task");

	if (!d)
		return true;
	awl__pool_count(&threads, &idle);
	while (!may && (e = readdir(d))) {
		int tid = atoi(e->d_name);

		may = tid > 0 && tid != loop_tid && tid != watchdog_tid &&
			!is_idle(e->d_name, threads == idle);
	}
	closedir(d);
	return may;
}

bool awl__nothing_can_wake(awl_loop *l, int watchdog_tid)
{
	return awl__load(&l->refs) == 1 && !a_handler_may() &&
		!a_thread_may((int)awl__load(&l->runner_tid), watchdog_tid);
}
