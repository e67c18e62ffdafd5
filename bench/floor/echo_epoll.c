/* SPDX-License-Identifier: MIT */
/*
 * echo_epoll - an echo server that is nothing but epoll: level-triggered, one receive into a buffer
 * that all connections share and one send a wake. What the kernel does not take is kept aside until
 * it does. The floor leaves out tasks, timeouts, cancelling, and every check but of the calls.
 */
#include "server.h"

#include <sys/epoll.h>

#define EVENTS 256

struct connection {
	int fd;
	char *rest; /* received and not taken back yet; NULL: nothing */
	size_t at, len;
};

static struct connection listener;
static char *buffer;
static size_t buffer_len;
static int epoll;

static void want(struct connection *c, int how, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = c };

	bench_check(epoll_ctl(epoll, how, c->fd, &ev) == 0);
}

static void end(struct connection *c)
{
	close(c->fd);
	free(c->rest);
	free(c);
}

static void accept_one(void)
{
	int fd = accept4(listener.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct connection *c;

	if (fd < 0)
		return;
	server_no_delay(fd);
	bench_check((c = calloc(1, sizeof(*c))));
	c->fd = fd;
	want(c, EPOLL_CTL_ADD, EPOLLIN);
}

/* How much the kernel has taken; -1: the connection is no more. */
static ssize_t send_some(struct connection *c, const char *data, size_t len)
{
	ssize_t n = send(c->fd, data, len, MSG_NOSIGNAL);

	return n < 0 && errno == EAGAIN ? 0 : n;
}

static void echo(struct connection *c)
{
	ssize_t got = recv(c->fd, buffer, buffer_len, 0), sent;

	if (got < 0 && errno == EAGAIN)
		return;
	sent = got > 0 ? send_some(c, buffer, (size_t)got) : -1;
	if (sent < 0) {
		end(c);
	} else if (sent < got) {
		c->at = 0;
		c->len = (size_t)(got - sent);
		bench_check((c->rest = malloc(c->len)));
		memcpy(c->rest, buffer + sent, c->len);
		want(c, EPOLL_CTL_MOD, EPOLLOUT);
	}
}

static void send_rest(struct connection *c)
{
	ssize_t sent = send_some(c, c->rest + c->at, c->len - c->at);

	if (sent < 0) {
		end(c);
	} else if ((c->at += (size_t)sent) == c->len) {
		free(c->rest);
		c->rest = NULL;
		want(c, EPOLL_CTL_MOD, EPOLLIN);
	}
}

int main(int argc, char **argv)
{
	struct epoll_event ev[EVENTS];

	buffer_len = server_buffer(argc, argv);
	bench_check((buffer = malloc(buffer_len)));
	bench_check((epoll = epoll_create1(EPOLL_CLOEXEC)) >= 0);
	listener.fd = server_listen(SOCK_NONBLOCK);
	want(&listener, EPOLL_CTL_ADD, EPOLLIN);
	for (;;) {
		int n = epoll_wait(epoll, ev, EVENTS, -1);

		for (int i = 0; i < n; i++) {
			struct connection *c = ev[i].data.ptr;

			if (c == &listener)
				accept_one();
			else if (c->rest)
				send_rest(c);
			else
				echo(c);
		}
	}
}
