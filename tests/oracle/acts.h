/* SPDX-License-Identifier: MIT */
/*
 * acts.h - the scenarios of prog_scenarios.c are acted in several files; what they share: words
 * that both sides use, and players.
 */
#ifndef ORACLE_ACTS_H
#define ORACLE_ACTS_H

#include <awl.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

struct act {
	const char *name;
	awl_fn *run;
};

#define ACT(name) \
	{ \
#name, name \
	}

/* Each ends with one that has no name. */
extern const struct act acts_of_loop[], acts_of_cancel[], acts_of_time[], acts_of_group[];
extern const struct act acts_of_gather[], acts_of_sync[], acts_of_queue[];

__attribute__((format(printf, 1, 2))) static inline void say(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
}

/* Codes in the words that both sides use. */
static inline const char *word(int r)
{
	static char buf[4][16];
	static unsigned next;

	switch (r) {
	case AWL_ECANCELED:
	case AWL_EFUTURECANCELED:
		return "cancelled";
	case -ETIMEDOUT:
		return "timeout";
	case -EIO:
		return "failed";
	case AWL_EPENDING:
	case AWL_EDONE:
	case AWL_EISTASK:
	case AWL_ESCOPE:
	case AWL_EBROKEN:
	case AWL_ESHUTDOWN:
	case -EAGAIN:
	case -EOVERFLOW:
	case -EPERM:
		return "refused";
	default:
		snprintf(buf[++next % 4], sizeof *buf, "%d", r);
		return buf[next % 4];
	}
}

static inline awl_loop *loop(void)
{
	awl_loop *l = NULL;

	(void)!awl_get_running_loop(&l);
	return l;
}

static inline awl_future *future(void)
{
	awl_future *f = NULL;

	(void)!awl_loop_create_future(loop(), 0, &f);
	return f;
}

static inline awl_task *task(awl_fn *fn, void *arg)
{
	awl_task *t = NULL;

	(void)!awl_create_task(fn, arg, &t);
	return t;
}

static inline int sleep_ms(int ms)
{
	return awl_sleep(ms * AWL_MS);
}

/* A task's end, as who awaits it sees it; the handle is given up. */
static inline void tell_end(const char *name, awl_task *t)
{
	say("%s: %s", name, word(awl_await(t)));
	awl_unref(t);
}

static inline int say_word(void *arg)
{
	say("%s", (const char *)arg);
	return 0;
}
#define WORD(w) say_word, (void *)(uintptr_t)(w)

static inline void soon(const char *w)
{
	(void)!awl_loop_call_soon(loop(), WORD(w), NULL);
}

static inline void after_ms(int ms, const char *w)
{
	(void)!awl_loop_call_later(loop(), ms * AWL_MS, WORD(w), NULL);
}

/* A sleeper that says how its sleep went, cleans up for some time if asked to stop, and ends. */
struct sleeper {
	const char *name;
	int ms; /* < 0: a yield */
	int ends; /* with this, if it slept out */
	int cleanup;
	int cancelled; /* it ends with this where it was cancelled; 0: cancelled */
};

static inline int sleeper(void *arg)
{
	const struct sleeper *s = arg;
	int r;

	say("%s begins", s->name);
	r = s->ms < 0 ? awl_yield() : sleep_ms(s->ms);
	say("%s slept: %s", s->name, word(r));
	if (r < 0 && s->cleanup) {
		awl_shield shield;

		/* In asyncio a group cancels once: there a plain sleep is as good. */
		awl_shield_enter(&shield, AWL_FOREVER);
		(void)!awl_shield_exit(&shield, sleep_ms(s->cleanup));
		say("%s cleaned up", s->name);
	}
	if (r < 0)
		return s->cancelled ? s->cancelled : r;
	return s->ends;
}

static inline int fails(void *arg)
{
	return -EIO;
}

/* A future that several wait for. */
static awl_future *shared;

static inline int waiter(void *arg)
{
	say("%s waits", (const char *)arg);
	say("%s: %s", (const char *)arg, word(awl_await(shared)));
	return 0;
}
#define WAITER(name) task(waiter, (void *)(uintptr_t)(name))

#endif
