/* SPDX-License-Identifier: MIT */
/*
 * @reactors @timeout 120
 * test_faults.c - no memory: a scenario that uses everything, with the n-th request for memory
 * refused, for every n; and with all of them from the n-th on. An error or a success, nothing lost,
 * nothing hung, and the next try works.
 */
#include "faults.h"

#include <poll.h>
#include <sys/wait.h>

static struct heard heard;

/* --- the scenario --- */

static int nothing(void *arg)
{
	return 0;
}

static int nap(void *arg)
{
	return awl_sleep(1000);
}

static int start_and_nap(void *arg)
{
	TRY(awl_task_started(3));
	return nap(NULL);
}

static void done(awl_future *f, void *arg)
{
}

static void told(awl_cfuture *c, int outcome, void *arg)
{
}

static int in_group(awl_task_group *g)
{
	awl_task_options named = { .name = "child", .stack_size = 512 << 10 };
	awl_task *t;
	char words[200] = "words";

	TRY(awl_task_group_create_task(g, nap, NULL, NULL));
	TRY(awl_task_group_create_task(g, nap, NULL, &t));
	TRY(awl_task_set_name(t, "renamed"));
	named.copy = sizeof words;
	TRY(awl_task_group_create_task_with(g, &named, nothing, words, NULL));
	TRY(awl_task_group_start(g, start_and_nap, NULL, NULL));
	return 0;
}

static int group(void *arg)
{
	awl_task_group g;
	int r = awl_task_group_enter(&g);

	if (r == 0)
		r = in_group(&g);
	return awl_task_group_exit(&g, r);
}

static int deep(int depth)
{
	awl_timeout t;
	int r = awl_timeout_enter(&t, AWL_SEC);

	if (r == 0)
		r = depth ? deep(depth - 1) : awl_sleep(1);
	return awl_timeout_exit(&t, r);
}

static int await_future(size_t payload)
{
	awl_future *f;
	int r;

	TRY(awl_loop_create_future(here(), payload, &f));
	r = awl_future_add_done_callback(f, done, NULL, NULL);
	if (r == 0)
		r = awl_future_set_result(f, 5);
	if (r == 0)
		r = awl_await(f);
	TRY(awl_unref(f));
	return r;
}

static int threads(void)
{
	awl_cfuture *c;
	awl_future *f;
	int r, seven = 7;

	TRY(awl_call_soon_threadsafe(here(), nothing, NULL, NULL));
	TRY(awl_call_threadsafe(here(), nothing, &seven, sizeof seven, AWL_SEC, NULL));
	TRY(awl_run_coroutine_threadsafe(here(), nothing, NULL, 0, NULL));
	TRY(awl_run_coroutine_threadsafe(here(), nap, &seven, sizeof seven, &c));
	r = awl_cfuture_add_done_callback(c, told, NULL);
	if (r == 0)
		r = awl_wrap_future(c, &f);
	if (r == 0) {
		r = awl_await(f);
		awl_unref(f);
	}
	awl_cfuture_unref(c);
	return r;
}

static int over_pipe(int fds[2])
{
	char byte = 0;

	TRY(awl_fd_write(fds[1], &byte, 1));
	TRY(awl_wait_fd(fds[0], POLLIN));
	TRY(awl_fd_read(fds[0], &byte, 1));
	return awl_wait_for(1000, nap, NULL) == -ENOMEM ? -ENOMEM : 0;
}

static int pipes(void)
{
	awl_loop *l = here();
	int fds[2], r;

	if (is_sim(l))
		TRY(awl__sim_pipe(l->reactor, fds));
	else if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	r = over_pipe(fds);
	close_pipe(l, fds);
	return r;
}

static int main_task(void *arg)
{
	awl_task_options named = { .name = "named" };

	TRY(awl_loop_create_task(here(), &named, nothing, NULL, NULL));
	TRY(awl_create_task(nap, NULL, NULL));
	TRY(group(NULL));
	TRY(deep(40)); /* more than one block of scopes */
	TRY(await_future(0));
	TRY(await_future(100));
	TRY(threads());
	TRY(pipes());
	/* Many at once: rows, stacks and timers grow. */
	for (int i = 0; i < 100; i++)
		TRY(awl_create_task(nap, NULL, NULL));
	TRY(awl_shielded(AWL_SEC, nap, NULL));
	for (int i = 0; i < 70; i++)
		TRY(awl_loop_call_later(here(), AWL_SEC, nothing, NULL, NULL));
	return awl_sleep(AWL_MS);
}

static int use(awl_loop *l)
{
	awl_handle h = AWL_HANDLE_INIT;
	awl_task *t = NULL;
	int r;

	TRY(awl_loop_call_soon(l, nothing, NULL, NULL));
	TRY(awl_loop_call_at(l, 5, nothing, NULL, NULL));
	TRY(awl_loop_call_later(l, 5, nothing, NULL, &h));
	r = awl_loop_create_task(l, NULL, nap, NULL, &t);
	if (r == 0)
		r = awl_loop_run_until_complete(l, main_task, NULL);
	awl_handle_cancel(&h);
	if (t && awl_done(t)) /* a task without memory for a stack ends so */
		r = r < 0 ? r : awl_result(t);
	awl_unref(t);
	return r;
}

static int scenario(void)
{
	awl_loop_options o = { .name = "mill" };
	awl_loop *l;
	int r, closed;

	r = awl_loop_new(&o, &l);
	if (r < 0)
		return r;
	r = use(l);
	closed = awl_loop_close(l);
	if (closed < 0) {
		/* It says so, changes nothing, and can be tried again. */
		assert_int_equal(closed, -ENOMEM);
		assert_int_equal(awl_loop_is_closed(l), 0);
		memory_is_back();
		assert_int_equal(awl_loop_close(l), 0);
	}
	memory_is_back();
	awl_loop_unref(l);
	return r < 0 ? r : closed;
}

/* --- each n --- */

static void the_nth_refusal_is_an_error_or_no_matter_and_nothing_is_lost(void **state)
{
	for_every_n(scenario, 65, false);
}

static void no_memory_from_the_nth_on_is_an_error_or_no_matter_and_nothing_is_lost(void **state)
{
	for_every_n(scenario, 65, true);
}

/* What a process asks for once, a fresh process asks for. */
static void a_fresh_process_survives_each_of_its_first_refusals(void **state)
{
	for (int n = 1; n <= 24; n++) {
		pid_t pid = fork();
		int status;

		if (pid == 0) {
			int r;

			alarm(20);
			listen_to_awl(&heard);
			r = refuse_nth(scenario, n, n % 2);
			if (r != 0 && r != -ENOMEM)
				_exit(1);
			_exit(scenario() == 0 ? 0 : 2);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (!WIFEXITED(status) || WEXITSTATUS(status))
			fail_msg("request %d refused: status 0x%x", n, status);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_fresh_process_survives_each_of_its_first_refusals),
		cmocka_unit_test(the_nth_refusal_is_an_error_or_no_matter_and_nothing_is_lost),
		cmocka_unit_test(
			no_memory_from_the_nth_on_is_an_error_or_no_matter_and_nothing_is_lost),
	};

	count_blocks();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
