/* SPDX-License-Identifier: MIT */
/*
 * names.h - from names to addresses and back.
 *
 *	struct addrinfo *list, hints = { .ai_socktype = SOCK_STREAM };
 *	int r = awl_getaddrinfo("example.org", "http", &hints, &list);
 *
 *	if (r < 0)
 *		return r;
 *	for (struct addrinfo *a = list; a; a = a->ai_next)
 *		...
 *	awl_freeaddrinfo(list);
 *
 * The system's own resolver answers, in a thread of the process's pool, whatever the loop's default
 * executor is; names get at most half of its threads. What is numeric is answered at once, without
 * a thread. On sim it is the simulated network that knows the names, and "localhost".
 *
 * No resolver can be interrupted: it ends by itself, by default five to thirty seconds after its
 * server fell silent. Each call therefore comes in two forms. The plain one stays with its thread
 * as awl_to_thread does: cancelled meanwhile it waits for the answer, gives it, and the request
 * stays for the next wait. The _abandonable one leaves at once; its thread goes on alone, one of
 * the few, and what it brings is freed.
 *
 * Errors of the resolver's: AWL_ENONAME (no such name or service, or no address of that family),
 * AWL_ENAMESERVER (no answer: later perhaps), -EINVAL (flags, a type that does not exist),
 * -EAFNOSUPPORT, -ENOMEM, or the errno behind EAI_SYSTEM; awl_error_detail has the name and the
 * resolver's words. Of awl's: AWL_ECANCELED, AWL_ENOTASK, AWL_ESCOPE, -EAGAIN (no thread to be
 * had).
 *
 * In debug mode one that takes longer than the loop's slow_callback_duration is told of, by name,
 * even if its task has left. asyncio: D6.
 */
#ifndef AWL_NAMES_H
#define AWL_NAMES_H

#include <awl/types.h>

#include <netdb.h>
#include <sys/socket.h>

AWL__BEGIN

struct addrinfo; /* hidden by <netdb.h> where only plain C is asked for */

/*
 * Finds the addresses of a name: 0 and *ret, at least one, in the order to be tried, to be given
 * back by awl_freeaddrinfo and by nothing else. As getaddrinfo(3): host or service may be NULL,
 * hints too. A numeric port above 65535 is refused, and AI_ADDRCONFIG does not hide a numeric
 * address. asyncio: K7.
 */
AWL_MUST AWL_TASK int awl_getaddrinfo(
	const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **ret);
AWL_MUST AWL_TASK int awl_getaddrinfo_abandonable(
	const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **ret);

/* Gives back the whole of such a list, from its first. NULL: nothing. */
AWL_ANY_THREAD void awl_freeaddrinfo(struct addrinfo *list);

/*
 * Finds the names of an address and its port, as getnameinfo(3): 0, both with a zero byte at the
 * end. host or service may be NULL: not asked for. -EOVERFLOW where one does not fit, and nothing
 * is written then. On sim addresses have no names: they are answered in numbers. asyncio: K7.
 */
AWL_MUST AWL_TASK int awl_getnameinfo(const struct sockaddr *addr, socklen_t len, char *host,
	size_t host_size, char *service, size_t service_size, int flags);
AWL_MUST AWL_TASK int awl_getnameinfo_abandonable(const struct sockaddr *addr, socklen_t len,
	char *host, size_t host_size, char *service, size_t service_size, int flags);

/*
 * Makes an address of a numeric host, "127.0.0.1", "::1" or "fe80::1%eth0", and a port: 0, *len its
 * length. -EINVAL: the host is not numeric, or the port no port.
 */
AWL_MUST AWL_ANY_THREAD int awl_address(
	const char *host, int port, struct sockaddr_storage *addr, socklen_t *len);

/*
 * Writes an address as people do, "127.0.0.1:80", "[::1]:80", "/run/socket", "@abstract", cut off
 * where it does not fit: buf. AWL_ADDRESS_TEXT bytes are enough for each.
 */
#define AWL_ADDRESS_TEXT 128
AWL_ANY_THREAD const char *awl_address_text(
	const struct sockaddr *addr, socklen_t len, char *buf, size_t size);

AWL__END

#endif
