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

#if __has_include(<valgrind/memcheck.h>) && !defined AWL__WITHOUT_VALGRIND
#include <valgrind/memcheck.h>
#else
static inline int awl__no_valgrind(const void *p, size_t n)
{
	(void)p;
	(void)n;
	return 0;
}
#define VALGRIND_MAKE_MEM_DEFINED(p, n) awl__no_valgrind((p), (n))
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

static inline bool awl__note_writes(const struct awl__op *op)
{
	return (1u << op->kind) &
		(1u << AWL__OP_WRITE | 1u << AWL__OP_SEND | 1u << AWL__OP_SENDMSG |
			1u << AWL__OP_CONNECT);
}

#if AWL__ASAN
/* note.c: what of the memory that the operation names the kernel may write. */
void awl__note_memory(struct awl__op *op, bool in_flight);
#else
#define awl__note_memory(op, in_flight) ((void)0)
#endif

/* note.c: the bytes of a completion are defined, and a descriptor that it brought is a socket. */
void awl__note_brought(const struct awl__op *op);

static inline void awl__note_begin(struct awl__op *op)
{
	awl__note_memory(op, true);
	if (AWL__TSAN && awl__note_writes(op))
		awl__note_sends(op->fd);
}

/* Before the reactor itself writes into the buffer, and when the operation has completed. */
static inline void awl__note_end(struct awl__op *op)
{
	awl__note_memory(op, false);
	(void)op;
}

static inline void awl__note_completed(struct awl__op *op)
{
	awl__note_end(op);
	if (AWL__TSAN && op->res >= 0)
		awl__note_brought(op);
}

#endif
