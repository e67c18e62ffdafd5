/* SPDX-License-Identifier: MIT */
/*
 * bench.h - what every program here shares: `program ROW COUNT` does COUNT operations after a
 * short warm-up and prints one line a metric, its name and its value. bench/run calls the programs
 * in turn, many times, and does all the arithmetic.
 */
#ifndef BENCH_H
#define BENCH_H

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define bench_check(ok) ((ok) ? (void)0 : bench_fail(__FILE__, __LINE__, #ok))

static inline _Noreturn void bench_fail(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: not so: %s\n", file, line, what);
	exit(1);
}

static inline int64_t bench_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static inline const char *bench_row(int argc, char **argv)
{
	bench_check(argc == 3);
	return argv[1];
}

static inline long bench_count(char **argv)
{
	long count = atol(argv[2]);

	bench_check(count > 0);
	return count;
}

static inline void bench_print(const char *metric, double value)
{
	printf("%s\t%.3f\n", metric, value);
}

/* ns an operation, of run(arg, count) after a tenth of it as a warm-up. */
static inline double bench_time(void (*run)(void *arg, long count), void *arg, long count)
{
	int64_t begin;

	run(arg, count / 10 + 1);
	begin = bench_now();
	run(arg, count);
	return (double)(bench_now() - begin) / (double)count;
}

/* The nth CPU of those we were given, modulo their number. */
static inline void bench_pin(int nth)
{
	cpu_set_t given, one;

	sched_getaffinity(0, sizeof(given), &given);
	nth %= CPU_COUNT(&given);
	CPU_ZERO(&one);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &given) && nth-- == 0)
			CPU_SET(cpu, &one);
	sched_setaffinity(0, sizeof(one), &one);
}

/* A line of a process's status, in bytes: "VmRSS:", "VmPTE:". */
static inline int64_t bench_memory_of(const char *path, const char *field)
{
	FILE *f = fopen(path, "re");
	char line[256];
	long kb = 0;

	bench_check(f);
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, field, strlen(field)))
			kb = atol(line + strlen(field));
	fclose(f);
	return (int64_t)kb * 1024;
}

static inline int64_t bench_memory(const char *field)
{
	return bench_memory_of("/proc/self/status", field);
}

/* xorshift: the same sequence in every program that draws victims. */
static inline uint64_t bench_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static inline void bench_pause(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#endif
}

#endif
