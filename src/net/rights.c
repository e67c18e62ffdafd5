/* SPDX-License-Identifier: MIT */
/*
 * rights.c - descriptors sent to another process and received from it (SCM_RIGHTS).
 *
 * There is always room for as many as a message can have, so the kernel cuts them off only where
 * the process has no number left; whatever did come is closed then, and none leaks.
 */
#include "net/socket.h"

#include <string.h>

union control {
	char space[CMSG_SPACE(AWL_SOCK_FDS_MAX * sizeof(int))];
	struct cmsghdr align;
};

int awl_sock_send_fds(int fd, const void *buf, size_t len, const int *fds, int count)
{
	struct iovec part = { (void *)(uintptr_t)buf, awl__sock_length(len) };
	struct msghdr hdr = { .msg_iov = &part, .msg_iovlen = 1 };
	union control control;
	struct cmsghdr *c;

	if (count < 0 || count > AWL_SOCK_FDS_MAX || (count && !fds))
		return awl__fail(-EINVAL, "%s: 0 ... %d descriptors go with one message", __func__,
			AWL_SOCK_FDS_MAX);
	if (!buf || !len)
		return awl__fail(-EINVAL, "%s: descriptors go with a byte", __func__);
	AWL__SOCK_TASK(t, fd);
	if (count > 0) {
		hdr.msg_control = &control;
		hdr.msg_controllen = CMSG_SPACE((size_t)count * sizeof(int));
		memset(&control, 0, hdr.msg_controllen);
		c = CMSG_FIRSTHDR(&hdr);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN((size_t)count * sizeof(int));
		memcpy(CMSG_DATA(c), fds, (size_t)count * sizeof(int));
	}
	return awl__sock_message(t, AWL__OP_SENDMSG, fd, &hdr, 0, __func__);
}

/* What came, as far as there is room in `all`; sockets may add other words than ours. */
static int collect(struct msghdr *hdr, int all[AWL_SOCK_FDS_MAX])
{
	int n = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(hdr); c; c = CMSG_NXTHDR(hdr, c)) {
		size_t size = c->cmsg_len - CMSG_LEN(0);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		memcpy(all + n, CMSG_DATA(c), size);
		n += (int)(size / sizeof *all);
	}
	return n;
}

static void close_all(const awl_loop *l, const int *fds, int n)
{
	for (int i = 0; i < n; i++)
		awl__sock_net(l)->close(l->reactor, fds[i]);
}

/* All of them or none. */
static int take(const awl_loop *l, struct msghdr *hdr, int *fds, int room)
{
	int all[AWL_SOCK_FDS_MAX], n = collect(hdr, all);
	bool cut = hdr->msg_flags & MSG_CTRUNC;

	if (!cut && n <= room) {
		memcpy(fds, all, (size_t)n * sizeof *all);
		return n;
	}
	close_all(l, all, n);
	return cut ? -EMFILE : -EMSGSIZE;
}

int awl_sock_recv_fds(int fd, void *buf, size_t len, int *fds, int *count)
{
	struct iovec part = { buf, awl__sock_length(len) };
	union control control;
	struct msghdr hdr = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof control,
	};
	int room, r;

	AWL__NOT_NULL(count);
	room = *count;
	if (room < 0 || (room && !fds) || !buf || !len)
		return awl__fail(-EINVAL, "%s: no room", __func__);
	*count = 0;
	AWL__SOCK_TASK(t, fd);
	r = awl__sock_message(t, AWL__OP_RECVMSG, fd, &hdr, MSG_CMSG_CLOEXEC, __func__);
	if (r >= 0)
		*count = take(awl__task_loop(t), &hdr, fds, room);
	return r;
}
