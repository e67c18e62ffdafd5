/* SPDX-License-Identifier: MIT */
/*
 * @reactors
 * test_overflow.c - the stack a task was given, and what a task that needs more says before the
 * process dies of it. No loop runs in this process itself: the handler is each child's own.
 */
#include "support.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#if AWL__ASAN || AWL__TSAN
/* Their own handler would turn the signal into an exit. */
#if AWL__ASAN
const char *__asan_default_options(void);
const char *__asan_default_options(void)
#else
const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
#endif
{
	return "handle_segv=0:use_sigaltstack=0";
}
#endif

#define KIB 1024

/* Really on the task's stack, and really touched. */
__attribute__((no_sanitize("address"))) AWL__NOINLINE static int use(int kib)
{
	volatile char frame[KIB];
	int below;

	frame[0] = frame[KIB - 1] = (char)kib;
	below = kib > 1 ? use(kib - 1) : 0;
	__asm__ volatile("" : : "r"(frame) : "memory"); /* a call, not a loop on one frame */
	return below + frame[0];
}

static char said[4096];

static int dig(void *arg)
{
	volatile int sum = use(*(int *)arg);

	(void)sum;
	return 0;
}

struct hole {
	size_t loop_size, task_size;
	const char *name;
	int kib;
};

static int dig_in_task(void *arg)
{
	struct hole *h = arg;
	awl_task_options o = { .name = h->name, .stack_size = h->task_size };
	awl_task *t;
	int r;

	assert_int_equal(awl_loop_create_task(here(), &o, dig, &h->kib, &t), 0);
	r = awl_await(t);
	assert_int_equal(awl_unref(t), 0);
	return r;
}

/* How the child ended, as waitpid says. */
static int dig_in_child(struct hole h)
{
	int fds[2], status;
	size_t len = 0;
	ssize_t n;
	pid_t child;

	assert_int_equal(pipe(fds), 0);
	child = fork();
	if (child == 0) {
		awl_loop_options o = { .stack_size = h.loop_size };

		signal(SIGSEGV, SIG_DFL); /* cmocka's */
		dup2(fds[1], STDERR_FILENO);
		_exit(awl_run_with(&o, dig_in_task, &h) != 0);
	}
	close(fds[1]);
	while ((n = read(fds[0], said + len, sizeof said - 1 - len)) > 0)
		len += (size_t)n;
	said[len] = 0;
	close(fds[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static void assert_dies(struct hole h, const char *words)
{
	int status = dig_in_child(h);

	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	if (!strstr(said, words))
		fail_msg("not said: %s; but: %s", words, said);
	assert_non_null(strstr(said, "give the task a larger stack"));
	assert_null(strchr(strchr(said, '\n') + 1, '\n'));
}

static void assert_lives(struct hole h)
{
	int status = dig_in_child(h);

	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_string_equal(said, "");
}

/* A12 */
static void an_overflow_names_the_task_its_stack_and_the_remedy(void **state)
{
	assert_dies((struct hole){ .name = "mole", .kib = 300 },
		"awl: stack overflow in task mole: its 256 KiB (64 of them guard)");
	assert_dies((struct hole){ .kib = 300 }, "awl: stack overflow in task Task-2: its 256");
	assert_dies((struct hole){ .name = "vole", .task_size = 1024 * KIB, .kib = 2000 },
		"awl: stack overflow in task vole: its 1024 KiB");
}

static void stack_size_is_honoured(void **state)
{
	assert_dies((struct hole){ .name = "a", .task_size = 128 * KIB, .kib = 100 }, "task a:");
	assert_lives((struct hole){ .kib = 100 });
	assert_dies((struct hole){ .name = "b", .loop_size = 128 * KIB, .kib = 100 }, "task b:");
	if (AWL__ASAN || AWL__TSAN)
		return; /* larger frames */
	assert_lives((struct hole){ .loop_size = 1024 * KIB, .kib = 600 });
	assert_lives((struct hole){ .task_size = 4096 * KIB, .kib = 2500 });
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_overflow_names_the_task_its_stack_and_the_remedy),
		cmocka_unit_test(stack_size_is_honoured),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
