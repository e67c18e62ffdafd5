/* SPDX-License-Identifier: MIT */
/*
 * test_stack.c - the pool: sizes, reuse, guards of both kinds, trimming, and what is left when
 * there is no memory. @thread @valgrind
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "coro/guard.h"
#include "flow.h"

#include <awl/errors.h>
#include <awl/system.h>

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define KIB(n) ((size_t)(n) << 10)

static struct awl__stack_pool pool;
static struct awl__context thread;
static size_t page;

static int begin(void **state)
{
	(void)state;
	page = (size_t)getpagesize();
	awl__context_of_thread(&thread);
	return 0;
}

static int end(void **state)
{
	(void)state;
	awl__guard_force_mprotect = false;
	awl__guard_mprotect = mprotect;
	assert_int_equal(pool.in_use, 0);
	awl__stack_pool_free(&pool);
	return 0;
}

static struct awl__stack *get(size_t size)
{
	struct awl__stack *s;

	assert_int_equal(awl__stack_get(&pool, size, &s), 0);
	return s;
}

/* Whether the kernel itself may read this byte: no signal, whatever the answer. */
static bool readable(const char *p)
{
	int fds[2];
	bool yes;

	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
		return false;
	yes = write(fds[1], p, 1) == 1;
	close(fds[0]);
	close(fds[1]);
	return yes;
}

/* The permissions of the mapping that holds p, as /proc/self/maps has them. */
static bool mapped_as(const char *p, const char *permissions)
{
	FILE *f = fopen("/proc/self/maps", "re");
	char line[512], found[8];
	uintptr_t low, high;
	bool yes = false;

	while (f && fgets(line, sizeof line, f))
		if (sscanf(line, "%lx-%lx %7s", &low, &high, found) == 3 && (uintptr_t)p >= low &&
			(uintptr_t)p < high)
			yes = strcmp(found, permissions) == 0;
	if (f)
		fclose(f);
	return yes;
}

/* Runs fn in a child; true if it returned true. */
static bool in_a_child(bool (*fn)(void))
{
	int status;
	pid_t child = fork();

	if (child == 0)
		_exit(fn() ? 0 : 1);
	return waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool guarded(const struct awl__stack *s)
{
	for (const char *p = s->low - AWL__STACK_GUARD; p < s->low; p += page)
		if (readable(p) || readable(p + page - 1))
			return false;
	return readable(s->low);
}

static void the_stack_put_back_last_comes_first(void **state)
{
	struct awl__stack *s[3];

	(void)state;
	for (int i = 0; i < 3; i++)
		s[i] = get(0);
	awl__stack_put(&pool, s[1]);
	awl__stack_put(&pool, s[0]);
	awl__stack_put(&pool, s[2]);
	assert_ptr_equal(get(0), s[2]);
	assert_ptr_equal(get(0), s[0]);
	assert_ptr_equal(get(0), s[1]);
	assert_int_equal(pool.made, 3);
	for (int i = 0; i < 3; i++)
		awl__stack_put(&pool, s[i]);
}

static void a_stack_in_use_is_nobody_elses(void **state)
{
	enum { MANY = 600 }; /* three slabs */
	struct awl__stack *s[MANY];

	(void)state;
	for (int i = 0; i < MANY; i++) {
		s[i] = get(0);
		memset(s[i]->high - 64, i & 0xff, 64);
	}
	for (int i = 0; i < MANY; i++) {
		assert_int_equal((unsigned char)s[i]->high[-1], i & 0xff);
		assert_int_equal((unsigned char)s[i]->high[-64], i & 0xff);
		awl__stack_put(&pool, s[i]);
	}
	assert_int_equal(pool.made, MANY);
}

static void a_size_is_rounded_up_to_a_power_of_two(void **state)
{
	const struct {
		size_t asked, slot;
	} sizes[] = {
		{ 0, KIB(256) },
		{ 1, KIB(128) },
		{ KIB(128), KIB(128) },
		{ KIB(128) + 1, KIB(256) },
		{ KIB(256), KIB(256) },
		{ KIB(300), KIB(512) },
		{ KIB(1024), KIB(1024) },
		{ KIB(64 << 10), KIB(64 << 10) },
		{ KIB(64 << 10) + 1, KIB(128 << 10) },
		{ AWL__STACK_MAX, AWL__STACK_MAX },
	};

	(void)state;
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		struct awl__stack *s = get(sizes[i].asked);
		size_t usable = (size_t)(s->high - s->low);

		assert_in_range(usable, sizes[i].slot - AWL__STACK_GUARD - page,
			sizes[i].slot - AWL__STACK_GUARD);
		assert_true(guarded(s));
		s->low[0] = s->high[-1] = 1;
		awl__stack_put(&pool, s);
		assert_ptr_equal(get(sizes[i].asked), s);
		awl__stack_put(&pool, s);
	}
}

static void a_size_beyond_the_largest_is_refused(void **state)
{
	struct awl__stack *s = (void *)&pool;

	(void)state;
	assert_int_equal(awl__stack_get(&pool, AWL__STACK_MAX + 1, &s), -EINVAL);
	assert_int_equal(awl__stack_get(&pool, SIZE_MAX, &s), -EINVAL);
	assert_ptr_equal(s, &pool);
	assert_string_not_equal(awl_error_detail(-EINVAL), "");
}

static void every_stack_has_sixteen_pages_of_guard(void **state)
{
	struct awl__stack *s[20];

	(void)state;
	for (int i = 0; i < 20; i++)
		s[i] = get(0);
	for (int i = 0; i < 20; i++) {
		assert_true(guarded(s[i]));
		awl__stack_put(&pool, s[i]);
	}
}

static void without_cheap_guards_mprotect_makes_them(void **state)
{
	struct awl__stack *s;

	(void)state;
	awl__guard_force_mprotect = true;
	s = get(0);
	assert_true(guarded(s));
	assert_true(mapped_as(s->low - 1, "---p"));
	assert_true(mapped_as(s->low, "rw-p"));
	awl__stack_put(&pool, s);
}

static bool guards_under_seccomp(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_madvise, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 102, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = { sizeof code / sizeof *code, code };
	struct awl__stack *s;

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
		prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0 &&
		awl__stack_get(&pool, 0, &s) == 0 && guarded(s) && mapped_as(s->low - 1, "---p");
}

/* The first test: what the kernel can is found out once a process, and a child would inherit it. */
static void an_older_kernel_gets_its_guards_by_mprotect(void **state)
{
	(void)state;
	if (RUNNING_ON_VALGRIND)
		skip();
	assert_true(in_a_child(guards_under_seccomp));
}

static int mprotect_left;

static int limited_mprotect(void *p, size_t size, int prot)
{
	if (mprotect_left-- > 0)
		return mprotect(p, size, prot);
	errno = ENOMEM;
	return -1;
}

static void when_mappings_run_out_the_limit_is_named(void **state)
{
	struct awl__stack *s[5], *none = NULL;

	(void)state;
	awl__guard_force_mprotect = true;
	awl__guard_mprotect = limited_mprotect;
	mprotect_left = 5;
	for (int i = 0; i < 5; i++)
		s[i] = get(0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(awl__stack_get(&pool, 0, &none), -ENOMEM);
		assert_null(none);
		assert_non_null(strstr(awl_error_detail(-ENOMEM), "vm.max_map_count"));
	}
	assert_int_equal(pool.in_use, 5);
	mprotect_left = 1; /* the slot that could not be guarded is the next to be tried */
	none = get(0);
	assert_true(guarded(none));
	awl__stack_put(&pool, none);
	for (int i = 0; i < 5; i++)
		awl__stack_put(&pool, s[i]);
}

/* No hook here: each guard splits a mapping until the kernel says no. */
static bool exhausts_mappings(void)
{
	FILE *f = fopen("/proc/sys/vm/max_map_count", "re");
	struct awl__stack *s;
	long limit = 0, stacks = 0;
	int err;

	if (!f || fscanf(f, "%ld", &limit) != 1)
		return false;
	fclose(f);
	awl__guard_force_mprotect = true;
	while (stacks < limit && (err = awl__stack_get(&pool, 0, &s)) == 0)
		stacks++;
	/* A report of ours that needs no mapping. */
	return err == -ENOMEM && stacks > limit / 2 - 1000 &&
		strstr(awl_error_detail(-ENOMEM), "vm.max_map_count");
}

static void the_real_limit_of_mappings_is_an_error_like_any_other(void **state)
{
	(void)state;
	if (AWL__ASAN || AWL__TSAN || RUNNING_ON_VALGRIND)
		skip(); /* they need mappings of their own */
	assert_true(in_a_child(exhausts_mappings));
}

static void parks(struct flow *f)
{
	flow_yield(f);
}

static void a_parked_flow_touches_one_page(void **state)
{
	struct flow f[9];

	(void)state;
	if (AWL__ASAN || AWL__TSAN)
		skip(); /* their frames are larger */
	for (int i = 0; i < 9; i++) { /* stacks of every colour */
		assert_int_equal(flow_make(&f[i], &pool, 0, parks, NULL), 0);
		flow_resume(&f[i], &thread);
	}
	for (int i = 0; i < 9; i++) {
		assert_int_equal(awl__stack_used(f[i].self.stack), page);
		flow_resume(&f[i], &thread);
	}
}

static void use(struct awl__stack *s, size_t bytes)
{
	for (char *p = s->high - 1; bytes; bytes -= bytes < page ? bytes : page, p -= page)
		*p = 1;
}

static void the_used_size_is_the_deepest_touch_in_whole_pages(void **state)
{
	struct awl__stack *s = get(0), *huge;

	(void)state;
	assert_int_equal(awl__stack_used(s), 0);
	use(s, 1);
	assert_int_equal(awl__stack_used(s), page);
	use(s, 10 * page);
	assert_int_equal(awl__stack_used(s), 10 * page);
	use(s, page);
	assert_int_equal(awl__stack_used(s), 10 * page);
	s->low[0] = 1; /* a frame larger than a page need not touch those between */
	assert_int_equal(awl__stack_used(s), AWL__STACK_SLOT - AWL__STACK_GUARD);
	awl__stack_put(&pool, s);

	huge = get(AWL__STACK_MAX);
	use(huge, 700 * page);
	assert_int_equal(awl__stack_used(huge), 700 * page);
	awl__stack_put(&pool, huge);
}

static void trimming_gives_back_all_but_the_top_page(void **state)
{
	struct awl__stack *s[3];

	(void)state;
	for (int i = 0; i < 3; i++)
		use(s[i] = get(i == 2 ? KIB(1024) : 0), 20 * page);
	assert_false(pool.trim_due);
	assert_int_equal(awl__stack_trim(&pool, 10), 0);
	for (int i = 0; i < 3; i++)
		awl__stack_put(&pool, s[i]);
	assert_true(pool.trim_due);
	assert_int_equal(awl__stack_trim(&pool, 10), 0); /* takes note */
	assert_int_equal(awl__stack_trim(&pool, 10), 3);
	assert_false(pool.trim_due);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(awl__stack_used(s[i]), page);
		assert_int_equal(s[i]->high[-1], 1);
		assert_true(guarded(s[i]));
	}
	assert_int_equal(awl__stack_trim(&pool, 10), 0);
}

static void a_trim_stops_at_its_bound(void **state)
{
	struct awl__stack *s[10];

	(void)state;
	for (int i = 0; i < 10; i++)
		s[i] = get(0);
	for (int i = 0; i < 10; i++)
		awl__stack_put(&pool, s[i]);
	assert_int_equal(awl__stack_trim(&pool, 4), 0);
	assert_int_equal(awl__stack_trim(&pool, 4), 4);
	assert_int_equal(awl__stack_trim(&pool, 4), 4);
	assert_true(pool.trim_due);
	assert_int_equal(awl__stack_trim(&pool, 4), 2);
	assert_false(pool.trim_due);
}

static void a_stack_in_steady_use_is_not_trimmed(void **state)
{
	struct awl__stack *s = get(0), *idle = get(0);

	(void)state;
	use(s, 20 * page);
	awl__stack_put(&pool, idle);
	awl__stack_put(&pool, s);
	for (int i = 0; i < 5; i++) {
		awl__stack_trim(&pool, 10);
		assert_ptr_equal(get(0), s);
		awl__stack_put(&pool, s);
	}
	assert_int_equal(awl__stack_used(s), 20 * page);
}

static long blocks;

static void *counted_resize(void *ctx, void *block, size_t size)
{
	void *p = realloc(block, size);

	(void)ctx;
	blocks += p && !block;
	return p;
}

static void counted_release(void *ctx, void *block)
{
	(void)ctx;
	blocks--;
	free(block);
}

/* How much of the address space is ours: /proc/self/statm's first. */
static long mapped_pages(void)
{
	FILE *f = fopen("/proc/self/statm", "re");
	long pages = -1;

	if (f) {
		if (fscanf(f, "%ld", &pages) != 1)
			pages = -1;
		fclose(f);
	}
	return pages;
}

static int allocations, failing;

static int fails_once(void)
{
	return ++allocations == failing;
}

static void whichever_allocation_fails_nothing_leaks(void **state)
{
	const awl_allocator counted = { counted_resize, counted_release, NULL };
	const size_t sizes[] = { 0, KIB(512), AWL__STACK_MAX, AWL__STACK_MAX, KIB(128), 0 };
	bool failed = true;
	long before;

	(void)state;
	assert_int_equal(awl_set_allocator(&counted), 0);
	awl__stack_put(&pool, get(0));
	awl__stack_pool_free(&pool);
	before = mapped_pages();
	for (failing = 1; failed; failing++) {
		struct awl__stack *s[6] = { NULL };

		failed = false;
		allocations = 0;
		awl__alloc_fault = fails_once;
		for (int i = 0; i < 6; i++) {
			int err = awl__stack_get(&pool, sizes[i], &s[i]);

			if (err < 0) {
				assert_int_equal(err, -ENOMEM);
				assert_string_not_equal(awl_error_detail(-ENOMEM), "");
				assert_null(s[i]);
				failed = true;
			}
		}
		awl__alloc_fault = (int (*)(void))0;
		for (int i = 0; i < 6; i++)
			if (s[i])
				awl__stack_put(&pool, s[i]);
		assert_int_equal(pool.in_use, 0);
		awl__stack_pool_free(&pool);
		assert_int_equal(blocks, 0);
		if (!AWL__ASAN && !AWL__TSAN && !RUNNING_ON_VALGRIND)
			assert_int_equal(mapped_pages(), before);
	}
	assert_int_equal(failing, 12); /* five slabs, a block and a mapping each, and the last */
	assert_int_equal(awl_set_allocator(NULL), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_older_kernel_gets_its_guards_by_mprotect),
		TEST(the_stack_put_back_last_comes_first),
		TEST(a_stack_in_use_is_nobody_elses),
		TEST(a_size_is_rounded_up_to_a_power_of_two),
		TEST(a_size_beyond_the_largest_is_refused),
		TEST(every_stack_has_sixteen_pages_of_guard),
		TEST(without_cheap_guards_mprotect_makes_them),
		TEST(when_mappings_run_out_the_limit_is_named),
		TEST(the_real_limit_of_mappings_is_an_error_like_any_other),
		TEST(a_parked_flow_touches_one_page),
		TEST(the_used_size_is_the_deepest_touch_in_whole_pages),
		TEST(trimming_gives_back_all_but_the_top_page),
		TEST(a_trim_stops_at_its_bound),
		TEST(a_stack_in_steady_use_is_not_trimmed),
		TEST(whichever_allocation_fails_nothing_leaks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
