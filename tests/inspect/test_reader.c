/* SPDX-License-Identifier: MIT */
/*
 * @reactors
 * test_reader.c - a child process full of tasks, listed from outside by reader.c: each with its
 * name, its state, what it waits for and since when; also while it is busy (A15).
 */
#include "support.h"

#include "inspect/reader.h"

#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#define HOUR (3600 * AWL_SEC)

/* What parent and child must agree on. */
static struct shared {
	int to_parent[2], to_child[2];
	awl_fn *main;
} with;

/* --- the reader's side --- */

struct line {
	unsigned number;
	char name[64], state[16];
	uint64_t on;
	int64_t since;
	uint64_t fn;
};

static struct line lines[2000];
static int line_count, moments, mixtures;

static bool list(pid_t pid)
{
	char path[64], text[256];
	FILE *maps, *out = tmpfile();
	int n;

	snprintf(path, sizeof path, "/proc/%d/maps", (int)pid);
	maps = fopen(path, "r");
	assert_non_null(maps);
	assert_non_null(out);
	n = read_tasks(pid, maps, out);
	fclose(maps);
	rewind(out);
	line_count = 0;
	while (fgets(text, sizeof text, out)) {
		struct line *l = &lines[line_count];

		if (sscanf(text, "%u %63s %15s %" SCNu64 " since %" SCNi64 " in %" SCNx64,
			    &l->number, l->name, l->state, &l->on, &l->since, &l->fn) == 6)
			line_count++;
		else if (strcmp(text, "moment\n") == 0)
			moments++;
		else
			mixtures++;
		assert_in_range(line_count, 0, COUNT(lines) - 1);
	}
	fclose(out);
	if (n >= 0)
		assert_int_equal(n, line_count);
	return n >= 0;
}

static const struct line *named(const char *name)
{
	for (int i = 0; i < line_count; i++)
		if (strcmp(lines[i].name, name) == 0)
			return &lines[i];
	fail_msg("no task %s", name);
	return NULL;
}

static const struct line *is(const char *name, const char *state)
{
	const struct line *l = named(name);

	assert_string_equal(l->state, state);
	return l;
}

/* --- the child's --- */

static pid_t start(awl_fn *body)
{
	pid_t pid;

	assert_int_equal(pipe(with.to_parent), 0);
	assert_int_equal(pipe(with.to_child), 0);
	with.main = body;
	pid = fork();
	if (pid == 0) {
		alarm(50);
		close(with.to_child[1]);
		_exit(awl_run(with.main, NULL) == 0 ? 0 : 1);
	}
	close(with.to_parent[1]);
	close(with.to_child[0]);
	return pid;
}

static void say(const void *bytes, size_t n)
{
	assert_int_equal(write(with.to_parent[1], bytes, n), n);
}

static void hear_child(void *bytes, size_t n)
{
	assert_int_equal(read(with.to_parent[0], bytes, n), n);
}

/* A plain read: the task runs, and the loop stands, until the parent has seen enough. */
static void wait_for_parent(void)
{
	char byte;

	assert_int_equal(read(with.to_child[0], &byte, 1), 1);
}

static void let_go(void)
{
	assert_int_equal(write(with.to_child[1], "x", 1), 1);
}

static void assert_ended(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	close(with.to_parent[0]);
	close(with.to_child[1]);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* Seccomp or Yama may forbid it. */
static void need_reading(pid_t pid)
{
	if (list(pid))
		return;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	skip();
}

/* --- a known crowd --- */

struct told {
	int64_t before, after; /* the iterations' times around the parking */
	int64_t sleeps_until;
	uintptr_t future, sleeper, reader_fn;
	int fd;
};

static struct told told;
static int fds[2];
static awl_future *future;
static awl_task *sleeper;

static int sleep_it(void *arg)
{
	return awl_sleep_until(told.sleeps_until);
}

static int await_it(void *arg)
{
	return awl_await(arg);
}

static int read_it(void *arg)
{
	char byte;

	return awl_fd_read(told.fd, &byte, 1);
}

static int group_it(void *arg)
{
	awl_task_options o = { .name = "child" };
	awl_task_group g;
	int r = awl_task_group_enter(&g);

	if (r == 0)
		r = awl_task_group_create_task_with(&g, &o, read_it, NULL, NULL);
	return awl_task_group_exit(&g, r);
}

static int yield_on(void *arg)
{
	int r = 0;

	while (r == 0)
		r = awl_yield();
	return r;
}

static int nothing(void *arg)
{
	return 0;
}

static void make(const char *name, awl_fn *fn, void *arg, awl_task **ret)
{
	awl_task_options o = { .name = name };

	assert_int_equal(awl_loop_create_task(here(), &o, fn, arg, ret), 0);
}

static int crowd(void *arg)
{
	awl_task *done;

	assert_int_equal(awl_task_set_name(awl_current_task(), "main"), 0);
	make_pipe(here(), fds);
	assert_int_equal(awl_loop_create_future(here(), 0, &future), 0);
	told.fd = fds[0];
	told.reader_fn = (uintptr_t)read_it;
	told.future = (uintptr_t)future;
	told.before = here()->now;
	told.sleeps_until = told.before + HOUR;
	make("sleeper", sleep_it, NULL, &sleeper);
	told.sleeper = (uintptr_t)sleeper;
	make("waiter", await_it, future, NULL);
	make("joiner", await_it, sleeper, NULL);
	make("grouper", group_it, NULL, NULL);
	make("yielder", yield_on, NULL, NULL);
	make("done", nothing, NULL, &done);
	assert_int_equal(awl_create_task(await_it, future, NULL), 0); /* nameless */
	assert_int_equal(awl_sleep(AWL_MS), 0);
	told.after = here()->now;
	make("unbegun", nothing, NULL, NULL);
	say(&told, sizeof told);
	wait_for_parent();
	/* Gone on: the future's waiters are ready, the unbegun one is gone. */
	assert_int_equal(awl_future_set_result(future, 0), 0);
	say("x", 1);
	wait_for_parent();
	assert_int_equal(awl_yield(), 0);
	say("x", 1);
	wait_for_parent();
	assert_int_equal(awl_unref(done), 0);
	assert_int_equal(awl_unref(sleeper), 0);
	return awl_unref(future);
}

static void assert_since(const char *name)
{
	assert_true(named(name)->since >= told.before && named(name)->since <= told.after);
}

static void every_task_is_found_with_its_state_and_what_it_waits_for(void **state)
{
	pid_t pid = start(crowd);
	char byte;

	hear_child(&told, sizeof told);
	need_reading(pid);
	assert_int_equal(line_count, 9);
	moments = mixtures = 0;
	assert_true(list(pid));
	assert_int_equal(moments, 1);
	assert_int_equal(mixtures, 0);

	is("main", "running");
	assert_true(is("sleeper", "sleep")->on == (uint64_t)told.sleeps_until);
	assert_true(is("waiter", "future")->on == told.future);
	assert_true(is("joiner", "future")->on == told.sleeper);
	assert_true(is("grouper", "group")->on != 0);
	assert_true(is("child", "fd")->on == (uint64_t)told.fd);
	assert_true(is("child", "fd")->fn == told.reader_fn);
	is("yielder", "ready");
	is("unbegun", "new");
	assert_true(is("Task-8", "future")->on == told.future);
	assert_int_equal(named("Task-8")->number, 8);
	assert_since("sleeper");
	assert_since("waiter");
	assert_since("grouper");
	assert_since("child");

	/* woken, not yet run: what they waited for is still told */
	let_go();
	hear_child(&byte, 1);
	assert_true(list(pid));
	assert_int_equal(line_count, 9);
	let_go();
	hear_child(&byte, 1);
	assert_true(list(pid));
	assert_int_equal(line_count, 6);
	is("main", "running");
	is("sleeper", "sleep");
	is("joiner", "future");
	is("grouper", "group");
	is("child", "fd");
	is("yielder", "ready");
	let_go();
	assert_ended(pid);
}

/* --- a busy one --- */

#define PAIRS 40

static int even(void *arg)
{
	return awl_sleep(AWL_US);
}

static int odd(void *arg)
{
	return awl_await(arg);
}

/* Of each row number, name and function belong together, and so does what it may wait for. */
static int make_pairs(void)
{
	awl_loop *l = here();
	awl_task_group g;
	awl_future *f;
	int r;

	assert_int_equal(awl_loop_create_future(l, 0, &f), 0);
	r = awl_task_group_enter(&g);
	assert_int_equal(r, 0);
	for (int i = 0; i < PAIRS; i++) {
		unsigned number = (unsigned)l->task_number + 1;
		char name[32];
		awl_task_options o = { .name = name };

		snprintf(name, sizeof name, "n%u", number);
		r = awl_task_group_create_task_with(
			&g, &o, number % 2 ? odd : even, number % 2 ? f : NULL, NULL);
		assert_int_equal(r, 0);
		if (i % 3 == 0)
			assert_int_equal(awl_yield(), 0);
	}
	assert_int_equal(awl_future_set_result(f, 0), 0);
	assert_int_equal(awl_task_group_exit(&g, 0), 0);
	return awl_unref(f);
}

static int busy(void *arg)
{
	struct pollfd p = { .fd = with.to_child[0], .events = POLLIN };
	uintptr_t fns[2] = { (uintptr_t)even, (uintptr_t)odd };

	assert_int_equal(make_pairs(), 0);
	say(fns, sizeof fns);
	while (poll(&p, 1, 0) == 0)
		for (int i = 0; i < 20; i++)
			assert_int_equal(make_pairs(), 0);
	return 0;
}

static void assert_whole(const struct line *l, const uintptr_t *fns)
{
	unsigned odd_one = l->number % 2;
	char name[32];

	if (l->number == 1)
		return; /* the main task */
	snprintf(name, sizeof name, "n%u", l->number);
	/* Between its making and its naming a task has its default name. */
	if (strncmp(l->name, "Task-", 5) != 0)
		assert_string_equal(l->name, name);
	assert_true(l->fn == fns[odd_one]);
	if (strcmp(l->state, odd_one ? "sleep" : "future") == 0)
		fail_msg("task %u waits for what its kind never does", l->number);
}

static void rows_are_whole_though_the_process_goes_on(void **state)
{
	int rounds = AWL__ASAN || AWL__TSAN ? 100 : 400;
	pid_t pid = start(busy);
	uintptr_t fns[2];
	long seen = 0;

	hear_child(fns, sizeof fns);
	need_reading(pid);
	moments = mixtures = 0;
	for (int i = 0; i < rounds; i++) {
		assert_true(list(pid));
		for (int j = 0; j < line_count; j++)
			assert_whole(&lines[j], fns);
		seen += line_count;
	}
	/* It ran on meanwhile, and the reader knows. */
	assert_int_equal(moments + mixtures, rounds);
	assert_true(mixtures > 0);
	let_go();
	assert_ended(pid);
	print_message("# %ld rows read, %d mixtures of %d\n", seen, mixtures, rounds);
}

/* --- no loop, no page --- */

static void a_process_without_a_loop_has_no_page(void **state)
{
	assert_false(list(getpid()));
}

static int count_own(void *arg)
{
	*(bool *)arg = list(getpid());
	return 0;
}

static void one_page_leads_to_all_loops_of_a_process(void **state)
{
	awl_loop *other = new_loop(NULL);
	bool readable = false;

	moments = mixtures = 0;
	in_loop(count_own, &readable);
	end_loop(other);
	if (!readable)
		skip();
	assert_int_equal(moments + mixtures, 2);
	assert_int_equal(line_count, 1);
	assert_string_equal(lines[0].state, "running");
	moments = mixtures = 0;
	assert_true(list(getpid()));
	assert_int_equal(moments + mixtures, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_process_without_a_loop_has_no_page),
		cmocka_unit_test(every_task_is_found_with_its_state_and_what_it_waits_for),
		cmocka_unit_test(rows_are_whole_though_the_process_goes_on),
		cmocka_unit_test(one_page_leads_to_all_loops_of_a_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
