/* SPDX-License-Identifier: MIT */
/*
 * prog_scenarios.c - what docs/asyncio.md calls "same", acted out in awl; test_python.py acts it
 * out in asyncio, under the same names, and compares what both say, line by line.
 */
#include "oracle/acts.h"

#include <stddef.h>

static void ignore(int level, const char *line, void *arg)
{
}

static void act(const struct act *a)
{
	awl_loop_options o = { .reactor = "sim" };

	say("== %s", a->name);
	if (awl_run_with(&o, a->run, NULL) < 0)
		say("it ended with a failure");
}

int main(void)
{
	static const struct act *const all[] = { acts_of_loop, acts_of_cancel, acts_of_time,
		acts_of_group, acts_of_gather, acts_of_sync, acts_of_queue };

	awl_set_logger(ignore, NULL);
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		for (const struct act *a = all[i]; a->name; a++)
			act(a);
	return 0;
}
