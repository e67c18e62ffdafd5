/* SPDX-License-Identifier: MIT */
/*
 * generate.c - random programs. Few tasks, few objects and few different times, so that they meet.
 */
#include "program.h"

#include <string.h>

struct maker {
	struct program *p;
	uint64_t random;
	bool repeats, callback; /* where we are */
	bool trades; /* one queue is what most of it is about */
	int32_t queue; /* that one */
	int16_t groups[STATEMENTS], timeouts[STATEMENTS];
	int n_groups, n_timeouts;
};

/* splitmix64 */
static uint32_t draw(struct maker *m, uint32_t below)
{
	uint64_t z = m->random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return (uint32_t)((z ^ z >> 31) >> 32) % below;
}

static bool one_in(struct maker *m, uint32_t n)
{
	return draw(m, n) == 0;
}

static int32_t some_time(struct maker *m)
{
	return 100 * (1 + (int32_t)draw(m, 8));
}

static int32_t some_task(struct maker *m)
{
	return (int32_t)draw(m, (uint32_t)m->p->bodies);
}

static int32_t some_of(struct maker *m, const int16_t *of, int n)
{
	return n ? of[draw(m, (uint32_t)n)] : -1;
}

static int32_t some_status(struct maker *m)
{
	static const int32_t statuses[] = { 0, 5, -EIO, -EPROTO, AWL_ECANCELED };

	return statuses[draw(m, 5)];
}

static int32_t some_queue(struct maker *m)
{
	return one_in(m, 4) ? (int32_t)draw(m, QUEUES) : m->queue;
}

/* One to four cases of a select. */
static int32_t some_cases(struct maker *m)
{
	int32_t cases = 0;

	do {
		uint32_t kind = draw(m, 8);

		if (kind < 3)
			cases |= 1 << (CASE_GET + some_queue(m));
		else if (kind < 5)
			cases |= 1 << (CASE_PUT + some_queue(m));
		else if (kind < 7)
			cases |= 1 << (CASE_FUTURE + draw(m, FUTURES));
		else
			cases |= 1 << CASE_TIME;
	} while (!one_in(m, 3));
	return cases;
}

/* How often each is drawn. */
static const struct {
	uint8_t op, weight;
} in_task[] = {
	{ OP_YIELD, 6 },
	{ OP_CHECKPOINT, 1 },
	{ OP_SLEEP, 12 },
	{ OP_AWAIT, 7 },
	{ OP_JOIN, 2 },
	{ OP_AWAIT_FUTURE, 6 },
	{ OP_JOIN_FUTURE, 2 },
	{ OP_EVENT_WAIT, 3 },
	{ OP_ACQUIRE, 3 },
	{ OP_PUT, 4 },
	{ OP_GET, 4 },
	{ OP_QUEUE_JOIN, 1 },
	{ OP_BARRIER_WAIT, 2 },
	{ OP_UNCANCEL, 1 },
	{ OP_CANCELLING, 1 },
	{ OP_DEADLINE, 1 },
	{ OP_NOTIFY, 1 },
	{ OP_END, 1 },
	{ OP_TIMEOUT, 9 },
	{ OP_SHIELD, 4 },
	{ OP_GROUP, 6 },
	{ OP_LOCK, 4 },
	{ OP_CONDITION, 4 },
	{ OP_START, 2 },
	{ OP_SELECT, 5 },
	{ OP_GATHER, 2 },
	{ OP_GATHER_FUTURES, 4 },
	{ OP_LIMITER, 3 },
	{ OP_STARTED, 2 },
	{ OP_REPEAT, 1 },
	{ OP_LATER, 3 },
}, anywhere[] = {
	{ OP_SPAWN, 4 },
	{ OP_CHILD, 3 },
	{ OP_CANCEL, 8 },
	{ OP_SET, 4 },
	{ OP_FAIL, 1 },
	{ OP_CANCEL_FUTURE, 2 },
	{ OP_ON_DONE, 1 },
	{ OP_ON_FUTURE_DONE, 1 },
	{ OP_EVENT_SET, 3 },
	{ OP_EVENT_CLEAR, 1 },
	{ OP_RELEASE, 3 },
	{ OP_TRY_ACQUIRE, 1 },
	{ OP_TRY_PUT, 2 },
	{ OP_TRY_GET, 2 },
	{ OP_TASK_DONE, 1 },
	{ OP_SHUTDOWN, 1 },
	{ OP_BARRIER_RESET, 1 },
	{ OP_LIMITER_TOTAL, 1 },
	{ OP_GROUP_CANCEL, 2 },
	{ OP_GROUP_DEADLINE, 2 },
	{ OP_RESCHEDULE, 2 },
}, in_trade[] = {
	{ OP_SLEEP, 2 },
	{ OP_PUT, 3 },
	{ OP_GET, 3 },
	{ OP_TRY_PUT, 2 },
	{ OP_TRY_GET, 1 },
	{ OP_SELECT, 4 },
	{ OP_SET, 1 },
	{ OP_CANCEL, 1 },
};

#define PICK(m, table) pick(m, &(table)[0].op, sizeof(table) / 2)
static uint8_t pick(struct maker *m, const uint8_t *table, size_t n)
{
	uint32_t sum = 0, at;

	for (size_t i = 0; i < n; i++)
		sum += table[2 * i + 1];
	at = draw(m, sum);
	while (at >= table[1]) {
		at -= table[1];
		table += 2;
	}
	return *table;
}

static int16_t block(struct maker *m, int depth, int length);

static int16_t add(struct maker *m, uint8_t op)
{
	struct program *p = m->p;
	int16_t at = (int16_t)p->statements;

	if (p->statements == STATEMENTS)
		return -1;
	p->statements++;
	p->at[at] = (struct statement){ .op = op, .next = -1, .child = -1 };
	p->at[at].minds = !one_in(m, 3);
	return at;
}

static void inside(struct maker *m, int16_t at, int depth)
{
	m->p->at[at].child = block(m, depth + 1, 1 + (int)draw(m, 4));
}

static void fill(struct maker *m, int16_t at, int depth)
{
	struct statement *s = &m->p->at[at];
	bool repeats = m->repeats, callback = m->callback;

	switch ((enum op)s->op) {
	case OP_SLEEP:
		s->b = one_in(m, 12) ? 0 : some_time(m);
		break;
	case OP_AWAIT:
	case OP_JOIN:
	case OP_SPAWN:
	case OP_CANCEL:
	case OP_ON_DONE:
		s->a = some_task(m);
		break;
	case OP_START:
	case OP_CHILD:
		s->a = some_task(m);
		s->b = some_of(m, m->groups, m->n_groups);
		break;
	case OP_AWAIT_FUTURE:
	case OP_JOIN_FUTURE:
	case OP_CANCEL_FUTURE:
	case OP_ON_FUTURE_DONE:
	case OP_SET:
	case OP_FAIL:
		s->a = (int32_t)draw(m, FUTURES);
		s->b = s->op == OP_FAIL ? -ENOLINK : (int32_t)draw(m, 9);
		break;
	case OP_EVENT_WAIT:
	case OP_EVENT_SET:
	case OP_EVENT_CLEAR:
		s->a = (int32_t)draw(m, EVENTS);
		break;
	case OP_PUT:
	case OP_GET:
	case OP_TRY_PUT:
	case OP_TRY_GET:
	case OP_QUEUE_JOIN:
	case OP_TASK_DONE:
	case OP_SHUTDOWN:
		s->a = some_queue(m);
		s->b = s->op == OP_SHUTDOWN ? one_in(m, 2) : at;
		break;
	case OP_SELECT:
		s->a = some_cases(m);
		s->b = one_in(m, 8) ? 0 : some_time(m);
		break;
	case OP_GATHER:
		s->a = some_task(m);
		s->b = one_in(m, 3);
		break;
	case OP_GATHER_FUTURES:
		do
			s->a |= 1 << (one_in(m, 2) ? some_task(m) : BODIES + (int)draw(m, FUTURES));
		while (!one_in(m, 3));
		s->b = (int32_t)draw(m, 3);
		break;
	case OP_LIMITER_TOTAL:
		s->b = 1 + (int32_t)draw(m, 3);
		break;
	case OP_STARTED:
		s->b = (int32_t)draw(m, 9);
		break;
	case OP_NOTIFY:
		s->b = 1 + (int32_t)draw(m, 2);
		break;
	case OP_GROUP_CANCEL:
		s->a = some_of(m, m->groups, m->n_groups);
		break;
	case OP_GROUP_DEADLINE:
		s->a = some_of(m, m->groups, m->n_groups);
		s->b = one_in(m, 6) ? 0 : some_time(m);
		break;
	case OP_RESCHEDULE:
		s->a = some_of(m, m->timeouts, m->n_timeouts);
		s->b = one_in(m, 6) ? 0 : some_time(m);
		break;
	case OP_END:
		s->b = some_status(m);
		break;
	case OP_LATER:
		s->b = one_in(m, 4) ? 0 : some_time(m);
		m->callback = true;
		s->child = block(m, 3, 1 + (int)draw(m, 2));
		break;
	case OP_TIMEOUT:
		s->a = at;
		s->b = one_in(m, 10) ? 0 : one_in(m, 10) ? NEVER : some_time(m);
		m->timeouts[m->n_timeouts++] = at;
		inside(m, at, depth);
		break;
	case OP_SHIELD: /* always with an end, so that the program has one */
		s->a = at;
		s->b = one_in(m, 10) ? 0 : some_time(m);
		inside(m, at, depth);
		break;
	case OP_GROUP:
		s->a = at;
		m->groups[m->n_groups++] = at;
		inside(m, at, depth);
		break;
	case OP_LOCK:
		s->a = (int32_t)draw(m, LOCKS);
		inside(m, at, depth);
		break;
	case OP_CONDITION:
	case OP_LIMITER:
		inside(m, at, depth);
		break;
	case OP_REPEAT:
		s->b = 2 + (int32_t)draw(m, 2);
		m->repeats = true;
		inside(m, at, depth);
		break;
	default:
		break;
	}
	m->repeats = repeats;
	m->callback = callback;
}

static uint8_t some_op(struct maker *m, int depth)
{
	for (;;) {
		uint8_t op = m->trades && !m->callback && one_in(m, 2) ? PICK(m, in_trade)
			: m->callback || one_in(m, 3)                  ? PICK(m, anywhere)
								       : PICK(m, in_task);

		if (op >= OP_LATER && depth >= 3)
			continue;
		if (op == OP_REPEAT && m->repeats)
			continue;
		return op;
	}
}

/* Its first statement. What a group or condition is for comes more often inside it. */
static int16_t block(struct maker *m, int depth, int length)
{
	int16_t first = -1, last = -1;
	int16_t opened = (int16_t)(m->p->statements - 1);
	uint8_t in = m->p->at[opened].op;

	for (int i = 0; i < length; i++) {
		uint8_t op = some_op(m, depth);
		int16_t at;

		if (in == OP_GROUP && (i == 0 || one_in(m, 3)))
			op = one_in(m, 5) ? OP_START : OP_CHILD;
		if (in == OP_LOCK && depth < 3 && one_in(m, 4))
			op = OP_LOCK;
		if (in == OP_CONDITION && one_in(m, 2))
			op = one_in(m, 2) ? OP_CONDITION_WAIT : OP_NOTIFY;
		at = add(m, op);
		if (at < 0)
			break;
		fill(m, at, depth);
		if ((op == OP_CHILD || op == OP_START) && in == OP_GROUP && !one_in(m, 8))
			m->p->at[at].b = opened;
		if (last < 0)
			first = at;
		else
			m->p->at[last].next = at;
		last = at;
	}
	return first;
}

/* t0 begins some of the others; the rest is whoever's who comes to it. */
static int16_t spawns(struct maker *m, int16_t then)
{
	for (int b = m->p->bodies - 1; b > 0; b--) {
		int16_t at;

		if (b > 1 && one_in(m, 3))
			continue;
		at = add(m, OP_SPAWN);
		if (at < 0)
			break;
		m->p->at[at].a = b;
		m->p->at[at].next = then;
		then = at;
	}
	return then;
}

void program_make(struct program *p, uint64_t seed)
{
	struct maker m = { .p = p, .random = seed * UINT64_C(0xd1342543de82ef95) };

	memset(p, 0, sizeof *p);
	p->seed = seed;
	p->bodies = 2 + (int)draw(&m, BODIES - 1);
	m.trades = one_in(&m, 3);
	m.queue = (int32_t)draw(&m, QUEUES);
	p->body[REAPER] = add(&m, OP_SPAWN);
	p->at[p->body[REAPER]].next = add(&m, OP_REAP);
	p->body[0] = spawns(&m, block(&m, 0, (int)draw(&m, 4)));
	for (int b = 1; b < BODIES; b++)
		p->body[b] = b < p->bodies ? block(&m, 0, 1 + (int)draw(&m, 6)) : -1;
}
