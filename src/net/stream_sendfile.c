/* SPDX-License-Identifier: MIT */
/*
 * stream_sendfile.c - a file sent through a stream: as its class knows how, else read in a thread
 * and written, a piece at a time.
 */
#include "base/alloc.h"
#include "net/sendfile.h"
#include "net/stream.h"

#include <awl/executor.h>

#include <unistd.h>

#define PIECE (64u << 10)

struct piece {
	int file;
	void *buf;
	size_t len;
	int64_t offset;
};

static int read_piece(void *arg)
{
	struct piece *p = arg;
	ssize_t n = TEMP_FAILURE_RETRY(pread(p->file, p->buf, p->len, p->offset));

	return n < 0 ? -errno : (int)n;
}

static int send_pieces(
	awl_stream *s, struct awl__task *t, struct piece *p, int64_t count, int64_t *done)
{
	while (*done < count) {
		size_t sent = 0;
		int r;

		p->len = count - *done < PIECE ? (size_t)(count - *done) : PIECE;
		r = awl_to_thread(read_piece, p);
		if (r <= 0)
			return r;
		r = awl__stream_send_all(s, t, p->buf, (size_t)r, &sent);
		*done += (int64_t)sent;
		p->offset += (int64_t)sent;
		if (r < 0)
			return r;
	}
	return 0;
}

static int by_pieces(
	awl_stream *s, struct awl__task *t, int file, int64_t offset, int64_t count, int64_t *done)
{
	struct piece p = { .file = file, .buf = awl__alloc(PIECE), .offset = offset };
	int r;

	if (!p.buf)
		return -ENOMEM;
	r = send_pieces(s, t, &p, count, done);
	awl__free(p.buf);
	return r;
}

int awl_stream_sendfile(awl_stream *s, int file, int64_t offset, int64_t count, int64_t *done)
{
	int64_t sent = 0;
	int r;

	if (done)
		*done = 0;
	AWL__STREAM_TASK(s, t);
	r = awl__sendfile_check(file, offset, &count, __func__);
	if (r == 0)
		r = awl__writing_begin(s, t, __func__);
	if (r < 0)
		return r;
	if (s->class->sendfile)
		r = s->class->sendfile(s, t, file, offset, count, &sent);
	else
		r = by_pieces(s, t, file, offset, count, &sent);
	if (done)
		*done = sent;
	return awl__writing_end(s, r);
}
