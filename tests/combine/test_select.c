/* SPDX-License-Identifier: MIT */
/*
 * test_select.c - @reactors @valgrind: one of several things, whichever can be had first: futures,
 * times, and a small mailbox that stands for what the rooms above add.
 */
#include "combine/select.h"
#include "crew.h"

static int first_future(void *arg)
{
	struct hand a = { .takes = AWL_SEC }, b = { .takes = -3, .comes_to = 5 };
	awl_future *fs[] = { send_off(&a), send_off(&b) };
	awl_case cases[] = { awl_case_future(fs[0]), awl_case_future(fs[1]) };
	int result = 0;

	assert_int_equal(awl_select(cases, 2, &result), 1);
	assert_int_equal(result, 5);
	assert_int_equal(awl_select(cases, 2, NULL), 1); /* the array may be used again */
	assert_true(awl__list_empty(&fs[0]->waiters));
	awl_cancel(fs[0], NULL);
	assert_int_equal(awl_select(cases, 1, &result), 0);
	assert_int_equal(result, AWL_EFUTURECANCELED);
	awl_unref(fs[0]);
	awl_unref(fs[1]);
	return 0;
}

static void the_first_future_is_had_and_the_others_are_left(void **state)
{
	in_loop(first_future, NULL);
}

static int by_order(void *arg)
{
	awl_future *fs[] = { promise(), promise() };
	awl_case cases[] = { awl_case_after(0), awl_case_future(fs[0]), awl_case_future(fs[1]) };
	int result = -1;

	awl_future_set_result(fs[0], 1);
	awl_future_set_result(fs[1], 2);
	assert_int_equal(awl_select(cases + 1, 2, &result), 0);
	assert_int_equal(result, 1);
	assert_int_equal(awl_select(cases, 3, &result), 0);
	assert_int_equal(result, 0);
	awl_unref(fs[0]);
	awl_unref(fs[1]);
	return 0;
}

static void of_several_that_are_ready_it_is_the_first_in_the_array(void **state)
{
	in_loop(by_order, NULL);
}

static int or_else(void *arg)
{
	awl_future *f = promise();
	awl_case cases[] = { awl_case_future(f), awl_case_after(0) };

	assert_int_equal(awl_select(cases, 2, NULL), 1);
	awl_future_set_result(f, 0);
	assert_int_equal(awl_select(cases, 2, NULL), 0);
	awl_unref(f);
	return 0;
}

static void a_time_that_has_passed_means_or_else(void **state)
{
	in_loop(or_else, NULL);
}

static int nearest_time(void *arg)
{
	int64_t begin = awl_loop_time(here());
	awl_future *f = promise();
	awl_case cases[] = { awl_case_after(30 * AWL_MS), awl_case_future(f),
		awl_case_after(10 * AWL_MS), awl_case_at(begin + 20 * AWL_MS) };

	assert_int_equal(awl_select(cases, 4, NULL), 2);
	assert_int_equal(awl_loop_time(here()) - begin, 10 * AWL_MS);
	assert_int_equal(awl_select(cases, 2, NULL), 0);
	assert_int_equal(awl_loop_time(here()) - begin, 30 * AWL_MS);
	awl_unref(f);
	return 0;
}

static void the_nearest_time_is_waited_for_never_early(void **state)
{
	in_sim(nearest_time, NULL);
}

static int in_a_timeout(void *arg)
{
	awl_future *f = promise();
	awl_case cases[] = { awl_case_future(f), awl_case_after(AWL_SEC) };
	awl_timeout t;
	int r;

	awl_timeout_enter(&t, AWL_MS);
	r = awl_select(cases, 2, NULL);
	assert_int_equal(r, AWL_ECANCELED);
	assert_int_equal(awl_timeout_exit(&t, r), -ETIMEDOUT);
	awl_unref(f);
	return 0;
}

static void a_timeout_around_it_ends_it(void **state)
{
	in_sim(in_a_timeout, NULL);
}

static int refusals(void *arg)
{
	awl_case none = awl_case_future(NULL), ok = awl_case_after(0);

	assert_int_equal(awl_select(NULL, 1, NULL), -EINVAL);
	assert_int_equal(awl_select(&ok, 0, NULL), -EINVAL);
	assert_int_equal(awl_select(&none, 1, NULL), -EINVAL);
	awl_cancel(awl_current_task(), NULL);
	assert_int_equal(awl_select(&ok, 1, NULL), AWL_ECANCELED);
	return 0;
}

static int foreign(void *arg)
{
	awl_case c = awl_case_future(arg);

	assert_int_equal(awl_select(&c, 1, NULL), AWL_EOTHERLOOP);
	return 0;
}

static void what_makes_no_sense_is_refused(void **state)
{
	awl_loop *l = new_loop(NULL);
	awl_case c = awl_case_at(0);
	awl_future *f;

	in_loop(refusals, NULL);
	assert_int_equal(awl_select(&c, 1, NULL), AWL_ENOLOOP);
	assert_int_equal(awl_loop_create_future(l, 0, &f), 0);
	in_loop(foreign, f);
	awl_unref(f);
	end_loop(l);
}

/* A mailbox of direct hand-over: takers wait in one queue, tasks and cases mixed. */

struct mailbox {
	struct awl__list takers;
	int letters[16], n;
};

struct taker {
	struct mailbox *box;
	int letter, r;
};

static int box_poll(awl_case *c)
{
	struct mailbox *b = c->_object;

	if (b->n == 0)
		return 0;
	*(int *)c->_item = b->letters[0];
	memmove(b->letters, b->letters + 1, sizeof(int) * (size_t)--b->n);
	c->_result = 0;
	return 1;
}

static int box_attach(awl_case *c)
{
	awl__case_push(&((struct mailbox *)c->_object)->takers, c);
	return 0;
}

static const struct awl__source box_source = { .poll = box_poll, .attach = box_attach };

static awl_case case_letter(struct mailbox *b, int *letter)
{
	return (awl_case){ ._source = &box_source, ._object = b, ._item = letter };
}

static void post(struct mailbox *b, int letter)
{
	struct awl__task *t;
	awl_case *c;

	if (!awl__serve_first(&b->takers, 0, &t, &c))
		b->letters[b->n++] = letter;
	else if (c)
		*(int *)c->_item = letter;
	else
		((struct taker *)t->arg)->letter = letter;
}

static int take_plain(void *arg)
{
	struct taker *t = arg;
	struct awl__task *self = (struct awl__task *)awl_current_task();

	t->r = awl__wait_in(self, &t->box->takers, AWL__WAITS_QUEUE, t->box);
	return t->r;
}

static int take_by_select(void *arg)
{
	struct taker *t = arg;
	awl_case cases[] = { case_letter(t->box, &t->letter), awl_case_after(AWL_SEC) };

	t->r = awl_select(cases, 2, NULL);
	return t->r;
}

static int mixed(void *arg)
{
	struct mailbox box = { .n = 0 };
	struct taker a = { .box = &box }, b = { .box = &box }, c = { .box = &box };
	awl_task *tasks[3];

	awl__list_init(&box.takers);
	assert_int_equal(awl_create_task(take_plain, &a, &tasks[0]), 0);
	assert_int_equal(awl_create_task(take_by_select, &b, &tasks[1]), 0);
	assert_int_equal(awl_create_task(take_plain, &c, &tasks[2]), 0);
	assert_int_equal(awl_yield(), 0);
	for (int i = 1; i <= 3; i++)
		post(&box, i);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(awl_await(tasks[i]), 0);
		awl_unref(tasks[i]);
	}
	assert_int_equal(a.letter, 1);
	assert_int_equal(b.letter, 2);
	assert_int_equal(c.letter, 3);
	return 0;
}

static void tasks_and_selects_are_served_in_the_order_they_came(void **state)
{
	in_loop(mixed, NULL);
}

static int two_boxes(void *arg)
{
	struct mailbox x = { .n = 0 }, y = { .n = 0 };
	int from_x = 0, from_y = 0;
	awl_case cases[] = { case_letter(&x, &from_x), case_letter(&y, &from_y) };
	awl_handle h = AWL_HANDLE_INIT;

	awl__list_init(&x.takers);
	awl__list_init(&y.takers);
	post(&x, 1);
	assert_int_equal(awl_select(cases, 2, NULL), 0);
	assert_int_equal(from_x, 1);
	(void)h;
	return 0;
}

struct both {
	struct mailbox x, y;
	int from_x, from_y, r;
};

static int take_from_both(void *arg)
{
	struct both *b = arg;
	awl_case cases[] = { case_letter(&b->x, &b->from_x), case_letter(&b->y, &b->from_y) };

	b->r = awl_select(cases, 2, NULL);
	return 0;
}

static int both_at_once(void *arg)
{
	struct both b = { .from_x = 0 };
	awl_task *t;

	awl__list_init(&b.x.takers);
	awl__list_init(&b.y.takers);
	assert_int_equal(awl_create_task(take_from_both, &b, &t), 0);
	assert_int_equal(awl_yield(), 0);
	post(&b.y, 8);
	post(&b.x, 9); /* it has its letter already: this one stays in the box */
	post(&b.y, 10);
	assert_int_equal(awl_await(t), 0);
	assert_int_equal(b.r, 1);
	assert_int_equal(b.from_y, 8);
	assert_int_equal(b.from_x, 0);
	assert_int_equal(b.x.n, 1);
	assert_int_equal(b.y.n, 1);
	assert_true(awl__list_empty(&b.x.takers));
	awl_unref(t);
	return 0;
}

static void one_is_taken_and_what_came_besides_stays(void **state)
{
	in_loop(two_boxes, NULL);
	in_loop(both_at_once, NULL);
}

/* A cancel and a letter, in each order and with so many iterations between: it is had once. */
static int cut_at(void *arg)
{
	long turns = *(long *)arg;
	struct both b = { .r = 77 };
	struct knife knife;
	awl_task *t;
	int letters;

	awl__list_init(&b.x.takers);
	awl__list_init(&b.y.takers);
	assert_int_equal(awl_create_task(take_from_both, &b, &t), 0);
	throw_knife(&knife, t, turns);
	for (int i = 0; i < 3; i++)
		assert_int_equal(awl_yield(), 0);
	post(&b.x, 5);
	assert_int_equal(awl_join(t), 0);
	letters = (b.from_x == 5) + b.x.n;
	assert_int_equal(letters, 1);
	assert_int_equal(b.r, b.from_x == 5 ? 0 : AWL_ECANCELED);
	assert_true(awl__list_empty(&b.x.takers));
	assert_true(awl__list_empty(&b.y.takers));
	catch_knife(&knife);
	awl_unref(t);
	return knife.asked == 1;
}

static void a_letter_is_never_lost_to_a_cancel(void **state)
{
	long turns = 0;
	int r;

	do
		r = awl_run(cut_at, &turns);
	while (r == 1 && turns++ < 100);
	assert_int_equal(r, 0);
	assert_true(turns > 2);
}

static int taken_back(void *arg)
{
	struct both b = { .r = 77 };
	awl_task *t;

	awl__list_init(&b.x.takers);
	awl__list_init(&b.y.takers);
	assert_int_equal(awl_create_task(take_from_both, &b, &t), 0);
	assert_int_equal(awl_yield(), 0);
	awl_cancel(t, NULL);
	post(&b.x, 5); /* it is on its way out: the letter stays */
	assert_int_equal(b.x.n, 1);
	assert_int_equal(awl_uncancel(t), 0); /* and back in: it looks again */
	assert_int_equal(awl_await(t), 0);
	assert_int_equal(b.r, 0);
	assert_int_equal(b.from_x, 5);
	awl_unref(t);
	return 0;
}

static void after_a_request_taken_back_it_looks_again(void **state)
{
	in_loop(taken_back, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_future_is_had_and_the_others_are_left),
		cmocka_unit_test(of_several_that_are_ready_it_is_the_first_in_the_array),
		cmocka_unit_test(a_time_that_has_passed_means_or_else),
		cmocka_unit_test(the_nearest_time_is_waited_for_never_early),
		cmocka_unit_test(a_timeout_around_it_ends_it),
		cmocka_unit_test(what_makes_no_sense_is_refused),
		cmocka_unit_test(tasks_and_selects_are_served_in_the_order_they_came),
		cmocka_unit_test(one_is_taken_and_what_came_besides_stays),
		cmocka_unit_test(a_letter_is_never_lost_to_a_cancel),
		cmocka_unit_test(after_a_request_taken_back_it_looks_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
