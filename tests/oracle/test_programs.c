/* SPDX-License-Identifier: MIT */
/*
 * Random programs of tasks, scopes, cancels, primitives and queues print, line by line, what a
 * model of awl says they must. AWL_TEST_PROGRAMS: how many; AWL_TEST_SEED: the first. A
 * program that fails is shrunk and shown.
 *
 * @timeout 120
 */
#include "program.h"
#include "support.h"

#include <signal.h>
#include <sys/wait.h>

#define HANGS 20 /* seconds, for many programs */

static struct trace model, real;
static volatile uint64_t current;

static void ignore(int level, const char *line, void *arg)
{
	(void)level, (void)line, (void)arg;
}

static bool agree(const struct program *p, enum mistake mistake)
{
	program_foretell(p, mistake, &model);
	program_run(p, &real);
	return traces_part(&model, &real) < 0;
}

/* In a child, so that a program may also crash or hang. */
static bool fails(const struct program *p, void *mistake)
{
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (child == 0) {
		signal(SIGALRM, SIG_DFL);
		signal(SIGABRT, SIG_DFL);
		signal(SIGSEGV, SIG_DFL);
		awl_set_logger(ignore, NULL);
		alarm(2);
		_exit(agree(p, *(enum mistake *)mistake) ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return status != 0;
}

static void show(struct program *p)
{
	printf("seed %llu; made small:\n\n", (unsigned long long)p->seed);
	program_show(p);
	printf("\n");
	fflush(stdout);
	alarm(5);
	agree(p, NO_MISTAKE);
	traces_show(p, &model, &real);
	fflush(stdout);
}

static void on_crash(int sig)
{
	char words[200];
	int n = snprintf(words, sizeof words,
		"\nsignal %d in the program of seed %llu: AWL_TEST_SEED=%llu AWL_TEST_PROGRAMS=1\n",
		sig, (unsigned long long)current, (unsigned long long)current);

	if (write(STDOUT_FILENO, words, (size_t)n) < 0)
		_exit(2);
	signal(sig, SIG_DFL);
	raise(sig);
}

static void random_programs_print_what_the_model_says(void **state)
{
	uint64_t first = (uint64_t)test_scale("AWL_TEST_SEED", 1);
	uint64_t n = (uint64_t)test_scale("AWL_TEST_PROGRAMS", 2000);
	static struct program p;
	enum mistake none = NO_MISTAKE;
	uint64_t lines = 0;

	awl_set_logger(ignore, NULL);
	signal(SIGALRM, on_crash);
	signal(SIGABRT, on_crash);
	signal(SIGSEGV, on_crash);
	for (current = first; current < first + n; current++) {
		if (current % 1000 == 0 || current == first)
			alarm(HANGS);
		program_make(&p, current);
		if (n == 1 ? !fails(&p, &none) : agree(&p, none)) {
			lines += (uint64_t)model.lines;
			continue;
		}
		alarm(0);
		program_shrink(&p, fails, &none);
		show(&p);
		fail();
	}
	alarm(0);
	awl_set_logger(NULL, NULL);
	printf("# %llu programs, %llu lines\n", (unsigned long long)n, (unsigned long long)lines);
}

static int size_of(const struct program *p, int at)
{
	int n = 0;

	for (; at >= 0; at = p->at[at].next)
		n += 1 + size_of(p, p->at[at].child);
	return n;
}

static void a_model_that_errs_is_caught_and_the_program_made_small(void **state)
{
	static struct program p;

	awl_set_logger(ignore, NULL);
	for (enum mistake e = SCOPES_ASK_ONCE; e < MISTAKES; e++) {
		uint64_t seed = 1;
		int size = 0;

		for (program_make(&p, seed); seed < 10000 && agree(&p, e); seed++)
			program_make(&p, seed + 1);
		assert_true(seed < 10000);
		program_shrink(&p, fails, &e);
		assert_true(fails(&p, &e));
		for (int b = 0; b < BODIES; b++)
			size += size_of(&p, p.body[b]);
		assert_in_range(size, 2, 12);
	}
	awl_set_logger(NULL, NULL);
}

static void a_seed_is_always_the_same_program(void **state)
{
	static struct program p, q;

	for (uint64_t seed = 1; seed < 200; seed++) {
		program_make(&p, seed);
		program_make(&q, seed);
		assert_memory_equal(&p, &q, sizeof p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_seed_is_always_the_same_program),
		cmocka_unit_test(random_programs_print_what_the_model_says),
		cmocka_unit_test(a_model_that_errs_is_caught_and_the_program_made_small),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
