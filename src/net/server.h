/* SPDX-License-Identifier: MIT */
/*
 * server.h - a server inside.
 *
 * Its supervisor is a task with a group. The group's children are a task a listening socket, which
 * accepts, and a task a connection. That a connection ends, however it does, concerns nobody else;
 * that one who accepts ends closes the server. The supervisor ends when all of them have, and that
 * is what who waits for the server waits for: so the graph of waits shows it, and a loop that
 * closes ends connections first, then the server, then who serves.
 */
#ifndef AWL__SERVER_H
#define AWL__SERVER_H

#include "net/listen.h"
#include "net/stream.h"

struct awl_server {
	awl_loop *loop;
	uint32_t refs; /* the users' */
	uint32_t inside; /* the supervisor, until it ends, and calls that wait */
	bool begun; /* the supervisor has */
	awl_task *supervisor;
	struct awl__scope *group; /* the supervisor's, while it is open */
	awl_connected_fn *fn;
	void *arg;
	const void *place; /* debug: where it was made */
	struct awl__listening at;
	struct awl__list connections;
	int count; /* of those */
	int max; /* 0: any number */
	size_t limit;
	int64_t idle_timeout;
	bool serving, closed;
	bool served; /* somebody is in serve_forever */
	int failure; /* why it has closed, if nobody asked for it */
	struct awl__list waiting; /* who accepts, until it serves, or has room */
};

/* Accepts no more, from now on; err: why, if nobody asked for it. Again: nothing. */
void awl__server_close(awl_server *s, int err);

/* "server at 127.0.0.1:80" */
const char *awl__server_words(const awl_server *s, char *buf, size_t len);

/* Who can begin, or accept, does. */
void awl__server_go_on(awl_server *s);

/* A child of the group, a task a listener, which accepts until the server is closed (accept.c). */
int awl__accept_begin(struct awl__listener *k);
bool awl__accept_ended(awl_server *s, struct awl__task *child); /* false: it was none of those */

/*
 * A child of the group that serves a connection (connection.c): the descriptor is its own then.
 * -ENOMEM, or what a task factory says: it is still the caller's.
 */
int awl__connection_begin(awl_server *s, int fd, int listener);
void awl__connection_ended(awl_server *s, struct awl__task *child);
void awl__connections_stop(awl_server *s, bool abort);

#endif
