/* SPDX-License-Identifier: MIT */
/*
 * test_exceptions.cc - C++ exceptions on stacks from the pool: caught on the stack they were thrown
 * on, waits in between; an uncaught one ends the program at the entry, as it would in a thread.
 * @valgrind
 */
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <stdexcept>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

extern "C" {
int flows_run(void (*fn)(int id), int count);
void flows_yield(void);
}

static int failures, cases;

#define CHECK(ok) \
	((ok) ? (void)0 \
	      : (void)(failures++, \
			std::fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #ok)))

static int destroyed;

struct local {
	int id;
	explicit local(int id) : id(id)
	{
	}
	~local()
	{
		destroyed += id;
	}
};

static void throws_at(int id, int depth)
{
	local l(id);

	flows_yield();
	if (depth == 0)
		throw std::runtime_error(std::to_string(id));
	throws_at(id, depth - 1);
	flows_yield();
}

static int caught;

static void catches(int id)
{
	for (int round = 0; round < 3; round++) {
		try {
			throws_at(id, 3 + id);
		} catch (const std::runtime_error &e) {
			caught += e.what() == std::to_string(id);
		}
		flows_yield();
	}
}

static void an_exception_is_caught_on_its_own_stack_after_many_switches()
{
	int expected = 0;

	caught = destroyed = 0;
	CHECK(flows_run(catches, 4) == 0);
	CHECK(caught == 12);
	for (int id = 1; id <= 4; id++)
		expected += 3 * id * (4 + id);
	CHECK(destroyed == expected);
	CHECK(std::uncaught_exceptions() == 0);
}

/* What switch.h asks for in place of a switch inside the catch block. */
static void keeps_and_rethrows(int id)
{
	std::exception_ptr kept;

	try {
		throws_at(id, 1);
	} catch (...) {
		kept = std::current_exception();
	}
	flows_yield();
	try {
		std::rethrow_exception(kept);
	} catch (const std::runtime_error &e) {
		caught += e.what() == std::to_string(id);
	}
}

static void an_exception_outlives_a_switch_as_a_pointer()
{
	caught = 0;
	CHECK(flows_run(keeps_and_rethrows, 4) == 0);
	CHECK(caught == 4);
}

static void throws_past_its_entry(int)
{
	throw 1;
}

static void an_exception_nobody_catches_ends_at_the_entry()
{
	int status = 0;
	pid_t child = fork();

	if (child == 0) {
		std::set_terminate([] { std::abort(); });
		flows_run(throws_past_its_entry, 1);
		_exit(8);
	}
	CHECK(waitpid(child, &status, 0) == child);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static bool run(const char *name, void (*test)())
{
	failures = 0;
	test();
	std::printf("%s %d - %s\n", failures ? "not ok" : "ok", ++cases, name);
	std::fflush(stdout);
	return failures == 0;
}

#define RUN(test) run(#test, test)

int main()
{
	bool good = RUN(an_exception_is_caught_on_its_own_stack_after_many_switches);

	good &= RUN(an_exception_outlives_a_switch_as_a_pointer);
	good &= RUN(an_exception_nobody_catches_ends_at_the_entry);
	std::printf("1..%d\n", cases);
	return !good;
}
