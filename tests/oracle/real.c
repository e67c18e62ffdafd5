/* SPDX-License-Identifier: MIT */
/*
 * real.c - a program run by awl, on sim with nothing perturbed; each statement writes a line.
 */
#include "program.h"

#include <stdlib.h>
#include <string.h>

/* One program runs at a time. */
static struct {
	const struct program *p;
	struct trace *trace;
	awl_loop *loop;
	int64_t began;
	bool over;
	bool made[BODIES];
	awl_task *task[BODIES]; /* known by its number from now on */
	awl_future *future[FUTURES];
	awl_event event[EVENTS];
	awl_lock lock[LOCKS];
	awl_condition condition;
	awl_semaphore semaphore;
	awl_queue queue[QUEUES];
	awl_barrier barrier;
	awl_limiter limiter;
	awl_timeout timeout[STATEMENTS];
	awl_task_group group[STATEMENTS];
} run;

static int64_t now(void)
{
	return awl_loop_time(run.loop) - run.began;
}

static int64_t as_time(int32_t ns)
{
	return ns == NEVER ? AWL_FOREVER : ns;
}

static void write_line(int who, int where, int result)
{
	if (!run.over)
		trace_add(run.trace, now(), who, where, result);
}

static int run_block(int who, int at);

/* A task of the program; its number is the place of its body. */
static int body(void *arg)
{
	int who = (int)((const int16_t *)arg - run.p->body), status;

	if (who != REAPER && !run.task[who])
		run.task[who] = awl_ref(awl_current_task());
	write_line(who, BEGINS, 0);
	status = run_block(who, run.p->body[who]);
	write_line(who, ENDS, status);
	return status;
}

static void *body_of(int who)
{
	return (void *)(uintptr_t)&run.p->body[who];
}

static int spawn(int who, awl_task_group *group)
{
	awl_task *t;
	int r;

	if (run.made[who])
		return -EALREADY;
	if (group) {
		r = awl_task_group_create_task(group, body, body_of(who), &t);
		if (r == 0)
			run.task[who] = awl_ref(t);
	} else {
		r = awl_create_task(body, body_of(who), &run.task[who]);
	}
	run.made[who] = r == 0;
	return r;
}

static int start(int who, awl_task_group *group)
{
	if (run.made[who])
		return -EALREADY;
	run.made[who] = true;
	return awl_task_group_start(group, body, body_of(who), NULL);
}

static void *statement(int at)
{
	return (void *)(uintptr_t)&run.p->at[at];
}

static int statement_number(const void *arg)
{
	return (int)((const struct statement *)arg - run.p->at);
}

static int callback(void *arg)
{
	if (!run.over)
		run_block(CALLBACK, ((const struct statement *)arg)->child);
	return 0;
}

static void done(awl_future *f, void *arg)
{
	write_line(DONE_CALLBACK, statement_number(arg), awl_result(f));
}

static int reap(void)
{
	int r = awl_sleep(REAP_AFTER);

	for (int round = 0; r == 0 && round < REAP_ROUNDS; round++) {
		bool left = false;

		for (int b = 0; b < BODIES; b++)
			if (run.task[b] && !awl_done(run.task[b])) {
				left = true;
				awl_cancel(run.task[b], NULL);
			}
		if (!left)
			return 0;
		r = awl_sleep(REAP_EVERY);
	}
	return r < 0 ? r : STUCK;
}

static int64_t deadline(void)
{
	int64_t left = awl_deadline();

	return left == AWL_FOREVER ? NEVER : left;
}

/* With a release that fails the status is lost. */
static int with_lock(int who, const struct statement *s, int (*release)(int which))
{
	int status = run_block(who, s->child);
	int r = release(s->a);

	return r < 0 ? r : status;
}

static int release_lock(int which)
{
	return awl_lock_release(&run.lock[which]);
}

static int release_condition(int which)
{
	(void)which;
	return awl_condition_release(&run.condition);
}

static int release_limiter(int which)
{
	(void)which;
	return awl_limiter_release(&run.limiter);
}

static int set_total(int total)
{
	int r = awl_limiter_set_total(&run.limiter, total);

	return r < 0 ? r : awl_limiter_borrowers(&run.limiter, NULL, 0);
}

/* Those that nobody has begun; from now on somebody has. */
static int gather(const struct statement *s)
{
	const int who[] = { s->a, (s->a + 1) % run.p->bodies };
	awl_job jobs[2];
	int n = 0, done = 0, r;

	for (int i = 0; i < 2; i++) {
		if (run.made[who[i]])
			continue;
		run.made[who[i]] = true;
		jobs[n++] = (awl_job){ .fn = body, .arg = body_of(who[i]) };
	}
	r = awl_gather(jobs, (size_t)n, s->b ? AWL_RETURN_EXCEPTIONS : AWL_CANCEL_SIBLINGS);
	for (int i = 0; i < n && r == 0; i++)
		done += jobs[i].result >= 0;
	return r < 0 ? r : done;
}

/* Those that are known by now. */
static int gather_futures(const struct statement *s)
{
	awl_future *futures[BODIES + FUTURES];
	int results[BODIES + FUTURES], n = 0, done = 0, r;

	for (int i = 0; i < BODIES + FUTURES; i++) {
		awl_future *f = i < BODIES ? run.task[i] : run.future[i - BODIES];

		if (s->a & 1 << i && f)
			futures[n++] = f;
	}
	r = awl_gather_futures(futures, (size_t)n, results, s->b);
	for (int i = 0; i < n && r == 0; i++)
		done += results[i] >= 0;
	return r < 0 ? r : done;
}

static awl_case make_case(const struct statement *s, int c, int *item)
{
	if (c < CASE_PUT)
		return awl_queue_case_get(&run.queue[c - CASE_GET], item);
	if (c < CASE_FUTURE)
		return awl_queue_case_put(&run.queue[c - CASE_PUT], item);
	if (c < CASE_TIME)
		return awl_case_future(run.future[c - CASE_FUTURE]);
	return awl_case_after(s->b);
}

/* Which case, and the item it brought or what it came to. */
static int select_one(int at)
{
	const struct statement *s = &run.p->at[at];
	awl_case cases[CASES];
	int item[CASES], kind[CASES], n = 0, result, r;

	for (int c = 0; c < CASES; c++) {
		if (!(s->a & 1 << c))
			continue;
		item[n] = at;
		kind[n] = c;
		cases[n] = make_case(s, c, &item[n]);
		n++;
	}
	r = awl_select(cases, (size_t)n, &result);
	if (r < 0 || result < 0)
		return r < 0 ? r : result;
	return 1000 * kind[r] + (kind[r] < CASE_PUT ? item[r] : result);
}

static int repeat(int who, const struct statement *s)
{
	int status = 0;

	for (int i = 0; i < s->b && status >= 0; i++)
		status = run_block(who, s->child);
	return status;
}

static int get(awl_queue *q, int (*how)(awl_queue *q, void *item))
{
	int item = -1, r = how(q, &item);

	return r < 0 ? r : item;
}

static int run_statement(int who, int at)
{
	const struct statement *s = &run.p->at[at];
	awl_shield shield;
	int r;

	switch ((enum op)s->op) {
	case OP_REAP:
		return reap();
	case OP_YIELD:
		return awl_yield();
	case OP_CHECKPOINT:
		return awl_checkpoint();
	case OP_SLEEP:
		return awl_sleep(s->b);
	case OP_AWAIT:
		return run.task[s->a] ? awl_await(run.task[s->a]) : -ESRCH;
	case OP_JOIN:
		return run.task[s->a] ? awl_join(run.task[s->a]) : -ESRCH;
	case OP_AWAIT_FUTURE:
		return awl_await(run.future[s->a]);
	case OP_JOIN_FUTURE:
		return awl_join(run.future[s->a]);
	case OP_EVENT_WAIT:
		return awl_event_wait(&run.event[s->a]);
	case OP_ACQUIRE:
		return awl_semaphore_acquire(&run.semaphore);
	case OP_PUT:
		return awl_queue_put(&run.queue[s->a], &s->b);
	case OP_GET:
		return get(&run.queue[s->a], awl_queue_get);
	case OP_QUEUE_JOIN:
		return awl_queue_join(&run.queue[s->a]);
	case OP_BARRIER_WAIT:
		return awl_barrier_wait(&run.barrier);
	case OP_CONDITION_WAIT:
		return awl_condition_wait(&run.condition);
	case OP_START:
		return s->b < 0 ? -ESRCH : start(s->a, &run.group[s->b]);

	case OP_SELECT:
		return select_one(at);
	case OP_GATHER:
		return gather(s);
	case OP_GATHER_FUTURES:
		return gather_futures(s);

	case OP_SPAWN:
		return spawn(s->a, NULL);
	case OP_CHILD:
		return s->b < 0 ? -ESRCH : spawn(s->a, &run.group[s->b]);
	case OP_STARTED:
		return awl_task_started(s->b);
	case OP_CANCEL:
		return run.task[s->a] ? awl_cancel(run.task[s->a], NULL) : -ESRCH;
	case OP_UNCANCEL:
		return awl_uncancel(awl_current_task());
	case OP_CANCELLING:
		return awl_cancelling(awl_current_task());
	case OP_DEADLINE:
		return (int)deadline();
	case OP_SET:
		return awl_future_set_result(run.future[s->a], s->b);
	case OP_FAIL:
		return awl_future_set_exception(run.future[s->a], s->b);
	case OP_CANCEL_FUTURE:
		return awl_cancel(run.future[s->a], NULL);
	case OP_ON_DONE:
		if (!run.task[s->a])
			return -ESRCH;
		return awl_future_add_done_callback(run.task[s->a], done, statement(at), NULL);
	case OP_ON_FUTURE_DONE:
		return awl_future_add_done_callback(run.future[s->a], done, statement(at), NULL);
	case OP_EVENT_SET:
		return awl_event_set(&run.event[s->a]);
	case OP_EVENT_CLEAR:
		return awl_event_clear(&run.event[s->a]);
	case OP_RELEASE:
		return awl_semaphore_release(&run.semaphore);
	case OP_TRY_ACQUIRE:
		return awl_semaphore_acquire_nowait(&run.semaphore);
	case OP_TRY_PUT:
		return awl_queue_put_nowait(&run.queue[s->a], &s->b);
	case OP_TRY_GET:
		return get(&run.queue[s->a], awl_queue_get_nowait);
	case OP_TASK_DONE:
		return awl_queue_task_done(&run.queue[s->a]);
	case OP_SHUTDOWN:
		return awl_queue_shutdown(&run.queue[s->a], s->b);
	case OP_NOTIFY:
		return awl_condition_notify(&run.condition, s->b);
	case OP_BARRIER_RESET:
		return awl_barrier_reset(&run.barrier);
	case OP_LIMITER_TOTAL:
		return set_total(s->b);
	case OP_GROUP_CANCEL:
		return s->a < 0 ? -ESRCH : awl_task_group_cancel(&run.group[s->a], NULL);
	case OP_GROUP_DEADLINE:
		return s->a < 0 ? -ESRCH : awl_task_group_set_deadline(&run.group[s->a], s->b);
	case OP_RESCHEDULE:
		return s->a < 0 ? -ESRCH
				: awl_timeout_reschedule(
					  &run.timeout[s->a], awl_loop_time(run.loop) + s->b);
	case OP_END:
		return s->b;

	case OP_LATER:
		if (s->b == 0)
			return awl_loop_call_soon(run.loop, callback, statement(at), NULL);
		return awl_loop_call_later(run.loop, s->b, callback, statement(at), NULL);
	case OP_TIMEOUT:
		r = awl_timeout_enter(&run.timeout[at], as_time(s->b));
		return awl_timeout_exit(&run.timeout[at], r < 0 ? r : run_block(who, s->child));
	case OP_SHIELD:
		r = awl_shield_enter(&shield, as_time(s->b));
		return awl_shield_exit(&shield, r < 0 ? r : run_block(who, s->child));
	case OP_GROUP:
		r = awl_task_group_enter(&run.group[at]);
		return awl_task_group_exit(&run.group[at], r < 0 ? r : run_block(who, s->child));
	case OP_LOCK:
		r = awl_lock_acquire(&run.lock[s->a]);
		return r < 0 ? r : with_lock(who, s, release_lock);
	case OP_CONDITION:
		r = awl_condition_acquire(&run.condition);
		return r < 0 ? r : with_lock(who, s, release_condition);
	case OP_LIMITER:
		r = awl_limiter_acquire(&run.limiter);
		return r < 0 ? r : with_lock(who, s, release_limiter);
	case OP_REPEAT:
		return repeat(who, s);
	case OPS:
		break;
	}
	abort();
}

static int run_block(int who, int at)
{
	for (; at >= 0; at = run.p->at[at].next) {
		const struct statement *s = &run.p->at[at];
		int r = run_statement(who, at);

		write_line(who, at, r);
		if (s->op == OP_END || (r < 0 && s->minds))
			return r;
	}
	return 0;
}

static int run_all(void *arg)
{
	int r = awl_get_running_loop(&run.loop);

	(void)arg;
	run.began = awl_loop_time(run.loop);
	for (int i = 0; i < FUTURES && r == 0; i++)
		r = awl_loop_create_future(run.loop, 0, &run.future[i]);
	if (r == 0)
		body(body_of(REAPER));
	run.over = true;
	for (int i = 0; i < BODIES; i++)
		awl_unref(run.task[i]);
	for (int i = 0; i < FUTURES; i++)
		awl_unref(run.future[i]);
	for (int i = 0; i < QUEUES; i++)
		awl_queue_destroy(&run.queue[i]);
	return r;
}

static int by_item_order(const void *a, const void *b)
{
	return item_order(*(const int *)a, *(const int *)b);
}

static void make_queues(void)
{
	awl_queue_init(&run.queue[0], sizeof(int), 1);
	awl_queue_init(&run.queue[1], sizeof(int), 2);
	awl_lifo_queue_init(&run.queue[2], sizeof(int), 2);
	awl_priority_queue_init(&run.queue[3], sizeof(int), 2, by_item_order);
}

void program_run(const struct program *p, struct trace *t)
{
	awl_loop_options o = { .reactor = "sim" };

	memset(&run, 0, sizeof run);
	run.p = p;
	run.trace = t;
	run.condition = (awl_condition)AWL_CONDITION_INIT(NULL);
	run.semaphore = (awl_semaphore)AWL_SEMAPHORE_INIT(SEMAPHORE_VALUE);
	make_queues();
	run.barrier = (awl_barrier)AWL_BARRIER_INIT(BARRIER_PARTIES);
	run.limiter = (awl_limiter)AWL_LIMITER_INIT(LIMITER_TOTAL);
	t->lines = 0;
	if (awl_run_with(&o, run_all, NULL) < 0)
		trace_add(t, 0, REAPER, ENDS, STUCK);
}
