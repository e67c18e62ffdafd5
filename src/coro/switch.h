/* SPDX-License-Identifier: MIT */
/*
 * switch.h - from one stack to another: the machine's part (one .S file an architecture) and the
 * sanitizers' notes around it.
 *
 * A context keeps what a C function may expect of a call: the callee-saved registers, and the
 * control words of MXCSR and x87, so that a rounding mode is private. Thread-local storage, signal
 * mask and errno are the thread's; a context goes on in the thread it began in.
 *
 * Rules that come with a stack of one's own:
 *
 * - C++ exceptions work within a context, with waits in the frames they pass. Nothing unwinds past
 *   its entry: there std::terminate is called. No switch inside a catch block, nor in a destructor
 *   that an exception runs: the list of caught exceptions is the thread's, and another context
 *   would pop ours. Leave the block first, with a std::exception_ptr if need be.
 * - longjmp goes up in its own context only, as it goes up in its own thread only.
 * - pthread_exit, and a cancellation acted upon, unwind no frame beyond the entry and end the
 *   thread with every other context in it. Who switches keeps PTHREAD_CANCEL_DISABLE meanwhile; a
 *   request then waits until the thread is back on its own stack and asks again.
 */
#ifndef AWL__SWITCH_H
#define AWL__SWITCH_H

#include "base/base.h"
#include "coro/stack.h"

#if AWL__ASAN
#include <sanitizer/common_interface_defs.h>
#endif
#if AWL__TSAN
#include <sanitizer/tsan_interface.h>
#endif

/* Where a suspended flow of control waits: a task's, or a thread's own. */
struct awl__context {
	void *sp;
	struct awl__stack *stack; /* NULL: the thread's own */
#if AWL__ASAN
	void *fake_stack;
	const void *thread_low; /* of the thread's own stack */
	size_t thread_size;
#endif
#if AWL__TSAN
	void *thread_fiber;
#endif
};

/* The machine's part. A word is MXCSR and, above it, the x87 control word. */
void awl__switch(void **save_sp, void *to_sp);
void awl__switch_last(void *to_sp); /* never comes back */
void *awl__switch_frame(void *high, void (*entry)(void), uint64_t words);
uint64_t awl__switch_words(void);
void awl__switch_set_words(uint64_t words);
void *awl__fault_sp(const void *ucontext); /* where the stack was, for a signal handler */
void *awl__fault_pc(const void *ucontext); /* and what ran */

/* The control words a context begins with: the thread's, as awl__context_of_thread found them. */
extern _Thread_local uint64_t awl__context_words;

/* The thread's own context, before the first switch away from it. */
void awl__context_of_thread(struct awl__context *c);

/*
 * c will begin with entry(), on stack s. Its first act is awl__context_entered; it never returns. A
 * debugger's walk ends there.
 */
static inline void awl__context_make(
	struct awl__context *c, struct awl__stack *s, void (*entry)(void))
{
	c->stack = s;
	c->sp = awl__switch_frame(s->high, entry, awl__context_words);
}

/*
 * Tells the sanitizers where we go, just before; `fake` is where AddressSanitizer keeps our fake
 * stack, NULL where the flow ends. ThreadSanitizer synchronises with the switch (flag 0): contexts
 * of one thread follow each other, they do not race. Always inline: a function entered on one fiber
 * and left on another would put both shadow stacks out of step.
 */
AWL__INLINE void awl__context_leave(struct awl__context *to, void **fake)
{
	(void)to;
	(void)fake;
#if AWL__ASAN
	if (to->stack)
		__sanitizer_start_switch_fiber(
			fake, to->stack->low, (size_t)(to->stack->high - to->stack->low));
	else
		__sanitizer_start_switch_fiber(fake, to->thread_low, to->thread_size);
#endif
#if AWL__TSAN
	__tsan_switch_to_fiber(to->stack ? to->stack->tsan_fiber : to->thread_fiber, 0);
#endif
}

/* In an entry function, before anything else. */
static inline void awl__context_entered(struct awl__context *self)
{
	(void)self;
#if AWL__ASAN
	__sanitizer_finish_switch_fiber(NULL, NULL, NULL);
#endif
}

/* `from` waits here until somebody switches to it; `to` goes on. */
AWL__INLINE void awl__context_switch(struct awl__context *from, struct awl__context *to)
{
#if AWL__ASAN
	awl__context_leave(to, &from->fake_stack);
#else
	awl__context_leave(to, NULL);
#endif
	awl__switch(&from->sp, to->sp);
#if AWL__ASAN
	__sanitizer_finish_switch_fiber(from->fake_stack, NULL, NULL);
#endif
}

/* `from` ends here, its stack perhaps on the free list already; `to` goes on. */
AWL__INLINE _Noreturn void awl__context_exit(struct awl__context *from, struct awl__context *to)
{
	(void)from;
	awl__context_leave(to, NULL);
	awl__switch_last(to->sp);
	__builtin_unreachable();
}

/*
 * Where a flow serves one task after another on the same stack: the next one begins with the
 * thread's control words, not with what the last one left.
 */
static inline void awl__context_renew(void)
{
	awl__switch_set_words(awl__context_words);
}

#endif
