/* SPDX-License-Identifier: MIT */
/*
 * test_wait.c - the wait itself: deadlines, wakes, thousands of completions, another thread, a
 * fork's child, and what happens without memory. @reactors @thread @valgrind
 */
#include "reactor/rig.h"
#include "reactor/refuse.h"

#include "base/alloc.h"
#include "base/clock.h"

#include <awl/errors.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/time.h>

#define MS INT64_C(1000000)

/* --- deadlines --- */

static void a_wait_is_never_early(struct rig *g)
{
	static const int64_t spans[] = { 1, 1000, 50000, 300000, 1 * MS, 1234567, 3 * MS };

	for (size_t i = 0; i < COUNT(spans); i++) {
		int64_t deadline = awl__reactor_now(g->r) + spans[i];

		while (awl__reactor_now(g->r) < deadline)
			assert_int_equal(awl__reactor_wait(g->r, deadline), 0);
		if (rig_is(g, "sim"))
			assert_int_equal(awl__reactor_now(g->r), deadline);
	}
}

static void a_wait_sleeps_until_its_deadline(struct rig *g)
{
	int64_t deadline = awl__reactor_now(g->r) + 20 * MS;
	int waits = 0;

	while (awl__reactor_now(g->r) < deadline) {
		assert_int_equal(awl__reactor_wait(g->r, deadline), 0);
		waits++;
	}
	assert_true(waits <= 2);
}

static void a_deadline_that_has_passed_does_not_wait(struct rig *g)
{
	static const int64_t past[] = { INT64_MIN, -1, 0, 1 };
	uint64_t before;

	rig_settle(g);
	before = g->r->syscalls;
	for (size_t i = 0; i < COUNT(past); i++)
		assert_int_equal(awl__reactor_wait(g->r, past[i]), 0);
	assert_int_equal(awl__reactor_wait(g->r, awl__reactor_now(g->r)), 0);
	assert_int_equal(g->r->syscalls, before); /* nothing to ask the kernel */
}

/* --- wakes --- */

static void a_wake_before_the_wait_ends_it(struct rig *g)
{
	awl__reactor_wake(g->r);
	awl__reactor_wake(g->r);
	assert_int_equal(awl__reactor_wait(g->r, INT64_MAX), 0);
}

static void a_wake_while_awake_costs_no_system_call(struct rig *g)
{
	uint64_t before;

	rig_settle(g);
	before = g->r->syscalls;
	for (int i = 0; i < 100; i++) {
		awl__reactor_wake(g->r);
		assert_int_equal(awl__reactor_wait(g->r, INT64_MAX), 0);
	}
	assert_true(g->r->syscalls - before <= (rig_is(g, "uring") ? 1 : 0));
}

struct waker {
	struct awl__reactor *r;
	_Atomic int rounds;
	int plain; /* ordered by the wakes alone */
};

/* Every wake is answered before the next: one lost, and both stand still. */
static void *wake_many(void *arg)
{
	struct waker *w = arg;

	for (int i = 1; i <= 2000; i++) {
		w->plain = i;
		atomic_store(&w->rounds, i);
		awl__reactor_wake(w->r);
		while (atomic_load(&w->rounds) == i)
			sched_yield();
	}
	return NULL;
}

static void no_wake_from_another_thread_is_lost(struct rig *g)
{
	struct waker w = { .r = g->r };
	pthread_t thread;
	int seen = 0, i;

	assert_int_equal(pthread_create(&thread, NULL, wake_many, &w), 0);
	while (seen < 2000) {
		assert_true(awl__reactor_wait(g->r, INT64_MAX) >= 0);
		i = atomic_load(&w.rounds);
		if (i <= 0)
			continue;
		assert_int_equal(w.plain, i);
		seen = i;
		atomic_store(&w.rounds, -i);
	}
	pthread_join(thread, NULL);
}

static struct awl__reactor *handlers;

static void on_alarm(int sig)
{
	(void)sig;
	awl__reactor_wake(handlers);
}

static void a_signal_handler_may_wake(struct rig *g)
{
	struct sigaction old, act = { .sa_handler = on_alarm, .sa_flags = SA_RESTART };
	struct itimerval soon = { .it_value.tv_usec = 2000 };

	handlers = g->r;
	sigaction(SIGALRM, &act, &old);
	raise(SIGALRM); /* before the wait */
	assert_int_equal(awl__reactor_wait(g->r, INT64_MAX), 0);
	setitimer(ITIMER_REAL, &soon, NULL); /* and, most likely, during it */
	assert_int_equal(awl__reactor_wait(g->r, INT64_MAX), 0);
	for (soon.it_value.tv_usec = 1; soon.it_value.tv_usec < 200; soon.it_value.tv_usec += 4) {
		setitimer(ITIMER_REAL, &soon, NULL); /* and at every moment around its beginning */
		assert_int_equal(awl__reactor_wait(g->r, INT64_MAX), 0);
	}
	soon.it_value.tv_usec = 0;
	setitimer(ITIMER_REAL, &soon, NULL);
	sigaction(SIGALRM, &old, NULL);
}

static void *release_later(void *arg)
{
	struct rig *g = arg;

	for (int i = 0; i < 1000; i++)
		sched_yield();
	awl__reactor_release(g->r);
	return NULL;
}

static void the_last_release_wakes(struct rig *g)
{
	pthread_t thread;

	for (int i = 0; i < 20; i++) {
		awl__reactor_hold(g->r);
		assert_int_equal(pthread_create(&thread, NULL, release_later, g), 0);
		while (atomic_load(&g->r->held) > 0)
			assert_int_equal(awl__reactor_wait(g->r, INT64_MAX), 0);
		pthread_join(thread, NULL);
	}
}

/* --- many --- */

static void thousands_of_operations_complete_once_each(struct rig *g)
{
	enum { MANY = 6000 };
	struct rig_op *polls = calloc(MANY, sizeof *polls);
	int fds[2], n = 0;

	rig_pair(g, RIG_PIPE, fds);
	for (int i = 0; i < MANY; i++)
		rig_poll(g, &polls[i], fds[0], POLLIN);
	rig_settle(g);
	assert_int_equal(g->r->in_flight, MANY);
	rig_put(g, fds[1], "x"); /* and all of them at once */
	while (n < MANY)
		n += rig_finish(g, &polls[n]) == POLLIN;
	rig_settle(g);
	for (int i = 0; i < MANY; i++)
		assert_int_equal(polls[i].completions, 1);
	rig_expect(g, fds[0], "x");
	for (int i = 0; i < MANY; i++)
		rig_poll(g, &polls[i], fds[0], POLLIN);
	rig_turn(g, 0);
	for (int i = 0; i < MANY; i++)
		awl__reactor_cancel(g->r, &polls[i].op);
	for (int i = 0; i < MANY; i++)
		assert_int_equal(rig_finish(g, &polls[i]), -ECANCELED);
	rig_shut(g, fds[0]);
	rig_shut(g, fds[1]);
	free(polls);
}

/* io_uring's are told in the kernel's order, which is the other way round. */
static void completions_come_in_the_order_of_the_polls(struct rig *g)
{
	struct rig_op p[64];
	int fds[2];

	rig_pair(g, RIG_PIPE, fds);
	for (size_t i = 0; i < COUNT(p); i++)
		rig_poll(g, &p[i], fds[0], POLLIN);
	rig_settle(g);
	rig_put(g, fds[1], "x");
	for (size_t i = 0; i < COUNT(p); i++)
		rig_finish(g, &p[i]);
	for (size_t i = 1; i < COUNT(p) && g->v->seed == 0; i++)
		assert_true(p[i].order > p[i - 1].order);
	rig_shut(g, fds[0]);
	rig_shut(g, fds[1]);
}

/* What an operation makes ready: itself, or what its `done` puts there. */
struct told {
	struct awl__op op;
	struct awl__runnable runnable;
	struct awl__list *list;
};

static void tell(struct awl__op *op)
{
	struct told *t = awl__container(op, struct told, op);

	awl__list_push(t->list, &t->runnable.link);
}

static void what_wakes_and_what_calls_are_told_in_one_order(struct rig *g)
{
	struct told t[16];
	struct awl__list list;
	int fds[COUNT(t)][2], n = 0;
	unsigned at = 0;

	for (size_t i = 0; i < COUNT(t); i++) {
		rig_pair(g, RIG_PIPE, fds[i]);
		rig_put(g, fds[i][1], "x");
	}
	awl__list_init(&list);
	g->r->woken = &list;
	for (size_t i = 0; i < COUNT(t); i++) {
		t[i] = (struct told){ .list = &list };
		t[i].op.kind = AWL__OP_POLL;
		t[i].op.fd = fds[i][0];
		t[i].op.u.events = POLLIN;
		t[i].op.done = tell;
		t[i].op.wakes = i % 4 < 2 ? &t[i].runnable : NULL;
	}
	for (size_t i = 0; i < COUNT(t); i++) {
		struct awl__list *last = list.prev;
		int how = awl__reactor_submit(g->r, &t[i].op);

		assert_ptr_equal(list.prev, last); /* never from submit */
		if (how == 1) {
			t[i].runnable.queued = t[i].op.wakes != NULL;
			tell(&t[i].op);
			n++;
		}
	}
	while (n < (int)COUNT(t))
		n += awl__reactor_wait(g->r, INT64_MAX);
	assert_int_equal(n, COUNT(t));
	assert_int_equal(g->r->in_flight, 0);
	g->r->woken = &g->woken;
	awl__list_each (node, &list) {
		struct told *one = awl__container(
			awl__container(node, struct awl__runnable, link), struct told, runnable);

		assert_int_equal(one->op.state, AWL__OP_IDLE);
		assert_int_equal(one->op.res & POLLIN, POLLIN);
		assert_int_equal(one->runnable.queued, one->op.wakes != NULL);
		if (g->v->seed == 0)
			assert_ptr_equal(one, &t[at]);
		at++;
	}
	assert_int_equal(at, COUNT(t));
	for (size_t i = 0; i < COUNT(t); i++) {
		rig_shut(g, fds[i][0]);
		rig_shut(g, fds[i][1]);
	}
}

static void again(struct awl__op *op)
{
	struct rig_op *o = awl__container(op, struct rig_op, op);

	if (++o->completions < 10 && awl__reactor_submit(o->rig->r, op) == 1)
		o->completions = 10;
}

static void a_completion_may_submit_its_operation_anew(struct rig *g)
{
	struct rig_op p;
	int fds[2];

	rig_pair(g, RIG_PIPE, fds);
	rig_poll(g, &p, fds[0], POLLIN);
	p.op.done = again;
	rig_put(g, fds[1], "x");
	while (p.completions < 10)
		assert_true(rig_turn(g, INT64_MAX) <= 2); /* its next is the next wait's */
	rig_shut(g, fds[0]);
	rig_shut(g, fds[1]);
}

/* --- another thread, another process --- */

static void *use_it(void *arg)
{
	struct rig *g = arg;
	int fds[2];

	assert_int_equal(awl__reactor_bind(g->r), 0);
	rig_pair(g, RIG_PIPE, fds);
	rig_put(g, fds[1], "there");
	rig_expect(g, fds[0], "there");
	awl__reactor_wake(g->r);
	awl__reactor_wait(g->r, INT64_MAX);
	rig_shut(g, fds[0]);
	rig_shut(g, fds[1]);
	return NULL;
}

static void another_thread_may_take_over(struct rig *g)
{
	pthread_t thread;

	for (int i = 0; i < 3; i++) {
		int fds[2];

		assert_int_equal(pthread_create(&thread, NULL, use_it, g), 0);
		pthread_join(thread, NULL);
		assert_int_equal(awl__reactor_bind(g->r), 0);
		rig_pair(g, RIG_PIPE, fds);
		rig_put(g, fds[1], "here");
		rig_expect(g, fds[0], "here");
		rig_shut(g, fds[0]);
		rig_shut(g, fds[1]);
	}
}

static int meddle(void *arg)
{
	struct rig *g = arg;
	struct awl__reactor *own;

	awl__reactor_wake(g->r);
	if (awl__reactor_wait(g->r, 0) != AWL_EFORK || awl__reactor_bind(g->r) != AWL_EFORK)
		return 1;
	awl__reactor_free(g->r);
	if (awl__reactor_new(g->v->reactor, 0, &own) < 0 || awl__reactor_bind(own) < 0 ||
		awl__reactor_wait(own, awl__reactor_now(own) + 1000) != 0)
		return 2;
	awl__reactor_free(own);
	return 0;
}

static void a_forked_child_leaves_the_parents_alone(struct rig *g)
{
	struct rig_op r;
	char buf[4];
	int fds[2];

	rig_pair(g, RIG_PIPE, fds);
	rig_read(g, &r, fds[0], buf, sizeof buf);
	rig_settle(g);
	assert_int_equal(in_child(meddle, g), 0);
	rig_settle(g);
	assert_int_equal(r.completions, 0);
	rig_put(g, fds[1], "x");
	assert_int_equal(rig_finish(g, &r), 1);
	rig_shut(g, fds[0]);
	rig_shut(g, fds[1]);
}

/* --- without --- */

static int allocations, failing;

static int fault(void)
{
	return ++allocations == failing;
}

static int seven(void *arg)
{
	(void)arg;
	return 7;
}

/* What a body could do before it ran out of memory is undone; the next try does it all. */
static int some_of_everything(struct rig *g, int fds[2])
{
	struct rig_op p, w;
	int err;

	memset(&p, 0, sizeof p);
	p.op.kind = AWL__OP_POLL;
	p.op.fd = fds[0];
	p.op.u.events = POLLIN;
	err = rig_start(g, &p);
	if (err < 0)
		return err;
	err = rig_work(g, &w, seven, NULL);
	if (err >= 0)
		assert_int_equal(rig_finish(g, &w), 7);
	awl__reactor_cancel(g->r, &p.op);
	assert_int_equal(rig_finish(g, &p), -ECANCELED);
	return err < 0 ? err : 0;
}

static void every_allocation_that_fails_is_an_error(struct rig *g)
{
	struct awl__reactor *kept = g->r, *fresh;
	int fds[2], err = -ENOMEM, high[2];

	awl__pool_drain();
	for (failing = 1; err < 0; failing++) {
		allocations = 0;
		awl__alloc_fault = fault;
		err = awl__reactor_new(g->v->reactor, g->v->seed, &fresh);
		if (err == 0) {
			fresh->post = kept->post;
			fresh->post_ctx = kept->post_ctx;
			fresh->woken = kept->woken;
			g->r = fresh;
			err = awl__reactor_bind(fresh);
			if (err == 0 && rig_is(g, "sim")) {
				err = awl__sim_pipe(fresh, fds);
			} else if (err == 0) {
				assert_int_equal(pipe(high), 0);
				fds[0] = fcntl(high[0], F_DUPFD, 300);
				fds[1] = fcntl(high[1], F_DUPFD, 300);
				close(high[0]);
				close(high[1]);
			}
			if (err == 0) {
				err = some_of_everything(g, fds);
				rig_shut(g, fds[0]);
				rig_shut(g, fds[1]);
			}
			awl__reactor_free(fresh);
			g->r = kept;
		}
		awl__alloc_fault = (int (*)(void))0;
		assert_true(err == 0 || err == -ENOMEM);
		assert_true(failing < 50);
	}
}

static void no_descriptor_left_is_an_error(struct rig *g)
{
	struct awl__reactor *fresh;
	struct rlimit old, less;
	int used, err = -EMFILE;

	getrlimit(RLIMIT_NOFILE, &old);
	used = dup(0);
	assert_true(used >= 0);
	close(used);
	for (int spare = 0; err == -EMFILE; spare++) {
		less = old;
		less.rlim_cur = (rlim_t)(used + spare);
		setrlimit(RLIMIT_NOFILE, &less);
		err = awl__reactor_new(g->v->reactor, 0, &fresh);
		setrlimit(RLIMIT_NOFILE, &old);
		assert_true(spare < 10);
		if (err == -EMFILE)
			assert_string_not_equal(awl_error_detail(err), "");
	}
	assert_int_equal(err, 0);
	awl__reactor_free(fresh);
	assert_int_equal(dup(0), used); /* and none was lost on the way */
	close(used);
}

int main(void)
{
	static const struct rig_body bodies[] = {
		BODY(a_wait_is_never_early),
		BODY(a_wait_sleeps_until_its_deadline),
		BODY(a_deadline_that_has_passed_does_not_wait),
		BODY(a_wake_before_the_wait_ends_it),
		BODY(a_wake_while_awake_costs_no_system_call),
		BODY(no_wake_from_another_thread_is_lost),
		BODY(a_signal_handler_may_wake),
		BODY(the_last_release_wakes),
		BODY(thousands_of_operations_complete_once_each),
		BODY_BUT(completions_come_in_the_order_of_the_polls, "uring"),
		BODY(what_wakes_and_what_calls_are_told_in_one_order),
		BODY(a_completion_may_submit_its_operation_anew),
		BODY(another_thread_may_take_over),
		BODY(a_forked_child_leaves_the_parents_alone),
		BODY(every_allocation_that_fails_is_an_error),
		BODY(no_descriptor_left_is_an_error),
	};

	return rig_main(bodies, COUNT(bodies));
}
