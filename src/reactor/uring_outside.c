/* SPDX-License-Identifier: MIT */
/*
 * uring_outside.c - the epoll set that who waits for a ring from outside polls.
 */
#include "reactor/uring_outside.h"
#include "base/report.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

void awl__outside_init(struct awl__outside *o)
{
	o->set = o->news = -1;
	o->watches = false;
}

static int make(struct awl__outside *o, int wake)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET };

	o->news = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	o->set = epoll_create1(EPOLL_CLOEXEC);
	if (o->news < 0 || o->set < 0 || epoll_ctl(o->set, EPOLL_CTL_ADD, o->news, &ev) < 0 ||
		epoll_ctl(o->set, EPOLL_CTL_ADD, wake, &ev) < 0)
		return -errno;
	return 0;
}

int awl__outside_fd(struct awl__outside *o, int wake)
{
	int err;

	if (o->set >= 0)
		return o->set;
	err = make(o, wake);
	if (err == 0)
		return o->set;
	awl__outside_close(o);
	return awl__fail(err, "io_uring: no descriptor for who waits outside");
}

static int watch_itself(struct awl__outside *o, struct io_uring *ring)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET };

	return epoll_ctl(o->set, EPOLL_CTL_ADD, ring->ring_fd, &ev) < 0 ? -errno : 0;
}

int awl__outside_watch(struct awl__outside *o, struct io_uring *ring, bool again)
{
	bool defers = ring->flags & IORING_SETUP_DEFER_TASKRUN;
	int err;

	if (o->watches && !(defers && again))
		return 0;
	if (o->watches)
		io_uring_unregister_eventfd(ring);
	err = defers ? io_uring_register_eventfd(ring, o->news) : watch_itself(o, ring);
	o->watches = err == 0;
	return err;
}

void awl__outside_drain(struct awl__outside *o)
{
	struct epoll_event ev[2];

	epoll_wait(o->set, ev, 2, 0);
}

void awl__outside_close(struct awl__outside *o)
{
	if (o->set >= 0)
		close(o->set);
	if (o->news >= 0)
		close(o->news);
	awl__outside_init(o);
}
