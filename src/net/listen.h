/* SPDX-License-Identifier: MIT */
/*
 * listen.h - the sockets that a server listens at.
 */
#ifndef AWL__LISTEN_H
#define AWL__LISTEN_H

#include "task/task.h"

#include <awl/server.h>

#include <sys/stat.h>

struct awl__listener {
	awl_server *server;
	struct awl__task *task; /* which accepts; NULL: none */
	int fd; /* the reactor knows its owner; -1: closed */
	bool adopted; /* others may listen at it too */
	bool lent; /* adopted, and the caller's until the start has succeeded */
	int status_flags, fd_flags; /* and these it had */
	bool quiet; /* its want of something was told, and nothing was accepted since */
	socklen_t len;
	struct sockaddr_storage address;
};

struct awl__listening {
	struct awl__listener *all;
	int count;
	char *path; /* of a socket file of ours; NULL: none */
	dev_t dev; /* which file that is */
	ino_t ino;
};

/*
 * Opens the sockets of the options: 0, at least one; or the refusal, with nothing of its own left
 * open, and the caller's descriptors still his. Waits for names.
 */
int awl__listen(struct awl__task *t, const awl_server_options *o, struct awl__listening *ret,
	const char *call);

/* From now on nobody is let in, though an accept may be in flight; the socket file is removed. */
void awl__listening_end(awl_loop *l, struct awl__listening *g);

/* With no accept in flight. */
void awl__listener_close(awl_loop *l, struct awl__listener *k);

void awl__listening_free(awl_loop *l, struct awl__listening *g);

#endif
