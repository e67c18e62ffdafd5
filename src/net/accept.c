/* SPDX-License-Identifier: MIT */
/*
 * accept.c - the task of a listening socket: it accepts while there is somebody and room for him,
 * and rests a second where the system has no descriptor or no memory to give. Who was accepted has
 * a task, or waits for one in the hands of this one: none is lost.
 */
#include "net/server.h"
#include "task/op.h"

#include <awl/task.h>

#include <stdio.h>

#define REST AWL_SEC

/* --- what an accept fails with ------------------------------------------------------------------
 */

/* accept(2): what the network has done to a connection before we took it, and nothing of ours. */
static bool is_about_one(int err)
{
	switch (-err) {
	case ECONNABORTED:
	case ECONNRESET:
	case EAGAIN:
	case EINTR:
	case EPERM: /* a firewall's */
	case EPROTO:
	case ENOPROTOOPT:
	case ENETDOWN:
	case ENETUNREACH:
	case EHOSTDOWN:
	case EHOSTUNREACH:
	case ENONET:
	case EOPNOTSUPP:
	case ETIMEDOUT:
		return true;
	default:
		return false;
	}
}

/* Others may give some back: it can be tried again. */
static bool is_want(int err)
{
	return err == -EMFILE || err == -ENFILE || err == -ENOBUFS || err == -ENOMEM;
}

static AWL__COLD void tell(const awl_server *s, int err, const char *what)
{
	char message[256], words[160];

	snprintf(message, sizeof message, "%s %s", awl__server_words(s, words, sizeof words), what);
	awl__exception(s->loop, (awl_exception){ .message = message, .error = err, .detail = "" });
}

/* Told once, until it goes on. */
static int rest(struct awl__listener *k, int err)
{
	if (!k->quiet)
		tell(k->server, err,
			"cannot take a connection now: those who come wait, and it tries again "
			"every second");
	k->quiet = true;
	return awl_sleep(REST);
}

/* --- accepting ----------------------------------------------------------------------------------
 */

/* Until the server serves, and has room. */
static int until_wanted(struct awl__task *t, awl_server *s)
{
	int r = awl__deliver(t);

	while (r == 0 && (!s->serving || (s->max && s->count >= s->max)))
		r = awl__wait_in(t, &s->waiting, AWL__WAITS_STREAM, s);
	return r;
}

static int accept_one(struct awl__task *t, const struct awl__listener *k)
{
	struct awl__task_op o = { .op = { .kind = AWL__OP_ACCEPT, .fd = k->fd } };

	return awl__task_op_run(t, &o, INT64_MAX);
}

/* Has a task of its own from now on, or goes with the server. */
static int hand_over(struct awl__task *t, struct awl__listener *k, int fd)
{
	awl_server *s = k->server;
	int r;

	while ((r = until_wanted(t, s)) == 0) {
		r = awl__connection_begin(s, fd, k->fd);
		if (r == 0)
			return 0;
		if (r != -ENOMEM) {
			tell(s, r, "could not begin to serve a connection");
			break;
		}
		r = rest(k, r);
		if (r < 0)
			break;
	}
	s->loop->reactor->class->net->close(s->loop->reactor, fd);
	return r == AWL_ECANCELED || r == AWL_ESCOPE ? r : 0;
}

static int accept_all(struct awl__task *t, struct awl__listener *k)
{
	int r;

	while ((r = until_wanted(t, k->server)) == 0) {
		r = accept_one(t, k);
		if (r >= 0) {
			r = hand_over(t, k, r);
			k->quiet = k->quiet && r < 0;
		} else if (is_want(r)) {
			r = rest(k, r);
		} else if (is_about_one(r)) {
			r = 0;
		}
		if (r < 0)
			break;
	}
	return r;
}

static int accepts(void *arg)
{
	struct awl__listener *k = arg;
	awl_server *s = k->server;
	int r = accept_all(k->task, k);

	if (s->closed || r == AWL_ECANCELED) {
		awl__server_close(s, 0);
	} else {
		tell(s, r, "can accept no more, and closes");
		awl__server_close(s, r);
	}
	awl__listener_close(s->loop, k);
	return 0;
}

/* --- its beginning and its end ------------------------------------------------------------------
 */

int awl__accept_begin(struct awl__listener *k)
{
	awl_server *s = k->server;
	awl_task *task;
	int r = awl__group_add(s->group, NULL, accepts, k, &task, s->place, "awl_start_server");

	if (r == 0)
		k->task = (struct awl__task *)task;
	return r;
}

bool awl__accept_ended(awl_server *s, struct awl__task *child)
{
	int r = awl__future_outcome(&child->future);

	for (int i = 0; i < s->at.count; i++) {
		struct awl__listener *k = &s->at.all[i];

		if (k->task != child)
			continue;
		k->task = NULL;
		if (k->fd >= 0) { /* there was no stack for it */
			if (s->refs) /* else the call that starts it tells */
				tell(s, r, "can accept no more, and closes");
			awl__server_close(s, r);
			awl__listener_close(s->loop, k);
		}
		return true;
	}
	return false;
}
