/* SPDX-License-Identifier: MIT */
/*
 * trace.h - the trace of a test: from its first step to its loop's end.
 */
#ifndef AWL__TESTKIT_TRACE_H
#define AWL__TESTKIT_TRACE_H

#include "loop/loop.h"

/* The trace of the calling thread's test: begins anew, with the steps of this loop; and ends. */
void awl__trace_begin(awl_loop *l);
void awl__trace_end(awl_loop *l);

#endif
