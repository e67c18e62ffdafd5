/* SPDX-License-Identifier: MIT */
/*
 * test_signal.c - what a signal handler may call: awl_call_soon_threadsafe with a handle, and the
 * questions that any thread may ask a loop. Sent at every single instruction of the loop's own
 * work, and while it sleeps.
 *
 * @reactors @thread
 */
#include "threads.h"

#include <poll.h>
#include <signal.h>
#include <sys/time.h>

static struct {
	awl_loop *loop;
	awl_handle handle;
	_Atomic long sent, seen, runs, refused;
} mail;

static int collects(void *arg)
{
	mail.runs++;
	mail.seen = mail.sent;
	return 0;
}

/* Everything on the list. */
static void on_signal(int number)
{
	int kept = errno;

	if (!mail.loop)
		return;
	mail.sent++;
	if (awl_call_soon_threadsafe(mail.loop, collects, NULL, &mail.handle) != 0)
		mail.refused++;
	if (awl_loop_is_closed(mail.loop) != 0 || awl_loop_is_running(mail.loop) < 0 ||
		awl_loop_time(mail.loop) < 0)
		mail.refused++;
	if (errno != kept)
		mail.refused++; /* none of them changes errno */
}

static void catch (int number, int flags)
{
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = flags };

	sigemptyset(&sa.sa_mask);
	assert_int_equal(sigaction(number, &sa, NULL), 0);
}

static void begin_mail(awl_loop *l)
{
	mail.handle = (awl_handle)AWL_HANDLE_INIT;
	mail.sent = mail.seen = mail.runs = mail.refused = 0;
	mail.loop = l;
}

/* Nothing that was sent is unseen: the last send was followed by a call. */
static void all_seen(void)
{
	while (mail.seen != mail.sent)
		expect(awl_yield() == 0);
	expect(mail.refused == 0);
	expect(mail.runs > 0);
}

static int nothing(void *arg)
{
	return 0;
}

static int yields(void *arg)
{
	return awl_yield();
}

static int waits(void *arg)
{
	return awl_await(arg);
}

/* Something of everything that a loop does in its own thread. */
static int works(awl_loop *l)
{
	awl_handle soon = AWL_HANDLE_INIT, timer = AWL_HANDLE_INIT;
	awl_future *f;
	awl_task *t;
	awl_timeout limit;
	int r;

	r = awl_loop_call_soon(l, nothing, NULL, &soon);
	r |= awl_loop_call_later(l, AWL_SEC, nothing, NULL, &timer);
	r |= awl_loop_create_future(l, 0, &f);
	r |= awl_create_task(waits, f, &t);
	r |= awl_create_task(yields, NULL, NULL);
	if (r < 0)
		return r;
	expect(awl_call_soon_threadsafe(l, nothing, NULL, NULL) == 0);
	expect(awl_yield() == 0);
	expect(awl_handle_cancel(&timer) == 1);
	expect(awl_handle_cancel(&mail.handle) >=
		0); /* taken back: its sender counts on the next */
	expect(awl_call_soon_threadsafe(l, collects, NULL, &mail.handle) == 0);
	awl_timeout_enter(&limit, AWL_SEC);
	/* sim's clock stands while there is something to do, and here there always is. */
	expect(awl_timeout_exit(&limit, is_sim(l) ? awl_yield() : awl_sleep(AWL_US)) == 0);
	expect(awl_future_set_result(f, 5) == 0);
	expect(awl_await(t) == 5);
	awl_unref(t);
	awl_unref(f);
	return 0;
}

#if defined(__x86_64__) && !AWL__TSAN
/* The processor's trap flag: SIGTRAP after each instruction. The handler itself is not trapped. */
static void step(bool on)
{
	if (on)
		__asm__ volatile("sub $128, %%rsp\n\tpushfq\n\torq $0x100, (%%rsp)\n\tpopfq\n\t"
				 "lea 128(%%rsp), %%rsp" ::
					 : "memory", "cc");
	else
		__asm__ volatile("sub $128, %%rsp\n\tpushfq\n\tandq $~0x100, (%%rsp)\n\tpopfq\n\t"
				 "lea 128(%%rsp), %%rsp" ::
					 : "memory", "cc");
}

static int at_every_instruction(void *arg)
{
	int r = 0;

	for (int i = 0; i < 3 && r == 0; i++) { /* cold, then warm */
		step(true);
		r = works(mail.loop);
		step(false);
		all_seen();
	}
	return r;
}

static void a_signal_at_every_instruction_of_the_loops_own_calls_is_harmless(void **state)
{
	awl_loop *l = new_loop(NULL);

	catch (SIGTRAP, 0);
	begin_mail(l);
	assert_int_equal(awl_loop_run_until_complete(l, at_every_instruction, NULL), 0);
	mail.loop = NULL;
	signal(SIGTRAP, SIG_DFL);
	end_loop(l);
	print_message("# %ld signals, %ld calls\n", mail.sent, mail.runs);
	assert_in_range(mail.sent, 3000, INT32_MAX);
	settle();
}
#else
static void a_signal_at_every_instruction_of_the_loops_own_calls_is_harmless(void **state)
{
	skip(); /* the trap flag is x86's, and ThreadSanitizer delivers signals late */
}
#endif

/* --- an interval timer ----------------------------------------------------------------------- */

static int under_fire(void *arg)
{
	int r = 0;

	while (mail.sent < *(long *)arg && r == 0)
		r = works(mail.loop);
	return r;
}

static int sees_all(void *arg)
{
	all_seen();
	return 0;
}

static void signals_out_of_the_blue_are_neither_lost_nor_harmful(void **state)
{
	struct itimerval often = { { 0, 50 }, { 0, 50 } }, never = { { 0, 0 }, { 0, 0 } };
	awl_loop *l = new_loop(NULL);
	long many = rounds() / 20;

	begin_mail(l);
	catch (SIGALRM, 0); /* not SA_RESTART: the kernel's waits are interrupted, too */
	assert_int_equal(setitimer(ITIMER_REAL, &often, NULL), 0);
	assert_int_equal(awl_loop_run_until_complete(l, under_fire, &many), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
	assert_int_equal(awl_loop_run_until_complete(l, sees_all, NULL), 0);
	mail.loop = NULL;
	signal(SIGALRM, SIG_DFL);
	end_loop(l);
	print_message("# %ld signals, %ld calls\n", mail.sent, mail.runs);
	settle();
}

/* --- a loop that sleeps ---------------------------------------------------------------------- */

/* Each signal finds the loop asleep or just falling asleep, in its own thread or in another. */
static void wakes(bool own)
{
	struct runner r;
	long n = rounds() / 4;

	runner_start(&r);
	begin_mail(r.loop);
	catch (SIGUSR1, SA_RESTART);
	for (long i = 1; i <= n; i++) {
		assert_int_equal(pthread_kill(own ? r.thread : pthread_self(), SIGUSR1), 0);
		for (long spins = 1; mail.seen < i; spins++)
			if (spins % 256 == 0)
				sched_yield();
	}
	mail.loop = NULL;
	signal(SIGUSR1, SIG_DFL);
	assert_int_equal(mail.refused, 0);
	runner_stop(&r);
	settle();
}

static void a_handler_in_another_thread_wakes_a_loop_that_sleeps(void **state)
{
	wakes(false);
}

static void a_handler_that_interrupts_the_loops_sleep_wakes_it(void **state)
{
	wakes(true);
}

static void a_handle_sent_by_a_handler_is_sent_once_while_it_is_queued(void **state)
{
	awl_loop *l = new_loop(NULL);

	begin_mail(l);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(
			awl_call_soon_threadsafe(mail.loop, collects, NULL, &mail.handle), 0);
	assert_int_equal(awl_loop_run_until_complete(l, yields, NULL), 0);
	assert_int_equal(mail.runs, 1);
	mail.loop = NULL;
	end_loop(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_signal_at_every_instruction_of_the_loops_own_calls_is_harmless),
		cmocka_unit_test(signals_out_of_the_blue_are_neither_lost_nor_harmful),
		cmocka_unit_test(a_handler_in_another_thread_wakes_a_loop_that_sleeps),
		cmocka_unit_test(a_handler_that_interrupts_the_loops_sleep_wakes_it),
		cmocka_unit_test(a_handle_sent_by_a_handler_is_sent_once_while_it_is_queued),
	};

	return cmocka_run_group_tests_name("thread.signal", tests, NULL, NULL);
}
