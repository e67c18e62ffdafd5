/* SPDX-License-Identifier: MIT */
/*
 * sim_message.h - what goes with bytes over a unix socket: descriptors (SCM_RIGHTS). On its way
 * each file has one name more.
 */
#ifndef AWL__SIM_MESSAGE_H
#define AWL__SIM_MESSAGE_H

#include "reactor/sim.h"

struct awl__sim_rights {
	uint32_t count;
	struct awl__sim_file *files[];
};

/* Those that a message to be sent names; *ret NULL: none. -EBADF, -EINVAL, -ENOMEM. */
int awl__sim_rights_take(
	struct awl__sim *s, const struct msghdr *hdr, struct awl__sim_rights **ret);

/*
 * They get numbers, told by hdr's control buffer, and *rights is NULL; those for which there is no
 * room or no number are closed, which is MSG_CTRUNC. hdr NULL: nobody asked for them. Without any
 * the buffer says so.
 */
void awl__sim_rights_give(struct awl__sim *s, struct awl__sim_rights **rights, struct msghdr *hdr);
void awl__sim_rights_free(struct awl__sim *s, struct awl__sim_rights *rights); /* or NULL */

#endif
