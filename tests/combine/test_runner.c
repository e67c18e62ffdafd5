/* SPDX-License-Identifier: MIT */
/*
 * test_runner.c - @reactors @thread: several runs on one loop (L24), SIGINT (L26), and the end in
 * tree order with a deadline (L25). CPython's test_runners.
 */
#include "crew.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

static int answer(void *arg)
{
	return (int)(intptr_t)arg;
}

static awl_task *left;

static int leave_one(void *arg)
{
	return awl_create_task(work, arg, &left);
}

static int await_left(void *arg)
{
	int r = awl_await(left);

	awl_unref(left);
	return r;
}

static void several_runs_share_one_loop(void **state)
{
	struct hand a = { .takes = -3, .comes_to = 8 };
	awl_runner r = { .loop = { .name = "shared" } };
	awl_loop *l, *again;

	assert_int_equal(awl_runner_run(&r, answer, (void *)4), 4);
	assert_int_equal(awl_runner_get_loop(&r, &l), 0);
	assert_string_equal(awl_loop_name(l), "shared");
	assert_int_equal(awl_runner_run(&r, leave_one, &a), 0);
	assert_int_equal(awl_runner_run(&r, await_left, NULL), 8); /* L24; test_run */
	assert_int_equal(awl_runner_get_loop(&r, &again), 0);
	assert_ptr_equal(l, again);
	assert_int_equal(awl_runner_close(&r), 0);
}

static void a_closed_runner_runs_no_more(void **state)
{
	awl_runner r = { 0 }, unused = { 0 };
	awl_loop *l;

	assert_int_equal(awl_runner_run(&r, answer, (void *)1), 1);
	assert_int_equal(awl_runner_close(&r), 0);
	assert_int_equal(awl_runner_run(&r, answer, NULL), AWL_ECLOSED);
	assert_int_equal(awl_runner_get_loop(&r, &l), AWL_ECLOSED);
	assert_int_equal(awl_runner_close(&r), 0);
	assert_int_equal(awl_runner_close(&unused), 0); /* test_explicit_close */
}

static awl_runner other;

static int run_inside(void *arg)
{
	assert_int_equal(awl_runner_run(arg, answer, NULL), AWL_ERUNNING);
	assert_int_equal(awl_runner_close(arg), AWL_ERUNNING);
	assert_int_equal(awl_runner_run(&other, answer, NULL), AWL_ENESTED);
	assert_int_equal(awl_runner_close(&other), AWL_ENESTED);
	return 0;
}

static void a_run_inside_a_run_is_refused(void **state)
{
	awl_runner r = { 0 };
	struct heard heard;

	listen_to_awl(&heard);
	assert_int_equal(awl_runner_run(&r, run_inside, &r), 0); /* test_recursive_run */
	stop_listening();
	assert_int_equal(awl_runner_close(&r), 0);
	assert_int_equal(awl_runner_close(&other), 0);
}

/* SIGINT: each body in a process of its own, whose exit status says what went wrong */

static int interrupted_main(void *arg)
{
	struct hand *h = arg;

	raise(SIGINT);
	return work(h);
}

static int in_child(const char *name)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		execl("/proc/self/exe", "test_runner", name, (char *)NULL);
		_exit(99);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static int is_default(int sig)
{
	struct sigaction now;

	return sigaction(sig, NULL, &now) == 0 && now.sa_handler == SIG_DFL;
}

static int first_cancels(void)
{
	struct hand h = { .takes = 100 * AWL_SEC };
	awl_runner r = { 0 };
	int status = awl_runner_run(&r, interrupted_main, &h);

	if (status != -EINTR || h.asked != 1 || !is_default(SIGINT))
		return 1;
	if (awl_runner_run(&r, answer, (void *)3) != 3) /* the runner goes on */
		return 2;
	h = (struct hand){ .takes = 100 * AWL_SEC };
	if (awl_runner_run(&r, interrupted_main, &h) != -EINTR)
		return 3;
	return awl_runner_close(&r) != 0;
}

static void the_first_sigint_cancels_the_main_task(void **state)
{
	assert_int_equal(in_child("first_cancels"), 0); /* L26; test_interrupt_call_soon */
}

static int caught(void)
{
	struct hand h = { .takes = 100 * AWL_SEC, .regardless = true, .comes_to = 5 };
	awl_runner r = { 0 };

	return awl_runner_run(&r, interrupted_main, &h) != 5 || awl_runner_close(&r) != 0;
}

static void a_main_task_that_handles_it_returns_its_own_outcome(void **state)
{
	assert_int_equal(in_child("caught"), 0); /* L26; test_interrupt_wait / uncancel */
}

static int twice_main(void *arg)
{
	awl_shield s;

	raise(SIGINT);
	awl_shield_enter(&s, AWL_FOREVER);
	(void)!awl_sleep(AWL_MS);
	raise(SIGINT);
	return awl_shield_exit(&s, awl_sleep(100 * AWL_SEC));
}

static int second_ends(void)
{
	awl_runner r = { 0 };

	return awl_runner_run(&r, twice_main, NULL) ? 1 : 2;
}

static void the_second_sigint_ends_the_process(void **state)
{
	int status = in_child("second_ends");

	assert_true(WIFSIGNALED(status)); /* L26 */
	assert_int_equal(WTERMSIG(status), SIGINT);
}

static void *strike(void *arg)
{
	return (void *)(intptr_t)pthread_kill(pthread_self(), SIGINT);
}

static int struck_main(void *arg)
{
	awl_future *never = promise();
	pthread_t thread;
	int r;

	if (pthread_create(&thread, NULL, strike, NULL))
		return -EAGAIN;
	r = awl_await(never);
	pthread_join(thread, NULL);
	awl_unref(never);
	return r;
}

static int another_thread(void)
{
	awl_runner r = { 0 };

	return awl_runner_run(&r, struck_main, NULL) != -EINTR || awl_runner_close(&r) != 0;
}

static void a_sigint_that_another_thread_gets_wakes_the_loop(void **state)
{
	assert_int_equal(in_child("another_thread"), 0);
}

static volatile sig_atomic_t users;

static void users_own(int sig)
{
	users++;
}

static int leaves_the_users(void)
{
	struct hand h = { .takes = 0, .comes_to = 5 };
	awl_runner r = { 0 }, quiet = { .leave_sigint = 1 };
	struct sigaction now;

	signal(SIGINT, users_own);
	if (awl_runner_run(&r, interrupted_main, &h) != 5 || users != 1)
		return 1;
	if (sigaction(SIGINT, NULL, &now) < 0 || now.sa_handler != users_own)
		return 2;
	if (awl_runner_close(&r) < 0)
		return 3;
	signal(SIGINT, SIG_IGN);
	if (awl_runner_run(&quiet, interrupted_main, &h) != 5)
		return 4;
	return awl_runner_close(&quiet) != 0;
}

static void a_disposition_of_the_programs_own_is_left_alone(void **state)
{
	assert_int_equal(
		in_child("leaves_the_users"), 0); /* L26; test_signal_install_not_supported */
}

static int also_cancelled(void *arg)
{
	awl_cancel(awl_current_task(), "somebody else");
	return interrupted_main(arg);
}

static int not_only_ours(void)
{
	struct hand h = { .takes = 100 * AWL_SEC, .shrugs = 1 };
	awl_runner r = { 0 };

	return awl_runner_run(&r, also_cancelled, &h) != AWL_EFUTURECANCELED ||
		awl_runner_close(&r) != 0;
}

static void with_somebody_elses_request_too_it_is_an_ordinary_cancel(void **state)
{
	assert_int_equal(in_child("not_only_ours"), 0);
}

/* the end, in tree order */

static char trail[64]; /* who ended, in order */

struct node {
	char name;
	int children, r;
	struct node *child;
};

static int node(void *arg)
{
	struct node *n = arg;
	awl_task_group g;
	int r = 0;

	awl_task_group_enter(&g);
	for (int i = 0; i < n->children && r == 0; i++)
		r = awl_task_group_create_task(&g, node, &n->child[i], NULL);
	if (r == 0 && !n->children)
		r = awl_sleep(AWL_FOREVER);
	r = awl_task_group_exit(&g, r);
	n->r = r;
	trail[strlen(trail)] = n->name;
	return r;
}

static int make_tree(void *arg)
{
	assert_int_equal(awl_create_task(node, arg, NULL), 0);
	return awl_sleep(AWL_MS);
}

static void leaves_end_before_those_who_wait_for_them(void **state)
{
	struct node leaves[] = { { .name = 'a' }, { .name = 'b' } };
	struct node inner[] = { { .name = 'c', .children = 2, .child = leaves }, { .name = 'd' } };
	struct node root = { .name = 'e', .children = 2, .child = inner };
	awl_runner r = { 0 };

	memset(trail, 0, sizeof trail);
	assert_int_equal(awl_runner_run(&r, make_tree, &root), 0);
	assert_int_equal(awl_runner_close(&r), 0);
	assert_int_equal(strlen(trail), 5); /* L25: different, asyncio cancels all at once */
	assert_true(strchr(trail, 'a') < strchr(trail, 'c'));
	assert_true(strchr(trail, 'b') < strchr(trail, 'c'));
	assert_int_equal(trail[4], 'e');
	/* Nobody takes a group whose children were stopped for one that has done its work. */
	assert_int_equal(inner[0].r, AWL_ECANCELED);
	assert_int_equal(root.r, AWL_ECANCELED);
}

struct chain {
	awl_task *on;
	char name;
	int r;
};

static int link_of(void *arg)
{
	struct chain *c = arg;

	c->r = c->on ? awl_wait(&c->on, 1, AWL_FOREVER, AWL_ALL_COMPLETED) : awl_sleep(AWL_FOREVER);
	trail[strlen(trail)] = c->name;
	return c->r;
}

static int make_chain(void *arg)
{
	struct chain *c = arg;
	awl_task *t = NULL;

	for (int i = 0; i < 3; i++) {
		c[i].on = t;
		assert_int_equal(awl_create_task(link_of, &c[i], &t), 0);
	}
	awl_unref(t);
	return awl_sleep(AWL_MS);
}

static void who_waits_for_a_task_by_any_means_ends_after_it(void **state)
{
	struct chain c[] = { { .name = 'x' }, { .name = 'y' }, { .name = 'z' } };
	awl_runner r = { 0 };

	memset(trail, 0, sizeof trail);
	assert_int_equal(awl_runner_run(&r, make_chain, c), 0);
	assert_int_equal(awl_runner_close(&r), 0);
	assert_string_equal(trail, "xyz");
	assert_int_equal(c[1].r, 1); /* its wait went well: the other had ended */
	awl_unref(c[1].on);
	awl_unref(c[2].on);
}

static int cycle_of(void *arg)
{
	awl_future **f = arg;

	return awl_wait(f, 1, AWL_FOREVER, AWL_ALL_COMPLETED);
}

static int make_cycle(void *arg)
{
	awl_task **t = arg;

	assert_int_equal(awl_create_task(cycle_of, &t[1], &t[0]), 0);
	assert_int_equal(awl_create_task(cycle_of, &t[0], &t[1]), 0);
	return awl_sleep(AWL_MS);
}

static void those_who_wait_for_each_other_are_asked_all_the_same(void **state)
{
	awl_runner r = { 0 };
	awl_task *t[2];

	assert_int_equal(awl_runner_run(&r, make_cycle, t), 0);
	assert_int_equal(awl_runner_close(&r), 0);
	awl_unref(t[0]);
	awl_unref(t[1]);
}

static int supervisor(void *arg)
{
	struct hand *h = arg;
	int r = 0;

	while (r >= 0) {
		awl_job job = { .fn = work, .arg = h };

		r = awl_gather(&job, 1, AWL_RETURN_EXCEPTIONS);
	}
	return r;
}

static int supervise(void *arg)
{
	assert_int_equal(awl_create_task(supervisor, arg, NULL), 0);
	return awl_sleep(AWL_MS);
}

static void a_supervisor_that_restarts_its_children_ends(void **state)
{
	struct hand h = { .takes = AWL_FOREVER };
	awl_runner r = { .shutdown_timeout = 100 * AWL_SEC };

	assert_int_equal(awl_runner_run(&r, supervise, &h), 0);
	assert_int_equal(awl_runner_close(&r), 0);
	assert_int_equal(out, 0);
}

static awl_future *key;

static int will_not_stop(void *arg)
{
	awl_shield s;

	awl_shield_enter(&s, AWL_FOREVER);
	return awl_shield_exit(&s, awl_await(key));
}

static int start_stubborn(void *arg)
{
	awl_task_options o = { .name = "stubborn" };
	awl_task *t;

	key = promise();
	assert_int_equal(awl_loop_create_task(here(), &o, will_not_stop, NULL, &t), 0);
	awl_unref(t);
	assert_int_equal(awl_create_task(work, arg, NULL), 0);
	return awl_sleep(AWL_MS);
}

static void what_has_not_stopped_in_time_is_reported_and_the_runner_stays_open(void **state)
{
	struct hand h = { .takes = AWL_FOREVER };
	awl_runner r = { .shutdown_timeout = 20 * AWL_MS };
	struct heard heard;

	assert_int_equal(awl_runner_run(&r, start_stubborn, &h), 0);
	listen_to_awl(&heard);
	assert_int_equal(awl_runner_close(&r), -ETIMEDOUT); /* test_..._hanging tasks */
	stop_listening();
	assert_heard(&heard, "task stubborn");
	assert_heard(&heard, "has not stopped");
	assert_heard(&heard, "it is in");
	assert_int_equal(heard.lines, 1);
	assert_int_equal(h.ended, 1); /* the others have */
	awl_future_set_result(key, 0);
	awl_unref(key);
	assert_int_equal(awl_runner_close(&r), 0);
}

static int fails_at_the_end(void *arg)
{
	return awl_sleep(AWL_FOREVER) == AWL_ECANCELED ? -EIO : 0;
}

static int start_failing(void *arg)
{
	assert_int_equal(awl_create_task(fails_at_the_end, NULL, NULL), 0);
	return awl_sleep(AWL_MS);
}

static void handler(awl_loop *loop, const awl_exception *e, void *arg)
{
	*(int *)arg = e->error;
}

static void a_failure_during_the_end_goes_to_the_exception_handler(void **state)
{
	awl_runner r = { 0 };
	awl_loop *l;
	int told = 0;

	assert_int_equal(awl_runner_run(&r, start_failing, NULL), 0);
	assert_int_equal(awl_runner_get_loop(&r, &l), 0);
	awl_loop_set_exception_handler(l, handler, &told);
	assert_int_equal(awl_runner_close(&r), 0);
	assert_int_equal(told, -EIO); /* L25; test_asyncio_run_cancels_hanging_tasks */
}

static int be_child(const char *name)
{
	static const struct {
		const char *name;
		int (*body)(void);
	} bodies[] = {
		{ "first_cancels", first_cancels },
		{ "caught", caught },
		{ "second_ends", second_ends },
		{ "another_thread", another_thread },
		{ "leaves_the_users", leaves_the_users },
		{ "not_only_ours", not_only_ours },
	};

	signal(SIGINT, SIG_DFL);
	for (size_t i = 0; i < COUNT(bodies); i++)
		if (strcmp(bodies[i].name, name) == 0)
			return bodies[i].body();
	return 98;
}

int main(int argc, char **argv)
{
	if (argc == 2)
		return be_child(argv[1]);

	const struct CMUnitTest tests[] = {
		cmocka_unit_test(several_runs_share_one_loop),
		cmocka_unit_test(a_closed_runner_runs_no_more),
		cmocka_unit_test(a_run_inside_a_run_is_refused),
		cmocka_unit_test(the_first_sigint_cancels_the_main_task),
		cmocka_unit_test(a_main_task_that_handles_it_returns_its_own_outcome),
		cmocka_unit_test(the_second_sigint_ends_the_process),
		cmocka_unit_test(a_sigint_that_another_thread_gets_wakes_the_loop),
		cmocka_unit_test(a_disposition_of_the_programs_own_is_left_alone),
		cmocka_unit_test(with_somebody_elses_request_too_it_is_an_ordinary_cancel),
		cmocka_unit_test(leaves_end_before_those_who_wait_for_them),
		cmocka_unit_test(who_waits_for_a_task_by_any_means_ends_after_it),
		cmocka_unit_test(those_who_wait_for_each_other_are_asked_all_the_same),
		cmocka_unit_test(a_supervisor_that_restarts_its_children_ends),
		cmocka_unit_test(
			what_has_not_stopped_in_time_is_reported_and_the_runner_stays_open),
		cmocka_unit_test(a_failure_during_the_end_goes_to_the_exception_handler),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
