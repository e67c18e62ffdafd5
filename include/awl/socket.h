/* SPDX-License-Identifier: MIT */
/*
 * socket.h - the calls on sockets by their system names, that wait; and callbacks for a descriptor.
 *
 *	int fd = awl_socket(AF_INET, SOCK_STREAM, 0);
 *	int r = fd < 0 ? fd : awl_sock_connect(fd, addr, len);
 *
 *	if (r == 0)
 *		r = awl_sock_sendall(fd, request, size, 0, &done);
 *	...
 *	awl_sock_close(fd);
 *
 * A descriptor is a plain int, the caller's, and lent for the call. What comes from here is
 * non-blocking and close-on-exec; one that comes from elsewhere may be blocking, and stays as it
 * is: no call changes O_NONBLOCK. One that a stream, a server or a datagram endpoint owns is
 * refused, -EBUSY.
 *
 * Tasks that receive from one descriptor have their turns in the order they came, and so have those
 * that send: what awl_sock_sendall sends is not mixed with another task's. A task that receives and
 * one that sends do not wait for each other.
 *
 * What waits is cancelled without loss: AWL_ECANCELED says that nothing was moved; what was, is the
 * call's result, and the request stays for the next wait. Failures are the system's, negative, and
 * AWL_EDEAD: awl_sock_close was called meanwhile.
 */
#ifndef AWL_SOCKET_H
#define AWL_SOCKET_H

#include <awl/types.h>

#include <sys/socket.h>
#include <sys/types.h>

AWL__BEGIN

/* --- making and ending --- */

/*
 * Makes a socket for the running loop: its descriptor, non-blocking and close-on-exec. On "sim" it
 * is one of the simulated network, and no descriptor of the system's. AWL_ENOLOOP, or the system's
 * refusal.
 */
AWL_MUST AWL_LOOP_THREAD int awl_socket(int domain, int type, int protocol);

/* Makes two sockets connected to each other, of AF_UNIX: 0. */
AWL_MUST AWL_LOOP_THREAD int awl_socketpair(int domain, int type, int fds[2]);

/*
 * Closes a socket in order: ends what tasks of this loop wait for on that number, whose calls
 * return AWL_EDEAD, and takes its callbacks away; waits until the kernel has let go; then closes
 * it: 0. Nothing interrupts that. -EBADF, also where another task is closing it.
 */
AWL_TASK int awl_sock_close(int fd);

/* Ends one direction, or both (SHUT_RD, SHUT_WR, SHUT_RDWR): 0. */
AWL_LOOP_THREAD int awl_sock_shutdown(int fd, int how);

/* --- connections --- */

/* Gives a socket its address: 0. */
AWL_LOOP_THREAD int awl_sock_bind(int fd, const struct sockaddr *addr, socklen_t len);

/* Lets a socket be connected to; `backlog` connections may wait for awl_sock_accept: 0. */
AWL_LOOP_THREAD int awl_sock_listen(int fd, int backlog);

/*
 * Waits for a connection: its descriptor, non-blocking and close-on-exec; whose it is in *addr, if
 * that is not NULL. A cancel loses none: one that was accepted is the result. -EINVAL for a
 * blocking listening socket. asyncio: K5.
 */
AWL_MUST AWL_TASK int awl_sock_accept(int fd, struct sockaddr *addr, socklen_t *len);

/*
 * Connects to an address, which is numeric: names are awl_getaddrinfo's business. 0. -EINVAL for a
 * blocking socket. After AWL_ECANCELED the socket may be half-way: close it. A local server with a
 * full backlog is -EAGAIN. asyncio: K4.
 */
AWL_MUST AWL_TASK int awl_sock_connect(int fd, const struct sockaddr *addr, socklen_t len);

/* --- receiving --- */

/*
 * Receives what is there, waiting while there is nothing: how many bytes; 0 at the end of a stream.
 * Flags are the system's: with MSG_DONTWAIT it does not wait, -EAGAIN; MSG_WAITALL is refused,
 * -EINVAL. asyncio: K2.
 */
AWL_MUST AWL_TASK int awl_sock_recv(int fd, void *buf, size_t len, int flags);

/*
 * The same, and from whom: *addr, of which *len is the room and then the true length. asyncio: K2.
 */
AWL_MUST AWL_TASK int awl_sock_recvfrom(
	int fd, void *buf, size_t size, int flags, struct sockaddr *addr, socklen_t *len);

/*
 * Receives a message in parts, as recvmsg(2), waiting. The message and all that it names are in use
 * until it returns. Descriptors that come with it are close-on-exec, and the caller's.
 */
AWL_MUST AWL_TASK int awl_sock_recvmsg(int fd, struct msghdr *message, int flags);

/* --- sending: a broken connection is -EPIPE, and never a signal --- */

/* Sends some of it, waiting while there is no room: how many bytes the system took. */
AWL_MUST AWL_TASK int awl_sock_send(int fd, const void *buf, size_t len, int flags);

/*
 * Sends all of it: 0. *done (NULL: not asked) is how many bytes the system took, whatever was
 * returned. MSG_DONTWAIT is refused, -EINVAL. asyncio: K3.
 */
AWL_MUST AWL_TASK int awl_sock_sendall(
	int fd, const void *buf, size_t len, int flags, size_t *done);

/* Sends a datagram to an address: how many bytes. asyncio: K3. */
AWL_MUST AWL_TASK int awl_sock_sendto(int fd, const void *buf, size_t size, int flags,
	const struct sockaddr *addr, socklen_t len);

/* Sends a message in parts, as sendmsg(2), waiting: how many bytes. */
AWL_MUST AWL_TASK int awl_sock_sendmsg(int fd, const struct msghdr *message, int flags);

/*
 * Sends `count` bytes of a file, or up to its end where count is 0, beginning at `offset`; the
 * file's own position stays. 0, also where the file ends before. *done (NULL: not asked) is how
 * many bytes the system took, whatever was returned. The file is read in a thread of the pool, sent
 * without a copy if the socket is non-blocking. Refused: -EINVAL (a negative number, a socket that
 * is no stream), -ESPIPE (a file without positions). asyncio: K8, K10.
 */
AWL_MUST AWL_TASK int awl_sock_sendfile(
	int fd, int file, int64_t offset, int64_t count, int64_t *done);

/* --- what it is --- */

/* The address of this end, or of the other: 0, *len the true length. Streams' descriptors too. */
AWL_LOOP_THREAD int awl_sock_getsockname(int fd, struct sockaddr *addr, socklen_t *len);
AWL_LOOP_THREAD int awl_sock_getpeername(int fd, struct sockaddr *addr, socklen_t *len);

/* Reads or sets an option: 0. Streams' descriptors too. */
AWL_LOOP_THREAD int awl_sock_getsockopt(int fd, int level, int name, void *value, socklen_t *len);
AWL_LOOP_THREAD int awl_sock_setsockopt(
	int fd, int level, int name, const void *value, socklen_t len);

/* --- between processes: sockets of AF_UNIX --- */

typedef struct awl_credentials {
	pid_t pid;
	uid_t uid;
	gid_t gid;
} awl_credentials;

/* Who made the other end, when it connected or listened: 0. */
AWL_LOOP_THREAD int awl_sock_peer_credentials(int fd, awl_credentials *ret);

/* At most so many descriptors go with one message. */
#define AWL_SOCK_FDS_MAX 253

/*
 * Sends bytes, at least one, and with the first of them `count` descriptors, which stay the
 * caller's: how many bytes the system took.
 */
AWL_MUST AWL_TASK int awl_sock_send_fds(
	int fd, const void *buf, size_t len, const int *fds, int count);

/*
 * Receives bytes, and the descriptors that come with them, close-on-exec and the caller's: how many
 * bytes. *count is the room in fds, and then how many came: all of them or none. Where they are
 * more than the room, or the system had no numbers for them, those that came are closed and *count
 * is -EMSGSIZE or -EMFILE; the bytes are there all the same. On failure *count is 0.
 */
AWL_MUST AWL_TASK int awl_sock_recv_fds(int fd, void *buf, size_t len, int *fds, int *count);

/* --- callbacks for a descriptor, for libraries that have a loop of their own --- */

/*
 * Calls fn(arg) whenever there is something to read (or an error, or the end), once an iteration,
 * for as long as it is so; or room to write. One reader and one writer a descriptor: another one
 * takes its place. fn may not wait; a negative return goes to the exception handler, and it stays.
 * Remove it before the descriptor is closed (awl_sock_close does); it may remove itself. A loop
 * that is closed forgets it. Refused: -EBADF, -EBUSY (a stream's), -ENOMEM, AWL_ECLOSED. asyncio:
 * K1.
 */
AWL_LOOP_THREAD int awl_loop_add_reader(awl_loop *loop, int fd, awl_fn *fn, void *arg);
AWL_LOOP_THREAD int awl_loop_add_writer(awl_loop *loop, int fd, awl_fn *fn, void *arg);

/* Takes it back: 1, and fn is not called any more; 0: there was none. asyncio: K1. */
AWL_LOOP_THREAD int awl_loop_remove_reader(awl_loop *loop, int fd);
AWL_LOOP_THREAD int awl_loop_remove_writer(awl_loop *loop, int fd);

AWL__END

#endif
