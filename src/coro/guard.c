/* SPDX-License-Identifier: MIT */
/*
 * guard.c - guards that cost no mapping (MADV_GUARD_INSTALL, Linux 6.13) where the kernel is proven
 * to mean it, else mprotect, which splits the mapping in two each time.
 */
#include "coro/guard.h"
#include "base/alloc.h"
#include "base/report.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

bool awl__guard_force_mprotect;
int (*awl__guard_mprotect)(void *p, size_t size, int prot) = mprotect;

enum { UNKNOWN, HELD, REFUSED };
static atomic_int verdict;

/*
 * qemu-user answers 0 and installs nothing: only a touch tells, and the kernel's own touch, a
 * write(2) from the guarded byte, tells without a signal. Without memory or descriptors nothing is
 * known yet.
 */
static int prove(void)
{
	size_t size = (size_t)getpagesize();
	void *page = awl__map(size, PROT_READ | PROT_WRITE, 0);
	int fds[2], found = REFUSED;

	if (!page)
		return UNKNOWN;
	if (madvise(page, size, MADV_GUARD_INSTALL) == 0) {
		if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) == 0) {
			if (write(fds[1], page, 1) < 0 && errno == EFAULT)
				found = HELD;
			close(fds[0]);
			close(fds[1]);
		} else {
			found = UNKNOWN;
		}
	}
	awl__unmap(page, size);
	return found;
}

/* Two threads may prove it at once; they find the same. */
static bool cheap_guards(void)
{
	int v = awl__load(&verdict);

	if (v == UNKNOWN)
		awl__store(&verdict, v = prove());
	return v == HELD;
}

static int no_guard(int err)
{
	char limit[32] = "";
	int fd;

	if (err != ENOMEM)
		return awl__fail(
			-ENOMEM, "no guard for another stack: mprotect: %s", strerror(err));
	fd = open("/proc/sys/vm/max_map_count", O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		ssize_t n = read(fd, limit, sizeof limit - 1);

		limit[n > 0 ? strcspn(limit, "\n") : 0] = 0;
		close(fd);
	}
	return awl__fail(-ENOMEM,
		"no guard for another stack: each costs a mapping here, and vm.max_map_count (%s) "
		"is reached; raise it, or use Linux 6.13, where guards cost none",
		*limit ? limit : "?");
}

int awl__guard_install(void *p, size_t size)
{
	if (!awl__guard_force_mprotect && cheap_guards() &&
		madvise(p, size, MADV_GUARD_INSTALL) == 0)
		return 0;
	return awl__guard_mprotect(p, size, PROT_NONE) == 0 ? 0 : no_guard(errno);
}
