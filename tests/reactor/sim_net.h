/* SPDX-License-Identifier: MIT */
/*
 * sim_net.h - sockets of the simulated network in a line each: addresses as words ("10.0.0.1:80",
 * "[::1]:80", "/path", "@abstract"), and operations that are waited for.
 */
#ifndef SIM_NET_H
#define SIM_NET_H

#include "reactor/rig.h"
#include "reactor/sim_world.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/un.h>

#define MS INT64_C(1000000)
#define SEC (1000 * MS)

struct address {
	struct sockaddr_storage ss;
	socklen_t len;
};

static inline int64_t now(const struct rig *g)
{
	return awl__reactor_now(g->r);
}

/* A case in a world of its own, that nothing perturbs: its rig is *state. */
static inline int new_world(void **state)
{
	*state = rig_open_sim(0);
	return 0;
}

static inline int end_world(void **state)
{
	rig_close(*state);
	return 0;
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, new_world, end_world)

/* A place of each kind. */
static const char *const places[] = { "127.0.0.1:80", "[::1]:80", "/run/socket", "@abstract" };

static inline bool is_unix(const char *words)
{
	return words[0] == '/' || words[0] == '@';
}

static inline struct address at(const char *words)
{
	struct address a = { .len = 0 };
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&a.ss;
	struct sockaddr_in *in = (struct sockaddr_in *)&a.ss;
	struct sockaddr_un *un = (struct sockaddr_un *)&a.ss;
	char host[64];
	unsigned port;

	if (is_unix(words)) {
		un->sun_family = AF_UNIX;
		strcpy(un->sun_path, words);
		a.len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(words) +
			(words[0] == '/'));
		if (words[0] == '@')
			un->sun_path[0] = 0;
	} else if (sscanf(words, "[%63[^]]]:%u", host, &port) == 2) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons((uint16_t)port);
		assert_int_equal(inet_pton(AF_INET6, host, &in6->sin6_addr), 1);
		a.len = sizeof *in6;
	} else {
		assert_int_equal(sscanf(words, "%63[^:]:%u", host, &port), 2);
		in->sin_family = AF_INET;
		in->sin_port = htons((uint16_t)port);
		assert_int_equal(inet_pton(AF_INET, host, &in->sin_addr), 1);
		a.len = sizeof *in;
	}
	return a;
}

static inline const char *words_of(const struct sockaddr_storage *ss, socklen_t len)
{
	static char words[160];
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)ss;
	const struct sockaddr_in *in = (const struct sockaddr_in *)ss;
	const struct sockaddr_un *un = (const struct sockaddr_un *)ss;
	char host[64];

	if (len == 0 || ss->ss_family == AF_UNIX) {
		int n = (int)(len - offsetof(struct sockaddr_un, sun_path));

		if (n <= 0)
			return "unnamed";
		if (un->sun_path[0])
			return strcpy(words, un->sun_path);
		snprintf(words, sizeof words, "@%.*s", n - 1, un->sun_path + 1);
	} else if (ss->ss_family == AF_INET6) {
		snprintf(words, sizeof words, "[%s]:%u",
			inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof host),
			ntohs(in6->sin6_port));
	} else {
		snprintf(words, sizeof words, "%s:%u",
			inet_ntop(AF_INET, &in->sin_addr, host, sizeof host), ntohs(in->sin_port));
	}
	return words;
}

static inline const char *name_of(struct rig *g, int fd, bool peer)
{
	struct address a = { .len = sizeof a.ss };

	assert_int_equal(net(g)->name(g->r, fd, peer, (struct sockaddr *)&a.ss, &a.len), 0);
	return words_of(&a.ss, a.len);
}

static inline int port_of(struct rig *g, int fd)
{
	return atoi(strrchr(name_of(g, fd, false), ':') + 1);
}

static inline int made(int fd)
{
	assert_true(fd >= 0);
	return fd;
}

static inline int new_socket(struct rig *g, const char *words, int type)
{
	return made(net(g)->socket(g->r, at(words).ss.ss_family, type, 0));
}

static inline int bind_to(struct rig *g, int fd, const char *words)
{
	struct address a = at(words);

	return net(g)->bind(g->r, fd, (struct sockaddr *)&a.ss, a.len);
}

static inline int new_listener(struct rig *g, const char *words)
{
	int fd = new_socket(g, words, SOCK_STREAM);

	assert_int_equal(bind_to(g, fd, words), 0);
	assert_int_equal(net(g)->listen(g->r, fd, 8), 0);
	return fd;
}

static inline int set_option(struct rig *g, int fd, int level, int name, int value)
{
	return net(g)->setopt(g->r, fd, level, name, &value, sizeof value);
}

static inline int get_option(struct rig *g, int fd, int level, int name)
{
	socklen_t len = sizeof(int);
	int value = -1;

	assert_int_equal(net(g)->getopt(g->r, fd, level, name, &value, &len), 0);
	return value;
}

/* --- operations --- */

static inline struct rig_op *start(struct rig *g, struct rig_op *o, struct awl__op op)
{
	memset(o, 0, sizeof *o);
	o->op = op;
	assert_true(rig_start(g, o) >= 0);
	return o;
}

static inline struct rig_op *start_connect(
	struct rig *g, struct rig_op *o, int fd, const struct address *a)
{
	struct awl__op op = { .kind = AWL__OP_CONNECT, .fd = fd };

	op.u.connect.addr = (const struct sockaddr *)&a->ss;
	op.u.connect.len = a->len;
	return start(g, o, op);
}

static inline struct rig_op *start_accept(struct rig *g, struct rig_op *o, int fd)
{
	return start(g, o, (struct awl__op){ .kind = AWL__OP_ACCEPT, .fd = fd });
}

static inline struct rig_op *start_recv(
	struct rig *g, struct rig_op *o, int fd, void *buf, uint32_t len, int flags)
{
	struct awl__op op = { .kind = AWL__OP_RECV, .fd = fd };

	op.u.sock.buf = buf;
	op.u.sock.len = len;
	op.u.sock.flags = flags;
	return start(g, o, op);
}

static inline struct rig_op *start_send(
	struct rig *g, struct rig_op *o, int fd, const void *buf, uint32_t len)
{
	struct awl__op op = { .kind = AWL__OP_SEND, .fd = fd };

	op.u.sock.buf = (void *)(uintptr_t)buf;
	op.u.sock.len = len;
	return start(g, o, op);
}

static inline struct rig_op *start_msg(
	struct rig *g, struct rig_op *o, uint8_t kind, int fd, struct msghdr *hdr)
{
	struct awl__op op = { .kind = kind, .fd = fd };

	op.u.msg.hdr = hdr;
	return start(g, o, op);
}

static inline int32_t connect_to(struct rig *g, int fd, const char *words)
{
	struct address a = at(words);
	struct rig_op o;

	return rig_finish(g, start_connect(g, &o, fd, &a));
}

static inline int new_client(struct rig *g, const char *words)
{
	int fd = new_socket(g, words, SOCK_STREAM);

	assert_int_equal(connect_to(g, fd, words), 0);
	return fd;
}

static inline int32_t accept_one(struct rig *g, int fd)
{
	struct rig_op o;

	return rig_finish(g, start_accept(g, &o, fd));
}

static inline int32_t recv_some(struct rig *g, int fd, void *buf, uint32_t len)
{
	struct rig_op o;

	return rig_finish(g, start_recv(g, &o, fd, buf, len, 0));
}

static inline int32_t send_some(struct rig *g, int fd, const void *buf, uint32_t len)
{
	struct rig_op o;

	return rig_finish(g, start_send(g, &o, fd, buf, len));
}

/* Nothing comes now. */
static inline void assert_waits(struct rig *g, struct rig_op *o)
{
	rig_settle(g);
	assert_int_equal(o->completions, 0);
}

static inline void take_back(struct rig *g, struct rig_op *o)
{
	awl__reactor_cancel(g->r, &o->op);
	assert_int_equal(rig_finish(g, o), -ECANCELED);
}

static inline int32_t poll_now(struct rig *g, int fd, uint32_t events)
{
	struct awl__op op = { .kind = AWL__OP_POLL, .fd = fd, .u.events = events };

	return awl__reactor_try(g->r, &op);
}

/* Two that are connected. */
static inline void connect_both(struct rig *g, const char *words, int fds[2])
{
	int listener = new_listener(g, words);

	fds[0] = new_client(g, words);
	fds[1] = made(accept_one(g, listener));
	rig_shut(g, listener);
}

static inline void shut_both(struct rig *g, const int fds[2])
{
	rig_shut(g, fds[0]);
	rig_shut(g, fds[1]);
}

#endif
