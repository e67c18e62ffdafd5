/* SPDX-License-Identifier: MIT */
/*
 * test_slips.c - the slips of a C programmer: an ignored status, a return between enter and exit, a
 * swallowed cancel, a forgotten unref, a dead argument; and scopes used at wrong moments. Each ends
 * in a report and a code, never in corruption. @reactors
 */
#include "base/base.h"
#include "task/scenes.h"

#include <sys/resource.h>
#include <sys/wait.h>

static struct heard heard;

/* A scene of which something is said. */
static void overheard(awl_fn *body)
{
	listen_to_awl(&heard);
	scene(body);
	stop_listening();
}

/* --- an ignored status ------------------------------------------------------------------------ */

static int ignores_enter(void *arg)
{
	awl_timeout t;

	awl_timeout_enter(&t, 10 * MS); /* refused: a callback is no task */
	return awl_timeout_exit(&t, 5);
}

static int callback_refused(void *arg)
{
	*(int *)arg = ignores_enter(NULL);
	return 0;
}

static int enter_body(void *arg)
{
	int r = 0;

	assert_int_equal(awl_loop_call_soon(here(), callback_refused, &r, NULL), 0);
	assert_int_equal(yields(1), 0);
	assert_int_equal(r, AWL_ENOTASK); /* kept, and comes out of exit */
	return 0;
}

static void a_refusal_of_enter_comes_out_of_exit(void **state) /* A6 */
{
	overheard(enter_body);
	assert_heard(&heard, "awl_timeout_enter called outside a task");
	assert_heard(&heard, "create a task");
}

static int ignores_await(void *arg)
{
	awl_timeout t;
	int rounds = 0;

	assert_int_equal(awl_timeout_enter(&t, 0), 0);
	for (int i = 0; i < 5; i++) {
		int r = awl_sleep(1000 * MS); /* ignored */

		rounds += r == AWL_ECANCELED;
	}
	assert_int_equal(rounds, 5);
	return awl_timeout_exit(&t, 1) == 1 ? 0 : -1;
}

static int ignored_body(void *arg)
{
	int64_t begin = awl_loop_time(here());

	assert_int_equal(ignores_await(NULL), 0);
	assert_int_equal(awl_loop_time(here()), begin); /* no wait waited */
	return 0;
}

static void an_ignored_status_does_not_disable_a_timeout(void **state) /* A7 */
{
	timed_scene(ignored_body);
}

/* --- a return between enter and exit ---------------------------------------------------------- */

static __attribute__((noinline)) int returns_early(bool early)
{
	awl_timeout t;

	awl_timeout_enter(&t, 10 * AWL_SEC);
	if (early)
		return -EAGAIN; /* without exit */
	return awl_timeout_exit(&t, 0);
}

static __attribute__((noinline)) int shields_early(void)
{
	awl_shield s;

	return awl_shield_enter(&s, AWL_FOREVER);
}

static int early_body(void *arg)
{
	awl_task *me = awl_current_task();

	assert_int_equal(returns_early(true), -EAGAIN);
	assert_int_equal(awl_yield(), AWL_ESCOPE);
	assert_non_null(strstr(awl_error_detail(AWL_ESCOPE), "left without awl_timeout_exit"));
	assert_int_equal(awl_yield(), 0); /* closed: said once */
	assert_int_equal(heard.lines, 1);
	assert_int_equal(awl_deadline(), AWL_FOREVER);
	assert_timers(0);

	assert_int_equal(shields_early(), 0);
	assert_int_equal(awl_cancel(me, NULL), 1);
	assert_int_equal(awl_sleep(MS), AWL_ESCOPE);
	assert_int_equal(awl_sleep(MS), AWL_ECANCELED); /* no shield any more */
	assert_int_equal(awl_uncancel(me), 0);
	assert_int_equal(heard.lines, 2);
	return 0;
}

static void a_scope_left_without_exit_is_closed_by_the_next_wait(void **state) /* A6 A12 */
{
	overheard(early_body);
	assert_heard(&heard, "the timeout entered in ");
	assert_heard(&heard, "was left without awl_timeout_exit");
	assert_heard(&heard, "was left without awl_shield_exit");
}

static int early_then_again(void *arg)
{
	int r = 0;

	assert_int_equal(returns_early(true), -EAGAIN);
	r = returns_early(false); /* the same function, the same place of its frame */
	assert_int_equal(r, AWL_ESCOPE);
	assert_int_equal(returns_early(false), 0);
	assert_int_equal(awl_yield(), 0);
	assert_timers(0);
	return 0;
}

static void a_function_called_again_after_an_early_return_finds_it(void **state) /* A6 */
{
	overheard(early_then_again);
	assert_heard(&heard, "was left without awl_timeout_exit");
}

/* One place of entry, however often the compiler unrolls the loop. */
AWL__NOINLINE static int enter_here(awl_timeout *t)
{
	volatile int r = awl_timeout_enter(t, 10 * AWL_SEC);

	return r;
}

static int goes_round(void *arg)
{
	awl_timeout t;
	int refused = 0;

	for (int i = 0; i < 4; i++) {
		int r = enter_here(&t);

		if (i % 2 == 0)
			continue; /* without exit */
		assert_int_equal(r, AWL_ESCOPE);
		assert_int_equal(awl_timeout_exit(&t, 0), AWL_ESCOPE);
		refused++;
	}
	assert_int_equal(refused, 2);
	assert_int_equal(awl_deadline(), AWL_FOREVER);
	return awl_yield();
}

static void a_loop_that_goes_round_without_exit_finds_it(void **state) /* A6 */
{
	overheard(goes_round);
	assert_heard(&heard, "was left without awl_timeout_exit");
	assert_int_equal(heard.lines, 2);
}

static int leaves_open(void *arg)
{
	awl_timeout t;

	assert_int_equal(awl_timeout_enter(&t, 10 * AWL_SEC), 0);
	return arg ? *(int *)arg : 3;
}

static int leftover_body(void *arg)
{
	static int own = -EIO;

	assert_int_equal(outcome(spawn(leaves_open, NULL)), AWL_ESCOPE);
	assert_int_equal(outcome(spawn(leaves_open, &own)), -EIO); /* its own failure says more */
	assert_timers(0);
	return awl_yield();
}

static void a_task_that_ends_with_a_scope_open_says_so(void **state) /* A6 A12 */
{
	overheard(leftover_body);
	assert_heard(&heard, program_invocation_short_name); /* +0x...: the place of entry */
	assert_heard(&heard, "was left without awl_timeout_exit");
	assert_int_equal(heard.lines, 2);
}

/* --- a group left open: its children's arguments are dead ------------------------------------- */

static int writes(void *argument)
{
	note('w');
	*(int *)argument = 1; /* must not happen: that frame is gone */
	return 0;
}

static __attribute__((noinline)) int group_early(void)
{
	awl_task_group g;
	int local = 0;

	assert_int_equal(awl_task_group_enter(&g), 0);
	assert_int_equal(awl_task_group_create_task(&g, writes, &local, NULL), 0);
	return awl_task_group_create_task(&g, writes, &local, NULL);
}

static int group_early_body(void *arg)
{
	uint32_t live = here()->live;

	assert_int_equal(group_early(), 0);
	assert_int_equal(awl_yield(), AWL_ESCOPE);
	assert_string_equal(trace, ""); /* they did not begin */
	assert_int_equal(here()->live, live);
	return awl_yield();
}

static void children_of_a_group_left_open_do_not_begin(void **state) /* A6 */
{
	overheard(group_early_body);
	assert_heard(&heard, "the task group entered in ");
	assert_heard(&heard, "was left without awl_task_group_exit");
}

static int stopped_child(void *arg)
{
	int r = nap(100);

	note(r == AWL_ECANCELED ? 's' : 'D');
	return r;
}

static int owner_leaves(void *arg)
{
	awl_task_group g;
	awl_task *t;

	assert_int_equal(awl_task_group_enter(&g), 0);
	assert_int_equal(awl_task_group_create_task(&g, stopped_child, NULL, &t), 0);
	assert_int_equal(awl_task_group_create_task(&g, stopped_child, NULL, NULL), 0);
	return nap(2);
}

static int owner_body(void *arg)
{
	uint32_t live = here()->live, kept = here()->kept;

	assert_int_equal(outcome(spawn(owner_leaves, NULL)), AWL_ESCOPE);
	assert_string_equal(trace, "ss"); /* stopped, and waited for */
	assert_int_equal(here()->live, live);
	assert_int_equal(here()->kept, kept);
	return 0;
}

static void a_group_left_open_stops_and_joins_its_children(void **state) /* A6 */
{
	overheard(owner_body);
	assert_heard(&heard, "was left without awl_task_group_exit");
}

/* --- a swallowed cancel ----------------------------------------------------------------------- */

static long turns;

static int spins(void *others)
{
	awl_timeout t;

	assert_int_equal(awl_timeout_enter(&t, 0), 0);
	for (int i = 0; i < 5000 && !*(int *)others; i++)
		if (awl_sleep(1000 * MS) == 0) /* it only looks for success */
			break;
	turns = *(int *)others;
	return awl_timeout_exit(&t, 0);
}

static int counts(void *others)
{
	for (int i = 0; i < 20; i++)
		if (awl_yield() < 0)
			break;
	*(int *)others = 1;
	return 0;
}

static int spins_body(void *arg)
{
	int others = 0;
	awl_task *t = spawn(spins, &others), *u = spawn(counts, &others);

	assert_int_equal(awl_await(t), 0);
	assert_int_equal(turns, 1); /* the others had theirs */
	assert_int_equal(outcome(u), 0);
	return awl_unref(t);
}

static void who_swallows_every_cancel_is_told_of_and_keeps_nobody_from_running(void **state)
/* A7 A12 */
{
	overheard(spins_body);
	assert_heard(&heard, "goes on waiting although it was asked to stop");
}

static int swallows_close(void *times)
{
	while (--*(int *)times > 0)
		if (awl_sleep(1000 * AWL_SEC) == 0)
			return 0;
	return 0;
}

static int starts_swallower(void *times)
{
	assert_int_equal(awl_create_task(swallows_close, times, NULL), 0);
	return awl_yield();
}

static void who_swallows_the_close_of_its_loop_is_told_of(void **state) /* A12 L12 */
{
	int times = 5000;

	listen_to_awl(&heard);
	in_loop(starts_swallower, &times);
	stop_listening();
	assert_int_equal(times, 0);
	assert_heard(&heard, "goes on waiting although its loop closes");
}

/* --- a forgotten unref ------------------------------------------------------------------------ */

static int fails_with(void *err)
{
	return *(int *)err;
}

static int forgets_body(void *arg)
{
	static int err = -ENOSPC;
	awl_task *t = spawn(fails_with, &err);

	assert_int_equal(awl_task_set_name(t, "forgotten"), 0);
	assert_int_equal(awl_join(t), 0);
	return *(awl_task **)arg = t, 0;
}

static void a_forgotten_unref_is_told_with_the_failure_nobody_read(void **state) /* A12 F10 */
{
	awl_task *t = NULL;

	listen_to_awl(&heard);
	in_loop(forgets_body, &t);
	stop_listening();
	assert_heard(&heard, "nobody read the failure of task forgotten");
	assert_heard(&heard, "No space left on device");
	assert_heard(&heard, "is given up, but 1 handles are not (one of task forgotten");
	assert_heard(&heard, program_invocation_short_name);
	assert_heard(&heard, "awl_unref");
	assert_int_equal(heard.lines, 2);
	assert_int_equal(awl_unref(t), 0); /* and the loop goes with it */
}

/* --- a dead argument -------------------------------------------------------------------------- */

/* In a child process, for what ends it there. Its status; what it said to stderr. */
static int child_of(awl_fn *body, char *said, size_t room)
{
	int fds[2], status = 0;
	size_t n = 0;
	ssize_t got;
	pid_t pid;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		dup2(fds[1], STDERR_FILENO);
		setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
		_exit(awl_run(body, NULL) == 0 ? 0 : 1);
	}
	close(fds[1]);
	while ((got = read(fds[0], said + n, room - 1 - n)) > 0)
		n += (size_t)got;
	said[n] = '\0';
	close(fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static int reads_dead(void *argument)
{
	volatile int *p = argument;

	if (awl_sleep(MS) == 0)
		return *p; /* its creator has returned */
	return 0;
}

static __attribute__((noinline)) awl_task *gives_local(void)
{
	int local = 7;

	return spawn(reads_dead, &local);
}

static int dead_body(void *arg)
{
	awl_task *t = gives_local();

	return outcome(t) < 0 ? -1 : 0;
}

static void a_dead_argument_is_found_by_asan(void **state)
{
#if AWL__ASAN
	char said[16384];
	const char *options = getenv("ASAN_OPTIONS");
	int status;

	if (!options || !strstr(options, "detect_stack_use_after_return=1"))
		skip();
	status = child_of(dead_body, said, sizeof said);
	assert_true(status != 0);
	assert_non_null(strstr(said, "stack-use-after-return"));
	assert_non_null(strstr(said, "reads_dead"));
#else
	(void)child_of;
	(void)dead_body;
	skip(); /* without it nobody can see it: hand it over by value */
#endif
}

static int reads_copy(void *argument)
{
	int r = awl_sleep(MS);

	return r < 0 ? r : *(int *)argument;
}

static __attribute__((noinline)) awl_task *gives_copy(void)
{
	int local = 7;
	awl_task_options o = { .copy = sizeof local };
	awl_task *t = NULL;

	assert_int_equal(awl_loop_create_task(here(), &o, reads_copy, &local, &t), 0);
	return t;
}

static int copy_body(void *arg)
{
	awl_task *t = gives_copy();

	return outcome(t) == 7 ? 0 : -1;
}

static void an_argument_handed_over_by_value_outlives_its_creator(void **state) /* DESIGN 6 */
{
	scene(copy_body);
}

/* --- scopes at wrong moments ------------------------------------------------------------------ */

static int out_of_order(void *arg)
{
	awl_timeout outer, inner;

	assert_int_equal(awl_timeout_enter(&outer, 10 * AWL_SEC), 0);
	assert_int_equal(awl_timeout_enter(&inner, 20 * AWL_SEC), 0);
	assert_int_equal(awl_timeout_exit(&outer, 0), AWL_ESCOPE);
	assert_int_equal(awl_timeout_exit(&inner, 0), AWL_ESCOPE);
	assert_string_equal(awl_error_detail(AWL_ESCOPE),
		"awl_timeout_exit: this timeout was not entered, or has been left");
	assert_int_equal(awl_timeout_exit(&outer, 0), AWL_ESCOPE);
	assert_timers(0);
	assert_int_equal(awl_deadline(), AWL_FOREVER);
	return awl_yield();
}

static void scopes_left_out_of_order_are_all_closed(void **state) /* A6 */
{
	overheard(out_of_order);
	assert_heard(&heard, "was left without awl_timeout_exit");
	assert_int_equal(heard.lines, 1);
}

static int group_out_of_order(void *arg)
{
	awl_timeout outer;
	awl_task_group g;

	assert_int_equal(awl_timeout_enter(&outer, 10 * AWL_SEC), 0);
	assert_int_equal(awl_task_group_enter(&g), 0);
	assert_int_equal(awl_task_group_create_task(&g, stopped_child, NULL, NULL), 0);
	assert_int_equal(nap(1), 0);
	assert_int_equal(awl_timeout_exit(&outer, 0), AWL_ESCOPE);
	assert_string_equal(trace, "s"); /* its children were stopped and joined */
	assert_int_equal(awl_task_group_exit(&g, 0), AWL_ESCOPE);
	assert_int_equal(awl_task_group_create_task(&g, stopped_child, NULL, NULL), AWL_ESCOPE);
	return awl_yield();
}

static void a_group_skipped_by_an_outer_exit_is_joined(void **state) /* A6 */
{
	overheard(group_out_of_order);
	assert_heard(&heard, "the task group entered in");
}

static int twice_body(void *arg)
{
	awl_timeout t;
	int64_t when;

	assert_int_equal(awl_timeout_enter(&t, 10 * AWL_SEC), 0);
	when = awl_timeout_when(&t);
	assert_int_equal(awl_timeout_enter(&t, 1), AWL_ESCOPE); /* from another line */
	assert_string_equal(
		awl_error_detail(AWL_ESCOPE), "awl_timeout_enter: this timeout is open already");
	assert_int_equal(awl_timeout_when(&t), when); /* A2 */
	assert_int_equal(awl_sleep(1), 0);
	assert_int_equal(awl_timeout_exit(&t, 1), AWL_ESCOPE); /* the refused one's */
	assert_int_equal(awl_timeout_exit(&t, 2), 2); /* the first one's */
	assert_int_equal(awl_timeout_exit(&t, 3), AWL_ESCOPE); /* nobody's */
	assert_timers(0);
	return awl_yield();
}

static void a_scope_entered_twice_is_refused_once(
	void **state) /* A6, test_timeout_already_entered */
{
	scene(twice_body);
}

static awl_timeout shared;
static awl_shield shared_shield;
static awl_task_group shared_group;

static int not_mine(void *arg)
{
	awl_task *me = awl_current_task();

	assert_int_equal(awl_timeout_exit(&shared, 1), AWL_ESCOPE);
	assert_string_equal(awl_error_detail(AWL_ESCOPE),
		"awl_timeout_exit: this timeout was entered by another task");
	assert_int_equal(awl_shield_exit(&shared_shield, 1), AWL_ESCOPE);
	assert_int_equal(awl_task_group_exit(&shared_group, 1), AWL_ESCOPE);
	assert_int_equal(awl_task_group_join(&shared_group, 1), AWL_ESCOPE);
	assert_string_equal(awl_error_detail(AWL_ESCOPE),
		"awl_task_group_join: this task group was entered by another task");
	assert_int_equal(awl_cancelling(me), 0);
	return awl_yield();
}

static int others_body(void *arg)
{
	int64_t when;

	assert_int_equal(awl_timeout_enter(&shared, 10 * AWL_SEC), 0);
	assert_int_equal(awl_shield_enter(&shared_shield, 10 * AWL_SEC), 0);
	assert_int_equal(awl_task_group_enter(&shared_group), 0);
	when = awl_timeout_when(&shared);
	assert_int_equal(outcome(spawn(not_mine, NULL)), 0);
	assert_int_equal(awl_timeout_when(&shared), when);
	assert_int_equal(awl_task_group_exit(&shared_group, 1), 1);
	assert_int_equal(awl_shield_exit(&shared_shield, 2), 2);
	assert_int_equal(awl_timeout_exit(&shared, 3), 3);
	return 0;
}

static void a_scope_left_by_another_task_is_refused(void **state) /* A6 */
{
	scene(others_body);
}

static int exits_in_callback(void *arg)
{
	*(int *)arg = awl_timeout_exit(&shared, 1);
	return 0;
}

static int callback_body(void *arg)
{
	int r = 0;

	assert_int_equal(awl_timeout_enter(&shared, 10 * AWL_SEC), 0);
	assert_int_equal(awl_loop_call_soon(here(), exits_in_callback, &r, NULL), 0);
	assert_int_equal(yields(2), 0);
	assert_int_equal(r, AWL_ENOTASK);
	return awl_timeout_exit(&shared, 0);
}

static void a_scope_left_by_a_callback_is_refused(void **state) /* A6 A12 */
{
	overheard(callback_body);
	assert_heard(&heard, "in callback ");
}

/* --- waits that could never end --------------------------------------------------------------- */

static awl_task *ring[70];
static int ring_size, deadlocks;

static int waits_for_next(void *arg)
{
	awl_task **me = arg;
	size_t i = (size_t)(me - ring);
	int r = awl_await(ring[(i + 1) % (size_t)ring_size]);

	if (r == AWL_EDEADLK) {
		assert_non_null(strstr(awl_error_detail(r), "would wait for itself"));
		assert_non_null(strstr(awl_error_detail(r), awl_task_get_name(*me)));
		deadlocks++;
	}
	return 5;
}

static int ring_body(void *arg)
{
	for (ring_size = 1; ring_size <= 64; ring_size++) {
		deadlocks = 0;
		for (int i = 0; i < ring_size; i++)
			ring[i] = spawn(waits_for_next, &ring[i]);
		for (int i = 0; i < ring_size; i++)
			assert_int_equal(outcome(ring[i]), 5);
		assert_int_equal(deadlocks, 1); /* who would have closed it */
	}
	return 0;
}

static void a_ring_of_up_to_64_tasks_is_refused(void **state) /* T7 */
{
	scene(ring_body);
}

static int joins_itself(void *arg)
{
	assert_int_equal(awl_join(awl_current_task()), AWL_EDEADLK);
	assert_non_null(strstr(awl_error_detail(AWL_EDEADLK), "awl_join"));
	assert_int_equal(awl_await(awl_current_task()), AWL_EDEADLK);
	assert_int_equal(awl_cancelling(awl_current_task()), 0);
	assert_int_equal(awl_cancel(awl_current_task(), NULL), 1);
	assert_int_equal(awl_await(awl_current_task()), AWL_EDEADLK); /* refused before asked */
	return awl_yield();
}

static int itself_body(void *arg)
{
	return outcome(spawn(joins_itself, NULL)) == AWL_EFUTURECANCELED ? 0 : -1;
}

static void awaiting_itself_is_refused(void **state) /* T7 */
{
	scene(itself_body);
}

static int link_of(void *arg)
{
	awl_task **me = arg;

	return me == ring ? nap(80) : awl_await(me[-1]);
}

static int chain_body(void *arg)
{
	for (int i = 0; i < 70; i++)
		ring[i] = spawn(link_of, &ring[i]);
	for (int i = 70; i-- > 0;)
		assert_int_equal(outcome(ring[i]), 0);
	return 0;
}

static void a_long_chain_is_no_ring(void **state) /* T7 */
{
	scene(chain_body);
}

/* --- waits outside a task --------------------------------------------------------------------- */

static int waits_in_callback(void *future)
{
	char byte = 'u';
	awl_task_group g = { 0 };
	awl_task *none = (awl_task *)&g;

	assert_int_equal(awl_await(future), AWL_ENOTASK);
	assert_int_equal(awl_join(future), AWL_ENOTASK);
	assert_int_equal(awl_sleep(1), AWL_ENOTASK);
	assert_int_equal(awl_sleep(0), AWL_ENOTASK);
	assert_int_equal(awl_sleep_until(1), AWL_ENOTASK);
	assert_int_equal(awl_yield(), AWL_ENOTASK);
	assert_int_equal(awl_checkpoint(), AWL_ENOTASK);
	assert_int_equal(awl_deadline(), AWL_ENOTASK);
	assert_int_equal(awl_wait_fd(0, POLLIN), AWL_ENOTASK);
	assert_int_equal(awl_fd_read(0, &byte, 1), AWL_ENOTASK);
	assert_int_equal(awl_fd_write(1, &byte, 1), AWL_ENOTASK);
	assert_int_equal(byte, 'u');
	assert_int_equal(awl_task_group_enter(&g), AWL_ENOTASK);
	assert_int_equal(awl_task_group_exit(&g, 0), AWL_ENOTASK);
	assert_int_equal(awl_task_group_start(&g, writes, NULL, &none), AWL_ENOTASK);
	assert_int_equal(awl_task_started(1), AWL_ENOTASK);
	assert_int_equal(awl_wait_for(1, writes, NULL), AWL_ENOTASK);
	assert_int_equal(awl_shielded(1, writes, NULL), AWL_ENOTASK);
	assert_string_equal(
		awl_error_detail(AWL_ENOTASK), "awl_shield_enter: a wait outside a task");
	assert_ptr_equal(none, &g);
	return 0;
}

static void waits_in_done(awl_future *f, void *arg)
{
	assert_int_equal(awl_await(f), AWL_ENOTASK);
	assert_int_equal(awl_yield(), AWL_ENOTASK);
}

static int outside_body(void *arg)
{
	awl_future *f = promise();

	assert_int_equal(awl_loop_call_soon(here(), waits_in_callback, f, NULL), 0);
	assert_int_equal(yields(2), 0);
	assert_int_equal(awl_future_add_done_callback(f, waits_in_done, NULL, NULL), 0);
	assert_int_equal(awl_future_set_result(f, 1), 0);
	assert_int_equal(yields(1), 0);
	assert_string_equal(trace, "");
	return awl_unref(f);
}

static void a_wait_outside_a_task_names_the_call_and_the_callback(void **state) /* A12 */
{
	overheard(outside_body);
	assert_heard(&heard, "awl_await called outside a task, in callback ");
	assert_heard(&heard, "awl_sleep called outside a task");
	assert_heard(&heard, "a callback may not wait; create a task");
}

static void a_wait_without_a_loop_is_refused(void **state) /* A3 */
{
	char byte = 0;

	assert_int_equal(awl_sleep(1), AWL_ENOLOOP);
	assert_int_equal(awl_sleep(0), AWL_ENOLOOP);
	assert_int_equal(awl_yield(), AWL_ENOLOOP);
	assert_int_equal(awl_checkpoint(), AWL_ENOLOOP);
	assert_int_equal(awl_fd_read(0, &byte, 1), AWL_ENOLOOP);
	assert_int_equal(awl_task_started(1), AWL_ENOLOOP);
	assert_string_equal(awl_error_detail(AWL_ENOLOOP),
		"awl_task_started: no loop is running in this thread; call it in a task");
}

/* --- arguments -------------------------------------------------------------------------------- */

static int arguments_body(void *arg)
{
	char byte = 0;

	assert_int_equal(awl_fd_read(-1, &byte, 1), -EBADF);
	assert_int_equal(awl_fd_write(-1, &byte, 1), -EBADF);
	assert_int_equal(awl_wait_fd(-1, POLLIN), -EBADF);
	assert_int_equal(awl_wait_fd(0, 0), -EINVAL);
	assert_int_equal(awl_wait_fd(0, 1 << 20), -EINVAL);
	assert_int_equal(awl_fd_read(0, NULL, 1), -EINVAL);
	assert_int_equal(awl_fd_write(0, NULL, 1), -EINVAL);
	assert_int_equal(awl_task_started(-1), -EINVAL);
	assert_int_equal(awl_task_started(INT32_MIN), -EINVAL);
	return 0;
}

static void arguments_are_looked_at_first(void **state) /* A2 */
{
	scene(arguments_body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_refusal_of_enter_comes_out_of_exit),
		cmocka_unit_test(an_ignored_status_does_not_disable_a_timeout),
		cmocka_unit_test(a_scope_left_without_exit_is_closed_by_the_next_wait),
		cmocka_unit_test(a_function_called_again_after_an_early_return_finds_it),
		cmocka_unit_test(a_loop_that_goes_round_without_exit_finds_it),
		cmocka_unit_test(a_task_that_ends_with_a_scope_open_says_so),
		cmocka_unit_test(children_of_a_group_left_open_do_not_begin),
		cmocka_unit_test(a_group_left_open_stops_and_joins_its_children),
		cmocka_unit_test(
			who_swallows_every_cancel_is_told_of_and_keeps_nobody_from_running),
		cmocka_unit_test(who_swallows_the_close_of_its_loop_is_told_of),
		cmocka_unit_test(a_forgotten_unref_is_told_with_the_failure_nobody_read),
		cmocka_unit_test(a_dead_argument_is_found_by_asan),
		cmocka_unit_test(an_argument_handed_over_by_value_outlives_its_creator),
		cmocka_unit_test(scopes_left_out_of_order_are_all_closed),
		cmocka_unit_test(a_group_skipped_by_an_outer_exit_is_joined),
		cmocka_unit_test(a_scope_entered_twice_is_refused_once),
		cmocka_unit_test(a_scope_left_by_another_task_is_refused),
		cmocka_unit_test(a_scope_left_by_a_callback_is_refused),
		cmocka_unit_test(a_ring_of_up_to_64_tasks_is_refused),
		cmocka_unit_test(awaiting_itself_is_refused),
		cmocka_unit_test(a_long_chain_is_no_ring),
		cmocka_unit_test(a_wait_outside_a_task_names_the_call_and_the_callback),
		cmocka_unit_test(a_wait_without_a_loop_is_refused),
		cmocka_unit_test(arguments_are_looked_at_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
