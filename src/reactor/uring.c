/* SPDX-License-Identifier: MIT */
/*
 * uring.c - the reactor over io_uring: operations are gathered in the queue of submissions and
 * handed over by the same system call that waits for completions.
 *
 * An operation stays the kernel's until its own CQE, whatever a cancel request answers: so
 * user_data is the operation's address. That address must not be reused while a cancel request for
 * it is still to be submitted; therefore requests wait in a list until just before the kernel is
 * entered, and the list is cleared of what completes first.
 *
 * A request finds nothing, too, while a socket's operation lies between two attempts: POLLERR for a
 * queue of errors brings it there again and again. Those are asked anew until they have ended.
 */
#include "base/alloc.h"
#include "base/report.h"
#include "reactor/attempt.h"
#include "reactor/reactor.h"
#include "reactor/sigpipe.h"
#include "reactor/uring_outside.h"
#include "reactor/uring_prep.h"
#include "reactor/uring_setup.h"
#include "reactor/wake.h"

#include <awl/errors.h>

#include <sys/eventfd.h>
#include <unistd.h>

/* user_data that is no operation's */
#define WAKE_DATA 1u
#define CANCEL_DATA 2u
#define FIRST_OP 16u

/* The kernel has completions that are not in the ring yet, and comes out with them when entered. */
#define NEWS (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)

enum {
	AT_QUEUE = AWL__AT_OWN, /* in u->queue, until the ring's has room */
	AT_KERNEL, /* the kernel has seen it, or will when it is next entered */
	AT_POLLED, /* the same, but it is a poll for it: it is to be asked anew then */
	AT_CANCEL, /* the kernel's, and in u->cancels: a request is to be made */
	AT_TOLD, /* the kernel's, and knows of the request */
	AT_ASKED, /* the kernel's, and in u->asked: a request was made, and may have missed it */
};

struct uring {
	struct awl__reactor base;
	struct io_uring ring;
	struct awl__wake wake;
	struct awl__outside outside;
	struct awl__list queue, cancels, asked;
	uint64_t bound; /* the token of the thread that the ring answers; 0: none yet */
	struct awl__ring_ways ways;
	uint32_t writes; /* in flight; they may raise SIGPIPE */
	bool reaped; /* completions, since the last prepare */
	bool missed; /* a request has found nothing */
	bool broken; /* one was answered -EPIPE since the kernel was entered */
	bool wake_armed; /* the poll of the eventfd is in flight */
	bool wake_oneshot; /* before 5.13: it ends with each wake */
	bool no_abs_timer; /* before 6.12 */
};

/* --- completions --- */

static unsigned to_submit(const struct uring *u)
{
	return u->ring.sq.sqe_tail - *u->ring.sq.khead;
}

/* The kernel left requests in the queue (short of memory): none may hit the address's next user. */
static void forget_cancel(struct uring *u, const struct awl__op *op)
{
	struct io_uring_sq *sq = &u->ring.sq;

	for (unsigned i = *sq->khead; i != sq->sqe_tail; i++) {
		struct io_uring_sqe *sqe = &sq->sqes[i & sq->ring_mask];

		if (sqe->opcode == IORING_OP_ASYNC_CANCEL && sqe->addr == (uintptr_t)op)
			sqe->opcode = IORING_OP_NOP;
	}
}

static void enqueue(struct uring *u, struct awl__op *op)
{
	op->at = AT_QUEUE;
	awl__list_push(&u->queue, &op->link);
}

AWL__INLINE void end(struct uring *u, struct awl__op *op, int32_t res)
{
	if (op->kind == AWL__OP_WRITE) {
		awl__ring_mend_position(op, res);
		u->writes--;
		u->broken |= res == -EPIPE;
	}
	awl__op_over(&u->base, op, res);
}

/* What is no result yet is to be asked again: whether, and how. */
static bool again(struct awl__op *op, int32_t *res)
{
	bool polled = op->own.ring.repoll;

	op->own.ring.repoll = false;
	if (polled && *res < 0)
		return *res == -EINTR && (op->own.ring.repoll = true);
	if (polled) {
		if (op->kind != AWL__OP_CONNECT)
			return true;
		*res = awl__connected(op);
	}
	/* EAGAIN is no end: files that have no non-blocking way answer it if O_NONBLOCK is set. */
	op->own.ring.repoll = op->kind != AWL__OP_POLL && awl__not_now(op, *res);
	return op->own.ring.repoll || *res == -EINTR ||
		(*res == -EAGAIN && op->kind == AWL__OP_POLL);
}

static AWL__NOINLINE void on_late_op(struct uring *u, struct awl__op *op, int32_t res)
{
	if (op->at == AT_CANCEL || op->at == AT_ASKED)
		awl__list_remove(&op->link);
	if (op->cancelled && to_submit(u) > 0)
		forget_cancel(u, op);
	if ((res >= 0 && !op->own.ring.repoll) || !again(op, &res))
		end(u, op, res);
	else if (op->cancelled)
		end(u, op, -ECANCELED); /* a worker's blocking call is broken off by a signal */
	else
		enqueue(u, op);
}

static inline void on_op(struct uring *u, struct awl__op *op, int32_t res)
{
	if (awl__likely(op->at == AT_KERNEL && res >= 0))
		end(u, op, res);
	else
		on_late_op(u, op, res);
}

static inline void on_cqe(struct uring *u, const struct io_uring_cqe *cqe)
{
	if (awl__likely(cqe->user_data >= FIRST_OP)) {
		on_op(u, (struct awl__op *)(uintptr_t)cqe->user_data, cqe->res);
	} else if (cqe->user_data == WAKE_DATA && !(cqe->flags & IORING_CQE_F_MORE)) {
		u->wake_armed = false;
		u->wake_oneshot |= cqe->res == -EINVAL;
	} else if (cqe->user_data == CANCEL_DATA) {
		u->missed |= cqe->res == -ENOENT;
	}
}

/* After all that has completed has been told: what is still there was missed, perhaps. */
static void ask_again(struct uring *u)
{
	struct awl__list *node;

	u->missed = false;
	while ((node = awl__list_pop(&u->asked))) {
		awl__container(node, struct awl__op, link)->at = AT_CANCEL;
		awl__list_push(&u->cancels, node);
	}
}

static bool cqe_there(const struct uring *u)
{
	return *u->ring.cq.khead != io_uring_smp_load_acquire(u->ring.cq.ktail);
}

static void reap(struct uring *u)
{
	struct io_uring_cq *cq = &u->ring.cq;
	unsigned head = *cq->khead, tail = io_uring_smp_load_acquire(cq->ktail);

	u->reaped |= head != tail;
	for (; head != tail; head++)
		on_cqe(u, &cq->cqes[head & cq->ring_mask]);
	io_uring_smp_store_release(cq->khead, head);
	if (awl__unlikely(u->missed))
		ask_again(u);
}

/* --- entering the kernel --- */

static int call(struct uring *u, bool sleep, int64_t deadline, int64_t left)
{
	struct io_uring_getevents_arg arg = { 0 };
	struct __kernel_timespec ts;
	unsigned flags = IORING_ENTER_GETEVENTS;
	int64_t ns = u->no_abs_timer ? left : deadline;

	if (u->ring.features & IORING_FEAT_NO_IOWAIT)
		flags |= IORING_ENTER_NO_IOWAIT;
	u->base.syscalls++;
	if (!sleep)
		return io_uring_enter2((unsigned)u->ring.ring_fd, to_submit(u), 0, flags, NULL, 0);
	flags |= IORING_ENTER_EXT_ARG;
	if (deadline != INT64_MAX) {
		ts.tv_sec = ns / 1000000000;
		ts.tv_nsec = ns % 1000000000;
		arg.ts = (uintptr_t)&ts;
		if (!u->no_abs_timer)
			flags |= IORING_ENTER_ABS_TIMER;
	}
	return io_uring_enter2(
		(unsigned)u->ring.ring_fd, to_submit(u), 1, flags, (void *)&arg, sizeof arg);
}

/* Submits, waits for a completion if asked, and reaps: 0, or -errno where it will not get
 * better. */
static int enter(struct uring *u, bool sleep, int64_t deadline, int64_t left)
{
	bool held = u->writes > 0 && u->ways.raises;
	struct awl__sigpipe sigpipe;
	int n;

	io_uring_smp_store_release(u->ring.sq.ktail, u->ring.sq.sqe_tail);
	if (held)
		awl__sigpipe_hold(&sigpipe);
	n = call(u, sleep, deadline, left);
	if (n == -EINVAL && sleep && deadline != INT64_MAX && !u->no_abs_timer) {
		u->no_abs_timer = true; /* flags are checked before anything is done */
		n = call(u, sleep, deadline, left);
	}
	reap(u);
	if (held)
		awl__sigpipe_let_go(&sigpipe, u->broken);
	u->broken = false;
	/* EAGAIN and EBUSY: short of memory, or of room for completions, which are reaped now. */
	return n >= 0 || n == -EINTR || n == -ETIME || n == -EAGAIN || n == -EBUSY ? 0 : n;
}

static inline bool has_room(const struct uring *u)
{
	return to_submit(u) < u->ring.sq.ring_entries;
}

/* The next entry of the queue, which has room. io_uring_get_sqe asks what our rings never are. */
static inline struct io_uring_sqe *next_sqe(struct uring *u)
{
	struct io_uring_sq *sq = &u->ring.sq;

	return &sq->sqes[sq->sqe_tail++ & sq->ring_mask];
}

/* Submits what is there to get room. False: *err, or not at the moment. */
static bool get_room(struct uring *u, int *err)
{
	if (awl__unlikely(!has_room(u)))
		*err = enter(u, false, 0, 0);
	return *err == 0 && has_room(u);
}

/* The poll of the eventfd: multishot where the kernel has it. One that ended is armed anew, with
 * what it was told so far read: a wake that comes later finds the poll, or makes it complete at
 * once. */
static int arm_wake(struct uring *u)
{
	struct io_uring_sqe *sqe;
	uint64_t count;
	int err = 0;

	if (u->wake_armed || !get_room(u, &err))
		return err;
	while (read(u->wake.fd, &count, sizeof count) < 0 && errno == EINTR)
		;
	sqe = next_sqe(u);
	io_uring_prep_poll_add(sqe, u->wake.fd, POLLIN);
	if (!u->wake_oneshot)
		sqe->len |= IORING_POLL_ADD_MULTI;
	sqe->user_data = WAKE_DATA;
	u->wake_armed = true;
	return 0;
}

static inline struct io_uring_sqe *enter_op(struct uring *u, struct awl__op *op)
{
	op->own.ring.entry = u->ring.sq.sqe_tail;
	return next_sqe(u);
}

static void place(struct uring *u, struct awl__op *op)
{
	struct io_uring_sqe *sqe = enter_op(u, op);

	if (awl__unlikely(op->own.ring.repoll)) {
		io_uring_prep_poll_add(sqe, op->fd, awl__ring_kinds[op->kind].events);
		op->at = AT_POLLED;
	} else {
		awl__ring_kinds[op->kind].prep(&u->ways, sqe, op);
		op->at = AT_KERNEL;
	}
	sqe->user_data = (uintptr_t)op;
}

/* Takes back what the kernel has not seen yet; false: it has. */
static bool take_back(struct uring *u, const struct awl__op *op)
{
	struct io_uring_sq *sq = &u->ring.sq;
	struct io_uring_sqe *sqe = &sq->sqes[op->own.ring.entry & sq->ring_mask];

	/* An old entry's number comes again after 2^32 others. */
	if (sq->sqe_tail - op->own.ring.entry > to_submit(u) || sqe->user_data != (uintptr_t)op)
		return false;
	io_uring_prep_nop(sqe);
	sqe->user_data = CANCEL_DATA;
	return true;
}

/* Such a one waits by a poll alone, and not for a disk, where no request ever finds it. */
static bool is_of_socket(const struct awl__op *op)
{
	return op->kind >= AWL__OP_RECV && op->kind <= AWL__OP_CONNECT;
}

/* Everything that waits goes into the queue; operations first, so that a cancel finds its own. */
static int fill(struct uring *u)
{
	struct io_uring_sqe *sqe;
	struct awl__list asking, *node;
	struct awl__op *op;
	int err = 0;

	while (awl__unlikely(!awl__list_empty(&u->queue)) && get_room(u, &err))
		place(u, awl__container(awl__list_pop(&u->queue), struct awl__op, link));
	if (awl__likely(awl__list_empty(&u->cancels)))
		return err;
	/* A request that misses meanwhile is made anew by the next wait. */
	awl__list_init(&asking);
	awl__list_splice(&asking, &u->cancels);
	while (err == 0 && !awl__list_empty(&asking) && get_room(u, &err)) {
		/* To get room completions may have been reaped, the last in line's among them. */
		if (!(node = awl__list_pop(&asking)))
			break;
		op = awl__container(node, struct awl__op, link);
		sqe = next_sqe(u);
		io_uring_prep_cancel64(sqe, (uintptr_t)op, 0);
		sqe->user_data = CANCEL_DATA;
		op->at = AT_TOLD;
		if (is_of_socket(op)) {
			op->at = AT_ASKED;
			awl__list_push(&u->asked, &op->link);
		}
	}
	awl__list_splice(&u->cancels, &asking);
	return err;
}

static bool flagged(const struct uring *u, unsigned flags)
{
	return IO_URING_READ_ONCE(*u->ring.sq.kflags) & flags;
}

/* Nothing to tell, and nothing that we could not hand over: one may sleep. */
static bool quiet(const struct uring *u)
{
	return !awl__reactor_told(&u->base) && awl__list_empty(&u->base.ready) &&
		awl__list_empty(&u->queue) && awl__list_empty(&u->cancels) && !cqe_there(u);
}

/* Hands over and reaps, without sleeping. */
static int look(struct uring *u)
{
	if (to_submit(u) > 0 || flagged(u, NEWS))
		return enter(u, false, 0, 0);
	reap(u);
	return 0;
}

/* A kernel without SUBMIT_ALL stops at each entry that fails; an overflow comes in portions. */
static int look_again(struct uring *u)
{
	unsigned before;
	int err = 0;

	while (err == 0 && ((before = to_submit(u)) > 0 || flagged(u, IORING_SQ_CQ_OVERFLOW))) {
		err = enter(u, false, 0, 0);
		if (before > 0 && to_submit(u) == before)
			break; /* short of memory: the next wait tries again */
	}
	return err;
}

static int uring_wait(struct awl__reactor *r, int64_t deadline)
{
	struct uring *u = (struct uring *)r;
	int64_t left = 0;
	int err, n;

	if (awl__reactor_inherited(r))
		return AWL_EFORK;
	deadline = awl__sleep_end(deadline);
	awl__reactor_tells(r);
	err = fill(u);
	if (err == 0 && quiet(u) && (left = awl__left(deadline)) > 0) {
		err = arm_wake(u); /* here alone: who sleeps outside is woken there */
		if (err < 0 || !quiet(u))
			left = 0;
	}
	if (left > 0 && awl__wake_sleep(&u->wake))
		err = enter(u, true, deadline, left);
	else if (err == 0)
		err = look(u);
	else
		reap(u);
	awl__wake_take(&u->wake);
	if (err == 0)
		err = look_again(u);
	n = awl__reactor_deliver(r);
	return err < 0 ? err : n;
}

static int uring_fd(struct awl__reactor *r)
{
	struct uring *u = (struct uring *)r;

	return awl__outside_fd(&u->outside, u->wake.fd);
}

static int uring_prepare(struct awl__reactor *r)
{
	struct uring *u = (struct uring *)r;
	int err;

	if (awl__reactor_inherited(r))
		return AWL_EFORK;
	if ((err = fill(u)) < 0 || (err = look(u)) < 0 || (err = look_again(u)) < 0 ||
		(err = awl__outside_watch(&u->outside, &u->ring, u->reaped)) < 0)
		return err;
	u->reaped = false;
	/* What came before the watch, or had its edge taken here, we have seen or see now. */
	awl__outside_drain(&u->outside);
	awl__wake_announce(&u->wake);
	return !quiet(u) || to_submit(u) > 0 || flagged(u, NEWS);
}

/* --- the reactor --- */

static AWL__NOINLINE int submit_any(struct uring *u, struct awl__op *op)
{
	if (op->kind == AWL__OP_WORK)
		return awl__work_submit(&u->base, op);
	if (op->alone && to_submit(u) == 0) {
		op->res = awl__attempt(&u->base, op);
		if (!awl__not_now(op, op->res))
			return 1;
	}
	awl__op_begin(&u->base, op, AT_QUEUE);
	op->own.ring.repoll = false;
	if (op->kind == AWL__OP_WRITE) {
		u->writes++;
		awl__ring_note_position(op);
	}
	if (awl__list_empty(&u->queue) && has_room(u))
		place(u, op);
	else
		enqueue(u, op);
	return 0;
}

/* What streams do has a short way. */
static int uring_submit(struct awl__reactor *r, struct awl__op *op)
{
	struct uring *u = (struct uring *)r;
	bool recv = op->kind == AWL__OP_RECV;
	struct io_uring_sqe *sqe;

	if (awl__unlikely((!recv && op->kind != AWL__OP_SEND) || op->alone ||
		    !awl__list_empty(&u->queue) || !has_room(u)))
		return submit_any(u, op);
	awl__op_begin(r, op, AT_KERNEL);
	op->own.ring.repoll = false;
	sqe = enter_op(u, op);
	if (recv)
		awl__ring_recv(&u->ways, sqe, op);
	else
		awl__ring_send(sqe, op);
	sqe->user_data = (uintptr_t)op;
	return 0;
}

static void uring_cancel(struct awl__reactor *r, struct awl__op *op)
{
	struct uring *u = (struct uring *)r;

	if (op->at == AWL__AT_POOL) {
		awl__work_cancel(r, op);
	} else if (op->at == AT_QUEUE) {
		awl__list_remove(&op->link);
		end(u, op, -ECANCELED);
	} else if ((op->at == AT_KERNEL || op->at == AT_POLLED) && take_back(u, op)) {
		end(u, op, -ECANCELED);
	} else if (op->at == AT_KERNEL || op->at == AT_POLLED) {
		op->at = AT_CANCEL;
		awl__list_push(&u->cancels, &op->link);
	}
}

static void uring_wake(struct awl__reactor *r)
{
	if (!awl__reactor_inherited(r))
		awl__wake_send(&((struct uring *)r)->wake);
}

/* The ring answers the thread that enabled it and no other: a new thread gets a new ring. */
static int uring_bind(struct awl__reactor *r)
{
	struct uring *u = (struct uring *)r;
	uint64_t token = awl__token_make();
	struct io_uring fresh;
	int err;

	if (awl__reactor_inherited(r))
		return AWL_EFORK;
	if (token == 0)
		return -ENOMEM;
	if (u->bound == token)
		return 0;
	if (u->bound == 0) {
		err = awl__ring_enable(&u->ring);
	} else if ((err = awl__ring_open(&fresh)) == 0) {
		err = awl__ring_enable(&fresh);
		awl__ring_close(err < 0 ? &fresh : &u->ring, false);
		if (err == 0) {
			u->ring = fresh;
			awl__ring_ways(&u->ways, &u->ring);
		}
	}
	if (err < 0)
		return err;
	u->wake_armed = false;
	u->outside.watches = false;
	u->bound = token;
	return 0;
}

static void uring_destroy(struct awl__reactor *r)
{
	struct uring *u = (struct uring *)r;

	awl__reactor_fini(r);
	awl__ring_close(&u->ring, awl__reactor_inherited(r));
	awl__outside_close(&u->outside);
	close(u->wake.fd);
	awl__free(u);
}

static const struct awl__reactor_class uring_class = {
	.name = "uring",
	.net = &awl__net_system,
	.submit = uring_submit,
	.attempt = awl__attempt,
	.own = awl__system_own,
	.disown = awl__system_disown,
	.owned = awl__system_owned,
	.cancel = uring_cancel,
	.wait = uring_wait,
	.wake = uring_wake,
	.fd = uring_fd,
	.prepare = uring_prepare,
	.now = awl__monotonic_now,
	.bind = uring_bind,
	.destroy = uring_destroy,
};

int awl__uring_new(struct awl__reactor **ret)
{
	struct uring *u = awl__alloc_zero(sizeof *u);
	int err;

	if (!u)
		return -ENOMEM;
	awl__list_init(&u->queue);
	awl__list_init(&u->cancels);
	awl__list_init(&u->asked);
	awl__outside_init(&u->outside);
	err = awl__reactor_init(&u->base, &uring_class);
	if (err < 0 || (err = awl__ring_open(&u->ring)) < 0) {
		awl__free(u);
		return err;
	}
	awl__ring_ways(&u->ways, &u->ring);
	u->wake.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (u->wake.fd < 0) {
		err = awl__fail(-errno, "io_uring: no eventfd");
		awl__ring_close(&u->ring, false);
		awl__free(u);
		return err;
	}
	*ret = &u->base;
	return 0;
}
