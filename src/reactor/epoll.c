/* SPDX-License-Identifier: MIT */
/*
 * epoll.c - the reactor for every kernel: how its thread sleeps and is woken.
 */
#include "reactor/epoll.h"
#include "base/alloc.h"
#include "base/report.h"

#include <awl/errors.h>

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define EVENTS_AT_ONCE 128
#define WAKE_DATA UINT64_MAX
#define TIMER_DATA (UINT64_MAX - 1)

static void on_events(struct awl__epoll *e, const struct epoll_event *ev, int n)
{
	for (int i = 0; i < n; i++)
		if (ev[i].data.u64 < TIMER_DATA)
			awl__slot_event(e, ev[i].data.u64, ev[i].events);
}

/* Where a wait has no nanoseconds: a timerfd in the set, armed when the deadline changes. */
static int set_timer(struct awl__epoll *e, int64_t deadline)
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

static int look(struct awl__epoll *e, struct epoll_event *ev, int timeout)
{
	int n = epoll_wait(e->fd, ev, EVENTS_AT_ONCE, timeout);

	e->base.syscalls++;
	return n < 0 ? -errno : n;
}

/* left: until the deadline. */
static int sleep_until(struct awl__epoll *e, struct epoll_event *ev, int64_t deadline, int64_t left)
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
	struct awl__epoll *e = (struct awl__epoll *)r;
	struct epoll_event ev[EVENTS_AT_ONCE];
	int64_t left;
	int n = 0;

	if (awl__reactor_inherited(r))
		return AWL_EFORK;
	deadline = awl__sleep_end(deadline);
	awl__slots_arm(e);
	left = awl__list_empty(&r->ready) ? awl__left(deadline) : 0;
	if (left > 0 && awl__wake_sleep(&e->wake))
		n = sleep_until(e, ev, deadline, left);
	else if (e->waiting > 0)
		n = look(e, ev, 0);
	awl__wake_take(&e->wake);
	if (n < 0 && n != -EINTR)
		return n;
	awl__reactor_tells(r);
	on_events(e, ev, n);
	return awl__reactor_deliver(r);
}

/* An epoll set is a file that polls readable while one of its files has news that no wait has
 * taken, an edge of the eventfd too: each is to be taken here, since a wait with no operation in
 * the slots takes none. */
static int epoll_prepare(struct awl__reactor *r)
{
	struct awl__epoll *e = (struct awl__epoll *)r;
	struct epoll_event ev[EVENTS_AT_ONCE];
	int n;

	if (awl__reactor_inherited(r))
		return AWL_EFORK;
	n = look(e, ev, 0);
	if (n < 0 && n != -EINTR)
		return n;
	on_events(e, ev, n);
	awl__slots_arm(e);
	awl__wake_announce(&e->wake);
	return !awl__list_empty(&r->ready);
}

static int epoll_fd(struct awl__reactor *r)
{
	return ((struct awl__epoll *)r)->fd;
}

/* --- the reactor --- */

static void epoll_wake(struct awl__reactor *r)
{
	/* In a fork's child the eventfd would wake the parent. */
	if (!awl__reactor_inherited(r))
		awl__wake_send(&((struct awl__epoll *)r)->wake);
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
	struct awl__epoll *e = (struct awl__epoll *)r;

	awl__reactor_fini(r);
	close_fd(e->timer);
	close_fd(e->wake.fd);
	close_fd(e->fd);
	awl__slots_free(e);
	awl__free(e);
}

static const struct awl__reactor_class epoll_class = {
	.name = "epoll",
	.net = &awl__net_system,
	.submit = awl__slot_submit,
	.attempt = awl__slot_attempt,
	.own = awl__slot_own,
	.disown = awl__slot_disown,
	.owned = awl__system_owned,
	.cancel = awl__slot_cancel,
	.wait = epoll_wait_for,
	.wake = epoll_wake,
	.fd = epoll_fd,
	.prepare = epoll_prepare,
	.now = awl__monotonic_now,
	.bind = epoll_bind,
	.destroy = epoll_destroy,
};

static int open_all(struct awl__epoll *e)
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
	struct awl__epoll *e = awl__alloc_zero(sizeof *e);
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
