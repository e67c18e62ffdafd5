/* SPDX-License-Identifier: MIT */
/*
 * sigpipe.h - a write to a broken pipe is -EPIPE and never a signal. Sockets have MSG_NOSIGNAL; for
 * pipes the kernel has RWF_NOSIGNAL from 6.18 on. Below it raises SIGPIPE in the very thread that
 * writes, or that enters the ring: there the signal is held back, and taken if ours brought it.
 */
#ifndef AWL__SIGPIPE_H
#define AWL__SIGPIPE_H

#include <signal.h>
#include <stdbool.h>

struct awl__sigpipe {
	sigset_t old;
	bool pending; /* one was there before: it stays */
};

/* RWF_NOSIGNAL where the kernel knows it, else 0: then the two below go around the write. */
int awl__nosignal(void);
extern _Atomic int
	awl__nosignal_known; /* 0: not asked yet, 1: it knows, -1: it does not; tests set it */

void awl__sigpipe_hold(struct awl__sigpipe *s);
void awl__sigpipe_let_go(const struct awl__sigpipe *s, bool broken); /* broken: -EPIPE was seen */

#endif
