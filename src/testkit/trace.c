/* SPDX-License-Identifier: MIT */
/*
 * trace.c - what a test's loop does, step by step, as a digest and in words. Nothing in it depends
 * on an address, so it is the same in every process.
 */
#include "testkit/trace.h"
#include "task/page.h"
#include "task/task.h"

#include <awl/test.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static _Thread_local struct {
	awl_loop *loop; /* of the test that runs */
	int64_t began;
	uint64_t digest;
	awl_test_trace_fn *fn;
	void *arg;
} trace AWL__TLS;

/* splitmix64's finaliser: each bit of both decides each bit of the sum. */
static void mix(uint64_t v)
{
	uint64_t z = (trace.digest ^ v) + UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	trace.digest = z ^ z >> 31;
}

static void mix_words(const char *words)
{
	while (*words)
		mix((unsigned char)*words++);
	mix(UINT64_MAX);
}

static int64_t mix_time(void)
{
	int64_t now = awl__reactor_now(trace.loop->reactor) - trace.began;

	mix((uint64_t)now);
	return now;
}

static void tell(int64_t now, const char *who, const char *what)
{
	char line[200];

	if (!trace.fn)
		return;
	snprintf(line, sizeof line, "%" PRId64 ".%09" PRId64 " %s%s%s", now / AWL_SEC,
		now % AWL_SEC, who, *what ? " " : "", what);
	trace.fn(line, trace.arg);
}

static void tell_task(int64_t now, const struct awl__task *t)
{
	const char *name = t->extra && t->extra->name ? t->extra->name : "";
	const char *waited = awl__page_waits(t->future.row.waits);
	char who[64], what[64];

	mix(t->number);
	mix_words(name);
	mix(t->future.row.waits | (unsigned)t->interrupted << 8 | (unsigned)awl__begun(t) << 9);
	if (!trace.fn)
		return;
	if (*name)
		snprintf(who, sizeof who, "%s", name);
	else
		snprintf(who, sizeof who, "Task-%" PRIu32, t->number);
	snprintf(what, sizeof what, "%s%s%s",
		!awl__begun(t)    ? "begins"
			: *waited ? "after "
				  : "goes on",
		waited, t->interrupted ? ", interrupted" : "");
	tell(now, who, what);
}

static void step(awl_loop *l, struct awl__runnable *r)
{
	int64_t now = mix_time();

	(void)l;
	mix(r->kind);
	if (r->kind == AWL__RUN_TASK)
		tell_task(now, awl__task_of(r));
	else
		tell(now, r->kind == AWL__RUN_HANDLE ? "callback" : "done callback", "");
}

void awl__trace_begin(awl_loop *l)
{
	trace.loop = l;
	trace.began = awl__reactor_now(l->reactor);
	trace.digest = 0;
	l->trace = step;
}

void awl__trace_end(awl_loop *l)
{
	l->trace = NULL;
	trace.loop = NULL;
}

uint64_t awl_test_digest(void)
{
	return trace.digest;
}

void awl_test_note(const char *words)
{
	if (!trace.loop || !words)
		return;
	mix_words(words);
	tell(mix_time(), "note:", words);
}

void awl_test_set_trace(awl_test_trace_fn *fn, void *arg)
{
	trace.fn = fn;
	trace.arg = arg;
}
