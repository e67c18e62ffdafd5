/* SPDX-License-Identifier: MIT */
/*
 * choose.c - which reactor: the one named by the caller, else by AWL_REACTOR, else the best there
 * is.
 */
#include "base/report.h"
#include "reactor/reactor.h"

#include <stdlib.h>
#include <string.h>

static int wrong(const char *name, bool from_environment)
{
	return awl__fail(-EINVAL, "%s%s: no such reactor; there are uring, epoll, sim",
		from_environment ? "AWL_REACTOR=" : "", name);
}

int awl__reactor_new(const char *name, uint64_t seed, struct awl__reactor **ret)
{
	bool from_environment = !name;

	if (!name)
		name = secure_getenv("AWL_REACTOR");
	/* Asked for by name, uring fails loudly; the kernel is not even asked when it is not
	 * wanted. */
	if (!name || !*name)
		return awl__uring_new(ret) == 0 ? 0 : awl__epoll_new(ret);
	if (strcmp(name, "uring") == 0)
		return awl__uring_new(ret);
	if (strcmp(name, "epoll") == 0)
		return awl__epoll_new(ret);
	if (strcmp(name, "sim") == 0)
		return awl__sim_new(seed, ret);
	return wrong(name, from_environment);
}
