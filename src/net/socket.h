/* SPDX-License-Identifier: MIT */
/*
 * socket.h - what the calls on lent sockets have in common.
 */
#ifndef AWL__SOCKET_H
#define AWL__SOCKET_H

#include "task/op.h"

#include <awl/socket.h>

/* For calls that name no loop: the one that runs in this thread; NULL, and the refusal is told. */
awl_loop *awl__sock_loop(int *refusal, const char *call);

#define AWL__SOCK_LOOP(l) \
	int refused_; \
	awl_loop *l = awl__sock_loop(&refused_, __func__); \
	if (awl__unlikely(!l)) \
	return refused_

/* For calls that wait: the running task, its wait begun. */
int awl__sock_task(struct awl__task **ret, int fd, const char *call);

#define AWL__SOCK_TASK(t, fd) \
	struct awl__task *t; \
	int refused_ = awl__sock_task(&t, fd, __func__); \
	if (awl__unlikely(refused_ < 0)) \
	return refused_

static inline const struct awl__net *awl__sock_net(const awl_loop *l)
{
	return l->reactor->class->net;
}

/* Whether the descriptor blocks; sim's never do. */
bool awl__sock_blocks(const awl_loop *l, int fd);

/* A length as operations have it. */
static inline uint32_t awl__sock_length(size_t len)
{
	return len > AWL_TRANSFER_MAX ? AWL_TRANSFER_MAX : (uint32_t)len;
}

/* RECVMSG and SENDMSG: waits, or tries where the flags have MSG_DONTWAIT. */
int awl__sock_message(
	struct awl__task *t, uint8_t kind, int fd, struct msghdr *hdr, int flags, const char *call);

#endif
