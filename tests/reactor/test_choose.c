/* SPDX-License-Identifier: MIT */
/*
 * test_choose.c - which reactor one gets: by name, by environment, by what the kernel refuses. What
 * a kernel lacks is shown by a seccomp filter in a child, and flags by a setup of our own.
 */
#include "reactor/rig.h"
#include "reactor/refuse.h"
#include "reactor/sigpipe.h"
#include "reactor/uring_setup.h"

#include <awl/errors.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>

static bool has_uring;

static void named(void **state)
{
	static const char *const names[] = { "uring", "epoll", "sim" };
	struct awl__reactor *r;

	(void)state;
	for (size_t i = has_uring ? 0 : 1; i < COUNT(names); i++) {
		assert_int_equal(awl__reactor_new(names[i], 0, &r), 0);
		assert_string_equal(r->class->name, names[i]);
		awl__reactor_free(r);
		setenv("AWL_REACTOR", names[i], 1);
		assert_int_equal(awl__reactor_new(NULL, 0, &r), 0);
		assert_string_equal(r->class->name, names[i]);
		awl__reactor_free(r);
		unsetenv("AWL_REACTOR");
	}
}

static void a_wrong_name_is_an_error_that_lists_the_right_ones(void **state)
{
	struct awl__reactor *r = NULL;

	(void)state;
	assert_int_equal(awl__reactor_new("foo", 0, &r), -EINVAL);
	assert_string_equal(
		awl_error_detail(-EINVAL), "foo: no such reactor; there are uring, epoll, sim");
	setenv("AWL_REACTOR", "io_uring", 1);
	assert_int_equal(awl__reactor_new(NULL, 0, &r), -EINVAL);
	assert_string_equal(awl_error_detail(-EINVAL),
		"AWL_REACTOR=io_uring: no such reactor; there are uring, epoll, sim");
	assert_null(r);
	unsetenv("AWL_REACTOR");
}

static void an_empty_name_in_the_environment_is_none(void **state)
{
	struct awl__reactor *r;

	(void)state;
	setenv("AWL_REACTOR", "", 1);
	assert_int_equal(awl__reactor_new(NULL, 0, &r), 0);
	awl__reactor_free(r);
	unsetenv("AWL_REACTOR");
}

/* --- the ladder --- */

static unsigned refused_flags, tries;
static int refusal;
static unsigned last_flags;
static int last_ring;
static size_t last_size;

static int fake_setup(unsigned entries, struct io_uring_params *p)
{
	tries++;
	last_flags = p->flags;
	if (refusal || (p->flags & refused_flags))
		return refusal ? refusal : -EINVAL;
	last_ring = io_uring_setup(entries, p);
	last_size = p->sq_entries * sizeof(struct io_uring_sqe);
	return last_ring;
}

static int new_uring(unsigned flags, int err, struct awl__reactor **r)
{
	int (*real)(unsigned, struct io_uring_params *) = awl__ring_setup;
	int res;

	refused_flags = flags;
	refusal = err;
	tries = 0;
	awl__ring_setup = fake_setup;
	res = awl__reactor_new("uring", 0, r);
	awl__ring_setup = real;
	return res;
}

static void a_flag_the_kernel_does_not_know_is_one_rung_down(void **state)
{
	static const struct {
		unsigned refused, rung, with, without;
	} steps[] = {
		{ IORING_SETUP_NO_SQARRAY, 2, IORING_SETUP_DEFER_TASKRUN, IORING_SETUP_NO_SQARRAY },
		{ IORING_SETUP_DEFER_TASKRUN, 3, IORING_SETUP_COOP_TASKRUN,
			IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN },
		{ IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_COOP_TASKRUN, 4, 0, ~0u },
	};
	struct awl__reactor *r;

	(void)state;
	if (!has_uring)
		skip();
	for (size_t i = 0; i < COUNT(steps); i++) {
		assert_int_equal(new_uring(steps[i].refused, 0, &r), 0);
		assert_int_equal(tries, steps[i].rung);
		assert_int_equal(last_flags & steps[i].with, steps[i].with);
		assert_int_equal(last_flags & steps[i].without, 0);
		awl__reactor_free(r);
	}
}

static void any_other_refusal_ends_the_ladder(void **state)
{
	static const int errors[] = { -ENOSYS, -EPERM, -ENOMEM, -EMFILE };
	struct awl__reactor *r = NULL;

	(void)state;
	for (size_t i = 0; i < COUNT(errors); i++) {
		assert_int_equal(new_uring(0, errors[i], &r), errors[i]);
		assert_int_equal(tries, 1);
		assert_non_null(strstr(awl_error_detail(errors[i]), awl_strerror(errors[i])));
	}
	assert_int_equal(new_uring(0, -EINVAL, &r), -EINVAL);
	assert_int_equal(tries, 4);
	assert_null(r);
}

static int lacking_features(unsigned entries, struct io_uring_params *p)
{
	int fd = io_uring_setup(entries, p);

	p->features &= ~IORING_FEAT_EXT_ARG;
	return fd;
}

/* No ring is made, and epoll is chosen in its place. */
static void assert_no_ring(void)
{
	struct awl__reactor *r = NULL;

	assert_int_equal(awl__reactor_new("uring", 0, &r), -ENOSYS);
	assert_non_null(strstr(awl_error_detail(-ENOSYS), "too old"));
	assert_int_equal(awl__reactor_new(NULL, 0, &r), 0);
	assert_string_equal(r->class->name, "epoll");
	awl__reactor_free(r);
}

static void a_ring_that_lacks_what_is_needed_is_none(void **state)
{
	int (*real)(unsigned, struct io_uring_params *) = awl__ring_setup;
	int fd = dup(0), again;

	(void)state;
	if (!has_uring)
		skip();
	close(fd);
	awl__ring_setup = lacking_features;
	assert_no_ring();
	awl__ring_setup = real;
	again = dup(0);
	assert_int_equal(again, fd);
	close(again);
}

/* In the place of liburing's: what the kernel can do, but for one thing. */
static int lacking = -1;

int io_uring_register_probe(struct io_uring *ring, struct io_uring_probe *p, unsigned count)
{
	int err = io_uring_register((unsigned)ring->ring_fd, IORING_REGISTER_PROBE, p, count);

	if (err >= 0 && lacking >= 0)
		p->ops[lacking].flags = 0;
	return err;
}

static void a_ring_that_lacks_an_operation_is_none(void **state)
{
	static const int all[] = { IORING_OP_POLL_ADD, IORING_OP_READ, IORING_OP_WRITE,
		IORING_OP_RECV, IORING_OP_SEND, IORING_OP_RECVMSG, IORING_OP_SENDMSG,
		IORING_OP_ACCEPT, IORING_OP_CONNECT, IORING_OP_ASYNC_CANCEL };
	struct awl__reactor *r = NULL;
	int fd = dup(0), again;

	(void)state;
	if (!has_uring)
		skip();
	close(fd);
	for (size_t i = 0; i < COUNT(all); i++) {
		lacking = all[i];
		assert_no_ring();
	}
	lacking = IORING_OP_OPENAT; /* and what is not needed may be lacking */
	assert_int_equal(awl__reactor_new("uring", 0, &r), 0);
	awl__reactor_free(r);
	lacking = -1;
	again = dup(0);
	assert_int_equal(again, fd);
	close(again);
}

static void finished(struct awl__op *op)
{
	(void)op;
}

/* What a receive that is to be late asks of the kernel; older ones refuse what they do not know. */
static uint16_t asked_of(unsigned flags)
{
	struct awl__op op = { .kind = AWL__OP_RECV, .fd = -1, .later = true, .done = finished };
	struct io_uring_sqe *sqe;
	struct awl__reactor *r;
	uint16_t asked;

	assert_int_equal(new_uring(flags, 0, &r), 0);
	assert_int_equal(awl__reactor_bind(r), 0);
	sqe = mmap(NULL, last_size, PROT_READ, MAP_SHARED, last_ring, IORING_OFF_SQES);
	assert_true(sqe != MAP_FAILED);
	assert_int_equal(awl__reactor_submit(r, &op), 0);
	assert_int_equal(sqe->opcode, IORING_OP_RECV);
	asked = sqe->ioprio;
	munmap(sqe, last_size);
	while (op.state != AWL__OP_IDLE)
		assert_true(awl__reactor_wait(r, INT64_MAX) >= 0);
	assert_int_equal(op.res, -EBADF);
	awl__reactor_free(r);
	return asked;
}

static void a_kernel_is_not_asked_for_what_it_does_not_know(void **state)
{
	(void)state;
	if (!has_uring)
		skip();
	assert_int_equal(asked_of(0), IORING_RECVSEND_POLL_FIRST);
	assert_int_equal(asked_of(IORING_SETUP_DEFER_TASKRUN), IORING_RECVSEND_POLL_FIRST);
	assert_int_equal(asked_of(IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_COOP_TASKRUN), 0);
}

/* --- kernels that refuse calls --- */

struct refusal {
	long call;
	int err;
};

static int falls_back_to_epoll(void *arg)
{
	const struct refusal *f = arg;
	struct awl__reactor *r;

	if (refuse(f->call, f->err) < 0)
		return 3;
	if (awl__reactor_new("uring", 0, &r) != -f->err)
		return 1;
	if (awl__reactor_new(NULL, 0, &r) < 0 || strcmp(r->class->name, "epoll") != 0)
		return 2;
	awl__reactor_free(r);
	return 0;
}

static void a_kernel_without_io_uring_gets_epoll(void **state)
{
	static const int errors[] = { EPERM, ENOSYS, ENOMEM, EINVAL };

	(void)state;
	for (size_t i = 0; i < COUNT(errors); i++) {
		struct refusal f = { SYS_io_uring_setup, errors[i] };

		assert_int_equal(in_child(falls_back_to_epoll, &f), 0);
	}
}

/* The whole of a reactor's work, in a child that may do no cmocka: 0, or the line that failed. */
#define CHECK(x) \
	do { \
		if (!(x)) \
			return __LINE__ & 0x7f ? __LINE__ & 0x7f : 1; \
	} while (0)

static int run(struct awl__reactor *r, struct awl__op *op)
{
	int how;

	op->done = finished;
	how = awl__reactor_submit(r, op);
	while (how >= 0 && op->state != AWL__OP_IDLE)
		how = awl__reactor_wait(r, INT64_MAX);
	return how < 0 ? how : op->res;
}

static int lives_without(void *arg)
{
	const struct refusal *f = arg;
	struct awl__op w = { .kind = AWL__OP_WRITE, .u.rw = { (char[]){ "x" }, 1, -1 } }, rd = w;
	struct awl__reactor *r;
	char buf[4] = "";
	int fds[2], flags;
	int64_t deadline;

	atomic_store(&awl__nosignal_known, 0);
	if (refuse(f->call, f->err) < 0)
		return 127;
	CHECK(awl__reactor_new("epoll", 0, &r) == 0 && awl__reactor_bind(r) == 0);
	for (int64_t span = 1; span < 4000000; span *= 7) {
		deadline = awl__reactor_now(r) + span;
		while (awl__reactor_now(r) < deadline)
			CHECK(awl__reactor_wait(r, deadline) == 0);
	}
	CHECK(pipe(fds) == 0);
	flags = fcntl(fds[0], F_GETFL);
	w.fd = fds[1];
	rd.fd = fds[0];
	rd.kind = AWL__OP_READ;
	rd.u.rw.buf = buf;
	rd.u.rw.len = 4;
	CHECK(run(r, &w) == 1);
	CHECK(run(r, &rd) == 1 && buf[0] == 'x');
	rd.done = finished;
	CHECK(awl__reactor_submit(r, &rd) == 0); /* an empty pipe does not block the thread */
	CHECK(awl__reactor_wait(r, 0) == 0);
	CHECK(run(r, &w) == 1);
	while (rd.state != AWL__OP_IDLE)
		CHECK(awl__reactor_wait(r, INT64_MAX) >= 0);
	CHECK(rd.res == 1 && fcntl(fds[0], F_GETFL) == flags);
	close(fds[0]);
	CHECK(run(r, &w) == -EPIPE);
	awl__reactor_free(r);
	return 0;
}

/* An echo between two owned sockets, with whichever calls it can be made. */
static int echoes_without(void *arg)
{
	const struct refusal *f = arg;
	struct awl__op s = { .kind = AWL__OP_WRITE, .u.rw = { (char[]){ "ping" }, 4, -1 } };
	struct awl__op r = { .kind = AWL__OP_READ, .u.rw = { (char[4]){ 0 }, 4, -1 } };
	struct awl__reactor *reactor;
	int fds[2];

	atomic_store(&awl__nosignal_known, 0);
	if (refuse(f->call, f->err) < 0)
		return 127;
	CHECK(awl__reactor_new("epoll", 0, &reactor) == 0 && awl__reactor_bind(reactor) == 0);
	CHECK(reactor->class->net->pair(reactor, AF_UNIX, SOCK_STREAM, fds) == 0);
	for (int i = 0; i < 2; i++)
		CHECK(awl__reactor_own(reactor, fds[i]) == 0);
	for (int i = 0; i < 4; i++) {
		s.fd = fds[i % 2];
		r.fd = fds[1 - i % 2];
		r.done = finished;
		CHECK(awl__reactor_submit(reactor, &r) ==
			0); /* it waits, and the thread does not */
		CHECK(awl__reactor_wait(reactor, 0) == 0);
		CHECK(run(reactor, &s) == 4);
		while (r.state != AWL__OP_IDLE)
			CHECK(awl__reactor_wait(reactor, INT64_MAX) >= 0);
		CHECK(r.res == 4 && memcmp(r.u.rw.buf, "ping", 4) == 0);
	}
	for (int i = 0; i < 2; i++) {
		awl__reactor_disown(reactor, fds[i]);
		close(fds[i]);
	}
	awl__reactor_free(reactor);
	return 0;
}

/* What a filter refuses is the operation's result: once, and the reactor goes on. */
static int tells_what_is_refused(void *arg)
{
	static const struct {
		long call;
		uint8_t kind;
	} calls[] = {
		{ SYS_recvfrom, AWL__OP_RECV },
		{ SYS_sendto, AWL__OP_SEND },
		{ SYS_recvmsg, AWL__OP_RECVMSG },
		{ SYS_sendmsg, AWL__OP_SENDMSG },
		{ SYS_accept4, AWL__OP_ACCEPT },
		{ SYS_connect, AWL__OP_CONNECT },
	};
	struct msghdr m = { 0 };
	struct awl__reactor *r;
	int fd;

	(void)arg;
	CHECK(awl__reactor_new("epoll", 0, &r) == 0 && awl__reactor_bind(r) == 0);
	CHECK((fd = r->class->net->socket(r, AF_INET, SOCK_DGRAM, 0)) >= 0);
	for (size_t i = 0; i < COUNT(calls); i++) {
		struct awl__op op = { .kind = calls[i].kind, .fd = fd };

		if (calls[i].kind == AWL__OP_RECVMSG || calls[i].kind == AWL__OP_SENDMSG)
			op.u.msg.hdr = &m;
		if (refuse(calls[i].call, EPERM) < 0)
			return 127;
		CHECK(run(r, &op) == -EPERM);
		CHECK(awl__reactor_own(r, fd) == 0);
		CHECK(run(r, &op) == -EPERM);
		awl__reactor_disown(r, fd);
		CHECK(r->in_flight == 0);
	}
	close(fd);
	awl__reactor_free(r);
	return 0;
}

static void a_refused_call_is_a_result(void **state)
{
	(void)state;
	assert_int_equal(in_child(tells_what_is_refused, NULL), 0);
}

static void sockets_live_without_what_newer_kernels_have(void **state)
{
	static const struct refusal missing[] = {
		{ SYS_preadv2, ENOSYS }, { SYS_preadv2, EPERM }, { SYS_pwritev2, ENOSYS },
		{ SYS_pwritev2, EPERM }, { SYS_epoll_pwait2, ENOSYS },
		{ SYS_getsockopt, EPERM }, /* what it is stays unknown */
	};

	(void)state;
	for (size_t i = 0; i < COUNT(missing); i++)
		assert_int_equal(in_child(echoes_without, (void *)(uintptr_t)&missing[i]), 0);
}

static void epoll_lives_without_what_newer_kernels_have(void **state)
{
	static const struct refusal lacks[] = {
		{ SYS_epoll_pwait2, ENOSYS },
		{ SYS_epoll_pwait2, EPERM },
		{ SYS_preadv2, ENOSYS },
		{ SYS_preadv2, EPERM },
		{ SYS_pwritev2, ENOSYS },
		{ SYS_pwritev2, EPERM },
		{ SYS_io_uring_setup, ENOSYS },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(lacks); i++)
		assert_int_equal(in_child(lives_without, (void *)(uintptr_t)&lacks[i]), 0);
}

int main(void)
{
	struct awl__reactor *r;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(named),
		cmocka_unit_test(a_wrong_name_is_an_error_that_lists_the_right_ones),
		cmocka_unit_test(an_empty_name_in_the_environment_is_none),
		cmocka_unit_test(a_flag_the_kernel_does_not_know_is_one_rung_down),
		cmocka_unit_test(any_other_refusal_ends_the_ladder),
		cmocka_unit_test(a_ring_that_lacks_what_is_needed_is_none),
		cmocka_unit_test(a_ring_that_lacks_an_operation_is_none),
		cmocka_unit_test(a_kernel_is_not_asked_for_what_it_does_not_know),
		cmocka_unit_test(a_kernel_without_io_uring_gets_epoll),
		cmocka_unit_test(epoll_lives_without_what_newer_kernels_have),
		cmocka_unit_test(sockets_live_without_what_newer_kernels_have),
		cmocka_unit_test(a_refused_call_is_a_result),
	};

	unsetenv("AWL_REACTOR");
	has_uring = awl__reactor_new("uring", 0, &r) == 0;
	if (has_uring)
		awl__reactor_free(r);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
