/* SPDX-License-Identifier: MIT */
/*
 * sim_message.c - see sim_message.h.
 */
#include "reactor/sim_message.h"
#include "base/alloc.h"

#include <string.h>

#define RIGHTS_MAX 253u /* SCM_MAX_FD */

static bool is_rights(const struct cmsghdr *c)
{
	return c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
		c->cmsg_len >= CMSG_LEN(0);
}

static uint32_t count_of(const struct cmsghdr *c)
{
	return is_rights(c) ? (uint32_t)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int)) : 0;
}

static struct cmsghdr *first(const struct msghdr *hdr)
{
	return hdr ? CMSG_FIRSTHDR(hdr) : NULL;
}

static struct cmsghdr *next(const struct msghdr *hdr, struct cmsghdr *c)
{
	return CMSG_NXTHDR((struct msghdr *)(uintptr_t)hdr, c);
}

static int take(struct awl__sim *s, const struct cmsghdr *c, struct awl__sim_rights *rights)
{
	for (uint32_t i = 0; i < count_of(c); i++) {
		struct awl__sim_file *f;
		int fd;

		memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
		f = awl__sim_file_at(s, fd);
		if (!f)
			return -EBADF;
		f->names++;
		rights->files[rights->count++] = f;
	}
	return 0;
}

int awl__sim_rights_take(struct awl__sim *s, const struct msghdr *hdr, struct awl__sim_rights **ret)
{
	struct awl__sim_rights *rights;
	uint32_t count = 0;
	int err = 0;

	*ret = NULL;
	for (struct cmsghdr *c = first(hdr); c; c = next(hdr, c))
		count += count_of(c);
	if (count == 0)
		return 0;
	if (count > RIGHTS_MAX)
		return -EINVAL;
	rights = awl__alloc(sizeof *rights + count * sizeof *rights->files);
	if (!rights)
		return -ENOMEM;
	rights->count = 0;
	for (struct cmsghdr *c = first(hdr); c && err == 0; c = next(hdr, c))
		err = take(s, c, rights);
	if (err < 0)
		awl__sim_rights_free(s, rights);
	else
		*ret = rights;
	return err;
}

/* How many the control buffer takes. */
static uint32_t room_of(const struct msghdr *hdr)
{
	if (!hdr || !hdr->msg_control || hdr->msg_controllen < CMSG_LEN(sizeof(int)))
		return 0;
	return (uint32_t)((hdr->msg_controllen - CMSG_LEN(0)) / sizeof(int));
}

static void tell(struct msghdr *hdr, const int *fds, uint32_t n)
{
	struct cmsghdr c = {
		.cmsg_len = CMSG_LEN(n * sizeof *fds),
		.cmsg_level = SOL_SOCKET,
		.cmsg_type = SCM_RIGHTS,
	};
	size_t space = CMSG_SPACE(n * sizeof *fds);

	memcpy(hdr->msg_control, &c, sizeof c);
	memcpy((char *)hdr->msg_control + CMSG_LEN(0), fds, n * sizeof *fds);
	hdr->msg_controllen = space < hdr->msg_controllen ? space : hdr->msg_controllen;
}

void awl__sim_rights_give(struct awl__sim *s, struct awl__sim_rights **rights, struct msghdr *hdr)
{
	struct awl__sim_rights *r = *rights;
	uint32_t room = room_of(hdr), n = 0;
	int fds[RIGHTS_MAX];

	*rights = NULL;
	while (r && n < r->count && n < room) {
		fds[n] = awl__sim_number_new(s, r->files[n]);
		if (fds[n] < 0)
			break;
		r->files[n++]->names++;
	}
	if (hdr && r && n < r->count)
		hdr->msg_flags |= MSG_CTRUNC;
	if (n > 0)
		tell(hdr, fds, n);
	else if (hdr)
		hdr->msg_controllen = 0;
	awl__sim_rights_free(s, r);
}

void awl__sim_rights_free(struct awl__sim *s, struct awl__sim_rights *rights)
{
	for (uint32_t i = 0; rights && i < rights->count; i++)
		awl__sim_file_drop(s, rights->files[i]);
	awl__free(rights);
}
