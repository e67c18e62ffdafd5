/* SPDX-License-Identifier: MIT */
/*
 * test_overflow.c - a child overflows its stack: what it says before it dies, and that every other
 * fault goes where it would have gone without us. @thread
 */
#include "child.h"
#include "coro/guard.h"
#include "flow.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static struct awl__stack_pool pool;
static struct awl__context thread;

static size_t describes(void *owner, char *buf, size_t len)
{
	const char *name = ((struct flow *)owner)->arg;
	size_t n = strlen(name);

	memcpy(buf, name, n < len ? n : len);
	return n;
}

static void prepare(void)
{
	awl__context_of_thread(&thread);
	if (awl__overflow_install() < 0 || awl__overflow_thread_begin() < 0)
		_exit(99);
	awl__overflow_describe = describes;
}

static unsigned recurse(unsigned depth)
{
	volatile char frame[256];

	frame[0] = (char)depth;
	return (depth ? recurse(depth + 1) : 0) + (unsigned)frame[0];
}

/* Frames of 20 kB of which one byte is touched: a guard of one page would be stepped over. */
static unsigned stride(unsigned depth)
{
	volatile char frame[20000];

	frame[0] = (char)depth;
	return (depth ? stride(depth + 1) : 0) + (unsigned)frame[0];
}

static void overflows(struct flow *f)
{
	(void)f;
	recurse(1);
}

static void overflows_in_strides(struct flow *f)
{
	(void)f;
	stride(1);
}

static void run(void (*fn)(struct flow *f), size_t size)
{
	struct flow f;

	if (flow_make(&f, &pool, size, fn, (void *)"task \"parser\"") == 0)
		flow_resume(&f, &thread);
}

static void an_overflow(void)
{
	prepare();
	run(overflows, 0);
}

static void an_overflow_names_its_owner_and_the_remedy(void **state)
{
	(void)state;
	assert_died_by_segv(in_a_child(an_overflow));
	assert_non_null(strstr(said, "awl: stack overflow in task \"parser\": its 256 KiB"));
	assert_non_null(strstr(said, "are used up; give the task a larger stack (address 0x"));
}

static void an_overflow_in_strides(void)
{
	prepare();
	run(overflows_in_strides, 0);
}

static void a_frame_of_20_kB_does_not_step_over_the_guard(void **state)
{
	(void)state;
	assert_died_by_segv(in_a_child(an_overflow_in_strides));
	assert_non_null(strstr(said, "stack overflow in task \"parser\""));
}

static void an_overflow_of_a_protected_guard(void)
{
	awl__guard_force_mprotect = true;
	prepare();
	run(overflows, 512 << 10);
}

static void a_guard_made_by_mprotect_reports_alike(void **state)
{
	(void)state;
	assert_died_by_segv(in_a_child(an_overflow_of_a_protected_guard));
	assert_non_null(strstr(said, "stack overflow in task \"parser\": its 512 KiB"));
}

static void an_overflow_without_words(void)
{
	prepare();
	awl__overflow_describe = (awl__describe_fn *)0;
	run(overflows, 0);
}

static void an_owner_without_words_is_told_by_address(void **state)
{
	(void)state;
	assert_died_by_segv(in_a_child(an_overflow_without_words));
	assert_non_null(strstr(said, "stack overflow in 0x"));
}

static void *overflows_in_a_thread(void *arg)
{
	prepare();
	run(overflows, 0);
	return arg;
}

static void an_overflow_elsewhere(void)
{
	pthread_t t;

	if (pthread_create(&t, NULL, overflows_in_a_thread, NULL) == 0)
		pthread_join(t, NULL);
}

static void an_overflow_in_another_thread_is_reported_too(void **state)
{
	(void)state;
	assert_died_by_segv(in_a_child(an_overflow_elsewhere));
	assert_non_null(strstr(said, "stack overflow in task \"parser\""));
}

/* Compilers and sanitizers know nothing of this address. */
static void touch(char *p)
{
	__asm__ volatile("" : "+r"(p));
	*(volatile char *)p = 1;
}

static void a_touch_of_a_free_guard(void)
{
	struct awl__stack *s;

	prepare();
	if (awl__stack_get(&pool, 0, &s) == 0) {
		awl__stack_put(&pool, s);
		touch(s->low - 100);
	}
}

static void a_guard_of_a_free_stack_is_told_as_such(void **state)
{
	(void)state;
	assert_died_by_segv(in_a_child(a_touch_of_a_free_guard));
	assert_non_null(strstr(said, "a stack nobody uses"));
	assert_null(strstr(said, "overflow"));
}

static void a_stray_touch(void)
{
	struct flow f;

	prepare();
	if (flow_make(&f, &pool, 0, overflows, (void *)"task \"victim\"") == 0)
		touch(f.self.stack->low - 100);
}

static void a_stray_pointer_is_no_overflow(void **state)
{
	(void)state;
	assert_died_by_segv(in_a_child(a_stray_touch));
	assert_non_null(strstr(said, "guard below the stack of task \"victim\" from elsewhere"));
}

/* Faults that are not ours. */

static char *foreign;

static void map_foreign(void)
{
	foreign = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void a_foreign_fault(void)
{
	map_foreign();
	prepare();
	touch(foreign);
}

static void a_foreign_fault_dies_as_before_without_a_word(void **state)
{
	(void)state;
	assert_died_by_segv(in_a_child(a_foreign_fault));
	assert_string_equal(said, "");
}

static void a_sent_signal(void)
{
	prepare();
	raise(SIGSEGV);
}

static void a_signal_that_was_sent_still_kills(void **state)
{
	(void)state;
	assert_died_by_segv(in_a_child(a_sent_signal));
	assert_string_equal(said, "");
}

static void an_ignored_signal(void)
{
	signal(SIGSEGV, SIG_IGN);
	prepare();
	raise(SIGSEGV);
	raise(SIGSEGV);
	_exit(7);
}

static void a_signal_that_was_sent_stays_ignored(void **state)
{
	(void)state;
	assert_exited(in_a_child(an_ignored_signal), 7);
}

static void an_ignored_fault(void)
{
	signal(SIGSEGV, SIG_IGN);
	map_foreign();
	prepare();
	touch(foreign);
}

static void a_fault_cannot_be_ignored(void **state)
{
	(void)state;
	assert_died_by_segv(in_a_child(an_ignored_fault));
}

static volatile int user_calls;

/* Mends the fault, as a garbage collector's barrier does. */
static void users_info(int sig, siginfo_t *info, void *ucontext)
{
	sigset_t now;

	pthread_sigmask(SIG_SETMASK, NULL, &now);
	if (sig != SIGSEGV || info->si_addr != foreign || !ucontext ||
		!sigismember(&now, SIGUSR1) || !sigismember(&now, SIGSEGV))
		_exit(98);
	user_calls++;
	mprotect(foreign, 4096, PROT_READ | PROT_WRITE);
}

static void a_fault_for_the_user(void)
{
	struct sigaction users = { .sa_sigaction = users_info, .sa_flags = SA_SIGINFO };
	sigset_t now;

	sigaddset(&users.sa_mask, SIGUSR1);
	sigaction(SIGSEGV, &users, NULL);
	map_foreign();
	prepare();
	errno = 42;
	touch(foreign);
	pthread_sigmask(SIG_SETMASK, NULL, &now);
	_exit(user_calls == 1 && errno == 42 && !sigismember(&now, SIGUSR1) &&
				!sigismember(&now, SIGSEGV)
			? 7
			: 8);
}

static void a_users_handler_gets_its_faults_whole(void **state)
{
	(void)state;
	assert_exited(in_a_child(a_fault_for_the_user), 7);
	assert_string_equal(said, "");
}

static void users_plain(int sig)
{
	sigset_t now;

	pthread_sigmask(SIG_SETMASK, NULL, &now);
	if (sigismember(&now, SIGSEGV)) /* SA_NODEFER was asked for */
		_exit(98);
	if (user_calls++ || sig != SIGSEGV)
		_exit(97);
	mprotect(foreign, 4096, PROT_READ | PROT_WRITE);
}

static void a_fault_for_a_plain_handler(void)
{
	struct sigaction users = { .sa_handler = users_plain,
		.sa_flags = (int)SA_RESETHAND | SA_NODEFER };

	sigaction(SIGSEGV, &users, NULL);
	map_foreign();
	prepare();
	touch(foreign);
	mprotect(foreign, 4096, PROT_NONE);
	touch(foreign); /* its handler was for once */
}

static void a_plain_handler_for_once_is_called_once(void **state)
{
	(void)state;
	assert_died_by_segv(in_a_child(a_fault_for_a_plain_handler));
}

static sigjmp_buf escape;

static void users_jump(int sig)
{
	siglongjmp(escape, sig);
}

static void an_overflow_for_the_user(void)
{
	signal(SIGSEGV, users_jump);
	prepare();
	if (sigsetjmp(escape, 1) == 0)
		touch(foreign = (char *)64);
	_exit(7);
}

static void a_users_handler_may_jump_away(void **state)
{
	(void)state;
	assert_exited(in_a_child(an_overflow_for_the_user), 7);
}

static void users_exit(int sig)
{
	(void)sig;
	_exit(7);
}

static void an_overflow_with_a_users_handler(void)
{
	signal(SIGSEGV, users_exit);
	prepare();
	run(overflows, 0);
}

static void an_overflow_is_told_and_then_the_users(void **state)
{
	(void)state;
	assert_exited(in_a_child(an_overflow_with_a_users_handler), 7);
	assert_non_null(strstr(said, "stack overflow in task \"parser\""));
}

static bool altstack_is(void *sp)
{
	stack_t now;

	return sigaltstack(NULL, &now) == 0 &&
		(sp ? now.ss_sp == sp : (now.ss_flags & SS_DISABLE) != 0);
}

static void users_altstack(void)
{
	stack_t users = { .ss_size = 1 << 16, .ss_sp = malloc(1 << 16) };

	if (sigaltstack(&users, NULL) < 0)
		_exit(96);
	prepare();
	if (!altstack_is(users.ss_sp))
		_exit(95);
	awl__overflow_thread_end();
	if (!altstack_is(users.ss_sp))
		_exit(94);
	awl__overflow_thread_begin();
	run(overflows, 0);
}

static void a_users_alternate_stack_is_kept_and_used(void **state)
{
	(void)state;
	assert_died_by_segv(in_a_child(users_altstack));
	assert_non_null(strstr(said, "stack overflow in task \"parser\""));
}

static void own_altstack(void)
{
	stack_t users = { .ss_size = 1 << 16, .ss_sp = malloc(1 << 16) };

	for (int i = 0; i < 3; i++) {
		if (awl__overflow_thread_begin() < 0 || altstack_is(NULL))
			_exit(96);
		awl__overflow_thread_end();
		if (!altstack_is(NULL))
			_exit(95);
	}
	/* One that the user put in place of ours is not ours to take away. */
	if (awl__overflow_thread_begin() < 0 || sigaltstack(&users, NULL) < 0)
		_exit(94);
	awl__overflow_thread_end();
	_exit(altstack_is(users.ss_sp) ? 7 : 93);
}

static void our_alternate_stack_goes_when_the_run_ends(void **state)
{
	(void)state;
	assert_exited(in_a_child(own_altstack), 7);
}

/* Slabs come and go in one thread while another looks them up in its handler. */

static atomic_bool enough;

static void *makes_and_frees(void *arg)
{
	while (!awl__load(&enough)) {
		struct awl__stack_pool own = { 0 };
		struct awl__stack *s[3];

		for (int i = 0; i < 3; i++)
			if (awl__stack_get(&own, (size_t)(128 << 10) << i, &s[i]) < 0)
				_exit(96);
		for (int i = 0; i < 3; i++)
			awl__stack_put(&own, s[i]);
		awl__stack_pool_free(&own);
	}
	return arg;
}

static void mends(int sig, siginfo_t *info, void *ucontext)
{
	(void)sig;
	(void)ucontext;
	user_calls++;
	mprotect(info->si_addr, 4096, PROT_READ | PROT_WRITE);
}

static void faults_among_coming_and_going_slabs(void)
{
	struct sigaction users = { .sa_sigaction = mends, .sa_flags = SA_SIGINFO };
	int rounds = RUNNING_ON_VALGRIND ? 200 : 5000;
	pthread_t t[2];

	sigaction(SIGSEGV, &users, NULL);
	map_foreign();
	prepare();
	for (int i = 0; i < 2; i++)
		if (pthread_create(&t[i], NULL, makes_and_frees, NULL))
			_exit(95);
	for (int i = 0; i < rounds; i++) {
		mprotect(foreign, 4096, PROT_NONE);
		touch(foreign);
	}
	awl__store(&enough, true);
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	_exit(user_calls == rounds ? 7 : 8);
}

static void a_fault_may_come_while_slabs_come_and_go(void **state)
{
	(void)state;
	assert_exited(in_a_child(faults_among_coming_and_going_slabs), 7);
	assert_string_equal(said, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_overflow_names_its_owner_and_the_remedy),
		cmocka_unit_test(a_frame_of_20_kB_does_not_step_over_the_guard),
		cmocka_unit_test(a_guard_made_by_mprotect_reports_alike),
		cmocka_unit_test(an_owner_without_words_is_told_by_address),
		cmocka_unit_test(an_overflow_in_another_thread_is_reported_too),
		cmocka_unit_test(a_guard_of_a_free_stack_is_told_as_such),
		cmocka_unit_test(a_stray_pointer_is_no_overflow),
		cmocka_unit_test(a_foreign_fault_dies_as_before_without_a_word),
		cmocka_unit_test(a_signal_that_was_sent_still_kills),
		cmocka_unit_test(a_signal_that_was_sent_stays_ignored),
		cmocka_unit_test(a_fault_cannot_be_ignored),
		cmocka_unit_test(a_users_handler_gets_its_faults_whole),
		cmocka_unit_test(a_plain_handler_for_once_is_called_once),
		cmocka_unit_test(a_users_handler_may_jump_away),
		cmocka_unit_test(an_overflow_is_told_and_then_the_users),
		cmocka_unit_test(a_users_alternate_stack_is_kept_and_used),
		cmocka_unit_test(our_alternate_stack_goes_when_the_run_ends),
		cmocka_unit_test(a_fault_may_come_while_slabs_come_and_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
