/* SPDX-License-Identifier: MIT */
/*
 * hello.c - the smallest program: one coroutine, run to its end, that sleeps without blocking.
 */
#include <awl.h>
#include <stdio.h>

static int hello(void *name)
{
	int r;

	printf("hello ...\n");
	r = awl_sleep(100 * AWL_MS);
	if (r < 0)
		return r;
	printf("... %s\n", (const char *)name);
	return 0;
}

int main(void)
{
	return awl_run(hello, "world") < 0;
}
