/* SPDX-License-Identifier: MIT */
/*
 * echo_uring - an echo server on a bare io_uring, tuned: one multishot receive a connection into
 * buffers that all share (a mapped ring of them), sent back from where they lie. Sends of one
 * connection go one after the other, or the kernel might mix them; a connection that finds no
 * buffer waits until one has come back.
 */
#include "ring.h"

#define POOL (64u << 20) /* bytes; at most */
#define GROUP 0

struct buffer {
	uint16_t next; /* of the connection's, in the order they came */
	uint32_t at, len;
};

struct connection {
	int fd;
	bool receiving, ending;
	uint16_t first, last; /* NONE: nothing to send */
	struct connection *starving;
};

static const uint16_t NONE = UINT16_MAX;
static struct connection listener, *starving;
static struct io_uring_buf_ring *offered;
static struct buffer *buffers;
static char *memory;
static size_t buffer_len;
static unsigned count;

static void offer(uint16_t id)
{
	io_uring_buf_ring_add(offered, memory + id * buffer_len, (unsigned)buffer_len, id,
		io_uring_buf_ring_mask(count), 0);
	io_uring_buf_ring_advance(offered, 1);
}

static void begin_buffers(void)
{
	struct io_uring_buf_reg reg = { .bgid = GROUP };

	for (count = 4096; count * buffer_len > POOL; count /= 2)
		;
	memory = malloc(count * buffer_len);
	buffers = calloc(count, sizeof(*buffers));
	offered = aligned_alloc(4096, count * sizeof(struct io_uring_buf));
	bench_check(memory && buffers && offered);
	reg.ring_addr = (uintptr_t)offered;
	reg.ring_entries = count;
	bench_check(io_uring_register_buf_ring(&ring, &reg, 0) == 0);
	io_uring_buf_ring_init(offered);
	for (unsigned id = 0; id < count; id++)
		offer((uint16_t)id);
}

static void receive(struct connection *c)
{
	struct io_uring_sqe *sqe = ring_sqe();

	io_uring_prep_recv_multishot(sqe, c->fd, NULL, 0, 0);
	io_uring_sqe_set_flags(sqe, IOSQE_BUFFER_SELECT);
	sqe->buf_group = GROUP;
	io_uring_sqe_set_data(sqe, c);
	c->receiving = true;
}

/* The low bit of the data tells a send's completion from a receive's. */
static void send_first(struct connection *c)
{
	struct buffer *b = &buffers[c->first];
	struct io_uring_sqe *sqe = ring_sqe();

	io_uring_prep_send(sqe, c->fd, memory + c->first * buffer_len + b->at, b->len,
		MSG_WAITALL | MSG_NOSIGNAL);
	io_uring_sqe_set_data64(sqe, (uintptr_t)c | 1);
}

static void accepted(int fd)
{
	struct connection *c;

	if (fd < 0)
		return;
	server_no_delay(fd);
	bench_check((c = calloc(1, sizeof(*c))));
	c->fd = fd;
	c->first = NONE;
	receive(c);
}

static void end_if_idle(struct connection *c)
{
	if (!c->ending || c->receiving || c->first != NONE)
		return;
	close(c->fd);
	free(c);
}

static void received(struct connection *c, struct io_uring_cqe *cqe)
{
	uint16_t id = (uint16_t)(cqe->flags >> IORING_CQE_BUFFER_SHIFT);

	c->receiving = cqe->flags & IORING_CQE_F_MORE;
	if (cqe->res > 0) {
		buffers[id] = (struct buffer){ .next = NONE, .len = (uint32_t)cqe->res };
		if (c->first == NONE) {
			c->first = c->last = id;
			send_first(c);
		} else {
			buffers[c->last].next = id;
			c->last = id;
		}
		if (!c->receiving)
			receive(c);
	} else if (cqe->res == -ENOBUFS) {
		c->starving = starving;
		starving = c;
	} else {
		c->ending = true;
		end_if_idle(c);
	}
}

static void sent(struct connection *c, int res)
{
	struct buffer *b = &buffers[c->first];
	uint16_t id = c->first;

	if (res > 0 && (uint32_t)res < b->len) {
		b->at += (uint32_t)res;
		b->len -= (uint32_t)res;
		send_first(c);
		return;
	}
	c->first = b->next;
	offer(id);
	if (starving) {
		struct connection *next = starving;

		starving = next->starving;
		receive(next);
	}
	if (c->first != NONE)
		send_first(c);
	else
		end_if_idle(c);
}

static void completed(struct io_uring_cqe *cqe)
{
	uint64_t data = io_uring_cqe_get_data64(cqe);
	struct connection *c = (struct connection *)(uintptr_t)(data & ~UINT64_C(1));

	if (data & 1) {
		sent(c, cqe->res);
	} else if (c != &listener) {
		received(c, cqe);
	} else {
		accepted(cqe->res);
		if (!(cqe->flags & IORING_CQE_F_MORE))
			ring_accept(listener.fd, &listener);
	}
}

int main(int argc, char **argv)
{
	buffer_len = server_buffer(argc, argv);
	ring_begin();
	begin_buffers();
	listener.fd = server_listen(0);
	ring_accept(listener.fd, &listener);
	ring_run(completed);
}
