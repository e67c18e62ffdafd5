/* SPDX-License-Identifier: MIT */
/*
 * local.h - addresses of this machine's own sockets: paths, and names that begin with '@'.
 */
#ifndef AWL__LOCAL_ADDRESS_H
#define AWL__LOCAL_ADDRESS_H

#include "base/report.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

static inline int awl__local_address(
	const char *path, struct sockaddr_un *addr, socklen_t *len, const char *call)
{
	size_t n = strlen(path);

	if (n == 0 || n + (path[0] != '@') > sizeof addr->sun_path)
		return awl__fail(n ? -ENAMETOOLONG : -EINVAL, "%s: a path has 1 ... %zu bytes",
			call, sizeof addr->sun_path - 1);
	*addr = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(addr->sun_path, path, n);
	if (path[0] == '@')
		addr->sun_path[0] = 0; /* an abstract one has a length and no end */
	*len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + (path[0] != '@'));
	return 0;
}

#endif
