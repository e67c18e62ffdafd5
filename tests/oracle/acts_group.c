/* SPDX-License-Identifier: MIT */
/*
 * acts_group.c - task groups, acted in awl: children, their failures, and who is stopped for them.
 */
#include "oracle/acts.h"

static awl_task *child(awl_task_group *g, const struct sleeper *s)
{
	awl_task *t = NULL;
	int r = awl_task_group_create_task(g, sleeper, (void *)(uintptr_t)s, &t);

	if (r < 0)
		say("%s: refused", s->name);
	return t;
}
#define CHILD(g, ...) child(g, &(struct sleeper){ __VA_ARGS__ })

static awl_task_group *group_of_adder;

static int adder(void *arg)
{
	static const struct sleeper added = { .name = "added", .ms = 10 };

	(void)!sleep_ms(5);
	child(group_of_adder, &added);
	return 0;
}

/* G3 */
static int a_group_waits_for_all_of_its_children(void *arg)
{
	awl_task_group g;

	group_of_adder = &g;
	awl_task_group_enter(&g);
	CHILD(&g, .name = "a", .ms = 20);
	CHILD(&g, .name = "b", .ms = 10);
	(void)!awl_task_group_create_task(&g, adder, NULL, NULL);
	say("body ends");
	say("exit: %s", word(awl_task_group_exit(&g, 0)));
	return 0;
}

/* G4, G9 */
static int a_failure_stops_children_and_body(void *arg)
{
	awl_task_group g;
	int r;

	awl_task_group_enter(&g);
	CHILD(&g, .name = "a", .ms = 50, .cleanup = 5);
	CHILD(&g, .name = "b", .ms = 10, .ends = -EIO);
	CHILD(&g, .name = "c", .ms = 50);
	r = sleep_ms(30);
	say("body: %s", word(r));
	say("exit: %s", word(awl_task_group_exit(&g, r)));
	say("cancelling: %d", awl_cancelling(awl_current_task()));
	return 0;
}

/* G4 */
static int a_failing_body_stops_its_children(void *arg)
{
	awl_task_group g;

	awl_task_group_enter(&g);
	CHILD(&g, .name = "a", .ms = 50, .cleanup = 5);
	CHILD(&g, .name = "b", .ms = 50);
	(void)!sleep_ms(5);
	say("exit: %s", word(awl_task_group_exit(&g, -EIO)));
	return 0;
}

/* G2 */
static int a_stopping_group_takes_no_child(void *arg)
{
	awl_task_group g;
	int r;

	awl_task_group_enter(&g);
	CHILD(&g, .name = "a", .ms = 5, .ends = -EIO);
	r = sleep_ms(50);
	CHILD(&g, .name = "b", .ms = 5);
	say("exit: %s", word(awl_task_group_exit(&g, r)));
	CHILD(&g, .name = "c", .ms = 5);
	return 0;
}

/* G7 */
static int a_child_cancelled_alone_is_no_failure(void *arg)
{
	awl_task_group g;
	awl_task *a;

	awl_task_group_enter(&g);
	a = CHILD(&g, .name = "a", .ms = 50);
	CHILD(&g, .name = "b", .ms = 20);
	(void)!sleep_ms(5);
	awl_cancel(a, NULL);
	say("exit: %s", word(awl_task_group_exit(&g, 0)));
	return 0;
}

static const struct sleeper quiet_child = { .name = "a", .ms = 50, .cleanup = 5 };
static const struct sleeper bad_child = { .name = "b", .ms = 50, .cancelled = -EIO };

static int joins_two(void *arg)
{
	awl_task_group g;
	int r;

	awl_task_group_enter(&g);
	child(&g, &quiet_child);
	child(&g, arg);
	r = awl_task_group_exit(&g, 0);
	say("exit: %s", word(r));
	say("cancelling: %d", awl_cancelling(awl_current_task()));
	say("then: %s", word(awl_yield()));
	return r;
}

/* G8 */
static int a_parent_cancelled_while_it_joins_stops_its_children(void *arg)
{
	static const struct sleeper other = { .name = "b", .ms = 50 };
	awl_task *t = task(joins_two, (void *)(uintptr_t)&other);

	(void)!sleep_ms(5);
	awl_cancel(t, NULL);
	tell_end("t", t);
	return 0;
}

/* G8 */
static int a_failure_of_a_stopped_child_wins(void *arg)
{
	awl_task *t = task(joins_two, (void *)(uintptr_t)&bad_child);

	(void)!sleep_ms(5);
	awl_cancel(t, NULL);
	tell_end("t", t);
	return 0;
}

/* X19, G9: a group in a timeout */
static int a_timeout_around_a_group_stops_it(void *arg)
{
	awl_task_group g;
	awl_timeout t;
	int r;

	awl_timeout_enter(&t, 10 * AWL_MS);
	awl_task_group_enter(&g);
	CHILD(&g, .name = "a", .ms = 50, .cleanup = 5);
	CHILD(&g, .name = "b", .ms = 50);
	r = awl_task_group_exit(&g, 0);
	say("group: %s", word(r));
	say("timeout: %s", word(awl_timeout_exit(&t, r)));
	say("cancelling: %d", awl_cancelling(awl_current_task()));
	return 0;
}

const struct act acts_of_group[] = {
	ACT(a_group_waits_for_all_of_its_children),
	ACT(a_failure_stops_children_and_body),
	ACT(a_failing_body_stops_its_children),
	ACT(a_stopping_group_takes_no_child),
	ACT(a_child_cancelled_alone_is_no_failure),
	ACT(a_parent_cancelled_while_it_joins_stops_its_children),
	ACT(a_failure_of_a_stopped_child_wins),
	ACT(a_timeout_around_a_group_stops_it),
	{ NULL, NULL },
};
