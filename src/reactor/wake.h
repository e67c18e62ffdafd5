/* SPDX-License-Identifier: MIT */
/*
 * wake.h - how another thread or a signal handler ends the reactor's sleep: one word says whether
 * there is a sleeper at all, so that only the first wake of a sleeper costs a system call.
 *
 * The sleeper announces itself (AWAKE -> ASLEEP) before it enters the kernel, and a wake that comes
 * from then on writes the eventfd, which the kernel's wait watches: it cannot be missed. A wake
 * that came before makes the announcement fail, and the sleeper stays up. Nobody reads the eventfd:
 * both reactors take its *edges*, so a write that comes late costs one wait that returns for
 * nothing.
 */
#ifndef AWL__WAKE_H
#define AWL__WAKE_H

#include "base/base.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { AWL__AWAKE, AWL__ASLEEP, AWL__WOKEN };

struct awl__wake {
	_Atomic uint32_t state;
	int fd; /* an eventfd; -1: the sleeper waits on the word itself */
};

/* Any thread, any signal handler. */
static inline void awl__wake_send(struct awl__wake *w)
{
	int kept = errno;
	uint64_t one = 1;

	if (awl__exchange(&w->state, AWL__WOKEN) != AWL__ASLEEP)
		return;
	if (w->fd < 0)
		syscall(SYS_futex, &w->state, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
	else if (write(w->fd, &one, sizeof one) < 0)
		assert(errno == EAGAIN); /* 2^64 writes: the edge was there all the same */
	errno = kept;
}

/* Takes a wake that has come; true if there was one. */
static inline bool awl__wake_take(struct awl__wake *w)
{
	return awl__load(&w->state) != AWL__AWAKE &&
		awl__exchange(&w->state, AWL__AWAKE) == AWL__WOKEN;
}

/* Asleep from now on, whatever woke it before: the wait is another's, at the descriptor. */
static inline void awl__wake_announce(struct awl__wake *w)
{
	awl__exchange(&w->state, AWL__ASLEEP);
}

/* Before the kernel's wait. False: a wake has come, and is taken; do not sleep. */
static inline bool awl__wake_sleep(struct awl__wake *w)
{
	uint32_t state = AWL__AWAKE;

	if (awl__cas(&w->state, &state, AWL__ASLEEP))
		return true;
	awl__wake_take(w);
	return false;
}

#endif
