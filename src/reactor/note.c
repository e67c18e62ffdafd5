/* SPDX-License-Identifier: MIT */
/*
 * note.c - see note.h: what is more than a word.
 */
#include "reactor/note.h"

#include <sys/socket.h>

/* The length that the kernel tells is of the whole address, however little of it had room. */
static size_t address_len(socklen_t told)
{
	return told < sizeof(struct sockaddr_storage) ? told : sizeof(struct sockaddr_storage);
}

#if AWL__ASAN
static void mark(const void *p, size_t len, bool in_flight)
{
	if (!p || len == 0)
		return;
	if (in_flight)
		AWL__POISON(p, len);
	else
		AWL__UNPOISON(p, len);
}

/* The kernel answers with lengths in the place of those it was given, which are kept therefore. */
static void mark_message(struct awl__op *op, bool in_flight)
{
	const struct msghdr *m = op->u.msg.hdr;

	if (in_flight) {
		op->noted.name = m->msg_namelen;
		op->noted.control = m->msg_controllen;
	}
	for (size_t i = 0; i < m->msg_iovlen; i++)
		mark(m->msg_iov[i].iov_base, m->msg_iov[i].iov_len, in_flight);
	mark(m->msg_name, op->noted.name, in_flight);
	mark(m->msg_control, op->noted.control, in_flight);
}

static void mark_address(struct awl__op *op, bool in_flight)
{
	if (!op->u.accept.addr)
		return;
	if (in_flight)
		op->noted.name = *op->u.accept.len;
	mark(op->u.accept.addr, op->noted.name, in_flight);
	mark(op->u.accept.len, sizeof *op->u.accept.len, in_flight);
}
#endif

#if AWL__ASAN
void awl__note_memory(struct awl__op *op, bool in_flight)
{
	switch (op->kind) {
	case AWL__OP_READ:
		mark(op->u.rw.buf, op->u.rw.len, in_flight);
		break;
	case AWL__OP_RECV:
		mark(op->u.sock.buf, op->u.sock.len, in_flight);
		break;
	case AWL__OP_RECVMSG:
		mark_message(op, in_flight);
		break;
	case AWL__OP_ACCEPT:
		mark_address(op, in_flight);
		break;
	default:
		break;
	}
}
#endif

/* A number that no call of libc gave is unknown to TSan; connect is enough to tell it of a socket,
 * and of one that is connected already it asks nothing but EINVAL. */
static void known_as_socket(int fd)
{
#if AWL__TSAN
	int kept = errno;

	if (connect(fd, NULL, 0) < 0)
		errno = kept;
#else
	(void)fd;
#endif
}

static void defined_message(const struct msghdr *m, size_t n)
{
	VALGRIND_MAKE_MEM_DEFINED(m, sizeof *m);
	for (size_t i = 0; n > 0 && i < m->msg_iovlen; i++) {
		size_t here = n < m->msg_iov[i].iov_len ? n : m->msg_iov[i].iov_len;

		VALGRIND_MAKE_MEM_DEFINED(m->msg_iov[i].iov_base, here);
		n -= here;
	}
	if (m->msg_name)
		VALGRIND_MAKE_MEM_DEFINED(m->msg_name, address_len(m->msg_namelen));
	if (m->msg_control)
		VALGRIND_MAKE_MEM_DEFINED(m->msg_control, m->msg_controllen);
}

static void defined_address(const struct awl__op *op)
{
	if (!op->u.accept.addr)
		return;
	VALGRIND_MAKE_MEM_DEFINED(op->u.accept.len, sizeof *op->u.accept.len);
	VALGRIND_MAKE_MEM_DEFINED(op->u.accept.addr, address_len(*op->u.accept.len));
}

void awl__note_brought(const struct awl__op *op)
{
	size_t n = (size_t)op->res;

	switch (op->kind) {
	case AWL__OP_READ:
		VALGRIND_MAKE_MEM_DEFINED(op->u.rw.buf, n);
		break;
	case AWL__OP_RECV:
		VALGRIND_MAKE_MEM_DEFINED(op->u.sock.buf, n < op->u.sock.len ? n : op->u.sock.len);
		break;
	case AWL__OP_RECVMSG:
		defined_message(op->u.msg.hdr, n);
		break;
	case AWL__OP_ACCEPT:
		defined_address(op);
		known_as_socket(op->res);
		break;
	case AWL__OP_POLL:
		break;
	default:
		return;
	}
	awl__note_received(op->fd);
}
