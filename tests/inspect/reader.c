/* SPDX-License-Identifier: MIT */
/* reader.c - every task of another process, by nothing but task/page.h: what any tool can do. */
#include "inspect/reader.h"
#include "task/page.h"
#include <inttypes.h>
#include <string.h>
#include <sys/uio.h>
static pid_t of;
static size_t get(uint64_t from, void *to, size_t size)
{
	struct iovec here = { to, size }, there = { (void *)(uintptr_t)from, size };
	ssize_t n = process_vm_readv(of, &here, 1, &there, 1, 0);
	return n > 0 ? (size_t)n : 0;
}
static uint64_t word(uint64_t from, size_t size)
{
	uint64_t w = 0;
	return get(from, &w, size) ? w : 0;
}
#define U32(field) (*(const uint32_t *)(const void *)(row + p->task.field))
#define U64(field) (*(const uint64_t *)(const void *)(row + p->task.field))
static int read_task(const struct awl__page *p, uint64_t at, uint64_t running, FILE *out)
{
	_Alignas(8) char row[1024], name[64];
	const char *state;
	uint64_t on, text;
	do { /* until it was whole */
		get(at, row, p->task.size);
		state = p->waits[row[p->task.waits] % 32];
		on = strcmp(state, "fd") == 0 ? word(U64(waits_on) + p->waits_on_fd, 4)
					      : U64(waits_on);
		text = U64(extra) ? word(U64(extra) + p->task.name, 8) : 0;
		snprintf(name, sizeof name, "Task-%u", U32(number));
		if (text)
			name[get(text, name, sizeof name - 1)] = 0;
	} while (U32(seq) % 2 || word(at + p->task.seq, 4) != U32(seq));
	state = at == running ? "running" : *state ? state : U64(sp) ? "ready" : "new";
	return row[p->task.kind] == 2 && row[p->task.state] == 0 &&
		fprintf(out, "%u %s %s %" PRIu64 " since %" PRIu64 " in %" PRIx64 "\n", U32(number),
			name, state, on, U64(since), U64(fn)) > 0;
}
int read_tasks(pid_t pid, FILE *maps, FILE *out)
{
	struct awl__page p = { 0 };
	char line[512];
	uint64_t at = 0, n = 0, steps, now;
	for (of = pid; at == 0 && fgets(line, sizeof line, maps);)
		if (strstr(line, "/memfd:" AWL__PAGE_NAME " "))
			sscanf(line, "%" SCNx64, &at);
	if (!get(at, &p, sizeof p) || p.magic != AWL__PAGE_MAGIC || p.version != AWL__PAGE_VERSION)
		return -1;
	for (uint64_t l = p.loops; l; l = word(l + p.loop.next, 8)) {
		steps = word(l + p.loop.steps, 8), now = word(l + p.loop.current, 8);
		for (uint64_t b = word(l + p.loop.blocks, 8); b; b = word(b + p.block.next, 8))
			for (uint64_t i = word(b + p.block.used, 4); i--;)
				n += read_task(&p, b + p.block.rows + i * p.task.size, now, out);
		fprintf(out, "%s\n", steps == word(l + p.loop.steps, 8) ? "moment" : "mixture");
	}
	return (int)n;
}
