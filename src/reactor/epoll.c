/* SPDX-License-Identifier: MIT */
/*
 * epoll.c - the reactor for every kernel: a transfer is tried at once, and what cannot go on waits
 * in its descriptor's list until epoll says that the descriptor is ready.
 *
 * The descriptors are lent: their owner may close one at any time and the kernel forgets it without
 * a word. So nothing is believed to be registered still: each wait for a descriptor is armed anew,
 * EPOLLONESHOT, by one EPOLL_CTL_MOD just before the thread sleeps, and ENOENT says that the number
 * means another file now. Then the registration gets a new generation: events and operations of the
 * old one are known by theirs.
 */
#include "base/alloc.h"
#include "base/report.h"
#include "reactor/epoll_try.h"
#include "reactor/reactor.h"
#include "reactor/wake.h"

#include <awl/errors.h>

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define EVENTS_AT_ONCE 128
#define WAKE_DATA UINT64_MAX
#define TIMER_DATA (UINT64_MAX - 1)
#define FIRST_SLOTS 64u

#define AT_SLOT AWL__AT_OWN /* in a slot's list */

/* One a descriptor number, kept until the reactor goes. */
struct slot {
	struct awl__list ops; /* FIFO: readers, writers and polls */
	struct awl__list dirty; /* in epoll.dirty: perhaps to be armed; else alone */
	uint32_t fd, generation;
	bool armed; /* epoll has yet to report */
};

struct epoll {
	struct awl__reactor base;
	int fd, timer;
	struct awl__wake wake;
	bool no_pwait2;
	int64_t timer_set; /* the timerfd's deadline; INT64_MAX: disarmed */
	struct slot **slots;
	uint32_t slot_count, waiting; /* operations in the slots */
	struct awl__list dirty;
};

/* --- what differs from kind to kind --- */

static uint32_t poll_interest(const struct awl__op *op)
{
	return op->u.events;
}

static uint32_t read_interest(const struct awl__op *op)
{
	(void)op;
	return EPOLLIN;
}

static uint32_t write_interest(const struct awl__op *op)
{
	(void)op;
	return EPOLLOUT;
}

/* A poll is not tried at once: who polls has most often just seen EAGAIN. */
static int32_t poll_try(const struct awl__op *op, uint32_t events)
{
	events &= op->u.events | EPOLLERR | EPOLLHUP;
	return events ? (int32_t)events : -EAGAIN;
}

static int32_t read_try(const struct awl__op *op, uint32_t events)
{
	return awl__try_read(op, events != 0);
}

static int32_t write_try(const struct awl__op *op, uint32_t events)
{
	return awl__try_write(op, events != 0);
}

/* events: what epoll reported; 0: the first attempt, nothing is known. */
static const struct {
	uint32_t (*interest)(const struct awl__op *op);
	int32_t (*try)(const struct awl__op *op, uint32_t events);
	/* In a thread of the pool, where epoll does not take the file; NULL: it is always ready. */
	int (*file)(void *op);
	bool in_order; /* may not pass an earlier one of its kind */
} kinds[AWL__OP_KINDS] = {
	[AWL__OP_POLL] = { poll_interest, poll_try, NULL, false },
	[AWL__OP_READ] = { read_interest, read_try, awl__file_read, true },
	[AWL__OP_WRITE] = { write_interest, write_try, awl__file_write, true },
};

/* --- the table --- */

static int grow(struct epoll *e, uint32_t fd)
{
	uint32_t count = e->slot_count ? e->slot_count : FIRST_SLOTS;
	struct slot **slots;

	while (count <= fd)
		count *= 2;
	slots = awl__resize(e->slots, count * sizeof *slots);
	if (!slots)
		return -ENOMEM;
	for (uint32_t i = e->slot_count; i < count; i++)
		slots[i] = NULL;
	e->slots = slots;
	e->slot_count = count;
	return 0;
}

/* -EBADF for a number that names nothing: a wild one must not make the table grow. */
static int slot_new(struct epoll *e, uint32_t fd, struct slot **ret)
{
	struct slot *s;

	if (fcntl((int)fd, F_GETFD) < 0)
		return -EBADF;
	if (fd >= e->slot_count && grow(e, fd) < 0)
		return -ENOMEM;
	s = awl__alloc_zero(sizeof *s);
	if (!s)
		return -ENOMEM;
	awl__list_init(&s->ops);
	awl__list_init(&s->dirty);
	s->fd = fd;
	s->generation = 1;
	*ret = e->slots[fd] = s;
	return 0;
}

static int slot_of(struct epoll *e, int fd, struct slot **ret)
{
	uint32_t i = (uint32_t)fd; /* a negative one is beyond any table */

	if (awl__unlikely(i >= e->slot_count || !e->slots[i]))
		return slot_new(e, i, ret);
	*ret = e->slots[i];
	return 0;
}

static void touch(struct epoll *e, struct slot *s)
{
	if (awl__list_empty(&s->dirty))
		awl__list_push(&e->dirty, &s->dirty);
}

/* --- operations --- */

#define op_of(node) awl__container(node, struct awl__op, link)

static void leave(struct epoll *e, struct awl__op *op)
{
	awl__list_remove(&op->link);
	e->waiting--;
}

static void end(struct epoll *e, struct awl__op *op, int32_t res)
{
	leave(e, op);
	awl__op_ready(&e->base, op, res);
}

static bool may_try(const struct slot *s, const struct awl__op *op)
{
	awl__list_each (node, &s->ops)
		if (op_of(node)->kind == op->kind)
			return false;
	return kinds[op->kind].in_order;
}

static int epoll_submit(struct awl__reactor *r, struct awl__op *op)
{
	struct epoll *e = (struct epoll *)r;
	struct slot *s;

	if (op->kind == AWL__OP_WORK)
		return awl__work_submit(r, op);
	op->res = slot_of(e, op->fd, &s);
	if (op->res < 0)
		return op->res == -EBADF ? 1 : op->res;
	if (may_try(s, op)) {
		r->syscalls++;
		op->res = kinds[op->kind].try(op, 0);
		if (op->res != -EAGAIN)
			return 1;
	}
	awl__op_begin(r, op, AT_SLOT);
	op->own.generation = 0;
	awl__list_push(&s->ops, &op->link);
	e->waiting++;
	touch(e, s);
	return 0;
}

static void epoll_cancel(struct awl__reactor *r, struct awl__op *op)
{
	if (op->at == AT_SLOT)
		end((struct epoll *)r, op, -ECANCELED);
	else if (op->at == AWL__AT_POOL)
		awl__work_cancel(r, op);
}

/* --- arming --- */

static int ctl(struct epoll *e, int how, const struct slot *s, uint32_t events)
{
	struct epoll_event ev = {
		.events = events | EPOLLONESHOT,
		.data.u64 = (uint64_t)s->generation << 32 | s->fd,
	};

	e->base.syscalls++;
	return epoll_ctl(e->fd, how, (int)s->fd, &ev) < 0 ? -errno : 0;
}

/* epoll does not take this file: it is always ready, which for reading means that it may block. */
static void file_op(struct epoll *e, struct awl__op *op)
{
	int (*fn)(void *) = kinds[op->kind].file;

	int32_t res;

	if (fn) {
		leave(e, op);
		awl__work_begin(&e->base, op, fn, op);
		return;
	}
	res = kinds[op->kind].try(op, EPOLLIN | EPOLLOUT | EPOLLRDNORM | EPOLLWRNORM);
	if (res != -EAGAIN) /* else it asks for what never comes */
		end(e, op, res);
}

/* The operations not armed before could not be. */
static void cannot_arm(struct epoll *e, struct slot *s, int err)
{
	awl__list_each_safe (node, &s->ops) {
		struct awl__op *op = op_of(node);

		if (op->own.generation != 0)
			continue;
		if (err == -EPERM)
			file_op(e, op);
		else
			end(e, op, err);
	}
}

/* The events to ask for, 0 where nobody waits; *fresh: an operation has not been armed yet. */
static uint32_t wanted(const struct slot *s, bool *fresh)
{
	uint32_t want = 0;

	*fresh = false;
	awl__list_each (node, &s->ops) {
		const struct awl__op *op = op_of(node);

		if (op->own.generation == 0)
			*fresh = true;
		else if (op->own.generation != s->generation)
			continue;
		want |= kinds[op->kind].interest(op) | EPOLLERR;
	}
	return want;
}

static void arm(struct epoll *e, struct slot *s)
{
	bool fresh;
	uint32_t want = wanted(s, &fresh);
	int err;

	if (!want || (s->armed && !fresh))
		return;
	err = ctl(e, EPOLL_CTL_MOD, s, want);
	if (err == -ENOENT || err == -EBADF || err == -EPERM) {
		/* Another file than when it was last armed, or none. What waits from that time
		 * is the old file's, and stays until it is cancelled. */
		s->generation++;
		s->armed = false;
		want = wanted(s, &fresh);
		if (err == -ENOENT && want)
			err = ctl(e, EPOLL_CTL_ADD, s, want);
	}
	if (err < 0) {
		cannot_arm(e, s, err);
		return;
	}
	s->armed = true;
	awl__list_each (node, &s->ops)
		if (op_of(node)->own.generation == 0)
			op_of(node)->own.generation = s->generation;
}

static void arm_all(struct epoll *e)
{
	struct awl__list *node;

	while ((node = awl__list_pop(&e->dirty))) {
		awl__list_init(node);
		arm(e, awl__container(node, struct slot, dirty));
	}
}

/* --- events --- */

static void on_event(struct epoll *e, uint64_t data, uint32_t events)
{
	struct slot *s = e->slots[(uint32_t)data];
	bool blocked[AWL__OP_KINDS] = { false };
	uint32_t any = events & (EPOLLERR | EPOLLHUP);

	if (s->generation != data >> 32)
		return; /* of a file that the number no longer means */
	s->armed = false;
	awl__list_each_safe (node, &s->ops) {
		struct awl__op *op = op_of(node);
		int32_t res;

		if (op->own.generation != s->generation || blocked[op->kind] ||
			!(any || (events & kinds[op->kind].interest(op))))
			continue;
		awl__note_end(op);
		res = kinds[op->kind].try(op, events);
		if (res != -EAGAIN) {
			end(e, op, res);
			continue;
		}
		awl__note_begin(op);
		blocked[op->kind] = kinds[op->kind].in_order;
	}
	touch(e, s);
}

static void on_events(struct epoll *e, const struct epoll_event *ev, int n)
{
	for (int i = 0; i < n; i++)
		if (ev[i].data.u64 < TIMER_DATA)
			on_event(e, ev[i].data.u64, ev[i].events);
}

/* Where a wait has no nanoseconds: a timerfd in the set, armed when the deadline changes. */
static int set_timer(struct epoll *e, int64_t deadline)
{
	struct itimerspec at = { 0 };
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET, .data.u64 = TIMER_DATA };

	if (deadline == e->timer_set)
		return 0;
	if (e->timer < 0) {
		e->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
		if (e->timer < 0 || epoll_ctl(e->fd, EPOLL_CTL_ADD, e->timer, &ev) < 0)
			return -errno;
	}
	if (deadline != INT64_MAX) {
		at.it_value.tv_sec = deadline / 1000000000;
		at.it_value.tv_nsec = deadline % 1000000000;
	}
	e->base.syscalls++;
	timerfd_settime(e->timer, TFD_TIMER_ABSTIME, &at, NULL);
	e->timer_set = deadline;
	return 0;
}

static int look(struct epoll *e, struct epoll_event *ev, int timeout)
{
	int n = epoll_wait(e->fd, ev, EVENTS_AT_ONCE, timeout);

	e->base.syscalls++;
	return n < 0 ? -errno : n;
}

/* left: until the deadline. */
static int sleep_until(struct epoll *e, struct epoll_event *ev, int64_t deadline, int64_t left)
{
	struct timespec ts = { left / 1000000000, left % 1000000000 };
	int n, err;

	if (!e->no_pwait2) {
		n = epoll_pwait2(e->fd, ev, EVENTS_AT_ONCE, left == INT64_MAX ? NULL : &ts, NULL);
		e->base.syscalls++;
		if (n >= 0 || (errno != ENOSYS && errno != EPERM))
			return n < 0 ? -errno : n;
		e->no_pwait2 = true; /* before 5.11, or a seccomp filter of that age */
	}
	err = set_timer(e, deadline);
	return err < 0 ? err : look(e, ev, -1);
}

static int epoll_wait_for(struct awl__reactor *r, int64_t deadline)
{
	struct epoll *e = (struct epoll *)r;
	struct epoll_event ev[EVENTS_AT_ONCE];
	int64_t left;
	int n = 0;

	if (awl__reactor_inherited(r))
		return AWL_EFORK;
	deadline = awl__sleep_end(deadline);
	arm_all(e);
	left = awl__list_empty(&r->ready) ? awl__left(deadline) : 0;
	if (left > 0 && awl__wake_sleep(&e->wake))
		n = sleep_until(e, ev, deadline, left);
	else if (e->waiting > 0)
		n = look(e, ev, 0);
	awl__wake_take(&e->wake);
	if (n < 0 && n != -EINTR)
		return n;
	on_events(e, ev, n);
	return awl__reactor_deliver(r);
}

/* An epoll set is a file that polls readable while one of its files has news that no wait has
 * taken, an edge of the eventfd too: each is to be taken here, since a wait with no operation in
 * the slots takes none. */
static int epoll_prepare(struct awl__reactor *r)
{
	struct epoll *e = (struct epoll *)r;
	struct epoll_event ev[EVENTS_AT_ONCE];
	int n;

	if (awl__reactor_inherited(r))
		return AWL_EFORK;
	n = look(e, ev, 0);
	if (n < 0 && n != -EINTR)
		return n;
	on_events(e, ev, n);
	arm_all(e);
	awl__wake_announce(&e->wake);
	return !awl__list_empty(&r->ready);
}

static int epoll_fd(struct awl__reactor *r)
{
	return ((struct epoll *)r)->fd;
}

/* --- the reactor --- */

static void epoll_wake(struct awl__reactor *r)
{
	/* In a fork's child the eventfd would wake the parent. */
	if (!awl__reactor_inherited(r))
		awl__wake_send(&((struct epoll *)r)->wake);
}

static int epoll_bind(struct awl__reactor *r)
{
	return awl__reactor_inherited(r) ? AWL_EFORK : 0;
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

static void epoll_destroy(struct awl__reactor *r)
{
	struct epoll *e = (struct epoll *)r;

	awl__reactor_fini(r);
	close_fd(e->timer);
	close_fd(e->wake.fd);
	close_fd(e->fd);
	for (uint32_t i = 0; i < e->slot_count; i++)
		awl__free(e->slots[i]);
	awl__free(e->slots);
	awl__free(e);
}

static const struct awl__reactor_class epoll_class = {
	.name = "epoll",
	.submit = epoll_submit,
	.cancel = epoll_cancel,
	.wait = epoll_wait_for,
	.wake = epoll_wake,
	.fd = epoll_fd,
	.prepare = epoll_prepare,
	.now = awl__monotonic_now,
	.bind = epoll_bind,
	.destroy = epoll_destroy,
};

static int open_all(struct epoll *e)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET, .data.u64 = WAKE_DATA };

	e->fd = epoll_create1(EPOLL_CLOEXEC);
	e->wake.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (e->fd < 0 || e->wake.fd < 0 || epoll_ctl(e->fd, EPOLL_CTL_ADD, e->wake.fd, &ev) < 0)
		return -errno;
	return 0;
}

int awl__epoll_new(struct awl__reactor **ret)
{
	struct epoll *e = awl__alloc_zero(sizeof *e);
	int err;

	if (!e)
		return -ENOMEM;
	e->fd = e->wake.fd = e->timer = -1;
	e->timer_set = INT64_MAX;
	e->no_pwait2 =
		RUNNING_ON_VALGRIND != 0; /* its answer is ENOSYS, with five lines of complaint */
	awl__list_init(&e->dirty);
	err = awl__reactor_init(&e->base, &epoll_class);
	if (err == 0 && (err = open_all(e)) < 0)
		err = awl__fail(err, "epoll: no descriptor for the reactor");
	if (err < 0)
		epoll_destroy(&e->base);
	else
		*ret = &e->base;
	return err;
}
