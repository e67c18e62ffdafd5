/* SPDX-License-Identifier: MIT */
/*
 * listen.c - a server's sockets: made for the addresses of its names or for a path, or adopted.
 *
 * All or none: an address that is not this machine's is passed over, as asyncio does; any other
 * failure closes those that are open.
 */
#include "net/listen.h"
#include "base/alloc.h"
#include "net/literal.h"
#include "net/local.h"

#include <awl/combine.h>
#include <awl/names.h>

#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <unistd.h>

#define BACKLOG 100
#define PORT_TRIES 16 /* to find a port that is free at every address */

struct address {
	struct sockaddr_storage any;
	socklen_t len;
};

/* What is being opened. */
struct opening {
	awl_loop *loop;
	const awl_server_options *o;
	const char *call;
	struct address *addresses;
	int count;
	struct awl__listening *made;
};

/* --- options ------------------------------------------------------------------------------------
 */

static int set(awl_loop *l, int fd, int level, int name)
{
	int one = 1;

	return l->reactor->class->net->setopt(l->reactor, fd, level, name, &one, sizeof one);
}

static int prepare(struct opening *op, int fd, int family)
{
	const awl_server_options *o = op->o;
	int mapped = (o->flags & AWL_SERVER_V4_MAPPED) == 0;
	const struct awl__net *net = op->loop->reactor->class->net;
	int r = 0;

	if (family != AF_UNIX)
		r = set(op->loop, fd, SOL_SOCKET, SO_REUSEADDR);
	if (r == 0 && (o->flags & AWL_SERVER_REUSE_PORT))
		r = set(op->loop, fd, SOL_SOCKET, SO_REUSEPORT);
	/* What it accepts inherits these two. */
	if (r == 0 && family != AF_UNIX)
		r = set(op->loop, fd, IPPROTO_TCP, TCP_NODELAY);
	if (r == 0 && (o->flags & AWL_SERVER_KEEP_ALIVE))
		r = set(op->loop, fd, SOL_SOCKET, SO_KEEPALIVE);
	if (r == 0 && family == AF_INET6)
		r = net->setopt(
			op->loop->reactor, fd, IPPROTO_IPV6, IPV6_V6ONLY, &mapped, sizeof mapped);
	return r;
}

/* --- a socket file ------------------------------------------------------------------------------
 */

/*
 * Somebody listens there. Asked by connecting: a file whose server has died refuses. Between this
 * answer and the unlink another server may take the path; it loses it then, as with everybody's.
 */
static bool is_answered(struct opening *op, const struct address *a)
{
	struct awl__reactor *reactor = op->loop->reactor;
	struct awl__op connect = { .kind = AWL__OP_CONNECT };
	int fd = reactor->class->net->socket(reactor, AF_UNIX, SOCK_STREAM, 0), r;

	if (fd < 0)
		return true;
	connect.fd = fd;
	connect.u.connect.addr = (const struct sockaddr *)&a->any;
	connect.u.connect.len = a->len;
	r = awl__reactor_try(reactor, &connect);
	reactor->class->net->close(reactor, fd);
	return r != -ECONNREFUSED;
}

/* A socket left behind by a server that is gone is removed: true. */
static bool remove_stale(struct opening *op, const struct address *a)
{
	const char *path = op->o->path;
	struct stat st;

	return path[0] != '@' && !op->loop->virtual_time && lstat(path, &st) == 0 &&
		S_ISSOCK(st.st_mode) && !is_answered(op, a) && unlink(path) == 0;
}

/* Whose file it is that the close will remove. */
static int remember_file(struct opening *op)
{
	const char *path = op->o->path;
	struct stat st;

	if (path[0] == '@' || op->loop->virtual_time || stat(path, &st) < 0)
		return 0;
	op->made->path = awl__alloc(strlen(path) + 1);
	if (!op->made->path) {
		unlink(path);
		return -ENOMEM;
	}
	strcpy(op->made->path, path);
	op->made->dev = st.st_dev;
	op->made->ino = st.st_ino;
	return 0;
}

/* --- one socket ---------------------------------------------------------------------------------
 */

static const char *words_of(const struct address *a, char *buf, size_t size)
{
	return awl_address_text((const struct sockaddr *)&a->any, a->len, buf, size);
}

static AWL__COLD int failed(const struct opening *op, const struct address *a, int err)
{
	char words[AWL_ADDRESS_TEXT];

	return awl__fail(
		err, "%s: %s: %s", op->call, words_of(a, words, sizeof words), awl_strerror(err));
}

/* The reactor's, and in the list: it stays open. */
static int keep(struct opening *op, int fd, bool adopted)
{
	struct awl__reactor *reactor = op->loop->reactor;
	struct awl__listener *k = &op->made->all[op->made->count];
	int r = awl__reactor_own(reactor, fd);

	if (r < 0)
		return r;
	*k = (struct awl__listener){
		.fd = fd, .adopted = adopted, .lent = adopted, .len = sizeof k->address
	};
	r = reactor->class->net->name(reactor, fd, false, (struct sockaddr *)&k->address, &k->len);
	if (r < 0) {
		awl__reactor_disown(reactor, fd);
		return r;
	}
	op->made->count++;
	return 0;
}

static int bind_and_listen(struct opening *op, int fd, const struct address *a)
{
	struct awl__reactor *reactor = op->loop->reactor;
	const struct awl__net *net = reactor->class->net;
	const struct sockaddr *addr = (const struct sockaddr *)&a->any;
	int r = prepare(op, fd, addr->sa_family);

	if (r == 0)
		r = net->bind(reactor, fd, addr, a->len);
	if (r == -EADDRINUSE && addr->sa_family == AF_UNIX && remove_stale(op, a))
		r = net->bind(reactor, fd, addr, a->len);
	if (r == 0 && addr->sa_family == AF_UNIX)
		r = remember_file(op);
	if (r == 0)
		r = net->listen(reactor, fd, op->o->backlog ? op->o->backlog : BACKLOG);
	return r;
}

/* No address of this machine's, or of a family that it does not speak. */
static bool is_foreign(int err)
{
	return err == -EADDRNOTAVAIL || err == -EAFNOSUPPORT;
}

static int open_one(struct opening *op, const struct address *a)
{
	struct awl__reactor *reactor = op->loop->reactor;
	int r = reactor->class->net->socket(reactor, a->any.ss_family, SOCK_STREAM, 0), fd = r;

	if (r >= 0) {
		r = bind_and_listen(op, fd, a);
		r = r < 0 ? r : keep(op, fd, false);
		if (r < 0)
			reactor->class->net->close(reactor, fd);
	}
	return r < 0 ? failed(op, a, r) : 0;
}

/* --- all of them --------------------------------------------------------------------------------
 */

static void close_all(struct opening *op)
{
	awl__listening_end(op->loop, op->made);
	while (op->made->count)
		awl__listener_close(op->loop, &op->made->all[--op->made->count]);
}

static in_port_t port_of(const struct sockaddr_storage *a)
{
	return ntohs(a->ss_family == AF_INET ? ((const struct sockaddr_in *)a)->sin_port
					     : ((const struct sockaddr_in6 *)a)->sin6_port);
}

/* Port 0: the one that the first was given is the others' too. */
static int open_each(struct opening *op)
{
	char passed_over[sizeof(((struct awl__detail *)0)->words)] = "";
	int r = 0, foreign = 0;

	for (int i = 0; r == 0 && i < op->count; i++) {
		struct address *a = &op->addresses[i];

		if (!op->o->port && a->any.ss_family != AF_UNIX)
			awl__address_set_port(
				&a->any, op->made->count ? port_of(&op->made->all[0].address) : 0);
		r = open_one(op, a);
		if (is_foreign(r)) {
			snprintf(passed_over, sizeof passed_over, "%s", awl_error_detail(r));
			foreign = r;
			r = 0;
		}
	}
	if (r == 0 && op->made->count && foreign && op->o->hosts)
		awl__report(AWL_LOG_WARNING, "%s", passed_over);
	return r < 0 || op->made->count ? r : foreign; /* its words are the last ones kept */
}

static int open_all(struct opening *op)
{
	int r = -EADDRINUSE, tries = op->o->port || op->count == 1 ? 1 : PORT_TRIES;

	op->made->all = awl__alloc_zero((size_t)op->count * sizeof *op->made->all);
	if (!op->made->all)
		return -ENOMEM;
	while (r == -EADDRINUSE && tries--) {
		r = open_each(op);
		if (r < 0)
			close_all(op);
	}
	return r;
}

/* --- at which addresses -------------------------------------------------------------------------
 */

static int add_address(struct opening *op, const struct sockaddr *addr, socklen_t len)
{
	struct address *more;

	for (int i = 0; i < op->count; i++)
		if (op->addresses[i].len == len && memcmp(&op->addresses[i].any, addr, len) == 0)
			return 0; /* two names of one */
	more = awl__resize(op->addresses, ((size_t)op->count + 1) * sizeof *more);
	if (!more)
		return -ENOMEM;
	op->addresses = more;
	memcpy(&more[op->count].any, addr, len);
	more[op->count++].len = len;
	return 0;
}

static int add_every_interface(struct opening *op)
{
	struct sockaddr_storage v4 = { .ss_family = AF_INET }, v6 = { .ss_family = AF_INET6 };
	int r = 0;

	awl__address_set_port(&v4, (in_port_t)op->o->port);
	awl__address_set_port(&v6, (in_port_t)op->o->port);
	if (!(op->o->flags & AWL_SERVER_V4_MAPPED)) /* else :: is both */
		r = add_address(op, (struct sockaddr *)&v4, sizeof(struct sockaddr_in));
	if (r == 0)
		r = add_address(op, (struct sockaddr *)&v6, sizeof(struct sockaddr_in6));
	return r;
}

static int add_found(struct opening *op, const struct addrinfo *list)
{
	int r = 0;

	for (const struct addrinfo *a = list; r == 0 && a; a = a->ai_next) {
		awl__address_set_port(
			(struct sockaddr_storage *)a->ai_addr, (in_port_t)op->o->port);
		r = add_address(op, a->ai_addr, a->ai_addrlen);
	}
	return r;
}

/* One of the names, which are looked up together. */
struct lookup {
	const char *host; /* NULL: every interface */
	struct addrinfo *list;
	struct awl__detail *failure; /* the first in time: its words are its task's, who goes */
};

static int look_up(void *arg)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE };
	struct lookup *u = arg;
	int r = u->host ? awl_getaddrinfo_abandonable(u->host, NULL, &hints, &u->list) : 0;

	if (r < 0 && r != AWL_ECANCELED && !u->failure->err) {
		u->failure->err = r;
		snprintf(u->failure->words, sizeof u->failure->words, "%s", awl_error_detail(r));
	}
	return r;
}

static int look_up_all(awl_job *jobs, size_t n, const struct awl__detail *failure)
{
	int r = n == 1 ? look_up(jobs->arg) : awl_gather(jobs, n, AWL_CANCEL_SIBLINGS);

	return r < 0 && r == failure->err ? awl__fail(r, "%s", failure->words) : r;
}

/* The addresses in the order of the hosts, whoever was answered first. */
static int add_hosts(struct opening *op, const char *const *hosts, size_t n)
{
	struct awl__detail failure = { 0 };
	struct lookup *all;
	awl_job *jobs = awl__alloc_zero(n * (sizeof *jobs + sizeof *all));
	int r;

	if (!jobs)
		return -ENOMEM;
	all = (struct lookup *)(jobs + n);
	for (size_t i = 0; i < n; i++) {
		all[i] = (struct lookup){ hosts[i], NULL, &failure };
		jobs[i] = (awl_job){ .fn = look_up, .arg = &all[i] };
	}
	r = look_up_all(jobs, n, &failure);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = hosts[i] ? add_found(op, all[i].list) : add_every_interface(op);
	for (size_t i = 0; i < n; i++)
		awl_freeaddrinfo(all[i].list);
	awl__free(jobs);
	return r;
}

static int find_addresses(struct opening *op)
{
	const awl_server_options *o = op->o;
	struct sockaddr_un addr;
	socklen_t len = 0;
	int r;

	if (o->path) {
		r = awl__local_address(o->path, &addr, &len, op->call);
		return r < 0 ? r : add_address(op, (struct sockaddr *)&addr, len);
	}
	if (!o->hosts)
		return add_every_interface(op);
	return add_hosts(op, o->hosts, (size_t)o->host_count);
}

/* --- adopted ones -------------------------------------------------------------------------------
 */

static int option_of(struct opening *op, int fd, int name, int *value)
{
	socklen_t len = sizeof *value;

	return op->loop->reactor->class->net->getopt(
		op->loop->reactor, fd, SOL_SOCKET, name, value, &len);
}

static int check_adopted(struct opening *op, int fd)
{
	int type = 0, listens = 0;
	int r = option_of(op, fd, SO_TYPE, &type);

	if (r == 0)
		r = option_of(op, fd, SO_ACCEPTCONN, &listens);
	if (r < 0)
		return awl__fail(r, "%s: descriptor %d: %s", op->call, fd, awl_strerror(r));
	if (type != SOCK_STREAM || !listens)
		return awl__fail(-EINVAL, "%s: descriptor %d is no stream socket that listens",
			op->call, fd);
	if (awl__reactor_owned(op->loop->reactor, fd))
		return awl__fail(-EBUSY, "%s: descriptor %d has an owner", op->call, fd);
	return 0;
}

static int adopt_one(struct opening *op, int fd)
{
	struct awl__listener *k = &op->made->all[op->made->count];
	int r = keep(op, fd, true);

	if (r < 0)
		return r;
	if (!op->loop->virtual_time) {
		k->status_flags = fcntl(fd, F_GETFL);
		k->fd_flags = fcntl(fd, F_GETFD);
		fcntl(fd, F_SETFL, k->status_flags | O_NONBLOCK);
		fcntl(fd, F_SETFD, k->fd_flags | FD_CLOEXEC);
	}
	set(op->loop, fd, IPPROTO_TCP, TCP_NODELAY); /* a unix socket has nothing to delay */
	return 0;
}

/* On failure the descriptors are still the caller's. */
static int adopt_all(struct opening *op)
{
	const awl_server_options *o = op->o;
	int r = 0;

	for (int i = 0; r == 0 && i < o->fd_count; i++)
		r = check_adopted(op, o->fds[i]);
	if (r < 0)
		return r;
	op->made->all = awl__alloc_zero((size_t)o->fd_count * sizeof *op->made->all);
	if (!op->made->all)
		return -ENOMEM;
	for (int i = 0; r == 0 && i < o->fd_count; i++)
		r = adopt_one(op, o->fds[i]);
	while (r < 0 && op->made->count)
		awl__listener_close(op->loop, &op->made->all[--op->made->count]);
	return r;
}

/* --- */

static int check(const awl_server_options *o, const char *call)
{
	if (!!o->path + !!o->fds + (!!o->hosts || o->port) > 1)
		return awl__fail(-EINVAL, "%s: hosts and port, or a path, or fds", call);
	if (o->port < 0 || o->port > UINT16_MAX)
		return awl__fail(-EINVAL, "%s: a port is 0 ... 65535", call);
	if ((o->fds && o->fd_count <= 0) || (o->hosts && o->host_count <= 0) || o->host_count < 0 ||
		o->fd_count < 0)
		return awl__fail(-EINVAL, "%s: how many hosts or fds?", call);
	return 0;
}

int awl__listen(struct awl__task *t, const awl_server_options *o, struct awl__listening *ret,
	const char *call)
{
	struct opening op = { .loop = awl__task_loop(t), .o = o, .call = call, .made = ret };
	int r = check(o, call);

	*ret = (struct awl__listening){ .all = NULL };
	if (r == 0 && o->fds)
		r = adopt_all(&op);
	else if (r == 0 && (r = find_addresses(&op)) == 0)
		r = open_all(&op);
	awl__free(op.addresses);
	if (r < 0) {
		awl__free(ret->all);
		*ret = (struct awl__listening){ .all = NULL };
	}
	return r;
}

static void remove_file(struct awl__listening *g)
{
	struct stat st;

	if (!g->path)
		return;
	if (stat(g->path, &st) == 0 && st.st_dev == g->dev && st.st_ino == g->ino)
		unlink(g->path);
	awl__free(g->path);
	g->path = NULL;
}

void awl__listening_end(awl_loop *l, struct awl__listening *g)
{
	remove_file(g);
	for (int i = 0; i < g->count; i++)
		if (g->all[i].fd >= 0 && !g->all[i].adopted)
			l->reactor->class->net->shutdown(l->reactor, g->all[i].fd, SHUT_RDWR);
}

void awl__listener_close(awl_loop *l, struct awl__listener *k)
{
	if (k->fd < 0)
		return;
	awl__reactor_disown(l->reactor, k->fd);
	if (!k->lent) {
		l->reactor->class->net->close(l->reactor, k->fd);
	} else if (!l->virtual_time) {
		fcntl(k->fd, F_SETFL, k->status_flags);
		fcntl(k->fd, F_SETFD, k->fd_flags);
	}
	k->fd = -1;
}

void awl__listening_free(awl_loop *l, struct awl__listening *g)
{
	for (int i = 0; i < g->count; i++)
		awl__listener_close(l, &g->all[i]);
	awl__free(g->all);
}
