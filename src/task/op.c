/* SPDX-License-Identifier: MIT */
/*
 * op.c - see op.h.
 *
 * Turns: uring answers the reader that came last first, so of those that go one way at a lent
 * descriptor only the first is submitted, and the others wait in line. A task may keep its turn
 * over several operations; then what it sends is not mixed with another's.
 */
#include "task/op_hot.h"

#include "base/alloc.h"

#include <fcntl.h>
#include <sys/stat.h>

/* Why it ended without a transfer; 0: by a request that was taken back meanwhile. */
static int why(struct awl__task *t, const struct awl__task_op *o)
{
	int r = awl__deliver(t);

	if (r < 0)
		return r;
	return o->gone ? AWL_EDEAD : o->late ? -ETIMEDOUT : 0;
}

int awl__task_op_ended_early(struct awl__task *t, struct awl__task_op *o)
{
	int r = o->op.res;

	/* A timerfd answers it, too, when somebody sets the clock. */
	while (r == -ECANCELED && o->op.cancelled) {
		r = why(t, o);
		if (r < 0)
			break;
		/* Nothing was moved, so it begins anew. */
		o->op.cancelled = false;
		r = awl__task_op_go(t, o, o->until, false);
	}
	return r;
}

int awl__task_op_run(struct awl__task *t, struct awl__task_op *o, int64_t until)
{
	return awl__unlikely(o->gone) ? AWL_EDEAD : awl__task_op_run_hot(t, o, until);
}

void awl__task_op_close(struct awl__task_op *o)
{
	o->gone = true;
	awl__reactor_cancel(awl__task_loop(o->task)->reactor, &o->op);
}

/* --- what is known of a number --- */

#define PAGE_BITS 7
#define PAGE_FDS (1u << PAGE_BITS)
#define PAGES_MIN 8u

/* sim's numbers begin where real ones do not reach, at a single high bit. */
#define SIM_BIT (1 << 30)

static uint32_t index_of(int fd)
{
	return (uint32_t)fd & ~(uint32_t)SIM_BIT;
}

struct awl__lent *awl__lent_find(const awl_loop *l, int fd)
{
	uint32_t i = index_of(fd), page = i >> PAGE_BITS;

	if (awl__unlikely(fd < 0 || page >= l->lent_pages || !l->lent[page]))
		return NULL;
	return &l->lent[page][i & (PAGE_FDS - 1)];
}

static int grow(awl_loop *l, uint32_t page)
{
	uint32_t count = l->lent_pages ? l->lent_pages : PAGES_MIN;
	struct awl__lent **pages;

	while (count <= page)
		count *= 2;
	pages = awl__resize(l->lent, count * sizeof *pages);
	if (!pages)
		return -ENOMEM;
	for (uint32_t i = l->lent_pages; i < count; i++)
		pages[i] = NULL;
	l->lent = pages;
	l->lent_pages = count;
	return 0;
}

/* A wild number must not make the table grow. */
static bool is_wild(const awl_loop *l, int fd)
{
	return l->virtual_time ? index_of(fd) >= 1u << 20 : fcntl(fd, F_GETFD) < 0;
}

static AWL__COLD int lent_make(awl_loop *l, int fd)
{
	uint32_t page = index_of(fd) >> PAGE_BITS;

	if (fd < 0 || is_wild(l, fd))
		return -EBADF;
	if (page >= l->lent_pages && grow(l, page) < 0)
		return -ENOMEM;
	l->lent[page] = awl__alloc_zero(PAGE_FDS * sizeof(struct awl__lent));
	return l->lent[page] ? 0 : -ENOMEM;
}

int awl__lent_get(awl_loop *l, int fd, struct awl__lent **ret)
{
	struct awl__lent *n = awl__lent_find(l, fd);

	if (awl__unlikely(!n)) {
		int r = lent_make(l, fd);

		if (r < 0)
			return r;
		n = awl__lent_find(l, fd);
	}
	if (awl__unlikely(!n->ops.next))
		awl__list_init(&n->ops);
	*ret = n;
	return 0;
}

void awl__lent_free(awl_loop *l)
{
	for (uint32_t i = 0; i < l->lent_pages; i++)
		awl__free(l->lent[i]);
	awl__free(l->lent);
}

/* --- turns --- */

#define op_at(node) awl__container(node, struct awl__task_op, lent)

static struct awl__task_op *first_of(const struct awl__lent *n, uint8_t way)
{
	awl__list_each (node, &n->ops)
		if (op_at(node)->way == way)
			return op_at(node);
	return NULL;
}

/* It is parked, and not by an operation of its own. */
static bool is_in_line(const struct awl__task *t)
{
	return awl__parked(t) && t->future.row.waits == AWL__WAITS_DESCRIPTOR;
}

static void call_up(struct awl__task *t)
{
	awl__list_remove(&t->ready.link);
	awl__wake(t);
}

static int stand_in_line(struct awl__task *t, const struct awl__lent *n, struct awl__task_op *o)
{
	int r = 0;

	while (r == 0 && first_of(n, o->way) != o) {
		r = awl__wait_in(t, &awl__task_loop(t)->in_line, AWL__WAITS_DESCRIPTOR, o);
		if (r == 0 && o->gone)
			return AWL_EDEAD;
	}
	return r < 0 ? r : awl__deliver(t);
}

int awl__lent_refused(int fd, const char *call)
{
	return awl__fail(-EBUSY,
		"%s: descriptor %d is a stream's, a server's or a datagram endpoint's own", call,
		fd);
}

static int closing(int fd, const char *call)
{
	return awl__fail(AWL_EDEAD, "%s: descriptor %d is being closed", call, fd);
}

int awl__lent_begin(
	struct awl__task *t, struct awl__task_op *o, enum awl__turn way, const char *call)
{
	awl_loop *l = awl__task_loop(t);
	struct awl__lent *n;
	int r;

	if (awl__unlikely(awl__reactor_owned(l->reactor, o->op.fd)))
		return awl__lent_refused(o->op.fd, call);
	r = awl__lent_get(l, o->op.fd, &n);
	if (awl__unlikely(r < 0))
		return r;
	if (awl__unlikely(n->closing))
		return closing(o->op.fd, call);
	o->task = t;
	o->way = (uint8_t)way;
	awl__list_push(&n->ops, &o->lent);
	if (way == AWL__TURN_NONE || awl__likely(first_of(n, o->way) == o))
		return 0;
	r = stand_in_line(t, n, o);
	if (r < 0)
		awl__lent_leave(o);
	return r;
}

static void call_closers(awl_loop *l)
{
	awl__wake_each(&l->closers);
}

void awl__lent_leave(struct awl__task_op *o)
{
	awl_loop *l = awl__task_loop(o->task);
	struct awl__task_op *next;

	awl__list_remove(&o->lent);
	if (awl__unlikely(o->gone))
		call_closers(l);
	if (o->way == AWL__TURN_NONE)
		return;
	next = first_of(awl__lent_find(l, o->op.fd), o->way);
	if (awl__unlikely(next != NULL) && is_in_line(next->task))
		call_up(next->task);
}

/* --- one operation --- */

static enum awl__turn way_of(const struct awl__op *op)
{
	static const uint8_t ways[AWL__OP_KINDS] = {
		[AWL__OP_READ] = AWL__TURN_IN,
		[AWL__OP_RECV] = AWL__TURN_IN,
		[AWL__OP_RECVMSG] = AWL__TURN_IN,
		[AWL__OP_ACCEPT] = AWL__TURN_IN,
		[AWL__OP_WRITE] = AWL__TURN_OUT,
		[AWL__OP_SEND] = AWL__TURN_OUT,
		[AWL__OP_SENDMSG] = AWL__TURN_OUT,
		[AWL__OP_CONNECT] = AWL__TURN_OUT,
	};

	return ways[op->kind];
}

/* Which file a number means; debug mode asks before and after. */
struct identity {
	dev_t dev;
	ino_t ino;
	bool known;
};

static struct identity identity_of(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return (struct identity){ 0 };
	return (struct identity){ st.st_dev, st.st_ino, true };
}

static AWL__COLD int run_watched(struct awl__task *t, struct awl__task_op *o, const char *call)
{
	struct identity before = identity_of(o->op.fd), now;
	int r = awl__task_op_run(t, o, INT64_MAX);

	now = identity_of(o->op.fd);
	if (before.known && (now.dev != before.dev || now.ino != before.ino))
		awl__report(AWL_LOG_WARNING,
			"%s: descriptor %d was closed while task %s waited for it%s: close it with "
			"awl_sock_close, which ends such waits first",
			call, o->op.fd, awl_task_get_name(&t->future),
			now.known ? ", and means another file now" : "");
	return r;
}

int awl__lent_op_run(struct awl__task *t, struct awl__task_op *o, const char *call)
{
	int r = awl__lent_begin(t, o, way_of(&o->op), call);

	if (awl__unlikely(r < 0))
		return r;
	if (awl__unlikely(awl__task_loop(t)->debug) && !awl__task_loop(t)->virtual_time)
		r = run_watched(t, o, call);
	else
		r = awl__task_op_run(t, o, INT64_MAX);
	awl__lent_leave(o);
	return r;
}

int awl__lent_op_try(struct awl__task *t, struct awl__task_op *o, const char *call)
{
	awl_loop *l = awl__task_loop(t);
	struct awl__lent *n;
	int r;

	if (awl__reactor_owned(l->reactor, o->op.fd))
		return awl__lent_refused(o->op.fd, call);
	r = awl__lent_get(l, o->op.fd, &n);
	if (r < 0)
		return r;
	if (n->closing)
		return closing(o->op.fd, call);
	if (first_of(n, (uint8_t)way_of(&o->op)))
		return -EAGAIN; /* who waits was here before */
	r = awl__reactor_try(l->reactor, &o->op);
	if (--l->budget <= 0)
		awl__task_pause(t);
	return r;
}

/* --- their end --- */

void awl__lent_hold(awl_loop *l, int fd)
{
	awl__lent_find(l, fd)->holds++;
}

void awl__lent_release(awl_loop *l, int fd)
{
	struct awl__lent *n = awl__lent_find(l, fd);

	n->holds--;
	if (awl__unlikely(n->closing))
		call_closers(l);
}

/* All are asked to end; false: there is none. */
static bool end_all(const struct awl__lent *n)
{
	awl__list_each (node, &n->ops) {
		awl__task_op_close(op_at(node));
		if (is_in_line(op_at(node)->task))
			call_up(op_at(node)->task);
	}
	return n->holds > 0 || !awl__list_empty(&n->ops);
}

int awl__lent_end(struct awl__task *t, int fd)
{
	awl_loop *l = awl__task_loop(t);
	struct awl__lent *n = awl__lent_find(l, fd);
	uint16_t shield = t->shield;

	if (!n || !n->ops.next)
		return 0;
	if (n->closing)
		return -EBADF;
	n->closing = true;
	t->shield = AWL__UNINTERRUPTED;
	while (end_all(n))
		awl__wait_in(t, &l->closers, AWL__WAITS_DESCRIPTOR, n);
	t->shield = shield;
	n->closing = false;
	return 0;
}
