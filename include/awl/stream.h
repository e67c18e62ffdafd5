/* SPDX-License-Identifier: MIT */
/*
 * stream.h - one connection, both ways: reading, writing, closing.
 *
 *	static int echo(awl_stream *s, void *arg)
 *	{
 *		const char *line;
 *		int n;
 *
 *		while ((n = awl_stream_readline(s, &line)) > 0)
 *			if ((n = awl_stream_write_all(s, line, n, NULL)) < 0)
 *				break;
 *		return n;
 *	}
 *
 * A stream belongs to the loop it was made in. One task may read it and another write it at the
 * same time; a second reader, or a second writer, is refused (-EBUSY) and never interleaved. It
 * owns its descriptor: nobody else reads, writes or closes that.
 *
 * What has arrived is given before the error that came behind it; the end of the stream and an
 * error, once told, are told again by each later read. What waits is cancelled without loss: bytes
 * that had come stay in the stream, or are the call's result.
 *
 * A stream that waits holds no buffer. readline, readuntil and peek give a pointer into one that
 * the stream borrows from its loop while there is something in it; the bytes are valid until the
 * next reading call or the close.
 */
#ifndef AWL_STREAM_H
#define AWL_STREAM_H

#include <awl/types.h>

#include <sys/socket.h>
#include <sys/uio.h>

AWL__BEGIN

typedef struct awl_stream awl_stream;

/* --- reading ------------------------------------------------------------------------------------
 * All of them: -EBUSY (another task reads), -ETIMEDOUT (the idle timeout), AWL_EDEAD (closed, also
 * while it waited), AWL_ECANCELED, AWL_ENOTASK, AWL_ESCOPE, -ENOMEM, or the connection's error.
 */

/*
 * Reads what is there, at least one byte, at most `len`: how many; 0 at the end of the stream, and
 * where len is 0. Waits only while there is nothing. asyncio: R2.
 */
AWL_MUST AWL_TASK int awl_stream_read(awl_stream *s, void *buf, size_t len);

/*
 * Reads `len` bytes, however many that are: 0. AWL_EINCOMPLETE where the stream ends before. *done
 * (NULL: not asked) is how many are in buf, whatever was returned: none is lost. asyncio: R3.
 */
AWL_MUST AWL_TASK int awl_stream_readexactly(awl_stream *s, void *buf, size_t len, size_t *done);

/*
 * Reads until the end of the stream, into memory that the caller frees with awl_free: 0, *data with
 * a zero byte behind it, *len. -EMSGSIZE beyond `max` bytes, and then, as after any other failure,
 * what has come stays to be read. asyncio: R2, read(-1).
 */
AWL_MUST AWL_TASK int awl_stream_read_to_end(awl_stream *s, size_t max, void **data, size_t *len);

/*
 * Waits for a line and gives it, with its '\n': its length. The last one may lack it; 0 at the end
 * of the stream. AWL_ELIMIT: there is none within the limit, and nothing was taken. asyncio: R5.
 */
AWL_MUST AWL_TASK int awl_stream_readline(awl_stream *s, const char **line);

/*
 * The same up to and with a separator of `len` bytes. AWL_EINCOMPLETE at the end of the stream:
 * what has come stays to be read. asyncio: R4.
 */
AWL_MUST AWL_TASK int awl_stream_readuntil(
	awl_stream *s, const void *separator, size_t len, const char **data);

/* The same up to the first of several: the shortest that matches. asyncio: R4. */
AWL_MUST AWL_TASK int awl_stream_readuntil_any(
	awl_stream *s, const struct iovec *separators, int count, const char **data);

/*
 * Waits until something is there and shows it without taking it: how many bytes; 0 at the end of
 * the stream. awl_stream_consume takes the first `len` of them: -EINVAL for more than are there.
 */
AWL_MUST AWL_TASK int awl_stream_peek(awl_stream *s, const void **data);
AWL_LOOP_THREAD int awl_stream_consume(awl_stream *s, size_t len);

/* Whether the end has come and everything was read: 1, 0. asyncio: at_eof. */
AWL_LOOP_THREAD int awl_stream_at_eof(awl_stream *s);

/* --- writing ------------------------------------------------------------------------------------
 * All of them: -EBUSY (another task writes), -EPIPE (after awl_stream_write_eof, or where the peer
 * reads no more; never SIGPIPE), -ECONNRESET, -ETIMEDOUT, AWL_EDEAD, AWL_ECANCELED, AWL_ENOTASK,
 * AWL_ESCOPE. What was written with awl_stream_write_buffered before goes first.
 */

/* Writes at least one byte, at most `len`: how many the kernel has taken. */
AWL_MUST AWL_TASK int awl_stream_write(awl_stream *s, const void *buf, size_t len);
AWL_MUST AWL_TASK int awl_stream_writev(awl_stream *s, const struct iovec *parts, int count);

/*
 * Writes all of it: 0 once the kernel has taken the last byte. *done (NULL: not asked) is how far
 * it came, whatever was returned. asyncio: R8, P2, P3.
 */
AWL_MUST AWL_TASK int awl_stream_write_all(
	awl_stream *s, const void *buf, size_t len, size_t *done);
AWL_MUST AWL_TASK int awl_stream_writelines(
	awl_stream *s, const struct iovec *parts, int count, size_t *done);

/*
 * Writes without waiting, asyncio's way: takes a copy, sends what the kernel takes at once, and the
 * rest as it can. -ENOMEM, -EBUSY while a task is in another writing call; an error that the rest
 * meets comes out of the next call. awl_stream_drain waits while more than the high mark is unsent,
 * until it is no more than the low one; any number of tasks may. asyncio: R8, P2.
 */
AWL_LOOP_THREAD int awl_stream_write_buffered(awl_stream *s, const void *buf, size_t len);
AWL_MUST AWL_TASK int awl_stream_drain(awl_stream *s);

/* The marks, 64 KiB and 16 KiB by default; high >= low, else -EINVAL. asyncio: P7. */
AWL_LOOP_THREAD int awl_stream_set_write_buffer_limits(awl_stream *s, size_t high, size_t low);

/* How many bytes are taken and not yet sent. */
AWL_LOOP_THREAD int64_t awl_stream_get_write_buffer_size(awl_stream *s);

/* Sends what is buffered and then the end of the stream; reading goes on. Twice: 0. asyncio: P4. */
AWL_MUST AWL_TASK int awl_stream_write_eof(awl_stream *s);

/*
 * Sends `count` bytes of a file from `offset` (its own position stays), or to its end where count
 * is 0: 0. *done as ever. The file is read in the pool, sent without a copy where the kernel can.
 * asyncio: K9.
 */
AWL_MUST AWL_TASK int awl_stream_sendfile(
	awl_stream *s, int file, int64_t offset, int64_t count, int64_t *done);

/* --- its end --------------------------------------------------------------------------------- */

/*
 * Begins to close: no more is read, waiting readers and writers get AWL_EDEAD, what is buffered is
 * still sent, and once the kernel has let go of everything the descriptor is closed. Again: 0.
 * asyncio: R9, P5.
 */
AWL_LOOP_THREAD int awl_stream_close(awl_stream *s);

/* The same without sending the rest; over TCP the peer sees a reset. */
AWL_LOOP_THREAD int awl_stream_abort(awl_stream *s);

/* Waits until it is closed: 0, or the error that the connection ended with. asyncio: R9. */
AWL_MUST AWL_TASK int awl_stream_wait_closed(awl_stream *s);

/* Whether it is closing or closed: 1, 0. */
AWL_LOOP_THREAD int awl_stream_is_closing(awl_stream *s);

/*
 * Each who keeps a stream has a reference. With the last one it is closed, aborted and reported if
 * nobody had closed it; a close under way goes on by itself. NULL is ignored by unref. asyncio:
 * P14.
 */
AWL_LOOP_THREAD awl_stream *awl_stream_ref(awl_stream *s);
AWL_LOOP_THREAD void awl_stream_unref(awl_stream *s);

/* --- what it is ------------------------------------------------------------------------------ */

/*
 * How many bytes readline and readuntil take before a separator, and how much is read ahead at
 * most: 64 KiB, unless it is set here. -EINVAL for 0. asyncio: R1, R7.
 */
AWL_LOOP_THREAD int awl_stream_set_limit(awl_stream *s, size_t limit);

/*
 * A read or a write that waits while for `ns` no byte goes either way fails, -ETIMEDOUT; the stream
 * stays usable. AWL_FOREVER, the default: never.
 */
AWL_LOOP_THREAD int awl_stream_set_idle_timeout(awl_stream *s, int64_t ns);

/*
 * The address of this end, and of the other: 0, *len the address's true length. -ENOTSOCK for one
 * in memory. asyncio: P12.
 */
AWL_LOOP_THREAD int awl_stream_getsockname(awl_stream *s, struct sockaddr *addr, socklen_t *len);
AWL_LOOP_THREAD int awl_stream_getpeername(awl_stream *s, struct sockaddr *addr, socklen_t *len);

/* The number of its descriptor, for options; it stays the stream's. -ENOTSOCK, AWL_EDEAD. */
AWL_LOOP_THREAD int awl_stream_fd(awl_stream *s);

/* --- making ---------------------------------------------------------------------------------- */

/*
 * Makes a stream of the running loop around a connected socket, which is the stream's from now on:
 * made non-blocking, TCP_NODELAY. One reference. -ENOTSOCK, -ENOTCONN, -EBUSY (it has an owner),
 * -ENOMEM: the descriptor is still the caller's. asyncio: P23.
 */
AWL_MUST AWL_LOOP_THREAD int awl_stream_open(int fd, awl_stream **ret);

/*
 * Gives the descriptor back, non-blocking, and is closed: its number. -EBUSY while a task uses the
 * stream, or bytes are in it, read or unsent.
 */
AWL_MUST AWL_LOOP_THREAD int awl_stream_detach(awl_stream *s);

/* Two streams of the running loop, in memory: what one writes the other reads. For tests. */
AWL_MUST AWL_LOOP_THREAD int awl_stream_pair(awl_stream *pair[2]);

/*
 * Copies from one to the other until the first ends: 0; *copied (NULL: not asked) is how much went
 * over, whatever was returned. Does not send the end on.
 */
AWL_MUST AWL_TASK int awl_copy(awl_stream *from, awl_stream *to, int64_t *copied);

/*
 * Copies both ways at once, each end sent on as it comes, until both have ended: 0; the first
 * failure ends both.
 */
AWL_MUST AWL_TASK int awl_copy_both(awl_stream *a, awl_stream *b, int64_t *a_to_b, int64_t *b_to_a);

AWL__END

#endif
