/* SPDX-License-Identifier: MIT */
/*
 * reader.h - the 60 lines of reader.c: /proc/PID/maps in, and out a line for each task that is not
 * done: "NUMBER NAME STATE WAITS-ON since NS in FUNCTION"; after each loop's "moment", or "mixture"
 * if it went on meanwhile.
 */
#ifndef TEST_READER_H
#define TEST_READER_H

#include <stdio.h>
#include <sys/types.h>

/* How many tasks; -1: there is no page of a version we know. */
int read_tasks(pid_t pid, FILE *maps, FILE *out);

#endif
