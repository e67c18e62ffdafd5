/* SPDX-License-Identifier: MIT */
/*
 * testkit.h - what the test kit's calls begin with.
 */
#ifndef AWL__TESTKIT_H
#define AWL__TESTKIT_H

#include "base/alloc.h"
#include "task/task.h"

/* The running loop if it is on sim; NULL, and why. */
awl_loop *awl__find_sim(const char *call, int *err);

#endif
