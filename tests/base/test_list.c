/* SPDX-License-Identifier: MIT */
/*
 * @valgrind
 * test_list.c - the doubly linked list: order, leaving, splicing.
 */
#include "support.h"

#include "base/list.h"

struct item {
	int n;
	struct awl__list link;
};

static int nth(struct awl__list *l, int i)
{
	awl__list_each (node, l)
		if (i-- == 0)
			return awl__container(node, struct item, link)->n;
	return -1;
}

static void assert_is(struct awl__list *l, const char *digits)
{
	int i = 0;

	for (; digits[i]; i++)
		assert_int_equal(nth(l, i), digits[i] - '0');
	assert_int_equal(nth(l, i), -1);
	/* and backwards */
	for (struct awl__list *node = l->prev; node != l; node = node->prev)
		assert_int_equal(awl__container(node, struct item, link)->n, digits[--i] - '0');
	assert_int_equal(i, 0);
}

static void fill(struct awl__list *l, struct item *items, int n)
{
	awl__list_init(l);
	for (int i = 0; i < n; i++) {
		items[i].n = i;
		awl__list_push(l, &items[i].link);
	}
}

static void what_is_pushed_comes_out_in_order(void **state)
{
	struct item items[3];
	struct awl__list l;

	fill(&l, items, 3);
	assert_is(&l, "012");
	for (int i = 0; i < 3; i++)
		assert_ptr_equal(awl__list_pop(&l), &items[i].link);
	assert_null(awl__list_pop(&l));
	assert_true(awl__list_empty(&l));
}

static void what_is_pushed_in_front_comes_first(void **state)
{
	struct item items[3], first = { 7, { NULL, NULL } };
	struct awl__list l;

	fill(&l, items, 3);
	awl__list_push_front(&l, &first.link);
	assert_is(&l, "7012");
}

static void a_node_leaves_from_anywhere(void **state)
{
	struct item items[5];
	struct awl__list l;

	fill(&l, items, 5);
	awl__list_remove(&items[2].link);
	assert_is(&l, "0134");
	awl__list_remove(&items[0].link);
	awl__list_remove(&items[4].link);
	assert_is(&l, "13");
}

static void a_node_that_was_taken_may_leave_again(void **state)
{
	struct item items[2];
	struct awl__list l;

	fill(&l, items, 2);
	awl__list_take(&items[0].link);
	awl__list_take(&items[0].link);
	assert_is(&l, "1");
	assert_true(awl__list_empty(&items[0].link));
}

static void a_splice_moves_all_behind_all(void **state)
{
	struct item a[2], b[5];
	struct awl__list to, from;

	fill(&to, a, 2);
	fill(&from, b, 5);
	awl__list_remove(&b[0].link);
	awl__list_remove(&b[1].link);
	awl__list_splice(&to, &from);
	assert_is(&to, "01234");
	assert_true(awl__list_empty(&from));
	awl__list_splice(&to, &from);
	assert_is(&to, "01234");
	awl__list_splice(&from, &to);
	assert_is(&from, "01234");
	assert_true(awl__list_empty(&to));
}

static void a_safe_walk_survives_the_end_of_its_node(void **state)
{
	struct item items[6];
	struct awl__list l;

	fill(&l, items, 6);
	awl__list_each_safe (node, &l)
		if (awl__container(node, struct item, link)->n % 2) {
			awl__list_remove(node);
			memset(node, 0xff, sizeof *node);
		}
	assert_is(&l, "024");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_pushed_comes_out_in_order),
		cmocka_unit_test(what_is_pushed_in_front_comes_first),
		cmocka_unit_test(a_node_leaves_from_anywhere),
		cmocka_unit_test(a_node_that_was_taken_may_leave_again),
		cmocka_unit_test(a_splice_moves_all_behind_all),
		cmocka_unit_test(a_safe_walk_survives_the_end_of_its_node),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
