/* SPDX-License-Identifier: MIT */
/*
 * room.h - sending to a local receiver who is named with the datagram, and has no room for it.
 *
 * Whose room an unconnected unix socket waits for the kernel cannot know, and calls it writable:
 * who waited for that would spin. So it looks again from time to time.
 */
#ifndef AWL__ROOM_H
#define AWL__ROOM_H

#include "task/op.h"

/*
 * A first attempt at hdr has said -EAGAIN: tries anew until it says something else, which is the
 * result; AWL_ECANCELED; AWL_EDEAD after awl__task_op_close(o), which is in use for the pauses. A
 * datagram is never left with the kernel: io_uring goes on where an attempt stopped, which for one
 * that found no room after it was copied is its end.
 */
int awl__send_when_room(struct awl__task *t, struct awl__task_op *o, struct msghdr *hdr, int flags);

#endif
