/* SPDX-License-Identifier: MIT */
/*
 * test_wrong_thread.c - every function that belongs to the loop's thread, called from another one
 * on live objects with waiters: refused, with nothing changed, not a byte (A1, A2; the matrix of
 * asyncio's silent calls). A public function without its row here fails the test.
 *
 * @reactors @thread
 */
#include "wrong_rows.h"

#include <malloc.h>
#include <semaphore.h>

static const char loop_name[] = "the held loop";

/* --- the dump -------------------------------------------------------------------------------- */

/* Bytes of many places, each under its name. */
struct dump {
	struct part {
		const char *name;
		size_t begin, len;
	} parts[256];
	unsigned count;
	size_t len;
	unsigned char bytes[1 << 20];
};

/* Stacks are read whole, with what a sanitizer keeps between the variables. */
__attribute__((no_sanitize("address", "thread", "undefined"))) static void copy_bytes(
	unsigned char *to, const volatile unsigned char *from, size_t len)
{
	for (size_t i = 0; i < len; i++)
		to[i] = from[i];
}

static void add(struct dump *d, const char *name, const void *from, size_t len)
{
	if (!expect(d->count < COUNT(d->parts) && d->len + len <= sizeof d->bytes))
		return;
	d->parts[d->count++] = (struct part){ name, d->len, len };
	copy_bytes(d->bytes + d->len, from, len);
	d->len += len;
}

static void add_rows(struct dump *d, const char *name, const struct awl__rows *r)
{
	for (struct awl__row_block *b = r->blocks; b; b = b->next)
		add(d, name, b, AWL__CACHE_LINE + (size_t)b->used * r->size);
}

static void add_task(struct dump *d, const struct awl__task *t)
{
	const struct awl__stack *stack = t->context.stack;

	for (const struct awl__scope *s = t->scope; s; s = s->outer)
		add(d, "scope", s, sizeof *s);
	if (t->extra)
		add(d, "extra", t->extra, malloc_usable_size(t->extra));
	if (t->extra && t->extra->name)
		add(d, "name", t->extra->name, strlen(t->extra->name));
	if (stack && t->context.sp)
		add(d, "stack", t->context.sp, (size_t)(stack->high - (char *)t->context.sp));
}

/*
 * In the loop's thread, held inside a callback: every byte of the loop, its tasks, futures, scopes,
 * stacks, timers, and of what lies in callers' storage. While the loop is held neither time (A15)
 * nor its counters move; only `watched` is left out, which is the watchdog thread's.
 */
static void dump(struct dump *d, struct scene *s)
{
	awl_loop *l = s->loop;

	d->count = 0;
	d->len = 0;
	add(d, "loop", l, offsetof(awl_loop, watched));
	add(d, "loop behind watched", &l->slow,
		sizeof *l - (size_t)((const char *)&l->slow - (const char *)l));
	add_rows(d, "tasks", &l->tasks);
	add_rows(d, "futures", &l->futures);
	add_rows(d, "holds", &l->holds);
	awl__list_each (node, &l->loose) {
		void *f = awl__container(node, struct awl__payload_future, loose);

		add(d, "future with payload", f, malloc_usable_size(f));
	}
	for (struct awl__row_block *b = l->tasks.blocks; b; b = b->next)
		for (uint32_t i = 0; i < b->used; i++) {
			struct awl__row *row = awl__row_at(&l->tasks, b, i);

			if (row->kind == AWL__TASK && row->state == AWL__PENDING)
				add_task(d, (const struct awl__task *)row);
		}
	add(d, "timers", l->timers.at, l->timers.count * sizeof *l->timers.at);
	add(d, "reactor", l->reactor, sizeof *l->reactor);
	add(d, "cfuture", s->pending, malloc_usable_size(s->pending));
	add(d, "completions", s->completed->_core, malloc_usable_size(s->completed->_core));
	add(d, "channel", s->channel, malloc_usable_size(s->channel));
	for (int i = 0; i < 2; i++)
		add(d, "stream", s->streams[i], malloc_usable_size(s->streams[i]));
	add(d, "server", s->server, malloc_usable_size(s->server));
	add(d, "datagram", s->datagram, malloc_usable_size(s->datagram));
	add(d, "callers' storage", s, sizeof *s);
	add(d, "results", &out, sizeof out);
}

static void compare(const struct dump *a, const struct dump *b, const char *function)
{
	if (a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0)
		return;
	wrong("a refused call changed something");
	if (a->count != b->count || a->len != b->len) {
		fprintf(stderr, "# %s: another number of objects\n", function);
		return;
	}
	for (unsigned i = 0; i < a->count; i++)
		for (size_t at = a->parts[i].begin; at < a->parts[i].begin + a->parts[i].len; at++)
			if (a->bytes[at] != b->bytes[at]) {
				fprintf(stderr, "# %s changed %s at byte %zu\n", function,
					a->parts[i].name, at - a->parts[i].begin);
				break;
			}
}

/* --- what is said ---------------------------------------------------------------------------- */

static struct heard heard;
static struct {
	awl_misuse m;
	int times;
} told;

static void on_misuse(const awl_misuse *m, void *arg)
{
	told.m = *m;
	told.times++;
}

static bool says(const char *words)
{
	return expect(strstr(heard.text, words) != NULL);
}

/* The call, both threads, the loop, the call to use instead. */
static void check_words(const struct row *row, const struct scene *s)
{
	char words[96];
	bool ok = true;

	snprintf(words, sizeof words, "%s called from thread %d", row->function, gettid());
	ok &= says(words);
	snprintf(words, sizeof words, "loop %p (%s) runs in thread %d", (void *)s->loop, loop_name,
		s->owner_tid);
	ok &= says(words);
	ok &= says("nothing was changed. Call ");
	ok &= says(" instead.");
	if (!ok)
		fprintf(stderr, "# %s said: %s\n", row->function, heard.text);
}

static void check_hook(const struct row *row, const struct scene *s)
{
	expect(told.times == 1);
	expect(strcmp(told.m.call, row->function) == 0);
	expect(told.m.instead && *told.m.instead);
	expect(told.m.caller_tid == gettid());
	expect(told.m.owner_tid == s->owner_tid);
	expect(told.m.loop == s->loop);
	expect(strcmp(told.m.loop_name, loop_name) == 0);
	expect(told.m.error == row->code);
}

/* --- the meeting ----------------------------------------------------------------------------- */

static struct {
	sem_t ready, called;
} meeting;

static void await(sem_t *sem)
{
	while (sem_wait(sem) < 0)
		continue;
}

/* Which rows a foreign caller is tried with, and what it must get. */
typedef bool chosen(const struct row *row, int64_t *code);

static bool all(const struct row *row, int64_t *code)
{
	*code = row->code;
	return true;
}

/* In another loop's task there is a loop to act upon: what names an object of ours is refused. */
static bool naming_an_object(const struct row *row, int64_t *code)
{
	*code = row->in_another_loop;
	return *code != 0;
}

static struct dump before, after;

/* The loop's half: a callback that holds the loop while others call. */
static int hold(void *arg)
{
	struct scene *s = arg;

	s->owner_tid = gettid();
	for (unsigned i = 0; i < COUNT(rows); i++) {
		dump(&before, s);
		sem_post(&meeting.ready);
		await(&meeting.called);
		dump(&after, s);
		compare(&before, &after, rows[i].function);
	}
	sem_post(&meeting.ready);
	await(&meeting.called);
	expect(awl_future_set_result(s->awaited, 7) == 0);
	return 0;
}

/* The other's half. */
static void call_all(struct scene *s, chosen *choose, bool in_words)
{
	for (unsigned i = 0; i < COUNT(rows); i++) {
		const struct row *row = &rows[i];
		int64_t code, got;

		await(&meeting.ready);
		if (choose(row, &code)) {
			bool refused = code == AWL_ETHREAD || code == AWL_ERUNNING;

			told.times = 0;
			listen_to_awl(&heard);
			awl_set_misuse_hook(in_words ? NULL : on_misuse, NULL);
			got = row->call(s);
			if (!expect(got == code))
				fprintf(stderr, "# %s returned %s\n", row->function,
					awl_error_name((int)got));
			if (refused && in_words)
				check_words(row, s);
			else if (refused)
				check_hook(row, s);
			else
				expect(told.times == 0 && heard.lines == 0);
			stop_listening();
			awl_set_misuse_hook(NULL, NULL);
		}
		sem_post(&meeting.called);
	}
	await(&meeting.ready);
	sem_post(&meeting.called);
}

/* --- the scene ------------------------------------------------------------------------------- */

static int finish(struct scene *s, int r)
{
	expect(r == 7);
	s->finished++;
	return r < 0 ? r : 0;
}

static int waits(void *arg)
{
	struct scene *s = arg;

	return finish(s, awl_await(s->awaited));
}

static int joins(void *arg)
{
	struct scene *s = arg;
	int r = awl_join(s->awaited);

	return finish(s, r < 0 ? r : awl_result(s->awaited));
}

static int sleeps(void *arg)
{
	struct scene *s = arg;

	return finish(s, awl_sleep(HOUR) == AWL_ECANCELED ? 7 : 0);
}

static int reads(void *arg)
{
	struct scene *s = arg;
	char c = 0;
	int r = awl_fd_read(s->fds[0], &c, 1);

	return finish(s, r == 1 ? c : r);
}

static int sits_in_scopes(void *arg)
{
	struct scene *s = arg;
	awl_timeout t;
	awl_shield sh;
	awl_task_group g;
	int r;

	s->timeout = &t;
	s->shield = &sh;
	s->group = &g;
	awl_timeout_enter(&t, HOUR);
	awl_shield_enter(&sh, HOUR);
	awl_task_group_enter(&g);
	expect(awl_task_group_create_task(&g, waits, s, &s->child) == 0);
	r = awl_task_group_exit(&g, awl_await(s->awaited));
	r = awl_timeout_exit(&t, awl_shield_exit(&sh, r));
	return finish(s, r);
}

static int from_a_thread(void *arg)
{
	struct scene *s = *(struct scene **)arg;

	return finish(s, awl_await(s->awaited));
}

/* Gets what it waited for: by the keeper, who gives it back, or by `awaited`. */
static int served(struct scene *s, int r)
{
	return finish(s, r == 0 ? 7 : r);
}

static int waits_for_the_lock(void *arg)
{
	struct scene *s = arg;
	int r = awl_lock_acquire(&s->lock);

	return served(s, r < 0 ? r : awl_lock_release(&s->lock));
}

static int waits_for_the_event(void *arg)
{
	struct scene *s = arg;

	return served(s, awl_event_wait(&s->event));
}

static int waits_for_the_condition(void *arg)
{
	struct scene *s = arg;
	int r = awl_condition_acquire(&s->condition);

	if (r == 0)
		r = awl_condition_wait(&s->condition);
	return served(s, r < 0 ? r : awl_condition_release(&s->condition));
}

static int waits_for_the_semaphore(void *arg)
{
	struct scene *s = arg;
	int r = awl_semaphore_acquire(&s->semaphore);

	return served(s, r < 0 ? r : awl_semaphore_release(&s->semaphore));
}

static int waits_for_the_limiter(void *arg)
{
	struct scene *s = arg;
	int r = awl_limiter_acquire(&s->limiter);

	return served(s, r < 0 ? r : awl_limiter_release(&s->limiter));
}

static int waits_at_the_barrier(void *arg)
{
	struct scene *s = arg;

	return served(s, awl_barrier_wait(&s->barrier));
}

static int gets(void *arg)
{
	struct scene *s = arg;
	int item = 0, r = awl_queue_get(&s->empty, &item);

	return finish(s, r < 0 ? r : item);
}

static int puts_one_more(void *arg)
{
	struct scene *s = arg;
	int item = 8;

	return served(s, awl_queue_put(&s->full, &item));
}

static int waits_until_all_is_worked_off(void *arg)
{
	struct scene *s = arg;

	return served(s, awl_queue_join(&s->full));
}

static int watches(void *arg)
{
	struct scene *s = arg;
	uint64_t seen = 0;
	int value = 0, r = awl_watch_changed(&s->watch, &seen, &value);

	if (r == 0)
		r = awl_watch_changed(&s->watch, &seen, &value);
	return finish(s, r < 0 ? r : value);
}

static int subscribes(void *arg)
{
	struct scene *s = arg;
	awl_subscriber mine;
	int item = 0, r = awl_broadcast_subscribe(&s->broadcast, &mine);

	s->subscriber = &mine;
	if (r == 0)
		r = awl_subscriber_get(&mine, &item);
	return finish(s, r < 0 ? r : item);
}

static int receives(void *arg)
{
	struct scene *s = arg;
	int item = 0, r = awl_channel_recv(s->channel, &item);

	return finish(s, r < 0 ? r : item);
}

static int reads_a_stream(void *arg)
{
	struct scene *s = arg;
	char c;
	int r = awl_stream_read(s->streams[0], &c, 1);

	return finish(s, r < 0 ? r : c);
}

static int receives_a_datagram(void *arg)
{
	struct scene *s = arg;
	char c;
	int r = awl_datagram_recv(s->datagram, &c, 1, NULL);

	return finish(s, r < 0 ? r : c);
}

static int takes_the_second_step(void *arg)
{
	struct scene *s = arg;

	return served(s, awl_test_sequence(&s->sequencer, 1));
}

static int selects(void *arg)
{
	struct scene *s = arg;
	awl_case cases[] = { awl_case_future(s->awaited), awl_case_after(HOUR) };
	int result = 0, r = awl_select(cases, COUNT(cases), &result);

	return finish(s, r < 0 ? r : result);
}

static int gathers(void *arg)
{
	struct scene *s = arg;

	return served(s, awl_gather_futures(&s->awaited, 1, NULL, AWL_CANCEL_SIBLINGS));
}

static int waits_for_all(void *arg)
{
	struct scene *s = arg;
	int r = awl_wait(&s->awaited, 1, HOUR, AWL_ALL_COMPLETED);

	return served(s, r == 1 ? 0 : r);
}

static int waits_an_hour_for_one(void *arg)
{
	struct scene *s = arg;

	return finish(s, awl_wait_for_future(HOUR, s->awaited));
}

static int takes_what_is_completed(void *arg)
{
	struct scene *s = arg;
	awl_as_completed it;
	awl_future *f = NULL;
	int r;

	s->completed = &it;
	awl_as_completed_enter(&it, &s->awaited, 1, HOUR);
	r = awl_as_completed_next(&it, &f);
	return finish(s, awl_as_completed_exit(&it, r < 0 ? r : awl_result(f)));
}

static awl_fn *const waiting[] = {
	waits_for_the_lock,
	waits_for_the_event,
	waits_for_the_condition,
	waits_for_the_semaphore,
	waits_for_the_limiter,
	waits_at_the_barrier,
	gets,
	puts_one_more,
	waits_until_all_is_worked_off,
	watches,
	subscribes,
	receives,
	reads_a_stream,
	receives_a_datagram,
	takes_the_second_step,
	selects,
	gathers,
	waits_for_all,
	waits_an_hour_for_one,
	takes_what_is_completed,
};

_Static_assert(COUNT(waiting) == COUNT(((struct scene *)NULL)->waiting), "a task for each");

/* Seven that wait for `awaited`, the keeper, and those. */
#define WAITERS (7 + 1 + (int)COUNT(waiting))

static int takes(struct scene *s)
{
	int r = 0;

	r |= awl_lock_acquire(&s->lock);
	r |= awl_semaphore_acquire(&s->semaphore);
	r |= awl_limiter_acquire(&s->limiter);
	r |= awl_queue_put(&s->full, &s->latest);
	r |= awl_local_set(&local, s, &s->token);
	r |= awl_interval_start(&s->interval, HOUR, AWL_MISSED_SKIP);
	return r;
}

static int sends_a_datagram(struct scene *s)
{
	struct sockaddr_storage to;
	struct sockaddr *addr = (struct sockaddr *)&to;
	socklen_t len = sizeof to;
	int r = awl_datagram_getsockname(s->datagram, addr, &len);

	return r < 0 ? r : awl_datagram_sendto(s->datagram, "\7", 1, addr, len);
}

static int gives_back(struct scene *s)
{
	int r = 0, item = 7;

	r |= awl_lock_release(&s->lock);
	r |= awl_semaphore_release(&s->semaphore);
	r |= awl_limiter_release(&s->limiter);
	r |= awl_event_set(&s->event);
	r |= awl_condition_acquire(&s->condition);
	expect(awl_condition_notify_all(&s->condition) == 1);
	r |= awl_condition_release(&s->condition);
	expect(awl_barrier_wait(&s->barrier) >= 0);
	r |= awl_queue_put(&s->empty, &item);
	r |= awl_watch_set(&s->watch, &item);
	r |= awl_broadcast_send(&s->broadcast, &item);
	r |= awl_channel_try_send(s->channel, &item);
	r |= awl_stream_write_all(s->streams[1], "\7", 1, NULL);
	r |= sends_a_datagram(s);
	r |= awl_test_sequence(&s->sequencer, 0);
	for (int i = 0; i < 2; i++) {
		r |= awl_queue_get(&s->full, &item);
		r |= awl_queue_task_done(&s->full);
	}
	return r | awl_local_reset(&s->token);
}

static int keeps(void *arg)
{
	struct scene *s = arg;

	expect(takes(s) == 0);
	expect(awl_await(s->awaited) == 7);
	return served(s, gives_back(s));
}

static int counts(void *arg)
{
	((struct scene *)arg)->callbacks++;
	return 0;
}

static int one_more(void *arg)
{
	((struct scene *)arg)->started++;
	return 0;
}

static int set_up_waiting(struct scene *s)
{
	const awl_datagram_options here = { .local_host = "127.0.0.1" };
	int r = awl_channel_new(sizeof(int), 1, &s->channel) | awl_stream_pair(s->streams);

	r |= awl_datagram_open(&here, &s->datagram);
	s->lock = (awl_lock)AWL_LOCK_INIT;
	s->event = (awl_event)AWL_EVENT_INIT;
	s->condition = (awl_condition)AWL_CONDITION_INIT(NULL);
	s->semaphore = (awl_semaphore)AWL_SEMAPHORE_INIT(1);
	s->limiter = (awl_limiter)AWL_LIMITER_INIT(1);
	s->barrier = (awl_barrier)AWL_BARRIER_INIT(2);
	s->empty = (awl_queue)AWL_QUEUE_INIT(sizeof(int), 0);
	s->full = (awl_queue)AWL_QUEUE_OVER(s->one);
	s->watch = (awl_watch)AWL_WATCH_OVER(&s->latest);
	s->broadcast = (awl_broadcast)AWL_BROADCAST_OVER(s->sent);
	r |= awl_create_task(keeps, s, &s->keeper);
	for (unsigned i = 0; i < COUNT(waiting); i++)
		r |= awl_create_task(waiting[i], s, &s->waiting[i]);
	return r;
}

static int set_up(struct scene *s)
{
	awl_loop *l = s->loop;
	int r = 0;

	make_pipe(l, s->fds);
	r |= awl_loop_create_future(l, 0, &s->awaited);
	r |= awl_loop_create_future(l, 64, &s->loose);
	r |= awl_loop_create_future(l, 0, &s->failed);
	r |= awl_future_set_exception(s->failed, -EIO);
	r |= awl_create_task(waits, s, &s->waiter);
	r |= awl_create_task(joins, s, &s->joiner);
	r |= awl_create_task(sleeps, s, &s->sleeper);
	r |= awl_create_task(reads, s, &s->reader);
	r |= awl_create_task(sits_in_scopes, s, &s->scoped);
	r |= set_up_waiting(s);
	r |= awl_start_server(must_not_serve, s, "127.0.0.1", 0, &s->server);
	r |= awl_future_add_done_callback(s->awaited, on_done, s, &s->stored);
	r |= awl_loop_call_later(l, HOUR, must_not_start, s, &s->timer);
	r |= awl_task_set_name(s->waiter, "a waiter");
	r |= awl_run_coroutine_threadsafe(l, from_a_thread, &s, sizeof s, &s->pending);
	for (int i = 0; i < 10 && r == 0; i++)
		r = awl_yield();
	/* Held with something in the ready list, and with a task that has not begun. */
	r |= awl_loop_call_soon(l, hold, s, &s->hold);
	r |= awl_loop_call_soon(l, counts, s, &s->ready);
	r |= awl_create_task(one_more, s, &s->unbegun);
	return r;
}

/* Nobody was lost: everybody comes to its end when the loop goes on. */
static int main_task(void *arg)
{
	struct scene *s = arg;
	awl_task *all_of[7];
	char seven = 7;
	int r = set_up(s);

	if (!expect(r == 0))
		return r;
	all_of[0] = s->waiter;
	all_of[1] = s->joiner;
	all_of[2] = s->sleeper;
	all_of[3] = s->reader;
	all_of[4] = s->scoped;
	all_of[5] = s->unbegun;
	all_of[6] = s->keeper;
	expect(awl_await(s->awaited) == 7);
	expect(awl_cancel(s->sleeper, "the scene is over") == 1);
	expect(awl_fd_write(s->fds[1], &seven, 1) == 1);
	for (unsigned i = 0; i < COUNT(all_of); i++) {
		expect(awl_await(all_of[i]) == 0);
		awl_unref(all_of[i]);
	}
	for (unsigned i = 0; i < COUNT(waiting); i++) {
		expect(awl_await(s->waiting[i]) == 0);
		awl_unref(s->waiting[i]);
	}
	expect(awl_handle_cancel(&s->timer) == 1);
	expect(awl_result(s->failed) == -EIO);
	awl_unref(s->failed);
	awl_unref(s->loose);
	awl_unref(s->awaited);
	awl_channel_unref(s->channel);
	for (int i = 0; i < 2; i++) {
		expect(awl_stream_close(s->streams[i]) == 0);
		awl_stream_unref(s->streams[i]);
	}
	expect(awl_datagram_close(s->datagram) == 0);
	awl_datagram_unref(s->datagram);
	expect(awl_server_is_serving(s->server) == 1);
	expect(awl_server_close(s->server) == 0);
	expect(awl_server_wait_closed(s->server) == 0);
	awl_server_unref(s->server);
	expect(awl_queue_destroy(&s->empty) == 0);
	close_pipe(s->loop, s->fds);
	return 0;
}

static void *held_thread(void *arg)
{
	struct scene *s = arg;

	expect(awl_runner_run(&s->runner, main_task, s) == 0);
	expect(awl_runner_close(&s->runner) == 0);
	return NULL;
}

static void play(void (*foreigner)(struct scene *s))
{
	/* Held for as long as it takes: its steps are not slow. */
	struct scene s = { .runner.loop = { .name = loop_name, .slow = AWL_FOREVER } };
	int outcome = -1;
	pthread_t t;

	memset(&out, 0, sizeof out);
	out.jobs[0].fn = must_not_start;
	sem_init(&meeting.ready, 0, 0);
	sem_init(&meeting.called, 0, 0);
	assert_int_equal(awl_runner_get_loop(&s.runner, &s.loop), 0);
	awl_loop_ref(s.loop);
	t = start_thread(held_thread, &s);
	foreigner(&s);
	join_thread(t);
	assert_int_equal(awl_cfuture_join(s.pending, &outcome), 0);
	assert_int_equal(outcome, 0);
	awl_cfuture_unref(s.pending);
	awl_loop_unref(s.loop);
	assert_int_equal(s.finished, WAITERS);
	assert_int_equal(s.callbacks, 2);
	assert_int_equal(s.started, 1);
	assert_null(out.task);
	assert_null(out.future);
	settle();
}

/* --- the cases ------------------------------------------------------------------------------- */

static void in_words(struct scene *s)
{
	call_all(s, all, true);
}

static void a_refused_call_tells_the_call_both_threads_the_loop_and_the_remedy(void **state)
{
	play(in_words);
}

static void from_a_plain_thread(struct scene *s)
{
	call_all(s, all, false);
}

static void a_call_from_a_plain_thread_is_refused_and_changes_no_byte(void **state)
{
	play(from_a_plain_thread);
}

static int in_its_task(void *arg)
{
	call_all(arg, naming_an_object, false);
	return 0;
}

static void from_another_loop(struct scene *s)
{
	assert_int_equal(awl_run(in_its_task, s), 0);
}

static void a_call_from_another_loops_task_is_refused_and_changes_no_byte(void **state)
{
	play(from_another_loop);
}

/* The controls of the matrix: what any thread may do works on the very same scene. */
static int seven(void *arg)
{
	return 7;
}

static void the_right_way(struct scene *s)
{
	awl_handle handle = AWL_HANDLE_INIT;
	awl_cfuture *c;
	int outcome = 0;

	for (unsigned i = 0; i < COUNT(rows); i++) {
		await(&meeting.ready);
		expect(awl_loop_is_running(s->loop) == 1);
		expect(awl_loop_is_closed(s->loop) == 0);
		expect(awl_future_get_loop(s->awaited) == s->loop);
		expect(awl_cfuture_done(s->pending) == 0);
		sem_post(&meeting.called);
	}
	await(&meeting.ready);
	expect(awl_run_coroutine_threadsafe(s->loop, seven, NULL, 0, &c) == 0);
	expect(awl_call_soon_threadsafe(s->loop, counts, s, &handle) == 0);
	sem_post(&meeting.called);
	expect(awl_cfuture_join(c, &outcome) == 0);
	expect(outcome == 7);
	awl_cfuture_unref(c);
	expect(awl_cfuture_join(s->pending, NULL) == 0);
	s->callbacks--;
}

static void the_calls_for_any_thread_are_right_on_a_held_loop(void **state)
{
	play(the_right_way);
}

/* --- completeness ---------------------------------------------------------------------------- */

static const struct row *row_of(const char *function)
{
	for (unsigned i = 0; i < COUNT(rows); i++)
		if (strcmp(rows[i].function, function) == 0)
			return &rows[i];
	return NULL;
}

/* The headers' own list, by the tool that reads them. */
static void every_function_of_the_loops_thread_has_its_row(void **state)
{
	const char *source = getenv("AWL_SOURCE");
	char command[512], line[256];
	unsigned matched = 0, missing = 0;
	FILE *list;

	snprintf(command, sizeof command, "python3 %s/tools/tree.py", source ? source : ".");
	list = popen(command, "r");
	assert_non_null(list);
	while (fgets(line, sizeof line, list)) {
		char tag[64], function[128];
		const struct row *row;

		assert_int_equal(sscanf(line, "%63s %127s", tag, function), 2);
		if (strcmp(tag, "inline") == 0 || strcmp(tag, "AWL_ANY_THREAD") == 0)
			continue;
		row = row_of(function);
		matched += row && strcmp(row->tag, tag) == 0;
		if (!row || strcmp(row->tag, tag) != 0) {
			print_error("%s %s: give it a row in thread/wrong_rows.h\n", tag, function);
			missing++;
		}
	}
	assert_int_equal(pclose(list), 0);
	assert_int_equal(missing, 0);
	assert_int_equal(matched, COUNT(rows));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_function_of_the_loops_thread_has_its_row),
		/* First: each call is told in words once a process. */
		cmocka_unit_test(
			a_refused_call_tells_the_call_both_threads_the_loop_and_the_remedy),
		cmocka_unit_test(a_call_from_a_plain_thread_is_refused_and_changes_no_byte),
		cmocka_unit_test(a_call_from_another_loops_task_is_refused_and_changes_no_byte),
		cmocka_unit_test(the_calls_for_any_thread_are_right_on_a_held_loop),
	};

	return cmocka_run_group_tests_name("thread.wrong_thread", tests, NULL, NULL);
}
