/* SPDX-License-Identifier: MIT */
/*
 * report.c - the logger, the misuse hook with its counts, and the words behind an error.
 */
#include "base/report.h"
#include "base/fork.h"
#include "base/clock.h"
#include "base/token.h"

#include <awl/errors.h>

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Guards the two hooks; the hooks themselves run outside it. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static awl_logger *logger;
static void *logger_arg;
static awl_misuse_hook *misuse_hook;
static void *misuse_arg;

/* A fork in the middle of another thread's look at the hooks must not lock the child out. */
AWL__HELD_OVER_FORK(lock)

__attribute__((constructor)) static void watch_forks(void)
{
	pthread_atfork(before_fork, after_fork, after_fork);
}

void awl_set_logger(awl_logger *fn, void *arg)
{
	pthread_mutex_lock(&lock);
	logger = fn;
	logger_arg = arg;
	pthread_mutex_unlock(&lock);
}

void awl_set_misuse_hook(awl_misuse_hook *fn, void *arg)
{
	pthread_mutex_lock(&lock);
	misuse_hook = fn;
	misuse_arg = arg;
	pthread_mutex_unlock(&lock);
}

static void say(int level, const char *line)
{
	char out[1100];
	awl_logger *fn;
	void *arg;
	int n;

	pthread_mutex_lock(&lock);
	fn = logger;
	arg = logger_arg;
	pthread_mutex_unlock(&lock);
	if (fn) {
		fn(level, line, arg);
		return;
	}
	n = snprintf(out, sizeof out, "awl: %s\n", line);
	if (n > 0 && write(STDERR_FILENO, out, (size_t)n) < 0)
		return; /* stderr is closed: there is nobody to tell */
}

void awl__report(int level, const char *fmt, ...)
{
	char line[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof line, fmt, ap);
	va_end(ap);
	say(level, line);
}

/* At most one line of counts a second, whatever the call; the first of each call is always told. */
static void tell(struct awl__call *call, const awl_misuse *m)
{
	static _Atomic int64_t last;
	int64_t now = awl__clock_now(), then = awl__load(&last);
	char owner[48] = "no thread now, but is bound to another";

	if (m->owner_tid)
		snprintf(owner, sizeof owner, "thread %d", m->owner_tid);
	if (m->count == 1) {
		awl__store(&last, now);
		awl__report(AWL_LOG_ERROR,
			"%s called from thread %d, but loop %p%s%s%s runs in %s: %s; nothing was "
			"changed. Call %s instead.",
			m->call, m->caller_tid, (void *)m->loop, *m->loop_name ? " (" : "",
			m->loop_name, *m->loop_name ? ")" : "", owner, m->reason, m->instead);
		awl__store(&call->told, 1);
	} else if (now - then >= AWL_SEC && atomic_compare_exchange_strong(&last, &then, now)) {
		awl__report(AWL_LOG_ERROR, "%s refused %llu times more (%s)", m->call,
			(unsigned long long)(m->count - awl__load(&call->told)),
			awl_strerror(m->error));
		awl__store(&call->told, m->count);
	}
}

void awl__misuse(struct awl__call *call, awl_misuse *m)
{
	awl_misuse_hook *fn;
	void *arg;
	const char *mode = secure_getenv("AWL_MISUSE");

	m->call = call->name;
	m->instead = call->instead;
	m->caller_tid = gettid();
	m->count = atomic_fetch_add_explicit(&call->refused, 1, memory_order_relaxed) + 1;
	pthread_mutex_lock(&lock);
	fn = misuse_hook;
	arg = misuse_arg;
	pthread_mutex_unlock(&lock);
	if (fn)
		fn(m, arg);
	else
		tell(call, m);
	if (mode && strcmp(mode, "abort") == 0)
		abort();
}

static _Thread_local struct awl__detail thread_detail AWL__TLS;

struct awl__detail *(*awl__detail_place)(bool make);
const char *(*awl__detail_words)(int err);

static struct awl__detail *detail(bool make)
{
	struct awl__detail *d = awl__detail_place ? awl__detail_place(make) : NULL;

	return d ? d : &thread_detail;
}

int awl__fail(int err, const char *fmt, ...)
{
	struct awl__detail *d = detail(true);
	va_list ap;

	d->err = err;
	va_start(ap, fmt);
	vsnprintf(d->words, sizeof d->words, fmt, ap);
	va_end(ap);
	return err;
}

const char *awl_error_detail(int err)
{
	struct awl__detail *d = detail(false);
	const char *words = awl__detail_words ? awl__detail_words(err) : NULL;

	if (words)
		return words;
	return err < 0 && d->err == err ? d->words : "";
}
