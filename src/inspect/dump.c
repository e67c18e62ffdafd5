/* SPDX-License-Identifier: MIT */
/*
 * dump.c - awl_dump: what SIGQUIT shows, on any descriptor.
 */
#include "task/graph.h"

#include <awl/inspect.h>

#include <fcntl.h>

int awl_dump(int fd)
{
	if (fcntl(fd, F_GETFD) < 0)
		return awl__fail(-EBADF, "awl_dump: descriptor %d is not open", fd);
	awl__dump(fd);
	return 0;
}
