/* SPDX-License-Identifier: MIT */
/*
 * sim.h - the reactor without a kernel, from inside: what a number names, and how what cannot go on
 * now goes on later.
 *
 * Whatever changes a file touches it; awl__sim_settle, at the end of each call from outside, looks
 * at the operations of all that were touched, and frees those that nobody can reach any more. So no
 * file goes while somebody is at work on it.
 */
#ifndef AWL__SIM_H
#define AWL__SIM_H

#include "reactor/reactor.h"
#include "reactor/sim_world.h"
#include "reactor/wake.h"

#define AWL__SIM_FD (1 << 30) /* above any real descriptor */
#define AWL__SIM_BUCKETS 256u

/* What an operation comes to that cannot go on now: no code of any kernel's. */
#define AWL__SIM_NOT_NOW INT32_MIN

struct awl__sim_file;

/* Operations of one direction have their turn in order; those of NOBODYS are nobody's rivals. */
enum awl__sim_direction { AWL__SIM_NOBODYS, AWL__SIM_IN, AWL__SIM_OUT, AWL__SIM_DIRECTIONS };

struct awl__sim_kind {
	bool is_socket;
	/* AWL__SIM_NOT_NOW; else it can go on, if only to an error. */
	int32_t (*gate)(
		struct awl__sim *s, const struct awl__sim_file *f, const struct awl__op *op);
	/* The result, after a gate that was open; no more than max bytes of a stream.
	 * AWL__SIM_NOT_NOW: it has begun, and ends when the gate opens again. */
	int32_t (*perform)(
		struct awl__sim *s, struct awl__sim_file *f, struct awl__op *op, uint32_t max);
	/* What a poll tells. */
	uint32_t (*events)(struct awl__sim *s, const struct awl__sim_file *f);
	/* The last name is gone. */
	void (*close)(struct awl__sim *s, struct awl__sim_file *f);
	void (*free)(struct awl__sim *s, struct awl__sim_file *f);
};

struct awl__sim_file {
	const struct awl__sim_kind *kind;
	struct awl__list ops; /* in flight on it, FIFO */
	struct awl__list all; /* in s->files */
	struct awl__list touched; /* in s->touched; else alone */
	uint32_t names; /* numbers, messages that carry it, a backlog it is in; 0: closed */
	uint32_t in_flight; /* operations, which keep the memory */
};

struct awl__sim_number {
	struct awl__sim_file *file; /* NULL: free */
	bool owned;
};

/* Something that happens by itself, later. Its place in the heap is reserved while it exists. */
struct awl__sim_event {
	struct awl__heap_node due;
	void (*fire)(struct awl__sim *s, struct awl__sim_event *e);
};

struct awl__sim {
	struct awl__reactor base;
	_Atomic int64_t clock;
	struct awl__wake wake;
	bool seeded;
	bool ending; /* all files go, and no longer count on each other */
	uint64_t random;
	struct awl__heap underway; /* operations that can go on, until they do */
	struct awl__heap events;
	unsigned awake, looks; /* waits since the last sleep; those that found nothing */
	struct awl__list files, touched;
	struct awl__sim_number *numbers;
	uint32_t number_count, lowest; /* no number below it is free */
	uint32_t used, limit; /* limit 0: none */
	struct awl__list bound[AWL__SIM_BUCKETS]; /* sockets with a name of their own */
	uint16_t port; /* the ephemeral one that was given last */
	uint32_t turn; /* among those that share a port */
	struct awl__list packets; /* datagrams on their way */
	struct awl__sim_faults faults;
	struct awl__sim_line line; /* between any hosts */
	struct awl__list links, names; /* sim_world.c's */
	int (*host)(struct in6_addr *ret); /* the caller's, > 0; set from above, or NULL */
};

extern const struct awl__reactor_class awl__sim_class;
extern const struct awl__net awl__sim_net;

static inline int64_t awl__sim_now(const struct awl__sim *s)
{
	return awl__load(&s->clock);
}

/* splitmix64 */
static inline uint64_t awl__sim_draw(struct awl__sim *s)
{
	uint64_t z = s->random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

/* 0: never, and nothing is drawn. */
static inline bool awl__sim_one_in(struct awl__sim *s, uint32_t n)
{
	return n > 0 && awl__sim_draw(s) % n == 0;
}

static inline void awl__sim_touch(struct awl__sim *s, struct awl__sim_file *f)
{
	if (awl__list_empty(&f->touched))
		awl__list_push(&s->touched, &f->touched);
}

void awl__sim_settle(struct awl__sim *s);

/* --- files and their numbers: sim_file.c --- */

/* With one name, the caller's. */
void awl__sim_file_init(
	struct awl__sim *s, struct awl__sim_file *f, const struct awl__sim_kind *kind);
/* A name less; the last one closes it. */
void awl__sim_file_drop(struct awl__sim *s, struct awl__sim_file *f);
/* NULL: the number is free. */
struct awl__sim_file *awl__sim_file_at(const struct awl__sim *s, int fd);
/* Takes the caller's name over: the number, or -EMFILE, -ENFILE, -ENOMEM, and the name stays. */
int awl__sim_number_new(struct awl__sim *s, struct awl__sim_file *f);
int awl__sim_number_close(struct awl__sim *s, int fd);
/* -EMFILE, -ENFILE: no number is to be had; a fault strikes at most once a call. */
int awl__sim_number_may(struct awl__sim *s);

int awl__sim_own(struct awl__reactor *r, int fd, int like);
void awl__sim_disown(struct awl__reactor *r, int fd);
bool awl__sim_owned(struct awl__reactor *r, int fd);

/* --- events: sim.c --- */

int awl__sim_event_init(struct awl__sim *s, struct awl__sim_event *e,
	void (*fire)(struct awl__sim *s, struct awl__sim_event *e)); /* -ENOMEM */
void awl__sim_event_fini(struct awl__sim *s, struct awl__sim_event *e);
/* INT64_MAX: never. */
void awl__sim_event_at(struct awl__sim *s, struct awl__sim_event *e, int64_t when);

#endif
