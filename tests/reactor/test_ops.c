/* SPDX-License-Identifier: MIT */
/*
 * test_ops.c - read, write and poll on every reactor: one completion each, the right one, and
 * nothing of the descriptor changed. @reactors @thread @valgrind
 */
#include "reactor/rig.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static void a_read_gets_what_was_written(struct rig *g)
{
	int fds[2];

	for (enum rig_kind kind = RIG_PIPE; kind < rig_kinds(g); kind++) {
		rig_pair(g, kind, fds);
		rig_put(g, fds[1], "hello");
		rig_expect(g, fds[0], "hello");
		rig_shut(g, fds[0]);
		rig_shut(g, fds[1]);
	}
}

static void a_read_waits_for_its_bytes(struct rig *g)
{
	struct rig_op r;
	char buf[8] = "";
	int fds[2];

	rig_pair(g, RIG_PIPE, fds);
	rig_read(g, &r, fds[0], buf, sizeof buf);
	rig_settle(g);
	assert_int_equal(r.completions, 0);
	rig_put(g, fds[1], "x");
	assert_int_equal(rig_finish(g, &r), 1);
	assert_int_equal(buf[0], 'x');
	rig_settle(g);
	assert_int_equal(r.completions, 1);
	rig_shut(g, fds[0]);
	rig_shut(g, fds[1]);
}

static void the_end_of_the_file_is_zero_bytes(struct rig *g)
{
	struct rig_op r;
	char buf[8];
	int fds[2];

	rig_pair(g, RIG_PIPE, fds);
	rig_read(g, &r, fds[0], buf, sizeof buf);
	rig_settle(g);
	rig_shut(g, fds[1]);
	assert_int_equal(rig_finish(g, &r), 0);
	rig_read(g, &r, fds[0], buf, sizeof buf);
	assert_int_equal(rig_finish(g, &r), 0);
	rig_shut(g, fds[0]);
}

static void a_write_waits_for_room(struct rig *g)
{
	static char block[1 << 18];
	struct rig_op w, r;
	size_t written = 0, read = 0;
	int fds[2];

	rig_pair(g, RIG_PIPE, fds);
	for (; written < 65536; written += (size_t)w.op.res) {
		rig_write(g, &w, fds[1], block, 4096);
		assert_true(rig_finish(g, &w) > 0);
	}
	rig_write(g, &w, fds[1], block, 4096);
	rig_settle(g);
	assert_int_equal(w.completions, 0);
	while (w.completions == 0) {
		rig_read(g, &r, fds[0], block + 4096, 60000);
		assert_true(rig_finish(g, &r) > 0);
		read += (size_t)r.op.res;
		rig_settle(g);
	}
	assert_true(w.op.res > 0);
	written += (size_t)w.op.res;
	rig_shut(g, fds[1]);
	do {
		rig_read(g, &r, fds[0], block, sizeof block);
		read += (size_t)rig_finish(g, &r);
	} while (r.op.res > 0);
	assert_int_equal(read, written);
	rig_shut(g, fds[0]);
}

static void bytes_keep_their_order(struct rig *g)
{
	enum { ALL = 300000 };
	static unsigned char out[ALL], in[ALL];
	size_t sent = 0, got = 0;
	struct rig_op r, w;
	int fds[2];

	for (size_t i = 0; i < ALL; i++)
		out[i] = (unsigned char)(i * 7 + i / 251);
	rig_pair(g, RIG_PIPE, fds);
	r.completions = w.completions = 1;
	r.op.res = w.op.res = 0;
	while (got < ALL) {
		if (w.completions && (sent += (size_t)w.op.res) < ALL)
			rig_write(g, &w, fds[1], out + sent, (uint32_t)(ALL - sent));
		else
			w.op.res = 0;
		if (r.completions && (got += (size_t)r.op.res) < ALL)
			rig_read(g, &r, fds[0], in + got, 5000);
		if (!r.completions || (!w.completions && sent < ALL))
			assert_true(rig_turn(g, INT64_MAX) >= 0);
		assert_true(!r.completions || r.op.res > 0);
	}
	assert_memory_equal(in, out, ALL);
	rig_shut(g, fds[0]);
	rig_shut(g, fds[1]);
}

static void a_poll_tells_the_events_that_came(struct rig *g)
{
	struct rig_op in, out;
	int fds[2];

	rig_pair(g, RIG_PIPE, fds);
	rig_poll(g, &in, fds[0], POLLIN);
	rig_poll(g, &out, fds[1], POLLOUT);
	assert_int_equal(rig_finish(g, &out), POLLOUT);
	rig_settle(g);
	assert_int_equal(in.completions, 0);
	rig_put(g, fds[1], "x");
	assert_int_equal(rig_finish(g, &in), POLLIN);
	rig_shut(g, fds[1]);
	rig_expect(g, fds[0], "x");
	rig_poll(g, &in, fds[0], POLLIN);
	assert_int_equal(rig_finish(g, &in) & POLLHUP, POLLHUP);
	rig_shut(g, fds[0]);
}

static void two_polls_on_one_descriptor_both_complete(struct rig *g)
{
	struct rig_op p[3];
	int fds[2];

	rig_pair(g, RIG_PIPE, fds);
	for (int i = 0; i < 3; i++)
		rig_poll(g, &p[i], fds[0], POLLIN);
	rig_settle(g);
	rig_put(g, fds[1], "x");
	for (int i = 0; i < 3; i++)
		assert_int_equal(rig_finish(g, &p[i]), POLLIN);
	rig_expect(g, fds[0], "x");
	rig_shut(g, fds[0]);
	rig_shut(g, fds[1]);
}

static void a_hang_up_wakes_readers_and_polls_alike(struct rig *g)
{
	struct rig_op r, p, q;
	char buf[4];
	int fds[2];

	rig_pair(g, RIG_PIPE, fds);
	rig_read(g, &r, fds[0], buf, sizeof buf);
	rig_poll(g, &p, fds[0], POLLIN);
	rig_poll(g, &q, fds[0], 0);
	rig_settle(g);
	assert_int_equal(r.completions + p.completions + q.completions, 0);
	rig_shut(g, fds[1]);
	assert_int_equal(rig_finish(g, &r), 0);
	assert_int_equal(rig_finish(g, &p) & POLLHUP, POLLHUP);
	assert_int_equal(rig_finish(g, &q), POLLHUP);
	rig_shut(g, fds[0]);
}

static void reads_of_one_descriptor_share_the_bytes(struct rig *g)
{
	struct rig_op r[4];
	char buf[4] = { 0 };
	int fds[2], sum = 0;

	rig_pair(g, RIG_PIPE, fds);
	for (int i = 0; i < 4; i++)
		rig_read(g, &r[i], fds[0], &buf[i], 1);
	rig_settle(g);
	rig_put(g, fds[1], "\1\2\4\10");
	for (int i = 0; i < 4; i++) {
		assert_int_equal(rig_finish(g, &r[i]), 1);
		sum += buf[i];
		if (!rig_is(g, "uring"))
			assert_int_equal(buf[i], 1 << i);
	}
	assert_int_equal(sum, 15);
	rig_shut(g, fds[0]);
	rig_shut(g, fds[1]);
}

static void a_bad_descriptor_is_a_result(struct rig *g)
{
	struct rig_op o;
	char buf[4] = "";
	int fds[2], never = rig_is(g, "sim") ? INT32_MAX : 19999;

	rig_read(g, &o, -1, buf, sizeof buf);
	assert_int_equal(rig_finish(g, &o), -EBADF);
	rig_read(g, &o, INT32_MAX, buf, sizeof buf);
	assert_int_equal(rig_finish(g, &o), -EBADF);
	rig_write(g, &o, never, buf, sizeof buf);
	assert_int_equal(rig_finish(g, &o), -EBADF);
	rig_poll(g, &o, never, POLLIN);
	assert_int_equal(rig_finish(g, &o), -EBADF);
	rig_pair(g, RIG_PIPE, fds);
	rig_write(g, &o, fds[0], buf, sizeof buf);
	assert_int_equal(rig_finish(g, &o), -EBADF);
	rig_read(g, &o, fds[1], buf, sizeof buf);
	assert_int_equal(rig_finish(g, &o), -EBADF);
	rig_shut(g, fds[0]);
	rig_shut(g, fds[1]);
	rig_read(g, &o, fds[0], buf, sizeof buf);
	assert_int_equal(rig_finish(g, &o), -EBADF);
}

/* --- broken pipes --- */

static volatile sig_atomic_t sigpipes;

static void on_sigpipe(int sig)
{
	(void)sig;
	sigpipes++;
}

static bool sigpipe_is_pending(void)
{
	sigset_t set;

	sigpending(&set);
	return sigismember(&set, SIGPIPE) == 1;
}

static void break_pipe(struct rig *g, enum rig_kind kind, bool parked)
{
	static const char block[1 << 20];
	struct rig_op w;
	int fds[2];

	rig_pair(g, kind, fds);
	while (parked) {
		rig_write(g, &w, fds[1], block, sizeof block);
		rig_settle(g);
		if (w.completions == 0)
			break;
	}
	rig_shut(g, fds[0]);
	if (!parked)
		rig_write(g, &w, fds[1], "x", 1);
	/* A write that had begun may count what went in before. */
	if (rig_finish(g, &w) > 0) {
		rig_write(g, &w, fds[1], "x", 1);
		rig_finish(g, &w);
	}
	assert_int_equal(w.op.res, -EPIPE);
	rig_shut(g, fds[1]);
}

static void a_broken_pipe_is_an_error_and_no_signal(struct rig *g)
{
	struct sigaction old, act = { .sa_handler = on_sigpipe };

	sigpipes = 0;
	sigaction(SIGPIPE, &act, &old);
	break_pipe(g, RIG_PIPE, false);
	break_pipe(g, RIG_PIPE, true);
	if (!rig_is(g, "sim")) {
		break_pipe(g, RIG_SOCKET, false);
		break_pipe(g, RIG_SOCKET, true);
	}
	sigaction(SIGPIPE, &old, NULL);
	assert_int_equal(sigpipes, 0);
}

static void a_sigpipe_of_the_programs_own_stays(struct rig *g)
{
	struct sigaction old, act = { .sa_handler = on_sigpipe };
	sigset_t set, before, after;

	sigpipes = 0;
	sigaction(SIGPIPE, &act, &old);
	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &set, &before);
	raise(SIGPIPE);
	break_pipe(g, RIG_PIPE, false);
	assert_true(sigpipe_is_pending());
	pthread_sigmask(SIG_SETMASK, NULL, &after);
	assert_int_equal(sigismember(&after, SIGPIPE), 1);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	sigaction(SIGPIPE, &old, NULL);
	assert_int_equal(sigpipes, 1);
}

/* --- what only a kernel has --- */

static void a_lent_descriptor_keeps_its_flags(struct rig *g)
{
	struct rig_op r;
	char buf[4];
	int fds[2];

	for (int i = 0; i < 4; i++) {
		rig_pair(g, i & 1 ? RIG_SOCKET : RIG_PIPE, fds);
		if (i & 2) {
			fcntl(fds[0], F_SETFL, O_NONBLOCK);
			fcntl(fds[1], F_SETFL, O_NONBLOCK);
		}
		int before = fcntl(fds[0], F_GETFL), out = fcntl(fds[1], F_GETFL);

		rig_read(g, &r, fds[0], buf, sizeof buf);
		rig_settle(g);
		assert_int_equal(r.completions, 0);
		assert_int_equal(fcntl(fds[0], F_GETFL), before);
		rig_put(g, fds[1], "x");
		assert_int_equal(rig_finish(g, &r), 1);
		assert_int_equal(fcntl(fds[0], F_GETFL), before);
		assert_int_equal(fcntl(fds[1], F_GETFL), out);
		rig_shut(g, fds[0]);
		rig_shut(g, fds[1]);
	}
}

static void a_regular_file_is_read_and_written(struct rig *g)
{
	char path[] = "/tmp/awl-test-XXXXXX", buf[16] = "";
	struct rig_op o;
	int fd;

	fd = mkstemp(path);
	assert_true(fd >= 0);
	unlink(path);
	rig_put(g, fd, "0123456789");
	memset(&o, 0, sizeof o);
	o.op.kind = AWL__OP_READ;
	o.op.fd = fd;
	o.op.u.rw.buf = buf;
	o.op.u.rw.len = 4;
	o.op.u.rw.offset = 3;
	assert_true(rig_start(g, &o) >= 0);
	assert_int_equal(rig_finish(g, &o), 4);
	assert_memory_equal(buf, "3456", 4);
	rig_read(g, &o, fd, buf, sizeof buf);
	assert_int_equal(rig_finish(g, &o), 0);
	lseek(fd, 8, SEEK_SET);
	rig_read(g, &o, fd, buf, sizeof buf);
	assert_int_equal(rig_finish(g, &o), 2);
	rig_poll(g, &o, fd, POLLIN | POLLOUT);
	assert_int_equal(rig_finish(g, &o), POLLIN | POLLOUT);
	close(fd);
}

static void a_directory_is_an_error_of_the_operation(struct rig *g)
{
	struct rig_op o;
	char buf[16];
	int fd;

	fd = open("/tmp", O_RDONLY | O_DIRECTORY);
	rig_read(g, &o, fd, buf, sizeof buf);
	assert_int_equal(rig_finish(g, &o), -EISDIR);
	close(fd);
}

/* No RWF_NOWAIT, no MSG_DONTWAIT: a terminal, an inotify, each with and without O_NONBLOCK. */
static void what_knows_no_nonblocking_call_waits_all_the_same(struct rig *g)
{
	for (int flags = 0; flags <= O_NONBLOCK; flags += O_NONBLOCK) {
		int master = posix_openpt(O_RDWR | O_NOCTTY), slave, ino = inotify_init1(flags);
		char buf[256], path[] = "/tmp/awl-test-XXXXXX";
		struct rig_op t, i;

		assert_true(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
		slave = open(ptsname(master), O_RDWR | O_NOCTTY | flags);
		assert_true(slave >= 0);
		rig_read(g, &t, slave, buf, 128);
		rig_settle(g);
		assert_int_equal(t.completions, 0);
		rig_put(g, master, "line\n");
		assert_int_equal(rig_finish(g, &t), 5);
		rig_put(g, slave, "back\n");
		rig_expect(g, master, "line\r\nback\r\n");

		assert_non_null(mkdtemp(path));
		assert_true(inotify_add_watch(ino, path, IN_DELETE_SELF) >= 0);
		rig_read(g, &i, ino, buf, sizeof buf);
		rig_settle(g);
		assert_int_equal(i.completions, 0);
		rmdir(path);
		assert_true(rig_finish(g, &i) >= (int)sizeof(struct inotify_event));
		close(slave);
		close(master);
		close(ino);
	}
}

static void closing_under_an_operation_does_not_end_it(struct rig *g)
{
	struct rig_op r;
	char buf[4];
	int fds[2];

	rig_pair(g, RIG_PIPE, fds);
	rig_read(g, &r, fds[0], buf, sizeof buf);
	rig_settle(g);
	rig_shut(g, fds[0]);
	rig_settle(g);
	assert_int_equal(r.completions, 0);
	awl__reactor_cancel(g->r, &r.op);
	assert_int_equal(rig_finish(g, &r), -ECANCELED);
	rig_shut(g, fds[1]);
}

static void a_reused_number_is_another_file(struct rig *g)
{
	struct rig_op old, young;
	char a[4] = "", b[4] = "";
	int first[2], second[2];

	rig_pair(g, RIG_PIPE, first);
	rig_read(g, &old, first[0], a, sizeof a);
	rig_settle(g);
	rig_shut(g, first[0]);
	rig_pair(g, RIG_PIPE, second);
	assert_int_equal(second[0], first[0]);
	rig_read(g, &young, second[0], b, sizeof b);
	rig_settle(g);
	rig_put(g, second[1], "y");
	assert_int_equal(rig_finish(g, &young), 1);
	assert_int_equal(b[0], 'y');
	rig_settle(g);
	assert_int_equal(old.completions, 0);
	awl__reactor_cancel(g->r, &old.op);
	assert_int_equal(rig_finish(g, &old), -ECANCELED);
	rig_shut(g, first[1]);
	rig_shut(g, second[0]);
	rig_shut(g, second[1]);
}

/* Two events in one batch: the first's completion closes the second's descriptor, and opens another
 * file in its place. The second event is the old file's. */
struct switcher {
	struct rig_op op, late, fresh;
	int gone[2], made[2];
	char buf[4];
};

static void switch_files(struct awl__op *op)
{
	struct switcher *s = awl__container(op, struct switcher, op.op);
	struct rig *g = s->op.rig;

	s->op.completions++;
	if (s->late.completions)
		return; /* it came first; the next round may be luckier */
	awl__reactor_cancel(g->r, &s->late.op);
	close(s->gone[0]);
	assert_int_equal(pipe(s->made), 0);
	rig_poll(g, &s->fresh, s->made[0], POLLIN);
}

static void a_stale_event_is_not_the_new_files(struct rig *g)
{
	struct switcher s;
	int fds[2];

	for (int round = 0; round < 4; round++) {
		memset(&s, 0, sizeof s);
		rig_pair(g, RIG_PIPE, fds);
		rig_pair(g, RIG_PIPE, s.gone);
		rig_poll(g, &s.op, fds[0], POLLIN);
		rig_poll(g, &s.late, s.gone[0], POLLIN);
		rig_settle(g);
		s.op.op.done = switch_files;
		assert_int_equal(write(fds[1], "x", 1), 1);
		assert_int_equal(write(s.gone[1], "x", 1), 1);
		while (s.op.completions == 0 || s.late.completions == 0)
			rig_turn(g, INT64_MAX);
		if (s.made[1]) {
			rig_settle(g);
			assert_int_equal(s.fresh.completions, 0);
			rig_put(g, s.made[1], "n");
			assert_int_equal(rig_finish(g, &s.fresh), POLLIN);
			rig_shut(g, s.made[0]);
			rig_shut(g, s.made[1]);
		} else {
			rig_shut(g, s.gone[0]);
		}
		rig_shut(g, s.gone[1]);
		rig_shut(g, fds[0]);
		rig_shut(g, fds[1]);
	}
}

/* --- order between threads --- */

struct teller {
	int fd, told; /* `told` has no lock but the descriptor's order */
};

static void *tell(void *arg)
{
	struct teller *t = arg;

	t->told = 1;
	return write(t->fd, "x", 1) == 1 ? NULL : arg;
}

static void bytes_carry_what_their_writer_did_before(struct rig *g)
{
	for (int kind = 0; kind < 6; kind++) {
		struct teller t = { 0 };
		pthread_t thread;
		struct rig_op o;
		char buf[4];
		int fds[2];

		rig_pair(g, kind & 1 ? RIG_SOCKET : RIG_PIPE, fds);
		t.fd = fds[1];
		if (kind < 2) { /* parked, a read; later: there already; a poll */
			rig_read(g, &o, fds[0], buf, sizeof buf);
			rig_settle(g);
		}
		assert_int_equal(pthread_create(&thread, NULL, tell, &t), 0);
		if (kind == 2 || kind == 3)
			rig_read(g, &o, fds[0], buf, sizeof buf);
		else if (kind > 3)
			rig_poll(g, &o, fds[0], POLLIN);
		assert_true(rig_finish(g, &o) > 0);
		assert_int_equal(t.told, 1);
		pthread_join(thread, NULL);
		rig_shut(g, fds[0]);
		rig_shut(g, fds[1]);
	}
}

static void *listen_to(void *arg)
{
	struct teller *t = arg;
	char c;

	return read(t->fd, &c, 1) == 1 && t->told == 1 ? NULL : arg;
}

static void a_write_carries_what_its_task_did_before(struct rig *g)
{
	for (int kind = RIG_PIPE; kind <= RIG_SOCKET; kind++) {
		struct teller t = { 0 };
		pthread_t thread;
		void *wrong;
		int fds[2];

		rig_pair(g, kind, fds);
		t.fd = fds[0];
		assert_int_equal(pthread_create(&thread, NULL, listen_to, &t), 0);
		t.told = 1;
		rig_put(g, fds[1], "x");
		pthread_join(thread, &wrong);
		assert_null(wrong);
		rig_shut(g, fds[0]);
		rig_shut(g, fds[1]);
	}
}

#if AWL__ASAN
#include <sanitizer/asan_interface.h>
static void a_buffer_in_flight_is_poisoned(struct rig *g)
{
	struct rig_op r;
	char *buf = malloc(64);
	int fds[2];

	rig_pair(g, RIG_PIPE, fds);
	rig_read(g, &r, fds[0], buf, 64);
	rig_settle(g);
	assert_int_equal(__asan_address_is_poisoned(buf), 1);
	assert_int_equal(__asan_address_is_poisoned(buf + 63), 1);
	rig_put(g, fds[1], "x");
	assert_true(rig_finish(g, &r) == 1);
	assert_null(__asan_region_is_poisoned(buf, 64));
	rig_read(g, &r, fds[0], buf, 64);
	rig_settle(g);
	assert_int_equal(__asan_address_is_poisoned(buf), 1);
	awl__reactor_cancel(g->r, &r.op);
	assert_true(rig_finish(g, &r) == -ECANCELED);
	assert_null(__asan_region_is_poisoned(buf, 64));
	rig_shut(g, fds[0]);
	rig_shut(g, fds[1]);
	free(buf);
}
#endif

int main(void)
{
	static const struct rig_body bodies[] = {
		BODY(a_read_gets_what_was_written),
		BODY(a_read_waits_for_its_bytes),
		BODY(the_end_of_the_file_is_zero_bytes),
		BODY(a_write_waits_for_room),
		BODY(bytes_keep_their_order),
		BODY(a_poll_tells_the_events_that_came),
		BODY(two_polls_on_one_descriptor_both_complete),
		BODY(a_hang_up_wakes_readers_and_polls_alike),
		BODY(reads_of_one_descriptor_share_the_bytes),
		BODY(a_bad_descriptor_is_a_result),
		BODY(a_broken_pipe_is_an_error_and_no_signal),
		KERNEL_BODY(a_sigpipe_of_the_programs_own_stays),
		KERNEL_BODY(a_lent_descriptor_keeps_its_flags),
		KERNEL_BODY(a_regular_file_is_read_and_written),
		KERNEL_BODY(a_directory_is_an_error_of_the_operation),
		KERNEL_BODY(what_knows_no_nonblocking_call_waits_all_the_same),
		BODY(closing_under_an_operation_does_not_end_it),
		BODY(a_reused_number_is_another_file),
		KERNEL_BODY(a_stale_event_is_not_the_new_files),
		KERNEL_BODY(bytes_carry_what_their_writer_did_before),
		KERNEL_BODY(a_write_carries_what_its_task_did_before),
#if AWL__ASAN
		BODY(a_buffer_in_flight_is_poisoned),
#endif
	};

	return rig_main(bodies, COUNT(bodies));
}
