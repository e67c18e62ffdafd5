/* SPDX-License-Identifier: MIT */
/*
 * load - a load on an echo server at 127.0.0.1, and what the server spends on it. Each connection
 * keeps DEPTH messages of BYTES under way: as one comes back, the next one goes. One thread, one
 * epoll, one receive and one send a wake of a connection: no more than the barest server does.
 *
 *	load -p PORT [-s PID] [-c CONNECTIONS] [-b BYTES] [-d DEPTH] [-t MS | -n MESSAGES] [-k]
 *	load -p PORT -a ...	accept: connect, one byte to and fro, close, over and over
 *	load -p PORT -i ...	idle: connect, one message each, then look at the server's memory
 *
 * -t: for so many ms, after a warm-up of a fifth of that and three messages a connection, in which
 * each byte is compared; -n: until so many have come back, for those who count by other means. -k:
 * count system calls and user instructions, which costs a little. Prints one line a metric: its
 * name and its value.
 */
#include "histogram.h"
#include "watch.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#define EVENTS 512
#define CHUNK (256 * 1024) /* the most that one call receives or sends */

struct connection {
	int fd;
	bool waits_to_send;
	uint32_t got; /* of the message that is coming back */
	uint32_t sent; /* of the message that is going out */
	uint64_t unsent; /* bytes, of that and of those behind it */
	uint32_t oldest; /* in `since` */
	int64_t *since; /* when each message under way was handed over, a ring of `depth` */
};

static struct {
	int port, connections, bytes, depth, ms;
	long messages;
	pid_t server;
	bool count, accept, idle;
} option = { .connections = 1, .bytes = 64, .depth = 1, .ms = 300 };

static struct histogram latency;
static struct watch watch;
static struct connection *all;
static char *payload, *received;
static bool verify = true;
static int epoll;

static int connect_to_server(void)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)option.port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	bench_check(fd >= 0);
	bench_check(connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

static void want(struct connection *c, int how, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = c };

	bench_check(epoll_ctl(epoll, how, c->fd, &ev) == 0);
}

static void send_more(struct connection *c)
{
	while (c->unsent) {
		size_t len = c->unsent < CHUNK ? (size_t)c->unsent : CHUNK;
		ssize_t n = send(c->fd, payload + c->sent, len, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0) {
			bench_check(errno == EAGAIN);
			if (!c->waits_to_send)
				want(c, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
			c->waits_to_send = true;
			return;
		}
		c->unsent -= (uint64_t)n;
		c->sent = (uint32_t)(c->sent + (size_t)n) % (uint32_t)option.bytes;
	}
	if (c->waits_to_send)
		want(c, EPOLL_CTL_MOD, EPOLLIN);
	c->waits_to_send = false;
}

static long receive(struct connection *c)
{
	ssize_t n = recv(c->fd, received, CHUNK, MSG_DONTWAIT);
	long messages;
	int64_t now;

	if (n < 0 && errno == EAGAIN)
		return 0;
	bench_check(n > 0);
	if (verify)
		bench_check(!memcmp(received, payload + c->got, (size_t)n));
	now = bench_now();
	messages = (c->got + n) / option.bytes;
	c->got = (uint32_t)(c->got + n) % (uint32_t)option.bytes;
	for (long i = 0; i < messages; i++) {
		histogram_add(&latency, now - c->since[c->oldest]);
		c->since[c->oldest] = now;
		c->oldest = (c->oldest + 1) % (uint32_t)option.depth;
	}
	c->unsent += (uint64_t)messages * (uint64_t)option.bytes;
	return messages;
}

static void begin_echo(void)
{
	size_t len = (size_t)option.bytes + CHUNK;

	all = calloc((size_t)option.connections, sizeof(*all));
	payload = malloc(len);
	received = malloc(CHUNK);
	bench_check(all && payload && received);
	for (size_t i = 0; i < len; i++)
		payload[i] = (char)(i % (size_t)option.bytes * 7);
	for (int i = 0; i < option.connections; i++) {
		struct connection *c = &all[i];

		c->fd = connect_to_server();
		c->since = malloc((size_t)option.depth * sizeof(*c->since));
		bench_check(c->since);
		want(c, EPOLL_CTL_ADD, EPOLLIN);
	}
	for (int i = 0; i < option.connections; i++) {
		for (int j = 0; j < option.depth; j++)
			all[i].since[j] = bench_now();
		all[i].unsent = (uint64_t)option.depth * (uint64_t)option.bytes;
		send_more(&all[i]);
	}
}

/* One look at the connections: how many messages have come back. */
static long turn_echo(void)
{
	struct epoll_event ev[EVENTS];
	int n = epoll_wait(epoll, ev, EVENTS, 5000);
	long messages = 0;

	bench_check(n > 0);
	for (int i = 0; i < n; i++) {
		struct connection *c = ev[i].data.ptr;

		messages += receive(c);
		send_more(c);
	}
	return messages;
}

/* A reset: no TIME_WAIT, so that the next sample finds its ports. */
static void end_echo(void)
{
	struct linger reset = { .l_onoff = 1 };

	for (int i = 0; i < option.connections; i++) {
		setsockopt(all[i].fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		close(all[i].fd);
	}
}

static void connect_anew(struct connection *c)
{
	c->since[0] = bench_now();
	c->fd = connect_to_server();
	bench_check(send(c->fd, payload, 1, MSG_NOSIGNAL) == 1);
	want(c, EPOLL_CTL_ADD, EPOLLIN);
}

static void begin_accept(void)
{
	option.bytes = option.depth = 1;
	all = calloc((size_t)option.connections, sizeof(*all));
	payload = calloc(1, 1);
	bench_check(all && payload);
	for (int i = 0; i < option.connections; i++) {
		all[i].since = malloc(sizeof(*all[i].since));
		bench_check(all[i].since);
		connect_anew(&all[i]);
	}
}

/* The echo of the byte, then the end of the stream: only then has the server done all its work. */
static long turn_accept(void)
{
	struct epoll_event ev[EVENTS];
	int n = epoll_wait(epoll, ev, EVENTS, 5000);
	long ended = 0;

	bench_check(n > 0);
	for (int i = 0; i < n; i++) {
		struct connection *c = ev[i].data.ptr;
		char byte;
		ssize_t got = recv(c->fd, &byte, 1, MSG_DONTWAIT);

		bench_check(got >= 0);
		if (got) {
			shutdown(c->fd, SHUT_WR);
			continue;
		}
		close(c->fd);
		histogram_add(&latency, bench_now() - c->since[0]);
		ended++;
		connect_anew(c);
	}
	return ended;
}

static int64_t own_cpu(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static void run(long (*turn)(void))
{
	int64_t begin = bench_now(), end, cpu, own, calls, instructions;
	long messages = 0;
	double n;

	while (bench_now() - begin < option.ms * INT64_C(200000) ||
		messages < 3L * option.connections)
		messages += turn();
	messages = 0;
	verify = false;
	latency = (struct histogram){ 0 };
	cpu = watch_cpu(&watch);
	own = own_cpu();
	calls = watch_sum(&watch, watch.calls);
	instructions = watch_sum(&watch, watch.instructions);
	begin = bench_now();
	do
		messages += turn();
	while ((end = bench_now()) - begin < option.ms * INT64_C(1000000));
	n = messages > 0 ? (double)messages : 1;
	bench_print("cpu", (double)(watch_cpu(&watch) - cpu) / n);
	bench_print("load", (double)(own_cpu() - own) / (double)(end - begin) * 100);
	bench_print("rate", (double)messages * 1e9 / (double)(end - begin));
	bench_print("p50", histogram_quantile(&latency, 0.5) / 1000);
	bench_print("p99", histogram_quantile(&latency, 0.99) / 1000);
	bench_print("p99.9", histogram_quantile(&latency, 0.999) / 1000);
	if (calls >= 0)
		bench_print("calls", (double)(watch_sum(&watch, watch.calls) - calls) / n);
	if (instructions >= 0)
		bench_print("instructions",
			(double)(watch_sum(&watch, watch.instructions) - instructions) / n);
}

/* What the connections have added to the server's memory, once each has had its message. */
static void idle(void)
{
	int64_t tables, rss, tables_before, rss_before = watch_memory(&watch, &tables_before);
	long messages = 0;

	begin_echo();
	while (messages < option.connections) {
		struct epoll_event ev[EVENTS];
		int n = epoll_wait(epoll, ev, EVENTS, 5000);

		bench_check(n > 0);
		for (int i = 0; i < n; i++)
			messages += receive(ev[i].data.ptr);
	}
	usleep(100 * 1000); /* the server may have things to put away */
	rss = watch_memory(&watch, &tables) - rss_before;
	bench_print("rss", (double)rss / option.connections);
	bench_print("total", (double)(rss + tables - tables_before) / option.connections);
}

static void options(int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "p:s:c:b:d:t:n:kai")) != -1)
		switch (c) {
		case 'p':
			option.port = atoi(optarg);
			break;
		case 's':
			option.server = atoi(optarg);
			break;
		case 'c':
			option.connections = atoi(optarg);
			break;
		case 'b':
			option.bytes = atoi(optarg);
			break;
		case 'd':
			option.depth = atoi(optarg);
			break;
		case 't':
			option.ms = atoi(optarg);
			break;
		case 'n':
			option.messages = atol(optarg);
			break;
		case 'k':
			option.count = true;
			break;
		case 'a':
			option.accept = true;
			break;
		case 'i':
			option.idle = true;
			break;
		default:
			exit(2);
		}
	bench_check(option.port > 0 && option.connections > 0 && option.bytes > 0);
	bench_check(option.depth > 0 && option.ms > 0);
}

int main(int argc, char **argv)
{
	long messages = 0;

	options(argc, argv);
	watch_begin(&watch, option.server, option.count);
	epoll = epoll_create1(EPOLL_CLOEXEC);
	bench_check(epoll >= 0);
	if (option.idle) {
		idle();
		end_echo();
		return 0;
	}
	if (option.accept)
		begin_accept();
	else
		begin_echo();
	if (option.messages)
		while (messages < option.messages)
			messages += option.accept ? turn_accept() : turn_echo();
	else
		run(option.accept ? turn_accept : turn_echo);
	end_echo();
	return 0;
}
