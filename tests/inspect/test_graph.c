/* SPDX-License-Identifier: MIT */
/*
 * test_graph.c - the call graph: who awaits whom, upwards (D12, D13). @reactors @valgrind
 */
#include "ear.h"

#include <awl/combine.h>
#include <awl/inspect.h>
#include <awl/sync.h>

#define NODES 16

/* A graph as it was shown, kept by names. */
static struct {
	int count;
	struct {
		char name[32];
		int depth, frames, cycle;
	} at[NODES];
} seen;

static int keep(const awl_call_graph_node *n, void *arg)
{
	int i = seen.count++;

	(void)arg;
	assert_true(i < NODES);
	snprintf(seen.at[i].name, sizeof seen.at[i].name, "%s",
		n->task ? awl_task_get_name(n->task) : "future");
	seen.at[i].depth = n->depth;
	seen.at[i].frames = n->count;
	seen.at[i].cycle = n->cycle;
	return 0;
}

static void assert_node(int i, const char *name, int depth)
{
	assert_true(i < seen.count);
	assert_string_equal(seen.at[i].name, name);
	assert_int_equal(seen.at[i].depth, depth);
	assert_int_equal(seen.at[i].cycle, 0);
}

static void assert_graph(awl_future *f, int nodes)
{
	seen.count = 0;
	assert_int_equal(awl_capture_call_graph(f, keep, NULL), nodes);
	assert_int_equal(seen.count, nodes);
}

static awl_future *gate;
static awl_task *chain[4];

static int await_the_one_before(void *arg)
{
	intptr_t i = (intptr_t)arg;

	return i == 0 ? awl_await(gate) : awl_await(chain[i - 1]);
}

static int a_chain(void *arg)
{
	static const char *const names[] = { "a", "b", "c", "d" };

	(void)arg;
	assert_int_equal(awl_loop_create_future(here(), 0, &gate), 0);
	for (intptr_t i = 0; i < 4; i++) {
		assert_int_equal(awl_create_task(await_the_one_before, (void *)i, &chain[i]), 0);
		assert_int_equal(awl_task_set_name(chain[i], names[i]), 0);
	}
	assert_int_equal(awl_yield(), 0);
	assert_graph(gate, 5);
	assert_node(0, "future", 0);
	assert_int_equal(seen.at[0].frames, 0);
	for (int i = 0; i < 4; i++) {
		assert_node(i + 1, names[i], i + 1);
		assert_true(seen.at[i + 1].frames > 1);
	}
	assert_graph(chain[3], 1);
	assert_int_equal(awl_future_set_result(gate, 7), 0);
	assert_int_equal(awl_await(chain[3]), 7);
	for (int i = 0; i < 4; i++)
		awl_unref(chain[i]);
	awl_unref(gate);
	return 0;
}

static void a_chain_of_awaits_is_shown_upwards(void **state)
{
	(void)state;
	in_loop(a_chain, NULL);
}

static int child_of_group(void *arg)
{
	(void)arg;
	assert_int_equal(awl_task_set_name(awl_current_task(), "child"), 0);
	assert_int_equal(awl_yield(), 0); /* now its parent waits */
	seen.count = 0;
	assert_int_equal(awl_capture_call_graph(NULL, keep, NULL), 3);
	assert_node(0, "child", 0);
	assert_node(1, "parent", 1);
	assert_node(2, "main", 2);
	return 0;
}

static int parent(void *arg)
{
	awl_task_group g;

	(void)arg;
	assert_int_equal(awl_task_set_name(awl_current_task(), "parent"), 0);
	awl_task_group_enter(&g);
	assert_int_equal(awl_task_group_create_task(&g, child_of_group, NULL, NULL), 0);
	return awl_task_group_exit(&g, 0);
}

/* By way of a gather: its done callbacks say who waits. */
static int gathers(void *arg)
{
	awl_task *t;

	(void)arg;
	assert_int_equal(awl_task_set_name(awl_current_task(), "main"), 0);
	assert_int_equal(awl_create_task(parent, NULL, &t), 0);
	assert_int_equal(awl_gather_futures(&t, 1, NULL, AWL_CANCEL_SIBLINGS), 0);
	awl_unref(t);
	return 0;
}

static void the_running_task_is_shown_with_its_group_and_gather(void **state)
{
	(void)state;
	in_loop(gathers, NULL);
}

static awl_lock lock = AWL_LOCK_INIT;

static int wants_lock(void *arg)
{
	(void)arg;
	assert_int_equal(awl_lock_acquire(&lock), 0);
	return awl_lock_release(&lock);
}

static int has_lock(void *arg)
{
	awl_task *t;

	(void)arg;
	assert_int_equal(awl_lock_acquire(&lock), 0);
	assert_int_equal(awl_create_task(wants_lock, NULL, &t), 0);
	assert_int_equal(awl_task_set_name(t, "wants it"), 0);
	assert_int_equal(awl_yield(), 0);
	assert_graph(NULL, 2);
	assert_node(1, "wants it", 1);
	assert_int_equal(awl_lock_release(&lock), 0);
	assert_int_equal(awl_await(t), 0);
	awl_unref(t);
	return 0;
}

static void who_wants_a_lock_waits_for_its_holder(void **state)
{
	(void)state;
	in_loop(has_lock, NULL);
}

/* A circle can be made by a way that awl_await does not look along. */
static int circle_half(void *arg)
{
	intptr_t i = (intptr_t)arg;

	return i == 0 ? awl_wait(&chain[1], 1, AWL_FOREVER, AWL_ALL_COMPLETED)
		      : awl_await(chain[0]);
}

static int a_circle(void *arg)
{
	(void)arg;
	for (intptr_t i = 0; i < 2; i++)
		assert_int_equal(awl_create_task(circle_half, (void *)i, &chain[i]), 0);
	assert_int_equal(awl_yield(), 0);
	assert_graph(chain[0], 3);
	assert_int_equal(seen.at[1].cycle, 0);
	assert_int_equal(seen.at[2].cycle, 1);
	assert_string_equal(seen.at[2].name, seen.at[0].name);
	assert_int_equal(awl_cancel(chain[1], NULL), 1);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(awl_join(chain[i]), 0);
		awl_unref(chain[i]);
	}
	return 0;
}

static void a_circle_is_shown_once_and_marked(void **state)
{
	(void)state;
	in_loop(a_circle, NULL);
}

static int stop_at_once(const awl_call_graph_node *n, void *arg)
{
	(void)n;
	(void)arg;
	return -EINTR;
}

static int look_and_stop(void *arg)
{
	(void)arg;
	return awl_capture_call_graph(NULL, stop_at_once, NULL) == -EINTR ? 0 : -EIO;
}

static void what_the_visitor_returns_ends_the_walk(void **state)
{
	(void)state;
	in_loop(look_and_stop, NULL);
}

static int ask_in_callback(void *arg)
{
	int *answer = arg;

	*answer = awl_capture_call_graph(NULL, keep, NULL);
	return awl_loop_stop(here());
}

static void without_a_task_there_is_no_graph_of_the_running_one(void **state)
{
	awl_loop *l = new_loop(NULL);
	int answer = 0;

	(void)state;
	assert_int_equal(awl_capture_call_graph(NULL, keep, NULL), AWL_ENOLOOP);
	assert_int_equal(awl_print_call_graph(NULL, 1), AWL_ENOLOOP);
	assert_int_equal(awl_loop_call_soon(l, ask_in_callback, &answer, NULL), 0);
	assert_int_equal(awl_loop_run_forever(l), 0);
	assert_int_equal(answer, AWL_ENOTASK);
	end_loop(l);
}

static int print_it(void *fd)
{
	return awl_print_call_graph(chain[0], *(int *)fd);
}

static int printed(void *arg)
{
	char text[8192];
	ssize_t n;
	int fds[2];

	(void)arg;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(awl_loop_create_future(here(), 0, &gate), 0);
	for (intptr_t i = 0; i < 2; i++)
		assert_int_equal(awl_create_task(await_the_one_before, (void *)i, &chain[i]), 0);
	assert_int_equal(awl_task_set_name(chain[0], "below"), 0);
	assert_int_equal(awl_task_set_name(chain[1], "above"), 0);
	assert_int_equal(awl_yield(), 0);
	assert_int_equal(print_it(&fds[1]), 0);
	n = read(fds[0], text, sizeof text - 1);
	assert_true(n > 0);
	text[n] = 0;
	assert_ptr_equal(strstr(text, "* below, inspect.test_graph+0x"), text);
	assert_non_null(strstr(text, ": waits for a future (0x"));
	assert_non_null(strstr(text, "\n  | inspect.test_graph+0x"));
	assert_non_null(strstr(text, "\n  + awaited by:\n    * above, inspect.test_graph+0x"));
	assert_non_null(strstr(text, ": waits for task below, "));
	assert_non_null(strstr(text, "\n      | inspect.test_graph+0x"));
	close(fds[0]);
	close(fds[1]);
	assert_int_equal(awl_future_set_result(gate, 0), 0);
	assert_int_equal(awl_await(chain[1]), 0);
	awl_unref(chain[0]);
	awl_unref(chain[1]);
	awl_unref(gate);
	return 0;
}

static void a_printed_graph_has_stacks_and_waiters(void **state)
{
	(void)state;
	in_loop(printed, NULL);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, open_ear, close_ear)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_chain_of_awaits_is_shown_upwards),
		CASE(the_running_task_is_shown_with_its_group_and_gather),
		CASE(who_wants_a_lock_waits_for_its_holder),
		CASE(a_circle_is_shown_once_and_marked),
		CASE(what_the_visitor_returns_ends_the_walk),
		CASE(without_a_task_there_is_no_graph_of_the_running_one),
		CASE(a_printed_graph_has_stacks_and_waiters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
