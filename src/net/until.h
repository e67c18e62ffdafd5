/* SPDX-License-Identifier: MIT */
/*
 * until.h - the search for the first of several separators in bytes that come piece by piece.
 */
#ifndef AWL__UNTIL_H
#define AWL__UNTIL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct awl__until {
	const struct iovec *separators;
	int count;
	size_t longest; /* of them */
	size_t from; /* none begins before it */
	uint64_t searched; /* steps, for a test */
};

/*
 * data: all that has come so far, from the same first byte. > 0: the shortest part that ends with a
 * separator; 0: none yet; AWL_ELIMIT: none begins within `limit` bytes.
 */
int awl__until_look(struct awl__until *u, const char *data, size_t len, size_t limit);

#endif
