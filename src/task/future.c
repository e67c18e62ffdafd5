/* SPDX-License-Identifier: MIT */
/*
 * future.c - futures: a result that comes once, and who waits for it.
 */
#include "task/future.h"
#include "base/alloc.h"
#include "task/task.h"

#include <stdio.h>
#include <string.h>

int awl_loop_create_future(awl_loop *loop, size_t payload, awl_future **ret)
{
	awl_future *f;

	AWL__NOT_NULL(loop);
	AWL__NOT_NULL(ret);
	AWL__CLAIM(loop, "awl_run_coroutine_threadsafe");
	if (payload) {
		if (payload > PTRDIFF_MAX - sizeof(struct awl__payload_future))
			return -ENOMEM;
		f = awl__alloc_zero(sizeof(struct awl__payload_future) + payload);
	} else {
		f = awl__rows_get(&loop->futures);
	}
	if (!f)
		return -ENOMEM;
	awl__future_init(f, loop, AWL__FUTURE, 1);
	awl__hand_out(f);
	if (payload) {
		f->row.flags |= AWL__LOOSE;
		awl__list_push(&loop->loose, &((struct awl__payload_future *)f)->loose);
	}
	if (awl__unlikely(loop->debug))
		awl__future_place(f, __builtin_return_address(0));
	loop->kept++;
	*ret = f;
	return 0;
}

static void loose_free(struct awl__payload_future *f)
{
	awl__list_remove(&f->loose);
	awl__free(f);
}

/* What goes with the last reference: the failure that nobody read, then the memory. */
AWL__NOINLINE void awl__future_free(awl_future *f)
{
	awl_loop *l = f->row.loop;

	assert(awl__list_empty(&f->waiters));
	if (awl__unlikely(awl__failed(f) && !awl__seen(f))) {
		f->refs = 1; /* the handler may look at it */
		awl__future_report(f);
		f->refs = 0;
	}
	if (awl__is_task(f))
		awl__task_free((struct awl__task *)f);
	else if (f->row.flags & AWL__LOOSE)
		loose_free((struct awl__payload_future *)f);
	else
		awl__rows_put(&l->futures, &f->row);
	if (--l->kept == 0 && awl__unlikely(l->outlived))
		awl__loop_orphaned(l);
}

void awl__future_complete(awl_future *f, uint8_t state, int outcome)
{
	awl_loop *l = f->row.loop;

	awl__row_change(&f->row);
	f->row.state = state;
	f->outcome = outcome;
	awl__row_changed(&f->row);
	if (!awl__list_empty(&f->waiters)) {
		awl__list_each (node, &f->waiters)
			awl__runnable_at(node)->queued = 1;
		awl__list_splice(&l->ready, &f->waiters);
	}
	if (awl__unlikely(l->until == f))
		l->halt = true;
}

int awl__future_outcome(awl_future *f)
{
	if (awl__unlikely(f->row.state == AWL__CANCELLED))
		return AWL_EFUTURECANCELED;
	awl__see(f);
	return f->outcome;
}

static int set(awl_future *f, int outcome, const char *call)
{
	if (awl__is_task(f))
		return awl__fail(AWL_EISTASK, "%s: %s", call, awl_strerror(AWL_EISTASK));
	if (awl__is_done(f))
		return awl__fail(AWL_EDONE, "%s: %s", call, awl_strerror(AWL_EDONE));
	awl__future_complete(f, AWL__FINISHED, outcome);
	return 0;
}

int awl_future_set_result(awl_future *future, int result)
{
	AWL__NOT_NULL(future);
	if (result < 0)
		return awl__fail(-EINVAL,
			"awl_future_set_result: a result is not negative; "
			"a failure is awl_future_set_exception's");
	AWL__CLAIM(future->row.loop, "awl_call_soon_threadsafe with a callback that sets it");
	return set(future, result, __func__);
}

int awl_future_set_exception(awl_future *future, int err)
{
	AWL__NOT_NULL(future);
	if (err >= 0 || err == AWL_ECANCELED)
		return awl__fail(-EINVAL, "awl_future_set_exception: %s",
			err >= 0 ? "a failure is negative" : "to cancel is awl_cancel's");
	AWL__CLAIM(future->row.loop, "awl_call_soon_threadsafe with a callback that sets it");
	return set(future, err, __func__);
}

void *awl_future_payload(awl_future *future)
{
	if (!future)
		return NULL;
	AWL__CLAIM_READ(future->row.loop, "awl_run_coroutine_threadsafe", NULL);
	return future->row.flags & AWL__LOOSE ? ((struct awl__payload_future *)future)->payload
					      : NULL;
}

int awl_result(awl_future *future)
{
	AWL__NOT_NULL(future);
	AWL__CLAIM_READ(future->row.loop, "awl_cfuture_result", claimed_);
	if (!awl__is_done(future))
		return awl__fail(AWL_EPENDING, "awl_result: %s", awl_strerror(AWL_EPENDING));
	return awl__future_outcome(future);
}

int awl_done(const awl_future *future)
{
	AWL__NOT_NULL(future);
	AWL__CLAIM_READ(future->row.loop, "awl_cfuture_done", claimed_);
	return awl__is_done(future);
}

int awl_cancelled(const awl_future *future)
{
	AWL__NOT_NULL(future);
	AWL__CLAIM_READ(future->row.loop, "awl_cfuture_result", claimed_);
	return future->row.state == AWL__CANCELLED;
}

const char *awl_cancel_reason(const awl_future *future)
{
	if (!future)
		return "";
	AWL__CLAIM_READ(future->row.loop, "awl_run_coroutine_threadsafe", "");
	return awl__reason(future) ? future->reason : "";
}

awl_loop *awl_future_get_loop(const awl_future *future)
{
	return future ? future->row.loop : NULL;
}

awl_future *awl_ref(awl_future *future)
{
	if (!future)
		return NULL;
	AWL__CLAIM_READ(future->row.loop, "awl_run_coroutine_threadsafe", NULL);
	awl__future_ref(future);
	awl__hand_out(future);
	return future;
}

static int give_up(awl_future *f)
{
	if (awl__unlikely(!awl__take_back(f)))
		return awl__fail(-EINVAL,
			"awl_unref: this handle is borrowed: the references left are the loop's, "
			"the task group's or those of who waits");
	awl__future_unref(f);
	return 0;
}

/* On a loop that nobody runs: the last future of a closed one takes the loop along. */
static AWL__NOINLINE int give_up_idle(awl_future *f)
{
	static struct awl__call call = { "awl_unref",
		"awl_call_soon_threadsafe with a callback that gives it up", 0, 0 };
	awl_loop *l = f->row.loop;
	struct awl__claim claim;
	int r = awl__claim_begin(&claim, l, &call, true);

	if (r < 0)
		return r;
	awl_loop_ref(l);
	r = give_up(f);
	awl__claim_end(&claim);
	awl__loop_release(l);
	return r;
}

int awl_unref(awl_future *future)
{
	if (!future)
		return 0;
	if (awl__likely(awl__owner_is(&future->row.loop->owner, awl__token())))
		return give_up(future);
	return give_up_idle(future);
}

/* done callbacks */

void awl__done_callback_run(struct awl__runnable *r)
{
	awl_done_callback *cb = awl__container(r, awl_done_callback, _ready);
	awl_future *f = cb->_future;
	awl_done_fn *fn = cb->_fn;
	void *arg = cb->_arg;

	cb->_future = NULL;
	if (cb->_allocated)
		awl__free(cb);
	f->row.loop->callback_fn = (awl_fn *)(void (*)(void))fn; /* for a report */
	fn(f, arg);
	f->row.loop->callback_fn = NULL;
	awl__future_unref(f);
}

int awl_future_add_done_callback(
	awl_future *future, awl_done_fn *fn, void *arg, awl_done_callback *storage)
{
	awl_done_callback *cb = storage;

	AWL__NOT_NULL(future);
	AWL__NOT_NULL(fn);
	AWL__CLAIM(future->row.loop, "awl_cfuture_add_done_callback");
	if (future->row.loop->closed)
		return AWL_ECLOSED;
	if (cb && cb->_future)
		return awl__fail(
			-EBUSY, "awl_future_add_done_callback: this storage waits already");
	if (!cb && !(cb = awl__alloc(sizeof *cb)))
		return -ENOMEM;
	*cb = (awl_done_callback){
		._ready.kind = AWL__RUN_ABOVE,
		._future = future,
		._fn = fn,
		._arg = arg,
		._allocated = !storage,
	};
	awl__future_ref(future);
	if (awl__is_done(future))
		awl__loop_push(future->row.loop, &cb->_ready);
	else
		awl__list_push(&future->waiters, &cb->_ready.link);
	return 0;
}

int awl_future_remove_done_callback(awl_future *future, awl_done_fn *fn, void *arg)
{
	int n = 0;

	AWL__NOT_NULL(future);
	AWL__NOT_NULL(fn);
	AWL__CLAIM(future->row.loop, "awl_call_soon_threadsafe with a callback that removes it");
	awl__future_ref(future); /* a callback's may be the last one */
	awl__list_each_safe (node, &future->waiters) {
		struct awl__runnable *r = awl__runnable_at(node);
		awl_done_callback *cb = awl__container(r, awl_done_callback, _ready);

		if (r->kind != AWL__RUN_ABOVE || cb->_fn != fn || cb->_arg != arg)
			continue;
		awl__list_remove(node);
		cb->_future = NULL;
		if (cb->_allocated)
			awl__free(cb);
		awl__future_unref(future);
		n++;
	}
	awl__future_unref(future);
	return n;
}
