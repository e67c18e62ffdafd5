/* SPDX-License-Identifier: MIT */
/*
 * test_switch.c - a context keeps what is its own across switches, and nothing else.
 * @thread @valgrind
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "flow.h"

#include <fenv.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

static struct awl__stack_pool pool;
static struct awl__context thread;

static int begin(void **state)
{
	(void)state;
	awl__context_of_thread(&thread);
	return 0;
}

static int end(void **state)
{
	(void)state;
	assert_int_equal(pool.in_use, 0);
	awl__stack_pool_free(&pool);
	return 0;
}

static void make(struct flow *f, void (*fn)(struct flow *f), void *arg)
{
	assert_int_equal(flow_make(f, &pool, 0, fn, arg), 0);
}

static void finish(struct flow *f)
{
	while (!f->done)
		flow_resume(f, &thread);
	assert_int_equal(f->failures, 0);
}

/* Both in turns. */
static void finish_two(struct flow f[2])
{
	while (!f[0].done || !f[1].done)
		for (int i = 0; i < 2; i++)
			if (!f[i].done)
				flow_resume(&f[i], &thread);
	assert_int_equal(f[0].failures + f[1].failures, 0);
}

#if defined(__x86_64__)
/* Calls fn(arg) with pattern + 0..5 in the callee-saved registers; how many it finds changed. */
int with_registers(void (*fn)(void *arg), void *arg, uint64_t pattern);
__asm__("	.text\n"
	"	.type with_registers, @function\n"
	"with_registers:\n"
	"	pushq %rbp; pushq %rbx; pushq %r12; pushq %r13; pushq %r14; pushq %r15\n"
	"	pushq %rdx\n"
	"	leaq 0(%rdx), %rbx; leaq 1(%rdx), %rbp; leaq 2(%rdx), %r12\n"
	"	leaq 3(%rdx), %r13; leaq 4(%rdx), %r14; leaq 5(%rdx), %r15\n"
	"	movq %rdi, %rax; movq %rsi, %rdi\n"
	"	call *%rax\n"
	"	popq %rdx\n"
	"	xorl %eax, %eax; xorl %ecx, %ecx\n"
	"	cmpq %rbx, %rdx; setne %cl; addl %ecx, %eax; incq %rdx\n"
	"	cmpq %rbp, %rdx; setne %cl; addl %ecx, %eax; incq %rdx\n"
	"	cmpq %r12, %rdx; setne %cl; addl %ecx, %eax; incq %rdx\n"
	"	cmpq %r13, %rdx; setne %cl; addl %ecx, %eax; incq %rdx\n"
	"	cmpq %r14, %rdx; setne %cl; addl %ecx, %eax; incq %rdx\n"
	"	cmpq %r15, %rdx; setne %cl; addl %ecx, %eax\n"
	"	popq %r15; popq %r14; popq %r13; popq %r12; popq %rbx; popq %rbp\n"
	"	ret\n"
	"	.size with_registers, . - with_registers\n");

static void yields(void *arg)
{
	for (int i = 0; i < 10; i++)
		flow_yield(arg);
}

static void holds_registers(struct flow *f)
{
	uint64_t *pattern = f->arg;

	*pattern = (uint64_t)with_registers(yields, f, *pattern);
}

static void every_callee_saved_register_is_kept(void **state)
{
	struct flow f[2];
	uint64_t pattern[2] = { 0x1111111111111100, 0x2222222222222200 };

	(void)state;
	make(&f[0], holds_registers, &pattern[0]);
	make(&f[1], holds_registers, &pattern[1]);
	finish_two(f);
	assert_int_equal(pattern[0], 0);
	assert_int_equal(pattern[1], 0);
}

static uint32_t mxcsr(void)
{
	return (uint32_t)awl__switch_words();
}

static uint16_t x87(void)
{
	return (uint16_t)(awl__switch_words() >> 32);
}

static void rounds_upward(struct flow *f)
{
	fesetround(FE_UPWARD);
	for (int i = 0; i < 3; i++) {
		flow_yield(f);
		flow_check(f, (mxcsr() & 0x6000) == 0x4000);
		flow_check(f, (x87() & 0x0c00) == 0x0800);
	}
}

static void a_rounding_mode_is_private_to_its_context(void **state)
{
	struct flow f;

	(void)state;
	make(&f, rounds_upward, NULL);
	while (!f.done) {
		flow_resume(&f, &thread);
		assert_int_equal(mxcsr() & 0x6000, 0);
		assert_int_equal(x87() & 0x0c00, 0);
	}
	assert_int_equal(f.failures, 0);
}

/* Valgrind models the rounding modes of the two words and no other bit. */
static void needs_the_real_processor(void)
{
	if (RUNNING_ON_VALGRIND)
		skip();
}

/* Either word alone: MXCSR's and the x87's are compared apart. */
static void sets_one_word(struct flow *f)
{
	uint64_t mine = awl__switch_words() ^ *(const uint64_t *)f->arg;

	awl__switch_set_words(mine);
	for (int i = 0; i < 3; i++) {
		flow_yield(f);
		flow_check(f, awl__switch_words() == mine);
	}
}

static void each_control_word_is_kept_alone(void **state)
{
	const uint64_t changes[] = { 0x8000, 0x40, UINT64_C(0x0300) << 32 };
	struct flow f;

	(void)state;
	needs_the_real_processor();
	for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
		uint64_t ours = awl__switch_words();

		make(&f, sets_one_word, (void *)&changes[i]);
		while (!f.done) {
			flow_resume(&f, &thread);
			assert_true(awl__switch_words() == ours);
		}
		assert_int_equal(f.failures, 0);
	}
}

static void raises_inexact(struct flow *f)
{
	volatile float three = 3;

	(void)f;
	three = 1 / three;
}

/* Had MXCSR been reloaded, the flag would be gone: a reload costs twenty switches. */
static void a_status_flag_costs_no_reload(void **state)
{
	struct flow f;

	(void)state;
	needs_the_real_processor();
	make(&f, raises_inexact, NULL);
	feclearexcept(FE_ALL_EXCEPT);
	flow_resume(&f, &thread);
	assert_true(f.done);
	assert_int_equal(mxcsr() & 0x20, 0x20);
	feclearexcept(FE_ALL_EXCEPT);
}

static void notes_words(struct flow *f)
{
	*(uint64_t *)f->arg = awl__switch_words();
}

static void a_context_begins_with_the_control_words_of_its_thread(void **state)
{
	struct flow f;
	uint64_t seen = 0;

	(void)state;
	feclearexcept(FE_ALL_EXCEPT);
	fesetround(FE_DOWNWARD); /* of its maker, but not when the run began */
	make(&f, notes_words, &seen);
	flow_resume(&f, &thread);
	assert_int_equal(mxcsr() & 0x6000, 0x2000);
	assert_int_equal(seen & 0x6000, 0);
	assert_int_equal(seen >> 32 & 0x0c00, 0);
	awl__context_renew();
	assert_int_equal(mxcsr() & 0x6000, 0);
	assert_int_equal(x87() & 0x0c00, 0);
}
#endif

static unsigned descend(struct flow *f, unsigned depth)
{
	volatile unsigned char frame[900];
	unsigned sum;

	memset((void *)frame, (int)(depth & 0xff), sizeof frame);
	if (depth % 16 == 0)
		flow_yield(f);
	sum = depth ? descend(f, depth - 1) : 0;
	for (size_t i = 0; i < sizeof frame; i += 100)
		flow_check(f, frame[i] == (depth & 0xff));
	return sum + depth;
}

static void goes_deep(struct flow *f)
{
	*(unsigned *)f->arg = descend(f, 100);
}

static void a_deep_stack_survives_switches_at_every_depth(void **state)
{
	struct flow f[2];
	unsigned sum[2] = { 0 };

	(void)state;
	make(&f[0], goes_deep, &sum[0]);
	make(&f[1], goes_deep, &sum[1]);
	finish_two(f);
	assert_int_equal(sum[0], 5050);
	assert_int_equal(sum[1], 5050);
}

static void counts(struct flow *f)
{
	for (int i = 0; i < 3; i++) {
		++*(int *)f->arg;
		flow_yield(f);
	}
}

static void ten_thousand_contexts_take_turns(void **state)
{
	int many = flow_many(), turns = 0;
	struct flow *f = test_calloc((size_t)many, sizeof *f);

	(void)state;
	for (int i = 0; i < many; i++)
		make(&f[i], counts, &turns);
	for (int turn = 1; turn <= 4; turn++) {
		for (int i = 0; i < many; i++)
			flow_resume(&f[i], &thread);
		assert_int_equal(turns, (turn < 4 ? turn : 3) * many);
	}
	for (int i = 0; i < many; i++)
		assert_true(f[i].done);
	assert_int_equal(pool.in_use, 0);
	test_free(f);
}

/* More lives than a sanitizer's shadow call stack has entries. */
static void one_stack_serves_a_hundred_thousand_flows(void **state)
{
	int lives = RUNNING_ON_VALGRIND ? 5000 : 100000, turns = 0;
	struct flow f;

	(void)state;
	for (int i = 0; i < lives; i++) {
		make(&f, counts, &turns);
		finish(&f);
	}
	assert_int_equal(turns, 3 * lives);
	assert_int_equal(pool.made, 1);
}

static void finds_alignment(struct flow *f)
{
	_Alignas(16) volatile char at;

	*(uintptr_t *)f->arg = (uintptr_t)__builtin_frame_address(0) % 16;
	at = 0;
	(void)at;
}

static void the_stack_is_aligned_as_the_abi_says(void **state)
{
	struct flow f[10];

	(void)state;
	for (int i = 0; i < 10; i++) { /* stacks of every colour */
		uintptr_t rest = 1;

		make(&f[i], finds_alignment, &rest);
		assert_int_equal((uintptr_t)f[i].self.stack->high % 64, 0);
		finish(&f[i]);
		assert_int_equal(rest, 0);
	}
}

static void jumps(struct flow *f)
{
	jmp_buf again;
	volatile int times = 0;

	if (setjmp(again) < 3) {
		times++;
		flow_yield(f);
		longjmp(again, times);
	}
	*(int *)f->arg = times;
}

static void longjmp_works_within_a_context(void **state)
{
	struct flow f[2];
	int times[2] = { 0 };

	(void)state;
	make(&f[0], jumps, &times[0]);
	make(&f[1], jumps, &times[1]);
	finish_two(f);
	assert_int_equal(times[0], 3);
	assert_int_equal(times[1], 3);
}

struct cancelled {
	struct awl__stack_pool pool;
	struct flow flow;
	bool came_back, cleaned;
};

static void is_asked_to_die(struct flow *f)
{
	(void)f;
	pthread_cancel(pthread_self());
	pthread_testcancel();
	(void)!write(-1, "", 0); /* a cancellation point */
}

static void cleans(void *arg)
{
	((struct cancelled *)arg)->cleaned = true;
}

static void *runs_a_flow(void *arg)
{
	struct cancelled *c = arg;
	struct awl__context self;
	int before;

	awl__context_of_thread(&self);
	pthread_cleanup_push(cleans, c);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
	if (flow_make(&c->flow, &c->pool, 0, is_asked_to_die, NULL) == 0) {
		flow_resume(&c->flow, &self);
		c->came_back = c->flow.done;
	}
	awl__stack_pool_free(&c->pool);
	pthread_setcancelstate(before, NULL);
	pthread_testcancel();
	pthread_cleanup_pop(0);
	return NULL;
}

static void a_cancelled_thread_dies_on_its_own_stack(void **state)
{
	struct cancelled c = { 0 };
	pthread_t t;
	void *result;

	(void)state;
	assert_int_equal(pthread_create(&t, NULL, runs_a_flow, &c), 0);
	assert_int_equal(pthread_join(t, &result), 0);
	assert_true(c.came_back);
	assert_true(c.cleaned);
	assert_ptr_equal(result, PTHREAD_CANCELED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
#if defined(__x86_64__)
		TEST(every_callee_saved_register_is_kept),
		TEST(a_rounding_mode_is_private_to_its_context),
		TEST(each_control_word_is_kept_alone),
		TEST(a_status_flag_costs_no_reload),
		TEST(a_context_begins_with_the_control_words_of_its_thread),
#endif
		TEST(a_deep_stack_survives_switches_at_every_depth),
		TEST(ten_thousand_contexts_take_turns),
		TEST(one_stack_serves_a_hundred_thousand_flows),
		TEST(the_stack_is_aligned_as_the_abi_says),
		TEST(longjmp_works_within_a_context),
		TEST(a_cancelled_thread_dies_on_its_own_stack),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
