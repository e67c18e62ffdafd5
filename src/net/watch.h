/* SPDX-License-Identifier: MIT */
/*
 * watch.h - the callbacks of a descriptor that is to be closed go with it.
 */
#ifndef AWL__WATCH_H
#define AWL__WATCH_H

#include "loop/loop.h"

/* Both are asked to leave; they have when the operations at the descriptor have ended. */
void awl__watches_remove(awl_loop *l, int fd);

#endif
