/* SPDX-License-Identifier: MIT */
/*
 * coro.h - the smallest stackful runtime that is still one: a switch that keeps the callee-saved
 * registers and the two control words, a FIFO ready list, task headers and stacks on free lists. A
 * task that waits switches straight to the next ready one; one that ends hands its warm stack to
 * the next if that has not begun.
 *
 * Left out, and what a library pays for over this: who may call (owner), cancellation, scopes,
 * timers, a bound on unfairness, callbacks, errors, guards, reports, what a debugger or an
 * inspector reads, and everything that sleeps - when nothing is ready it falls over.
 */
#ifndef FLOOR_CORO_H
#define FLOOR_CORO_H

#include "bench.h"

#include <sys/mman.h>

#define STACK_SLOT (256u << 10)
#define SLAB_STACKS 256
#define SLAB_TASKS 256

struct task {
	void *sp; /* where it waits; NULL: not begun */
	struct task *next;
	struct task *joiner;
	struct stack *stack;
	int (*fn)(void *arg);
	void *arg;
	int result;
	bool done, detached;
};

struct stack { /* lies at the top of its slot, in the page a task touches first */
	struct stack *next;
	void *pad;
};

static struct task main_task; /* the thread itself, on its own stack */
static _Thread_local struct {
	struct task *current, *first, *last, *free_tasks;
	struct stack *free_stacks;
} rt = { .current = &main_task };

void floor_switch(void **save, void *to);
_Noreturn void floor_jump(void *to);
/* MXCSR's low six bits are status and change all the time: only control bits count. */
__asm__("	.text\n"
	"	.type floor_switch, @function\n"
	"floor_switch:\n"
	"	pushq %rbp\n"
	"	pushq %rbx\n"
	"	pushq %r12\n"
	"	pushq %r13\n"
	"	pushq %r14\n"
	"	pushq %r15\n"
	"	subq $8, %rsp\n"
	"	stmxcsr (%rsp)\n"
	"	fnstcw 4(%rsp)\n"
	"	movl (%rsp), %eax\n"
	"	movzwl 4(%rsp), %ecx\n"
	"	movq %rsp, (%rdi)\n"
	"	movq %rsi, %rsp\n"
	"	xorl (%rsp), %eax\n"
	"	testl $0xffc0, %eax\n"
	"	jnz 3f\n"
	"1:	cmpw %cx, 4(%rsp)\n"
	"	jne 4f\n"
	"2:	addq $8, %rsp\n"
	"	popq %r15\n"
	"	popq %r14\n"
	"	popq %r13\n"
	"	popq %r12\n"
	"	popq %rbx\n"
	"	popq %rbp\n"
	"	ret\n"
	"3:	ldmxcsr (%rsp)\n"
	"	jmp 1b\n"
	"4:	fldcw 4(%rsp)\n"
	"	jmp 2b\n"
	"	.size floor_switch, . - floor_switch\n"
	"	.type floor_jump, @function\n"
	"floor_jump:\n"
	"	subq $8, %rsp\n"
	"	stmxcsr (%rsp)\n"
	"	fnstcw 4(%rsp)\n"
	"	movl (%rsp), %eax\n"
	"	movzwl 4(%rsp), %ecx\n"
	"	movq %rdi, %rsp\n"
	"	xorl (%rsp), %eax\n"
	"	testl $0xffc0, %eax\n"
	"	jnz 3b\n"
	"	jmp 1b\n"
	"	.size floor_jump, . - floor_jump\n");

static inline void ready_push(struct task *t)
{
	t->next = NULL;
	if (rt.first)
		rt.last->next = t;
	else
		rt.first = t;
	rt.last = t;
}

static inline struct task *ready_pop(void)
{
	struct task *t = rt.first;

	rt.first = t->next;
	return t;
}

static __attribute__((noinline)) void stack_slab(void)
{
	size_t size = (size_t)SLAB_STACKS * STACK_SLOT;
	char *slab = mmap(NULL, size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	bench_check(slab != MAP_FAILED);
	madvise(slab, size, MADV_NOHUGEPAGE);
	for (char *end = slab + size; end > slab; end -= STACK_SLOT) {
		struct stack *s = (struct stack *)end - 1;

		s->next = rt.free_stacks;
		rt.free_stacks = s;
	}
}

static inline struct stack *stack_get(void)
{
	struct stack *s;

	if (!rt.free_stacks)
		stack_slab();
	s = rt.free_stacks;
	rt.free_stacks = s->next;
	return s;
}

static inline void stack_put(struct stack *s)
{
	s->next = rt.free_stacks;
	rt.free_stacks = s;
}

static __attribute__((noinline)) void task_slab(void)
{
	struct task *slab = calloc(SLAB_TASKS, sizeof(*slab));

	bench_check(slab);
	for (int i = SLAB_TASKS; i-- > 0;) {
		slab[i].next = rt.free_tasks;
		rt.free_tasks = &slab[i];
	}
}

static inline void task_free(struct task *t)
{
	t->next = rt.free_tasks;
	rt.free_tasks = t;
}

static inline struct task *task_spawn(int (*fn)(void *arg), void *arg)
{
	struct task *t;

	if (!rt.free_tasks)
		task_slab();
	t = rt.free_tasks;
	rt.free_tasks = t->next;
	t->sp = NULL;
	t->joiner = NULL;
	t->fn = fn;
	t->arg = arg;
	t->done = t->detached = false;
	ready_push(t);
	return t;
}

/* Every stack begins here; it serves one task after another while the next has not begun. */
static _Noreturn void task_entry(void)
{
	for (;;) {
		struct task *t = rt.current, *next;
		struct stack *s = t->stack;

		t->result = t->fn(t->arg);
		t->done = true;
		if (t->joiner)
			ready_push(t->joiner);
		if (t->detached)
			task_free(t);
		next = ready_pop();
		rt.current = next;
		if (next->sp) {
			stack_put(s);
			floor_jump(next->sp);
		}
		next->stack = s;
	}
}

struct frame { /* what floor_switch finds on a stack */
	uint32_t mxcsr;
	uint16_t fcw, pad;
	void *saved[6];
	void (*ret)(void);
	void *none; /* keeps the alignment a call would leave */
};

static inline void task_begin(struct task *t)
{
	struct stack *s = stack_get();
	struct frame *f = (struct frame *)s - 1;

	f->mxcsr = 0x1f80;
	f->fcw = 0x037f;
	f->saved[5] = NULL; /* rbp: a walk ends here */
	f->ret = task_entry;
	f->none = NULL;
	t->stack = s;
	t->sp = f;
}

/* The running task waits until somebody pushes it. */
static inline void task_park(void)
{
	struct task *self = rt.current, *next = ready_pop();

	if (!next->sp)
		task_begin(next);
	rt.current = next;
	floor_switch(&self->sp, next->sp);
}

static inline void task_yield(void)
{
	if (!rt.first)
		return;
	ready_push(rt.current);
	task_park();
}

static inline int task_join(struct task *t)
{
	int result;

	if (!t->done) {
		t->joiner = rt.current;
		task_park();
	}
	result = t->result;
	task_free(t);
	return result;
}

#endif
