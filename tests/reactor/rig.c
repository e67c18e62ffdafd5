/* SPDX-License-Identifier: MIT */
/*
 * rig.c - see rig.h.
 */
#include "reactor/rig.h"
#include "reactor/sigpipe.h"
#include "reactor/uring_setup.h"

#include <awl/errors.h>

#include <sys/socket.h>
#include <unistd.h>

static const struct rig_variant variants[] = {
	{ .name = "uring", .reactor = "uring" },
	{ .name = "uring that wakes", .reactor = "uring", .wakes = true },
	{ .name = "uring 6.1",
		.reactor = "uring",
		.refused_flags = IORING_SETUP_NO_SQARRAY,
		.no_nosignal = true },
	{ .name = "uring 5.19",
		.reactor = "uring",
		.refused_flags = IORING_SETUP_SINGLE_ISSUER,
		.no_nosignal = true },
	{ .name = "uring 5.11",
		.reactor = "uring",
		.refused_flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_COOP_TASKRUN,
		.no_nosignal = true,
		.wakes = true },
	{ .name = "epoll", .reactor = "epoll" },
	{ .name = "epoll that wakes", .reactor = "epoll", .wakes = true },
	{ .name = "epoll 5.11", .reactor = "epoll", .no_nosignal = true },
	{ .name = "sim", .reactor = "sim" },
	{ .name = "sim 1", .reactor = "sim", .seed = 1 },
	{ .name = "sim 2", .reactor = "sim", .seed = 2, .wakes = true },
};

static unsigned refused_flags;

static int setup(unsigned entries, struct io_uring_params *p)
{
	return p->flags & refused_flags ? -EINVAL : io_uring_setup(entries, p);
}

void rig_pretend(const struct rig_variant *v)
{
	refused_flags = v->refused_flags;
	awl__ring_setup = setup;
	atomic_store(&awl__nosignal_known, v->no_nosignal ? -1 : 0);
}

/* In a thread of the pool. */
static void post(void *ctx, struct awl__op *op)
{
	struct rig *g = ctx;

	pthread_mutex_lock(&g->lock);
	awl__list_push(&g->posted, &op->link);
	pthread_mutex_unlock(&g->lock);
	awl__reactor_wake(g->r);
}

void rig_open(struct rig *g, const struct rig_variant *v)
{
	memset(g, 0, sizeof *g);
	g->v = v;
	rig_pretend(v);
	pthread_mutex_init(&g->lock, NULL);
	awl__list_init(&g->posted);
	awl__list_init(&g->woken);
	assert_int_equal(awl__reactor_new(v->reactor, v->seed, &g->r), 0);
	assert_string_equal(g->r->class->name, v->reactor);
	g->r->post = post;
	g->r->post_ctx = g;
	g->r->woken = &g->woken;
	assert_int_equal(awl__reactor_bind(g->r), 0);
}

struct rig *rig_open_sim(uint64_t seed)
{
	static struct rig_variant v;
	static struct rig g;

	v = (struct rig_variant){ .name = "sim", .reactor = "sim", .seed = seed };
	rig_open(&g, &v);
	return &g;
}

void rig_close(struct rig *g)
{
	assert_int_equal(g->r->in_flight, 0);
	assert_int_equal(g->r->working, 0);
	awl__reactor_free(g->r);
	pthread_mutex_destroy(&g->lock);
}

void rig_pair(struct rig *g, enum rig_kind kind, int fds[2])
{
	if (kind == RIG_SOCKET) {
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	} else if (rig_is(g, "sim")) {
		assert_int_equal(awl__sim_pipe(g->r, fds), 0);
	} else {
		assert_int_equal(pipe(fds), 0);
	}
}

void rig_shut(struct rig *g, int fd)
{
	if (rig_is(g, "sim"))
		assert_int_equal(awl__sim_close(g->r, fd), 0);
	else
		assert_int_equal(close(fd), 0);
}

static void done(struct awl__op *op)
{
	struct rig_op *o = awl__container(op, struct rig_op, op);

	assert_int_equal(op->state, AWL__OP_IDLE);
	o->completions++;
	o->order = ++o->rig->completions;
}

int rig_start(struct rig *g, struct rig_op *o)
{
	int how;

	o->rig = g;
	o->completions = 0;
	o->op.done = done;
	o->op.wakes = g->v->wakes ? &o->run : NULL;
	how = awl__reactor_submit(g->r, &o->op);
	assert_int_equal(o->completions, 0); /* never from submit */
	if (how == 1)
		done(&o->op);
	else if (how == 0)
		assert_int_equal(o->op.state, AWL__OP_SUBMITTED);
	return how;
}

static void rw(struct rig *g, struct rig_op *o, uint8_t kind, int fd, void *buf, uint32_t len)
{
	memset(o, 0, sizeof *o);
	o->op.kind = kind;
	o->op.fd = fd;
	o->op.u.rw.buf = buf;
	o->op.u.rw.len = len;
	o->op.u.rw.offset = -1;
	assert_true(rig_start(g, o) >= 0);
}

void rig_read(struct rig *g, struct rig_op *o, int fd, void *buf, uint32_t len)
{
	rw(g, o, AWL__OP_READ, fd, buf, len);
}

void rig_write(struct rig *g, struct rig_op *o, int fd, const void *buf, uint32_t len)
{
	rw(g, o, AWL__OP_WRITE, fd, (void *)(uintptr_t)buf, len);
}

void rig_poll(struct rig *g, struct rig_op *o, int fd, uint32_t events)
{
	memset(o, 0, sizeof *o);
	o->op.kind = AWL__OP_POLL;
	o->op.fd = fd;
	o->op.u.events = events;
	assert_true(rig_start(g, o) >= 0);
}

int rig_work(struct rig *g, struct rig_op *o, int (*fn)(void *), void *arg)
{
	memset(o, 0, sizeof *o);
	o->op.kind = AWL__OP_WORK;
	o->op.u.work.fn = fn;
	o->op.u.work.arg = arg;
	return rig_start(g, o);
}

static struct awl__list *posted(struct rig *g)
{
	struct awl__list *node;

	pthread_mutex_lock(&g->lock);
	node = awl__list_pop(&g->posted);
	pthread_mutex_unlock(&g->lock);
	return node;
}

/* What a task would do when its turn comes. */
static void run_woken(struct rig *g)
{
	struct awl__list *node;

	while ((node = awl__list_pop(&g->woken))) {
		struct rig_op *o = awl__container(node, struct rig_op, run.link);

		o->op.done(&o->op);
	}
}

int rig_turn(struct rig *g, int64_t deadline)
{
	int n = awl__reactor_wait(g->r, deadline);
	struct awl__list *node;

	while ((node = posted(g)))
		awl__reactor_finish_work(g->r, awl__container(node, struct awl__op, link));
	run_woken(g);
	return n;
}

int32_t rig_finish(struct rig *g, struct rig_op *o)
{
	while (o->completions == 0)
		assert_true(rig_turn(g, INT64_MAX) >= 0);
	assert_int_equal(o->completions, 1);
	return o->op.res;
}

void rig_put(struct rig *g, int fd, const char *text)
{
	struct rig_op o;

	for (size_t at = 0, len = strlen(text); at < len; at += (size_t)o.op.res) {
		rig_write(g, &o, fd, text + at, (uint32_t)(len - at));
		assert_true(rig_finish(g, &o) > 0);
	}
}

void rig_expect(struct rig *g, int fd, const char *text)
{
	size_t len = strlen(text), at;
	struct rig_op o;
	char buf[512];

	assert_true(len <= sizeof buf);
	for (at = 0; at < len; at += (size_t)o.op.res) {
		rig_read(g, &o, fd, buf + at, (uint32_t)(len - at));
		assert_true(rig_finish(g, &o) > 0);
	}
	assert_memory_equal(buf, text, len);
}

void rig_settle(struct rig *g)
{
	for (int i = 0; i < 20; i++)
		assert_true(rig_turn(g, 0) >= 0);
}

/* --- the cases: each body on each variant --- */

struct rig_case {
	const struct rig_variant *variant;
	const struct rig_body *body;
};

static void run_case(void **state)
{
	const struct rig_case *c = *state;
	struct rig g;

	if (strcmp(c->body->not_on, c->variant->reactor) == 0)
		skip();
	rig_open(&g, c->variant);
	c->body->run(&g);
	rig_close(&g);
}

static bool available(const struct rig_variant *v)
{
	const char *only = getenv("AWL_REACTOR");
	struct awl__reactor *r;
	int err;

	if (only && strcmp(only, v->reactor) != 0)
		return false;
	rig_pretend(v);
	err = awl__reactor_new(v->reactor, 0, &r);
	if (err < 0)
		print_message("# %s is left out: %s\n", v->name, awl_error_detail(err));
	else
		awl__reactor_free(r);
	return err == 0;
}

static int no_thread_left(void **state)
{
	(void)state;
	awl__pool_drain();
	return 0;
}

int rig_main(const struct rig_body *bodies, size_t count)
{
	static char names[512][120];
	static struct CMUnitTest tests[512];
	static struct rig_case cases[512];
	size_t n = 0;

	for (size_t v = 0; v < COUNT(variants); v++) {
		if (!available(&variants[v]))
			continue;
		for (size_t b = 0; b < count && n < COUNT(tests); b++, n++) {
			snprintf(names[n], sizeof names[n], "%s [%s]", bodies[b].name,
				variants[v].name);
			cases[n] = (struct rig_case){ &variants[v], &bodies[b] };
			tests[n] = (struct CMUnitTest){
				.name = names[n], .test_func = run_case, .initial_state = &cases[n]
			};
		}
	}
	/* cmocka's macro wants the array itself; this is what it calls. */
	return _cmocka_run_group_tests("reactor", tests, n, NULL, no_thread_left);
}
