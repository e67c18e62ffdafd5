/* SPDX-License-Identifier: MIT */
/*
 * @valgrind
 * test_rows.c - rows that a reader outside can find: never unmapped before the pool, reused last in
 * first out, odd while they change.
 */
#include "support.h"

#include "base/alloc.h"
#include "base/rows.h"

struct thing {
	struct awl__row row;
	uint64_t words[30];
};

static int faults;
static int asked;

static int fail_or_not(void)
{
	asked++;
	return faults;
}

static void a_fresh_row_is_zero_and_one_given_back_is_the_next(void **state)
{
	struct awl__rows rows = { .size = sizeof(struct thing) };
	struct thing *a = awl__rows_get(&rows), *b = awl__rows_get(&rows);

	for (size_t i = 0; i < COUNT(a->words); i++)
		assert_int_equal(a->words[i] | b->words[i], 0);
	a->row.kind = b->row.kind = 1;
	awl__rows_put(&rows, &a->row);
	awl__rows_put(&rows, &b->row);
	assert_int_equal(a->row.kind, 0);
	assert_ptr_equal(awl__rows_get(&rows), b);
	assert_ptr_equal(awl__rows_get(&rows), a);
	assert_int_equal(rows.live, 2);
	awl__rows_free(&rows);
}

static void every_row_ever_handed_out_is_found_in_the_blocks(void **state)
{
	struct awl__rows rows = { .size = sizeof(struct thing) };
	enum { N = 5000 };
	static struct thing *all[N];
	unsigned found = 0;

	for (int i = 0; i < N; i++) {
		all[i] = awl__rows_get(&rows);
		assert_int_equal((uintptr_t)all[i] % 16, 0);
		all[i]->row.kind = 1;
		all[i]->words[0] = (uint64_t)i + 1;
	}
	assert_non_null(rows.blocks->next);
	for (int i = 0; i < N; i += 2)
		awl__rows_put(&rows, &all[i]->row);
	assert_int_equal(rows.live, N / 2);
	for (struct awl__row_block *b = rows.blocks; b; b = b->next)
		for (uint32_t i = 0; i < b->used; i++) {
			struct thing *t = (struct thing *)awl__row_at(&rows, b, i);

			/* Of a free one only its head may be read. */
			if (t->row.kind)
				assert_ptr_equal(all[t->words[0] - 1], t);
			found++;
		}
	assert_int_equal(found, N);
	/* and no new block as long as old rows are free */
	asked = 0;
	awl__alloc_fault = fail_or_not;
	for (int i = 0; i < N; i += 2)
		assert_non_null(awl__rows_get(&rows));
	awl__alloc_fault = (int (*)(void))0;
	assert_int_equal(asked, 0);
	awl__rows_free(&rows);
}

static void without_memory_there_is_no_row_and_nothing_else_changes(void **state)
{
	struct awl__rows rows = { .size = sizeof(struct thing) };
	struct thing *t;

	faults = 1;
	awl__alloc_fault = fail_or_not;
	assert_null(awl__rows_get(&rows));
	assert_int_equal(rows.live, 0);
	faults = 0;
	t = awl__rows_get(&rows);
	assert_non_null(t);
	faults = 1;
	while ((t = awl__rows_get(&rows)))
		;
	assert_int_equal(rows.live, rows.blocks->capacity);
	faults = 0;
	awl__alloc_fault = (int (*)(void))0;
	awl__rows_free(&rows);
}

static void a_row_is_odd_while_it_changes(void **state)
{
	struct awl__row row = { 0 };

	awl__row_change(&row);
	assert_int_equal(row.seq % 2, 1);
	awl__row_changed(&row);
	assert_int_equal(row.seq, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_fresh_row_is_zero_and_one_given_back_is_the_next),
		cmocka_unit_test(every_row_ever_handed_out_is_found_in_the_blocks),
		cmocka_unit_test(without_memory_there_is_no_row_and_nothing_else_changes),
		cmocka_unit_test(a_row_is_odd_while_it_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
