/* SPDX-License-Identifier: MIT */
/*
 * rig.h - one body, every reactor: a reactor with what a loop gives it, and the kernels of the past
 * that a reactor can be made to believe in. AWL_REACTOR narrows it to the variants of one reactor.
 */
#ifndef RIG_H
#define RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "reactor/op.h"

#include <pthread.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

struct rig_variant {
	const char *name, *reactor;
	unsigned refused_flags; /* of io_uring_setup: -EINVAL, as an older kernel */
	bool no_nosignal; /* before 6.18 */
	uint64_t seed;
	bool wakes; /* operations name whom they wake, as a task's do */
};

struct rig {
	struct awl__reactor *r;
	const struct rig_variant *v;
	pthread_mutex_t lock;
	struct awl__list posted; /* by the pool's threads */
	struct awl__list woken;
	unsigned completions; /* of all operations, so far */
};

struct rig_op {
	struct awl__op op;
	struct awl__runnable run;
	struct rig *rig;
	unsigned completions, order; /* order: which of the rig's it was */
};

/* Between the two a variant's kernel is believed in. */
void rig_pretend(const struct rig_variant *v);
void rig_open(struct rig *g, const struct rig_variant *v);
void rig_close(struct rig *g);
/* sim by this seed, in the one rig that lies in no case's frame. */
struct rig *rig_open_sim(uint64_t seed);
static inline bool rig_is(const struct rig *g, const char *reactor)
{
	return strcmp(g->v->reactor, reactor) == 0;
}
static inline const struct awl__net *net(const struct rig *g)
{
	return g->r->class->net;
}
/* fds[0] reads, fds[1] writes: a pipe of the reactor's world, or a pair of stream sockets. */
enum rig_kind { RIG_PIPE, RIG_SOCKET, RIG_KINDS };
static inline enum rig_kind rig_kinds(const struct rig *g)
{
	return rig_is(g, "sim") ? RIG_SOCKET : RIG_KINDS;
}
void rig_pair(struct rig *g, enum rig_kind kind, int fds[2]);
void rig_shut(struct rig *g, int fd);

/* Each submits; what is done at once counts as completed. */
void rig_read(struct rig *g, struct rig_op *o, int fd, void *buf, uint32_t len);
void rig_write(struct rig *g, struct rig_op *o, int fd, const void *buf, uint32_t len);
void rig_poll(struct rig *g, struct rig_op *o, int fd, uint32_t events);
int rig_work(struct rig *g, struct rig_op *o, int (*fn)(void *), void *arg);
int rig_start(struct rig *g, struct rig_op *o);

int rig_turn(struct rig *g, int64_t deadline); /* one wait, and what was posted */
int32_t rig_finish(struct rig *g, struct rig_op *o); /* until it has completed, once */
void rig_put(struct rig *g, int fd, const char *text); /* writes all of it */
void rig_expect(struct rig *g, int fd, const char *text); /* reads all of it */
void rig_settle(struct rig *g); /* a few looks without sleeping */

struct rig_body {
	const char *name;
	void (*run)(struct rig *g);
	const char *not_on; /* the reactor that cannot have it, skipped by name */
};
#define BODY_BUT(fn, reactor) \
	{ \
#fn, fn, reactor \
	}
#define BODY(fn) BODY_BUT(fn, "")
#define KERNEL_BODY(fn) BODY_BUT(fn, "sim")
int rig_main(const struct rig_body *bodies, size_t count);

#endif
