/* SPDX-License-Identifier: MIT */
/*
 * watch.h - what another process spends: its CPU time to the nanosecond, its memory, and, where the
 * kernel lets us count, its system calls and user instructions.
 */
#ifndef WATCH_H
#define WATCH_H

#include "bench.h"

#include <dirent.h>
#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#define WATCH_THREADS 64

struct watch {
	pid_t pid;
	clockid_t clock;
	int counters, calls[WATCH_THREADS],
		instructions[WATCH_THREADS]; /* a thread each; -1: none */
};

static inline int64_t watch_cpu(const struct watch *w)
{
	struct timespec ts = { 0 };

	clock_gettime(w->clock, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* Resident bytes; *tables: of page tables. */
static inline int64_t watch_memory(const struct watch *w, int64_t *tables)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/status", (int)w->pid);
	*tables = bench_memory_of(path, "VmPTE:");
	return bench_memory_of(path, "VmRSS:");
}

/* The number of the tracepoint that each system call passes; -1 where we may not read it. */
static inline long watch_tracepoint(void)
{
	FILE *f = fopen("/sys/kernel/tracing/events/raw_syscalls/sys_enter/id", "re");
	long id = -1;

	if (!f)
		f = fopen("/sys/kernel/debug/tracing/events/raw_syscalls/sys_enter/id", "re");
	if (f) {
		if (fscanf(f, "%ld", &id) != 1)
			id = -1;
		fclose(f);
	}
	return id;
}

static inline int watch_counter(uint32_t type, uint64_t config, bool user_only, pid_t thread)
{
	struct perf_event_attr attr = {
		.type = type,
		.size = sizeof(attr),
		.config = config,
		.exclude_kernel = user_only,
		.exclude_hv = user_only,
	};

	return (int)syscall(SYS_perf_event_open, &attr, thread, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

static inline void watch_begin(struct watch *w, pid_t pid, bool count)
{
	long tracepoint = watch_tracepoint();
	struct dirent *entry;
	char path[64];
	DIR *dir;

	*w = (struct watch){ .pid = pid };
	bench_check(clock_getcpuclockid(pid, &w->clock) == 0);
	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	if (!count || !(dir = opendir(path)))
		return;
	while ((entry = readdir(dir)) && w->counters < WATCH_THREADS) {
		pid_t thread = atoi(entry->d_name);

		if (thread <= 0)
			continue;
		w->calls[w->counters] = tracepoint < 0
			? -1
			: watch_counter(PERF_TYPE_TRACEPOINT, (uint64_t)tracepoint, false, thread);
		w->instructions[w->counters] =
			watch_counter(PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS, true, thread);
		w->counters++;
	}
	closedir(dir);
}

/* The sum over the threads; -1 where one of them could not be counted. */
static inline int64_t watch_sum(const struct watch *w, const int *counter)
{
	int64_t sum = w->counters ? 0 : -1;

	for (int i = 0; i < w->counters && sum >= 0; i++) {
		int64_t value;

		if (read(counter[i], &value, sizeof(value)) == (ssize_t)sizeof(value))
			sum += value;
		else
			sum = -1;
	}
	return sum;
}

#endif
