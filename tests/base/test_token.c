/* SPDX-License-Identifier: MIT */
/*
 * @thread
 * test_token.c - each thread's word: its own while it lives, given back when it ends, wiped in a
 * fork's child.
 */
#include "support.h"

#include "base/alloc.h"
#include "base/token.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define THREADS 600 /* more than two pages hold */

static pthread_barrier_t all_here;
static uint64_t tokens[THREADS];
static const struct awl__thread *slots[THREADS];
static atomic_int asked;

static int count_requests(void)
{
	asked++;
	return 0;
}

static void *take_one(void *arg)
{
	uint64_t *mine = arg;

	if (awl__token() != 0)
		return "a thread has a token before it asked";
	*mine = awl__token_make();
	slots[mine - tokens] = awl__thread;
	pthread_barrier_wait(&all_here);
	if (awl__token() != *mine || awl__token_make() != *mine)
		return "the token changed";
	if ((uint32_t)*mine != (uint32_t)gettid())
		return "its low half is not the thread's id";
	if (*mine <= AWL__CLOSED)
		return "it looks like no thread's";
	return awl__thread->running ? "a fresh slot runs a loop" : NULL;
}

static void run_all(void)
{
	static pthread_t threads[THREADS];
	pthread_attr_t attr;
	void *wrong;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 256 << 10);
	pthread_barrier_init(&all_here, NULL, THREADS);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], &attr, take_one, &tokens[i]), 0);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], &wrong);
		if (wrong)
			fail_msg("%s", (char *)wrong);
	}
	pthread_barrier_destroy(&all_here);
	pthread_attr_destroy(&attr);
}

static void assert_distinct(void)
{
	for (int i = 0; i < THREADS; i++)
		for (int j = 0; j < i; j++) {
			assert_true(tokens[i] != tokens[j]);
			assert_ptr_not_equal(slots[i], slots[j]);
		}
}

static void threads_have_different_tokens_and_slots(void **state)
{
	run_all();
	assert_distinct();
}

static void an_ended_threads_slot_is_reused_and_its_token_never(void **state)
{
	static uint64_t before[THREADS];

	memcpy(before, tokens, sizeof before);
	awl__alloc_fault = count_requests;
	for (int round = 0; round < 3; round++) {
		asked = 0;
		run_all();
		assert_distinct();
		assert_int_equal(asked, 0);
	}
	awl__alloc_fault = (int (*)(void))0;
	for (int i = 0; i < THREADS; i++)
		for (int j = 0; j < THREADS; j++)
			assert_true(tokens[i] != before[j]);
}

static int in_child(uint64_t mine, uint64_t process)
{
	if (awl__token() != 0 || awl__process() != 0 || awl__thread->running)
		return 1;
	if (awl__token_make() == 0 || awl__token() == mine)
		return 2;
	if ((uint32_t)awl__token() != (uint32_t)gettid())
		return 3;
	return awl__process_make() == process ? 4 : 0;
}

static void assert_child(pid_t pid)
{
	int status;

	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void fork_leaves_the_child_without_a_token(void **state)
{
	uint64_t mine = awl__token_make(), process = awl__process_make();
	pid_t pid = fork();

	if (pid == 0)
		_exit(in_child(mine, process));
	assert_child(pid);
	assert_true(awl__token() == mine && awl__process() == process);
}

static void a_raw_clone_leaves_the_child_without_a_token(void **state)
{
	uint64_t mine = awl__token_make(), process = awl__process_make();
	pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

	/* The slots themselves: much of the C library does not work here. */
	if (pid == 0)
		_exit(awl__token() != 0 || awl__process() != 0);
	assert_child(pid);
	assert_true(awl__token() == mine && awl__process() == process);
}

static atomic_bool stop;

static void *come_and_go(void *arg)
{
	while (!stop) {
		pthread_t t;
		uint64_t token;

		if (pthread_create(&t, NULL, take_one, arg) == 0)
			pthread_join(t, NULL);
		token = *(uint64_t *)arg;
		(void)token;
	}
	return NULL;
}

/* The lock of the slots is free in a child, whoever held it. */
static void a_fork_amid_threads_that_come_and_go_can_still_take_a_token(void **state)
{
	pthread_t t;

	pthread_barrier_init(&all_here, NULL, 1);
	stop = false;
	assert_int_equal(pthread_create(&t, NULL, come_and_go, &tokens[0]), 0);
	for (int i = 0; i < 50; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			alarm(10);
			_exit(awl__token_make() == 0 || awl__process_make() == 0);
		}
		assert_child(pid);
	}
	stop = true;
	pthread_join(t, NULL);
	pthread_barrier_destroy(&all_here);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(threads_have_different_tokens_and_slots),
		cmocka_unit_test(an_ended_threads_slot_is_reused_and_its_token_never),
		cmocka_unit_test(fork_leaves_the_child_without_a_token),
		cmocka_unit_test(a_raw_clone_leaves_the_child_without_a_token),
		cmocka_unit_test(a_fork_amid_threads_that_come_and_go_can_still_take_a_token),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
