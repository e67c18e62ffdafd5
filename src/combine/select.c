/* SPDX-License-Identifier: MIT */
/*
 * select.c - one of several things, whichever can be had first: asked in turn, then waited for all
 * at once. The first to come claims the waiting task; the others leave their queues untouched.
 */
#include "combine/select.h"
#include "base/clock.h"

static void leave(awl_case *c)
{
	awl__list_take(&c->_node._ready.link);
	c->_node._ready.queued = 0;
}

/* Its task waits, and nothing has come for it: a task that was cancelled has left this list and
 * takes nothing any more. */
static bool is_open(const awl_case *c)
{
	return !awl__list_empty(&c->_selector->queue);
}

bool awl__case_claim(awl_case *c, int result)
{
	if (!is_open(c))
		return false;
	c->_selector->taken = c;
	c->_result = result;
	awl__wake_first(&c->_selector->queue);
	return true;
}

bool awl__serve_first(struct awl__list *queue, int result, struct awl__task **t, awl_case **c)
{
	while (!awl__list_empty(queue)) {
		*c = awl__case_at(queue->next);
		if (!*c) {
			*t = awl__wake_first(queue);
			return true;
		}
		leave(*c);
		if (awl__case_claim(*c, result))
			return true;
	}
	return false;
}

/* a future */

static awl_loop *future_loop(const awl_case *c)
{
	return ((const awl_future *)c->_object)->row.loop;
}

static int future_poll(awl_case *c)
{
	if (!awl__is_done(c->_object))
		return 0;
	c->_result = awl__future_outcome(c->_object);
	return 1;
}

static void future_done(awl_future *f, void *arg)
{
	awl_case *c = arg;

	awl__list_init(&c->_node._ready.link); /* it is in none now */
	if (is_open(c))
		awl__case_claim(c, awl__future_outcome(f));
}

static int future_attach(awl_case *c)
{
	awl_future *f = c->_object;

	c->_node._future = f;
	c->_node._fn = future_done;
	c->_node._arg = c;
	c->_node._allocated = 0;
	c->_node._waiter = &c->_selector->task;
	awl__future_ref(f);
	awl__case_push(&f->waiters, c);
	return 0;
}

static void future_detach(awl_case *c)
{
	if (!c->_node._future)
		return; /* its callback has run */
	c->_node._future = NULL;
	awl__future_unref(c->_object);
}

static const struct awl__source future_source = {
	.poll = future_poll,
	.attach = future_attach,
	.detach = future_detach,
	.loop = future_loop,
};

awl_case awl_case_future(awl_future *future)
{
	return (awl_case){ ._source = future ? &future_source : NULL, ._object = future };
}

/* a time: it waits as the deadline of the whole */

static int time_poll(awl_case *c)
{
	c->_result = 0;
	return awl__reactor_now(awl__thread->running->reactor) >= c->_when;
}

static int time_attach(awl_case *c)
{
	(void)c;
	return 0;
}

static const struct awl__source time_source = { .poll = time_poll, .attach = time_attach };

awl_case awl_case_at(int64_t when)
{
	return (awl_case){ ._source = &time_source, ._when = when };
}

awl_case awl_case_after(int64_t ns)
{
	awl_loop *l = awl__thread->running;

	return awl_case_at(l ? awl__clock_after(awl__reactor_now(l->reactor), ns) : INT64_MAX);
}

static int check(struct awl__task *t, const awl_case *cases, size_t n)
{
	if (!cases || n == 0 || n > INT32_MAX)
		return awl__fail(
			-EINVAL, "awl_select: %s cases", n > INT32_MAX ? "too many" : "no");
	for (size_t i = 0; i < n; i++) {
		const struct awl__source *s = cases[i]._source;
		awl_loop *l;

		if (!s)
			return awl__fail(-EINVAL, "awl_select: case %zu waits for nothing", i);
		l = s->loop ? s->loop(&cases[i]) : NULL;
		if (l && l != awl__task_loop(t))
			return awl__fail(
				AWL_EOTHERLOOP, "awl_select: case %zu is of another loop", i);
	}
	return 0;
}

/* The first that can be had now: 1 and *taken; 0: none; or a refusal. */
static int poll_all(awl_case *cases, size_t n, awl_case **taken)
{
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++) {
		r = cases[i]._source->poll(&cases[i]);
		*taken = &cases[i];
	}
	return r;
}

static void detach_all(awl_case *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		leave(&cases[i]);
		if (cases[i]._source->detach)
			cases[i]._source->detach(&cases[i]);
	}
}

static int attach_all(awl_case *cases, size_t n, struct awl__selector *s)
{
	for (size_t i = 0; i < n; i++) {
		int r;

		cases[i]._selector = s;
		awl__list_init(&cases[i]._node._ready.link);
		r = cases[i]._source->attach(&cases[i]);
		if (r < 0) {
			detach_all(cases, i);
			return r;
		}
	}
	return 0;
}

static int64_t nearest(const awl_case *cases, size_t n)
{
	int64_t when = INT64_MAX;

	for (size_t i = 0; i < n; i++)
		if (cases[i]._source == &time_source && cases[i]._when < when)
			when = cases[i]._when;
	return when;
}

/* One sleep, to the nearest time at most: 0, AWL_ECANCELED, or -ETIMEDOUT. `taken` says more. */
static int sleep_once(struct awl__task *t, struct awl__selector *s, int64_t until)
{
	awl_timeout limit;
	int r = awl_timeout_enter_at(&limit, until);

	if (r == 0)
		r = awl__deliver(t);
	if (r == 0) {
		awl__list_push(&s->queue, &t->ready.link);
		if (!awl__park(t, AWL__WAITS_SELECT, (uintptr_t)s, INT64_MAX))
			r = awl__deliver(t);
	}
	return awl_timeout_exit(&limit, r);
}

static int select_in(struct awl__task *t, awl_case *cases, size_t n, awl_case **taken)
{
	struct awl__selector s = { .task = &t->future };
	int r;

	awl__list_init(&s.queue);
	for (;;) {
		r = poll_all(cases, n, taken);
		if (r)
			return r;
		r = attach_all(cases, n, &s);
		if (r < 0)
			return r;
		r = sleep_once(t, &s, nearest(cases, n));
		detach_all(cases, n);
		*taken = s.taken;
		if (s.taken)
			return 1;
		/* The time has come: the next poll says which case's. So does it if a request to
		 * stop was taken back meanwhile, and what came then found nobody waiting. */
		if (r < 0 && r != -ETIMEDOUT)
			return r;
	}
}

int awl_select(awl_case *cases, size_t n, int *result)
{
	struct awl__task *t;
	awl_case *taken;
	int r = awl__self(&t, __func__);

	if (r < 0)
		return r;
	r = check(t, cases, n);
	if (r < 0)
		return r;
	r = awl__wait_begin(t);
	if (r < 0)
		return r;
	r = select_in(t, cases, n, &taken);
	if (r < 0)
		return r;
	if (--awl__task_loop(t)->budget <= 0)
		awl__task_pause(t);
	if (result)
		*result = taken->_result;
	return (int)(taken - cases);
}
