/* SPDX-License-Identifier: MIT */
/*
 * @reactors @valgrind
 * test_storm.c - more operations at once than the queue of submissions has room for, submitted,
 * cancelled, handed over and waited for in a random order, some that wake among some that call:
 * each completes once, is counted by the wait that tells of it, and no byte is lost.
 */
#include "reactor/rig.h"
#include "reactor/socket.h"

#include "scale.h"

#include <awl/errors.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define LINKS 150
#define STEPS 4000
#define CHUNK 700

/* One direction of a link: what is sent counts from 0 on. */
struct way {
	struct flight {
		struct awl__op op;
		struct awl__runnable run;
		struct storm *storm;
		struct way *way;
		bool flies;
		unsigned char buf[CHUNK];
	} in, out;
	uint32_t sent, come;
	int from, to;
};

struct storm {
	struct rig *g;
	uint64_t random;
	uint32_t rarely;
	struct link links[LINKS];
	struct way ways[2 * LINKS];
	unsigned told, flying;
	struct awl__list woken;
};

static uint32_t draw(struct storm *s, uint32_t n)
{
	s->random = s->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(s->random >> 33) % n;
}

static void ended(struct flight *f)
{
	struct way *w = f->way;
	int32_t res = f->op.res;

	assert_true(f->flies);
	assert_int_equal(f->op.state, AWL__OP_IDLE);
	f->flies = false;
	if (res < 0) {
		assert_true(res == -ECANCELED && f->op.cancelled);
		return;
	}
	assert_true(res > 0);
	if (f == &w->out) {
		w->sent += (uint32_t)res;
		return;
	}
	for (int32_t i = 0; i < res; i++)
		assert_int_equal(f->buf[i], (unsigned char)(w->come + (uint32_t)i));
	w->come += (uint32_t)res;
	assert_true(w->come <= w->sent + (w->out.flies ? CHUNK : 0));
}

static void call(struct awl__op *op)
{
	struct flight *f = awl__container(op, struct flight, op);

	f->storm->told++;
	f->storm->flying--;
	ended(f);
}

static void run_woken(struct storm *s)
{
	struct awl__list *node;

	while ((node = awl__list_pop(&s->woken))) {
		struct flight *f = awl__container(node, struct flight, run.link);

		assert_int_equal(f->run.queued, 1);
		call(&f->op);
	}
}

static void submit(struct storm *s, struct flight *f, uint8_t kind, int fd, uint32_t len)
{
	int how;

	f->op = (struct awl__op){ .kind = kind, .fd = fd, .done = call };
	f->op.wakes = draw(s, 3) ? &f->run : NULL;
	f->op.later = kind == AWL__OP_RECV && draw(s, 2);
	f->op.bytes = kind == AWL__OP_SEND;
	f->op.alone = kind == AWL__OP_SEND && draw(s, 3) == 0;
	f->op.u.sock.buf = f->buf;
	f->op.u.sock.len = len;
	f->flies = true;
	how = awl__reactor_submit(s->g->r, &f->op);
	assert_true(how >= 0);
	assert_true(awl__list_empty(&s->woken));
	if (how == 1)
		ended(f);
	else
		s->flying++;
	assert_int_equal(s->g->r->in_flight, s->flying);
}

static void receive(struct storm *s, struct way *w)
{
	if (!w->in.flies)
		submit(s, &w->in, AWL__OP_RECV, w->to, 1 + draw(s, CHUNK));
}

static void give(struct storm *s, struct way *w)
{
	uint32_t len = 1 + draw(s, CHUNK);

	if (w->out.flies)
		return;
	for (uint32_t i = 0; i < len; i++)
		w->out.buf[i] = (unsigned char)(w->sent + i);
	submit(s, &w->out, AWL__OP_SEND, w->from, len);
}

static void look(struct storm *s, int64_t deadline)
{
	unsigned before = s->told;
	int n = awl__reactor_wait(s->g->r, deadline);

	assert_true(n >= 0);
	run_woken(s);
	assert_int_equal(s->told - before, n);
	assert_int_equal(s->g->r->in_flight, s->flying);
	assert_true(awl__list_empty(&s->g->r->ready));
}

static void step(struct storm *s)
{
	struct way *w = &s->ways[draw(s, 2 * LINKS)];

	switch (draw(s, s->rarely)) {
	case 0:
		look(s, INT64_MIN);
		break;
	case 1:
		if (!rig_is(s->g, "sim"))
			assert_true(awl__reactor_prepare(s->g->r) >= 0);
		break;
	case 2:
		awl__reactor_wake(s->g->r);
		look(s, INT64_MAX);
		break;
	case 3: /* all at once */
		for (size_t i = 0; i < COUNT(s->ways); i++)
			if (draw(s, 2))
				awl__reactor_cancel(s->g->r, &s->ways[i].in.op);
		break;
	default:
		if (draw(s, 3) == 0)
			awl__reactor_cancel(s->g->r, draw(s, 2) ? &w->in.op : &w->out.op);
		else if (draw(s, 2))
			receive(s, w);
		else
			give(s, w);
	}
}

/* All that was sent comes. */
static void calm(struct storm *s)
{
	for (size_t i = 0; i < COUNT(s->ways); i++) {
		struct way *w = &s->ways[i];

		while (w->out.flies || w->come < w->sent) {
			receive(s, w);
			if (w->in.flies)
				look(s, INT64_MAX);
		}
		awl__reactor_cancel(s->g->r, &w->in.op);
	}
	while (s->flying)
		look(s, INT64_MAX);
}

static void one_storm(struct rig *g, uint64_t seed)
{
	struct storm *s = calloc(1, sizeof *s);

	assert_non_null(s);
	s->g = g;
	s->random = seed;
	s->rarely = seed % 2 ? 1000 : 100;
	if (!rig_is(g, "sim"))
		assert_true(awl__reactor_fd(g->r) >= 0);
	for (size_t i = 0; i < LINKS; i++) {
		link_open(g, &s->links[i], i % LINK_KINDS, draw(s, 4));
		for (int end = 0; end < 2; end++) {
			struct way *w = &s->ways[2 * i + (size_t)end];

			w->from = s->links[i].fds[end];
			w->to = s->links[i].fds[!end];
			w->in.storm = w->out.storm = s;
			w->in.way = w->out.way = w;
		}
	}
	awl__list_init(&s->woken);
	g->r->woken = &s->woken;
	for (int i = 0; i < STEPS; i++)
		step(s);
	calm(s);
	for (size_t i = 0; i < LINKS; i++)
		link_close(g, &s->links[i]);
	g->r->woken = &g->woken;
	free(s);
}

static void each_completes_once_and_no_byte_is_lost(struct rig *g)
{
	const char *seeds = getenv("STORMS");

	for (uint64_t seed = 1; seed <= (seeds ? strtoull(seeds, NULL, 0) : 3); seed++)
		one_storm(g, seed);
}

int main(void)
{
	static const struct rig_body bodies[] = {
		BODY(each_completes_once_and_no_byte_is_lost),
	};

	return rig_main(bodies, COUNT(bodies));
}
