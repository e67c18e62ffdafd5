/* SPDX-License-Identifier: MIT */
/*
 * note.h - what the sanitizers cannot see of an operation. ASan: a buffer the kernel may write is
 * poisoned while in flight (one it only reads may be shared). Valgrind: bytes that came by the ring
 * were written by no system call it knows. TSan: what a writer did before its write, it did before
 * our read returned; the ring's and preadv2's calls are not intercepted, but readv and writev of no
 * vector at all carry that order and transfer nothing, on any kind of descriptor.
 */
#ifndef AWL__NOTE_H
#define AWL__NOTE_H

#include "reactor/op.h"

#include <sys/uio.h>

#if __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#else
#define VALGRIND_MAKE_MEM_DEFINED(p, n) ((void)0)
#define RUNNING_ON_VALGRIND 0
#endif

/*
 * TSan runs a signal handler only when the thread next enters libc, and the calls we sleep in are
 * not libc's to it: a handler that is to wake us would wait for us. There a sleep ends now and then
 * for nothing.
 */
#define AWL__TSAN_NAP INT64_C(100000000)

/* Before a WRITE: what this thread did so far goes with the bytes. */
static inline void awl__note_sends(int fd)
{
#if AWL__TSAN
	int kept = errno;

	if (writev(fd, NULL, 0) < 0)
		errno = kept; /* no matter: not open for writing */
#else
	(void)fd;
#endif
}

/* After a READ or a POLL: what the other side did before comes with them. */
static inline void awl__note_received(int fd)
{
#if AWL__TSAN
	int kept = errno;

	if (readv(fd, NULL, 0) < 0)
		errno = kept;
#else
	(void)fd;
#endif
}

static inline void awl__note_begin(const struct awl__op *op)
{
	if (op->kind == AWL__OP_READ)
		AWL__POISON(op->u.rw.buf, op->u.rw.len);
	else if (op->kind == AWL__OP_WRITE)
		awl__note_sends(op->fd);
}

/* Before the reactor itself writes into the buffer, and when the operation has completed. */
static inline void awl__note_end(const struct awl__op *op)
{
	if (op->kind == AWL__OP_READ)
		AWL__UNPOISON(op->u.rw.buf, op->u.rw.len);
}

static inline void awl__note_completed(const struct awl__op *op)
{
	awl__note_end(op);
	if (op->kind == AWL__OP_READ && op->res > 0)
		VALGRIND_MAKE_MEM_DEFINED(op->u.rw.buf, (size_t)op->res);
	if (op->kind <= AWL__OP_READ && op->res >= 0)
		awl__note_received(op->fd);
}

#endif
