/* SPDX-License-Identifier: MIT */
/*
 * @valgrind
 * test_heap.c - deadlines in order, FIFO among equals, against a plain sorted list as the model.
 */
#include "support.h"

#include "base/alloc.h"
#include "base/heap.h"

#define NODES 1000

struct entry {
	struct awl__heap_node node;
	int64_t deadline;
	uint64_t arrival;
};

static uint64_t seed = 1;

static uint64_t draw(uint64_t n)
{
	uint64_t z = seed += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return (z ^ z >> 31) % n;
}

/* The model: who is in, in order. */
static struct entry *in[NODES];
static unsigned count;

static void model_add(struct entry *e)
{
	unsigned i = count++;

	for (; i > 0 && in[i - 1]->deadline > e->deadline; i--)
		in[i] = in[i - 1];
	in[i] = e;
}

static void model_remove(const struct entry *e)
{
	unsigned i = 0;

	while (in[i] != e)
		i++;
	for (count--; i < count; i++)
		in[i] = in[i + 1];
}

static void assert_same(const struct awl__heap *h)
{
	assert_int_equal(h->count, count);
	if (count == 0) {
		assert_true(awl__heap_first(h) == INT64_MAX);
		return;
	}
	assert_true(awl__heap_first(h) == in[0]->deadline);
	assert_ptr_equal(h->at[0].node, &in[0]->node);
	for (unsigned i = 0; i < count; i++) {
		assert_true(awl__heap_armed(&in[i]->node));
		assert_true(awl__heap_deadline(h, &in[i]->node) == in[i]->deadline);
	}
}

static void random_operations_agree_with_a_sorted_list(void **state)
{
	static struct entry entries[NODES];
	static const int64_t spans[] = { 1, 3, 50, INT64_MAX };

	for (size_t span = 0; span < COUNT(spans); span++) {
		struct awl__heap h = { 0 };

		for (unsigned i = 0; i < NODES; i++) {
			awl__heap_node_init(&entries[i].node);
			assert_int_equal(awl__heap_reserve(&h), 0);
		}
		for (unsigned step = 0; step < 20000; step++) {
			struct entry *e = &entries[draw(NODES)];

			/* Grows for a while, then shrinks. */
			if (!awl__heap_armed(&e->node) && draw(3) < 1 + (step / 5000) % 2) {
				e->deadline = (int64_t)draw((uint64_t)spans[span]) - 1;
				awl__heap_add(&h, &e->node, e->deadline);
				model_add(e);
			} else if (awl__heap_armed(&e->node)) {
				awl__heap_remove(&h, &e->node);
				assert_false(awl__heap_armed(&e->node));
				model_remove(e);
			} else if (count) { /* the first, as the loop does */
				struct awl__heap_node *first = h.at[0].node;

				assert_ptr_equal(first, &in[0]->node);
				awl__heap_remove(&h, first);
				model_remove(in[0]);
			}
			if (step % 64 == 0)
				assert_same(&h);
		}
		while (count) {
			assert_ptr_equal(h.at[0].node, &in[0]->node);
			awl__heap_remove(&h, h.at[0].node);
			model_remove(in[0]);
		}
		assert_same(&h);
		awl__heap_free(&h);
	}
}

static void equals_leave_in_the_order_they_came(void **state)
{
	static struct entry entries[NODES];
	struct awl__heap h = { 0 };
	unsigned next = 0;

	for (unsigned i = 0; i < NODES; i++) {
		awl__heap_node_init(&entries[i].node);
		assert_int_equal(awl__heap_reserve(&h), 0);
		awl__heap_add(&h, &entries[i].node, 5);
	}
	/* Removing others must not disturb them. */
	for (unsigned i = 0; i < NODES; i += 3)
		awl__heap_remove(&h, &entries[i].node);
	for (; h.count; next++) {
		next += next % 3 == 0;
		assert_ptr_equal(h.at[0].node, &entries[next].node);
		awl__heap_remove(&h, h.at[0].node);
	}
	assert_int_equal(next, NODES - 1 + (NODES % 3 == 0));
	awl__heap_free(&h);
}

static int no_memory(void)
{
	return 1;
}

static void a_reservation_that_finds_no_memory_changes_nothing(void **state)
{
	struct awl__heap h = { 0 };
	uint32_t reserved;

	awl__alloc_fault = no_memory;
	assert_int_equal(awl__heap_reserve(&h), -ENOMEM);
	assert_int_equal(h.reserved, 0);
	awl__alloc_fault = (int (*)(void))0;
	while (h.capacity == 0 || h.reserved < h.capacity)
		assert_int_equal(awl__heap_reserve(&h), 0);
	reserved = h.reserved;
	awl__alloc_fault = no_memory;
	assert_int_equal(awl__heap_reserve(&h), -ENOMEM);
	assert_int_equal(h.reserved, reserved);
	/* One given back is there for the next. */
	awl__heap_release(&h);
	assert_int_equal(awl__heap_reserve(&h), 0);
	awl__alloc_fault = (int (*)(void))0;
	awl__heap_free(&h);
}

static void what_is_reserved_can_be_armed_without_memory(void **state)
{
	static struct entry entries[NODES];
	struct awl__heap h = { 0 };

	for (unsigned i = 0; i < NODES; i++) {
		awl__heap_node_init(&entries[i].node);
		assert_int_equal(awl__heap_reserve(&h), 0);
	}
	awl__alloc_fault = no_memory;
	for (unsigned i = 0; i < NODES; i++)
		awl__heap_add(&h, &entries[i].node, (int64_t)(NODES - i));
	awl__alloc_fault = (int (*)(void))0;
	assert_true(awl__heap_first(&h) == 1);
	awl__heap_free(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_operations_agree_with_a_sorted_list),
		cmocka_unit_test(equals_leave_in_the_order_they_came),
		cmocka_unit_test(a_reservation_that_finds_no_memory_changes_nothing),
		cmocka_unit_test(what_is_reserved_can_be_armed_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
