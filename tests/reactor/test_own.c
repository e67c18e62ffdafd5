/* SPDX-License-Identifier: MIT */
/*
 * test_own.c - an owned descriptor has one owner in the process, costs the kernel's attention once,
 * and leaves nothing behind for the next one of its number. @reactors @thread @valgrind
 */
#include "reactor/socket.h"

#include <awl/errors.h>

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define MS INT64_C(1000000)

static void a_descriptor_has_one_owner(struct rig *g)
{
	struct link l;

	link_open(g, &l, LINK_LOCAL, false);
	assert_false(awl__reactor_owned(g->r, l.fds[0]));
	assert_int_equal(awl__reactor_own(g->r, l.fds[0]), 0);
	assert_true(awl__reactor_owned(g->r, l.fds[0]));
	assert_int_equal(awl__reactor_own(g->r, l.fds[0]), -EBUSY);
	assert_false(awl__reactor_owned(g->r, l.fds[1]));
	awl__reactor_disown(g->r, l.fds[0]);
	assert_false(awl__reactor_owned(g->r, l.fds[0]));
	assert_int_equal(awl__reactor_own(g->r, l.fds[0]), 0);
	awl__reactor_disown(g->r, l.fds[0]);
	link_close(g, &l);
	assert_int_equal(awl__reactor_own(g->r, -1), -EBADF);
	assert_int_equal(awl__reactor_own(g->r, l.fds[0] + 1000), -EBADF);
}

struct rival {
	const struct rig_variant *v;
	int fd, first, second;
	bool seen;
	pthread_barrier_t barrier;
};

static void *rival(void *arg)
{
	struct rival *other = arg;
	struct rig g;

	rig_open(&g, other->v);
	other->first = awl__reactor_own(g.r, other->fd);
	other->seen = awl__reactor_owned(g.r, other->fd);
	pthread_barrier_wait(&other->barrier);
	pthread_barrier_wait(&other->barrier); /* it has been given up */
	other->second = awl__reactor_own(g.r, other->fd);
	if (other->second == 0)
		awl__reactor_disown(g.r, other->fd);
	rig_close(&g);
	return NULL;
}

static void a_loop_of_another_thread_is_refused_too(struct rig *g)
{
	struct rival other = { .v = g->v };
	pthread_t thread;
	struct link l;

	link_open(g, &l, LINK_LOCAL, true);
	other.fd = l.fds[0];
	pthread_barrier_init(&other.barrier, NULL, 2);
	assert_int_equal(pthread_create(&thread, NULL, rival, &other), 0);
	pthread_barrier_wait(&other.barrier);
	awl__reactor_disown(g->r, l.fds[0]);
	pthread_barrier_wait(&other.barrier);
	pthread_join(thread, NULL);
	pthread_barrier_destroy(&other.barrier);
	assert_int_equal(other.first, -EBUSY);
	assert_true(other.seen);
	assert_int_equal(other.second, 0);
	assert_int_equal(awl__reactor_own(g->r, l.fds[0]), 0);
	link_close(g, &l);
}

static int child(struct rig *g, int fd)
{
	struct awl__reactor *r = NULL;

	if (awl__reactor_owned(g->r, fd))
		return 1;
	if (awl__reactor_own(g->r, fd) != AWL_EFORK)
		return 2;
	awl__reactor_disown(g->r, fd);
	if (awl__reactor_new("epoll", 0, &r) < 0 || awl__reactor_bind(r) < 0)
		return 3;
	if (awl__reactor_own(r, fd) != 0 || awl__reactor_own(r, fd) != -EBUSY)
		return 4;
	awl__reactor_disown(r, fd);
	awl__reactor_free(r);
	awl__reactor_free(g->r);
	return 0;
}

static void a_forks_child_has_no_owners(struct rig *g)
{
	int status = -1;
	struct link l;
	pid_t pid;

	link_open(g, &l, LINK_LOCAL, true);
	pid = fork();
	if (pid == 0)
		_exit(child(g, l.fds[0]));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(awl__reactor_own(g->r, l.fds[0]), -EBUSY);
	link_close(g, &l);
}

/* Registered, with an event that nobody has taken when the number gets its next meaning. */
static void a_late_event_reaches_no_later_owner(struct rig *g)
{
	struct link l, next;
	struct rig_op r;
	char buf[8];

	for (int lent = 0; lent < 2; lent++) {
		link_open(g, &l, LINK_LOCAL, true);
		next = (struct link){ { -1, -1 }, !lent };
		net_recv(g, &r, l.fds[0], buf, sizeof buf, 0);
		rig_settle(g);
		net_put(g, l.fds[1], "x");
		assert_int_equal(rig_finish(g, &r), 1);
		net_put(g, l.fds[1], "late");
		link_shut(g, &l, 0);
		link_open(g, &next, LINK_LOCAL, !lent);
		net_recv(g, &r, next.fds[0], buf, sizeof buf, 0);
		rig_settle(g);
		assert_int_equal(r.completions, 0);
		net_put(g, next.fds[1], "y");
		assert_int_equal(rig_finish(g, &r), 1);
		assert_int_equal(buf[0], 'y');
		link_close(g, &next);
		link_close(g, &l);
	}
}

/* The old file lives on under another number, and its events still come. */
static void the_old_file_of_a_number_reaches_no_later_owner(struct rig *g)
{
	struct link l, next;
	struct rig_op r;
	char buf[8];
	int kept;

	link_open(g, &l, LINK_LOCAL, true);
	net_recv(g, &r, l.fds[0], buf, sizeof buf, 0);
	rig_settle(g);
	net_put(g, l.fds[1], "x");
	assert_int_equal(rig_finish(g, &r), 1);
	assert_true((kept = dup(l.fds[0])) >= 0);
	link_shut(g, &l, 0);
	link_open(g, &next, LINK_LOCAL, true);
	net_recv(g, &r, next.fds[0], buf, sizeof buf, 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(send(l.fds[1], "z", 1, 0), 1);
		rig_settle(g);
		assert_int_equal(r.completions, 0);
	}
	net_put(g, next.fds[1], "y");
	assert_int_equal(rig_finish(g, &r), 1);
	assert_int_equal(buf[0], 'y');
	close(kept);
	link_close(g, &next);
	link_close(g, &l);
}

/* How often the kernel is entered until `ns` from now. */
static uint64_t sleeps(struct rig *g, int64_t ns)
{
	uint64_t before = g->r->syscalls;
	int64_t end = awl__reactor_now(g->r) + ns;

	while (awl__reactor_now(g->r) < end)
		assert_true(rig_turn(g, end) >= 0);
	return g->r->syscalls - before;
}

static void what_is_given_up_wakes_nobody_for_long(struct rig *g)
{
	struct rig_op r;
	struct link l;
	char buf[8];

	link_open(g, &l, LINK_LOCAL, true);
	net_recv(g, &r, l.fds[0], buf, sizeof buf, 0);
	rig_settle(g);
	net_put(g, l.fds[1], "x");
	assert_int_equal(rig_finish(g, &r), 1);
	awl__reactor_disown(g->r, l.fds[0]);
	assert_int_equal(send(l.fds[1], "y", 1, 0), 1);
	assert_true(sleeps(g, 5 * MS) <= 8);
	assert_int_equal(send(l.fds[1], "z", 1, 0), 1);
	assert_true(sleeps(g, 5 * MS) <= 8);
	/* And it may be lent. */
	net_expect(g, l.fds[0], "yz");
	net_recv(g, &r, l.fds[0], buf, sizeof buf, 0);
	rig_settle(g);
	net_put(g, l.fds[1], "x");
	assert_int_equal(rig_finish(g, &r), 1);
	assert_int_equal(awl__reactor_own(g->r, l.fds[0]), 0);
	net_recv(g, &r, l.fds[0], buf, sizeof buf, 0);
	rig_settle(g);
	net_put(g, l.fds[1], "x");
	assert_int_equal(rig_finish(g, &r), 1);
	link_close(g, &l);
}

static void an_echo(struct rig *g, struct link *l, bool first)
{
	uint64_t before;
	struct rig_op r, s;
	char buf[64];

	net_recv(g, &r, l->fds[0], buf, sizeof buf, 0);
	if (first || !rig_is(g, "epoll"))
		rig_settle(g); /* it waits already when the peer asks */
	assert_int_equal(r.completions, 0);
	assert_int_equal(send(l->fds[1], "ping", 4, 0), 4);
	before = g->r->syscalls;
	while (!r.completions)
		rig_turn(g, INT64_MAX);
	assert_int_equal(r.op.res, 4);
	net_send(g, &s, l->fds[0], buf, 4);
	if (!s.completions)
		rig_turn(g, 0);
	assert_int_equal(rig_finish(g, &s), 4);
	assert_int_equal(recv(l->fds[1], buf, sizeof buf, 0), 4);
	if (!first)
		assert_int_equal(g->r->syscalls - before, rig_is(g, "epoll") ? 3 : 2);
}

/* epoll: epoll_wait, recv, send. uring: one entry for the receive, one for the send. */
static void an_echo_costs_no_more_than_it_must(struct rig *g)
{
	struct link l;

	if (g->v->refused_flags)
		return; /* other rings enter the kernel as they must */
	for (int kind = 0; kind < LINK_KINDS; kind++) {
		link_open(g, &l, (enum link_kind)kind, true);
		if (kind == LINK_TCP)
			assert_int_equal(
				fcntl(l.fds[1], F_SETFL, fcntl(l.fds[1], F_GETFL) & ~O_NONBLOCK),
				0);
		for (int i = 0; i < 10; i++)
			an_echo(g, &l, i == 0);
		link_close(g, &l);
	}
}

/* Submits a send that says so: how. */
static int send_alone(struct rig *g, struct rig_op *o, int fd, const void *buf, uint32_t len)
{
	*o = (struct rig_op){
		.op = { .kind = AWL__OP_SEND, .fd = fd, .bytes = true, .alone = true }
	};
	o->op.u.sock.buf = (void *)(uintptr_t)buf;
	o->op.u.sock.len = len;
	return rig_start(g, o);
}

static void a_send_that_goes_alone_is_over_at_once(struct rig *g)
{
	static char much[1 << 16];
	struct rig_op s, p;
	struct link l;
	int how, n;

	link_open(g, &l, LINK_LOCAL, true);
	assert_int_equal(send_alone(g, &s, l.fds[0], "one", 3), 1);
	assert_int_equal(s.op.res, 3);
	rig_poll(g, &p, l.fds[0],
		POLLIN); /* on io_uring it is to be handed over: one call for both */
	how = send_alone(g, &s, l.fds[0], "two", 3);
	assert_int_equal(how, rig_is(g, "uring") ? 0 : 1);
	assert_int_equal(rig_finish(g, &s), 3);
	net_expect(g, l.fds[1], "onetwo");
	awl__reactor_cancel(g->r, &p.op);
	rig_finish(g, &p);

	while ((how = send_alone(g, &s, l.fds[0], much, sizeof much)) == 1)
		assert_true(s.op.res > 0);
	assert_int_equal(how, 0); /* it is full */
	rig_settle(g);
	assert_int_equal(s.completions, 0);
	while ((n = (int)recv(l.fds[1], much, sizeof much, MSG_DONTWAIT)) > 0)
		rig_settle(g);
	assert_true(rig_finish(g, &s) > 0);
	link_close(g, &l);
}

static void files_that_are_no_sockets_are_owned_as_well(struct rig *g)
{
	char name[] = "/tmp/awl-own-XXXXXX", buf[16];
	uint64_t one = 1, got;
	struct rig_op r, w;
	int fds[2], fd;

	assert_int_equal(pipe2(fds, O_NONBLOCK | O_CLOEXEC), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(awl__reactor_own(g->r, fds[i]), 0);
	for (int i = 0; i < 3; i++) {
		rig_read(g, &r, fds[0], buf, sizeof buf);
		rig_settle(g);
		assert_int_equal(r.completions, 0);
		rig_put(g, fds[1], "abc");
		assert_int_equal(rig_finish(g, &r), 3);
		rig_put(g, fds[1], "defg");
		rig_expect(g, fds[0], "defg");
	}
	for (int i = 0; i < 2; i++) {
		awl__reactor_disown(g->r, fds[i]);
		close(fds[i]);
	}
	fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	assert_int_equal(awl__reactor_own(g->r, fd), 0);
	for (int i = 0; i < 3; i++) {
		rig_read(g, &r, fd, &got, sizeof got);
		rig_settle(g);
		rig_write(g, &w, fd, &one, sizeof one);
		assert_int_equal(rig_finish(g, &w), 8);
		assert_int_equal(rig_finish(g, &r), 8);
		assert_int_equal(got, 1);
	}
	awl__reactor_disown(g->r, fd);
	close(fd);
	assert_true((fd = mkstemp(name)) >= 0);
	unlink(name);
	assert_int_equal(awl__reactor_own(g->r, fd), 0);
	rig_write(g, &w, fd, "hello", 5);
	assert_int_equal(rig_finish(g, &w), 5);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	rig_read(g, &r, fd, buf, sizeof buf);
	assert_int_equal(rig_finish(g, &r), 5);
	rig_read(g, &r, fd, buf, sizeof buf);
	assert_int_equal(rig_finish(g, &r), 0);
	awl__reactor_disown(g->r, fd);
	close(fd);
}

static const struct rig_body bodies[] = {
	BODY(a_descriptor_has_one_owner),
	KERNEL_BODY(a_loop_of_another_thread_is_refused_too),
	KERNEL_BODY(a_forks_child_has_no_owners),
	BODY(a_late_event_reaches_no_later_owner),
	KERNEL_BODY(the_old_file_of_a_number_reaches_no_later_owner),
	KERNEL_BODY(what_is_given_up_wakes_nobody_for_long),
	KERNEL_BODY(an_echo_costs_no_more_than_it_must),
	KERNEL_BODY(a_send_that_goes_alone_is_over_at_once),
	KERNEL_BODY(files_that_are_no_sockets_are_owned_as_well),
};

int main(void)
{
	return rig_main(bodies, COUNT(bodies));
}
