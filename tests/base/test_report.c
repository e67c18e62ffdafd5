/* SPDX-License-Identifier: MIT */
/*
 * test_report.c - where awl's sentences go, and how a misused call is told: the first in words,
 * later ones as counts, at most one line a second.
 */
#include "support.h"

#include "base/clock.h"
#include "base/report.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

static struct heard heard;

static awl_misuse misuse(void)
{
	return (awl_misuse){
		.reason = "it is a test",
		.loop_name = "mill",
		.loop = (awl_loop *)&heard,
		.owner_tid = 4711,
		.error = AWL_ETHREAD,
	};
}

static void refuse(struct awl__call *call)
{
	awl_misuse m = misuse();

	awl__misuse(call, &m);
}

static void a_report_goes_to_the_logger_whole(void **state)
{
	listen_to_awl(&heard);
	awl__report(AWL_LOG_WARNING, "%s and %d", "words", 7);
	stop_listening();
	assert_int_equal(heard.lines, 1);
	assert_string_equal(heard.text, "4 words and 7\n");
}

static void without_a_logger_it_goes_to_stderr_as_one_line(void **state)
{
	int saved = dup(STDERR_FILENO), fds[2];
	char text[64] = "";

	assert_int_equal(pipe(fds), 0);
	dup2(fds[1], STDERR_FILENO);
	awl__report(AWL_LOG_ERROR, "to be read");
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(fds[1]);
	assert_true(read(fds[0], text, sizeof text - 1) > 0);
	close(fds[0]);
	assert_string_equal(text, "awl: to be read\n");
}

static void a_line_too_long_is_cut_and_never_overruns(void **state)
{
	static char many[5000];

	memset(many, 'x', sizeof many - 1);
	listen_to_awl(&heard);
	awl__report(AWL_LOG_INFO, "%s", many);
	stop_listening();
	assert_int_equal(heard.lines, 1);
	assert_int_equal(strlen(heard.text), 2 + 1023 + 1);
}

static void the_first_refusal_names_call_threads_loop_and_the_right_call(void **state)
{
	static struct awl__call call = { "awl_some_call", "awl_another_call", 0, 0 };
	char who[32];

	listen_to_awl(&heard);
	refuse(&call);
	stop_listening();
	snprintf(who, sizeof who, "from thread %d,", gettid());
	assert_int_equal(heard.lines, 1);
	assert_heard(&heard, "awl_some_call called");
	assert_heard(&heard, who);
	assert_heard(&heard, "runs in thread 4711");
	assert_heard(&heard, "(mill)");
	assert_heard(&heard, "Call awl_another_call instead");
}

static void sleep_until(int64_t when)
{
	struct timespec ts = { when / 1000000000, when % 1000000000 };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) != 0)
		;
}

static void later_refusals_are_counted_and_told_once_a_second_at_most(void **state)
{
	static struct awl__call call = { "awl_one", "x", 0, 0 }, other = { "awl_two", "x", 0, 0 };
	int64_t began;
	int first;

	listen_to_awl(&heard);
	began = awl__clock_now();
	refuse(&call);
	for (int i = 0; i < 1000; i++)
		refuse(&call);
	first = heard.lines;
	/* On a machine that stood still meanwhile a second has passed, and may be told. */
	assert_true(first <= 2 + (int)((awl__clock_now() - began) / AWL_SEC));
	/* Another call has its first words at once. */
	refuse(&other);
	assert_int_equal(heard.lines, first + 1);
	assert_heard(&heard, "awl_two called");
	sleep_until(awl__clock_now() + AWL_SEC);
	refuse(&call);
	refuse(&call);
	stop_listening();
	assert_int_equal(heard.lines, first + 2);
	assert_heard(&heard, "awl_one refused 1001 times more");
	assert_int_equal(call.refused, 1003);
}

static void told(const awl_misuse *m, void *arg)
{
	*(awl_misuse *)arg = *m;
}

static void the_hook_gets_every_refusal_with_its_count(void **state)
{
	static struct awl__call call = { "awl_hooked", "awl_right", 0, 0 };
	awl_misuse m;

	listen_to_awl(&heard);
	awl_set_misuse_hook(told, &m);
	for (uint64_t i = 1; i <= 5; i++) {
		refuse(&call);
		assert_int_equal(m.count, i);
	}
	assert_string_equal(m.call, "awl_hooked");
	assert_string_equal(m.instead, "awl_right");
	assert_string_equal(m.reason, "it is a test");
	assert_string_equal(m.loop_name, "mill");
	assert_ptr_equal(m.loop, &heard);
	assert_int_equal(m.caller_tid, gettid());
	assert_int_equal(m.owner_tid, 4711);
	assert_int_equal(m.error, AWL_ETHREAD);
	assert_int_equal(heard.lines, 0);
	awl_set_misuse_hook(NULL, NULL);
	stop_listening();
}

static int child_of(const char *mode)
{
	static struct awl__call call = { "awl_fatal", "x", 0, 0 };
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		setenv("AWL_MISUSE", mode, 1);
		signal(SIGABRT, SIG_DFL);
		listen_to_awl(&heard);
		refuse(&call);
		_exit(heard.lines);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void misuse_abort_aborts_after_the_report(void **state)
{
	int status = child_of("abort");

	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	status = child_of("please");
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_report_goes_to_the_logger_whole),
		cmocka_unit_test(without_a_logger_it_goes_to_stderr_as_one_line),
		cmocka_unit_test(a_line_too_long_is_cut_and_never_overruns),
		cmocka_unit_test(the_first_refusal_names_call_threads_loop_and_the_right_call),
		cmocka_unit_test(later_refusals_are_counted_and_told_once_a_second_at_most),
		cmocka_unit_test(the_hook_gets_every_refusal_with_its_count),
		cmocka_unit_test(misuse_abort_aborts_after_the_report),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
