/* SPDX-License-Identifier: MIT */
/*
 * test_embed.c - a foreign loop, here of poll(2), drives awl: run_once, then a wait at the loop's
 * descriptor for the loop's time. It misses nothing and it never spins.
 *
 * @reactors @thread @valgrind
 */
#include "../thread/threads.h"

#include <poll.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>

#define PATIENCE (20 * AWL_SEC) /* nothing here takes as long: a wake was missed */
#define HOUR (3600 * AWL_SEC)

struct foreign {
	awl_loop *loop;
	int fd;
	long rounds; /* runs of awl's loop */
};

static bool begin(struct foreign *f)
{
	*f = (struct foreign){ .loop = new_loop(NULL) };
	f->fd = awl_loop_fd(f->loop);
	if (!is_sim(f->loop)) {
		assert_true(f->fd >= 0);
		return true;
	}
	end_loop(f->loop);
	return false;
}

#define BEGIN(f) \
	if (!begin(f)) \
	skip()

static void end(struct foreign *f)
{
	end_loop(f->loop);
	settle();
}

static void run_once(struct foreign *f)
{
	f->rounds++;
	assert_int_equal(awl_loop_run_once(f->loop), 0);
}

static bool readable(const struct foreign *f, int64_t ns)
{
	struct pollfd p = { .fd = f->fd, .events = POLLIN };
	int n;

	do
		n = poll(&p, 1, (int)((ns + AWL_MS - 1) / AWL_MS));
	while (n < 0 && errno == EINTR);
	return n > 0;
}

/* One round of the foreign loop: the wait after the last run, and the next run. */
static void turn(struct foreign *f)
{
	int64_t left = awl_loop_timeout(f->loop);

	assert_true(left >= 0);
	if (!readable(f, left < PATIENCE ? left : PATIENCE) && left >= PATIENCE)
		fail_msg("nothing has come for %d s", (int)(PATIENCE / AWL_SEC));
	run_once(f);
}

/* Until there is nothing more to do at once. */
static void calm(struct foreign *f)
{
	int i = 0;

	do {
		run_once(f);
		assert_true(++i < 10);
	} while (awl_loop_timeout(f->loop) == 0 || readable(f, 0));
}

/* Something has just come: it shows, and the next run sees to it. */
static void shows(struct foreign *f)
{
	assert_true(readable(f, PATIENCE));
	calm(f);
}

static int count(void *arg)
{
	++*(int *)arg;
	return 0;
}

static void *send_one(void *arg)
{
	struct foreign *f = arg;
	static int sent;

	expect(awl_call_soon_threadsafe(f->loop, count, &sent, NULL) == 0);
	return NULL;
}

/* --- the answers --- */

static void a_loop_that_run_once_has_not_run_last_wants_to_be_run_now(void **state)
{
	awl_loop *l = new_loop(NULL);

	assert_int_equal(awl_loop_timeout(l), 0);
	assert_int_equal(awl_loop_run_once(l), 0);
	assert_true(awl_loop_timeout(l) == AWL_FOREVER);
	assert_int_equal(awl_loop_stop(l), 0);
	assert_int_equal(awl_loop_run_forever(l), 0);
	assert_int_equal(awl_loop_timeout(l), 0);
	end_loop(l);
}

static void the_timeout_is_that_of_the_first_timer(void **state)
{
	awl_loop *l = new_loop(NULL);
	awl_handle h = AWL_HANDLE_INIT;
	int64_t left;

	assert_int_equal(awl_loop_run_once(l), 0);
	assert_int_equal(awl_loop_call_later(l, HOUR, count, NULL, &h), 0);
	left = awl_loop_timeout(l);
	assert_true(left > 0 && left <= HOUR);
	assert_int_equal(awl_loop_run_once(l), 0);
	left = awl_loop_timeout(l);
	assert_true(left > 0 && left <= HOUR);
	assert_int_equal(awl_handle_cancel(&h), 1);
	assert_int_equal(awl_loop_run_once(l), 0);
	assert_true(awl_loop_timeout(l) == AWL_FOREVER);
	end_loop(l);
}

static void one_run_makes_one_iteration_and_does_not_wait(void **state)
{
	awl_loop *l = new_loop(NULL);
	int calls = 0;

	assert_int_equal(awl_loop_call_later(l, HOUR, count, &calls, NULL), 0);
	assert_int_equal(awl_loop_call_soon(l, count, &calls, NULL), 0);
	assert_int_equal(awl_loop_run_once(l), 0);
	assert_int_equal(calls, 1);
	assert_int_equal(awl_loop_run_once(l), 0);
	assert_int_equal(calls, 1);
	end_loop(l);
}

static void the_descriptor_stays_the_same_and_sim_has_none(void **state)
{
	awl_loop *l = new_loop(NULL);
	int fd = awl_loop_fd(l);

	if (is_sim(l))
		assert_int_equal(fd, -ENOTSUP);
	else
		assert_true(fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC);
	assert_int_equal(awl_loop_run_once(l), 0);
	assert_int_equal(awl_loop_fd(l), fd);
	end_loop(l);
}

static int drives_itself(void *arg)
{
	expect(awl_loop_run_once(here()) == AWL_ERUNNING);
	expect(awl_loop_run_once(arg) == AWL_ENESTED);
	expect(awl_loop_timeout(here()) == 0);
	return 0;
}

static void it_is_refused_as_any_run_is(void **state)
{
	awl_loop *l = new_loop(NULL), *closed = new_loop(NULL);
	struct heard h;

	listen_to_awl(&h);
	in_loop(drives_itself, l);
	stop_listening();
	settle();
	assert_int_equal(awl_loop_close(closed), 0);
	assert_int_equal(awl_loop_run_once(closed), AWL_ECLOSED);
	assert_int_equal(awl_loop_fd(closed), AWL_ECLOSED);
	assert_int_equal(awl_loop_timeout(closed), AWL_ECLOSED);
	assert_int_equal(awl_loop_run_once(NULL), -EINVAL);
	assert_int_equal(awl_loop_fd(NULL), -EINVAL);
	assert_int_equal(awl_loop_timeout(NULL), -EINVAL);
	awl_loop_unref(closed);
	end_loop(l);
}

static void without_a_descriptor_left_nothing_is_run(void **state)
{
	awl_loop *l = new_loop(NULL);
	struct rlimit kept, none;
	int calls = 0, r;

	if (strcmp(awl_loop_reactor(l), "uring") != 0) { /* the others need no more */
		end_loop(l);
		skip();
	}
	assert_int_equal(awl_loop_call_soon(l, count, &calls, NULL), 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &kept), 0);
	none = (struct rlimit){ 0, kept.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	r = awl_loop_run_once(l);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &kept), 0);
	assert_int_equal(r, -EMFILE);
	assert_int_equal(calls, 0);
	assert_int_equal(awl_loop_run_once(l), 0);
	assert_int_equal(calls, 1);
	end_loop(l);
}

/* --- a whole program --- */

#define NAPS 5
#define BYTES 50
#define SENDS 50
#define JOBS 20

struct program {
	struct foreign f;
	int fds[2];
	int naps, bytes, sends, jobs;
	struct awl__op work[JOBS];
};

static int naps(void *arg)
{
	struct program *p = arg;

	for (; p->naps < NAPS; p->naps++)
		if (!expect(awl_sleep(5 * AWL_MS) == 0))
			break;
	return 0;
}

static int reads(void *arg)
{
	struct program *p = arg;
	char c;

	for (; p->bytes < BYTES; p->bytes++) {
		int r = awl_fd_read(p->fds[0], &c, 1);

		if (r != 1)
			return r;
	}
	return 0;
}

static void job_done(struct awl__op *op)
{
	struct program *p = op->u.work.arg;

	p->jobs++;
}

static int job(void *arg)
{
	sched_yield();
	return 0;
}

static int begin_jobs(void *arg)
{
	struct program *p = arg;

	for (int i = 0; i < JOBS; i++) {
		p->work[i] = (struct awl__op){
			.kind = AWL__OP_WORK, .done = job_done, .u.work.fn = job, .u.work.arg = p
		};
		expect(awl__reactor_submit(here()->reactor, &p->work[i]) == 0);
	}
	return 0;
}

static void *outside_world(void *arg)
{
	struct program *p = arg;

	for (int i = 0; i < SENDS; i++) {
		expect(awl_call_soon_threadsafe(p->f.loop, count, &p->sends, NULL) == 0);
		sched_yield();
		expect(write(p->fds[1], "x", 1) == 1);
	}
	return NULL;
}

static void tasks_that_sleep_read_and_are_sent_to_come_to_their_ends(void **state)
{
	struct program p = { 0 };
	awl_task *sleeper, *reader;
	pthread_t other;

	BEGIN(&p.f);
	make_pipe(p.f.loop, p.fds);
	assert_int_equal(awl_loop_create_task(p.f.loop, NULL, naps, &p, &sleeper), 0);
	assert_int_equal(awl_loop_create_task(p.f.loop, NULL, reads, &p, &reader), 0);
	assert_int_equal(awl_loop_call_soon(p.f.loop, begin_jobs, &p, NULL), 0);
	other = start_thread(outside_world, &p);
	while (!awl_done(sleeper) || !awl_done(reader) || p.sends < SENDS || p.jobs < JOBS)
		turn(&p.f);
	join_thread(other);
	assert_int_equal(awl_result(sleeper), 0);
	assert_int_equal(awl_result(reader), 0);
	/* Each event costs a run, and perhaps a second that finds nothing. */
	assert_in_range(p.f.rounds, NAPS, 2 * (NAPS + BYTES + SENDS + JOBS) + 20);
	awl_unref(sleeper);
	awl_unref(reader);
	close_pipe(p.f.loop, p.fds);
	end(&p.f);
}

/* --- never spinning --- */

static void a_loop_with_nothing_to_do_is_quiet(void **state)
{
	struct program p = { 0 };
	awl_task *reader;

	BEGIN(&p.f);
	make_pipe(p.f.loop, p.fds);
	calm(&p.f);
	assert_int_equal(awl_loop_create_task(p.f.loop, NULL, reads, &p, &reader), 0);
	for (int i = 1; i <= BYTES; i++) {
		calm(&p.f);
		assert_true(awl_loop_timeout(p.f.loop) == AWL_FOREVER);
		assert_false(awl_done(reader)); /* who only asks wakes nobody */
		assert_int_equal(awl_loop_fd(p.f.loop), p.f.fd);
		assert_false(readable(&p.f, 0));
		assert_int_equal(write(p.fds[1], "x", 1), 1);
		shows(&p.f);
		assert_int_equal(p.bytes, i);
	}
	assert_int_equal(awl_unref(reader), 0);
	close_pipe(p.f.loop, p.fds);
	end(&p.f);
}

static void a_wake_shows_until_the_next_run_and_not_after(void **state)
{
	struct foreign f;
	int calls = 0;

	BEGIN(&f);
	for (int i = 1; i <= 20; i++) {
		calm(&f);
		assert_int_equal(awl_call_soon_threadsafe(f.loop, count, &calls, NULL), 0);
		assert_true(readable(&f, 0));
		assert_true(readable(&f, 0));
		calm(&f);
		assert_int_equal(calls, i);
	}
	end(&f);
}

/* The descriptor inside another epoll set, as most event loops would have it. */
static void who_waits_may_be_an_epoll_set(void **state)
{
	struct epoll_event ev = { .events = EPOLLIN };
	struct foreign f;
	int set, calls = 0;

	BEGIN(&f);
	set = epoll_create1(EPOLL_CLOEXEC);
	assert_int_equal(epoll_ctl(set, EPOLL_CTL_ADD, f.fd, &ev), 0);
	for (int i = 1; i <= 20; i++) {
		calm(&f);
		assert_int_equal(epoll_wait(set, &ev, 1, 0), 0);
		assert_int_equal(awl_call_soon_threadsafe(f.loop, count, &calls, NULL), 0);
		assert_int_equal(epoll_wait(set, &ev, 1, (int)(PATIENCE / AWL_MS)), 1);
		calm(&f);
		assert_int_equal(calls, i);
	}
	close(set);
	end(&f);
}

/* --- never missing --- */

struct race {
	struct foreign f;
	awl_handle handle;
	_Atomic long arrived;
	long rounds;
	int delay;
};

static int arrives(void *arg)
{
	atomic_fetch_add(&((struct race *)arg)->arrived, 1);
	return 0;
}

/* One at a time, each a little later after the last arrived than the one before it: so that it
 * meets the run, its end, the question for the time and the poll in turn. */
static void *sends_one_by_one(void *arg)
{
	struct race *r = arg;

	for (long i = 0; i < r->rounds; i++) {
		while (atomic_load(&r->arrived) < i)
			;
		for (volatile int d = (int)(i * 7 % 4001); d > 0; d--)
			;
		expect(awl_call_soon_threadsafe(r->f.loop, arrives, r, &r->handle) == 0);
	}
	return NULL;
}

static void no_send_is_missed_however_it_meets_the_poll(void **state)
{
	struct race r = { .rounds = rounds() };
	pthread_t sender;

	BEGIN(&r.f);
	sender = start_thread(sends_one_by_one, &r);
	while (atomic_load(&r.arrived) < r.rounds)
		turn(&r.f);
	join_thread(sender);
	assert_in_range(r.f.rounds, 1, 3 * r.rounds + 10);
	end(&r.f);
}

static void *sends_all(void *arg)
{
	struct race *r = arg;

	for (long i = 0; i < r->rounds; i++)
		expect(awl_call_soon_threadsafe(r->f.loop, arrives, r, NULL) == 0);
	return NULL;
}

static void no_send_is_missed_in_a_stream_of_them(void **state)
{
	struct race r = { .rounds = rounds() };
	pthread_t senders[2];

	BEGIN(&r.f);
	for (int i = 0; i < 2; i++)
		senders[i] = start_thread(sends_all, &r);
	while (atomic_load(&r.arrived) < 2 * r.rounds)
		turn(&r.f);
	for (int i = 0; i < 2; i++)
		join_thread(senders[i]);
	end(&r.f);
}

static int waits_for(void *arg)
{
	return awl_wait_fd(*(int *)arg, POLLIN);
}

/* A ring signals late, and once only, what another eventfd's signal brought about. */
static void an_eventfd_that_tasks_wait_for_shows_each_time(void **state)
{
	struct foreign f;
	awl_task *t;
	int fd;

	BEGIN(&f);
	for (int i = 0; i < 5; i++) {
		fd = eventfd(0, EFD_CLOEXEC);
		assert_int_equal(awl_loop_create_task(f.loop, NULL, waits_for, &fd, &t), 0);
		calm(&f);
		assert_int_equal(eventfd_write(fd, 1), 0);
		while (!awl_done(t))
			turn(&f);
		assert_int_equal(awl_result(t), POLLIN);
		awl_unref(t);
		close(fd);
	}
	end(&f);
}

/* --- between two runs --- */

static int awaits(void *future)
{
	return awl_await(future);
}

static void what_is_done_between_two_runs_shows(void **state)
{
	struct program p = { 0 };
	awl_task *reader, *waiter;
	awl_future *future;
	int calls = 0;

	BEGIN(&p.f);
	make_pipe(p.f.loop, p.fds);
	assert_int_equal(awl_loop_create_future(p.f.loop, 0, &future), 0);
	assert_int_equal(awl_loop_create_task(p.f.loop, NULL, reads, &p, &reader), 0);
	assert_int_equal(awl_loop_create_task(p.f.loop, NULL, awaits, future, &waiter), 0);
	calm(&p.f);

	assert_int_equal(awl_loop_call_soon(p.f.loop, count, &calls, NULL), 0);
	assert_int_equal(awl_loop_timeout(p.f.loop), 0);
	shows(&p.f);
	assert_int_equal(calls, 1);

	assert_int_equal(awl_loop_call_later(p.f.loop, HOUR, count, &calls, NULL), 0);
	shows(&p.f); /* its time is sooner than what who waits was told */
	assert_int_equal(awl_loop_call_later(p.f.loop, 2 * HOUR, count, &calls, NULL), 0);
	assert_false(readable(&p.f, 0));

	assert_int_equal(awl_future_set_result(future, 7), 0);
	shows(&p.f);
	assert_int_equal(awl_result(waiter), 7);

	assert_int_equal(awl_cancel(reader, "enough"), 1);
	while (!awl_done(reader))
		shows(&p.f);
	assert_int_equal(p.bytes, 0);
	assert_int_equal(awl_result(reader), AWL_EFUTURECANCELED);

	awl_unref(reader);
	awl_unref(waiter);
	awl_unref(future);
	close_pipe(p.f.loop, p.fds);
	end(&p.f);
}

static int naps_a_little(void *arg)
{
	return awl_sleep(AWL_MS);
}

static void an_ordinary_run_comes_between_without_harm(void **state)
{
	struct foreign f;
	uint64_t before;

	BEGIN(&f);
	for (int i = 0; i < 20; i++) {
		calm(&f);
		if (i % 2 == 0)
			join_thread(start_thread(send_one, &f));
		before = f.loop->iterations;
		assert_int_equal(awl_loop_run_until_complete(f.loop, naps_a_little, NULL), 0);
		assert_in_range(f.loop->iterations - before, 2, 8);
		assert_int_equal(awl_loop_timeout(f.loop), 0);
		calm(&f);
		join_thread(start_thread(send_one, &f));
		shows(&f);
	}
	end(&f);
}

static void *drives_on(void *arg)
{
	struct foreign *f = arg;
	int calls = 0, fds[2];
	awl_task *t;

	expect(awl_loop_run_once(f->loop) == 0);
	expect(awl_loop_fd(f->loop) == f->fd);
	expect(awl_loop_run_until_complete(f->loop, naps_a_little, NULL) == 0);
	while (expect(awl_loop_run_once(f->loop) == 0) && awl_loop_timeout(f->loop) == 0)
		;
	expect(awl_call_soon_threadsafe(f->loop, count, &calls, NULL) == 0);
	expect(readable(f, PATIENCE));
	expect(awl_loop_run_once(f->loop) == 0);
	expect(calls == 1);

	expect(pipe2(fds, O_CLOEXEC) == 0);
	expect(awl_loop_create_task(f->loop, NULL, waits_for, &fds[0], &t) == 0);
	while (expect(awl_loop_run_once(f->loop) == 0) && awl_loop_timeout(f->loop) == 0)
		;
	expect(write(fds[1], "x", 1) == 1);
	expect(readable(f, PATIENCE));
	while (!awl_done(t) && expect(awl_loop_run_once(f->loop) == 0))
		;
	expect(awl_result(t) == POLLIN);
	awl_unref(t);
	close(fds[0]);
	close(fds[1]);
	return NULL;
}

static void another_thread_may_drive_it_on_with_the_same_descriptor(void **state)
{
	struct foreign f;

	BEGIN(&f);
	calm(&f);
	join_thread(start_thread(drives_on, &f));
	calm(&f);
	join_thread(start_thread(send_one, &f));
	shows(&f);
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_loop_that_run_once_has_not_run_last_wants_to_be_run_now),
		cmocka_unit_test(the_timeout_is_that_of_the_first_timer),
		cmocka_unit_test(one_run_makes_one_iteration_and_does_not_wait),
		cmocka_unit_test(the_descriptor_stays_the_same_and_sim_has_none),
		cmocka_unit_test(it_is_refused_as_any_run_is),
		cmocka_unit_test(without_a_descriptor_left_nothing_is_run),
		cmocka_unit_test(tasks_that_sleep_read_and_are_sent_to_come_to_their_ends),
		cmocka_unit_test(a_loop_with_nothing_to_do_is_quiet),
		cmocka_unit_test(a_wake_shows_until_the_next_run_and_not_after),
		cmocka_unit_test(who_waits_may_be_an_epoll_set),
		cmocka_unit_test(no_send_is_missed_however_it_meets_the_poll),
		cmocka_unit_test(no_send_is_missed_in_a_stream_of_them),
		cmocka_unit_test(an_eventfd_that_tasks_wait_for_shows_each_time),
		cmocka_unit_test(what_is_done_between_two_runs_shows),
		cmocka_unit_test(an_ordinary_run_comes_between_without_harm),
		cmocka_unit_test(another_thread_may_drive_it_on_with_the_same_descriptor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
