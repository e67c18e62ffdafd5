/* SPDX-License-Identifier: MIT */
/*
 * datagram.h - messages that arrive whole, or not at all: UDP and unix datagrams.
 *
 *	static int echo(void *arg)
 *	{
 *		const awl_datagram_options o = { .local_host = "::1", .local_port = 7777 };
 *		char buf[1500];
 *		struct sockaddr_storage from;
 *		socklen_t len = sizeof from;
 *		awl_datagram *d;
 *		int r = awl_datagram_open(&o, &d);
 *
 *		if (r < 0)
 *			return r;
 *		while (r >= 0) {
 *			r = awl_datagram_recvfrom(d, buf, sizeof buf, &from, &len, NULL);
 *			if (r >= 0)
 *				r = awl_datagram_sendto(d, buf, r, &from, len);
 *		}
 *		awl_datagram_close(d);
 *		awl_datagram_unref(d);
 *		return r;
 *	}
 *
 * An endpoint belongs to the loop it was opened in and owns its descriptor: nobody else uses or
 * closes that. Any number of tasks may receive and send at the same time; each datagram goes to one
 * of them. Nothing is kept in it, so there is nothing to be flushed: what a send has returned 0 for
 * is the kernel's, and a cancelled call has moved nothing.
 */
#ifndef AWL_DATAGRAM_H
#define AWL_DATAGRAM_H

#include <awl/types.h>

#include <sys/socket.h>

AWL__BEGIN

typedef struct awl_datagram awl_datagram;

/* --- making ---------------------------------------------------------------------------------- */

/*
 * Addresses are numeric: awl_getaddrinfo knows names. A local one is what it receives at, with
 * port 0 the system chooses one. With a remote one it is connected: it receives from there alone,
 * and is told where nobody listens there (-ECONNREFUSED).
 */
typedef struct awl_datagram_options {
	const char *local_host, *remote_host;
	int local_port, remote_port;
	const char *local_path, *remote_path; /* unix instead; "@name": an abstract one */
	int family; /* of one without any address: AF_INET, AF_INET6, AF_UNIX */
	uint64_t flags; /* enum awl_datagram_flags */
	uint64_t _spare[4];
} awl_datagram_options;

enum awl_datagram_flags {
	AWL_DATAGRAM_BROADCAST = 1, /* it may send to broadcast addresses; else -EACCES */
	AWL_DATAGRAM_REUSE_PORT = 2, /* others of this user may have the same port: they share */
	AWL_DATAGRAM_REUSE_ADDRESS = 4, /* several may have it, for a multicast group's members */
	AWL_DATAGRAM_V4_MAPPED = 8, /* IPv6 takes IPv4 as well; by default it does not */
};

/*
 * Opens an endpoint in the running loop: *ret, one reference. -EINVAL, in words: no address and no
 * family, what is not numeric, families that differ; the system's (-EADDRINUSE, -EACCES, ...),
 * -ENOMEM, AWL_ENOLOOP. A socket that an earlier program left at local_path is removed first; its
 * own is left there. asyncio: P21.
 */
AWL_MUST AWL_LOOP_THREAD int awl_datagram_open(
	const awl_datagram_options *options, awl_datagram **ret);

/*
 * Makes one around a datagram socket, which is its own from now on and made non-blocking.
 * -ENOTSOCK, -EINVAL (a stream's), -EBUSY (it has an owner), -ENOMEM: the descriptor is still the
 * caller's.
 * asyncio: P21, sock.
 */
AWL_MUST AWL_LOOP_THREAD int awl_datagram_from_fd(int fd, awl_datagram **ret);

/* --- receiving ----------------------------------------------------------------------------------
 * Both: -EMSGSIZE, -ECONNREFUSED and others of a connected one (told once, then it goes on),
 * AWL_EDEAD (closed, also while it waited), AWL_ECANCELED, AWL_ENOTASK, AWL_ESCOPE.
 */

/*
 * Receives the next datagram: its length, at most `len`. 0 is one without content, and no end. One
 * that is longer is a failure that cannot be taken for a success, -EMSGSIZE: its first `len` bytes
 * are in buf, the rest is lost, and *size (NULL: not asked) is how long it was, as after any
 * success. asyncio: K2, P21.
 */
AWL_MUST AWL_TASK int awl_datagram_recv(awl_datagram *d, void *buf, size_t len, size_t *size);

/*
 * The same, and who sent it: *addr_len is the room at addr before, the address's length after, also
 * with -EMSGSIZE. 0 for a unix sender that has no address. asyncio: K2, datagram_received.
 */
AWL_MUST AWL_TASK int awl_datagram_recvfrom(awl_datagram *d, void *buf, size_t len,
	struct sockaddr *addr, socklen_t *addr_len, size_t *size);

/* --- sending ------------------------------------------------------------------------------------
 * All of them wait while the kernel has no room. -EMSGSIZE (longer than the protocol takes; nothing
 * was sent), -ECONNREFUSED, -ENETUNREACH, -ENOBUFS, ... as the system's; AWL_EDEAD, AWL_ECANCELED,
 * AWL_ENOTASK, AWL_ESCOPE. 0 does not mean that it arrived.
 */

/* Sends a datagram to the remote address: 0. -EDESTADDRREQ: it has none. asyncio: P21. */
AWL_MUST AWL_TASK int awl_datagram_send(awl_datagram *d, const void *buf, size_t len);

/*
 * Sends it to an address: 0. From a connected one to the remote address alone: -EISCONN for
 * another, which the system would send to without a word. asyncio: P21, sendto.
 */
AWL_MUST AWL_TASK int awl_datagram_sendto(awl_datagram *d, const void *buf, size_t len,
	const struct sockaddr *addr, socklen_t addr_len);

typedef struct awl_datagram_message {
	const void *data;
	size_t size;
	const struct sockaddr *to; /* NULL: the remote address */
	socklen_t to_len;
} awl_datagram_message;

/*
 * Sends several in their order, as many at once as the kernel takes: 0. *sent (NULL: not asked) is
 * how many went, whatever was returned; the first that did not is the one refused. Worth it from
 * four or so: a system call for up to 32 of them.
 */
AWL_MUST AWL_TASK int awl_datagram_send_many(
	awl_datagram *d, const awl_datagram_message *messages, int count, int *sent);

/* --- groups ---------------------------------------------------------------------------------- */

/*
 * Joins or leaves a multicast group, "239.1.2.3" or "ff02::1:3", on an interface, "eth0", or the
 * one the system chooses (NULL): 0. -EADDRINUSE, -EADDRNOTAVAIL: it is, it is not a member;
 * -EINVAL: no group of the endpoint's family; -ENODEV: no such interface.
 */
AWL_LOOP_THREAD int awl_datagram_join(awl_datagram *d, const char *group, const char *interface);
AWL_LOOP_THREAD int awl_datagram_leave(awl_datagram *d, const char *group, const char *interface);

/*
 * How its own datagrams to groups go: through which interface, NULL being the system's choice; over
 * how many hops, 0 ... 255, 1 being the system's default; whether members on this machine get them,
 * as they do unless told.
 */
AWL_LOOP_THREAD int awl_datagram_set_multicast_interface(awl_datagram *d, const char *interface);
AWL_LOOP_THREAD int awl_datagram_set_multicast_hops(awl_datagram *d, int hops);
AWL_LOOP_THREAD int awl_datagram_set_multicast_loop(awl_datagram *d, int on);

/* --- its end and what it is ------------------------------------------------------------------ */

/*
 * Closes the endpoint: who waits in it gets AWL_EDEAD, and once the kernel has let go of their
 * memory the descriptor is closed. Again: 0. asyncio: P5.
 */
AWL_LOOP_THREAD int awl_datagram_close(awl_datagram *d);

/* Waits until it is closed: 0. asyncio: connection_lost. */
AWL_MUST AWL_TASK int awl_datagram_wait_closed(awl_datagram *d);

/* Whether it is closing or closed: 1, 0. */
AWL_LOOP_THREAD int awl_datagram_is_closing(awl_datagram *d);

/*
 * Each who keeps one has a reference. With the last it is closed, and reported if nobody had closed
 * it. NULL is ignored by unref.
 */
AWL_LOOP_THREAD awl_datagram *awl_datagram_ref(awl_datagram *d);
AWL_LOOP_THREAD void awl_datagram_unref(awl_datagram *d);

/*
 * The address of this end, and the remote one: 0, *len the address's true length. -ENOTCONN: it has
 * no remote one. asyncio: P12.
 */
AWL_LOOP_THREAD int awl_datagram_getsockname(
	awl_datagram *d, struct sockaddr *addr, socklen_t *len);
AWL_LOOP_THREAD int awl_datagram_getpeername(
	awl_datagram *d, struct sockaddr *addr, socklen_t *len);

/* The number of its descriptor, for options; it stays the endpoint's. AWL_EDEAD. */
AWL_LOOP_THREAD int awl_datagram_fd(awl_datagram *d);

AWL__END

#endif
