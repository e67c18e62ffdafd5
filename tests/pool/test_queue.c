/* SPDX-License-Identifier: MIT */
/*
 * test_queue.c - jobs begin in the order they came, but for the kinds that have used up their
 * share; and no kind can keep another from beginning.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "pool/queue.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define FILES AWL__JOB_FILE
#define NAME AWL__JOB_NAME
#define USER AWL__JOB_USER

static void push(struct awl__job_queue *q, struct awl__job *job, enum awl__job_kind kind)
{
	*job = (struct awl__job){ .kind = (uint8_t)kind };
	awl__job_queue_push(q, job);
}

static void jobs_begin_in_the_order_they_came(void **state)
{
	static const enum awl__job_kind kinds[] = { USER, FILES, NAME, FILES, USER };
	struct awl__job jobs[COUNT(kinds)];
	struct awl__job_queue q;

	awl__job_queue_init(&q, 8, true);
	for (size_t i = 0; i < COUNT(kinds); i++)
		push(&q, &jobs[i], kinds[i]);
	assert_int_equal(awl__job_queue_startable(&q), 5);
	for (size_t i = 0; i < COUNT(kinds); i++)
		assert_ptr_equal(awl__job_queue_next(&q), &jobs[i]);
	assert_null(awl__job_queue_next(&q));
}

static void slow_kinds_get_half_of_the_threads_each_and_leave_one(void **state)
{
	struct awl__job user[6], name[6], file[6], *job;
	struct awl__job_queue q;

	awl__job_queue_init(&q, 6, true);
	for (int i = 0; i < 6; i++)
		push(&q, &user[i], USER);
	assert_int_equal(awl__job_queue_startable(&q), 3);
	for (int i = 0; i < 3; i++)
		assert_ptr_equal(awl__job_queue_next(&q), &user[i]);
	assert_null(awl__job_queue_next(&q));
	for (int i = 0; i < 6; i++)
		push(&q, &name[i], NAME);
	assert_int_equal(awl__job_queue_startable(&q), 2);
	assert_ptr_equal(awl__job_queue_next(&q), &name[0]);
	assert_ptr_equal(awl__job_queue_next(&q), &name[1]);
	assert_null(awl__job_queue_next(&q)); /* the sixth is for files */
	push(&q, &file[0], FILES);
	assert_int_equal(awl__job_queue_startable(&q), 1);
	assert_ptr_equal(awl__job_queue_next(&q), &file[0]);
	assert_ptr_equal(awl__job_queue_oldest(&q), &user[3]);

	awl__job_queue_ended(&q, USER); /* either kind may have the place: the older has it */
	job = awl__job_queue_next(&q);
	assert_ptr_equal(job, &user[3]);
	awl__job_queue_ended(&q, NAME);
	assert_ptr_equal(awl__job_queue_next(&q), &name[2]);
}

static void an_executor_has_no_shares(void **state)
{
	struct awl__job user[4];
	struct awl__job_queue q;

	awl__job_queue_init(&q, 4, false);
	for (int i = 0; i < 4; i++)
		push(&q, &user[i], USER);
	assert_int_equal(awl__job_queue_startable(&q), 4);
	for (int i = 0; i < 4; i++)
		assert_ptr_equal(awl__job_queue_next(&q), &user[i]);
}

static void a_job_that_is_taken_back_leaves_its_place(void **state)
{
	struct awl__job user[3];
	struct awl__job_queue q;

	awl__job_queue_init(&q, 1, false);
	for (int i = 0; i < 3; i++)
		push(&q, &user[i], USER);
	awl__job_queue_remove(&q, &user[0]);
	assert_int_equal(q.total, 2);
	assert_ptr_equal(awl__job_queue_oldest(&q), &user[1]);
	assert_ptr_equal(awl__job_queue_next(&q), &user[1]);
	assert_null(awl__job_queue_next(&q));
	awl__job_queue_ended(&q, USER);
	assert_ptr_equal(awl__job_queue_next(&q), &user[2]);
	assert_null(awl__job_queue_oldest(&q));
}

/* Whatever runs, a thread that looks finds something for each kind that still has its share. */
static void what_may_begin_is_what_next_gives(void **state)
{
	static struct awl__job jobs[10000];
	uint32_t seed = 1;
	struct awl__job_queue q;
	int running[AWL__JOB_KINDS] = { 0 };

	awl__job_queue_init(&q, 5, true);
	for (size_t i = 0; i < COUNT(jobs); i++) {
		unsigned startable, all;
		int kind;

		seed = seed * 1664525 + 1013904223;
		push(&q, &jobs[i], (enum awl__job_kind)((seed >> 16) % AWL__JOB_KINDS));
		startable = awl__job_queue_startable(&q);
		all = (unsigned)(running[FILES] + running[NAME] + running[USER]);
		if (all < 5) {
			struct awl__job *job = awl__job_queue_next(&q);

			assert_int_equal(job != NULL, startable > 0);
			if (job)
				running[job->kind]++;
		}
		assert_true(running[NAME] <= 3 && running[USER] <= 3);
		assert_true(running[NAME] + running[USER] <= 4);
		kind = (int)(seed >> 24) % AWL__JOB_KINDS;
		if ((seed & 1 << 8) && running[kind]) {
			running[kind]--;
			awl__job_queue_ended(&q, (uint8_t)kind);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(jobs_begin_in_the_order_they_came),
		cmocka_unit_test(slow_kinds_get_half_of_the_threads_each_and_leave_one),
		cmocka_unit_test(an_executor_has_no_shares),
		cmocka_unit_test(a_job_that_is_taken_back_leaves_its_place),
		cmocka_unit_test(what_may_begin_is_what_next_gives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
