/* SPDX-License-Identifier: MIT */
/*
 * version.c - the version of the library that runs.
 */
#include <awl/system.h>

#define TEXT2(x) #x
#define TEXT(x) TEXT2(x)

const char *awl_version(void)
{
	return TEXT(AWL_VERSION_MAJOR) "." TEXT(AWL_VERSION_MINOR) "." TEXT(AWL_VERSION_PATCH);
}
