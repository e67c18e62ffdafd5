/* SPDX-License-Identifier: MIT */
/*
 * prog_activated.c - a service as test_activation.c, its manager, starts it: it serves at the
 * sockets it was handed, says that it is ready, and ends when a client says "quit".
 */
#include <awl.h>

#include <string.h>

static int serve(awl_stream *s, void *arg)
{
	const char *line;
	int n;

	while ((n = awl_stream_readline(s, &line)) > 0) {
		if (strncmp(line, "quit\n", (size_t)n) == 0)
			return awl_server_close(*(awl_server **)arg);
		n = awl_stream_write_all(s, line, (size_t)n, NULL);
		if (n < 0)
			break;
	}
	return n;
}

static int service(void *arg)
{
	const char *name = arg;
	int fds[8], r;
	awl_server_options o = { .fds = fds };
	awl_server *server;

	o.fd_count = awl_listen_fds(name, fds, 8);
	r = awl_start_server_with(&o, serve, &server, &server);
	if (r < 0)
		return r;
	r = awl_notify("READY=1\nSTATUS=serving");
	if (r == 1)
		r = awl_server_serve_forever(server);
	awl_server_unref(server);
	return r;
}

int main(int argc, char **argv)
{
	return awl_run(service, argc > 1 ? argv[1] : NULL) == 0 ? 0 : 1;
}
