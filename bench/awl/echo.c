/* SPDX-License-Identifier: MIT */
/*
 * echo - awl's echo server, a task a connection: `echo BUFFER FORM`. "read" reads into a buffer on
 * the task's own stack; "peek" sends from where the stream has the bytes, so that a connection that
 * waits has no buffer at all. The reactor is AWL_REACTOR's.
 */
#include "server.h"

#include <awl.h>
#include <awl/server.h>

static size_t buffer_len;

static int echo_read(awl_stream *s, void *arg)
{
	char buffer[buffer_len];
	int n;

	(void)arg;
	while ((n = awl_stream_read(s, buffer, buffer_len)) > 0)
		if ((n = awl_stream_write_all(s, buffer, (size_t)n, NULL)) < 0)
			break;
	return n;
}

static int echo_peek(awl_stream *s, void *arg)
{
	const void *data;
	int n, r;

	(void)arg;
	while ((n = awl_stream_peek(s, &data)) > 0) {
		if ((r = awl_stream_write_all(s, data, (size_t)n, NULL)) < 0)
			return r;
		if ((r = awl_stream_consume(s, (size_t)n)) < 0)
			return r;
	}
	return n;
}

static int serve(void *arg)
{
	const char *host = "127.0.0.1";
	awl_server_options options = { .hosts = &host, .host_count = 1, .backlog = 4096 };
	awl_server *server;
	int r = awl_start_server_with(&options, arg ? echo_peek : echo_read, NULL, &server);

	if (r < 0)
		return r;
	server_say_port(awl_server_port(server));
	r = awl_server_serve_forever(server);
	awl_server_unref(server);
	return r;
}

int main(int argc, char **argv)
{
	buffer_len = server_buffer(argc, argv);
	return awl_run(serve, argc > 2 && !strcmp(argv[2], "peek") ? argv : NULL) != 0;
}
