/* SPDX-License-Identifier: MIT */
/*
 * owner.h - which descriptor numbers of this process have an owner, in whatever loop.
 *
 * Asked by any thread without a lock. A fork's child has no owners: a number is owned in the
 * process that took it.
 */
#ifndef AWL__OWNER_H
#define AWL__OWNER_H

#include <stdbool.h>

int awl__owner_take(int fd); /* -EBUSY: it has one; -EBADF, -ENOMEM */
void awl__owner_drop(int fd);
bool awl__owner_has(int fd);

#endif
