/* SPDX-License-Identifier: MIT */
/*
 * task.c - making tasks and ending them, and what one may ask of a task.
 */
#include "task/task.h"
#include "base/alloc.h"
#include "task/local.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COPY_MAX ((size_t)64 << 10)

void (*awl__task_ends_holding)(struct awl__task *t);
struct awl__task *(*awl__holder_of)(const awl_loop *l, const void *lock);

int awl__self_refused(const char *call)
{
	awl_loop *l = awl__thread->running;
	char name[96];

	if (!l)
		return awl__fail(
			AWL_ENOLOOP, "%s: %s; call it in a task", call, awl_strerror(AWL_ENOLOOP));
	awl__report(AWL_LOG_ERROR,
		"%s called outside a task, in callback %s: a callback may not wait; create a task",
		call,
		l->callback_fn
			? awl__symbol((const void *)(uintptr_t)l->callback_fn, name, sizeof name)
			: "of a future");
	return awl__fail(AWL_ENOTASK, "%s: %s", call, awl_strerror(AWL_ENOTASK));
}

int awl__self_of(awl_loop *l, const char *what, struct awl__call *call, struct awl__task **ret)
{
	struct awl__claim c;
	int r = awl__claim_begin(&c, l, call, false);

	if (r < 0)
		return r;
	awl__claim_end(&c);
	r = awl__self(ret, call->name);
	if (r == 0 && awl__task_loop(*ret) != l)
		r = awl__fail(
			AWL_EOTHERLOOP, "%s: the %s belongs to a different loop", call->name, what);
	return r;
}

struct awl__extra *awl__task_extra(struct awl__task *t)
{
	if (!t->extra)
		t->extra = awl__alloc_zero(sizeof *t->extra);
	return t->extra;
}

/* What the rooms below ask of the running task, set before anything runs. */

static struct awl__task *running(void)
{
	awl_loop *l = awl__thread->running;

	return l ? l->current : NULL;
}

static struct awl__detail *detail_place(bool make)
{
	struct awl__task *t = running();

	if (!t || (!t->extra && !make))
		return NULL;
	return awl__task_extra(t) ? &t->extra->detail : NULL;
}

static const char *detail_words(int err)
{
	struct awl__task *t = err == AWL_ECANCELED ? running() : NULL;

	return t ? awl__reason(&t->future) : NULL;
}

/* In a signal handler: no allocation, no lock. */
static size_t describe(void *owner, char *buf, size_t len)
{
	struct awl__task *t = owner;
	int n;

	if (t->extra && t->extra->name)
		n = snprintf(buf, len, "task %s", t->extra->name);
	else
		n = snprintf(buf, len, "task Task-%llu", (unsigned long long)t->number);
	return n < 0 ? 0 : (size_t)n < len ? (size_t)n : len - 1;
}

__attribute__((constructor)) static void set_hooks(void)
{
	awl__detail_place = detail_place;
	awl__detail_words = detail_words;
	awl__overflow_describe = describe;
}

static int apply(struct awl__task *t, const awl_task_options *o)
{
	if (o->copy) {
		t->extra = awl__alloc(sizeof *t->extra + o->copy);
		if (!t->extra)
			return -ENOMEM;
		memset(t->extra, 0, sizeof *t->extra);
		memcpy(t->extra->copy, t->arg, o->copy);
		t->arg = t->extra->copy;
	}
	if (o->stack_size)
		t->stack_class = (64u - (unsigned)__builtin_clzll((o->stack_size - 1) | 1)) & 31u;
	return o->name ? awl_task_set_name(&t->future, o->name) : 0;
}

/* What its parent, the running task, has of locals. */
static int inherit(struct awl__task *t, const struct awl__task *parent)
{
	if (!parent || !parent->extra || !parent->extra->locals)
		return 0;
	if (!awl__task_extra(t))
		return -ENOMEM;
	t->extra->locals = awl__locals_ref(parent->extra->locals);
	return 0;
}

/* What few tasks have is given up: who waits to hear of its start hears of its end. */
static AWL__NOINLINE void end_extra(struct awl__task *t, uint8_t state, int outcome)
{
	struct awl__locals *locals = t->extra->locals;

	if (t->extra->readiness)
		awl__task_ended_unready(t, state, outcome);
	t->extra->locals = NULL;
	if (t->extra->heir)
		*t->extra->heir = locals;
	else
		awl__locals_unref(locals);
}

static int check(const awl_task_options *o, awl_fn *fn, const void *arg)
{
	if (!fn)
		return awl__fail(-EINVAL, "a task needs a function");
	if (o && o->stack_size > AWL__STACK_MAX)
		return awl__fail(-EINVAL, "stack_size above 1 GiB");
	if (o && o->copy > COPY_MAX)
		return awl__fail(-EINVAL, "copy above 64 KiB");
	return o && o->copy && !arg ? awl__fail(-EINVAL, "copy of a NULL argument") : 0;
}

/* The user's factory may change what is made. */
static AWL__COLD int ask_factory(awl_loop *l, awl_task_options *o, awl_fn **fn, void **arg)
{
	int r = l->factory(l, o, fn, arg, l->factory_arg);

	return r < 0 ? r : check(o, *fn, *arg);
}

int awl__task_new(awl_loop *l, const awl_task_options *o, awl_fn *fn, void *arg,
	struct awl__scope *group, awl_task **ret)
{
	awl_task_options changed;
	struct awl__task *t;
	int r;

	if (awl__unlikely(!fn || o)) {
		r = check(o, fn, arg);
		if (r < 0)
			return r;
	}
	if (awl__unlikely(l->closed))
		return AWL_ECLOSED;
	if (awl__unlikely(l->factory != NULL)) {
		changed = o ? *o : (awl_task_options){ 0 };
		r = ask_factory(l, &changed, &fn, &arg);
		if (r < 0)
			return r;
		o = &changed;
	}
	if (awl__unlikely(awl__heap_reserve(&l->timers) < 0))
		return -ENOMEM;
	t = awl__rows_get(&l->tasks);
	if (awl__unlikely(!t)) {
		awl__heap_release(&l->timers);
		return -ENOMEM;
	}
	/* Of the last life of its row, or of none, hold: both kinds (0), a timer not armed */
	t->depth = 1;
	t->shield = 0;
	t->attention = 0;
	t->lent = 0;
	t->stopping = 0;
	t->above = 0;
	t->dismissed = 0;
	t->extra = NULL;
	t->stack_class = 0;
	t->holds = 0;
	t->context.sp = NULL; /* not begun */
	t->context.stack = NULL;
	t->scope = NULL;
	t->cancelling = 0;
	t->fn = fn;
	t->arg = arg;
	t->group = group;
	t->number = ++l->task_number;
	/* One reference is the loop's; a second is the caller's, or for a group's child the
	 * group's. */
	awl__future_init(&t->future, l, AWL__TASK, ret && !group ? 2 : 1);
	if (awl__unlikely(o || (l->current && l->current->extra))) {
		r = o ? apply(t, o) : 0;
		r = r < 0 ? r : inherit(t, l->current);
		if (r < 0) {
			t->future.row.state = AWL__CANCELLED;
			l->kept++;
			awl__future_free(&t->future);
			return r;
		}
	}
	if (awl__unlikely(l->closing))
		awl__closing_task_begins(t);
	l->kept++;
	l->live++;
	awl__loop_push(l, &t->ready);
	if (ret)
		*ret = &t->future;
	return 0;
}

void awl__task_free(struct awl__task *t)
{
	awl_loop *l = awl__task_loop(t);

	if (awl__unlikely(t->extra != NULL)) {
		awl__free(t->extra->name);
		awl__free(t->extra);
	}
	awl__heap_release(&l->timers);
	awl__rows_put(&l->tasks, &t->future.row);
}

void awl__task_end(struct awl__task *t, uint8_t state, int outcome)
{
	awl_loop *l = awl__task_loop(t);

	l->current = NULL; /* a handler that is told of it must not wait in its name */
	awl__task_disarm(t);
	l->live--;
	if (awl__unlikely(t->told))
		awl__task_ends_told(t, state, outcome);
	if (awl__unlikely(l->closing))
		awl__closing_task_ends(t, state);
	if (awl__unlikely(t->extra != NULL))
		end_extra(t, state, outcome);
	if (awl__unlikely(t->holds != 0))
		awl__task_ends_holding(t);
	awl__future_complete(&t->future, state, outcome);
	if (t->group)
		awl__group_child_done(t->group, t);
	else
		awl__future_unref(&t->future);
}

/* Behind the failure a task has ended with, if they are of that one. */
static const char *last_words(const awl_future *f)
{
	const struct awl__extra *x = awl__is_task(f) ? ((const struct awl__task *)f)->extra : NULL;

	return x && x->detail.err == f->outcome ? x->detail.words : "";
}

void awl__future_report(awl_future *f)
{
	char message[288], place[128] = "";
	const void *made = awl__future_made(f);

	if (made)
		awl__place(made, place, sizeof place);
	if (awl__is_task(f))
		snprintf(message, sizeof message, "nobody read the failure of task %s%s%s",
			awl_task_get_name(f), made ? ", made in " : "", place);
	else
		snprintf(message, sizeof message, "nobody read the failure of a future%s%s",
			made ? ", made in " : "", place);
	awl__see(f);
	awl__exception(f->row.loop,
		(awl_exception){ .message = message,
			.error = f->outcome,
			.task = awl__is_task(f) ? f : NULL,
			.future = f,
			.detail = last_words(f) });
}

/* The reference made for `ret` is the user's. */
static inline int handed_out(int r, awl_task **ret)
{
	if (awl__likely(r == 0) && ret)
		awl__hand_out(*ret);
	return r;
}

/* Debug mode: the task knows who made it. */
static AWL__COLD int create_placed(awl_loop *l, const awl_task_options *options, awl_fn *fn,
	void *arg, awl_task **ret, const void *place)
{
	int r = awl__task_new(l, options, fn, arg, NULL, ret);

	if (r == 0) /* it is the last that has become ready */
		awl__future_place(&awl__task_of(awl__runnable_at(l->ready.prev))->future, place);
	return r;
}

int awl_create_task(awl_fn *fn, void *arg, awl_task **ret)
{
	awl_loop *l = awl__thread->running;

	if (awl__unlikely(!l))
		return awl__self_refused(__func__);
	if (awl__unlikely(l->debug))
		return handed_out(
			create_placed(l, NULL, fn, arg, ret, __builtin_return_address(0)), ret);
	return handed_out(awl__task_new(l, NULL, fn, arg, NULL, ret), ret);
}

int awl_loop_create_task(
	awl_loop *loop, const awl_task_options *options, awl_fn *fn, void *arg, awl_task **ret)
{
	AWL__NOT_NULL(loop);
	AWL__CLAIM(loop, "awl_run_coroutine_threadsafe");
	if (awl__unlikely(loop->debug))
		return handed_out(
			create_placed(loop, options, fn, arg, ret, __builtin_return_address(0)),
			ret);
	return handed_out(awl__task_new(loop, options, fn, arg, NULL, ret), ret);
}

int awl_loop_set_task_factory(awl_loop *loop, awl_task_factory *factory, void *factory_arg)
{
	AWL__NOT_NULL(loop);
	AWL__CLAIM(loop, "awl_call_soon_threadsafe with a callback that sets it");
	loop->factory = factory;
	loop->factory_arg = factory_arg;
	return 0;
}

awl_task *awl_current_task(void)
{
	awl_loop *l = awl__thread->running;

	return l && l->current ? &l->current->future : NULL;
}

int awl_all_tasks(awl_loop *loop, awl_task **tasks, size_t room)
{
	size_t n = 0;

	AWL__NOT_NULL(loop);
	if (room)
		AWL__NOT_NULL(tasks);
	AWL__CLAIM(loop, "awl_run_coroutine_threadsafe");
	for (struct awl__row_block *b = loop->tasks.blocks; b; b = b->next)
		for (uint32_t i = 0; i < b->used; i++) {
			struct awl__row *row = awl__row_at(&loop->tasks, b, i);

			if (row->kind != AWL__TASK || row->state != AWL__PENDING)
				continue;
			if (n < room)
				tasks[n] = (awl_task *)row;
			n++;
		}
	return n > INT32_MAX ? INT32_MAX : (int)n;
}

const char *awl_task_get_name(awl_task *task)
{
	struct awl__task *t = (struct awl__task *)task;
	char name[32];

	if (!task)
		return "";
	AWL__CLAIM_READ(task->row.loop, "awl_run_coroutine_threadsafe", "");
	if (!awl__is_task(task))
		return "";
	if (!t->extra || !t->extra->name) {
		snprintf(name, sizeof name, "Task-%u", t->number);
		if (awl_task_set_name(task, name) < 0)
			return "Task";
	}
	return t->extra->name;
}

int awl_task_set_name(awl_task *task, const char *name)
{
	struct awl__task *t = (struct awl__task *)task;
	size_t size;
	char *copy, *old;

	AWL__NOT_NULL(task);
	AWL__NOT_NULL(name);
	AWL__CLAIM_READ(
		task->row.loop, "awl_call_soon_threadsafe with a callback that sets it", claimed_);
	if (!awl__is_task(task))
		return awl__fail(-EINVAL, "awl_task_set_name: this future is not a task");
	size = strlen(name) + 1;
	copy = awl__task_extra(t) ? awl__alloc(size) : NULL;
	if (!copy)
		return -ENOMEM;
	memcpy(copy, name, size);
	old = t->extra->name;
	awl__row_change(&t->future.row);
	t->extra->name = copy;
	awl__row_changed(&t->future.row);
	awl__free(old);
	return 0;
}

int awl_task_get_coro(const awl_task *task, awl_fn **fn, void **arg)
{
	const struct awl__task *t = (const struct awl__task *)task;

	AWL__NOT_NULL(task);
	AWL__CLAIM_READ(
		task->row.loop, "awl_call_soon_threadsafe with a callback that asks", claimed_);
	if (!awl__is_task(task))
		return awl__fail(-EINVAL, "awl_task_get_coro: this future is not a task");
	if (fn)
		*fn = t->fn;
	if (arg)
		*arg = t->arg;
	return 0;
}

int64_t awl_task_stack_used(const awl_task *task)
{
	const struct awl__task *t = (const struct awl__task *)task;

	AWL__NOT_NULL(task);
	AWL__CLAIM_READ(
		task->row.loop, "awl_call_soon_threadsafe with a callback that asks", claimed_);
	if (!awl__is_task(task))
		return awl__fail(-EINVAL, "awl_task_stack_used: this future is not a task");
	return awl__begun(t) && t->context.stack ? (int64_t)awl__stack_used(t->context.stack) : 0;
}
