/* SPDX-License-Identifier: MIT */
/*
 * room.c - see room.h.
 */
#include "net/room.h"
#include "base/clock.h"

#include <poll.h>

#define FIRST_PAUSE AWL_MS
#define LAST_PAUSE (16 * AWL_MS)

/* A poll for what never comes, so that it ends when the descriptor is to be closed. */
static int rest(struct awl__task *t, struct awl__task_op *o, int64_t ns)
{
	int r;

	o->op.kind = AWL__OP_POLL;
	o->op.u.events = POLLPRI;
	r = awl__task_op_run(
		t, o, awl__clock_after(awl__reactor_now(awl__task_loop(t)->reactor), ns));
	return r < 0 && r != -ETIMEDOUT ? r : 0;
}

int awl__send_when_room(struct awl__task *t, struct awl__task_op *o, struct msghdr *hdr, int flags)
{
	struct awl__reactor *reactor = awl__task_loop(t)->reactor;
	struct awl__op send = { .kind = AWL__OP_SENDMSG, .fd = o->op.fd, .u.msg = { hdr, flags } };
	int r = -EAGAIN;

	for (int64_t pause = FIRST_PAUSE; r == -EAGAIN;) {
		r = rest(t, o, pause);
		if (r == 0)
			r = awl__reactor_try(reactor, &send);
		if (pause < LAST_PAUSE)
			pause *= 2;
	}
	return r;
}
