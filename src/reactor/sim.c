/* SPDX-License-Identifier: MIT */
/*
 * sim.c - the reactor without a kernel: operations on files in memory, and a clock that jumps to
 * the next thing to happen. A seed decides what a kernel leaves open: whether a transfer is done at
 * once or takes some microseconds, and so which of several completes first, how the bytes are
 * split, whether what was ready is not after all, and whether a cancel or the data wins. The same
 * calls with the same seed give the same completions at the same times. Seed 0 leaves nothing open:
 * whole transfers, at once, in order. What sim_world.h asks for happens with any seed.
 *
 * The clock stands while anything outside works for the loop (r->held, operations at the pool):
 * their time is real and unknown. Then the thread sleeps for real, and so it does where there is no
 * deadline. An operation under way arrives all the same, ahead of its time, since the outside may
 * be waiting for it; and so it does when the loop looks several times without sleeping, for whom no
 * time would ever pass. If it does not sleep at all, time begins to pass at each look, so that what
 * it polls for can come. What travels in the network keeps to the clock.
 */
#include "reactor/sim.h"
#include "base/alloc.h"
#include "base/report.h"
#include "reactor/sim_bytes.h"
#include "reactor/sim_socket.h"

#include <awl/errors.h>

#define FIRST_TIME INT64_C(1000000000) /* not 0, which a program may take for "no time" */
#define LATENCY_MAX 50000u
#define LOOKS_MAX 4u
#define AWAKE_MAX 1000u
#define AWAKE_LOOK 1000 /* ns */
#define SIGNAL_IN 16u /* waits that end for nothing, with a seed: EINTR */
#define SPURIOUS_IN 8u /* attempts that tell EAGAIN for nothing, with a seed */

enum {
	AT_WAITING = AWL__AT_OWN, /* in its file's list */
	AT_UNDERWAY, /* there, and in s->underway until its time has come */
};

static struct awl__op *op_of_due(struct awl__heap_node *n)
{
	return awl__container(n, struct awl__op, own.sim.due);
}

/* --- the seed --- */

static int64_t latency(struct awl__sim *s)
{
	return awl__sim_one_in(s, 4) ? 0 : (int64_t)(awl__sim_draw(s) % LATENCY_MAX);
}

static uint32_t portion(struct awl__sim *s, const struct awl__op *op)
{
	uint32_t len = awl__sim_length(op);

	if (len == 0)
		return UINT32_MAX;
	if (s->seeded ? awl__sim_one_in(s, 2) : !awl__sim_one_in(s, s->faults.short_in))
		return UINT32_MAX;
	return 1 + (uint32_t)(awl__sim_draw(s) % len);
}

/* What a poll has just called ready, or who tries a first time without asking. */
static bool not_after_all(struct awl__sim *s)
{
	return (s->seeded && awl__sim_one_in(s, SPURIOUS_IN)) ||
		awl__sim_one_in(s, s->faults.again_in);
}

/* --- operations --- */

static enum awl__sim_direction direction(const struct awl__op *op)
{
	static const enum awl__sim_direction of[AWL__OP_KINDS] = {
		[AWL__OP_READ] = AWL__SIM_IN,
		[AWL__OP_RECV] = AWL__SIM_IN,
		[AWL__OP_RECVMSG] = AWL__SIM_IN,
		[AWL__OP_ACCEPT] = AWL__SIM_IN,
		[AWL__OP_WRITE] = AWL__SIM_OUT,
		[AWL__OP_SEND] = AWL__SIM_OUT,
		[AWL__OP_SENDMSG] = AWL__SIM_OUT,
		[AWL__OP_CONNECT] = AWL__SIM_OUT,
	};

	return of[op->kind];
}

static uint32_t events_for(
	struct awl__sim *s, const struct awl__sim_file *f, const struct awl__op *op)
{
	return f->kind->events(s, f) & (op->u.events | POLLERR | POLLHUP);
}

static bool may(struct awl__sim *s, const struct awl__sim_file *f, const struct awl__op *op)
{
	if (f->names == 0)
		return false;
	return op->kind == AWL__OP_POLL ? events_for(s, f, op)
					: f->kind->gate(s, f, op) != AWL__SIM_NOT_NOW;
}

static int32_t perform(struct awl__sim *s, struct awl__sim_file *f, struct awl__op *op)
{
	if (op->kind == AWL__OP_POLL)
		return (int32_t)events_for(s, f, op);
	return f->kind->perform(s, f, op, portion(s, op));
}

/* Takes the operation out of everything. */
static void end_op(struct awl__sim *s, struct awl__op *op, int32_t res)
{
	struct awl__sim_file *f = op->own.sim.end;

	if (op->at == AT_UNDERWAY)
		awl__heap_remove(&s->underway, &op->own.sim.due);
	awl__heap_release(&s->underway);
	awl__list_remove(&op->link);
	f->in_flight--;
	awl__sim_touch(s, f);
	awl__op_ready(&s->base, op, res);
}

/* Not now after all: it waits for its file to be touched again. */
static void wait_on(struct awl__sim *s, struct awl__op *op)
{
	if (op->at == AT_UNDERWAY)
		awl__heap_remove(&s->underway, &op->own.sim.due);
	op->at = AT_WAITING;
}

/* False: it waits on. A connect does, which has begun by this. */
static bool finish(struct awl__sim *s, struct awl__op *op)
{
	int32_t res;

	awl__note_end(op);
	res = perform(s, op->own.sim.end, op);
	if (res != AWL__SIM_NOT_NOW) {
		end_op(s, op, res);
		return true;
	}
	awl__note_begin(op);
	wait_on(s, op);
	return false;
}

/* What can go on does: at once, or under way for as long as the seed says. */
static void go_on(struct awl__sim *s, struct awl__sim_file *f)
{
	bool taken[AWL__SIM_DIRECTIONS] = { false };

	awl__list_each_safe (node, &f->ops) {
		struct awl__op *op = awl__container(node, struct awl__op, link);
		enum awl__sim_direction way = direction(op);

		if (op->at == AT_WAITING && !taken[way] && may(s, f, op)) {
			if (s->seeded) {
				op->at = AT_UNDERWAY;
				awl__heap_add(&s->underway, &op->own.sim.due,
					awl__sim_now(s) + latency(s));
			} else if (finish(s, op)) {
				continue;
			}
		}
		taken[way] = way != AWL__SIM_NOBODYS;
	}
}

static void release(struct awl__sim *s, struct awl__sim_file *f)
{
	if (f->names > 0 || f->in_flight > 0 || !awl__list_empty(&f->touched))
		return;
	awl__list_remove(&f->all);
	f->kind->free(s, f);
}

void awl__sim_settle(struct awl__sim *s)
{
	struct awl__list *node;

	while ((node = awl__list_pop(&s->touched))) {
		struct awl__sim_file *f = awl__container(node, struct awl__sim_file, touched);

		awl__list_init(node);
		go_on(s, f);
		release(s, f);
	}
}

/* The first under way is there; another may have had what it came for. */
static void arrive(struct awl__sim *s)
{
	struct awl__op *op = op_of_due(s->underway.at[0].node);
	struct awl__sim_file *f = op->own.sim.end;

	if (may(s, f, op))
		finish(s, op);
	else
		wait_on(s, op);
	awl__sim_touch(s, f);
	awl__sim_settle(s);
}

/* 0, and its file; else why it has none. */
static int find_file(struct awl__sim *s, const struct awl__op *op, struct awl__sim_file **ret)
{
	*ret = NULL;
	if (op->fd >= 0 && op->fd < AWL__SIM_FD)
		return awl__fail(-ENOTSUP,
			"descriptor %d: the sim reactor has only its own pipes and sockets",
			op->fd);
	*ret = awl__sim_file_at(s, op->fd);
	return *ret ? 0 : -EBADF;
}

/* Nobody of its direction is before it. */
static bool is_first(const struct awl__sim_file *f, const struct awl__op *op)
{
	awl__list_each (node, &f->ops)
		if (direction(awl__container(node, struct awl__op, link)) == direction(op))
			return direction(op) == AWL__SIM_NOBODYS;
	return true;
}

static int32_t try(struct awl__sim *s, struct awl__sim_file *f, struct awl__op *op)
{
	return may(s, f, op) ? perform(s, f, op) : AWL__SIM_NOT_NOW;
}

static void begin(struct awl__sim *s, struct awl__sim_file *f, struct awl__op *op)
{
	awl__op_begin(&s->base, op, AT_WAITING);
	awl__heap_node_init(&op->own.sim.due);
	op->own.sim.end = f;
	awl__list_push(&f->ops, &op->link);
	f->in_flight++;
	awl__sim_touch(s, f);
}

static int sim_submit(struct awl__reactor *r, struct awl__op *op)
{
	struct awl__sim *s = (struct awl__sim *)r;
	int32_t res = AWL__SIM_NOT_NOW;
	struct awl__sim_file *f;
	int err;

	if (op->kind == AWL__OP_WORK)
		return awl__work_submit(r, op);
	err = find_file(s, op, &f);
	if (err == -EBADF)
		op->res = err;
	if (err < 0)
		return err == -EBADF ? 1 : err;
	if (awl__heap_reserve(&s->underway) < 0) /* before a connect has begun */
		return -ENOMEM;
	if (is_first(f, op) && (!s->seeded || awl__sim_one_in(s, 2)))
		res = try(s, f, op);
	if (res == AWL__SIM_NOT_NOW) {
		begin(s, f, op);
	} else {
		awl__heap_release(&s->underway);
		op->res = res;
	}
	awl__sim_settle(s);
	return res != AWL__SIM_NOT_NOW;
}

static int sim_attempt(struct awl__reactor *r, struct awl__op *op)
{
	struct awl__sim *s = (struct awl__sim *)r;
	int32_t res = AWL__SIM_NOT_NOW;
	struct awl__sim_file *f;
	int err = find_file(s, op, &f);

	if (err < 0)
		return err;
	if (op->kind == AWL__OP_CONNECT || !not_after_all(s))
		res = try(s, f, op);
	awl__sim_settle(s);
	if (res == AWL__SIM_NOT_NOW)
		res = op->kind == AWL__OP_CONNECT ? -EINPROGRESS : -EAGAIN;
	return res;
}

static void sim_cancel(struct awl__reactor *r, struct awl__op *op)
{
	struct awl__sim *s = (struct awl__sim *)r;

	if (op->at == AWL__AT_POOL) {
		awl__work_cancel(r, op);
	} else if (op->at != AWL__AT_READY) {
		if (!(op->at == AT_UNDERWAY && awl__sim_one_in(s, 2) &&
			    may(s, op->own.sim.end, op) && finish(s, op)))
			end_op(s, op, -ECANCELED);
		awl__sim_settle(s);
	}
}

/* --- events --- */

int awl__sim_event_init(struct awl__sim *s, struct awl__sim_event *e,
	void (*fire)(struct awl__sim *s, struct awl__sim_event *e))
{
	awl__heap_node_init(&e->due);
	e->fire = fire;
	return awl__heap_reserve(&s->events);
}

void awl__sim_event_fini(struct awl__sim *s, struct awl__sim_event *e)
{
	awl__sim_event_at(s, e, INT64_MAX);
	awl__heap_release(&s->events);
}

void awl__sim_event_at(struct awl__sim *s, struct awl__sim_event *e, int64_t when)
{
	if (awl__heap_armed(&e->due))
		awl__heap_remove(&s->events, &e->due);
	if (when != INT64_MAX)
		awl__heap_add(&s->events, &e->due, when);
}

static void fire(struct awl__sim *s)
{
	struct awl__heap_node *n = s->events.at[0].node;
	struct awl__sim_event *e = awl__container(n, struct awl__sim_event, due);

	awl__heap_remove(&s->events, n);
	e->fire(s, e);
	awl__sim_settle(s);
}

/* --- time --- */

static void sleep_for_real(struct awl__sim *s)
{
	static const struct timespec nap = { 0, AWL__TSAN_NAP };

	if (!awl__wake_sleep(&s->wake))
		return;
	s->base.syscalls++;
	syscall(SYS_futex, &s->wake.state, FUTEX_WAIT_PRIVATE, AWL__ASLEEP, AWL__TSAN ? &nap : NULL,
		NULL, 0);
	awl__wake_take(&s->wake);
}

static bool clock_stands(const struct awl__sim *s)
{
	return s->base.working > 0 || awl__load_acquire(&s->base.held) > 0;
}

static int64_t next_time(const struct awl__sim *s)
{
	int64_t op = awl__heap_first(&s->underway), event = awl__heap_first(&s->events);

	return op < event ? op : event;
}

/* One step of time, for a loop that has nothing else to do. */
static void pass_time(struct awl__sim *s, int64_t deadline)
{
	int64_t first = next_time(s);

	if (clock_stands(s) || (first == INT64_MAX && deadline == INT64_MAX)) {
		if (s->underway.count > 0)
			arrive(s);
		else
			sleep_for_real(s);
	} else if (first > deadline) {
		awl__store(&s->clock, deadline);
	} else {
		awl__store(&s->clock, first);
	}
}

static void arrive_due(struct awl__sim *s)
{
	int64_t now = awl__sim_now(s);

	while (next_time(s) <= now)
		if (awl__heap_first(&s->events) <= now)
			fire(s);
		else
			arrive(s);
}

static int sim_wait(struct awl__reactor *r, int64_t deadline)
{
	struct awl__sim *s = (struct awl__sim *)r;

	if (awl__reactor_inherited(r))
		return AWL_EFORK;
	if (s->seeded && awl__sim_one_in(s, SIGNAL_IN)) {
		awl__wake_take(&s->wake);
		return awl__reactor_deliver(r);
	}
	if (++s->awake > AWAKE_MAX && !clock_stands(s))
		awl__sim_advance(r, AWAKE_LOOK);
	arrive_due(s);
	if (!awl__list_empty(&r->ready)) {
		awl__wake_take(&s->wake);
	} else if (awl__wake_take(&s->wake) || deadline <= awl__sim_now(s)) {
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
	const struct awl__sim *s = (const struct awl__sim *)r;

	if (awl__reactor_inherited(r))
		return AWL_EFORK;
	return !awl__list_empty(&r->ready) || s->underway.count > 0 || s->events.count > 0;
}

static int64_t sim_time(struct awl__reactor *r)
{
	return awl__sim_now((struct awl__sim *)r);
}

void awl__sim_advance(struct awl__reactor *r, int64_t ns)
{
	struct awl__sim *s = (struct awl__sim *)r;

	if (r->class == &awl__sim_class)
		awl__store(&s->clock, awl__clock_after(awl__sim_now(s), ns));
}

/* --- the reactor --- */

static void sim_wake(struct awl__reactor *r)
{
	awl__wake_send(&((struct awl__sim *)r)->wake);
}

static int sim_bind(struct awl__reactor *r)
{
	return awl__reactor_inherited(r) ? AWL_EFORK : 0;
}

int awl__sim_close(struct awl__reactor *r, int fd)
{
	struct awl__sim *s = (struct awl__sim *)r;
	int err;

	if (r->class != &awl__sim_class)
		return -ENOSYS;
	err = awl__sim_number_close(s, fd);
	awl__sim_settle(s);
	return err;
}

/* In a fork's child operations may be in flight, which are the parent's; the memory goes all the
 * same. */
static void sim_destroy(struct awl__reactor *r)
{
	struct awl__sim *s = (struct awl__sim *)r;
	struct awl__list *node;

	awl__reactor_fini(r);
	s->ending = true;
	while ((node = awl__list_pop(&s->files))) {
		struct awl__sim_file *f = awl__container(node, struct awl__sim_file, all);

		f->kind->free(s, f);
	}
	awl__sim_packets_free(s);
	awl__sim_world_free(s);
	awl__heap_free(&s->underway);
	awl__heap_free(&s->events);
	awl__free(s->numbers);
	awl__free(s);
}

const struct awl__reactor_class awl__sim_class = {
	.name = "sim",
	.net = &awl__sim_net,
	.submit = sim_submit,
	.attempt = sim_attempt,
	.own = awl__sim_own,
	.disown = awl__sim_disown,
	.owned = awl__sim_owned,
	.cancel = sim_cancel,
	.wait = sim_wait,
	.wake = sim_wake,
	.fd = sim_fd,
	.prepare = sim_prepare,
	.now = sim_time,
	.bind = sim_bind,
	.destroy = sim_destroy,
};

int awl__sim_new(uint64_t seed, struct awl__reactor **ret)
{
	struct awl__sim *s = awl__alloc_zero(sizeof *s);

	if (!s)
		return -ENOMEM;
	if (awl__reactor_init(&s->base, &awl__sim_class) < 0) {
		awl__free(s);
		return -ENOMEM;
	}
	s->wake.fd = -1;
	s->seeded = seed != 0;
	s->random = seed;
	awl__store(&s->clock, FIRST_TIME);
	awl__list_init(&s->files);
	awl__list_init(&s->touched);
	awl__list_init(&s->packets);
	awl__sim_world_init(s);
	for (uint32_t i = 0; i < AWL__SIM_BUCKETS; i++)
		awl__list_init(&s->bound[i]);
	*ret = &s->base;
	return 0;
}
