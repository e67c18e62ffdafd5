/* SPDX-License-Identifier: MIT */
/*
 * test_race_submit.c - the ways in for other threads, against the loop's close, its sleep and the
 * end of what they asked for: what was accepted is done or answered, what was refused never begins.
 *
 * @reactors @thread @alone @timeout 120
 */
#include "threads.h"

#define ITEMS 4

static struct round {
	awl_loop *loop;
	struct line line;
	long rounds;
	long done, closed; /* the tally */
} round_of;

/* One thing submitted. */
struct item {
	awl_handle handle;
	awl_cfuture *c;
	int accepted, outcome;
	_Atomic int began;
};
static struct item items[ITEMS];
typedef void item_fn(struct item *item);

static int begins(void *arg)
{
	struct item *item = *(struct item **)arg;

	expect(atomic_fetch_add(&item->began, 1) == 0);
	return 7;
}

static int begins_with_handle(void *arg)
{
	expect(atomic_fetch_add(&((struct item *)arg)->began, 1) == 0);
	return 0;
}

static int yields(void *arg)
{
	int r = begins(arg);
	int waited = awl_yield();

	return waited < 0 ? waited : r;
}

static int nothing(void *arg)
{
	return 0;
}

/* The main task of a run that takes a while, each time another. */
static int loiters(void *arg)
{
	int r = 0;

	for (long turns = *(long *)arg % 64; turns > 0 && r == 0; turns--)
		r = awl_yield();
	return r;
}

static void dawdle(long round)
{
	for (long spins = round / 2 % 256 * 64; spins > 0; spins--)
		atomic_signal_fence(memory_order_seq_cst);
}

/* The other thread submits ITEMS times while this one runs the loop a little and closes it. */
static void *submitter(void *arg)
{
	item_fn **submit = arg;

	race_on(1, NULL);
	for (long i = 0; i < round_of.rounds; i++) {
		meet(&round_of.line);
		dawdle(i % 2 ? i : 0);
		for (unsigned k = 0; k < ITEMS; k++)
			(*submit)(&items[k]);
		meet(&round_of.line);
	}
	return NULL;
}

static void against_close(item_fn *submit, item_fn *check)
{
	cpu_set_t before;
	pthread_t t;

	round_of = (struct round){ .line.threads = 2, .rounds = rounds() };
	t = start_thread(submitter, &submit);
	race_on(0, &before);
	for (long i = 0; i < round_of.rounds; i++) {
		round_of.loop = new_loop(NULL);
		memset(items, 0, sizeof items);
		meet(&round_of.line);
		dawdle(i % 2 ? 0 : i);
		expect(awl_loop_run_until_complete(round_of.loop, loiters, &i) == 0);
		expect(awl_loop_close(round_of.loop) == 0);
		meet(&round_of.line);
		for (unsigned k = 0; k < ITEMS; k++)
			check(&items[k]);
		awl_loop_unref(round_of.loop);
	}
	pthread_setaffinity_np(pthread_self(), sizeof before, &before);
	join_thread(t);
	print_message("# %ld done, %ld closed\n", round_of.done, round_of.closed);
	settle();
}

static void tally(bool done)
{
	round_of.done += done;
	round_of.closed += !done;
}

/* --- submit against close -------------------------------------------------------------------- */

static void send_handle(struct item *item)
{
	item->accepted =
		awl_call_soon_threadsafe(round_of.loop, begins_with_handle, item, &item->handle);
}

static void check_handle(struct item *item)
{
	expect(item->accepted == 0 || item->accepted == AWL_ECLOSED);
	expect(item->accepted == 0 || item->began == 0);
	expect(item->handle._sent == 0 &&
		!item->handle._loop); /* run, dropped or refused: the storage is ours again */
	tally(item->began);
}

static void a_handle_sent_while_a_loop_closes_runs_or_is_given_back(void **state)
{
	against_close(send_handle, check_handle);
}

static void send_coroutine(struct item *item)
{
	item->accepted =
		awl_run_coroutine_threadsafe(round_of.loop, yields, &item, sizeof item, &item->c);
	if (item->accepted == 0)
		expect(awl_cfuture_join(item->c, &item->outcome) == 0);
}

static void check_coroutine(struct item *item)
{
	expect(item->accepted == 0 || item->accepted == AWL_ECLOSED);
	if (item->accepted < 0) {
		expect(item->began == 0 && !item->c);
	} else {
		expect(item->outcome == 7 || item->outcome == AWL_ECLOSED);
		expect(item->outcome != 7 || item->began == 1);
		expect(awl_cfuture_done(item->c) == 1);
		awl_cfuture_unref(item->c);
	}
	tally(item->outcome == 7);
}

static void a_coroutine_submitted_while_a_loop_closes_is_answered(void **state)
{
	against_close(send_coroutine, check_coroutine);
}

static void send_call(struct item *item)
{
	item->accepted = awl_call_threadsafe(
		round_of.loop, begins, &item, sizeof item, AWL_FOREVER, &item->outcome);
}

static void check_call(struct item *item)
{
	expect(item->accepted == 0 || item->accepted == AWL_ECLOSED);
	expect((item->accepted == 0) == (item->began == 1));
	expect(item->outcome == (item->began ? 7 : 0));
	tally(item->began);
}

static void a_call_sent_while_a_loop_closes_is_made_or_refused(void **state)
{
	against_close(send_call, check_call);
}

/* --- against the end of what was asked for --------------------------------------------------- */

/* What the second thread does with each round's cfuture. */
static struct {
	awl_cfuture *c;
	int answer;
	_Atomic int called;
	int outcome, tid;
} shared;

static void (*meanwhile)(void);

static void *second(void *arg)
{
	for (long i = 0; i < round_of.rounds; i++) {
		meet(&round_of.line);
		dawdle(i % 2 ? i : 0);
		meanwhile();
		meet(&round_of.line);
	}
	return NULL;
}

/* Each round a coroutine is on its way through the loop while the second thread does something. */
static void against_completion(void (*what)(void), void (*check)(int outcome))
{
	pthread_t t;

	round_of = (struct round){ .line.threads = 2, .rounds = rounds() };
	meanwhile = what;
	runner_start(&runner);
	t = start_thread(second, NULL);
	for (long i = 0; i < round_of.rounds; i++) {
		struct item item = { .outcome = 0 }, *p = &item;
		awl_cfuture *c;
		int outcome = 0;

		shared.called = 0;
		expect(awl_run_coroutine_threadsafe(runner.loop, yields, &p, sizeof p, &c) == 0);
		shared.c = awl_cfuture_ref(c);
		meet(&round_of.line);
		dawdle(i % 2 ? 0 : i);
		expect(awl_cfuture_join(c, &outcome) == 0);
		meet(&round_of.line);
		expect(item.began ==
			1); /* cancelled before its first step it begins all the same */
		check(outcome);
		awl_cfuture_unref(c);
	}
	join_thread(t);
	runner_stop(&runner);
	print_message("# %ld one way, %ld the other\n", round_of.done, round_of.closed);
	settle();
}

static void cancel_it(void)
{
	shared.answer = awl_cfuture_cancel(shared.c, "the second thread");
	awl_cfuture_unref(shared.c);
}

static void check_cancelled(int outcome)
{
	expect(shared.answer == 0 || shared.answer == 1);
	expect(outcome == 7 || outcome == AWL_EFUTURECANCELED);
	expect(shared.answer == 1 || outcome == 7); /* 0: it was done */
	tally(outcome == 7);
}

static void a_cancel_against_completion_comes_in_time_or_changes_nothing(void **state)
{
	against_completion(cancel_it, check_cancelled);
}

static void give_it_up(void)
{
	awl_cfuture_unref(shared.c);
}

static void check_given_up(int outcome)
{
	expect(outcome == 7);
	tally(true);
}

static void an_unref_against_completion_frees_once(void **state)
{
	against_completion(give_it_up, check_given_up);
}

static void on_done(awl_cfuture *c, int outcome, void *arg)
{
	expect(arg == &shared && c == shared.c);
	shared.outcome = outcome;
	shared.tid = gettid();
	atomic_fetch_add(&shared.called, 1);
}

static void add_callback(void)
{
	int outcome = 0;

	expect(awl_cfuture_add_done_callback(shared.c, on_done, &shared) == 0);
	expect(awl_cfuture_join(shared.c, &outcome) == 0);
	while (!shared.called)
		sched_yield();
	/* In the loop's thread, or in this one: it was done already. */
	expect(shared.tid == runner.tid || shared.tid == gettid());
	tally(shared.tid == runner.tid);
	expect(shared.outcome == 7 && outcome == 7);
	awl_cfuture_unref(shared.c);
}

static void check_called(int outcome)
{
	expect(shared.called == 1);
	expect(outcome == 7);
}

static void a_done_callback_added_against_completion_is_called_once(void **state)
{
	against_completion(add_callback, check_called);
}

/* Nobody asks for the outcome: the last reference goes while the coroutine is on its way. */
static _Atomic long ran;

static int counts(void *arg)
{
	atomic_fetch_add(&ran, 1);
	return 0;
}

static void a_coroutine_whose_cfuture_was_given_up_runs_all_the_same(void **state)
{
	long n = rounds();
	awl_cfuture *c;

	ran = 0;
	runner_start(&runner);
	for (long i = 0; i < n; i++) {
		expect(awl_run_coroutine_threadsafe(
			       runner.loop, counts, NULL, 0, i % 2 ? &c : NULL) == 0);
		dawdle(i);
		if (i % 2)
			awl_cfuture_unref(c);
	}
	expect(awl_run_coroutine_threadsafe(runner.loop, counts, NULL, 0, &c) == 0);
	expect(awl_cfuture_join(c, NULL) == 0);
	awl_cfuture_unref(c);
	assert_int_equal(ran, n + 1);
	runner_stop(&runner);
	settle();
}

/* --- a handle sent by two threads at once ---------------------------------------------------- */

/*
 * Plain data, published by nothing but the send: a send that finds the handle waiting already must
 * still be seen by the callback that it counts on.
 */
static struct {
	awl_handle handle;
	struct {
		_Atomic long seen;
		long sent;
	} by[2];
	long calls;
} mail;

static int collects(void *arg)
{
	mail.calls++;
	for (unsigned i = 0; i < COUNT(mail.by); i++)
		mail.by[i].seen = __atomic_load_n(&mail.by[i].sent, __ATOMIC_RELAXED);
	return 0;
}

static void *sends_mail(void *arg)
{
	long *sent = arg;
	_Atomic long *seen = &mail.by[sent == &mail.by[1].sent].seen;

	for (long i = 1; i <= round_of.rounds; i++) {
		__atomic_store_n(sent, i, __ATOMIC_RELAXED);
		expect(awl_call_soon_threadsafe(runner.loop, collects, NULL, &mail.handle) == 0);
		for (long spins = 1; *seen < i; spins++)
			if (spins % 64 == 0)
				sched_yield();
	}
	return NULL;
}

static void a_handle_already_sent_stays_sent_once_and_loses_no_sender(void **state)
{
	pthread_t t;

	memset(&mail, 0, sizeof mail);
	round_of = (struct round){ .rounds = rounds() };
	runner_start(&runner);
	t = start_thread(sends_mail, &mail.by[1].sent);
	sends_mail(&mail.by[0].sent);
	join_thread(t);
	runner_stop(&runner);
	assert_in_range(mail.calls, 1, 2 * round_of.rounds);
	settle();
}

/* --- order and count under load -------------------------------------------------------------- */

static struct letter {
	awl_handle handle;
	int from;
	long number;
} * letters[2];
static long expected[2], letters_each;

static int reads_letter(void *arg)
{
	struct letter *m = arg;

	expect(m->number == expected[m->from]);
	expected[m->from]++;
	return 0;
}

static void *writes_letters(void *arg)
{
	int from = (int)(intptr_t)arg;

	for (long i = 0; i < letters_each; i++) {
		struct letter *m = &letters[from][i];

		*m = (struct letter){ .from = from, .number = i };
		expect(awl_call_soon_threadsafe(runner.loop, reads_letter, m, &m->handle) == 0);
		if (i % 97 == 0)
			sched_yield(); /* the loop falls asleep now and then */
	}
	return NULL;
}

static void what_a_thread_sends_arrives_once_and_in_its_order(void **state)
{
	pthread_t t;

	letters_each = rounds();
	expected[0] = expected[1] = 0;
	for (int i = 0; i < 2; i++)
		letters[i] = test_malloc((size_t)letters_each * sizeof *letters[i]);
	runner_start(&runner);
	t = start_thread(writes_letters, (void *)1);
	writes_letters(NULL);
	join_thread(t);
	assert_int_equal(awl_call_threadsafe(runner.loop, nothing, NULL, 0, AWL_FOREVER, NULL), 0);
	runner_stop(&runner);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(expected[i], letters_each);
		test_free(letters[i]);
	}
	settle();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_handle_sent_while_a_loop_closes_runs_or_is_given_back),
		cmocka_unit_test(a_coroutine_submitted_while_a_loop_closes_is_answered),
		cmocka_unit_test(a_call_sent_while_a_loop_closes_is_made_or_refused),
		cmocka_unit_test(a_cancel_against_completion_comes_in_time_or_changes_nothing),
		cmocka_unit_test(an_unref_against_completion_frees_once),
		cmocka_unit_test(a_done_callback_added_against_completion_is_called_once),
		cmocka_unit_test(a_coroutine_whose_cfuture_was_given_up_runs_all_the_same),
		cmocka_unit_test(a_handle_already_sent_stays_sent_once_and_loses_no_sender),
		cmocka_unit_test(what_a_thread_sends_arrives_once_and_in_its_order),
	};

	return cmocka_run_group_tests_name("thread.race_submit", tests, NULL, NULL);
}
