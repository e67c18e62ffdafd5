/* SPDX-License-Identifier: MIT */
/*
 * test_sim_faults.c - what goes wrong in the simulated network as it is asked for: datagrams lost
 * and doubled, resets, the kernel's own faults, and memory. @valgrind
 */
#include "reactor/sim_hosts.h"
#include "base/alloc.h"

static void datagrams_are_lost_doubled_and_overtaken_as_asked(void **state)
{
	enum { SENT = 2000 };
	struct rig *g = *state;
	unsigned got = 0, doubled = 0, overtaken = 0;
	uint16_t i, last = 0;
	bool seen[SENT] = { false };
	int a, b;

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
}

static void a_reset_strikes_both_ends(void **state)
{
	struct rig *g = *state;
	char buf[8];
	int fds[2];

	two_hosts(g, fds);
	set_line(g, NULL, NULL, (struct awl__sim_line){ .reset_in = 1 });
	assert_int_equal(send_some(g, fds[0], "x", 1), -ECONNRESET);
	set_line(g, NULL, NULL, (struct awl__sim_line){ 0 });
	assert_int_equal(send_some(g, fds[0], "x", 1), -EPIPE);
	assert_int_equal(recv_some(g, fds[1], buf, sizeof buf), -ECONNRESET);
	assert_int_equal(recv_some(g, fds[1], buf, sizeof buf), 0);
	shut_both(g, fds);
}

static void the_kernels_own_faults_come_as_asked(void **state)
{
	struct rig *g = *state;
	struct awl__op op = { .kind = AWL__OP_RECV };
	char buf[64] = "";
	int fds[2], again = 0, shorter = 0;

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
}

static void no_more_numbers_than_the_limit(void **state)
{
	struct rig *g = *state;
	int fds[2], l, c;

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

	for (fails_at = 1;; fails_at++) {
		struct rig *g = rig_open_sim(0);

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
		IN_WORLD(datagrams_are_lost_doubled_and_overtaken_as_asked),
		IN_WORLD(a_reset_strikes_both_ends),
		IN_WORLD(the_kernels_own_faults_come_as_asked),
		IN_WORLD(no_more_numbers_than_the_limit),
		cmocka_unit_test(each_allocation_in_turn_can_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
