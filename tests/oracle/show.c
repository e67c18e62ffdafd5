/* SPDX-License-Identifier: MIT */
/*
 * show.c - programs and traces for human eyes.
 */
#include "program.h"

#include <stdio.h>

/* How a statement reads; %a and %b are its numbers, %c cases, %g what is gathered. */
static const char *const words[OPS] = {
	[OP_REAP] = "cancel whoever is left",
	[OP_YIELD] = "yield",
	[OP_CHECKPOINT] = "checkpoint",
	[OP_SLEEP] = "sleep %b",
	[OP_AWAIT] = "await t%a",
	[OP_JOIN] = "join t%a",
	[OP_AWAIT_FUTURE] = "await f%a",
	[OP_JOIN_FUTURE] = "join f%a",
	[OP_EVENT_WAIT] = "wait for event e%a",
	[OP_ACQUIRE] = "acquire the semaphore",
	[OP_PUT] = "put %b into q%a",
	[OP_GET] = "get from q%a",
	[OP_QUEUE_JOIN] = "join q%a",
	[OP_BARRIER_WAIT] = "wait at the barrier",
	[OP_CONDITION_WAIT] = "wait for the condition",
	[OP_START] = "start t%a in g%b",
	[OP_SELECT] = "select%c",
	[OP_GATHER] = "gather t%a and the next, in spite of failures: %b",
	[OP_GATHER_FUTURES] = "gather%g, on a failure %b",
	[OP_SPAWN] = "spawn t%a",
	[OP_CHILD] = "spawn t%a in g%b",
	[OP_STARTED] = "say started, %b",
	[OP_CANCEL] = "cancel t%a",
	[OP_UNCANCEL] = "uncancel",
	[OP_CANCELLING] = "cancelling?",
	[OP_DEADLINE] = "deadline?",
	[OP_SET] = "set f%a to %b",
	[OP_FAIL] = "fail f%a with %b",
	[OP_CANCEL_FUTURE] = "cancel f%a",
	[OP_ON_DONE] = "add a done callback to t%a",
	[OP_ON_FUTURE_DONE] = "add a done callback to f%a",
	[OP_EVENT_SET] = "set event e%a",
	[OP_EVENT_CLEAR] = "clear event e%a",
	[OP_RELEASE] = "release the semaphore",
	[OP_TRY_ACQUIRE] = "try to acquire the semaphore",
	[OP_TRY_PUT] = "try to put %b into q%a",
	[OP_TRY_GET] = "try to get from q%a",
	[OP_TASK_DONE] = "task_done q%a",
	[OP_SHUTDOWN] = "shut down q%a, immediately: %b",
	[OP_NOTIFY] = "notify %b of the condition",
	[OP_BARRIER_RESET] = "reset the barrier",
	[OP_LIMITER_TOTAL] = "let %b into the limiter",
	[OP_GROUP_CANCEL] = "cancel group g%a",
	[OP_GROUP_DEADLINE] = "give group g%a %b",
	[OP_RESCHEDULE] = "give timeout d%a %b from now",
	[OP_END] = "end with %b",
	[OP_LATER] = "call in %b",
	[OP_TIMEOUT] = "timeout d%a of %b",
	[OP_SHIELD] = "shield of %b",
	[OP_GROUP] = "group g%a",
	[OP_LOCK] = "lock l%a",
	[OP_CONDITION] = "lock the condition's lock",
	[OP_LIMITER] = "with a token of the limiter",
	[OP_REPEAT] = "%b times",
};

static void print_cases(const struct statement *s)
{
	for (int c = 0; c < CASES; c++) {
		if (!(s->a & 1 << c))
			continue;
		if (c < CASE_PUT)
			printf(" get-q%d", c - CASE_GET);
		else if (c < CASE_FUTURE)
			printf(" put-q%d", c - CASE_PUT);
		else if (c < CASE_TIME)
			printf(" f%d", c - CASE_FUTURE);
		else
			printf(" in-%d", s->b);
	}
}

static void print_gathered(const struct statement *s)
{
	for (int i = 0; i < BODIES + FUTURES; i++)
		if (s->a & 1 << i)
			printf(i < BODIES ? " t%d" : " f%d", i < BODIES ? i : i - BODIES);
}

static void print_statement(const struct program *p, int at)
{
	const struct statement *s = &p->at[at];

	for (const char *w = words[s->op]; *w; w++) {
		if (*w != '%') {
			putchar(*w);
			continue;
		}
		w++;
		if (*w == 'c')
			print_cases(s);
		else if (*w == 'g')
			print_gathered(s);
		else if (*w == 'b' && s->b < -4096)
			printf("%s", awl_error_name(s->b));
		else
			printf("%d", *w == 'a' ? s->a : s->b);
	}
}

static void print_block(const struct program *p, int at, int depth)
{
	for (; at >= 0; at = p->at[at].next) {
		const struct statement *s = &p->at[at];

		printf("%*s", 4 * depth, "");
		print_statement(p, at);
		printf("%s%s\n", s->minds ? ", or leave" : "", s->child >= 0 ? " {" : "");
		if (s->child < 0)
			continue;
		print_block(p, s->child, depth + 1);
		printf("%*s}\n", 4 * depth, "");
	}
}

void program_show(const struct program *p)
{
	for (int b = 0; b < p->bodies; b++) {
		if (p->body[b] < 0)
			continue;
		printf("t%d:\n", b);
		print_block(p, p->body[b], 1);
	}
}

static void print_line(const struct program *p, const struct line *l)
{
	printf("%8lld  ", (long long)l->time);
	if (l->who == CALLBACK)
		printf("callback: ");
	else if (l->who == DONE_CALLBACK)
		printf("done callback: ");
	else
		printf(l->who == REAPER ? "reaper: " : "t%d: ", l->who);
	if (l->where == BEGINS) {
		printf("begins\n");
		return;
	}
	if (l->where == ENDS)
		printf("ends");
	else
		print_statement(p, l->where);
	if (l->result < 0)
		printf(" -> %s\n", awl_error_name(l->result));
	else
		printf(" -> %d\n", l->result);
}

int traces_part(const struct trace *a, const struct trace *b)
{
	int n = a->lines < b->lines ? a->lines : b->lines;

	for (int i = 0; i < n; i++) {
		const struct line *x = &a->line[i], *y = &b->line[i];

		if (x->time != y->time || x->who != y->who || x->where != y->where ||
			x->result != y->result)
			return i;
	}
	return a->lines == b->lines ? -1 : n;
}

static void print_rest(const struct program *p, const char *whose, const struct trace *t, int from)
{
	printf("%s:\n", whose);
	for (int i = from; i < t->lines && i < from + 8; i++)
		print_line(p, &t->line[i]);
	if (from >= t->lines)
		printf("          nothing more\n");
}

void traces_show(const struct program *p, const struct trace *model, const struct trace *awl)
{
	int at = traces_part(model, awl);

	if (at < 0) {
		printf("both say the same, %d lines\n", model->lines);
		return;
	}
	printf("both say, %d lines:\n", at);
	for (int i = at > 30 ? at - 30 : 0; i < at; i++)
		print_line(p, &model->line[i]);
	print_rest(p, "then the model says", model, at);
	print_rest(p, "then awl says", awl, at);
}
