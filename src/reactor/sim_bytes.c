/* SPDX-License-Identifier: MIT */
/*
 * sim_bytes.c - see sim_bytes.h.
 */
#include "reactor/sim_bytes.h"

#include <awl/types.h>

#include <string.h>

static uint32_t total(const struct iovec *v, size_t n)
{
	size_t sum = 0;

	for (size_t i = 0; i < n && sum < AWL_TRANSFER_MAX; i++)
		sum += v[i].iov_len < AWL_TRANSFER_MAX ? v[i].iov_len : AWL_TRANSFER_MAX;
	return sum < AWL_TRANSFER_MAX ? (uint32_t)sum : AWL_TRANSFER_MAX;
}

void awl__sim_bytes_of(const struct awl__op *op, struct awl__sim_bytes *b)
{
	*b = (struct awl__sim_bytes){ .at = &b->one };
	switch ((enum awl__op_kind)op->kind) {
	case AWL__OP_READ:
	case AWL__OP_WRITE:
		b->one = (struct iovec){ op->u.rw.buf, op->u.rw.len };
		break;
	case AWL__OP_RECV:
	case AWL__OP_SEND:
		b->one = (struct iovec){ op->u.sock.buf, op->u.sock.len };
		b->flags = op->u.sock.flags;
		break;
	case AWL__OP_RECVMSG:
	case AWL__OP_SENDMSG:
		b->hdr = op->u.msg.hdr;
		b->flags = op->u.msg.flags;
		b->at = b->hdr->msg_iov;
		b->left = total(b->hdr->msg_iov, b->hdr->msg_iovlen);
		return;
	default:
		return;
	}
	b->left = total(&b->one, 1);
}

/* The next piece that lies together, at most n of it; empty buffers are stepped over. */
static char *piece(struct awl__sim_bytes *b, uint32_t *n)
{
	char *at;

	while (b->done == b->at->iov_len) {
		b->at++;
		b->done = 0;
	}
	if (b->at->iov_len - b->done < *n)
		*n = (uint32_t)(b->at->iov_len - b->done);
	at = (char *)b->at->iov_base + b->done;
	b->done += *n;
	b->left -= *n;
	return at;
}

void awl__sim_bytes_put(struct awl__sim_bytes *b, const void *from, uint32_t n)
{
	const char *src = from;

	while (n > 0) {
		uint32_t len = n;
		char *at = piece(b, &len);

		memcpy(at, src, len);
		src += len;
		n -= len;
	}
}

void awl__sim_bytes_get(struct awl__sim_bytes *b, void *to, uint32_t n)
{
	char *dst = to;

	while (n > 0) {
		uint32_t len = n;
		const char *at = piece(b, &len);

		memcpy(dst, at, len);
		dst += len;
		n -= len;
	}
}
