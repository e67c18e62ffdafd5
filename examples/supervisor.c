/* SPDX-License-Identifier: MIT */
/*
 * supervisor.c - a supervisor restarts its children, each a little later than the last time, and
 * gives one up that keeps failing; Ctrl-C, or here a time limit, ends them all in order, the
 * children before those who look after them.
 */
#include <awl.h>
#include <errno.h>
#include <stdio.h>

static awl_local whose = { .name = "whose", .otherwise = (void *)"?" };

struct child {
	const char *name;
	int64_t lives; /* ns */
	int comes_to;
	int restarts;
};

static int live(void *arg)
{
	struct child *c = arg;
	int r = awl_sleep(c->lives);

	return r < 0 ? r : c->comes_to;
}

/* One child, again and again: its name is known to whatever it calls. */
static int look_after(void *arg)
{
	struct child *c = arg;
	int64_t pause = 10 * AWL_MS;
	int r = awl_local_set(&whose, (void *)c->name, NULL);

	while (r >= 0) {
		awl_job job = { .fn = live, .arg = c };

		r = awl_gather(&job, 1, AWL_RETURN_EXCEPTIONS);
		if (r < 0 || job.result >= 0)
			break;
		printf("%s: %s\n", (const char *)awl_local_get(&whose), awl_strerror(job.result));
		if (++c->restarts == 3) {
			printf("%s: given up\n", c->name);
			break;
		}
		r = awl_sleep(pause);
		pause *= 2;
	}
	if (r == AWL_ECANCELED)
		printf("%s: asked to stop\n", c->name);
	return r;
}

/* A sign of life ten times a second. */
static int heartbeat(void *arg)
{
	awl_interval every;
	int r = awl_interval_start(&every, 100 * AWL_MS, AWL_MISSED_SKIP);

	(void)arg;
	while (r >= 0 && (r = awl_interval_tick(&every)) >= 0)
		printf("still here\n");
	return r;
}

static int supervise(void *arg)
{
	struct child *c = arg;
	awl_job jobs[] = {
		{ .fn = look_after, .arg = &c[0] },
		{ .fn = look_after, .arg = &c[1] },
		{ .fn = look_after, .arg = &c[2] },
		{ .fn = heartbeat },
	};
	awl_timeout evening;

	awl_timeout_enter(&evening, 250 * AWL_MS);
	return awl_timeout_exit(&evening, awl_gather(jobs, 4, AWL_RETURN_EXCEPTIONS));
}

int main(void)
{
	struct child children[] = {
		{ .name = "the steady one", .lives = AWL_FOREVER },
		{ .name = "the quick one", .lives = 20 * AWL_MS, .comes_to = 0 },
		{ .name = "the unlucky one", .lives = 30 * AWL_MS, .comes_to = -EIO },
	};
	awl_runner runner = { .shutdown_timeout = AWL_SEC };
	int r = awl_runner_run(&runner, supervise, children);

	printf("the day: %s\n", r < 0 ? awl_strerror(r) : "all done");
	return awl_runner_close(&runner) < 0 || (r < 0 && r != -ETIMEDOUT && r != -EINTR);
}
