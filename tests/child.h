/* SPDX-License-Identifier: MIT */
/*
 * child.h - for tests of what kills a process: a function run in a child, with what it says on
 * stderr and how it ended; the sanitizers' own handlers would turn the signal into an exit.
 */
#ifndef TEST_CHILD_H
#define TEST_CHILD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/base.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#if AWL__ASAN || AWL__TSAN
#if AWL__ASAN
const char *__asan_default_options(void);
const char *__asan_default_options(void)
#else
const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
#endif
{
	return "handle_segv=0:use_sigaltstack=0";
}
#endif

static char said[4096];

/* Runs fn in a child, keeps what it writes to stderr; how it ended, as waitpid says. */
static inline int in_a_child(void (*fn)(void))
{
	int fds[2], status;
	size_t len = 0;
	ssize_t n;
	pid_t child;

	assert_int_equal(pipe(fds), 0);
	child = fork();
	if (child == 0) {
		signal(SIGSEGV, SIG_DFL); /* cmocka's */
		dup2(fds[1], STDERR_FILENO);
		close(fds[0]);
		close(fds[1]);
		fn();
		_exit(0);
	}
	close(fds[1]);
	while ((n = read(fds[0], said + len, sizeof said - 1 - len)) > 0)
		len += (size_t)n;
	said[len] = 0;
	close(fds[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static inline void assert_died_by_segv(int status)
{
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGSEGV);
}

static inline void assert_exited(int status, int code)
{
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), code);
}

#endif
