/* SPDX-License-Identifier: MIT */
/*
 * sim.c - the reactor without a kernel: pipes in memory and a clock that jumps to the next thing to
 * happen. A seed decides what a kernel leaves open: whether a transfer is done at once or takes
 * some microseconds, and so which of several completes first, how the bytes are split, and whether
 * a cancel or the data wins. The same calls with the same seed give the same completions at the
 * same times. Seed 0 leaves nothing open: whole transfers, at once, in order.
 *
 * The clock stands while anything outside works for the loop (r->held, operations at the pool):
 * their time is real and unknown. Then the thread sleeps for real, and so it does where there is no
 * deadline. What is under way on a pipe arrives all the same, ahead of its time, since the outside
 * may be waiting for it; and so it does when the loop looks several times without sleeping, for
 * whom no time would ever pass. If it does not sleep at all, time begins to pass at each look, so
 * that what it polls for can come.
 */
#include "base/alloc.h"
#include "base/report.h"
#include "reactor/reactor.h"
#include "reactor/sim_pipe.h"
#include "reactor/wake.h"

#include <awl/errors.h>

#define FIRST_FD (1 << 30)
#define FIRST_TIME INT64_C(1000000000) /* not 0, which a program may take for "no time" */
#define LATENCY_MAX 50000u
#define LOOKS_MAX 4u
#define AWAKE_MAX 1000u
#define AWAKE_LOOK 1000 /* ns */

enum {
	AT_WAITING = AWL__AT_OWN, /* in its end's list */
	AT_UNDERWAY, /* there, and in s->underway until its time has come */
};

struct sim {
	struct awl__reactor base;
	_Atomic int64_t clock;
	struct awl__wake wake;
	bool seeded;
	uint64_t random;
	struct awl__heap underway;
	unsigned awake, looks; /* waits since the last sleep; those that found nothing */
	struct awl__sim_end **ends; /* by number */
	uint32_t end_count;
};

static const struct awl__reactor_class sim_class;

static struct awl__op *op_of_due(struct awl__heap_node *n)
{
	return awl__container(n, struct awl__op, own.sim.due);
}

/* --- the seed --- */

/* splitmix64 */
static uint64_t draw(struct sim *s)
{
	uint64_t z = s->random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static bool one_in(struct sim *s, unsigned n)
{
	return draw(s) % n == 0;
}

static int64_t latency(struct sim *s)
{
	return one_in(s, 4) ? 0 : (int64_t)(draw(s) % LATENCY_MAX);
}

static uint32_t portion(struct sim *s, const struct awl__op *op)
{
	if (!s->seeded || op->kind == AWL__OP_POLL || op->u.rw.len == 0 || one_in(s, 2))
		return UINT32_MAX;
	return 1 + (uint32_t)(draw(s) % op->u.rw.len);
}

/* --- operations --- */

static struct awl__sim_end *end_of(const struct sim *s, int fd)
{
	uint32_t i = (uint32_t)fd - FIRST_FD;

	return fd >= FIRST_FD && i < s->end_count ? s->ends[i] : NULL;
}

static void pipe_release(struct awl__sim_pipe *p)
{
	if (p->ends[0].closed && p->ends[1].closed && p->in_flight == 0)
		awl__free(p);
}

/* Bytes of one direction go to the operations in their order; a poll is nobody's rival. */
static bool first_of_kind(const struct awl__sim_end *end, const struct awl__op *op)
{
	awl__list_each (node, &end->ops) {
		const struct awl__op *other = awl__container(node, struct awl__op, link);

		if (other == op || op->kind == AWL__OP_POLL)
			return true;
		if (other->kind == op->kind)
			return false;
	}
	return true;
}

static bool may(const struct awl__sim_end *end, const struct awl__op *op)
{
	return !end->closed && first_of_kind(end, op) && awl__sim_can(end, op);
}

/* Takes the operation out of everything; its pipe is released by the caller, who may need it. */
static void end_op(struct sim *s, struct awl__op *op, int32_t res)
{
	struct awl__sim_end *end = op->own.sim.end;

	if (op->at == AT_UNDERWAY)
		awl__heap_remove(&s->underway, &op->own.sim.due);
	awl__heap_release(&s->underway);
	awl__list_remove(&op->link);
	end->pipe->in_flight--;
	awl__op_ready(&s->base, op, res);
}

static void perform(struct sim *s, struct awl__op *op)
{
	uint32_t max = portion(s, op);

	awl__note_end(op);
	end_op(s, op, awl__sim_move(op->own.sim.end, op, max));
}

/* What can go on does: at once, or under way for as long as the seed says. */
static void settle(struct sim *s, struct awl__sim_pipe *p)
{
	bool moved;

	do {
		moved = false;
		for (int i = 0; i < 2; i++)
			awl__list_each_safe (node, &p->ends[i].ops) {
				struct awl__op *op = awl__container(node, struct awl__op, link);

				if (op->at != AT_WAITING || !may(&p->ends[i], op))
					continue;
				if (s->seeded) {
					op->at = AT_UNDERWAY;
					awl__heap_add(&s->underway, &op->own.sim.due,
						awl__load(&s->clock) + latency(s));
				} else {
					perform(s, op);
					moved = true;
				}
			}
	} while (moved);
}

/* The first under way is there; another may have had what it came for. */
static void arrive(struct sim *s)
{
	struct awl__op *op = op_of_due(s->underway.at[0].node);
	struct awl__sim_end *end = op->own.sim.end;
	struct awl__sim_pipe *p = end->pipe;

	if (may(end, op)) {
		perform(s, op);
	} else {
		awl__heap_remove(&s->underway, &op->own.sim.due);
		op->at = AT_WAITING;
	}
	settle(s, p);
	pipe_release(p);
}

static int sim_submit(struct awl__reactor *r, struct awl__op *op)
{
	struct sim *s = (struct sim *)r;
	struct awl__sim_end *end;

	if (op->kind == AWL__OP_WORK)
		return awl__work_submit(r, op);
	if (op->fd >= 0 && op->fd < FIRST_FD)
		return awl__fail(
			-ENOTSUP, "descriptor %d: the sim reactor has only its own pipes", op->fd);
	op->res = -EBADF;
	end = end_of(s, op->fd);
	if (!end)
		return 1;
	if (first_of_kind(end, op) && (!s->seeded || one_in(s, 2)) &&
		(op->res = awl__sim_move(end, op, portion(s, op))) != -EAGAIN) {
		settle(s, end->pipe);
		return 1;
	}
	if (awl__heap_reserve(&s->underway) < 0)
		return -ENOMEM;
	awl__op_begin(r, op, AT_WAITING);
	awl__heap_node_init(&op->own.sim.due);
	op->own.sim.end = end;
	awl__list_push(&end->ops, &op->link);
	end->pipe->in_flight++;
	settle(s, end->pipe);
	return 0;
}

static void sim_cancel(struct awl__reactor *r, struct awl__op *op)
{
	struct sim *s = (struct sim *)r;
	struct awl__sim_end *end = op->own.sim.end;
	struct awl__sim_pipe *p;

	if (op->at == AWL__AT_POOL) {
		awl__work_cancel(r, op);
	} else if (op->at != AWL__AT_READY) {
		p = end->pipe;
		if (op->at == AT_UNDERWAY && one_in(s, 2) && may(end, op))
			perform(s, op);
		else
			end_op(s, op, -ECANCELED);
		settle(s, p);
		pipe_release(p);
	}
}

/* --- time --- */

static void sleep_for_real(struct sim *s)
{
	static const struct timespec nap = { 0, AWL__TSAN_NAP };

	if (!awl__wake_sleep(&s->wake))
		return;
	s->base.syscalls++;
	syscall(SYS_futex, &s->wake.state, FUTEX_WAIT_PRIVATE, AWL__ASLEEP, AWL__TSAN ? &nap : NULL,
		NULL, 0);
	awl__wake_take(&s->wake);
}

static bool clock_stands(const struct sim *s)
{
	return s->base.working > 0 || awl__load_acquire(&s->base.held) > 0;
}

/* One step of time, for a loop that has nothing else to do. */
static void pass_time(struct sim *s, int64_t deadline)
{
	int64_t first = awl__heap_first(&s->underway);

	if (clock_stands(s) || (first == INT64_MAX && deadline == INT64_MAX)) {
		if (first != INT64_MAX)
			arrive(s);
		else
			sleep_for_real(s);
	} else if (first > deadline) {
		awl__store(&s->clock, deadline);
	} else {
		awl__store(&s->clock, first);
	}
}

static void arrive_due(struct sim *s)
{
	while (awl__heap_first(&s->underway) <= awl__load(&s->clock))
		arrive(s);
}

static int sim_wait(struct awl__reactor *r, int64_t deadline)
{
	struct sim *s = (struct sim *)r;

	if (awl__reactor_inherited(r))
		return AWL_EFORK;
	if (++s->awake > AWAKE_MAX && !clock_stands(s))
		awl__sim_advance(r, AWAKE_LOOK);
	arrive_due(s);
	if (!awl__list_empty(&r->ready)) {
		awl__wake_take(&s->wake);
	} else if (awl__wake_take(&s->wake) || deadline <= awl__load(&s->clock)) {
		if (++s->looks >= LOOKS_MAX && s->underway.count > 0)
			arrive(s);
	} else {
		s->awake = s->looks = 0;
		pass_time(s, deadline);
		arrive_due(s);
	}
	return awl__reactor_deliver(r);
}

static int sim_fd(struct awl__reactor *r)
{
	(void)r;
	return awl__fail(-ENOTSUP, "the sim reactor has no descriptor: its clock is its own");
}

/* Nobody can wait for it: what is under way comes by looking. */
static int sim_prepare(struct awl__reactor *r)
{
	if (awl__reactor_inherited(r))
		return AWL_EFORK;
	return !awl__list_empty(&r->ready) || ((struct sim *)r)->underway.count > 0;
}

static int64_t sim_now(struct awl__reactor *r)
{
	return awl__load(&((struct sim *)r)->clock);
}

void awl__sim_advance(struct awl__reactor *r, int64_t ns)
{
	struct sim *s = (struct sim *)r;

	if (r->class == &sim_class)
		awl__store(&s->clock, awl__clock_after(awl__load(&s->clock), ns));
}

/* --- pipes --- */

/* The lowest free number, the table grown for one where there is none; -ENOMEM. */
static int free_number(struct sim *s, uint32_t from)
{
	struct awl__sim_end **ends;

	for (; from < s->end_count; from++)
		if (!s->ends[from])
			return (int)from;
	ends = awl__resize(s->ends, (s->end_count + 1) * sizeof *ends);
	if (!ends)
		return -ENOMEM;
	ends[s->end_count] = NULL;
	s->ends = ends;
	return (int)s->end_count++;
}

int awl__sim_pipe(struct awl__reactor *r, int fds[2])
{
	struct sim *s = (struct sim *)r;
	struct awl__sim_pipe *p;
	int reads, writes;

	if (r->class != &sim_class)
		return -ENOSYS;
	reads = free_number(s, 0);
	writes = reads < 0 ? reads : free_number(s, (uint32_t)reads + 1);
	p = writes < 0 ? NULL : awl__sim_pipe_new();
	if (!p)
		return -ENOMEM;
	s->ends[reads] = &p->ends[0];
	s->ends[writes] = &p->ends[1];
	fds[0] = FIRST_FD + reads;
	fds[1] = FIRST_FD + writes;
	return 0;
}

int awl__sim_close(struct awl__reactor *r, int fd)
{
	struct sim *s = (struct sim *)r;
	struct awl__sim_end *end;

	if (r->class != &sim_class)
		return -ENOSYS;
	end = end_of(s, fd);
	if (!end)
		return -EBADF;
	s->ends[fd - FIRST_FD] = NULL;
	end->closed = true;
	settle(s, end->pipe);
	pipe_release(end->pipe);
	return 0;
}

/* --- the reactor --- */

static void sim_wake(struct awl__reactor *r)
{
	awl__wake_send(&((struct sim *)r)->wake);
}

static int sim_bind(struct awl__reactor *r)
{
	return awl__reactor_inherited(r) ? AWL_EFORK : 0;
}

static void sim_destroy(struct awl__reactor *r)
{
	struct sim *s = (struct sim *)r;

	awl__reactor_fini(r);
	for (uint32_t i = 0; i < s->end_count && r->in_flight == 0; i++)
		if (s->ends[i])
			awl__sim_close(r, FIRST_FD + (int)i);
	awl__heap_free(&s->underway);
	awl__free(s->ends);
	awl__free(s);
}

static const struct awl__reactor_class sim_class = {
	.name = "sim",
	.submit = sim_submit,
	.cancel = sim_cancel,
	.wait = sim_wait,
	.wake = sim_wake,
	.fd = sim_fd,
	.prepare = sim_prepare,
	.now = sim_now,
	.bind = sim_bind,
	.destroy = sim_destroy,
};

int awl__sim_new(uint64_t seed, struct awl__reactor **ret)
{
	struct sim *s = awl__alloc_zero(sizeof *s);

	if (!s)
		return -ENOMEM;
	if (awl__reactor_init(&s->base, &sim_class) < 0) {
		awl__free(s);
		return -ENOMEM;
	}
	s->wake.fd = -1;
	s->seeded = seed != 0;
	s->random = seed;
	awl__store(&s->clock, FIRST_TIME);
	*ret = &s->base;
	return 0;
}
