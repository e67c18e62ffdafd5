/* SPDX-License-Identifier: MIT */
/*
 * loop.c - a loop's birth and death, and the questions that any thread may ask it.
 */
#include "loop/loop.h"
#include "base/alloc.h"
#include "loop/claim.h"
#include "loop/watchdog.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static _Atomic uint64_t loops_made;

static void open_work(awl_loop *l, struct awl__parcel *p)
{
	struct awl__op *op = awl__container(p, struct awl__op, parcel);

	awl__reactor_finish_work(l->reactor, op);
}

/* In a thread of the pool. The inbox is shut only when no operation is left. */
static void post_work(void *loop, struct awl__op *op)
{
	awl_loop *l = loop;
	struct awl__reactor *r = l->reactor;

	op->parcel.open = open_work;
	if (awl__inbox_push(&l->inbox, &op->parcel) == 1)
		awl__reactor_wake(r);
}

static int seed_of(const awl_loop_options *o, uint64_t *ret)
{
	const char *text = secure_getenv("AWL_SEED");
	char *end;

	*ret = o->seed;
	if (o->seed || !text || !*text)
		return 0;
	errno = 0;
	*ret = strtoull(text, &end, 0);
	if (errno || *end)
		return awl__fail(-EINVAL, "AWL_SEED=%s: not a number", text);
	return 0;
}

int awl__loop_new(
	const awl_loop_options *options, const struct awl__loop_hooks *hooks, awl_loop **ret)
{
	static const awl_loop_options none;
	const awl_loop_options *o = options ? options : &none;
	struct awl__reactor *reactor;
	uint64_t seed = 0, process;
	awl_loop *l;
	int r;

	if (!ret)
		return awl__fail(-EINVAL, "awl_loop_new: no place for the loop (ret is NULL)");
	if (o->stack_size > AWL__STACK_MAX)
		return awl__fail(-EINVAL, "awl_loop_new: stack_size above 1 GiB");
	r = awl__debug_check(o);
	if (r == 0)
		r = seed_of(o, &seed);
	if (r < 0)
		return r;
	process = awl__process_make();
	if (!process)
		return -ENOMEM;
	awl__alloc_freeze();
	r = awl__reactor_new(o->reactor, seed, &reactor);
	if (r < 0)
		return r;
	/* A mapping: zeroed, aligned to the line the inbox wants, and whole pages for readers
	 * outside. */
	l = awl__map(sizeof *l, PROT_READ | PROT_WRITE, 0);
	if (!l) {
		awl__reactor_free(reactor);
		return -ENOMEM;
	}
	atomic_init(&l->owner.who, AWL__NOBODY);
	atomic_init(&l->refs, 1);
	l->process = process;
	l->id = (awl__add(&loops_made, 1) + 1) << 16 | AWL__LOOP_TAG;
	awl__list_init(&l->ready);
	awl__list_init(&l->batch);
	awl__list_init(&l->loose);
	awl__list_init(&l->in_line);
	awl__list_init(&l->closers);
	for (int kind = 0; kind < AWL__OPEN_KINDS; kind++)
		awl__list_init(&l->open[kind].all);
	l->reactor = reactor;
	l->stack_size = o->stack_size;
	l->virtual_time = strcmp(reactor->class->name, "sim") == 0;
	l->now = awl__reactor_now(reactor);
	l->due = INT64_MIN;
	l->hooks = hooks;
	awl__debug_init(l, o);
	if (o->name)
		snprintf(l->name, sizeof l->name, "%s", o->name);
	reactor->post = post_work;
	reactor->post_ctx = l;
	reactor->woken = &l->ready;
	r = hooks->born(l);
	if (r < 0) {
		awl__reactor_free(reactor);
		awl__unmap(l, sizeof *l);
		return r;
	}
	*ret = l;
	return 0;
}

awl_loop *awl_loop_ref(awl_loop *loop)
{
	if (loop)
		awl__add(&loop->refs, 1);
	return loop;
}

/* A child's copy of its parent's loop is left alone: ring, descriptors and threads are the
 * parent's. */
static void loop_free(awl_loop *l)
{
	l->hooks->dies(l);
	awl__reactor_free(l->reactor);
	if (l->pool)
		awl__pool_unref(l->pool);
	awl__stack_pool_free(&l->stacks);
	awl__heap_free(&l->timers);
	awl__rows_free(&l->tasks);
	awl__rows_free(&l->futures);
	awl__rows_free(&l->holds);
	awl__free(l->scope_blocks);
	awl__unmap(l, sizeof *l);
}

void awl_loop_unref(awl_loop *loop)
{
	if (!loop || loop->process != awl__process())
		return;
	if (awl__load(&loop->refs) == 2 && awl__load_acquire(&loop->shut))
		loop->hooks->left(loop);
	awl__loop_release(loop);
}

void awl__loop_release(awl_loop *loop)
{
	int r;

	if (loop->process != awl__process())
		return;
	if (awl__sub_acq_rel(&loop->refs, 1) != 1)
		return;
	if (!awl__load_acquire(&loop->shut)) {
		awl__add(&loop->refs, 1); /* it lives on while it closes */
		awl__report(AWL_LOG_WARNING, "loop %p%s%s was never closed: awl_loop_close it",
			(void *)loop, *loop->name ? " " : "", loop->name);
		r = loop->hooks->close(loop);
		if (r < 0) {
			awl__report(AWL_LOG_ERROR,
				"loop %p cannot be closed now (%s): it is leaked", (void *)loop,
				awl_strerror(r));
			return;
		}
		if (awl__sub_acq_rel(&loop->refs, 1) != 1)
			return; /* the futures that outlive it keep it */
	}
	loop_free(loop);
}

int awl_loop_is_running(const awl_loop *loop)
{
	if (!loop)
		return awl__fail(-EINVAL, "awl_loop_is_running: loop is NULL");
	if (awl__unlikely(loop->process != awl__process()))
		return AWL_EFORK;
	return loop->process == awl__process() && awl__load(&((awl_loop *)loop)->runner_tid) != 0;
}

int awl_loop_is_closed(const awl_loop *loop)
{
	if (!loop)
		return awl__fail(-EINVAL, "awl_loop_is_closed: loop is NULL");
	if (awl__unlikely(loop->process != awl__process()))
		return AWL_EFORK;
	return awl__load_acquire(&((awl_loop *)loop)->shut);
}

int64_t awl_loop_time(const awl_loop *loop)
{
	if (!loop)
		return awl__fail(-EINVAL, "awl_loop_time: loop is NULL");
	return awl__reactor_now(loop->reactor);
}

const char *awl_loop_name(const awl_loop *loop)
{
	return loop ? loop->name : "";
}

const char *awl_loop_reactor(const awl_loop *loop)
{
	return loop ? loop->reactor->class->name : "";
}

int awl_get_running_loop(awl_loop **ret)
{
	if (!ret)
		return awl__fail(-EINVAL, "awl_get_running_loop: ret is NULL");
	if (!awl__thread->running)
		return awl__fail(
			AWL_ENOLOOP, "awl_get_running_loop: %s", awl_strerror(AWL_ENOLOOP));
	*ret = awl__thread->running;
	return 0;
}

const char *awl__symbol(const void *code, char *buf, size_t len)
{
	Dl_info info;

	if (!dladdr(code, &info))
		snprintf(buf, len, "function %p", code);
	else if (info.dli_sname)
		snprintf(buf, len, "%s", info.dli_sname);
	else /* for addr2line */
		snprintf(buf, len, "%s+0x%zx", basename(info.dli_fname),
			(size_t)((const char *)code - (const char *)info.dli_fbase));
	return buf;
}
