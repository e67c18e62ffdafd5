/* SPDX-License-Identifier: MIT */
/*
 * activation.c - listening sockets handed over by a service manager, as sd_listen_fds(3) says.
 */
#include "task/future.h"

#include <awl/server.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIRST_FD 3 /* SD_LISTEN_FDS_START */

/* A decimal number and nothing else; -1. */
static long number_of(const char *text)
{
	char *end;
	long n;

	if (!text || *text < '0' || *text > '9')
		return -1;
	errno = 0;
	n = strtol(text, &end, 10);
	return *end || errno ? -1 : n;
}

/* The first of a list with colons between is `name`; *names is behind it then. */
static bool next_is(const char **names, const char *name)
{
	const char *first = *names;
	size_t len = strcspn(first, ":");

	*names = first + len + (first[len] == ':');
	return !name || (strlen(name) == len && memcmp(first, name, len) == 0);
}

int awl_listen_fds(const char *name, int *fds, int room)
{
	long count = number_of(secure_getenv("LISTEN_FDS"));
	const char *names = secure_getenv("LISTEN_FDNAMES");
	int n = 0;

	if (room < 0 || (room && !fds))
		return awl__fail(-EINVAL, "%s: no room", __func__);
	if (number_of(secure_getenv("LISTEN_PID")) != (long)getpid() || count <= 0)
		return 0; /* nothing, or for another process */
	if (count > INT32_MAX - FIRST_FD)
		return awl__fail(-EINVAL, "%s: LISTEN_FDS is %ld", __func__, count);
	for (int fd = FIRST_FD; fd < FIRST_FD + count; fd++) {
		int flags = fcntl(fd, F_GETFD);

		if (flags < 0 || fcntl(fd, F_SETFD, flags | FD_CLOEXEC) < 0)
			return awl__fail(-errno, "%s: descriptor %d: %s", __func__, fd,
				awl_strerror(-errno));
		if (!next_is(names ? &names : &(const char *){ "unknown" }, name))
			continue;
		if (n == room)
			return awl__fail(-E2BIG, "%s: there are more than %d", __func__, room);
		fds[n++] = fd;
	}
	return n;
}
