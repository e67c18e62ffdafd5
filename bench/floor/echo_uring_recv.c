/* SPDX-License-Identifier: MIT */
/*
 * echo_uring_recv - an echo server on a bare io_uring: each connection has a buffer, a send and the
 * next receive are handed in as one linked pair, and the send says nothing unless it fails: one
 * trip to the kernel a message, or less. A send that the kernel cannot take in full breaks the
 * link; it then ends the connection (MSG_WAITALL has the kernel go on by itself first).
 */
#include "ring.h"

struct connection {
	int fd;
	char buffer[];
};

static struct connection listener;
static size_t buffer_len;

static void receive(struct connection *c)
{
	struct io_uring_sqe *sqe = ring_sqe();

	io_uring_prep_recv(sqe, c->fd, c->buffer, buffer_len, 0);
	io_uring_sqe_set_data(sqe, c);
}

static void echo(struct connection *c, size_t len)
{
	struct io_uring_sqe *sqe;

	if (io_uring_sq_space_left(&ring) < 2)
		io_uring_submit(&ring); /* a link does not reach over to the next submit */
	sqe = ring_sqe();
	io_uring_prep_send(sqe, c->fd, c->buffer, len, MSG_WAITALL | MSG_NOSIGNAL);
	io_uring_sqe_set_flags(sqe, IOSQE_IO_LINK | IOSQE_CQE_SKIP_SUCCESS);
	io_uring_sqe_set_data(sqe, NULL); /* the receive behind it tells what it did */
	receive(c);
}

static void accepted(int fd)
{
	struct connection *c;

	if (fd < 0)
		return;
	server_no_delay(fd);
	bench_check((c = malloc(sizeof(*c) + buffer_len)));
	c->fd = fd;
	receive(c);
}

static void completed(struct io_uring_cqe *cqe)
{
	struct connection *c = io_uring_cqe_get_data(cqe);

	if (!c)
		return;
	if (c == &listener) {
		accepted(cqe->res);
		if (!(cqe->flags & IORING_CQE_F_MORE))
			ring_accept(listener.fd, &listener);
	} else if (cqe->res > 0) {
		echo(c, (size_t)cqe->res);
	} else {
		close(c->fd);
		free(c);
	}
}

int main(int argc, char **argv)
{
	buffer_len = server_buffer(argc, argv);
	ring_begin();
	listener.fd = server_listen(0);
	ring_accept(listener.fd, &listener);
	ring_run(completed);
}
