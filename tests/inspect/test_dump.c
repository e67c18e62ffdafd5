/* SPDX-License-Identifier: MIT */
/*
 * test_dump.c - awl_dump and SIGQUIT: every task of every loop, what it waits for and its stack.
 * @reactors @thread @valgrind
 */
#include "ear.h"

#include <awl/inspect.h>

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

/* A pipe that a dump goes to, and what has come out of it. */
static int paper[2];
static char read_so_far[1 << 16];

static int open_paper(void **state)
{
	read_so_far[0] = 0;
	return pipe2(paper, O_CLOEXEC | O_NONBLOCK) || open_ear(state);
}

static int close_paper(void **state)
{
	return close(paper[0]) || close(paper[1]) || close_ear(state);
}

static bool has_come(const char *words)
{
	size_t len = strlen(read_so_far);
	ssize_t n = read(paper[0], read_so_far + len, sizeof read_so_far - 1 - len);

	if (n > 0)
		read_so_far[len + (size_t)n] = 0;
	return strstr(read_so_far, words) != NULL;
}

#define assert_came(words) \
	do { \
		if (!has_come(words)) \
			fail_msg("not in the dump: \"%s\"; it says: \"%s\"", words, read_so_far); \
	} while (0)

/* By another thread, perhaps. */
static bool comes(const char *words)
{
	int64_t end = awl__clock_now() + GENEROUS;
	struct pollfd p = { .fd = paper[0], .events = POLLIN };

	while (!has_come(words) && awl__clock_now() < end)
		poll(&p, 1, 100);
	return has_come(words);
}

static awl_future *gate;

static int wait_at_gate(void *arg)
{
	(void)arg;
	return awl_await(gate);
}

static int sleeps_long(void *arg)
{
	(void)arg;
	return awl_sleep(1000 * AWL_SEC);
}

static int reads_nothing(void *fd)
{
	char byte;

	return awl_fd_read(*(int *)fd, &byte, 1);
}

static void make(awl_task_group *g, awl_fn *fn, void *arg, const char *name)
{
	awl_task *t;

	assert_int_equal(awl_task_group_create_task(g, fn, arg, &t), 0);
	assert_int_equal(awl_task_set_name(t, name), 0);
}

static int dump_a_crowd(void *arg)
{
	awl_task_group g;
	int fds[2];

	(void)arg;
	make_pipe(here(), fds);
	assert_int_equal(awl_loop_create_future(here(), 0, &gate), 0);
	awl_task_group_enter(&g);
	make(&g, wait_at_gate, NULL, "waiter");
	make(&g, sleeps_long, NULL, "sleeper");
	make(&g, reads_nothing, &fds[0], "reader");
	assert_int_equal(awl_yield(), 0);
	make(&g, sleeps_long, NULL, "newborn");
	assert_int_equal(awl_dump(paper[1]), 0);
	awl_task_group_cancel(&g, NULL);
	assert_int_equal(awl_task_group_exit(&g, 0), 0);
	awl_unref(gate);
	close_pipe(here(), fds);
	return 0;
}

static void a_dump_has_every_task_with_its_wait_and_stack(void **state)
{
	awl_loop_options o = { .name = "crowd" };

	(void)state;
	assert_int_equal(awl_run_with(&o, dump_a_crowd, NULL), 0);
	assert_came(" crowd, ");
	assert_came(": 5 tasks, iteration ");
	assert_came("Task-1, inspect.test_dump+0x");
	assert_came(": runs\n");
	assert_came("waiter, inspect.test_dump+0x");
	assert_came(": waits for a future (0x");
	assert_came("sleeper, inspect.test_dump+0x");
	assert_came(" s more to pass, ");
	assert_came("reader, inspect.test_dump+0x");
	assert_came(": waits for descriptor ");
	assert_came("newborn, inspect.test_dump+0x");
	assert_came(": has not begun\n");
	assert_came("\n    inspect.test_dump+0x");
}

struct other {
	pthread_t thread;
	awl_loop *loop;
	awl_future *gate;
	_Atomic bool ready;
};

static int sleep_in_loop(void *arg)
{
	struct other *o = arg;

	assert_int_equal(awl_task_set_name(awl_current_task(), "far away"), 0);
	assert_int_equal(awl_loop_create_future(here(), 0, &o->gate), 0);
	o->ready = true;
	assert_int_equal(awl_await(o->gate), 1);
	awl_unref(o->gate);
	return 0;
}

static void *run_other(void *arg)
{
	struct other *o = arg;

	assert_int_equal(awl_loop_run_until_complete(o->loop, sleep_in_loop, o), 0);
	return NULL;
}

static int open_other(void *arg)
{
	return awl_future_set_result(((struct other *)arg)->gate, 1);
}

static void start_other(struct other *o, uint64_t flags)
{
	awl_loop_options options = { .name = "other", .flags = flags };

	*o = (struct other){ .ready = false };
	assert_int_equal(awl_loop_new(&options, &o->loop), 0);
	assert_int_equal(pthread_create(&o->thread, NULL, run_other, o), 0);
	while (!o->ready)
		sched_yield();
}

static void end_other(struct other *o)
{
	assert_int_equal(awl_call_soon_threadsafe(o->loop, open_other, o, NULL), 0);
	assert_int_equal(pthread_join(o->thread, NULL), 0);
	while (awl__load(&o->loop->refs) > 1)
		sched_yield(); /* the watchdog lets go of it */
	end_loop(o->loop);
}

static void a_loop_of_another_thread_dumps_itself(void **state)
{
	struct other o;

	(void)state;
	start_other(&o, 0);
	assert_int_equal(awl_dump(paper[1]), 0);
	assert_true(comes("  far away, inspect.test_dump+0x"));
	assert_came(" other, ");
	assert_came("running in thread ");
	assert_came(": waits for a future (0x");
	end_other(&o);
}

static int never_begins(void *arg)
{
	(void)arg;
	return 0;
}

static void a_loop_that_nobody_runs_is_dumped_at_once(void **state)
{
	awl_loop *l = new_loop(NULL);

	(void)state;
	assert_int_equal(awl_loop_create_task(l, NULL, never_begins, NULL, NULL), 0);
	assert_int_equal(awl_dump(paper[1]), 0);
	assert_came("not running: 1 tasks");
	assert_came("  Task-1, inspect.test_dump+0x");
	end_loop(l);
}

static void a_dump_to_nowhere_is_refused(void **state)
{
	(void)state;
	assert_int_equal(awl_dump(-1), -EBADF);
}

static int kept_stderr = -1;

static void stderr_to_paper(void)
{
	fflush(stderr);
	kept_stderr = dup(STDERR_FILENO);
	assert_true(dup2(paper[1], STDERR_FILENO) >= 0);
}

static void stderr_back(void)
{
	dup2(kept_stderr, STDERR_FILENO);
	close(kept_stderr);
}

static void a_sigquit_dumps_to_stderr_and_ends_nothing(void **state)
{
	struct other o;
	bool came;

	(void)state;
	start_other(&o, AWL_LOOP_DUMP);
	stderr_to_paper();
	raise(SIGQUIT);
	came = comes("  far away, inspect.test_dump+0x");
	stderr_back();
	assert_true(came);
	end_other(&o);
}

static volatile sig_atomic_t quits;

static void count_quit(int sig)
{
	(void)sig;
	quits++;
}

/* In a child of its own, where nobody has taken the signal yet. */
static int quit_in_child(void)
{
	struct sigaction theirs = { .sa_handler = count_quit };
	struct other o;
	int r;

	sigaction(SIGQUIT, &theirs, NULL);
	setenv("AWL_DUMP", "1", 1);
	start_other(&o, 0);
	dup2(paper[1], STDERR_FILENO);
	raise(SIGQUIT);
	r = quits == 1 && comes("  far away, inspect.test_dump+0x") ? 0 : 1;
	end_other(&o);
	return r;
}

static void whoever_had_sigquit_before_has_it_too(void **state)
{
	pid_t child;
	int status;

	(void)state;
	if (AWL__TSAN)
		skip(); /* a fork with threads behind it */
	fflush(NULL);
	child = fork();
	if (child == 0)
		_exit(quit_in_child());
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, open_paper, close_paper)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_dump_has_every_task_with_its_wait_and_stack),
		CASE(a_loop_of_another_thread_dumps_itself),
		CASE(a_loop_that_nobody_runs_is_dumped_at_once),
		CASE(a_dump_to_nowhere_is_refused),
		CASE(whoever_had_sigquit_before_has_it_too),
		CASE(a_sigquit_dumps_to_stderr_and_ends_nothing),
	};

	unsetenv("AWL_WATCHDOG"); /* tools/run-tests does without */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
