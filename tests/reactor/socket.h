/* SPDX-License-Identifier: MIT */
/*
 * socket.h - sockets of a reactor's world, the kernel's or sim's, and an operation on one a line.
 * How a descriptor is used is a body's parameter: lent, or owned by the reactor.
 */
#ifndef SOCKET_H
#define SOCKET_H

#include "reactor/rig.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>

enum link_kind { LINK_LOCAL, LINK_TCP, LINK_KINDS };

/* Two ends that are connected, each owned if asked for. */
struct link {
	int fds[2];
	bool owned;
};

void link_open(struct rig *g, struct link *l, enum link_kind kind, bool owned);
void link_close(struct rig *g, struct link *l);
void link_shut(struct rig *g, struct link *l, int end); /* this end alone */

/* Every sort of link, lent and owned. */
#define EACH_LINK(g, l) \
	for (int each_ = 0; each_ < 2 * LINK_KINDS && \
		(link_open(g, l, (enum link_kind)(each_ / 2), each_ % 2), true); \
		link_close(g, l), each_++)

int net_listener(struct rig *g, struct sockaddr_in *at); /* on a free port of 127.0.0.1 */
int net_socket(struct rig *g, int domain, int type);
void net_shut(struct rig *g, int fd);

/* Each submits. */
void net_recv(struct rig *g, struct rig_op *o, int fd, void *buf, uint32_t len, int flags);
void net_send(struct rig *g, struct rig_op *o, int fd, const void *buf, uint32_t len);
void net_recvmsg(struct rig *g, struct rig_op *o, int fd, struct msghdr *m, int flags);
void net_sendmsg(struct rig *g, struct rig_op *o, int fd, struct msghdr *m);
void net_accept(struct rig *g, struct rig_op *o, int fd);
void net_connect(struct rig *g, struct rig_op *o, int fd, const void *addr, socklen_t len);

/* All of it, and exactly it. */
void net_put(struct rig *g, int fd, const char *text);
void net_expect(struct rig *g, int fd, const char *text);
/* The receive under way and as many more as it takes: len bytes are in buf. */
void net_gather(struct rig *g, struct rig_op *o, int fd, char *buf, uint32_t len);
void net_expect_end(struct rig *g, int fd);

#endif
