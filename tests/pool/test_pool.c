/* SPDX-License-Identifier: MIT */
/*
 * test_pool.c - the pool runs what it is given, takes back what has not begun, and leaves nothing
 * behind. @thread @valgrind
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "pool/pool.h"
#include "reactor/refuse.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* Where a test and its jobs meet. */
struct hall {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	int inside, done;
	bool open;
};

struct task {
	struct awl__job job;
	struct hall *hall;
	int value;
	char name[16];
	sigset_t mask;
};

static void told(struct awl__job *job)
{
	struct task *t = awl__container(job, struct task, job);
	struct hall *h = t->hall;

	pthread_mutex_lock(&h->lock);
	h->done++;
	pthread_cond_broadcast(&h->cond);
	pthread_mutex_unlock(&h->lock);
}

static int look_around(void *arg)
{
	struct task *t = arg;

	pthread_getname_np(pthread_self(), t->name, sizeof t->name);
	pthread_sigmask(SIG_SETMASK, NULL, &t->mask);
	return t->value;
}

static int stand_at_the_door(void *arg)
{
	struct task *t = arg;
	struct hall *h = t->hall;

	pthread_mutex_lock(&h->lock);
	h->inside++;
	pthread_cond_broadcast(&h->cond);
	while (!h->open)
		pthread_cond_wait(&h->cond, &h->lock);
	pthread_mutex_unlock(&h->lock);
	return t->value;
}

static int submit(struct task *t, struct hall *h, int (*fn)(void *), int value)
{
	memset(t, 0, sizeof *t);
	t->hall = h;
	t->value = value;
	t->job = (struct awl__job){ .fn = fn, .arg = t, .done = told };
	return awl__pool_submit(&t->job);
}

static void await(struct hall *h, const int *what, int n)
{
	pthread_mutex_lock(&h->lock);
	while (*what < n)
		pthread_cond_wait(&h->cond, &h->lock);
	pthread_mutex_unlock(&h->lock);
}

static void open_door(struct hall *h)
{
	pthread_mutex_lock(&h->lock);
	h->open = true;
	pthread_cond_broadcast(&h->cond);
	pthread_mutex_unlock(&h->lock);
}

static struct hall hall;

static int begin(void **state)
{
	(void)state;
	hall = (struct hall){ .lock = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER };
	return 0;
}

static int end(void **state)
{
	unsigned threads, idle;

	(void)state;
	awl__pool_drain();
	awl__pool_count(&threads, &idle);
	assert_int_equal(threads, 0);
	return 0;
}

static void every_job_runs_and_tells_its_value(void **state)
{
	static struct task t[200];

	(void)state;
	for (int i = 0; i < (int)COUNT(t); i++)
		assert_int_equal(submit(&t[i], &hall, look_around, i), 0);
	await(&hall, &hall.done, COUNT(t));
	for (int i = 0; i < (int)COUNT(t); i++)
		assert_int_equal(t[i].job.res, i);
}

static bool of_its_own_making(int sig)
{
	return sig == SIGSEGV || sig == SIGBUS || sig == SIGFPE || sig == SIGILL ||
		sig == SIGTRAP || sig == SIGSYS;
}

static void its_threads_have_a_name_and_take_no_signal(void **state)
{
	sigset_t before, after;
	struct task t;

	(void)state;
	pthread_sigmask(SIG_SETMASK, NULL, &before);
	assert_int_equal(submit(&t, &hall, look_around, 0), 0);
	await(&hall, &hall.done, 1);
	assert_string_equal(t.name, "awl-pool");
	for (int sig = 1; sig < 32; sig++)
		if (sig != SIGKILL && sig != SIGSTOP)
			assert_int_equal(sigismember(&t.mask, sig), !of_its_own_making(sig));
	pthread_sigmask(SIG_SETMASK, NULL, &after);
	for (int sig = 1; sig < 32; sig++)
		assert_int_equal(sigismember(&before, sig), sigismember(&after, sig));
}

static void there_are_never_more_threads_than_its_bound(void **state)
{
	static struct task t[64];
	unsigned threads, idle;
	cpu_set_t cpus;
	unsigned max;

	(void)state;
	sched_getaffinity(0, sizeof cpus, &cpus);
	max = (unsigned)CPU_COUNT(&cpus) + 4;
	max = max < 32 ? max : 32;
	for (size_t i = 0; i < COUNT(t); i++)
		assert_int_equal(submit(&t[i], &hall, stand_at_the_door, 0), 0);
	await(&hall, &hall.inside, (int)max);
	awl__pool_count(&threads, &idle);
	assert_int_equal(threads, max);
	assert_int_equal(idle, 0);
	open_door(&hall);
	await(&hall, &hall.done, COUNT(t));
}

static void an_idle_thread_is_used_before_a_new_one_is_made(void **state)
{
	unsigned threads, idle;
	struct task t;

	(void)state;
	for (int i = 0; i < 20; i++) {
		assert_int_equal(submit(&t, &hall, look_around, i), 0);
		await(&hall, &hall.done, i + 1);
		do { /* `done` is called just before the thread is idle */
			sched_yield();
			awl__pool_count(&threads, &idle);
		} while (idle == 0);
		assert_int_equal(threads, 1);
	}
}

static void an_idle_thread_ends_by_itself(void **state)
{
	int64_t usual = atomic_exchange(&awl__pool_idle_ns, 1000);
	unsigned threads, idle;
	struct task t;

	(void)state;
	for (int i = 0; i < 20; i++) { /* each finds none, one, or one about to end */
		assert_int_equal(submit(&t, &hall, look_around, i), 0);
		await(&hall, &hall.done, i + 1);
		assert_int_equal(t.job.res, i);
	}
	do {
		sched_yield();
		awl__pool_count(&threads, &idle);
	} while (threads > 0);
	awl__pool_idle_ns = usual;
}

static void what_has_not_begun_is_taken_back(void **state)
{
	static struct task busy[64], t;
	unsigned threads, idle;

	(void)state;
	for (size_t i = 0; i < COUNT(busy); i++)
		submit(&busy[i], &hall, stand_at_the_door, 0);
	awl__pool_count(&threads, &idle);
	await(&hall, &hall.inside, (int)threads);
	assert_int_equal(submit(&t, &hall, look_around, 1), 0);
	assert_true(awl__pool_cancel(&t.job));
	assert_false(awl__pool_cancel(&busy[0].job));
	assert_true(awl__pool_cancel(&busy[COUNT(busy) - 1].job));
	open_door(&hall);
	await(&hall, &hall.done, COUNT(busy) - 1);
	awl__pool_drain();
	assert_int_equal(hall.done, COUNT(busy) - 1);
}

/* Half of the jobs are taken back while the pool takes the others: each has one of two ends. */
static void a_job_runs_or_is_taken_back_never_both(void **state)
{
	static struct task t[500];
	int withdrawn = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++) {
		assert_int_equal(submit(&t[i], &hall, look_around, 0), 0);
		if (i % 2 && awl__pool_cancel(&t[i - 1].job))
			withdrawn++;
	}
	await(&hall, &hall.done, (int)COUNT(t) - withdrawn);
	awl__pool_drain();
	assert_int_equal(hall.done + withdrawn, COUNT(t));
}

#if !AWL__TSAN /* whose threads do not survive fork */
static void a_forked_child_has_a_pool_of_its_own(void **state)
{
	struct task busy, t;
	unsigned threads, idle;
	int status;
	pid_t pid;

	(void)state;
	assert_int_equal(submit(&busy, &hall, stand_at_the_door, 0), 0);
	await(&hall, &hall.inside, 1);
	pid = fork();
	if (pid == 0) {
		struct hall own = { .lock = PTHREAD_MUTEX_INITIALIZER,
			.cond = PTHREAD_COND_INITIALIZER };

		awl__pool_count(&threads, &idle);
		if (threads != 0 || submit(&t, &own, look_around, 5) < 0)
			_exit(1);
		await(&own, &own.done, 1);
		awl__pool_drain();
		_exit(t.job.res == 5 ? 0 : 2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	open_door(&hall);
	await(&hall, &hall.done, 1);
}

#endif

#if !AWL__ASAN && !AWL__TSAN /* which want threads of their own */
static int submit_without_threads(void *arg)
{
	struct task t;

	(void)arg;
	if (refuse(SYS_clone3, EAGAIN) < 0 || refuse(SYS_clone, EAGAIN) < 0)
		return 3;
	return submit(&t, &hall, look_around, 0) == -EAGAIN ? 0 : 1;
}

static void no_thread_to_be_had_is_an_error(void **state)
{
	(void)state;
	assert_int_equal(in_child(submit_without_threads, NULL), 0);
}

#endif

static int faults;

static int fault(void)
{
	faults++;
	return 1;
}

static void no_memory_is_an_error(void **state)
{
	struct task t;
	int err;

	(void)state;
	awl__alloc_fault = fault;
	err = submit(&t, &hall, look_around, 0);
	awl__alloc_fault = (int (*)(void))0;
	assert_int_equal(err, -ENOMEM);
	assert_int_equal(faults, 1);
	assert_int_equal(submit(&t, &hall, look_around, 3), 0);
	await(&hall, &hall.done, 1);
	assert_int_equal(t.job.res, 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_job_runs_and_tells_its_value),
		TEST(its_threads_have_a_name_and_take_no_signal),
		TEST(there_are_never_more_threads_than_its_bound),
		TEST(an_idle_thread_is_used_before_a_new_one_is_made),
		TEST(an_idle_thread_ends_by_itself),
		TEST(what_has_not_begun_is_taken_back),
		TEST(a_job_runs_or_is_taken_back_never_both),
#if !AWL__TSAN
		TEST(a_forked_child_has_a_pool_of_its_own),
#endif
#if !AWL__ASAN && !AWL__TSAN
		TEST(no_thread_to_be_had_is_an_error),
#endif
		TEST(no_memory_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
