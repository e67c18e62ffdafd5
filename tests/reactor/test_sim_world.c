/* SPDX-License-Identifier: MIT */
/*
 * test_sim_world.c - hosts, the lines between them and what goes wrong there: latency, bandwidth,
 * silence, loss, faults of the kernel's; and never a byte out of order. @valgrind
 */
#include "reactor/sim_net.h"
#include "base/alloc.h"
#include "scale.h"

static struct rig rig;

static struct in6_addr ip(const char *words)
{
	struct in6_addr a;
	char mapped[64];

	if (strchr(words, ':'))
		snprintf(mapped, sizeof mapped, "%s", words);
	else
		snprintf(mapped, sizeof mapped, "::ffff:%s", words);
	assert_int_equal(inet_pton(AF_INET6, mapped, &a), 1);
	return a;
}

static struct in6_addr own_host;

static int its_host(struct in6_addr *ret)
{
	*ret = own_host;
	return 1;
}

/* Sockets are this host's from now on. */
static void be(struct rig *g, const char *words)
{
	own_host = ip(words);
	assert_int_equal(awl__sim_set_host(g->r, its_host), 0);
}

static void set_line(struct rig *g, const char *a, const char *b, struct awl__sim_line line)
{
	struct in6_addr first = ip(a ? a : "::"), second = ip(b ? b : "::");

	assert_int_equal(awl__sim_set_line(g->r, a ? &first : NULL, b ? &second : NULL, &line), 0);
}

static void cut(struct rig *g, const char *a, const char *b, bool on)
{
	struct in6_addr first = ip(a), second = ip(b ? b : "::");

	assert_int_equal(awl__sim_partition(g->r, &first, b ? &second : NULL, on), 0);
}

/* A client of 10.0.0.1 and its server's end, of 10.0.0.2. */
static void two_hosts(struct rig *g, int fds[2])
{
	int l;

	be(g, "10.0.0.2");
	l = new_listener(g, "0.0.0.0:80");
	be(g, "10.0.0.1");
	fds[0] = new_client(g, "10.0.0.2:80");
	fds[1] = made(accept_one(g, l));
	rig_shut(g, l);
}

static int64_t taken(struct rig *g, struct rig_op *o, int32_t res)
{
	int64_t began = now(g);

	assert_int_equal(rig_finish(g, o), res);
	return now(g) - began;
}

/* --- hosts --- */

static void each_address_is_a_host(void **state)
{
	struct rig *g = open_world(&rig, 0);
	int a, b, c;

	(void)state;
	be(g, "10.0.0.1");
	a = new_listener(g, "0.0.0.0:80");
	be(g, "10.0.0.2");
	b = new_listener(g, "0.0.0.0:80"); /* no collision: another host's */
	c = new_client(g, "10.0.0.1:80");
	assert_non_null(strstr(name_of(g, c, false), "10.0.0.2:"));
	assert_int_equal(poll_now(g, a, POLLIN), POLLIN);
	assert_int_equal(poll_now(g, b, POLLIN), -EAGAIN);
	rig_shut(g, c);
	c = new_client(g, "127.0.0.1:80"); /* itself */
	assert_int_equal(poll_now(g, b, POLLIN), POLLIN);
	rig_shut(g, c);
	c = new_socket(g, "10.0.0.1:1", SOCK_STREAM);
	assert_int_equal(connect_to(g, c, "10.0.0.3:80"), -ECONNREFUSED);
	rig_shut(g, c);
	c = new_listener(g, "/run/socket");
	be(g, "10.0.0.1");
	rig_shut(g, new_listener(g, "/run/socket")); /* each has files of its own */
	shut_both(g, (int[]){ a, b });
	rig_shut(g, c);
	rig_close(g);
}

/* --- time --- */

static void a_connect_takes_one_way_and_back_and_bytes_one_way(void **state)
{
	struct rig *g = open_world(&rig, 0);
	struct address a = at("10.0.0.2:80");
	int l, fds[2];
	struct rig_op o;
	char buf[8];

	(void)state;
	set_line(g, NULL, NULL, (struct awl__sim_line){ .latency = 30 * MS });
	be(g, "10.0.0.2");
	l = new_listener(g, "0.0.0.0:80");
	be(g, "10.0.0.1");
	fds[0] = new_socket(g, "10.0.0.1:1", SOCK_STREAM);
	assert_true(taken(g, start_connect(g, &o, fds[0], &a), 0) == 60 * MS);
	fds[1] = made(accept_one(g, l));
	assert_int_equal(send_some(g, fds[0], "hello", 5), 5);
	assert_true(taken(g, start_recv(g, &o, fds[1], buf, sizeof buf, 0), 5) == 30 * MS);
	assert_int_equal(send_some(g, fds[1], "bye", 3), 3);
	rig_shut(g, fds[1]);
	assert_true(taken(g, start_recv(g, &o, fds[0], buf, sizeof buf, 0), 3) == 30 * MS);
	assert_true(taken(g, start_recv(g, &o, fds[0], buf, sizeof buf, 0), 0) == 0);
	rig_shut(g, fds[0]);
	rig_shut(g, l);
	fds[0] = new_socket(g, "10.0.0.1:1", SOCK_STREAM);
	assert_true(taken(g, start_connect(g, &o, fds[0], &a), -ECONNREFUSED) == 60 * MS);
	rig_shut(g, fds[0]);
	rig_close(g);
}

static void a_line_carries_so_many_bytes_a_second(void **state)
{
	enum { ALL = 1000000 };
	static char out[ALL], in[ALL];
	struct rig *g = open_world(&rig, 0);
	int64_t began;
	struct rig_op r, w = { .completions = 1 };
	size_t sent = 0, got = 0;
	int fds[2];

	(void)state;
	two_hosts(g, fds);
	set_line(g, "10.0.0.1", "10.0.0.2", (struct awl__sim_line){ .bandwidth = ALL / 10 });
	began = now(g);
	while (got < ALL) {
		if (w.completions && sent < ALL) {
			start_send(g, &w, fds[0], out + sent, (uint32_t)(ALL - sent));
			if (w.completions)
				sent += (size_t)w.op.res;
			continue;
		}
		start_recv(g, &r, fds[1], in + got, (uint32_t)(ALL - got), 0);
		got += (size_t)rig_finish(g, &r);
		if (w.completions == 1 && sent < ALL && w.op.res > 0) {
			sent += (size_t)w.op.res;
			w.op.res = 0;
		}
	}
	assert_true(now(g) - began >= 10 * SEC - MS && now(g) - began <= 11 * SEC);
	shut_both(g, fds);
	rig_close(g);
}

static void the_line_that_is_named_most_exactly_counts(void **state)
{
	struct rig *g = open_world(&rig, 0);
	struct rig_op o;
	char buf[8];
	int fds[2];

	(void)state;
	two_hosts(g, fds);
	set_line(g, NULL, NULL, (struct awl__sim_line){ .latency = 1 * MS });
	set_line(g, "10.0.0.1", "10.0.0.2", (struct awl__sim_line){ .latency = 3 * MS });
	set_line(g, "10.0.0.1", NULL, (struct awl__sim_line){ .latency = 2 * MS });
	assert_int_equal(send_some(g, fds[0], "x", 1), 1);
	assert_true(taken(g, start_recv(g, &o, fds[1], buf, sizeof buf, 0), 1) == 3 * MS);
	shut_both(g, fds);
	two_hosts(g, fds);
	set_line(g, "10.0.0.1", "10.0.0.2", (struct awl__sim_line){ .latency = 0 });
	assert_int_equal(send_some(g, fds[1], "x", 1), 1);
	assert_true(taken(g, start_recv(g, &o, fds[0], buf, sizeof buf, 0), 1) == 0);
	shut_both(g, fds);
	rig_close(g);
}

static void unix_sockets_take_no_time(void **state)
{
	struct rig *g = open_world(&rig, 0);
	int64_t began = now(g);
	char buf[8];
	int fds[2];

	(void)state;
	set_line(g, NULL, NULL, (struct awl__sim_line){ .latency = SEC, .reset_in = 1 });
	connect_both(g, "/run/socket", fds);
	assert_int_equal(send_some(g, fds[0], "x", 1), 1);
	assert_int_equal(recv_some(g, fds[1], buf, sizeof buf), 1);
	assert_true(now(g) == began);
	shut_both(g, fds);
	rig_close(g);
}

/* --- silence --- */

static void a_connect_into_silence_times_out_after_two_minutes(void **state)
{
	struct rig *g = open_world(&rig, 0);
	struct address a = at("10.0.0.2:80");
	struct rig_op o;
	int l, c;

	(void)state;
	be(g, "10.0.0.2");
	l = new_listener(g, "0.0.0.0:80");
	be(g, "10.0.0.1");
	cut(g, "10.0.0.1", "10.0.0.2", true);
	c = new_socket(g, "10.0.0.1:1", SOCK_STREAM);
	assert_true(taken(g, start_connect(g, &o, c, &a), -ETIMEDOUT) == 127 * SEC);
	start_connect(g, &o, c, &a);
	assert_int_equal(rig_turn(g, now(g) + 20 * SEC), 0);
	cut(g, "10.0.0.2", "10.0.0.1", false);
	assert_int_equal(rig_finish(g, &o), 0); /* at its next attempt */
	shut_both(g, (int[]){ c, l });
	rig_close(g);
}

static void a_stream_stalls_in_silence_and_goes_on_when_it_ends(void **state)
{
	struct rig *g = open_world(&rig, 0);
	static char block[1 << 20], in[1 << 20];
	struct rig_op r, w;
	int fds[2];

	(void)state;
	for (int all = 0; all < 2; all++) {
		two_hosts(g, fds);
		cut(g, "10.0.0.1", all ? NULL : "10.0.0.2", true);
		assert_int_equal(send_some(g, fds[0], "in the buffer", 13), 13);
		start_recv(g, &r, fds[1], in, sizeof in, 0);
		assert_int_equal(rig_turn(g, now(g) + 3600 * SEC), 0);
		assert_int_equal(r.completions, 0);
		while (start_send(g, &w, fds[0], block, sizeof block)->completions)
			;
		assert_waits(g, &w);
		cut(g, "10.0.0.1", all ? NULL : "10.0.0.2", false);
		assert_true(rig_finish(g, &r) >= 13);
		assert_memory_equal(in, "in the buffer", 13);
		assert_true(rig_finish(g, &w) > 0);
		shut_both(g, fds);
	}
	rig_close(g);
}

static void datagrams_into_silence_are_lost(void **state)
{
	struct rig *g = open_world(&rig, 0);
	int a, b;

	(void)state;
	b = new_socket(g, "10.0.0.2:5", SOCK_DGRAM);
	assert_int_equal(bind_to(g, b, "10.0.0.2:5"), 0);
	be(g, "10.0.0.1");
	a = new_socket(g, "10.0.0.1:5", SOCK_DGRAM);
	assert_int_equal(connect_to(g, a, "10.0.0.2:5"), 0);
	cut(g, "10.0.0.1", "10.0.0.2", true);
	assert_int_equal(send_some(g, a, "lost", 4), 4);
	cut(g, "10.0.0.1", "10.0.0.2", false);
	assert_int_equal(poll_now(g, b, POLLIN), -EAGAIN);
	assert_int_equal(send_some(g, a, "there", 5), 5);
	assert_int_equal(poll_now(g, b, POLLIN), POLLIN);
	shut_both(g, (int[]){ a, b });
	rig_close(g);
}

/* --- faults --- */

static void datagrams_are_lost_doubled_and_overtaken_as_asked(void **state)
{
	enum { SENT = 2000 };
	struct rig *g = open_world(&rig, 0);
	unsigned got = 0, doubled = 0, overtaken = 0;
	uint16_t i, last = 0;
	bool seen[SENT] = { false };
	int a, b;

	(void)state;
	set_line(g, NULL, NULL,
		(struct awl__sim_line){
			.latency = MS, .loss_in = 10, .duplicate_in = 10, .reorder_in = 10 });
	b = new_socket(g, "10.0.0.2:5", SOCK_DGRAM);
	assert_int_equal(bind_to(g, b, "10.0.0.2:5"), 0);
	a = new_socket(g, "10.0.0.1:5", SOCK_DGRAM);
	assert_int_equal(connect_to(g, a, "10.0.0.2:5"), 0);
	for (i = 0; i < SENT; i++) {
		assert_int_equal(send_some(g, a, &i, sizeof i), sizeof i);
		awl__sim_advance(g->r, 100000);
	}
	rig_turn(g, now(g) + SEC);
	for (; poll_now(g, b, POLLIN) == POLLIN; got++) {
		assert_int_equal(recv_some(g, b, &i, sizeof i), sizeof i);
		assert_true(i < SENT);
		doubled += seen[i];
		seen[i] = true;
		overtaken += i < last;
		last = i;
	}
	assert_true(got - doubled > SENT * 8 / 10 && got - doubled < SENT * 95 / 100);
	assert_true(doubled > SENT / 20 && doubled < SENT / 5);
	assert_true(overtaken > SENT / 40);
	shut_both(g, (int[]){ a, b });
	rig_close(g);
}

static void a_reset_strikes_both_ends(void **state)
{
	struct rig *g = open_world(&rig, 0);
	char buf[8];
	int fds[2];

	(void)state;
	two_hosts(g, fds);
	set_line(g, NULL, NULL, (struct awl__sim_line){ .reset_in = 1 });
	assert_int_equal(send_some(g, fds[0], "x", 1), -ECONNRESET);
	set_line(g, NULL, NULL, (struct awl__sim_line){ 0 });
	assert_int_equal(send_some(g, fds[0], "x", 1), -EPIPE);
	assert_int_equal(recv_some(g, fds[1], buf, sizeof buf), -ECONNRESET);
	assert_int_equal(recv_some(g, fds[1], buf, sizeof buf), 0);
	shut_both(g, fds);
	rig_close(g);
}

static void the_kernels_own_faults_come_as_asked(void **state)
{
	struct rig *g = open_world(&rig, 0);
	struct awl__op op = { .kind = AWL__OP_RECV };
	char buf[64] = "";
	int fds[2], again = 0, shorter = 0;

	(void)state;
	two_hosts(g, fds);
	op.fd = fds[1];
	op.u.sock.buf = buf;
	op.u.sock.len = sizeof buf;
	assert_int_equal(awl__sim_set_faults(g->r, &(struct awl__sim_faults){ .nobufs_in = 1 }), 0);
	assert_int_equal(send_some(g, fds[0], "x", 1), -ENOBUFS);
	assert_int_equal(awl__sim_set_faults(g->r, &(struct awl__sim_faults){ .nfile_in = 1 }), 0);
	assert_int_equal(net(g)->socket(g->r, AF_INET, SOCK_STREAM, 0), -ENFILE);
	assert_int_equal(awl__sim_set_faults(g->r, &(struct awl__sim_faults){ .again_in = 2 }), 0);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(send_some(g, fds[0], "x", 1), 1);
		assert_int_equal(poll_now(g, fds[1], POLLIN) != 0, 1);
		while (awl__reactor_try(g->r, &op) == -EAGAIN)
			again++;
	}
	assert_true(again > 50 && again < 200);
	assert_int_equal(awl__sim_set_faults(g->r, &(struct awl__sim_faults){ .short_in = 2 }), 0);
	for (int i = 0; i < 100; i++)
		shorter += send_some(g, fds[0], buf, sizeof buf) < (int)sizeof buf;
	assert_true(shorter > 30 && shorter < 70);
	shut_both(g, fds);
	rig_close(g);
}

static void no_more_numbers_than_the_limit(void **state)
{
	struct rig *g = open_world(&rig, 0);
	int fds[2], l, c;

	(void)state;
	l = new_listener(g, "127.0.0.1:80");
	c = new_client(g, "127.0.0.1:80");
	assert_int_equal(awl__sim_set_limit(g->r, 3), 0);
	assert_int_equal(awl__sim_pipe(g->r, fds), -EMFILE);
	assert_int_equal(net(g)->pair(g->r, AF_UNIX, SOCK_STREAM, fds), -EMFILE);
	fds[0] = new_socket(g, "/x", SOCK_STREAM);
	assert_int_equal(net(g)->socket(g->r, AF_INET, SOCK_STREAM, 0), -EMFILE);
	assert_int_equal(accept_one(g, l), -EMFILE);
	assert_int_equal(poll_now(g, l, POLLIN), POLLIN); /* who waits there waits on */
	rig_shut(g, fds[0]);
	fds[0] = made(accept_one(g, l));
	rig_put(g, c, "x");
	rig_expect(g, fds[0], "x");
	shut_both(g, (int[]){ l, c });
	rig_shut(g, fds[0]);
	rig_close(g);
}

/* --- names --- */

static void a_name_has_the_addresses_it_was_given(void **state)
{
	struct rig *g = open_world(&rig, 0);
	struct sockaddr_storage two[2] = { at("10.0.0.1:0").ss, at("[fe80::1]:0").ss };
	struct awl__sim_host h = { .delay = 5, .count = 2, .addresses = two };
	const struct awl__sim_host *found;

	(void)state;
	assert_null(awl__sim_lookup(g->r, "example.com"));
	assert_int_equal(awl__sim_set_name(g->r, "example.com", &h), 0);
	found = awl__sim_lookup(g->r, "Example.COM");
	assert_int_equal(found->count, 2);
	assert_true(found->delay == 5);
	assert_memory_equal(found->addresses, two, sizeof two);
	h = (struct awl__sim_host){ .error = -2 };
	assert_int_equal(awl__sim_set_name(g->r, "example.com", &h), 0);
	assert_int_equal(awl__sim_lookup(g->r, "example.com")->error, -2);
	rig_close(g);
}

/* --- any schedule --- */

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
	struct rig *g = open_world(&rig, seed);
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

	(void)state;
	whole = 0;
	for (uint64_t seed = 0; seed < runs; seed++)
		assert_true(any_run(seed) == any_run(seed));
	assert_true(whole > runs / 2);
}

/* --- without memory --- */

static unsigned made_so_far, fails_at;

static int fault(void)
{
	return ++made_so_far == fails_at;
}

/* Every call and operation once; a refusal for want of memory ends it. */
static int32_t some_of_everything(struct rig *g)
{
	int fds[6] = { -1, -1, -1, -1, -1, -1 };
	struct address a = at("127.0.0.1:80");
	struct awl__op op = { .kind = AWL__OP_CONNECT };
	int32_t r;

	r = fds[0] = net(g)->socket(g->r, AF_INET, SOCK_STREAM, 0);
	if (r >= 0)
		r = bind_to(g, fds[0], "127.0.0.1:80");
	if (r >= 0)
		r = net(g)->listen(g->r, fds[0], 4);
	if (r >= 0)
		r = fds[1] = net(g)->socket(g->r, AF_INET, SOCK_STREAM, 0);
	if (r >= 0) {
		op.fd = fds[1];
		op.u.connect.addr = (struct sockaddr *)&a.ss;
		op.u.connect.len = a.len;
		while ((r = awl__reactor_try(g->r, &op)) == -EINPROGRESS)
			rig_turn(g, now(g) + SEC);
	}
	if (r >= 0) {
		op = (struct awl__op){ .kind = AWL__OP_ACCEPT, .fd = fds[0] };
		r = fds[2] = awl__reactor_try(g->r, &op);
	}
	if (r >= 0) {
		op = (struct awl__op){ .kind = AWL__OP_SEND, .fd = fds[1] };
		op.u.sock.buf = "x";
		op.u.sock.len = 1;
		r = awl__reactor_try(g->r, &op);
	}
	if (r >= 0)
		r = net(g)->pair(g->r, AF_UNIX, SOCK_DGRAM, fds + 3);
	if (r >= 0) {
		op.fd = fds[3];
		r = awl__reactor_try(g->r, &op);
	}
	if (r >= 0)
		r = fds[5] = net(g)->socket(g->r, AF_INET, SOCK_DGRAM, 0);
	if (r >= 0) {
		op = (struct awl__op){ .kind = AWL__OP_CONNECT, .fd = fds[5] };
		op.u.connect.addr = (struct sockaddr *)&a.ss;
		op.u.connect.len = a.len;
		r = awl__reactor_try(g->r, &op);
	}
	if (r >= 0) {
		op = (struct awl__op){ .kind = AWL__OP_SEND, .fd = fds[5] };
		op.u.sock.buf = "x";
		op.u.sock.len = 1;
		r = awl__reactor_try(g->r, &op);
	}
	for (int i = 0; i < 6; i++)
		if (fds[i] >= 0)
			rig_shut(g, fds[i]);
	return r;
}

static void each_allocation_in_turn_can_fail(void **state)
{
	int refused = 0;
	int32_t r;

	(void)state;
	for (fails_at = 1;; fails_at++) {
		struct rig *g = open_world(&rig, 0);

		made_so_far = 0;
		atomic_store(&awl__alloc_fault, fault);
		r = some_of_everything(g);
		atomic_store(&awl__alloc_fault, NULL);
		rig_close(g);
		assert_true(r >= 0 || r == -ENOMEM);
		refused += r == -ENOMEM;
		if (made_so_far < fails_at)
			break;
	}
	assert_true(r >= 0 && refused > 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_address_is_a_host),
		cmocka_unit_test(a_connect_takes_one_way_and_back_and_bytes_one_way),
		cmocka_unit_test(a_line_carries_so_many_bytes_a_second),
		cmocka_unit_test(the_line_that_is_named_most_exactly_counts),
		cmocka_unit_test(unix_sockets_take_no_time),
		cmocka_unit_test(a_connect_into_silence_times_out_after_two_minutes),
		cmocka_unit_test(a_stream_stalls_in_silence_and_goes_on_when_it_ends),
		cmocka_unit_test(datagrams_into_silence_are_lost),
		cmocka_unit_test(datagrams_are_lost_doubled_and_overtaken_as_asked),
		cmocka_unit_test(a_reset_strikes_both_ends),
		cmocka_unit_test(the_kernels_own_faults_come_as_asked),
		cmocka_unit_test(no_more_numbers_than_the_limit),
		cmocka_unit_test(a_name_has_the_addresses_it_was_given),
		cmocka_unit_test(bytes_arrive_in_order_and_whole_or_the_error_is_told),
		cmocka_unit_test(each_allocation_in_turn_can_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
