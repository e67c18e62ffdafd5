/* SPDX-License-Identifier: MIT */
/*
 * run.c - a test's loop, its clock, its pipes, and the fault it asked for.
 */
#include "base/clock.h"
#include "testkit/testkit.h"
#include "testkit/trace.h"

#include <awl/test.h>

int awl_test_run(uint64_t seed, awl_fn *fn, void *arg)
{
	awl_loop_options o = { .name = "test", .reactor = "sim", .seed = seed };
	int r, closed;
	awl_loop *l;

	AWL__NOT_NULL(fn);
	if (awl__thread->running)
		return awl__fail(AWL_ENESTED,
			"awl_test_run: this thread runs a loop already; a test begins outside");
	r = awl_loop_new(&o, &l);
	if (r < 0)
		return r;
	awl__trace_begin(l);
	r = awl_loop_run_until_complete(l, fn, arg);
	closed = awl_loop_close(l);
	if (closed == -ENOMEM) /* the fault that was asked for: it is told, and comes once */
		(void)!awl_loop_close(l);
	awl__trace_end(l);
	awl_loop_unref(l);
	return r < 0 ? r : closed < 0 ? closed : r;
}

awl_loop *awl__find_sim(const char *call, int *err)
{
	awl_loop *l = awl__thread->running;

	if (l && l->virtual_time)
		return l;
	*err = l ? awl__fail(-ENOTSUP, "%s: this loop is on %s; awl_test_run makes one on sim",
			   call, awl_loop_reactor(l))
		 : awl__fail(AWL_ENOLOOP, "%s: %s", call, awl_strerror(AWL_ENOLOOP));
	return NULL;
}

int awl_test_advance(int64_t ns)
{
	int r = 0;
	awl_loop *l = awl__find_sim(__func__, &r);

	if (!l)
		return r;
	if (ns < 0)
		return awl__fail(-EINVAL, "awl_test_advance: time does not go back");
	awl__sim_advance(l->reactor, ns);
	l->look_due = l->steps; /* what is due now is seen after this snapshot */
	return 0;
}

int awl_test_pipe(int fds[2])
{
	awl_loop *l;
	int r = 0;

	AWL__NOT_NULL(fds);
	l = awl__find_sim(__func__, &r);
	return l ? awl__sim_pipe(l->reactor, fds) : r;
}

int awl_test_close(int fd)
{
	int r = 0;
	awl_loop *l = awl__find_sim(__func__, &r);

	if (!l)
		return r;
	if (awl__reactor_owned(l->reactor, fd))
		return awl__fail(-EBUSY,
			"awl_test_close: descriptor %d is a stream's, a server's "
			"or a datagram endpoint's own",
			fd);
	return awl__sim_close(l->reactor, fd);
}

/* --- faults --- */

static _Thread_local int64_t allocations AWL__TLS; /* since awl_test_fail_alloc */
static _Thread_local int64_t fails AWL__TLS; /* which of them; 0: none */

static int fault(void)
{
	return ++allocations == fails;
}

int64_t awl_test_fail_alloc(int64_t n)
{
	int64_t made = allocations;

	allocations = 0;
	fails = n;
	awl__store(&awl__alloc_fault, fault);
	return made;
}
