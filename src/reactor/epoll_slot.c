/* SPDX-License-Identifier: MIT */
/*
 * epoll_slot.c - what waits for which descriptor. A transfer is tried at once, and what cannot go
 * on waits in its descriptor's list until epoll says that the descriptor is ready.
 *
 * Most descriptors are lent: their owner may close one at any time and the kernel forgets it
 * without a word. So nothing is believed to be registered still: each wait is armed anew,
 * EPOLLONESHOT, by one EPOLL_CTL_MOD just before the thread sleeps, and ENOENT says that the number
 * means another file now. Then the registration gets a new generation: events and operations of the
 * old one are known by theirs.
 *
 * An owned one stays the file it is, and nobody else uses it. It is registered once, EPOLLET, when
 * something first waits, and for writing when a write first does: some sockets tell each packet
 * that left. From then on the slot knows what it is ready for, until a call says EAGAIN or a stream
 * gives or takes less than it was asked: an edge comes when that changes, so a wait costs nothing.
 */
#include "base/alloc.h"
#include "reactor/attempt.h"
#include "reactor/epoll.h"
#include "reactor/epoll_known.h"
#include "reactor/owner.h"

#include <awl/errors.h>

#include <fcntl.h>
#include <sys/epoll.h>

#define FIRST_SLOTS 64u
#define AT_SLOT AWL__AT_OWN /* in a slot's list */

/* One a descriptor number, kept until the reactor goes. */
struct awl__slot {
	struct awl__list ops; /* FIFO: readers, writers and polls */
	struct awl__list dirty; /* in epoll.dirty; else alone */
	uint32_t fd, generation;
	bool armed; /* lent: epoll has yet to report */
	bool owned;
	bool left; /* no longer owned, and perhaps registered still */
	uint32_t registered; /* owned: for which events; 0: not yet */
	struct awl__known known; /* owned */
};

/* What it takes turns for with its like, first come, first served. */
static inline uint32_t turn(const struct awl__op *op)
{
	return op->kind == AWL__OP_POLL ? 0 : awl__asks(op);
}

/* In a thread of the pool, where epoll does not take the file; NULL: it is always ready. */
static int (*const files[AWL__OP_KINDS])(void *op) = {
	[AWL__OP_READ] = awl__file_read,
	[AWL__OP_WRITE] = awl__file_write,
};

/* --- the table --- */

static int grow(struct awl__epoll *e, uint32_t fd)
{
	uint32_t count = e->slot_count ? e->slot_count : FIRST_SLOTS;
	struct awl__slot **slots;

	while (count <= fd)
		count *= 2;
	slots = awl__resize(e->slots, count * sizeof *slots);
	if (!slots)
		return -ENOMEM;
	for (uint32_t i = e->slot_count; i < count; i++)
		slots[i] = NULL;
	e->slots = slots;
	e->slot_count = count;
	return 0;
}

/* -EBADF for a number that names nothing: a wild one must not make the table grow. */
static int slot_new(struct awl__epoll *e, uint32_t fd, struct awl__slot **ret)
{
	struct awl__slot *s;

	if (fcntl((int)fd, F_GETFD) < 0)
		return -EBADF;
	if (fd >= e->slot_count && grow(e, fd) < 0)
		return -ENOMEM;
	s = awl__alloc_zero(sizeof *s);
	if (!s)
		return -ENOMEM;
	awl__list_init(&s->ops);
	awl__list_init(&s->dirty);
	s->fd = fd;
	s->generation = 1;
	*ret = e->slots[fd] = s;
	return 0;
}

static inline int slot_of(struct awl__epoll *e, int fd, struct awl__slot **ret)
{
	uint32_t i = (uint32_t)fd; /* a negative one is beyond any table */

	if (awl__unlikely(i >= e->slot_count || !e->slots[i]))
		return slot_new(e, i, ret);
	*ret = e->slots[i];
	return 0;
}

static void touch(struct awl__epoll *e, struct awl__slot *s)
{
	if (awl__list_empty(&s->dirty))
		awl__list_push(&e->dirty, &s->dirty);
}

void awl__slots_free(struct awl__epoll *e)
{
	for (uint32_t i = 0; i < e->slot_count; i++)
		awl__free(e->slots[i]);
	awl__free(e->slots);
}

/* --- operations --- */

#define op_of(node) awl__container(node, struct awl__op, link)

static void leave(struct awl__epoll *e, struct awl__op *op)
{
	awl__list_remove(&op->link);
	e->waiting--;
}

AWL__INLINE void end(struct awl__epoll *e, struct awl__op *op, int32_t res)
{
	leave(e, op);
	awl__op_over(&e->base, op, res);
}

/* It waits for another file, which the number meant before. */
static inline bool is_stale(const struct awl__slot *s, const struct awl__op *op)
{
	return op->own.generation != 0 && op->own.generation != s->generation;
}

static bool first_in_turn(const struct awl__slot *s, const struct awl__op *op)
{
	awl__list_each (node, &s->ops)
		if ((turn(op_of(node)) & turn(op)) && !is_stale(s, op_of(node)))
			return false;
	return true;
}

/* An edge will come for it without another word to the kernel. Of a lent one, for none. */
static bool covers(const struct awl__slot *s, const struct awl__op *op)
{
	return s->registered && !(awl__interest(op) & EPOLLOUT & ~s->registered);
}

static int32_t try_owned(struct awl__epoll *e, struct awl__slot *s, const struct awl__op *op)
{
	e->base.syscalls++;
	return awl__known_try(&s->known, op);
}

/* An attempt would tell nothing new. Of urgent bytes and queued errors too little is known. */
static bool is_hopeless(const struct awl__slot *s, const struct awl__op *op)
{
	if (op->kind == AWL__OP_CONNECT || !(awl__asks(op) & AWL__TRIED))
		return false;
	return !(s->known.events & awl__interest(op)) || (op->later && !s->registered);
}

/* On an owned descriptor: whether it is over at once. */
static bool over_owned(struct awl__epoll *e, struct awl__slot *s, struct awl__op *op)
{
	if (op->kind == AWL__OP_POLL) {
		op->res = (int32_t)(s->known.events & s->registered & awl__interest(op));
		s->known.events &= ~((uint32_t)op->res & EPOLLPRI); /* stays until it is told */
		return op->res != 0;
	}
	if (is_hopeless(s, op) || !first_in_turn(s, op))
		return false;
	op->res = try_owned(e, s, op);
	return !awl__not_now(op, op->res);
}

/* On a lent one. Who polls has most often just seen EAGAIN, and who says `later` too. */
static bool over_lent(struct awl__epoll *e, struct awl__slot *s, struct awl__op *op)
{
	if (op->kind == AWL__OP_POLL || op->later || !first_in_turn(s, op))
		return false;
	e->base.syscalls++;
	op->res = awl__tries[op->kind](op, false);
	return !awl__not_now(op, op->res);
}

static inline void wait_in_slot(
	struct awl__epoll *e, struct awl__slot *s, struct awl__op *op, bool covered)
{
	awl__op_begin(&e->base, op, AT_SLOT);
	awl__list_push(&s->ops, &op->link);
	e->waiting++;
	op->own.generation = s->generation;
	if (awl__unlikely(!covered)) {
		op->own.generation = 0;
		touch(e, s);
	}
}

static AWL__NOINLINE int submit_any(struct awl__epoll *e, struct awl__op *op)
{
	struct awl__slot *s;

	if (op->kind == AWL__OP_WORK)
		return awl__work_submit(&e->base, op);
	op->res = slot_of(e, op->fd, &s);
	if (op->res < 0)
		return op->res == -EBADF ? 1 : op->res;
	if (s->owned ? over_owned(e, s, op) : over_lent(e, s, op))
		return 1;
	wait_in_slot(e, s, op, covers(s, op));
	return 0;
}

/* The same for what streams do. */
static inline int submit_plain(struct awl__epoll *e, struct awl__slot *s, struct awl__op *op)
{
	uint32_t way = op->kind == AWL__OP_RECV ? EPOLLIN : EPOLLOUT;

	if ((s->known.events & (way | AWL__HUNG)) && (s->registered || !op->later) &&
		first_in_turn(s, op)) {
		e->base.syscalls++;
		op->res = awl__known_try_plain(&s->known, op);
		if (awl__likely(op->res != -EAGAIN))
			return 1;
	}
	wait_in_slot(e, s, op, s->registered & way);
	return 0;
}

int awl__slot_submit(struct awl__reactor *r, struct awl__op *op)
{
	struct awl__epoll *e = (struct awl__epoll *)r;
	uint32_t fd = (uint32_t)op->fd;

	if (awl__likely(
		    awl__is_plain(op) && fd < e->slot_count && e->slots[fd] && e->slots[fd]->owned))
		return submit_plain(e, e->slots[fd], op);
	return submit_any(e, op);
}

int awl__slot_attempt(struct awl__reactor *r, struct awl__op *op)
{
	struct awl__epoll *e = (struct awl__epoll *)r;
	uint32_t fd = (uint32_t)op->fd;

	if (op->kind != AWL__OP_POLL && fd < e->slot_count && e->slots[fd] && e->slots[fd]->owned)
		return try_owned(e, e->slots[fd], op);
	return awl__attempt(r, op);
}

void awl__slot_cancel(struct awl__reactor *r, struct awl__op *op)
{
	if (op->at == AT_SLOT)
		end((struct awl__epoll *)r, op, -ECANCELED);
	else if (op->at == AWL__AT_POOL)
		awl__work_cancel(r, op);
}

/* --- arming --- */

static int ctl(struct awl__epoll *e, int how, const struct awl__slot *s, uint32_t events)
{
	struct epoll_event ev = {
		.events = events,
		.data.u64 = (uint64_t)s->generation << 32 | s->fd,
	};

	e->base.syscalls++;
	return epoll_ctl(e->fd, how, (int)s->fd, &ev) < 0 ? -errno : 0;
}

/* Once more, now that epoll has reported events. */
static int32_t retry_any(
	struct awl__epoll *e, struct awl__slot *s, const struct awl__op *op, uint32_t events)
{
	if (op->kind == AWL__OP_POLL) {
		events &= awl__interest(op);
		return events ? (int32_t)events : -EAGAIN;
	}
	if (s->owned && op->kind != AWL__OP_CONNECT)
		return try_owned(e, s, op);
	e->base.syscalls++;
	if (op->kind == AWL__OP_CONNECT)
		return awl__connected(op);
	/* Another accept may have taken the connection, and one blocks for the next. */
	return awl__tries[op->kind](op, op->kind != AWL__OP_ACCEPT);
}

static inline int32_t retry(
	struct awl__epoll *e, struct awl__slot *s, const struct awl__op *op, uint32_t events)
{
	if (awl__unlikely(!s->owned || !awl__is_plain(op)))
		return retry_any(e, s, op, events);
	e->base.syscalls++;
	return awl__known_try_plain(&s->known, op);
}

/* epoll does not take this file: it is always ready, which for reading means that it may block. */
static void file_op(struct awl__epoll *e, struct awl__slot *s, struct awl__op *op)
{
	int (*fn)(void *) = files[op->kind];
	int32_t res;

	if (fn) {
		leave(e, op);
		awl__work_begin(&e->base, op, fn, op);
		return;
	}
	res = retry(e, s, op, EPOLLIN | EPOLLOUT | EPOLLRDNORM | EPOLLWRNORM);
	if (!awl__not_now(op, res)) /* else it asks for what never comes */
		end(e, op, res);
}

/* The operations not armed before could not be. */
static void cannot_arm(struct awl__epoll *e, struct awl__slot *s, int err)
{
	awl__list_each_safe (node, &s->ops) {
		struct awl__op *op = op_of(node);

		if (op->own.generation != 0)
			continue;
		if (err == -EPERM)
			file_op(e, s, op);
		else
			end(e, op, err);
	}
}

/* The events to ask for, 0 where nobody waits; *fresh: an operation has not been armed yet. */
static uint32_t wanted(const struct awl__slot *s, bool *fresh)
{
	uint32_t want = 0;

	*fresh = false;
	awl__list_each (node, &s->ops) {
		const struct awl__op *op = op_of(node);

		if (is_stale(s, op))
			continue;
		*fresh |= op->own.generation == 0;
		want |= awl__asks(op) | EPOLLERR;
	}
	return want;
}

static int arm_lent(struct awl__epoll *e, struct awl__slot *s)
{
	bool fresh;
	uint32_t want = wanted(s, &fresh);
	int err;

	if (!want || (s->armed && !fresh))
		return 0;
	err = ctl(e, EPOLL_CTL_MOD, s, want | EPOLLONESHOT);
	if (err == -ENOENT || err == -EBADF || err == -EPERM) {
		/* Another file than when it was last armed, or none. What waits from that time
		 * is the old file's, and stays until it is cancelled. */
		s->generation++;
		s->armed = false;
		want = wanted(s, &fresh);
		if (err == -ENOENT && want)
			err = ctl(e, EPOLL_CTL_ADD, s, want | EPOLLONESHOT);
	}
	if (err == 0) {
		s->armed = true;
		s->left = false;
	}
	return err;
}

static int arm_owned(struct awl__epoll *e, struct awl__slot *s)
{
	bool fresh;
	uint32_t want = wanted(s, &fresh) & (EPOLLIN | EPOLLOUT), news;
	int err;

	want |= s->registered | EPOLLIN | EPOLLRDHUP | EPOLLPRI;
	news = want & ~s->registered;
	if (!fresh || !news)
		return 0;
	/* The kernel may have it from an earlier owner, or from when it was lent. */
	err = s->registered ? -EEXIST : ctl(e, EPOLL_CTL_ADD, s, want | EPOLLET);
	if (err == -EEXIST)
		err = ctl(e, EPOLL_CTL_MOD, s, want | EPOLLET);
	if (err < 0)
		return err;
	/* It is about to tell what of this is so already. */
	s->known.events &= ~news;
	s->registered = want;
	s->left = false;
	return 0;
}

static void arm(struct awl__epoll *e, struct awl__slot *s)
{
	int err = s->owned ? arm_owned(e, s) : arm_lent(e, s);

	if (err < 0) {
		cannot_arm(e, s, err);
		return;
	}
	awl__list_each (node, &s->ops)
		if (op_of(node)->own.generation == 0)
			op_of(node)->own.generation = s->generation;
}

void awl__slots_arm(struct awl__epoll *e)
{
	struct awl__list *node;

	while ((node = awl__list_pop(&e->dirty))) {
		awl__list_init(node);
		arm(e, awl__container(node, struct awl__slot, dirty));
	}
}

/* --- events --- */

/* Of a file that the number no longer means, or of one that is nobody's any more: then it is told
 * once, and not again. */
static void on_late_event(struct awl__epoll *e, struct awl__slot *s)
{
	if (!s->left || s->owned)
		return;
	s->left = false;
	ctl(e, EPOLL_CTL_DEL, s, 0);
}

void awl__slot_event(struct awl__epoll *e, uint64_t data, uint32_t events)
{
	struct awl__slot *s = e->slots[(uint32_t)data];
	uint32_t blocked = 0;

	if (awl__unlikely(s->generation != data >> 32)) {
		on_late_event(e, s);
		return;
	}
	if (s->owned)
		awl__known_event(&s->known, events);
	s->armed = false;
	awl__list_each_safe (node, &s->ops) {
		struct awl__op *op = op_of(node);
		uint32_t now = s->owned ? s->known.events | (events & ~AWL__TRIED) : events;
		int32_t res;

		if (op->own.generation != s->generation || (blocked & turn(op)) ||
			!(now & awl__interest(op)))
			continue;
		awl__note_end(op);
		res = retry(e, s, op, events);
		if (!awl__not_now(op, res)) {
			end(e, op, res);
			continue;
		}
		awl__note_begin(op);
		blocked |= turn(op);
	}
	if (!s->owned)
		touch(e, s);
}

/* --- owners --- */

int awl__slot_own(struct awl__reactor *r, int fd, int like)
{
	struct awl__epoll *e = (struct awl__epoll *)r;
	struct awl__slot *s;
	int err;

	if (awl__reactor_inherited(r))
		return AWL_EFORK;
	if (like < 0 && fcntl(fd, F_GETFD) < 0)
		return -EBADF;
	if ((err = slot_of(e, fd, &s)) < 0 || (err = awl__owner_take(fd)) < 0)
		return err;
	s->generation++;
	s->armed = false;
	s->owned = true;
	s->registered = 0;
	awl__known_begin(&s->known, fd, like < 0 ? NULL : &e->slots[like]->known);
	return 0;
}

/*
 * The kernel is not told: it forgets a descriptor that is closed now by itself. One that lives on
 * may bring one more event, which ends the registration; it takes edges, and is nothing to spin on.
 * What another process holds open still, or another number, can be told of at each edge: there the
 * kernel has no way to forget it once our number is closed.
 */
void awl__slot_disown(struct awl__reactor *r, int fd)
{
	struct awl__slot *s = ((struct awl__epoll *)r)->slots[fd];

	if (awl__reactor_inherited(r))
		return;
	s->left |= s->registered != 0;
	s->registered = 0;
	s->owned = false;
	s->generation++;
	awl__owner_drop(fd);
}
