/* SPDX-License-Identifier: MIT */
/*
 * op.h - the contract between awl and the kernel: submit an operation in caller storage, get
 * exactly one completion. Everything that waits goes through here; nothing above knows which
 * reactor it is.
 *
 * One thread, the loop's, calls everything but awl__reactor_wake, _hold and _release. From a
 * successful submit to its completion the operation and the memory it names belong to the reactor.
 * The file is the one that fd names when the reactor gets to it; closing the number under an
 * operation in flight neither ends it nor hands it what the number means next: cancel first.
 */
#ifndef AWL__OP_H
#define AWL__OP_H

#include "base/base.h"
#include "base/heap.h"
#include "base/list.h"
#include "pool/pool.h"

#include <poll.h>
#include <unistd.h>

struct mmsghdr;
struct msghdr;
struct sockaddr;
struct sockaddr_storage;

enum awl__op_kind {
	/* Wait for `events` (POLLIN, POLLOUT, ...) on fd; res: those that came. On an owned
	 * descriptor now and then for nothing: who polled tries, and polls again. */
	AWL__OP_POLL,
	AWL__OP_READ, /* res: bytes, 0 at the end of the file, or -errno */
	AWL__OP_WRITE, /* res: bytes taken, or -errno; a broken pipe is -EPIPE, never SIGPIPE */
	/* The calls on sockets of that name. Flags are the call's; MSG_DONTWAIT and MSG_NOSIGNAL
	 * are the reactor's to add. A msghdr and all it names is in flight with the operation. */
	AWL__OP_RECV,
	AWL__OP_SEND,
	AWL__OP_RECVMSG,
	AWL__OP_SENDMSG,
	AWL__OP_ACCEPT, /* res: a descriptor, SOCK_NONBLOCK and SOCK_CLOEXEC */
	AWL__OP_CONNECT, /* of a non-blocking socket; res: 0 */
	AWL__OP_WORK, /* fn(arg) in a thread of a pool; res: what it returned */
	AWL__OP_KINDS,
};

enum awl__op_state {
	AWL__OP_IDLE, /* the caller's */
	AWL__OP_SUBMITTED, /* the reactor's */
};

struct awl__reactor;

struct awl__op {
	struct awl__list link; /* the reactor's own, while submitted */
	/* Goes behind r->woken once, in the loop's thread, in awl__reactor_wait or _finish_work and
	 * nowhere else; NULL: `done` is called instead. The state is IDLE again: it may submit the
	 * operation anew. */
	struct awl__runnable *wakes;
	void (*done)(struct awl__op *op);
	uint8_t kind, state;
	bool cancelled; /* asked for; the completion is still to come */
	bool later; /* a hint: an attempt now would most likely only tell -EAGAIN */
	bool bytes; /* a hint for a send: into a stream, without control data */
	bool alone; /* a hint for a send: nothing else is about to be submitted with it */
	uint8_t at; /* the reactor's own: how far it has come */
	int fd;
	int32_t res; /* -ECANCELED only if cancelled and nothing was transferred or done */
	union {
		struct {
			void *buf; /* a WRITE only reads it */
			uint32_t len;
			int64_t offset; /* -1: the file's own position, and what cannot seek */
		} rw;
		uint32_t events;
		struct {
			void *buf; /* a SEND only reads it */
			uint32_t len;
			int flags;
		} sock; /* RECV, SEND */
		struct {
			struct msghdr *hdr; /* a SENDMSG only reads it */
			int flags;
		} msg;
		struct {
			struct sockaddr *addr; /* NULL: nobody asks who it is */
			socklen_t *len;
		} accept;
		struct {
			const struct sockaddr *addr;
			socklen_t len;
		} connect;
		struct {
			int (*fn)(void *arg);
			void *arg;
			struct awl__pool *pool; /* NULL: the process's */
			uint8_t kind; /* enum awl__job_kind */
		} work;
	} u;
	union { /* the reactor's own */
		struct {
			struct awl__job job;
			struct awl__reactor *reactor;
		} work;
		uint32_t generation;
		struct {
			uint32_t entry; /* of the queue of submissions */
			bool repoll;
			int64_t position; /* a WRITE's file's, before it; -1: none */
		} ring;
		struct {
			struct awl__heap_node due;
			void *end;
		} sim;
	} own;
#if AWL__ASAN
	struct {
		size_t control;
		socklen_t name;
	} noted; /* note.h's: how much room there was */
#endif
	struct awl__parcel parcel; /* the poster's, between `post` and awl__reactor_finish_work */
};

/*
 * What is done with sockets and never waits: the system's calls, or sim's network. Each answers 0,
 * or what it makes, or -errno; the loop's thread, or who has the loop. A descriptor from here is
 * the caller's.
 */
struct awl__net {
	int (*socket)(
		struct awl__reactor *r, int domain, int type, int protocol); /* non-blocking */
	int (*pair)(struct awl__reactor *r, int domain, int type, int fds[2]);
	int (*bind)(struct awl__reactor *r, int fd, const struct sockaddr *addr, socklen_t len);
	int (*listen)(struct awl__reactor *r, int fd, int backlog);
	int (*shutdown)(struct awl__reactor *r, int fd, int how);
	int (*name)(
		struct awl__reactor *r, int fd, bool peer, struct sockaddr *addr, socklen_t *len);
	int (*getopt)(
		struct awl__reactor *r, int fd, int level, int name, void *value, socklen_t *len);
	int (*setopt)(struct awl__reactor *r, int fd, int level, int name, const void *value,
		socklen_t len);
	/* As many of them as there is room for, by one call: how many. NULL: there is no such call.
	 */
	int (*send_many)(struct awl__reactor *r, int fd, struct mmsghdr *messages, unsigned count);
	int (*close)(struct awl__reactor *r, int fd); /* with no operation in flight on it */
};

/* What each reactor supplies; the functions below are the way to call it. */
struct awl__reactor_class {
	const char *name; /* "uring", "epoll", "sim" */
	const struct awl__net *net;
	int (*submit)(struct awl__reactor *r, struct awl__op *op);
	int (*attempt)(struct awl__reactor *r, struct awl__op *op);
	int (*own)(struct awl__reactor *r, int fd, int like);
	void (*disown)(struct awl__reactor *r, int fd);
	bool (*owned)(struct awl__reactor *r, int fd);
	void (*cancel)(struct awl__reactor *r, struct awl__op *op); /* once an operation */
	int (*wait)(struct awl__reactor *r, int64_t deadline);
	void (*wake)(struct awl__reactor *r);
	int (*fd)(struct awl__reactor *r);
	int (*prepare)(struct awl__reactor *r);
	int64_t (*now)(struct awl__reactor *r);
	int (*bind)(struct awl__reactor *r);
	void (*destroy)(struct awl__reactor *r);
};

struct awl__reactor {
	const struct awl__reactor_class *class;
	uint32_t in_flight; /* operations submitted and not completed, those at the pool included */
	uint32_t working; /* of them, those at the pool */
	uint32_t had; /* in_flight, when the wait that is going on began */
	bool telling; /* of it, at once; else what completes waits in `ready` for its end */
	bool asked; /* for a cancel, since the last prepare */
	bool memcheck; /* Valgrind's tool for memory looks on */
	_Atomic uint32_t held; /* what outside works for the loop: sim's clock stands meanwhile */
	/*
	 * How a pool thread hands a finished operation back: set from above before the first
	 * submit, called in the pool's thread. It must see to it that awl__reactor_finish_work(r,
	 * op) is called in the loop's thread soon, waking it if need be. WORK is not all: epoll
	 * reads and writes regular files there. awl__reactor_free waits until no thread is inside
	 * `post`.
	 */
	void (*post)(void *ctx, struct awl__op *op);
	void *post_ctx;
	_Atomic uint32_t posting; /* operations at the pool or inside `post` */
	struct awl__list ready; /* completed; the next wait tells */
	struct awl__list
		*woken; /* what operations wake goes behind it: set from above, as `post` */
	uint64_t process; /* in which it was made: a fork's child may only free it */
	uint64_t syscalls; /* how often the kernel was entered */
};

/*
 * name: "uring", "epoll", "sim", or NULL for AWL_REACTOR of the environment, else the best that the
 * kernel gives. A wrong name is -EINVAL with a detail that lists the right ones; a kernel that
 * refuses uring by name gives its errno, by default epoll is taken then. seed is sim's; 0 perturbs
 * nothing: whole transfers, at once, in order.
 */
int awl__reactor_new(const char *name, uint64_t seed, struct awl__reactor **ret);

/* Nothing may be in flight. Any thread, and in a fork's child, where the parent's is left
 * unharmed. */
static inline void awl__reactor_free(struct awl__reactor *r)
{
	r->class->destroy(r);
}

/*
 * The calling thread is the loop's from now on. Called before the first submit and again when
 * another thread takes over, with nothing in flight. A failure leaves it to the thread that had it.
 */
static inline int awl__reactor_bind(struct awl__reactor *r)
{
	return r->class->bind(r);
}

/*
 * 0: in flight, its completion will be told. 1: completed at once, res is set, and nothing is told
 * (all but uring try first, and uring a send that is alone). < 0: refused, nothing was started:
 * -ENOMEM, no thread for the pool, a real descriptor on sim. What is wrong with the operation
 * itself (-EBADF, -EISDIR) is its res, by whichever of the two ways.
 */
static inline int awl__reactor_submit(struct awl__reactor *r, struct awl__op *op)
{
	return r->class->submit(r, op);
}

/*
 * Only the attempt, of anything but WORK: what it gives now, or -EAGAIN; nothing is in flight
 * afterwards. Not beside an operation of the same kind on the same descriptor, which it would pass.
 */
static inline int awl__reactor_try(struct awl__reactor *r, struct awl__op *op)
{
	return r->class->attempt(r, op);
}

/*
 * From now on until disown a descriptor is used through this reactor alone, by one who asked for
 * it: it is non-blocking, and nobody else reads, writes or closes it. One owner at any instant in
 * the whole process: -EBUSY where it has one; -ENOMEM, -EBADF. The reactor may keep it registered
 * and know what it is ready for, which saves a system call or two at each wait. What is late for an
 * earlier owner of the same number reaches no later one.
 */
static inline int awl__reactor_own(struct awl__reactor *r, int fd)
{
	return r->class->own(r, fd, -1);
}

/* The same of one that was accepted from a socket owned here, -1: from none: nobody has to ask what
 * it is. */
static inline int awl__reactor_own_accepted(struct awl__reactor *r, int fd, int listener)
{
	return r->class->own(r, fd, listener);
}

/* With nothing in flight on it; the descriptor itself goes on, and is closed after this if ever. */
static inline void awl__reactor_disown(struct awl__reactor *r, int fd)
{
	r->class->disown(r, fd);
}

/* It has an owner, in this loop or another. The calls for lent descriptors refuse it then. */
static inline bool awl__reactor_owned(struct awl__reactor *r, int fd)
{
	return r->class->owned(r, fd);
}

/*
 * Asks for an early end; harmless when repeated. The completion comes once, by the next waits, as
 * ever: -ECANCELED if nothing had been transferred, else the result that was there. Prompt for
 * sockets, pipes and polls; WORK not yet begun is prompt, begun it completes when the function
 * returns, with its result.
 */
static inline void awl__reactor_cancel(struct awl__reactor *r, struct awl__op *op)
{
	if (op->state != AWL__OP_SUBMITTED || op->cancelled)
		return;
	op->cancelled = true;
	r->asked = true;
	r->class->cancel(r, op);
}

/*
 * Hands what was submitted to the kernel and runs the completions that are there. deadline: of
 * awl__reactor_now's clock; <= now: do not wait; INT64_MAX: no end. Returns early on a wake, a
 * completion or a signal, now and then for nothing; never late for a wake. The number of
 * completions, or -errno when the kernel fails for good; AWL_EFORK in a fork's child.
 */
static inline int awl__reactor_wait(struct awl__reactor *r, int64_t deadline)
{
	r->had = r->in_flight;
	return r->class->wait(r, deadline);
}

/* Ends the wait that is going on, else the next one. Any thread that keeps the reactor alive over
 * the call; signal-safe. No system call unless the loop's thread sleeps. */
static inline void awl__reactor_wake(struct awl__reactor *r)
{
	r->class->wake(r);
}

/*
 * A descriptor that polls readable once there is something to do, for who waits outside; the
 * reactor's own, the same until it goes. Before the first submit, or with nothing in flight, by any
 * thread that has the loop. -ENOTSUP on sim; the system's where it gives no descriptor.
 */
static inline int awl__reactor_fd(struct awl__reactor *r)
{
	return r->class->fd(r);
}

/*
 * Instead of a wait, before one at awl__reactor_fd's descriptor, which exists already: hands over
 * what was submitted. 0: what completes from now on, and each wake, makes the descriptor readable,
 * until the next prepare. 1: there is something to do at once, and no need to wait. Wakes that came
 * before are over: look at what they were for after this. -errno as of wait.
 */
static inline int awl__reactor_prepare(struct awl__reactor *r)
{
	r->asked = false;
	r->had = r->in_flight;
	return r->class->prepare(r);
}

/* The loop's clock, CLOCK_MONOTONIC or sim's own. Any thread. */
static inline int64_t awl__reactor_now(struct awl__reactor *r)
{
	return r->class->now(r);
}

/* Any thread, on the terms of wake: outside work begins / has ended. The last release wakes. */
static inline void awl__reactor_hold(struct awl__reactor *r)
{
	atomic_fetch_add(&r->held, 1);
}

static inline void awl__reactor_release(struct awl__reactor *r)
{
	if (atomic_fetch_sub(&r->held, 1) == 1)
		awl__reactor_wake(r);
}

/* The other half of `post`: completes the operation, in the loop's thread. */
void awl__reactor_finish_work(struct awl__reactor *r, struct awl__op *op);

/*
 * sim only: a pipe in memory whose two ends poll, read and write like a real one's; the numbers are
 * above any real descriptor's, and the lowest free one is taken. Closing wakes the other end (EOF,
 * -EPIPE); an operation in flight on the closed number itself stays until cancelled, as the
 * kernel's does. -ENOSYS on other reactors.
 */
int awl__sim_pipe(struct awl__reactor *r, int fds[2]);
int awl__sim_close(struct awl__reactor *r, int fd);

/* sim only: what the simulated network's names say. */
struct awl__sim_host {
	int error; /* an EAI_ code, instead of addresses; 0 */
	int64_t delay; /* how long an answer takes, in ns */
	unsigned count;
	const struct sockaddr_storage
		*addresses; /* without a port, in the order they are answered */
};

/* NULL: nobody has given this name; borrowed until the next name is given. */
const struct awl__sim_host *awl__sim_lookup(struct awl__reactor *r, const char *name);

/* sim only, the loop's thread: moves the clock; operations and deadlines due by then are then
 * due. */
void awl__sim_advance(struct awl__reactor *r, int64_t ns);

#endif
