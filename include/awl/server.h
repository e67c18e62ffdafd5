/* SPDX-License-Identifier: MIT */
/*
 * server.h - connections: asking for one, and waiting for them.
 *
 *	static int serve(void *arg)
 *	{
 *		awl_server *server;
 *		int r = awl_start_server(echo, NULL, "localhost", 7777, &server);
 *
 *		if (r < 0)
 *			return r;
 *		r = awl_server_serve_forever(server);
 *		awl_server_unref(server);
 *		return r;
 *	}
 *
 * Several loops, a thread each (workers.h), share the work in one of two ways: each has a server of
 * its own at the same port (AWL_SERVER_REUSE_PORT), and the kernel spreads the connections; or each
 * adopts a duplicate of one listening socket (`fds`, by fcntl F_DUPFD_CLOEXEC), and who is free
 *takes the next one.
 */
#ifndef AWL_SERVER_H
#define AWL_SERVER_H

#include <awl/stream.h>

AWL__BEGIN

/* --- clients ------------------------------------------------------------------------------------
 */

typedef struct awl_connect_options {
	int family; /* AF_INET, AF_INET6; 0: both */
	const char *local_host; /* numeric; NULL: the system chooses */
	int local_port;
	int64_t delay; /* before the next address is tried as well; 0: 250 ms; AWL_FOREVER: one
			  after the other */
	size_t limit; /* the stream's; 0: the default */
	int64_t timeout; /* for all of it; 0: none */
	uint64_t _spare[4];
} awl_connect_options;

/*
 * Connects to a name or a numeric address: *ret, one reference. The addresses of a name are tried
 * in turn, families alternating, the next one when the last has failed or has taken 250 ms; the
 * first that answers is it, and the others are closed (RFC 8305). Where none does, the error that
 * came first is returned, and awl_error_detail tells every address's. A name still being looked up
 * is left when the task is asked to stop (awl_getaddrinfo_abandonable). Errors: AWL_ENONAME,
 * AWL_ENAMESERVER, the system's, -ETIMEDOUT, AWL_ECANCELED, -ENOMEM, -EINVAL. asyncio: R1, P15.
 */
AWL_MUST AWL_TASK int awl_open_connection(const char *host, int port, awl_stream **ret);
AWL_MUST AWL_TASK int awl_open_connection_with(
	const awl_connect_options *options, const char *host, int port, awl_stream **ret);

/* Connects to a socket in the file system; "@name" is an abstract one. asyncio: R1. */
AWL_MUST AWL_TASK int awl_open_unix_connection(const char *path, awl_stream **ret);

/* --- servers ------------------------------------------------------------------------------------
 */

typedef struct awl_server awl_server;

/*
 * What each connection is served by, in a task of its own. The stream is lent for the call: it is
 * closed when fn returns, what is buffered being sent first, unless fn has taken a reference. A
 * failure is told to the exception handler and the connection aborted; that the peer resets it, or
 * is idle too long, ends it without a word. No other connection is concerned. asyncio: R10.
 */
typedef int awl_connected_fn(awl_stream *stream, void *arg);

typedef struct awl_server_options {
	const char *const *hosts; /* names or addresses; NULL: every interface, both families */
	int host_count;
	int port; /* 0: the system chooses one, the same for all */
	const char *path; /* a unix socket instead; "@name": an abstract one */
	const int *fds; /* listening stream sockets instead: awl_listen_fds. Where the call
			   succeeds they are the server's, non-blocking and close-on-exec */
	int fd_count;
	int backlog; /* 0: 100 */
	int max_connections; /* more wait to be accepted; 0: any number */
	size_t limit; /* of the streams; 0: the default */
	int64_t idle_timeout; /* of the streams; 0: none */
	uint64_t flags; /* enum awl_server_flags */
	uint64_t _spare[4];
} awl_server_options;

enum awl_server_flags {
	AWL_SERVER_REUSE_PORT =
		1, /* others may listen at the same port: servers over several loops */
	AWL_SERVER_KEEP_ALIVE = 2,
	AWL_SERVER_V4_MAPPED = 4, /* IPv6 sockets take IPv4 as well; by default they do not */
	AWL_SERVER_STOPPED = 8, /* it listens, and accepts from awl_server_start_serving on */
};

/*
 * Listens and serves from now on: *ret, one reference. `host` NULL: every interface. Several names
 * are looked up together, and the first failure ends that. The server's tasks are the running
 * loop's. An address that is not this machine's is passed over, if there is another, and reported.
 * A socket file is removed at the close if it is still the server's; one that is found there is
 * removed if it is a socket at which nobody answers. Errors: -EADDRINUSE, -EACCES, ... with the
 * address; AWL_ENONAME; AWL_ECANCELED; -ENOMEM, -EINVAL, and -EBUSY (a descriptor that has an
 * owner); nothing is left open then. asyncio: R1, P17, P20.
 *
 * Where an accept fails for want of descriptors or memory the exception handler is told, once, and
 * it tries again every second: who comes meanwhile waits in the backlog. asyncio: P18. A listening
 * socket that fails for good closes the server.
 */
AWL_MUST AWL_TASK int awl_start_server(
	awl_connected_fn *fn, void *arg, const char *host, int port, awl_server **ret);
AWL_MUST AWL_TASK int awl_start_server_with(
	const awl_server_options *options, awl_connected_fn *fn, void *arg, awl_server **ret);
AWL_MUST AWL_TASK int awl_start_unix_server(
	awl_connected_fn *fn, void *arg, const char *path, awl_server **ret);

/* Begins to accept, if it does not yet: 0. AWL_EDEAD once closed. asyncio: P19. */
AWL_LOOP_THREAD int awl_server_start_serving(awl_server *server);
AWL_LOOP_THREAD int awl_server_is_serving(awl_server *server);

/*
 * Serves until the server is closed and its last connection has ended: 0, or what the server failed
 * with. When the task is asked to stop it closes the server, asks the connections to stop and waits
 * until they have ended, unless one of them waits for this very task: AWL_ECANCELED. Once at a
 * time: -EBUSY; AWL_EDEAD: closed already; AWL_EDEADLK in one of its own connections. asyncio: P19.
 */
AWL_MUST AWL_TASK int awl_server_serve_forever(awl_server *server);

/* Accepts no more, and the port is free at once; connections go on. Again: 0. asyncio: P19. */
AWL_LOOP_THREAD int awl_server_close(awl_server *server);

/*
 * Asks every connection's task to stop: each of its waits says so from now on, outside of a shield.
 * awl_server_abort_clients aborts the connections as well. asyncio: P19.
 */
AWL_LOOP_THREAD int awl_server_close_clients(awl_server *server);
AWL_LOOP_THREAD int awl_server_abort_clients(awl_server *server);

/* Waits until it is closed and its last connection has ended: 0. asyncio: P19. */
AWL_MUST AWL_TASK int awl_server_wait_closed(awl_server *server);

/*
 * Closes it gracefully: connections have `ns` to end by themselves, then they are asked to stop,
 * and it waits until they have: 0, or -ETIMEDOUT if any had to be asked. AWL_ECANCELED: they were
 * asked at once, and have ended.
 */
AWL_MUST AWL_TASK int awl_server_drain(awl_server *server, int64_t ns);

/* How many connections it serves now, and how many sockets it listens at (closed: 0). */
AWL_LOOP_THREAD int awl_server_connections(awl_server *server);
AWL_LOOP_THREAD int awl_server_sockets(awl_server *server);

/*
 * The address that socket `index` of them listens at, *len its true length: 0. The port of the
 * first; -EINVAL of a unix socket. asyncio: P12.
 */
AWL_LOOP_THREAD int awl_server_getsockname(
	awl_server *server, int index, struct sockaddr *addr, socklen_t *len);
AWL_LOOP_THREAD int awl_server_port(awl_server *server);

/* One reference more, one less; with the last one it is closed, its connections go on. */
AWL_LOOP_THREAD awl_server *awl_server_ref(awl_server *server);
AWL_LOOP_THREAD void awl_server_unref(awl_server *server);

/* --- under a service manager --------------------------------------------------------------------
 */

/*
 * Finds the listening sockets that the service manager has handed over (LISTEN_FDS, LISTEN_PID):
 * fills fds[0 ... room) and returns how many; 0: none.
 *
 *	int fds[8], n = awl_listen_fds("http", fds, 8);
 *	awl_server_options o = { .fds = fds, .fd_count = n };
 *
 * `name`: only those of that LISTEN_FDNAMES name; NULL: all. They are made close-on-exec; the
 * environment is left as it is. -E2BIG: there are more than room; -EBADF: they are not there.
 */
AWL_ANY_THREAD int awl_listen_fds(const char *name, int *fds, int room);

/*
 * Tells the service manager (NOTIFY_SOCKET) something: "READY=1", "STATUS=...", "STOPPING=1". 1: it
 * was told; 0: there is none; -errno, -EAGAIN where it has not read what came before. Never waits.
 */
AWL_ANY_THREAD int awl_notify(const char *state);

AWL__END

#endif
