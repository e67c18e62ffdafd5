/* SPDX-License-Identifier: MIT */
/*
 * timeout.c - timeouts and shields: the two scopes that have no children.
 */
#include "task/scope_hot.h"

int awl_timeout_enter(awl_timeout *t, int64_t ns)
{
	struct awl__scope *s;
	int r = awl__scope_enter_hot(t ? &t->_storage : NULL, AWL__SCOPE_TIMEOUT,
		__builtin_frame_address(0), __builtin_return_address(0), __func__, &s);

	if (awl__unlikely(r < 0))
		return r;
	if (awl__likely(ns > 0 && ns != INT64_MAX && !s->loop->virtual_time))
		awl__scope_begin_span(s, ns);
	else
		awl__scope_set_span(s, ns);
	return 0;
}

int awl_timeout_enter_at(awl_timeout *t, int64_t when)
{
	struct awl__scope *s;
	int r = awl__scope_enter_hot(t ? &t->_storage : NULL, AWL__SCOPE_TIMEOUT,
		__builtin_frame_address(0), __builtin_return_address(0), __func__, &s);

	if (awl__unlikely(r < 0))
		return r;
	awl__scope_set_deadline(s, when);
	if (when != INT64_MAX)
		awl__scope_expire(s->task, awl__reactor_now(s->loop->reactor));
	return 0;
}

int awl_timeout_exit(awl_timeout *t, int status)
{
	struct awl__scope *s;
	awl_loop *l;
	int r;

	AWL__NOT_NULL(t);
	if (awl__likely(awl__scope_exit_hot(&t->_storage)))
		return status;
	l = awl__scope_loop(&t->_storage, AWL__SCOPE_TIMEOUT);
	if (awl__likely(l != NULL)) {
		AWL__CLAIM(l, "a timeout in a task of its own");
		r = awl__scope_exit(
			&t->_storage, AWL__SCOPE_TIMEOUT, __builtin_frame_address(0), __func__, &s);
		if (awl__unlikely(r < 0))
			return r;
		status = awl__scope_status(s, status);
		awl__scope_close(s, true);
		return status;
	}
	return awl__self_refused(__func__);
}

int awl_timeout_reschedule(awl_timeout *t, int64_t when)
{
	struct awl__scope *s;

	AWL__NOT_NULL(t);
	s = awl__scope_find(&t->_storage, AWL__SCOPE_TIMEOUT);
	if (!s)
		return awl__fail(AWL_ESCOPE, "awl_timeout_reschedule: this timeout is not open");
	AWL__CLAIM(s->loop, "awl_call_soon_threadsafe with a callback that reschedules it");
	if (s->expired)
		return awl__fail(-ETIMEDOUT, "awl_timeout_reschedule: its deadline has passed");
	awl__scope_set_deadline(s, when);
	if (when != INT64_MAX)
		awl__scope_expire(s->task, awl__reactor_now(s->loop->reactor));
	awl__task_rearm(s->task);
	return 0;
}

int awl_timeout_expired(const awl_timeout *t)
{
	struct awl__scope *s;

	AWL__NOT_NULL(t);
	s = awl__scope_find(&t->_storage, AWL__SCOPE_TIMEOUT);
	if (!s)
		return t->_storage._expired;
	AWL__CLAIM(s->loop, "awl_call_soon_threadsafe with a callback that asks");
	if (!s->expired && s->deadline != INT64_MAX) {
		awl__scope_resolve(s->task);
		awl__scope_expire(s->task, awl__reactor_now(s->loop->reactor));
	}
	return s->expired;
}

int64_t awl_timeout_when(const awl_timeout *t)
{
	struct awl__scope *s;

	AWL__NOT_NULL(t);
	s = awl__scope_find(&t->_storage, AWL__SCOPE_TIMEOUT);
	if (!s)
		return t->_storage._when;
	AWL__CLAIM(s->loop, "awl_call_soon_threadsafe with a callback that asks");
	awl__scope_resolve(s->task);
	return s->deadline;
}

int awl_wait_for(int64_t ns, awl_fn *fn, void *arg)
{
	awl_timeout t;

	AWL__NOT_NULL(fn);
	t._storage._magic = 0; /* a refusal looks whether it is open */
	return awl_timeout_enter(&t, ns) < 0 ? awl_timeout_exit(&t, 0)
					     : awl_timeout_exit(&t, fn(arg));
}

int awl_shield_enter(awl_shield *sh, int64_t ns)
{
	struct awl__scope *s;
	int r = awl__scope_enter_hot(sh ? &sh->_storage : NULL, AWL__SCOPE_SHIELD,
		__builtin_frame_address(0), __builtin_return_address(0), __func__, &s);

	if (awl__unlikely(r < 0))
		return r;
	s->task->shield = s->depth;
	awl__scope_set_span(s, ns);
	return 0;
}

int awl_shield_exit(awl_shield *sh, int status)
{
	struct awl__scope *s;
	awl_loop *l;
	int r;

	AWL__NOT_NULL(sh);
	l = awl__scope_loop(&sh->_storage, AWL__SCOPE_SHIELD);
	if (awl__likely(l != NULL)) {
		AWL__CLAIM(l, "a shield in a task of its own");
		r = awl__scope_exit(
			&sh->_storage, AWL__SCOPE_SHIELD, __builtin_frame_address(0), __func__, &s);
		if (awl__unlikely(r < 0))
			return r;
		status = awl__scope_status(s, status);
		awl__scope_close(s, true);
		return status;
	}
	return awl__self_refused(__func__);
}

int awl_shielded(int64_t ns, awl_fn *fn, void *arg)
{
	awl_shield s;

	AWL__NOT_NULL(fn);
	s._storage._magic = 0;
	return awl_shield_enter(&s, ns) < 0 ? awl_shield_exit(&s, 0) : awl_shield_exit(&s, fn(arg));
}
