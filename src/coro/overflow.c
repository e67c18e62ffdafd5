/* SPDX-License-Identifier: MIT */
/*
 * overflow.c - a stack that overflows says whose it was before the process dies of it.
 *
 * The handler runs in whatever thread faulted, in the middle of anything: it takes no lock,
 * allocates nothing and prints with write(2) alone. What is none of our business it passes on as if
 * it had never been there.
 */
#include "base/alloc.h"
#include "base/report.h"
#include "coro/slab.h"
#include "coro/switch.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define ALTSTACK_SIZE ((size_t)64 << 10)

awl__describe_fn *_Atomic awl__overflow_describe;

static struct sigaction previous;
static atomic_flag previous_spent = ATOMIC_FLAG_INIT;
static _Thread_local void *altstack;

struct line {
	size_t len;
	char text[512];
};

static void words(struct line *l, const char *s)
{
	while (*s && l->len < sizeof l->text)
		l->text[l->len++] = *s++;
}

static void number(struct line *l, uintptr_t n, unsigned base)
{
	char digits[24];
	size_t at = sizeof digits;

	digits[--at] = 0;
	do {
		digits[--at] = "0123456789abcdef"[n % base];
	} while (n /= base);
	words(l, digits + at);
}

static void whose(struct line *l, void *owner)
{
	awl__describe_fn *describe = awl__load_acquire(&awl__overflow_describe);
	size_t room = sizeof l->text / 2, n = 0;

	if (describe)
		n = describe(owner, l->text + l->len, room);
	l->len += n < room ? n : room;
	if (n == 0) {
		words(l, "0x");
		number(l, (uintptr_t)owner, 16);
	}
}

static void report(const struct awl__stack *s, const char *address, const char *sp)
{
	struct line l = { 0 };
	void *owner = awl__load(&s->owner);

	words(&l, "awl: ");
	if (!owner) {
		words(&l, "a touch of the guard of a stack nobody uses");
	} else if (sp >= s->low - AWL__STACK_GUARD && sp <= s->high) {
		words(&l, "stack overflow in ");
		whose(&l, owner);
		words(&l, ": its ");
		number(&l, awl__stack_slot(s) >> 10, 10);
		words(&l, " KiB (64 of them guard) are used up; give the task a larger stack");
	} else {
		words(&l, "a touch of the guard below the stack of ");
		whose(&l, owner);
		words(&l, " from elsewhere: a stray pointer, or a frame larger than the guard");
	}
	words(&l, " (address 0x");
	number(&l, (uintptr_t)address, 16);
	words(&l, ")");
	if (l.len == sizeof l.text)
		l.len--;
	l.text[l.len++] = '\n';
	if (write(STDERR_FILENO, l.text, l.len) < 0)
		return; /* stderr is closed: there is nobody to tell */
}

static void pass_on(int sig, siginfo_t *info, void *ucontext)
{
	bool sent = info->si_code <= 0; /* by kill and its kin: it will not come again by itself */
	bool plain = !(previous.sa_flags & SA_SIGINFO);
	sigset_t self;

	if (plain && previous.sa_handler == SIG_IGN && sent)
		return;
	if ((plain && (previous.sa_handler == SIG_DFL || previous.sa_handler == SIG_IGN)) ||
		(previous.sa_flags & (int)SA_RESETHAND &&
			atomic_flag_test_and_set(&previous_spent))) {
		/* Back to the instruction: it faults again, and the kernel does the rest, with
		 * the registers of the fault in the core. */
		struct sigaction none = { .sa_handler = SIG_DFL };

		sigaction(sig, &none, NULL);
		if (sent)
			raise(sig);
		return;
	}
	pthread_sigmask(SIG_BLOCK, &previous.sa_mask, NULL);
	if (previous.sa_flags & SA_NODEFER && !sigismember(&previous.sa_mask, sig)) {
		sigemptyset(&self);
		sigaddset(&self, sig);
		pthread_sigmask(SIG_UNBLOCK, &self, NULL);
	}
	if (plain)
		previous.sa_handler(sig);
	else
		previous.sa_sigaction(sig, info, ucontext);
}

static void on_fault(int sig, siginfo_t *info, void *ucontext)
{
	int err = errno;

	if (info->si_code > 0) {
		const struct awl__stack *s;

		awl__slab_read_begin();
		s = awl__slab_guarded(info->si_addr);
		if (s)
			report(s, info->si_addr, awl__fault_sp(ucontext));
		awl__slab_read_end();
	}
	errno = err;
	pass_on(sig, info, ucontext);
	errno = err;
}

static int installed;

static void install(void)
{
	struct sigaction ours = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK };

	/* Known before ours can run: another thread may fault between the two calls. */
	if (sigaction(SIGSEGV, NULL, &previous) < 0 || sigaction(SIGSEGV, &ours, NULL) < 0)
		installed = -errno;
}

int awl__overflow_install(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, install);
	return installed;
}

static size_t altstack_size(void)
{
	long least = sysconf(_SC_SIGSTKSZ); /* grows with the registers the processor has */

	return least > (long)ALTSTACK_SIZE ? (size_t)least : ALTSTACK_SIZE;
}

int awl__overflow_thread_begin(void)
{
	stack_t now, ours = { .ss_size = altstack_size() };

	if (sigaltstack(NULL, &now) < 0)
		return -errno;
	if (!(now.ss_flags & SS_DISABLE))
		return 0;
	ours.ss_sp = awl__map(ours.ss_size, PROT_READ | PROT_WRITE, MAP_STACK);
	if (!ours.ss_sp)
		return awl__fail(-ENOMEM, "no memory for an alternate signal stack");
	if (sigaltstack(&ours, NULL) < 0) {
		int err = errno;

		awl__unmap(ours.ss_sp, ours.ss_size);
		return -err;
	}
	altstack = ours.ss_sp;
	return 0;
}

void awl__overflow_thread_end(void)
{
	stack_t now, none = { .ss_flags = SS_DISABLE };

	if (!altstack)
		return;
	if (sigaltstack(NULL, &now) == 0 && now.ss_sp == altstack)
		sigaltstack(&none, NULL);
	awl__unmap(altstack, altstack_size());
	altstack = NULL;
}
