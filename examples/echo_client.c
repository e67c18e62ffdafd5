/* SPDX-License-Identifier: MIT */
/*
 * echo_client.c - a load for an echo server: so many connections, each of which sends a message and
 * waits until it is back, for a while; then the rate, and how long a message took.
 *
 *	echo_client PORT [CONNECTIONS [SECONDS [BYTES]]]
 */
#include <awl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS 200000 /* of a microsecond; what took longer is in the last */

static struct {
	awl_loop *loop;
	int port, connections;
	size_t bytes;
	int64_t ns, until;
	uint64_t messages;
	uint32_t took[SLOTS];
} load;

static void note(int64_t ns)
{
	int64_t us = ns / AWL_US;

	load.took[us < SLOTS ? us : SLOTS - 1]++;
	load.messages++;
}

static int talk(awl_stream *s, char *message, char *answer)
{
	int64_t now = awl_loop_time(load.loop), began;
	int r = 0;

	while (r == 0 && now < load.until) {
		began = now;
		r = awl_stream_write_all(s, message, load.bytes, NULL);
		if (r == 0)
			r = awl_stream_readexactly(s, answer, load.bytes, NULL);
		if (r == 0 && memcmp(message, answer, load.bytes) != 0)
			r = -EBADMSG;
		now = awl_loop_time(load.loop);
		if (r == 0)
			note(now - began);
		message[0]++; /* so that no answer is mistaken for the next */
	}
	return r;
}

static int client(void *arg)
{
	char *message = calloc(2, load.bytes);
	awl_stream *s;
	int r = message ? awl_open_connection("127.0.0.1", load.port, &s) : -ENOMEM;

	(void)arg;
	if (r == 0) {
		r = talk(s, message, message + load.bytes);
		awl_stream_close(s);
		awl_stream_unref(s);
	}
	free(message);
	return r;
}

/* In microseconds: so much of all messages took no longer. */
static int percentile(double share)
{
	uint64_t seen = 0;
	int us = 0;

	while (us < SLOTS - 1 && (double)(seen += load.took[us]) < share * (double)load.messages)
		us++;
	return us;
}

static int run(void *arg)
{
	awl_task_group g;
	int64_t began;
	int r = 0;

	(void)arg;
	awl_get_running_loop(&load.loop);
	began = awl_loop_time(load.loop);
	load.until = began + load.ns;
	awl_task_group_enter(&g);
	for (int i = 0; i < load.connections && r == 0; i++)
		r = awl_task_group_create_task(&g, client, NULL, NULL);
	r = awl_task_group_exit(&g, r);
	if (r < 0 || !load.messages) {
		fprintf(stderr, "%s: %s\n", awl_strerror(r), awl_error_detail(r));
		return r < 0 ? r : -ENODATA;
	}
	printf("%d connections, %zu bytes: %.0f messages a second, half within %d us, 99 %% within "
	       "%d us\n",
		load.connections, load.bytes,
		(double)load.messages * AWL_SEC / (double)(awl_loop_time(load.loop) - began),
		percentile(0.5), percentile(0.99));
	return 0;
}

static int number(int argc, char **argv, int i, int otherwise)
{
	int n = argc > i ? atoi(argv[i]) : otherwise;

	return n > 0 ? n : otherwise;
}

int main(int argc, char **argv)
{
	load.port = number(argc, argv, 1, 7777);
	load.connections = number(argc, argv, 2, 50);
	load.ns = number(argc, argv, 3, 2) * AWL_SEC;
	load.bytes = (size_t)number(argc, argv, 4, 64);
	return awl_run(run, NULL) < 0;
}
