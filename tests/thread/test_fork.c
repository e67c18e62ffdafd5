/* SPDX-License-Identifier: MIT */
/*
 * test_fork.c - a child process has copies of its parent's loops and none of their threads: every
 * call on them is refused, the parent's loop goes on unharmed, and the child can have loops of
 * its own. fork(2) and the raw system call, in a task, in a callback, and from another thread.
 *
 * @reactors @timeout 120
 */
#include "threads.h"

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* The parent's, as the child finds them. */
static struct {
	awl_loop *loop;
	awl_future *future;
	awl_task *task;
	awl_cfuture *pending, *done;
	awl_timeout timeout;
	awl_task_group group;
	awl_handle timer, sent;
	int fds[2];
	bool scopes;
} parents;

static pid_t raw_clone(void)
{
	return (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
}

static int must_not_run(void *arg)
{
	wrong("a function given to a refused call was called");
	return 0;
}

static int seven(void *arg)
{
	int r = awl_sleep(AWL_US);

	return r < 0 ? r : 7;
}

static int plain_seven(void *arg)
{
	return 7;
}

static int main_of_child(void *arg)
{
	awl_cfuture *c;
	awl_future *f;
	int r;

	/* The parent's is no loop of ours, wherever we are. */
	expect(awl_loop_call_soon(parents.loop, must_not_run, NULL, NULL) == AWL_EFORK);
	r = awl_run_coroutine_threadsafe(here(), seven, NULL, 0, &c);
	if (r < 0)
		return r;
	r = awl_wrap_future(c, &f);
	awl_cfuture_unref(c);
	if (r < 0)
		return r;
	r = awl_await(f);
	awl_unref(f);
	return r;
}

static void calls_on_the_inherited_loop(void)
{
	awl_loop *l = parents.loop, *none = NULL;
	awl_future *f = NULL;
	awl_cfuture *c = NULL;
	awl_handle h = AWL_HANDLE_INIT;
	int outcome = 77;

	expect(awl_get_running_loop(&none) == AWL_ENOLOOP && !none);
	expect(awl_current_task() == NULL);
	/* the loop's thread's */
	expect(awl_loop_call_soon(l, must_not_run, NULL, &h) == AWL_EFORK);
	expect(awl_loop_call_later(l, 0, must_not_run, NULL, &h) == AWL_EFORK);
	expect(awl_loop_stop(l) == AWL_EFORK);
	expect(awl_loop_create_future(l, 0, &f) == AWL_EFORK);
	expect(awl_loop_create_task(l, NULL, must_not_run, NULL, &f) == AWL_EFORK);
	expect(awl_future_set_result(parents.future, 1) == AWL_EFORK);
	expect(awl_cancel(parents.task, "no") == AWL_EFORK);
	expect(awl_done(parents.task) == AWL_EFORK);
	expect(awl_unref(parents.future) == AWL_EFORK);
	/* a task's */
	expect(awl_await(parents.future) == AWL_EFORK);
	expect(awl_join(parents.future) == AWL_EFORK);
	expect(awl_sleep(1) == AWL_ENOLOOP);
	expect(awl_yield() == AWL_ENOLOOP);
	expect(awl_wait_fd(0, POLLIN) == AWL_ENOLOOP);
	expect(awl_create_task(must_not_run, NULL, &f) == AWL_ENOLOOP);
	if (parents.scopes) { /* in a task; it has a timer, too */
		expect(awl_handle_cancel(&parents.timer) == AWL_EFORK);
		expect(awl_timeout_reschedule(&parents.timeout, 1) == AWL_EFORK);
		expect(awl_timeout_exit(&parents.timeout, 0) == AWL_EFORK);
		expect(awl_task_group_create_task(&parents.group, must_not_run, NULL, &f) ==
			AWL_EFORK);
		expect(awl_task_group_exit(&parents.group, 0) == AWL_EFORK);
	}
	/* whoever runs it */
	expect(awl_loop_run_until_complete(l, must_not_run, NULL) == AWL_EFORK);
	expect(awl_loop_run_until_future(l, parents.future) == AWL_EFORK);
	expect(awl_loop_run_forever(l) == AWL_EFORK);
	expect(awl_loop_close(l) == AWL_EFORK);
	expect(strstr(awl_error_detail(AWL_EFORK), "fork") != NULL);
	/* any thread's */
	expect(awl_call_soon_threadsafe(l, must_not_run, NULL, &h) == AWL_EFORK);
	expect(awl_call_soon_threadsafe(l, must_not_run, NULL, NULL) == AWL_EFORK);
	expect(awl_run_coroutine_threadsafe(l, must_not_run, NULL, 0, &c) == AWL_EFORK);
	expect(awl_call_threadsafe(l, must_not_run, NULL, 0, AWL_FOREVER, &outcome) == AWL_EFORK);
	expect(awl_cfuture_result(parents.pending, AWL_FOREVER, &outcome) == AWL_EFORK);
	expect(awl_cfuture_cancel(parents.pending, NULL) == AWL_EFORK);
	expect(awl_loop_is_running(l) == AWL_EFORK);
	expect(awl_loop_is_closed(l) == AWL_EFORK);
	/* What had come before the fork is there. */
	expect(awl_cfuture_result(parents.done, 0, &outcome) == 0 && outcome == 7);
	awl_cfuture_unref(parents.done);
	awl_cfuture_unref(parents.pending);
	awl_loop_unref(l); /* leaves the parent's alone */
	expect(!f && !c);
}

/* What a child can do: nothing with the parent's loop, everything with its own. */
static _Noreturn void child(void)
{
	pid_t grandchild;
	int status;

	alarm(30);
	calls_on_the_inherited_loop();
	expect(awl_run(main_of_child, NULL) == 7);
	grandchild = fork();
	if (grandchild == 0) {
		expect(awl_loop_stop(parents.loop) == AWL_EFORK);
		expect(awl_run(main_of_child, NULL) == 7);
		_exit(unexpected ? 3 : 0);
	}
	expect(waitpid(grandchild, &status, 0) == grandchild && status == 0);
	_exit(unexpected ? 4 : 0);
}

static int ended_well(pid_t pid)
{
	int status = -1;

	return expect(pid > 0) && expect(waitpid(pid, &status, 0) == pid) && expect(status == 0);
}

/* --- in a task ------------------------------------------------------------------------------- */

static int reads(void *arg)
{
	char c = 0;
	int r = awl_fd_read(parents.fds[0], &c, 1);

	return r == 1 ? c : -EPIPE;
}

static int waits(void *arg)
{
	return awl_await(parents.future);
}

static int counts(void *arg)
{
	(*(int *)arg)++;
	return 0;
}

/* A loop in full flight: a read in the kernel, a timer, a sleeping task, open scopes. */
static int in_full_flight(pid_t (*split)(void))
{
	awl_loop *l = parents.loop = here();
	awl_task *reader;
	int timed = 0, r;
	char c = 9;

	make_pipe(l, parents.fds);
	r = awl_loop_create_future(l, 0, &parents.future);
	r |= awl_create_task(reads, NULL, &reader);
	r |= awl_create_task(waits, NULL, &parents.task);
	r |= awl_run_coroutine_threadsafe(l, waits, NULL, 0, &parents.pending);
	r |= awl_run_coroutine_threadsafe(l, plain_seven, NULL, 0, &parents.done);
	r |= awl_loop_call_later(l, AWL_MS, counts, &timed, &parents.timer);
	for (int i = 0; i < 5 && r == 0; i++)
		r = awl_yield();
	if (!expect(r == 0))
		return r;
	awl_timeout_enter(&parents.timeout, 600 * AWL_SEC);
	awl_task_group_enter(&parents.group);
	expect(awl_task_group_create_task(&parents.group, waits, NULL, NULL) == 0);
	parents.scopes = true;
	for (int i = 0; i < 3; i++) {
		pid_t pid = split();

		if (pid == 0)
			child();
		ended_well(pid);
		expect(awl_yield() == 0);
	}
	parents.scopes = false;
	/* Unharmed: everything in flight comes to its end. */
	expect(awl_fd_write(parents.fds[1], &c, 1) == 1);
	expect(awl_await(reader) == 9);
	expect(awl_sleep(2 * AWL_MS) == 0);
	expect(timed == 1);
	expect(awl_future_set_result(parents.future, 3) == 0);
	expect(awl_task_group_exit(&parents.group, 0) == 0);
	expect(awl_timeout_exit(&parents.timeout, 0) == 0);
	expect(awl_await(parents.task) == 3);
	while (!awl_cfuture_done(parents.pending))
		expect(awl_yield() == 0);
	awl_cfuture_unref(parents.pending);
	awl_cfuture_unref(parents.done);
	awl_unref(reader);
	awl_unref(parents.task);
	awl_unref(parents.future);
	close_pipe(l, parents.fds);
	return 0;
}

static int forks(void *arg)
{
	return in_full_flight(fork);
}

static int clones(void *arg)
{
	return in_full_flight(raw_clone);
}

static void a_fork_in_a_task_leaves_the_parents_loop_alone(void **state)
{
	in_loop(forks, NULL);
	settle();
}

/* No pthread_atfork handler runs: the kernel itself wipes what says whose a loop is. */
static void a_raw_clone_in_a_task_leaves_the_parents_loop_alone(void **state)
{
	in_loop(clones, NULL);
	settle();
}

/* --- from another thread --------------------------------------------------------------------- */

static int makes_future(void *arg)
{
	int r = awl_loop_create_future(here(), 0, &parents.future);

	return r < 0 ? r : awl_create_task(waits, NULL, &parents.task);
}

static int ends_future(void *arg)
{
	return awl_future_set_result(parents.future, 3);
}

static int gives_up(void *arg)
{
	awl_unref(parents.task);
	return awl_unref(parents.future);
}

static void from_another_thread(pid_t (*split)(void))
{
	struct runner r;
	int outcome = 0;
	pid_t pid;

	runner_start(&r);
	parents.loop = r.loop;
	parents.scopes = false;
	assert_int_equal(awl_call_threadsafe(r.loop, makes_future, NULL, 0, AWL_FOREVER, NULL), 0);
	assert_int_equal(awl_run_coroutine_threadsafe(r.loop, waits, NULL, 0, &parents.pending), 0);
	assert_int_equal(
		awl_run_coroutine_threadsafe(r.loop, plain_seven, NULL, 0, &parents.done), 0);
	assert_int_equal(awl_cfuture_join(parents.done, &outcome), 0);
	for (int i = 0; i < 3; i++) {
		pid = split();
		if (pid == 0)
			child();
		ended_well(pid);
	}
	assert_int_equal(awl_call_threadsafe(r.loop, ends_future, NULL, 0, AWL_FOREVER, NULL), 0);
	assert_int_equal(awl_cfuture_join(parents.pending, &outcome), 0);
	assert_int_equal(outcome, 3);
	assert_int_equal(awl_call_threadsafe(r.loop, gives_up, NULL, 0, AWL_FOREVER, NULL), 0);
	awl_cfuture_unref(parents.pending);
	awl_cfuture_unref(parents.done);
	runner_stop(&r);
	settle();
}

static void a_fork_in_another_thread_leaves_the_loop_alone(void **state)
{
	from_another_thread(fork);
}

static void a_raw_clone_in_another_thread_leaves_the_loop_alone(void **state)
{
	from_another_thread(raw_clone);
}

/* --- a function that returns in the child ---------------------------------------------------- */

/* The child's stderr, and how it ended. */
static struct {
	int fds[2];
	pid_t pid;
	bool child;
} returned;

static int returns_twice(void *arg)
{
	returned.pid = fork();
	returned.child = returned.pid == 0;
	if (returned.child) {
		alarm(30);
		dup2(returned.fds[1], STDERR_FILENO);
	}
	return 0;
}

static void split_and_return(int (*begin)(void))
{
	char said[512] = "";
	int status = 0;

	assert_int_equal(pipe(returned.fds), 0);
	returned.child = false;
	assert_int_equal(begin(), 0);
	if (returned.child) /* it must never come here */
		_exit(0);
	assert_int_equal(waitpid(returned.pid, &status, 0), returned.pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_FAILURE);
	assert_in_range(read(returned.fds[0], said, sizeof said - 1), 1, sizeof said);
	assert_non_null(strstr(said, "returned in a fork's child"));
	close(returned.fds[0]);
	close(returned.fds[1]);
}

static int as_a_task(void)
{
	return awl_run(returns_twice, NULL);
}

static int waits_for_a_callback(void *arg)
{
	int r = awl_loop_call_soon(here(), returns_twice, NULL, NULL);

	for (int i = 0; i < 3 && r == 0; i++)
		r = awl_yield();
	return r;
}

static int as_a_callback(void)
{
	return awl_run(waits_for_a_callback, NULL);
}

static void on_done(awl_future *f, void *arg)
{
	returns_twice(arg);
}

static int waits_for_a_done_callback(void *arg)
{
	awl_future *f;
	int r = awl_loop_create_future(here(), 0, &f);

	r |= awl_future_add_done_callback(f, on_done, NULL, NULL);
	r |= awl_future_set_result(f, 0);
	for (int i = 0; i < 3 && r == 0; i++)
		r = awl_yield();
	awl_unref(f);
	return r;
}

static int as_a_done_callback(void)
{
	return awl_run(waits_for_a_done_callback, NULL);
}

static void a_child_that_returns_from_a_task_or_callback_is_ended_with_a_report(void **state)
{
	split_and_return(as_a_task);
	split_and_return(as_a_callback);
	split_and_return(as_a_done_callback);
}

/* --- exec ------------------------------------------------------------------------------------ */

static int execs(void *arg)
{
	for (int i = 0; i < 3; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			execl("/bin/true", "true", (char *)NULL);
			_exit(5);
		}
		ended_well(pid);
		expect(awl_sleep(AWL_US) == 0);
	}
	return 0;
}

static void a_child_forked_in_a_task_can_exec(void **state)
{
	in_loop(execs, NULL);
	settle();
}

/* --- while other threads hold our locks ------------------------------------------------------ */

static _Atomic bool over;

static void quiet(int level, const char *line, void *arg)
{
}

/* Threads come and go, loops are made and closed, calls are refused: every lock of awl's is
 * taken. */
static void *busy(void *loop)
{
	while (!over) {
		awl_loop *l = new_loop(NULL);

		expect(awl_loop_stop(loop) == AWL_ETHREAD);
		expect(awl_loop_close(l) == 0);
		awl_loop_unref(l);
	}
	return NULL;
}

static void *refused_once(void *loop)
{
	expect(awl_loop_stop(loop) == AWL_ETHREAD); /* for which it is given a token */
	return NULL;
}

static void *comes_and_goes(void *loop)
{
	while (!over)
		join_thread(start_thread(refused_once, loop));
	return NULL;
}

static void a_child_is_never_locked_out_by_what_other_threads_were_doing(void **state)
{
	long n = rounds() / 100;
	struct runner r;
	pthread_t t[2];

	awl_set_logger(quiet, NULL);
	runner_start(&r);
	over = false;
	parents.loop = r.loop;
	t[0] = start_thread(busy, r.loop);
	t[1] = start_thread(comes_and_goes, r.loop);
	for (long i = 0; i < n; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			alarm(30);
			expect(awl_loop_stop(r.loop) == AWL_EFORK);
			/* ASan's own allocator is not locked over a fork: there who allocates may
			 * be locked out by it. */
			expect(AWL__ASAN || awl_run(seven, NULL) == 7);
			_exit(unexpected != 0);
		}
		if (!ended_well(pid))
			break;
	}
	over = true;
	join_thread(t[0]);
	join_thread(t[1]);
	runner_stop(&r);
	awl_set_logger(NULL, NULL);
	settle();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_fork_in_a_task_leaves_the_parents_loop_alone),
		cmocka_unit_test(a_raw_clone_in_a_task_leaves_the_parents_loop_alone),
		cmocka_unit_test(a_fork_in_another_thread_leaves_the_loop_alone),
		cmocka_unit_test(a_raw_clone_in_another_thread_leaves_the_loop_alone),
		cmocka_unit_test(
			a_child_that_returns_from_a_task_or_callback_is_ended_with_a_report),
		cmocka_unit_test(a_child_forked_in_a_task_can_exec),
		cmocka_unit_test(a_child_is_never_locked_out_by_what_other_threads_were_doing),
	};

	return cmocka_run_group_tests_name("thread.fork", tests, NULL, NULL);
}
