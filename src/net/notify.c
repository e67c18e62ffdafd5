/* SPDX-License-Identifier: MIT */
/*
 * notify.c - a word to the service manager, as sd_notify(3) says.
 */
#include "net/local.h"
#include "task/future.h"

#include <awl/server.h>

#include <stdlib.h>
#include <unistd.h>

static int tell(const struct sockaddr_un *to, socklen_t len, const char *state)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	ssize_t n;
	int err;

	if (fd < 0)
		return -errno;
	n = sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)to, len);
	err = errno;
	close(fd);
	return n < 0 ? -err : 1;
}

int awl_notify(const char *state)
{
	const char *path = secure_getenv("NOTIFY_SOCKET");
	struct sockaddr_un to;
	socklen_t len = 0;
	int r;

	AWL__NOT_NULL(state);
	if (!path || !*path)
		return 0;
	if (path[0] != '/' && path[0] != '@')
		return awl__fail(-EAFNOSUPPORT, "%s: NOTIFY_SOCKET is %s", __func__, path);
	r = awl__local_address(path, &to, &len, __func__);
	if (r < 0)
		return r;
	r = tell(&to, len, state);
	return r < 0 ? awl__fail(r, "%s: %s: %s", __func__, path, awl_strerror(r)) : r;
}
