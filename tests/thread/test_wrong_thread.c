/* SPDX-License-Identifier: MIT */
/*
 * test_wrong_thread.c - every function that belongs to the loop's thread, called from another one
 * on live objects with waiters: refused, with nothing changed, not a byte (A1, A2; the matrix of
 * asyncio's silent calls). A public function without its row here fails the test.
 *
 * @reactors @thread
 */
#include "threads.h"

#include <malloc.h>
#include <poll.h>
#include <semaphore.h>

#define HOUR (3600 * AWL_SEC)
#define WAITERS 7

static const char loop_name[] = "the held loop";

/* What the loop's objects are reached by; storage that callers own is in it. */
struct scene {
	awl_loop *loop;
	awl_future *awaited; /* by everybody below */
	awl_future *loose;
	awl_future *failed; /* done; nobody has read it */
	awl_task *waiter, *joiner, *sleeper, *reader, *scoped, *child, *unbegun;
	awl_timeout *timeout; /* on the stack of `scoped`, open */
	awl_shield *shield;
	awl_task_group *group;
	awl_cfuture *pending;
	awl_handle timer, ready, hold;
	awl_done_callback stored;
	int fds[2];

	int finished, callbacks, started;
	int owner_tid;
};

/* Where refused calls would put what they make. */
static struct {
	awl_future *future;
	awl_task *task;
	awl_handle handle;
	awl_done_callback callback;
	awl_timeout timeout;
	awl_shield shield;
	awl_task_group group;
	awl_fn *fn;
	void *pointers[4];
	char bytes[16];
} out;

/* --- what is called -------------------------------------------------------------------------- */

static int must_not_start(void *arg)
{
	wrong("a refused call's function was started");
	return 0;
}

static int does_nothing(void *arg)
{
	return 0;
}

static void on_done(awl_future *f, void *arg)
{
	((struct scene *)arg)->callbacks++;
}

static void on_exception(awl_loop *l, const awl_exception *e, void *arg)
{
	wrong("an exception handler was called");
}

static const awl_exception exception = { .message = "none", .error = -EIO };

/* How a function says no: by a code, or by what is not there. */
#define CODE(call) ((int64_t)(call))
#define NOTHING(call) ((call) == NULL ? AWL_ETHREAD : 0)
#define NO_WORDS(call) (*(call) == '\0' ? AWL_ETHREAD : 0)

/*
 * Tag, function, how it refuses, the code, the call. AWL_ENOLOOP where no object says which loop is
 * meant: then there is nobody who owns it. 0: the call is legal and touches no other loop.
 */
#define ROWS(X) \
	/* Future.set_result, set_exception, cancel (awaited): silent, or hung for ever */ \
	X(LOOP_THREAD, awl_future_set_result, CODE, AWL_ETHREAD, (s->awaited, 1)) \
	X(LOOP_THREAD, awl_future_set_exception, CODE, AWL_ETHREAD, (s->awaited, -EIO)) \
	X(LOOP_THREAD, awl_cancel, CODE, AWL_ETHREAD, (s->awaited, "no")) \
	/* Task.cancel (suspended): no longer cancellable */ \
	X(LOOP_THREAD, awl_cancelling, CODE, AWL_ETHREAD, (s->waiter)) \
	X(LOOP_THREAD, awl_uncancel, CODE, AWL_ETHREAD, (s->waiter)) \
	X(LOOP_THREAD, awl_cancel_reason, NO_WORDS, AWL_ETHREAD, (s->awaited)) \
	/* add_done_callback on pending; create_future: not detected */ \
	X(LOOP_THREAD, awl_future_add_done_callback, CODE, AWL_ETHREAD, \
		(s->awaited, on_done, s, &out.callback)) \
	X(LOOP_THREAD, awl_future_remove_done_callback, CODE, AWL_ETHREAD, \
		(s->awaited, on_done, s)) \
	X(LOOP_THREAD, awl_loop_create_future, CODE, AWL_ETHREAD, (s->loop, 8, &out.future)) \
	X(LOOP_THREAD, awl_future_payload, NOTHING, AWL_ETHREAD, (s->loose)) \
	X(LOOP_THREAD, awl_result, CODE, AWL_ETHREAD, (s->failed)) \
	X(LOOP_THREAD, awl_done, CODE, AWL_ETHREAD, (s->failed)) \
	X(LOOP_THREAD, awl_cancelled, CODE, AWL_ETHREAD, (s->failed)) \
	X(LOOP_THREAD, awl_ref, NOTHING, AWL_ETHREAD, (s->awaited)) \
	X(LOOP_THREAD, awl_unref, CODE, AWL_ETHREAD, (s->awaited)) \
	/* awaiting a future of loop A inside loop B: AWL_EOTHERLOOP, in the second case */ \
	X(TASK, awl_await, CODE, AWL_ETHREAD, (s->awaited)) \
	X(TASK, awl_join, CODE, AWL_ETHREAD, (s->awaited)) \
	/* call_soon, call_later, call_at; TimerHandle.cancel: not detected */ \
	X(LOOP_THREAD, awl_loop_call_soon, CODE, AWL_ETHREAD, \
		(s->loop, must_not_start, s, &out.handle)) \
	X(LOOP_THREAD, awl_loop_call_later, CODE, AWL_ETHREAD, \
		(s->loop, 1, must_not_start, s, &out.handle)) \
	X(LOOP_THREAD, awl_loop_call_at, CODE, AWL_ETHREAD, \
		(s->loop, 1, must_not_start, s, &out.handle)) \
	X(LOOP_THREAD, awl_handle_cancel, CODE, AWL_ETHREAD, (&s->timer)) \
	X(LOOP_THREAD, awl_handle_cancelled, CODE, AWL_ETHREAD, (&s->timer)) \
	X(LOOP_THREAD, awl_handle_when, CODE, AWL_ETHREAD, (&s->timer)) \
	/* set_exception_handler, call_exception_handler, set_task_factory, all_tasks */ \
	X(LOOP_THREAD, awl_loop_set_exception_handler, CODE, AWL_ETHREAD, \
		(s->loop, on_exception, s)) \
	X(LOOP_THREAD, awl_loop_call_exception_handler, CODE, AWL_ETHREAD, (s->loop, &exception)) \
	X(LOOP_THREAD, awl_loop_set_task_factory, CODE, AWL_ETHREAD, (s->loop, NULL, s)) \
	X(LOOP_THREAD, awl_all_tasks, CODE, AWL_ETHREAD, (s->loop, &out.task, 1)) \
	/* loop.stop(): not detected, late */ \
	X(LOOP_THREAD, awl_loop_stop, CODE, AWL_ETHREAD, (s->loop)) \
	/* loop.close(), run_until_complete, run_forever: detected, but not claimed */ \
	X(RUNNER, awl_loop_close, CODE, AWL_ERUNNING, (s->loop)) \
	X(RUNNER, awl_loop_run_until_complete, CODE, AWL_ERUNNING, (s->loop, must_not_start, s)) \
	X(RUNNER, awl_loop_run_until_future, CODE, AWL_ERUNNING, (s->loop, s->awaited)) \
	X(RUNNER, awl_loop_run_forever, CODE, AWL_ERUNNING, (s->loop)) \
	X(RUNNER, awl_loop_run_once, CODE, AWL_ERUNNING, (s->loop)) \
	X(LOOP_THREAD, awl_loop_fd, CODE, AWL_ETHREAD, (s->loop)) \
	X(LOOP_THREAD, awl_loop_timeout, CODE, AWL_ETHREAD, (s->loop)) \
	X(RUNNER, awl_run, CODE, 0, (does_nothing, s)) \
	X(RUNNER, awl_run_with, CODE, 0, (NULL, does_nothing, s)) \
	/* create_task, ensure_future(loop=): silent, and a half-made task is left */ \
	X(LOOP_THREAD, awl_create_task, CODE, AWL_ENOLOOP, (must_not_start, s, &out.task)) \
	X(LOOP_THREAD, awl_loop_create_task, CODE, AWL_ETHREAD, \
		(s->loop, NULL, must_not_start, s, &out.task)) \
	X(LOOP_THREAD, awl_task_get_name, NO_WORDS, AWL_ETHREAD, (s->waiter)) \
	X(LOOP_THREAD, awl_task_set_name, CODE, AWL_ETHREAD, (s->waiter, "renamed")) \
	X(LOOP_THREAD, awl_task_get_coro, CODE, AWL_ETHREAD, (s->waiter, &out.fn, out.pointers)) \
	X(LOOP_THREAD, awl_task_get_stack, CODE, AWL_ETHREAD, (s->waiter, out.pointers, 4)) \
	X(LOOP_THREAD, awl_task_print_stack, CODE, AWL_ETHREAD, (s->waiter, STDERR_FILENO)) \
	X(LOOP_THREAD, awl_task_stack_used, CODE, AWL_ETHREAD, (s->waiter)) \
	/* Timeout.reschedule: "no running event loop", but the old timer is already disarmed */ \
	X(LOOP_THREAD, awl_timeout_reschedule, CODE, AWL_ETHREAD, (s->timeout, 1)) \
	X(LOOP_THREAD, awl_timeout_expired, CODE, AWL_ETHREAD, (s->timeout)) \
	X(LOOP_THREAD, awl_timeout_when, CODE, AWL_ETHREAD, (s->timeout)) \
	X(TASK, awl_timeout_exit, CODE, AWL_ETHREAD, (s->timeout, 0)) \
	X(LOOP_THREAD, awl_timeout_enter, CODE, AWL_ENOLOOP, (s->timeout, 5)) \
	X(LOOP_THREAD, awl_timeout_enter_at, CODE, AWL_ENOLOOP, (s->timeout, 5)) \
	X(TASK, awl_wait_for, CODE, AWL_ENOLOOP, (HOUR, must_not_start, s)) \
	X(LOOP_THREAD, awl_shield_enter, CODE, AWL_ENOLOOP, (s->shield, 5)) \
	X(TASK, awl_shield_exit, CODE, AWL_ETHREAD, (s->shield, 0)) \
	X(TASK, awl_shielded, CODE, AWL_ENOLOOP, (HOUR, must_not_start, s)) \
	/* TaskGroup.create_task: silent, or a destroyed pending task */ \
	X(LOOP_THREAD, awl_task_group_create_task, CODE, AWL_ETHREAD, \
		(s->group, must_not_start, s, &out.task)) \
	X(LOOP_THREAD, awl_task_group_create_task_with, CODE, AWL_ETHREAD, \
		(s->group, NULL, must_not_start, s, &out.task)) \
	X(TASK, awl_task_group_start, CODE, AWL_ETHREAD, (s->group, must_not_start, s, &out.task)) \
	X(LOOP_THREAD, awl_task_started, CODE, AWL_ENOLOOP, (1)) \
	X(LOOP_THREAD, awl_task_group_enter, CODE, AWL_ENOLOOP, (s->group)) \
	X(LOOP_THREAD, awl_task_group_set_deadline, CODE, AWL_ETHREAD, (s->group, 1)) \
	X(LOOP_THREAD, awl_task_group_cancel, CODE, AWL_ETHREAD, (s->group, "no")) \
	X(TASK, awl_task_group_join, CODE, AWL_ETHREAD, (s->group, 0)) \
	X(TASK, awl_task_group_exit, CODE, AWL_ETHREAD, (s->group, 0)) \
	X(LOOP_THREAD, awl_task_group_failure, NOTHING, AWL_ETHREAD, (s->group, NULL)) \
	/* add_reader, remove_reader, add_writer: not detected */ \
	X(TASK, awl_wait_fd, CODE, AWL_ENOLOOP, (s->fds[0], POLLIN)) \
	X(TASK, awl_fd_read, CODE, AWL_ENOLOOP, (s->fds[0], out.bytes, 1)) \
	X(TASK, awl_fd_write, CODE, AWL_ENOLOOP, (s->fds[1], out.bytes, 1)) \
	X(TASK, awl_sleep, CODE, AWL_ENOLOOP, (1)) \
	X(TASK, awl_sleep_until, CODE, AWL_ENOLOOP, (1)) \
	X(TASK, awl_yield, CODE, AWL_ENOLOOP, ()) \
	X(TASK, awl_checkpoint, CODE, AWL_ENOLOOP, ()) \
	X(TASK, awl_deadline, CODE, AWL_ENOLOOP, ()) \
	X(LOOP_THREAD, awl_wrap_future, CODE, AWL_ENOLOOP, (s->pending, &out.future))

#define AS_FUNCTION(tag, function, how, code, arguments) \
	static int64_t call_##function(struct scene *s) \
	{ \
		(void)s; \
		return how(function arguments); \
	}
ROWS(AS_FUNCTION)

#define AS_ROW(tag, function, how, code, arguments) \
	{ "AWL_" #tag, #function, code, call_##function },
static const struct row {
	const char *tag, *function;
	int64_t code;
	int64_t (*call)(struct scene *s);
} rows[] = { ROWS(AS_ROW) };

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
 * stacks, timers, and of what lies in callers' storage. Nothing is left out: while the loop is held
 * neither time (A15) nor its counters move.
 */
static void dump(struct dump *d, struct scene *s)
{
	awl_loop *l = s->loop;

	d->count = 0;
	d->len = 0;
	add(d, "loop", l, sizeof *l);
	add_rows(d, "tasks", &l->tasks);
	add_rows(d, "futures", &l->futures);
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
	bool other = row->call == call_awl_await || row->call == call_awl_join;

	*code = other ? AWL_EOTHERLOOP : row->code;
	return row->code == AWL_ETHREAD || row->code == AWL_ERUNNING;
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
	awl_task *all_of[] = { NULL, NULL, NULL, NULL, NULL, NULL };
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
	expect(awl_await(s->awaited) == 7);
	expect(awl_cancel(s->sleeper, "the scene is over") == 1);
	expect(awl_fd_write(s->fds[1], &seven, 1) == 1);
	for (unsigned i = 0; i < COUNT(all_of); i++) {
		expect(awl_await(all_of[i]) == 0);
		awl_unref(all_of[i]);
	}
	expect(awl_handle_cancel(&s->timer) == 1);
	expect(awl_result(s->failed) == -EIO);
	awl_unref(s->failed);
	awl_unref(s->loose);
	awl_unref(s->awaited);
	close_pipe(s->loop, s->fds);
	return 0;
}

static void *held_thread(void *arg)
{
	struct scene *s = arg;

	expect(awl_loop_run_until_complete(s->loop, main_task, s) == 0);
	expect(awl_loop_close(s->loop) == 0);
	return NULL;
}

static void play(void (*foreigner)(struct scene *s))
{
	awl_loop_options o = { .name = loop_name };
	struct scene s = { .owner_tid = 0 };
	int outcome = -1;
	pthread_t t;

	memset(&out, 0, sizeof out);
	sem_init(&meeting.ready, 0, 0);
	sem_init(&meeting.called, 0, 0);
	assert_int_equal(awl_loop_new(&o, &s.loop), 0);
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
			print_error("%s %s: give it a row in thread/test_wrong_thread.c\n", tag,
				function);
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
