/* SPDX-License-Identifier: MIT */
/*
 * libuv's echo server: a read callback with one buffer for all, uv_try_write first, since that is
 * what costs least, and uv_write of a copy for what it does not take.
 */
#include "server.h"

#include <uv.h>

struct rest {
	uv_write_t request;
	char data[];
};

static uv_loop_t loop;
static char *buffer;
static size_t buffer_len;

static void lend(uv_handle_t *h, size_t suggested, uv_buf_t *buf)
{
	(void)h;
	(void)suggested;
	*buf = uv_buf_init(buffer, (unsigned)buffer_len);
}

static void closed(uv_handle_t *h)
{
	free(h);
}

static void end(uv_stream_t *s)
{
	if (!uv_is_closing((uv_handle_t *)s))
		uv_close((uv_handle_t *)s, closed);
}

static void received(uv_stream_t *s, ssize_t n, const uv_buf_t *buf);

static void written(uv_write_t *request, int status)
{
	uv_stream_t *s = request->handle;

	free(request->data);
	if (status < 0)
		end(s);
	else
		uv_read_start(s, lend, received);
}

static void received(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
	uv_buf_t all = uv_buf_init(buf->base, n > 0 ? (unsigned)n : 0);
	struct rest *rest;
	int taken;

	if (n == 0)
		return;
	taken = n > 0 ? uv_try_write(s, &all, 1) : (int)n;
	if (taken < 0 && taken != UV_EAGAIN) {
		end(s);
		return;
	}
	if (taken == n)
		return;
	taken = taken > 0 ? taken : 0;
	all.len = (size_t)(n - taken);
	bench_check((rest = malloc(sizeof(*rest) + all.len)));
	memcpy(rest->data, buf->base + taken, all.len);
	all.base = rest->data;
	rest->request.data = rest;
	uv_read_stop(s);
	if (uv_write(&rest->request, s, &all, 1, written) < 0) {
		free(rest);
		end(s);
	}
}

static void connected(uv_stream_t *listener, int status)
{
	uv_tcp_t *tcp;

	if (status < 0)
		return;
	bench_check((tcp = malloc(sizeof(*tcp))));
	uv_tcp_init(&loop, tcp);
	bench_check(uv_accept(listener, (uv_stream_t *)tcp) == 0);
	uv_tcp_nodelay(tcp, 1);
	uv_read_start((uv_stream_t *)tcp, lend, received);
}

int main(int argc, char **argv)
{
	struct sockaddr_in addr;
	int len = sizeof(addr);
	uv_tcp_t listener;

	buffer_len = server_buffer(argc, argv);
	bench_check((buffer = malloc(buffer_len)));
	uv_loop_init(&loop);
	uv_tcp_init(&loop, &listener);
	uv_ip4_addr("127.0.0.1", 0, &addr);
	bench_check(uv_tcp_bind(&listener, (struct sockaddr *)&addr, 0) == 0);
	bench_check(uv_listen((uv_stream_t *)&listener, 4096, connected) == 0);
	bench_check(uv_tcp_getsockname(&listener, (struct sockaddr *)&addr, &len) == 0);
	server_say_port(ntohs(addr.sin_port));
	return uv_run(&loop, UV_RUN_DEFAULT);
}
