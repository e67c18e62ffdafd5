/* SPDX-License-Identifier: MIT */
/*
 * watchdog.c - one thread a process that looks at the running loops a few times a limit: a step
 * that does not end is told of while it happens, a loop that would sleep for ever is asked to tell
 * its tasks, and SIGQUIT is answered. Loops do nothing for it; it rests when all of them sleep.
 *
 * What it reads of a loop the loop's thread may be writing: a count that moves, and words that
 * stand still while the loop sleeps. A wrong look costs one tick.
 */
#include "loop/watchdog.h"
#include "base/fork.h"
#include "base/clock.h"

#include <execinfo.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TICK_LEAST AWL_MS
#define TICK_MOST (25 * AWL_MS)
#define REST_AFTER AWL_SEC /* of sleep of all loops */
#define STUCK_AFTER (250 * AWL_MS) /* of sleep without anything to wait for */
#define TELL_EVERY AWL_SEC
#define ANSWER_WITHIN (200 * AWL_MS)
#define FRAMES 24

#if AWL__TSAN && defined(__clang__)
#define LOOKS_UNLOCKED __attribute__((no_sanitize("thread")))
#else
#define LOOKS_UNLOCKED
#endif

_Atomic uint32_t awl__watch_rests;
_Atomic uint64_t awl__watch_verdicts;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct awl__list running = { &running, &running };
static const struct awl__loop_hooks *above;
static uint64_t watched_process; /* whose thread it is: a fork's child has none */
static int own_tid;
static _Atomic bool dump_asked;

static long futex(_Atomic uint32_t *word, int op, uint32_t value, int64_t ns)
{
	struct timespec ts = { .tv_sec = ns / AWL_SEC, .tv_nsec = ns % AWL_SEC };

	return syscall(
		SYS_futex, word, op | FUTEX_PRIVATE_FLAG, value, ns == AWL_FOREVER ? NULL : &ts);
}

/* Also from a signal handler. */
void awl__watch_rouse(void)
{
	int kept = errno;

	if (awl__exchange(&awl__watch_rests, 0))
		futex(&awl__watch_rests, FUTEX_WAKE, 1, 0);
	errno = kept;
}

/* --- the question to a thread that does not come back ------------------------------------- */

enum {
	NOTHING,
	ASKED,
	ANSWERING,
	ANSWERED,
};

static struct {
	_Atomic uint32_t state;
	awl_loop *loop;
	uint64_t moves;
	const void *pc;
	awl_fn *callback; /* NULL: a task, if `who` is not "" */
	char who[96];
	int count;
	void *frames[FRAMES];
} question;

static int question_signal;

LOOKS_UNLOCKED static uint64_t moves_of(const awl_loop *l)
{
	return *(const volatile uint64_t *)&l->steps + *(const volatile uint64_t *)&l->iterations;
}

/* In the thread that is asked, in the middle of anything: takes no lock, allocates nothing. */
static void answer(void *ucontext)
{
	const awl_loop *l = awl__thread->running;
	awl__describe_fn *describe = awl__load_acquire(&awl__overflow_describe);
	size_t len = 0;

	question.count = 0;
	question.callback = NULL;
	if (l == question.loop && moves_of(l) == question.moves) {
		if (l->current && describe)
			len = describe(l->current, question.who, sizeof question.who - 1);
		else
			question.callback = l->callback_fn;
		question.pc = awl__fault_pc(ucontext);
		question.count = backtrace(question.frames, FRAMES);
	}
	question.who[len] = 0;
}

static void pass_on(int sig)
{
	struct sigaction none = { .sa_handler = SIG_DFL };

	sigaction(sig, &none, NULL); /* that is what was there before us */
	raise(sig);
}

static void on_question(int sig, siginfo_t *info, void *ucontext)
{
	uint32_t asked = ASKED;
	int kept = errno;

	if (info->si_code != SI_QUEUE || info->si_value.sival_ptr != (void *)&question) {
		pass_on(sig);
		return;
	}
	if (awl__cas(&question.state, &asked, ANSWERING)) {
		answer(ucontext);
		awl__store_release(&question.state, ANSWERED);
		futex(&question.state, FUTEX_WAKE, 1, 0);
	}
	errno = kept;
}

static bool is_free(int sig)
{
	struct sigaction now;

	return sigaction(sig, NULL, &now) == 0 && !(now.sa_flags & SA_SIGINFO) &&
		now.sa_handler == SIG_DFL;
}

/* A real-time signal that nobody has taken, from the last one down. */
static void take_signal(void)
{
	struct sigaction ours = { .sa_sigaction = on_question,
		.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART };
	void *frame;

	for (int sig = SIGRTMAX - 1; sig > SIGRTMIN && !question_signal; sig--)
		if (is_free(sig) && sigaction(sig, &ours, NULL) == 0)
			question_signal = sig;
	backtrace(&frame, 1); /* loads the unwinder: not in the handler */
}

/* Asks the loop's thread where it is; false: no answer, for it blocks signals, or is gone. */
static bool ask(awl_loop *l, uint64_t moves, pid_t tid)
{
	siginfo_t info = { .si_code = SI_QUEUE, .si_pid = getpid(), .si_uid = getuid() };
	uint32_t asked = ASKED;
	int64_t until = awl__clock_now() + ANSWER_WITHIN;

	if (!question_signal)
		return false;
	info.si_value.sival_ptr = &question;
	question.loop = l;
	question.moves = moves;
	awl__store_release(&question.state, ASKED);
	if (syscall(SYS_rt_tgsigqueueinfo, getpid(), tid, question_signal, &info) < 0)
		return false;
	while (awl__load_acquire(&question.state) != ANSWERED) {
		int64_t left = until - awl__clock_now();
		uint32_t state = awl__load(&question.state);

		if (left <= 0 && awl__cas(&question.state, &asked, NOTHING))
			return false;
		if (state != ANSWERED)
			futex(&question.state, FUTEX_WAIT, state, left > 0 ? left : TICK_LEAST);
		asked = ASKED;
	}
	awl__store(&question.state, NOTHING);
	return true;
}

/* --- slow steps --------------------------------------------------------------------------- */

/* What one look has found, to be told without the lock: a logger may make loops. */
struct finding {
	awl_loop *loop; /* slow now; it may end meanwhile, and is not looked into */
	uint64_t moves;
	pid_t tid;
	int64_t took;
	unsigned untold;
	char name[48];
	char ended[96]; /* one that was slow; "": none */
	int64_t ended_took;
	char who[96]; /* the answer */
};

static void stack_words(char *words, size_t room)
{
	size_t len = 0;
	char name[128];
	int from = 0;

	words[0] = 0;
	while (from < question.count && question.frames[from] != question.pc)
		from++;
	if (from == question.count)
		from = question.count > 2 ? 2 : 0; /* the handler, and the way into it */
	for (int i = from; i < question.count && len < room - sizeof name - 4; i++)
		len += (size_t)snprintf(words + len, room - len, "%s%s", i > from ? " < " : "",
			awl__place(question.frames[i], name, sizeof name));
}

static void tell_slow(struct finding *f)
{
	char stack[700], callback[96], before[48] = "";
	bool answered = ask(f->loop, f->moves, f->tid);

	if (answered && !question.count)
		return; /* it has moved on just now */
	if (answered)
		stack_words(stack, sizeof stack);
	if (!answered)
		snprintf(f->who, sizeof f->who, "a task or callback");
	else if (*question.who)
		snprintf(f->who, sizeof f->who, "%s", question.who);
	else if (question.callback)
		snprintf(f->who, sizeof f->who, "callback %s",
			awl__symbol((const void *)(uintptr_t)question.callback, callback,
				sizeof callback));
	else
		snprintf(f->who, sizeof f->who, "a done callback or handler");
	if (f->untold)
		snprintf(before, sizeof before, " (and %u more since the last report)", f->untold);
	awl__report(AWL_LOG_WARNING,
		"%s of loop %p%s has not yielded for %lld ms%s: %s%s; call awl_checkpoint in long "
		"computations, and what blocks in a thread",
		f->who, (void *)f->loop, f->name, (long long)(f->took / AWL_MS), before,
		answered ? "it is in " : "its thread does not answer signals",
		answered ? stack : "");
}

/* --- the look ----------------------------------------------------------------------------- */

LOOKS_UNLOCKED static bool waits_for_nothing(const awl_loop *l)
{
	return l->timers.count == 0 && l->reactor->in_flight == 0 &&
		awl__load(&l->reactor->held) == 0;
}

LOOKS_UNLOCKED static bool is_asleep(awl_loop *l)
{
	return awl__load_acquire(&l->inbox.top) == AWL__INBOX_ARMED;
}

/* It sleeps, and will sleep for ever: whether anything outside can help decides what is said. */
static void open_stuck(awl_loop *l, struct awl__parcel *p)
{
	(void)p;
	if (l->closed || l->arrived || !awl__inbox_empty(&l->inbox) ||
		!awl__list_empty(&l->ready) || !waits_for_nothing(l))
		return;
	l->hooks->stuck(l, l->watched.certain);
}

LOOKS_UNLOCKED static void judge_stuck(awl_loop *l, struct awl__watched *w)
{
	bool certain;

	if (w->stuck_at == l->steps + 1 || !waits_for_nothing(l))
		return;
	w->stuck_at = l->steps + 1;
	certain = awl__nothing_can_wake(l, own_tid);
	awl__add(&awl__watch_verdicts, 1);
	if (!certain && !l->debug)
		return;
	w->certain = certain;
	w->answer.open = open_stuck;
	if (awl__inbox_push(&l->inbox, &w->answer) == 1)
		awl__reactor_wake(l->reactor);
}

static void note_end(struct awl__watched *w, bool debug, struct finding *f)
{
	if (w->told && debug) {
		memcpy(f->ended, w->who, sizeof f->ended);
		f->ended_took = w->still;
	}
	w->slow = w->told = false;
}

LOOKS_UNLOCKED static void note_slow(
	awl_loop *l, struct awl__watched *w, int64_t now, struct finding *f)
{
	w->slow = true;
	if (w->told_at && now - w->told_at < TELL_EVERY) {
		w->untold++;
		return;
	}
	f->loop = l;
	f->moves = w->moves;
	f->tid = (pid_t)awl__load(&l->runner_tid);
	f->took = w->still;
	f->untold = w->untold;
	snprintf(f->name, sizeof f->name, "%s%.32s%s", *l->name ? " (" : "", l->name,
		*l->name ? ")" : "");
	w->untold = 0;
	w->told = true;
	w->told_at = now;
}

/* `passed`: since the last look, but not while the whole process stood still. True: it sleeps, and
 * has long slept. */
LOOKS_UNLOCKED static bool look_at(awl_loop *l, int64_t now, int64_t passed, struct finding *f)
{
	struct awl__watched *w = &l->watched;
	uint64_t moves = moves_of(l);
	bool asleep = is_asleep(l);

	if (moves != w->moves || asleep != w->asleep) {
		if (w->slow)
			note_end(w, l->debug, f);
		w->moves = moves;
		w->asleep = asleep;
		w->still = 0;
		return false;
	}
	w->still += passed;
	if (asleep) {
		if (w->still >= STUCK_AFTER)
			judge_stuck(l, w);
	} else if (!w->slow && !f->loop && w->still >= awl__load(&l->slow)) {
		note_slow(l, w, now, f);
	}
	return asleep && w->still >= REST_AFTER;
}

static awl_loop *loop_at(struct awl__list *node)
{
	return awl__container(node, awl_loop, watched.link);
}

/* Keeps the answer for the report of its end, if it has not ended. */
static void keep_who(const struct finding *f)
{
	pthread_mutex_lock(&lock);
	awl__list_each (node, &running)
		if (loop_at(node) == f->loop)
			memcpy(loop_at(node)->watched.who, f->who, sizeof f->who);
	pthread_mutex_unlock(&lock);
}

/* True: nothing to watch for now. */
static bool look(int64_t *last, int64_t *tick)
{
	struct finding f = { .loop = NULL };
	int64_t now = awl__clock_now();
	int64_t passed = now - *last < 2 * *tick ? now - *last : 2 * *tick;
	bool rest = true;

	*last = now;
	*tick = TICK_MOST;
	pthread_mutex_lock(&lock);
	awl__list_each (node, &running) {
		awl_loop *l = loop_at(node);
		int64_t quarter = awl__load(&l->slow) / 4;

		rest = look_at(l, now, passed, &f) && rest;
		if (quarter < *tick)
			*tick = quarter < TICK_LEAST ? TICK_LEAST : quarter;
	}
	pthread_mutex_unlock(&lock);
	if (*f.ended)
		awl__report(AWL_LOG_WARNING, "%s has yielded, after about %lld ms", f.ended,
			(long long)(f.ended_took / AWL_MS));
	if (f.loop) {
		tell_slow(&f);
		keep_who(&f);
	}
	return rest && !f.loop;
}

/* A loop that wakes either sees that we rest, or is seen here to be awake or to have moved. */
static void rest(void)
{
	bool all = true;

	awl__exchange(&awl__watch_rests, 1);
	atomic_thread_fence(memory_order_seq_cst);
	pthread_mutex_lock(&lock);
	awl__list_each (node, &running)
		all = all && is_asleep(loop_at(node)) &&
			moves_of(loop_at(node)) == loop_at(node)->watched.moves;
	pthread_mutex_unlock(&lock);
	if (all && !awl__load(&dump_asked))
		futex(&awl__watch_rests, FUTEX_WAIT, 1, AWL_FOREVER);
	awl__exchange(&awl__watch_rests, 0);
}

static void *watch(void *arg)
{
	static _Atomic uint32_t never;
	int64_t last = awl__clock_now(), tick = TICK_LEAST;

	(void)arg;
	pthread_setname_np(pthread_self(), "awl-watchdog");
	own_tid = gettid();
	for (;;) {
		if (awl__exchange(&dump_asked, false))
			above->dump(STDERR_FILENO);
		if (look(&last, &tick)) {
			rest();
			last = awl__clock_now();
		} else {
			futex(&never, FUTEX_WAIT, 0, tick);
		}
	}
	return NULL;
}

/* --- its life ----------------------------------------------------------------------------- */

AWL__HELD_OVER_FORK(lock)

/* The thread is the parent's, and so are the loops. */
static void in_child(void)
{
	awl__list_each_safe (node, &running)
		awl__list_take(node);
	awl__store(&awl__watch_rests, 0);
	pthread_mutex_unlock(&lock);
}

__attribute__((constructor)) static void watch_forks(void)
{
	pthread_atfork(before_fork, after_fork, in_child);
}

/* With the lock held. A process that can have no thread more does without. */
static int start(const struct awl__loop_hooks *hooks)
{
	sigset_t all, old;
	pthread_attr_t attr;
	pthread_t thread;
	int err;

	if (watched_process == awl__process())
		return 0;
	above = hooks;
	if (!question_signal)
		take_signal();
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&thread, &attr, watch, NULL);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	if (err == 0)
		watched_process = awl__process();
	return -err;
}

static bool is_wanted(void)
{
	const char *text = secure_getenv("AWL_WATCHDOG");

	return !text || strcmp(text, "0") != 0;
}

void awl__watch_begin(awl_loop *l)
{
	l->watched = (struct awl__watched){ .moves = moves_of(l) };
	pthread_mutex_lock(&lock);
	awl__list_push(&running, &l->watched.link);
	if (awl__unlikely(watched_process != l->process) && is_wanted())
		start(l->hooks);
	pthread_mutex_unlock(&lock);
	awl__watch_wakes();
}

void awl__watch_end(awl_loop *l)
{
	pthread_mutex_lock(&lock);
	awl__list_take(&l->watched.link);
	pthread_mutex_unlock(&lock);
}

/* --- SIGQUIT ------------------------------------------------------------------------------ */

static struct sigaction quit_before;

/* Whoever had the signal before us, if that was a function, has it too. */
static void on_quit(int sig, siginfo_t *info, void *ucontext)
{
	awl__store(&dump_asked, true);
	awl__watch_rouse();
	if (quit_before.sa_flags & SA_SIGINFO)
		quit_before.sa_sigaction(sig, info, ucontext);
	else if (quit_before.sa_handler != SIG_DFL && quit_before.sa_handler != SIG_IGN)
		quit_before.sa_handler(sig);
}

int awl__watch_quit(const struct awl__loop_hooks *hooks)
{
	struct sigaction now,
		ours = { .sa_sigaction = on_quit,
			.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART };
	int r;

	pthread_mutex_lock(&lock);
	r = start(hooks);
	if (r == 0 && sigaction(SIGQUIT, NULL, &now) == 0 && now.sa_sigaction != on_quit) {
		quit_before = now; /* known before ours can run */
		r = sigaction(SIGQUIT, &ours, NULL) < 0 ? -errno : 0;
	}
	pthread_mutex_unlock(&lock);
	return r;
}

bool awl__watch_handles(void (*handler)(int, siginfo_t *, void *))
{
	return handler == on_question || handler == on_quit;
}
