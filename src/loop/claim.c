/* SPDX-License-Identifier: MIT */
/*
 * claim.c - a call that did not find its own thread in the loop's owner: an idle loop is taken, all
 * else is refused and told, before anything is touched.
 */
#include "loop/claim.h"
#include "loop/watchdog.h"

#include <pthread.h>

static AWL__COLD int refuse(
	awl_loop *l, struct awl__call *call, int err, uint32_t owner_tid, const char *reason)
{
	awl_misuse m = {
		.reason = reason,
		.loop_name = l->name,
		.loop = l,
		.owner_tid = (int)owner_tid,
		.error = err,
	};

	awl__misuse(call, &m);
	return awl__fail(err, "%s: %s; call %s instead", call->name, reason, call->instead);
}

int awl__claim_slow(struct awl__claim *c, awl_loop *l, struct awl__call *call, bool closed_ok)
{
	uint64_t token, who;

	if (l->process != awl__process())
		return awl__fail(AWL_EFORK,
			"%s: this loop was made before fork; a child makes its own", call->name);
	token = awl__token_make();
	if (!token)
		return -ENOMEM;
	who = awl__load(&l->owner.who);
	if (who == token)
		return 0;
	if (who == AWL__CLOSED && !closed_ok)
		return awl__fail(AWL_ECLOSED, "%s: this loop is closed", call->name);
	if ((who == AWL__CLOSED || who == AWL__NOBODY) && awl__owner_take(&l->owner, who, token)) {
		c->loop = l;
		c->back = who;
		return 0;
	}
	who = awl__load(&l->owner.who);
	return refuse(l, call, AWL_ETHREAD, who > AWL__CLOSED ? (uint32_t)who : 0,
		"only the thread that runs a loop may touch it");
}

void awl__claim_back(struct awl__claim *c)
{
	awl_loop *l = c->loop;

	if (awl__loop_wants(l) < l->due)
		awl__reactor_wake(l->reactor);
	awl__owner_give(&l->owner, c->back);
}

int awl__loop_begin(awl_loop *l, struct awl__call *call)
{
	uint64_t token, who;
	int r;

	if (l->process != awl__process())
		return awl__fail(AWL_EFORK,
			"%s: this loop was made before fork; a child makes its own", call->name);
	token = awl__token_make();
	if (!token)
		return -ENOMEM;
	who = awl__load(&l->owner.who);
	if (who == AWL__CLOSED)
		return awl__fail(AWL_ECLOSED, "%s: this loop is closed", call->name);
	if (who == AWL__NOBODY && awl__thread->running)
		return awl__fail(AWL_ENESTED,
			"%s: this thread runs loop %p; create a task, or use a thread of its own",
			call->name, (void *)awl__thread->running);
	if (who != AWL__NOBODY || !awl__owner_take(&l->owner, AWL__NOBODY, token)) {
		who = awl__load(&l->owner.who);
		if (who == AWL__CLOSED)
			return awl__fail(AWL_ECLOSED, "%s: this loop is closed", call->name);
		return refuse(l, call, AWL_ERUNNING, who > AWL__CLOSED ? (uint32_t)who : 0,
			"this loop is already running");
	}
	/* Ours now; what has begun elsewhere holds that thread's addresses and its ring. */
	if (l->bound && l->bound != token && (l->started || l->reactor->in_flight)) {
		awl__owner_give(&l->owner, AWL__NOBODY);
		return refuse(l, call, AWL_ETHREAD, 0,
			"tasks of this loop have begun in another thread and are not finished");
	}
	if (l->bound != token && (r = awl__reactor_bind(l->reactor)) < 0)
		goto back;
	if ((r = awl__overflow_install()) < 0 || (r = awl__overflow_thread_begin()) < 0)
		goto back;
	/* A thread cancelled inside would end with the loop in its hands: a request waits until the
	 * run has returned. */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &l->cancel_state);
	l->bound = token;
	l->due = INT64_MIN;
	awl__store(&l->runner_tid, (uint32_t)token);
	awl__thread->running = l;
	awl__context_of_thread(&l->hub);
	awl__watch_begin(l);
	return 0;
back:
	awl__owner_give(&l->owner, AWL__NOBODY);
	return awl__fail(r, "%s: %s", call->name, awl_strerror(r));
}

void awl__loop_end(awl_loop *l)
{
	awl__watch_end(l);
	awl__overflow_thread_end();
	awl__thread->running = NULL;
	awl__store(&l->runner_tid, 0);
	pthread_setcancelstate(l->cancel_state, NULL);
	awl__owner_give(&l->owner, l->closed ? AWL__CLOSED : AWL__NOBODY);
}
