/* SPDX-License-Identifier: MIT */
/*
 * exception.c - what becomes of a failure that nobody waits for (D9, D10).
 */
#include "loop/claim.h"

#include <stdio.h>

void awl_loop_default_exception_handler(awl_loop *loop, const awl_exception *e)
{
	(void)loop;
	if (!e)
		return;
	awl__report(AWL_LOG_ERROR, "%s: %s (%s)%s%s", e->message ? e->message : "unhandled failure",
		awl_strerror(e->error), awl_error_name(e->error),
		e->detail && *e->detail ? ": " : "", e->detail ? e->detail : "");
}

void awl__exception(awl_loop *l, awl_exception e)
{
	if (!e.detail)
		e.detail = "";
	if (l->on_exception)
		l->on_exception(l, &e, l->on_exception_arg);
	else
		awl_loop_default_exception_handler(l, &e);
}

int awl_loop_set_exception_handler(awl_loop *loop, awl_exception_handler *fn, void *arg)
{
	if (!loop)
		return awl__fail(-EINVAL, "awl_loop_set_exception_handler: loop is NULL");
	AWL__CLAIM(loop, "awl_call_soon_threadsafe");
	loop->on_exception = fn;
	loop->on_exception_arg = arg;
	return 0;
}

int awl_loop_call_exception_handler(awl_loop *loop, const awl_exception *e)
{
	if (!loop || !e)
		return awl__fail(-EINVAL, "awl_loop_call_exception_handler: NULL argument");
	AWL__CLAIM(loop, "awl_call_soon_threadsafe");
	awl__exception(loop, *e);
	return 0;
}
