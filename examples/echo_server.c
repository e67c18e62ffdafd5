/* SPDX-License-Identifier: MIT */
/*
 * echo_server.c - what comes in goes out again, for any number of clients: echo_server PORT, 0 for
 * one that the system chooses, or a path, or an abstract name like @echo. Ctrl-C ends it.
 *
 * A task a connection, written as if it were alone. While it waits it has no buffer: what has come
 * is looked at where it is, and so an idle connection costs hardly more than its stack.
 */
#include <awl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int echo(awl_stream *s, void *arg)
{
	const void *data;
	int n, r;

	(void)arg;
	while ((n = awl_stream_peek(s, &data)) > 0) {
		r = awl_stream_write_all(s, data, (size_t)n, NULL);
		if (r == 0)
			r = awl_stream_consume(s, (size_t)n);
		if (r < 0)
			return r;
	}
	return n; /* 0 at the end of the stream */
}

static int serve(void *arg)
{
	const char *where = arg;
	int is_path = strpbrk(where, "/@") != NULL;
	awl_server *server;
	int r = is_path ? awl_start_unix_server(echo, NULL, where, &server)
			: awl_start_server(echo, NULL, "127.0.0.1", atoi(where), &server);

	if (r < 0) {
		fprintf(stderr, "%s: %s\n", where, awl_error_detail(r));
		return r;
	}
	if (is_path)
		printf("listening on %s\n", where);
	else
		printf("listening on 127.0.0.1 %d\n", awl_server_port(server));
	fflush(stdout);
	r = awl_server_serve_forever(server);
	awl_server_unref(server);
	return r;
}

int main(int argc, char **argv)
{
	awl_runner runner = { .shutdown_timeout = AWL_SEC };
	int r = awl_runner_run(&runner, serve, argc > 1 ? argv[1] : "7777");

	return awl_runner_close(&runner) < 0 || (r < 0 && r != -EINTR);
}
