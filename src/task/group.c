/* SPDX-License-Identifier: MIT */
/*
 * group.c - task groups: a scope with children. Its exit joins every one; the first failure cancels
 * the rest.
 */
#include "base/alloc.h"
#include "task/scope_hot.h"

static struct awl__task *child_at(struct awl__list *node)
{
	return awl__container(node, struct awl__task, sibling);
}

int awl_task_group_enter(awl_task_group *g)
{
	struct awl__scope *s;
	int r = awl__scope_enter_hot(g ? &g->_storage : NULL, AWL__SCOPE_GROUP,
		__builtin_frame_address(0), __builtin_return_address(0), __func__, &s);

	if (awl__unlikely(r < 0))
		return r;
	s->cancelled = false;
	s->joining = false;
	s->joined = false;
	s->cut = false;
	s->swept = false;
	s->dead = false;
	s->child_ended = NULL;
	s->alive = 0;
	s->failure = 0;
	s->reason = NULL;
	awl__list_init(&s->children);
	awl__list_init(&s->ended);
	return 0;
}

/* The open group of a call that any task of the loop may make; NULL, with the words. */
static struct awl__scope *find(awl_task_group *g, const char *call, int *err)
{
	struct awl__scope *s = awl__scope_find(&g->_storage, AWL__SCOPE_GROUP);

	if (!s)
		*err = awl__fail(
			AWL_ESCOPE, "%s: this task group was not entered, or has been left", call);
	return s;
}

int awl__group_add(struct awl__scope *s, const awl_task_options *o, awl_fn *fn, void *arg,
	awl_task **ret, const void *place, const char *call)
{
	awl_task *child;
	int r;

	if (awl__unlikely(s->asked))
		return awl__fail(AWL_ECANCELED, "%s: the group is stopping its tasks", call);
	if (awl__unlikely(s->joined))
		return awl__fail(AWL_ESCOPE, "%s: the group has been joined", call);
	r = awl__task_new(s->loop, o, fn, arg, s, &child);
	if (awl__unlikely(r < 0))
		return r;
	if (awl__unlikely(s->loop->debug))
		awl__future_place(child, place);
	awl__list_push(&s->children, &((struct awl__task *)child)->sibling);
	s->alive++;
	if (ret) {
		((struct awl__task *)child)->lent = 1;
		*ret = child;
	}
	return 0;
}

int awl_task_group_create_task(awl_task_group *g, awl_fn *fn, void *arg, awl_task **ret)
{
	struct awl__scope *s;
	int r = 0;

	AWL__NOT_NULL(g);
	s = find(g, __func__, &r);
	if (awl__unlikely(!s))
		return r;
	AWL__CLAIM(s->loop, "awl_run_coroutine_threadsafe");
	return awl__group_add(s, NULL, fn, arg, ret, __builtin_return_address(0), __func__);
}

int awl_task_group_create_task_with(
	awl_task_group *g, const awl_task_options *options, awl_fn *fn, void *arg, awl_task **ret)
{
	struct awl__scope *s;
	int r = 0;

	AWL__NOT_NULL(g);
	s = find(g, __func__, &r);
	if (!s)
		return r;
	AWL__CLAIM(s->loop, "awl_run_coroutine_threadsafe");
	return awl__group_add(s, options, fn, arg, ret, __builtin_return_address(0), __func__);
}

/* A failure of a child's or of the body's. */
void awl__group_fail(struct awl__scope *s, int err)
{
	if (!s->failure)
		s->failure = err;
	awl__scope_ask(s, "its task group is stopping: another task failed");
}

/* Somebody may refer to it still: it is no group's child any more. */
static void give_up(struct awl__task *child)
{
	child->group = NULL;
	awl__future_unref(&child->future);
}

/* At the end of a child, in its own flow. The group gives up the loop's reference, or keeps it. */
void awl__group_child_done(struct awl__scope *s, struct awl__task *child)
{
	awl__list_remove(&child->sibling);
	s->alive--;
	if (awl__unlikely(s->child_ended != NULL)) {
		s->child_ended(s, child);
		awl__future_unref(&child->future);
	} else if (awl__failed(&child->future)) {
		awl__see(&child->future);
		awl__list_push(&s->ended, &child->sibling);
		awl__group_fail(s, child->future.outcome);
	} else if (child->lent) {
		awl__list_push(&s->ended, &child->sibling);
	} else {
		give_up(child);
	}
	if (s->alive == 0 && s->joining && awl__parked(s->task))
		awl__wake(s->task);
}

/* What came from outside while the children were joined, and was passed on to them. */
struct outside {
	bool cancel; /* awl_cancel: taken here, to be accounted for */
	bool scope;
};

/* All children to their ends, whatever is asked meanwhile. */
static struct outside join_all(struct awl__scope *s)
{
	struct awl__task *t = s->task;
	struct outside by = { false, false };

	s->joining = true;
	while (s->alive) {
		if (t->must_cancel && !t->shield) {
			t->must_cancel = false;
			by.cancel = true;
			awl__scope_ask(s, awl__reason(&t->future));
		} else if (!s->asked && awl__scope_outer_stops(s)) {
			by.scope = true;
			awl__scope_ask(s, awl__reason(&t->future));
		}
		awl__park(t, AWL__WAITS_GROUP, (uintptr_t)s, INT64_MAX);
	}
	s->joining = false;
	return by;
}

static int join(struct awl__scope *s, int status)
{
	struct awl__task *t = s->task;
	bool stopped = status == AWL_ECANCELED; /* the body */
	struct outside by;

	if (stopped)
		awl__scope_ask(s, "its task group is stopping: the body was cancelled");
	else if (status < 0)
		awl__group_fail(s, status);
	by = join_all(s);
	s->joined = true;

	if (s->failure) {
		/* Errors win; a request that was taken on the way waits for the next wait (G8). */
		if (!t->shield && t->cancelling > s->cancelling && (by.cancel || stopped))
			t->must_cancel = true;
		return s->failure;
	}
	if (by.cancel || by.scope || s->swept || (stopped && awl__scope_outer_asks(s)) ||
		(s->cut && awl__scope_outer_stops(s))) {
		if (!t->shield)
			t->must_cancel = false; /* it leaves with this status */
		return AWL_ECANCELED;
	}
	if (s->expired && (stopped || s->cut))
		return awl__fail(-ETIMEDOUT, "the task group's deadline passed");
	return s->cancelled && stopped ? 0 : status;
}

/* Left without exit: its children are ended here and now. */
void awl__group_abandon(struct awl__scope *s)
{
	s->dead = true;
	awl__scope_ask(s, "its task group was left without exit");
	if (join_all(s).cancel)
		s->task->must_cancel = true;
	awl__group_release(s);
}

void awl__group_release(struct awl__scope *s)
{
	struct awl__list *node;

	while ((node = awl__list_pop(&s->ended)))
		give_up(child_at(node));
}

static int enter_exit(awl_task_group *g, const void *frame, const char *call, struct awl__scope **s)
{
	return awl__scope_exit(&g->_storage, AWL__SCOPE_GROUP, frame, call, s);
}

int awl_task_group_join(awl_task_group *g, int status)
{
	struct awl__scope *s;
	awl_loop *l;
	int r;

	AWL__NOT_NULL(g);
	l = awl__scope_loop(&g->_storage, AWL__SCOPE_GROUP);
	if (!l)
		return awl__self_refused(__func__);
	AWL__CLAIM(l, "a task group in a task of its own");
	r = enter_exit(g, __builtin_frame_address(0), __func__, &s);
	if (r < 0)
		return r;
	if (s->joined)
		return awl__fail(AWL_ESCOPE, "awl_task_group_join: it has been joined");
	s->status = join(s, status);
	return s->status;
}

int awl_task_group_exit(awl_task_group *g, int status)
{
	struct awl__scope *s;
	awl_loop *l;
	int r;

	AWL__NOT_NULL(g);
	l = awl__scope_loop(&g->_storage, AWL__SCOPE_GROUP);
	if (awl__unlikely(!l))
		return awl__self_refused(__func__);
	AWL__CLAIM(l, "a task group in a task of its own");
	r = enter_exit(g, __builtin_frame_address(0), __func__, &s);
	if (awl__unlikely(r < 0))
		return r;
	if (!s->joined)
		status = join(s, status);
	if (awl__unlikely(s->violated))
		status = AWL_ESCOPE;
	awl__group_release(s);
	awl__scope_close(s, true);
	return status;
}

static bool is_failure_of(const struct awl__scope *s, const awl_task *t)
{
	return awl__is_task(t) && ((const struct awl__task *)t)->group == s && awl__failed(t);
}

awl_task *awl_task_group_failure(awl_task_group *g, awl_task *after)
{
	struct awl__scope *s;
	struct awl__list *node;
	int r = 0;

	if (!g)
		return NULL;
	s = find(g, __func__, &r);
	if (!s)
		return NULL;
	AWL__CLAIM_(s->loop, "awl_run_coroutine_threadsafe", false, NULL);
	if (after && !is_failure_of(s, after))
		return NULL;
	node = after ? ((struct awl__task *)after)->sibling.next : s->ended.next;
	while (node != &s->ended && !awl__failed(&child_at(node)->future))
		node = node->next;
	return node == &s->ended ? NULL : &child_at(node)->future;
}

int awl_task_group_set_deadline(awl_task_group *g, int64_t ns)
{
	struct awl__scope *s;
	int r = 0;

	AWL__NOT_NULL(g);
	s = find(g, __func__, &r);
	if (!s)
		return r;
	AWL__CLAIM(s->loop, "awl_call_soon_threadsafe with a callback that sets it");
	if (s->expired)
		return awl__fail(-ETIMEDOUT, "awl_task_group_set_deadline: it has passed");
	awl__scope_set_span(s, ns);
	awl__task_rearm(s->task);
	return 0;
}

int awl_task_group_cancel(awl_task_group *g, const char *reason)
{
	struct awl__scope *s;
	int r = 0;

	AWL__NOT_NULL(g);
	s = find(g, __func__, &r);
	if (!s)
		return r;
	AWL__CLAIM(s->loop, "awl_call_soon_threadsafe with a callback that cancels it");
	s->cancelled = true;
	awl__scope_ask(s, reason ? reason : "its task group was cancelled");
	return 0;
}

/* start and started */

int awl_task_group_start(awl_task_group *g, awl_fn *fn, void *arg, awl_task **ret)
{
	struct awl__task *t, *child;
	struct awl__extra *extra;
	awl_future *readiness;
	awl_task *handle;
	awl_loop *l;
	int r;

	AWL__NOT_NULL(g);
	l = awl__scope_loop(&g->_storage, AWL__SCOPE_GROUP);
	if (!l)
		return awl__self_refused(__func__);
	AWL__CLAIM(l, "awl_run_coroutine_threadsafe");
	r = awl__self(&t, __func__);
	if (r < 0)
		return r;
	if (awl__task_loop(t) != l)
		return awl__fail(AWL_EOTHERLOOP, "%s: the group is of another loop", __func__);
	r = awl__wait_begin(t);
	if (r < 0)
		return r;
	extra = awl__alloc_zero(sizeof *extra);
	if (!extra)
		return -ENOMEM;
	r = awl_loop_create_future(l, 0, &readiness);
	if (r < 0) {
		awl__free(extra);
		return r;
	}
	r = awl_task_group_create_task(g, fn, arg, &handle);
	if (r < 0) {
		awl__free(extra);
		awl__future_unref(readiness);
		return r;
	}
	child = (struct awl__task *)handle;
	child->lent = ret != NULL;
	if (child->extra)
		awl__free(extra); /* a task factory gave it a name, say */
	else
		child->extra = extra;
	child->extra->readiness = readiness;
	awl__future_ref(readiness);
	awl__future_ref(handle);
	r = awl_await(readiness);
	if (r == AWL_ECANCELED)
		awl__future_cancel(handle, awl__reason(&t->future)); /* it stops too */
	else if (r >= 0 && ret)
		*ret = handle;
	awl__see(readiness);
	awl__future_unref(readiness);
	awl__future_unref(handle);
	return r;
}

int awl_task_started(int value)
{
	struct awl__task *t;
	awl_future *readiness;
	int r = awl__self(&t, __func__);

	if (r < 0)
		return r;
	if (value < 0)
		return awl__fail(-EINVAL, "awl_task_started: the value is not negative");
	readiness = t->extra ? t->extra->readiness : NULL;
	if (!readiness)
		return 0; /* nobody asked: it was not started by awl_task_group_start */
	t->extra->readiness = NULL;
	if (!awl__is_done(readiness))
		awl__future_complete(readiness, AWL__FINISHED, value);
	awl__future_unref(readiness);
	return 0;
}

void awl__task_ended_unready(struct awl__task *t, uint8_t state, int outcome)
{
	awl_future *readiness = t->extra->readiness;

	t->extra->readiness = NULL;
	awl__see(readiness);
	if (!awl__is_done(readiness))
		awl__future_complete(readiness, AWL__FINISHED,
			state == AWL__CANCELLED ? AWL_EFUTURECANCELED
				: outcome < 0   ? outcome
						: AWL_ENOTSTARTED);
	awl__future_unref(readiness);
}
