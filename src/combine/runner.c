/* SPDX-License-Identifier: MIT */
/*
 * runner.c - several runs on one loop, and what Ctrl-C does meanwhile.
 *
 * The first SIGINT restores the default disposition, so that the second ends the process even where
 * the loop's thread is stuck, and leaves a handle in the loop, which cancels the main task there.
 */
#include "base/alloc.h"
#include "task/local.h"
#include "task/task.h"

#include <awl/runner.h>

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

enum {
	OPEN,
	CLOSED,
};

struct run {
	struct awl__main main;
	awl_runner *runner;
	struct awl__extra *extra; /* the main task's, so that its beginning cannot fail */
	struct sigaction before;
	bool handles_sigint;
};

/* There is one main thread, and one run in it: SIGINT's is a process-wide matter. */
static _Atomic(awl_loop *) sigint_loop;
static _Atomic uint32_t in_handler;
static awl_runner *sigint_runner;
static awl_handle sigint_handle = AWL_HANDLE_INIT;

static int cancel_main(void *arg)
{
	awl_runner *r = sigint_runner;

	(void)arg;
	if (r && r->_main) {
		r->_interrupted = 1;
		awl__future_cancel(r->_main, "SIGINT");
	}
	return 0;
}

/* In whatever thread the kernel chose. */
static void on_sigint(int sig)
{
	struct sigaction plain = { .sa_handler = SIG_DFL };
	int saved = errno;
	awl_loop *l;

	sigaction(sig, &plain, NULL);
	awl__add(&in_handler, 1);
	l = awl__load_acquire(&sigint_loop);
	if (l && awl_call_soon_threadsafe(l, cancel_main, NULL, &sigint_handle) < 0)
		(void)0; /* the loop is closed: nothing is left to cancel */
	awl__sub_acq_rel(&in_handler, 1);
	errno = saved;
}

static void catch_sigint(struct run *run)
{
	struct sigaction catch = { .sa_handler = on_sigint, .sa_flags = SA_RESTART };

	if (run->runner->leave_sigint || getpid() != gettid() ||
		sigaction(SIGINT, NULL, &run->before) < 0 || (run->before.sa_flags & SA_SIGINFO) ||
		run->before.sa_handler != SIG_DFL)
		return;
	sigint_runner = run->runner;
	awl__store_release(&sigint_loop, run->runner->_loop);
	sigemptyset(&catch.sa_mask);
	run->handles_sigint = sigaction(SIGINT, &catch, NULL) == 0;
}

static void release_sigint(struct run *run)
{
	struct sigaction now;

	if (!run->handles_sigint)
		return;
	/* The program may have taken the signal for itself meanwhile. */
	if (sigaction(SIGINT, NULL, &now) == 0 && now.sa_handler == on_sigint)
		sigaction(SIGINT, &run->before, NULL);
	awl__store_release(&sigint_loop, NULL);
	while (awl__load_acquire(&in_handler))
		sched_yield(); /* another thread is just sending the handle */
	awl_handle_cancel(&sigint_handle);
	sigint_runner = NULL;
}

static void begun(struct awl__main *m, awl_task *task)
{
	struct run *run = awl__container(m, struct run, main);
	struct awl__task *t = (struct awl__task *)task;
	awl_runner *r = run->runner;

	r->_main = task;
	r->_interrupted = 0;
	if (t->extra)
		awl__free(run->extra); /* by a task factory's options */
	else
		t->extra = run->extra;
	run->extra = NULL;
	t->extra->locals = r->_locals;
	t->extra->heir = &r->_locals;
	r->_locals = NULL;
	catch_sigint(run);
}

static int ended(struct awl__main *m, awl_task *task, int outcome)
{
	struct run *run = awl__container(m, struct run, main);
	struct awl__task *t = (struct awl__task *)task;
	awl_runner *r = run->runner;

	release_sigint(run);
	r->_main = NULL;
	if (!awl__is_done(task)) {
		t->extra->heir = NULL; /* stopped: it runs on later */
		return outcome;
	}
	/* Somebody else's request besides ours makes it an ordinary cancel. */
	if (outcome == AWL_EFUTURECANCELED && r->_interrupted && t->cancelling <= 1)
		return awl__fail(-EINTR, "awl_runner_run: SIGINT cancelled the main task");
	return outcome;
}

static int ready(awl_runner *r, const char *call)
{
	if (r->_state == CLOSED)
		return awl__fail(AWL_ECLOSED, "%s: this runner is closed", call);
	return r->_loop ? 0 : awl_loop_new(&r->loop, &r->_loop);
}

int awl_runner_run(awl_runner *r, awl_fn *fn, void *arg)
{
	static struct awl__call call = { __func__, "awl_run_coroutine_threadsafe", 0, 0 };
	struct run run = { .main = { begun, ended }, .runner = r };
	int err;

	AWL__NOT_NULL(r);
	AWL__NOT_NULL(fn);
	err = ready(r, __func__);
	if (err < 0)
		return err;
	run.extra = awl__alloc_zero(sizeof *run.extra);
	if (!run.extra)
		return -ENOMEM;
	err = awl__loop_run_main(r->_loop, fn, arg, &run.main, &call);
	awl__free(run.extra); /* where it was refused */
	return err;
}

int awl_runner_get_loop(awl_runner *r, awl_loop **ret)
{
	int err;

	AWL__NOT_NULL(r);
	AWL__NOT_NULL(ret);
	err = ready(r, __func__);
	if (err < 0)
		return err;
	AWL__CLAIM(r->_loop, "awl_runner_get_loop before the run");
	*ret = r->_loop;
	return 0;
}

int awl_runner_close(awl_runner *r)
{
	static struct awl__call call = { __func__,
		"awl_call_soon_threadsafe with a callback that stops it, then awl_runner_close", 0,
		0 };
	int err;

	AWL__NOT_NULL(r);
	if (r->_state == CLOSED)
		return 0;
	if (r->_loop) {
		err = awl__loop_close_within(r->_loop,
			r->shutdown_timeout > 0 ? r->shutdown_timeout : AWL_FOREVER, &call);
		if (err < 0)
			return err;
	}
	awl__locals_unref(r->_locals);
	awl_loop_unref(r->_loop);
	r->_locals = NULL;
	r->_loop = NULL;
	r->_state = CLOSED;
	return 0;
}
