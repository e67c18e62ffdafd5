/* SPDX-License-Identifier: MIT */
/*
 * stream - what the stream layer costs: ns of an awl_stream_read of 64 bytes that are there, over a
 * bare recv of the same, and over awl_sock_recv. The ways take turns of 100 reads on connections
 * of their own, so that a drift of the machine meets them alike.
 */
#include "server.h"

#include <awl.h>
#include <awl/socket.h>
#include <awl/stream.h>

#define BYTES 64
#define TURN 100

static awl_stream *stream;

/* Both ends of a connection. */
static void connect_pair(int pair[2])
{
	struct sockaddr_in addr = { .sin_family = AF_INET };
	socklen_t len = sizeof(addr);
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	bench_check(bind(listener, (struct sockaddr *)&addr, len) == 0);
	bench_check(listen(listener, 1) == 0);
	bench_check(getsockname(listener, (struct sockaddr *)&addr, &len) == 0);
	pair[1] = socket(AF_INET, SOCK_STREAM, 0);
	bench_check(connect(pair[1], (struct sockaddr *)&addr, len) == 0);
	pair[0] = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
	bench_check(pair[0] >= 0);
	close(listener);
}

static void fill(int to)
{
	char data[BYTES * TURN] = { 0 };

	bench_check(send(to, data, sizeof(data), 0) == (ssize_t)sizeof(data));
}

static int64_t by_stream(void)
{
	int64_t begin = bench_now();
	char data[BYTES];

	for (int i = 0; i < TURN; i++)
		bench_check(awl_stream_read(stream, data, BYTES) == BYTES);
	return bench_now() - begin;
}

static int64_t by_sock(int from)
{
	int64_t begin = bench_now();
	char data[BYTES];

	for (int i = 0; i < TURN; i++)
		bench_check(awl_sock_recv(from, data, BYTES, 0) == BYTES);
	return bench_now() - begin;
}

static int64_t by_recv(int from)
{
	int64_t begin = bench_now();
	char data[BYTES];

	for (int i = 0; i < TURN; i++)
		bench_check(recv(from, data, BYTES, 0) == BYTES);
	return bench_now() - begin;
}

static int bench(void *arg)
{
	long turns = bench_count(arg) / TURN;
	int64_t stream_ns = 0, sock_ns = 0, recv_ns = 0;
	int ends[2], bare[2];

	connect_pair(ends);
	connect_pair(bare);
	bench_check(awl_stream_open(ends[0], &stream) == 0);
	for (long i = -turns / 10; i < turns; i++) {
		int64_t ns[3];

		fill(ends[1]);
		ns[0] = by_stream();
		fill(bare[1]);
		ns[1] = by_sock(bare[0]);
		fill(bare[1]);
		ns[2] = by_recv(bare[0]);
		if (i < 0)
			continue;
		stream_ns += ns[0];
		sock_ns += ns[1];
		recv_ns += ns[2];
	}
	turns *= TURN;
	bench_print("stream-recv", (double)(stream_ns - recv_ns) / (double)turns);
	bench_print("stream-read", (double)(stream_ns - sock_ns) / (double)turns);
	fflush(stdout);
	_Exit(0);
}

int main(int argc, char **argv)
{
	bench_row(argc, argv);
	return awl_run(bench, argv) != 0;
}
