/* SPDX-License-Identifier: MIT */
/*
 * test_sim_schedule.c - under any schedule, on any line, with any faults never a byte is out of
 * order: all of them come, or the error is told; and the same seed does the same. @valgrind
 */
#include "reactor/sim_hosts.h"
#include "scale.h"

/* One direction of a pair: what was sent and what has come, as positions in an endless pattern. */
struct way {
	struct rig_op r, w;
	uint32_t sent, got;
	bool reading, writing, ended, closed, failed;
	unsigned char out[6000], in[6000];
};

static unsigned char byte_at(uint32_t i, int which)
{
	return (unsigned char)(i * 31 + i / 255 + (uint32_t)which * 101);
}

static uint64_t trace;

static void note(uint64_t what)
{
	trace = (trace ^ what) * UINT64_C(0x100000001b3);
}

static uint64_t random_of(uint64_t *seed)
{
	return *seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
}

static bool is_end(int32_t res)
{
	return res == -ECONNRESET || res == -EPIPE || res == -ETIMEDOUT;
}

/* A reset is told once an end, to whichever operation asks first. */
static bool reset_told;
static unsigned whole; /* ways that came to their end whole */
static struct way ways[2];

/* Also to one that has completed and was not looked at yet. */
static bool was_told(void)
{
	for (int i = 0; i < 2; i++)
		reset_told |=
			(ways[i].writing && ways[i].w.completions && is_end(ways[i].w.op.res)) ||
			(ways[i].reading && ways[i].r.completions && is_end(ways[i].r.op.res));
	return reset_told;
}

static void look(struct rig *g, struct way *w, int which, const bool closed[2])
{
	note((uint64_t)now(g));
	if (w->writing && w->w.completions) {
		w->writing = false;
		note((uint64_t)w->w.op.res);
		if (w->w.op.res > 0)
			w->sent += (uint32_t)w->w.op.res;
		else
			assert_true(is_end(w->w.op.res) || w->w.op.res == -ECANCELED);
		w->failed |= is_end(w->w.op.res);
		reset_told |= is_end(w->w.op.res);
	}
	if (w->reading && w->r.completions) {
		w->reading = false;
		reset_told |= is_end(w->r.op.res);
		note((uint64_t)w->r.op.res << 32);
		for (int32_t i = 0; i < w->r.op.res; i++)
			assert_int_equal(w->in[i], byte_at(w->got++, which));
		assert_true(w->got <= w->sent + (w->writing ? sizeof w->out : 0));
		if (w->r.op.res == 0 && !was_told() && !closed[0] && !closed[1]) {
			assert_true(w->ended);
			assert_int_equal(w->got, w->sent);
		}
		w->failed |= w->r.op.res == 0 || is_end(w->r.op.res);
		assert_true(w->r.op.res >= 0 || is_end(w->r.op.res) || w->r.op.res == -ECANCELED);
	}
}

static void a_step(struct rig *g, struct way w[2], const int fds[2], bool closed[2], uint64_t *seed)
{
	int which = (int)(random_of(seed) >> 40 & 1);
	struct way *d = &w[which];
	uint32_t n = (uint32_t)(random_of(seed) >> 33) % sizeof d->out + 1;
	unsigned what = random_of(seed) >> 33 & 15;
	int err;

	if (what < 6) {
		if (d->writing || closed[which] || d->ended)
			return;
		for (uint32_t i = 0; i < n; i++)
			d->out[i] = byte_at(d->sent + i, which);
		start_send(g, &d->w, fds[which], d->out, n);
		d->writing = true;
	} else if (what < 12) {
		if (d->reading || closed[!which])
			return;
		start_recv(g, &d->r, fds[!which], d->in, n, 0);
		d->reading = true;
	} else if (what == 12) {
		if (d->writing || d->ended || closed[which] || random_of(seed) >> 60)
			return;
		err = net(g)->shutdown(g->r, fds[which], SHUT_WR);
		assert_true(err == 0 || err == -ENOTCONN); /* reset already */
		d->ended = true;
	} else if (what == 13) {
		if (d->writing || w[!which].reading || closed[which] || random_of(seed) >> 59)
			return;
		rig_shut(g, fds[which]);
		closed[which] = true;
	} else if (what == 14) {
		assert_true(rig_turn(g, now(g) + MS) >= 0);
	} else if (d->reading) {
		awl__reactor_cancel(g->r, &d->r.op);
	}
}

static void end_way(struct rig *g, struct way *d, int which, const bool closed[2])
{
	if (d->writing)
		awl__reactor_cancel(g->r, &d->w.op);
	if (d->reading)
		awl__reactor_cancel(g->r, &d->r.op);
	while ((d->writing && !d->w.completions) || (d->reading && !d->r.completions))
		assert_true(rig_turn(g, now(g) + SEC) >= 0);
	look(g, d, which, closed);
}

/* What is left after all steps comes whole where nobody has closed. */
static void drain_way(struct rig *g, struct way *d, int which, const int fds[2], const bool *closed)
{
	end_way(g, d, which, closed);
	while (!closed[0] && !closed[1] && !d->failed && d->got < d->sent) {
		start_recv(g, &d->r, fds[!which], d->in, sizeof d->in, 0);
		rig_finish(g, &d->r);
		d->reading = true;
		look(g, d, which, closed);
	}
	if (closed[0] || closed[1] || d->failed)
		return;
	assert_int_equal(d->got, d->sent);
	whole++;
}

static uint64_t any_run(uint64_t seed)
{
	struct way *w = ways;
	struct rig *g = rig_open_sim(seed);
	bool closed[2] = { false };
	uint64_t steps = seed;
	int fds[2];

	trace = UINT64_C(0xcbf29ce484222325);
	memset(ways, 0, sizeof ways);
	reset_told = false;
	if (seed % 4 == 3)
		connect_both(g, "/run/socket", fds);
	else
		two_hosts(g, fds);
	set_line(g, NULL, NULL,
		(struct awl__sim_line){
			.latency = (int64_t)(seed % 5) * MS,
			.jitter = (int64_t)(seed % 3) * MS,
			.bandwidth = seed % 7 ? 0 : 1000000,
			.loss_in = seed % 2 ? 20 : 0,
			.reset_in = seed % 11 ? 0 : 100,
		});
	for (int i = 0; i < 400; i++) {
		a_step(g, w, fds, closed, &steps);
		look(g, &w[0], 0, closed);
		look(g, &w[1], 1, closed);
	}
	for (int i = 0; i < 2; i++)
		drain_way(g, &w[i], i, fds, closed);
	for (int i = 0; i < 2; i++)
		if (!closed[i])
			rig_shut(g, fds[i]);
	rig_close(g);
	return trace;
}

static void bytes_arrive_in_order_and_whole_or_the_error_is_told(void **state)
{
	uint64_t runs = (uint64_t)test_scale("AWL_TEST_PROGRAMS", 1000);

	whole = 0;
	for (uint64_t seed = 0; seed < runs; seed++)
		assert_true(any_run(seed) == any_run(seed));
	assert_true(whole > runs / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_arrive_in_order_and_whole_or_the_error_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
