/* SPDX-License-Identifier: MIT */
/*
 * sigpipe.c - see sigpipe.h.
 */
#include "reactor/sigpipe.h"
#include "base/base.h"

#include <fcntl.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#ifndef RWF_NOSIGNAL
#define RWF_NOSIGNAL 0x100
#endif

_Atomic int awl__nosignal_known;

/* Flags are looked at when there is something to write: a byte into a pipe of our own. */
static int ask(void)
{
	struct iovec byte = { (char[]){ 0 }, 1 };
	int fds[2], known;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return 0;
	known = pwritev2(fds[1], &byte, 1, -1, RWF_NOSIGNAL) == 1 ? 1 : -1;
	close(fds[0]);
	close(fds[1]);
	return known;
}

int awl__nosignal(void)
{
	int known = awl__load(&awl__nosignal_known);

	if (awl__unlikely(known == 0))
		awl__store(&awl__nosignal_known, known = ask());
	return known > 0 ? RWF_NOSIGNAL : 0;
}

static bool sigpipe_pending(void)
{
	sigset_t set;

	return sigpending(&set) == 0 && sigismember(&set, SIGPIPE) == 1;
}

void awl__sigpipe_hold(struct awl__sigpipe *s)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	s->pending = sigpipe_pending();
	pthread_sigmask(SIG_BLOCK, &set, &s->old);
}

void awl__sigpipe_let_go(const struct awl__sigpipe *s, bool broken)
{
	static const struct timespec at_once;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	while (broken && !s->pending && sigtimedwait(&set, NULL, &at_once) < 0 && errno == EINTR)
		;
	pthread_sigmask(SIG_SETMASK, &s->old, NULL);
}
