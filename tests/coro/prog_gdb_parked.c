/* SPDX-License-Identifier: MIT */
/*
 * prog_gdb_parked.c - what test_gdb.sh looks at: one flow parked three calls deep, one that has not
 * begun, and a switch to be stepped through.
 */
#include "flow.h"

#include <stdio.h>

static struct awl__stack_pool pool;
static struct awl__context thread;
static struct flow parked, unborn;

AWL__NOINLINE static void innermost(struct flow *f)
{
	flow_yield(f);
	__asm__ volatile("");
}

AWL__NOINLINE static void middle(struct flow *f)
{
	innermost(f);
	__asm__ volatile("");
}

AWL__NOINLINE static void outermost(struct flow *f)
{
	middle(f);
	__asm__ volatile("");
}

void look_here(void *parked_sp, void *unborn_sp);
AWL__NOINLINE void look_here(void *parked_sp, void *unborn_sp)
{
	printf("%p %p\n", parked_sp, unborn_sp);
}

int main(void)
{
	awl__context_of_thread(&thread);
	if (flow_make(&parked, &pool, 0, outermost, NULL) < 0 ||
		flow_make(&unborn, &pool, 0, outermost, NULL) < 0)
		return 1;
	flow_resume(&parked, &thread);
	look_here(parked.self.sp, unborn.self.sp);
	flow_resume(&unborn, &thread);
	flow_resume(&unborn, &thread);
	flow_resume(&parked, &thread);
	awl__stack_pool_free(&pool);
	return 0;
}
