/* SPDX-License-Identifier: MIT */
/*
 * debug.c - debug mode and the limit for slow steps: the options, the environment, the setters; and
 * a place in the code in words.
 */
#include "loop/claim.h"
#include "loop/watchdog.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLOW (100 * AWL_MS)

static bool is_on(const char *variable)
{
	const char *text = secure_getenv(variable);

	return text && *text && strcmp(text, "0") != 0;
}

/* AWL_SLOW_MS, 0 being never; -1: not a number. */
static int64_t slow_of_environment(void)
{
	const char *text = secure_getenv("AWL_SLOW_MS");
	char *end;
	long long ms;

	if (!text || !*text)
		return SLOW;
	errno = 0;
	ms = strtoll(text, &end, 10);
	if (errno || *end || ms < 0 || ms > INT64_MAX / AWL_MS)
		return -1;
	return ms ? ms * AWL_MS : AWL_FOREVER;
}

int awl__debug_check(const awl_loop_options *o)
{
	if (o->slow && o->slow < AWL_MS)
		return awl__fail(-EINVAL, "awl_loop_new: slow is below 1 ms");
	if (!o->slow && slow_of_environment() < 0)
		return awl__fail(-EINVAL, "AWL_SLOW_MS=%s: not a number of milliseconds",
			secure_getenv("AWL_SLOW_MS"));
	return 0;
}

void awl__debug_init(awl_loop *l, const awl_loop_options *o)
{
	int r;

	atomic_init(&l->slow, o->slow ? o->slow : slow_of_environment());
	l->debug = o->flags & AWL_LOOP_DEBUG || is_on("AWL_DEBUG");
	if (!(o->flags & AWL_LOOP_DUMP) && !is_on("AWL_DUMP"))
		return;
	r = awl__watch_quit(l->hooks);
	if (r < 0)
		awl__report(
			AWL_LOG_WARNING, "SIGQUIT will not dump the tasks: %s", awl_strerror(r));
}

int awl_loop_set_debug(awl_loop *loop, int on)
{
	if (!loop)
		return awl__fail(-EINVAL, "awl_loop_set_debug: loop is NULL");
	AWL__CLAIM(loop, "awl_call_soon_threadsafe with a callback that sets it");
	loop->debug = on != 0;
	return 0;
}

int awl_loop_get_debug(const awl_loop *loop)
{
	awl_loop *l = (awl_loop *)(uintptr_t)loop;

	if (!l)
		return awl__fail(-EINVAL, "awl_loop_get_debug: loop is NULL");
	AWL__CLAIM_READ(l, "awl_call_soon_threadsafe with a callback that asks", claimed_);
	return l->debug;
}

int awl_loop_set_slow_callback_duration(awl_loop *loop, int64_t ns)
{
	if (!loop)
		return awl__fail(-EINVAL, "awl_loop_set_slow_callback_duration: loop is NULL");
	if (ns < AWL_MS)
		return awl__fail(-EINVAL, "awl_loop_set_slow_callback_duration: less than 1 ms");
	AWL__CLAIM(loop, "awl_call_soon_threadsafe with a callback that sets it");
	awl__store(&loop->slow, ns);
	return 0;
}

int64_t awl_loop_get_slow_callback_duration(const awl_loop *loop)
{
	awl_loop *l = (awl_loop *)(uintptr_t)loop;

	if (!l)
		return awl__fail(-EINVAL, "awl_loop_get_slow_callback_duration: loop is NULL");
	AWL__CLAIM_READ(l, "awl_call_soon_threadsafe with a callback that asks", claimed_);
	return awl__load(&l->slow);
}

/* "serve+0x1f", or for what has no name to the linker "server+0x51f0", fit for addr2line. */
const char *awl__place(const void *code, char *buf, size_t len)
{
	const char *at = code, *file;
	Dl_info info;

	if (!dladdr(code, &info) || !info.dli_fname) {
		snprintf(buf, len, "%p", code);
	} else if (info.dli_sname) {
		snprintf(buf, len, "%s+0x%tx", info.dli_sname, at - (const char *)info.dli_saddr);
	} else {
		file = strrchr(info.dli_fname, '/');
		snprintf(buf, len, "%s+0x%tx", file ? file + 1 : info.dli_fname,
			at - (const char *)info.dli_fbase);
	}
	return buf;
}
